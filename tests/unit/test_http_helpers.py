"""What goes into a request is checked and put together by pure functions."""

from __future__ import annotations

import itertools
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy.providers import ProviderConfigError, ProviderInputError
from pepperpy.providers._bodies import merge_body, split_texts
from pepperpy.providers._origin import check_base_url, check_headers
from pepperpy.providers.dialect import EmbeddingLimits, Request


@pytest.mark.parametrize(
    ("url", "checked"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1//", "https://api.openai.com/v1"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:8080/a/b", "http://127.0.0.1:8080/a/b"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("HTTPS://example.org", "HTTPS://example.org"),
        ("https://example.org/a%20b", "https://example.org/a%20b"),
    ],
)
def test_a_base_url(url: str, checked: str) -> None:
    """An http or https URL with a host is taken as it is, but for slashes at its end."""
    assert check_base_url(url) == checked


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "api.openai.com/v1",
        "//api.openai.com",
        "/v1",
        "ftp://example.org",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://",
        "http:///v1",
        "http://:80",
        "http://h:0",
        "http://h:65536",
        "http://h:port",
        "http://[::1",
        "http://h/a b",
        "http://h/\n",
        "http://h\r\nX-Evil: 1",
        "http://h/\u2028",
        "http://bücher.example",
        "http://user@h",
        "http://user:secret@h",
        "http://@h",
        "http://h?a=b",
        "http://h?",
        "http://h#a",
        "http://h#",
    ],
)
def test_what_is_no_base_url(url: Any) -> None:
    """Anything that could lead a request astray, or carries a secret, is refused by the setting's name."""
    with pytest.raises(ProviderConfigError, match=r"^token_url ") as caught:
        check_base_url(url, "token_url")

    assert not url or len(url) < 3 or url not in str(caught.value).replace("http://", "", 1)


def test_headers() -> None:
    """Names and values that can be sent are passed as they are."""
    headers = {"X-Token_1.a": 'a b; c="d", ~', "x": ""}

    assert check_headers(headers) == headers


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\n", "ä", "a(b)", "a\x00", "a/b", "a=b"])
def test_names_that_no_header_has(name: str) -> None:
    """A name that would break out of its place is refused."""
    with pytest.raises(ProviderConfigError, match="headers"):
        check_headers({name: "x"})


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\n", "\x00", "\x7f", "\t", "ä", "\u2028"])
def test_values_that_no_header_has(value: str) -> None:
    """A value that would break out of its line is refused by the header's name, and not shown."""
    with pytest.raises(ProviderConfigError, match="X-Token") as caught:
        check_headers({"X-Token": value})

    assert value not in str(caught.value)


BODY = {"model": "m", "messages": [{"role": "user"}], "stream_options": {"include_usage": True}}


@pytest.mark.parametrize(
    ("extra", "merged"),
    [
        (None, BODY),
        ({}, BODY),
        ({"top_k": 3}, {**BODY, "top_k": 3}),
        ({"model": "n"}, {**BODY, "model": "n"}),
        ({"messages": []}, {**BODY, "messages": []}),
        ({"stream_options": {"x": 1}}, {**BODY, "stream_options": {"include_usage": True, "x": 1}}),
        ({"stream_options": {"include_usage": None}}, {**BODY, "stream_options": {"include_usage": None}}),
        ({"stream_options": None}, {**BODY, "stream_options": None}),
        ({"model": {"a": 1}}, {**BODY, "model": {"a": 1}}),
    ],
)
def test_an_extra_body_is_merged(extra: Any, merged: dict[str, Any]) -> None:
    """Objects are merged key by key, anything else is replaced, and None is sent as it is."""
    request = Request("/x", BODY, stream=True)
    found = merge_body(request, extra)

    assert found.body == merged
    assert (found.path, found.stream) == ("/x", True)
    assert request.body == {"model": "m", "messages": [{"role": "user"}], "stream_options": {"include_usage": True}}


@pytest.mark.parametrize("extra", [3, "a", [("a", 1)], {3: 1}])
def test_an_extra_body_that_is_none(extra: Any) -> None:
    """What is no dict is refused."""
    with pytest.raises(ProviderInputError, match="extra_body"):
        merge_body(Request("/x", BODY), extra)


@given(
    st.lists(st.text(st.sampled_from("aé🌍\ud83d"), max_size=20), max_size=30),
    st.integers(1, 7),
    st.one_of(st.none(), st.integers(1, 60)),
)
def test_texts_are_split_within_the_limits(texts: list[str], inputs: int, size: int | None) -> None:
    """All texts are sent, in order; no batch is over a limit, but for one text that is so alone."""
    batches = split_texts(texts, EmbeddingLimits(inputs=inputs, size=size))

    def room(batch: list[str]) -> int:
        return sum(len(text.encode("utf-8", "surrogatepass")) for text in batch)

    assert [text for batch in batches for text in batch] == texts
    assert all(0 < len(batch) <= inputs for batch in batches)
    assert size is None or all(room(batch) <= size or len(batch) == 1 for batch in batches)
    assert split_texts(deque(texts), EmbeddingLimits(inputs=inputs, size=size)) == batches
    for batch, following in itertools.pairwise(batches):
        assert len(batch) == inputs or (size is not None and room([*batch, following[0]]) > size)
