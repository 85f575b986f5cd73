"""The contract that every provider keeps, as tests to inherit.

    from pepperpy.providers.testing import OpenAIWire
    from pepperpy.providers.testing.contract import ProviderContract

    class TestAcme(ProviderContract):
        provider_type = "acme"
        wire = OpenAIWire()

Needs pytest and pytest-asyncio, in its auto mode.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar, cast

import attrs
import pytest

from pepperpy.providers import (
    Completion,
    CompletionStream,
    ProviderAPIError,
    ProviderAuthenticationError,
    ProviderConfigError,
    ProviderError,
    ProviderInputError,
    ProviderNotInitializedError,
    ProviderRateLimitError,
    ProviderStreamError,
    ReadyProvider,
    create_provider,
)

from .service import FakeService, Reply
from .wire import Wire

KEY = "sk-contract-0123456789"


class ProviderContract:
    """What a provider must do, over a real socket.

    Attributes:
        provider_type: The provider's name, installed or registered.
        wire: How its service's answers look.
        settings: What `create_provider` needs beyond a key and a `base_url`.
        has_embeddings: Whether the service embeds.
    """

    provider_type: ClassVar[str]
    wire: ClassVar[Wire]
    settings: ClassVar[dict[str, Any]] = {}
    has_embeddings: ClassVar[bool] = True

    @pytest.fixture
    async def service(self) -> AsyncIterator[FakeService]:
        """The service that the provider under test talks to."""
        async with FakeService() as service:
            yield service

    def settings_for(self, service: FakeService) -> dict[str, Any]:
        """Return what `create_provider` is given; override it where `base_url` is not all there is to point at."""
        return {"api_key": KEY, "base_url": service.url, "max_retries": 0, **self.settings}

    async def provider(self, service: FakeService, **more: Any) -> ReadyProvider:
        """Return the provider under test."""
        return await create_provider(self.provider_type, **{**self.settings_for(service), **more})

    async def test_completes(self, service: FakeService) -> None:
        """A completion is the text, and knows its finish reason and its usage."""
        service.replies = [self.wire.completion("Paris.")]

        async with await self.provider(service) as provider:
            completion = await provider.complete("What is the capital of France?")

        assert completion == "Paris."
        assert isinstance(completion, Completion)
        assert completion.finish_reason == "stop"
        assert (completion.usage.input_tokens, completion.usage.output_tokens) == (3, 5)

    async def test_streams(self, service: FakeService) -> None:
        """A stream gives the pieces as they came, and afterwards knows how it ended."""
        service.replies = [self.wire.stream(["Par", "is", "."])]

        async with await self.provider(service) as provider:
            stream = await provider.complete("What is the capital of France?", stream=True)
            pieces = [piece async for piece in stream]

        assert isinstance(stream, CompletionStream)
        assert pieces == ["Par", "is", "."]
        assert stream.completion == "Paris."
        assert stream.finish_reason == "stop"
        assert (stream.usage.input_tokens, stream.usage.output_tokens) == (3, 5)

    async def test_streams_cut_anywhere(self, service: FakeService) -> None:
        """However the network cuts the bytes, the text is the same: in lines, in characters, byte by byte."""
        pieces = ["Zür", "ich \u2028", "🌍"]
        whole = b"".join(cast("Sequence[bytes]", self.wire.stream(pieces).body))
        for size in (1, 2, 3, 7):
            cut = [whole[i : i + size] for i in range(0, len(whole), size)]
            service.replies = [attrs.evolve(self.wire.stream(pieces), body=cut)]

            async with await self.provider(service) as provider:
                stream = await provider.complete("Where?", stream=True)
                text = "".join([piece async for piece in stream])

            assert text == "Zürich \u2028🌍"

    @pytest.mark.parametrize("end", ["cut", "reset", "keep"])
    async def test_a_stream_that_is_cut_raises(self, service: FakeService, end: Any) -> None:
        """A stream that stops before its end raises, after the pieces that had come."""
        service.replies = [self.wire.unfinished(["Par"], end=end)]
        pieces = []

        async with await self.provider(service) as provider:
            with pytest.raises(ProviderStreamError) as caught:
                async for piece in await provider.complete("Where?", stream=True):
                    pieces.append(piece)

        assert pieces == ["Par"]
        assert caught.value.partial_text == "Par"
        assert len(service.requests) == 1

    async def test_leaving_a_stream_lets_its_connection_go(self, service: FakeService) -> None:
        """`break` closes the connection, without aclose() and without a garbage collection."""
        service.replies = [self.wire.unfinished(["Par"], end="hold")]

        async with await self.provider(service) as provider:
            async for _ in await provider.complete("Where?", stream=True):
                break

            await service.until(lambda: service.open == 0)

    async def test_cancelling_reaches_the_socket(self, service: FakeService) -> None:
        """A cancelled call raises CancelledError, and its connection closes."""
        service.replies = [Reply(delay=60)]

        async with await self.provider(service) as provider:
            call = asyncio.create_task(provider.complete("Where?"))
            await service.until(lambda: len(service.requests) == 1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

            await service.until(lambda: service.open == 0)

    async def test_uses_one_connection(self, service: FakeService) -> None:
        """Calls one after the other, streams among them, share one connection."""
        service.replies = [
            self.wire.completion("a"),
            self.wire.stream(["b"]),
            self.wire.completion("c"),
        ]

        async with await self.provider(service) as provider:
            await provider.complete("x")
            async for _ in await provider.complete("x", stream=True):
                pass
            await provider.complete("x")

        assert service.connections == 1

    @pytest.mark.parametrize("status", [429, 500, 503])
    async def test_retries_what_may_pass(self, service: FakeService, status: int) -> None:
        """A failure that may pass is tried again, `max_retries` times and no more."""
        failure = self.wire.error(status, "try later", headers={"Retry-After": "0"})
        service.replies = [failure, self.wire.completion("ok")]

        async with await self.provider(service, max_retries=1) as provider:
            completion = await provider.complete("x")
            service.replies = [failure]
            with pytest.raises(ProviderAPIError) as caught:
                await provider.complete("x")

        assert completion == "ok"
        assert completion.attempts == 2
        assert len(service.requests) == 4
        assert caught.value.status == status
        assert caught.value.attempts == 2

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
    async def test_does_not_retry_what_stays(self, service: FakeService, status: int) -> None:
        """A failure that stays is reported at once, with the service's own words."""
        service.replies = [self.wire.error(status, "no such luck")]

        async with await self.provider(service, max_retries=3) as provider:
            with pytest.raises(ProviderAPIError, match="no such luck") as caught:
                await provider.complete("x")

        assert len(service.requests) == 1
        assert caught.value.provider_type == self.provider_type
        assert isinstance(caught.value, ProviderAuthenticationError) == (status in (401, 403))

    async def test_tells_the_delay_that_is_asked_for(self, service: FakeService) -> None:
        """A rate limit names the delay; one that is too long to wait ends the call at once."""
        service.replies = [self.wire.error(429, "slow down", headers={"Retry-After": "3600"})]

        async with await self.provider(service, max_retries=3) as provider:
            with pytest.raises(ProviderRateLimitError) as caught:
                await provider.complete("x")

        assert caught.value.retry_after == 3600
        assert len(service.requests) == 1

    async def test_embeds(self, service: FakeService) -> None:
        """An embedding is a list of floats, and many keep the order of their texts."""
        if not self.has_embeddings:
            pytest.skip("the provider claims no embeddings")
        service.replies = [self.wire.embeddings]

        async with await self.provider(service) as provider:
            vector = await provider.embed("four")
            vectors = await provider.embed_many(["1", "22", "333"], batch_size=2)

        assert vector == [1.0, 2.0, 4.0]
        assert [v[2] for v in vectors] == [1.0, 2.0, 3.0]

    async def test_refuses_bad_input_before_sending(self, service: FakeService) -> None:
        """What is wrong is said before anything is sent."""
        async with await self.provider(service) as provider:
            wrong: Any
            for wrong in ("", "  \n", None, 3, b"x"):
                with pytest.raises(ProviderInputError, match="prompt"):
                    await provider.complete(wrong)
            with pytest.raises(ProviderError, match="no_such_option"):
                await provider.complete("x", no_such_option=1)
            with pytest.raises(ProviderConfigError, match="no_such_setting"):
                await self.provider(service, no_such_setting=1)

        assert service.requests == []

    async def test_a_call_after_cleanup_is_refused(self, service: FakeService) -> None:
        """After cleanup(), which may be called twice, a call says so."""
        provider = await self.provider(service)
        await provider.cleanup()
        await provider.cleanup()

        with pytest.raises(ProviderNotInitializedError):
            await provider.complete("x")

    async def test_shows_the_key_nowhere(self, service: FakeService, caplog: pytest.LogCaptureFixture) -> None:
        """The key is in its header, and in no text, repr, log or pickle, also when the service sends it back."""
        caplog.set_level(logging.DEBUG)
        service.replies = [self.wire.error(400, f"bad key {KEY}")]

        async with await self.provider(service) as provider:
            with pytest.raises(ProviderAPIError) as caught:
                await provider.complete("x")
            shown = [str(caught.value), repr(caught.value), repr(caught.value.details), repr(provider), caplog.text]

        assert self.wire.key_of(service.requests[-1]) == KEY
        assert KEY not in service.requests[-1].path
        assert not [text for text in shown if KEY in text]
        assert KEY.encode() not in pickle.dumps(caught.value)
