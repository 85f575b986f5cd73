"""The ids of calls that OpenAI takes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import attrs

from pepperpy.providers.messages import Message

LONGEST = 64


def with_short_ids(messages: Sequence[Message], *, native: str) -> Sequence[Message]:
    """Return a conversation in which no id of a call is longer than OpenAI takes; other services make such.

    Args:
        messages: The conversation.
        native: The dialect whose native data are sent back, with the ids in them.
    """
    long = {
        call.id
        for message in messages
        for call in message.tool_calls
        if len(call.id) > LONGEST and (message.native is None or message.native.dialect != native)
    }
    return [_shortened(message, long) for message in messages] if long else messages


def _shortened(message: Message, long: set[str]) -> Message:
    if message.tool_call_id in long:
        return attrs.evolve(message, tool_call_id=_short(message.tool_call_id))
    if any(call.id in long for call in message.tool_calls):
        calls = [attrs.evolve(call, id=_short(call.id)) if call.id in long else call for call in message.tool_calls]
        return attrs.evolve(message, tool_calls=tuple(calls))
    return message


def _short(call_id: str) -> str:
    """Return the same short id for the same long one."""
    return "call_" + hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
