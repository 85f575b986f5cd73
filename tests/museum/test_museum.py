"""What was written for a past release works with this one: plugins."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from pepperpy.providers import (
    ProviderAuthenticationError,
    ProviderCapabilityError,
    ProviderConfigError,
    ProviderContextLengthError,
    ProviderError,
    ProviderInputError,
    ProviderNotInitializedError,
    ProviderPluginError,
    ProviderQuotaError,
    ProviderRateLimitError,
    ProviderResponseError,
    ProviderStreamError,
    create_provider,
)
from pepperpy.providers import hookspecs as interface
from pepperpy.providers.engine import ProviderEngine
from pepperpy.providers.testing import FakeService, OpenAIWire, Received, Reply

from .conftest import Install
from .release_1_0 import seed_custom

WIRE = OpenAIWire()
KEY = "key-museum-0123456789"


def test_the_interface_still_serves_all_of_them() -> None:
    """The interface that the oldest exhibits were written to is served."""
    assert interface.OLDEST_API_VERSION <= 1 <= interface.API_VERSION


async def test_the_seed_s_custom_provider() -> None:
    """The class of the first README is registered, made, asked, streamed, embeds, fails and is cleaned up."""
    seed_custom.register()
    provider: Any = await create_provider("custom", api_key=KEY, model="m", extra_config={"anything": 1})

    assert "custom" in ProviderEngine.list_providers()
    assert await provider.complete("hello") == f"HELLO 0.7 None m {KEY}"
    assert await provider.complete("hello", temperature=0.1, max_tokens=3) == f"HELLO 0.1 3 m {KEY}"
    assert [piece async for piece in await provider.complete("a b", stream=True)] == ["a", "b"]
    assert await provider.embed("abc", model="x") == [3.0, 1.0]
    assert (await provider.embed_many(["a", "ab"])).dimensions == 2
    assert provider.capabilities.embeddings
    assert KEY not in repr(provider)
    with pytest.raises(ProviderError, match="the custom service failed"):
        await provider.complete("fail")
    await provider.cleanup()
    await provider.cleanup()
    with pytest.raises(ProviderNotInitializedError):
        await provider.complete("hello")


async def test_a_compatible_service(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its options, variables and model come from where they did, and all calls work."""
    install("compatible", "compatible")
    monkeypatch.setenv("COMPATIBLE_API_KEY", KEY)
    monkeypatch.setenv("COMPATIBLE_REGION", "us")
    replies: list[Reply | Callable[[Received], Reply]] = [
        WIRE.completion("ok"),
        WIRE.stream(["a", "b"]),
        WIRE.embeddings,
        WIRE.error(429, "slow down", headers={"Retry-After": "3600"}),
        WIRE.unfinished(["a"], end="cut"),
    ]
    async with FakeService(*replies) as service:
        provider: Any = await create_provider("compatible", base_url=service.url)
        answer = await provider.complete("x", top_k=3)
        pieces = [piece async for piece in await provider.complete("x", stream=True)]
        vector = await provider.embed("abc")
        with pytest.raises(ProviderRateLimitError) as limited:
            await provider.complete("x")
        with pytest.raises(ProviderStreamError) as broken:
            [piece async for piece in await provider.complete("x", stream=True)]
        with pytest.raises(ProviderInputError, match="did you mean 'top_k'"):
            await provider.complete("x", topk=3)
        await provider.cleanup()
        with pytest.raises(ProviderNotInitializedError):
            await provider.complete("x")
        await service.until(lambda: service.open == 0)

    assert (answer, pieces, vector, provider.options.region) == ("ok", ["a", "b"], [1.0, 2.0, 3.0], "us")
    assert (limited.value.retry_after, broken.value.partial_text) == (3600, "a")
    first, _, third, *_ = service.requests
    assert (first.path, first.json["model"], first.json["top_k"]) == ("/chat/completions", "compatible-1", 3)
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert third.json["model"] == "compatible-embed-1"


async def test_a_compatible_service_without_its_key(install: Install) -> None:
    """A missing key and an unknown setting are refused in words."""
    install("compatible", "compatible")
    with pytest.raises(ProviderConfigError, match="PEPPERPY_PROVIDER_COMPATIBLE_API_KEY or COMPATIBLE_API_KEY"):
        await create_provider("compatible")
    with pytest.raises(ProviderConfigError, match="did you mean 'region'"):
        await create_provider("compatible", api_key=KEY, extra_config={"regoin": "us"})


async def test_a_dialect_of_its_own(install: Install) -> None:
    """Every method of a dialect is called as it was, for answers, streams, embeddings, models and errors."""
    install("own_dialect", "own")
    end = {"over": "stop", "in": 3, "out": 5}
    replies = [
        Reply.of_json({"said": "hello", "who": "own-1", **end}),
        Reply.of_events([{"thought": "hm"}, {"said": "hel"}, {"said": "lo"}, end]),
        *[Reply.of_json({"vectors": [[1.0, 2.0]] * count, "in": 1}) for count in (2, 1)],
        *[Reply.of_json({"who": ["a", "b"], "more": "b"}), Reply.of_json({"who": ["c"]})],
        Reply.of_json({"oops": "too_long", "message": "too long"}, status=400),
        Reply.of_events([{"said": "hel"}, {"oops": "tired", "message": "I am tired"}]),
        Reply.of_events([{"said": "hel"}], end="cut"),
        Reply.of_json(["what?"]),
    ]
    async with FakeService(*replies) as service, await create_provider("own", base_url=service.url) as provider:
        answer = await provider.complete("x", temperature=0)
        stream = await provider.complete("x", stream=True)
        pieces = [piece async for piece in stream]
        vectors = await provider.embed_many(["a", "b", "c"])
        models = [model.id for model in await provider.list_models()]
        with pytest.raises(ProviderContextLengthError, match="too long"):
            await provider.complete("x")
        for partial in ("tired", "broke"):
            with pytest.raises(ProviderStreamError, match=partial) as broken:
                [piece async for piece in await provider.complete("x", stream=True)]
            assert broken.value.partial_text == "hel"
        with pytest.raises(ProviderResponseError, match="no JSON object"):
            await provider.complete("x")
        with pytest.raises(ProviderCapabilityError, match="no seed"):
            await provider.complete("x", seed=1)

    assert (answer, answer.finish_reason, answer.usage.output_tokens) == ("hello", "stop", 5)
    assert (pieces, stream.completion.reasoning, stream.usage.input_tokens) == (["hel", "lo"], "hm", 3)
    assert (len(vectors), vectors.usage.input_tokens, models) == (3, 2, ["a", "b", "c"])
    assert service.requests[0].json == {"who": "own-1", "what": "x", "bit_by_bit": False, "temperature": 0}


async def test_a_dialect_upon_the_partial_one(install: Install) -> None:
    """What the base says and reads in its stead is what it was; what it has not is refused before anything is sent."""
    install("partial_dialect", "small")
    events: list[Any] = [{"thought": "hm"}, {"piece": "o"}, {"piece": "k", "end": True, "tokens": 2}]
    replies = [Reply.of_json({"answer": "ok"}), Reply.of_events(events), Reply.of_json({"message": "no"}, status=401)]
    async with FakeService(*replies) as service, await create_provider("small", base_url=service.url) as provider:
        answer = await provider.complete("x", system="Be brief.")
        stream = await provider.complete("x", stream=True)
        pieces = [piece async for piece in stream]
        with pytest.raises(ProviderAuthenticationError, match="no"):
            await provider.complete("x")
        with pytest.raises(ProviderCapabilityError, match="no embeddings"):
            await provider.embed("x")
        with pytest.raises(ProviderCapabilityError, match="no embeddings"):
            await provider.embed("x", model="m")
        with pytest.raises(ProviderCapabilityError, match="lists no models"):
            await provider.list_models()

    assert (answer, pieces, stream.completion.reasoning, stream.usage.output_tokens) == ("ok", ["o", "k"], "hm", 2)
    assert (stream.completion.id, stream.completion.model, len(service.requests)) == ("answer-1", "small-1", 3)
    assert provider.capabilities.system
    assert not provider.capabilities.embeddings


async def test_a_key_that_runs_out(install: Install) -> None:
    """The bearer is had from its own service, renewed once it is refused, and hidden as the key is."""
    install("bearer", "bearer")
    bearers = iter(["first111", "second22"])
    identity = FakeService(lambda request: Reply.of_json({"bearer": next(bearers)}))
    refused, wrong = WIRE.error(401, "run out"), WIRE.error(400, "second22 is a strange bearer")
    service = FakeService(WIRE.completion("one"), refused, WIRE.completion("two"), WIRE.stream(["three"]), wrong)
    async with (
        identity,
        service,
        await create_provider("bearer", api_key=KEY, base_url=service.url, auth_url=identity.url) as provider,
    ):
        answers: list[str] = [await provider.complete("x"), await provider.complete("x")]
        answers += [piece async for piece in await provider.complete("x", stream=True)]
        with pytest.raises(ProviderError) as caught:
            await provider.complete("x")

    assert answers == ["one", "two", "three"]
    given = [request.headers["authorization"] for request in service.requests]
    assert given == [f"Bearer {bearer}" for bearer in ("first111", "first111", *["second22"] * 3)]
    assert [request.body for request in identity.requests] == [f"secret={KEY}".encode()] * 2
    assert "second22" not in f"{caught.value}{caught.value.details}"


async def test_no_http_at_all(install: Install) -> None:
    """It answers, streams and embeds, and its own errors arrive as they were raised."""
    install("no_http", "engine")
    async with await create_provider("engine", separator="-") as provider:
        engine: Any = provider
        assert engine.running
        answer = await provider.complete("one two three", max_tokens=2)
        pieces = [piece async for piece in await provider.complete("one two", stream=True)]
        vectors = await provider.embed_many(["a", "ab"], dimensions=3)
        errors = sys.modules["museum_no_http"]
        with pytest.raises(errors.EngineJammedError, match="hit it") as jammed:
            await provider.complete("jam")
        with pytest.raises(errors.EngineError, match="broke"):
            [piece async for piece in await provider.complete("one break", stream=True)]

    assert (answer, answer.usage.output_tokens, pieces) == ("one-two", 2, ["one", "two"])
    assert [list(vector) for vector in vectors] == [[1.0] * 3, [2.0] * 3]
    assert (jammed.value.retryable, jammed.value.details) == (True, {"cylinders": 4})
    assert not engine.running
    with pytest.raises(ProviderConfigError, match="cylinders must be 1 or more"):
        await create_provider("engine", cylinders=0)


async def test_one_hook_for_two_providers(install: Install) -> None:
    """Both names are listed without an import, and each leads to its own provider."""
    install("two_providers", "twin-fast", "twin.thorough")
    names = [name for name in ProviderEngine.list_providers() if name.startswith("twin")]

    assert names == ["twin-fast", "twin.thorough"]
    assert "museum_two_providers" not in sys.modules
    async with FakeService(WIRE.completion("ok")) as service:
        for name in names:
            async with await create_provider(name, base_url=service.url) as provider:
                assert await provider.complete("x", max_tokens=7) == "ok"
    fast, thorough = (request.json for request in service.requests)
    assert (fast["model"], fast["max_tokens"]) == ("fast-1", 7)
    assert (thorough["model"], thorough["max_completion_tokens"]) == ("thorough-1", 7)


async def test_headers_and_errors_of_its_own(install: Install) -> None:
    """What a subclass overrides is asked: the headers, the effort, and the error, whose details it adds to."""
    install("overrides", "different")
    error = {"error": {"message": f"no credit for {KEY}", "reason": "broke"}}
    replies = [WIRE.completion("ok"), Reply.of_json(error, status=429)]
    settings: dict[str, Any] = {"api_key": KEY, "project": "p-1", "headers": {"X-Team": "museum"}}
    async with (
        FakeService(*replies) as service,
        await create_provider("different", base_url=service.url, **settings) as provider,
    ):
        await provider.complete("x", reasoning="minimal")
        with pytest.raises(ProviderQuotaError) as caught:
            await provider.complete("x")

    headers, body = service.requests[0].headers, service.requests[0].json
    assert [headers.get(f"x-{name}") for name in ("different-key", "project", "team")] == [KEY, "p-1", "museum"]
    assert "authorization" not in headers
    assert body["reasoning_effort"] == "low"
    assert (caught.value.details["reason"], caught.value.attempts) == ("broke", 1)
    assert KEY not in str(caught.value)


async def test_a_plugin_that_says_its_interface(install: Install) -> None:
    """An explicit version 1 is served, by the least of all providers."""
    install("explicit_version", "plain")
    async with await create_provider("plain") as provider:
        assert await provider.complete("abc") == "cba"
        with pytest.raises(ProviderCapabilityError, match="no embeddings"):
            await provider.embed("abc")


@pytest.mark.parametrize(
    ("newest", "oldest", "words"),
    [
        (
            9,
            2,
            "it was written to interface 1, older than 2, the oldest that this pepperpy-core serves; upgrade that dis",
        ),
        (
            0,
            0,
            "it was written to interface 1, newer than 0, the newest that this pepperpy-core serves; upgrade pepperpy",
        ),
    ],
)
async def test_the_day_on_which_it_no_longer_fits(
    install: Install, monkeypatch: pytest.MonkeyPatch, newest: int, oldest: int, words: str
) -> None:
    """A core that has moved on, or is behind, says so in words, names the distribution, and serves the others."""
    install("explicit_version", "plain")
    monkeypatch.setattr(interface, "API_VERSION", newest)
    monkeypatch.setattr(interface, "OLDEST_API_VERSION", oldest)
    seed_custom.register()
    with pytest.raises(ProviderPluginError, match=r"museum_explicit_version of museum-explicit_version 1\.0") as caught:
        await create_provider("plain")

    assert words in str(caught.value)
    assert {"custom", "plain"} <= set(ProviderEngine.list_providers())
    assert await (await create_provider("custom")).complete("x")
