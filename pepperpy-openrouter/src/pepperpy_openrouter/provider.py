"""The provider `openrouter`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs

from pepperpy.providers import ProviderConfigError
from pepperpy.providers.http import HTTPOptions, HTTPProvider, header_value

from .dialect import OpenRouterDialect

ROUTING = (
    "provider",
    "models",
    "plugins",
    "reasoning",
    "service_tier",
    "session_id",
    "user",
    "metadata",
    "trace",
    "cache_control",
)
"""The settings that go into the body of every call, unless the call names its own."""


def _check_models(instance: object, attribute: attrs.Attribute[Any], value: list[str] | None) -> None:
    # A text that was given for the list arrives as its letters.
    if value is not None and not (value and all(len(name.strip()) > 1 for name in value)):
        raise ProviderConfigError('models must be a list of models, as in ["openai/gpt-6-luna"], none blank')


@attrs.frozen(kw_only=True)
class OpenRouterOptions(HTTPOptions):
    """What `extra_config` takes. What has no header goes into the body of every call, unless the call names its own.

    Attributes:
        base_url: OpenRouter, or a server that speaks as it does; that one may need no key.
        embedding_model: The model that embeds where a call names none.
        referer: The application's URL, for OpenRouter's rankings; the header `HTTP-Referer`.
        title: The application's name, for the same; the header `X-OpenRouter-Title`.
        provider: Which upstream providers may answer, in which order, at what price; of embeddings too.
        models: Models to fall back on, in this order, where `model` fails.
        plugins: What is done beside the completion, each `{"id": ..., ...}`.
        reasoning: How much the model reasons, and whether it shows that.
        service_tier: The tier to be served in.
        session_id: Groups calls that belong together.
        user: The end user, by an id that tells nothing about them; of embeddings too.
        metadata: Labels for OpenRouter's logs.
        trace: Names for the traces that OpenRouter hands on to observability services.
        cache_control: How the prompt is cached upstream.
    """

    base_url: str = "https://openrouter.ai/api/v1"
    embedding_model: str = "openai/text-embedding-3-small"
    referer: str | None = attrs.field(default=None, validator=header_value)
    title: str | None = attrs.field(default=None, validator=header_value)
    provider: dict[str, Any] | None = None
    models: list[str] | None = attrs.field(default=None, validator=_check_models)
    plugins: list[dict[str, Any]] | None = None
    reasoning: dict[str, Any] | None = None
    service_tier: str | None = None
    session_id: str | None = None
    user: str | None = None
    metadata: dict[str, str] | None = None
    trace: dict[str, Any] | None = None
    cache_control: dict[str, Any] | None = None

    @property
    def is_openrouter(self) -> bool:
        """Whether `base_url` is a host of OpenRouter's own."""
        host = urlsplit(self.base_url).hostname or ""
        return host == "openrouter.ai" or host.endswith(".openrouter.ai")

    @property
    def routing(self) -> dict[str, Any]:
        """What goes into the body of every call, as far as it was given."""
        return {name: value for name in ROUTING if (value := getattr(self, name)) is not None}


class OpenRouterProvider(HTTPProvider):
    """OpenRouter, and through it the models of many vendors."""

    options_type = OpenRouterOptions
    options: OpenRouterOptions

    def make_dialect(self) -> OpenRouterDialect:
        """Return Chat Completions with OpenRouter's additions."""
        return OpenRouterDialect(defaults=self.options.routing)

    def make_headers(self) -> Mapping[str, str]:
        """Return the key, the referer and the title."""
        headers = {**super().make_headers()}
        if self.options.referer:
            headers["HTTP-Referer"] = self.options.referer
        if self.options.title:
            headers["X-OpenRouter-Title"] = self.options.title
        return headers
