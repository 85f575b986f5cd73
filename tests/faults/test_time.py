"""Everything that waits has a bound, and nothing but what it bounds counts."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from pepperpy.providers import (
    ProviderAPIError,
    ProviderConnectionError,
    ProviderError,
    ProviderInputError,
    ProviderStreamError,
    ProviderStreamTimeoutError,
    ProviderTimeoutError,
    Timeouts,
    create_provider,
)
from pepperpy.providers import stream as streams
from pepperpy.providers.dialect import Request
from pepperpy.providers.testing import FakeService, Reply

from .kit import DONE, WIRE, chunk, complete, embed, embed_many, error, provider_for, stream, within

PING = b": ping\n\n"

SLOW = {
    "says nothing": Reply(delay=60),
    "drips its headers": Reply(raw=[b"HTTP/1.1 200 OK\r\n", *[b"X-A: b\r\n"] * 600], pause=0.1),
    "drips its body": Reply(body=[b" "] * 600, pause=0.1),
    "drips its chunks": Reply(body=[b" "] * 600, pause=0.1, framing="chunked"),
    "stops in its body": Reply(body=b'{"choices": [', end="hold"),
    "drips an error": Reply(status=500, body=[b" "] * 600, pause=0.1),
}


@pytest.mark.parametrize("reply", SLOW.values(), ids=SLOW)
async def test_a_plain_attempt_is_bounded(service: FakeService, reply: Reply) -> None:
    """Promise 15: `timeout` bounds an attempt from its start to the last byte, whatever drips meanwhile."""
    service.replies = [reply]

    async with await provider_for(service, timeout=0.2) as provider:
        with pytest.raises(ProviderError) as caught, within(1.2, least=0.15):
            await provider.complete("x")

        await service.until(lambda: service.open == 0)

    if reply.status == 200:
        assert isinstance(caught.value, ProviderTimeoutError)
        assert isinstance(caught.value, TimeoutError)
        assert "timeout" in str(caught.value)
    else:
        # Its status is an answer, though the body never comes.
        assert getattr(caught.value, "status", None) == 500


async def test_an_error_that_drips_is_bounded_in_a_stream_too(
    service: FakeService,
) -> None:
    """Promise 15: the body of an error has a bound, also where a stream was asked for; the status is an answer."""
    service.replies = [SLOW["drips an error"]]

    async with await provider_for(service, timeout=Timeouts(idle=0.3)) as provider:
        with pytest.raises(ProviderAPIError, match="500"), within(1.2):
            await provider.complete("x", stream=True)

        await service.until(lambda: service.open == 0)


async def test_an_embedding_is_bounded(service: FakeService) -> None:
    """Promise 15: embeddings are bounded in the same way."""
    service.replies = [SLOW["drips its body"]]

    async with await provider_for(service, timeout=0.2) as provider:
        for call in (embed, embed_many):
            with pytest.raises(ProviderTimeoutError), within(1.2):
                await call(provider)


@pytest.mark.usefixtures("no_waiting")
async def test_each_attempt_has_its_own_bound(service: FakeService) -> None:
    """Promise 15: a retry begins anew."""
    service.replies = [Reply(delay=60), Reply.of_json({"choices": [{"message": {"content": "ok"}}]}, delay=0.1)]

    async with await provider_for(service, timeout=0.25, max_retries=1) as provider:
        assert await provider.complete("x") == "ok"


@pytest.mark.parametrize("name", ["drips its body", "says nothing", "drips an error"])
async def test_a_call_has_a_bound_of_its_own(service: FakeService, name: str) -> None:
    """Promise 15: `timeout` given to a call bounds that call, whatever the provider's is."""
    service.replies = [SLOW[name]]

    async with await provider_for(service, timeout=60) as provider:
        with pytest.raises(ProviderError), within(1.2, least=0.15):
            await provider.complete("x", timeout=0.2)

        await service.until(lambda: service.open == 0)


async def test_a_call_may_take_longer_than_the_provider_allows(service: FakeService) -> None:
    """Promise 15: a call may be given more time than the provider's calls have, or no limit; only that call."""
    slow = Reply.of_json({"choices": [{"message": {"content": "ok"}}]}, delay=0.3)
    service.replies = [slow, slow, slow]

    async with await provider_for(service, timeout=0.1) as provider:
        assert await provider.complete("x", timeout=5) == "ok"
        assert await provider.complete("x", timeout=Timeouts(attempt=None)) == "ok"
        with pytest.raises(ProviderTimeoutError):
            await provider.complete("x")


@pytest.mark.usefixtures("no_waiting")
async def test_a_retry_has_the_bound_of_its_call(service: FakeService) -> None:
    """Promise 15: each attempt of a call with a bound of its own has that bound."""
    service.replies = [Reply(delay=60)]

    async with await provider_for(service, timeout=60, max_retries=2) as provider:
        with pytest.raises(ProviderTimeoutError) as caught, within(2.5, least=0.4):
            await provider.complete("x", timeout=0.15)

    assert caught.value.details["attempts"] == 3


@pytest.mark.parametrize(
    "reply", [Reply(delay=60), WIRE.unfinished([], end="hold"), WIRE.unfinished(["a"], end="hold")]
)
async def test_a_stream_has_a_bound_of_its_own(service: FakeService, reply: Reply) -> None:
    """Promise 16: `timeout` given to a stream bounds each of its silences, the first included."""
    service.replies = [reply]

    async with await provider_for(service, timeout=60) as provider:
        with pytest.raises(ProviderTimeoutError), within(1.2, least=0.15):
            async for _ in await provider.complete("x", stream=True, timeout=0.2):
                pass

        await service.until(lambda: service.open == 0)


async def test_comments_of_a_stream_with_a_bound_of_its_own(service: FakeService) -> None:
    """Promise 16: how long keep-alive comments count can be said for one call."""
    service.replies = [Reply.of_events([PING] * 600, pause=0.05)]

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderTimeoutError, match="keep-alive"), within(1.5, least=0.1):
            await provider.complete("x", stream=True, timeout=Timeouts(content=0.15))


@pytest.mark.parametrize("timeout", [0, -1, "soon", float("nan"), float("inf"), True])
async def test_a_bound_that_is_none(service: FakeService, timeout: Any) -> None:
    """A `timeout` of a call that is no number of seconds is refused before anything is sent."""
    async with await provider_for(service) as provider:
        with pytest.raises(ProviderInputError, match="timeout"):
            await provider.complete("x", timeout=timeout)

    assert service.requests == []


@pytest.mark.parametrize("stream", [False, True])
async def test_a_bearer_is_waited_for_within_the_bound_of_the_call(service: FakeService, stream: bool) -> None:
    """Promise 15: what authorizes a call counts against the call's own bound."""

    async def never(refused: Any) -> dict[str, str]:
        return await asyncio.Event().wait() or {}  # type: ignore[return-value]

    async with await provider_for(service, timeout=60) as provider:
        transport = provider.transport_to(service.url, {}, authorize=never)  # type: ignore[attr-defined]
        transport.open()
        request = Request("/x", {}, stream, timeouts=Timeouts(connect=0.1, attempt=0.2, idle=0.1))
        with pytest.raises(ProviderTimeoutError), within(1.2, least=0.15):
            await (transport.stream if stream else transport.post)(request, lambda answer: answer)
        await transport.close()

    assert service.requests == []


async def test_a_long_stream_is_not_bounded(service: FakeService) -> None:
    """Promise 16: a stream may last as long as it likes, if no silence in it is longer than `timeout`."""
    service.replies = [WIRE.stream(list("abcdef"), pause=0.05)]

    async with await provider_for(service, timeout=0.3) as provider:
        with within(5, least=0.45):
            assert await stream(provider) == "abcdef"


async def test_the_first_silence_of_a_stream(service: FakeService) -> None:
    """Promise 16: a stream that does not begin in time is a time-out, raised where it is opened."""
    for reply in (Reply(delay=60), Reply.of_events([chunk("a")], pause=60)):
        service.replies = [reply]

        async with await provider_for(service, timeout=0.2) as provider:
            with pytest.raises(ProviderTimeoutError), within(1.2, least=0.15):
                await provider.complete("x", stream=True)

            await service.until(lambda: service.open == 0)


async def test_a_silence_in_a_stream(service: FakeService) -> None:
    """Promise 16: a stream that falls silent raises behind the pieces that had come."""
    service.replies = [WIRE.unfinished(["Par"], end="hold")]
    pieces = []

    async with await provider_for(service, timeout=0.2) as provider:
        with pytest.raises(ProviderStreamTimeoutError) as caught, within(1.2, least=0.15):
            async for piece in await provider.complete("x", stream=True):
                pieces.append(piece)

        await service.until(lambda: service.open == 0)

    assert pieces == ["Par"]
    assert caught.value.partial_text == "Par"
    assert isinstance(caught.value, ProviderTimeoutError)


async def test_comments_are_life(service: FakeService) -> None:
    """Promise 16: keep-alive comments keep a stream alive while the service thinks, longer than `timeout`."""
    body = [*[PING] * 6, b"data: " + json.dumps(chunk("ok", "stop")).encode() + b"\n\n", DONE]
    service.replies = [Reply.of_events(body, pause=0.07)]

    async with await provider_for(service, timeout=0.3) as provider:
        with within(5, least=0.45):
            assert await stream(provider) == "ok"


@pytest.mark.parametrize("pieces", [[], ["Par"]])
async def test_comments_are_no_answer(service: FakeService, pieces: list[str]) -> None:
    """Promise 16: nothing but comments is silence in the end; how long they count can be set."""
    service.replies = [Reply.of_events([*map(chunk, pieces), *[PING] * 600], pause=0.05)]

    async with await provider_for(service, timeout=Timeouts(idle=10, content=0.15)) as provider:
        with pytest.raises(ProviderStreamTimeoutError, match="keep-alive"), within(1.5, least=0.1):
            await stream(provider)

        await service.until(lambda: service.open == 0)


async def test_a_slow_consumer_is_no_slow_service(service: FakeService) -> None:
    """Promise 16: what the consumer does between two pieces may take longer than `timeout`."""
    service.replies = [WIRE.stream(list("ab"), pause=0.05)]
    pieces = []

    async with (
        FakeService(Reply(status=500, delay=0.35)) as other,
        await provider_for(other) as slow,
        await provider_for(service, timeout=0.25) as provider,
    ):
        async for piece in await provider.complete("x", stream=True):
            pieces.append(piece)
            with pytest.raises(Exception, match="500"):
                await slow.complete("x")

    assert pieces == ["a", "b"]


@pytest.mark.parametrize("prompt", ["x", "x" * 300_000], ids=["small", "large"])
async def test_a_silence_while_nobody_waits_is_none(service: FakeService, prompt: str) -> None:
    """Promise 16: a service that says nothing while the consumer is busy is waited for from the consumer's return."""
    first, rest = (
        b"".join(b"data: " + json.dumps(chunk(**each)).encode() + b"\n\n" for each in events)
        for events in ([{"content": "a"}], [{"content": "b"}, {"finish_reason": "stop"}])
    )
    # Empty pieces are pauses: with its head and the first event the service waits less than before the rest.
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(first + rest)
    service.replies = [Reply(raw=[head + first, b"", b"", rest], pause=0.15)]
    pieces = []

    async with (
        FakeService(Reply(status=500, delay=0.3)) as other,
        await provider_for(other) as slow,
        await provider_for(service, timeout=0.3) as provider,
    ):
        async for piece in await provider.complete(prompt, stream=True):
            pieces.append(piece)
            if piece == "a":
                with pytest.raises(Exception, match="500"):
                    await slow.complete("x")

    assert pieces == ["a", "b"]


@pytest.mark.parametrize("size", [1, 300_000, 2_000_000])
async def test_the_head_of_a_stream_is_bounded_as_a_whole(service: FakeService, size: int) -> None:
    """Promise 16: of a stream the first silence lasts until the head is there, whatever drips, for large requests too."""
    service.replies = [SLOW["drips its headers"]]

    async with await provider_for(service, timeout=Timeouts(connect=0.3, idle=0.3)) as provider:
        with pytest.raises(ProviderTimeoutError), within(1.5, least=0.2):
            await provider.complete("x" * size, stream=True)

        await service.until(lambda: service.open == 0)


@pytest.mark.parametrize("end", ["cut", "reset", "hold"])
async def test_a_slow_consumer_gets_what_had_come(service: FakeService, end: Any) -> None:
    """Promise 16: pieces that came in time are handed out, also to a consumer who comes after the stream broke."""
    service.replies = [WIRE.unfinished(["a", "b", "c"], end=end, pause=0.02)]
    pieces = []

    async with (
        FakeService(Reply(status=500, delay=0.25)) as other,
        await provider_for(other) as slow,
        await provider_for(service, timeout=0.15) as provider,
    ):
        with pytest.raises(ProviderStreamError) as caught:
            async for piece in await provider.complete("x", stream=True):
                pieces.append(piece)
                if piece == "a":
                    with pytest.raises(Exception, match="500"):
                        await slow.complete("x")

    assert pieces == ["a", "b", "c"]
    assert caught.value.partial_text == "abc"


@pytest.fixture
def full() -> Iterator[str]:
    """The URL of a port where nobody takes connections any more: the queue for it is full."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(server.getsockname())
            waiting.append(client)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        for client in waiting:
            client.close()


@pytest.mark.parametrize("call", [complete, stream])
async def test_connecting_has_a_bound_of_its_own(full: str, call: Any) -> None:
    """Promise 16: connecting is bounded apart from answering, for streams as well."""
    timeouts = Timeouts(connect=0.2)
    async with await create_provider("openai", base_url=full, timeout=timeouts, max_retries=0) as provider:
        with pytest.raises(ProviderTimeoutError, match="could not connect"), within(1.2, least=0.15):
            await call(provider)


async def test_no_limit(service: FakeService) -> None:
    """`timeout=None` waits."""
    service.replies = [Reply.of_json({"choices": [{"message": {"content": "ok"}}]}, delay=0.2)]

    async with await provider_for(service, timeout=None) as provider:
        assert await provider.complete("x") == "ok"


async def test_the_terminator_ends_a_stream(service: FakeService) -> None:
    """Promise 17: `[DONE]` ends a stream at once, also where the service keeps the connection open behind it."""
    service.replies = [WIRE.stream(["o", "k"], end="hold")]

    async with await provider_for(service) as provider:
        with within(0.5):
            assert await stream(provider) == "ok"

        await service.until(lambda: service.open == 0)


async def test_a_terminator_that_is_forgotten(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise 17: behind a finish reason the rest is waited for, but not for ever."""
    monkeypatch.setattr(streams, "TAIL_SECONDS", 0.2)
    service.replies = [Reply.of_events([chunk("ok"), chunk(finish_reason="stop")], end="hold")]

    async with await provider_for(service) as provider, asyncio.timeout(1.2):
        assert await stream(provider) == "ok"

        await service.until(lambda: service.open == 0)


async def test_many_streams_at_once(service: FakeService) -> None:
    """Promise 18: 110 streams at once, each longer than `timeout`, succeed: none waits for another's connection."""
    service.replies = [WIRE.stream(list("abcde"), pause=0.08)]

    async with await provider_for(service, timeout=0.5) as provider:
        texts = await asyncio.gather(*(stream(provider) for _ in range(110)))

    assert texts == ["abcde"] * 110
    assert service.connections == 110


@pytest.mark.usefixtures("no_waiting")
async def test_the_loop_is_not_blocked(service: FakeService) -> None:
    """Promise 19: whatever goes on in a provider, the loop turns."""
    loop = asyncio.get_running_loop()
    gaps: list[float] = []
    last = loop.time()

    beating = True

    def beat() -> None:
        nonlocal last
        now = loop.time()
        gaps.append(now - last)
        last = now
        if beating:
            loop.call_later(0.01, beat)

    beat()
    big = Reply.of_json({"choices": [{"message": {"content": "x" * 2_000_000}}]})
    down = Reply.of_json(error(), status=503, headers={"retry-after-ms": "1"})
    service.replies = [big, down, WIRE.stream(list("abc") * 100), Reply(raw=b"", end="cut"), down]

    async with await provider_for(service, max_retries=1) as provider:
        await asyncio.gather(*(stream(provider) for _ in range(20)), return_exceptions=True)
    with pytest.raises(ProviderConnectionError):
        async with await create_provider("openai", base_url="http://127.0.0.1:9", max_retries=0) as nowhere:
            await nowhere.complete("x")
    beat()
    beating = False

    assert max(gaps) < 0.5
