"""Answer the calls of tools that one answer of a model asks for."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .errors import ProviderInputError, cut
from .messages import Message, ToolCall

if TYPE_CHECKING:
    from .tools import Tool

logger = logging.getLogger("pepperpy")

LONGEST_PROBLEM = 1_000
"""How much of an exception's text the model gets to read, in characters."""


async def answer_calls(calls: Sequence[ToolCall], tools: Mapping[str, Tool]) -> list[Message]:
    """Run the calls at the same time and return their results in the order of the calls.

    What is no `Exception` passes through, the caller's cancellation among it, and ends the others first.
    """
    tasks = [asyncio.ensure_future(answer_call(call, tools)) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # They keep their errors, whose tracebacks keep this frame.
        tasks.clear()
        raise


async def answer_call(call: ToolCall, tools: Mapping[str, Tool]) -> Message:
    """Run a call and return its result, or what the model is told about its failure."""
    tool = tools.get(call.name)
    if tool is None or tool.function is None:
        return _failed(call, f"there is no tool {cut(call.name, 100)!r}; there are: {', '.join(tools)}")
    if problem := call.problem:
        return _failed(call, f"you called it with {problem}; call it again with a JSON object")
    try:
        try:
            arguments = tool.prepare(call.arguments)
        except ProviderInputError as error:
            return _failed(call, error.message)
        return Message.tool(call, await _call(tool.function, arguments))
    except (Exception, asyncio.CancelledError) as error:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            # The caller's own; any other is of something that the function waited for.
            raise
        # No more than this: the text may hold what nobody may read in a log.
        logger.warning("the tool %s raised %s; the model is told", tool.name, type(error).__name__)
        return _failed(call, _described(error))


async def _call(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):
        return await function(**arguments)
    result = await asyncio.to_thread(_call_in_thread, functools.partial(function, **arguments))
    return await result if inspect.isawaitable(result) else result


def _call_in_thread(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except StopIteration as error:
        # Python 3.11 cannot hand it over from the thread, and would wait for ever.
        raise RuntimeError("StopIteration") from error


def _failed(call: ToolCall, problem: str) -> Message:
    return Message.tool(call, cut(problem, LONGEST_PROBLEM), is_error=True)


def _described(error: BaseException) -> str:
    try:
        said = str(error)
    except Exception:  # noqa: BLE001 -- it is the tool's own class
        said = ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
