"""JSON schemas (2020-12) of types, and what strict modes want of a schema."""

from __future__ import annotations

import datetime
import enum
import math
import re
import types
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, MutableMapping, MutableSequence, MutableSet, Sequence, Set
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from ._fields import MISSING, Field, bare, documentation, fields_of, is_record, spell
from ._strict import drop_nulls, plain, strict_schema
from .errors import ProviderInputError, cut

__all__ = ["SchemaBuilder", "drop_nulls", "plain", "schema_of", "strict_schema"]

LISTS = (list, Sequence, MutableSequence, Collection, Iterable)
SETS = (set, frozenset, Set, MutableSet)
MAPPINGS = (dict, Mapping, MutableMapping)

PLAIN: Mapping[Any, Mapping[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    None: {"type": "null"},
    types.NoneType: {"type": "null"},
    Any: {},
    object: {},
    datetime.datetime: {"type": "string", "format": "date-time"},
    datetime.date: {"type": "string", "format": "date"},
    datetime.time: {"type": "string", "format": "time"},
    uuid.UUID: {"type": "string", "format": "uuid"},
    Decimal: {"type": "string", "pattern": r"^-?[0-9]+([.][0-9]+)?$"},
    Path: {"type": "string"},
    PurePath: {"type": "string"},
}


def schema_of(kind: Any, *, place: str | None = None) -> dict[str, Any]:
    """Return the JSON schema of a type.

    Classes that are used twice, or that hold themselves, stand under `$defs`.

    Args:
        kind: A type of plain values, lists, dicts, enums, dates, ..., an attrs class, a dataclass, a TypedDict or a
            NamedTuple, and what is made of them.
        place: What error messages call it; its name if not given.

    Raises:
        ProviderInputError: Something in it has no schema; it names the place.
    """
    builder = SchemaBuilder()
    return builder.finish(builder.of(kind, place or spell(kind)))


class SchemaBuilder:
    """Makes one schema, with the classes in it.

    Args:
        names: What annotations may mean beyond the names of their modules.
    """

    def __init__(self, names: Mapping[str, Any] | None = None) -> None:
        self._names = dict(names or {})
        self._definitions: dict[str, dict[str, Any]] = {}
        self._named: dict[Any, str] = {}
        self._uses: Counter[str] = Counter()

    def of(self, hint: Any, place: str) -> dict[str, Any]:
        """Return the schema of a type, whose classes are references as yet."""
        kind, description = bare(hint)
        try:
            schema = self._of(kind, place)
        except RecursionError:
            schema = None
        if schema is None:
            raise ProviderInputError(f"{cut(place, 100)}: it holds itself without end; give what comes again a class")
        return schema if description is None else {**schema, "description": description}

    def object(self, fields: Iterable[Field], place: str) -> dict[str, Any]:
        """Return the schema of an object that has these fields and no others."""
        properties = {}
        required = []
        for field in fields:
            schema = self.of(field.hint, f"{place}.{field.name}")
            if field.description:
                schema.setdefault("description", field.description)
                if "$ref" in schema:
                    schema["description"] = field.description
            default = plain_default(field.default)
            if default is not MISSING and (default is not None or takes_none(field.hint)):
                schema["default"] = default
            properties[field.name] = schema
            if field.required:
                required.append(field.name)
        made: dict[str, Any] = {"type": "object", "properties": properties}
        if required:
            made["required"] = required
        return {**made, "additionalProperties": False}

    def finish(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the whole schema: what is used once stands where it is used, the rest under `$defs`."""
        # What holds itself is used twice: from outside and from below.
        kept = {name for name, uses in self._uses.items() if uses > 1}
        finished: dict[str, Any] = self._inline(schema, kept - {schema.get("$ref", "").removeprefix("#/$defs/")})
        if kept:
            finished["$defs"] = {name: self._inline(self._definitions[name], kept) for name in sorted(kept)}
        return finished

    def _inline(self, schema: Any, kept: Collection[str]) -> Any:
        if not isinstance(schema, dict):
            return schema
        name = schema.get("$ref", "").removeprefix("#/$defs/")
        if name and name not in kept:
            beside = {word: value for word, value in schema.items() if word != "$ref"}
            # What comes below may lead here again, and stays a reference then.
            return {**self._inline(self._definitions[name], {*kept, name}), **beside}
        made = dict(schema)
        for word in ("items", "additionalProperties"):
            if word in made:
                made[word] = self._inline(made[word], kept)
        for word in ("anyOf", "prefixItems"):
            if word in made:
                made[word] = [self._inline(each, kept) for each in made[word]]
        if "properties" in made:
            made["properties"] = {name: self._inline(each, kept) for name, each in made["properties"].items()}
        return made

    def _of(self, kind: Any, place: str) -> dict[str, Any]:
        origin, arguments = get_origin(kind), get_args(kind)
        if _is_hashable(kind) and kind in PLAIN:
            return dict(PLAIN[kind])
        if origin is Literal:
            return _enumeration(arguments, place)
        if origin in (Union, types.UnionType):
            return self._union(arguments, place)
        if is_record(kind):
            return self._record(kind, place)
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            made = _enumeration(list(kind), place)
            said = documentation(kind)
            # Python 3.11 gives each enum a docstring of its own.
            return {**made, "description": said} if said and said != "An enumeration." else made
        collection = origin or kind
        if collection is tuple:
            return self._tuple(arguments, place)
        if collection in LISTS or collection in SETS:
            made = {"type": "array", "items": self.of(arguments[0] if arguments else Any, f"{place}[]")}
            return {**made, "uniqueItems": True} if collection in SETS else made
        if collection in MAPPINGS:
            return self._mapping(arguments, place)
        raise ProviderInputError(f"{place}: {_advice(kind)}")

    def _union(self, members: Sequence[Any], place: str) -> dict[str, Any]:
        several: list[dict[str, Any]] = []
        # None goes last, where readers look for it.
        for member in sorted(members, key=lambda each: each in (None, types.NoneType)):
            made = self.of(member, place)
            if made not in several:
                several.append(made)
        return several[0] if len(several) == 1 else {"anyOf": several}

    def _record(self, kind: Any, place: str) -> dict[str, Any]:
        if kind not in self._named:
            name = stem = sanitise(spell(kind))
            number = 1
            while name in self._definitions:
                number += 1
                name = f"{stem}_{number}"
            self._named[kind] = name
            self._definitions[name] = {}
            self._names.setdefault((get_origin(kind) or kind).__name__, get_origin(kind) or kind)
            made = self.object(fields_of(kind, names=self._names), place)
            said = documentation(kind)
            self._definitions[name] = {"type": "object", "description": said, **made} if said else made
        name = self._named[kind]
        self._uses[name] += 1
        return {"$ref": f"#/$defs/{name}"}

    def _tuple(self, arguments: Sequence[Any], place: str) -> dict[str, Any]:
        if len(arguments) == 2 and arguments[1] is ...:
            return {"type": "array", "items": self.of(arguments[0], f"{place}[]")}
        if not arguments:
            return {"type": "array", "items": {}}
        items = [self.of(each, f"{place}[{number}]") for number, each in enumerate(arguments)]
        same = all(item == items[0] for item in items)
        count = {"minItems": len(items), "maxItems": len(items)}
        return (
            {"type": "array", "items": items[0], **count} if same else {"type": "array", "prefixItems": items, **count}
        )

    def _mapping(self, arguments: Sequence[Any], place: str) -> dict[str, Any]:
        key, value = arguments or (str, Any)
        keys = self.of(key, f"{place}, its keys")
        if keys.get("type") != "string":
            raise ProviderInputError(
                f"{place}: the keys of a JSON object are str, not {spell(key)}; take dict[str, ...]"
            )
        made = {"type": "object", "additionalProperties": self.of(value, f"{place}.*")}
        named = {name: said for name, said in keys.items() if name in ("enum", "format", "pattern")}
        return {**made, "propertyNames": named} if named else made


def _enumeration(members: Iterable[Any], place: str) -> dict[str, Any]:
    values = [each.value if isinstance(each, enum.Enum) else each for each in members]
    if not values or not all(isinstance(each, (str, int, bool, float, types.NoneType)) for each in values):
        raise ProviderInputError(f"{place}: JSON can only choose among texts and numbers; give its members such values")
    kinds = sorted({str(PLAIN[type_of(each)]["type"]) for each in values})
    return {"type": kinds[0] if len(kinds) == 1 else kinds, "enum": values}


def type_of(value: Any) -> Any:
    """Return the type of plain values that a value is of."""
    return next(kind for kind in (bool, int, float, str, types.NoneType) if isinstance(value, kind))


def takes_none(hint: Any) -> bool:
    """Return whether None is a value of a type."""
    kind = bare(hint)[0]
    if get_origin(kind) in (Union, types.UnionType, Literal):
        return any(takes_none(each) for each in get_args(kind))
    return kind in (None, types.NoneType, Any, object) if _is_hashable(kind) else False


def plain_default(value: Any) -> Any:
    """Return a default as JSON has it, or `MISSING`."""
    if value is MISSING:
        return value
    if isinstance(value, enum.Enum):
        value = value.value
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else MISSING
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        items = [plain_default(each) for each in value]
        return MISSING if MISSING in items else items
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        entries = {key: plain_default(each) for key, each in value.items()}
        return MISSING if MISSING in entries.values() else entries
    return MISSING


def sanitise(name: str, otherwise: str = "output") -> str:
    """Return a name that services take: letters, digits, `_` and `-`, 64 at most.

    >>> sanitise("list[Invoice]"), sanitise("<lambda>")
    ('list_Invoice', 'lambda')
    """
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_")[:64] or otherwise


def _is_hashable(kind: Any) -> bool:
    try:
        hash(kind)
    except TypeError:
        return False
    return True


def _advice(kind: Any) -> str:
    if isinstance(kind, str):
        return f"the text {kind!r} is no type; give the class itself"
    if isinstance(kind, TypeVar):
        return f"nothing says what {kind} stands for; give the generic class its arguments"
    if kind in (bytes, bytearray):
        return "bytes have no place in JSON; take a str, such as base64"
    what = f"{spell(kind)} has no JSON schema" if isinstance(kind, type) or get_origin(kind) else f"{kind!r} is no type"
    return (
        f"{what}; take str, int, float, bool, list, dict[str, ...], an Enum, a date, an attrs class, a dataclass, a "
        "TypedDict or a NamedTuple, or write the schema yourself as a dict"
    )
