"""How an application converses, calls tools and asks for objects: checked by mypy --strict and pyright, never executed."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, assert_type

import attrs

from pepperpy.providers import (
    Capabilities,
    Completion,
    CompletionStream,
    Explanation,
    File,
    FinishEvent,
    Image,
    Message,
    Model,
    Provider,
    ProviderOutputError,
    ProviderTurnLimitError,
    ReadyProvider,
    ReasoningEvent,
    Text,
    TextEvent,
    Tool,
    ToolCall,
    ToolCallEvent,
    ToolLike,
    ToolResultEvent,
    ToolRun,
    ToolRunStream,
    Usage,
    run_tools,
)


@attrs.frozen
class Invoice:
    number: str
    total: float


@dataclass
class Person:
    name: str


class Address(TypedDict):
    street: str


def look_up(city: str, days: int = 1) -> str:
    """Look up the weather of a city."""
    return f"{city}: sunny for {days} days"


async def save(invoice: Invoice) -> bool:
    """Save an invoice."""
    return bool(invoice.number)


async def converse(provider: ReadyProvider) -> None:
    conversation = [Message.system("Be brief."), Message.user("What is this?", Image.from_path("cat.png"))]
    answer = await provider.complete(conversation)
    assert_type(answer, Completion)
    assert_type(answer.message, Message)
    assert_type(answer.reasoning, str | None)
    assert_type(answer.usage.reasoning_tokens, int | None)
    conversation += [answer.message, Message.user([Text("And this?"), File.from_bytes(b"%PDF-")])]
    await provider.complete(
        conversation,
        model="gpt-5.2",
        system="Be kind.",
        reasoning="low",
        stop=["END"],
        top_p=0.5,
        seed=1,
        timeout=30,
        extra_body={"store": False},
    )
    await provider.complete(Message.user("Hello"), max_tokens=5)
    await provider.complete((Message.user("Hello"),))


async def call_by_hand(provider: ReadyProvider) -> None:
    tools = [Tool.from_function(look_up), Tool(name="ask", description="Ask the user.", parameters={"type": "object"})]
    answer = await provider.complete("What is the weather?", tools=[*tools, save], tool_choice=tools[0])
    assert_type(answer.tool_calls, tuple[ToolCall, ...])
    results: list[Message] = []
    for call in answer.tool_calls:
        assert_type(call.arguments, dict[str, Any])
        assert_type(call.problem, str | None)
        results.append(Message.tool(call, {"sky": "sunny"}))
        results.append(Message.tool(call.id, "failed", name=call.name, is_error=True))


async def ask_for_objects(provider: ReadyProvider) -> None:
    answer = await provider.complete("Read this.", output=Invoice)
    assert_type(answer, Completion[Invoice])
    assert_type(answer.output, Invoice)
    assert_type((await provider.complete("Read this.", output=Person)).output, Person)
    assert_type((await provider.complete("Read this.", output=Address)).output, Address)
    raw = await provider.complete("Read this.", output={"type": "object"})
    assert_type(raw.output, Any)
    # What is no class: the checkers cannot tell what it stands for, and let it pass.
    await provider.complete("Is it paid?", output=Literal["yes", "no"])
    await provider.complete("Who is it?", output=Person | None)
    await provider.run_tools("Is it paid?", [look_up], output=Literal["yes", "no"])
    assert_type((await provider.complete("Who are they?", output=list[Person])).output, list[Person])
    stream = await provider.complete("Read this.", output=Invoice, stream=True)
    assert_type(stream, CompletionStream[Invoice])
    assert_type(stream.output, Invoice)
    try:
        await provider.complete("Read this.", output=Invoice)
    except ProviderOutputError as error:
        assert_type(error.completion, Completion | None)


async def follow(provider: ReadyProvider) -> None:
    async for event in (await provider.complete("Think.", stream=True, reasoning="high")).events():
        match event:
            case TextEvent(text) | ReasoningEvent(text):
                assert_type(text, str)
            case ToolCallEvent(call):
                assert_type(call, ToolCall)
            case FinishEvent():
                assert_type(event.usage, Usage)


async def let_tools_run(provider: ReadyProvider, other: Provider) -> None:
    run = await provider.run_tools("What is the weather?", [look_up, save], tool_choice="required", max_turns=3)
    assert_type(run, ToolRun)
    assert_type(run.messages, tuple[Message, ...])
    assert_type(run.turns, int)
    text: str = run
    await provider.complete([*run.messages, Message.user(text)])
    assert_type(await provider.run_tools("x", [save], output=Invoice), ToolRun[Invoice])
    assert_type((await run_tools(other, "x", tools=[look_up], output=Invoice)).output, Invoice)

    async with await provider.run_tools("x", [look_up], stream=True) as stream:
        assert_type(stream, ToolRunStream)
        async for piece in stream:
            assert_type(piece, str)
    assert_type(stream.completion, ToolRun)
    async for event in (await other.run_tools("x", [look_up], output=Invoice, stream=True)).events():
        match event:
            case ToolResultEvent(call, message):
                assert_type(call, ToolCall)
                assert_type(message.is_error, bool)
            case TextEvent() | ReasoningEvent() | ToolCallEvent() | FinishEvent():
                print(event)
    try:
        await provider.run_tools("x", [look_up])
    except ProviderTurnLimitError as error:
        assert_type(error.messages, tuple[Message, ...])


async def give_tools_of_all_kinds(provider: ReadyProvider) -> None:
    ask = Tool(name="ask", description="Ask the user.")
    functions = [look_up, save]
    mixed = [look_up, ask]
    told: list[ToolLike] = [look_up, ask]
    for tools in (functions, mixed, told, (look_up, save)):
        await provider.complete("x", tools=tools)
        await provider.run_tools("x", tools)
    await provider.run_tools("x", [Tool.from_function(lambda: "12", name="clock"), functools.partial(look_up, days=2)])
    await provider.run_tools("x", [Tool(name="clock", function=lambda: "12"), look_up, save])


async def look_around(provider: ReadyProvider) -> None:
    assert_type(provider.capabilities, Capabilities)
    assert_type(provider.capabilities.tools, bool)
    models = await provider.list_models()
    assert_type(models, list[Model])
    assert_type(models[0].context_length, int | None)
    explanation = provider.explain("Hello", temperature=0, tools=[look_up])
    assert_type(explanation, Explanation)
    print(explanation, explanation.body["model"], explanation.mapped["temperature"])


class Conversing(Provider):
    """A provider of somebody's own that takes conversations and tools."""

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(conversations=True, tools=True)

    async def complete(self, prompt: Any, *, stream: bool = False, **options: Any) -> Completion | AsyncIterator[str]:
        return Completion("ok")
