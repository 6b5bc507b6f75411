"""The laws "quiet", "untouched" and "missing is not blank" for whole records: what `plan_linked` plans and `settle`
remembers, over two simulated systems that each make something of their own of what they are given (SPEC 3.7, 3.8).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.laws.fields import NOON, STAGES, spec, values

from concord.core.mapping import (
    BlankPolicy,
    FieldPair,
    IdentityFields,
    ObjectPair,
    Owner,
    Specs,
    SyncRule,
    ticked,
    translate,
)
from concord.core.model import Base, HistoryEntry, Link, Record, Side, Stamp
from concord.core.plan import Outcome, RecordPlan, UpdateStep
from concord.core.settle import Settled, settle
from concord.core.steps import Terms, plan_linked
from concord.core.values import BLANK, MISSING, FieldType, ObjectSpec, Ref, Untranslatable, Value, same

many = settings(max_examples=1500, deadline=None)

REFS = {Side.LEFT: Ref("salesforce", "Lead", "00Q1"), Side.RIGHT: Ref("hubspot", "contacts", "101")}
KINDS = {
    "name": FieldType.TEXT,
    "email": FieldType.EMAIL,
    "phone": FieldType.PHONE,
    "score": FieldType.NUMBER,
    "stage": FieldType.PICKLIST,
    "no_mail": FieldType.CHECKBOX,
    "seen": FieldType.DATETIME,
}

#: What a system makes of a text, and of a number, that it is given.
Form = Callable[[str], str]
FORMS: Mapping[str, Form] = {
    "as it is": lambda text: text,
    "lower": str.lower,
    "upper": str.upper,
    "trim": str.strip,
    "cut": lambda text: text[:2],
    "title": str.title,
    "digits gone": lambda text: "".join(one for one in text if not one.isdigit()),
    "starred": lambda text: text if text.startswith("*") else f"*{text}",
}
forms = st.sampled_from(sorted(FORMS))


@dataclass
class System:
    """One record in a system that reshapes texts (not options), rounds numbers, and drops parts of a second.

    kept: whether it keeps a history of each field; without one it only says whether its last change was ours.
    """

    side: Side
    form: Form
    places: int
    kept: bool
    shown: dict[str, Value] = field(default_factory=dict)
    histories: dict[str, tuple[HistoryEntry, ...]] = field(default_factory=dict)
    modified: int = 0
    ours: bool = False

    def made_of(self, name: str, value: Value) -> Value:
        if KINDS[name] in (FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE) and isinstance(value, str):
            return self.form(value).strip() or BLANK
        if isinstance(value, Decimal):
            return round(value, self.places)
        return value

    def put(self, name: str, value: Value, second: int, *, ours: bool) -> None:
        self.shown[name] = self.made_of(name, value)
        self.modified, self.ours = second, ours
        told = HistoryEntry(self.shown[name], Stamp(NOON + timedelta(seconds=second), True, "history"), ours)
        self.histories[name] = (told, *self.histories.get(name, ()))

    def read(self, second: int) -> Record:
        return Record(
            REFS[self.side],
            dict(self.shown),
            modified_at=NOON + timedelta(seconds=self.modified),
            read_at=NOON + timedelta(seconds=second),
            histories=dict(self.histories) if self.kept else {},
            ours=self.ours,
        )


@dataclass
class World:
    """Two systems, the mapping between them, and what is remembered of their last agreement."""

    terms: Terms
    systems: Mapping[Side, System]
    second: int = 0
    bases: dict[str, Base] = field(default_factory=dict)
    read_at: Mapping[Side, Record] = field(default_factory=dict)

    def edit(self, side: Side, name: str, value: Value) -> None:
        self.second += 1
        self.systems[side].put(name, value, self.second, ours=False)

    def plan(self) -> tuple[RecordPlan, dict[Side, Record | None]]:
        self.second += 1
        left, right = (self.systems[side].read(self.second) for side in Side)
        link = Link(1, "people", left.ref, right.ref, 100.0, bases=self.bases)
        if self.read_at:
            at = {side: self.read_at[side].read_at for side in Side}
            link = replace(link, left_read_at=at[Side.LEFT], right_read_at=at[Side.RIGHT])
        return plan_linked(self.terms, link, left, right), {Side.LEFT: left, Side.RIGHT: right}

    def round(self, between: Callable[[], None] = lambda: None) -> tuple[RecordPlan, Settled]:
        """Read, plan, write, remember. between: what happens after the reading and before the writing."""
        plan, read = self.plan()
        between()
        shown: dict[Side, Record | None] = {}
        for step in plan.steps:
            assert isinstance(step, UpdateStep)
            self.second += 1
            for write in step.writes:
                self.systems[step.side].put(write.field, write.after, self.second, ours=True)
            shown[step.side] = self.systems[step.side].read(self.second)
        settled = settle(self.terms, plan, read, shown, {}, self.bases)
        self.bases = {**self.bases, **settled.bases}
        self.read_at = {side: record for side, record in read.items() if record is not None}
        return plan, settled

    def specs(self, name: str) -> tuple[FieldPair, Specs]:
        pair = next(one for one in self.terms.pair.fields if one.name == name)
        return pair, self.terms.specs(pair, "Lead")


def mapped(name: str, draw: st.DrawFn) -> FieldPair:
    kind, rules = KINDS[name], list(SyncRule)
    if kind is not FieldType.CHECKBOX:
        rules.remove(SyncRule.MOST_RESTRICTIVE)
    if kind is not FieldType.PICKLIST:
        rules.remove(SyncRule.FORWARD_ONLY)
    return FieldPair(
        name=name,
        left=name,
        right=name,
        owner=draw(st.sampled_from(list(Owner))),
        rule=draw(st.sampled_from(rules)),
        blank=draw(st.sampled_from(list(BlankPolicy))),
        strict=draw(st.booleans()),
        tie=draw(st.sampled_from(list(Side))),
        stages=STAGES if kind is FieldType.PICKLIST else (),
    )


@st.composite
def worlds(draw: st.DrawFn, *, kept: bool | None = None, missing: bool = False) -> World:
    """kept: whether the systems keep histories (None: each as it falls). missing: whether a field may be unreadable."""
    pair = ObjectPair(
        name="people",
        kind="person",
        left_objects=("Lead",),
        right_object="contacts",
        fields=tuple(mapped(name, draw) for name in KINDS),
        left_identity={"Lead": IdentityFields()},
        right_identity=IdentityFields(),
    )
    fields = {name: spec(kind, name) for name, kind in KINDS.items()}
    schemas = {"Lead": ObjectSpec("salesforce", "Lead", fields), "contacts": ObjectSpec("hubspot", "contacts", fields)}
    systems = {}
    for side in Side:
        keeps = draw(st.booleans()) if kept is None else kept
        system = System(side, FORMS[draw(forms)], draw(st.integers(0, 2)), keeps)
        for name, kind in KINDS.items():
            value = draw(values(kind, missing=missing))
            if value is not MISSING:
                system.put(name, value, draw(st.integers(-900, 0)), ours=False)
        systems[side] = system
    return World(Terms(pair, schemas), systems)


def written(plan: RecordPlan) -> set[str]:
    return {write.field for step in plan.steps if isinstance(step, UpdateStep) for write in step.writes}


edits = st.sampled_from(sorted(KINDS)).flatmap(
    lambda name: st.tuples(st.sampled_from(list(Side)), st.just(name), values(KINDS[name], missing=False))
)


@given(worlds())
@many
def test_quiet_whatever_the_systems_make_of_a_first_link_there_is_nothing_to_do_after_it(world: World) -> None:
    _, settled = world.round()
    assert settled.look_again == frozenset()
    before = dict(world.bases)
    plan, settled = world.round()
    assert plan.steps == ()
    assert settled.look_again == frozenset()
    assert {name: (base.left, base.right) for name, base in world.bases.items()} == {
        name: (base.left, base.right) for name, base in before.items()
    }


@given(worlds(), st.lists(edits, min_size=1, max_size=6))
@many
def test_quiet_after_each_of_any_edits_one_round_is_enough(world: World, said: list[tuple[Side, str, Value]]) -> None:
    world.round()
    for side, name, value in said:
        world.edit(side, name, value)
        _, settled = world.round()
        assert settled.look_again == frozenset()
        plan, _ = world.round()
        assert plan.steps == ()


@given(worlds(), st.lists(edits, min_size=1, max_size=4))
@many
def test_untouched_only_fields_that_somebody_edited_are_ever_written(
    world: World, said: list[tuple[Side, str, Value]]
) -> None:
    world.round()
    still = {side: dict(world.systems[side].shown) for side in Side}
    for edit in said:
        world.edit(*edit)
    plan, _ = world.round()
    assert written(plan) <= {name for _, name, _ in said}
    for side in Side:
        for name in KINDS.keys() - {name for _, name, _ in said}:
            assert world.systems[side].shown[name] == still[side][name]


@given(worlds(), edits)
@many
def test_an_edit_on_one_side_ends_as_its_value_over_there_or_is_put_back_or_held(
    world: World, edit: tuple[Side, str, Value]
) -> None:
    world.round()
    side, name, _ = edit
    before = world.systems[side.other].shown[name]
    world.edit(*edit)
    plan, _ = world.round()
    verdict = next(one for one in plan.verdicts if one.field == name)
    pair, specs = world.specs(name)
    here, there = world.systems[side], world.systems[side.other]
    if verdict.outcome is Outcome.CARRIED and verdict.winner is side:
        carried = translate(here.shown[name], pair, specs, side, {})
        assert not isinstance(carried, Untranslatable)
        assert there.shown[name] == there.made_of(name, carried)
    else:
        assert same(there.shown[name], before, specs.of(side.other)), "nothing else goes over"


@given(worlds(kept=True), edits, edits)
@many
def test_an_edit_between_our_reading_and_our_writing_is_seen_in_the_end_and_then_there_is_quiet(
    world: World, first: tuple[Side, str, Value], late: tuple[Side, str, Value]
) -> None:
    world.round()
    world.edit(*first)
    world.round(between=lambda: world.edit(*late))
    for _ in range(2):  # one round sees what was covered, or came after; what it makes of that may be reshaped once
        world.round()
    plan, settled = world.round()
    assert plan.steps == ()
    assert settled.look_again == frozenset()
    name = late[1]
    decided = world.bases.get(name)
    pair, _ = world.specs(name)
    if decided is None or pair.rule in (SyncRule.OFF, SyncRule.MANUAL):
        return
    # Nobody's edit hangs in the air: each side shows what the two last agreed on.
    for one in Side:
        assert same(world.systems[one].shown[name], decided.of(one), spec(KINDS[name], name))


@given(worlds(kept=True), st.data())
@many
def test_an_edit_between_our_reading_and_our_writing_of_the_very_field_is_not_lost_where_the_latest_wins(
    world: World, data: st.DataObject
) -> None:
    free = {"rule": SyncRule.TWO_WAY, "owner": Owner.LATEST, "blank": BlankPolicy.CARRY}
    fields = tuple(replace(pair, **free) for pair in world.terms.pair.fields)  # type: ignore[arg-type]  # three fields
    world.terms = replace(world.terms, pair=replace(world.terms.pair, fields=fields))
    world.round()
    side, name, _ = data.draw(edits)
    drawn = values(KINDS[name], missing=False)
    world.edit(side, name, data.draw(drawn))
    late, value = data.draw(st.sampled_from(list(Side))), data.draw(drawn)
    world.round(between=lambda: world.edit(late, name, value))
    for _ in range(2):
        world.round()
    wanted, of = world.systems[late].made_of(name, value), spec(KINDS[name], name)
    assert same(ticked(world.systems[late].shown[name], of), ticked(wanted, of), of)


@given(worlds(missing=True))
@many
def test_missing_is_not_blank_a_field_that_one_side_does_not_show_is_written_on_neither(world: World) -> None:
    unread = {name for name in KINDS for side in Side if name not in world.systems[side].shown}
    plan, _ = world.round()
    assert written(plan).isdisjoint(unread)
    assert world.bases.keys().isdisjoint(unread)
