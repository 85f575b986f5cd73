"""What is sent is what was asked for, or nothing is."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import pytest

from pepperpy.providers import (
    Provider,
    ProviderAPIError,
    ProviderConfigError,
    ProviderError,
    ProviderInputError,
    ProviderRateLimitError,
    ProviderRegistry,
    ProviderResponseError,
    ProviderSpec,
    ProviderStreamError,
    create_provider,
)
from pepperpy.providers.dialect import Request
from pepperpy.providers.dialects.openai import OpenAIDialect
from pepperpy.providers.testing import FakeService, Reply

from .conftest import MakeProvider
from .kit import KEY, WIRE, chunk, error, stream

HUGE = 10**400


@pytest.mark.parametrize(
    "wrong",
    [
        *({"stream": value} for value in ("yes", "", 1, 0, None)),
        *({"temperature": value} for value in (HUGE, -1, float("nan"), "hot", True)),
        *({"max_tokens": value} for value in (0, -1, 1.5, "many", True)),
        *({"model": value} for value in (3, "", " ")),
        *({"extra_body": value} for value in ([], "x", {1: 2}, {"stream": True}, {"x": float("nan")}, {"x": object()})),
        {"frequency_penalty": -HUGE},
        {"stop": [""]},
    ],
    ids=str,
)
async def test_a_wrong_argument_is_refused(service: FakeService, make: MakeProvider, wrong: dict[str, Any]) -> None:
    """An argument of the wrong type or out of range is named before anything is sent."""
    provider = await make()

    with pytest.raises(ProviderInputError):
        await provider.complete("x", **wrong)

    assert service.requests == []


@pytest.mark.parametrize("texts", [None, "one text", b"x", 3, [""], ["x", None], {"x": 1}])
async def test_wrong_texts_are_refused(service: FakeService, make: MakeProvider, texts: Any) -> None:
    """`embed_many` takes a sequence of texts, none blank."""
    with pytest.raises(ProviderInputError, match="texts"):
        await (await make()).embed_many(texts)

    assert service.requests == []


@pytest.mark.parametrize("size", [0, -1, True, 2.0, "2"])
async def test_a_wrong_batch_size_is_refused(service: FakeService, make: MakeProvider, size: Any) -> None:
    """A batch has one text at least."""
    with pytest.raises(ProviderInputError, match="batch_size"):
        await (await make()).embed_many(["x"], batch_size=size)

    assert service.requests == []


@pytest.mark.parametrize("timeout", [HUGE, 0, -1, float("inf"), "30", True])
async def test_a_wrong_timeout_is_refused(make: MakeProvider, timeout: Any) -> None:
    """A timeout is a positive number of seconds that a float holds."""
    with pytest.raises(ProviderConfigError, match="timeout"):
        await make(timeout=timeout)


@pytest.mark.parametrize("host", ["a..b", ".", "h\\x", "%zz", "1.2.3.999", "x" * 64, "[::1", "a_b.c:0"])
async def test_a_host_that_cannot_be_is_refused(make: MakeProvider, host: str) -> None:
    """A `base_url` whose host can be none is refused when the provider is made."""
    with pytest.raises(ProviderConfigError, match="base_url"):
        await make(base_url=f"http://{host}/v1")


async def test_headers_go_before_the_providers_own(service: FakeService, make: MakeProvider) -> None:
    """A header of the settings replaces the provider's, whatever its case, and others are sent beside it."""
    service.replies = [WIRE.completion("ok")]

    await (await make(headers={"authorization": "Bearer other", "X-Team": "7"})).complete("x")

    assert service.requests[0].headers["authorization"] == "Bearer other"
    assert service.requests[0].headers["x-team"] == "7"


@pytest.mark.parametrize("name", ["Content-Length", "host", "EXPECT", "Accept", "Transfer-Encoding"])
async def test_headers_that_frame_a_request_are_refused(make: MakeProvider, name: str) -> None:
    """How a request is sent is not the caller's to say."""
    with pytest.raises(ProviderConfigError, match=name):
        await make(headers={name: "1"})


@pytest.mark.parametrize("name", ["Transfer-Encoding", "content-length", "Expect", "Host", "Connection"])
async def test_headers_of_a_dialect_frame_nothing(
    service: FakeService, make: MakeProvider, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """How a request is sent is not its dialect's to say; of what kind its contents are, it may say."""
    write = OpenAIDialect.complete
    headers = {"Accept": "text/plain", "X-Mine": "1"}

    def complete(*arguments: Any, **options: Any) -> Request:
        return attrs.evolve(write(*arguments, **options), headers=headers)

    monkeypatch.setattr(OpenAIDialect, "complete", complete)
    provider = await make()
    await provider.complete("x")
    headers[name] = "chunked"

    with pytest.raises(ProviderConfigError, match=name):
        await provider.complete("x")
    (request,) = service.requests
    assert (request.headers["accept"], request.headers["x-mine"]) == ("text/plain", "1")


async def test_a_large_prompt_is_sent_without_a_warning(service: FakeService, make: MakeProvider) -> None:
    """A prompt of 3 MB arrives whole, and again when the first attempt failed."""
    service.replies = [WIRE.error(503, "busy", headers={"Retry-After": "0"}), WIRE.completion("ok")]
    prompt = "a" * 3_000_000

    await (await make(max_retries=1)).complete(prompt)

    assert [request.json["messages"][0]["content"] for request in service.requests] == [prompt] * 2


async def test_embeddings_take_what_has_no_option(service: FakeService, make: MakeProvider) -> None:
    """`extra_body` is merged into the requests for embeddings too."""
    service.replies = [WIRE.embeddings]
    provider = await make()

    await provider.embed("x", extra_body={"truncate": "END"})
    await provider.embed_many(["x", "y"], batch_size=1, extra_body={"truncate": "END"})

    assert [request.json["truncate"] for request in service.requests] == ["END"] * 3


@pytest.mark.parametrize("content", [3, {"text": "x"}, True])
async def test_a_content_that_is_no_text_is_an_error(service: FakeService, make: MakeProvider, content: Any) -> None:
    """Content that is neither text nor parts never passes for an empty answer."""
    plain = Reply.of_json({"choices": [{"message": {"content": content}, "finish_reason": "stop"}]})
    service.replies = [plain, Reply.of_events([chunk(content), chunk(finish_reason="stop")])]
    provider = await make()

    with pytest.raises(ProviderResponseError):
        await provider.complete("x")
    with pytest.raises(ProviderResponseError):
        await stream(provider)


async def test_an_error_in_a_good_answer_is_retried_by_its_code(
    service: FakeService, make: MakeProvider, no_waiting: Any
) -> None:
    """The service's own code says that it passes, where the status says nothing."""
    service.replies = [Reply.of_json(error("overloaded", code="server_is_overloaded")), WIRE.completion("ok")]

    assert await (await make(max_retries=1)).complete("x") == "ok"


async def test_an_error_keeps_its_body(service: FakeService, make: MakeProvider) -> None:
    """What came is there to be looked at, cut, also where it was no JSON."""
    page = "<html>log in</html>" * 1000
    service.replies = [Reply(body=page.encode(), headers={"Content-Type": "text/html"})]

    with pytest.raises(ProviderResponseError) as caught:
        await (await make()).complete("x")

    assert caught.value.details["body"].startswith("<html>log in</html>")
    assert len(caught.value.details["body"]) <= 2000


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_cancelled_call_shows_no_key(service: FakeService, make: MakeProvider, streaming: bool) -> None:
    """Not even in the frames of aiohttp that a caller's own timeout leaves in its traceback."""
    service.replies = [Reply(delay=60)]
    provider = await make()

    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.2):
            await provider.complete("x", stream=streaming)

    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())

    assert "aiohttp" in shown
    assert KEY not in shown


async def test_a_stream_that_is_closed_by_another_task_says_so(service: FakeService, make: MakeProvider) -> None:
    """Who reads while another task closes the stream is told that, and not of a network that broke."""
    service.replies = [WIRE.unfinished(["a"], end="hold")]
    opened = await (await make()).complete("x", stream=True)
    assert await anext(opened) == "a"
    reading = asyncio.ensure_future(opened.__anext__())
    await asyncio.sleep(0)

    await opened.aclose()

    with pytest.raises(ProviderStreamError, match="left before its end"):
        await reading


async def test_what_a_break_left_is_gone(service: FakeService, make: MakeProvider) -> None:
    """After a `break` a stream is closed, whether or not all of it had come already."""
    service.replies = [WIRE.stream(["a", "b", "c"])]
    opened = await (await make()).complete("x", stream=True)
    async for _ in opened:
        break

    with pytest.raises(ProviderStreamError, match="left before its end"):
        await anext(opened)


def test_threads_share_the_load_of_a_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that ask for one plugin at the same time load it once and all get it."""
    together = threading.Barrier(5, timeout=10)
    loads = []

    class Quiet(Provider):
        async def complete(self, prompt: str, *args: Any, **options: Any) -> str:
            return prompt

    def load(registry: ProviderRegistry, point: Any) -> ProviderSpec:
        loads.append(point)
        return ProviderSpec("quiet", Quiet)

    class Point:
        name = "quiet"

    def points() -> Iterator[Any]:
        yield Point()

    monkeypatch.setattr(ProviderRegistry, "_load", load)
    registry = ProviderRegistry(points)

    def ask(_: int) -> ProviderSpec:
        together.wait()
        return registry.get("quiet")

    with ThreadPoolExecutor(5) as threads:
        specs = list(threads.map(ask, range(5)))

    assert len(loads) == 1
    assert {spec.provider for spec in specs} == {Quiet}


async def test_a_config_in_place_of_a_name_says_how(make: MakeProvider) -> None:
    """A whole config given as the first argument is a mistake with a remedy."""
    from pepperpy.providers import ProviderConfig

    with pytest.raises(ProviderError, match=r"\*\*config\.dict\(\)"):
        await create_provider(ProviderConfig("openai"))  # type: ignore[arg-type]


@pytest.mark.parametrize("delay", [{"Retry-After": "0"}, {"retry-after-ms": "1"}])
async def test_of_two_delays_the_longer_counts(service: FakeService, make: MakeProvider, delay: dict[str, str]) -> None:
    """A header does not undercut the delay that the body asks for."""
    body = {"error": {"code": 429, "message": "slow", "details": [{"@type": "RetryInfo", "retryDelay": "90s"}]}}
    service.replies = [Reply.of_json(body, status=429, headers=delay)]

    async with await create_provider("gemini", api_key=KEY, base_url=service.url, max_retries=3) as provider:
        with pytest.raises(ProviderRateLimitError) as caught:
            await provider.complete("x")

    assert caught.value.retry_after == 90
    assert len(service.requests) == 1


@pytest.mark.parametrize("end", ["hold", "keep"])
async def test_a_bare_error_ends_a_stream_at_once(service: FakeService, end: Any) -> None:
    """Gemini breaks a stream off with an error object that is no event: it is heard while the connection is open."""
    piece = {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP", "index": 0}]}
    bare = b'{\n  "error": {\n    "code": 499,\n    "message": "was cancelled",\n    "status": "CANCELLED"\n  }\n}\n'
    service.replies = [Reply.of_events([piece, bare[:40], bare[40:]], end=end)]

    async with await create_provider("gemini", api_key=KEY, base_url=service.url, timeout=5) as provider:
        with pytest.raises(ProviderStreamError, match="was cancelled"):
            await stream(provider)


SPELT = "SEC-ret+key/123&abcdefg=="


@pytest.mark.parametrize(
    "echo",
    [
        SPELT,
        "SEC-ret%2Bkey%2F123%26abcdefg%3D%3D",
        "SEC-ret%2bkey%2f123%26abcdefg%3d%3d",
        "SEC-ret%2Bkey/123%26abcdefg%3D%3D",
        "SEC-ret+key/123&amp;abcdefg==",
    ],
)
async def test_a_key_that_comes_back_in_another_spelling_is_blotted_out(
    service: FakeService, make: MakeProvider, echo: str
) -> None:
    """A service may send the key back as URLs or HTML spell it."""
    service.replies = [Reply(status=400, body=f"no access with {echo}".encode())]

    with pytest.raises(ProviderAPIError, match=r"no access with \*\*\*") as caught:
        await (await make(api_key=SPELT)).complete("x")

    assert echo not in repr(caught.value.details)
