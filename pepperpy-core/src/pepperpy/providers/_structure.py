"""JSON to objects and back, strictly: what is of another type is refused, never converted."""

from __future__ import annotations

import datetime
import enum
import functools
import json
import types
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any, Literal, Union, get_args, get_origin

from cattrs import ClassValidationError, Converter, IterableValidationError
from cattrs.errors import AttributeValidationNote, IterableValidationNote, StructureHandlerNotFoundError
from cattrs.preconf.json import make_converter

from ._fields import Field, bare, declared, fields_of, is_record, is_typed_dict, spell, strip
from ._scalars import READERS, Misfit, exact, none, read_enum, show
from .errors import ProviderInputError
from .schema import LISTS, MAPPINGS, SETS, takes_none

KEPT_TYPES = 256
"""Of how many types it is kept how they are read and written."""

PROBLEMS = 8
"""How many problems are told at once."""

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def structure(value: Any, kind: Any) -> Any:
    """Return decoded JSON as an object of a type.

    Raises:
        ValueError: It does not fit; the text names each place and what must be there.
    """
    problem = "it is nested too deep"
    try:
        kind = strip(kind)
        return _converter_for(kind).structure(value, kind)
    except (Misfit, ClassValidationError, IterableValidationError, StructureHandlerNotFoundError) as error:
        problem = _tell(_problems(error))
    except RecursionError:
        pass
    raise ValueError(problem)


def structure_fields(values: Mapping[str, Any], fields: tuple[Field, ...]) -> dict[str, Any]:
    """Return decoded JSON as the arguments that are described by fields; what is not given is left out.

    Raises:
        ValueError: It does not fit; the text names each place and what must be there.
    """
    problem = "it is nested too deep"
    try:
        return _structure_fields(values, fields, dict, _converter_for(*(field.kind for field in fields)))
    except ClassValidationError as error:
        problem = _tell(_problems(error))
    except RecursionError:
        pass
    raise ValueError(problem)


def to_json(value: Any) -> str:
    """Return an object as compact JSON: plain values, attrs classes, dataclasses, enums, dates, sets, ...

    Raises:
        ProviderInputError: Something in it is no JSON.
    """
    try:
        return _encode(_converter_for(type(value)).unstructure(value))
    except ProviderInputError as error:
        problem = error.message
    except RecursionError:
        problem = "it is nested too deep, or holds itself"
    except Exception as error:  # noqa: BLE001 -- a class may compute its fields, and raise what it likes
        problem = f"{error}"
    raise ProviderInputError(
        f"{spell(type(value))} cannot be written as JSON: {problem}; give a str, or what JSON has a place for"
    )


_seen: set[Any] = set()


def _converter_for(*kinds: Any) -> Converter:
    """Return the converter; made anew once it has seen many types, since it keeps all that it has ever seen."""
    _seen.update(kinds)
    if len(_seen) > KEPT_TYPES:
        _seen.clear()
        _converter.cache_clear()
    return _converter()


@functools.cache
def _converter() -> Converter:
    converter = make_converter(detailed_validation=True, forbid_extra_keys=True)
    for kind, read in READERS.items():
        converter.register_structure_hook(kind, exact(kind, read))
    converter.register_structure_hook(enum.Enum, read_enum)
    factory: Any = converter.register_structure_hook_factory
    # The last one that fits is taken.
    factory(lambda kind: _base(kind) in (*LISTS, *SETS), _array)
    factory(lambda kind: _base(kind) in MAPPINGS, _object)
    factory(lambda kind: _base(kind) is tuple, _tuple)
    factory(is_record, _record)
    factory(lambda kind: _base(kind) is Literal, _literal)
    factory(lambda kind: _base(kind) in (Union, types.UnionType), _union)
    factory(lambda kind: bare(kind)[0] is not kind, _bare)
    converter.register_structure_hook_func(lambda kind: kind in (None, types.NoneType), none)
    converter.register_structure_hook_func(lambda kind: kind in (Any, object), lambda value, _: value)

    write = converter.register_unstructure_hook
    for kind in (datetime.date, datetime.datetime, datetime.time):
        write(kind, lambda value: value.isoformat())
    write(uuid.UUID, str)
    write(PurePath, str)
    write(Decimal, _write_decimal)
    for kind in (set, frozenset):
        # In an order that is the same in every process.
        write(kind, lambda value: [converter.unstructure(each) for each in sorted(value, key=repr)])
    for kind in (bytes, bytearray, memoryview):
        write(kind, _refuse_bytes)
    converter.register_unstructure_hook_factory(
        lambda kind: is_record(kind) and not is_typed_dict(kind), lambda kind: _writer(kind, converter)
    )
    converter.register_unstructure_hook_func(
        lambda kind: isinstance(kind, type) and issubclass(kind, enum.Enum),
        lambda value: converter.unstructure(value.value),
    )
    return converter


def _base(kind: Any) -> Any:
    return get_origin(kind) or kind


def _literal(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    members = [(each.value if isinstance(each, enum.Enum) else each, each) for each in get_args(kind)]

    def hook(value: Any, _: Any) -> Any:
        for each, member in members:
            if isinstance(value, bool) is isinstance(each, bool) and value == each:
                return member
        named = ", ".join(json.dumps(each, default=str) for each, _ in members)
        raise Misfit(f"must be {'one of ' if len(members) > 1 else ''}{named}, not {show(value)}")

    return hook


def _bare(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    inner = bare(kind)[0]
    return lambda value, _: converter.structure(value, inner)


def _array(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    made = frozenset if _base(kind) is frozenset else set if _base(kind) in SETS else list
    item = (*get_args(kind), Any)[0]

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, list):
            raise Misfit(f"must be an array, not {show(value)}")
        items = _each(enumerate(value), lambda _: item, kind, converter)
        try:
            return made(items.values())
        except TypeError:
            raise Misfit("must hold what a set can hold, and no arrays or objects") from None

    return hook


def _tuple(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    kinds = get_args(kind)
    endless = len(kinds) == 2 and kinds[1] is ...
    if kind is tuple:
        kinds, endless = (Any, ...), True

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, list):
            raise Misfit(f"must be an array, not {show(value)}")
        if not endless and len(value) != len(kinds):
            raise Misfit(f"must be an array of {len(kinds)}, not of {len(value)}")
        items = _each(enumerate(value), lambda index: kinds[0 if endless else index], kind, converter)
        return tuple(items.values())

    return hook


def _object(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    key_kind, value_kind = get_args(kind) or (str, Any)

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise Misfit(f"must be an object, not {show(value)}")
        keys = _each(((key, key) for key in value), lambda _: key_kind, kind, converter)
        values = _each(value.items(), lambda _: value_kind, kind, converter)
        return {keys[key]: each for key, each in values.items()}

    return hook


def _each(items: Any, kind_of: Callable[[Any], Any], kind: Any, converter: Converter) -> dict[Any, Any]:
    """Structure items by index or key, all of them, before what is wrong is told."""
    structured, errors = {}, []
    for index, item in items:
        try:
            structured[index] = converter.structure(item, kind_of(index))
        except (Misfit, ClassValidationError, IterableValidationError) as error:
            error.add_note(IterableValidationNote("", index, kind))
            errors.append(error)
    if errors:
        raise IterableValidationError("", errors, kind)
    return structured


def _record(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    fields = fields_of(kind)
    made = _base(kind)

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise Misfit(f"must be an object, not {show(value)}")
        arguments = _structure_fields(value, fields, kind, converter)
        try:
            return made(**arguments)
        except Exception as error:  # noqa: BLE001 -- a validator raises what it likes
            # Those of attrs put their sentence first, and the attribute and the value behind it.
            said = error.args[0] if error.args and isinstance(error.args[0], str) else type(error).__name__
        raise Misfit(f"was refused by {spell(kind)}: {said}")

    return hook


def _structure_fields(
    values: Mapping[str, Any], fields: tuple[Field, ...], kind: Any, converter: Converter
) -> dict[str, Any]:
    structured, errors = {}, list[Exception]()
    for field in fields:
        if field.name not in values or (
            values[field.name] is None and not field.required and not takes_none(field.kind)
        ):
            # Strict modes want all fields, and write null for those that are not given.
            if field.required:
                errors.append(_noted(Misfit("is missing"), field))
            continue
        try:
            structured[field.name] = converter.structure(values[field.name], field.kind)
        except (Misfit, ClassValidationError, IterableValidationError) as error:
            errors.append(_noted(error, field))
    known = {field.name for field in fields}
    for name in values:
        if name not in known:
            expected = f"known: {', '.join(sorted(known))}" if known else "none is"
            errors.append(_noted(Misfit(f"is not expected; {expected}"), name))
    if errors:
        raise ClassValidationError("", errors, kind)
    return structured


def _noted(error: Exception, field: Field | str) -> Exception:
    name = field if isinstance(field, str) else field.name
    error.add_note(AttributeValidationNote("", name, None))
    return error


def _union(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    members = sorted((bare(each)[0] for each in get_args(kind)), key=_breadth)
    exact = {each for each in members if each in (int, float, bool)}

    def hook(value: Any, _: Any) -> Any:
        if type(value) in exact:
            return READERS[type(value)](value)
        if value is None and types.NoneType in members:
            return None
        errors = []
        for member in members:
            try:
                return converter.structure(value, member)
            except (Misfit, ClassValidationError, IterableValidationError) as error:
                errors.append((member, error))
        # Only one of them can have been meant: its own words are the better ones.
        meant = [
            error for member, error in errors if isinstance(error, (ClassValidationError, IterableValidationError))
        ]
        several = [error for member, error in errors if member is not types.NoneType]
        if len(meant) == 1 or len(several) == 1:
            raise (meant or several)[0]
        told = "; ".join(f"as {spell(member)}, {_tell(_problems(error))}" for member, error in errors)
        raise Misfit(f"fits none of {spell(kind)}: {told}")

    return hook


def _breadth(kind: Any) -> int:
    """Return how much a type takes: of two that take the same text the narrower one goes first."""
    if kind in (str, Path, PurePath):
        return 3
    if kind in (Any, object):
        return 4
    return 1 if kind is datetime.date else 0 if _base(kind) is Literal or isinstance(kind, enum.EnumMeta) else 2


def _problems(error: BaseException, path: str = "") -> list[str]:
    if isinstance(error, (ClassValidationError, IterableValidationError)):
        found = []
        for each, note in error.group_exceptions()[0]:
            if isinstance(note, AttributeValidationNote):
                place = f"{path}.{note.name}" if path else note.name
            else:
                place = f"{path}[{note.index!r}]"
            # A note says where it is within this; those of the parts below are of the same kind.
            found += _problems(each, place)
        return found
    return [f"{path}: {error}" if path else f"the value {error}"]


def _tell(problems: list[str]) -> str:
    more = len(problems) - PROBLEMS
    return "; ".join(problems[:PROBLEMS]) + (f"; and {more} more" if more > 0 else "")


def _writer(kind: Any, converter: Converter) -> Callable[[Any], Any]:
    # By the objects that are there: what is only written needs no type hints.
    names = [(field.name, field.attribute) for field in declared(kind, {})]
    return lambda value: {name: converter.unstructure(getattr(value, attribute)) for name, attribute in names}


def _write_decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise ProviderInputError(f"JSON has no {value}")
    return format(value, "f")


def _refuse_bytes(value: Any) -> Any:
    raise ProviderInputError("JSON has no bytes; decode them, or write them in base64")
