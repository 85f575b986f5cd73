"""How Gemini's answers look: the wire that the distribution brings for the conformance kit."""

from pepperpy_gemini.testing import GeminiWire

__all__ = ["GeminiWire"]
