"""The kit finds faulty providers, each by the name of the promise that it breaks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .faulty_providers import FAULTS

HERE = Path(__file__).parent

TESTS = """
from faulty_providers import FAULTS, Right
from pepperpy.providers.engine import ProviderEngine
from pepperpy.providers.testing import OpenAIWire, ProviderContract

for name, (provider, promise) in FAULTS.items():
    ProviderEngine.register_provider(name, provider)
    others = {
        test: None
        for test in dir(ProviderContract)
        if test.startswith("test_") and getattr(ProviderContract, test).promise.name != promise
    }
    globals()[f"Test{name}"] = type(
        f"Test{name}", (ProviderContract,), {"provider_type": name, "wire": OpenAIWire(), **others}
    )
"""


def run_pytest(folder: Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder as somebody else would, with none of this project's settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PEPPERPY"))}
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), *([path] if path else [])])
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, dict[str, Any]], str]:
    """What the kit's report says of the faulty providers, each put to the test it must not pass."""
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "test_faulty.py").write_text(TESTS, "utf-8")
    done = run_pytest(folder, "--pepperpy-report=report.json", "test_faulty.py", path=str(HERE))

    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((folder / "report.json").read_text("utf-8"))
    return {found["provider"]: found for found in report["providers"]}, done.stdout


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_provider_is_caught_by_name(seen: tuple[dict[str, dict[str, Any]], str], name: str) -> None:
    """Its report says which promise is broken, what was seen, and where to read; so does the output of the test."""
    providers, output = seen
    (promise,) = providers[name]["promises"]

    assert promise["name"] == FAULTS[name][1]
    assert promise["outcome"] == "broken", promise
    assert promise["seen"]
    assert promise["docs"].startswith("docs/how-to/test-a-plugin.md#")
    assert f"\nbroken promise {promise['name']}: " in output
