"""Entry points are found along the path as importlib.metadata finds them, without loading it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pepperpy.providers import _installed
from pepperpy.providers._installed import InstalledEntryPoint, entry_points_on_path

GROUP = "pepperpy.providers"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A path of two empty folders, in a process that has not asked importlib.metadata for anything."""
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    path = [str(folder) for folder in folders]
    monkeypatch.setattr(sys, "path", path)
    monkeypatch.delitem(sys.modules, "importlib.metadata", raising=False)
    monkeypatch.setattr(sys, "meta_path", [finder for finder in sys.meta_path if isinstance(finder, type)])
    return path


def install(folder: str, name: str, text: str | bytes) -> None:
    """Write the metadata of a distribution."""
    metadata = Path(folder, name)
    metadata.mkdir()
    metadata.joinpath("entry_points.txt").write_bytes(text if isinstance(text, bytes) else text.encode())


def found() -> list[tuple[str, str]]:
    """Return names and values of what is found; there has to be an answer."""
    points = entry_points_on_path(GROUP)
    assert points is not None
    return sorted((point.name, point.value) for point in points)


def test_the_same_as_importlib_metadata() -> None:
    """In this environment both find the same, each in a process of its own."""
    ours = f"""
from pepperpy.providers._installed import entry_points_on_path
points = entry_points_on_path({GROUP!r})
import sys
assert "importlib.metadata" not in sys.modules
"""
    theirs = f"from importlib.metadata import entry_points\npoints = entry_points(group={GROUP!r})\n"
    show = "import json\nprint(json.dumps(sorted([point.name, point.value, point.dist.name] for point in points)))"
    answers = [
        json.loads(subprocess.run([sys.executable, "-c", code + show], capture_output=True, check=True).stdout)
        for code in (ours, theirs)
    ]

    assert answers[0] == answers[1]
    assert ["openai", "pepperpy_openai.plugin", "pepperpy-openai"] in answers[0]


def test_what_an_entry_points_file_may_hold(path: list[str]) -> None:
    """Other groups, comments, blank lines and spaces are passed over."""
    text = f"[console_scripts]\nx = y:z\n\n[{GROUP}]\n# a = b\n\n acme = acme.plugin \nother=other:a.b [extra]\n[more]\nc = d"
    install(path[0], "acme-1.0.dist-info", text)

    assert found() == [("acme", "acme.plugin"), ("other", "other:a.b [extra]")]


def test_the_first_on_the_path_counts(path: list[str]) -> None:
    """Of two distributions with one name, however it is spelt, the second is not imported and so not found."""
    install(path[0], "My_Llm-2.0.dist-info", f"[{GROUP}]\nmine = new")
    install(path[1], "my.llm-1.0.egg-info", f"[{GROUP}]\nmine = old\nold = old")
    install(path[1], "other-1.0.dist-info", f"[{GROUP}]\nother = other")

    assert found() == [("mine", "new"), ("other", "other")]


@pytest.mark.parametrize("text", [b"[pepperpy.providers]\n\xff = x", b"", b"no section"])
def test_broken_metadata_hides_nobody(path: list[str], text: bytes) -> None:
    """A distribution whose entry points cannot be read is passed over."""
    install(path[0], "broken-1.0.dist-info", text)
    Path(path[0], "empty-1.0.dist-info").mkdir()
    Path(path[0], "file.egg-info").write_text("")
    install(path[1], "other-1.0.dist-info", f"[{GROUP}]\nother = other")
    path.append(str(Path(path[0], "is not there")))

    assert found() == [("other", "other")]


def test_what_only_importlib_metadata_knows_is_left_to_it(path: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Archives, eggs, finders of others and a module that is loaded already are asked by way of importlib.metadata."""

    class Finder:
        def find_distributions(self) -> None: ...

    archive = Path(path[0], "archive.zip")
    archive.write_bytes(b"")
    with monkeypatch.context() as context:
        context.setattr(sys, "path", [*path, str(archive)])
        assert entry_points_on_path(GROUP) is None
        context.setattr(sys, "path", [*path, "/some.egg"])
        assert entry_points_on_path(GROUP) is None
    with monkeypatch.context() as context:
        context.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
        assert entry_points_on_path(GROUP) is None
    monkeypatch.setitem(sys.modules, "importlib.metadata", _installed)

    assert entry_points_on_path(GROUP) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [("json", json), ("json:loads", json.loads), (" json : JSONDecoder.decode [x]", json.JSONDecoder.decode)],
)
def test_loading(value: str, expected: object) -> None:
    """A value is a module, or an attribute of one."""
    assert InstalledEntryPoint("name", value, "").load() is expected
