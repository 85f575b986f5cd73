"""When to try again, and how long to wait: the only retry policy there is."""

from __future__ import annotations

import email.utils
import math
import time
from collections.abc import Generator, Mapping
from datetime import UTC

FIRST_DELAY = 0.5
LONGEST_DELAY = 8.0

BUDGET = 500
RETRY_COST = 5


class RetryBudget:
    """Tokens for the retries of one provider: in an outage the extra requests sink towards none.

    Each retry costs 5 of 500 tokens, each success gives one back.
    """

    def __init__(self) -> None:
        self._tokens = BUDGET

    def take(self) -> bool:
        """Take the tokens for one retry; False where there are none left."""
        if self._tokens < RETRY_COST:
            return False
        self._tokens -= RETRY_COST
        return True

    def give_back(self) -> None:
        """Note a success."""
        if self._tokens < BUDGET:
            self._tokens += 1


def delays() -> Generator[float, None, None]:
    """Yield the bounds of the delays before each retry, in seconds."""
    # Here, because backoff is needed when something fails, and until then costs start-up time.
    import backoff

    bounds = backoff.expo(factor=FIRST_DELAY, max_value=LONGEST_DELAY)
    next(bounds)  # the first value of backoff's generators is None
    yield from bounds


def delay(bound: float, retry_after: float | None) -> float:
    """Return how long to wait, in seconds, so that callers who failed together don't return together.

    Without a word of the service, anything up to `bound`. The service's own delay is never undercut; a little is put
    on top of it.
    """
    import backoff

    if retry_after is None:
        return backoff.full_jitter(bound)
    return max(backoff.full_jitter(bound), retry_after + backoff.full_jitter(min(bound, retry_after / 10)))


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the service asks to wait, or None where it says nothing that makes sense."""
    milliseconds = _positive(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("Retry-After")
    seconds = _positive(value)
    if seconds is not None or value is None:
        return seconds
    try:
        then = email.utils.parsedate_to_datetime(value)
        # The dates of HTTP are GMT, whether they say so or not; Python takes one without a zone for local time.
        then = then if then.tzinfo else then.replace(tzinfo=UTC)
        return max(0.0, then.timestamp() - time.time())
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _positive(text: str | None) -> float | None:
    # Long digits are refused before float() sees them: "9" * 5000 is no delay. Nor are Python's own 1_000 and digits
    # of other scripts.
    if text is None or len(text) > 40 or "_" in text or not text.isascii():
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
