"""Nobody tells Concord anything: no webhook, no change event, no journal. It asks, and is right all the same (6.3).

`asked` is what the chores of an hour do: quick and deep sweeps of both sides, and a whole round of presence.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.stories.stage import Stage, stage

from concord.app import Concord
from concord.core.model import Lane, LinkState, Notice, Side
from concord.core.values import Ref
from concord.engine.presence import EVERY, POSITION, look, place_of
from concord.engine.reconcile import bring_together, survey
from concord.engine.sweep import DEEP, QUICK, sweep, sweep_consent
from concord.engine.trouble import troubles_in
from concord.errors import RemoteBusy
from concord_sandbox.faults import Fault
from concord_sandbox.salesforce.values import wire_time

DAY = timedelta(days=1)
DEAF: dict[str, Any] = {"duplicate": 0.0, "drop": 1.0, "shuffle": False}


@pytest.fixture
def play(database: str) -> Stage:
    made = stage(database)
    made.portal.webhooks.disturb(DEAF)
    return made


async def asked(play: Stage, concord: Concord, *, presence: bool = False) -> None:
    """Ask, and work, until nothing is left to do."""
    if presence:
        play.clock.pass_(days=1)
        await whole_round(play, concord)
    for _ in range(12):
        play.clock.pass_(seconds=3)
        touched = sum([await sweep(concord.scope, side, QUICK) for side in Side])
        worked = await play.work(concord)
        if not touched and not worked and await play.idle(concord):
            break
    else:
        raise AssertionError(f"not quiet: {await concord.store.failing()}")
    for side in Side:
        await sweep(concord.scope, side, DEEP)
    await play.work(concord)
    assert not await concord.store.failing()


async def whole_round(play: Stage, concord: Concord) -> int:
    """A round of presence from its first link to its last; how many notices it gave."""
    told = 0
    for _ in range(1000):
        told += await look(concord.scope, DAY)
        place = place_of(await concord.store.position(POSITION))
        assert place is not None
        if place.over:
            return told
        play.clock.pass_(seconds=EVERY.total_seconds())
    raise AssertionError("the round does not end")


async def control(play: Stage, system: str, path: str, body: Any = None) -> Any:
    app = play.salesforce if system == "salesforce" else play.hubspot
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://sandbox.test") as http:
        answer = await http.post(f"/_control/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()


async def hubspot(play: Stage, method: str, path: str, body: Any) -> Any:
    """A call that is not Concord's."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=play.hubspot), base_url="http://hubspot.test"
    ) as http:
        token = {"Authorization": f"Bearer {play.secrets.hubspot_token}"}
        answer = await http.request(method, path, json=body, headers=token)
        assert answer.is_success, answer.text
        return answer.json()


async def merged(play: Stage, primary: str, loser: str, object_name: str = "contacts") -> str:
    body = {"primaryObjectId": primary, "objectIdToMerge": loser}
    return str((await hubspot(play, "POST", f"/crm/objects/2026-09/{object_name}/merge", body))["id"])


async def ada(play: Stage, concord: Concord) -> tuple[str, str]:
    """A lead and its contact, in step."""
    await asked(play, concord)
    lead = play.lead(FirstName="Ada", Email="ada@engines.com", City="London")
    await asked(play, concord)
    (contact,) = play.hs()
    return lead, contact


async def links(concord: Concord, pair: str = "people") -> set[tuple[str, str]]:
    return {(left.id, right.id) for left, right in await concord.store.active_links(pair)}


# --- Salesforce


async def test_a_deleted_lead_is_found_and_unlinked(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await ada(play, concord)
        play.salesforce.service.human_delete("Lead", lead, None)
        await asked(play, concord)
        assert await links(concord) == set()
        assert list(play.hs()) == [contact]
        assert not play.sf("Lead")


async def test_a_lead_that_was_undeleted_is_linked_again_and_what_was_edited_meanwhile_goes_over(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await ada(play, concord)
        play.salesforce.service.human_delete("Lead", lead, None)
        await asked(play, concord)
        play.edit_hs(contact, jobtitle="Countess")
        await asked(play, concord)
        assert not play.sf("Lead"), "nobody is made anew"
        await control(play, "salesforce", f"undelete/Lead/{lead}")
        await asked(play, concord)
        assert await links(concord) == {(lead, contact)}
        assert play.sf("Lead")[lead]["Title"] == "Countess"
        play.edit_sf("Lead", lead, City="Paris")
        await asked(play, concord)
        assert play.hs()[contact]["city"] == "Paris"


async def test_a_merged_lead_moves_its_link_to_the_survivor_that_nobody_was_made_for(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await ada(play, concord)
        other = play.lead(FirstName="Ada", LastName="Byron", Company="Engines Ltd", Phone="1000")
        await control(play, "salesforce", "merge/Lead", {"master": other, "losers": [lead]})
        await asked(play, concord)
        assert await links(concord) == {(other, contact)}
        assert list(play.hs()) == [contact]
        assert play.hs()[contact]["phone"] == "1000"


async def test_the_survivor_is_no_stranger_where_a_batch_ends_between_it_and_what_it_was_before(play: Stage) -> None:
    async with play.concord() as made:
        concord = replace(made, scope=replace(made.scope, batch=1))
        await asked(play, concord)
        survivor = play.lead(FirstName="Ada", LastName="Byron", Email="ada.byron@engines.com", Phone="1000")
        lead = play.lead(FirstName="Ada", Email="ada@engines.com")
        await concord.store.take_in([Notice(Ref("salesforce", "Lead", lead), Lane.PEOPLE, play.clock.now(), "test")])
        play.clock.pass_(seconds=2)
        await play.work(concord)
        (contact,) = play.hs()
        await control(play, "salesforce", "merge/Lead", {"master": survivor, "losers": [lead]})
        await asked(play, concord)
        assert await links(concord) == {(survivor, contact)}
        assert list(play.hs()) == [contact]
        assert (await concord.store.counts()).duplicates == 0


async def test_a_converted_lead_is_followed_to_its_contact(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await ada(play, concord)
        made = await control(play, "salesforce", f"convert/{lead}", {})
        await asked(play, concord)
        person = made["contact_id"]
        assert await links(concord) == {(person, contact)}
        play.edit_sf("Contact", person, Title="Countess")
        await asked(play, concord)
        assert play.hs()[contact]["jobtitle"] == "Countess"


async def test_a_row_that_shows_late_with_a_stamp_of_long_before_is_found(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await ada(play, concord)
        play.clock.pass_(minutes=9)
        for side in Side:
            await sweep(concord.scope, side, QUICK)
        play.edit_sf("Lead", lead, Title="Countess")
        stamp = wire_time(play.salesforce.service.controls.clock.now() - timedelta(minutes=8))
        table = play.org._table("Lead")
        table.put(lead, {**table.rows[lead], "SystemModstamp": stamp, "LastModifiedDate": stamp})
        await sweep(concord.scope, Side.LEFT, QUICK)
        assert (await concord.store.backlog())["waiting"] == 0, "a quick sweep does not read so far back"
        await sweep(concord.scope, Side.LEFT, DEEP)
        play.clock.pass_(seconds=2)
        await play.work(concord)
        assert play.hs()[contact]["jobtitle"] == "Countess"


async def test_an_edit_that_shows_later_than_any_sweep_reads_back_is_found_by_presence(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await ada(play, concord)
        play.clock.pass_(hours=2)
        await asked(play, concord)
        play.edit_sf("Lead", lead, Title="Countess")
        stamp = wire_time(play.salesforce.service.controls.clock.now() - timedelta(hours=1))
        table = play.org._table("Lead")
        table.put(lead, {**table.rows[lead], "SystemModstamp": stamp, "LastModifiedDate": stamp})
        play.clock.pass_(minutes=30)
        await asked(play, concord)
        assert "jobtitle" not in play.hs()[contact]
        await asked(play, concord, presence=True)
        assert play.hs()[contact]["jobtitle"] == "Countess"


async def test_a_lead_that_was_purged_while_nobody_looked_is_found_by_presence(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await ada(play, concord)
        play.salesforce.service.human_delete("Lead", lead, None)
        await control(play, "salesforce", "recycle-bin/empty", {})
        await asked(play, concord)
        assert await links(concord) == {(lead, contact)}, "no row is left for a sweep to find"
        await asked(play, concord, presence=True)
        assert await links(concord) == set()


async def test_five_thousand_leads_of_one_second_all_arrive(play: Stage) -> None:
    async with play.concord() as concord:
        await asked(play, concord)
        made = {play.lead(LastName=f"Person{n}", Company=f"Firm{n}", Email=f"p{n}@firm{n}.com") for n in range(5000)}
        play.clock.pass_(seconds=3)
        assert await sweep(concord.scope, Side.LEFT, QUICK) == 5000
        works = await concord.store.claim(6000, play.clock.now(), timedelta(minutes=1))
        assert {work.ref.id for work in works} == made


# --- HubSpot


async def test_ten_thousand_contacts_of_one_millisecond_all_arrive(play: Stage) -> None:
    async with play.concord() as concord:
        await asked(play, concord)
        made = {play.hs_contact(lastname=f"Person{n}", email=f"p{n}@many.com") for n in range(10_300)}
        play.clock.pass_(seconds=3)
        assert await sweep(concord.scope, Side.RIGHT, QUICK) >= 10_300
        works = await concord.store.claim(11_000, play.clock.now(), timedelta(minutes=1))
        assert {work.ref.id for work in works} == made


async def test_a_deleted_contact_is_found_by_presence_and_by_no_sweep(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await ada(play, concord)
        play.hubspot.service.human_delete("contacts", contact, None)
        await asked(play, concord)
        assert await links(concord) == {(lead, contact)}
        await asked(play, concord, presence=True)
        assert await links(concord) == set()
        assert (list(play.sf("Lead")), play.hs()) == ([lead], {}), "unlinked, and nothing is made anew"


async def test_a_restored_contact_is_linked_again_and_nobody_is_made_for_it(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await ada(play, concord)
        play.hubspot.service.human_delete("contacts", contact, None)
        await asked(play, concord, presence=True)
        play.edit_sf("Lead", lead, Title="Countess")
        await asked(play, concord)
        await control(play, "hubspot", "restore", {"object": "contacts", "id": contact})
        await asked(play, concord)
        assert await links(concord) == {(lead, contact)}
        assert play.hs()[contact]["jobtitle"] == "Countess"
        assert list(play.sf("Lead")) == [lead]


async def test_a_restore_that_moves_no_stamp_is_found_by_presence(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await ada(play, concord)
        play.hubspot.service.human_delete("contacts", contact, None)
        await asked(play, concord, presence=True)
        play.hs_contact(lastname="Hopper", email="grace@navy.com")
        await asked(play, concord)
        await control(play, "hubspot", "restore", {"object": "contacts", "id": contact})
        table = play.portal.portal.require_table("contacts")
        table.touch(table.live[int(contact)], int((play.clock.seconds - 86_400) * 1000))
        await asked(play, concord)
        assert (lead, contact) not in await links(concord)
        await asked(play, concord, presence=True)
        assert (lead, contact) in await links(concord)


async def test_a_contact_that_is_back_when_its_lead_has_another_is_that_ones_duplicate(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await ada(play, concord)
        other = play.lead(FirstName="Ada", Email="ada@engines.com")
        await asked(play, concord)
        play.salesforce.service.human_delete("Lead", lead, None)
        await asked(play, concord)
        assert await links(concord) == {(other, contact)}, "its duplicate has taken over"
        await control(play, "salesforce", f"undelete/Lead/{lead}")
        await asked(play, concord)
        assert await links(concord) == {(other, contact)}
        back, active = Ref("salesforce", "Lead", lead), Ref("salesforce", "Lead", other)
        assert await concord.store.duplicates_of([active]) == {active: (back,)}


@pytest.mark.parametrize("keeps_id", [False, True])
@pytest.mark.parametrize("primary_is_linked", [True, False])
async def test_the_survivor_of_a_merge_has_the_link_and_nobody_is_made_for_it(
    play: Stage, keeps_id: bool, primary_is_linked: bool
) -> None:
    play.portal.portal.settings["primary_id_preservation"] = keeps_id
    async with play.concord() as concord:
        lead, contact = await ada(play, concord)
        stranger = play.hs_contact(email="countess@elsewhere.com", jobtitle="Countess")
        ends = (contact, stranger) if primary_is_linked else (stranger, contact)
        survivor = await merged(play, *ends)
        await asked(play, concord)
        assert await links(concord) == {(lead, survivor)}
        assert (list(play.sf("Lead")), list(play.hs())) == ([lead], [survivor])
        play.edit_sf("Lead", lead, City="Paris")
        await asked(play, concord)
        assert play.hs()[survivor]["city"] == "Paris"


@pytest.mark.parametrize("keeps_id", [False, True])
async def test_of_two_linked_contacts_that_were_merged_one_lead_keeps_the_link_and_the_other_is_left_alone(
    play: Stage, keeps_id: bool
) -> None:
    play.portal.portal.settings["primary_id_preservation"] = keeps_id
    async with play.concord() as concord:
        lead, contact = await ada(play, concord)
        grace = play.lead(
            FirstName="Grace", LastName="Hopper", Email="grace@navy.com", Company="Navy", City="Arlington"
        )
        await asked(play, concord)
        hopper = next(at for at in play.hs() if at != contact)
        survivor = await merged(play, hopper, contact)
        await asked(play, concord)
        assert await links(concord) == {(grace, survivor)}
        assert play.sf("Lead")[lead]["City"] == "London", "the loser's lead is left alone"
        assert len(play.sf("Lead")) == 2


async def test_a_merge_that_no_sweep_saw_is_found_by_presence(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await ada(play, concord)
        survivor = await merged(play, contact, play.hs_contact(email="countess@elsewhere.com"))
        for name in ("sweep:right", "sweep:left"):
            stored = await concord.store.position(name)
            assert stored is not None
        play.clock.pass_(hours=1)
        at = int(play.clock.seconds * 1000)
        await concord.store.put_position("sweep:right", json.dumps({"companies": {"at": at}, "contacts": {"at": at}}))
        await asked(play, concord)
        assert await links(concord) == {(lead, contact)}
        await asked(play, concord, presence=True)
        assert await links(concord) == {(lead, survivor)}


async def test_what_the_search_index_hides_for_a_minute_is_found(play: Stage) -> None:
    play.portal.portal.settings["index_lag_ms"] = 60_000
    async with play.concord() as concord:
        lead, contact = await ada(play, concord)
        play.clock.pass_(minutes=2)
        play.edit_hs(contact, jobtitle="Countess")
        for _ in range(25):
            play.clock.pass_(seconds=5)
            await sweep(concord.scope, Side.RIGHT, QUICK)
        await sweep(concord.scope, Side.RIGHT, DEEP)
        play.clock.pass_(seconds=1)
        await play.work(concord)
        assert play.sf("Lead")[lead]["Title"] == "Countess"


async def employed(play: Stage, concord: Concord) -> tuple[str, dict[str, str], dict[str, str]]:
    """A contact of one of two accounts, all of them linked: contact, accounts, companies by name."""
    await asked(play, concord)
    accounts = {name: play.account(Name=name, Website=f"https://{name}.com".lower()) for name in ("Engines", "Looms")}
    companies = {name: play.company(name=name, domain=f"{name}.com".lower()) for name in accounts}
    play.sf_contact(FirstName="Ada", LastName="King", Email="ada@engines.com", AccountId=accounts["Engines"])
    await asked(play, concord)
    (contact,) = play.hs()
    assert play.hs()[contact]["associatedcompanyid"] == companies["Engines"]
    return contact, accounts, companies


async def test_a_new_primary_company_moves_no_stamp_and_is_found_by_presence(play: Stage) -> None:
    async with play.concord() as concord:
        contact, accounts, companies = await employed(play, concord)
        play.clock.pass_(hours=1)
        path = f"/crm/objects/2026-09/contacts/{contact}/associations/companies/{companies['Looms']}"
        kind = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
        await hubspot(play, "PUT", path, kind)
        assert play.hs()[contact]["associatedcompanyid"] == companies["Looms"]
        await asked(play, concord)
        (person,) = play.sf("Contact").values()
        assert person["AccountId"] == accounts["Engines"], "nothing tells of it"
        await asked(play, concord, presence=True)
        (person,) = play.sf("Contact").values()
        assert person["AccountId"] == accounts["Looms"]
        assert await whole_round_after_a_day(play, concord) == 0, "looked at once, not every day"


async def test_a_company_that_was_merged_keeps_its_account_and_its_people(play: Stage) -> None:
    async with play.concord() as concord:
        contact, accounts, companies = await employed(play, concord)
        stranger = play.company(name="Engines of Old", phone="1000")
        survivor = await merged(play, companies["Engines"], stranger, "companies")
        await asked(play, concord, presence=True)
        assert (accounts["Engines"], survivor) in await links(concord, "companies")
        assert play.sf("Account")[accounts["Engines"]]["Phone"] == "1000"
        (person,) = play.sf("Contact").values()
        assert person["AccountId"] == accounts["Engines"]
        assert play.hs()[contact]["associatedcompanyid"] == survivor


async def whole_round_after_a_day(play: Stage, concord: Concord) -> int:
    play.clock.pass_(days=1)
    return await whole_round(play, concord)


async def test_a_contact_whose_company_has_no_partner_is_not_looked_at_again_and_again(play: Stage) -> None:
    async with play.concord() as concord:
        await asked(play, concord)
        account = play.account(Name="Engines", Website="https://engines.com")
        play.sf_contact(FirstName="Ada", LastName="King", Email="ada@engines.com", AccountId=account)
        await asked(play, concord)
        assert len(await links(concord)) == 1
        assert await whole_round(play, concord) == 0


# --- both


async def test_a_round_that_finds_nothing_new_takes_nothing_in_and_waits_for_the_next_day(play: Stage) -> None:
    async with play.concord() as concord:
        await ada(play, concord)
        assert await whole_round(play, concord) == 0
        calls = concord.calls()
        play.clock.pass_(hours=12)
        assert await look(concord.scope, DAY) == 0
        assert concord.calls() == calls, "over until the day is"
        play.clock.pass_(hours=12)
        await look(concord.scope, DAY)
        assert concord.calls() > calls


async def test_a_round_asks_in_few_calls_and_goes_on_where_it_stopped(play: Stage) -> None:
    async with play.concord() as concord:
        await asked(play, concord)
        for number in range(450):
            play.lead(LastName=f"Person{number}", Company=f"Firm{number}", Email=f"p{number}@firm{number}.com")
        await asked(play, concord)
        assert len(await links(concord)) == 450
        gone = sorted(play.hs(), key=int)[440]
        play.hubspot.service.human_delete("contacts", gone, None)
        assert await look(concord.scope, DAY) == 0
        place = place_of(await concord.store.position(POSITION))
        assert place is not None
        assert (place.each, place.over) == (100, False)
    async with play.concord() as concord:
        calls = (concord.scope.left.calls(), concord.scope.right.calls())
        assert await whole_round(play, concord) == 1
        used = (concord.scope.left.calls() - calls[0], concord.scope.right.calls() - calls[1])
        assert used == (4, 4), "100 links a call each, 350 of them left"


async def test_presence_looks_and_writes_nothing(play: Stage) -> None:
    async with play.concord() as concord:
        _, contact = await ada(play, concord)
        play.hubspot.service.human_delete("contacts", contact, None)
        writes = [play.writes(system=system) for system in ("salesforce", "hubspot")]
        await whole_round(play, concord)
        assert [play.writes(system=system) for system in ("salesforce", "hubspot")] == writes
        link = next(iter((await concord.store.links([Ref("hubspot", "contacts", contact)])).values()))
        assert link.state is LinkState.ACTIVE, "the line closes it, not presence"


async def test_an_object_out_of_sight_stops_no_sweep_of_the_others_and_is_told(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await ada(play, concord)
        await sweep_consent(concord.scope, Side.LEFT, QUICK)
        await control(play, "salesforce", "access", {"objects": {"Contact": "none"}})
        play.edit_sf("Lead", lead, Title="Countess")
        person = play.sf_contact(FirstName="Grace", LastName="Hopper", Email="grace@navy.com")
        play.clock.pass_(seconds=3)
        await sweep(concord.scope, Side.LEFT, QUICK)
        await sweep_consent(concord.scope, Side.LEFT, QUICK)
        await play.work(concord)
        assert play.hs()[contact]["jobtitle"] == "Countess"
        told = troubles_in(await concord.store.positions())
        assert {(one.chore, one.object) for one in told} == {
            ("sweep:left", "Contact"), ("consent sweep:left", "Contact"),
        }  # fmt: skip
        since = told[0].since
        play.clock.pass_(minutes=20)
        await sweep(concord.scope, Side.LEFT, DEEP)
        assert troubles_in(await concord.store.positions())[0].since == since
        await control(play, "salesforce", "access", {"objects": {"Contact": "write"}})
        await sweep(concord.scope, Side.LEFT, QUICK)
        await sweep_consent(concord.scope, Side.LEFT, QUICK)
        assert troubles_in(await concord.store.positions()) == []
        works = await concord.store.claim(10, play.clock.now(), timedelta(minutes=1))
        assert person in {work.ref.id for work in works}, "what changed meanwhile is found from where it stood"


async def test_an_object_that_hubspot_refuses_stops_no_sweep_of_the_others(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await ada(play, concord)
        play.hubspot.service.controls.faults.add(Fault("status", path="/companies/search", status=403, times=None))
        play.edit_hs(contact, jobtitle="Countess")
        play.clock.pass_(seconds=3)
        for _ in range(2):
            await sweep(concord.scope, Side.RIGHT, QUICK)
        await play.work(concord)
        assert play.sf("Lead")[lead]["Title"] == "Countess"
        assert [one.object for one in troubles_in(await concord.store.positions())] == ["companies"]


async def test_presence_takes_nobody_of_an_object_out_of_sight_for_gone(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await ada(play, concord)
        await control(play, "salesforce", "access", {"objects": {"Lead": "none"}})
        play.clock.pass_(days=1)
        assert await whole_round(play, concord) == 0
        assert await links(concord) == {(lead, contact)}
        assert [one.chore for one in troubles_in(await concord.store.positions())] == ["presence:left"]


async def test_an_outage_leaves_the_round_where_it_stands(play: Stage) -> None:
    async with play.concord() as concord:
        _, contact = await ada(play, concord)
        play.hubspot.service.human_delete("contacts", contact, None)
        play.hubspot.service.controls.faults.add(Fault("status", status=503, times=None))
        with pytest.raises(RemoteBusy):
            await look(concord.scope, DAY)
        assert await concord.store.position(POSITION) is None
        play.hubspot.service.controls.faults.clear()
        await asked(play, concord, presence=True)
        assert await links(concord) == set()


@pytest.mark.parametrize("order", ["as configured", "people first"])
async def test_references_arrive_after_a_reconciliation_in_either_order(play: Stage, order: str) -> None:
    account = play.account(Name="Engines", Website="https://engines.com")
    play.sf_contact(FirstName="Ada", LastName="King", Email="ada@engines.com", AccountId=account)
    play.sf_contact(FirstName="Grace", LastName="Hopper", Email="grace@engines.com", AccountId=account)
    company = play.company(name="Engines", domain="engines.com")
    play.hs_contact(email="ada@engines.com", firstname="Ada", lastname="King")
    async with play.concord() as concord:
        censuses = await survey(concord.scope, lambda what, done, total: None)
        if order == "people first":
            censuses.sort(key=lambda census: census.pair.name != "people")

        async def batch() -> int:
            return await play.work(concord)

        await bring_together(concord.scope, censuses, lambda what, done, total: None, batch)
        play.clock.pass_(seconds=5)
        await play.work(concord)
        assert [one.get("associatedcompanyid") for one in play.hs().values()] == [company, company]
        assert not await concord.store.failing()


async def test_a_notice_of_the_survivor_alone_finds_the_link_of_the_one_that_was_merged_away(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await ada(play, concord)
        survivor = await merged(play, contact, play.hs_contact(email="countess@elsewhere.com"))
        play.clock.pass_(seconds=2)
        ref = Ref("hubspot", "contacts", survivor)
        await concord.store.take_in([Notice(ref, Lane.PEOPLE, play.clock.now(), "webhook")])
        await play.work(concord)
        assert await links(concord) == {(lead, survivor)}
        assert list(play.sf("Lead")) == [lead]
