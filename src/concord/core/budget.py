"""How calls share what a vendor allows: turns within a window, and the calls of a day (SPEC 9.3, 7.1).

Two things are decided here. Who may call now (`grant`): a rolling window of seconds, exact, of which the first half is
free and the rest spread. And how fast each lane may go through the day (`pacing`): back-fill slows first, consent
never. Counts and times only. Pure: whoever keeps the logs (systems/budget.py in memory, store/budget.py for all
processes) passes them in; `grant` says the same as `budget_take` of migrations/0007_budget.sql, and a test holds the
two together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil, floor
from typing import Final

from concord.core.model import Lane

#: Limits below this are not spread: a second of four searches is short enough.
FEW: Final = 20
#: Grants within this part of a window are kept as one, that of the last of them: a log stays short under any load.
GRAINS: Final = 100
#: Seconds below which two times are one.
_BLINK: Final = 1e-6

#: Why a want was not granted in full, beside the names of limits: the day's ceiling.
DAY: Final = "day"

#: The allowance that is taken call by call, and that of change events, which Salesforce counts as it delivers them.
CALLS: Final = "calls"
EVENTS: Final = "events"

#: How far back the rate is measured, and how much of that must be known for a rate to be told.
RECENT: Final = timedelta(hours=1)
ENOUGH: Final = timedelta(minutes=10)
#: What has no reset rolls: every call comes back after a day.
ROLLING: Final = timedelta(hours=24)
#: Where a day rolls, what is left is never spent in less than this.
_LAST: Final = timedelta(hours=1)


# --- turns


@dataclass(frozen=True)
class Limit:
    """At most `most` calls in any window of `seconds`. most: None: the calls are counted and do not wait. free: this
    part of a window goes at once, and the rest is spread over what is left of it, so that steady work meets many short
    waits and not one of seconds; 1: all goes at once, as with limits of a FEW."""

    name: str
    most: int | None
    seconds: float
    free: float = 0.5

    @property
    def at_once(self) -> int | None:
        """How many of a window are not spread."""
        if self.most is None or self.most < FEW:
            return self.most
        return ceil(self.most * min(self.free, 1.0))


@dataclass(frozen=True)
class Want:
    """So many calls that may go now if all of the limits let them. ceiling: none of them may be made when so many of
    the day's calls are used; None: the day does not hold them back."""

    count: int
    limits: tuple[Limit, ...] = ()
    ceiling: int | None = None


@dataclass(frozen=True)
class Grant:
    """How many may go now. wait: seconds until it is worth asking again for the rest; 0 when there is no rest, or when
    the day stops it. by: what made the rest wait: a limit's name or DAY. used: calls in the window of each limit of the
    want, these among them."""

    count: int
    wait: float = 0.0
    by: str | None = None
    used: tuple[int, ...] = ()


@dataclass(frozen=True)
class Log:
    """When calls were granted under one limit: seconds (of any one epoch), oldest first, and how many each time."""

    times: tuple[float, ...] = ()
    calls: tuple[int, ...] = ()

    def within(self, seconds: float, now: float) -> Log:
        """Without what has left the window. A time that lies far ahead is from before the clock was set back."""
        kept = [
            (at, n)
            for at, n in zip(self.times, self.calls, strict=True)
            if now + _BLINK < at + seconds and at <= now + seconds
        ]
        return Log(tuple(at for at, _ in kept), tuple(n for _, n in kept))

    def noted(self, count: int, seconds: float, now: float) -> Log:
        """With so many more calls now."""
        log = self.within(seconds, now)
        if count == 0:
            return log
        grain = seconds / GRAINS
        if log.times and log.times[-1] // grain == now // grain:
            return Log((*log.times[:-1], now), (*log.calls[:-1], log.calls[-1] + count))
        return Log((*log.times, now), (*log.calls, count))


def free(limit: Limit, log: Log, now: float) -> tuple[int | None, float]:
    """How many calls may go at this moment (None: any number), and otherwise the seconds until the next one may."""
    most, at_once = limit.most, limit.at_once
    if most is None or at_once is None:
        return None, 0.0
    log = log.within(limit.seconds, now)
    used = sum(log.calls)
    if used < at_once:
        return at_once - used, 0.0
    ends = log.times[0] + limit.seconds
    if used >= most:
        return 0, ends - now
    last = log.times[-1]
    wait = last + (ends - last) / (most - used + 1) - now
    return (1, 0.0) if wait <= _BLINK else (0, wait)


def grant(want: Want, logs: Mapping[str, Log], used: int, now: float) -> tuple[Grant, Mapping[str, Log]]:
    """What of a want may go now, and the logs after that. logs: by the limits' names. used: calls of the day so far."""
    count, by = want.count, None
    if want.ceiling is not None and used + count > want.ceiling:
        count, by = max(0, want.ceiling - used), DAY
    for limit in want.limits:
        most, _ = free(limit, logs.get(limit.name, Log()), now)
        if most is not None and most < count:
            count, by = most, limit.name
    after = {limit.name: logs.get(limit.name, Log()).noted(count, limit.seconds, now) for limit in want.limits}
    wait = 0.0
    if by is not None and by != DAY:
        waits = {limit.name: free(limit, after[limit.name], now)[1] for limit in want.limits}
        by = max(waits, key=lambda name: waits[name])
        wait = waits[by]
    counted = tuple(sum(after[limit.name].calls) for limit in want.limits)
    return Grant(count, wait, by, counted), {**logs, **after}


# --- the day


@dataclass(frozen=True)
class Told:
    """What a vendor's answer says of the day: so many of so many are used. resets_at: when the count starts anew; None:
    it rolls. ticket: the number of the call that was answered, by which later calls are told from those it counts."""

    used: int
    most: int
    resets_at: datetime | None = None
    ticket: int = 0


@dataclass(frozen=True)
class Day:
    """Where a day's allowance stands. used: as last told, and our calls since. at: when it was last told."""

    used: int
    most: int
    at: datetime
    resets_at: datetime | None = None

    def current(self, now: datetime) -> Day:
        """The same at a later moment: after its reset nothing is used yet."""
        if self.resets_at is None or now < self.resets_at:
            return self
        days = (now - self.resets_at) // ROLLING + 1
        return replace(
            self, used=0, at=self.resets_at + (days - 1) * ROLLING, resets_at=self.resets_at + days * ROLLING
        )


@dataclass(frozen=True)
class Sample:
    """What was told at one moment of a day."""

    at: datetime
    used: int


@dataclass(frozen=True)
class Taken:
    """What came of asking for turns. grants: in the order of the wants. ticket: the number of the last call granted, of
    all that ever were in this account. day: None while nothing was told."""

    grants: tuple[Grant, ...]
    ticket: int
    day: Day | None = None


@dataclass(frozen=True)
class Quota:
    """One allowance of a day with its history, for people and monitors. system: whose. name: CALLS or EVENTS."""

    system: str
    name: str
    day: Day
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True)
class Terms:
    """How an account's day is shared (SPEC 9.3). share: the part that may be used, by whomever, before Concord stops
    and leaves the rest to others. reserve: the part, at the end of that share, which is for consent alone; at most half
    of the share."""

    share: float = 1.0
    reserve: float = 0.0


@dataclass(frozen=True)
class Forecast:
    """How many will be used `then` (at the reset; where the day rolls, a day from now) if it goes on as in the last
    hour. an_hour: that rate; None while too little is known: then the forecast is what is used now."""

    used: int
    then: datetime
    an_hour: float | None

    def reaches(self, ceiling: int, day: Day, now: datetime) -> datetime | None:
        """When so many will be used; None: not before `then`."""
        if day.used >= ceiling:
            return now
        if self.an_hour is None or self.an_hour <= 0 or self.used < ceiling:
            return None
        return now + timedelta(hours=(ceiling - day.used) / self.an_hour)


@dataclass(frozen=True)
class Pacing:
    """How a lane may go on. ceiling: the usage of the day at which it stops. calls_a_minute: over all workers; None: as
    many as come; 0: none, because nothing is left for it."""

    ceiling: int
    calls_a_minute: float | None = None


@dataclass(frozen=True)
class Step:
    """When a lane slows. onset: the part of the ordinary calls that must be used before it does. margin: the part of
    them that the forecast must pass; the same part of what can be sustained is what the lane then gets, so that it
    stays slow for as long as its work alone would pass the margin. floor: calls a minute that it keeps while one is
    left."""

    onset: float
    margin: float
    floor: float


#: The policy, the first to slow first. All three rise with urgency: no lane ever gets less than one behind it.
STEPS: Final[Mapping[Lane, Step]] = {
    Lane.BACKFILL: Step(0.0, 0.8, 0.1),
    Lane.ACTIVITIES: Step(0.5, 0.85, 0.2),
    Lane.PEOPLE: Step(0.7, 0.9, 0.5),
    Lane.DEALS: Step(0.8, 0.95, 0.7),
    Lane.CONVERSION: Step(0.9, 1.0, 1.0),
}


def ordinary(most: int, terms: Terms) -> int:
    """How many of a day's calls may be used before all lanes but consent stop."""
    return max(0, floor(most * terms.share) - ceil(most * min(terms.reserve, terms.share / 2)))


def forecast(day: Day, samples: Sequence[Sample], now: datetime) -> Forecast:
    """Where the day will end, by the rate of the last hour: what is used now less what was used an hour ago, or at most
    two where nobody called for a while.

    Samples from before the last reset do not count. Where the day rolls, what comes back is in the rate already.
    """
    day = day.current(now)
    then = day.resets_at or now + ROLLING
    since = now - 2 * RECENT if day.resets_at is None else max(now - 2 * RECENT, then - ROLLING)
    known = sorted((sample for sample in samples if since <= sample.at <= now), key=lambda sample: sample.at)
    before = [sample for sample in known if sample.at <= now - RECENT]
    first = before[-1] if before else known[0] if known else None
    if first is None or now - first.at < ENOUGH:
        return Forecast(day.used, then, None)
    rate = (day.used - first.used) / ((now - first.at) / timedelta(hours=1))
    if day.resets_at is not None:
        rate = max(0.0, rate)  # nothing comes back before the reset: it was counted too high for a moment
    return Forecast(max(0, round(day.used + rate * ((then - now) / timedelta(hours=1)))), then, rate)


@dataclass(frozen=True)
class Outlook:
    """An allowance for people. bound: where all but opt-outs stop; runs_out_at: when that will be at the rate of the
    last hour; None: not before the forecast's end."""

    bound: int
    ahead: Forecast
    runs_out_at: datetime | None


def outlook(quota: Quota, terms: Terms, now: datetime) -> Outlook:
    """What becomes of an allowance. terms: those of calls; events are no calls, and none of them are kept."""
    day = quota.day.current(now)
    bound = ordinary(day.most, terms) if quota.name == CALLS else day.most
    ahead = forecast(day, quota.samples, now)
    return Outlook(bound, ahead, ahead.reaches(bound, day, now))


def pacing(day: Day, ahead: Forecast, terms: Terms, lane: Lane, now: datetime) -> Pacing:
    """How fast calls of this lane may go (SPEC 9.3).

    Consent goes on to the day's last call. All others stop together at `ordinary`. Before that, a lane is slowed when
    so much is used and the forecast is so high as its step says; what can be sustained is what is left until the
    reset, and where the day rolls, a day's calls spread over a day, but never all that is left within an hour.
    """
    day = day.current(now)
    if lane is Lane.CONSENT:
        return Pacing(day.most, None if day.used < day.most else 0.0)
    ceiling, step = ordinary(day.most, terms), STEPS[lane]
    room = ceiling - day.used
    if room <= 0:
        return Pacing(ceiling, 0.0)
    if day.used < step.onset * ceiling or ahead.used <= step.margin * ceiling:
        return Pacing(ceiling)
    minute = timedelta(minutes=1)
    if day.resets_at is not None:
        sustained = room / max(1.0, (day.resets_at - now) / minute)
    else:
        sustained = min(ceiling / (ROLLING / minute), room / (_LAST / minute))
    return Pacing(ceiling, max(step.floor, step.margin * sustained))
