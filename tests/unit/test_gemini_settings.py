"""What the options of a call become on Gemini's wire, generation by generation, and what models it offers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy.providers import ProviderCapabilityError, ProviderError, ProviderInputError, ProviderResponseError
from pepperpy.providers.capabilities import Model
from pepperpy.providers.outputs import OutputSchema
from pepperpy.providers.tools import Tool
from pepperpy_gemini.dialect import GeminiDialect
from pepperpy_gemini.schemas import fit_schema

from .spoiling import json_values, spoiled_values

DIALECT = GeminiDialect()

CITY: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool(name="weather", description="Tell the weather.", parameters=CITY)
STRICT = Tool(name="strict", description="Be strict.", parameters=CITY, strict=True)
OUTPUT = OutputSchema(name="city", schema=CITY, strict_schema={**CITY, "additionalProperties": False})


def body(model: str = "gemini-3.8-flash", **options: Any) -> Any:
    return DIALECT.complete("hi", model=model, stream=False, options=options).body


def thinking(model: str, **options: Any) -> Any:
    return body(model, **options).get("generationConfig", {}).get("thinkingConfig")


@pytest.mark.parametrize(
    ("model", "efforts"),
    [
        ("gemini-3-flash-preview", "minimal minimal low medium high high high"),
        ("gemini-3.5-flash-lite", "minimal minimal low medium high high high"),
        ("models/gemini-3.6-flash", "minimal minimal low medium high high high"),
        ("gemini-3-pro-preview", "low low low medium high high high"),
        ("gemini-3.1-pro-preview", "low low low medium high high high"),
        ("gemini-3.7-flash", "low low low medium high high high"),
        ("gemini-3.8-flash", "low low low medium high high high"),
        ("gemini-3.10-flash", "low low low medium high high high"),
        ("gemini-flash-latest", "low low low medium high high high"),
        ("tunedModels/gemini-2.5-mine", "low low low medium high high high"),
        ("gemini-4-argon", "low low low medium high xhigh xhigh"),
        ("gemini-12.5-krypton", "low low low medium high xhigh xhigh"),
        ("gemini-3.1-flash-image", "minimal minimal minimal high high high high"),
    ],
)
def test_levels_of_thinking(model: str, efforts: str) -> None:
    """From Gemini 3 on each effort is the nearest level that the model has; unknown names are taken for the newest."""
    asked = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
    written = [thinking(model, reasoning=effort) for effort in asked]

    assert [each["thinkingLevel"] for each in written] == efforts.upper().split()
    assert [each.get("includeThoughts") for each in written] == [None, *[True] * 6]
    assert not any("thinkingBudget" in each for each in written)


@pytest.mark.parametrize(
    ("model", "budgets"),
    [
        ("gemini-2.5-flash", [0, 512, 1024, 8192, 24576, 24576, 24576]),
        ("gemini-2.5-flash-lite", [0, 512, 1024, 8192, 24576, 24576, 24576]),
        ("models/gemini-2.5-pro", [128, 512, 1024, 8192, 24576, 32768, 32768]),
    ],
)
def test_budgets_of_thinking(model: str, budgets: list[int]) -> None:
    """Gemini 2.5 counts tokens, none of them below what its model takes."""
    asked = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

    assert [thinking(model, reasoning=effort)["thinkingBudget"] for effort in asked] == budgets
    assert not any("thinkingLevel" in thinking(model, reasoning=effort) for effort in asked)


@pytest.mark.parametrize(
    "model",
    [
        "gemini-2.0-flash",
        "gemini-1.5-pro",
        "gemini-pro",
        "gemma-3-27b-it",
        "Gemma-4-31b",
        "gemini-2.5-flash-image",
        "gemini-2.5-pro-preview-tts",
    ],
)
def test_models_that_do_not_think(model: str) -> None:
    """To a model that cannot think, "none" says nothing, and anything else is refused."""
    assert thinking(model, reasoning="none", include_thoughts=False) is None
    with pytest.raises(ProviderCapabilityError, match="leave reasoning out"):
        body(model, reasoning="low")
    with pytest.raises(ProviderCapabilityError, match="leave include_thoughts out"):
        body(model, include_thoughts=True)


def test_thoughts_may_be_told_or_not() -> None:
    """The option alone changes whether thoughts are told, and wins over what reasoning asks for."""
    assert thinking("gemini-3.8-flash") is None
    assert thinking("gemini-3.8-flash", include_thoughts=True) == {"includeThoughts": True}
    assert thinking("gemini-3.8-flash", reasoning="low", include_thoughts=False) == {
        "thinkingLevel": "LOW",
        "includeThoughts": False,
    }


@pytest.mark.parametrize("option", ["presence_penalty", "frequency_penalty"])
def test_gemini_4_takes_no_penalties(option: str) -> None:
    """What the model is known to refuse is refused before it is sent, and only that."""
    for model in ("gemini-4-carbon", "gemini-5.1-flash"):
        with pytest.raises(ProviderCapabilityError, match=option):
            body(model, **{option: 0.5})
    for model in ("gemini-3.8-flash", "gemini-flash-latest", "m"):
        assert body(model, **{option: 0.5})["generationConfig"]


def test_tools_are_declared() -> None:
    """A tool is told with its schema, and one without parameters without."""
    now = Tool(name="now")
    (declared,) = body(tools=[WEATHER, now])["tools"]
    weather, other = declared["functionDeclarations"]

    assert weather == {"name": "weather", "description": "Tell the weather.", "parametersJsonSchema": CITY}
    assert (other["name"], other["description"]) == ("now", "")
    assert "toolConfig" not in body(tools=[WEATHER])


@pytest.mark.parametrize(
    ("tools", "choice", "config"),
    [
        ([WEATHER], "auto", {"mode": "AUTO"}),
        ([WEATHER], "none", {"mode": "NONE"}),
        ([WEATHER], "required", {"mode": "ANY"}),
        ([WEATHER, STRICT], "weather", {"mode": "ANY", "allowedFunctionNames": ["weather"]}),
        ([STRICT], "auto", {"mode": "VALIDATED"}),
        ([WEATHER, STRICT], None, {"mode": "VALIDATED"}),
        ([STRICT], "none", {"mode": "NONE"}),
        ([STRICT], "required", {"mode": "ANY"}),
    ],
)
def test_the_choice_of_tools(tools: list[Tool], choice: str | None, config: dict[str, Any]) -> None:
    """Each choice has Google's word, and strict tools are validated where the choice is free."""
    options = {} if choice is None else {"tool_choice": choice}

    assert body(tools=tools, **options)["toolConfig"] == {"functionCallingConfig": config}


def test_parallel_calls_cannot_be_forbidden() -> None:
    """True is what the service does anyway; False is refused, since nothing on the wire says it."""
    assert body(tools=[WEATHER], parallel_tool_calls=True) == body(tools=[WEATHER])
    with pytest.raises(ProviderCapabilityError, match="parallel_tool_calls=False"):
        body(tools=[WEATHER], parallel_tool_calls=False)


def test_output_is_held_to_its_schema() -> None:
    """The schema goes along as it is: the service holds every answer to it, and what is optional may be left out."""
    assert body(output=OUTPUT)["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": CITY,
    }


def test_output_and_tools_together() -> None:
    """From Gemini 3 on an answer may call tools or fit the schema; before, the service refuses, and so do we."""
    for model in ("gemini-3-flash-preview", "gemini-4-argon", "gemini-flash-latest"):
        assert {"tools", "generationConfig"} <= body(model, output=OUTPUT, tools=[WEATHER]).keys()
    for model in ("gemini-2.5-pro", "gemini-2.0-flash"):
        with pytest.raises(ProviderCapabilityError, match="either tools or output"):
            body(model, output=OUTPUT, tools=[WEATHER])


@pytest.mark.parametrize(
    ("schema", "fitted"),
    [
        (CITY, CITY),
        ({"$schema": "https://x", "title": "T", "type": "string", "default": None}, {"title": "T", "type": "string"}),
        ({"const": "a"}, {"type": "string", "enum": ["a"]}),
        ({"const": 1, "type": "integer"}, {"type": "integer", "enum": [1]}),
        ({"const": None}, {"type": "null"}),
        ({"const": True}, {"type": "boolean", "description": "const: true"}),
        ({"enum": ["a", "b"]}, {"type": "string", "enum": ["a", "b"]}),
        ({"enum": [True, False]}, {"type": "boolean"}),
        ({"enum": ["a", None]}, {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]}),
        ({"enum": ["a", 1]}, {"type": ["string", "integer"], "enum": ["a", 1]}),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
        ({"type": "string", "pattern": "^a"}, {"type": "string", "description": 'pattern: "^a"'}),
        (
            {"type": "string", "description": "A name.", "minLength": 2, "maxLength": 5},
            {"type": "string", "description": "A name. (minLength: 2, maxLength: 5)"},
        ),
        ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
        ({"type": "string", "format": "uuid"}, {"type": "string", "description": 'format: "uuid"'}),
        ({"type": "integer", "exclusiveMinimum": 0}, {"type": "integer", "minimum": 1}),
        ({"type": "integer", "exclusiveMaximum": 9}, {"type": "integer", "maximum": 8}),
        ({"type": "number", "exclusiveMinimum": 0}, {"type": "number", "description": "exclusiveMinimum: 0"}),
        ({"type": "integer", "default": 3}, {"type": "integer", "description": "default: 3"}),
        ({"items": [{"const": 1}, True]}, {"prefixItems": [{"type": "integer", "enum": [1]}, {}]}),
        ({"items": {"const": 1}}, {"items": {"type": "integer", "enum": [1]}}),
        ({"additionalProperties": False}, {"additionalProperties": False}),
        ({"additionalProperties": {"const": 1}}, {"additionalProperties": {"type": "integer", "enum": [1]}}),
        ({"oneOf": [{"const": 1}]}, {"oneOf": [{"type": "integer", "enum": [1]}]}),
        (
            {"$ref": "#/definitions/A", "definitions": {"A": {"const": 1}}},
            {"$ref": "#/$defs/A", "$defs": {"A": {"type": "integer", "enum": [1]}}},
        ),
        (
            {"properties": {"a": {"$ref": "#/$defs/A", "description": "d"}}},
            {"properties": {"a": {"description": "d", "anyOf": [{"$ref": "#/$defs/A"}]}}},
        ),
        ({"allOf": [{"$ref": "#/$defs/A"}]}, {"$ref": "#/$defs/A"}),
        (
            {"allOf": [{"$ref": "#/$defs/A"}], "description": "d"},
            {"description": "d", "anyOf": [{"$ref": "#/$defs/A"}]},
        ),
        (
            {
                "allOf": [
                    {"$ref": "#/$defs/A"},
                    {"properties": {"a": {"maximum": 9}, "b": {}}, "required": ["b"], "minItems": 3},
                ],
                "required": ["c"],
                "minItems": 2,
                "$defs": {"A": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}},
            },
            {
                "type": "object",
                "properties": {"a": {"type": "integer", "maximum": 9}, "b": {}},
                "required": ["c", "a", "b"],
                "minItems": 3,
                "$defs": {"A": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}},
            },
        ),
    ],
)
def test_schemas_are_fitted(schema: dict[str, Any], fitted: dict[str, Any]) -> None:
    """What Gemini does not read is said in what it does read, and else told to the model in words."""
    before = json.dumps(schema)

    assert fit_schema(schema) == fitted
    assert json.dumps(schema) == before


def test_a_cycle_of_all_of_is_refused() -> None:
    """A schema without an end is an error of the caller's, not a RecursionError."""
    with pytest.raises(ProviderInputError, match="nested too deep"):
        fit_schema({"$ref": "#/$defs/A", "$defs": {"A": {"allOf": [{"$ref": "#/$defs/A"}, {}]}}})


READ = {
    *("$id", "$defs", "$ref", "$anchor", "type", "format", "title", "description", "enum", "items", "prefixItems"),
    *("minItems", "maxItems", "minimum", "maximum", "anyOf", "oneOf", "properties", "additionalProperties"),
    *("required", "propertyOrdering"),
}
WORDS = ("const", "enum", "allOf", "anyOf", "$ref", "#/$defs/A", "properties", "items", "type", "format", "required")


@given(st.dictionaries(st.sampled_from(WORDS), json_values(*WORDS)))
def test_any_schema_is_fitted(schema: dict[str, Any]) -> None:
    """Whatever calls itself a schema, it is written in the words that Gemini reads, or refused."""
    try:
        fitted = fit_schema(schema)
    except ProviderError:
        return

    assert set(fitted) <= READ
    assert "$ref" not in fitted or all(name.startswith("$") for name in fitted)


def test_the_models_are_asked_for_page_by_page() -> None:
    """The first page is as long as the service makes it, and the next is named by its token."""
    first, second = DIALECT.models(None), DIALECT.models("a/b&c=\ud800")

    assert (first.method, first.path, first.body) == ("GET", "/models?pageSize=1000", {})
    assert second.path == "/models?pageSize=1000&pageToken=a%2Fb%26c%3D%ED%A0%80"


MODELS = {
    "models": [
        {
            "name": "models/gemini-3.8-flash",
            "displayName": "Gemini 3.8 Flash",
            "inputTokenLimit": 1048576,
            "outputTokenLimit": 65536,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
            "thinking": True,
        },
        {"name": "models/gemini-embedding-2", "supportedGenerationMethods": ["embedContent", "batchEmbedContents"]},
        {"name": "tunedModels/mine"},
        {"displayName": "nameless"},
        "nothing",
    ],
    "nextPageToken": "more",
}


def test_models_are_read() -> None:
    """A model is named as `model=` takes it, with what the service says of it; what has no name is left out."""
    page = DIALECT.parse_models(MODELS)

    assert page.next == "more"
    assert page.models == (
        Model(
            id="gemini-3.8-flash",
            name="Gemini 3.8 Flash",
            context_length=1048576,
            max_output_tokens=65536,
            capabilities=frozenset({"conversations", "reasoning"}),
        ),
        Model(id="gemini-embedding-2", capabilities=frozenset({"embeddings"})),
        Model(id="tunedModels/mine"),
    )
    assert page.models[0].raw == MODELS["models"][0]
    assert DIALECT.parse_models({"models": []}).next is None


@pytest.mark.parametrize("payload", [{}, None, [], {"models": None}, {"models": {}}])
def test_what_lists_no_models_is_refused(payload: Any) -> None:
    """An answer without a list is an error, never an empty list."""
    with pytest.raises(ProviderResponseError, match="without a list of models"):
        DIALECT.parse_models(payload)


@given(spoiled_values([MODELS, {"error": {"code": 400, "message": "no"}}], json_values("models", "name", "error")))
def test_any_list_of_models_is_read_or_refused(payload: Any) -> None:
    """Whatever stands wherever in a list, models with a name come out, or an error, and the next page can be asked for."""
    try:
        page = DIALECT.parse_models(payload)
    except ProviderError:
        return

    assert all(model.id for model in page.models)
    assert DIALECT.models(page.next).path.isascii()


def test_capabilities_name_the_options() -> None:
    """What the provider can do is known before anything is sent, down to the options' names."""
    capabilities = DIALECT.capabilities

    assert capabilities.tools
    assert capabilities.structured_output
    assert capabilities.reasoning
    assert capabilities.options is not None
    assert {"system", "tools", "output", "reasoning", "include_thoughts", "seed", "top_k"} <= capabilities.options
    for option in ("temperatur", "user"):
        with pytest.raises(ProviderInputError, match="unknown option"):
            body(**{option: "x"})
