"""What goes into the body of a request: the caller's additions, and as many texts as the service takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from . import options as check
from .dialect import EmbeddingLimits, Request
from .domain import ProviderInputError


def merge_body(request: Request, extra_body: Mapping[str, Any] | None) -> Request:
    """Return the request with `extra_body` merged in, objects key by key, anything else replaced."""
    if extra_body is None:
        return request
    if "stream" in check.mapping("extra_body", extra_body):
        raise ProviderInputError("extra_body must not hold stream; give stream=True to complete() instead")
    return attrs.evolve(request, body=_merged(request.body, extra_body))


def _merged(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(mine)
    for key, value in theirs.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def split_texts(texts: Sequence[str], limits: EmbeddingLimits) -> list[list[str]]:
    """Return the texts in batches within the limits; one that is over them alone is left for the service to judge."""
    texts = list(texts)
    # No character takes more than four bytes: few short texts need not be encoded to be counted.
    if limits.size is None or 4 * sum(map(len, texts)) <= limits.size:
        return [texts[start : start + limits.inputs] for start in range(0, len(texts), limits.inputs)]
    batches: list[list[str]] = []
    room = 0
    for text in texts:
        size = len(text.encode("utf-8", "surrogatepass"))
        if not batches or len(batches[-1]) >= limits.inputs or size > room:
            batches.append([])
            room = limits.size
        batches[-1].append(text)
        room -= size
    return batches
