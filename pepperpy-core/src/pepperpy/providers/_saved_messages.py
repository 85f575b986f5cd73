"""Messages as values that JSON can hold, and back."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from .errors import ProviderError, ProviderInputError
from .messages import Message, Native, ToolCall
from .parts import Audio, File, Image, Part, Text

_KINDS: dict[str, type[Image | Audio | File]] = {"image": Image, "audio": Audio, "file": File}


def save_message(message: Message) -> dict[str, Any]:
    """Return a message as a dict of JSON values; what it has not is left out."""
    content = message.content
    saved: dict[str, Any] = {
        "role": message.role,
        "content": content if isinstance(content, str) else [save_part(part) for part in content],
    }
    if message.tool_calls:
        saved["tool_calls"] = [
            {"id": call.id, "name": call.name, "raw_arguments": call.raw_arguments} for call in message.tool_calls
        ]
    for name in ("tool_call_id", "name", "is_error"):
        if value := getattr(message, name):
            saved[name] = value
    if message.native is not None:
        saved["native"] = {"dialect": message.native.dialect, "data": message.native.data}
    return saved


def save_part(part: Part) -> dict[str, Any]:
    """Return a part as a dict of JSON values, its bytes in base64."""
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    fields = {"url": part.url, "media_type": part.media_type}
    fields |= {name: getattr(part, name) for name in ("detail", "name") if hasattr(part, name)}
    if part.data is not None:
        fields["data"] = part.base64
    given = {name: value for name, value in fields.items() if value is not None}
    return {"type": type(part).__name__.lower(), **given}


def load_message(saved: Any) -> Message:
    """Return the message that was saved.

    Raises:
        ProviderInputError: It is none.
    """
    try:
        fields = dict(saved)
        content = fields.pop("content")
        calls = [ToolCall(**call) for call in fields.pop("tool_calls", ())]
        native = fields.pop("native", None)
        return Message(
            fields.pop("role"),
            content if isinstance(content, str) else tuple(load_part(part) for part in content),
            tool_calls=tuple(calls),
            native=None if native is None else Native(**native),
            **fields,
        )
    except ProviderError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        problem = f"this is no message as Message.to_dict() writes it: {type(error).__name__}: {error}"
    raise ProviderInputError(problem)


def load_part(saved: Mapping[str, Any]) -> Part:
    """Return the part that was saved."""
    fields = dict(saved)
    kind = fields.pop("type")
    if kind == "text":
        return Text(**fields)
    if "data" in fields:
        fields["data"] = base64.b64decode(fields["data"], validate=True)
    return _KINDS[kind](**fields)
