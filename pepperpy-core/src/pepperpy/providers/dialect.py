"""What a dialect is: the pure half of a provider, which knows a wire format and does no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from .domain import (
    Completion,
    ProviderAPIError,
    ProviderAuthenticationError,
    ProviderContentFilterError,
    ProviderContextLengthError,
    ProviderQuotaError,
    ProviderRateLimitError,
    ProviderResponseError,
    Usage,
    cut,
)

if TYPE_CHECKING:
    from ._config import Timeouts
    from .capabilities import Capabilities, ModelPage
    from .messages import Message, ToolCall


# Without slots, and so set in one go: with them a frozen class takes a call for each field.
@attrs.frozen(slots=False)
class Request:
    """A request before it is sent.

    Attributes:
        path: Where to, below the provider's `base_url`; begins with a slash, its variable parts percent-encoded.
        body: What is sent as JSON; a GET sends nothing.
        stream: Whether the answer is to come as server-sent events.
        headers: Headers of this request alone; a key goes into the provider's headers instead.
        method: "POST" or "GET".
        form: Sent as a web form, in place of `body`; counts as secret.
        timeouts: Its bounds in time, where they are others than the provider's.
    """

    path: str
    body: Mapping[str, Any]
    stream: bool = False
    headers: Mapping[str, str] | None = attrs.field(default=None, repr=False)
    method: str = attrs.field(default="POST", kw_only=True)
    form: Mapping[str, str] | None = attrs.field(default=None, kw_only=True, repr=False)
    timeouts: Timeouts | None = attrs.field(default=None, kw_only=True)


class Event(bytes):
    """The data of an event of a stream to which the service gave a name, by the field `event`."""

    name: bytes

    def __new__(cls, data: bytes, name: bytes) -> Event:
        """Return the data under its name."""
        self = super().__new__(cls, data)
        self.name = name
        return self


@attrs.frozen
class EmbeddingBatch:
    """The vectors of one request, in the order of its texts.

    Attributes:
        vectors: Each a list of floats or an `array("f")`, or all of them `Embeddings`; none empty, all finite and of
            one length.
        usage: What the request used.
        model: The model that embedded, as the service names it.
    """

    vectors: Sequence[Sequence[float]]
    usage: Usage = Usage()
    model: str | None = None


@attrs.frozen
class EmbeddingLimits:
    """How much one request for embeddings takes.

    Attributes:
        inputs: Texts at most.
        size: UTF-8 bytes at most of all texts together. No tokenizer makes more tokens than there are bytes, so a
            service's limit in tokens can stand here as it is; None is no limit.
    """

    inputs: int = 100
    size: int | None = None


class StreamParser(Protocol):
    """Reads the events of one stream. It never raises on account of what the service sent."""

    done: bool
    """The service's own terminator was read: nothing behind it counts."""

    error: ProviderAPIError | None
    """The error that the service sent in the middle of the stream: nothing behind it counts."""

    asides: list[tuple[int, str | ToolCall]]
    """What came besides the text, in its order: a piece of reasoning or a whole call, and before it the number of
    pieces of text that had been read by then. Calls that come in fragments may be left out; `completion` has them."""

    @property
    def finished(self) -> bool:
        """Whether the answer has its end, so that a regular end of the body may follow."""
        ...

    @property
    def conclusive(self) -> bool:
        """Whether nothing of the answer can follow any more, so that a connection that breaks now loses nothing.

        A service that sends a finish reason with every event never says so.
        """
        ...

    def feed(self, events: Sequence[bytes]) -> list[str]:
        """Read the data of some events and return the pieces of text in them, none empty."""
        ...

    def completion(self) -> Completion:
        """Return what has come so far as a completion; whole once the stream has ended."""
        ...


class Dialect(Protocol):
    """A wire format as total functions: every input gives a value or a `ProviderError`, and nothing is awaited."""

    @property
    def capabilities(self) -> Capabilities:
        """What the service can do."""
        ...

    @property
    def embedding_limits(self) -> EmbeddingLimits:
        """How much one request for embeddings takes."""
        ...

    def complete(
        self, prompt: str | Sequence[Message], *, model: str, stream: bool, options: Mapping[str, Any]
    ) -> Request:
        """Return the request that completes a prompt.

        Args:
            prompt: A text that is not blank, or messages, at least one.
            model: The model's name, any string.
            stream: Whether to stream.
            options: What the caller gave beyond that, by name, None left out. Of those that all providers share,
                `tools` is a list of `Tool`, `tool_choice` a word or a tool's name, `output` an `OutputSchema` and
                `reasoning` one of `options.REASONING`.

        Raises:
            ProviderInputError: An option is unknown or has a wrong value.
            ProviderCapabilityError: The service cannot do what an option asks for.
        """
        ...

    def parse_completion(self, payload: Any) -> Completion:
        """Read a decoded answer.

        Raises:
            ProviderAPIError: The service answered with an error, or with what it does not document.
        """
        ...

    def stream_parser(self) -> StreamParser:
        """Return the reader of one stream."""
        ...

    def embed(self, texts: Sequence[str], *, model: str, dimensions: int | None, options: Mapping[str, Any]) -> Request:
        """Return the request that embeds some texts; raises as `complete` does."""
        ...

    def parse_embeddings(self, payload: Any, request: Request) -> EmbeddingBatch:
        """Read the decoded answer to a request that `embed` made.

        Raises:
            ProviderAPIError: The service answered with an error, or with what it does not document.
        """
        ...

    def models(self, page: str | None) -> Request:
        """Return the request for the models that the service offers, the first page of them or the one named.

        Raises:
            ProviderCapabilityError: The service doesn't tell.
        """
        ...

    def parse_models(self, payload: Any) -> ModelPage:
        """Read the decoded answer to a request that `models` made.

        Raises:
            ProviderAPIError: The service answered with an error, or with what it does not document.
        """
        ...

    def parse_error(self, status: int, payload: Any) -> ProviderAPIError:
        """Return the error that an answer of this status means.

        Args:
            status: The HTTP status.
            payload: The decoded JSON, or the body's text where it is none, possibly empty.
        """
        ...


# What a status means where the service's own code says nothing more, and what to do about each kind.
_STATUSES: dict[int, type[ProviderAPIError]] = {
    401: ProviderAuthenticationError,
    402: ProviderQuotaError,
    403: ProviderAuthenticationError,
    413: ProviderContextLengthError,
    429: ProviderRateLimitError,
}
_RETRYABLE_STATUSES = frozenset({408, 409})
_ADVICE: dict[type[ProviderAPIError], str] = {
    ProviderAuthenticationError: "check the key and what it may do",
    ProviderRateLimitError: "wait, or send fewer requests at once",
    ProviderQuotaError: "check the plan, the credit and the limits of the account",
    ProviderContextLengthError: "shorten the prompt or choose a model with a larger context",
    ProviderContentFilterError: "rephrase the prompt",
    ProviderResponseError: "check that base_url names the service that this provider speaks to",
}
_MESSAGE_ROOM = 1_500
_BODY_ROOM = 2_000


def api_error(
    status: int,
    message: str,
    *,
    kind: type[ProviderAPIError] | None = None,
    retryable: bool | None = None,
    **details: Any,
) -> ProviderAPIError:
    """Return the error that a service's answer means: the one place where a status becomes a class.

    Args:
        status: The HTTP status.
        message: The service's own words, possibly empty.
        kind: The class, where the service's code tells it better than the status.
        retryable: Whether a repetition may help, where the service's code tells it better than class and status.
        **details: JSON-able facts, such as `code`; None is left out.
    """
    kind = kind or _STATUSES.get(status, ProviderAPIError)
    if retryable is None:
        retryable = kind.retryable or (kind is ProviderAPIError and (status in _RETRYABLE_STATUSES or status >= 500))
    if 300 <= status < 400:
        advice = "set base_url to where the service is"
    elif kind in _ADVICE:
        advice = _ADVICE[kind]
    elif retryable:
        advice = "try again later"
    elif status == 404:
        advice = "check what it names, such as the model, and base_url"
    else:
        advice = "check the request"
    said = cut(message.strip(), _MESSAGE_ROOM) or "no message"
    facts = {name: cut(value, _BODY_ROOM) if isinstance(value, str) else value for name, value in details.items()}
    return kind(
        f"the service answered {status}: {said}; {advice}",
        details={"status": status, **{name: value for name, value in facts.items() if value is not None}},
        retryable=retryable,
    )


def response_error(problem: str, *, retryable: bool = False) -> ProviderResponseError:
    """Return the error for a good status with an answer that is not what the service documents."""
    return ProviderResponseError(
        f"the service answered, but {problem}; {_ADVICE[ProviderResponseError]}",
        details={"status": 200},
        retryable=retryable,
    )


def unknown_shape(bug: Exception) -> ProviderResponseError:
    """Return the error for an answer on which a dialect failed that should have been total."""
    place = bug.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" in {place.tb_frame.f_code.co_name}()" if place is not None else ""
    return response_error(f"in a shape that the dialect does not know ({type(bug).__name__}{where})")


def find_message(payload: Any, depth: int = 8) -> str:
    """Return the service's words from an error body of whatever shape: object, list, text, nothing.

    Args:
        payload: The decoded body.
        depth: How many levels down they are looked for.
    """
    if isinstance(payload, str):
        return payload
    if depth == 0:
        return ""
    if isinstance(payload, list):
        return "; ".join(filter(None, (find_message(item, depth - 1) for item in payload[:5])))
    if isinstance(payload, Mapping):
        for key in ("message", "msg", "error", "detail", "details", "error_description", "errors", "description"):
            if found := find_message(payload.get(key), depth - 1):
                return found
    return ""


def check_not_refused(completion: Completion) -> ProviderContentFilterError | None:
    """Return the error for an answer that was filtered or refused whole.

    One of which something is left is handed over, and says so by its `finish_reason`.
    """
    if completion or not (completion.refusal or completion.finish_reason == "content_filter"):
        return None
    said = completion.refusal or f"the answer was filtered ({completion.native_finish_reason})"
    return ProviderContentFilterError(
        f"{cut(said, _MESSAGE_ROOM)}; {_ADVICE[ProviderContentFilterError]}",
        details={"status": 200, "code": completion.native_finish_reason},
    )
