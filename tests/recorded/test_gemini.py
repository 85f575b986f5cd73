"""What Gemini really sent is read right."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import pytest

from pepperpy.providers import (
    Completion,
    CompletionStream,
    ProviderAPIError,
    ProviderAuthenticationError,
    ProviderContentFilterError,
    ProviderRateLimitError,
    ProviderStreamError,
    ReadyProvider,
    Usage,
    create_provider,
)
from pepperpy.providers.events import FinishEvent, ReasoningEvent, TextEvent, ToolCallEvent
from pepperpy.providers.messages import Message
from pepperpy.providers.testing import FakeService
from pepperpy_gemini.dialect import GeminiDialect

from .recordings import Recording, recordings

DIALECT = GeminiDialect()

PLAIN = ("chat", "structured", "tools")
STREAMED = ("chat_stream", "structured_stream", "tools_stream")
CUTS = pytest.mark.parametrize("size", [1, 7, None], ids=["byte by byte", "in sevens", "in odd pieces"])

CLASSES: dict[str, type[ProviderAPIError]] = {
    "API key not valid": ProviderAuthenticationError,
    "Firebase ML API has not been used": ProviderAuthenticationError,
    "Resource exhausted": ProviderRateLimitError,
    "You exceeded your current quota": ProviderRateLimitError,
}


async def provider_for(service: FakeService) -> ReadyProvider:
    return await create_provider("gemini", api_key="recorded-key", base_url=service.url, max_retries=0)


async def read(stream: CompletionStream) -> tuple[list[str], ProviderStreamError | None]:
    pieces = []
    try:
        while True:
            pieces.append(await anext(stream))
    except StopAsyncIteration:
        return pieces, None
    except ProviderStreamError as error:
        return pieces, error


def assert_usage(usage: Usage, expected: dict[str, Any] | None) -> None:
    expected = expected or {}
    parts = [expected.get("candidatesTokenCount"), expected.get("thoughtsTokenCount")]

    assert usage.input_tokens == expected.get("promptTokenCount")
    assert usage.output_tokens == (sum(part or 0 for part in parts) if parts != [None, None] else None)
    assert usage.total_tokens == expected.get("totalTokenCount")
    assert usage.cached_tokens == expected.get("cachedContentTokenCount")
    assert usage.reasoning_tokens == expected.get("thoughtsTokenCount")


def assert_completion(completion: Completion, expected: dict[str, Any]) -> None:
    reason = expected["finish_reason"]
    calls = [(call.name, call.arguments) for call in completion.tool_calls]

    assert completion == (expected["text"] or "")
    assert completion.native_finish_reason == (None if reason is None else str(reason))
    assert completion.model == expected["model"]
    assert completion.id == expected["response_id"]
    assert completion.reasoning == expected.get("reasoning")
    assert calls == [(call["name"], call["arguments"]) for call in expected["tool_calls"]]
    assert [call.id for call in completion.tool_calls] == [
        call["id"] or f"call_{place}" for place, call in enumerate(expected["tool_calls"])
    ]
    assert (completion.finish_reason == "tool_calls") == bool(calls)
    assert_usage(completion.usage, expected["usage"])


@pytest.mark.parametrize("recording", recordings("gemini", *PLAIN))
async def test_chat(recording: Recording) -> None:
    """A plain answer, or the error of a prompt that was blocked."""
    async with FakeService(recording.reply()) as service, await provider_for(service) as provider:
        if not recording.expect["n_choices"]:
            with pytest.raises(ProviderContentFilterError, match=recording.expect.get("block_reason", "Message")):
                await provider.complete("x")
            return
        completion = await provider.complete("x")

    assert_completion(completion, recording.expect)


@CUTS
@pytest.mark.parametrize("recording", recordings("gemini", *STREAMED))
async def test_chat_stream(recording: Recording, size: int | None) -> None:
    """A streamed answer, cut where it hurts; also one that came as a JSON list."""
    breaks_off = b'\n  "error": {' in recording.body

    async with FakeService(recording.reply(size)) as service, await provider_for(service) as provider:
        stream = await provider.complete("x", stream=True)
        pieces, broken = await read(stream)

    assert "".join(pieces) == (recording.expect["text"] or "")
    assert "" not in pieces
    assert_completion(stream.completion, recording.expect)
    assert (broken is not None) == breaks_off
    if broken is not None:
        assert (broken.code, broken.partial_text) == ("CANCELLED", recording.expect["text"])


@CUTS
@pytest.mark.parametrize("recording", recordings("gemini", *STREAMED))
async def test_events(recording: Recording, size: int | None) -> None:
    """The events of a stream hold all of its text, its reasoning and its calls, each once, and end with the whole."""
    texts, thoughts, calls, ends = [], [], [], []
    async with FakeService(recording.reply(size)) as service, await provider_for(service) as provider:
        stream = await provider.complete("x", stream=True)
        try:
            async for event in stream.events():
                match event:
                    case TextEvent():
                        texts.append(event.text)
                    case ReasoningEvent():
                        thoughts.append(event.text)
                    case ToolCallEvent():
                        calls.append(event.call)
                    case FinishEvent():
                        ends.append(event.completion)
        except ProviderStreamError:
            ends.append(stream.completion)

    assert "".join(texts) == (recording.expect["text"] or "")
    assert "".join(thoughts) == (recording.expect.get("reasoning") or "")
    assert tuple(calls) == ends[0].tool_calls
    assert_completion(ends[0], recording.expect)


def read_whole(recording: Recording) -> Completion:
    """Return what a recorded answer says, without a socket between."""
    try:
        return DIALECT.parse_completion(json.loads(recording.body))
    except ValueError:
        parser = DIALECT.stream_parser()
        parser.feed([line.removeprefix(b"data:").strip() for line in recording.body.splitlines() if b"data:" in line])
        return parser.completion()


def calls_in(parts: list[Any]) -> list[Any]:
    """Return the calls among some parts, each with its signature."""
    return [(part["functionCall"], part.get("thoughtSignature")) for part in parts if "functionCall" in part]


def round_trips() -> list[Any]:
    """Return, as pytest parameters, each answer with the model's turn that it became in a later request, and that."""
    found = [parameters.values[0] for parameters in recordings("gemini", "tools", "tools_stream")]
    answers = [(recording.name, read_whole(recording)) for recording in found if recording is not None]
    pairs = []
    for later in filter(None, found):
        contents = (later.request["body"] or {}).get("contents", [])
        for turn, after in itertools.pairwise(contents):
            for name, completion in answers:
                asked = calls_in(completion.native.data) if completion.native else []
                if asked and asked == calls_in(turn["parts"]):
                    pairs.append(pytest.param(completion, turn, after, later, id=f"{name[-30:]}-{later.name[-30:]}"))
    skip = pytest.mark.skip(reason="no recordings of gemini: set PEPPERPY_RECORDINGS")
    return pairs or [pytest.param(None, None, None, None, marks=skip, id="none")]


@pytest.mark.parametrize(("completion", "turn", "after", "later"), round_trips())
def test_round_trips(completion: Completion, turn: dict[str, Any], after: dict[str, Any], later: Recording) -> None:
    """An answer that went on in another recording, with the results of its calls, goes on in the very same turns."""
    # One client put pictures beside the results.
    answered = [part for part in after["parts"] if "functionResponse" in part]
    results = [json.dumps(part["functionResponse"]["response"]) for part in answered]
    model = later.request["url"].partition("/models/")[2].partition(":")[0]
    conversation = [Message.user("x"), completion.message, *map(Message.tool, completion.tool_calls, results)]
    contents = DIALECT.complete(conversation, model=model, stream=False, options={}).body["contents"]

    assert contents[1] == {"role": "model", "parts": [without_no_thought(part) for part in turn["parts"]]}
    assert contents[2] == {"role": "user", "parts": [without_no_thought(part) for part in answered]}


def without_no_thought(part: dict[str, Any]) -> dict[str, Any]:
    """Return a part without the `"thought": false` that some clients put on each."""
    return {name: value for name, value in part.items() if (name, value) != ("thought", False)}


@pytest.mark.parametrize("recording", recordings("gemini", "embeddings"))
async def test_embeddings(recording: Recording) -> None:
    """Embeddings, of the newer model with its usage; what gemini-embedding-001 cuts is made whole."""
    count, dimensions = recording.expect["embedding_count"], recording.expect["embedding_dims"]
    model = recording.request["url"].partition("models/")[2].partition(":")[0]

    async with FakeService(recording.reply()) as service, await provider_for(service) as provider:
        vectors = await provider.embed_many(["x"] * count, model=model, dimensions=dimensions)

    assert len(vectors) == count
    assert vectors.dimensions == dimensions
    assert_usage(vectors.usage, recording.expect["usage"])
    if model != "embedding-001":
        assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-4) for vector in vectors)


@CUTS
@pytest.mark.parametrize("recording", recordings("gemini", "error", "error_stream"))
@pytest.mark.parametrize("stream", [False, True])
async def test_errors(recording: Recording, stream: bool, size: int | None) -> None:
    """An error is an error of the class that it means, with the service's own words, however it is asked for."""
    said = recording.expect["error"]["message"].strip()
    kind = next((kind for start, kind in CLASSES.items() if said.startswith(start)), ProviderAPIError)

    async with FakeService(recording.reply(size)) as service, await provider_for(service) as provider:
        with pytest.raises(ProviderAPIError) as caught:
            await provider.complete("x", stream=stream)

    assert type(caught.value) is kind
    assert caught.value.status == recording.status
    if not 300 <= recording.status < 400:
        assert caught.value.code == recording.expect["error_type"]
        assert said[:80] in str(caught.value)
    if "retry in" in said:
        assert caught.value.retry_after == 48
