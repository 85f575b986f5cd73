"""Numbers out of an answer are taken for what they are, whatever stands in their place."""

from __future__ import annotations

import math
import struct
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy.providers.values import is_finite, is_finite_float32, packed_or_none, vector_or_none

ODD = [math.nan, -math.nan, math.inf, -math.inf, 3.4e38, -3.4e38, 2e38, 0.0, -0.0, 1.0, 1e-45]


@given(st.lists(st.sampled_from(ODD) | st.floats(width=32), max_size=8))
def test_float32_are_finite_as_one_by_one(numbers: list[float]) -> None:
    """The look at the upper bytes says what a look at each number would."""
    packed = struct.pack(f"<{len(numbers)}f", *numbers)

    assert is_finite_float32(packed) == (len(numbers) > 0 and all(map(math.isfinite, numbers)))
    assert is_finite(array("f", numbers)) == is_finite_float32(packed)
    assert is_finite(numbers) == is_finite_float32(packed)


@given(st.lists(st.sampled_from([0, 1, 0.0, 1.0, 0.5, 0.75, 1.5, -1, True, False, None, "1", 10**400, 1e39, math.nan])))
def test_a_vector_is_a_list_of_finite_numbers(values: list[Any]) -> None:
    """A list with anything but finite numbers is no vector, as float64 or packed; a boolean is no number."""
    numbers = [type(value) in (int, float) and abs(value) < 1e300 for value in values]
    is_vector = len(values) > 0 and all(numbers)
    fits = is_vector and max(map(abs, values)) < 3.4e38

    assert vector_or_none(values) == (list(map(float, values)) if is_vector else None)
    assert packed_or_none(values) == (array("f", values) if fits else None)


@pytest.mark.parametrize("values", [None, (1.0,), "1", {"0": 1.0}, array("f", [1.0])])
def test_what_is_no_list_is_no_vector(values: Any) -> None:
    """JSON has lists alone."""
    assert vector_or_none(values) is None
    assert packed_or_none(values) is None
