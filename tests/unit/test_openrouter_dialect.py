"""OpenRouter's dialect is total, and knows OpenRouter's errors."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator
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
    ProviderQuotaError,
    ProviderRateLimitError,
)
from pepperpy.providers.dialect import EmbeddingBatch
from pepperpy_openrouter.dialect import MEANINGS, OpenRouterDialect

DIALECT = OpenRouterDialect()

ERROR = {
    "code": 429,
    "type": "rate_limit_error",
    "param": None,
    "message": "Provider returned error",
    "metadata": {
        "error_type": "rate_limit_exceeded",
        "provider_code": "slow_down",
        "provider_name": "BaseTen",
        "raw": '{"error": {"message": "upstream"}}',
        "reason": None,
        "limit_source": "upstream_provider_shared_pool",
        "remedy_hint": "Retry shortly",
        "retry_after_seconds": 11,
        "retry_after_seconds_raw": 10.9,
        "reasons": ["violence"],
        "flagged_input": "...",
        "resets_at": "2026-12-01T00:00:00Z",
        "limit_usd": 5,
        "previous_errors": [{"code": 502, "message": "down"}],
    },
}
USAGE = {
    "prompt_tokens": 3,
    "completion_tokens": 5,
    "total_tokens": 8,
    "cost": 1.4e-7,
    "prompt_tokens_details": {"cached_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
MESSAGE = {"content": "Paris", "reasoning": "hm", "refusal": None, "tool_calls": [CALL]}
ENDING = {"index": 0, "finish_reason": "stop", "native_finish_reason": "STOP", "error": None}
COMPLETION = {
    "id": "gen-1",
    "model": "a/b",
    "error": None,
    "choices": [{**ENDING, "message": MESSAGE}],
    "usage": USAGE,
}
CHUNK = {**COMPLETION, "choices": [{**ENDING, "delta": MESSAGE}]}
EMBEDDINGS = {
    "model": "a/e",
    "error": None,
    "data": [{"index": 0, "embedding": [1.0, 2.0]}, {"index": 1, "embedding": "AACAPwAAAEA="}],
    "usage": USAGE,
}

words = st.sampled_from(["error", "stop", "", "429", "200", "[DONE]", "openrouter/auto", *MEANINGS]) | st.text(
    max_size=9
)
scalars = (
    st.none() | st.booleans() | st.integers() | st.sampled_from([0, 402, 403, 429, 502, 10**400]) | st.floats() | words
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(words | st.sampled_from(list(ERROR)), inner, max_size=3)
    ),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to every value in a JSON value, itself included."""
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


@st.composite
def damaged(draw: st.DrawFn, *templates: Any) -> Any:
    """Draw one of the templates with any JSON values in up to three of its places."""
    value = copy.deepcopy(draw(st.sampled_from(templates)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(value))))
        if not path:
            return draw(values)
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = draw(values)
    return value


def with_error(template: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the template, as it is and with an error in its body and, where it has one, in its choice."""
    found = [template, {**template, "error": ERROR}]
    if "choices" in template:
        found.append({**template, "choices": [{**template["choices"][0], "error": ERROR, "finish_reason": "error"}]})
    return found


def assert_sound(error: ProviderError) -> None:
    again = pickle.loads(pickle.dumps(error))

    assert isinstance(error, ProviderAPIError)
    assert len(str(error)) <= 2_000
    json.dumps(error.details)
    assert (type(again), str(again)) == (type(error), str(error))
    assert error.retry_after is None or 0 <= error.retry_after < float("inf")


@given(damaged(*with_error(COMPLETION)))
def test_completions_are_read_or_refused(payload: Any) -> None:
    """Any JSON value in any place gives a completion or an error."""
    try:
        completion = DIALECT.parse_completion(payload)
    except ProviderError as error:
        assert_sound(error)
    else:
        assert isinstance(completion, Completion)
        assert completion.finish_reason != "error"
        assert completion.usage + completion.usage is not None


@given(st.lists(damaged(*with_error(CHUNK)) | st.sampled_from(["[DONE]", b"", b"{", b"[DONE] "]), max_size=4))
def test_streams_are_read_or_refused(chunks: list[Any]) -> None:
    """The same of the chunks of a stream: pieces of text, none empty, that are the completion's, and maybe an error."""
    parser = DIALECT.stream_parser()
    pieces = parser.feed([chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode() for chunk in chunks])

    assert "" not in pieces
    assert parser.completion() == "".join(pieces)
    assert isinstance(parser.finished, bool)
    if parser.error is not None:
        assert_sound(parser.error)
    else:
        assert parser.completion().finish_reason != "error"


@given(damaged(*with_error(EMBEDDINGS)), st.integers(1, 3))
def test_embeddings_are_read_or_refused(payload: Any, count: int) -> None:
    """The same of embeddings."""
    try:
        batch = DIALECT.parse_embeddings(payload, DIALECT.embed(["x"] * count, model="m", dimensions=None, options={}))
    except ProviderError as error:
        assert_sound(error)
    else:
        assert isinstance(batch, EmbeddingBatch)
        assert len(batch.vectors) == count


@given(st.sampled_from([400, 401, 402, 403, 404, 429, 500, 524, 529]), damaged({"error": ERROR}, ERROR))
def test_errors_are_read(status: int, payload: Any) -> None:
    """The same of an error's body, which is always an error of its status."""
    error = DIALECT.parse_error(status, payload)

    assert_sound(error)
    assert error.status == status


def parse(status: int, **fields: Any) -> ProviderAPIError:
    return DIALECT.parse_error(status, {"error": {"code": status, "message": "said", **fields}})


@pytest.mark.parametrize(
    ("error_type", "kind"),
    [
        ("context_length_exceeded", ProviderContextLengthError),
        ("string_too_long", ProviderContextLengthError),
        ("authentication", ProviderAuthenticationError),
        ("permission_denied", ProviderAuthenticationError),
        ("payment_required", ProviderQuotaError),
        ("rate_limit_exceeded", ProviderRateLimitError),
        ("content_policy_violation", ProviderContentFilterError),
        ("refusal", ProviderContentFilterError),
        ("invalid_request", ProviderAPIError),
        ("not_found", ProviderAPIError),
    ],
)
def test_the_type_decides(error_type: str, kind: type[ProviderAPIError]) -> None:
    """`metadata.error_type` decides the class, whatever the status, also inside a 200."""
    error = {"message": "said", "metadata": {"error_type": error_type}}
    found = [DIALECT.error_in_answer(error), DIALECT.parse_error(400, {"error": error})]

    assert [type(error) for error in found] == [kind, kind]
    assert [error.status for error in found] == [200, 400]
    assert [error.details["error_type"] for error in found] == [error_type, error_type]
    assert [error.retryable for error in found] == [kind is ProviderRateLimitError] * 2


@pytest.mark.parametrize("error_type", ["provider_overloaded", "provider_unavailable", "server", "timeout"])
def test_a_providers_failure_may_pass(error_type: str) -> None:
    """What is wrong with a provider is worth another try, inside a 200 without a code as well."""
    error = DIALECT.error_in_answer({"message": "said", "metadata": {"error_type": error_type}})

    assert type(error) is ProviderAPIError
    assert error.retryable


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, ProviderAPIError, False),
        (401, ProviderAuthenticationError, False),
        (402, ProviderQuotaError, False),
        (403, ProviderAuthenticationError, False),
        (404, ProviderAPIError, False),
        (408, ProviderAPIError, True),
        (413, ProviderContextLengthError, False),
        (429, ProviderRateLimitError, True),
        (502, ProviderAPIError, True),
        (503, ProviderAPIError, True),
        (524, ProviderAPIError, True),
        (529, ProviderAPIError, True),
    ],
)
@pytest.mark.parametrize("spell", [int, str])
def test_the_status_decides_the_rest(status: int, kind: type[ProviderAPIError], retryable: bool, spell: Any) -> None:
    """Where there is no type, or one that says nothing, the status decides, and inside a 200 the code."""
    metadata = {"error_type": "unmapped"}
    found = [
        parse(status),
        parse(status, metadata=metadata),
        DIALECT.error_in_answer({"code": spell(status), "message": "said"}),
    ]

    assert [type(error) for error in found] == [kind] * 3
    assert [error.retryable for error in found] == [retryable] * 3
    assert [error.status for error in found] == [status, status, 200]
    assert [error.code for error in found] == [str(status)] * 3


@pytest.mark.parametrize(
    ("status", "metadata", "kind"),
    [
        (402, {"limit_source": "openrouter_credits"}, ProviderQuotaError),
        (402, {"limit_source": "openrouter_key_limit", "error_type": "payment_required"}, ProviderQuotaError),
        (402, {"limit_source": "something_new"}, ProviderQuotaError),
        (
            402,
            {"limit_source": "openrouter_in_flight_budget", "error_type": "payment_required"},
            ProviderRateLimitError,
        ),
        (402, {"limit_source": "openrouter_in_flight_budget", "reason": "weight_exceeds_budget"}, ProviderQuotaError),
        (403, {"limit_source": "openrouter_guardrail_budget", "error_type": "permission_denied"}, ProviderQuotaError),
        (403, {"limit_source": "openrouter_workspace_budget"}, ProviderQuotaError),
        (403, {"limit_source": "openrouter_key_limit"}, ProviderQuotaError),
        (403, {"limit_source": "some_new_budget"}, ProviderQuotaError),
        (429, {"limit_source": "openrouter_free_tier_daily", "error_type": "rate_limit_exceeded"}, ProviderQuotaError),
        (429, {"limit_source": "upstream_provider_shared_pool"}, ProviderRateLimitError),
    ],
)
def test_money(status: int, metadata: dict[str, Any], kind: type[ProviderAPIError]) -> None:
    """`limit_source` tells money and daily quotas, which waiting does not bring back, from what it does."""
    inside = DIALECT.error_in_answer({"code": status, "message": "said", "metadata": metadata})
    found = [parse(status, metadata=metadata), inside]

    assert [type(error) for error in found] == [kind, kind]
    assert [error.retryable for error in found] == [kind is ProviderRateLimitError] * 2
    assert found[0].details["limit_source"] == metadata["limit_source"]


def test_the_daily_free_requests_are_a_quota() -> None:
    """The older answer names the daily limit in its message only; the limit per minute is a rate limit."""
    daily = parse(429, message="Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000")
    minute = parse(429, message="Rate limit exceeded: free-models-per-min.")

    assert (type(daily), daily.retryable) == (ProviderQuotaError, False)
    assert (type(minute), minute.retryable) == (ProviderRateLimitError, True)


@pytest.mark.parametrize(
    "fields",
    [
        {"metadata": {"reasons": ["violence"], "flagged_input": "secret prompt"}},
        {"metadata": {"flagged_input": "secret prompt"}},
        {"metadata": {"patterns": ["ignore all"], "error_type": "permission_denied"}},
        {"message": "Request blocked: sensitive information detected"},
    ],
)
def test_moderation(fields: dict[str, Any]) -> None:
    """A 403 of the moderation or a guardrail is no matter of the key; the flagged input is not repeated."""
    error = parse(403, **fields)

    assert type(error) is ProviderContentFilterError
    assert "secret prompt" not in f"{error} {error.details}"


def test_too_long_by_its_message() -> None:
    """Where there is no type, a 400 says in its message, or its provider's, that the prompt is too long."""
    said = "This endpoint's maximum context length is 10 tokens."
    raw = json.dumps({"error": {"message": said, "code": "invalid"}})

    for error in (
        parse(400, message=said),
        parse(400, message="Provider returned error", metadata={"raw": raw, "error_type": "invalid_request"}),
    ):
        assert type(error) is ProviderContextLengthError
        assert said in str(error)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("slow down, please", "slow down, please"),
        ('{"error": {"message": "slow down"}}', "slow down"),
        ('{"code": 400, "msg": "slow down"}', "slow down"),
        ({"error": {"message": "slow down"}}, "slow down"),
        ([{"error": {"message": "slow down"}}], "slow down"),
        ('{"status": "slow"}', '{"status": "slow"}'),
        ({"status": "slow"}, '{"status": "slow"}'),
        ("[" * 100_000, "[[["),
    ],
)
@pytest.mark.parametrize("said", ["Provider returned error", "Provider returned error.", None])
def test_the_providers_own_words(raw: Any, words: str, said: str | None) -> None:
    """Where OpenRouter says only that the provider failed, the provider's name and words follow, in whatever shape."""
    error = parse(400, message=said, metadata={"raw": raw, "provider_name": "BaseTen"})

    assert "Provider returned error" in str(error)
    assert f"(BaseTen): {words}" in str(error)
    assert error.details["provider_name"] == "BaseTen"


def test_keeps_to_the_message_that_says_something() -> None:
    """A message of OpenRouter's own stands alone, with the remedy."""
    error = parse(402, message="Insufficient credits.", metadata={"raw": "noise", "remedy_hint": "Add credits."})

    assert "402: Insufficient credits. (Add credits.);" in str(error)
    assert "noise" not in str(error)


@pytest.mark.parametrize("metadata", [{"retry_after_seconds": 11}, {"retry_after_seconds_raw": 10.918}])
def test_the_delay_in_the_body(metadata: dict[str, Any]) -> None:
    """The delay that the metadata asks for is told, where a repetition may help."""
    waits = DIALECT.error_in_answer({"code": 429, "message": "said", "metadata": metadata})
    stays = parse(400, metadata=metadata)

    assert waits.retry_after == next(iter(metadata.values()))
    assert stays.retry_after is None


def test_numbers_and_depths_that_no_one_needs() -> None:
    """A cost that no float holds is none, and a code that is no word is passed over, however deep it is."""
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]

    completion = DIALECT.parse_completion({**COMPLETION, "usage": {"cost": 10**400, "total_tokens": 8}})
    error = DIALECT.error_in_answer({"code": deep, "message": "said", "metadata": {"raw": deep, "limit_usd": deep}})

    assert (completion.usage.cost, completion.usage.total_tokens) == (None, 8)
    assert (error.status, error.code) == (200, None)
