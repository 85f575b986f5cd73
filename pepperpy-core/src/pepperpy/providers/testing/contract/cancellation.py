"""Calls that are cancelled."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from ..promises import expect, promise, skip
from ..service import Reply
from ..stage import Stage, complete
from .subject import Subject


class Cancellation(Subject):
    """Cancellation is the caller's, and reaches the socket."""

    @promise(
        "cancellation.raised",
        "a call that is cancelled raises CancelledError within half a second, also while it waits to retry",
        mend="never catch CancelledError or BaseException without raising it again; asyncio.timeout and TaskGroup do",
    )
    async def test_cancellation_raised(self, stage: Stage) -> None:
        if stage.wire is None:
            async with stage.provider() as provider:
                call = asyncio.ensure_future(complete(provider, "Where?"))
                await asyncio.wait([call], timeout=0.02)
                if call.done():
                    skip("the call was over before it could be cancelled")
                await _expect_cancelled(call, "is under way")
            return
        busy = stage.wire.error(503, "later", headers={"Retry-After": "20"})
        for said, reply in (("waits for the answer", Reply(delay=20)), ("waits to retry", busy)):
            service = stage.new_service(reply)
            provider = await stage.make(service, max_retries=2)
            call = asyncio.ensure_future(complete(provider))
            await stage.until(lambda service=service: len(service.requests) > 0, "no request reached the service")  # type: ignore[misc]
            await asyncio.sleep(0.05)
            if call.done():
                # It retries nothing.
                call.exception()
                continue
            await _expect_cancelled(call, said)
            expect(len(service.requests) == 1, f"a call that {said} asked again after it was cancelled")

    @promise(
        "cancellation.reaches-socket",
        "the connection of a call that is cancelled is closed",
        mend="run the request in the task of the caller, not in one of your own, and close the response",
        needs="wire",
    )
    async def test_cancellation_reaches_socket(self, stage: Stage) -> None:
        async with stage.provider(Reply(delay=20)) as provider:
            call = asyncio.ensure_future(complete(provider))
            await stage.until(lambda: len(stage.service.requests) == 1, "no request reached the service")
            call.cancel()
            await asyncio.wait([call], timeout=3)
            await stage.until(
                lambda: stage.service.open_calls == 0, "1.5 s after the call was cancelled its connection is open", 1.5
            )

    @promise(
        "cancellation.callers-timeout",
        "asyncio.timeout around a call ends it as TimeoutError",
        mend="let the CancelledError of the caller's timeout through",
        needs="wire",
    )
    async def test_cancellation_callers_timeout(self, stage: Stage) -> None:
        async with stage.provider(Reply(delay=20), max_retries=2) as provider:
            started = time.monotonic()
            seen = "no error"
            try:
                async with asyncio.timeout(0.3):
                    await provider.complete("Where?")
            except TimeoutError as error:
                seen = type(error).__name__
            except Exception as error:  # noqa: BLE001 -- to be told
                seen = f"{type(error).__name__}: {error}"
            took = time.monotonic() - started
        expect(seen == "TimeoutError", f"{seen} instead of TimeoutError")
        expect(took < 1.5, f"asyncio.timeout(0.3) took {took:.1f} s")


async def _expect_cancelled(call: asyncio.Future[Any], said: str) -> None:
    call.cancel()
    started = time.monotonic()
    done, _ = await asyncio.wait([call], timeout=3)
    took = time.monotonic() - started
    expect(done, f"a call that {said} went on for 3 s")
    expect(call.cancelled(), f"a call that {said} ended with {_outcome(call)} instead of CancelledError")
    expect(took < 0.5, f"a call that {said} took {took:.1f} s to end")


def _outcome(call: asyncio.Future[Any]) -> str:
    if call.cancelled():
        return "CancelledError"
    error = call.exception()
    return f"the answer {str(call.result())!r}" if error is None else f"{type(error).__name__}: {error}"
