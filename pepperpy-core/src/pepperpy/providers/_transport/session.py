"""One aiohttp session for each running loop, closed with it."""

from __future__ import annotations

import asyncio
import os
import urllib.request
import weakref
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp

from .body import ENCODINGS
from .request import KNOWN_AIOHTTP, CarefulRequest, CarefulResponse, NoCookies, SwiftRequest, drop, unsent

# What holds for most requests stands here, once; a request says only what it has otherwise. Nothing that aiohttp would
# add by itself is missing.
_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": ENCODINGS,
    "Content-Type": "application/json",
    "User-Agent": "pepperpy/1",
}


class Closable(Protocol):
    """What is under way in a session, and ends with it."""

    def close(self) -> object:
        """End it; whoever awaits it gets an error."""


class Session:
    """An aiohttp session of one loop, with what is under way in it.

    Attributes:
        http: The aiohttp session.
        is_swift: Whether its requests are `SwiftRequest`s.
        loop: The loop that it belongs to.
        under_way: Open answers and waits. They are ended with the session: aiohttp lets the reader of an answer whose
            connector was closed wait for ever.
    """

    def __init__(self, http: aiohttp.ClientSession, *, is_swift: bool) -> None:
        self.http = http
        self.is_swift = is_swift
        self.under_way: set[Closable] = set()
        self.loop = asyncio.get_running_loop()
        self._disowned = False
        self._janitor = self._close_with_the_loop()
        _live.add(self)

    def is_here(self) -> bool:
        """Tell whether the caller runs in the session's loop."""
        try:
            return asyncio.get_running_loop() is self.loop
        except RuntimeError:
            return False

    def is_gone(self) -> bool:
        """Tell whether its loop is closed or another process's, so that nothing in it can be closed in order."""
        return self._disowned or self.loop.is_closed()

    def disown(self) -> None:
        """Let go of the connections of a session that is gone, without a word to its loop.

        A closed loop closes nothing any more. That of a parent process has its selector in common with the child's
        copy: to close a connection in order there would make the parent deaf to it.
        """
        self._disowned = True
        transports = self._transports()
        connector: Any = self.http.connector
        if connector is None:
            return
        self.http.detach()
        connector._closed = True
        for transport in transports:
            drop(transport)
        for closable in self.under_way:
            if (connection := getattr(closable, "connection", None)) is not None:
                connection.release()

    async def open(self) -> None:
        """Tie the session to the end of the running loop."""
        await anext(self._janitor)

    async def close(self) -> None:
        """End what is under way and close the connections."""
        await self._janitor.aclose()

    async def _close_with_the_loop(self) -> AsyncGenerator[None]:
        # When a loop ends, it closes its unfinished async generators: the only hook there is for whoever forgot
        # cleanup(), and with it no connection outlives its loop.
        try:
            yield
        finally:
            for closable in tuple(self.under_way):
                closable.close()
            for transport in self._transports():
                # It would be waited for until all of it is taken.
                if unsent(transport):
                    transport.abort()
            await self.http.close()

    def _transports(self) -> list[Any]:
        """Return the open transports of all connections, in use and pooled."""
        connector: Any = self.http.connector
        if connector is None:
            return []
        pooled = (protocol for pool in connector._conns.values() for protocol, _ in pool)
        return [
            transport
            for protocol in (*connector._acquired, *pooled)
            if (transport := getattr(protocol, "transport", None)) is not None
        ]


_live: weakref.WeakSet[Session] = weakref.WeakSet()


def _disown_all() -> None:
    for session in tuple(_live):
        session.disown()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disown_all)


class Sessions:
    """The sessions of one provider: made on first use, one for each running loop.

    Args:
        base_url: The origin of all requests, for which a proxy is looked up.
        headers: Sent with every request; the key is among them.
        trust_env: Whether the environment's proxies are used; its .netrc never is.
    """

    def __init__(self, base_url: str, headers: Mapping[str, str], *, trust_env: bool) -> None:
        self._base_url = base_url
        self._headers = headers
        self._trust_env = trust_env
        self._sessions: dict[asyncio.AbstractEventLoop, Session] = {}

    def current(self) -> Session | None:
        """Return the session of the running loop, if it has one."""
        session = self._sessions.get(asyncio.get_running_loop())
        return None if session is None or session.http.closed else session

    async def get(self) -> Session:
        """Return the session of the running loop, a new one where it has none."""
        if (current := self.current()) is not None:
            return current
        loop = asyncio.get_running_loop()
        for ended in [known for known, session in self._sessions.items() if session.is_gone()]:
            self._sessions.pop(ended).disown()
        # Entered before the first await, so that calls that begin together share it.
        session = self._sessions[loop] = self._make()
        await session.open()
        return session

    def _make(self) -> Session:
        # Looked up once, since aiohttp's own trust_env triples the cost of each request, and reads .netrc too.
        proxy = _environment_proxy(self._base_url) if self._trust_env else None
        is_swift = KNOWN_AIOHTTP and proxy is None
        http = aiohttp.ClientSession(
            headers={**_HEADERS, **self._headers},
            # No limit: a call that waited for a pooled connection would take that for the service's silence.
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=NoCookies(),
            auto_decompress=False,
            request_class=SwiftRequest if is_swift else CarefulRequest,
            response_class=CarefulResponse,
            proxy=proxy,
        )
        # Retries are counted, and aiohttp's own of a GET would not be.
        http._retry_connection = False
        return Session(http, is_swift=is_swift)

    async def close(self) -> None:
        """Close the session of the running loop, and have other live loops close theirs."""
        running = asyncio.get_running_loop()
        sessions, self._sessions = self._sessions, {}
        for loop, session in sessions.items():
            if session.is_gone():
                session.disown()
            elif loop is running:
                await session.close()
            else:
                asyncio.run_coroutine_threadsafe(session.close(), loop)


def _environment_proxy(url: str) -> str | None:
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    return urllib.request.getproxies().get(parts.scheme)
