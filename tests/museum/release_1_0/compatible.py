"""Written for pepperpy-core 1.0, interface 1. Frozen: it is never edited, see README.md in tests/museum.

A service that speaks OpenAI's wire format, in some 25 lines, with options and variables of its own.
"""

from collections.abc import Iterator

import attrs

from pepperpy.providers import ProviderSpec, hookimpl
from pepperpy.providers import options as check
from pepperpy.providers.dialects.openai import OpenAIDialect
from pepperpy.providers.http import HTTPOptions, HTTPProvider


@attrs.frozen(kw_only=True)
class CompatibleOptions(HTTPOptions):
    """What `extra_config` takes."""

    base_url: str = "https://api.compatible.example/v1"
    embedding_model: str = "compatible-embed-1"
    region: str = "eu"


class CompatibleProvider(HTTPProvider):
    """A compatible service."""

    options_type = CompatibleOptions
    options: CompatibleOptions

    def make_dialect(self) -> OpenAIDialect:
        """Return OpenAI's format with one more option."""
        return OpenAIDialect(extra_options={"top_k": check.integer})


@hookimpl
def pepperpy_providers() -> Iterator[ProviderSpec]:
    """Return the provider."""
    yield ProviderSpec(
        "compatible",
        CompatibleProvider,
        default_model="compatible-1",
        variables={"api_key": ["COMPATIBLE_API_KEY"], "region": ["COMPATIBLE_REGION"]},
        needs_api_key=lambda options: bool(options.base_url),
    )
