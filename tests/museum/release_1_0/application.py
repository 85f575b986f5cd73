"""Written for pepperpy-core 1.0, interface 1. Frozen: it is never edited, see README.md in tests/museum.

An application: what it takes of the public interface, function by function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import attrs

from pepperpy.providers import (
    Completion,
    CompletionStream,
    Embeddings,
    FinishEvent,
    Message,
    Provider,
    ProviderAPIError,
    ProviderAuthenticationError,
    ProviderCapabilityError,
    ProviderConfig,
    ProviderConfigError,
    ProviderConnectionError,
    ProviderContentFilterError,
    ProviderContextLengthError,
    ProviderEngine,
    ProviderError,
    ProviderInputError,
    ProviderNotFoundError,
    ProviderNotInitializedError,
    ProviderPluginError,
    ProviderQuotaError,
    ProviderRateLimitError,
    ProviderRegistry,
    ProviderResponseError,
    ProviderStreamError,
    ProviderStreamTimeoutError,
    ProviderTimeoutError,
    ReadyProvider,
    ReasoningEvent,
    TextEvent,
    Timeouts,
    ToolCallEvent,
    Usage,
    create_provider,
)


async def ask(name: str, question: str, **settings: Any) -> str:
    """Ask and forget."""
    provider = await create_provider(name, timeout=30, max_retries=0, extra_config=settings)
    try:
        text: str = await provider.complete(question, temperature=0.7, max_tokens=200)
        return text
    finally:
        await provider.cleanup()


async def look_closely(provider: ReadyProvider, question: str) -> dict[str, Any]:
    """Ask, and keep all that an answer knows."""
    answer: Completion = await provider.complete(question)
    usage: Usage = answer.usage
    return {
        "text": answer.text,
        "upper": answer.upper(),
        "joined": "".join([answer, "!"]),
        "finish_reason": answer.finish_reason,
        "tokens": (usage.input_tokens, usage.output_tokens),
        "same_tokens": (usage.prompt_tokens, usage.completion_tokens),
        "sum": (usage + usage).output_tokens,
        "model": answer.model,
        "tool_calls": answer.tool_calls,
        "reasoning": answer.reasoning,
        "attempts": answer.attempts,
        "raw": answer.raw,
    }


async def tell_a_story(provider: ReadyProvider) -> tuple[list[str], str, str | None, int | None]:
    """Read a stream to its end."""
    pieces = []
    async with await provider.complete("Tell me a story", stream=True) as stream:
        async for piece in stream:
            pieces.append(piece)
    whole: Completion = stream.completion
    return pieces, whole.text, stream.finish_reason, stream.usage.output_tokens


async def first_piece(provider: ReadyProvider) -> str:
    """Leave a stream early."""
    stream: CompletionStream = await provider.complete("Tell me a story", stream=True)
    piece = await anext(aiter(stream))
    await stream.aclose()
    return piece


async def watch(provider: ReadyProvider) -> list[tuple[str, str | None]]:
    """Read a stream by its events."""
    seen: list[tuple[str, str | None]] = []
    stream = await provider.complete("Tell me a story", stream=True)
    async for event in stream.events():
        if isinstance(event, TextEvent):
            seen.append(("text", event.text))
        elif isinstance(event, ReasoningEvent):
            seen.append(("reasoning", event.text))
        elif isinstance(event, ToolCallEvent):
            seen.append(("call", event.call.name))
        elif isinstance(event, FinishEvent):
            seen.append(("finish", event.completion.finish_reason))
    return seen


async def search(provider: Provider) -> tuple[list[float], Embeddings]:
    """Embed one text, and many."""
    one = await provider.embed("abc")
    many = await provider.embed_many(["a", "ab", "abc"])
    return one, many


def population(city: str) -> int:
    """Tell how many people live in a city."""
    return {"Paris": 2_100_000}.get(city, 0)


async def converse(provider: ReadyProvider) -> tuple[str, list[Message]]:
    """Hold a conversation in which the model calls a tool."""
    conversation = [Message.system("Be brief."), Message.user("How many people live in Paris?")]
    answer = await provider.complete(conversation, tools=[population], tool_choice="auto")
    conversation.append(answer.message)
    for call in answer.tool_calls:
        conversation.append(Message.tool(call, population(**call.arguments)))
    answer = await provider.complete(conversation, tools=[population])
    return answer, conversation


@attrs.frozen
class City:
    """What the answer is to be."""

    name: str
    people: int


async def structured(provider: ReadyProvider) -> City:
    """Ask for an object."""
    answer = await provider.complete("The largest city of France", output=City)
    city: City = answer.output
    return city


Decision = Literal[
    "settings", "arguments", "install", "plugin", "order", "other provider", "key", "wait", "pay", "shorten",
    "rephrase", "go on", "later", "report", "unknown",
]  # fmt: skip


def decide(error: ProviderError) -> Decision:
    """Say what an application does about an error."""
    decisions: list[tuple[type[ProviderError], Decision]] = [
        (ProviderConfigError, "settings"),
        (ProviderInputError, "arguments"),
        (ProviderNotFoundError, "install"),
        (ProviderPluginError, "plugin"),
        (ProviderNotInitializedError, "order"),
        (ProviderCapabilityError, "other provider"),
        (ProviderAuthenticationError, "key"),
        (ProviderRateLimitError, "wait"),
        (ProviderQuotaError, "pay"),
        (ProviderContextLengthError, "shorten"),
        (ProviderContentFilterError, "rephrase"),
        (ProviderStreamTimeoutError, "go on"),
        (ProviderStreamError, "go on"),
        (ProviderTimeoutError, "later"),
        (ProviderConnectionError, "later"),
        (ProviderResponseError, "report"),
        (ProviderAPIError, "report"),
    ]
    return next((decision for kind, decision in decisions if isinstance(error, kind)), "unknown")


async def failure_of(provider: ReadyProvider, stream: bool = False) -> tuple[Decision, dict[str, Any]]:
    """Ask, and tell what the error says."""
    try:
        answer = await provider.complete("x", stream=stream)
        if isinstance(answer, CompletionStream):
            async for _ in answer:
                pass
    except ProviderError as error:
        facts: dict[str, Any] = {
            "provider_type": error.provider_type,
            "message": error.message,
            "retryable": error.retryable,
            "attempts": error.attempts,
            "retry_after": error.retry_after,
            "details": error.details,
        }
        if isinstance(error, ProviderAPIError):
            facts |= {"status": error.status, "code": error.code, "request_id": error.request_id}
        if isinstance(error, ProviderStreamError):
            facts["partial_text"] = error.partial_text
        return decide(error), facts
    return "unknown", {}


async def round_trip(name: str, **settings: Any) -> tuple[dict[str, Any], ReadyProvider]:
    """Keep settings as a dict and make a provider of it again."""
    config = ProviderConfig(
        provider_type=name, api_key="key-museum", model="m", timeout=30, max_retries=3, extra_config=settings
    )
    return config.dict(), await create_provider(**config.dict())


def own_engine(provider: type[Provider]) -> type[ProviderEngine]:
    """Make an engine that shares nothing with the usual one."""

    class OwnEngine(ProviderEngine):
        registry = ProviderRegistry(list)

    OwnEngine.register_provider("mine", provider)
    return OwnEngine


async def bounded(name: str, make: Callable[[], Timeouts] = Timeouts, **settings: Any) -> str:
    """Make a provider with each bound apart, by flat settings, and ask within another bound."""
    timeouts = attrs.evolve(make(), connect=5, attempt=60, idle=30, content=120)
    async with await create_provider(name, timeout=timeouts, **settings) as provider:
        return await provider.complete("x", timeout=10, extra_body={"custom": True})
