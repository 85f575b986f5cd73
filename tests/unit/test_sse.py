"""Server-sent events: however the bytes come, the events are those that the WHATWG's rules find in them."""

from __future__ import annotations

import codecs
import itertools
import re
import time
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pepperpy.providers._transport.sse import EventTooLarge, SSEDecoder, WholeBody
from pepperpy.providers.dialect import Event

texts = st.text(
    st.one_of(st.characters(exclude_characters="\r\n", codec="utf-8"), st.sampled_from("\u2028\u2029\x85🌍: "))
)
lines = st.one_of(
    texts.map(lambda text: f"data: {text}"),
    texts.map(lambda text: f"data:{text}"),
    texts.map(lambda text: f":{text}"),
    st.sampled_from(["", "", "", "data", "event: error", "id: 7", "retry: 10", "id", "nonsense", '{"a": 1}']),
)
endings = st.sampled_from(["\n", "\r", "\r\n"])
bodies = st.builds(
    lambda bom, parts, rest: bom + "".join(line + ending for line, ending in parts).encode() + rest.encode(),
    st.sampled_from([b"", codecs.BOM_UTF8]),
    st.lists(st.tuples(lines, endings), max_size=20),
    lines,
)


def events_of(pieces: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
    """What the decoder makes of the pieces: names and data."""
    decoder = SSEDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()
    return [(event.name if isinstance(event, Event) else b"", bytes(event)) for event in events]


def events_by_the_book(body: bytes) -> list[tuple[bytes, bytes]]:
    """The WHATWG's algorithm, but that the last event may lack its blank line, and one without data is none."""
    events: list[tuple[bytes, bytes]] = []
    data: list[bytes] = []
    name = b""
    for line in [*re.split(rb"\r\n|\r|\n", body.removeprefix(codecs.BOM_UTF8)), b""]:
        if not line:
            if any(data) or len(data) > 1:
                events.append((name, b"\n".join(data)))
            data, name = [], b""
            continue
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    return events


@given(bodies, st.lists(st.integers(0, 400)))
@example(b"data: a\r", [8])
@example(b"data: a\r\n\r\ndata: b\r\n\r\n", [8, 9, 10, 11])
@example(b"data: a\r\r\ndata: b\n\r", [8, 9])
@example(b"\xef\xbb\xbfdata: a\n\n", [1, 2, 3])
def test_cut_anywhere(body: bytes, cuts: list[int]) -> None:
    """The pieces in which a body comes change nothing, and neither does the way its lines end."""
    borders = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:end] for start, end in itertools.pairwise(borders)]

    assert events_of(pieces) == events_by_the_book(body)


@given(bodies)
def test_byte_by_byte(body: bytes) -> None:
    """A body that comes byte by byte gives the same events."""
    pieces = [body[place : place + 1] for place in range(len(body))]

    assert events_of(pieces) == events_by_the_book(body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),
        (b"data\n\ndata:\n\ndata: \n\n", []),
        (b"data: a\ndata: b\ndata:\n\n", [b"a\nb\n"]),
        (b": ping\n\n: ping\n\ndata: a\n\n", [b"a"]),
        (b": ping\ndata: a\n: ping\n\n", [b"a"]),
        (b"id: 1\nretry: 10\ndata: a\n\n", [b"a"]),
        (b"event: ping\n\ndata: a\n\n", [b"a"]),
        (b"data: a\n\n\n\n\ndata: b", [b"a", b"b"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (codecs.BOM_UTF8 + b"data: a\n\n", [b"a"]),
        (b"data: " + "a\u2028b\u2029c\x85d\x0be\x0cf".encode() + b"\n\n", ["a\u2028b\u2029c\x85d\x0be\x0cf".encode()]),
        (b"", []),
        (b"\n\n\n", []),
        (codecs.BOM_UTF8[:2], []),
    ],
)
def test_the_rules_one_by_one(body: bytes, expected: list[bytes]) -> None:
    """Spaces, comments, other fields, line ends, a byte-order mark, and separators that are none."""
    assert [data for _, data in events_of([body])] == expected


@pytest.mark.parametrize("cut", range(1, 22))
def test_one_event_whose_lines_end_with_crlf(cut: int) -> None:
    """Wherever it is cut, also between a CR and its LF, it stays the same event."""
    body = b"data: a\r\ndata: b\r\n\r\n"
    decoder = SSEDecoder()
    decoder.feed(b"data: first\n\n")

    assert [*decoder.feed(body[:cut]), *decoder.feed(body[cut:])] == [b"a\nb"]


def test_a_named_event_says_its_name() -> None:
    """The data of an event with a name knows it, and is the bytes that it would be without."""
    decoder = SSEDecoder()
    named, bare = decoder.feed(b"event: response.failed\ndata: {}\n\ndata: {}\n\n")

    assert isinstance(named, Event)
    assert named.name == b"response.failed"
    assert named == bare == b"{}"
    assert type(bare) is bytes


def test_an_event_comes_as_soon_as_it_ends() -> None:
    """An event is handed out with its blank line, not with the next event; a CR that ends one is not waited behind."""
    decoder = SSEDecoder()

    assert decoder.feed(b"data: a\n") == []
    assert decoder.feed(b"\n") == [b"a"]
    assert decoder.feed(b"data: b\r\r") == [b"b"]
    assert decoder.feed(b"\ndata: c\r\n\r") == [b"c"]
    assert decoder.feed(b"\n") == []
    assert decoder.close() == []


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_long_event_takes_time_in_proportion(line_end: bytes) -> None:
    """An event of 5 MB passes in one piece or in twenty thousand: no byte of it is looked at again and again."""
    data = b"x" * 5_000_000
    body = b"data: " + data + line_end * 2
    started = time.perf_counter()
    pieces = [body[place : place + 250] for place in range(0, len(body), 250)]

    assert events_of([body]) == [(b"", data)]
    assert events_of(pieces) == [(b"", data)]
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize("endless", [b"data: " + b"x" * 100, b"data: x\n", b": ping\n", b"x" * 100])
def test_an_event_without_end_is_refused(endless: bytes) -> None:
    """What never comes to a blank line is refused at the limit, instead of being kept."""
    decoder = SSEDecoder(max_event_bytes=1_000)
    taken = 0
    with pytest.raises(EventTooLarge):
        while taken < 10_000:
            taken += len(endless)
            decoder.feed(endless)

    assert 1_000 < taken <= 1_000 + len(endless)


def test_many_events_are_not_one_long_event() -> None:
    """The limit is one event's: a stream of many may be as long as it likes."""
    decoder = SSEDecoder(max_event_bytes=1_000)
    events = [event for _ in range(1_000) for event in decoder.feed(b"data: 0123456789\n\n")]

    assert len(events) == 1_000


def test_lines_that_are_no_field_are_kept_aside() -> None:
    """A bare document, as some gateways send it for an error, is found whole; comments and fields are not in it."""
    decoder = SSEDecoder()
    events = decoder.feed(b': ping\n\ndata: a\nid: 1\n\n{"error":\n\n{"message": "no"}}')
    events += decoder.close()

    assert events == [b"a"]
    assert bytes(decoder.stray) == b'{"error":\n{"message": "no"}}\n'


def test_stray_lines_are_bounded() -> None:
    """A stream of nonsense is not kept without end."""
    decoder = SSEDecoder()
    for _ in range(40):
        decoder.feed(b"x" * 100_000 + b"\n\n")

    assert len(decoder.stray) < 1_200_000


def test_a_whole_body_is_all_stray() -> None:
    """A body that is one document is kept as it is and holds no events."""
    body = WholeBody()

    assert body.feed(b" ") == []
    assert body.feed(b'{"data:\n\n') == []
    assert body.feed(b"data: b\n\n") == []
    assert body.close() == []
    assert bytes(body.stray) == b'{"data:\n\ndata: b\n\n'


@pytest.mark.parametrize("size", [1, 3, 100])
def test_events_under_a_label_of_json(size: int) -> None:
    """A body that begins as an event stream is read as one, whatever its label says."""
    body = WholeBody()
    sent = b'\n: ping\n\ndata: {"a": 1}\n\ndata: b'
    events = [event for place in range(0, len(sent), size) for event in body.feed(sent[place : place + size])]

    assert [*events, *body.close()] == [b'{"a": 1}', b"b"]
    assert bytes(body.stray) == b""
