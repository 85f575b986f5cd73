"""A provider opens what it needs when it needs it, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pepperpy.providers import (
    ProviderError,
    ProviderNotInitializedError,
    ReadyProvider,
    create_provider,
)
from pepperpy.providers.testing import FakeService, Reply

from .kit import CALLS, WIRE, complete, embed, error, provider_for, service_tasks, stream, within


class ServiceInAThread:
    """A service in a thread and a loop of its own, for tests whose loops come and go."""

    def __init__(self, *replies: Any) -> None:
        self.service = FakeService(*replies)
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        async with self.service:
            self._ready.set()
            await self._over.wait()

    def __enter__(self) -> ServiceInAThread:
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(5)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for the service."""
        asyncio.run_coroutine_threadsafe(self.service.until(condition), self._loop).result(5)

    async def until_here(self, condition: Callable[[], bool]) -> None:
        """Wait for the service, in a running loop."""
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.service.until(condition), self._loop))


@pytest.fixture
def remote() -> Iterator[ServiceInAThread]:
    with ServiceInAThread(WIRE.completion("ok")) as remote:
        yield remote


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0


async def test_cleanup_any_time(service: FakeService) -> None:
    """Promise 41: cleanup may come before any call, twice, and from several tasks at once; it never raises."""
    unused = await provider_for(service)
    await unused.cleanup()
    await unused.cleanup()
    used = await provider_for(service)
    await used.complete("x")
    await asyncio.gather(used.cleanup(), used.cleanup(), used.cleanup())

    await service.until(lambda: service.open == 0)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_call_after_cleanup(service: FakeService, call: Any) -> None:
    """Promise 41: a call after cleanup is a typed error that says what to do, and sends nothing."""
    provider = await provider_for(service)
    await provider.cleanup()
    with pytest.raises(ProviderNotInitializedError, match="create_provider"):
        await call(provider)

    assert service.connections == 0


WAITING = {
    "for an answer": (Reply(delay=60), complete),
    "for a body": (Reply(body=[b"{", b"}"], pause=60), complete),
    "for the body of an error": (Reply(status=500, body=[b"{", b"}"], pause=60), complete),
    "for an embedding": (Reply(delay=60), embed),
    "for a stream": (Reply(delay=60), stream),
    "for a first piece": (WIRE.unfinished([], end="hold"), stream),
    "for a piece": (WIRE.unfinished(["Par"], end="hold"), stream),
    "for a retry": (Reply.of_json(error(), status=503, headers={"Retry-After": "50"}), complete),
    "for a stream's retry": (Reply.of_json(error(), status=503, headers={"Retry-After": "50"}), stream),
}


@pytest.mark.parametrize("name", WAITING)
async def test_cleanup_ends_what_is_under_way(service: FakeService, name: str) -> None:
    """Promise 41: a call in flight ends promptly with a typed error, wherever it is, and leaves no task or socket."""
    reply, call = WAITING[name]
    service.replies = [reply]
    provider = await provider_for(service, max_retries=3)
    tasks = asyncio.all_tasks()
    task = asyncio.create_task(call(provider))
    await service.until(lambda: len(service.requests) == 1)
    async with FakeService(WIRE.completion("ok")) as other, await provider_for(other) as busy:
        await busy.complete("x")
        await busy.complete("x")
    with within(1):
        await provider.cleanup()
        with pytest.raises(ProviderNotInitializedError) as caught:
            await task

    assert "cleaned up" in str(caught.value)
    assert len(service.requests) == 1
    await service.until(lambda: service.open == 0)
    assert asyncio.all_tasks() - tasks <= service_tasks()


async def test_an_open_stream_at_cleanup(service: FakeService) -> None:
    """Promise 41: a stream that nobody reads just then ends with a typed error when it is read on."""
    service.replies = [WIRE.unfinished(["Par", "is"], end="hold")]
    provider = await provider_for(service)
    opened = await provider.complete("x", stream=True)
    await provider.cleanup()
    await service.until(lambda: service.open == 0)
    pieces = []
    with pytest.raises(ProviderNotInitializedError, match="cleaned up"), within(1):
        async for piece in opened:
            pieces.append(piece)

    assert "".join(pieces) == opened.completion == "Paris"
    await opened.aclose()


async def test_calls_while_cleaning_up(service: FakeService) -> None:
    """Promise 41: calls that begin while a cleanup runs end, each with an answer or a typed error."""
    service.replies = [Reply(body=WIRE.completion("ok").body, delay=0.02)]
    provider = await provider_for(service, max_retries=1)
    calls = [asyncio.create_task(complete(provider)) for _ in range(10)]
    await service.until(lambda: len(service.requests) >= 3)
    cleanup = asyncio.create_task(provider.cleanup())
    calls += [asyncio.create_task(complete(provider)) for _ in range(10)]
    with within(2):
        results = await asyncio.gather(*calls, return_exceptions=True)
    await cleanup

    assert all(result == "ok" or isinstance(result, ProviderError) for result in results)
    await service.until(lambda: service.open == 0)


async def test_a_provider_can_begin_again(service: FakeService) -> None:
    """Promise 41: after cleanup, initialize makes it ready once more."""
    provider = await provider_for(service)
    for _ in range(3):
        await provider.cleanup()
        await provider.initialize()

        assert await provider.complete("x") == "ok"
    await provider.cleanup()


async def test_cleanup_that_is_cancelled(service: FakeService) -> None:
    """Promise 41: a cancelled cleanup can be done again."""
    provider = await provider_for(service)
    await provider.complete("x")
    task = asyncio.create_task(provider.cleanup())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await provider.cleanup()

    await service.until(lambda: service.open == 0)


async def test_initialize_at_once(service: FakeService) -> None:
    """Promise 42: several tasks that initialize and call at once share one session."""
    provider = await provider_for(service)
    await asyncio.gather(*(provider.initialize() for _ in range(5)))
    await asyncio.gather(*(provider.complete("x") for _ in range(5)))
    sessions = [thing for thing in gc.get_objects() if type(thing).__name__ == "ClientSession" and not thing.closed]

    assert len(sessions) == 1
    await provider.cleanup()


async def test_an_error_cleans_up(service: FakeService) -> None:
    """Promise 42: an error inside `async with` closes the connections and goes on."""
    with pytest.raises(ZeroDivisionError):
        async with await provider_for(service) as provider:
            await provider.complete("x")
            raise ZeroDivisionError

    await service.until(lambda: service.open == 0)
    with pytest.raises(ProviderNotInitializedError):
        await provider.complete("x")


def make(service: FakeService, **settings: Any) -> ReadyProvider:
    """A provider that was made in a loop that is gone."""
    return asyncio.run(provider_for(service, **settings))


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_loops_in_sequence(remote: ServiceInAThread, call: Any) -> None:
    """Promise 43: one provider works in a new loop after the old one ended, and leaves no connection in any."""
    replies = {"complete": WIRE.completion("ok"), "stream": WIRE.stream(["ok"])}
    remote.service.replies = [replies.get(call.__name__, WIRE.embeddings)]
    provider = make(remote.service)
    for _ in range(3):
        assert asyncio.run(call(provider))
        remote.until(lambda: remote.service.open == 0)
    asyncio.run(provider.cleanup())
    gc.collect()

    assert len(remote.service.requests) == 3


def test_loops_at_the_same_time(remote: ServiceInAThread) -> None:
    """Promise 43: several threads with a loop each may use one provider at once."""
    remote.service.replies = [Reply(body=WIRE.completion("ok").body, delay=0.05)]
    provider = make(remote.service)
    texts: list[str] = []

    async def three() -> list[str]:
        return await asyncio.gather(*(provider.complete("x") for _ in range(3)))

    threads = [threading.Thread(target=lambda: texts.extend(asyncio.run(three()))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert texts == ["ok"] * 15
    remote.until(lambda: remote.service.open == 0)


def test_cleanup_from_another_loop(remote: ServiceInAThread) -> None:
    """Promise 43: cleanup in one loop ends what is under way in another, which is alive."""
    remote.service.replies = [Reply(delay=60)]
    provider = make(remote.service)
    results: list[Any] = []

    async def call() -> None:
        results.extend(await asyncio.gather(provider.complete("x"), return_exceptions=True))

    thread = threading.Thread(target=lambda: asyncio.run(call()))
    thread.start()
    remote.until(lambda: len(remote.service.requests) == 1)
    with within(2):
        asyncio.run(provider.cleanup())
        thread.join(5)

    assert isinstance(results[0], ProviderNotInitializedError)
    remote.until(lambda: remote.service.open == 0)


def test_a_stream_read_in_another_loop(remote: ServiceInAThread) -> None:
    """Promise 43: a stream belongs to its loop; one that is read in another ends with an error, and does not hang."""
    remote.service.replies = [WIRE.unfinished(["Par"], end="hold")]
    provider = make(remote.service)

    async def begin() -> Any:
        return await provider.complete("x", stream=True)

    opened = asyncio.run(begin())
    remote.until(lambda: remote.service.open == 0)

    async def read() -> None:
        async with asyncio.timeout(2):
            async for _ in opened:
                pass

    with pytest.raises(ProviderError):
        asyncio.run(read())


@pytest.mark.parametrize("opened", [False, True])
def test_cleanup_after_the_loop(remote: ServiceInAThread, opened: bool) -> None:
    """Promise 41: cleanup is safe when its loop is gone, also with a stream left open in it; nothing stays behind."""
    remote.service.replies = [WIRE.unfinished(["Par"], end="hold") if opened else WIRE.completion("ok")]
    before = open_descriptors()
    provider = make(remote.service)
    kept = []

    async def use() -> None:
        kept.append(await provider.complete("x", stream=opened))

    asyncio.run(use())
    asyncio.run(provider.cleanup())
    with pytest.raises(ProviderNotInitializedError):
        asyncio.run(complete(provider))
    kept.clear()
    gc.collect()

    remote.until(lambda: remote.service.open == 0)
    assert open_descriptors() <= before


@pytest.mark.filterwarnings("ignore:unclosed event loop")
@pytest.mark.parametrize("opened", [False, True])
def test_cleanup_after_a_loop_that_was_just_closed(remote: ServiceInAThread, opened: bool) -> None:
    """Promise 41: the same of a loop that nobody shut down in order."""
    remote.service.replies = [WIRE.unfinished(["Par"], end="hold") if opened else WIRE.completion("ok")]
    provider = make(remote.service)
    loop = asyncio.new_event_loop()
    kept = [loop.run_until_complete(provider.complete("x", stream=opened))]
    loop.close()
    asyncio.run(provider.cleanup())
    kept.clear()
    del provider
    gc.collect()

    remote.until(lambda: remote.service.open == 0)


def test_a_provider_that_is_forgotten(remote: ServiceInAThread) -> None:
    """Promise 41: who forgets cleanup leaves no connection behind the end of the loop, and no warning."""

    async def use() -> None:
        provider = await provider_for(remote.service)
        await provider.complete("x")
        await stream(provider)

    remote.service.replies = [WIRE.completion("ok"), WIRE.stream(["ok"])]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(use())
        gc.collect()

    remote.until(lambda: remote.service.open == 0)


def in_a_child(work: Callable[[], None]) -> int:
    """Run in a forked child and return its exit status: 0 where all went well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.alarm(10)
            work()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def closes_and_collects(provider: ReadyProvider) -> None:
    asyncio.run(provider.cleanup())
    gc.collect()


def uses_it_itself(provider: ReadyProvider) -> None:
    async def use() -> None:
        assert await provider.complete("child") == "ok"
        assert await provider.complete("child") == "ok"
        await provider.cleanup()

    asyncio.run(use())
    gc.collect()


def forgets_it(provider: ReadyProvider) -> None:
    vars(provider).clear()
    gc.collect()


@pytest.mark.skipif(sys.platform != "linux", reason="fork and epoll are Linux's")
@pytest.mark.parametrize("work", [closes_and_collects, uses_it_itself, forgets_it])
def test_a_fork(remote: ServiceInAThread, work: Callable[[ReadyProvider], None]) -> None:
    """Promise 44: a forked child closes, uses or drops the provider, and the parent's connection is as it was."""

    async def parent() -> None:
        provider = await provider_for(remote.service, timeout=3)
        await provider.complete("parent")
        status = in_a_child(lambda: work(provider))

        assert status == 0
        assert await provider.complete("parent") == "ok"
        assert await provider.complete("parent") == "ok"
        await provider.cleanup()

    asyncio.run(parent())
    mine = {request.connection for request in remote.service.requests if b"parent" in request.body}
    theirs = {request.connection for request in remote.service.requests if b"child" in request.body}

    assert len(mine) == 1
    assert not mine & theirs
    assert len(theirs) == (work is uses_it_itself)


@pytest.mark.skipif(sys.platform != "linux", reason="fork and epoll are Linux's")
def test_a_fork_with_a_stream_open(remote: ServiceInAThread) -> None:
    """Promise 44: a child that drops the parent's open stream does not cut it."""
    remote.service.replies = [WIRE.stream(["a", "b", "c"], pause=0.05)]

    async def parent() -> None:
        provider = await provider_for(remote.service, timeout=3)
        opened = await provider.complete("x", stream=True)

        def drop() -> None:
            vars(opened).clear()
            closes_and_collects(provider)

        status = in_a_child(drop)

        assert status == 0
        assert [piece async for piece in opened] == ["a", "b", "c"]
        await provider.cleanup()

    asyncio.run(parent())


@pytest.mark.usefixtures("no_waiting")
async def test_one_connection(service: FakeService) -> None:
    """Promise 45: calls one after the other use one connection, errors among them."""
    service.replies = [
        WIRE.completion("ok"),
        WIRE.stream(["ok"]),
        Reply.of_json(error(), status=400),
        Reply.of_json(error(), status=503),
        Reply.of_json(error()),
        Reply.of_events([b"data: [DONE]\n\n"]),
        WIRE.completion("ok"),
    ]

    async with await provider_for(service, max_retries=1) as provider:
        for call in (complete, stream, complete, complete, stream, complete):
            await asyncio.gather(call(provider), return_exceptions=True)

    assert len(service.requests) == 8
    assert service.connections == 1


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_calls_leave_no_objects(service: FakeService, call: Any) -> None:
    """Promise 45: a hundred and fifty calls leave as many objects of ours and aiohttp's as there were before."""
    replies = {"complete": WIRE.completion("ok"), "stream": WIRE.stream(["ok"])}
    service.replies = [replies.get(call.__name__, WIRE.embeddings)]

    async with await provider_for(service) as provider:
        for _ in range(5):
            await call(provider)
        before = census()
        for _ in range(150):
            await call(provider)
        service.requests.clear()

        assert census() - before == Counter()


def census() -> Counter[str]:
    gc.collect()
    kinds = (type(thing) for thing in gc.get_objects())
    return Counter(
        kind.__name__ for kind in kinds if str(kind.__module__).startswith(("pepperpy", "aiohttp", "yarl", "_asyncio"))
    )


@pytest.mark.parametrize("call", [complete, stream])
@pytest.mark.parametrize(
    "reply",
    [
        Reply(raw=b"", end="cut"),
        Reply(raw=b"", end="reset"),
        Reply(body=b"{", end="cut"),
        Reply(status=500, body=b"{", end="hold"),
        Reply(body=b"x", headers={"Content-Encoding": "br"}, end="hold"),
        Reply(body=[b" " * 1_000] * 100, framing="chunked"),
        WIRE.unfinished(["Par"], end="hold"),
    ],
)
async def test_failures_leave_no_sockets(service: FakeService, reply: Reply, call: Any) -> None:
    """Promise 45: fifteen failures leave no socket, no task and no descriptor open."""
    service.replies = [reply]
    tasks = asyncio.all_tasks()

    async with await provider_for(service, timeout=0.1, max_response_bytes=50_000) as provider:
        await asyncio.gather(call(provider), return_exceptions=True)
        await service.until(lambda: service.open == 0)
        before = open_descriptors()
        results = await asyncio.gather(*(call(provider) for _ in range(15)), return_exceptions=True)
        await service.until(lambda: service.open == 0)

        assert all(isinstance(result, ProviderError) for result in results)
        assert open_descriptors() <= before
        assert asyncio.all_tasks() - tasks <= service_tasks()


@pytest.mark.parametrize("how", ["break", "cancel"])
async def test_streams_that_are_broken_off_leave_nothing(service: FakeService, how: str) -> None:
    """Promise 45: fifty streams that were broken off or cancelled leave no connection and no task."""
    service.replies = [WIRE.unfinished(["Par"], end="hold")]
    tasks = asyncio.all_tasks()

    async def leave(provider: ReadyProvider) -> None:
        async for _ in await provider.complete("x", stream=True):
            if how == "break":
                break

    async with await provider_for(service) as provider:
        calls = [asyncio.create_task(leave(provider)) for _ in range(50)]
        await service.until(lambda: len(service.requests) == 50)
        if how == "cancel":
            for call in calls:
                call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await service.until(lambda: service.open == 0, seconds=1)

        assert asyncio.all_tasks() - tasks <= service_tasks()


async def test_making_a_provider_opens_nothing(service: FakeService) -> None:
    """Promise 45: neither a provider nor `initialize` opens a connection, or anything else."""
    before = open_descriptors()
    provider = await create_provider("openai", api_key="sk-x", base_url=service.url)

    assert open_descriptors() == before
    assert service.connections == 0
    del provider
    gc.collect()
