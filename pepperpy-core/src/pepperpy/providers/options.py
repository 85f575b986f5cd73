"""Checks for the options of a call: what is wrong is refused before anything is sent."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

from ._config import did_you_mean
from .domain import ProviderInputError

Check = Callable[[str, Any], Any]
"""Takes an option's name and value, returns the value to send, raises `ProviderInputError`."""


def number(name: str, value: Any) -> float:
    """Take a finite number, 0 or more."""
    return signed_number(name, value, least=0)


def signed_number(name: str, value: Any, *, least: float = -math.inf) -> float:
    """Take a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ProviderInputError(f"{name} must be a number, not {type(value).__name__}")
    if not -sys.float_info.max <= value <= sys.float_info.max or value < least:
        raise ProviderInputError(f"{name} must be a finite number{f', {least} or more' if least > -math.inf else ''}")
    return value


def count(name: str, value: Any) -> int:
    """Take a whole number, 1 or more."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ProviderInputError(f"{name} must be an int, not {type(value).__name__}")
    if value < 1:
        raise ProviderInputError(f"{name} must be 1 or more")
    return value


def integer(name: str, value: Any) -> int:
    """Take a whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ProviderInputError(f"{name} must be an int, not {type(value).__name__}")
    return value


def text(name: str, value: Any) -> str:
    """Take a text that is not blank."""
    if not isinstance(value, str):
        raise ProviderInputError(f"{name} must be a str, not {type(value).__name__}")
    if not value.strip():
        raise ProviderInputError(f"{name} is blank; give it a text or leave it out")
    return value


def texts(name: str, value: Any) -> list[str]:
    """Take one text or several, none empty."""
    several = [value] if isinstance(value, str) else value
    if not isinstance(several, (list, tuple)) or not several or not all(isinstance(t, str) and t for t in several):
        raise ProviderInputError(f"{name} must be a str or a list of str, none empty")
    return list(several)


def mapping(name: str, value: Any) -> Mapping[str, Any]:
    """Take a dict with keys of type str."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ProviderInputError(f"{name} must be a dict with str keys, not {type(value).__name__}")
    return value


def check_options(options: Mapping[str, Any], known: Mapping[str, Check]) -> dict[str, Any]:
    """Return the options checked, by name.

    Raises:
        ProviderInputError: One is unknown or has a wrong value.
    """
    checked = {}
    for name, value in options.items():
        if name not in known:
            raise ProviderInputError(
                f"unknown option {name!r}{did_you_mean(name, known)} "
                f"known: {', '.join(sorted(known))}; anything else goes through extra_body={{...}}"
            )
        checked[name] = known[name](name, value)
    return checked
