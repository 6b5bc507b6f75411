"""What the doctor's findings mean: quotas, clocks, rights, what asking costs, and how late a change is learned of."""

from __future__ import annotations

from datetime import timedelta

import pytest

from concord.core.checks import (
    Check,
    Question,
    Quota,
    Rights,
    State,
    Use,
    arranged,
    clock_check,
    cost_check,
    expectation,
    not_asked,
    quota_check,
    rights_check,
    worst,
)

OK, WARN, FAIL, UNKNOWN = State.OK, State.WARN, State.FAIL, State.UNKNOWN
QUARTER = timedelta(seconds=15)


def check(section: str, state: State, name: str = "it", **more: float) -> Check:
    return Check(section, name, state, "words", **more)


def test_the_worst_comes_first_within_its_section_and_sections_keep_their_order() -> None:
    found = [check("b", OK), check("a", WARN), check("b", FAIL), check("a", UNKNOWN), check("b", WARN, "x")]
    assert [(one.section, one.state) for one in arranged(found)] == [
        ("b", FAIL), ("b", WARN), ("b", OK), ("a", WARN), ("a", UNKNOWN),
    ]  # fmt: skip


def test_checks_that_came_out_alike_stay_in_the_order_in_which_they_were_asked() -> None:
    found = [check("a", OK, name) for name in ("z", "a", "m")]
    assert [one.name for one in arranged(found)] == ["z", "a", "m"]


def test_the_worst_of_all_is_what_an_exit_code_is_made_of() -> None:
    assert worst([]) is OK
    assert worst([check("a", OK), check("a", UNKNOWN)]) is UNKNOWN
    assert worst([check("a", WARN), check("a", UNKNOWN)]) is WARN
    assert worst([check("a", WARN), check("b", FAIL)]) is FAIL


def test_a_question_that_was_not_asked_says_because_of_what() -> None:
    async def never() -> list[Check]:
        raise AssertionError

    told = not_asked(Question("Left", "rights", never), "sign-in")
    assert (told.state, told.asked, told.words) == (UNKNOWN, False, "not asked, because of: sign-in")


@pytest.mark.parametrize(
    ("quota", "state", "words"),
    [
        (Quota(0, 0), UNKNOWN, "does not tell"),
        (Quota(10, 100), OK, "10 of 100 used (10%)"),
        (Quota(100, 100, 0.8), FAIL, "nothing is left"),
        (Quota(81, 100, 0.8), FAIL, "stops at 80%"),
        (Quota(80, 100, 0.8), OK, "80 of 100"),
        (Quota(50, 100, 0.8, passed=0.5), WARN, "100% by the end of the day"),
        (Quota(20, 100, 0.8, passed=0.5), OK, "40% by the end of the day"),
        (Quota(4, 100, 0.8, passed=0.01), OK, "4% by the end of the day"),
    ],
)
def test_a_quota_is_judged_by_what_is_used_and_by_what_will_be(quota: Quota, state: State, words: str) -> None:
    told = quota_check("Left", "daily calls", quota, "buy more")
    assert told.state is state
    assert words in told.words
    assert (told.advice == "buy more") == (state in (WARN, FAIL))


@pytest.mark.parametrize(
    ("ahead", "state", "words"),
    [
        (0, OK, "agrees"),
        (-29.9, OK, "agrees"),
        (30, WARN, "30 s behind it"),
        (-100, WARN, "100 s ahead of it"),
        (240, FAIL, "stale"),
    ],
)
def test_a_clock_that_is_off_is_told_and_one_that_is_far_off_fails(ahead: float, state: State, words: str) -> None:
    told = clock_check("Left", timedelta(seconds=ahead))
    assert told.state is state
    assert words in told.words


def test_rights_are_judged_by_what_the_mapping_wants() -> None:
    reads_only = Rights(reads=True, creates=False, updates=False)
    assert rights_check("Left", Use("Lead", creates=False, updates=False), reads_only, "grant").state is OK
    told = rights_check("Left", Use("Lead", creates=True, updates=True), reads_only, "grant")
    assert (told.state, told.words, told.advice) == (FAIL, "its records cannot be created or written", "grant")
    told = rights_check("Left", Use("Lead", creates=False, updates=True), Rights(False, True, True), "grant")
    assert told.words == "its records cannot be read"
    told = rights_check("Left", Use("Lead", creates=True, updates=True), Rights(True, True, True), "grant")
    assert (told.state, told.words) == (OK, "its records can be read, created, written, as the mapping wants")


@pytest.mark.parametrize(
    ("quota", "state"),
    [
        (None, OK),
        (Quota(0, 0), OK),
        (Quota(0, 100_000, 0.8), OK),
        (Quota(0, 10_000, 0.8), WARN),
        (Quota(0, 7_000, 0.8), FAIL),
    ],
)
def test_asking_too_often_is_told_before_the_day_is_spent(quota: Quota | None, state: State) -> None:
    told = cost_check("Left", {QUARTER: 1, timedelta(minutes=2): 1}, quota)
    assert told.state is state
    assert "about 6,480 calls a day" in told.words


def late(*checks: Check, every: float = 15, consent: float | None = 30, lag: float = 0) -> list[Check]:
    return expectation(
        "Left",
        checks,
        every=timedelta(seconds=every),
        consent_every=None if consent is None else timedelta(seconds=consent),
        beside=timedelta(minutes=2),
        lag=timedelta(seconds=lag),
    )


def test_without_events_a_change_is_learned_of_when_the_system_is_asked() -> None:
    change, opt_out = late(every=15, lag=10)
    assert change.words == "no events: a change is learned of within about 25 s, by asking every 15 s"
    assert opt_out.words == "an opt-out is learned of within 25 s, even if no event tells of it"
    assert (change.state, opt_out.state) == (OK, OK)


def test_with_events_it_is_learned_of_as_fast_as_the_fastest_tells_and_what_they_miss_as_the_net_catches_it() -> None:
    slow, fast = check("Left", OK, "journal", tells_within=10.0), check("Left", OK, "webhooks", tells_within=5.0)
    (change,) = late(slow, fast, every=60, consent=None)
    assert change.words == (
        "a change is learned of within about 5 s (journal, webhooks); what an event misses, within 2 min"
    )
    assert change.state is OK


def test_a_source_of_the_other_system_does_not_count() -> None:
    (change,) = late(check("Right", OK, "webhooks", tells_within=5.0), every=60, consent=None)
    assert (change.state, "no events" in change.words) == (WARN, True)


def test_an_opt_out_may_not_depend_on_an_event_that_can_be_lost() -> None:
    events = check("Left", OK, "webhooks", tells_within=5.0)
    change, opt_out = late(events, every=120, consent=90)
    assert (change.state, opt_out.state) == (OK, WARN)
    assert "a minute is the limit" in opt_out.words
    assert opt_out.advice
