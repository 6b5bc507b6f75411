"""Links: which two records are one thing, under which refs they were known before, and their bases.

Makes, moves and closes links; what it refuses, because a record is linked already, it says instead of failing, so that
one contradiction does not hold up a batch. Every call runs inside the transaction that it is given.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import AsyncConnection

from concord.core.model import Base, Link, LinkState, Side
from concord.core.values import Ref
from concord.store import queries, rows

#: The bases and reading times to store for one link: its id, the fields, when left and right were read.
BasesOf = tuple[int, Mapping[str, Base], datetime | None, datetime | None]


class Moved(NamedTuple):
    """What came of a move. old: the ref that is no more (None: nothing was to move). refusal: why it was not done."""

    old: Ref | None
    refusal: str | None


class Links:
    """The links of one pair."""

    def __init__(self, pair: str) -> None:
        self._pair = pair
        self._sql = queries.load("links")

    async def links(self, connection: AsyncConnection, refs: Collection[Ref]) -> dict[Ref, Link]:
        if not refs:
            return {}
        cursor = await connection.execute(self._sql["links"], {"pair": self._pair, "rows": rows.ref_rows(refs)})
        return {Ref(*row[:3]): _link(row[3:]) for row in await cursor.fetchall()}

    async def active(self, connection: AsyncConnection, object_pair: str) -> list[tuple[Ref, Ref]]:
        cursor = await connection.execute(self._sql["active"], {"pair": self._pair, "object_pair": object_pair})
        return [_pair(row) for row in await cursor.fetchall()]

    async def walk(
        self, connection: AsyncConnection, after: int, limit: int, fields: Collection[str], since: datetime
    ) -> list[Link]:
        """Links in the order of their ids: see `Store.walk`."""
        values = {"pair": self._pair, "after": after, "limit": limit, "fields": sorted(fields), "since": since}
        cursor = await connection.execute(self._sql["walk"], values)
        return [_link(row) for row in await cursor.fetchall()]

    async def count(self, connection: AsyncConnection, since: datetime) -> int:
        """How many links there are to walk, at most."""
        cursor = await connection.execute(self._sql["count"], {"pair": self._pair, "since": since})
        row = await cursor.fetchone()
        return int(row[0]) if row is not None else 0

    async def make(
        self, connection: AsyncConnection, wanted: Sequence[Link], now: datetime
    ) -> tuple[dict[tuple[Ref, Ref], int], dict[tuple[Ref, Ref], tuple[Ref, Ref]]]:
        """Link these pairs. The ids of those that are linked now (as they may have been before), and for each refused
        one the pair that is linked instead."""
        if not wanted:
            return {}, {}
        given = [
            {
                **rows.side_rows(link.left, link.right),
                "object_pair": link.object_pair,
                "score": link.score,
                "evidence": list(link.evidence),
            }
            for link in wanted
        ]
        values = {"pair": self._pair, "rows": rows.dumps(given), "now": now}
        cursor = await connection.execute(self._sql["make"], values)
        ids = {_pair(row[1:]): row[0] for row in await cursor.fetchall()}
        left_out = [(link.left, link.right) for link in wanted if (link.left, link.right) not in ids]
        if not left_out:
            return ids, {}
        standing = await self._standing(connection, [ref for pair in left_out for ref in pair])
        refused = {}
        for pair in left_out:
            if pair in standing:
                ids[pair] = standing[pair]
            else:
                refused[pair] = next(other for other in standing if set(other) & set(pair))
        return ids, refused

    async def _standing(self, connection: AsyncConnection, refs: Collection[Ref]) -> dict[tuple[Ref, Ref], int]:
        cursor = await connection.execute(self._sql["standing"], {"pair": self._pair, "rows": rows.ref_rows(refs)})
        return {_pair(row[1:]): row[0] for row in await cursor.fetchall()}

    async def close(self, connection: AsyncConnection, why: Mapping[int, str], now: datetime) -> None:
        """End these links, by id, each with its reason."""
        if why:
            given = [{"link_id": link_id, "reason": reason} for link_id, reason in sorted(why.items())]
            values = {"pair": self._pair, "rows": rows.dumps(given), "now": now}
            await connection.execute(self._sql["close"], values)

    async def take_back(
        self, connection: AsyncConnection, left: Ref, right: Ref, reason: str, now: datetime
    ) -> tuple[int, str] | None:
        """End the link of these two as if it had never been; its id and object pair, None where there was none."""
        values = {"pair": self._pair, **rows.side_rows(left, right), "reason": reason, "now": now}
        row = await (await connection.execute(self._sql["take_back"], values)).fetchone()
        return (row[0], row[1]) if row is not None else None

    async def move(self, connection: AsyncConnection, link_id: int, side: Side, ref: Ref, now: datetime) -> Moved:
        """The link's record lives on as `ref`, and its old ref leads here from now on. Where `ref` is linked already,
        this link is closed, the old ref leads to that one, and the answer says so."""
        cursor = await connection.execute(self._sql["hold"], {"pair": self._pair, "link_id": link_id})
        row = await cursor.fetchone()
        if row is None:
            return Moved(None, f"link {link_id} is not there")
        old = _pair(row)[0 if side is Side.LEFT else 1]
        if old == ref:
            return Moved(None, None)
        values = {"pair": self._pair, "link_id": link_id, **rows.ref_row(ref)}
        moved = (await connection.execute(self._sql[f"move_{side}"], values)).rowcount == 1
        leads_to, refusal = link_id, None
        if not moved:
            refusal = f"{old} became {ref}, which is linked already"
            await self.close(connection, {link_id: refusal}, now)
            standing = await self._standing(connection, [ref])
            leads_to = next(iter(standing.values()), link_id)
        alias = {"pair": self._pair, "link_id": leads_to, **rows.ref_row(old)}
        await connection.execute(self._sql["put_alias"], alias)
        return Moved(old, refusal)

    async def put_bases(self, connection: AsyncConnection, bases: Sequence[BasesOf]) -> None:
        """Store fields' bases beside those that are there; the times where they are given."""
        merged: dict[int, rows.Row] = {}
        for link_id, fields, left_read_at, right_read_at in bases:
            row = merged.setdefault(link_id, {"link_id": link_id, "fields": {}})
            row["fields"] |= {name: rows.base_out(base) for name, base in fields.items()}
            row["left_read_at"] = rows.moment(left_read_at) or row.get("left_read_at")
            row["right_read_at"] = rows.moment(right_read_at) or row.get("right_read_at")
        if merged:
            given = [{**row, "fields": row["fields"] or None} for _, row in sorted(merged.items())]
            await connection.execute(self._sql["put_bases"], {"pair": self._pair, "rows": rows.dumps(given)})


def _pair(row: Sequence[Any]) -> tuple[Ref, Ref]:
    return Ref(*row[:3]), Ref(*row[3:6])


def _link(row: Sequence[Any]) -> Link:
    left, right = _pair(row[2:8])
    return Link(
        id=row[0],
        object_pair=row[1],
        left=left,
        right=right,
        score=row[8],
        evidence=tuple(row[9]),
        state=LinkState(row[10]),
        bases={} if row[13] is None else rows.Bases(row[13]),
        left_read_at=row[11],
        right_read_at=row[12],
    )
