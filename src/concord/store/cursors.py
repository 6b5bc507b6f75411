"""Where each sweep and each journal stands. The position is the system's own text; nothing here reads it."""

from __future__ import annotations

from psycopg import AsyncConnection

from concord.store import queries


class Cursors:
    """The positions of one pair. Every call runs inside the transaction that it is given."""

    def __init__(self, pair: str) -> None:
        self._pair = pair
        self._sql = queries.load("cursors")

    async def position(self, connection: AsyncConnection, name: str) -> str | None:
        cursor = await connection.execute(self._sql["position"], {"pair": self._pair, "name": name})
        row = await cursor.fetchone()
        return None if row is None else str(row[0])

    async def put_position(self, connection: AsyncConnection, name: str, position: str) -> None:
        values = {"pair": self._pair, "name": name, "position": position}
        await connection.execute(self._sql["put_position"], values)
