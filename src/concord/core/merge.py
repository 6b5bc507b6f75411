"""The merge: for one field of one linked pair, what becomes of it and why (DESIGN, Merge; SPEC 2.2, 3).

    neither changed    nothing
    one changed        its value goes over, if the sync rule lets it; else the other side's value is put back
    both, to the same  agreed
    both, differently  a conflict: the sync rule where it decides, else the ladder of core/conflict.py
    never agreed yet   a blank side is filled; every other difference is decided like a conflict (SPEC 3.1)

One function for both directions; writes nothing. Every way through names its rule and its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from concord.core import consent, lifecycle, ownership
from concord.core.conflict import Decision, ladder
from concord.core.history import stamp_of
from concord.core.mapping import FieldPair, Specs, SyncRule, agree, translate
from concord.core.model import SIDES, Base, Overwritten, Record, Side, Skew, Stamp
from concord.core.plan import Blocked, Outcome, Rule, Verdict
from concord.core.quick import quick
from concord.core.values import BLANK, MISSING, Ref, Untranslatable, Value, is_blank, same

_NEITHER = "neither side changed since they last agreed"


@quick
@dataclass(frozen=True)
class Reading:
    """One side of one field: what it shows, since when, and a foreign edit that we covered unseen, if there was one.

    ours: what it shows was written by us, as the field's own history says. silent: it has come to show that without
    anybody's word (core/history.py `came_along`).
    """

    value: Value
    stamp: Stamp | None = None
    overwritten: Overwritten | None = None
    ours: bool = False
    silent: bool = False


@quick
@dataclass(frozen=True)
class Question:
    """Everything that the verdict on one field may depend on."""

    pair: FieldPair
    specs: Specs
    left: Reading
    right: Reading
    base: Base | None = None
    skew: Skew = field(default_factory=Skew)
    partners: Mapping[Ref, Ref] = field(default_factory=dict)

    def reading(self, side: Side) -> Reading:
        return self.left if side is Side.LEFT else self.right

    def blank(self, side: Side) -> bool:
        return is_blank(self.reading(side).value, self.specs.of(side))

    def was_blank(self, side: Side) -> bool:
        """Whether a side is blank but for a write of ours of which nothing was recorded."""
        if self.reading(side).ours and self.base is not None:
            return is_blank(self.base.of(side), self.specs.of(side))
        return self.blank(side)

    def agreed(self) -> bool:
        return agree(self.left.value, self.right.value, self.pair, self.specs, self.partners)

    def changed(self) -> frozenset[Side]:
        """The sides that differ from their own base; without a base, both: neither has a past to go by.

        Where both do, and one shows a write of ours, that is what its system made of our last write, of which a kill
        let nothing be recorded: nobody's edit, and no rival to the other side's (SPEC 3.7, 9.6).
        """
        changed = frozenset(
            side
            for side in SIDES
            if self.base is None or not same(self.reading(side).value, self.base.of(side), self.specs.of(side))
        )
        own = [side for side in SIDES if self.reading(side).ours]
        if len(changed) == 2 and len(own) == 1 and not self.blank(own[0].other):
            return frozenset({own[0].other})
        return changed


def decide(question: Question) -> Verdict:
    """The verdict on one field."""
    if question.pair.rule is SyncRule.OFF:
        return _verdict(question, Outcome.OFF, Rule.RULE_OFF, f"{question.pair.name} is kept in the mapping but off")
    for side in SIDES:
        if question.reading(side).value is MISSING:
            return _verdict(
                question,
                Outcome.HELD,
                Rule.NOT_READ,
                f"{side} does not show {question.pair.api_name(side)}: no access to it, or it does not exist",
            )
    if question.left.overwritten or question.right.overwritten:
        return _covered(question)
    changed = question.changed()
    if not changed:
        return _verdict(question, Outcome.UNCHANGED, Rule.NO_CHANGE, _NEITHER)
    if question.agreed():
        return _verdict(question, Outcome.AGREED, Rule.SAME_CHANGE, "both sides show the same")
    if question.pair.rule is SyncRule.MOST_RESTRICTIVE:
        return _restrict(question, changed)
    if len(changed) == 1:
        return _one_side(question, next(iter(changed)))
    if question.base is None:
        return _first_link(question)
    return _conflict(question)


def untouched(pair: FieldPair, base: Base, left: Record, right: Record) -> Verdict | None:
    """The verdict on a field of which both sides show exactly what they showed when they last agreed, as most fields of
    most records do: the same that `decide` gives, without all that it asks. None: `decide` has to look. The caller has
    seen to it that neither side's value covers an edit."""
    shown_left, shown_right = left.values.get(pair.left, MISSING), right.values.get(pair.right, MISSING)
    if shown_left != base.left or shown_right != base.right:
        return None
    if pair.rule is SyncRule.OFF or shown_left is MISSING or shown_right is MISSING:
        return None
    return Verdict(
        field=pair.name,
        outcome=Outcome.UNCHANGED,
        rule=Rule.NO_CHANGE,
        reason=_NEITHER,
        left=shown_left,
        right=shown_right,
        base=base,
        left_stamp=stamp_of(left, pair.left),
        right_stamp=stamp_of(right, pair.right),
    )


def _verdict(
    question: Question, outcome: Outcome, rule: Rule, reason: str, winner: Side | None = None, written: Value = MISSING
) -> Verdict:
    """winner: whose value stands; written: what the other side is given."""
    return Verdict(
        field=question.pair.name,
        outcome=outcome,
        rule=rule,
        reason=reason,
        left=question.left.value,
        right=question.right.value,
        base=question.base,
        left_stamp=question.left.stamp,
        right_stamp=question.right.stamp,
        first_link=question.base is None and outcome is not Outcome.OFF,
        winner=winner,
        write_left=written if winner is Side.RIGHT else MISSING,
        write_right=written if winner is Side.LEFT else MISSING,
    )


def _first_link(question: Question) -> Verdict:
    for side in SIDES:
        if question.blank(side.other):
            reason = f"first link: {side.other} is blank and is filled from {side}"
            return _stands(question, side, Outcome.CARRIED, Rule.FILL_BLANK, reason)
    return _conflict(question)


def _one_side(question: Question, side: Side) -> Verdict:
    pair = question.pair
    if pair.rule is SyncRule.FORWARD_ONLY:
        old, new = (_in_right_terms(question, s) for s in (side.other, side))
        if lifecycle.may_move(pair, old, new):
            reason = f"only {side} moved {pair.name}, as {pair.rule} allows"
            return _stands(question, side, Outcome.CARRIED, Rule.FORWARD_ONLY, reason)
        reason = f"{side} moved {pair.name} back, which {pair.rule} does not allow: put back"
        return _further(question, Outcome.PUT_BACK, reason)
    ruling = ownership.one_side(pair, side, cleared=question.blank(side), other_blank=question.was_blank(side.other))
    if ruling.goes:
        return _stands(question, side, Outcome.CARRIED, ruling.rule, ruling.reason)
    return _stands(question, side.other, Outcome.PUT_BACK, ruling.rule, ruling.reason)


def _restrict(question: Question, changed: frozenset[Side]) -> Verdict:
    left, right = question.left.value, question.right.value
    if consent.withdrawn(left) == consent.withdrawn(right):
        # A blank beside False, or a value that is no yes or no: there is nothing to withdraw.
        return _verdict(question, Outcome.UNCHANGED, Rule.MOST_RESTRICTIVE, "neither side withdrew consent")
    closed = Side.LEFT if consent.withdrawn(left) else Side.RIGHT
    since = _said_since(question, closed.other)
    ruling = consent.settle(question.pair, left, right, changed, agreed_before=since)
    winner = closed if ruling.goes else closed.other
    outcome = Outcome.CARRIED if winner in changed else Outcome.PUT_BACK
    return _stands(question, winner, outcome, ruling.rule, ruling.reason)


def _said_since(question: Question, side: Side) -> bool:
    """Whether what a side shows was said after the two had agreed.

    Where its history is kept, by a newer entry: a system that shows our own opt-out a moment late shows an old word
    until then, and that is nobody's opt-in (SPEC 7.2). Nor is it one that another address has no opt-out yet.
    """
    if question.base is None or question.reading(side).silent:
        return False
    seen, stamp = question.base.seen(side), question.reading(side).stamp
    return seen is None or (stamp is not None and stamp.at > seen)


def _conflict(question: Question) -> Verdict:
    """Both sides changed to different values, or differ at the first link."""
    if question.pair.rule is SyncRule.MANUAL:
        asked = _verdict(question, Outcome.ASKED, Rule.MANUAL, f"{question.pair.name} is decided by a person")
        return replace(asked, conflict=question.base is not None)
    if question.pair.rule is SyncRule.FORWARD_ONLY:
        verdict = _further(question, Outcome.DECIDED, f"the further stage of {question.pair.name} wins")
        return replace(verdict, conflict=question.base is not None)
    decision = _by_rule(question) or ladder(question.pair, question.left.stamp, question.right.stamp, question.skew)
    winner = decision.winner
    always = ownership.always_side(question.pair.rule)
    # A blank that both had agreed on is no clear: it wins against an edit that we put back and covered doing so.
    cleared = question.blank(winner) and winner in question.changed()
    if cleared and not ownership.clear_goes(question.pair, winner, owner=always):
        decision = Decision(
            winner.other,
            Rule.BLANK_POLICY,
            f"{winner} would win ({decision.reason}) but is blank, and the blank policy ({question.pair.blank}) "
            f"refuses that",
        )
    verdict = _stands(question, decision.winner, Outcome.DECIDED, decision.rule, decision.reason)
    return replace(verdict, conflict=question.base is not None)


def _by_rule(question: Question) -> Decision | None:
    """The winner where the sync rule itself says it."""
    pair = question.pair
    always, preferred = ownership.always_side(pair.rule), ownership.preferred_side(pair.rule)
    if always is not None:
        return Decision(always, Rule.ALWAYS, f"{pair.name} is always {always}")
    if preferred is not None:
        winner = preferred.other if question.blank(preferred) else preferred
        return Decision(winner, Rule.PREFER, f"{preferred} is preferred unless blank")
    return None


def _further(question: Question, outcome: Outcome, reason: str) -> Verdict:
    """The further of two stages stands. Between stages that have no order nothing is moved: it could be backwards."""
    pair = question.pair
    left, right = (lifecycle.rank(pair, _in_right_terms(question, side)) for side in SIDES)
    if left is None or right is None:
        side = Side.LEFT if left is None else Side.RIGHT
        why = f"the stage that {side} shows has no place in the order of {pair.name}, so neither side is moved"
        advice = "map it under `options`, add it to `stages`, or name the move under `exceptions`"
        return _verdict(question, Outcome.HELD, Rule.FORWARD_ONLY, f"{why}; {advice}")
    return _stands(question, Side.LEFT if left > right else Side.RIGHT, outcome, Rule.FORWARD_ONLY, reason)


def _in_right_terms(question: Question, side: Side) -> Value:
    value = question.reading(side).value
    if side is Side.RIGHT:
        return value
    carried = translate(value, question.pair, question.specs, side, question.partners)
    return value if isinstance(carried, Untranslatable) else carried


def _stands(question: Question, winner: Side, outcome: Outcome, rule: Rule, reason: str) -> Verdict:
    """The winner's value stands: written to the other side, if it can be; otherwise the field is held."""
    target = question.specs.of(winner.other)
    value = translate(question.reading(winner).value, question.pair, question.specs, winner, question.partners)
    if isinstance(value, Untranslatable):
        held = _verdict(question, Outcome.HELD, Rule.CANNOT_CARRY, f"{value.problem}; {value.advice}")
        return replace(held, blocked=Blocked(winner.other, value))
    if value is BLANK and target.required:
        default = question.pair.default(winner.other)
        if default is MISSING:
            return _unwritable(question, winner.other, f"{target.name} requires a value")
        value = default
    if not target.updatable:
        return _unwritable(question, winner.other, f"{target.name} is read only for the integration user")
    return _verdict(question, outcome, rule, reason, winner, value)


def _unwritable(question: Question, side: Side, why: str) -> Verdict:
    reason = f"{why}, so {side} keeps its value; map another field, give a default, or change the rule"
    return _verdict(question, Outcome.HELD, Rule.CANNOT_WRITE, reason)


def _covered(question: Question) -> Verdict:
    """A write of ours covered a foreign edit before we had read it: decide again as if it had been seen in time
    (SPEC 3.8). The winner's value is then written wherever it is not shown."""
    contest = replace(question, left=_contender(question, Side.LEFT), right=_contender(question, Side.RIGHT))
    if contest.agreed():
        verdict = _verdict(contest, Outcome.AGREED, Rule.SAME_CHANGE, "the edit that was covered said the same")
        winner: Side | None = Side.LEFT if question.right.overwritten else Side.RIGHT
    elif contest.pair.rule is SyncRule.MOST_RESTRICTIVE:
        verdict = _restrict(contest, frozenset(Side))
        winner = verdict.winner
    else:
        verdict = _first_link(contest) if contest.base is None else _conflict(contest)
        winner = verdict.winner
    if winner is None:
        return verdict
    written = verdict.write(winner.other) if verdict.winner else contest.reading(winner.other).value
    wanted = {winner: contest.reading(winner).value, winner.other: written}
    writes = {
        side: MISSING if same(question.reading(side).value, wanted[side], question.specs.of(side)) else wanted[side]
        for side in SIDES
    }
    return replace(
        verdict,
        reason=f"an edit was made between our read and our write: {verdict.reason}",
        write_left=writes[Side.LEFT],
        write_right=writes[Side.RIGHT],
    )


def _contender(question: Question, side: Side) -> Reading:
    """What a side stands for in the contest: the edit we covered, or what it shows, timed by the edit it came from."""
    reading = question.reading(side)
    # A withdrawal that is shown is never taken back by an older edit beneath it (SPEC 7.2).
    shown_stands = question.pair.rule is SyncRule.MOST_RESTRICTIVE and consent.withdrawn(reading.value)
    if reading.overwritten is not None and not shown_stands:
        return Reading(reading.overwritten.value, reading.overwritten.stamp)
    base = question.base
    unchanged = base is not None and same(reading.value, base.of(side), question.specs.of(side))
    if unchanged and base is not None and base.origin is not None and base.origin.side is side:
        return Reading(reading.value, base.origin.stamp)
    return Reading(reading.value, reading.stamp)
