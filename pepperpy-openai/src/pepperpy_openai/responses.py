"""OpenAI's Responses API, and the same on other servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from pepperpy.providers import options as check
from pepperpy.providers.dialect import Request, api_error, find_message, response_error
from pepperpy.providers.dialects.openai import OpenAIDialect
from pepperpy.providers.domain import (
    Completion,
    ProviderAPIError,
    ProviderCapabilityError,
    ProviderContentFilterError,
    ProviderInputError,
)
from pepperpy.providers.values import text_or_none

from .models import effort_for, family_of, known_family
from .responses_answers import NATIVE, items_in, read_answer
from .responses_stream import ResponsesStreamParser

if TYPE_CHECKING:
    from pepperpy.providers.capabilities import Capabilities
    from pepperpy.providers.messages import Message

OPTIONS: Mapping[str, check.Check] = {
    "system": check.text,
    "temperature": check.number,
    "max_tokens": check.count,
    "top_p": check.number,
    "reasoning": check.reasoning,
    "reasoning_effort": check.text,
    "reasoning_summary": check.text,
    "tools": check.tools,
    "tool_choice": check.tool_choice,
    "parallel_tool_calls": check.flag,
    "max_tool_calls": check.count,
    "output": check.anything,
    "verbosity": check.text,
    "store": check.flag,
    "include": check.texts,
    "previous_response_id": check.text,
    "conversation": check.text,
    "truncation": check.text,
    "metadata": check.mapping,
    "service_tier": check.text,
    "prompt_cache_key": check.text,
    "safety_identifier": check.text,
    "user": check.text,
}

CHAT_ALONE = ("stop", "seed", "frequency_penalty", "presence_penalty")
"""What Chat Completions takes and this API does not."""

FIELDS: Mapping[str, tuple[str, ...]] = {
    "max_tokens": ("max_output_tokens",),
    "reasoning_effort": ("reasoning", "effort"),
    "reasoning_summary": ("reasoning", "summary"),
    "verbosity": ("text", "verbosity"),
}
"""The places of the options that are called otherwise here."""

ENCRYPTED = "reasoning.encrypted_content"

FILTER_CODES = frozenset({"invalid_prompt", "bio_policy", "cyber_policy", "image_content_policy_violation"})
"""The codes by which the service says that it does not take what a prompt says."""


@attrs.frozen(kw_only=True)
class ResponsesDialect(OpenAIDialect):
    """The Responses API. Embeddings, models and errors are those of every API of OpenAI's.

    Attributes:
        is_openai: Whether OpenAI itself answers, whose models are known by their names.
    """

    is_openai: bool = True
    name: str = NATIVE

    @property
    def capabilities(self) -> Capabilities:
        """What the API can say; a single model may do less."""
        return attrs.evolve(super().capabilities, options=frozenset(OPTIONS))

    def complete(
        self, prompt: str | Sequence[Message], *, model: str, stream: bool, options: Mapping[str, Any]
    ) -> Request:
        """Return the request to `/responses`."""
        body: dict[str, Any] = {"model": model, "input": prompt, "store": False}
        if options:
            self._write_options(body, model, _checked(options))
        if not body["store"] and self._is_reasoner(model):
            # Without it, the reasoning of an answer that is not stored is lost to the next turn.
            body["include"] = list(dict.fromkeys([*body.get("include", ()), ENCRYPTED]))
        if not isinstance(prompt, str):
            # Imported here: who asks with texts alone needs nothing of it.
            from .ids import with_short_ids
            from .responses_messages import write_conversation

            messages = with_short_ids(prompt, native=self.name)
            own, body["input"] = write_conversation(messages, native=self.name, stored=body["store"])
            if own is not None:
                body["instructions"] = f"{body['instructions']}\n\n{own}" if "instructions" in body else own
        if stream:
            body["stream"] = True
        return Request("/responses", body, stream)

    def _write_options(self, body: dict[str, Any], model: str, options: Mapping[str, Any]) -> None:
        for name, value in options.items():
            if name == "system":
                body["instructions"] = value
            elif name == "reasoning":
                if (effort := self.effort_for(model, value)) is not None:
                    _put(body, FIELDS["reasoning_effort"], effort)
            elif name in ("tools", "tool_choice", "output"):
                from . import responses_messages as write

                if name == "output":
                    _put(body, ("text", "format"), write.write_format(value))
                elif name == "tools":
                    body[name] = [write.write_tool(tool) for tool in value]
                else:
                    body[name] = write.write_tool_choice(value)
            else:
                _put(body, FIELDS.get(name, (name,)), value)

    def effort_for(self, model: str, asked: str) -> str | None:
        """Return the nearest effort that a model of OpenAI's has; other servers get what was asked for."""
        return effort_for(model, asked) if self.is_openai else asked

    def _is_reasoner(self, model: str) -> bool:
        # Other servers may refuse what they do not know; a model of OpenAI's behind one is known by its name.
        family = family_of(model) if self.is_openai else known_family(model)
        return family is not None and family.reasons

    def parse_completion(self, payload: Any) -> Completion:
        """Read an answer."""
        if not isinstance(payload, dict):
            raise response_error("with no JSON object")
        if error := self.error_in_response(payload):
            raise error
        items = items_in(payload.get("output"))
        if items is None:
            text = text_or_none(payload.get("output_text"))
            if text is None:
                raise response_error("without an output")
            items = [{"type": "message", "content": text}]
        if not (items or text_or_none(payload.get("status"))):
            raise response_error("without an answer", retryable=True)
        return read_answer(payload, items)

    def stream_parser(self) -> ResponsesStreamParser:  # type: ignore[override]
        """Return the reader of one stream."""
        return ResponsesStreamParser(self)

    def error_in_response(self, response: Mapping[str, Any]) -> ProviderAPIError | None:
        """Return the error that a response object is instead of an answer, or None."""
        if error := response.get("error"):
            return self.error_in_answer(error)
        if response.get("status") == "failed":
            said = find_message(response.get("incomplete_details")) or "the answer failed, and nothing says why"
            return api_error(200, said, retryable=True)
        return None

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
        """Return the error that an error object means; some codes are of this API alone."""
        code = fields.get("code")
        if kind is None and isinstance(code, str):
            if code in FILTER_CODES:
                kind = ProviderContentFilterError
            elif code == "vector_store_timeout":
                retryable = True
        return OpenAIDialect.make_error(self, status, fields, message, kind=kind, retryable=retryable, **details)


def _checked(options: Mapping[str, Any]) -> dict[str, Any]:
    for name in CHAT_ALONE:
        if name in options:
            raise ProviderCapabilityError(
                f'the Responses API has no {name}; leave it out, or give api="chat" to create_provider'
            )
    if "reasoning" in options and "reasoning_effort" in options:
        raise ProviderInputError("reasoning and reasoning_effort say the same; give one of them")
    return check.check_options(options, OPTIONS)


def _put(body: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    *outer, name = place
    for each in outer:
        body = body.setdefault(each, {})
    body[name] = value
