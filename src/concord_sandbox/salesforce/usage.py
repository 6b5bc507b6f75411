"""How many calls an org has answered in the last 24 hours, and whether it answers another."""

from __future__ import annotations

from collections import Counter

_HOUR_MS = 3_600_000


class Usage:
    """Calls of a rolling day, counted by the hour. limit: calls a day; used: calls made before this began."""

    def __init__(self, limit: int, used: int, now_ms: int) -> None:
        self.limit = limit
        self._hours: Counter[int] = Counter({now_ms // _HOUR_MS: used})

    def used(self, now_ms: int) -> int:
        """The calls of the 24 hours before now."""
        hour = now_ms // _HOUR_MS
        if len(self._hours) > 1 or hour not in self._hours:
            self._hours = Counter({at: n for at, n in self._hours.items() if at > hour - 24})
        return self._hours.total()

    def spend(self, now_ms: int) -> bool:
        """Count one call; False, and nothing counted, when the day's calls are used up."""
        if self.used(now_ms) >= self.limit:
            return False
        self._hours[now_ms // _HOUR_MS] += 1
        return True
