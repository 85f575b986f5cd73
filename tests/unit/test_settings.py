"""What was not given comes from the environment, then from the plugin's defaults, and from nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import pytest

from pepperpy.providers import ProviderConfig, ProviderConfigError, Timeouts
from pepperpy.providers._secret import SecretDict
from pepperpy.providers._settings import fill_in, structure_options, variables
from pepperpy.providers.http import header_value

from ..shown import everything_shown_of

KEY = "sk-unit-0123456789"


@attrs.frozen(kw_only=True)
class Options:
    title: str | None = attrs.field(default=None, validator=header_value)
    base_url: str = "https://example.org"
    rows: int = 1
    share: float = 0.5
    quick: bool = False
    headers: dict[str, str] = attrs.field(factory=dict, repr=False)
    names: list[str] = attrs.field(factory=list)
    routing: dict[str, Any] | None = None
    kind: str = attrs.field(default="a", validator=attrs.validators.in_(["a", "b"]))
    odd: int = attrs.field(default=1, validator=attrs.validators.ge(1))


@attrs.frozen(kw_only=True)
class Demanding:
    agent: str


VENDOR = {"api_key": ["ACME_KEY", "ACME_OLD_KEY"], "title": ["ACME_TITLE"], "base_url": ["ACME_URL"]}


class Environment(Mapping[str, str]):
    """An environment that remembers what was looked up."""

    def __init__(self, **variables: str) -> None:
        self.variables = variables
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self.variables[name]

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("the environment was listed")

    def __len__(self) -> int:
        return len(self.variables)


def complete(environ: Mapping[str, str], provider_type: str = "acme", **settings: Any) -> ProviderConfig:
    return fill_in(
        ProviderConfig(provider_type, **settings),
        environ,
        vendor_variables=VENDOR,
        options_type=Options,
        default_model="acme-1",
    )


@pytest.mark.parametrize(
    ("given", "environ", "key"),
    [
        ("given", {"PEPPERPY_PROVIDER_ACME_API_KEY": "ours", "ACME_KEY": "theirs"}, "given"),
        (None, {"PEPPERPY_PROVIDER_ACME_API_KEY": "ours", "ACME_KEY": "theirs"}, "ours"),
        (" ", {"PEPPERPY_PROVIDER_ACME_API_KEY": "ours", "ACME_KEY": "theirs"}, "ours"),
        (None, {"PEPPERPY_PROVIDER_ACME_API_KEY": " ", "ACME_KEY": "theirs", "ACME_OLD_KEY": "old"}, "theirs"),
        (None, {"ACME_KEY": "", "ACME_OLD_KEY": "old"}, "old"),
        (None, {}, None),
    ],
)
def test_precedence(given: str | None, environ: dict[str, str], key: str | None) -> None:
    """An argument goes before our variable, that before the vendor's, in their order; blank is not given."""
    assert complete(environ, api_key=given).api_key == key


@pytest.mark.parametrize(
    ("given", "environ", "title"),
    [
        ("given", {"PEPPERPY_PROVIDER_ACME_TITLE": "ours", "ACME_TITLE": "theirs"}, "given"),
        (None, {"PEPPERPY_PROVIDER_ACME_TITLE": "ours", "ACME_TITLE": "theirs"}, "ours"),
        ("", {"ACME_TITLE": "theirs"}, "theirs"),
        (None, {}, None),
    ],
)
def test_precedence_of_extras(given: str | None, environ: dict[str, str], title: str | None) -> None:
    """What the plugin declares beyond the common settings comes about in the same way."""
    config = complete(environ, extra_config={"title": given})

    assert structure_options(Options, config.extra_config).title == title


def test_precedence_of_the_model() -> None:
    """The plugin's default model comes last."""
    environ = {"PEPPERPY_PROVIDER_ACME_MODEL": "acme-2"}

    assert complete(environ, model="acme-3").model == "acme-3"
    assert complete(environ).model == "acme-2"
    assert complete({}).model == "acme-1"


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("timeout", "30", 30),
        ("timeout", " 0.5 ", 0.5),
        ("timeout", "none", None),
        ("timeout", "None", None),
        ("max_retries", "0", 0),
        ("max_retries", "7", 7),
        ("model", "12", "12"),
        ("model", "true", "true"),
    ],
)
def test_variables_are_read_as_their_setting_s_type(field: str, text: str, value: Any) -> None:
    """A number is a number, None is no limit, and a model whose name looks like a number stays a name."""
    assert getattr(complete({f"PEPPERPY_PROVIDER_ACME_{field.upper()}": text}), field) == value


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("title", "12", "12"),
        ("title", "null", "null"),
        ("base_url", "http://localhost:8080", "http://localhost:8080"),
        ("rows", "3", 3),
        ("share", "1", 1.0),
        ("share", "0.25", 0.25),
        ("quick", "true", True),
        ("quick", "True", True),
        ("quick", "FALSE", False),
        ("headers", '{"X-A": "b"}', {"X-A": "b"}),
        ("names", '["a", "b"]', ["a", "b"]),
        ("routing", '{"order": ["a"]}', {"order": ["a"]}),
    ],
)
def test_variables_are_read_as_their_extra_s_type(field: str, text: str, value: Any) -> None:
    """What is no text is read as JSON, so that dicts and lists can be given as well."""
    config = complete({f"PEPPERPY_PROVIDER_ACME_{field.upper()}": text})

    assert getattr(structure_options(Options, config.extra_config), field) == value


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("PEPPERPY_PROVIDER_ACME_API_KEY", f"{KEY} x"),
        ("PEPPERPY_PROVIDER_ACME_API_KEY", f"{KEY}\n"),
        ("ACME_OLD_KEY", f"{KEY}é"),
        ("PEPPERPY_PROVIDER_ACME_MODEL", f"{KEY}\x07"),
        ("PEPPERPY_PROVIDER_ACME_TIMEOUT", KEY),
        ("PEPPERPY_PROVIDER_ACME_TIMEOUT", "0"),
        ("PEPPERPY_PROVIDER_ACME_TIMEOUT", "-3"),
        ("PEPPERPY_PROVIDER_ACME_TIMEOUT", "NaN"),
        ("PEPPERPY_PROVIDER_ACME_TIMEOUT", "1e999"),
        ("PEPPERPY_PROVIDER_ACME_TIMEOUT", "9" * 5_000),
        ("PEPPERPY_PROVIDER_ACME_TIMEOUT", "true"),
        ("PEPPERPY_PROVIDER_ACME_MAX_RETRIES", "1.5"),
        ("PEPPERPY_PROVIDER_ACME_MAX_RETRIES", "-1"),
        ("PEPPERPY_PROVIDER_ACME_MAX_RETRIES", KEY),
        ("PEPPERPY_PROVIDER_ACME_ROWS", KEY),
        ("PEPPERPY_PROVIDER_ACME_ROWS", "1.5"),
        ("PEPPERPY_PROVIDER_ACME_QUICK", "yes"),
        ("PEPPERPY_PROVIDER_ACME_HEADERS", KEY),
        ("PEPPERPY_PROVIDER_ACME_HEADERS", f'{{"X-A": ["{KEY}"]}}'),
        ("PEPPERPY_PROVIDER_ACME_NAMES", "acme"),
        ("PEPPERPY_PROVIDER_ACME_NAMES", '"acme"'),
    ],
)
def test_a_wrong_variable_is_named(variable: str, text: str) -> None:
    """Who is told of a setting that he never gave is told where it comes from, and not what it is."""
    with pytest.raises(ProviderConfigError, match=variable) as caught:
        complete({variable: text})

    assert KEY not in everything_shown_of(caught.value)
    assert len(str(caught.value)) < 500


def test_a_variable_that_is_masked_is_not_looked_at() -> None:
    """A wrong variable does no harm where the setting is given."""
    environ = {"PEPPERPY_PROVIDER_ACME_TIMEOUT": "soon", "PEPPERPY_PROVIDER_ACME_ROWS": "many"}
    config = complete(environ, timeout=3, extra_config={"rows": 2})

    assert (config.timeout, config.extra_config["rows"]) == (3, 2)


def test_only_declared_names_are_looked_up() -> None:
    """The environment is not listed, and nothing in it is asked for but what is declared."""
    environ = Environment(PEPPERPY_PROVIDER_ACME_NO_SUCH_SETTING="x", PEPPERPY_PROVIDER_OTHER_API_KEY=KEY)
    config = complete(environ)
    declared = ["api_key", "model", "timeout", "max_retries", *attrs.fields_dict(Options)]
    vendors = {"ACME_KEY", "ACME_OLD_KEY", "ACME_TITLE", "ACME_URL"}

    assert environ.asked == {f"PEPPERPY_PROVIDER_ACME_{name.upper()}" for name in declared} | vendors
    assert config.api_key is None


def test_the_environment_is_not_what_was_given() -> None:
    """`dict()` of completed settings is still what was given, and so holds nothing of the environment."""
    config = complete({"ACME_KEY": KEY, "ACME_TITLE": "t"}, timeout=Timeouts(idle=1))

    assert config.api_key == KEY
    assert config.dict() == {"provider_type": "acme", "timeout": Timeouts(idle=1)}
    assert KEY not in repr(config)


@pytest.mark.parametrize(
    ("provider_type", "variable"),
    [
        ("acme", "PEPPERPY_PROVIDER_ACME_API_KEY"),
        ("my-llm.v2", "PEPPERPY_PROVIDER_MY_LLM_V2_API_KEY"),
        ("My_LLM", "PEPPERPY_PROVIDER_MY_LLM_API_KEY"),
    ],
)
def test_names_of_variables(provider_type: str, variable: str) -> None:
    """The type is upper-cased; dashes and dots become underscores."""
    assert variables(provider_type, "api_key", {}) == [variable]
    assert complete({variable: KEY}, provider_type).api_key == KEY


def test_a_provider_without_options_looks_up_no_extras() -> None:
    """A provider that declares no extras takes what it is given, and nothing from the environment."""
    environ = Environment(PEPPERPY_PROVIDER_ACME_TITLE="t")
    config = fill_in(ProviderConfig("acme", extra_config={"a": 1}), environ, vendor_variables=VENDOR, options_type=None)

    assert config.extra_config == {"a": 1}
    assert "ACME_TITLE" not in environ.asked


@pytest.mark.parametrize(
    ("field", "value", "structured"),
    [
        ("share", 1, 1.0),
        ("title", None, None),
        ("title", "  ", None),
        ("base_url", "", "https://example.org"),
        ("headers", {"X-A": "b"}, {"X-A": "b"}),
        ("headers", {}, {}),
        ("names", ["a"], ["a"]),
        ("names", ("a",), ["a"]),
        ("routing", {"deep": {"er": [1]}}, {"deep": {"er": [1]}}),
        ("rows", 0, 0),
        ("quick", False, False),
    ],
)
def test_extras_are_structured(field: str, value: Any, structured: Any) -> None:
    """Extras become an object of the declared class; None and blank leave its defaults."""
    assert getattr(structure_options(Options, {field: value}), field) == structured


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", 3),
        ("title", [KEY]),
        ("title", f"{KEY}\r\nX-Evil: 1"),
        ("rows", KEY),
        ("rows", "3"),
        ("rows", 3.0),
        ("rows", True),
        ("share", KEY),
        ("share", True),
        ("quick", 1),
        ("quick", KEY),
        ("headers", KEY),
        ("headers", [KEY]),
        ("headers", {"X-A": [KEY]}),
        ("names", KEY),
        ("names", {KEY: KEY}),
        ("names", [KEY, 3]),
        ("routing", KEY),
        ("kind", KEY),
        ("odd", -1),
    ],
)
def test_a_wrong_extra_is_named(field: str, value: Any) -> None:
    """The field is named, whatever refuses its value; no value of any field is shown, not even to a debugger."""
    headers = {"headers": {"Authorization": KEY}}
    with pytest.raises(ProviderConfigError) as caught:
        structure_options(Options, SecretDict({**headers, field: value}))

    assert field in str(caught.value) or field == "odd"
    assert KEY not in everything_shown_of(caught.value)


def test_an_extra_that_must_be_given_is_named() -> None:
    """A field without a default has to be given."""
    for extras in ({}, {"agent": None}, {"agent": " "}):
        with pytest.raises(ProviderConfigError, match="agent is missing"):
            structure_options(Demanding, extras)

    assert structure_options(Demanding, {"agent": "x"}).agent == "x"


@pytest.mark.parametrize(("name", "hint"), [("tilte", "did you mean 'title'"), ("xyz", "known: .*title")])
def test_an_unknown_extra_is_refused(name: str, hint: str) -> None:
    """A name that nobody declared is refused, with the nearest one."""
    with pytest.raises(ProviderConfigError, match=f"unknown setting '{name}'.*{hint}") as caught:
        structure_options(Options, {name: KEY})

    assert KEY not in str(caught.value)
