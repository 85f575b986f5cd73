"""JSON's plain values as those of Python, strictly: what is of another type is refused, never converted."""

from __future__ import annotations

import datetime
import enum
import json
import math
import types
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path, PurePath
from typing import Any

from cattrs.errors import StructureHandlerNotFoundError

from ._fields import spell
from .errors import cut

_JSON_NAMES = {dict: "an object", list: "an array", str: "a text", bool: "a boolean", types.NoneType: "null"}


class Misfit(ValueError):
    """A value is not of its type; its text says what it must be."""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Misfit(f"must be a text, not {show(value)}")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Misfit(f"must be a whole number, not {show(value)}")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Misfit(f"must be a number, not {show(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Misfit("must be a number that a float can hold")
    return number


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Misfit(f"must be true or false, not {show(value)}")
    return value


def none(value: Any, _: Any = None) -> None:
    if value is not None:
        raise Misfit(f"must be null, not {show(value)}")


def _parsed(what: str, parse: Callable[[str], Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if isinstance(value, str):
            try:
                return parse(value)
            except ValueError:
                pass
        raise Misfit(f"must be {what}, not {show(value)}")

    return read


def _decimal(value: Any) -> Decimal:
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite():
            return number
    raise Misfit(f'must be a decimal number as a text, such as "12.50", not {show(value)}')


READERS: Mapping[type[Any], Callable[[Any], Any]] = {
    str: _text,
    int: _integer,
    float: _number,
    bool: _boolean,
    datetime.date: _parsed("a date such as 2026-01-31", datetime.date.fromisoformat),
    datetime.datetime: _parsed("a date and time such as 2026-01-31T12:00:00Z", datetime.datetime.fromisoformat),
    datetime.time: _parsed("a time such as 12:30:00", datetime.time.fromisoformat),
    uuid.UUID: _parsed("a UUID", uuid.UUID),
    Decimal: _decimal,
    Path: lambda value: Path(_text(value)),
    PurePath: lambda value: PurePath(_text(value)),
}


def exact(kind: type[Any], read: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """Return the hook of a type; subclasses, which cattrs sends here too, are enums or have no schema."""

    def hook(value: Any, asked: Any) -> Any:
        if asked is kind:
            return read(value)
        if issubclass(asked, enum.Enum):
            return read_enum(value, asked)
        raise StructureHandlerNotFoundError(f"{spell(asked)} cannot be read", asked)

    return hook


def read_enum(value: Any, kind: type[enum.Enum]) -> enum.Enum:
    """Return the member that has this value."""
    for member in kind:
        # 1 is not True.
        if isinstance(value, bool) is isinstance(member.value, bool) and value == member.value:
            return member
    raise Misfit(f"must be one of {', '.join(json.dumps(each.value) for each in kind)}, not {show(value)}")


def show(value: Any) -> str:
    kind = _JSON_NAMES.get(type(value), "the number" if isinstance(value, (int, float)) else type(value).__name__)
    if isinstance(value, str):
        return f"the text {cut(json.dumps(value, ensure_ascii=False), 60)}"
    if isinstance(value, (bool, int, float)):
        return cut(json.dumps(value), 60)
    return kind
