"""Read the list of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from pepperpy.providers.capabilities import Model
from pepperpy.providers.dialect import response_error
from pepperpy.providers.values import count_or_none, text_or_none

PARAMETERS: Mapping[str, str] = {
    "tools": "tools",
    "structured_outputs": "structured_output",
    "reasoning": "reasoning",
}
"""What `supported_parameters` calls a capability, and what `Capabilities` does."""

INPUTS: Mapping[str, str] = {"image": "images", "audio": "audio", "file": "files"}
"""The same of `input_modalities`."""

OUTPUTS: Mapping[str, str] = {"embeddings": "embeddings"}
"""The same of `output_modalities`."""


def read_model(row: Mapping[str, Any]) -> Model:
    """Read one model, which has an id."""
    served, architecture = mapping_in(row, "top_provider"), mapping_in(row, "architecture")
    said = (
        (row.get("supported_parameters"), PARAMETERS),
        (architecture.get("input_modalities"), INPUTS),
        (architecture.get("output_modalities"), OUTPUTS),
    )
    lists = [(words, meanings) for words, meanings in said if isinstance(words, list)]
    return Model(
        id=row["id"],
        name=text_or_none(row.get("name")),
        created=count_or_none(row.get("created")),
        context_length=count_or_none(row.get("context_length")) or count_or_none(served.get("context_length")),
        max_output_tokens=count_or_none(served.get("max_completion_tokens")),
        capabilities=frozenset(
            meanings[word] for words, meanings in lists for word in words if isinstance(word, str) and word in meanings
        )
        if lists
        else None,
        raw=row,
    )


def next_page(payload: Any) -> str | None:
    """Return the query of the page that follows, or None.

    Raises:
        ProviderResponseError: There is one, and nothing to ask for it by.
    """
    link = text_or_none(mapping_in(payload, "links").get("next"))
    if link is None:
        return None
    try:
        # No more than the query: where the service is, the settings say.
        query = urlencode(parse_qsl(urlsplit(link).query, errors="strict"))
    except ValueError:
        query = ""
    if not query:
        raise response_error("with a list of models whose next page cannot be asked for")
    return query


def mapping_in(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the object under a name, empty where there is none."""
    found = fields.get(name)
    return found if isinstance(found, dict) else {}
