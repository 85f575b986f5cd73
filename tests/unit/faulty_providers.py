"""Providers for the kit to look at: a right one that does its own HTTP, as a stranger might, and many that are not right.

Loaded by the pytest that `test_kit_faults` starts.
"""

from __future__ import annotations

import asyncio
import base64
import codecs
import contextlib
import email.utils
import json
import logging
import time
import urllib.request
import weakref
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import attrs

from pepperpy.providers import (
    Completion,
    Provider,
    ProviderAPIError,
    ProviderAuthenticationError,
    ProviderConfig,
    ProviderConnectionError,
    ProviderError,
    ProviderInputError,
    ProviderNotInitializedError,
    ProviderRateLimitError,
    ProviderResponseError,
    ProviderStreamError,
    ProviderTimeoutError,
    Usage,
)


@attrs.frozen(kw_only=True)
class Options:
    base_url: str = "http://127.0.0.1:1"


def at(value: Any, *path: Any) -> Any:
    """Return what stands at a place of a JSON value; None where there is nothing."""
    for step in path:
        try:
            value = value[step]
        except (LookupError, TypeError):
            return None
    return value


class Pieces:
    """A stream that lets go of its response in whatever way it is left."""

    def __init__(self, provider: Right, response: aiohttp.ClientResponse) -> None:
        self.provider, self.response = provider, response
        self.generator = provider.read(response)
        self.usage = Usage()

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> str:
        return await anext(self.generator)

    async def aclose(self) -> None:
        await self.generator.aclose()
        self.response.close()

    def __del__(self) -> None:
        self.response.close()


class Right(Provider):
    """A provider of the plain kind, which does everything by itself."""

    options_type = Options
    options: Options

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self.session: aiohttp.ClientSession | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.responses: weakref.WeakSet[aiohttp.ClientResponse] = weakref.WeakSet()

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.config.api_key}", "Content-Type": "application/json"}

    def url(self) -> str:
        return f"{self.options.base_url}/chat/completions"

    def get_session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self.session is None or self.session.closed:
            self.session, self.loop = aiohttp.ClientSession(), loop
        if self.loop is not loop:
            raise ProviderError("this provider belongs to another event loop; make one for each")
        return self.session

    async def cleanup(self) -> None:
        session, self.session = self.session, None
        for response in self.responses:
            response.close()
            response.content.set_exception(aiohttp.ClientConnectionError())
        if session is not None:
            await session.close()

    async def send(self, body: dict[str, Any]) -> aiohttp.ClientResponse:
        session = self.get_session()
        try:
            response = await session.post(
                self.url(),
                data=json.dumps(body),
                headers=self.headers(),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None),
            )
        except (aiohttp.ClientError, OSError, ValueError):
            raise self.broken("the connection failed; try again") from None
        if response.status != 200:
            raise await self.error_of(response)
        return response

    def broken(self, message: str) -> ProviderError:
        if self._initialized:
            return ProviderConnectionError(message, provider_type=self.config.provider_type)
        return ProviderNotInitializedError("the provider was cleaned up", provider_type=self.config.provider_type)

    async def error_of(self, response: aiohttp.ClientResponse) -> ProviderError:
        try:
            text = (await response.read()).decode("utf-8", "replace")
        except (aiohttp.ClientError, OSError):
            text = ""
        return self.make_error(response.status, text, response.headers.get("Retry-After"))

    def make_error(self, status: int, text: str, retry_after: str | None = None) -> ProviderError:
        try:
            payload = json.loads(text)
        except (ValueError, RecursionError):
            payload = None
        message = at(payload, "error", "message") or text or "no reason given"
        kinds = {401: ProviderAuthenticationError, 403: ProviderAuthenticationError, 429: ProviderRateLimitError}
        details: dict[str, Any] = {"status": status}
        try:
            seconds = float(retry_after or "")
        except ValueError:
            seconds = self.seconds_until(retry_after or "")
        if 0 <= seconds < 1e6:
            details["retry_after"] = seconds
        return kinds.get(status, ProviderAPIError)(
            self.hide(message), provider_type=self.config.provider_type, details=details
        )

    def seconds_until(self, date: str) -> float:
        try:
            return email.utils.parsedate_to_datetime(date).timestamp() - time.time()
        except ValueError:
            return -1

    def hide(self, text: str) -> str:
        return text.replace(self.config.api_key or "\0", "***")

    def may_retry(self, error: ProviderError) -> bool:
        status = getattr(error, "status", None)
        return isinstance(error, ProviderConnectionError) or status in (408, 409, 429, 500, 502, 503)

    def pause(self, error: ProviderError) -> float:
        return 0.05 if error.retry_after is None else error.retry_after

    def attempts(self) -> range:
        return range(self.config.max_retries + 1)

    async def retrying(self, body: dict[str, Any]) -> aiohttp.ClientResponse:
        for attempt in self.attempts():
            try:
                return await self.send(body)
            except ProviderError as error:
                if attempt + 1 == len(self.attempts()) or not self.may_retry(error) or self.pause(error) > 60:
                    raise
                await asyncio.sleep(self.pause(error))
        raise AssertionError

    async def post(self, body: dict[str, Any]) -> Any:
        try:
            async with asyncio.timeout(self.config.timeouts.attempt):
                response = await self.retrying(body)
                data = await response.read()
        except TimeoutError:
            raise ProviderTimeoutError("no answer in time", provider_type=self.config.provider_type) from None
        except (aiohttp.ClientError, OSError):
            raise self.broken("the answer was cut") from None
        try:
            return json.loads(data.decode())
        except (ValueError, RecursionError):
            raise ProviderResponseError("no JSON came; is base_url right?", details={"status": 200}) from None

    def check(self, prompt: Any) -> None:
        self._check_initialized()
        if not isinstance(prompt, str) or not prompt.strip():
            raise ProviderInputError("prompt must be a text that is not blank")

    async def complete(
        self, prompt: str, *, stream: bool = False, temperature: float | None = None, max_tokens: int | None = None
    ) -> Any:
        self.check(prompt)
        body = {"messages": [{"role": "user", "content": prompt}], "stream": stream}
        body |= {} if temperature is None else {"temperature": temperature}
        body |= {} if max_tokens is None else {"max_tokens": max_tokens}
        if stream:
            return await self.open(body)
        return self.parse(await self.post(body))

    def parse(self, payload: Any) -> str:
        if at(payload, "error"):
            raise self.make_error(200, json.dumps(payload))
        text = at(payload, "choices", 0, "message", "content")
        if not isinstance(text, str):
            raise ProviderResponseError("no text came; is base_url right?", details={"status": 200})
        return Completion(text, usage=self.usage(payload), finish_reason=at(payload, "choices", 0, "finish_reason"))

    def usage(self, payload: Any) -> Usage:
        return Usage(
            input_tokens=at(payload, "usage", "prompt_tokens"), output_tokens=at(payload, "usage", "completion_tokens")
        )

    async def open(self, body: dict[str, Any]) -> Any:
        try:
            async with asyncio.timeout(self.config.timeouts.idle):
                response = await self.retrying(body)
        except TimeoutError:
            raise ProviderTimeoutError("no answer in time", provider_type=self.config.provider_type) from None
        self.responses.add(response)
        return self.pieces(response)

    def pieces(self, response: aiohttp.ClientResponse) -> Any:
        return self.read(response) if response is None else Plain(Pieces(self, response))

    async def lines(self, response: aiohttp.ClientResponse) -> AsyncIterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        kept = ""
        while True:
            async with asyncio.timeout(self.config.timeouts.idle):
                data = await response.content.readany()
            kept += decoder.decode(data, final=not data)
            at_end = not data
            whole, kept = self.split(kept, at_end)
            for line in whole:
                yield line
            if at_end:
                return

    def split(self, text: str, at_end: bool) -> tuple[list[str], str]:
        tail = "\r" if text.endswith("\r") and not at_end else ""
        *whole, kept = text.removesuffix(tail).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return ([*whole, kept, ""], "") if at_end else (whole, kept + tail)

    async def events(self, response: aiohttp.ClientResponse) -> AsyncIterator[str]:
        data: list[str] = []
        stray: list[str] = []
        async for line in self.lines(response):
            if line.startswith("data:"):
                data.append(line[5:].removeprefix(" "))
            elif not line and data:
                yield "\n".join(data)
                data.clear()
            elif line and line[0] in "{<":
                stray.append(line)
        if stray:
            yield "\n".join(stray)

    async def read(self, response: aiohttp.ClientResponse) -> AsyncIterator[str]:
        text, finished = "", False
        try:
            async for event in self.events(response):
                if event == "[DONE]":
                    finished = True
                    break
                try:
                    chunk = json.loads(event)
                except (ValueError, RecursionError):
                    raise ProviderStreamError("an event is no JSON", details={"status": 200}) from None
                if at(chunk, "error"):
                    raise ProviderStreamError(self.hide(str(at(chunk, "error", "message"))), details={"status": 200})
                finished |= at(chunk, "choices", 0, "finish_reason") is not None
                kind = "delta" if at(chunk, "choices", 0, "message") is None else "message"
                piece = at(chunk, "choices", 0, kind, "content")
                if isinstance(piece, str) and piece:
                    text += piece
                    yield piece
            if not finished:
                raise ProviderStreamError("the stream was cut")
            await response.read()
        except TimeoutError:
            error: ProviderError = ProviderTimeoutError("the stream fell silent")
        except (aiohttp.ClientError, OSError):
            error = self.broken("the connection broke")
            error = ProviderStreamError(error.message)
        except ProviderStreamError as broken:
            error = broken
        else:
            return
        finally:
            if finished:
                response.release()
            else:
                response.close()
        if isinstance(error, ProviderStreamError):
            error.partial_text = text
        raise error from None


class Plain:
    """An iterator that claims nothing more than pieces."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[str]:
        return aiter(self._pieces)

    async def aclose(self) -> None:
        await self._pieces.aclose()


FAULTS: dict[str, tuple[type[Provider], str]] = {}


def breaks(promise: str) -> Any:
    """Note which promise a provider breaks."""

    def note(provider: type[Provider]) -> type[Provider]:
        FAULTS[provider.__name__] = (provider, promise)
        return provider

    return note


KEPT: list[Any] = []


@breaks("streams.break-lets-go")
class LeaksOnBreak(Right):
    def pieces(self, response: aiohttp.ClientResponse) -> Any:
        KEPT.append(response)
        return self.read_on(response)

    async def read_on(self, response: aiohttp.ClientResponse) -> AsyncIterator[str]:
        async for event in self.events(response):
            if piece := at(json.loads(event), "choices", 0, "delta", "content"):
                yield piece


@breaks("streams.unread-lets-go")
class LeaksUnread(LeaksOnBreak):
    pass


@breaks("connections.none-left")
class LeaksAfterManyStreams(LeaksOnBreak):
    pass


@breaks("connections.closed-by-cleanup")
class NeverClosesItsSession(Right):
    async def cleanup(self) -> None:
        KEPT.append(self.session)


@breaks("connections.reused")
class MakesASessionForEachCall(Right):
    def get_session(self) -> aiohttp.ClientSession:
        KEPT.append(aiohttp.ClientSession())
        return KEPT[-1]


@breaks("connections.shared")
class MakesASessionForEachOfManyCalls(MakesASessionForEachCall):
    pass


@breaks("connections.memory")
class KeepsPrompts(Right):
    def check(self, prompt: Any) -> None:
        super().check(prompt)
        KEPT.append(prompt.encode())


@breaks("streams.cut-raises")
class SwallowsACut(Right):
    async def read(self, response: aiohttp.ClientResponse) -> AsyncIterator[str]:
        try:
            async for piece in super().read(response):
                yield piece
        except ProviderError:
            pass


@breaks("streams.cut-raises")
class TakesTheEndOfTheBodyForTheEndOfTheAnswer(Right):
    async def read(self, response: aiohttp.ClientResponse) -> AsyncIterator[str]:
        async for event in self.events(response):
            if piece := at(json.loads(event) if event[0] == "{" else None, "choices", 0, "delta", "content"):
                yield piece


@breaks("streams.cut-keeps-text")
class ForgetsPartialText(Right):
    async def read(self, response: aiohttp.ClientResponse) -> AsyncIterator[str]:
        try:
            async for piece in super().read(response):
                yield piece
        except ProviderError as error:
            raise ProviderStreamError(error.message) from None


@breaks("streams.as-it-comes")
class GathersTheStream(Right):
    async def read(self, response: aiohttp.ClientResponse) -> AsyncIterator[str]:
        for piece in [piece async for piece in super().read(response)]:
            yield piece


@breaks("streams.text")
class YieldsEmptyPieces(Right):
    async def read(self, response: aiohttp.ClientResponse) -> AsyncIterator[str]:
        yield ""
        async for piece in super().read(response):
            yield piece


@breaks("streams.cut-anywhere")
class SplitsBySplitlines(Right):
    def split(self, text: str, at_end: bool) -> tuple[list[str], str]:
        lines = text.splitlines(keepends=True)
        kept = lines.pop() if lines and lines[-1] == lines[-1].rstrip("\n") and not at_end else ""
        return [line.strip("\r\n\u2028\x85\x0b\x1c") for line in [*lines, *([""] if at_end else [])]], kept


@breaks("streams.cut-anywhere")
class BreaksCharacters(Right):
    async def lines(self, response: aiohttp.ClientResponse) -> AsyncIterator[str]:
        kept = ""
        while data := await response.content.readany():
            *whole, kept = (kept + data.decode("utf-8", "ignore")).split("\n")
            for line in whole:
                yield line


@breaks("streams.line-ends")
class KnowsLinefeedsAlone(Right):
    def split(self, text: str, at_end: bool) -> tuple[list[str], str]:
        *whole, kept = text.split("\n")
        return ([*whole, kept, ""], "") if at_end else (whole, kept)


@breaks("streams.multi-line-data")
class TakesEachLineForAnEvent(Right):
    async def events(self, response: aiohttp.ClientResponse) -> AsyncIterator[str]:
        async for line in self.lines(response):
            if line.startswith("data:"):
                yield line[5:].strip()


@breaks("streams.late-error")
class OverlooksErrorsInStreams(Right):
    async def events(self, response: aiohttp.ClientResponse) -> AsyncIterator[str]:
        async for event in super().events(response):
            if '"error"' not in event:
                yield event


@breaks("retries.not-a-400")
class RetriesA400(Right):
    def may_retry(self, error: ProviderError) -> bool:
        return True


@breaks("retries.not-a-400")
class RetriesA400ForStreams(Right):
    async def open(self, body: dict[str, Any]) -> Any:
        try:
            return await super().open(body)
        except ProviderAPIError:
            return await super().open(body)


@breaks("retries.delay-obeyed")
class IgnoresRetryAfter(Right):
    def pause(self, error: ProviderError) -> float:
        return 0.01


@breaks("retries.exact")
class RetriesTooOften(Right):
    def attempts(self) -> range:
        return range(2 * self.config.max_retries + 2)


@breaks("retries.exact")
class RetriesForEver(Right):
    def attempts(self) -> range:
        return range(10**9)


@breaks("retries.delay-too-long")
class WaitsAnHour(Right):
    def pause(self, error: ProviderError) -> float:
        return min(60, super().pause(error))


@breaks("errors.typed")
class RaisesItsClientsErrors(Right):
    async def send(self, body: dict[str, Any]) -> aiohttp.ClientResponse:
        response = await self.get_session().post(self.url(), json=body, headers=self.headers())
        response.raise_for_status()
        return response


@breaks("errors.typed")
class RaisesKeyErrors(Right):
    def parse(self, payload: Any) -> str:
        return str(payload["choices"][0]["message"]["content"])


@breaks("errors.malformed")
class TakesAnythingForAnAnswer(Right):
    def parse(self, payload: Any) -> str:
        return at(payload, "choices", 0, "message", "content") or ""


@breaks("answers.usage")
class LosesUsage(Right):
    def usage(self, payload: Any) -> Usage:
        return Usage()


@breaks("time.loop-not-blocked")
class BlocksTheLoop(Right):
    async def post(self, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(self.url(), json.dumps(body).encode(), self.headers())
        with urllib.request.urlopen(request) as response:  # noqa: ASYNC210 -- the fault
            return json.load(response)


@breaks("time.attempt-bounded")
class BoundsNothing(Right):
    async def post(self, body: dict[str, Any]) -> Any:
        return json.loads(await (await self.retrying(body)).read())


@breaks("time.stream-outlasts")
class BoundsTheWholeStream(Right):
    async def read(self, response: aiohttp.ClientResponse) -> AsyncIterator[str]:
        async with asyncio.timeout(self.config.timeouts.idle):
            async for piece in super().read(response):
                yield piece


@breaks("cancellation.raised")
class SwallowsCancellation(Right):
    async def post(self, body: dict[str, Any]) -> Any:
        try:
            return await super().post(body)
        except asyncio.CancelledError:
            raise ProviderConnectionError("it was interrupted") from None


@breaks("cancellation.reaches-socket")
class RunsOnAfterCancellation(Right):
    async def post(self, body: dict[str, Any]) -> Any:
        KEPT.append(asyncio.ensure_future(super().post(body)))
        return await asyncio.shield(KEPT[-1])


@breaks("secrets.not-printed")
class PrintsItsKey(Right):
    def headers(self) -> dict[str, str]:
        print("sending", super().headers())
        return super().headers()


@breaks("secrets.not-printed")
class PrintsMostOfItsKey(Right):
    async def initialize(self) -> None:
        print("key", str(self.config.api_key)[:-4])


@breaks("secrets.not-printed")
class PrintsItsKeyInBase64(Right):
    async def cleanup(self) -> None:
        print("authorization", base64.b64encode(f"user:{self.config.api_key}".encode()))
        await super().cleanup()


@breaks("secrets.not-printed")
class PrintsItsKeyWhenItEmbeds(Right):
    async def embed(self, text: str, **options: Any) -> list[float]:
        print("key", self.config.api_key)
        return await super().embed(text)


@breaks("secrets.not-logged")
class LogsItsKey(Right):
    def headers(self) -> dict[str, str]:
        logging.getLogger("faulty").debug("sending %s", super().headers())
        return super().headers()


@breaks("secrets.in-header-only")
class PutsItsKeyIntoTheUrl(Right):
    def url(self) -> str:
        return f"{super().url()}?key={self.config.api_key}"


@breaks("secrets.not-in-repr")
class ShowsItsKey(Right):
    def __repr__(self) -> str:
        return f"ShowsItsKey({self.config.api_key})"


@breaks("secrets.not-in-errors")
class TellsItsKey(Right):
    def seconds_until(self, date: str) -> float:
        try:
            return email.utils.parsedate_to_datetime(date).timestamp() - time.time()
        except ValueError:
            return -1

    def hide(self, text: str) -> str:
        return text


@breaks("secrets.not-in-errors")
class KeepsTheClientsErrorAsItsCause(Right):
    async def send(self, body: dict[str, Any]) -> aiohttp.ClientResponse:
        try:
            response = await self.get_session().post(self.url(), json=body, headers=self.headers())
            response.raise_for_status()
        except aiohttp.ClientError as error:
            raise ProviderAPIError("it failed") from error
        return response


@breaks("secrets.redirects-not-followed")
class FollowsRedirects(Right):
    async def send(self, body: dict[str, Any]) -> aiohttp.ClientResponse:
        return await self.get_session().post(self.url(), json=body, headers=self.headers())


@breaks("life.initialize-opens-nothing")
class AsksOnInitialize(Right):
    async def initialize(self) -> None:
        self._initialized = True
        await self.post({"messages": []})


@breaks("life.cleanup-twice")
class CleansUpOnce(Right):
    async def cleanup(self) -> None:
        await self.session.close()  # type: ignore[union-attr]
        del self.session


@breaks("life.use-after-cleanup")
class WorksAfterCleanup(Right):
    def _check_initialized(self) -> None:
        pass


@breaks("life.nothing-left")
class LeavesATask(Right):
    async def initialize(self) -> None:
        KEPT.append(asyncio.ensure_future(asyncio.sleep(60)))


@breaks("life.cleanup-during-calls")
class WaitsForCalls(Right):
    async def cleanup(self) -> None:
        while self.session is not None and self.session.connector and self.session.connector._acquired:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await super().cleanup()


@breaks("configuration.environment-unchanged")
class WritesTheEnvironment(Right):
    async def initialize(self) -> None:
        import os

        os.environ["FAULTY_API_KEY"] = str(self.config.api_key)


@breaks("inputs.unknown-option")
class DropsOptions(Right):
    async def complete(self, prompt: str, *, stream: bool = False, **options: Any) -> Any:
        return await super().complete(prompt, stream=stream)


@breaks("inputs.options-sent")
class DropsTheTemperature(DropsOptions):
    pass


@breaks("inputs.prompt-checked")
class SendsABlankPrompt(Right):
    def check(self, prompt: Any) -> None:
        self._check_initialized()


@breaks("streams.refused-at-once")
class OpensLate(Right):
    async def open(self, body: dict[str, Any]) -> Any:
        async def pieces() -> AsyncIterator[str]:
            async for piece in await super(OpensLate, self).open(body):
                yield piece

        return pieces()


@breaks("streams.text")
class YieldsInsteadOfReturning(Right):
    async def complete(self, prompt: str, *, stream: bool = False, **options: Any) -> Any:
        yield "x"


@breaks("time.loop-not-blocked")
class Sleeps(Right):
    def parse(self, payload: Any) -> str:
        time.sleep(0.6)
        return super().parse(payload)


@breaks("cancellation.raised")
class SwallowsCancellationWithoutHTTP(Provider):
    async def complete(self, prompt: str) -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.2)
        return prompt.upper()
