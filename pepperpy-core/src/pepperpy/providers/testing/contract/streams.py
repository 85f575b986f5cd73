"""Streams that go well, however their bytes come."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import attrs

from pepperpy.providers import CompletionStream

from ..promises import BrokenPromise, expect, promise, skip
from ..service import Reply
from ..stage import Stage, open_stream, read
from ..wire import body_of, has_events
from .subject import Subject

PIECES = ["Zür", "ich \u2028", "x\x85\x0b\x1cy", " 日本", "🌍", "\n\n", "data: {", "}."]
TEXT = "".join(PIECES)


class Streams(Subject):
    """What comes out of `complete(stream=True)`."""

    @promise(
        "streams.text",
        "a stream gives the pieces of the answer, each a str and none of them empty",
        mend="yield the text of each event as it comes, and nothing for events without text",
        needs="streaming",
    )
    async def test_streams_text(self, stage: Stage) -> None:
        if stage.wire is None:
            async with stage.provider() as provider:
                pieces: list[Any] = [*await read(provider)]
            wrong = [piece for piece in pieces if not isinstance(piece, str) or not piece]
            expect(not wrong, f"the pieces {wrong!r} among {len(pieces)}")
            return
        async with stage.provider(stage.wire.stream(["Par", "", "is", "."])) as provider:
            pieces = await read(provider)
        expect(pieces == ["Par", "is", "."], f"the pieces {pieces!r} instead of ['Par', 'is', '.']")

    @promise(
        "streams.ending",
        "a CompletionStream knows at its end the whole text, the finish reason and the usage",
        mend="read usage and finish reason from the last events, also from one without text behind the finish reason",
        needs="wire streaming",
    )
    async def test_streams_ending(self, stage: Stage) -> None:
        async with stage.provider(stage.wire.stream(["Par", "is", "."])) as provider:
            stream = await open_stream(provider)
            async for _ in stream:
                pass
        if not isinstance(stream, CompletionStream) and not hasattr(stream, "usage"):
            skip("the stream is a plain iterator, which claims no usage")
        usage = (stream.usage.input_tokens, stream.usage.output_tokens)
        expect(usage == (3, 5), f"input and output tokens {usage} instead of (3, 5)")
        expect(stream.finish_reason == "stop", f'finish_reason {stream.finish_reason!r} instead of "stop"')
        expect(stream.completion == "Paris.", f"the completion {str(stream.completion)!r} instead of 'Paris.'")

    @promise(
        "streams.as-it-comes",
        "a piece is handed out when it comes, not when the answer ends",
        mend="yield while reading; do not gather the body first",
        needs="wire streaming",
    )
    async def test_streams_as_it_comes(self, stage: Stage) -> None:
        async with stage.provider(stage.wire.unfinished(["Par"], end="hold"), timeout=30) as provider:
            try:
                async with asyncio.timeout(3):
                    stream = await open_stream(provider)
                    first = await anext(aiter(stream))
            except TimeoutError as error:
                raise BrokenPromise("the first piece was sent, and 3 s later it had not been handed out") from error
        expect(first == "Par", f"the first piece {first!r} instead of 'Par'")

    @promise(
        "streams.cut-anywhere",
        "however the network cuts the bytes, inside a line or a character, the text is the same",
        mend="keep bytes until a whole line is there, and decode whole lines; split on CR, LF and CRLF alone, since "
        "str.splitlines also splits at U+2028 and others that may stand inside a text",
        needs="wire streaming",
    )
    async def test_streams_cut_anywhere(self, stage: Stage) -> None:
        reply = stage.wire.stream(PIECES)
        whole = body_of(reply)
        places = [place for place in range(1, len(whole)) if _is_awkward(whole, place)]
        async with stage.provider() as provider:
            for size in (len(whole), 1, 2, 3, 7):
                cut = [whole[i : i + size] for i in range(0, len(whole), size)]
                await _expect_text(stage, provider, attrs.evolve(reply, body=cut), f"cut into pieces of {size} bytes")
            for place in places:
                halves = attrs.evolve(reply, body=[whole[:place], whole[place:]], pause=0.0005)
                around = whole[max(0, place - 8) : place], whole[place : place + 8]
                await _expect_text(stage, provider, halves, f"cut between {around[0]!r} and {around[1]!r}")

    @promise(
        "streams.line-ends",
        "lines end with LF, CRLF or CR, wherever the network cuts them",
        mend="take CR, LF and CRLF for the end of a line, and a CR at the end of what was read for undecided",
        needs="wire streaming",
    )
    async def test_streams_line_ends(self, stage: Stage) -> None:
        reply = _events(stage)
        async with stage.provider() as provider:
            for name, end in (("CRLF", b"\r\n"), ("CR", b"\r")):
                body = body_of(reply).replace(b"\n", end)
                for size in (len(body), 1, 5):
                    cut = [body[i : i + size] for i in range(0, len(body), size)]
                    said = f"with {name} as the end of lines, {size} bytes at a time"
                    await _expect_text(stage, provider, attrs.evolve(reply, body=cut), said)

    @promise(
        "streams.comments",
        "comments, blank lines, a byte order mark, a missing blank after the colon and the fields id and retry "
        "change nothing",
        mend="leave out lines that begin with a colon, events without data, and the fields that you do not use",
        needs="wire streaming",
    )
    async def test_streams_comments(self, stage: Stage) -> None:
        await self._vary(
            stage,
            {
                "comments between the events": lambda body: (
                    b": hi\n\n" + body.replace(b"\n\n", b"\n\n: keep-alive\n\n")
                ),
                "comments inside the events": lambda body: _at_data(body, b": hi\ndata: "),
                "blank lines between the events": lambda body: body.replace(b"\n\n", b"\n\n\n\n"),
                "a byte order mark": lambda body: b"\xef\xbb\xbf" + body,
                "no blank after the colon": lambda body: _at_data(body, b"data:"),
                "fields id and retry": lambda body: _at_data(body, b"id: 7\nretry: 10\ndata: "),
            },
        )

    @promise(
        "streams.multi-line-data",
        "an event's data may stand in several lines",
        mend="join the data lines of an event with LF before decoding its JSON",
        needs="wire streaming",
    )
    async def test_streams_multi_line_data(self, stage: Stage) -> None:
        await self._vary(stage, {"data in two lines": lambda body: re.sub(rb"(?m)^data: \{", b"data: {\ndata: ", body)})

    @promise(
        "streams.last-blank-line",
        "the last event counts, also where the body ends without the blank line behind it",
        mend="at the end of the body, take in what stands in the buffer",
        needs="wire streaming",
    )
    async def test_streams_last_blank_line(self, stage: Stage) -> None:
        await self._vary(
            stage,
            {
                "no blank line at the end": lambda body: body.removesuffix(b"\n"),
                "no end of line at the end": lambda body: body.rstrip(b"\n"),
            },
        )

    async def _vary(self, stage: Stage, variants: dict[str, Callable[[bytes], bytes]]) -> None:
        reply = _events(stage)
        async with stage.provider() as provider:
            for said, vary in variants.items():
                body = vary(body_of(reply))
                for size in (len(body), 1):
                    cut = [body[i : i + size] for i in range(0, len(body), size)]
                    await _expect_text(stage, provider, attrs.evolve(reply, body=cut), f"with {said}")


def _at_data(body: bytes, instead: bytes) -> bytes:
    """Put something in place of the beginning of each line with data."""
    return re.sub(rb"(?m)^data: ", instead, body)


def _events(stage: Stage) -> Reply:
    reply: Reply = stage.wire.stream(PIECES)
    if not has_events(reply):
        skip("the wire's streams are no server-sent events")
    return reply


async def _expect_text(stage: Stage, provider: object, reply: Reply, said: str) -> None:
    stage.service.replies = [reply]
    try:
        text = "".join(await read(provider))
    except Exception as error:
        raise BrokenPromise(f"{said}: {type(error).__name__}: {str(error)[:300]}") from error
    expect(text == TEXT, f"{said}: {text!r} instead of {TEXT!r}")


def _is_awkward(whole: bytes, place: int) -> bool:
    """Tell whether a cut lies at the end of a line, inside a character, at the beginning of data, or at a seventh byte."""
    near = whole[place - 1 : place + 1]
    return b"\n" in near or near[1] >= 0x80 or whole[:place].endswith((b"dat", b"data:")) or place % 7 == 0
