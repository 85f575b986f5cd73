"""What the tests of `stackspot` share: the wire that the distribution brings, and bearers to give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pepperpy.providers import ReadyProvider, create_provider
from pepperpy.providers.testing import FakeService, Received, Reply
from pepperpy_stackspot.testing import AGENT, StackSpotWire, token

__all__ = ["AGENT", "KEY", "StackSpotWire", "make_provider", "numbered_tokens", "token"]

KEY = "client+key/0123456789=="


def numbered_tokens(seconds: Any = 1199) -> Callable[[Received], Reply]:
    """Return a reply that gives bearer-1, bearer-2, ..."""
    given = 0

    def reply(request: Received) -> Reply:
        nonlocal given
        given += 1
        return token(f"bearer-{given}", seconds=seconds)

    return reply


async def make_provider(service: FakeService, identity: FakeService, **more: Any) -> ReadyProvider:
    """Return the provider of an agent at `service`, which gets its bearers from `identity`."""
    settings: dict[str, Any] = {
        "api_key": KEY,
        "client_id": "client-1",
        "agent_id": AGENT,
        "base_url": service.url,
        "quick_command_url": service.url,
        "auth_url": identity.url,
        "max_retries": 0,
    }
    return await create_provider("stackspot", **{**settings, **more})
