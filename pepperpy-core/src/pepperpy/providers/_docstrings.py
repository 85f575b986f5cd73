"""What docstrings say of a class or function and of its parts: Google's, numpy's and Sphinx's manner."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import attrs

_PARTS = {"args", "arguments", "parameters", "params", "attributes", "keyword args", "keyword arguments", "fields"}
_SECTION = re.compile(r"^([A-Z][A-Za-z ]*):\s*$")
_ENTRY = re.compile(r"^\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")
_SPHINX = re.compile(r"^:(?:param|parameter|arg|argument|ivar|cvar|var|attribute|key)\s+(?:[^:]*\s)?(\w+)\s*:\s*(.*)$")
_SPHINX_FIELD = re.compile(r"^:\w+[^:]*:")
_NUMPY_ENTRY = re.compile(r"^(\w+)\s*(?::.*)?$")


@attrs.frozen
class Docstring:
    """A docstring, taken apart.

    Attributes:
        text: What stands before the first section.
        parts: What is said of each parameter or attribute, by name.
    """

    text: str
    parts: dict[str, str]

    @property
    def summary(self) -> str:
        """The first paragraph, on one line."""
        return " ".join(self.text.split("\n\n")[0].split())


def read_docstring(docstring: str | None) -> Docstring:
    """Take a docstring apart; one of another manner is all text."""
    lines = inspect.cleandoc(docstring or "").splitlines()
    begin = next((place for place in range(len(lines)) if _begins_section(lines, place)), len(lines))
    return Docstring("\n".join(lines[:begin]).strip(), dict(_parts(lines, begin)))


def _begins_section(lines: list[str], place: int) -> bool:
    line = lines[place]
    return bool(_SPHINX_FIELD.match(line)) or _google(lines, place) or _numpy(lines, place)


def _google(lines: list[str], place: int) -> bool:
    behind = next((line for line in lines[place + 1 :] if line), "")
    return bool(_SECTION.match(lines[place])) and behind.startswith((" ", "\t"))


def _numpy(lines: list[str], place: int) -> bool:
    under = lines[place + 1].strip() if place + 1 < len(lines) else ""
    return bool(lines[place].strip()) and len(under) > 2 and set(under) == {"-"}


def _parts(lines: list[str], begin: int) -> Iterator[tuple[str, str]]:
    """Yield name and description of each entry of the sections that describe parts."""
    entry, name, said = None, "", list[str]()
    depth: int | None = None
    for place in range(begin, len(lines)):
        line = lines[place]
        indent = len(line) - len(line.lstrip())
        if line and indent == 0 and not (entry is _NUMPY_ENTRY and not _begins_section(lines, place)):
            if name:
                yield name, " ".join(said)
            entry, name, said, depth = None, "", [], None
            if found := _SPHINX.match(line):
                name, said = found[1], [found[2]]
            elif _google(lines, place) and line.strip(": \t").lower() in _PARTS:
                entry = _ENTRY
            elif _numpy(lines, place) and line.strip().lower() in _PARTS:
                entry = _NUMPY_ENTRY
            continue
        if entry is not None and line and set(line.strip()) != {"-"}:
            depth = indent if depth is None else depth
            if indent <= depth and (found := entry.match(line.strip())):
                if name:
                    yield name, " ".join(said)
                name, said = found[1], [found[2]] if entry is _ENTRY else []
                continue
        if name and line:
            said.append(line.strip())
    if name:
        yield name, " ".join(said)
