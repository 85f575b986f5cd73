"""The first piece of a stream does not wait for what came in the same read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pepperpy.providers.dialects.openai import OpenAIDialect
from pepperpy.providers.dialects.openai_answers import OpenAIStreamParser
from pepperpy.providers.domain import ProviderError, ProviderStreamError
from pepperpy.providers.stream import CompletionStream

ROLE = b'{"id":"1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}'
END = b'{"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
ERROR = b'{"error":{"message":"no more"}}'


def piece(text: str) -> bytes:
    """Return the event of a piece."""
    return b'{"id":"1","choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}' % text.encode()


class Source:
    """A body that comes in given reads."""

    content_type = "text/event-stream"
    request_id = None

    def __init__(self, *reads: list[bytes]) -> None:
        self._reads = [b"".join(b"data: " + event + b"\n\n" for event in read) for read in reads]

    async def read(self) -> bytes:
        return self._reads.pop(0) if self._reads else b""

    async def finish(self) -> None: ...

    def close(self) -> None: ...


class Counting(OpenAIStreamParser):
    """A parser that counts what it was fed."""

    fed = 0

    def feed(self, events: Any) -> list[str]:
        self.fed += len(events)
        return super().feed(events)


@pytest.fixture
def begin() -> Callable[..., Any]:
    """What begins a stream of some reads; returns it with its parser."""

    async def begin(*reads: list[bytes]) -> tuple[CompletionStream, Counting]:
        parser = Counting(OpenAIDialect(), native="openai.chat", carried=())

        def keep(error: ProviderError) -> ProviderError:
            return error

        stream = CompletionStream(
            Source(*reads),
            parser,
            parse_whole=OpenAIDialect().parse_completion,  # type: ignore[arg-type]
            sign=keep,
            content_timeout=None,
        )
        return await stream.begin(), parser

    return begin


async def test_the_first_piece_comes_before_the_rest_is_read(begin: Callable[..., Any]) -> None:
    """Where a whole answer comes at once, two events are read for the first piece, the others behind it, in order."""
    stream, parser = await begin([ROLE, *(piece(str(place)) for place in range(9)), END, b"[DONE]"])

    assert parser.fed == 2
    assert [each async for each in stream] == list("012345678")
    assert stream.finish_reason == "stop"
    assert stream.completion == "012345678"


async def test_later_reads_are_read_whole(begin: Callable[..., Any]) -> None:
    """Only the first piece is hurried."""
    stream, parser = await begin([ROLE, piece("a")], [piece("b"), piece("c"), piece("d")], [END])
    pieces = aiter(stream)
    assert [await anext(pieces), await anext(pieces)] == ["a", "b"]

    assert parser.fed == 5


async def test_an_error_behind_the_first_piece_comes_behind_it(begin: Callable[..., Any]) -> None:
    """An error in the same read is raised after the pieces before it."""
    stream, _ = await begin([ROLE, piece("a"), piece("b"), ERROR])
    pieces = []
    with pytest.raises(ProviderStreamError, match="no more") as caught:
        async for each in stream:
            pieces.append(each)

    assert pieces == ["a", "b"]
    assert caught.value.partial_text == "ab"


async def test_an_error_before_the_first_piece_is_raised_at_once(begin: Callable[..., Any]) -> None:
    """Events that bring no piece are no reason to hand the stream out."""
    with pytest.raises(ProviderError, match="no more"):
        await begin([ROLE, ROLE, ROLE, ERROR])
