"""How much of a day's calls is used, and when they will have run out at the pace of the last hour (SPEC 9.3). Pure.

Counts the calls of everybody, as the vendor tells them; which calls are Concord's is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

#: Over how long the pace is measured; and how far two readings are apart that are kept for it.
SPAN: Final = timedelta(hours=1)
STEP: Final = timedelta(minutes=5)
#: A pace of less than this tells nothing about the hours to come.
LEAST: Final = timedelta(minutes=10)


@dataclass(frozen=True)
class Usage:
    """The calls of a day as an answer of the system told them.

    used, limit: calls. share: the part of the limit at which Concord stops, from 0 to 1. at: when it was told.
    resets_at: when the count begins anew; None: the last 24 hours are counted at any time.
    """

    system: str
    used: int
    limit: int
    share: float
    at: datetime
    resets_at: datetime | None = None

    @property
    def room(self) -> float:
        """Calls until Concord stops; below nought when it has stopped."""
        return self.share * self.limit - self.used


def kept(readings: Sequence[Usage], newest: Usage) -> tuple[Usage, ...]:
    """The readings that are worth keeping, oldest first, with the newest as the last: a dozen for an hour.

    Readings of a count that has begun anew since, or that is smaller now, say nothing about the pace.
    """
    found = [one for one in readings if one.used <= newest.used and timedelta() < newest.at - one.at <= SPAN]
    if len(found) > 1 and found[-1].at - found[-2].at < STEP:
        found.pop()
    return (*found, newest)


def runs_out(readings: Sequence[Usage]) -> datetime | None:
    """When Concord will have to stop if all go on at the pace of these readings; None: not before the count begins
    anew, or too little is known."""
    first, last = readings[0], readings[-1]
    if last.at - first.at < LEAST or last.used <= first.used:
        return None
    pace = (last.used - first.used) / (last.at - first.at).total_seconds()
    at = last.at + timedelta(seconds=max(0.0, last.room) / pace)
    return None if last.resets_at is not None and at >= last.resets_at else at
