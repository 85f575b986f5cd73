"""The provider `openrouter` keeps the contract, and its own promises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from pepperpy.providers import (
    ProviderAPIError,
    ProviderConfigError,
    ProviderContentFilterError,
    ProviderInputError,
    ProviderQuotaError,
    ProviderRateLimitError,
    ProviderResponseError,
    ProviderStreamError,
    ReadyProvider,
    create_provider,
)
from pepperpy.providers.events import ReasoningEvent
from pepperpy.providers.messages import Message
from pepperpy.providers.testing import FakeService, OpenAIWire, Reply
from pepperpy.providers.testing.contract import ProviderContract
from pepperpy.providers.tools import Tool

WIRE = OpenAIWire()


class TestOpenRouter(ProviderContract):
    provider_type = "openrouter"
    wire = WIRE


@pytest.fixture
async def service() -> AsyncIterator[FakeService]:
    async with FakeService(WIRE.completion("ok")) as service:
        yield service


async def provider_for(service: FakeService, **settings: Any) -> ReadyProvider:
    return await create_provider("openrouter", **{"base_url": service.url, "max_retries": 0, **settings})


def chunk(delta: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"id": "gen-1", "model": "a/b", "choices": [{"index": 0, "delta": delta, **rest}]}


async def test_names_the_application(service: FakeService) -> None:
    """`referer` and `title` are headers of every request."""
    async with await provider_for(service, api_key="sk-or", referer="https://example.org", title="My app") as provider:
        await provider.complete("x")

    headers = service.requests[0].headers

    assert headers["http-referer"] == "https://example.org"
    assert headers["x-openrouter-title"] == "My app"
    assert headers["authorization"] == "Bearer sk-or"


async def test_lists_all_pages_of_its_models(service: FakeService) -> None:
    """The pages are asked for one after the other, at the place that the settings name, whatever the links say."""
    link = "https://elsewhere.example/api/v1/models?offset=1"
    service.replies = [
        Reply.of_json({"data": [{"id": "a/b"}], "total_count": 2, "links": {"next": link}}),
        Reply.of_json({"data": [{"id": "c/d"}], "total_count": 2, "links": {"next": None}}),
    ]

    async with await provider_for(service, api_key="sk-or") as provider:
        models = await provider.list_models()

    assert [model.id for model in models] == ["a/b", "c/d"]
    assert [(request.method, request.path) for request in service.requests] == [
        ("GET", "/models"),
        ("GET", "/models?offset=1"),
    ]


async def test_pages_that_go_round_in_circles_are_an_error(service: FakeService) -> None:
    """A list whose pages lead back to one another ends."""
    service.replies = [Reply.of_json({"data": [{"id": "a/b"}], "links": {"next": "?offset=1"}})]

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderResponseError, match="circles"):
            await provider.list_models()

    assert len(service.requests) == 2


CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Berlin"}'}}
DETAILS = [
    {"type": "reasoning.text", "text": "Look it up.", "format": "anthropic-claude-v1", "index": 0, "signature": "sig"},
    {"type": "reasoning.encrypted", "data": "gAAA", "format": "anthropic-claude-v1", "index": 1, "id": None},
]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_and_its_result(service: FakeService, stream: bool) -> None:
    """A call goes back with its reasoning untouched and its result, to providers that take tools."""
    message = {"role": "assistant", "content": None, "reasoning_details": DETAILS, "tool_calls": [CALL]}
    deltas = [
        {
            "content": "",
            "reasoning": "Look ",
            "reasoning_details": [{**DETAILS[0], "text": "Look ", "signature": None}],
        },
        {"content": "", "reasoning": "it up.", "reasoning_details": [{**DETAILS[0], "text": "it up."}]},
        {"content": "", "reasoning_details": [DETAILS[1]]},
        {"content": None, "tool_calls": [{**CALL, "index": 0, "function": {"name": "weather", "arguments": ""}}]},
        {"content": None, "tool_calls": [{"index": 0, "function": {"arguments": '{"city":"Berlin"}'}}]},
    ]
    asks = (
        Reply.of_events([*map(chunk, deltas), chunk({}, finish_reason="tool_calls"), b"data: [DONE]\n\n"])
        if stream
        else Reply.of_json({"id": "gen-1", "choices": [{"message": message, "finish_reason": "tool_calls"}]})
    )
    service.replies = [asks, WIRE.completion("15 degrees")]
    tool = Tool(name="weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}})

    async with await provider_for(service) as provider:
        conversation = [Message.user("Weather in Berlin?")]
        answer = await provider.complete(conversation, tools=[tool], reasoning="low", stream=stream)
        if stream:
            assert [event async for event in answer.events()][:2] == [ReasoningEvent("Look "), ReasoningEvent("it up.")]
            answer = answer.completion
        (call,) = answer.tool_calls
        conversation += [answer.message, Message.tool(call, {"celsius": 15})]
        await provider.complete(conversation, tools=[tool])

    first, second = [request.json for request in service.requests]
    assert (answer.finish_reason, answer.reasoning, call.arguments) == ("tool_calls", "Look it up.", {"city": "Berlin"})
    assert first["reasoning"] == {"effort": "low"}
    assert first["provider"] == second["provider"] == {"require_parameters": True}
    assert first["tools"] == second["tools"]
    asked, told = second["messages"][1:]
    assert asked == {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning_details": DETAILS}
    assert (told["role"], told["tool_call_id"]) == ("tool", "call_1")


async def test_explains_what_a_word_becomes(service: FakeService) -> None:
    """`explain` shows the effort beside the settings' own words, and that providers have to take it."""
    async with await provider_for(service, api_key="sk-or-0123456", reasoning={"exclude": True}) as provider:
        explanation = provider.explain("x", reasoning="low")

    assert explanation.headers["Authorization"] == "Bearer ***"
    assert explanation.body["reasoning"] == {"exclude": True, "effort": "low"}
    assert explanation.mapped["reasoning"] == {"reasoning.effort": "low", "provider.require_parameters": True}
    assert service.requests == []


@pytest.mark.parametrize("name", ["referer", "title"])
@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "Über", "a\x00b"])
async def test_refuses_what_no_header_holds(name: str, value: str) -> None:
    """A referer or title that would break out of its header is refused, and not shown."""
    with pytest.raises(ProviderConfigError, match=name) as caught:
        await create_provider("openrouter", api_key="sk-or", extra_config={name: value})

    assert value not in str(caught.value)


@pytest.mark.parametrize("models", ["openai/gpt-6-luna", [], ["a/b", " "]])
async def test_refuses_models_that_are_no_list_of_names(models: Any) -> None:
    """`models` is a list of names; one text is not taken for the list of its letters."""
    with pytest.raises(ProviderConfigError, match="models"):
        await create_provider("openrouter", api_key="sk-or", models=models)


async def test_a_key_is_needed_at_openrouter_only(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key nothing is made, unless `base_url` names another host; the variable is looked at."""
    monkeypatch.delenv("OPENROUTER_API_KEY", raising=False)

    for base_url in (None, "https://openrouter.ai/api/v1/", "https://eu.openrouter.ai/api/v1"):
        with pytest.raises(ProviderConfigError, match="OPENROUTER_API_KEY"):
            await create_provider("openrouter", base_url=base_url)
    async with await provider_for(service) as provider:
        await provider.complete("x")
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-env")
    async with await provider_for(service) as provider:
        await provider.complete("x")

    assert "authorization" not in service.requests[0].headers
    assert service.requests[1].headers["authorization"] == "Bearer sk-or-env"


ROUTING = {
    "provider": {"only": ["azure"], "data_collection": "deny"},
    "models": ["a/b", "c/d"],
    "plugins": [{"id": "file-parser"}],
    "reasoning": {"effort": "high", "exclude": True},
    "service_tier": "flex",
    "session_id": "s-1",
    "user": "u-1",
    "metadata": {"team": "blue"},
    "trace": {"trace_name": "t"},
    "cache_control": {"type": "ephemeral"},
}


async def test_settings_go_with_every_call(service: FakeService) -> None:
    """Every routing setting is sent with every completion, plain and streamed."""
    service.replies = [WIRE.completion("ok"), WIRE.stream(["ok"])]

    async with await provider_for(service, model="e/f", extra_config=ROUTING) as provider:
        await provider.complete("x")
        async for _ in await provider.complete("x", stream=True):
            pass

    for request in service.requests:
        assert {name: request.json[name] for name in ROUTING} == ROUTING
        assert request.json["model"] == "e/f"


async def test_a_call_wins_over_the_settings(service: FakeService) -> None:
    """What a call names stands in the place of the setting, for this call."""
    of_call: dict[str, Any] = {
        "provider": {"sort": "price"},
        "models": "g/h",
        "plugins": [{"id": "web"}],
        "reasoning": {"max_tokens": 5},
        "user": "u-2",
        "top_k": 3,
        "max_tokens": 9,
    }
    async with await provider_for(service, model="e/f", extra_config=ROUTING) as provider:
        await provider.complete("x", **of_call)
        await provider.complete("x")

    first, second = (request.json for request in service.requests)

    assert {name: first[name] for name in of_call} == {**of_call, "models": ["g/h"]}
    assert first["session_id"] == "s-1"
    assert {name: second[name] for name in ROUTING} == ROUTING
    assert "top_k" not in second


async def test_an_effort_takes_the_place_of_the_effort(service: FakeService) -> None:
    """A call's `reasoning_effort` goes into the setting's `reasoning`: OpenRouter refuses both."""
    async with await provider_for(service, reasoning={"max_tokens": 50, "exclude": True}) as provider:
        await provider.complete("x", reasoning_effort="low")
        await provider.complete("x")

    first, second = (request.json for request in service.requests)

    assert first["reasoning"] == {"effort": "low", "exclude": True}
    assert "reasoning_effort" not in first
    assert second["reasoning"] == {"max_tokens": 50, "exclude": True}


async def test_models_go_before_the_router(service: FakeService) -> None:
    """Where no model is named, `openrouter/auto` is sent, but not in front of `models`, which it would never reach."""
    async with await provider_for(service) as provider:
        await provider.complete("x")
        await provider.complete("x", models=["a/b", "c/d"])
        await provider.complete("x", models=["a/b"], model="e/f")

    sent = [(request.json.get("model"), request.json.get("models")) for request in service.requests]

    assert sent == [("openrouter/auto", None), (None, ["a/b", "c/d"]), ("e/f", ["a/b"])]


@pytest.mark.parametrize(
    "options", [{"provider": "azure"}, {"plugins": "web"}, {"plugins": ["web"]}, {"models": []}, {"transforms": []}]
)
async def test_refuses_a_wrong_option(service: FakeService, options: dict[str, Any]) -> None:
    """A wrong value is refused before anything is sent, and so is an option that OpenRouter has no longer."""
    async with await provider_for(service) as provider:
        with pytest.raises(ProviderInputError, match=next(iter(options))):
            await provider.complete("x", **options)

    assert service.requests == []


async def test_embeddings_keep_to_the_providers(service: FakeService) -> None:
    """Who may answer holds for embeddings too; what only completions have is not sent with them."""
    service.replies = [WIRE.embeddings]

    async with await provider_for(service, extra_config=ROUTING) as provider:
        await provider.embed("x")
        await provider.embed("x", input_type="search_query", provider={"zdr": True}, model="a/e", dimensions=3)

    first, second = (request.json for request in service.requests)

    assert first == {
        "model": "openai/text-embedding-3-small",
        "input": ["x"],
        "encoding_format": "base64",
        "provider": ROUTING["provider"],
        "user": "u-1",
    }
    assert (second["model"], second["dimensions"], second["input_type"]) == ("a/e", 3, "search_query")
    assert second["provider"] == {"zdr": True}


@pytest.mark.parametrize("stream", [False, True])
async def test_what_running_requests_hold_comes_back(service: FakeService, stream: bool) -> None:
    """A 402 for credit that running requests hold is a rate limit and retried; any other is not."""
    held = {"reason": "in_flight_budget_exhausted", "limit_source": "openrouter_in_flight_budget"}
    spent = {"limit_source": "openrouter_credits"}
    service.replies = [
        failure(402, metadata=held, headers={"Retry-After": "0"}),
        WIRE.stream(["ok"]) if stream else WIRE.completion("ok"),
        failure(402, metadata=held, headers={"Retry-After": "99"}),
        failure(402, metadata=spent),
    ]

    async with await provider_for(service, max_retries=3) as provider:
        answer = await provider.complete("x", stream=stream)
        text = answer if isinstance(answer, str) else "".join([piece async for piece in answer])
        with pytest.raises(ProviderRateLimitError) as limited:
            await provider.complete("x", stream=stream)
        with pytest.raises(ProviderQuotaError) as poor:
            await provider.complete("x", stream=stream)

    assert text == "ok"
    assert limited.value.retry_after == 99
    assert poor.value.details["limit_source"] == "openrouter_credits"
    assert len(service.requests) == 4


async def test_an_answer_without_choices_is_tried_again(service: FakeService) -> None:
    """A 200 with `choices: null` and no word of an error is a provider's failure, which may pass."""
    service.replies = [Reply.of_json({"id": "gen-1", "choices": None}), WIRE.completion("ok")]

    async with await provider_for(service, max_retries=1) as provider:
        completion = await provider.complete("x")
        service.replies = [Reply.of_json({"id": "gen-1", "choices": None})]
        with pytest.raises(ProviderResponseError) as caught:
            await provider.complete("x")

    assert completion.attempts == 2
    assert caught.value.retryable
    assert caught.value.attempts == 2


BROKEN = {"code": 502, "message": "Provider disconnected", "metadata": {"error_type": "provider_unavailable"}}
FILTERED = {"code": 403, "message": "Flagged", "metadata": {"reasons": ["violence"], "provider_name": "OpenAI"}}


@pytest.mark.parametrize(
    "body",
    [
        {"error": BROKEN},
        {"error": BROKEN, "choices": None},
        {"choices": [{"message": {"content": "par"}, "finish_reason": "error", "error": BROKEN}]},
        {"choices": [{"message": {"content": "par"}, "finish_reason": "error"}]},
        {"choices": [{"message": {"content": None}, "finish_reason": None, "error": BROKEN}]},
    ],
)
@pytest.mark.parametrize("padding", [b"", b"\n         \n\n   "], ids=["bare", "padded"])
@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_inside_a_good_answer(
    service: FakeService, body: dict[str, Any], padding: bytes, stream: bool
) -> None:
    """An error in the body or in the choice of a 200 is an error, and tried again where its code says that it may pass."""
    reply = Reply.of_json(body)
    assert isinstance(reply.body, bytes)
    service.replies = [Reply(headers=reply.headers, body=[padding, reply.body], framing="chunked")]

    async with await provider_for(service, max_retries=1) as provider:
        with pytest.raises(ProviderAPIError) as caught:
            await provider.complete("x", stream=stream)

    assert type(caught.value) is ProviderAPIError
    assert caught.value.status == 200
    assert len(service.requests) == 2


@pytest.mark.parametrize("finish", [{"finish_reason": "error"}, {"finish_reason": None}, {}])
@pytest.mark.parametrize("inside", [False, True], ids=["beside the choice", "in the choice"])
async def test_an_error_at_the_start_of_a_stream(service: FakeService, finish: dict[str, Any], inside: bool) -> None:
    """Before the first piece an error in a stream keeps its class, whether the choice says that it ended or not."""
    event = chunk({"content": ""}, **finish, **({"error": FILTERED} if inside else {}))
    service.replies = [
        Reply.of_events([b": OPENROUTER PROCESSING\n\n", event if inside else {**event, "error": FILTERED}])
    ]

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderContentFilterError, match="Flagged") as caught:
            await provider.complete("x", stream=True)

    assert caught.value.status == 200
    assert caught.value.details["reasons"] == ["violence"]


@pytest.mark.parametrize(
    "end",
    [
        {**chunk({"content": "is"}, finish_reason=None), "error": {"code": 400, "message": "Token limit reached"}},
        {**chunk({"content": "is"}, finish_reason="error"), "error": {"code": 400, "message": "Token limit reached"}},
        chunk({"content": "is"}, finish_reason="error", error={"code": 400, "message": "Token limit reached"}),
        chunk({"content": "is"}, finish_reason="error"),
    ],
)
async def test_an_error_in_the_middle_of_a_stream(service: FakeService, end: dict[str, Any]) -> None:
    """After a piece it is a broken stream that is not tried again, with all that came and what it used."""
    end = {**end, "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cost": 1.4e-7}}
    service.replies = [Reply.of_events([chunk({"content": "Par"}), end, b"data: [DONE]\n\n"])]

    async with await provider_for(service, max_retries=3) as provider:
        stream = await provider.complete("x", stream=True)
        with pytest.raises(ProviderStreamError) as caught:
            [piece async for piece in stream]

    assert caught.value.partial_text == "Paris"
    assert caught.value.status == 200
    assert stream.usage.cost == 1.4e-7
    assert len(service.requests) == 1


@pytest.mark.parametrize("done", [b"data: [DONE]\n\n", b"data: [DONE] \n", b"data:[DONE]\r\n\r\n"])
async def test_comments_between_the_chunks(service: FakeService, done: bytes) -> None:
    """Comment lines are passed over wherever they stand, and `[DONE]` is read with a blank behind it."""
    comment = b": OPENROUTER PROCESSING\n\n"
    service.replies = [
        Reply.of_events(
            [
                comment,
                b": OPENROUTER PROCESSING\n",
                chunk({"content": "Par"}),
                comment,
                b"data:\n\n",
                chunk({"content": "is"}),
                comment,
                done,
            ]
        )
    ]

    async with await provider_for(service) as provider:
        pieces = [piece async for piece in await provider.complete("x", stream=True)]

    assert pieces == ["Par", "is"]


async def test_a_cut_behind_the_end_loses_nothing(service: FakeService) -> None:
    """Behind the finish reason half an event is no broken answer; before it, it is."""
    end = chunk({}, finish_reason="stop")
    half = b'data: {"usage": {"prompt_to'
    service.replies = [
        Reply.of_events([chunk({"content": "Paris"}), end, half]),
        Reply.of_events([chunk({"content": "Paris"}), half]),
    ]

    async with await provider_for(service) as provider:
        pieces = [piece async for piece in await provider.complete("x", stream=True)]
        with pytest.raises(ProviderStreamError) as caught:
            [piece async for piece in await provider.complete("x", stream=True)]

    assert pieces == ["Paris"]
    assert caught.value.partial_text == "Paris"


async def test_a_stream_of_nothing_is_tried_again(service: FakeService) -> None:
    """A stream that ends without having said anything is a provider's failure, not an empty answer."""
    service.replies = [
        Reply.of_events([{"id": "gen-1", "choices": None}, b"data: [DONE]\n\n"]),
        WIRE.stream(["ok"]),
    ]

    async with await provider_for(service, max_retries=1) as provider:
        pieces = [piece async for piece in await provider.complete("x", stream=True)]

    assert pieces == ["ok"]
    assert len(service.requests) == 2


async def test_tells_the_providers_own_reason(service: FakeService) -> None:
    """`native_finish_reason` is what the provider behind OpenRouter called it."""
    choice = {"message": {"content": "x"}, "finish_reason": "length", "native_finish_reason": "MAX_TOKENS"}
    service.replies = [
        Reply.of_json({"choices": [choice]}),
        Reply.of_events([chunk({"content": "x"}, finish_reason="length", native_finish_reason="MAX_TOKENS")]),
    ]

    async with await provider_for(service) as provider:
        completion = await provider.complete("x")
        stream = await provider.complete("x", stream=True)
        async for _ in stream:
            pass

    for answer in (completion, stream.completion):
        assert (answer.finish_reason, answer.native_finish_reason) == ("length", "MAX_TOKENS")


def failure(status: int, *, metadata: dict[str, Any], headers: dict[str, str] | None = None) -> Reply:
    error = {"code": status, "message": "Payment required", "metadata": metadata}
    return Reply.of_json({"error": error}, status=status, headers=headers or {})
