"""Find the wire of a provider that names none."""

from __future__ import annotations

import asyncio
import importlib.metadata
from importlib import import_module
from typing import Any, Final

import attrs

from pepperpy.providers import Provider, create_provider

from .service import FakeService
from .wire import OpenAIWire

GROUP = "pepperpy.wires"
UNSET: Final = object()
"""The wire of a class that says nothing of one; None says that there is none."""


def load_wire(path: str) -> Any:
    """Return the wire that `module:Class` names, made if it is a class; None for "none".

    Raises:
        ValueError: There is no such thing; it says so in words.
    """
    if path.lower() == "none":
        return None
    module, colon, name = path.partition(":")
    if not colon:
        raise ValueError(f"a wire is given as module:Class, or none, not {path!r}")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"the wire {path!r} cannot be loaded: {error}") from error
    return found() if isinstance(found, type) else found


def find_wire(name: str, provider_class: type[Provider], settings: dict[str, Any]) -> tuple[Any, str]:
    """Return the wire of a provider, or None and why.

    The entry point in the group `pepperpy.wires` under the provider's name says it. Without one it is OpenAI's, unless
    nothing points the provider at a service.
    """
    for point in importlib.metadata.entry_points(group=GROUP, name=name):
        found = point.load()
        return (found() if isinstance(found, type) else found), f"{point.value} says that the provider has no wire"

    from pepperpy.providers.http import HTTPProvider

    if issubclass(provider_class, HTTPProvider) or _asks_service(name, provider_class, settings):
        return OpenAIWire(), ""
    return None, (
        "the provider has no wire: none is declared for it, and nothing points it at a service (it is no HTTPProvider "
        "and heeds no base_url), so nothing that goes over one can be seen"
    )


def _asks_service(name: str, provider_class: type[Provider], settings: dict[str, Any]) -> bool:
    """Tell whether a provider with a `base_url` sends its requests there."""
    options_type = provider_class.options_type
    if options_type is not None and "base_url" not in {field.alias for field in attrs.fields(options_type)}:
        return False

    async def ask() -> bool:
        async with FakeService(OpenAIWire().completion("ok")) as service:
            given = {"api_key": "sk-contract-0123456789", "max_retries": 0, "base_url": service.url, **settings}
            try:
                async with asyncio.timeout(5), await create_provider(name, **given) as provider:
                    await provider.complete("Where?")
            except Exception:  # noqa: BLE001, S110 -- whether it asked is all that counts
                pass
            return bool(service.requests)

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(ask())
