"""The line's last step: judge what came of each plan and write it all down in one transaction.

Links, bases, reviews, what is known of each record, the ledger, and the closing of inbox rows: together or not at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from concord.core.model import Base, Failure, Intent, Known, Link, LinkState, Record, Seen, Side, Work
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
from concord.core.refusal import held_back, lasting
from concord.core.retry import next_try
from concord.core.settle import Settled, settle
from concord.core.steps import Terms
from concord.core.values import Ref
from concord.engine.following import follow
from concord.engine.matching import known_of
from concord.engine.planning import Planned, known_with_duplicates
from concord.engine.reading import Batch
from concord.engine.scope import Scope
from concord.engine.writing import Written
from concord.errors import Category
from concord.trace import traced

#: Outcomes that change nothing and repeat at every look: not worth a line in the ledger.
_SILENT = frozenset({Outcome.UNCHANGED, Outcome.AGREED, Outcome.OFF})

#: A system that shows a write late is not asked in a tight circle.
_AGAIN = timedelta(milliseconds=500)

_UNANSWERED = Failure(
    Category.CONFLICT, "its match moved while it was looked at; it is looked at again", transient=True, moved=True
)


@dataclass(frozen=True)
class _After:
    """What every plan of the batch is judged by. records: as the plans were made on; shown: what is to be known of each
    that was written; terms: by object pair."""

    scope: Scope
    records: Mapping[Ref, Record]
    shown: Mapping[Ref, Known | Seen]
    terms: Mapping[str, Terms]
    now: datetime


@traced("record")
async def record(
    scope: Scope,
    batch: Batch,
    planned: Planned,
    written: Sequence[Written],
    unmerged: Mapping[Ref, Failure] = MappingProxyType({}),
) -> list[Done]:
    """Write down what came of a batch; returns what was written down. unmerged: rows that wait for the sake of a merge
    (engine/merging.py), however it went for their records otherwise."""
    now = scope.clock.now()
    known = {one.ref: one for one in known_with_duplicates(planned.plan)}
    terms = {pair.name: scope.terms(pair, {}) for pair in scope.pairs}
    after = _After(scope, planned.records, await _as_shown(scope, planned, written), terms, now)
    done: list[Done] = []
    open_works = {work.ref: work for work in (scope.claim.works if scope.claim is not None else batch.works)}
    asked, led = _asked(batch), _led(batch)
    for plan, link, result in zip(planned.plan.records, planned.links, written, strict=True):
        refs = _refs(plan, asked) | led.get(plan.link_id, set())
        answers = tuple(open_works.pop(ref) for ref in refs if ref in open_works)
        mine = tuple(known.pop(ref) for ref in (plan.left, plan.right) if ref is not None and ref in known)
        done += _answers_of(_done(after, plan, link, result, mine, answers))
    if known and done:
        done[0] = replace(done[0], known=(*done[0].known, *known.values()))
    done += [
        Done("", (work,), failure=_UNANSWERED, retry_at=now + timedelta(seconds=1)) for work in open_works.values()
    ]
    done = [part for one in done for part in _unmerged(scope, one, unmerged, now)]
    await follow(scope, done)
    await scope.store.record(done, now)
    await follow(scope, done)
    if planned.lost:
        await scope.store.forget(planned.lost)
    return done


def _unmerged(scope: Scope, done: Done, unmerged: Mapping[Ref, Failure], now: datetime) -> list[Done]:
    """The same, but the rows whose merge failed wait for that."""
    held = [work for work in done.answers if work.ref in unmerged]
    if not held:
        return [done]
    rest = tuple(work for work in done.answers if work not in held)
    waiting = [_failed(scope, Done("", (work,)), unmerged[work.ref], (work,), now) for work in held]
    return [replace(done, answers=rest), *waiting]


def answered(batch: Batch, plans: Sequence[RecordPlan]) -> set[Ref]:
    """The records of the batch that these plans are about, by the refs of its rows."""
    asked, led = _asked(batch), _led(batch)
    return set().union(*(_refs(plan, asked) | led.get(plan.link_id, set()) for plan in plans))


def _asked(batch: Batch) -> Mapping[Ref, set[Ref]]:
    """For each record under which refs it was asked for: a merged one also under its old ones."""
    asked: dict[Ref, set[Ref]] = defaultdict(set)
    for ref, record in batch.records.items():
        asked[record.ref].add(ref)
    return asked


def _led(batch: Batch) -> Mapping[int | None, set[Ref]]:
    """For each link the refs of the batch that lead to it: also those that its records had before a merge, long ago."""
    led: dict[int | None, set[Ref]] = defaultdict(set)
    for ref, link in batch.links.items():
        led[link.id].add(ref)
    return led


def _refs(plan: RecordPlan, asked: Mapping[Ref, set[Ref]]) -> set[Ref]:
    """Every ref whose inbox row this plan answers, old ones of moved records included."""
    now = {ref for ref in (plan.left, plan.right) if ref is not None}
    old = {step.old for step in plan.steps if isinstance(step, RekeyStep)}
    return now.union(old, *(asked.get(ref, ()) for ref in now))


def _newest(read: Sequence[Known | Seen], shown: Sequence[Known | Seen]) -> tuple[Known | Seen, ...]:
    """What is known of each record: as shown after a write, where there was one; who stands for whom as decided."""
    kept = {one.ref: one for one in read}
    for one in shown:
        before = kept.get(one.ref)
        stands_for = before.duplicate_of if before else None
        kept[one.ref] = one if stands_for is None else replace(one, duplicate_of=stands_for)
    return tuple(kept.values())


def _done(
    after: _After,
    plan: RecordPlan,
    link: Link | None,
    result: Written,
    read: Sequence[Known | Seen],
    answers: tuple[Work, ...],
) -> Done:
    """What came of one plan. read: what is known of its records from before the write."""
    scope, now, steps = after.scope, after.now, plan.steps
    wrote, undecided = _wrote(plan, result), _undecided(result)
    settled = _settled(after, plan, link, result)
    left, right, made, bases = _linked(plan, link, result, settled)
    base = Done(
        object_pair=plan.object_pair,
        answers=answers,
        link_id=plan.link_id,
        left=left,
        right=right,
        new_link=made,
        bases=bases,
        verdicts=tuple(one for one in plan.verdicts if one.outcome not in _SILENT and one.field not in undecided),
        wrote=wrote,
        reviews=tuple(step.review for step in steps if isinstance(step, ReviewStep)),
        close_link=next((step.reason for step in steps if isinstance(step, CloseStep)), None),
        rekey=tuple((step.side, step.new) for step in steps if isinstance(step, RekeyStep)),
        done_intents=_done_intents(plan, result),
        left_read_at=plan.left_read_at,
        right_read_at=plan.right_read_at,
        known=_newest(read, _shown(result, settled, after.shown)),
        applied_at=now if wrote else None,
    )
    passing = next((one for one in result.failures.values() if next_try(scope.backoff, one, 1, 0.0) is not None), None)
    if passing is not None:
        return _failed(scope, base, passing, answers, now)
    # What waits for a person: what was refused, and what was not even sent. That one field; the rest was written.
    failure = lasting([*result.failures.values(), *_held_back(scope, plan)])
    if failure is not None and (result.failures or not settled.look_again):
        return _failed(scope, base, failure, answers, now)
    # A write that was not seen afterwards may have covered an edit: its own notice is not taken in, so look again here.
    if settled.look_again or any(record is None for record in result.shown.values()):
        return replace(base, retry_at=now + _AGAIN)
    if plan.held is not None:
        return replace(base, failure=plan.held, dead=True)
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


def _settled(after: _After, plan: RecordPlan, link: Link | None, result: Written) -> Settled:
    create = next((step for step in plan.steps if isinstance(step, CreateStep)), None)
    if not plan.verdicts or (create is not None and result.created is None):
        return Settled({}, frozenset())
    read = {
        Side.LEFT: after.records.get(plan.left) if plan.left else None,
        Side.RIGHT: after.records.get(plan.right) if plan.right else None,
    }
    previous = link.bases if link is not None else {}
    return settle(after.terms[plan.object_pair], plan, read, result.shown, result.failed, previous)


def _linked(
    plan: RecordPlan, link: Link | None, result: Written, settled: Settled
) -> tuple[Ref | None, Ref | None, Link | None, Mapping[str, Base] | None]:
    """The records that this plan is about, the link that it makes, and the bases that are new."""
    step = next((one for one in plan.steps if isinstance(one, LinkStep)), None)
    if result.created is not None:
        create = next(one for one in plan.steps if isinstance(one, CreateStep))
        left, right = create.source, result.created
        if create.side is Side.LEFT:
            left, right = right, left
        evidence = (f"created from {create.source}",)
        made = Link(0, plan.object_pair, left, right, 100.0, evidence, LinkState.ACTIVE, settled.bases)
        return left, right, made, settled.bases
    if step is not None:
        made = Link(
            0, plan.object_pair, step.left, step.right, step.score, step.evidence, LinkState.ACTIVE, settled.bases
        )
        return plan.left, plan.right, made, settled.bases
    before = link.bases if link is not None else {}
    # Nearly all are the very same, and to compare what they say is dear.
    changed = {
        name: base for name, base in settled.bases.items() if (old := before.get(name)) is not base and old != base
    }
    return plan.left, plan.right, None, changed or None


async def _as_shown(scope: Scope, planned: Planned, written: Sequence[Written]) -> dict[Ref, Known | Seen]:
    """What is to be known of every record that was written, as it showed itself afterwards."""
    known: dict[Ref, Known | Seen] = {}
    for pair in scope.pairs:
        records = [
            record
            for plan, result in zip(planned.plan.records, written, strict=True)
            if plan.object_pair == pair.name
            for record in result.shown.values()
            if record is not None
        ]
        known |= {one.ref: one for one in await known_of(scope, pair, records, planned.told)}
    return known


def _shown(result: Written, settled: Settled, shown: Mapping[Ref, Known | Seen]) -> tuple[Known | Seen, ...]:
    """The records written, with their new version: later notices about our own write say nothing new. Not so where the
    record shows something that was not decided on."""
    return tuple(
        replace(shown[record.ref], version=None) if side in settled.look_again else shown[record.ref]
        for side, record in result.shown.items()
        if record is not None
    )


def _held_back(scope: Scope, plan: RecordPlan) -> list[Failure]:
    """The values of a plan that fit nowhere on the other side, if there are any."""
    if not any(verdict.blocked for verdict in plan.verdicts):
        return []
    pair = next(one for one in scope.pairs if one.name == plan.object_pair)
    found = held_back(plan, scope.terms(pair, {}), {side: scope.system(side).name for side in Side})
    return [] if found is None else [found]


def _answers_of(done: Done) -> list[Done]:
    """The same, but where it waits for a person and answers the rows of both records, one of them waits: that of the
    record whose value was refused by the other. The other row is done."""
    failure = done.failure
    if not done.dead or len(done.answers) < 2 or failure is None:
        return [done]
    waits = next((work for work in done.answers if work.ref.system != failure.system), done.answers[0])
    rest = tuple(work for work in done.answers if work is not waits)
    return [replace(done, answers=(waits,)), Done("", rest)]


def _failed(scope: Scope, done: Done, failure: Failure, answers: Sequence[Work], now: datetime) -> Done:
    """Put the rows back for later, or leave them for a person."""
    attempt = max((work.tries(failure.category) for work in answers), default=0) + 1
    if failure.holder is not None and attempt == 1:
        # Somebody made the same one between our look and our write: the next look finds it. If not, a person has to.
        return replace(done, failure=failure, retry_at=now)
    wait = next_try(scope.backoff, failure, attempt, scope.share())
    if wait is None:
        return replace(done, failure=failure, dead=True)
    return replace(done, failure=failure, retry_at=now + timedelta(seconds=wait))
