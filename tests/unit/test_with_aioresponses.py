"""An application may test its own code with aioresponses, which answers without a socket."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import ClientResponse
from aioresponses import aioresponses

from pepperpy.providers import ProviderRateLimitError, create_provider

URL = "https://api.example.com/v1"


class Answer(ClientResponse):
    """What aioresponses answers with: it does not know of the writer that aiohttp asks for since 3.14."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.setdefault("stream_writer", Mock(output_size=0))
        super().__init__(*arguments, **options)


async def test_a_completion_can_be_mocked() -> None:
    """A completion is read from a mocked answer, and the request can be looked at."""
    answer = {"choices": [{"message": {"content": "mocked"}, "finish_reason": "stop"}]}
    with aioresponses() as mocked:
        mocked.post(f"{URL}/chat/completions", payload=answer, response_class=Answer)

        async with await create_provider("openai", api_key="sk-mocked-0123", base_url=URL) as provider:
            completion = await provider.complete("x")

    assert completion == "mocked"
    ((_, url),) = mocked.requests
    assert str(url) == f"{URL}/chat/completions"


async def test_an_error_can_be_mocked() -> None:
    """A mocked status means what a real one does."""
    with aioresponses() as mocked:
        mocked.post(
            f"{URL}/chat/completions", status=429, payload={"error": {"message": "slow"}}, response_class=Answer
        )

        async with await create_provider("openai", api_key="sk-mocked-0123", base_url=URL, max_retries=0) as provider:
            with pytest.raises(ProviderRateLimitError, match="slow"):
                await provider.complete("x")
