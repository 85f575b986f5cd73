"""Conversations, for a service that takes one text: written out as such, or gone on with where the service keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pepperpy.providers import ProviderCapabilityError, ProviderInputError
from pepperpy.providers.messages import Message
from pepperpy.providers.parts import Text
from pepperpy.providers.values import text_or_none

from .answers import NATIVE


def one_prompt(messages: Sequence[Message], options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the text that a conversation is, without its system text, and the options with what it says for them.

    Args:
        messages: The conversation.
        options: Those of the call: `system` gets the system messages that stand in front, and `conversation_id` the
            conversation that is gone on with.

    Raises:
        ProviderInputError: It does not end with a message of the user's that has a text.
        ProviderCapabilityError: It holds what is no text.
    """
    conversation_id, unheard = split(messages, options)
    turns = [(message.role, text_of(message)) for message in unheard]
    role, last = turns.pop() if turns else (messages[-1].role, "")
    if role != "user":
        raise ProviderInputError(f"StackSpot answers the user; end the conversation with Message.user(...), not {role}")
    if not last.strip():
        raise ProviderInputError("the last message is blank; there is nothing to send")
    leading = next((place for place, (role, _) in enumerate(turns) if role != "system"), len(turns))
    system = [*filter(None, [options.get("system")]), *(text for _, text in turns[:leading])]
    options = dict(options)
    if system:
        options["system"] = "\n\n".join(system)
    if conversation_id is not None:
        options["conversation_id"] = conversation_id
    return with_history(last, turns[leading:]), options


def split(messages: Sequence[Message], options: Mapping[str, Any]) -> tuple[str | None, Sequence[Message]]:
    """Return the conversation at the service that is gone on with, if any, and the messages that it does not hold."""
    asked = options.get("conversation_id")
    if not options.get("use_conversation", asked is not None):
        return asked, messages
    for place in reversed(range(len(messages))):
        kept = conversation_of(messages[place])
        if kept is not None and asked in (None, kept):
            return kept, messages[place + 1 :]
    if asked is None:
        return None, messages
    answers = [place for place, message in enumerate(messages) if message.role == "assistant"]
    return asked, messages[answers[-1] + 1 :] if answers else messages


def conversation_of(message: Message) -> str | None:
    """Return the conversation at the service that an answer belongs to."""
    native = message.native
    if native is None or native.dialect != NATIVE or not isinstance(native.data, Mapping):
        return None
    return text_or_none(native.data.get("conversation_id"))


def text_of(message: Message) -> str:
    """Return a message's text.

    Raises:
        ProviderCapabilityError: It is more than a text.
    """
    if message.role == "tool" or message.tool_calls:
        raise ProviderCapabilityError(
            "StackSpot takes no tool calls and no results of them: an agent calls the tools that are set on it; "
            "leave them out of the conversation, or tell their results in a user's message"
        )
    for part in message.parts:
        if not isinstance(part, Text):
            raise ProviderCapabilityError(
                f"StackSpot takes no {type(part).__name__} in a message: upload it, and give its id in upload_ids=[...]"
            )
    return message.text


def with_history(last: str, turns: Sequence[tuple[str, str]]) -> str:
    """Return the user's text behind the turns before it, each between tags of its role; nothing is escaped."""
    if not turns:
        return last
    history = "\n".join(f"<{role}>\n{text}\n</{role}>" for role, text in turns)
    return f"<history>\n{history}\n</history>\n\n{last}"
