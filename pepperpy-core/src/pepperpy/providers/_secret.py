"""Keep a key out of everything that is printed, logged or pickled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus

from .domain import ELLIPSIS, Completion, ProviderError

MASK = "***"

_SHORTEST = 7
"""A shorter value is a placeholder ("ollama", "EMPTY"), and to blot it out would garble every text."""

_SHORTEST_HALF = 4


class Secret:
    """A string without a representation; `reveal()` is the one way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the string itself."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled: carry config.dict() over yourself, and protect it")


class SecretBytes(bytes):
    """Bytes that are not shown."""

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__


class SecretText(str):
    """A text that is sent as it is and not shown: aiohttp keeps it in frames that a cancelled call leaves behind."""

    __slots__ = ()

    def __repr__(self) -> str:
        return MASK


class SecretDict(dict[str, Any]):
    """A dict whose values are not shown."""

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{key!r}: {MASK}" for key in self) + "}"

    __str__ = __repr__


def redact(value: Any, secrets: Iterable[str]) -> Any:
    """Return `value`, a JSON-able thing, with every one of `secrets` blotted out, in keys too."""
    if isinstance(value, str):
        # The longest first, since one secret may be a part of another.
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) >= _SHORTEST:
                value = value.replace(secret, MASK)
                if ELLIPSIS in value:
                    value = _redact_halves(value, secret)
        return value
    if isinstance(value, Mapping):
        return {redact(key, secrets): redact(item, secrets) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact(item, secrets) for item in value]
    return value


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return a text that is known to hold secrets with all of them masked, however short."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK) if secret else text
    return text


def _redact_halves(text: str, secret: str) -> str:
    """Blot out what is left of a secret that `cut` went through."""
    parts = text.split(ELLIPSIS)
    for size in range(len(secret) - 1, _SHORTEST_HALF - 1, -1):
        for place in range(len(parts) - 1):
            if parts[place].endswith(secret[:size]):
                parts[place] = parts[place][:-size] + MASK
            if parts[place + 1].startswith(secret[-size:]):
                parts[place + 1] = MASK + parts[place + 1][size:]
    return ELLIPSIS.join(parts)


def forms(secret: str) -> set[str]:
    """Return a secret as it stands and as URLs, HTML and JSON spell it."""
    # Imported here: it is needed where something fails, and costs start-up time.
    import html

    quoted = {quote(secret), quote(secret, safe=""), quote_plus(secret)}
    lowered = {re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), form) for form in quoted}
    escaped = {html.escape(secret), html.escape(secret, quote=False), secret.replace("/", "\\/")}
    return {secret, *quoted, *lowered, *escaped, secret.replace("&", "\\u0026")}


def redact_error(error: ProviderError, secrets: Iterable[str]) -> None:
    """Blot `secrets` out of everything that `error` holds, in each form in which a service may send them back."""
    secrets = [form for secret in secrets for form in forms(secret)]
    error.args = tuple(redact(argument, secrets) for argument in error.args)
    for name, value in vars(error).items():
        # The provider's name is ours, and may well be somebody's key.
        if name != "provider_type":
            setattr(error, name, (_redact_completion if isinstance(value, Completion) else redact)(value, secrets))


def _redact_completion(completion: Completion, secrets: Iterable[str]) -> Completion:
    rebuild, (kind, text, fields), *_ = completion.__reduce__()
    shown = {name: redact(fields[name], secrets) for name in ("raw", "reasoning", "refusal")}
    redacted: Completion = rebuild(kind, redact(text, secrets), {**fields, **shown})
    return redacted
