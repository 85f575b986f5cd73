"""StackSpot AI for pepperpy: agents and quick commands."""

from .provider import StackSpotOptions, StackSpotProvider

__all__ = ["StackSpotOptions", "StackSpotProvider"]
