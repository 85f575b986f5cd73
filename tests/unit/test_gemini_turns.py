"""A conversation becomes the turns that Gemini wants, and what Gemini said goes back to it as it came."""

from __future__ import annotations

import base64
import gc
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy.providers import Completion, ProviderCapabilityError, ProviderInputError
from pepperpy.providers.messages import Message, Native, ToolCall
from pepperpy.providers.parts import Audio, File, Image, Text
from pepperpy_gemini.dialect import GeminiDialect
from pepperpy_gemini.turns import FOREIGN_SIGNATURE

DIALECT = GeminiDialect()

PNG = b"\x89PNG\r\n\x1a\n...."
PNG_PART = {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(PNG).decode()}}
WHERE = ToolCall("call_a", "where", '{"who": "me"}')
WHEN = ToolCall("call_b", "when", "{}")


def body(messages: Any, model: str = "gemini-3.8-flash", **options: Any) -> Any:
    return DIALECT.complete(messages, model=model, stream=False, options=options).body


def turns(messages: Any, model: str = "gemini-3.8-flash", **options: Any) -> Any:
    """Return the role and the parts of each turn."""
    return [(turn["role"], turn["parts"]) for turn in body(messages, model, **options)["contents"]]


def answer(*parts: dict[str, Any], **candidate: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts), "role": "model"}, **candidate}]}


def read(*parts: dict[str, Any]) -> Completion:
    return DIALECT.parse_completion(answer(*parts, finishReason="STOP"))


def test_turns_alternate() -> None:
    """Each message is a turn, those of one side that follow each other are one, and what says nothing is none."""
    messages = [
        Message.user("a"),
        Message.user("b"),
        Message.assistant("c"),
        Message.assistant(""),
        Message.user("d", Image.from_bytes(PNG)),
        Message.assistant("e"),
    ]

    assert turns(messages) == [
        ("user", [{"text": "a"}, {"text": "b"}]),
        ("model", [{"text": "c"}]),
        ("user", [{"text": "d"}, PNG_PART]),
        ("model", [{"text": "e"}]),
    ]


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_plain_messages_of_one_side_are_one_turn(role: Any) -> None:
    """Also where there is nothing else in the conversation."""
    ((_, parts),) = turns([Message(role, "a"), Message(role, "b")])

    assert parts == [{"text": "a"}, {"text": "b"}]


def test_a_plain_conversation_costs_no_calls() -> None:
    """A message that is a role and a text makes no function call, however many there are."""

    def calls(messages: list[Message]) -> int:
        count = 0

        def profile(frame: Any, event: str, argument: Any) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        # What the garbage collector calls in passing is not ours.
        gc.disable()
        sys.setprofile(profile)
        try:
            body(messages)
        finally:
            sys.setprofile(None)
            gc.enable()
        return count

    few = [Message.system("s"), Message.user("a"), Message.assistant("b"), Message.user("c")]
    many = [few[0], *few[1:3] * 500, few[3]]
    calls(few)

    assert calls(many) == calls(few)
    assert len(body(many)["contents"]) == 1001


def test_system_messages_have_their_own_place() -> None:
    """The option comes first, then the conversation's system messages, wherever they stand."""
    messages = [Message.system("one"), Message.user("hi"), Message.system("two")]

    assert body(messages, system="zero") == {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "systemInstruction": {"parts": [{"text": "zero"}, {"text": "one"}, {"text": "two"}]},
    }


@pytest.mark.parametrize(
    ("said", "first"),
    [
        (Message.user("hi"), [{"text": "s\n\nt\n\nhi"}]),
        (Message.user(Image.from_bytes(PNG), "hi"), [{"text": "s\n\nt"}, PNG_PART, {"text": "hi"}]),
        (Message.assistant("hi"), [{"text": "s\n\nt"}]),
    ],
)
def test_gemma_gets_system_messages_in_front_of_the_users_first(said: Message, first: list[Any]) -> None:
    """Gemma takes no system instruction, so it stands before all that the user says."""
    written = body([Message.system("t"), said], "gemma-4-31b-it", system="s")

    assert written["contents"][0] == {"role": "user", "parts": first}
    assert "systemInstruction" not in written


@pytest.mark.parametrize("messages", [[Message.system("s")], [Message.assistant("")]])
def test_a_conversation_in_which_nobody_speaks_is_refused(messages: list[Message]) -> None:
    """Without a turn there is nothing to answer."""
    with pytest.raises(ProviderInputError, match=r"add a Message\.user"):
        body(messages)


def test_media_have_no_place_in_a_system_message() -> None:
    """A picture among the instructions is refused, not dropped."""
    with pytest.raises(ProviderCapabilityError, match="system"):
        body([Message("system", (Text("s"), Image.from_bytes(PNG))), Message.user("hi")])


@pytest.mark.parametrize(
    ("part", "written"),
    [
        (Image.from_bytes(PNG), PNG_PART),
        (Audio.from_bytes(b"ID3", "audio/mpeg"), {"inlineData": {"mimeType": "audio/mpeg", "data": "SUQz"}}),
        (File.from_bytes(b"%PDF-1", name="a.pdf"), {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0x"}}),
        (
            Image.from_url("https://x.example/a.png"),
            {"fileData": {"fileUri": "https://x.example/a.png", "mimeType": "image/png"}},
        ),
        (File.from_url("https://youtu.be/x"), {"fileData": {"fileUri": "https://youtu.be/x"}}),
        (Image.from_url("data:image/gif;base64,R0lG"), {"inlineData": {"mimeType": "image/gif", "data": "R0lG"}}),
        (File.from_url("data:,a%20b"), {"inlineData": {"mimeType": "text/plain", "data": "YSBi"}}),
        (
            Image.from_bytes(PNG, detail="high"),
            {**PNG_PART, "mediaResolution": {"level": "MEDIA_RESOLUTION_HIGH"}},
        ),
        (Image.from_bytes(PNG, detail="auto"), PNG_PART),
    ],
)
def test_parts(part: Any, written: dict[str, Any]) -> None:
    """Data go along in base64, an address as one, and a data URL as the data that it holds."""
    assert turns([Message.user("look", part)]) == [("user", [{"text": "look"}, written])]


@pytest.mark.parametrize(("detail", "model"), [("huge", "gemini-3.8-flash"), ("low", "gemini-2.5-pro")])
def test_a_detail_that_a_model_lacks_is_refused(detail: str, model: str) -> None:
    """How closely a picture is looked at is never dropped silently."""
    with pytest.raises(ProviderCapabilityError, match="detail"):
        body([Message.user("look", Image.from_bytes(PNG, detail=detail))], model)


def test_what_gemini_said_goes_back_untouched() -> None:
    """The parts of an answer that has more than text are sent back as they came, signatures and all, in their places."""
    parts: list[dict[str, Any]] = [
        {"text": "hm", "thought": True},
        {"text": "Let me see."},
        {"functionCall": {"name": "where", "args": {"who": "me"}, "id": "x1"}, "thoughtSignature": "s1"},
        {"functionCall": {"name": "when", "args": {}, "id": "x2"}},
        {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "s2"},
        {"text": "", "thoughtSignature": "s3"},
        {"unheardOf": [1, None]},
    ]
    completion = read(*parts)
    results = [Message.tool(call, f"of {call.name}") for call in completion.tool_calls]
    model, answered = turns([Message.user("?"), completion.message, *results])[1:]

    assert completion.native == Native("gemini", parts)
    assert model == ("model", parts)
    assert answered == (
        "user",
        [
            {"functionResponse": {"id": "x1", "name": "where", "response": {"output": "of where"}}},
            {"functionResponse": {"id": "x2", "name": "when", "response": {"output": "of when"}}},
        ],
    )


def test_writing_leaves_what_is_kept_alone() -> None:
    """Neither a second turn of the model's nor a signature that is put in changes what a message holds."""
    completion = read({"functionCall": {"name": "where"}})
    (call,) = completion.tool_calls
    messages = [Message.user("?"), Message.assistant("a"), completion.message, Message.tool(call, "x")]
    first, second = body(messages), body(messages)

    assert first == second
    assert completion.native == Native("gemini", [{"functionCall": {"name": "where"}}])


@pytest.mark.parametrize(
    "parts", [[{"text": "a"}], [{"text": "hm", "thought": True}, {"text": "a"}], [{"text": "a", "thought": False}], []]
)
def test_an_answer_of_text_alone_has_nothing_to_carry(parts: list[Any]) -> None:
    """Text, also behind unsigned thoughts, goes on as a plain message."""
    completion = read(*parts)

    assert completion.native is None
    assert completion.message.plain


def test_streamed_parts_go_back_in_their_order() -> None:
    """Plain pieces that follow each other are one part, and so are thoughts; those that are signed stay by themselves."""
    chunks = [
        answer({"text": "h", "thought": True}),
        answer({"text": "m", "thought": True}),
        answer({"text": "a"}),
        answer({"text": "b"}),
        answer({"text": "c", "thoughtSignature": "s1"}, {"text": "d"}),
        answer({"text": ""}),
        answer({"text": "e"}),
        answer({"functionCall": {"name": "f"}, "thoughtSignature": "s2"}, {"text": "", "thoughtSignature": "s3"}),
        answer({"text": "f"}, finishReason="STOP"),
    ]
    parser = DIALECT.stream_parser()
    pieces = parser.feed([json.dumps(chunk).encode() for chunk in chunks])

    assert pieces == ["a", "b", "c", "d", "e", "f"]
    assert parser.completion().native == Native(
        "gemini",
        [
            {"text": "hm", "thought": True},
            {"text": "ab"},
            {"text": "c", "thoughtSignature": "s1"},
            {"text": "de"},
            {"functionCall": {"name": "f"}, "thoughtSignature": "s2"},
            {"text": "", "thoughtSignature": "s3"},
            {"text": "f"},
        ],
    )


PARTS: list[dict[str, Any]] = [
    {"text": "a"},
    {"text": ""},
    {"text": "b", "thought": True},
    {"text": "c", "thoughtSignature": "s"},
    {"functionCall": {"name": "f"}, "thoughtSignature": "s"},
]


@given(st.lists(st.lists(st.sampled_from(PARTS), max_size=3)))
def test_what_goes_back_says_what_was_said(chunks: list[list[dict[str, Any]]]) -> None:
    """However an answer is cut, the same text, thoughts, calls and signatures go back, in the same order."""
    parser = DIALECT.stream_parser()
    parser.feed([json.dumps(answer(*parts)).encode() for parts in chunks])
    native = parser.completion().native
    came = [part for parts in chunks for part in parts]

    def signed(parts: list[Any]) -> list[Any]:
        return [part for part in parts if "thoughtSignature" in part]

    def said(parts: list[Any]) -> list[Any]:
        return [(part.get("thought"), letter) for part in parts for letter in part.get("text", "")]

    if native is None:
        assert not signed(came)
    else:
        assert signed(native.data) == signed(came)
        assert said(native.data) == said(came)


@pytest.mark.parametrize(
    ("model", "signature"),
    [
        ("gemini-2.5-flash", None),
        ("gemini-2.0-flash", None),
        ("gemma-4-31b-it", None),
        ("gemini-3-flash-preview", FOREIGN_SIGNATURE),
        ("gemini-4-argon", FOREIGN_SIGNATURE),
        ("gemini-flash-latest", FOREIGN_SIGNATURE),
    ],
)
def test_calls_from_elsewhere_get_the_foreign_signature(model: str, signature: str | None) -> None:
    """The first call of each step that has no signature gets the documented one, where the model asks for one."""
    said = Message.assistant("Let me see.", tool_calls=[WHERE, WHEN], native=Native("openai.chat", {"x": 1}))
    again = Message.assistant(tool_calls=[WHERE])
    messages = [Message.user("?"), said, Message.tool(WHERE, "x"), Message.tool(WHEN, "y"), again]
    _, first, _, second, _ = turns([*messages, Message.tool(WHERE, "z")], model)
    extra = {} if signature is None else {"thoughtSignature": signature}

    assert first[1] == [
        {"text": "Let me see."},
        {"functionCall": {"name": "where", "args": {"who": "me"}}, **extra},
        {"functionCall": {"name": "when", "args": {}}},
    ]
    assert second[1] == [{"functionCall": {"name": "where", "args": {"who": "me"}}, **extra}]


def test_what_another_generation_signed_is_kept() -> None:
    """A signature of Gemini's own is never replaced, and one that an older model left out is put in."""
    signed = read({"functionCall": {"name": "where"}, "thoughtSignature": "s"})
    unsigned = read({"functionCall": {"name": "where"}})
    parts = [
        turns([Message.user("?"), each.message, Message.tool(each.tool_calls[0], "x")])[1][1]
        for each in (signed, unsigned)
    ]

    assert [part["thoughtSignature"] for (part,) in parts] == ["s", FOREIGN_SIGNATURE]


def test_results_stand_in_the_order_of_their_calls() -> None:
    """Where calls have no ids, their order tells whose a result is, so results come in it, and the user's text behind."""
    said = read({"functionCall": {"name": "f", "args": {"n": 1}}}, {"functionCall": {"name": "f", "args": {"n": 2}}})
    one, two = said.tool_calls
    messages = [Message.user("?"), said.message, Message.tool(two, "of 2"), Message.tool(one, "of 1")]

    assert turns([*messages, Message.user("go on")])[2] == (
        "user",
        [
            {"functionResponse": {"name": "f", "response": {"output": "of 1"}}},
            {"functionResponse": {"name": "f", "response": {"output": "of 2"}}},
            {"text": "go on"},
        ],
    )


@pytest.mark.parametrize(
    ("result", "is_error", "response"),
    [
        ("sunny", False, {"output": "sunny"}),
        ({"degrees": 21}, False, {"degrees": 21}),
        ('  {"a": [1]}', False, {"a": [1]}),
        ("{nonsense", False, {"output": "{nonsense"}),
        ([1, 2], False, {"output": "[1,2]"}),
        (21, False, {"output": "21"}),
        ("", False, {"output": ""}),
        ("no such city", True, {"error": "no such city"}),
        ({"code": 4}, True, {"error": '{"code":4}'}),
    ],
)
def test_results_are_objects(result: Any, is_error: bool, response: dict[str, Any]) -> None:
    """A result that is an object is sent as it is, any other under "output", and what went wrong under "error"."""
    said = Message.assistant(tool_calls=[WHERE])
    (part,) = turns([Message.user("?"), said, Message.tool(WHERE, result, is_error=is_error)])[2][1]

    assert part == {"functionResponse": {"name": "where", "response": response}}


def test_the_tools_name_is_that_of_the_call() -> None:
    """Gemini wants the name with each result: it is found by the call's id, and asked for where that fails."""
    said = [Message.user("?"), Message.assistant(tool_calls=[WHERE])]
    (found,) = turns([*said, Message.tool("call_a", "x")])[2][1]
    (given_name,) = turns([*said, Message.tool("call_a", "x", name="other")])[2][1]

    assert found["functionResponse"]["name"] == "where"
    assert given_name["functionResponse"]["name"] == "other"
    with pytest.raises(ProviderInputError, match="'call_z' does not follow its call"):
        turns([*said, Message.tool("call_a", "x"), Message.tool("call_z", "x")])


@pytest.mark.parametrize(
    ("model", "written"),
    [
        (
            "gemini-3.8-flash",
            lambda response: [{"functionResponse": {**response, "parts": [PNG_PART]}}, {"text": "and?"}],
        ),
        ("gemini-2.5-flash", lambda response: [{"functionResponse": response}, PNG_PART, {"text": "and?"}]),
    ],
)
def test_pictures_as_results(model: str, written: Callable[[Any], Any]) -> None:
    """A picture is part of a result for models that take it there, and stands beside it for those before."""
    result = Message("tool", (Text("see"), Image.from_bytes(PNG)), tool_call_id="call_a")
    said = Message.assistant(tool_calls=[WHERE])

    assert turns([Message.user("?"), said, result, Message.user("and?")], model)[2][1] == written(
        {"name": "where", "response": {"output": "see"}}
    )


def test_broken_arguments_are_shown_to_the_model() -> None:
    """Arguments that are no object go back as what they were, so that the model sees what it did."""
    call = ToolCall("c", "f", "{broken")
    messages = [Message.user("?"), Message.assistant(tool_calls=[call]), Message.tool(call, "no", is_error=True)]

    assert turns(messages, "gemini-2.5-pro")[1][1] == [
        {"functionCall": {"name": "f", "args": {"raw_arguments": "{broken"}}}
    ]


@pytest.mark.parametrize("data", [None, {"parts": []}, ["text"], "text"])
def test_native_data_of_another_shape_are_refused(data: Any) -> None:
    """What calls itself Gemini's and is not is said, not sent."""
    with pytest.raises(ProviderInputError, match=r"append completion\.message"):
        turns([Message.user("?"), Message.assistant("x", native=Native("gemini", data))])
