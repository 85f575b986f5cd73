"""Structured output: the schema that a service is given, and the object that its answer becomes."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import attrs

from ._fields import documentation, is_record, spell, strip
from .domain import Completion
from .errors import ProviderInputError, ProviderOutputError, cut
from .schema import SchemaBuilder, drop_nulls, plain, sanitise, strict_schema

KEPT_SCHEMAS = 256
"""Of how many types the schemas are kept."""

WRAP = "value"
"""The property that holds what is no object at its root."""

_FENCE = re.compile(r"^```(?:json|JSON)?[ \t]*\r?\n(.*?)\n?[ \t]*```$", re.DOTALL)
_DEFINITIONS = ("$defs", "definitions")


@attrs.frozen(kw_only=True)
class OutputSchema:
    """What `output` asked for.

    Attributes:
        name: Letters, digits, `_` and `-`, 64 at most.
        schema: The JSON schema, an object at its root.
        strict_schema: The same as strict modes want it, every object closed and every property required; None where
            that would say something else.
        description: What the type's docstring says, possibly empty.
    """

    name: str
    schema: Mapping[str, Any]
    strict_schema: Mapping[str, Any] | None
    description: str = ""
    _kind: Any = attrs.field(default=None, alias="_kind", repr=False)
    # The type that the answer becomes; None where the decoded JSON is the answer.
    _wrapped: bool = attrs.field(default=False, alias="_wrapped", repr=False)

    def read(self, completion: Completion) -> Any:
        """Return the object that the answer is, or None where the model called tools instead.

        Raises:
            ProviderOutputError: The answer does not fit.
        """
        try:
            return self._read(completion.text)
        except ValueError as error:
            problem = str(error)
        if completion.tool_calls:
            return None
        raise self._misfit(completion, problem)

    def _read(self, text: str) -> Any:
        value = decode(text)
        if not self._wrapped:
            return self._structure(value)
        if isinstance(value, dict) and value.keys() == {WRAP}:
            return self._structure(value[WRAP], self.schema["properties"][WRAP])
        # A service that does not hold the model to the schema lets it leave the wrapping out.
        return self._structure(value, self.schema["properties"][WRAP])

    def _structure(self, value: Any, schema: Mapping[str, Any] | None = None) -> Any:
        if self._kind is None:
            return drop_nulls(value, schema or self.schema, self.schema)
        # Here, because cattrs costs more to import than all of core.
        from ._structure import structure

        return structure(value, self._kind)

    def _misfit(self, completion: Completion, problem: str) -> ProviderOutputError:
        if completion.finish_reason == "length":
            advice = "it was cut at max_tokens: raise max_tokens, or ask for less"
        elif completion.refusal:
            advice = f"the model refused: {cut(completion.refusal, 200)}"
        else:
            advice = "ask again, say more in the prompt, or take a model that can be held to a schema"
        error = ProviderOutputError(
            f"the answer does not fit {self.name}: {cut(problem, 1_000)}; {advice}; it is in .completion",
            details={"status": 200},
        )
        error.completion = completion
        return error


def output_schema(output: Any) -> OutputSchema:
    """Return the schema of what `output` names, made once for each type.

    Args:
        output: A type that `schema_of` knows, or a JSON schema as a dict.

    Raises:
        ProviderInputError: It is none, or something in it has no schema.
    """
    if isinstance(output, OutputSchema):
        return output
    if isinstance(output, Mapping):
        return _of_schema(output)
    if _is_value(output):
        raise ProviderInputError(
            f"output must be a type or a JSON schema as a dict, not {_spell_value(output)}; give an attrs class, "
            "a dataclass, a TypedDict, a NamedTuple, list[...] of one, or the like"
        )
    try:
        return _of_type(output)
    except TypeError:
        # It cannot be hashed, as an Annotated may be.
        return _of_type.__wrapped__(output)


def _is_value(output: Any) -> bool:
    return isinstance(output, (str, bytes, int, float, list, tuple, set)) or is_record(type(output))


def _spell_value(output: Any) -> str:
    name = type(output).__name__
    return f"an object of {name}; give the class itself" if is_record(type(output)) else f"{name} {output!r}"


@functools.lru_cache(KEPT_SCHEMAS)
def _of_type(kind: Any) -> OutputSchema:
    place = spell(kind)
    builder = SchemaBuilder()
    made = builder.of(kind, place)
    root = builder.finish(made)
    wrapped = root.get("type") != "object"
    if wrapped:
        root = _wrap(root)
    bare = strip(kind)
    return OutputSchema(
        name=sanitise(place),
        schema=root,
        strict_schema=strict_schema(root),
        description=documentation(bare) if is_record(bare) else "",
        _kind=bare,
        _wrapped=wrapped,
    )


def _of_schema(given: Mapping[str, Any]) -> OutputSchema:
    if not given:
        raise ProviderInputError("output is an empty schema; give the JSON schema of an object")
    schema = plain(given, "output")
    if isinstance(schema.get("schema"), dict) or isinstance(schema.get("json_schema"), dict):
        raise ProviderInputError(
            "output is the JSON schema alone; leave out what is around it, such as name and strict"
        )
    title, description = schema.get("title"), schema.get("description")
    if "properties" in schema:
        schema.setdefault("type", "object")
    wrapped = schema.get("type") != "object"
    if wrapped:
        schema = _wrap(schema)
    return OutputSchema(
        name=sanitise(title) if isinstance(title, str) else "output",
        schema=schema,
        strict_schema=strict_schema(schema),
        description=description if isinstance(description, str) else "",
        _wrapped=wrapped,
    )


def _wrap(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object whose one property is what the schema describes."""
    inner = {word: value for word, value in schema.items() if word not in (*_DEFINITIONS, "$schema")}
    above = {word: _lead(schema[word]) for word in _DEFINITIONS if word in schema}
    closed = {"type": "object", "properties": {WRAP: _lead(inner)}, "required": [WRAP], "additionalProperties": False}
    return {**closed, **above}


def _lead(schema: Any) -> Any:
    """Return a schema whose references to the root lead to where the root went."""
    if isinstance(schema, list):
        return [_lead(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    path = schema.get("$ref")
    moved = {word: _lead(value) for word, value in schema.items()}
    if isinstance(path, str) and (path == "#" or (path.startswith("#/") and path.split("/")[1] not in _DEFINITIONS)):
        moved["$ref"] = f"#/properties/{WRAP}{path[1:]}"
    return moved


def decode(text: str) -> Any:
    """Decode the JSON that an answer is, with white space around it or a fence of Markdown.

    Raises:
        ValueError: It is no JSON; the text says what it is.
    """
    text = text.strip().removeprefix("\ufeff")
    if not text:
        raise ValueError("it is empty")
    if text.startswith("```") and (fenced := _FENCE.match(text)):
        text = fenced[1]
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        problem = "it is nested too deep"
    except ValueError as error:
        problem = f"it is no JSON ({error}): {cut(text, 200)!r}"
    raise ValueError(problem)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"JSON has no {name}")
