"""Say in our own words what went wrong below HTTP: none of aiohttp's errors goes further, for their repr holds headers."""

from __future__ import annotations

from typing import Any

import aiohttp

from ..dialect import response_error
from ..domain import ProviderConnectionError, ProviderError, ProviderTimeoutError
from .body import BodyError, BodyTooLarge


def translate(fault: BaseException, host: str | None, limit: int) -> ProviderError:
    """Return our error for what aiohttp, the system or the reading of a body of at most `limit` bytes raised."""
    if isinstance(fault, BodyTooLarge):
        return response_error(f"with more than the {limit:,} bytes of max_response_bytes")
    if isinstance(fault, BodyError):
        return ProviderConnectionError(f"the answer of {host} is {fault}; try again", details={"host": host})
    if isinstance(fault, TimeoutError):
        what = "connect to" if isinstance(fault, aiohttp.ConnectionTimeoutError) else "get an answer from"
        return ProviderTimeoutError(f"could not {what} {host} in time; see timeout", details=_details(fault, host))
    problem, retryable = _explain(fault, host)
    return ProviderConnectionError(problem, details=_details(fault, host), retryable=retryable)


def _explain(fault: BaseException, host: str | None) -> tuple[str, bool]:
    """Return what happened and what to do, and whether a repetition may help."""
    if isinstance(fault, (aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError)):
        return f"the TLS connection to {host} cannot be trusted; check its certificate and base_url", False
    if isinstance(fault, (aiohttp.InvalidURL, UnicodeError)):
        return f"{host}, or the proxy before it, is no address; check base_url and the proxy", False
    if isinstance(fault, aiohttp.ClientConnectorDNSError):
        return f"the name {host} cannot be resolved; check base_url and the network", True
    if isinstance(fault, aiohttp.ClientConnectorError):
        reason = fault.os_error.strerror or type(fault.os_error).__name__
        return f"cannot connect to {host}: {reason}; check base_url and the network", True
    if isinstance(fault, aiohttp.ClientResponseError):
        return f"the answer of {host} is no valid HTTP; check base_url", True
    return f"the connection to {host} broke before the answer was whole; try again", True


def _details(fault: BaseException, host: str | None) -> dict[str, Any]:
    return {"host": host, "cause": type(fault).__name__}
