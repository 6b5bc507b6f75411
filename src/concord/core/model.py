"""The nouns: what was read, what is known of when and by whom, what is written, and what came of it.

Frozen data only; no decisions. Everything that crosses from a system or the store into a decision, or back, is here,
so that systems, store and engine agree on it without knowing one another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import Final

from concord.core.quick import quick
from concord.core.values import MISSING, Ref, Value
from concord.errors import Category, RemoteError, RemoteUnknown


class Side(StrEnum):
    """The two sides of a pair inside core. Which vendor is which is configuration."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def other(self) -> Side:
        return Side.RIGHT if self is Side.LEFT else Side.LEFT


#: Both, for loops: a walk through the enumeration itself takes several times as long, and there are hundreds a record.
SIDES: Final = (Side.LEFT, Side.RIGHT)


class Lane(IntEnum):
    """Urgency; a smaller number is claimed first (SPEC 7.1)."""

    CONSENT = 0
    CONVERSION = 10
    DEALS = 20
    PEOPLE = 30
    ACTIVITIES = 40
    BACKFILL = 90


async def _unclaimed() -> None:
    """For a call that belongs to no claim."""


@dataclass(frozen=True)
class Errand:
    """On whose behalf a remote call is made.

    lane: how urgent it is, when calls have to wait for one another. check: asked before every call, and it renews the
    claim where that is due; raises ClaimLost when the call must not be sent, because another worker may have the
    records by now.
    """

    lane: Lane = Lane.PEOPLE
    check: Callable[[], Awaitable[None]] = _unclaimed


@quick
@dataclass(frozen=True)
class Stamp:
    """When a field was changed, on its own system's clock (SPEC 3.3).

    certain: this field changed then. Not certain (possible): this record changed then, so the field no later.
    source: where the time is from ("property history", "field history", "record"). by: who, in the vendor's terms.
    """

    at: datetime
    certain: bool
    source: str
    by: str | None = None


@dataclass(frozen=True)
class Account:
    """Whose account it is: the organisation or portal id, its name for people, and the integration user or app."""

    id: str
    name: str
    user: str


@dataclass(frozen=True)
class Overwritten:
    """A foreign edit that our own write covered before we had seen it (SPEC 3.8): what it said, and when."""

    value: Value
    stamp: Stamp


@quick
@dataclass(frozen=True)
class HistoryEntry:
    """One entry of a field's history as the system keeps it; `ours`: written by this installation."""

    value: Value
    stamp: Stamp
    ours: bool


@quick
@dataclass(frozen=True)
class Record:
    """A record as read.

    values: by the vendor's field name; a name that was not asked for, or may not be seen, is MISSING through `value`.
    modified_at: when the record last changed, on its system's clock. modified_by: who.
    histories: newest first, for fields whose history was read.
    version: an opaque token of this state; a later notice that carries an equal one is known already. None: the state
        may still change without the token changing (an edit in the same second), so nothing may be concluded from it.
    asked: the id it was asked for by, where that is another one (it was merged or converted since).
    read_at: when the system answered, on its own clock.
    guard: what a write must hand back (Change.guard) so that the system refuses it when the record has moved on.
    ours: the record was last modified by this installation.
    formerly: the ids of records that were merged into this one, where the record itself tells.
    """

    ref: Ref
    values: Mapping[str, Value]
    modified_at: datetime
    read_at: datetime
    modified_by: str | None = None
    created_at: datetime | None = None
    version: str | None = None
    histories: Mapping[str, tuple[HistoryEntry, ...]] = field(default_factory=dict)
    asked: str | None = None
    guard: str | None = None
    ours: bool = False
    formerly: tuple[str, ...] = ()

    def value(self, name: str) -> Value:
        return self.values.get(name, MISSING)

    @cached_property
    def last_changed(self) -> Stamp:
        """The possible time of every field without a history: the record changed then, so the field no later."""
        return Stamp(self.modified_at, certain=False, source="record", by=self.modified_by)


@dataclass(frozen=True)
class Gone:
    """A record that is not there any more (deleted, archived, purged, or out of sight)."""

    ref: Ref
    reason: str


@dataclass(frozen=True)
class Notice:
    """ "Look at this record." Carries no value that is trusted (DESIGN, The line).

    lane: how urgent. seen_at: when we learned of it, on our clock. changed_at: when the sender says it changed, on our
    clock (for latency only). version: the record's version token where the source tells it.
    source: where it came from ("webhook", "journal", "change event", "outbound message", "sweep", "reconcile",
    "echo", "duplicate").
    """

    ref: Ref
    lane: Lane
    seen_at: datetime
    source: str
    changed_at: datetime | None = None
    version: str | None = None


@dataclass(frozen=True)
class Heard:
    """What a feed of events told in one go.

    position: where to go on once the notices are durable (opaque; stored as it is); None: as before. lost: why
    something may have been missed, so that the whole side has to be asked what changed; None: nothing was.
    """

    notices: tuple[Notice, ...] = ()
    position: str | None = None
    lost: str | None = None


@dataclass(frozen=True)
class Skew:
    """How far each system's clock is ahead of ours; zero until measured."""

    left: timedelta = timedelta()
    right: timedelta = timedelta()

    def corrected(self, side: Side, moment: datetime) -> datetime:
        """The moment on our own clock."""
        return moment - (self.left if side is Side.LEFT else self.right)


@quick
@dataclass(frozen=True)
class Change:
    """What to write to one record.

    ref: the record; for a create its id is "" and `key` names the unique field and value it is made under, so that a
    repeat cannot make a second one. values: by the vendor's field name, typed; BLANK clears.
    guard: the state it was decided on (from Record.guard); the system refuses the write when the record has moved on,
    where it can.
    """

    ref: Ref
    values: Mapping[str, Value]
    key: tuple[str, str] | None = None
    guard: str | None = None


@dataclass(frozen=True)
class Refused:
    """A value that was to be written to `system` and was not. field: the configuration's name; name: the vendor's.
    value: what was refused, or could not be put in that system's terms; shown: what its record shows instead (MISSING:
    there is none yet).

    A person's data: kept with the failed row alone, and never in a log (SPEC 9.5, 11.4).
    """

    system: str
    field: str
    name: str
    value: Value
    shown: Value = MISSING


@dataclass(frozen=True)
class Failure:
    """Why one record was not written. transient: the same write may succeed later. unknown: it may have happened.
    moved: the record changed since it was read, so it has to be decided anew. holder: the id of the record that already
    has the unique value, where the system told. whole: the call that it was in failed as a whole, so that which of the
    call's records is to blame, if any, is not told.

    system: who refused ("" where nobody was asked); fields: the vendor's names of those complained about; refused: the
    values that were not written.
    """

    category: Category
    message: str
    code: str | None = None
    fields: tuple[str, ...] = ()
    advice: str = ""
    transient: bool = False
    unknown: bool = False
    moved: bool = False
    holder: str | None = None
    after: float | None = None
    whole: bool = False
    system: str = ""
    refused: tuple[Refused, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, error: RemoteError) -> Failure:
        """What an error says, as data: for a call that failed as a whole."""
        return cls(
            error.category,
            str(error),
            code=error.code,
            fields=error.fields,
            advice=error.advice,
            transient=error.retry,
            unknown=isinstance(error, RemoteUnknown),
            after=error.after,
            whole=True,
            system=error.system,
        )


@quick
@dataclass(frozen=True)
class Receipt:
    """What came of one change, in the order of the changes asked for.

    ref: the record written (the new one, for a create). created: False when the key was found to exist already.
    shown: the record as the system showed it after the write, where the write's answer or a read in the same call
    tells; None where it has to be read again.
    """

    ref: Ref
    failure: Failure | None = None
    created: bool = False
    shown: Record | None = None


@dataclass(frozen=True)
class Found:
    """A row of a sweep: this record changed, as of `version`; `modified_at` on the system's clock. ended: it was
    deleted, merged away or converted."""

    ref: Ref
    modified_at: datetime
    version: str | None = None
    ended: bool = False


@dataclass(frozen=True)
class SweepPage:
    """One page of a sweep: the rows, and the position to continue from (opaque; stored as it is).

    failed: the objects that could not be asked about, and why; their place in the position is where it was, so the next
    sweep asks what this one could not. One that fails holds up no other.
    """

    rows: tuple[Found, ...]
    position: str
    more: bool
    failed: Mapping[str, Failure] = field(default_factory=dict)


@quick
@dataclass(frozen=True)
class Origin:
    """Which edit a base stands for: the side it was made on, and when."""

    side: Side
    stamp: Stamp | None


@quick
@dataclass(frozen=True)
class Base:
    """What each side showed of one field when the two last agreed, in its own terms (DESIGN, Base).

    left_seen, right_seen: the newest entry of the field's history that the decision knew, where the system keeps one;
    a foreign entry after it, under a write of ours, is an edit that we covered unseen (core/history.py).
    """

    left: Value
    right: Value
    origin: Origin | None = None
    left_seen: datetime | None = None
    right_seen: datetime | None = None

    def of(self, side: Side) -> Value:
        return self.left if side is Side.LEFT else self.right

    def seen(self, side: Side) -> datetime | None:
        return self.left_seen if side is Side.LEFT else self.right_seen


class LinkState(StrEnum):
    """active: the two are one thing and in step. closed: they were; one of them went, and nothing is made anew."""

    ACTIVE = "active"
    CLOSED = "closed"


@quick
@dataclass(frozen=True)
class Link:
    """Two records that are one thing.

    id: the store's. score, evidence: why they were linked (SPEC 4.3), a line for each piece of evidence.
    bases: by field name. left_read_at, right_read_at: when each side was last read for a decision, on its own clock.
    made: we made one of the two from the other, and nothing of that was recorded.
    """

    id: int
    object_pair: str
    left: Ref
    right: Ref
    score: float
    evidence: tuple[str, ...] = ()
    state: LinkState = LinkState.ACTIVE
    bases: Mapping[str, Base] = field(default_factory=dict)
    left_read_at: datetime | None = None
    right_read_at: datetime | None = None
    made: bool = False

    def of(self, side: Side) -> Ref:
        return self.left if side is Side.LEFT else self.right

    def read_at(self, side: Side) -> datetime | None:
        return self.left_read_at if side is Side.LEFT else self.right_read_at


@dataclass(frozen=True)
class Known:
    """What the store keeps of every record that was read, so that who-is-who needs no remote call (SPEC 4.1, 4.3).

    ref, version: the record and the token of the state it was last read in (see Record.version).
    traits: what identity compares (core/identity.py `Person` or `Company`, as JSON-ready mapping of texts and lists).
    keys: blocking keys; two records that share one are compared.
    duplicate_of: the active record of the same system that stands for this person (SPEC 4.4).
    told: what traits and keys were made of (core/told.py); None: not noted, so they are made anew at the next reading.
    """

    ref: Ref
    object_pair: str
    traits: Mapping[str, object]
    keys: frozenset[str]
    version: str | None = None
    duplicate_of: Ref | None = None
    told: str | None = None


@quick
@dataclass(frozen=True)
class Seen:
    """A record that tells of itself what it told when it became known: keys and most traits stay as they are stored.

    told: as `Known.told`. traits: those that may be new all the same (core/told.py `passing`). version, duplicate_of:
    as `Known`'s.
    """

    ref: Ref
    told: str
    traits: Mapping[str, object]
    version: str | None = None
    duplicate_of: Ref | None = None


@dataclass(frozen=True)
class Review:
    """A pair for a person to decide (SPEC 4.3), or one that a person has decided. reopened: a person has taken an
    answer back, so that only a person answers again, however alike the two are by now."""

    object_pair: str
    left: Ref
    right: Ref
    score: float
    evidence: tuple[str, ...]
    state: str = "open"  # "open", "linked" or "apart"
    reopened: bool = False


@dataclass(frozen=True)
class Intent:
    """A create that is about to be sent, noted before it is (DESIGN, Intend).

    key: the unique field and value it is made under; source: the record it is made from.
    """

    source: Ref
    target_system: str
    target_object: str
    key: tuple[str, str]


@dataclass(frozen=True)
class Work:
    """One claimed inbox row: every notice about one record since it was last done.

    ticket: what closing it must show; notices that arrive after the claim keep the row open.
    changed_at: the oldest unhandled change, on our clock, for the latency measure. attempts: failed tries so far, in a
    row for the same kind of reason; failed_for: which (None: it is not known, and every reason counts as the same).
    """

    ref: Ref
    lane: Lane
    ticket: int
    attempts: int
    first_seen_at: datetime
    changed_at: datetime | None = None
    failed_for: Category | None = None

    def tries(self, category: Category) -> int:
        """How often it failed so far for this kind of reason in a row: what a system that was away for hours has cost
        is not held against a record that is locked for a moment afterwards (SPEC 9.2)."""
        return self.attempts if self.failed_for in (None, category) else 0
