"""What runs in a process of its own: load one plugin and tell what it declares.

The facts go out as one line of JSON, through a copy of standard output: what the plugin prints must not come between.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

import attrs

from .._config import ProviderConfig
from .._discovery import entry_point_at
from .._registry import GROUP, ProviderRegistry, UnfitPluginError, describe
from .._settings import name_variable
from ..domain import ProviderConfigError, ProviderError, ProviderPluginError
from ..hookspecs import ProviderSpec

CORE_SETTINGS = {"api_key": None, "model": None, "timeout": "600", "max_retries": "2"}


def main(task: Mapping[str, Any]) -> None:
    """Do one task and end the process, whatever the plugin has left behind in it.

    Args:
        task: `name` and `entry_point` of the plugin.
    """
    answer = os.dup(1)
    os.dup2(2, 1)
    try:
        facts = load(task["name"], task["entry_point"])
    except BaseException as error:  # noqa: BLE001 -- a plugin raises what it likes, and it is to be told
        facts = {"state": "broken", "reason": describe(error)}
    line = json.dumps(facts).encode() + b"\n"
    while line:
        line = line[os.write(answer, line) :]
    # Not by sys.exit, which waits for the plugin's threads and runs its exit hooks.
    os._exit(0)


def load(name: str, value: str) -> dict[str, Any]:
    """Load a plugin as the engine does and return its facts, or why it did not load."""
    point = entry_point_at(name, value, GROUP)
    try:
        spec = ProviderRegistry(lambda: [point]).get(name)
    except ProviderPluginError as error:
        cause = error.__cause__ or error
        if isinstance(cause, UnfitPluginError):
            return {"state": cause.state, "reason": cause.message, "advice": cause.advice}
        return {"state": "broken", "reason": cause.message if isinstance(cause, ProviderError) else describe(cause)}
    try:
        return {"state": "ok", "api_version": spec.api_version, "settings": declared(spec), "problem": problem(spec)}
    except Exception as error:  # noqa: BLE001 -- a plugin's declarations, whatever they are
        return {"state": "broken", "reason": f"the settings that it declares cannot be used ({describe(error)})"}


def declared(spec: ProviderSpec) -> list[dict[str, Any]]:
    """Return the settings that a provider takes: core's, then its own."""
    defaults: dict[str, str | None] = {**CORE_SETTINGS, "model": spec.default_model}
    if spec.provider.options_type is not None:
        for attribute in attrs.fields(attrs.resolve_types(spec.provider.options_type)):
            if attribute.init:
                defaults[attribute.alias] = _show_default(attribute.default)
    return [
        {"name": name, "vendor": list(spec.variables.get(name, ())), "default": default}
        for name, default in defaults.items()
    ]


def problem(spec: ProviderSpec) -> str | None:
    """Return what `create_provider` would say to the settings of this environment; None where it would take them."""
    from ..engine import settle

    given = ProviderConfig(spec.name)
    try:
        settle(given, spec)
    except ProviderConfigError as error:
        name_variable(error, given, os.environ, spec.variables)
        return error.message
    return None


def _show_default(default: object) -> str | None:
    if isinstance(default, bool):
        return str(default).lower()
    return str(default) if isinstance(default, (str, int, float)) and str(default).strip() else None


def begin() -> None:
    """Read the task from standard input, of which nothing is left for the plugin, and do it."""
    task = json.loads(sys.stdin.readline())
    # Its parent ends it in time; should that one be killed before, a plugin that hangs must not stay behind for ever.
    faulthandler.dump_traceback_later(2 * task["timeout"] + 1, exit=True)
    main(task)
