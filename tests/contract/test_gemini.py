"""The provider `gemini` keeps the contract, and does what its service asks for beyond it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest

from pepperpy.providers import (
    CompletionStream,
    ProviderAPIError,
    ProviderAuthenticationError,
    ProviderConfigError,
    ProviderContentFilterError,
    ProviderQuotaError,
    ProviderRateLimitError,
    ProviderStreamError,
    ReadyProvider,
    create_provider,
)
from pepperpy.providers.testing import FakeService, Reply
from pepperpy.providers.testing.contract import KEY, ProviderContract

from .gemini import GeminiWire

WIRE = GeminiWire()


class TestGemini(ProviderContract):
    provider_type = "gemini"
    wire = WIRE


@pytest.fixture
async def service() -> AsyncIterator[FakeService]:
    async with FakeService() as service:
        yield service


async def provider_for(service: FakeService, **more: Any) -> ReadyProvider:
    return await create_provider("gemini", **{"api_key": KEY, "base_url": f"{service.url}/v1beta", **more})


def error_of(code: int, *details: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": "no such luck", "details": list(details), **fields}}


async def read(stream: CompletionStream, pieces: list[str]) -> None:
    while True:
        pieces.append(await anext(stream))


async def test_speaks_the_wire_format(service: FakeService) -> None:
    """The key is in its header, the system text in its own field, and each option under the wire's name."""
    service.replies = [WIRE.completion("ok"), WIRE.stream(["ok"])]

    async with await provider_for(service) as provider:
        await provider.complete("hi", system="be brief", temperature=0.7, max_tokens=200, stop="END", top_k=3)
        async for _ in await provider.complete("hi", stream=True):
            pass

    plain, streamed = service.requests
    assert plain.path == "/v1beta/models/gemini-3.8-flash:generateContent"
    assert streamed.path == "/v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse"
    assert plain.json == {
        "systemInstruction": {"parts": [{"text": "be brief"}]},
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "generationConfig": {"temperature": 0.7, "maxOutputTokens": 200, "stopSequences": ["END"], "topK": 3},
    }
    assert streamed.json == {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    assert {request.headers["x-goog-api-key"] for request in service.requests} == {KEY}
    assert "authorization" not in plain.headers


async def test_extra_body_is_merged_into_the_options(service: FakeService) -> None:
    """`extra_body` adds to `generationConfig` instead of replacing it."""
    service.replies = [WIRE.completion("ok")]
    extra = {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}, "serviceTier": "flex"}

    async with await provider_for(service) as provider:
        completion = await provider.complete("hi", seed=1, extra_body=extra)

    sent = service.requests[0].json
    assert sent["generationConfig"] == {"seed": 1, "thinkingConfig": {"includeThoughts": True}}
    assert sent["serviceTier"] == "flex"
    assert completion.reasoning == "hm"


@pytest.mark.parametrize(
    ("model", "segment"),
    [
        ("gemini-flash-latest", "gemini-flash-latest"),
        ("models/gemini-flash-latest", "gemini-flash-latest"),
        ("../../v1/models/x", "..%2F..%2Fv1%2Fmodels%2Fx"),
        ("models/../x", "..%2Fx"),
        ("..", ".."),
        ("x?key=1#y", "x%3Fkey=1%23y"),
        ("x%2f..%2Fy", "x%252f..%252Fy"),
        ("x:countTokens?", "x:countTokens%3F"),
        ("@evil.example/", "@evil.example%2F"),
        ("//evil.example/x", "%2F%2Fevil.example%2Fx"),
        ("x HTTP/1.1\r\nx-evil: 1\r\n\r\n", "x%20HTTP%2F1.1%0D%0Ax-evil:%201%0D%0A%0D%0A"),
        ("größe", "gr%C3%B6%C3%9Fe"),
    ],
)
async def test_a_model_name_stays_one_segment_of_the_path(service: FakeService, model: str, segment: str) -> None:
    """Whatever a model is called, the request goes to this path of this host."""
    service.replies = [WIRE.completion("ok")]

    async with await provider_for(service) as provider:
        await provider.complete("hi", model=model)

    assert service.requests[0].path == f"/v1beta/models/{segment}:generateContent"
    assert "x-evil" not in service.requests[0].headers


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("wrap", [lambda error: error, lambda error: [error]], ids=["object", "list"])
async def test_an_invalid_key_is_no_bad_request(service: FakeService, stream: bool, wrap: Any) -> None:
    """An invalid key, which Google answers with 400, is told as such."""
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    service.replies = [Reply.of_json(wrap(error_of(400, info, status="INVALID_ARGUMENT")), status=400)]

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderAuthenticationError, match="no such luck") as caught:
            await provider.complete("hi", stream=stream)

    assert (caught.value.status, caught.value.code) == (400, "INVALID_ARGUMENT")
    assert caught.value.details["reason"] == "API_KEY_INVALID"


async def test_the_delay_in_the_body_is_obeyed(service: FakeService) -> None:
    """RetryInfo stands for Retry-After: a delay that is too long ends the call at once."""
    body = error_of(429, {"violations": [{"quotaId": "TokensPerMinute"}]}, {"retryDelay": "90.5s"})
    service.replies = [Reply.of_json(body, status=429)]

    async with await provider_for(service, max_retries=3) as provider:
        with pytest.raises(ProviderRateLimitError, match="at most 60 s are waited") as caught:
            await provider.complete("hi")

    assert caught.value.retry_after == 90.5
    assert len(service.requests) == 1


async def test_a_short_delay_in_the_body_is_waited(service: FakeService) -> None:
    """A short RetryInfo leads to another request."""
    body = error_of(429, {"retryDelay": "0.01s"})
    service.replies = [Reply.of_json(body, status=429), WIRE.completion("ok")]

    async with await provider_for(service, max_retries=1) as provider:
        completion = await provider.complete("hi")

    assert (completion, completion.attempts) == ("ok", 2)


async def test_a_quota_of_the_day_is_not_retried(service: FakeService) -> None:
    """A daily quota that is used up ends the call, although the service names a delay of seconds."""
    quota = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
    body = error_of(429, {"violations": [{"quotaId": quota}]}, {"retryDelay": "0s"}, status="RESOURCE_EXHAUSTED")
    service.replies = [Reply.of_json(body, status=429)]

    async with await provider_for(service, max_retries=3) as provider:
        with pytest.raises(ProviderQuotaError) as caught:
            await provider.complete("hi")

    assert caught.value.details["quota"] == quota
    assert len(service.requests) == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_a_blocked_prompt_is_an_error(service: FakeService, stream: bool) -> None:
    """A prompt that is blocked raises, and names the reason."""
    body = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 3}}
    service.replies = [Reply.of_events([body]) if stream else Reply.of_json(body)]

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderContentFilterError, match="PROHIBITED_CONTENT") as caught:
            await provider.complete("hi", stream=stream)

    assert (caught.value.status, caught.value.code) == (200, "PROHIBITED_CONTENT")
    assert len(service.requests) == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_is_blocked_whole_is_an_error(service: FakeService, stream: bool) -> None:
    """An answer of which nothing is left raises; one that is blocked late says so by its finish reason."""
    nothing = {"candidates": [{"finishReason": "SAFETY", "index": 0}]}
    begun = {"candidates": [{"content": {"parts": [{"text": "Well"}]}}]}
    service.replies = [
        Reply.of_events([nothing]) if stream else Reply.of_json(nothing),
        Reply.of_events([begun, nothing]),
    ]

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderContentFilterError, match="SAFETY"):
            await provider.complete("hi", stream=stream)
        late = await provider.complete("hi", stream=True)
        pieces = [piece async for piece in late]

    assert (pieces, late.finish_reason) == (["Well"], "content_filter")


BROKEN = error_of(503, status="UNAVAILABLE")
BROKEN_OFF = {
    "bare lines": json.dumps(BROKEN, indent=2).encode(),
    "bare lines in a list": json.dumps([BROKEN], indent=2).replace("\n", "\r\n").encode(),
    "an event": b"data: " + json.dumps(BROKEN).encode() + b"\n\n",
    "an event without its end": b"data: " + json.dumps(BROKEN).encode(),
    "an event of a list": b"data: " + json.dumps([BROKEN]).encode() + b"\r\n\r\n",
}


@pytest.mark.parametrize("size", [1, 5, 10_000])
@pytest.mark.parametrize("end", BROKEN_OFF.values(), ids=BROKEN_OFF)
async def test_an_error_breaks_the_stream_off(service: FakeService, end: bytes, size: int) -> None:
    """An error in the middle of a stream raises after the pieces, also where each chunk said that it is the last."""
    body = b"".join([*WIRE.stream(["Par", "is"]).body, end])
    cut = [body[i : i + size] for i in range(0, len(body), size)]
    service.replies = [attrs.evolve(WIRE.stream([]), body=cut)]
    pieces: list[str] = []

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderStreamError, match="no such luck") as caught:
            await read(await provider.complete("hi", stream=True), pieces)

    assert pieces == ["Par", "is"]
    assert caught.value.partial_text == "Paris"
    assert (caught.value.status, caught.value.code) == (200, "UNAVAILABLE")
    assert caught.value.retryable


@pytest.mark.parametrize("end", BROKEN_OFF.values(), ids=BROKEN_OFF)
async def test_an_error_before_the_first_piece_is_retried(service: FakeService, end: bytes) -> None:
    """An error that may pass, inside a 200 and before any text, is tried again."""
    service.replies = [Reply.of_events([end]), WIRE.stream(["ok"])]

    async with await provider_for(service, max_retries=1) as provider:
        stream = await provider.complete("hi", stream=True)
        pieces = [piece async for piece in stream]

    assert pieces == ["ok"]
    assert stream.completion.attempts == 2


@pytest.mark.parametrize("prefix", [b"", b"data: ", b"data:"])
async def test_an_error_status_with_events_is_read(service: FakeService, prefix: bytes) -> None:
    """A 4xx that calls itself an event stream is read, with and without the framing of one."""
    body = prefix + json.dumps(error_of(404, status="NOT_FOUND")).encode() + b"\n\n"
    service.replies = [Reply(status=404, headers={"Content-Type": "text/event-stream"}, body=body)]

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderAPIError, match="no such luck") as caught:
            await provider.complete("hi", stream=True)

    assert (caught.value.status, caught.value.code) == (404, "NOT_FOUND")


@pytest.mark.parametrize("label", ["application/json", "text/event-stream"])
async def test_a_list_in_place_of_events_is_an_answer(service: FakeService, label: str) -> None:
    """A gateway that drops `alt=sse` sends one JSON list, which is read as the stream that it is."""
    chunks = [*WIRE.chunks(["Par", "is"]), {"candidates": [{"finishReason": "STOP"}]}]
    service.replies = [Reply.of_json(chunks, headers={"Content-Type": label})]

    async with await provider_for(service) as provider:
        stream = await provider.complete("hi", stream=True)
        text = "".join([piece async for piece in stream])

    assert (text, stream.finish_reason, stream.usage.output_tokens) == ("Paris", "stop", 5)


@pytest.mark.parametrize(
    ("model", "field", "text"),
    [
        ("gemini-embedding-2", None, "task: search result | query: cats"),
        ("models/gemini-embedding-2-preview", None, "task: search result | query: cats"),
        ("gemini-embedding-001", "RETRIEVAL_QUERY", "cats"),
        ("text-multilingual", "RETRIEVAL_QUERY", "cats"),
    ],
)
async def test_each_model_is_told_the_task_as_it_wants(
    service: FakeService, model: str, field: str | None, text: str
) -> None:
    """The newer models read the task in the text, the older ones in a field."""
    service.replies = [WIRE.embeddings]

    async with await provider_for(service) as provider:
        await provider.embed("cats", model=model, dimensions=256, task_type="retrieval_query")

    name = "models/" + model.removeprefix("models/")
    (sent,) = service.requests[0].json["requests"]
    assert service.requests[0].path == f"/v1beta/{name}:batchEmbedContents"
    assert sent["model"] == name
    assert sent["content"] == {"parts": [{"text": text}]}
    assert sent["outputDimensionality"] == 256
    assert sent.get("taskType") == field


async def test_shortened_vectors_are_of_unit_length(service: FakeService) -> None:
    """What gemini-embedding-001 cuts is brought back to unit length; everything else stays as it came."""
    service.replies = [Reply.of_json({"embeddings": [{"values": [3.0, 4.0]}]})]

    async with await provider_for(service, embedding_model="gemini-embedding-001") as provider:
        one = await provider.embed("x", dimensions=2)
        many = await provider.embed_many(["x"], dimensions=2)
        whole = await provider.embed("x")
        newer = await provider.embed("x", dimensions=2, model="gemini-embedding-2")

    assert one == pytest.approx([0.6, 0.8])
    assert many[0] == pytest.approx([0.6, 0.8])
    assert (whole, newer) == ([3.0, 4.0], [3.0, 4.0])


async def test_many_texts_go_in_batches(service: FakeService) -> None:
    """At most a hundred texts go in one request, and keep their order."""
    service.replies = [WIRE.embeddings]

    async with await provider_for(service) as provider:
        vectors = await provider.embed_many(["x" * n for n in range(1, 151)])

    assert [vector[2] for vector in vectors] == list(range(1, 151))
    assert sorted(len(request.json["requests"]) for request in service.requests) == [50, 100]


async def test_the_first_variable_with_a_key_wins(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """GOOGLE_API_KEY is taken before GEMINI_API_KEY, as by Google's own libraries."""
    monkeypatch.delenv("PEPPERPY_PROVIDER_GEMINI_API_KEY", raising=False)
    monkeypatch.setenv("GEMINI_API_KEY", "key-of-gemini")
    service.replies = [WIRE.completion("ok")]
    keys = []
    for google in ("key-of-google", ""):
        monkeypatch.setenv("GOOGLE_API_KEY", google)
        async with await provider_for(service, api_key=None) as provider:
            await provider.complete("hi")
        keys.append(WIRE.key_of(service.requests[-1]))

    assert keys == ["key-of-google", "key-of-gemini"]


async def test_google_needs_a_key(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key nothing is sent to Google, whichever the version; a gateway may need none."""
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY", "PEPPERPY_PROVIDER_GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    service.replies = [WIRE.completion("ok")]
    for url in (None, "https://generativelanguage.googleapis.com/v1"):
        with pytest.raises(ProviderConfigError, match="GOOGLE_API_KEY"):
            await create_provider("gemini", base_url=url)

    async with await provider_for(service, api_key=None) as provider:
        completion = await provider.complete("hi")

    assert completion == "ok"
    assert "x-goog-api-key" not in service.requests[0].headers
