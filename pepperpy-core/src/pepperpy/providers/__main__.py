"""Run the command: `python -m pepperpy.providers`."""

from __future__ import annotations

from ._command.main import main

if __name__ == "__main__":
    raise SystemExit(main())
