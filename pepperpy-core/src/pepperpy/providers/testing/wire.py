"""How a service's answers look, so that one contract fits every wire."""

from __future__ import annotations

import base64
from array import array
from collections.abc import Sequence
from typing import Any, Protocol

from .service import Received, Reply


class Wire(Protocol):
    """Writes the answers of one wire format, for `FakeService` to send."""

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
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return Reply.of_json({"id": "chatcmpl-1", "model": "fake", "choices": [choice], "usage": self.USAGE})

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
        for index, text in enumerate(request.json["input"]):
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

    def _chunks(self, pieces: Sequence[str]) -> list[Any]:
        return [self._chunk({"role": "assistant", "content": ""}), *(self._chunk({"content": p}) for p in pieces)]

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return {"id": "chatcmpl-1", "model": "fake", "choices": [choice], "usage": None}
