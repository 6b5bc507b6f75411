"""The inbox: which records are to be looked at, how urgently, and who is looking.

A row is claimed under a ticket and a lease. Closing shows the ticket: a worker whose lease ran out closes nothing. What
arrives after the claim keeps the row open (`again_*`). Beside its rows a claim seizes keys: its own records, and what
else it decides on, so that no two batches do the same at once; they go with the row for which they were taken. Every
call runs inside the transaction that it is given.

Several workers and intakes change several rows each, at once: so rows are locked in one order, keys after rows, and
keys in one order and in one statement of a transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow

from concord.core.model import Failure, Lane, Notice, Work
from concord.core.retry import BLOCKED_FOR
from concord.core.values import Ref
from concord.errors import Category
from concord.store import queries, rows


@dataclass(frozen=True)
class Stuck:
    """A row that failed. dead: it waits for a person; otherwise it is looked at again at `due_at`. first_failed_at,
    last_failed_at: since it was last in order."""

    ref: Ref
    lane: Lane
    attempts: int
    first_seen_at: datetime
    due_at: datetime
    dead: bool
    failure: Failure
    first_failed_at: datetime | None = None
    last_failed_at: datetime | None = None

    @classmethod
    def of(cls, row: Sequence[Any]) -> Stuck | None:
        """A row of the database: record, lane, state, attempts, times, failure; None: it did not fail."""
        system, name, record_id, lane, state, attempts, first_seen_at, due_at, told = row
        failure = rows.failure_in(told)
        if failure is None:
            return None
        ref = Ref(system, name, record_id)
        return cls(ref, Lane(lane), attempts, first_seen_at, due_at, state == "dead", failure, *rows.failed_at(told))


@dataclass(frozen=True)
class PutBack:
    """A claim that is given back. at: now. spent: it counts as a try. dead: until a person has mended the cause."""

    work: Work
    at: datetime
    due_at: datetime
    failure: Failure | None
    spent: bool
    dead: bool = False


class Inbox:
    """The inbox of one pair."""

    def __init__(self, pair: str) -> None:
        self._pair = pair
        self._sql = queries.load("inbox")

    async def take_in(self, connection: AsyncConnection, notices: Sequence[Notice]) -> int:
        """How many rows are new or were touched."""
        cursor = await self._run(connection, "take_in", [rows.notice_row(notice) for notice in notices])
        return cursor.rowcount

    async def claim(
        self, connection: AsyncConnection, limit: int, now: datetime, lease: timedelta, up_to: Lane
    ) -> list[Work] | None:
        """Rows of one lane; None: nothing is due. A record that another batch has, as the other end of a link, is put
        off: where that is all of them, the answer is empty, and others may be due."""
        works = await self._claim(connection, limit, now, lease, up_to)
        if not works:
            return None
        own = {str(work.ref): work.ref for work in works}
        free = await self.seize(connection, works[0].ticket, own, now, now + lease)
        await self.postpone(connection, [work for work in works if str(work.ref) not in free], now + BLOCKED_FOR)
        return [work for work in works if str(work.ref) in free]

    async def _claim(
        self, connection: AsyncConnection, limit: int, now: datetime, lease: timedelta, up_to: Lane
    ) -> list[Work]:
        cursor = await connection.execute(
            self._sql["claim"],
            {"pair": self._pair, "limit": limit, "now": now, "leased_until": now + lease, "up_to": int(up_to)},
        )
        claimed = await cursor.fetchall()
        claimed.sort(key=lambda row: (row[8], row[6], row[:3]))
        return [
            Work(
                Ref(system, name, record_id),
                Lane(lane),
                ticket,
                attempts,
                first_seen_at,
                changed_at,
                Category(failed_for) if failed_for else None,
            )
            for system, name, record_id, lane, ticket, attempts, first_seen_at, changed_at, _, failed_for in claimed
        ]

    async def seize(
        self, connection: AsyncConnection, ticket: int, keys: Mapping[str, Ref], now: datetime, until: datetime
    ) -> set[str]:
        """Which of these keys the claim has now. keys: each with the record of the claim that it is taken for."""
        if not keys:
            return set()
        given = [{"key": key, "taken_for": str(ref)} for key, ref in keys.items()]
        values = {"pair": self._pair, "ticket": ticket, "rows": rows.dumps(given), "now": now, "until": until}
        cursor = await connection.execute(self._sql["seize"], values)
        return {row[0] for row in await cursor.fetchall()}

    async def renew(
        self, connection: AsyncConnection, works: Collection[Work], keys: int, now: datetime, until: datetime
    ) -> bool:
        """Whether all of these claimed rows, and that many keys, are still the claim's; then they are until `until`."""
        await self.lock(connection, works)
        given = rows.dumps([rows.work_row(work) for work in works])
        values = {"pair": self._pair, "rows": given, "now": now, "until": until}
        stand = await connection.execute(self._sql["renew_rows"], values)
        ticket = next(work.ticket for work in works)
        taken = await connection.execute(
            self._sql["renew_seized"], {"pair": self._pair, "ticket": ticket, "now": now, "until": until}
        )
        return stand.rowcount == len(works) and taken.rowcount >= keys

    async def lock(self, connection: AsyncConnection, works: Collection[Work]) -> None:
        """Before several of these rows are changed: see the top."""
        if len(works) > 1:
            await self._run(connection, "lock", [rows.work_row(work) for work in works])

    async def hold(self, connection: AsyncConnection, works: Collection[Work], now: datetime) -> set[Ref]:
        """The records of these claims that still stand; their rows stay locked until the transaction ends."""
        if not works:
            return set()
        values = {"pair": self._pair, "rows": rows.dumps([rows.work_row(work) for work in works]), "now": now}
        cursor = await connection.execute(self._sql["hold"], values)
        return {Ref(*row) for row in await cursor.fetchall()}

    async def close(self, connection: AsyncConnection, works: Collection[Work]) -> int:
        """Close these claims, which are held; how many rows stay open because more was said since. Their keys are to be
        let go."""
        if not works:
            return 0
        return (await self._run(connection, "close", [rows.work_row(work) for work in works])).rowcount

    async def postpone(self, connection: AsyncConnection, works: Collection[Work], due_at: datetime) -> None:
        """Give these claims, whose rows are locked, back as they were: another worker has what they need. The keys that
        they have are to be let go."""
        if not works:
            return
        given = rows.dumps([rows.work_row(work) for work in works])
        await connection.execute(self._sql["postpone"], {"pair": self._pair, "rows": given, "due_at": due_at})

    async def let_go(self, connection: AsyncConnection, works: Collection[Work]) -> None:
        """What these claims had taken is free again. Once in a transaction, after the rows."""
        if works:
            given = [{"taken_for": str(work.ref), "ticket": work.ticket} for work in works]
            await self._run(connection, "let_go", given)

    async def put_back(self, connection: AsyncConnection, given_back: Collection[PutBack]) -> None:
        """Give these claims, whose rows are locked, back with what came of them. Their keys are to be let go."""
        if not given_back:
            return
        given = [
            {
                **rows.work_row(one.work),
                "at": rows.moment(one.at),
                "due_at": rows.moment(one.due_at),
                "failure": rows.failure_out(one.failure),
                "spent": int(one.spent),
                "dead": one.dead,
            }
            for one in given_back
        ]
        await self._run(connection, "put_back", given)

    async def backlog(self, connection: AsyncConnection) -> Mapping[str, int]:
        cursor = await connection.execute(self._sql["backlog"], {"pair": self._pair})
        row = await cursor.fetchone() or (0, 0, 0, 0)
        return dict(zip(("waiting", "claimed", "dead", "due_later"), row, strict=True))

    async def next_due(self, connection: AsyncConnection) -> datetime | None:
        values = {"pair": self._pair, "lanes": [int(lane) for lane in Lane]}
        cursor = await connection.execute(self._sql["next_due"], values)
        row = await cursor.fetchone()
        return row[0] if row else None

    async def hasten(self, connection: AsyncConnection, now: datetime) -> int:
        """How many rows that waited for a system that did not answer are due now."""
        values = {"pair": self._pair, "now": now, "category": Category.NETWORK}
        return (await connection.execute(self._sql["hasten"], values)).rowcount

    async def stuck(self, connection: AsyncConnection, limit: int, *, waiting: bool) -> list[Stuck]:
        cursor = await connection.execute(self._sql["stuck"], {"pair": self._pair, "limit": limit, "waiting": waiting})
        return [one for row in await cursor.fetchall() if (one := Stuck.of(row)) is not None]

    async def mended(self, connection: AsyncConnection, refs: Collection[Ref]) -> None:
        """Rows of these records that wait for a person need none any more: what they wait for has been seen to."""
        if refs:
            await connection.execute(self._sql["mended"], {"pair": self._pair, "rows": rows.ref_rows(refs)})

    async def revive(
        self, connection: AsyncConnection, now: datetime, refs: Collection[Ref] | None, category: Category | None
    ) -> int:
        """How many rows are tried again."""
        values = {
            "pair": self._pair,
            "now": now,
            "category": category,
            "rows": None if refs is None else rows.ref_rows(refs),
        }
        cursor = await connection.execute(self._sql["revive"], values)
        return cursor.rowcount

    async def revive_fields(
        self, connection: AsyncConnection, now: datetime, names: Collection[str], categories: Collection[Category]
    ) -> int:
        """How many rows are tried again."""
        values = {"pair": self._pair, "now": now, "names": list(names), "categories": list(categories)}
        cursor = await connection.execute(self._sql["revive_fields"], values)
        return cursor.rowcount

    async def _run(self, connection: AsyncConnection, name: str, given: Sequence[rows.Row]) -> AsyncCursor[TupleRow]:
        return await connection.execute(self._sql[name], {"pair": self._pair, "rows": rows.dumps(given)})
