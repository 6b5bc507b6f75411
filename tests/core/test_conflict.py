"""The ladder: who wins when both sides changed (SPEC 3.2)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.fields import field, stamp

from concord.core.conflict import ladder
from concord.core.mapping import Owner
from concord.core.model import Side, Skew
from concord.core.plan import Rule

LEFT, RIGHT = Side.LEFT, Side.RIGHT
EVEN = Skew()


@pytest.mark.parametrize("ahead", [LEFT, RIGHT])
@pytest.mark.parametrize(
    ("seconds", "rule"), [(299, Rule.OWNER), (300, Rule.OWNER), (300.001, Rule.NEWER), (86_400, Rule.NEWER)]
)
def test_more_than_five_minutes_is_newer_and_five_minutes_are_not(ahead: Side, seconds: float, rule: Rule) -> None:
    times = {ahead: stamp(seconds), ahead.other: stamp(0)}
    owned = field(owner=Owner(ahead.other.value))
    decision = ladder(owned, times[LEFT], times[RIGHT], EVEN)
    assert decision.rule is rule
    assert decision.winner is (ahead if rule is Rule.NEWER else ahead.other)


@pytest.mark.parametrize(("window", "rule"), [(59, Rule.NEWER), (60, Rule.OWNER), (0, Rule.NEWER), (3600, Rule.OWNER)])
def test_the_window_is_the_fields_own(window: int, rule: Rule) -> None:
    pair = field(owner=Owner.LEFT, window=timedelta(seconds=window))
    assert ladder(pair, stamp(0), stamp(60), EVEN).rule is rule


@pytest.mark.parametrize("owner", [Owner.LEFT, Owner.RIGHT])
def test_a_strict_field_goes_to_its_owner_however_much_newer_the_other_is(owner: Owner) -> None:
    pair = field(owner=owner, strict=True)
    for times in ((0, 90_000), (90_000, 0)):
        decision = ladder(pair, stamp(times[0]), stamp(times[1]), EVEN)
        assert (decision.winner, decision.rule) == (Side(owner.value), Rule.STRICT_OWNER)


def test_strict_says_nothing_where_the_latest_is_the_source_of_truth() -> None:
    pair = field(owner=Owner.LATEST, strict=True)
    assert ladder(pair, stamp(0), stamp(900), EVEN).rule is Rule.NEWER
    assert ladder(pair, stamp(0), stamp(10), EVEN).rule is Rule.LATEST


@pytest.mark.parametrize(
    ("left", "right", "winner", "rule"),
    [
        (0, 10, RIGHT, Rule.LATEST),
        (10, 0, LEFT, Rule.LATEST),
        (0, 1, RIGHT, Rule.LATEST),
        (0, 0.999, RIGHT, Rule.FIXED_ORDER),
        (0, 0, RIGHT, Rule.FIXED_ORDER),
        (0.999, 0, RIGHT, Rule.FIXED_ORDER),
    ],
)
def test_the_latest_wins_and_less_than_a_second_is_a_tie(left: float, right: float, winner: Side, rule: Rule) -> None:
    decision = ladder(field(owner=Owner.LATEST, tie=RIGHT), stamp(left), stamp(right), EVEN)
    assert (decision.winner, decision.rule) == (winner, rule)


@pytest.mark.parametrize("tie", [LEFT, RIGHT])
def test_a_tie_goes_by_the_fixed_order_of_the_configuration(tie: Side) -> None:
    pair = field(owner=Owner.LATEST, tie=tie)
    assert ladder(pair, stamp(5), stamp(5), EVEN).winner is tie
    for left, right in ((None, stamp(5)), (stamp(5), None), (None, None)):
        decision = ladder(pair, left, right, EVEN)
        assert (decision.winner, decision.rule) == (tie, Rule.FIXED_ORDER)
        assert "not known" in decision.reason


@pytest.mark.parametrize("owner", [Owner.LEFT, Owner.RIGHT])
def test_without_a_time_the_source_of_truth_decides(owner: Owner) -> None:
    decision = ladder(field(owner=owner), None, stamp(90_000), EVEN)
    assert (decision.winner, decision.rule) == (Side(owner.value), Rule.OWNER)


def test_times_are_compared_on_one_clock() -> None:
    # The right clock is ten minutes ahead: what it calls 12:10 was 12:00.
    ahead = Skew(right=timedelta(minutes=10))
    pair = field(owner=Owner.LEFT)
    assert ladder(pair, stamp(0), stamp(600), ahead).rule is Rule.OWNER
    assert ladder(pair, stamp(0), stamp(600), EVEN).rule is Rule.NEWER
    assert ladder(pair, stamp(0), stamp(901), ahead).winner is RIGHT
    assert ladder(pair, stamp(0), stamp(200), Skew(left=timedelta(minutes=-5))).winner is LEFT
    assert ladder(pair, stamp(0), stamp(0), Skew(left=timedelta(seconds=301))).winner is RIGHT


def test_a_possible_time_stands_for_the_fields_own() -> None:
    pair = field(owner=Owner.LEFT)
    decision = ladder(pair, stamp(0, certain=False), stamp(301, certain=False), EVEN)
    assert (decision.winner, decision.rule) == (RIGHT, Rule.NEWER)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(90, "90 s"), (301, "5.017 min"), (7200, "2 h"), (90_000, "25 h"), (864_000, "10 days")],
)
def test_the_reason_says_how_far_apart_the_changes_are(seconds: float, words: str) -> None:
    assert words in ladder(field(owner=Owner.LEFT), stamp(0), stamp(seconds), EVEN).reason


@given(
    st.sampled_from(list(Owner)),
    st.sampled_from(list(Side)),
    st.integers(-1000, 1000),
    st.integers(-1000, 1000),
    st.integers(-1000, 1000),
)
def test_only_the_distance_of_the_two_changes_counts_not_when_they_were(
    owner: Owner, tie: Side, left: int, right: int, moved: int
) -> None:
    pair = field(owner=owner, tie=tie)
    here = ladder(pair, stamp(left), stamp(right), EVEN)
    assert ladder(pair, stamp(left + moved), stamp(right + moved), EVEN) == here
