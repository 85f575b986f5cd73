"""Chat Completions on OpenAI's own hosts, whose models differ in what they accept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from pepperpy.providers.dialect import Request
from pepperpy.providers.dialects.openai import OpenAIDialect
from pepperpy.providers.domain import ProviderCapabilityError

from .models import effort_for, family_of

if TYPE_CHECKING:
    from pepperpy.providers.messages import Message


@attrs.frozen(kw_only=True)
class OpenAIChatDialect(OpenAIDialect):
    """Chat Completions as OpenAI itself speaks it."""

    max_tokens_field: str = "max_completion_tokens"
    # OpenAI wants nothing back here, and refuses what other servers of this format do.
    name: str = "openai"
    carried: tuple[str, ...] = ()

    def complete(
        self, prompt: str | Sequence[Message], *, model: str, stream: bool, options: Mapping[str, Any]
    ) -> Request:
        """Return the request to `/chat/completions`."""
        if "tools" in options and "reasoning_effort" not in options:
            options = _with_tools(model, options)
        if not isinstance(prompt, str):
            # Imported here: who asks with texts alone needs nothing of it.
            from .ids import with_short_ids

            prompt = with_short_ids(prompt, native=self.name)
        return OpenAIDialect.complete(self, prompt, model=model, stream=stream, options=options)

    def effort_for(self, model: str, asked: str) -> str | None:
        """Return the nearest effort that the model has."""
        return effort_for(model, asked)


def _with_tools(model: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options with the effort that a model accepts beside tools."""
    family = family_of(model)
    if family.tools_on_chat:
        return options
    if "none" not in family.efforts or options.get("reasoning", "none") != "none":
        raise ProviderCapabilityError(
            f"{model} does not reason and call tools at once in Chat Completions; "
            'give api="responses" to create_provider, or leave out one of them'
        )
    if family.idle:
        # It refuses tools beside any effort, even "none"; without one it does not reason.
        return {name: value for name, value in options.items() if name != "reasoning"}
    return {**options, "reasoning": "none"}
