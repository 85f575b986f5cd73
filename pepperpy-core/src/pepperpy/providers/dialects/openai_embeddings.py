"""Read OpenAI's embeddings."""

from __future__ import annotations

import binascii
import sys
from array import array
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from ..dialect import EmbeddingBatch, response_error
from ..domain import ProviderResponseError
from ..embeddings import Embeddings
from ..values import is_finite_float32, text_or_none, vector_or_none
from .openai_usage import parse_usage


def read_embeddings(payload: Any, count: int) -> EmbeddingBatch:
    """Return the vectors of an answer that is no error, in the order of their `index`."""
    if not isinstance(payload, dict):
        raise response_error("with no JSON object")
    rows = payload.get("data")
    if not isinstance(rows, list) or len(rows) != count or not set(map(type, rows)) <= {dict}:
        raise response_error(f"without the {count} embeddings that were asked for")
    embeddings = [row.pop("embedding", None) for row in in_order(rows)]
    packed = set(map(type, embeddings)) == {str}
    vectors: Sequence[Sequence[float]] = read_packed(embeddings) if packed else read_lists(embeddings)
    return EmbeddingBatch(vectors, parse_usage(payload.get("usage")), text_or_none(payload.get("model")))


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows in the order of their `index`; one that has none stands where it belongs."""
    places = [row.get("index", place) for place, row in enumerate(rows)]
    wanted = list(range(len(rows)))
    if set(map(type, places)) <= {int}:
        if places == wanted:
            return rows
        if sorted(places) == wanted:
            return [row for _, row in sorted(zip(places, rows, strict=True), key=itemgetter(0))]
    raise response_error("with embeddings that are numbered wrong")


def read_packed(embeddings: list[str]) -> Embeddings:
    """Read vectors that are base64 of little-endian float32 into one buffer."""
    vectors: array[float] = array("f")
    size = 0
    for place, embedding in enumerate(embeddings):
        # Each text is let go as soon as it is read: together they are larger than the vectors.
        embeddings[place] = ""
        try:
            packed = binascii.a2b_base64(embedding, strict_mode=True)
            vectors.frombytes(packed)
        except ValueError:
            raise response_error("with an embedding that is no base64 of float32") from None
        if not is_finite_float32(packed):
            raise response_error("with an embedding that is empty or not finite")
        size = size or len(packed)
        if len(packed) != size:
            raise several_lengths()
    if sys.byteorder == "big":
        vectors.byteswap()
    return Embeddings(vectors, size // vectors.itemsize)


def read_lists(embeddings: list[Any]) -> list[Sequence[float]]:
    """Read vectors of which some are lists of numbers, as servers send them that pass over what they were asked for."""
    vectors: list[Sequence[float]] = []
    for embedding in embeddings:
        vector = read_packed([embedding])[0] if isinstance(embedding, str) else vector_or_none(embedding)
        if vector is None:
            raise response_error("with an embedding that is no list of finite numbers")
        vectors.append(vector)
    if len(set(map(len, vectors))) > 1:
        raise several_lengths()
    return vectors


def several_lengths() -> ProviderResponseError:
    """Return the error for vectors that cannot stand in one table."""
    return response_error("with embeddings of several lengths")
