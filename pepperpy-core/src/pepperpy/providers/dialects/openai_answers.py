"""Read OpenAI's answers: what plain and streamed ones share, and the stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..dialect import response_error
from ..domain import Completion, ProviderAPIError, Usage
from ..values import count_or_none, loads, loads_each, number_or_none, text_or_none

if TYPE_CHECKING:
    from ..messages import ToolCall


class ErrorReader(Protocol):
    """What reads the errors of a dialect."""

    def error_in_answer(self, error: Any) -> ProviderAPIError:
        """Read the `error` of an answer whose status was 200."""
        ...

    def error_in_choice(self, choice: Mapping[str, Any]) -> ProviderAPIError | None:
        """Return the error that a choice is instead of an answer, or None."""
        ...


class OpenAIStreamParser:
    """Reads the chunks of one Chat Completions stream."""

    def __init__(self, errors: ErrorReader) -> None:
        self.done = False
        self.error: ProviderAPIError | None = None
        self.asides: list[tuple[int, str | ToolCall]] = []
        self._errors = errors
        self._texts: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._tool_calls: dict[int, dict[str, Any]] = {}
        self._finish_reason: Any = None
        self._native_finish_reason: Any = None
        self._usage: Any = None
        self._model: Any = None
        self._id: Any = None

    @property
    def finished(self) -> bool:
        """Whether a finish reason or `[DONE]` came."""
        return self.done or self._finish_reason is not None

    @property
    def conclusive(self) -> bool:
        """The same: a finish reason comes once."""
        return self.finished

    def feed(self, events: Sequence[bytes]) -> list[str]:
        """Read some chunks and return their pieces of text."""
        *chunks, last = events or [b""]
        if last.strip() != b"[DONE]":
            chunks = list(events)
        pieces: list[str] = []
        try:
            self._feed(loads_each(chunks), pieces)
        except ValueError:
            self._feed_one_by_one(chunks, pieces)
        if self.error is None and not self.done and len(chunks) < len(events):
            self._finish(pieces)
        self._texts += pieces
        return pieces

    def _feed_one_by_one(self, events: Sequence[bytes], pieces: list[str]) -> None:
        for event in events:
            data = event.strip()
            if data == b"[DONE]":
                return self._finish(pieces)
            try:
                chunk = loads(data) if data else None
            except ValueError:
                # Behind the end of the answer a broken event loses nothing.
                if self.finished:
                    continue
                self.error = response_error("with an event that is no JSON")
                return None
            self._feed([chunk], pieces)
            if self.error is not None:
                return None
        return None

    def _feed(self, chunks: Sequence[Any], pieces: list[str]) -> None:
        for chunk in chunks:
            try:
                # The usual chunk, of which a stream has hundreds: one piece of text and nothing else.
                (choice,) = chunk["choices"]
                delta = choice["delta"]
                piece = delta["content"]
                usual = len(delta) == 1 and choice["finish_reason"] is None and choice["index"] == 0
            except (KeyError, TypeError, ValueError):
                usual = False
            if not usual or self._id is None or chunk.get("usage") or "error" in chunk or "error" in choice:
                piece = self._read(chunk) if isinstance(chunk, dict) else None
            if piece and isinstance(piece, str):
                pieces.append(piece)
            if self.error is not None:
                return

    def _finish(self, pieces: Sequence[str]) -> None:
        self.done = True
        if not (pieces or self._holds_an_answer()):
            self.error = response_error("with a stream that holds no answer", retryable=True)

    def _holds_an_answer(self) -> bool:
        return bool(self._texts or self._finish_reason or self._tool_calls or self._reasoning or self._refusal)

    def _read(self, chunk: dict[str, Any]) -> str | None:
        choice = first_choice(chunk.get("choices"))
        if error := chunk.get("error"):
            self.error = self._errors.error_in_answer(error)
        if choice is None or error or chunk.get("usage"):
            self._note(chunk)
        if choice is None:
            return None
        if self._id is None:
            self._note(chunk)
        if reason := choice.get("finish_reason"):
            self._finish_reason = reason
            self._native_finish_reason = choice.get("native_finish_reason")
        if self.error is None and (reason or "error" in choice):
            self.error = self._errors.error_in_choice(choice)
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return None
        if len(delta) > 1 or "content" not in delta:
            self._read_rest(delta)
        content = delta.get("content")
        if content is None or isinstance(content, str):
            return content
        piece = joined_parts(content)
        if piece is None:
            self.error = response_error("with a content that is no text")
        return piece

    def _read_rest(self, delta: dict[str, Any]) -> None:
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(reasoning, str):
            self._reasoning.append(reasoning)
        if isinstance(refusal := delta.get("refusal"), str):
            self._refusal.append(refusal)
        fragments = delta.get("tool_calls")
        for fragment in fragments if isinstance(fragments, list) else ():
            if isinstance(fragment, dict):
                merge_tool_call(self._tool_calls, fragment)

    def _note(self, chunk: dict[str, Any]) -> None:
        self._usage = chunk.get("usage") or self._usage
        self._model = chunk.get("model") or self._model
        self._id = chunk.get("id") or self._id

    def completion(self) -> Completion:
        """Return what has come so far."""
        return Completion(
            "".join(self._texts),
            usage=parse_usage(self._usage),
            finish_reason=unified_finish_reason(self._finish_reason),
            native_finish_reason=text_or_none(self._native_finish_reason) or text_or_none(self._finish_reason),
            model=text_or_none(self._model),
            id=text_or_none(self._id),
            tool_calls=tuple(self._tool_calls.values()),
            reasoning="".join(self._reasoning) or None,
            refusal="".join(self._refusal) or None,
        )


def first_choice(choices: Any) -> dict[str, Any] | None:
    """Return the choice with index 0, or None where there is none."""
    if isinstance(choices, list):
        for choice in choices:
            if isinstance(choice, dict) and not choice.get("index"):
                return choice
    return None


def joined_parts(content: Any) -> str | None:
    """Return the text of a content that came as a list of parts, as some servers send it."""
    if not isinstance(content, list):
        return None
    texts = (part.get("text") for part in content if isinstance(part, dict))
    return "".join(text for text in texts if isinstance(text, str))


def merge_tool_call(calls: dict[int, dict[str, Any]], fragment: dict[str, Any]) -> None:
    """Put a fragment of a tool call to those with its `index`."""
    index = fragment.get("index")
    call = calls.setdefault(
        index if isinstance(index, int) else len(calls), {"type": "function", "function": {"name": "", "arguments": ""}}
    )
    if isinstance(fragment.get("id"), str) and fragment["id"]:
        call["id"] = fragment["id"]
    function = fragment.get("function")
    if isinstance(function, dict):
        for name in ("name", "arguments"):
            if isinstance(function.get(name), str):
                call["function"][name] += function[name]


def unified_finish_reason(reason: Any) -> str | None:
    """Return the reason in the words that all providers share."""
    if not isinstance(reason, str):
        return None
    return "tool_calls" if reason == "function_call" else reason


def parse_usage(usage: Any) -> Usage:
    """Read a usage object; what is missing or broken is None."""
    if not isinstance(usage, dict):
        return Completion.NO_USAGE
    prompt_details, completion_details = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    return Usage(
        input_tokens=count_or_none(usage.get("prompt_tokens")),
        output_tokens=count_or_none(usage.get("completion_tokens")),
        total_tokens=count_or_none(usage.get("total_tokens")),
        cached_tokens=count_or_none(prompt_details.get("cached_tokens")) if isinstance(prompt_details, dict) else None,
        reasoning_tokens=(
            count_or_none(completion_details.get("reasoning_tokens")) if isinstance(completion_details, dict) else None
        ),
        cost=number_or_none(usage.get("cost")),
    )
