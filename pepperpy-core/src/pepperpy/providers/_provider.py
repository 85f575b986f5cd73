"""The two views of a provider: the wide one for those who write one, the precise one for those who call it."""

from __future__ import annotations

import abc
import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias, TypeVar, overload

from ._config import ProviderConfig
from ._settings import structure_options
from .dialect import EmbeddingBatch
from .domain import (
    Completion,
    ProviderCapabilityError,
    ProviderInputError,
    ProviderNotInitializedError,
    ProviderResponseError,
    Usage,
)
from .embeddings import Embeddings

if TYPE_CHECKING:
    from ._config import Timeouts
    from .capabilities import Capabilities, Model
    from .explain import Explanation
    from .messages import Prompt
    from .stream import CompletionStream
    from .tool_loop import run_tools as _run_tools
    from .tools import Tool, ToolLike

T = TypeVar("T")

Reasoning: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

BATCHES_AT_ONCE = 4


class Provider(abc.ABC):
    """What a provider is. Subclass it to write one; `HTTPProvider` does more for a service that speaks HTTP.

    A subclass implements `complete` and whatever else its service has. `initialize` and `cleanup` need not call
    `super()`: who overrides them only opens and closes what is the subclass's own.

    Args:
        config: The settings, complete: what the caller gave, the environment's and the plugin's defaults.

    Attributes:
        config: The same.
        options: Its `extra_config` as an object of `options_type`; None where the provider declares none.
    """

    options_type: ClassVar[type[Any] | None] = None
    """The attrs class of the `extra_config` that the provider takes; None takes anything."""

    _initialized = False

    def __init__(self, config: ProviderConfig) -> None:
        self.config = config
        self.options: Any = (
            None if self.options_type is None else structure_options(self.options_type, config.extra_config)
        )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Whether a provider is ready must not depend on its author having called super().
        if "initialize" in cls.__dict__:
            cls.initialize = _marking(cls.__dict__["initialize"], initialized=True)  # type: ignore[assignment, method-assign]
        if "cleanup" in cls.__dict__:
            cls.cleanup = _marking(cls.__dict__["cleanup"], initialized=False)  # type: ignore[assignment, method-assign]

    async def initialize(self) -> None:
        """Make the provider ready. It opens no connection."""
        self._initialized = True

    async def cleanup(self) -> None:
        """Let go of everything; may be called twice, and during calls."""
        self._initialized = False

    @abc.abstractmethod
    async def complete(self, prompt: str, *args: Any, **options: Any) -> str | AsyncIterator[str]:
        """Complete a prompt.

        Args:
            prompt: What the model is to answer.
            *args: None. Typed so wide that a subclass may name the options it takes, and no others.
            **options: `stream`, whether to return the pieces as they come instead of the whole; and what else the
                provider takes: temperature, max_tokens, ...

        Returns:
            The text, at best as a `Completion`, or with `stream` an async iterator of its pieces.
        """

    if TYPE_CHECKING:
        # With its overloads, which need not be said twice.
        run_tools = _run_tools
    else:

        async def run_tools(self, prompt, tools, **options):
            """Complete a prompt and answer the calls of tools, until the model calls none: see `run_tools`."""
            from .tool_loop import run_tools

            return await run_tools(self, prompt, tools, **options)

    async def embed(self, text: str, *args: Any, **options: Any) -> list[float]:
        """Embed a text.

        Raises:
            ProviderCapabilityError: The provider has no embeddings.
        """
        raise ProviderCapabilityError(
            "this provider has no embeddings; use another one for them", provider_type=self.config.provider_type
        )

    async def embed_many(
        self,
        texts: Sequence[str],
        *,
        dimensions: int | None = None,
        batch_size: int | None = None,
        **options: Any,
    ) -> Embeddings:
        """Embed many texts, a few at a time, and keep their order.

        This one calls `embed` for each, for a provider that has nothing better, and so has no use for `batch_size`.
        """
        check_texts(texts)
        if dimensions is not None:
            options["dimensions"] = dimensions

        async def embed_one(text: str) -> EmbeddingBatch:
            return EmbeddingBatch([await self.embed(text, **options)])

        return await gather_embeddings([functools.partial(embed_one, text) for text in texts])

    @property
    def capabilities(self) -> Capabilities:
        """What the provider can do, known before anything is sent.

        This one promises no more than text, and embeddings where `embed` is overridden.
        """
        from .capabilities import Capabilities

        return Capabilities(embeddings=type(self).embed is not Provider.embed)

    async def list_models(self) -> list[Model]:
        """Return the models that the service offers.

        Raises:
            ProviderCapabilityError: It doesn't tell.
        """
        raise ProviderCapabilityError(
            "this provider lists no models; name one that its service documents",
            provider_type=self.config.provider_type,
        )

    def explain(self, prompt: Prompt, **options: Any) -> Explanation:
        """Return the request that `complete` would send for these arguments, every secret masked; nothing is sent.

        Raises:
            ProviderCapabilityError: The provider sends no request that could be shown.
        """
        raise ProviderCapabilityError(
            "this provider shows no requests; only those that speak HTTP do", provider_type=self.config.provider_type
        )

    def _check_initialized(self) -> None:
        """Raise `ProviderNotInitializedError` unless the provider is ready."""
        if not self._initialized:
            raise ProviderNotInitializedError(
                "the provider is not initialized, or was cleaned up; make one with await create_provider(...)",
                provider_type=self.config.provider_type,
            )

    async def __aenter__(self) -> Self:
        if not self._initialized:
            await self.initialize()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.cleanup()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {getattr(self, 'config', None)!r}>"


class ReadyProvider(Provider):
    """A provider as `create_provider` returns it: what is passed for `stream` decides what comes back.

    A type only: the object is of the provider's own class.
    """

    @overload
    async def complete(
        self,
        prompt: Prompt,
        *,
        stream: Literal[False] = False,
        output: type[T],
        model: str | None = None,
        system: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        top_p: float | None = None,
        stop: str | Sequence[str] | None = None,
        seed: int | None = None,
        reasoning: Reasoning | None = None,
        tools: Sequence[ToolLike] | None = None,
        tool_choice: str | Tool | None = None,
        timeout: float | Timeouts | None = None,
        extra_body: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Completion[T]: ...
    @overload
    async def complete(
        self,
        prompt: Prompt,
        *,
        stream: Literal[False] = False,
        output: Any = None,
        model: str | None = None,
        system: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        top_p: float | None = None,
        stop: str | Sequence[str] | None = None,
        seed: int | None = None,
        reasoning: Reasoning | None = None,
        tools: Sequence[ToolLike] | None = None,
        tool_choice: str | Tool | None = None,
        timeout: float | Timeouts | None = None,
        extra_body: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Completion: ...
    @overload
    async def complete(
        self,
        prompt: Prompt,
        *,
        stream: Literal[True],
        output: type[T],
        model: str | None = None,
        system: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        top_p: float | None = None,
        stop: str | Sequence[str] | None = None,
        seed: int | None = None,
        reasoning: Reasoning | None = None,
        tools: Sequence[ToolLike] | None = None,
        tool_choice: str | Tool | None = None,
        timeout: float | Timeouts | None = None,
        extra_body: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> CompletionStream[T]: ...
    @overload
    async def complete(
        self,
        prompt: Prompt,
        *,
        stream: Literal[True],
        output: Any = None,
        model: str | None = None,
        system: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        top_p: float | None = None,
        stop: str | Sequence[str] | None = None,
        seed: int | None = None,
        reasoning: Reasoning | None = None,
        tools: Sequence[ToolLike] | None = None,
        tool_choice: str | Tool | None = None,
        timeout: float | Timeouts | None = None,
        extra_body: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> CompletionStream: ...
    @overload
    async def complete(self, prompt: Prompt, *, stream: bool, **options: Any) -> Completion | CompletionStream: ...
    @abc.abstractmethod
    async def complete(self, prompt: Prompt, *, stream: bool = False, **options: Any) -> Completion | CompletionStream:
        """Complete a prompt: see `HTTPProvider.complete`."""


def _marking(
    method: Callable[[Any], Coroutine[Any, Any, None]], *, initialized: bool
) -> Callable[[Provider], Coroutine[Any, Any, None]]:
    @functools.wraps(method)
    async def marked(self: Provider) -> None:
        if not initialized:
            self._initialized = False
        await method(self)
        self._initialized = initialized

    return marked


def check_texts(texts: Sequence[str]) -> None:
    """Raise unless these are texts that can be embedded."""
    if isinstance(texts, (str, bytes)) or not isinstance(texts, Sequence):
        raise ProviderInputError(f"texts must be a list of str, not {type(texts).__name__}; embed() takes a single one")
    # All at once; only where one is wrong, each by itself, to say which.
    if set(map(type, texts)) == {str} and all(texts) and not any(map(str.isspace, texts)):
        return
    for place, text in enumerate(texts):
        check_text("texts", text, place)


def check_text(name: str, text: object, place: int | None = None) -> None:
    """Raise unless `text` is a text that is not blank."""
    where = name if place is None else f"{name}[{place}]"
    if not isinstance(text, str):
        raise ProviderInputError(f"{where} must be a str, not {type(text).__name__}")
    if not text or text.isspace():
        raise ProviderInputError(f"{where} is blank; there is nothing to send")


async def gather_embeddings(batches: Sequence[Callable[[], Awaitable[EmbeddingBatch]]]) -> Embeddings:
    """Run the requests, a few at a time, and put their vectors one after the other.

    The first that fails ends the others and is raised.
    """
    turns = asyncio.Semaphore(BATCHES_AT_ONCE)

    async def run(batch: Callable[[], Awaitable[EmbeddingBatch]]) -> EmbeddingBatch:
        async with turns:
            return await batch()

    failure: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(batch)) for batch in batches]
    except BaseExceptionGroup as errors:
        # The caller knows of one call, not of the tasks it took.
        failure = errors.exceptions[0]
    if failure is not None:
        raise failure
    return join_embeddings([task.result() for task in tasks])


def join_embeddings(batches: Sequence[EmbeddingBatch]) -> Embeddings:
    """Put the vectors of some batches into one buffer and sum up their usage."""
    usage = sum((batch.usage for batch in batches), Usage())
    tables = [batch.vectors for batch in batches]
    try:
        return Embeddings.joined(tables, usage=usage, model=batches[0].model if batches else None)
    except ValueError as fault:
        problem = str(fault)
    raise ProviderResponseError(f"the service sent embeddings that are no table: {problem}", details={"status": 200})
