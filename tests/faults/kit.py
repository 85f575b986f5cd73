"""What the tests of faults share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pepperpy.providers import ReadyProvider, create_provider
from pepperpy.providers.testing import FakeService, OpenAIWire, Reply

WIRE = OpenAIWire()
KEY = "sk-faults-0123456789abcdef"

DONE = b"data: [DONE]\n\n"


async def provider_for(service: FakeService, **settings: Any) -> ReadyProvider:
    """Return the provider `openai`, pointed at the service; it tries once."""
    return await create_provider("openai", **{"api_key": KEY, "base_url": service.url, "max_retries": 0, **settings})


def chunk(content: str | None = None, finish_reason: str | None = None, **rest: Any) -> dict[str, Any]:
    """Return a chunk of a stream."""
    delta = {} if content is None else {"content": content}
    return {
        "id": "c-1",
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
        **rest,
    }


def error(message: str = "no luck", **rest: Any) -> dict[str, Any]:
    """Return an error object."""
    return {"error": {"message": message, "type": "fake_error", "param": None, "code": None, **rest}}


async def complete(provider: ReadyProvider) -> str:
    """Complete plainly."""
    return await provider.complete("x")


async def stream(provider: ReadyProvider) -> str:
    """Complete by a stream, read to its end."""
    return "".join([piece async for piece in await provider.complete("x", stream=True)])


async def embed(provider: ReadyProvider) -> list[float]:
    """Embed a text."""
    return await provider.embed("x")


async def embed_many(provider: ReadyProvider) -> list[list[float]]:
    """Embed several texts."""
    return list(await provider.embed_many(["x", "y"]))


CALLS: dict[str, Callable[[ReadyProvider], Any]] = {
    "complete": complete,
    "stream": stream,
    "embed": embed,
    "embed_many": embed_many,
}


@contextmanager
def within(seconds: float, *, least: float = 0) -> Iterator[None]:
    """Assert that the block takes at most `seconds`, and at least `least`."""
    started = time.monotonic()
    yield
    took = time.monotonic() - started

    assert least <= took <= seconds


def times(reply: Reply, noted: list[float]) -> Callable[[Any], Reply]:
    """Return a reply that notes when it was asked for."""

    def answer(request: Any) -> Reply:
        noted.append(asyncio.get_running_loop().time())
        return reply

    return answer


def service_tasks() -> set[asyncio.Task[Any]]:
    """Return the tasks of services in this loop, which are none of the provider's."""
    return {task for task in asyncio.all_tasks() if "_Connection" in getattr(task.get_coro(), "__qualname__", "")}
