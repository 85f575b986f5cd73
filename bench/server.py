"""A service on loopback that costs less than any client: every answer is made before it is asked for.

The path decides what comes; a client's `base_url` is `http://127.0.0.1:PORT/` and one of

    plain       a completion
    think-N     the same, after N milliseconds
    fast-N      a stream of N pieces, all at once
    paced-N     a stream of N pieces, one every 20 ms, in step with all other streams of its kind
    embed       256 embeddings of 1,536 numbers: base64 where the request asks for it, numbers where not

What comes is in OpenAI's words, or in Google's where the path behind it is one of theirs.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import random
from array import array
from collections.abc import Iterator
from typing import Any, cast

TICK_SECONDS = 0.02
TEXTS = 256
DIMENSIONS = 1536


def whole(answer: Any) -> bytes:
    """Return a plain answer, its head included."""
    body = json.dumps(answer).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


COMPLETION = whole(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello! How can I help you today?", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 9,
            "total_tokens": 18,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
        "service_tier": "default",
        "system_fingerprint": None,
    }
)
GEMINI_REST = {
    "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 9, "totalTokenCount": 18},
    "modelVersion": "m",
    "responseId": "answer-1",
}
GEMINI_COMPLETION = whole(
    {
        "candidates": [
            {
                "content": {"parts": [{"text": "Hello! How can I help you today?"}], "role": "model"},
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        **GEMINI_REST,
    }
)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(choices: list[dict[str, Any]], usage: Any = None) -> bytes:
    """Return an event of a stream, framed as a chunk of HTTP."""
    event = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "service_tier": "default",
        "system_fingerprint": None,
        "choices": choices,
        "usage": usage,
    }
    return framed(b"data: " + json.dumps(event, separators=(",", ":")).encode() + b"\n\n")


def framed(event: bytes) -> bytes:
    """Return the bytes of an event as a chunk of HTTP."""
    return b"%x\r\n%b\r\n" % (len(event), event)


def choice(delta: dict[str, Any], finish_reason: str | None = None) -> list[dict[str, Any]]:
    """Return the choices of an event."""
    return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]


@functools.cache
def events(pieces: int) -> list[bytes]:
    """Return what a stream sends, one item for each event; the last ends the body."""
    usage = {"prompt_tokens": 9, "completion_tokens": pieces, "total_tokens": 9 + pieces}
    return [
        chunk(choice({"role": "assistant", "content": "", "refusal": None})),
        *(chunk(choice({"content": f" word{place}"})) for place in range(pieces)),
        chunk(choice({}, "stop")),
        chunk([], usage),
        framed(b"data: [DONE]\n\n") + b"0\r\n\r\n",
    ]


def gemini_chunk(text: str, **rest: str) -> bytes:
    """Return an event of a stream of Google's, framed as a chunk of HTTP; its lines end with CR and LF."""
    event = {
        "candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, **rest, "index": 0}],
        **GEMINI_REST,
    }
    return framed(b"data: " + json.dumps(event, separators=(",", ":")).encode() + b"\r\n\r\n")


@functools.cache
def gemini_events(pieces: int) -> list[bytes]:
    """Return what a stream of Google's sends, one item for each event; the last ends the body."""
    chunks = [gemini_chunk(f" word{place}") for place in range(pieces)]
    return [*chunks, gemini_chunk("", finishReason="STOP") + b"0\r\n\r\n"]


@functools.cache
def stream(pieces: int, *, gemini: bool = False) -> bytes:
    """Return a stream as a whole."""
    return STREAM_HEAD + b"".join((gemini_events if gemini else events)(pieces))


@functools.cache
def vectors() -> list[array[float]]:
    """Return all embeddings."""
    draw = random.Random(1).uniform  # noqa: S311 -- numbers of an embedding
    return [array("f", (draw(-0.1, 0.1) for _ in range(DIMENSIONS))) for _ in range(TEXTS)]


@functools.cache
def gemini_embeddings(texts: int) -> bytes:
    """Return the answer with some embeddings, as Google sends it: as numbers."""
    return whole({"embeddings": [{"values": [*map(shortened, vector)]} for vector in vectors()[:texts]]})


def shortened(number: float) -> float:
    """Return a number with as many digits as services send."""
    return float(f"{number:.8g}")


@functools.cache
def embeddings(*, packed: bool) -> bytes:
    """Return the answer with all embeddings."""
    rows = [
        {"object": "embedding", "index": place, "embedding": base64.b64encode(vector).decode() if packed else [*vector]}
        for place, vector in enumerate(vectors())
    ]
    return whole({"object": "list", "data": rows, "model": "m", "usage": {"prompt_tokens": 9, "total_tokens": 9}})


class Pacer:
    """Sends the next event of every paced stream at once, so that each is a read of its own at the client."""

    def __init__(self) -> None:
        self._streams: dict[asyncio.Transport, Iterator[bytes]] = {}

    def add(self, transport: asyncio.Transport, sent: list[bytes]) -> None:
        """Begin a stream."""
        transport.write(STREAM_HEAD)
        if not self._streams:
            asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)
        self._streams[transport] = iter(sent)

    def _tick(self) -> None:
        for transport, rest in list(self._streams.items()):
            event = None if transport.is_closing() else next(rest, None)
            if event is None:
                del self._streams[transport]
            else:
                transport.write(event)
        if self._streams:
            asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)


class Connection(asyncio.Protocol):
    """A connection of a client, whose requests come one after the other."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer as soon as the request is whole."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found or len(body) < length_of(head):
            return
        self._buffer = b""
        path = head.split(b" ", 2)[1]
        gemini = b"Content" in path
        mode, _, amount = path.split(b"/", 2)[1].decode().partition("-")
        if mode == "plain":
            self._transport.write(GEMINI_COMPLETION if gemini else COMPLETION)
        elif mode == "fast":
            self._transport.write(stream(int(amount), gemini=gemini))
        elif mode == "paced":
            self._pacer.add(self._transport, (gemini_events if gemini else events)(int(amount)))
        elif mode == "think":
            answer = GEMINI_COMPLETION if gemini else COMPLETION
            asyncio.get_running_loop().call_later(int(amount) / 1000, self._transport.write, answer)
        elif mode == "embed":
            self._transport.write(
                gemini_embeddings(body.count(b'"content"')) if gemini else embeddings(packed=b'"base64"' in body)
            )
        else:
            self._transport.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


def length_of(head: bytes) -> int:
    """Return how long the body of a request is, in bytes."""
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)


async def main() -> None:
    """Listen on a free port, print it, and serve until the end of the process."""
    # The largest answers are made now, so that no client waits for them.
    embeddings(packed=True)
    embeddings(packed=False)
    gemini_embeddings(100)
    pacer = Pacer()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(pacer), "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
