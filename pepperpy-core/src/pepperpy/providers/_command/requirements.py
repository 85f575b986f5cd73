"""Whether a version meets a requirement, for the plain forms that requirements have; what is not plain passes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, TypeAlias

import attrs

Fit: TypeAlias = Literal["fits", "below", "above"]
Order: TypeAlias = tuple[tuple[int, ...], int]

_REQUIREMENT = re.compile(
    r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*\(?([^;()@]*)\)?\s*(;.*|@.*)?$", re.DOTALL
)
_SPECIFIER = re.compile(r"(~=|===?|!=|<=|>=|<|>)\s*v?([0-9]{1,9}(?:\.[0-9]{1,9})*)(\.\*|[^,]*)$", re.ASCII)
_VERSION = re.compile(r"\s*v?([0-9]{1,9}(?:\.[0-9]{1,9})*)(.*)$", re.ASCII | re.DOTALL)
_EARLY = re.compile(r"[-_.]?(a|b|c|rc|alpha|beta|pre|preview|dev)", re.IGNORECASE)


@attrs.frozen
class Requirement:
    """One requirement of a distribution.

    Attributes:
        name: Which distribution is required, normalized.
        specifiers: Which versions of it, as written: ">=1,<2".
        conditional: Whether it holds under a condition only, or names a place.
    """

    name: str
    specifiers: str
    conditional: bool

    def __str__(self) -> str:
        return f"{self.name}{self.specifiers}"


def parse_requirement(text: str) -> Requirement | None:
    """Return a requirement that is written in plain form, else None."""
    found = _REQUIREMENT.match(text)
    if found is None:
        return None
    return Requirement(normalize(found[1]), "".join(found[2].split()), bool(found[3]))


def normalize(name: str) -> str:
    """Return a distribution's name as the index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def fit(version: str, specifiers: str) -> Fit:
    """Return whether a version meets the specifiers, or lies below or above what they allow."""
    mine = _order(version)
    if mine is None:
        return "fits"
    for specifier in filter(None, (each.strip() for each in specifiers.split(","))):
        found = _SPECIFIER.match(specifier)
        bound = _order(found[2] + found[3].removesuffix(".*")) if found else None
        if found is None or bound is None:
            continue
        prefix = {"~=": found[2].count("."), "==": found[2].count(".") + 1 if found[3] == ".*" else None}
        beyond = _compare(mine, bound, prefix[found[1]]) if found[1] in prefix else _BOUNDS[found[1]](mine, bound)
        if beyond != "fits":
            return beyond
    return "fits"


_BOUNDS: dict[str, Callable[[Order, Order], Fit]] = {
    ">=": lambda mine, bound: "below" if mine < bound else "fits",
    ">": lambda mine, bound: "below" if mine <= bound else "fits",
    "<=": lambda mine, bound: "above" if mine > bound else "fits",
    "<": lambda mine, bound: "above" if mine >= bound else "fits",
    "!=": lambda mine, bound: "fits",
    "===": lambda mine, bound: "fits",
}


def _compare(mine: Order, bound: Order, prefix: int | None) -> Fit:
    """Return how a version lies to one that it must be, or begin with."""
    if mine < bound:
        return "below"
    if prefix is None:
        return "above" if mine > bound else "fits"
    return "above" if mine[0][:prefix] > bound[0][:prefix] else "fits"


def _order(version: str) -> Order | None:
    """Return what versions are compared by: their numbers, then whether they are early ones of these numbers."""
    found = _VERSION.match(version)
    if found is None or "!" in found[2]:
        return None
    numbers = tuple(int(part) for part in found[1].split("."))
    return (*numbers, *[0] * (8 - len(numbers))), -1 if _EARLY.match(found[2]) else 0
