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
    ProviderCapabilityError,
    ProviderContentFilterError,
    ProviderContextLengthError,
    ProviderError,
    ProviderInputError,
    ProviderQuotaError,
    ProviderRateLimitError,
    ProviderResponseError,
)
from pepperpy.providers.capabilities import Model
from pepperpy.providers.dialect import EmbeddingBatch
from pepperpy.providers.dialects.openai import OpenAIDialect
from pepperpy.providers.messages import Message, Native
from pepperpy.providers.outputs import OutputSchema
from pepperpy.providers.parts import Audio, File, Image
from pepperpy.providers.tools import Tool
from pepperpy_openrouter.dialect import OpenRouterDialect
from pepperpy_openrouter.errors import MEANINGS

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
DETAIL = {"type": "reasoning.text", "text": "hm", "format": "unknown", "index": 0, "id": None, "signature": "s"}
MESSAGE = {"content": "Paris", "reasoning": "hm", "refusal": None, "tool_calls": [CALL], "reasoning_details": [DETAIL]}
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


def body_of(options: dict[str, Any], prompt: Any = "x", **settings: Any) -> dict[str, Any]:
    dialect = OpenRouterDialect(defaults=settings)
    return dict(dialect.complete(prompt, model="a/b", stream=False, options=options).body)


@pytest.mark.parametrize(
    ("options", "settings", "sent"),
    [
        ({"reasoning": "low"}, {}, {"reasoning": {"effort": "low"}}),
        ({"reasoning": "none"}, {}, {"reasoning": {"effort": "none"}}),
        ({"reasoning": "max"}, {"reasoning": {"max_tokens": 9, "exclude": True, "enabled": False}},
         {"reasoning": {"exclude": True, "effort": "max"}}),
        ({"reasoning": {"max_tokens": 5}}, {"reasoning": {"exclude": True}}, {"reasoning": {"max_tokens": 5}}),
        ({}, {"reasoning": {"max_tokens": 9}}, {"reasoning": {"max_tokens": 9}}),
        ({"reasoning_effort": "low"}, {"reasoning": {"max_tokens": 9, "exclude": True}},
         {"reasoning": {"exclude": True, "effort": "low"}}),
        ({"reasoning_effort": "low"}, {}, {"reasoning_effort": "low"}),
    ],
)  # fmt: skip
def test_how_much_a_model_thinks(options: dict[str, Any], settings: dict[str, Any], sent: dict[str, Any]) -> None:
    """A word is an effort, beside what else the settings say of reasoning; a dict is OpenRouter's own and sent as it is."""
    body = body_of(options, **settings)

    assert {name: value for name, value in body.items() if name.startswith("reasoning")} == sent


@pytest.mark.parametrize(
    "options", [{"reasoning": "much"}, {"reasoning": 3}, {"reasoning": "low", "reasoning_effort": "low"}]
)
def test_what_is_no_way_to_think_is_refused(options: dict[str, Any]) -> None:
    """A word that nobody knows, and two that say the same, are refused."""
    with pytest.raises(ProviderInputError, match="reasoning"):
        body_of(options, reasoning={"exclude": True})


TOOL = Tool(name="weather", parameters={"type": "object", "properties": {}})
SCHEMA = OutputSchema(name="x", schema={"type": "object"}, strict_schema=None)


@pytest.mark.parametrize(
    ("options", "settings", "provider"),
    [
        ({"tools": [TOOL]}, {}, {"require_parameters": True}),
        ({"output": SCHEMA}, {}, {"require_parameters": True}),
        ({"reasoning": "low"}, {"provider": {"sort": "price"}}, {"sort": "price", "require_parameters": True}),
        ({"tools": [TOOL], "provider": {"only": ["x"]}}, {"provider": {"sort": "price"}},
         {"only": ["x"], "require_parameters": True}),
        ({"tools": [TOOL], "provider": {"require_parameters": False}}, {}, {"require_parameters": False}),
        ({"output": SCHEMA}, {"provider": {"require_parameters": False}}, {"require_parameters": False}),
        ({"tools": [TOOL], "parallel_tool_calls": False}, {}, None),
        ({"reasoning": "none"}, {}, None),
        ({"reasoning": {"effort": "low"}}, {}, None),
        ({"temperature": 0.1}, {"reasoning": {"effort": "low"}}, None),
    ],
)  # fmt: skip
def test_what_must_not_be_ignored(options: dict[str, Any], settings: dict[str, Any], provider: Any) -> None:
    """Tools, a schema and an effort go only to providers that take them, unless the caller says otherwise."""
    assert body_of(options, **settings).get("provider") == provider


def test_no_provider_takes_that() -> None:
    """Where no provider takes all that was asked for, the error says how to go on."""
    error = parse(404, message="No endpoints found that can handle the requested parameters.")

    assert "provider={'require_parameters': False}" in str(error)
    assert not error.retryable


def test_parts() -> None:
    """Pictures and files by address or as data, sounds as data; a sound by address is refused."""
    parts = [Image.from_url("https://x/a.png"), File.from_url("https://x/a.pdf", name="a"), Audio(b"RIFF....WAVE")]
    (message,) = body_of({}, [Message.user("What?", *parts)])["messages"]

    assert message["content"] == [
        {"type": "text", "text": "What?"},
        {"type": "image_url", "image_url": {"url": "https://x/a.png"}},
        {"type": "file", "file": {"filename": "a", "file_data": "https://x/a.pdf"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRi4uLi5XQVZF", "format": "wav"}},
    ]
    with pytest.raises(ProviderCapabilityError, match="by url"):
        body_of({}, [Message.user(Audio.from_url("https://x/a.wav"))])


DETAILS = [
    {"type": "reasoning.text", "text": "Let me", "format": "anthropic-claude-v1", "index": 0, "signature": None},
    {"type": "reasoning.text", "text": " see.", "format": "anthropic-claude-v1", "index": 0},
    {"type": "reasoning.text", "signature": "sig-1", "format": "anthropic-claude-v1", "index": 0},
    {"type": "reasoning.text", "text": "Again.", "format": "anthropic-claude-v1", "index": 0},
    {"type": "reasoning.summary", "summary": "He ", "format": "openai-responses-v1", "index": 1},
    {"type": "reasoning.summary", "summary": "thinks.", "format": "openai-responses-v1", "index": 1},
    {"type": "reasoning.encrypted", "data": "abc", "format": "openai-responses-v1", "id": "rs_1", "index": 1},
    {"type": "reasoning.encrypted", "data": "def", "format": "openai-responses-v1", "id": "rs_1", "index": 1},
    {"type": "reasoning.encrypted", "data": "ghi", "format": "openai-responses-v1", "id": "rs_2", "index": 1},
    {"type": "reasoning.text", "text": "un"},
    {"type": "reasoning.text", "text": "numbered"},
    {"type": "reasoning.encrypted", "data": "whole"},
    {"type": "reasoning.encrypted", "data": "whole, too"},
]
MERGED = [
    {
        "type": "reasoning.text",
        "text": "Let me see.",
        "format": "anthropic-claude-v1",
        "index": 0,
        "signature": "sig-1",
    },
    {"type": "reasoning.text", "text": "Again.", "format": "anthropic-claude-v1", "index": 0},
    {"type": "reasoning.summary", "summary": "He thinks.", "format": "openai-responses-v1", "index": 1},
    {"type": "reasoning.encrypted", "data": "abcdef", "format": "openai-responses-v1", "id": "rs_1", "index": 1},
    {"type": "reasoning.encrypted", "data": "ghi", "format": "openai-responses-v1", "id": "rs_2", "index": 1},
    {"type": "reasoning.text", "text": "unnumbered"},
    {"type": "reasoning.encrypted", "data": "whole"},
    {"type": "reasoning.encrypted", "data": "whole, too"},
]


def test_the_details_of_the_reasoning_come_back_whole() -> None:
    """A stream's fragments become the entries that they are of, and go back with the message; so does a plain answer."""
    parser = DIALECT.stream_parser()
    chunks = [
        {"id": "g", "choices": [{"index": 0, "delta": {"content": "", "reasoning_details": [d]}}]} for d in DETAILS
    ]
    parser.feed([*(json.dumps(chunk).encode() for chunk in chunks), b'{"choices": [{"finish_reason": "stop"}]}'])
    message = {"content": "Paris", "reasoning_details": MERGED}
    plain = DIALECT.parse_completion({"choices": [{"message": message, "finish_reason": "stop"}]})

    for completion in (parser.completion(), plain):
        assert completion.native == Native("openrouter", {"reasoning_details": MERGED})
        assert completion.reasoning == "Let me see.Again.He thinks.unnumbered"
        assert body_of({}, [completion.message])["messages"][0]["reasoning_details"] == MERGED
    assert "".join(str(aside) for _, aside in parser.asides) == plain.reasoning


def test_what_another_service_wants_back_stays_away() -> None:
    """The details go back to OpenRouter alone, and it gets none of another service of the same format."""
    mine = Message.assistant("Paris", native=Native("openrouter", {"reasoning_details": MERGED}))
    other = Message.assistant("Paris", native=Native("openai.chat", {"reasoning_content": "hm"}))

    assert OpenAIDialect().complete([mine], model="m", stream=False, options={}).body["messages"] == [
        {"role": "assistant", "content": "Paris"}
    ]
    assert body_of({}, [other])["messages"] == [{"role": "assistant", "content": "Paris"}]


MODELS = {
    "data": [
        {
            "id": "a/b",
            "name": "B",
            "created": 1754587402,
            "context_length": 400_000,
            "architecture": {"input_modalities": ["text", "image", "file"], "output_modalities": ["text"]},
            "top_provider": {"context_length": 300_000, "max_completion_tokens": 128_000},
            "supported_parameters": ["max_tokens", "reasoning", "structured_outputs", "tools"],
        },
        {"id": "a/e", "architecture": {"output_modalities": ["embeddings"]}, "top_provider": {"context_length": 8}},
        {"id": "a/c"},
        {"name": "without an id"},
    ],
    "links": {"next": "https://openrouter.ai/api/v1/models?offset=3&limit=3"},
}


def test_reads_models() -> None:
    """What the list says of a model, in pepperpy's words; what it doesn't say is None."""
    page = DIALECT.parse_models(MODELS)
    first, embedding, bare = page.models

    assert first == Model(
        id="a/b",
        name="B",
        created=1754587402,
        context_length=400_000,
        max_output_tokens=128_000,
        capabilities=frozenset({"images", "files", "tools", "structured_output", "reasoning"}),
    )
    assert embedding == Model(id="a/e", context_length=8, capabilities=frozenset({"embeddings"}))
    assert bare == Model(id="a/c")
    assert page.next == "offset=3&limit=3"
    assert DIALECT.models(page.next).path == "/models?offset=3&limit=3"


@pytest.mark.parametrize(
    ("links", "query"),
    [
        ({"next": "/api/v1/models?offset=1000"}, "offset=1000"),
        ({"next": "https://evil.example/../x?a=b%20c#d"}, "a=b+c"),
        ({"next": None}, None),
        ({"next": ""}, None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
def test_the_next_page(links: Any, query: str | None) -> None:
    """Of the link to the next page only the query counts; it leads to no other place."""
    assert DIALECT.parse_models({**MODELS, "links": links}).next == query


@pytest.mark.parametrize("link", ["https://[", "/models", "?\ud800=1", "https://x/?a=%ff"])
def test_a_next_page_that_cannot_be_asked_for_is_an_error(link: str) -> None:
    """A list that goes on nobody knows where is not passed off as the whole."""
    with pytest.raises(ProviderResponseError, match="next page"):
        DIALECT.parse_models({**MODELS, "links": {"next": link}})


@given(damaged(MODELS, {**MODELS, "error": ERROR}))
def test_lists_of_models_are_read_or_refused(payload: Any) -> None:
    """Any JSON value in any place gives models or an error."""
    try:
        page = DIALECT.parse_models(payload)
    except ProviderError as error:
        assert_sound(error)
    else:
        assert all(isinstance(model.id, str) and model.id for model in page.models)
        assert all(isinstance(hash(model), int) for model in page.models)


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
