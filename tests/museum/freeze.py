"""Enter new exhibits into `frozen.json`; one that was changed is refused."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

MUSEUM = Path(__file__).parent
CHECKSUMS = MUSEUM / "frozen.json"


def exhibits() -> dict[str, str]:
    """Return the checksum of each exhibit, by its path; ends of lines are the checkout's and don't count."""
    return {
        path.relative_to(MUSEUM).as_posix(): hashlib.sha256(path.read_text("utf-8").encode()).hexdigest()
        for path in sorted(MUSEUM.glob("release_*/*.py"))
    }


def frozen() -> dict[str, str]:
    """Return the checksums as they were entered."""
    checksums: dict[str, str] = json.loads(CHECKSUMS.read_text("utf-8")) if CHECKSUMS.exists() else {}
    return checksums


def changed() -> list[str]:
    """Return the exhibits that are not what they were, those that are gone among them."""
    present = exhibits()
    return [name for name, checksum in frozen().items() if present.get(name) != checksum]


def main() -> int:
    """Enter what is new; return 1 where something changed."""
    if touched := changed():
        print(f"never edited, see README.md: {', '.join(touched)}; restore it, and mend core instead", file=sys.stderr)
        return 1
    CHECKSUMS.write_text(json.dumps(exhibits(), indent=4) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
