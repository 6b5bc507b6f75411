"""The line's last step: judge what came of each plan and write it all down in one transaction.

Links, bases, reviews, what is known of each record, the ledger, and the closing of inbox rows: together or not at all.
"""

from __future__ import annotations

from collections import defaultdict
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
)
from concord.core.settle import Settled, settle
from concord.core.values import Ref
from concord.engine.following import follow
from concord.engine.matching import known_of
from concord.engine.planning import Planned, known_with_duplicates
from concord.engine.reading import Batch
from concord.engine.scope import Scope
from concord.engine.writing import Written
from concord.errors import Category

#: Outcomes that change nothing and repeat at every look: not worth a line in the ledger.
_SILENT = frozenset({Outcome.UNCHANGED, Outcome.AGREED, Outcome.OFF})

#: A system that shows a write late is not asked in a tight circle.
_AGAIN = timedelta(milliseconds=500)

_UNANSWERED = Failure(
    Category.CONFLICT, "its match moved while it was looked at; it is looked at again", transient=True, moved=True
)


async def record(scope: Scope, batch: Batch, planned: Planned, written: Sequence[Written]) -> list[Done]:
    """Write down what came of a batch; returns what was written down."""
    now = scope.clock.now()
    known = {one.ref: one for one in known_with_duplicates(planned.plan)}
    shown = await _as_shown(scope, planned.plan.records, written)
    done: list[Done] = []
    open_works = {work.ref: work for work in batch.works}
    asked = _asked(batch)
    for plan, link, result in zip(planned.plan.records, planned.links, written, strict=True):
        refs = _refs(plan, asked)
        answers = tuple(open_works.pop(ref) for ref in refs if ref in open_works)
        one = _done(scope, plan, link, result, planned.records, shown, answers, now)
        mine = tuple(known.pop(ref) for ref in (plan.left, plan.right) if ref is not None and ref in known)
        done.append(replace(one, known=_newest(mine, one.known)))
    if known and done:
        done[0] = replace(done[0], known=(*done[0].known, *known.values()))
    done += [
        Done("", (work,), failure=_UNANSWERED, retry_at=now + timedelta(seconds=1)) for work in open_works.values()
    ]
    await follow(scope, done)
    await scope.store.record(done, now)
    await follow(scope, done)
    if planned.lost:
        await scope.store.forget(planned.lost)
    return done


def _asked(batch: Batch) -> Mapping[Ref, set[Ref]]:
    """For each record under which refs it was asked for: a merged one also under its old ones."""
    asked: dict[Ref, set[Ref]] = defaultdict(set)
    for ref, record in batch.records.items():
        asked[record.ref].add(ref)
    return asked


def _refs(plan: RecordPlan, asked: Mapping[Ref, set[Ref]]) -> set[Ref]:
    """Every ref whose inbox row this plan answers, old ones of moved records included."""
    now = {ref for ref in (plan.left, plan.right) if ref is not None}
    old = {step.old for step in plan.steps if isinstance(step, RekeyStep)}
    return now.union(old, *(asked.get(ref, ()) for ref in now))


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
    shown: Mapping[Ref, Known],
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
        verdicts=tuple(
            one for one in plan.verdicts if one.outcome not in _SILENT and one.field not in _undecided(result)
        ),
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
    base = replace(base, known=_shown(result, settled, shown))
    if failure is not None:
        return _failed(scope, base, failure, answers, now)
    # A write that was not seen afterwards may have covered an edit: its own notice is not taken in, so look again here.
    if settled.look_again or any(record is None for record in result.shown.values()):
        return replace(base, retry_at=now + _AGAIN)
    return base


def _done_intents(plan: RecordPlan, result: Written) -> tuple[Intent, ...]:
    """Creates that were carried out, or that were refused for certain: neither leaves anything to look for."""
    done = []
    for step in plan.steps:
        failure = result.failures.get(step.side) if isinstance(step, CreateStep) else None
        if isinstance(step, CreateStep | LinkStep) and step.intent and not (failure and failure.unknown):
            done.append(step.intent)
    return tuple(done)


def _undecided(result: Written) -> frozenset[str]:
    """Fields whose record moved on before the write: they are decided anew, and the ledger has that decision only."""
    moved = [side for side, failure in result.failures.items() if failure.moved]
    return frozenset(name for side in moved for name in result.failed.get(side, frozenset()))


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


async def _as_shown(scope: Scope, plans: Sequence[RecordPlan], written: Sequence[Written]) -> dict[Ref, Known]:
    """What is to be known of every record that was written, as it showed itself afterwards."""
    known: dict[Ref, Known] = {}
    for pair in scope.pairs:
        records = [
            record
            for plan, result in zip(plans, written, strict=True)
            if plan.object_pair == pair.name
            for record in result.shown.values()
            if record is not None
        ]
        known |= {one.ref: one for one in await known_of(scope, pair, records)}
    return known


def _shown(result: Written, settled: Settled, shown: Mapping[Ref, Known]) -> tuple[Known, ...]:
    """The records written, with their new version: later notices about our own write say nothing new. Not so where the
    record shows something that was not decided on."""
    return tuple(
        replace(shown[record.ref], version=None) if side in settled.look_again else shown[record.ref]
        for side, record in result.shown.items()
        if record is not None
    )


def _worst(failures: Mapping[Side, Failure]) -> Failure | None:
    """The failure that says when to come back: one that passes by itself before one that waits for a person."""
    passing = [one for one in failures.values() if one.transient or one.moved]
    return next(iter([*passing, *failures.values()]), None)


def _failed(scope: Scope, done: Done, failure: Failure, answers: Sequence[Work], now: datetime) -> Done:
    """Put the rows back for later, or leave them for a person."""
    if failure.moved:
        return replace(done, failure=None, retry_at=now + timedelta(seconds=failure.after or 0.0))
    attempt = max((work.attempts for work in answers), default=0) + 1
    if failure.holder is not None and attempt == 1:
        # Somebody made the same one between our look and our write: the next look finds it. If not, a person has to.
        return replace(done, failure=failure, retry_at=now)
    wait = scope.backoff.wait(attempt, scope.share(), failure.after) if failure.transient else None
    if wait is None:
        return replace(done, failure=failure, dead=True)
    return replace(done, failure=failure, retry_at=now + timedelta(seconds=wait))
