"""An answer becomes an object of what was asked for, or an error that holds the answer."""

from __future__ import annotations

import gc
import json
import pickle
import weakref
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Generic, Literal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy.providers import Completion, ProviderInputError, ProviderOutputError, ToolCall
from pepperpy.providers._structure import to_json
from pepperpy.providers.outputs import KEPT_SCHEMAS, OutputSchema, output_schema
from pepperpy.providers.schema import schema_of, strict_schema

from .schemas import VALUES, Cat, Colour, Dog, Euros, Invoice, ItemT, Line, Node, Page, Person, misfits

LINE = {"what": "a", "price": 1.5, "count": 2}
ENDLESS: dict[str, Any] = {"type": "object"}
ENDLESS["properties"] = {"again": ENDLESS}
RAW = {
    "title": "Weather report!",
    "description": "How it is.",
    "type": "object",
    "properties": {"sky": {"type": "string"}, "wind": {"type": "number"}},
    "required": ["sky"],
}


def test_a_class_is_its_own_schema() -> None:
    """Name, description and schema are those of the class, and the answer is an object of it."""
    output = output_schema(Line)

    assert output.name == "Line"
    assert output.description == "One line of an invoice."
    assert output.schema == schema_of(Line)
    assert output.strict_schema == strict_schema(schema_of(Line))
    assert output.read(Completion(json.dumps(LINE))) == Line("a", Euros(1.5), 2)


@pytest.mark.parametrize(
    ("output", "name", "value", "read"),
    [
        (list[Line], "list_Line", [LINE], [Line("a", Euros(1.5), 2)]),
        (int, "int", 5, 5),
        (Colour, "Colour", "red", Colour.RED),
        (Cat | Dog, "Cat_Dog", {"kind": "dog"}, Dog("dog")),
        (Line | None, "Line_None", None, None),
        (list[Node], "list_Node", [{"name": "a", "children": [{"name": "b"}]}], [Node("a", [Node("b")])]),
        ({"type": "array", "items": {"type": "integer"}}, "output", [1, 2], [1, 2]),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}}, "output", "x", "x"),
    ],
)
def test_what_is_no_object_is_wrapped_in_one(output: Any, name: str, value: Any, read: Any) -> None:
    """Services want an object at the root: the value is its one property, and an answer without it is read too."""
    schema = output_schema(output)

    assert schema.name == name
    assert schema.schema["type"] == "object"
    assert list(schema.schema["properties"]) == ["value"]
    assert schema.schema["required"] == ["value"]
    assert misfits({"value": value}, schema.schema) == []
    assert schema.read(Completion(json.dumps({"value": value}))) == read
    assert schema.read(Completion(json.dumps(value))) == read


def test_references_to_the_root_follow_it() -> None:
    """A wrapped schema that refers to itself refers to where it went."""
    schema = output_schema({"type": "array", "items": {"$ref": "#"}}).schema

    assert misfits({"value": [[], [[]]]}, schema) == []
    assert misfits({"value": [[1]]}, schema) != []


@pytest.mark.parametrize("output", [Person, dict[str, int], Page[int]])
def test_what_is_an_object_is_not_wrapped(output: Any) -> None:
    """TypedDicts, dicts and generic classes are objects as they are."""
    assert output_schema(output).schema == schema_of(output)


def test_an_open_dict_is_not_strict() -> None:
    """Where strict would say something else there is none."""
    assert output_schema(dict[str, int]).strict_schema is None
    assert output_schema(dict[str, int]).read(Completion('{"a": 1}')) == {"a": 1}


@pytest.mark.parametrize(("kind", "value"), VALUES[:20], ids=lambda each: str(each)[:40])
def test_the_schema_of_a_type_is_made_once(kind: Any, value: Any) -> None:
    """Asking again gives the same object."""
    assert output_schema(kind) is output_schema(kind)


def test_a_type_that_cannot_be_kept_works_too() -> None:
    """What is not hashable is made each time."""
    kind = list[Annotated[int, "A number.", []]]
    schema = output_schema(kind)

    assert schema.schema["properties"]["value"]["items"] == {"type": "integer", "description": "A number."}
    assert schema.read(Completion('{"value": [1]}')) == [1]


@pytest.mark.parametrize("given", [RAW, MappingProxyType(RAW)])
def test_a_raw_schema_gives_decoded_json(given: Mapping[str, Any]) -> None:
    """A schema as a dict is named by its title and copied; the answer is what it decodes to."""
    output = output_schema(given)

    assert output.name == "Weather_report"
    assert output.description == "How it is."
    assert output.schema == RAW
    assert output.schema is not RAW
    assert output.read(Completion('{"sky": "blue", "more": 1}')) == {"sky": "blue", "more": 1}
    assert output.strict_schema is not None
    assert output.read(Completion('{"sky": "blue", "wind": null}')) == {"sky": "blue"}


@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"a": 1}\n```',
        '```\n{"a": 1}```',
        '  \n```JSON \r\n{"a": 1}\r\n```\n',
        '\ufeff{"a": 1}',
        '\n\t{"a":\n1}  ',
        '{"a": 1.0}',
    ],
)
def test_fences_and_white_space_are_passed_over(text: str) -> None:
    """What models put around JSON does no harm."""
    assert output_schema(dict[str, int]).read(Completion(text)) == {"a": 1}


@pytest.mark.parametrize(
    ("completion", "message"),
    [
        (Completion(""), "the answer does not fit Line: it is empty; ask again, "),
        (Completion("Sure! Here it is"), "does not fit Line: it is no JSON (Expecting value: line 1 column 1 (char 0)): 'Sure!"),
        (Completion('{"what": "a", "price": NaN}'), "it is no JSON (JSON has no NaN)"),
        (Completion("[" * 100_000), "it is nested too deep"),
        (Completion("[]"), "the value must be an object, not an array"),
        (Completion('{"what": "a"}'), "price: is missing; ask again, say more in the prompt, or take a model that"),
        (Completion('{"what": "a", "pr', finish_reason="length"), "it was cut at max_tokens: raise max_tokens, or ask"),
        (Completion("", refusal="I cannot"), "it is empty; the model refused: I cannot; it is in .completion"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_an_error_that_holds_it(completion: Completion, message: str) -> None:
    """The error says what does not fit and what to do, holds the answer, and survives pickling."""
    with pytest.raises(ProviderOutputError) as caught:
        output_schema(Line).read(completion)
    again = pickle.loads(pickle.dumps(caught.value))

    assert message in str(caught.value)
    assert caught.value.completion is completion
    assert caught.value.status == 200
    assert caught.value.__cause__ is None
    assert again.completion == completion
    assert str(again) == str(caught.value)


def test_an_answer_that_calls_tools_is_no_object_yet() -> None:
    """Beside calls a text that does not fit is none; one that fits is taken."""
    calls = (ToolCall("1", "f"),)

    assert output_schema(Line).read(Completion("", tool_calls=calls)) is None
    assert output_schema(Line).read(Completion("Let me see", tool_calls=calls)) is None
    assert output_schema(Line).read(Completion(json.dumps(LINE), tool_calls=calls)) == Line("a", Euros(1.5), 2)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("Invoice", "output must be a type or a JSON schema as a dict, not str 'Invoice'; give an attrs class"),
        (Line("a", Euros(1.0)), "not an object of Line; give the class itself; give"),
        (5, "not int 5"),
        ([Invoice], "not list"),
        (len, "is no type; take str"),
        (object(), "is no type; take str"),
        ({}, "output is an empty schema"),
        ({"name": str}, "output.name: <class 'str'> is not JSON; write a JSON schema"),
        (ENDLESS, "it holds itself, or is nested too deep; refer to what comes again by $ref"),
        ({"properties": {1: {}}}, "output.properties: 1 is no key of a JSON object"),
        ({"name": "x", "schema": {"type": "object"}, "strict": True}, "output is the JSON schema alone; leave out what"),
        ({"type": "json_schema", "json_schema": {"schema": {}}}, "output is the JSON schema alone"),
        (complex, "complex: complex has no JSON schema"),
    ],
)  # fmt: skip
def test_what_is_no_type_is_refused(output: Any, message: str) -> None:
    """The error says what is taken."""
    with pytest.raises(ProviderInputError) as caught:
        output_schema(output)

    assert message in str(caught.value)


def test_names_are_such_as_services_take() -> None:
    """Letters, digits, `_` and `-`, 64 at most, whatever the type or the title is called."""
    long = attrs.make_class("Ä" + "b" * 100, {"x": attrs.field(type=int)})

    assert output_schema(long).name == "b" * 64
    assert output_schema({"title": "!!!", "type": "object"}).name == "output"
    assert output_schema(dict[str, list[int]]).name == "dict_str_list_int"


def test_a_schema_that_was_made_is_taken_as_it_is() -> None:
    """An `OutputSchema` of one's own goes through, and its answer is decoded JSON."""
    own = OutputSchema(name="x", schema={"type": "object"}, strict_schema=None)

    assert output_schema(own) is own
    assert own.read(Completion('{"a": null}')) == {"a": None}


@given(st.sampled_from([kind for kind, _ in VALUES] + [RAW]), st.text() | st.sampled_from(["{}", "[]", '{"value": 1}']))
def test_any_text_is_an_object_or_an_error(output: Any, text: str) -> None:
    """Whatever the answer says, a value or a `ProviderOutputError` comes of it."""
    held = None
    try:
        output_schema(output).read(Completion(text))
    except ProviderOutputError as error:
        held = error.completion

    assert held in (None, text)


def test_classes_made_for_a_single_call_are_let_go() -> None:
    """An application that makes a class or a choice for each call keeps no more of them than are remembered."""

    def ask(number: int) -> weakref.ref[Any]:
        choice: Any = Literal[f"id-{number}"]
        kind = attrs.make_class("Choice", {"one": attrs.field(type=choice)})
        answer = Completion(json.dumps({"one": f"id-{number}"}))
        read = output_schema(kind).read(answer)
        to_json(read)

        assert read == kind(f"id-{number}")
        return weakref.ref(kind)

    made = [ask(number) for number in range(3 * KEPT_SCHEMAS)]
    gc.collect()

    assert sum(1 for kind in made if kind() is not None) <= KEPT_SCHEMAS


@attrs.frozen
class People(Page[Person]):
    title: str = ""


@attrs.frozen
class Nested(Page[list[ItemT]], Generic[ItemT]):
    first: ItemT | None = None


def test_a_class_that_inherits_from_a_generic_one() -> None:
    """What a base class was given for its variables is known; a variable that means two things is not guessed."""
    answer = Completion(json.dumps({"items": [{"name": "a", "age": 3}], "title": "x"}))

    assert output_schema(People).read(answer) == People([Person(name="a", age=3)], title="x")
    with pytest.raises(ProviderInputError, match=r"Nested\[int\]\.items.*nothing says what"):
        output_schema(Nested[int])
