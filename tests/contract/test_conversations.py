"""What conversations add to the two methods, over a real socket: events, structured answers, models, explanations."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest

from pepperpy.providers import (
    Completion,
    FinishEvent,
    Message,
    Provider,
    ProviderCapabilityError,
    ProviderConfig,
    ProviderInputError,
    ProviderOutputError,
    ProviderResponseError,
    ProviderStreamError,
    ReadyProvider,
    ReasoningEvent,
    TextEvent,
    Timeouts,
    Tool,
    ToolCall,
    ToolCallEvent,
    create_provider,
)
from pepperpy.providers.testing import FakeService, OpenAIWire, Received, Reply

WIRE = OpenAIWire()
KEY = "sk-conversations-1234567890"
ADD = Tool(name="add", parameters={"type": "object", "properties": {"a": {"type": "integer"}}})


@attrs.frozen
class City:
    """A city."""

    name: str
    people: int


async def provider_for(service: FakeService, **settings: Any) -> ReadyProvider:
    settings = {"max_retries": 0, **settings}
    return await create_provider("openai", api_key=KEY, base_url=service.url, model="m", **settings)


def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {"id": "1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


CALLING = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"reasoning_content": "Let me "}),
    chunk({"reasoning_content": "see."}),
    chunk({"content": "I "}),
    chunk({"content": "add."}),
    chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "add", "arguments": '{"a"'}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}),
    chunk({}, "tool_calls"),
    {"choices": [], "usage": WIRE.USAGE},
    b"data: [DONE]\n\n",
]
CALL = ToolCall("c", "add", '{"a": 1}')


async def test_a_conversation_goes_on() -> None:
    """A completion's message is sent with the next turn."""
    async with (
        FakeService(WIRE.completion("Paris"), WIRE.completion("2 million")) as service,
        await provider_for(service) as provider,
    ):
        conversation = [Message.user("Capital?")]
        conversation.append((await provider.complete(conversation)).message)
        conversation.append(Message.user("People?"))
        await provider.complete(conversation, system="Be brief.")

    assert service.requests[1].json["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Capital?"},
        {"role": "assistant", "content": "Paris"},
        {"role": "user", "content": "People?"},
    ]


@pytest.mark.parametrize("pause", [0, 0.001], ids=["in one piece", "one by one"])
async def test_events(pause: float) -> None:
    """All that comes is told in its order: reasoning, text, calls, the end."""
    async with (
        FakeService(Reply.of_events(CALLING, pause=pause)) as service,
        await provider_for(service) as provider,
    ):
        stream = await provider.complete("x", stream=True, tools=[ADD])
        events = [event async for event in stream.events()]
    *others, last = events

    assert others == [
        ReasoningEvent("Let me "),
        ReasoningEvent("see."),
        TextEvent("I "),
        TextEvent("add."),
        ToolCallEvent(CALL),
    ]
    assert isinstance(last, FinishEvent)
    assert (last.finish_reason, last.usage.output_tokens, last.completion) == ("tool_calls", 5, "I add.")
    assert (last.completion.reasoning, last.completion.tool_calls) == ("Let me see.", (CALL,))


async def test_a_stream_opens_with_the_reasoning() -> None:
    """Who waits for events sees reasoning while there is no text yet."""
    async with (
        FakeService(Reply.of_events(CALLING[:3], end="hold")) as service,
        await provider_for(service) as provider,
        await provider.complete("x", stream=True) as stream,
    ):
        events = stream.events()

        assert [await anext(events), await anext(events)] == [ReasoningEvent("Let me "), ReasoningEvent("see.")]


async def test_events_behind_pieces() -> None:
    """What was iterated over as text before is not told again."""
    async with FakeService(Reply.of_events(CALLING)) as service, await provider_for(service) as provider:
        stream = await provider.complete("x", stream=True)

        assert [piece async for piece in stream] == ["I ", "add."]
        assert [type(event) async for event in stream.events()] == [
            ReasoningEvent,
            ReasoningEvent,
            ToolCallEvent,
            FinishEvent,
        ]


async def test_the_end_is_told_once() -> None:
    """Calls and the end are not told again, so that nobody answers a call twice."""
    async with FakeService(Reply.of_events(CALLING)) as service, await provider_for(service) as provider:
        stream = await provider.complete("x", stream=True)
        first = [event async for event in stream.events()]

        assert len(first) == 6
        assert [event async for event in stream.events()] == []


async def test_events_of_a_plain_answer() -> None:
    """A service that answers a request for a stream as a whole gives the same events."""
    message = {"content": "Hi", "reasoning": "hm", "tool_calls": [{"id": "c", "function": {"name": "f"}}]}
    whole = Reply.of_json({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    async with FakeService(whole) as service, await provider_for(service) as provider:
        events = [event async for event in (await provider.complete("x", stream=True)).events()]

    assert events[:-1] == [ReasoningEvent("hm"), TextEvent("Hi"), ToolCallEvent(ToolCall("c", "f", ""))]


async def test_a_cut_among_events() -> None:
    """A stream that is cut raises behind the events that had come; there is no event of an end."""
    async with (
        FakeService(Reply.of_events(CALLING[:5], end="cut")) as service,
        await provider_for(service) as provider,
    ):
        stream = await provider.complete("x", stream=True)
        seen = []
        with pytest.raises(ProviderStreamError) as caught:
            async for event in stream.events():
                seen.append(event)

    assert seen == [ReasoningEvent("Let me "), ReasoningEvent("see."), TextEvent("I "), TextEvent("add.")]
    assert caught.value.partial_text == "I add."


async def test_leaving_events_early_closes_the_stream() -> None:
    """`break` lets go of the connection."""
    async with (
        FakeService(Reply.of_events(CALLING[:5], end="hold")) as service,
        await provider_for(service) as provider,
    ):
        async for _ in (await provider.complete("x", stream=True)).events():
            break
        await service.until(lambda: service.open == 0)


async def test_structured_output() -> None:
    """The answer's `output` is an object of the class, plain and streamed."""
    text = '{"name": "Paris", "people": 2000000}'
    async with (
        FakeService(WIRE.completion(text), WIRE.stream([text[:9], text[9:]])) as service,
        await provider_for(service) as provider,
    ):
        completion = await provider.complete("x", output=City)
        stream = await provider.complete("x", output=City, stream=True)
        pieces = [piece async for piece in stream]

    assert completion == "".join(pieces) == text
    assert completion.output == stream.output == stream.completion.output == City("Paris", 2_000_000)
    assert service.requests[0].json["response_format"]["json_schema"]["name"] == "City"


@pytest.mark.parametrize("text", ['{"name": "Paris"}', '{"name": "Paris", "people": "many"}', "Paris", "[]", "null"])
async def test_an_answer_that_does_not_fit(text: str) -> None:
    """It is an error that holds the answer; nothing is asked again."""
    async with (
        FakeService(WIRE.completion(text), WIRE.stream([text])) as service,
        await provider_for(service, max_retries=2) as provider,
    ):
        with pytest.raises(ProviderOutputError) as plain:
            await provider.complete("x", output=City)
        stream = await provider.complete("x", output=City, stream=True)
        with pytest.raises(ProviderOutputError) as streamed:
            async for _ in stream:
                pass

    assert plain.value.completion == streamed.value.completion == text
    assert isinstance(plain.value.completion, Completion)
    assert plain.value.completion.usage.output_tokens == 5
    assert len(service.requests) == 2


async def test_the_key_in_an_answer_that_does_not_fit() -> None:
    """An error that holds the answer does not hold the key."""
    async with FakeService(WIRE.completion(f"no: {KEY}")) as service, await provider_for(service) as provider:
        with pytest.raises(ProviderOutputError) as caught:
            await provider.complete("x", output=City)

    assert KEY not in repr(vars(caught.value)) + str(caught.value)
    assert caught.value.completion is not None
    assert KEY not in json.dumps(caught.value.completion.raw)


async def test_an_explanation_is_what_is_sent() -> None:
    """`explain` shows the very body that `complete` sends, tells what became of each argument, and sends nothing."""
    options: dict[str, Any] = {
        "system": "Be brief.",
        "temperature": 0.5,
        "max_tokens": 9,
        "reasoning": "low",
        "tools": [ADD],
        "tool_choice": "add",
        "output": City,
        "stop": "END",
        "model": "other",
        "extra_body": {"key": KEY, "n": 1},
    }
    async with (
        FakeService(WIRE.completion('{"name": "x", "people": 1}')) as service,
        await provider_for(service, organization="org-1") as provider,
    ):
        explained = provider.explain("Hello", **options)
        assert not service.requests
        await provider.complete("Hello", **options)
        url = service.url
    sent = service.requests[0]

    assert (explained.method, explained.url) == ("POST", f"{url}/chat/completions")
    assert {**explained.body, "key": KEY} == sent.json
    assert explained.headers["Authorization"] == "Bearer ***"
    assert explained.headers["OpenAI-Organization"] == "org-1"
    assert explained.mapped["prompt"] == {"messages[1].content": "Hello"}
    assert explained.mapped["max_tokens"] == {"max_tokens": 9}
    assert explained.mapped["reasoning"] == {"reasoning_effort": "low"}
    assert explained.mapped["model"] == {"model": "other"}
    assert explained.mapped["tool_choice"] == {"tool_choice.type": "function", "tool_choice.function.name": "add"}
    assert explained.mapped["extra_body"] == {"key": "***", "n": 1}
    assert explained.mapped["output"]["response_format.json_schema.name"] == "City"
    assert KEY not in str(explained) + repr(explained)


async def test_an_explanation_of_what_is_wrong() -> None:
    """What `complete` would refuse, `explain` refuses in the same words."""
    async with FakeService() as service, await provider_for(service) as provider:
        with pytest.raises(ProviderInputError, match="did you mean 'temperature'"):
            provider.explain("x", temprature=1)


async def test_models_of_a_service() -> None:
    """The models that the service lists."""
    rows = [{"id": "a", "object": "model", "created": 5, "owned_by": "x"}]
    async with (
        FakeService(Reply.of_json({"object": "list", "data": rows})) as service,
        await provider_for(service) as provider,
    ):
        (model,) = await provider.list_models()

    assert (model.id, model.created, model.raw) == ("a", 5, rows[0])
    assert (service.requests[0].method, service.requests[0].path) == ("GET", "/models")
    assert WIRE.key_of(service.requests[0]) == KEY


async def test_a_list_of_models_that_is_none() -> None:
    """Whatever else comes is an error."""
    async with FakeService(Reply.of_json({"data": None})) as service, await provider_for(service) as provider:
        with pytest.raises(ProviderResponseError, match="without a list of models"):
            await provider.list_models()


async def test_bounds_of_one_call() -> None:
    """`timeout` of a call bounds that call; a wrong one is refused before anything is sent."""

    def slow(request: Received) -> Reply:
        return attrs.evolve(WIRE.completion("late"), delay=5)

    async with FakeService(slow) as service, await provider_for(service) as provider:
        with pytest.raises(TimeoutError):
            await provider.complete("x", timeout=Timeouts(attempt=0.05))
        for wrong in (0, -1, float("nan"), "3", True):
            with pytest.raises(ProviderInputError, match="timeout"):
                await provider.complete("x", timeout=wrong)  # type: ignore[call-overload]

    assert len(service.requests) == 1


async def test_capabilities_are_known_before_a_call() -> None:
    """What a provider can do is data."""
    async with FakeService() as service, await provider_for(service) as provider:
        capabilities = provider.capabilities

    assert capabilities.tools
    assert capabilities.embeddings
    assert {"temperature", "tools", "output", "reasoning"} <= (capabilities.options or frozenset())


class Echo(Provider):
    """A provider as they were before there were conversations."""

    async def complete(self, prompt: str, **options: Any) -> str | AsyncIterator[str]:  # type: ignore[override]
        return prompt


async def test_a_provider_of_texts_alone() -> None:
    """It says that it can no more, and refuses what it has not."""
    provider = Echo(ProviderConfig("echo"))

    assert provider.capabilities == attrs.evolve(provider.capabilities, tools=False, embeddings=False)
    with pytest.raises(ProviderCapabilityError, match="lists no models"):
        await provider.list_models()
    with pytest.raises(ProviderCapabilityError, match="shows no requests"):
        provider.explain("x")
