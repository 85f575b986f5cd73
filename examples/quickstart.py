"""The quick start, on a real language model on this machine: no key, no network."""

import asyncio
import math

import attrs

from pepperpy.providers import create_provider
from pepperpy.providers.domain import ProviderError
from pepperpy.providers.engine import ProviderEngine


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


def weather(city: str) -> str:
    """Get the current weather in a city."""
    return f"It is sunny in {city}, 21 degrees."


@attrs.frozen
class Person:
    name: str
    age: int


async def main() -> None:
    print("installed providers:", ", ".join(ProviderEngine.list_providers()))

    async with await create_provider("local") as provider:
        print("\n--- a completion")
        answer = await provider.complete("Explain in one sentence why the sky is blue.", temperature=0, max_tokens=60)
        print(answer)
        print(f"({answer.usage.input_tokens} tokens in, {answer.usage.output_tokens} out, {answer.finish_reason})")

        print("\n--- a stream, printed as it comes")
        async with await provider.complete(
            "Tell me a short story about a lighthouse.", stream=True, temperature=0, max_tokens=120
        ) as stream:
            async for chunk in stream:
                print(chunk, end="", flush=True)
        print(f"\n({stream.usage.output_tokens} tokens, {stream.finish_reason})")

        print("\n--- a tool: the model calls a function, and answers with its result")
        run = await provider.run_tools(
            "What is the weather in Paris?", [weather], tool_choice="required", temperature=0, max_tokens=60
        )
        for message in run.messages:
            for call in message.tool_calls:
                print(f"{call.name}({call.arguments})")
        print(run)

        print("\n--- an answer as an object")
        answer = await provider.complete("Bob is 42 years old.", output=Person, temperature=0, max_tokens=60)
        print(answer.output)

        print("\n--- embeddings: which of these is nearest?")
        question = "How do I cook pasta?"
        texts = [
            "Boil water, add salt, then the noodles.",
            "The stock market fell today.",
            "Football is played by two teams.",
        ]
        asked, *vectors = await provider.embed_many([question, *texts])
        for text, vector in sorted(zip(texts, vectors, strict=True), key=lambda pair: -cosine(asked, pair[1])):
            print(f"{cosine(asked, vector):.3f}  {text}")

        print("\n--- an error says what to do")
        try:
            await provider.complete("Hello", temperatur=0.2)
        except ProviderError as error:
            print(error)


asyncio.run(main())
