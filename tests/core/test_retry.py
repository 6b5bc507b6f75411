"""How long to wait before the next try (SPEC 9.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord.core.retry import Backoff

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
