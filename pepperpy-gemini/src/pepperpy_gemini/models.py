"""Read the list of Gemini's models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pepperpy.providers.capabilities import Model, ModelPage
from pepperpy.providers.dialect import response_error
from pepperpy.providers.values import count_or_none, text_or_none

from .errors import error_in_answer, find_error

METHODS: Mapping[str, str] = {
    "generateContent": "conversations",
    "streamGenerateContent": "streaming",
    "embedContent": "embeddings",
    "batchEmbedContents": "embeddings",
}
"""What the methods of a model mean that the service names."""


def parse_models(payload: Any) -> ModelPage:
    """Read a page of the list; a model without a name is left out."""
    if error := find_error(payload):
        raise error_in_answer(error)
    rows = payload.get("models") if isinstance(payload, dict) else None
    if not isinstance(rows, list):
        raise response_error("without a list of models")
    models = [model for row in rows if isinstance(row, dict) and (model := parse_model(row)) is not None]
    return ModelPage(tuple(models), text_or_none(payload.get("nextPageToken")))


def parse_model(row: Mapping[str, Any]) -> Model | None:
    """Read one model, or return None where it has no name."""
    name = (text_or_none(row.get("name")) or "").removeprefix("models/")
    if not name:
        return None
    return Model(
        id=name,
        name=text_or_none(row.get("displayName")),
        context_length=count_or_none(row.get("inputTokenLimit")),
        max_output_tokens=count_or_none(row.get("outputTokenLimit")),
        capabilities=_capabilities(row),
        raw=row,
    )


def _capabilities(row: Mapping[str, Any]) -> frozenset[str] | None:
    methods, thinks = row.get("supportedGenerationMethods"), row.get("thinking")
    if not isinstance(methods, list):
        if not isinstance(thinks, bool):
            return None
        methods = []
    words = {METHODS[method] for method in methods if isinstance(method, str) and method in METHODS}
    return frozenset(words | {"reasoning"} if thinks is True else words)
