"""Streams that their reader leaves."""

from __future__ import annotations

import asyncio
from typing import Any

from ..promises import expect, promise, skip
from ..stage import Stage, open_stream
from .subject import Subject

MEND = (
    "close the response where the generator ends, by async with or try/finally around the yield, and keep no other "
    "reference to it; HTTPProvider does it"
)


class Endings(Subject):
    """However a stream is left, its connection goes."""

    @promise(
        "streams.break-lets-go",
        "leaving the loop by break or by an exception closes the connection, without aclose() and without a garbage "
        "collection",
        mend=MEND,
        needs="wire streaming",
    )
    async def test_streams_break_lets_go(self, stage: Stage) -> None:
        async def leave_by_break(provider: Any) -> None:
            async for _ in await open_stream(provider):
                break

        async def leave_by_exception(provider: Any) -> None:
            try:
                async for _ in await open_stream(provider):
                    raise LookupError
            except LookupError:
                pass

        for leave in (leave_by_break, leave_by_exception):
            async with stage.provider(stage.wire.unfinished(["Par"], end="hold")) as provider:
                await leave(provider)
                await _expect_closed(stage, leave.__name__.replace("_", " "))

    @promise(
        "streams.unread-lets-go",
        "a stream that was opened and dropped without being read lets go of its connection",
        mend="a generator that never began does not run its finally: return an object with __aiter__ that closes the "
        "response in aclose and __del__, or return CompletionStream by way of HTTPProvider",
        needs="wire streaming",
    )
    async def test_streams_unread_lets_go(self, stage: Stage) -> None:
        async with stage.provider(stage.wire.unfinished(["Par"], end="hold")) as provider:
            stream = await open_stream(provider)
            del stream
            await _expect_closed(stage, "opened and dropped")

    @promise(
        "streams.close-lets-go",
        "aclose() closes the connection, and may be called twice",
        mend=MEND,
        needs="wire streaming",
    )
    async def test_streams_close_lets_go(self, stage: Stage) -> None:
        async with stage.provider(stage.wire.unfinished(["Par"], end="hold")) as provider:
            stream = await open_stream(provider)
            if not hasattr(stream, "aclose"):
                skip("the stream has no aclose()")
            await anext(aiter(stream))
            await stream.aclose()
            await stream.aclose()
            await _expect_closed(stage, "aclose() was called")

    @promise(
        "streams.cancel-lets-go",
        "a reader that is cancelled gets CancelledError, and its connection closes",
        mend="let CancelledError through, and close the response on every way out",
        needs="wire streaming",
    )
    async def test_streams_cancel_lets_go(self, stage: Stage) -> None:
        begun = asyncio.Event()

        async def consume(provider: Any) -> None:
            async for _ in await open_stream(provider):
                begun.set()

        async with stage.provider(stage.wire.unfinished(["Par"], end="hold")) as provider:
            task = asyncio.create_task(consume(provider))
            async with asyncio.timeout(5):
                await begun.wait()
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=2)
            expect(done, "2 s after it was cancelled the reader still ran")
            ended = "CancelledError" if task.cancelled() else repr(task.exception())
            expect(task.cancelled(), f"the reader ended with {ended} instead of CancelledError")
            await _expect_closed(stage, "the reader was cancelled")


async def _expect_closed(stage: Stage, said: str) -> None:
    await stage.until(
        lambda: stage.service.open_calls == 0,
        lambda: f"{said}: 1.5 s later {stage.service.open_calls} connections are still open",
        1.5,
    )
