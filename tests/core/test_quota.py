"""How much of a day's calls is used, and when they will have run out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from concord.core.quota import Usage, kept, runs_out

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


def usage(minutes: float, used: int, resets: float | None = None) -> Usage:
    resets_at = None if resets is None else NOON + timedelta(minutes=resets)
    return Usage("crm", used, 1000, 0.8, NOON + timedelta(minutes=minutes), resets_at)


def minute(at: datetime | None) -> float:
    assert at is not None
    return (at - NOON).total_seconds() / 60


def test_at_a_steady_pace_it_is_said_when_the_share_is_used_up() -> None:
    assert minute(runs_out([usage(0, 200), usage(60, 400)])) == 180


def test_what_is_used_up_already_runs_out_now() -> None:
    assert minute(runs_out([usage(0, 700), usage(60, 900)])) == 60


def test_a_few_minutes_tell_nothing_of_hours() -> None:
    assert runs_out([usage(0, 200), usage(9, 400)]) is None
    assert runs_out([usage(0, 200)]) is None


def test_a_count_that_does_not_grow_never_runs_out() -> None:
    assert runs_out([usage(0, 200), usage(60, 200)]) is None


def test_a_new_count_that_begins_before_that_means_enough() -> None:
    assert runs_out([usage(0, 200), usage(60, 400, resets=180)]) is None
    assert minute(runs_out([usage(0, 200), usage(60, 400, resets=181)])) == 180


def test_readings_of_an_hour_are_kept_one_every_five_minutes_and_the_newest() -> None:
    readings: tuple[Usage, ...] = ()
    for number in range(400):
        readings = kept(readings, usage(number / 4, 100 + number))
    assert len(readings) <= 14
    assert readings[-1].used == 499
    assert minute(readings[-1].at) - minute(readings[0].at) <= 60
    assert minute(readings[-1].at) - minute(readings[0].at) >= 50


def test_readings_of_a_count_that_has_begun_anew_are_forgotten() -> None:
    assert kept((usage(0, 900), usage(10, 950)), usage(20, 3)) == (usage(20, 3),)


def test_a_reading_that_is_not_newer_is_not_kept_twice() -> None:
    assert kept((usage(0, 900),), usage(0, 900)) == (usage(0, 900),)
