"""The ledger: every decision with what it was decided on, append only; and how long changes took.

What a line says is core's `Verdict`; this module only keeps it and finds it again. Every call runs inside the
transaction that it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow

from concord.core.model import Lane, Work
from concord.core.plan import Verdict
from concord.core.values import Ref
from concord.store import queries, rows

#: How many measures of latency are kept for each pair.
LATENCIES_KEPT: Final = 20_000
#: After how many more, by each process, the oldest go: to find them, all that are kept are walked past.
TRIM_AFTER: Final = 2_000

Event = Literal["field", "linked", "not linked", "closed", "moved"]


@dataclass(frozen=True)
class Entry:
    """A line of the ledger. verdict: for the event "field"; the others say in `reason` what became of the link.

    id: its place in the order of writing. run: which run of the program wrote it. wrote: what was written where.
    """

    id: int
    at: datetime
    run: str
    event: Event
    object_pair: str
    link_id: int | None
    left: Ref | None
    right: Ref | None
    reason: str
    verdict: Verdict | None
    wrote: tuple[str, ...]


@dataclass(frozen=True)
class Counts:
    """How much there is. by_rule: fields decided, by rule; conflicts_by_rule and first_links_by_rule: of those the
    conflicts and the decisions at a first link."""

    links: int
    closed_links: int
    reviews_open: int
    duplicates: int
    by_rule: Mapping[str, int]
    conflicts_by_rule: Mapping[str, int]
    first_links_by_rule: Mapping[str, int]


@dataclass(frozen=True)
class Latency:
    """One row's way: when the change was made (as the sender says), when we heard of it, when it was applied."""

    lane: Lane
    first_seen_at: datetime
    changed_at: datetime | None
    applied_at: datetime

    @property
    def seconds(self) -> float:
        """From the change, or where nobody told when it was from when we heard of it, to the applied write."""
        return (self.applied_at - (self.changed_at or self.first_seen_at)).total_seconds()


class Ledger:
    """The ledger of one pair. run: a name for this run of the program, written beside every line."""

    def __init__(self, pair: str, run: str) -> None:
        self._pair = pair
        self._run_name = run
        self._untrimmed = 0
        self._sql = queries.load("ledger")

    async def write(self, connection: AsyncConnection, lines: Sequence[rows.Row], now: datetime) -> None:
        """Add lines made by `field_line` and `event_line`."""
        if lines:
            await self._run(connection, "write", rows=rows.dumps(lines), now=now, run=self._run_name)

    async def of_ref(self, connection: AsyncConnection, ref: Ref, limit: int) -> list[Entry]:
        cursor = await self._run(connection, "of_ref", **rows.ref_row(ref), limit=limit)
        return [_entry(row) for row in await cursor.fetchall()]

    async def conflicts(self, connection: AsyncConnection, limit: int, before: int | None) -> list[Entry]:
        cursor = await self._run(connection, "conflicts", limit=limit, before=before)
        return [_entry(row) for row in await cursor.fetchall()]

    async def counts(self, connection: AsyncConnection) -> Counts:
        cursor = await self._run(connection, "totals")
        links, closed, reviews, duplicates = await cursor.fetchone() or (0, 0, 0, 0)
        cursor = await self._run(connection, "by_rule")
        by_rule = await cursor.fetchall()
        return Counts(
            links,
            closed,
            reviews,
            duplicates,
            {rule: count for rule, count, _, _ in by_rule},
            {rule: count for rule, _, count, _ in by_rule if count},
            {rule: count for rule, _, _, count in by_rule if count},
        )

    async def put_latencies(self, connection: AsyncConnection, works: Sequence[tuple[Work, datetime]]) -> None:
        """Note that these were applied then."""
        if works:
            given = [
                {
                    "lane": int(work.lane),
                    "first_seen_at": rows.moment(work.first_seen_at),
                    "changed_at": rows.moment(work.changed_at),
                    "applied_at": rows.moment(applied_at),
                }
                for work, applied_at in works
            ]
            await self._run(connection, "put_latencies", rows=rows.dumps(given))
            self._untrimmed += len(given)
            if self._untrimmed >= TRIM_AFTER:
                await self._run(connection, "trim_latencies", keep=LATENCIES_KEPT)
                self._untrimmed = 0

    async def latencies(self, connection: AsyncConnection, limit: int, lane: Lane | None) -> list[Latency]:
        cursor = await self._run(connection, "latencies", limit=limit, lane=None if lane is None else int(lane))
        return [Latency(Lane(row[0]), *row[1:]) for row in await cursor.fetchall()]

    async def _run(self, connection: AsyncConnection, name: str, **values: object) -> AsyncCursor[TupleRow]:
        return await connection.execute(self._sql[name], {"pair": self._pair, **values})


def field_line(
    object_pair: str, link_id: int | None, left: Ref | None, right: Ref | None, verdict: Verdict, wrote: Sequence[str]
) -> rows.Row:
    """A field's verdict as a line."""
    return {
        **_line("field", object_pair, link_id, left, right, verdict.reason),
        "field": verdict.field,
        "outcome": verdict.outcome.value,
        "rule": verdict.rule.value,
        "values": rows.verdict_out(verdict),
        "conflict": verdict.conflict,
        "first_link": verdict.first_link,
        "wrote": list(wrote),
    }


def event_line(
    event: Event, object_pair: str, link_id: int | None, left: Ref | None, right: Ref | None, reason: str
) -> rows.Row:
    """What became of a link, as a line."""
    line = _line(event, object_pair, link_id, left, right, reason)
    return {**line, "values": {}, "conflict": False, "first_link": False, "wrote": []}


def _line(
    event: Event, object_pair: str, link_id: int | None, left: Ref | None, right: Ref | None, reason: str
) -> rows.Row:
    return {
        "event": event,
        "object_pair": object_pair,
        "link_id": link_id,
        "reason": reason,
        **rows.side_rows(left, right),
    }


def _entry(row: Sequence[Any]) -> Entry:
    verdict = None
    if row[3] == "field":
        verdict = rows.verdict_in(row[12], row[13], row[14], row[15], row[17], row[18], row[16])
    return Entry(
        id=row[0],
        at=row[1],
        run=row[2],
        event=row[3],
        object_pair=row[4],
        link_id=row[5],
        left=None if row[8] is None else Ref(*row[6:9]),
        right=None if row[11] is None else Ref(*row[9:12]),
        reason=row[15],
        verdict=verdict,
        wrote=tuple(row[19]),
    )
