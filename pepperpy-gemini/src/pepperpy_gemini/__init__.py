"""Google Gemini for pepperpy."""

from .provider import GeminiOptions, GeminiProvider

__all__ = ["GeminiOptions", "GeminiProvider"]
