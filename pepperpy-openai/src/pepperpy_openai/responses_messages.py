"""Write conversations, tools and schemas as the Responses API takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pepperpy.providers.dialects.openai_messages import NO_PARAMETERS, strict_parameters, text_alone, write_output
from pepperpy.providers.domain import ProviderCapabilityError
from pepperpy.providers.messages import Message
from pepperpy.providers.outputs import OutputSchema
from pepperpy.providers.parts import Audio, File, Image, Part, Text
from pepperpy.providers.tools import Tool

Item = dict[str, Any]


def write_conversation(messages: Sequence[Message], *, native: str, stored: bool) -> tuple[str | None, list[Item]]:
    """Return the instructions at the beginning of a conversation, and the items behind them.

    Args:
        messages: The conversation.
        native: The dialect whose native data are sent back.
        stored: Whether the service keeps the answers, so that it knows their items by their ids.
    """
    begin = 0
    while begin < len(messages) and messages[begin].role == "system":
        begin += 1
    if begin == len(messages):
        # There must be something that is no instruction.
        begin = 0
    instructions = "\n\n".join([text_alone(message) for message in messages[:begin]]) or None
    called: dict[str, Item] = {}
    # Long conversations are mostly plain: for those, nothing is called.
    items = [
        item
        for message in (messages[begin:] if begin else messages)
        for item in ((message.plain,) if message.plain else _write_message(message, native, stored, called))
    ]
    return instructions, items


def _write_message(message: Message, native: str, stored: bool, called: dict[str, Item]) -> Sequence[Item]:
    """Return the items of a message that is more than a role and a text; note its calls as the service sent them."""
    if message.role == "tool":
        return [_write_result(message, called)]
    if message.role == "user":
        return [{"role": "user", "content": [write_part(part) for part in message.parts]}]
    if message.role == "assistant" and message.native is not None and message.native.dialect == native:
        items = sent_back(message.native.data, stored=stored)
        called.update({item["call_id"]: item for item in items if isinstance(item.get("call_id"), str)})
        return items
    text = text_alone(message)
    said: list[Item] = [{"role": message.role, "content": text}] if text or not message.tool_calls else []
    return [
        *said,
        *(
            {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.raw_arguments or "{}"}
            for call in message.tool_calls
        ),
    ]


def sent_back(items: Sequence[Item], *, stored: bool) -> list[Item]:
    """Return the items of an answer as the service takes them back.

    Args:
        items: The items as they were received.
        stored: Whether the service keeps answers.
    """
    kept = list(items)
    # Reasoning without what it led to is refused; an answer that was cut off ends so.
    while kept and kept[-1].get("type") == "reasoning":
        kept.pop()
    if stored:
        return kept
    carried = [item for item in kept if item.get("type") != "reasoning" or _is_carried(item)]
    if len(carried) == len(kept):
        return kept
    # By the ids of what is left, the service would look for the reasoning that it did not keep.
    return [{name: value for name, value in item.items() if name != "id"} for item in carried]


def _is_carried(reasoning: Item) -> bool:
    """Tell whether a service that did not keep this reasoning can read it all the same."""
    return bool(reasoning.get("encrypted_content") or reasoning.get("content"))


def _write_result(message: Message, called: Mapping[str, Item]) -> Item:
    """Return the result of a call."""
    output: Any = message.content
    if not isinstance(output, str):
        if any(isinstance(part, Audio) for part in output):
            raise ProviderCapabilityError("the Responses API takes no sounds as a tool's result; give a text in place")
        output = [write_part(part) for part in output]
    call = called.get(message.tool_call_id or "", {})
    kind = "custom_tool_call_output" if call.get("type") == "custom_tool_call" else "function_call_output"
    result: Item = {"type": kind, "call_id": message.tool_call_id, "output": output}
    if call.get("caller"):
        # Who called goes back with the result, where it was not the model itself.
        result["caller"] = call["caller"]
    return result


def write_part(part: Part) -> Item:
    """Return one part of a message."""
    match part:
        case Text():
            return {"type": "input_text", "text": part.text}
        case Image():
            detail = {"detail": part.detail} if part.detail is not None else {}
            return {"type": "input_image", "image_url": _address(part), **detail}
        case Audio():
            if part.data is None:
                raise ProviderCapabilityError(
                    "the Responses API takes sounds as data, not by url; see Audio.from_path(...)"
                )
            return {"type": "input_audio", "input_audio": {"data": part.base64, "format": part.format}}
        case File():
            if part.data is None and not _address(part).startswith("data:"):
                return {"type": "input_file", "file_url": part.url}
            return {"type": "input_file", "filename": part.name or "file", "file_data": part.data_url}


def _address(part: Image | File) -> str:
    address = part.data_url
    if address.startswith("gs://"):
        raise ProviderCapabilityError("the Responses API does not read gs:// addresses; give an https:// one, or data")
    return address


def write_tool(tool: Tool) -> Item:
    """Return a tool."""
    # Left out, strict would mean true here.
    written: Item = {
        "type": "function",
        "name": tool.name,
        "parameters": strict_parameters(tool) if tool.strict else tool.parameters or NO_PARAMETERS,
        "strict": bool(tool.strict),
    }
    if tool.description:
        written["description"] = tool.description
    return written


def write_tool_choice(choice: str) -> Any:
    """Return the choice among the tools."""
    return choice if choice in ("auto", "none", "required") else {"type": "function", "name": choice}


def write_format(output: OutputSchema) -> Item:
    """Return the schema that the answer is held to, strictly where that means the same."""
    return {"type": "json_schema", **write_output(output)["json_schema"]}
