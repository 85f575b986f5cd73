"""The same as `ours`, on orjson."""

from __future__ import annotations

# First, so that `ours` does not put it out of reach.
import orjson  # noqa: F401

from .ours import connect

__all__ = ["connect"]
