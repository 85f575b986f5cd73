"""The bearer of the provider `stackspot`: who gets the key, when it is renewed, and who owns the retries."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any
from urllib.parse import parse_qs, quote_plus

import pytest

from pepperpy.providers import (
    CompletionStream,
    ProviderAPIError,
    ProviderAuthenticationError,
    ProviderError,
    ProviderNotInitializedError,
    ProviderResponseError,
    ProviderTimeoutError,
)
from pepperpy.providers.testing import FakeService, Received, Reply
from pepperpy_stackspot import StackSpotProvider

from .stackspot import KEY, StackSpotWire, make_provider, numbered_tokens, token

WIRE = StackSpotWire()
OK = WIRE.completion("ok")
REFUSED = WIRE.error(401, "token is not active", pause=0.01)
INVALID_CLIENT = Reply.of_json(
    {"error": "invalid_client", "error_description": "Invalid client or Invalid client credentials"}, status=401
)


def bearers(service: FakeService) -> list[str | None]:
    return [WIRE.key_of(request) for request in service.requests]


async def test_asks_for_a_bearer_with_the_clients_credentials() -> None:
    """The client key goes into the form of the one request for a bearer, and nowhere else; no bearer goes there."""
    async with (
        FakeService(token("bearer-1")) as identity,
        FakeService(OK) as service,
        await make_provider(service, identity, headers={"X-Gateway": "gateway-key"}) as provider,
    ):
        await provider.complete("x")
        await provider.complete("x")

    assert isinstance(provider, StackSpotProvider)
    assert provider.make_headers() == {}
    (asked,) = identity.requests
    assert (asked.method, asked.path) == ("POST", "/stackspot-freemium/oidc/oauth/token")
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(asked.body.decode(), strict_parsing=True) == {
        "grant_type": ["client_credentials"],
        "client_id": ["client-1"],
        "client_secret": [KEY],
    }
    assert "authorization" not in asked.headers
    assert "x-gateway" not in asked.headers
    assert bearers(service) == ["bearer-1", "bearer-1"]
    for request in service.requests:
        assert request.headers["x-gateway"] == "gateway-key"
        assert KEY not in str(request)


async def test_the_key_may_name_its_client() -> None:
    """A key of the form CLIENT_ID:CLIENT_KEY is both, parted at its first colon."""
    async with (
        FakeService(token("bearer-1")) as identity,
        FakeService(OK) as service,
        await make_provider(service, identity, client_id=None, api_key="client-2:key:2") as provider,
    ):
        await provider.complete("x")

    form = parse_qs(identity.requests[0].body.decode())
    assert (form["client_id"], form["client_secret"]) == (["client-2"], ["key:2"])


async def test_a_bearer_as_the_key_is_used_as_it_is() -> None:
    """A JSON Web Token needs no client; where it is refused there is no other to try."""
    bearer = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"

    async with (
        FakeService(token("bearer-1")) as identity,
        FakeService(OK, REFUSED) as service,
        await make_provider(service, identity, client_id=None, api_key=bearer, max_retries=3) as provider,
    ):
        await provider.complete("x")
        with pytest.raises(ProviderAuthenticationError, match="token is not active"):
            await provider.complete("x")

    assert identity.requests == []
    assert bearers(service) == [bearer, bearer]


async def test_all_who_wait_share_one_bearer() -> None:
    """Thirty calls at once, streams among them, ask for one bearer."""
    async with (
        FakeService(numbered_tokens()) as identity,
        FakeService(lambda request: WIRE.stream(["ok"]) if request.json["streaming"] else OK) as service,
        await make_provider(service, identity) as provider,
    ):
        await asyncio.gather(*(provider.complete("x", stream=place % 3 == 0) for place in range(30)))

    assert len(identity.requests) == 1
    assert bearers(service) == ["bearer-1"] * 30


@pytest.mark.parametrize(
    ("seconds", "asked"), [(1199, 1), (61, 1), (60, 3), (0, 3), (None, 1), ("soon", 1), (-5, 1), (10**400, 1)]
)
async def test_a_bearer_is_renewed_early(seconds: Any, asked: int) -> None:
    """A bearer that ends within a minute is renewed before the next call; one without a time lives for twenty."""
    async with (
        FakeService(numbered_tokens(seconds)) as identity,
        FakeService(OK) as service,
        await make_provider(service, identity) as provider,
    ):
        for _ in range(3):
            await provider.complete("x")

    assert len(identity.requests) == asked


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("retries", [0, 3])
async def test_a_refused_bearer_is_renewed_once(stream: bool, retries: int) -> None:
    """A 401 renews the bearer and repeats the call, once, whatever `max_retries` says; the second one counts."""
    async with (
        FakeService(numbered_tokens()) as identity,
        FakeService(REFUSED, WIRE.stream(["ok"]) if stream else OK, REFUSED) as service,
        await make_provider(service, identity, max_retries=retries) as provider,
    ):
        answer = await provider.complete("x", stream=stream)
        text = "".join([piece async for piece in answer]) if isinstance(answer, CompletionStream) else answer
        with pytest.raises(ProviderAuthenticationError, match="token is not active") as caught:
            await provider.complete("x", stream=stream)

    assert text == "ok"
    assert bearers(service) == ["bearer-1", "bearer-2", "bearer-2", "bearer-3"]
    assert service.requests[0].body == service.requests[1].body
    assert caught.value.attempts == 1
    assert service.connections == 1


async def test_a_bearer_that_many_find_refused_is_renewed_once() -> None:
    """Calls that were refused with the same bearer share the next one."""

    def answer(request: Received) -> Reply:
        return REFUSED if WIRE.key_of(request) == "bearer-1" else OK

    async with (
        FakeService(numbered_tokens()) as identity,
        FakeService(answer) as service,
        await make_provider(service, identity) as provider,
    ):
        await asyncio.gather(*(provider.complete("x") for _ in range(10)))

    assert len(identity.requests) == 2
    assert len(service.requests) == 20


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_failure_to_give_a_bearer_is_retried(status: int) -> None:
    """The call's own retries are all there are: never more than `max_retries` beside the first, and nothing else."""
    busy = Reply.of_json({"error": "temporarily_unavailable"}, status=status, headers={"Retry-After": "0"})

    async with (
        FakeService(busy, token("bearer-1", seconds=0), busy) as identity,
        FakeService(OK) as service,
        await make_provider(service, identity, max_retries=1) as provider,
    ):
        completion = await provider.complete("x")
        with pytest.raises(ProviderAPIError, match="temporarily_unavailable") as caught:
            await provider.complete("x")

    assert completion.attempts == 2
    assert caught.value.status == status
    assert caught.value.attempts == 2
    assert caught.value.retryable
    assert len(identity.requests) == 4
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        INVALID_CLIENT,
        Reply.of_json({"error": "unauthorized_client"}, status=400),
        Reply.of_json({"error": "Realm does not exist"}, status=404),
    ],
)
async def test_wrong_credentials_are_reported_at_once(reply: Reply) -> None:
    """Whatever the service refuses is the id, the key or the realm: nothing is repeated, and no agent is asked."""
    async with (
        FakeService(reply) as identity,
        FakeService(OK) as service,
        await make_provider(service, identity, max_retries=3) as provider,
    ):
        with pytest.raises(ProviderAuthenticationError, match="client_id, api_key and realm") as caught:
            await provider.complete("x")

    assert caught.value.code in {"invalid_client", "unauthorized_client", "Realm does not exist"}
    assert caught.value.provider_type == "stackspot"
    assert len(identity.requests) == 1
    assert service.requests == []


async def test_those_who_wait_share_a_failure() -> None:
    """Calls that wait for one bearer are told together that there is none, each by an error of its own."""
    async with (
        FakeService(INVALID_CLIENT) as identity,
        FakeService(OK) as service,
        await make_provider(service, identity) as provider,
    ):
        errors = await asyncio.gather(*(provider.complete("x") for _ in range(10)), return_exceptions=True)
        with pytest.raises(ProviderAuthenticationError):
            await provider.complete("x")

    assert {type(error) for error in errors} == {ProviderAuthenticationError}
    assert len({id(error.details) for error in errors if isinstance(error, ProviderError)}) == 10
    assert len(identity.requests) == 2


@pytest.mark.parametrize(
    "payload", [None, [], "bearer", {}, {"access_token": None}, {"access_token": ""}, {"access_token": "a\r\nX-Y: z"}]
)
async def test_an_answer_without_a_bearer_is_an_error(payload: Any) -> None:
    """What is no bearer, or would break out of its header, is refused."""
    async with (
        FakeService(Reply.of_json(payload)) as identity,
        FakeService(OK) as service,
        await make_provider(service, identity) as provider,
    ):
        with pytest.raises(ProviderResponseError, match="access token"):
            await provider.complete("x")

    assert service.requests == []


@pytest.mark.parametrize("case", ["reset", "no JSON", "echo", "cancelled"])
async def test_no_frame_shows_the_key(case: str) -> None:
    """A traceback that shows the variables of its frames shows no key, however it is written."""
    replies = {
        "reset": lambda request: Reply(end="reset"),
        "no JSON": lambda request: Reply(body=b"no JSON"),
        "echo": lambda request: Reply(body=request.body, status=400),
        "cancelled": lambda request: Reply(delay=60),
    }

    async with (
        FakeService(replies[case]) as identity,
        FakeService(OK) as service,
        await make_provider(service, identity) as provider,
    ):
        with pytest.raises(TimeoutError if case == "cancelled" else ProviderError) as caught:
            async with asyncio.timeout(0.1):
                await provider.complete("x")

    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert KEY not in shown
    assert quote_plus(KEY) not in shown


async def test_who_is_cancelled_leaves_the_renewal_to_the_next() -> None:
    """Cancelling the call that asks for the bearer closes its connection, and another call asks again."""
    async with (
        FakeService(Reply(delay=60), token("bearer-2")) as identity,
        FakeService(OK) as service,
        await make_provider(service, identity) as provider,
    ):
        first, second = (asyncio.create_task(provider.complete("x")) for _ in range(2))
        await identity.until(lambda: len(identity.requests) == 1)
        first.cancel()
        completion = await second

        assert first.cancelled()
        assert completion == "ok"
        await identity.until(lambda: identity.open == 1)
        assert bearers(service) == ["bearer-2"]


async def test_a_bearer_that_does_not_come_is_a_timeout() -> None:
    """The request for a bearer has the bounds of any other."""
    async with (
        FakeService(Reply(delay=60)) as identity,
        FakeService(OK) as service,
        await make_provider(service, identity, timeout=0.05) as provider,
    ):
        with pytest.raises(ProviderTimeoutError):
            await provider.complete("x", stream=True)

    assert service.requests == []


async def test_cleanup_ends_those_who_wait() -> None:
    """After cleanup() nobody waits for a bearer any more."""
    async with FakeService(Reply(delay=60)) as identity, FakeService(OK) as service:
        provider = await make_provider(service, identity, max_retries=3)
        calls = [asyncio.create_task(provider.complete("x")) for _ in range(3)]
        await identity.until(lambda: len(identity.requests) == 1)
        await provider.cleanup()
        async with asyncio.timeout(1):
            errors = await asyncio.gather(*calls, return_exceptions=True)

        assert {type(error) for error in errors} == {ProviderNotInitializedError}
        await identity.until(lambda: identity.open == 0)


@pytest.mark.parametrize(("seconds", "asked"), [(1199, 1), (0, 2)])
async def test_another_loop_shares_the_bearer(seconds: int, asked: int) -> None:
    """A provider that is used from a second loop renews there when it has to, and else takes what there is."""
    async with (
        FakeService(numbered_tokens(seconds)) as identity,
        FakeService(OK) as service,
        await make_provider(service, identity) as provider,
    ):

        async def complete_twice() -> None:
            await asyncio.gather(provider.complete("x"), provider.complete("x"))

        await asyncio.to_thread(asyncio.run, complete_twice())
        await provider.complete("x")

    assert len(identity.requests) == asked
    assert bearers(service) == ["bearer-1", "bearer-1", f"bearer-{asked}"]


@pytest.mark.parametrize("streaming", [False, True])
async def test_no_frame_shows_the_bearer(streaming: bool) -> None:
    """A call that its caller gives up leaves frames of the HTTP client, and in none of them the bearer shows."""
    async with (
        FakeService(token("bearer-0123456789abcdef")) as identity,
        FakeService(Reply(delay=60)) as service,
        await make_provider(service, identity) as provider,
    ):
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.2):
                await provider.complete("x", stream=streaming)

    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())

    assert "aiohttp" in shown
    assert "bearer-0123456789abcdef" not in shown


async def test_a_renewal_belongs_to_the_attempt() -> None:
    """`timeout` bounds a plain attempt as a whole: having the bearer, being refused and asking again included."""
    async with (
        FakeService(token("bearer-1", delay=0.8)) as identity,
        FakeService(Reply(status=401, delay=0.8)) as service,
        await make_provider(service, identity, timeout=1) as provider,
    ):
        started = asyncio.get_running_loop().time()
        with pytest.raises(ProviderTimeoutError):
            await provider.complete("x")

        assert asyncio.get_running_loop().time() - started < 1.5
