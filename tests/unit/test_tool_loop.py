"""The loop of tools asks, answers calls and asks again; what goes wrong with a call the model is told."""

from __future__ import annotations

import asyncio
import copy
import functools
import json
import logging
import pickle
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from typing import Any, cast

import attrs
import pytest

from pepperpy.providers import (
    Capabilities,
    Completion,
    FinishEvent,
    Message,
    Provider,
    ProviderCapabilityError,
    ProviderConfig,
    ProviderError,
    ProviderInputError,
    ProviderRateLimitError,
    ProviderStreamError,
    ProviderTurnLimitError,
    StreamEvent,
    TextEvent,
    Tool,
    ToolCall,
    ToolCallEvent,
    ToolResultEvent,
    ToolRun,
    ToolRunStream,
    Usage,
    run_tools,
)


def calling(*calls: tuple[str, Any], text: str = "", **fields: Any) -> Completion:
    """An answer that calls tools, each by name and arguments, which are written as JSON unless they are a text."""
    made = [
        ToolCall(f"call_{place}", name, arguments if isinstance(arguments, str) else json.dumps(arguments))
        for place, (name, arguments) in enumerate(calls)
    ]
    return Completion(text, tool_calls=tuple(made), finish_reason="tool_calls", **fields)


class Stream:
    """A stream that was scripted: its text, its calls, its end."""

    def __init__(self, completion: Completion) -> None:
        self.completion = completion
        self.closed = False

    async def events(self) -> AsyncIterator[StreamEvent]:
        if self.completion:
            yield TextEvent(self.completion.text)
        for call in self.completion.tool_calls:
            yield ToolCallEvent(call)
        yield FinishEvent(self.completion)

    async def aclose(self) -> None:
        self.closed = True


class Scripted(Provider):
    """A provider that answers as it is told and notes what it was asked."""

    offered = Capabilities(conversations=True, tools=True)

    def __init__(self, *answers: Any) -> None:
        super().__init__(ProviderConfig("scripted"))
        self.answers = list(answers)
        self.conversations: list[list[Message]] = []
        self.asked: list[dict[str, Any]] = []

    @property
    def capabilities(self) -> Capabilities:
        return self.offered

    async def complete(self, prompt: Any, **options: Any) -> Any:
        self.conversations.append(list(prompt))
        self.asked.append(options)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return Stream(answer) if options.get("stream") else answer

    @property
    def results(self) -> list[Message]:
        """The messages of tools in what was asked last."""
        return [message for message in self.conversations[-1] if message.role == "tool"]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def test_a_call_is_answered_and_the_model_asked_again() -> None:
    """The function's result goes back as the answer to its call; the last answer comes with the whole conversation."""
    provider = Scripted(calling(("add", {"a": 2, "b": 3}), text="Let me see."), Completion("It is 5."))
    run = await run_tools(provider, "What is 2 + 3?", [add], temperature=0)

    assert run == "It is 5."
    assert isinstance(run, ToolRun)
    assert run.turns == 2
    assert [(m.role, m.text) for m in run.messages] == [
        ("user", "What is 2 + 3?"),
        ("assistant", "Let me see."),
        ("tool", "5"),
        ("assistant", "It is 5."),
    ]
    assert run.messages[2].tool_call_id == "call_0"
    assert run.messages[2].name == "add"
    assert not run.messages[2].is_error
    assert provider.conversations == [list(run.messages[:1]), list(run.messages[:3])]
    assert [asked["temperature"] for asked in provider.asked] == [0, 0]
    assert [[tool.name for tool in asked["tools"]] for asked in provider.asked] == [["add"], ["add"]]


async def test_a_provider_runs_tools_itself() -> None:
    """`provider.run_tools` is the same, on any provider."""
    provider = Scripted(calling(("add", {"a": 2, "b": 3})), Completion("5"))

    assert await provider.run_tools("x", [add]) == "5"


async def test_usage_and_attempts_are_summed_up() -> None:
    """The result tells what all turns used; what was not said of any stays unsaid."""
    provider = Scripted(
        calling(("add", {"a": 1, "b": 1}), usage=Usage(input_tokens=3, output_tokens=5), attempts=2),
        Completion("2", usage=Usage(input_tokens=10, cached_tokens=1), model="m", id="i", finish_reason="stop"),
    )
    run = await run_tools(provider, "x", [add])

    assert run.usage == Usage(input_tokens=13, output_tokens=5, cached_tokens=1)
    assert run.attempts == 3
    assert (run.model, run.id, run.finish_reason) == ("m", "i", "stop")


async def test_a_conversation_goes_on_with_the_messages_of_a_run() -> None:
    """A run takes a conversation, leaves it as it is, and its `messages` are the next one."""
    conversation = [Message.system("Be brief."), Message.user("What is 2 + 3?")]
    first = await run_tools(Scripted(calling(("add", {"a": 2, "b": 3})), Completion("5")), conversation, [add])
    provider = Scripted(Completion("7"))
    second = await run_tools(provider, [*first.messages, Message.user("And 2 more?")], [add])

    assert len(conversation) == 2
    assert [m.role for m in second.messages] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
        "assistant",
    ]


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda run: pickle.loads(pickle.dumps(run))])
async def test_a_run_survives_copy_and_pickle(again: Callable[[ToolRun], ToolRun]) -> None:
    """A result keeps its conversation and everything else when it is copied or pickled."""
    run = await run_tools(
        Scripted(calling(("add", {"a": 2, "b": 3})), Completion("5", usage=Usage(cost=1.5))), "x", [add]
    )
    other = again(run)

    assert (type(other), other, other.messages, other.turns) == (ToolRun, run, run.messages, run.turns)
    assert other.usage == run.usage


@attrs.frozen
class Point:
    x: int


@pytest.mark.parametrize(
    ("result", "said"), [("as it is", "as it is"), (None, "null"), ([1, "é"], '[1, "é"]'), (Point(3), '{"x": 3}')]
)
async def test_results_are_texts_or_json(result: Any, said: str) -> None:
    """A text goes to the model as it is, anything else as JSON."""

    def look() -> Any:
        return result

    provider = Scripted(calling(("look", {})), Completion("ok"))
    await run_tools(provider, "x", [look])
    (answer,) = provider.results

    assert answer.text == said or json.loads(answer.text) == json.loads(said)
    assert not answer.is_error


VARIABLE: ContextVar[str] = ContextVar("VARIABLE")


async def test_functions_run_where_they_belong() -> None:
    """Async functions run in the event loop, the others in a thread, both in the caller's context."""
    seen: dict[str, tuple[bool, str]] = {}

    def note(name: str) -> None:
        seen[name] = (threading.current_thread() is threading.main_thread(), VARIABLE.get())

    def plain() -> None:
        note("plain")

    async def awaited() -> None:
        note("awaited")

    def late() -> Any:
        return awaited()

    class Object:
        async def __call__(self) -> None:
            note("object")

    tools = [
        plain,
        awaited,
        Tool(name="partial", function=functools.partial(awaited)),
        Tool(name="object", function=Object()),
        Tool(name="late", function=late),
    ]
    provider = Scripted(
        calling(*((name, {}) for name in ("plain", "awaited", "partial", "object", "late"))), Completion("ok")
    )
    VARIABLE.set("mine")
    await run_tools(provider, "x", tools)

    assert seen == {"plain": (False, "mine"), "awaited": (True, "mine"), "object": (True, "mine")}
    assert [result.text for result in provider.results] == ["null"] * 5


async def test_the_calls_of_an_answer_run_at_the_same_time() -> None:
    """Each of two async calls and of two threads waits for the other; their results keep the order of the calls."""
    meeting, threads = asyncio.Barrier(2), threading.Barrier(2)

    async def meet(name: str) -> str:
        await meeting.wait()
        return name

    def meet_in_a_thread(name: str) -> str:
        threads.wait(timeout=5)
        return name

    provider = Scripted(
        calling(*((tool, {"name": name}) for tool in ("meet", "meet_in_a_thread") for name in "ab")), Completion("ok")
    )
    async with asyncio.timeout(10):
        await run_tools(provider, "x", [meet, meet_in_a_thread])

    assert [result.text for result in provider.results] == ["a", "b", "a", "b"]
    assert [result.tool_call_id for result in provider.results] == [f"call_{n}" for n in range(4)]


class WordlessError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def fail(kind: str) -> Any:
    """Fail in one of several ways."""
    if kind == "a set":
        return {object()}
    raise {
        "value": ValueError("no such city"),
        "long": ValueError("x" * 100_000),
        "empty": KeyError(),
        "wordless": WordlessError(),
        "stop": StopIteration("done"),
        "group": ExceptionGroup("several", [ValueError("one")]),
        "input": ProviderInputError("give it a text"),
    }[kind]


async def fail_async(kind: str) -> Any:
    """Fail in the same ways, in the event loop."""
    return fail(kind)


@pytest.mark.parametrize("tool", [fail, fail_async])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"kind": "value"}, "ValueError: no such city"),
        ({"kind": "long"}, "ValueError: xxx"),
        ({"kind": "empty"}, "KeyError"),
        ({"kind": "wordless"}, "WordlessError"),
        ({"kind": "stop"}, "RuntimeError: "),
        ({"kind": "group"}, "ExceptionGroup: several"),
        ({"kind": "input"}, "ProviderInputError: give it a text"),
        ({"kind": "a set"}, "JSON"),
        ("{kind", "no JSON"),
        ("[1]", "no JSON object"),
        ({"sort": "value"}, "kind"),
    ],
)
async def test_what_goes_wrong_with_a_call_the_model_is_told(tool: Any, arguments: Any, said: str) -> None:
    """Broken arguments, wrong ones and exceptions are results that say so, of bounded length; the run goes on."""
    provider = Scripted(calling((tool.__name__, arguments), ("add", {"a": 1, "b": 1})), Completion("sorry"))
    async with asyncio.timeout(10):
        run = await run_tools(provider, "x", [tool, add])
    failed, fine = provider.results

    assert run == "sorry"
    assert said in failed.text
    assert failed.is_error
    assert len(failed.text) <= 1_000
    assert (fine.text, fine.is_error) == ("2", False)


async def test_a_tool_that_is_none_is_named_with_those_there_are() -> None:
    """A call of a tool that was not given says which ones there are."""
    provider = Scripted(calling(("subtract", {}), ("x" * 1000, {})), Completion("ok"))
    await run_tools(provider, "x", [add])

    assert all(result.is_error and "there are: add" in result.text for result in provider.results)
    assert "'subtract'" in provider.results[0].text
    assert len(provider.results[1].text) < 200


async def test_the_log_names_tool_and_exception_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """A function that fails is logged, without its words, its arguments or a traceback."""
    with caplog.at_level(logging.DEBUG, "pepperpy"):
        await run_tools(Scripted(calling(("fail", {"kind": "value"})), Completion("ok")), "x", [fail])
    (record,) = caplog.records

    assert (record.name, record.levelname) == ("pepperpy", "WARNING")
    assert "fail" in record.getMessage()
    assert "ValueError" in record.getMessage()
    assert "city" not in record.getMessage()
    assert record.exc_info is None


class Stop(BaseException):
    """No `Exception`."""


async def test_what_is_no_exception_passes_through() -> None:
    """A `BaseException` of a function leaves the run, and the other functions are ended first."""
    ended = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def stop() -> None:
        await asyncio.sleep(0)
        raise Stop

    before = asyncio.all_tasks()
    with pytest.raises(Stop):
        await run_tools(Scripted(calling(("wait", {}), ("stop", {}), ("wait", {}))), "x", [wait, stop])

    assert ended == [True, True]
    assert asyncio.all_tasks() == before


async def test_a_cancellation_that_is_not_the_callers() -> None:
    """Where a function waited for something that was cancelled, the model is told; nobody cancelled the run."""

    async def wait() -> None:
        task = asyncio.create_task(asyncio.Event().wait())
        asyncio.get_running_loop().call_soon(task.cancel)
        await task

    provider = Scripted(calling(("wait", {})), Completion("ok"))

    assert await run_tools(provider, "x", [wait]) == "ok"
    assert provider.results[0].text == "CancelledError"
    assert provider.results[0].is_error


@pytest.mark.parametrize("stream", [False, True])
async def test_cancellation_ends_the_functions_that_run(stream: bool) -> None:
    """A run that is cancelled while functions run cancels them, and leaves no task."""
    running, ended = asyncio.Event(), []

    async def wait() -> None:
        try:
            running.set()
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def run() -> None:
        provider = Scripted(calling(("wait", {}), ("wait", {})))
        if not stream:
            await run_tools(provider, "x", [wait])
        async for _ in await run_tools(provider, "x", [wait], stream=True):
            pass

    before = asyncio.all_tasks()
    task = asyncio.create_task(run())
    await running.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert ended == [True, True]
    assert asyncio.all_tasks() == before


async def test_a_tool_without_a_function_is_the_callers_to_answer() -> None:
    """The run ends with such a call, runs none of that answer, and goes on once the caller has answered all."""
    ran = []

    def note() -> None:
        ran.append(True)

    tools = [Tool(name="ask_user", description="Ask the user."), note]
    run = await run_tools(Scripted(calling(("note", {}), ("ask_user", {"question": "which?"}))), "x", tools)

    assert not ran
    assert [call.name for call in run.tool_calls] == ["note", "ask_user"]
    assert run.messages[-1] == run.message
    assert run.finish_reason == "tool_calls"
    answered = [*run.messages, *(Message.tool(call, "this one") for call in run.tool_calls)]

    assert await run_tools(Scripted(Completion("ok")), answered, tools) == "ok"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_model_that_comes_to_no_end_is_stopped(stream: bool) -> None:
    """After `max_turns` answers with calls still open the run fails; the error has what came until then."""
    provider = Scripted(*(calling(("add", {"a": n, "b": 1})) for n in range(3)))
    with pytest.raises(ProviderTurnLimitError, match="max_turns=") as caught:
        run = await run_tools(provider, "x", [add], max_turns=3, stream=stream)
        assert isinstance(run, ToolRunStream)
        async for _ in run:
            pass
    error = pickle.loads(pickle.dumps(caught.value))

    assert len(provider.asked) == 3
    assert error.details == {"turns": 3}
    assert error.provider_type == "scripted"
    assert error.completion.tool_calls[0].arguments == {"a": 2, "b": 1}
    assert [m.role for m in error.messages] == ["user", "assistant", "tool", "assistant", "tool", "assistant"]


async def test_the_last_turn_may_be_the_last_allowed() -> None:
    """`max_turns` answers are enough where the last one calls nothing."""
    provider = Scripted(calling(("add", {"a": 1, "b": 1})), Completion("2"))

    assert await run_tools(provider, "x", [add], max_turns=2) == "2"


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("required", ["required", "auto", "auto"]),
        ("add", ["add", "auto", "auto"]),
        (Tool.from_function(add), [Tool.from_function(add), "auto", "auto"]),
        ("auto", ["auto"] * 3),
        ("none", ["none"] * 3),
        (None, [None] * 3),
    ],
)
async def test_a_call_is_demanded_once(choice: Any, sent: list[Any]) -> None:
    """A `tool_choice` that demands a call is of the first turn alone, or the model could never end."""
    call = calling(("add", {"a": 1, "b": 1}))
    provider = Scripted(call, call, Completion("2"))
    await run_tools(provider, "x", [add], tool_choice=choice)

    assert [asked["tool_choice"] for asked in provider.asked] == sent


async def test_output_is_the_last_answers() -> None:
    """`output` goes with every turn, and the result has the object of the last one."""
    provider = Scripted(calling(("add", {"a": 1, "b": 1})), Completion('{"x": 2}', output=Point(2)))
    run = await run_tools(provider, "x", [add], output=Point)

    assert run.output == Point(2)
    assert [asked["output"] for asked in provider.asked] == [Point, Point]


async def test_an_error_has_the_conversation_up_to_it() -> None:
    """A turn that fails does not lose what the others brought: its error has the conversation to go on with."""
    failure = ProviderRateLimitError("too fast", provider_type="scripted")
    with pytest.raises(ProviderRateLimitError) as caught:
        await run_tools(Scripted(calling(("add", {"a": 1, "b": 1})), failure), "x", [add])

    assert [m.role for m in caught.value.messages] == ["user", "assistant", "tool"]
    assert await run_tools(Scripted(Completion("2")), caught.value.messages, [add]) == "2"


def wrong() -> Iterator[tuple[dict[str, Any], str]]:
    for max_turns in (0, -1, 1.5, True, "3", None):
        yield {"max_turns": max_turns}, "max_turns"
    for tools in ([], None, "add", add, [add, add], {"add": add}):
        yield {"tools": tools}, "tools"
    for prompt in ("", " ", None, [], ["x"], 3):
        yield {"prompt": prompt}, "prompt"
    yield {"stream": "yes"}, "stream"


@pytest.mark.parametrize(("arguments", "named"), list(wrong()))
async def test_wrong_arguments_are_refused_before_anything_is_sent(arguments: dict[str, Any], named: str) -> None:
    """What is wrong is named, with the provider, and nothing was sent."""
    provider = Scripted(Completion("x"))
    with pytest.raises(ProviderInputError, match=named) as caught:
        await run_tools(provider, **{"prompt": "x", "tools": [add], **arguments})

    assert caught.value.provider_type == "scripted"
    assert provider.asked == []


@pytest.mark.parametrize("missing", ["tools", "conversations", "streaming"])
async def test_a_provider_without_tools_is_refused(missing: str) -> None:
    """A provider that does not say that it can is asked nothing."""
    provider = Scripted(Completion("x"))
    provider.offered = attrs.evolve(Scripted.offered, **{missing: False})
    with pytest.raises(ProviderCapabilityError, match=missing):
        await run_tools(provider, "x", [add], stream=True)

    assert provider.asked == []


class Seed(Provider):
    """One as the first documentation of the library shows it."""

    async def complete(self, prompt: str, *, stream: bool = False, **options: Any) -> str:
        return prompt


async def test_a_custom_provider_of_texts_is_refused() -> None:
    """A provider that overrides `complete(prompt: str)` says that it has no tools."""
    with pytest.raises(ProviderCapabilityError):
        await run_tools(Seed(ProviderConfig("seed")), "x", [add])


async def streamed(*answers: Any, **options: Any) -> ToolRunStream:
    return cast("ToolRunStream", await run_tools(Scripted(*answers), "x", [add, fail], stream=True, **options))


SCRIPT = (
    calling(("add", {"a": 2, "b": 3}), ("fail", {"kind": "value"}), text="Let me see. ", usage=Usage(input_tokens=3)),
    Completion("It is 5.", finish_reason="stop", usage=Usage(input_tokens=4)),
)


async def test_a_stream_has_the_text_of_all_answers() -> None:
    """Iterating gives the text of every turn; afterwards the stream tells what a run without it returns."""
    stream = await streamed(*SCRIPT)
    pieces = [piece async for piece in stream]
    run = await run_tools(Scripted(*SCRIPT), "x", [add, fail])

    assert pieces == ["Let me see. ", "It is 5."]
    assert stream.completion == run
    assert stream.completion.messages == stream.messages == run.messages
    assert (stream.usage, stream.finish_reason, stream.completion.turns) == (run.usage, "stop", 2)
    assert [piece async for piece in stream] == []


async def test_the_events_of_a_stream_tell_calls_and_results() -> None:
    """The events are those of all turns in their order, the results behind the calls, and one end."""
    stream = await streamed(*SCRIPT)
    events = [event async for event in stream.events()]
    calls = SCRIPT[0].tool_calls
    results = [event for event in events if isinstance(event, ToolResultEvent)]

    assert [type(event) for event in events] == [
        TextEvent, ToolCallEvent, ToolCallEvent, ToolResultEvent, ToolResultEvent, TextEvent, FinishEvent,
    ]  # fmt: skip
    assert [(event.call, event.message.text, event.message.is_error) for event in results] == [
        (calls[0], "5", False),
        (calls[1], "ValueError: no such city", True),
    ]
    assert cast("FinishEvent", events[-1]).completion is stream.completion


async def test_a_stream_tells_how_far_it_is() -> None:
    """In its middle a stream has the usage and the conversation so far."""
    stream = await streamed(*SCRIPT)
    first = await anext(stream)

    assert (first, stream.usage.input_tokens, len(stream.messages)) == ("Let me see. ", 3, 1)
    events = stream.events()
    while not isinstance(await anext(events), ToolResultEvent):
        pass

    assert (stream.usage.input_tokens, len(stream.messages)) == (3, 4)
    await anext(events)
    assert await anext(events) == TextEvent("It is 5.")
    assert (stream.usage.input_tokens, stream.completion.turns) == (7, 2)


async def test_the_first_answer_of_a_stream_is_opened_by_the_call() -> None:
    """What fails before the first answer is raised by the call, not by the loop."""
    with pytest.raises(ProviderRateLimitError):
        await streamed(ProviderRateLimitError("too fast"))


async def test_a_stream_that_failed_tells_the_same_again() -> None:
    """A turn that fails raises behind the pieces that had come, with the conversation, as often as it is asked."""
    stream = await streamed(SCRIPT[0], ProviderRateLimitError("too fast"))
    pieces = []
    for _ in range(2):
        with pytest.raises(ProviderRateLimitError) as caught:
            async for piece in stream:
                pieces.append(piece)

        assert [m.role for m in caught.value.messages] == ["user", "assistant", "tool", "tool"]
    await stream.aclose()

    assert pieces == ["Let me see. "]


async def test_leaving_a_stream_ends_it() -> None:
    """After a `break` no function runs any more, and reading on says so."""
    ran = []

    def note() -> None:
        ran.append(True)

    provider = Scripted(calling(("note", {}), text="a"), Completion("b"))
    stream = await run_tools(provider, "x", [note], stream=True)
    async for _ in stream:
        break
    with pytest.raises(ProviderStreamError, match="left before its end") as caught:
        await anext(stream)

    assert not ran
    assert len(caught.value.messages) == 1
    assert len(provider.asked) == 1


async def test_a_stream_can_be_closed_by_another_task_while_functions_run() -> None:
    """`aclose()` ends the functions that run, and the reader is told that the stream was left."""
    running, ended = asyncio.Event(), []

    async def wait() -> None:
        try:
            running.set()
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def read() -> None:
        async for _ in stream:
            pass

    stream = await run_tools(Scripted(calling(("wait", {}))), "x", [wait], stream=True)
    before = asyncio.all_tasks()
    reader = asyncio.create_task(read())
    await running.wait()
    with pytest.raises(ProviderInputError, match="another task"):
        await anext(stream)
    await stream.aclose()

    assert ended == [True]
    with pytest.raises(ProviderStreamError, match="left before its end"):
        await reader
    assert asyncio.all_tasks() == before


class Pieces(Scripted):
    """One whose streams are nothing but pieces of text."""

    async def complete(self, prompt: Any, **options: Any) -> Any:
        await super().complete(prompt, **options)
        return iter(())


async def test_a_stream_of_texts_alone_is_refused() -> None:
    """A provider whose streams cannot tell of calls is told so by name, not by an AttributeError."""
    with pytest.raises(ProviderCapabilityError, match="without stream"):
        await run_tools(Pieces(Completion("x")), "x", [add], stream=True)


async def test_errors_that_are_no_provider_errors_pass_through() -> None:
    """A defect in a provider is not dressed up, and closes the stream."""
    with pytest.raises(ZeroDivisionError):
        await run_tools(Scripted(calling(("add", {"a": 1, "b": 1})), ZeroDivisionError()), "x", [add])
    stream = await streamed(SCRIPT[0], ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        [piece async for piece in stream]
    with pytest.raises(ProviderError):
        await anext(stream)
