"""The arguments of the command, its output, and its exit code: 0 all is well, 1 something is not, 2 wrong usage."""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from .findings import Report
from .text import WIDTH, write_doctor, write_list

TIMEOUT = 30.0
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    try:
        chosen = _parser().parse_args(arguments)
        report = _report(chosen)
        if chosen.json:
            text = json.dumps(report.to_json(), indent=2) + "\n"
        else:
            write = write_list if chosen.command == "list" else write_doctor
            text = write(report, max(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH))
        return 0 if _print(text) and report.healthy else 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _report(chosen: argparse.Namespace) -> Report:
    # Each imports what it needs, and `list` needs little.
    if chosen.command == "list":
        from .installed import survey

        return survey()
    from .doctor import examine

    return examine(os.environ, name=chosen.name, load=chosen.load, timeout=chosen.timeout)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pepperpy",
        description="Show the providers that are installed, and what is wrong with them.",
        epilog="Exit codes: 0 all is well, 1 something is wrong, 2 wrong usage.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the versions and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="write JSON")
    commands.add_parser("list", parents=[shared], help="list the providers that are installed, from metadata alone")
    doctor = commands.add_parser(
        "doctor", parents=[shared], help="try each plugin in a process of its own, and say where settings come from"
    )
    doctor.add_argument("name", nargs="?", metavar="NAME", help="the one provider to examine; all if not given")
    doctor.add_argument(
        "--no-load", dest="load", action="store_false", help="try no plugin: what metadata says is all there is"
    )
    doctor.add_argument(
        "--timeout", type=_seconds, default=TIMEOUT, metavar="SECONDS", help="how long a plugin may take (%(default)g)"
    )
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    # What is longer than a day is a slip, and more than a system's clock may take.
    if not 0 < seconds <= 86_400 or math.isnan(seconds):
        raise argparse.ArgumentTypeError("must be above 0, and no more than a day")
    return seconds


class _Version(argparse.Action):
    """Say the versions; an action of its own, so that metadata is read only where it was asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *ignored: Any) -> None:
        from .installed import survey

        report = survey()
        _print(f"pepperpy-core {report.core or '?'} (Python {report.python})\n")
        parser.exit()


def _print(text: str) -> bool:
    """Write to standard output what its encoding can hold, the rest as escapes; return whether that went well."""
    if sys.stdout is None:
        return True
    try:
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        # Who reads, `head` perhaps, has enough. The interpreter must not try again on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"pepperpy: the output cannot be written: {error}", file=sys.stderr)  # noqa: T201 -- a command
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True
