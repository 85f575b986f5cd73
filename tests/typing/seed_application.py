"""How an application uses the library: checked by mypy --strict and pyright, never executed."""

from __future__ import annotations

from typing import assert_type

from pepperpy.providers import (
    Completion,
    CompletionStream,
    Embeddings,
    Provider,
    ProviderConfig,
    ReadyProvider,
    Timeouts,
    create_provider,
)
from pepperpy.providers.domain import ProviderAPIError, ProviderError, ProviderRateLimitError
from pepperpy.providers.engine import ProviderEngine


async def make() -> None:
    provider = await create_provider(
        "openai",
        api_key="...",
        model="gpt-4",
        timeout=30,
        max_retries=3,
        extra_config={"organization": "org-id", "base_url": "https://example.com/v1"},
    )
    assert_type(provider, ReadyProvider)
    text: str = await provider.complete("Explain quantum computing.", temperature=0.7, max_tokens=200)
    print(text.upper())
    await provider.cleanup()

    config = ProviderConfig(
        provider_type="openai", api_key="...", model="gpt-4", timeout=30, max_retries=3, extra_config={"project": "p"}
    )
    as_any_other: Provider = await create_provider(**config.dict())
    await as_any_other.cleanup()

    async with await create_provider("openrouter", title="sample", timeout=Timeouts(connect=5)) as flat:
        assert_type(flat, ReadyProvider)


async def ask(provider: ReadyProvider, stream: bool) -> None:
    completion = await provider.complete("Hello")
    assert_type(completion, Completion)
    assert_type(completion.usage.output_tokens, int | None)

    async for chunk in await provider.complete("Tell me a story", stream=True):
        assert_type(chunk, str)
        print(chunk, end="", flush=True)

    async with await provider.complete("Tell me a story", stream=True) as pieces:
        assert_type(pieces, CompletionStream)
        async for chunk in pieces:
            print(chunk)
    assert_type(pieces.completion, Completion)

    assert_type(await provider.complete("Either", stream=stream), Completion | CompletionStream)
    assert_type(await provider.embed("Text", model="text-embedding-3-large"), list[float])
    assert_type(await provider.embed_many(["a", "b"], dimensions=256), Embeddings)


async def handle(provider: ReadyProvider) -> None:
    try:
        await provider.complete("Hello")
    except ProviderRateLimitError as error:
        assert_type(error.retry_after, float | None)
    except ProviderAPIError as error:
        assert_type(error.status, int | None)
    except ProviderError as error:
        print(error.provider_type, error.details)


def find() -> None:
    assert_type(ProviderEngine.list_providers(), list[str])
