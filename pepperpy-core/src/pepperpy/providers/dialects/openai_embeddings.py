"""Read OpenAI's embeddings."""

from __future__ import annotations

import binascii
import sys
from array import array
from collections.abc import Sequence
from typing import Any

from ..dialect import EmbeddingBatch, response_error
from ..values import is_finite, text_or_none, vector_or_none
from .openai_usage import parse_usage


def read_embeddings(payload: Any, count: int) -> EmbeddingBatch:
    """Return the vectors of an answer that is no error, in the order of their `index`."""
    if not isinstance(payload, dict):
        raise response_error("with no JSON object")
    rows = payload.get("data")
    if not isinstance(rows, list) or len(rows) != count or not all(isinstance(row, dict) for row in rows):
        raise response_error(f"without the {count} embeddings that were asked for")
    vectors: list[Sequence[float]] = [()] * count
    for place, row in enumerate(rows):
        index = row.get("index", place)
        if type(index) is not int or not 0 <= index < count or vectors[index]:
            raise response_error("with embeddings that are numbered wrong")
        # Each text is let go as soon as it is decoded: together they are larger than the vectors.
        vectors[index] = parse_vector(row.pop("embedding", None))
    if len({len(vector) for vector in vectors}) > 1:
        raise response_error("with embeddings of several lengths")
    return EmbeddingBatch(vectors, parse_usage(payload.get("usage")), text_or_none(payload.get("model")))


def parse_vector(embedding: Any) -> Sequence[float]:
    """Read an embedding: base64 of little-endian float32, or a list of numbers."""
    if not isinstance(embedding, str):
        vector = vector_or_none(embedding)
        if vector is None:
            raise response_error("with an embedding that is no list of finite numbers")
        return vector
    try:
        packed = array("f", binascii.a2b_base64(embedding, strict_mode=True))
    except ValueError:
        raise response_error("with an embedding that is no base64 of float32") from None
    if sys.byteorder == "big":
        packed.byteswap()
    if not is_finite(packed):
        raise response_error("with an embedding that is empty or not finite")
    return packed
