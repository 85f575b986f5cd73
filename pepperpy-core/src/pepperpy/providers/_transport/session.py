"""One aiohttp session for each running loop, closed with it."""

from __future__ import annotations

import asyncio
import functools
import os
import select
import urllib.request
import weakref
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest, ClientResponse
from aiohttp.connector import Connection
from aiohttp.http_writer import StreamWriter
from aiohttp.payload import BytesPayload
from aiohttp.typedefs import LooseHeaders

from .body import ENCODINGS

# What holds for most requests stands here, once; a request says only what it has otherwise.
_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": ENCODINGS,
    "Content-Type": "application/json",
    "User-Agent": "pepperpy/1",
}


class StaleConnection(aiohttp.ClientConnectionError):
    """A pooled connection was closed, or holds bytes that nobody asked for; nothing was sent on it."""


# Whose insides are known: with any other, requests are sent as it sends them.
_KNOWN_AIOHTTP = aiohttp.__version__.startswith("3.14.")
# asyncio's own 256 KiB are mapped anew and unmapped for each read, which takes nine times as long as the read itself.
_READ_BYTES = 64 * 1024
_LARGE_READ_BYTES = 256 * 1024
# Long enough for a thousand messages; what is longer is written piece by piece.
_AT_ONCE_BYTES = 256 * 1024


def goes_at_once(body: bytes | None) -> bool:
    """Tell whether a request is so small that nothing but its answer is waited for."""
    return _KNOWN_AIOHTTP and bool(body) and len(body or b"") <= _AT_ONCE_BYTES


class SwiftResponse(ClientResponse):
    """The answer to a small request for a stream, whose head is bounded as a whole by one timer.

    aiohttp sets another one for each piece of the head, and lets a head drip.
    """

    async def start(self, connection: Connection) -> ClientResponse:
        """Wait for the head for as long as for a silence."""
        protocol = connection.protocol
        if protocol is None or protocol.read_timeout is None:
            return await super().start(connection)
        timer = self._loop.call_later(protocol.read_timeout, _end_waiting, protocol)
        protocol.read_timeout = None
        try:
            return await super().start(connection)
        finally:
            timer.cancel()


def _end_waiting(protocol: ResponseHandler) -> None:
    protocol.set_exception(aiohttp.SocketTimeoutError("no head came"))


class CarefulRequest(ClientRequest):
    """A request that looks at its connection before it writes.

    What lies unread on an idle connection is its end or an answer to nothing: aiohttp would hand that to this request.
    """

    async def send(self, conn: Connection) -> ClientResponse:
        """Send the request, or raise `StaleConnection` while that is still free of consequences."""
        if others_wait(conn):
            await asyncio.sleep(0)
        protocol = conn.protocol
        if protocol is None or protocol.should_close:
            raise StaleConnection("the connection is used up")
        try:
            unread = protocol.unread  # type: ignore[attr-defined]
        except AttributeError:
            # The first time there is nothing to look for: what a fresh TLS connection holds unread are the tickets of
            # its handshake.
            protocol.unread = _look_at(conn.transport)  # type: ignore[attr-defined]
            _read_less_at_once(conn.transport)
        else:
            if unread():
                raise StaleConnection("the connection is used up")
        body = self._body
        if type(body) is BytesPayload and goes_at_once(body._value):
            if protocol.read_timeout is not None:
                self.response_class = SwiftResponse
            if not (self.proxy or self.chunked or self.compress or self._continue or protocol.writing_paused):
                return await self._send_at_once(protocol, body._value)
        return await super().send(conn)

    async def _send_at_once(self, protocol: ResponseHandler, body: bytes) -> ClientResponse:
        """Write head and body in one step; aiohttp makes a task for each body, the dearest part of a small request."""
        writer = StreamWriter(protocol, self.loop)
        await writer.write_headers(f"{self.method} {self.url.raw_path_qs} HTTP/1.1", self.headers)
        await writer.write_eof(body)
        self.response = self.response_class(
            self.method,
            self.original_url,
            writer=None,
            continue100=None,
            timer=self._timer,
            request_info=self.request_info,
            traces=self._traces,
            loop=self.loop,
            session=self._session,
            stream_writer=writer,
        )
        return self.response

    def update_headers(self, headers: LooseHeaders | None) -> None:
        """Take over the headers in one step; aiohttp adds each by itself."""
        super().update_headers(None)
        if headers:
            self.headers.update(headers)


def others_wait(conn: Connection) -> bool:
    """Tell whether other requests are under way, so that this one is better written in one go with what begins now.

    A request written by itself wakes up whoever serves it, which can take longer than all the rest of the writing.
    """
    return _KNOWN_AIOHTTP and len(conn._connector._acquired) > 1


def _read_less_at_once(transport: Any) -> None:
    """Have asyncio ask for so much at once that malloc needs no mapping for it; of TLS it reads otherwise."""
    if hasattr(transport, "max_size"):
        transport.max_size = _READ_BYTES


def read_more_at_once(connection: Connection | None) -> None:
    """Have asyncio ask for as much as it does by itself: malloc ceases to map for that once it freed a large body."""
    transport: Any = None if connection is None else connection.transport
    if hasattr(transport, "max_size"):
        transport.max_size = _LARGE_READ_BYTES


def _look_at(transport: asyncio.Transport | None) -> Callable[[], object]:
    """Return what tells, without waiting, whether something can be read from a connection."""
    sock = transport.get_extra_info("socket") if transport is not None else None
    if sock is None:
        return bool
    if not hasattr(select, "poll"):
        return lambda: select.select([sock.fileno()], [], [], 0)[0]
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return functools.partial(poll.poll, 0)


class Closable(Protocol):
    """What is under way in a session, and ends with it."""

    def close(self) -> object:
        """End it; whoever awaits it gets an error."""


class Session:
    """An aiohttp session of one loop, with what is under way in it.

    Attributes:
        http: The aiohttp session.
        loop: The loop that it belongs to.
        under_way: Open answers and waits. They are ended with the session: aiohttp lets the reader of an answer whose
            connector was closed wait for ever.
    """

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http
        self.under_way: set[Closable] = set()
        self.loop = asyncio.get_running_loop()
        self._disowned = False
        self._janitor = self._close_with_the_loop()
        _live.add(self)

    def is_here(self) -> bool:
        """Tell whether the caller runs in the session's loop."""
        try:
            return asyncio.get_running_loop() is self.loop
        except RuntimeError:
            return False

    def is_gone(self) -> bool:
        """Tell whether its loop is closed or another process's, so that nothing in it can be closed in order."""
        return self._disowned or self.loop.is_closed()

    def disown(self) -> None:
        """Let go of the connections of a session that is gone, without a word to its loop.

        A closed loop closes nothing any more. That of a parent process has its selector in common with the child's
        copy: to close a connection in order there would make the parent deaf to it.
        """
        self._disowned = True
        connector: Any = self.http.connector
        if connector is None:
            return
        self.http.detach()
        protocols = [*connector._acquired, *(protocol for pool in connector._conns.values() for protocol, _ in pool)]
        connector._closed = True
        for protocol in protocols:
            _drop(getattr(protocol, "transport", None))
        for closable in self.under_way:
            if (connection := getattr(closable, "connection", None)) is not None:
                connection.release()

    async def open(self) -> None:
        """Tie the session to the end of the running loop."""
        await anext(self._janitor)

    async def close(self) -> None:
        """End what is under way and close the connections."""
        await self._janitor.aclose()

    async def _close_with_the_loop(self) -> AsyncGenerator[None]:
        # When a loop ends, it closes its unfinished async generators: the only hook there is for whoever forgot
        # cleanup(), and with it no connection outlives its loop.
        try:
            yield
        finally:
            for closable in tuple(self.under_way):
                closable.close()
            await self.http.close()


_live: weakref.WeakSet[Session] = weakref.WeakSet()


def _disown_all() -> None:
    for session in tuple(_live):
        session.disown()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disown_all)


def _drop(transport: Any) -> None:
    """Close this process's end of a connection, below asyncio, which has no way to do so without its loop."""
    tls = getattr(transport, "_ssl_protocol", None)
    if tls is not None:
        transport._closed = True
        transport = tls._transport
    sock = getattr(transport, "_sock", None)
    if sock is not None:
        sock.close()
        transport._sock = None


class Sessions:
    """The sessions of one provider: made on first use, one for each running loop.

    Args:
        base_url: The origin of all requests, for which a proxy is looked up.
        headers: Sent with every request; the key is among them.
        trust_env: Whether the environment's proxies are used; its .netrc never is.
    """

    def __init__(self, base_url: str, headers: Mapping[str, str], *, trust_env: bool) -> None:
        self._base_url = base_url
        self._headers = headers
        self._trust_env = trust_env
        self._sessions: dict[asyncio.AbstractEventLoop, Session] = {}

    def current(self) -> Session | None:
        """Return the session of the running loop, if it has one."""
        session = self._sessions.get(asyncio.get_running_loop())
        return None if session is None or session.http.closed else session

    async def get(self) -> Session:
        """Return the session of the running loop, a new one where it has none."""
        if (current := self.current()) is not None:
            return current
        loop = asyncio.get_running_loop()
        for ended in [known for known, session in self._sessions.items() if session.is_gone()]:
            self._sessions.pop(ended).disown()
        # Entered before the first await, so that calls that begin together share it.
        session = self._sessions[loop] = Session(self._make())
        await session.open()
        return session

    def _make(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            headers={**_HEADERS, **self._headers},
            # No limit: a call that waited for a pooled connection would take that for the service's silence.
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            request_class=CarefulRequest,
            # Looked up once, since aiohttp's own trust_env triples the cost of each request, and reads .netrc too.
            proxy=_environment_proxy(self._base_url) if self._trust_env else None,
        )

    async def close(self) -> None:
        """Close the session of the running loop, and have other live loops close theirs."""
        running = asyncio.get_running_loop()
        sessions, self._sessions = self._sessions, {}
        for loop, session in sessions.items():
            if session.is_gone():
                session.disown()
            elif loop is running:
                await session.close()
            else:
                asyncio.run_coroutine_threadsafe(session.close(), loop)


def _environment_proxy(url: str) -> str | None:
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    return urllib.request.getproxies().get(parts.scheme)
