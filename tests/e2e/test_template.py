"""What the template makes is a distribution that is whole: built, installed beside core's wheel, it keeps the contract."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from .environments import Environment, build_wheels

copier = pytest.importorskip("copier", reason="no copier here: nox -s template brings it", exc_type=ImportError)

pytestmark = [
    pytest.mark.e2e,
    # copier's own, at its import and where it compiles what a template asks.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

ROOT = Path(__file__).parents[2]
KINDS = {"openai": {"embedding_model": "embed-1"}, "wire": {"embedding_model": "embed-1"}, "plain": {}}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as it is now, and not as it was committed."""
    folder = tmp_path_factory.mktemp("template")
    shutil.copy(ROOT / "copier.yml", folder)
    shutil.copytree(ROOT / "template", folder / "template", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A fresh environment with core's wheel and what its extra `testing` brings."""
    wheels = tmp_path_factory.mktemp("core")
    build_wheels(wheels, ROOT / "pepperpy-core")
    (core,) = wheels.iterdir()
    fresh = Environment.made(tmp_path_factory.mktemp("environment"))
    fresh.pip("install", f"{core}[testing]")
    return fresh


def make(template: Path, folder: Path, **answers: Any) -> Path:
    """Make a distribution as somebody does who gives these answers and takes what is proposed for the rest."""
    copier.run_copy(str(template), folder, data=answers, defaults=True, quiet=True)
    return folder


def run_tool(folder: Path, *arguments: str) -> None:
    """Run a tool of ours over a folder; what it complains of is what the test fails with."""
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(done.stdout + done.stderr, pytrace=False)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_made_keeps_the_contract(kind: str, template: Path, environment: Environment, tmp_path: Path) -> None:
    """Its wheel installs beside core's, the kit and its own tests pass, and so do mypy --strict and ruff."""
    name = f"acme-{kind}"
    project = make(template, tmp_path / "project", provider_name=name, kind=kind, author="Somebody", **KINDS[kind])
    build_wheels(tmp_path / "wheels", project)
    (wheel,) = (tmp_path / "wheels").iterdir()
    empty = tmp_path / "empty"
    empty.mkdir()
    environment.pip("install", "--no-index", str(wheel))
    kit = environment.start_pytest(empty, "--pepperpy-provider", name)
    own = environment.start_pytest(project)
    try:
        run_tool(project, "ruff", "check", "--no-cache", ".")
        run_tool(project, "ruff", "format", "--no-cache", "--check", ".")
        run_tool(
            project, "mypy", f"--python-executable={environment.python}", f"--cache-dir={tmp_path}", "src", "tests"
        )
        said = [process.communicate(timeout=180)[0] for process in (kit, own)]
    finally:
        for process in (kit, own):
            process.kill()
            process.wait()
        environment.pip("uninstall", "--yes", f"pepperpy-{name}")

    assert (kit.returncode, own.returncode) == (0, 0), "\n".join(said)
    # More than a handful, so that nobody takes a run in which all is skipped for a good one.
    assert all(int(re.findall(r"(\d+) passed", text)[-1]) > 15 for text in said)


@pytest.mark.parametrize("kind", KINDS)
def test_ruff_takes_whatever_was_answered(kind: str, template: Path, tmp_path: Path) -> None:
    """No combination of answers makes lines that ruff would write otherwise, or files that cannot be read."""
    names = ["a", "a.b-c_d", "9lives", "a-name-as-long-as-a-provider-s-may-be-xx"]
    answers = itertools.product(["", "embed-1"], ["", "ACME_KEY"], [("MIT", 'O\'Brien "Ü" 🌶'), ("none", "")])
    for place, (embedding_model, key_variable, (licence, author)) in enumerate(answers):
        name = names[place % len(names)]
        project = make(
            template,
            tmp_path / str(place),
            provider_name=name,
            kind=kind,
            embedding_model=embedding_model,
            key_variable=key_variable,
            licence=licence,
            author=author,
        )
        metadata = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))

        assert list(metadata["project"]["entry-points"]["pepperpy.providers"]) == [name]
        assert metadata["project"].get("authors") == ([{"name": author}] if author else None)
        assert (project / "LICENSE").exists() == (licence == "MIT")
        assert not [path for path in project.rglob("*") if "{" in path.name or path.suffix == ".jinja"]
    run_tool(tmp_path, "ruff", "check", "--no-cache", ".")
    run_tool(tmp_path, "ruff", "format", "--no-cache", "--check", ".")


@pytest.mark.parametrize(
    ("question", "answer", "words"),
    [
        ("provider_name", "", "such as acme"),
        ("provider_name", "Acme", "lower-case"),
        ("provider_name", "acme-", "lower-case"),
        ("provider_name", "../acme", "lower-case"),
        ("provider_name", "acme\nx", "lower-case"),
        ("provider_name", "a" * 41, "at most 40"),
        ("provider_name", "openai", "pepperpy-openai has this name already"),
        ("provider_name", "core", "pepperpy's own"),
        ("title", 'The "Acme"', "without quotation marks"),
        ("title", " ", "needs a name"),
        ("distribution", "pepperpy acme", "such as pepperpy-acme"),
        ("distribution", "Pepperpy_Core", "pepperpy's own"),
        ("kind", "grpc", "Invalid choice"),
        ("base_url", "api.acme.example", "http:// or https://"),
        ("base_url", "https://user:secret@api.acme.example/v1", "without user name"),
        ("base_url", "https://api.acme.example/v1?key=1", "query"),
        ("base_url", 'https://api.acme.example/"', "http:// or https://"),
        ("default_model", 'acme "1"', "without blanks"),
        ("embedding_model", "embed 1", "blank for none"),
        ("key_variable", "acme-key", "such as ACME_API_KEY"),
        ("key_variable", "PEPPERPY_PROVIDER_ACME_API_KEY", "looked up anyhow"),
        ("author", "Some\nbody", "one line"),
    ],
)
def test_a_wrong_answer_is_refused_in_words(
    question: str, answer: str, words: str, template: Path, tmp_path: Path
) -> None:
    """What would make a distribution that does not work is refused, saying what is wanted, and nothing is written."""
    with pytest.raises(ValueError, match=re.escape(words)):
        make(template, tmp_path / "project", **{"provider_name": "acme", question: answer})

    assert not list((tmp_path / "project").glob("*"))


def test_nothing_of_the_template_runs(template: Path) -> None:
    """The template has no tasks, migrations or extensions, so that nobody has to trust it."""
    text = (template / "copier.yml").read_text("utf-8")

    assert not re.search(r"^_(tasks|migrations|jinja_extensions)", text, re.MULTILINE)


@pytest.mark.skipif(shutil.which("git") is None, reason="no git here, which copier updates by")
def test_a_newer_template_is_taken_over(template: Path, tmp_path: Path) -> None:
    """`copier update` asks nothing again, takes over what is new, and leaves what its owner wrote."""
    source = tmp_path / "source"
    shutil.copytree(template, source)
    commit(source, "v1.0.0")
    project = make(source, tmp_path / "project", provider_name="acme", kind="wire", title="Acme AI")
    (project / "CHANGELOG.md").write_text("What its owner wrote.\n")
    commit(project, "mine")
    with (source / "template" / "README.md.jinja").open("a") as readme:
        readme.write("\nNew of {{ title }}.\n")
    commit(source, "v1.1.0")
    copier.run_update(project, defaults=True, overwrite=True, quiet=True)

    assert (project / "README.md").read_text("utf-8").endswith("New of Acme AI.\n")
    assert (project / "CHANGELOG.md").read_text() == "What its owner wrote.\n"
    assert (project / "src" / "pepperpy_acme" / "dialect.py").exists()


def commit(folder: Path, tag: str) -> None:
    """Commit all of a folder under a tag."""
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-q", "-m", tag], ["tag", tag]):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
