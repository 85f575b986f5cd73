"""What a conversation is made of: messages, their parts, and the calls of tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Literal, TypeAlias, cast

import attrs

from ._codec import loads
from .errors import ProviderInputError, ProviderResponseError, cut
from .parts import Audio, File, Image, Part, Text, check_str, parts_of

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


@attrs.frozen
class ToolCall:
    """A call of a tool that the model asks for.

    Attributes:
        id: The service's name for the call, by which the result is told to belong to it.
        name: The tool's name.
        raw_arguments: The arguments as the model wrote them: JSON, if it did well.
    """

    id: str = attrs.field(validator=check_str)
    name: str = attrs.field(validator=check_str)
    raw_arguments: str = attrs.field(default="{}", validator=check_str)

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
            result: A text, what is written as JSON (numbers, lists, dicts, attrs classes and dataclasses, ...), or a
                part such as an `Image`, for a service that takes them there.
            name: The tool's name, where only the id of the call is given; some services want it.
            is_error: Whether the call failed and the result says why.
        """
        if isinstance(result, (Text, Image, Audio, File)):
            result = (result,)
        elif not isinstance(result, str):
            from ._structure import to_json

            result = to_json(result)
        call_id, called = (call.id, call.name) if isinstance(call, ToolCall) else (call, None)
        return cls("tool", result, tool_call_id=call_id, name=name or called, is_error=is_error)

    def to_dict(self) -> dict[str, Any]:
        """Return the message as a dict that JSON can hold, for a conversation to be kept and gone on with later."""
        from ._saved_messages import save_message

        return save_message(self)

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Message:
        """Return the message that `to_dict` wrote.

        Raises:
            ProviderInputError: It is none.
        """
        from ._saved_messages import load_message

        return load_message(saved)

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


def given_text(name: str, text: object) -> str:
    """Return a text that is not blank."""
    if not isinstance(text, str):
        raise ProviderInputError(f"{name} must be a str, not {type(text).__name__}")
    if not text or text.isspace():
        raise ProviderInputError(f"{name} is blank; there is nothing to send")
    return text


def _calls(calls: Any) -> tuple[ToolCall, ...]:
    if not isinstance(calls, (list, tuple)) or not all(isinstance(call, ToolCall) for call in calls):
        raise ProviderInputError("tool_calls must be a list of ToolCall, as a completion has them in .tool_calls")
    return tuple(calls)


_PLAIN = attrgetter("plain")


def check_conversation(prompt: Any) -> Sequence[Message]:
    """Return the messages of a prompt that is no text.

    Raises:
        ProviderInputError: It is no conversation, or one whose tool calls are not all answered.
    """
    if type(prompt) is not list:
        if isinstance(prompt, Message):
            return (prompt,)
        if isinstance(prompt, (Mapping, bytes, bytearray)) or not isinstance(prompt, Sequence):
            raise ProviderInputError(
                f"prompt must be a str, a Message or a list of messages, not {type(prompt).__name__}"
            )
    if not prompt:
        raise ProviderInputError("prompt holds no message; there is nothing to send")
    if set(map(type, prompt)) != {Message} and not all(isinstance(each, Message) for each in prompt):
        place, other = next((place, each) for place, each in enumerate(prompt) if not isinstance(each, Message))
        advice = "append its .message" if hasattr(other, "message") else "make it by Message.user(...) and the like"
        raise ProviderInputError(f"prompt[{place}] must be a Message, not {type(other).__name__}; {advice}")
    # Long conversations are mostly plain, and in one that is nothing can be unanswered.
    if not all(map(_PLAIN, prompt)):
        _check_calls_are_answered(prompt)
    conversation: Sequence[Message] = prompt
    return conversation


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
