"""The same as `bare`, for Gemini: the floor of `ours_gemini`."""

from __future__ import annotations

import asyncio
import json
import time
from array import array
from typing import Any

import aiohttp
from yarl import URL

from . import KEY, MODEL, Client, Message


class BareGeminiClient:
    """One session, one URL, one set of headers."""

    def __init__(self, base_url: str) -> None:
        self._session = aiohttp.ClientSession(
            headers={"x-goog-api-key": KEY, "Content-Type": "application/json"},
            connector=aiohttp.TCPConnector(limit=0),
        )
        self._chat = URL(f"{base_url}/models/{MODEL}:generateContent")
        self._stream = URL(f"{base_url}/models/{MODEL}:streamGenerateContent?alt=sse")
        self._embeddings = URL(f"{base_url}/models/{MODEL}:batchEmbedContents")

    async def complete(self, messages: list[Message]) -> str:
        """Post, read, decode."""
        async with self._session.post(self._chat, data=body_of(messages)) as response:
            answer = json.loads(await response.read())
        text: str = answer["candidates"][0]["content"]["parts"][0]["text"]
        return text

    async def stream(self, messages: list[Message]) -> list[str]:
        """Split each read at its blank lines and decode event by event."""
        pieces = []
        async with self._session.post(self._stream, data=body_of(messages)) as response:
            rest = b""
            async for data in response.content.iter_any():
                *events, rest = (rest + data).split(b"\r\n\r\n")
                for event in events:
                    piece = json.loads(event[6:])["candidates"][0]["content"]["parts"][0]["text"]
                    if piece:
                        pieces.append(piece)
        return pieces

    async def first_piece(self, messages: list[Message]) -> float:
        """The same, with a look at the clock."""
        first = 0.0
        async with self._session.post(self._stream, data=body_of(messages)) as response:
            rest = b""
            async for data in response.content.iter_any():
                *events, rest = (rest + data).split(b"\r\n\r\n")
                for event in events:
                    if json.loads(event[6:])["candidates"][0]["content"]["parts"][0]["text"]:
                        first = first or time.perf_counter()
        return first

    async def embed(self, texts: list[str]) -> list[array[float]]:
        """Ask for a hundred at once, which is all that Google takes, and keep the numbers compact."""
        batches = [texts[start : start + 100] for start in range(0, len(texts), 100)]
        return [vector for batch in await asyncio.gather(*map(self._embed, batches)) for vector in batch]

    async def _embed(self, texts: list[str]) -> list[array[float]]:
        requests = [{"model": f"models/{MODEL}", "content": {"parts": [{"text": text}]}} for text in texts]
        body = json.dumps({"requests": requests}).encode()
        async with self._session.post(self._embeddings, data=body) as response:
            answer = json.loads(await response.read())
        return [array("f", row["values"]) for row in answer["embeddings"]]

    async def close(self) -> None:
        """Close the session."""
        await self._session.close()


def body_of(messages: list[Message]) -> bytes:
    """Return the body of a request."""
    contents: list[dict[str, Any]] = [
        {"role": "user" if each["role"] == "user" else "model", "parts": [{"text": each["content"]}]}
        for each in messages
    ]
    return json.dumps({"contents": contents}).encode()


async def connect(base_url: str) -> Client:
    """Return a client of the service at a URL."""
    return BareGeminiClient(base_url)
