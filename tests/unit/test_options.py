"""What is wrong with the options of a call is said before anything is sent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pytest

from pepperpy.providers import ProviderInputError
from pepperpy.providers import options as check

KNOWN: Mapping[str, check.Check] = {"temperature": check.number, "stop": check.texts, "user": check.text}


@pytest.mark.parametrize(
    ("checked", "value", "sent"),
    [
        (check.number, 0, 0),
        (check.number, 0.7, 0.7),
        (check.signed_number, -2, -2),
        (check.signed_number, 1.5, 1.5),
        (check.count, 1, 1),
        (check.count, 10**9, 10**9),
        (check.integer, -7, -7),
        (check.integer, 0, 0),
        (check.text, " a ", " a "),
        (check.texts, "a", ["a"]),
        (check.texts, " ", [" "]),
        (check.texts, ["a", "\n"], ["a", "\n"]),
        (check.texts, ("a",), ["a"]),
        (check.mapping, {"a": 1}, {"a": 1}),
        (check.mapping, {}, {}),
        (check.mapping, MappingProxyType({"a": 1}), {"a": 1}),
    ],
)
def test_what_is_right_is_sent(checked: check.Check, value: Any, sent: Any) -> None:
    """A right value is passed on as it is, one text as a list of one."""
    assert checked("name", value) == sent


@pytest.mark.parametrize(
    ("checked", "values"),
    [
        (check.number, [-0.1, math.nan, math.inf, "1", True, None, [1]]),
        (check.signed_number, [math.nan, -math.inf, "1", False, None]),
        (check.count, [0, -1, 1.0, "1", True, None]),
        (check.integer, [1.0, "1", True, None]),
        (check.text, ["", "  ", "\n", 3, None, b"a", ["a"]]),
        (check.texts, ["", [], [""], ["a", 3], 3, None, {"a": 1}, b"a", {"a"}]),
        (check.mapping, [None, 3, "a", [("a", 1)], {3: 1}]),
    ],
)
def test_what_is_wrong_is_named(checked: check.Check, values: list[Any]) -> None:
    """A wrong value is refused by the option's name, as a ValueError."""
    for value in values:
        with pytest.raises(ProviderInputError, match=r"^the_name ") as caught:
            checked("the_name", value)

        assert isinstance(caught.value, ValueError)


def test_options_are_checked_by_name() -> None:
    """Every option goes through the check of its name."""
    assert check.check_options({"stop": "a", "temperature": 1}, KNOWN) == {"stop": ["a"], "temperature": 1}
    assert check.check_options({}, KNOWN) == {}
    with pytest.raises(ProviderInputError, match=r"^temperature must be a number"):
        check.check_options({"temperature": "hot"}, KNOWN)


def test_an_unknown_option_is_refused() -> None:
    """An unknown option is refused with the nearest one, those there are, and the way around."""
    with pytest.raises(ProviderInputError, match=r"'temperatur'; did you mean 'temperature'?.*known: stop.*extra_body"):
        check.check_options({"temperatur": 1}, KNOWN)
    with pytest.raises(ProviderInputError, match="'zzz'; known: stop, temperature, user"):
        check.check_options({"zzz": 1}, KNOWN)


@pytest.mark.parametrize(
    ("asked", "offered", "effort"),
    [
        ("minimal", ("none", "low", "medium"), "low"),
        ("none", ("none", "low"), "none"),
        ("none", ("low", "high"), "low"),
        ("medium", ("low", "high"), "low"),
        ("max", ("low", "high"), "high"),
        ("high", ("none",), "none"),
    ],
)
def test_the_nearest_effort(asked: str, offered: Sequence[str], effort: str) -> None:
    """An effort that a model lacks becomes the nearest it has, and thinking is switched off for nobody who asked for some."""
    assert check.nearest_effort(asked, offered) == effort
