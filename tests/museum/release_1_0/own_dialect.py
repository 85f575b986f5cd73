"""Written for pepperpy-core 1.0, interface 1. Frozen: it is never edited, see README.md in tests/museum.

A wire format of its own: every method of `Dialect` and of `StreamParser`, written out. Texts only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from pepperpy.providers import (
    Capabilities,
    Completion,
    ProviderAPIError,
    ProviderCapabilityError,
    ProviderContextLengthError,
    ProviderSpec,
    Usage,
    hookimpl,
)
from pepperpy.providers import options as check
from pepperpy.providers.dialect import (
    EmbeddingBatch,
    EmbeddingLimits,
    Request,
    api_error,
    find_message,
    response_error,
)
from pepperpy.providers.http import HTTPOptions, HTTPProvider
from pepperpy.providers.values import count_or_none, text_or_none, vector_or_none

if TYPE_CHECKING:
    from pepperpy.providers.capabilities import ModelPage
    from pepperpy.providers.messages import Message, ToolCall

OPTIONS: Mapping[str, check.Check] = {"temperature": check.number, "max_tokens": check.count}


class OwnDialect:
    """The format."""

    embedding_limits = EmbeddingLimits(inputs=2)

    @property
    def capabilities(self) -> Capabilities:
        """What the service can do."""
        return Capabilities(embeddings=True, models=True, options=frozenset(OPTIONS))

    def complete(
        self, prompt: str | Sequence[Message], *, model: str, stream: bool, options: Mapping[str, Any]
    ) -> Request:
        """Return the request to `/say`."""
        if not isinstance(prompt, str):
            raise ProviderCapabilityError("this service takes a single text; give it a str")
        body = {"who": model, "what": prompt, "bit_by_bit": stream, **check.check_options(options, OPTIONS)}
        return Request("/say", body, stream)

    def parse_completion(self, payload: Any) -> Completion:
        """Read an answer."""
        if not isinstance(payload, dict):
            raise response_error("with no JSON object")
        if "oops" in payload:
            raise self.parse_error(200, payload)
        said = payload.get("said")
        if not isinstance(said, str):
            raise response_error("without what it said")
        return Completion(
            said,
            usage=read_usage(payload),
            finish_reason=text_or_none(payload.get("over")),
            model=text_or_none(payload.get("who")),
            raw=payload,
        )

    def stream_parser(self) -> OwnParser:
        """Return the reader of one stream."""
        return OwnParser(self)

    def embed(self, texts: Sequence[str], *, model: str, dimensions: int | None, options: Mapping[str, Any]) -> Request:
        """Return the request to `/measure`."""
        check.check_options(options, {}, shared=())
        if dimensions is not None:
            raise ProviderCapabilityError("vectors have one length here; leave dimensions out")
        return Request("/measure", {"who": model, "what": list(texts)})

    def parse_embeddings(self, payload: Any, request: Request) -> EmbeddingBatch:
        """Read the vectors."""
        rows = payload.get("vectors") if isinstance(payload, dict) else None
        vectors = [vector for row in rows if (vector := vector_or_none(row))] if isinstance(rows, list) else []
        if len(vectors) != len(request.body["what"]):
            raise response_error("with too few vectors")
        return EmbeddingBatch(vectors, read_usage(payload), "own-embed")

    def models(self, page: str | None) -> Request:
        """Return the request for a page of models."""
        return Request("/who" if page is None else f"/who?after={page}", {}, method="GET")

    def parse_models(self, payload: Any) -> ModelPage:
        """Read a page of models."""
        from pepperpy.providers.capabilities import Model, ModelPage

        names = payload.get("who") if isinstance(payload, dict) else None
        if not isinstance(names, list):
            raise response_error("without models")
        models = tuple(Model(id=name, raw=name) for name in names if isinstance(name, str))
        return ModelPage(models, text_or_none(payload.get("more")))

    def parse_error(self, status: int, payload: Any) -> ProviderAPIError:
        """Read an error."""
        code = text_or_none(payload.get("oops")) if isinstance(payload, dict) else None
        kind = ProviderContextLengthError if code == "too_long" else None
        return api_error(status, find_message(payload), kind=kind, code=code)


class OwnParser:
    """Reads one stream."""

    def __init__(self, dialect: OwnDialect) -> None:
        self.done = False
        self.error: ProviderAPIError | None = None
        self.asides: list[tuple[int, str | ToolCall]] = []
        self._dialect = dialect
        self._texts: list[str] = []
        self._end: dict[str, Any] = {}

    @property
    def finished(self) -> bool:
        """Whether the end came."""
        return self.done

    @property
    def conclusive(self) -> bool:
        """Whether the end came."""
        return self.done

    def feed(self, events: Sequence[bytes]) -> list[str]:
        """Read some events."""
        pieces: list[str] = []
        for data in events:
            try:
                event = json.loads(data)
            except (ValueError, RecursionError):
                event = None
            if not isinstance(event, dict):
                self.error = response_error("with an event that is no JSON object")
            elif "oops" in event:
                self.error = self._dialect.parse_error(200, event)
            elif "over" in event:
                self._end = event
                self.done = True
            elif thought := text_or_none(event.get("thought")):
                self.asides.append((len(self._texts) + len(pieces), thought))
            elif piece := text_or_none(event.get("said")):
                pieces.append(piece)
            if self.done or self.error is not None:
                break
        self._texts += pieces
        return pieces

    def completion(self) -> Completion:
        """Return what has come so far."""
        return Completion(
            "".join(self._texts),
            usage=read_usage(self._end),
            finish_reason=text_or_none(self._end.get("over")),
            reasoning="".join(str(aside) for _, aside in self.asides) or None,
        )


def read_usage(answer: Mapping[str, Any]) -> Usage:
    """Read the count of tokens."""
    return Usage(input_tokens=count_or_none(answer.get("in")), output_tokens=count_or_none(answer.get("out")))


@attrs.frozen(kw_only=True)
class OwnOptions(HTTPOptions):
    """What `extra_config` takes."""

    base_url: str = "https://own.example"
    embedding_model: str = "own-embed"


class OwnProvider(HTTPProvider):
    """The service."""

    options_type = OwnOptions
    options: OwnOptions

    def make_dialect(self) -> OwnDialect:
        """Return the format."""
        return OwnDialect()


@hookimpl
def pepperpy_providers() -> Iterator[ProviderSpec]:
    """Return the provider."""
    yield ProviderSpec("own", OwnProvider, default_model="own-1")
