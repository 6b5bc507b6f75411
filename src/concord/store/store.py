"""The store that engine/ports.py asks for, on PostgreSQL, and what the faces read from it.

Every method is one transaction; a failure leaves nothing half done. Times come from the caller, so that tests own the
clock. Decides nothing about records: it keeps, finds and orders.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Final, ParamSpec, TypeAlias, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from concord.core.breaker import Limits, Mark, Weighed
from concord.core.budget import Quota
from concord.core.duplicates import Merge
from concord.core.model import Failure, Intent, Known, Lane, Link, Notice, Review, Work
from concord.core.plan import Done
from concord.core.rounds import Past
from concord.core.values import Ref
from concord.errors import Category, StoreError
from concord.store.alerts import Alerts
from concord.store.breaker import Answered, Breakers, OpenBreaker, Stand
from concord.store.budget import Quotas
from concord.store.cursors import Cursors
from concord.store.health import Backlog, Cause, Day, Health, Heartbeat, Look, News, Spread
from concord.store.inbox import Inbox, PutBack, Stuck
from concord.store.known import People
from concord.store.ledger import Counts, Entry, Latency, Ledger, event_line
from concord.store.links import Links
from concord.store.merges import Merges, merge_lines
from concord.store.pool import make_pool, reach
from concord.store.recording import Recording
from concord.store.rounds import LinkField, Rounds

#: Told, inside the transaction, that rows are due, and whether urgent ones are: see store/queue.py `Bell`.
Wake: TypeAlias = Callable[[AsyncConnection, bool], Awaitable[None]]
#: The last lane that has a worker of its own.
URGENT: Final = Lane.CONVERSION
#: How long a method waits for a connection before it says that the database is not there.
WAIT_SECONDS: Final = 10.0
#: How often a transaction is begun that PostgreSQL ends because two waited for each other.
TRIES: Final = 4

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _again(method: Callable[_P, Coroutine[Any, Any, _T]]) -> Callable[_P, Coroutine[Any, Any, _T]]:
    """The same method, done once more where PostgreSQL has ended its transaction because it and another waited for each
    other: nothing of it was done. The order of locks (store/inbox.py) makes that rare; were it an error, a batch would
    lie until its lease is over."""

    @wraps(method)
    async def tried(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        for left in reversed(range(TRIES)):
            try:
                return await method(*args, **kwargs)
            except StoreError as error:
                if not (left and isinstance(error.__cause__, psycopg.errors.DeadlockDetected)):
                    raise
        raise AssertionError  # the last try raises or returns

    return tried


class PostgresStore:
    """The store of one pair. Every method raises StoreError when the database does not answer."""

    def __init__(self, pool: AsyncConnectionPool, pair: str, wake: Wake | None, run: str) -> None:
        self._pool = pool
        self._wake = wake
        self._inbox = Inbox(pair)
        self._links = Links(pair)
        self._people = People(pair)
        self._ledger = Ledger(pair, run)
        self._cursors = Cursors(pair)
        self._health = Health(pair)
        self._quotas = Quotas(pair)
        #: What administrators are told.
        self.alerts = Alerts(pair, self._health, self._cursors, self._transaction)
        self._breakers = Breakers(pair, self._inbox, self._links, self._ledger)
        self._rounds = Rounds(pair)
        self._merges = Merges(pair)
        self._recording = Recording(self._inbox, self._links, self._people, self._ledger)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, conninfo: str, *, pair: str = "default", wake: Wake | None = None, run: str = "", connections: int = 8
    ) -> AsyncIterator[PostgresStore]:
        """The store in a migrated database, until the block ends.

        pair: which org and portal. wake: what tells a worker that there is work (None: nobody is told). run: a name for
        this run of the program, written into the ledger. connections: at most so many at once.
        Raises StoreError when the database cannot be reached.
        """
        pool = make_pool(conninfo, size=connections, timeout=WAIT_SECONDS)
        try:
            await reach(conninfo)
            await pool.open(wait=True, timeout=WAIT_SECONDS)
        except psycopg.OperationalError as error:
            await pool.close()
            raise StoreError(f"The database does not answer: {error}. Check CONCORD_DATABASE_URL.") from error
        try:
            yield cls(pool, pair, wake, run)
        finally:
            await pool.close()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._pool.connection() as connection:
                yield connection
        except psycopg.OperationalError as error:
            raise StoreError(f"The database does not answer: {error}") from error

    async def _ring(self, connection: AsyncConnection, urgent: bool = False) -> None:
        if self._wake is not None:
            await self._wake(connection, urgent)

    # --- inbox -------------------------------------------------------------------------------------------------------

    @_again
    async def take_in(self, notices: Sequence[Notice]) -> int:
        """See engine/ports.py. A new notice makes a row due at once that waited for a later time or for a person."""
        if not notices:
            return 0
        async with self._transaction() as connection:
            touched = await self._inbox.take_in(connection, notices)
            if touched:
                await self._ring(connection, any(one.lane <= URGENT for one in notices))
            return touched

    async def claim(self, limit: int, now: datetime, lease: timedelta, up_to: Lane = Lane.BACKFILL) -> Sequence[Work]:
        """See engine/ports.py."""
        while (works := await self._claim(limit, now, lease, up_to)) is not None:
            if works:
                return works
        return []

    @_again
    async def _claim(self, limit: int, now: datetime, lease: timedelta, up_to: Lane) -> Sequence[Work] | None:
        async with self._transaction() as connection:
            return await self._inbox.claim(connection, limit, now, lease, up_to)

    @_again
    async def seize(self, ticket: int, keys: Mapping[str, Ref], now: datetime, until: datetime) -> set[str]:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            return await self._inbox.seize(connection, ticket, keys, now, until)

    @_again
    async def renew(self, works: Collection[Work], keys: int, now: datetime, until: datetime) -> bool:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            return await self._inbox.renew(connection, works, keys, now, until)

    @_again
    async def postpone(self, works: Collection[Work], due_at: datetime) -> None:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            await self._inbox.lock(connection, works)
            await self._inbox.postpone(connection, works, due_at)
            await self._inbox.let_go(connection, works)

    @_again
    async def release(
        self, works: Sequence[Work], now: datetime, retry_at: datetime, failure: Failure, *, spent: bool = True
    ) -> None:
        """See engine/ports.py. A claim whose lease ran out is left to whoever has it now."""
        due_at = max(now, retry_at)
        async with self._transaction() as connection:
            await self._inbox.lock(connection, works)
            await self._inbox.put_back(connection, [PutBack(work, now, due_at, failure, spent) for work in works])
            await self._inbox.let_go(connection, works)
            if due_at == now:
                await self._ring(connection)

    async def backlog(self) -> Mapping[str, int]:
        """See engine/ports.py. "due_later" counts the rows that were put back after a failed try."""
        async with self._transaction() as connection:
            return await self._inbox.backlog(connection)

    async def next_due(self) -> datetime | None:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            return await self._inbox.next_due(connection)

    async def ring(self) -> None:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            await self._ring(connection)

    @_again
    async def hasten(self, now: datetime) -> int:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            hastened = await self._inbox.hasten(connection, now)
            if hastened:
                await self._ring(connection)
            return hastened

    # --- who is who --------------------------------------------------------------------------------------------------

    async def links(self, refs: Collection[Ref]) -> Mapping[Ref, Link]:
        """See engine/ports.py. Where a ref has several, the active one, and else the newest."""
        async with self._transaction() as connection:
            return await self._links.links(connection, refs)

    async def walk(self, after: int, limit: int, fields: Collection[str], closed_since: datetime) -> Sequence[Link]:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            return await self._links.walk(connection, after, limit, fields, closed_since)

    async def count_links(self, closed_since: datetime) -> int:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            return await self._links.count(connection, closed_since)

    async def candidates(self, object_pair: str, keys: Collection[str], system: str) -> Sequence[Known]:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            return await self._people.candidates(connection, object_pair, keys, system)

    async def known(self, refs: Collection[Ref]) -> Mapping[Ref, Known]:
        """What is kept of these records; one that is not known is left out."""
        async with self._transaction() as connection:
            return await self._people.known(connection, refs)

    async def put_known(self, known: Sequence[Known]) -> None:
        """Remember these as they were last read."""
        async with self._transaction() as connection:
            await self._people.put_known(connection, known)

    async def told(self, refs: Collection[Ref]) -> Mapping[Ref, str]:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            return await self._people.told(connection, refs)

    async def forget(self, refs: Collection[Ref]) -> None:
        """These records are not there any more, so they are nobody's candidates."""
        async with self._transaction() as connection:
            await self._people.forget(connection, refs)

    async def duplicates_of(self, refs: Collection[Ref]) -> Mapping[Ref, tuple[Ref, ...]]:
        """See engine/ports.py. A ref without duplicates is left out."""
        async with self._transaction() as connection:
            return await self._people.duplicates_of(connection, refs)

    async def reviews(self, refs: Collection[Ref]) -> Sequence[Review]:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            return await self._people.reviews(connection, refs)

    # --- merges: store/merges.py says more ---------------------------------------------------------------------------

    @_again
    async def approve_merge(self, merge: Merge, notices: Sequence[Notice]) -> int | None:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            number = await self._merges.approve(connection, merge)
            if number is not None:
                await self._inbox.take_in(connection, notices)
                await self._ring(connection)
            return number

    async def due_merges(self, refs: Collection[Ref]) -> Sequence[Merge]:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            return await self._merges.due(connection, refs)

    async def standing_merges(self, refs: Collection[Ref]) -> Sequence[Merge]:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            return await self._merges.standing(connection, refs)

    @_again
    async def end_merge(self, merge: Merge, survivor: Ref, gone: Collection[Ref], now: datetime, *, left: bool) -> None:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            if await self._merges.end(connection, merge, now) and gone:
                await self._people.forget(connection, gone)
                await self._merges.follow(connection, survivor, gone)
                await self._ledger.write(connection, merge_lines(merge, survivor, gone, left=left), now)

    async def merges(self, limit: int = 50, merge_id: int | None = None) -> Sequence[Merge]:
        """Merges in any state, the newest first; merge_id: that one alone."""
        async with self._transaction() as connection:
            return await self._merges.newest(connection, limit, merge_id)

    async def duplicates(self, limit: int = 50) -> Mapping[Ref, tuple[Ref, ...]]:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            return await self._merges.groups(connection, limit)

    async def forget_apart(self, one: Ref, other: Ref) -> bool:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            return await self._people.forget_apart(connection, one, other)

    # --- the breaker: store/breaker.py says more --------------------------------------------------------------------

    async def weigh(self, marks: Sequence[Mark], limits: Limits, now: datetime) -> Weighed:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            return await self._breakers.weigh(connection, marks, limits, now)

    async def open_breakers(self) -> Sequence[OpenBreaker]:
        """Those that hold everything of their kind, the oldest first."""
        async with self._transaction() as connection:
            return await self._breakers.open(connection)

    async def breakers(self, now: datetime, samples: int = 5) -> Sequence[Stand]:
        """Those that are open, and those of which an answer still has an effect, with what waits for them."""
        async with self._transaction() as connection:
            return await self._breakers.standing(connection, now, samples)

    async def allow_flood(self, name: str, now: datetime, window: timedelta) -> Answered:
        """A person lets what this breaker holds through, and what still comes of it."""
        async with self._transaction() as connection:
            answered = await self._breakers.allow(connection, name, now, window)
            await self._ring(connection)
            return answered

    async def refuse_flood(self, name: str, now: datetime, window: timedelta) -> Answered:
        """A person refuses what this breaker holds: nothing of it is written."""
        async with self._transaction() as connection:
            answered = await self._breakers.refuse(connection, name, now, window)
            await self._ring(connection)
            return answered

    # --- chases: store/rounds.py says more ---------------------------------------------------------------------------

    async def rounds(self, fields: Collection[LinkField], since: datetime) -> Mapping[LinkField, Past]:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            return await self._rounds.past(connection, fields, since)

    async def stop_fields(self, fields: Collection[LinkField], now: datetime) -> None:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            await self._rounds.stop(connection, fields, now)

    async def let_go(self, now: datetime, until: datetime, since: datetime) -> int:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            again = await self._rounds.let_go(connection, now, until, since)
            if again:
                await self._ring(connection)
            return again

    # --- the line's end ----------------------------------------------------------------------------------------------

    async def intend(self, intents: Sequence[Intent], now: datetime) -> None:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            await self._people.intend(connection, intents, now)

    async def intents(self, sources: Collection[Ref]) -> Sequence[Intent]:
        """Creates that were noted for these records and not yet seen to be done, oldest first."""
        async with self._transaction() as connection:
            return await self._people.intents(connection, sources)

    @_again
    async def record(self, outcomes: Sequence[Done], now: datetime) -> None:
        """See engine/ports.py, and `Recording.record` for outcomes that come late."""
        if not outcomes:
            return
        async with self._transaction() as connection:
            if await self._recording.record(connection, outcomes, now):
                await self._ring(connection)

    # --- chores ------------------------------------------------------------------------------------------------------

    async def position(self, name: str) -> str | None:
        """Where this sweep or journal stands; None before the first time."""
        async with self._transaction() as connection:
            return await self._cursors.position(connection, name)

    async def put_position(self, name: str, position: str) -> None:
        """From here it goes on next time."""
        async with self._transaction() as connection:
            await self._cursors.put_position(connection, name, position)

    # --- for the faces -----------------------------------------------------------------------------------------------

    async def ledger_of(self, ref: Ref, limit: int = 200) -> Sequence[Entry]:
        """What is written about one record, newest first; also from before it got this ref."""
        async with self._transaction() as connection:
            return await self._ledger.of_ref(connection, ref, limit)

    async def conflicts(self, limit: int = 100, before: int | None = None) -> Sequence[Entry]:
        """The newest conflicts and how they were decided; `before`: the id of the last entry of the page before."""
        async with self._transaction() as connection:
            return await self._ledger.conflicts(connection, limit, before)

    async def counts(self) -> Counts:
        """How many links, open reviews and duplicates there are, and decisions by rule."""
        async with self._transaction() as connection:
            return await self._ledger.counts(connection)

    async def active_links(self, object_pair: str) -> Sequence[tuple[Ref, Ref]]:
        """Left and right of every active link of an object pair, oldest first."""
        async with self._transaction() as connection:
            return await self._links.active(connection, object_pair)

    async def open_reviews(self, limit: int = 200) -> Sequence[Review]:
        """What waits for a person, best score first."""
        async with self._transaction() as connection:
            return await self._people.open_reviews(connection, limit)

    async def decided_reviews(self, limit: int = 200) -> Sequence[tuple[Review, datetime]]:
        """What persons have said, and when; the newest first."""
        async with self._transaction() as connection:
            return await self._people.decided_reviews(connection, limit)

    async def called(self, record_id: str) -> Sequence[tuple[Ref, str]]:
        """Known records with this id, and the object pair that each belongs to."""
        async with self._transaction() as connection:
            return await self._people.called(connection, record_id)

    async def take_back(self, left: Ref, right: Ref, reason: str, now: datetime) -> bool:
        """These two are not one after all: their link, if they have one, counts for neither any more, and what a person
        said of them is a question again. Whether there was either."""
        async with self._transaction() as connection:
            link = await self._links.take_back(connection, left, right, reason, now)
            if link is not None:
                line = event_line("closed", link[1], link[0], left, right, reason)
                await self._ledger.write(connection, [line], now)
            return await self._people.reopen(connection, left, right) or link is not None

    async def decide(self, reviews: Sequence[Review], now: datetime) -> None:
        """A person has said "linked" or "apart" (`Review.state`); the records are to be looked at by notices."""
        async with self._transaction() as connection:
            await self._people.put_reviews(connection, reviews, now)

    async def dead(self, limit: int = 200) -> Sequence[Stuck]:
        """Rows that wait for a person, with their failure."""
        async with self._transaction() as connection:
            return await self._inbox.stuck(connection, limit, waiting=False)

    async def failing(self, limit: int = 200) -> Sequence[Stuck]:
        """The dead rows and those that failed and are tried again by themselves."""
        async with self._transaction() as connection:
            return await self._inbox.stuck(connection, limit, waiting=True)

    async def revive(self, now: datetime, refs: Collection[Ref] | None = None, category: Category | None = None) -> int:
        """Try dead rows again: those of these refs, of this category, of both, or all. How many they were. Of refs also
        those that failed and would be tried later."""
        async with self._transaction() as connection:
            async with self._rounds.retried(connection, now):
                revived = await self._inbox.revive(connection, now, refs, category)
            if revived:
                await self._ring(connection)
            return revived

    async def revive_fields(self, now: datetime, names: Collection[str], categories: Collection[Category]) -> int:
        """See engine/ports.py."""
        async with self._transaction() as connection:
            revived = await self._inbox.revive_fields(connection, now, names, categories)
            if revived:
                await self._ring(connection)
            return revived

    async def latencies(self, limit: int = 10_000, lane: Lane | None = None) -> Sequence[Latency]:
        """The newest measures from change to applied write, oldest of them first (SPEC 6.5)."""
        async with self._transaction() as connection:
            return await self._ledger.latencies(connection, limit, lane)

    # --- how it goes: store/health.py says more ----------------------------------------------------------------------

    async def queued(self, now: datetime, *, exact: bool = True) -> Backlog:
        """What waits, by lane; not exact: in a moment, however much it is."""
        async with self._transaction() as connection:
            return await self._health.queued(connection, now, exact=exact)

    async def causes(self, now: datetime) -> Sequence[Cause]:
        """Why rows failed: those with most that wait for a person first."""
        async with self._transaction() as connection:
            return await self._health.causes(connection, now)

    async def failed_for(
        self, causes: Collection[Cause], limit: int = 200, value: str | None = None
    ) -> Sequence[Stuck]:
        """The rows that failed for one of these causes; value: only where it was refused."""
        async with self._transaction() as connection:
            return await self._health.failed_for(connection, causes, limit, value)

    async def failed_of(self, refs: Collection[Ref]) -> Sequence[Stuck]:
        """Those of these records that failed."""
        async with self._transaction() as connection:
            return await self._health.failed_of(connection, refs)

    async def revive_causes(self, causes: Collection[Cause], now: datetime, value: str | None = None) -> int:
        """Try the rows of these causes again, those too that would be tried later. How many they were. value: only
        where it was refused."""
        async with self._transaction() as connection:
            async with self._rounds.retried(connection, now):
                revived = await self._health.revive(connection, causes, now, value)
            if revived:
                await self._ring(connection)
            return revived

    async def spreads(self, since: datetime) -> Mapping[Lane | None, Spread]:
        """How long what was applied since then took, by lane, and under None over all."""
        async with self._transaction() as connection:
            return await self._health.spreads(connection, since)

    async def days(self, now: datetime, days: int = 2) -> Sequence[Day]:
        """What was written on the last days, today's first."""
        async with self._transaction() as connection:
            return await self._health.days(connection, now, days)

    async def quotas(self, now: datetime) -> Sequence[Quota]:
        """Where the days of both accounts stand, as last told to any worker, with their history (SPEC 9.3)."""
        async with self._transaction() as connection:
            return await self._quotas.all(connection, now)

    async def positions(self) -> Mapping[str, str]:
        """Where each sweep and each feed stands, by name."""
        async with self._transaction() as connection:
            return await self._health.positions(connection)

    async def questions(self) -> int:
        """How many pairs wait for a person."""
        async with self._transaction() as connection:
            return await self._health.questions(connection)

    async def heartbeat(self) -> Heartbeat:
        """Whether a worker is alive."""
        async with self._transaction() as connection:
            return await self._health.heartbeat(connection)

    async def news(self, look: Look, since: datetime, bounds: Sequence[float]) -> News:
        """What was applied and decided since the last look."""
        async with self._transaction() as connection:
            return await self._health.news(connection, look, since, bounds)
