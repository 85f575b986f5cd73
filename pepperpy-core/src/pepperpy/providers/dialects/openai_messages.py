"""Write conversations, tools and schemas as Chat Completions takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from ..domain import ProviderCapabilityError, ProviderInputError
from ..messages import Message
from ..outputs import OutputSchema
from ..parts import Audio, File, Image, Part, Text
from ..schema import strict_schema
from ..tools import Tool

_PLAIN: Callable[[Message], Any] = attrgetter("plain")

NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}


def write_messages(messages: Sequence[Message], *, native: str, file_urls: bool) -> list[dict[str, Any]]:
    """Return the messages in their order.

    Args:
        messages: The conversation.
        native: The dialect whose native data are sent back.
        file_urls: Whether the service reads files from addresses.
    """
    # Most conversations are plain: then nothing is called for any of their messages.
    plain = [*map(_PLAIN, messages)]
    if all(plain):
        return plain
    return [message.plain or write_message(message, native=native, file_urls=file_urls) for message in messages]


def write_message(message: Message, *, native: str, file_urls: bool) -> dict[str, Any]:
    """Return one message that is more than a role and a text."""
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": text_alone(message)}
    if message.role == "system":
        return {"role": "system", "content": text_alone(message)}
    if message.role == "user":
        return {"role": "user", "content": [write_part(part, file_urls=file_urls) for part in message.parts]}
    # With calls, the text may be missing, and some servers refuse an empty one.
    written: dict[str, Any] = {"role": "assistant", "content": text_alone(message) or None}
    if message.tool_calls:
        written["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.raw_arguments or "{}"},
            }
            for call in message.tool_calls
        ]
    elif written["content"] is None:
        written["content"] = ""
    if message.native is not None and message.native.dialect == native:
        written.update(message.native.data)
    return written


def text_alone(message: Message) -> str:
    """Return the text of a message that may hold nothing else."""
    if not all(isinstance(part, Text) for part in message.parts):
        raise ProviderCapabilityError(
            f"this service takes pictures, sounds and files from the user alone, not in a message of role "
            f"{message.role!r}; put them into Message.user(...)"
        )
    return message.text


def write_part(part: Part, *, file_urls: bool) -> dict[str, Any]:
    """Return one part of a user's message."""
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Image():
            detail = {"detail": part.detail} if part.detail is not None else {}
            return {"type": "image_url", "image_url": {"url": part.data_url, **detail}}
        case Audio():
            if part.data is None:
                raise ProviderCapabilityError("this service takes sounds as data, not by url; see Audio.from_path(...)")
            return {"type": "input_audio", "input_audio": {"data": part.base64, "format": part.format}}
        case File():
            if part.data is None and not (file_urls or part.data_url.startswith("data:")):
                raise ProviderCapabilityError("this service takes files as data, not by url; see File.from_path(...)")
            return {"type": "file", "file": {"filename": part.name or "file", "file_data": part.data_url}}


def write_tool(tool: Tool) -> dict[str, Any]:
    """Return a tool."""
    function: dict[str, Any] = {"name": tool.name, "parameters": tool.parameters or NO_PARAMETERS}
    if tool.description:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    if tool.strict:
        function["parameters"] = strict_parameters(tool)
    return {"type": "function", "function": function}


def strict_parameters(tool: Tool) -> Mapping[str, Any]:
    """Return the schema of a tool's arguments as strict modes want it."""
    strict = strict_schema(tool.parameters or NO_PARAMETERS)
    if strict is None:
        raise ProviderInputError(
            f"the parameters of the tool {tool.name!r} cannot be strict, since an open dict or the like is among them; "
            "leave strict out"
        )
    return strict


def write_tool_choice(choice: str) -> Any:
    """Return the choice among the tools."""
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "function": {"name": choice}}


def write_output(output: OutputSchema) -> dict[str, Any]:
    """Return the schema that the answer is held to, strictly where that means the same."""
    strict = output.strict_schema
    written: dict[str, Any] = {
        "name": output.name,
        "schema": output.schema if strict is None else strict,
        "strict": strict is not None,
    }
    if output.description:
        written["description"] = output.description
    return {"type": "json_schema", "json_schema": written}
