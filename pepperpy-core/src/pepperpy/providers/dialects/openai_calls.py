"""Read the calls of tools in OpenAI's answers, whole ones and the fragments of a stream."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..messages import ToolCall
from ..values import loads, text_or_none
from .openai_answers import dicts, merge_texts

# What a call is written of again; with any other field, it goes back as it came.
_WRITTEN = frozenset({"id", "type", "index", "function"})


def read_calls(message: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    """Return the calls of a message, functions and custom tools, and the single one of older servers."""
    calls = dicts(message.get("tool_calls"))
    if not calls and isinstance(single := message.get("function_call"), dict):
        calls = [{"function": single}]
    read: list[ToolCall] = []
    for call in calls:
        call_id, taken = text_or_none(call.get("id")), {other.id for other in read}
        place = len(read)
        while call_id is None or call_id in taken:
            call_id, place = f"call_{place}", place + 1
        read.append(ToolCall(call_id, *_called(call)))
    return tuple(read)


def _called(call: Mapping[str, Any]) -> tuple[str, str]:
    """Return the name and the arguments of a call."""
    custom = call.get("custom")
    said = custom if isinstance(custom, dict) else call.get("function")
    function: Mapping[str, Any] = said if isinstance(said, dict) else {}
    arguments = function.get("input") if isinstance(custom, dict) else function.get("arguments")
    if isinstance(arguments, (dict, list)):
        # Some compatible servers send them decoded.
        arguments = json.dumps(arguments, ensure_ascii=False)
    return text_or_none(function.get("name")) or "", arguments if isinstance(arguments, str) else ""


def unusual_calls(message: Mapping[str, Any], calls: Sequence[ToolCall]) -> list[dict[str, Any]] | None:
    """Return the calls of a message as they came, where they hold more than a name and arguments.

    Such as the signature that Google's compatible endpoint puts beside the function. Each has the id that its result
    will name.
    """
    came = dicts(message.get("tool_calls"))
    if all(call.keys() <= _WRITTEN for call in came):
        return None
    return [
        {**{name: call[name] for name in call if name != "index"}, "id": read.id}
        for call, read in zip(came, calls, strict=True)
    ]


def merge_fragments(calls: list[dict[str, Any]], delta: Mapping[str, Any]) -> None:
    """Put what a chunk tells of calls to those that began before it, or begin new ones with it."""
    for fragment in dicts(delta.get("tool_calls")):
        merge_tool_call(calls, fragment)
    if isinstance(call := delta.get("function_call"), dict):
        merge_tool_call(calls, {"index": 0, "function": call})


def merge_tool_call(calls: list[dict[str, Any]], fragment: Mapping[str, Any]) -> None:
    """Put a fragment of a tool call to the call that it belongs to, or begin a new one with it.

    By its `index`; some servers leave that out, or give each call the index 0: then by its `id`, or where there is none
    by its name, with which a call begins.
    """
    index, call_id = fragment.get("index"), text_or_none(fragment.get("id"))
    call = next((call for call in reversed(calls) if call.get("index") == index), None)
    if call is None or _is_another(call, call_id, fragment.get("function")):
        call = {"index": index}
        calls.append(call)
    for name, value in fragment.items():
        if name in ("function", "custom") and isinstance(value, dict):
            whole = call[name] = call[name] if isinstance(call.get(name), dict) else {}
            # Some servers repeat the name with each fragment.
            news = {key: said for key, said in value.items() if key != "name" or said != whole.get("name")}
            merge_texts(whole, news, ("name", "arguments", "input"))
        elif value is not None and (name != "id" or call_id is not None):
            call[name] = value


def _is_another(call: Mapping[str, Any], call_id: str | None, function: Any) -> bool:
    """Tell whether a fragment of the same index begins another call."""
    if call_id is not None:
        return call.get("id") not in (None, call_id)
    named = isinstance(function, dict) and text_or_none(function.get("name"))
    return bool(named) and _is_whole(call.get("function"))


def _is_whole(function: Any) -> bool:
    """Tell whether nothing can follow the arguments of a call."""
    arguments = function.get("arguments") if isinstance(function, dict) else None
    if not isinstance(arguments, str):
        return arguments is not None
    try:
        return isinstance(loads(arguments.encode("utf-8", "surrogatepass")), dict)
    except ValueError:
        return False
