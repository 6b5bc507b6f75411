"""The ladder of SPEC 3.2: who wins when both sides changed a field to different values.

Depends on the two times, the measured clock difference and the mapping, and on nothing else: not on who was read first,
not on which worker ran. Decides a winner only; what is then written is for core/merge.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from concord.core.mapping import FieldPair, Owner
from concord.core.model import Side, Skew, Stamp
from concord.core.plan import Rule

#: Salesforce keeps whole seconds: of two edits less than a second apart nobody knows which was the later.
_GRAIN = timedelta(seconds=1)


@dataclass(frozen=True)
class Decision:
    """Who wins, by which rung of the ladder, and why in words."""

    winner: Side
    rule: Rule
    reason: str


def ladder(pair: FieldPair, left: Stamp | None, right: Stamp | None, skew: Skew) -> Decision:
    """Decide a conflict (SPEC 3.2).

    A strict field goes to its owner. Otherwise the side whose corrected time is more than the window newer wins;
    exactly the window is within it. Within it, or where a time is not known, the source of truth decides; for `latest`
    the newer time, and on a tie the fixed order of the configuration.
    A possible time (SPEC 3.3) stands for the field's own: it is the best that is known, and the log says so.
    """
    if pair.strict and pair.owner is not Owner.LATEST:
        owner = Side(pair.owner.value)
        return Decision(owner, Rule.STRICT_OWNER, f"{pair.name} is strict: its owner, {owner}, wins")
    lead = _lead(left, right, skew)
    if lead is None:
        return _by_owner(pair, None, "the time of at least one change is not known")
    ahead = Side.RIGHT if lead > timedelta() else Side.LEFT
    if abs(lead) > pair.window:
        return Decision(
            ahead, Rule.NEWER, f"{ahead} is newer by {_words(abs(lead))}, more than the window of {_words(pair.window)}"
        )
    apart = f"the changes are {_words(abs(lead))} apart, within the window of {_words(pair.window)}"
    return _by_owner(pair, lead, apart)


def _by_owner(pair: FieldPair, lead: timedelta | None, because: str) -> Decision:
    if pair.owner is not Owner.LATEST:
        owner = Side(pair.owner.value)
        return Decision(owner, Rule.OWNER, f"{because}: the source of truth, {owner}, wins")
    if lead is not None and abs(lead) >= _GRAIN:
        ahead = Side.RIGHT if lead > timedelta() else Side.LEFT
        return Decision(ahead, Rule.LATEST, f"{because}: the latest, {ahead}, wins")
    return Decision(pair.tie, Rule.FIXED_ORDER, f"{because}: by the fixed order {pair.tie} wins")


def _lead(left: Stamp | None, right: Stamp | None, skew: Skew) -> timedelta | None:
    """How much newer the right change is (negative: the left one), on one clock; None where a time is not known."""
    if left is None or right is None:
        return None
    return skew.corrected(Side.RIGHT, right.at) - skew.corrected(Side.LEFT, left.at)


def _words(span: timedelta) -> str:
    seconds = span.total_seconds()
    if seconds < 120:
        return f"{seconds:g} s"
    if seconds < 7200:
        return f"{seconds / 60:.4g} min"
    return f"{seconds / 3600:.4g} h" if seconds < 172_800 else f"{seconds / 86_400:.4g} days"
