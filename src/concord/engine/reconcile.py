"""Reconciliation of two systems that ran apart (SPEC 4.8): read everything once, find who is who, show what would be
done, and then bring both to one base state by the same line as every other change.

`survey` and `preview` write nothing remote; `begin` stores links, reviews and duplicates and fills the inbox, and the
line does the rest. Stopped anywhere, it goes on from the inbox.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from concord.core.identity import Matching, Pairing
from concord.core.mapping import ObjectPair
from concord.core.model import Known, Lane, Link, LinkState, Notice, Record, Review, Side
from concord.core.plan import CreateStep, Done, Outcome, RecordPlan, UpdateStep, WaitStep
from concord.core.steps import plan_create
from concord.core.values import Ref
from concord.engine import sweep
from concord.engine.following import follow_all
from concord.engine.matching import KINDS, known_as, things_of, told_before
from concord.engine.planning import merge_couples
from concord.engine.reading import partners_of, read_refs
from concord.engine.scope import Scope

#: Told how far a piece of work is: what is being done, how many are done, how many there are (None: not known yet).
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class Census:
    """One object pair as it stands: how many on each side, who is who, and the records that have no match. closed:
    records whose partner was deleted; nobody is made anew for them."""

    pair: ObjectPair
    left_count: int
    right_count: int
    linked_before: int
    matching: Matching
    unmatched: Mapping[Ref, Record]
    closed: frozenset[Ref] = frozenset()


@dataclass
class Preview:
    """What the first run would do, counted; `samples` holds a few whole plans for a person's eye."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)  # (field, outcome)
    rules: Counter[str] = field(default_factory=Counter)  # of first-link decisions
    writes: Counter[str] = field(default_factory=Counter)  # by side
    creates: Counter[str] = field(default_factory=Counter)  # by "system object"
    waits: Counter[str] = field(default_factory=Counter)  # by reason
    samples: list[RecordPlan] = field(default_factory=list)


#: Under which name the store keeps when both systems were last read whole.
_SURVEYED = "surveyed"

_T = TypeVar("_T")


def chunks(things: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """The same things in order, in lists of at most `size`."""
    some: list[_T] = []
    for thing in things:
        some.append(thing)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some


async def survey(scope: Scope, progress: Progress) -> list[Census]:
    """Read both systems whole and find who is who. Stores what is known of each record; writes nothing remote."""
    await sweep.start(scope)
    censuses = [await _census(scope, pair, progress) for pair in scope.pairs]
    await scope.store.put_position(_SURVEYED, scope.clock.now().isoformat())
    return censuses


async def was_surveyed(scope: Scope) -> bool:
    """Whether both systems were read whole once, so that everyone in them is known."""
    return await scope.store.position(_SURVEYED) is not None


async def _census(scope: Scope, pair: ObjectPair, progress: Progress) -> Census:
    kind = KINDS[pair.kind]
    things: dict[Side, list[Any]] = {Side.LEFT: [], Side.RIGHT: []}
    records: dict[Ref, Record] = {}
    for side in Side:
        for object_name in pair.left_objects if side is Side.LEFT else (pair.right_object,):
            fields = scope.fields(pair, side, object_name)
            count = 0
            async for page in scope.system(side).scan(object_name, fields):
                met, before = await things_of(scope, pair, page), await told_before(scope, page)
                await _remember(scope, [known_as(scope, pair, met[record.ref], record, before) for record in page])
                things[side] += met.values()
                records |= {record.ref: record for record in page}
                count += len(page)
                progress(f"reading {scope.system(side).name} {object_name}", count, None)
    progress(f"matching {pair.name}", 0, len(records))
    links, closed = await _links(scope, list(records))
    reviews = await scope.store.reviews(list(records))
    apart = frozenset((one.left, one.right) for one in reviews if one.state == "apart")
    decided = {one.left: one.right for one in reviews if one.state == "linked"} | links  # the line links those
    both = decided | {right: left for left, right in decided.items()}
    matching = kind.match(things[Side.LEFT], things[Side.RIGHT], scope.bounds, apart, both)
    progress(f"matching {pair.name}", len(records), len(records))
    alone = closed & set(matching.new)
    unmatched = {ref: records[ref] for ref in matching.new if ref not in alone}
    return Census(pair, len(things[Side.LEFT]), len(things[Side.RIGHT]), len(links), matching, unmatched, alone)


async def _remember(scope: Scope, read: Sequence[Known]) -> None:
    """Keep what was read, without its version: nothing has been decided on this state yet, so the sweep's notice of it
    must not be taken for known. Who stands for whom stays as it was."""
    before = await scope.store.known([one.ref for one in read])
    await scope.store.put_known(
        [
            replace(one, version=None, duplicate_of=before[one.ref].duplicate_of if one.ref in before else None)
            for one in read
        ]
    )


async def _links(scope: Scope, refs: Sequence[Ref]) -> tuple[dict[Ref, Ref], frozenset[Ref]]:
    """Which of these are linked, left to right; and those whose link was closed when their partner went."""
    linked: dict[Ref, Ref] = {}
    closed: set[Ref] = set()
    for some in chunks(refs, 2000):
        for ref, link in (await scope.store.links(some)).items():
            if link.state is LinkState.ACTIVE:
                linked[link.left] = link.right
            else:
                closed.add(ref)
    return linked, frozenset(closed)


async def preview(scope: Scope, censuses: Sequence[Census], progress: Progress) -> Preview:
    """Every decision that the first run would make, by the same functions that make it, without making any."""
    seen = Preview()
    partners: dict[Ref, Ref] = {}
    for census in censuses:
        for one in census.matching.links:
            partners[one.left], partners[one.right] = one.right, one.left
    for census in censuses:
        async for plans in _merged(scope, census, partners, progress):
            for plan in plans:
                _count(seen, scope, plan)
        terms = scope.terms(census.pair, {**partners, **await partners_of(scope, census.unmatched.values())})
        for record in census.unmatched.values():
            _count(seen, scope, plan_create(terms, record, scope.side(record.ref).other))
    return seen


async def _merged(
    scope: Scope, census: Census, partners: Mapping[Ref, Ref], progress: Progress
) -> AsyncIterator[list[RecordPlan]]:
    done, total = 0, len(census.matching.links)
    for some in chunks(census.matching.links, scope.batch):
        refs = [ref for one in some for ref in (one.left, one.right)]
        records, _gone = await read_refs(scope, refs, histories=True)
        links = [_link(census.pair, one) for one in some if one.left in records and one.right in records]
        known = {**partners, **await partners_of(scope, records.values())}
        yield await merge_couples(scope, links, records, known)
        done += len(some)
        progress(f"planning {census.pair.name}", done, total)


def _link(pair: ObjectPair, one: Pairing) -> Link:
    return Link(0, pair.name, one.left, one.right, one.score, one.evidence)


def _count(seen: Preview, scope: Scope, plan: RecordPlan) -> None:
    for verdict in plan.verdicts:
        seen.outcomes[verdict.field, verdict.outcome] += 1
        if verdict.outcome is Outcome.DECIDED:
            seen.rules[verdict.rule] += 1
    for step in plan.steps:
        if isinstance(step, CreateStep):
            seen.creates[f"{step.intent.target_system} {step.intent.target_object}"] += 1
        elif isinstance(step, WaitStep):
            seen.waits[step.reason] += 1
        elif isinstance(step, UpdateStep):
            seen.writes[scope.system(step.side).name] += len(step.writes)
    if len(seen.samples) < 5 and any(verdict.outcome is Outcome.DECIDED for verdict in plan.verdicts):
        seen.samples.append(plan)


async def begin(scope: Scope, census: Census) -> int:
    """Put every record that has something to be done into the inbox, and store who is who; how many records.

    The inbox comes first: stopped in between, the line finds the same matches by itself.
    """
    now = scope.clock.now()
    matching, pair = census.matching, census.pair
    refs = [one.left for one in matching.links] + list(census.unmatched)
    for chunk in chunks(refs, 5000):
        await scope.store.take_in([Notice(ref, Lane.BACKFILL, now, "reconcile") for ref in chunk])
    done = [Done(pair.name, (), left=one.left, right=one.right, new_link=_link(pair, one)) for one in matching.links]
    done += [
        Done(pair.name, (), reviews=(Review(pair.name, one.left, one.right, one.score, one.evidence),))
        for one in matching.asks
    ]
    for some in chunks(done, 1000):
        # Before, so that a kill loses nothing, and after it, as the line does (engine/following.py).
        await follow_all(scope, some)
        await scope.store.record(some, now)
        await follow_all(scope, some)
    await _note_duplicates(scope, matching)
    return len(refs)


async def _note_duplicates(scope: Scope, matching: Matching) -> None:
    active = {one.ref: one.active for one in matching.duplicates}
    for some in chunks(active, 1000):
        known = await scope.store.known(some)
        await scope.store.put_known([replace(one, duplicate_of=active[ref]) for ref, one in known.items()])


async def bring_together(
    scope: Scope, censuses: Sequence[Census], progress: Progress, drain: Callable[[], Awaitable[int]]
) -> int:
    """`begin` and the line, object pair by object pair in the mapping's order, so that what others refer to comes
    first; returns how many records went down the line. drain: takes one batch and says how many rows it had."""
    total = 0
    for census in censuses:
        wanted = await begin(scope, census)
        handled = 0
        progress(f"bringing {census.pair.name} into agreement", 0, wanted)
        while (count := await drain()) > 0:
            handled += count
            progress(f"bringing {census.pair.name} into agreement", min(handled, wanted), wanted)
        total += handled
    return total
