"""The provider `gemini` holds conversations, calls tools and thinks aloud, over a real socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest

from pepperpy.providers import ProviderCapabilityError, ReadyProvider, create_provider
from pepperpy.providers.events import FinishEvent, ReasoningEvent, TextEvent, ToolCallEvent
from pepperpy.providers.messages import Message, ToolCall
from pepperpy.providers.parts import Image
from pepperpy.providers.testing import FakeService, Reply
from pepperpy.providers.tools import Tool

from .gemini import GeminiWire

WIRE = GeminiWire()
LOOK = Tool(name="look", description="Look.", parameters={"type": "object", "properties": {"at": {"type": "string"}}})
CALLS = (ToolCall("a1", "look", '{"at": "sun"}'), ToolCall("a2", "look", '{"at": "moon"}'))


@attrs.frozen
class City:
    """A city."""

    name: str
    people: int | None = None


@pytest.fixture
async def service() -> AsyncIterator[FakeService]:
    async with FakeService() as service:
        yield service


async def provider_for(service: FakeService, **more: Any) -> ReadyProvider:
    return await create_provider("gemini", api_key="k-test", base_url=f"{service.url}/v1beta", **more)


def chunk(*parts: dict[str, Any], **candidate: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts), "role": "model"}, **candidate}]}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_is_answered(service: FakeService, stream: bool) -> None:
    """The model's turn goes back as it came, with its signature, and the results behind it, whether streamed or not."""
    whole = WIRE.calling(CALLS)
    parts = json.loads(whole.body if isinstance(whole.body, bytes) else b"")["candidates"][0]["content"]["parts"]
    streamed = Reply.of_events([chunk(parts[0]), chunk(parts[1]), chunk(parts[2], finishReason="STOP")])
    service.replies = [streamed if stream else whole, WIRE.completion("Both shine.")]
    conversation = [Message.system("Be brief."), Message.user("Look.")]

    async with await provider_for(service) as provider:
        if stream:
            async with await provider.complete(conversation, tools=[LOOK], stream=True) as pieces:
                text = "".join([piece async for piece in pieces])
            asked = pieces.completion
            assert text == ""
        else:
            asked = await provider.complete(conversation, tools=[LOOK])
        results = [Message.tool(call, {"seen": call.arguments["at"]}) for call in asked.tool_calls]
        answer = await provider.complete([*conversation, asked.message, *results], tools=[LOOK])

    assert (asked.finish_reason, asked.reasoning) == ("tool_calls", "hm")
    assert [(call.id, call.name, call.arguments) for call in asked.tool_calls] == [
        ("a1", "look", {"at": "sun"}),
        ("a2", "look", {"at": "moon"}),
    ]
    assert answer == "Both shine."
    assert service.requests[1].json == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Look."}]},
            {"role": "model", "parts": parts},
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"id": "a1", "name": "look", "response": {"seen": "sun"}}},
                    {"functionResponse": {"id": "a2", "name": "look", "response": {"seen": "moon"}}},
                ],
            },
        ],
        "tools": service.requests[0].json["tools"],
    }


async def test_events_come_in_the_services_order(service: FakeService) -> None:
    """Thoughts, text and calls are told as they come, the call before the text behind it, and the end last."""
    call = {"functionCall": {"name": "look", "args": {"at": "sun"}}, "thoughtSignature": "s"}
    events = [
        chunk({"text": "hm", "thought": True}),
        chunk({"text": "Let me"}, {"text": " see"}),
        chunk(call, {"text": "."}),
        chunk({"text": ""}, finishReason="STOP"),
    ]
    service.replies = [Reply.of_events(events)]

    async with await provider_for(service) as provider:
        stream = await provider.complete("Look.", tools=[LOOK], stream=True)
        told = [event async for event in stream.events()]

    found = ToolCall("call_0", "look", '{"at": "sun"}')
    assert told[:-1] == [
        ReasoningEvent("hm"),
        TextEvent("Let me"),
        TextEvent(" see"),
        ToolCallEvent(found),
        TextEvent("."),
    ]
    assert isinstance(told[-1], FinishEvent)
    assert told[-1].completion.tool_calls == (found,)
    assert told[-1].finish_reason == "tool_calls"


async def test_reasoning_is_asked_for_and_told(service: FakeService) -> None:
    """`reasoning` becomes the generation's own word, and the thoughts are asked for too."""
    service.replies = [WIRE.completion("4"), WIRE.completion("4")]

    async with await provider_for(service) as provider:
        answer = await provider.complete("2 + 2?", reasoning="high")
        await provider.complete("2 + 2?", reasoning="high", model="gemini-2.5-flash")

    assert (answer, answer.reasoning, answer.usage.reasoning_tokens) == ("4", "hm", 4)
    assert [request.json["generationConfig"]["thinkingConfig"] for request in service.requests] == [
        {"thinkingLevel": "HIGH", "includeThoughts": True},
        {"thinkingBudget": 24576, "includeThoughts": True},
    ]


async def test_structured_output(service: FakeService) -> None:
    """The answer is an object of the class that was asked for, whose schema went along."""
    service.replies = [WIRE.completion('{"name": "Zürich", "people": 443037}')]

    async with await provider_for(service) as provider:
        answer = await provider.complete("Where?", output=City)

    sent = service.requests[0].json["generationConfig"]
    assert answer.output == City("Zürich", 443037)
    assert sent["responseMimeType"] == "application/json"
    assert sent["responseJsonSchema"]["required"] == ["name"]


async def test_models_are_listed_to_the_last_page(service: FakeService) -> None:
    """All pages are asked for, each by the token of the one before."""
    service.replies = [WIRE.models(["a", "b"], "t+/2&="), WIRE.models(["c"])]

    async with await provider_for(service) as provider:
        models = await provider.list_models()

    assert [model.id for model in models] == ["a", "b", "c"]
    assert [(request.method, urlsplit(request.path).path) for request in service.requests] == [
        ("GET", "/v1beta/models"),
        ("GET", "/v1beta/models"),
    ]
    assert [parse_qs(urlsplit(request.path).query) for request in service.requests] == [
        {"pageSize": ["1000"]},
        {"pageSize": ["1000"], "pageToken": ["t+/2&="]},
    ]


async def test_what_the_model_cannot_do_is_not_sent(service: FakeService) -> None:
    """A capability that is missing is an error before the first byte."""
    async with await provider_for(service) as provider:
        for options in ({"parallel_tool_calls": False}, {"model": "gemma-3-27b-it", "reasoning": "high"}):
            with pytest.raises(ProviderCapabilityError) as caught:
                await provider.complete("x", **options)
            assert caught.value.provider_type == "gemini"

    assert service.requests == []


async def test_explain_shows_what_became_of_the_arguments(service: FakeService) -> None:
    """Each argument is shown with the places in the body that it became, and nothing is sent."""
    async with await provider_for(service) as provider:
        shown = provider.explain(
            [Message.user("Look.", Image.from_url("https://x.example/a.png"))], reasoning="minimal", tools=[LOOK]
        )

    assert shown.mapped["reasoning"] == {
        "generationConfig.thinkingConfig.thinkingLevel": "LOW",
        "generationConfig.thinkingConfig.includeThoughts": True,
    }
    assert shown.mapped["tools"]["tools[0].functionDeclarations[0].name"] == "look"
    assert "k-test" not in str(shown)
    assert service.requests == []
