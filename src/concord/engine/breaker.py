"""Between plan and intend: what would be part of a flood is counted, and held where it is too much (SPEC 9.4).

What is counted and when it is too much is core/breaker.py's to say, how much there was the store's. Only what is held
waits: the other fields of a record, and every other record, go on. Nothing is written here, and nothing uncounted is
written afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from concord.core.breaker import Kind, Mark, Weighed, follows, hold, marks, refuse, watched
from concord.core.mapping import ObjectPair
from concord.core.model import Lane
from concord.core.plan import LinkStep, RecordPlan
from concord.core.values import Ref
from concord.engine.planning import Planned
from concord.engine.reading import Batch
from concord.engine.scope import Scope

log = logging.getLogger("concord.breaker")

#: What the two vendors call the people who own records.
_USERS: Final = frozenset({"User", "owners"})


async def hold_back(scope: Scope, batch: Batch, planned: Planned) -> Planned:
    """The same plan, without what a breaker holds. What passes is counted in the store when this returns."""
    plans = planned.plan.records
    found = _marks(scope, batch, planned)
    every = [mark for mine in found for mark in mine]
    if not every:
        return planned
    weighed = await scope.store.weigh(every, scope.limits, scope.clock.now())
    if not weighed.stopped and not weighed.refused:
        return planned
    for gauge in sorted(weighed.stopped):
        log.warning("the breaker %s is open: what it counts waits for a person; see `concord breaker`", gauge.name)
    made = [_held(plan, mine, weighed) for plan, mine in zip(plans, found, strict=True)]
    going_on = _going_on(made, plans, found)
    made = [follows(plan, going_on[ref]) if (ref := _taken_over(plan, going_on)) else plan for plan in made]
    return replace(planned, plan=replace(planned.plan, records=tuple(made)), lost=planned.lost - going_on.keys())


def _marks(scope: Scope, batch: Batch, planned: Planned) -> list[tuple[Mark, ...]]:
    """What is counted, by plan."""
    if not scope.limits.by_kind:
        return [() for _ in planned.plan.records]
    looked_at = {plan.object_pair for plan in planned.plan.records if plan.steps}
    pairs = {pair.name: pair for pair in scope.pairs if pair.name in looked_at}
    kinds = {name: watched(pair, scope.limits, _users(scope, pair)) for name, pair in pairs.items()}
    lanes = {work.ref: work.lane for work in batch.works}
    return [
        marks(
            plan,
            pairs[plan.object_pair],
            kinds[plan.object_pair],
            scope.limits,
            planned.records,
            previewed=_previewed(plan, lanes),
        )
        if plan.steps and plan.object_pair in pairs
        else ()
        for plan in planned.plan.records
    ]


def _previewed(plan: RecordPlan, lanes: Mapping[Ref, Lane]) -> bool:
    """Whether a person has seen what this is part of before it was begun: only reconciliation uses that lane, and only
    for records of which nothing else was heard meanwhile."""
    mine = [lanes[ref] for ref in (plan.left, plan.right) if ref is not None and ref in lanes]
    return bool(mine) and min(mine) is Lane.BACKFILL


def _users(scope: Scope, pair: ObjectPair) -> Collection[str]:
    """Our names of the fields that point to a user."""
    found = set()
    for one in pair.fields:
        names = [(name, one.left) for name in pair.left_objects if one.applies_to(name)]
        for object_name, name in (*names, (pair.right_object, one.right)):
            spec = scope.schemas[object_name].fields.get(name)
            if spec is not None and _USERS.intersection(spec.references):
                found.add(one.name)
    return found


def _held(plan: RecordPlan, mine: Sequence[Mark], weighed: Weighed) -> RecordPlan:
    for mark in mine:
        if (mark.gauge, mark.ref) in weighed.refused:
            return refuse(plan, mark)
    stopped = [mark for mark in mine if mark.gauge in weighed.stopped]
    return hold(plan, stopped) if stopped else plan


def _going_on(
    made: Sequence[RecordPlan], plans: Sequence[RecordPlan], found: Sequence[Sequence[Mark]]
) -> dict[Ref, RecordPlan]:
    """Both ends of links whose end is held or refused, with the plan that says so: such a link is not free, so no
    duplicate takes over at it; and the record that is gone stays known, for it may come back."""
    going_on: dict[Ref, RecordPlan] = {}
    for plan, before, mine in zip(made, plans, found, strict=True):
        if plan is not before and any(mark.gauge.kind is Kind.DELETE for mark in mine):
            going_on |= {ref: plan for ref in (before.left, before.right) if ref is not None}
    return going_on


def _taken_over(plan: RecordPlan, going_on: Mapping[Ref, RecordPlan]) -> Ref | None:
    """An end of a link that goes on, which this plan would link anew."""
    ends = [ref for step in plan.steps if isinstance(step, LinkStep) for ref in (step.left, step.right)]
    return next((ref for ref in ends if ref in going_on), None)
