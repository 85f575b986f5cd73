"""Quick commands: what starts one is answered with an id, by which its execution is looked at until it has ended."""

from __future__ import annotations

import json
from typing import Any

from pepperpy.providers import Completion
from pepperpy.providers.dialect import Request, api_error, find_message, response_error
from pepperpy.providers.values import text_or_none

from .names import is_identifier

START = "/v1/quick-commands/create-execution/"

COMPLETED = "COMPLETED"
FAILED = ("FAILURE", "FAILED")
"""How an execution ends that failed: the service documents the first word, and some clients know the second."""


def starts_quick_command(request: Request) -> bool:
    """Tell whether the request starts a quick command."""
    return request.path.startswith(START)


def look_at(execution_id: str) -> Request:
    """Return the request for the state of an execution."""
    path = f"/v1/quick-commands/callback/{execution_id}"
    return Request(path, {}, method="GET", headers={"Cache-Control": "no-cache"})


def parse_execution_id(payload: Any) -> str:
    """Return the id with which the service answers the start, a bare JSON string."""
    if not (isinstance(payload, str) and is_identifier(payload)):
        raise response_error("without the id of an execution")
    return payload


def is_under_way(payload: Any) -> bool:
    """Tell whether the execution goes on; a word that is not known counts as a stage of it."""
    status = read_status(payload)
    return status is not None and status != COMPLETED and status not in FAILED


def parse_execution(payload: Any) -> Completion:
    """Read an execution that has ended.

    Raises:
        ProviderAPIError: It failed, or is not what the service documents.
    """
    status = read_status(payload)
    if status in FAILED:
        said = find_message(payload.get("result")) or find_message(payload) or "no reason given"
        raise api_error(200, f"the quick command failed: {said}", code=status)
    if status != COMPLETED:
        raise response_error("without an execution that has ended")
    result = payload.get("result")
    if result is None:
        raise response_error("without the result of the execution")
    return Completion(
        result if isinstance(result, str) else spell(result),
        finish_reason="stop",
        native_finish_reason=status,
        id=text_or_none(payload.get("execution_id")),
        raw=payload,
    )


def spell(result: Any) -> str:
    """Return a result that is no text as JSON."""
    try:
        return json.dumps(result, ensure_ascii=False)
    except RecursionError:
        problem = "with a result that is nested too deep"
    raise response_error(problem)


def read_status(payload: Any) -> str | None:
    """Return the service's word for how far the execution is."""
    progress = payload.get("progress") if isinstance(payload, dict) else None
    return text_or_none(progress.get("status")) if isinstance(progress, dict) else None
