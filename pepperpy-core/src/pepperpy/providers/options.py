"""Checks for the options of a call: what is wrong is refused before anything is sent."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ._config import did_you_mean
from .domain import ProviderCapabilityError, ProviderInputError

if TYPE_CHECKING:
    from .tools import Tool

Check = Callable[[str, Any], Any]
"""Takes an option's name and value, returns the value to send, raises `ProviderInputError`."""

REASONING = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""How much a model may think, from not at all to as much as it can; each service has its own part of it."""


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


def reasoning(name: str, value: Any) -> str:
    """Take one of `REASONING`."""
    if value not in REASONING:
        raise ProviderInputError(f"{name} must be one of {', '.join(REASONING)}")
    return str(value)


def nearest_effort(asked: str, offered: Sequence[str]) -> str:
    """Return the effort to ask for where a model does not offer them all: the asked one, or else the nearest.

    Who asks for a little thinking gets some: "none" is chosen by its name alone.

    >>> nearest_effort("minimal", ("none", "low", "medium", "high")), nearest_effort("max", ("low", "medium", "high"))
    ('low', 'high')
    """
    wanted = REASONING.index(asked)
    thinking = [effort for effort in offered if asked == "none" or effort != "none"] or offered
    return min(thinking, key=lambda effort: (abs(REASONING.index(effort) - wanted), REASONING.index(effort)))


def tools(name: str, value: Any) -> list[Tool]:
    """Take tools, or functions to make them of; no two of one name."""
    from .tools import Tool

    if isinstance(value, (str, Mapping)) or not isinstance(value, Sequence) or not value:
        raise ProviderInputError(f"{name} must be a list of tools, at least one; leave it out where there is none")
    several = [each if isinstance(each, Tool) else Tool.from_function(each) for each in value]
    names = [tool.name for tool in several]
    if len(set(names)) < len(names):
        raise ProviderInputError(f"two {name} have one name among {', '.join(names)}; give name= to one of them")
    return several


def tool_choice(name: str, value: Any) -> str:
    """Take "auto", "none", "required" or a tool's name; a `Tool` stands for its name."""
    return text(name, getattr(value, "name", value))


def flag(name: str, value: Any) -> bool:
    """Take True or False."""
    if not isinstance(value, bool):
        raise ProviderInputError(f"{name} must be True or False, not {type(value).__name__}")
    return value


def anything(name: str, value: Any) -> Any:
    """Take what was checked before."""
    return value


COMMON: Mapping[str, Check] = {
    "system": text,
    "temperature": number,
    "max_tokens": count,
    "top_p": number,
    "stop": texts,
    "seed": integer,
    "reasoning": reasoning,
    "tools": tools,
    "tool_choice": tool_choice,
    "parallel_tool_calls": flag,
    "output": anything,
}
"""The options that mean the same with every provider that has them."""


def check_options(
    options: Mapping[str, Any], known: Mapping[str, Check], shared: Container[str] = COMMON
) -> dict[str, Any]:
    """Return the options checked, by name.

    Args:
        options: What the caller gave.
        known: What is taken.
        shared: What other providers take, so that the name is right and the service cannot.

    Raises:
        ProviderInputError: One is unknown or has a wrong value.
        ProviderCapabilityError: One is of those that are shared, but not known here.
    """
    checked = {}
    for name, value in options.items():
        if name not in known:
            if name in shared:
                raise ProviderCapabilityError(
                    f"this service has no {name}; leave it out; known: {', '.join(sorted(known))}"
                )
            raise ProviderInputError(
                f"unknown option {name!r}{did_you_mean(name, known)} "
                f"known: {', '.join(sorted(known))}; anything else goes through extra_body={{...}}"
            )
        checked[name] = known[name](name, value)
    if "tool_choice" in checked:
        check_tool_choice(checked["tool_choice"], checked.get("tools", ()))
    return checked


def check_tool_choice(choice: str, tools: Sequence[Tool]) -> None:
    """Raise unless the choice is a word for all tools or the name of one."""
    if not tools:
        raise ProviderInputError("tool_choice chooses among tools; give tools= too")
    names = [tool.name for tool in tools]
    if choice not in ("auto", "none", "required", *names):
        raise ProviderInputError(
            f"tool_choice is {choice!r}{did_you_mean(choice, names)} known: auto, none, required, {', '.join(names)}"
        )
