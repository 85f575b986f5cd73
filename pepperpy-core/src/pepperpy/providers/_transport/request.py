"""How a request is written: on a connection that is fit for it, and in one step where it is small."""

from __future__ import annotations

import asyncio
import functools
import select
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any, TypeGuard

import aiohttp
from aiohttp import hdrs, http_writer
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest, ClientResponse
from aiohttp.connector import Connection
from aiohttp.typedefs import LooseHeaders
from yarl import URL

KNOWN_AIOHTTP = aiohttp.__version__.startswith("3.14.")
"""Whether the insides of this aiohttp are known to `SwiftRequest`."""

# asyncio's own 256 KiB are mapped anew and unmapped for each read, which takes nine times as long as the read itself.
_READ_BYTES = 64 * 1024
_LARGE_READ_BYTES = 256 * 1024
# Long enough for a thousand messages; what is longer is written piece by piece.
_AT_ONCE_BYTES = 256 * 1024


class StaleConnection(aiohttp.ClientConnectionError):
    """A pooled connection was closed, or holds bytes that nobody asked for; nothing was sent on it."""


def goes_at_once(body: object) -> TypeGuard[bytes]:
    """Tell whether a `SwiftRequest` is so small that nothing but its answer is waited for."""
    return isinstance(body, bytes) and 0 < len(body) <= _AT_ONCE_BYTES


class CarefulRequest(ClientRequest):
    """A request that looks at its connection before it writes.

    What lies unread on an idle connection is its end or an answer to nothing: aiohttp would hand that to this request.
    """

    async def send(self, conn: Connection) -> ClientResponse:
        """Send the request, or raise `StaleConnection` while that is still free of consequences."""
        take(conn)
        return await super().send(conn)

    def update_headers(self, headers: LooseHeaders | None) -> None:
        """Take over the headers in one step; aiohttp adds each by itself."""
        super().update_headers(None)
        if headers:
            self.headers.update(headers)


class SwiftRequest(CarefulRequest):
    """One that is written in one step, head and body, where it is small: for no proxy, and an aiohttp that is known.

    aiohttp makes a payload and a task for each body, the dearest parts of a small request.
    """

    _small: bytes | None = None

    async def send(self, conn: Connection) -> ClientResponse:
        """Send the request, together with those that begin at the same time."""
        if len(conn._connector._acquired) > 1 and hasattr(conn.protocol, "unread"):
            # A request that is written by itself wakes up whoever serves it, which can take longer than all the rest of
            # the writing. In a crowd, all that begin in this turn of the loop are written one after the other in the
            # next. Who had to connect has waited already.
            await asyncio.sleep(0)
        if self._small is None:
            return await super().send(conn)
        protocol, transport = take(conn)
        head = http_writer._serialize_headers(f"{self.method} {self.url.raw_path_qs} HTTP/1.1", self.headers)
        # Nobody waits for it to leave: who waits for the answer waits for that too, and within the same bounds.
        transport.write(head + self._small)
        self.response = (CarefulResponse if protocol.read_timeout is None else SwiftResponse)(
            self.method,
            self.original_url,
            writer=None,
            continue100=None,
            timer=self._timer,
            request_info=self.request_info,
            traces=self._traces,
            loop=self.loop,
            session=self._session,
            stream_writer=_WRITTEN,
        )
        return self.response

    def update_body_from_data(self, body: Any, _stacklevel: int = 3) -> None:
        """Take over the body; a small one needs no payload."""
        if goes_at_once(body):
            self._small = body
            self.headers[hdrs.CONTENT_LENGTH] = str(len(body))
        else:
            super().update_body_from_data(body, _stacklevel)

    def update_auto_headers(self, skip_auto_headers: object) -> None:
        """Add none: the session's own are all there."""


class _Written(http_writer.StreamWriter):
    """What a response asks how much was written, where nobody wants to know."""

    def __init__(self) -> None:
        self.output_size = 0


_WRITTEN = _Written()


class CarefulResponse(ClientResponse):
    """An answer whose connection is never left waiting for the service.

    asyncio closes a connection once all that was written is taken, and with TLS once the service has agreed: either may
    never be. And whoever got such a connection from the pool would wait behind the rest of another request.
    """

    def close(self) -> None:
        """Close the connection before its end."""
        transport = None if self._connection is None else self._connection.transport
        # First, since a TLS transport that is closed twice forgets what is below.
        if transport is not None and self._loop.is_closed():
            drop(transport)
        elif transport is not None:
            transport.abort()
        super().close()

    def _response_eof(self) -> None:
        connection = self._connection
        protocol = None if connection is None else connection.protocol
        transport = None if protocol is None else protocol.transport
        if protocol is None or transport is None or not would_wait(protocol, transport):
            super()._response_eof()
            return
        protocol.force_close()
        super()._response_eof()
        transport.abort()


class SwiftResponse(CarefulResponse):
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


class NoCookies(aiohttp.DummyCookieJar):
    """Keeps no cookies, and makes nothing for each request to say so."""

    def filter_cookies(self, request_url: URL) -> SimpleCookie:
        """Return those for a URL."""
        return _NO_COOKIES


_NO_COOKIES = SimpleCookie()


def take(conn: Connection) -> tuple[ResponseHandler, asyncio.Transport]:
    """Return what a request is written on, and look after it if it is new.

    Raises:
        StaleConnection: It was used before, and cannot be again.
        aiohttp.ServerDisconnectedError: It is new, and gone already.
    """
    protocol = conn.protocol
    transport = None if protocol is None else protocol.transport
    unread = getattr(protocol, "unread", None)
    gone = protocol is None or transport is None or transport.is_closing()
    if unread is not None and (gone or protocol.should_close or unread()):  # type: ignore[union-attr]
        raise StaleConnection("the connection is used up")
    if protocol is None or transport is None or gone:
        raise aiohttp.ServerDisconnectedError
    if unread is None:
        # The first time nothing is looked for: what a fresh TLS connection holds unread are the tickets of its handshake.
        protocol.unread = _look_at(transport)  # type: ignore[attr-defined]
        _read_at_once(transport, _READ_BYTES)
    return protocol, transport


def would_wait(protocol: ResponseHandler, transport: Any) -> bool:
    """Tell whether a connection whose answer is whole would wait for the service to take, or to agree, all the same."""
    return unsent(transport) > 0 or (protocol.should_close and hasattr(transport, "_ssl_protocol"))


def unsent(transport: Any) -> int:
    """Return how many bytes of what was written are not taken yet; of uvloop's TLS not all can be seen."""
    tls = getattr(transport, "_ssl_protocol", None)
    # What is encrypted waits in the transport below.
    below = None if tls is None else tls._transport
    size: int = transport.get_write_buffer_size()
    return size if below is None else size + below.get_write_buffer_size()


def drop(transport: Any) -> None:
    """Close this process's end of a connection, below asyncio, which has no way to do so without its loop."""
    tls = getattr(transport, "_ssl_protocol", None)
    if tls is not None:
        transport._closed = True
        transport = tls._transport
    sock = getattr(transport, "_sock", None)
    if sock is not None:
        sock.close()
        transport._sock = None
        # Whoever closes it once more asks nothing of the loop.
        transport._closing = True


def read_more_at_once(connection: Connection | None) -> None:
    """Have asyncio ask for as much as it does by itself: malloc ceases to map for that once it freed a large body."""
    if connection is not None:
        _read_at_once(connection.transport, _LARGE_READ_BYTES)


def _read_at_once(transport: Any, size: int) -> None:
    """Have asyncio ask for so many bytes at once; of TLS it reads otherwise."""
    if hasattr(transport, "max_size"):
        transport.max_size = size


def _look_at(transport: asyncio.BaseTransport) -> Callable[[], object]:
    """Return what tells, without waiting, whether something can be read from a connection."""
    sock = transport.get_extra_info("socket")
    if sock is None:
        return bool
    if not hasattr(select, "poll"):
        return lambda: select.select([sock.fileno()], [], [], 0)[0]
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return functools.partial(poll.poll, 0)
