"""Carry requests to the origins of StackSpot, and wait for quick commands to end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import attrs

from pepperpy.providers import ProviderTimeoutError
from pepperpy.providers.dialect import Request
from pepperpy.providers.http import ByteSource, HTTPTransport

from .executions import is_under_way, look_at, parse_execution, parse_execution_id, starts_quick_command

T = TypeVar("T")

FIRST_PAUSE = 1.0
"""How long to wait before the first look at a quick command, in seconds; each further pause is twice as long."""


class StackSpotTransport:
    """Sends each request to its origin.

    A quick command answers with the id of its execution, which is then looked at until it has ended.

    Args:
        agents: Reaches the agents.
        quick_commands: Reaches the quick commands.
        identity: Reaches the service that gives bearers, where one is needed.
        poll_interval: The longest pause between two looks, in seconds.
        timeout: How long an execution may take, in seconds, where its request has no bounds of its own; None is no limit.
    """

    def __init__(
        self,
        agents: HTTPTransport,
        quick_commands: HTTPTransport,
        identity: HTTPTransport | None,
        *,
        poll_interval: float,
        timeout: float | None,
    ) -> None:
        self._agents = agents
        self._quick_commands = quick_commands
        self._all = [transport for transport in (agents, quick_commands, identity) if transport is not None]
        self._poll_interval = poll_interval
        self._timeout = timeout

    def open(self) -> None:
        """Let requests through; no connection is made before the first."""
        for transport in self._all:
            transport.open()

    async def close(self) -> None:
        """End what is under way and close all connections."""
        for transport in self._all:
            await transport.close()

    async def post(self, request: Request, parse: Callable[[Any], T]) -> tuple[T, int]:
        """Return the answer as `parse` reads it, and the number of attempts."""
        if starts_quick_command(request):
            return await self._execute(request, parse)
        return await self._agents.post(request, parse)

    async def stream(self, request: Request, begin: Callable[[ByteSource], Awaitable[T]]) -> tuple[T, int]:
        """Return what `begin` makes of the open answer, and the number of attempts; a quick command's comes whole."""
        if starts_quick_command(request):
            source, attempts = await self._execute(request, WholeAnswer)
            return await begin(source), attempts
        return await self._agents.stream(request, begin)

    async def _execute(self, request: Request, parse: Callable[[Any], T]) -> tuple[T, int]:
        execution_id, attempts = await self._quick_commands.post(request, parse_execution_id)

        timeout = self._timeout if request.timeouts is None else request.timeouts.attempt
        look_again = attrs.evolve(look_at(execution_id), timeouts=request.timeouts)

        def look(payload: Any) -> list[T]:
            return [] if is_under_way(payload) else [parse(payload)]

        pause = min(FIRST_PAUSE, self._poll_interval)
        bound = asyncio.timeout(timeout)
        try:
            async with bound:
                while True:
                    await self._quick_commands.wait(pause)
                    ended, _ = await self._quick_commands.post(look_again, look)
                    if ended:
                        return ended[0], attempts
                    pause = min(2 * pause, self._poll_interval)
        except TimeoutError:
            if not bound.expired():
                raise
        raise ProviderTimeoutError(
            f"the quick command did not end within {timeout:g} s; see timeout",
            details={"execution_id": execution_id, "attempts": attempts},
        )


class WholeAnswer:
    """Stands in for the open answer to a request for a stream, where the answer is an execution that has ended.

    Raises:
        ProviderAPIError: It did not end well.
    """

    content_type = "application/json"
    request_id = None

    def __init__(self, execution: Any) -> None:
        whole = parse_execution(execution)
        ended = {"progress": {"status": whole.native_finish_reason}, "execution_id": whole.id, "result": whole.text}
        self._body = json.dumps(ended).encode()

    async def read(self) -> bytes:
        """Return the body, and then nothing."""
        body, self._body = self._body, b""
        return body

    async def finish(self) -> None:
        """Do nothing: the answer is here."""

    def close(self) -> None:
        """Do nothing: the answer is here."""
