"""The line's last step: judge what came of each plan and write it all down in one transaction.

Links, bases, reviews, what is known of each record, the ledger, and the closing of inbox rows: together or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from concord.core.model import Failure, Intent, Known, Link, LinkState, Record, Side, Work
from concord.core.plan import (
    CloseStep,
    CreateStep,
    Done,
    LinkStep,
    Outcome,
    RecordPlan,
    RekeyStep,
    ReviewStep,
    UpdateStep,
    Verdict,
)
from concord.core.settle import Settled, settle
from concord.core.values import Ref
from concord.engine.matching import known_of
from concord.engine.planning import Planned, known_with_duplicates
from concord.engine.reading import Batch
from concord.engine.scope import Scope
from concord.engine.writing import Written
from concord.errors import Category

#: Outcomes that change nothing and repeat at every look: not worth a line in the ledger.
_SILENT = frozenset({Outcome.UNCHANGED, Outcome.AGREED, Outcome.OFF})

_UNANSWERED = Failure(
    Category.CONFLICT, "its match moved while it was looked at; it is looked at again", transient=True, moved=True
)


async def record(scope: Scope, batch: Batch, planned: Planned, written: Sequence[Written]) -> list[Done]:
    """Write down what came of a batch; returns what was written down."""
    now = scope.clock.now()
    known = {one.ref: one for one in known_with_duplicates(planned.plan)}
    done: list[Done] = []
    open_works = {work.ref: work for work in batch.works}
    for plan, link, result in zip(planned.plan.records, planned.links, written, strict=True):
        refs = _refs(plan, batch)
        answers = tuple(open_works.pop(ref) for ref in refs if ref in open_works)
        one = _done(scope, plan, link, result, planned.records, answers, now)
        mine = tuple(known.pop(ref) for ref in (plan.left, plan.right) if ref is not None and ref in known)
        done.append(replace(one, known=_newest(mine, one.known)))
    if known and done:
        done[0] = replace(done[0], known=(*done[0].known, *known.values()))
    done += [
        Done("", (work,), failure=_UNANSWERED, retry_at=now + timedelta(seconds=1)) for work in open_works.values()
    ]
    await scope.store.record(done, now)
    if planned.lost:
        await scope.store.forget(planned.lost)
    return done


def _refs(plan: RecordPlan, batch: Batch) -> set[Ref]:
    """Every ref whose inbox row this plan answers, old ones of moved records included."""
    now = {ref for ref in (plan.left, plan.right) if ref is not None}
    old = {step.old for step in plan.steps if isinstance(step, RekeyStep)}
    asked = {ref for ref, record in batch.records.items() if record.ref in now}
    return now | old | asked


def _newest(read: Sequence[Known], shown: Sequence[Known]) -> tuple[Known, ...]:
    """What is known of each record: as shown after a write, where there was one; who stands for whom as decided."""
    kept = {one.ref: one for one in read}
    for one in shown:
        before = kept.get(one.ref)
        kept[one.ref] = replace(one, duplicate_of=before.duplicate_of if before else None)
    return tuple(kept.values())


def _done(
    scope: Scope,
    plan: RecordPlan,
    link: Link | None,
    result: Written,
    records: Mapping[Ref, Record],
    answers: tuple[Work, ...],
    now: datetime,
) -> Done:
    failure = _worst(result.failures)
    steps = plan.steps
    wrote = _wrote(plan, result)
    base = Done(
        object_pair=plan.object_pair,
        answers=answers,
        link_id=plan.link_id,
        left=plan.left,
        right=plan.right,
        verdicts=tuple(verdict for verdict in plan.verdicts if _worth_a_line(verdict)),
        wrote=wrote,
        reviews=tuple(step.review for step in steps if isinstance(step, ReviewStep)),
        close_link=next((step.reason for step in steps if isinstance(step, CloseStep)), None),
        rekey=tuple((step.side, step.new) for step in steps if isinstance(step, RekeyStep)),
        done_intents=_done_intents(plan, result),
        left_read_at=plan.left_read_at,
        right_read_at=plan.right_read_at,
        applied_at=now if wrote else None,
    )
    settled = _settled(scope, plan, link, result, records)
    base = _linked(base, plan, link, result, settled)
    base = replace(base, known=_shown(scope, plan, result, settled))
    if failure is not None:
        return _failed(scope, base, failure, answers, now)
    if settled.look_again:
        return replace(base, retry_at=now)
    return base


def _done_intents(plan: RecordPlan, result: Written) -> tuple[Intent, ...]:
    """Creates that were carried out, or that were refused for certain: neither leaves anything to look for."""
    done = []
    for step in plan.steps:
        failure = result.failures.get(step.side) if isinstance(step, CreateStep) else None
        if isinstance(step, CreateStep | LinkStep) and step.intent and not (failure and failure.unknown):
            done.append(step.intent)
    return tuple(done)


def _worth_a_line(verdict: Verdict) -> bool:
    return verdict.outcome not in _SILENT


def _wrote(plan: RecordPlan, result: Written) -> dict[str, tuple[str, ...]]:
    wrote: dict[str, tuple[str, ...]] = {}
    for step in plan.steps:
        if not isinstance(step, UpdateStep | CreateStep):
            continue
        ref = step.ref if isinstance(step, UpdateStep) else result.created
        if ref is None:
            continue
        for one in step.writes:
            if one.field not in result.failed.get(step.side, frozenset()):
                wrote[one.field] = (*wrote.get(one.field, ()), f"{ref} {one.name}")
    return wrote


def _settled(
    scope: Scope, plan: RecordPlan, link: Link | None, result: Written, records: Mapping[Ref, Record]
) -> Settled:
    create = next((step for step in plan.steps if isinstance(step, CreateStep)), None)
    if not plan.verdicts or (create is not None and result.created is None):
        return Settled({}, frozenset())
    pair = next(one for one in scope.pairs if one.name == plan.object_pair)
    read = {
        Side.LEFT: records.get(plan.left) if plan.left else None,
        Side.RIGHT: records.get(plan.right) if plan.right else None,
    }
    previous = link.bases if link is not None else {}
    return settle(scope.terms(pair, {}), plan, read, result.shown, result.failed, previous)


def _linked(done: Done, plan: RecordPlan, link: Link | None, result: Written, settled: Settled) -> Done:
    """The link that this plan makes or is about, with its bases."""
    step = next((one for one in plan.steps if isinstance(one, LinkStep)), None)
    if result.created is not None:
        create = next(one for one in plan.steps if isinstance(one, CreateStep))
        left, right = (create.source, result.created)
        if create.side is Side.LEFT:
            left, right = right, left
        evidence = (f"created from {create.source}",)
        made = Link(0, plan.object_pair, left, right, 100.0, evidence, LinkState.ACTIVE, settled.bases)
        return replace(done, left=left, right=right, new_link=made, bases=settled.bases)
    if step is not None:
        made = Link(
            0, plan.object_pair, step.left, step.right, step.score, step.evidence, LinkState.ACTIVE, settled.bases
        )
        return replace(done, new_link=made, bases=settled.bases)
    before = link.bases if link is not None else {}
    changed = {name: base for name, base in settled.bases.items() if before.get(name) != base}
    return replace(done, bases=changed or None)


def _shown(scope: Scope, plan: RecordPlan, result: Written, settled: Settled) -> tuple[Known, ...]:
    """What is known of the records written, with their new version: later notices about our own write say nothing new.
    Not so where the record shows something that was not decided on."""
    known = []
    pair = next((one for one in scope.pairs if one.name == plan.object_pair), None)
    for side, record in result.shown.items():
        if record is not None and pair is not None:
            one = known_of(scope, pair, record)
            known.append(replace(one, version=None) if side in settled.look_again else one)
    return tuple(known)


def _worst(failures: Mapping[Side, Failure]) -> Failure | None:
    """The failure that says when to come back: one that passes by itself before one that waits for a person."""
    passing = [one for one in failures.values() if one.transient or one.moved]
    return next(iter([*passing, *failures.values()]), None)


def _failed(scope: Scope, done: Done, failure: Failure, answers: Sequence[Work], now: datetime) -> Done:
    """Put the rows back for later, or leave them for a person."""
    if failure.moved:
        return replace(done, failure=None, retry_at=now + timedelta(seconds=failure.after or 0.0))
    attempt = max((work.attempts for work in answers), default=0) + 1
    wait = scope.backoff.wait(attempt, scope.share(), failure.after) if failure.transient else None
    if wait is None:
        return replace(done, failure=failure, dead=True)
    return replace(done, failure=failure, retry_at=now + timedelta(seconds=wait))
