"""What was written for a past release works with this one: applications."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pepperpy.providers import ReadyProvider, ToolCall, create_provider
from pepperpy.providers.testing import FakeService, OpenAIWire, Reply

from .conftest import Install
from .release_1_0 import application, seed_custom

WIRE = OpenAIWire()


@pytest.fixture(autouse=True)
def installed(install: Install) -> None:
    """The provider that the application uses."""
    install("compatible", "compatible")


def settings(service: FakeService) -> dict[str, Any]:
    """Return what the application is set to."""
    return {"api_key": "key-museum", "base_url": service.url, "max_retries": 0}


@asynccontextmanager
async def serving(*replies: Any) -> AsyncIterator[tuple[FakeService, ReadyProvider]]:
    """Run a service and the provider that asks it, which leaves no connection."""
    async with FakeService(*replies) as service:
        async with await create_provider("compatible", **settings(service)) as provider:
            yield service, provider
        await service.until(lambda: service.open == 0)


async def test_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain question, with the settings in `extra_config`, gives a `str`."""
    monkeypatch.setenv("COMPATIBLE_API_KEY", "key-museum")
    async with FakeService(WIRE.completion("Paris.")) as service:
        text = await application.ask("compatible", "What is the capital of France?", base_url=service.url)

    assert text == "Paris."
    assert (service.requests[0].json["temperature"], service.requests[0].json["max_tokens"]) == (0.7, 200)


async def test_it_looks_closely() -> None:
    """An answer is a text that knows how it came about."""
    async with serving(WIRE.completion("ok")) as (_, provider):
        seen = await application.look_closely(provider, "x")

    assert seen.pop("raw")["id"] == "chatcmpl-1"
    assert seen == {
        "text": "ok",
        "upper": "OK",
        "joined": "ok!",
        "finish_reason": "stop",
        "tokens": (3, 5),
        "same_tokens": (3, 5),
        "sum": 10,
        "model": "fake",
        "tool_calls": (),
        "reasoning": None,
        "attempts": 1,
    }


async def test_it_reads_streams() -> None:
    """A stream is read to its end, left early, or read by its events, and lets go of its connection."""
    async with serving(WIRE.stream(["Once ", "upon."])) as (_, provider):
        story = await application.tell_a_story(provider)
        first = await application.first_piece(provider)
        seen = await application.watch(provider)

    assert story == (["Once ", "upon."], "Once upon.", "stop", 5)
    assert first == "Once "
    assert seen == [("text", "Once "), ("text", "upon."), ("finish", "stop")]


async def test_it_searches() -> None:
    """One text gives a list of floats, many give vectors in their order."""
    async with serving(WIRE.embeddings) as (_, provider):
        one, many = await application.search(provider)

    assert one == [1.0, 2.0, 3.0]
    assert [list(vector) for vector in many] == [[1.0, 2.0, float(length)] for length in (1, 2, 3)]
    assert (many.dimensions, many.usage.input_tokens) == (3, 3)


async def test_it_converses() -> None:
    """A conversation goes on over the call of a tool and its result."""
    call = ToolCall("call-1", "population", '{"city": "Paris"}')
    async with serving(WIRE.calling([call]), WIRE.completion("2.1 million.")) as (service, provider):
        answer, conversation = await application.converse(provider)

    assert answer == "2.1 million."
    assert [message.role for message in conversation] == ["system", "user", "assistant", "tool"]
    assert service.requests[1].json["messages"][-1]["content"] == "2100000"


async def test_it_asks_for_objects() -> None:
    """An answer may be an object of an attrs class."""
    async with serving(WIRE.completion('{"name": "Paris", "people": 2100000}')) as (_, provider):
        city = await application.structured(provider)

    assert city == application.City("Paris", 2_100_000)


@pytest.mark.parametrize(
    ("reply", "decision"),
    [
        (WIRE.error(401, "no"), "key"),
        (WIRE.error(402, "no"), "pay"),
        (WIRE.error(413, "no"), "shorten"),
        (WIRE.error(429, "no"), "wait"),
        (WIRE.error(500, "no"), "report"),
        (Reply.of_json([]), "report"),
        (Reply(end="reset", body=b"x"), "later"),
    ],
)
async def test_it_decides(reply: Reply, decision: str) -> None:
    """Each error is the decision that it was."""
    async with serving(reply) as (_, provider):
        decided, facts = await application.failure_of(provider)

    assert (decided, facts["provider_type"], facts["attempts"]) == (decision, "compatible", 1)


async def test_it_decides_about_streams() -> None:
    """A stream that was cut is one to go on with: what had come is there."""
    async with serving(WIRE.unfinished(["Once "], end="cut")) as (_, provider):
        decided, facts = await application.failure_of(provider, stream=True)

    assert (decided, facts["partial_text"]) == ("go on", "Once ")


async def test_it_keeps_its_settings() -> None:
    """`dict()` is what was given, with the real key, and makes the same provider again."""
    async with FakeService(WIRE.completion("ok")) as service:
        kept, provider = await application.round_trip("compatible", base_url=service.url, region="us")
        async with provider:
            answer = await provider.complete("x")
        url = service.url

    assert answer == "ok"
    assert kept == {
        "provider_type": "compatible",
        "api_key": "key-museum",
        "model": "m",
        "timeout": 30,
        "max_retries": 3,
        "extra_config": {"base_url": url, "region": "us"},
    }


async def test_it_has_an_engine_of_its_own() -> None:
    """An engine over a registry of its own knows what was registered with it and nothing else."""
    engine = application.own_engine(seed_custom.CustomProvider)
    async with await engine.create_provider("mine") as provider:
        answer = await provider.complete("x")

    assert engine.list_providers() == ["mine"]
    assert answer.startswith("X")


async def test_it_bounds_its_calls() -> None:
    """The bounds in time are given apart, flat settings and `extra_body` are taken."""
    async with FakeService(WIRE.completion("ok")) as service:
        answer = await application.bounded("compatible", **settings(service))

    assert answer == "ok"
    assert service.requests[0].json["custom"] is True
