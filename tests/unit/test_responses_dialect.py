"""The Responses API is a set of total functions: whatever comes, a domain value or a ProviderError goes out."""

from __future__ import annotations

import json
import pickle
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy.providers import (
    Completion,
    ProviderAPIError,
    ProviderCapabilityError,
    ProviderContentFilterError,
    ProviderError,
    ProviderInputError,
    ProviderRateLimitError,
    ProviderResponseError,
)
from pepperpy.providers.dialect import Event
from pepperpy.providers.dialects.openai import OpenAIDialect
from pepperpy.providers.messages import Message, Native, ToolCall
from pepperpy.providers.outputs import output_schema
from pepperpy.providers.parts import Audio, File, Image, Text
from pepperpy.providers.tools import Tool
from pepperpy_openai.chat import OpenAIChatDialect
from pepperpy_openai.models import effort_for, family_of, known_family
from pepperpy_openai.responses import OPTIONS, ResponsesDialect

from ..contract.responses import REASONING, ResponsesWire
from .spoiling import json_values, spoiled_values

DIALECT = ResponsesDialect()
ELSEWHERE = ResponsesDialect(is_openai=False)
WIRE = ResponsesWire()

CALL = {
    "id": "fc_1",
    "type": "function_call",
    "status": "completed",
    "call_id": "call_1",
    "name": "add",
    "arguments": '{"x":1}',
}
REFUSAL = {"id": "msg_2", "type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}
ERROR = {"code": "server_error", "message": "no luck"}
ANSWER = WIRE.response([REASONING, {**WIRE.message("Paris"), "phase": "final_answer"}, CALL, REFUSAL], cost=1)
DELTA = {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "item_id": "m", "delta": "Par"}
EVENTS = [
    {"type": "response.created", "response": WIRE.response([], "in_progress")},
    {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "hm"},
    {"type": "response.output_item.done", "output_index": 0, "item": REASONING},
    DELTA,
    {**DELTA, "delta": "is"},
    {"type": "response.output_text.done", "output_index": 1, "content_index": 0, "text": "Paris"},
    {"type": "response.content_part.done", "output_index": 1, "content_index": 0, "part": {"type": "output_text"}},
    {"type": "response.refusal.delta", "output_index": 1, "content_index": 1, "delta": "no"},
    {"type": "response.output_item.done", "output_index": 1, "item": WIRE.message("Paris")},
    {"type": "response.output_item.done", "output_index": 2, "item": CALL},
    {"type": "response.completed", "response": ANSWER},
]
FAILED = [{"type": "response.failed", "response": WIRE.response([], "failed", error=ERROR)}, {"type": "error", **ERROR}]

strange = json_values(
    "type", "output", "content", "error", "code", "message", "reasoning", "function_call", "output_text", "failed",
    "incomplete", "response.completed", "response.output_text.delta", "response.output_item.done", "server_error",
)  # fmt: skip


def write(prompt: Any, dialect: ResponsesDialect = DIALECT, model: str = "gpt-6-luna", **options: Any) -> Any:
    return dialect.complete(prompt, model=model, stream=False, options=options).body


def dumped(events: list[Any]) -> list[bytes]:
    return [json.dumps(event).encode() for event in events]


def read(events: list[Any]) -> tuple[Any, list[str]]:
    parser = DIALECT.stream_parser()
    return parser, parser.feed(dumped(events))


@given(strange | spoiled_values([ANSWER, WIRE.response([], "failed", error=ERROR)], strange))
def test_any_answer_is_a_completion_or_an_error(payload: Any) -> None:
    """Whatever JSON comes as an answer, it is read or it is an error, and pickles, and can be sent back."""
    try:
        completion = DIALECT.parse_completion(payload)
    except ProviderError as error:
        pickle.loads(pickle.dumps(error))
        return

    assert isinstance(completion, Completion)
    assert all(isinstance(call, ToolCall) for call in completion.tool_calls)
    # By their looks, since a number that is none equals nothing.
    assert str(attrs.astuple(pickle.loads(pickle.dumps(completion)).message)) == str(attrs.astuple(completion.message))
    for store in (False, True):
        assert write([Message.user("x"), completion.message], store=store)["input"]


@given(st.lists(spoiled_values([*EVENTS, *FAILED], strange), max_size=6), st.booleans())
def test_any_stream_is_read(events: list[Any], together: bool) -> None:
    """Whatever JSON comes as events, together or one by one, the reader goes on and has a completion."""
    parser = DIALECT.stream_parser()
    lines = [json.dumps(event).encode("utf-8", "surrogatepass") for event in events]
    batches = [lines] if together else [[line] for line in lines]
    pieces = [piece for batch in batches for piece in parser.feed(batch)]

    assert all(isinstance(piece, str) and piece for piece in pieces)
    assert parser.completion() == "".join(pieces)
    assert parser.error is None or isinstance(parser.error, ProviderAPIError)
    assert pickle.loads(pickle.dumps(parser.completion())) == "".join(pieces)


@given(st.binary(max_size=20))
def test_what_is_no_json_is_an_error(data: bytes) -> None:
    """An event that is no JSON breaks the stream; behind the answer it loses nothing."""
    parser = DIALECT.stream_parser()
    parser.feed([b"{!" + data])

    assert isinstance(parser.error, ProviderResponseError)
    whole, _ = read(EVENTS)
    whole.feed([b"{!" + data])

    assert whole.error is None


def test_an_answer() -> None:
    """Text, calls, reasoning, refusal, the end and the usage are read, wherever they stand in the output."""
    reasoning = {**REASONING, "summary": [{"type": "summary_text", "text": "hm"}]}
    completion = DIALECT.parse_completion({**ANSWER, "output": [reasoning, *ANSWER["output"][1:]]})

    assert completion == "Paris"
    assert completion.tool_calls == (ToolCall("call_1", "add", '{"x":1}'),)
    assert (completion.reasoning, completion.refusal) == ("hm", "no")
    assert (completion.finish_reason, completion.native_finish_reason) == ("tool_calls", "completed")
    assert (completion.model, completion.id) == ("fake", "resp_1")
    assert (completion.usage.cached_tokens, completion.usage.reasoning_tokens) == (1, 2)


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ({}, ("stop", "completed")),
        ({"status": None}, ("stop", "stop")),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            ("length", "max_output_tokens"),
        ),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, ("content_filter",) * 2),
        ({"status": "incomplete", "incomplete_details": {"reason": "steered"}}, ("steered", "steered")),
        ({"status": "incomplete"}, ("incomplete", "incomplete")),
        ({"status": "cancelled"}, ("cancelled", "cancelled")),
        ({"status": "queued"}, (None, "queued")),
    ],
)
def test_why_an_answer_ended(rest: dict[str, Any], expected: tuple[str | None, str]) -> None:
    """The reason is the one that all providers share, beside the service's own word; a cut call is no call's end."""
    completion = DIALECT.parse_completion({**WIRE.response([WIRE.message("x")]), **rest})

    assert (completion.finish_reason, completion.native_finish_reason) == expected
    if rest:
        called = DIALECT.parse_completion({**WIRE.response([CALL]), **rest})
        assert called.finish_reason == ("tool_calls" if expected[0] == "stop" else expected[0])


@pytest.mark.parametrize(
    ("error", "kind", "retryable"),
    [
        (ERROR, ProviderAPIError, True),
        ({"code": "rate_limit_exceeded", "message": "no luck"}, ProviderRateLimitError, True),
        ({"code": "invalid_prompt", "message": "no luck"}, ProviderContentFilterError, False),
        ({"code": "bio_policy", "message": "no luck"}, ProviderContentFilterError, False),
        ({"code": "vector_store_timeout", "message": "no luck"}, ProviderAPIError, True),
        ({"code": "image_parse_error", "message": "no luck"}, ProviderAPIError, False),
    ],
)
def test_a_response_that_failed(error: Any, kind: type[ProviderAPIError], retryable: bool) -> None:
    """The code decides the class, plain, in the last event and in an event of its own, flat or nested."""
    response = WIRE.response([], "failed", error=error)
    with pytest.raises(kind, match="no luck") as caught:
        DIALECT.parse_completion(response)
    errors = [
        caught.value,
        *(
            read([event])[0].error
            for event in (
                {"type": "response.failed", "response": response},
                {"type": "error", "sequence_number": 3, **error},
                {"type": "error", "error": error},
                {"error": error},
            )
        ),
    ]

    assert {(type(error), error.code, error.retryable, error.status) for error in errors} == {
        (kind, error["code"], retryable, 200)
    }


def test_a_response_that_failed_without_a_word() -> None:
    """A failure without a reason may pass."""
    with pytest.raises(ProviderAPIError, match="failed") as caught:
        DIALECT.parse_completion(WIRE.response([], "failed"))

    assert caught.value.retryable


@pytest.mark.parametrize("payload", [None, "x", [], {}, {"choices": []}, {"output": {}}, {"output": []}])
def test_what_is_no_answer(payload: Any) -> None:
    """What is no response object is an error that says so."""
    with pytest.raises(ProviderResponseError):
        DIALECT.parse_completion(payload)


def test_a_lone_output_text() -> None:
    """A server that sends the text alone is read."""
    assert DIALECT.parse_completion({"output_text": "Paris", "status": "completed"}) == "Paris"


def test_a_stream() -> None:
    """The pieces are those of the text; reasoning and whole calls come beside them, in their order."""
    parser, pieces = read(EVENTS)

    assert pieces == ["Par", "is"]
    assert parser.asides == [(0, "hm"), (2, ToolCall("call_1", "add", '{"x":1}'))]
    assert (parser.finished, parser.conclusive, parser.error) == (True, True, None)
    completion = parser.completion()

    assert completion == "Paris"
    assert (completion.reasoning, completion.refusal, completion.finish_reason) == ("hm", "no", "tool_calls")
    assert completion.native == DIALECT.parse_completion(ANSWER).native
    assert completion.usage.total_tokens == 8


def test_a_stream_before_its_end() -> None:
    """What has come is there, and nothing says that it is whole; `[DONE]` does not make it so."""
    parser = DIALECT.stream_parser()
    parser.feed([*dumped(EVENTS[:-1]), b"[DONE]", b""])
    completion = parser.completion()

    assert completion == "Paris"
    assert completion.tool_calls == (ToolCall("call_1", "add", '{"x":1}'),)
    assert (completion.model, completion.id) == ("fake", "resp_1")
    assert (completion.finish_reason, completion.native_finish_reason, parser.done) == (None, None, False)
    assert (parser.finished, parser.conclusive) == (False, False)


def test_a_terminator_behind_the_end() -> None:
    """`[DONE]` behind the answer ends the stream at once."""
    parser, _ = read(EVENTS)
    parser.feed([b" [DONE] "])

    assert (parser.done, parser.error) == (True, None)


def test_events_that_only_their_name_tells_apart() -> None:
    """Where the JSON has no type, the event's name counts."""
    parser = DIALECT.stream_parser()
    pieces = []
    for event in EVENTS:
        data = json.dumps({name: value for name, value in event.items() if name != "type"}).encode()
        pieces += parser.feed([Event(data, str(event["type"]).encode())])

    assert pieces == ["Par", "is"]
    assert parser.finished


@pytest.mark.parametrize("first", range(3, 9), ids=lambda first: EVENTS[first]["type"].removeprefix("response."))
def test_text_that_does_not_come_in_pieces(first: int) -> None:
    """A text that only a later event holds, down to the whole answer, comes once all the same."""
    done = {**EVENTS[6], "part": {"type": "output_text", "text": "Paris"}}
    parser, pieces = read(
        [EVENTS[0], *[done if event is EVENTS[6] else event for event in EVENTS[max(first, 4) + 1 :]]]
    )

    assert "".join(pieces) == "Paris"
    assert parser.completion() == "Paris"


def test_the_rest_of_a_text_comes_with_the_whole() -> None:
    """Where the last pieces are missing, the whole answer has them; a text that differs is not put behind."""
    _, pieces = read([DELTA, EVENTS[-1]])

    assert pieces == ["Par", "is"]
    for other in ("Lon", "London"):
        _, pieces = read([{**DELTA, "delta": other}, {**EVENTS[5], "text": "Paris"}, EVENTS[-1]])
        assert pieces == [other]


@pytest.mark.parametrize("kind", ["output_text.done", "content_part.done", "output_item.done"])
def test_text_that_comes_whole_comes_at_once(kind: str) -> None:
    """A text without pieces is handed out with the first event that holds it."""
    part = {"type": "output_text", "text": "Paris"}
    event = {"output_index": 1, "content_index": 0, "text": "Paris", "part": part, "item": WIRE.message("Paris")}
    parser, pieces = read([{"type": f"response.{kind}", **event}])

    assert (pieces, parser.finished) == (["Paris"], False)


def test_pieces_that_do_not_say_whose_they_are() -> None:
    """Where pieces carry no index, the text of the whole item is not taken for another one."""
    bare = [{"type": DELTA["type"], "delta": piece} for piece in ("Par", "is")]
    _, pieces = read([*bare, EVENTS[5], EVENTS[8], EVENTS[-1]])

    assert pieces == ["Par", "is"]


def test_texts_that_are_alike() -> None:
    """Parts that say the same are all text, though none comes in pieces."""
    texts = ["a", "a", "b"]
    done = [{**EVENTS[5], "output_index": index, "text": text} for index, text in enumerate(texts)]
    _, pieces = read([*done, {**EVENTS[-1], "response": WIRE.response(list(map(WIRE.message, texts)))}])

    assert pieces == texts


def test_several_texts() -> None:
    """Two messages in one answer are one text, in pieces or whole."""
    second = {**WIRE.message(", France"), "id": "msg_9"}
    done = {"type": "response.output_item.done", "output_index": 2, "item": second}
    end = {"type": "response.completed", "response": WIRE.response([REASONING, WIRE.message("Paris"), second])}
    _, pieces = read([*EVENTS[:9], done, end])

    assert pieces == ["Par", "is", ", France"]


def test_reasoning_that_comes_whole() -> None:
    """Reasoning without pieces comes with its item, or with the answer; of summary and whole, the first counts."""
    shown = {**REASONING, "summary": [{"type": "summary_text", "text": "hm"}]}
    whole = {"type": "response.reasoning_text.delta", "output_index": 0, "delta": "mmm"}
    item = {"type": "response.output_item.done", "output_index": 0, "item": shown}
    end = {"type": "response.completed", "response": WIRE.response([shown, WIRE.message("x")])}

    for events in ([item, end], [end], [EVENTS[1], whole, item, end]):
        parser, _ = read(events)
        assert parser.asides == [(0, "hm")]
        assert parser.completion().reasoning == "hm"


def test_another_answer_behind_the_first() -> None:
    """Where a gateway puts several answers into one stream, the last one is the answer; what else follows is not read."""
    parser, _ = read([EVENTS[0], EVENTS[9], {**EVENTS[-1], "response": WIRE.response([CALL])}, DELTA])

    assert parser.completion().tool_calls
    pieces = parser.feed(dumped([EVENTS[0], DELTA]))

    assert (pieces, parser.finished) == (["Par"], False)
    parser.feed(dumped([{"type": "response.completed", "response": WIRE.response([WIRE.message("Par")])}]))

    assert parser.completion().tool_calls == ()
    assert parser.completion() == "Par"


def test_calls_that_are_told_badly() -> None:
    """An id that is missing is made up, arguments that are no text are written as JSON, a call of nothing is none."""
    output = [
        {"type": "function_call", "name": "a", "arguments": {"x": 1}},
        {"type": "function_call", "name": "b", "id": "fc_2"},
        {"type": "function_call", "arguments": "{}"},
        {"type": "custom_tool_call", "name": "c", "call_id": "call_3", "input": "free text"},
    ]
    calls = DIALECT.parse_completion(WIRE.response(output)).tool_calls
    unnamed = [{"type": "function_call", "name": name} for name in "ab"]
    parser, _ = read([{"type": "response.output_item.done", "item": item} for item in unnamed])

    assert tuple(call for _, call in parser.asides) == (ToolCall("call_0", "a"), ToolCall("call_1", "b"))
    assert parser.completion().tool_calls == (ToolCall("call_0", "a"), ToolCall("call_1", "b"))
    assert calls == (ToolCall("call_0", "a", '{"x": 1}'), ToolCall("fc_2", "b"), ToolCall("call_3", "c", "free text"))


def test_a_plain_request() -> None:
    """A text goes as it is; nothing is stored, and what the model reasoned is asked for."""
    assert write("x") == {
        "model": "gpt-6-luna",
        "input": "x",
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }
    assert write("x", model="gpt-4.1") == {"model": "gpt-4.1", "input": "x", "store": False}
    assert write("x", store=True) == {"model": "gpt-6-luna", "input": "x", "store": True}
    assert DIALECT.complete("x", model="m", stream=True, options={}).body["stream"] is True


def test_what_is_asked_to_be_included() -> None:
    """`include` is kept, once each; other servers are asked for reasoning only of models that are known."""
    asked = ["message.output_text.logprobs", "reasoning.encrypted_content"]

    assert write("x", include=asked)["include"] == asked
    assert write("x", include=asked[0])["include"] == asked
    assert "include" not in write("x", ELSEWHERE, "llama-3")
    assert write("x", ELSEWHERE, "openai/gpt-5.4-mini")["include"] == asked[1:]


def test_options_under_their_names() -> None:
    """Each option stands where the API wants it."""
    body = write(
        "x",
        system="be brief",
        temperature=0.5,
        max_tokens=5,
        top_p=0.5,
        reasoning="low",
        reasoning_summary="auto",
        verbosity="low",
        previous_response_id="resp_1",
        metadata={"a": "b"},
        parallel_tool_calls=False,
    )

    assert body["instructions"] == "be brief"
    assert (body["max_output_tokens"], body["temperature"], body["top_p"]) == (5, 0.5, 0.5)
    assert body["reasoning"] == {"effort": "low", "summary": "auto"}
    assert body["text"] == {"verbosity": "low"}
    assert (body["previous_response_id"], body["metadata"], body["parallel_tool_calls"]) == (
        "resp_1",
        {"a": "b"},
        False,
    )
    assert not body.keys() & {"system", "max_tokens", "verbosity", "reasoning_summary"}


@pytest.mark.parametrize("name", ["stop", "seed", "frequency_penalty", "presence_penalty"])
def test_what_only_chat_completions_has(name: str) -> None:
    """An option that the API lacks is refused, and the way to it named."""
    with pytest.raises(ProviderCapabilityError, match=rf'{name}.*api="chat"'):
        write("x", **{name: 1})


def test_options_that_are_refused() -> None:
    """What is unknown or said twice is refused."""
    with pytest.raises(ProviderInputError, match="did you mean 'temperature'"):
        write("x", temperatur=1)
    with pytest.raises(ProviderInputError, match="one of them"):
        write("x", reasoning="low", reasoning_effort="low")


def test_tools_and_a_schema() -> None:
    """Tools and schemas are flat, and strict is always said."""
    tool = Tool(
        name="add", description="Adds.", parameters={"type": "object", "properties": {"x": {"type": "integer"}}}
    )
    body = write(
        "x", tools=[tool, Tool(name="now", strict=True)], tool_choice="add", output=output_schema(dict[str, int])
    )

    assert body["tools"][0] == {
        "type": "function",
        "name": "add",
        "description": "Adds.",
        "parameters": tool.parameters,
        "strict": False,
    }
    assert body["tools"][1]["strict"] is True
    assert body["tools"][1]["parameters"]["additionalProperties"] is False
    assert body["tool_choice"] == {"type": "function", "name": "add"}
    assert (body["text"]["format"]["type"], body["text"]["format"]["strict"]) == ("json_schema", False)
    assert body["text"]["format"].keys() >= {"name", "schema"}
    assert write("x", tools=[tool], tool_choice="required")["tool_choice"] == "required"


def test_a_conversation() -> None:
    """Instructions are what comes first; what is a system message later stays where it is."""
    call = ToolCall("call_1", "add", '{"x":1}')
    body = write(
        [
            Message.system("A"),
            Message.system("B"),
            Message.user("x"),
            Message.assistant("hm", tool_calls=[call]),
            Message.tool(call, 3),
            Message.system("C"),
            Message.assistant(tool_calls=[call]),
            Message.tool(call, "4"),
        ],
        system="S",
    )
    written = {"type": "function_call", "call_id": "call_1", "name": "add", "arguments": '{"x":1}'}

    assert body["instructions"] == "S\n\nA\n\nB"
    assert body["input"] == [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": "hm"},
        written,
        {"type": "function_call_output", "call_id": "call_1", "output": "3"},
        {"role": "system", "content": "C"},
        written,
        {"type": "function_call_output", "call_id": "call_1", "output": "4"},
    ]
    assert write([Message.system("A")])["input"] == [{"role": "system", "content": "A"}]


def test_parts() -> None:
    """Pictures, files and sounds go by data or address, as the API takes each."""
    png, pdf = b"\x89PNG\r\n\x1a\n", b"%PDF-"
    (message,) = write(
        [
            Message.user(
                "look",
                Image.from_bytes(png, detail="low"),
                Image.from_url("https://x.example/a.png"),
                File.from_bytes(pdf, name="a.pdf"),
                File.from_url("https://x.example/a.pdf"),
                Audio.from_bytes(b"RIFF....WAVE"),
            )
        ]
    )["input"]

    assert message == {
        "role": "user",
        "content": [
            {"type": "input_text", "text": "look"},
            {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"},
            {"type": "input_image", "image_url": "https://x.example/a.png"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
            {"type": "input_file", "file_url": "https://x.example/a.pdf"},
            {"type": "input_audio", "input_audio": {"data": "UklGRi4uLi5XQVZF", "format": "wav"}},
        ],
    }
    shown = Message("tool", (Text("here"), Image.from_bytes(png)), tool_call_id="call_1")
    (result,) = write([shown])["input"]

    assert [part["type"] for part in result["output"]] == ["input_text", "input_image"]


@pytest.mark.parametrize(
    "message",
    [
        Message.user(Audio.from_url("https://x.example/a.wav")),
        Message.user(Image.from_url("gs://x/a.png")),
        Message.user(File.from_url("gs://x/a.pdf")),
        Message.assistant([Image.from_url("https://x.example/a.png")]),
        Message("tool", (Audio.from_bytes(b"RIFF....WAVE"),), tool_call_id="call_1"),
    ],
)
def test_parts_that_are_refused(message: Message) -> None:
    """What the API cannot take is refused before anything is sent."""
    with pytest.raises(ProviderCapabilityError):
        write([message])


def test_a_plain_answer_carries_nothing() -> None:
    """A text alone goes back as a text; a phase, or more than a message, goes back as it came."""
    plain = DIALECT.parse_completion(WIRE.response([WIRE.message("Paris")]))
    phased = {**WIRE.message("Paris"), "phase": "final_answer"}

    assert plain.native is None
    assert DIALECT.parse_completion(WIRE.response([phased])).native == Native("openai.responses", [phased])
    assert write([Message.user("x"), plain.message])["input"][1] == {"role": "assistant", "content": "Paris"}


def test_what_goes_back() -> None:
    """Items go back untouched; reasoning that nobody can read again does not, and takes the ids with it."""
    bare = {"id": "rs_2", "type": "reasoning", "summary": []}
    message, call = WIRE.message("hm"), CALL

    def sent(output: list[Any], **options: Any) -> list[Any]:
        answer = DIALECT.parse_completion(WIRE.response(output))
        results = [Message.tool(call, "3") for call in answer.tool_calls]
        written: list[Any] = write([Message.user("x"), answer.message, *results], **options)["input"]
        return written[1:]

    assert sent([REASONING, message, call])[:3] == [REASONING, message, call]
    assert sent([bare, message, call], store=True)[:3] == [bare, message, call]
    assert [item.get("id") for item in sent([bare, message, call])[:2]] == [None, None]
    assert [item.get("type") for item in sent([bare, message, call])] == [
        "message",
        "function_call",
        "function_call_output",
    ]
    # What was cut off while it reasoned.
    assert sent([message, REASONING], store=True) == [message]
    assert sent([REASONING]) == []


def test_results_of_unusual_calls() -> None:
    """The result of a custom tool says so, and one that a program called names the program."""
    custom = {"type": "custom_tool_call", "name": "note", "call_id": "call_2", "input": "x"}
    caller = {"type": "program", "caller_id": "call_9"}
    answer = DIALECT.parse_completion(WIRE.response([{**CALL, "caller": caller}, custom]))
    written = write([Message.user("x"), answer.message, *(Message.tool(call, "ok") for call in answer.tool_calls)])

    assert written["input"][3:] == [
        {"type": "function_call_output", "call_id": "call_1", "output": "ok", "caller": caller},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": "ok"},
    ]


def test_an_answer_of_another_service() -> None:
    """What another dialect carries is passed over; text and calls are written anew."""
    other = Message.assistant("hm", tool_calls=[ToolCall("c", "f")], native=Native("gemini", [{"thought": 1}]))

    assert write([Message.user("x"), other, Message.tool("c", "1")])["input"][1:3] == [
        {"role": "assistant", "content": "hm"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    ]


def test_a_call_without_arguments_of_another_service() -> None:
    """Arguments that are no text at all are sent as those of a call without any."""
    other = Message.assistant(tool_calls=[ToolCall("c", "f", "")])

    assert write([Message.user("x"), other, Message.tool("c", "1")])["input"][1]["arguments"] == "{}"


LONG = [ToolCall(f"tool_{place}_{'x' * 64}", "f") for place in range(2)]


def test_long_ids_of_another_service() -> None:
    """OpenAI takes ids of at most 64 characters, so a longer one is shortened, of a call and of its result alike."""
    plain = [Message.user("x"), Message.assistant("y")]
    asked = [*plain, Message.assistant(tool_calls=[*LONG, ToolCall("c", "f")])]
    asked += [Message.tool(call, "1") for call in reversed(asked[-1].tool_calls)]
    *calls, end, second, first = write(asked)["input"][2:]
    chat = OpenAIChatDialect().complete(asked, model="m", stream=False, options={}).body["messages"]
    ids = [call["call_id"] for call in calls]

    assert [end["call_id"], second["call_id"], first["call_id"]] == [ids[2], ids[1], ids[0]]
    assert ids[2] == "c"
    assert len(set(ids)) == 3
    assert all(len(each) <= 64 for each in ids)
    assert [call["id"] for call in chat[2]["tool_calls"]] == ids
    assert [result["tool_call_id"] for result in chat[3:]] == ids[::-1]


def test_long_ids_of_the_same_service() -> None:
    """What the service sent itself goes back untouched, long ids too."""
    call = {**CALL, "call_id": LONG[0].id}
    answer = DIALECT.parse_completion(WIRE.response([REASONING, call]))
    written = write([Message.user("x"), answer.message, Message.tool(answer.tool_calls[0], "1")])["input"]

    assert [item["call_id"] for item in written[-2:]] == [LONG[0].id] * 2


def test_what_compatible_servers_want_back_is_not_for_openai() -> None:
    """The chat of OpenAI's own refuses fields that other servers of its format ask for."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}, "extra_content": {}}
    message = {"content": "x", "reasoning_content": "hm", "tool_calls": [call]}
    answer = OpenAIDialect().parse_completion({"choices": [{"message": message, "finish_reason": "tool_calls"}]})
    body = (
        OpenAIChatDialect()
        .complete([answer.message, Message.tool("c", "1")], model="gpt-4.1", stream=False, options={})
        .body
    )

    assert answer.native is not None
    assert body["messages"][0].keys() == {"role", "content", "tool_calls"}
    assert body["messages"][0]["tool_calls"][0].keys() == {"id", "type", "function"}


def test_capabilities() -> None:
    """What can be done is known before calling, and so are the options."""
    capabilities = DIALECT.capabilities

    assert capabilities.options == frozenset(OPTIONS)
    assert capabilities.tools
    assert capabilities.embeddings


@pytest.mark.parametrize(
    ("model", "asked", "sent"),
    [
        ("o3", "minimal", "low"),
        ("o4-mini-2025-04-16", "none", "low"),
        ("gpt-5", "minimal", "minimal"),
        ("gpt-5-mini", "none", "minimal"),
        ("gpt-5-pro", "low", "high"),
        ("gpt-5.1", "xhigh", "high"),
        ("gpt-5.1-codex-max", "xhigh", "xhigh"),
        ("gpt-5.2-chat-latest", "high", "medium"),
        ("gpt-5.3-codex", "none", "low"),
        ("gpt-5.3", "none", "none"),
        ("gpt-5.4-nano-2026-03-17", "none", "none"),
        ("gpt-5.4-pro", "none", "medium"),
        ("gpt-5.5", "max", "xhigh"),
        ("gpt-5.6-sol", "max", "max"),
        ("gpt-6-luna", "none", "none"),
        ("gpt-6-astra", "none", "low"),
        ("gpt-9", "none", "low"),
        ("ft:gpt-5.6-luna:team::id", "max", "max"),
        ("gpt-4o-mini", "none", None),
        ("gpt-4.1", "none", None),
        ("gpt-5-chat-latest", "none", None),
    ],
)
def test_efforts(model: str, asked: str, sent: str | None) -> None:
    """An effort is the nearest that the model has; one that nobody knows yet has the newest rules."""
    assert effort_for(model, asked) == sent
    assert write("x", model=model, reasoning=asked).get("reasoning", {}).get("effort") == sent
    assert write("x", ELSEWHERE, model, reasoning=asked)["reasoning"] == {"effort": asked}
    assert write("x", model=model, reasoning_effort=asked)["reasoning"] == {"effort": asked}


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1-mini", "gpt-5-chat-latest", "chatgpt-4o-latest", "gpt-3.5-turbo"])
def test_models_that_do_not_reason(model: str) -> None:
    """A model that cannot reason is not asked to."""
    assert not family_of(model).reasons
    with pytest.raises(ProviderCapabilityError, match=model):
        write("x", model=model, reasoning="low")


def test_names_of_others() -> None:
    """A name that only looks like one of OpenAI's is not taken for it."""
    assert [known_family(name) for name in ("llama-3", "gpt-oss-120b", "olmo-2", "gpt-5.9", "gpt-42")] == [None] * 5


TOOL = Tool(name="add")


def chat(model: str, **options: Any) -> Any:
    return OpenAIChatDialect().complete("x", model=model, stream=False, options={"tools": [TOOL], **options}).body


def test_tools_beside_reasoning_on_chat_completions() -> None:
    """Where Chat Completions refuses both at once, reasoning is turned off, if it can be and none was asked for."""
    assert chat("gpt-6-luna")["reasoning_effort"] == "none"
    assert chat("gpt-6-luna", reasoning="none")["reasoning_effort"] == "none"
    assert chat("gpt-6-luna", reasoning_effort="low")["reasoning_effort"] == "low"
    assert "reasoning_effort" not in chat("gpt-5.4")
    assert "reasoning_effort" not in chat("gpt-5.4", reasoning="none")
    assert "reasoning_effort" not in chat("gpt-4.1")
    assert chat("gpt-5", reasoning="low")["reasoning_effort"] == "low"
    for model, effort in [("gpt-6-luna", "low"), ("gpt-6-astra", None), ("gpt-5.4", "low"), ("gpt-5.4-pro", None)]:
        with pytest.raises(ProviderCapabilityError, match='api="responses"'):
            chat(model, **({"reasoning": effort} if effort else {}))
