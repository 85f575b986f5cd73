"""The provider `openai`."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import attrs

from pepperpy.providers.dialects.openai import OpenAIDialect
from pepperpy.providers.http import HTTPOptions, HTTPProvider, header_value


@attrs.frozen(kw_only=True)
class OpenAIOptions(HTTPOptions):
    """What `extra_config` takes.

    Attributes:
        base_url: OpenAI's own service, or any server that speaks its wire format.
        embedding_model: The model that embeds where a call names none.
        organization: The organization that is billed; the header `OpenAI-Organization`.
        project: The project that is billed; the header `OpenAI-Project`.
    """

    base_url: str = "https://api.openai.com/v1"
    embedding_model: str = "text-embedding-3-small"
    organization: str | None = attrs.field(default=None, validator=header_value)
    project: str | None = attrs.field(default=None, validator=header_value)

    @property
    def is_openai(self) -> bool:
        """Whether `base_url` is a host of OpenAI's own, a regional one such as eu.api.openai.com included."""
        host = urlsplit(self.base_url).hostname or ""
        return host == "api.openai.com" or host.endswith(".api.openai.com")


class OpenAIProvider(HTTPProvider):
    """OpenAI, and every server that speaks its wire format."""

    options_type = OpenAIOptions
    options: OpenAIOptions

    def make_dialect(self) -> OpenAIDialect:
        """Return Chat Completions, with the one field that OpenAI's own models name differently."""
        return OpenAIDialect(max_tokens_field="max_completion_tokens" if self.options.is_openai else "max_tokens")

    def make_headers(self) -> Mapping[str, str]:
        """Return the key, the organization and the project."""
        headers = {**super().make_headers()}
        if self.options.organization:
            headers["OpenAI-Organization"] = self.options.organization
        if self.options.project:
            headers["OpenAI-Project"] = self.options.project
        return headers
