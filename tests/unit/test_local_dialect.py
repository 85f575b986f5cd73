"""The local model's template speaks of tools, and its demanded calls are read from what it writes."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy.providers import (
    Audio,
    Completion,
    Image,
    Message,
    ProviderCapabilityError,
    ProviderError,
    ProviderInputError,
    Text,
    Tool,
    ToolCall,
)
from pepperpy_local.dialect import CallingDialect, LocalDialect, as_a_call
from pepperpy_local.template import read_template, template_with_tools

from .spoiling import json_values, spoiled_values

PLAIN, CALLING = LocalDialect(), CallingDialect()

NODE = {
    "type": "object",
    "properties": {"child": {"$ref": "#/$defs/Node"}},
    "$defs": {"Node": {"type": "object", "properties": {"child": {"anyOf": [{"$ref": "#/$defs/Node"}]}}}},
}
TOOLS = [Tool(name="walk", parameters=NODE), Tool(name="look")]


def body(dialect: LocalDialect, prompt: str | Sequence[Message] = "x", **options: Any) -> dict[str, Any]:
    return dict(dialect.complete(prompt, model="m", stream=False, options=options).body)


def test_a_demanded_call_is_a_schema() -> None:
    """The answer is held to the calls of all tools; their references hold in their new place."""
    sent = body(CALLING, tools=TOOLS, tool_choice="required")
    schema = sent["response_format"]["json_schema"]["schema"]

    assert "tool_choice" not in sent
    assert sent["chat_template_kwargs"] == {"demanded": True}
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["walk", "look"]
    assert [each["properties"]["name"]["const"] for each in schema["anyOf"]] == ["walk", "look"]
    assert schema["anyOf"][0]["properties"]["arguments"] == {"$ref": "#/$defs/walk"}
    assert schema["$defs"]["walk"]["properties"]["child"] == {"$ref": "#/$defs/walk/$defs/Node"}
    assert schema["$defs"]["walk"]["$defs"]["Node"]["properties"]["child"] == {
        "anyOf": [{"$ref": "#/$defs/walk/$defs/Node"}]
    }


def test_a_call_of_one_tool_names_it_alone() -> None:
    """A tool's name as the choice leaves the others out, and a wrong one is refused."""
    sent = body(CALLING, tools=TOOLS, tool_choice="look")

    assert [tool["function"]["name"] for tool in sent["tools"]] == ["look"]
    with pytest.raises(ProviderInputError, match="wlk"):
        body(CALLING, tools=TOOLS, tool_choice="wlk")


@pytest.mark.parametrize(
    ("text", "finish_reason", "arguments", "ended"),
    [
        ('{"name": "look", "arguments": {"at": "é"}}', "stop", '{"at": "é"}', "tool_calls"),
        ('{\n "name":\n"look", "arguments" : {}\n}', "stop", "{}", "tool_calls"),
        ('{"name": "look", "arguments": {"at": "th', "length", '{"at": "th', "length"),
    ],
)
def test_a_call_is_read_from_the_text(text: str, finish_reason: str, arguments: str, ended: str) -> None:
    """The text becomes the call, one that was cut too, whose arguments are told apart by their `problem`."""
    answer = as_a_call(Completion(text, finish_reason=finish_reason, model="m", id="i"))
    (call,) = answer.tool_calls

    assert (answer, call.name, call.raw_arguments, answer.finish_reason) == ("", "look", arguments, ended)
    assert (call.problem is None) == (finish_reason == "stop")
    assert (answer.model, answer.id) == ("m", "i")


@pytest.mark.parametrize("text", ["", "Hello", "{", '{"name": "lo', "[1]", "[" * 10_000])
def test_a_text_that_is_no_call_stays_one(text: str) -> None:
    """What is no call is left as it came."""
    answer = Completion(text)

    assert as_a_call(answer) is answer


def test_the_stream_of_a_call_has_no_text() -> None:
    """What the model writes is not handed out as text; at the end it is the call."""
    parser = CALLING.stream_parser()
    pieces = parser.feed(
        [
            b'{"choices": [{"index": 0, "delta": {"content": "{\\"name\\": \\"look\\", "}, "finish_reason": null}]}',
            b'{"choices": [{"index": 0, "delta": {"content": "\\"arguments\\": {}}"}, "finish_reason": "stop"}]}',
            b"[DONE]",
        ]
    )
    answer = parser.completion()

    assert pieces == []
    assert parser.done
    assert (answer, answer.tool_calls[0].name, answer.finish_reason) == ("", "look", "tool_calls")


CALL = {
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": '{"name": "look", "arguments": {}}'},
            "finish_reason": "stop",
        }
    ]
}


@given(spoiled_values([CALL], json_values("stop", "length", '{"name": "look", "arguments": {')))
def test_the_dialect_is_total(payload: Any) -> None:
    """Whatever comes, a completion or a `ProviderError` comes out."""
    with suppress(ProviderError):
        assert isinstance(CALLING.parse_completion(payload), Completion)


@given(st.text() | st.from_regex(r'\{"name": "[a-z]*", "arguments": .*'))
def test_reading_a_call_is_total(text: str) -> None:
    """Whatever the model writes, a completion comes out."""
    assert isinstance(as_a_call(Completion(text)), Completion)


@pytest.mark.parametrize("part", [Image.from_url("https://example.com/a.png"), Audio(data=b"ID3")])
def test_a_model_of_texts_gets_texts(part: Any) -> None:
    """Parts that are no text are refused; texts are sent."""
    with pytest.raises(ProviderCapabilityError, match=type(part).__name__):
        body(PLAIN, [Message.user("x", part)])

    assert body(PLAIN, [Message.user("x", Text("y"))])["messages"]


@pytest.mark.parametrize("options", [{"reasoning": "low"}, {"reasoning_effort": "low"}])
def test_reasoning_is_refused(options: dict[str, Any]) -> None:
    """How much a model thinks cannot be chosen, and an option for it is not dropped silently."""
    with pytest.raises(ProviderCapabilityError, match="chat_template_kwargs"):
        body(PLAIN, **options)

    assert not PLAIN.capabilities.reasoning
    assert PLAIN.capabilities.options is not None
    assert PLAIN.capabilities.options.isdisjoint(options)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ('{"at": "é"}', {"at": "é"}),
        ("", {}),
        ('{"at": "th', {"raw_arguments": '{"at": "th'}),
        ("[1]", {"raw_arguments": "[1]"}),
    ],
)
def test_a_call_in_a_conversation_has_an_object_of_arguments(written: str, sent: Any) -> None:
    """llama.cpp fails at a call that was cut, so its arguments are written as an object that holds what there is."""
    call = ToolCall("1", "look", written)
    conversation = [Message.user("x"), Message.assistant("a", tool_calls=[call]), Message.tool(call, "no JSON")]
    message = body(PLAIN, conversation)["messages"][1]

    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == sent
    assert (message["content"], message["tool_calls"][0]["id"]) == ("a", "1")
    assert conversation[1].tool_calls == (call,)


def test_a_model_tells_its_context() -> None:
    """The context that is loaded is the model's length, whatever else stands there."""
    found = PLAIN.parse_models({"data": [{"id": "a", "meta": {"n_ctx": 512}}, {"id": "b", "meta": {"n_ctx": "x"}}]})

    assert [model.context_length for model in found.models] == [512, None]


def gguf(template: str | None, rest: bytes = b"") -> bytes:
    """What a model's file begins with."""

    def text(value: bytes) -> bytes:
        return struct.pack("<Q", len(value)) + value

    entry = (
        b"" if template is None else text(b"tokenizer.chat_template") + struct.pack("<I", 8) + text(template.encode())
    )
    return (
        b"GGUF"
        + struct.pack("<IQQ", 3, 0, 1)
        + text(b"general.name")
        + struct.pack("<I", 8)
        + text(b"x")
        + entry
        + rest
    )


def test_a_template_without_tools_is_taught_them(tmp_path: Path) -> None:
    """A template that knows tools is left alone; another one is put behind what writes them into the messages."""
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf("{% if tools %}é{% endif %}", rest=b"weights"))

    assert read_template(path) == "{% if tools %}é{% endif %}"
    assert template_with_tools(path) is None
    path.write_bytes(gguf("{{ messages }}", rest=b"weights"))
    taught = template_with_tools(path)

    assert taught is not None
    assert taught.endswith("-%}{{ messages }}")
    assert "<tool_call>" in taught


@pytest.mark.parametrize("content", [gguf(None), gguf("{{ messages }}")[:-20], b"GGUF", gguf("x")[:60]])
def test_a_file_without_a_template_is_taken_for_what_llama_cpp_takes_it(tmp_path: Path, content: bytes) -> None:
    """A file that has none, or is cut, breaks nothing here: llama.cpp tells what is wrong with it."""
    path = tmp_path / "model.gguf"
    path.write_bytes(content)

    assert template_with_tools(path) is not None
