"""Exhibits stay as they were."""

from __future__ import annotations

import ast

import pytest

from .freeze import MUSEUM, changed, exhibits, frozen


def test_no_exhibit_was_edited() -> None:
    """Every exhibit is what it was when it was frozen, none is gone, and each is entered: see README.md."""
    assert changed() == []
    assert sorted(frozen()) == sorted(exhibits())


@pytest.mark.parametrize("exhibit", exhibits())
def test_each_says_what_it_was_written_for(exhibit: str) -> None:
    """The first line of an exhibit names the release and the interface, and says that it is frozen."""
    docstring = ast.get_docstring(ast.parse((MUSEUM / exhibit).read_text("utf-8"))) or ""
    release = exhibit.partition("/")[0].removeprefix("release_").replace("_", ".")

    assert docstring.startswith(f"Written for pepperpy-core {release}, interface ")
    assert "Frozen: it is never edited" in docstring
