"""What a service does not take of a request holds nobody up: no call, no cleanup, and no connection for ever."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Any

import aiohttp.connector
import pytest

from pepperpy.providers import (
    ProviderError,
    ProviderNotInitializedError,
    ProviderTimeoutError,
    Timeouts,
    create_provider,
)

from .kit import WIRE, chunk, complete, stream, within

SMALL_BUFFER = 4096
SIZES = [60_000, 200_000, 2_000_000]

connect = aiohttp.connector.aiohappyeyeballs.start_connection


class HalfDeafService:
    """Answers each head that it reads, and reads no more once what follows one is too long.

    Attributes:
        url: Its origin.
        connections: Those that were made.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.connections: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection."""
        body = bytes(WIRE.completion("ok").body)  # type: ignore[arg-type]
        self.connections.append(writer)
        with suppress(asyncio.LimitOverrunError, asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


@asynccontextmanager
async def listening(tls: ssl.SSLContext | None = None) -> AsyncIterator[HalfDeafService]:
    """Run a service with a small buffer for what it does not read."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        listener.bind(("127.0.0.1", 0))
        service = HalfDeafService(f"http{'s' * bool(tls)}://127.0.0.1:{listener.getsockname()[1]}")
        server = await asyncio.start_server(service.serve, sock=listener, limit=1000, ssl=tls)
        async with server:
            yield service
            for writer in service.connections:
                writer.transport.abort()


@pytest.fixture
def deaf() -> Any:
    """A listening socket whose connections nobody reads from."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture(autouse=True)
def sockets(monkeypatch: pytest.MonkeyPatch) -> list[socket.socket]:
    """The sockets that clients connected, each with a small buffer for what it sends."""
    made: list[socket.socket] = []

    async def connect_narrowly(*arguments: Any, **options: Any) -> socket.socket:
        made.append(await connect(*arguments, **options))
        made[-1].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
        return made[-1]

    monkeypatch.setattr(aiohttp.connector.aiohappyeyeballs, "start_connection", connect_narrowly)
    return made


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds that nothing tells of."""
    async with asyncio.timeout(1):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def closed(sockets: list[socket.socket]) -> None:
    """Wait until all sockets are closed."""
    await until(lambda: all(each.fileno() < 0 for each in sockets))


@pytest.mark.parametrize("size", [1, *SIZES])
@pytest.mark.parametrize("call", [complete, stream])
async def test_a_request_that_is_not_taken_is_bounded(
    deaf: str, sockets: list[socket.socket], size: int, call: Any
) -> None:
    """Promise 16: what cannot be sent counts as a silence of the service, and its connection is gone with the call."""
    timeouts = Timeouts(connect=0.15, idle=0.15, attempt=0.3)
    async with await create_provider("openai", base_url=deaf, timeout=timeouts, max_retries=0) as provider:
        with pytest.raises(ProviderTimeoutError), within(1.5, least=0.1):
            await provider.complete("x" * size, stream=call is stream)

        await closed(sockets)
    assert len(sockets) == 1


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("size", SIZES)
async def test_a_connection_on_which_a_request_still_waits_is_not_used(
    request: pytest.FixtureRequest,
    sockets: list[socket.socket],
    size: int,
    secure: bool,
) -> None:
    """Promise 36: a service may answer before it took all of a request; nobody else then waits behind the rest."""
    if secure:
        request.getfixturevalue("trusted")
    async with listening(request.getfixturevalue("tls") if secure else None) as service:
        async with await create_provider("openai", base_url=service.url, timeout=2, max_retries=0) as provider:
            for prompt in ("x", "x" * size):
                assert await provider.complete(prompt) == "ok"
            # It is not kept for the sweep of the pool to find.
            await closed(sockets)

            assert await provider.complete("x") == "ok"
        assert len(service.connections) == 2


@pytest.mark.parametrize("size", SIZES)
async def test_cleanup_waits_for_nobody(deaf: str, sockets: list[socket.socket], size: int) -> None:
    """Promise 41: calls whose request is not taken end with the cleanup, which waits for nothing to be taken."""
    provider = await create_provider("openai", base_url=deaf, timeout=20, max_retries=0)
    calls = [asyncio.create_task(provider.complete("x" * size, stream=stream)) for stream in (False, True)]
    await until(lambda: len(sockets) == len(calls))
    await asyncio.sleep(0.05)

    with within(1):
        await provider.cleanup()
        ends = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(end) for end in ends] == [ProviderNotInitializedError] * 2
    await closed(sockets)


@pytest.mark.parametrize("size", SIZES)
async def test_cleanup_after_an_early_answer(sockets: list[socket.socket], size: int) -> None:
    """Promise 41: nor does it wait for the rest of a request that was answered."""
    async with listening() as service:
        provider = await create_provider("openai", base_url=service.url, timeout=5, max_retries=0)
        assert await provider.complete("x" * size) == "ok"

        with within(1):
            await provider.cleanup()
        await closed(sockets)


@pytest.mark.parametrize("size", [1, *SIZES])
def test_a_call_whose_loop_is_closed(deaf: str, size: int) -> None:
    """A call that outlives its loop ends without a word to it."""
    loop = asyncio.new_event_loop()

    async def begin() -> tuple[Any, asyncio.Task[Any]]:
        provider = await create_provider("openai", base_url=deaf, timeout=20, max_retries=0)
        task = asyncio.create_task(provider.complete("x" * size))
        await asyncio.sleep(0.1)
        return provider, task

    provider, task = loop.run_until_complete(begin())
    loop.close()
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    coroutine: Any = task.get_coro()
    coroutine.close()

    asyncio.run(provider.cleanup())


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECE = b"data: " + json.dumps(chunk("Par")).encode() + b"\n\n"
CHUNK = b"%x\r\n%b\r\n" % (len(PIECE), PIECE)
BODY = bytes(WIRE.completion("ok").body)  # type: ignore[arg-type]
LAST = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


@pytest.fixture
def answers_only(tls: ssl.SSLContext) -> Iterator[Callable[..., str]]:
    """Starts a service that answers with some bytes over TLS, and neither reads nor says anything any more."""
    over = threading.Event()
    with ExitStack() as stack:

        def start(*parts: bytes) -> str:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def serve() -> None:
                connection, _ = listener.accept()
                with tls.wrap_socket(connection, server_side=True) as secure:
                    secure.recv(65536)
                    for part in parts:
                        secure.sendall(part)
                        over.wait(0.03)
                    over.wait(10)

            thread = threading.Thread(target=serve)
            thread.start()
            stack.callback(thread.join)
            stack.callback(over.set)
            return f"https://127.0.0.1:{listener.getsockname()[1]}"

        yield start


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("call", [complete, stream])
@pytest.mark.parametrize(
    "parts", [[b"GARBAGE\r\n\r\n"], [HEAD, CHUNK, b"ZZZ\r\n\r\n"], [HEAD + CHUNK + b"ZZZ\r\n\r\n"]]
)
async def test_what_is_no_http_behind_tls(
    answers_only: Callable[..., str], sockets: list[socket.socket], parts: list[bytes], call: Any
) -> None:
    """What is no HTTP is said to be so behind TLS, too, and its connection waits for no farewell."""
    url = answers_only(*parts)
    async with await create_provider("openai", base_url=url, timeout=1, max_retries=0) as provider:
        with pytest.raises(ProviderError) as caught:
            await call(provider)

        assert caught.value.details.get("cause") != "AttributeError"
        await closed(sockets)


@pytest.mark.usefixtures("trusted")
async def test_a_break_behind_tls(answers_only: Callable[..., str], sockets: list[socket.socket]) -> None:
    """Promise 30: a stream that is left lets its connection go, whether the service agrees or not."""
    url = answers_only(HEAD + CHUNK)
    async with await create_provider("openai", base_url=url, max_retries=0) as provider:
        async for piece in await provider.complete("x", stream=True):
            assert piece == "Par"
            break

        await closed(sockets)


@pytest.mark.usefixtures("trusted")
async def test_a_last_answer_behind_tls(answers_only: Callable[..., str], sockets: list[socket.socket]) -> None:
    """So does an answer that is the connection's last."""
    url = answers_only(LAST)
    async with await create_provider("openai", base_url=url, max_retries=0) as provider:
        assert await provider.complete("x") == "ok"

        await closed(sockets)
