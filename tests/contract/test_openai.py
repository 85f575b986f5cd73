"""The provider `openai` keeps the contract."""

from pepperpy.providers.testing import OpenAIWire
from pepperpy.providers.testing.contract import ProviderContract


class TestOpenAI(ProviderContract):
    provider_type = "openai"
    wire = OpenAIWire()
