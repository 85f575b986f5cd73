"""Tell Gemini of tools, and which of them it is to call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pepperpy.providers.tools import Tool

from .schemas import fit_schema

_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}


def write_tools(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Return the declarations of some tools."""
    return [{"functionDeclarations": [_declaration(tool) for tool in tools]}]


def _declaration(tool: Tool) -> dict[str, Any]:
    written: dict[str, Any] = {"name": tool.name, "description": tool.description}
    if tool.parameters:
        written["parametersJsonSchema"] = fit_schema(tool.parameters)
    return written


def calling_config(tools: Sequence[Tool], choice: str | None) -> dict[str, Any] | None:
    """Return whether the model is to call tools and which, or None where nothing is to be said.

    `strict` holds all tools to their schemas as soon as one asks for it: the service knows nothing between.
    """
    mode = _MODES.get(choice or "auto", "ANY")
    if mode == "AUTO" and any(tool.strict for tool in tools):
        mode = "VALIDATED"
    elif choice is None:
        return None
    named = {"allowedFunctionNames": [choice]} if choice is not None and choice not in _MODES else {}
    return {"functionCallingConfig": {"mode": mode, **named}}
