"""Whole answers."""

from __future__ import annotations

from pepperpy.providers import Completion

from ..promises import expect, promise, skip
from ..stage import Stage, complete
from .subject import Subject

TEXT = "Zürich \u2028 and\x85 日本 🌍"


class Answers(Subject):
    """What `complete` returns."""

    @promise(
        "answers.text",
        "complete(prompt) returns the answer's text, a str",
        mend="return the text that the service sent, as a str or, better, as a Completion",
    )
    async def test_answers_text(self, stage: Stage) -> None:
        if stage.wire is None:
            async with stage.provider() as provider:
                answer = await complete(provider, "What is the capital of France?")
            expect(isinstance(answer, str), f"a {type(answer).__name__}")
            return
        for text in ("Paris.", TEXT, "data: [DONE]\n\ndata: x"):
            async with stage.provider(stage.wire.completion(text)) as provider:
                answer = await complete(provider, "What is the capital of France?")
            expect(
                stage.service.requests,
                "no request reached the service; is base_url obeyed? A provider that is no HTTP service has no wire: "
                "--pepperpy-wire none",
            )
            expect(isinstance(answer, str), f"a {type(answer).__name__}")
            expect(answer == text, f"{str(answer)!r} instead of {text!r}")

    @promise(
        "answers.usage",
        "a Completion knows the finish reason and the tokens that the service told",
        mend="read the usage and the finish reason of the answer into Completion(usage=Usage(...), finish_reason=...)",
        needs="wire",
    )
    async def test_answers_usage(self, stage: Stage) -> None:
        async with stage.provider(stage.wire.completion("Paris.")) as provider:
            answer = await complete(provider, "What is the capital of France?")
        if not isinstance(answer, Completion):
            skip("complete() returns a bare str, which claims no usage")
        usage = (answer.usage.input_tokens, answer.usage.output_tokens)
        expect(answer.finish_reason == "stop", f'finish_reason {answer.finish_reason!r} instead of "stop"')
        expect(usage == (3, 5), f"input and output tokens {usage} instead of (3, 5)")

    @promise(
        "answers.prompt-sent",
        "the prompt reaches the service as it is",
        mend="put the whole prompt into the request, in UTF-8",
        needs="wire",
    )
    async def test_answers_prompt_sent(self, stage: Stage) -> None:
        prompt = 'Zürich "🌍" and \\ back'
        async with stage.provider() as provider:
            await provider.complete(prompt)
        request = stage.service.requests[-1]
        try:
            body = request.json
        except ValueError:
            body = request.body.decode("utf-8", "replace")
        expect(any(prompt in text for text in texts_in(body)), f"the request's body: {str(body)[:300]}")

    @promise(
        "answers.cut-raises",
        "an answer whose body is cut short is an error, never a part of the answer",
        mend="read the body to its announced end, and raise ProviderConnectionError where it is missing",
        needs="wire",
    )
    async def test_answers_cut_raises(self, stage: Stage) -> None:
        import attrs

        whole = stage.wire.completion("Paris.")
        for end in ("cut", "reset"):
            reply = attrs.evolve(whole, end=end)
            async with stage.provider(reply) as provider:
                try:
                    answer = await complete(provider, "Where?")
                except Exception:  # noqa: BLE001, S112 -- its class is the promise errors.typed
                    continue
            expect(False, f"the body was {end} before its end, and complete() returned {str(answer)!r}")


def texts_in(value: object) -> list[str]:
    """Return all texts of a JSON value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [text for one in value for text in texts_in(one)] if isinstance(value, list) else []
