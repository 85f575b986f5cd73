"""Settings are checked when they are given, and show no secret."""

from __future__ import annotations

import copy
import json
import math
import pickle
import pprint
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy.providers import ProviderConfig, ProviderConfigError, Timeouts

from ..shown import everything_shown_of

KEY = "sk-unit-0123456789"
TOKEN = "token-0123456789"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("provider_type", ""),
        ("provider_type", "-a"),
        ("provider_type", ".a"),
        ("provider_type", "a b"),
        ("provider_type", "a/b"),
        ("provider_type", "a\n"),
        ("provider_type", "é"),
        ("provider_type", None),
        ("provider_type", 3),
        ("api_key", f"{KEY}\n"),
        ("api_key", f"{KEY}\r\nX-Evil: 1"),
        ("api_key", f" {KEY}"),
        ("api_key", f"{KEY}\x00"),
        ("api_key", f"{KEY}é"),
        ("api_key", f"{KEY}\u2028"),
        ("api_key", KEY.encode()),
        ("api_key", [KEY]),
        ("api_key", 3),
        ("model", "a\nb"),
        ("model", "a\x1b[31m"),
        ("model", 3),
        ("model", ["a"]),
        ("timeout", 0),
        ("timeout", -1),
        ("timeout", math.nan),
        ("timeout", math.inf),
        ("timeout", "30"),
        ("timeout", True),
        ("timeout", [30]),
        ("max_retries", -1),
        ("max_retries", 1.0),
        ("max_retries", "3"),
        ("max_retries", True),
        ("extra_config", "a=b"),
        ("extra_config", [("a", "b")]),
        ("extra_config", {3: TOKEN}),
    ],
)
def test_a_wrong_setting_is_named(field: str, value: Any) -> None:
    """The error names the setting; its value, which may be a secret, is neither in it nor in its traceback."""
    settings: dict[str, Any] = {"provider_type": "openai", "api_key": KEY, "extra_config": {"token": TOKEN}}
    with pytest.raises(ProviderConfigError, match=field) as caught:
        ProviderConfig(**{**settings, field: value})

    assert isinstance(caught.value, ValueError)
    assert KEY not in everything_shown_of(caught.value)
    assert TOKEN not in everything_shown_of(caught.value)
    assert not (isinstance(value, str) and value.strip() and value in str(caught.value))


@pytest.mark.parametrize("name", ["openai", "a", "0", "my-llm.v2_x", "OpenAI"])
def test_names_that_a_provider_may_have(name: str) -> None:
    """Letters, digits, dots, dashes and underscores make a name."""
    assert ProviderConfig(name).provider_type == name


@pytest.mark.parametrize("blank", [None, "", "  ", "\t"])
def test_blank_is_not_given(blank: str | None) -> None:
    """None, empty and blank are "not given", so that an empty variable of a shell does no harm."""
    config = ProviderConfig("openai", api_key=blank, model=None if blank == "\t" else blank)

    assert config.api_key is None
    assert config.model is None
    assert config.dict() == {"provider_type": "openai"}
    assert not config.was_given("api_key")


def test_defaults() -> None:
    """Ten minutes and two retries, and nothing else."""
    config = ProviderConfig("openai")

    assert (config.timeout, config.max_retries) == (600, 2)
    assert (config.api_key, config.model, config.extra_config) == (None, None, {})


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "api_key": st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1),
            "model": st.from_regex(r"[a-z][a-z0-9./:-]{0,40}", fullmatch=True),
            "timeout": st.one_of(st.none(), st.integers(1, 10_000), st.floats(0.01, 1e6), st.just(Timeouts(idle=3))),
            "max_retries": st.integers(0, 100),
            "extra_config": st.dictionaries(st.text(min_size=1), st.integers(), min_size=1),
        },
    )
)
def test_dict_holds_what_was_given(settings: dict[str, Any]) -> None:
    """`dict()` gives back what was given, the real key included, and makes the same settings again."""
    config = ProviderConfig("openai", **settings)

    assert config.dict() == {"provider_type": "openai", **settings}
    assert ProviderConfig(**config.dict()) == config


def test_dict_is_a_copy() -> None:
    """Who changes what `dict()` gave, or what was given, does not change the settings."""
    extras = {"a": 1}
    config = ProviderConfig("openai", extra_config=extras)
    extras["a"] = 2
    config.dict()["extra_config"]["a"] = 3

    assert config.extra_config["a"] == 1


def test_any_mapping_is_a_dict() -> None:
    """`extra_config` may be a mapping of any kind."""
    config = ProviderConfig("openai", extra_config=MappingProxyType({"a": 1}))

    assert config.dict()["extra_config"] == {"a": 1}


def test_what_is_shown_is_masked() -> None:
    """No way to print the settings shows the key or a value of `extra_config`; the names help to see what is set."""
    config = ProviderConfig("openai", api_key=KEY, model="m", extra_config={"token": TOKEN, "deep": {"token": TOKEN}})
    ways = [
        str(config),
        repr(config),
        f"{config}",
        "%s %r" % (config, config),  # noqa: UP031
        pprint.pformat(config),
        pprint.pformat({"config": [config]}),
        json.dumps(config, default=str),
        json.dumps({"config": config}, default=repr),
        str(config.extra_config),
        repr(config.extra_config),
        pprint.pformat(vars(config) if hasattr(config, "__dict__") else {}),
    ]

    assert not [way for way in ways if KEY in way or TOKEN in way]
    assert all(name in repr(config) for name in ("openai", "api_key", "'m'", "token"))


def test_a_config_that_was_refused_can_be_shown() -> None:
    """A debugger that shows the locals of the traceback shows the half-made config, too."""
    with pytest.raises(ProviderConfigError) as caught:
        ProviderConfig("openai", timeout=-1)
    refused = caught.tb.tb_next.tb_frame.f_locals["self"] if caught.tb.tb_next else None

    assert "ProviderConfig" in repr(refused)


@pytest.mark.parametrize("settings", [{"api_key": KEY}, {"extra_config": {"token": TOKEN}}, {}])
def test_pickling_is_refused(settings: dict[str, Any]) -> None:
    """A pickle would hold the secrets bare: `dict()` is the way to carry settings over."""
    with pytest.raises(TypeError, match="dict"):
        pickle.dumps(ProviderConfig("openai", **settings))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_are_equal(copied: Any) -> None:
    """Settings can be copied in the process."""
    config = ProviderConfig("openai", api_key=KEY, extra_config={"token": TOKEN})

    assert copied(config) == config
    assert copied(config).api_key == KEY


def test_equality_is_that_of_what_was_given() -> None:
    """Two configs are equal if the same was given."""
    config = ProviderConfig("openai", api_key=KEY)

    assert config == ProviderConfig("openai", api_key=KEY)
    assert config != ProviderConfig("openai", api_key=KEY + "x")
    assert config != ProviderConfig("gemini", api_key=KEY)
    assert config != ProviderConfig("openai", api_key=KEY, timeout=600)
    assert config != "openai"


def test_a_config_does_not_change() -> None:
    """Settings that were checked cannot be changed behind the check's back."""
    config = ProviderConfig("openai")
    with pytest.raises(AttributeError):
        config.timeout = -1  # type: ignore[misc]


@pytest.mark.parametrize("field", ["connect", "attempt", "idle", "content"])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, "3", True])
def test_timeouts_are_checked(field: str, value: Any) -> None:
    """Each bound is a positive, finite number of seconds or None."""
    with pytest.raises(ProviderConfigError, match=field):
        Timeouts(**{field: value})


def test_one_timeout_is_spread() -> None:
    """One number bounds an attempt and each silence, connecting at most ten seconds, comments at least ten minutes."""
    assert ProviderConfig("x", timeout=3).timeouts == Timeouts(connect=3, attempt=3, idle=3, content=600)
    assert ProviderConfig("x", timeout=700).timeouts == Timeouts(connect=10, attempt=700, idle=700, content=700)
    assert ProviderConfig("x", timeout=None).timeouts == Timeouts(connect=10, attempt=None, idle=None, content=None)
    assert ProviderConfig("x").timeouts == Timeouts(connect=10, attempt=600, idle=600, content=600)


def test_timeouts_may_be_given_apart() -> None:
    """`Timeouts` are taken as they are, and round-trip."""
    timeouts = Timeouts(connect=1, attempt=None, idle=2, content=3)
    config = ProviderConfig("x", timeout=timeouts)

    assert config.timeouts is timeouts
    assert ProviderConfig(**config.dict()).timeouts is timeouts


def test_no_limit_is_given() -> None:
    """For `timeout`, None is a value: no limit."""
    config = ProviderConfig("x", timeout=None)

    assert config.was_given("timeout")
    assert config.dict() == {"provider_type": "x", "timeout": None}
