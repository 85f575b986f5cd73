"""The loop of tools keeps the promises too: over real sockets, in the OpenAI wire format."""

from __future__ import annotations

import asyncio
import json
import weakref
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, cast

import pytest

from pepperpy.providers import (
    ProviderAPIError,
    ProviderConnectionError,
    ProviderInputError,
    ProviderNotInitializedError,
    ProviderStreamError,
    ProviderStreamTimeoutError,
    ReadyProvider,
    ToolResultEvent,
    ToolRunStream,
)
from pepperpy.providers.testing import FakeService, Reply

from .conftest import MakeProvider
from .kit import DONE, WIRE, chunk, provider_for, within

ran: list[str] = []


@pytest.fixture(autouse=True)
def no_runs() -> None:
    """Nothing has run yet."""
    ran.clear()


def look_up(city: str) -> str:
    """Look up the weather of a city."""
    ran.append(city)
    return f"sunny in {city}"


def written(*cities: str) -> list[dict[str, Any]]:
    """The calls of the tool, as they go over the wire."""
    return [
        {
            "index": index,
            "id": f"call_{city}",
            "type": "function",
            "function": {"name": "look_up", "arguments": json.dumps({"city": city})},
        }
        for index, city in enumerate(cities)
    ]


def calls(*cities: str) -> Reply:
    """An answer that calls the tool."""
    message = {"role": "assistant", "content": None, "tool_calls": written(*cities)}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    return Reply.of_json({"id": "c-1", "model": "m", "choices": [choice], "usage": WIRE.USAGE})


def streamed_calls(*cities: str, text: str = "") -> Reply:
    """The same as a stream, each call in fragments."""
    events: list[Any] = [chunk(text or None)]
    for call in written(*cities):
        function = call["function"]
        begin, rest = function["arguments"][:5], function["arguments"][5:]
        for fragment in (
            {**call, "function": {**function, "arguments": begin}},
            {"index": call["index"], "function": {"arguments": rest}},
        ):
            events.append({"choices": [{"index": 0, "delta": {"tool_calls": [fragment]}, "finish_reason": None}]})
    return Reply.of_events([*events, chunk(finish_reason="tool_calls"), {"choices": [], "usage": WIRE.USAGE}, DONE])


async def opened(provider: ReadyProvider, **options: Any) -> ToolRunStream:
    """The stream of a run."""
    return await provider.run_tools("x", [look_up], stream=True, **options)


async def test_a_round_trip(service: FakeService) -> None:
    """The results of all calls go back under their ids, behind the message that asked for them."""
    service.replies = [calls("Paris", "Rome"), WIRE.completion("Sunny in both.")]

    async with await provider_for(service) as provider:
        run = await provider.run_tools("What is the weather?", [look_up], tool_choice="required")
    first, second = (request.json for request in service.requests)

    assert run == "Sunny in both."
    assert run.usage.total_tokens == 16
    assert (run.turns, run.attempts) == (2, 2)
    assert first["tools"][0]["function"]["name"] == "look_up"
    assert second["tools"] == first["tools"]
    assert (first["tool_choice"], second["tool_choice"]) == ("required", "auto")
    assert [message["role"] for message in second["messages"]] == ["user", "assistant", "tool", "tool"]
    assert [call["id"] for call in second["messages"][1]["tool_calls"]] == ["call_Paris", "call_Rome"]
    assert [(m["tool_call_id"], m["content"]) for m in second["messages"][2:]] == [
        ("call_Paris", "sunny in Paris"),
        ("call_Rome", "sunny in Rome"),
    ]


async def test_a_round_trip_as_a_stream(service: FakeService) -> None:
    """The stream gives the text of both answers, and sends what a run without a stream sends."""
    service.replies = [streamed_calls("Paris", "Rome", text="Let me see. "), WIRE.stream(["Sunny ", "in both."])]

    async with await provider_for(service) as provider, await opened(provider) as stream:
        pieces = [piece async for piece in stream]
    second = service.requests[1].json

    assert pieces == ["Let me see. ", "Sunny ", "in both."]
    assert sorted(ran) == ["Paris", "Rome"]
    assert stream.completion == "Sunny in both."
    assert stream.usage.total_tokens == 16
    assert [m["content"] for m in second["messages"]] == ["x", "Let me see. ", "sunny in Paris", "sunny in Rome"]
    assert second["stream"] is True


@pytest.mark.parametrize("stream", [False, True])
async def test_a_later_turn_is_retried_as_the_first(
    service: FakeService, make: MakeProvider, no_waiting: list[float | None], stream: bool
) -> None:
    """Promise 9: each turn has the provider's retries, and a function is not run again for them."""
    turns = (streamed_calls("Paris"), WIRE.stream(["ok"])) if stream else (calls("Paris"), WIRE.completion("ok"))
    service.replies = [turns[0], WIRE.error(429, "busy", headers={"Retry-After": "7"}), turns[1]]
    provider = await make(max_retries=1)

    if stream:
        run = await opened(provider)
        assert [piece async for piece in run] == ["ok"]
        answer = run.completion
    else:
        answer = await provider.run_tools("x", [look_up])

    assert answer == "ok"
    assert (answer.turns, answer.attempts) == (2, 3)
    assert ran == ["Paris"]
    assert no_waiting == [7]
    assert service.requests[1].body == service.requests[2].body


async def test_a_turn_that_fails_does_not_lose_the_others(service: FakeService) -> None:
    """The error of a later turn has the conversation: to go on with it runs no function twice."""
    service.replies = [calls("Paris"), WIRE.error(400, "no luck"), WIRE.completion("ok")]

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderAPIError) as caught:
            await provider.run_tools("x", [look_up])

        assert await provider.run_tools(caught.value.messages, [look_up]) == "ok"

    assert ran == ["Paris"]
    assert service.requests[2].json["messages"] == service.requests[1].json["messages"]


@pytest.mark.parametrize("end", ["keep", "cut", "reset"])
async def test_a_stream_that_is_cut_in_a_later_turn(service: FakeService, end: Any) -> None:
    """Promise 25: the cut raises behind the pieces that had come; nothing is run or asked again."""
    service.replies = [streamed_calls("Paris", text="Let me see. "), WIRE.unfinished(["Sun", "ny"], end=end)]
    pieces = []

    async with await provider_for(service, max_retries=2) as provider:
        stream = await opened(provider)
        for _ in range(2):
            with pytest.raises(ProviderStreamError, match="broke") as caught:
                async for piece in stream:
                    pieces.append(piece)

    assert pieces == ["Let me see. ", "Sun", "ny"]
    assert caught.value.partial_text == stream.completion.text == "Sunny"
    assert [message.role for message in caught.value.messages] == ["user", "assistant", "tool"]
    assert ran == ["Paris"]
    assert len(service.requests) == 2


async def test_a_stream_that_is_cut_in_the_middle_of_a_call(service: FakeService) -> None:
    """Promise 25: a call of which a part came is not run."""
    reply = streamed_calls("Paris")
    service.replies = [Reply.of_events(list(reply.body)[:2])]

    async with await provider_for(service) as provider:
        with pytest.raises(ProviderStreamError):
            stream = await opened(provider)
            [piece async for piece in stream]

    assert ran == []


async def test_a_slow_function_is_no_silence_of_the_service(service: FakeService) -> None:
    """Promise 16: `timeout` bounds the service's silences, not the functions; a later turn's silence it does bound."""
    going_on = asyncio.Event()

    async def look(city: str) -> str:
        await going_on.wait()
        return city

    def answer(name: str) -> Callable[[Any], Reply]:
        async def later() -> None:
            await asyncio.sleep(0.4)
            going_on.set()

        def reply(request: Any) -> Reply:
            waiting.append(asyncio.ensure_future(later()))
            return Reply.of_events(
                [event.replace(b"look_up", b"look") for event in cast("list[bytes]", streamed_calls(name).body)]
            )

        return reply

    waiting: list[Any] = []
    service.replies = [answer("Paris"), WIRE.unfinished(["Sun"], end="hold")]

    async with await provider_for(service, timeout=0.2) as provider:
        stream = await provider.run_tools("x", [look], stream=True)
        with pytest.raises(ProviderStreamTimeoutError) as caught, within(5, least=0.4):
            [piece async for piece in stream]

    assert caught.value.partial_text == "Sun"
    assert len(service.requests) == 2


async def cancel_the_task(task: asyncio.Task[Any], provider: ReadyProvider) -> type[BaseException]:
    task.cancel()
    return asyncio.CancelledError


async def clean_up(task: asyncio.Task[Any], provider: ReadyProvider) -> type[BaseException]:
    await provider.cleanup()
    going_on.set()
    return ProviderNotInitializedError


going_on = asyncio.Event()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("disturb", [cancel_the_task, clean_up])
async def test_what_comes_while_a_function_runs(service: FakeService, disturb: Any, stream: bool) -> None:
    """Promise 8: cancelling reaches the functions at once; after a cleanup no further turn is asked for."""
    running, ended = asyncio.Event(), []
    going_on.clear()

    async def look_up(city: str) -> str:
        """Wait."""
        try:
            running.set()
            await going_on.wait()
        finally:
            ended.append(city)
        return city

    async def run(provider: ReadyProvider) -> None:
        if stream:
            async for _ in await provider.run_tools("x", [look_up], stream=True):
                pass
        else:
            await provider.run_tools("x", [look_up])

    service.replies = [streamed_calls("Paris", "Rome") if stream else calls("Paris", "Rome")]
    async with await provider_for(service) as provider:
        before = asyncio.all_tasks()
        task = asyncio.create_task(run(provider))
        await running.wait()
        expected = await disturb(task, provider)
        with pytest.raises(expected), within(0.5):
            await task

        assert asyncio.all_tasks() <= before | {task}

    assert sorted(ended) == ["Paris", "Rome"]
    assert len(service.requests) == 1


async def leave_by_break(provider: ReadyProvider) -> None:
    async for piece in await opened(provider):
        if piece == "Sun":
            break


async def leave_a_stream_that_is_kept(provider: ReadyProvider) -> None:
    kept = await opened(provider)
    async for piece in kept:
        if piece == "Sun":
            break
    with pytest.raises(ProviderStreamError, match="left before its end") as caught:
        await anext(kept)

    assert caught.value.partial_text == "Sun"


async def leave_the_events(provider: ReadyProvider) -> None:
    async for event in (await opened(provider)).events():
        if isinstance(event, ToolResultEvent):
            break


async def leave_by_an_error(provider: ReadyProvider) -> None:
    with suppress(ZeroDivisionError):
        async with await opened(provider) as stream:
            async for piece in stream:
                if piece == "Sun":
                    raise ZeroDivisionError


async def leave_by_aclose(provider: ReadyProvider) -> None:
    stream = await opened(provider)
    assert [await anext(stream), await anext(stream)] == ["Let me see. ", "Sun"]
    await stream.aclose()
    await stream.aclose()


async def leave_unread(provider: ReadyProvider) -> None:
    await opened(provider)


async def leave_by_cancellation(provider: ReadyProvider) -> None:
    async def read() -> None:
        async for _ in stream:
            seen.set()

    stream, seen = await opened(provider), asyncio.Event()
    task = asyncio.create_task(read())
    await seen.wait()
    seen.clear()
    await seen.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    "leave",
    [
        leave_by_break,
        leave_a_stream_that_is_kept,
        leave_the_events,
        leave_by_an_error,
        leave_by_aclose,
        leave_unread,
        leave_by_cancellation,
    ],
)
async def test_leaving_lets_the_connection_go(
    service: FakeService, leave: Callable[[ReadyProvider], Awaitable[Any]]
) -> None:
    """Promise 30: however a run is left, its connection goes within a second, without a garbage collection."""
    first = streamed_calls("Paris", text="Let me see. ")
    if leave is leave_unread:
        first = WIRE.unfinished(["Let me see. "], end="hold")
    service.replies = [first, WIRE.unfinished(["Sun"], end="hold")]

    async with await provider_for(service) as provider:
        await leave(provider)
        # What was read to its end stays open for the next request.
        await service.until(lambda: service.open <= (leave is leave_the_events), seconds=1)

        service.replies = [WIRE.completion("ok")]

        assert await provider.complete("x") == "ok"


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("end", [WIRE.stream(["ok"]), WIRE.unfinished(["o"], end="cut"), WIRE.error(400, "no luck")])
async def test_a_run_is_not_kept(service: FakeService, end: Reply) -> None:
    """Promise 30: a run that ended, well or not, is let go with its last reference."""
    service.replies = [streamed_calls("Paris"), end]

    async with await provider_for(service) as provider:
        stream = await opened(provider)
        kept = weakref.ref(stream)
        with suppress(ProviderAPIError):
            async for _ in stream:
                pass
        del stream
        # The event loop itself holds a task that failed until its next round.
        await asyncio.sleep(0)

        assert kept() is None


async def read_on(stream: ToolRunStream) -> str:
    pieces = []
    while (piece := await anext(stream, None)) is not None:
        pieces.append(piece)
    return "".join(pieces)


async def test_a_run_that_is_closed_while_it_is_read(service: FakeService) -> None:
    """Promise 31: who waits for a piece of a run that another task closes is told, and whoever reads beside it too."""
    service.replies = [streamed_calls("Paris", text="a"), WIRE.unfinished(["b"], end="hold")]

    async with await provider_for(service) as provider:
        stream = await opened(provider)
        assert [await anext(stream), await anext(stream)] == ["a", "b"]
        reader = asyncio.create_task(read_on(stream))
        await asyncio.sleep(0)
        with pytest.raises(ProviderInputError, match="another task"):
            await anext(stream)
        await stream.aclose()
        with pytest.raises((ProviderStreamError, ProviderConnectionError)), within(1):
            await reader

        await service.until(lambda: service.open == 0)


async def test_a_run_that_is_closed_while_a_turn_is_opened(service: FakeService) -> None:
    """Promise 31: closing a run gives up a request that nobody has answered yet."""
    service.replies = [streamed_calls("Paris", text="a"), Reply(delay=60)]

    async with await provider_for(service) as provider:
        stream = await opened(provider)
        reader = asyncio.create_task(read_on(stream))
        await service.until(lambda: len(service.requests) == 2)
        with within(1):
            await stream.aclose()
        with pytest.raises(ProviderStreamError, match="left before its end"):
            await reader

        await service.until(lambda: service.open == 0, seconds=1)
