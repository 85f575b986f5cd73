"""Tools: functions that a model may call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class Tool:
    """A function that a model may call, as it is told to the model.

    Attributes:
        name: Letters, digits, `_` and `-`, 64 at most.
        description: What it does and when to use it.
        parameters: The JSON schema of its arguments, an object.
        function: What `run_tools` calls; None where the caller answers its calls.
        strict: Whether the service is to hold the arguments to the schema; None lets the dialect choose.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = attrs.field(factory=dict)
    function: Callable[..., Any] | None = attrs.field(default=None, repr=False)
    strict: bool | None = None

    @classmethod
    def from_function(cls, function: Callable[..., Any]) -> Tool:
        """Return the tool that a function is."""
        raise NotImplementedError
