"""From two records to a plan: a verdict for every field and the writes that follow from them.

Pure. What to link is decided in core/identity.py; what came of a plan is judged in core/settle.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from concord.core.consent import withdrawn
from concord.core.history import BEFORE_ANY, beneath, came_along, overwritten, stamp_of
from concord.core.mapping import FieldPair, ObjectPair, Specs, SyncRule, agree, specs_of, translate
from concord.core.merge import Question, Reading, decide, untouched
from concord.core.model import SIDES, Base, HistoryEntry, Intent, Link, Overwritten, Record, Side, Skew
from concord.core.plan import (
    Blocked,
    CreateStep,
    FieldWrite,
    Outcome,
    RecordPlan,
    Rule,
    Step,
    UpdateStep,
    Verdict,
    WaitStep,
)
from concord.core.values import BLANK, MISSING, TEXTUAL, ObjectSpec, Ref, Untranslatable, Value, is_blank


class Mapped(NamedTuple):
    """One field pair with the two schemas' word on it."""

    pair: FieldPair
    specs: Specs


@dataclass(frozen=True)
class Terms:
    """What every decision about an object pair rests on besides the records: mapping, schemas, clocks, known partners.

    schemas: by vendor object name. partners: for references, the linked record of the other side.
    """

    pair: ObjectPair
    schemas: Mapping[str, ObjectSpec]
    skew: Skew = field(default_factory=Skew)
    partners: Mapping[Ref, Ref] = field(default_factory=dict)

    def specs(self, pair: FieldPair, left_object: str) -> Specs:
        return self.mapped(left_object)[pair.name].specs

    def mapped(self, left_object: str) -> Mapping[str, Mapped]:
        """The field pairs that exist on a left object, by name and in order; found out once for all its records."""
        found = self._mapped.get(left_object)
        if found is None:
            left, right = self.schemas[left_object], self.schemas[self.pair.right_object]
            found = {one.name: Mapped(one, specs_of(one, left, right)) for one in self.pair.fields_of(left_object)}
            self._mapped[left_object] = found
        return found

    @cached_property
    def _mapped(self) -> dict[str, Mapping[str, Mapped]]:
        return {}


def plan_linked(terms: Terms, link: Link, left: Record, right: Record) -> RecordPlan:
    """The plan for two linked records: a verdict for each field, and at most one update of each side."""
    mapped, bases = terms.mapped(left.ref.object), link.bases
    verdicts = tuple([_verdict(terms, one, link, bases.get(one.pair.name), left, right) for one in mapped.values()])
    for side, record in ((Side.LEFT, left), (Side.RIGHT, right)):
        verdicts = _with_needs(mapped, verdicts, side, record)
    steps: list[Step] = []
    for side, record in ((Side.LEFT, left), (Side.RIGHT, right)):
        writes = _writes(mapped, verdicts, side, record)
        if writes:
            steps.append(UpdateStep(record.ref, side, writes, record.guard))
    return RecordPlan(
        object_pair=terms.pair.name,
        left=left.ref,
        right=right.ref,
        steps=tuple(steps),
        verdicts=verdicts,
        link_id=link.id,
        left_read_at=left.read_at,
        right_read_at=right.read_at,
    )


def _verdict(terms: Terms, one: Mapped, link: Link, base: Base | None, left: Record, right: Record) -> Verdict:
    if base is not None and not _covers(one, link, base, left, right):
        unchanged = untouched(one.pair, base, left, right)
        if unchanged is not None:
            return unchanged
    return decide(_question(terms, one, link, base, left, right))


def _covers(one: Mapped, link: Link, base: Base, left: Record, right: Record) -> bool:
    """Whether a write of ours covers an edit on either side (SPEC 3.8)."""
    pair, specs = one
    if left.histories and overwritten(left, pair.left, base, Side.LEFT, specs.left, link.left_read_at):
        return True
    covered = right.histories and overwritten(right, pair.right, base, Side.RIGHT, specs.right, link.right_read_at)
    return bool(covered) or (
        pair.rule is SyncRule.MOST_RESTRICTIVE
        and any(_unread(one, base, side, record) for side, record in ((Side.LEFT, left), (Side.RIGHT, right)))
    )


def _silenced(one: Mapped, side: Side, record: Record) -> HistoryEntry | None:
    """A withdrawal of consent that is gone from what a side shows without anybody's word."""
    gone = came_along(record, one.pair.api_name(side), one.specs.of(side))
    return gone if gone is not None and withdrawn(gone.value) else None


def _unread(one: Mapped, base: Base, side: Side, record: Record) -> Overwritten | None:
    """The same, where no decision has known of the withdrawal: it counts as if it had been read in time."""
    gone = _silenced(one, side, record)
    if gone is None or gone.stamp.at <= (base.seen(side) or BEFORE_ANY):
        return None
    return Overwritten(gone.value, gone.stamp)


def _question(terms: Terms, one: Mapped, link: Link, base: Base | None, left: Record, right: Record) -> Question:
    pair, specs = one
    base = _agreed_unrecorded(terms, one, link, base, left, right) or base

    def reading(record: Record, side: Side) -> Reading:
        name = pair.api_name(side)
        covered = overwritten(record, name, base, side, specs.of(side), link.read_at(side))
        history = record.histories.get(name)
        # At a first link our own write can only be one that was not recorded; after one it may belong to a link of old.
        ours = bool(history and history[0].ours) and (base is not None or link.read_at(side) is None)
        silent = False
        if pair.rule is SyncRule.MOST_RESTRICTIVE and base is not None:
            silent = _silenced(one, side, record) is not None
            covered = covered or _unread(one, base, side, record)
        return Reading(record.value(name), stamp_of(record, name), covered, ours, silent)

    return Question(
        pair=pair,
        specs=specs,
        left=reading(left, Side.LEFT),
        right=reading(right, Side.RIGHT),
        base=base,
        skew=terms.skew,
        partners=terms.partners,
    )


def _agreed_unrecorded(
    terms: Terms, one: Mapped, link: Link, base: Base | None, left: Record, right: Record
) -> Base | None:
    """What the two had agreed on by a write of ours of which a kill let nothing be recorded: one side still shows it,
    and the other has moved on from it. Then only that one has changed, and it is no conflict (SPEC 3.1, 3.8, 9.6)."""
    pair, specs = one
    for side in SIDES:
        record, other = (left, right) if side is Side.LEFT else (right, left)
        seen = base.seen(side) if base is not None else link.read_at(side)
        shown, known = other.value(pair.api_name(side.other)), base.seen(side.other) if base is not None else None
        for above, entry in beneath(record, pair.api_name(side), seen):
            # Whoever chose the same on the other side, later than this one had moved on, has edited too. A text that
            # stood here a moment ago is no choice: nobody types it anew just then, and somebody else's edit of another
            # field has only made the record look newer than it.
            stood = terms.skew.corrected(side.other, other.modified_at) <= terms.skew.corrected(side, above.stamp.at)
            typed = specs.of(side).type in TEXTUAL and not is_blank(shown, specs.of(side.other))
            brought = other.ours or link.made or (base is not None and (stood or typed))
            if not entry.ours and (pair.rule is SyncRule.MOST_RESTRICTIVE or not brought):
                continue
            values = (entry.value, shown) if side is Side.LEFT else (shown, entry.value)
            if agree(*values, pair, specs, terms.partners):
                times = (entry.stamp.at, known) if side is Side.LEFT else (known, entry.stamp.at)
                return Base(*values, None, *times)
    return None


def _with_needs(
    mapped: Mapping[str, Mapped], verdicts: tuple[Verdict, ...], side: Side, record: Record | None
) -> tuple[Verdict, ...]:
    """The same verdicts, where a write that needs another field of the record is held while that one is blank.

    record: None for one that is to be made.
    """
    writes = [one for one in verdicts if one.outcome is not Outcome.UNCHANGED and one.write(side) is not MISSING]
    needy = {one.field: needs for one in writes if (needs := mapped[one.field].specs.of(side).needs)}
    if not needy:
        return verdicts
    written = {mapped[one.field].pair.api_name(side): one.write(side) for one in writes}

    def lacks(name: str) -> bool:
        after = written.get(name, MISSING)
        if after is MISSING:
            after = record.value(name) if record is not None else BLANK
        return after is BLANK

    def checked(verdict: Verdict) -> Verdict:
        needs = needy.get(verdict.field)
        if needs is None or not lacks(needs):
            return verdict
        name = mapped[verdict.field].pair.api_name(side)
        return verdict.held(f"{name} belongs to {needs}, which is blank; it follows as soon as that is filled")

    return tuple(checked(verdict) for verdict in verdicts)


def _writes(
    mapped: Mapping[str, Mapped], verdicts: tuple[Verdict, ...], side: Side, record: Record | None
) -> tuple[FieldWrite, ...]:
    """What the verdicts write to one side. record: as it is; None for one that is to be made."""
    writes = []
    for verdict in verdicts:
        after = verdict.write(side)
        if after is not MISSING:
            name = mapped[verdict.field].pair.api_name(side)
            writes.append(FieldWrite(verdict.field, name, MISSING if record is None else record.value(name), after))
    return tuple(writes)


def plan_create(terms: Terms, source: Record, side: Side) -> RecordPlan:
    """The plan for making the partner of `source` on `side`, where the mapping allows it and nothing required lacks."""
    pair = terms.pair
    left_object = source.ref.object if side is Side.RIGHT else pair.create_left
    if left_object is None or (side is Side.RIGHT and not pair.create_right):
        reason = f"{pair.name} without a match are not created on the {side} side (configuration: create)"
        return _waits(pair, source, side, reason)
    target_object = pair.right_object if side is Side.RIGHT else left_object
    mapped = terms.mapped(left_object)
    verdicts = tuple(_created(terms, one.pair, left_object, source, side) for one in mapped.values())
    verdicts = _with_needs(mapped, verdicts, side, None)
    writes = _writes(mapped, verdicts, side, None)
    lacking = _lacking(terms.schemas[target_object], {write.name for write in writes})
    if lacking:
        reason = f"a new {target_object} requires {', '.join(lacking)}, and {source.ref} has nothing to put there"
        return _waits(pair, source, side, f"{reason}; fill the field, map it, or give it a default")
    key_field = pair.keys_right[source.ref.object] if side is Side.RIGHT else pair.key_left
    system = terms.schemas[target_object].system
    intent = Intent(source.ref, system, target_object, (key_field, source.ref.id))
    left, right = (source.ref, None) if side is Side.RIGHT else (None, source.ref)
    return RecordPlan(
        object_pair=pair.name,
        left=left,
        right=right,
        steps=(CreateStep(source.ref, side, intent, writes),),
        verdicts=verdicts,
        left_read_at=source.read_at if side is Side.RIGHT else None,
        right_read_at=source.read_at if side is Side.LEFT else None,
    )


def _waits(pair: ObjectPair, source: Record, side: Side, reason: str) -> RecordPlan:
    left, right = (source.ref, None) if side is Side.RIGHT else (None, source.ref)
    return RecordPlan(pair.name, left, right, (WaitStep(source.ref, reason),))


def _lacking(schema: ObjectSpec, given: set[str]) -> list[str]:
    return sorted(name for name, spec in schema.fields.items() if spec.required and name not in given)


def _created(terms: Terms, pair: FieldPair, left_object: str, source: Record, side: Side) -> Verdict:
    """The verdict on one field of a record to be made: filled from the source, from the default, or left out."""
    spec = terms.specs(pair, left_object).of(side)
    name = pair.api_name(side.other)
    value = source.value(name)
    outcome, rule, reason, filled = _filled(terms, pair, left_object, source, side)
    written = MISSING if isinstance(filled, Untranslatable) else filled
    if written in (BLANK, MISSING) and spec.required and spec.creatable and pair.rule is not SyncRule.OFF:
        written = pair.default(side)
        if written is not MISSING:
            reason = f"{reason}; {spec.name} requires a value, so its default is written"
    if pair.rule is SyncRule.MOST_RESTRICTIVE and written is not True:
        # Not saying "do not contact" is not the same as saying "contact": a create never opts anyone in (SPEC 7.2).
        written = MISSING
    from_left, stamp = side is Side.RIGHT, stamp_of(source, name)
    return Verdict(
        field=pair.name,
        outcome=outcome,
        rule=rule,
        reason=reason,
        left=value if from_left else BLANK,
        right=BLANK if from_left else value,
        base=None,
        write_left=MISSING if from_left or written is BLANK else written,
        write_right=MISSING if not from_left or written is BLANK else written,
        winner=side.other,
        first_link=True,
        left_stamp=stamp if from_left else None,
        right_stamp=None if from_left else stamp,
        blocked=Blocked(side, filled) if isinstance(filled, Untranslatable) else None,
    )


def _filled(
    terms: Terms, pair: FieldPair, left_object: str, source: Record, side: Side
) -> tuple[Outcome, Rule, str, Value | Untranslatable]:
    """What the source has for one field of a record to be made on `side`: outcome, rule, reason, and the value, or why
    it cannot go over."""
    specs, name = terms.specs(pair, left_object), pair.api_name(side.other)
    value = source.value(name)
    if pair.rule is SyncRule.OFF:
        return Outcome.OFF, Rule.RULE_OFF, f"{pair.name} is kept in the mapping but off", MISSING
    if value is MISSING:
        return Outcome.HELD, Rule.NOT_READ, f"{side.other} does not show {name}", MISSING
    carried = translate(value, pair, specs, side.other, terms.partners)
    if isinstance(carried, Untranslatable):
        return Outcome.HELD, Rule.CANNOT_CARRY, f"{carried.problem}; {carried.advice}", carried
    if carried is BLANK:
        return Outcome.AGREED, Rule.SAME_CHANGE, f"{side.other} is blank, so there is nothing to fill in", BLANK
    if pair.rule is SyncRule.MOST_RESTRICTIVE and carried is not True:
        return Outcome.AGREED, Rule.MOST_RESTRICTIVE, "a new record says nothing until someone withdraws", carried
    if not specs.of(side).creatable:
        reason = f"{specs.of(side).name} cannot be set when a record is made"
        return Outcome.HELD, Rule.CANNOT_WRITE, reason, MISSING
    return Outcome.CARRIED, Rule.FILL_BLANK, f"a new record, filled from {side.other}", carried
