"""Find the entry points of installed distributions by a look along the path, as importlib.metadata does it.

That is dearer to import than all of core, and to ask it costs a view of every distribution.
"""

# A Path for each file would double what the look costs.
# ruff: noqa: PTH118, PTH123, PTH208

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import Distribution

SUFFIXES = (".dist-info", ".egg-info")


class InstalledEntryPoint:
    """An entry point; what core needs of `importlib.metadata.EntryPoint`, under the same names.

    Args:
        name: Its name.
        value: What it stands for: a module, or an attribute of one as "module:attribute".
        folder: The metadata of its distribution.
    """

    __slots__ = ("_folder", "name", "value")

    def __init__(self, name: str, value: str, folder: str) -> None:
        self.name = name
        self.value = value
        self._folder = folder

    @property
    def dist(self) -> Distribution:
        """The distribution that it belongs to."""
        from importlib.metadata import Distribution

        return Distribution.at(self._folder)

    def load(self) -> Any:
        """Import the module and return it, or its attribute."""
        from importlib import import_module

        module, _, attribute = self.value.partition("[")[0].partition(":")
        found: Any = import_module(module.strip())
        for name in filter(None, attribute.strip().split(".")):
            found = getattr(found, name)
        return found


def entry_points_on_path(group: str) -> list[InstalledEntryPoint] | None:
    """Return the entry points of a group, or None where importlib.metadata may know more.

    Of several distributions with one name the first on the path counts.
    """
    # Who has loaded it may have changed what it finds, and it is cheap by then.
    if "importlib.metadata" in sys.modules or not _path_is_all_there_is():
        return None
    points: list[InstalledEntryPoint] = []
    seen: set[str] = set()
    for root in sys.path:
        try:
            children = os.listdir(root or ".")
        except NotADirectoryError:
            # An archive, which may hold distributions too.
            return None
        except OSError:
            continue
        for child in children:
            if child.lower().endswith(SUFFIXES):
                name = re.sub(r"[-_.]+", "_", child[: -len(SUFFIXES[0])].partition("-")[0]).lower()
                if name not in seen:
                    seen.add(name)
                    points += _read(os.path.join(root, child), group)
    return points


def _path_is_all_there_is() -> bool:
    """Tell whether no finder but Python's own could know distributions, and no egg is on the path."""
    finders = [finder for finder in sys.meta_path if hasattr(finder, "find_distributions")]
    return all(getattr(finder, "__name__", "") == "PathFinder" for finder in finders) and not any(
        root.lower().endswith(".egg") for root in sys.path
    )


def _read(folder: str, group: str) -> list[InstalledEntryPoint]:
    try:
        with open(os.path.join(folder, "entry_points.txt"), encoding="utf-8") as file:
            lines = [line.strip() for line in file]
    except (OSError, UnicodeDecodeError):
        # Most distributions have none, and one whose metadata is broken must not hide the others.
        return []
    points = []
    section = None
    for line in lines:
        if line.startswith("[") and line.endswith("]"):
            section = line.strip("[]")
        elif section == group and line and not line.startswith("#"):
            name, _, value = line.partition("=")
            points.append(InstalledEntryPoint(name.strip(), value.strip(), folder))
    return points
