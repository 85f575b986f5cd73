"""The kit finds faulty providers, each by the name of the promise that it breaks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from .faulty_providers import FAULTS

HERE = Path(__file__).parent
SHARES = 6

Run: TypeAlias = tuple[int, dict[str, dict[str, Any]], str]
"""An exit code, what the report says of each provider, and the output."""

TESTS = """
from faulty_providers import FAULTS, Right
from pepperpy.providers.engine import ProviderEngine
from pepperpy.providers.testing import OpenAIWire, ProviderContract

def wire_of(provider):
    return OpenAIWire() if provider.options_type else None

for name, (provider, promise) in list(FAULTS.items())[SHARE::SHARES]:
    ProviderEngine.register_provider(name, provider)
    others = {
        test: None
        for test in dir(ProviderContract)
        if test.startswith("test_") and getattr(ProviderContract, test).promise.name != promise
    }
    globals()[f"Test{name}"] = type(
        f"Test{name}", (ProviderContract,), {"provider_type": name, "wire": wire_of(provider), **others}
    )
"""


RIGHT = """
from faulty_providers import Right
from pepperpy.providers.engine import ProviderEngine
from pepperpy.providers.testing import ProviderContract

ProviderEngine.register_provider("right", Right)

class TestRight(ProviderContract):
    provider_type = "right"
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
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """What came of each file of tests, by its name: all at once, since they mostly wait."""
    files = {f"faulty_{share}": f"SHARE, SHARES = {share}, {SHARES}\n{TESTS}" for share in range(SHARES)}
    files |= {"right": RIGHT, "other_wires": "from other_wires import TestLines, TestNamed\n"}
    folder = tmp_path_factory.mktemp("kit")

    def run(name: str) -> Run:
        (folder / f"test_{name}.py").write_text(files[name], "utf-8")
        # Of another wire, what depends on how its answers look.
        chosen = ["-k", "answers or streams or errors or key"] if name == "other_wires" else []
        done = run_pytest(folder, f"--pepperpy-report={name}.json", f"test_{name}.py", *chosen, path=str(HERE))
        output = done.stdout + done.stderr
        assert (folder / f"{name}.json").exists(), output
        report = json.loads((folder / f"{name}.json").read_text("utf-8"))
        return done.returncode, {found["provider"]: found for found in report["providers"]}, output

    with ThreadPoolExecutor(len(files)) as pool:
        return dict(zip(files, pool.map(run, files), strict=True))


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_provider_is_caught_by_name(runs: dict[str, Run], name: str) -> None:
    """Its report says which promise is broken, what was seen, and where to read; so does the output of the test."""
    code, providers, output = runs[f"faulty_{list(FAULTS).index(name) % SHARES}"]
    (promise,) = providers[name]["promises"]

    assert code == 1
    assert promise["name"] == FAULTS[name][1]
    assert promise["outcome"] == "broken", promise
    assert promise["seen"]
    assert promise["docs"].startswith("docs/how-to/test-a-plugin.md#")
    assert f"\nbroken promise {promise['name']}: " in output


def test_a_right_provider_that_does_its_own_http_keeps_every_promise(runs: dict[str, Run]) -> None:
    """One that does everything by itself, and is only registered, passes whole; its wire is found by asking it."""
    code, providers, output = runs["right"]

    assert code == 0, output
    assert providers["right"]["distribution"] is None
    assert providers["right"]["kept"] > 60


@pytest.mark.parametrize("name", ["lines", "named"])
def test_a_right_provider_of_another_wire_keeps_every_promise(runs: dict[str, Run], name: str) -> None:
    """JSON lines, and events that are told apart by their names alone, are no reason to fail."""
    code, providers, output = runs["other_wires"]

    assert code == 0, output
    assert providers[name]["kept"] > 25
