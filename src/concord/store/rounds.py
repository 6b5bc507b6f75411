"""What core/rounds.py goes by: our writes of a field of late, from the ledger, and which fields are stopped (SPEC 3.7).

Keeps and finds; when a field is stopped is core's to say. Every call runs inside the transaction that it is given.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TypeAlias

from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow

from concord.core.rounds import Past, Write
from concord.store import queries, rows

#: A link's id and our name of a field.
LinkField: TypeAlias = tuple[int, str]


class Rounds:
    """The chases of one pair."""

    def __init__(self, pair: str) -> None:
        self._pair = pair
        self._sql = queries.load("rounds")

    async def past(
        self, connection: AsyncConnection, fields: Collection[LinkField], since: datetime
    ) -> dict[LinkField, Past]:
        """What was written of these since then, and whether they are stopped. One query."""
        cursor = await self._run(connection, "past", fields, since=since)
        writes: dict[LinkField, list[Write]] = {}
        stopped: dict[LinkField, datetime | None] = {}
        for (
            link_id,
            field,
            stopped_at,
            at,
            outcome,
            rule,
            reason,
            conflict,
            first_link,
            values,
        ) in await cursor.fetchall():
            mine = writes.setdefault((link_id, field), [])
            stopped[link_id, field] = stopped_at
            if at is not None:
                verdict = rows.verdict_in(field, outcome, rule, reason, conflict, first_link, values)
                write = Write.of(verdict, at)
                mine += [] if write is None else [write]
        return {one: Past(tuple(found), stopped[one]) for one, found in writes.items()}

    async def stop(self, connection: AsyncConnection, fields: Collection[LinkField], now: datetime) -> None:
        """Note that these are not written from now on."""
        await self._run(connection, "stop", fields, now=now)

    @asynccontextmanager
    async def retried(self, connection: AsyncConnection, now: datetime) -> AsyncIterator[None]:
        """Let go what is stopped of records that a person has tried again within the block."""
        before = await self._failing(connection)
        yield
        if before:
            await self._run(connection, "free", before - await self._failing(connection), now=now)

    async def let_go(self, connection: AsyncConnection, now: datetime, until: datetime, since: datetime) -> int:
        """Let go what was stopped until then, and forget what was let go before `since`; how many records are looked
        at again."""
        await self._run(connection, "forget", since=since)
        return (await self._run(connection, "let_go", now=now, until=until)).rowcount

    async def _failing(self, connection: AsyncConnection) -> set[LinkField]:
        return {(row[0], row[1]) for row in await (await self._run(connection, "failing")).fetchall()}

    async def _run(
        self, connection: AsyncConnection, name: str, fields: Collection[LinkField] = (), **values: object
    ) -> AsyncCursor[TupleRow]:
        given = rows.dumps([{"link_id": link_id, "field": field} for link_id, field in sorted(fields)])
        return await connection.execute(self._sql[name], {"pair": self._pair, "rows": given, **values})
