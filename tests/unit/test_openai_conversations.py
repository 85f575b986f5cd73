"""Conversations, tools and schemas on the OpenAI wire: what is sent, what is read, and what is refused."""

from __future__ import annotations

import json
import pickle
from typing import Any

import attrs
import pytest

from pepperpy.providers import (
    Audio,
    File,
    Image,
    Message,
    ProviderCapabilityError,
    ProviderInputError,
    Tool,
    ToolCall,
)
from pepperpy.providers.dialects.openai import OpenAIDialect
from pepperpy.providers.messages import Native, Prompt, check_conversation
from pepperpy.providers.outputs import output_schema
from pepperpy.providers.parts import Text

DIALECT = OpenAIDialect()
PNG = b"\x89PNG\r\n\x1a\n0000"
CALL = ToolCall("call_1", "add", '{"a": 1}')
PARAMETERS = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
ADD = Tool(name="add", description="Add one.", parameters=PARAMETERS)


@attrs.frozen
class City:
    """A city."""

    name: str
    people: int


def body_of(prompt: Prompt, **options: Any) -> Any:
    asked = prompt if isinstance(prompt, str) else check_conversation(prompt)
    request = DIALECT.complete(asked, model="m", stream=False, options=options)
    return json.loads(json.dumps(request.body))


def test_a_conversation() -> None:
    """Each message has its role; calls and results stand beside the texts."""
    messages = body_of(
        [
            Message.system("Be brief."),
            Message.user("Add."),
            Message.assistant("Well.", tool_calls=[CALL]),
            Message.tool(CALL, "2"),
            Message.assistant("Two."),
            Message.user("Thanks."),
        ],
        system="Be kind.",
    )["messages"]

    assert messages == [
        {"role": "system", "content": "Be kind."},
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Add."},
        {
            "role": "assistant",
            "content": "Well.",
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "2"},
        {"role": "assistant", "content": "Two."},
        {"role": "user", "content": "Thanks."},
    ]


def test_parts() -> None:
    """Pictures go by address or as data, sounds and files as data."""
    message = Message.user(
        "Look:",
        Image.from_url("https://example.com/a.png", detail="low"),
        Image.from_bytes(PNG),
        Audio.from_bytes(b"ID3."),
        File.from_bytes(b"%PDF-", name="a.pdf"),
    )

    assert body_of(message)["messages"][0]["content"] == [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgowMDAw"}},
        {"type": "input_audio", "input_audio": {"data": "SUQzLg==", "format": "mp3"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
    ]


@pytest.mark.parametrize(
    "prompt",
    [
        [Message.user(Audio.from_url("https://example.com/a.mp3"))],
        [Message.user(File.from_url("https://example.com/a.pdf"))],
        [Message("assistant", (Image.from_bytes(PNG),)), Message.user("x")],
        [Message("system", (Image.from_bytes(PNG),)), Message.user("x")],
    ],
)
def test_parts_that_have_no_place(prompt: Prompt) -> None:
    """A part that the format cannot take is refused before anything is sent."""
    with pytest.raises(ProviderCapabilityError, match=r"from_path|Message\.user"):
        body_of(prompt)


def test_parts_that_are_all_text_are_text() -> None:
    """Where only text may stand, texts in parts are joined."""
    assert body_of([Message("system", (Text("a"), Text("b"))), Message.user("x")])["messages"][0]["content"] == "ab"


def test_tools() -> None:
    """Tools are sent with their schema, and the choice among them."""
    body = body_of("x", tools=[ADD], tool_choice="add", parallel_tool_calls=False)

    assert body["tools"] == [
        {"type": "function", "function": {"name": "add", "description": "Add one.", "parameters": PARAMETERS}}
    ]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "add"}}
    assert body["parallel_tool_calls"] is False
    assert body_of("x", tools=[ADD], tool_choice="required")["tool_choice"] == "required"


def test_strict_tools() -> None:
    """A strict tool's schema is closed; one that cannot be is refused."""
    function = body_of("x", tools=[attrs.evolve(ADD, strict=True)])["tools"][0]["function"]

    assert function["strict"] is True
    assert function["parameters"] == {**PARAMETERS, "additionalProperties": False}
    with pytest.raises(ProviderInputError, match="cannot be strict"):
        body_of("x", tools=[attrs.evolve(ADD, strict=True, parameters={"type": "object", "additionalProperties": {}})])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tools": []}, "at least one"),
        ({"tools": "add"}, "list of tools"),
        ({"tools": [ADD, ADD]}, "one name"),
        ({"tools": [ADD], "tool_choice": "ad"}, "did you mean 'add'"),
        ({"tool_choice": "auto"}, "give tools= too"),
        ({"tools": [ADD], "parallel_tool_calls": 1}, "True or False"),
        ({"reasoning": "much"}, "none, minimal, low"),
        ({"reasoning": "low", "reasoning_effort": "low"}, "one of them"),
    ],
)
def test_options_that_make_no_sense(options: Any, said: str) -> None:
    """What cannot be meant is refused, saying what can."""
    with pytest.raises(ProviderInputError, match=said):
        body_of("x", **options)


def test_structured_output() -> None:
    """The schema goes along, strictly where that means the same."""
    response_format = body_of("x", output=output_schema(City))["response_format"]

    assert response_format["type"] == "json_schema"
    assert response_format["json_schema"]["name"] == "City"
    assert response_format["json_schema"]["strict"] is True
    assert response_format["json_schema"]["schema"]["additionalProperties"] is False
    assert set(response_format["json_schema"]["schema"]["properties"]) == {"name", "people"}


def test_structured_output_that_cannot_be_strict() -> None:
    """A schema that strict modes would change is sent as it is."""
    schema = {"title": "Any", "type": "object", "additionalProperties": {"type": "integer"}}
    written = body_of("x", output=output_schema(schema))["response_format"]["json_schema"]

    assert (written["strict"], written["schema"]) == (False, schema)


def test_reasoning() -> None:
    """`reasoning` is sent under the name that most servers know."""
    assert body_of("x", reasoning="low")["reasoning_effort"] == "low"


MESSAGE = {
    "role": "assistant",
    "content": None,
    "reasoning_content": "hm",
    "reasoning_details": [{"type": "reasoning.encrypted", "data": "abc", "index": 0}],
    "tool_calls": [
        {
            "id": "c",
            "type": "function",
            "function": {"name": "add", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "s"}},
        }
    ],
}


def streamed(*deltas: dict[str, Any]) -> Any:
    parser = DIALECT.stream_parser()
    chunks = [{"id": "1", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    parser.feed([json.dumps(chunk).encode() for chunk in chunks])
    return parser


def test_a_stream_of_one_whole_message() -> None:
    """The whole answer in one event, as some gateways send it, is not lost; beside a piece, it is the same twice."""
    whole, pieced = DIALECT.stream_parser(), DIALECT.stream_parser()
    message = {"role": "assistant", "content": "Hi there"}
    whole.feed([json.dumps({"id": "1", "choices": [{"message": message, "finish_reason": "stop"}]}).encode()])
    for piece, reason in (("Hi ", None), ("there", None), (None, "stop")):
        delta = {} if piece is None else {"content": piece}
        choice = {"index": 0, "delta": delta, "message": message, "finish_reason": reason}
        pieced.feed([json.dumps({"id": "1", "choices": [choice]}).encode()])

    assert whole.completion() == pieced.completion() == "Hi there"
    assert whole.finished


def test_reasoning_of_another_name_is_not_sent_back() -> None:
    """What a stream calls `reasoning` is not sent back as `reasoning_content`, which its service may not know."""
    call = {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]}

    assert streamed({"reasoning": "hm"}, call).completion().native is None
    assert streamed({"reasoning_content": "hm"}, call).completion().native is not None


def test_what_the_service_wants_back_is_sent_back() -> None:
    """Reasoning and signatures come back with the next turn as they were sent, from a stream too."""
    plain = DIALECT.parse_completion({"choices": [{"index": 0, "message": MESSAGE, "finish_reason": "tool_calls"}]})
    parser = streamed(
        {"role": "assistant", "reasoning_content": "h"},
        {"reasoning_content": "m", "reasoning_details": [{"type": "reasoning.encrypted", "data": "a", "index": 0}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "bc", "index": 0}]},
        {"tool_calls": [{"index": 0, **MESSAGE["tool_calls"][0]}]},  # type: ignore[index]
    )
    for completion in (plain, parser.completion()):
        message = pickle.loads(pickle.dumps(completion.message))
        sent = body_of([Message.user("x"), message, Message.tool(completion.tool_calls[0], "1")])["messages"][1]

        assert completion.reasoning == "hm"
        assert completion.tool_calls == (ToolCall("c", "add", "{}"),)
        assert sent == MESSAGE
    assert parser.asides == [(0, "h"), (0, "m")]


def test_calls_of_custom_tools_go_back_as_such() -> None:
    """The call of a custom tool, whose input is no JSON, goes back as it came."""
    call = {"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls -l"}}
    message = {"content": None, "tool_calls": [call]}
    plain = DIALECT.parse_completion({"choices": [{"message": message, "finish_reason": "tool_calls"}]})
    parser = streamed({"tool_calls": [{"index": 0, **call}]})

    for completion in (plain, parser.completion()):
        sent = body_of([completion.message, Message.tool(completion.tool_calls[0], "x")])["messages"]
        assert sent[0]["tool_calls"] == [call]


def test_each_call_has_an_id_of_its_own() -> None:
    """An id that is missing, or another call's, is made up, and is the same in all that goes back."""
    function = {"name": "add", "arguments": "{}"}
    calls = [{"id": each, "type": "function", "function": function} for each in ("call_1", "", "x", "x")]
    for extra in ({}, {"extra_content": {}}):
        message = {"content": None, "tool_calls": [{**call, **extra} for call in calls]}
        answer = DIALECT.parse_completion({"choices": [{"message": message, "finish_reason": "tool_calls"}]})
        results = [Message.tool(call, "1") for call in answer.tool_calls]
        first, *rest = body_of([answer.message, *results])["messages"]
        ids = [call["id"] for call in first["tool_calls"]]

        assert ids == ["call_1", "call_2", "x", "call_3"]
        assert [result["tool_call_id"] for result in rest] == ids


def test_native_data_of_another_service_stay_at_home() -> None:
    """What another wire format wants back is not sent to this one."""
    message = Message.assistant("x", native=Native("gemini", {"parts": []}))

    assert body_of([message, Message.user("y")])["messages"][0] == {"role": "assistant", "content": "x"}


def test_reasoning_without_calls_is_not_sent_back() -> None:
    """Reasoning as text belongs between a call and its result; elsewhere some servers refuse it."""
    payload = {"choices": [{"message": {"content": "x", "reasoning_content": "hm"}, "finish_reason": "stop"}]}

    assert DIALECT.parse_completion(payload).native is None


@pytest.mark.parametrize(
    ("fragments", "calls"),
    [
        # Each call with the index 0, told apart by its id.
        (
            [
                {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}},
                {"index": 0, "id": "b", "function": {"name": "f", "arguments": "{}"}},
            ],
            [("a", "f", "{}"), ("b", "f", "{}")],
        ),
        # No index at all.
        (
            [{"id": "a", "function": {"name": "f", "arguments": "{"}}, {"function": {"arguments": "}"}}],
            [("a", "f", "{}")],
        ),
        # An empty id on each further fragment, and none at first.
        (
            [
                {"index": 0, "id": "", "function": {"name": "f", "arguments": ""}},
                {"index": 0, "id": "", "function": {"arguments": "{}"}},
            ],
            [("call_0", "f", "{}")],
        ),
        ([{"index": 0, "id": "a", "function": {"name": "f", "arguments": {"x": 1}}}], [("a", "f", '{"x": 1}')]),
        # Neither index nor id, or the same of each: whole calls.
        (
            [
                {"function": {"name": "f", "arguments": "{}"}},
                {"function": {"name": "g", "arguments": '{"x": 1}'}},
                {"function": {"name": "g", "arguments": {"x": 2}}},
                {"function": {"name": "g", "arguments": "{}"}},
            ],
            [("call_0", "f", "{}"), ("call_1", "g", '{"x": 1}'), ("call_2", "g", '{"x": 2}'), ("call_3", "g", "{}")],
        ),
        (
            [{"index": 0, "id": "", "function": {"name": name, "arguments": "{}"}} for name in ("f", "f")],
            [("call_0", "f", "{}"), ("call_1", "f", "{}")],
        ),
        # The name again on each fragment.
        (
            [
                {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x"'}},
                {"index": 0, "id": "a", "function": {"name": "f", "arguments": ": 1}"}},
            ],
            [("a", "f", '{"x": 1}')],
        ),
        # A name in two pieces.
        (
            [
                {"index": 0, "id": "a", "function": {"name": "get_", "arguments": ""}},
                {"index": 0, "function": {"name": "time", "arguments": "{}"}},
            ],
            [("a", "get_time", "{}")],
        ),
        ([{"index": 0, "id": "a", "type": "custom", "custom": {"name": "g", "input": "hi"}}], [("a", "g", "hi")]),
    ],
)
def test_fragments_of_every_kind(fragments: list[dict[str, Any]], calls: list[tuple[str, str, str]]) -> None:
    """Calls are put together whatever a server makes of index and id."""
    found = streamed(*({"tool_calls": [fragment]} for fragment in fragments)).completion().tool_calls

    assert [(call.id, call.name, call.raw_arguments) for call in found] == calls


def test_the_function_call_of_old() -> None:
    """The single call of older servers is a call."""
    message = {"content": None, "function_call": {"name": "f", "arguments": "{}"}}
    plain = DIALECT.parse_completion({"choices": [{"message": message, "finish_reason": "function_call"}]})
    parser = streamed({"function_call": {"name": "f", "arguments": "{"}}, {"function_call": {"arguments": "}"}})

    assert plain.tool_calls == parser.completion().tool_calls == (ToolCall("call_0", "f", "{}"),)


@pytest.mark.parametrize("payload", [None, [], {}, {"data": None}, {"data": {}}, "x"])
def test_what_is_no_list_of_models(payload: Any) -> None:
    """An answer without a list of models is an error."""
    with pytest.raises(Exception, match="without a list of models"):
        DIALECT.parse_models(payload)


def test_models() -> None:
    """Models are read with what servers say of them; a row without an id is left out."""
    rows = [{"id": "a", "created": 5}, {"id": None}, "x", {"id": "b", "max_model_len": 8192, "created": "x"}]
    page = DIALECT.parse_models({"data": rows})

    assert [(model.id, model.created, model.context_length) for model in page.models] == [
        ("a", 5, None),
        ("b", None, 8192),
    ]
    assert page.models[0].raw is rows[0]
    assert page.next is None
