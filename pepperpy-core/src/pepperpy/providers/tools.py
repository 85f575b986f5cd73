"""Tools: functions that a model may call."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs

from ._docstrings import read_docstring
from ._fields import MISSING, Field, resolve, strip
from .errors import ProviderInputError
from .schema import SchemaBuilder, drop_nulls, plain

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


def _check_name(tool: Tool, attribute: attrs.Attribute[str], name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ProviderInputError(
            f"a tool's name is 1 to 64 letters, digits, _ and -, not {name!r}; give another one by name="
        )


def _check_description(tool: Tool, attribute: attrs.Attribute[str], description: object) -> None:
    if not isinstance(description, str):
        raise ProviderInputError(f"a tool's description must be a str, not {type(description).__name__}")


def _check_function(tool: Tool, attribute: attrs.Attribute[Any], function: object) -> None:
    if function is not None and not callable(function):
        raise ProviderInputError(f"a tool's function must be callable, not {type(function).__name__}")


def _check_strict(tool: Tool, attribute: attrs.Attribute[Any], strict: object) -> None:
    if strict is not None and not isinstance(strict, bool):
        raise ProviderInputError(f"strict must be True, False or None, not {type(strict).__name__}")


def _schema_of_an_object(parameters: Any) -> dict[str, Any]:
    if not isinstance(parameters, Mapping):
        raise ProviderInputError(
            f"a tool's parameters are a JSON schema as a dict, not {type(parameters).__name__}; "
            "Tool.from_function(...) makes it of a function"
        )
    schema = plain(parameters or _NO_PARAMETERS, "parameters")
    if "properties" in schema:
        schema.setdefault("type", "object")
    if schema.get("type") != "object" or not isinstance(schema.setdefault("properties", {}), dict):
        raise ProviderInputError(
            'a tool\'s parameters are the JSON schema of an object: {"type": "object", "properties": {...}}'
        )
    return schema


@attrs.frozen(kw_only=True)
class Tool:
    """A function that a model may call, as it is told to the model.

    Attributes:
        name: Letters, digits, `_` and `-`, 64 at most.
        description: What it does and when to use it.
        parameters: The JSON schema of its arguments, an object; by default it takes none.
        function: What `run_tools` calls; None where the caller answers its calls.
        strict: Whether the service is to hold the arguments to the schema; None lets the dialect choose.

    Raises:
        ProviderInputError: The name or the schema is none that services take.
    """

    name: str = attrs.field(validator=_check_name)
    description: str = attrs.field(default="", validator=_check_description)
    parameters: Mapping[str, Any] = attrs.field(factory=dict, converter=_schema_of_an_object)
    function: Callable[..., Any] | None = attrs.field(default=None, repr=False, validator=_check_function)
    strict: bool | None = attrs.field(default=None, validator=_check_strict)
    _fields: tuple[Field, ...] | None = attrs.field(default=None, alias="_fields", repr=False, eq=False)

    @classmethod
    def from_function(
        cls,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        strict: bool | None = None,
    ) -> Tool:
        """Return the tool that a function is.

        Its parameters are told by their type hints, and described by the docstring (Google's, numpy's or Sphinx's
        manner) or by a text in `Annotated`.

        Args:
            function: A function, sync or async, a method, a partial or a callable object. What a partial has bound
                is not told to the model.
            name: What the model calls it; the function's own name if not given.
            description: What it does and when to use it; the docstring's first paragraph if not given.
            strict: Whether the service is to hold the arguments to the schema; None lets the dialect choose.

        Raises:
            ProviderInputError: A parameter has no type hint, or one without a schema, or cannot be given by name.
        """
        given: Any = function
        if isinstance(given, type) or not callable(given):
            kind = "a class" if isinstance(given, type) else type(given).__name__
            raise ProviderInputError(f"a tool is made of a function, not of {kind}; write one that calls it")
        code = _code(function)
        own, said = str(getattr(code, "__name__", "")), code.__doc__
        if own == "__call__":
            owner = type(_unbound(function))
            own, said = owner.__name__, said or owner.__doc__
        called = own if name is None else name
        docstring = read_docstring(said)
        fields = tuple(_parameters(function, code, called, docstring.parts))
        builder = SchemaBuilder()
        parameters = builder.finish(builder.object(fields, called))
        return cls(
            name=called,
            description=docstring.summary if description is None else description,
            parameters=parameters,
            function=function,
            strict=strict,
            _fields=fields,
        )

    def prepare(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the keyword arguments for the function: objects of the types that its hints name.

        A tool with a schema of its own gets the arguments as they are. A null for an optional parameter that cannot
        be null counts as not given, since strict modes make the model write one.

        Args:
            arguments: What the model gave, `call.arguments`.

        Raises:
            ProviderInputError: They do not fit; its text can be told to the model.
        """
        if not isinstance(arguments, Mapping):
            raise ProviderInputError(f"arguments do not fit: they must be an object, not {type(arguments).__name__}")
        if self._fields is None:
            kept: dict[str, Any] = drop_nulls(dict(arguments), self.parameters)
            return kept
        # Here, because cattrs costs more to import than all of core.
        from ._structure import structure_fields

        try:
            return structure_fields(arguments, self._fields)
        except ValueError as error:
            problem = str(error)
        raise ProviderInputError(f"arguments do not fit: {problem}")


# Any, because mypy takes a list of several functions for one of `function`, which to it is not callable, and a list of
# functions and tools for one of `object`.
ToolLike: TypeAlias = Tool | Callable[..., Any] | Any
"""What a list of tools holds: tools, and functions to make them of."""


def _unbound(function: Any) -> Any:
    """Return what partials call in the end."""
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _code(function: Any) -> Any:
    """Return the function proper, which has the hints and the docstring."""
    function = _unbound(function)
    if not hasattr(function, "__name__"):
        function = type(function).__call__
    return inspect.unwrap(getattr(function, "__func__", function))


def _parameters(function: Any, code: Any, name: str, said: Mapping[str, str]) -> Iterator[Field]:
    """Yield the parameters that a model may give."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        signature = None
    if signature is None:
        raise ProviderInputError(f"{name} does not tell its parameters; write a function with type hints that calls it")
    bound = _bound(function)
    hints = resolve(code, name, closure=_closure(code), names={})
    for parameter in signature.parameters.values():
        if parameter.name in bound:
            continue
        place = f"{name}.{parameter.name}"
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise ProviderInputError(
                f"{place}: {parameter} has no schema; name the parameters, or give Tool(parameters=...) a schema"
            )
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise ProviderInputError(f"{place}: it can only be given by position; take the / out of the parameters")
        if parameter.name not in hints:
            raise ProviderInputError(f"{place}: it has no type hint; annotate it, as in {parameter.name}: str")
        hint = hints[parameter.name]
        required = parameter.default is parameter.empty
        yield Field(
            name=parameter.name,
            attribute=parameter.name,
            hint=hint,
            kind=strip(hint),
            required=required,
            default=MISSING if required else parameter.default,
            description=said.get(parameter.name),
        )


def _bound(function: Any) -> set[str]:
    """Return the names that partials have bound; what they bind by position is no parameter any more."""
    names: set[str] = set()
    while isinstance(function, functools.partial):
        names |= function.keywords.keys()
        function = function.func
    return names


def _closure(code: Any) -> dict[str, Any]:
    """Return the names of the functions around that a function uses, as far as they have a value."""
    found: dict[str, Any] = {}
    if not inspect.isfunction(code):
        return found
    for name, cell in zip(code.__code__.co_freevars, code.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue
    return found
