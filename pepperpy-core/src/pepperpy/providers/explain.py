"""What a call would send, told without sending it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Self

import attrs

from ._secret import forms, masked, redact
from .domain import ProviderError

if TYPE_CHECKING:
    from .dialect import Request


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

    @classmethod
    def without_secrets(
        cls,
        request: Request,
        *,
        url: str,
        headers: Mapping[str, str],
        mapped: Mapping[str, Mapping[str, Any]],
        secrets: Iterable[str],
    ) -> Self:
        """Return what tells of a request, with every form of each secret masked wherever it stands.

        Args:
            request: What a dialect made.
            url: Where it goes to.
            headers: The provider's own, beside the request's.
            mapped: What became of each argument.
            secrets: What must not be told.
        """
        secrets = [*secrets]
        hidden = [form for secret in secrets for form in forms(secret)]
        return cls(
            method=request.method,
            url=redact(url, hidden),
            headers={
                "Content-Type": "application/json",
                **{name: masked(value, secrets) for name, value in headers.items()},
                **redact(request.headers or {}, hidden),
            },
            body=redact(request.body, hidden),
            mapped=redact(mapped, hidden),
        )

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

    def viewed(some: Mapping[str, Any]) -> Mapping[str, Any] | None:
        try:
            return view(some)
        except ProviderError:
            return None

    mapped = {}
    whole = view(arguments)
    for name, value in arguments.items():
        rest = {other: given for other, given in arguments.items() if other != name}
        having, lacking = whole, viewed(rest)
        if lacking is None:
            # Another argument needs this one: it is looked at beside those that stand alone.
            rest = {other: given for other, given in rest.items() if viewed({other: given}) is not None}
            having, lacking = viewed({**rest, name: value}) or whole, viewed(rest) or {}
        mapped[name] = dict(_differing(having, lacking))
    return mapped


_NOTHING = object()


def _differing(value: Any, other: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the places and values that a JSON value holds, and another one not, or not so."""
    if isinstance(value, Mapping) and value:
        others = other if isinstance(other, Mapping) else {}
        for key, item in value.items():
            yield from _differing(item, others.get(key, _NOTHING), f"{place}.{key}" if place else str(key))
    elif isinstance(value, (list, tuple)) and value:
        items = list(other) if isinstance(other, (list, tuple)) else []
        # What is put in front only moves what follows.
        pairs = zip(reversed(value), reversed(items), strict=False)
        moved = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        for index, item in enumerate(value[: len(value) - moved]):
            beside = items[index] if index < len(items) - moved else _NOTHING
            yield from _differing(item, beside, f"{place}[{index}]")
    elif value != other:
        yield place, value
