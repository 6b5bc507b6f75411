"""What came of a plan: the new bases, and whether a record has to be looked at again.

Pure. A base is what each side *showed*, so a system that lower-cases, trims, rounds or truncates what it was given
never looks changed (SPEC 3.7); and an edit that a person made after our write is not taken for the system's own doing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from concord.core.history import BEFORE_ANY, overwritten
from concord.core.mapping import FieldPair, ticked
from concord.core.model import SIDES, Base, Origin, Record, Side
from concord.core.plan import CreateStep, Outcome, RecordPlan, Verdict
from concord.core.steps import Terms
from concord.core.values import BLANK, MISSING, FieldSpec, Value, same


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
    mapped = terms.mapped(_left_object(plan))
    bases: dict[str, Base] = {}
    again: set[Side] = set()
    looked_at = [(side, read.get(side), after) for side, after in shown.items() if after is not None]
    for verdict in plan.verdicts:
        pair, specs = mapped[verdict.field]
        before = previous.get(verdict.field)
        if verdict.outcome is Outcome.UNCHANGED and before is not None and _still(pair, looked_at):
            bases[verdict.field] = before
            continue
        took_place = not any(verdict.field in failed.get(side, frozenset()) for side in SIDES)
        kept = took_place and (_agrees(verdict) or _stands_in(verdict))
        values: dict[Side, Value] = {}
        for side in SIDES:
            values[side], foreign = _taken(
                verdict, side, pair.api_name(side), specs.of(side), read.get(side), shown.get(side), kept
            )
            if foreign:
                again.add(side)
        if not kept:
            if before is not None:
                bases[verdict.field] = before
            continue
        base = _base(verdict, values, {side: _seen(read.get(side), pair.api_name(side)) for side in SIDES})
        bases[verdict.field] = base
        for side in SIDES:
            record = shown.get(side)
            if record is not None and overwritten(record, pair.api_name(side), base, side, specs.of(side)):
                again.add(side)
    return Settled(bases, frozenset(again))


def _still(pair: FieldPair, looked_at: Sequence[tuple[Side, Record | None, Record]]) -> bool:
    """Whether a field shows after the round exactly what it showed before, wherever it was looked at again."""
    for side, before, after in looked_at:
        name = pair.left if side is Side.LEFT else pair.right
        if before is None or after.values.get(name) != before.values.get(name):
            return False
    return True


def _left_object(plan: RecordPlan) -> str:
    """The left object whose fields the verdicts are about: of the record, or of the one to be made."""
    if plan.left is not None:
        return plan.left.object
    return next(step.intent.target_object for step in plan.steps if isinstance(step, CreateStep))


def _agrees(verdict: Verdict) -> bool:
    """Whether the verdict brought (or found) the sides in agreement, so that what they show is the new base."""
    return verdict.outcome in (Outcome.AGREED, Outcome.CARRIED, Outcome.PUT_BACK, Outcome.DECIDED)


def _stands_in(verdict: Verdict) -> bool:
    """Whether a default stands in a new record for a value that could not be carried. The base then says that the
    source had nothing: its value goes over as soon as it can, and the default, though younger, never goes back over it.
    """
    return verdict.outcome is Outcome.HELD and any(verdict.write(side) is not MISSING for side in SIDES)


def _taken(
    verdict: Verdict,
    side: Side,
    name: str,
    spec: FieldSpec,
    read: Record | None,
    shown: Record | None,
    kept: bool,
) -> tuple[Value, bool]:
    """What one side of a field is taken to show after the round, and whether it shows something that this round did
    not decide on."""
    written = verdict.write(side) if kept else MISSING
    expected: Value
    if written is not MISSING:
        expected = written
    elif kept and _stands_in(verdict):
        expected = BLANK
    elif read is not None:
        expected = read.value(name)  # not the verdict's: that may be an edit which we had covered
    else:
        expected = verdict.left if side is Side.LEFT else verdict.right
    now = MISSING if shown is None else shown.value(name)
    if shown is None or now is MISSING:
        return expected, False
    ours = written is not MISSING and _ours(shown, name)
    if ours or same(ticked(now, spec), ticked(expected, spec), spec):
        return now, False  # as asked, or as the system made of what we wrote
    return expected, True


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
