"""What OpenRouter really sent is read right."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from typing import Any, Literal

import attrs
import pytest

from pepperpy.providers import (
    Completion,
    ProviderAPIError,
    ProviderContentFilterError,
    ProviderContextLengthError,
    ProviderQuotaError,
    ProviderRateLimitError,
    ReadyProvider,
    Usage,
    create_provider,
)
from pepperpy.providers.events import FinishEvent, ReasoningEvent, TextEvent, ToolCallEvent
from pepperpy.providers.messages import Message, Prompt
from pepperpy.providers.testing import FakeService

from .recordings import Recording, recordings

CLASSES: dict[str, type[ProviderAPIError]] = {
    "402": ProviderQuotaError,
    "403": ProviderContentFilterError,
    "429": ProviderRateLimitError,
    "context_length": ProviderContextLengthError,
}
"""The class that a recording's name and status call for; all others are plain."""


async def provider_for(service: FakeService) -> ReadyProvider:
    return await create_provider("openrouter", api_key="sk-recorded", base_url=service.url, max_retries=0)


def assert_usage(usage: Usage, expected: dict[str, Any] | None) -> None:
    expected = expected or {}

    assert usage.input_tokens == expected.get("prompt_tokens")
    assert usage.output_tokens == expected.get("completion_tokens")
    assert usage.total_tokens == expected.get("total_tokens")
    assert usage.cached_tokens == (expected.get("prompt_tokens_details") or {}).get("cached_tokens")
    assert usage.reasoning_tokens == (expected.get("completion_tokens_details") or {}).get("reasoning_tokens")
    assert usage.cost == expected.get("cost")


def assert_read(completion: Completion, expected: dict[str, Any]) -> None:
    calls = [(call.id, call.name, call.raw_arguments) for call in completion.tool_calls]
    native = completion.native

    assert completion == (expected["text"] or "")
    assert completion.finish_reason == expected["finish_reason"]
    assert completion.model == expected["model"]
    assert completion.id == expected["response_id"]
    assert completion.reasoning == (expected.get("reasoning") or None)
    assert calls == [(call["id"], call["name"], call["arguments"] or "") for call in expected["tool_calls"]]
    assert all(
        call.arguments == json.loads(call.raw_arguments or "{}")
        for call in completion.tool_calls
        if call.problem is None
    )
    assert native is None or (native.dialect == "openrouter" and json.loads(json.dumps(native.data)) == native.data)
    assert_usage(completion.usage, expected["usage"])


@pytest.mark.parametrize("recording", recordings("openrouter", "chat", "structured", "tools"))
async def test_chat(recording: Recording) -> None:
    """A plain answer: text, reasoning, tool calls, finish reason, usage and cost."""
    async with FakeService(recording.reply()) as service, await provider_for(service) as provider:
        completion = await provider.complete("x")

    assert_read(completion, recording.expect)


@pytest.mark.parametrize("size", [1, None], ids=["byte by byte", "in odd pieces"])
@pytest.mark.parametrize("recording", recordings("openrouter", "chat_stream", "structured_stream", "tools_stream"))
async def test_chat_stream(recording: Recording, size: int | None) -> None:
    """The same of a streamed answer, cut where it hurts."""
    async with FakeService(recording.reply(size)) as service, await provider_for(service) as provider:
        stream = await provider.complete("x", stream=True)
        pieces = [piece async for piece in stream]

    assert "".join(pieces) == stream.completion
    assert "" not in pieces
    assert_read(stream.completion, recording.expect)


@pytest.mark.parametrize("recording", recordings("openrouter", "chat_stream", "structured_stream", "tools_stream"))
async def test_events(recording: Recording) -> None:
    """The events of a stream are what its completion holds: the texts, the reasoning, each call once, and the end."""
    async with FakeService(recording.reply()) as service, await provider_for(service) as provider:
        events = [event async for event in (await provider.complete("x", stream=True)).events()]

    *events, finish = events
    assert isinstance(finish, FinishEvent)
    whole = finish.completion
    assert "".join(event.text for event in events if isinstance(event, TextEvent)) == whole == recording.expect["text"]
    assert "".join(e.text for e in events if isinstance(e, ReasoningEvent)) == (recording.expect.get("reasoning") or "")
    assert tuple(event.call for event in events if isinstance(event, ToolCallEvent)) == whole.tool_calls


REASONING = recordings("openrouter", "chat", "chat_stream", "structured_stream", "tools", "tools_stream")


@pytest.mark.parametrize("recording", REASONING)
async def test_what_openrouter_wants_back(recording: Recording) -> None:
    """The details of the reasoning are kept whole: of a plain answer as they came, of a stream put together."""
    stream = b"data: " in recording.body
    sent = [detail for message in messages_in(recording, stream) for detail in message.get("reasoning_details") or []]

    async with FakeService(recording.reply()) as service, await provider_for(service) as provider:
        completion = await answer(provider, "x", stream)

    kept = completion.native.data["reasoning_details"] if completion.native else []
    if not stream:
        assert kept == sent
    for name in ("text", "summary", "data", "signature"):
        assert "".join(d.get(name) or "" for d in kept) == "".join(d.get(name) or "" for d in sent)
    assert len(kept) == len({(detail.get("type"), detail.get("index"), detail.get("id")) for detail in kept})
    assert all(detail["type"] and "format" in detail for detail in kept if "index" in detail)


def messages_in(recording: Recording, stream: bool) -> list[dict[str, Any]]:
    if not stream:
        return [choice["message"] for choice in json.loads(recording.body)["choices"]]
    events = [line[6:] for line in recording.body.splitlines() if line.startswith(b"data: {")]
    return [choice["delta"] for event in events for choice in json.loads(event).get("choices") or []]


async def answer(provider: ReadyProvider, prompt: Prompt, stream: bool) -> Completion:
    completion = await provider.complete(prompt, stream=stream)
    if isinstance(completion, Completion):
        return completion
    async for _ in completion:
        pass
    return completion.completion


def without_blanks(call: dict[str, Any]) -> tuple[Any, ...]:
    return call["id"], call["type"], call["function"]["name"], json.loads(call["function"]["arguments"])


def following() -> list[Any]:
    """Return the recordings whose request goes on after the answer of another one, which they come with."""
    by_name = {param.values[0].name: param.values[0] for param in REASONING if param.values[0] is not None}
    pairs = []
    for name, recording in by_name.items():
        stem, _, number = name.rpartition(".")
        before = by_name.get(f"{stem}.{int(number) - 1}")
        if before and any(message["role"] == "tool" for message in recording.request["body"]["messages"][-1:]):
            pairs.append(pytest.param(before, recording, id=name[-60:]))
    return pairs or [pytest.param(None, None, marks=pytest.mark.skip(reason="no recordings"), id="none")]


@pytest.mark.parametrize(("before", "recording"), following())
async def test_a_round_trip(before: Recording, recording: Recording) -> None:
    """What follows a call is asked for as others asked for it: the call, its reasoning untouched, and its result."""
    results = [m for m in recording.request["body"]["messages"] if m["role"] == "tool"]
    stream = b"data: " in before.body

    async with FakeService(before.reply(), recording.reply()) as service, await provider_for(service) as provider:
        first = await answer(provider, "x", stream)
        told = [Message.tool(call, m["content"]) for call, m in zip(first.tool_calls, results, strict=True)]
        second = await answer(provider, [Message.user("x"), first.message, *told], b"data: " in recording.body)

    _, asked, *said = service.requests[1].json["messages"]
    recorded = next(m for m in recording.request["body"]["messages"] if m["role"] == "assistant")
    assert list(map(without_blanks, asked["tool_calls"])) == list(map(without_blanks, recorded["tool_calls"]))
    assert said == [{name: m[name] for name in ("role", "tool_call_id", "content")} for m in results]
    assert (asked["content"] or "") == (recorded.get("content") or "")
    assert second == (recording.expect["text"] or "")
    if "grok" not in recording.name and "reasoning_details" in recorded:
        # The one who asked there lost the details; some leave out what is null, or null what is there.
        for mine, theirs in zip(asked["reasoning_details"], recorded["reasoning_details"], strict=True):
            assert {**mine, "format": ""} == {**theirs, "format": ""}


@pytest.mark.parametrize("recording", recordings("openrouter", "models"))
async def test_models(recording: Recording) -> None:
    """The models, with what they take, and what they can do in pepperpy's words."""
    async with FakeService(recording.reply()) as service, await provider_for(service) as provider:
        models = await provider.list_models()

    assert len(models) == recording.expect["model_count"]
    for model in models:
        assert model.id == model.raw["id"]
        assert model.name == model.raw["name"]
        assert model.created == model.raw["created"]
        assert model.context_length == model.raw["context_length"]
        assert model.max_output_tokens == model.raw["top_provider"]["max_completion_tokens"]
        assert model.capabilities is not None
        assert ("tools" in model.capabilities) == ("tools" in model.raw["supported_parameters"])
        assert ("structured_output" in model.capabilities) == (
            "structured_outputs" in model.raw["supported_parameters"]
        )
        assert ("reasoning" in model.capabilities) == ("reasoning" in model.raw["supported_parameters"])
        assert ("images" in model.capabilities) == ("image" in model.raw["architecture"]["input_modalities"])


@pytest.mark.parametrize("end", ["keep", "cut"])
@pytest.mark.parametrize("recording", recordings("openrouter", "chat_stream"))
async def test_a_stream_that_stops_early(recording: Recording, end: Literal["keep", "cut"]) -> None:
    """A streamed answer that stops anywhere raises, with what had come, or has lost nothing of its text."""
    text = recording.expect["text"] or ""
    draw = random.Random(recording.name)
    whole = recording.reply()
    stops = sorted(draw.sample(range(1, len(recording.body)), 5))

    async with FakeService() as service, await provider_for(service) as provider:
        for stop in stops:
            service.replies = [attrs.evolve(whole, body=[recording.body[:stop]], end=end)]
            pieces: list[str] = []
            failure: ProviderAPIError | None = None
            try:
                async for piece in await provider.complete("x", stream=True):
                    pieces.append(piece)
            except ProviderAPIError as error:
                failure = error

            assert "".join(pieces) == (text if failure is None else getattr(failure, "partial_text", ""))
            assert text.startswith("".join(pieces))


@pytest.mark.parametrize("recording", recordings("openrouter", "embeddings"))
async def test_embeddings(recording: Recording) -> None:
    """Embeddings, with what they cost."""
    count = recording.expect["embedding_count"]

    async with FakeService(recording.reply()) as service, await provider_for(service) as provider:
        vectors = await provider.embed_many(["x"] * count)

    assert len(vectors) == count
    assert vectors.dimensions == recording.expect["embedding_dims"]
    assert_usage(vectors.usage, recording.expect["usage"])


@pytest.mark.parametrize("size", [1, None], ids=["byte by byte", "in odd pieces"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("recording", recordings("openrouter", "error", "error_stream"))
async def test_errors(recording: Recording, stream: bool, size: int | None) -> None:
    """An error is of the class that it means, with OpenRouter's code and words."""
    if recording.status == 200 and not stream:
        pytest.skip("an error inside a stream")
    wanted = next(
        (kind for sign, kind in CLASSES.items() if sign in recording.name or sign == str(recording.status)),
        ProviderAPIError,
    )

    async with FakeService(recording.reply(size)) as service, await provider_for(service) as provider:
        with pytest.raises(ProviderAPIError) as caught:
            async for _ in await provider.complete("x", stream=True) if stream else once(provider):
                pass

    assert type(caught.value) is wanted
    assert caught.value.status == recording.status
    assert caught.value.code == str(recording.expect["error"]["code"])
    assert recording.expect["error"]["message"][:80] in str(caught.value)


async def once(provider: ReadyProvider) -> AsyncIterator[str]:
    yield await provider.complete("x")
