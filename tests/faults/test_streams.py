"""A stream never hangs, never leaks, and always tells how it ended."""

from __future__ import annotations

import asyncio
import codecs
import json
import weakref
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from pepperpy.providers import (
    ProviderAPIError,
    ProviderConnectionError,
    ProviderError,
    ProviderInputError,
    ProviderResponseError,
    ProviderStreamError,
    ReadyProvider,
    Usage,
)
from pepperpy.providers.testing import FakeService, Reply

from .kit import DONE, WIRE, chunk, error, provider_for, stream, within
from .test_answers import MEGABYTE, growth_below

USAGE = {"choices": [], "usage": WIRE.USAGE}


def data(item: Any) -> bytes:
    """An event, as it goes over the wire."""
    return b"data: " + json.dumps(item).encode() + b"\n\n"


@pytest.mark.parametrize(
    "events",
    [
        [chunk("ok"), chunk(finish_reason="stop"), USAGE, DONE],
        [chunk("ok"), chunk(finish_reason="stop"), USAGE],
        [chunk("ok"), chunk(finish_reason="stop")],
        [chunk("ok", "length")],
        [chunk("ok"), DONE],
    ],
)
@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
async def test_a_stream_ends_when_its_answer_did(service: FakeService, events: list[Any], framing: Any) -> None:
    """Promise 25: a finish reason or `[DONE]` makes an answer whole, whatever follows it or not."""
    service.replies = [Reply.of_events(events, framing=framing)]

    async with await provider_for(service) as provider:
        assert await stream(provider) == "ok"


@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
@pytest.mark.parametrize("end", ["keep", "cut", "reset"])
@pytest.mark.parametrize("pieces", [[], ["Par", "is"]])
async def test_a_stream_that_is_cut_raises(service: FakeService, pieces: list[str], framing: Any, end: Any) -> None:
    """Promise 25: a stream that stops before its answer did raises, behind the pieces that had come."""
    service.replies = [WIRE.unfinished(pieces, end=end, framing=framing)]
    got = []

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderStreamError) as caught:
            async for piece in await provider.complete("x", stream=True):
                got.append(piece)

        await service.until(lambda: service.open <= (end == "keep" and framing != "close"))

    assert got == pieces
    assert caught.value.partial_text == "".join(pieces)
    assert caught.value.retryable


@pytest.mark.parametrize(
    "tail",
    [b"data: {", b"data: [DON", b"da", b'data: {"choices": [{"delta": {"content": "i', b": ping\n", b"\n", b"\r"],
)
async def test_a_stream_that_is_cut_inside_an_event(service: FakeService, tail: bytes) -> None:
    """Promise 25: half an event at the end is a cut, not nonsense of the service."""
    service.replies = [Reply.of_events([chunk("Par"), tail])]

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderStreamError, match="ended before the answer did") as caught:
            await stream(provider)

    assert caught.value.partial_text == "Par"


async def test_a_stream_that_ended_stays_ended(service: FakeService) -> None:
    """Promise 25: whoever reads on after the end, good or bad, is told the same again."""
    service.replies = [WIRE.stream(["ok"]), WIRE.unfinished(["Par"], end="cut")]

    async with await provider_for(service) as provider:
        whole = await provider.complete("x", stream=True)
        cut = await provider.complete("x", stream=True)

        assert [piece async for piece in whole] == ["ok"]
        assert [piece async for piece in whole] == []
        for expected in (["Par"], [], []):
            got = []
            with pytest.raises(ProviderStreamError, match="broke"):
                async for piece in cut:
                    got.append(piece)

            assert got == expected
        await cut.aclose()
        with pytest.raises(ProviderStreamError, match="broke"):
            await anext(cut.__aiter__())


WHOLE = [data(chunk("Zür")), data(chunk("ich \u2028🌍")), data(chunk(finish_reason="stop")), data(USAGE), DONE]
FORMS = {
    "LF": WHOLE,
    "CRLF": [event.replace(b"\n", b"\r\n") for event in WHOLE],
    "CR": [event.replace(b"\n", b"\r") for event in WHOLE],
    "byte by byte": [bytes([byte]) for byte in b"".join(WHOLE)],
    "CRLF byte by byte": [bytes([byte]) for byte in b"".join(WHOLE).replace(b"\n", b"\r\n")],
    "in one packet": [b"".join(WHOLE)],
    "a BOM": [codecs.BOM_UTF8, *WHOLE],
    "no space": [event.replace(b"data: ", b"data:") for event in WHOLE],
    "comments": [b": OPENROUTER PROCESSING\n\n", WHOLE[0], b": ping\n", *WHOLE[1:]],
    "other fields": [b"event: chunk\nid: 7\nretry: 3\n" + event for event in WHOLE],
    "several lines": [event.replace(b', "', b',\ndata: "') for event in WHOLE],
    "no last blank line": [*WHOLE[:-1], DONE.rstrip()],
    "no terminator and no last blank line": [*WHOLE[:3], WHOLE[3].rstrip()],
    "data behind the end": [*WHOLE, data(chunk("late")), b"data: {"],
    "silent chunks": [
        data({"id": "c-1", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}),
        data(chunk("")),
        data({"choices": None}),
        data({"choices": [], "prompt_filter_results": []}),
        data(None),
        *WHOLE,
    ],
}


@pytest.mark.parametrize("name", FORMS)
async def test_every_form_of_events(service: FakeService, name: str) -> None:
    """Promise 26: line ends, packet borders, fields and silent chunks change nothing, and no piece is empty."""
    service.replies = [Reply.of_events(FORMS[name])]

    async with await provider_for(service) as provider:
        opened = await provider.complete("x", stream=True)
        pieces = [piece async for piece in opened]

    assert "".join(pieces) == "Zürich \u2028🌍"
    assert "" not in pieces
    assert opened.usage == Usage(input_tokens=3, output_tokens=5, total_tokens=8)
    assert opened.finish_reason == "stop"


async def test_a_large_event(service: FakeService) -> None:
    """Promise 27: an event of 5 MB passes."""
    text = "x" * 5 * MEGABYTE
    whole = data(chunk(text)) + DONE
    service.replies = [Reply.of_events([whole[place : place + 50_000] for place in range(0, len(whole), 50_000)])]

    async with await provider_for(service) as provider:
        with within(5):
            assert await stream(provider) == text


@pytest.mark.parametrize("endless", [b"x" * MEGABYTE, b"data: xxx\n" * 100_000, b": " + b"x" * MEGABYTE])
async def test_an_event_without_end(service: FakeService, endless: bytes) -> None:
    """Promise 27: a line or an event that has no end is refused long before it fills the memory."""
    service.replies = [Reply.of_events([b"data: ", *[endless] * 500])]

    async with await provider_for(service) as provider:
        with growth_below(200 * MEGABYTE), pytest.raises(ProviderResponseError, match="no end"), within(5):
            await stream(provider)

        await service.until(lambda: service.open == 0)

    assert service.sent < 60 * MEGABYTE


async def test_a_sleeping_consumer_stops_the_reading(service: FakeService) -> None:
    """Promise 28: what nobody asks for is not read, and the service notices; nothing is lost by it."""
    service.replies = [Reply.of_events([*[chunk("x" * 10_000)] * 3_000, DONE])]

    async with (
        FakeService(WIRE.completion("ok")) as other,
        await provider_for(other) as busy,
        await provider_for(service) as provider,
    ):
        opened = await provider.complete("x", stream=True)
        await anext(opened)
        await service.until(lambda: service.blocked == 1)
        for _ in range(20):
            await busy.complete("x")

        assert service.blocked == 1
        assert service.sent < 10 * MEGABYTE


async def test_a_consumer_that_wakes_up(service: FakeService) -> None:
    """Promise 28: reading goes on where it stopped."""
    service.replies = [Reply.of_events([*[chunk("x" * 10_000)] * 1_000, DONE])]

    async with await provider_for(service) as provider:
        opened = await provider.complete("x", stream=True)
        await service.until(lambda: service.blocked == 1)
        text = "".join([piece async for piece in opened])

    assert len(text) == 10_000_000


PLAIN = WIRE.completion("ok")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (PLAIN, "ok"),
        (Reply(body=PLAIN.body, headers={"Content-Type": "text/event-stream"}), "ok"),
        (Reply(body=PLAIN.body), "ok"),
        (Reply(body=b"\xef\xbb\xbf\n" + bytes(PLAIN.body), headers={"Content-Type": "text/plain"}), "ok"),  # type: ignore[arg-type]
        (Reply(body=json.dumps(PLAIN.body.decode() and json.loads(PLAIN.body), indent=2).encode()), "ok"),  # type: ignore[union-attr,arg-type]
        (Reply.of_json(error()), ProviderAPIError),
        (Reply(body=json.dumps(error()).encode(), headers={"Content-Type": "text/event-stream"}), ProviderAPIError),
        (Reply.of_json({"ok": True}), ProviderResponseError),
        (Reply(body=b"<h1>Welcome</h1>", headers={"Content-Type": "text/html"}), ProviderResponseError),
        (Reply(body=b"ok", headers={"Content-Type": "text/plain"}), ProviderResponseError),
        (Reply(), ProviderError),
        (Reply(headers={"Content-Type": "text/event-stream"}), ProviderError),
        (Reply(headers={"Content-Type": "application/json"}), ProviderError),
        (Reply(raw=b"HTTP/1.1 204 No Content\r\n\r\n"), ProviderError),
        (Reply.of_events([b"data: [DONE]\n\n"]), ProviderResponseError),
        (Reply.of_events([USAGE, DONE]), ProviderResponseError),
        (Reply.of_events([b"data: nonsense\n\n"]), ProviderResponseError),
    ],
)
async def test_what_is_no_stream(service: FakeService, reply: Reply, expected: Any) -> None:
    """Promise 29: where a stream was asked for and something else came, it is the answer or an error, never nothing."""
    service.replies = [reply]

    async with await provider_for(service) as provider:
        if expected == "ok":
            opened = await provider.complete("x", stream=True)

            assert [piece async for piece in opened] == ["ok"]
            assert opened.usage.total_tokens == 8
            assert opened.finish_reason == "stop"
        else:
            with pytest.raises(expected):
                await stream(provider)


async def test_an_error_behind_the_pieces_without_an_event(service: FakeService) -> None:
    """Promise 29: a stream that is broken off by a bare error object raises with its message."""
    service.replies = [Reply.of_events([chunk("Par"), json.dumps(error()).encode()])]

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderStreamError, match="no luck") as caught:
            await stream(provider)

    assert caught.value.partial_text == "Par"


async def leave_by_break(provider: ReadyProvider) -> None:
    async for _ in await provider.complete("x", stream=True):
        break


async def leave_by_an_error(provider: ReadyProvider) -> None:
    with pytest.raises(ZeroDivisionError):
        async for _ in await provider.complete("x", stream=True):
            raise ZeroDivisionError


async def leave_by_return(provider: ReadyProvider) -> None:
    async for _ in await provider.complete("x", stream=True):
        return


async def leave_by_cancellation(provider: ReadyProvider) -> None:
    task = asyncio.create_task(stream(provider))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(task, 0.1)


async def leave_unread(provider: ReadyProvider) -> None:
    await provider.complete("x", stream=True)


async def leave_after_anext(provider: ReadyProvider) -> None:
    opened = await provider.complete("x", stream=True)
    assert await anext(opened.__aiter__()) == "Par"


async def leave_by_aclose(provider: ReadyProvider) -> None:
    opened = await provider.complete("x", stream=True)
    await opened.aclose()
    await opened.aclose()
    with pytest.raises(ProviderStreamError, match="left"):
        await anext(opened.__aiter__())


async def leave_by_async_with(provider: ReadyProvider) -> None:
    async with await provider.complete("x", stream=True) as opened:
        async for _ in opened:
            break

    assert opened.completion == "Par"


async def leave_by_async_with_and_an_error(provider: ReadyProvider) -> None:
    with pytest.raises(ZeroDivisionError):
        async with await provider.complete("x", stream=True):
            raise ZeroDivisionError


async def leave_a_generator_of_their_own(provider: ReadyProvider) -> None:
    async def shouting() -> Any:
        async for piece in await provider.complete("x", stream=True):
            yield piece.upper()

    async for _ in shouting():
        break


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    "leave",
    [
        leave_by_break,
        leave_by_an_error,
        leave_by_return,
        leave_by_cancellation,
        leave_unread,
        leave_after_anext,
        leave_by_aclose,
        leave_by_async_with,
        leave_by_async_with_and_an_error,
        leave_a_generator_of_their_own,
    ],
)
async def test_leaving_lets_the_connection_go(
    service: FakeService, leave: Callable[[ReadyProvider], Awaitable[Any]]
) -> None:
    """Promise 30: however a stream is left, its connection goes within a second, without a garbage collection."""
    service.replies = [WIRE.unfinished(["Par"], end="hold")]

    async with await provider_for(service) as provider:
        await leave(provider)
        await service.until(lambda: service.open == 0, seconds=1)

        service.replies = [WIRE.completion("ok")]

        assert await provider.complete("x") == "ok"


async def test_a_stream_that_was_left_says_so(service: FakeService) -> None:
    """Promise 30: who comes back to a stream that was left is told; what had come is still there."""
    service.replies = [WIRE.unfinished(["Par"], end="hold")]

    async with await provider_for(service) as provider:
        opened = await provider.complete("x", stream=True)
        async for _ in opened:
            break
        with pytest.raises(ProviderStreamError, match="left before its end") as caught:
            async for _ in opened:
                pass

    assert opened.completion == caught.value.partial_text == "Par"
    assert opened.finish_reason is None


@pytest.mark.usefixtures("no_collection")
async def test_a_stream_that_broke_is_not_kept(service: FakeService) -> None:
    """Promise 30: a stream that raised is let go with its last reference, as one that ended well."""
    for reply in (WIRE.unfinished(["Par"], end="cut"), WIRE.stream(["Paris"])):
        service.replies = [reply]

        async with await provider_for(service) as provider:
            opened = await provider.complete("x", stream=True)
            kept = weakref.ref(opened)
            with suppress(ProviderStreamError):
                async for _ in opened:
                    pass
            del opened

            assert kept() is None


async def test_from_task_to_task(service: FakeService) -> None:
    """Promise 31: a stream may be begun in one task, read on in another and finished in a third."""
    service.replies = [WIRE.stream(["a", "b", "c"], pause=0.02)]

    async with await provider_for(service) as provider:
        opened = await asyncio.create_task(provider.complete("x", stream=True))
        first = await asyncio.create_task(anext(opened))

        async def rest() -> list[str]:
            return [piece async for piece in opened]

        assert [first, *await asyncio.create_task(rest())] == ["a", "b", "c"]


async def test_two_readers_at_once(service: FakeService) -> None:
    """Promise 31: two tasks that read one stream at the same time are told so; the first is not harmed."""
    service.replies = [WIRE.stream(["a", "b"], pause=0.05)]

    async with await provider_for(service) as provider:
        opened = await provider.complete("x", stream=True)
        first = asyncio.create_task(read_on(opened))
        second = asyncio.create_task(read_on(opened))
        results = await asyncio.gather(first, second, return_exceptions=True)

    assert results[0] == "ab"
    assert isinstance(results[1], ProviderInputError)


async def read_on(opened: Any) -> str:
    pieces = []
    while (piece := await anext(opened, None)) is not None:
        pieces.append(piece)
    return "".join(pieces)


async def test_a_stream_that_is_closed_while_it_is_read(service: FakeService) -> None:
    """Promise 31: who waits for a piece of a stream that another task closes is told at once."""
    service.replies = [WIRE.unfinished(["Par"], end="hold")]

    async with await provider_for(service) as provider:
        opened = await provider.complete("x", stream=True)
        reader = asyncio.create_task(read_on(opened))
        await service.until(lambda: service.sent > 200)
        async with FakeService(WIRE.completion("ok")) as other, await provider_for(other) as busy:
            await busy.complete("x")
        await opened.aclose()
        with pytest.raises((ProviderStreamError, ProviderConnectionError)), within(1):
            await reader

        await service.until(lambda: service.open == 0)
