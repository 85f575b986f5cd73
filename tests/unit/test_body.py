"""Packed bodies are unpacked whole, within a bound, or refused."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy.providers._transport.body import BodyError, BodyTooLarge, Inflater

ROOM = 10_000_000


def deflated(data: bytes, wbits: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return packer.compress(data) + packer.flush()


PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", lambda data: deflated(data, 31)),
    "x-gzip": ("x-gzip", gzip.compress),
    "deflate": ("deflate", lambda data: deflated(data, 15)),
    "bare deflate": ("deflate", lambda data: deflated(data, -15)),
    "two members": ("gzip", lambda data: gzip.compress(data[: len(data) // 2]) + gzip.compress(data[len(data) // 2 :])),
    "an empty member": ("gzip", lambda data: gzip.compress(b"") + gzip.compress(data)),
}


def inflate(encoding: str, pieces: list[bytes], room: int = ROOM) -> bytes:
    inflater = Inflater(encoding)
    whole = b""
    for piece in pieces:
        whole += inflater.feed(piece, room - len(whole))
    inflater.close()
    return whole


@pytest.mark.parametrize("name", PACKERS)
@given(st.binary(max_size=3_000), st.integers(1, 400))
def test_unpacks_however_it_is_cut(name: str, data: bytes, size: int) -> None:
    """What was packed comes out, in whatever pieces it came."""
    encoding, pack = PACKERS[name]
    packed = pack(data)

    assert inflate(encoding, [packed[place : place + size] for place in range(0, len(packed), size)]) == data
    assert inflate(encoding, [packed]) == data


@pytest.mark.parametrize("name", PACKERS)
def test_unpacks_what_is_much_larger_unpacked(name: str) -> None:
    """Nothing is left inside where the last bytes hold a lot, whichever step of the unpacking they end in."""
    encoding, pack = PACKERS[name]
    for length in range(262_144 + 15, 262_144 + 95):
        assert len(inflate(encoding, [pack(bytes(length))])) == length


@pytest.mark.parametrize("name", PACKERS)
def test_a_cut_is_noticed(name: str) -> None:
    """A packed body that stops before its end is an error, wherever it stops."""
    encoding, pack = PACKERS[name]
    packed = pack(b"The quick brown fox jumps over the lazy dog. " * 20)
    borders = {len(packed)}
    if "member" in name:
        borders.add(
            len(
                gzip.compress(b"" if "empty" in name else (b"The quick brown fox jumps over the lazy dog. " * 20)[:450])
            )
        )
    for length in set(range(1, len(packed))) - borders:
        with pytest.raises(BodyError):
            inflate(encoding, [packed[:length]])


@pytest.mark.parametrize("name", PACKERS)
def test_corruption_is_noticed(name: str) -> None:
    """Garbage, before, in or behind what was packed, is an error."""
    encoding, pack = PACKERS[name]
    packed = pack(b"The quick brown fox jumps over the lazy dog. " * 20)
    wrong = [b"no such thing at all", b"\xff" + packed, packed + b"garbage"]
    if name != "bare deflate":  # which has no checksum
        wrong += [
            packed[: len(packed) // 2] + b"\x00\x01\x02" + packed[len(packed) // 2 :],
            packed[:-3] + b"\x00\x00\x01",
        ]
    for bad in wrong:
        with pytest.raises(BodyError, match=r"corrupt|cut"):
            inflate(encoding, [bad])


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, deflate", "UTF-8", "x" * 1_000])
def test_an_unknown_encoding_is_refused(encoding: str) -> None:
    """What we cannot unpack is an error and never taken for text."""
    with pytest.raises(BodyError, match="packed as") as caught:
        Inflater(encoding)

    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("name", PACKERS)
def test_a_bomb_is_bounded(name: str) -> None:
    """Of a body that unpacks to a thousand times its size no more than the room is unpacked."""
    encoding, pack = PACKERS[name]
    packed = pack(bytes(10_000_000))
    with pytest.raises(BodyTooLarge):
        inflate(encoding, [packed], room=1_000_000)


@pytest.mark.parametrize("room", [1_000, 300_000])
def test_the_room_is_exact(room: int) -> None:
    """A body as large as the room fits; one byte more does not."""
    data = os.urandom(room)

    assert inflate("gzip", [gzip.compress(data)], room=room) == data
    with pytest.raises(BodyTooLarge):
        inflate("gzip", [gzip.compress(data + b"x")], room=room)


def test_an_empty_body_is_fine() -> None:
    """Where nothing came, nothing was cut."""
    assert inflate("deflate", []) == b""
    assert inflate("gzip", [gzip.compress(b"")]) == b""
