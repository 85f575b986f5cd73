"""An answer that comes piece by piece."""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Protocol, Self, TypeVar

from ._transport.sse import EventTooLarge, LineDecoder, SSEDecoder, WholeBody
from .dialect import StreamParser, check_not_refused, response_error, unknown_shape
from .domain import (
    Completion,
    OutputT,
    ProviderAPIError,
    ProviderConnectionError,
    ProviderError,
    ProviderInputError,
    ProviderResponseError,
    ProviderStreamError,
    ProviderStreamTimeoutError,
    ProviderTimeoutError,
    Usage,
)

if TYPE_CHECKING:
    from .events import StreamEvent
    from .messages import ToolCall
    from .outputs import OutputSchema

TAIL_SECONDS = 5.0

# Usually one with the role and one with text.
FIRST_EVENTS = 2

JSON_TYPES = ("application/json", "text/json")
LINE_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")


class ByteSource(Protocol):
    """Where a stream's bytes come from."""

    @property
    def content_type(self) -> str:
        """The media type of the body, in lower case, without parameters."""
        ...

    @property
    def request_id(self) -> str | None:
        """The service's name for the request."""
        ...

    async def read(self) -> bytes:
        """Return the bytes that have come, none at the end; raise `ProviderError` where they were cut."""
        ...

    async def finish(self) -> None:
        """Let go of a body that said all it had to say."""
        ...

    def close(self) -> None:
        """Let go at once."""
        ...


class CompletionStream(Generic[OutputT]):
    """The pieces of an answer as they come: `str`, none empty.

    It ends normally only if the answer did. One that is cut or falls silent raises `ProviderStreamError`, after the
    pieces that had come. Until its end it holds a connection, which an error, `aclose()`, the end of an `async with`
    and leaving the `async for` early let go of.

        async with await provider.complete("Tell me a story", stream=True) as stream:
            async for piece in stream:
                print(piece, end="", flush=True)
        print(stream.usage)
    """

    def __init__(
        self,
        source: ByteSource,
        parser: StreamParser,
        *,
        parse_whole: Callable[[bytes], Completion],
        sign: Callable[[ProviderError], ProviderError],
        content_timeout: float | None,
        schema: OutputSchema | None = None,
    ) -> None:
        self._source = source
        self._parser = parser
        self._parse_whole = parse_whole
        self._sign = sign
        self._content_timeout = content_timeout
        self._schema = schema
        self._output: Any = None
        content_type = source.content_type
        self._decoder = _decoder_for(content_type)
        self._had_events = content_type == "text/event-stream" or content_type in LINE_TYPES
        self._ready: deque[str] = deque()
        self._reading = False
        self._ended = False
        self._failure: ProviderError | None = None
        self._whole: Completion | None = None
        self._silent_since: float | None = None
        self._attempts = 1
        self._pieces_read = 0
        self._asides_handed_out = 0
        # Events that came in one go with the first piece, which does not wait until they are read.
        self._put_off: list[bytes] = []
        self._end_told = False

    @property
    def completion(self) -> Completion[OutputT]:
        """The answer so far, and at the end the whole of it; until then its `finish_reason` may be None."""
        completion = self._parser.completion() if self._whole is None else self._whole
        completion.attempts = self._attempts
        completion.output = self._output
        return completion

    @property
    def output(self) -> OutputT:
        """The whole answer as an object of what `output` asked for; None before its end."""
        output: OutputT = self._output
        return output

    @property
    def usage(self) -> Usage:
        """What the call used, as far as the service has said."""
        return self.completion.usage

    @property
    def finish_reason(self) -> str | None:
        """Why the answer ended; None before its end."""
        return self.completion.finish_reason

    def __aiter__(self) -> AsyncIterator[str]:
        return _Pieces(self)

    async def __anext__(self) -> str:
        if not self._ready:
            await self._read()
            if not self._ready:
                self._raise_end()
        return self._ready.popleft()

    def events(self) -> AsyncIterator[StreamEvent]:
        """Return what comes, the text among it, in the order in which it comes; the last is a `FinishEvent`.

        Pieces that were iterated over before are left out. Leaving the loop early closes the stream, as it does when
        iterating over the pieces.
        """
        from .events import StreamEvents

        return StreamEvents(self)

    async def begin(self) -> Self:
        """Read up to the first piece or the end, so that what fails until then is raised here and can be retried.

        A piece of reasoning counts, or a call: who waits for events is not to wait for the text.
        """
        await self._read(asides=True)
        if self._failure is not None and not self._ready:
            raise self._failure
        return self

    def count_attempts(self, attempts: int) -> Self:
        """Note how many requests it took to begin."""
        self._attempts = attempts
        if self._failure is not None:
            # It broke in the very read that brought its first piece.
            self._failure.details["attempts"] = attempts
        return self

    async def aclose(self) -> None:
        """Let go of the connection; what has come so far stays in `completion`."""
        self._leave()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def _leave(self) -> None:
        """Let go, unless all was handed out; from here on there is nothing more, whatever had come already."""
        if not self._ended or self._ready:
            self._ready.clear()
            self._asides_handed_out = len(self._parser.asides)
            self._end(
                ProviderStreamError("the stream was left before its end and is closed; ask again for a whole one")
            )

    def _raise_end(self) -> NoReturn:
        self._raise_failure()
        raise StopAsyncIteration

    def _raise_failure(self) -> None:
        if self._failure is not None:
            # A copy, because a kept error that was raised would hold this stream by its traceback.
            raise copy.copy(self._failure)

    def _tell_end(self) -> bool:
        """Whether the end is to be told: once, so that nobody answers the calls of a stream twice."""
        told, self._end_told = self._end_told, True
        return not told

    async def _next_event(self) -> str | tuple[str | ToolCall] | None:
        """Return the next piece, or in a tuple what came beside the text; None at the regular end."""
        asides = self._parser.asides
        while True:
            if self._asides_handed_out < len(asides):
                position, aside = asides[self._asides_handed_out]
                if position <= self._pieces_read - len(self._ready):
                    self._asides_handed_out += 1
                    return (aside,)
            if self._ready:
                return self._ready.popleft()
            if self._ended:
                self._raise_failure()
                return None
            await self._read(asides=True)

    async def _read(self, *, asides: bool = False) -> None:
        """Read until there is a piece, or the end; with `asides` also until something comes beside the text."""
        # One coroutine for all of it: each layer costs again with every piece.
        if self._reading:
            raise ProviderInputError("the stream is being read by another task; give each task a stream of its own")
        self._reading = True
        try:
            while not (self._ready or self._ended or (asides and len(self._parser.asides) > self._asides_handed_out)):
                at_end = False
                if self._put_off:
                    events, self._put_off = self._put_off, []
                else:
                    try:
                        chunk = await (self._read_tail() if self._parser.conclusive else self._source.read())
                        at_end = not chunk
                        events = self._decoder.close() if at_end else self._decoder.feed(chunk)
                    except EventTooLarge:
                        self._end(response_error("with an event that has no end"))
                        return
                    except ProviderError as fault:
                        # Closed by another task meanwhile, it has its reason already.
                        if not self._ended:
                            self._end(None if self._parser.conclusive else fault)
                        return
                    except BaseException:
                        self._leave()
                        raise
                    if len(events) > FIRST_EVENTS and not (at_end or self._pieces_read or self._parser.asides):
                        events, self._put_off = events[:FIRST_EVENTS], events[FIRST_EVENTS:]
                if self._take_in(events, at_end):
                    await self._source.finish()
        finally:
            self._reading = False

    def _take_in(self, events: list[bytes], at_end: bool) -> bool:
        """Take in what came; return whether it was the regular end, behind which the source is to be finished."""
        try:
            pieces = self._parser.feed(events)
        except ProviderAPIError as error:
            self._end(error)
            return False
        except Exception as bug:  # noqa: BLE001 -- a dialect is to be total; one that is not must not hang its stream
            self._end(unknown_shape(bug))
            return False
        self._ready.extend(pieces)
        self._pieces_read += len(pieces)
        self._had_events |= bool(events)
        if at_end and isinstance(self._parser.error, ProviderResponseError):
            # An event that the end of the body cut in two.
            self._end(self._cut())
        elif self._parser.error is not None:
            self._end(self._parser.error)
        elif self._parser.done:
            self._end(None, close=False)
            return True
        elif at_end:
            self._end(self._read_stray())
        elif self._put_off:
            return False
        elif (document := self._decoder.document) and (failure := self._error_in(document)):
            # A bare error object ends the stream at once, also where the connection stays open.
            self._end(failure)
        elif events:
            self._silent_since = None
        else:
            self._check_content()
        return False

    async def _read_tail(self) -> bytes:
        """Read behind the answer, where only usage and a terminator come; a service that forgets them is not waited for."""
        hasten: Callable[[float], bool] | None = getattr(self._source, "hasten", None)
        try:
            if hasten is not None and hasten(TAIL_SECONDS):
                return await self._source.read()
            async with asyncio.timeout(TAIL_SECONDS):
                return await self._source.read()
        except TimeoutError:
            # Our own among them: the source has one for each silence.
            return b""

    def _end(self, failure: ProviderError | None, *, close: bool = True) -> None:
        self._ended = True
        if close:
            self._source.close()
        completion = self.completion
        if failure is not None:
            # In place, so that nobody keeps it as the service sent it.
            self._sign(failure)
            self._failure = self._as_of_a_stream(failure, completion)
        else:
            self._failure = check_not_refused(completion) or self._read_output(completion)
        if self._failure is not None:
            self._failure.details.setdefault("attempts", self._attempts)
            if self._source.request_id is not None:
                self._failure.details.setdefault("request_id", self._source.request_id)
            self._sign(self._failure)

    def _read_output(self, completion: Completion) -> ProviderError | None:
        if self._schema is not None:
            try:
                self._output = self._schema.read(completion)
            except ProviderError as error:
                return error
        return None

    def _as_of_a_stream(self, failure: ProviderError, completion: Completion) -> ProviderError:
        """Before the first piece the service's error keeps its class; behind it, only how the stream ended counts."""
        broke = isinstance(failure, ProviderConnectionError) or (completion and isinstance(failure, ProviderAPIError))
        if broke and not isinstance(failure, ProviderStreamError):
            kind = ProviderStreamTimeoutError if isinstance(failure, ProviderTimeoutError) else ProviderStreamError
            failure = kind(f"the stream broke: {failure.message}", details=failure.details, retryable=failure.retryable)
        if isinstance(failure, ProviderStreamError):
            failure.partial_text = completion.text
        return failure

    def _read_stray(self) -> ProviderError | None:
        """Look at the end of the body for what came outside of any event, and return why the answer is not whole.

        Some services and gateways answer a request for a stream with a plain answer, or break one off with a bare
        error object.
        """
        stray = bytes(self._decoder.stray).strip()
        if stray:
            try:
                whole = self._parse_whole(stray)
            except ProviderResponseError as error:
                if not self._had_events:
                    return error
                if stray.startswith((b"{", b"[")):
                    return self._cut()
            except ProviderError as error:
                return error
            else:
                if not self._parser.completion():
                    self._whole = whole
                    self._ready.extend([whole.text] if whole else [])
                    self._pieces_read += len(self._ready)
                    if whole.reasoning:
                        self._parser.asides.insert(0, (0, whole.reasoning))
                    return None
        return None if self._parser.finished else self._cut()

    def _error_in(self, document: bytes) -> ProviderError | None:
        try:
            self._parse_whole(document)
        except ProviderResponseError:
            return None
        except ProviderError as error:
            return error
        return None

    def _cut(self) -> ProviderError | None:
        if self._parser.conclusive:
            return None
        return ProviderConnectionError("the connection ended before the answer did; try again")

    def _check_content(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._silent_since is None:
            self._silent_since = now
        elif self._content_timeout is not None and now - self._silent_since > self._content_timeout:
            self._end(ProviderTimeoutError(f"nothing but keep-alive signs came for {self._content_timeout:g} s"))


def _decoder_for(content_type: str) -> SSEDecoder | LineDecoder | WholeBody:
    if content_type in JSON_TYPES:
        return WholeBody()
    return LineDecoder() if content_type in LINE_TYPES else SSEDecoder()


class Leavable(Protocol):
    """What is to be let go of once nobody iterates over it any more."""

    def _leave(self) -> None: ...


LeavableT = TypeVar("LeavableT", bound=Leavable)


class Iteration(Generic[LeavableT]):
    """One `async for` over a stream. Leaving the loop drops it, and that is the one sign that a `break` gives."""

    __slots__ = ("_stream",)

    def __init__(self, stream: LeavableT) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    def __del__(self) -> None:
        self._stream._leave()


class _Pieces(Iteration[CompletionStream[Any]]):
    """One over the pieces of text."""

    __slots__ = ()

    async def __anext__(self) -> str:
        stream = self._stream
        if not stream._ready:
            await stream._read()
            if not stream._ready:
                stream._raise_end()
        return stream._ready.popleft()
