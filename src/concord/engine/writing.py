"""The line's intend and write: note creates, then send every step of a plan, and say what came of each.

Decides nothing about values: what to write is in the plan, what came of it is judged by core/settle.py.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from concord.core.mapping import ObjectPair
from concord.core.model import Change, Failure, Receipt, Record, Side
from concord.core.plan import CreateStep, FieldWrite, RecordPlan, UpdateStep
from concord.core.refusal import left_object_of, refused
from concord.core.retry import OF_A_RECORD
from concord.core.values import Ref
from concord.engine.scope import Scope
from concord.errors import Category, RemoteError, RemoteRefused
from concord.trace import traced


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


@traced("intend")
async def intend(scope: Scope, plans: Sequence[RecordPlan]) -> None:
    """Note every create before it is sent, so that a crash leaves a trace to look for."""
    intents = [step.intent for plan in plans for step in plan.steps if isinstance(step, CreateStep)]
    if intents:
        await scope.store.intend(intents, scope.clock.now())


@traced("write")
async def write(scope: Scope, plans: Sequence[RecordPlan]) -> list[Written]:
    """Send every update and create of these plans, both systems at once; one `Written` for each plan, in order."""
    sends = [
        _Sent(number, step.side, step, step.writes)
        for number, plan in enumerate(plans)
        for step in plan.steps
        if isinstance(step, UpdateStep | CreateStep)
    ]
    jobs: list[tuple[Side, type[UpdateStep | CreateStep], list[_Sent]]] = [
        (side, kind, mine)
        for side in Side
        for kind in (UpdateStep, CreateStep)
        if (mine := [one for one in sends if one.side is side and isinstance(one.step, kind)])
    ]
    results = await asyncio.gather(*(_send(scope, *job) for job in jobs), return_exceptions=True)
    done: list[_Sent] = []
    for (_, _, mine), result in zip(jobs, results, strict=True):
        if isinstance(result, RemoteError):
            done += _failing(mine, result)  # the other side's writes are done, and are to be written down
        elif isinstance(result, BaseException):
            raise result
        else:
            done += result
    errors = [result for result in results if isinstance(result, RemoteError)]
    if errors and len(errors) == len(jobs):
        raise errors[0]
    by_plan: dict[int, list[_Sent]] = defaultdict(list)
    for one in done:
        by_plan[one.plan].append(one)
    return [_written(scope, plan, by_plan[number]) for number, plan in enumerate(plans)]


def _failing(sends: Sequence[_Sent], error: RemoteError) -> list[_Sent]:
    failure = Failure.of(error)
    return [replace(one, receipt=Receipt(_change(one).ref, failure)) for one in sends]


async def _send(scope: Scope, side: Side, kind: type[UpdateStep | CreateStep], sends: list[_Sent]) -> list[_Sent]:
    """Send one side's updates or creates. What is refused for a field it names is sent again without that field, and
    what is refused as a whole for the sake of a record that is not named is sent again in parts, so that one bad field
    or record holds up no other (SPEC 9.1)."""
    finished: list[_Sent] = []
    waiting = [sends]
    left, good = 2 * len(sends).bit_length() + 2, False
    while waiting:
        group = waiting.pop()
        again: list[_Sent] = []
        blamed: list[_Sent] = []
        for one in await _answered(scope, side, kind, group):
            rest = _without_refused(scope, one)
            good = good or not _as_a_whole(one)
            if rest is not None:
                again.append(rest)
            else:
                (blamed if len(group) > 1 and _as_a_whole(one) else finished).append(one)
        left -= 1
        if blamed and left <= 0 and not good:
            finished += [*blamed, *(one for rest in waiting for one in rest)]
            break
        shuffled = sorted(blamed, key=lambda _: scope.share())
        half = len(shuffled) // 2
        waiting += [part for part in (again, shuffled[half:], shuffled[:half]) if part]
    # Where none gets through, in whatever company, that is no record's fault: it is waited out.
    return finished if good or len(sends) == 1 else [_waiting(one) for one in finished]


async def _answered(
    scope: Scope, side: Side, kind: type[UpdateStep | CreateStep], sends: Sequence[_Sent]
) -> list[_Sent]:
    """These sends with what came of each."""
    try:
        receipts = await _call(scope, side, kind, sends)
    except RemoteRefused as error:
        if error.category not in OF_A_RECORD:
            raise
        return _failing(sends, error)
    return [replace(one, receipt=receipt) for one, receipt in zip(sends, receipts, strict=True)]


def _as_a_whole(one: _Sent) -> bool:
    """Whether its call was refused as a whole for the sake of one of its records."""
    failure = one.receipt.failure if one.receipt else None
    return failure is not None and failure.whole and not failure.transient and failure.category in OF_A_RECORD


def _waiting(one: _Sent) -> _Sent:
    failure = (one.receipt.failure if one.receipt else None) or one.complaint
    assert failure is not None  # only what was refused comes here
    return replace(one, receipt=Receipt(_change(one).ref, replace(failure, transient=True)))


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
    if failure.whole and failure.category is not Category.MAPPING:
        return None  # the field is one record's, and which one is not told
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


def _written(scope: Scope, plan: RecordPlan, sends: Sequence[_Sent]) -> Written:
    shown: dict[Side, Record | None] = {}
    failures: dict[Side, Failure] = {}
    failed: dict[Side, frozenset[str]] = {}
    created = None
    for one in sends:
        assert one.receipt is not None  # every send is answered, by data or by an exception
        failure = one.receipt.failure or one.complaint
        if failure is not None:
            failed[one.side] = one.dropped
            if one.receipt.failure is not None:
                failed[one.side] |= {write.field for write in one.writes}
            failures[one.side] = _told(scope, plan, one, failure, failed[one.side])
        if one.receipt.failure is not None:
            continue
        shown[one.side] = one.receipt.shown
        if isinstance(one.step, CreateStep):
            created = one.receipt.ref
    return Written(shown, failures, failed, created)


def _told(scope: Scope, plan: RecordPlan, one: _Sent, failure: Failure, failed: frozenset[str]) -> Failure:
    """The failure with the values that were not written."""
    pair = next(pair for pair in scope.pairs if pair.name == plan.object_pair)
    writes = [write for write in one.step.writes if write.field in failed]
    return refused(failure, scope.system(one.side).name, writes, scope.terms(pair, {}), left_object_of(plan))
