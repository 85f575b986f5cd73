"""Written for pepperpy-core 1.0, interface 1. Frozen: it is never edited, see README.md in tests/museum.

A wire format of its own, upon `PartialDialect`: a service that completes and streams, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pepperpy.providers import Completion, ProviderSpec, Usage, hookimpl
from pepperpy.providers import options as check
from pepperpy.providers.dialect import Request, response_error
from pepperpy.providers.dialects.partial import PartialDialect, PartialStreamParser, text_of
from pepperpy.providers.http import HTTPProvider
from pepperpy.providers.values import count_or_none, text_or_none

if TYPE_CHECKING:
    from pepperpy.providers.messages import Message


class SmallDialect(PartialDialect):
    """The format."""

    options: ClassVar[Mapping[str, check.Check]] = {"system": check.text}

    def complete(
        self, prompt: str | Sequence[Message], *, model: str, stream: bool, options: Mapping[str, Any]
    ) -> Request:
        """Return the request to `/ask`."""
        body = {"model": model, "ask": text_of(prompt), **check.check_options(options, self.options)}
        return Request("/ask", body, stream)

    def parse_completion(self, payload: Any) -> Completion:
        """Read an answer."""
        answer = payload.get("answer") if isinstance(payload, dict) else None
        if not isinstance(answer, str):
            raise response_error("without an answer")
        return Completion(answer, finish_reason="stop", raw=payload)

    def stream_parser(self) -> SmallParser:
        """Return the reader of one stream."""
        return SmallParser()


class SmallParser(PartialStreamParser):
    """Reads one stream."""

    def read(self, event: Any) -> str | None:
        """Read one event."""
        if not isinstance(event, dict):
            raise response_error("with an event that is no JSON object")
        if thought := text_or_none(event.get("thought")):
            self.note(thought)
        if event.get("end"):
            self.finish_reason = "stop"
            self.usage = Usage(output_tokens=count_or_none(event.get("tokens")))
            self.model, self.id = "small-1", "answer-1"
            self.done = True
        return text_or_none(event.get("piece"))


class SmallProvider(HTTPProvider):
    """The service."""

    def make_dialect(self) -> SmallDialect:
        """Return the format."""
        return SmallDialect()


@hookimpl
def pepperpy_providers() -> Iterator[ProviderSpec]:
    """Return the provider."""
    yield ProviderSpec("small", SmallProvider, default_model="small-1")
