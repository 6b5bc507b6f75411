"""Duplicates inside one system, and what is left when they are merged: who survives, and what it shows (SPEC 4.4, 4.7).

A proposal for a person, explained: nothing is merged by what is decided here. Pure; whether two records are duplicates
is said in core/assignment.py, and consent is never a matter of a survivor's values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from concord.core.consent import withdrawn
from concord.core.model import Record
from concord.core.values import BLANK, MISSING, FieldSpec, ObjectSpec, Ref, Value, is_blank, same


@dataclass(frozen=True)
class Merge:
    """A merge that a person approved. id: the store's; 0: not stored yet.

    survivor, losers: records of one object, as they were called then. taken: by the vendor's field name, the record
    whose value the survivor gets instead of its own. reason: why this one survives. approved_by: who said so.
    state: "approved", "done" or "dropped"; outcome: what came of it, in words without anybody's data.
    """

    id: int
    object_pair: str
    survivor: Ref
    losers: tuple[Ref, ...]
    reason: str
    approved_by: str
    approved_at: datetime
    taken: Mapping[str, Ref] = field(default_factory=dict)
    state: str = "approved"
    outcome: str = ""

    @property
    def carrier(self) -> Ref:
        """The record whose turn on the line is the merge's: one that is to go, so that a merge which is refused holds
        up nobody who stays."""
        return self.losers[0]

    @property
    def members(self) -> tuple[Ref, ...]:
        return (self.survivor, *self.losers)


@dataclass(frozen=True)
class Member:
    """One of the records to be merged. partner: the record of the other side that it is linked with. active: others
    are recorded as its duplicates (SPEC 4.4)."""

    record: Record
    partner: Ref | None = None
    active: bool = False

    @property
    def ref(self) -> Ref:
        return self.record.ref


def mergeable(spec: ObjectSpec) -> tuple[str, ...]:
    """The fields that a merge is about: what can be written. A unique value (an address in HubSpot, an external id)
    belongs to one record alone and is no value to choose."""
    return tuple(name for name, one in spec.fields.items() if one.updatable and not one.unique)


def survivor_of(members: Sequence[Member], spec: ObjectSpec) -> tuple[Ref, str]:
    """Who survives, and why, by the first of these that tells the best two apart: linked (what both sides agreed on
    goes on), standing for the others, saying most, edited last; then the lower id."""
    names = mergeable(spec)

    def said(one: Member) -> int:
        return sum(not is_blank(one.record.value(name), spec.fields[name]) for name in names if _read(one, name))

    ranked = sorted(
        members,
        key=lambda one: (
            one.partner is None,
            not one.active,
            -said(one),
            -one.record.modified_at.timestamp(),
            one.ref,
        ),
    )
    best, next_ = ranked[0], ranked[1]
    if (best.partner is None) != (next_.partner is None):
        return best.ref, f"it is linked with {best.partner}"
    if best.active != next_.active:
        return best.ref, "the others are recorded as its duplicates"
    if said(best) != said(next_):
        return best.ref, f"it says most: {said(best)} of its fields are filled, {said(next_)} of the next one's"
    if best.record.modified_at != next_.record.modified_at:
        return best.ref, "it was edited last"
    return best.ref, "nothing tells them apart, and it has the lower id"


def _read(one: Member, name: str) -> bool:
    return name in one.record.values


def newest_first(losers: Iterable[Record]) -> list[Record]:
    """In the order in which they fill the survivor's blanks, and are merged."""
    return sorted(losers, key=lambda one: (-one.modified_at.timestamp(), one.ref))


class Source(StrEnum):
    """How a field of the survivor comes to its value."""

    KEPT = "kept"  # its own
    FILLED = "filled"  # it was blank
    TAKEN = "taken"  # a person chose another's


@dataclass(frozen=True)
class Kept:
    """One field of the survivor after the merge: its value, whose it is, and the others' that go."""

    name: str
    value: Value
    of: Ref
    source: Source
    lost: tuple[tuple[Ref, Value], ...] = ()


def values_after(
    survivor: Record,
    losers: Sequence[Record],
    spec: ObjectSpec,
    taken: Mapping[str, Ref],
    apart_from: Collection[str] = (),
) -> tuple[Kept, ...]:
    """What the survivor shows afterwards, field by field: its own value, else the newest of the others', save where a
    person took another's, or left it blank by taking its own. Only fields that change or that lose something.
    apart_from: fields that are not asked about.

    Its own stands, however old: what a record was last edited at says nothing of when one of its fields was, and what
    the survivor shows is what its partner has agreed to. Parts of an address come from one record, or none does.
    """
    members = {one.ref for one in (survivor, *losers)}
    after: list[Kept] = []
    for name in mergeable(spec):
        if name in apart_from or name not in survivor.values:
            continue
        told = {one.ref: _value(one, name, spec.fields[name], members) for one in (survivor, *newest_first(losers))}
        of, source = _whose(survivor, newest_first(losers), spec, name, members)
        chosen = taken.get(name)
        if chosen == survivor.ref:
            of, source = survivor.ref, Source.KEPT
        elif chosen is not None and chosen != of and told.get(chosen, BLANK) is not BLANK:
            of, source = chosen, Source.TAKEN
        one = spec.fields[name]
        lost = [(ref, value) for ref, value in told.items() if value is not BLANK and not same(value, told[of], one)]
        if source is not Source.KEPT or lost:
            after.append(Kept(name, told[of], of, source, tuple(lost)))
    return tuple(after)


def _whose(
    survivor: Record, losers: Sequence[Record], spec: ObjectSpec, name: str, members: Collection[Ref]
) -> tuple[Ref, Source]:
    """Whose value of a field it is without anybody's word."""
    whole = spec.fields[name].part_of
    parts = [one for one in mergeable(spec) if spec.fields[one].part_of == whole] if whole else [name]

    def says(record: Record) -> bool:
        return any(_value(record, one, spec.fields[one], members) is not BLANK for one in parts)

    if says(survivor):
        return survivor.ref, Source.KEPT
    first = next((one for one in losers if says(one)), None)
    if first is None or _value(first, name, spec.fields[name], members) is BLANK:
        return survivor.ref, Source.KEPT
    return first.ref, Source.FILLED


def _value(record: Record, name: str, spec: FieldSpec, members: Collection[Ref]) -> Value:
    """What a record says in a field; what it says of the records that are merged with it is nothing to carry over."""
    value = record.value(name)
    nothing = value is MISSING or is_blank(value, spec) or (isinstance(value, Ref) and value in members)
    return BLANK if nothing else value


def said_no(records: Iterable[Record], names: Collection[str]) -> dict[str, Ref]:
    """By consent field, the first of these records that says not to contact the person."""
    found: dict[str, Ref] = {}
    for record in records:
        for name in names:
            if withdrawn(record.value(name)):
                found.setdefault(name, record.ref)
    return found
