"""The line's middle: from what was read to a plan for the whole batch. Calls the pure core; writes nothing.

The preview and the dry run stop here and print what this returned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from concord.core.mapping import ObjectPair
from concord.core.model import Known, Link, LinkState, Record, Review, Seen, Side
from concord.core.plan import (
    CloseStep,
    DuplicateStep,
    LinkStep,
    Plan,
    RecordPlan,
    RekeyStep,
    ReviewStep,
    Rule,
    WaitStep,
)
from concord.core.steps import plan_create, plan_linked
from concord.core.values import Ref, same
from concord.engine.claims import take_newcomers
from concord.engine.matching import KINDS, Found, find_partners, known_of, make_known, things_of, told_before
from concord.engine.reading import Batch, partners_of, read_refs
from concord.engine.scope import Scope
from concord.engine.unique import hold_taken
from concord.trace import traced

#: Rules that looked at the times of both sides: a better time could turn the verdict.
_TIMED = frozenset({Rule.NEWER, Rule.OWNER, Rule.LATEST, Rule.FIXED_ORDER})


@dataclass(frozen=True)
class Planned:
    """A batch's plan, with the records and links it was made on (by ref, and by position in `plan.records`). lost: what
    was known and is not there any more, so that it is nobody's match again. told: what was known of them before (see
    `matching.told_before`)."""

    plan: Plan
    records: Mapping[Ref, Record]
    links: tuple[Link | None, ...]
    lost: frozenset[Ref] = frozenset()
    told: Mapping[Ref, str] = field(default_factory=dict)


def without(planned: Planned, refs: Collection[Ref]) -> Planned:
    """The plan without what concerns these records: their rows are not answered, and come back."""
    kept = [
        (plan, link)
        for plan, link in zip(planned.plan.records, planned.links, strict=True)
        if plan.left not in refs and plan.right not in refs
    ]
    plan = replace(planned.plan, records=tuple(plan for plan, _ in kept))
    return replace(planned, plan=plan, links=tuple(link for _, link in kept))


@traced("plan")
async def plan_batch(scope: Scope, batch: Batch) -> Planned:
    """The plan for a batch: linked records merged field by field, the others matched, and created where nobody is."""
    made: list[tuple[RecordPlan, Link | None]] = []
    records, lost = dict(batch.records), {ref for ref in batch.gone if ref not in batch.links}
    lost |= {ref for ref, record in batch.records.items() if record.ref != ref}  # it is part of another one
    made += await _linked(scope, batch, records, lost)
    made += [(plan, None) for plan in _dead_ends(scope, batch)]
    for pair in scope.pairs:
        subjects = _subjects(scope, pair, batch)
        if subjects:
            made += await _unlinked(scope, pair, batch, subjects, records, lost)
    told = await told_before(scope, records.values())
    known: list[Known | Seen] = []
    for pair in scope.pairs:
        mine = {one.ref: one for one in records.values() if scope.pair_of(one.ref) is pair}
        known += await known_of(scope, pair, mine.values(), told)
    links = tuple(link for _, link in made)
    return Planned(Plan(tuple(plan for plan, _ in made), tuple(known)), records, links, frozenset(lost), told)


# --- linked records


async def _linked(
    scope: Scope, batch: Batch, records: dict[Ref, Record], lost: set[Ref]
) -> list[tuple[RecordPlan, Link | None]]:
    closed: list[tuple[RecordPlan, Link | None]] = []
    couples: list[tuple[Link, RecordPlan]] = []
    active = {link.id: link for link in batch.links.values() if link.state is LinkState.ACTIVE or link.id in batch.back}
    rivals = await _rivals(scope, batch, list(active.values()))
    for link in active.values():
        gone = next((side for side in Side if link.of(side) in batch.gone), None)
        if gone is not None:
            closed += await _lost(scope, link, gone, batch)
            lost.add(link.of(gone))
            continue
        if link.id in rivals:
            closed += _merged_away(scope, link, *rivals[link.id])
            lost |= {link.of(rivals[link.id][0])}
            continue
        moved = tuple(
            RekeyStep(link.id, side, link.of(side), records[link.of(side)].ref)
            for side in Side
            if records[link.of(side)].ref != link.of(side)
        )
        left, right = records[link.left], records[link.right]
        followed = replace(link, left=left.ref, right=right.ref) if moved else link
        steps = (_again(link),) if link.id in batch.back else moved
        couples.append((followed, RecordPlan(link.object_pair, left.ref, right.ref, steps)))
        records[left.ref], records[right.ref] = left, right
    plans = await merge_couples(scope, [link for link, _ in couples], records, batch.partners)
    merged: list[tuple[RecordPlan, Link | None]] = [
        (replace(plan, steps=moved.steps + plan.steps, link_id=_made(link.id, batch)), link)
        if moved.steps
        else (plan, link)
        for plan, (link, moved) in zip(plans, couples, strict=True)
    ]
    return closed + merged


def _again(link: Link) -> LinkStep:
    """The two of a closed link are there again: linked anew, on the bases of before, so that what was edited meanwhile
    is known for an edit (SPEC 4.6)."""
    return LinkStep(link.left, link.right, link.score, (*link.evidence, "both records are there again"))


def _made(link_id: int, batch: Batch) -> int | None:
    return None if link_id in batch.back else link_id


async def _rivals(scope: Scope, batch: Batch, links: Sequence[Link]) -> dict[int, tuple[Side, Link, Ref]]:
    """Links that give way because two records of one side were merged: the side, the link that stays, the survivor.

    Two people's partners are then one person's two records. A link that has the surviving record already stays; else
    the one whose record the survivor has most of, for a merge keeps the primary's values: so nothing is written over
    that nobody edited; else the preferred partner's (SPEC 4.4: a contact before a lead, then the most recently edited).
    """
    moved: dict[tuple[Side, Ref], list[Link]] = defaultdict(list)
    for link in links:
        for side in Side:
            record = batch.records.get(link.of(side))
            if record is not None and record.ref != link.of(side):
                moved[side, record.ref].append(link)
    standing = await scope.store.links([ref for _, ref in moved]) if moved else {}
    rivals: dict[int, tuple[Side, Link, Ref]] = {}
    for (side, ref), claimants in moved.items():
        holder = standing.get(ref)
        if holder is not None and holder.state is LinkState.ACTIVE and holder.of(side) == ref:
            keeper = holder
        else:
            keeper = min(claimants, key=lambda link: _preference(scope, batch, link, side))
        rivals |= {link.id: (side, keeper, ref) for link in claimants if link.id != keeper.id}
    return rivals


def _preference(scope: Scope, batch: Batch, link: Link, side: Side) -> tuple[int, int, float, int]:
    """Smallest for the link that stays."""
    pair = next(one for one in scope.pairs if one.name == link.object_pair)
    terms, survivor = scope.terms(pair, {}), batch.records[link.of(side)]
    left = batch.records.get(link.left)
    changed = 0
    for one in pair.fields_of(link.left.object):
        base, spec = link.bases.get(one.name), terms.specs(one, link.left.object).of(side)
        changed += base is not None and not same(survivor.value(one.api_name(side)), base.of(side), spec)
    edited = left.modified_at.timestamp() if left is not None else 0.0
    return changed, pair.left_objects.index(link.left.object), -edited, link.id


def _merged_away(
    scope: Scope, link: Link, side: Side, keeper: Link, survivor: Ref
) -> list[tuple[RecordPlan, Link | None]]:
    """The link of a record that was merged into another linked one: closed, its partner the keeper's duplicate."""
    old, partner = link.of(side), link.of(side.other)
    reason = f"{old} was merged into {survivor}, which is linked with {keeper.of(side.other)}"
    steps = (
        CloseStep(link.id, side, old, reason),
        DuplicateStep(partner, keeper.of(side.other), (reason,)),
    )
    return [(RecordPlan(link.object_pair, link.left, link.right, steps, link_id=link.id), link)]


async def _lost(scope: Scope, link: Link, side: Side, batch: Batch) -> list[tuple[RecordPlan, Link | None]]:
    """One of the two is gone: the link is closed, or a recorded duplicate takes over (SPEC 4.4, 4.6)."""
    gone, partner = link.of(side), link.of(side.other)
    reason = batch.gone[gone].reason
    close = RecordPlan(
        link.object_pair, link.left, link.right, (CloseStep(link.id, side, gone, reason),), link_id=link.id
    )
    heirs = (await scope.store.duplicates_of([gone])).get(gone, ())
    if not heirs:
        return [(close, link)]
    heir = heirs[0]
    left, right = (heir, partner) if side is Side.LEFT else (partner, heir)
    step = LinkStep(left, right, link.score, (*link.evidence, f"takes over from its duplicate {gone}, which is gone"))
    # What the partner's history holds up to now belongs to the old link: nothing of it was covered by the new one.
    read_at = batch.records[partner].read_at if partner in batch.records else None
    taken_over = RecordPlan(
        link.object_pair,
        left,
        right,
        (step,),
        left_read_at=None if side is Side.LEFT else read_at,
        right_read_at=read_at if side is Side.LEFT else None,
    )
    return [(close, link), (taken_over, None)]


async def merge_couples(
    scope: Scope, links: Sequence[Link], records: dict[Ref, Record], partners: Mapping[Ref, Ref]
) -> list[RecordPlan]:
    """The merge of each couple; decided again with Salesforce's field history where a better time could matter.

    A record that is read again for that takes its place in `records`: it is what the decision was made on.
    """
    pairs = {pair.name: pair for pair in scope.pairs}
    terms = {pair.name: scope.terms(pair, partners) for pair in scope.pairs}

    def merged(link: Link, left: Record) -> RecordPlan:
        return plan_linked(terms[link.object_pair], link, left, records[link.right])

    plans = [merged(link, records[link.left]) for link in links]
    better = await _field_histories(scope, pairs, plans)
    records |= better
    decided = [
        merged(link, better[link.left]) if link.left in better else plan
        for link, plan in zip(links, plans, strict=True)
    ]
    return await hold_taken(scope, decided)


async def _field_histories(
    scope: Scope, pairs: Mapping[str, ObjectPair], plans: Sequence[RecordPlan]
) -> Mapping[Ref, Record]:
    """The left records whose contested fields have a time of their own in Salesforce's field history (SPEC 3.3)."""
    wanted: dict[tuple[str, str], set[str]] = defaultdict(set)
    refs: dict[tuple[str, str], list[Ref]] = defaultdict(list)
    for plan in plans:
        if plan.left is None:
            continue
        contested = {
            verdict.field
            for verdict in plan.verdicts
            if verdict.rule in _TIMED and verdict.left_stamp is not None and not verdict.left_stamp.certain
        }
        if contested:
            key = (plan.object_pair, plan.left.object)
            fields = pairs[plan.object_pair].fields_of(plan.left.object)
            wanted[key] |= {pair.left for pair in fields if pair.name in contested}
            refs[key].append(plan.left)
    better: dict[Ref, Record] = {}
    for (pair_name, object_name), asked in refs.items():
        names = scope.fields(pairs[pair_name], Side.LEFT, object_name)
        answers = await scope.left.read(
            object_name, [ref.id for ref in asked], names, sorted(wanted[pair_name, object_name])
        )
        for ref, answer in zip(asked, answers, strict=True):
            if isinstance(answer, Record) and answer.histories and answer.ref == ref:
                better[ref] = answer
    return better


# --- records without a link


def _dead_ends(scope: Scope, batch: Batch) -> list[RecordPlan]:
    """Inbox rows about which nothing can be done: gone before they were linked, not synced, or closed."""
    plans = []
    for work in batch.works:
        link, pair = batch.links.get(work.ref), scope.pair_of(work.ref)
        if link is not None and (link.state is LinkState.ACTIVE or link.id in batch.back):
            continue
        if pair is not None and work.ref in batch.instead:
            active = batch.instead[work.ref]
            why = f"its link was closed when it went; {active} has taken its place"
            plans.append(_duplicate(scope, pair, work.ref, active, (why,)))
            continue
        if pair is None:
            reason = f"{work.ref.object} is not in the mapping"
        elif link is not None:
            reason = "its link was closed when the other record went; it is not made anew (SPEC 4.6)"
        elif work.ref in batch.gone:
            reason = f"it is gone: {batch.gone[work.ref].reason}"
        else:
            continue
        side = scope.side(work.ref)
        left, right = (work.ref, None) if side is Side.LEFT else (None, work.ref)
        plans.append(RecordPlan(pair.name if pair else "", left, right, (WaitStep(work.ref, reason),)))
    return plans


def _subjects(scope: Scope, pair: ObjectPair, batch: Batch) -> list[Record]:
    return [
        batch.records[work.ref]
        for work in batch.works
        if work.ref not in batch.links and work.ref in batch.records and scope.pair_of(work.ref) is pair
    ]


async def _unlinked(
    scope: Scope,
    pair: ObjectPair,
    batch: Batch,
    subjects: Sequence[Record],
    records: dict[Ref, Record],
    lost: set[Ref],
) -> list[tuple[RecordPlan, Link | None]]:
    if scope.claim is not None:
        found_by = KINDS[pair.kind].keys
        things = await things_of(scope, pair, subjects)
        await make_known(scope, pair, things, subjects)
        free = await take_newcomers(scope.claim, {ref: found_by(thing) for ref, thing in things.items()})
        subjects = [record for record in subjects if record.ref in free]
    found = await find_partners(scope, pair, batch, subjects)
    mine = {record.ref for record in subjects}
    records |= {record.ref: record for record in subjects}  # one that moved was read under its old ref
    made: list[tuple[RecordPlan, Link | None]] = [*await _new_links(scope, pair, found, mine, records, lost)]
    answered = {ref for plan, _ in made for ref in (plan.left, plan.right)}
    made += [(plan, None) for plan in _questions(pair, found, mine - answered)]
    answered |= {ref for plan, _ in made for ref in (plan.left, plan.right)}
    for duplicate in found.matching.duplicates:
        if duplicate.ref in mine - answered:
            made.append((_duplicate(scope, pair, duplicate.ref, duplicate.active, duplicate.evidence), None))
            answered.add(duplicate.ref)
    newcomers = [records[ref] for ref in sorted(mine - answered) if ref in set(found.matching.new)]
    terms = scope.terms(pair, batch.partners)
    creates = [plan_create(terms, record, scope.side(record.ref).other) for record in newcomers]
    return made + [(plan, None) for plan in await hold_taken(scope, creates)]


async def _new_links(
    scope: Scope, pair: ObjectPair, found: Found, mine: set[Ref], records: dict[Ref, Record], lost: set[Ref]
) -> list[tuple[RecordPlan, Link | None]]:
    pairings = [one for one in (*found.made, *found.matching.links) if one.left in mine or one.right in mine]
    if not pairings:
        return []
    refs = [ref for one in pairings for ref in (one.left, one.right)]
    fresh, gone = await read_refs(scope, refs, histories=True)
    # One that went or moved since it was indexed is no partner, and nobody's match again; this one is tried anew.
    lost |= {*gone, *(ref for ref, record in fresh.items() if record.ref != ref)}
    sound = [one for one in pairings if all(ref in fresh and fresh[ref].ref == ref for ref in (one.left, one.right))]
    records |= fresh
    links = [
        Link(0, pair.name, one.left, one.right, one.score, one.evidence, made=(one.left, one.right) in found.intents)
        for one in sound
    ]
    plans = await merge_couples(scope, links, records, await partners_of(scope, fresh.values()))
    made: list[tuple[RecordPlan, Link | None]] = []
    for link, plan in zip(links, plans, strict=True):
        intent = found.intents.get((link.left, link.right))
        step = LinkStep(link.left, link.right, link.score, link.evidence, intent)
        made.append((replace(plan, steps=(step, *plan.steps), link_id=None), link))
    return made


def _questions(pair: ObjectPair, found: Found, mine: set[Ref]) -> list[RecordPlan]:
    plans = []
    for one in found.matching.asks:
        if one.left in mine or one.right in mine:
            step = ReviewStep(Review(pair.name, one.left, one.right, one.score, one.evidence))
            plans.append(RecordPlan(pair.name, one.left, one.right, (step,)))
    return plans


def _duplicate(scope: Scope, pair: ObjectPair, ref: Ref, active: Ref, evidence: tuple[str, ...]) -> RecordPlan:
    left, right = (ref, None) if scope.side(ref) is Side.LEFT else (None, ref)
    return RecordPlan(pair.name, left, right, (DuplicateStep(ref, active, evidence),))


def known_with_duplicates(plan: Plan) -> tuple[Known | Seen, ...]:
    """What to keep of the records read, with who stands for whom (SPEC 4.4)."""
    active = {step.ref: step.active for step in plan.steps() if isinstance(step, DuplicateStep)}
    return tuple(
        replace(known, duplicate_of=active[known.ref]) if known.ref in active else known for known in plan.known
    )
