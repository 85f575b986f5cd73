"""What became of the promises: a table to read, and a file for machines."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

import pytest

from .promises import PROPERTY

WORST = ("broken", "kept", "skipped")


class Report:
    """Collects the outcomes of a run, from whichever process.

    Args:
        path: Where the JSON goes; None for nowhere.
    """

    def __init__(self, path: str | None) -> None:
        self._path = None if path is None else Path(path).absolute()
        self._outcomes: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in what a test said of its promise."""
        if report.when == "call":
            self._outcomes += [json.loads(str(value)) for name, value in report.user_properties if name == PROPERTY]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the file."""
        if self._path is not None:
            self._path.write_text(json.dumps(self.as_json(), indent=2, ensure_ascii=False) + "\n", "utf-8")

    def as_json(self) -> dict[str, Any]:
        """Return everything, by provider."""
        names = list(dict.fromkeys(outcome["provider"] for outcome in self._outcomes))
        core = _version("pepperpy-core")
        return {"schema": 1, "core_version": core, "providers": [self._provider(name, core) for name in names]}

    def _provider(self, name: str, core: str | None) -> dict[str, Any]:
        outcomes = [outcome for outcome in self._outcomes if outcome["provider"] == name]
        distribution, version = _distribution(name)
        promises = [
            {
                "name": one["promise"],
                **{field: one[field] for field in ("outcome", "seen", "reason", "docs", "duration")},
            }
            for one in outcomes
        ]
        return {
            "provider": name,
            "distribution": distribution,
            "version": version,
            "core_version": core,
            "outcome": "broken" if any(one["outcome"] == "broken" for one in outcomes) else "kept",
            **{word: sum(one["outcome"] == word for one in outcomes) for word in WORST},
            "promises": promises,
        }

    def show(self, terminal: Any) -> None:
        """Write the table."""
        for found in self.as_json()["providers"]:
            terminal.section(_title(found))
            groups: dict[str, list[dict[str, Any]]] = {}
            for one in found["promises"]:
                groups.setdefault(one["name"].partition(".")[0], []).append(one)
            for group, promises in groups.items():
                count = {word: sum(one["outcome"] == word for one in promises) for word in WORST}
                said = ", ".join(f"{count[word]} {word}" for word in ("kept", "broken", "skipped") if count[word])
                terminal.line(f"{group:<15}{said}", red=bool(count["broken"]), green=not count["broken"])
            reasons: dict[str, list[str]] = {}
            for one in found["promises"]:
                if one["outcome"] == "broken":
                    terminal.line(f"broken   {one['name']}: {str(one['seen'])[:300]}", red=True)
                    terminal.line(f"         {one['docs']}")
                elif one["outcome"] == "skipped":
                    reasons.setdefault(str(one["reason"]), []).append(one["name"])
            for reason, names in reasons.items():
                terminal.line(f"skipped  {len(names)} ({names[0]}{', ...' if len(names) > 1 else ''}): {reason}")
        if self._path is not None:
            terminal.line(f"written to {self._path}")


def _title(found: dict[str, Any]) -> str:
    owner = f"{found['distribution']} {found['version']}" if found["distribution"] else "registered in this process"
    return f"{found['provider']} ({owner}): {found['kept']} kept, {found['broken']} broken, {found['skipped']} skipped"


def _distribution(name: str) -> tuple[str | None, str | None]:
    for point in importlib.metadata.entry_points(group="pepperpy.providers", name=name):
        if point.dist is not None:
            return point.dist.name, point.dist.version
    return None, None


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
