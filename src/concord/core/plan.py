"""The plan: what one round will do and why, as frozen data, before anything is done.

The preview, the dry run, `why`, the ledger and the console print these same objects. Nothing here decides or does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from concord.core.model import Base, Failure, Intent, Known, Link, Review, Seen, Side, Stamp, Work
from concord.core.quick import quick
from concord.core.values import MISSING, Ref, Untranslatable, Value


class Outcome(StrEnum):
    """What becomes of one field."""

    UNCHANGED = "unchanged"  # nothing changed, nothing to do
    AGREED = "agreed"  # both sides show the same now; noted as the new base
    CARRIED = "carried"  # one side's change goes over
    PUT_BACK = "put back"  # a change that the rule does not let over is replaced by the other side's value
    DECIDED = "decided"  # a conflict, decided
    HELD = "held"  # nothing is written until someone acts; `reason` says what
    ASKED = "asked"  # goes to a person
    OFF = "off"  # not synced


class Rule(StrEnum):
    """Which rule made the verdict; one for each way through core/merge.py and core/conflict.py."""

    NO_CHANGE = "no change"
    SAME_CHANGE = "same on both sides"
    ONE_SIDE = "changed on one side"
    FILL_BLANK = "blank side filled"
    BLANK_POLICY = "blank policy"
    ALWAYS = "always this side"
    PREFER = "preferred side"
    MOST_RESTRICTIVE = "most restrictive"
    FORWARD_ONLY = "forward only"
    STRICT_OWNER = "strict owner"
    NEWER = "newer by more than the window"
    OWNER = "source of truth"
    LATEST = "latest"
    FIXED_ORDER = "fixed order"
    MANUAL = "manual"
    NOT_READ = "not read"
    CANNOT_WRITE = "cannot be written"
    CANNOT_CARRY = "cannot be carried over"
    BREAKER = "breaker"
    CHASE = "chase"
    RULE_OFF = "off"


@dataclass(frozen=True)
class Blocked:
    """Why a value could not go over. side: the one that it was to be written to."""

    side: Side
    problem: Untranslatable


@quick
@dataclass(frozen=True)
class Verdict:
    """What becomes of one field of one linked pair, by which rule, and every value and time it was decided on.

    left, right: what the sides show; base: what they showed when they last agreed (None: never).
    write_left, write_right: what to write there; MISSING: nothing.
    conflict: both sides had changed it to different values. first_link: there was no last agreement (SPEC 3.1).
    winner: whose value stands, where one side's does. blocked: of a field that is held because its value fits nowhere
    on the other side.
    """

    field: str
    outcome: Outcome
    rule: Rule
    reason: str
    left: Value
    right: Value
    base: Base | None
    write_left: Value = MISSING
    write_right: Value = MISSING
    winner: Side | None = None
    conflict: bool = False
    first_link: bool = False
    left_stamp: Stamp | None = None
    right_stamp: Stamp | None = None
    blocked: Blocked | None = None

    def write(self, side: Side) -> Value:
        return self.write_left if side is Side.LEFT else self.write_right

    def held(self, reason: str, rule: Rule = Rule.CANNOT_WRITE) -> Verdict:
        """The same field, not written because the record as a whole, or a breaker, does not allow it."""
        return replace(
            self,
            outcome=Outcome.HELD,
            rule=rule,
            reason=reason,
            winner=None,
            write_left=MISSING,
            write_right=MISSING,
            blocked=None,
        )


@quick
@dataclass(frozen=True)
class FieldWrite:
    """One field of a write: our name, the vendor's, what it showed and what it will."""

    field: str
    name: str
    before: Value
    after: Value


@dataclass(frozen=True)
class LinkStep:
    """These two are one: remember it. score 0-100 and the lines that explain it (SPEC 4.3). intent: the create that
    made one of them from the other, where it was carried out and a kill came before it was recorded."""

    left: Ref
    right: Ref
    score: float
    evidence: tuple[str, ...]
    intent: Intent | None = None


@dataclass(frozen=True)
class CreateStep:
    """Make the partner of `source` on `side`, under a unique key, so that a repeat finds it."""

    source: Ref
    side: Side
    intent: Intent
    writes: tuple[FieldWrite, ...]


@quick
@dataclass(frozen=True)
class UpdateStep:
    """Write these fields of this record, unless it has moved on from `guard`."""

    ref: Ref
    side: Side
    writes: tuple[FieldWrite, ...]
    guard: str | None


@dataclass(frozen=True)
class ReviewStep:
    """Ask a person whether these two are one."""

    review: Review


@dataclass(frozen=True)
class DuplicateStep:
    """`ref` is the same person as `active`, inside one system: shown, and ready to take over (SPEC 4.4)."""

    ref: Ref
    active: Ref
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class RekeyStep:
    """A linked record lives on under another ref (merged, converted): the link follows it."""

    link_id: int
    side: Side
    old: Ref
    new: Ref


@dataclass(frozen=True)
class CloseStep:
    """A linked record is gone: the link is closed and its partner stays as it is (SPEC 4.6: unlink)."""

    link_id: int
    side: Side
    gone: Ref
    reason: str


@dataclass(frozen=True)
class WaitStep:
    """Nothing can be done for `ref` now; why, in words for a person."""

    ref: Ref
    reason: str


Step: TypeAlias = LinkStep | CreateStep | UpdateStep | ReviewStep | DuplicateStep | RekeyStep | CloseStep | WaitStep


@quick
@dataclass(frozen=True)
class RecordPlan:
    """Everything one round does about one thing: the records looked at, the steps in order, a verdict for each field.

    link_id: None where the link is made in this round. refs: the inbox rows that this plan answers. held: what a
    breaker, or the end of a chase, keeps back: the rows wait for it (core/breaker.py, core/rounds.py).
    """

    object_pair: str
    left: Ref | None
    right: Ref | None
    steps: tuple[Step, ...]
    verdicts: tuple[Verdict, ...] = ()
    link_id: int | None = None
    left_read_at: datetime | None = None
    right_read_at: datetime | None = None
    held: Failure | None = None


@dataclass(frozen=True)
class Plan:
    """One round's plan for one batch, with what was learned of the records read (`known`)."""

    records: tuple[RecordPlan, ...]
    known: tuple[Known | Seen, ...] = ()

    def steps(self) -> tuple[Step, ...]:
        return tuple(step for record in self.records for step in record.steps)


@quick
@dataclass(frozen=True)
class Done:
    """What came of one record's plan, for `Store.record`: all of it in one transaction.

    answers: the inbox rows it closes. link_id, left, right: the link and the records it is about; new_link: a link to
    make (its id does not count). close_link: why the link is closed; rekey: the side whose record lives on under
    another ref. bases: to store, by field, beside the other fields' bases; left_read_at, right_read_at: see Link.
    verdicts: for the ledger, those that say more than "unchanged"; wrote: by field name, what was written where
    ("salesforce Lead 00Q… Phone"), for the ledger. done_intents: creates that were carried out or need not be.
    retry_at: when the rows are to be looked at again (None: they are done); failure: why not yet; a try is counted
    where there is one. dead: the rows wait for a person. applied_at: when the last write of it was confirmed, on our
    clock, for the latency measure; None where nothing was written.
    """

    object_pair: str
    answers: tuple[Work, ...]
    link_id: int | None = None
    left: Ref | None = None
    right: Ref | None = None
    new_link: Link | None = None
    close_link: str | None = None
    rekey: tuple[tuple[Side, Ref], ...] = ()
    bases: Mapping[str, Base] | None = None
    left_read_at: datetime | None = None
    right_read_at: datetime | None = None
    verdicts: tuple[Verdict, ...] = ()
    wrote: Mapping[str, tuple[str, ...]] | None = None
    reviews: tuple[Review, ...] = ()
    known: tuple[Known | Seen, ...] = ()
    done_intents: tuple[Intent, ...] = ()
    failure: Failure | None = None
    retry_at: datetime | None = None
    dead: bool = False
    applied_at: datetime | None = None
