"""A worker that is told to stop with much to do: what is under way is finished, the rest is left as it was."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from tests.stories.stage import StageClock, stage

from concord.core.model import Side
from concord.engine.reading import read_batch
from concord.engine.sweep import sweep
from concord.web.serving import running

#: Seconds. Less than a batch may go on for when it is told to stop (store/queue.py): nobody waits that out.
LIMIT = 15


class Still(StageClock):
    """For the watch, which would wind on everybody's clock by waiting."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


async def test_a_worker_that_is_told_to_stop_ends_its_batches_and_leaves_the_rest(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    play, begun = stage(database), asyncio.Event()

    async def read(*given: Any) -> Any:
        begun.set()
        return await read_batch(*given)

    monkeypatch.setattr("concord.engine.sync.read_batch", read)
    play.settings = replace(play.settings, sync=replace(play.settings.sync, workers=2))
    async with play.concord() as concord:
        assert concord.desk is not None
        concord = replace(concord, desk=replace(concord.desk, clock=Still()))
        await play.settle(concord)
        for number in range(1000):
            play.lead(LastName=f"Number{number}", Email=f"n{number}@many.example", Company=f"Firm{number}")
        play.clock.pass_(seconds=2)
        await sweep(concord.scope, Side.LEFT)
        async with asyncio.timeout(4 * LIMIT), running(concord, play.secrets, None):
            await begun.wait()
            stopped_at = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - stopped_at < LIMIT
        backlog, linked = await concord.store.backlog(), await concord.store.active_links("people")
        assert (backlog["claimed"], backlog["dead"]) == (0, 0)
        assert len(linked) == len(play.hs()), "what was made is written down"
        assert backlog["waiting"] >= 1000 - len(linked) > 0
