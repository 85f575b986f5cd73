"""The facts of the provider."""

from __future__ import annotations

from collections.abc import Iterator

from pepperpy.providers.hookspecs import ProviderSpec, hookimpl

from .provider import OpenAIOptions, OpenAIProvider


def _is_openai(options: OpenAIOptions) -> bool:
    return options.is_openai


@hookimpl
def pepperpy_providers() -> Iterator[ProviderSpec]:
    """Return the provider `openai`."""
    yield ProviderSpec(
        "openai",
        OpenAIProvider,
        default_model="gpt-6-luna",
        variables={
            "api_key": ["OPENAI_API_KEY"],
            "base_url": ["OPENAI_BASE_URL"],
            "organization": ["OPENAI_ORG_ID", "OPENAI_ORGANIZATION"],
            "project": ["OPENAI_PROJECT_ID"],
        },
        needs_api_key=_is_openai,
    )
