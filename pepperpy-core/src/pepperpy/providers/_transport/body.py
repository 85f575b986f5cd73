"""Read a body with a bound, unpacking it on the way."""

from __future__ import annotations

import zlib

ENCODINGS = "gzip, deflate"
"""What we say that we can unpack; it is what the standard library can."""

MAX_RESPONSE_BYTES = 64 * 1024 * 1024

_STEP = 256 * 1024


class BodyError(Exception):
    """A body cannot be read; the text says why."""


class BodyTooLarge(BodyError):
    """A body is longer than the bound."""


class Inflater:
    """Unpacks gzip or deflate piece by piece.

    aiohttp's own unpacking takes an unknown encoding for text and does not see that a gzip stream was cut.
    """

    def __init__(self, encoding: str) -> None:
        if encoding not in ("gzip", "x-gzip", "deflate"):
            raise BodyError("packed as was not asked for")
        # Some servers send deflate without zlib's header: told by its first byte.
        self._gzip = encoding != "deflate"
        self._stream = zlib.decompressobj(31) if self._gzip else None

    def feed(self, packed: bytes, room: int) -> bytes:
        """Unpack some bytes to at most `room`.

        Raises:
            BodyTooLarge: There is more in them.
            BodyError: They are corrupt.
        """
        out = bytearray()
        try:
            while packed:
                if self._stream is None:
                    self._stream = zlib.decompressobj(15 if packed[0] & 0x0F == 8 else -15)
                elif self._stream.eof:
                    if not self._gzip:
                        raise BodyError("corrupt: something follows its end")
                    # gzip may hold several members, one after the other.
                    self._stream = zlib.decompressobj(31)
                filled = True
                while filled:
                    # Once more where a step was filled: with nothing left to take in, something may be left to give.
                    step = min(_STEP, room - len(out) + 1)
                    chunk = self._stream.decompress(packed, step)
                    out += chunk
                    if len(out) > room:
                        raise BodyTooLarge("too large")
                    packed, filled = self._stream.unconsumed_tail, len(chunk) == step
                packed = self._stream.unused_data
        except zlib.error as error:
            raise BodyError(f"corrupt: {error}") from None
        return bytes(out)

    def close(self) -> None:
        """Raise `BodyError` unless the packed stream came to its end."""
        if self._stream is not None and not self._stream.eof:
            raise BodyError("cut: its packed stream has no end")
