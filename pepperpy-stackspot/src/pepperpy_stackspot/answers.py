"""Read the answers of agents, plain and streamed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pepperpy.providers import Completion, ProviderAPIError, Usage
from pepperpy.providers.dialect import response_error
from pepperpy.providers.dialects.openai_answers import first_choice
from pepperpy.providers.dialects.openai_usage import parse_usage
from pepperpy.providers.values import count_or_none, text_or_none

from .errors import error_in

if TYPE_CHECKING:
    from pepperpy.providers.messages import Native, ToolCall

NATIVE = "stackspot"
"""Whose the natives are that hold the id of a conversation."""


def parse_answer(payload: Any) -> Completion:
    """Read an answer.

    Raises:
        ProviderAPIError: It is an error, or not what the service documents.
    """
    if not isinstance(payload, dict):
        raise response_error("with no JSON object")
    if error := error_in(payload):
        raise error
    text, reason = payload.get("message"), stop_reason(payload)
    if not isinstance(text, str) and (text is not None or reason is None):
        raise response_error("without a message")
    return Completion(
        text or "",
        usage=parse_tokens(payload.get("tokens")),
        finish_reason=reason,
        id=text_or_none(payload.get("message_id")),
        native=native_of(payload),
        raw=payload,
    )


def native_of(answer: Mapping[str, Any]) -> Native | None:
    """Return what the next turn needs of an answer: the conversation that the service put it into."""
    conversation_id = text_or_none(answer.get("conversation_id"))
    if conversation_id is None:
        return None
    from pepperpy.providers.messages import Native

    return Native(NATIVE, {"conversation_id": conversation_id})


def stop_reason(answer: Mapping[str, Any]) -> str | None:
    """Return the service's word for why the answer ended."""
    return text_or_none(answer.get("stop_reason")) or text_or_none(answer.get("stopReason"))


def parse_tokens(tokens: Any) -> Usage:
    """Read the count of tokens; the documented one splits the input, the present one has it as a whole."""
    if not isinstance(tokens, dict):
        return Completion.NO_USAGE
    parts = [part for name in ("user", "enrichment") if (part := count_or_none(tokens.get(name))) is not None]
    whole = count_or_none(tokens.get("input"))
    return Usage(
        input_tokens=whole if whole is not None or not parts else sum(parts),
        output_tokens=count_or_none(tokens.get("output")),
    )


class StackSpotStreamParser:
    """Reads the events of one stream.

    An event has the fields of a plain answer, its `message` a fragment. Agents on some models send chunks as OpenAI
    words them, or bare text.
    """

    def __init__(self) -> None:
        self.done = False
        self.error: ProviderAPIError | None = None
        self.asides: list[tuple[int, str | ToolCall]] = []
        self._texts: list[str] = []
        self._answer: dict[str, Any] = {}
        self._usage = Completion.NO_USAGE
        self._finish_reason: str | None = None
        self._ended = False

    @property
    def finished(self) -> bool:
        """Whether a reason, the count of tokens or a terminator came."""
        return self.done or self._finish_reason is not None or self._usage.output_tokens is not None

    @property
    def conclusive(self) -> bool:
        """Whether a reason came that no text can follow, or a terminator."""
        return self.done or self._ended

    def feed(self, events: Sequence[bytes]) -> list[str]:
        """Read some events and return their pieces of text."""
        pieces = []
        for event in events:
            if piece := self._read(event):
                pieces.append(piece)
            if self.done or self.error is not None:
                break
        self._texts += pieces
        if self.done and not (self._texts or self._finish_reason):
            self.error = self.error or response_error("with a stream that holds no answer", retryable=True)
        return pieces

    def _read(self, event: bytes) -> str | None:
        name = getattr(event, "name", b"")
        if event.strip() == b"[DONE]":
            self.done = True
            return None
        text = event.decode("utf-8", "replace")
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            if text.lstrip().startswith("{"):
                # Text may come bare, but a broken object is none. Behind the end of the answer it loses nothing.
                self.error = None if self.finished else response_error("with an event that is no JSON")
                return None
            answer = text
        if name == b"error" and not isinstance(answer, dict):
            answer = {"message": answer}
        self.done = name == b"done"
        if isinstance(answer, dict):
            return self._read_answer(answer, name)
        return None if answer is None or self.done else answer if isinstance(answer, str) else text

    def _read_answer(self, answer: dict[str, Any], name: bytes) -> str | None:
        if error := error_in(answer, name):
            self.error = error
            return None
        if "choices" in answer:
            return self._read_chunk(answer)
        self._answer.update((key, value) for key, value in answer.items() if key != "message" and value)
        text = text_or_none(answer.get("message"))
        usage = parse_tokens(answer.get("tokens"))
        self._finish_reason = stop_reason(answer) or self._finish_reason
        # Some captures repeat all fields with each piece: only beside no text, or with a count, do they prove the end.
        if text is None or usage.output_tokens:
            self._usage = usage if usage != Completion.NO_USAGE else self._usage
            self._ended = self._ended or self._finish_reason is not None
        whole = self._finish_reason is not None and self._usage.output_tokens is not None
        if answer.get("type") == "done" or (whole and text is None):
            self.done = True
        return text

    def _read_chunk(self, chunk: dict[str, Any]) -> str | None:
        if chunk.get("usage"):
            self._usage = parse_usage(chunk["usage"])
        choice = first_choice(chunk["choices"])
        if choice is None:
            return None
        self._finish_reason = text_or_none(choice.get("finish_reason")) or self._finish_reason
        delta = choice.get("delta")
        return text_or_none(delta.get("content")) if isinstance(delta, dict) else None

    def completion(self) -> Completion:
        """Return what has come so far; `raw` is what a plain answer would have been."""
        text = "".join(self._texts)
        return Completion(
            text,
            usage=self._usage,
            finish_reason=self._finish_reason,
            id=text_or_none(self._answer.get("message_id")),
            native=native_of(self._answer),
            raw={**self._answer, "message": text} if self._answer else None,
        )
