"""How a service's answers look, so that one contract fits every wire."""

from __future__ import annotations

import base64
import contextlib
import json
from array import array
from collections.abc import Sequence
from typing import Any, Final, Protocol

import attrs

from .service import Received, Reply

NO_WIRE: Final = None
"""In place of a wire, for a provider that is no HTTP service; an entry point may name it."""


class Wire(Protocol):
    """Writes the answers of one wire format, for `FakeService` to send.

    A wire may have more, and what it lacks is left out of the contract:

    - `settings(service) -> dict`: what points the provider at the service, where `base_url` is not it or not all of it.
    - `beside(request) -> Reply | None`: the answer to a request that is not the call itself, such as one for a
      bearer; None for a call. Such requests are not counted.
    - `late_error(pieces, message) -> Reply`: a stream whose last event is an error, behind no piece or several, where
      that is not the body of `error` as an event without a name, or as a line of JSON.
    - `calling(calls) -> Reply`: an answer without text that calls tools; each a `ToolCall`.
    - `structured(text) -> Reply`: an answer that keeps to a schema, where that is not `completion(text)`.
    - `models(names) -> Reply`: the list of models, in one page.
    - `renewed_on`: a set of the statuses at which a key that runs out is renewed and the request sent once more.
    """

    def completion(self, text: str) -> Reply:
        """Return a whole answer: `text`, ended regularly, 3 tokens in and 5 out."""
        ...

    def stream(self, pieces: Sequence[str], **rest: Any) -> Reply:
        """Return the same as a stream of events; `rest` goes to `Reply`."""
        ...

    def unfinished(self, pieces: Sequence[str], **rest: Any) -> Reply:
        """Return a stream that stops behind the pieces, without the service's sign that the answer is whole."""
        ...

    def embeddings(self, request: Received) -> Reply:
        """Return a vector `[1.0, 2.0, n]` for each text of the request, n its length; 3 tokens in."""
        ...

    def error(self, status: int, message: str, **rest: Any) -> Reply:
        """Return an error of the service's shape; `rest` goes to `Reply`."""
        ...

    def key_of(self, request: Received) -> str | None:
        """Return the key that the request carries, or None."""
        ...


class OpenAIWire:
    """The OpenAI wire format."""

    USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}  # noqa: RUF012

    def completion(self, text: str) -> Reply:
        """Return a chat completion."""
        return self._whole({"role": "assistant", "content": text}, "stop")

    def calling(self, calls: Sequence[Any]) -> Reply:
        """Return a chat completion that calls tools."""
        written = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.raw_arguments}}
            for call in calls
        ]
        return self._whole({"role": "assistant", "content": None, "tool_calls": written}, "tool_calls")

    def models(self, names: Sequence[str]) -> Reply:
        """Return a list of models."""
        return Reply.of_json({"object": "list", "data": [{"id": name, "object": "model"} for name in names]})

    def stream(self, pieces: Sequence[str], **rest: Any) -> Reply:
        """Return the chunks of a chat completion."""
        end = [self._chunk({}, "stop"), {"choices": [], "usage": self.USAGE}, b"data: [DONE]\n\n"]
        return Reply.of_events([*self._chunks(pieces), *end], **rest)

    def unfinished(self, pieces: Sequence[str], **rest: Any) -> Reply:
        """Return the chunks without a finish reason, usage or `[DONE]`."""
        return Reply.of_events(self._chunks(pieces), **rest)

    def embeddings(self, request: Received) -> Reply:
        """Return vectors in the encoding that was asked for."""
        rows = []
        asked = request.json["input"]
        for index, text in enumerate([asked] if isinstance(asked, str) else asked):
            vector = array("f", [1.0, 2.0, len(text)])
            packed = request.json.get("encoding_format") == "base64"
            embedding = base64.b64encode(vector.tobytes()).decode() if packed else vector.tolist()
            rows.append({"object": "embedding", "index": index, "embedding": embedding})
        return Reply.of_json({"data": rows, "model": "fake", "usage": {"prompt_tokens": 3, "total_tokens": 3}})

    def error(self, status: int, message: str, **rest: Any) -> Reply:
        """Return an error object."""
        error = {"message": message, "type": "fake_error", "param": None, "code": None}
        return Reply.of_json({"error": error}, status=status, **rest)

    def key_of(self, request: Received) -> str | None:
        """Return the bearer."""
        return request.headers.get("authorization", "").removeprefix("Bearer ") or None

    def _whole(self, message: dict[str, Any], finish_reason: str) -> Reply:
        choice = {"index": 0, "message": message, "finish_reason": finish_reason}
        return Reply.of_json({"id": "chatcmpl-1", "model": "fake", "choices": [choice], "usage": self.USAGE})

    def _chunks(self, pieces: Sequence[str]) -> list[Any]:
        return [self._chunk({"role": "assistant", "content": ""}), *(self._chunk({"content": p}) for p in pieces)]

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return {"id": "chatcmpl-1", "model": "fake", "choices": [choice], "usage": None}


def body_of(reply: Reply) -> bytes:
    """Return the whole body of a reply."""
    return reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)


def has_events(reply: Reply) -> bool:
    """Tell whether a reply consists of server-sent events with JSON in them."""
    kinds = {name.lower(): value for name, value in reply.headers.items()}
    return kinds.get("content-type", "").startswith("text/event-stream")


def late_error(wire: Any, pieces: Sequence[str], message: str) -> Reply:
    """Return a stream whose last event is an error: as the wire says, else the body of `error` as an event or a line."""
    if hasattr(wire, "late_error"):
        told: Reply = wire.late_error(pieces, message)
        return told
    begun: Reply = wire.unfinished(pieces)
    body = body_of(wire.error(500, message))
    with contextlib.suppress(ValueError):
        body = json.dumps(json.loads(body), ensure_ascii=False).encode()
    event = b"data: " + body + b"\n\n" if has_events(begun) else body + b"\n"
    return attrs.evolve(begun, body=[body_of(begun) + event])
