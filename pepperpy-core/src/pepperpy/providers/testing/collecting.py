"""Tests for providers that no test class names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pepperpy.providers import ProviderConfigError, ProviderError
from pepperpy.providers.engine import ProviderEngine

from .contract import ProviderContract
from .wires import load_wire


def subjects(names: Sequence[str], wires: Sequence[str], settings: Sequence[str]) -> list[type[ProviderContract]]:
    """Return a class of tests for each provider.

    Raises:
        pytest.UsageError: There is no such provider, or an option cannot be read.
    """
    installed = ProviderEngine.list_providers()
    given = dict(_setting(text) for text in settings)
    chosen = _wires(wires, names)
    made = []
    for name in names:
        try:
            ProviderEngine.registry.get(name)
        except LookupError as error:
            raise pytest.UsageError(f"--pepperpy-provider: {error}") from None
        except (ProviderConfigError, ProviderError) as error:
            if name not in installed:
                raise pytest.UsageError(f"--pepperpy-provider: {error}") from None
            # One that does not load breaks its promises, which the tests tell.
        facts: dict[str, Any] = {"provider_type": name, "settings": given, "__module__": __name__}
        if name in chosen:
            facts |= {"wire": chosen[name], "no_wire": "--pepperpy-wire says that the provider has no wire"}
        made.append(type(name, (ProviderContract,), facts))
    return made


def collect(session: pytest.Session, subject: type[ProviderContract]) -> Iterator[pytest.Item]:
    """Yield the tests of a class that stands in no file."""
    module = pytest.Module.from_parent(session, path=Path(__file__), nodeid="pepperpy")
    module.obj = ModuleType("pepperpy_contract")
    # Nodes look their objects up in their parent's, by name.
    setattr(module.obj, subject.__name__, subject)
    # By the session, which tells those who count what was collected.
    yield from session.genitems(_Group.from_parent(module, name=subject.__name__))


class _Group(pytest.Class):
    """A class of tests, whatever names the project at hand has for its own."""

    def funcnamefilter(self, name: str) -> bool:
        return name.startswith("test_")


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise pytest.UsageError(f"--pepperpy-setting is given as KEY=VALUE, not {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _wires(texts: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    for text in texts:
        name, equals, path = text.rpartition("=")
        if equals and name not in names:
            raise pytest.UsageError(f"--pepperpy-wire: no --pepperpy-provider {name} was given")
        try:
            wire = load_wire(path)
        except ValueError as error:
            raise pytest.UsageError(f"--pepperpy-wire: {error}") from None
        chosen |= dict.fromkeys([name] if equals else names, wire)
    return chosen
