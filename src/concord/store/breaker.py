"""The breaker's counts and what it holds (SPEC 9.4), shared by all workers of a pair.

What passes is counted in the transaction that lets it pass, before it is written: a crash in between has counted a
record too many, never one too few. When a flood is stopped is core/breaker.py's to say. Every call runs inside the
transaction that it is given.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow

from concord.core.breaker import Gauge, Limits, Mark, Standing, Weighed, judge
from concord.core.model import Lane, Notice
from concord.core.plan import Outcome, Rule, Verdict
from concord.core.values import Ref
from concord.store import queries, rows
from concord.store.inbox import Inbox
from concord.store.ledger import Ledger, field_line
from concord.store.links import BasesOf, Links

#: How old the number of links may be of which a limit is a share.
LINKED_FOR: Final = timedelta(hours=1)
#: A batch that was held so lately, and is claimed, may not be written down yet.
LATELY: Final = timedelta(minutes=10)
#: Fields whose bases are written in one go when a flood is refused.
_CHUNK: Final = 2000


@dataclass(frozen=True)
class OpenBreaker:
    """A breaker that holds everything of its kind. name: kind:object pair:system."""

    name: str
    since: datetime
    reason: str


@dataclass(frozen=True)
class Answered:
    """What came of a person's answer. again: rows that are looked at again. differing: fields that may differ from now
    on, by links; refused: records that are not made, or not let go."""

    again: int
    differing: int = 0
    refused: int = 0


@dataclass(frozen=True)
class Stand:
    """A breaker with what waits for it. since: None: it is not open. waiting: rows of the inbox; samples: a few of
    their records. refused: records that a person has refused to have made, or let go."""

    name: str
    since: datetime | None
    reason: str
    allowed_until: datetime | None
    refused_until: datetime | None
    waiting: int
    refused: int
    samples: tuple[Ref, ...] = ()


class Breakers:
    """The breakers of one pair."""

    def __init__(self, pair: str, inbox: Inbox, links: Links, ledger: Ledger) -> None:
        self._pair = pair
        self._inbox, self._links, self._ledger = inbox, links, ledger
        self._sql = queries.load("breaker")

    async def weigh(self, connection: AsyncConnection, marks: Sequence[Mark], limits: Limits, now: datetime) -> Weighed:
        """Count what passes and note what is held, for all of these marks; their kinds must have limits."""
        by_gauge: dict[Gauge, list[Mark]] = {}
        for mark in marks:
            by_gauge.setdefault(mark.gauge, []).append(mark)
        names = rows.dumps([{"name": gauge.name} for gauge in by_gauge])
        locked = {row[0]: row[1:] for row in await (await self._run(connection, "lock", rows=names)).fetchall()}
        stopped: set[Gauge] = set()
        refused: set[tuple[Gauge, Ref]] = set()
        for gauge, mine in sorted(by_gauge.items()):
            said_no = await self._refused(connection, gauge, {mark.ref for mark in mine if not mark.field})
            refused |= {(gauge, ref) for ref in said_no}
            left = [mark for mark in mine if mark.ref not in said_no]
            if left and not await self._passes(connection, gauge, left, limits, locked[gauge.name], now):
                stopped.add(gauge)
        return Weighed(frozenset(stopped), frozenset(refused))

    async def _refused(self, connection: AsyncConnection, gauge: Gauge, refs: Collection[Ref]) -> set[Ref]:
        if not refs:
            return set()
        cursor = await self._run(connection, "refused", name=gauge.name, rows=rows.ref_rows(refs))
        return {Ref(*row) for row in await cursor.fetchall()}

    async def _passes(
        self,
        connection: AsyncConnection,
        gauge: Gauge,
        marks: Sequence[Mark],
        limits: Limits,
        row: Sequence[Any],
        now: datetime,
    ) -> bool:
        """Whether these are let through; counted then, and noted as held otherwise."""
        before = Standing(*row[:4])
        limit, since = limits.by_kind[gauge.kind], now - limits.window
        refs = {mark.ref for mark in marks}
        linked: int = row[4]
        counted_at: datetime | None = row[5]
        after = before
        if before.opened_at is None:
            await self._run(connection, "prune", name=gauge.name, since=since)
            most = limit.most(linked)
            total = await self._total(connection, gauge, refs, most, since)
            if total > limit.records and (counted_at is None or counted_at <= now - LINKED_FOR):
                linked, counted_at = await self._linked(connection, gauge), now
                most = limit.most(linked)
                total = await self._total(connection, gauge, refs, most, since)
            after = judge(gauge, before, total, most, limits.window, now)
        if after != before or counted_at != row[5]:
            await self._put(connection, gauge.name, after, linked, counted_at)
        if after.opened_at is None:
            await self._run(connection, "let_through", name=gauge.name, rows=rows.ref_rows(refs), now=now)
            return True
        await self._run(connection, "hold", rows=rows.dumps([_held_row(mark) for mark in marks]), now=now)
        return False

    async def _total(
        self, connection: AsyncConnection, gauge: Gauge, refs: Collection[Ref], most: int, since: datetime
    ) -> int:
        """How many records there are within the window, each once, with these. Beyond `most` the count may stop."""
        values = {"name": gauge.name, "rows": rows.ref_rows(refs), "since": since, "most": most + len(refs) + 1}
        row = await (await self._run(connection, "passed", **values)).fetchone() or (0, 0)
        return int(row[0]) - int(row[1]) + len(refs)

    async def _linked(self, connection: AsyncConnection, gauge: Gauge) -> int:
        cursor = await self._run(connection, "linked", object_pair=gauge.object_pair)
        row = await cursor.fetchone()
        return int(row[0]) if row is not None else 0

    async def _put(
        self,
        connection: AsyncConnection,
        name: str,
        standing: Standing,
        linked: int | None = None,
        linked_at: datetime | None = None,
    ) -> None:
        await self._run(
            connection,
            "put",
            name=name,
            opened_at=standing.opened_at,
            reason=standing.reason,
            allowed_until=standing.allowed_until,
            refused_until=standing.refused_until,
            linked=linked,
            linked_at=linked_at,
        )

    # --- what people see

    async def open(self, connection: AsyncConnection) -> list[OpenBreaker]:
        """Those that hold everything of their kind, the oldest first."""
        cursor = await self._run(connection, "open")
        return [OpenBreaker(*row) for row in await cursor.fetchall()]

    async def standing(self, connection: AsyncConnection, now: datetime, samples: int) -> list[Stand]:
        """Those that are open, and those of which an answer still has an effect."""
        cursor = await self._run(connection, "standing", now=now)
        found = []
        for row in await cursor.fetchall():
            one = Stand(*row)
            refs = await self._run(connection, "samples", name=one.name, limit=samples)
            found.append(replace(one, samples=tuple(Ref(*ref) for ref in await refs.fetchall())))
        return found

    # --- what people answer

    async def allow(self, connection: AsyncConnection, name: str, now: datetime, window: timedelta) -> Answered:
        """Let the flood through that is held, what still comes of it, and what was refused before."""
        await self._run(connection, "lock", rows=rows.dumps([{"name": name}]))
        unmade = await (await self._run(connection, "unmade", name=name)).fetchall()
        again = (await self._run(connection, "revive", name=name, now=now)).rowcount
        await self._run(connection, "revive_under_way", name=name, now=now, lately=now - LATELY)
        notices = [Notice(Ref(*row), Lane.PEOPLE, now, "breaker") for row in unmade]
        if notices:
            again += await self._inbox.take_in(connection, notices)
        await self._run(connection, "forget", name=name)
        await self._put(connection, name, Standing(allowed_until=now + window))
        return Answered(again)

    async def refuse(self, connection: AsyncConnection, name: str, now: datetime, window: timedelta) -> Answered:
        """Do not write what is held: what both sides show becomes the base of each field, so that neither counts as
        changed until somebody edits it. Records that would have been made, or let go, are remembered."""
        await self._run(connection, "lock", rows=rows.dumps([{"name": name}]))
        differing = await self._let_differ(connection, name, now)
        await self._run(connection, "revive_under_way", name=name, now=now, lately=now - LATELY)
        refused = (await self._run(connection, "refuse", name=name, lately=now - LATELY)).rowcount
        await self._run(connection, "settle", name=name)
        again = (await self._run(connection, "revive", name=name, now=now)).rowcount
        await self._put(connection, name, Standing(refused_until=now + window))
        return Answered(again, differing, refused)

    async def _let_differ(self, connection: AsyncConnection, name: str, now: datetime) -> int:
        """How many fields may differ from now on."""
        reason = f"a person refused it at the breaker {name}: both sides keep what they show until one is edited"
        count = 0
        async with connection.cursor(name="differing") as cursor:
            values = {"pair": self._pair, "name": name, "lately": now - LATELY}
            await cursor.execute(self._sql["differing"], values)
            while chunk := await cursor.fetchmany(_CHUNK):
                bases: list[BasesOf] = []
                lines = []
                for row in chunk:
                    base = rows.base_in(row[9])
                    bases.append((row[0], {row[8]: base}, None, None))
                    verdict = Verdict(row[8], Outcome.HELD, Rule.BREAKER, reason, base.left, base.right, None)
                    lines.append(field_line(row[1], row[0], Ref(*row[2:5]), Ref(*row[5:8]), verdict, ()))
                await self._links.put_bases(connection, bases)
                await self._ledger.write(connection, lines, now)
                count += len(chunk)
        return count

    async def _run(self, connection: AsyncConnection, query: str, **values: object) -> AsyncCursor[TupleRow]:
        return await connection.execute(self._sql[query], {"pair": self._pair, **values})


def _held_row(mark: Mark) -> Mapping[str, Any]:
    partner, shown = mark.partner, mark.shown
    return {
        "name": mark.gauge.name,
        **rows.ref_row(mark.ref),
        "field": mark.field,
        "partner_system": partner.system if partner else None,
        "partner_object": partner.object if partner else None,
        "partner_id": partner.id if partner else None,
        "shown": rows.base_out(shown) if shown is not None else None,
    }
