"""A service that misbehaves as it is told, and a provider that has to live with it."""

from __future__ import annotations

import gc
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from pepperpy.providers import ReadyProvider
from pepperpy.providers._transport import retry
from pepperpy.providers.testing import FakeService

from .kit import WIRE, provider_for

MakeProvider: TypeAlias = Callable[..., Awaitable[ReadyProvider]]


@pytest.fixture
async def service() -> AsyncIterator[FakeService]:
    """The service that the provider under test talks to."""
    async with FakeService(WIRE.completion("ok")) as service:
        yield service


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """Retries come at once; the delays that the service asked for are noted."""
    asked: list[float | None] = []

    def delay(bound: float, retry_after: float | None) -> float:
        asked.append(retry_after)
        return 0

    monkeypatch.setattr(retry, "delay", delay)
    return asked


@pytest.fixture
async def make(service: FakeService) -> AsyncIterator[MakeProvider]:
    """Makes providers that talk to the service, and cleans them up."""
    made: list[ReadyProvider] = []

    async def make(**settings: Any) -> ReadyProvider:
        made.append(await provider_for(service, **{"timeout": 5, **settings}))
        return made[-1]

    yield make
    for provider in made:
        await provider.cleanup()


@pytest.fixture
def no_collection() -> Iterator[None]:
    """No garbage collection helps."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody signed but itself, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not there to make a certificate")
    path = tmp_path_factory.mktemp("tls") / "self-signed.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1"
    more = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{path}.key", "-out", str(path)]
    subprocess.run([*command.split(), *more], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + Path(f"{path}.key").read_bytes())
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    """How a service speaks TLS with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The services' certificate is among the system's."""
    context = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", context)
