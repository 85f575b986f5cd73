"""What is measured: each module has a `connect`, which returns a `Client` of the service at a URL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypedDict

MODEL = "m"
KEY = "sk-no-key"


class Message(TypedDict):
    """A message of a conversation."""

    role: str
    content: str


class Client(Protocol):
    """A client of one service, with what the questions need."""

    async def complete(self, messages: list[Message]) -> str:
        """Return the answer to some messages."""
        ...

    async def stream(self, messages: list[Message]) -> list[str]:
        """Return the pieces of an answer, each taken as it comes."""
        ...

    async def first_piece(self, messages: list[Message]) -> float:
        """Take a whole stream; return the moment of its first piece, by `time.perf_counter`."""
        ...

    async def embed(self, texts: list[str]) -> Sequence[Sequence[float]]:
        """Return the vectors of some texts."""
        ...

    async def close(self) -> None:
        """Let go of all connections."""
        ...
