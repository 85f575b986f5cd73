"""Right providers of services that speak in other ways than OpenAI's, and their wires.

Loaded by the pytest that `test_kit_faults` starts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs

from pepperpy.providers import Completion, Message, Usage
from pepperpy.providers.dialect import Request, api_error, response_error
from pepperpy.providers.dialects.partial import PartialDialect, PartialStreamParser, text_of
from pepperpy.providers.engine import ProviderEngine
from pepperpy.providers.http import HTTPOptions, HTTPProvider
from pepperpy.providers.options import check_options
from pepperpy.providers.testing import ProviderContract, Received, Reply

END = {"ended": "stop", "used": [3, 5]}


class Dialect(PartialDialect):
    """Answers are `{"says": ...}`; an error is one by its field, or by the name of its event."""

    def complete(
        self, prompt: str | Sequence[Message], *, model: str, stream: bool, options: Mapping[str, Any]
    ) -> Request:
        check_options(options, {})
        return Request("/say", {"prompt": text_of(prompt), "stream": stream}, stream)

    def parse_completion(self, payload: Any) -> Completion:
        if "error" in payload:
            raise api_error(200, payload["error"])
        if not isinstance(payload["says"], str):
            raise response_error("without a text")
        return Completion(payload["says"], usage=usage_of(payload), finish_reason=payload["ended"])

    def stream_parser(self) -> Parser:
        return Parser()


class Parser(PartialStreamParser):
    """The text of an event is all that has come so far."""

    def read(self, event: Any) -> str | None:
        if self.event_name == "error" or "error" in event:
            raise api_error(200, event.get("error") or event["says"])
        if "ended" in event:
            self.finish_reason, self.usage = event["ended"], usage_of(event)
        return str(event.get("says", ""))[len("".join(self._texts)) :]


def usage_of(payload: Any) -> Usage:
    """Return the tokens that were used."""
    return Usage(input_tokens=payload["used"][0], output_tokens=payload["used"][1])


class Talker(HTTPProvider):
    options_type = HTTPOptions

    def make_dialect(self) -> Dialect:
        return Dialect()


class Wire:
    """What both services have in common."""

    def completion(self, text: str) -> Reply:
        return Reply.of_json({"says": text, **END})

    def stream(self, pieces: Sequence[str], **rest: Any) -> Reply:
        return attrs.evolve(self.unfinished(pieces, **rest), body=[*self.begun(pieces), self.event("end", END)])

    def unfinished(self, pieces: Sequence[str], **rest: Any) -> Reply:
        return Reply(body=self.begun(pieces), headers={"Content-Type": self.media_type}, framing="chunked", **rest)

    def embeddings(self, request: Received) -> Reply:
        return Reply(status=404)

    def error(self, status: int, message: str, **rest: Any) -> Reply:
        return Reply.of_json({"error": message}, status=status, **rest)

    def key_of(self, request: Received) -> str | None:
        return request.headers.get("authorization", "").removeprefix("Bearer ") or None

    def begun(self, pieces: Sequence[str]) -> list[bytes]:
        return [self.event("delta", {"says": "".join(pieces[: end + 1])}) for end in range(len(pieces))]

    media_type = "application/x-ndjson"

    def event(self, name: str, value: Any) -> bytes:
        return json.dumps(value, ensure_ascii=False).encode() + b"\n"


class NamedWire(Wire):
    """Server-sent events, each with a name; nothing but its name tells an error."""

    media_type = "text/event-stream"

    def event(self, name: str, value: Any) -> bytes:
        return f"event: {name}\ndata: {json.dumps(value, ensure_ascii=False)}\n\n".encode()

    def late_error(self, pieces: Sequence[str], message: str) -> Reply:
        begun = self.unfinished(pieces)
        return attrs.evolve(begun, body=[*self.begun(pieces), self.event("error", {"says": message})])


ProviderEngine.register_provider("lines", Talker)
ProviderEngine.register_provider("named", Talker)


class TestLines(ProviderContract):
    provider_type = "lines"
    wire = Wire()
    settings: ClassVar[dict[str, Any]] = {"model": "talk-1"}


class TestNamed(ProviderContract):
    provider_type = "named"
    wire = NamedWire()
    settings: ClassVar[dict[str, Any]] = {"model": "talk-1"}
