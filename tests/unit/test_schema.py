"""Types have JSON schemas, values fit them, and what is read back is what was written."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import enum
import json
from datetime import date
from typing import Annotated, Any, Literal, TypedDict

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy.providers import Message, ProviderInputError
from pepperpy.providers._structure import structure, to_json
from pepperpy.providers.schema import drop_nulls, schema_of, strict_schema

from . import schemas
from .schemas import VALUES, Colour, Invoice, Line, Loose, Node, Page, Person, Place, Point, misfits

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KINDS = [kind for kind, _ in VALUES]


@pytest.mark.parametrize(("kind", "value"), VALUES, ids=lambda each: str(each)[:40])
def test_what_is_written_fits_the_schema_and_reads_back(kind: Any, value: Any) -> None:
    """The JSON of a value fits its type's schema, and becomes an equal value of the same type."""
    written = json.loads(to_json(value))
    read = structure(written, kind)

    assert misfits(written, schema_of(kind)) == []
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(("kind", "value"), VALUES, ids=lambda each: str(each)[:40])
def test_what_fits_the_strict_schema_reads_back(kind: Any, value: Any) -> None:
    """The JSON of a value, with a null for what is not given, fits the strict schema and reads the same."""
    strict = strict_schema(schema_of(kind))
    if strict is None:
        return
    written = json.loads(to_json(value))
    if isinstance(written, dict):
        written = dict.fromkeys(strict.get("properties", ())) | written

    assert misfits(written, strict) == []
    assert structure(written, kind) == value


@given(st.sampled_from(KINDS), JSON)
def test_anything_is_read_or_refused(kind: Any, value: Any) -> None:
    """Whatever JSON comes, it becomes a value whose JSON fits the schema, or is a ValueError in words."""
    problem = "none"
    try:
        read = structure(value, kind)
    except ValueError as error:
        problem = str(error)
    else:
        assert misfits(json.loads(to_json(read)), schema_of(kind)) == []

    assert problem
    assert "Error" not in problem


def test_a_class_has_the_schema_of_its_fields() -> None:
    """Fields by the names that the constructor has; docstring, Annotated and metadata describe; defaults are said."""
    schema = schema_of(Invoice)

    assert schema["type"] == "object"
    assert schema["description"] == "An invoice.\n\nIt was sent by post."
    assert schema["required"] == ["number", "lines"]
    assert schema["additionalProperties"] is False
    assert list(schema["properties"]) == ["number", "lines", "due", "gift", "private", "tags", "note"]
    assert schema["properties"]["number"] == {"type": "string", "description": "Its number, which may hold letters."}
    assert schema["properties"]["lines"] == {
        "type": "array",
        "items": {"$ref": "#/$defs/Line"},
        "description": "What is paid for.",
    }
    assert schema["properties"]["due"] == {
        "anyOf": [{"type": "string", "format": "date"}, {"type": "null"}],
        "default": None,
    }
    assert schema["properties"]["private"] == {"type": "integer", "default": 3}
    assert schema["properties"]["tags"]["default"] == []
    assert schema["properties"]["note"] == {"type": "string", "default": "", "description": "In ink."}
    assert schema["$defs"]["Line"]["properties"]["price"] == {"type": "number", "description": "Without tax."}


def test_dataclasses_typed_dicts_and_named_tuples_have_fields_too() -> None:
    """Each kind of class tells what it requires in its own way, and no docstring that nobody wrote."""
    point, place = schema_of(Point), schema_of(Place)

    assert point["required"] == ["x"]
    assert "description" not in point
    assert point["properties"]["when"] == {"type": "string", "format": "date-time", "description": "UTC"}
    assert point["properties"]["name"] == {"type": "string"}
    assert schema_of(Person)["required"] == ["name"]
    assert schema_of(Loose)["required"] == ["name"]
    assert schema_of(Loose)["properties"]["nick"] == {"type": "string", "description": "Short."}
    assert place == {
        "type": "object",
        "properties": {"lon": {"type": "number"}, "lat": {"type": "number", "default": 1.5}},
        "required": ["lon"],
        "additionalProperties": False,
    }


def test_what_is_used_once_stands_in_its_place() -> None:
    """A class that is used once is no definition; one that holds itself is one, and is its own root too."""
    node = schema_of(Node)

    assert "$defs" not in schema_of(list[Line])
    assert schema_of(list[Line])["items"]["description"] == "One line of an invoice."
    assert set(node["$defs"]) == {"Node"}
    assert node["type"] == "object"
    assert node["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}
    assert set(schema_of(tuple[Line, Line, Node])["$defs"]) == {"Line", "Node"}


def test_two_classes_of_one_name_are_told_apart() -> None:
    """Two classes that are both called Line have a definition each."""
    other = attrs.make_class("Line", {"x": attrs.field(type=int)})
    schema = schema_of(tuple[Line, other, Line, other])  # type: ignore[valid-type]

    assert schema["$defs"]["Line"]["properties"].keys() == {"what", "price", "count"}
    assert schema["$defs"]["Line_2"]["properties"].keys() == {"x"}


def test_a_generic_class_is_what_its_arguments_make_it() -> None:
    """The variables of a generic class stand for its arguments."""
    assert schema_of(Page[int])["properties"]["items"] == {"type": "array", "items": {"type": "integer"}}

    with pytest.raises(ProviderInputError, match=r"^Page\.items\[\]: nothing says what ~ItemT stands for; give"):
        schema_of(Page)


def test_classes_inside_a_function_are_found() -> None:
    """Annotations that name classes of the function around are resolved while it runs."""

    @attrs.frozen
    class Inner:
        x: int

    @dataclasses.dataclass
    class Outer:
        inner: Inner
        again: Outer | None = None

    assert structure({"inner": {"x": 1}, "again": None}, Outer) == Outer(Inner(1))
    assert schema_of(Outer)["properties"]["inner"]["properties"] == {"x": {"type": "integer"}}


def test_names_mean_what_they_mean_where_a_class_was_defined() -> None:
    """A class of the function around goes before one of the module, and that before one that is met on the way."""

    @attrs.frozen
    class Line:
        invoice: schemas.Invoice
        again: Line | None = None

    @attrs.frozen
    class Holder:
        line: Line

    schema = schema_of(Holder)

    assert schema["properties"]["line"] == {"$ref": "#/$defs/Line"}
    assert schema["$defs"]["Line"]["properties"].keys() == {"invoice", "again"}
    assert schema["$defs"]["Line_2"]["properties"].keys() == {"what", "price", "count"}


def test_a_field_may_be_called_as_its_type() -> None:
    """Neither the field nor its default is taken for the type."""

    @attrs.define
    class Dated:
        date: date | None = None
        Line: Line | None = None

    schema = schema_of(Dated)

    assert schema["properties"]["date"]["anyOf"][0] == {"type": "string", "format": "date"}


class Unknown(TypedDict):
    good: int
    bad: list[Nothing]  # type: ignore[name-defined] # noqa: F821


class Pair(enum.Enum):
    A = (1, 2)


@attrs.frozen
class Deep:
    lines: list[dict[str, complex]]


@dataclasses.dataclass
class Initial:
    x: dataclasses.InitVar[int]


Bare = attrs.make_class("Bare", ["x"])


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Deep, r"^Deep\.lines\[\]\.\*: complex has no JSON schema; take str, .* or write the schema yourself as a dict$"),
        (bytes, r"^bytes: bytes have no place in JSON; take a str"),
        (dict[int, str], r"^dict\[int, str\]: the keys of a JSON object are str, not int; take dict\[str, \.\.\.\]$"),
        (Unknown, r"^Unknown\.bad: 'Nothing' cannot be resolved; define it at the top level"),
        (Pair, r"^Pair: JSON can only choose among texts and numbers"),
        (Literal[b"a"], r"JSON can only choose among texts and numbers"),
        (Initial, r"^Initial\.x: an InitVar cannot be read back; make it a field$"),
        (Bare, r"^Bare\.x: it has no type; annotate it$"),
        (list["Line"], r"^list\[.*\]\[\]: the text 'Line' is no type; give the class itself$"),
        (object(), r"is no type; take str"),
        (print, r"is no type; take str"),
        (type, r"^type: type has no JSON schema"),
    ],
)  # fmt: skip
def test_what_has_no_schema_is_named_with_its_place(kind: Any, message: str) -> None:
    """The error says where it is and what to do."""
    with pytest.raises(ProviderInputError, match=message):
        schema_of(kind)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (str, 5, "the value must be a text, not 5"),
        (int, True, "the value must be a whole number, not true"),
        (int, "5", 'the value must be a whole number, not the text "5"'),
        (int, 5.5, "the value must be a whole number, not 5.5"),
        (float, True, "the value must be a number, not true"),
        (float, 10**400, "the value must be a number that a float can hold"),
        (bool, 1, "the value must be true or false, not 1"),
        (None, 0, "the value must be null, not 0"),
        (list[int], "12", 'the value must be an array, not the text "12"'),
        (list[int], {"a": 1}, "the value must be an array, not an object"),
        (set[Any], [[1]], "the value must hold what a set can hold, and no arrays or objects"),
        (tuple[int, str], [1], "the value must be an array of 2, not of 1"),
        (dict[str, int], [], "the value must be an object, not an array"),
        (dict[str, int], {"a b": "c"}, "['a b']: must be a whole number, not the text \"c\""),
        (Colour, "RED", 'the value must be one of "red", "blue", not the text "RED"'),
        (Literal["a"], "b", 'the value must be "a", not the text "b"'),
        (schemas.Mixed, True, 'the value must be one of 1, "1", not true'),
        (datetime.date, "31.1.2026", 'the value must be a date such as 2026-01-31, not the text "31.1.2026"'),
        (str | None, 3, "the value must be a text, not 3"),
        (int | str, True, ("the value fits none of int | str: as int, the value must be a whole number, "
                          "not true; as str, the value must be a text, not true")),
        (Line | None, {"what": "a"}, "price: is missing"),
        (Invoice, [], "the value must be an object, not an array"),
        (
            Invoice,
            {"lines": [{"what": 1, "price": 1}, {"what": "a", "price": "x", "x": 1}], "nmber": "a"},
            (
                "number: is missing; lines[0].what: must be a text, not 1; "
                'lines[1].price: must be a number, not the text "x"; '
                "lines[1].x: is not expected; known: count, price, what; "
                "nmber: is not expected; known: due, gift, lines, note, number, private, tags"
            ),
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_by_its_place(kind: Any, value: Any, message: str) -> None:
    """Nothing is converted, all that is wrong is told at once, and no group of exceptions leaves."""
    with pytest.raises(ValueError, match=r".") as caught:
        structure(value, kind)

    assert str(caught.value) == message
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_type_that_never_ends_is_refused() -> None:
    """An alias that holds itself has no schema, and is no RecursionError."""

    class TypeAliasType:
        @property
        def __value__(self) -> Any:
            return list[self]  # type: ignore[valid-type]

    with pytest.raises(ProviderInputError, match="it holds itself without end; give what comes again a class"):
        schema_of(TypeAliasType())


def test_many_problems_are_cut() -> None:
    """Eight problems are told, the rest counted."""
    with pytest.raises(ValueError, match=r"^\[0\]: must .*; \[7\]: must be a text, not 7; and 92 more$"):
        structure(list(range(100)), list[str])


def test_what_is_nested_too_deep_is_refused() -> None:
    """Neither reading nor writing ends in a RecursionError."""
    deep: Any = {"name": "a"}
    for _ in range(5_000):
        deep = {"name": "a", "parent": deep}
    with pytest.raises(ValueError, match="nested too deep"):
        structure(deep, Node)
    with pytest.raises(ProviderInputError, match="nested too deep"):
        to_json(deep)


def test_a_null_for_what_is_optional_reads_as_its_default() -> None:
    """Strict modes write null for what is not given; where None is a value it stays one."""
    read = structure({"number": "7", "lines": [], "private": None, "tags": None, "due": None, "note": None}, Invoice)

    assert read == Invoice("7", [])
    assert structure({"name": "a", "age": None}, Person) == {"name": "a"}
    assert structure({"lon": 1, "lat": None}, Place) == Place(1.0)
    with pytest.raises(ValueError, match="number: must be a text, not null"):
        structure({"number": None, "lines": []}, Invoice)


def test_what_a_class_refuses_is_told() -> None:
    """A validator's sentence arrives, without what attrs puts behind it."""

    @attrs.frozen
    class Even:
        n: int = attrs.field()

        @n.validator
        def _(self, attribute: object, value: int) -> None:
            if value % 2:
                raise ValueError("n must be even", attribute, value)

    with pytest.raises(ValueError, match=r"^\[1\]: was refused by Even: n must be even$"):
        structure([{"n": 2}, {"n": 3}], list[Even])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), "^object cannot be written as JSON: .*; give a str, or what JSON has a place for$"),
        ({"a": [b"x"]}, "^dict cannot be written as JSON: JSON has no bytes; decode them"),
        (float("nan"), "^float cannot be written as JSON: .*"),
        ({(1, 2): 3}, "^dict cannot be written as JSON: "),
    ],
)
def test_what_is_no_json_is_not_written(value: Any, message: str) -> None:
    """What JSON has no place for is refused, with what to do."""
    with pytest.raises(ProviderInputError, match=message):
        to_json(value)


def test_the_result_of_a_tool_is_written_as_json() -> None:
    """Objects, even of classes without type hints, and sets in an order that is always the same."""
    bare = Bare(set("tieanbc"))

    assert Message.tool("1", [bare, Place(1, 2), datetime.date(2026, 1, 2)]).content == (
        '[{"x":["a","b","c","e","i","n","t"]},{"lon":1,"lat":2},"2026-01-02"]'
    )


# Strict


def test_strict_closes_every_object_and_requires_all() -> None:
    """What was optional may be null, defaults are gone, and the schema given is as it was."""
    schema = schema_of(Invoice)
    before = copy.deepcopy(schema)
    strict = strict_schema(schema)

    assert schema == before
    assert strict is not None
    assert strict["required"] == list(strict["properties"]) == list(schema["properties"])
    assert strict["properties"]["private"] == {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    assert strict["properties"]["due"] == {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}
    assert strict["properties"]["note"] == {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "In ink."}
    assert strict["$defs"]["Line"]["required"] == ["what", "price", "count"]
    assert '"default"' not in json.dumps(strict)


@pytest.mark.parametrize(
    "schema",
    [
        schema_of(dict[str, int]),
        schema_of(dict),
        schema_of(list),
        schema_of(Any),
        schema_of(tuple[int, str]),
        {"type": "object", "properties": {"a": {"type": "object"}}},
        {"type": "object", "properties": {"a": True}},
        {"type": "object", "properties": {}, "patternProperties": {"^a": {"type": "string"}}},
        {"type": "object", "properties": {}, "additionalProperties": True},
        {"type": "object", "properties": {}, "required": ["a"]},
        {"type": "object", "properties": {"a": {"$ref": "https://example.org/schema"}}},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/none", "description": "x"}}},
        {"allOf": [{"type": "object"}]},
        {"not": {"type": "string"}},
        {"type": "object", "properties": []},
        {"type": 5},
        {},
    ],
)
def test_what_strict_would_change_is_not_strict(schema: Any) -> None:
    """Open dicts, what may be anything, and words that the subset has no place for."""
    assert strict_schema(schema) is None


def test_what_strict_lacks_goes_into_the_description() -> None:
    """Bounds that the subset does not know are told to the model in words; titles and the like are left out."""
    more: dict[str, Any] = {"b": {"type": "string", "pattern": "^(?!x)"}, "c": {"enum": ["y"], "pattern": "^y"}}
    strict = strict_schema(
        {
            "type": "object",
            "title": "T",
            "properties": {"a": {"type": "string", "minLength": 3, "format": "uri", "description": "It"}, **more},
            "required": ["a", "b", "c"],
        }
    )

    assert strict is not None
    assert strict["properties"]["a"] == {"type": "string", "description": "It (minLength: 3, format: uri)"}
    assert strict["properties"]["b"] == {"type": "string", "description": "pattern: ^(?!x)"}
    assert strict["properties"]["c"] == more["c"]
    assert strict["properties"]["c"]["enum"] is not more["c"]["enum"]
    assert "title" not in strict


def test_nothing_stands_beside_a_reference_in_strict() -> None:
    """A described reference becomes what it refers to, and a class that holds itself stays one that does."""

    @attrs.frozen
    class Tree:
        first: Annotated[Line, "The first."]
        second: Line
        below: list[Annotated[Tree, "Smaller."]]

    strict = strict_schema(schema_of(Tree))

    assert strict is not None
    assert strict["properties"]["first"]["description"] == "The first."
    assert strict["properties"]["first"]["type"] == "object"
    assert strict["properties"]["second"] == {"$ref": "#/$defs/Line"}

    def check(schema: Any) -> None:
        if isinstance(schema, dict):
            assert "$ref" not in schema or len(schema) == 1
            for each in schema.values():
                check(each)

    check(strict)


@given(JSON)
def test_strict_of_anything_is_a_schema_or_none(value: Any) -> None:
    """Whatever a caller takes for a schema, nothing but the answer comes back."""
    schema = {"type": "object", "properties": {"a": value}, "anyOf": value}

    assert strict_schema(schema) is None or isinstance(strict_schema(schema), dict)
    assert drop_nulls(value, schema) == value or isinstance(value, dict)


def test_the_nulls_of_strict_are_dropped_where_the_schema_has_none() -> None:
    """What was optional and null goes; what may be null stays."""
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "string"},
            "b": {"type": ["string", "null"]},
            "c": {"type": "array", "items": {"$ref": "#/$defs/D"}},
            "e": {"anyOf": [{"$ref": "#/$defs/D"}, {"type": "null"}]},
        },
        "required": ["c"],
        "$defs": {"D": {"type": "object", "properties": {"d": {"enum": ["x"]}}}},
    }
    value = {"a": None, "b": None, "c": [{"d": None}, {"d": "x"}], "e": {"d": None}}

    assert drop_nulls(value, schema) == {"b": None, "c": [{}, {"d": "x"}], "e": {}}
