"""What Gemini really sent is read right."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pepperpy.providers import (
    Completion,
    CompletionStream,
    ProviderAPIError,
    ProviderAuthenticationError,
    ProviderContentFilterError,
    ProviderRateLimitError,
    ProviderStreamError,
    ReadyProvider,
    Usage,
    create_provider,
)
from pepperpy.providers.testing import FakeService

from .recordings import Recording, recordings

PLAIN = ("chat", "structured", "tools")
STREAMED = ("chat_stream", "structured_stream", "tools_stream")
CUTS = pytest.mark.parametrize("size", [1, 7, None], ids=["byte by byte", "in sevens", "in odd pieces"])

CLASSES: dict[str, type[ProviderAPIError]] = {
    "API key not valid": ProviderAuthenticationError,
    "Firebase ML API has not been used": ProviderAuthenticationError,
    "Resource exhausted": ProviderRateLimitError,
    "You exceeded your current quota": ProviderRateLimitError,
}


async def provider_for(service: FakeService) -> ReadyProvider:
    return await create_provider("gemini", api_key="recorded-key", base_url=service.url, max_retries=0)


async def read(stream: CompletionStream) -> tuple[list[str], ProviderStreamError | None]:
    pieces = []
    try:
        while True:
            pieces.append(await anext(stream))
    except StopAsyncIteration:
        return pieces, None
    except ProviderStreamError as error:
        return pieces, error


def assert_usage(usage: Usage, expected: dict[str, Any] | None) -> None:
    expected = expected or {}
    parts = [expected.get("candidatesTokenCount"), expected.get("thoughtsTokenCount")]

    assert usage.input_tokens == expected.get("promptTokenCount")
    assert usage.output_tokens == (sum(part or 0 for part in parts) if parts != [None, None] else None)
    assert usage.total_tokens == expected.get("totalTokenCount")
    assert usage.cached_tokens == expected.get("cachedContentTokenCount")
    assert usage.reasoning_tokens == expected.get("thoughtsTokenCount")


def assert_completion(completion: Completion, expected: dict[str, Any]) -> None:
    reason = expected["finish_reason"]
    calls = [(call.get("name"), call.get("args", {})) for call in completion.tool_calls]

    assert completion == (expected["text"] or "")
    assert completion.native_finish_reason == (None if reason is None else str(reason))
    assert completion.model == expected["model"]
    assert completion.id == expected["response_id"]
    assert completion.reasoning == expected.get("reasoning")
    assert calls == [(call["name"], call["arguments"]) for call in expected["tool_calls"]]
    assert (completion.finish_reason == "tool_calls") == bool(calls)
    assert_usage(completion.usage, expected["usage"])


@pytest.mark.parametrize("recording", recordings("gemini", *PLAIN))
async def test_chat(recording: Recording) -> None:
    """A plain answer, or the error of a prompt that was blocked."""
    async with FakeService(recording.reply()) as service, await provider_for(service) as provider:
        if not recording.expect["n_choices"]:
            with pytest.raises(ProviderContentFilterError, match=recording.expect.get("block_reason", "Message")):
                await provider.complete("x")
            return
        completion = await provider.complete("x")

    assert_completion(completion, recording.expect)


@CUTS
@pytest.mark.parametrize("recording", recordings("gemini", *STREAMED))
async def test_chat_stream(recording: Recording, size: int | None) -> None:
    """A streamed answer, cut where it hurts; also one that came as a JSON list."""
    breaks_off = b'\n  "error": {' in recording.body

    async with FakeService(recording.reply(size)) as service, await provider_for(service) as provider:
        stream = await provider.complete("x", stream=True)
        pieces, broken = await read(stream)

    assert "".join(pieces) == (recording.expect["text"] or "")
    assert "" not in pieces
    assert_completion(stream.completion, recording.expect)
    assert (broken is not None) == breaks_off
    if broken is not None:
        assert (broken.code, broken.partial_text) == ("CANCELLED", recording.expect["text"])


@pytest.mark.parametrize("recording", recordings("gemini", "embeddings"))
async def test_embeddings(recording: Recording) -> None:
    """Embeddings, of the newer model with its usage; what gemini-embedding-001 cuts is made whole."""
    count, dimensions = recording.expect["embedding_count"], recording.expect["embedding_dims"]
    model = recording.request["url"].partition("models/")[2].partition(":")[0]

    async with FakeService(recording.reply()) as service, await provider_for(service) as provider:
        vectors = await provider.embed_many(["x"] * count, model=model, dimensions=dimensions)

    assert len(vectors) == count
    assert vectors.dimensions == dimensions
    assert_usage(vectors.usage, recording.expect["usage"])
    if model != "embedding-001":
        assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-4) for vector in vectors)


@CUTS
@pytest.mark.parametrize("recording", recordings("gemini", "error", "error_stream"))
@pytest.mark.parametrize("stream", [False, True])
async def test_errors(recording: Recording, stream: bool, size: int | None) -> None:
    """An error is an error of the class that it means, with the service's own words, however it is asked for."""
    said = recording.expect["error"]["message"].strip()
    kind = next((kind for start, kind in CLASSES.items() if said.startswith(start)), ProviderAPIError)

    async with FakeService(recording.reply(size)) as service, await provider_for(service) as provider:
        with pytest.raises(ProviderAPIError) as caught:
            await provider.complete("x", stream=stream)

    assert type(caught.value) is kind
    assert caught.value.status == recording.status
    if not 300 <= recording.status < 400:
        assert caught.value.code == recording.expect["error_type"]
        assert said[:80] in str(caught.value)
    if "retry in" in said:
        assert caught.value.retry_after == 48
