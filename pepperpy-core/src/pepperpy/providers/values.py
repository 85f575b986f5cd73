"""Values out of a service's answer, in which anything may stand in any place."""

from __future__ import annotations

import sys
from array import array
from typing import Any

from ._codec import loads, loads_each
from .embeddings import heads_of, is_finite, is_finite_float32

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
    heads = heads_of(packed)
    # A boolean is no number, but packed as one: only where there is a 0 or a 1 can there have been any.
    if any(head in heads for head in _HEADS_OF_ZERO_AND_ONE) and not set(map(type, values)) <= _NUMBERS:
        return None
    return packed if is_finite(packed) else None
