"""What the engine needs from the outside: two systems, a store, a clock. Systems and store fill these; nobody else.

Protocols and the few plain shapes that only they use. May not import systems or store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from concord.core.alerts import Alert, Changes, Condition, Due, Facts, Telling
from concord.core.breaker import Limits, Mark, Weighed
from concord.core.checks import Question, Quota
from concord.core.duplicates import Merge
from concord.core.model import (
    Account,
    Change,
    Errand,
    Failure,
    Gone,
    Heard,
    Intent,
    Known,
    Lane,
    Link,
    Notice,
    Receipt,
    Record,
    Review,
    Side,
    SweepPage,
    Work,
)
from concord.core.plan import Done
from concord.core.quota import Usage
from concord.core.rounds import Past
from concord.core.values import ObjectSpec, Ref, Value
from concord.errors import Category


class Clock(Protocol):
    """Time and waiting, passed in so that tests own both."""

    def now(self) -> datetime:
        """The current instant, aware, UTC."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class System(Protocol):
    """One CRM. Every call may raise RemoteRefused, RemoteBusy (after the adapter's own retries) or RemoteUnknown;
    failures of single records come back as data (`Receipt.failure`)."""

    name: str
    #: Checkboxes that say not to contact a person, by the vendor's names, mapped or not.
    withdrawals: Collection[str]
    #: Whether a merge fills the survivor's blanks from the others by itself.
    merge_fills: bool
    #: What a person is told of a merge in this system before approving one.
    merge_words: Sequence[str]

    async def account(self) -> Account:
        """Signs in and says whose account it is. The first call of every run; its failure stops the start."""
        ...

    async def describe(self, objects: Sequence[str]) -> Mapping[str, ObjectSpec]:
        """The schemas of these objects as the integration user sees them. Raises ConfigError, naming it, for an object
        that the system does not have or show."""
        ...

    async def read(
        self, object_name: str, ids: Sequence[str], fields: Sequence[str], histories: Sequence[str] = ()
    ) -> Sequence[Record | Gone]:
        """These records, fresh, in the order asked; any number of ids. histories: fields whose history is wanted where
        the system keeps one. A merged or converted record comes back under its new ref with `asked` set."""
        ...

    def scan(self, object_name: str, fields: Sequence[str]) -> AsyncIterator[Sequence[Record]]:
        """Every live record, page by page, without histories."""
        ...

    async def present(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Record]:
        """Those of these records that are live under the very id asked for, by that id; with these fields, without
        histories. The others were deleted, merged away, converted or hidden: `read` tells which. In as few calls as
        there can be, and none for a single record."""
        ...

    async def origins(self, object_name: str, ids: Sequence[str]) -> Mapping[str, Ref]:
        """Of those of these records that a conversion made: what each was made of, by id. Nothing for a system that
        converts nothing."""
        ...

    async def changed(
        self,
        objects: Sequence[str],
        position: str | None,
        overlap: timedelta,
        ticked: Mapping[str, Collection[str]] | None = None,
    ) -> SweepPage:
        """Records of these objects that changed since the position (None: from now on), reading `overlap` before it
        again. Does no more than one page for each object; `more` says that another call should follow at once. An
        object that cannot be asked about is told in `failed`; where that is every object, the call raises.

        ticked: for each of the objects, only records in which one of these checkboxes is ticked.
        """
        ...

    async def find(
        self, object_name: str, field: str, texts: Collection[str], fields: Sequence[str]
    ) -> Sequence[Record]:
        """Live records whose field has one of these values; for HubSpot's e-mail, additional addresses count.
        Sees what was written a moment ago (no search index). Raises nothing when there is none."""
        ...

    async def update(
        self, changes: Sequence[Change], show: Mapping[str, Sequence[str]], histories: Mapping[str, Sequence[str]]
    ) -> Sequence[Receipt]:
        """Write existing records, in batches, each guarded where the system can. Receipts in the order asked, with the
        record as shown afterwards (the fields `show` names for its object, and `histories`)."""
        ...

    async def create(
        self, changes: Sequence[Change], show: Mapping[str, Sequence[str]], histories: Mapping[str, Sequence[str]]
    ) -> Sequence[Receipt]:
        """Make records under their unique keys; a repeat finds the first one (`created` False)."""
        ...

    async def merge(self, survivor: Ref, losers: Sequence[Ref], values: Mapping[str, Value]) -> Sequence[Receipt]:
        """Merge these live records, for good, into the survivor, which keeps its values but for these. A receipt for
        each loser, in the order asked, whose ref is the survivor's from now on. A failure that is `unknown` may have
        been a merge: read the loser before asking again, it comes back under the survivor's ref then."""
        ...

    async def departed(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Record]:
        """Those of these records that were deleted or merged away, by id, as they last were, where the system still
        shows that."""
        ...

    def on(self, errand: Errand) -> System:
        """The same system, with its calls made on that errand: in its lane, and only while its claim stands."""
        ...

    def clock_ahead(self) -> timedelta:
        """How far the system's clock is ahead of ours, as last measured; zero before the first answer."""
        ...

    def lane_of(self, object_name: str) -> Lane:
        """How urgent a look at a record of this object is, when nothing more is known of it."""
        ...

    def crowded(self, lane: Lane) -> float:
        """Seconds to wait before the next batch of this lane is claimed: while calls would only wait in the middle of a
        batch it is better to let batches fill, and while the day's calls would not last, to leave slow lanes where they
        are. More than a second or two means the day: ask again then. 0 for consent, always."""
        ...

    def silent_until(self) -> datetime | None:
        """While the system does not answer: when it is looked at again, on our clock; None: it answers."""
        ...

    def calls(self) -> int:
        """How many remote calls were sent since the start, retries included."""
        ...

    def calls_by_kind(self) -> Mapping[str, int]:
        """The same by what they were for, in a few fixed words."""
        ...

    def retries(self) -> int:
        """How many of those calls were repeats of one that had failed."""
        ...

    async def close(self) -> None: ...


class Taking(Protocol):
    """What a batch can have for itself, while it is on the line (engine/claims.py)."""

    @property
    def errand(self) -> Errand:
        """For the calls that are made for the batch."""
        ...

    async def take(self, keys: Mapping[str, Ref]) -> set[str]:
        """Which of these keys are the batch's now. keys: each with the claimed record for which it is taken. Raises
        ClaimLost when the batch has lost its claim."""
        ...

    async def give_up(self, refs: Collection[Ref], pause: timedelta) -> None:
        """Leave the rows of these records to another look, after about so long."""
        ...

    @property
    def works(self) -> Sequence[Work]:
        """Its rows, without those that were given up."""
        ...


class Feed(Protocol):
    """A stream of events that is read on by position (SPEC 6.1, 6.2). Read by one process at a time for each pair."""

    #: Under which its position is stored; for people too ("salesforce change events", "hubspot journal").
    name: str
    side: Side

    @property
    def following(self) -> bool:
        """Whether it is connected and up to date at this moment: False while it reconnects or has to wait."""
        ...

    async def refusal(self) -> str | None:
        """Why this account cannot be followed this way, in words for an administrator; None: it can. Asked at the
        start. Raises RemoteBusy or RemoteUnknown when that could not be found out now."""
        ...

    def follow(self, position: str | None) -> AsyncIterator[Heard]:
        """What happens from the position on (None: from now on), for as long as it is read. Waits between events, mends
        broken connections by itself with backoff, and ends only by raising RemoteRefused: then it cannot be followed
        any more, and the sweep alone must do. A position that is not known any more is answered with `lost`."""
        ...

    async def close(self) -> None:
        """Ends the connections."""
        ...


class Examined(Protocol):
    """What `concord doctor` asks of one account, each question by itself; none of them changes anything."""

    #: What people call the system.
    section: str
    #: Asked first and in this order: without them nothing else can be asked.
    gates: Sequence[Question]
    questions: Sequence[Question]
    #: What the questions have found so far: the schemas of the synced objects, and the day's calls.
    schemas: Mapping[str, ObjectSpec]
    daily: Quota | None


class Store(Protocol):
    """PostgreSQL. One pair (one org and one portal) for each instance; every method is one transaction."""

    # inbox

    async def take_in(self, notices: Sequence[Notice]) -> int:
        """Durably note them; a thousand about one record are one row. A notice whose version is the one that `Known`
        has is dropped. Wakes the worker in the same transaction. Returns how many rows are new or were touched."""
        ...

    async def claim(self, limit: int, now: datetime, lease: timedelta, up_to: Lane = Lane.BACKFILL) -> Sequence[Work]:
        """Up to `limit` rows that are due, all of the most urgent lane that has any (none beyond `up_to`), oldest
        first; leased until now + lease under one ticket. The claim has their records for itself: a row whose record
        another claim has is put off."""
        ...

    async def seize(self, ticket: int, keys: Mapping[str, Ref], now: datetime, until: datetime) -> set[str]:
        """Which of these keys the claim with that ticket now has for itself, those that it had before among them. keys:
        each with the record of the claim that it is needed for, with whose row it is free again."""
        ...

    async def renew(self, works: Collection[Work], keys: int, now: datetime, until: datetime) -> bool:
        """Have all of these rows, and the `keys` keys that their claim has, until then; False: some are another's."""
        ...

    async def postpone(self, works: Collection[Work], due_at: datetime) -> None:
        """Give claimed rows back as they were, to be claimed again from `due_at` on: no try, and no failure."""
        ...

    async def release(
        self, works: Sequence[Work], now: datetime, retry_at: datetime, failure: Failure, *, spent: bool = True
    ) -> None:
        """Give rows back, to be looked at again at `retry_at`; counts as a try when `spent`."""
        ...

    async def backlog(self) -> Mapping[str, int]:
        """{"waiting", "claimed", "dead", "due_later"}: how many rows are in which state."""
        ...

    async def next_due(self) -> datetime | None:
        """When the earliest unclaimed row is to be looked at; None when there is none."""
        ...

    async def ring(self) -> None:
        """Wake a worker."""
        ...

    async def hasten(self, now: datetime) -> int:
        """Have rows that wait because a system did not answer claimed now; how many."""
        ...

    # who is who

    async def links(self, refs: Collection[Ref]) -> Mapping[Ref, Link]:
        """The active or closed link of each of these refs that has one, with its bases; aliases (re-keyed refs) too."""
        ...

    async def walk(self, after: int, limit: int, fields: Collection[str], closed_since: datetime) -> Sequence[Link]:
        """Up to `limit` links in the order of their ids, those beyond `after`: the active ones, and those that were
        closed since that moment and have neither record linked otherwise. With the bases of these fields only."""
        ...

    async def count_links(self, closed_since: datetime) -> int:
        """How many links `walk` would give in all, at most."""
        ...

    async def candidates(self, object_pair: str, keys: Collection[str], system: str) -> Sequence[Known]:
        """Known records of that system that share a blocking key."""
        ...

    async def known(self, refs: Collection[Ref]) -> Mapping[Ref, Known]: ...

    async def put_known(self, known: Sequence[Known]) -> None: ...

    async def told(self, refs: Collection[Ref]) -> Mapping[Ref, str]:
        """`Known.told` of those of these records of which it is noted."""
        ...

    async def duplicates_of(self, refs: Collection[Ref]) -> Mapping[Ref, tuple[Ref, ...]]:
        """For each active ref those recorded as its duplicates."""
        ...

    async def called(self, record_id: str) -> Sequence[tuple[Ref, str]]:
        """Known records with this id, and the object pair that each belongs to."""
        ...

    async def decide(self, reviews: Sequence[Review], now: datetime) -> None:
        """A person has said "linked" or "apart" (`Review.state`)."""
        ...

    async def take_back(self, left: Ref, right: Ref, reason: str, now: datetime) -> bool:
        """End the link of these two, if they have one, so that it counts for neither any more, and make what a person
        said of them a question again. Whether there was either."""
        ...

    async def reviews(self, refs: Collection[Ref]) -> Sequence[Review]:
        """Every review, in any state, that has one of these refs on either side."""
        ...

    async def forget(self, refs: Collection[Ref]) -> None:
        """These records are not there any more, so they are nobody's candidates."""
        ...

    async def duplicates(self, limit: int = 50) -> Mapping[Ref, tuple[Ref, ...]]:
        """Records that others of their system stand beside, with those; so many at most."""
        ...

    async def forget_apart(self, one: Ref, other: Ref) -> bool:
        """Two of one system that a person had kept apart are not kept apart any more; False: they were not."""
        ...

    # merges that a person approved

    async def approve_merge(self, merge: Merge, notices: Sequence[Notice]) -> int | None:
        """Note it, with these notices, by which it is carried out; its id. None: one of its records is part of another
        that is not over, and nothing was noted."""
        ...

    async def due_merges(self, refs: Collection[Ref]) -> Sequence[Merge]:
        """Approved ones that are not over and that one of these records carries (`Merge.carrier`)."""
        ...

    async def standing_merges(self, refs: Collection[Ref]) -> Sequence[Merge]:
        """Approved ones that are not over and of which one of these records is a part."""
        ...

    async def end_merge(self, merge: Merge, survivor: Ref, gone: Collection[Ref], now: datetime, *, left: bool) -> None:
        """It is over, with its state and outcome; once, whoever says so. survivor: as it is called now; gone: the
        records that became part of it. What was known through them is known through the survivor from now on."""
        ...

    # the breaker

    async def weigh(self, marks: Sequence[Mark], limits: Limits, now: datetime) -> Weighed:
        """Count what these would do within the window, and say what is stopped; what is not was counted, each record
        once, before the answer. What is stopped is noted for a person's answer. Their kinds have limits."""
        ...

    # two sets of rules that chase each other

    async def rounds(self, fields: Collection[tuple[int, str]], since: datetime) -> Mapping[tuple[int, str], Past]:
        """Of these fields (the link's id, our name): our writes since then that count, and whether they are stopped."""
        ...

    async def stop_fields(self, fields: Collection[tuple[int, str]], now: datetime) -> None:
        """Note that these are stopped, until a person tries their record again or `let_go` frees them."""
        ...

    async def let_go(self, now: datetime, until: datetime, since: datetime) -> int:
        """Free what was stopped until then, and look at its records again; how many. since: how far writes count."""
        ...

    # the line's end

    async def intend(self, intents: Sequence[Intent], now: datetime) -> None:
        """Note creates before they are sent; noting one again changes nothing."""
        ...

    async def intents(self, sources: Collection[Ref]) -> Sequence[Intent]:
        """Creates that were noted for these records and not yet seen to be done: a kill may lie between."""
        ...

    async def record(self, outcomes: Sequence[Done], now: datetime) -> None:
        """Write links, bases, known, reviews and ledger, and close or put back the inbox rows: one transaction."""
        ...

    # chores

    async def revive_fields(self, now: datetime, names: Collection[str], categories: Collection[Category]) -> int:
        """Try those rows again that wait for a person for one of these kinds of reason and name one of these fields (in
        the vendors' names). How many they were."""
        ...

    async def position(self, name: str) -> str | None: ...

    async def put_position(self, name: str, position: str) -> None: ...


class Metered(Protocol):
    """A system that tells of the day's calls."""

    def usage(self) -> Usage | None:
        """What the newest answer told; None: no answer has told it yet. Asks nothing."""
        ...


class OpenBreaker(Protocol):
    """A breaker that is open and asks (SPEC 9.4)."""

    @property
    def name(self) -> str: ...
    @property
    def since(self) -> datetime: ...
    @property
    def reason(self) -> str: ...


class Target(Protocol):
    """Where administrators are told (SPEC 9.7)."""

    async def tell(self, telling: Telling) -> str:
        """Send this message, once; a remark where it arrived with a reservation, else "". Raises RemoteRefused,
        RemoteBusy (it did not arrive) or RemoteUnknown (it may have arrived; it is sent again under the same id)."""
        ...

    async def close(self) -> None: ...


class AlertStore(Protocol):
    """What the watch remembers (store/alerts.py says more). Every method is one transaction."""

    async def take_look(self, now: datetime, next_at: datetime) -> bool:
        """Whether the caller is the one who looks now; nobody else is until `next_at`."""
        ...

    async def facts(self, now: datetime, measured_since: datetime) -> Facts:
        """What the tables tell of how it goes."""
        ...

    async def notes(self) -> Mapping[str, str]:
        """Everything that is noted under a name."""
        ...

    async def note(self, name: str, text: str) -> None: ...

    async def standing(self) -> Sequence[Alert]:
        """What was told and is not over."""
        ...

    async def remember(self, changes: Changes, targets: Sequence[str], now: datetime) -> int:
        """Note these changes, each once whoever notes it, with a message for each target; how many messages."""
        ...

    async def note_over(self, condition: Condition, targets: Sequence[str], now: datetime) -> None:
        """Note something that is over and could not be noted while it stood, once whoever notes it."""
        ...

    async def tidy(self, now: datetime) -> int:
        """Give up old messages, forget what has long been over; how many messages were given up."""
        ...

    async def due(self, targets: Sequence[str], now: datetime, lease: timedelta) -> Sequence[Due]:
        """The next message for each of these targets, if its time has come, leased until now + lease."""
        ...

    async def told(self, due: Due, now: datetime, remark: str) -> None:
        """It has arrived."""
        ...

    async def not_told(self, due: Due, due_at: datetime, error: str) -> None:
        """It has not arrived, and is due again then."""
        ...
