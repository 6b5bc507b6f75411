"""The nouns: what they say of each side."""

from __future__ import annotations

from datetime import UTC, datetime

from concord.core.model import Base, Link, Side
from concord.core.values import BLANK, Ref


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
