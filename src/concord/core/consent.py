"""The law of consent: a withdrawal anywhere is a withdrawal everywhere (SPEC 3.6, 7.2).

For fields under the rule `most_restrictive`: True means "do not contact". No default, blank, merge, back-fill or newer
time opts a person in; only the field's owner can, by an edit of its own after the two sides had agreed.
"""

from __future__ import annotations

from collections.abc import Collection

from concord.core.mapping import FieldPair
from concord.core.model import Side
from concord.core.ownership import Ruling
from concord.core.plan import Rule
from concord.core.values import Value


def withdrawn(value: Value) -> bool:
    """Whether a value says "do not contact". A blank says nothing."""
    return value is True


def settle(pair: FieldPair, left: Value, right: Value, changed: Collection[Side], *, agreed_before: bool) -> Ruling:
    """For two sides of which exactly one says "do not contact": whether that word goes over (`goes`), or is taken back.

    agreed_before: the two had agreed on the withdrawal, and what the free side shows was said after that, so it is
    newer (SPEC 7.2: with a newer time).
    """
    free, value = (Side.LEFT, left) if withdrawn(right) else (Side.RIGHT, right)
    # A blank is no word of the person: only an explicit "may be contacted" on the owner's side opts in again.
    if agreed_before and set(changed) == {free} and pair.owner.is_side(free) and value is False:
        return Ruling(False, Rule.MOST_RESTRICTIVE, f"{free} owns {pair.name} and opted the person in again")
    return Ruling(True, Rule.MOST_RESTRICTIVE, f"{free.other} says not to contact: a withdrawal wins")
