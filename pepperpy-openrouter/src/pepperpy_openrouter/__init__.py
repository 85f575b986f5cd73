"""OpenRouter, and through it the models of many vendors, for pepperpy."""

from .provider import OpenRouterOptions, OpenRouterProvider

__all__ = ["OpenRouterOptions", "OpenRouterProvider"]
