"""What OpenAI really sent is read right."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest

from pepperpy.providers import (
    Image,
    Message,
    ProviderAPIError,
    ProviderContentFilterError,
    ReadyProvider,
    Text,
    ToolCall,
    Usage,
    create_provider,
)
from pepperpy.providers.dialects.openai import OpenAIDialect
from pepperpy.providers.testing import FakeService

from .recordings import Recording, recordings


async def provider_for(service: FakeService) -> ReadyProvider:
    return await create_provider("openai", api_key="sk-recorded", base_url=service.url, max_retries=0)


def assert_usage(usage: Usage, expected: dict[str, Any] | None) -> None:
    expected = expected or {}

    assert usage.input_tokens == expected.get("prompt_tokens")
    assert usage.output_tokens == expected.get("completion_tokens")
    assert usage.total_tokens == expected.get("total_tokens")
    assert usage.reasoning_tokens == (expected.get("completion_tokens_details") or {}).get("reasoning_tokens")


ANSWERS = ("chat", "tools", "structured")


def assert_tool_calls(calls: Sequence[ToolCall], expected: list[dict[str, Any]]) -> None:
    assert [(call.name, call.raw_arguments) for call in calls] == [(e["name"], e["arguments"]) for e in expected]
    assert all(call.id == e["id"] for call, e in zip(calls, expected, strict=True) if e["id"])
    assert all(call.arguments == json.loads(e["arguments"] or "{}") for call, e in zip(calls, expected, strict=True))


def is_refused(recording: Recording) -> bool:
    return bool(recording.expect.get("refusal") and not recording.expect["text"])


def refused_as(recording: Recording) -> AbstractContextManager[Any]:
    """A refusal is never a completion."""
    if not is_refused(recording):
        return nullcontext()
    return pytest.raises(ProviderContentFilterError, match=re.escape(recording.expect["refusal"][:40]))


@pytest.mark.parametrize("recording", recordings("openai", *ANSWERS))
async def test_answers(recording: Recording) -> None:
    """A plain answer."""
    async with FakeService(recording.reply()) as service, await provider_for(service) as provider:
        with refused_as(recording):
            completion = await provider.complete("x")
    if is_refused(recording):
        return

    assert_tool_calls(completion.tool_calls, recording.expect["tool_calls"] or [])
    assert completion == (recording.expect["text"] or "")
    assert completion.native_finish_reason == recording.expect["finish_reason"]
    assert completion.model == recording.expect["model"]
    assert completion.id == recording.expect["response_id"]
    assert_usage(completion.usage, recording.expect["usage"])


@pytest.mark.parametrize("size", [1, None], ids=["byte by byte", "in odd pieces"])
@pytest.mark.parametrize("recording", recordings("openai", *(f"{category}_stream" for category in ANSWERS)))
async def test_streams(recording: Recording, size: int | None) -> None:
    """A streamed answer, cut where it hurts."""
    async with FakeService(recording.reply(size)) as service, await provider_for(service) as provider:
        with refused_as(recording):
            stream = await provider.complete("x", stream=True)
            pieces = [piece async for piece in stream]
    if is_refused(recording):
        return

    assert "".join(pieces) == (recording.expect["text"] or "")
    assert "" not in pieces
    assert_tool_calls(stream.completion.tool_calls, recording.expect["tool_calls"] or [])
    assert stream.completion.native_finish_reason == recording.expect["finish_reason"]
    assert stream.completion.model == recording.expect["model"]
    assert_usage(stream.usage, recording.expect["usage"])


@pytest.mark.parametrize("recording", recordings("openai", "embeddings"))
async def test_embeddings(recording: Recording) -> None:
    """Embeddings, whichever way they are encoded."""
    count = recording.expect["embedding_count"]

    async with FakeService(recording.reply()) as service, await provider_for(service) as provider:
        vectors = await provider.embed_many(["x"] * count)

    assert len(vectors) == count
    assert vectors.dimensions == recording.expect["embedding_dims"]
    assert vectors.usage.input_tokens == recording.expect["usage"]["prompt_tokens"]


@pytest.mark.parametrize("recording", recordings("openai", "error", "error_stream"))
@pytest.mark.parametrize("stream", [False, True])
async def test_errors(recording: Recording, stream: bool) -> None:
    """An error is an error of the class that its status means, with the service's own words."""
    if recording.status == 200 and not stream:
        pytest.skip("an error inside a stream")

    async with FakeService(recording.reply()) as service, await provider_for(service) as provider:
        with pytest.raises(ProviderAPIError) as caught:
            async for _ in await provider.complete("x", stream=True) if stream else once(provider):
                pass

    assert caught.value.status == recording.status
    assert recording.expect["error"]["message"][:80] in str(caught.value)


async def once(provider: ReadyProvider) -> Any:
    yield await provider.complete("x")


def message_of(wire: dict[str, Any], names: dict[str, str]) -> Message:
    """Make the message that a client would have made of what it sent or received."""
    role, content = wire["role"], as_text(wire.get("content") or "")
    if role == "tool":
        return Message.tool(wire["tool_call_id"], content, name=names.get(wire["tool_call_id"]))
    if role == "assistant":
        return OpenAIDialect().parse_completion({"choices": [{"message": wire, "finish_reason": "stop"}]}).message
    if isinstance(content, str):
        return Message("user" if role == "user" else "system", content)
    parts = [
        Text(part["text"])
        if part["type"] == "text"
        else Image.from_url(part["image_url"]["url"], detail=part["image_url"].get("detail"))
        for part in content
    ]
    return Message("user", tuple(parts))


def as_text(content: Any) -> Any:
    """Return a content that is text in parts as one text: both mean the same."""
    if isinstance(content, list) and all(part["type"] == "text" for part in content):
        return "".join(part["text"] for part in content)
    return content


def is_ours(message: dict[str, Any]) -> bool:
    content = message.get("content")
    kinds = {part.get("type") for part in content} if isinstance(content, list) else {"text"}
    known = {"role", "content", "tool_calls", "tool_call_id"}
    return (
        message.keys() <= known
        and kinds <= {"text", "image_url"}
        and (isinstance(content, (str, list)) or "tool_calls" in message)
    )


def conversations() -> list[Any]:
    """Return the recordings whose request is a conversation in words that we have."""
    found = recordings("openai", "chat", "chat_stream", "tools", "tools_stream", "structured", "structured_stream")
    return [
        each
        for each in found
        if each.values
        and isinstance(each.values[0], Recording)
        and isinstance(each.values[0].request["body"], dict)
        and len(each.values[0].request["body"].get("messages", ())) > 1
        and all(map(is_ours, each.values[0].request["body"]["messages"]))
    ] or found[:1]


@pytest.mark.parametrize("recording", conversations())
def test_conversations_are_sent_as_they_were(recording: Recording) -> None:
    """A conversation that was recorded is written the same way again, calls and results included."""
    sent = recording.request["body"]["messages"]
    names = {call["id"]: call["function"]["name"] for message in sent for call in message.get("tool_calls") or ()}
    prompt = [message_of(message, names) for message in sent]
    written = OpenAIDialect().complete(prompt, model="m", stream=False, options={}).body["messages"]

    assert written == [
        {**message, "role": message["role"].replace("developer", "system"), "content": as_text(message.get("content"))}
        for message in sent
    ]
