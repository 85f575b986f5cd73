"""One service that answers as all of them, so that the samples of the docs run as they are written."""

from __future__ import annotations

import json
from typing import Any

from pepperpy.providers.testing import OpenAIWire, Received, Reply, Wire

from ..contract.gemini import GeminiWire
from ..contract.responses import ResponsesWire
from ..contract.stackspot import AGENT, StackSpotWire, token

OPENAI, RESPONSES, GEMINI, STACKSPOT = OpenAIWire(), ResponsesWire(), GeminiWire(), StackSpotWire()


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
    if path.endswith("/models"):
        return Reply.of_json({"object": "list", "data": [{"id": "gpt-6-luna", "created": 1_790_000_000}]})
    if path.endswith("/embeddings"):
        return OPENAI.embeddings(request)
    if path.endswith(":batchEmbedContents"):
        return GEMINI.embeddings(request)
    if path.endswith("/responses"):
        return _complete(RESPONSES, stream=request.json.get("stream"))
    if "enerateContent" in path:
        return _complete(GEMINI, stream="alt=sse" in path)
    if form := request.json.get("response_format", {}).get("json_schema"):
        return _complete(OPENAI, stream=request.json.get("stream"), text=json.dumps(example(form["schema"])))
    return _complete(OPENAI, stream=request.json.get("stream"))


def _complete(wire: Wire, *, stream: object, text: str | None = None) -> Reply:
    if text is not None:
        return wire.stream([text[:7], text[7:]]) if stream else wire.completion(text)
    return wire.stream(["Once ", "upon."]) if stream else wire.completion("An answer.")


def example(schema: Any, root: Any = None) -> Any:
    """Return the least JSON that fits a schema."""
    root = schema if root is None else root
    if "$ref" in schema:
        return example(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema:
        return example(schema["anyOf"][-1], root)
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "object":
        return {name: example(each, root) for name, each in schema["properties"].items()}
    if schema["type"] == "array":
        return [example(schema["items"], root)]
    if schema["type"] == "string":
        return {"date": "2026-01-31", "date-time": "2026-01-31T12:00:00Z"}.get(schema.get("format"), "text")
    return {"integer": 1, "number": 1.5, "boolean": True, "null": None}[schema["type"]]
