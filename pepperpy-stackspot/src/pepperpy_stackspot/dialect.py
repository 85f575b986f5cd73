"""StackSpot's wire format: agents that chat, and quick commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import attrs

from pepperpy.providers import (
    Completion,
    ProviderAPIError,
    ProviderCapabilityError,
    ProviderConfigError,
    ProviderInputError,
)
from pepperpy.providers import options as check
from pepperpy.providers.dialect import EmbeddingBatch, EmbeddingLimits, Request

from .answers import StackSpotStreamParser, parse_answer
from .errors import parse_error
from .executions import START, parse_execution
from .names import identifier, is_ulid

if TYPE_CHECKING:
    from pepperpy.providers.capabilities import Capabilities, ModelPage
    from pepperpy.providers.messages import Message

DEFAULT_MODEL = "agent"
"""The model that stands for the agent that is set."""


def input_data(name: str, value: Any) -> Any:
    """Take a text, a dict or a list."""
    if not isinstance(value, (str, dict, list)):
        raise ProviderInputError(f"{name} must be a str, a dict or a list, not {type(value).__name__}")
    return value


AGENT: Mapping[str, tuple[str, check.Check]] = {
    "conversation_id": ("conversation_id", identifier),
    "use_conversation": ("use_conversation", check.flag),
    "upload_ids": ("upload_ids", check.texts),
    "knowledge": ("stackspot_knowledge", check.flag),
    "deep_search": ("deep_search_ks", check.flag),
    "return_sources": ("return_ks_in_response", check.flag),
}
"""The options of an agent: the wire's name of each, and its check."""

QUICK_COMMAND: Mapping[str, tuple[str, check.Check]] = {
    "conversation_id": ("conversation_id", identifier),
    "upload_ids": ("upload_ids", check.texts),
    "input_data": ("input_data", input_data),
}
"""The options of a quick command."""

_SET_IT = "set it on the agent, as far as the agent has it"

SET_ON_THE_AGENT: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "frequency_penalty",
            "max_tokens",
            "n",
            "presence_penalty",
            "reasoning_effort",
            "seed",
            "stop",
            "temperature",
            "top_k",
            "top_p",
        ),
        _SET_IT,
    ),
    "reasoning": "choose a model that reasons for the agent",
    **dict.fromkeys(
        ("output", "response_format"), "set the schema on the agent as its structured output, whose answers are JSON"
    ),
    **dict.fromkeys(
        ("tools", "tool_choice", "parallel_tool_calls"), "set the tools on the agent, which calls them by itself"
    ),
}
"""What other services take with a call, and this one has among an agent's settings, or not at all: what to do."""


@attrs.frozen(kw_only=True)
class StackSpotDialect:
    """StackSpot's wire format.

    Attributes:
        agent_id: The agent that answers where a model's name leads to no other.
        agents: Agents by the names that `model` takes for them.
        embedding_limits: Of no use: the service has no embeddings.
    """

    agent_id: str | None = None
    agents: Mapping[str, str] = attrs.field(factory=dict)
    embedding_limits: EmbeddingLimits = EmbeddingLimits()

    def locate(self, model: str) -> str:
        """Return the path that a model's name leads to.

        Raises:
            ProviderInputError: It names what cannot be an agent or a quick command.
            ProviderConfigError: It leads to an agent, and none is set.
        """
        kind, _, name = model.partition(":")
        if kind in ("quick-command", "rqc"):
            return START + identifier("model", name)
        if kind == "agent" and name:
            return f"/v1/agent/{identifier('model', name)}/chat"
        agent_id = model if is_ulid(model) else self.agents.get(model, self.agent_id)
        if agent_id is None:
            why = "" if model == DEFAULT_MODEL else f", to which {model!r} leads, because the model is set on the agent"
            raise ProviderConfigError(
                f"agent_id is missing{why}: give agent_id=... or set STACKSPOT_AGENT_ID, "
                "or name an agent as model='agent:ID' or a quick command as model='quick-command:SLUG'"
            )
        return f"/v1/agent/{agent_id}/chat"

    @property
    def capabilities(self) -> Capabilities:
        """Texts and conversations of texts; all the rest is set on the agent."""
        from pepperpy.providers.capabilities import Capabilities

        return Capabilities(conversations=True, options=frozenset({"system", *AGENT, *QUICK_COMMAND}))

    def complete(
        self, prompt: str | Sequence[Message], *, model: str, stream: bool, options: Mapping[str, Any]
    ) -> Request:
        """Return the request to an agent, or the one that starts a quick command."""
        path = self.locate(model)
        if path.startswith(START):
            return start_quick_command(path, prompt, check_against(options, QUICK_COMMAND, "a quick command"))
        options = check_against(options, AGENT, "an agent")
        text, options = as_text(prompt, options)
        body = {"user_prompt": text, "streaming": stream, "stackspot_knowledge": False}
        body.update((wire, options[name]) for name, (wire, _) in AGENT.items() if name in options)
        if "conversation_id" in options:
            body.setdefault("use_conversation", True)
        return Request(path, body, stream)

    def parse_completion(self, payload: Any) -> Completion:
        """Read the answer of an agent, or the execution of a quick command."""
        if isinstance(payload, dict) and "progress" in payload:
            return parse_execution(payload)
        return parse_answer(payload)

    def stream_parser(self) -> StackSpotStreamParser:
        """Return the reader of one stream."""
        return StackSpotStreamParser()

    def embed(
        self, texts: Sequence[str], *, model: str, dimensions: int | None, options: Mapping[str, Any]
    ) -> NoReturn:
        """Raise: the service has no embeddings."""
        raise ProviderCapabilityError("StackSpot has no embeddings; use another provider for them")

    def parse_embeddings(self, payload: Any, request: Request) -> EmbeddingBatch:
        """Raise: the service has no embeddings."""
        return self.embed((), model="", dimensions=None, options={})

    def models(self, page: str | None) -> NoReturn:
        """Raise: the service documents no list."""
        raise ProviderCapabilityError(
            "StackSpot documents no list of its agents; name one by agent_id=..., agents={name: id} or model='agent:ID', "
            "with the id that its page in the portal shows, or a quick command by model='quick-command:SLUG'"
        )

    def parse_models(self, payload: Any) -> ModelPage:
        """Raise: the service documents no list."""
        return self.models(None)

    def parse_error(self, status: int, payload: Any) -> ProviderAPIError:
        """Read an error body."""
        return parse_error(status, payload)


def check_against(
    options: Mapping[str, Any], known: Mapping[str, tuple[str, check.Check]], what: str
) -> Mapping[str, Any]:
    """Return the options checked, by name.

    Raises:
        ProviderCapabilityError: One is for what the service does not do with a call.
        ProviderInputError: One is unknown or has a wrong value.
    """
    for name in options:
        if name in SET_ON_THE_AGENT:
            raise ProviderCapabilityError(f"StackSpot takes no {name} with a call: {SET_ON_THE_AGENT[name]}")
        if name not in known and (name in AGENT or name in QUICK_COMMAND):
            raise ProviderCapabilityError(f"{what} takes no {name}; leave it out")
    return check.check_options(options, {"system": check.text, **{name: of for name, (_, of) in known.items()}})


def start_quick_command(path: str, prompt: str | Sequence[Message], options: Mapping[str, Any]) -> Request:
    """Return the request that starts a quick command."""
    if "input_data" not in options:
        data, options = as_text(prompt, options)
    elif "system" in options:
        raise ProviderInputError("system goes into the prompt, which input_data stands in for; leave one of them out")
    elif not isinstance(prompt, str):
        raise ProviderInputError("input_data stands in for the prompt; give a text beside it, or the messages alone")
    else:
        data = options["input_data"]
    if "conversation_id" in options:
        path = f"{path}?conversation_id={options['conversation_id']}"
    body = {"input_data": data}
    if "upload_ids" in options:
        body["upload_ids"] = options["upload_ids"]
    return Request(path, body)


def as_text(prompt: str | Sequence[Message], options: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the one text that is sent for a prompt, and the options, to which a conversation may add its id.

    The system text, for which the wire has no place of its own, goes in front.
    """
    if not isinstance(prompt, str):
        from .conversation import one_prompt

        prompt, options = one_prompt(prompt, options)
    if "system" in options:
        prompt = f"<system_prompt>\n{options['system']}\n</system_prompt>\n\n{prompt}"
    return prompt, options
