"""One service that answers as all of them, so that the samples of the docs run as they are written."""

from __future__ import annotations

from pepperpy.providers.testing import OpenAIWire, Received, Reply, Wire

from ..contract.gemini import GeminiWire
from ..contract.stackspot import AGENT, StackSpotWire, token

OPENAI, GEMINI, STACKSPOT = OpenAIWire(), GeminiWire(), StackSpotWire()


def variables(url: str) -> dict[str, str]:
    """Return the environment that leads the providers to the service."""
    settings = {
        f"{name}_{setting}": value
        for name in ("GEMINI", "OPENAI", "OPENROUTER", "STACKSPOT")
        for setting, value in {"BASE_URL": url, "API_KEY": "sk-docs"}.items()
    }
    settings |= {
        "STACKSPOT_AUTH_URL": url,
        "STACKSPOT_QUICK_COMMAND_URL": url,
        "STACKSPOT_CLIENT_ID": "client-docs",
        "STACKSPOT_AGENT_ID": AGENT,
    }
    return {f"PEPPERPY_PROVIDER_{name}": value for name, value in settings.items()}


def answer(request: Received) -> Reply:
    """Answer in the wire format that the path belongs to."""
    path = request.path
    if path.endswith("/oidc/oauth/token"):
        return token("bearer-docs")
    if "/quick-commands/create-execution/" in path:
        return Reply.of_json("01K0EXECUTION")
    if "/quick-commands/callback/" in path:
        return Reply.of_json({"progress": {"status": "COMPLETED"}, "result": "An answer."})
    if "/agent/" in path:
        return _complete(STACKSPOT, stream=request.json.get("streaming"))
    if path.endswith("/embeddings"):
        return OPENAI.embeddings(request)
    if path.endswith(":batchEmbedContents"):
        return GEMINI.embeddings(request)
    if "enerateContent" in path:
        return _complete(GEMINI, stream="alt=sse" in path)
    return _complete(OPENAI, stream=request.json.get("stream"))


def _complete(wire: Wire, *, stream: object) -> Reply:
    return wire.stream(["Once ", "upon."]) if stream else wire.completion("An answer.")
