"""What a plugin implements: one hook that tells which providers it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs
import pluggy

from ._provider import Provider

API_VERSION = 1
"""The version of the interface between core and its plugins; it grows when a plugin has to change."""

OLDEST_API_VERSION = 1
"""The oldest version that core still serves."""

PROJECT = "pepperpy"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


def _never(options: Any) -> bool:
    return False


def _check_variables(instance: object, attribute: attrs.Attribute[Any], value: Mapping[str, Iterable[str]]) -> None:
    if any(isinstance(names, str) for names in value.values()):
        raise TypeError('variables must be lists of names: {"api_key": ["ACME_API_KEY"]}')


@attrs.frozen
class ProviderSpec:
    """The facts of one provider.

    Attributes:
        name: The provider's name: that of its entry point.
        provider: Its class.
        default_model: The model that completes where the caller names none.
        variables: The vendor's own environment variables by setting, such as `{"api_key": ["OPENAI_API_KEY"]}`.
            They are looked up after `PEPPERPY_PROVIDER_<NAME>_<SETTING>`.
        needs_api_key: Tells from the options whether there has to be a key.
        api_version: The version of this interface that the plugin was written to.
    """

    name: str
    provider: type[Provider]
    default_model: str | None = attrs.field(default=None, kw_only=True)
    variables: Mapping[str, Iterable[str]] = attrs.field(factory=dict, kw_only=True, validator=_check_variables)
    needs_api_key: Callable[[Any], bool] = attrs.field(default=_never, kw_only=True)
    api_version: int = attrs.field(default=API_VERSION, kw_only=True)


@hookspec(historic=True)
def pepperpy_providers() -> Iterable[ProviderSpec]:  # type: ignore[empty-body]
    """Return the plugin's providers.

    Called when one of them is asked for, never when they are listed. Only states facts: it opens nothing, reads no
    environment and logs nothing.
    """
