"""The options of a call: what each is called on the wire, and which model refuses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pepperpy.providers import ProviderCapabilityError, ProviderInputError
from pepperpy.providers import options as check

from .generations import generation_of, thinking_config

STOPS_AT_MOST = 5


def stops(name: str, value: Any) -> list[str]:
    """Take one text or several, as many as the service takes."""
    several = check.texts(name, value)
    if len(several) > STOPS_AT_MOST:
        raise ProviderInputError(f"{name} takes at most {STOPS_AT_MOST} texts, not {len(several)}; leave some out")
    return several


def mappings(name: str, value: Any) -> list[Mapping[str, Any]]:
    """Take a list of dicts."""
    if not isinstance(value, (list, tuple)):
        raise ProviderInputError(f"{name} must be a list of dicts, not {type(value).__name__}")
    return [check.mapping(f"{name}[{place}]", item) for place, item in enumerate(value)]


def parallel(name: str, value: Any) -> bool:
    """Take True, which is how the service works; it cannot be told otherwise."""
    if not check.flag(name, value):
        raise ProviderCapabilityError(
            f"Gemini has no {name}=False: it may always ask for several calls at once; leave it out, or answer "
            "them one after the other"
        )
    return True


GENERATION: Mapping[str, tuple[str, check.Check]] = {
    "temperature": ("temperature", check.number),
    "max_tokens": ("maxOutputTokens", check.count),
    "top_p": ("topP", check.number),
    "top_k": ("topK", check.count),
    "stop": ("stopSequences", stops),
    "seed": ("seed", check.integer),
    "presence_penalty": ("presencePenalty", check.signed_number),
    "frequency_penalty": ("frequencyPenalty", check.signed_number),
}
"""The options that go into `generationConfig` as they are: the wire's name of each, and its check."""

OPTIONS: Mapping[str, check.Check] = {
    "system": check.text,
    "safety_settings": mappings,
    "reasoning": check.reasoning,
    "include_thoughts": check.flag,
    "tools": check.tools,
    "tool_choice": check.tool_choice,
    "parallel_tool_calls": parallel,
    "output": check.anything,
    **{name: checked for name, (_, checked) in GENERATION.items()},
}

PENALTIES = ("presence_penalty", "frequency_penalty")


def write_settings(options: Mapping[str, Any], resource: str) -> dict[str, Any]:
    """Return what the options add to the body of a request, but for `system`.

    Args:
        options: Those of the call, checked.
        resource: The model's resource name.

    Raises:
        ProviderCapabilityError: The model cannot do what an option asks for.
    """
    body: dict[str, Any] = {}
    generation = {GENERATION[name][0]: value for name, value in options.items() if name in GENERATION}
    model = generation_of(resource)
    if model.is_from(4) and (refused := [name for name in PENALTIES if name in options]):
        raise ProviderCapabilityError(f"{model.name} takes no {' and no '.join(refused)}; leave it out")
    thinking = thinking_config(
        model, reasoning=options.get("reasoning"), include_thoughts=options.get("include_thoughts")
    )
    if thinking is not None:
        generation["thinkingConfig"] = thinking
    if "output" in options:
        from .schemas import fit_schema

        if "tools" in options and model.is_before(3):
            raise ProviderCapabilityError(
                f"{model.name} takes either tools or output in one call; leave one out or choose a Gemini 3 or later"
            )
        generation["responseMimeType"] = "application/json"
        # Not the strict one: an answer is held to the schema as it is, and what may be left out may stay so.
        generation["responseJsonSchema"] = fit_schema(options["output"].schema)
    if "tools" in options:
        from .tools import calling_config, write_tools

        body["tools"] = write_tools(options["tools"])
        if calling := calling_config(options["tools"], options.get("tool_choice")):
            body["toolConfig"] = calling
    if "safety_settings" in options:
        body["safetySettings"] = options["safety_settings"]
    if generation:
        body["generationConfig"] = generation
    return body
