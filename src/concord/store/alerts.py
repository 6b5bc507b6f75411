"""What administrators are told (SPEC 9.7): the facts to judge by, the conditions that stand, and the messages that are
on their way. One transaction for each call.

A change of state and its messages are one transaction, and each change is conditional on what it was judged by: of many
processes exactly one makes it, and a message is only forgotten once it has arrived. Decides nothing and sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow

from concord.core.alerts import Alert, Changes, Condition, Dead, Due, Facts, Measured, State, Telling, Waiting
from concord.core.model import Lane
from concord.errors import Category
from concord.store import queries, rows
from concord.store.cursors import Cursors
from concord.store.health import Health, Queued

#: Opens a transaction of its own, which ends with the block.
Transaction: TypeAlias = Callable[[], AbstractAsyncContextManager[AsyncConnection]]
#: Dead rows that are looked at for their causes, the oldest first.
MOST_DEAD: Final = 20_000
#: How long a message is tried, and how long something that is over is remembered.
KEPT: Final = timedelta(days=3)
REMEMBERED: Final = timedelta(days=30)
#: How many conditions that are over are shown.
MOST_OVER: Final = 50


@dataclass(frozen=True)
class Untold:
    """Messages to one target that have not arrived. since: the oldest. error: the newest refusal of that one. next_at:
    when the next try is; None: they were given up."""

    target: str
    count: int
    since: datetime
    attempts: int
    error: str
    next_at: datetime | None


@dataclass(frozen=True)
class Over:
    """A condition that has ended."""

    condition: Condition
    mended_at: datetime


class Alerts:
    """The alerts of one pair (engine/ports.py `AlertStore`). Every method raises StoreError when the database does not
    answer."""

    def __init__(self, pair: str, health: Health, cursors: Cursors, transaction: Transaction) -> None:
        self._pair = pair
        self._health = health
        self._cursors = cursors
        self._transaction = transaction
        self._sql = queries.load("alerts")

    # --- what is judged

    async def take_look(self, now: datetime, next_at: datetime) -> bool:
        """Whether the caller is the one who looks now; nobody else is until `next_at`."""
        async with self._transaction() as connection:
            cursor = await self._run(connection, "take_look", now=now, next_at=next_at)
            return await cursor.fetchone() is not None

    async def facts(self, now: datetime, measured_since: datetime) -> Facts:
        """What the tables tell of how it goes; what the notes tell is added by who can read them."""
        async with self._transaction() as connection:
            backlog = await self._health.queued(connection, now, exact=False)
            spreads = await self._health.spreads(connection, measured_since)
            heartbeat = await self._health.heartbeat(connection)
            dead = await self._dead(connection)
        return Facts(
            now,
            consent=_waiting([backlog.lanes.get(Lane.CONSENT, Queued())]),
            people=_waiting([one for lane, one in backlog.lanes.items() if lane not in (Lane.CONSENT, Lane.BACKFILL)]),
            dead=dead,
            measured=tuple(
                Measured(lane.name.lower(), one.count, one.p99)
                for lane, one in spreads.items()
                if lane is not None and lane is not Lane.BACKFILL
            ),
            workers=heartbeat.alive,
            heard_at=None if heartbeat.last is None else now - timedelta(seconds=heartbeat.last),
        )

    async def _dead(self, connection: AsyncConnection) -> tuple[Dead, ...]:
        cursor = await self._run(connection, "dead", most=MOST_DEAD)
        return tuple(
            Dead(" ".join(part for part in (category, code or "", system, name, *fields) if part), count, since, advice)
            for category, code, system, name, fields, count, since, advice in (
                (*row[:7], row[7] or "") for row in await cursor.fetchall()
            )
            if category != Category.BREAKER  # an open breaker is told by itself
        )

    async def notes(self) -> dict[str, str]:
        """Everything that is noted under a name: where sweeps and feeds stand, and what they met."""
        async with self._transaction() as connection:
            return await self._health.positions(connection)

    async def note(self, name: str, text: str) -> None:
        """Note this under that name, in place of what was noted there."""
        async with self._transaction() as connection:
            await self._cursors.put_position(connection, name, text)

    async def standing(self) -> list[Alert]:
        """What was told and is not over."""
        async with self._transaction() as connection:
            found = await (await self._run(connection, "standing")).fetchall()
        return [Alert(row[0], Condition(*row[1:6]), row[6], row[7]) for row in found]

    # --- what is remembered

    async def remember(self, changes: Changes, targets: Sequence[str], now: datetime) -> int:
        """Note these changes with a message for each target; how many messages. What another process has changed
        meanwhile is left as it is."""
        begun = [_row(one) for one in changes.begun]
        seen = [{"id": one.id, **_row(one.condition)} for one in changes.seen]
        reminded = [{"id": one.id, "told_at": one.told_at.isoformat()} for one in changes.reminded]
        mended = [{"id": one.id, "seen_at": one.seen_at.isoformat()} for one in changes.mended]
        made = 0
        async with self._transaction() as connection:
            for name, found in (("begin", begun), ("see", seen), ("remind", reminded), ("mend", mended)):
                if found:
                    cursor = await self._run(connection, name, rows=rows.dumps(found), targets=list(targets), now=now)
                    made += 0 if name == "see" else cursor.rowcount
        return made

    async def note_over(self, condition: Condition, targets: Sequence[str], now: datetime) -> None:
        """Note something that is over by now and could not be noted while it stood: once, however many processes come
        to tell it."""
        async with self._transaction() as connection:
            await self._run(connection, "queue_up")
            values = {**_row(condition), "since": condition.since}
            await self._run(connection, "note_over", **values, targets=list(targets), now=now)

    async def tidy(self, now: datetime) -> int:
        """Give up messages that nobody would want any more, and forget what has long been over; how many messages were
        given up."""
        async with self._transaction() as connection:
            given_up = await self._run(connection, "give_up", now=now, before=now - KEPT)
            await self._run(connection, "forget", before=now - REMEMBERED)
            return given_up.rowcount

    # --- messages

    async def due(self, targets: Sequence[str], now: datetime, lease: timedelta) -> list[Due]:
        """The next message for each of these targets, if its time has come; nobody else sends it before the lease
        ends."""
        async with self._transaction() as connection:
            cursor = await self._run(connection, "claim", targets=list(targets), now=now, until=now + lease)
            found = await cursor.fetchall()
        return [
            Due(
                number,
                target,
                attempts,
                Telling(
                    f"{alert}.{state}.{int(at.timestamp())}",
                    alert,
                    State(state),
                    at,
                    self._pair,
                    Condition(name, since, words, advice, count),
                ),
            )
            for number, target, attempts, alert, state, at, name, since, words, advice, count in found
        ]

    async def told(self, due: Due, now: datetime, remark: str) -> None:
        """It has arrived. remark: what the target said beside that."""
        async with self._transaction() as connection:
            await self._run(connection, "told", id=due.id, now=now, remark=remark or None)

    async def not_told(self, due: Due, due_at: datetime, error: str) -> None:
        """It has not arrived, and is due again then."""
        async with self._transaction() as connection:
            await self._run(connection, "not_told", id=due.id, due_at=due_at, error=error)

    # --- for the faces

    async def untold(self, now: datetime) -> list[Untold]:
        """Messages that were refused, with those that wait behind them; those that were given up for a day more."""
        async with self._transaction() as connection:
            cursor = await self._run(connection, "untold", since=now - timedelta(days=1))
            return [
                Untold(target, count, since, attempts, error or "", next_at)
                for target, count, since, attempts, error, next_at in await cursor.fetchall()
            ]

    async def over(self, since: datetime) -> list[Over]:
        """What has ended since then, the newest first."""
        async with self._transaction() as connection:
            cursor = await self._run(connection, "over", since=since, most=MOST_OVER)
            return [Over(Condition(*row[1:6]), row[6]) for row in await cursor.fetchall()]

    async def _run(self, connection: AsyncConnection, query: str, /, **values: object) -> AsyncCursor[TupleRow]:
        return await connection.execute(self._sql[query], {"pair": self._pair, **values})


def _waiting(lanes: Sequence[Queued]) -> Waiting:
    return Waiting(
        count=sum(one.waiting + one.claimed + one.later for one in lanes),
        dead=sum(one.dead for one in lanes),
        oldest_at=min((one.oldest_at for one in lanes if one.oldest_at is not None), default=None),
    )


def _row(condition: Condition) -> dict[str, object]:
    return {
        "name": condition.name,
        "since": condition.since.isoformat(),
        "count": condition.count,
        "words": condition.words,
        "advice": condition.advice,
    }
