"""The facts of the provider."""

from __future__ import annotations

from collections.abc import Iterator

from pepperpy.providers.hookspecs import ProviderSpec, hookimpl

from .provider import LocalProvider


@hookimpl
def pepperpy_providers() -> Iterator[ProviderSpec]:
    """Return the provider `local`."""
    yield ProviderSpec("local", LocalProvider)
