"""Gemini's wire format: generateContent, streamGenerateContent and batchEmbedContents."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import attrs

from pepperpy.providers import Completion, ProviderAPIError, ProviderInputError
from pepperpy.providers import options as check
from pepperpy.providers.dialect import EmbeddingBatch, EmbeddingLimits, Request, response_error
from pepperpy.providers.values import packed_or_none, text_or_none, vector_or_none

from .answers import FINISH_REASONS, GeminiStreamParser, parse_usage
from .errors import error_in_answer, find_error, parse_error

if TYPE_CHECKING:
    from pepperpy.providers.capabilities import Capabilities, ModelPage
    from pepperpy.providers.messages import Message

FULL_DIMENSIONS = 3072

MODELS_ON_A_PAGE = 1000

USUAL_REASONS = ("STOP", "MAX_TOKENS")

TASKS: Mapping[str, str] = {
    "RETRIEVAL_QUERY": "task: search result | query: ",
    "RETRIEVAL_DOCUMENT": "title: none | text: ",
    "SEMANTIC_SIMILARITY": "task: sentence similarity | query: ",
    "CLASSIFICATION": "task: classification | query: ",
    "CLUSTERING": "task: clustering | query: ",
    "QUESTION_ANSWERING": "task: question answering | query: ",
    "FACT_VERIFICATION": "task: fact checking | query: ",
    "CODE_RETRIEVAL_QUERY": "task: code retrieval | query: ",
}
"""What an embedding is for, and how that is said to the models that read it in the text."""


@functools.cache
def _turns() -> ModuleType:
    """Return what writes conversations; who asks with texts alone needs nothing of it."""
    from . import turns

    return turns


def task_type(name: str, value: Any) -> str:
    """Take one of the tasks, in upper or lower case."""
    task = check.text(name, value).upper()
    if task not in TASKS:
        raise ProviderInputError(f"{name} must be one of {', '.join(TASKS)}")
    return task


@attrs.frozen(kw_only=True)
class GeminiDialect:
    """Gemini's wire format.

    Attributes:
        embedding_limits: 100 texts and 20,000 tokens a request.
    """

    embedding_limits: EmbeddingLimits = EmbeddingLimits(inputs=100, size=20_000)

    @property
    def capabilities(self) -> Capabilities:
        """What Gemini's newest models can do."""
        from pepperpy.providers.capabilities import Capabilities

        from .settings import OPTIONS

        return Capabilities(
            conversations=True,
            system=True,
            images=True,
            audio=True,
            files=True,
            tools=True,
            structured_output=True,
            reasoning=True,
            embeddings=True,
            models=True,
            options=frozenset(OPTIONS),
        )

    def complete(
        self, prompt: str | Sequence[Message], *, model: str, stream: bool, options: Mapping[str, Any]
    ) -> Request:
        """Return the request to `:generateContent` or `:streamGenerateContent`."""
        resource, path = locate(model)
        body: dict[str, Any]
        system: list[str] = []
        # The type first, since asking for it is no function call.
        if type(prompt) is str or isinstance(prompt, str):
            body = {"contents": [{"role": "user", "parts": [{"text": prompt}]}]}
        else:
            body = {"contents": _turns().write_contents(prompt, resource)}
            system = _turns().system_texts(prompt)
        if options:
            from .settings import OPTIONS, write_settings

            options = check.check_options(options, OPTIONS)
            body |= write_settings(options, resource)
            if "system" in options:
                system.insert(0, options["system"])
        if system and resource.startswith("models/gemma"):
            # Gemma has no place for it but the prompt.
            _turns().put_before(body["contents"], "\n\n".join(system))
        elif system:
            body["systemInstruction"] = {"parts": [{"text": text} for text in system]}
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return Request(f"{path}:{method}", body, stream)

    def parse_completion(self, payload: Any) -> Completion:
        """Read an answer, or the list of chunks that a stream without `alt=sse` is; of several candidates, the first."""
        try:
            # The usual answer, of which most calls are: one text and nothing else.
            (candidate,) = payload["candidates"]
            (part,) = candidate["content"]["parts"]
            text, word = part["text"], candidate["finishReason"]
            usual = text and type(text) is str and len(part) == 1 and word in USUAL_REASONS
            if (
                usual
                and ("index" not in candidate or candidate["index"] == 0)
                and not ("error" in payload or "promptFeedback" in payload)
            ):
                return Completion(
                    text,
                    usage=parse_usage(payload["usageMetadata"]),
                    finish_reason=FINISH_REASONS[word],
                    native_finish_reason=word,
                    model=text_or_none(payload["modelVersion"]),
                    id=text_or_none(payload["responseId"]),
                    raw=payload,
                )
        except (KeyError, TypeError, ValueError):
            pass
        return self._parse_unusual(payload)

    def _parse_unusual(self, payload: Any) -> Completion:
        parser = GeminiStreamParser()
        for chunk in payload if isinstance(payload, list) and payload else [payload]:
            if not isinstance(chunk, dict):
                raise response_error("with no JSON object")
            parser.read(chunk)
        completion = parser.whole()
        completion.raw = payload
        return completion

    def stream_parser(self) -> GeminiStreamParser:
        """Return the reader of one stream."""
        return GeminiStreamParser()

    def embed(self, texts: Sequence[str], *, model: str, dimensions: int | None, options: Mapping[str, Any]) -> Request:
        """Return the request to `:batchEmbedContents`."""
        resource, path = locate(model)
        task = check.check_options(options, {"task_type": task_type}, shared=()).get("task_type")
        settings: dict[str, Any] = {"model": resource}
        prefix = ""
        if task is not None and reads_task_in_text(resource):
            prefix = TASKS[task]
        elif task is not None:
            settings["taskType"] = task
        if dimensions is not None:
            settings["outputDimensionality"] = dimensions
        # One request for each text: several parts of one content would become a single vector.
        requests = [{**settings, "content": {"parts": [{"text": prefix + text}]}} for text in texts]
        return Request(f"{path}:batchEmbedContents", {"requests": requests})

    def parse_embeddings(self, payload: Any, request: Request) -> EmbeddingBatch:
        """Read an answer; its vectors are in the order of the texts, and of unit length."""
        asked = request.body["requests"]
        count = len(asked)
        if error := find_error(payload):
            raise error_in_answer(error)
        if not isinstance(payload, dict):
            raise response_error("with no JSON object")
        rows = payload.get("embeddings")
        if rows is None and "embedding" in payload:
            # What `embedContent` answers, to which some gateways take a batch of one.
            rows = [payload["embedding"]]
        if not isinstance(rows, list) or len(rows) != count:
            raise response_error(f"without the {count} embeddings that were asked for")
        # Of one the numbers stay as they were sent; many are packed, which is how they are kept.
        vectors: list[Sequence[float]] = [parse_vector(row, packed=count > 1) for row in rows]
        if is_shortened(asked[0]["model"], asked[0].get("outputDimensionality")):
            vectors = [unit_length(vector) for vector in vectors]
        if len({len(vector) for vector in vectors}) > 1:
            raise response_error("with embeddings of several lengths")
        return EmbeddingBatch(vectors, parse_usage(payload.get("usageMetadata")))

    def models(self, page: str | None) -> Request:
        """Return the request to `/models`, as many on a page as the service gives."""
        token = "" if page is None else f"&pageToken={quote(page, safe='', errors='surrogatepass')}"
        return Request(f"/models?pageSize={MODELS_ON_A_PAGE}{token}", {}, method="GET")

    def parse_models(self, payload: Any) -> ModelPage:
        """Read a page of the models."""
        from .models import parse_models

        return parse_models(payload)

    def parse_error(self, status: int, payload: Any) -> ProviderAPIError:
        """Read an error body, of Google's shape or any other."""
        return parse_error(status, payload)


# Few names are asked for again and again.
@functools.lru_cache(maxsize=64)
def locate(model: str) -> tuple[str, str]:
    """Return a model's resource name and the path to it, which no name can leave.

    >>> locate("gemini-3.8-flash")
    ('models/gemini-3.8-flash', '/models/gemini-3.8-flash')
    >>> locate("tunedModels/../x?")
    ('tunedModels/../x?', '/tunedModels/..%2Fx%3F')
    """
    collection, _, name = model.partition("/")
    if collection not in ("models", "tunedModels"):
        collection, name = "models", model
    if not name:
        raise ProviderInputError("model is a prefix without a name; give one such as models/gemini-3.8-flash")
    try:
        return f"{collection}/{name}", f"/{collection}/{quote(name, safe='')}"
    except UnicodeEncodeError:
        problem = "model holds half a surrogate pair, which is no character; check where the name comes from"
    raise ProviderInputError(problem)


def reads_task_in_text(resource: str) -> bool:
    """Whether a model ignores `taskType` and is told the task in the text: those after gemini-embedding-001."""
    version = re.match(r"models/gemini-embedding-([0-9]{1,9})(?![0-9])", resource)
    return version is not None and int(version[1]) > 1


def is_shortened(resource: str, dimensions: int | None) -> bool:
    """Whether vectors come that were cut without being brought back to unit length, as gemini-embedding-001 does."""
    return resource == "models/gemini-embedding-001" and (dimensions or FULL_DIMENSIONS) < FULL_DIMENSIONS


def unit_length(vector: Sequence[float]) -> list[float]:
    """Return the vector with the length 1; one of length 0 or infinity stays as it is."""
    length = math.hypot(*vector)
    return [value / length for value in vector] if 0 < length < math.inf else list(vector)


def parse_vector(row: Any, *, packed: bool = False) -> Sequence[float]:
    """Read one embedding; packed as float32 it is let go where it came from."""
    vector: Sequence[float] | None = None
    if isinstance(row, dict):
        vector = packed_or_none(row.pop("values", None)) if packed else vector_or_none(row.get("values"))
    if vector is None:
        raise response_error("with an embedding that is no list of finite numbers")
    return vector
