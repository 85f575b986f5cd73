"""Services in a thread of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from .service import FakeService, Received, Reply


class StageService(FakeService):
    """A service that runs in a thread of its own, so that a provider that blocks its loop is answered too.

    Args:
        beside: Answers requests that are not the call itself, which are counted apart; None for all others.
    """

    def __init__(self, *replies: Any, beside: Callable[[Received], Reply | None] | None = None) -> None:
        super().__init__(*replies)
        self.asides: list[Received] = []
        self._beside = beside

    def _reply_to(self, request: Received) -> Reply:
        if self._beside is not None and (reply := self._beside(request)) is not None:
            self.asides.append(request)
            return reply
        return super()._reply_to(request)

    @property
    def connections_of_calls(self) -> set[int]:
        """The numbers of the connections over which calls came."""
        return {request.connection for request in tuple(self.requests)}

    @property
    def open_calls(self) -> int:
        """How many connections are open, those that carried nothing but other requests left out."""
        beside = {request.connection for request in tuple(self.asides)} - self.connections_of_calls
        return sum(connection._number not in beside for connection in tuple(self._live))

    def abort(self) -> None:
        """Close all connections without another byte."""
        for connection in tuple(self._live):
            connection.abort()


class Services:
    """The thread in which services run.

    Args:
        seconds: How long; then their connections are closed, which ends a provider that blocks its own loop for ever.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pepperpy-services", daemon=True)
        self._services: list[StageService] = []

    def __enter__(self) -> Services:
        self._thread.start()
        self._loop.call_soon_threadsafe(self._loop.call_later, self._seconds, self._abort)
        return self

    def __exit__(self, *error: object) -> None:
        for service in self._services:
            asyncio.run_coroutine_threadsafe(service.__aexit__(None, None, None), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def add(self, service: StageService) -> StageService:
        """Start a service."""
        asyncio.run_coroutine_threadsafe(service.__aenter__(), self._loop).result(10)
        self._services.append(service)
        return service

    def _abort(self) -> None:
        for service in self._services:
            service.abort()
