"""The OpenAI wire format: Chat Completions and embeddings, as OpenAI and many compatible servers speak it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from .. import options as check
from ..dialect import EmbeddingBatch, EmbeddingLimits, Request, api_error, find_message, response_error
from ..domain import (
    Completion,
    ProviderAPIError,
    ProviderAuthenticationError,
    ProviderContentFilterError,
    ProviderContextLengthError,
    ProviderInputError,
    ProviderQuotaError,
    ProviderRateLimitError,
)
from ..values import count_or_none, text_or_none
from .openai_answers import (
    OpenAIStreamParser,
    first_choice,
    joined_parts,
    read_native,
    read_reasoning,
    read_tool_calls,
    unified_finish_reason,
)
from .openai_embeddings import read_embeddings
from .openai_usage import parse_usage

if TYPE_CHECKING:
    from ..capabilities import Capabilities, Model, ModelPage
    from ..messages import Message

OPTIONS: Mapping[str, check.Check] = {
    "system": check.text,
    "temperature": check.number,
    "max_tokens": check.count,
    "top_p": check.number,
    "frequency_penalty": check.signed_number,
    "presence_penalty": check.signed_number,
    "stop": check.texts,
    "seed": check.integer,
    "reasoning": check.reasoning,
    "reasoning_effort": check.text,
    "tools": check.tools,
    "tool_choice": check.tool_choice,
    "parallel_tool_calls": check.flag,
    "output": check.anything,
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

USUAL_REASONS = ("stop", "length")
USUAL_FIELDS = frozenset({"role", "content", "refusal", "annotations"})

EMBEDDING_OPTIONS: Mapping[str, check.Check] = {"user": check.text}


@functools.cache
def _message_writer() -> Callable[..., list[dict[str, Any]]]:
    """Return what writes conversations; who asks with texts alone needs nothing of it."""
    from .openai_messages import write_messages

    return write_messages


@attrs.frozen(kw_only=True)
class OpenAIDialect:
    """The OpenAI wire format.

    A service that speaks it with additions is a subclass: `effort_for`, `make_error` and `error_in_choice` are made to
    be overridden.

    Attributes:
        max_tokens_field: The wire's name for `max_tokens`: OpenAI's own current models take only
            "max_completion_tokens", most compatible servers only "max_tokens".
        extra_options: Options that a service takes beyond `OPTIONS`; they are sent under their own name.
        embedding_options: The same for embeddings, all of them.
        embedding_limits: OpenAI's own: 2,048 texts and 300,000 tokens a request.
        name: Whose the native data are that the messages of this service carry.
        carried: The fields of an assistant's message that the service wants back with the next turn.
        file_urls: Whether files may be given by their address.
    """

    max_tokens_field: str = "max_tokens"
    extra_options: Mapping[str, check.Check] = attrs.field(factory=dict)
    embedding_options: Mapping[str, check.Check] = EMBEDDING_OPTIONS
    embedding_limits: EmbeddingLimits = EmbeddingLimits(inputs=2048, size=300_000)
    name: str = "openai.chat"
    carried: tuple[str, ...] = ("reasoning_content", "reasoning_details")
    file_urls: bool = False

    @property
    def capabilities(self) -> Capabilities:
        """What the format can say; a server may know less of it."""
        from ..capabilities import Capabilities

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
            options=frozenset({*OPTIONS, *self.extra_options}),
        )

    def complete(
        self, prompt: str | Sequence[Message], *, model: str, stream: bool, options: Mapping[str, Any]
    ) -> Request:
        """Return the request to `/chat/completions`."""
        # The type first, since asking for it is no function call.
        if type(prompt) is not list and isinstance(prompt, str):
            messages: list[dict[str, Any]] = [{"role": "user", "content": prompt}]
        else:
            messages = _message_writer()(prompt, native=self.name, file_urls=self.file_urls)
        body: dict[str, Any] = {"model": model, "messages": messages}
        if options:
            self._write_options(body, model, check.check_options(options, {**OPTIONS, **self.extra_options}))
        if stream:
            body["stream"] = True
            body["stream_options"] = {"include_usage": True}
        return Request("/chat/completions", body, stream)

    def _write_options(self, body: dict[str, Any], model: str, options: Mapping[str, Any]) -> None:
        if "reasoning" in options and "reasoning_effort" in options:
            raise ProviderInputError("reasoning and reasoning_effort say the same; give one of them")
        for name, value in options.items():
            if name == "system":
                body["messages"].insert(0, {"role": "system", "content": value})
            elif name == "max_tokens":
                body[self.max_tokens_field] = value
            elif name == "reasoning" and isinstance(value, str):
                if (effort := self.effort_for(model, value)) is not None:
                    body["reasoning_effort"] = effort
            elif name in ("tools", "tool_choice", "output"):
                field, written = self._write_structured(name, value)
                body[field] = written
            else:
                body[name] = value

    def _write_structured(self, name: str, value: Any) -> tuple[str, Any]:
        from . import openai_messages as write

        if name == "tools":
            return name, [write.write_tool(tool) for tool in value]
        if name == "tool_choice":
            return name, write.write_tool_choice(value)
        return "response_format", write.write_output(value)

    def effort_for(self, model: str, asked: str) -> str | None:
        """Return the effort to ask a model for, or None for nothing to be sent; by default what was asked for."""
        return asked

    def models(self, page: str | None) -> Request:
        """Return the request for `/models`, which come as one page."""
        return Request("/models", {}, method="GET")

    def parse_models(self, payload: Any) -> ModelPage:
        """Read the list of models."""
        from ..capabilities import ModelPage

        if isinstance(payload, dict) and (error := payload.get("error")):
            raise self.error_in_answer(error)
        rows = payload.get("data") if isinstance(payload, dict) else None
        if not isinstance(rows, list):
            raise response_error("without a list of models")
        return ModelPage(
            tuple(self.parse_model(row) for row in rows if isinstance(row, dict) and text_or_none(row.get("id")))
        )

    def parse_model(self, row: Mapping[str, Any]) -> Model:
        """Read one model, which has an id."""
        from ..capabilities import Model

        return Model(
            id=row["id"],
            name=text_or_none(row.get("name")),
            created=count_or_none(row.get("created")),
            # What some compatible servers add: OpenRouter's kind, vLLM's.
            context_length=count_or_none(row.get("context_length")) or count_or_none(row.get("max_model_len")),
            raw=row,
        )

    def parse_completion(self, payload: Any) -> Completion:
        """Read an answer; of several choices, the first."""
        try:
            # The usual answer, of which most calls are: one text and nothing else.
            (choice,) = payload["choices"]
            message = choice["message"]
            text, reason = message["content"], choice["finish_reason"]
            usual = text and type(text) is str and reason in USUAL_REASONS and message.keys() <= USUAL_FIELDS
            if (
                usual
                and choice["index"] == 0
                and not ("error" in payload or "error" in choice or "native_finish_reason" in choice)
            ):
                return Completion(
                    text,
                    usage=parse_usage(payload["usage"]),
                    finish_reason=reason,
                    model=payload["model"] if type(payload["model"]) is str else None,
                    id=payload["id"] if type(payload["id"]) is str else None,
                    refusal=text_or_none(message["refusal"]) if "refusal" in message else None,
                    raw=payload,
                )
        except (KeyError, TypeError, ValueError, AttributeError):
            pass
        return self._parse_unusual(payload)

    def _parse_unusual(self, payload: Any) -> Completion:
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
        tool_calls = read_tool_calls(message)
        refusal = message.get("refusal")
        if content is None and not (finish_reason or tool_calls or refusal):
            raise response_error("without a text")
        return Completion(
            content or "",
            usage=parse_usage(payload.get("usage")),
            finish_reason=unified_finish_reason(finish_reason, called=bool(tool_calls)),
            native_finish_reason=text_or_none(choice.get("native_finish_reason")) or text_or_none(finish_reason),
            model=text_or_none(payload.get("model")),
            id=text_or_none(payload.get("id")),
            tool_calls=tool_calls,
            reasoning=read_reasoning(message),
            refusal=text_or_none(refusal),
            native=read_native(self.name, self.carried, message, tool_calls),
            raw=payload,
        )

    def stream_parser(self) -> OpenAIStreamParser:
        """Return the reader of one stream."""
        return OpenAIStreamParser(self, native=self.name, carried=self.carried)

    def embed(self, texts: Sequence[str], *, model: str, dimensions: int | None, options: Mapping[str, Any]) -> Request:
        """Return the request to `/embeddings`."""
        # base64 is a third of the bytes and a tenth of the work; a server that doesn't know it sends numbers.
        body: dict[str, Any] = {"model": model, "input": list(texts), "encoding_format": "base64"}
        if dimensions is not None:
            body["dimensions"] = dimensions
        body.update(check.check_options(options, self.embedding_options, shared=()))
        return Request("/embeddings", body)

    def parse_embeddings(self, payload: Any, request: Request) -> EmbeddingBatch:
        """Read an answer; its rows are put in the order of their `index`."""
        if isinstance(payload, dict) and (error := payload.get("error")):
            raise self.error_in_answer(error)
        return read_embeddings(payload, len(request.body["input"]))

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
