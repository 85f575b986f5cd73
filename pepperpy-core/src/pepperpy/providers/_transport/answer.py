"""The open answer to one request: its status, its headers, and its body as it comes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

import aiohttp

from ..domain import ProviderError, cut
from .body import BodyTooLarge, Inflater
from .session import Session

logger = logging.getLogger("pepperpy")

ERROR_BODY_BYTES = 1024 * 1024
# Packed a thousandfold at most, so that what is unpacked in one step stays below a megabyte.
PACKED_STEP = 1024
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
        self._response: aiohttp.ClientResponse | None = response
        self._content = response.content
        self._session = session
        self._translate = translate
        self._room = limit
        self._inflater: Inflater | None = None
        self._packed = memoryview(b"")
        session.under_way.add(response)

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
            if "Content-Encoding" in self.headers:
                chunk = await self._read_packed()
            else:
                chunk = await self._content.readany()
            self._room -= len(chunk)
            if self._room < 0:
                raise BodyTooLarge("too large")
            if not chunk:
                # With the body's end aiohttp has given the connection back to the pool.
                self._session.under_way.discard(self._response)
                self._response = None
            return chunk
        except Exception as fault:  # noqa: BLE001 -- whatever aiohttp raises: none of its classes may pass
            if rest := self._unread():
                return rest
            # aiohttp keeps the fault beside the body, and with its traceback it would keep all who wait for the body.
            error = self._translate(fault.with_traceback(None))
        self.close()
        raise error

    async def _read_packed(self) -> bytes:
        if self._inflater is None:
            encoding = self.headers["Content-Encoding"].strip().lower()
            if encoding in ("", "identity"):
                return await self._content.readany()
            self._inflater = Inflater(encoding)
        while True:
            if not self._packed:
                self._packed = memoryview(await self._content.readany())
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

    async def read_to_end(self) -> bytes:
        """Return the whole body."""
        if int(self.headers.get("Content-Length") or 0) > self._room:
            self.close()
            raise self._translate(BodyTooLarge("too large"))
        chunks = []
        while chunk := await self.read():
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

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
            self._close(response)
        else:
            self._session.loop.call_soon_threadsafe(self._close, response)

    def _close(self, response: aiohttp.ClientResponse) -> None:
        self._session.under_way.discard(response)
        response.close()

    def __del__(self) -> None:
        self.close()
