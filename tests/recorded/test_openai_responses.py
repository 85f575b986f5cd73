"""What the Responses API really sent is read right, and goes back as it wants it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pepperpy.providers import (
    Completion,
    ProviderAPIError,
    ProviderContentFilterError,
    ReadyProvider,
    create_provider,
)
from pepperpy.providers.events import FinishEvent, ReasoningEvent, TextEvent, ToolCallEvent
from pepperpy.providers.messages import Message
from pepperpy.providers.testing import FakeService

from .recordings import Recording, recordings

PLAIN = ("responses", "responses_tools", "responses_structured")
STREAMED = ("responses_stream", "responses_tools_stream", "responses_structured_stream")
FINISH_REASONS = {"max_output_tokens": "length", "incomplete": "incomplete", "queued": None}


async def provider_for(service: FakeService) -> ReadyProvider:
    return await create_provider(
        "openai", api_key="sk-recorded", base_url=service.url, api="responses", model="gpt-6-luna", max_retries=0
    )


def both(*categories: str) -> list[Any]:
    return [*recordings("openai", *categories), *recordings("openrouter", *categories)]


def assert_as_expected(completion: Completion, expect: dict[str, Any]) -> None:
    usage = expect["usage"] or {}
    calls = [{"id": call.id, "name": call.name, "arguments": call.raw_arguments} for call in completion.tool_calls]
    ended = "tool_calls" if expect["tool_calls"] else "stop"

    assert completion == (expect["text"] or "")
    assert calls == expect["tool_calls"]
    assert completion.native_finish_reason == expect["finish_reason"]
    assert completion.finish_reason == FINISH_REASONS.get(expect["finish_reason"], ended)
    assert completion.model == expect["model"]
    assert completion.id == expect["response_id"]
    assert completion.usage.input_tokens == usage.get("input_tokens")
    assert completion.usage.output_tokens == usage.get("output_tokens")
    assert completion.usage.total_tokens == usage.get("total_tokens")
    assert completion.usage.cached_tokens == (usage.get("input_tokens_details") or {}).get("cached_tokens")
    assert completion.usage.reasoning_tokens == (usage.get("output_tokens_details") or {}).get("reasoning_tokens")
    assert completion.usage.cost == usage.get("cost")
    if expect.get("reasoning"):
        assert completion.reasoning == expect["reasoning"]


@pytest.mark.parametrize("recording", both(*PLAIN))
async def test_plain(recording: Recording) -> None:
    """A plain answer; one that was refused whole is an error with the model's words."""
    async with FakeService(recording.reply()) as service, await provider_for(service) as provider:
        if refusal := recording.expect.get("refusal"):
            with pytest.raises(ProviderContentFilterError, match=refusal):
                await provider.complete("x")
            return
        completion = await provider.complete("x")

    assert_as_expected(completion, recording.expect)


@pytest.mark.parametrize("size", [3, None], ids=["three bytes at a time", "in odd pieces"])
@pytest.mark.parametrize("recording", both(*STREAMED))
async def test_streamed(recording: Recording, size: int | None) -> None:
    """A streamed answer, cut where it hurts."""
    async with FakeService(recording.reply(size)) as service, await provider_for(service) as provider:
        if refusal := recording.expect.get("refusal"):
            with pytest.raises(ProviderContentFilterError, match=refusal):
                await provider.complete("x", stream=True)
            return
        stream = await provider.complete("x", stream=True)
        events = [event async for event in stream.events()]

    texts = [event.text for event in events if isinstance(event, TextEvent)]
    reasoning = [event.text for event in events if isinstance(event, ReasoningEvent)]
    assert_as_expected(stream.completion, recording.expect)
    assert "".join(texts) == stream.completion
    assert "" not in texts
    assert "".join(reasoning) == (stream.completion.reasoning or "")
    assert {event.call for event in events if isinstance(event, ToolCallEvent)} >= set(stream.completion.tool_calls)
    assert isinstance(events[-1], FinishEvent)


@pytest.mark.parametrize("recording", recordings("openai", "error"))
@pytest.mark.parametrize("stream", [False, True])
async def test_errors(recording: Recording, stream: bool) -> None:
    """An error has its status and the service's own words, streamed or not."""
    async with FakeService(recording.reply()) as service, await provider_for(service) as provider:
        with pytest.raises(ProviderAPIError) as caught:
            await provider.complete("x", stream=stream)

    assert caught.value.status == recording.status
    assert recording.expect["error"]["message"][:80] in str(caught.value)


def items_of(recording: Recording) -> list[dict[str, Any]]:
    """Return the output of an answer that was not streamed."""
    answer = json.loads(recording.body)
    return [item for item in answer.get("output") or [] if isinstance(item, dict)]


def continued() -> list[Any]:
    """Return the answers whose items a recorded request sent back, each with that request."""
    plain = [found.values[0] for found in recordings("openai", *PLAIN)]
    asked = [found.values[0] for found in recordings("openai", *PLAIN, *STREAMED)]
    if plain == [None]:
        return recordings("openai", "responses")
    pairs = []
    for answer in plain:
        items = items_of(answer)
        for later in asked:
            body = later.request.get("body")
            sent = body.get("input") if isinstance(body, dict) else None
            unusual = any(item.get("type") != "message" for item in items)
            if unusual and isinstance(sent, list) and all(item in sent for item in items):
                pairs.append(pytest.param((answer, later), id=later.name[-60:]))
    return pairs


@pytest.mark.parametrize("pair", continued())
async def test_what_goes_back(pair: tuple[Recording, Recording]) -> None:
    """An answer and the results of its calls are sent as a client really sent them, who let the service keep them."""
    answer, later = pair
    items, sent = items_of(answer), later.request["body"]["input"]
    begin = sent.index(items[0])
    calls = {item.get("call_id"): item for item in items}
    end = begin + len(items)
    while end < len(sent) and sent[end].get("call_id") in calls and "output" in sent[end]:
        end += 1

    async with FakeService(answer.reply(), later.reply()) as service, await provider_for(service) as provider:
        first = await provider.complete("x")
        results = [Message.tool(call["call_id"], call["output"]) for call in sent[begin + len(items) : end]]
        asked = [Message.user("x"), first.message, *results, *([] if results else [Message.user("and now?")])]
        stream = bool(later.request["body"].get("stream"))
        await provider.complete(asked, store=True, stream=stream)

    mine = service.requests[1].json["input"]
    assert mine[1 : 1 + end - begin] == sent[begin:end]
    assert len(mine) == 1 + end - begin + (not results)


async def test_reasoning_goes_back_encrypted() -> None:
    """What is not stored carries its reasoning: the answer asks for it, and the next request holds it."""
    found = [
        one.values[0]
        for one in recordings("openai", "responses_tools")
        if one.values[0] is not None and "interleaved_reasoning_between_tool_calls.0" in one.values[0].name
    ]
    if not found:
        pytest.skip("no such recording")
    (answer,) = found
    reasoning, call = items_of(answer)

    async with FakeService(answer.reply()) as service, await provider_for(service) as provider:
        first = await provider.complete("x")
        await provider.complete([Message.user("x"), first.message, Message.tool(first.tool_calls[0], "Begin with 7.")])
        request = service.requests[1].json

    assert reasoning["encrypted_content"]
    assert (request["store"], request["include"]) == (False, ["reasoning.encrypted_content"])
    assert request["input"] == [
        {"role": "user", "content": "x"},
        reasoning,
        call,
        {"type": "function_call_output", "call_id": call["call_id"], "output": "Begin with 7."},
    ]
