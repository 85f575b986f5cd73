"""The open answer to one request: its status, its headers, and its body as it comes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

import aiohttp

from ..domain import ProviderError, cut
from .body import BodyTooLarge, Inflater
from .request import read_more_at_once
from .session import Session

logger = logging.getLogger("pepperpy")

ERROR_BODY_BYTES = 1024 * 1024
# Packed a thousandfold at most, so that what is unpacked in one step stays below a megabyte.
PACKED_STEP = 1024
# Of which a few reads make less than many.
LARGE_BODY = 512 * 1024
DRAIN_BYTES = 64 * 1024
DRAIN_SECONDS = 0.1

_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-generation-id")


class ByteStream:
    """The answer to one request. Whoever has it closes it; dropping it closes it too.

    It has no representation: aiohttp's would show headers in every traceback with locals.

    Args:
        response: aiohttp's answer, its body unread.
        session: Where it is under way.
        translate: Makes our error of aiohttp's.
        limit: The longest body, unpacked, in bytes.
    """

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        session: Session,
        translate: Callable[[BaseException], ProviderError],
        limit: int,
    ) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._content = response.content
        self._session = session
        self._translate = translate
        self._room = limit
        self._inflater: Inflater | None = None
        self._packed = memoryview(b"")
        self._silence: Silence | None = None
        self._is_packed = "Content-Encoding" in self.headers
        # Of a body that has come to its end already, aiohttp has given the connection back to the pool.
        self._response = None if self._content.is_eof() else response
        if self._response is not None:
            session.under_way.add(response)

    def bound_silences(self, seconds: float | None) -> None:
        """Bound each silence from here on, by one timer for all of them."""
        if seconds is not None and self._response is not None:
            self._silence = Silence(self._response, self._session.loop, seconds)

    def hasten(self, seconds: float) -> bool:
        """Bound each silence by so many seconds at most; False where it has no timer that could be set to them."""
        if self._silence is None:
            return False
        self._silence.hasten(seconds)
        return True

    @property
    def request_id(self) -> str | None:
        """The service's name for the request."""
        for name in _REQUEST_ID_HEADERS:
            if value := self.headers.get(name):
                return cut(value, 200)
        return None

    @property
    def content_type(self) -> str:
        """The media type of the body, in lower case, without parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    async def read(self) -> bytes:
        """Return the bytes that have come, at least one, or none at the end of the body.

        Raises:
            ProviderError: The body was cut, fell silent, is too long or cannot be unpacked.
        """
        try:
            if self._is_packed:
                chunk = await self._read_packed()
            elif (silence := self._silence) is None:
                chunk = await self._content.readany()
            else:
                # What _read_sent does, without a coroutine more for each piece.
                silence.begin()
                chunk = await self._content.readany()
                silence.since = None
            self._room -= len(chunk)
            if self._room < 0:
                raise BodyTooLarge("too large")
            if not chunk:
                self.close()
            return chunk
        except Exception as fault:  # noqa: BLE001 -- whatever aiohttp raises: none of its classes may pass
            if rest := self._unread():
                return rest
            # aiohttp keeps the fault beside the body, and with its traceback it would keep all who wait for the body.
            error = self._translate(fault.with_traceback(None))
        self.close()
        raise error

    async def _read_sent(self) -> bytes:
        if (silence := self._silence) is None:
            return await self._content.readany()
        silence.begin()
        sent = await self._content.readany()
        silence.since = None
        return sent

    async def _read_packed(self) -> bytes:
        if self._inflater is None:
            encoding = self.headers["Content-Encoding"].strip().lower()
            if encoding in ("", "identity"):
                return await self._read_sent()
            self._inflater = Inflater(encoding)
        while True:
            if not self._packed:
                self._packed = memoryview(await self._read_sent())
                if not self._packed:
                    self._inflater.close()
                    return b""
            else:
                # A bomb must not keep the loop to itself.
                await asyncio.sleep(0)
            step, self._packed = self._packed[:PACKED_STEP], self._packed[PACKED_STEP:]
            if chunk := self._inflater.feed(bytes(step), self._room):
                return chunk

    def _unread(self) -> bytes:
        # A cut makes aiohttp withhold what had come before it, which a slow consumer has not read yet but is owed.
        buffer = getattr(self._content, "_buffer", None)
        return self._content._read_nowait(-1) if buffer and self._inflater is None else b""

    def read_whole(self) -> bytes | None:
        """Return the whole body where it has come already, as nearly every plain answer has; else None."""
        if self._response is not None or self._is_packed:
            return None
        try:
            body = self._content.read_nowait()
            if len(body) > self._room:
                raise BodyTooLarge("too large")
            return body
        except Exception as fault:  # noqa: BLE001 -- whatever aiohttp raises: none of its classes may pass
            error = self._translate(fault.with_traceback(None))
        raise error

    async def read_to_end(self) -> bytes | bytearray:
        """Return the whole body."""
        length = int(self.headers.get("Content-Length") or 0)
        if length > self._room:
            self.close()
            raise self._translate(BodyTooLarge("too large"))
        if length > LARGE_BODY and self._response is not None:
            read_more_at_once(self._response.connection)
        body = bytearray()
        while chunk := await self.read():
            body += chunk
        return body

    async def read_error(self, seconds: float) -> bytes:
        """Return what can be had of an error's body within 1 MiB and some seconds: the status alone is an answer."""
        body = bytearray()
        try:
            async with asyncio.timeout(seconds):
                while len(body) < ERROR_BODY_BYTES and (chunk := await self.read()):
                    body += chunk
        except (ProviderError, TimeoutError) as fault:
            logger.debug("the body of an error is not whole: %s", type(fault).__name__)
        return bytes(body[:ERROR_BODY_BYTES])

    async def finish(self) -> None:
        """Let go of a body that said all it had to say.

        A little is read on for the body's end, so that the connection goes back to the pool; one that has no end
        there is closed.
        """
        if self._content.is_eof():
            self.close()
            return
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                room = DRAIN_BYTES
                while room > 0 and (chunk := await self._content.readany()):
                    room -= len(chunk)
        except (aiohttp.ClientError, OSError) as fault:  # OSError: a timeout is one
            logger.debug("a connection is not kept: %s", type(fault).__name__)
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection, unless the end of the body has given it back to the pool."""
        response, self._response = self._response, None
        if response is None or self._session.is_gone():
            return
        if self._session.is_here():
            let_go(response, self._session, self._silence)
        else:
            self._session.loop.call_soon_threadsafe(let_go, response, self._session, self._silence)

    def __del__(self) -> None:
        if self._response is not None:
            self.close()


def let_go(response: aiohttp.ClientResponse, session: Session, silence: Silence | None) -> None:
    """Close an answer's connection, in its loop."""
    session.under_way.discard(response)
    if silence is not None:
        silence.close()
    if not response.content.is_eof():
        response.close()


class Silence:
    """Ends the reading of a body that says nothing for too long while somebody waits for it.

    One timer does for all silences of a body: when it goes off, it looks when the last one began. aiohttp makes and
    cancels one for each piece that comes.

    Attributes:
        since: When somebody began to wait, by the loop's clock; None where nobody waits.
    """

    def __init__(self, response: aiohttp.ClientResponse, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self.since: float | None = None
        self._content = response.content
        self._loop = loop
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        connection = response.connection
        if connection is not None and connection.protocol is not None:
            connection.protocol.read_timeout = None
            # Takes back the one that came with the head, which would end a stream whose reader is slow.
            connection.protocol.start_timeout()

    def begin(self) -> None:
        """Note that somebody begins to wait."""
        self.since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_at(self.since + self._seconds, self._look)

    def hasten(self, seconds: float) -> None:
        """Wait less from the next silence on."""
        if seconds < self._seconds:
            self._seconds = seconds
            self.close()
            # The one that was set looks too late.
            self._timer = None

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        if self.since is None:
            return
        end = self.since + self._seconds
        if self._loop.time() < end:
            self._timer = self._loop.call_at(end, self._look)
        else:
            self._content.set_exception(aiohttp.SocketTimeoutError("nothing came"))
