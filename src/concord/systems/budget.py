"""What calls are taken from (core/budget.py): by all processes of an account together, or by this one alone.

`Budget` is filled by store/budget.py, by shape; `LocalBudget` serves before the database is open and in tools that have
none. Sends nothing, and waits for nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from concord.core.budget import Day, Limit, Log, Sample, Taken, Told, Want, grant

#: The longest window of seconds of which calls are taken over by another budget.
_LONGEST_WINDOW: Final = 10.0
#: How far apart samples of the day are kept.
_BETWEEN_SAMPLES: Final = timedelta(minutes=5)


class Clock(Protocol):
    """Time and waiting, passed in so that tests own both."""

    def now(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None: ...


class Budget(Protocol):
    """What an account's processes share. account: "system id"."""

    async def take(self, account: str, wants: Sequence[Want], told: Told | None) -> Taken:
        """Turns for these, the most urgent first, and what is known of the day. told: the newest of what the vendor
        told since the last time. Raises StoreError when the database does not answer: then no call may be made."""
        ...

    async def tell(self, account: str, name: str, told: Told) -> None:
        """What was told of another allowance of a day than that of calls ("events"). Raises StoreError."""
        ...

    async def samples(self, account: str, name: str) -> Sequence[Sample]:
        """What was told of an allowance in the last two days, oldest first. Raises StoreError."""
        ...


class LocalBudget:
    """The budget of one process alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._logs: Mapping[str, Log] = {}
        self._granted = 0
        self._told: Told | None = None
        self._told_at = clock.now()
        self._samples: deque[Sample] = deque(maxlen=600)

    async def take(self, account: str, wants: Sequence[Want], told: Told | None) -> Taken:
        """See `Budget.take`."""
        now = self._clock.now()
        self.hear(told, now)
        day = self._day(now)
        grants = []
        for want in wants:
            used = 0 if day is None else day.used + self._granted - self._told_ticket
            one, self._logs = grant(want, self._logs, used, now.timestamp())
            self._granted += one.count
            grants.append(one)
        return Taken(tuple(grants), self._granted, self._counted_up(day))

    def hear(self, told: Told | None, now: datetime) -> None:
        """Take over what was told."""
        if told is not None and (self._told is None or told.ticket >= self._told.ticket):
            self._told, self._told_at = told, now
            if not self._samples or now - self._samples[-1].at > _BETWEEN_SAMPLES:
                self._samples.append(Sample(now, told.used))

    def day(self) -> Day | None:
        """Where the day stands, our calls since the last word of it included."""
        return self._counted_up(self._day(self._clock.now()))

    def _counted_up(self, day: Day | None) -> Day | None:
        return day and replace(day, used=day.used + self._granted - self._told_ticket)

    async def tell(self, account: str, name: str, told: Told) -> None:
        """See `Budget.tell`: nobody else is here to know it."""

    async def samples(self, account: str, name: str) -> Sequence[Sample]:
        """See `Budget.samples`."""
        return tuple(self._samples)

    def counted(self) -> list[tuple[Limit, int]]:
        """The calls that are still in a window, as limits that only count, to be taken over by another budget."""
        now, found = self._clock.now().timestamp(), []
        for name, one in self._logs.items():
            calls = sum(one.within(_LONGEST_WINDOW, now).calls)
            if calls:
                found.append((Limit(name, None, _LONGEST_WINDOW), calls))
        return found

    @property
    def _told_ticket(self) -> int:
        return self._told.ticket if self._told is not None else 0

    def _day(self, now: datetime) -> Day | None:
        """As told; after a reset nothing is used, and every call until then is counted."""
        if self._told is None:
            return None
        told = Day(self._told.used, self._told.most, self._told_at, self._told.resets_at)
        day = told.current(now)
        if day is told:
            return day
        self._told_at = day.at
        self._told = Told(0, day.most, day.resets_at, self._granted) if day.most else None
        return day if day.most else None
