"""Quick commands of the provider `stackspot`: started, looked at until they end, and answered as any completion."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest

from pepperpy.providers import (
    CompletionStream,
    ProviderAPIError,
    ProviderCapabilityError,
    ProviderInputError,
    ProviderNotInitializedError,
    ProviderQuotaError,
    ProviderResponseError,
    ProviderTimeoutError,
    ReadyProvider,
)
from pepperpy.providers.http import HTTPTransport
from pepperpy.providers.testing import FakeService, Received, Reply

from .stackspot import StackSpotWire, make_provider, numbered_tokens

ID = "01HZ828C3K4E2093EYBABG0000"
STARTED = Reply.of_json(ID)


def execution(status: Any, result: Any = None) -> Reply:
    return Reply.of_json({"execution_id": ID, "progress": {"status": status}, "steps": [], "result": result})


@attrs.frozen
class Stage:
    """A provider whose model is a quick command, the service behind it, and the one that gives bearers."""

    provider: ReadyProvider
    service: FakeService
    identity: FakeService


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with FakeService(numbered_tokens()) as identity, FakeService() as service:
        settings: dict[str, Any] = {"model": "quick-command:translate", "poll_interval": 0.001, "timeout": 5}
        async with await make_provider(service, identity, **settings) as provider:
            yield Stage(provider, service, identity)


async def test_is_started_and_looked_at_until_it_ends(stage: Stage) -> None:
    """The prompt goes into the start; the state is asked for until the execution is completed."""
    stage.service.replies = [STARTED, execution("CREATED"), execution("RUNNING"), execution("COMPLETED", "Hola")]

    completion = await stage.provider.complete("Hello", system="Into Spanish.")

    assert completion == "Hola"
    assert (completion.finish_reason, completion.native_finish_reason) == ("stop", "COMPLETED")
    assert completion.id == ID
    assert completion.usage.input_tokens is None
    start, *looks = stage.service.requests
    assert (start.method, start.path) == ("POST", "/v1/quick-commands/create-execution/translate")
    assert start.json == {"input_data": "<system_prompt>\nInto Spanish.\n</system_prompt>\n\nHello"}
    assert {(look.method, look.path, look.body) for look in looks} == {
        ("GET", f"/v1/quick-commands/callback/{ID}", b"")
    }
    assert len(looks) == 3
    assert {request.headers["authorization"] for request in stage.service.requests} == {"Bearer bearer-1"}
    assert len(stage.identity.requests) == 1


async def test_takes_data_in_place_of_the_prompt(stage: Stage) -> None:
    """`input_data` is what the quick command takes; the other options go where the documentation puts them."""
    stage.service.replies = [STARTED, execution("COMPLETED", {"text": "Olá"})]

    completion = await stage.provider.complete(
        "unused",
        model="rqc:other",
        input_data={"text": "Hello"},
        conversation_id="01K2",
        upload_ids=["u1"],
        extra_body={"execution_tag": "t"},
    )

    assert completion == '{"text": "Olá"}'
    assert stage.service.requests[0].path == "/v1/quick-commands/create-execution/other?conversation_id=01K2"
    assert stage.service.requests[0].json == {
        "input_data": {"text": "Hello"},
        "upload_ids": ["u1"],
        "execution_tag": "t",
    }


async def test_streams_in_one_piece(stage: Stage) -> None:
    """Asked for a stream, its answer comes as one piece."""
    stage.service.replies = [STARTED, execution("RUNNING"), execution("COMPLETED", "Zürich \u2028🌍")]

    stream = await stage.provider.complete("Where?", stream=True)
    pieces = [piece async for piece in stream]

    assert isinstance(stream, CompletionStream)
    assert pieces == ["Zürich \u2028🌍"]
    assert stream.finish_reason == "stop"
    assert stream.completion.id == ID


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", ["FAILURE", "FAILED"])
async def test_a_failure_is_an_error(stage: Stage, stream: bool, status: str) -> None:
    """An execution that failed is an error with the service's own words, and is not started again."""
    stage.service.replies = [STARTED, execution(status, "the model is gone")]

    with pytest.raises(ProviderAPIError, match="the quick command failed: the model is gone") as caught:
        await stage.provider.complete("x", stream=stream)

    assert (caught.value.code, caught.value.attempts) == (status, 1)
    assert len(stage.service.requests) == 2


@pytest.mark.parametrize(
    "replies",
    [
        [Reply.of_json({"execution_id": ID})],
        [Reply.of_json("../../v1/agent/x/chat")],
        [Reply.of_json(None)],
        [STARTED, Reply.of_json([])],
        [STARTED, Reply.of_json({"progress": None, "result": "x"})],
        [STARTED, Reply.of_json({"progress": {"status": 3}, "result": "x"})],
        [STARTED, execution("COMPLETED")],
    ],
)
async def test_an_answer_that_is_none_is_an_error(stage: Stage, replies: list[Reply]) -> None:
    """What is no id, no state or no result is said to be none."""
    stage.service.replies = [*replies]

    with pytest.raises(ProviderResponseError):
        await stage.provider.complete("x", stream=True)

    assert len(stage.service.requests) == len(replies)


async def test_the_daily_quota_is_no_rate_limit(stage: Stage) -> None:
    """A quota for the day that is used up is not waited for."""
    error = {"code": "CODEBUDDY_1044_QUICK_COMMAND_RATE_LIMIT_EXCEEDED", "details": "100 requests in 1440 minutes"}
    stage.service.replies = [Reply.of_json(error, status=429)]

    async with await make_provider(
        stage.service, stage.identity, model="quick-command:translate", max_retries=3
    ) as provider:
        with pytest.raises(ProviderQuotaError, match="1440 minutes"):
            await provider.complete("x")

    assert len(stage.service.requests) == 1


async def test_a_look_is_retried_and_renews_the_bearer(stage: Stage) -> None:
    """What fails while the execution goes on costs a look, and not the execution."""
    seen: list[str] = []

    def answer(request: Received) -> Reply:
        seen.append(f"{request.method} {request.headers['authorization']}")
        if request.method == "POST":
            return STARTED
        if len(seen) == 2:
            return Reply(status=503, headers={"Retry-After": "0"})
        return Reply(status=401) if len(seen) == 3 else execution("COMPLETED", "ok")

    stage.service.replies = [answer]

    async with await make_provider(
        stage.service, stage.identity, model="quick-command:translate", max_retries=1, poll_interval=0.001
    ) as provider:
        completion = await provider.complete("x")

    assert completion == "ok"
    assert seen == ["POST Bearer bearer-1", "GET Bearer bearer-1", "GET Bearer bearer-1", "GET Bearer bearer-2"]


async def test_one_that_does_not_end_is_a_timeout(stage: Stage) -> None:
    """`timeout` bounds an execution, whose id the error names; a word that is not known is no end."""
    stage.service.replies = [STARTED, execution("RUNNING"), execution("PAUSED")]

    async with await make_provider(
        stage.service, stage.identity, model="quick-command:translate", timeout=0.2, poll_interval=0.001
    ) as provider:
        with pytest.raises(ProviderTimeoutError, match=r"within 0\.2 s; see timeout") as caught:
            async with asyncio.timeout(1):
                await provider.complete("x")

    assert caught.value.details["execution_id"] == ID
    assert len(stage.service.requests) > 3


async def test_the_pauses_grow(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quick command is looked at after a second, then after twice as long each time, up to `poll_interval`."""
    stage.service.replies = [STARTED, *[execution("RUNNING")] * 5, execution("COMPLETED", "ok")]
    pauses = []

    async def noted(transport: HTTPTransport, seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(HTTPTransport, "wait", noted)
    async with await make_provider(stage.service, stage.identity, model="quick-command:translate") as provider:
        await provider.complete("x")

    assert pauses == [1, 2, 4, 8, 10, 10]


async def test_a_timeout_of_a_look_keeps_its_words(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that could not connect in time is no execution that did not end in time."""
    stage.service.replies = [STARTED]

    async def fail(transport: HTTPTransport, seconds: float) -> None:
        raise ProviderTimeoutError("could not connect")

    monkeypatch.setattr(HTTPTransport, "wait", fail)

    with pytest.raises(ProviderTimeoutError, match="could not connect"):
        await stage.provider.complete("x")


@pytest.mark.parametrize("end", ["cancel", "cleanup"])
async def test_the_pause_between_two_looks_can_be_cut_short(
    stage: Stage, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelling a call or cleaning up ends a quick command that is being waited for, at once."""
    stage.service.replies = [STARTED]
    waiting, wait = asyncio.Event(), HTTPTransport.wait

    async def noted(transport: HTTPTransport, seconds: float) -> None:
        waiting.set()
        await wait(transport, seconds)

    monkeypatch.setattr(HTTPTransport, "wait", noted)
    provider = await make_provider(stage.service, stage.identity, model="quick-command:translate")
    call = asyncio.create_task(provider.complete("x"))

    # Half of the first pause.
    async with asyncio.timeout(0.5):
        await waiting.wait()
        if end == "cancel":
            call.cancel()
        else:
            await provider.cleanup()
        with pytest.raises(asyncio.CancelledError if end == "cancel" else ProviderNotInitializedError):
            await call
    await provider.cleanup()

    await stage.service.until(lambda: stage.service.open == 0)


@pytest.mark.parametrize("option", ["temperature", "knowledge", "deep_search", "use_conversation"])
async def test_refuses_what_quick_commands_do_not_take(stage: Stage, option: str) -> None:
    """An option of agents, or of other services, is refused and not dropped."""
    with pytest.raises(ProviderCapabilityError, match=option):
        await stage.provider.complete("x", **{option: True})

    assert stage.service.requests == []


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("quick-command:", {}),
        ("quick-command:..", {}),
        ("rqc:a/b?c", {}),
        ("rqc:a", {"system": "s", "input_data": "d"}),
        ("rqc:a", {"input_data": 3}),
        ("rqc:a", {"conversation_id": "a&b=c"}),
    ],
)
async def test_refuses_what_would_lead_elsewhere(stage: Stage, model: str, options: dict[str, Any]) -> None:
    """A name cannot change the path, and data cannot drop what else was given."""
    with pytest.raises(ProviderInputError):
        await stage.provider.complete("x", model=model, **options)

    assert stage.service.requests == []


async def test_the_bearer_stays_with_its_origins() -> None:
    """Agents and quick commands share the bearer, and the headers that are set, each at its own origin."""
    wire = StackSpotWire()

    async with (
        FakeService(numbered_tokens()) as identity,
        FakeService(wire.completion("ok")) as agents,
        FakeService(STARTED, execution("COMPLETED", "ok")) as quick_commands,
        await make_provider(
            agents, identity, quick_command_url=quick_commands.url, poll_interval=0.001, headers={"X-Gateway": "g"}
        ) as provider,
    ):
        await provider.complete("x")
        await provider.complete("x", model="quick-command:translate")

    assert len(identity.requests) == 1
    asked = [*agents.requests, *quick_commands.requests]
    assert [wire.key_of(request) for request in asked] == ["bearer-1"] * 3
    assert [request.headers["x-gateway"] for request in asked] == ["g"] * 3
