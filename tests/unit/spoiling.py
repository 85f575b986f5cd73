"""JSON in which anything stands in any place, for the dialects that must read it all the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st


def json_values(*words: str) -> st.SearchStrategy[Any]:
    """Return a strategy of small JSON values; `words` are those that the dialect has an ear for."""
    # Also what JSON can spell and UTF-8 cannot: half a surrogate pair; and what no int and no float holds.
    known = st.sampled_from([*words, "", "9" * 5000, "\ud800"])
    leaves = st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=5) | known
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(known, inner, max_size=3), max_leaves=8
    )


def places(value: Any) -> list[tuple[Any, ...]]:
    """Return the way to every place in a JSON value, the whole included."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(), *((key, *rest) for key, inner in items for rest in places(inner))]


def replaced(value: Any, place: tuple[Any, ...], other: Any) -> Any:
    """Return a JSON value in which `other` stands at the place."""
    if not place:
        return other
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = replaced(value[place[0]], place[1:], other)
    return copy


@st.composite
def spoiled_values(draw: st.DrawFn, wholes: Sequence[Any], others: st.SearchStrategy[Any]) -> Any:
    """Draw one of the whole values, with one of the others in one of its places."""
    whole = draw(st.sampled_from(wholes))
    return replaced(whole, draw(st.sampled_from(places(whole))), draw(others))
