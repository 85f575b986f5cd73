"""Structured output: the schema that a service is given, and the object that its answer becomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from .domain import Completion


@attrs.frozen(kw_only=True)
class OutputSchema:
    """What `output` asked for.

    Attributes:
        name: Letters, digits, `_` and `-`, 64 at most.
        schema: The JSON schema, an object at its root.
        strict_schema: The same as strict modes want it, every object closed and every property required; None where
            that would say something else.
        description: What the type's docstring says, possibly empty.
    """

    name: str
    schema: Mapping[str, Any]
    strict_schema: Mapping[str, Any] | None
    description: str = ""

    def read(self, completion: Completion) -> Any:
        """Return the object that the answer is."""
        raise NotImplementedError


def output_schema(output: Any) -> OutputSchema:
    """Return the schema of what `output` names, made once for each type."""
    raise NotImplementedError
