"""Read what is installed from metadata alone, and get past metadata that is broken."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator
from typing import Any

import attrs


@attrs.frozen
class Found:
    """One distribution, as far as its metadata can be read.

    Attributes:
        name: Its name; None where the metadata has none.
        version: Its version; None where the metadata has none.
        points: Its entry points of the group that was asked for.
        requirements: What it requires, as written.
        problem: Why its entry points cannot be read; None where they can.
    """

    name: str | None
    version: str | None
    points: tuple[importlib.metadata.EntryPoint, ...] = ()
    requirements: tuple[str, ...] = ()
    problem: str | None = None


def discover(group: str) -> Iterator[Found]:
    """Yield every distribution once: of two with one name, the first on the path, which is the one that is imported."""
    seen = set()
    for distribution in _distributions():
        name, version = identify(distribution)
        key = re.sub(r"[-_.]+", "-", name or "").lower()
        if key and key in seen:
            continue
        seen.add(key)
        try:
            points = tuple(point for point in distribution.entry_points if point.group == group)
            problem = None
        except Exception as error:  # noqa: BLE001 -- whatever a stranger's metadata provokes
            points, problem = (), f"{type(error).__name__}: {error}"
        try:
            requirements = tuple(distribution.requires or ())
        except Exception:  # noqa: BLE001 -- as above; without them nothing is checked
            requirements = ()
        yield Found(name, version, points, requirements, problem)


def readable_entry_points(group: str) -> list[importlib.metadata.EntryPoint]:
    """Return the entry points of all distributions whose metadata can be read."""
    return [point for found in discover(group) for point in found.points]


def entry_point_at(name: str, value: str, group: str) -> importlib.metadata.EntryPoint:
    """Return the entry point with this name and value, of no distribution."""
    return importlib.metadata.EntryPoint(name, value, group)


def identify(distribution: importlib.metadata.Distribution | None) -> tuple[str | None, str | None]:
    """Return name and version of a distribution, None for what its metadata doesn't say; never raises."""
    try:
        metadata: Any = distribution.metadata if distribution else None
        # Not by index: that raises or warns where a field is missing, differently in each Python.
        fields = [metadata.get(field) if metadata else None for field in ("Name", "Version")]
    except Exception:  # noqa: BLE001 -- whatever a stranger's metadata provokes
        return None, None
    name, version = (str(field).strip() or None if field is not None else None for field in fields)
    return name, version


def _distributions() -> Iterator[importlib.metadata.Distribution]:
    """Yield what the finders yield, up to where one fails."""
    try:
        yield from importlib.metadata.distributions()
    except Exception:  # noqa: BLE001 -- a finder is anybody's code
        return
