"""Where a provider's requests go, and what headers they may carry."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import attrs

from ._config import is_visible_ascii
from .domain import ProviderConfigError

_LABEL = re.compile("[A-Za-z0-9_-]{1,63}")
_OWN_HEADERS = {
    *("accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type"),
    *("expect", "host", "te", "trailer", "transfer-encoding", "upgrade"),
}


def check_base_url(url: str | None, name: str = "base_url") -> str:
    """Return an http(s) URL without its trailing slash; raise, naming the setting, where requests could go astray."""
    if problem := _problem_of_base_url(url):
        # No traceback with locals may show it: there may be a password in it.
        del url
        raise ProviderConfigError(f"{name} {problem}")
    return str(url).rstrip("/")


def _problem_of_base_url(url: str | None) -> str | None:
    if url is None:
        return "is missing; give the URL of the service"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not is_visible_ascii(url):
        return "must be a URL that begins with http:// or https:// and a host"
    if parts.username is not None or parts.password is not None:
        return "must hold no user name or password; give the key as api_key"
    if "?" in url or "#" in url:
        return "must hold no query and no fragment"
    return None


def is_host(host: str) -> bool:
    """Tell whether this can be the name or the address of a host."""
    if ":" in host or host.rpartition(".")[2].isdecimal():
        try:
            return bool(ip_address(host))
        except ValueError:
            return False
    return len(host) < 254 and all(_LABEL.fullmatch(label) for label in host.removesuffix(".").split("."))


def check_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return headers that can be sent as they are; raise for what would break out of its line."""
    for name in headers:
        if not (name and is_visible_ascii(name) and not set(name) & set('"(),/:;<=>?@[\\]{}')):
            raise ProviderConfigError(f"headers holds {name[:100]!r}, which is no name of a header")
        if not (headers[name].isascii() and headers[name].isprintable()):
            raise ProviderConfigError(f"the header {name} must hold printable ASCII only")
    return headers


def check_given_headers(headers: Mapping[str, str]) -> None:
    """Raise for headers that say how a request is sent, which is not the caller's to say."""
    _refuse(headers, _OWN_HEADERS)


def check_request_headers(headers: Mapping[str, str]) -> None:
    """Raise for headers of a dialect that say how a request is sent; of what kind its contents are, it may say."""
    _refuse(headers, _OWN_HEADERS - {"accept", "content-type"})


def _refuse(headers: Mapping[str, str], refused: Set[str]) -> None:
    for name in headers:
        if name.lower() in refused:
            raise ProviderConfigError(f"headers must not hold {name}, which depends on the request; leave it out")


def header_value(instance: object, attribute: attrs.Attribute[Any], value: str | None) -> None:
    """Raise unless `value` can be sent in a header: a validator for the fields of a plugin's options."""
    if value is not None and not (value.isascii() and value.isprintable()):
        raise ProviderConfigError(f"{attribute.name} must hold printable ASCII only, because it is sent in a header")
