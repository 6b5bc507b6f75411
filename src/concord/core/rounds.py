"""When two sets of rules chase each other through us, and what is held then (SPEC 3.7).

A workflow sets a field again whenever it is written, and another one, or our own rule, on the other side does the same:
each write of ours brings the next one about. What we wrote coming back to us is no such thing, for a base is what each
side showed. So what is counted are our own writes of one field of one link:

    a round    a write by which we answer what was done to our last write: something changed it there, and that is
               carried back, or replaced. A person who edits one side makes us write the other, again and again; nothing
               is done to what we write, so however many edits there are, there is no round among them.
    a chase    as many rounds as there may be within a while, and now a value is written where it was written before:
               the two go round in a circle. Or, where the values are always new, several times as many in several times
               that while: two people who both edit a field for some minutes are not that quick.

Pure: the writes are the ledger's, the stopping is engine/rounds.py's. A withdrawal of consent is never stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from concord.core import consent
from concord.core.breaker import without
from concord.core.mapping import ObjectPair, SyncRule
from concord.core.model import SIDES, Base, Failure, Refused, Side
from concord.core.plan import Outcome, RecordPlan, Rule, UpdateStep, Verdict
from concord.core.refusal import lasting
from concord.core.values import MISSING, Value
from concord.errors import Category

#: Where no value comes again: so many times the rounds, in so many times the while.
_NEW_VALUES: Final = 5
#: Replaces what was done on the side that is written, whatever the other side did.
_REPLACING: Final = frozenset({Outcome.PUT_BACK, Outcome.DECIDED})


@dataclass(frozen=True)
class Bound:
    """How often a field of a link is written in a chase: at most `writes` times within `within`. After `pause` a field
    that was stopped is let go by itself."""

    writes: int = 6
    within: timedelta = timedelta(minutes=10)
    pause: timedelta = timedelta(days=1)

    @property
    def memory(self) -> timedelta:
        """How far back writes count at all."""
        return self.within * _NEW_VALUES


@dataclass(frozen=True)
class Write:
    """A write of ours of one field of one link. side: where; value: what; over: what was shown there. replaces: whether
    that had been changed there since the two sides last agreed."""

    side: Side
    value: Value
    over: Value
    replaces: bool
    at: datetime

    @classmethod
    def of(cls, verdict: Verdict, at: datetime) -> Write | None:
        """The write that a verdict makes; None: it makes none. Of two, as after an edit that we covered, the one that
        is written over what lost."""
        sides = [side for side in SIDES if verdict.write(side) is not MISSING]
        if not sides:
            return None
        side = verdict.winner.other if len(sides) > 1 and verdict.winner is not None else sides[0]
        over = verdict.left if side is Side.LEFT else verdict.right
        return cls(side, verdict.write(side), over, verdict.outcome in _REPLACING, at)

    def repeats(self, other: Write) -> bool:
        """Whether the other one was the same already. Where a change is replaced it must be the same change: a field
        that is always one side's is given that side's value again and again, whatever a person tries there."""
        again = self.side is other.side and self.value == other.value
        return again and (not self.replaces or self.over == other.over)


@dataclass(frozen=True)
class Past:
    """What is known of a field of a link. writes: ours, oldest first. stopped_at: since when nothing is written because
    of a chase; None: it was never stopped, or let go since."""

    writes: tuple[Write, ...] = ()
    stopped_at: datetime | None = None


@dataclass(frozen=True)
class Chase:
    """A field that takes part in a chase. since: when it was stopped. new: that is now. free: it is consent that is
    withdrawn, which is written all the same."""

    field: str
    since: datetime
    new: bool
    free: bool


def answers(plan: RecordPlan, bases: Mapping[str, Base]) -> tuple[str, ...]:
    """The fields that a plan writes and of which the side that was last written to has changed: no other can be in a
    chase, and this is told by the bases of its link alone, so that nothing has to be looked up for the others."""
    updates = [step for step in plan.steps if isinstance(step, UpdateStep)]
    if not updates:
        return ()
    names = {write.field for step in updates for write in step.writes}
    return tuple(one.field for one in plan.verdicts if one.field in names and _answers(one, bases.get(one.field)))


def _answers(verdict: Verdict, base: Base | None) -> bool:
    if base is None or base.origin is None:
        return False  # the two came to agree by themselves: there is no write of ours to answer
    written = base.origin.side.other
    return (verdict.left if written is Side.LEFT else verdict.right) != base.of(written)


def judge(past: Past, write: Write, bound: Bound) -> datetime | None:
    """Since when this write is to be held as part of a chase; None: it is not."""
    stopped_at = past.stopped_at
    if stopped_at is not None and write.at < stopped_at + bound.pause:
        return stopped_at
    # What was written before a stop has been counted.
    earlier = [one for one in past.writes if stopped_at is None or one.at > stopped_at]
    rounds = [two for one, two in pairwise([*earlier, write]) if two.side is not one.side or two.replaces]
    if not rounds or rounds[-1] is not write:
        return None
    quick = sum(1 for one in rounds if one.at > write.at - bound.within)
    circle = quick >= bound.writes and any(write.repeats(one) for one in earlier)
    endless = sum(1 for one in rounds if one.at > write.at - bound.memory) >= bound.writes * _NEW_VALUES
    return write.at if circle or endless else None


def chases(
    plan: RecordPlan, pair: ObjectPair, past: Mapping[str, Past], bound: Bound, now: datetime
) -> tuple[Chase, ...]:
    """The fields of a plan that are in a chase. past: of `answers`, by field."""
    assert plan.left is not None  # only linked records are written again
    rules = {one.name: one.rule for one in pair.fields_of(plan.left.object)}
    found = []
    for verdict in plan.verdicts:
        write = Write.of(verdict, now) if verdict.field in past else None
        since = judge(past[verdict.field], write, bound) if write is not None else None
        if write is not None and since is not None:
            free = rules[verdict.field] is SyncRule.MOST_RESTRICTIVE and consent.withdrawn(write.value)
            found.append(Chase(verdict.field, since, since == now, free))
    return tuple(found)


def hold(
    plan: RecordPlan, held: Mapping[str, Chase], pair: ObjectPair, systems: Mapping[Side, str], bound: Bound
) -> RecordPlan:
    """The same plan without the writes of these fields; its rows then wait for a person, or for the pause to end.

    systems: the vendors' names of the sides.
    """
    told = {verdict.field: _told(verdict, held[verdict.field], systems) for verdict in plan.verdicts
            if verdict.field in held}  # fmt: skip
    verdicts = tuple(one.held(told[one.field], Rule.CHASE) if one.field in told else one for one in plan.verdicts)
    steps = tuple(rest for step in plan.steps if (rest := without(step, told)) is not None)
    failure = _failure(plan, told, pair, systems, bound)
    if plan.held is not None:
        failure = lasting([plan.held, failure]) or failure
    return replace(plan, steps=steps, verdicts=verdicts, held=failure)


def _told(verdict: Verdict, chase: Chase, systems: Mapping[Side, str]) -> str:
    """Why a field is held, without its values."""
    write = Write.of(verdict, chase.since)
    assert write is not None  # only a write can be part of a chase
    side = write.side if write.replaces else write.side.other
    stamp = verdict.left_stamp if side is Side.LEFT else verdict.right_stamp
    by = f" by {stamp.by}" if stamp is not None and stamp.by else ""
    since = f"{chase.since:%Y-%m-%d %H:%M} UTC"
    return f"stopped since {since}: whatever Concord writes is changed again each time, last in {systems[side]}{by}"


def _failure(
    plan: RecordPlan, told: Mapping[str, str], pair: ObjectPair, systems: Mapping[Side, str], bound: Bound
) -> Failure:
    assert plan.left is not None  # only linked records are written again
    named = [one for one in pair.fields_of(plan.left.object) if one.name in told]
    refused = tuple(
        Refused(step.ref.system, write.field, write.name, write.after, write.before)
        for step in plan.steps
        if isinstance(step, UpdateStep)
        for write in step.writes
        if write.field in told
    )
    what = "; ".join(f"{one.left} in {systems[Side.LEFT]} and {one.right} in {systems[Side.RIGHT]}" for one in named)
    return Failure(
        Category.CHASE,
        "; ".join(f"{name}: {reason}" for name, reason in told.items()),
        fields=tuple(name for one in named for name in (one.left, one.right)),
        advice=f"Find the workflow, flow or integration that sets {what} whenever it changes, and let only one of the "
        f"two decide; or map the field under a rule that writes one side only. It is tried again after "
        f"{_span(bound.pause)} by itself",
        system=refused[0].system,
        refused=refused,
    )


def _span(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:g} h" if hours >= 1 else f"{hours * 60:g} min"
