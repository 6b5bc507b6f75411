"""Both systems are away for an hour, and come back: nobody is a dead letter, nothing is lost (SPEC 9.2, 9.6)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.stories.stage import START, Stage, stage

from concord.app import Concord
from concord.core.values import Ref
from concord.errors import Category, RemoteError
from concord_sandbox.faults import Fault

PEOPLE = 12


@pytest.fixture
def play(database: str) -> Stage:
    return stage(database)


def both(play: Stage, **fault: Any) -> None:
    for app in (play.salesforce, play.hubspot):
        app.service.controls.faults.add(Fault(**fault))


def mend(play: Stage) -> None:
    for app in (play.salesforce, play.hubspot):
        app.service.controls.faults.clear()


def calls(play: Stage) -> int:
    return sum(len(app.service.controls.journal.calls(limit=1_000_000)) for app in (play.salesforce, play.hubspot))


async def begun(play: Stage, concord: Concord) -> tuple[list[str], list[str]]:
    """People on both sides, linked; and an edit of each that nobody has carried over yet, and new people."""
    await play.settle(concord)
    leads = [play.lead(FirstName=f"Ada{n}", Email=f"ada{n}@engines.com") for n in range(PEOPLE)]
    await play.settle(concord)
    by_address = {one["email"]: at for at, one in play.hs().items()}
    contacts = [by_address[f"ada{n}@engines.com"] for n in range(PEOPLE)]
    for n in range(PEOPLE):
        if n % 2:
            play.edit_sf("Lead", leads[n], City=f"Town {n}")
        else:
            play.edit_hs(contacts[n], jobtitle=f"Countess {n}")
    play.lead(LastName="Somerville", Email="mary@orrery.com")
    play.hs_contact(email="grace@navy.com", lastname="Hopper")
    await play.learn(concord)
    return leads, contacts


async def an_hour(play: Stage, concord: Concord) -> None:
    ends = play.clock.now() + timedelta(hours=1)
    while play.clock.now() < ends:
        await play.work(concord)
        play.clock.pass_(seconds=20)


async def recovers(play: Stage, concord: Concord) -> None:
    for _ in range(12):
        try:
            await play.settle(concord, rounds=6)
        except (AssertionError, RemoteError):  # a sweep that finds nobody at home is begun again
            play.clock.pass_(minutes=6)
        else:
            return
    await play.settle(concord)


def all_applied(play: Stage, leads: list[str], contacts: list[str]) -> None:
    rows, people = play.sf("Lead"), play.hs()
    for n in range(PEOPLE):
        if n % 2:
            assert people[contacts[n]]["city"] == f"Town {n}"
        else:
            assert rows[leads[n]]["Title"] == f"Countess {n}"
    assert (len(rows), len(people)) == (PEOPLE + 2, PEOPLE + 2), "nobody twice, nobody missing"
    assert {one["Email"] for one in rows.values()} == {one["email"] for one in people.values()}


#: How both may be away.
AWAY: dict[str, dict[str, Any]] = {
    "they do not take calls": {"kind": "drop_before", "times": None},
    "they are in maintenance": {"kind": "status", "status": 503, "times": None},
    "they break on every call": {"kind": "status", "status": 500, "times": None},
    "they answer pages": {"kind": "status", "status": 503, "code": "HTML", "times": None},
    "they refuse every token": {"kind": "status", "status": 401, "code": "INVALID_SESSION_ID", "times": None},
}


@pytest.mark.parametrize("fault", AWAY.values(), ids=AWAY.keys())
async def test_both_are_away_for_an_hour_and_nobody_is_a_dead_letter(play: Stage, fault: dict[str, Any]) -> None:
    async with play.concord() as concord:
        leads, contacts = await begun(play, concord)
        before = calls(play)
        both(play, **fault)
        await an_hour(play, concord)
        assert not await concord.store.dead()
        waiting = await concord.store.failing()
        assert {one.ref for one in waiting} >= {Ref("hubspot", "contacts", contacts[0])}
        assert {one.failure.category for one in waiting} <= {Category.NETWORK, Category.PERMISSION}
        assert min(one.attempts for one in waiting) > 8, "it was tried again and again"
        assert calls(play) - before < 400, "with growing pauses, all rows in one go"
        mend(play)
        await recovers(play, concord)
        all_applied(play, leads, contacts)
        assert not await concord.store.failing()


async def test_a_record_that_is_locked_once_after_an_hour_away_is_no_dead_letter(play: Stage) -> None:
    """What the outage has cost is not held against it."""
    async with play.concord() as concord:
        leads, contacts = await begun(play, concord)
        both(play, kind="status", status=503, times=None)
        await an_hour(play, concord)
        mend(play)
        lock = Fault(kind="record_error", code="UNABLE_TO_LOCK_ROW", record=leads[0], times=None)
        play.salesforce.service.controls.faults.add(lock)
        for _ in range(2):
            play.clock.pass_(minutes=6)
            await play.work(concord)
        (failing,) = [one for one in await concord.store.failing() if one.failure.category is Category.RECORD_LOCK]
        assert not failing.dead
        assert failing.attempts < 5
        mend(play)
        await recovers(play, concord)
        all_applied(play, leads, contacts)


async def test_both_are_shaky_for_an_hour_and_nobody_is_a_dead_letter(play: Stage) -> None:
    """Some calls go through and most do not, so that batches fail in part, again and again."""
    async with play.concord() as concord:
        leads, contacts = await begun(play, concord)
        both(play, kind="status", status=503, times=None, probability=0.85)
        both(play, kind="drop_after", times=None, probability=0.3)
        for n in range(PEOPLE):
            play.edit_hs(contacts[n], mobilephone=f"+1 555 010 {n:04}")
        await play.hubspot.service.deliver()
        await an_hour(play, concord)
        assert not await concord.store.dead()
        mend(play)
        await recovers(play, concord)
        all_applied(play, leads, contacts)
        assert [play.sf("Lead")[one]["MobilePhone"] for one in leads] == [f"+1 555 010 {n:04}" for n in range(PEOPLE)]
        assert not await concord.store.failing()


async def test_only_what_a_system_that_is_away_has_to_be_told_waits_for_it(play: Stage) -> None:
    """HubSpot can be read and not written: what goes to Salesforce goes on."""
    async with play.concord() as concord:
        leads, contacts = await begun(play, concord)
        play.hubspot.service.controls.faults.add(
            Fault(kind="status", status=503, times=None, path=r"/batch/(update|upsert)$")
        )
        await an_hour(play, concord)
        assert [play.sf("Lead")[one]["Title"] for one in leads[::2]] == [f"Countess {n}" for n in range(0, PEOPLE, 2)]
        assert len(play.sf("Lead")) == PEOPLE + 2
        waiting = {one.ref for one in await concord.store.failing()}
        assert {Ref("salesforce", "Lead", one) for one in leads[1::2]} <= waiting
        assert not waiting & {Ref("hubspot", "contacts", one) for one in contacts}
        assert not await concord.store.dead()
        mend(play)
        await recovers(play, concord)
        all_applied(play, leads, contacts)


async def test_nobody_comes_back_before_the_time_that_a_system_asked_for(play: Stage) -> None:
    async with play.concord() as concord:
        _, contacts = await begun(play, concord)
        both(play, kind="status", status=429, headers={"Retry-After": "1800"}, times=None)
        await play.work(concord)
        now, asked = play.clock.now(), calls(play)
        (waiting,) = [one for one in await concord.store.failing() if one.ref.id == contacts[0]]
        assert waiting.due_at - now >= timedelta(seconds=1700)
        while play.clock.now() < waiting.due_at - timedelta(minutes=1):
            await play.work(concord)
            play.clock.pass_(seconds=30)
        assert calls(play) == asked
        assert play.clock.now() > START
        mend(play)
        await recovers(play, concord)
        assert not await concord.store.failing()
