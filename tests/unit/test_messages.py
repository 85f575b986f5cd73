"""Conversations: what a message may be, and what is refused before anything is sent."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import attrs
import pytest

from pepperpy.providers import (
    Audio,
    Completion,
    File,
    Image,
    Message,
    ProviderInputError,
    ProviderResponseError,
    Text,
    ToolCall,
)
from pepperpy.providers.messages import Native, check_conversation
from pepperpy.providers.parts import sniff

PNG = b"\x89PNG\r\n\x1a\n0000"
CALL = ToolCall("call_1", "add", '{"a": 1, "b": 2}')


def test_a_message_of_each_role() -> None:
    """Each role has a way to make it; a role and a text alone are plain."""
    messages = [
        Message.system("Be brief."),
        Message.user("2 and 2?"),
        Message.assistant("", tool_calls=[CALL]),
        Message.tool(CALL, 3),
        Message.assistant("4"),
    ]

    assert [message.role for message in messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert [message.plain is not None for message in messages] == [True, True, False, False, True]
    assert (messages[3].tool_call_id, messages[3].name, messages[3].text) == ("call_1", "add", "3")


def test_parts_keep_their_order() -> None:
    """Texts and parts may be mixed, given one by one or as a list; a lone text is no part."""
    image = Image.from_bytes(PNG)
    message = Message.user("What is", image, Text("?"))

    assert message.content == (Text("What is"), image, Text("?"))
    assert Message.user(["What is", image, "?"]) == message
    assert message.text == "What is?"
    assert Message.user(Text("Hello")) == Message.user("Hello")
    assert Message.user("Hello").parts == (Text("Hello"),)


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF....WEBP", "image/webp"),
        (b"RIFF....WAVE", "audio/wav"),
        (b"%PDF-1.7", "application/pdf"),
        (b"ID3.", "audio/mpeg"),
        (b"OggS", "audio/ogg"),
        (b"hello", None),
        (b"", None),
    ],
)
def test_media_types_are_read_from_the_data(data: bytes, media_type: str | None) -> None:
    """The first bytes tell what most formats are."""
    assert sniff(data) == media_type


def test_a_part_from_bytes_a_path_and_a_url(tmp_path: Path) -> None:
    """A part is made of data, of a file, whose name tells what its bytes do not, or of an address."""
    (tmp_path / "note.txt").write_bytes(b"hello")
    file = File.from_path(tmp_path / "note.txt")
    url = Image.from_url("https://example.com/a/cat.jpg?size=1", detail="low")

    assert (file.data, file.media_type, file.name) == (b"hello", "text/plain", "note.txt")
    assert file.data_url == "data:text/plain;base64,aGVsbG8="
    assert (url.url, url.media_type, url.detail, url.data) == (
        "https://example.com/a/cat.jpg?size=1",
        "image/jpeg",
        "low",
        None,
    )
    assert url.data_url == url.url
    assert Audio.from_bytes(b"ID3.").format == "mp3"
    assert Audio.from_bytes(b"....", "audio/x-wav").format == "wav"
    assert "hello" not in repr(file)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Image, "either data or a url"),
        (lambda: Image(data=PNG, url="https://example.com"), "either data or a url"),
        (lambda: Image.from_url("cat.png"), "from_path"),
        (lambda: Image.from_url("file:///etc/passwd"), "http"),
        (lambda: Image.from_bytes(b""), "at least one"),
        (lambda: Image.from_bytes("text"), "must be bytes"),  # type: ignore[arg-type]
        (lambda: Image.from_bytes(b"what"), "media_type="),
        (lambda: File.from_path("/does/not/exist.pdf"), "cannot read"),
        (Message.user, "empty"),
        (lambda: Message.user(""), "blank"),
        (lambda: Message.user(" \n"), "blank"),
        (lambda: Message.user(PNG), "from_path"),  # type: ignore[arg-type]
        (lambda: Message.user(3), "not int"),  # type: ignore[arg-type]
        (lambda: Message.system(""), "blank"),
        (lambda: Message.system(None), "must be a str"),  # type: ignore[arg-type]
        (lambda: Message("robot", "x"), "role"),  # type: ignore[arg-type]
        (lambda: Message("tool", "x"), "Message.tool"),
        (lambda: Message.tool({"id": "c"}, "x"), "or its id"),  # type: ignore[arg-type]
        (lambda: Message.assistant("x", tool_calls=[{"id": "c"}]), "list of ToolCall"),  # type: ignore[list-item]
        (lambda: Message.assistant("x", tool_calls=CALL), "list of ToolCall"),  # type: ignore[arg-type]
        (lambda: Message.assistant("x", native={}), "must be a Native"),  # type: ignore[arg-type]
        (lambda: Message.assistant(None), "str or parts"),  # type: ignore[arg-type]
        (lambda: ToolCall("c", "f", {"a": 1}), "raw_arguments of ToolCall must be a str"),  # type: ignore[arg-type]
        (lambda: Text(5), "text of Text must be a str"),  # type: ignore[arg-type]
        (lambda: Image.from_url(5), "http"),  # type: ignore[arg-type]
        (lambda: Image.from_url("https://[::1"), "malformed"),
        (lambda: Image.from_path("a\0b"), "cannot read"),
        (lambda: File.from_path(5), "cannot read"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_message(make: Any, said: str) -> None:
    """What cannot be a message or a part is refused when it is made, saying what to do."""
    with pytest.raises(ProviderInputError, match=said):
        make()


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ([], "no message"),
        (None, "not NoneType"),
        (3, "not int"),
        (b"x", "not bytes"),
        ({"role": "user", "content": "x"}, "not dict"),
        (["x"], r"prompt\[0\] must be a Message, not str"),
        ([Message.user("x"), {"role": "user"}], r"prompt\[1\] must be a Message, not dict"),
        ([Message.user("x"), Completion("y")], r"append its \.message"),
        ([Message.user("x"), Message.assistant(tool_calls=[CALL])], "'call_1' of 'add' has no result"),
        ([Message.assistant(tool_calls=[CALL]), Message.user("x")], "'call_1' of 'add' has no result"),
    ],
)
def test_what_is_no_conversation(prompt: Any, said: str) -> None:
    """What is no conversation is refused, and so is one with a call that has no result."""
    with pytest.raises(ProviderInputError, match=said):
        check_conversation(prompt)


def test_a_conversation_with_calls() -> None:
    """Each call has its result, in any order, before anybody else speaks."""
    other = ToolCall("call_2", "add")
    conversation = [
        Message.user("x"),
        Message.assistant(tool_calls=[CALL, other]),
        Message.tool(other, 1),
        Message.tool("call_1", "2", name="add"),
        Message.user("go on"),
    ]

    assert check_conversation(conversation) is conversation
    assert check_conversation(conversation[0]) == (conversation[0],)


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ('{"a": ', "no JSON"),
        ("[1]", "no JSON object"),
        ("hello", "no JSON"),
        ('{"a": "\ud800"}', "no JSON"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_arguments_that_are_no_json(raw: str, problem: str) -> None:
    """Broken arguments are an error when they are asked for, and say so without one."""
    call = ToolCall("c", "f", raw)

    assert problem in (call.problem or "")
    with pytest.raises(ProviderResponseError, match=r"'f' with arguments.*Message\.tool"):
        _ = call.arguments


def test_arguments() -> None:
    """Arguments are decoded; nothing at all is no arguments."""
    assert CALL.arguments == {"a": 1, "b": 2}
    assert CALL.problem is None
    assert ToolCall("c", "f", " ").arguments == {}


def test_a_completion_goes_on_as_a_message() -> None:
    """A completion's message holds its text, its calls and what the service wants back, and no more of it."""
    native = Native("acme", {"signature": "abc"})
    completion: Completion = Completion("2", tool_calls=(CALL,), native=native, raw={"much": "more"})
    message = completion.message

    assert (message.role, message.content, message.tool_calls, message.native) == ("assistant", "2", (CALL,), native)
    assert type(message.content) is str
    assert type(Message.user(completion).content) is str
    assert "abc" not in repr(message)


def test_an_assistants_message_of_a_completion_keeps_all_of_it() -> None:
    """A completion that is made a message by hand loses neither its calls nor what the service wants back."""
    completion: Completion = Completion("2", tool_calls=(CALL,), native=Native("acme", {"signature": "abc"}))

    assert Message.assistant(completion) == completion.message
    assert Message.assistant(completion.text) == Message("assistant", "2")


def test_messages_can_be_hashed() -> None:
    """A message is a key of a dict, whatever its service wants back with it, and however its calls were given."""
    message = Message("assistant", "x", tool_calls=[CALL], native=Native("acme", {"a": [1]}))  # type: ignore[arg-type]

    assert message.tool_calls == (CALL,)
    assert {message: 1}[attrs.evolve(message)] == 1


def test_a_class_of_the_applications_own_is_a_message() -> None:
    """A subclass of `Message` stands in a conversation as any other."""

    class Remembered(Message):
        pass

    conversation = [Remembered("user", "x"), Message.assistant("y")]

    assert check_conversation(conversation) is conversation


def test_messages_are_copied_whole() -> None:
    """Messages survive pickle, copy and attrs.evolve."""
    message = Message("assistant", "x", tool_calls=(CALL,), native=Native("acme", [1]))

    assert pickle.loads(pickle.dumps(message)) == message
    assert copy.deepcopy(message) == message
    assert attrs.evolve(Message.user("x"), content="y") == Message.user("y")
    assert attrs.evolve(message, native=None, tool_calls=()).plain


@pytest.mark.parametrize(
    "message",
    [
        Message.system("x"),
        Message.user("x"),
        Message.user(
            "Look:",
            Image.from_bytes(PNG, detail="low"),
            Image.from_url("https://example.com/a.png"),
            Audio.from_bytes(b"ID3."),
            File.from_bytes(b"%PDF-", name="a.pdf"),
        ),
        Message.assistant("x", tool_calls=[CALL], native=Native("acme", {"signature": ["a", 1, None]})),
        Message.tool(CALL, "no", is_error=True),
    ],
)
def test_messages_are_kept_as_json(message: Message) -> None:
    """A message goes through JSON and comes back the same, with what the service wants back."""
    assert Message.from_dict(json.loads(json.dumps(message.to_dict()))) == message


@pytest.mark.parametrize(
    "saved",
    [
        None,
        3,
        {},
        {"role": "user"},
        {"role": "user", "content": None},
        {"role": "robot", "content": "x"},
        {"role": "user", "content": [{"type": "video"}]},
        {"role": "user", "content": [{"type": "image", "data": "!"}]},
        {"role": "user", "content": "x", "mood": "good"},
        {"role": "assistant", "content": "", "tool_calls": [{"name": "f"}]},
        {"role": "assistant", "content": "", "native": 3},
    ],
)
def test_what_is_no_kept_message(saved: Any) -> None:
    """What `to_dict` did not write is refused."""
    with pytest.raises(ProviderInputError):
        Message.from_dict(saved)
