"""Asks all questions of all participants, in turns, and prints a table.

Small blocks of work alternate within each question, so that whatever else the machine does meets all of them, and a
participant's block is compared with the floor's block of the same round. Only the CPU of the client's own process
counts, or the clock where the question says so.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .participants import Failed, Participant, server
from .questions import COLD, COUNTS, FLOOR, MODULES, WARM, Count, Import, Question, Work
from .report import Result, table

BLOCK_SECONDS = 0.06
"""How long a block takes at most, where its length is free: what disturbs it then also meets its neighbours."""


class Session:
    """One run.

    Args:
        participants: All of them, the floor first.
        rounds: Blocks of each participant and question, at most.
        seconds: How long a participant may spend on a question; who is over it sits out the rest.
    """

    def __init__(self, participants: Sequence[Participant], *, rounds: int, seconds: float) -> None:
        self._participants = participants
        self._rounds = rounds
        self._seconds = seconds
        self.results: list[Result] = []

    def ask(self, question: Question) -> None:
        """Ask everybody."""
        asked = [
            who for who in self._participants if not isinstance(question, Import) or who.name in question.participants
        ]
        rounds = 1 if isinstance(question, Count) else self._rounds
        result = Result(question)
        self.results.append(result)
        # A block of fixed length is long, and its warm-up too.
        seconds = self._seconds * (2 if isinstance(question, Work) and question.fixed else 1)
        counts: dict[str, int] = {}
        spent: dict[str, float] = {}
        for turn in range(rounds):
            # Each time somebody else is first.
            for who in (*asked[turn % len(asked) :], *asked[: turn % len(asked)]):
                if who.name in result.failures or spent.get(who.name, 0.0) > seconds:
                    continue
                begun = time.perf_counter()
                try:
                    if turn == 0 and not isinstance(question, Count):
                        counts[who.name] = warm_up(who, question)
                    result.add(who.name, turn, who.ask(question, counts.get(who.name, 1)))
                except Failed as failure:
                    result.failures[who.name] = str(failure)
                spent[who.name] = spent.get(who.name, 0.0) + time.perf_counter() - begun


def warm_up(who: Participant, question: Question) -> int:
    """Have the work done once without counting, and return how often a block does it."""
    if isinstance(question, Import):
        # It writes the byte code.
        who.ask(question, 1)
    if not isinstance(question, Work):
        return 1
    if question.fixed:
        who.ask(question, question.count)
        return question.count
    begun = time.perf_counter()
    few = max(1, question.count // 10)
    who.ask(question, few)
    each = (time.perf_counter() - begun) / few
    return max(1, min(question.count, int(BLOCK_SECONDS / each)))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds: less than 90 s")
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"), help="where the JSON goes")
    parser.add_argument("--only", nargs="+", metavar="QUESTION", help="some questions, by their name in the JSON")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="the interpreter of a participant's own environment; by default the one that runs this",
    )
    return parser.parse_args()


def main() -> None:
    """Run the benchmark."""
    options = arguments()
    pythons = dict(given.split("=", 1) for given in options.python)
    questions: list[Question] = [
        question
        for question in (*COUNTS, *COLD, *WARM)
        if (question.name in options.only if options.only else not (options.quick and getattr(question, "slow", False)))
    ]
    versions: dict[str, str] = {}
    absent: dict[str, str] = {}
    begun = time.perf_counter()
    with server() as url:
        participants = []
        for name in MODULES:
            who = Participant(name, pythons.get(name, sys.executable), url)
            try:
                versions[name] = who.version()
                participants.append(who)
            except Failed as failure:
                absent[name] = str(failure)
        session = Session(participants, rounds=20 if options.quick else 80, seconds=0.5 if options.quick else 12.0)
        for question in questions:
            sys.stderr.write(f"{question.label}\n")
            session.ask(question)
        for who in participants:
            who.close()
    report: dict[str, Any] = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "quick": options.quick,
        "seconds": round(time.perf_counter() - begun, 1),
        "floor": FLOOR,
        "versions": versions,
        "absent": absent,
        "questions": [result.as_json() for result in session.results],
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(report, indent=1) + "\n")
    sys.stdout.write(table(session.results, versions, absent))


if __name__ == "__main__":
    main()
