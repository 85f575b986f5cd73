"""Read what an answer has besides text: calls of tools, and what goes back to Gemini with the next turn."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from pepperpy.providers.dialect import response_error
from pepperpy.providers.messages import Native, ToolCall

from .answers import SPOKEN

NATIVE = "gemini"
"""The dialect of what is sent back as it came: the list of a turn's parts."""


def read_call(call: Any, before: Sequence[ToolCall]) -> ToolCall:
    """Read a call.

    Args:
        call: As the service sent it; only its newer models name an id.
        before: Those that came before it in the same answer.

    Raises:
        ProviderResponseError: It names no tool, or its arguments cannot be written down.
    """
    name = call.get("name") if isinstance(call, dict) else None
    if not isinstance(name, str) or not name:
        raise response_error("with a call that names no tool")
    call_id = call.get("id")
    taken = {other.id for other in before}
    if not isinstance(call_id, str) or not call_id or call_id in taken:
        number = len(before)
        while (call_id := f"call_{number}") in taken:
            number += 1
    return ToolCall(call_id, name, _written(call.get("args")))


def _written(arguments: Any) -> str:
    """Return the arguments as JSON, which is how other services send them."""
    if arguments is None:
        return "{}"
    try:
        written = json.dumps(arguments, ensure_ascii=False)
        # Half a surrogate pair is no character, and has to stay escaped.
        return written if written.isascii() or _is_text(written) else json.dumps(arguments)
    except (ValueError, RecursionError):
        problem = "with a call whose arguments are nested too deep or no JSON"
    raise response_error(problem)


def _is_text(written: str) -> bool:
    try:
        written.encode()
    except UnicodeEncodeError:
        return False
    return True


def native_of(texts: Sequence[str], marked: Sequence[tuple[int, dict[str, Any]]]) -> Native:
    """Return the parts of a turn for the service.

    Those that are signed, and all others of their kind, stay as they came; plain texts that follow each other become
    one, as Google allows.

    Args:
        texts: The pieces of the answer's text.
        marked: The parts that are more than one of these, each with the number of texts before it.
    """
    parts: list[dict[str, Any]] = []
    for kind, run in groupby(_parts(texts, marked), itemgetter(0)):
        if kind is None:
            parts += [part for _, part in run]
        elif text := "".join([text for _, text in run]):
            parts.append({"text": text, **kind})
    return Native(NATIVE, parts)


def _parts(
    texts: Sequence[str], marked: Sequence[tuple[int, dict[str, Any]]]
) -> Iterator[tuple[dict[str, Any] | None, Any]]:
    """Yield the parts in their order: a plain text with what stands beside it, or else None and the whole part."""
    read = 0
    for position, part in marked:
        yield from (({}, text) for text in texts[read:position])
        read = position
        text, thought = part.get("text"), bool(part.get("thought"))
        if text and not thought:
            read += 1
        if part.keys() <= SPOKEN:
            yield ({"thought": True} if thought else {}), text or ""
        else:
            yield None, part
    yield from (({}, text) for text in texts[read:])
