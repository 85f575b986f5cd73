"""What OpenAI really sent is read right."""

from __future__ import annotations

from typing import Any

import pytest

from pepperpy.providers import ProviderAPIError, ReadyProvider, Usage, create_provider
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


@pytest.mark.parametrize("recording", recordings("openai", "chat"))
async def test_chat(recording: Recording) -> None:
    """A plain answer."""
    async with FakeService(recording.reply()) as service, await provider_for(service) as provider:
        completion = await provider.complete("x")

    assert completion == (recording.expect["text"] or "")
    assert completion.native_finish_reason == recording.expect["finish_reason"]
    assert completion.model == recording.expect["model"]
    assert completion.id == recording.expect["response_id"]
    assert_usage(completion.usage, recording.expect["usage"])


@pytest.mark.parametrize("size", [1, None], ids=["byte by byte", "in odd pieces"])
@pytest.mark.parametrize("recording", recordings("openai", "chat_stream"))
async def test_chat_stream(recording: Recording, size: int | None) -> None:
    """A streamed answer, cut where it hurts."""
    async with FakeService(recording.reply(size)) as service, await provider_for(service) as provider:
        stream = await provider.complete("x", stream=True)
        pieces = [piece async for piece in stream]

    assert "".join(pieces) == (recording.expect["text"] or "")
    assert "" not in pieces
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
