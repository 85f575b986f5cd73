"""pepperpy, by its provider `openai`."""

from __future__ import annotations

import time

from pepperpy.providers import Embeddings, ReadyProvider, create_provider

from . import KEY, MODEL, Client, Message


class OurClient:
    """A provider and nothing around it."""

    def __init__(self, provider: ReadyProvider) -> None:
        self._provider = provider

    async def complete(self, messages: list[Message]) -> str:
        """Complete; a conversation of several messages goes past the prompt, in the body."""
        if len(messages) == 1:
            return await self._provider.complete(messages[0]["content"])
        return await self._provider.complete(messages[-1]["content"], extra_body={"messages": messages})

    async def stream(self, messages: list[Message]) -> list[str]:
        """Take the pieces."""
        return [piece async for piece in await self._provider.complete(messages[-1]["content"], stream=True)]

    async def first_piece(self, messages: list[Message]) -> float:
        """The same, with a look at the clock."""
        first = 0.0
        async for _ in await self._provider.complete(messages[-1]["content"], stream=True):
            first = first or time.perf_counter()
        return first

    async def embed(self, texts: list[str]) -> Embeddings:
        """Embed all in one call."""
        return await self._provider.embed_many(texts)

    async def close(self) -> None:
        """Clean up."""
        await self._provider.cleanup()


async def connect(base_url: str) -> Client:
    """Return a client of the service at a URL."""
    return OurClient(await create_provider("openai", api_key=KEY, model=MODEL, base_url=base_url))
