"""Duplicates inside one system, for a person: which there are and why, what merging them would leave, and the person's
word (SPEC 4.4, 4.7). The command line and the console call these.

Writes nothing to a record: an approved merge is carried out by the line (engine/merging.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from concord.core.assignment import Door, judge
from concord.core.duplicates import Kept, Member, Merge, newest_first, said_no, survivor_of, values_after
from concord.core.mapping import ObjectPair, SyncRule
from concord.core.model import Gone, Known, Lane, LinkState, Notice, Record, Review, Side
from concord.core.values import BLANK, ObjectSpec, Ref
from concord.engine.matching import KINDS
from concord.engine.reading import read_refs
from concord.engine.scope import Scope, identity_names
from concord.errors import ConfigError

APART: Final = "apart"


@dataclass(frozen=True)
class Beside:
    """A record that stands beside the active one of its system, how alike the two are, and why."""

    ref: Ref
    score: float
    evidence: tuple[str, ...]
    partner: Ref | None


@dataclass(frozen=True)
class Group:
    """Records of one system that are one person or company. partner: of the active one, on the other side. approved:
    the merge of some of them that a person has approved, and that is not carried out yet."""

    active: Ref
    partner: Ref | None
    others: tuple[Beside, ...]
    approved: Merge | None = None


@dataclass(frozen=True)
class Proposal:
    """What merging would leave, before anybody approves it.

    losers: in the order in which they are merged. reason: why this one survives. kept: the fields that change or lose
    something. no: consent fields, each with the record that said no, so that the survivor is opted out first.
    ends: links that end, because both their record and the survivor are linked: (the record, its partner).
    """

    object_pair: str
    survivor: Member
    losers: tuple[Member, ...]
    reason: str
    kept: tuple[Kept, ...]
    no: Mapping[str, Ref] = field(default_factory=dict)
    taken: Mapping[str, Ref] = field(default_factory=dict)

    @property
    def ends(self) -> tuple[tuple[Ref, Ref], ...]:
        """See above; where the survivor has no link, one of these goes on with it."""
        linked = tuple((one.ref, one.partner) for one in self.losers if one.partner is not None)
        return linked if self.survivor.partner is not None or len(linked) > 1 else ()


# --- which there are


async def groups(scope: Scope, limit: int = 50) -> list[Group]:
    """The duplicates that were found, with the evidence, so many groups at most."""
    found = await scope.store.duplicates(limit)
    refs = {ref for active, others in found.items() for ref in (active, *others)}
    known, partners = await scope.store.known(refs), await _partners(scope, refs)
    approved = {ref: one for one in await scope.store.standing_merges(refs) for ref in one.members}
    there = {active: [ref for ref in others if ref in known] for active, others in found.items() if active in known}
    return [
        Group(
            active,
            partners.get(active),
            tuple(await _beside(scope, known[active], [known[ref] for ref in others], partners)),
            next((approved[ref] for ref in (active, *others) if ref in approved), None),
        )
        for active, others in there.items()
    ]


async def _beside(scope: Scope, active: Known, others: Sequence[Known], partners: Mapping[Ref, Ref]) -> list[Beside]:
    """The evidence as of now: from what is known of them and of those who share a key with them, and no call."""
    pair = _pair(scope, active.ref)
    kind = KINDS[pair.kind]
    things = {one.ref: kind.back(one.ref, one.traits) for one in (active, *others)}
    keys = frozenset().union(*(kind.keys(thing) for thing in things.values()))
    near: dict[Side, list[Any]] = {}
    for side in Side:
        candidates = await scope.store.candidates(pair.name, keys, scope.system(side).name)
        near[side] = [kind.back(one.ref, one.traits) for one in candidates]
    made = []
    for one in others:
        score = kind.compare(things[active.ref], things[one.ref], near[Side.LEFT], near[Side.RIGHT])
        lines = score.lines
        if active.ref in partners and judge(score, scope.bounds) is not Door.SAME:
            lines = (*lines, f"found through {partners[active.ref]}, the partner of {active.ref}")
        made.append(Beside(one.ref, score.value, lines, partners.get(one.ref)))
    return made


async def _partners(scope: Scope, refs: Collection[Ref]) -> dict[Ref, Ref]:
    """The record of the other side that each of these is linked with, where it is."""
    partners: dict[Ref, Ref] = {}
    for ref, link in (await scope.store.links(list(refs))).items():
        if link.state is LinkState.ACTIVE and ref in (link.left, link.right):
            partners[ref] = link.of(scope.side(ref).other)
    return partners


async def group_of(scope: Scope, ref: Ref) -> list[Ref]:
    """This record and those of its object that stand beside it, or with it beside another. Raises ConfigError where
    there are none."""
    known = (await scope.store.known([ref])).get(ref)
    active = known.duplicate_of if known is not None and known.duplicate_of is not None else ref
    every = [active, *(await scope.store.duplicates_of([active])).get(active, ())]
    mine = [one for one in every if one.object == ref.object]
    if len(mine) > 1:
        return mine
    if len(every) > 1:
        others = ", ".join(str(one) for one in every if one != ref)
        raise ConfigError(
            f"{ref} and {others} are records of different objects, which cannot be merged; in Salesforce, convert the "
            "lead into the contact"
        )
    raise ConfigError(f"no duplicates of {ref} are known; name the records to merge: concord review merge ID ID")


async def named(scope: Scope, record_id: str) -> Ref:
    """The record with this id, or called SYSTEM:OBJECT:ID. Raises ConfigError for one that Concord does not know, or
    that two records have."""
    parts = record_id.split(":")
    if len(parts) == 3 and Ref(*parts) in await scope.store.known([Ref(*parts)]):
        return Ref(*parts)
    known = await scope.store.called(record_id)
    if not known:
        raise ConfigError(f"no record {record_id} is known to Concord; check the id")
    if len(known) > 1:
        raise ConfigError(
            f"{record_id} is the id of {' and of '.join(str(ref) for ref, _ in known)}; use SYSTEM:OBJECT:ID"
        )
    return known[0][0]


# --- what merging would leave


async def propose(
    scope: Scope, refs: Sequence[Ref], survivor: Ref | None = None, taken: Mapping[str, Ref] | None = None
) -> Proposal:
    """What merging these records, read now, would leave. survivor: the person's choice. taken: by the vendor's field
    name, the record whose value a person chose. Raises ConfigError where they cannot be merged; writes nothing."""
    members = await _members(scope, refs)
    pair, side = _pair(scope, members[0].ref), scope.side(members[0].ref)
    spec = scope.schemas[members[0].ref.object]
    await _not_apart(scope, [one.ref for one in members])
    if survivor is None:
        survivor, reason = survivor_of(members, spec)
    else:
        reason = "a person chose it"
        if survivor not in {one.ref for one in members}:
            raise ConfigError(
                f"{survivor} is none of the records to merge: {', '.join(str(one.ref) for one in members)}"
            )
    first = next(one for one in members if one.ref == survivor)
    by_ref = {one.ref: one for one in members if one.ref != survivor}
    losers = tuple(by_ref[record.ref] for record in newest_first(one.record for one in by_ref.values()))
    consents = consent_names(scope, side, first.ref.object)
    chosen = _checked(taken or {}, members, spec, consents)
    blank = [
        name for name, ref in chosen.items() if next(m for m in members if m.ref == ref).record.value(name) is BLANK
    ]
    if blank and (scope.system(side).merge_fills or any(chosen[name] != survivor for name in blank)):
        raise ConfigError(f"{chosen[blank[0]]} has nothing in {blank[0]}")
    kept = values_after(first.record, [one.record for one in losers], spec, chosen, consents)
    records = [one.record for one in members] + await partners_words(scope, pair, side, members)
    no = {} if not consents else said_no(records, consents)
    no = {name: ref for name, ref in no.items() if first.record.value(name) is not True}
    return Proposal(pair.name, first, losers, reason, kept, no, chosen)


async def _members(scope: Scope, refs: Sequence[Ref]) -> list[Member]:
    refs = list(dict.fromkeys(refs))
    if len(refs) < 2:
        raise ConfigError("a merge needs two records at least")
    if len({(one.system, one.object) for one in refs}) > 1:
        raise ConfigError(f"{refs[0]} and {refs[1]} are not records of one object of one system: they cannot be merged")
    records = await read_members(scope, refs)
    for ref, record in records.items():
        if isinstance(record, Gone):
            raise ConfigError(f"{ref} cannot be merged: {record.reason}")
        if record.ref != ref:
            raise ConfigError(f"{ref} has become {record.ref} already")
    partners = await _partners(scope, refs)
    active = await scope.store.duplicates_of(refs)
    return [
        Member(record, partners.get(ref), ref in active)
        for ref, record in records.items()
        if isinstance(record, Record)
    ]


async def read_members(scope: Scope, refs: Sequence[Ref]) -> dict[Ref, Record | Gone]:
    """These records of one object, read now, with every field that a merge is about."""
    pair, side = _pair(scope, refs[0]), scope.side(refs[0])
    spec = scope.schemas[refs[0].object]
    names = [name for name, one in spec.fields.items() if one.updatable]
    names += [*identity_names(pair.identity(side, refs[0].object)), *consent_names(scope, side, refs[0].object)]
    fields = list(dict.fromkeys(name for name in names if name in spec.fields))
    answers = await scope.system(side).read(refs[0].object, [one.id for one in refs], fields)
    return dict(zip(refs, answers, strict=True))


def consent_names(scope: Scope, side: Side, object_name: str) -> tuple[str, ...]:
    """The checkboxes of an object that say not to contact a person, mapped or not."""
    mapped = scope.consents(side).get(object_name, ())
    own = [name for name in scope.system(side).withdrawals if name in scope.schemas[object_name].fields]
    return tuple(dict.fromkeys((*mapped, *sorted(own))))


async def partners_words(scope: Scope, pair: ObjectPair, side: Side, members: Iterable[Member]) -> list[Record]:
    """What the partners of these say about consent, as records in the members' own terms: one that has not come over
    yet would be lost with its link."""
    partners = [one.partner for one in members if one.partner is not None]
    consents = [one for one in pair.fields if one.rule is SyncRule.MOST_RESTRICTIVE]
    if not partners or not consents:
        return []
    records, _ = await read_refs(scope, partners, histories=False)
    return [
        replace(record, values={one.api_name(side): record.value(one.api_name(side.other)) for one in consents})
        for record in records.values()
    ]


def _checked(
    taken: Mapping[str, Ref], members: Sequence[Member], spec: ObjectSpec, consents: Collection[str]
) -> dict[str, Ref]:
    """The person's choice of values. Raises ConfigError."""
    refs = {one.ref for one in members}
    for name, ref in taken.items():
        one = spec.fields.get(name)
        if one is None:
            raise ConfigError(f"{spec.name} has no field {name}")
        if name in consents:
            raise ConfigError(f"{name} is consent, and is no value to choose: if anybody said no, the survivor says no")
        if not one.updatable or one.unique:
            raise ConfigError(f"{name} cannot be chosen: it belongs to its record alone, or cannot be written")
        if ref not in refs:
            raise ConfigError(f"{ref} is none of the records to merge")
    return dict(taken)


async def _not_apart(scope: Scope, refs: Collection[Ref]) -> None:
    """Raises ConfigError where a person said that two of these are two, or that one is not another's partner."""
    partners = await _partners(scope, refs)
    inside = {*refs, *partners.values()}
    for review in await scope.store.reviews(list(refs)):
        if review.state == APART and review.left in inside and review.right in inside:
            raise ConfigError(
                f"a person said that {review.left} and {review.right} are two; take that back first: "
                f"concord review undo {review.left.id} {review.right.id}"
            )


def _pair(scope: Scope, ref: Ref) -> ObjectPair:
    pair = scope.pair_of(ref)
    if pair is None:
        raise ConfigError(f"{ref.object} is not in the mapping")
    return pair


# --- the person's word


async def approve(scope: Scope, proposal: Proposal, by: str) -> Merge:
    """A person says that these are to be merged, for good; the line does it: wake it, or drain. by: who says so. Raises
    ConfigError where one of them is part of another merge that is not over."""
    now = scope.clock.now()
    losers = tuple(one.ref for one in proposal.losers)
    merge = Merge(
        0, proposal.object_pair, proposal.survivor.ref, losers, proposal.reason, by, now, dict(proposal.taken)
    )
    number = await scope.store.approve_merge(merge, notices_about(scope, merge.members))
    if number is None:
        standing = {ref for one in await scope.store.standing_merges(merge.members) for ref in one.members}
        raise ConfigError(
            f"a merge of {', '.join(map(str, sorted(standing)))} is approved already; `concord errors` says what holds "
            "it up, `concord review undo ID ID` takes it back"
        )
    return replace(merge, id=number)


def notices_about(scope: Scope, refs: Iterable[Ref]) -> list[Notice]:
    """Have these looked at by the line."""
    now = scope.clock.now()
    return [Notice(ref, Lane.PEOPLE, now, "review") for ref in refs]


async def keep_apart(scope: Scope, one: Ref, other: Ref) -> None:
    """A person says that two records of one system are two: they are never proposed again, and neither is the other's
    partner. What follows the line does; wake it, or drain."""
    if one == other or one.system != other.system or _pair(scope, one) is not _pair(scope, other):
        raise ConfigError(f"{one} and {other} are not two records of one kind in one system")
    await _withdraw(scope, (one, other))
    partners = await _partners(scope, (one, other))
    left, right = sorted((one, other))
    name = _pair(scope, one).name
    reviews = [Review(name, left, right, 0.0, ("a person said that the two are two",), APART)]
    for mine, theirs in ((one, other), (other, one)):
        if theirs in partners:
            ends = (mine, partners[theirs]) if scope.side(mine) is Side.LEFT else (partners[theirs], mine)
            reviews.append(Review(name, *ends, 0.0, (_also(mine, theirs),), APART))
    await scope.store.decide(reviews, scope.clock.now())
    await scope.store.take_in(notices_about(scope, (one, other)))


def _also(mine: Ref, theirs: Ref) -> str:
    """Why a record is not the partner of one that it was kept apart from, either."""
    return f"a person said that {mine} and {theirs}, its partner, are two"


async def take_back(scope: Scope, one: Ref, other: Ref) -> str:
    """What a person said of two records of one system is not said any more: they are matched anew, or an approved merge
    of both that was not carried out is none. What was done, in words. Raises ConfigError when there was nothing."""
    withdrawn = await _withdraw(scope, (one, other))
    left, right = sorted((one, other))
    apart = await scope.store.forget_apart(left, right)
    if not withdrawn and not apart:
        raise ConfigError(
            f"nobody said anything of {one.id} and {other.id} that could be taken back; a merge cannot be"
        )
    for mine, theirs in ((one, other), (other, one)) if apart else ():
        for review in await scope.store.reviews([mine]):
            if review.state == APART and review.evidence == (_also(mine, theirs),):
                await scope.store.forget_apart(review.left, review.right)
    await scope.store.take_in(notices_about(scope, (one, other)))
    return "are not kept apart any more" if apart else "are not to be merged any more"


async def _withdraw(scope: Scope, refs: tuple[Ref, Ref]) -> bool:
    """Take back the approval of a merge of both; whether there was one."""
    found = [one for one in await scope.store.standing_merges(refs) if set(refs) <= set(one.members)]
    for one in found:
        dropped = replace(one, state="dropped", outcome="the approval was taken back")
        side = scope.side(one.survivor)
        await scope.store.end_merge(dropped, one.survivor, (), scope.clock.now(), left=side is Side.LEFT)
        await scope.store.take_in(notices_about(scope, one.members))
    return bool(found)
