"""What goes wrong on the way, and that all is right in the end, once (SPEC 9.1 to 9.3, 9.6)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.stories.stage import Stage, stage

from concord.app import Concord
from concord.core.model import Side
from concord.core.values import Ref
from concord.engine.sweep import sweep
from concord.engine.sync import run_batch
from concord.errors import Category
from concord.store.inbox import Stuck
from concord_sandbox.faults import Fault

#: The first composite of a batch reads; what comes after it writes.
WRITE_SALESFORCE = {
    "method": "POST|PATCH",
    "path": r"/composite(/graph|/sobjects/Lead/HubSpot_Contact_Id__c)?$",
    "after": 1,
}
WRITE_HUBSPOT = {"method": "POST", "path": r"/batch/(update|upsert)$"}
READ_SALESFORCE = {"path": r"/composite(/sobjects/Lead)?$|/query"}
READ_HUBSPOT = {"path": r"/batch/read$"}

#: What can happen to a call, beside being answered.
MISHAPS: dict[str, dict[str, Any]] = {
    "429 with a time to wait": {"kind": "status", "status": 429, "headers": {"Retry-After": "3"}},
    "429 three times": {"kind": "status", "status": 429, "times": 3},
    "503": {"kind": "status", "status": 503},
    "503 with a page instead of data": {"kind": "status", "status": 503, "code": "HTML"},
    "500": {"kind": "status", "status": 500},
    "the connection breaks before": {"kind": "drop_before"},
    "the connection breaks after": {"kind": "drop_after"},
    "no answer, and nothing done": {"kind": "hang"},
    "no answer, but all done": {"kind": "hang_after"},
    "no answer three times, but all done": {"kind": "hang_after", "times": 3},
    "no answer until the line gives up": {"kind": "hang_after", "times": 8},
    "the token is not valid any more": {"kind": "status", "status": 401, "code": "INVALID_SESSION_ID"},
}


@pytest.fixture
def play(database: str) -> Stage:
    return stage(database)


async def patient(play: Stage, concord: Concord) -> None:
    """Settle, waiting also for what was put back for a while."""
    for _ in range(8):
        try:
            await play.settle(concord, rounds=6)
        except AssertionError:
            play.clock.pass_(minutes=6)
        else:
            return
    await play.settle(concord)


def fails(play: Stage, system: str, **fault: Any) -> None:
    app = play.salesforce if system == "salesforce" else play.hubspot
    app.service.controls.faults.add(Fault(**fault))


def met(play: Stage, system: str) -> int:
    """How many calls met a fault."""
    app = play.salesforce if system == "salesforce" else play.hubspot
    return sum(1 for call in app.service.controls.journal.calls(limit=100_000) if call["fault"])


async def stuck_on(concord: Concord, ref: Ref) -> Stuck:
    return next(one for one in await concord.store.failing() if one.ref == ref)


@pytest.mark.parametrize("at", ["reading", "writing"])
@pytest.mark.parametrize("system", ["salesforce", "hubspot"])
@pytest.mark.parametrize("mishap", MISHAPS.values(), ids=MISHAPS.keys())
async def test_whatever_happens_to_a_call_all_is_right_in_the_end_and_once(
    play: Stage, mishap: dict[str, Any], system: str, at: str
) -> None:
    where = {
        ("salesforce", "reading"): READ_SALESFORCE,
        ("salesforce", "writing"): WRITE_SALESFORCE,
        ("hubspot", "reading"): READ_HUBSPOT,
        ("hubspot", "writing"): WRITE_HUBSPOT,
    }[system, at]
    async with play.concord() as concord:
        await play.settle(concord)
        ada = play.lead(FirstName="Ada", Email="ada@engines.com", Phone="1000")
        await play.settle(concord)
        (her,) = play.hs()
        # Two edits, two people to be made (one without an address), all in one batch.
        play.edit_sf("Lead", ada, Phone="2000")
        play.edit_hs(her, jobtitle="Countess")
        grace = play.hs_contact(email="grace@navy.com", lastname="Hopper")
        mary = play.lead(FirstName="Mary", LastName="Somerville")
        await play.learn(concord)
        fails(play, system, **{**where, **mishap})
        await play.work(concord)
        assert met(play, system), "it did happen"
        await patient(play, concord)
        leads, contacts = play.sf("Lead"), play.hs()
        assert (len(leads), len(contacts)) == (3, 3), "nobody twice, nobody missing"
        assert (contacts[her]["phone"], leads[ada]["Title"]) == ("2000", "Countess")
        assert [one["Email"] for one in leads.values() if one["LastName"] == "Hopper"] == ["grace@navy.com"]
        assert contacts[grace]["lastname"] == "Hopper"
        assert leads[mary]["LastName"] == "Somerville"
        assert (await concord.store.counts()).links == 3
        assert not await concord.store.failing()


async def test_a_lock_on_one_of_several_records_holds_up_none_of_the_others(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        leads = [play.lead(FirstName="Ada", Email=f"ada{n}@engines.com") for n in range(5)]
        await play.settle(concord)
        contacts = {one["email"]: at for at, one in play.hs().items()}
        fails(play, "salesforce", kind="record_error", code="UNABLE_TO_LOCK_ROW", record=leads[2], times=6)
        for n in range(5):
            play.edit_hs(contacts[f"ada{n}@engines.com"], jobtitle="Countess")
        await play.learn(concord)
        assert await run_batch(concord.scope) is not None
        shown = [play.sf("Lead")[one]["Title"] for one in leads]
        assert shown == ["Countess", "Countess", None, "Countess", "Countess"]
        waiting = await stuck_on(concord, Ref("hubspot", "contacts", contacts["ada2@engines.com"]))
        assert (waiting.failure.category, waiting.dead) == (Category.RECORD_LOCK, False)
        await patient(play, concord)
        assert play.sf("Lead")[leads[2]]["Title"] == "Countess"
        assert not await concord.store.failing()


async def test_many_edits_whose_answer_never_came_all_arrive_and_nobodys_later_edit_is_lost(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        leads = [play.lead(FirstName="Ada", Email=f"ada{n}@engines.com") for n in range(40)]
        await play.settle(concord)
        contacts = {one["email"]: at for at, one in play.hs().items()}
        for n in range(40):
            play.edit_hs(contacts[f"ada{n}@engines.com"], jobtitle="Countess")
        await play.learn(concord)
        fails(play, "salesforce", path=r"/composite/graph$", kind="hang_after", after=1)  # the first tries graphs out
        await play.work(concord)
        assert met(play, "salesforce") == 1
        play.clock.pass_(minutes=10)
        play.edit_sf("Lead", leads[3], Title="Analyst")
        await patient(play, concord)
        titles = [play.sf("Lead")[lead]["Title"] for lead in leads]
        assert titles == ["Analyst" if n == 3 else "Countess" for n in range(40)]
        assert play.hs()[contacts["ada3@engines.com"]]["jobtitle"] == "Analyst"
        assert not await concord.store.failing()


async def test_a_new_lead_that_meets_a_lock_is_made_when_it_is_gone_and_once(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        contact = play.hs_contact(email="ada@engines.com", lastname="King")
        fails(play, "salesforce", kind="record_error", code="UNABLE_TO_LOCK_ROW", record=contact, times=10)
        await patient(play, concord)
        assert len(play.sf("Lead")) == len(play.hs()) == 1


async def test_a_create_whose_answer_never_came_is_looked_up_before_it_is_repeated(play: Stage) -> None:
    """SPEC 9.6: Salesforce made the lead and told nobody; the next try finds it by its key, and makes none."""
    create = r"/composite/sobjects/Lead/HubSpot_Contact_Id__c$"

    def creates() -> int:
        calls = play.salesforce.service.controls.journal.calls(limit=100_000)
        return sum(1 for call in calls if call["path"].endswith("/composite/sobjects/Lead/HubSpot_Contact_Id__c"))

    async with play.concord() as concord:
        await play.settle(concord)
        contact = play.hs_contact(email="ada@engines.com", lastname="King")
        await play.learn(concord)
        fails(play, "salesforce", path=create, kind="hang_after", times=None)
        await play.work(concord)
        tries = creates()
        assert (tries > 0, len(play.sf("Lead"))) == (True, 1)
        assert (await concord.store.counts()).links == 0, "nobody knows of it yet"
        play.salesforce.service.controls.faults.clear()
        await patient(play, concord)
        (lead,) = play.sf("Lead").values()
        assert lead["HubSpot_Contact_Id__c"] == contact
        assert creates() == tries, "it was found, and not asked for again"
        assert (await concord.store.counts()).links == 1
        assert not await concord.store.failing()


@pytest.mark.parametrize("system", ["salesforce", "hubspot"])
async def test_an_outage_of_hours_loses_nothing_and_is_nobodys_dead_letter(play: Stage, system: str) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com")
        await play.settle(concord)
        (contact,) = play.hs()
        play.edit_sf("Lead", lead, City="London")
        play.edit_hs(contact, jobtitle="Countess")
        await play.learn(concord)
        fails(play, system, kind="status", status=503, times=None)
        for _ in range(40):
            await play.work(concord)
            play.clock.pass_(minutes=6)
        assert not await concord.store.dead(), "an outage is nothing that a person could mend by looking at a record"
        waiting = await stuck_on(concord, Ref("hubspot", "contacts", contact))
        assert waiting.failure.category is Category.NETWORK
        app = play.salesforce if system == "salesforce" else play.hubspot
        app.service.controls.faults.clear()
        await patient(play, concord)
        assert (play.sf("Lead")[lead]["Title"], play.hs()[contact]["city"]) == ("Countess", "London")
        assert not await concord.store.failing()


async def test_tokens_that_ran_out_are_renewed_in_the_middle_of_the_work(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        play.org._tokens.expire()
        contact = play.hs_contact(email="ada@engines.com", lastname="King")
        await play.settle(concord)
        (lead,) = play.sf("Lead").values()
        assert lead["HubSpot_Contact_Id__c"] == contact
        play.once("planned", play.org._tokens.expire)
        play.edit_hs(contact, jobtitle="Countess")
        await play.settle(concord)
        (lead,) = play.sf("Lead").values()
        assert lead["Title"] == "Countess"


async def test_a_token_that_was_revoked_stops_nothing_but_itself_and_says_so(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com")
        await play.learn(concord)
        fails(play, "hubspot", kind="status", status=401, times=None)
        await play.work(concord)
        waiting = await stuck_on(concord, Ref("salesforce", "Lead", lead))
        assert (waiting.failure.category, waiting.dead) == (Category.PERMISSION, False)
        assert waiting.failure.advice
        play.hubspot.service.controls.faults.clear()
        await patient(play, concord)
        assert len(play.hs()) == 1


# --- refused for good


def shorter_titles(play: Stage) -> None:
    """Somebody shortens the field in Salesforce after Concord had read the schema."""
    play.shorten("Lead", "Title", 10)


def fewer_statuses(play: Stage) -> None:
    """Somebody takes an option from the dropdown in HubSpot after Concord had read the schema."""
    del statuses(play)["IN_PROGRESS"]


def statuses(play: Stage) -> dict[str, int]:
    """The options of HubSpot's lead status, each with its place."""
    options: dict[str, int] = play.portal.portal.require_table("contacts").definitions["hs_lead_status"].option_values
    return options


async def test_a_field_that_salesforce_refuses_holds_up_neither_its_records_other_fields_nor_other_records(
    play: Stage,
) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        leads = [play.lead(FirstName="Ada", Email=f"ada{n}@engines.com") for n in range(3)]
        await play.settle(concord)
        contacts = {one["email"]: at for at, one in play.hs().items()}
        shorter_titles(play)
        for n, title in enumerate(("Countess", "Countess of Lovelace", "Analyst")):
            play.edit_hs(contacts[f"ada{n}@engines.com"], jobtitle=title, city="London")
        await play.settle(concord)
        rows = [play.sf("Lead")[one] for one in leads]
        assert [one["City"] for one in rows] == ["London"] * 3
        assert [one["Title"] for one in rows] == ["Countess", None, "Analyst"]
        (dead,) = await concord.store.dead()
        assert dead.ref == Ref("hubspot", "contacts", contacts["ada1@engines.com"])
        assert (dead.failure.category, dead.failure.fields) == (Category.DATA_TYPE, ("Title",))
        assert dead.failure.code == "STRING_TOO_LONG"
        assert "Title" in dead.failure.message
        assert dead.failure.advice
        # The person mends it where it was typed, and it goes over by itself.
        play.edit_hs(contacts["ada1@engines.com"], jobtitle="Countess")
        await play.settle(concord)
        assert play.sf("Lead")[leads[1]]["Title"] == "Countess"
        assert not await concord.store.failing()


async def test_a_field_that_hubspot_refuses_holds_up_neither_its_records_other_fields_nor_other_records(
    play: Stage,
) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        leads = [play.lead(FirstName="Ada", Email=f"ada{n}@engines.com") for n in range(3)]
        await play.settle(concord)
        contacts = {one["email"]: at for at, one in play.hs().items()}
        fewer_statuses(play)
        play.edit_sf("Lead", leads[0], City="London")
        play.edit_sf("Lead", leads[1], City="London", Status="Working - Contacted")
        play.edit_sf("Lead", leads[2], City="London", Status="Closed - Not Converted")
        await play.settle(concord)
        rows = [play.hs()[contacts[f"ada{n}@engines.com"]] for n in range(3)]
        assert [one["city"] for one in rows] == ["London"] * 3
        assert [one["hs_lead_status"] for one in rows] == ["NEW", "NEW", "UNQUALIFIED"]
        (dead,) = await concord.store.dead()
        assert dead.ref == Ref("salesforce", "Lead", leads[1])
        assert (dead.failure.category, dead.failure.fields) == (Category.PICKLIST, ("hs_lead_status",))
        assert dead.failure.advice
        # The option comes back; one click tries again.
        statuses(play)["IN_PROGRESS"] = 9
        assert await concord.store.revive(play.clock.now(), category=Category.PICKLIST) == 1
        await play.settle(concord)
        assert play.hs()[contacts["ada1@engines.com"]]["hs_lead_status"] == "IN_PROGRESS"
        assert not await concord.store.failing()


@pytest.mark.parametrize("mend", [shorter_titles, fewer_statuses], ids=lambda one: one.__name__)
async def test_a_new_record_is_made_without_the_field_that_is_refused(
    play: Stage, mend: Callable[[Stage], None]
) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        mend(play)
        play.hs_contact(email="ada@engines.com", lastname="King", jobtitle="Countess of Lovelace", city="London")
        lead = play.lead(LastName="Hopper", Email="grace@navy.com", Status="Working - Contacted", City="Arlington")
        await play.settle(concord)
        assert (len(play.sf("Lead")), len(play.hs())) == (2, 2)
        (made,) = [one for at, one in play.sf("Lead").items() if at != lead]
        (other,) = [one for one in play.hs().values() if one["email"] == "grace@navy.com"]
        assert (made["City"], other["city"]) == ("London", "Arlington")
        refused = {one.failure.fields for one in await concord.store.dead()}
        assert refused == {("Title",) if mend is shorter_titles else ("hs_lead_status",)}
        before = (play.writes(system="salesforce"), play.writes(system="hubspot"))
        await play.settle(concord)
        assert (play.writes(system="salesforce"), play.writes(system="hubspot")) == before


async def test_a_validation_rule_on_a_whole_record_is_its_own_dead_letter_and_nobody_elses(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        leads = [play.lead(FirstName="Ada", Email=f"ada{n}@engines.com") for n in range(3)]
        await play.settle(concord)
        contacts = {one["email"]: at for at, one in play.hs().items()}
        rule = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
        fails(play, "salesforce", kind="record_error", code=rule, record=leads[1], times=None)
        for n in range(3):
            play.edit_hs(contacts[f"ada{n}@engines.com"], jobtitle="Countess")
        await play.settle(concord)
        assert [play.sf("Lead")[one]["Title"] for one in leads] == ["Countess", None, "Countess"]
        (dead,) = await concord.store.dead()
        assert (dead.failure.category, dead.failure.code) == (Category.VALIDATION_RULE, rule)
        assert "validation rule" in dead.failure.advice


# --- quotas


async def test_a_salesforce_quota_that_is_used_up_waits_for_its_day_and_loses_nothing(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        usage = play.org._api.usage
        play.hs_contact(email="ada@engines.com", lastname="King")
        await play.hubspot.service.deliver()
        await play.learn(concord)
        usage.limit = usage.used(play.salesforce.service.controls.clock.epoch_ms())
        for _ in range(30):
            await play.work(concord)
            play.clock.pass_(minutes=6)
        assert not await concord.store.dead()
        (waiting,) = await concord.store.failing()
        assert waiting.failure.category is Category.QUOTA
        assert waiting.failure.advice
        usage.limit = 100_000
        play.clock.pass_(hours=25)
        await patient(play, concord)
        assert len(play.sf("Lead")) == 1


async def test_a_hubspot_day_that_is_used_up_goes_on_after_midnight(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        play.lead(FirstName="Ada", Email="ada@engines.com")
        await play.learn(concord)
        limits = play.portal.limits
        limits.daily = limits.used_today
        before = concord.scope.right.calls()
        for _ in range(10):
            await play.work(concord)
            play.clock.pass_(minutes=6)
        assert not await concord.store.dead()
        (waiting,) = await concord.store.failing()
        assert waiting.failure.category is Category.QUOTA
        assert concord.scope.right.calls() - before <= 10, "a spent day is not asked again and again"
        play.clock.pass_(hours=24)
        limits.daily = 100_000
        await patient(play, concord)
        assert len(play.hs()) == 1


# --- several workers


async def test_two_workers_on_one_inbox_do_nothing_twice(play: Stage) -> None:
    async with play.concord() as first, play.concord() as second:
        await play.settle(first)
        names = random.Random(3)
        for n in range(30):
            left, right = ("".join(names.choices("abcdefghijklmnopqrstuvwxyz", k=9)).title() for _ in range(2))
            play.lead(LastName=left, Company=f"{left} Ltd", Email=f"{left}@{left}-house.com" if n % 3 else None)
            play.hs_contact(
                lastname=right, company=f"{right} Ltd", email=f"{right}@{right}-house.com", jobtitle="Admiral"
            )
        await play.learn(first)
        workers = [replace(one, scope=replace(one.scope, batch=4)) for one in (first, second)]
        handled = await asyncio.gather(*(play.work(one) for one in workers))
        assert all(handled), "both had their share"
        await patient(play, first)
        assert (len(play.sf("Lead")), len(play.hs())) == (60, 60)
        assert (await first.store.counts()).links == 60
        contacts = list(play.hs())
        for at in contacts[::2]:
            play.edit_hs(at, jobtitle="Rear admiral")
        for at in list(play.sf("Lead"))[::2]:
            play.edit_sf("Lead", at, City="London")
        await play.learn(first)
        before = {at: one["SystemModstamp"] for at, one in play.sf("Lead").items()}
        await asyncio.gather(*(play.work(one) for one in workers))
        await patient(play, second)
        assert before.keys() == play.sf("Lead").keys()
        assert len(play.hs()) == 60
        people = play.people()
        assert sorted(map(str, people["salesforce"].values())) == sorted(map(str, people["hubspot"].values()))
        assert not await first.store.failing()


async def test_a_batch_that_outlived_its_lease_writes_nothing_any_more(play: Stage) -> None:
    """Another worker has the row by then, and has decided on newer readings."""
    async with play.concord() as slow, play.concord() as other:
        await play.settle(slow)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com", Title="Countess")
        await play.settle(slow)
        (contact,) = play.hs()
        play.edit_sf("Lead", lead, Title="Analyst")
        await play.learn(slow)
        play.once("read", lambda: play.clock.pass_(minutes=3))
        before = play.writes(system="hubspot")
        assert await run_batch(slow.scope) is not None
        assert play.writes(system="hubspot") == before
        assert play.hs()[contact]["jobtitle"] == "Countess"
        await play.settle(other)
        assert play.hs()[contact]["jobtitle"] == "Analyst"
        assert play.writes(system="hubspot") == before + 1


async def test_a_sweep_that_fails_half_way_begins_again_where_it_was(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        play.lead(FirstName="Ada", Email="ada@engines.com")
        position = await concord.store.position(f"sweep:{Side.LEFT}")
        play.clock.pass_(seconds=2)
        fails(play, "salesforce", kind="drop_after", path="/composite$", times=20)
        with pytest.raises(Exception, match="salesforce"):
            await sweep(concord.scope, Side.LEFT)
        assert await concord.store.position(f"sweep:{Side.LEFT}") == position
        play.salesforce.service.controls.faults.clear()
        await play.settle(concord)
        assert len(play.hs()) == 1
