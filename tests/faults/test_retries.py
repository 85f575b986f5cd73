"""One owner of retries: what may pass is tried again, as often and as late as was said, and nothing else."""

from __future__ import annotations

import asyncio
import email.utils
import time
from typing import Any

import pytest

from pepperpy.providers import (
    ProviderAPIError,
    ProviderConnectionError,
    ProviderError,
    ProviderQuotaError,
    ProviderRateLimitError,
    ProviderResponseError,
    ProviderStreamError,
    ProviderTimeoutError,
)
from pepperpy.providers.testing import FakeService, Reply

from .kit import CALLS, WIRE, chunk, complete, error, provider_for, stream, times, within

DOWN = Reply.of_json(error(), status=503)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("max_retries", [0, 1, 3])
async def test_the_count_is_exact(service: FakeService, max_retries: int, call: Any) -> None:
    """Promise 9: `max_retries=N` is N requests after the first, counted at the service."""
    service.replies = [DOWN]

    async with await provider_for(service, max_retries=max_retries) as provider:
        with pytest.raises(ProviderAPIError) as caught:
            await call(provider)

    assert len(service.requests) == max_retries + 1
    assert caught.value.attempts == max_retries + 1


@pytest.mark.usefixtures("no_waiting")
async def test_the_count_is_exact_without_an_answer(service: FakeService) -> None:
    """Promise 9: connections that break are counted in the same way; nothing retries underneath."""
    for reply in (Reply(raw=b"", end="cut"), Reply(raw=b"", end="reset"), Reply(body=b"{", end="cut")):
        service.replies = [reply]
        service.requests.clear()

        async with await provider_for(service, max_retries=2) as provider:
            with pytest.raises(ProviderConnectionError) as caught:
                await provider.complete("x")

        assert len(service.requests) == 3
        assert caught.value.attempts == 3


@pytest.mark.usefixtures("no_waiting")
async def test_a_request_for_models_is_counted_too(service: FakeService) -> None:
    """Promise 9: nobody repeats a GET behind our back, as HTTP would allow."""
    service.replies = [Reply(raw=b"", end="cut")]

    async with await provider_for(service, max_retries=0) as provider:
        with pytest.raises(ProviderError) as caught:
            await provider.list_models()

    assert len(service.requests) == caught.value.details["attempts"] == 1


async def test_the_default_is_two_retries(service: FakeService) -> None:
    """Promise 9: where nothing is said, there are three requests at most."""
    service.replies = [DOWN]

    async with await provider_for(service, max_retries=None) as provider:
        with pytest.raises(ProviderAPIError):
            await provider.complete("x")

    assert len(service.requests) == 3


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("call", [complete, stream])
@pytest.mark.parametrize(
    "failure",
    [
        *(Reply.of_json(error(), status=status) for status in (408, 409, 429, 500, 502, 503, 504, 520, 529)),
        Reply(raw=b"", end="cut"),
        Reply(raw=b"", end="reset"),
        Reply(raw=b"HTTP/1.1 2", end="cut"),
        Reply(body=b'{"choices": [', end="cut"),
        Reply(body=[b'{"choices": ['], framing="chunked", end="reset"),
        Reply(delay=60),
        Reply(body=[b"{", b"}"], pause=60),
        Reply.of_json(error(code=503)),
    ],
    ids=lambda reply: f"{reply.status} {reply.end} {reply.body!r:.20}" if isinstance(reply, Reply) else None,
)
async def test_what_may_pass_is_tried_again(service: FakeService, failure: Reply, call: Any) -> None:
    """Promise 10: failures of the moment are tried again before anything was handed out."""
    service.replies = [failure, WIRE.completion("ok") if call is complete else WIRE.stream(["o", "k"])]

    async with await provider_for(service, max_retries=1, timeout=0.2) as provider:
        assert await call(provider) == "ok"

    assert len(service.requests) == 2


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    "failure",
    [
        *(Reply.of_json(error(), status=status) for status in (400, 401, 402, 403, 404, 405, 413, 415, 422)),
        *(Reply(status=status, headers={"Location": "/v1"}) for status in (301, 302, 303, 307, 308)),
        Reply(body=b"no JSON"),
        Reply(body=b"{"),
        Reply.of_json({"ok": True}),
        Reply.of_json(error(code=400)),
        Reply.of_json(error()),
    ],
    ids=lambda reply: f"{reply.status} {reply.body!r:.20}" if isinstance(reply, Reply) else None,
)
async def test_what_stays_is_not_tried_again(service: FakeService, failure: Reply, call: Any) -> None:
    """Promise 10: what will be the same tomorrow is told at once."""
    service.replies = [failure]

    async with await provider_for(service, max_retries=3) as provider:
        with pytest.raises(ProviderAPIError) as caught, within(1):
            await call(provider)

    assert len(service.requests) == 1
    assert not caught.value.retryable


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(
    "failure",
    [
        WIRE.unfinished([], end="cut"),
        WIRE.unfinished([], end="reset"),
        WIRE.unfinished([], end="keep"),
        Reply.of_events([b": ping\n\n"]),
        Reply.of_events([error(code=429)]),
        Reply.of_events([chunk(""), error(code=502)]),
        Reply.of_events([b": ping\n\n", b": ping\n\n"], pause=0.02, end="hold"),
    ],
)
async def test_a_stream_is_tried_again_before_its_first_piece(service: FakeService, failure: Reply) -> None:
    """Promise 10: as long as nothing was handed out, a stream that breaks is opened again."""
    service.replies = [failure, WIRE.stream(["ok"])]

    async with await provider_for(service, max_retries=1, timeout=0.3) as provider:
        opened = await provider.complete("x", stream=True)
        pieces = [piece async for piece in opened]

    assert pieces == ["ok"]
    assert opened.completion.attempts == 2


@pytest.mark.parametrize(
    "failure",
    [
        WIRE.unfinished(["Par"], end="cut"),
        WIRE.unfinished(["Par"], end="reset"),
        WIRE.unfinished(["Par"], end="hold"),
        Reply.of_events([chunk("Par"), error(code=429)]),
    ],
)
async def test_a_stream_is_not_tried_again_behind_its_first_piece(service: FakeService, failure: Reply) -> None:
    """Promise 10: behind the first piece nothing is repeated, lest the caller get it twice."""
    service.replies = [failure]

    async with await provider_for(service, max_retries=3, timeout=0.3) as provider:
        with pytest.raises(ProviderStreamError) as caught:
            await stream(provider)

    assert len(service.requests) == 1
    assert caught.value.partial_text == "Par"


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (429, {"type": "insufficient_quota", "code": None}),
        (429, {"code": "insufficient_quota"}),
        (429, {"code": "credit_balance_exhausted"}),
        (429, {"code": "billing_hard_limit_reached"}),
        (403, {"code": "organization_spend_limit_exceeded"}),
        (402, {}),
        (200, {"code": "insufficient_quota"}),
    ],
)
async def test_an_empty_purse_is_not_tried_again(
    service: FakeService, status: int, fields: dict[str, Any], call: Any
) -> None:
    """Promise 11: exhausted quota or credit ends the call at once, even where the service says to try again."""
    headers = {"Retry-After": "0", "x-should-retry": "true"}
    service.replies = [Reply.of_json(error(**fields), status=status, headers=headers)]

    async with await provider_for(service, max_retries=3) as provider:
        with pytest.raises(ProviderQuotaError, match="credit"):
            await call(provider)

    assert len(service.requests) == 1


@pytest.mark.parametrize("call", [complete, stream])
@pytest.mark.parametrize("headers", [{"Retry-After": "0.2"}, {"retry-after-ms": "200", "Retry-After": "0"}])
async def test_the_delay_is_not_undercut(service: FakeService, headers: dict[str, str], call: Any) -> None:
    """Promise 12: the service's delay is waited, in seconds, fractions and milliseconds."""
    noted: list[float] = []
    failure = Reply.of_json(error(), status=429, headers=headers)
    service.replies = [times(failure, noted), times(failure, noted)]

    async with await provider_for(service, max_retries=1) as provider:
        with pytest.raises(ProviderRateLimitError) as caught:
            await call(provider)

    assert 0.2 <= noted[1] - noted[0] < 1
    assert caught.value.retry_after == 0.2


async def test_a_date_is_a_delay(service: FakeService) -> None:
    """Promise 12: an HTTP date is told as the seconds until then."""
    then = email.utils.formatdate(time.time() + 30, usegmt=True)
    service.replies = [Reply.of_json(error(), status=503, headers={"Retry-After": then})]

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderAPIError) as caught:
            await provider.complete("x")

    assert 27 < (caught.value.retry_after or 0) <= 30


@pytest.mark.parametrize("call", [complete, stream])
@pytest.mark.parametrize(("settings", "most"), [({}, 60), ({"max_retry_wait": 5.0}, 5)])
async def test_a_delay_that_is_too_long(service: FakeService, settings: Any, most: int, call: Any) -> None:
    """Promise 12: a delay above the bound ends the call at once, with an error that names both."""
    service.replies = [Reply.of_json(error(), status=429, headers={"Retry-After": "61"})]

    async with await provider_for(service, max_retries=3, **settings) as provider:
        with (
            pytest.raises(ProviderRateLimitError, match=f"asks to wait 61 s; at most {most} s") as caught,
            within(0.5),
        ):
            await call(provider)

    assert len(service.requests) == 1
    assert caught.value.retry_after == 61


@pytest.mark.parametrize(
    "value", ["-1", "soon", "nan", "inf", "9" * 5_000, "1e400", "", "Wed, 32 Foo 2026 07:28:00 GMT", "5s"]
)
async def test_nonsense_falls_back(service: FakeService, value: str, no_waiting: list[float | None]) -> None:
    """Promise 12: a delay that makes no sense is as good as none: the usual one stands in."""
    service.replies = [Reply.of_json(error(), status=503, headers={"Retry-After": value}), WIRE.completion("ok")]

    async with await provider_for(service, max_retries=1) as provider:
        assert await provider.complete("x") == "ok"

    assert no_waiting == [None]


async def test_callers_do_not_return_together(service: FakeService) -> None:
    """Promise 13: thirty callers who fail at once come back one by one, within the first bound."""
    noted: list[float] = []
    failure = Reply.of_json(error(), status=503)

    def answer(request: Any) -> Reply:
        noted.append(asyncio.get_running_loop().time())
        return failure if len(noted) <= 30 else WIRE.completion("ok")

    service.replies = [answer]

    async with await provider_for(service, max_retries=1) as provider:
        await asyncio.gather(*(provider.complete("x") for _ in range(30)))

    later = sorted(noted[30:])

    assert len(later) == 30
    assert later[-1] - noted[0] < 1.5
    assert later[-1] - later[0] > 0.2


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(("status", "told", "requests"), [(500, "false", 1), (429, "false", 1), (400, "true", 2)])
async def test_the_service_s_word_on_retries(service: FakeService, status: int, told: str, requests: int) -> None:
    """Promise 13: `x-should-retry` is obeyed, either way."""
    service.replies = [Reply.of_json(error(), status=status, headers={"x-should-retry": told})]

    async with await provider_for(service, max_retries=1) as provider:
        with pytest.raises(ProviderAPIError) as caught:
            await provider.complete("x")

    assert len(service.requests) == requests
    assert caught.value.retryable is (told == "true")


@pytest.mark.usefixtures("no_waiting")
async def test_a_budget_of_retries(service: FakeService) -> None:
    """Promise 14: in an outage the retries sink to none, and the error says so; other providers don't suffer."""
    service.replies = [DOWN]

    async with await provider_for(service, max_retries=3) as provider, await provider_for(service) as other:
        for _ in range(3):
            await asyncio.gather(*(complete(provider) for _ in range(20)), return_exceptions=True)

        assert len(service.requests) == 60 + 100
        with pytest.raises(ProviderAPIError, match="not retried: too many requests") as caught:
            await provider.complete("x")

        assert caught.value.attempts == 1
        with pytest.raises(ProviderAPIError) as alone:
            await other.complete("x")

        assert "not retried" not in str(alone.value)
        service.replies = [WIRE.completion("ok")]
        for _ in range(5):
            await provider.complete("x")
        service.replies = [DOWN, WIRE.completion("ok")]

        assert (await provider.complete("x")).attempts == 2


@pytest.mark.usefixtures("no_waiting")
async def test_wrong_input_costs_no_request(service: FakeService) -> None:
    """Promise 10: what is wrong before anything is sent is neither sent nor repeated."""
    async with await provider_for(service, max_retries=3) as provider:
        for call in (
            provider.complete(""),
            provider.complete("x", temperature="hot"),  # type: ignore[call-overload]
            provider.complete("x", extra_body={"x": {1}}),
            provider.complete("\ud83d"),
            provider.embed(""),
            provider.embed("x", dimensions=0),
            provider.embed_many(["x", ""]),
            provider.embed_many("x"),
        ):
            with pytest.raises(ProviderError) as caught:
                await call

            assert isinstance(caught.value, ValueError)

    assert service.requests == []


@pytest.mark.usefixtures("no_waiting")
async def test_the_last_error_is_told(service: FakeService) -> None:
    """Promise 10: after several failures the last one is raised, alone."""
    service.replies = [Reply(raw=b"", end="cut"), Reply(delay=60), Reply.of_json(error("at last"), status=400)]

    async with await provider_for(service, max_retries=2, timeout=0.2) as provider:
        with pytest.raises(ProviderAPIError, match="at last") as caught:
            await provider.complete("x")

    assert caught.value.attempts == 3
    assert caught.value.__context__ is None
    assert not isinstance(caught.value, (ProviderTimeoutError, ProviderResponseError))
