"""What many calls leave behind, and what many at once cost: growth, a crowd, and calls that were given up.

Run by `nox -s load`; prints a table. The tests have the same with smaller numbers, where they count and do not time.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import resource
import statistics
import sys
import time
from collections.abc import AsyncIterable, Awaitable, Callable
from pathlib import Path
from typing import Protocol, cast

from .clients import Client, Message
from .participants import server

BLOCK = 1_000
PROMPT: list[Message] = [{"role": "user", "content": "Hello!"}]


def memory() -> float:
    """Return the resident memory in MB; at its highest where the system tells no more."""
    statistics_of_process = Path("/proc/self/statm")
    if statistics_of_process.exists():
        return int(statistics_of_process.read_text().split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def descriptors() -> int:
    """Return how many files and sockets are open, where the system tells."""
    folder = Path("/proc/self/fd")
    return len([*folder.iterdir()]) if folder.exists() else 0


async def growth(client: Client, requests: int) -> dict[str, str]:
    """Return what a request costs at first and in the end, and how much memory it all took."""
    for _ in range(BLOCK):
        await client.complete(PROMPT)
    gc.collect()
    before = memory()
    costs = []
    for _ in range(requests // BLOCK):
        begun = time.process_time()
        for _ in range(BLOCK):
            await client.complete(PROMPT)
        costs.append((time.process_time() - begun) / BLOCK * 1e6)
    gc.collect()
    quarter = max(1, len(costs) // 4)
    first, last = statistics.median(costs[:quarter]), statistics.median(costs[-quarter:])
    return {
        f"CPU of a request, the last quarter of {requests:,} by the first": f"{last / first:.2f}",
        f"memory that {requests:,} requests left": f"{memory() - before:+.2f} MB",
    }


async def crowd(client: Client, calls: int) -> dict[str, str]:
    """Return what a call costs among many, all of which wait a second for their answer."""
    begun, cpu = time.perf_counter(), time.process_time()
    answers = await asyncio.gather(*(client.complete(PROMPT) for _ in range(calls)))
    if len(answers) != calls:
        raise RuntimeError("an answer is missing")
    wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return {
        f"{calls:,} in flight, CPU of each": f"{cpu / calls * 1e6:.0f} µs",
        f"{calls:,} in flight, the server thinks 1 s, wall": f"{wall:.2f} s",
    }


class Opener(Client, Protocol):
    """A client whose streams can be left."""

    async def open(self, messages: list[Message]) -> AsyncIterable[str]:
        """Begin a stream."""
        ...


async def given_up(client: Opener, calls: int) -> dict[str, str]:
    """Return what streams that were cancelled, and others that were broken off, leave without a garbage collection."""

    async def break_off() -> None:
        async for _ in await client.open(PROMPT):
            break

    gc.collect()
    gc.disable()
    tasks, files = len(asyncio.all_tasks()), descriptors()
    for _ in range(calls // 100):
        await asyncio.gather(*(break_off() for _ in range(100)))
        cancelled = [asyncio.create_task(client.first_piece(PROMPT)) for _ in range(100)]
        await asyncio.sleep(0.05)
        for task in cancelled:
            task.cancel()
        ends = await asyncio.gather(*cancelled, return_exceptions=True)
        if not all(isinstance(end, asyncio.CancelledError) for end in ends):
            raise RuntimeError("a cancellation was swallowed")
    await asyncio.sleep(0.2)
    left = len(asyncio.all_tasks()) - tasks, descriptors() - files
    gc.enable()
    return {f"{calls} streams broken off and {calls} cancelled, tasks and sockets left": f"{left[0]}, {left[1]}"}


async def measure(module: str, url: str, arguments: argparse.Namespace) -> dict[str, str]:
    """Return all figures of a client."""
    connect: Callable[[str], Awaitable[Client]] = importlib.import_module(f"bench.clients.{module}").connect
    figures: dict[str, str] = {}
    for mode in ("plain", "think-1000", "paced-400"):
        client = await connect(f"{url}/{mode}")
        if mode == "plain":
            figures |= await growth(client, arguments.requests)
        elif mode == "think-1000":
            figures |= await crowd(client, arguments.crowd)
        elif hasattr(client, "open"):
            figures |= await given_up(cast("Opener", client), arguments.streams)
        await client.close()
    return figures


def main() -> None:
    """Measure bare aiohttp and pepperpy, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--crowd", type=int, default=2_000)
    parser.add_argument("--streams", type=int, default=500)
    arguments = parser.parse_args()
    with server() as url:
        bare = asyncio.run(measure("bare", url, arguments))
        ours = asyncio.run(measure("ours", url, arguments))
    lines = ["|  | aiohttp | pepperpy |", "|---|---|---|"]
    lines += [f"| {name} | {bare.get(name, '–')} | {value} |" for name, value in ours.items()]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
