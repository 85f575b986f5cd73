"""Conversations with the provider `stackspot`: kept by the service or sent along, explained, and bounded in time."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from pepperpy.providers import ProviderCapabilityError, ProviderTimeoutError
from pepperpy.providers.messages import Message
from pepperpy.providers.testing import FakeService, Reply

from .stackspot import AGENT, KEY, StackSpotWire, make_provider, numbered_tokens

WIRE = StackSpotWire()
BEARER = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_conversation_goes_on_at_the_service(stream: bool) -> None:
    """With `use_conversation`, each turn sends what is new, and the id that the last answer came with."""
    turn = WIRE.stream(["4"]) if stream else WIRE.completion("4")

    async with (
        FakeService(numbered_tokens()) as identity,
        FakeService(turn, turn, WIRE.completion("8")) as service,
        await make_provider(service, identity) as provider,
    ):
        conversation = [Message.system("Be brief."), Message.user("2+2?")]
        for question in ("And 3+3?", "And 4+4?"):
            answer = await provider.complete(conversation, stream=stream, use_conversation=True)
            if stream:
                assert [piece async for piece in answer] == ["4"]
                answer = answer.completion
            conversation += [answer.message, Message.user(question)]
        await provider.complete(conversation)

    first, second, alone = [request.json for request in service.requests]
    assert first["user_prompt"] == "<system_prompt>\nBe brief.\n</system_prompt>\n\n2+2?"
    assert "conversation_id" not in first
    assert (second["user_prompt"], second["conversation_id"]) == ("And 3+3?", "01K2")
    assert first["use_conversation"] is second["use_conversation"] is True
    assert alone["user_prompt"].count("<assistant>\n4\n</assistant>") == 2
    assert not {"conversation_id", "use_conversation"} & set(alone)


async def test_explains_where_a_request_goes() -> None:
    """An agent and a quick command are of different origins; the bearer, which nobody asked for yet, is masked."""
    async with (
        FakeService(numbered_tokens()) as identity,
        FakeService() as agents,
        FakeService() as commands,
        await make_provider(
            agents, identity, quick_command_url=f"{commands.url}/", headers={"authorization": "mine", "X-Team": "us-7"}
        ) as provider,
    ):
        agents_url, commands_url = agents.url, commands.url
        chat = provider.explain([Message.system("Be brief."), Message.user("Hi")], conversation_id="01K2")
        command = provider.explain("Hi", model="rqc:translate", conversation_id="01K2")

    assert chat.url == f"{agents_url}/v1/agent/{AGENT}/chat"
    assert chat.method == command.method == "POST"
    assert command.url == f"{commands_url}/v1/quick-commands/create-execution/translate?conversation_id=01K2"
    assert command.body == {"input_data": "Hi"}
    assert chat.mapped["prompt"] == {"user_prompt": "<system_prompt>\nBe brief.\n</system_prompt>\n\nHi"}
    assert chat.mapped["conversation_id"] == {"conversation_id": "01K2", "use_conversation": True}
    assert command.mapped["conversation_id"] == {"url": command.url}
    for headers in (chat.headers, command.headers):
        assert headers == {"Content-Type": "application/json", "X-Team": "***", "Authorization": "Bearer ***"}
    assert KEY not in f"{chat!r}{chat}"
    assert identity.requests == agents.requests == commands.requests == []


async def test_explains_a_bearer_that_was_given() -> None:
    """A bearer that the user had is masked just as well."""
    async with (
        FakeService() as service,
        await make_provider(service, service, api_key=BEARER, client_id=None) as provider,
    ):
        explanation = provider.explain("Hi")

    assert explanation.headers["Authorization"] == "Bearer ***"
    assert BEARER not in repr(explanation)


async def test_lists_no_models() -> None:
    """There is no list to be had; the error says how agents are named."""
    async with (
        FakeService(numbered_tokens()) as identity,
        FakeService() as service,
        await make_provider(service, identity) as provider,
    ):
        with pytest.raises(ProviderCapabilityError, match=r"^stackspot: StackSpot documents no list of its agents"):
            await provider.list_models()
        assert provider.capabilities.conversations
        assert not provider.capabilities.models

    assert service.requests == identity.requests == []


async def test_the_timeout_of_a_call_bounds_a_quick_command() -> None:
    """A call's own `timeout` is the bound of the execution that it waits for."""
    under_way = Reply.of_json({"progress": {"status": "RUNNING"}})

    async with (
        FakeService(numbered_tokens()) as identity,
        FakeService(Reply.of_json("01HZ"), under_way) as service,
        await make_provider(service, identity, model="rqc:x", poll_interval=0.001) as provider,
    ):
        with pytest.raises(ProviderTimeoutError, match=r"within 0\.1 s; see timeout"):
            async with asyncio.timeout(2):
                await provider.complete("x", timeout=0.1)

    assert len(service.requests) > 2


async def test_the_timeout_of_a_call_bounds_the_looks() -> None:
    """A look at an execution may take as long as the call says, and not only as long as the settings do."""
    ended = Reply.of_json({"progress": {"status": "COMPLETED"}, "result": "ok"})

    async with (
        FakeService(numbered_tokens()) as identity,
        FakeService(Reply.of_json("01HZ"), attrs.evolve(ended, delay=0.3)) as service,
        await make_provider(service, identity, model="rqc:x", poll_interval=0.001, timeout=0.1) as provider,
    ):
        assert await provider.complete("x", timeout=5) == "ok"


@pytest.mark.parametrize("model", ["agent", "rqc:x"])
async def test_the_timeout_of_a_call_reaches_the_socket(model: str) -> None:
    """A service that is silent for longer is not waited for: neither an agent nor a look at a quick command."""
    silent = Reply(delay=60)
    replies = [silent] if model == "agent" else [Reply.of_json("01HZ"), silent]

    async with (
        FakeService(numbered_tokens()) as identity,
        FakeService(*replies) as service,
        await make_provider(service, identity, poll_interval=0.001) as provider,
    ):
        with pytest.raises(ProviderTimeoutError):
            async with asyncio.timeout(2):
                await provider.complete("x", model=model, timeout=0.1)

    assert len(service.requests) == len(replies)
