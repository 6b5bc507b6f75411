"""A worker that is frozen just when a call leaves: the call arrives when others have long gone on (SPEC 9.6)."""

from __future__ import annotations

import asyncio

import pytest
from tests.chaos.world import Crew, chaotic
from tests.stories.stage import Stage

from concord.core.model import Side
from concord.engine.sweep import sweep


@pytest.fixture
def play(database: str) -> Stage:
    return chaotic(database)


async def settle(play: Stage, crew: Crew, *, alone: bool = False) -> None:
    """All work until nothing is left to do. alone: only the first does."""
    for _ in range(40):
        play.clock.pass_(seconds=3)
        sent = await play.hubspot.service.deliver() + await play.salesforce.service.deliver()
        told = sum([await sweep(crew.concord.scope, side) for side in Side])
        worked = await (crew._drained(crew.workers[0]) if alone else crew.work())
        if not (sent or told or worked) and await play.idle(crew.concord):
            return
    raise AssertionError(f"not quiet: {dict(await crew.concord.store.backlog())}")


async def late(play: Stage, crew: Crew, side: str, path: str) -> asyncio.Task[int]:
    """The second worker works, and is stuck where it calls that path of that side; its lease is over."""
    line = crew.workers[1].lines[0 if side == "salesforce" else 1]
    line.hold(0, "before", path)
    task = asyncio.create_task(crew._drained(crew.workers[1]))
    await asyncio.wait_for(line.held.wait(), 20)
    play.clock.pass_(minutes=3)
    return task


#: HubSpot has no condition for a write, and nothing of the dead worker's says that it came: see docs/chaos.md.
UNSEEN = pytest.mark.xfail(
    reason="a call to HubSpot that leaves in time and arrives after the lease takes newer edits back", strict=True
)


@UNSEEN
@pytest.mark.parametrize("before", [False, True])
async def test_a_write_that_reaches_hubspot_late_takes_nothing_back(play: Stage, before: bool) -> None:
    async with Crew.of(play, 2, 200) as crew:
        crew.listen()
        await settle(play, crew)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com", Title="Countess")
        await settle(play, crew)
        (contact,) = play.hs()
        if before:
            play.edit_sf("Lead", lead, Title="Analyst")
            await settle(play, crew)
            play.edit_sf("Lead", lead, Title="Countess")
            await settle(play, crew)
        play.edit_sf("Lead", lead, Title="Analyst")
        play.clock.pass_(seconds=3)
        await sweep(crew.concord.scope, Side.LEFT)
        task = await late(play, crew, "hubspot", "/batch/update")
        play.edit_sf("Lead", lead, Title="Mathematician")
        await settle(play, crew, alone=True)
        assert play.hs()[contact]["jobtitle"] == "Mathematician"
        crew.workers[1].lines[1].go()
        await task
        assert play.hs()[contact]["jobtitle"] == "Analyst", "it arrived, and nobody could stop it"
        await settle(play, crew)
        assert (play.sf("Lead")[lead]["Title"], play.hs()[contact]["jobtitle"]) == ("Mathematician",) * 2


async def test_a_write_that_reaches_salesforce_late_is_refused(play: Stage) -> None:
    async with Crew.of(play, 2, 200) as crew:
        crew.listen()
        await settle(play, crew)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com", Title="Countess")
        await settle(play, crew)
        (contact,) = play.hs()
        play.edit_hs(contact, jobtitle="Analyst")
        play.clock.pass_(seconds=3)
        await sweep(crew.concord.scope, Side.RIGHT)
        task = await late(play, crew, "salesforce", "/composite|/sobjects/Lead/")
        play.edit_hs(contact, jobtitle="Mathematician")
        await settle(play, crew, alone=True)
        crew.workers[1].lines[0].go()
        await task
        assert play.sf("Lead")[lead]["Title"] == "Mathematician"
        await settle(play, crew)
        assert (play.sf("Lead")[lead]["Title"], play.hs()[contact]["jobtitle"]) == ("Mathematician",) * 2


@UNSEEN
async def test_a_create_that_reaches_hubspot_late_makes_nobody_twice(play: Stage) -> None:
    async with Crew.of(play, 2, 200) as crew:
        crew.listen()
        await settle(play, crew)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com", Title="Countess")
        nameless = play.lead(LastName="Somerville", Company="Orrery", Title="Astronomer")
        play.clock.pass_(seconds=3)
        await sweep(crew.concord.scope, Side.LEFT)
        task = await late(play, crew, "hubspot", "/batch/(upsert|create)")
        play.edit_sf("Lead", lead, Title="Mathematician")
        play.edit_sf("Lead", nameless, Title="Mathematician")
        await settle(play, crew, alone=True)
        crew.workers[1].lines[1].go()
        await task
        await settle(play, crew)
        assert len(play.hs()) == len(play.sf("Lead")) == 2
        assert {one["jobtitle"] for one in play.hs().values()} == {"Mathematician"}
        assert {one["Title"] for one in play.sf("Lead").values()} == {"Mathematician"}
