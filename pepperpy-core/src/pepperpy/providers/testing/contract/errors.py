"""What goes wrong, and how it is said."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import attrs

from pepperpy.providers import (
    ProviderAPIError,
    ProviderAuthenticationError,
    ProviderError,
    ProviderRateLimitError,
)

from ..promises import expect, promise
from ..service import Reply
from ..stage import Stage, claims, complete, failure_of, read, show
from .subject import Subject

JSON = {"Content-Type": "application/json"}


class Errors(Subject):
    """Whatever fails, the caller gets a `ProviderError`."""

    @promise(
        "errors.typed",
        "whatever the service or the network does, what is raised is a ProviderError, never a KeyError, a JSON error "
        "or one of the HTTP client's",
        mend="catch what your client and your parser raise, and raise ProviderConnectionError, ProviderTimeoutError, "
        "ProviderResponseError or ProviderAPIError from None",
        needs="wire",
    )
    async def test_errors_typed(self, stage: Stage) -> None:
        streaming = (await claims(stage))["streaming"]
        for said, reply in {**_statuses(), **_breaks(stage), **malformed()}.items():
            for name, call in CALLS.items() if streaming else [("complete", complete)]:
                async with stage.provider(reply) as provider:
                    error = await failure_of(call(provider))
                typed = error is None or isinstance(error, ProviderError)
                expect(typed, f"{said}, {name}: {show(error)}")
        if streaming:
            for said, reply in _broken_events(stage).items():
                async with stage.provider(reply) as provider:
                    error = await failure_of(read(provider))
                expect(error is None or isinstance(error, ProviderError), f"{said}: {show(error)}")

    @promise(
        "errors.malformed",
        "a 200 that is no answer is an error, not an empty text",
        mend="raise ProviderResponseError where the answer's text is not where the service documents it",
        needs="wire",
    )
    async def test_errors_malformed(self, stage: Stage) -> None:
        for said, reply in malformed().items():
            async with stage.provider(reply) as provider:
                error = await failure_of(provider.complete("Where?"))
            expect(error is not None, f"{said} came, and complete() returned as if all was well")

    @promise(
        "errors.inside-200",
        "an error in the body of a 200 is raised, with the service's words",
        mend="look for the service's error object in every answer, whatever its status",
        needs="wire",
    )
    async def test_errors_inside_200(self, stage: Stage) -> None:
        async with stage.provider(attrs.evolve(stage.wire.error(400, "no such luck"), status=200)) as provider:
            error = await failure_of(provider.complete("Where?"))
        expect(isinstance(error, ProviderError), show(error))
        expect("no such luck" in str(error), f"the service's words are not in: {show(error)}")

    @promise(
        "errors.told",
        "an error status becomes the ProviderAPIError of its kind, with status, the service's words and the "
        "provider's name",
        mend="raise ProviderAuthenticationError for 401 and 403, ProviderRateLimitError for 429, ProviderAPIError "
        "else, with the service's message and details={'status': ...}",
        needs="wire",
    )
    async def test_errors_told(self, stage: Stage) -> None:
        kinds: dict[int, type[ProviderError]] = {
            401: ProviderAuthenticationError,
            403: ProviderAuthenticationError,
            429: ProviderRateLimitError,
        }
        for status in (400, 401, 403, 404, 422, 429, 500, 503):
            async with stage.provider(stage.wire.error(status, "no such luck")) as provider:
                error: Any = await failure_of(provider.complete("Where?"))
            kind = kinds.get(status, ProviderAPIError)
            expect(isinstance(error, kind), f"a {status} gave {show(error)}, and no {kind.__name__}")
            expect("no such luck" in str(error), f"a {status}: the service's words are not in: {show(error)}")
            expect(error.status == status, f"a {status}: the error's status is {error.status!r}")
            name = self.provider_type
            expect(error.provider_type == name, f"a {status}: provider_type is {error.provider_type!r}, not {name!r}")

    @promise(
        "errors.pickle",
        "an error survives pickle and copy with its text, and its details are JSON",
        mend="put plain values into details, and give a subclass of ProviderError no other arguments",
        needs="wire",
    )
    async def test_errors_pickle(self, stage: Stage) -> None:
        for status in (400, 429, 503):
            async with stage.provider(stage.wire.error(status, "no such luck")) as provider:
                error: Any = await failure_of(provider.complete("Where?"))
            expect(isinstance(error, ProviderError), show(error))
            for said, twin in (("pickle", pickle.loads(pickle.dumps(error))), ("copy", copy.copy(error))):  # noqa: S301
                same = (type(twin), str(twin), twin.details) == (type(error), str(error), error.details)
                expect(same, f"after {said}: {show(twin)} {twin.details!r} instead of {show(error)} {error.details!r}")
            json.dumps(error.details)

    @promise(
        "errors.bounded",
        "an error's text is bounded, however long the service's is",
        mend="leave the cutting to ProviderError: hand it the message, and cut what goes into details",
        needs="wire",
    )
    async def test_errors_bounded(self, stage: Stage) -> None:
        async with stage.provider(stage.wire.error(400, "long " * 200_000)) as provider:
            error = await failure_of(provider.complete("Where?"))
        expect(isinstance(error, ProviderError), show(error))
        length = len(str(error)) + len(repr(getattr(error, "details", "")))
        expect(length < 20_000, f"a text and details of {length} characters for a message of 1,000,000")


def malformed() -> dict[str, Reply]:
    """Return answers with status 200 that are none."""
    bodies = {
        "no JSON": b"oops",
        "nothing": b"",
        "null": b"null",
        "a number": b"3",
        "an empty object": b"{}",
        "an empty list": b"[]",
        "half an object": b'{"id": "x", "choices": [',
        "JSON that is nested 100,000 deep": b"[" * 100_000,
        "what is no UTF-8": b'{"a": "\xff\xfe"}',
    }
    replies = {f"a 200 with {said}": Reply(body=body, headers=JSON) for said, body in bodies.items()}
    html = Reply(body=b"<html>Sign in</html>", headers={"Content-Type": "text/html"})
    squeezed = Reply(body=b"no gzip", headers={**JSON, "Content-Encoding": "gzip"})
    return {**replies, "a 200 with HTML": html, "a 200 with broken gzip": squeezed}


def _statuses() -> dict[str, Reply]:
    bodies = {"no body": b"", "HTML": b"<html>Bad</html>", "a list": b'["x"]', "text": b'"x"', "half": b'{"error": {'}
    return {
        f"a {status} with {said}": Reply(status=status, body=body, headers=JSON)
        for status in (302, 400, 404, 500)
        for said, body in bodies.items()
    }


def _breaks(stage: Stage) -> dict[str, Reply]:
    whole = stage.wire.completion("Paris.")
    return {
        "the connection was closed without an answer": Reply(raw=b"", end="cut"),
        "the connection was reset without an answer": Reply(raw=b"", end="reset"),
        "what is no HTTP came": Reply(raw=b"\x00\x01 what\r\n\r\n", end="cut"),
        "the body was cut": attrs.evolve(whole, end="cut"),
        "the body was reset": attrs.evolve(whole, end="reset"),
    }


def _broken_events(stage: Stage) -> dict[str, Reply]:
    bodies = {"no JSON": b"oops", "null": b"null", "a number": b"3", "an empty list": b"[]", "no UTF-8": b'{"\xff": 1}'}
    events = {f"an event with {said}": Reply.of_events([b"data: " + body + b"\n\n"]) for said, body in bodies.items()}
    cut = {f"a stream with end={end!r}": stage.wire.unfinished(["Par"], end=end) for end in ("cut", "reset")}
    return {**events, **cut}


CALLS = {"complete": complete, "stream": read}
