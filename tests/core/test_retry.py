"""How long to wait before the next try (SPEC 9.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord.core.model import Failure
from concord.core.retry import OF_A_RECORD, Backoff, next_try
from concord.errors import Category

shares = st.floats(0, 1, exclude_max=True)


def test_each_wait_is_twice_the_one_before_until_the_cap() -> None:
    backoff = Backoff(first=1.0, factor=2.0, cap=5.0, tries=6)
    assert [backoff.wait(attempt, 0.999999) for attempt in range(1, 6)] == pytest.approx([1, 2, 4, 5, 5], rel=1e-5)


def test_after_the_last_try_there_is_none() -> None:
    assert Backoff(tries=3).wait(2, 0.5) is not None
    assert Backoff(tries=3).wait(3, 0.5) is None
    assert Backoff(tries=3).wait(4, 0.5) is None
    assert Backoff(tries=3).wait(3, 0.5, told=1.0) is None


@given(st.integers(1, 7), shares)
def test_a_wait_is_spread_over_the_upper_half_so_that_many_do_not_come_back_at_once(attempt: int, share: float) -> None:
    backoff = Backoff(first=1.0, cap=16.0, tries=8)
    ceiling = min(16.0, 2.0 ** (attempt - 1))
    wait = backoff.wait(attempt, share)
    assert wait is not None
    assert ceiling / 2 <= wait <= ceiling


@given(st.integers(1, 5), shares, st.floats(0, 7200))
def test_what_the_vendor_asked_for_is_never_cut_short_not_even_by_the_cap(
    attempt: int, share: float, told: float
) -> None:
    wait = Backoff(cap=60.0).wait(attempt, share, told)
    assert wait is not None
    assert told <= wait <= told + 1.0


# --- what a failed record does


PATIENCE = Backoff(first=2.0, cap=60.0, tries=5)


def failed(category: Category = Category.RECORD_LOCK, **said: Any) -> Failure:
    return replace(Failure(category, "no", transient=True), **said)


def test_what_passes_is_tried_a_bounded_number_of_times() -> None:
    assert [next_try(PATIENCE, failed(), attempt, 0.0) for attempt in range(1, 7)] == [1, 2, 4, 8, None, None]


def test_what_stays_waits_for_a_person_at_once() -> None:
    assert next_try(PATIENCE, failed(Category.PICKLIST, transient=False), 1, 0.5) is None


@pytest.mark.parametrize(
    "failure",
    [
        failed(Category.NETWORK, whole=True),
        failed(Category.QUOTA),
        failed(Category.RATE_LIMIT),
        failed(Category.PERMISSION, transient=False, whole=True),
    ],
    ids=["outage", "quota", "rate limit", "revoked token"],
)
def test_what_is_no_records_fault_is_waited_out(failure: Failure) -> None:
    assert next_try(PATIENCE, failure, 1000, 0.0) == 8


@pytest.mark.parametrize("category", sorted(OF_A_RECORD))
def test_a_call_that_was_refused_for_the_sake_of_a_record_is_not_waited_out(category: Category) -> None:
    assert next_try(PATIENCE, failed(category, transient=False, whole=True), 1, 0.0) is None


def test_a_record_that_one_system_breaks_on_each_time_is_not_tried_for_ever() -> None:
    assert next_try(PATIENCE, failed(Category.NETWORK, unknown=True), 5, 0.0) is None


def test_a_record_that_moved_is_read_again_at_once_and_more_slowly_each_time_after() -> None:
    moved = failed(Category.CONFLICT, transient=False, moved=True)
    assert [next_try(PATIENCE, moved, attempt, 0.0) for attempt in range(1, 6)] == [0, 2, 4, 8, None]
    assert next_try(PATIENCE, replace(moved, after=1.0), 1, 0.9) == 1.0


@given(st.integers(1, 4), shares, st.floats(0, 7200))
def test_a_record_is_never_tried_sooner_than_the_vendor_asked_for(attempt: int, share: float, told: float) -> None:
    wait = next_try(PATIENCE, failed(after=told), attempt, share)
    own = PATIENCE.wait(attempt, share)
    assert wait is not None
    assert own is not None
    assert wait >= max(told, own)
