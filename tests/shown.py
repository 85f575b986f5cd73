"""What somebody sees who prints, logs or reports an error."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

TESTS = str(Path(__file__).parent)


def everything_shown_of(error: BaseException) -> str:
    """Return all that an error shows: text, arguments, fields, and the locals of every frame below the tests."""
    return "\n".join(_shown(error, set()))


def _shown(error: BaseException, seen: set[int]) -> Iterator[str]:
    if id(error) in seen:
        return
    seen.add(id(error))
    yield str(error)
    yield repr(error)
    yield repr(error.args)
    yield repr(vars(error))
    yield from getattr(error, "__notes__", [])
    for frame, _ in traceback.walk_tb(error.__traceback__):
        # The caller's own frames hold what the caller gave.
        if not frame.f_code.co_filename.startswith(TESTS):
            yield from (f"{frame.f_code.co_qualname}: {name} = {value!r}" for name, value in frame.f_locals.items())
    for other in (error.__cause__, error.__context__):
        if other is not None:
            yield from _shown(other, seen)
