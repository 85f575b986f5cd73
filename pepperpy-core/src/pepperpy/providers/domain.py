"""What every provider speaks of: answers, usage and, from `errors`, what goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic

import attrs

from .errors import (
    ELLIPSIS,
    MESSAGE_LIMIT,
    ProviderAPIError,
    ProviderAuthenticationError,
    ProviderCapabilityError,
    ProviderConfigError,
    ProviderConnectionError,
    ProviderContentFilterError,
    ProviderContextLengthError,
    ProviderError,
    ProviderInputError,
    ProviderNotFoundError,
    ProviderNotInitializedError,
    ProviderOutputError,
    ProviderPluginError,
    ProviderQuotaError,
    ProviderRateLimitError,
    ProviderResponseError,
    ProviderStreamError,
    ProviderStreamTimeoutError,
    ProviderTimeoutError,
    ProviderTurnLimitError,
    cut,
)

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from .messages import Message, Native, ToolCall

    OutputT = TypeVar("OutputT", default=Any)
else:
    from typing import TypeVar

    OutputT = TypeVar("OutputT")

__all__ = [
    "ELLIPSIS",
    "MESSAGE_LIMIT",
    "Completion",
    "ProviderAPIError",
    "ProviderAuthenticationError",
    "ProviderCapabilityError",
    "ProviderConfigError",
    "ProviderConnectionError",
    "ProviderContentFilterError",
    "ProviderContextLengthError",
    "ProviderError",
    "ProviderInputError",
    "ProviderNotFoundError",
    "ProviderNotInitializedError",
    "ProviderOutputError",
    "ProviderPluginError",
    "ProviderQuotaError",
    "ProviderRateLimitError",
    "ProviderResponseError",
    "ProviderStreamError",
    "ProviderStreamTimeoutError",
    "ProviderTimeoutError",
    "ProviderTurnLimitError",
    "Usage",
    "cut",
]


# Without slots, and so set in one go: with them a frozen class takes a call for each field, and every answer has one.
@attrs.frozen(kw_only=True, slots=False)
class Usage:
    """What a call used, in tokens; None where the service didn't say.

    Attributes:
        input_tokens: Tokens of the prompt, those read from a cache included.
        output_tokens: Tokens of the answer, reasoning included, whatever the service's own way to count.
        total_tokens: As the service sums them up.
        cached_tokens: The part of `input_tokens` that came from a cache.
        reasoning_tokens: The part of `output_tokens` that was reasoning.
        cost: What the call cost, in US dollars, where the service says so.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: float | None = None

    @property
    def prompt_tokens(self) -> int | None:
        """`input_tokens`, in the words of Chat Completions."""
        return self.input_tokens

    @property
    def completion_tokens(self) -> int | None:
        """`output_tokens`, in the words of Chat Completions."""
        return self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        """Sum two usages field by field; None only where neither side said anything."""
        return Usage(
            **{
                name: mine if theirs is None else theirs if mine is None else mine + theirs
                for name in _USAGE_FIELDS
                for mine, theirs in [(getattr(self, name), getattr(other, name))]
            }
        )


_USAGE_FIELDS = tuple(field.name for field in attrs.fields(Usage))


class Completion(str, Generic[OutputT]):
    """An answer: a `str` of its text that also knows how it came about.

    It prints, joins, compares and serialises as its text.

    Attributes:
        usage: What the call used.
        finish_reason: Why the answer ended: "stop", "length", "tool_calls", "content_filter", or the service's own
            word for what is none of these; None where the service didn't say or the answer is not whole.
        native_finish_reason: The service's own word for it.
        model: The model that answered, as the service names it.
        id: The service's name for the answer.
        tool_calls: The calls that the model asks for, in its order.
        reasoning: The text of the model's reasoning, kept apart from the answer, or None.
        refusal: The model's words of refusal, or None.
        output: The answer as an object of what `output` asked for; None where nothing was asked for, or the model
            called tools instead.
        native: What the service wants back with the next turn; `message` carries it.
        raw: The service's answer as it was decoded; None for a stream, unless it says there what is nowhere else.
        attempts: How many requests it took.
    """

    __slots__ = (
        "attempts",
        "finish_reason",
        "id",
        "model",
        "native",
        "native_finish_reason",
        "output",
        "raw",
        "reasoning",
        "refusal",
        "tool_calls",
        "usage",
    )

    usage: Usage
    finish_reason: str | None
    native_finish_reason: str | None
    model: str | None
    id: str | None
    tool_calls: tuple[ToolCall, ...]
    reasoning: str | None
    refusal: str | None
    output: OutputT
    native: Native | None
    raw: Any
    attempts: int

    NO_USAGE: ClassVar[Usage] = Usage()

    def __new__(  # noqa: D102 -- what its arguments are is said above
        cls,
        text: str = "",
        *,
        usage: Usage = NO_USAGE,
        finish_reason: str | None = None,
        native_finish_reason: str | None = None,
        model: str | None = None,
        id: str | None = None,
        tool_calls: tuple[ToolCall, ...] = (),
        reasoning: str | None = None,
        refusal: str | None = None,
        output: Any = None,
        native: Native | None = None,
        raw: Any = None,
        attempts: int = 1,
    ) -> Completion[OutputT]:
        self = str.__new__(cls, text)
        self.usage = usage
        self.finish_reason = finish_reason
        self.native_finish_reason = native_finish_reason if native_finish_reason is not None else finish_reason
        self.model = model
        self.id = id
        self.tool_calls = tool_calls
        self.reasoning = reasoning
        self.refusal = refusal
        self.output = output
        self.native = native
        self.raw = raw
        self.attempts = attempts
        return self

    @property
    def text(self) -> str:
        """The text alone, as a plain `str`."""
        return str.__str__(self)

    @property
    def message(self) -> Message:
        """The answer as a message that the conversation goes on with."""
        from .messages import Message

        return Message.assistant(self.text, tool_calls=self.tool_calls, native=self.native)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_completion, (type(self), self.text, {name: getattr(self, name) for name in self.__slots__})


def _rebuild_completion(kind: type[Completion[Any]], text: str, fields: dict[str, Any]) -> Completion[Any]:
    return kind(text, **fields)
