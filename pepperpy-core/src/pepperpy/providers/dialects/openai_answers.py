"""Read OpenAI's answers: what plain and streamed ones share, and the stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..dialect import response_error
from ..domain import Completion, ProviderAPIError
from ..values import loads, loads_each, text_or_none
from .openai_usage import parse_usage

if TYPE_CHECKING:
    from ..messages import Native, ToolCall

SHARED_REASONS: Mapping[str, str] = {"function_call": "tool_calls", "eos": "stop", "model_length": "length"}
"""The words for why an answer ended that are those of a few servers alone: older ones, Together's and Mistral's."""


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

    def __init__(self, errors: ErrorReader, *, native: str, carried: Sequence[str]) -> None:
        self.done = False
        self.error: ProviderAPIError | None = None
        self.asides: list[tuple[int, str | ToolCall]] = []
        self._errors = errors
        self._native = native
        self._carried = carried
        self._pieces: list[str] = []
        self._texts: list[str] = []
        self._reasoning: list[str] = []
        # What of it came under the one name by which it goes back.
        self._reasoning_content: list[str] = []
        self._refusal: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._details: list[dict[str, Any]] = []
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
        chunks = events
        # Few events are so short, and of many only the last is looked at.
        if events and len(events[-1]) < 32 and events[-1].strip() == b"[DONE]":
            chunks = events[:-1]
        pieces = self._pieces = []
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
                usual = (
                    type(piece) is str and len(delta) == 1 and choice["finish_reason"] is None and choice["index"] == 0
                )
            except (KeyError, TypeError, ValueError):
                usual = False
            if not usual or self._id is None or chunk.get("usage") or "error" in chunk or "error" in choice:
                piece = self._read(chunk) if isinstance(chunk, dict) else None
            if piece:
                pieces.append(piece)
            if self.error is not None:
                return

    def _finish(self, pieces: Sequence[str]) -> None:
        self.done = True
        if not (pieces or self._holds_an_answer()):
            self.error = response_error("with a stream that holds no answer", retryable=True)

    def _holds_an_answer(self) -> bool:
        return bool(self._texts or self._finish_reason or self._calls or self._reasoning or self._refusal)

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
        # Some gateways put the whole answer into one event, as the message that it is without a stream.
        delta = choice.get("delta") if "delta" in choice else choice.get("message")
        if not isinstance(delta, dict):
            return None
        content = delta.get("content")
        if len(delta) > 1 or not isinstance(content, str):
            self._read_rest(delta)
        if content is None or isinstance(content, str):
            return content
        piece = joined_parts(content)
        if piece is None:
            self.error = response_error("with a content that is no text")
        return piece

    def _read_rest(self, delta: dict[str, Any]) -> None:
        if reasoning := read_reasoning(delta):
            self._reasoning.append(reasoning)
            self.asides.append((len(self._texts) + len(self._pieces), reasoning))
        if isinstance(refusal := delta.get("refusal"), str):
            self._refusal.append(refusal)
        if content := text_or_none(delta.get("reasoning_content")):
            self._reasoning_content.append(content)
        for fragment in dicts(delta.get("reasoning_details")):
            merge_detail(self._details, fragment)
        if delta.get("tool_calls") or delta.get("function_call"):
            from .openai_calls import merge_fragments

            merge_fragments(self._calls, delta)

    def _note(self, chunk: dict[str, Any]) -> None:
        self._usage = chunk.get("usage") or self._usage
        self._model = chunk.get("model") or self._model
        self._id = chunk.get("id") or self._id

    def completion(self) -> Completion:
        """Return what has come so far."""
        reasoning = "".join(self._reasoning) or None
        calls: tuple[ToolCall, ...] = ()
        native = None
        if self._calls or self._details:
            message = {
                "tool_calls": self._calls,
                "reasoning_content": "".join(self._reasoning_content),
                "reasoning_details": self._details,
            }
            calls = read_tool_calls(message)
            native = read_native(self._native, self._carried, message, calls)
        return Completion(
            "".join(self._texts),
            usage=parse_usage(self._usage),
            finish_reason=unified_finish_reason(self._finish_reason, called=bool(calls)),
            native_finish_reason=text_or_none(self._native_finish_reason) or text_or_none(self._finish_reason),
            model=text_or_none(self._model),
            id=text_or_none(self._id),
            tool_calls=calls,
            reasoning=reasoning,
            refusal="".join(self._refusal) or None,
            native=native,
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


def dicts(values: Any) -> list[dict[str, Any]]:
    """Return the objects of a list, of whatever else is there none."""
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def read_reasoning(message: Mapping[str, Any]) -> str | None:
    """Return the text of the reasoning, under one of the names that servers have for it."""
    text = text_or_none(message.get("reasoning_content")) or text_or_none(message.get("reasoning"))
    if text is None and "reasoning_details" in message:
        pieces = (entry.get("text") or entry.get("summary") for entry in dicts(message["reasoning_details"]))
        text = "".join(piece for piece in pieces if isinstance(piece, str)) or None
    if text is None and isinstance(message.get("content"), list):
        text = "".join(map(_thought, dicts(message["content"]))) or None
    return text


def _thought(part: Mapping[str, Any]) -> str:
    """Return the reasoning that a part of a content is: Mistral's, or that of a gateway to Claude."""
    said = part.get("thinking") or part.get("summary")
    return said if isinstance(said, str) else joined_parts(said) or ""


def read_tool_calls(message: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    """Return the calls of a message."""
    if not (message.get("tool_calls") or message.get("function_call")):
        return ()
    from .openai_calls import read_calls

    return read_calls(message)


def read_native(
    dialect: str, carried: Sequence[str], message: Mapping[str, Any], calls: Sequence[ToolCall]
) -> Native | None:
    """Return what the service wants back with the next turn, beyond text and calls, or None.

    Args:
        dialect: Whose it is.
        carried: The fields that it wants back.
        message: The assistant's message.
        calls: The calls in it.
    """
    data = {name: message[name] for name in carried if message.get(name)}
    if not calls:
        # Reasoning as text is wanted back between a call and its result alone; elsewhere some servers refuse it.
        data.pop("reasoning_content", None)
    else:
        from .openai_calls import unusual_calls

        if unusual := unusual_calls(message, calls):
            data["tool_calls"] = unusual
    if not data:
        return None
    from ..messages import Native

    return Native(dialect, data)


def merge_detail(details: list[dict[str, Any]], fragment: Mapping[str, Any]) -> None:
    """Put a fragment of reasoning to the entry that it goes on with, or begin a new one with it."""
    if details and _goes_on_with(details[-1], fragment):
        merge_texts(details[-1], fragment, ("text", "summary", "data"))
    else:
        details.append(dict(fragment))


def _goes_on_with(entry: Mapping[str, Any], fragment: Mapping[str, Any]) -> bool:
    """Tell whether a fragment belongs to an entry: of one type and index, and nothing says that it is another one."""
    if any(entry.get(name) != fragment.get(name) for name in ("type", "index")):
        return False
    if entry.get("id") and fragment.get("id") and entry["id"] != fragment["id"]:
        return False
    # A signature ends a text. What is encrypted comes whole where nothing numbers it.
    ended = entry.get("signature") and fragment.get("text")
    return not ended and (fragment.get("index") is not None or not fragment.get("data"))


def merge_texts(whole: dict[str, Any], fragment: Mapping[str, Any], grown: Sequence[str]) -> None:
    """Take over the fields of a fragment: those that come piece by piece are joined, the others replaced."""
    for name, value in fragment.items():
        if name in grown and isinstance(value, str) and isinstance(whole.get(name), str):
            whole[name] += value
        elif value is not None or name not in whole:
            whole[name] = value


def unified_finish_reason(reason: Any, *, called: bool) -> str | None:
    """Return the reason in the words that all providers share.

    Args:
        reason: The service's own word.
        called: Whether the answer calls tools. OpenAI itself says "stop" of a call that it was told to make, and some
            servers of every call.
    """
    if not isinstance(reason, str):
        return None
    word = SHARED_REASONS.get(reason, reason)
    return "tool_calls" if called and word == "stop" else word
