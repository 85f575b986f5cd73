"""The bounds in time of a request, as aiohttp and the transport want them."""

from __future__ import annotations

import aiohttp

from .._config import Timeouts

ERROR_BODY_SECONDS = 10.0


class Bounds:
    """`Timeouts`, spread over what waits: worked out once for a provider, or for a call that has its own.

    Attributes:
        attempt: Seconds for a plain attempt as a whole.
        idle: Seconds for a silence of a stream.
        first_silence: Seconds for what is no byte of a stream's body yet; it begins with the connection. Of a small
            request aiohttp bounds the connecting, and `SwiftResponse` the rest by `idle`.
        error_body: Seconds for the body of an error.
        plain: The same for aiohttp, of a plain request.
        stream: The same for aiohttp, of a stream.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        connect, self.attempt, self.idle = timeouts.connect, timeouts.attempt, timeouts.idle
        self.first_silence = None if connect is None or self.idle is None else connect + self.idle
        self.error_body = min(ERROR_BODY_SECONDS, self.idle or ERROR_BODY_SECONDS)
        self.plain = aiohttp.ClientTimeout(total=self.attempt, connect=connect)
        self.stream = aiohttp.ClientTimeout(total=None, connect=connect, sock_read=self.idle)
