"""Types that tests of schemas share, their values, and as much of JSON schema as those need."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, Required, TypedDict, TypeVar

import attrs
from typing_extensions import TypeAliasType

ItemT = TypeVar("ItemT")
Euros = NewType("Euros", float)
Alias = TypeAliasType("Alias", list[int])
Pairs = TypeAliasType("Pairs", list[tuple[ItemT, ItemT]], type_params=(ItemT,))


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Mixed(enum.Enum):
    ONE = 1
    TEXT = "1"


class Word(enum.StrEnum):
    YES = "yes"
    NO = "no"


class Number(enum.IntEnum):
    ONE = 1
    TWO = 2


@attrs.frozen
class Line:
    """One line of an invoice."""

    what: str
    price: Annotated[Euros, "Without tax."]
    count: int = 1


@attrs.define
class Invoice:
    """An invoice.

    It was sent by post.

    Attributes:
        number: Its number, which
            may hold letters.
        lines: What is paid for.
    """

    number: str
    lines: list[Line]
    due: datetime.date | None = None
    gift: Line | None = None
    _private: int = 3
    tags: set[str] = attrs.field(factory=set)
    total: float = attrs.field(init=False, default=0.0)
    note: str = attrs.field(default="", metadata={"description": "In ink."})


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0
    labels: list[str] = dataclasses.field(default_factory=list)
    when: datetime.datetime = dataclasses.field(default_factory=datetime.datetime.now, metadata={"description": "UTC"})
    name: str = None  # type: ignore[assignment]


class Person(TypedDict):
    name: str
    age: NotRequired[int]


class Loose(TypedDict, total=False):
    name: Required[str]
    nick: Annotated[str, "Short."]


class Place(NamedTuple):
    lon: float
    lat: float = 1.5


@attrs.frozen
class Node:
    name: str
    children: list[Node] = attrs.field(factory=list)
    parent: Annotated[Node | None, "Above."] = None


@attrs.frozen
class Page(Generic[ItemT]):
    items: list[ItemT]
    size: ItemT | None = None


@attrs.frozen
class Cat:
    kind: Literal["cat"]
    lives: int = 9


@attrs.frozen
class Dog:
    kind: Literal["dog"]
    lives: int = 1


UTC = datetime.UTC
VALUES: Sequence[tuple[Any, Any]] = [
    (str, ""),
    (str, "a\u2028\U0001f600"),
    (int, 5),
    (int, -(10**30)),
    (float, 2.5),
    (bool, True),
    (None, None),
    (Any, {"a": [1, None]}),
    (list, [1, "a"]),
    (list[int], []),
    (list[list[str]], [["a"], []]),
    (Sequence[int], [1, 2]),
    (Iterable[Line], [Line("a", Euros(1.0))]),
    (tuple[int, ...], (1, 2)),
    (tuple[int, str], (1, "a")),
    (tuple[float, float], (1.0, 2.0)),
    (set[int], {1, 2}),
    (frozenset[Word], frozenset({Word.YES})),
    (dict, {"a": 1}),
    (dict[str, Line], {"a b": Line("a", Euros(1.0), 2)}),
    (Mapping[Colour, int], {Colour.RED: 1}),
    (Literal["a", 1, None], 1),
    (Literal["a", 1, None], None),
    (Colour, Colour.BLUE),
    (Mixed, Mixed.ONE),
    (Word, Word.NO),
    (Number, Number.TWO),
    (int | str, 1),
    (int | str, "1"),
    (int | float, 5),
    (int | float, 5.0),
    (bool | int, True),
    (str | None, None),
    (str | datetime.date, datetime.date(2026, 1, 31)),
    (str | datetime.date, "tomorrow"),
    (datetime.datetime | datetime.date, datetime.date(2026, 1, 31)),
    (Colour | str, Colour.RED),
    (list[int] | int, [1]),
    (Cat | Dog, Dog("dog")),
    (list[Cat | Dog | None], [Dog("dog", 2), None, Cat("cat")]),
    (Line | Point, Line("a", Euros(1.0))),
    (datetime.datetime, datetime.datetime(2026, 1, 31, 12, 30, tzinfo=UTC)),
    (datetime.date, datetime.date(2026, 1, 31)),
    (datetime.time, datetime.time(12, 30)),
    (uuid.UUID, uuid.UUID(int=7)),
    (Decimal, Decimal("12.50")),
    (Decimal, Decimal("1E+5")),
    (Path, Path("a/b")),
    (Euros, Euros(2.0)),
    (Annotated[int, "A number."], 3),
    (Annotated[Line | None, "A line."], None),
    (Alias, [1]),
    (dict[str, Alias], {"a": [1]}),
    (Pairs[int], [(1, 2)]),
    (Invoice, Invoice("7", [Line("a", Euros(1.5))], datetime.date(2026, 1, 31), Line("b", Euros(0.0)), 4, {"x", "y"})),
    (Invoice, Invoice("7", [])),
    (Point, Point(1.0, 2.0, ["a"], datetime.datetime(2026, 1, 31, tzinfo=UTC), "p")),
    (Person, {"name": "a"}),
    (Person, {"name": "a", "age": 3}),
    (Loose, {"name": "a", "nick": "b"}),
    (Place, Place(1.0)),
    (dict[str, list[Place]], {"a": [Place(1.0, 2.0)]}),
    (Node, Node("a", [Node("b", [Node("c")])], Node("d"))),
    (Page[Line], Page([Line("a", Euros(1.0))])),
    (Page[int], Page([1], 2)),
]


def misfits(value: Any, schema: Any, root: Mapping[str, Any] | None = None, path: str = "$") -> list[str]:
    """Return where decoded JSON does not fit a schema."""
    root = schema if root is None else root
    if "$ref" in schema:
        target: Any = root
        for step in schema["$ref"].split("/")[1:]:
            target = target[step]
        return misfits(value, target, root, path)
    if "anyOf" in schema:
        each = [misfits(value, member, root, path) for member in schema["anyOf"]]
        return [] if not all(each) else [f"{path}: none of {schema['anyOf']}"]
    kinds = {
        "string": isinstance(value, str),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "number": isinstance(value, (int, float)) and not isinstance(value, bool),
        "boolean": isinstance(value, bool),
        "null": value is None,
        "array": isinstance(value, list),
        "object": isinstance(value, dict),
    }
    asked = schema.get("type", list(kinds))
    if not any(kinds[kind] for kind in ([asked] if isinstance(asked, str) else asked)):
        return [f"{path}: no {asked}"]
    if "enum" in schema and not any(type(value) is type(one) and value == one for one in schema["enum"]):
        return [f"{path}: none of {schema['enum']}"]
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return [f"{path}: not like {schema['pattern']}"]
    found: list[str] = []
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            found.append(f"{path}: {len(value)} items")
        if schema.get("uniqueItems") and any(one in value[:at] for at, one in enumerate(value)):
            found.append(f"{path}: two alike")
        members = schema.get("prefixItems") or [schema.get("items", {})] * len(value)
        for at, (one, member) in enumerate(zip(value, members, strict=False)):
            found += misfits(one, member, root, f"{path}[{at}]")
    if isinstance(value, dict):
        properties, others = schema.get("properties", {}), schema.get("additionalProperties", {})
        found += [f"{path}.{name}: missing" for name in schema.get("required", ()) if name not in value]
        for name, one in value.items():
            found += misfits(name, schema.get("propertyNames", {}), root, f"{path}, key")
            if name not in properties and others is False:
                found.append(f"{path}.{name}: unknown")
            else:
                found += misfits(one, properties.get(name, others), root, f"{path}.{name}")
    return found
