"""With an aiohttp whose insides are not known, requests are written as it writes them, and all the same holds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pepperpy.providers import ProviderTimeoutError, Timeouts
from pepperpy.providers._transport import request, session
from pepperpy.providers.testing import FakeService, Reply

from .kit import WIRE, complete, embed, embed_many, provider_for, stream, within

CALLS = [complete, stream, embed, embed_many]


@pytest.fixture(autouse=True)
def other_aiohttp(monkeypatch: pytest.MonkeyPatch) -> None:
    """The installed aiohttp is none that is known."""
    monkeypatch.setattr(request, "KNOWN_AIOHTTP", False)
    monkeypatch.setattr(session, "KNOWN_AIOHTTP", False)


def answer(call: Any) -> Reply:
    """Return what the service answers to a call."""
    return {"complete": WIRE.completion("ok"), "stream": WIRE.stream(["ok"])}.get(call.__name__, WIRE.embeddings)


@pytest.mark.parametrize("call", CALLS)
async def test_calls_share_a_connection(service: FakeService, call: Any) -> None:
    """Calls one after the other go over one connection, with the headers that they have otherwise."""
    service.replies = [answer(call)]

    async with await provider_for(service) as provider:
        for _ in range(3):
            await call(provider)

    assert service.connections == 1
    for received in service.requests:
        assert received.headers["content-length"] == str(len(received.body))
        assert received.headers["content-type"] == "application/json"
        assert received.headers["user-agent"].startswith("pepperpy/")


@pytest.mark.parametrize("call", CALLS)
async def test_an_idle_connection_that_ended_is_replaced(service: FakeService, call: Any) -> None:
    """A connection that the service has closed is replaced unseen."""
    service.replies = [WIRE.completion("ok"), answer(call)]

    async with await provider_for(service) as provider:
        await provider.complete("x")
        service.drop_idle()
        await call(provider)

    assert len(service.requests) == 2


async def test_the_head_of_a_stream_is_bounded(service: FakeService) -> None:
    """Of a stream that does not begin, a silence is too much, whatever drips."""
    service.replies = [Reply(raw=[b"HTTP/1.1 200 OK\r\n", *[b"X-A: b\r\n"] * 600], pause=0.05)]

    async with await provider_for(service, timeout=Timeouts(connect=0.1, idle=0.1)) as provider:
        with pytest.raises(ProviderTimeoutError), within(2, least=0.1):
            await provider.complete("x", stream=True)


async def test_a_crowd_is_answered(service: FakeService) -> None:
    """Many at once each get an answer."""
    async with await provider_for(service) as provider:
        assert await asyncio.gather(*(provider.complete("x") for _ in range(50))) == ["ok"] * 50
