"""The provider `openai` keeps the contract, over both of OpenAI's APIs."""

from pepperpy.providers.testing import OpenAIWire
from pepperpy.providers.testing.contract import ProviderContract

from .responses import ResponsesWire


class TestOpenAI(ProviderContract):
    provider_type = "openai"
    wire = OpenAIWire()


class TestOpenAIResponses(ProviderContract):
    provider_type = "openai"
    wire = ResponsesWire()
    settings = {"api": "responses"}  # noqa: RUF012
