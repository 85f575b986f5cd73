"""How long to wait, and when to give up."""

from __future__ import annotations

import email.utils
import itertools
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from pepperpy.providers._transport.retry import BUDGET, RETRY_COST, RetryBudget, delay, delays, parse_retry_after


def after(**headers: str) -> float | None:
    return parse_retry_after(CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()}))


@pytest.mark.parametrize(
    ("value", "seconds"), [("0", 0), ("7", 7), ("0.25", 0.25), (" 3 ", 3), ("1e1", 10), ("86400", 86_400), ("00", 0)]
)
def test_seconds(value: str, seconds: float) -> None:
    """Whole seconds and fractions, as OpenAI sends them, are taken."""
    assert after(Retry_After=value) == seconds


@pytest.mark.parametrize(("value", "seconds"), [("1500", 1.5), ("0", 0), ("0.5", 0.0005)])
def test_milliseconds_go_first(value: str, seconds: float) -> None:
    """`retry-after-ms` is more exact than `Retry-After`, and goes before it."""
    assert after(retry_after_ms=value, Retry_After="9") == seconds
    assert after(retry_after_ms="soon", Retry_After="9") == 9


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "soon",
        "-1",
        "-0.5",
        "nan",
        "inf",
        "-inf",
        "Infinity",
        "1e400",
        "9" * 5_000,
        "0x10",
        "1,5",
        "5s",
        "1_000",
        "٣",
        "Wed, 32 Oct 2026 07:28:00 GMT",
        "Wed, 21 Foo 2026 07:28:00 GMT",
        "Wed, 21 Oct 2026 25:61:61 GMT",
        "Wed, 21 Oct 99999 07:28:00 GMT",
        "Wed, 21 Oct 2026 07:28:00 +9999",
        "2026-10-21T07:28:00Z",
        "\x00",
    ],
)
def test_what_is_no_delay(value: str) -> None:
    """Nonsense is as good as nothing: the usual delays stand in for it."""
    assert after(Retry_After=value) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_gives_a_delay_or_none(seconds: str, milliseconds: str) -> None:
    """Whatever the headers hold, what comes out is a finite number of seconds, 0 or more, or None."""
    found = after(Retry_After=seconds, retry_after_ms=milliseconds)

    assert found is None or 0 <= found < float("inf")


def test_dates() -> None:
    """An HTTP date is the time until then; one that is past is now."""
    soon = after(Retry_After=email.utils.formatdate(time.time() + 30, usegmt=True))
    past = after(Retry_After=email.utils.formatdate(time.time() - 30, usegmt=True))

    assert soon is not None
    assert 28 < soon <= 30
    assert past == 0
    assert after() is None


@pytest.mark.parametrize("zone", ["", " -0000", " GMT", " +0000"])
def test_dates_are_gmt(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A date without a zone is GMT, wherever the program runs."""
    monkeypatch.setenv("TZ", "America/Sao_Paulo")
    time.tzset()
    try:
        then = (datetime.now(UTC) + timedelta(seconds=30)).strftime("%a, %d %b %Y %H:%M:%S") + zone

        assert 28 < (after(Retry_After=then) or 0) <= 30
    finally:
        monkeypatch.undo()
        time.tzset()


def test_delays_grow_to_a_bound() -> None:
    """The bounds begin at half a second, double, and stay at eight."""
    assert list(itertools.islice(delays(), 7)) == [0.5, 1, 2, 4, 8, 8, 8]


def test_delays_are_jittered() -> None:
    """Callers who failed together spread over the whole of the bound."""
    drawn = [delay(8, None) for _ in range(300)]

    assert all(0 <= seconds <= 8 for seconds in drawn)
    assert min(drawn) < 1
    assert max(drawn) > 7
    assert len(set(drawn)) > 250


@given(st.sampled_from([0.5, 1, 2, 4, 8]), st.floats(0, 60))
def test_the_delay_asked_for_is_never_undercut(bound: float, asked: float) -> None:
    """The service's own delay is waited, and a little more, so that not everybody comes back at once."""
    assert asked <= delay(bound, asked) <= max(bound, asked + min(bound, asked / 10))


def test_the_delay_asked_for_is_jittered_too() -> None:
    """Those who were told the same delay don't return together."""
    assert len({delay(8, 10.0) for _ in range(30)}) > 25


def test_a_budget_of_retries() -> None:
    """A hundred retries may be had at once; then each costs five successes."""
    budget = RetryBudget()
    taken = sum(budget.take() for _ in range(1_000))

    assert taken == BUDGET // RETRY_COST == 100
    for _ in range(RETRY_COST - 1):
        budget.give_back()
    assert not budget.take()
    budget.give_back()
    assert budget.take()
    assert not budget.take()


def test_a_budget_is_not_saved_up() -> None:
    """Successes fill the budget and no more."""
    budget = RetryBudget()
    for _ in range(10_000):
        budget.give_back()

    assert sum(budget.take() for _ in range(1_000)) == 100
