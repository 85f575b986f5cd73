"""The facts of the provider."""

from __future__ import annotations

from collections.abc import Iterator

from pepperpy.providers.hookspecs import ProviderSpec, hookimpl

from .dialect import AUTO_MODEL
from .provider import OpenRouterOptions, OpenRouterProvider


def _is_openrouter(options: OpenRouterOptions) -> bool:
    return options.is_openrouter


@hookimpl
def pepperpy_providers() -> Iterator[ProviderSpec]:
    """Return the provider `openrouter`."""
    yield ProviderSpec(
        "openrouter",
        OpenRouterProvider,
        default_model=AUTO_MODEL,
        variables={"api_key": ["OPENROUTER_API_KEY"]},
        needs_api_key=_is_openrouter,
    )
