"""The loop of tools as a stream."""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeAlias, cast

import attrs

from ._tool_calls import answer_calls
from .domain import OutputT, ProviderCapabilityError, ProviderError, ProviderInputError, ProviderStreamError, Usage
from .events import FinishEvent, StreamEvent, TextEvent
from .messages import Message, ToolCall
from .stream import Iteration

if TYPE_CHECKING:
    from .stream import CompletionStream
    from .tool_loop import ToolRun, Turns


@attrs.frozen
class ToolResultEvent:
    """A call was answered.

    Attributes:
        call: The call.
        message: Its result, as the model gets to see it; `is_error` tells whether it failed.
    """

    call: ToolCall
    message: Message


ToolRunEvent: TypeAlias = StreamEvent | ToolResultEvent


class ToolRunStream(Generic[OutputT]):
    """The pieces of all answers of a run as they come: `str`, none empty.

    It has the surface of a `CompletionStream`: it ends normally only if the last answer did, and lets go of what it
    holds at an error, by `aclose()`, at the end of an `async with`, and when the `async for` is left early. Tools run
    only while it is being read.

        async with await provider.run_tools("What time is it?", [clock], stream=True) as stream:
            async for piece in stream:
                print(piece, end="", flush=True)
        print(stream.completion.turns)
    """

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._stream: CompletionStream[Any] | None = None
        self._events: AsyncIterator[StreamEvent] | None = None
        self._results: deque[ToolResultEvent] = deque()
        self._work: asyncio.Task[None] | None = None
        self._reading = False
        self._ended = False
        self._failure: ProviderError | None = None
        self._whole: ToolRun[OutputT] | None = None

    async def begin(self) -> Self:
        """Open the first answer, so that what fails until then is raised here."""
        await self._open()
        return self

    @property
    def completion(self) -> ToolRun[OutputT]:
        """The answer that is coming, as far as it has come, and at the end the whole last one."""
        if self._whole is not None:
            return self._whole
        return self._turns.result(None if self._stream is None else self._stream.completion)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation so far, without an answer that has not come to its end."""
        return tuple(self._turns.messages)

    @property
    def output(self) -> OutputT:
        """The last answer as an object of what `output` asked for; None before its end."""
        return self.completion.output

    @property
    def usage(self) -> Usage:
        """What all turns used, as far as the service has said."""
        return self.completion.usage

    @property
    def finish_reason(self) -> str | None:
        """Why the last answer ended; None before its end."""
        return self.completion.finish_reason

    def __aiter__(self) -> AsyncIterator[str]:
        return _Pieces(self)

    async def __anext__(self) -> str:
        while (event := await self._next()) is not None:
            if isinstance(event, TextEvent):
                return event.text
        raise StopAsyncIteration

    def events(self) -> AsyncIterator[ToolRunEvent]:
        """Return what comes in all turns, the results of tools among it; the last is the one `FinishEvent`.

        The results of an answer's calls come together, once all of them are there. Leaving the loop early closes the
        stream, as it does when iterating over the pieces.
        """
        return _Events(self)

    async def aclose(self) -> None:
        """Let go of the connection and end the functions that run; one that runs in a thread runs to its end."""
        work, stream = self._work, self._stream
        self._leave()
        if stream is not None:
            await stream.aclose()
        if work is not None:
            await asyncio.wait([work])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def _leave(self) -> None:
        """Let go, unless all was handed out; from here on there is nothing more."""
        if not self._ended:
            self._results.clear()
            error = ProviderStreamError("the stream was left before its end and is closed; ask again for a whole one")
            error.partial_text, error.messages = self.completion.text, self.messages
            self._end(error)

    def _end(self, failure: ProviderError | None) -> None:
        if not self._ended:
            self._ended = True
            self._failure = failure
        # Dropping it is what closes the answer that is coming.
        self._events = None
        if self._work is not None:
            self._work.cancel()

    async def _next(self) -> ToolRunEvent | None:
        """Return what comes next; None at the regular end."""
        if self._results:
            return self._results.popleft()
        if self._ended:
            self._raise_failure()
            return None
        if self._reading:
            raise ProviderInputError("the stream is being read by another task; give each task a stream of its own")
        self._reading = True
        try:
            return await self._read()
        except ProviderError as error:
            error.messages = error.messages or self.messages
            # A copy, because a kept error that was raised would hold this stream by its traceback.
            self._end(copy.copy(error))
            raise
        except BaseException:
            self._leave()
            raise
        finally:
            self._reading = False

    async def _read(self) -> ToolRunEvent:
        if self._events is None:
            await self._do(self._open())
        event = await anext(cast("AsyncIterator[StreamEvent]", self._events))
        if not isinstance(event, FinishEvent):
            return event
        self._stream = None
        calls = self._turns.take(event.completion)
        self._events = None
        if not calls:
            self._whole = self._turns.result()
            self._end(None)
            return FinishEvent(self._whole)
        await self._do(self._answer(calls))
        return self._results.popleft()

    async def _open(self) -> None:
        stream = await self._turns.ask(stream=True)
        if self._ended:
            # It was left meanwhile.
            await stream.aclose()
            return
        if not hasattr(stream, "events"):
            raise ProviderCapabilityError("this provider's streams tell of no calls; run the tools without stream")
        self._stream, self._events = stream, stream.events()

    async def _answer(self, calls: Sequence[ToolCall]) -> None:
        messages = await answer_calls(calls, self._turns.tools)
        self._turns.messages += messages
        self._results.extend(map(ToolResultEvent, calls, messages))

    async def _do(self, work: Coroutine[Any, Any, None]) -> None:
        """Do what comes between two answers, in a task of its own, so that `aclose()` in another task can end it."""
        task = self._work = asyncio.ensure_future(work)
        try:
            await task
        except asyncio.CancelledError:
            reader = asyncio.current_task()
            if not self._ended or (reader is not None and reader.cancelling()):
                raise
        finally:
            self._work = None
            # It keeps its error, whose traceback keeps this frame.
            del task
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise copy.copy(self._failure)


class _Events(Iteration[ToolRunStream[Any]]):
    """One `async for` over all that comes in a run."""

    __slots__ = ()

    async def __anext__(self) -> ToolRunEvent:
        event = await self._stream._next()
        if event is None:
            raise StopAsyncIteration
        return event


class _Pieces(Iteration[ToolRunStream[Any]]):
    """One over the pieces of text alone."""

    __slots__ = ()

    async def __anext__(self) -> str:
        return await self._stream.__anext__()
