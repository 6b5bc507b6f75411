"""A day's calls come to their end: who slows, who stops, and who goes on (SPEC 9.3, 7.1). And how batches fill."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from tests.stories.stage import Stage, ref, stage

from concord.app import Concord
from concord.core.model import Lane, Notice, Side
from concord.engine.scope import Scope
from concord.engine.sweep import sweep, sweep_consent
from concord.engine.sync import drain, open_lanes

LIMIT, BOUND = 10_000, 7_800


@dataclass
class Office:
    """A stage with forty linked people, and a Concord that takes five records a batch."""

    play: Stage
    concord: Concord
    scope: Scope
    leads: list[str]

    async def notice(self, lane: Lane, *leads: str) -> None:
        now = self.play.clock.now()
        await self.scope.store.take_in([Notice(ref("salesforce", "Lead", one), lane, now, "test") for one in leads])

    async def used(self, count: int, *, since_an_hour: int = 0) -> None:
        """So many of Salesforce's requests are used by now, so many of them within the last hour."""
        if since_an_hour:
            await self._used(count - since_an_hour)
            self.play.clock.pass_(minutes=58)
        await self._used(count)

    async def _used(self, count: int) -> None:
        self.play.org._api.usage._hours.clear()
        now_hour = self.play.salesforce.service.controls.clock.epoch_ms() // 3_600_000
        self.play.org._api.usage._hours[now_hour] = count
        await self.play.learn(self.concord)
        await sweep_consent(self.scope, Side.LEFT)

    def usage(self) -> int:
        return self.play.org._api.usage.used(self.play.salesforce.service.controls.clock.epoch_ms())

    async def waiting(self) -> int:
        return (await self.scope.store.backlog())["waiting"]


@pytest.fixture
async def office(database: str) -> AsyncIterator[Office]:
    play = stage(database)
    play.org._api.usage.limit = LIMIT
    chance = random.Random(7)
    names = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=9)).title() for _ in range(40)]
    leads = [play.lead(LastName=name, Company=f"{name} Ltd", Email=f"{name}@{name}-house.com") for name in names]
    async with play.concord() as concord:
        await play.settle(concord)
        yield Office(play, concord, replace(concord.scope, batch=5), leads)


async def test_back_fill_slows_first_and_is_left_where_it_is_while_people_go_on(office: Office) -> None:
    await office.used(4500, since_an_hour=3000)
    for _ in range(12):
        await office.notice(Lane.BACKFILL, *office.leads)
        await drain(office.scope)
    assert await office.waiting() > 0, "some of it was done, at the pace that lasts"
    assert open_lanes(office.scope)[0] is Lane.ACTIVITIES
    assert office.usage() < 4700
    office.play.edit_sf("Lead", office.leads[0], City="London")
    office.play.clock.pass_(seconds=2)
    await office.notice(Lane.PEOPLE, office.leads[0])
    before = await office.waiting()
    assert await drain(office.scope) >= 1
    assert await office.waiting() < before
    assert [row["city"] for row in office.play.hs().values() if row.get("city")] == ["London"]
    assert not await office.scope.store.dead()


async def test_people_slow_later_and_at_the_share_all_stop_but_opt_outs_which_use_every_call(office: Office) -> None:
    await office.used(BOUND - 40, since_an_hour=2000)
    open_to = []
    for _ in range(30):
        await office.notice(Lane.PEOPLE, *office.leads)
        await drain(office.scope)
        open_to.append(open_lanes(office.scope)[0])
        office.play.clock.pass_(minutes=1)
    assert BOUND - 40 < office.usage() <= BOUND
    assert Lane.DEALS in open_to, "people are slowed before the end, and deals are not"
    assert not await office.scope.store.dead()
    await office.used(LIMIT - 12)
    office.play.edit_sf("Lead", office.leads[7], HasOptedOutOfEmail=True)
    office.play.clock.pass_(seconds=5)
    assert await sweep_consent(office.scope, Side.LEFT) == 1
    await drain(office.scope)
    assert [row["hs_email_optout"] for row in office.play.hs().values() if "hs_email_optout" in row] == ["true"]
    assert office.usage() <= LIMIT
    assert await office.waiting() > 0, "the others still wait"


async def test_after_the_hour_has_come_back_all_goes_on(office: Office) -> None:
    await office.used(BOUND)
    await office.notice(Lane.PEOPLE, *office.leads)
    await drain(office.scope)
    office.play.clock.pass_(hours=25)
    await office.play.settle(office.concord, rounds=40)
    assert await office.waiting() == 0
    assert not await office.scope.store.dead()


async def test_a_concord_that_starts_when_only_opt_outs_may_call_starts_and_carries_them_out(office: Office) -> None:
    await office.used(BOUND + 100)
    office.play.edit_sf("Lead", office.leads[3], HasOptedOutOfEmail=True)
    office.play.clock.pass_(seconds=5)
    async with office.play.concord() as other:
        assert await sweep_consent(other.scope, Side.LEFT) == 1
        assert await drain(other.scope) >= 1
    (said_no,) = [row for row in office.play.hs().values() if row.get("hs_email_optout") == "true"]
    assert said_no["lastname"] == office.play.sf("Lead")[office.leads[3]]["LastName"]


async def test_a_second_process_knows_at_once_what_the_first_was_told(office: Office) -> None:
    await office.used(BOUND + 100)
    async with office.play.concord() as other:
        (quota, *_) = await other.store.quotas(office.play.clock.now())
        assert (quota.system, quota.day.most) == ("salesforce", LIMIT)
        assert quota.day.used >= BOUND + 100
        before = office.usage()
        with pytest.raises(Exception, match="kept for others and for opt-outs"):
            await sweep(other.scope, Side.LEFT)
        assert office.usage() == before


class Crowded:
    """A system whose burst is nearly used."""

    def __init__(self, system: Any) -> None:
        self._system = system

    def __getattr__(self, name: str) -> Any:
        return getattr(self._system, name)

    def crowded(self, lane: Lane) -> float:
        return 0.0 if lane is Lane.CONSENT else 0.5


async def test_while_a_burst_is_nearly_used_the_next_batch_waits_to_fill_and_opt_outs_do_not(office: Office) -> None:
    system: Any = Crowded(office.scope.right)
    claimed: list[tuple[str, timedelta]] = []
    began = office.play.clock.now()
    scope = replace(
        office.scope, right=system, reach=lambda point: claimed.append((point, office.play.clock.now() - began))
    )
    await office.notice(Lane.PEOPLE, office.leads[1])
    await office.notice(Lane.CONSENT, office.leads[2])
    assert await drain(scope) == 2
    first, second = (at for point, at in claimed if point == "claimed")
    assert first == timedelta(0)
    assert second >= timedelta(seconds=0.5)


async def test_full_batches_do_not_wait_for_they_cannot_get_fuller(office: Office) -> None:
    system: Any = Crowded(office.scope.right)
    began = office.play.clock.now()
    await office.notice(Lane.PEOPLE, *office.leads[:20])
    assert await drain(replace(office.scope, right=system)) == 20
    assert office.play.clock.now() - began < timedelta(seconds=1.6), "only the first and the last, which is empty"
