"""Sweeps: ask a system what changed since the last time, and put a notice for each into the inbox (SPEC 6.3).

The safety net under every event: what a sender lost, a sweep finds. What moves no time stamp, engine/presence.py finds.
Reads no field values and decides nothing. An object that cannot be asked about holds up no other: it is noted with its
reason (engine/trouble.py), and asked again the next time from where it stood.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import timedelta

from concord.core.model import Errand, Failure, Lane, Notice, Side
from concord.engine.scope import Scope
from concord.engine.trouble import note_trouble
from concord.errors import RemoteRefused

log = logging.getLogger("concord.sweep")

#: How far a sweep reads back. A quick one covers equal seconds and a search index that lags; a deep one also finds rows
#: that became visible late, with a stamp older than the position (a long transaction in Salesforce).
QUICK = timedelta(seconds=5)
DEEP = timedelta(minutes=10)
#: What was merged away or converted is looked at before what it became, which is then found by its link, no stranger.
_FIRST = timedelta(milliseconds=1)


def position_name(side: Side) -> str:
    """Under which name the store keeps how far a side was swept."""
    return f"sweep:{side}"


def objects(scope: Scope, side: Side) -> list[str]:
    """The vendor's objects that are synced on a side."""
    names: dict[str, None] = {}
    for pair in scope.pairs:
        names |= dict.fromkeys(pair.left_objects if side is Side.LEFT else (pair.right_object,))
    return list(names)


def consent_position_name(side: Side) -> str:
    return f"consent sweep:{side}"


async def start(scope: Scope) -> None:
    """Begin sweeping from now, where it has not begun: before the first full read, so that nothing falls between."""
    for side in Side:
        for name, swept in (
            (position_name(side), objects(scope, side)),
            (consent_position_name(side), list(scope.consents(side))),
        ):
            if swept and await scope.store.position(name) is None:
                page = await scope.system(side).changed(swept, None, timedelta())
                await scope.store.put_position(name, page.position)


async def sweep(scope: Scope, side: Side, overlap: timedelta = QUICK) -> int:
    """One sweep of a side, to its end; how many inbox rows it made or touched. The position moves only after the
    notices are durable. Raises RemoteError where none of the side's objects can be asked about."""
    return await _swept(scope, side, position_name(side), objects(scope, side), overlap, None, None)


async def sweep_consent(scope: Scope, side: Side, overlap: timedelta = QUICK) -> int:
    """The same for records that say no, and no others: a small question, asked often, whose answers overtake whatever
    waits (SPEC 6.3, 7.1). The general sweep finds them too, but behind everybody else."""
    ticked = scope.consents(side)
    if not ticked:
        return 0
    return await _swept(scope, side, consent_position_name(side), list(ticked), overlap, Lane.CONSENT, ticked)


async def _swept(
    scope: Scope,
    side: Side,
    name: str,
    names: list[str],
    overlap: timedelta,
    lane: Lane | None,
    ticked: Mapping[str, Collection[str]] | None,
) -> int:
    position, touched = await scope.store.position(name), 0
    system = scope.system(side) if lane is None else scope.system(side).on(Errand(lane))
    failed: dict[str, Failure] = {}
    while True:
        asked = [one for one in names if one not in failed]
        try:
            page = await system.changed(asked, position, overlap, ticked)
        except RemoteRefused as error:
            await note_trouble(scope, name, side, failed | dict.fromkeys(asked, Failure.of(error)), names)
            raise
        failed |= page.failed
        now = scope.clock.now()
        ahead = system.clock_ahead()
        touched += await scope.store.take_in(
            [
                Notice(
                    row.ref,
                    system.lane_of(row.ref.object) if lane is None else lane,
                    now - _FIRST * row.ended,
                    "sweep",
                    min(row.modified_at - ahead, now),
                    row.version,
                )
                for row in page.rows
            ]
        )
        if page.position != position:
            await scope.store.put_position(name, page.position)
        if not page.more:
            break
        position, overlap = page.position, timedelta()
    await note_trouble(scope, name, side, failed, names)
    if touched:
        log.debug("sweep of %s: %d to look at", side, touched)
    return touched
