"""One exchange over aiohttp: a request is sent once, on a connection that is fit for it."""

from __future__ import annotations

import asyncio
import io
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlsplit

from .._config import Timeouts
from .._secret import redact
from ..dialect import Request
from ..domain import ProviderError, ProviderNotInitializedError
from .answer import ByteStream
from .bounds import Bounds
from .faults import translate
from .request import StaleConnection, goes_at_once
from .session import Sessions

logger = logging.getLogger("pepperpy")

# As many as a pool may hold after a burst, each of which may have gone stale.
STALE_AT_MOST = 1_000

LARGE_BODY = 2**20

CLEANED_UP = "the provider was cleaned up while the call was under way"


class Exchange:
    """Sends requests to one origin, each once.

    Args:
        base_url: What every request's path is put behind.
        headers: Sent with every request; the key is among them.
        timeouts: The bounds in time.
        max_response_bytes: The longest answer, unpacked.
        trust_env: Whether the environment's proxies are used.
        secrets: Returns what is blotted out of the log.

    Attributes:
        is_open: Whether requests are let through.
        sessions: Its sessions.
        bounds: The bounds of a request that has none of its own.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        timeouts: Timeouts,
        max_response_bytes: int,
        trust_env: bool,
        secrets: Callable[[], Iterable[str]],
    ) -> None:
        self.is_open = True
        self.sessions = Sessions(base_url, headers, trust_env=trust_env)
        self._base_url = base_url
        self._host = urlsplit(base_url).hostname
        self.bounds = Bounds(timeouts)
        self._max_response_bytes = max_response_bytes
        self._secrets = secrets

    async def close(self) -> None:
        """End what is under way with `ProviderNotInitializedError` and close all connections."""
        self.is_open = False
        await self.sessions.close()

    def bounds_for(self, timeouts: Timeouts) -> Bounds:
        """Return the bounds of a request that has its own."""
        return Bounds(timeouts)

    async def wait(self, seconds: float) -> None:
        """Pause between two requests; `close` cuts it short."""
        session = await self.sessions.get()
        wait = _Wait(seconds)
        session.under_way.add(wait)
        try:
            await wait.over
        finally:
            wait.close()
            session.under_way.discard(wait)
        if not self.is_open:
            raise ProviderNotInitializedError(CLEANED_UP)

    async def send(
        self, request: Request, body: bytes | None, bounds: Bounds, headers: Mapping[str, str] | None
    ) -> ByteStream:
        """Send a request and return its answer, its body unread."""
        if not self.is_open:
            raise ProviderNotInitializedError(CLEANED_UP)
        session = self.sessions.current() or await self.sessions.get()
        logged = logger.isEnabledFor(logging.DEBUG)
        started = time.perf_counter() if logged else 0
        large = body is not None and len(body) > LARGE_BODY
        for _ in range(STALE_AT_MOST):
            sending = session.http.request(
                request.method,
                self._base_url + request.path,
                # A file for a large body, which aiohttp writes piece by piece; a new one each time, for it is read.
                data=io.BytesIO(body or b"") if large else body,
                headers=headers,
                allow_redirects=False,
                timeout=bounds.stream if request.stream else bounds.plain,
            )
            try:
                if request.stream and not (session.is_swift and goes_at_once(body)):
                    # What aiohttp bounds not where a stream as a whole has no bound: an upload that hangs, headers
                    # that drip. Of a small request `SwiftResponse` bounds both, for less.
                    async with asyncio.timeout(bounds.first_silence):
                        response = await sending
                else:
                    response = await sending
            except StaleConnection as stale:
                error = self.translate(stale)
            except Exception as fault:  # noqa: BLE001 -- whatever aiohttp raises: none of its classes may pass
                error = self.translate(fault)
                break
            else:
                answer = ByteStream(response, session, self.translate, self._max_response_bytes)
                if logged:
                    self._log(request, answer, started)
                return answer
        # Out here, so that aiohttp's error, whose repr holds the headers, is neither its context nor in a frame.
        raise error

    def translate(self, fault: BaseException) -> ProviderError:
        """Return our error for what went wrong below."""
        if not self.is_open:
            return ProviderNotInitializedError(CLEANED_UP)
        return translate(fault, self._host, self._max_response_bytes)

    def _log(self, request: Request, answer: ByteStream, started: float) -> None:
        logger.debug(
            "answered: method=%s host=%s status=%d seconds=%.3f request_id=%s",
            request.method,
            self._host,
            answer.status,
            time.perf_counter() - started,
            redact(answer.request_id, self._secrets()),
        )


class _Wait:
    """A pause that can be cut short."""

    def __init__(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self.over = loop.create_future()
        self._timer = loop.call_later(seconds, self.close)

    def close(self) -> None:
        self._timer.cancel()
        if not self.over.done():
            self.over.set_result(None)
