"""Written for pepperpy-core 1.0, interface 1. Frozen: it is never edited, see README.md in tests/museum.

No HTTP at all: a provider over something in the process, with errors of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import attrs

from pepperpy.providers import (
    Capabilities,
    Completion,
    Provider,
    ProviderConfig,
    ProviderConfigError,
    ProviderConnectionError,
    ProviderError,
    ProviderSpec,
    Usage,
    hookimpl,
)
from pepperpy.providers.options import check_options, count


class EngineError(ProviderError):
    """The engine failed; trying again helps."""

    retryable = True


class EngineJammedError(EngineError, ProviderConnectionError):
    """The engine is jammed."""


@attrs.frozen(kw_only=True)
class EngineOptions:
    """What `extra_config` takes."""

    separator: str = " "
    cylinders: int = 4


class EngineProvider(Provider):
    """The engine."""

    options_type = EngineOptions
    options: EngineOptions

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        if self.options.cylinders < 1:
            raise ProviderConfigError("cylinders must be 1 or more")
        self.running = False

    async def initialize(self) -> None:
        """Start."""
        self.running = True

    async def cleanup(self) -> None:
        """Stop."""
        self.running = False

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities(embeddings=True, options=frozenset({"max_tokens"}))

    async def complete(
        self, prompt: str, *, stream: bool = False, **options: Any
    ) -> Completion | AsyncGenerator[str, None]:
        """Say it back."""
        self._check_initialized()
        limit = check_options(options, {"max_tokens": count}).get("max_tokens")
        words = await asyncio.to_thread(prompt.split)
        if "jam" in words:
            raise EngineJammedError("the engine is jammed; hit it", details={"cylinders": self.options.cylinders})
        if stream:
            return self._pieces(words[:limit])
        usage = Usage(input_tokens=len(words), output_tokens=len(words[:limit]))
        return Completion(self.options.separator.join(words[:limit]), usage=usage, finish_reason="stop")

    async def _pieces(self, words: list[str]) -> AsyncGenerator[str, None]:
        for word in words:
            if word == "break":
                raise EngineError("the engine broke; start it again")
            yield word

    async def embed(self, text: str, *, dimensions: int = 2) -> list[float]:
        """Measure it."""
        self._check_initialized()
        return [float(len(text))] * dimensions


@hookimpl
def pepperpy_providers() -> Iterator[ProviderSpec]:
    """Return the provider."""
    yield ProviderSpec("engine", EngineProvider)
