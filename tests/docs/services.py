"""One service that answers as all of them, so that the samples of the docs run as they are written."""

from __future__ import annotations

from pepperpy.providers.testing import OpenAIWire, Received, Reply

OPENAI = OpenAIWire()


def variables(url: str) -> dict[str, str]:
    """Return the environment that leads the providers to the service."""
    return {
        "PEPPERPY_PROVIDER_OPENAI_BASE_URL": url,
        "PEPPERPY_PROVIDER_OPENAI_API_KEY": "sk-docs",
    }


def answer(request: Received) -> Reply:
    """Answer in the wire format that the path belongs to."""
    if request.path.endswith("/embeddings"):
        return OPENAI.embeddings(request)
    return OPENAI.stream(["Once ", "upon."]) if request.json.get("stream") else OPENAI.completion("An answer.")
