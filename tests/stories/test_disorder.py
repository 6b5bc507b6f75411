"""Webhooks come doubled, shuffled, late or not at all; the end is the same as in order (SPEC 6.3, 6.4).

The same history of edits is played in three worlds: one that hears everything at once and in order, one whose webhooks
are shuffled, doubled and half of them dropped while the sweep finds the rest, and one that hears of nothing by webhook.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.conftest import TestServer
from tests.stories.stage import START, Stage, stage

from concord.app import Concord
from concord.core.model import Lane, Notice
from concord.core.values import Ref

PEOPLE = ("Babbage", "Curie", "Noether", "Hypatia", "Lamarr", "Turing")
_THEIRS = {"Title": "jobtitle", "Phone": "phone", "City": "city", "FirstName": "firstname", "Email": "email"}
IN_ORDER: dict[str, Any] = {"duplicate": 0.0, "drop": 0.0, "shuffle": False}
DISTURBED: dict[str, Any] = {"duplicate": 0.5, "drop": 0.5, "shuffle": True}
SILENT: dict[str, Any] = {"duplicate": 0.0, "drop": 1.0, "shuffle": False}


def address(name: str, number: int = 0) -> str:
    return f"{name}{number or ''}@{name}-house.com".lower()


def people_come(play: Stage, draw: random.Random) -> None:
    """Everybody, in Salesforce or in HubSpot or in both, with different ideas of their names and numbers."""
    for number, name in enumerate(PEOPLE):
        play.clock.pass_(seconds=draw.choice((1, 30, 299, 301)))
        if number % 3 != 1:
            play.lead(LastName=name, Company=f"{name} Ltd", Email=address(name), Phone=f"{number}00", Title="Fellow")
        play.clock.pass_(seconds=draw.choice((1, 30, 299, 301)))
        if number % 3 != 0:
            play.hs_contact(lastname=name, company=f"{name} Ltd", email=address(name), phone=f"{number}99", city="Here")


def people_edit(play: Stage, draw: random.Random) -> None:
    """Thirty edits, conflicts among them; on the clock of a day, never on the order of hearing."""
    leads = {row["LastName"]: at for at, row in play.sf("Lead").items()}
    contacts = {row["lastname"]: at for at, row in play.hs().items()}
    for number in range(30):
        name, field = draw.choice(PEOPLE), draw.choice([*_THEIRS, "opt out"])
        side, value = draw.choice(("salesforce", "hubspot")), f"{number:03d}000"
        play.clock.pass_(seconds=draw.choice((1, 20, 120, 299, 301, 500)))
        out = draw.random() < 0.7
        if field == "Email":
            value = address(name, number)
        if side == "salesforce" and name in leads:
            told = {"HasOptedOutOfEmail": out} if field == "opt out" else {field: value}
            play.edit_sf("Lead", leads[name], **told)
        elif side == "hubspot" and name in contacts:
            told = {"hs_email_optout": "true" if out else "false"} if field == "opt out" else {_THEIRS[field]: value}
            play.edit_hs(contacts[name], **told)


def shown(play: Stage) -> dict[str, Any]:
    left = [(row["LastName"], row["HasOptedOutOfEmail"]) for row in play.sf("Lead").values()]
    right = [(row["lastname"], row.get("hs_email_optout") == "true") for row in play.hs().values()]
    texts = {system: sorted(map(str, people.values())) for system, people in play.people().items()}
    return {"opted out": (sorted(left), sorted(right)), **texts}


async def ending(database: str, seed: int, webhooks: dict[str, Any], *, storm: bool = False) -> list[dict[str, Any]]:
    """What both sides show after the first links and after each of two days of edits."""
    play, draw = stage(database), random.Random(seed)
    play.hubspot.service.controls.random.seed(seed)
    seen = []
    async with play.concord() as concord:
        await play.settle(concord)
        play.portal.webhooks.disturb(webhooks)
        for day, happens in enumerate((people_come, people_edit, people_edit), start=1):
            play.clock.seconds = START.timestamp() + day * 86_400
            happens(play, draw)
            if storm:
                await everything_is_told_five_times(play, concord, random.Random(seed))
            await play.settle(concord)
            seen.append(shown(play))
        assert not await concord.store.failing()
        assert (await concord.store.counts()).links == len(PEOPLE)
    return seen


async def everything_is_told_five_times(play: Stage, concord: Concord, draw: random.Random) -> None:
    refs = [Ref("salesforce", "Lead", at) for at in play.sf("Lead")] + [
        Ref("hubspot", "contacts", at) for at in play.hs()
    ]
    for _ in range(5):
        draw.shuffle(refs)
        for ref in refs:
            await concord.store.take_in([Notice(ref, draw.choice(list(Lane)), play.clock.now(), "test")])
        if draw.random() < 0.5:
            await play.work(concord)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_webhooks_in_any_disorder_and_none_at_all_end_as_they_do_in_order(
    postgres: TestServer, seed: int
) -> None:
    in_order = await ending(postgres.conninfo_of(postgres.create()), seed, IN_ORDER)
    assert all(one["salesforce"] == one["hubspot"] and len(one["hubspot"]) == len(PEOPLE) for one in in_order)
    assert all(left == right for left, right in (one["opted out"] for one in in_order))
    assert await ending(postgres.conninfo_of(postgres.create()), seed, DISTURBED) == in_order
    assert await ending(postgres.conninfo_of(postgres.create()), seed, SILENT) == in_order
    assert await ending(postgres.conninfo_of(postgres.create()), seed, SILENT, storm=True) == in_order


async def test_half_of_the_webhooks_are_really_lost_and_some_come_twice(database: str) -> None:
    play = stage(database)
    play.portal.webhooks.disturb(DISTURBED)
    async with play.concord() as concord:
        await play.settle(concord)
        people_come(play, random.Random(1))
        await play.settle(concord)
        counts = play.portal.webhooks.counts
        assert counts["dropped"] > 5
        assert counts["delivered"] > 5


async def test_a_contact_and_its_company_come_in_either_order_and_are_associated(database: str) -> None:
    play = stage(database)
    async with play.concord() as concord:
        await play.settle(concord)
        account = play.account(Name="Engines Ltd", Website="https://www.engines.com")
        play.sf_contact(FirstName="Ada", LastName="King", Email="ada@engines.com", AccountId=account)
        await play.settle(concord)
        (contact,) = play.hs()
        assert "associatedcompanyid" not in play.hs()[contact], "HubSpot has no such company yet"
        company = play.company(name="Engines Ltd", domain="engines.com")
        await play.settle(concord)
        assert play.hs()[contact]["associatedcompanyid"] == company, "the reference follows by itself"


@pytest.mark.parametrize("point", ["planned", "written", "recorded"])
async def test_a_contact_and_its_company_come_in_one_batch_and_a_kill_in_the_middle_of_it(
    database: str, point: str
) -> None:
    play = stage(database)
    await play.recovers()
    account = play.account(Name="Engines Ltd", Website="https://www.engines.com")
    play.sf_contact(FirstName="Ada", LastName="King", Email="ada@engines.com", AccountId=account)
    company = play.company(name="Engines Ltd", domain="engines.com")
    await play.dies(point)
    await play.recovers()
    (contact,) = play.hs().values()
    assert contact["associatedcompanyid"] == company


async def test_a_notice_about_a_record_that_is_not_there_is_answered_and_gone(database: str) -> None:
    play = stage(database)
    async with play.concord() as concord:
        await play.settle(concord)
        refs = [Ref("hubspot", "contacts", "999"), Ref("salesforce", "Lead", "00QSb0000099999MAA")]
        await concord.store.take_in([Notice(ref, Lane.PEOPLE, play.clock.now(), "test") for ref in refs])
        await play.settle(concord)
        assert not await concord.store.failing()
        assert not play.sf("Lead")


async def test_a_company_that_was_deleted_before_its_match_came_is_nobodys_match(database: str) -> None:
    play = stage(database)
    async with play.concord() as concord:
        await play.settle(concord)
        gone = play.account(Name="Engines Ltd", Website="https://www.engines.com")
        await play.settle(concord)
        play.salesforce.service.human_delete("Account", gone, None)
        company = play.company(name="Engines Ltd", domain="engines.com")
        await play.settle(concord)
        account = play.account(Name="Engines Ltd", Website="https://www.engines.com", Phone="1000")
        await play.settle(concord)
        assert play.hs("companies")[company]["phone"] == "1000"
        assert play.sf("Account").keys() == {account}
