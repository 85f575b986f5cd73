"""What every provider speaks of: errors, answers and usage.

The errors, each one a different decision for the caller:

    ProviderError                          anything that pepperpy raises
    ├── ProviderConfigError                settings missing or wrong; nothing was sent
    ├── ProviderInputError                 arguments wrong; nothing was sent
    ├── ProviderNotFoundError              no such provider
    ├── ProviderPluginError                installed, but did not load
    ├── ProviderNotInitializedError        before initialize() or after cleanup()
    ├── ProviderCapabilityError            this provider cannot do that
    ├── ProviderConnectionError            no usable answer: DNS, TLS, reset
    │   └── ProviderTimeoutError           no answer in time
    └── ProviderAPIError                   the service answered with an error
        ├── ProviderAuthenticationError    the key is wrong, or may not do this
        ├── ProviderRateLimitError         too fast: wait
        ├── ProviderQuotaError             money or a quota is used up: waiting does not help
        ├── ProviderContextLengthError     the prompt is too long for the model
        ├── ProviderContentFilterError     blocked, filtered or refused
        ├── ProviderResponseError          2xx, but not what the service documents
        └── ProviderStreamError            the stream broke
            └── ProviderStreamTimeoutError it fell silent (a ProviderTimeoutError too)
"""

from __future__ import annotations

from typing import Any, ClassVar

import attrs

MESSAGE_LIMIT = 2_000
"""The longest text of an error, in characters."""

ELLIPSIS = " ... "


class ProviderError(Exception):
    """Anything that pepperpy raises.

    Args:
        message: What happened and what to do about it. Cut at 2,000 characters.
        provider_type: The name of the provider, once it is known.
        details: JSON-able facts: `status`, `code`, `request_id`, `retry_after` (seconds), `attempts`, ...
        retryable: Whether the same call may succeed later; by default what the class says.
    """

    retryable: bool = False

    def __init__(
        self,
        message: str = "",
        *,
        provider_type: str | None = None,
        details: dict[str, Any] | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(cut(message))
        self.provider_type = provider_type
        self.details: dict[str, Any] = {} if details is None else details
        if retryable is not None:
            self.retryable = retryable

    @property
    def message(self) -> str:
        """The text of the error without the provider's name."""
        return str(self.args[0]) if self.args else ""

    @property
    def attempts(self) -> int | None:
        """How many requests were sent, or None where none was."""
        return self.details.get("attempts")

    @property
    def retry_after(self) -> float | None:
        """The delay in seconds that the service asked for, or None."""
        return self.details.get("retry_after")

    def __str__(self) -> str:
        return f"{self.provider_type}: {self.message}" if self.provider_type else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # `args` alone would lose the rest, and OSError's own reduction (TimeoutError) does.
        return _rebuild, (type(self), self.message), self.__dict__


def _rebuild(kind: type[ProviderError], message: str) -> ProviderError:
    return kind(message)


def cut(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """Return `text`, with its middle left out where it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    half = (limit - len(ELLIPSIS)) // 2
    return f"{text[:half]}{ELLIPSIS}{text[-half:]}"


class ProviderConfigError(ProviderError, ValueError):
    """A setting is missing or wrong; nothing was sent."""


class ProviderInputError(ProviderError, ValueError):
    """An argument of a call is wrong; nothing was sent."""


class ProviderNotFoundError(ProviderError, LookupError):
    """No provider has this name."""


class ProviderPluginError(ProviderError):
    """A provider is installed or registered, but cannot be loaded."""


class ProviderNotInitializedError(ProviderError, RuntimeError):
    """A call came before `initialize()` or after `cleanup()`."""


class ProviderCapabilityError(ProviderError):
    """This provider cannot do what was asked; nothing was sent."""


class ProviderConnectionError(ProviderError):
    """No usable answer came: name resolution, TLS, a refused, reset or malformed connection."""

    retryable = True


class ProviderTimeoutError(ProviderConnectionError, TimeoutError):
    """No answer came in time."""


class ProviderAPIError(ProviderError):
    """The service answered, with an error."""

    @property
    def status(self) -> int | None:
        """The HTTP status; 200 for an error inside an answer that began well."""
        return self.details.get("status")

    @property
    def code(self) -> str | None:
        """The service's own word for the error."""
        return self.details.get("code")

    @property
    def request_id(self) -> str | None:
        """The service's name for the request, to quote to its support."""
        return self.details.get("request_id")


class ProviderAuthenticationError(ProviderAPIError):
    """The key is wrong or may not do this: 401, 403."""


class ProviderRateLimitError(ProviderAPIError):
    """Too many requests: wait, `retry_after` seconds where the service says so."""

    retryable = True


class ProviderQuotaError(ProviderAPIError):
    """Money or a quota is used up: waiting a moment does not help."""


class ProviderContextLengthError(ProviderAPIError):
    """The prompt, with the answer asked for, is too long for the model."""


class ProviderContentFilterError(ProviderAPIError):
    """The service blocked the prompt, filtered the whole answer or refused."""


class ProviderResponseError(ProviderAPIError):
    """The answer is not what the service documents."""


class ProviderStreamError(ProviderAPIError):
    """The stream broke before its end."""

    partial_text: str = ""
    """What had arrived until then."""


class ProviderStreamTimeoutError(ProviderStreamError, ProviderTimeoutError):
    """The stream fell silent for longer than the timeout."""


@attrs.frozen(kw_only=True)
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


class Completion(str):
    """An answer: a `str` of its text that also knows how it came about.

    It prints, joins, compares and serialises as its text.

    Attributes:
        usage: What the call used.
        finish_reason: Why the answer ended: "stop", "length", "tool_calls", "content_filter", or the service's own
            word for what is none of these; None where the service didn't say or the answer is not whole.
        native_finish_reason: The service's own word for it.
        model: The model that answered, as the service names it.
        id: The service's name for the answer.
        tool_calls: The calls that the model asks for, as the service wrote them.
        reasoning: The text of the model's reasoning, kept apart from the answer, or None.
        refusal: The model's words of refusal, or None.
        raw: The service's answer as it was decoded; None for a stream, unless it says there what is nowhere else.
        attempts: How many requests it took.
    """

    __slots__ = (
        "attempts",
        "finish_reason",
        "id",
        "model",
        "native_finish_reason",
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
    tool_calls: tuple[Any, ...]
    reasoning: str | None
    refusal: str | None
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
        tool_calls: tuple[Any, ...] = (),
        reasoning: str | None = None,
        refusal: str | None = None,
        raw: Any = None,
        attempts: int = 1,
    ) -> Completion:
        self = super().__new__(cls, text)
        self.usage = usage
        self.finish_reason = finish_reason
        self.native_finish_reason = native_finish_reason if native_finish_reason is not None else finish_reason
        self.model = model
        self.id = id
        self.tool_calls = tool_calls
        self.reasoning = reasoning
        self.refusal = refusal
        self.raw = raw
        self.attempts = attempts
        return self

    @property
    def text(self) -> str:
        """The text alone, as a plain `str`."""
        return str.__str__(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_completion, (type(self), self.text, {name: getattr(self, name) for name in self.__slots__})


def _rebuild_completion(kind: type[Completion], text: str, fields: dict[str, Any]) -> Completion:
    return kind(text, **fields)
