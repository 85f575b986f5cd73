"""Written for pepperpy-core 1.0, interface 1. Frozen: it is never edited, see README.md in tests/museum.

A plugin that says which interface it was written to, and takes nothing but a prompt.
"""

from collections.abc import Iterator

from pepperpy.providers import Provider, ProviderSpec, hookimpl


class PlainProvider(Provider):
    """The least that a provider is."""

    async def complete(self, prompt: str) -> str:
        """Say it backwards."""
        self._check_initialized()
        return prompt[::-1]


@hookimpl
def pepperpy_providers() -> Iterator[ProviderSpec]:
    """Return the provider."""
    yield ProviderSpec("plain", PlainProvider, api_version=1)
