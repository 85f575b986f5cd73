"""Read what a call used, as Chat Completions and embeddings tell it."""

from __future__ import annotations

from typing import Any

from ..domain import Completion, Usage
from ..values import count_or_none, number_or_none


def parse_usage(usage: Any) -> Usage:
    """Read a usage object; what is missing or broken is None."""
    if type(usage) is not dict:
        return Completion.NO_USAGE
    cached = reasoning = cost = None
    # By subscript: a call for each field would be a third of what reading an answer costs.
    if "prompt_tokens_details" in usage and type(details := usage["prompt_tokens_details"]) is dict:
        cached = count_or_none(details["cached_tokens"]) if "cached_tokens" in details else None
    if "completion_tokens_details" in usage and type(details := usage["completion_tokens_details"]) is dict:
        reasoning = count_or_none(details["reasoning_tokens"]) if "reasoning_tokens" in details else None
    if "cost" in usage:
        cost = number_or_none(usage["cost"])
    try:
        prompt, answer, total = usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]
    except KeyError:
        prompt, answer, total = map(usage.get, ("prompt_tokens", "completion_tokens", "total_tokens"))
    if not (type(prompt) is type(answer) is type(total) is int and prompt >= 0 and answer >= 0 and total >= 0):
        prompt, answer, total = map(count_or_none, (prompt, answer, total))
    return Usage(
        input_tokens=prompt,
        output_tokens=answer,
        total_tokens=total,
        cached_tokens=cached,
        reasoning_tokens=reasoning,
        cost=cost,
    )
