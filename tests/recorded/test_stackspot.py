"""What StackSpot sends is read right: agents, quick commands, and the service that gives bearers."""

from __future__ import annotations

from typing import Any

import pytest

from pepperpy.providers import (
    ProviderAuthenticationError,
    ProviderQuotaError,
    ReadyProvider,
    Usage,
    create_provider,
)
from pepperpy.providers.testing import FakeService, Reply

from .recordings import Recording, recordings

TOKEN = Reply.of_json({"access_token": "bearer-1", "expires_in": 1199})


async def provider_for(service: FakeService, identity: FakeService, **more: Any) -> ReadyProvider:
    return await create_provider(
        "stackspot",
        api_key="recorded-key",
        client_id="recorded-client",
        agent_id="01K0AGENT00000000000000000",
        realm="acme",
        base_url=service.url,
        quick_command_url=service.url,
        auth_url=identity.url,
        poll_interval=0.001,
        max_retries=0,
        **more,
    )


def assert_usage(usage: Usage, expected: dict[str, Any] | None) -> None:
    expected = expected or {}
    parts = [expected[name] for name in ("user", "enrichment") if name in expected]

    assert usage.input_tokens == (sum(parts) if parts else expected.get("prompt_tokens"))
    assert usage.output_tokens == expected.get("output", expected.get("completion_tokens"))
    assert usage.total_tokens == expected.get("total_tokens")


@pytest.mark.parametrize("recording", recordings("stackspot", "chat"))
async def test_chat(recording: Recording) -> None:
    """A plain answer, also where a stream was asked for."""
    async with (
        FakeService(TOKEN) as identity,
        FakeService(recording.reply()) as service,
        await provider_for(service, identity) as provider,
    ):
        completion = await provider.complete("x")
        stream = await provider.complete("x", stream=True)
        pieces = [piece async for piece in stream]

    assert completion == recording.expect["text"] == "".join(pieces)
    assert completion.native_finish_reason == recording.expect["finish_reason"]
    assert completion.id == recording.expect["response_id"]
    assert_usage(completion.usage, recording.expect["usage"])
    assert stream.usage == completion.usage


@pytest.mark.parametrize("size", [1, 7, None], ids=["byte by byte", "in sevens", "in odd pieces"])
@pytest.mark.parametrize("recording", recordings("stackspot", "chat_stream"))
async def test_chat_stream(recording: Recording, size: int | None) -> None:
    """A streamed answer, cut where it hurts."""
    async with (
        FakeService(TOKEN) as identity,
        FakeService(recording.reply(size)) as service,
        await provider_for(service, identity) as provider,
    ):
        stream = await provider.complete("x", stream=True)
        pieces = [piece async for piece in stream]

    assert "".join(pieces) == recording.expect["text"]
    assert "" not in pieces
    assert stream.completion.native_finish_reason == recording.expect["finish_reason"]
    assert_usage(stream.usage, recording.expect["usage"])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("recording", recordings("stackspot", "error"))
async def test_errors(recording: Recording, stream: bool) -> None:
    """An error of the service that sent it, by the class that it means, with the service's own words."""
    of_identity = recording.request["url"].endswith("/oidc/oauth/token")
    kind = ProviderAuthenticationError if of_identity else ProviderQuotaError

    async with (
        FakeService(recording.reply() if of_identity else TOKEN) as identity,
        FakeService(recording.reply()) as service,
        await provider_for(service, identity) as provider,
    ):
        with pytest.raises(kind) as caught:
            await provider.complete("x", stream=stream)

    assert caught.value.status == recording.status
    assert caught.value.code == recording.expect["error"]["code"]
    assert (recording.expect["error"]["message"] or recording.body.decode()) in str(caught.value)
    assert not caught.value.retryable
    assert bool(service.requests) != of_identity


@pytest.mark.parametrize("recording", recordings("stackspot", "quick_command"))
async def test_quick_command(recording: Recording) -> None:
    """A state of an execution: one that has ended is the answer, any other is looked at again."""
    ended = {"execution_id": "01HZ828C3K4E2093EYBABG0000", "progress": {"status": "COMPLETED"}, "result": "later"}
    started = Reply.of_json(recording.expect["response_id"])

    async with (
        FakeService(TOKEN) as identity,
        FakeService(started, recording.reply(), Reply.of_json(ended)) as service,
        await provider_for(service, identity, model="quick-command:translate") as provider,
    ):
        completion = await provider.complete("x")

    assert recording.request["url"].endswith(service.requests[1].path)
    assert recording.request["method"] == service.requests[1].method
    assert completion.id == recording.expect["response_id"]
    if recording.expect["text"] is None:
        assert completion == "later"
    else:
        assert completion == recording.expect["text"]
        assert completion.native_finish_reason == recording.expect["finish_reason"]


@pytest.mark.parametrize("recording", recordings("stackspot", "token"))
async def test_token(recording: Recording) -> None:
    """A bearer is asked for as recorded, and carried by the calls that follow."""
    async with (
        FakeService(recording.reply()) as identity,
        FakeService(Reply.of_json({"message": "ok", "stop_reason": "stop"})) as service,
        await provider_for(service, identity) as provider,
    ):
        await provider.complete("x")
        await provider.complete("x")

    (asked,) = identity.requests
    assert asked.method == recording.request["method"]
    assert recording.request["url"].endswith(asked.path)
    assert asked.headers["content-type"] == recording.request["headers"]["content-type"]
    assert {request.headers["authorization"] for request in service.requests} == {"Bearer REDACTED"}
