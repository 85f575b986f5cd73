"""A report in words: plain text, in columns, whatever the names in it hold."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from .findings import Report, Resolved

WIDTH = 80


def printable(text: str) -> str:
    """Return a text with what could move the cursor or colour the screen written as escapes."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def write_list(report: Report, width: int = WIDTH) -> str:
    """Return the installed providers as a table, and below it what is wrong with them."""
    if not report.providers:
        rows = ["no provider is installed; install one, for example: pip install 'pepperpy-core>=1' pepperpy-openai"]
        return "\n".join([*_wrapped(rows[0], width), *_notes(report, width)]) + "\n"
    header = ("NAME", "DISTRIBUTION", "VERSION", "STATE")
    rows_of = [(each.name, each.distribution or "?", each.version or "?", each.state) for each in report.providers]
    return "\n".join([*_columns([header, *rows_of]), *_notes(report, width)]) + "\n"


def write_doctor(report: Report, width: int = WIDTH) -> str:
    """Return all that was found: each provider with its settings, and at the end what is to be done."""
    lines = [f"pepperpy-core {printable(report.core or '?')}, Python {report.python}"]
    for provider in report.providers:
        lines += ["", f"{printable(provider.name)}: {provider.state} ({printable(provider.owner)})"]
        if provider.settings:
            lines += _columns([_row(setting) for setting in provider.settings], indent="  ")
    lines += _notes(report, width)
    if report.healthy and not report.findings:
        lines += ["", "nothing is wrong" if report.providers else "no provider is installed"]
    return "\n".join(lines) + "\n"


def _row(setting: Resolved) -> tuple[str, str, str]:
    """Return name, origin and value of a setting."""
    outweighed = f", not {', '.join(setting.outweighed)}" if setting.outweighed else ""
    origin = {"environment": f"{setting.variable}{outweighed}", "default": "default", "none": "not set"}[setting.source]
    return setting.name, setting.value or "", origin


def _notes(report: Report, width: int) -> Iterator[str]:
    """Yield the problems, then the hints, each with what to do about it."""
    problems = [
        (f"{provider.name} of {provider.owner}: {provider.reason}", provider.advice)
        for provider in report.providers
        if provider.reason and provider.state not in ("installed", "ok")
    ]
    problems += [(each.message, each.advice) for each in report.findings if each.level == "problem"]
    hints = [(each.message, each.advice) for each in report.findings if each.level == "hint"]
    hints += [
        (f"{provider.name}: {provider.reason}", provider.advice)
        for provider in report.providers
        if provider.reason and provider.state in ("installed", "ok")
    ]
    for title, notes in (("problems", problems), ("hints", hints)):
        if notes:
            yield from ("", f"{title}:")
        for message, advice in notes:
            yield from _wrapped(f"- {message}", width, "  ")
            if advice:
                yield from _wrapped(f"  -> {advice}", width, "     ")


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    return textwrap.wrap(
        printable(text),
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    )


def _columns(rows: Sequence[Sequence[str]], indent: str = "") -> Iterator[str]:
    """Yield rows with their cells one below the other."""
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        yield indent + "  ".join(_padded(row, widths)).rstrip()


def _padded(row: Iterable[str], widths: Iterable[int]) -> Iterator[str]:
    for cell, width in zip(row, widths, strict=True):
        yield cell.ljust(width)
