"""Gemini's dialect is a set of total functions: whatever comes, a domain value or a `ProviderError` goes out."""

from __future__ import annotations

import copy
import gc
import json
import math
import pickle
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
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
    Usage,
)
from pepperpy.providers.dialect import Request
from pepperpy.providers.messages import Message, ToolCall
from pepperpy_gemini.dialect import TASKS, GeminiDialect, locate, unit_length

from .spoiling import json_values, spoiled_values

DIALECT = GeminiDialect()

ANSWER: dict[str, Any] = {
    "candidates": [
        {
            "content": {
                "parts": [
                    {"text": "hm", "thought": True},
                    {"text": "Paris"},
                    {"functionCall": {"name": "look_up", "args": {}}, "thoughtSignature": "sig"},
                ],
                "role": "model",
            },
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "promptFeedback": {"blockReason": None, "safetyRatings": []},
    "usageMetadata": {
        "promptTokenCount": 3,
        "cachedContentTokenCount": 1,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 7,
        "totalTokenCount": 15,
    },
    "modelVersion": "gemini-3.8-flash",
    "responseId": "r",
}
BLOCKED = {"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "no"}}
VECTORS = {"embeddings": [{"values": [0.6, 0.8]}, {"values": [1.0, 0]}], "usageMetadata": {"promptTokenCount": 3}}
ERROR = {
    "error": {
        "code": 429,
        "message": "Please retry in 4.5s.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {"@type": "ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED", "metadata": {"quota_limit": "TokensPerMinute"}},
            {"@type": "QuotaFailure", "violations": [{"quotaId": "RequestsPerMinute", "quotaMetric": "requests"}]},
            {"@type": "RetryInfo", "retryDelay": "4s"},
        ],
    }
}

JSON = json_values("error", "candidates", "text", "STOP", "SAFETY", "1e999s", "0")


def spoiled(*wholes: Any) -> st.SearchStrategy[Any]:
    return spoiled_values(wholes, JSON)


def fields(completion: Completion) -> tuple[Any, ...]:
    names = ("text", "usage", "finish_reason", "native_finish_reason", "model", "id", "reasoning", "tool_calls")
    return tuple(repr(getattr(completion, name)) for name in names)


def check_error(error: ProviderError) -> None:
    assert isinstance(error, ProviderAPIError)
    assert len(str(error)) < 2_500
    json.dumps(error.details, allow_nan=False)
    assert pickle.loads(pickle.dumps(error)).details == error.details


def check_completion(completion: Any) -> None:
    assert isinstance(completion, Completion)
    assert completion.finish_reason is None or isinstance(completion.finish_reason, str)
    assert completion.native_finish_reason is None or isinstance(completion.native_finish_reason, str)
    assert completion.reasoning is None or isinstance(completion.reasoning, str)
    assert completion.model is None or isinstance(completion.model, str)
    for count in (completion.usage.input_tokens, completion.usage.output_tokens, completion.usage.total_tokens):
        assert count is None or count >= 0
    assert len({call.id for call in completion.tool_calls}) == len(completion.tool_calls)
    for call in completion.tool_calls:
        assert call.name
        assert call.problem is None or not isinstance(json.loads(call.raw_arguments), dict)
    again = [Message.user("x"), completion.message, *(Message.tool(call, "ok") for call in completion.tool_calls)]
    json.dumps(DIALECT.complete(again, model="gemini-3.8-flash", stream=False, options={}).body)
    assert pickle.loads(pickle.dumps(completion)).native == completion.native


@given(spoiled(ANSWER, BLOCKED, ERROR, [ANSWER, ANSWER], [ERROR], VECTORS))
def test_any_answer_gives_a_completion_or_an_error(payload: Any) -> None:
    """Whatever stands wherever in an answer, it is read or refused."""
    try:
        check_completion(DIALECT.parse_completion(payload))
    except ProviderError as error:
        check_error(error)


@given(st.lists(spoiled(ANSWER, BLOCKED, ERROR, [ANSWER]).map(lambda chunk: json.dumps(chunk).encode()) | st.binary()))
def test_a_stream_of_anything_never_raises(events: list[bytes]) -> None:
    """Whatever the events hold, there are pieces, none empty, and perhaps an error."""
    parser = DIALECT.stream_parser()
    pieces = parser.feed(events)

    assert all(pieces)
    assert parser.completion() == "".join(pieces)
    check_completion(parser.completion())
    if parser.error is not None:
        check_error(parser.error)


@given(st.lists(spoiled(ANSWER, ERROR).map(lambda chunk: json.dumps(chunk).encode())))
def test_events_mean_the_same_one_by_one_and_together(events: list[bytes]) -> None:
    """How many events come in one read makes no difference up to the error that ends them."""
    together, one_by_one = DIALECT.stream_parser(), DIALECT.stream_parser()
    pieces = together.feed(events)
    singly: list[str] = []
    for event in events:
        if one_by_one.error is None:
            singly += one_by_one.feed([event])

    assert singly == pieces
    assert fields(one_by_one.completion()) == fields(together.completion())
    assert str(one_by_one.error) == str(together.error)


def asking_for(count: int) -> Request:
    return DIALECT.embed(["x"] * count, model="gemini-embedding-2", dimensions=None, options={})


@given(spoiled(VECTORS, {"embedding": {"values": [1.0]}}, ERROR, [ERROR]), st.integers(1, 3))
def test_any_embeddings_give_vectors_or_an_error(payload: Any, count: int) -> None:
    """Whatever stands wherever, there are as many finite vectors of one length as asked for, or an error."""
    try:
        batch = DIALECT.parse_embeddings(copy.deepcopy(payload), asking_for(count))
    except ProviderError as error:
        check_error(error)
        return

    assert len(batch.vectors) == count
    assert len({len(vector) for vector in batch.vectors}) <= 1
    assert all(type(number) is float and math.isfinite(number) for vector in batch.vectors for number in vector)


@given(st.integers(300, 599), spoiled(ERROR, [ERROR], {"error": "no"}, {"detail": [{"msg": "no"}]}) | st.text())
def test_any_error_body_gives_an_error(status: int, payload: Any) -> None:
    """Whatever an error's body is, an error of the right status comes out."""
    error = DIALECT.parse_error(status, payload)

    check_error(error)
    assert error.status == status
    assert error.retry_after is None or 0 <= error.retry_after < math.inf


@given(st.text(min_size=1))
def test_no_model_name_leaves_its_place(model: str) -> None:
    """The path has one segment for the model's name, whatever that is."""
    try:
        _, path = locate(model)
    except ProviderInputError:
        return

    assert path.count("/") == 2
    assert path.isascii()
    assert not set(path) & set("?#\\ \r\n\t")


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_unit_length_stays_finite(vector: list[float]) -> None:
    """A vector of any finite numbers stays one."""
    assert all(map(math.isfinite, unit_length(vector)))


def test_an_error_nested_too_deep_has_no_message() -> None:
    """An error inside an error inside an error, and so on, is still one."""
    payload: Any = "no such luck"
    for _ in range(10_000):
        payload = {"error": payload}

    assert "no message" in str(DIALECT.parse_error(500, payload))


def test_deep_nesting_is_a_malformed_event() -> None:
    """An event that is nested 100,000 deep is refused, not a RecursionError."""
    parser = DIALECT.stream_parser()
    parser.feed([b'{"candidates":' + b"[" * 100_000 + b"]" * 100_000 + b"}"])

    assert isinstance(parser.error, ProviderResponseError)


def test_thinking_is_kept_apart() -> None:
    """Thoughts are reasoning, no text, and count as output."""
    completion = DIALECT.parse_completion(ANSWER)

    assert (completion, completion.reasoning) == ("Paris", "hm")
    assert completion.usage == Usage(
        input_tokens=3, output_tokens=12, total_tokens=15, cached_tokens=1, reasoning_tokens=7
    )
    assert (completion.model, completion.id) == ("gemini-3.8-flash", "r")
    assert completion.tool_calls == (ToolCall("call_0", "look_up", "{}"),)
    assert completion.raw is ANSWER


@pytest.mark.parametrize(
    ("usage", "output", "reasoning"),
    [
        ({}, None, None),
        (None, None, None),
        ({"promptTokenCount": 1}, None, None),
        ({"candidatesTokenCount": 2}, 2, None),
        ({"thoughtsTokenCount": 3}, 3, 3),
        ({"candidatesTokenCount": 2, "thoughtsTokenCount": None}, 2, None),
        ({"candidatesTokenCount": -1, "thoughtsTokenCount": True}, None, None),
    ],
)
def test_what_is_not_said_of_usage_is_none(usage: Any, output: int | None, reasoning: int | None) -> None:
    """A count that is missing or broken is None, never 0."""
    completion = DIALECT.parse_completion({"candidates": [{"finishReason": "STOP"}], "usageMetadata": usage})

    assert (completion.usage.output_tokens, completion.usage.reasoning_tokens) == (output, reasoning)


@pytest.mark.parametrize(
    ("native", "unified"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "malformed_function_call"),
        ("LANGUAGE", "language"),
        ("OTHER", "other"),
        ("SOMETHING_NEW", "something_new"),
        (1, "stop"),
        (2, "length"),
        (3, "content_filter"),
        ("FINISH_REASON_UNSPECIFIED", None),
        (0, None),
        (None, None),
    ],
)
def test_finish_reasons(native: Any, unified: str | None) -> None:
    """Google's reasons become the shared words, and stay readable as Google's own."""
    payload = {"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": native}]}
    completion = DIALECT.parse_completion(payload)

    assert completion.finish_reason == unified
    assert completion.native_finish_reason == (None if unified is None else str(native))


@pytest.mark.parametrize(("native", "unified"), [("STOP", "tool_calls"), ("MAX_TOKENS", "length")])
def test_a_tool_call_ends_with_stop(native: str, unified: str) -> None:
    """STOP behind a tool call means the call, also where the call came in an earlier chunk."""
    call = {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f"}}]}}]}
    parser = DIALECT.stream_parser()
    parser.feed([json.dumps(call).encode(), json.dumps({"candidates": [{"finishReason": native}]}).encode()])

    assert parser.completion().finish_reason == unified
    assert parser.completion().tool_calls == (ToolCall("call_0", "f"),)


@pytest.mark.parametrize(
    ("calls", "ids"),
    [
        ([{}, {}], ["call_0", "call_1"]),
        ([{"id": "a"}, {}, {"id": "b"}], ["a", "call_1", "b"]),
        ([{"id": ""}, {"id": None}, {"id": 3}], ["call_0", "call_1", "call_2"]),
        ([{"id": "a"}, {"id": "a"}], ["a", "call_1"]),
        ([{"id": "call_1"}, {}], ["call_1", "call_2"]),
        ([{}, {"id": "call_0"}], ["call_0", "call_1"]),
    ],
)
def test_every_call_has_an_id_of_its_own(calls: list[dict[str, Any]], ids: list[str]) -> None:
    """The service's id where it gave one, else one that is made up and no other call's."""
    parts = [{"functionCall": {"name": "f", **call}} for call in calls]
    completion = DIALECT.parse_completion({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]})

    assert [call.id for call in completion.tool_calls] == ids


@pytest.mark.parametrize(
    ("arguments", "raw"),
    [
        (None, "{}"),
        ({}, "{}"),
        ({"city": "Zürich"}, '{"city": "Zürich"}'),
        ({"city": "\ud800"}, '{"city": "\\ud800"}'),
        (["x"], '["x"]'),
    ],
)
def test_arguments_are_handed_on_as_json(arguments: Any, raw: str) -> None:
    """Arguments, which Gemini sends as an object, read as those of any other service."""
    part = {"functionCall": {"name": "f", "args": arguments}}
    (call,) = DIALECT.parse_completion({"candidates": [{"content": {"parts": [part]}}]}).tool_calls

    assert call.raw_arguments == raw
    assert (call.problem is None) == (not isinstance(arguments, list))


def test_arguments_nested_too_deep_are_refused() -> None:
    """Arguments that no JSON can be made of are an error of the answer, not a RecursionError."""
    arguments: Any = {}
    for _ in range(100_000):
        arguments = {"a": arguments}
    part = {"functionCall": {"name": "f", "args": arguments}}

    with pytest.raises(ProviderResponseError, match="nested too deep"):
        DIALECT.parse_completion({"candidates": [{"content": {"parts": [part]}}]})


@pytest.mark.parametrize("call", ["f", [], 3, {}, {"name": ""}, {"name": 3}, {"args": {}}])
def test_a_call_of_nothing_is_refused(call: Any) -> None:
    """A call that names no tool cannot be answered, so the answer is none."""
    with pytest.raises(ProviderResponseError, match="names no tool"):
        DIALECT.parse_completion({"candidates": [{"content": {"parts": [{"functionCall": call}]}}]})


def test_what_is_no_text_has_its_place_among_the_pieces() -> None:
    """Thoughts and calls come with the number of pieces before them, whichever the chunk."""
    parser = DIALECT.stream_parser()
    for parts in (
        [{"text": "hm", "thought": True}, {"text": "a"}],
        [{"text": "b"}],
        [
            {"text": "c"},
            {"functionCall": {"name": "f"}},
            {"text": "oh", "thought": True},
            {"text": "", "thought": True},
        ],
        [{"text": "d"}],
    ):
        parser.feed([json.dumps({"candidates": [{"content": {"parts": parts}}]}).encode()])

    assert parser.completion() == "abcd"
    assert parser.asides == [(0, "hm"), (3, ToolCall("call_0", "f")), (3, "oh")]
    assert parser.completion().reasoning == "hmoh"


def test_a_finish_reason_does_not_end_a_stream() -> None:
    """Some services put STOP on every chunk: what comes behind it counts, and the last usage stays."""
    parser = DIALECT.stream_parser()
    events = [
        {
            "candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": count},
        }
        for count, text in enumerate("abc", 1)
    ]

    assert not parser.finished
    assert parser.feed([json.dumps(event).encode() for event in events]) == ["a", "b", "c"]
    assert (parser.finished, parser.done) == (True, False)
    assert parser.completion().usage.output_tokens == 3


@pytest.mark.parametrize(
    ("words", "last"),
    [(["STOP", None], "STOP"), (["STOP", "FINISH_REASON_UNSPECIFIED"], "STOP"), (["STOP", "SAFETY"], "SAFETY")],
)
def test_the_last_finish_reason_counts(words: list[Any], last: str) -> None:
    """A later chunk may correct the reason, and one without a reason takes none back."""
    parser = DIALECT.stream_parser()
    parser.feed([json.dumps({"candidates": [{"finishReason": word}]}).encode() for word in words])

    assert parser.completion().native_finish_reason == last


def test_a_prompt_that_is_blocked_without_a_reason_ends_the_stream() -> None:
    """A message alone tells that a streamed prompt was blocked."""
    parser = DIALECT.stream_parser()
    parser.feed([b'{"promptFeedback": {"blockReasonMessage": "not this"}}'])

    assert isinstance(parser.error, ProviderContentFilterError)
    assert "not this" in str(parser.error)


def test_chunks_without_text_pass_unseen() -> None:
    """Chunks that only tell a role, a usage, a thought, nothing, or another candidate's text give no piece."""
    parser = DIALECT.stream_parser()
    events: list[Any] = [
        {},
        {"candidates": None},
        {"candidates": [{"content": None}]},
        {"candidates": [{"content": {"role": "model"}}]},
        {"candidates": [{"content": {"parts": None}}]},
        {"candidates": [{"content": {"parts": [{"text": ""}, {"text": None}, {"text": "hm", "thought": True}]}}]},
        {"candidates": [{"index": 1, "content": {"parts": [{"text": "other"}]}, "finishReason": "STOP"}]},
        {"promptFeedback": {"safetyRatings": []}},
        {"usageMetadata": {"promptTokenCount": 3}},
    ]

    assert parser.feed([b"", b"  ", *(json.dumps(event).encode() for event in events)]) == []
    assert parser.error is None
    assert not parser.finished
    assert parser.completion().usage.input_tokens == 3


def test_what_is_behind_the_terminator_of_a_gateway_is_ignored() -> None:
    """[DONE], which Google doesn't send, ends a stream where a gateway does."""
    parser = DIALECT.stream_parser()

    assert parser.feed([json.dumps(ANSWER).encode(), b"[DONE]", json.dumps(ANSWER).encode()]) == ["Paris"]
    assert parser.done


@pytest.mark.parametrize(
    "payload",
    [
        {},
        [],
        None,
        "Paris",
        [[ANSWER]],
        {"candidates": []},
        {"candidates": {}},
        {"candidates": [{}]},
        {"candidates": [{"content": {"parts": []}}]},
        {"candidates": [{"content": "Paris", "finishReason": "STOP"}]},
        {"candidates": [{"content": {"parts": "Paris"}, "finishReason": "STOP"}]},
        {"candidates": [{"content": {"parts": ["Paris"]}, "finishReason": "STOP"}]},
        {"candidates": [{"content": {"parts": [{"text": 5}]}, "finishReason": "STOP"}]},
        {"candidates": [{"content": {"parts": [{"functionCall": "f"}]}, "finishReason": "STOP"}]},
        {"candidates": [{"index": 1, "content": {"parts": [{"text": "Paris"}]}}]},
    ],
)
def test_what_is_no_answer_is_refused(payload: Any) -> None:
    """An answer without a text and without a reason for that is an error, never an empty text."""
    with pytest.raises(ProviderResponseError):
        DIALECT.parse_completion(payload)


@pytest.mark.parametrize("feedback", [{"blockReason": "OTHER"}, {"blockReasonMessage": "no"}, {"safetyRatings": [{}]}])
def test_a_prompt_without_candidates_was_blocked(feedback: dict[str, Any]) -> None:
    """Feedback in place of candidates means a blocked prompt, also where the reason is left out."""
    with pytest.raises(ProviderContentFilterError, match="the prompt was blocked"):
        DIALECT.parse_completion({"candidates": [], "promptFeedback": feedback})


@pytest.mark.parametrize(
    "payload",
    [
        {"embeddings": [{"values": [1.0]}]},
        {"embeddings": [{"values": []}, {"values": []}]},
        {"embeddings": [{"values": [1.0]}, {}]},
        {"embeddings": [{"values": [1.0]}, {"values": [1.0, 2.0]}]},
        {"embeddings": [{"values": [1.0]}, {"values": ["NaN"]}]},
        {"embeddings": [{"values": [1.0]}, {"values": [True]}]},
        {"embeddings": [{"values": [1.0]}, {"values": [10**400]}]},
        {"embeddings": [{"values": [1.0]}, {"values": [float("inf")]}]},
        {"embedding": {"values": [1.0]}},
        {"embeddings": None},
        [],
        None,
    ],
)
def test_what_are_not_the_embeddings_asked_for_is_refused(payload: Any) -> None:
    """Two vectors were asked for: fewer, empty ones, and what is not finite are errors."""
    with pytest.raises(ProviderResponseError):
        DIALECT.parse_embeddings(payload, asking_for(2))


@pytest.mark.parametrize("wrap", [lambda error: error, lambda error: [error]], ids=["object", "list"])
def test_an_error_in_place_of_embeddings_is_that_error(wrap: Any) -> None:
    """An error inside a 200 keeps its kind."""
    with pytest.raises(ProviderRateLimitError):
        DIALECT.parse_embeddings(wrap(ERROR), asking_for(2))


def test_a_single_embedding_is_a_batch_of_one() -> None:
    """What a gateway makes of a batch of one is taken for one."""
    batch = DIALECT.parse_embeddings({"embedding": {"values": [1.0, 2]}}, asking_for(1))

    assert batch.vectors == [[1.0, 2.0]]


def detail(**fields: Any) -> dict[str, Any]:
    return {"details": [{"@type": "type.googleapis.com/google.rpc.Anything"}, fields]}


@pytest.mark.parametrize(
    ("status", "fields", "kind"),
    [
        (400, detail(reason="API_KEY_INVALID"), ProviderAuthenticationError),
        (400, detail(reason="API_KEY_EXPIRED"), ProviderAuthenticationError),
        (400, {"message": "API key not valid. Please pass a valid API key."}, ProviderAuthenticationError),
        (400, {"message": "API key expired. Please renew the API key."}, ProviderAuthenticationError),
        (400, {"message": "User location is not supported for the API use."}, ProviderAPIError),
        (400, {"message": "The input token count (9) exceeds the maximum number of tokens allowed (8)."}, None),
        (400, {"message": "the input token count is 32913 but model only supports up to 32768"}, None),
        (400, {"message": "Request payload size exceeds the limit: 36000 bytes."}, None),
        (401, {}, ProviderAuthenticationError),
        (402, {"status": "RESOURCE_EXHAUSTED"}, ProviderQuotaError),
        (403, {}, ProviderAuthenticationError),
        (404, {}, ProviderAPIError),
        (413, {}, None),
        (429, {}, ProviderRateLimitError),
        (429, detail(violations=[{"quotaId": "TokensPerModelPerMinute"}]), ProviderRateLimitError),
        (429, detail(violations=[{}, 1, {"quotaId": "RequestsPerDayPerProject-FreeTier"}]), ProviderQuotaError),
        (429, detail(violations=[{"quotaMetric": "x.com/embed_requests_per_day"}]), ProviderQuotaError),
        (429, detail(violations=[{"description": "limit 'requests per day'"}]), ProviderQuotaError),
        (429, detail(metadata={"quota_limit": "GenerateRequestsPerDayPerProject"}), ProviderQuotaError),
        (429, {"message": "Quota exceeded for quota metric 'x' and limit 'requests per day'"}, ProviderQuotaError),
        (429, {"message": "Your prepayment credits are depleted."}, ProviderQuotaError),
        (429, {"message": "You exceeded your current quota, please check your plan"}, ProviderRateLimitError),
        (499, {}, ProviderAPIError),
        (503, {}, ProviderAPIError),
    ],
)
@pytest.mark.parametrize("as_list", [False, True])
@pytest.mark.parametrize("inside_200", [False, True])
def test_kinds_of_errors(
    status: int, fields: dict[str, Any], kind: type[ProviderAPIError] | None, as_list: bool, inside_200: bool
) -> None:
    """Status and details decide the class; the words do only where there is nothing else. None: a prompt too long."""
    payload: Any = {"error": {"code": status, **fields}}
    payload = [payload] if as_list else payload
    if inside_200:
        with pytest.raises(ProviderAPIError) as caught:
            DIALECT.parse_completion(payload)
        error = caught.value
    else:
        error = DIALECT.parse_error(status, payload)

    assert type(error) is (kind or ProviderContextLengthError)
    assert error.status == (200 if inside_200 else status)
    assert error.retryable == (status == 503 or kind is ProviderRateLimitError)


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        (detail(retryDelay="48s"), 48),
        (detail(retryDelay="34.4s"), 34.4),
        (detail(retryDelay="34.429573820s"), 34.42957382),
        (detail(retryDelay="1m30s"), 90),
        (detail(retryDelay="250ms"), 0.25),
        (detail(retryDelay="0s"), 0),
        ({"message": "Please retry in 48.939935699s."}, 48.939935699),
        ({"message": "Please retry in 5h0m1s."}, 18_001),
        ({"message": "Please retry in 48.9s.", **detail(retryDelay="48s")}, 48),
        ({"message": "Please retry in 48.9s.", **detail(retryDelay="soon")}, 48.9),
        (detail(retryDelay="-1s"), None),
        (detail(retryDelay="nans"), None),
        (detail(retryDelay="9" * 5000 + "s"), None),
        (detail(retryDelay=48), None),
        (detail(retryDelay=None), None),
        ({}, None),
    ],
)
def test_delays(fields: dict[str, Any], seconds: float | None) -> None:
    """The delay is RetryInfo's, else that of the message; what makes no sense is none."""
    error = DIALECT.parse_error(429, {"error": fields})

    assert error.retry_after == (seconds if seconds is None else pytest.approx(seconds))


def test_a_code_that_is_no_status_is_passed_over() -> None:
    """An error inside a 200 whose code is none of HTTP's is known by its word."""
    with pytest.raises(ProviderRateLimitError, match="answered 429"):
        DIALECT.parse_completion({"error": {"code": 8, "status": "RESOURCE_EXHAUSTED"}})


@pytest.mark.parametrize("word", ["UNAVAILABLE", "INTERNAL", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED"])
def test_an_error_in_an_answer_is_known_by_its_word(word: str) -> None:
    """Where an error inside a 200 has no code, its word tells whether a repetition may help."""
    with pytest.raises(ProviderAPIError) as caught:
        DIALECT.parse_completion({"error": {"status": word, "message": "later"}})

    assert caught.value.retryable


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stop", ["1", "2", "3", "4", "5", "6"]),
        ("stop", []),
        ("top_k", 0),
        ("top_k", 1.5),
        ("max_tokens", "many"),
        ("temperature", float("nan")),
        ("safety_settings", {"category": "x"}),
        ("safety_settings", ["BLOCK_NONE"]),
        ("system", " "),
        ("candidate_count", 2),
    ],
)
def test_wrong_options_are_refused(name: str, value: Any) -> None:
    """An option that is unknown or has a wrong value is refused by name."""
    with pytest.raises(ProviderInputError, match=name):
        DIALECT.complete("hi", model="m", stream=False, options={name: value})


def test_every_option_has_its_place() -> None:
    """No option is dropped on the way."""
    settings = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    options = {
        "system": "s",
        "temperature": 0,
        "max_tokens": 1,
        "top_p": 0.5,
        "top_k": 2,
        "stop": ["1", "2", "3", "4", "5"],
        "seed": -3,
        "presence_penalty": -0.5,
        "frequency_penalty": 0.5,
        "safety_settings": settings,
    }
    request = DIALECT.complete("hi", model="m", stream=False, options=options)

    assert request.body == {
        "systemInstruction": {"parts": [{"text": "s"}]},
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "generationConfig": {
            "temperature": 0,
            "maxOutputTokens": 1,
            "topP": 0.5,
            "topK": 2,
            "stopSequences": ["1", "2", "3", "4", "5"],
            "seed": -3,
            "presencePenalty": -0.5,
            "frequencyPenalty": 0.5,
        },
        "safetySettings": settings,
    }


def test_gemma_gets_the_system_text_in_the_prompt() -> None:
    """Gemma refuses a system instruction, so it stands before the prompt."""
    request = DIALECT.complete("hi", model="gemma-4-31b-it", stream=False, options={"system": "be brief"})

    assert request.body == {"contents": [{"role": "user", "parts": [{"text": "be brief\n\nhi"}]}]}


def test_a_plain_call_loads_nothing_for_conversations() -> None:
    """A text in and a text out need no module that tools, settings or conversations need."""
    script = (
        "import sys\n"
        "from pepperpy_gemini.dialect import GeminiDialect\n"
        "dialect = GeminiDialect()\n"
        "dialect.complete('hi', model='gemini-3.8-flash', stream=False, options={})\n"
        f"dialect.parse_completion({answer_of('hm', thought=True)!r})\n"
        "print(*(name for name in sys.modules if name.startswith('pepperpy')))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())

    assert {name for name in loaded if name.startswith("pepperpy_gemini.")} == {
        *("pepperpy_gemini.answers", "pepperpy_gemini.dialect", "pepperpy_gemini.errors", "pepperpy_gemini.provider")
    }
    assert "pepperpy.providers.messages" not in loaded


def answer_of(text: str, **part: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [{"text": text, **part}]}, "finishReason": "STOP"}]}


def test_the_usual_chunk_makes_few_calls() -> None:
    """A chunk that is one piece of text makes next to no function calls, so that streams stay fast."""
    chunk = {
        "candidates": [{"content": {"parts": [{"text": "a"}]}, "index": 0}],
        "usageMetadata": {"totalTokenCount": 1},
    }
    events = [json.dumps(chunk).encode()] * 1000
    parser = DIALECT.stream_parser()
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    # What the garbage collector calls in passing is not ours.
    gc.disable()
    sys.setprofile(profile)
    try:
        parser.feed(events)
    finally:
        sys.setprofile(None)
        gc.enable()

    assert parser.completion() == "a" * 1000
    assert count < 3 * len(events)


@pytest.mark.parametrize("together", [True, False])
def test_what_looks_like_the_usual_chunk_and_is_not(together: bool) -> None:
    """Behind the first chunk too, another candidate is passed over, the last usage counts, and an error is one."""

    def chunk(text: str, index: int = 0, **more: Any) -> bytes:
        return json.dumps({"candidates": [{"content": {"parts": [{"text": text}]}, "index": index}], **more}).encode()

    events = [
        chunk("a", usageMetadata={"promptTokenCount": 1}),
        chunk("x", index=1),
        chunk("b", usageMetadata={"promptTokenCount": 2}),
        chunk("c", usageMetadata=None),
        chunk("y", error={"code": 503, "message": "no more"}),
    ]
    parser = DIALECT.stream_parser()
    pieces = [
        piece for each in ([events] if together else [[event] for event in events]) for piece in parser.feed(each)
    ]

    assert pieces == ["a", "b", "c"]
    assert parser.completion().usage.input_tokens == 2
    assert parser.error is not None
    assert "no more" in str(parser.error)


@pytest.mark.parametrize("task", TASKS)
def test_tasks(task: str) -> None:
    """Each task reaches the newer model in the text and the older one in a field."""
    newer, older = (
        DIALECT.embed(["cats"], model=model, dimensions=None, options={"task_type": task.lower()}).body["requests"][0]
        for model in ("gemini-embedding-2", "gemini-embedding-001")
    )

    assert newer["content"]["parts"] == [{"text": TASKS[task] + "cats"}]
    assert "taskType" not in newer
    assert (older["content"]["parts"], older["taskType"]) == ([{"text": "cats"}], task)


@pytest.mark.parametrize("options", [{"task_type": "SEARCH"}, {"task_type": 1}, {"user": "me"}])
def test_wrong_options_of_embeddings_are_refused(options: dict[str, Any]) -> None:
    """An unknown task or option is refused."""
    with pytest.raises(ProviderInputError, match=next(iter(options))):
        DIALECT.embed(["cats"], model="gemini-embedding-2", dimensions=None, options=options)


@pytest.mark.parametrize("model", ["models/", "tunedModels/", "\ud800"])
def test_wrong_names_of_models_are_refused(model: str) -> None:
    """A prefix alone, and what is no text, is no name."""
    with pytest.raises(ProviderInputError, match="model"):
        DIALECT.complete("hi", model=model, stream=False, options={})


def test_tuned_models_keep_their_collection() -> None:
    """A tuned model is not looked for among Google's own."""
    request = DIALECT.complete("hi", model="tunedModels/my-own", stream=False, options={})

    assert request.path == "/tunedModels/my-own:generateContent"


@pytest.mark.parametrize("bad", [True, False, None, "0.5", [1.0], 1e39, 10**400])
def test_many_embeddings_hold_nothing_but_numbers(bad: Any) -> None:
    """Of several embeddings, which are packed, each is checked as a single one is."""
    request = GeminiDialect().embed(["a", "b"], model="gemini-embedding-2", dimensions=None, options={})
    good = GeminiDialect().parse_embeddings(
        {"embeddings": [{"values": [1, 0, 0.5]}, {"values": [1.0, 2.0, 3]}]}, request
    )

    assert [[*vector] for vector in good.vectors] == [[1.0, 0.0, 0.5], [1.0, 2.0, 3.0]]
    with pytest.raises(ProviderResponseError, match="no list of finite numbers"):
        GeminiDialect().parse_embeddings({"embeddings": [{"values": [0.5, 0.25]}, {"values": [0.5, bad]}]}, request)
