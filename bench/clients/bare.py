"""aiohttp with the standard library's json and nothing around it, by somebody who knows both: the floor.

It keeps no promise: no retry, no error of its own, no bound, no end of a stream that is told from a cut.
"""

from __future__ import annotations

import base64
import json
import time
from array import array

import aiohttp
from yarl import URL

from . import KEY, MODEL, Client, Message


class BareClient:
    """One session, one URL, one set of headers."""

    def __init__(self, base_url: str) -> None:
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
            connector=aiohttp.TCPConnector(limit=0),
        )
        self._chat = URL(base_url + "/chat/completions")
        self._embeddings = URL(base_url + "/embeddings")

    async def complete(self, messages: list[Message]) -> str:
        """Post, read, decode."""
        body = json.dumps({"model": MODEL, "messages": messages}).encode()
        async with self._session.post(self._chat, data=body) as response:
            answer = json.loads(await response.read())
        text: str = answer["choices"][0]["message"]["content"]
        return text

    async def stream(self, messages: list[Message]) -> list[str]:
        """Split each read at its blank lines and decode event by event."""
        pieces = []
        body = json.dumps({"model": MODEL, "messages": messages, "stream": True}).encode()
        async with self._session.post(self._chat, data=body) as response:
            rest = b""
            async for data in response.content.iter_any():
                *events, rest = (rest + data).split(b"\n\n")
                for event in events:
                    if event == b"data: [DONE]":
                        continue
                    chunk = json.loads(event[6:])
                    if chunk["choices"] and (piece := chunk["choices"][0]["delta"].get("content")):
                        pieces.append(piece)
        return pieces

    async def first_piece(self, messages: list[Message]) -> float:
        """The same, with a look at the clock."""
        first = 0.0
        body = json.dumps({"model": MODEL, "messages": messages, "stream": True}).encode()
        async with self._session.post(self._chat, data=body) as response:
            rest = b""
            async for data in response.content.iter_any():
                *events, rest = (rest + data).split(b"\n\n")
                for event in events:
                    if event == b"data: [DONE]":
                        continue
                    chunk = json.loads(event[6:])
                    if chunk["choices"] and chunk["choices"][0]["delta"].get("content"):
                        first = first or time.perf_counter()
        return first

    async def embed(self, texts: list[str]) -> list[array[float]]:
        """Ask for base64, which every vector is taken out of in one step."""
        body = json.dumps({"model": MODEL, "input": texts, "encoding_format": "base64"}).encode()
        async with self._session.post(self._embeddings, data=body) as response:
            answer = json.loads(await response.read())
        return [array("f", base64.b64decode(row["embedding"])) for row in answer["data"]]

    async def close(self) -> None:
        """Close the session."""
        await self._session.close()


async def connect(base_url: str) -> Client:
    """Return a client of the service at a URL."""
    return BareClient(base_url)
