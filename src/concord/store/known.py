"""Who is who, as far as it can be told without asking a system: what is known of every record read, who stands for
whom, what a person was asked and said, and which creates are under way.

Stores and finds; matching is core's. Every call runs inside the transaction that it is given.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow

from concord.core.model import Intent, Known, Review, Seen
from concord.core.values import Ref
from concord.store import queries, rows


class People:
    """What one pair knows."""

    def __init__(self, pair: str) -> None:
        self._pair = pair
        self._sql = queries.load("known")

    async def known(self, connection: AsyncConnection, refs: Collection[Ref]) -> dict[Ref, Known]:
        if not refs:
            return {}
        found = await self._rows(connection, "known", rows=rows.ref_rows(refs))
        return {one.ref: one for one in map(_known, found)}

    async def candidates(
        self, connection: AsyncConnection, object_pair: str, keys: Collection[str], system: str
    ) -> list[Known]:
        if not keys:
            return []
        asked = {"object_pair": object_pair, "keys": sorted(keys), "system": system}
        return [_known(row) for row in await self._rows(connection, "candidates", **asked)]

    async def told(self, connection: AsyncConnection, refs: Collection[Ref]) -> dict[Ref, str]:
        if not refs:
            return {}
        return {Ref(*row[:3]): row[3] for row in await self._rows(connection, "told", rows=rows.ref_rows(refs))}

    async def put_known(self, connection: AsyncConnection, known: Sequence[Known | Seen]) -> None:
        """Of two about one record the later in the sequence counts."""
        latest = {one.ref: one for one in known}
        whole = [rows.known_row(one) for one in latest.values() if isinstance(one, Known)]
        seen = [rows.seen_row(one) for one in latest.values() if isinstance(one, Seen)]
        if whole and seen:
            # Rows are locked in one order, or two workers with the same records could wait for each other.
            await self._run(connection, "hold_known", rows=rows.ref_rows(latest))
        if whole:
            await self._run(connection, "put_known", rows=rows.dumps(whole))
        if seen:
            await self._run(connection, "touch", rows=rows.dumps(seen))

    async def forget(self, connection: AsyncConnection, refs: Collection[Ref]) -> None:
        if refs:
            await self._run(connection, "forget", rows=rows.ref_rows(refs))

    async def duplicates_of(self, connection: AsyncConnection, refs: Collection[Ref]) -> dict[Ref, tuple[Ref, ...]]:
        found: dict[Ref, tuple[Ref, ...]] = {}
        if refs:
            for row in await self._rows(connection, "duplicates", rows=rows.ref_rows(refs)):
                active = Ref(row[0], row[1], row[2])
                found[active] = (*found.get(active, ()), Ref(row[0], row[3], row[4]))
        return found

    async def reviews(self, connection: AsyncConnection, refs: Collection[Ref]) -> list[Review]:
        if not refs:
            return []
        return [_review(row) for row in await self._rows(connection, "reviews", rows=rows.ref_rows(refs))]

    async def open_reviews(self, connection: AsyncConnection, limit: int) -> list[Review]:
        return [_review(row) for row in await self._rows(connection, "open_reviews", limit=limit)]

    async def decided_reviews(self, connection: AsyncConnection, limit: int) -> list[tuple[Review, datetime]]:
        return [(_review(row), row[11]) for row in await self._rows(connection, "decided_reviews", limit=limit)]

    async def reopen(self, connection: AsyncConnection, left: Ref, right: Ref) -> bool:
        """Whether a person had said something of these two; it is a question again."""
        return (await self._run(connection, "reopen_review", **rows.side_rows(left, right))).rowcount == 1

    async def forget_apart(self, connection: AsyncConnection, one: Ref, other: Ref) -> bool:
        """Whether a person had kept these two, of one system, apart; nobody does any more."""
        return (await self._run(connection, "forget_apart", **rows.side_rows(one, other))).rowcount == 1

    async def called(self, connection: AsyncConnection, record_id: str) -> list[tuple[Ref, str]]:
        """Known records with this id, and the object pair that each belongs to."""
        return [(Ref(*row[:3]), row[3]) for row in await self._rows(connection, "called", record_id=record_id)]

    async def put_reviews(self, connection: AsyncConnection, reviews: Sequence[Review], now: datetime) -> None:
        """Of two about one pair a decision counts, and else the later one."""
        latest: dict[tuple[Ref, Ref], Review] = {}
        for review in reviews:
            pair = (review.left, review.right)
            if review.state != "open" or pair not in latest or latest[pair].state == "open":
                latest[pair] = review
        if latest:
            given = rows.dumps([rows.review_row(review) for review in latest.values()])
            await self._run(connection, "put_reviews", rows=given, now=now)

    async def answer_reviews(
        self, connection: AsyncConnection, linked: Collection[tuple[Ref, Ref]], now: datetime
    ) -> None:
        """These pairs have become links."""
        if linked:
            given = rows.dumps([rows.side_rows(left, right) for left, right in linked])
            await self._run(connection, "answer_reviews", rows=given, now=now)

    async def intend(self, connection: AsyncConnection, intents: Sequence[Intent], now: datetime) -> None:
        if intents:
            await self._run(connection, "intend", rows=_intent_rows(intents), now=now)

    async def intents(self, connection: AsyncConnection, sources: Collection[Ref]) -> list[Intent]:
        if not sources:
            return []
        found = await self._rows(connection, "intents", rows=rows.ref_rows(sources))
        return [Intent(Ref(*row[:3]), row[3], row[4], (row[5], row[6])) for row in found]

    async def finish_intents(self, connection: AsyncConnection, intents: Sequence[Intent]) -> None:
        if intents:
            await self._run(connection, "finish_intents", rows=_intent_rows(intents))

    async def _rows(self, connection: AsyncConnection, name: str, **values: object) -> list[tuple[Any, ...]]:
        cursor = await self._run(connection, name, **values)
        return await cursor.fetchall()

    async def _run(self, connection: AsyncConnection, name: str, **values: object) -> AsyncCursor[TupleRow]:
        return await connection.execute(self._sql[name], {"pair": self._pair, **values})


def _known(row: Sequence[Any]) -> Known:
    ref, traits = Ref(*row[:3]), row[4]
    told = traits.pop(rows.TOLD, None)
    duplicate_of = None if row[8] is None else Ref(ref.system, row[7], row[8])
    return Known(ref, row[3], traits, frozenset(row[5]), row[6], duplicate_of, told)


def _review(row: Sequence[Any]) -> Review:
    return Review(row[0], Ref(*row[1:4]), Ref(*row[4:7]), row[7], tuple(row[8]), row[9], row[10])


def _intent_rows(intents: Sequence[Intent]) -> str:
    return rows.dumps(
        [
            {
                **rows.ref_row(intent.source),
                "target_system": intent.target_system,
                "target_object": intent.target_object,
                "key_field": intent.key[0],
                "key_value": intent.key[1],
            }
            for intent in intents
        ]
    )
