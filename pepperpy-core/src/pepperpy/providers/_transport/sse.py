"""Events from bytes, without I/O: server-sent ones, and JSON line by line."""

from __future__ import annotations

import codecs

from ..dialect import Event

MAX_EVENT_BYTES = 16 * 1024 * 1024
_MAX_STRAY_BYTES = 1024 * 1024


class EventTooLarge(Exception):
    """An event has no end within the limit."""


# The first letters of the fields data, event and id, and of a comment: no JSON begins with one.
_FIELDS = (b"d", b"e", b"i", b":")


class SSEDecoder:
    """Turns a body that comes in arbitrary pieces into the data of its events.

    Follows the WHATWG's rules for event streams: lines end with LF, CR or CRLF; `data` lines of one event are joined
    with LF; the data of an event with a name is an `Event`; comments and other fields are passed over.

    Attributes:
        stray: The lines that are no field of an event stream, as they came. A body that is none, such as a bare JSON
            object, is found here whole.
    """

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.stray = bytearray()
        self._max_event_bytes = max_event_bytes
        self._buffer = bytearray()
        self._searched = 0
        self._begun = False
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take some bytes and return the data of the events that end in them.

        Raises:
            EventTooLarge: What has no end yet is longer than the limit.
        """
        buffer = self._buffer
        if b"\r" in chunk or self._after_cr:
            if chunk.endswith(b"\r\n\r\n") and chunk.count(b"\r") == 2 and not self._after_cr:
                # One event, as slow streams bring them, of a service that ends its lines so.
                chunk = chunk[:-4] + b"\n\n"
            else:
                chunk = self._with_line_feeds(chunk)
        if self._begun and not buffer and chunk.endswith(b"\n\n"):
            # Whole events, as most reads bring them: nothing is kept. And one of one line, as slow streams do.
            if chunk.startswith(b"data: ") and chunk.count(b"\n") == 2 and len(chunk) > 8:
                return [chunk[6:-2]]
            return self._split(chunk)
        buffer += chunk
        if not self._begun:
            if len(buffer) < 3 and codecs.BOM_UTF8.startswith(buffer):
                return []
            self._begun = True
            if buffer.startswith(codecs.BOM_UTF8):
                del buffer[:3]
        end = buffer.rfind(b"\n\n", max(0, self._searched - 1))
        if end < 0:
            self._searched = len(buffer)
            if self._searched > self._max_event_bytes:
                raise EventTooLarge
            return []
        whole = bytes(buffer[: end + 2])
        del buffer[: end + 2]
        self._searched = 0
        return self._split(whole)

    @property
    def document(self) -> bytes:
        """What has come outside of events, if it may be a JSON document that is complete; else nothing."""
        if not (self.stray or (self._buffer and self._buffer.startswith((b"{", b"[")))):
            return b""
        document = bytes(self.stray + self._buffer).strip()
        return document if document.startswith((b"{", b"[")) and document.endswith((b"}", b"]")) else b""

    def close(self) -> list[bytes]:
        """Return the data of a last event that has no blank line behind it."""
        blocks = [bytes(self._buffer)]
        self._buffer.clear()
        return self._events(blocks)

    def _with_line_feeds(self, chunk: bytes) -> bytes:
        # A CR ends its line at once; if the LF of the same line end comes in the next piece, it is dropped there.
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk.startswith(b"\n"):
                chunk = chunk[1:]
        if chunk.endswith(b"\r"):
            self._after_cr = True
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _split(self, whole: bytes) -> list[bytes]:
        """Return the data of some whole events, each with the blank line behind it."""
        if whole.startswith(b"data: "):
            # All at once, where each is one line of data and no line end is left within any.
            events = whole[6:-2].split(b"\n\ndata: ")
            if whole.count(b"\n") == 2 * len(events) and b"" not in events:
                return events
        return self._events(whole[:-2].split(b"\n\n"))

    def _events(self, blocks: list[bytes]) -> list[bytes]:
        events = []
        for block in blocks:
            if block.startswith(b"data: ") and b"\n" not in block and len(block) > 6:
                events.append(block[6:])
            elif block and (data := self._read(block)) is not None:
                events.append(data)
        return events

    def _read(self, block: bytes) -> bytes | None:
        data = []
        name = b""
        for line in block.split(b"\n"):
            field, _, value = line.partition(b":")
            if field == b"data":
                data.append(value[1:] if value.startswith(b" ") else value)
            elif field == b"event":
                name = value.strip()
            elif line and field not in (b"", b"id", b"retry") and len(self.stray) < _MAX_STRAY_BYTES:
                self.stray += line + b"\n"
        joined = b"\n".join(data)
        if not joined:
            return None
        return Event(joined, name) if name else joined


class LineDecoder:
    """Turns a body of JSON values, one on each line, into their bytes.

    Attributes:
        stray: Empty: there is nothing beside the lines.
    """

    document = b""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.stray = bytearray()
        self._max_event_bytes = max_event_bytes
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take some bytes and return the lines that end in them.

        Raises:
            EventTooLarge: A line that has no end yet is longer than the limit.
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > self._max_event_bytes:
            raise EventTooLarge
        return [line for line in lines if line and not line.isspace()]

    def close(self) -> list[bytes]:
        """Return a last line that has no end."""
        line, self._rest = self._rest, b""
        return [line] if line and not line.isspace() else []


class WholeBody:
    """Stands in for a decoder where the body is said to be one document: all of it is `stray`.

    Unless it begins as no JSON does: some gateways put that label on an event stream too.
    """

    def __init__(self) -> None:
        self.stray = bytearray()
        self._begun = False
        self._events: SSEDecoder | None = None

    @property
    def document(self) -> bytes:
        """What has come outside of events, if it may be a JSON document that is complete; else nothing."""
        return b"" if self._events is None else self._events.document

    def feed(self, chunk: bytes) -> list[bytes]:
        """Keep the bytes, or return the data of the events that end in them."""
        if not self._begun:
            chunk = (bytes(self.stray) + chunk).lstrip()
            self.stray.clear()
            self._begun = bool(chunk)
            if chunk.startswith(_FIELDS):
                self._events = SSEDecoder()
                self.stray = self._events.stray
        if self._events is not None:
            return self._events.feed(chunk)
        self.stray += chunk
        return []

    def close(self) -> list[bytes]:
        """Return the data of a last event that has no blank line behind it."""
        return [] if self._events is None else self._events.close()
