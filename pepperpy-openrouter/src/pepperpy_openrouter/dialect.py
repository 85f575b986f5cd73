"""OpenRouter's wire format: Chat Completions and embeddings of OpenAI's, with options and errors of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from pepperpy.providers import ProviderAPIError, ProviderInputError
from pepperpy.providers import options as check
from pepperpy.providers.dialect import EmbeddingLimits, Request, api_error
from pepperpy.providers.dialects.openai import OpenAIDialect

from .errors import delay_of, facts_of, meaning, whole_message

if TYPE_CHECKING:
    from pepperpy.providers.capabilities import Model, ModelPage
    from pepperpy.providers.messages import Message

AUTO_MODEL = "openrouter/auto"
"""The model by which OpenRouter itself chooses one."""


def mappings(name: str, value: Any) -> list[Mapping[str, Any]]:
    """Take a list of dicts with keys of type str."""
    if not isinstance(value, (list, tuple)):
        raise ProviderInputError(f"{name} must be a list of dicts, not {type(value).__name__}")
    return [check.mapping(name, item) for item in value]


def effort_or_mapping(name: str, value: Any) -> str | Mapping[str, Any]:
    """Take one of the words that all providers share, or OpenRouter's own dict."""
    return check.reasoning(name, value) if isinstance(value, str) else check.mapping(name, value)


OPTIONS: Mapping[str, check.Check] = {
    "provider": check.mapping,
    "models": check.texts,
    "plugins": mappings,
    "reasoning": effort_or_mapping,
    "service_tier": check.text,
    "session_id": check.text,
    "metadata": check.mapping,
    "trace": check.mapping,
    "cache_control": check.mapping,
    "top_k": check.integer,
    "top_a": check.number,
    "min_p": check.number,
    "repetition_penalty": check.number,
}

EMBEDDING_OPTIONS: Mapping[str, check.Check] = {
    "provider": check.mapping,
    "user": check.text,
    "input_type": check.text,
}


@attrs.frozen(kw_only=True)
class OpenRouterDialect(OpenAIDialect):
    """OpenRouter's wire format.

    Attributes:
        defaults: Options of every call that names no other value for them.
    """

    defaults: Mapping[str, Any] = attrs.field(factory=dict)
    extra_options: Mapping[str, check.Check] = OPTIONS
    embedding_options: Mapping[str, check.Check] = EMBEDDING_OPTIONS
    # OpenRouter states no limits: they are those of the provider behind it, and Gemini takes no more than 100 texts.
    embedding_limits: EmbeddingLimits = EmbeddingLimits(inputs=100, size=300_000)
    # A name of its own: other services of this format refuse what OpenRouter wants back.
    name: str = "openrouter"
    carried: tuple[str, ...] = ("reasoning_details",)
    file_urls: bool = True

    def complete(
        self, prompt: str | Sequence[Message], *, model: str, stream: bool, options: Mapping[str, Any]
    ) -> Request:
        """Return the request to `/chat/completions`."""
        options = asked_for(options, self.defaults) if options else self.defaults
        request = super().complete(prompt, model=model, stream=stream, options=options)
        if model == AUTO_MODEL and "models" in options:
            # The router would answer itself, and the models that were asked for would never be tried.
            body = {name: value for name, value in (request.body or {}).items() if name != "model"}
            return attrs.evolve(request, body=body)
        return request

    def embed(self, texts: Sequence[str], *, model: str, dimensions: int | None, options: Mapping[str, Any]) -> Request:
        """Return the request to `/embeddings`."""
        shared = {name: value for name, value in self.defaults.items() if name in self.embedding_options}
        return super().embed(texts, model=model, dimensions=dimensions, options={**shared, **options})

    def models(self, page: str | None) -> Request:
        """Return the request for `/models`: the first page, or the one that this query names."""
        return Request("/models" if page is None else f"/models?{page}", {}, method="GET")

    def parse_models(self, payload: Any) -> ModelPage:
        """Read a page of the list of models."""
        from .models import next_page

        return attrs.evolve(super().parse_models(payload), next=next_page(payload))

    def parse_model(self, row: Mapping[str, Any]) -> Model:
        """Read one model, which has an id."""
        from .models import read_model

        return read_model(row)

    def error_in_choice(self, choice: Mapping[str, Any]) -> ProviderAPIError | None:
        """Return the error of a choice, also where it says no more than that it ended in one."""
        error = super().error_in_choice(choice)
        if error is None and choice.get("finish_reason") == "error":
            return api_error(200, "the model's provider failed before its answer was whole", retryable=True)
        return error

    def make_error(
        self,
        status: int,
        fields: Mapping[str, Any],
        message: str,
        *,
        kind: type[ProviderAPIError] | None = None,
        retryable: bool | None = None,
        **details: Any,
    ) -> ProviderAPIError:
        """Return the error that an error object means, by its metadata first."""
        found = fields.get("metadata")
        metadata: Mapping[str, Any] = found if isinstance(found, dict) else {}
        message = whole_message(message, metadata)
        if kind is None and retryable is None:
            kind, retryable = meaning(status, fields, metadata, message)
        error = super().make_error(
            status, fields, message, kind=kind, retryable=retryable, **details, **facts_of(metadata)
        )
        if error.retryable and (seconds := delay_of(metadata)) is not None:
            error.details["retry_after"] = seconds
        return error


def asked_for(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a call with the defaults beneath, as OpenRouter takes them.

    Args:
        options: Those of the call.
        defaults: Those of the settings.
    """
    merged = with_effort({**defaults, **options}, options, defaults.get("reasoning"))
    # Hardly any provider names parallel_tool_calls among its parameters, though many take it: none would be left.
    if "parallel_tool_calls" not in options and any(must_be_met(name, value) for name, value in options.items()):
        provider = merged.get("provider", {})
        if isinstance(provider, Mapping):
            # Else OpenRouter may choose a provider that drops them without a word.
            merged["provider"] = {"require_parameters": True, **provider}
    return merged


def must_be_met(name: str, value: Any) -> bool:
    """Tell whether the answer is of no use where the provider passes this option over."""
    return name in ("tools", "output") or (name == "reasoning" and isinstance(value, str) and value != "none")


def with_effort(merged: dict[str, Any], options: Mapping[str, Any], shared: Any) -> dict[str, Any]:
    """Put the effort that a call asks for in the place of the one that the settings' `reasoning` asks for.

    OpenRouter refuses two at once.

    Args:
        merged: All options.
        options: Those of the call.
        shared: The `reasoning` of the settings.
    """
    asked = options.get("reasoning")
    if isinstance(asked, str):
        effort = check.reasoning("reasoning", asked)
    elif asked is None and "reasoning_effort" in options and shared is not None:
        effort = check.text("reasoning_effort", merged.pop("reasoning_effort"))
    else:
        return merged
    kept = {name: value for name, value in (shared or {}).items() if name not in ("effort", "max_tokens", "enabled")}
    return {**merged, "reasoning": {**kept, "effort": effort}}
