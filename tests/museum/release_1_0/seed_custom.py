"""Written for pepperpy-core 1.0, interface 1. Frozen: it is never edited, see README.md in tests/museum.

The very first provider of somebody else's: the one in the project's first README.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from pepperpy.providers import Provider, ProviderConfig
from pepperpy.providers.domain import ProviderAPIError
from pepperpy.providers.engine import ProviderEngine


class CustomProvider(Provider):
    """A provider that is registered in the process."""

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self.client: list[str] | None = None

    async def initialize(self) -> None:
        """Open what is the provider's own."""
        self.client = []

    async def complete(
        self,
        prompt: str,
        *,
        stream: bool = False,
        temperature: float = 0.7,
        max_tokens: int | None = None,
        **kwargs: Any,
    ) -> str | AsyncGenerator[str, None]:
        """Say it back, louder."""
        self._check_initialized()
        assert self.client is not None
        self.client.append(prompt)
        if prompt == "fail":
            raise ProviderAPIError("the custom service failed")
        if stream:
            return self._stream(prompt)
        return f"{prompt.upper()} {temperature} {max_tokens} {self.config.model} {self.config.api_key}"

    async def _stream(self, prompt: str) -> AsyncGenerator[str, None]:
        for word in prompt.split():
            yield word

    async def embed(self, text: str, model: str | None = None, **kwargs: Any) -> list[float]:
        """Count."""
        self._check_initialized()
        return [float(len(text)), 1.0]

    async def cleanup(self) -> None:
        """Close it."""
        self.client = None


def register() -> None:
    """Make it known in this process."""
    ProviderEngine.register_provider("custom", CustomProvider)
