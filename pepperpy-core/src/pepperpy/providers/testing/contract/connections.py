"""Connections, tasks and memory."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from typing import Any

from ..promises import expect, promise
from ..service import Reply
from ..stage import Stage, claims, failure_of, open_stream, read
from .subject import Subject

ONE_SESSION = "keep one session for each provider and running loop, made on first use; HTTPProvider does it"


class Connections(Subject):
    """Nothing is left behind."""

    @promise(
        "connections.reused",
        "calls one after the other, streams among them, share one connection",
        mend=f"{ONE_SESSION}; read every answer to its end",
        needs="wire",
    )
    async def test_connections_reused(self, stage: Stage) -> None:
        replies = [stage.wire.completion("a"), stage.wire.completion("c")]
        streaming = (await claims(stage))["streaming"]
        if streaming:
            replies.insert(1, stage.wire.stream(["b"]))
        async with stage.provider(*replies) as provider:
            await provider.complete("Where?")
            if streaming:
                await read(provider)
            await provider.complete("Where?")
        used = len(stage.service.connections_of_calls)
        expect(used == 1, f"{len(stage.service.requests)} calls took {used} connections")

    @promise(
        "connections.shared",
        "calls at the same time share the connections of one session",
        mend=ONE_SESSION,
        needs="wire",
    )
    async def test_connections_shared(self, stage: Stage) -> None:
        async with stage.provider() as provider:
            for _ in range(3):
                await asyncio.gather(*(provider.complete("Where?") for _ in range(20)))
        used = len(stage.service.connections_of_calls)
        expect(used <= 20, f"3 times 20 calls at once took {used} connections")

    @promise(
        "connections.closed-by-cleanup",
        "cleanup() closes all connections, and nothing is said of an unclosed session",
        mend="close your session in cleanup(), and in every other place where you make one",
        needs="wire",
    )
    async def test_connections_closed_by_cleanup(self, stage: Stage) -> None:
        async with stage.provider() as provider:
            await asyncio.gather(*(provider.complete("Where?") for _ in range(5)))
        await stage.until(
            lambda: stage.service.open == 0, lambda: f"{stage.service.open} connections are open after cleanup()", 1.5
        )
        del provider
        gc.collect()
        await asyncio.sleep(0.01)
        expect(not stage.warnings, f"the loop says: {stage.warnings[:3]}")

    @promise(
        "connections.none-left",
        "after a thousand streams, read, left, broken and cancelled, no connection and no task is left, also before "
        "cleanup()",
        mend="close the response on every way out of a stream",
        needs="wire streaming",
    )
    async def test_connections_none_left(self, stage: Stage) -> None:
        async with stage.provider() as provider:
            await provider.complete("Where?")
            before = asyncio.all_tasks()
            await self._many(stage, provider)
            await stage.until(
                lambda: stage.service.open_calls <= 50,
                lambda: f"{stage.service.open_calls} connections are open, where 50 streams ran at once",
            )
            await stage.until(
                lambda: not asyncio.all_tasks() - before,
                lambda: f"{len(asyncio.all_tasks() - before)} tasks are left, such as {_name_one(before)}",
            )
        await stage.until(
            lambda: stage.service.open == 0, lambda: f"{stage.service.open} connections are open after cleanup()"
        )

    async def _many(self, stage: Stage, provider: Any) -> None:
        async def leave(provider: Any) -> None:
            async for _ in await open_stream(provider):
                break

        async def cancel(provider: Any) -> None:
            task = asyncio.create_task(read(provider))
            await asyncio.sleep(0.03)
            task.cancel()
            await asyncio.wait([task])
            task.cancelled() or task.exception()

        rounds: list[tuple[Reply, Any, int]] = [
            (stage.wire.stream(["Par", "is"]), read, 12),
            (stage.wire.unfinished(["Par"], end="hold"), leave, 4),
            (stage.wire.unfinished(["Par"], end="cut"), read, 2),
            (stage.wire.unfinished(["Par"], end="hold"), cancel, 2),
        ]
        for reply, call, times in rounds:
            stage.service.replies = [reply]
            for _ in range(times):
                await asyncio.gather(*(failure_of(call(provider), 6) for _ in range(50)))

    @promise(
        "connections.memory",
        "streams leave no memory behind",
        mend="keep no list or dictionary of calls, prompts or pieces beyond the call; break cycles through the stream",
        needs="wire",
    )
    async def test_connections_memory(self, stage: Stage) -> None:
        streaming = (await claims(stage))["streaming"]
        text = "x" * 4_000
        reply = stage.wire.stream([text]) if streaming else stage.wire.completion(text)

        async def call(provider: Any, times: int) -> int:
            for _ in range(times):
                await (read(provider, text) if streaming else provider.complete(text))
            # What the kit itself keeps of them.
            stage.service.requests.clear()
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        async with stage.provider(reply) as provider:
            traced = tracemalloc.is_tracing()
            if not traced:
                tracemalloc.start()
            try:
                before = await call(provider, 80)
                grown = await call(provider, 200) - before
            finally:
                if not traced:
                    tracemalloc.stop()
        expect(grown < 200 * 1_000, f"200 calls with texts of 4,000 characters left {grown:,} bytes")


def _name_one(before: set[asyncio.Task[Any]]) -> str:
    return next((repr(task.get_coro()) for task in asyncio.all_tasks() - before), "none")
