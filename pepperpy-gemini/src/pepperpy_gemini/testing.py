"""How Gemini's answers look, for pepperpy's conformance kit: `pytest --pepperpy-provider gemini`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pepperpy.providers.messages import ToolCall
from pepperpy.providers.testing import Received, Reply


class GeminiWire:
    """Gemini's wire format, with a thought before the answer."""

    def completion(self, text: str) -> Reply:
        """Return an answer of generateContent."""
        return Reply.of_json(self._chunk({"text": "hm", "thought": True}, {"text": text}, finishReason="STOP"))

    def stream(self, pieces: Sequence[str], **rest: Any) -> Reply:
        """Return chunks, the last of them empty but for the finish reason, and no terminator."""
        return Reply.of_events([*self.chunks(pieces), self._chunk({"text": ""}, finishReason="STOP")], **rest)

    def unfinished(self, pieces: Sequence[str], **rest: Any) -> Reply:
        """Return the chunks without a finish reason."""
        return Reply.of_events(self.chunks(pieces), **rest)

    def calling(self, calls: Sequence[ToolCall]) -> Reply:
        """Return an answer that calls tools, the first of them signed, behind a thought."""
        parts: list[dict[str, Any]] = [
            {"functionCall": {"id": call.id, "name": call.name, "args": call.arguments}} for call in calls
        ]
        parts[0]["thoughtSignature"] = "c2lnbmVk"
        return Reply.of_json(self._chunk({"text": "hm", "thought": True}, *parts, finishReason="STOP"))

    def models(self, names: Sequence[str], token: str | None = None) -> Reply:
        """Return a page of models; with a token for the next where there is one."""
        rows = [{"name": f"models/{name}", "supportedGenerationMethods": ["generateContent"]} for name in names]
        return Reply.of_json({"models": rows, **({"nextPageToken": token} if token else {})})

    def embeddings(self, request: Received) -> Reply:
        """Return a vector for each request of the batch."""
        texts = [one["content"]["parts"][0]["text"] for one in request.json["requests"]]
        vectors = [{"values": [1.0, 2.0, len(text)]} for text in texts]
        return Reply.of_json({"embeddings": vectors, "usageMetadata": {"promptTokenCount": 3}})

    def error(self, status: int, message: str, **rest: Any) -> Reply:
        """Return a google.rpc.Status."""
        error = {"code": status, "message": message, "status": "FAKE_ERROR"}
        return Reply.of_json({"error": error}, status=status, **rest)

    def key_of(self, request: Received) -> str | None:
        """Return the key in Google's header."""
        return request.headers.get("x-goog-api-key")

    def chunks(self, pieces: Sequence[str]) -> list[Any]:
        """Return a thought and the pieces."""
        return [self._chunk({"text": "hm", "thought": True}), *(self._chunk({"text": piece}) for piece in pieces)]

    def _chunk(self, *parts: dict[str, Any], **rest: Any) -> dict[str, Any]:
        usage = {"promptTokenCount": 3, "candidatesTokenCount": 1, "thoughtsTokenCount": 4, "totalTokenCount": 8}
        candidate = {"content": {"role": "model", "parts": list(parts)}, "index": 0, **rest}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "fake", "responseId": "fake-1"}
