"""Fill in what was not given: first from the environment, then from what the plugin declares."""

from __future__ import annotations

import functools
import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from ._config import ProviderConfig, did_you_mean
from ._secret import Secret, SecretDict
from .domain import ProviderConfigError

if TYPE_CHECKING:
    from cattrs import Converter

OptionsT = TypeVar("OptionsT")

_SETTINGS: dict[str, Any] = {"api_key": str, "model": str, "timeout": float, "max_retries": int}


def variables(provider_type: str, field: str, vendor_variables: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the environment variables that are looked up for a field; the first that is set wins.

    >>> variables("my-llm.v2", "api_key", {"api_key": ["MY_LLM_KEY"]})
    ['PEPPERPY_PROVIDER_MY_LLM_V2_API_KEY', 'MY_LLM_KEY']
    """
    ours = f"PEPPERPY_PROVIDER_{provider_type}_{field}".upper().replace("-", "_").replace(".", "_")
    return [ours, *vendor_variables.get(field, ())]


def fill_in(
    config: ProviderConfig,
    environ: Mapping[str, str],
    *,
    vendor_variables: Mapping[str, Iterable[str]],
    options_type: type[Any] | None,
    default_model: str | None = None,
) -> ProviderConfig:
    """Return `config` with what was not given filled in; its `dict()` stays what was given.

    Only declared names are looked up, and a blank variable counts as not set.

    Raises:
        ProviderConfigError: A variable holds what the setting does not take. It names the variable.
    """
    # From here on no frame holds the environment bare: it is full of keys, those of others too.
    environment = _Environment(environ)
    del environ

    def look_up(field: str, kind: Any, check: Callable[[str, Any, Secret], Any]) -> Secret | None:
        for name in variables(config.provider_type, field, vendor_variables):
            value = environment.look_up(name, kind)
            if value is None:
                continue
            try:
                check(field, kind, value)
                return value
            except ProviderConfigError as error:
                problem = f"{error.message} (it comes from the environment variable {name})"
            raise ProviderConfigError(problem)
        return None

    settings: dict[str, Any] = {} if config.was_given("model") else {"model": default_model}
    for field, kind in _SETTINGS.items():
        if not config.was_given(field) and (found := look_up(field, kind, _check_setting)):
            settings[field] = found if field == "api_key" else found.reveal()
    extras = SecretDict(config.extra_config)
    for field, attribute in _fields(options_type).items():
        if _not_given(extras.get(field)) and (found := look_up(field, attribute.type, _structure)):
            extras[field] = found.reveal()
    return config.filled_in(**settings, extra_config=extras)


def name_variable(
    error: ProviderConfigError,
    given: ProviderConfig,
    environ: Mapping[str, str],
    vendor_variables: Mapping[str, Iterable[str]],
) -> None:
    """Say in an error about a setting which variable the setting came from, where it was not given."""
    field = error.message.partition(" ")[0]
    masked = given.was_given(field) if field in _SETTINGS else field in given.extra_config
    if masked or "environment variable" in error.message:
        return
    for name in variables(given.provider_type, field, vendor_variables):
        if (environ.get(name) or "").strip():
            error.args = (f"{error.message} (it comes from the environment variable {name})",)
            return


class _Environment:
    """The environment, without a representation."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def look_up(self, name: str, kind: Any) -> Secret | None:
        """Return a variable read as the type, or None where it is not set or blank."""
        text = self._variables.get(name) or ""
        return Secret(_from_text(text, kind)) if text.strip() else None


def _check_setting(field: str, kind: Any, value: Secret) -> None:
    """Put a value from the environment through the checks that a given one passes."""
    settings: dict[str, Any] = {field: value if field == "api_key" else value.reveal()}
    ProviderConfig("environment", **settings)


def _from_text(text: str, kind: Any) -> Any:
    """Read a variable's text as the type that is declared; what is no JSON stays text, and is checked as such."""
    if str in _alternatives(kind):
        return text
    try:
        return json.loads(text.lower() if text.lower() in {"true", "false", "none"} else text)
    except ValueError:
        return None if text.lower() == "none" else text


def structure_options(options_type: type[OptionsT], extra_config: Mapping[str, Any]) -> OptionsT:
    """Return the extras as the attrs class that the plugin declares.

    Raises:
        ProviderConfigError: A name is unknown or missing, or a value is wrong. It names the field, never the value.
    """
    extras = SecretDict(extra_config)
    fields = _fields(options_type)
    for name in extras:
        if name not in fields:
            known = ", ".join(sorted(fields)) or "none"
            raise ProviderConfigError(f"unknown setting {name!r}{did_you_mean(name, fields)} known: {known}")
    structured = SecretDict()
    for name, attribute in fields.items():
        if not _not_given(extras.get(name)):
            structured[name] = _structure(name, attribute.type, Secret(extras[name]))
        elif attribute.default is attrs.NOTHING:
            raise ProviderConfigError(f"{name} is missing; give {name}=...")
    try:
        return options_type(**structured)
    except ProviderConfigError as error:
        problem = error.message
    except Exception as error:  # noqa: BLE001 -- a validator raises what it likes, and its text holds the value
        name = next((part.name for part in error.args if isinstance(part, attrs.Attribute)), "a setting")
        problem = f"{name} was refused ({type(error).__name__}); see {options_type.__name__}"
    # Out here, because the frames of the validators hold the values bare.
    raise ProviderConfigError(problem)


def _structure(name: str, kind: Any, value: Secret) -> Any:
    try:
        return _structured(kind, value.reveal())
    except Exception as error:  # noqa: BLE001 -- cattrs raises whatever a hook raises, and its text holds the value
        problem = type(value.reveal()).__name__ if not isinstance(error, ProviderConfigError) else error.message
    raise ProviderConfigError(f"{name} must be {_spell(kind)}, not {problem}")


def _structured(kind: Any, value: Any) -> Any:
    # Most settings are of these types, for which cattrs, dear to import, would be asked in vain: its hooks do the same.
    simple = [each for each in _alternatives(kind) if each is not type(None)]
    if simple == [float]:
        return float(_exactly(value, (int, float)))
    if len(simple) == 1 and simple[0] in (str, int, bool):
        return _exactly(value, simple[0])
    return _converter().structure(value, kind)


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, types.UnionType) else (kind,)


def _fields(options_type: type[Any] | None) -> dict[str, attrs.Attribute[Any]]:
    if options_type is None:
        return {}
    return {field.alias: field for field in attrs.fields(attrs.resolve_types(options_type)) if field.init}


def _not_given(value: object) -> bool:
    return value is None or value == {} or (isinstance(value, str) and not value.strip())


def _spell(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "").replace(" | None", "")


@functools.cache
def _converter() -> Converter:
    # Here, because cattrs costs more to import than all of core, and most providers are made without extras.
    from cattrs import Converter
    from cattrs.cols import is_sequence

    converter = Converter(detailed_validation=False, forbid_extra_keys=True)
    converter.register_structure_hook_factory(is_sequence, _no_text_as_sequence)
    for kind in (str, int, bool):
        converter.register_structure_hook(kind, _exactly)
    converter.register_structure_hook(float, lambda value, _: float(_exactly(value, (int, float))))
    return converter


def _no_text_as_sequence(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    """Refuse a text or a dict for a list, where cattrs would take its letters or keys."""
    from cattrs.cols import list_structure_factory

    structure = list_structure_factory(kind, converter)

    def hook(value: Any, kind: Any) -> Any:
        if isinstance(value, (str, bytes, Mapping)):
            raise TypeError
        return structure(value, kind)

    return hook


def _exactly(value: Any, kind: Any) -> Any:
    """Pass a value of the type and refuse all others, where cattrs would convert: 1 is no name."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError
    return value
