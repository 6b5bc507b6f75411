"""Whether and when to try again. Pure: the random share is passed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from concord.core.model import Failure
from concord.errors import Category

#: How soon a record is looked for again that another worker has at this moment.
BLOCKED_FOR: Final = timedelta(milliseconds=250)

#: What a call is refused with for the sake of one record's data, or for a reason that nobody here knows. Where the
#: whole call was refused with it, the others of its records are not to blame. The rest is the account's or passes.
OF_A_RECORD: Final = frozenset(
    {
        Category.MAPPING,
        Category.DATA_TYPE,
        Category.PICKLIST,
        Category.VALIDATION_RULE,
        Category.REQUIRED_FIELD,
        Category.DUPLICATE_RULE,
        Category.INTERNAL,
    }
)
_LIMITS: Final = frozenset({Category.QUOTA, Category.RATE_LIMIT})


@dataclass(frozen=True)
class Backoff:
    """Capped exponential backoff with jitter over the upper half of each wait (SPEC 9.2).

    first: seconds before the second try at most; factor: growth for each further one; cap: seconds at most;
    tries: how often in all. A vendor's own "wait this long" is never cut short.
    """

    first: float = 0.5
    factor: float = 2.0
    cap: float = 60.0
    tries: int = 6

    def wait(self, attempt: int, share: float, told: float | None = None) -> float | None:
        """Seconds to wait after the failed try number `attempt` (from 1); None: no further try.

        share: a random number in [0, 1), so that many callers do not come back at once. told: seconds the vendor asked
        for; the wait is at least that, with a little of our own on top.
        """
        if attempt >= self.tries:
            return None
        ceiling = min(self.cap, self.first * self.factor ** (attempt - 1))
        own = ceiling * (0.5 + 0.5 * share)
        return own if told is None else told + min(own, 1.0) * share


def next_try(backoff: Backoff, failure: Failure, attempt: int, share: float) -> float | None:
    """Seconds until a record is tried again that failed at try number `attempt`; None: it waits for a person.

    What passes is tried a bounded number of times, and so is a record that moved on each time. What is the account's
    or the network's (a whole call failed, or a limit is reached) is no record's fault: that is waited out, however long
    it takes (SPEC 9.2).
    """
    if failure.moved and attempt == 1:
        return failure.after or 0.0
    if failure.whole:
        waited_out = failure.transient or failure.category not in OF_A_RECORD
    else:
        waited_out = failure.transient and failure.category in _LIMITS
    if not (waited_out or failure.transient or failure.moved):
        return None
    own = backoff.wait(min(attempt, backoff.tries - 1) if waited_out else attempt, share)
    if own is None or failure.after is None:
        return own
    return max(own, failure.after + min(own, 1.0) * share)
