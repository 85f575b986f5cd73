"""OpenAI, and every server that speaks its wire format, for pepperpy."""

from .provider import OpenAIOptions, OpenAIProvider

__all__ = ["OpenAIOptions", "OpenAIProvider"]
