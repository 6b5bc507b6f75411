"""Connections to PostgreSQL: one pool for the store, one for the queue, both set up alike."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection, OperationalError
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool

from concord.store import rows


def make_pool(conninfo: str, *, size: int, timeout: float) -> AsyncConnectionPool:
    """A pool that is yet to be opened, of at most `size` connections; whoever asks waits `timeout` seconds for one.

    Times come back in UTC, and JSON as store/rows.py wrote it. A connection from before a restart of the database is
    replaced instead of handed out.
    """

    async def check(connection: AsyncConnection[Any]) -> None:
        """When one connection turns out dead, look at all idle ones. The pool by itself would find them one by one,
        pausing one, two, four seconds in between, so that a restart of a second would cost half a minute."""
        try:
            await AsyncConnectionPool.check_connection(connection)
        except OperationalError:
            await pool.check()
            raise

    pool = AsyncConnectionPool(
        conninfo, min_size=1, max_size=size, timeout=timeout, open=False, configure=_configure, check=check
    )
    return pool


async def reach(conninfo: str) -> None:
    """Raises psycopg.OperationalError when the database does not answer: at once where nobody listens. The pool would
    go on trying in silence until its time is up."""
    async with await AsyncConnection.connect(conninfo, connect_timeout=5):
        pass


async def _configure(connection: AsyncConnection[Any]) -> None:
    set_json_loads(rows.loads, connection)
    await connection.execute("SET TIME ZONE 'UTC'")
    await connection.commit()
