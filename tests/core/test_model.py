"""The nouns: what they say of each side."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from concord.core.model import Base, Failure, Lane, Link, Side, Work
from concord.core.values import BLANK, Ref
from concord.errors import Category, RemoteBusy, RemoteRefused


def test_a_link_and_a_base_say_of_each_side_what_is_that_sides() -> None:
    left, right = Ref("salesforce", "Lead", "1"), Ref("hubspot", "contacts", "2")
    then = datetime(2026, 11, 2, tzinfo=UTC)
    link = Link(1, "people", left, right, 100.0, right_read_at=then)
    assert [link.of(side) for side in Side] == [left, right]
    assert [link.read_at(side) for side in Side] == [None, then]
    base = Base("a", BLANK, left_seen=then)
    assert [base.of(side) for side in Side] == ["a", BLANK]
    assert [base.seen(side) for side in Side] == [then, None]
    assert Side.LEFT.other is Side.RIGHT


def test_tries_count_for_one_kind_of_reason_in_a_row() -> None:
    work = Work(Ref("salesforce", "Lead", "1"), Lane.PEOPLE, 1, 20, datetime(2026, 11, 2, tzinfo=UTC))
    assert work.tries(Category.RECORD_LOCK) == 20, "for what it failed is not known"
    work = replace(work, failed_for=Category.NETWORK)
    assert (work.tries(Category.NETWORK), work.tries(Category.RECORD_LOCK)) == (20, 0)


def test_a_call_that_failed_as_a_whole_is_told_as_data() -> None:
    busy = RemoteBusy("hubspot", Category.QUOTA, "nothing is left", code="DAILY", advice="Wait", after=60.0)
    failure = Failure.of(busy)
    assert (failure.category, failure.code, failure.after, failure.system) == (Category.QUOTA, "DAILY", 60.0, "hubspot")
    assert failure.transient
    assert "nothing is left" in failure.message
    assert not Failure.of(RemoteRefused("hubspot", Category.PERMISSION, "no")).transient
