"""What the processes of an account share of its limits, in PostgreSQL (SPEC 9.3): turns, and where the day stands.

One round trip for a question, however many calls wait for its answer. Decides nothing: `budget_take` of
migrations/0007_budget.sql says what `grant` of core/budget.py says. Knows no pair: two pairs with one portal share it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from concord.core.budget import Day, Grant, Quota, Sample, Taken, Told, Want
from concord.errors import StoreError
from concord.store import queries
from concord.store.pool import reach

#: Seconds to wait for a connection before the database is said to be away.
WAIT_SECONDS: Final = 10.0


class Budget:
    """The shared budget. Its clock is the database's, one for all machines; tests pass theirs (`now`)."""

    def __init__(self, pool: AsyncConnectionPool, now: Callable[[], datetime] | None = None) -> None:
        self._pool = pool
        self._now = now or _databases
        self._sql = queries.load("budget")

    @classmethod
    @asynccontextmanager
    async def open(cls, conninfo: str, now: Callable[[], datetime] | None = None) -> AsyncIterator[Budget]:
        """The budget in a migrated database, until the block ends. Raises StoreError when it cannot be reached."""
        pool = AsyncConnectionPool(
            conninfo, min_size=1, max_size=2, timeout=WAIT_SECONDS, open=False, configure=_configure
        )
        try:
            await reach(conninfo)
            await pool.open(wait=True, timeout=WAIT_SECONDS)
        except psycopg.OperationalError as error:
            await pool.close()
            raise StoreError(f"The database does not answer: {error}. Check CONCORD_DATABASE_URL.") from error
        try:
            yield cls(pool, now)
        finally:
            await pool.close()

    async def take(self, account: str, wants: Sequence[Want], told: Told | None) -> Taken:
        """Turns for these, the most urgent first, and what is known of the day. told: the newest of what the vendor
        told since the last time. Raises StoreError when the database does not answer."""
        rows = await self._run(
            "take",
            account=account,
            wants=json.dumps([_want_row(want) for want in wants]),
            told=None if told is None else json.dumps(_told_row(told)),
            now=self._now(),
        )
        found = json.loads(rows[0][0])
        grants = tuple(Grant(calls, wait, by, tuple(used)) for calls, wait, by, used in found["grants"])
        day = None
        if found["most"] is not None:
            at, resets_at = _moment(found["told_at"]), _moment(found["resets_at"])
            assert at is not None  # set together with the limit
            day = Day(found["used"], found["most"], at, resets_at)
        return Taken(grants, found["ticket"], day)

    async def tell(self, account: str, name: str, told: Told) -> None:
        """What was told of another allowance of a day than that of calls. Raises StoreError."""
        await self._run(
            "tell",
            account=account,
            name=name,
            used=told.used,
            most=told.most,
            resets_at=told.resets_at,
            now=self._now(),
        )

    async def samples(self, account: str, name: str) -> Sequence[Sample]:
        """What was told of an allowance in the last two days, oldest first. Raises StoreError."""
        return tuple(
            Sample(at.astimezone(UTC), used) for at, used in await self._run("samples", account=account, name=name)
        )

    async def _run(self, query: str, **values: object) -> list[TupleRow]:
        """Once more on a new connection when the old one turns out dead: turns that were given twice are only lost."""
        try:
            try:
                return await self._once(query, values)
            except psycopg.OperationalError:
                await self._pool.check()
                return await self._once(query, values)
        except psycopg.OperationalError as error:
            raise StoreError(f"The database does not answer: {error}") from error

    async def _once(self, query: str, values: Mapping[str, object]) -> list[TupleRow]:
        async with self._pool.connection() as connection:
            cursor: AsyncCursor[TupleRow] = await connection.execute(self._sql[query], values)
            return await cursor.fetchall()


class Quotas:
    """Where the days of these accounts stand, for people. Every call runs inside the transaction that it is given."""

    def __init__(self, pair: str) -> None:
        left, _, right = pair.partition(":")
        self._accounts = [f"salesforce {left}", f"hubspot {right}"]
        self._sql = queries.load("budget")

    async def all(self, connection: AsyncConnection, now: datetime) -> list[Quota]:
        """Every allowance of a day that was told, Salesforce's first."""
        cursor = await connection.execute(self._sql["days"], {"accounts": self._accounts})
        found = []
        for account, name, used, most, at, resets_at in await cursor.fetchall():
            samples = await connection.execute(self._sql["samples"], {"account": account, "name": name})
            day = Day(used, most, at, resets_at).current(now)
            kept = tuple(Sample(*row) for row in await samples.fetchall())
            found.append(Quota(account.partition(" ")[0], name, day, kept))
        return found


def _databases() -> None:
    """The database's own clock."""
    return None


async def _configure(connection: AsyncConnection[Any]) -> None:
    """One round trip a question; what is granted need not be on the disk: a crash takes longer than what it forgets."""
    await connection.set_autocommit(True)
    await connection.execute("SET synchronous_commit = off")
    await connection.execute("SET lock_timeout = '5s'")
    await connection.execute("SET TIME ZONE 'UTC'")


def _want_row(want: Want) -> dict[str, object]:
    limits = [
        {"name": one.name, "most": one.most, "seconds": one.seconds, "at_once": one.at_once} for one in want.limits
    ]
    return {"count": want.count, "ceiling": want.ceiling, "limits": limits}


def _told_row(told: Told) -> dict[str, object]:
    resets_at = None if told.resets_at is None else told.resets_at.timestamp()
    return {"used": told.used, "most": told.most, "resets_at": resets_at, "ticket": told.ticket}


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
