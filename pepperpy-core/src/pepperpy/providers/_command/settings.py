"""Where each setting of a provider comes from, with nothing secret in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs

from .._secret import MASK
from .._settings import variables
from .findings import Resolved

# PWD and OLDPWD are where the shell is and was; a PWD that is a part of a name is a password.
_SECRET = re.compile(
    r"\A(?!(?:OLD)?PWD\Z).*(?:KEY|TOKEN|SECRET|PASS|PWD|CREDENTIAL|AUTH|BEARER|COOKIE|PRIVATE|DSN|CERT)", re.IGNORECASE
)
PREFIX = "PEPPERPY_PROVIDER_"
_PLAIN = re.compile(r"(?i)-?[0-9]{1,12}(\.[0-9]{1,6})?|true|false|none")


@attrs.frozen(kw_only=True)
class Declared:
    """A setting that a plugin declares.

    Attributes:
        name: The setting.
        vendor: The vendor's own variables for it.
        default: The plugin's default as it may be shown; None where it has none.
    """

    name: str
    vendor: tuple[str, ...] = ()
    default: str | None = None


def is_set(environ: Mapping[str, str], name: str) -> bool:
    """Return whether a variable counts: a blank one does not."""
    return bool((environ.get(name) or "").strip())


def resolve(provider_type: str, declared: Iterable[Declared], environ: Mapping[str, str]) -> tuple[Resolved, ...]:
    """Return for each setting which variable wins, or whether the default does."""
    return tuple(_resolve(provider_type, setting, environ) for setting in declared)


def _resolve(provider_type: str, setting: Declared, environ: Mapping[str, str]) -> Resolved:
    names = tuple(variables(provider_type, setting.name, {setting.name: setting.vendor}))
    winners = [name for name in names if is_set(environ, name)]
    if winners:
        return Resolved(
            name=setting.name,
            source="environment",
            variable=winners[0],
            value=show(setting.name, winners[0], environ[winners[0]]),
            variables=names,
            outweighed=tuple(winners[1:]),
        )
    return Resolved(
        name=setting.name,
        source="none" if setting.default is None else "default",
        variable=None,
        value=setting.default,
        variables=names,
    )


def show(setting: str, variable: str, value: str) -> str:
    """Return the value of a variable as far as it is no secret: numbers, a model's name, where a URL leads."""
    value = value.strip()
    # The variable's name counts too: a plugin may declare anybody's variable for any setting.
    if _SECRET.search(setting) or _SECRET.search(variable):
        return MASK
    if setting in ("model", "embedding_model") and re.fullmatch(r"[\w.:/-]{1,60}", value, re.ASCII):
        return value
    if setting.endswith("_url"):
        return _origin(value)
    return value.lower() if _PLAIN.fullmatch(value) else MASK


def _origin(value: str) -> str:
    """Return the host that a URL leads to; user, path and query may hold a key."""
    try:
        url = urlsplit(value)
        host, port = url.hostname, url.port
    except ValueError:
        return MASK
    if url.scheme not in ("http", "https") or not host or "@" in value or not host.isascii() or not host.isprintable():
        return MASK
    rest = f"/{MASK}" if url.path.strip("/") or url.query or url.fragment else ""
    return f"{url.scheme}://{host}{f':{port}' if port else ''}{rest}"


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that a plugin is tried in: without variables that look as if they held a secret."""
    return {
        name: value
        for name, value in environ.items()
        if not (_looks_secret(name, value) or name.upper().startswith(PREFIX))
    }


def secret_values(environ: Mapping[str, str], resolved: Iterable[Resolved]) -> set[str]:
    """Return the values that no text may hold: of variables that look like secrets, and of settings that are masked."""
    masked = {setting.variable for setting in resolved if setting.value and MASK in setting.value}
    names = {name for name, value in environ.items() if name in masked or _looks_secret(name, value)}
    return {environ[name].strip() for name in names if is_set(environ, name)}


def _looks_secret(name: str, value: str) -> bool:
    return bool(_SECRET.search(name) or re.search(r"://[^/]*@", value))


def declared_of(facts: Mapping[str, Any]) -> tuple[Declared, ...]:
    """Return the settings that a child reported, whatever it is that came back."""
    rows = facts.get("settings")
    found = []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and isinstance(row.get("name"), str):
            vendor, default = row.get("vendor"), row.get("default")
            found.append(
                Declared(
                    name=row["name"],
                    vendor=tuple(name for name in vendor if isinstance(name, str)) if isinstance(vendor, list) else (),
                    default=default if isinstance(default, str) else None,
                )
            )
    return tuple(found)
