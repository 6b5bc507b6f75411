"""What an administrator asks of a running sync: what waits and for how long, what failed and why, how long changes
take, whether anybody works.

Reads; the one thing that it changes is to try failed rows again. Nothing here holds a person's data but a record's id
and what a refusal itself said (`Cause.message`, `Stuck.failure`): `masked` for whatever goes to logs or to a monitor.
Every call runs inside the transaction that it is given.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow

from concord.core.model import Lane
from concord.core.values import Ref
from concord.errors import Category, StoreError
from concord.store import queries, rows
from concord.store.inbox import Stuck

#: Pages of the inbox that are read to estimate it: some fifty thousand rows.
SAMPLE_PAGES: Final = 1000
#: Rows of a lane, or failed ones, that are counted one by one where the whole is estimated.
COUNTED: Final = 5000
#: A worker that has said nothing for so long is taken for dead: as in store/queue.py.
SILENT: Final = timedelta(seconds=20)
#: Rows before the newest of the last look that may still be under way into the table.
LATE_ROWS: Final = 20_000

#: E-mail addresses, what stands in quotation marks, and telephone numbers with a plus or with separators.
_PERSONAL: Final = re.compile(
    r"[^\s\"'<>(),;:]+@[^\s\"'<>(),;:]+|\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)|“[^”]*”|‘[^’]*’"
    r"|\+\d[\d ()./-]{5,}\d|\b\d{2,}(?:[ ()./-]+\d{2,}){2,}\b"
)


def masked(text: str) -> str:
    """A refusal's message without the values that it quotes, for logs and monitors."""
    return _PERSONAL.sub("[…]", text)


@dataclass(frozen=True)
class Queued:
    """The rows of one lane. waiting: never tried. claimed: under way. later: failed, and tried again by itself. dead:
    failed, and left for a person. oldest_at: since when the oldest that is not dead waits; None: there is none."""

    waiting: int = 0
    claimed: int = 0
    later: int = 0
    dead: int = 0
    oldest_at: datetime | None = None


@dataclass(frozen=True)
class Backlog:
    """The inbox by lane, and its failed rows by kind: (category, "dead" or "later"). estimated: it is so large that the
    numbers above a few thousand are from a sample."""

    lanes: Mapping[Lane, Queued]
    failures: Mapping[tuple[str, str], int]
    estimated: bool


@dataclass(frozen=True)
class Cause:
    """Rows that failed alike. number: four digits that stay with the cause, for people to type.

    category, code, system, object, fields: what makes it this cause; the object is that of the record whose change was
    to be carried over. dead: wait for a person. later: are tried again by themselves, the next at `next_at`. since: of
    the oldest. recent: how many came within the last hour. message: the newest.
    """

    number: int
    category: Category
    code: str | None
    system: str
    object: str
    fields: tuple[str, ...]
    dead: int
    later: int
    since: datetime
    recent: int
    message: str
    advice: str
    next_at: datetime | None

    @property
    def count(self) -> int:
        return self.dead + self.later

    @property
    def label(self) -> str:
        """The cause in one line, without a value."""
        parts = [self.category.value, self.code or "", self.system, self.object, *self.fields]
        return " ".join(part for part in parts if part)


@dataclass(frozen=True)
class Spread:
    """How long changes took from the change to the applied write, in seconds. since: of the oldest that was measured;
    only the newest are kept."""

    count: int
    p50: float
    p90: float
    p99: float
    most: float
    since: datetime


@dataclass(frozen=True)
class Day:
    """What was done on a day (UTC)."""

    day: date
    written: int
    conflicts: int


@dataclass(frozen=True)
class Heartbeat:
    """alive: workers that said something a moment ago. last: seconds since the last word of any; None: there is none.
    A worker that ended in order leaves none; one that was killed does."""

    alive: int
    last: float | None


@dataclass(frozen=True)
class Bar:
    """A part of the distribution of a lane's news: `count` changes that took `seconds` together, none of which took
    longer than the last `buckets` of the bounds given."""

    lane: Lane
    buckets: int
    count: int
    seconds: float


@dataclass(frozen=True)
class Look:
    """Where the last look for news stood (see `News.look`)."""

    snapshot: str | None = None
    latency_id: int = 0
    ledger_id: int = 0


@dataclass(frozen=True)
class News:
    """What was applied and decided since the last look: each row once, whatever the order of commits."""

    bars: tuple[Bar, ...] = ()
    conflicts: int = 0
    look: Look = field(default_factory=Look)


async def pairs(conninfo: str) -> list[str]:
    """The pairs that a database knows. Raises StoreError when it cannot be reached, or has no tables of Concord."""
    try:
        async with await AsyncConnection.connect(conninfo, connect_timeout=5) as connection:
            cursor = await connection.execute(
                "SELECT to_regclass('cursor') IS NOT NULL AND to_regclass('procrastinate_workers') IS NOT NULL"
            )
            row = await cursor.fetchone()
            if row is None or not row[0]:
                raise StoreError(
                    "The database has no tables of Concord yet. Run `concord reconcile` first, or check"
                    " CONCORD_DATABASE_URL."
                )
            cursor = await connection.execute("SELECT DISTINCT pair FROM cursor ORDER BY pair")
            return [str(row[0]) for row in await cursor.fetchall()]
    except psycopg.Error as error:
        raise StoreError(f"The database does not answer: {error}. Check CONCORD_DATABASE_URL.") from error


class Health:
    """What is asked of one pair."""

    def __init__(self, pair: str) -> None:
        self._pair = pair
        self._sql = queries.load("health")

    # --- what waits

    async def queued(self, connection: AsyncConnection, now: datetime, *, exact: bool) -> Backlog:
        """The inbox by lane. exact: read all of it, however large; else a large one is estimated from a sample, with
        what is small counted in any case: some milliseconds for a million rows."""
        percent = 100.0
        if not exact:
            cursor = await self._run(connection, "pages")
            row = await cursor.fetchone()
            percent = min(100.0, 100.0 * SAMPLE_PAGES / max(row[0] if row else 1, 1))
        cursor = await self._run(connection, "sample", now=now, percent=percent)
        sampled = _sampled(await cursor.fetchall(), 100.0 / percent)
        if percent == 100.0:
            return sampled
        return await self._refined(connection, sampled, now)

    async def _refined(self, connection: AsyncConnection, sampled: Backlog, now: datetime) -> Backlog:
        """An estimate in which what is small, and since when the oldest waits, is exact."""
        lanes = {lane: replace(sampled.lanes.get(lane, Queued()), oldest_at=None) for lane in Lane}
        cursor = await self._run(
            connection, "first_of_lanes", now=now, most=COUNTED, lanes=[int(lane) for lane in Lane]
        )
        for number, count, claimed, later, oldest_at in await cursor.fetchall():
            lane = Lane(number)
            lanes[lane] = replace(lanes[lane], oldest_at=oldest_at)
            if count < COUNTED:
                lanes[lane] = replace(lanes[lane], waiting=count - claimed - later, claimed=claimed, later=later)
        cursor = await self._run(connection, "first_failed", most=COUNTED)
        failed = await cursor.fetchall()
        failures = sampled.failures
        if sum(row[3] for row in failed) < COUNTED:
            failures = _failures((category, state == "dead", count) for _, state, category, count in failed)
            dead = {lane: sum(row[3] for row in failed if row[0] == lane and row[1] == "dead") for lane in Lane}
            lanes = {lane: replace(one, dead=dead[lane]) for lane, one in lanes.items()}
        return Backlog({lane: one for lane, one in lanes.items() if one != Queued()}, failures, estimated=True)

    # --- what failed

    async def causes(self, connection: AsyncConnection, now: datetime) -> list[Cause]:
        """Why rows failed: those with most that wait for a person first."""
        cursor = await self._run(connection, "causes", now=now)
        found = [
            Cause(
                0,
                Category(row[0]),
                row[1],
                row[2],
                row[3],
                tuple(row[4]),
                row[5],
                row[6],
                row[7],
                row[8],
                row[9] or "",
                row[10] or "",
                row[11],
            )
            for row in await cursor.fetchall()
        ]
        return sorted(_numbered(found), key=lambda one: (-one.dead, -one.later, one.label))

    async def failed_for(
        self, connection: AsyncConnection, causes: Collection[Cause], limit: int, value: str | None
    ) -> list[Stuck]:
        """The rows that failed for one of these causes, those that wait for a person first. value: only where it was
        refused."""
        cursor = await self._run(connection, "failed_for", causes=_cause_rows(causes), limit=limit, value=value)
        return _stuck(await cursor.fetchall())

    async def failed_of(self, connection: AsyncConnection, refs: Collection[Ref]) -> list[Stuck]:
        """Those of these records that failed."""
        cursor = await self._run(connection, "failed_of", rows=rows.ref_rows(refs))
        return _stuck(await cursor.fetchall())

    async def revive(
        self, connection: AsyncConnection, causes: Collection[Cause], now: datetime, value: str | None
    ) -> int:
        """Try the rows of these causes again, those too that would be tried later; how many they were. value: only
        where it was refused."""
        cursor = await self._run(connection, "revive_causes", causes=_cause_rows(causes), now=now, value=value)
        return cursor.rowcount

    # --- how it goes

    async def spreads(self, connection: AsyncConnection, since: datetime) -> dict[Lane | None, Spread]:
        """How long what was applied since then took, by lane, and under None over all; a lane without any is not
        there."""
        cursor = await self._run(connection, "percentiles", since=since)
        return {
            None if lane is None else Lane(lane): Spread(count, between[0], between[1], between[2], most, oldest)
            for lane, count, between, most, oldest in await cursor.fetchall()
            if count
        }

    async def days(self, connection: AsyncConnection, now: datetime, days: int) -> list[Day]:
        """What was written on the last `days` days, today's first."""
        last = now.replace(hour=0, minute=0, second=0, microsecond=0)
        cursor = await self._run(connection, "days", first=last - timedelta(days=days - 1), last=last)
        return [Day(*row) for row in await cursor.fetchall()]

    async def positions(self, connection: AsyncConnection) -> dict[str, str]:
        """Where each sweep and each feed stands, by name."""
        cursor = await self._run(connection, "positions")
        return dict(await cursor.fetchall())

    async def questions(self, connection: AsyncConnection) -> int:
        """How many pairs wait for a person to say whether they are one."""
        row = await (await self._run(connection, "questions")).fetchone()
        return row[0] if row else 0

    async def heartbeat(self, connection: AsyncConnection) -> Heartbeat:
        """Whether a worker is alive. The queue's workers do not say whose pair they work for; a database mostly has
        one."""
        cursor = await self._run(connection, "heartbeat", silent=SILENT)
        row = await cursor.fetchone() or (0, None)
        return Heartbeat(row[0], None if row[1] is None else max(0.0, row[1]))

    async def news(self, connection: AsyncConnection, look: Look, since: datetime, bounds: Sequence[float]) -> News:
        """What came since the last look; nothing from before `since` ever counts. bounds: of the distribution's
        buckets, in seconds, rising."""
        cursor = await self._run(
            connection,
            "news",
            since=since,
            snapshot=look.snapshot,
            latency_floor=look.latency_id - LATE_ROWS,
            ledger_floor=look.ledger_id - LATE_ROWS,
            bounds=[-bound for bound in reversed(bounds)],
        )
        row = await cursor.fetchone()
        if row is None:
            return News(look=look)
        bars = tuple(Bar(Lane(lane), buckets, many, float(seconds)) for lane, buckets, many, seconds in row[1])
        return News(bars, row[2], Look(row[0], row[3], row[4]))

    async def _run(self, connection: AsyncConnection, name: str, **values: object) -> AsyncCursor[TupleRow]:
        return await connection.execute(self._sql[name], {"pair": self._pair, **values})


def _sampled(found: Sequence[Sequence[Any]], factor: float) -> Backlog:
    """What stands for how many."""
    counts: dict[Lane, dict[str, int]] = {}
    oldest: dict[Lane, datetime] = {}
    for number, standing, _, count, first_seen_at in found:
        lane = Lane(number)
        states = counts.setdefault(lane, {})
        states[standing] = states.get(standing, 0) + round(count * factor)
        if standing != "dead":
            oldest[lane] = min(oldest.get(lane, first_seen_at), first_seen_at)
    return Backlog(
        {lane: Queued(**counts[lane], oldest_at=oldest.get(lane)) for lane in sorted(counts)},
        _failures(
            (category, standing == "dead", round(count * factor))
            for _, standing, category, count, _ in found
            if category is not None
        ),
        estimated=factor != 1.0,
    )


def _failures(found: Any) -> dict[tuple[str, str], int]:
    failures: dict[tuple[str, str], int] = {}
    for category, dead, count in found:
        key = (category, "dead" if dead else "later")
        failures[key] = failures.get(key, 0) + count
    return failures


def _numbered(causes: Sequence[Cause]) -> list[Cause]:
    """With a number each that depends on the cause alone, so that it is the same at the next look; of two that would
    have one (it is rare) the later takes the next free."""
    taken: dict[int, Cause] = {}
    for cause in sorted(causes, key=lambda one: one.label):
        number = zlib.crc32(cause.label.encode()) % 9000
        while number + 1000 in taken:
            number = (number + 1) % 9000
        taken[number + 1000] = replace(cause, number=number + 1000)
    return list(taken.values())


def _cause_rows(causes: Collection[Cause]) -> str:
    return rows.dumps(
        [
            {
                "category": cause.category.value,
                "code": cause.code,
                "system": cause.system,
                "object": cause.object,
                "fields": list(cause.fields),
            }
            for cause in causes
        ]
    )


def _stuck(found: Sequence[Sequence[Any]]) -> list[Stuck]:
    return [one for row in found if (one := Stuck.of(row)) is not None]
