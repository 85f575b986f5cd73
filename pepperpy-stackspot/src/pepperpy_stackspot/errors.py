"""What the errors of StackSpot mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pepperpy.providers import (
    ProviderAPIError,
    ProviderContextLengthError,
    ProviderQuotaError,
    ProviderRateLimitError,
)
from pepperpy.providers.dialect import api_error, find_message
from pepperpy.providers.values import text_or_none

CODES: Mapping[str, type[ProviderAPIError]] = {
    "INFERENCE_6001": ProviderContextLengthError,
    "INFERENCE_3008": ProviderRateLimitError,
    "CODEBUDDY_1044": ProviderQuotaError,
}
"""What a code means, by its service and number: the name that follows them says the same again."""


def parse_error(status: int, payload: Any) -> ProviderAPIError:
    """Read an error body: `{"type", "code", "details"}`, or whatever a gateway sends."""
    error = payload.get("error") if isinstance(payload, dict) else None
    fields = error if isinstance(error, dict) else payload if isinstance(payload, dict) else {}
    code = text_or_none(fields.get("code"))
    message = find_message(payload)
    kind = CODES.get("_".join(code.split("_")[:2])) if code is not None else None
    # Credit that is used up has no code: these words are all there is.
    if kind is None and status != 400 and "credit limit" in message.lower():
        kind = ProviderQuotaError
    return api_error(status, message, kind=kind, code=code, type=text_or_none(fields.get("type")))


def error_in(answer: Mapping[str, Any], name: bytes = b"") -> ProviderAPIError | None:
    """Return the error that an object of an answer is, or None.

    Args:
        answer: The whole answer, or an event of a stream.
        name: The event's name, if it has one.
    """
    kind = answer.get("type")
    named = name == b"error" or (isinstance(kind, str) and (kind == "error" or kind.endswith("Error")))
    coded = bool(answer.get("code")) and "message" not in answer
    return parse_error(200, answer) if named or coded or answer.get("error") else None
