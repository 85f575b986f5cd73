"""pepperpy, by its provider `openai`, on the standard library's json."""

from __future__ import annotations

import sys
import time
from typing import Any

from pepperpy.providers import CompletionStream, Embeddings, ReadyProvider, create_provider

from . import KEY, MODEL, Client, Message

# Also where orjson is installed: what it does is the question of `ours_speed`.
sys.modules.setdefault("orjson", None)  # type: ignore[arg-type]


class OurClient:
    """A provider and nothing around it."""

    def __init__(self, provider: ReadyProvider) -> None:
        self._provider = provider
        self._conversations: dict[int, Any] = {}

    def _prompt(self, messages: list[Message]) -> Any:
        """Return a text, or the conversation as whoever holds one has it: as objects, made once."""
        count = len(messages)
        if count == 1:
            return messages[0]["content"]
        if count not in self._conversations:
            from pepperpy.providers import Message as Ours

            self._conversations[count] = [
                Ours("user" if each["role"] == "user" else "assistant", each["content"]) for each in messages
            ]
        return self._conversations[count]

    async def complete(self, messages: list[Message]) -> str:
        """Complete."""
        return await self._provider.complete(self._prompt(messages))

    async def stream(self, messages: list[Message]) -> list[str]:
        """Take the pieces."""
        return [piece async for piece in await self._provider.complete(self._prompt(messages), stream=True)]

    async def first_piece(self, messages: list[Message]) -> float:
        """The same, with a look at the clock."""
        first = 0.0
        async for _ in await self._provider.complete(self._prompt(messages), stream=True):
            first = first or time.perf_counter()
        return first

    async def open(self, messages: list[Message]) -> CompletionStream:
        """Begin a stream, to be left."""
        return await self._provider.complete(self._prompt(messages), stream=True)

    async def embed(self, texts: list[str]) -> Embeddings:
        """Embed all in one call."""
        return await self._provider.embed_many(texts)

    async def close(self) -> None:
        """Clean up."""
        await self._provider.cleanup()


async def connect(base_url: str) -> Client:
    """Return a client of the service at a URL."""
    return OurClient(await create_provider("openai", api_key=KEY, model=MODEL, base_url=base_url))
