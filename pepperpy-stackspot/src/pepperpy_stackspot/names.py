"""The names that stand in a path: of agents, quick commands, executions and realms."""

from __future__ import annotations

import re
from typing import Any

from pepperpy.providers import ProviderInputError
from pepperpy.providers import options as check

# Never "." or "..", which would lead to another path, and nothing that has to be percent-encoded.
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}")


def is_identifier(name: str) -> bool:
    """Tell whether the name can stand in a path as it is."""
    return _IDENTIFIER.fullmatch(name) is not None


def is_ulid(name: str) -> bool:
    """Tell whether the name is a ULID, as the ids of agents are."""
    return _ULID.fullmatch(name) is not None


def identifier(name: str, value: Any) -> str:
    """Take an id or a slug."""
    if not is_identifier(check.text(name, value)):
        raise ProviderInputError(f"{name} must name letters, digits, '-', '_' and '.' only, a letter or digit first")
    return str(value)
