"""Importing and listing cost next to nothing: what is not used is not loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pepperpy.providers

HEAVY = {"aiohttp", "cattrs", "backoff", "yarl", "multidict"}


def modules_after(code: str) -> set[str]:
    """The modules that a bare interpreter has loaded after running some code, beyond those it begins with."""
    script = f"import sys; before = set(sys.modules)\n{code}\nprint(*(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_loads_nothing() -> None:
    """`import pepperpy.providers` loads itself and nothing that costs time."""
    loaded = modules_after("import pepperpy.providers")

    assert {name for name in loaded if name.startswith("pepperpy")} == {"pepperpy", "pepperpy.providers"}
    assert not loaded & {
        "asyncio",
        "attr",
        "attrs",
        "pluggy",
        "importlib.metadata",
        "logging",
        "json",
        "email",
        "ssl",
        *HEAVY,
    }


def test_listing_loads_no_plugin() -> None:
    """`list_providers()` reads metadata: no plugin's code runs, and no HTTP client is loaded."""
    loaded = modules_after(
        "from pepperpy.providers import ProviderEngine\nassert 'openai' in ProviderEngine.list_providers()"
    )

    assert not [name for name in loaded if name.startswith("pepperpy_")]
    assert not loaded & HEAVY


@pytest.mark.parametrize(
    "code",
    [
        "from pepperpy.providers import ProviderError, Completion, Usage",
        "from pepperpy.providers import ProviderConfig; ProviderConfig('openai', timeout=3)",
        "from pepperpy.providers import Provider, ProviderSpec, hookimpl",
        "from pepperpy.providers import create_provider",
    ],
)
def test_names_load_no_http_client(code: str) -> None:
    """Nobody pays for an HTTP client who only names a class."""
    assert not modules_after(code) & HEAVY


def test_making_a_provider_loads_its_plugin_alone() -> None:
    """One plugin is loaded, by name, and no other; what structures extras only where they are no plain values."""
    code = "import asyncio\nfrom pepperpy.providers import create_provider\n"
    plain = modules_after(code + "asyncio.run(create_provider('openai', api_key='sk-x'))")
    extra = modules_after(code + "asyncio.run(create_provider('openai', api_key='sk-x', organization='o'))")
    mapped = modules_after(code + "asyncio.run(create_provider('openai', api_key='sk-x', headers={'X-A': 'b'}))")

    assert {name.partition(".")[0] for name in plain if name.startswith("pepperpy_")} == {"pepperpy_openai"}
    assert not {"cattrs", "backoff"} & (plain | extra)
    assert "cattrs" in mapped


def test_every_public_name_is_there() -> None:
    """Each name of `__all__` is found and listed; a name that is none is an AttributeError."""
    for name in pepperpy.providers.__all__:
        assert getattr(pepperpy.providers, name) is not None

    assert set(pepperpy.providers.__all__) <= set(dir(pepperpy.providers))
    with pytest.raises(AttributeError, match="no_such_name"):
        pepperpy.providers.no_such_name  # noqa: B018
