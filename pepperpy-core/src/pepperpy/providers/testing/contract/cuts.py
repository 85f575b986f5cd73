"""Streams that do not come to their end."""

from __future__ import annotations

import attrs

from pepperpy.providers import ProviderError, ProviderStreamError

from ..promises import expect, promise
from ..service import Reply
from ..stage import Stage, failure_of, open_stream, read, show
from ..wire import body_of, late_error
from .subject import Subject


class Cuts(Subject):
    """A stream never just ends."""

    @promise(
        "streams.cut-raises",
        "a stream that stops before the service's own sign of its end raises, it never just ends",
        mend="remember whether a finish reason or the service's terminal event came; where the body ends without it, "
        "raise ProviderStreamError",
        needs="wire streaming",
    )
    async def test_streams_cut_raises(self, stage: Stage) -> None:
        for said, reply in _cuts(stage).items():
            pieces: list[str] = []
            async with stage.provider(reply) as provider:
                error = await failure_of(read(provider, pieces=pieces))
            expect(error is not None, f"{said}: the stream ended normally behind {pieces!r}")

    @promise(
        "streams.cut-keeps-text",
        "what came before the cut is handed out, and the error is a ProviderStreamError with it as partial_text",
        mend="raise ProviderStreamError with partial_text set, after the pieces, from the error that cut the stream",
        needs="wire streaming",
    )
    async def test_streams_cut_keeps_text(self, stage: Stage) -> None:
        for end in ("keep", "cut", "reset"):
            pieces: list[str] = []
            async with stage.provider(stage.wire.unfinished(["Par", "is"], end=end)) as provider:
                error = await failure_of(read(provider, pieces=pieces))
            expect(isinstance(error, ProviderStreamError), f"end={end!r}: {show(error)}")
            if end != "reset":
                # A reset may overtake what lies unread.
                expect("".join(pieces) == "Paris", f"end={end!r}: the pieces {pieces!r} instead of ['Par', 'is']")
            partial = getattr(error, "partial_text", None)
            expect(partial == "".join(pieces), f"end={end!r}: partial_text {partial!r}, and the pieces {pieces!r}")

    @promise(
        "streams.not-retried",
        "after its first piece a stream is not asked for again",
        mend="retry only until the first piece is handed out",
        needs="wire streaming",
    )
    async def test_streams_not_retried(self, stage: Stage) -> None:
        for end in ("keep", "cut"):
            asked = len(stage.service.requests)
            async with stage.provider(stage.wire.unfinished(["Par"], end=end), max_retries=2) as provider:
                await failure_of(read(provider))
            requests = len(stage.service.requests) - asked
            expect(requests == 1, f"{requests} requests for a stream that broke behind its first piece")

    @promise(
        "streams.late-error",
        "an error among the events of a stream that began well is raised, with the service's words",
        mend="look in each event for the service's error object, and raise it as ProviderStreamError",
        needs="wire streaming",
    )
    async def test_streams_late_error(self, stage: Stage) -> None:
        pieces: list[str] = []
        async with stage.provider(late_error(stage.wire, ["Par"], "it broke in the middle")) as provider:
            error = await failure_of(read(provider, pieces=pieces))
        expect(isinstance(error, ProviderError), f"behind {pieces!r}: {show(error)}")
        expect("it broke in the middle" in str(error), f"the service's words are not in: {show(error)}")

    @promise(
        "streams.first-error",
        "an error as the first event of a 200 is raised, with the service's words",
        mend="look in each event for the service's error object, the first included",
        needs="wire streaming",
    )
    async def test_streams_first_error(self, stage: Stage) -> None:
        replies = {
            "as an event": late_error(stage.wire, [], "no such luck"),
            "as a JSON body": attrs.evolve(stage.wire.error(400, "no such luck"), status=200),
        }
        for said, reply in replies.items():
            pieces: list[str] = []
            async with stage.provider(reply) as provider:
                error = await failure_of(read(provider, pieces=pieces))
            expect(isinstance(error, ProviderError), f"{said}: {show(error)}, behind the pieces {pieces!r}")
            expect("no such luck" in str(error), f"{said}: the service's words are not in: {show(error)}")

    @promise(
        "streams.nothing-raises",
        "a stream was asked for and nothing, HTML or a plain answer came: that is an error or the answer, never an "
        "empty stream",
        mend="where the body ends without an event, raise ProviderResponseError, or read the body as a plain answer",
        needs="wire streaming",
    )
    async def test_streams_nothing_raises(self, stage: Stage) -> None:
        events = {"Content-Type": "text/event-stream"}
        replies = {
            "nothing": Reply(headers=events),
            "nothing but comments": Reply.of_events([b": hi\n\n"]),
            "HTML": Reply(body=b"<html>Sign in</html>", headers={"Content-Type": "text/html"}),
            "a plain answer": stage.wire.completion("Paris."),
        }
        for said, reply in replies.items():
            pieces: list[str] = []
            async with stage.provider(reply) as provider:
                error = await failure_of(read(provider, pieces=pieces))
            answered = said == "a plain answer" and "".join(pieces) == "Paris."
            expect(error is not None or answered, f"{said} came: the stream ended normally behind {pieces!r}")

    @promise(
        "streams.refused-at-once",
        "an error status is raised by the await that opens the stream",
        mend="send the request and look at the status in complete() itself, not when the first piece is asked for",
        needs="wire streaming",
    )
    async def test_streams_refused_at_once(self, stage: Stage) -> None:
        async with stage.provider(stage.wire.error(400, "no such luck")) as provider:
            error = await failure_of(open_stream(provider))
        expect(isinstance(error, ProviderError), f"the await gave {show(error)}")


def _cuts(stage: Stage) -> dict[str, Reply]:
    unfinished, whole = stage.wire.unfinished, body_of(stage.wire.unfinished(["Par", "is"]))
    cut: dict[str, Reply] = {
        "the body ended without the sign that the answer is whole": unfinished(["Par", "is"]),
        "the connection was closed in the middle": unfinished(["Par", "is"], end="cut"),
        "the connection was reset in the middle": unfinished(["Par", "is"], end="reset"),
        "the body, whose end only the connection tells, ended": attrs.evolve(unfinished(["Par"]), framing="close"),
    }
    for back in (2, 5, 12):
        cut[f"the body ended {back} bytes before the end of an event"] = attrs.evolve(
            unfinished([]), body=[whole[:-back]]
        )
    return cut
