"""From two records to a plan: a verdict for every field and the writes that follow from them.

Pure. What to link is decided in core/identity.py; what came of a plan is judged in core/settle.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from concord.core.history import overwritten, stamp_of
from concord.core.mapping import FieldPair, ObjectPair, Specs, SyncRule, specs_of, translate
from concord.core.merge import Question, Reading, decide
from concord.core.model import Intent, Link, Record, Side, Skew
from concord.core.plan import CreateStep, FieldWrite, Outcome, RecordPlan, Rule, Step, UpdateStep, Verdict, WaitStep
from concord.core.values import BLANK, MISSING, ObjectSpec, Ref, Untranslatable, Value


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
        return specs_of(pair, self.schemas[left_object], self.schemas[self.pair.right_object])


def plan_linked(terms: Terms, link: Link, left: Record, right: Record) -> RecordPlan:
    """The plan for two linked records: a verdict for each field, and at most one update of each side."""
    verdicts = tuple(
        decide(_question(terms, pair, link, left, right)) for pair in terms.pair.fields_of(left.ref.object)
    )
    for side, record in ((Side.LEFT, left), (Side.RIGHT, right)):
        verdicts = _with_needs(terms, left.ref.object, verdicts, side, record)
    steps: list[Step] = []
    for side, record in ((Side.LEFT, left), (Side.RIGHT, right)):
        writes = tuple(_writes(terms.pair, left.ref.object, verdicts, side, record))
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


def _question(terms: Terms, pair: FieldPair, link: Link, left: Record, right: Record) -> Question:
    specs = terms.specs(pair, left.ref.object)
    base = link.bases.get(pair.name)

    def reading(record: Record, side: Side) -> Reading:
        name = pair.api_name(side)
        covered = overwritten(record, name, base, side, specs.of(side), link.read_at(side))
        history = record.histories.get(name)
        # At a first link our own write can only be one that was not recorded; after one it may belong to a link of old.
        ours = bool(history and history[0].ours) and (base is not None or link.read_at(side) is None)
        return Reading(record.value(name), stamp_of(record, name), covered, ours)

    return Question(
        pair=pair,
        specs=specs,
        left=reading(left, Side.LEFT),
        right=reading(right, Side.RIGHT),
        base=base,
        skew=terms.skew,
        partners=terms.partners,
    )


def _with_needs(
    terms: Terms, left_object: str, verdicts: tuple[Verdict, ...], side: Side, record: Record | None
) -> tuple[Verdict, ...]:
    """The same verdicts, where a write that needs another field of the record is held while that one is blank.

    record: None for one that is to be made.
    """
    pairs = terms.pair.fields_of(left_object)
    written = {one.api_name(side): verdict.write(side) for one, verdict in zip(pairs, verdicts, strict=True)}

    def lacks(name: str) -> bool:
        after = written.get(name, MISSING)
        if after is MISSING:
            after = record.value(name) if record is not None else BLANK
        return after is BLANK

    checked = []
    for one, verdict in zip(pairs, verdicts, strict=True):
        needs = terms.specs(one, left_object).of(side).needs
        if needs and verdict.write(side) is not MISSING and lacks(needs):
            reason = f"{one.api_name(side)} belongs to {needs}, which is blank; it follows as soon as that is filled"
            checked.append(verdict.held(reason))
        else:
            checked.append(verdict)
    return tuple(checked)


def _writes(
    pair: ObjectPair, left_object: str, verdicts: tuple[Verdict, ...], side: Side, record: Record
) -> list[FieldWrite]:
    names = {one.name: one.api_name(side) for one in pair.fields_of(left_object)}
    return [
        FieldWrite(verdict.field, names[verdict.field], record.value(names[verdict.field]), verdict.write(side))
        for verdict in verdicts
        if verdict.write(side) is not MISSING
    ]


def plan_create(terms: Terms, source: Record, side: Side) -> RecordPlan:
    """The plan for making the partner of `source` on `side`, where the mapping allows it and nothing required lacks."""
    pair = terms.pair
    left_object = source.ref.object if side is Side.RIGHT else pair.create_left
    if left_object is None or (side is Side.RIGHT and not pair.create_right):
        reason = f"{pair.name} without a match are not created on the {side} side (configuration: create)"
        return _waits(pair, source, side, reason)
    target_object = pair.right_object if side is Side.RIGHT else left_object
    verdicts = tuple(_created(terms, one, left_object, source, side) for one in pair.fields_of(left_object))
    verdicts = _with_needs(terms, left_object, verdicts, side, None)
    writes = tuple(
        FieldWrite(one.name, one.api_name(side), MISSING, verdict.write(side))
        for one, verdict in zip(pair.fields_of(left_object), verdicts, strict=True)
        if verdict.write(side) is not MISSING
    )
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
    outcome, rule, reason, written = _filled(terms, pair, left_object, source, side)
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
    )


def _filled(
    terms: Terms, pair: FieldPair, left_object: str, source: Record, side: Side
) -> tuple[Outcome, Rule, str, Value]:
    """What the source has for one field of a record to be made on `side`: outcome, rule, reason, and the value."""
    specs, name = terms.specs(pair, left_object), pair.api_name(side.other)
    value = source.value(name)
    if pair.rule is SyncRule.OFF:
        return Outcome.OFF, Rule.RULE_OFF, f"{pair.name} is kept in the mapping but off", MISSING
    if value is MISSING:
        return Outcome.HELD, Rule.NOT_READ, f"{side.other} does not show {name}", MISSING
    carried = translate(value, pair, specs, side.other, terms.partners)
    if isinstance(carried, Untranslatable):
        return Outcome.HELD, Rule.CANNOT_CARRY, f"{carried.problem}; {carried.advice}", MISSING
    if carried is BLANK:
        return Outcome.AGREED, Rule.SAME_CHANGE, f"{side.other} is blank, so there is nothing to fill in", BLANK
    if pair.rule is SyncRule.MOST_RESTRICTIVE and carried is not True:
        return Outcome.AGREED, Rule.MOST_RESTRICTIVE, "a new record says nothing until someone withdraws", carried
    if not specs.of(side).creatable:
        reason = f"{specs.of(side).name} cannot be set when a record is made"
        return Outcome.HELD, Rule.CANNOT_WRITE, reason, MISSING
    return Outcome.CARRIED, Rule.FILL_BLANK, f"a new record, filled from {side.other}", carried
