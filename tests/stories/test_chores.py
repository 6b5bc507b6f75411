"""What the queue's chores do where one of the two systems is away."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.stories.stage import Stage, stage

from concord.app import _schedule
from concord.core.model import Side
from concord.engine.presence import POSITION
from concord.engine.sweep import QUICK, sweep, sweep_consent
from concord.engine.worker import Chores
from concord.errors import RemoteBusy
from concord_sandbox.faults import Fault


@pytest.mark.parametrize("away", ["salesforce", "hubspot"])
async def test_a_system_that_is_away_keeps_nobody_from_asking_the_other_who_said_no(database: str, away: str) -> None:
    play: Stage = stage(database)
    async with play.concord() as concord:
        for side in Side:
            await sweep(concord.scope, side, QUICK)
            await sweep_consent(concord.scope, side, QUICK)
        play.clock.pass_(seconds=3)
        play.lead(FirstName="Ada", Email="ada@engines.com", HasOptedOutOfEmail=True)
        play.hs_contact(email="grace@navy.com", lastname="Hopper", hs_email_optout="true")
        play.clock.pass_(seconds=3)
        service = play.salesforce.service if away == "salesforce" else play.hubspot.service
        service.controls.faults.add(Fault("status", status=503, times=None))
        chores = Chores()
        chores.of(concord.scope)
        other = "hubspot" if away == "salesforce" else "salesforce"
        for ask in (chores.sweep_consent, chores.sweep_deep):
            with pytest.raises(RemoteBusy, match=away):
                await ask()
            works = await concord.store.claim(10, play.clock.now() + timedelta(minutes=1), timedelta())
            assert {work.ref.system for work in works} == {other}


async def test_the_chore_of_presence_walks_its_round(database: str) -> None:
    play: Stage = stage(database)
    async with play.concord() as concord:
        await play.settle(concord)
        play.lead(FirstName="Ada", Email="ada@engines.com")
        await play.settle(concord)
        chores = Chores()
        chores.of(concord.scope)
        await chores.look(timedelta(days=1))
        assert await concord.store.position(POSITION) is not None


def test_presence_is_a_chore_unless_it_is_off(database: str) -> None:
    settings = stage(database).settings
    assert "presence" in {chore.name for chore in _schedule(settings, Chores())}
    off = replace(settings, sync=replace(settings.sync, sweep=replace(settings.sync.sweep, presence=None)))
    assert "presence" not in {chore.name for chore in _schedule(off, Chores())}
