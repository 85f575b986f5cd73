"""Recordings of real exchanges, and a service that plays them back.

They are looked for at `PEPPERPY_RECORDINGS`, then beside the checkout at `../shared/recordings`. Where there are none,
the tests that need them say that they skip.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import attrs
import pytest

from pepperpy.providers.testing import Reply

ROOT = Path(os.environ.get("PEPPERPY_RECORDINGS") or Path(__file__).parents[2].parent / "shared" / "recordings")


@attrs.frozen
class Recording:
    """One exchange: what was asked, what was answered, and what a reader must get out of the answer."""

    name: str
    request: dict[str, Any]
    response: dict[str, Any]
    expect: dict[str, Any]

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return int(self.response["status"])

    @property
    def body(self) -> bytes:
        """The body of the answer."""
        return str(self.response["body"]).encode()

    def reply(self, size: int | None = None) -> Reply:
        """Return the answer, its body cut into pieces: of `size` bytes, or else of sizes drawn by the name."""
        kept = {"content-type", "retry-after", "retry-after-ms", "x-request-id", "x-should-retry"}
        headers = {name: value for name, value in self.response["headers"].items() if name.lower() in kept}
        return Reply(status=self.status, headers=headers, body=list(self._pieces(size)), framing="chunked")

    def _pieces(self, size: int | None) -> list[bytes]:
        draw = random.Random(self.name)
        pieces, rest = [], self.body
        while rest:
            length = size or draw.choice([1, 2, 3, 17, 64, 256, 1024, 4096])
            pieces.append(rest[:length])
            rest = rest[length:]
        return pieces


def recordings(vendor: str, *categories: str) -> list[Any]:
    """Return the recordings of these categories as pytest parameters; one that skips where there are none."""
    found = [
        pytest.param(_read(path), id=f"{category}/{path.stem[-60:]}")
        for category in categories
        for path in sorted((ROOT / vendor / category).glob("*.json"))
    ]
    skip = pytest.mark.skip(reason=f"no recordings at {ROOT / vendor}: set PEPPERPY_RECORDINGS")
    return found or [pytest.param(None, marks=skip, id="none")]


def _read(path: Path) -> Recording:
    recording = json.loads(path.read_text("utf-8"))
    return Recording(path.stem, recording["request"], recording["response"], recording["expect"])
