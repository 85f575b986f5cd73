"""The provider `stackspot` keeps the contract, and says what it lacks and what it cannot do."""

from __future__ import annotations

import logging
import pickle
import traceback
from typing import Any

import pytest

from pepperpy.providers import (
    ProviderAPIError,
    ProviderCapabilityError,
    ProviderConfigError,
    ProviderInputError,
    create_provider,
)
from pepperpy.providers.testing import FakeService, Received, Reply
from pepperpy.providers.testing.contract import ProviderContract

from .stackspot import AGENT, KEY, StackSpotWire, make_provider, numbered_tokens, token

BEARER = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
WIRE = StackSpotWire()


class TestStackSpot(ProviderContract):
    provider_type = "stackspot"
    wire = WIRE


async def test_shows_client_key_and_bearer_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    """Client key and bearer are in no text, repr, log, traceback or pickle, also when a service sends them back."""
    caplog.set_level(logging.DEBUG)
    secrets = [KEY, BEARER]
    echo = WIRE.error(403, f"no {KEY} and no {BEARER}")
    first, then = token(BEARER, seconds=0), echo
    shown: list[str] = []

    async with (
        FakeService(first, then) as identity,
        FakeService(echo) as service,
        await make_provider(service, identity) as provider,
    ):
        for _ in range(3):
            with pytest.raises(ProviderAPIError) as caught:
                await provider.complete("x")
            error = caught.value
            frames = traceback.TracebackException.from_exception(error, capture_locals=True)
            shown += [str(error), repr(error), repr(error.details), repr(provider), str(pickle.dumps(error))]
            # The first frame is this one, which knows the key.
            shown += [str(frame.locals) for frame in frames.stack[1:]]
        shown.append(caplog.text)

    assert not [text for text in shown if any(secret in text for secret in secrets)]
    assert len(identity.requests) == 3
    assert len(service.requests) == 1


async def test_sends_what_the_agents_take() -> None:
    """A prompt goes to its agent as the documentation says, the system text in front of it."""
    async with (
        FakeService(token("bearer-1")) as identity,
        FakeService(WIRE.completion("ok")) as service,
        await make_provider(service, identity) as provider,
    ):
        await provider.complete("Hi")
        await provider.complete(
            "Hi",
            model="agent:other",
            system="Be brief.",
            conversation_id="01K2",
            upload_ids=["u1"],
            knowledge=True,
            deep_search=True,
            return_sources=True,
            temperature=None,
            extra_body={"agent_version_number": 3},
        )

    plain, full = service.requests
    assert plain.path == f"/v1/agent/{AGENT}/chat"
    assert plain.json == {"user_prompt": "Hi", "streaming": False, "stackspot_knowledge": False}
    assert plain.headers["authorization"] == "Bearer bearer-1"
    assert full.path == "/v1/agent/other/chat"
    assert full.json == {
        "user_prompt": "<system_prompt>\nBe brief.\n</system_prompt>\n\nHi",
        "streaming": False,
        "stackspot_knowledge": True,
        "conversation_id": "01K2",
        "use_conversation": True,
        "upload_ids": ["u1"],
        "deep_search_ks": True,
        "return_ks_in_response": True,
        "agent_version_number": 3,
    }


async def test_a_conversation_goes_on_after_a_stream() -> None:
    """A streamed answer knows what a plain one does: its id, and the conversation that it belongs to."""
    async with (
        FakeService(token("bearer-1")) as identity,
        FakeService(WIRE.stream(["Par", "is"])) as service,
        await make_provider(service, identity) as provider,
    ):
        stream = await provider.complete("Where?", stream=True, use_conversation=True)
        async for _ in stream:
            pass

    assert service.requests[0].json["streaming"] is True
    assert service.requests[0].headers["accept"] == "text/event-stream"
    assert stream.completion.id == "01K1"
    assert stream.completion.raw["message"] == "Paris"
    assert stream.completion.raw["conversation_id"] == "01K2"


async def test_one_origin_can_stand_in_for_all() -> None:
    """A single server can be agents, quick commands and identity at once."""

    def answer(request: Received) -> Reply:
        return token("bearer-1") if request.path == "/acme/oidc/oauth/token" else WIRE.completion("ok")

    async with (
        FakeService(answer) as service,
        await make_provider(service, service, realm="acme", model="gpt-4") as provider,
    ):
        completion = await provider.complete("x")

    assert completion == "ok"
    assert [request.path for request in service.requests] == ["/acme/oidc/oauth/token", f"/v1/agent/{AGENT}/chat"]


@pytest.mark.parametrize(
    ("model", "agent"),
    [
        ("agent", AGENT),
        ("gpt-4", AGENT),
        ("smart", "01K0SMART"),
        ("agent:01K0OTHER", "01K0OTHER"),
        ("01K0QTHER00000000000000000", "01K0QTHER00000000000000000"),
    ],
)
async def test_a_model_leads_to_an_agent(model: str, agent: str) -> None:
    """An agent's id, a name that was given to one, or any other for the agent that is set."""
    async with (
        FakeService(token("bearer-1")) as identity,
        FakeService(WIRE.completion("ok")) as service,
        await make_provider(service, identity, agents={"smart": "01K0SMART"}) as provider,
    ):
        await provider.complete("x", model=model)

    assert service.requests[0].path == f"/v1/agent/{agent}/chat"


@pytest.mark.parametrize(
    "option", ["temperature", "max_tokens", "top_p", "stop", "seed", "tools", "response_format", "input_data"]
)
async def test_refuses_what_agents_do_not_take(option: str) -> None:
    """What the service takes with no call is refused, and not dropped."""
    options: dict[str, Any] = {option: 1}

    async with (
        FakeService(token("bearer-1")) as identity,
        FakeService(WIRE.completion("ok")) as service,
        await make_provider(service, identity) as provider,
    ):
        with pytest.raises(ProviderCapabilityError, match=option):
            await provider.complete("x", **options)

    assert service.requests == identity.requests == []


@pytest.mark.parametrize(
    "options",
    [
        {"knowledge": "true"},
        {"use_conversation": 1},
        {"conversation_id": "../x"},
        {"upload_ids": [3]},
        {"system": " "},
        {"no_such_option": 1},
    ],
)
async def test_refuses_what_is_wrong(options: dict[str, Any]) -> None:
    """An option that is unknown, or of a wrong type, is refused by its name before anything is sent."""
    async with (
        FakeService(token("bearer-1")) as identity,
        FakeService(WIRE.completion("ok")) as service,
        await make_provider(service, identity) as provider,
    ):
        with pytest.raises(ProviderInputError, match=next(iter(options))):
            await provider.complete("x", **options)

    assert service.requests == identity.requests == []


async def test_has_no_embeddings() -> None:
    """To embed is refused, and so is a setting for it."""
    async with (
        FakeService(token("bearer-1")) as identity,
        FakeService(WIRE.completion("ok")) as service,
        await make_provider(service, identity) as provider,
    ):
        with pytest.raises(ProviderCapabilityError, match="no embeddings"):
            await provider.embed("x")
        with pytest.raises(ProviderCapabilityError, match="no embeddings"):
            await provider.embed_many(["x", "y"], model="text-embedding-3-small")
        with pytest.raises(ProviderConfigError, match="embedding_model"):
            await make_provider(service, identity, embedding_model="text-embedding-3-small")

    assert service.requests == identity.requests == []


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("CLIENT_SECRET", "CLIENT_KEY", "CLIENT_ID", "REALM", "AGENT_ID"):
        monkeypatch.delenv(f"STACKSPOT_{name}", raising=False)
        monkeypatch.delenv(f"PEPPERPY_PROVIDER_STACKSPOT_{name}", raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"api_key": None}, "STACKSPOT_CLIENT_SECRET or STACKSPOT_CLIENT_KEY"),
        ({}, "client_id is missing: .* set STACKSPOT_CLIENT_ID; agent_id is missing: .* set STACKSPOT_AGENT_ID"),
        ({"model": "gpt-4"}, "client_id is missing: .* agent_id is missing, to which 'gpt-4' leads"),
        ({"client_id": "c"}, "^stackspot: agent_id is missing"),
        ({"client_id": "c", "agents": {"smart": "a"}, "model": "gpt-4"}, "^stackspot: agent_id is missing"),
        ({"agent_id": "a"}, "^stackspot: client_id is missing"),
        ({"client_id": "c", "model": "quick-command:a/b"}, "model must"),
        ({"client_id": "c", "agent_id": "../x"}, "agent_id must"),
        ({"client_id": "c", "agents": {"smart": "a b"}}, "agents must"),
        ({"client_id": "c", "agents": "smart"}, "agents must"),
        ({"client_id": "c\n", "agent_id": "a"}, "client_id must"),
        ({"client_id": "c", "agent_id": "a", "realm": "x/y"}, "realm must"),
        ({"client_id": "c", "agent_id": "a", "poll_interval": 0}, "poll_interval must"),
        ({"client_id": "c", "agent_id": "a", "poll_interval": float("inf")}, "poll_interval must"),
        ({"client_id": "c", "agent_id": "a", "auth_url": "idm"}, "auth_url must"),
        ({"client_id": "c", "agent_id": "a", "quick_command_url": "ftp://x"}, "quick_command_url must"),
    ],
)
async def test_says_what_is_missing(bare_environment: pytest.MonkeyPatch, settings: dict[str, Any], said: str) -> None:
    """Settings that lead nowhere are refused when the provider is made, by their names and without their values."""
    with pytest.raises(ProviderConfigError, match=said) as caught:
        await create_provider("stackspot", **{"api_key": KEY, **settings})

    assert KEY not in repr(caught.value)


async def test_the_environment_has_all_it_takes(bare_environment: pytest.MonkeyPatch) -> None:
    """The client, its realm and its agent can come from the variables that StackSpot's users know."""
    variables = {"CLIENT_KEY": KEY, "CLIENT_ID": "client-1", "REALM": "acme", "AGENT_ID": "01K0ENV"}
    for name, value in variables.items():
        bare_environment.setenv(f"STACKSPOT_{name}", value)

    async with (
        FakeService(numbered_tokens()) as identity,
        FakeService(WIRE.completion("ok")) as service,
        await create_provider("stackspot", base_url=service.url, auth_url=identity.url) as provider,
    ):
        await provider.complete("x")

    assert identity.requests[0].path == "/acme/oidc/oauth/token"
    assert service.requests[0].path == "/v1/agent/01K0ENV/chat"


async def test_names_for_agents_are_enough() -> None:
    """With names for agents there need be no other agent; a call has to name one of them."""
    async with (
        FakeService(token("bearer-1")) as identity,
        FakeService(WIRE.completion("ok")) as service,
        await make_provider(service, identity, agent_id=None, agents={"smart": "a"}) as provider,
    ):
        await provider.complete("x", model="smart")
        with pytest.raises(ProviderConfigError, match="agent_id is missing"):
            await provider.complete("x")
        with pytest.raises(ProviderInputError, match="model"):
            await provider.complete("x", model="agent:..")

    assert len(service.requests) == 1
