"""The provider `gemini`."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import attrs

from pepperpy.providers.http import HTTPOptions, HTTPProvider

from .dialect import GeminiDialect


@attrs.frozen(kw_only=True)
class GeminiOptions(HTTPOptions):
    """What `extra_config` takes.

    Attributes:
        base_url: The Gemini API, its version included, or a gateway that speaks its wire format.
        embedding_model: The model that embeds where a call names none.
    """

    base_url: str = "https://generativelanguage.googleapis.com/v1beta"
    embedding_model: str = "gemini-embedding-2"

    @property
    def is_google(self) -> bool:
        """Whether `base_url` is a host of Google's own, whichever the version."""
        host = urlsplit(self.base_url).hostname or ""
        return host.endswith(".googleapis.com")


class GeminiProvider(HTTPProvider):
    """Google Gemini, by `generateContent` and `batchEmbedContents`."""

    options_type = GeminiOptions
    options: GeminiOptions

    def make_dialect(self) -> GeminiDialect:
        """Return Gemini's own wire format."""
        return GeminiDialect()

    def make_headers(self) -> Mapping[str, str]:
        """Return the key in Google's header for it."""
        return {"x-goog-api-key": self.config.api_key} if self.config.api_key else {}
