"""A function becomes a tool, and the arguments of a call become its own."""

from __future__ import annotations

import asyncio
import datetime
import functools
from typing import Annotated, Any

import attrs
import pytest

from pepperpy.providers import ProviderInputError, Tool
from pepperpy.providers.options import tools as check_tools
from pepperpy.providers.schema import strict_schema

from .schemas import Colour, Euros, Line, Node


def book(  # noqa: D417
    day: datetime.date,
    people: Annotated[int, "How many, children too."] = 2,
    *,
    lines: list[Line] | None = None,
    colour: Colour = Colour.RED,
    note: str = None,  # type: ignore[assignment] # noqa: RUF013
) -> str:
    """Book a table
    in the restaurant.

    It may be full.

    Args:
        day: The day,
            today or later.
        people: Not taken, since the annotation says it.
        note (str): For the cook: no nuts.

    Returns:
        day: What is not a parameter.
    """  # noqa: D205
    return f"{day:%d.%m.} {people} {lines} {colour}"


def numpy(x: int, y: float = 1.0) -> None:
    """Add.

    Parameters
    ----------
    x : int
        The first.
        It is whole.
    y : float, optional
        The second.

    Returns
    -------
    y
        Nothing.
    """  # noqa: D416


def sphinx(x: int, y: float = 1.0) -> None:
    """Add.

    :param int x: The first.
        It is whole.
    :param y: The second.
    :returns: Nothing.
    """


def test_a_function_is_told_by_its_hints_and_docstring() -> None:
    """Name, first paragraph, types, defaults and what is said of each parameter."""
    tool = Tool.from_function(book)

    assert tool.name == "book"
    assert tool.description == "Book a table in the restaurant."
    assert tool.function is book
    assert tool.strict is None
    assert tool.parameters["required"] == ["day"]
    assert tool.parameters["additionalProperties"] is False
    assert list(tool.parameters["properties"]) == ["day", "people", "lines", "colour", "note"]
    assert tool.parameters["properties"]["day"] == {
        "type": "string",
        "format": "date",
        "description": "The day, today or later.",
    }
    assert tool.parameters["properties"]["people"] == {
        "type": "integer",
        "default": 2,
        "description": "How many, children too.",
    }
    assert tool.parameters["properties"]["colour"] == {"type": "string", "enum": ["red", "blue"], "default": "red"}
    assert tool.parameters["properties"]["note"] == {"type": "string", "description": "For the cook: no nuts."}


@pytest.mark.parametrize("function", [numpy, sphinx])
def test_other_manners_of_docstrings_are_read(function: Any) -> None:
    """Numpy's and Sphinx's docstrings describe parameters too."""
    tool = Tool.from_function(function)
    described = {name: each.get("description") for name, each in tool.parameters["properties"].items()}

    assert tool.description == "Add."
    assert described == {"x": "The first. It is whole.", "y": "The second."}


def test_only_entries_of_a_section_describe() -> None:
    """A word with a colon inside of a description, or before any section, is text."""

    def find(word: str, where: str) -> None:
        """Find.

        Note:
        word: This is text.

        Args:
            word: What to find:
                where: not a parameter here.
            where: The place.
        """

    tool = Tool.from_function(find)

    assert tool.parameters["properties"]["word"]["description"] == "What to find: where: not a parameter here."
    assert tool.parameters["properties"]["where"]["description"] == "The place."


def test_arguments_become_what_the_function_takes() -> None:
    """JSON becomes dates, enums and objects; what is not given, or null for nothing, is left to the function."""
    tool = Tool.from_function(book)

    assert tool.prepare({"day": "2026-01-31"}) == {"day": datetime.date(2026, 1, 31)}
    assert tool.prepare(
        {"day": "2026-01-31", "people": None, "lines": [{"what": "a", "price": 1}], "colour": "blue", "note": None}
    ) == {"day": datetime.date(2026, 1, 31), "lines": [Line("a", Euros(1.0))], "colour": Colour.BLUE}
    assert tool.prepare({"day": "2026-01-31", "lines": None})["lines"] is None
    assert book(**tool.prepare({"day": "2026-01-31"})) == "31.01. 2 None Colour.RED"


def test_what_does_not_fit_is_told_in_words_for_the_model() -> None:
    """Every problem is named at once."""
    with pytest.raises(ProviderInputError) as caught:
        Tool.from_function(book).prepare({"people": "two", "dya": "x", "lines": [{"what": 1}]})

    assert str(caught.value) == (
        'arguments do not fit: day: is missing; people: must be a whole number, not the text "two"; '
        "lines[0].what: must be a text, not 1; lines[0].price: is missing; "
        "dya: is not expected; known: colour, day, lines, note, people"
    )


@pytest.mark.parametrize("arguments", [None, [], "x", 5])
def test_arguments_are_an_object(arguments: Any) -> None:
    """What is no object is refused in words too."""
    with pytest.raises(ProviderInputError, match=r"^arguments do not fit: they must be an object, not"):
        Tool.from_function(book).prepare(arguments)


class Desk:
    """A desk."""

    def method(self, x: int) -> int:
        """Do it."""
        return x + 1

    @classmethod
    def of_class(cls, x: int) -> int:
        """Do it."""
        return x + 1

    @staticmethod
    def static(x: int) -> int:
        """Do it."""
        return x + 1

    def __call__(self, x: int) -> int:
        """Do it."""
        return x + 1


class Undocumented:
    """Do it."""

    def __call__(self, x: int) -> int:
        return x + 1


def wrapped(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def add(x: int, y: int, z: Any) -> int:
    """Do it."""
    return x + y


def swapped(y: int, x: int, z: Any) -> int:
    """Do it."""
    return x + y


@wrapped
def decorated(x: int) -> int:
    """Do it."""
    return x + 1


@functools.cache
def kept(x: int) -> int:
    """Do it."""
    return x + 1


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (Desk().method, "method"),
        (Desk.of_class, "of_class"),
        (Desk.static, "static"),
        (Desk(), "Desk"),
        (Undocumented(), "Undocumented"),
        (functools.partial(add, y=1, z=object()), "add"),
        (functools.partial(functools.partial(swapped, 1), z=1), "swapped"),
        (decorated, "decorated"),
        (kept, "kept"),
        (functools.partial(Desk().method), "method"),
    ],
)
def test_whatever_can_be_called_is_a_tool(function: Any, name: str) -> None:
    """Methods leave `self` out, partials what they bound, wrappers are looked through."""
    tool = Tool.from_function(function)

    assert tool.name == name
    assert tool.description == "Do it."
    assert tool.parameters["properties"] == {"x": {"type": "integer"}}
    assert function(**tool.prepare({"x": 1})) == 2


async def test_an_async_function_is_a_tool() -> None:
    """It is called as any other, and awaited by who calls it."""

    async def wait(seconds: float) -> str:
        """Wait."""
        await asyncio.sleep(0)
        return f"{seconds} s"

    tool = Tool.from_function(wait)

    assert tool.function is not None
    assert await tool.function(**tool.prepare({"seconds": 1})) == "1.0 s"


def test_a_function_inside_another_finds_its_classes() -> None:
    """Hints that name classes of the function around are resolved."""

    @attrs.frozen
    class Local:
        x: int

    def take(local: Local, node: Node | None = None) -> Local:
        return local

    tool = Tool.from_function(take)

    assert tool.description == ""
    assert tool.prepare({"local": {"x": 1}}) == {"local": Local(1)}
    assert set(tool.parameters["$defs"]) == {"Node"}


def test_a_function_brings_the_classes_that_it_uses_along() -> None:
    """A function that outlives the one around it still finds those of its classes that it uses."""

    def make() -> Any:
        @attrs.frozen
        class Local:
            x: int

        def take(local: Local) -> bool:
            return isinstance(local, Local)

        return take

    take = make()

    assert take(**Tool.from_function(take).prepare({"local": {"x": 1}}))


def test_name_description_and_strict_may_be_given() -> None:
    """What is given goes before what the function says; evolving keeps the rest."""
    tool = Tool.from_function(book, name="reserve", description="", strict=True)
    other = attrs.evolve(tool, name="other")

    assert (tool.name, tool.description, tool.strict) == ("reserve", "", True)
    assert other.prepare({"day": "2026-01-31"}) == {"day": datetime.date(2026, 1, 31)}
    assert strict_schema(tool.parameters) is not None


def no_hint(x) -> None:  # type: ignore[no-untyped-def]
    ...


def several(*x: int) -> None: ...


def named(**x: int) -> None: ...


def positional(x: int, /) -> None: ...


def complicated(x: complex) -> None: ...


def deep(x: list[dict[str, bytes]]) -> None: ...


def unknown(x: Nothing) -> None: ...  # type: ignore[name-defined] # noqa: F821


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_hint, r"^no_hint\.x: it has no type hint; annotate it, as in x: str$"),
        (several, r"^several\.x: \*x: .*int.* has no schema; name the parameters, or give Tool\(parameters=\.\.\.\)"),
        (named, r"^named\.x: \*\*x: .*int.* has no schema"),
        (positional, r"^positional\.x: it can only be given by position; take the / out"),
        (len, r"^len\.obj: it can only be given by position"),
        (complicated, r"^complicated\.x: complex has no JSON schema; take"),
        (deep, r"^deep\.x\[\]\.\*: bytes have no place in JSON"),
        (unknown, r"^unknown\.x: 'Nothing' cannot be resolved; define it at the top level"),
        (Desk, r"^a tool is made of a function, not of a class; write one that calls it$"),
        (Desk.method, r"^method\.self: it has no type hint"),
        ("book", r"^a tool is made of a function, not of str"),
        (Tool(name="a"), r"^a tool is made of a function, not of Tool"),
        (max, r"^max does not tell its parameters|^max\."),
        (lambda: None, r"^a tool's name is 1 to 64 letters, digits, _ and -, not '<lambda>'; give another one by name=$"),
    ],
)  # fmt: skip
def test_what_no_model_could_call_is_refused(function: Any, message: str) -> None:
    """The error names the parameter and what to do."""
    with pytest.raises(ProviderInputError, match=message):
        Tool.from_function(function)


def test_a_schema_of_ones_own_gets_the_arguments_as_they_are() -> None:
    """They are passed on, but for nulls that the schema has no place for."""
    parameters = {"type": "object", "properties": {"x": {"type": "integer"}, "y": {}}, "required": []}
    tool = Tool(name="f", parameters=parameters, function=book)

    assert tool.parameters == parameters
    assert tool.parameters is not parameters
    assert tool.prepare({"x": "as it is", "y": None, "z": 1}) == {"x": "as it is", "y": None, "z": 1}
    assert tool.prepare({"x": None}) == {}


def test_a_tool_without_parameters_takes_none() -> None:
    """Its schema is that of an empty object."""
    empty = {"type": "object", "properties": {}, "additionalProperties": False}

    def now() -> str:
        return ""

    assert Tool(name="f").parameters == empty
    assert Tool.from_function(now).parameters == empty
    assert Tool.from_function(now).prepare({}) == {}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": ""}, "a tool's name is 1 to 64 letters"),
        ({"name": "a b"}, "a tool's name is 1 to 64 letters"),
        ({"name": "a" * 65}, "a tool's name is 1 to 64 letters"),
        ({"name": "a\n"}, "a tool's name is 1 to 64 letters"),
        ({"name": None}, "a tool's name is 1 to 64 letters"),
        ({"description": None}, "a tool's description must be a str, not NoneType"),
        ({"parameters": []}, "a tool's parameters are a JSON schema as a dict, not list; Tool.from_function"),
        ({"parameters": {"type": "array"}}, "a tool's parameters are the JSON schema of an object"),
        ({"parameters": {"x": {"type": "integer"}}}, "a tool's parameters are the JSON schema of an object"),
        ({"parameters": {"properties": []}}, "a tool's parameters are the JSON schema of an object"),
        ({"parameters": {"properties": {"x": int}}}, r"parameters\.properties\.x: <class 'int'> is not JSON"),
        ({"function": 5}, "a tool's function must be callable, not int"),
        ({"strict": 1}, "strict must be True, False or None, not int"),
    ],
)
def test_a_tool_is_checked_when_it_is_made(fields: dict[str, Any], message: str) -> None:
    """What a service would refuse is refused at once."""
    with pytest.raises(ProviderInputError, match=message):
        Tool(**{"name": "f", **fields})


def test_functions_stand_for_tools_in_a_call() -> None:
    """`tools=` takes functions and tools alike."""
    assert [tool.name for tool in check_tools("tools", [book, Tool(name="f")])] == ["book", "f"]
