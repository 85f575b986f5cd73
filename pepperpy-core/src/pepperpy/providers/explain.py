"""What a call would send, told without sending it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from .domain import ProviderError


@attrs.frozen(kw_only=True)
class Explanation:
    """The request that a call would send, with every secret masked.

    Attributes:
        method: Such as "POST".
        url: Where to.
        headers: The provider's and the request's own; those that aiohttp adds are left out.
        body: What would be sent as JSON.
        mapped: For each argument of the call, what it became: the places in the body, or the URL, and the values there.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    mapped: Mapping[str, Mapping[str, Any]]

    def __str__(self) -> str:
        from ._codec import dumps_indented

        headers = "".join(f"{name}: {value}\n" for name, value in self.headers.items())
        return f"{self.method} {self.url}\n{headers}\n{dumps_indented(self.body)}"


def map_arguments(
    arguments: Mapping[str, Any], view: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return what became of each argument: what `view` holds with it and not, or not so, without it.

    Args:
        arguments: Those of the call.
        view: Returns what a call with some of these arguments would send; raises `ProviderError` where it would fail.
    """
    whole = dict(_leaves(view(arguments)))
    mapped = {}
    for name in arguments:
        try:
            without = dict(_leaves(view({other: value for other, value in arguments.items() if other != name})))
        except ProviderError:
            # Another argument needs this one.
            without = dict(_leaves(view({})))
        mapped[name] = {place: value for place, value in whole.items() if without.get(place, without) != value}
    return mapped


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{place}.{key}" if place else str(key))
    elif isinstance(value, (list, tuple)) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, f"{place}[{index}]")
    else:
        yield place, value
