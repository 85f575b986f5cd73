"""OpenRouter's wire format: Chat Completions and embeddings of OpenAI's, with options and errors of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from pepperpy.providers import (
    ProviderAPIError,
    ProviderAuthenticationError,
    ProviderContentFilterError,
    ProviderContextLengthError,
    ProviderInputError,
    ProviderQuotaError,
    ProviderRateLimitError,
)
from pepperpy.providers import options as check
from pepperpy.providers.dialect import EmbeddingLimits, Request, api_error, find_message
from pepperpy.providers.dialects.openai import OpenAIDialect
from pepperpy.providers.domain import cut
from pepperpy.providers.values import number_or_none, text_or_none

AUTO_MODEL = "openrouter/auto"
"""The model by which OpenRouter itself chooses one."""


def mappings(name: str, value: Any) -> list[Mapping[str, Any]]:
    """Take a list of dicts with keys of type str."""
    if not isinstance(value, (list, tuple)):
        raise ProviderInputError(f"{name} must be a list of dicts, not {type(value).__name__}")
    return [check.mapping(name, item) for item in value]


OPTIONS: Mapping[str, check.Check] = {
    "provider": check.mapping,
    "models": check.texts,
    "plugins": mappings,
    "reasoning": check.mapping,
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

# Older answers tell it in words alone.
_SPENT = re.compile("key limit exceeded|insufficient credits|budget", re.IGNORECASE)

Meaning: TypeAlias = tuple[type[ProviderAPIError] | None, bool | None]
"""The class of an error and whether a repetition may help; None where the status has to tell."""

MEANINGS: Mapping[str, Meaning] = {
    # metadata.reason and metadata.limit_source: money. Only what other requests hold at the moment comes back by itself.
    "in_flight_budget_exhausted": (ProviderRateLimitError, True),
    "weight_exceeds_budget": (ProviderQuotaError, False),
    "openrouter_in_flight_budget": (ProviderRateLimitError, True),
    "openrouter_credits": (ProviderQuotaError, False),
    "openrouter_key_limit": (ProviderQuotaError, False),
    "openrouter_guardrail_budget": (ProviderQuotaError, False),
    "openrouter_workspace_budget": (ProviderQuotaError, False),
    "openrouter_free_tier_daily": (ProviderQuotaError, False),
    # metadata.error_type
    "context_length_exceeded": (ProviderContextLengthError, False),
    "max_tokens_exceeded": (ProviderContextLengthError, False),
    "token_limit_exceeded": (ProviderContextLengthError, False),
    "string_too_long": (ProviderContextLengthError, False),
    "payload_too_large": (ProviderContextLengthError, False),
    "authentication": (ProviderAuthenticationError, False),
    "permission_denied": (ProviderAuthenticationError, False),
    "payment_required": (ProviderQuotaError, False),
    "rate_limit_exceeded": (ProviderRateLimitError, True),
    "content_policy_violation": (ProviderContentFilterError, False),
    "refusal": (ProviderContentFilterError, False),
    "provider_overloaded": (None, True),
    "provider_unavailable": (None, True),
    "server": (None, True),
    "server_error": (None, True),
    "timeout": (None, True),
    "invalid_request": (None, False),
    "invalid_prompt": (None, False),
    "not_found": (None, False),
    "precondition_failed": (None, False),
    "unprocessable": (None, False),
    "invalid_image": (None, False),
    "image_too_large": (None, False),
    "image_too_small": (None, False),
    "unsupported_image_format": (None, False),
    "image_not_found": (None, False),
    "image_download_failed": (None, False),
}

FACTS = (
    "error_type",
    "provider_code",
    "provider_name",
    "model_slug",
    "limit_source",
    "reason",
    "scope",
    "limit_usd",
    "spend_usd",
    "resets_at",
)
"""What of an error's metadata goes into the details; the flagged input does not, because it is the user's."""


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

    def complete(self, prompt: str, *, model: str, stream: bool, options: Mapping[str, Any]) -> Request:
        """Return the request to `/chat/completions`."""
        options = with_effort({**self.defaults, **options}, options)
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


def with_effort(options: dict[str, Any], of_call: Mapping[str, Any]) -> dict[str, Any]:
    """Put a call's `reasoning_effort` in the place of the effort that the settings' `reasoning` asks for.

    OpenRouter refuses both at once.
    """
    if "reasoning_effort" not in of_call or "reasoning" in of_call or "reasoning" not in options:
        return options
    kept = {name: value for name, value in options["reasoning"].items() if name not in ("effort", "max_tokens")}
    effort = check.text("reasoning_effort", options.pop("reasoning_effort"))
    return {**options, "reasoning": {**kept, "effort": effort}}


def meaning(status: int, fields: Mapping[str, Any], metadata: Mapping[str, Any], message: str) -> Meaning:
    """Return what an error is, as far as OpenRouter has a word of its own for it."""
    for name in (metadata.get("reason"), metadata.get("limit_source")):
        if isinstance(name, str) and name in MEANINGS:
            return MEANINGS[name]
    if status == 403 and (metadata.get("limit_source") or _SPENT.search(message)):
        return ProviderQuotaError, False
    if status in (400, 403) and (
        any(metadata.get(name) for name in ("reasons", "flagged_input", "patterns"))
        or (status == 403 and message.startswith("Request blocked"))
    ):
        return ProviderContentFilterError, False
    if status == 429 and "free-models-per-day" in message:
        # Older answers name the limit nowhere else.
        return ProviderQuotaError, False
    for name in (metadata.get("error_type"), fields.get("error_type"), fields.get("code"), fields.get("type")):
        if isinstance(name, str) and name in MEANINGS:
            return MEANINGS[name]
    return None, None


def whole_message(message: str, metadata: Mapping[str, Any]) -> str:
    """Return OpenRouter's words, with the provider's own where OpenRouter's say nothing, and with the remedy."""
    said = message.strip() or "Provider returned error"
    if said.rstrip(".").lower() == "provider returned error":
        name = text_or_none(metadata.get("provider_name"))
        upstream = text_of(metadata.get("raw"))
        said = f"{said}{f' ({name})' if name else ''}{f': {upstream}' if upstream else ''}"
    hint = text_or_none(metadata.get("remedy_hint"))
    return f"{said} ({hint})" if hint else said


def text_of(raw: Any) -> str:
    """Return what a provider said: its message where it sent JSON, decoded or not, else all of it."""
    decoded = raw
    try:
        if isinstance(raw, str):
            decoded = json.loads(raw)
        if isinstance(decoded, (dict, list)):
            return find_message(decoded).strip() or json.dumps(decoded, ensure_ascii=False)
    except (ValueError, RecursionError):
        pass
    return raw.strip() if isinstance(raw, str) else ""


def facts_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of the metadata goes into an error's details."""
    facts = {name: metadata[name] for name in FACTS if isinstance(metadata.get(name), (str, int, float))}
    reasons = metadata.get("reasons")
    if isinstance(reasons, list):
        facts["reasons"] = [cut(reason, 200) for reason in reasons[:20] if isinstance(reason, str)]
    return facts


def delay_of(metadata: Mapping[str, Any]) -> float | None:
    """Return the seconds that the metadata asks to wait: in an answer with a good status, nothing else does."""
    for name in ("retry_after_seconds_raw", "retry_after_seconds"):
        if (seconds := number_or_none(metadata.get(name))) is not None:
            return seconds
    return None
