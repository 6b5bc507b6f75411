"""Sweeps: ask a system what changed since the last time, and put a notice for each into the inbox (SPEC 6.3).

The safety net under every event: what a sender lost, a sweep finds. Reads no field values and decides nothing.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from concord.core.model import Lane, Notice, Side
from concord.engine.scope import Scope

log = logging.getLogger("concord.sweep")

#: How far a sweep reads back. A quick one covers equal seconds and a search index that lags; a deep one also finds rows
#: that became visible late, with a stamp older than the position (a long transaction in Salesforce).
QUICK = timedelta(seconds=5)
DEEP = timedelta(minutes=10)


def position_name(side: Side) -> str:
    """Under which name the store keeps how far a side was swept."""
    return f"sweep:{side}"


def objects(scope: Scope, side: Side) -> list[str]:
    """The vendor's objects that are synced on a side."""
    names: dict[str, None] = {}
    for pair in scope.pairs:
        names |= dict.fromkeys(pair.left_objects if side is Side.LEFT else (pair.right_object,))
    return list(names)


async def start(scope: Scope) -> None:
    """Begin sweeping from now, where it has not begun: before the first full read, so that nothing falls between."""
    for side in Side:
        if await scope.store.position(position_name(side)) is None:
            page = await scope.system(side).changed(objects(scope, side), None, timedelta())
            await scope.store.put_position(position_name(side), page.position)


async def sweep(scope: Scope, side: Side, overlap: timedelta = QUICK) -> int:
    """One sweep of a side, to its end; how many inbox rows it made or touched. The position moves only after the
    notices are durable."""
    name, touched = position_name(side), 0
    position = await scope.store.position(name)
    while True:
        page = await scope.system(side).changed(objects(scope, side), position, overlap)
        now = scope.clock.now()
        ahead = scope.system(side).clock_ahead()
        touched += await scope.store.take_in(
            [
                Notice(row.ref, Lane.PEOPLE, now, "sweep", min(row.modified_at - ahead, now), row.version)
                for row in page.rows
            ]
        )
        if page.position != position:
            await scope.store.put_position(name, page.position)
        if not page.more:
            break
        position, overlap = page.position, timedelta()
    if touched:
        log.debug("sweep of %s: %d to look at", side, touched)
    return touched
