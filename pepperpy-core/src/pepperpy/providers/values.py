"""Values out of a service's answer, in which anything may stand in any place."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Sequence
from typing import Any

from ._codec import loads, loads_each

__all__ = [
    "count_or_none",
    "is_finite",
    "is_finite_float32",
    "loads",
    "loads_each",
    "number_or_none",
    "packed_or_none",
    "text_or_none",
    "vector_or_none",
]


_NUMBERS = frozenset({float, int})
_HEADS_OF_ZERO_AND_ONE = (b"\x00", b"\x3f")


def text_or_none(value: Any) -> str | None:
    """Return `value` where it is a text that is not empty."""
    return value if type(value) is str and value else None


def count_or_none(value: Any) -> int | None:
    """Return `value` where it is a count."""
    return value if type(value) is int and value >= 0 else None


def number_or_none(value: Any) -> float | None:
    """Return `value` where it is a finite number, 0 or more."""
    return value if type(value) in (int, float) and 0 <= value <= sys.float_info.max else None


def vector_or_none(values: Any) -> list[float] | None:
    """Return `values` as floats where they are a list of finite numbers, at least one."""
    if type(values) is not list:
        return None
    # One look at all types at once: a look at each number would cost more than decoding them did.
    kinds = set(map(type, values))
    if not kinds <= _NUMBERS:
        return None
    try:
        vector = list(map(float, values)) if int in kinds else values
    except OverflowError:  # an integer that no float holds
        return None
    return vector if is_finite(vector) else None


def packed_or_none(values: Any) -> array[float] | None:
    """Return `values` as float32 where they are a list of numbers that are finite as such, at least one."""
    if type(values) is not list:
        return None
    try:
        packed = array("f", values)
    except (TypeError, OverflowError):
        return None
    seen = _swapped(packed).tobytes()
    heads = _heads(seen)
    # A boolean is no number, but packed as one: only where there is a 0 or a 1 can there have been any.
    if any(head in heads for head in _HEADS_OF_ZERO_AND_ONE) and not set(map(type, values)) <= _NUMBERS:
        return None
    return packed if is_finite_float32(seen) else None


def is_finite(vector: Sequence[float]) -> bool:
    """Tell whether a vector has at least one number, and none but finite ones."""
    if isinstance(vector, array) and vector.typecode == "f":
        return is_finite_float32(_swapped(vector).tobytes())
    # One sum instead of a test for each: a single nan or infinity spoils it, and so, very seldom, does an overflow.
    return len(vector) > 0 and (math.isfinite(sum(vector)) or all(map(math.isfinite, vector)))


def is_finite_float32(packed: bytes) -> bool:
    """Tell whether these are little-endian float32, at least one, and none but finite ones."""
    heads = _heads(packed)
    # In none but nan, infinity and numbers above 1e38 is the upper exponent full.
    if b"\x7f" in heads or b"\xff" in heads:
        return all(map(math.isfinite, _swapped(array("f", packed))))
    return len(heads) > 0


def _heads(packed: bytes) -> bytes:
    """Return the sign and the upper exponent of each little-endian float32, a byte each."""
    return packed[3::4]


def _swapped(vector: array[float]) -> array[float]:
    """Return a vector with its bytes from little-endian to the machine's order, or back."""
    if sys.byteorder == "little":
        return vector
    swapped = vector[:]
    swapped.byteswap()
    return swapped
