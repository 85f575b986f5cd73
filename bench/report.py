"""What came out: ratios, medians and their spread, as JSON and as a table."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .questions import FLOOR, FLOORS, GEMINI, MODULES, OURS, SPEED, Count, Question


class Result:
    """The answers to a question.

    Attributes:
        question: The question.
        blocks: The answer of each round, by participant and number of the round.
        failures: Why a participant has no answer.
    """

    def __init__(self, question: Question) -> None:
        self.question = question
        self.blocks: dict[str, dict[int, float]] = {}
        self.failures: dict[str, str] = {}

    def add(self, participant: str, turn: int, value: float) -> None:
        """Keep the answer of one block."""
        self.blocks.setdefault(participant, {})[turn] = value

    def ratios(self, participant: str) -> list[float]:
        """Return a participant's answers as multiples of the floor's of the same round."""
        floor = self.blocks.get(FLOORS.get(participant, FLOOR), {})
        return [value / floor[turn] for turn, value in self.blocks.get(participant, {}).items() if turn in floor]

    def as_json(self) -> dict[str, Any]:
        """Return everything that was measured."""
        answers = {}
        for name, blocks in self.blocks.items():
            values = [*blocks.values()]
            answers[name] = {"median": statistics.median(values), "blocks": values}
            if not isinstance(self.question, Count) and (ratios := self.ratios(name)):
                low, middle, high = quartiles(ratios)
                answers[name] |= {"ratio": middle, "ratio_quartiles": [low, high]}
        return {
            "name": self.question.name,
            "label": self.question.label,
            "goal": self.question.goal,
            "answers": answers,
            "failures": self.failures,
        }


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the first quartile, the median and the third; half of the values lie between the outer two."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def table(results: Iterable[Result], versions: Mapping[str, str], absent: Mapping[str, str]) -> str:
    """Return the results as a table in Markdown, with a list of who could not take part."""
    names = [name for name in MODULES if name not in {FLOOR, *FLOORS.values()}]
    heads = [f"{name} {versions.get(name, '')}".strip() for name in names]
    lines = [
        "| " + " | ".join(["", f"{FLOOR} {versions.get(FLOOR, '')}", *heads, "goal"]) + " |",
        "|---|" + "---|" * (len(names) + 2),
    ]
    for result in results:
        goal = result.question.goal
        cells = [result.question.label, absolute(result), *(cell(result, name) for name in names)]
        speed = getattr(result.question, "goal_speed", None)
        cells.append("" if goal is None else f"≤ {goal:.2f}" if isinstance(goal, float) else goal)
        cells[-1] += "" if speed is None else f", with orjson ≤ {speed:.2f}"
        lines.append("| " + " | ".join(cells) + " |")
    lines += [f"\n{name} was not measured: {reason}" for name, reason in absent.items()]
    return "\n".join(lines) + "\n"


def absolute(result: Result) -> str:
    """Return the floor's own answer, in words."""
    values = result.blocks.get(FLOOR)
    if not values:
        return "–"
    value = statistics.median(values.values())
    if isinstance(result.question, Count):
        return short(value)
    return f"{value * 1e3:.1f} ms" if value > 1e-3 else f"{value * 1e6:.0f} µs"


def cell(result: Result, name: str) -> str:
    """Return the answer of a participant: a count, or its ratio to the floor, ours with its spread."""
    values = result.blocks.get(name)
    if not values:
        return "failed" if name in result.failures else "–"
    if isinstance(result.question, Count):
        return short(values[0])
    ratios = result.ratios(name)
    low, middle, high = quartiles(ratios)
    return f"**{middle:.2f}** ({low:.2f}–{high:.2f})" if name in (OURS, SPEED, GEMINI) else short(middle)


def short(value: float) -> str:
    """Return a number with three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
