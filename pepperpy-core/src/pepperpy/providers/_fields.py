"""The fields of attrs classes, dataclasses, TypedDicts and NamedTuples, and what their type hints mean."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from types import FrameType, NoneType, SimpleNamespace
from typing import Annotated, Any, Final, NewType, TypeVar, get_args, get_origin, get_type_hints

import attrs

from ._docstrings import read_docstring
from .errors import ProviderInputError


class Missing(enum.Enum):
    """The type of `MISSING`."""

    MISSING = enum.auto()


MISSING: Final = Missing.MISSING
"""No default, or one that is made when it is needed."""

_QUALIFIERS = {"Required", "NotRequired", "ReadOnly", "Final"}
_EMPTY: Mapping[Any, Any] = {list: [], tuple: [], set: [], frozenset: [], dict: {}}


@attrs.frozen
class Field:
    """One field of a class, or one parameter of a function.

    Attributes:
        name: Its name in JSON, and as an argument.
        attribute: Its name on the object.
        hint: Its type, with all annotations, no text left in it.
        kind: Its type, bare.
        required: Whether it has no default.
        default: The default where it is a plain value, else `MISSING`.
        description: What is said of it, or None.
    """

    name: str
    attribute: str
    hint: Any
    kind: Any
    required: bool
    default: Any = MISSING
    description: str | None = None


def is_record(kind: Any) -> bool:
    """Return whether a type has fields: an attrs class, a dataclass, a TypedDict or a NamedTuple."""
    kind = get_origin(kind) or kind
    return isinstance(kind, type) and (
        attrs.has(kind) or dataclasses.is_dataclass(kind) or is_typed_dict(kind) or is_named_tuple(kind)
    )


def is_typed_dict(kind: Any) -> bool:
    """Return whether a type is a TypedDict, of `typing` or `typing_extensions`."""
    return isinstance(kind, type) and issubclass(kind, dict) and hasattr(kind, "__required_keys__")


def is_named_tuple(kind: Any) -> bool:
    """Return whether a type is a NamedTuple."""
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_field_defaults")


def bare(hint: Any) -> tuple[Any, str | None]:
    """Return a type without what is wrapped around it, and the description that stood there.

    Annotated, NewType, Required and the like, and aliases are taken off.
    """
    description = None
    while True:
        origin = get_origin(hint)
        if origin is Annotated:
            description = description or _description(hint.__metadata__)
            hint = hint.__origin__
        elif getattr(origin, "_name", None) in _QUALIFIERS:
            hint = get_args(hint)[0]
        elif isinstance(hint, NewType):
            hint = hint.__supertype__
        elif type(hint).__name__ == "TypeAliasType":
            hint = hint.__value__
        elif type(origin).__name__ == "TypeAliasType":
            hint = origin.__value__[get_args(hint)]
        else:
            return hint, description


def _description(metadata: tuple[Any, ...]) -> str | None:
    # A `Doc`, as typing_extensions has it, says its text as `documentation`.
    texts = (each if isinstance(each, str) else getattr(each, "documentation", None) for each in metadata)
    return next((text for text in texts if isinstance(text, str)), None)


def spell(kind: Any) -> str:
    """Return a type as its reader would write it."""
    if kind is NoneType:
        return "None"
    if isinstance(kind, type) and get_origin(kind) is None:
        return kind.__name__
    if get_origin(kind) is not None and isinstance(get_origin(kind), type) and get_args(kind):
        arguments = ("..." if each is ... else spell(each) for each in get_args(kind))
        if not str(get_origin(kind).__module__).startswith("types") and get_origin(kind).__name__ != "Union":
            return f"{get_origin(kind).__name__}[{', '.join(arguments)}]"
        return " | ".join(arguments)
    return re.sub(r"\b(?:\w+\.)+(?=\w)|<locals>\.", "", str(kind))


def documentation(kind: Any) -> str:
    """Return what the docstring of a class says, its sections left out; one that nobody wrote is none."""
    kind = get_origin(kind) or kind
    written = vars(kind).get("__doc__")
    if not isinstance(written, str) or written.startswith(f"{kind.__name__}("):
        # What dataclasses and named tuples say of themselves.
        return ""
    return read_docstring(written).text


_KEPT = "__pepperpy_fields__"


def fields_of(kind: Any, *, names: Mapping[str, Any] | None = None) -> tuple[Field, ...]:
    """Return the fields of a class that has some, looked at once.

    Args:
        kind: The class, or a generic one with its arguments.
        names: What its annotations may mean beyond the names of its module.

    Raises:
        ProviderInputError: An annotation is missing or means nothing.
    """
    origin = get_origin(kind) or kind
    # On the class itself, so that they go with it: applications make classes for a single call.
    kept = vars(origin).get(_KEPT)
    if kept is None:
        type.__setattr__(origin, _KEPT, kept := {})
    if kind not in kept:
        kept[kind] = tuple(_fields(kind, names or {}))
    fields: tuple[Field, ...] = kept[kind]
    return fields


def _fields(kind: Any, names: Mapping[str, Any]) -> Iterator[Field]:
    origin = get_origin(kind) or kind
    arguments = _arguments(kind)
    hints = resolve(origin, spell(origin), closure={}, names={**names, origin.__name__: origin})
    said = {
        name: text for each in reversed(origin.__mro__) for name, text in read_docstring(each.__doc__).parts.items()
    }
    for field in declared(origin, hints):
        if field.hint is None and field.attribute not in hints:
            raise ProviderInputError(f"{spell(origin)}.{field.attribute}: it has no type; annotate it")
        hint = _substitute(field.hint, arguments)
        yield attrs.evolve(
            field,
            hint=hint,
            kind=strip(hint),
            description=field.description or said.get(field.attribute) or said.get(field.name),
        )


def _arguments(kind: Any) -> dict[Any, Any]:
    """Return what the type variables of a class and its bases stand for; one that stands for several is left out."""
    found: dict[Any, Any] = {}
    several = set()
    for variable, argument in _variables(kind, {}):
        if found.setdefault(variable, argument) != argument:
            several.add(variable)
    return {variable: argument for variable, argument in found.items() if variable not in several}


def _variables(kind: Any, outer: Mapping[Any, Any]) -> Iterator[tuple[Any, Any]]:
    origin = get_origin(kind) or kind
    given = (_substitute(argument, outer) for argument in get_args(kind))
    mine = dict(zip(getattr(origin, "__parameters__", ()), given, strict=False))
    yield from mine.items()
    for base in vars(origin).get("__orig_bases__", getattr(origin, "__bases__", ())):
        yield from _variables(base, mine)


def declared(kind: Any, hints: Mapping[str, Any]) -> Iterator[Field]:
    """Yield the fields that the constructor of a class takes, as the class itself tells them."""
    if attrs.has(kind):
        for attribute in attrs.fields(kind):
            if attribute.init:
                default = MISSING if attribute.default is attrs.NOTHING else attribute.default
                factory = getattr(default, "factory", MISSING) if type(default).__name__ == "Factory" else MISSING
                hint = hints.get(attribute.name, attribute.type)
                yield _field(
                    attribute.alias or attribute.name, attribute.name, hint, factory, default, attribute.metadata
                )
    elif dataclasses.is_dataclass(kind):
        for hint_name, hint in hints.items():
            if isinstance(hint, dataclasses.InitVar):
                raise ProviderInputError(f"{spell(kind)}.{hint_name}: an InitVar cannot be read back; make it a field")
        for each in dataclasses.fields(kind):
            if each.init:
                factory = MISSING if each.default_factory is dataclasses.MISSING else each.default_factory
                default = factory if each.default is dataclasses.MISSING else each.default
                yield _field(each.name, each.name, hints.get(each.name), factory, default, each.metadata)
    elif is_typed_dict(kind):
        for name, hint in hints.items():
            yield Field(name, name, hint, None, _is_required(hint, name in kind.__required_keys__))
    else:
        for name in kind._fields:
            default = kind._field_defaults.get(name, MISSING)
            yield Field(name, name, hints.get(name), None, default is MISSING, default)


def _field(name: str, attribute: str, hint: Any, factory: Any, default: Any, metadata: Mapping[Any, Any]) -> Field:
    """Return a field whose default may be made by a factory."""
    plain = default if factory is MISSING else _EMPTY.get(factory, MISSING)
    said = metadata.get("description")
    return Field(name, attribute, hint, None, default is MISSING, plain, said if isinstance(said, str) else None)


def _is_required(hint: Any, otherwise: bool) -> bool:
    # Where annotations are texts, the class itself has not seen these words.
    while get_origin(hint) is not None:
        word = getattr(get_origin(hint), "_name", None)
        if word in ("Required", "NotRequired"):
            return bool(word == "Required")
        if word not in _QUALIFIERS and get_origin(hint) is not Annotated:
            break
        hint = hint.__origin__ if get_origin(hint) is Annotated else get_args(hint)[0]
    return otherwise


def resolve(owner: Any, place: str, *, closure: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """Return the type hints of a class or function, with all annotations and no text left.

    Args:
        owner: The class or function.
        place: What error messages call it.
        closure: What names mean where it was defined; goes before its module.
        names: What they may mean where nothing else is found.

    Raises:
        ProviderInputError: One names what cannot be found.
    """
    unknown, problem = None, ""
    near = {**_locals_around(owner), **closure}
    module = _module(owner)
    for more in ({}, names):
        own = getattr(owner, "__dict__", {})
        far = {name: value for name, value in {**more, **own}.items() if name not in module}
        try:
            return get_type_hints(owner, localns={**far, **near} if near or more else None, include_extras=True)
        except NameError as error:
            unknown = error.name
        except Exception as error:  # noqa: BLE001 -- an annotation is code, and raises what it likes
            problem = f" ({type(error).__name__}: {error})"
            break
    field = _where(owner, unknown)
    what = f"{unknown!r}" if unknown else "an annotation"
    raise ProviderInputError(
        f"{place}{field and f'.{field}'}: {what} cannot be resolved{problem}; define it at the top level of its module, "
        "outside of `if TYPE_CHECKING` too"
    )


def _locals_around(owner: Any) -> dict[str, Any]:
    """Return the names of the function that a class or function was defined in, while it runs."""
    around, inside, _ = owner.__qualname__.rpartition(".<locals>.")
    if not inside:
        return {}
    module = _module(owner)
    frame: FrameType | None = sys._getframe()
    while frame is not None and not (frame.f_code.co_qualname == around and frame.f_globals is module):
        frame = frame.f_back
    return {
        **(frame.f_locals if frame is not None else {}),
        **({owner.__name__: owner} if isinstance(owner, type) else {}),
    }


def _module(owner: Any) -> dict[str, Any]:
    module = sys.modules.get(owner.__module__)
    return {} if module is None else vars(module)


def _where(owner: Any, unknown: str | None) -> str:
    """Return the name of the annotation that names what cannot be found, or an empty text."""
    word = re.compile(rf"\b{re.escape(unknown)}\b") if unknown else None
    for each in inspect.getmro(owner) if isinstance(owner, type) else (owner,):
        try:
            annotations = vars(each).get("__annotations__") or getattr(each, "__annotations__", {})
        except NameError:
            continue
        for name, hint in annotations.items():
            text = hint if isinstance(hint, str) else getattr(hint, "__forward_arg__", str(hint))
            if word is not None and word.search(text):
                return str(name)
    return ""


def _substitute(hint: Any, arguments: Mapping[Any, Any]) -> Any:
    """Return a hint with the arguments of a generic class in the place of its variables."""
    if isinstance(hint, TypeVar):
        return arguments.get(hint, hint)
    variables = getattr(hint, "__parameters__", ())
    if not arguments or not variables or (isinstance(hint, type) and get_origin(hint) is None):
        return hint
    return hint[tuple(arguments.get(each, each) for each in variables)]


def strip(hint: Any) -> Any:
    """Return a hint without annotations anywhere in it, which may be such that nothing can be kept by them."""
    return bare(get_type_hints(SimpleNamespace(__annotations__={"hint": hint}))["hint"])[0]
