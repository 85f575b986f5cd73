"""A request goes where it was sent, over a connection that can be trusted, and nowhere else."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from pepperpy.providers import (
    ProviderAPIError,
    ProviderConfigError,
    ProviderConnectionError,
    ProviderError,
    ProviderTimeoutError,
    Timeouts,
    create_provider,
)
from pepperpy.providers.testing import FakeService, Reply

from .kit import CALLS, KEY, WIRE, complete, embed, provider_for, stream, within

PROXY_VARIABLES = (
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
async def test_redirects_are_not_followed(service: FakeService, status: int, call: Any) -> None:
    """Promise 32: neither key nor prompt goes where the service points."""
    async with FakeService(WIRE.completion("stolen")) as elsewhere:
        service.replies = [Reply(status=status, headers={"Location": f"{elsewhere.url}/v1/chat/completions"})]
        async with await provider_for(service, max_retries=2) as provider:
            with pytest.raises(ProviderAPIError, match=r"redirect.*not followed.*base_url") as caught:
                await call(provider)

        assert elsewhere.connections == 0
        assert elsewhere.url not in str(caught.value)
    assert len(service.requests) == 1
    assert caught.value.status == status


@pytest.mark.parametrize("header", ["Location", "Refresh", "Content-Location", "Link", "Alt-Svc"])
async def test_no_header_leads_elsewhere(service: FakeService, header: str) -> None:
    """Promise 32: no other header of an answer makes us go anywhere."""
    async with FakeService(WIRE.completion("stolen")) as elsewhere:
        body = WIRE.completion("ok").body
        service.replies = [Reply(body=body, headers={header: f"0; url={elsewhere.url}"})]
        async with await provider_for(service) as provider:
            assert [await provider.complete("x"), await provider.complete("x")] == ["ok", "ok"]

        assert elsewhere.connections == 0


NAMES = [
    "gpt-6-luna",
    "../../admin",
    "a/b",
    "a?key=1",
    "a#b",
    "a b",
    "a%2Fb",
    "http://evil.example/",
    "@evil",
    "ü",
    ":80",
]


@pytest.mark.parametrize("name", NAMES)
async def test_the_key_is_in_a_header_and_a_model_in_the_body(service: FakeService, name: str) -> None:
    """Promise 33: no part of a URL comes from a key, a prompt or a model's name."""
    service.replies = [WIRE.completion("ok"), WIRE.stream(["ok"]), WIRE.embeddings]

    async with await provider_for(service, base_url=f"{service.url}/v1/", model=name) as provider:
        await provider.complete("the prompt")
        async for _ in await provider.complete("the prompt", stream=True, model=name):
            pass
        await provider.embed("the prompt", model=name)

    assert [request.path for request in service.requests] == ["/v1/chat/completions"] * 2 + ["/v1/embeddings"]
    assert {request.headers["authorization"] for request in service.requests} == {f"Bearer {KEY}"}
    assert {request.headers["host"] for request in service.requests} == {service.url.removeprefix("http://")}
    assert {request.json["model"] for request in service.requests} == {name}


EVIL = "x\r\nX-Evil: 1"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("api_key", value) for value in (EVIL, "key\n", " key", "ke y", "kéy", "key\x00", "\x7f")),
        *(("organization", value) for value in (EVIL, "org\n", "örg", "org\x00")),
        *(("project", value) for value in (EVIL, "a\u2028b")),
        *(
            ("base_url", value)
            for value in ("file:///etc/passwd", "ftp://h", "h:80", "http://", "http://h/\r\nX: 1", "//h")
        ),
        *(("timeout", value) for value in (0, -1, float("nan"), float("inf"), "30", True)),
        *(("max_retries", value) for value in (-1, 1.5, "3", True, float("nan"))),
        ("headers", {"X-A": EVIL}),
        ("headers", {"X-A\r\nX-Evil": "1"}),
        ("model", "m\n"),
    ],
)
async def test_settings_are_checked_when_the_provider_is_made(service: FakeService, field: str, value: Any) -> None:
    """Promise 34: what is wrong is refused by the field's name, before anything is sent, and not shown."""
    with pytest.raises(ProviderConfigError, match="X-A" if value == {"X-A": EVIL} else field) as caught:
        await provider_for(service, **{field: value})

    assert service.connections == 0
    assert not (isinstance(value, str) and len(value) > 7 and value in str(caught.value))


@pytest.mark.parametrize("call", [complete, embed])
@pytest.mark.parametrize("model", ["", " ", 3, b"m", ["m"]])
async def test_a_call_s_model_is_checked(service: FakeService, model: Any, call: Any) -> None:
    """Promise 34: so is what a call brings."""
    async with await provider_for(service) as provider:
        with pytest.raises(ProviderError, match="model"):
            await (provider.complete("x", model=model) if call is complete else provider.embed("x", model=model))

    assert service.requests == []


@pytest.mark.parametrize("call", [complete, stream, embed])
async def test_tls_is_verified(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, call: Any) -> None:
    """Promise 35: a certificate that nobody vouches for ends the call before anything is sent; no variable helps."""
    for name, value in {
        "PYTHONHTTPSVERIFY": "0",
        "CURL_CA_BUNDLE": "",
        "REQUESTS_CA_BUNDLE": "",
        "NODE_TLS_REJECT_UNAUTHORIZED": "0",
        "GIT_SSL_NO_VERIFY": "1",
    }.items():
        monkeypatch.setenv(name, value)
    async with FakeService(WIRE.completion("ok"), tls=tls) as service:
        async with await provider_for(service, max_retries=2) as provider:
            with pytest.raises(ProviderConnectionError, match="cannot be trusted") as caught:
                await call(provider)

        assert service.requests == []
        assert service.connections <= 1
    assert not caught.value.retryable


@pytest.mark.usefixtures("trusted")
async def test_tls_to_a_certificate_that_is_trusted(tls: ssl.SSLContext) -> None:
    """Promise 35: with its certificate among the system's, the same service is reached, and its connection kept."""
    async with FakeService(WIRE.completion("ok"), WIRE.stream(["o", "k"]), WIRE.completion("ok"), tls=tls) as service:
        async with await provider_for(service) as provider:
            assert await provider.complete("x") == "ok"
            assert await stream(provider) == "ok"
            assert await provider.complete("x") == "ok"

        assert service.connections == 1


async def test_tls_to_what_speaks_none(service: FakeService) -> None:
    """Promise 35: a service that does not speak TLS is not spoken to in clear instead."""
    url = service.url.replace("http://", "https://")
    async with await create_provider("openai", api_key=KEY, base_url=url, max_retries=0, timeout=0.3) as provider:
        with pytest.raises(ProviderConnectionError):
            await provider.complete("x")

    assert service.requests == []


def name_proxy(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Have the environment name a proxy for everything."""
    for name in PROXY_VARIABLES[:6]:
        monkeypatch.setenv(name, url)
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "")


@pytest.mark.parametrize("call", [complete, stream])
async def test_no_ambient_proxy(service: FakeService, monkeypatch: pytest.MonkeyPatch, call: Any) -> None:
    """Promise 35: a proxy of the environment is used only where `trust_env` says so."""
    async with FakeService(Reply(status=407)) as proxy:
        name_proxy(monkeypatch, proxy.url)
        service.replies = [WIRE.completion("ok") if call is complete else WIRE.stream(["ok"])]
        async with await provider_for(service) as provider:
            assert await call(provider) == "ok"

        assert proxy.connections == 0
        async with await provider_for(service, trust_env=True) as provider:
            with pytest.raises(ProviderAPIError, match="407"):
                await call(provider)

        (asked,) = proxy.requests
        assert asked.path == f"{service.url}/chat/completions"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        async with await provider_for(service, trust_env=True) as provider:
            assert await call(provider) == "ok"


async def test_the_head_of_a_stream_through_a_proxy_is_bounded(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise 16: the first silence is bounded as a whole behind a proxy, too."""
    dripping = Reply(raw=[b"HTTP/1.1 200 OK\r\n", *[b"X-A: b\r\n"] * 600], pause=0.1)
    async with FakeService(dripping) as proxy:
        name_proxy(monkeypatch, proxy.url)
        timeouts = Timeouts(connect=0.2, idle=0.2)
        async with await provider_for(service, trust_env=True, timeout=timeouts) as provider:
            with pytest.raises(ProviderTimeoutError), within(1.5, least=0.2):
                await provider.complete("x", stream=True)


@pytest.mark.parametrize("trust_env", [False, True])
async def test_no_netrc(service: FakeService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trust_env: bool) -> None:
    """Promise 35: credentials of a .netrc are never sent."""
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login user password secret\ndefault login user password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    async with await provider_for(service, api_key=None, trust_env=trust_env) as provider:
        assert await provider.complete("x") == "ok"

    assert "authorization" not in service.requests[0].headers


@pytest.mark.parametrize("call", [complete, stream])
async def test_no_cookies(service: FakeService, call: Any) -> None:
    """Promise 35: a cookie is not kept, for this provider or another."""
    reply = WIRE.completion("ok") if call is complete else WIRE.stream(["ok"])
    cookie = {"Set-Cookie": "session=stolen; Path=/"}
    # A name, because no cookie jar keeps those of bare addresses.
    url = service.url.replace("127.0.0.1", "localhost")
    service.replies = [Reply(body=reply.body, framing=reply.framing, headers={**reply.headers, **cookie})]

    async with await provider_for(service, base_url=url) as provider:
        for _ in range(3):
            assert await call(provider) == "ok"

    assert len(service.requests) == 3
    assert not [request for request in service.requests if "cookie" in request.headers]


STRAY = {
    "a whole answer": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b",
    "half an answer": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
    "a time-out": b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "garbage": b"\x15\x03\x03\x00\x02\x01\x00",
}


@pytest.mark.parametrize("call", [complete, stream])
@pytest.mark.parametrize("stray", STRAY)
async def test_a_stray_answer_answers_nobody(service: FakeService, stray: str, call: Any) -> None:
    """Promise 36: what nobody asked for is never handed to the next call; that goes over another connection."""
    body = b'{"choices": [{"message": {"content": "stolen"}, "finish_reason": "stop"}]}'
    unasked = STRAY[stray] % (len(body), body) if b"%d" in STRAY[stray] else STRAY[stray]
    service.replies = [WIRE.completion("ok"), WIRE.completion("ok") if call is complete else WIRE.stream(["ok"])]

    async with await provider_for(service) as provider:
        await provider.complete("x")
        service.send_unasked(unasked)

        assert await call(provider) == "ok"

    assert len(service.requests) == 2
    assert service.connections == 2


async def test_an_answer_that_goes_on_behind_its_end(service: FakeService) -> None:
    """Promise 36: a second answer that comes together with the first is nobody's."""
    body = WIRE.completion("ok").body
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    stolen = b'{"choices": [{"message": {"content": "stolen"}, "finish_reason": "stop"}]}'
    service.replies = [
        Reply(raw=head % len(body) + bytes(body) + head % len(stolen) + stolen),  # type: ignore[arg-type]
        WIRE.completion("mine"),
    ]

    async with await provider_for(service) as provider:
        assert await provider.complete("x") == "ok"
        assert await provider.complete("x") == "mine"


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_an_idle_connection_that_ended_is_replaced(service: FakeService, call: Any) -> None:
    """Promise 36: an idle connection that the service has closed is replaced unseen, for POST too, at no retry's cost."""
    answers = {"complete": WIRE.completion("ok"), "stream": WIRE.stream(["ok"])}
    service.replies = [WIRE.completion("ok"), answers.get(call.__name__, WIRE.embeddings)]

    async with await provider_for(service, max_retries=0) as provider:
        await provider.complete("x")
        service.drop_idle()
        await call(provider)

    assert len(service.requests) == 2
    assert service.connections == 2


async def test_many_idle_connections_that_ended_are_replaced(service: FakeService) -> None:
    """Promise 36: the same of a whole pool of them."""
    service.replies = [Reply(body=WIRE.completion("ok").body, delay=0.05)]

    async with await provider_for(service, max_retries=0) as provider:
        await asyncio.gather(*(provider.complete("x") for _ in range(20)))
        service.drop_idle()
        completions = await asyncio.gather(*(provider.complete("x") for _ in range(20)))

    assert completions == ["ok"] * 20
    assert len(service.requests) == 40


async def test_an_idle_connection_that_was_reset_is_replaced(service: FakeService) -> None:
    """Promise 36: the same of one that was reset."""
    body = WIRE.completion("ok").body
    service.replies = [
        Reply(body=body, headers={"Content-Length": str(len(body))}, end="reset"),
        WIRE.completion("ok"),
    ]

    async with await provider_for(service, max_retries=0) as provider:
        assert await provider.complete("x") == "ok"
        assert await provider.complete("x") == "ok"

    assert service.connections == 2
