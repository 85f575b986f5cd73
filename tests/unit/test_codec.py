"""JSON to bytes and back, with one kind of failure each way, by either of two libraries."""

from __future__ import annotations

import datetime
import enum
import importlib
import json
import math
import subprocess
import sys
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy.providers import Completion, ProviderInputError, _codec
from pepperpy.providers._codec import Dumps, Loads, loads_each, plain_dumps, plain_loads, quick
from pepperpy.providers.dialect import Event

try:
    orjson = importlib.import_module("orjson")
except ImportError:
    orjson = None  # type: ignore[assignment]

WAYS: dict[str, tuple[Dumps, Loads]] = {"json": (plain_dumps, plain_loads)}
if orjson is not None:
    WAYS["orjson"] = quick(orjson)

both = pytest.mark.parametrize(
    ("dumps", "loads"),
    [
        pytest.param(*WAYS["json"], id="json"),
        pytest.param(
            *WAYS.get("orjson", (None, None)),
            id="orjson",
            marks=pytest.mark.skipif(orjson is None, reason="orjson is not installed"),
        ),
    ],
)

json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**80), 2**80),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(st.text(), inner, max_size=5)),
)


def outcome(function: Callable[[Any], Any], value: Any) -> Any:
    """Return what a function returns, or the class of what it raises."""
    try:
        return function(value)
    except ProviderInputError:
        return ProviderInputError
    except ValueError:
        return ValueError


@both
@given(value=json_values)
def test_there_and_back(dumps: Dumps, loads: Loads, value: Any) -> None:
    """What is encoded is compact UTF-8, and decodes to the same, of the same types."""
    encoded = dumps(value)

    assert repr(loads(encoded)) == repr(value)
    assert repr(loads(b"\xef\xbb\xbf" + b" \r\n" + encoded + b"\n")) == repr(value)
    assert json.loads(encoded) == value
    # No blank but those within texts; numbers may be spelled in two ways.
    assert encoded.count(b" ") == json.dumps(value, ensure_ascii=False, separators=(",", ":")).count(" ")


@both
@pytest.mark.parametrize("value", [{"a": object()}, {"a": {1}}, {"a": math.nan}, [math.inf], {"a": b"b"}, {(1, 2): 3}])
def test_what_json_cannot_hold(dumps: Dumps, loads: Loads, value: Any) -> None:
    """What cannot be sent is the caller's fault, and said so."""
    with pytest.raises(ProviderInputError, match="JSON"):
        dumps(value)


@both
def test_half_a_character(dumps: Dumps, loads: Loads) -> None:
    """A lone surrogate cannot be sent as UTF-8; what to do about it is said."""
    with pytest.raises(ProviderInputError, match=r"surrogate.*replace"):
        dumps({"a": "\ud83d"})


@both
def test_what_contains_itself(dumps: Dumps, loads: Loads) -> None:
    """A value in a circle, or nested without end, is refused, and not a RecursionError."""
    circle: list[Any] = []
    circle.append(circle)
    deep: Any = None
    for _ in range(100_000):
        deep = [deep]
    for value in (circle, deep):
        with pytest.raises(ProviderInputError, match="contains itself"):
            dumps(value)
    while deep:  # taken apart by hand: the destructor of so deep a list would recurse as well
        deep = deep.pop()


@dataclass
class Point:
    """What orjson writes by itself and json does not."""

    x: int


class Word(enum.StrEnum):
    """A text that is a member of an enum."""

    ONE = "one"


Pair = namedtuple("Pair", "a b")


@both
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Completion("hello"), '"hello"'),
        ([{"content": Completion("hello")}], '[{"content":"hello"}]'),
        ({Completion("key"): 1}, '{"key":1}'),
        ({1: 2, None: 3, False: 4}, '{"1":2,"null":3,"false":4}'),
        (OrderedDict(a=1), '{"a":1}'),
        ((1, (2,)), "[1,[2]]"),
        (Pair(1, 2), "[1,2]"),
        (Word.ONE, '"one"'),
        (2**64, "18446744073709551616"),
        (-(2**63) - 1, "-9223372036854775809"),
        ({"a": None}, '{"a":null}'),
        ("null", '"null"'),
        ("\u2028\x7f\u00e9", '"\u2028\x7f\u00e9"'),
    ],
)
def test_what_is_written(dumps: Dumps, loads: Loads, value: Any, text: str) -> None:
    """Subclasses of str, keys that are none, large integers and tuples are written the same either way."""
    assert dumps(value).decode() == text


@both
@pytest.mark.parametrize("value", [Point(1), datetime.date(2026, 1, 1), datetime.datetime(2026, 1, 1)])
def test_what_only_orjson_would_write(dumps: Dumps, loads: Loads, value: Any) -> None:
    """A dataclass or a date is refused either way, so that nobody's program works only with orjson."""
    with pytest.raises(ProviderInputError, match="JSON"):
        dumps([value])


@both
@pytest.mark.parametrize(
    "data",
    [
        *(b"", b" ", b"{", b"{'a': 1}", b"<html>", b"[1,]", b"[1] 2", b"{}{"),
        *(b"\xff\xfe", b'"\xe9"', b'["\x01"]', b"\x0b[1]", b"[1]\x0b", b"[1]\xc2\xa0", b"\xef\xbb\xbf\xef\xbb\xbf1"),
        *(b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5_000),
    ],
)
def test_what_is_no_json(dumps: Dumps, loads: Loads, data: bytes) -> None:
    """Whatever is no JSON is a ValueError: cut, in another charset, nested too deep, or a number without end."""
    with pytest.raises(ValueError):  # noqa: PT011
        loads(data)


@both
@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"18446744073709551615", 2**64 - 1),
        (b"[18446744073709551616]", [2**64]),
        (b'{"a":-9223372036854775809}', {"a": -(2**63) - 1}),
        (b"1" * 40, int("1" * 40)),
        (b"1e400", math.inf),
        (b"[-Infinity]", [-math.inf]),
        (b'"\\ud83d"', "\ud83d"),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'"12345678901234567890123"', "12345678901234567890123"),
        (b"0.12345678901234567890123", 0.12345678901234567890123),
        (b"[" * 900 + b"]" * 900, None),
        (b'{"a":"' + b"x" * 300_000 + b'","b":12345678901234567890123}', None),
        (b"[" + b"1," * 200_000 + b"12345678901234567890123]", None),
    ],
)
def test_what_is_read(dumps: Dumps, loads: Loads, data: bytes, value: Any) -> None:
    """What json takes and orjson would refuse, or change, is read as json reads it."""
    expected = json.loads(data) if value is None else value
    found = loads(data)

    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.skipif(orjson is None, reason="orjson is not installed")
@given(
    st.one_of(
        st.binary(max_size=40),
        st.text(alphabet='[]{}",:0123456789.eE+-nulltrefasNIity\\ud83 \n', max_size=60).map(str.encode),
    )
)
def test_both_ways_agree(data: bytes) -> None:
    """Whatever the bytes, both ways come to the same value, or both refuse it."""
    assert repr(outcome(WAYS["orjson"][1], data)) == repr(outcome(plain_loads, data))


@both
def test_any_bytes_are_read(dumps: Dumps, loads: Loads) -> None:
    """What was put together on its way is read as well as what came at once."""
    data = dumps({"a": ["b", 1.5, 2**70]})

    assert loads(bytearray(data)) == loads(data) == {"a": ["b", 1.5, 2**70]}


@both
def test_the_data_of_a_named_event(dumps: Dumps, loads: Loads) -> None:
    """The data of an event that has a name are read as any others."""
    assert loads_each([Event(b'{"a":1}', b"name")], loads) == [{"a": 1}]
    assert loads_each([Event(b"1", b"name"), Event(b"2", b"name")], loads) == [1, 2]


@both
@given(values=st.lists(json_values, max_size=6))
def test_several_at_once(dumps: Dumps, loads: Loads, values: list[Any]) -> None:
    """Several texts decode to what each of them decodes to."""
    assert loads_each([dumps(value) for value in values], loads) == values


@both
@pytest.mark.parametrize(
    "texts", [[b"1", b"", b"2"], [b"1,2", b"3"], [b"[1", b"2]"], [b"1", b"{"], [b"1", b"[" * 100_000]]
)
def test_one_of_several_is_none(dumps: Dumps, loads: Loads, texts: list[bytes]) -> None:
    """One text that is no JSON does not pass because of its neighbours."""
    with pytest.raises(ValueError):  # noqa: PT011
        loads_each(texts, loads)


def test_orjson_is_used_where_it_is_installed() -> None:
    """The way is chosen once: orjson where it can be imported, else the standard library's json."""
    script = (
        "import sys\nif {absent}: sys.modules['orjson'] = None\n"
        "from pepperpy.providers import _codec\nprint(_codec.loads is _codec.plain_loads)"
    )
    ways = [
        subprocess.run([sys.executable, "-c", script.format(absent=absent)], capture_output=True, text=True, check=True)
        for absent in (True, False)
    ]

    assert [way.stdout.strip() for way in ways] == ["True", str(orjson is None)]
    assert (_codec.dumps is plain_dumps) is (orjson is None)
