"""The facts of the provider."""

from __future__ import annotations

from collections.abc import Iterator

from pepperpy.providers.hookspecs import ProviderSpec, hookimpl

from .dialect import DEFAULT_MODEL
from .provider import StackSpotOptions, StackSpotProvider


def _always(options: StackSpotOptions) -> bool:
    return True


@hookimpl
def pepperpy_providers() -> Iterator[ProviderSpec]:
    """Return the provider `stackspot`."""
    yield ProviderSpec(
        "stackspot",
        StackSpotProvider,
        default_model=DEFAULT_MODEL,
        variables={
            "api_key": ["STACKSPOT_CLIENT_SECRET", "STACKSPOT_CLIENT_KEY"],
            "client_id": ["STACKSPOT_CLIENT_ID"],
            "realm": ["STACKSPOT_REALM"],
            "agent_id": ["STACKSPOT_AGENT_ID"],
        },
        needs_api_key=_always,
    )
