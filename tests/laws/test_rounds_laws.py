"""The law of rounds (SPEC 3.7): two automations that answer each other through us are stopped after a bounded number of
writes, a person who edits one side never is, and no withdrawal of consent is ever held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.laws.fields import NOON, spec

from concord.core.mapping import BlankPolicy, FieldPair, ObjectPair, Owner, Specs, SyncRule
from concord.core.merge import Question, Reading, decide
from concord.core.model import SIDES, Base, Origin, Side
from concord.core.plan import FieldWrite, Outcome, RecordPlan, UpdateStep, Verdict
from concord.core.rounds import Bound, Chase, Past, Write, answers, chases
from concord.core.values import MISSING, FieldType, Ref, Value

LEAD, CONTACT = Ref("salesforce", "Lead", "00Q1"), Ref("hubspot", "contacts", "1")
BOUND = Bound()
#: What an automation makes of each value.
Automation = Mapping[str, str]
sides = st.sampled_from(SIDES)


@dataclass
class Sync:
    """One field of one link, with what happens to it."""

    pair: FieldPair
    kind: FieldType = FieldType.TEXT
    shown: dict[Side, Value] = field(default_factory=lambda: {Side.LEFT: "start", Side.RIGHT: "start"})
    now: datetime = NOON
    base: Base = field(default_factory=lambda: Base("start", "start"))
    written: list[Write] = field(default_factory=list)
    chased: tuple[Chase, ...] = ()

    def edit(self, side: Side, value: Value, *, after: timedelta) -> bool:
        """Somebody edits one side; whether the sync writes something."""
        self.now += after
        self.shown[side] = value
        return self.look()

    def look(self) -> bool:
        verdict = decide(
            Question(
                pair=self.pair,
                specs=Specs(spec(self.kind, "L"), spec(self.kind, "R")),
                left=Reading(self.shown[Side.LEFT]),
                right=Reading(self.shown[Side.RIGHT]),
                base=self.base,
            )
        )
        write = Write.of(verdict, self.now)
        if write is None:
            if verdict.outcome is Outcome.AGREED:
                self.base = Base(self.shown[Side.LEFT], self.shown[Side.RIGHT])
            return False
        self.chased = self._chased(verdict, write)
        if any(not one.free for one in self.chased):
            return False
        self.written.append(write)
        self.shown[write.side] = write.value
        assert verdict.winner is not None
        self.base = Base(self.shown[Side.LEFT], self.shown[Side.RIGHT], Origin(verdict.winner, None))
        return True

    def _chased(self, verdict: Verdict, write: Write) -> tuple[Chase, ...]:
        step = UpdateStep(
            LEAD if write.side is Side.LEFT else CONTACT,
            write.side,
            (FieldWrite(self.pair.name, "f", write.over, write.value),),
            None,
        )
        plan = RecordPlan("people", LEAD, CONTACT, (step,), (verdict,), link_id=7)
        since = self.now - BOUND.memory
        past = Past(tuple(one for one in self.written if one.at > since))
        looked_up = dict.fromkeys(answers(plan, {self.pair.name: self.base}), past)
        objects = ObjectPair("people", "person", ("Lead",), "contacts", (self.pair,), {}, None)  # type: ignore[arg-type]
        return chases(plan, objects, looked_up, BOUND, self.now)


def two_way(**said: object) -> FieldPair:
    return replace(FieldPair("field", "L", "R", blank=BlankPolicy.CARRY), **said)  # type: ignore[arg-type]


def automations(values: str) -> st.SearchStrategy[dict[Side, Automation]]:
    one = st.fixed_dictionaries({value: st.sampled_from(values) for value in values})
    return st.fixed_dictionaries({Side.LEFT: one, Side.RIGHT: one})


def chased(sync: Sync, start: str, side: Side, by: Mapping[Side, Automation], gap: timedelta) -> bool:
    """After an edit each side's automation answers every write of ours there; whether it was stopped in the end."""
    going_on = sync.edit(side, start, after=timedelta(hours=3))
    for _ in range(200):
        if not going_on:
            return bool(sync.chased)
        there = sync.written[-1].side
        shown = str(sync.shown[there])
        going_on = sync.edit(there, by[there][shown], after=gap)
    raise AssertionError("it goes on for ever")


@given(by=automations("abc"), side=sides, seconds=st.integers(0, 85))
def test_any_two_automations_on_three_values_end_after_the_bound_at_the_latest(
    by: dict[Side, Automation], side: Side, seconds: int
) -> None:
    """Three values on two sides: a circle of up to six writes."""
    sync = Sync(two_way())
    chased(sync, "a", side, by, timedelta(seconds=seconds))
    assert len(sync.written) <= BOUND.writes


@given(by=automations("abcdefgh"), side=sides, seconds=st.integers(0, 35))
def test_any_two_automations_end_after_the_bound_or_once_round_their_circle(
    by: dict[Side, Automation], side: Side, seconds: int
) -> None:
    sync = Sync(two_way())
    chased(sync, "a", side, by, timedelta(seconds=seconds))
    states = [(one.side, one.value) for one in sync.written]
    once_round = next((at for at, one in enumerate(states) if one in states[:at]), len(states))
    assert len(sync.written) <= max(BOUND.writes, once_round)


@given(
    rotation=st.integers(2, 4), side=sides, seconds=st.integers(0, 85), kind=st.sampled_from(["both", "left", "right"])
)
def test_a_circle_of_up_to_four_is_stopped_at_the_bound_and_not_before(
    rotation: int, side: Side, seconds: int, kind: str
) -> None:
    values = "abcd"[:rotation]
    on = {one: values[(at + 1) % rotation] for at, one in enumerate(values)}
    back = {one: "a" if one == "b" else "b" for one in values}
    by = {"both": {Side.LEFT: on, Side.RIGHT: on}, "left": {Side.LEFT: on, Side.RIGHT: back},
          "right": {Side.LEFT: back, Side.RIGHT: on}}[kind]  # fmt: skip
    sync = Sync(two_way())
    assert chased(sync, "a", side, by, timedelta(seconds=seconds))
    assert len(sync.written) == BOUND.writes


@given(
    side=sides,
    edits=st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 120)), max_size=60),
    owner=st.sampled_from(list(Owner)),
    own=st.booleans(),
)
def test_a_person_who_edits_one_side_is_never_stopped_whatever_and_however_fast(
    side: Side, edits: Sequence[tuple[str, int]], owner: Owner, own: bool
) -> None:
    always = SyncRule.ALWAYS_LEFT if side is Side.LEFT else SyncRule.ALWAYS_RIGHT
    sync = Sync(two_way(owner=owner, rule=always if own else SyncRule.TWO_WAY))
    for value, seconds in edits:
        changed = sync.shown[side] != value
        assert sync.edit(side, value, after=timedelta(seconds=seconds)) is changed


@given(side=sides, gaps=st.lists(st.integers(0, 120), min_size=10, max_size=25), put_back=st.booleans())
def test_nor_is_one_whose_edits_are_put_back_or_who_edits_against_another_person_something_new_each_time(
    side: Side, gaps: Sequence[int], put_back: bool
) -> None:
    always = SyncRule.ALWAYS_RIGHT if side is Side.LEFT else SyncRule.ALWAYS_LEFT
    sync = Sync(two_way(rule=always) if put_back else two_way())
    for number, seconds in enumerate(gaps):
        at = side if put_back or number % 2 else side.other
        assert sync.edit(at, f"title {number}", after=timedelta(seconds=seconds))


@given(edits=st.lists(st.tuples(sides, st.booleans(), st.integers(0, 60)), min_size=20, max_size=80), owner=sides)
def test_no_withdrawal_of_consent_is_ever_held(edits: Sequence[tuple[Side, bool, int]], owner: Side) -> None:
    pair = two_way(rule=SyncRule.MOST_RESTRICTIVE, owner=Owner(owner.value))
    free: dict[Side, Value] = {Side.LEFT: False, Side.RIGHT: False}
    sync = Sync(pair, FieldType.CHECKBOX, shown=free, base=Base(False, False))
    for side, value, seconds in edits:
        said = value and sync.shown[side] is not True
        sync.edit(side, value, after=timedelta(seconds=seconds))
        if said:
            assert sync.shown == {Side.LEFT: True, Side.RIGHT: True}, "it is everywhere at once"
    assert MISSING not in sync.shown.values()
