"""Read OpenAI's answers: what plain and streamed ones share, and the stream."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..dialect import response_error
from ..domain import Completion, ProviderAPIError
from ..values import loads, loads_each, text_or_none
from .openai_usage import parse_usage

if TYPE_CHECKING:
    from ..messages import Native, ToolCall

CALL_FIELDS = frozenset({"id", "type", "index", "function", "custom"})


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
        *chunks, last = events or [b""]
        if last.strip() != b"[DONE]":
            chunks = list(events)
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
        if reasoning := read_reasoning(delta):
            self._reasoning.append(reasoning)
            self.asides.append((len(self._texts) + len(self._pieces), reasoning))
        if isinstance(refusal := delta.get("refusal"), str):
            self._refusal.append(refusal)
        for fragment in dicts(delta.get("tool_calls")):
            merge_tool_call(self._calls, fragment)
        if isinstance(call := delta.get("function_call"), dict):
            merge_tool_call(self._calls, {"index": 0, "function": call})
        for fragment in dicts(delta.get("reasoning_details")):
            merge_detail(self._details, fragment)

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
            message = {"tool_calls": self._calls, "reasoning_content": reasoning, "reasoning_details": self._details}
            calls, native = read_tool_calls(message), read_native(self._native, self._carried, message)
        return Completion(
            "".join(self._texts),
            usage=parse_usage(self._usage),
            finish_reason=unified_finish_reason(self._finish_reason),
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
    return text


def read_tool_calls(message: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    """Return the calls of a message, functions and custom tools, and the single one of older servers."""
    calls = dicts(message.get("tool_calls"))
    if not calls and isinstance(single := message.get("function_call"), dict):
        calls = [{"function": single}]
    if not calls:
        return ()
    from ..messages import ToolCall

    return tuple(ToolCall(*read_tool_call(call, place)) for place, call in enumerate(calls))


def read_tool_call(call: Mapping[str, Any], place: int) -> tuple[str, str, str]:
    """Return the id, the name and the arguments of a call; an id that is missing is made up."""
    custom = call.get("custom")
    said = custom if isinstance(custom, dict) else call.get("function")
    function: Mapping[str, Any] = said if isinstance(said, dict) else {}
    arguments = function.get("input") if isinstance(custom, dict) else function.get("arguments")
    if isinstance(arguments, (dict, list)):
        # Some compatible servers send them decoded.
        arguments = json.dumps(arguments, ensure_ascii=False)
    return (
        text_or_none(call.get("id")) or f"call_{place}",
        text_or_none(function.get("name")) or "",
        arguments if isinstance(arguments, str) else "",
    )


def read_native(dialect: str, carried: Sequence[str], message: Mapping[str, Any]) -> Native | None:
    """Return what the service wants back with the next turn, beyond text and calls, or None.

    Args:
        dialect: Whose it is.
        carried: The fields that it wants back.
        message: The assistant's message.
    """
    calls = message.get("tool_calls")
    data = {name: message[name] for name in carried if message.get(name)}
    if not calls:
        # Reasoning as text is wanted back between a call and its result alone; elsewhere some servers refuse it.
        data.pop("reasoning_content", None)
    elif any(not call.keys() <= CALL_FIELDS for call in dicts(calls)):
        # Such as the signature that Google's compatible endpoint puts beside the function.
        data["tool_calls"] = [{name: call[name] for name in call if name != "index"} for call in dicts(calls)]
    if not data:
        return None
    from ..messages import Native

    return Native(dialect, data)


def merge_tool_call(calls: list[dict[str, Any]], fragment: dict[str, Any]) -> None:
    """Put a fragment of a tool call to the call that it belongs to, or begin a new one with it.

    By its `index`; some servers leave that out, or give each call the index 0: then by its `id`.
    """
    index, call_id = fragment.get("index"), text_or_none(fragment.get("id"))
    call = next((call for call in reversed(calls) if call.get("index") == index), None)
    if call is None or (call_id is not None and call.get("id") not in (None, call_id)):
        call = {"index": index}
        calls.append(call)
    for name, value in fragment.items():
        if name in ("function", "custom") and isinstance(value, dict):
            merge_texts(call.setdefault(name, {}), value, ("name", "arguments", "input"))
        elif value is not None and (name != "id" or call_id is not None):
            call[name] = value


def merge_detail(details: list[dict[str, Any]], fragment: dict[str, Any]) -> None:
    """Put a fragment of reasoning to the entry that it goes on with, or begin a new one with it."""
    if details and goes_on_with(details[-1], fragment):
        merge_texts(details[-1], fragment, ("text", "summary", "data"))
    else:
        details.append(dict(fragment))


def goes_on_with(entry: Mapping[str, Any], fragment: Mapping[str, Any]) -> bool:
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


def unified_finish_reason(reason: Any) -> str | None:
    """Return the reason in the words that all providers share."""
    if not isinstance(reason, str):
        return None
    return "tool_calls" if reason == "function_call" else reason
