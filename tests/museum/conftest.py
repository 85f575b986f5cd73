"""Exhibits, installed as distributions that pip would have put there."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from pepperpy.providers import ProviderRegistry
from pepperpy.providers.engine import ProviderEngine

from .freeze import MUSEUM

Install: TypeAlias = Callable[..., None]


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> ProviderRegistry:
    """A registry of the test's own, over what is installed."""
    registry = ProviderRegistry()
    monkeypatch.setattr(ProviderEngine, "registry", registry)
    return registry


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs an exhibit: its module and its metadata, in a folder on the path."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def install(exhibit: str, *names: str, release: str = "release_1_0") -> None:
        module = f"museum_{exhibit}"
        shutil.copy(MUSEUM / release / f"{exhibit}.py", tmp_path / f"{module}.py")
        metadata = tmp_path / f"{module}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: museum-{exhibit}\nVersion: 1.0\n")
        points = "\n".join(f"{name} = {module}" for name in names)
        (metadata / "entry_points.txt").write_text(f"[pepperpy.providers]\n{points}\n")

    yield install
    for added in set(sys.modules) - before:
        if added.startswith("museum_"):
            del sys.modules[added]
