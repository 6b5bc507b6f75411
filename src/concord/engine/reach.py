"""Whether the systems answer, noted by every sweep for whoever tells administrators (engine/alerts.py).

A sweep asks each system every few seconds or minutes in any case, so nothing more has to be called to know. What is
noted is a category and a code; decides nothing.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import TypeVar

from concord.core.alerts import Unreached
from concord.core.model import Side
from concord.engine.scope import Scope
from concord.errors import Category, RemoteError

T = TypeVar("T")

_PREFIX = "unreached:"


async def asked(scope: Scope, side: Side, sweep: Awaitable[T]) -> T:
    """What the sweep of that side gives; notes whether the side answered. Raises what the sweep raises."""
    system, began = scope.system(side).name, scope.clock.now()
    try:
        result = await sweep
    except RemoteError as error:
        await _note(scope, system, began, error)
        raise
    if await scope.store.position(_PREFIX + system):
        await scope.store.put_position(_PREFIX + system, "")
    return result


async def _note(scope: Scope, system: str, began: datetime, error: RemoteError) -> None:
    before = _in(system, await scope.store.position(_PREFIX + system) or "")
    since = before.since if before is not None else began
    note = {"since": since.isoformat(), "category": error.category.value, "code": error.code or ""}
    await scope.store.put_position(_PREFIX + system, json.dumps(note))


def unreached(positions: Mapping[str, str]) -> tuple[Unreached, ...]:
    """The systems that did not answer the last time, among the store's positions."""
    found = [
        _in(name.removeprefix(_PREFIX), text) for name, text in sorted(positions.items()) if name.startswith(_PREFIX)
    ]
    return tuple(one for one in found if one is not None)


def _in(system: str, text: str) -> Unreached | None:
    if not text:
        return None
    told = json.loads(text)
    return Unreached(system, datetime.fromisoformat(told["since"]), Category(told["category"]), told["code"])
