"""Rewrite JSON schemas into the part of JSON Schema that Gemini reads.

What it does not read is rewritten to say the same where there is a way, and else told to the model in the description.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pepperpy.providers import ProviderInputError

_READ = frozenset(
    {
        *("$id", "$anchor", "type", "title", "description", "required", "propertyOrdering"),
        *("minItems", "maxItems", "minimum", "maximum"),
    }
)
_SAYS_NOTHING = frozenset(
    {"$schema", "$comment", "$vocabulary", "readOnly", "writeOnly", "deprecated", "discriminator"}
)
_FORMATS = ("date-time", "date", "time", "int32", "int64", "float", "double")
_SEVERAL = ("anyOf", "oneOf", "prefixItems")
_BOUNDS = {"exclusiveMinimum": ("minimum", 1), "exclusiveMaximum": ("maximum", -1)}
_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def fit_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema that means the same, as far as Gemini can be told.

    Raises:
        ProviderInputError: It is nested too deep.
    """
    try:
        return _fit(schema, schema)
    except RecursionError:
        problem = "a schema is nested too deep; make it simpler, or break cycles of allOf"
    raise ProviderInputError(problem)


def _fit(node: Any, root: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(node, Mapping):
        # True and False; nothing says False to Gemini.
        return {}
    node = _merge_all_of(node, root)
    fitted: dict[str, Any] = {}
    notes: dict[str, Any] = {}
    for key, value in node.items():
        if key in _READ:
            fitted[key] = value
        elif key == "$ref":
            fitted[key] = value.replace("#/definitions/", "#/$defs/") if isinstance(value, str) else value
        elif key in ("$defs", "definitions", "properties") and isinstance(value, Mapping):
            place = "properties" if key == "properties" else "$defs"
            fitted[place] = {**fitted.get(place, {}), **{name: _fit(each, root) for name, each in value.items()}}
        elif key in _SEVERAL and isinstance(value, (list, tuple)):
            fitted[key] = [_fit(each, root) for each in value]
        elif key == "items":
            # A list is how drafts before 2020-12 wrote prefixItems.
            several = isinstance(value, (list, tuple))
            fitted["prefixItems" if several else "items"] = (
                [_fit(each, root) for each in value] if several else _fit(value, root)
            )
        elif key == "additionalProperties":
            fitted[key] = value if isinstance(value, bool) else _fit(value, root)
        elif key == "format" and value in _FORMATS:
            fitted[key] = value
        elif key not in ("enum", "const", *_BOUNDS, *_SAYS_NOTHING) and (key, value) != ("default", None):
            notes[key] = value
    _fit_values(node, fitted, notes)
    _fit_bounds(node, fitted, notes)
    if notes:
        said = ", ".join(f"{key}: {json.dumps(value, ensure_ascii=False, default=str)}" for key, value in notes.items())
        fitted["description"] = f"{fitted['description']} ({said})" if fitted.get("description") else said
    if "$ref" in fitted and not all(key.startswith("$") for key in fitted):
        # Beside a reference nothing else may stand.
        fitted["anyOf"] = [{"$ref": fitted.pop("$ref")}, *fitted.get("anyOf", ())]
    return fitted


def _fit_values(node: Mapping[str, Any], fitted: dict[str, Any], notes: dict[str, Any]) -> None:
    """Write `const` and `enum`: Gemini lists texts and numbers alone."""
    values = [node["const"]] if "const" in node else node.get("enum")
    if not isinstance(values, (list, tuple)):
        return
    listed = [value for value in values if type(value) in (str, int, float)]
    flags = [value for value in values if type(value) is bool]
    choices: list[dict[str, Any]] = []
    if listed:
        kinds = list(dict.fromkeys(_TYPES[type(value)] for value in listed))
        choices.append({"type": kinds[0] if len(kinds) == 1 else kinds, "enum": listed})
    if flags:
        choices.append({"type": "boolean"})
    if None in values:
        choices.append({"type": "null"})
    if len(choices) == 1:
        fitted.update({**choices[0], "type": fitted.get("type", choices[0]["type"])})
    elif choices and "anyOf" not in node:
        fitted.pop("type", None)
        fitted["anyOf"] = choices
    if (len(choices) != 1 and "anyOf" in node) or len(flags) == 1 or not choices:
        name = "const" if "const" in node else "enum"
        notes[name] = node[name]


def _fit_bounds(node: Mapping[str, Any], fitted: dict[str, Any], notes: dict[str, Any]) -> None:
    """Write the exclusive bounds of whole numbers as inclusive ones."""
    for key, (inclusive, step) in _BOUNDS.items():
        if key not in node:
            continue
        if node.get("type") == "integer" and type(node[key]) is int and inclusive not in node:
            fitted[inclusive] = node[key] + step
        else:
            notes[key] = node[key]


def _merge_all_of(node: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema without `allOf`: all that its members say, put together."""
    members = node.get("allOf")
    if not isinstance(members, (list, tuple)):
        return node
    merged = {key: value for key, value in node.items() if key != "allOf"}
    if len(members) == 1 and "$ref" not in merged and isinstance(members[0], Mapping) and {*members[0]} == {"$ref"}:
        return {**merged, **members[0]}
    for member in members:
        if isinstance(member, Mapping):
            for key, value in _merge_all_of(_resolve(member, root), root).items():
                merged[key] = _both(key, merged[key], value) if key in merged else value
    return merged


def _both(key: str, one: Any, other: Any) -> Any:
    """Return the value of a keyword that two members of an `allOf` have; the first where they contradict each other."""
    if isinstance(one, Mapping) and isinstance(other, Mapping) and key in ("properties", "$defs"):
        return {
            **one,
            **{name: {"allOf": [one[name], each]} if name in one else each for name, each in other.items()},
        }
    if key == "required" and isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return [*one, *(name for name in other if name not in one)]
    if key in ("minimum", "maximum", "minItems", "maxItems") and {type(one), type(other)} <= {int, float}:
        return max(one, other) if key.startswith("min") else min(one, other)
    return one


def _resolve(node: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a reference within the schema refers to, with what stands beside it."""
    reference = node.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return node
    found: Any = root
    for step in reference[2:].split("/"):
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        return node
    rest = {key: value for key, value in node.items() if key != "$ref"}
    return {**_resolve(found, root), **rest}
