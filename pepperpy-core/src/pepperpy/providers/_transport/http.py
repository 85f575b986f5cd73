"""Requests over HTTP: send, retry, bound, and say in our own words what went wrong."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import urlencode, urlsplit

from .._codec import dumps, loads
from .._config import Timeouts
from .._origin import check_request_headers
from .._secret import SecretBytes, SecretDict, SecretText
from ..dialect import Request, api_error, response_error
from ..domain import (
    ProviderAPIError,
    ProviderError,
    ProviderNotInitializedError,
    ProviderQuotaError,
    cut,
)
from . import retry
from .sse import SSEDecoder

if TYPE_CHECKING:
    from .answer import ByteStream
    from .bounds import Bounds
    from .exchange import Exchange

T = TypeVar("T")

Authorize: TypeAlias = Callable[[Mapping[str, str] | None], Awaitable[Mapping[str, str]]]
"""Returns the headers that authorize a request: newer ones than those it is given, which the service refused."""

logger = logging.getLogger("pepperpy")

_STREAM_HEADERS = {"Accept": "text/event-stream"}


class HTTPTransport:
    """Sends the requests of one provider to one origin.

    Args:
        base_url: What every request's path is put behind.
        headers: Sent with every request; the key is among them.
        parse_error: Reads an answer that is an error: its status and its decoded body.
        timeouts: The bounds in time.
        max_retries: Requests after the first.
        max_retry_wait: The longest delay in seconds that is obeyed; a longer one ends the call.
        max_response_bytes: The longest answer, unpacked.
        trust_env: Whether the environment's proxies are used.
        secrets: Returns what is blotted out of the log.
        authorize: For a key that runs out, such as a bearer of some minutes. On a 401 it is asked for a newer one,
            and the request is sent once more within the same attempt. What it raises counts as a failure of the
            attempt: it needs no retries of its own.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        parse_error: Callable[[int, Any], ProviderAPIError],
        timeouts: Timeouts,
        max_retries: int,
        max_retry_wait: float,
        max_response_bytes: int,
        trust_env: bool,
        secrets: Callable[[], Iterable[str]],
        authorize: Authorize | None = None,
    ) -> None:
        self._authorize = authorize
        self._host = urlsplit(base_url).hostname
        self._parse_error = parse_error
        self._max_retries = max_retries
        self._max_retry_wait = max_retry_wait
        self._budget = retry.RetryBudget()
        self._exchange: Exchange | None = None

        def make_exchange() -> Exchange:
            # Here, so that who only names a provider's class pays for no HTTP client, and who makes one does not import
            # it from the depths of a plugin's imports, where Python allocates its stack anew at every other call.
            from .exchange import Exchange

            return Exchange(
                base_url,
                headers,
                timeouts=timeouts,
                max_response_bytes=max_response_bytes,
                trust_env=trust_env,
                secrets=secrets,
            )

        self._make_exchange = make_exchange

    def open(self) -> None:
        """Let requests through; no connection is made before the first."""
        if self._exchange is None:
            self._exchange = self._make_exchange()
        self._exchange.is_open = True

    async def close(self) -> None:
        """End what is under way with `ProviderNotInitializedError` and close all connections."""
        if self._exchange is not None:
            await self._exchange.close()

    def post(self, request: Request, parse: Callable[[Any], T]) -> Coroutine[Any, Any, tuple[T, int]]:
        """Send a request and return its answer as `parse` reads it, with the number of requests it took.

        Raises:
            ProviderError: It failed, and so did the retries that it was worth.
        """
        # A plain function, as are some below it: each coroutine costs again whenever the call waits.
        return self.retrying(functools.partial(self._post, self._ready(), request, encode(request), parse))

    def stream(
        self, request: Request, begin: Callable[[ByteStream], Awaitable[T]]
    ) -> Coroutine[Any, Any, tuple[T, int]]:
        """Send a request, hand the open answer to `begin`, and return what that makes of it.

        What `begin` raises counts as a failed attempt: nothing was handed out yet.
        """
        return self.retrying(functools.partial(self._stream, self._ready(), request, encode(request), begin))

    def _ready(self) -> Exchange:
        if self._exchange is None:
            raise ProviderNotInitializedError("the transport is not open; call its open() first")
        return self._exchange

    async def _post(self, exchange: Exchange, request: Request, body: bytes | None, parse: Callable[[Any], T]) -> T:
        bounds = exchange.bounds if request.timeouts is None else exchange.bounds_for(request.timeouts)
        answer = await self._send(exchange, request, body, bounds)
        try:
            if not 200 <= answer.status < 300:
                raise await self._error(answer, bounds)
            whole = answer.read_whole()
            return parse(decode(await answer.read_to_end() if whole is None else whole))
        except ProviderAPIError as error:
            error.details["status"] = answer.status
            if answer.request_id is not None:
                error.details.setdefault("request_id", answer.request_id)
            raise
        finally:
            answer.close()

    async def _stream(
        self, exchange: Exchange, request: Request, body: bytes | None, begin: Callable[[ByteStream], Awaitable[T]]
    ) -> T:
        bounds = exchange.bounds if request.timeouts is None else exchange.bounds_for(request.timeouts)
        answer = await self._send(exchange, request, body, bounds)
        try:
            if not 200 <= answer.status < 300:
                raise await self._error(answer, bounds)
            answer.bound_silences(bounds.idle)
            return await begin(answer)
        except BaseException:
            answer.close()
            raise

    async def retrying(self, attempt: Callable[[], Awaitable[T]]) -> tuple[T, int]:
        """Run `attempt` until it succeeds, fails for good, or no retry is left."""
        attempts = 0
        delays = None
        while True:
            attempts += 1
            try:
                result = await attempt()
            except ProviderError as failure:
                error = failure
            else:
                self._budget.give_back()
                return result, attempts
            # Out here, so that the error of the next attempt does not carry this one as its context.
            error.details["attempts"] = attempts
            if not error.retryable or attempts > self._max_retries:
                break
            asked = error.retry_after
            if asked is not None and asked > self._max_retry_wait:
                error.args = (
                    f"{error.message} (it asks to wait {asked:g} s; at most {self._max_retry_wait:g} s are waited)",
                )
                break
            if not self._budget.take():
                error.args = (f"{error.message} (not retried: too many requests of this provider failed lately)",)
                break
            delays = delays or retry.delays()
            seconds = retry.delay(next(delays), asked)
            logger.info(
                "retrying: host=%s error=%s status=%s attempt=%d wait=%.2f",
                self._host,
                type(error).__name__,
                error.details.get("status"),
                attempts,
                seconds,
            )
            await self.wait(seconds)
        raise error

    async def wait(self, seconds: float) -> None:
        """Pause between two requests; `close` cuts it short."""
        await self._ready().wait(seconds)

    def _send(
        self, exchange: Exchange, request: Request, body: bytes | None, bounds: Bounds
    ) -> Coroutine[Any, Any, ByteStream]:
        """Send once and return the answer, its body unread."""
        headers = _STREAM_HEADERS if request.stream else None
        if request.form is not None or request.headers or self._authorize is not None:
            headers = SecretDict(headers or ())
            if request.form is not None:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
            if request.headers:
                check_request_headers(request.headers)
                headers.update(sealed(request.headers))
            if self._authorize is not None:
                seconds = bounds.first_silence if request.stream else bounds.attempt
                send = functools.partial(exchange.send, request, body, bounds, headers)
                return self._within_attempt(exchange, self._authorized(self._authorize, send, headers), seconds)
        return exchange.send(request, body, bounds, headers)

    async def _authorized(
        self, authorize: Authorize, send: Callable[[], Awaitable[ByteStream]], headers: SecretDict
    ) -> ByteStream:
        headers.update(sealed(await authorize(None)))
        answer = await send()
        if answer.status == 401:
            await answer.finish()
            headers.update(sealed(await authorize(headers)))
            answer = await send()
        return answer

    async def _within_attempt(
        self, exchange: Exchange, sending: Awaitable[ByteStream], seconds: float | None
    ) -> ByteStream:
        """Bound what may take more than the one exchange that aiohttp bounds."""
        try:
            async with asyncio.timeout(seconds):
                return await sending
        except TimeoutError as fault:
            if isinstance(fault, ProviderError):
                raise
            error = exchange.translate(fault)
        raise error

    async def _error(self, answer: ByteStream, bounds: Bounds) -> ProviderAPIError:
        if 300 <= answer.status < 400:
            error = api_error(answer.status, "a redirect, which is not followed")
        else:
            body = await answer.read_error(bounds.error_body)
            error = self._parse_error(answer.status, decode_error(body))
            if body:
                error.details.setdefault("body", cut(body.decode("utf-8", "replace")))
        if (asked := retry.parse_retry_after(answer.headers)) is not None:
            # Of two delays the longer one: neither is to be undercut.
            error.details["retry_after"] = max(asked, error.retry_after or 0)
        if answer.request_id is not None:
            error.details["request_id"] = answer.request_id
        told = answer.headers.get("x-should-retry", "").lower()
        if told == "false" or (told == "true" and not isinstance(error, ProviderQuotaError)):
            error.retryable = told == "true"
        return error


def encode(request: Request) -> bytes | None:
    """Return the body of a request.

    Raises:
        ProviderInputError: It holds what cannot be sent.
    """
    if request.form is not None:
        return SecretBytes(urlencode(request.form).encode())
    return dumps(request.body) if request.method == "POST" else None


def sealed(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers whose values have no representation."""
    return {name: SecretText(value) for name, value in headers.items()}


def decode(body: bytes | bytearray) -> Any:
    """Decode the body of a good answer.

    Raises:
        ProviderResponseError: It is no JSON.
    """
    try:
        return loads(body)
    except ValueError:
        error = response_error("with a body that is no JSON" if body.strip() else "with nothing")
    if body:
        error.details["body"] = cut(body.decode("utf-8", "replace"))
    raise error


def decode_error(body: bytes) -> Any:
    """Decode the body of an error: JSON where it is that, else its text; events are taken for what they carry."""
    decoder = SSEDecoder()
    for candidate in (body, *decoder.feed(body), *decoder.close()):
        try:
            return loads(candidate)
        except ValueError:
            continue
    return body.decode("utf-8", "replace").strip()
