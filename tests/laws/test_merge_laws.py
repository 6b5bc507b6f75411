"""The laws of DESIGN that the merge of one field obeys, whatever the mapping, the values and the times."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.laws.fields import mirrored, mirrored_verdict, questions, values

from concord.core.mapping import SyncRule, translate
from concord.core.merge import Question, Reading, decide
from concord.core.model import Base, Side, Skew, Stamp
from concord.core.plan import Outcome, Rule, Verdict
from concord.core.values import BLANK, MISSING, Value, same

many = settings(max_examples=600, deadline=None)


def applied(question: Question, verdict: Verdict) -> Question:
    """What the sides show, and what they showed when they last agreed, after the verdict was carried out."""
    shown = {
        side: question.reading(side).value if verdict.write(side) is MISSING else verdict.write(side) for side in Side
    }
    kept = verdict.outcome in (Outcome.AGREED, Outcome.CARRIED, Outcome.PUT_BACK, Outcome.DECIDED)
    return replace(
        question,
        left=Reading(shown[Side.LEFT], question.left.stamp),
        right=Reading(shown[Side.RIGHT], question.right.stamp),
        base=Base(shown[Side.LEFT], shown[Side.RIGHT]) if kept else question.base,
    )


@given(questions())
@many
def test_quiet_once_a_plan_is_applied_there_is_nothing_left_to_do(question: Question) -> None:
    verdict = decide(question)
    assume(verdict.outcome not in (Outcome.HELD, Outcome.ASKED))
    again = decide(applied(question, verdict))
    assert again.write_left is MISSING, again
    assert again.write_right is MISSING, again


@given(questions())
@many
def test_mirror_swapping_the_sides_and_the_owners_swaps_the_verdict(question: Question) -> None:
    # Both sides covered at once is decided from one side's point of view only in its wording.
    verdict = decide(question)
    assert mirrored_verdict(decide(mirrored(question))) == replace(verdict, reason="")


@given(questions())
@many
def test_no_invention_what_is_written_comes_from_the_other_side_or_from_a_declared_default(question: Question) -> None:
    verdict = decide(question)
    for side in Side:
        written = verdict.write(side)
        if written is MISSING:
            continue
        spec = question.specs.of(side)
        sources: list[Value] = [question.pair.default(side)]
        for other in Side:
            reading = question.reading(other)
            for value in (reading.value, reading.overwritten.value if reading.overwritten else MISSING):
                carried = value if other is side else translate(value, question.pair, question.specs, other, {})
                sources.append(carried)  # type: ignore[arg-type]  # an Untranslatable is never equal to a value
        assert any(
            written == source or (isinstance(source, type(written)) and same(written, source, spec))
            for source in sources
        )


@given(questions(covered=False, based=True))
@many
def test_untouched_what_neither_side_changed_is_never_written(question: Question) -> None:
    assert question.base is not None
    still = replace(question, left=Reading(question.base.left), right=Reading(question.base.right))
    verdict = decide(still)
    assert verdict.write_left is MISSING
    assert verdict.write_right is MISSING


@given(questions(rule=SyncRule.MOST_RESTRICTIVE))
@many
def test_no_means_no_an_opt_out_never_becomes_an_opt_in_without_its_owner(question: Question) -> None:
    pair = question.pair
    verdict = decide(question)
    for side in Side:
        shown = question.reading(side)
        out = shown.value is True or (shown.overwritten is not None and shown.overwritten.value is True)
        if out and verdict.write(side) not in (MISSING, True):
            assert pair.owner.is_side(side.other), "only the owner opts in"
            assert question.base is not None, "never at a first link"
            assert question.reading(side.other).value is False, "never by a blank"
            assert not same(False, question.base.of(side.other), question.specs.of(side.other)), "only by an edit"


@given(questions())
@many
def test_explained_every_verdict_names_its_rule_its_reason_and_its_values(question: Question) -> None:
    verdict = decide(question)
    assert verdict.reason
    assert isinstance(verdict.rule, Rule)
    assert verdict.field == question.pair.name
    assert verdict.base == question.base
    if not (question.left.overwritten or question.right.overwritten):
        assert (verdict.left, verdict.right) == (question.left.value, question.right.value)
    if verdict.write_left is not MISSING or verdict.write_right is not MISSING:
        assert verdict.outcome in (Outcome.CARRIED, Outcome.PUT_BACK, Outcome.DECIDED, Outcome.AGREED)


@given(questions(covered=False), st.sampled_from(list(Side)))
@many
def test_missing_is_not_blank_a_field_that_was_not_read_is_neither_written_nor_cleared(
    question: Question, side: Side
) -> None:
    unread = Reading(MISSING)
    asked = replace(question, left=unread) if side is Side.LEFT else replace(question, right=unread)
    verdict = decide(asked)
    assert (verdict.write_left, verdict.write_right) == (MISSING, MISSING)
    assert verdict.outcome in (Outcome.HELD, Outcome.OFF)


@given(
    questions(covered=False, based=True, most_changed=1),
    st.sampled_from(list(Side)),
    st.integers(-10_000_000, 10_000_000),
)
@many
def test_skew_moving_one_sides_clock_cannot_change_a_field_that_only_one_side_changed(
    question: Question, side: Side, seconds: int
) -> None:
    assert len(question.changed() - {s for s in Side if question.reading(s).value is MISSING}) <= 1
    moved = timedelta(seconds=seconds)
    reading = question.reading(side)
    stamp = replace(reading.stamp, at=reading.stamp.at + moved) if reading.stamp else None
    shifted = replace(reading, stamp=stamp)
    asked = replace(question, left=shifted) if side is Side.LEFT else replace(question, right=shifted)
    before, after = decide(question), decide(asked)
    assert (after.write_left, after.write_right, after.outcome, after.rule) == (
        before.write_left,
        before.write_right,
        before.outcome,
        before.rule,
    )


@given(questions(covered=False), st.sampled_from(list(Side)), st.integers(-10_000_000, 10_000_000))
@many
def test_skew_a_clock_that_is_measured_changes_no_verdict_at_all(question: Question, side: Side, seconds: int) -> None:
    moved = timedelta(seconds=seconds)

    def shifted(reading: Reading) -> Reading:
        return replace(reading, stamp=replace(reading.stamp, at=reading.stamp.at + moved) if reading.stamp else None)

    if side is Side.LEFT:
        skew = Skew(question.skew.left + moved, question.skew.right)
        asked = replace(question, left=shifted(question.left), skew=skew)
    else:
        skew = Skew(question.skew.left, question.skew.right + moved)
        asked = replace(question, right=shifted(question.right), skew=skew)
    before, after = decide(question), decide(asked)
    assert (after.write_left, after.write_right, after.rule) == (before.write_left, before.write_right, before.rule)


@given(questions(covered=False, missing=False, based=True), st.data())
@many
def test_formatting_alone_is_never_a_change(question: Question, data: st.DataObject) -> None:
    assert question.base is not None
    side = data.draw(st.sampled_from(list(Side)))
    spec = question.specs.of(side)
    other = data.draw(values(spec.type, missing=False).filter(lambda v: same(v, question.base.of(side), spec)))  # type: ignore[union-attr]
    left = Reading(other) if side is Side.LEFT else Reading(question.base.left)
    right = Reading(other) if side is Side.RIGHT else Reading(question.base.right)
    verdict = decide(replace(question, left=left, right=right))
    assert (verdict.write_left, verdict.write_right) == (MISSING, MISSING)


def test_the_window_is_strict_exactly_five_minutes_is_within_it() -> None:
    from tests.laws.fields import NOON

    from concord.core.conflict import ladder
    from concord.core.mapping import FieldPair, Owner

    pair = FieldPair("phone", "Phone", "phone", owner=Owner.LEFT)
    older = Stamp(NOON, True, "test")
    at_five = ladder(pair, older, Stamp(NOON + timedelta(minutes=5), True, "test"), Skew())
    beyond = ladder(pair, older, Stamp(NOON + timedelta(minutes=5, milliseconds=1), True, "test"), Skew())
    assert (at_five.winner, at_five.rule) == (Side.LEFT, Rule.OWNER)
    assert (beyond.winner, beyond.rule) == (Side.RIGHT, Rule.NEWER)
    assert BLANK is not MISSING
