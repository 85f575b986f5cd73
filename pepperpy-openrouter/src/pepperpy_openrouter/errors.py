"""What the errors of OpenRouter mean."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from pepperpy.providers import (
    ProviderAPIError,
    ProviderAuthenticationError,
    ProviderContentFilterError,
    ProviderContextLengthError,
    ProviderQuotaError,
    ProviderRateLimitError,
)
from pepperpy.providers.dialect import find_message
from pepperpy.providers.domain import cut
from pepperpy.providers.values import number_or_none, text_or_none

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
    if hint is None and "requested parameters" in said:
        hint = "leave out what no provider takes, or let it be ignored by provider={'require_parameters': False}"
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
