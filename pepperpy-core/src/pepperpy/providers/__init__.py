"""One small, typed, async interface to AI services.

from pepperpy.providers import create_provider

async with await create_provider("openai") as provider:
    print(await provider.complete("Explain quantum computing."))

Importing this costs next to nothing: each name is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._config import ProviderConfig, Timeouts
    from ._provider import Provider, ReadyProvider
    from ._registry import ProviderRegistry
    from .capabilities import Capabilities, Model
    from .domain import (
        Completion,
        ProviderAPIError,
        ProviderAuthenticationError,
        ProviderCapabilityError,
        ProviderConfigError,
        ProviderConnectionError,
        ProviderContentFilterError,
        ProviderContextLengthError,
        ProviderError,
        ProviderInputError,
        ProviderNotFoundError,
        ProviderNotInitializedError,
        ProviderOutputError,
        ProviderPluginError,
        ProviderQuotaError,
        ProviderRateLimitError,
        ProviderResponseError,
        ProviderStreamError,
        ProviderStreamTimeoutError,
        ProviderTimeoutError,
        ProviderTurnLimitError,
        Usage,
    )
    from .embeddings import Embeddings
    from .engine import ProviderEngine, create_provider
    from .events import FinishEvent, ReasoningEvent, StreamEvent, TextEvent, ToolCallEvent
    from .explain import Explanation
    from .hookspecs import ProviderSpec, hookimpl
    from .messages import Message, ToolCall
    from .parts import Audio, File, Image, Text
    from .stream import CompletionStream
    from .tool_loop import ToolRun, run_tools
    from .tool_stream import ToolResultEvent, ToolRunEvent, ToolRunStream
    from .tools import Tool, ToolLike

__all__ = [
    "Audio",
    "Capabilities",
    "Completion",
    "CompletionStream",
    "Embeddings",
    "Explanation",
    "File",
    "FinishEvent",
    "Image",
    "Message",
    "Model",
    "Provider",
    "ProviderAPIError",
    "ProviderAuthenticationError",
    "ProviderCapabilityError",
    "ProviderConfig",
    "ProviderConfigError",
    "ProviderConnectionError",
    "ProviderContentFilterError",
    "ProviderContextLengthError",
    "ProviderEngine",
    "ProviderError",
    "ProviderInputError",
    "ProviderNotFoundError",
    "ProviderNotInitializedError",
    "ProviderOutputError",
    "ProviderPluginError",
    "ProviderQuotaError",
    "ProviderRateLimitError",
    "ProviderRegistry",
    "ProviderResponseError",
    "ProviderSpec",
    "ProviderStreamError",
    "ProviderStreamTimeoutError",
    "ProviderTimeoutError",
    "ProviderTurnLimitError",
    "ReadyProvider",
    "ReasoningEvent",
    "StreamEvent",
    "Text",
    "TextEvent",
    "Timeouts",
    "Tool",
    "ToolCall",
    "ToolCallEvent",
    "ToolLike",
    "ToolResultEvent",
    "ToolRun",
    "ToolRunEvent",
    "ToolRunStream",
    "Usage",
    "create_provider",
    "hookimpl",
    "run_tools",
]

_MODULES = {
    "Audio": "parts",
    "Capabilities": "capabilities",
    "CompletionStream": "stream",
    "Embeddings": "embeddings",
    "Explanation": "explain",
    "File": "parts",
    "FinishEvent": "events",
    "Image": "parts",
    "Message": "messages",
    "Model": "capabilities",
    "Provider": "_provider",
    "ProviderConfig": "_config",
    "ProviderEngine": "engine",
    "ProviderRegistry": "_registry",
    "ProviderSpec": "hookspecs",
    "ReadyProvider": "_provider",
    "ReasoningEvent": "events",
    "StreamEvent": "events",
    "Text": "parts",
    "TextEvent": "events",
    "Timeouts": "_config",
    "Tool": "tools",
    "ToolCall": "messages",
    "ToolCallEvent": "events",
    "ToolLike": "tools",
    "ToolResultEvent": "tool_stream",
    "ToolRun": "tool_loop",
    "ToolRunEvent": "tool_stream",
    "ToolRunStream": "tool_stream",
    "create_provider": "engine",
    "hookimpl": "hookspecs",
    "run_tools": "tool_loop",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    from importlib import import_module

    value = getattr(import_module(f".{_MODULES.get(name, 'domain')}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
