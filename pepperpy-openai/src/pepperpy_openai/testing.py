"""How the answers of OpenAI's Responses API look, for pepperpy's conformance kit.

`pytest --pepperpy-provider openai --pepperpy-setting api=responses --pepperpy-wire pepperpy_openai.testing:ResponsesWire`
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pepperpy.providers.messages import ToolCall
from pepperpy.providers.testing import OpenAIWire, Reply

USAGE = {
    "input_tokens": 3,
    "input_tokens_details": {"cached_tokens": 1},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 8,
}
REASONING = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "gAAA"}


class ResponsesWire(OpenAIWire):
    """The Responses API, with reasoning before the answer; its embeddings and errors are those of OpenAI's other API."""

    def completion(self, text: str) -> Reply:
        """Return a response object."""
        return Reply.of_json(self.response([REASONING, self.message(text)]))

    def calling(self, calls: Sequence[ToolCall]) -> Reply:
        """Return a response that calls tools."""
        written = [
            {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.raw_arguments}
            for call in calls
        ]
        return Reply.of_json(self.response([REASONING, *written]))

    def late_error(self, pieces: Sequence[str], message: str) -> Reply:
        """Return the events of a response that fails behind the pieces."""
        error = {"code": "server_error", "message": message}
        failed = {"type": "response.failed", "response": self.response([], "failed", error=error)}
        return Reply.of_events([*self.events(pieces), failed])

    def stream(self, pieces: Sequence[str], **rest: Any) -> Reply:
        """Return the events of a response."""
        output = [REASONING, self.message("".join(pieces))]
        end = [
            {"type": "response.output_text.done", "output_index": 1, "content_index": 0, "text": "".join(pieces)},
            {"type": "response.output_item.done", "output_index": 1, "item": output[1]},
            {"type": "response.completed", "response": self.response(output)},
        ]
        return Reply.of_events([*self.events(pieces), *end], **rest)

    def unfinished(self, pieces: Sequence[str], **rest: Any) -> Reply:
        """Return the events without the one that ends the response."""
        return Reply.of_events(self.events(pieces), **rest)

    def events(self, pieces: Sequence[str]) -> list[Any]:
        """Return the beginning of a response, its reasoning and the pieces."""
        text = {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "item_id": "msg_1"}
        return [
            {"type": "response.created", "response": {**self.response([], "in_progress"), "usage": None}},
            {"type": "response.output_item.added", "output_index": 0, "item": REASONING},
            {"type": "response.output_item.done", "output_index": 0, "item": REASONING},
            {"type": "response.output_item.added", "output_index": 1, "item": self.message("")},
            *({**text, "delta": piece} for piece in pieces),
        ]

    def response(self, output: Sequence[Any], status: str = "completed", **rest: Any) -> dict[str, Any]:
        """Return a response object with this output."""
        return {
            "id": "resp_1",
            "object": "response",
            "status": status,
            "error": None,
            "incomplete_details": None,
            "model": "fake",
            "output": list(output),
            "usage": USAGE,
            **rest,
        }

    def message(self, text: str) -> dict[str, Any]:
        """Return the item that an answer's text is."""
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        return {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
