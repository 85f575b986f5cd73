"""What a model's name tells of its generation, and how much the models of a generation may think."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

import attrs

from pepperpy.providers import ProviderCapabilityError
from pepperpy.providers.options import nearest_effort

_NUMBERED = re.compile(r"gemini-([0-9]{1,3})(?:\.([0-9]{1,3}))?(?![0-9])")
_UNNUMBERED: Mapping[str, tuple[int, int]] = {
    "gemini-pro": (1, 0),
    "gemini-pro-vision": (1, 0),
    "gemini-robotics-er-1.5-preview": (2, 5),
}

BUDGETS: Mapping[str, int] = {
    "none": 0,
    "minimal": 512,
    "low": 1024,
    "medium": 8192,
    "high": 24576,
    "xhigh": 24576,
    "max": 24576,
}
"""Tokens that a Gemini 2.5 may think with."""

PRO_BUDGETS: Mapping[str, int] = {**BUDGETS, "none": 128, "xhigh": 32768, "max": 32768}
"""The same for a 2.5 Pro, which never stops thinking and may think longer."""


@attrs.frozen
class Generation:
    """The generation of a model.

    Attributes:
        name: The model's own name, in lower case.
        version: Its number, such as `(2, 5)`; None where the name tells none, as "gemini-flash-latest". Such a model
            is taken for one of the newest, but nothing is refused on its account.
        is_gemma: Whether it is one of the open models, whose service is more modest.
    """

    name: str
    version: tuple[int, int] | None
    is_gemma: bool

    def is_before(self, major: int, minor: int = 0) -> bool:
        """Tell whether it is known to be older than that."""
        return self.version is not None and self.version < (major, minor)

    def is_from(self, major: int, minor: int = 0) -> bool:
        """Tell whether it is known to be that or newer."""
        return self.version is not None and self.version >= (major, minor)

    @property
    def thinks(self) -> bool:
        """Whether it may think; gemma, what came before 2.5, and what draws or speaks before 3 do not."""
        draws_or_speaks = any(word in self.name for word in ("-image", "-tts"))
        return not (self.is_gemma or self.is_before(2, 5) or (draws_or_speaks and self.is_before(3)))

    @property
    def wants_signatures(self) -> bool:
        """Whether it refuses calls of tools that come back without the signature of the thought behind them."""
        return not (self.is_gemma or self.is_before(3))

    @property
    def efforts(self) -> tuple[str, ...]:
        """The levels of thinking that it has; Gemini 3 and later cannot be kept from it altogether."""
        if "image" in self.name and "pro" not in self.name:
            return ("minimal", "high")
        if self.is_from(4):
            return ("low", "medium", "high", "xhigh")
        if "pro" in self.name or not self.is_before(3, 7):
            return ("low", "medium", "high")
        return ("minimal", "low", "medium", "high")


# Few models are asked again and again.
@functools.lru_cache(maxsize=64)
def generation_of(resource: str) -> Generation:
    """Return the generation of a model by its resource name.

    >>> generation_of("models/gemini-3.8-flash").version
    (3, 8)
    """
    collection, _, rest = resource.lower().partition("/")
    name = rest.rpartition("/")[2]
    version = _UNNUMBERED.get(name)
    if collection == "models" and (found := _NUMBERED.match(name)):
        version = int(found[1]), int(found[2] or 0)
    return Generation(name, version, name.startswith("gemma") and collection == "models")


def thinking_config(
    generation: Generation, *, reasoning: str | None, include_thoughts: bool | None
) -> dict[str, Any] | None:
    """Return how much a model is to think and whether it tells its thoughts, or None where nothing is to be said.

    Raises:
        ProviderCapabilityError: The model does not think.
    """
    if not generation.thinks:
        if reasoning in (None, "none") and not include_thoughts:
            return None
        option = "include_thoughts" if reasoning in (None, "none") else "reasoning"
        raise ProviderCapabilityError(
            f"{generation.name} does not think; leave {option} out or choose a model that does"
        )
    written: dict[str, Any] = {}
    if reasoning is not None:
        if generation.is_before(3):
            written["thinkingBudget"] = (PRO_BUDGETS if "pro" in generation.name else BUDGETS)[reasoning]
        else:
            written["thinkingLevel"] = nearest_effort(reasoning, generation.efforts).upper()
        if reasoning != "none":
            written["includeThoughts"] = True
    if include_thoughts is not None:
        written["includeThoughts"] = include_thoughts
    return written or None
