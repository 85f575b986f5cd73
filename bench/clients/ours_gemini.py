"""The same as `ours`, by its provider `gemini`."""

from __future__ import annotations

from . import KEY, MODEL, Client
from .ours import OurClient  # first, for it puts orjson out of reach

from pepperpy.providers import create_provider  # isort: skip


async def connect(base_url: str) -> Client:
    """Return a client of the service at a URL."""
    return OurClient(
        await create_provider("gemini", api_key=KEY, model=MODEL, base_url=base_url, embedding_model=MODEL)
    )
