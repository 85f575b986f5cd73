"""What a wire format of one's own begins with: all of a dialect that most services have no word for."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from .. import options as check
from ..capabilities import Capabilities, ModelPage
from ..dialect import (
    EmbeddingBatch,
    EmbeddingLimits,
    Event,
    Request,
    StreamParser,
    api_error,
    find_message,
    response_error,
    unknown_shape,
)
from ..domain import Completion, ProviderAPIError, ProviderCapabilityError, Usage
from ..values import loads

if TYPE_CHECKING:
    from ..messages import Message, Native, ToolCall


class PartialDialect(abc.ABC):
    """A dialect that can complete; what it can beyond that, a subclass adds method by method.

    A subclass writes `complete` and `parse_completion`, and for streams `stream_parser`. Of the other methods it writes
    those whose service has them; each says what it has to return. `parse_error` reads the status and looks for the
    service's words in the usual places.
    """

    options: ClassVar[Mapping[str, check.Check]] = {}
    """The options that `complete` takes, by name, and how each is checked."""

    embedding_limits: EmbeddingLimits = EmbeddingLimits()

    @property
    def capabilities(self) -> Capabilities:
        """What the options and the overridden methods say; override it to add conversations, images, ..."""
        kind = type(self)
        return Capabilities(
            streaming=kind.stream_parser is not PartialDialect.stream_parser,
            system="system" in self.options,
            tools="tools" in self.options,
            structured_output="output" in self.options,
            reasoning="reasoning" in self.options,
            embeddings=kind.embed is not PartialDialect.embed,
            models=kind.models is not PartialDialect.models,
            options=frozenset(self.options),
        )

    @abc.abstractmethod
    def complete(
        self, prompt: str | Sequence[Message], *, model: str, stream: bool, options: Mapping[str, Any]
    ) -> Request:
        """Return the request that completes a prompt: see `Dialect.complete`.

        `text_of(prompt)` is the text where conversations are not taken, and `check.check_options(options, self.options)`
        refuses what is not known.
        """

    @abc.abstractmethod
    def parse_completion(self, payload: Any) -> Completion:
        """Read a decoded answer; raise `response_error("without ...")` where it is none."""

    def stream_parser(self) -> StreamParser:
        """Return the reader of one stream, best a `PartialStreamParser`."""
        raise ProviderCapabilityError("this service streams nothing; leave stream out")

    def embed(self, texts: Sequence[str], *, model: str, dimensions: int | None, options: Mapping[str, Any]) -> Request:
        """Return the request that embeds some texts."""
        raise ProviderCapabilityError("this service has no embeddings; use another provider for them")

    def parse_embeddings(self, payload: Any, request: Request) -> EmbeddingBatch:
        """Read the answer to a request that `embed` made."""
        raise response_error("with embeddings that nobody asked for")

    def models(self, page: str | None) -> Request:
        """Return the request for the models that the service offers."""
        raise ProviderCapabilityError("this service lists no models; name one that it documents")

    def parse_models(self, payload: Any) -> ModelPage:
        """Read the answer to a request that `models` made."""
        raise response_error("with models that nobody asked for")

    def parse_error(self, status: int, payload: Any) -> ProviderAPIError:
        """Return the error that an answer of this status means."""
        return api_error(status, find_message(payload))


class PartialStreamParser(abc.ABC):
    """Reads a stream whose every event is one JSON value.

    A subclass writes `read`, and sets there what the events tell: `finish_reason`, `usage` and the others. The stream
    counts as whole once there is a `finish_reason`, or `done` is set.

    Attributes:
        finish_reason: "stop", "length", "tool_calls", "content_filter", or the service's own word; None until it ends.
        native_finish_reason: The service's own word for it, where that is another one.
        refusal: The model's words of refusal, or None.
        native: What the service wants back with the next turn, or None.
        usage: What the call used.
        model: The model that answers, as the service names it.
        id: The service's name for the answer.
        event_name: The name that the service gave to the event which `read` gets, by the field `event`; None for none.
        done: Set by `read` at the service's own last event: nothing behind it is read.
    """

    def __init__(self) -> None:
        self.event_name: str | None = None
        self.done = False
        self.error: ProviderAPIError | None = None
        self.asides: list[tuple[int, str | ToolCall]] = []
        self.finish_reason: str | None = None
        self.native_finish_reason: str | None = None
        self.refusal: str | None = None
        self.native: Native | None = None
        self.usage = Usage()
        self.model: str | None = None
        self.id: str | None = None
        self._texts: list[str] = []

    @abc.abstractmethod
    def read(self, event: Any) -> str | None:
        """Take in one event, decoded, and return the piece of text in it, or None.

        Raises:
            ProviderAPIError: The event is an error; nothing behind it is read.
        """

    def note(self, aside: str | ToolCall) -> None:
        """Keep a piece of reasoning, or a whole call of a tool, in its place beside the text."""
        self.asides.append((len(self._texts), aside))

    @property
    def finished(self) -> bool:
        """Whether the answer has its end."""
        return self.done or self.finish_reason is not None

    @property
    def conclusive(self) -> bool:
        """Whether nothing can follow: at the service's own last event."""
        return self.done

    def feed(self, events: Sequence[bytes]) -> list[str]:
        """Read the data of some events and return the pieces of text in them."""
        begun = len(self._texts)
        for data in events:
            if self.done or self.error is not None:
                break
            if data and not data.isspace():
                self._feed(data)
        return self._texts[begun:]

    def _feed(self, data: bytes) -> None:
        if data.strip() == b"[DONE]":
            self.done = True
            return
        try:
            event = loads(data)
        except ValueError:
            self.error = response_error("with an event that is no JSON")
            return
        self.event_name = data.name.decode("utf-8", "replace") if isinstance(data, Event) else None
        try:
            piece = self.read(event)
        except ProviderAPIError as error:
            # Without its traceback, which would hold this parser in a cycle.
            self.error = error.with_traceback(None)
        except Exception as bug:  # noqa: BLE001 -- an event of a shape that `read` did not think of
            self.error = unknown_shape(bug)
        else:
            if piece:
                self._texts.append(piece)

    def completion(self) -> Completion:
        """Return what has come so far."""
        from ..messages import ToolCall

        asides = [aside for _, aside in self.asides]
        return Completion(
            "".join(self._texts),
            usage=self.usage,
            finish_reason=self.finish_reason,
            native_finish_reason=self.native_finish_reason,
            model=self.model,
            id=self.id,
            tool_calls=tuple(aside for aside in asides if isinstance(aside, ToolCall)),
            reasoning="".join(aside for aside in asides if isinstance(aside, str)) or None,
            refusal=self.refusal,
            native=self.native,
        )


def text_of(prompt: str | Sequence[Message]) -> str:
    """Return the text of a prompt, for a service that takes no conversations.

    Raises:
        ProviderCapabilityError: It is more than one message of the user's, or holds other parts than text.
    """
    if isinstance(prompt, str):
        return prompt
    from ..parts import Text

    if len(prompt) == 1 and prompt[0].role == "user" and all(isinstance(part, Text) for part in prompt[0].parts):
        return prompt[0].text
    raise ProviderCapabilityError("this service takes a single text, no conversation; give it a str")
