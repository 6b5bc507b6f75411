"""Merges that a person approved, what came of them, and which records stand beside one another (SPEC 4.4, 4.7).

Keeps and finds; what is merged into what is core's and a person's to say. Every call runs inside the transaction that
it is given.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow

from concord.core.duplicates import Merge
from concord.core.values import Ref
from concord.store import queries, rows
from concord.store.ledger import event_line


class Merges:
    """The merges of one pair."""

    def __init__(self, pair: str) -> None:
        self._pair = pair
        self._sql = queries.load("merges")

    async def approve(self, connection: AsyncConnection, merge: Merge) -> int | None:
        """Note it; its id, or None where one of its records is part of another that is not over."""
        await self._run(connection, "lock")
        if await self.standing(connection, merge.members):
            return None
        row = {
            "object_pair": merge.object_pair,
            **_place(merge.survivor),
            "losers": [one.id for one in merge.losers],
            "taken": rows.dumps({name: ref.id for name, ref in merge.taken.items()}),
            "reason": merge.reason,
            "approved_by": merge.approved_by,
            "approved_at": merge.approved_at,
        }
        found = await (await self._run(connection, "approve", **row)).fetchone()
        return None if found is None else int(found[0])

    async def due(self, connection: AsyncConnection, refs: Collection[Ref]) -> list[Merge]:
        """Approved ones that one of these records carries."""
        if not refs:
            return []
        cursor = await self._run(connection, "due", rows=rows.ref_rows(refs))
        return [_merge(row) for row in await cursor.fetchall()]

    async def standing(self, connection: AsyncConnection, refs: Collection[Ref]) -> list[Merge]:
        """Approved ones of which one of these records is a part."""
        if not refs:
            return []
        cursor = await self._run(connection, "standing", rows=rows.ref_rows(refs))
        return [_merge(row) for row in await cursor.fetchall()]

    async def newest(self, connection: AsyncConnection, limit: int, merge_id: int | None = None) -> list[Merge]:
        """Merges in any state, the newest first; merge_id: that one alone."""
        cursor = await self._run(connection, "newest", id=merge_id, limit=limit)
        return [_merge(row) for row in await cursor.fetchall()]

    async def end(self, connection: AsyncConnection, merge: Merge, now: datetime) -> bool:
        """Note its state and outcome; whether it was not over already."""
        values = {"id": merge.id, "state": merge.state, "outcome": merge.outcome, "now": now}
        return await (await self._run(connection, "end", **values)).fetchone() is not None

    async def follow(self, connection: AsyncConnection, survivor: Ref, gone: Collection[Ref]) -> None:
        """What is known through the records that are gone is known through the survivor from now on."""
        values = {**_place(survivor), "gone": [one.id for one in gone]}
        for name in ("follow", "inherit_left", "inherit_right", "unask"):
            await self._run(connection, name, **values)

    async def groups(self, connection: AsyncConnection, limit: int) -> dict[Ref, tuple[Ref, ...]]:
        """Records that others stand beside, with those."""
        found: dict[Ref, tuple[Ref, ...]] = {}
        for row in await (await self._run(connection, "groups", limit=limit)).fetchall():
            active = Ref(row[0], row[1], row[2])
            found[active] = (*found.get(active, ()), Ref(row[0], row[3], row[4]))
        return found

    async def _run(self, connection: AsyncConnection, name: str, **values: object) -> AsyncCursor[TupleRow]:
        return await connection.execute(self._sql[name], {"pair": self._pair, **values})


def merge_lines(merge: Merge, survivor: Ref, gone: Collection[Ref], *, left: bool) -> list[rows.Row]:
    """What the ledger says of it: of each record that is gone, and of the survivor. left: on which side they are."""

    def line(ref: Ref, reason: str) -> rows.Row:
        mine, theirs = (ref, None) if left else (None, ref)
        return event_line("moved", merge.object_pair, None, mine, theirs, reason)

    losers = sorted(set(gone) - {survivor})
    lines = [line(one, f"{one} was merged into {survivor}: {merge.outcome}") for one in losers]
    return [*lines, line(survivor, f"{', '.join(map(str, losers))} became part of it: {merge.outcome}")]


def _place(survivor: Ref) -> rows.Row:
    return {"system": survivor.system, "object": survivor.object, "survivor_id": survivor.id}


def _merge(row: Sequence[Any]) -> Merge:
    number, object_pair, system, name, survivor, losers, taken, reason, by, at, state, outcome = row
    return Merge(
        id=number,
        object_pair=object_pair,
        survivor=Ref(system, name, survivor),
        losers=tuple(Ref(system, name, one) for one in losers),
        taken={field: Ref(system, name, one) for field, one in taken.items()},
        reason=reason,
        approved_by=by,
        approved_at=at,
        state=state,
        outcome=outcome,
    )
