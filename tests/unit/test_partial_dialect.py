"""A wire format of one's own: what the beginning of a dialect does, and what happens where it is not total."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy.providers import (
    Capabilities,
    Completion,
    Image,
    Message,
    ProviderAPIError,
    ProviderCapabilityError,
    ProviderConfig,
    ProviderError,
    ProviderResponseError,
    ProviderStreamError,
    ToolCall,
    Usage,
)
from pepperpy.providers import options as check
from pepperpy.providers.dialect import Event, Request, api_error
from pepperpy.providers.dialects.partial import PartialDialect, PartialStreamParser, text_of
from pepperpy.providers.http import HTTPOptions, HTTPProvider
from pepperpy.providers.messages import Native
from pepperpy.providers.testing import FakeService, Reply

PNG = b"\x89PNG\r\n\x1a\n0000"
LINES = [{"says": "Pa"}, {"says": "ris"}, {"why": "stop", "used": 5}]


class Careless(PartialDialect):
    """One that trusts its service in everything."""

    options: ClassVar[Mapping[str, check.Check]] = {"system": check.text}

    def complete(
        self, prompt: str | Sequence[Message], *, model: str, stream: bool, options: Mapping[str, Any]
    ) -> Request:
        return Request("/ask", {"q": text_of(prompt), **check.check_options(options, self.options)}, stream)

    def parse_completion(self, payload: Any) -> Completion:
        calls = (ToolCall("c", payload["calls"]),) if "calls" in payload else ()
        return Completion(payload["says"]["text"], tool_calls=calls)

    def stream_parser(self) -> CarelessParser:
        return CarelessParser()


class CarelessParser(PartialStreamParser):
    def read(self, event: Any) -> str | None:
        if "wrong" in event:
            raise api_error(429, event["wrong"])
        if "thinks" in event:
            self.note(event["thinks"])
        if "calls" in event:
            self.note(ToolCall("c", event["calls"]))
        if "ends" in event:
            self.native_finish_reason, self.refusal, self.native = event["ends"], "no", Native("careless", event)
        if "why" in event:
            self.finish_reason, self.usage = event["why"], Usage(output_tokens=event["used"])
        return event.get("says")  # type: ignore[no-any-return]


class CarelessProvider(HTTPProvider):
    def make_dialect(self) -> Careless:
        return Careless()


class Silent(PartialDialect):
    """One that can do nothing but complete."""

    def complete(
        self, prompt: str | Sequence[Message], *, model: str, stream: bool, options: Mapping[str, Any]
    ) -> Request:
        return Request("/", {})

    def parse_completion(self, payload: Any) -> Completion:
        return Completion("")


async def provider_for(service: FakeService) -> CarelessProvider:
    config = ProviderConfig("careless", model="m", max_retries=0, extra_config={"base_url": service.url})
    provider = CarelessProvider(config)
    await provider.initialize()
    return provider


def lines(values: Sequence[Any]) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def test_what_a_service_lacks_is_refused() -> None:
    """What a dialect does not write is a capability that the service has not, and is told as data."""
    dialect = Silent()
    calls: list[Any] = [
        dialect.stream_parser,
        lambda: dialect.embed(["x"], model="m", dimensions=None, options={}),
        lambda: dialect.models(None),
    ]
    for call in calls:
        with pytest.raises(ProviderCapabilityError):
            call()
    capabilities = dialect.capabilities

    assert capabilities == Capabilities(streaming=False, options=frozenset())
    assert Careless().capabilities.streaming
    assert Careless().capabilities.options == frozenset({"system"})


def test_errors_go_by_their_status() -> None:
    """The status tells the class, and the service's words are found wherever they stand."""
    error = Silent().parse_error(429, {"problem": {"detail": "x"}, "errors": [{"message": "slow down"}]})

    assert type(error).__name__ == "ProviderRateLimitError"
    assert "slow down" in str(error)


def test_a_text_of_a_prompt() -> None:
    """A lone text of the user's is taken in either form; anything more is refused."""
    assert text_of("x") == text_of([Message.user("x")]) == "x"
    for prompt in ([Message.system("x")], [Message.user("x"), Message.user("y")], [Message.user(Image(data=PNG))]):
        with pytest.raises(ProviderCapabilityError, match="give it a str"):
            text_of(prompt)


def test_what_a_stream_tells_besides() -> None:
    """The service's own reason, a refusal and what it wants back are those of the completion."""
    parser = CarelessParser()
    parser.feed([b'{"says": "a"}', b'{"ends": "END", "why": "stop", "used": 1}'])
    completion = parser.completion()

    assert (completion.finish_reason, completion.native_finish_reason, completion.refusal) == ("stop", "END", "no")
    assert completion.message.native == Native("careless", {"ends": "END", "why": "stop", "used": 1})


def test_events_are_read_in_order() -> None:
    """Text, reasoning, calls and the end, each in its place."""
    parser = CarelessParser()
    events = [{"thinks": "hm"}, {"says": "a"}, {"says": ""}, {"calls": "f"}, {"says": "b"}, {"why": "stop", "used": 2}]
    pieces = parser.feed([json.dumps(event).encode() for event in events])
    completion = parser.completion()

    assert pieces == ["a", "b"]
    assert parser.asides == [(0, "hm"), (1, ToolCall("c", "f"))]
    assert (completion, completion.reasoning, completion.tool_calls) == ("ab", "hm", (ToolCall("c", "f"),))
    assert (parser.finished, parser.done, completion.usage.output_tokens) == (True, False, 2)


@given(st.lists(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists), max_size=4))
def test_a_careless_parser_never_raises(events: list[Any]) -> None:
    """Whatever comes in an event, `feed` returns texts or notes an error."""
    parser = CarelessParser()
    parser.feed([json.dumps(event).encode() for event in events] + [b"{", b""])

    assert isinstance(parser.error, ProviderError)


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_json_lines_are_a_stream(size: int) -> None:
    """A body of JSON line by line is a stream of events, however it is cut."""
    body = lines(LINES)[:-1]
    reply = Reply(
        headers={"Content-Type": "application/x-ndjson"},
        body=[body[place : place + size] for place in range(0, len(body), size)],
        framing="chunked",
    )
    async with FakeService(reply) as service, await provider_for(service) as provider:
        stream: Any = await provider.complete("x", stream=True)
        text = "".join([piece async for piece in stream])

    assert (text, stream.finish_reason, stream.usage.output_tokens) == ("Paris", "stop", 5)


async def test_json_lines_that_are_cut() -> None:
    """Without its end it is no whole answer."""
    reply = Reply(headers={"Content-Type": "application/x-ndjson"}, body=lines(LINES[:2]), framing="close")
    async with FakeService(reply) as service, await provider_for(service) as provider:
        stream: Any = await provider.complete("x", stream=True)
        with pytest.raises(ProviderStreamError) as caught:
            async for _ in stream:
                pass

    assert caught.value.partial_text == "Paris"


@pytest.mark.parametrize(
    "payload", [None, [], 3, {}, {"says": None}, {"says": []}, {"says": {"text": "x"}, "calls": 5}]
)
async def test_what_a_dialect_forgot_is_a_typed_error(payload: Any) -> None:
    """An answer on which a dialect fails is an error that names the function, plain and streamed."""
    stream_of = Reply(headers={"Content-Type": "application/x-ndjson"}, body=lines([payload, {"x": 1}]))
    async with (
        FakeService(Reply.of_json(payload), stream_of) as service,
        await provider_for(service) as provider,
    ):
        with pytest.raises(ProviderResponseError, match=r"does not know \(\w+Error in \w+\(\)\)") as caught:
            await provider.complete("x")
        with pytest.raises(ProviderAPIError):
            async for _ in await provider.complete("x", stream=True):  # type: ignore[union-attr]
                pass

    assert caught.value.provider_type == "careless"
    assert caught.value.__context__ is None


async def test_an_error_in_an_event_keeps_its_class() -> None:
    """An error that the service sends in place of the first piece is that error."""
    reply = Reply(headers={"Content-Type": "application/x-ndjson"}, body=lines([{"wrong": "slow down"}]))
    async with FakeService(reply) as service, await provider_for(service) as provider:
        with pytest.raises(ProviderAPIError, match="slow down") as caught:
            await provider.complete("x", stream=True)

    assert caught.value.retryable


def test_options_are_those_of_http() -> None:
    """A provider of one's own has the extras of every HTTP provider."""
    assert CarelessProvider.options_type is HTTPOptions


def test_the_name_of_an_event_is_known_while_it_is_read() -> None:
    """A service that tells its events apart by their names alone can be read; an event without one has none."""

    class Naming(PartialStreamParser):
        def read(self, event: Any) -> str | None:
            return f"{self.event_name} "

    parser = Naming()

    assert parser.feed([Event(b"{}", b"delta"), b"{}", Event(b"{}", b"\xff")]) == ["delta ", "None ", "\ufffd "]
