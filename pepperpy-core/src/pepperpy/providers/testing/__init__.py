"""What the author of a provider tests with: a scripted service on 127.0.0.1 and a contract to keep.

The service needs nothing but core. The contract needs pytest: `pip install pepperpy-core[testing]`, and then
`pytest --pepperpy-provider NAME` puts an installed provider to the test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .contract import ProviderContract
    from .service import FakeService, Received, Reply
    from .wire import NO_WIRE, OpenAIWire, Wire

__all__ = ["NO_WIRE", "FakeService", "OpenAIWire", "ProviderContract", "Received", "Reply", "Wire"]

_MODULES = {
    "FakeService": "service",
    "NO_WIRE": "wire",
    "OpenAIWire": "wire",
    "ProviderContract": "contract",
    "Received": "service",
    "Reply": "service",
    "Wire": "wire",
}


def __getattr__(name: str) -> Any:
    # Late, because pytest loads the plugin beside this in every project that has core installed.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    from importlib import import_module

    value = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
