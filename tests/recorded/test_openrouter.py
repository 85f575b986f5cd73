"""What OpenRouter really sent is read right."""

from __future__ import annotations

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
    calls = [
        (call["id"], call["function"]["name"], call["function"].get("arguments")) for call in completion.tool_calls
    ]

    assert completion == (expected["text"] or "")
    assert completion.finish_reason == expected["finish_reason"]
    assert completion.model == expected["model"]
    assert completion.id == expected["response_id"]
    assert completion.reasoning == (expected.get("reasoning") or None)
    assert calls == [(call["id"], call["name"], call["arguments"]) for call in expected["tool_calls"]]
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
