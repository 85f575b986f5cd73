"""Built wheels in a fresh environment do what the README says."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from .environments import Environment, build_wheels

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.parent.name for path in ROOT.glob("pepperpy-*/pyproject.toml") if "core" not in path.parent.name)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels of all distributions."""
    folder = tmp_path_factory.mktemp("wheels")
    build_wheels(folder, *(ROOT / name for name in ("pepperpy-core", *PLUGINS)))
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Environment:
    """A fresh environment with core alone."""
    fresh = Environment.made(tmp_path_factory.mktemp("environment"))
    fresh.pip("install", *map(str, wheels.glob("pepperpy_core-*.whl")))
    return fresh


LIST = """
import json, sys
from pepperpy.providers.engine import ProviderEngine
names = ProviderEngine.list_providers()
loaded = sorted(name for name in sys.modules if name.startswith(("pepperpy_", "aiohttp", "cattrs", "backoff")))
print(json.dumps([names, loaded]))
"""


def test_core_alone_brings_five_dependencies_and_lists_nothing(environment: Environment) -> None:
    """Core is its five dependencies and theirs; without a plugin there is no provider."""
    names, loaded = environment.run(LIST)

    assert names == []
    assert loaded == []
    assert environment.installed() - {"pip", "setuptools", "pepperpy-core"} <= {
        *("aiohttp", "attrs", "backoff", "cattrs", "pluggy"),
        *("aiohappyeyeballs", "aiosignal", "async-timeout", "frozenlist", "idna", "multidict", "propcache", "yarl"),
        "typing_extensions",
    }


def test_an_absent_provider_is_named_with_the_way_to_get_it(environment: Environment) -> None:
    """Who asks for a provider that is not installed is told what to install."""
    message = environment.run("""
import asyncio, json
from pepperpy.providers import create_provider
from pepperpy.providers.domain import ProviderError
try:
    asyncio.run(create_provider("openai"))
except ProviderError as error:
    print(json.dumps(str(error)))
""")

    assert "pip install pepperpy-core pepperpy-openai" in message


@pytest.mark.parametrize("plugin", [name for name in PLUGINS if name != "pepperpy-local"])
def test_each_plugin_alone_adds_its_name(wheels: Path, environment: Environment, plugin: str) -> None:
    """A plugin beside core adds its own name, loads when it is asked for, and needs no other plugin."""
    name = plugin.removeprefix("pepperpy-")
    (wheel,) = wheels.glob(f"pepperpy_{name}-*.whl")
    environment.pip("install", "--no-index", str(wheel))
    try:
        names, loaded = environment.run(LIST)
        made = environment.run(f"""
import asyncio, json, sys
from pepperpy.providers import create_provider
from pepperpy.providers.domain import ProviderConfigError
async def main():
    try:
        async with await create_provider("{name}", api_key="sk-e2e"):
            pass
    except ProviderConfigError as error:  # what the service needs beyond a key
        assert "client_id" in str(error), error
asyncio.run(main())
print(json.dumps(sorted({{m.partition(".")[0] for m in sys.modules if m.startswith("pepperpy_")}})))
""")
    finally:
        environment.pip("uninstall", "--yes", plugin)

    assert names == [name]
    assert loaded == []
    assert made == [f"pepperpy_{name}"]


def test_the_command_is_there_and_needs_no_plugin(environment: Environment) -> None:
    """Core brings the command `pepperpy`, which says what to install where there is nothing."""
    script = Path(environment.python).with_name("pepperpy.exe" if os.name == "nt" else "pepperpy")
    listed, examined = (
        subprocess.run([script, *arguments], check=True, capture_output=True, text=True, cwd=environment.folder)
        for arguments in (["list"], ["doctor"])
    )

    assert "pip install" in listed.stdout
    assert "no provider is installed" in examined.stdout


BROKEN = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "pepperpy-broken"
version = "3.2.1"
[project.entry-points."pepperpy.providers"]
broken = "pepperpy_broken"
[tool.hatch.build.targets.wheel]
include = ["pepperpy_broken.py"]
"""


def test_a_broken_plugin_is_listed_and_hurts_nobody(tmp_path: Path, wheels: Path, environment: Environment) -> None:
    """A plugin that fails at import is listed, is named when it is asked for, and leaves the others alone."""
    (tmp_path / "pyproject.toml").write_text(BROKEN)
    (tmp_path / "pepperpy_broken.py").write_text("raise ZeroDivisionError('at import')")
    (openai,) = wheels.glob("pepperpy_openai-*.whl")
    environment.pip("install", "--no-deps", str(tmp_path), str(openai))
    try:
        names, _ = environment.run(LIST)
        doctor = subprocess.run(
            [environment.python, "-m", "pepperpy.providers", "doctor", "--json"], capture_output=True, check=False
        )
        message, other = environment.run("""
import asyncio, json
from pepperpy.providers import create_provider
from pepperpy.providers.domain import ProviderPluginError
async def main():
    try:
        await create_provider("broken")
    except ProviderPluginError as error:
        broken = str(error)
    async with await create_provider("openai", api_key="sk-e2e") as provider:
        print(json.dumps([broken, type(provider).__name__]))
asyncio.run(main())
""")
    finally:
        environment.pip("uninstall", "--yes", "pepperpy-broken", "pepperpy-openai")

    assert names == ["broken", "openai"]
    assert [each["state"] for each in json.loads(doctor.stdout)["providers"]] == ["broken", "ok"]
    assert doctor.returncode == 1
    assert "pepperpy-broken 3.2.1" in message
    assert "ZeroDivisionError: at import" in message
    assert other == "OpenAIProvider"


@pytest.mark.parametrize("distribution", ["pepperpy-core", *PLUGINS])
def test_a_wheel_holds_its_package_and_nothing_else(wheels: Path, distribution: str) -> None:
    """A wheel holds every module of its package, the type marker and its metadata; no tests, no .pth, no strays."""
    name = distribution.replace("-", "_")
    (wheel,) = wheels.glob(f"{name}-*.whl")
    source = ROOT / distribution / "src"
    expected = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.suffix == ".py" or path.name == "py.typed"
    }

    with zipfile.ZipFile(wheel) as archive:
        held = {entry for entry in archive.namelist() if ".dist-info/" not in entry}

    assert held == expected
    assert any(entry.endswith("/py.typed") for entry in held)
