"""The breaker: what of a plan is counted against a flood, and when a flood is stopped (SPEC 9.4).

A change of configuration, a mass edit or a broken import looks like many good changes, one by one. So records are
counted by kind of change, object pair and the system that is written; beyond a limit within a window everything of that
kind waits until a person says what it was. Pure: the counts are the store's, the holding back is engine/breaker.py's.
A write of consent is never counted and never held (SPEC 7.1).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from concord.core.history import BEFORE_ANY
from concord.core.mapping import ObjectPair, SyncRule
from concord.core.model import Base, Failure, Record, Refused, Side
from concord.core.plan import (
    CloseStep,
    CreateStep,
    DuplicateStep,
    FieldWrite,
    RecordPlan,
    Rule,
    Step,
    UpdateStep,
    WaitStep,
)
from concord.core.values import BLANK, MISSING, Ref
from concord.errors import Category


class Kind(StrEnum):
    """What a flood would do to each of its records."""

    DELETE = "delete"  # end its link, because it is gone
    BLANK = "blank"  # write a blank over a value
    OWNER = "owner"  # give it to another user
    LIFECYCLE = "lifecycle"  # move its stage
    CREATE = "create"  # make it


_DEEDS: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.DELETE: "are gone from {system}, so that their links would end",
        Kind.BLANK: "would lose a value in {system}",
        Kind.OWNER: "would get another owner in {system}",
        Kind.LIFECYCLE: "would move to another stage in {system}",
        Kind.CREATE: "would be made in {system}",
    }
)


@dataclass(frozen=True, order=True)
class Gauge:
    """What is counted together, and stopped together: a kind of change, of an object pair, in one system. DELETE is
    counted in the system that the records are gone from."""

    kind: Kind
    object_pair: str
    system: str

    @property
    def name(self) -> str:
        """As a person types it: blank:people:hubspot."""
        return f"{self.kind}:{self.object_pair}:{self.system}"


@dataclass(frozen=True)
class Limit:
    """As many records as this, or this share of the linked ones (0.01 is 1 %), whichever is more."""

    records: int
    share: float

    def most(self, linked: int) -> int:
        return max(self.records, int(self.share * linked))


#: Single edits never come near these, nor does what people select and edit on a screen. Creates come in imports.
USUAL: Final[Mapping[Kind, Limit]] = MappingProxyType(
    {
        Kind.DELETE: Limit(100, 0.01),
        Kind.BLANK: Limit(100, 0.01),
        Kind.OWNER: Limit(100, 0.01),
        Kind.LIFECYCLE: Limit(200, 0.02),
        Kind.CREATE: Limit(1000, 0.1),
    }
)


@dataclass(frozen=True)
class Limits:
    """What is let through within `window`; a kind without a limit is not watched. owners, stages: the vendors' names of
    fields that count as owner and as lifecycle, on either side; FORWARD_ONLY fields are stages by themselves."""

    window: timedelta = timedelta(minutes=15)
    by_kind: Mapping[Kind, Limit] = field(default_factory=lambda: USUAL)
    owners: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Mark:
    """One thing in a plan that is counted.

    ref: the record that is counted: the one to be written; for a create its source; for a link's end the one that is
    gone. partner: the other of the two. field: our name of the field; "" where it is about the whole record.
    shown: what both sides show of the field now: its new base, if a person lets the two differ.
    """

    gauge: Gauge
    ref: Ref
    partner: Ref | None = None
    field: str = ""
    shown: Base | None = None


@dataclass(frozen=True)
class Standing:
    """How a breaker stands. opened_at: since when it holds everything, and for what reason; None: it does not.
    allowed_until: a person has let a flood through, and it is not over before then. refused_until: a person has refused
    one; what else comes of it is held at once until then."""

    opened_at: datetime | None = None
    reason: str = ""
    allowed_until: datetime | None = None
    refused_until: datetime | None = None


@dataclass(frozen=True)
class Weighed:
    """What the store says to the marks of a batch. stopped: breakers that are open, so that what they count is held.
    refused: records that a person has refused to have made, or let go. Everything else was counted, and passes."""

    stopped: frozenset[Gauge] = frozenset()
    refused: frozenset[tuple[Gauge, Ref]] = frozenset()


# --- what is counted --------------------------------------------------------------------------------------------------


def watched(pair: ObjectPair, limits: Limits, users: Collection[str]) -> Mapping[str, frozenset[Kind]]:
    """By our name of each field, the kinds that a write of it may be. users: our names of fields that point to a user.

    Consent is in none: it is never held (SPEC 7.1).
    """
    found: dict[str, frozenset[Kind]] = {}
    for one in pair.fields:
        names = {one.left, one.right}
        kinds = {Kind.BLANK}
        if names & limits.owners or one.name in users:
            kinds.add(Kind.OWNER)
        if names & limits.stages or one.rule is SyncRule.FORWARD_ONLY:
            kinds.add(Kind.LIFECYCLE)
        if one.rule is not SyncRule.MOST_RESTRICTIVE:
            found[one.name] = found.get(one.name, frozenset()) | (kinds & limits.by_kind.keys())
    return found


def marks(
    plan: RecordPlan,
    pair: ObjectPair,
    kinds: Mapping[str, frozenset[Kind]],
    limits: Limits,
    records: Mapping[Ref, Record],
    *,
    previewed: bool,
) -> tuple[Mark, ...]:
    """Everything in one plan that is counted.

    kinds: of `watched`. records: what the plan was made on. previewed: a person has seen what would be made and decided
    at a first link before it was begun (`concord reconcile --apply`); that is not counted. Blanks and ends are, always.
    """
    found: list[Mark] = []
    merged = any(isinstance(step, DuplicateStep) for step in plan.steps)
    for step in plan.steps:
        if isinstance(step, UpdateStep):
            found += _of_update(plan, step, pair, kinds, records, previewed=previewed)
        elif isinstance(step, CreateStep) and not previewed:
            found.append(Mark(Gauge(Kind.CREATE, plan.object_pair, step.intent.target_system), step.source))
        elif isinstance(step, CloseStep) and not merged:  # a merge leaves its survivor, so nobody is gone
            partner = plan.right if step.side is Side.LEFT else plan.left
            found.append(Mark(Gauge(Kind.DELETE, plan.object_pair, step.gone.system), step.gone, partner))
    return tuple(mark for mark in found if mark.gauge.kind in limits.by_kind)


def _of_update(
    plan: RecordPlan,
    step: UpdateStep,
    pair: ObjectPair,
    kinds: Mapping[str, frozenset[Kind]],
    records: Mapping[Ref, Record],
    *,
    previewed: bool,
) -> list[Mark]:
    first = {verdict.field for verdict in plan.verdicts if verdict.first_link} if previewed else set()
    partner = plan.right if step.side is Side.LEFT else plan.left
    found = []
    for write in step.writes:
        mine = [kind for kind in kinds.get(write.field, ()) if _is(kind, write, decided=write.field in first)]
        shown = _shown(plan, pair, write.field, records) if mine else None
        found += [
            Mark(Gauge(kind, plan.object_pair, step.ref.system), step.ref, partner, write.field, shown)
            for kind in sorted(mine)
        ]
    return found


def _is(kind: Kind, write: FieldWrite, *, decided: bool) -> bool:
    """Whether a write of a field that may be of this kind is. decided: at a first link that a person has seen."""
    if write.before in (BLANK, MISSING):
        return False  # filled: nothing is lost, nobody is taken away, and nothing moves
    return write.after is BLANK if kind is Kind.BLANK else not decided


def _shown(plan: RecordPlan, pair: ObjectPair, name: str, records: Mapping[Ref, Record]) -> Base | None:
    """What both sides show of a field, as a base."""
    left = records.get(plan.left) if plan.left else None
    right = records.get(plan.right) if plan.right else None
    if left is None or right is None:
        return None
    one = next(one for one in pair.fields_of(left.ref.object) if one.name == name)
    return Base(
        left.value(one.left),
        right.value(one.right),
        left_seen=_seen(left, one.left),
        right_seen=_seen(right, one.right),
    )


def _seen(record: Record, name: str) -> datetime | None:
    """The newest entry of a field's history that was read."""
    history = record.histories.get(name)
    if history is None:
        return None
    return history[0].stamp.at if history else BEFORE_ANY


# --- when a flood is stopped ------------------------------------------------------------------------------------------


def judge(gauge: Gauge, standing: Standing, total: int, most: int, window: timedelta, now: datetime) -> Standing:
    """How a breaker stands once this batch has come: open (`opened_at`), so that nothing of its kind is written, or
    not, so that all of the batch is.

    total: records within the window, those of the batch among them; most: so many may be.
    """
    if standing.opened_at is not None:
        return standing
    over = total > most
    if standing.allowed_until is not None and now < standing.allowed_until:
        # The flood that a person let through goes on for as long as more than usual comes.
        return replace(standing, allowed_until=now + window) if over else standing
    deed = _DEEDS[gauge.kind].format(system=gauge.system)
    if standing.refused_until is not None and now < standing.refused_until:
        return Standing(now, f"more {gauge.object_pair} {deed}, after that was refused")
    if over:
        minutes = f"{window.total_seconds() / 60:g} min"
        return Standing(now, f"{total} {gauge.object_pair} {deed} within {minutes}; {most} is the most")
    return Standing()


# --- what is held -----------------------------------------------------------------------------------------------------


def hold(plan: RecordPlan, held: Sequence[Mark]) -> RecordPlan:
    """The same plan without what these breakers hold: of a record that goes on only the fields, of one that would be
    made or let go everything. Its rows then wait for a person."""
    names = " ".join(sorted({mark.gauge.name for mark in held}))
    reason = f"held by the breaker {names.replace(' ', ' and ')} until a person has answered it"
    fields = {mark.field for mark in held}
    failure = Failure(
        Category.BREAKER,
        f"{', '.join(dict.fromkeys(mark.field for mark in held if mark.field)) or 'the whole record'}: {reason}",
        code=names,
        advice="see `concord breaker`; then `concord breaker allow NAME` or `concord breaker refuse NAME`",
        refused=tuple(
            Refused(step.ref.system, write.field, write.name, write.after, write.before)
            for step in plan.steps
            if isinstance(step, UpdateStep)
            for write in step.writes
            if write.field in fields
        ),
    )
    whole = next((mark for mark in held if not mark.field), None)
    if whole is not None:
        return replace(_waiting(plan, whole.ref, reason), held=failure)
    verdicts = tuple(one.held(reason, Rule.BREAKER) if one.field in fields else one for one in plan.verdicts)
    steps = tuple(rest for step in plan.steps if (rest := without(step, fields)) is not None)
    return replace(plan, steps=steps, verdicts=verdicts, held=failure)


def refuse(plan: RecordPlan, mark: Mark) -> RecordPlan:
    """The same plan for a record that a person has said is not to be made, or not to be let go: nothing is done."""
    return _waiting(plan, mark.ref, f"a person refused it at the breaker {mark.gauge.name}; `allow` takes that back")


def follows(plan: RecordPlan, close: RecordPlan) -> RecordPlan:
    """A plan that would link one end of a link that is held anew (a duplicate that takes over): it waits with it."""
    ref = plan.left or plan.right
    assert ref is not None  # a link has two ends
    return replace(_waiting(plan, ref, "the link of the record it takes over from is held"), held=close.held)


def _waiting(plan: RecordPlan, ref: Ref, reason: str) -> RecordPlan:
    return replace(plan, steps=(WaitStep(ref, reason),), verdicts=())


def without(step: Step, fields: Collection[str]) -> Step | None:
    """The step without writes of these fields; None where nothing is left of it."""
    if not isinstance(step, UpdateStep):
        return step
    rest = tuple(write for write in step.writes if write.field not in fields)
    return replace(step, writes=rest) if rest else None
