"""What a provider can do, and what its models are, as data."""

from __future__ import annotations

from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class Capabilities:
    """What a provider can do, known before anything is sent. What a single model can do may be less.

    Attributes:
        streaming: Answers come piece by piece.
        conversations: `complete` takes messages, not a text alone.
        system: Instructions have a place of their own.
        images: A message may hold pictures.
        audio: A message may hold sounds.
        files: A message may hold documents.
        tools: The model may call tools.
        structured_output: The service holds the answer to the schema that `output` makes.
        reasoning: `reasoning` chooses how much the model thinks.
        embeddings: There is `embed`.
        models: There is `list_models`.
        options: The options that `complete` takes, by name; None where nobody says.
    """

    streaming: bool = True
    conversations: bool = False
    system: bool = False
    images: bool = False
    audio: bool = False
    files: bool = False
    tools: bool = False
    structured_output: bool = False
    reasoning: bool = False
    embeddings: bool = False
    models: bool = False
    options: frozenset[str] | None = None


@attrs.frozen(kw_only=True)
class Model:
    """A model that a service offers; None where the service doesn't say.

    Attributes:
        id: What `model=` takes.
        name: Its name for people.
        created: When it was made, in seconds since 1970.
        context_length: Tokens that it takes, at most.
        max_output_tokens: Tokens that it answers with, at most.
        capabilities: Which of `Capabilities`' words the service says of it, such as "tools" or "embeddings".
        raw: All that the service says of it.
    """

    id: str
    name: str | None = None
    created: int | None = None
    context_length: int | None = None
    max_output_tokens: int | None = None
    capabilities: frozenset[str] | None = None
    raw: Any = attrs.field(default=None, repr=False, eq=False)


@attrs.frozen
class ModelPage:
    """Some of a service's models.

    Attributes:
        models: In the service's order.
        next: What `Dialect.models` takes to ask for those that follow; None where there are none.
    """

    models: tuple[Model, ...]
    next: str | None = None
