"""The line in which an account's calls wait for their turns, and for the day.

Consent goes first, then the other lanes, and within a lane who came first (SPEC 7.1). One of those who wait asks the
budget for all of them, so that however many wait, one question at a time is asked. How many may go is decided in
core/budget.py; nothing here sends a call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Final
from weakref import WeakSet

from concord.core.budget import (
    CALLS,
    DAY,
    FEW,
    Day,
    Grant,
    Limit,
    Pacing,
    Sample,
    Taken,
    Terms,
    Told,
    Want,
    forecast,
    ordinary,
    pacing,
)
from concord.core.model import Errand, Lane
from concord.core.quota import Usage
from concord.errors import Category, RemoteBusy, StoreError
from concord.systems.budget import Budget, Clock, LocalBudget

log = logging.getLogger("concord.turns")

#: What is left of a day is looked at so often by one call, where nobody's calls tell it any more; consent looks sooner.
PROBE: Final = timedelta(minutes=15)
PROBE_CONSENT: Final = timedelta(minutes=1)
#: Over how long a lane's pace through the day is counted: long enough for a whole batch to go on once it has begun.
SLOW_WINDOW: Final = timedelta(minutes=10)
#: How often the samples of the day are read anew.
LOOK: Final = timedelta(minutes=1)
#: A claim waits while more than this part of a burst was used at more than this part of its rate: together they make
#: less than a window, so that a batch that has begun finds its turns.
CLAIM_FREE: Final = 0.2
CLAIM_RATE: Final = 0.75
#: Seconds; the longest that a claim waits for a burst.
LONGEST_FILL: Final = 0.8
#: Seconds; after this it is to be asked again how long to wait before a claim.
LONGEST_CROWD: Final = 30.0
_PROBE_NAME: Final = "probe"
_SLOW_NAME: Final = "slow "


class NotSent(RemoteBusy):
    """The day's calls do not allow this one now; nothing was sent."""


@dataclass(eq=False)
class _Waiter:
    """One call that waits. called: it has its answer, or is to ask for all."""

    errand: Errand
    limits: tuple[Limit, ...]
    number: int
    called: asyncio.Event = field(default_factory=asyncio.Event)
    ticket: int | None = None
    error: Exception | None = None

    @property
    def done(self) -> bool:
        return self.ticket is not None or self.error is not None


@dataclass(frozen=True)
class Words:
    """How a system calls the end of its day: the code of its own refusal, and what an administrator can do."""

    code: str
    advice: str


class Turns:
    """One account's line in this process.

    terms: how the day is shared. Raises, from `take`: NotSent (quota; `after` says when) for a call that the day does
    not allow now, StoreError when the budget cannot be asked: without it no call is made.
    """

    def __init__(self, clock: Clock, system: str = "", terms: Terms | None = None, words: Words | None = None) -> None:
        self._clock = clock
        self._system = system
        self._terms = terms or Terms()
        self._words = words or Words("DAILY", "It goes on by itself when there is room again")
        self._budget: Budget = LocalBudget(clock)
        self._account = system
        self._numbers = count()
        self._waiting: list[_Waiter] = []
        self._asking = False
        self._news = asyncio.Event()
        self._blocked: set[tuple[Limit, ...]] = set()
        self._told: Told | None = None
        self._ticket = 0
        self._known = 0
        self._samples: Sequence[Sample] = ()
        self._looked_at: datetime | None = None
        self._begun: WeakSet[Errand] = WeakSet()
        self._burst: Limit | None = None
        self._level = 0.0
        self._level_at = clock.now()
        self._held: dict[Lane, datetime] = {}
        self._slowed: dict[Lane, bool] = {}
        #: Where the day stands, as of the last turn; None while nothing is known of it.
        self.day: Day | None = None

    async def lean_on(self, budget: Budget, account_id: str) -> None:
        """From now on share the account's limits with every process that leans on this budget. What was called so far
        is counted there. Raises StoreError."""
        account, before, wants = f"{self._system} {account_id}", self._budget, []
        day = self.day
        if isinstance(before, LocalBudget):
            before.hear(self._told, self._clock.now())
            day = before.day()
            wants = [Want(calls, (limit,)) for limit, calls in before.counted()]
        taken = await budget.take(account, wants, None)
        if day is not None:
            # Its answers were to our own calls, so they stand for all that is counted up to here.
            self._told = Told(day.used, day.most, day.resets_at, taken.ticket)
        self._known = self._ticket = taken.ticket
        self.day = day or taken.day
        self._budget, self._account, self._looked_at = budget, account, None

    def told(self, told: Told) -> None:
        """An answer has told where the day stands; it is passed on with the next turn."""
        if told.ticket >= self._known:
            self._told, self._known = told, told.ticket
            self.day = Day(told.used, told.most, self._clock.now(), told.resets_at)

    def spent(self, resets_at: datetime | None = None) -> None:
        """A call was refused because nothing is left of the day. resets_at: when it starts anew, if that is known."""
        most = self.day.most if self.day is not None else 0
        self.told(Told(most, most, resets_at, max(self._ticket, self._known)))

    async def tell(self, name: str, told: Told) -> None:
        """Let others know what was told of another allowance of this account. Raises StoreError."""
        await self._budget.tell(self._account, name, told)

    async def take(self, errand: Errand, limits: tuple[Limit, ...]) -> int:
        """Return when one more call may be sent: its ticket, which its answer's `Told` carries."""
        waiter = _Waiter(errand, limits, next(self._numbers))
        self._waiting.append(waiter)
        if limits not in self._blocked:
            self._news.set()  # it may go before those that wait, or under another limit
        try:
            while not waiter.done:
                if self._asking:
                    await waiter.called.wait()
                    waiter.called.clear()
                else:
                    await self._ask_for_all(waiter)
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            if not self._asking and self._waiting:
                self._first().called.set()
        if waiter.error is not None:
            raise waiter.error
        assert waiter.ticket is not None
        return waiter.ticket

    @property
    def ticket(self) -> int:
        """Of the last call that got its turn here."""
        return self._ticket

    def usage(self) -> Usage | None:
        """Where the day stands, for those who watch it; None: nothing is known of this day."""
        day = self.day
        if day is None or not day.most or day.current(self._clock.now()) is not day:
            return None
        share = ordinary(day.most, self._terms) / day.most
        return Usage(self._system, day.used, day.most, share, day.at, day.resets_at)

    def crowded(self, lane: Lane) -> float:
        """Seconds to wait before the next batch of this lane is claimed: for turns of the burst, so that batches fill
        and none waits in the middle (a second at most), or for the day, which this lane may only use slowly, or not at
        all now (ask again after these seconds). 0 for consent, which never waits."""
        if lane is Lane.CONSENT:
            return 0.0
        now = self._clock.now()
        held = self._held.get(lane)
        by_day = 0.0 if held is None else (held - now).total_seconds()
        return max(0.0, min(by_day, LONGEST_CROWD), self._burst_wait(now))

    def _burst_wait(self, now: datetime) -> float:
        if self._burst is None or self._burst.most is None:
            return 0.0
        rate = CLAIM_RATE * self._burst.most / self._burst.seconds
        level = self._level - rate * (now - self._level_at).total_seconds() - CLAIM_FREE * self._burst.most
        return min(max(0.0, level / rate), LONGEST_FILL)

    # --- asking

    def _first(self) -> _Waiter:
        return min(self._waiting, key=lambda one: (one.errand.lane, one.number))

    async def _ask_for_all(self, me: _Waiter) -> None:
        """Until this one has its turn, or its refusal."""
        self._asking = True
        try:
            while not me.done:
                wait = await self._ask()
                if wait is not None and not me.done:
                    await self._pause(wait)
        finally:
            self._asking = False

    async def _pause(self, seconds: float) -> None:
        """For so long, or until somebody comes who may be able to go at once."""
        tasks = [
            asyncio.ensure_future(self._clock.sleep(max(seconds, 0.001))),
            asyncio.ensure_future(self._news.wait()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    async def _ask(self) -> float | None:
        """Ask once for all who wait, and answer those who have their turn or are refused. Seconds until it is worth
        asking again; None: at once."""
        self._news.clear()
        self._blocked.clear()
        now = self._clock.now()
        try:
            await self._look(now)
            groups = self._groups(now)
            if not groups:
                return None
            told = self._told
            taken = await self._budget.take(self._account, [want for _, want in groups], told)
        except StoreError as error:
            for waiter in list(self._waiting):
                self._answer(waiter, error=StoreError(str(error)))
            return None
        if self._told is told:
            self._told = None
        self.day = taken.day
        self._note(groups, taken, now)
        ticket = taken.ticket - sum(one.count for one in taken.grants)
        waits: list[float] = []
        for (waiters, want), one in zip(groups, taken.grants, strict=True):
            for waiter in waiters[: one.count]:
                ticket += 1
                self._answer(waiter, ticket=ticket)
            self._rest(waiters[one.count :], want, one, now, waits)
        return min(waits, default=None)

    def _rest(self, rest: Sequence[_Waiter], want: Want, one: Grant, now: datetime, waits: list[float]) -> None:
        """Those of a group who did not get a turn: they wait, are refused, or ask again at once (when it was the day's
        end, the next question knows of it)."""
        if not rest:
            return
        if one.by is not None and one.by.startswith((_SLOW_NAME, _PROBE_NAME)):
            self._refuse(rest, one.wait, now)
        elif one.by != DAY:
            self._blocked.add(rest[0].limits)
            waits.append(one.wait)

    def _answer(self, waiter: _Waiter, ticket: int | None = None, error: Exception | None = None) -> None:
        waiter.ticket, waiter.error = ticket, error
        if ticket is not None:
            self._held.pop(waiter.errand.lane, None)
            if waiter.errand != Errand(waiter.errand.lane):  # that of a batch, not of anything and nobody
                self._begun.add(waiter.errand)
        self._waiting.remove(waiter)
        waiter.called.set()

    def _note(self, groups: Sequence[tuple[Sequence[_Waiter], Want]], taken: Taken, now: datetime) -> None:
        """How many calls all processes have made of late: as a bucket that empties at the rate at which claims are to
        go on. Tickets count all of them."""
        for _, want in groups:
            for limit in want.limits:
                if (
                    limit.most is not None
                    and limit.most >= FEW
                    and not limit.name.startswith((_SLOW_NAME, _PROBE_NAME))
                ):
                    self._burst = limit
        made = max(0, taken.ticket - self._ticket)
        self._ticket = taken.ticket
        if self._burst is not None and self._burst.most is not None:
            most, rate = self._burst.most, CLAIM_RATE * self._burst.most / self._burst.seconds
            left = self._level - rate * (now - self._level_at).total_seconds()
            self._level = min(max(0.0, left) + made, CLAIM_FREE * most + rate * LONGEST_FILL)
            self._level_at = now

    # --- the day

    async def _look(self, now: datetime) -> None:
        if self.day is not None and (self._looked_at is None or now - self._looked_at >= LOOK):
            self._looked_at = now
            self._samples = await self._budget.samples(self._account, CALLS)

    def _groups(self, now: datetime) -> list[tuple[list[_Waiter], Want]]:
        """Those who wait for the same, the most urgent first, with what is asked for them; those whom the day does not
        allow to go now are refused."""
        found: dict[tuple[Lane, tuple[Limit, ...], bool], list[_Waiter]] = {}
        for waiter in sorted(self._waiting, key=lambda one: (one.errand.lane, one.number)):
            key = (waiter.errand.lane, waiter.limits, waiter.errand in self._begun)
            found.setdefault(key, []).append(waiter)
        groups = []
        for (lane, limits, begun), waiters in found.items():
            want = self._want(lane, limits, len(waiters), now, begun=begun)
            if isinstance(want, Want):
                groups.append((waiters, want))
            else:
                self._refuse(waiters, want, now)
        return groups

    def _want(self, lane: Lane, limits: tuple[Limit, ...], calls: int, now: datetime, *, begun: bool) -> Want | float:
        """What to ask for so many calls; seconds: not to be asked for before then."""
        if self.day is None or (self.day.most == 0 and self.day.current(now) is not self.day):
            return Want(calls, limits)
        day = self.day.current(now)
        pace = pacing(day, forecast(day, self._samples, now), self._terms, lane, now)
        self._say(lane, pace)
        if pace.calls_a_minute is None:
            return Want(calls, limits, pace.ceiling)
        if pace.calls_a_minute == 0.0:
            often = PROBE_CONSENT if lane is Lane.CONSENT else PROBE
            if day.resets_at is not None and lane is not Lane.CONSENT:
                return (day.resets_at - now).total_seconds()
            if now - day.at < often:
                return (day.at + often - now).total_seconds()
            probe = Limit(f"{_PROBE_NAME} {often}", 1, often.total_seconds())
            return Want(calls, (*limits, probe))
        in_window = int(pace.calls_a_minute * (SLOW_WINDOW / timedelta(minutes=1)))
        slow = Limit(
            f"{_SLOW_NAME}{lane.name.lower()}", None if begun else max(1, in_window), SLOW_WINDOW.total_seconds()
        )
        return Want(calls, (*limits, slow), pace.ceiling)

    def _say(self, lane: Lane, pace: Pacing) -> None:
        """Log a lane's slowing once, and its end."""
        slow = pace.calls_a_minute is not None
        if slow is self._slowed.get(lane, False):
            return
        self._slowed[lane] = slow
        if not slow:
            log.info("%s: the lane %s goes on as fast as it comes", self._system, lane.name.lower())
        else:
            log.warning(
                "%s: the day's calls would not last: the lane %s is slowed to %.1f calls a minute",
                self._system,
                lane.name.lower(),
                pace.calls_a_minute,
            )

    def _refuse(self, waiters: Sequence[_Waiter], after: float, now: datetime) -> None:
        """No turn for these now; `after` so many seconds there may be one."""
        after = max(after, 1.0)
        assert self.day is not None
        day = self.day.current(now)
        for waiter in list(waiters):
            lane = waiter.errand.lane
            self._held[lane] = now + timedelta(seconds=after)
            spent = day.used >= pacing(day, forecast(day, (), now), self._terms, lane, now).ceiling
            why = (
                "what is left is kept for others and for opt-outs"
                if spent
                else f"the lane {lane.name.lower()} is slowed so that they last"
            )
            self._answer(
                waiter,
                error=NotSent(
                    self._system,
                    Category.QUOTA,
                    f"{day.used} of the day's {day.most} calls are used, and {why}"
                    if day.most
                    else "nothing is left of the day's calls",
                    code=self._words.code,
                    advice=self._words.advice,
                    after=after,
                ),
            )
