"""Settings: what a caller gives, what the environment adds, and what a plugin declares."""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn, TypeAlias

import attrs

from ._secret import Secret, SecretDict
from .domain import ProviderConfigError, ProviderInputError

Settings: TypeAlias = dict[str, Any]
# An alias, because in the body of ProviderConfig `dict` is the method.

DEFAULT_TIMEOUT = 600.0
DEFAULT_MAX_RETRIES = 2
CONNECT_TIMEOUT = 10.0
CONTENT_TIMEOUT = 600.0
LONGEST_NAME = 100


class Unset(enum.Enum):
    """The type of `UNSET`, which says "not given" where None says "no limit"."""

    UNSET = enum.auto()

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET


def _check_seconds(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    check_seconds(attribute.name, value)


def check_seconds(name: str, value: object) -> None:
    """Raise unless `value` is a positive, finite number of seconds, or None for no limit."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ProviderConfigError(f"{name} must be a number of seconds or None, not {type(value).__name__}")
    if not 0 < value <= sys.float_info.max:
        raise ProviderConfigError(f"{name} must be finite and above 0 seconds; give None for no limit")


@attrs.frozen(kw_only=True)
class Timeouts:
    """Bounds in seconds, each on its own; None is no limit.

    Attributes:
        connect: Until the connection stands, TLS included.
        attempt: One plain request, from its start to the last byte of the answer.
        idle: One silence of a stream, the first included; never the whole stream.
        content: How long keep-alive comments alone may keep a stream alive.
    """

    connect: float | None = attrs.field(default=CONNECT_TIMEOUT, validator=_check_seconds)
    attempt: float | None = attrs.field(default=DEFAULT_TIMEOUT, validator=_check_seconds)
    idle: float | None = attrs.field(default=DEFAULT_TIMEOUT, validator=_check_seconds)
    content: float | None = attrs.field(default=CONTENT_TIMEOUT, validator=_check_seconds)

    @classmethod
    def of(cls, timeout: float | Timeouts | None) -> Timeouts:
        """Spread one number over the bounds, as `timeout=` does."""
        if isinstance(timeout, Timeouts):
            return timeout
        if timeout is None:
            return cls(attempt=None, idle=None, content=None)
        return cls(
            connect=min(CONNECT_TIMEOUT, timeout),
            attempt=timeout,
            idle=timeout,
            content=max(CONTENT_TIMEOUT, timeout),
        )


@attrs.frozen(init=False, repr=False, eq=False)
class ProviderConfig:
    """The settings of one provider, checked when they are given.

    Args:
        provider_type: The provider's name, such as "openai".
        api_key: The key, in visible ASCII.
        model: The model that completes; never used for embeddings.
        timeout: Seconds, or `Timeouts` for the bounds apart; None is no limit. Not given: 600.
        max_retries: Requests after the first that failed; 0 is one request. Not given: 2.
        extra_config: What the plugin declares beyond that. Counts as secret.

    None, an empty and a blank string count as "not given"; for `timeout`, None is a value.

    Raises:
        ProviderConfigError: A setting is of the wrong type or out of range. It names the setting, never the value.
    """

    provider_type: str
    _api_key: Secret | None
    model: str | None
    timeout: float | Timeouts | None
    max_retries: int
    extra_config: Mapping[str, Any]
    _given: Settings

    def __init__(
        self,
        provider_type: str,
        *,
        api_key: str | Secret | None = None,
        model: str | None = None,
        timeout: float | Timeouts | Unset | None = UNSET,
        max_retries: int | None = None,
        extra_config: Mapping[str, Any] | None = None,
    ) -> None:
        # From here on no frame holds anything bare, so that no traceback with locals can show it.
        sealed = seal(api_key)
        api_key = None
        extra_config = seal_extras(extra_config)
        extra_config = _check_extra_config(extra_config)
        given = {
            "api_key": check_api_key(sealed),
            "model": check_text("model", model),
            "timeout": check_timeout(timeout),
            "max_retries": _check_max_retries(max_retries),
            "extra_config": extra_config or None,
        }
        self._fill(check_provider_type(provider_type), given, given)

    def _fill(self, provider_type: str, settings: Settings, given: Settings) -> None:
        timeout, max_retries = settings["timeout"], settings["max_retries"]
        self.__attrs_init__(
            provider_type=provider_type,
            api_key=settings["api_key"],
            model=settings["model"],
            timeout=DEFAULT_TIMEOUT if timeout is UNSET else timeout,
            max_retries=DEFAULT_MAX_RETRIES if max_retries is None else max_retries,
            extra_config=settings["extra_config"] or SecretDict(),
            given=given,
        )

    def filled_in(self, **defaults: Any) -> ProviderConfig:
        """Return a copy in which what was not given is filled from `defaults`; its `dict()` stays what was given."""
        filled = object.__new__(type(self))
        settings = {name: defaults.get(name, value) for name, value in self._given.items()}
        filled._fill(self.provider_type, settings, self._given)
        return filled

    def was_given(self, name: str) -> bool:
        """Tell whether the setting was given, as opposed to left to its default."""
        value = self._given[name]
        return value is not UNSET and (value is not None or name == "timeout")

    @property
    def api_key(self) -> str | None:
        """The bare key, for the one header it is for."""
        return None if self._api_key is None else self._api_key.reveal()

    @property
    def timeouts(self) -> Timeouts:
        """`timeout`, spread over its bounds."""
        return Timeouts.of(self.timeout)

    def dict(self) -> Settings:
        """Return what was given, with the REAL key, so that `create_provider(**config.dict())` does the same again.

        What was not given is left out and so masks no environment variable.
        """
        settings: Settings = {"provider_type": self.provider_type}
        settings.update((name, value) for name, value in self._given.items() if self.was_given(name))
        if "api_key" in settings:
            settings["api_key"] = settings["api_key"].reveal()
        if "extra_config" in settings:
            settings["extra_config"] = {**settings["extra_config"]}
        return settings

    def __repr__(self) -> str:
        if not hasattr(self, "_given"):
            return "<ProviderConfig that was refused>"
        shown = [f"provider_type={self.provider_type!r}"]
        shown += [f"{name}={value!r}" for name, value in self._given.items() if self.was_given(name)]
        return f"ProviderConfig({', '.join(shown)})"

    def __copy__(self) -> ProviderConfig:
        return self

    def __deepcopy__(self, memo: object) -> ProviderConfig:
        return self

    def __reduce__(self) -> NoReturn:
        # Without a key too: `extra_config` counts as secret.
        raise TypeError("a ProviderConfig is not pickled: carry config.dict() over yourself, and protect it")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ProviderConfig):
            return NotImplemented
        return (self.provider_type, self._given) == (other.provider_type, other._given)

    __hash__ = None  # type: ignore[assignment]


def check_provider_type(name: object) -> str:
    """Raise unless `name` can be a provider's name: a letter or digit, then also `.`, `_` and `-`."""
    if isinstance(name, ProviderConfig):
        raise ProviderConfigError("provider_type must be a str; give a config as create_provider(**config.dict())")
    if not isinstance(name, str):
        raise ProviderConfigError(f"provider_type must be a str, not {type(name).__name__}")
    if len(name) > LONGEST_NAME:
        raise ProviderConfigError(f"provider_type must have at most {LONGEST_NAME} characters")
    if not (name and name[0].isalnum() and name.isascii() and all(c.isalnum() or c in "._-" for c in name)):
        raise ProviderConfigError(
            "provider_type must begin with a letter or digit and go on with letters, digits, '.', '_' or '-'"
        )
    return name


def seal(value: object) -> Any:
    """Return `value` as a `Secret` so that it is not shown; None and what is sealed already stay."""
    return value if value is None or isinstance(value, Secret) else Secret(value)  # type: ignore[arg-type]


def seal_extras(extra_config: object) -> Any:
    """Return `extra_config` without a representation, whatever it is."""
    return SecretDict(extra_config) if isinstance(extra_config, Mapping) else seal(extra_config)


def check_api_key(key: Secret | None) -> Secret | None:
    """Return the key, or None where it is blank; raise where it could not be sent in a header."""
    if key is None:
        return None
    if not isinstance(key.reveal(), str):
        raise ProviderConfigError(f"api_key must be a str, not {type(key.reveal()).__name__}")
    if not key.reveal().strip(" \t"):
        return None
    if not is_visible_ascii(key.reveal()):
        # A key that was read from a file with its line end is the usual case.
        raise ProviderConfigError(
            "api_key holds a space, a line break or another character that no key has; "
            "strip it, as in open(path).read().strip()"
        )
    return key


def is_visible_ascii(value: str) -> bool:
    """Tell whether `value` holds ASCII letters, digits and signs only: no space, no control character."""
    return all("!" <= character <= "~" for character in value)


def check_text(name: str, value: object) -> str | None:
    """Return `value`, or None where it is blank; raise unless it is one line of text."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ProviderConfigError(f"{name} must be a str, not {type(value).__name__}")
    if not value.isprintable():
        raise ProviderConfigError(f"{name} must not hold line breaks or control characters")
    return value if value.strip() else None


def check_timeout(value: object) -> Any:
    """Return `value`; raise unless it is `Timeouts`, seconds, None for no limit, or UNSET."""
    if not isinstance(value, (Timeouts, Unset)):
        check_seconds("timeout", value)
    return value


def check_timeouts(timeout: object) -> Timeouts:
    """Return the bounds of one call; raise `ProviderInputError` where they are none."""
    try:
        return Timeouts.of(check_timeout(timeout))
    except ProviderConfigError as error:
        problem = error.message
    raise ProviderInputError(problem)


def _check_max_retries(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ProviderConfigError(f"max_retries must be an int, not {type(value).__name__}")
    if value < 0:
        raise ProviderConfigError("max_retries must be 0 or more; 0 sends one request")
    return value


def _check_extra_config(value: object) -> SecretDict:
    if value is None:
        return SecretDict()
    if not isinstance(value, Mapping):
        given = value.reveal() if isinstance(value, Secret) else value
        raise ProviderConfigError(f"extra_config must be a dict, not {type(given).__name__}")
    if not all(isinstance(key, str) for key in value):
        raise ProviderConfigError("the keys of extra_config must be of type str")
    return SecretDict(value)


def merge_extras(extra_config: Mapping[str, Any] | None, extras: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return `extra_config` with the settings that were given flat; raise where one is given twice."""
    if not extras:
        return extra_config
    merged = _check_extra_config(extra_config)
    for name in extras:
        if name in merged:
            raise ProviderConfigError(f"{name} is given twice: as an argument and in extra_config")
    merged.update(extras)
    return merged


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the nearest of `known`, or ";": what goes before a list of them all."""
    # Imported here, because only what is misspelt needs it.
    from difflib import get_close_matches

    names = {each.lower(): each for each in known}
    near = [names[match] for match in get_close_matches(name.lower(), names, n=1, cutoff=0.65)]
    return f"; did you mean {near[0]!r}?" if near else ";"
