"""What goes wrong: the errors, each one a different decision for the caller.

ProviderError                          anything that pepperpy raises
├── ProviderConfigError                settings missing or wrong; nothing was sent
├── ProviderInputError                 arguments wrong; nothing was sent
├── ProviderNotFoundError              no such provider
├── ProviderPluginError                installed, but did not load
├── ProviderNotInitializedError        before initialize() or after cleanup()
├── ProviderCapabilityError            this provider cannot do that
├── ProviderTurnLimitError             a model that called tools came to no end
├── ProviderConnectionError            no usable answer: DNS, TLS, reset
│   └── ProviderTimeoutError           no answer in time
└── ProviderAPIError                   the service answered with an error
    ├── ProviderAuthenticationError    the key is wrong, or may not do this
    ├── ProviderRateLimitError         too fast: wait
    ├── ProviderQuotaError             money or a quota is used up: waiting does not help
    ├── ProviderContextLengthError     the prompt is too long for the model
    ├── ProviderContentFilterError     blocked, filtered or refused
    ├── ProviderResponseError          2xx, but not what the service documents
    │   └── ProviderOutputError        an answer, but not of the shape that was asked for
    └── ProviderStreamError            the stream broke
        └── ProviderStreamTimeoutError it fell silent (a ProviderTimeoutError too)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .domain import Completion
    from .messages import Message

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

    messages: tuple[Message, ...] = ()
    """Of `run_tools`: the conversation up to the turn that failed, to go on with; else empty."""

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


class ProviderTurnLimitError(ProviderError):
    """The model still called tools after as many turns as it was given."""

    completion: Completion | None = None
    """Its last answer, whose calls nobody answered."""

    messages: tuple[Message, ...] = ()
    """The conversation, that answer included."""


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


class ProviderOutputError(ProviderResponseError):
    """The answer came, but does not fit what `output` asked for."""

    completion: Completion | None = None
    """The answer as it came."""


class ProviderStreamError(ProviderAPIError):
    """The stream broke before its end."""

    partial_text: str = ""
    """What had arrived until then."""


class ProviderStreamTimeoutError(ProviderStreamError, ProviderTimeoutError):
    """The stream fell silent for longer than the timeout."""
