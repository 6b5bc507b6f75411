"""When a field is stopped because two sets of rules chase each other through it, and what is held then (SPEC 3.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.core.fields import CONTACT, LEAD, NOON, at, stamp, terms

from concord.core.mapping import FieldPair, SyncRule
from concord.core.model import Base, Failure, Origin, Refused, Side
from concord.core.plan import FieldWrite, Outcome, RecordPlan, Rule, Step, UpdateStep, Verdict, WaitStep
from concord.core.rounds import Bound, Past, Write, answers, chases, hold, judge
from concord.core.values import BLANK, MISSING, Value
from concord.errors import Category

L, R = Side.LEFT, Side.RIGHT
TITLE = FieldPair("job_title", "Title", "jobtitle")
CITY = FieldPair("city", "City", "city")
OPT_OUT = FieldPair("opt_out", "HasOptedOutOfEmail", "hs_email_optout", rule=SyncRule.MOST_RESTRICTIVE)
PAIR = terms((TITLE, CITY, OPT_OUT), (), ()).pair
BOUND = Bound(writes=4, within=timedelta(minutes=10), pause=timedelta(hours=1))
SYSTEMS = {L: "salesforce", R: "hubspot"}


def write(side: Side, value: Value, minute: float, *, over: Value = "x", replaces: bool = False) -> Write:
    return Write(side, value, over, replaces, at(60 * minute))


def turns(values: Sequence[tuple[Side, Value]], every: float = 1) -> list[Write]:
    """Writes of these, one every so many minutes."""
    return [write(side, value, every * number) for number, (side, value) in enumerate(values)]


def judged(writes: Sequence[Write], bound: Bound = BOUND) -> bool:
    """Whether the last of these is held after the others."""
    return judge(Past(tuple(writes[:-1])), writes[-1], bound) is not None


def verdict(
    name: str = "job_title",
    *,
    left: Value = "ceo",
    right: Value = "CEO",
    to: Side = L,
    value: Value = "CEO",
    outcome: Outcome = Outcome.CARRIED,
    base: Base | None = None,
) -> Verdict:
    return Verdict(
        name,
        outcome,
        Rule.ONE_SIDE,
        "changed",
        left,
        right,
        base,
        write_left=value if to is L else MISSING,
        write_right=value if to is R else MISSING,
        winner=to.other,
        left_stamp=stamp(0),
        right_stamp=stamp(0),
    )


def plan(*verdicts: Verdict, steps: Sequence[Step] = (), held: Failure | None = None) -> RecordPlan:
    return RecordPlan("people", LEAD, CONTACT, tuple(steps), verdicts, link_id=7, held=held)


def update(*writes: FieldWrite, side: Side = L) -> UpdateStep:
    return UpdateStep(LEAD if side is L else CONTACT, side, writes, None)


TO_TITLE = FieldWrite("job_title", "Title", "ceo", "CEO")
TO_CITY = FieldWrite("city", "City", BLANK, "London")
PING_PONG = [(R, "a"), (L, "b")] * 5


# --- what a chase is --------------------------------------------------------------------------------------------------


def test_a_circle_is_stopped_when_there_were_as_many_writes_as_there_may_be() -> None:
    writes = turns(PING_PONG)
    assert [judged(writes[:many]) for many in (1, 2, 3, 4, 5, 6)] == [False, False, False, False, True, True]


def test_what_is_slower_than_the_bound_goes_on() -> None:
    assert not judged(turns(PING_PONG, every=3.4))


def test_a_person_who_edits_one_side_makes_no_round_however_often_the_same() -> None:
    assert not judged(turns([(R, "a"), (R, "b")] * 50, every=0.1))


def test_new_values_each_time_are_let_go_on_five_times_as_long() -> None:
    writes = turns([(side, f"title {number}") for number, (side, _) in enumerate(PING_PONG * 3)])
    assert not judged(writes[:20])
    assert judged(writes[:21])


def test_new_values_that_come_slowly_are_not_stopped() -> None:
    writes = turns([(side, f"title {number}") for number, (side, _) in enumerate(PING_PONG * 5)], every=3)
    assert not judged(writes[:50])


def test_after_a_chase_the_edit_of_a_person_on_the_side_that_was_not_written_is_no_part_of_it() -> None:
    writes = turns(PING_PONG)
    assert not judged([*writes, write(writes[-1].side, "c", 11)])


def test_the_same_put_back_again_and_again_is_a_circle_and_a_new_one_each_time_is_not() -> None:
    same = [write(R, "Analyst", number, over="Marketing", replaces=True) for number in range(6)]
    assert [judged(same[:many]) for many in (1, 4, 5)] == [False, False, True]
    tried = [write(R, "Analyst", number / 2, over=f"Title {number}", replaces=True) for number in range(15)]
    assert not judged(tried)


def test_what_was_stopped_stays_so_for_the_pause_whatever_is_written() -> None:
    past = Past((), stopped_at=NOON)
    assert judge(past, write(R, "a", 59), BOUND) == NOON
    assert judge(past, write(R, "a", 60), BOUND) is None


def test_after_the_pause_what_was_written_before_the_stop_counts_no_more() -> None:
    bound = Bound(writes=4, within=timedelta(minutes=10), pause=timedelta(minutes=1))
    writes = turns(PING_PONG, every=0.5)
    stopped = Past(tuple(writes[:4]), stopped_at=writes[3].at)
    assert judge(stopped, writes[7], bound) is None
    assert judge(Past(tuple(writes[:9]), writes[3].at), writes[9], bound) == writes[9].at, "but what came after does"


# --- which write a verdict is -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (verdict(to=L), Write(L, "CEO", "ceo", False, NOON)),
        (verdict(to=R, value="ceo", outcome=Outcome.PUT_BACK), Write(R, "ceo", "CEO", True, NOON)),
        (verdict(to=R, value="ceo", outcome=Outcome.DECIDED), Write(R, "ceo", "CEO", True, NOON)),
        (verdict(value=MISSING), None),
        (verdict(to=R, value=BLANK), Write(R, BLANK, "CEO", False, NOON)),
    ],
)
def test_a_verdict_is_the_write_it_makes(one: Verdict, expected: Write | None) -> None:
    assert Write.of(one, NOON) == expected


def test_of_a_verdict_that_writes_both_sides_the_one_over_what_lost_counts() -> None:
    both = Verdict("f", Outcome.DECIDED, Rule.NEWER, "", "a", "b", None, write_left="c", write_right="c", winner=L)
    assert Write.of(both, NOON) == Write(R, "c", "b", True, NOON)
    agreed = Verdict("f", Outcome.AGREED, Rule.SAME_CHANGE, "", "a", "b", None, write_left="c", write_right="c")
    assert Write.of(agreed, NOON) == Write(L, "c", "a", False, NOON)


# --- which fields are looked up ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "looked_up"),
    [
        (Base("ceo", "ceo", Origin(L, None)), True),  # HubSpot was written last, and shows something else now
        (Base("ceo", "CEO", Origin(L, None)), False),  # HubSpot shows what was written
        (Base("CTO", "CEO", Origin(R, None)), True),
        (Base("ceo", "CTO", Origin(R, None)), False),  # a person edits HubSpot again
        (Base("x", "y"), False),  # they came to agree by themselves
        (None, False),
    ],
)
def test_only_what_was_done_to_our_last_write_is_looked_up(base: Base | None, looked_up: bool) -> None:
    bases = {} if base is None else {"job_title": base}
    given = plan(verdict(), verdict("city", value=MISSING), steps=[update(TO_TITLE)])
    assert answers(given, bases) == (("job_title",) if looked_up else ())


def test_a_plan_that_updates_nothing_is_not_looked_up() -> None:
    assert (
        answers(plan(verdict(), steps=[WaitStep(LEAD, "gone")]), {"job_title": Base("x", "y", Origin(L, None))}) == ()
    )


# --- what is held -----------------------------------------------------------------------------------------------------


def pasts(**stopped: bool) -> Mapping[str, Past]:
    return {name: Past((), NOON if one else None) for name, one in stopped.items()}


def test_fields_in_a_chase_are_found_and_whether_they_are_stopped_now() -> None:
    given = plan(verdict(), verdict("city"), verdict("opt_out", value=MISSING))
    assert chases(given, PAIR, pasts(job_title=False, city=False, opt_out=True), BOUND, at(60)) == ()
    (old,) = chases(given, PAIR, pasts(job_title=True), BOUND, at(60))
    assert (old.field, old.since, old.new, old.free) == ("job_title", NOON, False, False)
    circle = Past(tuple(turns([(R, "ceo"), (L, "CEO")] * 2)))
    found = chases(plan(verdict(to=R, value="ceo")), PAIR, {"job_title": circle}, BOUND, at(240))
    assert [(one.since, one.new) for one in found] == [(at(240), True)]


def test_a_withdrawal_of_consent_is_written_all_the_same_and_an_opt_in_is_not() -> None:
    for value, free in ((True, True), (False, False)):
        given = plan(verdict("opt_out", left=not value, right=value, value=value))
        (one,) = chases(given, PAIR, pasts(opt_out=True), BOUND, at(60))
        assert one.free is free


def held(one: RecordPlan, *names: str, bound: Bound = BOUND) -> RecordPlan:
    found = {chase.field: chase for chase in chases(one, PAIR, dict.fromkeys(names, Past((), NOON)), bound, at(60))}
    return hold(one, found, PAIR, SYSTEMS, bound)


def test_only_the_field_is_held_and_the_failure_tells_both_values_and_who_was_last() -> None:
    by = verdict(base=Base("ceo", "ceo", Origin(L, None)))
    after = held(plan(by, verdict("city"), steps=[update(TO_TITLE, TO_CITY)]), "job_title")
    assert after.steps == (update(TO_CITY),)
    first, second = after.verdicts
    assert (first.outcome, first.rule, first.write_left) == (Outcome.HELD, Rule.CHASE, MISSING)
    assert second.outcome is Outcome.CARRIED
    failure = after.held
    assert failure is not None
    assert (failure.category, failure.fields, failure.system) == (Category.CHASE, ("Title", "jobtitle"), "salesforce")
    assert failure.refused == (Refused("salesforce", "job_title", "Title", "CEO", "ceo"),)
    assert failure.message == (
        "job_title: stopped since 2026-11-02 12:00 UTC: whatever Concord writes is changed again each time, "
        "last in hubspot"
    )
    assert "Title in salesforce and jobtitle in hubspot" in failure.advice
    assert "after 1 h" in failure.advice


def test_who_made_the_last_change_is_named_on_the_side_where_it_was_made() -> None:
    carried = Verdict("job_title", Outcome.CARRIED, Rule.ONE_SIDE, "", "ceo", "CEO", None, write_left="CEO", winner=R,
                      left_stamp=None, right_stamp=stamp(0))  # fmt: skip
    put_back = Verdict("job_title", Outcome.PUT_BACK, Rule.ALWAYS, "", "ceo", "CEO", None, write_left="CEO", winner=R,
                       left_stamp=None, right_stamp=stamp(0))  # fmt: skip
    reasons = [held(plan(one, steps=[update(TO_TITLE)]), "job_title").verdicts[0].reason for one in (carried, put_back)]
    assert [one.rpartition(", ")[2] for one in reasons] == ["last in hubspot", "last in salesforce"]
    by = Verdict("job_title", Outcome.CARRIED, Rule.ONE_SIDE, "", "ceo", "CEO", None, write_left="CEO", winner=R,
                 right_stamp=type(stamp(0))(NOON, True, "property history", "workflow 7"))  # fmt: skip
    assert held(plan(by, steps=[update(TO_TITLE)]), "job_title").verdicts[0].reason.endswith("in hubspot by workflow 7")


def test_a_step_of_which_nothing_is_left_goes_and_other_steps_stay() -> None:
    wait = WaitStep(LEAD, "something")
    short = Bound(writes=4, pause=timedelta(minutes=90))
    after = held(plan(verdict(), steps=[wait, update(TO_TITLE)]), "job_title", bound=short)
    assert after.steps == (wait,)
    assert after.held is not None
    assert "after 1.5 h" in after.held.advice


def test_what_a_breaker_holds_is_told_beside_it() -> None:
    breaker = Failure(Category.BREAKER, "city: held by the breaker", code="blank:people:salesforce")
    brief = Bound(writes=4, within=timedelta(minutes=1), pause=timedelta(minutes=30))
    given = plan(verdict(), steps=[update(TO_TITLE)], held=breaker)
    (one,) = chases(given, PAIR, {"job_title": Past((), NOON)}, brief, at(60))
    alone = hold(replace(given, held=None), {"job_title": one}, PAIR, SYSTEMS, brief).held
    assert alone is not None
    assert "after 30 min by itself" in alone.advice
    both = hold(given, {"job_title": one}, PAIR, SYSTEMS, brief).held
    assert both is not None
    assert (both.category, both.code) == (Category.BREAKER, "blank:people:salesforce")
    assert "job_title: stopped since" in both.message
    assert [value.field for value in both.refused] == ["job_title"]
