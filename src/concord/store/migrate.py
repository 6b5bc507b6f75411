"""Brings a database to this version's tables: our own migrations in order, and the work queue's.

Each migration runs once, in a transaction of its own, under a lock, so that several Concords may start at one moment.
It runs beside Concords of the version before, which go on working (a rolling restart): so a migration only adds, and it
never stands in the queue for a table's lock for long, because whoever comes after it would wait as well.
May not undo anything: a database that is ahead of the program is refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from importlib.resources import files
from typing import Final

import psycopg
from procrastinate.schema import SchemaManager

from concord.errors import StoreError

log = logging.getLogger("concord.migrate")

#: An arbitrary number that stands for "Concord migrates" among the server's advisory locks.
LOCK: Final = 0x636F6E636F7264
OUR_QUEUE_SCHEMA: Final = "queue/schema"

#: A migration waits so long for a table that others use, gives way for a pause, and tries again, so many times.
_BRIEF: Final = b"SET LOCAL lock_timeout = '2s'"
LOCK_PAUSE: Final = 1.0
LOCK_TRIES: Final = 60

_TABLE: Final = b"""
CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())
"""


async def migrate(conninfo: str) -> list[str]:
    """Apply what is missing and return its names, in order; an empty list when the database is up to date.

    Raises StoreError: the server cannot be reached, the database belongs to a newer Concord or holds another program's
    work queue, or a migration failed (nothing of it is kept).
    """
    try:
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
            await connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            try:
                return await _migrate(connection)
            finally:
                await connection.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
    except psycopg.Error as error:
        raise StoreError(f"The database could not be brought up to date: {error}") from error


def known_migrations() -> tuple[str, ...]:
    """The migrations that this Concord has, in order; of the work queue's own, that its tables are there."""
    return (*(name for name, _ in _ours()), OUR_QUEUE_SCHEMA)


async def _migrate(connection: psycopg.AsyncConnection) -> list[str]:
    await connection.execute(_TABLE)
    cursor = await connection.execute("SELECT name FROM migration")
    applied = {str(row[0]) for row in await cursor.fetchall()}
    ours = dict(_ours())
    unknown = {name for name in applied if not name.startswith("queue/")} - set(ours)
    if unknown:
        raise StoreError(
            f"The database was brought up to date by a newer Concord ({', '.join(sorted(unknown))}). Install that one."
        )
    done = []
    for name, script in (*ours.items(), *await _queue(connection, applied)):
        if name not in applied:
            await _apply(connection, name, script)
            done.append(name)
    return done


async def _apply(connection: psycopg.AsyncConnection, name: str, script: bytes) -> None:
    for left in reversed(range(LOCK_TRIES)):
        try:
            async with connection.transaction():
                await connection.execute(_BRIEF)
                await connection.execute(script)
                await connection.execute("INSERT INTO migration (name) VALUES (%s)", [name])
            return
        except psycopg.errors.LockNotAvailable:
            if not left:
                raise
            log.info("migration %s waits until a table that it adds to is free for a moment", name)
            await asyncio.sleep(LOCK_PAUSE)


def _ours() -> Iterator[tuple[str, bytes]]:
    for file in sorted((files("concord.store") / "migrations").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".sql"):
            yield file.name.removesuffix(".sql"), file.read_bytes()


async def _queue(connection: psycopg.AsyncConnection, applied: set[str]) -> list[tuple[str, bytes]]:
    """The work queue's own scripts. A new database gets its whole schema, and its migrations so far count as applied;
    a later version of the queue then adds its new migrations."""
    scripts = [
        (f"queue/{file.name.removesuffix('.sql')}", file.read_bytes())
        for file in sorted(files("procrastinate.sql.migrations").iterdir(), key=lambda file: file.name)
        if file.name.endswith(".sql")
    ]
    if OUR_QUEUE_SCHEMA in applied:
        return scripts
    cursor = await connection.execute("SELECT to_regclass('procrastinate_jobs') IS NOT NULL")
    row = await cursor.fetchone()
    if row is not None and row[0]:
        raise StoreError("The database holds another program's work queue. Give Concord a database of its own.")
    return [(OUR_QUEUE_SCHEMA, SchemaManager.get_schema().encode()), *((name, b"SELECT") for name, _ in scripts)]
