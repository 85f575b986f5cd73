"""What became of each argument of a call, told from what is sent with it and without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from pepperpy.providers import (
    Message,
    ProviderConfig,
    ProviderInputError,
    Tool,
)
from pepperpy.providers.dialects.openai import OpenAIDialect
from pepperpy.providers.explain import map_arguments
from pepperpy.providers.http import HTTPProvider

ADD = Tool(name="add", parameters={"type": "object", "properties": {"a": {"type": "integer"}}})


class Acme(HTTPProvider):
    def make_dialect(self) -> OpenAIDialect:
        return OpenAIDialect()


def provider(model: str | None = "m") -> Acme:
    return Acme(ProviderConfig("acme", model=model, extra_config={"base_url": "http://127.0.0.1:1"}))


def test_instructions_do_not_claim_the_messages_behind_them() -> None:
    """What is put in front of a list moves what follows, and is not made of it."""
    explained = provider().explain([Message.user("a"), Message.assistant("b"), Message.user("c")], system="Be brief.")

    assert explained.mapped["system"] == {"messages[0].role": "system", "messages[0].content": "Be brief."}
    assert explained.mapped["prompt"]["messages[3].content"] == "c"


def test_what_another_argument_needs_is_told_alone() -> None:
    """Tools without which a choice among them makes no sense claim neither prompt nor choice."""
    explained = provider().explain("x", tools=[ADD], tool_choice="add", stop=["END"])

    assert {place.partition("[")[0] for place in explained.mapped["tools"]} == {"tools"}
    assert explained.mapped["tool_choice"]["tool_choice.function.name"] == "add"
    assert explained.mapped["prompt"] == {"messages[0].content": "x"}


def test_a_model_that_only_the_call_names() -> None:
    """A provider without a model of its own explains a call that names one, as it sends it."""
    explained = provider(model=None).explain("x", model="m2")

    assert explained.body["model"] == "m2"
    assert explained.mapped["model"] == {"model": "m2"}


@pytest.mark.parametrize(("value", "said"), [(object(), "cannot be written as JSON"), ("\ud800", "surrogate")])
def test_what_is_no_json_is_refused(value: Any, said: str) -> None:
    """A body that could not be sent is not shown either."""
    with pytest.raises(ProviderInputError, match=said):
        provider().explain("x", extra_body={"a": value})


def test_arguments_that_need_each_other() -> None:
    """Two that make sense only together are told together."""

    def view(arguments: Mapping[str, Any]) -> dict[str, Any]:
        if ("a" in arguments) != ("b" in arguments):
            raise ProviderInputError("a and b go together")
        return {"model": "m", **arguments}

    both = {"a": 1, "b": [2]}

    assert map_arguments(both, view) == {"a": {"a": 1, "b[0]": 2}, "b": {"a": 1, "b[0]": 2}}
