"""Who tries again, how often, and when."""

from __future__ import annotations

import asyncio
import email.utils
import time
from typing import Any

from pepperpy.providers import ProviderRateLimitError

from ..promises import expect, promise, skip
from ..service import Received, Reply
from ..stage import Stage, calls, complete, failure_of, read, show
from .errors import malformed
from .subject import Subject

NOW = {"Retry-After": "0"}


class Retries(Subject):
    """`max_retries` is requests after the first, and counted at the service."""

    @promise(
        "retries.exact",
        "max_retries=2 is three requests at most, 0 is one, whatever fails: 429, 5xx, a reset",
        mend="count retries in one place, and turn off those of the client or SDK beneath",
        needs="wire",
    )
    async def test_retries_exact(self, stage: Stage) -> None:
        storms = {
            **{f"a {status}": stage.wire.error(status, "later", headers=NOW) for status in (429, 500, 503)},
            "a reset": Reply(raw=b"", end="reset"),
        }
        for said, reply in storms.items():
            for retries in (0, 2) if said != "a reset" else (0, 1):
                asked = len(stage.service.requests)
                async with stage.provider(reply, max_retries=retries) as provider:
                    call = asyncio.ensure_future(complete(provider))
                    done, _ = await asyncio.wait([call], timeout=6)
                    call.cancel()
                    await asyncio.wait([call], timeout=1)
                requests, expected = len(stage.service.requests) - asked, retries + 1
                over = f"{said} for ever, max_retries={retries}: after 6 s and {requests} requests it went on"
                expect(done, over)
                expect(call.exception() is not None, f"{said} for ever, and complete() came back")
                right = requests == expected if stage.speaks_http_by_core else 1 <= requests <= expected
                expect(right, f"{said} for ever, max_retries={retries}: {requests} requests instead of {expected}")

    @promise(
        "retries.recovers",
        "a failure that may pass is tried again, for plain calls and for streams",
        mend="retry 408, 409, 429, 5xx and connections that fail before the answer, as often as max_retries allows",
        needs="wire",
    )
    async def test_retries_recovers(self, stage: Stage) -> None:
        for status in (429, 500, 503):
            failing = stage.wire.error(status, "later", headers=NOW)
            async with stage.provider(failing, stage.wire.completion("ok"), max_retries=1) as provider:
                error = await failure_of(provider.complete("Where?"))
                if error and not stage.speaks_http_by_core and len(stage.service.requests) == 1:
                    skip("the provider retries nothing, whatever max_retries says")
                expect(error is None, f"a {status} once, max_retries=1: {show(error)}")

    @promise(
        "retries.not-a-400",
        "what stays wrong is sent once: 400, 401, 403, 404, 413, 422",
        mend="retry none of the 4xx but 408, 409 and 429",
        needs="wire",
    )
    async def test_retries_not_a_400(self, stage: Stage) -> None:
        renewed = getattr(stage.wire, "renewed_on", ())
        for status in (400, 401, 403, 404, 413, 422):
            for name, call in (await calls(stage)).items():
                asked = len(stage.service.requests)
                async with stage.provider(stage.wire.error(status, "no such luck"), max_retries=2) as provider:
                    await failure_of(call(provider), 15)
                requests = len(stage.service.requests) - asked
                expected = 2 if status in renewed else 1
                expect(requests == expected, f"a {status}, {name}: {requests} requests instead of {expected}")

    @promise(
        "retries.not-malformed",
        "an answer that came and cannot be read is not asked for again",
        mend="parse outside of what is retried",
        needs="wire",
    )
    async def test_retries_not_malformed(self, stage: Stage) -> None:
        # Bytes that cannot be unpacked were damaged on the way, which may pass.
        unreadable = {said: reply for said, reply in malformed().items() if "gzip" not in said}
        for said, reply in unreadable.items():
            asked = len(stage.service.requests)
            async with stage.provider(reply, max_retries=2) as provider:
                await failure_of(provider.complete("Where?"), 15)
            requests = len(stage.service.requests) - asked
            expect(requests == 1, f"{said}: {requests} requests instead of 1")


class Delays(Subject):
    """The service says when to come back."""

    @promise(
        "retries.delay-obeyed",
        "a retry does not come before the delay that the service asks for: seconds, a fraction, a date, milliseconds",
        mend="wait for Retry-After (seconds or an HTTP date) or retry-after-ms, and for no less",
        needs="wire",
    )
    async def test_retries_delay_obeyed(self, stage: Stage) -> None:
        asked = {"Retry-After: 2": ("2", 2.0), "Retry-After: 1.5": ("1.5", 1.5), "Retry-After: (a date)": ("", 1.0)}
        headers = {said: {"Retry-After": text} for said, (text, _) in asked.items()}
        headers["Retry-After: (a date)"] = {"Retry-After": email.utils.formatdate(time.time() + 3, usegmt=True)}
        headers["retry-after-ms: 1800"] = {"retry-after-ms": "1800"}
        least = {said: seconds for said, (_, seconds) in asked.items()} | {"retry-after-ms: 1800": 1.8}
        gaps = await asyncio.gather(*(_gap(stage, given) for given in headers.values()))
        if all(gap is None for gap in gaps) and not stage.speaks_http_by_core:
            skip("the provider retries nothing, whatever max_retries says")
        for said, gap in zip(headers, gaps, strict=True):
            if said.startswith("retry-after-ms") and not stage.speaks_http_by_core:
                continue
            expect(gap is not None, f"{said}: there was no retry")
            expect((gap or 0) >= least[said] - 0.05, f"{said}: the retry came after {gap:.2f} s")

    @promise(
        "retries.delay-garbage",
        "a delay that makes no sense is left out of account: the retry comes soon, and nothing else is raised",
        mend="take negative, infinite, endless and unreadable delays for none",
        needs="wire",
    )
    async def test_retries_delay_garbage(self, stage: Stage) -> None:
        garbage = ["soon", "-5", "nan", "inf", "9" * 400, "Wed, 99 Foo 2026 99:99:99 GMT", "1e3x", ""]
        gaps = await asyncio.gather(*(_gap(stage, {"Retry-After": text}) for text in garbage), return_exceptions=True)
        if all(gap is None for gap in gaps) and not stage.speaks_http_by_core:
            skip("the provider retries nothing, whatever max_retries says")
        for text, gap in zip(garbage, gaps, strict=True):
            said = f"Retry-After: {text[:40]}"
            expect(not isinstance(gap, BaseException), f"{said}: {gap}")
            # A number past all bounds may be taken for one that is too long.
            expect(gap is not None or text.startswith("999"), f"{said}: there was no retry")

    @promise(
        "retries.delay-too-long",
        "a delay past the bound, an hour, ends the call at once with ProviderRateLimitError and its retry_after",
        mend="give up where the delay is above a minute, with details={'retry_after': seconds}",
        needs="wire",
    )
    async def test_retries_delay_too_long(self, stage: Stage) -> None:
        async with stage.provider(
            stage.wire.error(429, "slow down", headers={"Retry-After": "3600"}), max_retries=2
        ) as provider:
            error = await failure_of(provider.complete("Where?"), 5)
        expect(isinstance(error, ProviderRateLimitError), show(error))
        expect(len(stage.service.requests) == 1, f"{len(stage.service.requests)} requests instead of 1")
        seconds = getattr(error, "retry_after", None)
        expect(seconds == 3600, f"retry_after is {seconds!r} instead of 3600")

    @promise(
        "retries.streams-too",
        "opening a stream is retried as a plain call is",
        mend="open the stream inside what is retried, up to its first piece",
        needs="wire streaming",
    )
    async def test_retries_streams_too(self, stage: Stage) -> None:
        failing = stage.wire.error(503, "later", headers=NOW)
        async with stage.provider(failing, stage.wire.stream(["Par", "is"]), max_retries=1) as provider:
            pieces: list[str] = []
            error = await failure_of(read(provider, pieces=pieces))
            if error and not stage.speaks_http_by_core and len(stage.service.requests) == 1:
                skip("the provider retries nothing, whatever max_retries says")
        expect(error is None, show(error))
        expect(pieces == ["Par", "is"], f"the pieces {pieces!r}")


async def _gap(stage: Stage, headers: dict[str, str]) -> float | None:
    """Return the seconds between a 429 with these headers and the retry; None if there was none."""
    asked: list[float] = []

    def answer(request: Received) -> Reply:
        asked.append(time.monotonic())
        reply: Any = stage.wire.error(429, "busy", headers=headers) if len(asked) == 1 else stage.wire.completion("ok")
        return reply  # type: ignore[no-any-return]

    service = stage.new_service(answer)
    provider = await stage.make(service, max_retries=1)
    try:
        await failure_of(provider.complete("Where?"), 12)
    finally:
        await provider.cleanup()
    return asked[1] - asked[0] if len(asked) > 1 else None
