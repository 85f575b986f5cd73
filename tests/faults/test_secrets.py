"""A key has no representation: whatever is printed, logged, pickled or reported shows none."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import pickle
import pprint
import traceback
import warnings
from typing import Any

import pytest

from pepperpy.providers import ProviderError, ReadyProvider, create_provider
from pepperpy.providers.testing import FakeService, Reply

from ..shown import everything_shown_of
from .kit import CALLS, KEY, WIRE, chunk, complete, embed, error, provider_for, stream

TOKEN = "extra-token-9876543210"
PROMPT = "the-prompt-nobody-may-see"
ANSWER = "the-answer-nobody-may-see"
SECRETS = (KEY, TOKEN)
SETTINGS: dict[str, Any] = {"headers": {"X-Token": TOKEN}, "organization": "org-1"}


def tells(text: str) -> list[str]:
    """The secrets, or large parts of them, that a text holds."""
    return [part for secret in SECRETS for part in (secret, secret[:12], secret[-12:]) if part in text]


def deep_repr(thing: Any, depth: int = 5) -> str:
    """Everything that a debugger shows of an object and of what it is made of, some levels down."""
    text = repr(thing)
    if depth and type(thing).__module__.startswith("pepperpy"):
        names = [
            *getattr(thing, "__dict__", {}),
            *(name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())),
        ]
        for name in names:
            if name.startswith("__") or type(thing).__name__ == "Secret" or not hasattr(thing, name):
                continue
            text += "\n" + deep_repr(getattr(thing, name), depth - 1)
    return text


ECHOES = {
    "in an error": Reply.of_json(error(f"bad key {KEY}, bad token {TOKEN}"), status=401),
    "in every field": Reply.of_json(
        error(KEY, code=KEY, type=TOKEN, param=KEY), status=400, headers={"x-request-id": KEY}
    ),
    "in a long error": Reply.of_json(error(f"{KEY} {TOKEN} " * 2_000), status=400),
    "in a page": Reply(status=502, body=f"<pre>Authorization: Bearer {KEY}\nX-Token: {TOKEN}</pre>".encode()),
    "in a key of JSON": Reply.of_json({"detail": [{"loc": [KEY], "msg": f"{{{KEY}: {TOKEN}}}"}]}, status=422),
    "in an error inside a 200": Reply.of_json(error(f"bad key {KEY}", code=TOKEN)),
    "in a rate limit": Reply.of_json(error(f"slow down, {KEY}"), status=429),
    "in no HTTP": Reply(raw=f"HTTP/1.1 {KEY} {TOKEN}\r\n\r\n".encode(), end="cut"),
    "in a header": Reply(raw=f"HTTP/1.1 200 OK\r\n{KEY} {TOKEN}\r\n\r\n".encode(), end="cut"),
    "in a redirect": Reply(status=302, headers={"Location": f"http://h/?key={KEY}"}),
    "in a packing": Reply(body=b"x", headers={"Content-Encoding": KEY}),
    "in an embedding": Reply.of_json({"data": [{"index": 0, "embedding": f"{KEY}!"}] * 2}),
    "in nonsense": Reply(body=KEY.encode()),
    "in an answer that is cut": Reply(body=f'{{"choices": [{{"message": {{"content": "{KEY}'.encode(), end="cut"),
    "in a refusal": Reply.of_json({"choices": [{"message": {"content": None, "refusal": f"no, {KEY}"}}]}),
    "not at all": Reply(raw=b"", end="reset"),
    "never": Reply(delay=60),
}


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("name", ECHOES)
async def test_no_error_shows_a_secret(
    service: FakeService, name: str, call: Any, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    """Promises 37 and 39: also where the service sends it back, no error, traceback, pickle, log or warning has it."""
    caplog.set_level(logging.DEBUG)
    service.replies = [ECHOES[name]]

    async with await provider_for(service, timeout=0.1, max_retries=1, **SETTINGS) as provider:
        with pytest.raises(ProviderError) as caught:
            await call(provider)

    assert service.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert service.requests[0].headers["x-token"] == TOKEN
    assert_secretive(caught.value)
    assert not tells(caplog.text + "".join(map(repr, caplog.records)))
    assert not tells("".join(str(warning.message) for warning in recwarn))


def assert_secretive(caught: ProviderError) -> None:
    shown = everything_shown_of(caught)

    assert not tells(shown)
    assert not tells("".join(traceback.format_exception(caught)))
    assert not tells(pickle.dumps(caught).decode("latin-1"))
    assert not tells(repr(copy.copy(caught)) + json.dumps(caught.details))
    assert not tells(deep_repr(caught))
    assert "aiohttp" not in shown.replace("'aiohttp'", "")
    assert caught.__cause__ is None
    assert caught.__context__ is None


async def test_a_broken_stream_shows_no_secret(service: FakeService, caplog: pytest.LogCaptureFixture) -> None:
    """Promise 37: the partial text of a broken stream is redacted as well, and so is the stream's own representation."""
    caplog.set_level(logging.DEBUG)
    for reply in (
        WIRE.unfinished(["your key is ", KEY], end="cut"),
        Reply.of_events([chunk(KEY), error(f"bad key {KEY}", code=TOKEN)]),
        WIRE.unfinished([KEY], end="hold"),
    ):
        service.replies = [reply]

        async with await provider_for(service, timeout=0.2, **SETTINGS) as provider:
            opened = await provider.complete("x", stream=True)
            with pytest.raises(ProviderError) as caught:
                async for _ in opened:
                    pass

            assert_secretive(caught.value)
            assert not tells(repr(vars(opened._parser)["error"]))
            assert not tells(repr(opened) + str(opened) + repr(vars(opened)).replace(f"'{KEY}'", ""))
    assert not tells(caplog.text)


async def test_a_secret_in_an_answer_is_the_caller_s(service: FakeService) -> None:
    """Promise 37: what is redacted is errors; an answer is handed over as it came."""
    service.replies = [WIRE.completion(f"your key is {KEY}")]

    async with await provider_for(service) as provider:
        assert await provider.complete("x") == f"your key is {KEY}"


async def test_a_connection_that_fails_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """Promise 37: neither does a service that is not there."""
    caplog.set_level(logging.DEBUG)
    async with await create_provider(
        "openai", api_key=KEY, base_url="http://127.0.0.1:9", max_retries=0, **SETTINGS
    ) as provider:
        for call in CALLS.values():
            with pytest.raises(ProviderError) as caught:
                await call(provider)

            assert_secretive(caught.value)

    assert not tells(caplog.text)


@pytest.mark.parametrize("moment", ["before", "during", "after"])
async def test_a_provider_shows_no_secret(service: FakeService, moment: str) -> None:
    """Promise 38: no way to print a provider, its settings or anything in it shows the key, before or after use."""
    service.replies = [WIRE.unfinished(["Par"], end="hold")]
    provider = await provider_for(service, **SETTINGS)
    opened = None
    if moment != "before":
        opened = await provider.complete("x", stream=True)
    if moment == "after":
        await provider.cleanup()

    ways = [
        *(
            way(thing)
            for way in (str, repr, pprint.pformat)
            for thing in (provider, provider.config, [provider], vars(provider), opened)
        ),
        json.dumps({"provider": provider, "config": provider.config}, default=str),
        json.dumps({"provider": provider, "config": provider.config}, default=repr),
        deep_repr(provider),
        deep_repr(opened, 2),
        "%s %r" % (provider, provider.config),  # noqa: UP031
    ]

    assert not [way for way in ways if tells(way)]
    assert all(tells(repr(value)) for value in (provider.config.dict(), provider.config.api_key))
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(provider)
    await provider.cleanup()


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_logs_are_an_allow_list(service: FakeService, call: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Promise 40: at any level logs name method, host, status, duration, request id, attempt and wait, and no more."""
    caplog.set_level(logging.DEBUG)
    names = {"complete": WIRE.completion(ANSWER), "stream": WIRE.stream([ANSWER])}
    good = names.get(call.__name__, WIRE.embeddings)
    if isinstance(good, Reply):
        good = Reply(
            body=good.body, framing=good.framing, headers={**good.headers, "x-request-id": "req-1", "X-A": ANSWER}
        )
    failure = Reply.of_json(error(ANSWER), status=503, headers={"x-request-id": "req-0", "X-A": ANSWER})
    service.replies = [failure, good]

    async with await provider_for(service, max_retries=1, model="m", **SETTINGS) as provider:
        await call(provider)
        await provider.embed(PROMPT) if call is embed else None

    ours = [record for record in caplog.records if record.name.startswith("pepperpy")]
    text = "\n".join(record.getMessage() for record in ours)

    assert len(ours) >= 3
    for fact in ("POST", "127.0.0.1", "503", "200", "req-0", "attempt=1", "wait=", "seconds="):
        assert fact in text
    for secret in (*SECRETS, PROMPT, ANSWER, "/chat/completions", "org-1", "Bearer", "X-A"):
        assert secret not in caplog.text


@pytest.mark.usefixtures("no_waiting")
async def test_logs_of_a_prompt_that_fails(service: FakeService, caplog: pytest.LogCaptureFixture) -> None:
    """Promise 40: the prompt is in no log and no error, whatever happens to it."""
    caplog.set_level(logging.DEBUG)
    for reply in (Reply(status=500), Reply(raw=b"", end="cut"), Reply(body=b"{")):
        service.replies = [reply]

        async with await provider_for(service, max_retries=1) as provider:
            for call in (provider.complete(PROMPT), provider.complete(PROMPT, stream=True), provider.embed(PROMPT)):
                with pytest.raises(ProviderError) as caught:
                    await call

                assert PROMPT not in f"{caught.value!r} {vars(caught.value)!r}"
    assert PROMPT not in caplog.text


async def test_no_secret_in_what_asyncio_reports(service: FakeService, caplog: pytest.LogCaptureFixture) -> None:
    """Promise 37: a task that is dropped with our error shows no secret in asyncio's report of it."""
    caplog.set_level(logging.DEBUG)
    service.replies = [ECHOES["in an error"]]
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reports.append(context))

    async with await provider_for(service, **SETTINGS) as provider:
        task = asyncio.create_task(complete(provider))
        await asyncio.wait([task])
        del task

    assert len(reports) == 1
    assert not tells(repr(reports))
    assert_secretive(reports[0]["exception"])


async def test_no_secret_in_warnings(service: FakeService) -> None:
    """Promise 37: a provider that is dropped without cleanup shows no secret in Python's warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        await drop(await provider_for(service, **SETTINGS))

    assert not tells("".join(str(warning.message) for warning in caught))


async def drop(provider: ReadyProvider) -> None:
    await provider.complete("x")


async def test_debug_mode_shows_no_secret(service: FakeService, caplog: pytest.LogCaptureFixture) -> None:
    """Promise 37: neither does asyncio's debug mode, which prints what it runs."""
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    asyncio.get_running_loop().slow_callback_duration = 0
    service.replies = [WIRE.completion("ok"), WIRE.stream(["ok"])]

    async with await provider_for(service, **SETTINGS) as provider:
        await provider.complete("x")
        await stream(provider)

    assert not tells(caplog.text)
