"""The OpenAI wire format as llama.cpp's server speaks it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from pepperpy.providers import (
    Capabilities,
    Completion,
    Message,
    Model,
    ProviderAPIError,
    ProviderCapabilityError,
    ProviderContextLengthError,
    Text,
    ToolCall,
)
from pepperpy.providers.dialect import EmbeddingLimits, Request, StreamParser
from pepperpy.providers.dialects.openai import OpenAIDialect

_BEGUN = re.compile(r'\s*\{\s*"name"\s*:\s*"([^"]*)"\s*,\s*"arguments"\s*:\s*(.*)', re.DOTALL)


@attrs.frozen(kw_only=True)
class LocalDialect(OpenAIDialect):
    """The OpenAI wire format without what llama.cpp has not."""

    embedding_limits: EmbeddingLimits = EmbeddingLimits(inputs=64)
    name: str = "local"

    @property
    def capabilities(self) -> Capabilities:
        """What every model can do here: what is no text, and how much to think, is not in all of them."""
        offered = super().capabilities
        options = (offered.options or frozenset()) - {"reasoning", "reasoning_effort"}
        return attrs.evolve(offered, images=False, audio=False, files=False, reasoning=False, options=options)

    def complete(
        self, prompt: str | Sequence[Message], *, model: str, stream: bool, options: Mapping[str, Any]
    ) -> Request:
        """Return the request; what a model of texts cannot take is refused."""
        if not isinstance(prompt, str):
            check_texts(prompt)
            prompt = with_readable_calls(prompt)
        for name in ("reasoning", "reasoning_effort"):
            if name in options:
                raise ProviderCapabilityError(
                    f"a local model cannot be told how much to think; leave {name} out, or give what its chat template "
                    'takes: extra_body={"chat_template_kwargs": {...}}'
                )
        return super().complete(prompt, model=model, stream=stream, options=options)

    def parse_model(self, row: Mapping[str, Any]) -> Model:
        """Read the model, of which llama.cpp tells more than others do."""
        found = super().parse_model(row)
        meta = row.get("meta")
        length = meta.get("n_ctx") if isinstance(meta, dict) else None
        return attrs.evolve(found, context_length=length) if type(length) is int and length > 0 else found

    def make_error(self, status: int, fields: Mapping[str, Any], message: str, **rest: Any) -> ProviderAPIError:
        """Return the error; one of them llama.cpp takes for its own."""
        if "too large to process" in message:
            rest.update(kind=ProviderContextLengthError, retryable=False)
        return super().make_error(status, fields, message, **rest)


class CallingDialect(LocalDialect):
    """The same for an answer that has to be a call.

    llama.cpp lets a model talk before a call that it must make, and a small one talks for ever. So the answer is held
    to the schema of a call instead.
    """

    def complete(
        self, prompt: str | Sequence[Message], *, model: str, stream: bool, options: Mapping[str, Any]
    ) -> Request:
        """Return the request; of the tools it has those that may be called."""
        request = super().complete(prompt, model=model, stream=stream, options=options)
        body = dict(request.body)
        choice = body.pop("tool_choice", None)
        if choice is None:
            return request
        if isinstance(choice, dict):
            name = choice["function"]["name"]
            body["tools"] = [tool for tool in body["tools"] if tool["function"]["name"] == name]
        schema = schema_of_a_call([tool["function"] for tool in body["tools"]])
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "call", "schema": schema}}
        # What our own template goes by.
        body["chat_template_kwargs"] = {"demanded": True}
        return attrs.evolve(request, body=body)

    def parse_completion(self, payload: Any) -> Completion:
        """Read an answer, which is a call."""
        return as_a_call(super().parse_completion(payload))

    def stream_parser(self) -> Any:
        """Return the reader of one stream, which has no text."""
        return _CallParser(super().stream_parser())


class _CallParser:
    """Reads a stream whose text is a call."""

    def __init__(self, parser: StreamParser) -> None:
        self._parser = parser

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)

    def feed(self, events: Sequence[bytes]) -> list[str]:
        self._parser.feed(events)
        return []

    def completion(self) -> Completion:
        return as_a_call(self._parser.completion())


def check_texts(prompt: Sequence[Message]) -> None:
    """Raise unless the messages hold texts alone."""
    for message in prompt:
        for part in () if isinstance(message.content, str) else message.content:
            if not isinstance(part, Text):
                raise ProviderCapabilityError(
                    f"a local model reads text alone, no {type(part).__name__}; say in words what is in it"
                )


def with_readable_calls(prompt: Sequence[Message]) -> Sequence[Message]:
    """Return the messages with the arguments of every call as an object, without which llama.cpp fails.

    A call that was cut by `max_tokens` has none; the model then sees what it wrote as one text.
    """
    return [
        attrs.evolve(message, tool_calls=tuple(map(_readable, message.tool_calls))) if message.tool_calls else message
        for message in prompt
    ]


def _readable(call: ToolCall) -> ToolCall:
    arguments = {"raw_arguments": call.raw_arguments} if call.problem else call.arguments
    return attrs.evolve(call, raw_arguments=json.dumps(arguments, ensure_ascii=False))


def schema_of_a_call(functions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the JSON schema of a call of one of the functions."""
    return {
        "anyOf": [
            {
                "type": "object",
                "properties": {"name": {"const": each["name"]}, "arguments": {"$ref": f"#/$defs/{each['name']}"}},
                "required": ["name", "arguments"],
                "additionalProperties": False,
            }
            for each in functions
        ],
        "$defs": {each["name"]: moved(each["parameters"], f"#/$defs/{each['name']}") for each in functions},
    }


def moved(schema: Any, place: str) -> Any:
    """Return a schema whose references hold where it is put to."""
    if isinstance(schema, Mapping):
        return {
            key: place + value[1:]
            if key == "$ref" and isinstance(value, str) and value.startswith("#")
            else moved(value, place)
            for key, value in schema.items()
        }
    return [moved(item, place) for item in schema] if isinstance(schema, (list, tuple)) else schema


def as_a_call(completion: Completion) -> Completion:
    """Return a completion whose text is a call as one that has this call."""
    call = None if completion.tool_calls else read_call(completion.text)
    if call is None:
        return completion
    fields = {name: getattr(completion, name) for name in Completion.__slots__}
    fields["tool_calls"] = (call,)
    if completion.finish_reason == "stop":
        fields["finish_reason"] = "tool_calls"
    return Completion(**fields)


def read_call(text: str) -> ToolCall | None:
    """Return the call that a text is; one that was cut has what there is of its arguments."""
    begun = _BEGUN.match(text)
    if begun is None:
        return None
    try:
        arguments = json.dumps(json.loads(text)["arguments"], ensure_ascii=False)
    except (ValueError, KeyError, TypeError, RecursionError):
        arguments = begun[2]
    return ToolCall("call_0", begun[1], arguments)
