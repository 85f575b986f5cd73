"""From `create_provider` to `cleanup`."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import Coroutine
from typing import Any

from pepperpy.providers import ProviderError, ProviderNotInitializedError

from ..promises import BrokenPromise, expect, promise
from ..service import Reply
from ..stage import SECONDS, SECONDS_WITHOUT_WIRE, Stage, claims, complete, failure_of, open_stream, read, show
from .subject import Subject


class Life(Subject):
    """Making and cleaning up, in every order."""

    @promise(
        "life.initialize-opens-nothing",
        "create_provider() opens no connection and asks nothing",
        mend="make the session on the first call, and check the key by the first call",
        needs="wire",
    )
    async def test_life_initialize_opens_nothing(self, stage: Stage) -> None:
        stage.service.replies = [stage.wire.completion("ok")]
        async with stage.provider():
            await asyncio.sleep(0.05)
            made = stage.service.connections
        asked = len(stage.service.requests) + len(stage.service.asides)
        expect(not made, f"{made} connections, {asked} requests")

    @promise(
        "life.cleanup-twice",
        "cleanup() may be called twice, unused, and by several at once",
        mend="take what is to be closed out of self first, then close it",
    )
    async def test_life_cleanup_twice(self, stage: Stage) -> None:
        unused = await stage.make()
        await _expect_quiet(unused.cleanup(), "the first cleanup(), unused")
        await _expect_quiet(unused.cleanup(), "the second cleanup(), unused")
        used = await stage.make()
        await complete(used, "Where?")
        await _expect_quiet(_at_once(used.cleanup(), used.cleanup()), "two cleanup() at once")
        await _expect_quiet(used.cleanup(), "one more cleanup()")

    @promise(
        "life.use-after-cleanup",
        "a call after cleanup() is a ProviderNotInitializedError",
        mend="call self._check_initialized() first in complete() and embed()",
    )
    async def test_life_use_after_cleanup(self, stage: Stage) -> None:
        claimed = await claims(stage)
        provider = await stage.make()
        await provider.cleanup()
        calls = {"complete()": complete(provider, "Where?")}
        if claimed["streaming"]:
            calls["complete(stream=True)"] = read(provider)
        if claimed["embeddings"]:
            calls["embed()"] = provider.embed("four")
        for said, call in calls.items():
            error = await failure_of(call)
            expect(isinstance(error, ProviderNotInitializedError), f"{said}: {show(error)}")

    @promise(
        "life.cleanup-during-calls",
        "cleanup() ends the calls under way with a ProviderError, and leaves no connection",
        mend="close the session under the calls, and turn what they then raise into ProviderNotInitializedError",
        needs="wire",
    )
    async def test_life_cleanup_during_calls(self, stage: Stage) -> None:
        provider = await stage.make()
        stage.service.replies = [Reply(delay=20)]
        calls = {"a plain call": asyncio.ensure_future(complete(provider))}
        await stage.until(lambda: len(stage.service.requests) == 1, "no request reached the service")
        if (await claims(stage))["streaming"]:
            stage.service.replies = [stage.wire.unfinished(["Par"], end="hold")]
            stream = await open_stream(provider)
            calls["a stream"] = asyncio.ensure_future(_drain(stream))
            await asyncio.sleep(0.05)
        await _expect_quiet(provider.cleanup(), "cleanup() during calls")
        for said, call in calls.items():
            done, _ = await asyncio.wait([call], timeout=2)
            expect(done, f"2 s after cleanup() {said} still waited")
            error = None if call.cancelled() else call.exception()
            expect(isinstance(error, ProviderError), f"{said}: {'cancelled' if call.cancelled() else show(error)}")
        await stage.until(lambda: stage.service.open == 0, "connections are open after cleanup()")

    @promise(
        "life.errors-clean-up",
        "an exception inside async with passes as it is, and the provider is cleaned up",
        mend="do not override __aexit__, or call cleanup() there and return nothing",
    )
    async def test_life_errors_clean_up(self, stage: Stage) -> None:
        provider = await stage.make()
        seen: BaseException | None = None
        try:
            async with provider:
                raise LookupError("mine")
        except LookupError as raised:
            seen = raised
        expect(seen is not None, "the exception was swallowed")
        error = await failure_of(complete(provider, "Where?"))
        expect(isinstance(error, ProviderNotInitializedError), f"a call behind async with: {show(error)}")

    @promise(
        "life.two-loops",
        "a provider that is used in one event loop and then in another works, or says clearly why not",
        mend="keep a session for each running loop, or raise ProviderError where the loop is another one",
    )
    async def test_life_two_loops(self, stage: Stage) -> None:
        provider = await _in_another_loop(_make_and_complete(stage))
        for turn in ("second", "third"):
            error = await failure_of(
                _in_another_loop(complete(provider)), SECONDS if stage.wire is not None else SECONDS_WITHOUT_WIRE
            )
            expect(error is None or isinstance(error, ProviderError), f"the {turn} loop: {show(error)}")
        await failure_of(_in_another_loop(provider.cleanup()))

    @promise(
        "life.cleanup-on-dead-loop",
        "cleanup() works where the loop of the calls is gone, and leaves no connection",
        mend="where the session's loop is closed, close its transports or connector without awaiting on that loop",
    )
    async def test_life_cleanup_on_dead_loop(self, stage: Stage) -> None:
        provider = await _in_another_loop(_make_and_complete(stage))
        await _expect_quiet(provider.cleanup(), "cleanup() after its loop was closed")
        del provider
        gc.collect()
        if stage.wire is not None:
            await stage.until(
                lambda: stage.service.open == 0, lambda: f"{stage.service.open} connections are open after cleanup()"
            )

    @promise(
        "life.nothing-left",
        "after cleanup() no task, no thread and no warning of something unclosed is left",
        mend="cancel and await your tasks and end your threads in cleanup()",
    )
    async def test_life_nothing_left(self, stage: Stage) -> None:
        threads, tasks = set(threading.enumerate()), asyncio.all_tasks()
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            async with stage.provider() as provider:
                await complete(provider, "Where?")
                if stage.wire is not None and (await claims(stage))["streaming"]:
                    stage.service.replies = [stage.wire.stream(["ok"])]
                    await read(provider)
            del provider
            await asyncio.sleep(0.02)
            gc.collect()
            await asyncio.sleep(0)
        left = [repr(task.get_coro()) for task in asyncio.all_tasks() - tasks]
        expect(not left, f"{len(left)} tasks: {left[:3]}")
        # Those of asyncio.to_thread belong to the loop.
        alive = [one.name for one in set(threading.enumerate()) - threads if not one.name.startswith("asyncio_")]
        expect(not alive, f"the threads {alive}")
        unclosed = [str(one.message) for one in warned if issubclass(one.category, (ResourceWarning, RuntimeWarning))]
        expect(not unclosed, f"the warnings {unclosed[:3]}")
        expect(not stage.warnings, f"the loop says: {stage.warnings[:3]}")


async def _drain(stream: Any) -> None:
    async for _ in stream:
        pass


async def _at_once(*calls: Coroutine[Any, Any, None]) -> None:
    await asyncio.gather(*calls)


async def _make_and_complete(stage: Stage) -> Any:
    provider = await stage.make()
    await complete(provider, "Where?")
    return provider


async def _in_another_loop(call: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a loop of its own, in another thread; the loop is closed behind it."""

    def run() -> Any:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            return runner.run(call)

    return await asyncio.to_thread(run)


async def _expect_quiet(call: Any, said: str) -> None:
    error = await failure_of(call, 5)
    if error is not None:
        raise BrokenPromise(f"{said} raised {show(error)}") from error
