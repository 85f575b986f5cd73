"""What a call costs in function calls and modules: figures without noise, in place of times.

They are those of `bench`, whose server and clients do the work here too. Bare aiohttp is counted beside pepperpy, so
that the bounds hold whatever aiohttp and Python themselves take.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

# With some room: a change that costs more should be noticed and decided, not slip in.
CALLS_OVER_AIOHTTP = -10
CALLS_OF_A_CONVERSATION = 10
CALLS_OF_A_CHUNK = 24
CALLS_OF_A_MESSAGE = 0.01
MODULES_BEYOND_AIOHTTP = 25

# A client and the floor that speaks the same wire.
PAIRS = [("ours", "bare"), ("ours_gemini", "bare_gemini")]

HEAVY = {"asyncio", "importlib.metadata", "json", "logging", "ssl"}

NAMED = {
    "pepperpy",
    *(
        f"pepperpy.providers{name}"
        for name in (
            "",
            "._config",
            "._provider",
            "._registry",
            "._secret",
            "._settings",
            "._codec",
            "._installed",
            ".dialect",
            ".domain",
            ".embeddings",
            ".engine",
            ".errors",
            ".hookspecs",
            ".values",
        )
    ),
}
"""Our modules behind the names that a program without a provider uses."""

MADE = {
    *NAMED,
    *(
        f"pepperpy.providers{name}"
        for name in (
            "._bodies",
            "._origin",
            "._transport",
            "._transport.answer",
            "._transport.body",
            "._transport.bounds",
            "._transport.exchange",
            "._transport.faults",
            "._transport.http",
            "._transport.request",
            "._transport.retry",
            "._transport.session",
            "._transport.sse",
            ".dialects",
            ".dialects.openai",
            ".dialects.openai_answers",
            ".dialects.openai_embeddings",
            ".dialects.openai_usage",
            ".http",
            ".options",
            ".stream",
        )
    ),
    "pepperpy_openai",
    "pepperpy_openai.models",
    "pepperpy_openai.plugin",
    "pepperpy_openai.provider",
    "pepperpy_openai.responses",
    "pepperpy_openai.responses_answers",
    "pepperpy_openai.responses_stream",
}
"""Our modules behind a provider `openai`."""


def modules_after(code: str) -> set[str]:
    """Return the modules that a new interpreter has loaded after running some code, beyond those it begins with."""
    script = f"import sys\nbefore = set(sys.modules)\n{code}\nprint(*(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def ours(modules: set[str]) -> set[str]:
    """Return those of our modules that are among others."""
    return {name for name in modules if name.startswith("pepperpy")}


def foreign(modules: set[str]) -> set[str]:
    """Return the distributions' top modules that are neither ours nor Python's."""
    return {name.partition(".")[0] for name in modules - ours(modules)} - sys.stdlib_module_names


@pytest.fixture(scope="module")
def count() -> Iterator[Callable[..., float]]:
    """What counts the function calls of an item of work, done by a client of `bench` in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.server"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"

        def calls(client: str, mode: str, messages: int = 1) -> float:
            order: dict[str, Any] = {"mode": mode, "kind": "calls", "messages": messages}
            worker = subprocess.run(
                [sys.executable, "-m", "bench.worker", client, url],
                input=json.dumps(order),
                capture_output=True,
                text=True,
                check=True,
                cwd=ROOT,
            )
            return float(json.loads(worker.stdout)["calls"])

        yield calls
        server.terminate()


@pytest.mark.parametrize(("ours", "bare"), PAIRS)
def test_a_request_makes_few_calls(count: Callable[..., float], ours: str, bare: str) -> None:
    """A completion makes fewer function calls than the same request on bare aiohttp."""
    assert count(ours, "plain") <= count(bare, "plain") + CALLS_OVER_AIOHTTP


def test_a_long_conversation_makes_no_more_calls(count: Callable[..., float]) -> None:
    """Nothing but the encoder looks at each message: calls do not grow with them."""
    few, many = count("ours", "plain", 2), count("ours", "plain", 1_002)

    assert many - few <= 1_000 * CALLS_OF_A_MESSAGE
    assert few <= count("ours", "plain") + CALLS_OF_A_CONVERSATION


@pytest.mark.parametrize(("ours", "bare"), PAIRS)
def test_a_chunk_makes_few_calls(count: Callable[..., float], ours: str, bare: str) -> None:
    """A chunk of a stream makes only so many function calls, and fewer than decoding each on bare aiohttp."""
    chunk = count(ours, "fast-1000")

    assert chunk <= CALLS_OF_A_CHUNK
    assert chunk <= count(bare, "fast-1000")


def test_importing_loads_one_module() -> None:
    """`import pepperpy.providers` loads itself, and nothing that costs time."""
    loaded = modules_after("import pepperpy.providers")

    assert ours(loaded) == {"pepperpy", "pepperpy.providers"}
    assert not foreign(loaded)
    assert not loaded & HEAVY
    assert len(loaded - modules_after("import typing")) <= 4


def test_listing_loads_no_plugin() -> None:
    """`list_providers()` loads what is on the list, no plugin and no HTTP client."""
    loaded = modules_after(
        "from pepperpy.providers import ProviderEngine\nassert 'openai' in ProviderEngine.list_providers()"
    )

    assert ours(loaded) <= NAMED
    assert foreign(loaded) <= {"attr", "attrs", "pluggy"}
    assert "importlib.metadata" not in loaded


def test_making_a_provider_loads_its_plugin_and_aiohttp() -> None:
    """`create_provider("openai")` loads that plugin's modules, what is on the list of core's, and aiohttp."""
    loaded = modules_after(
        "import asyncio\nfrom pepperpy.providers import create_provider\n"
        "asyncio.run(create_provider('openai', api_key='sk-x'))"
    )
    bare = modules_after("import asyncio, json, aiohttp")

    assert ours(loaded) <= MADE
    assert foreign(loaded) <= foreign(bare) | {"attr", "attrs", "orjson", "pluggy"}
    assert len(loaded - bare - ours(loaded)) <= MODULES_BEYOND_AIOHTTP
    assert "importlib.metadata" not in loaded


def test_naming_a_plugin_s_class_loads_no_http_client() -> None:
    """The HTTP client is loaded when a provider is made, not where its class is named."""
    loaded = modules_after("from pepperpy_openai.provider import OpenAIProvider")

    assert "aiohttp" not in loaded
