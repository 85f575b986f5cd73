"""The key, which nobody may see."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import logging
import pickle
import pprint
import traceback
import urllib.parse
import warnings
from collections.abc import Iterator
from typing import Any

from pepperpy.providers import ProviderError

from ..promises import expect, promise
from ..service import Reply
from ..stage import KEY, SECONDS_WITHOUT_WIRE, Stage, calls, complete, failure_of, show
from .subject import Subject


class Secrets(Subject):
    """The key is in its header, and nowhere else."""

    @promise(
        "secrets.not-in-repr",
        "str, repr, pprint and json.dumps(default=str) of provider and config do not show the key",
        mend="keep the key in config.api_key alone, and out of __repr__, __str__ and of attributes that are shown",
    )
    async def test_secrets_not_in_repr(self, stage: Stage) -> None:
        async with stage.provider() as provider:
            for name, thing in (("provider", provider), ("config", provider.config), ("options", provider.options)):
                shown = {
                    "str": str(thing),
                    "repr": repr(thing),
                    "format": f"{thing}",
                    "pprint": pprint.pformat(thing),
                    "json.dumps": json.dumps({"it": thing}, default=str),
                }
                expect_hidden({f"{how} of the {name}": text for how, text in shown.items()})

    @promise(
        "secrets.not-logged",
        "no log record of any level holds the key",
        mend="log method, host and status; no headers, no settings, no exception of the HTTP client",
    )
    async def test_secrets_not_logged(self, stage: Stage) -> None:
        with _logged() as records:
            await _use(stage)
        expect_hidden({f"a log record of {record.name}": _record_text(record) for record in records})

    @promise(
        "secrets.not-printed",
        "nothing that is printed or warned of holds the key",
        mend="take the print out",
    )
    async def test_secrets_not_printed(self, stage: Stage) -> None:
        captured = stage.fixture("capfd")
        captured.readouterr()
        out, err = io.StringIO(), io.StringIO()
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                await _use(stage)
        below = captured.readouterr()
        expect_hidden(
            {
                "standard output": out.getvalue() + below.out,
                "standard error": err.getvalue() + below.err,
                "a warning": "\n".join(str(one.message) for one in warned),
            }
        )

    @promise(
        "secrets.not-in-errors",
        "no error shows the key, in its text, repr, details, causes or pickle, also where the service sends it back",
        mend="put no headers into errors, raise them from None, and replace the key in what the service says; "
        "HTTPProvider does it",
        needs="wire",
    )
    async def test_secrets_not_in_errors(self, stage: Stage) -> None:
        echo = f"bad key {KEY}, or {urllib.parse.quote(KEY)}"
        wire = stage.wire
        failing = {
            "a 401 that repeats the key": wire.error(401, echo),
            "a 400 that repeats the key": wire.error(400, echo),
            "a 200 that repeats the key": Reply(body=echo.encode(), headers={"Content-Type": "application/json"}),
            "a 500 of text that repeats the key": Reply(status=500, body=echo.encode()),
            "a redirect": Reply(status=307, headers={"Location": f"http://127.0.0.1:1/{KEY}"}),
            "a reset": Reply(raw=b"", end="reset"),
            "what is no HTTP": Reply(raw=f"{KEY}\r\n\r\n".encode(), end="cut"),
            "silence": Reply(delay=20),
        }
        for said, reply in failing.items():
            for name, call in (await calls(stage)).items():
                async with stage.provider(reply, timeout=0.3 if said == "silence" else 10) as provider:
                    error = await failure_of(call(provider))
                if error is not None:
                    expect_hidden({f"{said}, {name}: {how}": text for how, text in _shown(error).items()})

    @promise(
        "secrets.in-header-only",
        "the key goes into a header, never into the URL or the body of a call",
        mend="send the key in a header; a service that wants it in the URL takes one too",
        needs="wire",
    )
    async def test_secrets_in_header_only(self, stage: Stage) -> None:
        await _use(stage)
        for request in stage.service.requests:
            expect_hidden({"the URL": urllib.parse.unquote(request.path), "the body": request.body.decode("latin-1")})
        carried = {stage.wire.key_of(request) for request in [*stage.service.asides, *stage.service.requests]}
        expect(KEY in carried, "no request carried the key where the wire looks for it")

    @promise(
        "secrets.redirects-not-followed",
        "a redirect is an error: nothing, and above all no key, is sent to where it leads",
        mend="pass allow_redirects=False, and take 3xx for an error",
        needs="wire",
    )
    async def test_secrets_redirects_not_followed(self, stage: Stage) -> None:
        elsewhere = stage.new_service(stage.wire.completion("stolen"))
        for status in (301, 302, 303, 307, 308):
            for name, call in (await calls(stage)).items():
                reply = Reply(status=status, headers={"Location": f"{elsewhere.url}/x"})
                async with stage.provider(reply) as provider:
                    error = await failure_of(call(provider))
                told = [f"a {one.method} with {'the key' if _holds(one) else 'no key'}" for one in elsewhere.requests]
                expect(not told, f"a {status} to another origin, {name}: it got {', '.join(told)}")
                expect(isinstance(error, ProviderError), f"a {status}, {name}: {show(error)}")


def expect_hidden(shown: dict[str, str]) -> None:
    """Find the promise broken where one of the texts holds the key."""
    for name, text in shown.items():
        for shape, said in SHAPES.items():
            if shape in text:
                place = text.index(shape)
                seen = text[max(0, place - 60) : place + 60].replace(shape, f"<{said}>")
                expect(False, f"{said} is in {name}: ...{seen!r}...")


def _shapes(key: str) -> dict[str, str]:
    """Return what gives a key away, and what to call it."""
    shapes = {key: "the key", key[:-4]: "most of the key", key[4:]: "most of the key"}
    for before in range(3):
        # What base64 makes of it depends on where it begins; without the letters that hold bits of its neighbours.
        packed = base64.b64encode(b"\0" * before + key.encode()).decode()
        shapes[packed[-(-before * 8 // 6) : (before + len(key)) * 8 // 6]] = "the key in base64"
    return shapes


SHAPES = _shapes(KEY)


async def _use(stage: Stage) -> None:
    """Use the provider in every way, well and badly."""
    if stage.wire is None:
        for call in (await calls(stage)).values():
            async with stage.provider() as provider:
                await failure_of(call(provider), SECONDS_WITHOUT_WIRE)
        return
    wire = stage.wire
    replies = [wire.error(503, f"{KEY} later", headers={"Retry-After": "0"}), wire.completion("ok")]
    async with stage.provider(*replies, max_retries=1) as provider:
        for name, call in (await calls(stage)).items():
            right = {"complete": wire.completion("ok"), "stream": wire.stream(["ok"]), "embed": wire.embeddings}[name]
            for said in ([right], [wire.error(400, f"bad {KEY}")], [Reply(raw=b"", end="cut"), right]):
                stage.service.replies = said
                await failure_of(call(provider))
        stage.service.replies = replies
        await failure_of(complete(provider, "Where?"))


@contextlib.contextmanager
def _logged() -> Iterator[list[logging.LogRecord]]:
    """Collect all log records, of every level and logger."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler(0)
    handler.emit = records.append  # type: ignore[assignment, method-assign]
    loggers = [
        logging.getLogger(),
        *(one for one in logging.Logger.manager.loggerDict.values() if isinstance(one, logging.Logger)),
    ]
    levels = [(one, one.level, one.disabled) for one in loggers]
    logging.getLogger().addHandler(handler)
    try:
        for one in loggers:
            one.setLevel(logging.DEBUG)
            one.disabled = False
            if not one.propagate:
                one.addHandler(handler)
        yield records
    finally:
        for one, level, disabled in levels:
            one.setLevel(level)
            one.disabled = disabled
            one.removeHandler(handler)


def _record_text(record: logging.LogRecord) -> str:
    trace = "" if not record.exc_info else "".join(traceback.format_exception(record.exc_info[1]))
    extra = {name: repr(value) for name, value in vars(record).items() if name != "exc_info"}
    return f"{record.getMessage()} {extra} {trace}"


def _shown(error: BaseException) -> dict[str, str]:
    """Return every way in which an error and what led to it shows itself."""
    shown = {"its traceback": "".join(traceback.format_exception(error))}
    seen: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in seen and len(seen) < 10:
        seen.append(one)
        whose = "its" if one is error else "its cause's"
        shown |= {f"{whose} text": str(one), f"{whose} repr": repr(one), f"{whose} args": repr(one.args)}
        shown |= {f"{whose} attributes": repr(vars(one)), f"{whose} notes": repr(getattr(one, "__notes__", ""))}
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    with contextlib.suppress(Exception):
        shown["its pickle"] = pickle.dumps(error).decode("latin-1")
    return shown


def _holds(request: Any) -> bool:
    return KEY in repr((request.path, dict(request.headers), request.body))
