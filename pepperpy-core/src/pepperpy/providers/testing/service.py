"""An HTTP service on 127.0.0.1 that answers as it is told, faults included, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
import ssl
import struct
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from socket import SHUT_WR, SO_LINGER, SOL_SOCKET
from types import TracebackType
from typing import Any, Literal, Self, cast

import attrs


@attrs.frozen(kw_only=True)
class Reply:
    """One answer, byte by byte as it goes over the wire.

    Attributes:
        status: The HTTP status.
        headers: Beside those that frame the body; one given here replaces its framing header.
        body: The whole body, or its pieces, each written by itself.
        framing: How the body's end is told: by its length, by chunks, or by the end of the connection.
        end: What comes after the body: "keep" the connection, "cut" it before the body's end is told, "reset" it so,
            or "hold" it open without another byte.
        pause: Seconds before each piece.
        delay: Seconds before the status line.
        raw: Written instead of everything else, for what is no HTTP; the whole of it or its pieces.
    """

    status: int = 200
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes | Sequence[bytes] = b""
    framing: Literal["length", "chunked", "close"] = "length"
    end: Literal["keep", "cut", "reset", "hold"] = "keep"
    pause: float = 0
    delay: float = 0
    raw: bytes | Sequence[bytes] | None = None

    @classmethod
    def of_json(cls, value: Any, **rest: Any) -> Reply:
        """Return an answer with a JSON body."""
        headers = {"Content-Type": "application/json", **rest.pop("headers", {})}
        return cls(body=_encode(value), headers=headers, **rest)

    @classmethod
    def of_events(cls, events: Sequence[Any], **rest: Any) -> Reply:
        """Return an answer with server-sent events: each a JSON value, or bytes that stand for themselves."""
        body = [event if isinstance(event, bytes) else b"data: " + _encode(event) + b"\n\n" for event in events]
        headers = {"Content-Type": "text/event-stream", **rest.pop("headers", {})}
        return cls(body=body, headers=headers, framing=rest.pop("framing", "chunked"), **rest)


def _encode(value: Any) -> bytes:
    """Return JSON with its characters as they are, which a client may meet cut in two."""
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


@attrs.frozen
class Received:
    """One request as the service got it; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


class FakeService:
    """An HTTP service on 127.0.0.1.

        async with FakeService() as service:
            service.replies = [Reply(status=500), Reply.of_json({"ok": True})]
            ...
            assert len(service.requests) == 2

    Args:
        *replies: The first `replies`.
        tls: The context of a service that speaks https.

    Attributes:
        replies: What is answered, one after the other; the last one is answered for ever. Each a `Reply`, or a
            function that makes one of the request.
        requests: What was asked.
        connections: How many connections were made.
        open: How many of them are open.
        blocked: How many of them wait for their client to read.
        sent: How many bytes were handed to the network.
    """

    def __init__(self, *replies: Reply | Callable[[Received], Reply], tls: ssl.SSLContext | None = None) -> None:
        self.replies: list[Reply | Callable[[Received], Reply]] = list(replies)
        self.requests: list[Received] = []
        self.connections = 0
        self.open = 0
        self.blocked = 0
        self.sent = 0
        self._tls = tls
        self._changed = asyncio.Event()
        self._live: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(self), "127.0.0.1", 0, backlog=1024, ssl=self._tls
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._live):
            connection.abort()
        await self.until(lambda: not self._live)

    @property
    def url(self) -> str:
        """The origin, such as `http://127.0.0.1:40123`."""
        if self._server is None:
            raise RuntimeError("enter the service first: async with FakeService() as service")
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def send_unasked(self, data: bytes) -> None:
        """Write on every idle connection what nobody asked for; it is on its way when this returns."""
        for connection in self._idle():
            connection.write_now(data)

    def drop_idle(self) -> None:
        """End every idle connection, as services do after a while; the end is on its way when this returns."""
        for connection in self._idle():
            connection.end_now()

    def _idle(self) -> list[_Connection]:
        return [connection for connection in self._live if connection.idle]

    async def until(self, condition: Callable[[], bool], seconds: float = 5) -> None:
        """Return as soon as `condition()` holds, which is asked whenever a request comes, or a connection comes, blocks or goes.

        Raises:
            TimeoutError: It does not hold in time.
        """
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def _reply_to(self, request: Received) -> Reply:
        self.requests.append(request)
        self._changed.set()
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return reply if isinstance(reply, Reply) else reply(request)

    def _note_blocked(self, change: int) -> None:
        self.blocked += change
        self._changed.set()

    def _note(self, connection: _Connection, *, opened: bool) -> int:
        if opened:
            self._live.add(connection)
            self.connections += 1
        else:
            self._live.discard(connection)
        self.open = len(self._live)
        self._changed.set()
        return self.connections


class _Connection(asyncio.Protocol):
    """One connection: reads requests one after the other, and writes what the service replies."""

    def __init__(self, service: FakeService) -> None:
        self._service = service
        self._received = bytearray()
        self._answering: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._number = self._service._note(self, opened=True)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answering is not None:
            self._answering.cancel()
        if not self._writable.is_set():
            self._service._note_blocked(-1)
        self._service._note(self, opened=False)

    def pause_writing(self) -> None:
        self._writable.clear()
        self._service._note_blocked(1)

    def resume_writing(self) -> None:
        self._writable.set()
        self._service._note_blocked(-1)

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._answer_next()

    def abort(self) -> None:
        """Close without another byte."""
        self._transport.abort()

    @property
    def idle(self) -> bool:
        """Whether no answer is under way."""
        return self._answering is None or self._answering.done()

    def write_now(self, data: bytes) -> None:
        """Write without being asked."""
        self._transport.write(data)

    def end_now(self) -> None:
        """Close from this side, without waiting for the loop."""
        self._transport.get_extra_info("socket").shutdown(SHUT_WR)
        self._transport.close()

    def _answer_next(self) -> None:
        if self.idle and (request := self._take_request()):
            self._answering = asyncio.ensure_future(self._answer(self._service._reply_to(request)))

    def _take_request(self) -> Received | None:
        head, blank_line, rest = self._received.partition(b"\r\n\r\n")
        request_line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if not blank_line or len(rest) < length:
            return None
        self._received = rest[length:]
        method, path, _ = request_line.split(" ")
        return Received(method, path, headers, bytes(rest[:length]), self._number)

    async def _answer(self, reply: Reply) -> None:
        await asyncio.sleep(reply.delay)
        if reply.raw is not None:
            for piece in [reply.raw] if isinstance(reply.raw, bytes) else reply.raw:
                await asyncio.sleep(reply.pause)
                await self._write(piece)
        else:
            await self._write_http(reply)
        if reply.end == "reset":
            # No lingering: the close becomes a reset.
            self._transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        elif reply.end == "cut" or (reply.end == "keep" and reply.framing == "close"):
            self._transport.close()
        elif reply.end == "keep":
            self._answering = None
            self._answer_next()

    async def _write_http(self, reply: Reply) -> None:
        pieces = [reply.body] if isinstance(reply.body, bytes) else list(reply.body)
        headers = dict(reply.headers)
        if reply.framing == "length":
            # One byte more than comes, where the end is to be missing.
            headers.setdefault("Content-Length", str(sum(map(len, pieces)) + (reply.end != "keep")))
        elif reply.framing == "chunked":
            headers.setdefault("Transfer-Encoding", "chunked")
        else:
            headers.setdefault("Connection", "close")
        phrase = HTTPStatus(reply.status).phrase if reply.status in set(HTTPStatus) else "Unknown"
        lines = [f"HTTP/1.1 {reply.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        await self._write("\r\n".join(lines).encode("latin-1"))
        for piece in pieces:
            await asyncio.sleep(reply.pause)
            if reply.framing != "chunked":
                await self._write(piece)
            elif piece:
                await self._write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if reply.framing == "chunked" and reply.end == "keep":
            await self._write(b"0\r\n\r\n")

    async def _write(self, data: bytes) -> None:
        self._transport.write(data)
        self._service.sent += len(data)
        await self._writable.wait()
