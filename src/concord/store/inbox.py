"""The inbox: which records are to be looked at, how urgently, and who is looking.

A row is claimed under a ticket and a lease. Closing shows the ticket: a worker whose lease ran out closes nothing. What
arrives after the claim keeps the row open (`again_*`). Every call runs inside the transaction that it is given.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow

from concord.core.model import Failure, Lane, Notice, Work
from concord.core.values import Ref
from concord.errors import Category
from concord.store import queries, rows


@dataclass(frozen=True)
class Stuck:
    """A row that failed. dead: it waits for a person; otherwise it is looked at again at `due_at`."""

    ref: Ref
    lane: Lane
    attempts: int
    first_seen_at: datetime
    due_at: datetime
    dead: bool
    failure: Failure


@dataclass(frozen=True)
class PutBack:
    """A claim that is given back. spent: it counts as a try. dead: until a person has mended the cause."""

    work: Work
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

    async def claim(self, connection: AsyncConnection, limit: int, now: datetime, lease: timedelta) -> list[Work]:
        cursor = await connection.execute(
            self._sql["claim"], {"pair": self._pair, "limit": limit, "now": now, "leased_until": now + lease}
        )
        claimed = await cursor.fetchall()
        claimed.sort(key=lambda row: (row[3], row[8], row[6], row[:3]))
        return [
            Work(Ref(system, name, record_id), Lane(lane), ticket, attempts, first_seen_at, changed_at)
            for system, name, record_id, lane, ticket, attempts, first_seen_at, changed_at, _ in claimed
        ]

    async def hold(self, connection: AsyncConnection, works: Collection[Work]) -> set[int]:
        """The tickets of these claims that still stand; their rows stay locked until the transaction ends."""
        if not works:
            return set()
        cursor = await self._run(connection, "hold", [rows.work_row(work) for work in works])
        return {row[0] for row in await cursor.fetchall()}

    async def close(self, connection: AsyncConnection, works: Collection[Work]) -> int:
        """Close these claims; how many rows stay open because more was said since."""
        if not works:
            return 0
        cursor = await self._run(connection, "close", [rows.work_row(work) for work in works])
        return cursor.rowcount

    async def put_back(self, connection: AsyncConnection, given_back: Collection[PutBack]) -> None:
        if not given_back:
            return
        given = [
            {
                **rows.work_row(one.work),
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
        cursor = await connection.execute(self._sql["next_due"], {"pair": self._pair})
        row = await cursor.fetchone()
        return row[0] if row else None

    async def stuck(self, connection: AsyncConnection, limit: int, *, waiting: bool) -> list[Stuck]:
        cursor = await connection.execute(self._sql["stuck"], {"pair": self._pair, "limit": limit, "waiting": waiting})
        found = []
        for system, name, record_id, lane, state, attempts, first_seen_at, due_at, row in await cursor.fetchall():
            ref, failure = Ref(system, name, record_id), rows.failure_in(row)
            if failure is not None:
                found.append(Stuck(ref, Lane(lane), attempts, first_seen_at, due_at, state == "dead", failure))
        return found

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

    async def _run(self, connection: AsyncConnection, name: str, given: Sequence[rows.Row]) -> AsyncCursor[TupleRow]:
        return await connection.execute(self._sql[name], {"pair": self._pair, "rows": rows.dumps(given)})
