"""JSON to bytes and back, with one kind of failure each way."""

from __future__ import annotations

import codecs
import json
from collections.abc import Sequence
from typing import Any

from .errors import ProviderInputError

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def dumps(value: Any) -> bytes:
    """Encode as compact JSON in UTF-8.

    Raises:
        ProviderInputError: It holds what JSON or UTF-8 cannot.
    """
    try:
        return _encode(value).encode()
    except UnicodeEncodeError:
        problem = "a text holds half a surrogate pair, which is no character; decode it with errors='replace'"
    except (TypeError, ValueError, RecursionError) as error:
        problem = f"the request cannot be written as JSON: {error}"
    raise ProviderInputError(problem)


def dumps_indented(value: Any) -> str:
    """Return JSON for people."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def loads_each(texts: Sequence[bytes]) -> list[Any]:
    """Decode several JSON texts, in one go where they are all in order.

    Raises:
        ValueError: One is not JSON.
    """
    if len(texts) == 1:
        return [loads(texts[0])]
    try:
        values: list[Any] = loads(b"[" + b",".join(texts) + b"]")
    except ValueError:
        values = []
    return values if len(values) == len(texts) else [loads(text) for text in texts]


def loads(data: bytes) -> Any:
    """Decode JSON in UTF-8, whatever its sender says it is; a byte-order mark is passed over.

    Raises:
        ValueError: It is not JSON, or nested too deep to be an answer.
    """
    if data.startswith(codecs.BOM_UTF8):
        data = data[3:]
    try:
        return json.loads(data.decode())
    except RecursionError:
        problem = "nested too deep"
    raise ValueError(problem)
