"""A real language model on your own machine, offline, for pepperpy."""

from .provider import LocalOptions, LocalProvider

__all__ = ["LocalOptions", "LocalProvider"]
