"""Whatever goes wrong, a ProviderError tells what, in the service's own words, and nothing else comes out."""

from __future__ import annotations

import asyncio
import copy
import gzip
import json
import pickle
import socket
from typing import Any

import pytest

from pepperpy.providers import (
    ProviderAPIError,
    ProviderConnectionError,
    ProviderContextLengthError,
    ProviderError,
    ProviderQuotaError,
    ProviderRateLimitError,
    ProviderResponseError,
    ProviderStreamError,
    create_provider,
)
from pepperpy.providers.testing import FakeService, Reply

from .kit import CALLS, WIRE, chunk, complete, error, provider_for, service_tasks, stream, within

OK = b"HTTP/1.1 200 OK\r\n"
DEEP = b'{"a":' * 100_000

FAULTS = {
    # What is no HTTP.
    "nothing": Reply(raw=b"", end="cut"),
    "a reset": Reply(raw=b"", end="reset"),
    "garbage": Reply(raw=b"garbage\r\n\r\n", end="cut"),
    "binary": Reply(raw=bytes(range(256)), end="cut"),
    "another protocol": Reply(raw=b"SSH-2.0-OpenSSH_9.6\r\n", end="cut"),
    "half a status line": Reply(raw=b"HTTP/1.1 20", end="cut"),
    "half a header": Reply(raw=OK + b"Content-Le", end="cut"),
    "a status that is no number": Reply(raw=b"HTTP/1.1 abc OK\r\n\r\n", end="cut"),
    "a status of one digit": Reply(raw=b"HTTP/1.1 2 OK\r\nContent-Length: 0\r\n\r\n", end="cut"),
    "a header without a colon": Reply(raw=OK + b"nonsense\r\n\r\n", end="cut"),
    "a header with a NUL": Reply(raw=OK + b"X-A: \x00\r\nContent-Length: 0\r\n\r\n", end="cut"),
    "a header that is too long": Reply(raw=OK + b"X-A: " + b"x" * 100_000 + b"\r\n\r\n", end="cut"),
    "too many headers": Reply(raw=OK + b"X-A: x\r\n" * 50_000 + b"\r\n", end="cut"),
    "a length that is negative": Reply(raw=OK + b"Content-Length: -5\r\n\r\nhello", end="cut"),
    "a length that is no number": Reply(raw=OK + b"Content-Length: five\r\n\r\nhello", end="cut"),
    "a length without end": Reply(raw=OK + b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n{}", end="cut"),
    "two lengths": Reply(raw=OK + b"Content-Length: 2\r\nContent-Length: 5\r\n\r\n{}", end="cut"),
    "a length and chunks": Reply(
        raw=OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", end="cut"
    ),
    "a chunk of nonsense": Reply(raw=OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", end="cut"),
    "a chunk without end": Reply(raw=OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}", end="cut"),
    "a body that is cut": Reply(body=b'{"choices": [', end="cut"),
    "a body that is reset": Reply(body=b'{"choices": [', end="reset"),
    "chunks that are cut": Reply(body=[b'{"choices"', b": ["], framing="chunked", end="cut"),
    "go on, and nothing": Reply(raw=b"HTTP/1.1 100 Continue\r\n\r\n", end="cut"),
    "switched": Reply(raw=b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", end="cut"),
    # What is no answer.
    "no content": Reply(raw=b"HTTP/1.1 204 No Content\r\n\r\n"),
    "not modified": Reply(raw=b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "an empty body": Reply(),
    "blanks": Reply(body=b"  \r\n "),
    "a page": Reply(body=b"<!doctype html><h1>Welcome</h1>", headers={"Content-Type": "text/html"}),
    "null": Reply.of_json(None),
    "a number": Reply.of_json(3),
    "a text": Reply.of_json("ok"),
    "a list": Reply.of_json([[]]),
    "an object": Reply.of_json({"ok": True}),
    "NaN": Reply(body=b'{"choices": NaN, "data": NaN}'),
    "half an object": Reply(body=b'{"choices": [{"message": {"content": "Par'),
    "Latin-1": Reply(body='{"choices": [{"message": {"content": "café"}}]}'.encode("latin-1")),
    "UTF-16": Reply(body='{"choices": []}'.encode("utf-16")),
    "too deep": Reply(body=DEEP),
    "too deep, as events": Reply.of_events([b"data: " + DEEP + b"\n\n"]),
    "no choices": Reply.of_json({"choices": None, "data": None}),
    "choices of nonsense": Reply.of_json({"choices": [[{}]], "data": [[{}]]}),
    "a message of nonsense": Reply.of_json(
        {"choices": [{"message": {"content": {"a": 1}}}], "data": [{"embedding": {}}]}
    ),
    "events of nonsense": Reply.of_events([b"data: nonsense\n\n"]),
    "events of nothing": Reply.of_events([b": ping\n\n", b"data:\n\n", b"event: x\n\n"]),
    "nothing but the end": Reply.of_events([b"data: [DONE]\n\n"]),
    "an unknown packing": Reply(body=b"xxxx", headers={"Content-Encoding": "br"}),
    "a packing of nonsense": Reply(body=b"xxxx", headers={"Content-Encoding": "gzip"}),
    "a packing that is cut": Reply(body=gzip.compress(b"{}" * 100)[:-6], headers={"Content-Encoding": "gzip"}),
    "an error inside": Reply.of_json(error()),
    "an error of nonsense": Reply.of_json({"error": [[{"code": {}}]]}),
    # What is an error.
    "a redirect": Reply(status=302, headers={"Location": "/elsewhere"}),
    "a redirect to nowhere": Reply(status=301),
    "an error": Reply.of_json(error(), status=400),
    "an error without a body": Reply(status=400),
    "an error that is a page": Reply(status=502, body=b"<h1>Bad Gateway</h1>", headers={"Content-Type": "text/html"}),
    "an error that is cut": Reply(status=500, body=b'{"error": {"mess', end="cut"),
    "an error that is packed as nonsense": Reply(status=500, body=b"xxxx", headers={"Content-Encoding": "gzip"}),
    "an error in Latin-1": Reply(status=500, body="café".encode("latin-1")),
    "an error too deep": Reply(status=500, body=DEEP),
    "an error of nonsense headers": Reply.of_json(
        error(),
        status=429,
        headers={"Retry-After": "9" * 5_000, "x-request-id": "r" * 5_000, "x-should-retry": "maybe"},
    ),
    "an unknown status": Reply.of_json(error(), status=599),
    "a status beyond": Reply.of_json(error(), status=999),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_nothing_but_our_errors_comes_out(service: FakeService, fault: Reply, call: Any) -> None:
    """Promise 1: whatever comes over the wire, a ProviderError leaves, bounded, with JSON-able details, picklable."""
    service.replies = [fault]

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderError) as caught, within(2):
            await call(provider)

    assert caught.value.provider_type == "openai"
    assert caught.value.attempts == 1
    assert len(str(caught.value)) <= 2_100
    assert len(json.dumps(caught.value.details)) < 10_000
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_nobody_is_there() -> None:
    """Promise 1: a port at which nobody listens is told with the host, and what to do."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        async with await create_provider("openai", base_url=url, max_retries=0) as provider:
            with pytest.raises(ProviderConnectionError, match=r"cannot connect to 127\.0\.0\.1.*check base_url"):
                await provider.complete("x")


async def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise 1: a host that cannot be resolved is told by its name."""

    async def getaddrinfo(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with await create_provider("openai", base_url="http://no-such-host.invalid", max_retries=0) as provider:
        with pytest.raises(ProviderConnectionError, match=r"no-such-host\.invalid cannot be resolved"):
            await provider.complete("x")


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_details_tell_what_the_service_said(service: FakeService, call: Any) -> None:
    """Promise 2: status, code, request id, delay and attempts are in the details, in seconds and JSON-able."""
    headers = {"Retry-After": "0.25", "x-request-id": "req-1"}
    service.replies = [Reply.of_json(error(code="rate_limit_exceeded"), status=429, headers=headers)]

    async with await provider_for(service, max_retries=1) as provider:
        with pytest.raises(ProviderRateLimitError) as caught:
            await call(provider)

    details = caught.value.details

    assert json.loads(json.dumps(details)) == details
    assert {name: details[name] for name in ("status", "code", "request_id", "retry_after", "attempts")} == {
        "status": 429,
        "code": "rate_limit_exceeded",
        "request_id": "req-1",
        "retry_after": 0.25,
        "attempts": 2,
    }
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (429, "rate_limit_exceeded", "req-1")


@pytest.mark.parametrize("call", [complete, stream])
async def test_an_answer_that_is_none_tells_its_request(service: FakeService, call: Any) -> None:
    """Promise 2: an error that was found in a good answer has the request id as well."""
    service.replies = [Reply.of_json(error(), headers={"x-request-id": "req-1"})]

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderAPIError) as caught:
            await call(provider)

    assert caught.value.request_id == "req-1"


@pytest.mark.usefixtures("no_waiting")
async def test_a_broken_stream_tells_its_request(service: FakeService) -> None:
    """Promise 2: what breaks a stream in its middle has the request id, the service's code and the attempts, too."""
    headers = {"x-request-id": "req-1"}
    failing = Reply.of_events([chunk("Par"), error(code="server_error")], headers=headers)
    service.replies = [Reply(status=500), failing]

    async with await provider_for(service, max_retries=1) as provider:
        with pytest.raises(ProviderStreamError) as caught:
            await stream(provider)

    assert {"request_id": "req-1", "code": "server_error", "attempts": 2}.items() <= caught.value.details.items()
    service.replies = [WIRE.unfinished(["Par"], end="cut", headers=headers)]
    async with await provider_for(service) as provider:
        with pytest.raises(ProviderStreamError) as cut:
            await stream(provider)

    assert {"request_id": "req-1", "attempts": 1}.items() <= cut.value.details.items()


@pytest.mark.usefixtures("no_waiting")
async def test_a_stream_that_breaks_at_once_tells_its_attempts(service: FakeService) -> None:
    """Promise 2: the count is right also where the first piece and the error come in one packet."""
    packet = b"".join(b"data: " + json.dumps(item).encode() + b"\n\n" for item in (chunk("Par"), error()))
    service.replies = [Reply(status=500), Reply.of_events([packet])]

    async with await provider_for(service, max_retries=1) as provider:
        with pytest.raises(ProviderStreamError) as caught:
            await stream(provider)

    assert caught.value.attempts == 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error": {"message": "no luck"}}', "no luck"),
        (b'{"error": "no luck"}', "no luck"),
        (b'[{"error": {"message": "no luck"}}]', "no luck"),
        (b'{"detail": "no luck"}', "no luck"),
        (b'{"detail": [{"loc": ["body"], "msg": "no luck"}]}', "no luck"),
        (b"no luck", "no luck"),
        (b'\xef\xbb\xbf{"message": "no luck"}', "no luck"),
        (b"<h1>no luck</h1>", "<h1>no luck</h1>"),
        (b'data: {"error": {"message": "no luck"}}\n\n', "no luck"),
        (b': hello\n\nevent: error\ndata: {"error": "no luck"}\n\n', "no luck"),
        ("kein Glück".encode(), "kein Glück"),
        (b"", "no message"),
    ],
)
@pytest.mark.parametrize("call", [complete, stream])
async def test_the_service_s_words_are_kept(service: FakeService, body: bytes, said: str, call: Any) -> None:
    """Promise 3: the service's own message is found in an error body of any shape, behind any label."""
    service.replies = [Reply(status=400, body=body, headers={"Content-Type": "application/octet-stream"})]

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderAPIError) as caught:
            await call(provider)

    assert str(caught.value) == f"openai: the service answered 400: {said}; check the request"


@pytest.mark.parametrize("call", [complete, stream])
async def test_a_long_error_is_bounded(service: FakeService, call: Any) -> None:
    """Promise 4: of an error body of 100 MB about a megabyte is read, and about 2 kB are told."""
    megabyte = b"x" * 1_000_000
    service.replies = [Reply(status=500, body=[b"begin ", *[megabyte] * 100])]

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderAPIError, match="begin xxx") as caught, within(2):
            await call(provider)

        await service.until(lambda: service.open == 0)

    assert len(str(caught.value)) <= 2_100
    assert len(json.dumps(caught.value.details)) < 5_000
    assert service.sent < 20_000_000


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    ("inside", "kind"),
    [
        (error(), ProviderAPIError),
        (error(code=429), ProviderRateLimitError),
        (error(code="insufficient_quota"), ProviderQuotaError),
        (error(code="context_length_exceeded"), ProviderContextLengthError),
        ({"error": "no luck"}, ProviderAPIError),
    ],
)
async def test_an_error_inside_a_200(service: FakeService, inside: Any, kind: type[ProviderError], call: Any) -> None:
    """Promise 5: an error with a good status is an error, of its class and with its message."""
    service.replies = [Reply.of_json(inside)]

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderAPIError, match="no luck") as caught:
            await call(provider)

    assert type(caught.value) is kind
    assert caught.value.status == 200


async def test_an_error_inside_a_stream(service: FakeService) -> None:
    """Promise 5: in a stream's first event it keeps its class; behind a piece it is the stream's end."""
    service.replies = [
        Reply.of_events([error(code=429)]),
        Reply.of_events([chunk("Par"), error(code=429), chunk("is"), b"data: [DONE]\n\n"]),
    ]
    pieces = []

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderRateLimitError, match="no luck"):
            await provider.complete("x", stream=True)
        with pytest.raises(ProviderStreamError, match="no luck") as caught:
            async for piece in await provider.complete("x", stream=True):
                pieces.append(piece)

    assert pieces == ["Par"]
    assert caught.value.partial_text == "Par"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
async def test_errors_can_be_carried_away(service: FakeService, copied: Any) -> None:
    """Promise 6: errors as they come out of calls survive pickle and copy."""
    service.replies = [Reply.of_json(error(code="c"), status=400), WIRE.unfinished(["Par"], end="reset")]

    async with await provider_for(service) as provider:
        for call in (complete, stream):
            with pytest.raises(ProviderError) as caught:
                await call(provider)
            again = copied(caught.value)

            assert type(again) is type(caught.value)
            assert (str(again), vars(again)) == (str(caught.value), vars(caught.value))


@pytest.mark.parametrize("call", [complete, stream])
@pytest.mark.parametrize("name", [name for name in list(FAULTS)[:22] if "cut" not in name and "reset" not in name])
async def test_what_is_no_http_is_not_the_caller_s_fault(service: FakeService, name: str, call: Any) -> None:
    """Promise 7: a malformed answer has no status 400, and may be tried again."""
    service.replies = [FAULTS[name]]

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderError) as caught:
            await call(provider)

    assert "400" not in str(caught.value)
    assert isinstance(caught.value, ProviderConnectionError) or type(caught.value) is ProviderResponseError
    assert caught.value.details.get("status") in (None, 200)


@pytest.mark.parametrize(
    ("reply", "call"),
    [
        (Reply(delay=60), complete),
        (Reply(delay=60), stream),
        (Reply(body=[b"{", b"}"], pause=60), complete),
        (Reply(status=500, body=[b"{", b"}"], pause=60), complete),
        (WIRE.unfinished(["Par"], end="hold"), stream),
        (Reply.of_json(error(), status=503, headers={"Retry-After": "50"}), complete),
        (Reply.of_json(error(), status=503, headers={"Retry-After": "50"}), stream),
    ],
)
async def test_cancellation(service: FakeService, reply: Reply, call: Any) -> None:
    """Promise 8: a cancelled call ends at once as cancelled: while it waits, reads, or pauses before a retry."""
    service.replies = [reply]

    async with await provider_for(service, max_retries=2) as provider:
        tasks = asyncio.all_tasks()
        task = asyncio.create_task(call(provider))
        await service.until(lambda: len(service.requests) == 1)
        await settle()
        task.cancel()
        with pytest.raises(asyncio.CancelledError), within(0.5):
            await task

        assert len(service.requests) == 1
        assert asyncio.all_tasks() - tasks <= service_tasks()
        if reply.status == 200:
            await service.until(lambda: service.open == 0)


async def test_one_batch_that_fails_ends_the_others(service: FakeService) -> None:
    """Promise 1: of many requests for embeddings the first that fails is the error of the call; the others end."""
    service.replies = [Reply(delay=60), Reply(delay=60), Reply.of_json(error(), status=400), Reply(delay=60)]
    tasks = asyncio.all_tasks()

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderAPIError, match="no luck") as caught, within(1):
            await provider.embed_many(["x"] * 10, batch_size=1)

        await service.until(lambda: service.open <= 1)

    assert type(caught.value) is ProviderAPIError
    assert len(service.requests) <= 5
    assert asyncio.all_tasks() - tasks <= service_tasks()


@pytest.mark.parametrize("call", [complete, stream])
async def test_the_caller_s_own_timeout(service: FakeService, call: Any) -> None:
    """Promise 1: what the caller bounds himself ends with his TimeoutError, not with one of ours."""
    service.replies = [Reply(delay=60)]

    async with await provider_for(service, max_retries=2) as provider:
        with pytest.raises(TimeoutError) as caught, within(0.7):
            async with asyncio.timeout(0.2):
                await call(provider)

    assert not isinstance(caught.value, ProviderError)


async def settle() -> None:
    """Let the call that is under way come as far as it can, by another round over the network."""
    async with FakeService(WIRE.completion("ok")) as other, await provider_for(other) as another:
        for _ in range(3):
            await another.complete("x")
