"""What a developer runs. `python -m nox` runs everything that CI does."""

from __future__ import annotations

import nox

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True

PROJECT = nox.project.load_toml("pyproject.toml")


def group(name: str) -> list[str]:
    """Return the requirements of a dependency group."""
    return list(nox.project.dependency_groups(PROJECT, name))


@nox.session
def tests(session: nox.Session) -> None:
    """The tests, pepperpy's contract among them."""
    # In one command with core: another project's 0.x has core's name on the index.
    session.install(".", *group("tests"))
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style and common mistakes."""
    session.install(*group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """What type checkers are promised."""
    session.install(".", *group("types"))
    session.run("mypy", "src", "tests")


@nox.session
def build(session: nox.Session) -> None:
    """The wheel and the source archive, in dist/."""
    session.install(*group("build"))
    session.run("python", "-m", "build")
