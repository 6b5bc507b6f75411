"""Which conditions stand, and that one telling is made for each change of state."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord.core.alerts import (
    CAUSES,
    Alert,
    Breaker,
    Changes,
    Condition,
    Dead,
    Facts,
    Limits,
    Measured,
    State,
    Telling,
    Unasked,
    Unreached,
    Waiting,
    changes,
    standing,
)
from concord.core.quota import Usage
from concord.errors import Category

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
LIMITS = Limits()
NEVER = Limits(
    down=None,
    database=None,
    worker=None,
    feed=None,
    consent=None,
    oldest=None,
    backlog=None,
    latency=None,
    dead_of_cause=None,
    dead=None,
    quota=None,
    forecast=None,
)


def before(**span: float) -> datetime:
    return NOW - timedelta(**span)


WELL = Facts(NOW, workers=1, heard_at=NOW)


def names(facts: Facts, limits: Limits = LIMITS) -> list[str]:
    return [one.name for one in standing(facts, limits)]


def only(facts: Facts, limits: Limits = LIMITS) -> Condition:
    (one,) = standing(facts, limits)
    return one


def usage(used: int, minutes_ago: float = 0, resets: float | None = None) -> Usage:
    resets_at = None if resets is None else NOW + timedelta(minutes=resets)
    return Usage("hubspot", used, 1000, 0.8, before(minutes=minutes_ago), resets_at)


def dead(label: str, count: int = 1, **age: float) -> Dead:
    return Dead(label, count, before(**(age or {"hours": 1})), "Map the value.")


def test_when_all_goes_well_nothing_stands() -> None:
    assert standing(WELL, LIMITS) == []


TROUBLED = [
    ("down: salesforce", replace(WELL, unreached=(Unreached("salesforce", before(minutes=2), Category.NETWORK),))),
    ("not asked: hubspot", replace(WELL, unasked=(Unasked("hubspot", ("contacts",), before(minutes=2)),))),
    ("worker", Facts(NOW, workers=0, heard_at=before(minutes=2))),
    ("opt-out waits", replace(WELL, consent=Waiting(1, 0, before(seconds=61)))),
    ("opt-out refused", replace(WELL, consent=Waiting(0, 1))),
    ("change waits", replace(WELL, people=Waiting(1, 0, before(minutes=16)))),
    ("backlog", replace(WELL, people=Waiting(10_001, 0, before(minutes=1)))),
    ("slow", replace(WELL, measured=(Measured("people", 20, 61.0),))),
    ("feed: hubspot journal", replace(WELL, feeds={"hubspot journal": before(minutes=3)})),
    ("quota: hubspot", replace(WELL, usage=((usage(721),),))),
    ("quota: hubspot", replace(WELL, usage=((usage(200, 60), usage(400)),))),
    ("dead letters: picklist X", replace(WELL, dead=(dead("picklist X"),))),
]


@pytest.mark.parametrize(("name", "facts"), TROUBLED)
def test_each_trouble_is_one_condition_which_can_be_left_out(name: str, facts: Facts) -> None:
    one = only(facts)
    assert one.name == name
    assert one.words
    assert one.advice
    assert one.since <= NOW
    assert standing(facts, NEVER) == []


BEARABLE = [
    replace(WELL, unreached=(Unreached("salesforce", before(seconds=59), Category.NETWORK),)),
    replace(WELL, unasked=(Unasked("hubspot", ("contacts",), before(seconds=59)),)),
    Facts(NOW, workers=0, heard_at=before(seconds=59)),
    replace(WELL, consent=Waiting(1, 0, before(seconds=60))),
    replace(WELL, people=Waiting(1, 0, before(minutes=15))),
    replace(WELL, people=Waiting(10_000, 0, before(minutes=1))),
    replace(WELL, measured=(Measured("people", 19, 600.0), Measured("deals", 20, 60.0))),
    replace(WELL, feeds={"hubspot journal": before(minutes=2)}),
    replace(WELL, usage=((usage(719),),)),
    replace(WELL, usage=((usage(780, 62), usage(790, 61)),)),
    replace(WELL, usage=((usage(790, 30, resets=0),),)),
    replace(WELL, usage=((usage(0, 60), usage(100)),)),
    replace(WELL, usage=((usage(200, 60, resets=90), usage(400, resets=90)),)),
]


@pytest.mark.parametrize("facts", BEARABLE)
def test_what_is_within_its_limit_is_not_told(facts: Facts) -> None:
    assert standing(facts, LIMITS) == []


@pytest.mark.parametrize(
    ("category", "words"),
    [
        (Category.NETWORK, "does not answer"),
        (Category.PERMISSION, "does not let Concord in"),
        (Category.QUOTA, "too many were made"),
        (Category.MAPPING, "refuses to say what changed: mapping"),
    ],
)
def test_a_system_that_is_down_is_told_with_its_kind_and_code(category: Category, words: str) -> None:
    one = only(replace(WELL, unreached=(Unreached("hubspot", before(minutes=5), category, "SOME_CODE"),)))
    assert words in one.words
    assert "(SOME_CODE)" in one.words
    assert one.since == before(minutes=5)


def test_that_no_worker_was_ever_heard_of_is_told() -> None:
    assert only(Facts(NOW)).since == NOW


def test_an_opt_out_that_waits_and_one_that_was_refused_are_two_conditions() -> None:
    facts = replace(WELL, consent=Waiting(3, 2, before(minutes=4)))
    waits, refused = standing(facts, LIMITS)
    assert (waits.count, waits.since) == (3, before(minutes=4))
    assert (refused.count, refused.words) == (2, "2 opt-outs were refused for good")


def test_the_slowest_lane_of_which_enough_is_known_is_told() -> None:
    measured = (Measured("people", 50, 70.0), Measured("deals", 30, 90.0), Measured("activities", 3, 900.0))
    one = only(replace(WELL, measured=measured))
    assert "90 s or longer, of 30 (deals) within 15 min" in one.words


def test_an_open_breaker_is_told_whatever_the_limits() -> None:
    facts = replace(WELL, breakers=(Breaker("blank:people:hubspot", before(hours=3), "412 records"),))
    assert names(facts, NEVER) == ["breaker: blank:people:hubspot"]


def test_the_forecast_says_when_the_calls_will_be_used_up() -> None:
    assert "2 h at this pace" in only(replace(WELL, usage=((usage(200, 60), usage(400)),))).words


class TestDeadLetters:
    def test_each_cause_is_a_condition_of_its_own_with_what_to_type(self) -> None:
        one, other = standing(replace(WELL, dead=(dead("b", 3, hours=1), dead("a", 1, hours=2))), LIMITS)
        assert (one.name, one.count, other.name, other.count) == ("dead letters: a", 1, "dead letters: b", 3)
        assert other.words == "3 records were given up: b"
        assert other.advice == 'Map the value. Then: concord retry --cause "b"'

    def test_a_cause_without_advice_still_says_how_to_try_again(self) -> None:
        one = only(replace(WELL, dead=(replace(dead("a"), advice=""),)))
        assert one.advice == 'Then: concord retry --cause "a"'

    def test_many_in_all_are_told_beside_their_causes(self) -> None:
        facts = replace(WELL, dead=(dead("a", 60, hours=2), dead("b", 40)))
        assert names(facts) == ["dead letters", "dead letters: a", "dead letters: b"]
        assert standing(facts, LIMITS)[0].since == before(hours=2)

    def test_only_causes_of_enough_records_are_told_where_that_is_configured(self) -> None:
        facts = replace(WELL, dead=(dead("a", 9), dead("b", 10)))
        assert names(facts, replace(LIMITS, dead_of_cause=10)) == ["dead letters: b"]

    def test_beyond_a_score_of_causes_the_rest_is_one_condition(self) -> None:
        facts = replace(WELL, dead=tuple(dead(f"{n:02}", 2, hours=100 - n) for n in range(CAUSES + 3)))
        *each, rest = standing(facts, replace(LIMITS, dead=None))
        assert [one.name for one in each] == [f"dead letters: {n:02}" for n in range(CAUSES)]
        assert (rest.name, rest.count, rest.words) == (
            "dead letters: others",
            6,
            "3 further causes of records that were given up",
        )

    def test_a_cause_that_was_told_is_not_pushed_out_by_an_older_one(self) -> None:
        causes = tuple(dead(f"{n:02}", 1, hours=100 - n) for n in range(CAUSES + 1))
        newest = f"dead letters: {CAUSES:02}"
        found = standing(replace(WELL, dead=causes), replace(LIMITS, dead=None), {newest})
        assert newest in [one.name for one in found]


# --- what has changed


def condition(name: str = "worker", **age: float) -> Condition:
    return Condition(name, before(**age), f"{name}!", "Do something.")


def alert(one: Condition, number: int = 1, seen: datetime = NOW, told: datetime = NOW) -> Alert:
    return Alert(number, one, seen, told)


def test_what_was_not_told_before_begins() -> None:
    assert changes([], [condition()], NOW, LIMITS) == Changes(begun=(condition(),))


def test_what_stands_on_is_not_told_again_but_kept_up_to_date() -> None:
    first = alert(condition(hours=1), seen=before(seconds=15))
    found = changes([first], [replace(condition(), count=7, words="worse")], NOW, LIMITS)
    assert (found.begun, found.reminded, found.mended) == ((), (), ())
    (seen,) = found.seen
    assert (seen.seen_at, seen.condition.since, seen.condition.count) == (NOW, before(hours=1), 7)


def test_what_is_gone_for_less_than_settle_is_not_over() -> None:
    assert changes([alert(condition(), seen=before(seconds=59))], [], NOW, LIMITS) == Changes()


def test_what_is_gone_for_as_long_as_settle_is_over() -> None:
    gone = alert(condition(), seen=before(seconds=60))
    assert changes([gone], [], NOW, LIMITS) == Changes(mended=(gone,))


def test_a_reminder_comes_only_where_it_is_wanted_and_due() -> None:
    old = alert(condition(), told=before(hours=2))
    assert changes([old], [condition()], NOW, LIMITS).reminded == ()
    assert len(changes([old], [condition()], NOW, replace(LIMITS, remind=timedelta(hours=2))).reminded) == 1
    assert changes([old], [condition()], NOW, replace(LIMITS, remind=timedelta(hours=3))).reminded == ()


@given(st.lists(st.booleans(), max_size=60))
def test_begun_and_over_take_turns_whatever_comes_and_goes(stands: list[bool]) -> None:
    told: list[Alert] = []
    said: list[str] = []
    gone_for = timedelta()
    for number, there in enumerate(stands):
        now = NOW + number * timedelta(seconds=15)
        gone_for = timedelta() if there else gone_for + timedelta(seconds=15)
        found = changes(told, [condition()] if there else [], now, LIMITS)
        said += ["begun" for _ in found.begun] + ["over" for _ in found.mended]
        told = [*found.seen, *(alert(one, seen=now) for one in found.begun)] if there else told
        if found.mended:
            assert gone_for >= LIMITS.settle
            told = []
    assert said == ["begun", "over"] * (len(said) // 2) + ["begun"] * (len(said) % 2)
    assert bool(told) == (len(said) % 2 == 1)


@pytest.mark.parametrize(
    ("state", "headline"),
    [
        (State.BEGUN, "no worker runs"),
        (State.STANDING, "still, after 3 h: no worker runs"),
        (State.MENDED, "over after 3 h: no worker runs"),
        (State.TEST, "no worker runs"),
    ],
)
def test_the_headline_says_whether_it_begins_or_ends(state: State, headline: str) -> None:
    telling = Telling("1", 1, state, NOW, "a:b", Condition("worker", before(hours=3), "no worker\nruns", ""))
    assert telling.headline == headline


@pytest.mark.parametrize(("seconds", "words"), [(30, "30 s"), (150, "2 min"), (7200, "2 h"), (200_000, "2 days")])
def test_a_span_is_said_as_exactly_as_a_person_needs_it(seconds: int, words: str) -> None:
    telling = Telling("1", 1, State.MENDED, NOW, "a:b", Condition("worker", before(seconds=seconds), "gone", ""))
    assert telling.headline == f"over after {words}: gone"
