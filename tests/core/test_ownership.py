"""Which changes of one side alone may go over: every sync rule with every blank policy (SPEC 2.2)."""

from __future__ import annotations

import pytest
from tests.core.fields import field

from concord.core.mapping import BlankPolicy, Owner, SyncRule
from concord.core.model import Side
from concord.core.ownership import always_side, clear_goes, one_side, preferred_side
from concord.core.plan import Rule

LEFT, RIGHT = Side.LEFT, Side.RIGHT
FREE = [SyncRule.TWO_WAY, SyncRule.MANUAL]


def goes(side: Side, *, cleared: bool = False, other_blank: bool = False, **said: object) -> tuple[bool, Rule]:
    ruling = one_side(field(**said), side, cleared=cleared, other_blank=other_blank)
    assert ruling.reason
    return ruling.goes, ruling.rule


@pytest.mark.parametrize("rule", FREE)
@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("owner", list(Owner))
@pytest.mark.parametrize("blank", list(BlankPolicy))
def test_a_value_goes_over_from_either_side_whoever_owns_the_field(
    rule: SyncRule, side: Side, owner: Owner, blank: BlankPolicy
) -> None:
    assert goes(side, rule=rule, owner=owner, blank=blank) == (True, Rule.ONE_SIDE)


@pytest.mark.parametrize("rule", FREE)
@pytest.mark.parametrize(
    ("blank", "owner", "side", "goes_over"),
    [
        (BlankPolicy.CARRY, Owner.LEFT, LEFT, True),
        (BlankPolicy.CARRY, Owner.LEFT, RIGHT, True),
        (BlankPolicy.CARRY, Owner.LATEST, RIGHT, True),
        (BlankPolicy.REFUSE, Owner.LEFT, LEFT, False),
        (BlankPolicy.REFUSE, Owner.LEFT, RIGHT, False),
        (BlankPolicy.REFUSE, Owner.LATEST, LEFT, False),
        (BlankPolicy.FROM_OWNER, Owner.LEFT, LEFT, True),
        (BlankPolicy.FROM_OWNER, Owner.LEFT, RIGHT, False),
        (BlankPolicy.FROM_OWNER, Owner.RIGHT, LEFT, False),
        (BlankPolicy.FROM_OWNER, Owner.RIGHT, RIGHT, True),
        (BlankPolicy.FROM_OWNER, Owner.LATEST, LEFT, True),
        (BlankPolicy.FROM_OWNER, Owner.LATEST, RIGHT, True),
    ],
)
def test_a_clear_goes_over_as_the_blank_policy_says(
    rule: SyncRule, blank: BlankPolicy, owner: Owner, side: Side, goes_over: bool
) -> None:
    expected = (True, Rule.ONE_SIDE) if goes_over else (False, Rule.BLANK_POLICY)
    assert goes(side, cleared=True, rule=rule, owner=owner, blank=blank) == expected
    assert clear_goes(field(blank=blank, owner=owner), side) is goes_over


@pytest.mark.parametrize(("rule", "always"), [(SyncRule.ALWAYS_LEFT, LEFT), (SyncRule.ALWAYS_RIGHT, RIGHT)])
@pytest.mark.parametrize("owner", list(Owner))
def test_under_always_an_edit_on_the_other_side_is_put_back_whatever_it_is(
    rule: SyncRule, always: Side, owner: Owner
) -> None:
    assert always_side(rule) is always
    for cleared in (False, True):
        for other_blank in (False, True):
            found = goes(always.other, cleared=cleared, other_blank=other_blank, rule=rule, owner=owner)
            assert found == (False, Rule.ALWAYS)
    assert goes(always, rule=rule, owner=owner) == (True, Rule.ONE_SIDE)


@pytest.mark.parametrize(("rule", "always"), [(SyncRule.ALWAYS_LEFT, LEFT), (SyncRule.ALWAYS_RIGHT, RIGHT)])
@pytest.mark.parametrize(("blank", "goes_over"), [("carry", True), ("from_owner", True), ("refuse", False)])
def test_under_always_that_side_is_the_owner_of_a_clear(
    rule: SyncRule, always: Side, blank: str, goes_over: bool
) -> None:
    policy, other = BlankPolicy(blank), Owner(always.other.value)
    expected = (True, Rule.ONE_SIDE) if goes_over else (False, Rule.BLANK_POLICY)
    assert goes(always, cleared=True, rule=rule, owner=other, blank=policy) == expected


@pytest.mark.parametrize("side", list(Side))
def test_a_clear_of_the_side_that_does_not_always_stand_is_no_clear_of_the_owner(side: Side) -> None:
    pair = field(owner=Owner(side.value))
    assert clear_goes(pair, side)
    assert not clear_goes(pair, side, owner=side.other)
    assert clear_goes(pair, side.other, owner=side.other)


@pytest.mark.parametrize(
    ("rule", "preferred"),
    [(SyncRule.PREFER_LEFT_UNLESS_BLANK, LEFT), (SyncRule.PREFER_RIGHT_UNLESS_BLANK, RIGHT)],
)
@pytest.mark.parametrize("blank", list(BlankPolicy))
def test_under_prefer_the_other_side_may_only_fill_a_blank(rule: SyncRule, preferred: Side, blank: BlankPolicy) -> None:
    assert preferred_side(rule) is preferred
    assert goes(preferred, rule=rule, blank=blank) == (True, Rule.PREFER)
    assert goes(preferred.other, other_blank=True, rule=rule, blank=blank) == (True, Rule.PREFER)
    assert goes(preferred.other, other_blank=False, rule=rule, blank=blank) == (False, Rule.PREFER)
    assert goes(preferred.other, cleared=True, rule=rule, blank=blank) == (False, Rule.PREFER)
    assert goes(preferred, cleared=True, rule=rule, blank=blank) == (False, Rule.PREFER), "filled from the other"


@pytest.mark.parametrize("rule", FREE)
def test_the_other_rules_have_no_side_of_their_own(rule: SyncRule) -> None:
    assert always_side(rule) is None
    assert preferred_side(rule) is None
