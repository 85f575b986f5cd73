"""What Gemini's errors mean: google.rpc.Status in JSON, and whatever else stands in front of the service."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pepperpy.providers import (
    ProviderAPIError,
    ProviderAuthenticationError,
    ProviderContentFilterError,
    ProviderContextLengthError,
    ProviderQuotaError,
)
from pepperpy.providers.dialect import api_error, find_message

STATUSES: Mapping[str, int] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "DATA_LOSS": 500,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""The HTTP status of each of google.rpc's codes, for an error inside an answer whose own status is 200."""

_PER_DAY = re.compile(r"per[ _-]?day|daily", re.IGNORECASE)
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:ms|[hms]))+")
_DURATION_PART = re.compile(r"([0-9.]+)(ms|[hms])")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}

# For what the service tells by its words alone.
_SPENT = re.compile(r"prepa(?:id|yment) credit|monthly spend", re.IGNORECASE)
_BAD_KEY = re.compile(r"api key (?:not valid|not found|expired)", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"token count.{0,80}(?:exceeds|only supports)|exceeds the maximum number of tokens|payload size exceeds",
    re.IGNORECASE | re.DOTALL,
)
_RETRY_IN = re.compile(rf"retry in ({_DURATION.pattern})", re.IGNORECASE)


def find_error(payload: Any) -> Any:
    """Return the `error` of an answer, or None; it may stand in a list of one."""
    for item in payload if isinstance(payload, list) else [payload]:
        if isinstance(item, dict) and item.get("error"):
            return item["error"]
    return None


def parse_error(status: int, payload: Any) -> ProviderAPIError:
    """Read an error body, of Google's shape or any other."""
    error = find_error(payload)
    fields = error if isinstance(error, dict) else payload if isinstance(payload, dict) else {}
    return _error(status, fields, find_message(payload if error is None else error))


def error_in_answer(error: Any) -> ProviderAPIError:
    """Read the `error` of an answer whose status was 200; its own code stands for it."""
    fields = error if isinstance(error, dict) else {}
    status, code = 200, fields.get("code")
    if type(code) is int and 400 <= code < 600:
        status = code
    elif isinstance(word := fields.get("status"), str):
        status = STATUSES.get(word, status)
    found = _error(status, fields, find_message(error))
    found.details["status"] = 200
    return found


def prompt_blocked(feedback: Mapping[str, Any]) -> ProviderAPIError:
    """Return the error for a prompt that the service refused to answer."""
    reason = feedback.get("blockReason")
    word = reason if isinstance(reason, str) and reason else "no reason given"
    said = feedback.get("blockReasonMessage")
    return api_error(
        200,
        f"the prompt was blocked ({word}){f': {said}' if isinstance(said, str) and said else ''}",
        kind=ProviderContentFilterError,
        code=word if word is reason else None,
    )


def _error(status: int, fields: Mapping[str, Any], message: str) -> ProviderAPIError:
    details = _dicts(fields.get("details"))
    reason = next(_texts(details, "reason"), None)
    quotas = list(_quotas(details))
    word, code = fields.get("status"), fields.get("code")
    return api_error(
        status,
        message,
        kind=_kind(status, reason, quotas, message),
        code=next((name for name in (word, code) if isinstance(name, str) and name), None),
        reason=reason,
        quota=", ".join(dict.fromkeys(quotas)) or None,
        retry_after=_retry_after(details, message),
    )


def _kind(status: int, reason: str | None, quotas: Sequence[str], message: str) -> type[ProviderAPIError] | None:
    """Return the class where the status alone would name a wrong one."""
    if status == 429:
        # A day's quota comes with a delay of seconds too, which does not help.
        spent = any(map(_PER_DAY.search, quotas or [message])) or _SPENT.search(message)
        return ProviderQuotaError if spent else None
    if status != 400:
        return None
    if reason.startswith("API_KEY_") if reason else _BAD_KEY.search(message):
        return ProviderAuthenticationError
    return ProviderContextLengthError if _TOO_LONG.search(message) else None


def _quotas(details: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the names of the quotas that were exceeded."""
    for detail in details:
        violations = _dicts(detail.get("violations"))
        yield from _texts(violations, "quotaId")
        yield from _texts((v for v in violations if not v.get("quotaId")), "quotaMetric", "description")
        yield from _texts(_dicts([detail.get("metadata")]), "quota_limit")


def _retry_after(details: Sequence[Mapping[str, Any]], message: str) -> float | None:
    """Return the delay in seconds that the service asks for, or None."""
    for delay in _texts(details, "retryDelay"):
        if _DURATION.fullmatch(delay):
            return _seconds(delay)
    found = _RETRY_IN.search(message)
    return _seconds(found[1]) if found else None


def _seconds(duration: str) -> float:
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(duration))


def _dicts(values: Any) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _texts(mappings: Any, *names: str) -> Iterator[str]:
    """Yield the texts under these names."""
    for mapping in mappings:
        yield from (mapping[name] for name in names if isinstance(mapping.get(name), str) and mapping[name])
