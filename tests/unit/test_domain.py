"""Errors, answers and usage survive what programs do with them."""

from __future__ import annotations

import copy
import json
import multiprocessing.reduction
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy.providers import (
    Completion,
    ProviderAPIError,
    ProviderConnectionError,
    ProviderError,
    ProviderRateLimitError,
    ProviderStreamError,
    ProviderStreamTimeoutError,
    ProviderTimeoutError,
    Usage,
    errors,
)
from pepperpy.providers.domain import MESSAGE_LIMIT, cut

DETAILS = {"status": 429, "code": "x", "request_id": "r", "retry_after": 1.5, "attempts": 3}

COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
    "older pickle": lambda value: pickle.loads(pickle.dumps(value, protocol=2)),
    "multiprocessing": lambda value: pickle.loads(multiprocessing.reduction.ForkingPickler.dumps(value)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


def all_errors() -> list[type[ProviderError]]:
    found, rest = [], [ProviderError]
    while rest:
        kind = rest.pop()
        if kind not in found:
            found.append(kind)
            rest += kind.__subclasses__()
    return sorted((kind for kind in found if kind.__module__ == errors.__name__), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("kind", all_errors())
def test_errors_are_copied_whole(kind: type[ProviderError], copied: Callable[[Any], Any]) -> None:
    """Every error survives pickle and copy: class, text, provider, details, and whatever it carries besides."""
    error = kind("no luck", provider_type="acme", details={**DETAILS}, retryable=not kind.retryable)
    if isinstance(error, ProviderStreamError):
        error.partial_text = "Par"
    error.add_note("a note")
    again = copied(error)

    assert type(again) is kind
    assert str(again) == "acme: no luck"
    assert again.args == ("no luck",)
    assert vars(again) == vars(error)
    assert (again.details, again.provider_type, again.attempts, again.retry_after) == (DETAILS, "acme", 3, 1.5)
    assert again.retryable is not kind.retryable
    assert getattr(again, "partial_text", "Par") == "Par"


def test_there_is_one_tree() -> None:
    """Every error is a ProviderError, and the standard library's kind where there is one."""
    assert len(all_errors()) == 20
    assert {
        kind.__name__: [
            base.__name__ for base in (ValueError, LookupError, RuntimeError, TimeoutError) if issubclass(kind, base)
        ]
        for kind in all_errors()
    } == {
        **{kind.__name__: [] for kind in all_errors()},
        "ProviderConfigError": ["ValueError"],
        "ProviderInputError": ["ValueError"],
        "ProviderNotFoundError": ["LookupError"],
        "ProviderNotInitializedError": ["RuntimeError"],
        "ProviderTimeoutError": ["TimeoutError"],
        "ProviderStreamTimeoutError": ["TimeoutError"],
    }


def test_a_silent_stream_is_both() -> None:
    """Who catches time-outs catches a stream's, and so does who catches broken streams."""
    assert issubclass(ProviderStreamTimeoutError, ProviderStreamError)
    assert issubclass(ProviderStreamTimeoutError, ProviderTimeoutError)
    assert issubclass(ProviderTimeoutError, ProviderConnectionError)


@pytest.mark.parametrize("kind", all_errors())
def test_text_is_bounded(kind: type[ProviderError]) -> None:
    """However long the text, at most 2,000 characters of it are kept: its beginning and its end."""
    error = kind("begin" + "x" * 100_000 + "end", provider_type="acme")

    assert len(error.message) <= MESSAGE_LIMIT == 2_000
    assert error.message.startswith("begin")
    assert error.message.endswith("end")


@given(st.text(), st.integers(8, 100))
def test_cut_keeps_what_fits(text: str, limit: int) -> None:
    """A text within the limit is left alone; a longer one is as long as the limit, or a little less."""
    assert cut(text, limit) == text if len(text) <= limit else limit - 2 <= len(cut(text, limit)) <= limit


def test_what_an_error_says_without_details() -> None:
    """What nobody told is None, and an error needs no more than a text, or not even that."""
    error = ProviderAPIError("no luck")

    assert (error.status, error.code, error.request_id, error.retry_after, error.attempts) == (None,) * 5
    assert (error.provider_type, error.details, str(error)) == (None, {}, "no luck")
    assert str(ProviderError()) == ""
    assert ProviderRateLimitError("x").retryable
    assert not ProviderRateLimitError("x", retryable=False).retryable


def test_details_are_each_error_s_own() -> None:
    """Two errors without details don't share them."""
    one, other = ProviderError("a"), ProviderError("b")
    one.details["status"] = 1

    assert other.details == {}


COMPLETION = Completion(
    "Paris \u2028",
    usage=Usage(input_tokens=3, cost=0.5),
    finish_reason="tool_calls",
    native_finish_reason="function_call",
    model="m",
    id="i",
    tool_calls=({"id": "c"},),
    reasoning="hm",
    refusal=None,
    raw={"a": [1]},
    attempts=2,
)


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_completion_is_copied_whole(copied: Callable[[Any], Any]) -> None:
    """An answer survives pickle and copy with its fields."""
    again = copied(COMPLETION)

    assert type(again) is Completion
    assert again == COMPLETION
    assert {name: getattr(again, name) for name in Completion.__slots__} == {
        name: getattr(COMPLETION, name) for name in Completion.__slots__
    }


def test_a_completion_is_a_str() -> None:
    """It prints, joins, compares, hashes and serialises as its text."""
    assert isinstance(COMPLETION, str)
    assert COMPLETION == "Paris \u2028"
    assert hash(COMPLETION) == hash("Paris \u2028")
    assert f"{COMPLETION}!" == "Paris \u2028!"
    assert "".join([COMPLETION, "!"]) == "Paris \u2028!"
    assert json.dumps({"a": COMPLETION}) == json.dumps({"a": "Paris \u2028"})
    assert COMPLETION.strip() == "Paris"
    assert type(COMPLETION.text) is str
    assert type(str(COMPLETION)) is str or str(COMPLETION) == COMPLETION


def test_an_empty_completion_says_nothing() -> None:
    """What the service did not say is None."""
    completion = Completion()

    assert completion == ""
    assert (completion.usage, completion.tool_calls, completion.attempts) == (Usage(), (), 1)
    assert {getattr(completion, name) for name in ("finish_reason", "model", "id", "reasoning", "refusal", "raw")} == {
        None
    }
    assert Completion("x", finish_reason="stop").native_finish_reason == "stop"


counts = st.one_of(st.none(), st.integers(0, 10**12))
usages = st.builds(
    Usage, input_tokens=counts, output_tokens=counts, total_tokens=counts, cached_tokens=counts, cost=counts
)


@given(usages, usages, usages)
def test_usage_adds_up(a: Usage, b: Usage, c: Usage) -> None:
    """Usages are summed field by field, in any order; nothing said stays nothing said."""
    assert a + Usage() == a
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert ((a + b).input_tokens is None) == (a.input_tokens is None and b.input_tokens is None)


def test_usage_in_both_vocabularies() -> None:
    """Chat Completions' words for the same numbers are understood."""
    usage = Usage(input_tokens=3, output_tokens=5) + Usage(input_tokens=1, reasoning_tokens=2)

    assert (usage.prompt_tokens, usage.completion_tokens, usage.reasoning_tokens) == (4, 5, 2)
    assert usage.total_tokens is None
