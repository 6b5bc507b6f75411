"""How long to wait before the next try. Pure: the random share is passed in."""

from __future__ import annotations

from dataclasses import dataclass


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
