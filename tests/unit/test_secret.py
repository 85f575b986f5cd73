"""A secret has no representation, and is blotted out of what comes from outside."""

from __future__ import annotations

import copy
import json
import pickle
import pprint

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy.providers import ProviderAPIError, ProviderStreamError
from pepperpy.providers._secret import MASK, Secret, SecretBytes, SecretDict, redact, redact_error
from pepperpy.providers.domain import cut

KEY = "sk-unit-0123456789"


def test_a_secret_is_not_shown() -> None:
    """Only `reveal` gives it away."""
    secret = Secret(KEY)
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret!r:>30}",
        pprint.pformat([secret]),
        json.dumps(secret, default=str),
    ]

    assert secret.reveal() == KEY
    assert not [text for text in shown if KEY in text]
    assert not hasattr(secret, "__dict__")
    assert copy.deepcopy([secret]) == [secret] == [Secret(KEY)]
    assert secret not in (KEY, Secret("other"))
    assert len({secret, Secret(KEY)}) == 1
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(secret)


def test_a_secret_dict_shows_its_names() -> None:
    """What is set may be seen, what it is set to may not."""
    values = SecretDict({"token": KEY, "deep": {"token": KEY}})

    assert repr(values) == str(values) == f"{values}" == "{'token': ***, 'deep': ***}"
    assert KEY not in pprint.pformat([values])
    assert values == {"token": KEY, "deep": {"token": KEY}}
    assert KEY not in repr(SecretBytes(KEY.encode())) + str(SecretBytes(KEY.encode()))


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.text(),
        st.just(KEY),
        st.text().map(lambda text: f"{text}{KEY}{text}"),
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
)


@given(json_values)
def test_a_secret_is_blotted_out_everywhere(value: object) -> None:
    """Wherever a JSON value holds it as a text or in one; all the rest stays as it is."""
    shown = json.dumps(redact(value, [KEY]))

    assert KEY not in shown
    assert KEY in json.dumps(value) or json.loads(shown) == json.loads(json.dumps(value))


def test_secrets_that_overlap() -> None:
    """One secret that begins or ends another does not save its rest."""
    for secrets in (["sk-abcd", "sk-abcdefgh", "efgh"], ["efgh", "sk-abcdefgh", "sk-abcd"]):
        assert redact("a sk-abcdefgh b sk-abcd", secrets) == f"a {MASK} b {MASK}"


def test_a_short_secret_garbles_nothing() -> None:
    """A header of one letter is no secret."""
    assert redact("a banana", ["a", "", "ban"]) == "a banana"


@given(st.integers(0, 60), st.integers(40, 80))
def test_a_secret_that_was_cut(before: int, limit: int) -> None:
    """Of a secret that the cut of a long text went through, neither half is left."""
    text = redact(cut("-" * before + KEY + "-" * 100, limit), [KEY])
    text += redact(cut("-" * 100 + KEY + "-" * before, limit), [KEY])

    assert not [part for part in (KEY[:7], KEY[-7:]) if part in text]


def test_an_error_is_blotted_out_whole() -> None:
    """Text, details, notes and the partial text of an error are redacted in place."""
    error = ProviderStreamError(f"bad key {KEY}", details={"code": KEY, "param": [KEY, {"a": (KEY,)}], "status": 200})
    error.partial_text = f"your key is {KEY}"
    error.add_note(f"sent {KEY}")
    redact_error(error, iter([KEY]))

    assert KEY not in f"{error!r} {vars(error)!r}"
    assert str(error) == "bad key ***"
    assert error.details == {"code": "***", "param": ["***", {"a": ["***"]}], "status": 200}
    assert error.partial_text == "your key is ***"
    assert error.__notes__ == ["sent ***"]


def test_an_error_without_secrets_stays() -> None:
    """Where there is nothing to hide, nothing is changed."""
    error = ProviderAPIError("no luck", details={"status": 400, "param": None})
    redact_error(error, [])

    assert (str(error), error.details) == ("no luck", {"status": 400, "param": None})
