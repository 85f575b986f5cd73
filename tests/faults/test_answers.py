"""An answer is what it is said to be, whole, and within bounds; anything else is an error."""

from __future__ import annotations

import asyncio
import base64
import codecs
import functools
import gzip
import json
import tracemalloc
import zlib
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pepperpy.providers import (
    Completion,
    ProviderConnectionError,
    ProviderContentFilterError,
    ProviderError,
    ProviderResponseError,
    Usage,
)
from pepperpy.providers.testing import FakeService, Reply

from .kit import DONE, WIRE, chunk, complete, embed, embed_many, provider_for, stream, within

MEGABYTE = 1_000_000
ANSWER = {"choices": [{"index": 0, "message": {"content": "Zürich \u2028🌍"}, "finish_reason": "stop"}]}


def events(*items: Any) -> bytes:
    """A whole stream, as it goes over the wire."""
    return b"".join(b"data: " + json.dumps(item).encode() + b"\n\n" for item in items) + DONE


@contextmanager
def growth_below(limit: int) -> Iterator[None]:
    """Assert that at no time the block holds `limit` bytes more than before."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < limit


def row(embedding: Any) -> Any:
    return {"data": [{"index": 0, "embedding": embedding}]}


def packed(*numbers: float) -> str:
    return base64.b64encode(array("f", numbers).tobytes()).decode()


@pytest.mark.parametrize("embedding", [[0.5, -1, 2e-3], packed(0.5, -1.0, 0.25)])
async def test_types(service: FakeService, embedding: Any) -> None:
    """Promise 20: `complete` gives a str, a stream strs, and `embed` a list of floats, whatever the wire's form."""
    service.replies = [WIRE.completion("ok"), WIRE.stream(["ok"]), Reply.of_json(row(embedding))]

    async with await provider_for(service) as provider:
        completion = await provider.complete("x")
        pieces = [piece async for piece in await provider.complete("x", stream=True)]
        vector = await provider.embed("x")

    assert isinstance(completion, str)
    assert [type(piece) for piece in pieces] == [str]
    assert type(vector) is list
    assert [type(number) for number in vector] == [float] * 3


@pytest.mark.parametrize("call", [embed, embed_many])
@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"data": []},
        row([]),
        row(""),
        row(None),
        row(["0.5"]),
        row([None]),
        row([[0.5]]),
        row([1e400]),
        row(packed(float("nan"))),
        row(packed(1.0)[:-2]),
        row("no base64"),
        {"data": [{"index": 7, "embedding": [1.0]}]},
    ],
)
async def test_what_is_no_vector(service: FakeService, payload: Any, call: Any) -> None:
    """Promise 20: a vector that is empty, not finite, misnumbered or none is an error."""
    service.replies = [Reply.of_json(payload)]

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderResponseError):
            await call(provider)


@pytest.mark.parametrize(
    "label",
    [
        "application/json",
        "application/json; charset=latin-1",
        "application/json; charset=utf-16",
        "application/json; charset=no-such-thing",
        "application/problem+json",
        "text/plain",
        "text/html",
        "application/octet-stream",
        "nonsense",
        "",
    ],
)
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8, b"\n \t"])
async def test_json_is_utf_8_whatever_its_label_says(service: FakeService, label: str, mark: bytes) -> None:
    """Promise 21: charset and type of the label are passed over, and so is a byte-order mark."""
    body = mark + json.dumps({**ANSWER, "unknown": {"a": [1]}, "usage": "broken"}, ensure_ascii=False).encode()
    service.replies = [Reply(body=body, headers={"Content-Type": label} if label else {})]

    async with await provider_for(service) as provider:
        completion = await provider.complete("x")

    assert completion == "Zürich \u2028🌍"
    assert completion.usage == Usage()


@pytest.mark.parametrize(
    "label", ["text/event-stream", "text/event-stream; charset=latin-1", "text/plain", "application/octet-stream", ""]
)
async def test_events_are_utf_8_whatever_their_label_says(service: FakeService, label: str) -> None:
    """Promise 21: the same of streams."""
    body = codecs.BOM_UTF8 + b"data: " + json.dumps(chunk("Zürich", "stop"), ensure_ascii=False).encode() + b"\n\n"
    service.replies = [Reply(body=[body, DONE], headers={"Content-Type": label} if label else {}, framing="chunked")]

    async with await provider_for(service) as provider:
        assert await stream(provider) == "Zürich"


@pytest.mark.parametrize("call", [complete, stream])
async def test_nesting_without_end(service: FakeService, call: Any) -> None:
    """Promise 21: an answer nested a hundred thousand deep is malformed, and no RecursionError."""
    deep = b'{"choices":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    service.replies = [Reply(body=deep if call is complete else b"data: " + deep + b"\n\n")]

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderResponseError, match="JSON"):
            await call(provider)


@functools.cache
def bomb() -> bytes:
    """300 MB of nothing, packed into 300 kB."""
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(bytes(MEGABYTE)) for _ in range(300)) + packer.flush()


HUGE = {
    "declared": lambda: Reply(body=[b" " * MEGABYTE] * 200),
    "in chunks": lambda: Reply(body=[b" " * MEGABYTE] * 200, framing="chunked"),
    "until the connection ends": lambda: Reply(body=[b" " * MEGABYTE] * 200, framing="close"),
    "a bomb": lambda: Reply(body=bomb(), headers={"Content-Encoding": "deflate"}),
    "many bombs": lambda: Reply(body=[gzip.compress(bytes(10 * MEGABYTE))] * 30, headers={"Content-Encoding": "gzip"}),
    "events": lambda: Reply(body=[b": " + b"x" * 200_000 + b"\n\n"] * 1_000, framing="chunked"),
}


@pytest.mark.parametrize("call", [complete, stream])
@pytest.mark.parametrize("name", HUGE)
async def test_answers_are_bounded(service: FakeService, name: str, call: Any) -> None:
    """Promise 22: 200 MB, sent or unpacked, are refused, and never in memory."""
    service.replies = [HUGE[name]()]

    async with await provider_for(service) as provider:
        with (
            growth_below(300 * MEGABYTE),
            pytest.raises(ProviderResponseError, match=r"max_response_bytes|event that has no end"),
            within(5),
        ):
            await call(provider)

        # A bomb is small: its body may have come whole, and then its connection is as good as new.
        await service.until(lambda: service.open == 0 or "bomb" in name)

    assert name != "declared" or call is stream or service.sent < 10 * MEGABYTE


async def test_a_bomb_of_events_leaves_the_loop_alive(service: FakeService) -> None:
    """Promise 19: millions of tiny events in a small body are read bit by bit: the caller's own timeout fires."""
    service.replies = [
        Reply(
            body=gzip.compress(b"data: 1\n\n" * 3_000_000, compresslevel=1),
            headers={"Content-Type": "text/event-stream", "Content-Encoding": "gzip"},
        )
    ]

    async with await provider_for(service) as provider:
        with growth_below(200 * MEGABYTE), pytest.raises(TimeoutError), within(2):
            async with asyncio.timeout(0.3):
                await stream(provider)


@pytest.mark.parametrize("call", [complete, stream])
@pytest.mark.parametrize("packing", [None, "gzip"])
async def test_the_bound_can_be_set(service: FakeService, packing: str | None, call: Any) -> None:
    """Promise 22: `max_response_bytes` counts unpacked bytes: so many pass, one more does not."""
    body = json.dumps({**ANSWER, "x": "x" * 500}).encode() if call is complete else events(chunk("ok" * 5_000, "stop"))
    sent = gzip.compress(body) if packing else body
    service.replies = [Reply(body=sent, headers={"Content-Encoding": packing} if packing else {})]

    async with await provider_for(service, max_response_bytes=len(body)) as provider:
        assert await call(provider)
    async with await provider_for(service, max_response_bytes=len(body) - 1) as provider:
        with pytest.raises(ProviderResponseError, match="max_response_bytes"):
            await call(provider)


def choice(content: Any, finish_reason: str, **rest: Any) -> Any:
    message = {"role": "assistant", "content": content, **rest}
    return {"choices": [{"index": 0, "message": message, "delta": message, "finish_reason": finish_reason}]}


@pytest.mark.parametrize("call", [complete, stream])
@pytest.mark.parametrize(
    "payload",
    [choice("", "content_filter"), choice(None, "content_filter"), choice(None, "stop", refusal="I cannot do that")],
)
async def test_an_answer_that_was_refused(service: FakeService, payload: Any, call: Any) -> None:
    """Promise 23: an answer that was filtered or refused whole is an error, not an empty answer."""
    service.replies = [Reply.of_json(payload) if call is complete else Reply(body=events(payload))]

    async with await provider_for(service, max_retries=3) as provider:
        with pytest.raises(ProviderContentFilterError, match="rephrase"):
            await call(provider)

    assert len(service.requests) == 1


async def test_an_answer_that_was_filtered_in_part(service: FakeService) -> None:
    """Promise 23: what is left of a filtered answer says by its finish reason that it is not whole."""
    payload = choice("Par", "content_filter")
    service.replies = [Reply.of_json(payload), Reply(body=events(payload))]

    async with await provider_for(service) as provider:
        completion = await provider.complete("x")
        streamed = await provider.complete("x", stream=True)
        text = "".join([piece async for piece in streamed])

    assert (completion, completion.finish_reason) == ("Par", "content_filter")
    assert (text, streamed.finish_reason) == ("Par", "content_filter")


async def test_an_answer_that_is_only_tool_calls(service: FakeService) -> None:
    """Promise 23: an empty text is an answer where there is something else in it."""
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    payload = choice(None, "tool_calls", tool_calls=[call])
    service.replies = [Reply.of_json(payload), Reply(body=events(payload))]

    async with await provider_for(service) as provider:
        completion = await provider.complete("x")
        streamed = await provider.complete("x", stream=True)
        pieces = [piece async for piece in streamed]

    assert (completion, pieces) == ("", [])
    assert completion.tool_calls[0].id == streamed.completion.tool_calls[0].id == "c"


PACKINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "GZIP": (" GZip ", gzip.compress),
    "two members": ("gzip", lambda data: gzip.compress(data[:20]) + gzip.compress(data[20:])),
    "deflate": ("deflate", zlib.compress),
    "identity": ("identity", bytes),
}


@pytest.mark.parametrize("call", [complete, stream])
@pytest.mark.parametrize("name", PACKINGS)
async def test_packed_answers(service: FakeService, name: str, call: Any) -> None:
    """Promise 24: what we say that we can unpack is unpacked, in whatever pieces it comes."""
    encoding, pack = PACKINGS[name]
    body = pack(json.dumps(ANSWER).encode() if call is complete else events(chunk("Zürich \u2028🌍", "stop")))
    pieces = [body[place : place + 7] for place in range(0, len(body), 7)]
    service.replies = [Reply(body=pieces, headers={"Content-Encoding": encoding}, framing="chunked")]

    async with await provider_for(service) as provider:
        assert await call(provider) == "Zürich \u2028🌍"

    assert service.requests[0].headers["accept-encoding"] == "gzip, deflate"


BROKEN: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "cut": ("gzip", lambda data: gzip.compress(data)[:-1]),
    "cut in its first member": ("gzip", lambda data: gzip.compress(data[:20])[:-4]),
    "cut in a later member": ("gzip", lambda data: gzip.compress(data[:20]) + gzip.compress(data[20:])[:-9]),
    "deflate that is cut": ("deflate", lambda data: zlib.compress(data)[:-1]),
    "corrupt": ("gzip", lambda data: gzip.compress(data)[:-8] + b"\x00" * 8),
    "not packed": ("gzip", bytes),
    "not packed as said": ("gzip", zlib.compress),
    "something behind it": ("gzip", lambda data: gzip.compress(data) + b"garbage"),
    "unknown": ("br", bytes),
    "several": ("gzip, gzip", lambda data: gzip.compress(gzip.compress(data))),
}


@pytest.mark.parametrize("call", [complete, stream])
@pytest.mark.parametrize("name", BROKEN)
async def test_broken_packing(service: FakeService, name: str, call: Any) -> None:
    """Promise 24: packing that is cut, corrupt or unknown is an error, not half an answer."""
    encoding, pack = BROKEN[name]
    body = pack(
        json.dumps(ANSWER).encode() if call is complete else events(chunk("Par"), chunk("is")).removesuffix(DONE)
    )
    service.replies = [Reply(body=body, headers={"Content-Encoding": encoding})]

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderError) as caught:
            await call(provider)

    assert isinstance(caught.value, ProviderConnectionError) or "broke" in str(caught.value)
    assert any(word in str(caught.value) for word in ("cut", "corrupt", "packed as"))


async def test_a_completion_is_whole(service: FakeService) -> None:
    """Promise 20: what the service said of an answer is on it."""
    async with await provider_for(service) as provider:
        completion = await provider.complete("x")

    assert isinstance(completion, Completion)
    assert (completion.model, completion.id, completion.attempts) == ("fake", "chatcmpl-1", 1)
    assert completion.usage == Usage(input_tokens=3, output_tokens=5, total_tokens=8)
    assert completion.raw["choices"][0]["message"]["content"] == "ok"


async def test_a_large_answer_is_read_in_large_pieces(service: FakeService) -> None:
    """A connection asks for little at a time until a large answer comes, of which much lies there at once."""
    text = "x" * MEGABYTE
    service.replies = [WIRE.completion("ok"), WIRE.completion(text)]

    async with await provider_for(service) as provider:
        exchange = provider._transport._exchange  # type: ignore[attr-defined]
        sizes = []
        for answer in ("ok", text):
            assert await provider.complete("x") == answer
            ((pooled, _),) = next(iter(exchange.sessions.current().http.connector._conns.values()))
            sizes.append(pooled.transport.max_size)

    assert sizes == [64 * 1024, 256 * 1024]
