"""The provider `openai`."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import attrs

from pepperpy.providers.dialects.openai import OpenAIDialect
from pepperpy.providers.domain import ProviderConfigError
from pepperpy.providers.http import HTTPOptions, HTTPProvider, header_value

APIS = ("auto", "responses", "chat")


def _one_of_apis(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if value not in APIS:
        raise ProviderConfigError(f"api must be one of {', '.join(APIS)}")


@attrs.frozen(kw_only=True)
class OpenAIOptions(HTTPOptions):
    """What `extra_config` takes.

    Attributes:
        base_url: OpenAI's own service, or any server that speaks its wire format.
        embedding_model: The model that embeds where a call names none.
        organization: The organization that is billed; the header `OpenAI-Organization`.
        project: The project that is billed; the header `OpenAI-Project`.
        api: Which of OpenAI's APIs completes: "responses", "chat", or "auto", which is Responses on OpenAI's own
            hosts and Chat Completions elsewhere.
    """

    base_url: str = "https://api.openai.com/v1"
    embedding_model: str = "text-embedding-3-small"
    organization: str | None = attrs.field(default=None, validator=header_value)
    project: str | None = attrs.field(default=None, validator=header_value)
    api: str = attrs.field(default="auto", validator=_one_of_apis)

    @property
    def is_openai(self) -> bool:
        """Whether `base_url` is a host of OpenAI's own, a regional one such as eu.api.openai.com included."""
        host = urlsplit(self.base_url).hostname or ""
        return host == "api.openai.com" or host.endswith(".api.openai.com")

    @property
    def uses_responses(self) -> bool:
        """Whether the Responses API completes."""
        return self.api == "responses" or (self.api == "auto" and self.is_openai)


class OpenAIProvider(HTTPProvider):
    """OpenAI, and every server that speaks its wire format."""

    options_type = OpenAIOptions
    options: OpenAIOptions

    def make_dialect(self) -> OpenAIDialect:
        """Return the API that was chosen; what OpenAI's own models accept is known, what others do is not."""
        if self.options.uses_responses:
            from .responses import ResponsesDialect

            return ResponsesDialect(is_openai=self.options.is_openai)
        if self.options.is_openai:
            from .chat import OpenAIChatDialect

            return OpenAIChatDialect()
        return OpenAIDialect()

    def make_headers(self) -> Mapping[str, str]:
        """Return the key, the organization and the project."""
        headers = {**super().make_headers()}
        if self.options.organization:
            headers["OpenAI-Organization"] = self.options.organization
        if self.options.project:
            headers["OpenAI-Project"] = self.options.project
        return headers
