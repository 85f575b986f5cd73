"""The facts of the provider."""

from __future__ import annotations

from collections.abc import Iterator

from pepperpy.providers.hookspecs import ProviderSpec, hookimpl

from .provider import GeminiOptions, GeminiProvider


def _is_google(options: GeminiOptions) -> bool:
    return options.is_google


@hookimpl
def pepperpy_providers() -> Iterator[ProviderSpec]:
    """Return the provider `gemini`."""
    yield ProviderSpec(
        "gemini",
        GeminiProvider,
        default_model="gemini-3.8-flash",
        variables={"api_key": ["GOOGLE_API_KEY", "GEMINI_API_KEY"]},
        needs_api_key=_is_google,
    )
