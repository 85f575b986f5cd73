"""Read the answers of the Responses API: what plain and streamed ones share."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pepperpy.providers.domain import Completion, Usage
from pepperpy.providers.values import count_or_none, number_or_none, text_or_none

if TYPE_CHECKING:
    from pepperpy.providers.messages import Native, ToolCall

NATIVE = "openai.responses"
"""Whose the native data are that the messages of this API carry."""

CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
"""The items that call a tool of the caller's, and where each has what the model wrote."""

Item = dict[str, Any]


def read_answer(
    response: Mapping[str, Any], items: Sequence[Item], *, text: str | None = None, reasoning: str | None = None
) -> Completion:
    """Return the answer that a response object is.

    Args:
        response: The response object.
        items: Its output.
        text: Its text, where it was streamed.
        reasoning: The text of its reasoning, where it was streamed.
    """
    calls = read_calls(items)
    finish_reason, native_finish_reason = read_finish(response, called=bool(calls))
    return Completion(
        "".join(texts_of(items)) if text is None else text,
        usage=read_usage(response.get("usage")),
        finish_reason=finish_reason,
        native_finish_reason=native_finish_reason,
        model=text_or_none(response.get("model")),
        id=text_or_none(response.get("id")),
        tool_calls=calls,
        reasoning=("".join(map(reasoning_of, items)) if reasoning is None else reasoning) or None,
        refusal="".join(refusals_of(items)) or None,
        native=read_native(items),
        raw=response,
    )


def items_in(output: Any) -> list[Item] | None:
    """Return the items of an output, or None where it is no list."""
    return [item for item in output if isinstance(item, dict)] if isinstance(output, list) else None


def parts_of(item: Item) -> list[Any]:
    """Return the parts of a message; what is no message has none."""
    if item.get("type", "message") != "message":
        return []
    content = item.get("content")
    if isinstance(content, str):
        return [{"type": "output_text", "text": content}]
    return content if isinstance(content, list) else []


def text_of(part: Any) -> str | None:
    """Return the text of a part that is one."""
    if isinstance(part, dict) and part.get("type") in ("output_text", "text"):
        return text_or_none(part.get("text"))
    return None


def texts_of(items: Sequence[Item]) -> Iterator[str]:
    """Return the pieces of text in an output, whatever stands before and between them."""
    return (text for item in items for part in parts_of(item) if (text := text_of(part)))


def refusals_of(items: Sequence[Item]) -> Iterator[str]:
    """Return the model's words of refusal."""
    for item in items:
        for part in parts_of(item):
            if isinstance(part, dict) and part.get("type") == "refusal" and (said := text_or_none(part.get("refusal"))):
                yield said


def reasoning_of(item: Item) -> str:
    """Return the reasoning that an item shows: its summary, or else the whole."""
    if item.get("type") != "reasoning":
        return ""
    return _joined(item.get("summary")) or _joined(item.get("content"))


def _joined(parts: Any) -> str:
    texts = (part.get("text") for part in parts if isinstance(part, dict)) if isinstance(parts, list) else ()
    return "".join(text for text in texts if isinstance(text, str))


def read_calls(items: Sequence[Item]) -> tuple[ToolCall, ...]:
    """Return the calls of tools in an output."""
    calls: list[ToolCall] = []
    for item in items:
        if (call := read_call(item, len(calls))) is not None:
            calls.append(call)
    return tuple(calls)


def read_call(item: Item, index: int) -> ToolCall | None:
    """Return the call that an item is, or None.

    Args:
        item: The item.
        index: How many calls came before it.
    """
    kind, name = item.get("type"), text_or_none(item.get("name"))
    if not isinstance(kind, str) or kind not in CALLS or name is None:
        return None
    from pepperpy.providers.messages import ToolCall

    arguments = item.get(CALLS[kind])
    if not isinstance(arguments, str):
        arguments = "{}" if arguments is None else json.dumps(arguments, ensure_ascii=False)
    # The result belongs to the call_id; the id is that of the item.
    call_id = text_or_none(item.get("call_id")) or text_or_none(item.get("id")) or f"call_{index}"
    return ToolCall(call_id, name, arguments)


def read_native(items: Sequence[Item]) -> Native | None:
    """Return the output as it came, where it holds more than one message's text."""
    if not items or (len(items) == 1 and _is_plain(items[0])):
        return None
    from pepperpy.providers.messages import Native

    return Native(NATIVE, list(items))


def _is_plain(item: Item) -> bool:
    """Tell whether a text says all that an item holds."""
    return (
        item.get("type", "message") == "message"
        and not item.get("phase")
        and all(isinstance(part, dict) and part.get("type") in ("output_text", "text") for part in parts_of(item))
    )


REASONS = {"max_output_tokens": "length", "max_tokens": "length", "content_filter": "content_filter"}


def read_finish(response: Mapping[str, Any], *, called: bool) -> tuple[str | None, str | None]:
    """Return why an answer ended, in the words that all providers share, and in the service's own."""
    status, details = text_or_none(response.get("status")), response.get("incomplete_details")
    reason = text_or_none(details.get("reason")) if isinstance(details, dict) else None
    if reason is not None:
        return REASONS.get(reason, reason), reason
    if status in ("queued", "in_progress"):
        return None, status
    if status in (None, "completed", "complete"):
        return "tool_calls" if called else "stop", status
    return status, status


def read_usage(usage: Any) -> Usage:
    """Read a usage object; what is missing or broken is None."""
    if not isinstance(usage, dict):
        return Completion.NO_USAGE
    read, written = usage.get("input_tokens_details"), usage.get("output_tokens_details")
    return Usage(
        input_tokens=count_or_none(usage.get("input_tokens")),
        output_tokens=count_or_none(usage.get("output_tokens")),
        total_tokens=count_or_none(usage.get("total_tokens")),
        cached_tokens=count_or_none(read.get("cached_tokens")) if isinstance(read, dict) else None,
        reasoning_tokens=count_or_none(written.get("reasoning_tokens")) if isinstance(written, dict) else None,
        cost=number_or_none(usage.get("cost")),
    )
