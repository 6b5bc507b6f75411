"""A Concord in a process of its own, for the tests that kill it for real (test_crashes.py).

`python crashing.py < what.json`: sweeps both systems and works until nothing is left to do. It kills itself at the
point of the line that CONCORD_CRASH_AT names, as app.py does for every Concord.

what.json: {"salesforce": …, "hubspot": …} as `python -m concord_sandbox` prints them, "database", and "later": by how
many seconds its clock is ahead of the machine's, so that a dead one's lease is over without waiting for it; "merges":
whether a person first approves a merge of each group of duplicates.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime, timedelta
from typing import Any

from concord import config
from concord.app import Parts, RealClock, opened
from concord.config import Secrets
from concord.core.model import Side
from concord.engine import duplicates
from concord.engine.sweep import sweep


class LaterClock(RealClock):
    """The machine's time, and a while later."""

    def __init__(self, seconds: float) -> None:
        self._span = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return super().now() + self._span


async def run(what: dict[str, Any]) -> None:
    salesforce, hubspot = what["salesforce"], what["hubspot"]
    settings = config.starting().connected_to(
        salesforce=salesforce["url"], hubspot=hubspot["url"], app_id=str(hubspot["app_id"])
    )
    secrets = Secrets(
        salesforce["client_id"],
        salesforce["client_secret"],
        hubspot["access_token"],
        hubspot["client_secret"],
        what["database"],
    )
    clock = LaterClock(what["later"])
    async with opened(settings, secrets, Parts(clock=clock)) as concord:
        for group in await duplicates.groups(concord.scope) if what.get("merges") else ():
            if group.approved is None:
                refs = await duplicates.group_of(concord.scope, group.active)
                await duplicates.approve(concord.scope, await duplicates.propose(concord.scope, refs), "a test")
        for _ in range(20):
            for side in Side:
                await sweep(concord.scope, side)
            worked = await concord.drain()
            backlog = await concord.store.backlog()
            waiting = backlog["waiting"] + backlog["claimed"] + backlog["due_later"]
            if not worked and not waiting:
                return
            if waiting:
                await clock.sleep(0.3)  # a record that changed within the very second is put back for one
    raise SystemExit(f"not quiet: {dict(backlog)}")


if __name__ == "__main__":
    asyncio.run(run(json.load(sys.stdin)))
