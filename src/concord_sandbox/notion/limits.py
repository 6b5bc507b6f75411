"""How many calls are let through: an average per connection, and a window per workspace (api/notion.md section 6)."""

from __future__ import annotations

import math

from concord_sandbox.clock import SandboxClock
from concord_sandbox.notion.errors import NotionError

_WINDOW_SECONDS = 60.0


class Budget:
    """A bucket that fills by `per_second` on the sandbox's clock and holds at most `burst` calls; and, where the plan
    has it, at most `per_minute` calls of the workspace in a window of 60 seconds.

    On a frozen clock neither fills.
    """

    def __init__(self, clock: SandboxClock, per_second: float, burst: int, per_minute: int | None = None) -> None:
        self._clock = clock
        self._per_second = per_second
        self._burst = float(burst)
        self._left = float(burst)
        self._seen = clock.now()
        self._per_minute = per_minute
        self._window_began = self._seen
        self._in_window = 0

    def spend(self) -> None:
        """Take one call from the budget. Raises NotionError 429 with `Retry-After` in whole seconds."""
        now = self._clock.now()
        passed = max((now - self._seen).total_seconds(), 0.0)
        self._left = min(self._burst, self._left + passed * self._per_second)
        self._seen = now
        if self._left < 1:
            raise _limited("integration", (1 - self._left) / self._per_second)
        if self._per_minute is not None:
            since = (now - self._window_began).total_seconds()
            if not 0 <= since < _WINDOW_SECONDS:
                self._window_began, self._in_window, since = now, 0, 0.0
            if self._in_window >= self._per_minute:
                raise _limited("workspace", _WINDOW_SECONDS - since)
            self._in_window += 1
        self._left -= 1


def _limited(reason: str, seconds: float) -> NotionError:
    wait = min(60, max(1, math.ceil(seconds)))
    return NotionError(
        "rate_limited", additional_data={"rate_limit_reason": reason}, headers={"Retry-After": str(wait)}
    )
