"""Runs the server and the participants, each in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .questions import DISTRIBUTIONS, MODULES, STATEMENTS, Import, Process, Question, Work

ROOT = Path(__file__).parent.parent
# Nothing leaves the machine: without the first LiteLLM fetches its list of prices when it is imported. And byte code is
# kept, as it is for users: a developer's environment that forbids it would have every import compiled anew.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "NO_PROXY": "127.0.0.1",
}


class Failed(Exception):
    """A participant could not do what it was asked; the text is the last line of what it said."""


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Run the server; give its URL."""
    command = [sys.executable, "-m", "bench.server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:  # noqa: S603
        try:
            port = process.stdout.readline().strip() if process.stdout else ""
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


class Participant:
    """A client in an environment, and the process in which it works.

    Args:
        name: What it is called in the table.
        python: The interpreter of its environment.
        url: The URL of the server.
    """

    def __init__(self, name: str, python: str, url: str) -> None:
        self.name = name
        self._python = python
        self._arguments = [MODULES[name], url]
        self._worker: subprocess.Popen[str] | None = None
        self._counted: dict[str, dict[str, float]] = {}
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 -- as long as the process, which close() ends

    def version(self) -> str:
        """Return the version of what is measured."""
        return self._run("-c", f"import importlib.metadata as m; print(m.version({DISTRIBUTIONS[self.name]!r}))")

    def ask(self, question: Question, count: int) -> float:
        """Return the answer of one block, in seconds of CPU or of the clock.

        Raises:
            Failed: The participant cannot do that.
        """
        if isinstance(question, Import):
            statement = question.statements.get(self.name, STATEMENTS[self.name])
            program = f"import time; t = time.process_time(); {statement}; print(time.process_time() - t)"
            return float(self._run("-c", program))
        if isinstance(question, Process):
            before = cpu_of_children()
            self._run("-m", "bench.first", self._arguments[0], f"{self._arguments[1]}/plain")
            return cpu_of_children() - before
        order = {"mode": question.mode, "kind": question.kind, "messages": question.messages, "count": count}
        if isinstance(question, Work):
            return self._order(order)[question.clock]
        key = json.dumps(order)
        # Two questions may be about two figures of one count, which need not be made twice.
        if key not in self._counted:
            self._counted[key] = self._order(order)
        return self._counted[key][question.figure]

    def close(self) -> None:
        """End the process in which it works."""
        if self._worker is not None:
            self._worker.communicate()
        self._said.close()

    def _run(self, *arguments: str) -> str:
        try:
            run = subprocess.run(  # noqa: S603
                [self._python, *arguments], capture_output=True, text=True, cwd=ROOT, env=ENVIRONMENT, check=False
            )
        except OSError as error:
            raise Failed(f"its interpreter does not run ({type(error).__name__})") from error
        if run.returncode:
            raise Failed(last_line(run.stderr))
        return run.stdout.strip()

    def _order(self, order: dict[str, Any]) -> dict[str, float]:
        if self._worker is None:
            self._worker = subprocess.Popen(  # noqa: S603
                [self._python, "-m", "bench.worker", *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                text=True,
                cwd=ROOT,
                env=ENVIRONMENT,
            )
        worker = self._worker
        if worker.stdin is None or worker.stdout is None:
            raise Failed("it has no pipes")
        with contextlib.suppress(BrokenPipeError):
            worker.stdin.write(json.dumps(order) + "\n")
            worker.stdin.flush()
        answer = worker.stdout.readline()
        if not answer:
            self._said.seek(0)
            raise Failed(last_line(self._said.read()))
        figures: dict[str, float] = json.loads(answer)
        return figures


def cpu_of_children() -> float:
    """Return the seconds of CPU that ended processes took."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def last_line(text: str) -> str:
    """Return where an error is told."""
    return (text.strip().splitlines() or ["it said nothing"])[-1][:200]
