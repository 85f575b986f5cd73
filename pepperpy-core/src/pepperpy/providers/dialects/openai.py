"""The OpenAI wire format: Chat Completions and embeddings, as OpenAI and many compatible servers speak it."""

from __future__ import annotations

import binascii
import re
import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from .. import options as check
from ..dialect import EmbeddingBatch, EmbeddingLimits, Request, api_error, find_message, response_error
from ..domain import (
    Completion,
    ProviderAPIError,
    ProviderAuthenticationError,
    ProviderContentFilterError,
    ProviderContextLengthError,
    ProviderQuotaError,
    ProviderRateLimitError,
)
from ..values import is_finite, text_or_none, vector_or_none
from .openai_answers import OpenAIStreamParser, first_choice, joined_parts, parse_usage, unified_finish_reason

OPTIONS: Mapping[str, check.Check] = {
    "system": check.text,
    "temperature": check.number,
    "max_tokens": check.count,
    "top_p": check.number,
    "frequency_penalty": check.signed_number,
    "presence_penalty": check.signed_number,
    "stop": check.texts,
    "seed": check.integer,
    "reasoning_effort": check.text,
    "user": check.text,
}

ERROR_CODES: Mapping[str, type[ProviderAPIError]] = {
    "invalid_api_key": ProviderAuthenticationError,
    "insufficient_quota": ProviderQuotaError,
    "credit_balance_exhausted": ProviderQuotaError,
    "organization_spend_limit_exceeded": ProviderQuotaError,
    "project_spend_limit_exceeded": ProviderQuotaError,
    "organization_usage_limit_exceeded": ProviderQuotaError,
    "billing_hard_limit_reached": ProviderQuotaError,
    "rate_limit_exceeded": ProviderRateLimitError,
    "rate_limit_error": ProviderRateLimitError,
    "slow_down": ProviderRateLimitError,
    "context_length_exceeded": ProviderContextLengthError,
    "exceed_context_size_error": ProviderContextLengthError,
    "content_filter": ProviderContentFilterError,
    "content_policy_violation": ProviderContentFilterError,
}


TRANSIENT_CODES = frozenset({"server_error", "server_is_overloaded", "service_unavailable_error", "overloaded_error"})
"""What passes by itself, also inside an answer whose status says nothing."""

EMBEDDING_OPTIONS: Mapping[str, check.Check] = {"user": check.text}


@attrs.frozen(kw_only=True)
class OpenAIDialect:
    """The OpenAI wire format.

    A service that speaks it with additions is a subclass: `make_error` and `error_in_choice` are made to be overridden.

    Attributes:
        max_tokens_field: The wire's name for `max_tokens`: OpenAI's own current models take only
            "max_completion_tokens", most compatible servers only "max_tokens".
        extra_options: Options that a service takes beyond `OPTIONS`; they are sent under their own name.
        embedding_options: The same for embeddings, all of them.
        embedding_limits: OpenAI's own: 2,048 texts and 300,000 tokens a request.
    """

    max_tokens_field: str = "max_tokens"
    extra_options: Mapping[str, check.Check] = attrs.field(factory=dict)
    embedding_options: Mapping[str, check.Check] = EMBEDDING_OPTIONS
    embedding_limits: EmbeddingLimits = EmbeddingLimits(inputs=2048, size=300_000)

    def complete(self, prompt: str, *, model: str, stream: bool, options: Mapping[str, Any]) -> Request:
        """Return the request to `/chat/completions`."""
        body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": prompt}]}
        if options:
            options = check.check_options(options, {**OPTIONS, **self.extra_options})
            for name, value in options.items():
                if name == "system":
                    body["messages"].insert(0, {"role": "system", "content": value})
                elif name == "max_tokens":
                    body[self.max_tokens_field] = value
                else:
                    body[name] = value
        if stream:
            body["stream"] = True
            body["stream_options"] = {"include_usage": True}
        return Request("/chat/completions", body, stream)

    def parse_completion(self, payload: Any) -> Completion:
        """Read an answer; of several choices, the first."""
        if not isinstance(payload, dict):
            raise response_error("with no JSON object")
        if error := payload.get("error"):
            raise self.error_in_answer(error)
        choice = first_choice(payload.get("choices"))
        if choice is None:
            raise response_error("without a choice", retryable="choices" in payload)
        if failure := self.error_in_choice(choice):
            raise failure
        message = choice.get("message")
        if not isinstance(message, dict):
            raise response_error("without a message")
        content = message.get("content")
        finish_reason = choice.get("finish_reason")
        if content is not None and not isinstance(content, str):
            content = joined_parts(content)
            if content is None:
                raise response_error("with a content that is no text")
        tool_calls = message.get("tool_calls")
        refusal = message.get("refusal")
        if content is None and not (finish_reason or tool_calls or refusal):
            raise response_error("without a text")
        return Completion(
            content or "",
            usage=parse_usage(payload.get("usage")),
            finish_reason=unified_finish_reason(finish_reason),
            native_finish_reason=text_or_none(choice.get("native_finish_reason")) or text_or_none(finish_reason),
            model=text_or_none(payload.get("model")),
            id=text_or_none(payload.get("id")),
            tool_calls=tuple(tool_calls) if isinstance(tool_calls, list) else (),
            reasoning=text_or_none(message.get("reasoning_content")) or text_or_none(message.get("reasoning")),
            refusal=text_or_none(refusal),
            raw=payload,
        )

    def stream_parser(self) -> OpenAIStreamParser:
        """Return the reader of one stream."""
        return OpenAIStreamParser(self)

    def embed(self, texts: Sequence[str], *, model: str, dimensions: int | None, options: Mapping[str, Any]) -> Request:
        """Return the request to `/embeddings`."""
        # base64 is a third of the bytes and a tenth of the work; a server that doesn't know it sends numbers.
        body: dict[str, Any] = {"model": model, "input": list(texts), "encoding_format": "base64"}
        if dimensions is not None:
            body["dimensions"] = dimensions
        body.update(check.check_options(options, self.embedding_options))
        return Request("/embeddings", body)

    def parse_embeddings(self, payload: Any, request: Request) -> EmbeddingBatch:
        """Read an answer; its rows are put in the order of their `index`."""
        count = len(request.body["input"])
        if not isinstance(payload, dict):
            raise response_error("with no JSON object")
        if error := payload.get("error"):
            raise self.error_in_answer(error)
        rows = payload.get("data")
        if not isinstance(rows, list) or len(rows) != count or not all(isinstance(row, dict) for row in rows):
            raise response_error(f"without the {count} embeddings that were asked for")
        vectors: list[Sequence[float]] = [()] * count
        for place, row in enumerate(rows):
            index = row.get("index", place)
            if type(index) is not int or not 0 <= index < count or vectors[index]:
                raise response_error("with embeddings that are numbered wrong")
            # Each text is let go as soon as it is decoded: together they are larger than the vectors.
            vectors[index] = parse_vector(row.pop("embedding", None))
        if len({len(vector) for vector in vectors}) > 1:
            raise response_error("with embeddings of several lengths")
        return EmbeddingBatch(vectors, parse_usage(payload.get("usage")), text_or_none(payload.get("model")))

    def parse_error(self, status: int, payload: Any) -> ProviderAPIError:
        """Read an error body, of OpenAI's shape or any other."""
        error = payload.get("error") if isinstance(payload, dict) else None
        fields = error if isinstance(error, dict) else payload if isinstance(payload, dict) else {}
        return self.make_error(status, fields, find_message(payload))

    def error_in_answer(self, error: Any) -> ProviderAPIError:
        """Read the `error` of an answer whose status was 200; its own code, where it is a status, stands for it."""
        fields = error if isinstance(error, dict) else {}
        code = fields.get("code")
        stands_for_it = isinstance(code, (int, str)) and re.fullmatch("[45][0-9][0-9]", str(code))
        found = self.make_error(int(str(code)) if stands_for_it else 200, fields, find_message(error))
        found.details["status"] = 200
        return found

    def error_in_choice(self, choice: Mapping[str, Any]) -> ProviderAPIError | None:
        """Return the error that a choice is instead of an answer, or None; asked where it has an error or an end."""
        error = choice.get("error")
        return self.error_in_answer(error) if error else None

    def make_error(
        self,
        status: int,
        fields: Mapping[str, Any],
        message: str,
        *,
        kind: type[ProviderAPIError] | None = None,
        retryable: bool | None = None,
        **details: Any,
    ) -> ProviderAPIError:
        """Return the error that an error object means.

        Args:
            status: The HTTP status, or the code that stands for it.
            fields: The error object.
            message: The service's words, found already.
            kind: The class, where the service tells it in a way of its own.
            retryable: Whether a repetition may help, where the service tells it in a way of its own.
            **details: Facts beyond `code`, `type` and `param`; None is left out.
        """
        code, kind_of_error = fields.get("code"), text_or_none(fields.get("type"))
        code = str(code) if isinstance(code, (int, str)) else kind_of_error
        if kind is None:
            kind = next((ERROR_CODES[name] for name in (code, kind_of_error) if name and name in ERROR_CODES), None)
        if kind is None and status == 400 and "maximum context length" in message:
            kind = ProviderContextLengthError
        if kind is None and retryable is None and not TRANSIENT_CODES.isdisjoint({code, kind_of_error}):
            retryable = True
        return api_error(
            status,
            message,
            kind=kind,
            retryable=retryable,
            code=code,
            type=kind_of_error,
            param=text_or_none(fields.get("param")),
            **details,
        )


def parse_vector(embedding: Any) -> Sequence[float]:
    """Read an embedding: base64 of little-endian float32, or a list of numbers."""
    if not isinstance(embedding, str):
        vector = vector_or_none(embedding)
        if vector is None:
            raise response_error("with an embedding that is no list of finite numbers")
        return vector
    try:
        packed = array("f", binascii.a2b_base64(embedding, strict_mode=True))
    except ValueError:
        raise response_error("with an embedding that is no base64 of float32") from None
    if sys.byteorder == "big":
        packed.byteswap()
    if not is_finite(packed):
        raise response_error("with an embedding that is empty or not finite")
    return packed
