"""Write a conversation as Gemini takes it: turns of the user and the model, one after the other."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, groupby, zip_longest
from operator import attrgetter, eq
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from pepperpy.providers import ProviderCapabilityError, ProviderInputError, ProviderResponseError
from pepperpy.providers.messages import Message, Native, ToolCall
from pepperpy.providers.parts import Audio, File, Image, Part, Text
from pepperpy.providers.values import loads

from .calls import NATIVE
from .generations import Generation, generation_of

FOREIGN_SIGNATURE = "skip_thought_signature_validator"
"""What Google documents to stand for the signature of a thought that was another model's."""

RESOLUTIONS: Mapping[str, str] = {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}

_ROLE: Callable[[Message], str] = attrgetter("role")


def write_contents(messages: Sequence[Message], resource: str) -> list[dict[str, Any]]:
    """Return the turns of a conversation; what its system messages say stands elsewhere.

    Raises:
        ProviderInputError: There is nothing but system messages, or the result of a call that nobody made.
        ProviderCapabilityError: A part is of a kind that the model does not take.
    """
    spoken, roles = messages, [*map(_ROLE, messages)]
    if "system" in roles:
        spoken = [message for message in messages if message.role != "system"]
        roles = [*map(_ROLE, spoken)]
    # Long conversations are mostly plain and by turns: for those, nothing is called.
    contents = [
        {"role": "model" if message.role == "assistant" else "user", "parts": [{"text": message.content}]}
        for message in spoken
        if message.plain and message.content
    ]
    if len(contents) < len(spoken) or any(map(eq, roles, roles[1:])):
        contents = _Writer(generation_of(resource)).write(spoken)
    if not contents:
        raise ProviderInputError("the conversation holds no message that says anything; add a Message.user(...)")
    return contents


def system_texts(messages: Sequence[Message]) -> list[str]:
    """Return what the system messages say."""
    if "system" not in map(_ROLE, messages):
        return []
    for message in messages:
        if message.role == "system" and not all(isinstance(part, Text) for part in message.parts):
            raise ProviderCapabilityError(
                "Gemini takes pictures, sounds and files from the user alone, not in a message of role 'system'; "
                "put them into Message.user(...)"
            )
    return [message.text for message in messages if message.role == "system"]


def put_before(contents: list[dict[str, Any]], text: str) -> None:
    """Put a text in front of what the user says first, for models that take no system instruction."""
    first = next((turn for turn in contents if turn["role"] == "user"), None)
    if first is None:
        contents.insert(0, {"role": "user", "parts": [{"text": text}]})
    elif "text" in first["parts"][0]:
        first["parts"][0] = {"text": f"{text}\n\n{first['parts'][0]['text']}"}
    else:
        first["parts"].insert(0, {"text": text})


class _Writer:
    """Writes the turns of one conversation."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        self._contents: list[dict[str, Any]] = []
        # The calls of the last step by our id of them: their place, name and, where it gave one, the service's id.
        self._calls: dict[str, tuple[int, str, str | None]] = {}

    def write(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """Return the turns."""
        for role, run in groupby(messages, _ROLE):
            if role == "tool":
                self._add("user", self._results(list(run)))
                continue
            for message in run:
                if message.plain:
                    self._add(role, [{"text": message.content}] if message.content else [])
                elif role == "user":
                    self._add(role, self._parts(message))
                else:
                    self._add(role, self._said(message))
        return self._contents

    def _add(self, role: str, parts: list[dict[str, Any]]) -> None:
        role = "model" if role == "assistant" else role
        # An answer of which nothing came, such as one cut off while thinking, is no turn.
        if parts and self._contents and self._contents[-1]["role"] == role:
            self._contents[-1]["parts"] += parts
        elif parts:
            self._contents.append({"role": role, "parts": parts})

    def _parts(self, message: Message) -> list[dict[str, Any]]:
        return [write_part(part, self._generation) for part in message.parts if part != Text("")]

    def _said(self, message: Message) -> list[dict[str, Any]]:
        """Return the parts of an assistant's message that is more than a text."""
        native = message.native
        if native is not None and native.dialect == NATIVE:
            parts = given_parts(native)
        else:
            parts = [*self._parts(message), *map(write_call, message.tool_calls)]
        ids = [call.get("id") for part in parts if isinstance(call := part.get("functionCall"), dict)]
        self._calls = {
            call.id: (place, call.name, wire_id if isinstance(wire_id, str) and wire_id else None)
            for place, (call, wire_id) in enumerate(zip_longest(message.tool_calls, ids))
            if call is not None
        }
        if self._generation.wants_signatures:
            sign_first_call(parts)
        return parts

    def _results(self, messages: list[Message]) -> list[dict[str, Any]]:
        """Return the results of calls, in the order of the calls, by which they are told apart where ids are missing."""
        places = {call_id: place for call_id, (place, _, _) in self._calls.items()}
        in_order = sorted(messages, key=lambda message: places.get(message.tool_call_id or "", len(places)))
        written = [self._result(message) for message in in_order]
        media = [[write_part(part, self._generation) for part in _media_of(message)] for message in in_order]
        if self._generation.is_gemma or self._generation.is_before(3):
            # Older models take no more than an object as a result, but what the user says beside it.
            return [*written, *chain.from_iterable(media)]
        for part, parts in zip(written, media, strict=True):
            if parts:
                part["functionResponse"]["parts"] = parts
        return written

    def _result(self, message: Message) -> dict[str, Any]:
        _, called, wire_id = self._calls.get(message.tool_call_id or "", (0, None, None))
        name = message.name or called
        if name is None:
            raise ProviderInputError(
                f"the result of {message.tool_call_id!r} does not follow its call, so its tool's name is unknown; "
                "make it by Message.tool(call, ...), or give name="
            )
        written: dict[str, Any] = {"name": name, "response": response_object(message)}
        if wire_id is not None:
            written["id"] = wire_id
        return {"functionResponse": written}


def _media_of(message: Message) -> list[Part]:
    return [part for part in message.parts if not isinstance(part, Text)]


def given_parts(native: Native) -> list[dict[str, Any]]:
    """Return the parts of a turn as the service sent them."""
    if not isinstance(native.data, (list, tuple)) or not all(isinstance(part, dict) for part in native.data):
        raise ProviderInputError("a message's native data are not as Gemini sent them; append completion.message")
    return [*native.data]


def sign_first_call(parts: list[dict[str, Any]]) -> None:
    """Put the foreign signature to the first call of a step where it came without one."""
    place = next((place for place, part in enumerate(parts) if part.get("functionCall") is not None), None)
    if place is not None and "thoughtSignature" not in parts[place]:
        parts[place] = {**parts[place], "thoughtSignature": FOREIGN_SIGNATURE}


def write_call(call: ToolCall) -> dict[str, Any]:
    """Return a call that the model is told to have made. Its id is another service's, or our own, and stays here."""
    try:
        arguments = call.arguments
    except ProviderResponseError:
        # The model is to see what it did wrong, in the one shape that the service takes.
        arguments = {"raw_arguments": call.raw_arguments}
    return {"functionCall": {"name": call.name, "args": arguments}}


def response_object(message: Message) -> dict[str, Any]:
    """Return a tool's result as the object that Gemini wants: as it is where it is one, else under a name of Google's."""
    text = message.text
    if message.is_error:
        return {"error": text}
    if text.lstrip().startswith("{"):
        try:
            value = loads(text.encode("utf-8", "surrogatepass"))
        except ValueError:
            value = None
        if isinstance(value, dict):
            return value
    return {"output": text}


def write_part(part: Part, generation: Generation) -> dict[str, Any]:
    """Return one part of a message."""
    if isinstance(part, Text):
        return {"text": part.text}
    written = _media(part)
    detail = part.detail if isinstance(part, Image) else None
    if detail not in (None, "auto"):
        if detail not in RESOLUTIONS or generation.is_gemma or generation.is_before(3):
            raise ProviderCapabilityError(
                f"{generation.name} has no detail={detail!r} of an image; leave it out, or give 'low' or 'high' to a "
                "Gemini 3 or later"
            )
        written["mediaResolution"] = {"level": RESOLUTIONS[detail]}
    return written


def _media(part: Image | Audio | File) -> dict[str, Any]:
    if part.url is None:
        return {"inlineData": {"mimeType": part.media_type, "data": part.base64}}
    if not part.url.startswith("data:"):
        return {"fileData": {"fileUri": part.url, **({"mimeType": part.media_type} if part.media_type else {})}}
    head, _, data = part.url[5:].partition(",")
    media_type = head.partition(";")[0] or part.media_type or "text/plain"
    if head.endswith(";base64"):
        return {"inlineData": {"mimeType": media_type, "data": unquote(data)}}
    plain = unquote_to_bytes(data.encode("utf-8", "surrogatepass"))
    return {"inlineData": {"mimeType": media_type, "data": base64.b64encode(plain).decode()}}
