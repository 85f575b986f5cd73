"""A promise by its name, and the test that looks whether it is kept."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NoReturn

import attrs
import pytest

if TYPE_CHECKING:
    from .stage import Stage

PAGE = "docs/how-to/test-a-plugin.md"
PROPERTY = "pepperpy_promise"
"""Under which name a test's report carries what became of its promise."""


@attrs.frozen
class Promise:
    """Something that every provider promises.

    Attributes:
        name: What it is called in reports, for ever.
        text: What is promised.
        mend: What to do where it is broken.
        needs: What has to be there: "wire", a word of `Capabilities`, or "installed".
    """

    name: str
    text: str
    mend: str
    needs: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """Where to read about it."""
        return f"{PAGE}#{self.name.replace('.', '')}"


class BrokenPromise(AssertionError):
    """What was seen instead of what is promised."""


def expect(kept: object, seen: str) -> None:
    """Go on if the promise is kept so far; otherwise say what was seen."""
    if not kept:
        raise BrokenPromise(seen)


def skip(reason: str) -> NoReturn:
    """Leave the promise out, because the provider doesn't make it or nobody could see it."""
    pytest.skip(reason)


def promise(
    name: str, text: str, *, mend: str, needs: str = ""
) -> Callable[[Callable[[Any, Stage], Awaitable[None]]], Callable[..., None]]:
    """Make a test of a check, which finds a promise kept or raises.

    The test runs the check in a loop of its own, whatever plugin for asyncio is there, and in whichever mode.

    Args:
        name: The promise's name.
        text: What is promised.
        mend: What to do where it is broken.
        needs: What has to be there, apart by blanks.
    """
    made = Promise(name, text, mend, tuple(needs.split()))

    def decorate(check: Callable[[Any, Stage], Awaitable[None]]) -> Callable[..., None]:
        def test(self: Any, request: pytest.FixtureRequest) -> None:
            _keep(self, check, made, request)

        # Not functools.wraps: pytest would look through it and ask for the arguments of the check.
        for attribute in ("__name__", "__qualname__", "__module__"):
            setattr(test, attribute, getattr(check, attribute))
        test.__doc__ = f"{made.name}: {made.text}"
        test.promise = made  # type: ignore[attr-defined]
        return test

    return decorate


def _keep(contract: Any, check: Callable[..., Awaitable[None]], made: Promise, request: pytest.FixtureRequest) -> None:
    from .stage import run

    outcome: dict[str, Any] = {
        "provider": contract.provider_type,
        "promise": made.name,
        "outcome": "kept",
        "seen": None,
        "reason": None,
        "docs": made.url,
    }
    started = time.perf_counter()
    trace = ""
    try:
        run(contract, check, made, request)
    except pytest.skip.Exception as skipped:
        outcome.update(outcome="skipped", reason=str(skipped.msg))
    except BrokenPromise as broken:
        outcome.update(outcome="broken", seen=str(broken))
        trace = _trace(broken.__cause__)
    except (KeyboardInterrupt, GeneratorExit, pytest.exit.Exception):
        raise
    except BaseException as error:  # noqa: BLE001 -- whatever a provider raises is what was seen
        outcome.update(outcome="broken", seen=f"{type(error).__name__}: {error}")
        trace = _trace(error)
    outcome["duration"] = round(time.perf_counter() - started, 3)
    # As text, since other plugins write it into XML.
    request.node.user_properties.append((PROPERTY, json.dumps(outcome)))
    if outcome["outcome"] == "skipped":
        pytest.skip(str(outcome["reason"]))
    if outcome["outcome"] == "broken":
        lines = [
            f"broken promise {made.name}: {made.text}",
            f"  seen: {outcome['seen']}",
            f"  mend: {made.mend}",
            f"  read: {made.url}",
        ]
        pytest.fail("\n".join([*lines, *([trace] if trace else [])]), pytrace=False)


def _trace(error: BaseException | None) -> str:
    return "" if error is None else "".join(traceback.format_exception(error, limit=-12))
