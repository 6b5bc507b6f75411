"""What came of a plan: the new bases, and whether a record has to be looked at again.

Pure. A base is what each side *showed*, so a system that lower-cases, trims, rounds or truncates what it was given
never looks changed (SPEC 3.7); and an edit that a person made after our write is not taken for the system's own doing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from concord.core.history import BEFORE_ANY, overwritten
from concord.core.model import Base, Origin, Record, Side
from concord.core.plan import Outcome, RecordPlan, Verdict
from concord.core.steps import Terms
from concord.core.values import BLANK, MISSING, Nothing, Value, same


@dataclass(frozen=True)
class Settled:
    """bases: to store, by field. look_again: the sides whose record shows something that this round did not decide on,
    so that a fresh notice has to follow."""

    bases: Mapping[str, Base]
    look_again: frozenset[Side]


def settle(
    terms: Terms,
    plan: RecordPlan,
    read: Mapping[Side, Record | None],
    shown: Mapping[Side, Record | None],
    failed: Mapping[Side, frozenset[str]],
    previous: Mapping[str, Base],
) -> Settled:
    """Judge one record's plan by what the systems showed after it.

    read: what the decision was made on. shown: after the write; None where nothing was written there. failed: names of
    our fields whose write to that side did not take place.
    """
    left_object = _left_object(plan, shown)
    bases: dict[str, Base] = {}
    again: set[Side] = set()
    for verdict in plan.verdicts:
        pair = next(one for one in terms.pair.fields_of(left_object) if one.name == verdict.field)
        specs = terms.specs(pair, left_object)
        values: dict[Side, Value] = {}
        kept = _keeps(verdict) and not any(verdict.field in failed.get(side, frozenset()) for side in Side)
        for side in Side:
            name, spec, record = pair.api_name(side), specs.of(side), shown.get(side)
            expected = verdict.write(side)
            if expected is MISSING or not kept:
                expected = verdict.left if side is Side.LEFT else verdict.right
            values[side] = expected
            if record is None or record.value(name) is MISSING:
                continue
            now = record.value(name)
            if same(now, expected, spec) or (kept and verdict.write(side) is not MISSING and _ours(record, name)):
                values[side] = now  # as asked, or as the system made of what we wrote
            elif verdict.write(side) is not MISSING or not isinstance(expected, Nothing) or now is not BLANK:
                again.add(side)
        if kept and MISSING not in values.values():
            base = _base(verdict, values, {side: _seen(read.get(side), pair.api_name(side)) for side in Side})
            bases[verdict.field] = base
            for side in Side:
                record = shown.get(side)
                if record is not None and overwritten(record, pair.api_name(side), base, side, specs.of(side)):
                    again.add(side)
        elif verdict.field in previous:
            bases[verdict.field] = previous[verdict.field]
    return Settled(bases, frozenset(again))


def _left_object(plan: RecordPlan, shown: Mapping[Side, Record | None]) -> str:
    left = shown.get(Side.LEFT)
    if left is not None:
        return left.ref.object
    assert plan.left is not None  # nothing was made on the left, so the plan began with it
    return plan.left.object


def _keeps(verdict: Verdict) -> bool:
    """Whether the verdict brought (or found) the sides in agreement, so that what they show is the new base."""
    return verdict.outcome in (Outcome.AGREED, Outcome.CARRIED, Outcome.PUT_BACK, Outcome.DECIDED)


def _ours(record: Record, name: str) -> bool:
    """Whether what a field shows was made by our own write: its history's word, or else the record's."""
    history = record.histories.get(name)
    return history[0].ours if history else record.ours


def _seen(record: Record | None, name: str) -> datetime | None:
    if record is None or name not in record.histories:
        return None
    history = record.histories[name]
    return history[0].stamp.at if history else BEFORE_ANY


def _base(verdict: Verdict, values: Mapping[Side, Value], seen: Mapping[Side, datetime | None]) -> Base:
    stamp = {Side.LEFT: verdict.left_stamp, Side.RIGHT: verdict.right_stamp}
    return Base(
        left=values[Side.LEFT],
        right=values[Side.RIGHT],
        origin=Origin(verdict.winner, stamp[verdict.winner]) if verdict.winner is not None else None,
        left_seen=seen[Side.LEFT],
        right_seen=seen[Side.RIGHT],
    )
