"""How StackSpot's answers look, those of the service that gives bearers included, for pepperpy's conformance kit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

from pepperpy.providers.testing import FakeService, Received, Reply

AGENT = "01K0AGENT00000000000000000"
TOKEN_PATH = "/oidc/oauth/token"  # noqa: S105 -- a path


class StackSpotWire:
    """The wire format of the agents, and of the service that gives bearers."""

    renewed_on = frozenset({401})
    """For one of these the bearer is renewed, and the request sent once more."""

    def settings(self, service: FakeService) -> dict[str, Any]:
        """Return what points all hosts at the service."""
        hosts = dict.fromkeys(("base_url", "quick_command_url", "auth_url"), service.url)
        return {**hosts, "client_id": "client-1", "agent_id": AGENT}

    def beside(self, request: Received) -> Reply | None:
        """Answer a request for a bearer."""
        return token("bearer-1") if request.path.endswith(TOKEN_PATH) else None

    def completion(self, text: str) -> Reply:
        """Return an answer."""
        return Reply.of_json({"message": text, **self._end()})

    def stream(self, pieces: Sequence[str], **rest: Any) -> Reply:
        """Return the fragments, and an end that has none."""
        return Reply.of_events([*({"message": piece} for piece in pieces), {"message": "", **self._end()}], **rest)

    def unfinished(self, pieces: Sequence[str], **rest: Any) -> Reply:
        """Return the fragments without an end."""
        empty: dict[str, Any] = {
            "stop_reason": None,
            "tokens": None,
            "upload_ids": {},
            "source": [],
            "message_id": None,
        }
        return Reply.of_events([{"message": piece, **empty} for piece in pieces], **rest)

    def embeddings(self, request: Received) -> Reply:
        """Refuse: there are none."""
        return Reply(status=404)

    def error(self, status: int, message: str, **rest: Any) -> Reply:
        """Return an error of the agents' service."""
        error = {"type": "FakeError", "code": "INFERENCE_0000_FAKE", "details": message}
        return Reply.of_json(error, status=status, **rest)

    def key_of(self, request: Received) -> str | None:
        """Return the bearer, or the client key of a request for one."""
        if request.path.endswith(TOKEN_PATH):
            return parse_qs(request.body.decode())["client_secret"][0]
        return request.headers.get("authorization", "").removeprefix("Bearer ") or None

    def _end(self) -> dict[str, Any]:
        tokens = {"user": None, "enrichment": None, "input": 3, "output": 5}
        return {"stop_reason": "stop", "tokens": tokens, "message_id": "01K1", "conversation_id": "01K2"}


def token(bearer: str, *, seconds: Any = 1199, **rest: Any) -> Reply:
    """Return a bearer, as the service gives one."""
    return Reply.of_json({"access_token": bearer, "expires_in": seconds, "token_type": "Bearer"}, **rest)
