"""What the engine needs from the outside: two systems, a store, a clock. Systems and store fill these; nobody else.

Protocols and the few plain shapes that only they use. May not import systems or store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from concord.core.model import (
    Account,
    Change,
    Errand,
    Failure,
    Gone,
    Heard,
    Intent,
    Known,
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
from concord.core.values import ObjectSpec, Ref


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

    async def changed(
        self,
        objects: Sequence[str],
        position: str | None,
        overlap: timedelta,
        ticked: Mapping[str, Collection[str]] | None = None,
    ) -> SweepPage:
        """Records of these objects that changed since the position (None: from now on), reading `overlap` before it
        again. Does no more than one page for each object; `more` says that another call should follow at once.

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

    def on(self, errand: Errand) -> System:
        """The same system, with its calls made on that errand: in its lane, and only while its claim stands."""
        ...

    def clock_ahead(self) -> timedelta:
        """How far the system's clock is ahead of ours, as last measured; zero before the first answer."""
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


class Store(Protocol):
    """PostgreSQL. One pair (one org and one portal) for each instance; every method is one transaction."""

    # inbox

    async def take_in(self, notices: Sequence[Notice]) -> int:
        """Durably note them; a thousand about one record are one row. A notice whose version is the one that `Known`
        has is dropped. Wakes the worker in the same transaction. Returns how many rows are new or were touched."""
        ...

    async def claim(self, limit: int, now: datetime, lease: timedelta) -> Sequence[Work]:
        """Up to `limit` rows that are due, most urgent lane first, then oldest; leased until now + lease."""
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

    # who is who

    async def links(self, refs: Collection[Ref]) -> Mapping[Ref, Link]:
        """The active or closed link of each of these refs that has one, with its bases; aliases (re-keyed refs) too."""
        ...

    async def candidates(self, object_pair: str, keys: Collection[str], system: str) -> Sequence[Known]:
        """Known records of that system that share a blocking key."""
        ...

    async def known(self, refs: Collection[Ref]) -> Mapping[Ref, Known]: ...

    async def put_known(self, known: Sequence[Known]) -> None: ...

    async def duplicates_of(self, refs: Collection[Ref]) -> Mapping[Ref, tuple[Ref, ...]]:
        """For each active ref those recorded as its duplicates."""
        ...

    async def reviews(self, refs: Collection[Ref]) -> Sequence[Review]:
        """Every review, in any state, that has one of these refs on either side."""
        ...

    async def forget(self, refs: Collection[Ref]) -> None:
        """These records are not there any more, so they are nobody's candidates."""
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

    async def position(self, name: str) -> str | None: ...

    async def put_position(self, name: str, position: str) -> None: ...
