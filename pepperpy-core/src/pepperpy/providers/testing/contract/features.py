"""What a provider may claim beyond text."""

from __future__ import annotations

from pepperpy.providers import Completion, Message, ProviderError, Tool, ToolCall

from ..promises import expect, promise, skip
from ..stage import Stage, claims, complete, failure_of, show
from .answers import texts_in
from .subject import Subject

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["city", "people"],
    "additionalProperties": False,
}


class Features(Subject):
    """Conversations, tools, structured output and lists of models."""

    @promise(
        "conversations.sent",
        "every message of a conversation reaches the service, in its order",
        mend="write all messages into the request, or do not claim conversations in capabilities",
        needs="wire conversations",
    )
    async def test_conversations_sent(self, stage: Stage) -> None:
        messages = [Message.user("first-7f"), Message.assistant("second-7f"), Message.user("third-7f")]
        async with stage.provider() as provider:
            await provider.complete(messages)
        body = "\n".join(texts_in(stage.service.requests[-1].json))
        places = [body.find(text) for text in ("first-7f", "second-7f", "third-7f")]
        expect(-1 not in places, f"the request's body: {body[:300]}")
        expect(places == sorted(places), f"they stand in another order: {body[:300]}")

    @promise(
        "tools.calls-told",
        "the calls of tools that an answer asks for are in tool_calls, as they came",
        mend="read each call into ToolCall(id, name, raw_arguments), and set finish_reason to 'tool_calls'",
        needs="wire tools calling()",
    )
    async def test_tools_calls_told(self, stage: Stage) -> None:
        tool = Tool(name="weather", description="Tell the weather.", parameters=SCHEMA)
        asked = [ToolCall("call-1", "weather", '{"city":"Zürich","people":1}')]
        async with stage.provider(stage.wire.calling(asked)) as provider:
            answer = await provider.complete("Weather?", tools=[tool])
        expect(isinstance(answer, Completion), f"a {type(answer).__name__} and no Completion")
        got = [(call.name, call.arguments) for call in answer.tool_calls]
        expect(got == [("weather", {"city": "Zürich", "people": 1})], f"the calls {got!r}")
        sent = texts_in(stage.service.requests[-1].json)
        expect("weather" in sent, "the tool's name is not in the request")

    @promise(
        "structured.output",
        "output=SCHEMA reaches the service, and the answer's output is the object",
        mend="send the schema in the service's way, or do not claim structured_output in capabilities",
        needs="wire structured_output",
    )
    async def test_structured_output(self, stage: Stage) -> None:
        make = getattr(stage.wire, "structured", stage.wire.completion)
        async with stage.provider(make('{"city": "Zürich", "people": 443037}')) as provider:
            answer = await provider.complete("Which?", output=SCHEMA)
        expect(isinstance(answer, Completion), f"a {type(answer).__name__} and no Completion")
        expect(answer.output == {"city": "Zürich", "people": 443037}, f"the output {answer.output!r}")
        expect(b'"people"' in stage.service.requests[-1].body, "the schema is not in the request")

    @promise(
        "models.listed",
        "list_models() returns the service's models",
        mend="read the service's list, or do not claim models in capabilities",
        needs="wire models models()",
    )
    async def test_models_listed(self, stage: Stage) -> None:
        async with stage.provider(stage.wire.models(["fake-1", "fake-2"])) as provider:
            names = [model.id for model in await provider.list_models()]
        expect(names == ["fake-1", "fake-2"], f"the models {names!r}")

    @promise(
        "conversations.refused",
        "a provider that claims no conversations refuses one before anything is sent",
        mend="raise ProviderCapabilityError or ProviderInputError for a prompt that is no str",
        needs="wire",
    )
    async def test_conversations_refused(self, stage: Stage) -> None:
        if (await claims(stage))["conversations"]:
            skip("the provider claims conversations")
        async with stage.provider() as provider:
            error = await failure_of(complete(provider, [Message.user("a"), Message.assistant("b"), Message.user("c")]))
        expect(isinstance(error, (ProviderError, TypeError, ValueError)), show(error))
        sent = len(stage.service.requests)
        expect(sent == 0, f"{sent} requests were sent")
