"""How somebody writes a provider: checked by mypy --strict and pyright, never executed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from pepperpy.providers import Provider, ProviderConfig
from pepperpy.providers.engine import ProviderEngine


class CustomProvider(Provider):
    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self.calls = 0

    async def initialize(self) -> None:
        self.calls = 0

    async def complete(
        self,
        prompt: str,
        *,
        stream: bool = False,
        temperature: float = 0.7,
        max_tokens: int | None = None,
        **kwargs: Any,
    ) -> str | AsyncGenerator[str, None]:
        self._check_initialized()
        if stream:
            return self._stream(prompt)
        return prompt.upper()

    async def _stream(self, prompt: str) -> AsyncGenerator[str, None]:
        for word in prompt.split():
            yield word

    async def embed(self, text: str, *, model: str | None = None) -> list[float]:
        self._check_initialized()
        return [float(len(text))]

    async def cleanup(self) -> None:
        self.calls = 0


class NarrowProvider(Provider):
    """One that takes nothing but a prompt."""

    async def complete(self, prompt: str) -> str:
        return prompt

    async def embed(self, text: str, **kwargs: Any) -> list[float]:
        return [1.0]


ProviderEngine.register_provider("custom", CustomProvider)
ProviderEngine.register_provider("narrow", NarrowProvider)
