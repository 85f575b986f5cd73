"""Written for pepperpy-core 1.0, interface 1. Frozen: it is never edited, see README.md in tests/museum.

One distribution, one hook, two providers; both entry points name this module.
"""

from collections.abc import Iterable

from pepperpy.providers.dialects.openai import OpenAIDialect
from pepperpy.providers.hookspecs import ProviderSpec, hookimpl
from pepperpy.providers.http import HTTPProvider


class FastProvider(HTTPProvider):
    """The fast one."""

    def make_dialect(self) -> OpenAIDialect:
        """Return OpenAI's format."""
        return OpenAIDialect()


class ThoroughProvider(FastProvider):
    """The thorough one."""

    def make_dialect(self) -> OpenAIDialect:
        """Return OpenAI's format as its current models want it."""
        return OpenAIDialect(max_tokens_field="max_completion_tokens")


@hookimpl
def pepperpy_providers() -> Iterable[ProviderSpec]:
    """Return both."""
    return [
        ProviderSpec("twin-fast", FastProvider, default_model="fast-1"),
        ProviderSpec("twin.thorough", ThoroughProvider, default_model="thorough-1"),
    ]
