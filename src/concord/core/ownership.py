"""Whether a change that only one side made may go over, by the field's sync rule and blank policy (SPEC 2.2).

Knows no values: only whether they are blank. Consent and lifecycle have rules of their own (consent.py, lifecycle.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from concord.core.mapping import BlankPolicy, FieldPair, Owner, SyncRule
from concord.core.model import Side
from concord.core.plan import Rule


@dataclass(frozen=True)
class Ruling:
    """goes: the change is carried over; otherwise the other side's value is put back."""

    goes: bool
    rule: Rule
    reason: str


_ALWAYS = {SyncRule.ALWAYS_LEFT: Side.LEFT, SyncRule.ALWAYS_RIGHT: Side.RIGHT}
_PREFER = {SyncRule.PREFER_LEFT_UNLESS_BLANK: Side.LEFT, SyncRule.PREFER_RIGHT_UNLESS_BLANK: Side.RIGHT}


def always_side(rule: SyncRule) -> Side | None:
    """The side whose value always stands under this rule, if it has one."""
    return _ALWAYS.get(rule)


def preferred_side(rule: SyncRule) -> Side | None:
    """The side that is preferred unless it is blank, if the rule has one."""
    return _PREFER.get(rule)


def one_side(pair: FieldPair, side: Side, *, cleared: bool, other_blank: bool) -> Ruling:
    """Whether a change on `side` alone goes over.

    cleared: the change left the field blank. other_blank: the other side is blank.
    """
    always, preferred = always_side(pair.rule), preferred_side(pair.rule)
    if always is not None and always is not side:
        return Ruling(False, Rule.ALWAYS, f"{pair.name} is always {always}: an edit on {side} is put back")
    if preferred is not None:
        return _prefer(pair, side, preferred, cleared=cleared, other_blank=other_blank)
    if cleared and not clear_goes(pair, side, owner=always):
        return Ruling(
            False, Rule.BLANK_POLICY, f"{side} cleared {pair.name} and the blank policy ({pair.blank}) refuses that"
        )
    return Ruling(True, Rule.ONE_SIDE, f"only {side} changed {pair.name}")


def _prefer(pair: FieldPair, side: Side, preferred: Side, *, cleared: bool, other_blank: bool) -> Ruling:
    if side is preferred:
        if cleared:
            return Ruling(False, Rule.PREFER, f"{side} is preferred but blank now: filled from {side.other}")
        return Ruling(True, Rule.PREFER, f"{side} is preferred and changed {pair.name}")
    if other_blank:
        return Ruling(True, Rule.PREFER, f"{preferred} is preferred but blank: {side} may fill it")
    return Ruling(False, Rule.PREFER, f"{preferred} is preferred: an edit on {side} is put back")


def clear_goes(pair: FieldPair, side: Side, *, owner: Side | None = None) -> bool:
    """Whether a clear made on `side` may go over (SPEC 2.2, blank policy). owner: overrides the field's own."""
    if pair.blank is BlankPolicy.FROM_OWNER:
        if owner is not None:
            return owner is side
        # Where the latest change is the source of truth, the side that cleared last is the owner of that moment.
        return pair.owner is Owner.LATEST or pair.owner.is_side(side)
    return pair.blank is BlankPolicy.CARRY
