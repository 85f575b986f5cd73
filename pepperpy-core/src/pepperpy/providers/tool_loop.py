"""The loop of tools: ask, answer what the model calls, ask again, until it calls nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, overload

from . import options as check
from ._tool_calls import answer_calls
from .domain import (
    Completion,
    OutputT,
    ProviderCapabilityError,
    ProviderError,
    ProviderTurnLimitError,
    Usage,
)
from .messages import Message, Prompt, ToolCall, check_conversation, given_text

if TYPE_CHECKING:
    from ._provider import Provider
    from .tool_stream import ToolRunStream
    from .tools import ToolLike

T = TypeVar("T")


class ToolRun(Completion[OutputT]):
    """The last answer of a run, a `Completion` whose `usage` and `attempts` are those of all turns together.

    Attributes:
        messages: The whole conversation, this answer at its end; append to it and go on.
        turns: How many answers it took, this one included.
    """

    __slots__ = ("messages", "turns")

    messages: tuple[Message, ...]
    turns: int

    def __new__(  # noqa: D102 -- what its arguments are is said above
        cls, text: str = "", *, messages: Sequence[Message] = (), turns: int = 1, **fields: Any
    ) -> ToolRun[OutputT]:
        self = cast("ToolRun[OutputT]", super().__new__(cls, text, **fields))
        self.messages = tuple(messages)
        self.turns = turns
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        rebuild, (kind, text, _) = super().__reduce__()
        return rebuild, (kind, text, _fields(self, *Completion.__slots__, *ToolRun.__slots__))


def _fields(completion: Completion[Any], *names: str) -> dict[str, Any]:
    return {name: getattr(completion, name) for name in names}


@overload
async def run_tools(
    provider: Provider,
    prompt: Prompt,
    tools: Sequence[ToolLike],
    *,
    max_turns: int = 10,
    stream: Literal[False] = False,
    output: type[T],
    **options: Any,
) -> ToolRun[T]: ...
@overload
async def run_tools(
    provider: Provider,
    prompt: Prompt,
    tools: Sequence[ToolLike],
    *,
    max_turns: int = 10,
    stream: Literal[False] = False,
    output: Any = None,
    **options: Any,
) -> ToolRun: ...
@overload
async def run_tools(
    provider: Provider,
    prompt: Prompt,
    tools: Sequence[ToolLike],
    *,
    max_turns: int = 10,
    stream: Literal[True],
    output: type[T],
    **options: Any,
) -> ToolRunStream[T]: ...
@overload
async def run_tools(
    provider: Provider,
    prompt: Prompt,
    tools: Sequence[ToolLike],
    *,
    max_turns: int = 10,
    stream: Literal[True],
    output: Any = None,
    **options: Any,
) -> ToolRunStream: ...
@overload
async def run_tools(
    provider: Provider,
    prompt: Prompt,
    tools: Sequence[ToolLike],
    *,
    max_turns: int = 10,
    stream: bool,
    **options: Any,
) -> ToolRun | ToolRunStream: ...
async def run_tools(
    provider: Provider,
    prompt: Prompt,
    tools: Sequence[ToolLike],
    *,
    max_turns: int = 10,
    stream: bool = False,
    **options: Any,
) -> ToolRun | ToolRunStream:
    """Complete a prompt and answer the calls of tools, until the model calls none.

    The calls of one answer run at the same time: async functions in this event loop, the others in threads. What goes
    wrong with a call, an exception of its function too, is told to the model, which may try again.

    A call of a tool that has no function is the caller's to answer: the run ends there, no call of that answer is run,
    and all of them stand in the result's `tool_calls`.

    Args:
        provider: The provider, whose capabilities must have `tools`.
        prompt: What the model is to answer: a text, a `Message`, or the messages of a conversation.
        tools: Tools, or functions to make them of.
        max_turns: How many answers the model has to come to its end.
        stream: Whether to return the pieces of all answers as they come.
        **options: What `complete` takes. A `tool_choice` that demands a call is kept for the first turn only; a
            `timeout` is each turn's.

    Returns:
        The last answer with the whole conversation; with `stream` a `ToolRunStream`.

    Raises:
        ProviderInputError: An argument is wrong; nothing was sent.
        ProviderCapabilityError: The provider has no tools; nothing was sent.
        ProviderTurnLimitError: The model still called tools after `max_turns`.
        ProviderError: A turn failed, and so did the retries that it was worth. `messages` has the conversation up to
            it: to go on with that runs no function twice.
    """
    turns = Turns(provider, prompt, tools, max_turns, stream, options)
    if stream:
        from .tool_stream import ToolRunStream

        return await ToolRunStream(turns).begin()
    while calls := turns.take(await turns.ask()):
        turns.messages += await answer_calls(calls, turns.tools)
    return turns.result()


class Turns:
    """The state of a run: the conversation so far, and what it has used.

    Attributes:
        tools: The tools by name.
        messages: The conversation; what is open in it are calls that are being answered.
    """

    def __init__(
        self,
        provider: Provider,
        prompt: Prompt,
        tools: Sequence[ToolLike],
        max_turns: int,
        stream: bool,
        options: Mapping[str, Any],
    ) -> None:
        self._provider = provider
        self._options = dict(options)
        self._usage = Usage()
        self._attempts = 0
        self._count = 0
        self._last = Completion[Any]()
        self.messages: list[Message] = []
        try:
            self._check_capable(stream=check.flag("stream", stream))
            self._max_turns = check.count("max_turns", max_turns)
            self.tools = {tool.name: tool for tool in check.tools("tools", tools)}
            if isinstance(prompt, str):
                prompt = Message.user(given_text("prompt", prompt))
            self.messages += check_conversation(prompt)
        except ProviderError as error:
            error.provider_type = error.provider_type or provider.config.provider_type
            raise

    def _check_capable(self, *, stream: bool) -> None:
        capabilities = self._provider.capabilities
        needed = ["tools", "conversations", *(["streaming"] if stream else [])]
        for name in needed:
            if not getattr(capabilities, name):
                raise ProviderCapabilityError(
                    f"run_tools needs a provider with {' and '.join(needed)}, and this one has no {name}; "
                    "use another one, or ask without tools"
                )

    async def ask(self, *, stream: bool = False) -> Any:
        """Ask for the next answer: a completion, or the stream of one."""
        options = {**self._options, "tools": list(self.tools.values()), **({"stream": True} if stream else {})}
        if self._count and options.get("tool_choice") not in (None, "auto", "none"):
            # Who must call a tool every time comes to no end.
            options["tool_choice"] = "auto"
        try:
            answer = await self._provider.complete(cast("Any", tuple(self.messages)), **options)
        except ProviderError as error:
            error.messages = tuple(self.messages)
            raise
        self._count += 1
        return answer

    def take(self, answer: Any) -> tuple[ToolCall, ...]:
        """Put an answer to the conversation and return the calls to be answered now; none where the run ends.

        Raises:
            ProviderTurnLimitError: There are calls, and no further turn.
        """
        self._last = answer if isinstance(answer, Completion) else Completion(answer)
        self._usage += self._last.usage
        self._attempts += self._last.attempts
        self.messages.append(self._last.message)
        calls = self._last.tool_calls
        if any(call.name in self.tools and self.tools[call.name].function is None for call in calls):
            return ()
        if calls and self._count >= self._max_turns:
            error = ProviderTurnLimitError(
                f"the model still calls tools after {self._count} turns; give it more by max_turns=, "
                "or go on with the error's messages",
                provider_type=self._provider.config.provider_type,
                details={"turns": self._count},
            )
            error.completion = self._last
            error.messages = tuple(self.messages)
            raise error
        return calls

    def result(self, unfinished: Completion[Any] | None = None) -> ToolRun[Any]:
        """Return the last answer as the run's, or one that has not come to its end."""
        answer, usage, attempts = self._last, self._usage, self._attempts
        if unfinished is not None:
            answer, usage, attempts = unfinished, usage + unfinished.usage, attempts + unfinished.attempts
        fields = _fields(answer, *Completion.__slots__)
        sums = {"usage": usage, "attempts": attempts}
        return ToolRun(answer.text, messages=self.messages, turns=self._count, **{**fields, **sums})
