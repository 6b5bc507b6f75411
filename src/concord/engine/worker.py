"""What the work queue's jobs do: take what is due down the line, and sweep. The jobs themselves are only wake-ups; the
rows to do are in the inbox."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial

from concord.core.model import Lane, Side
from concord.core.rounds import Bound
from concord.engine.feeds import sweep_due
from concord.engine.mending import take_up_mended
from concord.engine.ports import Feed
from concord.engine.presence import look
from concord.engine.reach import asked
from concord.engine.rounds import let_go
from concord.engine.scope import Scope
from concord.engine.sweep import DEEP, QUICK, sweep, sweep_consent
from concord.engine.sync import drain, open_lanes, silent
from concord.errors import RemoteError, StoreError

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
        self._ending = False
        self._down = False
        self._mended = False

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
        for that. The alarm only rings: what comes meanwhile is worked on as always. The first time, what waits for a
        field that is mapped otherwise since the last start is taken up as well.
        """
        if not self._mended:
            await take_up_mended(self._set)
            self._mended = True
        await drain(self._set)
        await self._hasten()
        await self._set_alarm()

    async def work_urgent(self) -> None:
        """Take what is urgent down the line, and nothing else: on a worker that is kept for it, so that an opt-out
        waits for no batch of others (SPEC 7.1)."""
        await drain(self._set, up_to=Lane.CONVERSION)

    async def _hasten(self) -> None:
        """Once a system answers again, have what waited for it claimed at once, not when its own pause is over."""
        scope = self._set
        down = any(one.silent_until() is not None for one in (scope.left, scope.right))
        if self._down and not down:
            many = await scope.store.hasten(scope.clock.now())
            log.info("it answers again; %d records that waited for it are looked at", many)
        self._down = down

    async def _set_alarm(self) -> None:
        if silent(self._set) or self._ending or open_lanes(self._set)[0] is not Lane.BACKFILL:
            return  # what is due is left where it is; the queue looks by itself every few seconds
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

    def ending(self) -> bool:
        """Whether no further batch is begun."""
        return self._ending

    def end(self, ending: bool) -> None:
        """Begin no further batch from now on, while those under way go on to their end; or begin them again."""
        self._ending = ending

    def stop(self) -> None:
        """Ring no more."""
        if self._alarm is not None:
            self._alarm.cancel()

    async def sweep(self, side: Side) -> None:
        """Ask one side what changed; seldom while it tells by itself."""
        if await sweep_due(self._set, self._feeds, side, self._seldom):
            await asked(self._set, side, sweep(self._set, side, QUICK))

    async def sweep_consent(self) -> None:
        """Ask both sides who said no (SPEC 6.3)."""
        await _all([partial(self._ask_consent, side) for side in Side])

    async def _ask_consent(self, side: Side) -> None:
        await asked(self._set, side, sweep_consent(self._set, side, QUICK))

    async def sweep_deep(self) -> None:
        """Ask both sides what changed, reading far back: finds what became visible late."""
        await _all([partial(ask, self._set, side, DEEP) for side in Side for ask in (sweep_consent, sweep)])

    async def let_go(self, bound: Bound) -> None:
        """Try again the fields whose pause is over after a chase (engine/rounds.py)."""
        await let_go(self._set, bound)

    async def look(self, whole: timedelta) -> None:
        """Walk the part of a round over all links that is due (engine/presence.py). whole: how long a round takes."""
        await look(self._set, whole)


async def _all(asks: Sequence[Callable[[], Awaitable[object]]]) -> None:
    """All of these, one after the other: a system that is away, or refuses, keeps nobody from asking the other one.
    Raises what the first of them raised, at the end."""
    errors: list[RemoteError] = []
    for ask in asks:
        try:
            await ask()
        except RemoteError as error:
            errors.append(error)
    if errors:
        raise errors[0]
