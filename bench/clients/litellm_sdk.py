"""LiteLLM as a library, by its provider `openai`."""

from __future__ import annotations

import time
from typing import Any

import litellm  # type: ignore[import-not-found, unused-ignore]

from . import KEY, MODEL, Client, Message


class LiteLLMClient:
    """LiteLLM's functions with the same arguments each time."""

    def __init__(self, base_url: str) -> None:
        self._where = {"api_base": base_url, "api_key": KEY}

    async def complete(self, messages: list[Message]) -> str:
        """Complete."""
        answer: Any = await litellm.acompletion(model=f"openai/{MODEL}", messages=messages, **self._where)
        text: str = answer.choices[0].message.content
        return text

    async def stream(self, messages: list[Message]) -> list[str]:
        """Take the pieces out of the chunks."""
        chunks: Any = await litellm.acompletion(model=f"openai/{MODEL}", messages=messages, stream=True, **self._where)
        return [
            chunk.choices[0].delta.content async for chunk in chunks if chunk.choices and chunk.choices[0].delta.content
        ]

    async def first_piece(self, messages: list[Message]) -> float:
        """The same, with a look at the clock."""
        first = 0.0
        chunks: Any = await litellm.acompletion(model=f"openai/{MODEL}", messages=messages, stream=True, **self._where)
        async for chunk in chunks:
            if chunk.choices and chunk.choices[0].delta.content:
                first = first or time.perf_counter()
        return first

    async def embed(self, texts: list[str]) -> list[list[float]]:
        """Embed all in one call."""
        answer: Any = await litellm.aembedding(model=f"openai/{MODEL}", input=texts, **self._where)
        return [row["embedding"] for row in answer.data]

    async def close(self) -> None:
        """Leave its clients to the end of the process: it keeps them for all calls."""


async def connect(base_url: str) -> Client:
    """Return a client of the service at a URL."""
    return LiteLLMClient(base_url)
