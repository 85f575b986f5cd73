"""What a conversation is made of: messages, their parts, and the calls of tools."""

from __future__ import annotations

import base64
import mimetypes
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias, cast
from urllib.parse import urlsplit

import attrs

from ._codec import loads
from .errors import ProviderInputError, ProviderResponseError, cut

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


def _check_str(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str):
        raise ProviderInputError(
            f"the {attribute.name} of {type(instance).__name__} must be a str, not {type(value).__name__}"
        )


@attrs.frozen
class Text:
    """A piece of text among other parts."""

    text: str = attrs.field(validator=_check_str)


@attrs.frozen
class _Media:
    """What is no text: its bytes, or where the service finds them.

    Attributes:
        data: The bytes, or None where there is a `url`.
        url: An address that the service itself reads, or None where there are `data`.
        media_type: Such as "image/png"; may be None for a `url` alone.
    """

    data: bytes | None = attrs.field(default=None, repr=lambda data: "None" if data is None else f"<{len(data)} bytes>")
    url: str | None = None
    media_type: str | None = None

    def __attrs_post_init__(self) -> None:
        kind = type(self).__name__
        data: object = self.data
        if (data is None) == (self.url is None):
            raise ProviderInputError(f"{kind} takes either data or a url")
        if self.url is not None:
            check_url(kind, self.url)
            return
        if not isinstance(data, (bytes, bytearray, memoryview)) or not data:
            raise ProviderInputError(f"the data of {kind} must be bytes, at least one; see {kind}.from_path(...)")
        object.__setattr__(self, "data", bytes(data))
        object.__setattr__(self, "media_type", self.media_type or sniff(bytes(data)))
        if self.media_type is None:
            raise ProviderInputError(f"{kind}: its data tell no media type; give media_type=, such as 'image/png'")

    @classmethod
    def from_bytes(cls, data: bytes, media_type: str | None = None, **fields: Any) -> Self:
        """Return the part of these bytes; their media type is read from them where it is not given."""
        return cls(data=data, media_type=media_type, **fields)

    @classmethod
    def from_path(cls, path: str | os.PathLike[str], media_type: str | None = None, **fields: Any) -> Self:
        """Return the part of a file, which is read now.

        Raises:
            ProviderInputError: The file cannot be read, or nothing tells its media type.
        """
        problem = None
        try:
            data = Path(path).read_bytes()
        except (OSError, TypeError, ValueError) as error:
            # The last two: what is no path, or one that no file can have.
            problem = f"{cls.__name__} cannot read {str(path)!r}: {getattr(error, 'strerror', None) or error}"
        if problem is not None:
            raise ProviderInputError(problem)
        return cls(data=data, media_type=media_type or sniff(data) or mimetypes.guess_type(path)[0], **fields)

    @classmethod
    def from_url(cls, url: str, media_type: str | None = None, **fields: Any) -> Self:
        """Return the part of an address that the service itself reads."""
        path = check_url(cls.__name__, url)
        return cls(url=url, media_type=media_type or mimetypes.guess_type(path)[0], **fields)

    @property
    def base64(self) -> str:
        """The data in base64; only where there are any."""
        return base64.b64encode(self.data or b"").decode()

    @property
    def data_url(self) -> str:
        """The address, or the data as an address."""
        return self.url if self.url is not None else f"data:{self.media_type};base64,{self.base64}"


@attrs.frozen
class Image(_Media):
    """A picture.

    Attributes:
        detail: How closely it is looked at, where the service lets one choose: "low", "high" or "auto".
    """

    detail: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class Audio(_Media):
    """A sound."""

    @property
    def format(self) -> str:
        """The format as a single word, such as "wav" or "mp3"."""
        kind = (self.media_type or "").partition("/")[2].partition(";")[0].removeprefix("x-")
        return {"mpeg": "mp3", "wave": "wav", "vnd.wave": "wav"}.get(kind, kind)


@attrs.frozen
class File(_Media):
    """A document, such as a PDF.

    Attributes:
        name: Its name, as the model gets to see it.
    """

    name: str | None = attrs.field(default=None, kw_only=True)

    @classmethod
    def from_path(cls, path: str | os.PathLike[str], media_type: str | None = None, **fields: Any) -> Self:
        """Return the part of a file, which is read now, under its own name."""
        part = super().from_path(path, media_type, **fields)
        return part if part.name is not None else attrs.evolve(part, name=Path(path).name)


Part: TypeAlias = Text | Image | Audio | File


@attrs.frozen
class ToolCall:
    """A call of a tool that the model asks for.

    Attributes:
        id: The service's name for the call, by which the result is told to belong to it.
        name: The tool's name.
        raw_arguments: The arguments as the model wrote them: JSON, if it did well.
    """

    id: str = attrs.field(validator=_check_str)
    name: str = attrs.field(validator=_check_str)
    raw_arguments: str = attrs.field(default="{}", validator=_check_str)

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments by name.

        Raises:
            ProviderResponseError: The model wrote no JSON object; tell it so by
                `Message.tool(call, call.problem, is_error=True)`.
        """
        arguments, problem = self._read()
        if problem is not None:
            raise ProviderResponseError(
                f"the model called {self.name!r} with {problem}; let it try again by "
                "Message.tool(call, call.problem, is_error=True)",
                details={"raw_arguments": cut(self.raw_arguments)},
            )
        return arguments

    @property
    def problem(self) -> str | None:
        """What is wrong with the arguments as JSON, or None."""
        return self._read()[1]

    def _read(self) -> tuple[dict[str, Any], str | None]:
        if not self.raw_arguments.strip():
            # What some models write for a tool without parameters.
            return {}, None
        try:
            value = loads(self.raw_arguments.encode("utf-8", "surrogatepass"))
        except ValueError as error:
            return {}, f"arguments that are no JSON ({cut(str(error), 200)})"
        return (value, None) if isinstance(value, dict) else ({}, "arguments that are no JSON object")


@attrs.frozen
class Native:
    """What a service wants back with the next turn, as it sent it; nobody but its dialect looks into it.

    Attributes:
        dialect: Whose it is; any other dialect passes it over.
        data: Reasoning with its signatures, ..., untouched.
    """

    dialect: str
    data: Any = attrs.field(repr=False, hash=False)


# Without slots, and so set in one go: an application makes the messages of a conversation anew for every call.
@attrs.frozen(slots=False)
class Message:
    """One message of a conversation: made by `system`, `user`, `assistant` and `tool`, or taken from a completion.

    Attributes:
        role: Whose it is.
        content: Its text, or its parts where it has other ones.
        tool_calls: The calls that an assistant's message asks for.
        tool_call_id: The call whose result a tool's message is.
        name: The name of that tool.
        is_error: Whether that call failed.
        native: What the service that sent it wants back with it.
        plain: Role and content as most wire formats write them, where it has nothing else, or None. It is made once,
            for every request that sends the message, and not to be changed.
    """

    role: Role
    content: str | tuple[Part, ...]
    tool_calls: tuple[ToolCall, ...] = attrs.field(default=(), kw_only=True)
    tool_call_id: str | None = attrs.field(default=None, kw_only=True)
    name: str | None = attrs.field(default=None, kw_only=True)
    is_error: bool = attrs.field(default=False, kw_only=True)
    native: Native | None = attrs.field(default=None, kw_only=True)
    plain: dict[str, str] | None = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        role, content = self.role, self.content
        if role not in ("system", "user", "assistant", "tool"):
            raise ProviderInputError(f"a message's role is system, user, assistant or tool, not {role!r}")
        if role == "tool" and not (self.tool_call_id and isinstance(self.tool_call_id, str)):
            raise ProviderInputError(
                "a tool's message needs the call that it answers, or its id; make it by Message.tool(call, ...)"
            )
        if self.tool_calls != ():
            self.__dict__["tool_calls"] = _calls(self.tool_calls)
        if self.native is not None and not isinstance(self.native, Native):
            raise ProviderInputError(f"native must be a Native, not {type(self.native).__name__}; leave it out")
        if type(content) is not str:
            # A plain str, so that a conversation keeps no completion with all that it holds.
            content = str.__str__(content) if isinstance(content, str) else parts_of(content)
            self.__dict__["content"] = content
        if role == "tool" or self.tool_calls or self.native is not None or type(content) is not str:
            self.__dict__["plain"] = None
        else:
            self.__dict__["plain"] = {"role": role, "content": content}

    @classmethod
    def system(cls, text: str) -> Message:
        """Return instructions to the model."""
        return cls("system", given_text("a system message", text))

    @classmethod
    def user(cls, *content: str | Part | Sequence[str | Part]) -> Message:
        """Return what the user says: texts and parts, one after the other.

        Message.user("What is in this picture?", Image.from_path("cat.png"))
        """
        if len(content) == 1 and isinstance(content[0], str):
            return cls("user", given_text("a user's message", content[0]))
        parts = parts_of(content[0] if len(content) == 1 and isinstance(content[0], (list, tuple)) else content)
        if not parts:
            raise ProviderInputError("a user's message is empty; give it a text or a part")
        if len(parts) == 1 and isinstance(parts[0], Text):
            return cls("user", given_text("a user's message", parts[0].text))
        return cls("user", parts)

    @classmethod
    def assistant(
        cls,
        content: str | Sequence[str | Part] = "",
        *,
        tool_calls: Sequence[ToolCall] = (),
        native: Native | None = None,
    ) -> Message:
        """Return what the model said; of a completion it is the `message`, which keeps all of it."""
        kept = getattr(content, "message", None)
        if isinstance(kept, Message) and not tool_calls and native is None:
            return kept
        return cls("assistant", cast("Any", content), tool_calls=cast("Any", tool_calls), native=native)

    @classmethod
    def tool(cls, call: ToolCall | str, result: Any, *, name: str | None = None, is_error: bool = False) -> Message:
        """Return the result of a call.

        Args:
            call: The call, or its id.
            result: A text, or what is written as JSON: numbers, lists, dicts, attrs classes and dataclasses, ...
            name: The tool's name, where only the id of the call is given; some services want it.
            is_error: Whether the call failed and the result says why.
        """
        if not isinstance(result, str):
            from ._structure import to_json

            result = to_json(result)
        call_id, called = (call.id, call.name) if isinstance(call, ToolCall) else (call, None)
        return cls("tool", result, tool_call_id=call_id, name=name or called, is_error=is_error)

    @property
    def text(self) -> str:
        """Its text alone, the other parts left out."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content if isinstance(part, Text))

    @property
    def parts(self) -> tuple[Part, ...]:
        """Its parts, a text among them where there is one."""
        if isinstance(self.content, str):
            return (Text(self.content),) if self.content else ()
        return self.content


Prompt: TypeAlias = str | Message | Sequence[Message]
"""What `complete` takes: a text of the user's, a message, or a conversation."""


def check_url(kind: str, url: object) -> str:
    """Return the path of an address; raise unless a service could read it."""
    if not isinstance(url, str) or not url.startswith(("http://", "https://", "data:", "gs://")):
        raise ProviderInputError(
            f"the url of {kind} must begin with http:// or https://; for a file give {kind}.from_path(...)"
        )
    try:
        return urlsplit(url).path
    except ValueError as error:
        problem = f"the url of {kind} is malformed: {error}; check it"
    raise ProviderInputError(problem)


def given_text(name: str, text: object) -> str:
    """Return a text that is not blank."""
    if not isinstance(text, str):
        raise ProviderInputError(f"{name} must be a str, not {type(text).__name__}")
    if not text or text.isspace():
        raise ProviderInputError(f"{name} is blank; there is nothing to send")
    return text


def parts_of(content: Any) -> tuple[Part, ...]:
    """Return the parts, each text among them as a `Text`."""
    if not isinstance(content, (list, tuple)):
        raise ProviderInputError(f"a message's content must be a str or parts, not {type(content).__name__}")
    return tuple(_parts(content))


def _calls(calls: Any) -> tuple[ToolCall, ...]:
    if not isinstance(calls, (list, tuple)) or not all(isinstance(call, ToolCall) for call in calls):
        raise ProviderInputError("tool_calls must be a list of ToolCall, as a completion has them in .tool_calls")
    return tuple(calls)


def _parts(content: Sequence[Any]) -> Iterator[Part]:
    for place, part in enumerate(content):
        if isinstance(part, str):
            yield Text(str(part))
        elif isinstance(part, (Text, Image, Audio, File)):
            yield part
        else:
            advice = "; read it by Image.from_path(...)" if isinstance(part, (bytes, os.PathLike)) else ""
            raise ProviderInputError(
                f"part {place} must be a str, Text, Image, Audio or File, not {type(part).__name__}{advice}"
            )


def check_conversation(prompt: Any) -> Sequence[Message]:
    """Return the messages of a prompt that is no text.

    Raises:
        ProviderInputError: It is no conversation, or one whose tool calls are not all answered.
    """
    if isinstance(prompt, Message):
        return (prompt,)
    if isinstance(prompt, Mapping) or not isinstance(prompt, Sequence) or isinstance(prompt, (bytes, bytearray)):
        raise ProviderInputError(f"prompt must be a str, a Message or a list of messages, not {type(prompt).__name__}")
    if not prompt:
        raise ProviderInputError("prompt holds no message; there is nothing to send")
    if set(map(type, prompt)) != {Message} and not all(isinstance(each, Message) for each in prompt):
        place, other = next((place, each) for place, each in enumerate(prompt) if not isinstance(each, Message))
        advice = "append its .message" if hasattr(other, "message") else "make it by Message.user(...) and the like"
        raise ProviderInputError(f"prompt[{place}] must be a Message, not {type(other).__name__}; {advice}")
    # Long conversations are mostly plain, and in one that is nothing can be unanswered.
    if [message for message in prompt if not message.plain]:
        _check_calls_are_answered(prompt)
    return prompt


def _check_calls_are_answered(conversation: Sequence[Message]) -> None:
    unanswered: dict[str, ToolCall] = {}
    for message in conversation:
        if message.role == "tool":
            unanswered.pop(message.tool_call_id or "", None)
        elif unanswered:
            break
        else:
            unanswered = {call.id: call for call in message.tool_calls}
    for call in unanswered.values():
        raise ProviderInputError(
            f"the call {call.id!r} of {call.name!r} has no result; append Message.tool(call, result) for each call"
        )


_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
)


def sniff(data: bytes) -> str | None:
    """Return the media type that the first bytes tell, or None.

    >>> sniff(b"RIFF....WEBPVP8 ")
    'image/webp'
    """
    if data[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(data[8:12])
    return next((media_type for magic, media_type in _MAGIC if data.startswith(magic)), None)
