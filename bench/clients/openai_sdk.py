"""The openai SDK, in its asynchronous form."""

from __future__ import annotations

import time
from typing import Any

import openai  # type: ignore[import-not-found, unused-ignore]

from . import KEY, MODEL, Client, Message


class SDKClient:
    """An `AsyncOpenAI` and nothing around it."""

    def __init__(self, base_url: str) -> None:
        self._client: Any = openai.AsyncOpenAI(api_key=KEY, base_url=base_url)

    async def complete(self, messages: list[Message]) -> str:
        """Complete."""
        answer = await self._client.chat.completions.create(model=MODEL, messages=messages)
        text: str = answer.choices[0].message.content
        return text

    async def stream(self, messages: list[Message]) -> list[str]:
        """Take the pieces out of the chunks."""
        chunks = await self._client.chat.completions.create(model=MODEL, messages=messages, stream=True)
        return [
            chunk.choices[0].delta.content async for chunk in chunks if chunk.choices and chunk.choices[0].delta.content
        ]

    async def first_piece(self, messages: list[Message]) -> float:
        """The same, with a look at the clock."""
        first = 0.0
        async for chunk in await self._client.chat.completions.create(model=MODEL, messages=messages, stream=True):
            if chunk.choices and chunk.choices[0].delta.content:
                first = first or time.perf_counter()
        return first

    async def embed(self, texts: list[str]) -> list[list[float]]:
        """Embed all in one call."""
        answer = await self._client.embeddings.create(model=MODEL, input=texts)
        return [row.embedding for row in answer.data]

    async def close(self) -> None:
        """Close the client."""
        await self._client.close()


async def connect(base_url: str) -> Client:
    """Return a client of the service at a URL."""
    return SDKClient(base_url)
