"""Try plugins in processes of their own, so that each can hurt only its own line."""

from __future__ import annotations

import collections
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import IO, Any

import attrs

from .findings import InstalledProvider

AT_ONCE = 4
_LONGEST_ANSWER = 1_000_000
# The path is the parent's, so that the child sees what it sees; `-P` keeps the working directory out until then.
_BEGIN = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.readline()); "
    "from pepperpy.providers._command.child import begin; begin()"
)


@attrs.frozen
class Trial:
    """One plugin to be tried.

    Attributes:
        provider: Whose plugin it is.
        environ: The environment to try it in.
    """

    provider: InstalledProvider
    environ: Mapping[str, str]


def try_all(trials: Iterable[Trial], timeout: float) -> list[dict[str, Any]]:
    """Return what each trial found, in order; a few run at a time, and none outlives the call.

    Args:
        trials: What to try.
        timeout: Seconds that each has.
    """
    waiting = iter(trials)
    running: collections.deque[_Child] = collections.deque()
    found = []
    try:
        for trial in waiting:
            running.append(_Child(trial, timeout))
            if len(running) == AT_ONCE:
                found.append(running[0].wait())
                running.popleft()
        while running:
            found.append(running[0].wait())
            running.popleft()
    finally:
        for child in running:
            child.end()
    return found


class _Child:
    """A process that tries one plugin. It writes to a file, since a pipe may be held open by what the plugin starts."""

    def __init__(self, trial: Trial, timeout: float) -> None:
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._problem = ""
        task = {"name": trial.provider.name, "entry_point": trial.provider.entry_point, "timeout": timeout}
        self._answer: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 -- closed by end()
        try:
            with tempfile.TemporaryFile() as question:
                question.write(f"{json.dumps(list(map(str, sys.path)))}\n{json.dumps(task)}\n".encode())
                question.seek(0)
                self._process = subprocess.Popen(  # noqa: S603 -- this interpreter, with a constant text
                    [sys.executable, *_flags(), "-P", "-c", _BEGIN],
                    stdin=question,
                    stdout=self._answer,
                    stderr=subprocess.DEVNULL,
                    env=dict(trial.environ),
                    start_new_session=True,
                )
        except (OSError, ValueError) as error:
            self._problem = f"no process could be started to try it in: {type(error).__name__}: {error}"

    def wait(self) -> dict[str, Any]:
        """Return what the child told, or how it came to its end without telling."""
        if self._process is None:
            self.end()
            return {"state": "installed", "reason": self._problem}
        try:
            code = self._process.wait(max(self._deadline - time.monotonic(), 0.001))
        except subprocess.TimeoutExpired:
            return {"state": "broken", "reason": f"loading it took longer than {self._timeout:g} s, and was ended"}
        else:
            self._answer.seek(0)
            return _read(self._answer.read(_LONGEST_ANSWER), code)
        finally:
            self.end()

    def end(self) -> None:
        """End the child and, where the system can, all that it started."""
        if self._process is not None:
            with suppress(OSError):
                if os.name == "posix":
                    # Its own group, by the number of a process that is not reaped yet or has only just been.
                    os.killpg(self._process.pid, 9)
                else:
                    self._process.kill()
            self._process.wait()
        self._answer.close()


def _flags() -> Iterator[str]:
    """Yield the options of this interpreter that decide what can be imported."""
    if sys.flags.isolated:
        yield "-I"
    if sys.flags.ignore_environment:
        yield "-E"
    if sys.flags.no_user_site:
        yield "-s"
    if sys.flags.no_site:
        yield "-S"


def _read(answer: bytes, code: int) -> dict[str, Any]:
    """Return what a child told; whatever it is, it is a plugin's word."""
    try:
        # The last line, since what starts with the interpreter may have printed before.
        facts = json.loads(answer.rstrip().rpartition(b"\n")[2])
    except (ValueError, RecursionError):
        facts = None
    if isinstance(facts, dict) and facts.get("state") in ("ok", "broken", "too-old", "too-new"):
        return {key: value for key, value in facts.items() if isinstance(key, str)}
    return {"state": "broken", "reason": f"it ended the process while it was loaded ({_spell(code)})"}


def _spell(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
