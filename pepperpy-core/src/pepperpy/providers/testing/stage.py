"""Where a check is played: a loop of its own, and providers that are cleaned up."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from pepperpy.providers import Capabilities, Provider, create_provider

from .promises import BrokenPromise, Promise, expect, skip
from .service import FakeService
from .services import Services, StageService

KEY = "sk-contract-0123456789"
SECONDS = 30.0
"""How long a check may take; then it has found a provider that hangs."""

SECONDS_WITHOUT_WIRE = 180.0
"""The same for a provider that does its own work, such as loading a model."""


_BRIEFLY: dict[int, dict[str, Any]] = {}
"""What is added to the options of a call, by the provider's id."""


class Stage:
    """What a check works with.

    Attributes:
        contract: The test class's instance, with `provider_type` and `settings`.
        wire: How the service's answers look; None for a provider that has none.
        provider_class: The class of the provider.
        warnings: What the loop said of sessions, tasks and coroutines that were left.
    """

    def __init__(self, contract: Any, services: Services, request: pytest.FixtureRequest) -> None:
        self.contract = contract
        self.wire: Any = contract.resolved_wire()
        self.provider_class: type[Provider] = contract.spec().provider
        self.warnings: list[str] = []
        self._services = services
        self._request = request
        self._made: list[Any] = []
        self._service: StageService | None = None

    @property
    def service(self) -> StageService:
        """The service that providers are pointed at."""
        if self._service is None:
            self._service = self.new_service()
        return self._service

    def new_service(self, *replies: Any) -> StageService:
        """Start one more service; it answers "ok" unless told otherwise."""
        service = StageService(*replies, beside=getattr(self.wire, "beside", None))
        if not replies and self.wire is not None:
            service.replies = [self.wire.completion("ok")]
        return self._services.add(service)

    def fixture(self, name: str) -> Any:
        """Return a fixture of pytest."""
        return self._request.getfixturevalue(name)

    async def make(self, service: FakeService | None = None, **more: Any) -> Any:
        """Return the provider under test; it is cleaned up at the end."""
        target = service or (None if self.wire is None else self.service)
        settings = {**self.contract.settings_for(target), **more}
        provider = await create_provider(self.contract.provider_type, **settings)
        self._made.append(provider)
        options = getattr(getattr(provider, "capabilities", None), "options", None) or ()
        if self.wire is None and "max_tokens" in options:
            # A real model, which may have much to say.
            _BRIEFLY[id(provider)] = {"max_tokens": 4}
        return provider

    @contextlib.asynccontextmanager
    async def provider(self, *replies: Any, **more: Any) -> AsyncIterator[Any]:
        """Make the provider, with these replies of the service, and clean it up behind the block."""
        if replies:
            self.service.replies = list(replies)
        provider = await self.make(**more)
        try:
            yield provider
        finally:
            await provider.cleanup()

    async def until(self, condition: Callable[[], bool], seen: str | Callable[[], str], seconds: float = 3) -> None:
        """Return as soon as it holds, or find the promise broken."""
        end = asyncio.get_running_loop().time() + seconds
        while not condition():
            expect(asyncio.get_running_loop().time() < end, seen if isinstance(seen, str) else seen())
            await asyncio.sleep(0.002)

    @property
    def speaks_http_by_core(self) -> bool:
        """Whether the provider's requests are core's work."""
        from pepperpy.providers.http import HTTPProvider

        return issubclass(self.provider_class, HTTPProvider)

    def note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Keep what the loop says of an exception that nobody took."""
        self.warnings.append(f"{context.get('message')} {context.get('exception') or ''}".strip())

    async def clean_up(self) -> None:
        """Clean up what the check left."""
        for provider in self._made:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(3):
                    await provider.cleanup()
        # Generators that were left are closed by the loop, in its next turns.
        await asyncio.sleep(0)
        _BRIEFLY.clear()


def run(contract: Any, check: Callable[..., Awaitable[None]], made: Promise, request: pytest.FixtureRequest) -> None:
    """Run a check, in an environment that says nothing of the provider."""
    try:
        spec = contract.spec()
    except Exception as error:
        raise BrokenPromise(f"the provider cannot be loaded: {type(error).__name__}: {error}") from error
    with clean_environment(contract.provider_type, spec.variables), Services(SECONDS + 2) as services:
        if "wire" in made.needs and contract.resolved_wire() is None:
            skip(contract.why_no_wire())
        stage = Stage(contract, services, request)
        # With a factory, so that the loop of whoever else is here stays the current one.
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(_play(stage, check, made))
            gc.collect()


async def _play(stage: Stage, check: Callable[..., Awaitable[None]], made: Promise) -> None:
    asyncio.get_running_loop().set_exception_handler(stage.note)
    seconds = SECONDS if stage.wire is not None else SECONDS_WITHOUT_WIRE
    late = asyncio.timeout(seconds)
    try:
        async with late:
            await _check_needs(stage, made)
            await check(stage.contract, stage)
    except (TimeoutError, asyncio.CancelledError) as error:
        if late.expired():
            raise BrokenPromise(f"it had not ended after {seconds:g} s") from error
        raise
    finally:
        await stage.clean_up()


async def _check_needs(stage: Stage, made: Promise) -> None:
    for need in made.needs:
        if need == "wire":
            continue
        if need == "installed":
            if stage.contract.entry_point() is None:
                skip("the provider is registered in this process, and no distribution brings it")
        elif need.endswith("()"):
            if not hasattr(stage.wire, need[:-2]):
                skip(f"the wire has no {need}")
        elif not (await claims(stage))[need]:
            skip(f"the provider does not claim {need} in its capabilities")


async def claims(stage: Stage) -> dict[str, bool]:
    """Return what the provider says it can do; asked once for each class of tests."""
    kind = type(stage.contract)
    if "_claims" not in kind.__dict__:
        provider = await stage.make()
        declared = provider.capabilities
        await provider.cleanup()
        expect(isinstance(declared, Capabilities), f"capabilities is a {type(declared).__name__} and no Capabilities")
        names = ("streaming", "conversations", "tools", "structured_output", "embeddings", "models", "system")
        found = {name: bool(getattr(declared, name)) for name in names}
        if not takes(stage.provider_class, "stream"):
            found["streaming"] = False
        if stage.contract.has_embeddings is not None:
            found["embeddings"] = stage.contract.has_embeddings
        kind._claims = found
    claimed: dict[str, bool] = kind.__dict__["_claims"]
    return claimed


def takes(provider_class: type[Any], option: str) -> bool:
    """Tell whether `complete` has an argument of this name, or takes any."""
    import inspect

    parameters = inspect.signature(provider_class.complete).parameters
    return option in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())


@contextlib.contextmanager
def clean_environment(provider_type: str, vendor: Any) -> Iterator[None]:
    """Take the provider's variables out of the environment, which may hold a real key, and put them back."""
    prefix = f"PEPPERPY_PROVIDER_{provider_type.upper().replace('-', '_').replace('.', '_')}_"
    theirs = {name for names in vendor.values() for name in ([names] if isinstance(names, str) else names)}
    kept = dict(os.environ)
    for name in kept:
        if name.startswith(prefix) or name in theirs:
            del os.environ[name]
    try:
        yield
    finally:
        for name in set(os.environ) - set(kept):
            del os.environ[name]
        os.environ.update(kept)


async def failure_of(call: Awaitable[Any], seconds: float = 10) -> Exception | None:
    """Return what a call raised, or None if it came back; one that takes too long finds the promise broken."""
    late = asyncio.timeout(seconds)
    try:
        async with late:
            await call
    except Exception as error:
        if late.expired():
            raise BrokenPromise(f"the call had not ended after {seconds:g} s") from error
        return error
    return None


async def complete(provider: Any, prompt: Any = "Where?", **options: Any) -> Any:
    """Complete a prompt; what is wrong with the arguments is raised when this is awaited."""
    return await provider.complete(prompt, **{**_BRIEFLY.get(id(provider), {}), **options})


def show(error: BaseException | None) -> str:
    """Return how an error, or the lack of one, reads in a report."""
    return "no error" if error is None else f"{type(error).__name__}: {str(error)[:300]}"


async def open_stream(provider: Any, prompt: Any = "Where?", **options: Any) -> Any:
    """Return the open stream of a call."""
    answer = provider.complete(prompt, stream=True, **{**_BRIEFLY.get(id(provider), {}), **options})
    expect(
        hasattr(answer, "__await__"),
        f"complete(stream=True) returns a {type(answer).__name__}, which cannot be awaited; "
        "let complete return the iterator, and not yield itself",
    )
    stream = await answer
    expect(hasattr(stream, "__aiter__"), f"complete(stream=True) gave a {type(stream).__name__}, and no async iterator")
    return stream


async def read(provider: Any, prompt: Any = "Where?", pieces: list[str] | None = None, **options: Any) -> list[str]:
    """Return the pieces of a stream, read to its end; into `pieces`, for what came before an error."""
    pieces = [] if pieces is None else pieces
    async for piece in await open_stream(provider, prompt, **options):
        pieces.append(piece)
    return pieces


async def embed(provider: Any) -> Any:
    """Embed a text."""
    return await provider.embed("four")


async def calls(stage: Stage) -> dict[str, Callable[[Any], Awaitable[Any]]]:
    """Return what may be asked of the provider, by name: all that it claims."""
    claimed = await claims(stage)
    found: dict[str, Callable[[Any], Awaitable[Any]]] = {"complete": complete}
    if claimed["streaming"]:
        found["stream"] = read
    if claimed["embeddings"]:
        found["embed"] = embed
    return found
