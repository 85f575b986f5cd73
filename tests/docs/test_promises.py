"""The page on testing a plugin says what each promise means, and how to mend it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pepperpy.providers.testing import ProviderContract
from pepperpy.providers.testing.promises import Promise

PAGE = Path(__file__).parents[2] / "docs/how-to/test-a-plugin.md"


def promises() -> list[Promise]:
    """Return all promises of the contract, in the order in which they are looked at."""
    found: list[Any] = [
        thing
        for part in reversed(ProviderContract.__mro__)
        for name, thing in vars(part).items()
        if name.startswith("test_")
    ]
    return [one.promise for one in found]


def section(promise: Promise) -> str:
    """Return what the page has to say of a promise."""
    needs = [need for need in promise.needs if need != "wire"]
    only = f"\n\nLooked at where there is: {', '.join(f'`{need}`' for need in needs)}." if needs else ""
    return f"### `{promise.name}`\n\nPromised: {promise.text}.\n\nTo mend it: {promise.mend}.{only}\n"


def test_every_promise_is_on_the_page() -> None:
    """The page's last part is what the promises themselves say, in their order, and each anchor leads to its heading."""
    page = PAGE.read_text("utf-8")
    named = promises()
    headings = re.findall(r"^### `(.+)`$", page, re.MULTILINE)

    assert headings == [promise.name for promise in named]
    assert page.endswith("\n".join(map(section, named)))
    assert len({promise.url for promise in named}) == len(named)
    for promise in named:
        # As forges make anchors: small letters, digits and dashes of the heading's text.
        assert promise.url.endswith("#" + re.sub(r"[^a-z0-9 -]", "", promise.name))
