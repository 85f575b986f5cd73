"""Many calls at once, and many that were given up: all answered, and nothing left of any. The bench has more of them."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from pepperpy.providers import Completion, ProviderError, ProviderNotInitializedError, ReadyProvider, create_provider
from pepperpy.providers._transport.request import SwiftRequest, http_writer
from pepperpy.providers.testing import FakeService, Reply

from .kit import KEY, WIRE, provider_for, service_tasks, within

CALLS = 300
GIVEN_UP = 100


def echo(request: Any) -> Reply:
    """Answer with what was asked, as a stream where one was asked for."""
    asked = json.loads(request.body)
    text = asked["messages"][-1]["content"]
    return WIRE.stream([text, "!"], pause=0.01) if asked.get("stream") else WIRE.completion(text)


async def streamed(provider: ReadyProvider, text: str) -> str:
    """Complete by a stream."""
    return "".join([piece async for piece in await provider.complete(text, stream=True)])


@pytest.mark.parametrize("way", ["plain", "stream"])
async def test_many_calls_at_once(service: FakeService, way: str) -> None:
    """Hundreds of calls in flight each get their own answer, and none waits for the connection of another."""
    service.replies = [echo]
    texts = [f"text {place}" for place in range(CALLS)]

    async with await provider_for(service, timeout=20) as provider:
        calls = (provider.complete(text) if way == "plain" else streamed(provider, text) for text in texts)
        answers = await asyncio.gather(*calls)

    assert answers == [text if way == "plain" else f"{text}!" for text in texts]
    assert Counter(json.loads(request.body)["messages"][-1]["content"] for request in service.requests) == Counter(
        texts
    )


async def test_a_burst_does_not_queue(service: FakeService) -> None:
    """Calls that come together to a service that thinks are all under way at once."""
    service.replies = [Reply.of_json({"choices": [{"message": {"content": "ok"}}]}, delay=0.3)]

    async with await provider_for(service, timeout=20) as provider:
        calls = [asyncio.create_task(provider.complete("x")) for _ in range(CALLS)]
        await service.until(lambda: service.open == CALLS)
        with within(20):
            answers = await asyncio.gather(*calls)

    assert answers == ["ok"] * CALLS
    assert service.connections == CALLS


async def test_calls_that_begin_together_are_written_together(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The requests of a crowd are all ready before they are written: the service wakes up once for many."""
    steps: list[str] = []
    begin, write = SwiftRequest.__init__, http_writer._serialize_headers

    def noted_begin(self: Any, *arguments: Any, **options: Any) -> None:
        steps.append("ready")
        begin(self, *arguments, **options)

    def noted_write(*arguments: Any) -> Any:
        steps.append("written")
        return write(*arguments)

    async with await provider_for(service) as provider:
        await asyncio.gather(*(provider.complete("x") for _ in range(10)))
        monkeypatch.setattr(SwiftRequest, "__init__", noted_begin)
        monkeypatch.setattr(http_writer, "_serialize_headers", noted_write)

        await asyncio.gather(*(provider.complete("x") for _ in range(10)))
        # The first finds nobody else under way.
        assert steps == ["ready", "written", *["ready"] * 9, *["written"] * 9]

        steps.clear()
        alone = asyncio.create_task(provider.complete("x"))
        await asyncio.sleep(0)
        # By itself it waits for nobody.
        assert steps == ["ready", "written"]
        assert await alone == "ok"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"])
async def test_an_outage_is_not_stormed(answer: bytes) -> None:
    """Promises 9 and 13: where each connection is closed at once, each call makes one, and fails."""
    connections = 0
    over = threading.Event()

    def turn_away(listener: socket.socket) -> None:
        nonlocal connections
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            connections += 1
            with connection, suppress(OSError):
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        listener.settimeout(0.1)
        # In a thread of its own: it is quicker than the calls.
        thread = threading.Thread(target=turn_away, args=[listener])
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with await create_provider("openai", api_key=KEY, base_url=url, max_retries=0) as provider:
            ends = await asyncio.gather(*(provider.complete("x") for _ in range(50)), return_exceptions=True)
        over.set()
        thread.join()

    assert all(isinstance(end, ProviderError) and end.details["attempts"] == 1 for end in ends)
    assert connections == 50


async def begun_together(provider: ReadyProvider) -> list[asyncio.Task[Completion]]:
    """Return ten calls behind ten that made their connections; all but the first, written at once, await their turn."""
    await asyncio.gather(*(provider.complete("x") for _ in range(10)))
    calls = [asyncio.create_task(provider.complete("x")) for _ in range(10)]
    await asyncio.sleep(0)
    return calls


async def test_cleanup_before_its_turn(service: FakeService) -> None:
    """Promise 41: calls that wait to be written when their provider is cleaned up are not sent."""
    async with await provider_for(service) as provider:
        calls = await begun_together(provider)
        await provider.cleanup()
        ends = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(end) for end in ends] == [ProviderNotInitializedError] * 10
    assert len(service.requests) <= 10 + 1


async def test_a_call_cancelled_before_its_turn_is_not_sent(service: FakeService) -> None:
    """Who is cancelled in a crowd before anything of it was written has sent nothing, and the pool goes on."""
    async with await provider_for(service) as provider:
        calls = await begun_together(provider)
        for call in calls[1:]:
            call.cancel()
        ends = await asyncio.gather(*calls, return_exceptions=True)

        assert await provider.complete("x") == "ok"
    # The first was written at once.
    assert [type(end).__name__ for end in ends] == ["Completion"] + ["CancelledError"] * 9
    assert len(service.requests) == 10 + 2


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    "how", ["broken off", "cancelled while reading", "cancelled before the answer", "read to the end"]
)
async def test_what_was_given_up_leaves_nothing(service: FakeService, how: str) -> None:
    """Without a garbage collection, calls that were given up leave no socket, no task and nothing under way."""
    endless = WIRE.unfinished(["Par"], end="hold")
    service.replies = [
        {"cancelled before the answer": Reply(delay=60), "read to the end": WIRE.stream(["ok"])}.get(how, endless)
    ]
    tasks = asyncio.all_tasks()
    reading: list[str] = []
    all_read = asyncio.Event()

    async def leave(provider: ReadyProvider) -> None:
        async for piece in await provider.complete("x", stream=True):
            reading.append(piece)
            if len(reading) == GIVEN_UP:
                all_read.set()
            if how == "broken off":
                break

    async with await provider_for(service) as provider:
        calls = [asyncio.create_task(leave(provider)) for _ in range(GIVEN_UP)]
        if how.startswith("cancelled"):
            await service.until(lambda: len(service.requests) == GIVEN_UP)
            if how == "cancelled while reading":
                await all_read.wait()
            for call in calls:
                call.cancel()
        ends = await asyncio.gather(*calls, return_exceptions=True)
        if how != "read to the end":
            await service.until(lambda: service.open == 0, seconds=2)
        (session,) = provider._transport._exchange.sessions._sessions.values()  # type: ignore[attr-defined]

        assert not session.under_way
        assert asyncio.all_tasks() - tasks <= service_tasks()
        assert [type(end).__name__ for end in ends] == [
            "CancelledError" if how.startswith("cancelled") else "NoneType"
        ] * GIVEN_UP


async def test_a_stream_of_many_pieces_holds_one_timer(service: FakeService) -> None:
    """However many pieces come, a stream has at most one timer of ours waiting in the loop."""
    service.replies = [WIRE.stream([str(place) for place in range(60)], pause=0.005)]
    loop: Any = asyncio.get_running_loop()
    timers: list[int] = []

    async with await provider_for(service, timeout=30) as provider:
        async for _ in await provider.complete("x", stream=True):
            timers.append(sum("Silence" in repr(timer) for timer in loop._scheduled if not timer.cancelled()))

    assert max(timers) == 1
    assert not any("Silence" in repr(timer) for timer in loop._scheduled if not timer.cancelled())
