"""A withdrawal anywhere is a withdrawal everywhere; only the owner opts in again (SPEC 3.6, 7.2)."""

from __future__ import annotations

import pytest
from tests.core.fields import field

from concord.core.consent import settle, withdrawn
from concord.core.mapping import Owner
from concord.core.model import Side
from concord.core.plan import Rule
from concord.core.values import BLANK, MISSING, Value

LEFT, RIGHT = Side.LEFT, Side.RIGHT


def test_only_a_tick_is_a_withdrawal() -> None:
    assert withdrawn(True)
    others: list[Value] = [False, BLANK, MISSING, "true", "yes"]
    assert not any(withdrawn(value) for value in others)


@pytest.mark.parametrize("owner", list(Owner))
@pytest.mark.parametrize("changed", [{LEFT}, {RIGHT}, {LEFT, RIGHT}])
@pytest.mark.parametrize("agreed_before", [True, False])
@pytest.mark.parametrize("free", [LEFT, RIGHT])
@pytest.mark.parametrize("said", [False, BLANK])
def test_a_withdrawal_is_taken_back_only_by_an_edit_of_the_owner_after_both_sides_knew_it(
    owner: Owner, changed: set[Side], agreed_before: bool, free: Side, said: Value
) -> None:
    values = {free: said, free.other: True}
    ruling = settle(field(owner=owner), values[LEFT], values[RIGHT], changed, agreed_before=agreed_before)
    opted_in = agreed_before and changed == {free} and owner.value == free.value and said is False
    assert ruling.goes is not opted_in
    assert ruling.rule is Rule.MOST_RESTRICTIVE
    assert (f"{free} owns" if opted_in else f"{free.other} says not to contact") in ruling.reason
