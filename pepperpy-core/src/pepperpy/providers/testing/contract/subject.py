"""The provider under test: its name, its wire and its settings."""

from __future__ import annotations

import importlib.metadata
from typing import Any, ClassVar

from pepperpy.providers import ProviderSpec
from pepperpy.providers.engine import ProviderEngine

from ..service import FakeService
from ..stage import KEY
from ..wires import UNSET, find_wire


class Subject:
    """What the tests of all parts of the contract are about."""

    provider_type: ClassVar[str]
    wire: ClassVar[Any] = UNSET
    settings: ClassVar[dict[str, Any]] = {}
    has_embeddings: ClassVar[bool | None] = None
    no_wire: ClassVar[str] = "the provider has no wire, so nothing that goes over one can be seen"

    def settings_for(self, service: FakeService | None) -> dict[str, Any]:
        """Return what `create_provider` is given.

        Args:
            service: What the provider is pointed at; None for one that has no wire.
        """
        settings: dict[str, Any] = {"api_key": KEY, "max_retries": 0}
        if service is not None:
            settings["base_url"] = service.url
            point = getattr(self.resolved_wire(), "settings", None)
            settings |= point(service) if callable(point) else {}
        return {**settings, **self.settings}

    @classmethod
    def spec(cls) -> ProviderSpec:
        """Return the facts of the provider, whose plugin is imported."""
        return ProviderEngine.registry.get(cls.provider_type)

    @classmethod
    def entry_point(cls) -> importlib.metadata.EntryPoint | None:
        """Return the entry point that brings the provider; None where it is registered in this process alone."""
        points = importlib.metadata.entry_points(group="pepperpy.providers", name=cls.provider_type)
        return next(iter(points), None)

    @classmethod
    def resolved_wire(cls) -> Any:
        """Return how the service's answers look, or None."""
        if cls.wire is UNSET:
            cls.wire, cls.no_wire = find_wire(cls.provider_type, cls.spec().provider, cls.settings)
        return cls.wire

    @classmethod
    def why_no_wire(cls) -> str:
        """Return why what goes over a wire is not looked at."""
        return cls.no_wire
