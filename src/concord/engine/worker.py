"""What the work queue's jobs do: take what is due down the line, and sweep. The jobs themselves are only wake-ups; the
rows to do are in the inbox."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta

from concord.core.model import Side
from concord.engine.feeds import sweep_due
from concord.engine.ports import Feed
from concord.engine.scope import Scope
from concord.engine.sweep import DEEP, QUICK, sweep, sweep_consent
from concord.engine.sync import drain
from concord.errors import StoreError

log = logging.getLogger("concord.worker")


#: Seconds; rows that are due later are found by the queue's own look.
ALARM_WITHIN = 2.0


class Chores:
    """The calls that the queue makes, once the scope they work in is there.

    The queue is needed to open the store (a notice wakes a worker in its own transaction), and the store to build the
    scope: so the queue is given these, and these are given the scope afterwards.
    """

    def __init__(self) -> None:
        self._scope: Scope | None = None
        self._feeds: Sequence[Feed] = ()
        self._seldom = timedelta()
        self._alarm: asyncio.Task[None] | None = None

    def of(self, scope: Scope, feeds: Sequence[Feed] = (), seldom: timedelta = timedelta()) -> None:
        """feeds: those that this installation may follow; a side whose feed is followed is swept every `seldom`."""
        self._scope, self._feeds, self._seldom = scope, feeds, seldom

    @property
    def _set(self) -> Scope:
        assert self._scope is not None, "no job runs before the scope is there"
        return self._scope

    async def work(self) -> None:
        """Take everything that is due down the line; then set an alarm for rows that are due in a moment.

        The queue looks by itself every few seconds; a record that was edited in the second it was read need not wait
        for that. The alarm only rings: what comes meanwhile is worked on as always.
        """
        await drain(self._set)
        due = await self._set.store.next_due()
        if due is not None:
            seconds = (due - self._set.clock.now()).total_seconds()
            if seconds < ALARM_WITHIN and (self._alarm is None or self._alarm.done()):
                self._alarm = asyncio.create_task(self._ring_in(max(seconds, 0.0)))

    async def _ring_in(self, seconds: float) -> None:
        await self._set.clock.sleep(seconds)
        try:
            await self._set.store.ring()
        except StoreError as error:
            # The database is away; the queue says so itself, and looks again when it is back.
            log.debug("an alarm was not heard: %s", error)

    def stop(self) -> None:
        """Ring no more."""
        if self._alarm is not None:
            self._alarm.cancel()

    async def sweep(self, side: Side) -> None:
        """Ask one side what changed; seldom while it tells by itself."""
        if await sweep_due(self._set, self._feeds, side, self._seldom):
            await sweep(self._set, side, QUICK)

    async def sweep_consent(self) -> None:
        """Ask both sides who said no (SPEC 6.3)."""
        for side in Side:
            await sweep_consent(self._set, side, QUICK)

    async def sweep_deep(self) -> None:
        """Ask both sides what changed, reading far back: finds what became visible late."""
        for side in Side:
            await sweep_consent(self._set, side, DEEP)
            await sweep(self._set, side, DEEP)
