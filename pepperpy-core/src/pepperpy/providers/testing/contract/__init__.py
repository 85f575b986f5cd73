"""The contract that every provider keeps, as tests to inherit.

    from pepperpy.providers.testing import OpenAIWire, ProviderContract

    class TestAcme(ProviderContract):
        provider_type = "acme"
        wire = OpenAIWire()

Or without a file: `pytest --pepperpy-provider acme`. Needs pytest, and no plugin for asyncio.
"""

from __future__ import annotations

from ..stage import KEY
from .answers import Answers
from .cancellation import Cancellation
from .configuration import Configuration
from .connections import Connections
from .cuts import Cuts
from .embedding import Embedding
from .endings import Endings
from .errors import Errors
from .features import Features
from .inputs import Inputs
from .laziness import Laziness
from .life import Life
from .retries import Delays, Retries
from .secrets import Secrets
from .streams import Streams
from .time import Time

__all__ = ["KEY", "ProviderContract"]


# pytest runs the tests of the last base first.
class ProviderContract(
    Laziness,
    Life,
    Secrets,
    Configuration,
    Inputs,
    Features,
    Embedding,
    Connections,
    Cancellation,
    Time,
    Delays,
    Retries,
    Errors,
    Endings,
    Cuts,
    Streams,
    Answers,
):
    """What a provider must do. What it does not claim is skipped, and says so.

    Attributes:
        provider_type: The provider's name, installed or registered.
        wire: How its service's answers look; None for a provider that is no HTTP service. Not given, it is looked for:
            the entry point `pepperpy.wires` of this name, else OpenAI's.
        settings: What `create_provider` needs beyond a key and a `base_url`.
        has_embeddings: Whether the service embeds, if the provider's capabilities are not to be asked.
    """
