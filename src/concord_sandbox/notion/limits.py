"""How many calls a connection may make: an average of three a second, bursts tolerated (api/notion.md section 6)."""

from __future__ import annotations

import math

from concord_sandbox.clock import SandboxClock
from concord_sandbox.notion.errors import NotionError


class Budget:
    """A bucket that fills by `per_second` on the sandbox's clock and holds at most `burst` calls.

    On a frozen clock it does not fill.
    """

    def __init__(self, clock: SandboxClock, per_second: float, burst: int) -> None:
        self._clock = clock
        self._per_second = per_second
        self._burst = float(burst)
        self._left = float(burst)
        self._seen = clock.now()

    def spend(self) -> None:
        """Take one call from the budget. Raises NotionError 429 with `Retry-After` in whole seconds."""
        now = self._clock.now()
        passed = max((now - self._seen).total_seconds(), 0.0)
        self._left = min(self._burst, self._left + passed * self._per_second)
        self._seen = now
        if self._left < 1:
            wait = max(1, math.ceil((1 - self._left) / self._per_second))
            raise NotionError(
                "rate_limited",
                additional_data={"rate_limit_reason": "integration"},
                headers={"Retry-After": str(wait)},
            )
        self._left -= 1
