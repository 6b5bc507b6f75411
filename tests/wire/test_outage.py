"""When a system counts as down, and when it is looked at again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from concord.errors import Category, RemoteBusy, RemoteRefused, RemoteUnknown
from concord.systems.outage import FAILURES, FIRST_PROBE, LONGEST_PROBE, Outage

NOON = datetime(2026, 11, 2, 12, 0, 0, tzinfo=UTC)
BROKEN = RemoteBusy("hubspot", Category.NETWORK, "no connection")
REFUSED = RemoteRefused("hubspot", Category.PERMISSION, "no")


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def down() -> Outage:
    outage = Outage("hubspot")
    for number in range(FAILURES + 1):
        outage.failed(BROKEN, after(number))
    return outage


def test_one_broken_connection_is_no_outage() -> None:
    outage = Outage("hubspot")
    for _ in range(50):
        outage.failed(BROKEN, NOON)
    outage.admit(after(1))
    assert outage.probe_at is None


def test_what_has_not_answered_for_a_while_is_not_called_but_for_a_look_now_and_then() -> None:
    outage = down()
    with pytest.raises(RemoteBusy, match=r"not answered since 12:00:00") as caught:
        outage.admit(after(5.5))
    assert caught.value.after == pytest.approx(FIRST_PROBE.total_seconds() - 0.5)
    look = after(5) + FIRST_PROBE
    outage.admit(look)
    with pytest.raises(RemoteBusy):
        outage.admit(look)


def test_looks_become_rarer_up_to_a_bound() -> None:
    outage, now, pauses = down(), after(5), []
    for _ in range(8):
        assert outage.probe_at is not None
        pauses.append(outage.probe_at - now)
        now = outage.probe_at
        outage.admit(now)
        outage.failed(BROKEN, now)
    assert pauses[0] == FIRST_PROBE
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PROBE


def test_an_answer_ends_it_and_a_refusal_is_an_answer() -> None:
    for end in (lambda one: one.answered(), lambda one: one.failed(REFUSED, after(9))):
        outage = down()
        end(outage)
        outage.admit(after(9))
        assert outage.probe_at is None
        outage.failed(BROKEN, after(9))
        outage.admit(after(9))


def test_calls_that_get_no_answer_in_time_have_to_go_on_longer() -> None:
    slow = RemoteUnknown("hubspot", Category.NETWORK, "no answer came")
    outage = Outage("hubspot")
    for number in range(12):
        outage.failed(slow, after(5 * number))
    assert outage.probe_at is None
    outage.failed(slow, after(60))
    assert outage.probe_at is not None
