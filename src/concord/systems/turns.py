"""The line in which an account's calls wait: for a slot (so many at once) and for a turn (so many in a time, and a day).

Consent goes first, then the other lanes, and within a lane who came first (SPEC 7.1). Turns come from a budget: one for
all processes of the account (store/budget.py), or, before the database is open and in tools without one, `LocalBudget`.
How many may go is decided in core/budget.py; nothing here sends a call.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final, Protocol
from weakref import WeakSet

from concord.core.budget import (
    DAY,
    Day,
    Grant,
    Limit,
    Log,
    Pacing,
    Sample,
    Taken,
    Terms,
    Told,
    Want,
    forecast,
    grant,
    pacing,
)
from concord.core.model import Errand, Lane
from concord.errors import Category, RemoteBusy, StoreError

log = logging.getLogger("concord.turns")

#: For consent alone, beside the slots that all may have.
KEPT: Final = 2
#: What is left of a day is looked at so often by one call, where nobody's calls tell it any more; consent looks sooner.
PROBE: Final = timedelta(minutes=15)
PROBE_CONSENT: Final = timedelta(minutes=1)
#: Over how long a lane's pace through the day is counted: long enough for a whole batch to go on once it has begun.
SLOW_WINDOW: Final = timedelta(minutes=10)
#: How often the samples of the day are read anew.
LOOK: Final = timedelta(minutes=1)
#: Calls that a batch makes to one system, about: for so many there should be turns before the next is claimed.
CALLS_A_BATCH: Final = 6
#: Seconds; after this it is to be asked again how long to wait before a claim.
LONGEST_CROWD: Final = 30.0
_PROBE_NAME: Final = "probe"
_SLOW_NAME: Final = "slow "


class Clock(Protocol):
    """Time and waiting, passed in so that tests own both."""

    def now(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None: ...


class Budget(Protocol):
    """What an account's processes share. account: "system id"."""

    async def take(self, account: str, wants: Sequence[Want], told: Told | None) -> Taken:
        """Turns for these, the most urgent first, and what is known of the day. told: the newest of what the vendor told
        since the last time. Raises StoreError when the database does not answer: then no call may be made."""
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
        if told is not None and (self._told is None or told.ticket >= self._told.ticket):
            self._told, self._told_at = told, now
            if not self._samples or now - self._samples[-1].at > timedelta(minutes=5):
                self._samples.append(Sample(now, told.used))
        day = self._day(now)
        grants = []
        for want in wants:
            used = 0 if day is None else day.used + self._granted - self._told_ticket
            one, self._logs = grant(want, self._logs, used, now.timestamp())
            self._granted += one.count
            grants.append(one)
        if day is not None:
            day = Day(day.used + self._granted - self._told_ticket, day.most, day.at, day.resets_at)
        return Taken(tuple(grants), self._granted, day)

    async def tell(self, account: str, name: str, told: Told) -> None:
        """See `Budget.tell`: nobody else is here to know it."""

    async def samples(self, account: str, name: str) -> Sequence[Sample]:
        """See `Budget.samples`."""
        return tuple(self._samples)

    def counted(self) -> list[tuple[Limit, int]]:
        """The calls that are still in a window, as limits that only count, to be taken over by another budget."""
        now, found = self._clock.now().timestamp(), []
        for name, one in self._logs.items():
            calls = sum(one.within(SECONDS_KEPT, now).calls)
            if calls:
                found.append((Limit(name, None, SECONDS_KEPT), calls))
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
        if day is not told:
            self._told = Told(0, day.most, day.resets_at, self._granted)
            self._told_at = day.at
        return day


#: The longest window of calls that are taken over from a local budget.
SECONDS_KEPT: Final = 10.0


# --- so many at once


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


# --- turns


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
    """One account's line in this process. One of those who wait asks for all of them, so that however many wait, one
    question at a time goes to the budget.

    terms: how the day is shared. Raises, from `take`: NotSent (quota; `after` says when) for a call that the day does not
    allow now, StoreError when the budget cannot be asked: without it no call is made.
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
        self._samples: Sequence[Sample] = ()
        self._looked_at: datetime | None = None
        self._begun: WeakSet[Errand] = WeakSet()
        self._burst: tuple[int, Limit, datetime] | None = None
        self._held: dict[Lane, datetime] = {}
        self._slowed: dict[Lane, bool] = {}
        #: Where the day stands, as of the last turn; None while nothing is known of it.
        self.day: Day | None = None

    @property
    def terms(self) -> Terms:
        """How the day is shared."""
        return self._terms

    async def lean_on(self, budget: Budget, account_id: str) -> None:
        """From now on share the account's limits with every process that leans on this budget. What was called so far
        is counted there. Raises StoreError."""
        account, before = f"{self._system} {account_id}", self._budget
        if isinstance(before, LocalBudget):
            wants = [Want(calls, (limit,)) for limit, calls in before.counted()]
            self.day = (await budget.take(account, wants, None)).day or self.day
            if self.day is not None and self._told is None:
                # What the answers to those calls told stands for all of them.
                self._told = Told(self.day.used, self.day.most, self.day.resets_at, 0)
        self._budget, self._account, self._looked_at = budget, account, None

    def told(self, told: Told) -> None:
        """An answer has told where the day stands; it is passed on with the next turn."""
        if self._told is None or told.ticket >= self._told.ticket:
            self._told = told

    def spent(self, ticket: int = 0) -> None:
        """A call was refused because nothing is left of the day."""
        if self.day is not None:
            self.told(Told(self.day.most, self.day.most, self.day.resets_at, max(ticket, self._last_told)))

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

    def crowded(self, lane: Lane) -> float:
        """Seconds to wait before the next batch of this lane is claimed, so that batches fill and none waits in the
        middle: for turns of the burst, of which there should be enough for a batch, or for the day, which this lane may
        only use slowly, or not at all now (ask again after these seconds). 0 for consent, which never waits."""
        if lane is Lane.CONSENT:
            return 0.0
        now = self._clock.now()
        held = self._held.get(lane)
        by_day = 0.0 if held is None else (held - now).total_seconds()
        return max(0.0, min(by_day, LONGEST_CROWD), self._burst_wait(now))

    def _burst_wait(self, now: datetime) -> float:
        if self._burst is None:
            return 0.0
        used, limit, at = self._burst
        assert limit.most is not None
        over = used / limit.most - (now - at).total_seconds() / limit.seconds - 0.5
        return max(0.0, 4 * over * CALLS_A_BATCH * limit.seconds / limit.most)

    # --- asking

    @property
    def _last_told(self) -> int:
        return self._told.ticket if self._told is not None else 0

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
            self._blocked.clear()

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
        ticket = taken.ticket - sum(one.count for one in taken.grants)
        waits: list[float] = []
        for (waiters, want), one in zip(groups, taken.grants, strict=True):
            for waiter in waiters[: one.count]:
                ticket += 1
                self._answer(waiter, ticket=ticket)
            self._note(want, one, now)
            self._rest(waiters[one.count :], want, one, now, waits)
        return min(waits, default=None)

    def _rest(self, rest: Sequence[_Waiter], want: Want, one: Grant, now: datetime, waits: list[float]) -> None:
        """Those of a group who did not get a turn: they wait, are refused, or ask again at once (the day's end, of which
        the next question knows)."""
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

    def _note(self, want: Want, one: Grant, now: datetime) -> None:
        """How full the window is that ordinary calls are spread over."""
        for limit, used in zip(want.limits, one.used, strict=True):
            if limit.spread and limit.most is not None and not limit.name.startswith(_SLOW_NAME):
                self._burst = (used, limit, now)

    # --- the day

    async def _look(self, now: datetime) -> None:
        if self.day is not None and (self._looked_at is None or now - self._looked_at >= LOOK):
            self._looked_at = now
            self._samples = await self._budget.samples(self._account, "calls")

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
        if self.day is None:
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
                "%s: the day's calls would run out: the lane %s is slowed to %.1f calls a minute",
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
                    f"{day.used} of the day's {day.most} calls are used, and {why}",
                    code=self._words.code,
                    advice=self._words.advice,
                    after=after,
                ),
            )


# --- both


class Pace:
    """How the calls of one kind wait: at most `limit` in any window of `seconds`, and at most `together` at once, beside
    those that are kept for consent (SPEC 9.3). turns: the account's line, where it has several paces.

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


def utc(seconds: float) -> datetime:
    """A moment from epoch seconds."""
    return datetime.fromtimestamp(seconds, UTC)
