"""The verdict on one field: every sync rule, changed on one side, on both, and at the first link (SPEC 2.2, 3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.core.fields import question, spec, specs, stamp

from concord.core.mapping import BlankPolicy, FieldPair, Owner, Specs, SyncRule
from concord.core.merge import Question, Reading, decide
from concord.core.model import Base, Origin, Overwritten, Side, Stamp
from concord.core.plan import Outcome, Rule, Verdict
from concord.core.values import BLANK, MISSING, FieldSpec, FieldType, Option, Value

LEFT, RIGHT = Side.LEFT, Side.RIGHT
STAGES = ("lead", "mql", "sql", "customer")
CARRYING = [rule for rule in SyncRule if rule not in (SyncRule.OFF, SyncRule.MOST_RESTRICTIVE)]


def writes(verdict: Verdict) -> tuple[Value, Value]:
    return verdict.write_left, verdict.write_right


def asked(left: Value, right: Value, base: tuple[Value, Value] | None = ("a", "a"), **said: Any) -> Verdict:
    return decide(question(left, right, base, **said))


# --- neither, or the same


@pytest.mark.parametrize("rule", [rule for rule in SyncRule if rule is not SyncRule.OFF])
def test_what_neither_side_changed_is_left_alone_under_every_rule(rule: SyncRule) -> None:
    for base in (("a", "a"), ("a", "other than a")):
        verdict = asked(*base, base, rule=rule, stages=STAGES)
        assert (verdict.outcome, verdict.rule, writes(verdict)) == (
            Outcome.UNCHANGED,
            Rule.NO_CHANGE,
            (MISSING, MISSING),
        )


@pytest.mark.parametrize("rule", [rule for rule in SyncRule if rule is not SyncRule.OFF])
@pytest.mark.parametrize("base", [("a", "a"), None])
def test_the_same_change_on_both_sides_is_no_conflict_under_any_rule(
    rule: SyncRule, base: tuple[Value, Value] | None
) -> None:
    verdict = asked("b", " b ", base, rule=rule, stages=STAGES)
    assert (verdict.outcome, verdict.rule) == (Outcome.AGREED, Rule.SAME_CHANGE)
    assert not verdict.conflict
    assert writes(verdict) == (MISSING, MISSING)


def test_a_field_that_is_off_is_never_synced_not_even_filled() -> None:
    for left, right, base in (("b", "a", ("a", "a")), ("b", BLANK, None), (MISSING, "a", None)):
        verdict = asked(left, right, base, rule=SyncRule.OFF)
        assert (verdict.outcome, verdict.rule) == (Outcome.OFF, Rule.RULE_OFF)
        assert writes(verdict) == (MISSING, MISSING)
        assert not verdict.first_link


@pytest.mark.parametrize(("left", "right", "unseen"), [(MISSING, "b", "left"), ("b", MISSING, "right")])
def test_a_field_that_was_not_read_is_held_and_says_which(left: Value, right: Value, unseen: str) -> None:
    verdict = asked(left, right)
    assert (verdict.outcome, verdict.rule) == (Outcome.HELD, Rule.NOT_READ)
    assert verdict.reason.startswith(unseen)
    assert writes(verdict) == (MISSING, MISSING)


# --- one side changed


@pytest.mark.parametrize(
    ("rule", "side", "goes"),
    [
        (SyncRule.TWO_WAY, LEFT, True),
        (SyncRule.TWO_WAY, RIGHT, True),
        (SyncRule.MANUAL, LEFT, True),
        (SyncRule.MANUAL, RIGHT, True),
        (SyncRule.ALWAYS_LEFT, LEFT, True),
        (SyncRule.ALWAYS_LEFT, RIGHT, False),
        (SyncRule.ALWAYS_RIGHT, LEFT, False),
        (SyncRule.ALWAYS_RIGHT, RIGHT, True),
        (SyncRule.PREFER_LEFT_UNLESS_BLANK, LEFT, True),
        (SyncRule.PREFER_LEFT_UNLESS_BLANK, RIGHT, False),
        (SyncRule.PREFER_RIGHT_UNLESS_BLANK, LEFT, False),
        (SyncRule.PREFER_RIGHT_UNLESS_BLANK, RIGHT, True),
    ],
)
def test_a_change_on_one_side_goes_over_or_is_put_back(rule: SyncRule, side: Side, goes: bool) -> None:
    shown = {side: "b", side.other: "a"}
    # Who is newer, and by how much, says nothing where only one side changed (law "skew").
    verdict = asked(shown[LEFT], shown[RIGHT], rule=rule, times=(90_000, 0))
    assert verdict.outcome is (Outcome.CARRIED if goes else Outcome.PUT_BACK)
    assert verdict.winner is (side if goes else side.other)
    written = side.other if goes else side
    assert verdict.write(written) == ("b" if goes else "a")
    assert verdict.write(written.other) is MISSING
    assert not verdict.conflict
    assert not verdict.first_link


@pytest.mark.parametrize("side", list(Side))
def test_a_clear_that_the_policy_refuses_is_put_back_and_one_that_it_lets_over_clears(side: Side) -> None:
    shown: dict[Side, Value] = {side: BLANK, side.other: "a"}
    refused = asked(shown[LEFT], shown[RIGHT], blank=BlankPolicy.REFUSE)
    assert (refused.outcome, refused.rule, refused.write(side)) == (Outcome.PUT_BACK, Rule.BLANK_POLICY, "a")
    carried = asked(shown[LEFT], shown[RIGHT], blank=BlankPolicy.CARRY)
    assert (carried.outcome, carried.write(side.other)) == (Outcome.CARRIED, BLANK)
    owned = asked(shown[LEFT], shown[RIGHT], owner=Owner(side.value))
    assert owned.write(side.other) is BLANK
    not_owned = asked(shown[LEFT], shown[RIGHT], owner=Owner(side.other.value))
    assert not_owned.write(side) == "a"


def test_where_a_blank_always_stands_a_blank_is_put_back() -> None:
    verdict = asked(BLANK, "b", (BLANK, BLANK), rule=SyncRule.ALWAYS_LEFT)
    assert (verdict.outcome, writes(verdict)) == (Outcome.PUT_BACK, (MISSING, BLANK))


def test_a_blank_of_the_preferred_side_is_filled_by_the_other() -> None:
    rule = SyncRule.PREFER_LEFT_UNLESS_BLANK
    assert writes(asked(BLANK, "b", (BLANK, BLANK), rule=rule)) == ("b", MISSING)
    assert writes(asked(BLANK, "a", rule=rule)) == ("a", MISSING), "a clear of the preferred side is filled again"
    assert writes(asked("a", BLANK, rule=rule)) == (MISSING, "a"), "a clear of the other one is put back"


def test_an_unticked_box_goes_over_like_any_value() -> None:
    boxes = specs(FieldType.CHECKBOX)
    assert writes(asked(False, True, (True, True), of=boxes)) == (MISSING, False)
    assert writes(asked(True, False, (False, False), of=boxes)) == (MISSING, True)


# --- both changed


@pytest.mark.parametrize(
    ("rule", "winner", "by"),
    [
        (SyncRule.TWO_WAY, RIGHT, Rule.NEWER),
        (SyncRule.ALWAYS_LEFT, LEFT, Rule.ALWAYS),
        (SyncRule.ALWAYS_RIGHT, RIGHT, Rule.ALWAYS),
        (SyncRule.PREFER_LEFT_UNLESS_BLANK, LEFT, Rule.PREFER),
        (SyncRule.PREFER_RIGHT_UNLESS_BLANK, RIGHT, Rule.PREFER),
    ],
)
@pytest.mark.parametrize("base", [("a", "a"), None])
def test_two_different_values_are_decided_by_the_rule_or_the_ladder(
    rule: SyncRule, winner: Side, by: Rule, base: tuple[Value, Value] | None
) -> None:
    verdict = asked("l", "r", base, rule=rule, owner=Owner.LEFT, times=(0, 301))
    assert (verdict.outcome, verdict.rule, verdict.winner) == (Outcome.DECIDED, by, winner)
    assert verdict.write(winner.other) == ("l" if winner is LEFT else "r")
    assert verdict.conflict is (base is not None), "a difference at the first link is no conflict"
    assert verdict.first_link is (base is None)


@pytest.mark.parametrize("base", [("a", "a"), None])
def test_under_manual_two_different_values_go_to_a_person(base: tuple[Value, Value] | None) -> None:
    verdict = asked("l", "r", base, rule=SyncRule.MANUAL)
    assert (verdict.outcome, verdict.rule, verdict.winner) == (Outcome.ASKED, Rule.MANUAL, None)
    assert (writes(verdict), verdict.conflict) == ((MISSING, MISSING), base is not None)


def test_a_clear_that_would_win_a_conflict_is_subject_to_the_blank_policy() -> None:
    newer_clear: dict[str, Any] = {"times": (0, 900), "owner": Owner.LEFT}
    refused = asked("l", BLANK, **newer_clear)
    assert (refused.rule, writes(refused), refused.winner) == (Rule.BLANK_POLICY, (MISSING, "l"), LEFT)
    assert "would win" in refused.reason
    carried = asked("l", BLANK, blank=BlankPolicy.CARRY, **newer_clear)
    assert (carried.rule, writes(carried)) == (Rule.NEWER, (BLANK, MISSING))
    always = asked("l", BLANK, rule=SyncRule.ALWAYS_RIGHT, **newer_clear)
    assert (always.rule, writes(always)) == (Rule.ALWAYS, (BLANK, MISSING)), "that side is the owner of a clear"
    kept = asked("l", BLANK, rule=SyncRule.ALWAYS_RIGHT, blank=BlankPolicy.REFUSE, **newer_clear)
    assert (kept.rule, writes(kept)) == (Rule.BLANK_POLICY, (MISSING, "l"))
    filled = asked(BLANK, "r", rule=SyncRule.PREFER_LEFT_UNLESS_BLANK)
    assert (filled.rule, writes(filled)) == (Rule.PREFER, ("r", MISSING))


# --- the first link


@pytest.mark.parametrize("rule", CARRYING)
@pytest.mark.parametrize("blank", list(BlankPolicy))
@pytest.mark.parametrize("side", list(Side))
def test_a_blank_side_is_filled_at_the_first_link_under_every_rule(
    rule: SyncRule, blank: BlankPolicy, side: Side
) -> None:
    shown: dict[Side, Value] = {side: "sql", side.other: BLANK}
    owner = Owner(side.other.value)
    verdict = asked(shown[LEFT], shown[RIGHT], None, rule=rule, blank=blank, owner=owner, strict=True, stages=STAGES)
    assert (verdict.outcome, verdict.rule) == (Outcome.CARRIED, Rule.FILL_BLANK)
    assert (verdict.write(side.other), verdict.write(side)) == ("sql", MISSING)
    assert verdict.first_link
    assert not verdict.conflict


@pytest.mark.parametrize("rule", [rule for rule in SyncRule if rule is not SyncRule.OFF])
def test_two_blanks_agree_at_the_first_link(rule: SyncRule) -> None:
    assert asked(BLANK, "  ", None, rule=rule).outcome is Outcome.AGREED


# --- forward only


def forward(left: Value, right: Value, base: tuple[Value, Value] | None, **said: Any) -> Verdict:
    said.setdefault("of", specs(FieldType.PICKLIST))
    return asked(left, right, base, rule=SyncRule.FORWARD_ONLY, stages=STAGES, **said)


@pytest.mark.parametrize("side", list(Side))
def test_a_stage_goes_over_forward_and_is_put_back_when_it_went_backward(side: Side) -> None:
    def shown(new: Value) -> tuple[Value, Value]:
        return (new, "sql") if side is LEFT else ("sql", new)

    carried = forward(*shown("customer"), ("sql", "sql"))
    assert (carried.outcome, carried.rule, carried.write(side.other)) == (
        Outcome.CARRIED,
        Rule.FORWARD_ONLY,
        "customer",
    )
    for back in ("mql", BLANK):
        put_back = forward(*shown(back), ("sql", "sql"), blank=BlankPolicy.CARRY, owner=Owner(side.value))
        assert (put_back.outcome, put_back.rule, put_back.write(side)) == (Outcome.PUT_BACK, Rule.FORWARD_ONLY, "sql")
    excepted = forward(*shown("mql"), ("sql", "sql"), exceptions=frozenset({("sql", "mql")}))
    assert (excepted.outcome, excepted.write(side.other)) == (Outcome.CARRIED, "mql")


@pytest.mark.parametrize("base", [("lead", "lead"), None])
def test_of_two_stages_the_further_one_wins_whoever_is_newer(base: tuple[Value, Value] | None) -> None:
    for left, right, winner in (("sql", "mql", LEFT), ("mql", "customer", RIGHT)):
        verdict = forward(left, right, base, times=(0, 90_000) if winner is LEFT else (90_000, 0))
        assert (verdict.outcome, verdict.rule, verdict.winner) == (Outcome.DECIDED, Rule.FORWARD_ONLY, winner)
        assert verdict.conflict is (base is not None)


def test_stages_are_ordered_in_the_right_sides_terms() -> None:
    options = (("Open", "lead"), ("Working", "mql"), ("Won", "customer"))
    carried = forward("Won", "mql", ("Working", "mql"), options=options)
    assert writes(carried) == (MISSING, "customer")
    put_back = forward("Open", "mql", ("Working", "mql"), options=options)
    assert writes(put_back) == ("Working", MISSING)


@pytest.mark.parametrize(
    ("left", "right", "base"),
    [
        ("sql", "evangelist", ("sql", "sql")),
        ("customer", "evangelist", ("sql", "evangelist")),
        ("evangelist", "mql", ("lead", "mql")),
        ("customer", "evangelist", ("lead", "lead")),
        ("customer", "evangelist", None),
    ],
)
def test_a_stage_without_a_place_in_the_order_is_neither_moved_nor_moved_away_from(
    left: Value, right: Value, base: tuple[Value, Value] | None
) -> None:
    verdict = forward(left, right, base, times=(0, 90_000))
    assert (verdict.outcome, verdict.rule) == (Outcome.HELD, Rule.FORWARD_ONLY)
    assert writes(verdict) == (MISSING, MISSING)
    assert "no place in the order" in verdict.reason


def test_a_named_exception_moves_a_stage_without_a_place_and_an_unmapped_one_is_held_with_its_options() -> None:
    anything = frozenset({("*", "lead"), ("*", "x")})
    assert writes(forward("sql", "lead", ("sql", "evangelist"), exceptions=anything)) == ("lead", MISSING)
    lists = Specs(
        spec(FieldType.PICKLIST, "Left"),
        spec(FieldType.PICKLIST, "right", options=tuple(Option(one, one) for one in STAGES)),
    )
    held = forward("x", "sql", ("sql", "sql"), exceptions=anything, of=lists)
    assert (held.outcome, held.rule) == (Outcome.HELD, Rule.CANNOT_CARRY)
    assert "its options: lead, mql, sql, customer" in held.reason


# --- consent


def consent(left: Value, right: Value, base: tuple[Value, Value] | None, **said: Any) -> Verdict:
    return asked(left, right, base, rule=SyncRule.MOST_RESTRICTIVE, of=specs(FieldType.CHECKBOX), **said)


@pytest.mark.parametrize("base", [(False, False), (BLANK, BLANK), None])
@pytest.mark.parametrize("side", list(Side))
def test_a_withdrawal_goes_over_whoever_owns_the_field_and_whoever_is_newer(
    base: tuple[Value, Value] | None, side: Side
) -> None:
    shown: dict[Side, Value] = {side: True, side.other: False}
    verdict = consent(shown[LEFT], shown[RIGHT], base, owner=Owner(side.other.value), times=(0, 0), strict=True)
    assert (verdict.outcome, verdict.rule) == (Outcome.CARRIED, Rule.MOST_RESTRICTIVE)
    assert (verdict.write(side.other), verdict.write(side)) == (True, MISSING)


def test_a_blank_beside_a_no_is_nothing_to_do_and_never_filled_with_it() -> None:
    verdict = consent(BLANK, False, (BLANK, True))
    assert verdict.outcome is Outcome.AGREED, "a blank box is an unticked one"
    odd = consent("perhaps", False, None)
    assert (odd.outcome, odd.rule, writes(odd)) == (Outcome.UNCHANGED, Rule.MOST_RESTRICTIVE, (MISSING, MISSING))


def test_only_the_owner_opts_in_again_and_anyone_elses_attempt_is_put_back() -> None:
    by_owner = consent(True, False, (True, True), owner=Owner.RIGHT)
    assert (by_owner.outcome, writes(by_owner)) == (Outcome.CARRIED, (False, MISSING))
    by_other = consent(False, True, (True, True), owner=Owner.RIGHT)
    assert (by_other.outcome, writes(by_other)) == (Outcome.PUT_BACK, (True, MISSING))
    by_clear = consent(True, BLANK, (True, True), owner=Owner.RIGHT, blank=BlankPolicy.CARRY)
    assert writes(by_clear) == (MISSING, True), "a blank is no word of the person"


# --- what cannot be carried or written


def test_a_value_that_does_not_fit_holds_that_field_alone() -> None:
    short = Specs(spec(FieldType.TEXT, "Left"), spec(FieldType.TEXT, "right", length=3))
    verdict = asked("Lovelace", "a", of=short)
    assert (verdict.outcome, verdict.rule) == (Outcome.HELD, Rule.CANNOT_CARRY)
    assert (writes(verdict), verdict.winner) == ((MISSING, MISSING), None)
    assert "right holds 3" in verdict.reason


@pytest.mark.parametrize("side", list(Side))
def test_a_read_only_field_is_held_when_it_should_be_written(side: Side) -> None:
    parts = {side: spec(FieldType.TEXT, "free"), side.other: spec(FieldType.TEXT, "formula", updatable=False)}
    shown = {side: "b", side.other: "a"}
    verdict = asked(shown[LEFT], shown[RIGHT], of=Specs(parts[LEFT], parts[RIGHT]))
    assert (verdict.outcome, verdict.rule) == (Outcome.HELD, Rule.CANNOT_WRITE)
    assert "formula is read only" in verdict.reason
    assert writes(verdict) == (MISSING, MISSING)
    turned = asked(shown[RIGHT], shown[LEFT], of=Specs(parts[LEFT], parts[RIGHT]))
    assert turned.write(side) == "b", "it is still read"


def test_a_clear_of_a_field_that_requires_a_value_writes_the_default_or_is_held() -> None:
    required = Specs(spec(FieldType.TEXT, "Left"), spec(FieldType.TEXT, "right", required=True))
    held = asked(BLANK, "a", of=required)
    assert (held.outcome, held.rule, writes(held)) == (Outcome.HELD, Rule.CANNOT_WRITE, (MISSING, MISSING))
    assert "right requires a value" in held.reason
    for clear in (BLANK, "   "):
        filled = asked(clear, "a", of=required, default_right="unknown")
        assert (filled.outcome, writes(filled)) == (Outcome.CARRIED, (MISSING, "unknown"))


# --- an edit that our own write covered


def covered(
    left: Reading, right: Reading, base: Base | None = None, *, of: Specs | None = None, **said: Any
) -> Question:
    plain = question("", "", None, of=of, **said)
    return replace(plain, left=left, right=right, base=base or Base("x", "x", Origin(LEFT, stamp(0))))


def under(value: Value, seconds: float) -> Overwritten:
    return Overwritten(value, stamp(seconds))


def ours(seconds: float) -> Stamp:
    """The time of our own write: never the time of a person's edit."""
    return stamp(seconds)


def test_a_covered_edit_that_is_newer_by_more_than_the_window_is_written_back_on_both_sides() -> None:
    # Left said x at 0 and we wrote it to the right at 900; a person had written y there at 600.
    verdict = decide(covered(Reading("x", stamp(0)), Reading("x", ours(900), under("y", 600)), owner=Owner.LEFT))
    assert (verdict.outcome, verdict.rule, verdict.conflict) == (Outcome.DECIDED, Rule.NEWER, True)
    assert writes(verdict) == ("y", "y")
    assert (verdict.left, verdict.right) == ("x", "y")
    assert "between our read and our write" in verdict.reason


def test_a_covered_edit_that_loses_writes_nothing_where_the_winner_is_shown() -> None:
    verdict = decide(covered(Reading("x", stamp(0)), Reading("x", ours(90), under("y", 60)), owner=Owner.LEFT))
    assert (verdict.rule, verdict.winner, writes(verdict)) == (Rule.OWNER, LEFT, (MISSING, MISSING))
    newer = covered(Reading("z", stamp(1000)), Reading("x", ours(900), under("y", 600)), owner=Owner.RIGHT)
    assert writes(decide(newer)) == (MISSING, "z"), "the left side has moved on since"


def test_the_time_of_an_edit_that_came_from_the_other_side_is_that_edits_own() -> None:
    # The left record was modified much later in another field: its possible time says nothing of this one.
    question_ = covered(Reading("x", stamp(90_000, certain=False)), Reading("x", ours(900), under("y", 600)))
    assert decide(question_).winner is RIGHT
    without_origin = replace(question_, base=Base("x", "x"))
    assert decide(without_origin).winner is LEFT


def test_the_time_of_an_edit_that_was_made_on_the_other_side_is_not_taken_for_this_sides_own() -> None:
    shown = Reading("x", stamp(10_000))
    verdict = decide(covered(Reading("x", ours(900), under("y", 600)), shown, Base("x", "x", Origin(LEFT, stamp(0)))))
    assert (verdict.winner, verdict.right_stamp) == (RIGHT, shown.stamp)


def test_a_covered_edit_on_the_left_is_decided_alike() -> None:
    base = Base("x", "x", Origin(RIGHT, stamp(0)))
    question_ = covered(Reading("x", ours(900), under("y", 600)), Reading("x", stamp(0)), base, owner=Owner.RIGHT)
    assert writes(decide(question_)) == ("y", "y")


@pytest.mark.parametrize("side", list(Side))
def test_a_covered_edit_that_says_what_the_other_side_says_now_is_shown_again(side: Side) -> None:
    there, here = Reading("x", ours(900), under("y", 600)), Reading("y", stamp(1000))
    readings = {side: there, side.other: here}
    verdict = decide(covered(readings[LEFT], readings[RIGHT]))
    assert (verdict.outcome, verdict.rule, verdict.winner) == (Outcome.AGREED, Rule.SAME_CHANGE, None)
    assert (verdict.write(side), verdict.write(side.other)) == ("y", MISSING)


def test_a_covered_withdrawal_wins_and_a_shown_one_is_not_taken_back_by_what_it_covered() -> None:
    boxes, rule = specs(FieldType.CHECKBOX), SyncRule.MOST_RESTRICTIVE
    base = Base(False, False, Origin(LEFT, stamp(0)))
    out = covered(Reading(False, stamp(0)), Reading(False, ours(90), under(True, 60)), base, of=boxes, rule=rule)
    assert writes(decide(out)) == (True, True)
    base = Base(True, True, Origin(LEFT, stamp(0)))
    kept = covered(
        Reading(True, stamp(0)), Reading(True, ours(90), under(False, 60)), base, of=boxes, rule=rule, owner=Owner.RIGHT
    )
    verdict = decide(kept)
    assert (verdict.outcome, writes(verdict)) == (Outcome.AGREED, (MISSING, MISSING))


def test_a_covered_edit_goes_by_the_sync_rule_too() -> None:
    readings = (Reading("x", stamp(0)), Reading("x", ours(900), under("y", 600)))
    always = decide(covered(*readings, rule=SyncRule.ALWAYS_LEFT))
    assert (always.rule, writes(always)) == (Rule.ALWAYS, (MISSING, MISSING))
    manual = decide(covered(*readings, rule=SyncRule.MANUAL))
    assert (manual.outcome, writes(manual)) == (Outcome.ASKED, (MISSING, MISSING))
    stages = (Reading("mql", stamp(0)), Reading("mql", ours(900), under("sql", 600)))
    forward_only = decide(covered(*stages, Base("mql", "mql"), rule=SyncRule.FORWARD_ONLY, stages=STAGES))
    assert (forward_only.rule, writes(forward_only)) == (Rule.FORWARD_ONLY, ("sql", "sql"))


def test_an_opt_out_that_a_system_shows_late_is_not_taken_for_an_opt_in() -> None:
    """We wrote the opt-out; the owner's side still shows the word of before, and its history has nothing newer."""
    pair = FieldPair("opt_out", "L", "R", owner=Owner.RIGHT, rule=SyncRule.MOST_RESTRICTIVE)
    specs = Specs(FieldSpec("L", FieldType.CHECKBOX), FieldSpec("R", FieldType.CHECKBOX))
    then = datetime(2026, 11, 2, tzinfo=UTC)
    base = Base(True, True, right_seen=then)

    def shown(at: datetime) -> Verdict:
        right = Reading(False, Stamp(at, True, "property history"))
        return decide(Question(pair, specs, Reading(True), right, base))

    late = shown(then)
    assert (late.write_left, late.write_right) == (MISSING, True)
    meant = shown(then + timedelta(seconds=1))
    assert (meant.write_left, meant.write_right) == (False, MISSING), "a newer word of the owner's opts in"


def test_what_a_system_made_of_a_write_that_was_never_recorded_is_no_rival_to_an_edit() -> None:
    """A kill came between our write and its record; the system trimmed what we wrote, and a person edited the left."""
    pair = FieldPair("title", "L", "R", owner=Owner.RIGHT)
    specs = Specs(FieldSpec("L", FieldType.TEXT), FieldSpec("R", FieldType.TEXT))
    then = Stamp(datetime(2026, 11, 2, tzinfo=UTC), True, "property history")
    asked = Question(pair, specs, Reading("Admiral", then), Reading("Capt", then, ours=True), Base("Mate", "Mate"))
    assert asked.changed() == {Side.LEFT}
    verdict = decide(asked)
    assert (verdict.write_left, verdict.write_right) == (MISSING, "Admiral")
    assert not verdict.conflict
