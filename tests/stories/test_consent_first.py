"""A withdrawal overtakes whatever waits, also where nobody tells of it and only a sweep finds it (SPEC 6.3, 7.1)."""

from __future__ import annotations

import pytest
from tests.stories.stage import Stage, stage

from concord.core.model import Lane, Notice, Side
from concord.core.values import Ref
from concord.engine.sweep import start, sweep, sweep_consent
from concord.engine.sync import run_batch


@pytest.fixture
def play(database: str) -> Stage:
    return stage(database)


async def _behind(play: Stage, concord: object, count: int) -> None:
    """So many records that have nothing new wait before everybody else."""
    store = concord.scope.store  # type: ignore[attr-defined]
    long_ago = play.clock.now()
    await store.take_in(
        [Notice(Ref("hubspot", "contacts", str(10**9 + n)), Lane.PEOPLE, long_ago, "reconcile") for n in range(count)]
    )


async def test_an_opt_out_in_salesforce_that_only_a_sweep_finds_is_applied_before_the_backlog(play: Stage) -> None:
    async with play.concord() as concord:
        await start(concord.scope)
        await play.settle(concord)
        contact = play.sf_contact(Email="ada@engines.com")
        await play.settle(concord)
        await _behind(play, concord, 1500)
        play.clock.pass_(seconds=5)
        play.edit_sf("Contact", contact, HasOptedOutOfEmail=True)
        play.clock.pass_(seconds=30)
        assert await sweep_consent(concord.scope, Side.LEFT) == 1
        one = await run_batch(concord.scope)
        assert one is not None
        assert one.works[0].ref == Ref("salesforce", "Contact", contact)
        assert one.works[0].lane is Lane.CONSENT
        (shown,) = play.hs().values()
        assert shown["hs_email_optout"] == "true"
        assert (await concord.store.backlog())["waiting"] > 1000, "the rest still waits"


async def test_an_opt_out_in_hubspot_that_only_a_sweep_finds_is_applied_before_the_backlog(play: Stage) -> None:
    play.hubspot.service.portal.webhooks["subscriptions"] = []  # type: ignore[attr-defined]
    async with play.concord() as concord:
        await start(concord.scope)
        contact = play.hs_contact(email="grace@navy.com", firstname="Grace", lastname="Hopper")
        await play.settle(concord)
        await _behind(play, concord, 1500)
        play.clock.pass_(seconds=5)
        play.edit_hs(contact, hs_email_optout="true")
        play.clock.pass_(seconds=30)
        assert await sweep_consent(concord.scope, Side.RIGHT) == 1
        assert await run_batch(concord.scope) is not None
        (lead,) = play.sf("Lead").values()
        assert lead["HasOptedOutOfEmail"] is True
        assert (await concord.store.backlog())["waiting"] > 1000


async def test_the_consent_sweep_asks_only_for_those_who_said_no(play: Stage) -> None:
    async with play.concord() as concord:
        await start(concord.scope)
        await play.settle(concord)
        play.clock.pass_(seconds=5)
        for number in range(20):
            play.sf_contact(Email=f"person{number}@engines.com")
        said_no = play.lead(Email="no@engines.com", HasOptedOutOfEmail=True)
        play.clock.pass_(seconds=5)
        assert await sweep_consent(concord.scope, Side.LEFT) == 1
        works = await concord.store.claim(10, play.clock.now(), concord.scope.lease)
        assert [one.ref.id for one in works] == [said_no]


async def test_a_withdrawal_that_was_handled_is_not_looked_at_again(play: Stage) -> None:
    async with play.concord() as concord:
        await start(concord.scope)
        await play.settle(concord)
        play.clock.pass_(seconds=5)
        play.lead(Email="no@engines.com", HasOptedOutOfEmail=True)
        await play.settle(concord)
        for _ in range(3):
            play.clock.pass_(seconds=30)
            assert await sweep_consent(concord.scope, Side.LEFT) == 0
            assert await sweep_consent(concord.scope, Side.RIGHT) == 0


async def test_a_withdrawal_between_two_sweeps_of_either_kind_is_found_by_both(play: Stage) -> None:
    async with play.concord() as concord:
        await start(concord.scope)
        await play.settle(concord)
        lead = play.lead(Email="ada@engines.com")
        await play.settle(concord)
        play.clock.pass_(seconds=5)
        play.edit_sf("Lead", lead, HasOptedOutOfEmail=True)
        play.clock.pass_(seconds=5)
        assert await sweep(concord.scope, Side.LEFT) >= 1
        assert await sweep_consent(concord.scope, Side.LEFT) == 1
        (work,) = await concord.store.claim(10, play.clock.now(), concord.scope.lease)
        assert work.lane is Lane.CONSENT, "the more urgent word counts"
