"""The OpenAI wire format: Chat Completions and embeddings, as OpenAI and many compatible servers speak it."""

from __future__ import annotations

import binascii
import math
import re
import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from .. import options as check
from .._codec import loads
from ..dialect import EmbeddingBatch, EmbeddingLimits, Request, api_error, find_message, response_error
from ..domain import (
    Completion,
    ProviderAPIError,
    ProviderAuthenticationError,
    ProviderContentFilterError,
    ProviderContextLengthError,
    ProviderQuotaError,
    ProviderRateLimitError,
    Usage,
)

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
        tool_calls = message.get("tool_calls")
        if content is None and not (finish_reason or tool_calls or message.get("refusal")):
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
            refusal=text_or_none(message.get("refusal")),
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

    def parse_embeddings(self, payload: Any, count: int) -> EmbeddingBatch:
        """Read an answer; its rows are put in the order of their `index`."""
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


class OpenAIStreamParser:
    """Reads the chunks of one Chat Completions stream."""

    def __init__(self, dialect: OpenAIDialect) -> None:
        self.done = False
        self.error: ProviderAPIError | None = None
        self._dialect = dialect
        self._texts: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._tool_calls: dict[int, dict[str, Any]] = {}
        self._finish_reason: Any = None
        self._native_finish_reason: Any = None
        self._usage: Any = None
        self._model: Any = None
        self._id: Any = None

    @property
    def finished(self) -> bool:
        """Whether a finish reason or `[DONE]` came."""
        return self.done or self._finish_reason is not None

    def feed(self, events: Sequence[bytes]) -> list[str]:
        """Read some chunks and return their pieces of text."""
        pieces: list[str] = []
        for event in events:
            data = event.strip()
            if data == b"[DONE]":
                self.done = True
                if not (pieces or self._holds_an_answer()):
                    self.error = response_error("with a stream that holds no answer", retryable=True)
                break
            try:
                chunk = loads(data) if data else None
            except ValueError:
                # Behind the end of the answer a broken event loses nothing.
                if self.finished:
                    continue
                self.error = response_error("with an event that is no JSON")
                break
            if not isinstance(chunk, dict):
                continue
            if piece := self._read(chunk):
                pieces.append(piece)
            if self.error is not None:
                break
        self._texts += pieces
        return pieces

    def _holds_an_answer(self) -> bool:
        return bool(self._texts or self._finish_reason or self._tool_calls or self._reasoning or self._refusal)

    def _read(self, chunk: dict[str, Any]) -> str | None:
        choice = first_choice(chunk.get("choices"))
        if error := chunk.get("error"):
            self.error = self._dialect.error_in_answer(error)
        if choice is None or error or chunk.get("usage"):
            self._note(chunk)
        if choice is None:
            return None
        if self._id is None:
            self._note(chunk)
        if reason := choice.get("finish_reason"):
            self._finish_reason = reason
            self._native_finish_reason = choice.get("native_finish_reason")
        if self.error is None and (reason or "error" in choice):
            self.error = self._dialect.error_in_choice(choice)
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return None
        if len(delta) > 1 or "content" not in delta:
            self._read_rest(delta)
        content = delta.get("content")
        return content if isinstance(content, str) else joined_parts(content)

    def _read_rest(self, delta: dict[str, Any]) -> None:
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(reasoning, str):
            self._reasoning.append(reasoning)
        if isinstance(refusal := delta.get("refusal"), str):
            self._refusal.append(refusal)
        fragments = delta.get("tool_calls")
        for fragment in fragments if isinstance(fragments, list) else ():
            if isinstance(fragment, dict):
                merge_tool_call(self._tool_calls, fragment)

    def _note(self, chunk: dict[str, Any]) -> None:
        self._usage = chunk.get("usage") or self._usage
        self._model = chunk.get("model") or self._model
        self._id = chunk.get("id") or self._id

    def completion(self) -> Completion:
        """Return what has come so far."""
        return Completion(
            "".join(self._texts),
            usage=parse_usage(self._usage),
            finish_reason=unified_finish_reason(self._finish_reason),
            native_finish_reason=text_or_none(self._native_finish_reason) or text_or_none(self._finish_reason),
            model=text_or_none(self._model),
            id=text_or_none(self._id),
            tool_calls=tuple(self._tool_calls.values()),
            reasoning="".join(self._reasoning) or None,
            refusal="".join(self._refusal) or None,
        )


def first_choice(choices: Any) -> dict[str, Any] | None:
    """Return the choice with index 0, or None where there is none."""
    if isinstance(choices, list):
        for choice in choices:
            if isinstance(choice, dict) and not choice.get("index"):
                return choice
    return None


def joined_parts(content: Any) -> str | None:
    """Return the text of a content that came as a list of parts, as some servers send it."""
    if not isinstance(content, list):
        return None
    texts = (part.get("text") for part in content if isinstance(part, dict))
    return "".join(text for text in texts if isinstance(text, str))


def merge_tool_call(calls: dict[int, dict[str, Any]], fragment: dict[str, Any]) -> None:
    """Put a fragment of a tool call to those with its `index`."""
    index = fragment.get("index")
    call = calls.setdefault(
        index if isinstance(index, int) else len(calls), {"type": "function", "function": {"name": "", "arguments": ""}}
    )
    if isinstance(fragment.get("id"), str) and fragment["id"]:
        call["id"] = fragment["id"]
    function = fragment.get("function")
    if isinstance(function, dict):
        for name in ("name", "arguments"):
            if isinstance(function.get(name), str):
                call["function"][name] += function[name]


def unified_finish_reason(reason: Any) -> str | None:
    """Return the reason in the words that all providers share."""
    if not isinstance(reason, str):
        return None
    return "tool_calls" if reason == "function_call" else reason


def parse_usage(usage: Any) -> Usage:
    """Read a usage object; what is missing or broken is None."""
    if not isinstance(usage, dict):
        return Completion.NO_USAGE
    prompt_details, completion_details = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    return Usage(
        input_tokens=count_or_none(usage.get("prompt_tokens")),
        output_tokens=count_or_none(usage.get("completion_tokens")),
        total_tokens=count_or_none(usage.get("total_tokens")),
        cached_tokens=count_or_none(prompt_details.get("cached_tokens")) if isinstance(prompt_details, dict) else None,
        reasoning_tokens=(
            count_or_none(completion_details.get("reasoning_tokens")) if isinstance(completion_details, dict) else None
        ),
        cost=number_or_none(usage.get("cost")),
    )


def parse_vector(embedding: Any) -> Sequence[float]:
    """Read an embedding: base64 of little-endian float32, or a list of numbers."""
    vector: Sequence[float]
    if isinstance(embedding, str):
        try:
            vector = array("f", binascii.a2b_base64(embedding, strict_mode=True))
        except ValueError:
            raise response_error("with an embedding that is no base64 of float32") from None
        if sys.byteorder == "big":
            vector.byteswap()
    else:
        vector = check_floats(embedding)
    # One sum instead of a test for each: a single nan or infinity spoils it.
    if not vector or not math.isfinite(sum(vector)):
        raise response_error("with an embedding that is empty or not finite")
    return vector


def check_floats(values: Any) -> list[float]:
    """Return a list of numbers as floats."""
    try:
        if isinstance(values, list) and all(type(value) is float or type(value) is int for value in values):
            return [float(value) for value in values]
    except OverflowError:
        pass
    raise response_error("with an embedding that is no list of numbers")


def text_or_none(value: Any) -> str | None:
    """Return `value` where it is a text that is not empty."""
    return value if isinstance(value, str) and value else None


def count_or_none(value: Any) -> int | None:
    """Return `value` where it is a count."""
    return value if type(value) is int and value >= 0 else None


def number_or_none(value: Any) -> float | None:
    """Return `value` where it is a finite number, 0 or more."""
    return value if type(value) in (int, float) and 0 <= value <= sys.float_info.max else None
