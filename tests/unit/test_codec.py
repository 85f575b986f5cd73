"""JSON to bytes and back, with one kind of failure each way."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy.providers import ProviderInputError
from pepperpy.providers._codec import dumps, loads, loads_each

json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(st.text(), inner, max_size=5)),
)


@given(json_values)
def test_there_and_back(value: Any) -> None:
    """What is encoded is compact UTF-8, and decodes to the same."""
    encoded = dumps(value)

    assert loads(encoded) == value
    assert loads(b"\xef\xbb\xbf" + b" \r\n" + encoded + b"\n") == value
    assert encoded.decode() == json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize("value", [{"a": object()}, {"a": {1}}, {"a": math.nan}, [math.inf], {"a": b"b"}, {(1, 2): 3}])
def test_what_json_cannot_hold(value: Any) -> None:
    """What cannot be sent is the caller's fault, and said so."""
    with pytest.raises(ProviderInputError, match="JSON"):
        dumps(value)


def test_half_a_character() -> None:
    """A lone surrogate cannot be sent as UTF-8; what to do about it is said."""
    with pytest.raises(ProviderInputError, match=r"surrogate.*replace"):
        dumps({"a": "\ud83d"})


def test_what_contains_itself() -> None:
    """A value in a circle, or nested without end, is refused, and not a RecursionError."""
    circle: list[Any] = []
    circle.append(circle)
    deep: Any = None
    for _ in range(100_000):
        deep = [deep]
    for value in (circle, deep):
        with pytest.raises(ProviderInputError):
            dumps(value)
    while deep:  # taken apart by hand: the destructor of so deep a list would recurse as well
        deep = deep.pop()


@pytest.mark.parametrize(
    "data",
    [b"", b" ", b"{", b"{'a': 1}", b"<html>", b"\xff\xfe", b'"\xe9"', b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5_000],
)
def test_what_is_no_json(data: bytes) -> None:
    """Whatever is no JSON is a ValueError: cut, in another charset, nested too deep, or a number without end."""
    with pytest.raises(ValueError):  # noqa: PT011
        loads(data)


@given(st.lists(json_values, max_size=6))
def test_several_at_once(values: list[Any]) -> None:
    """Several texts decode to what each of them decodes to."""
    assert loads_each([dumps(value) for value in values]) == values


@pytest.mark.parametrize(
    "texts", [[b"1", b"", b"2"], [b"1,2", b"3"], [b"[1", b"2]"], [b"1", b"{"], [b"1", b"[" * 100_000]]
)
def test_one_of_several_is_none(texts: list[bytes]) -> None:
    """One text that is no JSON does not pass because of its neighbours."""
    with pytest.raises(ValueError):  # noqa: PT011
        loads_each(texts)
