"""Written for pepperpy-core 1.0, interface 1. Frozen: it is never edited, see README.md in tests/museum.

A key that runs out: the setting `api_key` is changed for bearers, which come from a path of their own and are renewed
when the service refuses one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import attrs

from pepperpy.providers import ProviderAPIError, ProviderAuthenticationError, ProviderSpec, hookimpl
from pepperpy.providers.dialect import Request, api_error, find_message, response_error
from pepperpy.providers.dialects.openai import OpenAIDialect
from pepperpy.providers.http import ByteSource, HTTPOptions, HTTPProvider, HTTPTransport, Transport, check_base_url

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class BearerOptions(HTTPOptions):
    """What `extra_config` takes."""

    base_url: str = "https://bearer.example/v1"
    auth_url: str = "https://auth.bearer.example"


def parse_bearer(payload: Any) -> str:
    """Read the answer of the service that gives bearers."""
    bearer = payload.get("bearer") if isinstance(payload, dict) else None
    if not isinstance(bearer, str) or not bearer.isalnum():
        raise response_error("without a bearer")
    return bearer


def parse_auth_error(status: int, payload: Any) -> ProviderAPIError:
    """Read an error of the service that gives bearers."""
    return api_error(status, find_message(payload), kind=ProviderAuthenticationError)


class BearerTransport:
    """Carries requests, and opens and closes what gets the bearers with itself."""

    def __init__(self, service: HTTPTransport, identity: HTTPTransport) -> None:
        self.service = service
        self.identity = identity

    def open(self) -> None:
        """Let requests through."""
        self.service.open()
        self.identity.open()

    async def close(self) -> None:
        """Close all connections."""
        await self.service.close()
        await self.identity.close()

    async def post(self, request: Request, parse: Callable[[Any], T]) -> tuple[T, int]:
        """Carry a plain request."""
        return await self.service.post(request, parse)

    async def stream(self, request: Request, begin: Callable[[ByteSource], Awaitable[T]]) -> tuple[T, int]:
        """Carry a request for a stream."""
        return await self.service.stream(request, begin)


class BearerProvider(HTTPProvider):
    """The service."""

    options_type = BearerOptions
    options: BearerOptions

    def make_dialect(self) -> OpenAIDialect:
        """Return OpenAI's format."""
        self._bearers: list[str] = []
        return OpenAIDialect()

    def make_headers(self) -> Mapping[str, str]:
        """Return none: the key goes to where the bearers come from and nowhere else."""
        return {}

    def make_transport(self) -> Transport:
        """Return what carries requests and gets the bearers for them."""
        self._identity = self.transport_to(
            check_base_url(self.options.auth_url, "auth_url"), {}, parse_error=parse_auth_error, max_retries=0
        )
        service = self.transport_to(self.base_url, self.all_headers(), authorize=self._authorize)
        return BearerTransport(service, self._identity)

    async def _authorize(self, refused: Mapping[str, str] | None) -> Mapping[str, str]:
        if not self._bearers or refused is not None:
            form = {"secret": self.config.api_key or ""}
            bearer, _ = await self._identity.post(Request("/bearer", {}, form=form), parse_bearer)
            self._bearers.append(bearer)
        return {"Authorization": f"Bearer {self._bearers[-1]}"}

    def secrets(self) -> Iterable[str]:
        """Return the key and the bearers that were had for it."""
        return [*super().secrets(), *self._bearers]


@hookimpl
def pepperpy_providers() -> Iterator[ProviderSpec]:
    """Return the provider."""
    yield ProviderSpec("bearer", BearerProvider, default_model="bearer-1", needs_api_key=lambda options: True)
