"""A real language model in your own process, offline, for pepperpy."""

from .provider import LocalOptions, LocalProvider

__all__ = ["LocalOptions", "LocalProvider"]
