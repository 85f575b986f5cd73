"""Embedding vectors, held compactly."""

from __future__ import annotations

import math
import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, overload

from .domain import Usage


class Embeddings(Sequence[list[float]]):
    """The vectors of many texts, in their order.

    A sequence whose items are `list[float]`, over one buffer of float32 in which the vectors lie one after the other.
    NumPy wraps it without copying: `numpy.asarray(embeddings)` has the shape `(len(embeddings), dimensions)`.

    Args:
        vectors: An `array("f")` of all the vectors' numbers; it is kept, not copied.
        dimensions: The length of each vector.
        usage: What all requests used together.
        model: The model that embedded, as the service names it.
    """

    __slots__ = ("_vectors", "dimensions", "model", "usage")

    def __init__(
        self, vectors: array[float], dimensions: int, *, usage: Usage | None = None, model: str | None = None
    ) -> None:
        if vectors.typecode != "f" or dimensions < bool(vectors) or len(vectors) % (dimensions or 1):
            raise ValueError('vectors must be an array("f") of whole vectors')
        self._vectors = vectors
        self.dimensions = dimensions
        self.usage = Usage() if usage is None else usage
        self.model = model

    @classmethod
    def joined(
        cls, tables: Sequence[Sequence[Sequence[float]]], *, usage: Usage | None = None, model: str | None = None
    ) -> Embeddings:
        """Return the vectors of all tables one behind the other; one table alone is not copied.

        Raises:
            ValueError: They are of several lengths, or hold what is no finite float32.
        """
        if len(tables) == 1 and isinstance(tables[0], Embeddings):
            return cls(tables[0]._vectors, tables[0].dimensions, usage=usage, model=model)
        vectors: array[float] = array("f")
        dimensions = 0
        for table in tables:
            for numbers, length in _runs(table):
                if length != (dimensions or length):
                    raise ValueError("the vectors are of several lengths")
                dimensions = length
                try:
                    vectors.extend(numbers)
                except (TypeError, OverflowError):
                    raise ValueError("a vector holds what is no float32") from None
        if vectors and not is_finite(vectors):
            raise ValueError("a number is too large for float32")
        return cls(vectors, dimensions, usage=usage, model=model)

    @property
    def buffer(self) -> memoryview[Any]:
        """The numbers as a read-only view of shape `(len(self), dimensions)`, format "f"."""
        flat = memoryview(self._vectors).toreadonly()
        return flat.cast("B").cast("f", (len(self), self.dimensions)) if self._vectors else flat

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return {
            "version": 3,
            "shape": (len(self), self.dimensions),
            "typestr": "<f4" if sys.byteorder == "little" else ">f4",
            "data": memoryview(self._vectors).toreadonly(),
        }

    def __len__(self) -> int:
        return len(self._vectors) // self.dimensions if self.dimensions else 0

    def __iter__(self) -> Iterator[list[float]]:
        for start in range(0, len(self._vectors), self.dimensions or 1):
            yield self._vectors[start : start + self.dimensions].tolist()

    @overload
    def __getitem__(self, index: int) -> list[float]: ...
    @overload
    def __getitem__(self, index: slice) -> list[list[float]]: ...
    def __getitem__(self, index: int | slice) -> list[float] | list[list[float]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        start = range(len(self))[index] * self.dimensions
        return self._vectors[start : start + self.dimensions].tolist()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Embeddings):
            return NotImplemented
        return (self.dimensions, self._vectors) == (other.dimensions, other._vectors)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} embeddings of {self.dimensions} dimensions, model={self.model!r}>"


def _runs(table: Sequence[Sequence[float]]) -> Iterator[tuple[Sequence[float], int]]:
    """Yield the numbers of a table in as few pieces as it has them, with the length of a vector in each."""
    if isinstance(table, Embeddings):
        if table:
            yield table._vectors, table.dimensions
    else:
        for vector in table:
            yield vector, len(vector)


def is_finite(vector: Sequence[float]) -> bool:
    """Tell whether a vector has at least one number, and none but finite ones."""
    if isinstance(vector, array) and vector.typecode == "f":
        return _are_finite(heads_of(vector), vector)
    # One sum instead of a test for each: a single nan or infinity spoils it, and so, very seldom, does an overflow.
    return len(vector) > 0 and (math.isfinite(sum(vector)) or all(map(math.isfinite, vector)))


def is_finite_float32(packed: bytes) -> bool:
    """Tell whether these are little-endian float32, at least one, and none but finite ones."""
    return _are_finite(packed[3::4], packed)


def heads_of(vector: array[float]) -> bytes:
    """Return the sign and the upper exponent of each float32, a byte each."""
    return vector.tobytes()[3 if sys.byteorder == "little" else 0 :: 4]


def _are_finite(heads: bytes, numbers: array[float] | bytes) -> bool:
    # In none but nan, infinity and numbers above 1e38 is the upper exponent full.
    if b"\x7f" in heads or b"\xff" in heads:
        vector = struct.unpack(f"<{len(heads)}f", numbers) if isinstance(numbers, bytes) else numbers
        return all(map(math.isfinite, vector))
    return len(heads) > 0
