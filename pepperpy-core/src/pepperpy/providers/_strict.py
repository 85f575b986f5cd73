"""What strict modes want of a JSON schema: OpenAI's subset, in which every object is closed and all is required."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .errors import ProviderInputError

# Words that narrow a value without changing what it is; where the subset lacks one, the description says it instead.
_NARROWING = {
    "minLength", "maxLength", "uniqueItems", "contains", "minContains", "maxContains", "minProperties", "maxProperties",
    "propertyNames", "contentEncoding", "contentMediaType",
}  # fmt: skip
_SILENT = {"default", "title", "$schema", "$id", "$comment", "examples", "deprecated", "readOnly", "writeOnly"}
_KEPT = {
    "type", "description", "enum", "const", "format", "pattern", "minimum", "maximum", "exclusiveMinimum",
    "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "required", "additionalProperties",
}  # fmt: skip
_FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
_NULL = {"type": "null"}
_DEFINITIONS = ("$defs", "definitions")


class _OpenEndedError(Exception):
    """Strict would say something else than the schema."""


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a schema as strict modes want it, or None where that would say something else.

    Every object is closed and has all its properties required; one that was optional may be null instead, which
    `drop_nulls` and the reading of types take for "not given". Lengths and the like, which the subset lacks, go into
    the description.
    """
    try:
        return _close(schema, schema, frozenset())
    except (_OpenEndedError, RecursionError, AttributeError, TypeError):
        # The last two: a caller's schema that is none.
        return None


def _close(schema: Any, root: Mapping[str, Any], unfolding: frozenset[str]) -> dict[str, Any]:
    if not isinstance(schema, Mapping):
        # true, which is anything, or false.
        raise _OpenEndedError
    if "$ref" in schema:
        return _close_reference(schema, root, unfolding)
    closed: dict[str, Any] = {}
    notes = []
    for word, value in schema.items():
        if word in _DEFINITIONS:
            closed[word] = {name: _close(each, root, frozenset()) for name, each in value.items()}
        elif word == "properties":
            closed[word] = {name: _close_property(name, each, schema, root, unfolding) for name, each in value.items()}
        elif word == "items":
            closed[word] = _close(value, root, unfolding)
        elif word in ("anyOf", "oneOf") and "anyOf" not in closed:
            closed["anyOf"] = [_close(each, root, unfolding) for each in value]
        elif (word == "format" and value not in _FORMATS) or (word == "pattern" and "(?" in value):
            notes.append(f"{word}: {value}")
        elif word in _NARROWING:
            if value is not False:
                notes.append("no two alike" if word == "uniqueItems" else f"{word}: {value}")
        elif word in _KEPT:
            closed[word] = _copied(value)
        elif word not in _SILENT:
            raise _OpenEndedError
    if not closed.keys() & {"type", "enum", "const", "anyOf"}:
        raise _OpenEndedError
    kinds = schema.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if "object" in kinds or "properties" in schema:
        if "properties" not in schema and schema.get("additionalProperties") is not False:
            raise _OpenEndedError
        if schema.get("additionalProperties", False) is not False:
            raise _OpenEndedError
        closed.setdefault("properties", {})
        if set(schema.get("required", ())) - closed["properties"].keys():
            raise _OpenEndedError
        closed["required"] = list(closed["properties"])
        closed["additionalProperties"] = False
    if "array" in kinds and "items" not in closed:
        raise _OpenEndedError
    if notes:
        said = closed.get("description")
        closed["description"] = f"{said} ({', '.join(notes)})" if said else ", ".join(notes)
    return closed


def _close_reference(schema: Mapping[str, Any], root: Mapping[str, Any], unfolding: frozenset[str]) -> dict[str, Any]:
    target = _follow(schema, root)
    beside = {word: value for word, value in schema.items() if word not in ("$ref", *_DEFINITIONS, *_SILENT)}
    definitions = {word: schema[word] for word in _DEFINITIONS if word in schema}
    if not beside and not definitions:
        return {"$ref": schema["$ref"]}
    if schema["$ref"] in unfolding:
        # Inside of itself it can only be referred to, and what is said of it there is left out.
        if beside.keys() - {"description"}:
            raise _OpenEndedError
        return {"$ref": schema["$ref"]}
    # The subset takes nothing beside a reference, so that its target is put here.
    target = {word: value for word, value in target.items() if word not in _DEFINITIONS}
    return _close({**target, **beside, **definitions}, root, unfolding | {schema["$ref"]})


def _close_property(
    name: str, schema: Any, owner: Mapping[str, Any], root: Mapping[str, Any], unfolding: frozenset[str]
) -> dict[str, Any]:
    closed = _close(schema, root, unfolding)
    if name in owner.get("required", ()) or takes_null(schema, root):
        return closed
    described = {"description": closed.pop("description")} if "description" in closed else {}
    several = closed["anyOf"] if closed.keys() == {"anyOf"} else [closed]
    return {"anyOf": [*several, dict(_NULL)], **described}


def _follow(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a reference within the schema leads to."""
    path = schema["$ref"]
    if not isinstance(path, str) or not (path == "#" or path.startswith("#/")):
        raise _OpenEndedError
    target: Any = root
    for escaped in path.split("/")[1:]:
        step = escaped.replace("~1", "/").replace("~0", "~")
        if not isinstance(target, Mapping) or step not in target:
            raise _OpenEndedError
        target = target[step]
    if not isinstance(target, Mapping):
        raise _OpenEndedError
    return target


def takes_null(schema: Any, root: Mapping[str, Any], depth: int = 0) -> bool:
    """Return whether null fits a schema, as far as its types say it; one that is not understood takes it."""
    if not isinstance(schema, Mapping):
        return schema is not False
    if "$ref" in schema:
        try:
            return depth > 32 or takes_null(_follow(schema, root), root, depth + 1)
        except _OpenEndedError:
            return True
    if depth <= 32 and (several := _several(schema, "anyOf") or _several(schema, "oneOf")):
        return any(takes_null(each, root, depth + 1) for each in several)
    if "enum" in schema:
        return None in _several(schema, "enum")
    if "const" in schema:
        return schema["const"] is None
    kinds = schema.get("type")
    return kinds is None or kinds == "null" or (isinstance(kinds, list) and "null" in kinds)


def drop_nulls(value: Any, schema: Any, root: Mapping[str, Any] | None = None) -> Any:
    """Return JSON without the nulls that stand for optional properties which are not given.

    Args:
        value: Decoded JSON; not changed.
        schema: Its schema, as it was before `strict_schema`.
        root: The schema that references are looked up in; by default the same.
    """
    root = schema if root is None else root
    if not isinstance(schema, Mapping):
        return value
    if "$ref" in schema:
        try:
            return drop_nulls(value, _follow(schema, root), root)
        except (_OpenEndedError, RecursionError):
            return value
    for each in (*_several(schema, "anyOf"), *_several(schema, "oneOf")):
        if _is_for(each, value, root):
            return drop_nulls(value, each, root)
    if isinstance(value, list):
        return [drop_nulls(each, schema.get("items"), root) for each in value]
    properties, required = _properties(schema), _several(schema, "required")
    if not isinstance(value, dict) or not properties:
        return value
    return {
        name: drop_nulls(each, properties.get(name), root)
        for name, each in value.items()
        if each is not None or name not in properties or name in required or takes_null(properties[name], root)
    }


def _is_for(schema: Any, value: Any, root: Mapping[str, Any]) -> bool:
    """Return whether a member of a union is the one that describes a list or an object."""
    try:
        target = _follow(schema, root) if isinstance(schema, Mapping) and "$ref" in schema else schema
    except _OpenEndedError:
        return False
    if not isinstance(target, Mapping):
        return False
    if isinstance(value, list):
        return "items" in target
    properties = _properties(target)
    return (
        isinstance(value, dict)
        and value.keys() <= properties.keys()
        and set(_several(target, "required")) <= value.keys()
    )


def _several(schema: Mapping[str, Any], word: str) -> list[Any]:
    value = schema.get(word)
    return value if isinstance(value, list) else []


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    value = schema.get("properties")
    return value if isinstance(value, Mapping) else {}


def plain(schema: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a copy of a schema that a caller gave, made of dicts and lists.

    Raises:
        ProviderInputError: Something in it is no JSON; it names the place.
    """
    try:
        made: dict[str, Any] | None = _plain(schema, name)
    except RecursionError:
        made = None
    if made is None:
        raise ProviderInputError(f"{name}: it holds itself, or is nested too deep; refer to what comes again by $ref")
    return made


def _plain(value: Any, place: str) -> Any:
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ProviderInputError(f"{place}: {key!r} is no key of a JSON object; its keys are str")
        return {key: _plain(each, f"{place}.{key}") for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each, f"{place}[{number}]") for number, each in enumerate(value)]
    if value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ProviderInputError(
        f"{place}: {value!r} is not JSON; write a JSON schema, such as {{'type': 'string'}}, or give a class"
    )


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, (list, tuple)) else value
