"""What the sources must not hold: ways for data to become code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The kit for plugin authors pickles errors, to see what is in them, and loads wires by name; no application imports it.
KIT = ROOT / "pepperpy-core/src/pepperpy/providers/testing"
SOURCES = sorted(path for path in ROOT.glob("pepperpy-*/src/**/*.py") if not path.is_relative_to(KIT))
CALLS = {"__import__", "compile", "eval", "exec"}
MODULES = {"dill", "marshal", "pickle", "runpy", "shelve", "xmlrpc"}


def dangers(source: str) -> list[str]:
    """Return the calls and imports that turn data into code."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
            found.append(node.func.id)
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.partition(".")[0] in MODULES]
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in MODULES:
            found.append(node.module or "")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_data_becomes_code(path: Path) -> None:
    """Promise 50: no source unpickles, evaluates or executes."""
    assert dangers(path.read_text("utf-8")) == []


def test_the_search_finds_what_it_is_for() -> None:
    """The search sees each way, so that finding none means something."""
    assert dangers("import pickle\nfrom marshal import loads\neval('1')\nexec('1')") == [
        "pickle",
        "marshal",
        "eval",
        "exec",
    ]


def test_few_modules_import_by_name() -> None:
    """Promise 50: what is imported by a name at run time is our own names, an entry point, or a package's place."""
    users = {path.name for path in SOURCES if "importlib" in path.read_text("utf-8")}

    assert users == {"__init__.py", "_discovery.py", "_installed.py", "_registry.py", "model.py"}
