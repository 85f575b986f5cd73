"""`create_provider` returns a provider that is ready, or an error that tells what to do."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable
from typing import Any

import attrs
import pytest

from pepperpy.providers import (
    Provider,
    ProviderCapabilityError,
    ProviderConfig,
    ProviderConfigError,
    ProviderEngine,
    ProviderError,
    ProviderNotFoundError,
    ProviderNotInitializedError,
    ProviderPluginError,
    ProviderSpec,
    create_provider,
)
from pepperpy.providers._registry import ProviderRegistry
from pepperpy.providers.embeddings import Embeddings

from ..shown import everything_shown_of

KEY = "sk-unit-0123456789"


class CustomProvider(Provider):
    """A provider as anybody would write it: `initialize` and `cleanup` are its own and call nobody."""

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self.client: list[str] | None = None

    async def initialize(self) -> None:
        self.client = []

    async def complete(self, prompt: str, *, stream: bool = False, **options: Any) -> str | AsyncIterator[str]:
        self._check_initialized()
        return self.pieces(prompt) if stream else prompt.upper()

    async def pieces(self, prompt: str) -> AsyncIterator[str]:
        for letter in prompt:
            yield letter

    async def embed(self, text: str, **options: Any) -> list[float]:
        self._check_initialized()
        return [float(len(text)), 0.0]

    async def cleanup(self) -> None:
        self.client = None


class Silent(Provider):
    """The least that a provider can be."""

    async def complete(self, prompt: str, **options: Any) -> str:
        return prompt


@attrs.frozen(kw_only=True)
class Options:
    title: str | None = None
    rows: int = 1


class WithOptions(Silent):
    options_type = Options
    options: Options


class Engine(ProviderEngine):
    """An engine of the tests' own."""


@pytest.fixture(autouse=True)
def engine() -> None:
    Engine.registry = ProviderRegistry(list)
    Engine.register_provider("custom", CustomProvider)
    Engine.register_provider("silent", Silent)
    Engine.register_provider("options", WithOptions)


async def test_a_custom_provider_is_ready() -> None:
    """A class that was registered is made, initialized, used and cleaned up; it need not call super()."""
    provider = await Engine.create_provider("custom", api_key=KEY, model="m")

    assert provider.client == []  # type: ignore[attr-defined]
    assert await provider.complete("abc") == "ABC"
    assert [piece async for piece in await provider.complete("abc", stream=True)] == ["a", "b", "c"]
    assert await provider.embed("abc") == [3.0, 0.0]
    await provider.cleanup()
    with pytest.raises(ProviderNotInitializedError, match="create_provider"):
        await provider.complete("abc")


async def test_a_provider_that_was_not_initialized_says_so() -> None:
    """A provider made by hand has to be initialized, by `initialize` or `async with`, and may be so again."""
    provider = CustomProvider(ProviderConfig("custom"))
    with pytest.raises(ProviderNotInitializedError):
        await provider.complete("x")

    async with provider as entered:
        assert entered is provider
        assert await provider.complete("x") == "X"
    with pytest.raises(ProviderNotInitializedError):
        await provider.embed("x")
    async with provider:
        assert await provider.complete("x") == "X"


async def test_a_provider_that_was_created_is_not_initialized_twice() -> None:
    """`async with await create_provider(...)` initializes once."""
    calls = []

    class Counting(CustomProvider):
        async def initialize(self) -> None:
            calls.append("initialize")

    Engine.register_provider("counting", Counting)
    async with await Engine.create_provider("counting"):
        pass

    assert calls == ["initialize"]


async def test_an_error_in_async_with_cleans_up() -> None:
    """What goes wrong inside of `async with` goes on, after the provider was cleaned up."""
    with pytest.raises(ZeroDivisionError):
        async with await Engine.create_provider("custom") as provider:
            raise ZeroDivisionError

    assert provider.client is None  # type: ignore[attr-defined]


async def test_the_least_provider() -> None:
    """One that only completes is ready, refuses to embed in words, and ignores what it need not open."""
    async with await Engine.create_provider("silent") as provider:
        assert await provider.complete("x") == "x"
        with pytest.raises(ProviderCapabilityError, match="embeddings"):
            await provider.embed("x")
        with pytest.raises(ProviderCapabilityError, match="embeddings"):
            await provider.embed_many(["x"])


async def test_many_embeddings_of_a_custom_provider() -> None:
    """A provider with `embed` alone embeds many, in order."""
    async with await Engine.create_provider("custom") as provider:
        embeddings = await provider.embed_many(["a", "bb", "ccc"])

    assert isinstance(embeddings, Embeddings)
    assert [vector[0] for vector in embeddings] == [1.0, 2.0, 3.0]


def failing(where: str, error: Callable[[str], BaseException]) -> type[CustomProvider]:
    """A provider that fails in one of its methods, with its key in the error."""

    class Failing(CustomProvider):
        cleaned_up = 0

        def __init__(self, config: ProviderConfig) -> None:
            super().__init__(config)
            self.raise_in("__init__")

        async def initialize(self) -> None:
            self.raise_in("initialize")

        async def cleanup(self) -> None:
            type(self).cleaned_up += 1
            self.raise_in("cleanup")

        def raise_in(self, method: str) -> None:
            if method in where.split():
                raise error(f"no luck in {method} with {self.config.api_key}")

    return Failing


@pytest.mark.parametrize("error", [ValueError, OSError, KeyError, RecursionError, StopAsyncIteration])
@pytest.mark.parametrize("where", ["__init__", "initialize"])
async def test_a_foreign_error_is_wrapped(where: str, error: Callable[[str], BaseException]) -> None:
    """Whatever a provider raises on its way up is a ProviderError, redacted; what was opened is cleaned up."""
    provider_class = failing(where, error)
    Engine.register_provider("failing", provider_class)
    with pytest.raises(ProviderError, match=f"no luck in {where}") as caught:
        await Engine.create_provider("failing", api_key=KEY)

    assert type(caught.value) is ProviderError
    assert caught.value.provider_type == "failing"
    assert error.__name__ in str(caught.value)
    assert KEY not in everything_shown_of(caught.value)
    assert provider_class.cleaned_up == (where == "initialize")  # type: ignore[attr-defined]


async def test_a_harmless_cause_is_kept() -> None:
    """A foreign error that holds no secret is the cause of ours, for whoever debugs the plugin."""
    Engine.register_provider("failing", failing("initialize", lambda text: ValueError("no luck")))
    with pytest.raises(ProviderError) as caught:
        await Engine.create_provider("failing", api_key=KEY)

    assert isinstance(caught.value.__cause__, ValueError)


async def test_an_error_of_ours_keeps_its_class() -> None:
    """A ProviderError of the provider's own passes, with its class, redacted and with the provider's name."""
    Engine.register_provider("failing", failing("initialize", ProviderCapabilityError))
    with pytest.raises(ProviderCapabilityError, match=r"^failing: no luck in initialize with \*\*\*$") as caught:
        await Engine.create_provider("failing", api_key=KEY)

    assert KEY not in everything_shown_of(caught.value)


async def test_a_failing_cleanup_does_not_hide_the_error() -> None:
    """The first error counts; that the cleanup failed too is noted on it."""
    Engine.register_provider("failing", failing("initialize cleanup", ValueError))
    with pytest.raises(ProviderError, match="no luck in initialize") as caught:
        await Engine.create_provider("failing", api_key=KEY)

    assert "cleanup" in " ".join(caught.value.__notes__)
    assert KEY not in everything_shown_of(caught.value)


async def test_a_cancelled_initialize_cleans_up() -> None:
    """A cancellation is passed on as it is, after the cleanup."""
    provider_class = failing("initialize", asyncio.CancelledError)
    Engine.register_provider("failing", provider_class)
    with pytest.raises(asyncio.CancelledError):
        await Engine.create_provider("failing")

    assert provider_class.cleaned_up == 1  # type: ignore[attr-defined]


async def test_a_missing_key_names_every_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no key is told the parameter and every variable that was looked at."""
    for name in ("OPENAI_API_KEY", "PEPPERPY_PROVIDER_OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for key in (None, "", " "):
        with pytest.raises(
            ProviderConfigError, match=r"openai: .*api_key=.*PEPPERPY_PROVIDER_OPENAI_API_KEY or OPENAI_API_KEY"
        ):
            await create_provider("openai", api_key=key)


async def test_extras_flat_and_in_extra_config() -> None:
    """Extras may be given either way, and together; the caller's dict stays as it is."""
    extra_config = {"rows": 2}
    flat = await Engine.create_provider("options", title="t", rows=2)
    deep = await Engine.create_provider("options", extra_config={"title": "t", "rows": 2})
    both = await Engine.create_provider("options", extra_config=extra_config, title="t")

    assert flat.options == deep.options == both.options == Options(title="t", rows=2)
    assert extra_config == {"rows": 2}


async def test_what_is_given_twice_is_refused() -> None:
    """A setting that comes in both ways is refused instead of one of them being dropped."""
    with pytest.raises(ProviderConfigError, match="title is given twice"):
        await Engine.create_provider("options", title="a", extra_config={"title": "b"})


@pytest.mark.parametrize("extras", [{"tilte": KEY}, {"extra_config": {"tilte": KEY}}])
async def test_unknown_extras_are_refused(extras: dict[str, Any]) -> None:
    """A setting that the provider does not take is refused, with the nearest one, and not shown."""
    with pytest.raises(ProviderConfigError, match=r"options: .*'tilte'; did you mean 'title'") as caught:
        await Engine.create_provider("options", **extras)

    assert KEY not in everything_shown_of(caught.value)


async def test_a_config_makes_a_provider() -> None:
    """`create_provider(**config.dict())` is the same as the arguments."""
    config = ProviderConfig(
        "options", api_key=KEY, model="m", timeout=3, max_retries=0, extra_config={"title": "t", "rows": 2}
    )
    provider = await Engine.create_provider(**config.dict())

    assert provider.config == config
    assert provider.options == Options(title="t", rows=2)


async def test_variables_reach_the_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not given comes from the process's environment, for this provider alone."""
    monkeypatch.setenv("PEPPERPY_PROVIDER_OPTIONS_TITLE", "t")
    monkeypatch.setenv("PEPPERPY_PROVIDER_OPTIONS_API_KEY", KEY)
    mine, other = await Engine.create_provider("options"), await Engine.create_provider("custom")

    assert (mine.config.api_key, mine.options.title) == (KEY, "t")
    assert other.config.api_key is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PEPPERPY_PROVIDER_OPENAI_TIMEOUT", "soon"),
        ("PEPPERPY_PROVIDER_OPENAI_MAX_RESPONSE_BYTES", "many"),
        ("PEPPERPY_PROVIDER_OPENAI_API_KEY", "a b"),
    ],
)
async def test_the_environment_is_not_shown(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    """A wrong variable's error shows nothing of the environment, which is full of other services' keys."""
    monkeypatch.setenv("SOME_OTHER_KEY", KEY)
    monkeypatch.setenv(variable, value)
    with pytest.raises(ProviderConfigError, match=variable) as caught:
        await create_provider("openai", api_key=None if "KEY" in variable else "sk-x")

    assert KEY not in everything_shown_of(caught.value)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"base_url": f"http://user:{KEY}@example.org"}, "base_url"),
        ({"base_url": f"https://{KEY}@example.org"}, "base_url"),
        ({"base_url": f"https://example.org/?key={KEY}"}, "base_url"),
        ({"base_url": f"https://example.org/#{KEY}"}, "base_url"),
        ({"base_url": f"ftp://{KEY}"}, "base_url"),
        ({"base_url": f"//{KEY}"}, "base_url"),
        ({"base_url": KEY}, "base_url"),
        ({"base_url": f"http://[{KEY}"}, "base_url"),
        ({"base_url": f"http://h:99999/{KEY}"}, "base_url"),
        ({"base_url": f"http://h:0/{KEY}"}, "base_url"),
        ({"base_url": f"http://h/{KEY}\r\nX: y"}, "base_url"),
        ({"base_url": f"http://h/ {KEY}"}, "base_url"),
        ({"base_url": ["http://h", KEY]}, "base_url"),
        ({"organization": f"{KEY}\r\nX-Evil: 1"}, "organization"),
        ({"project": f"{KEY}é"}, "project"),
        ({"headers": {"X-Token": f"{KEY}\n"}}, "X-Token"),
        ({"headers": {"X Token": KEY}}, "headers"),
        ({"headers": {"X-Token:": KEY}}, "headers"),
        ({"headers": {"": KEY}}, "headers"),
        ({"headers": {"X-Token": 3, "X-Other": KEY}}, "headers"),
        ({"headers": KEY}, "headers"),
        ({"headers": {"X-Token": KEY}, "organization": "a\nb"}, "organization"),
        ({"max_response_bytes": 0}, "max_response_bytes"),
        ({"max_response_bytes": KEY}, "max_response_bytes"),
        ({"max_retry_wait": -1}, "max_retry_wait"),
        ({"max_retry_wait": float("nan")}, "max_retry_wait"),
        ({"trust_env": KEY}, "trust_env"),
        ({"embedding_model": [KEY]}, "embedding_model"),
        ({"timeout": 0, "headers": {"X-Token": KEY}}, "timeout"),
        ({"max_retries": -1, "headers": {"X-Token": KEY}}, "max_retries"),
        ({"model": "a\nb", "headers": {"X-Token": KEY}}, "model"),
    ],
)
@pytest.mark.parametrize("key", ["sk-bearer-0123", None])
async def test_a_wrong_setting_is_named_when_the_provider_is_made(
    settings: dict[str, Any], field: str, key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the field; no secret is in it or in its traceback, given or not, right or wrong."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    given = copy.deepcopy(settings)
    if key is None and "base_url" not in settings:
        given["base_url"] = "http://localhost"
    with pytest.raises(ProviderConfigError, match=field) as caught:
        await create_provider("openai", api_key=key, **given)

    shown = everything_shown_of(caught.value)

    assert caught.value.provider_type == "openai"
    assert KEY not in shown
    assert key is None or key not in shown


async def test_a_plugin_whose_declarations_fail_is_named() -> None:
    """A plugin whose settings cannot even be declared is a broken plugin, not a crash of ours."""

    class Unresolvable:
        title: "NoSuchType" = 1  # type: ignore[name-defined]  # noqa: F821, UP037

    class Broken(Silent):
        options_type = attrs.frozen(Unresolvable)

    Engine.register_provider("broken", Broken)
    with pytest.raises(ProviderPluginError, match=r"'broken'.*NameError"):
        await Engine.create_provider("broken")


async def test_a_check_for_the_key_that_fails_is_no_crash() -> None:
    """Where the plugin cannot tell whether it needs a key, the provider itself judges the settings."""

    def stumble(options: Any) -> bool:
        raise KeyError("x")

    Engine.registry._registered["silent"] = ProviderSpec("silent", Silent, needs_api_key=stumble)
    async with await Engine.create_provider("silent") as provider:
        assert await provider.complete("x") == "x"


async def test_an_abstract_provider_is_refused() -> None:
    """A class that lacks `complete` is an error of ours when it is made."""

    class Unfinished(Provider):
        pass

    Engine.register_provider("unfinished", Unfinished)
    with pytest.raises(ProviderError, match=r"unfinished: .*complete"):
        await Engine.create_provider("unfinished")


@pytest.mark.parametrize("name", ["", "a b", None, 3])
async def test_a_bad_name_is_refused(name: Any) -> None:
    """What cannot be a provider's name is a wrong setting."""
    with pytest.raises(ProviderConfigError, match="provider_type"):
        await Engine.create_provider(name)


async def test_a_name_that_nobody_has() -> None:
    """A name that nobody has is told with the nearest one."""
    with pytest.raises(ProviderNotFoundError, match="did you mean 'custom'"):
        await Engine.create_provider("costum")


def test_engines_with_registries_of_their_own() -> None:
    """A subclass with its own registry knows nothing of the others."""
    assert Engine.list_providers() == ["custom", "options", "silent"]
    assert "custom" not in ProviderEngine.list_providers()
    Engine.unregister_provider("custom")
    assert Engine.list_providers() == ["options", "silent"]


async def test_a_given_setting_is_not_blamed_on_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the caller gave what is wrong, a variable of the same setting, which it masks, is not named."""

    class Picky(Provider):
        async def initialize(self) -> None:
            raise ProviderConfigError(f"model must be one that there is, and {self.config.model} is none")

        async def complete(self, prompt: str, *args: Any, **options: Any) -> str:
            return prompt

    class Engine(ProviderEngine):
        registry = ProviderRegistry(list)

    Engine.register_provider("picky", Picky)
    monkeypatch.setenv("PEPPERPY_PROVIDER_PICKY_MODEL", "from-the-environment")

    with pytest.raises(ProviderConfigError) as given:
        await Engine.create_provider("picky", model="from-the-caller")
    with pytest.raises(ProviderConfigError, match="PEPPERPY_PROVIDER_PICKY_MODEL"):
        await Engine.create_provider("picky")

    assert "PEPPERPY_PROVIDER_PICKY_MODEL" not in str(given.value)
