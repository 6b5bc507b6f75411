"""The line's intend and write: note creates, then send every step of a plan, and say what came of each.

Decides nothing about values: what to write is in the plan, what came of it is judged by core/settle.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from concord.core.mapping import ObjectPair
from concord.core.model import Change, Failure, Receipt, Record, Side
from concord.core.plan import CreateStep, FieldWrite, RecordPlan, UpdateStep
from concord.core.values import Ref
from concord.engine.scope import Scope


@dataclass(frozen=True)
class Written:
    """What came of one record's plan.

    shown: each side as it showed itself after the write. failures: for each side that refused. failed: names of our
    fields that were not written there. created: the new record.
    """

    shown: Mapping[Side, Record | None] = field(default_factory=dict)
    failures: Mapping[Side, Failure] = field(default_factory=dict)
    failed: Mapping[Side, frozenset[str]] = field(default_factory=dict)
    created: Ref | None = None


@dataclass(frozen=True)
class _Sent:
    """One step on its way: which plan it belongs to, what is still to be written, and what came of it so far."""

    plan: int
    side: Side
    step: UpdateStep | CreateStep
    writes: tuple[FieldWrite, ...]
    dropped: frozenset[str] = frozenset()
    complaint: Failure | None = None
    receipt: Receipt | None = None


async def intend(scope: Scope, plans: Sequence[RecordPlan]) -> None:
    """Note every create before it is sent, so that a crash leaves a trace to look for."""
    intents = [step.intent for plan in plans for step in plan.steps if isinstance(step, CreateStep)]
    if intents:
        await scope.store.intend(intents, scope.clock.now())


async def write(scope: Scope, plans: Sequence[RecordPlan]) -> list[Written]:
    """Send every update and create of these plans, both systems at once; one `Written` for each plan, in order."""
    sends = [
        _Sent(number, step.side, step, step.writes)
        for number, plan in enumerate(plans)
        for step in plan.steps
        if isinstance(step, UpdateStep | CreateStep)
    ]
    jobs = [
        _send(scope, side, kind, [one for one in sends if one.side is side and isinstance(one.step, kind)])
        for side in Side
        for kind in (UpdateStep, CreateStep)
    ]
    done: list[_Sent] = []
    for group in await asyncio.gather(*jobs):
        done += group
    return [_written(plan, [one for one in done if one.plan == number]) for number, plan in enumerate(plans)]


async def _send(scope: Scope, side: Side, kind: type[UpdateStep | CreateStep], sends: list[_Sent]) -> list[_Sent]:
    """Send one side's updates or creates; what is refused for a field it names is sent again without that field, so
    that one bad field holds up no other (SPEC 9.1)."""
    if not sends:
        return []
    finished: list[_Sent] = []
    waiting = sends
    while waiting:
        receipts = await _call(scope, side, kind, waiting)
        answered = [replace(one, receipt=receipt) for one, receipt in zip(waiting, receipts, strict=True)]
        waiting = []
        for one in answered:
            rest = _without_refused(scope, one)
            if rest is None:
                finished.append(one)
            else:
                waiting.append(rest)
    return finished


async def _call(
    scope: Scope, side: Side, kind: type[UpdateStep | CreateStep], sends: Sequence[_Sent]
) -> Sequence[Receipt]:
    system = scope.system(side)
    changes = [_change(one) for one in sends]
    objects = {change.ref.object for change in changes}
    show: dict[str, tuple[str, ...]] = {}
    histories: dict[str, tuple[str, ...]] = {}
    for object_name in objects:
        pair = _pair_with(scope, side, object_name)
        show[object_name] = scope.fields(pair, side, object_name)
        histories[object_name] = scope.tracked(pair, side, object_name) if side is Side.RIGHT else ()
    if kind is UpdateStep:
        return await system.update(changes, show, histories)
    return await system.create(changes, show, histories)


def _pair_with(scope: Scope, side: Side, object_name: str) -> ObjectPair:
    return next(
        pair
        for pair in scope.pairs
        if object_name in (pair.left_objects if side is Side.LEFT else (pair.right_object,))
    )


def _change(one: _Sent) -> Change:
    values = {write.name: write.after for write in one.writes}
    if isinstance(one.step, UpdateStep):
        return Change(one.step.ref, values, guard=one.step.guard)
    intent = one.step.intent
    return Change(Ref(intent.target_system, intent.target_object, ""), values, key=intent.key)


def _without_refused(scope: Scope, one: _Sent) -> _Sent | None:
    """The same send without the fields that were complained about; None when it is finished one way or the other."""
    failure = one.receipt.failure if one.receipt else None
    if failure is None or failure.transient or failure.moved or not failure.fields:
        return None
    if isinstance(one.step, CreateStep) and failure.holder is not None:
        return None  # made without the value that another record has, it would be a second one of the same person
    rest = tuple(write for write in one.writes if write.name not in failure.fields)
    required = isinstance(one.step, CreateStep) and any(
        scope.schemas[one.step.intent.target_object].fields[name].required
        for name in failure.fields
        if name in scope.schemas[one.step.intent.target_object].fields
    )
    if len(rest) == len(one.writes) or not rest or required:
        return None
    dropped = one.dropped | {write.field for write in one.writes if write not in rest}
    return replace(one, writes=rest, dropped=dropped, complaint=failure, receipt=None)


def _written(plan: RecordPlan, sends: Sequence[_Sent]) -> Written:
    shown: dict[Side, Record | None] = {}
    failures: dict[Side, Failure] = {}
    failed: dict[Side, frozenset[str]] = {}
    created = None
    for one in sends:
        assert one.receipt is not None  # every send is answered, by data or by an exception
        failure = one.receipt.failure or one.complaint
        if failure is not None:
            failures[one.side] = failure
            failed[one.side] = one.dropped
        if one.receipt.failure is not None:
            failed[one.side] = one.dropped | {write.field for write in one.writes}
            continue
        shown[one.side] = one.receipt.shown
        if isinstance(one.step, CreateStep):
            created = one.receipt.ref
    return Written(shown, failures, failed, created)
