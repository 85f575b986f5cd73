"""What the author of a provider tests with: a scripted service on 127.0.0.1 and a contract to keep.

The service needs nothing but core; `pepperpy.providers.testing.contract` needs pytest and pytest-asyncio
(`pip install pepperpy-core[testing]`).
"""

from __future__ import annotations

from .service import FakeService, Received, Reply
from .wire import OpenAIWire, Wire

__all__ = ["FakeService", "OpenAIWire", "Received", "Reply", "Wire"]
