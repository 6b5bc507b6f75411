"""How calls of one kind wait before they leave: for a slot (so many at once), then for a turn (so many in a time).

Consent goes first, then the other lanes, and within a lane who came first (SPEC 7.1, 9.3).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Final

from concord.core.budget import Limit
from concord.core.model import Errand, Lane
from concord.systems.budget import Clock
from concord.systems.turns import Turns

#: For consent alone, beside the slots that all may have.
KEPT: Final = 2


class Slots:
    """At most `most` calls of all lanes at once, and `kept` more for consent."""

    def __init__(self, most: int, kept: int = KEPT) -> None:
        self._most = most
        self._kept = kept
        self._busy = 0
        self._numbers = count()
        self._waiting: list[tuple[Lane, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def slot(self, lane: Lane) -> AsyncIterator[None]:
        """For the time of one call."""
        if not self._free(lane):
            waiting = (lane, next(self._numbers), asyncio.get_running_loop().create_future())
            self._waiting.append(waiting)
            try:
                await waiting[2]
            except asyncio.CancelledError:
                if waiting in self._waiting:
                    self._waiting.remove(waiting)
                else:
                    self._give_back()
                raise
        else:
            self._busy += 1
        try:
            yield
        finally:
            self._give_back()

    def _free(self, lane: Lane) -> bool:
        return self._busy < self._most + (self._kept if lane is Lane.CONSENT else 0)

    def _give_back(self) -> None:
        self._busy -= 1
        if not self._waiting:
            return
        first = min(self._waiting, key=lambda one: one[:2])
        if self._free(first[0]):
            self._waiting.remove(first)
            self._busy += 1
            first[2].set_result(None)


class Pace:
    """At most `limit` calls in any window of `seconds`, and at most `together` at once, beside those that are kept for
    consent (SPEC 9.3). turns: the account's line, where it has several paces.

    Waits in line rather than being refused: a refused call costs quota and tells nothing.
    """

    def __init__(
        self,
        clock: Clock,
        limit: int,
        seconds: float,
        together: int,
        *,
        turns: Turns | None = None,
        name: str = "calls",
        kept: int = KEPT,
    ) -> None:
        self.turns = turns or Turns(clock)
        self._limit = limit
        self._seconds = seconds
        self._name = name
        self._slots = Slots(together, kept)

    @asynccontextmanager
    async def turn(self, errand: Errand) -> AsyncIterator[int]:
        """A slot for the time of one call, entered when it may be sent; gives its ticket. Raises what `Turns` does."""
        async with self._slots.slot(errand.lane):
            yield await self.turns.take(errand, self.limits(errand.lane))

    def limits(self, lane: Lane) -> tuple[Limit, ...]:
        """What a call of this lane has to keep."""
        return (Limit(self._name, self._limit, self._seconds),)
