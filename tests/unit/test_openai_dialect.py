"""The OpenAI wire format is a set of total functions: whatever comes, a domain value or a ProviderError goes out."""

from __future__ import annotations

import base64
import copy
import json
import pickle
from array import array
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pepperpy.providers import (
    Completion,
    ProviderAPIError,
    ProviderAuthenticationError,
    ProviderContentFilterError,
    ProviderContextLengthError,
    ProviderError,
    ProviderInputError,
    ProviderQuotaError,
    ProviderRateLimitError,
    ProviderResponseError,
    ToolCall,
    Usage,
)
from pepperpy.providers import options as check
from pepperpy.providers.dialect import EmbeddingBatch
from pepperpy.providers.dialects.openai import OpenAIDialect

DIALECT = OpenAIDialect()

ERROR = {"message": "no luck", "type": "invalid_request_error", "param": "model", "code": "model_not_found"}
USAGE = {
    "prompt_tokens": 3,
    "completion_tokens": 5,
    "total_tokens": 8,
    "cost": 0.25,
    "prompt_tokens_details": {"cached_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
MESSAGE = {"role": "assistant", "content": "Paris", "reasoning": "hm", "refusal": None, "tool_calls": [CALL]}
ANSWER = {
    "id": "chatcmpl-1",
    "model": "m",
    "error": None,
    "choices": [
        {"index": 0, "message": MESSAGE, "finish_reason": "stop", "native_finish_reason": "STOP", "error": None}
    ],
    "usage": USAGE,
}
CHUNKS = [
    {
        "id": "chatcmpl-1",
        "model": "m",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}],
    },
    {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": "Par"}, "finish_reason": None}], "usage": None},
    {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": "is"}, "finish_reason": None}], "usage": None},
    {
        "id": "chatcmpl-1",
        "choices": [{"index": 0, "delta": {**MESSAGE, "content": None}, "finish_reason": None, "error": None}],
    },
    {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "error": None},
    {"choices": [], "usage": USAGE},
]
ROWS = {
    "model": "m",
    "data": [
        {"index": 1, "embedding": [0.5, 1, -2.0]},
        {"index": 0, "embedding": base64.b64encode(array("f", [1.0, 2.0, 3.0]).tobytes()).decode()},
    ],
    "usage": {"prompt_tokens": 4, "total_tokens": 4},
}

json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=5),
        st.sampled_from(["stop", "content_filter", "insufficient_quota", 429, "503", 1e999, -1, "AAAA"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["message", "error", "code", "content", "text", "index", "delta", "type", "x"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(item, (*path, key))


def put(value: Any, path: tuple[Any, ...], item: Any) -> Any:
    """The value with `item` in one of its places."""
    if not path:
        return item
    changed = copy.copy(value)
    changed[path[0]] = put(changed[path[0]], path[1:], item)
    return changed


def spoiled(value: Any) -> st.SearchStrategy[Any]:
    """The value with anything in any of its places."""
    one = st.builds(put, st.just(value), st.sampled_from(list(places(value))), json_values)
    return st.one_of(one, json_values)


def assert_sound(completion: Completion) -> None:
    """Every field of an answer is of the type that it is said to be."""
    texts = ("finish_reason", "native_finish_reason", "model", "id", "reasoning", "refusal")

    assert type(completion.text) is str
    assert all(isinstance(getattr(completion, name), (str, type(None))) for name in texts)
    assert isinstance(completion.tool_calls, tuple)
    assert_sound_usage(completion.usage)


def assert_sound_usage(usage: Usage) -> None:
    counts = (usage.input_tokens, usage.output_tokens, usage.total_tokens, usage.cached_tokens, usage.reasoning_tokens)

    assert all(count is None or (type(count) is int and count >= 0) for count in counts)
    assert usage.cost is None or 0 <= usage.cost < float("inf")


def assert_well_made(error: ProviderError, status: int = 200) -> None:
    """An error tells its status, and can be shown, sent as JSON and pickled."""
    json.dumps(error.details)

    assert error.details["status"] == status
    assert 0 < len(str(error)) <= 2_000
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@given(spoiled(ANSWER))
def test_any_answer(payload: Any) -> None:
    """Whatever stands in whatever place of an answer, a sound completion or an error of the service comes out."""
    try:
        completion = DIALECT.parse_completion(payload)
    except ProviderAPIError as error:
        assert_well_made(error, status=200)
    else:
        assert_sound(completion)


@given(spoiled(ROWS))
def test_any_embeddings(payload: Any) -> None:
    """Whatever stands in whatever place, all the vectors, finite and of one length, or an error come out."""
    request = DIALECT.embed(["a", "b"], model="m", dimensions=None, options={})
    try:
        batch = DIALECT.parse_embeddings(copy.deepcopy(payload), request)
    except ProviderAPIError as error:
        assert_well_made(error)
    else:
        assert isinstance(batch, EmbeddingBatch)
        assert len(batch.vectors) == 2
        assert len(batch.vectors[0]) == len(batch.vectors[1]) > 0
        assert all(abs(number) < float("inf") for vector in batch.vectors for number in vector)
        assert_sound_usage(batch.usage)


@given(st.one_of(st.integers(400, 599), st.sampled_from([100, 204, 304, 999])), spoiled({"error": ERROR}))
def test_any_error(status: int, payload: Any) -> None:
    """Whatever an error's body holds, it is an error of its status."""
    error = DIALECT.parse_error(status, payload)

    assert isinstance(error, ProviderAPIError)
    assert_well_made(error, status)


events = st.one_of(
    st.lists(st.sampled_from(CHUNKS).map(json.dumps), max_size=12),
    st.lists(st.one_of(*map(spoiled, CHUNKS)).map(json.dumps), max_size=6),
    st.lists(
        st.one_of(st.sampled_from(["[DONE]", " [DONE]", "", " ", "{", "[", "null", '{"error": {"message": "x"}}'])),
        max_size=4,
    ),
)


@given(st.lists(events, max_size=4))
@example([["[DONE]"]])
@example([["{}", "{", "[DONE]", '{"choices": [{"delta": {"content": "late"}}]}']])
def test_any_stream(batches: list[list[str]]) -> None:
    """Whatever the events of a stream hold, its parser does not raise; its pieces are texts and make up the answer."""
    parser = DIALECT.stream_parser()
    pieces = []
    for batch in batches:
        if not parser.done and parser.error is None:
            pieces += parser.feed([event.encode() for event in batch])

    assert all(type(piece) is str and piece for piece in pieces)
    assert parser.completion() == "".join(pieces)
    assert_sound(parser.completion())
    assert parser.conclusive is parser.finished
    assert parser.finished or not parser.done
    if parser.error is not None:
        assert_well_made(parser.error)


@given(events, st.integers(1, 5))
def test_batches_change_nothing(texts: list[str], size: int) -> None:
    """Events that come together are read as they would be one by one."""
    together, apart = DIALECT.stream_parser(), DIALECT.stream_parser()
    data = [text.encode() for text in texts]
    pieces: list[list[str]] = [[], []]
    for parser, step, found in ((together, size, pieces[0]), (apart, 1, pieces[1])):
        for place in range(0, len(data), step):
            if not parser.done and parser.error is None:
                found.extend(parser.feed(data[place : place + step]))

    assert pieces[0] == pieces[1]
    assert together.completion() == apart.completion()
    assert together.completion().usage == apart.completion().usage
    assert (together.done, together.finished) == (apart.done, apart.finished)
    assert str(together.error) == str(apart.error)


def chunk(delta: dict[str, Any], finish_reason: str | None = None, **rest: Any) -> dict[str, Any]:
    return {"id": "i", "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}], **rest}


def read(*chunks: Any) -> Any:
    parser = DIALECT.stream_parser()
    parser.feed([item if isinstance(item, bytes) else json.dumps(item).encode() for item in chunks])
    return parser


def test_a_whole_answer() -> None:
    """Every field of an answer is read."""
    completion = DIALECT.parse_completion(ANSWER)

    assert completion == "Paris"
    assert completion.usage == Usage(
        input_tokens=3, output_tokens=5, total_tokens=8, cached_tokens=1, reasoning_tokens=2, cost=0.25
    )
    assert (completion.finish_reason, completion.native_finish_reason) == ("tool_calls", "STOP")
    assert (completion.model, completion.id, completion.reasoning) == ("m", "chatcmpl-1", "hm")
    assert completion.tool_calls == (ToolCall("c", "f", "{}"),)
    assert completion.raw is ANSWER


def test_a_whole_stream() -> None:
    """A stream comes to the same answer as a plain one, tool calls put together from their fragments."""
    parser = read(*CHUNKS, b"[DONE]")
    completion = parser.completion()

    assert completion == "Paris"
    assert completion.usage == DIALECT.parse_completion(ANSWER).usage
    assert (completion.finish_reason, completion.model, completion.id, completion.reasoning) == (
        "tool_calls",
        "m",
        "chatcmpl-1",
        "hm",
    )
    assert completion.tool_calls == (ToolCall("c", "f", "{}"),)
    assert (parser.done, parser.finished, parser.error) == (True, True, None)


def test_tool_calls_in_fragments() -> None:
    """Fragments are put together by their index, in the order in which they begin."""
    fragments = [
        {"index": 1, "id": "b", "function": {"name": "g", "arguments": ""}},
        {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x"'}},
        {"index": 0, "function": {"arguments": ": 1}"}},
        {"index": 1, "function": {"arguments": "{}"}},
    ]
    completion = read(
        *(chunk({"tool_calls": [fragment]}) for fragment in fragments), chunk({}, "tool_calls")
    ).completion()

    assert completion.tool_calls == (ToolCall("b", "g", "{}"), ToolCall("a", "f", '{"x": 1}'))
    assert completion.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("content", "text"),
    [("", ""), ([{"type": "text", "text": "Par"}, {"type": "image"}, {"text": "is"}, 3], "Paris"), ([], "")],
)
def test_contents_of_every_shape(content: Any, text: str) -> None:
    """A content may be a text, parts, or empty where the answer ended."""
    assert DIALECT.parse_completion({"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}) == text
    assert read(chunk({"content": content}), chunk({}, "stop")).completion() == text
    assert read(chunk({"content": "> "}), chunk({"content": content}), chunk({}, "stop")).completion() == f"> {text}"


@pytest.mark.parametrize(
    ("reason", "called", "unified"),
    [
        ("stop", False, "stop"),
        ("stop", True, "tool_calls"),
        ("function_call", True, "tool_calls"),
        ("length", True, "length"),
        ("eos", False, "stop"),
        ("model_length", False, "length"),
        ("insufficient_system_resource", False, "insufficient_system_resource"),
    ],
)
def test_why_an_answer_ended(reason: str, called: bool, unified: str) -> None:
    """The reason is told in shared words, and is the call where there is one, though some servers say "stop" of it."""
    calls = [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}] if called else []
    message = {"content": "x", "tool_calls": calls}
    plain = DIALECT.parse_completion({"choices": [{"message": message, "finish_reason": reason}]})

    for completion in (plain, read(chunk(message), chunk({}, reason)).completion()):
        assert (completion.finish_reason, completion.native_finish_reason) == (unified, reason)


@pytest.mark.parametrize(
    "thoughts",
    [
        [{"type": "thinking", "thinking": [{"type": "text", "text": "h"}]}, {"type": "thinking", "thinking": "m"}],
        [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}],
    ],
)
def test_reasoning_among_the_parts(thoughts: list[Any]) -> None:
    """Reasoning that comes as parts of the content is reasoning, and no text."""
    content = [*thoughts, {"type": "text", "text": "Paris"}]
    plain = DIALECT.parse_completion({"choices": [{"message": {"content": content}, "finish_reason": "stop"}]})
    parser = read(chunk({"content": ""}), *(chunk({"content": [part]}) for part in content), chunk({}, "stop"))

    for completion in (plain, parser.completion()):
        assert (completion.text, completion.reasoning) == ("Paris", "hm")
    assert "".join(str(piece) for _, piece in parser.asides) == "hm"


def test_reasoning_under_either_name() -> None:
    """`reasoning_content` and `reasoning` are the same thing."""
    for name in ("reasoning_content", "reasoning"):
        message = {"content": "x", name: "hm"}

        assert DIALECT.parse_completion({"choices": [{"message": message}]}).reasoning == "hm"
        assert read(chunk({name: "h"}), chunk({name: "m"})).completion().reasoning == "hm"


def test_usage_that_grows() -> None:
    """Of a usage that comes with every chunk of text, the last one counts."""
    parser = read(chunk({"content": "a"}), *(chunk({"content": "a"}, usage={"total_tokens": n}) for n in (1, 2)))

    assert parser.completion() == "aaa"
    assert parser.completion().usage == Usage(total_tokens=2)


def test_the_first_choice_counts() -> None:
    """Of several choices, the one with index 0 is the answer, in a stream as well."""
    choices = [
        {"index": 1, "message": {"content": "no"}, "delta": {"content": "no"}, "finish_reason": "stop"},
        {"index": 0, "message": {"content": "yes"}, "delta": {"content": "yes"}, "finish_reason": "length"},
    ]

    assert DIALECT.parse_completion({"choices": choices}) == "yes"
    assert read({"choices": choices}).completion() == "yes"
    assert read({"choices": choices[:1]}).completion() == ""
    assert not read({"choices": choices[:1]}).finished


def test_old_function_calls() -> None:
    """A finish reason of the old interface is told in the words of today; the service's own word is kept."""
    completion = DIALECT.parse_completion(
        {"choices": [{"message": {"content": None}, "finish_reason": "function_call"}]}
    )

    assert (completion.finish_reason, completion.native_finish_reason) == ("tool_calls", "function_call")


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "ok",
        {},
        {"choices": None},
        {"choices": {}},
        {"choices": ["x"]},
        {"choices": [{}]},
        {"choices": [{"message": None}]},
        {"choices": [{"message": "x"}]},
        {"choices": [{"message": {}}]},
        {"choices": [{"message": {"content": 3}}]},
        {"choices": [{"message": {"content": {}}}]},
    ],
)
def test_what_is_no_answer(payload: Any) -> None:
    """An answer without a text is an error that says to look at base_url."""
    with pytest.raises(ProviderResponseError, match="base_url"):
        DIALECT.parse_completion(payload)


@pytest.mark.parametrize(
    "usage",
    [None, 3, [], {}, {"prompt_tokens": -1}, {"prompt_tokens": "3"}, {"prompt_tokens": 1.5}, {"prompt_tokens": True}],
)
def test_broken_usage_costs_no_answer(usage: Any) -> None:
    """An answer with a usage that makes no sense is an answer; what it used is unknown."""
    completion = DIALECT.parse_completion({**ANSWER, "usage": usage})

    assert completion == "Paris"
    assert completion.usage == Usage()


@pytest.mark.parametrize(
    ("status", "error", "kind", "retryable"),
    [
        (400, {}, ProviderAPIError, False),
        (400, {"code": "context_length_exceeded"}, ProviderContextLengthError, False),
        (400, {"message": "This model's maximum context length is 8192 tokens."}, ProviderContextLengthError, False),
        (400, {"code": "content_policy_violation"}, ProviderContentFilterError, False),
        (401, {"code": "invalid_api_key", "type": "invalid_request_error"}, ProviderAuthenticationError, False),
        (402, {}, ProviderQuotaError, False),
        (403, {}, ProviderAuthenticationError, False),
        (404, {"code": "model_not_found"}, ProviderAPIError, False),
        (408, {}, ProviderAPIError, True),
        (409, {}, ProviderAPIError, True),
        (413, {}, ProviderContextLengthError, False),
        (422, {}, ProviderAPIError, False),
        (429, {"code": "rate_limit_exceeded"}, ProviderRateLimitError, True),
        (429, {"type": "rate_limit_error", "code": "slow_down"}, ProviderRateLimitError, True),
        (429, {"type": "insufficient_quota", "code": None}, ProviderQuotaError, False),
        (429, {"code": "insufficient_quota"}, ProviderQuotaError, False),
        (429, {"code": "credit_balance_exhausted"}, ProviderQuotaError, False),
        (429, {"code": "organization_spend_limit_exceeded"}, ProviderQuotaError, False),
        (429, {"code": "project_spend_limit_exceeded"}, ProviderQuotaError, False),
        (429, {"code": "organization_usage_limit_exceeded"}, ProviderQuotaError, False),
        (429, {"code": "billing_hard_limit_reached"}, ProviderQuotaError, False),
        (500, {"type": "server_error"}, ProviderAPIError, True),
        (503, {"code": "server_is_overloaded"}, ProviderAPIError, True),
        (529, {}, ProviderAPIError, True),
    ],
)
def test_errors_by_status_and_code(status: int, error: Any, kind: type[ProviderAPIError], retryable: bool) -> None:
    """Status and code decide the class, and whether a repetition may help."""
    found = DIALECT.parse_error(status, {"error": {"message": "no luck", **error}})

    assert type(found) is kind
    assert found.retryable is retryable
    assert found.status == status
    assert found.code == (error.get("code") or error.get("type"))
    assert "luck" in str(found) or "context length" in str(found)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"message": "no luck"}}, "no luck"),
        ({"error": "no luck"}, "no luck"),
        ({"error": {"error": {"message": "no luck"}}}, "no luck"),
        ({"message": "no luck"}, "no luck"),
        ({"detail": "no luck"}, "no luck"),
        ({"detail": [{"loc": ["body"], "msg": "no", "type": "x"}, {"msg": "luck"}]}, "no; luck"),
        ([{"error": {"message": "no luck"}}], "no luck"),
        (["no luck"], "no luck"),
        ({"errors": ["no luck"]}, "no luck"),
        ({"error": "x", "error_description": "no luck"}, "x"),
        ("no luck", "no luck"),
        ("<html><h1>502</h1></html>", "<html><h1>502</h1></html>"),
        ("", "no message"),
        (None, "no message"),
        ({}, "no message"),
        (3, "no message"),
    ],
)
def test_messages_of_every_shape(body: Any, said: str) -> None:
    """The service's own words are found in a body of whatever shape."""
    assert f"400: {said}; check" in str(DIALECT.parse_error(400, body))


def test_a_long_message_is_bounded() -> None:
    """However much a service says, the error ends with what to do."""
    error = DIALECT.parse_error(429, {"error": {"message": "x" * 100_000, "code": "c" * 100_000}})

    assert len(str(error)) < 2_000
    assert len(str(error.code)) <= 2_000
    assert str(error).endswith("wait, or send fewer requests at once")


@pytest.mark.parametrize(
    ("error", "kind", "retryable"),
    [
        ({"message": "no luck", "code": 429}, ProviderRateLimitError, True),
        ({"message": "no luck", "code": "503"}, ProviderAPIError, True),
        ({"message": "no luck", "code": 402}, ProviderQuotaError, False),
        ({"message": "no luck", "code": "insufficient_quota"}, ProviderQuotaError, False),
        ({"message": "no luck", "code": 12}, ProviderAPIError, False),
        ({"message": "no luck"}, ProviderAPIError, False),
        ("no luck", ProviderAPIError, False),
        (["no luck"], ProviderAPIError, False),
    ],
)
def test_an_error_inside_a_200(error: Any, kind: type[ProviderAPIError], retryable: bool) -> None:
    """An answer that is an error is one, plain or streamed, whatever its status was."""
    with pytest.raises(ProviderAPIError, match="no luck") as caught:
        DIALECT.parse_completion({"error": error, "choices": ANSWER["choices"]})
    streamed = read(chunk({"content": "Par"}), {"error": error}, chunk({"content": "is"}))

    assert type(caught.value) is type(streamed.error) is kind
    assert caught.value.retryable is retryable
    assert caught.value.status == 200
    assert "no luck" in str(streamed.error)
    assert streamed.completion() == "Par"


def test_an_error_inside_a_choice() -> None:
    """Some services put the error of an answer into its choice."""
    choice = {"error": {"message": "no luck", "code": 502}, "message": {"content": ""}, "delta": {"content": ""}}
    with pytest.raises(ProviderAPIError, match="no luck"):
        DIALECT.parse_completion({"choices": [choice]})

    assert "no luck" in str(read({"choices": [choice]}).error)


def test_what_a_stream_passes_over() -> None:
    """Role-only, empty, null and usage-only chunks give no piece; neither does anything behind `[DONE]`."""
    parser = DIALECT.stream_parser()
    silent = [
        {},
        {"choices": None},
        {"choices": []},
        {"choices": [None]},
        {"choices": [{"delta": None}]},
        chunk({"role": "assistant"}),
        chunk({"content": ""}),
        chunk({"content": None}),
        {"usage": USAGE, "choices": []},
        None,
        3,
        "x",
        [],
    ]
    pieces = parser.feed([json.dumps(item).encode() for item in silent])
    pieces += parser.feed([b"", b"  ", json.dumps(chunk({"content": "a"})).encode()])
    pieces += parser.feed([b"[DONE]", json.dumps(chunk({"content": "late"})).encode()])

    assert pieces == ["a"]
    assert parser.done
    assert parser.error is None
    assert parser.completion().usage.total_tokens == 8


def test_a_stream_without_an_answer() -> None:
    """A terminator behind nothing at all is no answer, and worth another try."""
    parser = read(chunk({"role": "assistant"}), b"[DONE]")

    assert isinstance(parser.error, ProviderResponseError)
    assert parser.error.retryable


def test_a_broken_event() -> None:
    """An event that is no JSON breaks the stream before the end of the answer, and costs nothing behind it."""
    before = read(chunk({"content": "Par"}), b'{"choices": [', chunk({"content": "is"}))
    behind = read(chunk({"content": "Paris"}), chunk({}, "stop"), b"{", {"choices": [], "usage": USAGE}, b"[DONE]")

    assert isinstance(before.error, ProviderResponseError)
    assert before.completion() == "Par"
    assert behind.error is None
    assert behind.completion().usage.total_tokens == 8


def test_the_least_request() -> None:
    """No parameter is sent that was not given."""
    request = DIALECT.complete("x", model="a/b?c#d", stream=False, options={})

    assert request.path == "/chat/completions"
    assert request.body == {"model": "a/b?c#d", "messages": [{"role": "user", "content": "x"}]}
    assert (request.stream, request.method, request.headers) == (False, "POST", None)


def test_a_request_for_a_stream() -> None:
    """A stream is asked for together with its usage."""
    request = DIALECT.complete("x", model="m", stream=True, options={})

    assert request.stream
    assert request.body["stream"] is True
    assert request.body["stream_options"] == {"include_usage": True}


def test_every_option_is_sent() -> None:
    """Each option arrives under the wire's name for it."""
    options = {
        "system": "be brief",
        "temperature": 0,
        "max_tokens": 5,
        "top_p": 0.5,
        "frequency_penalty": -1,
        "presence_penalty": 1,
        "stop": "END",
        "seed": 7,
        "reasoning_effort": "low",
        "user": "u",
    }
    body = DIALECT.complete("x", model="m", stream=False, options=options).body

    assert body["messages"] == [{"role": "system", "content": "be brief"}, {"role": "user", "content": "x"}]
    assert body["stop"] == ["END"]
    assert {name: body[name] for name in options if name not in ("system", "stop")} == {
        name: value for name, value in options.items() if name not in ("system", "stop")
    }
    current = OpenAIDialect(max_tokens_field="max_completion_tokens").complete(
        "x", model="m", stream=False, options=options
    )

    assert current.body["max_completion_tokens"] == 5
    assert "max_tokens" not in current.body


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", "hot"),
        ("temperature", -1),
        ("max_tokens", 0),
        ("max_tokens", 1.5),
        ("top_p", True),
        ("stop", []),
        ("seed", "7"),
        ("system", " "),
        ("user", 3),
        ("temperatur", 1),
        ("stream", True),
        ("model", "m"),
        ("messages", []),
    ],
)
def test_options_that_are_refused(name: str, value: Any) -> None:
    """What is wrong or unknown is refused before anything is sent."""
    with pytest.raises(ProviderInputError, match=name):
        DIALECT.complete("x", model="m", stream=False, options={name: value})


def test_a_dialect_with_additions() -> None:
    """A service that takes more says so."""
    dialect = OpenAIDialect(extra_options={"route": check.text})

    assert dialect.complete("x", model="m", stream=False, options={"route": "a"}).body["route"] == "a"
    with pytest.raises(ProviderInputError, match="route"):
        DIALECT.complete("x", model="m", stream=False, options={"route": "a"})


def test_a_request_for_embeddings() -> None:
    """Embeddings are asked for in base64; the length only where it was given."""
    request = DIALECT.embed(["a", "b"], model="m", dimensions=None, options={})

    assert request.path == "/embeddings"
    assert request.body == {"model": "m", "input": ["a", "b"], "encoding_format": "base64"}
    more = DIALECT.embed(["a"], model="m", dimensions=3, options={"user": "u"})

    assert (more.body["dimensions"], more.body["user"]) == (3, "u")
    with pytest.raises(ProviderInputError, match="temperature"):
        DIALECT.embed(["a"], model="m", dimensions=None, options={"temperature": 1})


def test_embeddings_in_order() -> None:
    """Rows are put in the order of their index, whether they are numbers or base64."""
    request = DIALECT.embed(["a", "b"], model="m", dimensions=None, options={})
    batch = DIALECT.parse_embeddings(copy.deepcopy(ROWS), request)

    assert [list(vector) for vector in batch.vectors] == [[1.0, 2.0, 3.0], [0.5, 1.0, -2.0]]
    assert (batch.model, batch.usage.input_tokens) == ("m", 4)


def packed(*numbers: float) -> str:
    return base64.b64encode(array("f", numbers).tobytes()).decode()


@pytest.mark.parametrize(
    "rows",
    [
        None,
        [],
        [{}],
        [{"embedding": [1.0]}, {"embedding": [1.0]}],
        [{"embedding": []}],
        [{"embedding": ""}],
        [{"embedding": "no base64!"}],
        [{"embedding": "AAA="}],
        [{"embedding": packed(1.0) + "\n"}],
        [{"embedding": packed(float("nan"))}],
        [{"embedding": packed(1.0, float("inf"))}],
        [{"embedding": [float("nan")]}],
        [{"embedding": [1e400, -1e400]}],
        [{"embedding": ["1.0"]}],
        [{"embedding": [True]}],
        [{"embedding": [None]}],
        [{"embedding": [[1.0]]}],
        [{"embedding": {"0": 1.0}}],
        [{"embedding": [10**400]}],
        [{"embedding": [1.0], "index": 1}],
        [{"embedding": [1.0], "index": -1}],
        [{"embedding": [1.0], "index": "0"}],
        [{"embedding": [1.0], "index": False}],
        ["x"],
    ],
)
def test_what_is_no_embedding(rows: Any) -> None:
    """Too few, too many, misnumbered, empty, of another type or not finite: none of it is a vector."""
    request = DIALECT.embed(["a"], model="m", dimensions=None, options={})
    with pytest.raises(ProviderResponseError):
        DIALECT.parse_embeddings({"data": rows}, request)


@pytest.mark.parametrize(
    "rows",
    [
        [[1.0], [1.0, 2.0]],
        [packed(1.0), packed(1.0, 2.0)],
        [packed(1.0, 2.0), packed(1.0)],
        [packed(1.0, 2.0), [1.0]],
    ],
)
def test_embeddings_of_several_lengths(rows: list[Any]) -> None:
    """Vectors of one answer are of one length."""
    request = DIALECT.embed(["a", "b"], model="m", dimensions=None, options={})
    with pytest.raises(ProviderResponseError, match="lengths"):
        DIALECT.parse_embeddings({"data": [{"embedding": row} for row in rows]}, request)


@pytest.mark.parametrize("places", [[2, 0, 1], [0, 1, 2], [None, 1, 2], [None, None, None]])
def test_packed_embeddings_in_order(places: list[int | None]) -> None:
    """Rows in base64 are put in the order of their index, or stay where they are without one."""
    request = DIALECT.embed(["a", "b", "c"], model="m", dimensions=None, options={})
    order = [at if place is None else place for at, place in enumerate(places)]
    rows = [
        {"embedding": packed(at, -at), **({} if place is None else {"index": place})}
        for at, place in zip(order, places, strict=True)
    ]

    assert list(DIALECT.parse_embeddings({"data": rows}, request).vectors) == [[0.0, 0.0], [1.0, -1.0], [2.0, -2.0]]


def test_an_error_in_place_of_embeddings() -> None:
    """An error inside a 200 is one here, too."""
    request = DIALECT.embed(["a"], model="m", dimensions=None, options={})
    with pytest.raises(ProviderRateLimitError, match="no luck"):
        DIALECT.parse_embeddings({"error": {"message": "no luck", "code": 429}}, request)
