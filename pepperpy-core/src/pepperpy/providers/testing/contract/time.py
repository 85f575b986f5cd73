"""How long anything may take."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import attrs

from pepperpy.providers import ProviderTimeoutError

from ..promises import expect, promise
from ..service import Reply
from ..stage import Stage, claims, complete, failure_of, read, show
from ..wire import body_of
from .subject import Subject


class Time(Subject):
    """`timeout` holds, whatever the service does."""

    @promise(
        "time.attempt-bounded",
        "timeout bounds a plain call from start to last byte, also where the service drips byte after byte",
        mend="put the whole attempt, reading included, under asyncio.timeout(config.timeout), and raise "
        "ProviderTimeoutError",
        needs="wire",
    )
    async def test_time_attempt_bounded(self, stage: Stage) -> None:
        whole = body_of(stage.wire.completion("Paris."))
        slow = {
            "no answer came": Reply(delay=20),
            "the body dripped": Reply(
                body=[whole[i : i + 1] for i in range(len(whole))],
                pause=0.15,
                headers={"Content-Type": "application/json"},
            ),
        }
        for said, reply in slow.items():
            async with stage.provider(reply, timeout=0.4) as provider:
                started = time.monotonic()
                error = await failure_of(complete(provider, "Where?"), 4)
                took = time.monotonic() - started
            expect(isinstance(error, ProviderTimeoutError), f"{said}, timeout=0.4: {show(error)} after {took:.1f} s")
            expect(took < 2.5, f"{said}, timeout=0.4: {took:.1f} s")

    @promise(
        "time.silence-bounded",
        "a stream that falls silent for longer than timeout raises, and keeps its connection no longer",
        mend="put each read of a stream under asyncio.timeout(config.timeout), and raise ProviderStreamTimeoutError",
        needs="wire streaming",
    )
    async def test_time_silence_bounded(self, stage: Stage) -> None:
        for said, reply in (
            ("before the first piece", Reply(delay=20)),
            ("behind the first piece", stage.wire.unfinished(["Par"], end="hold")),
        ):
            async with stage.provider(reply, timeout=0.4) as provider:
                started = time.monotonic()
                error = await failure_of(read(provider), 6)
                took = time.monotonic() - started
                expect(isinstance(error, ProviderTimeoutError), f"silence {said}, timeout=0.4: {show(error)}")
                expect(took < 2.5, f"silence {said}, timeout=0.4: {took:.1f} s")
                await stage.until(lambda: stage.service.open_calls == 0, f"silence {said}: the connection stays open")

    @promise(
        "time.stream-outlasts",
        "a stream may last longer than timeout, as long as pieces come",
        mend="bound each silence of a stream, not the whole; aiohttp's ClientTimeout(total=...) bounds the whole",
        needs="wire streaming",
    )
    async def test_time_stream_outlasts(self, stage: Stage) -> None:
        pieces = [str(number) for number in range(12)]
        reply = attrs.evolve(stage.wire.stream(pieces), pause=0.12)
        async with stage.provider(reply, timeout=0.7) as provider:
            got: list[str] = []
            error = await failure_of(read(provider, pieces=got))
        expect(error is None, f"a piece every 0.12 s, timeout=0.7: {show(error)} behind {len(got)} pieces")
        expect(got == pieces, f"the pieces {got!r}")

    @promise(
        "time.loop-not-blocked",
        "while a call waits, the event loop goes on",
        mend="use asynchronous I/O, or asyncio.to_thread around what blocks",
    )
    async def test_time_loop_not_blocked(self, stage: Stage) -> None:
        gaps = [0.0]

        async def beat() -> None:
            last = time.monotonic()
            while True:
                await asyncio.sleep(0.01)
                gaps.append(time.monotonic() - last)
                last = time.monotonic()

        async def watch(said: str, call: Any, bound: float) -> None:
            del gaps[1:]
            beating = asyncio.create_task(beat())
            await asyncio.sleep(0.02)
            try:
                await call
                # The beat that was late is felt only now.
                await asyncio.sleep(0.02)
            finally:
                beating.cancel()
            expect(max(gaps) < bound, f"{said}: the loop stood still for {max(gaps):.2f} s")

        if stage.wire is None:
            async with stage.provider() as provider:
                await watch("complete()", complete(provider, "Where?"), 1.0)
            return
        async with stage.provider() as provider:
            await complete(provider, "Where?")
            stage.service.replies = [attrs.evolve(stage.wire.completion("ok"), delay=0.8)]
            await watch("an answer that took 0.8 s", provider.complete("Where?"), 0.5)
            if (await claims(stage))["streaming"]:
                stage.service.replies = [attrs.evolve(stage.wire.stream(["a", "b"]), delay=0.8)]
                await watch("a stream that took 0.8 s", read(provider), 0.5)
