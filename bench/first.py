"""A whole program: one completion, from the start of the interpreter to its end."""

from __future__ import annotations

import asyncio
import importlib
import sys


async def main(module: str, url: str) -> None:
    """Connect, complete, close."""
    client = await importlib.import_module(f"bench.clients.{module}").connect(url)
    await client.complete([{"role": "user", "content": "Hello!"}])
    await client.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
