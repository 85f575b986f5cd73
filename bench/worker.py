"""Does the work of one participant in a process of its own.

Called with the name of a module in `bench.clients` and the URL of the server, it reads orders from its input, one JSON
object a line, and answers each with one.
"""

from __future__ import annotations

import asyncio
import cProfile
import functools
import gc
import importlib
import json
import pstats
import statistics
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

from .clients import Client, Message
from .server import DIMENSIONS, TEXTS

RUNS = 21
"""How many runs the function calls of a request are the least of, at most."""

COUNTING_SECONDS = 0.5
"""After how long they are enough."""


@functools.cache
def conversation(length: int) -> list[Message]:
    """Return that many messages."""
    return [
        {"role": ("user", "assistant")[place % 2], "content": f"This is message {place} of a long conversation."}
        for place in range(length)
    ]


@functools.cache
def texts() -> list[str]:
    """Return what is embedded."""
    return [f"This is text {place}." for place in range(TEXTS)]


async def complete(client: Client, count: int, messages: list[Message]) -> int:
    """Complete, one after the other; an item is a completion."""
    for _ in range(count):
        await client.complete(messages)
    return count


async def together(client: Client, count: int, messages: list[Message]) -> int:
    """Complete, all at once; an item is a completion."""
    await asyncio.gather(*(client.complete(messages) for _ in range(count)))
    return count


async def stream(client: Client, count: int, messages: list[Message]) -> int:
    """Stream, one after the other; an item is a piece."""
    return sum([len(await client.stream(messages)) for _ in range(count)])


async def streams(client: Client, count: int, messages: list[Message]) -> int:
    """Stream, all at once; an item is a piece."""
    return sum(map(len, await asyncio.gather(*(client.stream(messages) for _ in range(count)))))


async def embed(client: Client, count: int, messages: list[Message]) -> int:
    """Embed, one after the other; an item is a request."""
    for _ in range(count):
        vectors = await client.embed(texts())
        check(len(vectors) == TEXTS and len(vectors[0]) == DIMENSIONS)
    return count


WORK: dict[str, Callable[[Client, int, list[Message]], Awaitable[int]]] = {
    "complete": complete,
    "together": together,
    "stream": stream,
    "streams": streams,
    "embed": embed,
}


def check(holds: bool) -> None:
    """Raise where a client did not do its work: a figure of that would be worthless."""
    if not holds:
        raise RuntimeError("the client did not return what was asked for")


async def timed(client: Client, order: dict[str, Any]) -> dict[str, float]:
    """Return the seconds that an item took."""
    messages = conversation(order["messages"])
    gc.collect()
    if order["kind"] == "first":
        waits = []
        for _ in range(order["count"]):
            start = time.perf_counter()
            waits.append(await client.first_piece(messages) - start)
        return {"wall": statistics.median(waits)}
    cpu, wall = time.process_time(), time.perf_counter()
    items = await WORK[order["kind"]](client, order["count"], messages)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    check(items >= order["count"])
    return {"cpu": cpu / items, "wall": wall / items}


async def calls(client: Client, order: dict[str, Any]) -> dict[str, float]:
    """Return the function calls of an item, the event loop's included.

    The least of several runs: whether the loop turns once more before an answer is there is not the client's doing.
    """
    messages = conversation(order["messages"])
    work, count, runs = (complete, 3, RUNS) if order["mode"] == "plain" else (stream, 1, 1)
    await work(client, 3, messages)
    counts: list[float] = []
    begun = time.perf_counter()
    for _ in range(runs):
        # Who makes so many that it takes long need not be counted so often.
        if len(counts) > 1 and time.perf_counter() - begun > COUNTING_SECONDS:
            break
        profile = cProfile.Profile()
        profile.enable()
        items = await work(client, count, messages)
        profile.disable()
        total: int = pstats.Stats(profile).total_calls  # type: ignore[attr-defined]
        counts.append(total / items)
    return {"calls": min(counts)}


async def memory(client: Client) -> dict[str, float]:
    """Return the memory that embeddings take, kept and at the peak, as multiples of their numbers' in float32."""
    await client.embed(texts())
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    vectors = await client.embed(texts())
    gc.collect()
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    check(len(vectors) == TEXTS)
    size = TEXTS * DIMENSIONS * 4
    return {"kept": (kept - before) / size, "peak": (peak - before) / size}


async def follow(connect: Callable[[str], Awaitable[Client]], url: str) -> None:
    """Follow the orders until there are no more."""
    clients: dict[str, Client] = {}
    # Nothing else runs meanwhile, so that reading may block.
    for line in sys.stdin:
        order: dict[str, Any] = json.loads(line)
        mode = order["mode"]
        if mode not in clients:
            clients[mode] = await connect(f"{url}/{mode}")
        result: dict[str, float]
        if order["kind"] == "calls":
            result = await calls(clients[mode], order)
        elif order["kind"] == "memory":
            result = await memory(clients[mode])
        else:
            result = await timed(clients[mode], order)
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()
    for client in clients.values():
        await client.close()


def main(module: str, url: str) -> None:
    """Follow the orders with a client."""
    asyncio.run(follow(importlib.import_module(f"bench.clients.{module}").connect, url))


if __name__ == "__main__":
    main(*sys.argv[1:])
