"""How the answers of OpenAI's Responses API look: the wire that the distribution brings for the conformance kit."""

from pepperpy_openai.testing import REASONING, ResponsesWire

__all__ = ["REASONING", "ResponsesWire"]
