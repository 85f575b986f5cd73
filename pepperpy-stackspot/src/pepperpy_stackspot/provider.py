"""The provider `stackspot`."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import attrs

from pepperpy.providers import ProviderConfigError, ProviderInputError
from pepperpy.providers.dialect import Request
from pepperpy.providers.http import HTTPOptions, HTTPProvider, check_base_url

from .bearer import Bearer, Client, is_bearer, parse_token_error, read_client
from .dialect import DEFAULT_MODEL, StackSpotDialect
from .executions import starts_quick_command
from .names import is_identifier
from .transport import StackSpotTransport

if TYPE_CHECKING:
    from pepperpy.providers.explain import Explanation
    from pepperpy.providers.messages import Prompt


def _check_identifier(instance: object, attribute: attrs.Attribute[Any], value: str | None) -> None:
    if value is not None and not is_identifier(value):
        raise ProviderConfigError(f"{attribute.name} must hold letters, digits, '-', '_' and '.' only")


def _check_agents(instance: object, attribute: attrs.Attribute[Any], value: Mapping[str, str]) -> None:
    for agent_id in value.values():
        _check_identifier(instance, attribute, agent_id)


def _check_printable(instance: object, attribute: attrs.Attribute[Any], value: str | None) -> None:
    if value is not None and not (value.isascii() and value.isprintable()):
        raise ProviderConfigError(f"{attribute.name} must hold printable ASCII only")


def _check_interval(instance: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if not 0 < value < math.inf:
        raise ProviderConfigError(f"{attribute.name} must be finite and above 0 seconds")


@attrs.frozen(kw_only=True)
class StackSpotOptions(HTTPOptions):
    """What `extra_config` takes.

    Attributes:
        base_url: The origin of the agents.
        auth_url: The origin that gives bearers; the client key goes to it and nowhere else, `headers` don't.
        quick_command_url: The origin of the quick commands.
        realm: The account's realm: the slug of a company's account.
        client_id: The client's id, to which `api_key` is the key.
        agent_id: The agent that answers where a model's name leads to no other.
        agents: Agents by the names that `model` takes for them.
        poll_interval: The longest pause in seconds between two looks at a quick command; the first ones are shorter.
    """

    base_url: str = "https://genai-inference-app.stackspot.com"
    auth_url: str = "https://idm.stackspot.com"
    quick_command_url: str = "https://genai-code-buddy-api.stackspot.com"
    realm: str = attrs.field(default="stackspot-freemium", validator=_check_identifier)
    client_id: str | None = attrs.field(default=None, validator=_check_printable)
    agent_id: str | None = attrs.field(default=None, validator=_check_identifier)
    agents: dict[str, str] = attrs.field(factory=dict, validator=_check_agents)
    poll_interval: float = attrs.field(default=10.0, validator=_check_interval)
    # No setting here: with it, core asks for no model before the dialect can say that there are no embeddings.
    embedding_model: str | None = attrs.field(default="", init=False)


class StackSpotProvider(HTTPProvider):
    """StackSpot AI: agents that chat, and quick commands."""

    options_type = StackSpotOptions
    options: StackSpotOptions

    _bearer: Bearer | None = None

    @functools.cached_property
    def _client(self) -> Client | None:
        return read_client(self.config.api_key or "", self.options.client_id)

    @functools.cached_property
    def _quick_command_url(self) -> str:
        return check_base_url(self.options.quick_command_url, "quick_command_url")

    def make_dialect(self) -> StackSpotDialect:
        """Return the dialect; raise, naming all that is missing, where no agent or no bearer could be had."""
        dialect = StackSpotDialect(agent_id=self.options.agent_id, agents=self.options.agents)
        problems = []
        if self._client is None and not is_bearer(self.config.api_key or ""):
            problems.append(
                "client_id is missing: give client_id=... beside the client key, or set STACKSPOT_CLIENT_ID"
            )
        try:
            dialect.locate(self.config.model or DEFAULT_MODEL)
        except (ProviderConfigError, ProviderInputError) as error:
            # With names for agents and no model, each call is to name its own.
            if self.config.model not in (None, DEFAULT_MODEL) or not self.options.agents:
                problems.append(error.message)
        if problems:
            raise ProviderConfigError("; ".join(problems))
        return dialect

    def make_headers(self) -> Mapping[str, str]:
        """Return none, or the bearer where `api_key` is one; a client key is no header."""
        return {} if self._client else super().make_headers()

    def make_transport(self) -> StackSpotTransport:
        """Return the transports to the agents and to the quick commands, with the one that gets both their bearer."""
        headers = {**self.make_headers(), **self.options.headers}
        authorize = identity = None
        if self._client is not None:
            # Without retries: those of the request that waits for the bearer are enough.
            identity = self.transport_to(
                check_base_url(self.options.auth_url, "auth_url"), {}, parse_error=parse_token_error, max_retries=0
            )
            self._bearer = Bearer(identity, self._client, self.options.realm)
            authorize = self._bearer.authorize
        return StackSpotTransport(
            self.transport_to(self.base_url, headers, authorize=authorize),
            self.transport_to(self._quick_command_url, headers, authorize=authorize),
            identity,
            poll_interval=self.options.poll_interval,
            timeout=self.config.timeouts.attempt,
        )

    def url_of(self, request: Request) -> str:
        """Return where a request goes: to the quick commands, or to the agents."""
        return (self._quick_command_url if starts_quick_command(request) else self.base_url) + request.path

    def explain(self, prompt: Prompt, **options: Any) -> Explanation:
        """Return the request that `complete` would send for these arguments, every secret masked; nothing is sent.

        It shows that a bearer goes with it, which is had only when something is sent. Of a quick command it is the
        request that starts it.
        """
        explanation = super().explain(prompt, **options)
        if self._client is None:
            return explanation
        headers = {name: value for name, value in explanation.headers.items() if name.lower() != "authorization"}
        return attrs.evolve(explanation, headers={**headers, "Authorization": "Bearer ***"})

    def secrets(self) -> Iterable[str]:
        """Return the key and the headers, the client key in each of its forms, and the bearers had for it."""
        yield from super().secrets()
        if self._client is not None:
            yield from (self._client.secret, quote_plus(self._client.secret))
        if self._bearer is not None:
            yield from self._bearer.issued
