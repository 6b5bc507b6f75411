"""What `concord doctor` finds out, as data: one check is a name, a state, words, and what to do (SPEC 10.1).

The judgements that need no vendor are here: quotas, clocks, rights to an object, what asking costs, and how late a
change is learned of. Asks nothing, and knows no vendor.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

#: A change has to be written within this after it was made (SPEC 6.5), an opt-out too (SPEC 7.1).
WITHIN: Final = timedelta(seconds=60)
#: From this difference of the clocks on an administrator is told; from the second on, signed calls count as stale.
CLOCK_WARNS: Final = timedelta(seconds=30)
CLOCK_FAILS: Final = timedelta(seconds=240)
#: Before so much of the day is over, what was used tells little of what will be.
EARLY: Final = 0.05
#: The share of a day's calls that asking alone may cost before an administrator is told.
COSTLY: Final = 0.5
_DAY: Final = timedelta(days=1)


class State(StrEnum):
    """How a check came out, the worst first.

    FAIL: something does not work, or will not. WARN: it works, and somebody should know this. UNKNOWN: it could not be
    found out, or there is no way to; the advice says what to look at by hand.
    """

    FAIL = "fail"
    WARN = "warn"
    UNKNOWN = "unknown"
    OK = "ok"


_ORDER: Final = tuple(State)


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    section: what it belongs to, for people. words: what was found. advice: what to do about it. tells_within: of a
    source of events that works, seconds in which it tells of a change. asked: False when something else has to work
    before it can be asked at all.
    """

    section: str
    name: str
    state: State
    words: str
    advice: str = ""
    tells_within: float | None = None
    asked: bool = True


@dataclass(frozen=True)
class Question:
    """One thing to find out about an account, by itself. ask: the checks that it comes to; may raise. otherwise: what
    it is when the system refuses to tell. by_hand: where a person finds the answer then."""

    section: str
    name: str
    ask: Callable[[], Awaitable[Sequence[Check]]]
    otherwise: State = State.UNKNOWN
    by_hand: str = ""


@dataclass(frozen=True)
class Use:
    """What is done with one object of a system: whether records are made, and whether they are written."""

    object: str
    creates: bool
    updates: bool


@dataclass(frozen=True)
class Rights:
    """What the integration user may do with an object."""

    reads: bool
    creates: bool
    updates: bool


@dataclass(frozen=True)
class Quota:
    """A day's allowance. share: how much of it may be used, by whomever, before Concord stops (SPEC 9.3). passed: the
    share of the day that is over; None: the count is of the last 24 hours, whenever that is."""

    used: int
    limit: int
    share: float = 1.0
    passed: float | None = None

    @property
    def forecast(self) -> float:
        """How much will have been used at the day's end, as it goes on now."""
        if self.passed is None or self.passed < EARLY:
            return float(self.used)
        return self.used / self.passed


def arranged(checks: Iterable[Check]) -> list[Check]:
    """Section by section in the order in which they first appear, the worst first within each."""
    found = list(checks)
    sections = list(dict.fromkeys(one.section for one in found))
    return sorted(found, key=lambda one: (sections.index(one.section), _ORDER.index(one.state)))


def worst(checks: Iterable[Check]) -> State:
    """The worst state; OK of none."""
    return min((one.state for one in checks), key=_ORDER.index, default=State.OK)


def not_asked(question: Question, because: str) -> Check:
    """The check of a question that there was no point in asking. because: the check that has to be mended first."""
    return Check(question.section, question.name, State.UNKNOWN, f"not asked, because of: {because}", asked=False)


def quota_check(section: str, name: str, quota: Quota, advice: str) -> Check:
    """How much of the day's allowance is gone, and whether it will last."""
    if quota.limit <= 0:
        return Check(section, name, State.UNKNOWN, "the account does not tell how many there are")
    allowed = quota.share * quota.limit
    told = f"{quota.used:,} of {quota.limit:,} used ({quota.used / quota.limit:.0%})"
    if quota.used >= quota.limit:
        return Check(section, name, State.FAIL, f"{told}: nothing is left", advice)
    if quota.used > allowed:
        return Check(section, name, State.FAIL, f"{told}; Concord stops at {quota.share:.0%}", advice)
    if quota.forecast > allowed:
        words = f"{told}; as it goes on, {quota.forecast / quota.limit:.0%} by the end of the day"
        return Check(section, name, State.WARN, f"{words}, and Concord stops at {quota.share:.0%}", advice)
    ahead = "" if quota.passed is None else f"; as it goes on, {quota.forecast / quota.limit:.0%} by the end of the day"
    return Check(section, name, State.OK, told + ahead)


def clock_check(section: str, ahead: timedelta) -> Check:
    """Whether this machine's clock and the system's agree. ahead: how far theirs is ahead of ours. Decisions correct
    for the difference (SPEC 3.2); signatures, which have a time limit, do not."""
    size, name = abs(ahead), "clock"
    seconds = f"{size.total_seconds():.0f} s"
    if size < CLOCK_WARNS:
        return Check(section, name, State.OK, "this machine's clock agrees with it")
    words = f"this machine's clock is {seconds} {'behind' if ahead > timedelta() else 'ahead of'} it"
    advice = "set this machine's clock, by NTP for example"
    if size < CLOCK_FAILS:
        return Check(section, name, State.WARN, f"{words}; conflicts are decided right all the same", advice)
    return Check(section, name, State.FAIL, f"{words}, so that signed calls count as stale", advice)


def rights_check(section: str, use: Use, rights: Rights, advice: str) -> Check:
    """Whether an object can be used as the mapping wants it."""
    name = f"object {use.object}"
    lacking = [
        verb
        for verb, wanted, has in (
            ("read", True, rights.reads),
            ("created", use.creates, rights.creates),
            ("written", use.updates, rights.updates),
        )
        if wanted and not has
    ]
    if lacking:
        return Check(section, name, State.FAIL, f"its records cannot be {' or '.join(lacking)}", advice)
    can = ["read", *(["created"] if use.creates else []), *(["written"] if use.updates else [])]
    return Check(section, name, State.OK, f"its records can be {', '.join(can)}, as the mapping wants")


def cost_check(section: str, calls: Mapping[timedelta, int], quota: Quota | None) -> Check:
    """What asking what changed costs in a day. calls: for each of the sweeps, how often it is made, and the calls that
    one took. quota: of the day; None where it is not known."""
    name = "asking"
    cost = round(sum(_DAY / every * count for every, count in calls.items()))
    told = f"asking what changed works, and costs about {cost:,} calls a day"
    if quota is None or quota.limit <= 0:
        return Check(section, name, State.OK, told)
    told += f", {cost / quota.limit:.0%} of {quota.limit:,}"
    advice = "lengthen sync.sweep for this system; where its events are followed it is asked less often by itself"
    if cost > quota.share * quota.limit:
        return Check(section, name, State.FAIL, f"{told}: more than Concord may use", advice)
    if cost > COSTLY * quota.share * quota.limit:
        return Check(section, name, State.WARN, told, advice)
    return Check(section, name, State.OK, told)


def expectation(
    section: str,
    checks: Iterable[Check],
    *,
    every: timedelta,
    consent_every: timedelta | None,
    beside: timedelta,
    lag: timedelta = timedelta(),
) -> list[Check]:
    """How late a change in a system is learned of, in words: by the sources of events that work, or by asking alone
    (SPEC 6.3, 6.5, 7.1).

    checks: of that system. every, consent_every: how often it is asked; None: no opt-out is mapped. beside: how often
    it is asked all the same where events are followed. lag: how late what is asked for shows up.
    """
    sources = {one.name: one.tells_within for one in checks if one.section == section and one.tells_within is not None}
    asked = every + lag
    if sources:
        quickest = min(sources, key=lambda name: sources[name])
        learned = timedelta(seconds=sources[quickest])
        words = (
            f"a change is learned of within about {_seconds(learned)} ({', '.join(sources)}); what an event misses, "
            f"within {_seconds(max(beside, every) + lag)}"
        )
    else:
        learned = asked
        words = f"no events: a change is learned of within about {_seconds(asked)}, by asking every {_seconds(every)}"
    found = [_judged(section, "how late", words, learned)]
    if consent_every is not None:
        # The net is what counts: an opt-out may not depend on an event that can be lost.
        said = min(consent_every + lag, asked)
        words = f"an opt-out is learned of within {_seconds(said)}, even if no event tells of it"
        found.append(_judged(section, "how late an opt-out", words, said))
    return found


def _judged(section: str, name: str, words: str, learned: timedelta) -> Check:
    if learned < WITHIN:
        return Check(section, name, State.OK, words)
    advice = "set up a source of events, or ask more often (sync.sweep)"
    return Check(section, name, State.WARN, f"{words}; a minute is the limit", advice)


def _seconds(span: timedelta) -> str:
    seconds = span.total_seconds()
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
