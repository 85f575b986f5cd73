"""Written for pepperpy-core 1.0, interface 1. Frozen: it is never edited, see README.md in tests/museum.

OpenAI's wire format with differences: the key in another header, other errors, other efforts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from pepperpy.providers import ProviderAPIError, ProviderQuotaError, ProviderSpec, hookimpl
from pepperpy.providers.dialects.openai import OpenAIDialect
from pepperpy.providers.http import HTTPOptions, HTTPProvider, header_value
from pepperpy.providers.options import nearest_effort
from pepperpy.providers.values import text_or_none


@attrs.frozen(kw_only=True)
class DifferentOptions(HTTPOptions):
    """What `extra_config` takes."""

    base_url: str = "https://different.example/v1"
    project: str | None = attrs.field(default=None, validator=header_value)


@attrs.frozen(kw_only=True)
class DifferentDialect(OpenAIDialect):
    """The format with its differences."""

    name: str = "different"

    def effort_for(self, model: str, asked: str) -> str | None:
        """Return one of the two efforts that there are."""
        return nearest_effort(asked, ("low", "high"))

    def make_error(
        self,
        status: int,
        fields: Mapping[str, Any],
        message: str,
        *,
        kind: type[ProviderAPIError] | None = None,
        retryable: bool | None = None,
        **details: Any,
    ) -> ProviderAPIError:
        """Return the error; the service says in a word of its own that the credit is used up."""
        if fields.get("reason") == "broke":
            kind = ProviderQuotaError
        reason = text_or_none(fields.get("reason"))
        return super().make_error(status, fields, message, kind=kind, retryable=retryable, reason=reason, **details)


class DifferentProvider(HTTPProvider):
    """The service."""

    options_type = DifferentOptions
    options: DifferentOptions

    def make_dialect(self) -> DifferentDialect:
        """Return the format."""
        return DifferentDialect()

    def make_headers(self) -> Mapping[str, str]:
        """Return the key in the service's own header, and the project."""
        headers = {"X-Different-Key": self.config.api_key or ""}
        if self.options.project:
            headers["X-Project"] = self.options.project
        return headers


@hookimpl
def pepperpy_providers() -> Iterator[ProviderSpec]:
    """Return the provider."""
    yield ProviderSpec("different", DifferentProvider, default_model="different-1")
