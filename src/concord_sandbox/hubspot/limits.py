"""Rate limits on the sandbox's clock, and the headers that tell of them (API reference section 3)."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from concord_sandbox.clock import SandboxClock
from concord_sandbox.hubspot.errors import rate_limited

_WINDOW_MS = 10_000
_SECONDLY_MAX = 19  # a legacy header; nothing enforces it
RATE_HEADERS = (
    "X-HubSpot-RateLimit-Max",
    "X-HubSpot-RateLimit-Remaining",
    "X-HubSpot-RateLimit-Interval-Milliseconds",
    "X-HubSpot-RateLimit-Daily",
    "X-HubSpot-RateLimit-Daily-Remaining",
    "X-HubSpot-RateLimit-Secondly",
    "X-HubSpot-RateLimit-Secondly-Remaining",
)


class RateLimits:
    """Counts calls: a rolling window of ten seconds, one of a second for searches, and the account's day."""

    def __init__(self, clock: SandboxClock, burst: int, daily: int, search: int, time_zone: str) -> None:
        self._clock = clock
        self.burst, self.daily, self.search = burst, daily, search
        self._zone = ZoneInfo(time_zone)
        self._calls: deque[int] = deque()
        self._searches: deque[int] = deque()
        self.used_today = 0
        self._day_ends = 0

    def count(self, *, search: bool) -> None:
        """Count one call. Raises ApiError (429) when it is over a limit; such a call is not counted."""
        now = self._clock.epoch_ms()
        self._roll(now)
        if self.used_today >= self.daily:
            raise rate_limited("DAILY")
        if search and len(self._searches) >= self.search:
            raise rate_limited("SECONDLY")
        if not search and len(self._calls) >= self.burst:
            raise rate_limited("TEN_SECONDLY_ROLLING")
        self.used_today += 1
        (self._searches if search else self._calls).append(now)

    def _roll(self, now: int) -> None:
        for calls, window in ((self._calls, _WINDOW_MS), (self._searches, 1_000)):
            # A clock that was set back leaves calls in the future: they no longer count.
            while calls and (calls[0] <= now - window or calls[0] > now):
                calls.popleft()
        if not now < self._day_ends <= now + 2 * 86_400_000:
            self.used_today = 0
            self._day_ends = self._next_midnight(now)

    def _next_midnight(self, now: int) -> int:
        local = datetime.fromtimestamp(now / 1000, UTC).astimezone(self._zone)
        tomorrow = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return int(tomorrow.timestamp() * 1000)

    @property
    def day_ends(self) -> int:
        """The account's next midnight, epoch ms."""
        self._roll(self._clock.epoch_ms())
        return self._day_ends

    def headers(self, *, daily: bool) -> dict[str, str]:
        """The headers of an answer of now. daily: False for OAuth tokens, which are told nothing of the day."""
        now = self._clock.epoch_ms()
        self._roll(now)
        last_second = 0
        for at in reversed(self._calls):
            if at <= now - 1_000:
                break
            last_second += 1
        values = (
            str(self.burst),
            str(max(0, self.burst - len(self._calls))),
            str(_WINDOW_MS),
            str(self.daily) if daily else "",
            str(max(0, self.daily - self.used_today)) if daily else "",
            str(_SECONDLY_MAX),
            str(max(0, _SECONDLY_MAX - last_second)),
        )
        return dict(zip(RATE_HEADERS, values, strict=True))

    @staticmethod
    def no_headers() -> dict[str, str]:
        """What an answer without rate headers says: empty values, which the sandbox leaves out."""
        return dict.fromkeys(RATE_HEADERS, "")
