"""What happens in a stream besides its text, as `stream.events()` tells it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import attrs

from .domain import Completion, Usage
from .messages import ToolCall

if TYPE_CHECKING:
    from .stream import CompletionStream


@attrs.frozen
class TextEvent:
    """A piece of the answer's text, never empty."""

    text: str


@attrs.frozen
class ReasoningEvent:
    """A piece of the model's reasoning, never empty."""

    text: str


@attrs.frozen
class ToolCallEvent:
    """A call of a tool, whole."""

    call: ToolCall


@attrs.frozen
class FinishEvent:
    """The end of the answer; nothing follows.

    Attributes:
        completion: The whole answer.
    """

    completion: Completion

    @property
    def finish_reason(self) -> str | None:
        """Why the answer ended."""
        return self.completion.finish_reason

    @property
    def usage(self) -> Usage:
        """What the call used."""
        return self.completion.usage


StreamEvent: TypeAlias = TextEvent | ReasoningEvent | ToolCallEvent | FinishEvent


class StreamEvents:
    """One `async for` over all that comes in a stream. Leaving the loop drops it, and so closes the stream."""

    def __init__(self, stream: CompletionStream[Any]) -> None:
        self._stream = stream
        self._called: list[ToolCall] = []
        self._last: deque[StreamEvent] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        if self._last is None:
            match await self._stream._next_event():
                case str(piece):
                    return TextEvent(piece)
                case (str(piece),):
                    return ReasoningEvent(piece)
                case (ToolCall() as call,):
                    self._called.append(call)
                    return ToolCallEvent(call)
            if not self._stream._tell_end():
                raise StopAsyncIteration
            completion = self._stream.completion
            # Those that came in fragments are whole only now.
            calls = [call for call in completion.tool_calls if call not in self._called]
            self._last = deque([*map(ToolCallEvent, calls), FinishEvent(completion)])
        if not self._last:
            raise StopAsyncIteration
        return self._last.popleft()

    def __del__(self) -> None:
        self._stream._leave()
