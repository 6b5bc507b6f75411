"""Turns within a window, and how a day's calls are shared (SPEC 9.3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord.core.budget import (
    CALLS,
    DAY,
    EVENTS,
    STEPS,
    Day,
    Forecast,
    Limit,
    Log,
    Quota,
    Sample,
    Terms,
    Want,
    forecast,
    free,
    grant,
    ordinary,
    outlook,
    pacing,
)
from concord.core.model import Lane

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 3, tzinfo=UTC)
TERMS = Terms(share=0.8, reserve=0.02)
BURST = Limit("burst", 100, 10.0)
SEARCH = Limit("search", 4, 1.0, free=1.0)
ORDINARY = [lane for lane in Lane if lane is not Lane.CONSENT]


def day(used: int, most: int = 100_000, resets_at: datetime | None = MIDNIGHT) -> Day:
    return Day(used, most, NOON, resets_at)


def sustained_by(lane: Lane, used: int, hour: int) -> float | None:
    """Calls a minute of a lane when so many of 100,000 were used, `hour` of them in the last hour."""
    ahead = forecast(day(used), [Sample(NOON - timedelta(hours=1), used - hour)], NOON)
    return pacing(day(used), ahead, TERMS, lane, NOON).calls_a_minute


# --- turns


def test_as_many_go_at_once_as_the_limit_lets_and_the_rest_wait_until_the_oldest_has_left() -> None:
    one, logs = grant(Want(6, (SEARCH,)), {}, 0, 100.0)
    assert (one.count, one.wait, one.by, one.used) == (4, 1.0, "search", (4,))
    again, _ = grant(Want(2, (SEARCH,)), logs, 0, 100.4)
    assert (again.count, again.wait) == (0, pytest.approx(0.6))
    later, _ = grant(Want(2, (SEARCH,)), logs, 0, 101.0)
    assert (later.count, later.wait, later.by) == (2, 0.0, None)


def test_the_first_half_of_a_window_is_free_and_the_rest_is_spread_over_what_is_left_of_it() -> None:
    one, logs = grant(Want(80, (BURST,)), {}, 0, 0.0)
    assert (one.count, one.by) == (50, "burst")
    assert one.wait == pytest.approx(10 / 51)
    again, _ = grant(Want(30, (BURST,)), logs, 0, one.wait)
    assert again.count == 1


def test_more_of_a_window_may_be_free_for_those_who_are_more_urgent() -> None:
    _, logs = grant(Want(50, (BURST,)), {}, 0, 0.0)
    assert grant(Want(1, (BURST,)), logs, 0, 0.01)[0].count == 0
    urgent = Limit("burst", 100, 10.0, free=0.8)
    assert grant(Want(40, (urgent,)), logs, 0, 0.01)[0].count == 30
    assert grant(Want(60, (Limit("burst", 105, 10.0, free=1.0),)), logs, 0, 0.01)[0].count == 55


def test_a_steady_stream_uses_the_limit_and_never_passes_it() -> None:
    logs: Mapping[str, Log] = {}
    now, sent = 0.0, []
    while now < 60:
        one, logs = grant(Want(5, (BURST,)), logs, 0, now)
        sent += [now] * one.count
        now += one.wait
    for at, first in enumerate(sent):
        assert sum(1 for other in sent[at:] if other < first + 10.0) <= 100
    assert len([at for at in sent if at >= 10]) >= 0.95 * 500
    assert max(b - a for a, b in pairwise(sent)) < 0.3


def test_a_call_under_two_limits_keeps_both_and_tells_the_longer_wait() -> None:
    _, logs = grant(Want(50, (BURST,)), {}, 0, 0.0)
    one, logs = grant(Want(3, (SEARCH, BURST)), logs, 0, 1.0)
    assert (one.count, one.by, one.used) == (1, "burst", (1, 51))
    for at in (2.0, 2.01, 2.02, 2.03):
        _, logs = grant(Want(1, (SEARCH,)), logs, 0, at)
    one, _ = grant(Want(1, (SEARCH, BURST)), logs, 0, 2.1)
    assert (one.count, one.by, one.wait) == (0, "search", pytest.approx(0.9))


def test_a_limit_that_only_counts_holds_nobody_back() -> None:
    counting = Limit("slow backfill", None, 600.0)
    one, logs = grant(Want(7, (counting,)), {}, 0, 0.0)
    assert (one.count, one.by, one.used) == (7, None, (7,))
    slow = Limit("slow backfill", 10, 600.0)
    assert grant(Want(7, (slow,)), logs, 0, 1.0)[0].count == 3


def test_grants_that_are_close_to_one_another_are_kept_as_one_and_leave_with_the_last() -> None:
    log = Log().noted(1, 10.0, 0.01).noted(2, 10.0, 0.09).noted(1, 10.0, 0.11)
    assert log == Log((0.09, 0.11), (3, 1))
    assert log.within(10.0, 10.05).calls == (3, 1)
    assert log.within(10.0, 10.1).calls == (1,)
    assert log.noted(0, 10.0, 10.1) == Log((0.11,), (1,))


def test_what_was_noted_before_the_clock_was_set_back_does_not_hold_up_for_hours() -> None:
    log = Log((5000.0,), (100,))
    assert free(BURST, log, 100.0) == (50, 0.0)


def test_the_days_ceiling_is_never_passed() -> None:
    one, _ = grant(Want(10, (BURST,), ceiling=100), {}, 97, 0.0)
    assert (one.count, one.by, one.wait) == (3, DAY, 0.0)
    one, _ = grant(Want(10, (BURST,), ceiling=100), {}, 120, 0.0)
    assert (one.count, one.by) == (0, DAY)


def test_a_want_without_limits_gets_all() -> None:
    assert grant(Want(9), {}, 0, 0.0)[0].count == 9


@given(
    st.integers(1, 60),
    st.sampled_from([0.5, 0.8, 1.0]),
    st.lists(st.tuples(st.floats(0, 4), st.integers(1, 20)), max_size=40),
)
def test_no_window_holds_more_than_the_limit(most: int, at_once: float, asks: list[tuple[float, int]]) -> None:
    limit, logs, now = Limit("x", most, 5.0, at_once), {}, 1000.0
    sent: list[float] = []
    for passes, count in asks:
        now += passes
        one, logs = grant(Want(count, (limit,)), logs, 0, now)  # type: ignore[assignment]
        sent += [now] * one.count
        assert one.count == count or one.wait > 0
        if one.by:
            assert grant(Want(1, (limit,)), logs, 0, now + one.wait)[0].count == 1, "the wait that was told is enough"
    for at, first in enumerate(sent):
        assert sum(1 for other in sent[at:] if other < first + 5.0 - 1e-5) <= most


# --- the forecast


def test_the_day_is_forecast_by_the_rate_of_the_last_hour() -> None:
    samples = [Sample(NOON - timedelta(hours=3), 0), *(Sample(NOON - timedelta(minutes=m), 1000) for m in (60, 30))]
    ahead = forecast(day(3000), samples, NOON)
    assert (ahead.used, ahead.then, ahead.an_hour) == (3000 + 12 * 2000, MIDNIGHT, 2000.0)
    assert ahead.reaches(5000, day(3000), NOON) == NOON + timedelta(hours=1)
    assert ahead.reaches(100_000, day(3000), NOON) is None
    assert ahead.reaches(3000, day(3000), NOON) == NOON


def test_where_nobody_called_for_a_while_the_rate_is_of_up_to_two_hours() -> None:
    def rate(*minutes: int) -> float | None:
        return forecast(day(3000), [Sample(NOON - timedelta(minutes=m), 3000 - 10 * m) for m in minutes], NOON).an_hour

    assert rate(150, 100, 5) == pytest.approx(600.0)
    assert rate(100, 70, 30) == pytest.approx(600.0)
    assert rate(150, 5) is None


def test_a_few_minutes_tell_no_rate() -> None:
    ahead = forecast(day(3000), [Sample(NOON - timedelta(minutes=5), 0)], NOON)
    assert ahead == Forecast(3000, MIDNIGHT, None)
    assert forecast(day(3000), [], NOON).reaches(5000, day(3000), NOON) is None


def test_what_was_used_before_the_reset_does_not_count() -> None:
    now = MIDNIGHT + timedelta(minutes=30)
    samples = [Sample(MIDNIGHT - timedelta(minutes=20), 90_000), Sample(MIDNIGHT + timedelta(minutes=10), 100)]
    ahead = forecast(Day(300, 100_000, now, MIDNIGHT + timedelta(days=1)), samples, now)
    assert ahead.an_hour == pytest.approx(600.0)


def test_after_its_reset_a_day_is_new_whoever_told_of_it() -> None:
    now = MIDNIGHT + timedelta(hours=30)
    new = day(90_000).current(now)
    assert (new.used, new.at, new.resets_at) == (0, MIDNIGHT + timedelta(days=1), MIDNIGHT + timedelta(days=2))
    assert day(90_000).current(NOON).used == 90_000


def test_where_the_day_rolls_it_is_forecast_for_a_day_from_now_and_may_fall() -> None:
    rolling = day(50_000, resets_at=None)
    falls = forecast(rolling, [Sample(NOON - timedelta(hours=1), 51_000)], NOON)
    assert (falls.used, falls.then, falls.an_hour) == (26_000, NOON + timedelta(hours=24), -1000.0)
    assert falls.reaches(60_000, rolling, NOON) is None
    assert forecast(day(500), [Sample(NOON - timedelta(hours=1), 510)], NOON).an_hour == 0.0


def test_people_see_where_their_calls_stop_and_when_that_will_be_and_events_have_no_share() -> None:
    samples = (Sample(NOON - timedelta(hours=1), 59_000),)
    calls = outlook(Quota("hubspot", CALLS, day(69_000), samples), TERMS, NOON)
    assert (calls.bound, calls.ahead.used) == (78_000, 189_000)
    assert calls.runs_out_at == NOON + timedelta(minutes=54)
    events = outlook(Quota("salesforce", EVENTS, day(20, 1000, None)), TERMS, NOON)
    assert (events.bound, events.ahead.used, events.runs_out_at) == (1000, 20, None)


# --- the policy


def test_there_is_a_step_for_every_lane_but_consent_and_all_of_them_rise_with_urgency() -> None:
    assert list(STEPS) == sorted(ORDINARY, reverse=True)
    for slower, faster in pairwise(STEPS.values()):
        assert slower.onset < faster.onset
        assert slower.margin < faster.margin
        assert slower.floor < faster.floor


def test_what_is_left_to_others_and_what_is_kept_for_opt_outs_is_not_for_the_rest() -> None:
    assert ordinary(100_000, TERMS) == 78_000
    assert ordinary(100_000, Terms(0.02, 0.5)) == 1000, "the reserve is at most half of the share"
    assert ordinary(0, TERMS) == 0


def test_while_the_day_will_do_every_lane_goes_as_fast_as_it_comes() -> None:
    assert [sustained_by(lane, 30_000, 2000) for lane in Lane] == [None] * len(Lane)


def test_back_fill_slows_first_then_activities_and_people_last_of_the_three() -> None:
    assert [lane.name for lane in Lane if sustained_by(lane, 20_000, 9000) is not None] == ["BACKFILL"]
    assert [lane.name for lane in Lane if sustained_by(lane, 45_000, 9000) is not None] == ["ACTIVITIES", "BACKFILL"]
    assert [lane.name for lane in Lane if sustained_by(lane, 60_000, 9000) is not None] == [
        "PEOPLE",
        "ACTIVITIES",
        "BACKFILL",
    ]
    assert sustained_by(Lane.CONSENT, 99_999, 9000) is None


def test_a_slowed_lane_gets_its_part_of_what_lasts_until_the_reset() -> None:
    # 58,000 calls are left for 720 minutes.
    assert sustained_by(Lane.BACKFILL, 20_000, 9000) == pytest.approx(0.8 * 58_000 / 720)


def test_a_lane_that_uses_what_it_is_slowed_to_stays_slowed() -> None:
    rate = sustained_by(Lane.BACKFILL, 20_000, 9000)
    assert rate is not None
    assert sustained_by(Lane.BACKFILL, 20_000, int(rate * 60) + 1) == pytest.approx(rate)


def test_where_the_day_rolls_a_slowed_lane_gets_a_days_calls_in_a_day_and_never_the_last_within_an_hour() -> None:
    def rate(used: int) -> float | None:
        rolling = day(used, resets_at=None)
        return pacing(rolling, Forecast(200_000, NOON, 5000.0), TERMS, Lane.BACKFILL, NOON).calls_a_minute

    assert rate(20_000) == pytest.approx(0.8 * 78_000 / 1440)
    assert rate(77_940) == pytest.approx(0.8)
    assert rate(77_999) == 0.1


def test_when_the_ordinary_calls_are_used_only_consent_goes_on_and_to_the_last() -> None:
    assert [sustained_by(lane, 78_000, 0) for lane in ORDINARY] == [0.0] * len(ORDINARY)
    assert pacing(day(99_999), forecast(day(99_999), [], NOON), TERMS, Lane.CONSENT, NOON).calls_a_minute is None
    assert pacing(day(100_000), forecast(day(100_000), [], NOON), TERMS, Lane.CONSENT, NOON).calls_a_minute == 0.0


DAYS = st.builds(
    lambda most, part, left: Day(
        int(most * part), most, NOON, None if left is None else NOON + timedelta(minutes=left)
    ),
    st.integers(1, 2_000_000),
    st.floats(0, 1.1),
    st.none() | st.integers(1, 1440),
)
ALL_TERMS = st.builds(Terms, st.floats(0.01, 1), st.floats(0, 0.5))


@given(DAYS, ALL_TERMS, st.integers(0, 5_000_000))
def test_no_lane_is_ever_slower_than_one_behind_it(one: Day, terms: Terms, then: int) -> None:
    paces = [pacing(one, Forecast(then, MIDNIGHT, 1.0), terms, lane, NOON) for lane in Lane]
    for urgent, behind in pairwise(paces):
        assert urgent.ceiling >= behind.ceiling
        assert _rate(urgent.calls_a_minute) >= _rate(behind.calls_a_minute)


@given(DAYS, ALL_TERMS, st.integers(0, 5_000_000), st.sampled_from(list(Lane)))
def test_nothing_goes_beyond_the_share_and_nobody_is_stopped_while_something_is_left(
    one: Day, terms: Terms, then: int, lane: Lane
) -> None:
    now_day = one.current(NOON)
    pace = pacing(one, Forecast(then, MIDNIGHT, 1.0), terms, lane, NOON)
    assert pace.ceiling <= (one.most if lane is Lane.CONSENT else one.most * terms.share)
    assert (_rate(pace.calls_a_minute) == 0.0) == (now_day.used >= pace.ceiling)
    granted, _ = grant(Want(10**7, (), pace.ceiling), {}, now_day.used, 0.0)
    assert now_day.used + granted.count <= max(pace.ceiling, now_day.used)


def _rate(calls_a_minute: float | None) -> float:
    return float("inf") if calls_a_minute is None else calls_a_minute
