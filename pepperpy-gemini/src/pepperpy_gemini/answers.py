"""Read Gemini's answers: plain, streamed, or streamed as one JSON list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pepperpy.providers import Completion, ProviderAPIError, Usage
from pepperpy.providers.dialect import response_error
from pepperpy.providers.values import loads, loads_each, text_or_none

from .errors import error_in_answer, prompt_blocked

if TYPE_CHECKING:
    from pepperpy.providers.messages import ToolCall


FINISH_REASONS: Mapping[str, str] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "MODEL_ARMOR",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
        ),
        "content_filter",
    ),
}
"""Google's finish reasons in the words that all providers share; any other keeps its own, in lower case."""

# A gateway that was asked for `enum-encoding=int` sends the numbers of the enumeration instead of its names.
_NUMBERED = {
    "1": "STOP",
    "2": "MAX_TOKENS",
    "3": "SAFETY",
    "4": "RECITATION",
    "5": "OTHER",
    "6": "LANGUAGE",
    "7": "BLOCKLIST",
    "8": "PROHIBITED_CONTENT",
    "9": "SPII",
    "10": "MALFORMED_FUNCTION_CALL",
    "11": "IMAGE_SAFETY",
}
# The fields of a part that says something and has nothing that would have to go back.
SPOKEN = frozenset({"text", "thought"})

_COUNTS = (
    "promptTokenCount",
    "totalTokenCount",
    "cachedContentTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
)
_UNSPECIFIED = ("", "0", "FINISH_REASON_UNSPECIFIED")


class GeminiStreamParser:
    """Reads the chunks of one answer. A plain answer is one chunk, with all that a stream's last one has."""

    def __init__(self) -> None:
        self.done = False
        self.error: ProviderAPIError | None = None
        self.asides: list[tuple[int, str | ToolCall]] = []
        self._texts: list[str] = []
        # The parts that are more than a piece of text, each with the number of texts before it.
        self._marked: list[tuple[int, dict[str, Any]]] = []
        self._tool_calls: list[ToolCall] = []
        self._has_candidate = False
        self._has_parts = False
        self._has_more = False
        self._finish_reason: str | None = None
        self._feedback: dict[str, Any] | None = None
        self._usage: Any = None
        self._model: str | None = None
        self._id: str | None = None

    @property
    def finished(self) -> bool:
        """Whether a finish reason came. Some services put one on every chunk, so it ends nothing by itself."""
        return self.done or self._finish_reason is not None

    @property
    def conclusive(self) -> bool:
        """Never, since text may follow a finish reason."""
        return self.done

    def feed(self, events: Sequence[bytes]) -> list[str]:
        """Read some chunks and return their pieces of text."""
        read_before = len(self._texts)
        try:
            chunks = loads_each(events)
        except ValueError:
            self._feed_one_by_one(events)
        else:
            self._feed(chunks)
        return self._texts[read_before:]

    def _feed_one_by_one(self, events: Sequence[bytes]) -> None:
        for data in events:
            # Google's own streams have no terminator; gateways that translate put OpenAI's there.
            if data == b"[DONE]":
                self.done = True
                return
            if not data or data.isspace():
                continue
            try:
                value = loads(data)
            except ValueError:
                self.error = response_error("with an event that is no JSON")
                return
            self._feed([value])
            if self.error is not None:
                return

    def _feed(self, chunks: Sequence[Any]) -> None:
        for chunk in chunks:
            try:
                # The usual chunk, of which a stream has hundreds: one piece of text and nothing that is new.
                (candidate,) = chunk["candidates"]
                (part,) = candidate["content"]["parts"]
                text = part["text"]
                usual = (
                    type(text) is str
                    and len(part) == 1
                    and self._has_candidate
                    and "finishReason" not in candidate
                    and ("index" not in candidate or candidate["index"] == 0)
                    and not ("error" in chunk or "promptFeedback" in chunk)
                )
            except (KeyError, TypeError, ValueError):
                usual = False
            if usual:
                if text:
                    self._texts.append(text)
                if "usageMetadata" in chunk:
                    self._usage = chunk["usageMetadata"] or self._usage
                continue
            try:
                for value in chunk if isinstance(chunk, list) else [chunk]:
                    if isinstance(value, dict):
                        self.read(value)
            except ProviderAPIError as error:
                # Without its traceback, which would hold this parser in a cycle.
                self.error = error.with_traceback(None)
                return

    def read(self, chunk: Mapping[str, Any]) -> None:
        """Take in a decoded chunk.

        Raises:
            ProviderAPIError: It is an error, tells that the prompt was blocked, or is not what the service documents.
        """
        self._note(chunk)
        if error := chunk.get("error"):
            raise error_in_answer(error)
        candidate = first_candidate(chunk.get("candidates"))
        if candidate is None:
            feedback = chunk.get("promptFeedback")
            if isinstance(feedback, dict) and (feedback.get("blockReason") or feedback.get("blockReasonMessage")):
                raise prompt_blocked(feedback)
            return
        self._has_candidate = True
        self._finish_reason = finish_word(candidate.get("finishReason")) or self._finish_reason
        for part in parts_of(candidate):
            self._read_part(part)

    def _read_part(self, part: Any) -> None:
        if not isinstance(part, dict):
            raise response_error("with a part that is no object")
        self._has_parts = True
        text = part.get("text")
        if text is not None and not isinstance(text, str):
            raise response_error("with a text that is none")
        if text is None or len(part) > 1:
            self._marked.append((len(self._texts), part))
            self._has_more = self._has_more or not part.keys() <= SPOKEN
            if (call := part.get("functionCall")) is not None:
                from .calls import read_call

                self._tool_calls.append(read_call(call, self._tool_calls))
                self.asides.append((len(self._texts), self._tool_calls[-1]))
        if text and "thought" in part and part["thought"]:
            self.asides.append((len(self._texts), text))
        elif text:
            self._texts.append(text)

    def _note(self, chunk: Mapping[str, Any]) -> None:
        if "usageMetadata" in chunk:
            self._usage = chunk["usageMetadata"] or self._usage
        if "modelVersion" in chunk:
            self._model = text_or_none(chunk["modelVersion"]) or self._model
        if "responseId" in chunk:
            self._id = text_or_none(chunk["responseId"]) or self._id
        if "promptFeedback" in chunk and isinstance(chunk["promptFeedback"], dict):
            self._feedback = chunk["promptFeedback"] or self._feedback

    def completion(self) -> Completion:
        """Return what has come so far."""
        native = None
        if self._has_more:
            from .calls import native_of

            native = native_of(self._texts, self._marked)
        reasoning = "".join([aside for _, aside in self.asides if isinstance(aside, str)]) if self.asides else ""
        return Completion(
            "".join(self._texts),
            usage=parse_usage(self._usage),
            finish_reason=unified_finish_reason(self._finish_reason, calls_tools=bool(self._tool_calls)),
            native_finish_reason=self._finish_reason,
            model=self._model,
            id=self._id,
            tool_calls=tuple(self._tool_calls),
            reasoning=reasoning or None,
            native=native,
        )

    def whole(self) -> Completion:
        """Return what has come as an answer that was sent in one piece.

        Raises:
            ProviderAPIError: The prompt was blocked, or there is no answer.
        """
        if not self._has_candidate:
            raise prompt_blocked(self._feedback) if self._feedback else response_error("without a candidate")
        if not self._has_parts and self._finish_reason is None:
            raise response_error("without a text and without a finish reason")
        return self.completion()


def first_candidate(candidates: Any) -> dict[str, Any] | None:
    """Return the candidate with index 0, or None where there is none."""
    if candidates is None:
        return None
    if not isinstance(candidates, list):
        raise response_error("with candidates that are no list")
    for candidate in candidates:
        if isinstance(candidate, dict) and not candidate.get("index"):
            return candidate
    return None


def parts_of(candidate: Mapping[str, Any]) -> list[Any]:
    """Return the parts of a candidate; it may lack them, and even the content around them."""
    content = candidate.get("content") or {}
    parts = content.get("parts") or [] if isinstance(content, dict) else None
    if not isinstance(parts, list):
        raise response_error("with a content that has no list of parts")
    return parts


def finish_word(reason: Any) -> str | None:
    """Return the service's word for why the answer ended, or None where it says nothing yet."""
    if type(reason) is int:
        reason = str(reason)
    return reason if isinstance(reason, str) and reason not in _UNSPECIFIED else None


def unified_finish_reason(word: str | None, *, calls_tools: bool) -> str | None:
    """Return the reason in the words that all providers share."""
    if word is None:
        return None
    word = _NUMBERED.get(word, word)
    unified = FINISH_REASONS.get(word, word.lower())
    return "tool_calls" if calls_tools and unified == "stop" else unified


def parse_usage(usage: Any) -> Usage:
    """Read a usage object, which counts the thinking apart from the answer; what is missing or broken is None."""
    if not isinstance(usage, dict):
        return Completion.NO_USAGE
    prompt, total, cached, answer, thoughts = [
        count if name in usage and type(count := usage[name]) is int and count >= 0 else None for name in _COUNTS
    ]
    return Usage(
        input_tokens=prompt,
        output_tokens=None if answer is None and thoughts is None else (answer or 0) + (thoughts or 0),
        total_tokens=total,
        cached_tokens=cached,
        reasoning_tokens=thoughts,
    )
