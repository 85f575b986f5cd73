"""The bearer that authorizes requests: had for the client's id and key, and renewed before it runs out."""

from __future__ import annotations

import asyncio
import copy
import re
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import attrs

from pepperpy.providers import (
    ProviderAPIError,
    ProviderAuthenticationError,
    ProviderError,
    ProviderResponseError,
)
from pepperpy.providers.dialect import Request, api_error, find_message
from pepperpy.providers.http import HTTPTransport
from pepperpy.providers.values import text_or_none

LIFETIME = 1200.0
"""How long a bearer lives in seconds, where the service doesn't say."""

LONGEST_LIFETIME = 86_400.0

EARLY = 60.0
"""How long before its end a bearer is renewed, in seconds, so that none ends on the way."""

_JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)


@attrs.frozen
class Client:
    """What a bearer is given for."""

    client_id: str
    secret: str = attrs.field(repr=False)


def read_client(api_key: str, client_id: str | None) -> Client | None:
    """Return the client whose key `api_key` is, or that it names as CLIENT_ID:CLIENT_KEY; None where it does neither."""
    if client_id is not None:
        return Client(client_id, api_key)
    client_id, _, secret = api_key.partition(":")
    return Client(client_id, secret) if client_id and secret else None


def is_bearer(api_key: str) -> bool:
    """Tell whether the key is a JSON Web Token, and so a bearer already."""
    return _JWT.fullmatch(api_key) is not None


def token_request(client: Client, realm: str) -> Request:
    """Return the request for a bearer."""
    form = {"grant_type": "client_credentials", "client_id": client.client_id, "client_secret": client.secret}
    return Request(f"/{realm}/oidc/oauth/token", {}, form=form)


def parse_token(payload: Any) -> tuple[str, float]:
    """Return the bearer and how long it lives, in seconds.

    Raises:
        ProviderResponseError: There is none that could be sent in a header.
    """
    token = payload.get("access_token") if isinstance(payload, dict) else None
    if not (isinstance(token, str) and token and all("!" <= character <= "~" for character in token)):
        raise ProviderResponseError(
            "the service answered 200, but without an access token; check auth_url", details={"status": 200}
        )
    seconds = payload.get("expires_in")
    stated = type(seconds) in (int, float) and seconds >= 0
    return token, min(seconds, LONGEST_LIFETIME) if stated else LIFETIME


def parse_token_error(status: int, payload: Any) -> ProviderAPIError:
    """Read an error as OAuth words it: whatever the service refuses here is the id, the key or the realm."""
    fields = payload if isinstance(payload, dict) else {}
    return api_error(
        status,
        text_or_none(fields.get("error_description")) or find_message(payload),
        kind=ProviderAuthenticationError if status in (400, 401, 403, 404) else None,
        code=text_or_none(fields.get("error")),
    )


@attrs.frozen
class Token:
    """A bearer, as the header that it goes into, and when it has to be renewed on the monotonic clock."""

    authorization: str = attrs.field(repr=False)
    renewal: float


class Bearer:
    """Keeps the bearer of one client.

    Args:
        transport: Reaches the service that gives bearers; without retries of its own.
        client: The client.
        realm: The client's realm.

    Attributes:
        issued: The bearers had of late, the current one last: an error may still speak of one that was replaced.
    """

    def __init__(self, transport: HTTPTransport, client: Client, realm: str) -> None:
        self.issued: deque[str] = deque(maxlen=16)
        self._transport = transport
        self._request = token_request(client, realm)
        self._outcome: Token | ProviderError = ProviderError("there is no bearer yet")
        self._renewals = 0
        self._turns: dict[asyncio.AbstractEventLoop, asyncio.Lock] = {}

    async def authorize(self, refused: Mapping[str, str] | None) -> Mapping[str, str]:
        """Return the header of a request; where the service refused the current bearer, with a new one.

        Raises:
            ProviderError: There is no bearer to be had.
        """
        token = self._outcome if isinstance(self._outcome, Token) else None
        if (
            token is None
            or token.renewal <= time.monotonic()
            or (refused is not None and refused.get("Authorization") == token.authorization)
        ):
            token = await self._renew()
        return {"Authorization": token.authorization}

    async def _renew(self) -> Token:
        """Renew the bearer, once for all who wait for that; they share its failure, too."""
        before = self._renewals
        async with self._turn():
            # Whoever is first does it. Cancelled, it leaves that to the next.
            if self._renewals == before:
                try:
                    self._outcome = await self._ask()
                except ProviderError as error:
                    self._outcome = copy.copy(error)
                self._renewals += 1
            if isinstance(self._outcome, Token):
                return self._outcome
            # A copy for each, which core goes on to sign. The original stays in no frame, where a traceback would show
            # it as it came, with whatever the service sent back.
            raise copy.copy(self._outcome)

    def _turn(self) -> asyncio.Lock:
        for ended in [loop for loop in tuple(self._turns) if loop.is_closed()]:
            del self._turns[ended]
        return self._turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())

    async def _ask(self) -> Token:
        asked = time.monotonic()
        try:
            (bearer, seconds), _ = await self._transport.post(self._request, parse_token)
        except ProviderAPIError as error:
            error.args = (f"no bearer for this client_id, api_key and realm: {error.message}",)
            raise
        self.issued.append(bearer)
        return Token(f"Bearer {bearer}", asked + seconds - EARLY)
