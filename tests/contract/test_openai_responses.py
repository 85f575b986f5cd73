"""What the provider `openai` does over the Responses API beyond the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from pepperpy.providers import (
    ProviderConfigError,
    ProviderContentFilterError,
    ProviderRateLimitError,
    ProviderStreamError,
    ReadyProvider,
    create_provider,
)
from pepperpy.providers.events import FinishEvent, ReasoningEvent, TextEvent, ToolCallEvent
from pepperpy.providers.messages import Message, ToolCall
from pepperpy.providers.testing import FakeService, OpenAIWire, Reply

from .responses import REASONING, ResponsesWire

WIRE = ResponsesWire()
CALL = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "add", "arguments": '{"x":1}'}


@pytest.fixture
async def service() -> AsyncIterator[FakeService]:
    async with FakeService() as service:
        yield service


async def provider_for(service: FakeService, **more: Any) -> ReadyProvider:
    settings = {"api_key": "sk-x", "base_url": service.url, "api": "responses", "max_retries": 0, **more}
    return await create_provider("openai", **settings)


@pytest.mark.parametrize(
    ("base_url", "api", "path"),
    [
        (None, None, "/responses"),
        ("https://eu.api.openai.com/v1", "auto", "/responses"),
        (None, "chat", "/chat/completions"),
        ("https://x.example/v1", None, "/chat/completions"),
        ("https://x.example/v1", "responses", "/responses"),
        ("https://api.openai.com.x.example/v1", "auto", "/chat/completions"),
    ],
)
async def test_which_api_completes(base_url: str | None, api: str | None, path: str) -> None:
    """Responses on OpenAI's own hosts, Chat Completions elsewhere, unless one is chosen."""
    async with await create_provider(
        "openai", api_key="sk-x", base_url=base_url, extra_config={"api": api}
    ) as provider:
        explained = provider.explain("x", max_tokens=5)

    assert explained.url.endswith(path)
    own = base_url is None
    field = "max_output_tokens" if path == "/responses" else "max_completion_tokens" if own else "max_tokens"
    assert explained.body[field] == 5


@pytest.mark.parametrize("api", ["response", "Chat", 3])
async def test_an_api_that_is_none(api: Any) -> None:
    """A wrong `api` is refused."""
    with pytest.raises(ProviderConfigError, match="api must be"):
        await create_provider("openai", api_key="sk-x", api=api)


async def test_calls_there_and_back(service: FakeService) -> None:
    """A call and its result go back with the reasoning that led to it."""
    service.replies = [Reply.of_json(WIRE.response([REASONING, CALL])), WIRE.completion("4")]

    async with await provider_for(service) as provider:
        asked = await provider.complete("1+3?", tools=[add])
        conversation = [Message.user("1+3?"), asked.message, Message.tool(asked.tool_calls[0], 4)]
        answer = await provider.complete(conversation, tools=[add])

    assert (asked.finish_reason, answer) == ("tool_calls", "4")
    assert asked.tool_calls == (ToolCall("call_1", "add", '{"x":1}'),)
    assert service.requests[1].json["input"] == [
        {"role": "user", "content": "1+3?"},
        REASONING,
        CALL,
        {"type": "function_call_output", "call_id": "call_1", "output": "4"},
    ]


def add(x: int) -> int:
    """Add 3."""
    return x + 3


async def test_events_of_a_stream(service: FakeService) -> None:
    """Reasoning, text, calls and the end are told as they come."""
    summary = {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "hm"}
    begin, *rest = WIRE.events(["Par", "is"])
    call = {"type": "response.output_item.done", "output_index": 2, "item": CALL}
    end = {"type": "response.completed", "response": WIRE.response([REASONING, WIRE.message("Paris"), CALL])}
    service.replies = [Reply.of_events([begin, summary, *rest, call, end])]

    async with await provider_for(service) as provider:
        stream = await provider.complete("x", stream=True)
        events = [event async for event in stream.events()]

    assert events[:-1] == [
        ReasoningEvent("hm"),
        TextEvent("Par"),
        TextEvent("is"),
        ToolCallEvent(ToolCall("call_1", "add", '{"x":1}')),
    ]
    assert isinstance(events[-1], FinishEvent)
    assert events[-1].finish_reason == "tool_calls"


async def test_a_stream_that_fails(service: FakeService) -> None:
    """A failure before the text is retried or keeps its class; behind it, the stream broke."""
    error = {"code": "rate_limit_exceeded", "message": "too fast"}
    failed = {"type": "response.failed", "response": WIRE.response([], "failed", error=error)}
    begin = WIRE.events([])
    service.replies = [Reply.of_events([*begin, failed]), WIRE.stream(["ok"])]

    async with await provider_for(service, max_retries=1) as provider:
        stream = await provider.complete("x", stream=True)
        assert [piece async for piece in stream] == ["ok"]
        service.replies = [Reply.of_events([*begin, failed])] * 2
        with pytest.raises(ProviderRateLimitError, match="too fast"):
            await provider.complete("x", stream=True)
        service.replies = [Reply.of_events([*WIRE.events(["Par"]), {"type": "error", **error}])]
        with pytest.raises(ProviderStreamError, match="too fast") as caught:
            async for _ in await provider.complete("x", stream=True):
                pass

    assert (caught.value.partial_text, caught.value.code) == ("Par", "rate_limit_exceeded")


async def test_an_answer_that_is_cut_off(service: FakeService) -> None:
    """An incomplete answer says why, and what there is of it is handed over; a filtered one is an error."""
    cut = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    filtered = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
    whole = WIRE.response([REASONING, WIRE.message("Par")])
    service.replies = [
        Reply.of_json({**whole, **cut}),
        Reply.of_events([*WIRE.events(["Par"]), {"type": "response.incomplete", "response": {**whole, **cut}}]),
        Reply.of_json({**WIRE.response([]), **filtered}),
    ]

    async with await provider_for(service) as provider:
        plain = await provider.complete("x")
        stream = await provider.complete("x", stream=True)
        pieces = [piece async for piece in stream]
        with pytest.raises(ProviderContentFilterError):
            await provider.complete("x")

    assert (plain, plain.finish_reason) == ("Par", "length")
    assert (pieces, stream.finish_reason) == (["Par"], "length")


async def test_a_plain_answer_to_a_request_for_a_stream(service: FakeService) -> None:
    """A server that does not stream is read all the same."""
    service.replies = [WIRE.completion("Paris")]

    async with await provider_for(service) as provider:
        stream = await provider.complete("x", stream=True)
        pieces = [piece async for piece in stream]

    assert (pieces, stream.finish_reason) == (["Paris"], "stop")


async def test_models_and_embeddings_are_those_of_every_api(service: FakeService) -> None:
    """Only completing differs between the APIs."""
    service.replies = [Reply.of_json({"data": [{"id": "gpt-6-luna", "created": 1}]}), OpenAIWire().embeddings]

    async with await provider_for(service) as provider:
        models = await provider.list_models()
        vector = await provider.embed("four")

    assert [model.id for model in models] == ["gpt-6-luna"]
    assert vector == [1.0, 2.0, 4.0]
