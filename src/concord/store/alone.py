"""Something that only one process at a time may do for a pair, for as long as it does it: reading a feed.

By a lock that lives as long as a connection: a process that dies gives it up at once, and another takes over. Not for
records: their claims are leases in the inbox, because a process that hangs must lose them too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import psycopg
from psycopg import AsyncConnection

log = logging.getLogger(__name__)

#: Seconds between two tries to become the one.
LOOK_EVERY: Final = 3.0
#: Seconds between two looks whether the connection, and with it the lock, is still there.
WATCH_EVERY: Final = 5.0
_TRY: Final = "SELECT pg_try_advisory_lock(hashtextextended(%s, 1))"


async def alone(
    conninfo: str,
    name: str,
    work: Callable[[], Awaitable[None]],
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Do `work` as soon as no other process does it under that name, until it ends. When the connection breaks, the
    lock may be another's: the work is cancelled, and begun again when the lock is had again. Errors of the work go up.
    """
    while True:
        try:
            async with await AsyncConnection.connect(conninfo, autocommit=True, connect_timeout=5) as connection:
                while not await _locked(connection, name):
                    await sleep(LOOK_EVERY)
                await _watched(connection, work)
                return
        except psycopg.Error as error:
            log.warning("%s: the database is away; tried again in %.0f s: %s", name, LOOK_EVERY, error)
        await sleep(LOOK_EVERY)


async def _locked(connection: AsyncConnection, name: str) -> bool:
    cursor = await connection.execute(_TRY, [f"concord alone {name}"])
    row = await cursor.fetchone()
    return bool(row and row[0])


async def _watched(connection: AsyncConnection, work: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.ensure_future(work())
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=WATCH_EVERY)
            if not task.done():
                await connection.execute("SELECT 1")
        await task
    finally:
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
