"""Duplicates inside one system are shown, merged where a person approves it, and kept apart where a person says so
(SPEC 4.4, 4.6, 4.7, 7.2, 9.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest
from tests.stories.stage import Stage, ref, stage

from concord.app import Concord
from concord.core.duplicates import Merge, Source
from concord.core.model import Lane
from concord.core.values import Ref
from concord.engine import duplicates, merging
from concord.engine.sync import ALL_POINTS, run_batch
from concord.errors import Category, ConfigError
from concord_sandbox.faults import Fault
from concord_sandbox.hubspot.merging import merge as merge_contacts
from concord_sandbox.hubspot.tables import Actor as PortalActor

ADA = {"FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@engines.com"}


@pytest.fixture
def play(database: str) -> Stage:
    return stage(database)


def sf(record_id: str, object_name: str = "Lead") -> Ref:
    return ref("salesforce", object_name, record_id)


def hs(record_id: str) -> Ref:
    return ref("hubspot", "contacts", record_id)


async def two_leads(play: Stage, concord: Concord, **of_the_second: Any) -> tuple[str, str, str]:
    """A lead that is linked, a second one of the same person, and the contact of both."""
    await play.settle(concord)
    first = play.lead(**ADA, Phone="1000")
    await play.settle(concord)
    (contact,) = play.hs()
    second = play.lead(**ADA, **of_the_second)
    await play.settle(concord)
    assert list(play.hs()) == [contact], "the second one makes nobody"
    return first, second, contact


async def two_contacts(play: Stage, concord: Concord) -> tuple[str, str, str, str]:
    """Two people's records on both sides, which a person knows to be one: leads and contacts, linked two and two."""
    await play.settle(concord)
    first = play.lead(FirstName="Ada", Email="ada@engines.com", City="London")
    second = play.lead(FirstName="Augusta", LastName="King", Email="gus@king.org", Company="King", City="Ockham")
    await play.settle(concord)
    by_address = {fields["email"]: key for key, fields in play.hs().items()}
    return first, second, by_address["ada@engines.com"], by_address["gus@king.org"]


async def approved(
    concord: Concord, *refs: Ref, survivor: Ref | None = None, taken: Mapping[str, Ref] | None = None
) -> Merge:
    proposal = await duplicates.propose(concord.scope, refs, survivor, taken)
    return await duplicates.approve(concord.scope, proposal, "grace")


async def merged(play: Stage, concord: Concord, *refs: Ref, **more: Any) -> Merge:
    merge = await approved(concord, *refs, **more)
    await play.settle(concord)
    (after,) = await concord.store.merges(merge_id=merge.id)
    return after


async def links(concord: Concord) -> set[tuple[str, str]]:
    return {(left.id, right.id) for left, right in await concord.store.active_links("people")}


# --- shown


async def test_duplicates_are_shown_with_the_evidence_and_the_link_of_the_one_that_stands_for_them(
    play: Stage,
) -> None:
    async with play.concord() as concord:
        first, second, contact = await two_leads(play, concord)
        (group,) = await duplicates.groups(concord.scope)
        assert (group.active, group.partner) == (sf(first), hs(contact))
        (beside,) = group.others
        assert (beside.ref, beside.partner, beside.score) == (sf(second), None, 100.0)
        assert any("both have ada@engines.com" in line for line in beside.evidence)
        assert await duplicates.group_of(concord.scope, sf(second)) == [sf(first), sf(second)]


async def test_a_duplicate_that_was_found_through_the_partner_says_so_and_nothing_is_claimed_of_others(
    play: Stage,
) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        first = play.lead(FirstName="Ada", Email="ada@engines.com")
        addresses = {"email": "ada@engines.com", "hs_additional_emails": "lovelace@home.org"}
        play.hs_contact(firstname="Ada", lastname="Lovelace", **addresses)
        await play.settle(concord)
        third = play.lead(FirstName="Ada", Company="Home", Email="lovelace@home.org")
        await play.settle(concord)
        (group,) = await duplicates.groups(concord.scope)
        (beside,) = group.others
        assert (group.active, beside.ref) == (sf(first), sf(third))
        assert any("found through hubspot contacts" in line for line in beside.evidence), beside.evidence
        assert not any("nobody else" in line for line in beside.evidence)


async def test_the_proposal_says_who_survives_and_why_and_what_is_filled_and_lost(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, contact = await two_leads(play, concord, Phone="2000", Title="Countess", Company="Engines")
        proposal = await duplicates.propose(concord.scope, [sf(second), sf(first)])
        assert proposal.survivor.ref == sf(first)
        assert str(hs(contact)) in proposal.reason
        kept = {one.name: one for one in proposal.kept}
        assert (kept["Title"].value, kept["Title"].source) == ("Countess", Source.FILLED)
        assert (kept["Phone"].value, kept["Phone"].source) == ("1000", Source.KEPT)
        assert kept["Phone"].lost == ((sf(second), "2000"),)
        assert "LastName" not in kept, "the same in both"
        assert play.writes(system="salesforce") == 0, "nothing is written before anybody approves it"


# --- merged in Salesforce


async def test_two_leads_become_one_the_link_stays_and_what_was_filled_goes_over(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, contact = await two_leads(play, concord, Phone="2000", Title="Countess")
        after = await merged(play, concord, sf(first), sf(second))
        assert after.state == "done"
        assert list(play.sf("Lead")) == [first]
        assert (play.sf("Lead")[first]["Phone"], play.sf("Lead")[first]["Title"]) == ("1000", "Countess")
        assert play.hs()[contact]["jobtitle"] == "Countess"
        assert await links(concord) == {(first, contact)}
        assert await duplicates.groups(concord.scope) == []
        assert (await concord.store.counts()).duplicates == 0
        play.edit_hs(contact, city="London")
        await play.settle(concord)
        assert play.sf("Lead")[first]["City"] == "London"
        assert list(play.hs()) == [contact], "nobody twice"


async def test_the_ledger_tells_of_both_records_who_approved_it_and_why_this_one_survived(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, contact = await two_leads(play, concord)
        await merged(play, concord, sf(first), sf(second))
        for one in (first, second):
            told = [entry.reason for entry in await concord.store.ledger_of(sf(one)) if entry.event == "moved"]
            (reason,) = told
            assert "approved by grace at 2026-11-02" in reason
            assert f"it is linked with hubspot contacts {contact}" in reason


async def test_a_person_chooses_another_survivor_and_the_link_moves_to_it(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, contact = await two_leads(play, concord, Phone="2000", Title="Countess")
        after = await merged(play, concord, sf(first), sf(second), survivor=sf(second))
        assert (after.state, after.reason) == ("done", "a person chose it")
        assert list(play.sf("Lead")) == [second]
        assert await links(concord) == {(second, contact)}
        assert play.hs()[contact]["jobtitle"] == "Countess"
        assert play.hs()[contact]["phone"] == play.sf("Lead")[second]["Phone"] == "2000"
        play.edit_hs(contact, city="London")
        await play.settle(concord)
        assert play.sf("Lead")[second]["City"] == "London"


async def test_a_person_chooses_the_value_of_a_field(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, contact = await two_leads(play, concord, Phone="2000")
        await merged(play, concord, sf(first), sf(second), taken={"Phone": sf(second)})
        assert play.sf("Lead")[first]["Phone"] == play.hs()[contact]["phone"] == "2000"


async def test_a_value_that_the_survivor_may_not_have_is_left_out_by_taking_its_own(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, _ = await two_leads(play, concord, Title="Countess", Phone="2000")
        await merged(play, concord, sf(first), sf(second), taken={"Title": sf(first)})
        assert play.sf("Lead")[first].get("Title") is None


async def test_an_address_is_taken_whole_or_not_at_all(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, _ = await two_leads(play, concord, Street="Rue 1", City="Paris", Country="France")
        play.edit_sf("Lead", first, Country="England")
        await play.settle(concord)
        await merged(play, concord, sf(first), sf(second))
        lead = play.sf("Lead")[first]
        assert (lead.get("Street"), lead.get("City"), lead["Country"]) == (None, None, "England")


async def test_two_that_are_linked_each_with_its_own_keep_one_link_and_the_other_partner_becomes_a_duplicate(
    play: Stage,
) -> None:
    async with play.concord() as concord:
        first, second, mine, theirs = await two_contacts(play, concord)
        proposal = await duplicates.propose(concord.scope, [sf(first), sf(second)], sf(first))
        assert proposal.ends == ((sf(second), hs(theirs)),)
        await merged(play, concord, sf(first), sf(second), survivor=sf(first))
        assert await links(concord) == {(first, mine)}
        (group,) = await duplicates.groups(concord.scope)
        assert (group.active, [one.ref for one in group.others]) == (hs(mine), [hs(theirs)])
        assert play.hs()[mine]["city"] == "London", "the loser's values are not carried over the survivor's"
        after = await merged(play, concord, hs(mine), hs(theirs))
        assert after.state == "done"
        (left,) = play.hs()
        assert await links(concord) == {(first, left)}
        assert set(play.hs()[left]["hs_additional_emails"].split(";")) == {"gus@king.org"}


# --- merged in HubSpot


async def test_two_contacts_become_one_under_a_new_id_and_the_link_follows(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(**ADA)
        await play.settle(concord)
        (contact,) = play.hs()
        other = play.hs_contact(
            firstname="Ada", lastname="Lovelace", email="lovelace.ada@engines.com", company="Engines Ltd", city="Paris"
        )
        await play.settle(concord)
        after = await merged(play, concord, hs(contact), hs(other), survivor=hs(contact))
        assert after.state == "done"
        (left,) = play.hs()
        assert left not in (contact, other)
        assert await links(concord) == {(lead, left)}
        assert list(play.sf("Lead")) == [lead], "nobody twice"
        assert play.sf("Lead")[lead]["City"] == "Paris", "what the survivor took over goes over"
        play.edit_sf("Lead", lead, Title="Countess")
        await play.settle(concord)
        assert play.hs()[left]["jobtitle"] == "Countess"


async def test_a_value_that_was_chosen_stands_in_hubspot_too(play: Stage) -> None:
    async with play.concord() as concord:
        _, _, mine, theirs = await two_contacts(play, concord)
        await merged(play, concord, hs(mine), hs(theirs), survivor=hs(mine), taken={"city": hs(theirs)})
        (left,) = play.hs().values()
        assert (left["city"], left["firstname"]) == ("Ockham", "Ada")


async def test_three_contacts_become_one(play: Stage) -> None:
    async with play.concord() as concord:
        first, _, mine, theirs = await two_contacts(play, concord)
        third = play.hs_contact(firstname="Ada", lastname="Byron", email="byron@newstead.org", jobtitle="Poet")
        await play.settle(concord)
        after = await merged(play, concord, hs(mine), hs(theirs), hs(third), survivor=hs(mine))
        assert after.state == "done"
        (left,) = play.hs()
        assert {right for _, right in await links(concord)} == {left}
        assert play.hs()[left]["jobtitle"] == "Poet"
        assert play.sf("Lead")[first]["Title"] == "Poet"


# --- consent


@pytest.mark.parametrize("no", ["survivor", "loser"])
async def test_whoever_of_two_leads_said_no_the_survivor_and_its_partner_say_no(play: Stage, no: str) -> None:
    async with play.concord() as concord:
        first, second, contact = await two_leads(play, concord)
        play.edit_sf("Lead", first if no == "survivor" else second, HasOptedOutOfEmail=True)
        await play.settle(concord)
        proposal = await duplicates.propose(concord.scope, [sf(first), sf(second)])
        assert dict(proposal.no) == ({} if no == "survivor" else {"HasOptedOutOfEmail": sf(second)})
        after = await merged(play, concord, sf(first), sf(second))
        assert play.sf("Lead")[first]["HasOptedOutOfEmail"] is True
        assert play.hs()[contact]["hs_email_optout"] == "true"
        assert f"HasOptedOutOfEmail of salesforce Lead {first if no == 'survivor' else second}" in after.outcome


async def test_the_survivor_is_opted_out_before_the_merge_and_stays_so_where_that_is_refused(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, contact = await two_leads(play, concord, HasOptedOutOfEmail=True)
        refuse(play)
        await merged(play, concord, sf(first), sf(second))
        assert len(play.sf("Lead")) == 2
        assert play.sf("Lead")[first]["HasOptedOutOfEmail"] is True
        assert play.hs()[contact]["hs_email_optout"] == "true"


async def test_a_no_that_nothing_maps_is_not_lost_either(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, _ = await two_leads(play, concord, DoNotCall=True)
        await merged(play, concord, sf(first), sf(second))
        assert play.sf("Lead")[first]["DoNotCall"] is True


@pytest.mark.parametrize("point", ["merging", "merged"])
async def test_a_no_that_is_said_while_it_is_merged_is_heard(play: Stage, point: str) -> None:
    async with play.concord() as concord:
        first, second, contact = await two_leads(play, concord)
        edited = second if point == "merging" else first
        play.once(point, lambda: play.edit_sf("Lead", edited, HasOptedOutOfEmail=True))
        await merged(play, concord, sf(first), sf(second))
        assert play.sf("Lead")[first]["HasOptedOutOfEmail"] is True
        assert play.hs()[contact]["hs_email_optout"] == "true"


async def test_whoever_of_two_contacts_said_no_their_survivor_says_no(play: Stage) -> None:
    async with play.concord() as concord:
        first, _, mine, theirs = await two_contacts(play, concord)
        play.edit_hs(theirs, hs_email_optout="true")
        await play.settle(concord)
        await merged(play, concord, hs(mine), hs(theirs), survivor=hs(mine))
        (left,) = play.hs().values()
        assert left["hs_email_optout"] == "true"
        assert play.sf("Lead")[first]["HasOptedOutOfEmail"] is True


async def test_a_no_of_the_partner_that_has_not_come_over_yet_is_heard(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, mine, theirs = await two_contacts(play, concord)
        play.edit_hs(theirs, hs_email_optout="true")
        await approved(concord, sf(first), sf(second), survivor=sf(first))
        await play.work(concord)  # no webhook, and no sweep
        assert play.sf("Lead")[first]["HasOptedOutOfEmail"] is True
        (merge,) = await concord.store.merges()
        assert f"HasOptedOutOfEmail of hubspot contacts {theirs}" in merge.outcome
        await play.settle(concord)
        assert play.hs()[mine]["hs_email_optout"] == "true"


async def test_a_merge_opts_nobody_in(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, contact = await two_leads(play, concord)
        play.edit_sf("Lead", first, HasOptedOutOfEmail=True)
        await play.settle(concord)
        play.edit_sf("Lead", second, HasOptedOutOfEmail=False, Title="Countess")
        with pytest.raises(ConfigError, match="is consent"):
            await approved(concord, sf(first), sf(second), taken={"HasOptedOutOfEmail": sf(second)})
        await merged(play, concord, sf(first), sf(second))
        assert play.sf("Lead")[first]["HasOptedOutOfEmail"] is True
        assert play.hs()[contact]["hs_email_optout"] == "true"


async def test_a_no_that_belongs_to_an_address_comes_with_the_address(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada")
        await play.settle(concord)
        (contact,) = play.hs()
        other = play.hs_contact(firstname="Ada", lastname="Lovelace", email="ada@engines.com", hs_email_optout="true")
        await play.settle(concord)
        after = await merged(play, concord, hs(contact), hs(other), survivor=hs(contact))
        assert after.state == "done"
        survivor = dict(play.hs())[next(right for left, right in await links(concord) if left == lead)]
        assert (survivor["email"], survivor["hs_email_optout"]) == ("ada@engines.com", "true")
        assert play.sf("Lead")[lead]["HasOptedOutOfEmail"] is True


# --- companies


async def test_two_accounts_become_one_with_their_contacts_and_the_company_stays_their_partner(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        first = play.account(Name="Engines Ltd", Website="https://engines.com")
        company = play.company(name="Engines Ltd", domain="engines.com")
        await play.settle(concord)
        second = play.account(Name="Engines", Website="engines.com", Phone="1000")
        person = play.sf_contact(FirstName="Ada", Email="ada@engines.com", AccountId=second)
        await play.settle(concord)
        (group,) = await duplicates.groups(concord.scope)
        assert (group.active, group.others[0].ref) == (sf(first, "Account"), sf(second, "Account"))
        after = await merged(play, concord, sf(first, "Account"), sf(second, "Account"))
        assert after.state == "done"
        assert list(play.sf("Account")) == [first]
        assert play.sf("Contact")[person]["AccountId"] == first
        assert play.hs("companies")[company]["phone"] == "1000"
        assert list(play.hs("companies")) == [company], "nobody twice"
        (contact,) = play.hs().values()
        assert contact["associatedcompanyid"] == company, "its reference can go over now"


async def test_two_companies_become_one_and_the_account_follows(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        account = play.account(Name="Engines Ltd", Website="https://engines.com")
        first = play.company(name="Engines Ltd", domain="engines.com")
        await play.settle(concord)
        second = play.company(name="Engines", domain="engines.com", phone="1000")
        await play.settle(concord)
        refs = [ref("hubspot", "companies", one) for one in (first, second)]
        await merged(play, concord, *refs)
        (left,) = play.hs("companies")
        companies = {(a.id, b.id) for a, b in await concord.store.active_links("companies")}
        assert companies == {(account, left)}
        assert play.sf("Account")[account]["Phone"] == "1000"


# --- killed


@pytest.mark.parametrize("point", ALL_POINTS)
async def test_a_kill_while_it_merges_is_made_good_by_the_next_one_in_salesforce(play: Stage, point: str) -> None:
    async with play.concord() as concord:
        first, second, contact = await two_leads(play, concord, HasOptedOutOfEmail=True, Title="Countess")
        await approved(concord, sf(first), sf(second))
    await play.dies(point, sweeps=False)
    await play.recovers()
    async with play.concord() as concord:
        assert [one.state for one in await concord.store.merges()] == ["done"]
        assert list(play.sf("Lead")) == [first]
        assert await links(concord) == {(first, contact)}
    lead = play.sf("Lead")[first]
    assert (lead["Title"], lead["HasOptedOutOfEmail"]) == ("Countess", True)
    (partner,) = play.hs().values()
    assert (partner["jobtitle"], partner["hs_email_optout"]) == ("Countess", "true")
    assert merges_sent(play) == 1, "what was merged is seen, and not asked for again"


@pytest.mark.parametrize("point", ALL_POINTS)
async def test_a_kill_while_it_merges_is_made_good_by_the_next_one_in_hubspot(play: Stage, point: str) -> None:
    async with play.concord() as concord:
        first, _, mine, theirs = await two_contacts(play, concord)
        play.edit_hs(theirs, hs_email_optout="true")
        await play.settle(concord)
        await approved(concord, hs(mine), hs(theirs), survivor=hs(mine))
    await play.dies(point, sweeps=False)
    await play.recovers()
    (left,) = play.hs()
    async with play.concord() as concord:
        assert [one.state for one in await concord.store.merges()] == ["done"]
        assert await links(concord) == {(first, left)}
    assert play.hs()[left]["hs_email_optout"] == "true"
    assert play.sf("Lead")[first]["HasOptedOutOfEmail"] is True
    assert merges_sent(play) == 1


async def test_a_merge_without_an_answer_is_looked_at_before_it_is_sent_again(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, contact = await two_leads(play, concord)
        play.salesforce.service.controls.faults.add(Fault("drop_after", path="/services/Soap"))
        await approved(concord, sf(first), sf(second))
        await patiently(play, concord)
        assert [one.state for one in await concord.store.merges()] == ["done"]
        assert list(play.sf("Lead")) == [first]
        assert await links(concord) == {(first, contact)}
        assert merges_sent(play) == 1


def merges_sent(play: Stage) -> int:
    calls = [call for app in (play.salesforce, play.hubspot) for call in app.service.controls.journal.calls(limit=9999)]
    return sum(call["path"].endswith("/merge") or "/services/Soap" in call["path"] for call in calls)


async def patiently(play: Stage, concord: Concord) -> None:
    for _ in range(6):
        await play.learn(concord)
        await play.work(concord)
        play.clock.pass_(minutes=6)
    await play.settle(concord)


async def test_a_merge_whose_answer_comes_too_late_is_no_refusal(play: Stage) -> None:
    async with play.concord() as concord:
        _, _, mine, theirs = await two_contacts(play, concord)
        await approved(concord, hs(mine), hs(theirs), survivor=hs(mine))
        late: list[object] = []
        play.once("merging", lambda: late.append(hs_merge(play, mine, theirs)))
        await play.work(concord)
        assert [one.state for one in await concord.store.merges()] == ["done"]
        assert await concord.store.failing() == []


def hs_merge(play: Stage, primary: str, loser: str) -> None:
    """The call of before arrives at HubSpot."""
    crm, table = play.portal.crm, play.portal.portal.require_table("contacts")
    found = [table.find(one) for one in (primary, loser)]
    assert found[0] is not None
    assert found[1] is not None
    merge_contacts(crm, table, found[0], found[1], PortalActor("INTEGRATION", "1"))


async def test_a_merge_waits_for_a_worker_that_has_one_of_its_records(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, _ = await two_leads(play, concord)
        now = play.clock.now()
        await concord.store.take_in(duplicates.notices_about(concord.scope, [sf(first)]))
        (theirs,) = await concord.store.claim(10, now, concord.scope.lease)
        await approved(concord, sf(first), sf(second))
        await play.work(concord)
        assert len(play.sf("Lead")) == 2, "the other worker may be about to write the survivor"
        await concord.store.postpone([theirs], now)
        await play.settle(concord)
        assert list(play.sf("Lead")) == [first]
        assert await concord.store.failing() == []


async def test_a_merge_never_holds_up_an_opt_out(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, mine, theirs = await two_contacts(play, concord)
        await approved(concord, sf(first), sf(second), survivor=sf(first))
        play.edit_sf("Lead", second, HasOptedOutOfEmail=True)
        urgent = [replace(one, lane=Lane.CONSENT) for one in duplicates.notices_about(concord.scope, [sf(second)])]
        await concord.store.take_in(urgent)
        await run_batch(concord.scope)
        assert play.hs()[theirs]["hs_email_optout"] == "true"
        assert len(play.sf("Lead")) == 2, "the merge comes later"
        await play.work(concord)
        assert list(play.sf("Lead")) == [first]
        await play.settle(concord)
        assert play.hs()[mine]["hs_email_optout"] == "true"


async def test_many_merges_are_carried_out_a_few_a_batch(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "MOST", 2)
    async with play.concord() as concord:
        await play.settle(concord)
        people = [{"FirstName": f"Ada{n}", "Email": f"ada{n}@engines.com"} for n in range(5)]
        firsts = [play.lead(**one) for one in people]
        await play.settle(concord)
        seconds = [play.lead(**one) for one in people]
        await play.settle(concord)
        for one, other in zip(firsts, seconds, strict=True):
            await approved(concord, sf(one), sf(other))
        await run_batch(concord.scope)
        assert len(play.sf("Lead")) == 8, "two of them, and no row waits for the others"
        await play.settle(concord)
        assert list(play.sf("Lead")) == firsts


# --- refused


def refuse(play: Stage) -> None:
    """The integration user may not delete leads."""
    fault = Fault("status", path="/services/Soap", status=500, code="INSUFFICIENT_ACCESS_OR_READONLY", times=None)
    play.salesforce.service.controls.faults.add(fault)


async def test_a_merge_that_is_refused_waits_for_a_person_with_advice_and_goes_on_when_it_is_mended(
    play: Stage,
) -> None:
    async with play.concord() as concord:
        first, second, contact = await two_leads(play, concord, Title="Countess")
        refuse(play)
        after = await merged(play, concord, sf(first), sf(second))
        assert after.state == "approved"
        (stuck,) = await concord.store.dead()
        assert (stuck.ref, stuck.failure.category) == (sf(second), Category.PERMISSION)
        assert f"the approved merge of salesforce Lead {second} into salesforce Lead {first}" in stuck.failure.message
        assert "it needs edit and delete" in stuck.failure.advice
        (cause,) = await concord.store.causes(play.clock.now())
        assert (cause.category, cause.dead) == (Category.PERMISSION, 1)
        (group,) = await duplicates.groups(concord.scope)
        assert group.approved is not None
        play.edit_sf("Lead", first, City="London")
        await play.settle(concord)
        assert play.hs()[contact]["city"] == "London", "a merge that is refused holds up nobody who stays"
        play.salesforce.service.controls.faults.clear()
        await concord.store.revive(play.clock.now())
        await play.settle(concord)
        assert list(play.sf("Lead")) == [first]
        assert play.hs()[contact]["jobtitle"] == "Countess"
        assert await concord.store.failing() == []


async def test_a_no_of_a_record_whose_merge_is_refused_still_goes_over(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, mine, theirs = await two_contacts(play, concord)
        refuse(play)
        await merged(play, concord, sf(first), sf(second), survivor=sf(first))
        play.edit_sf("Lead", second, HasOptedOutOfEmail=True)
        await play.settle(concord)
        assert play.hs()[theirs]["hs_email_optout"] == "true"
        assert play.hs()[mine]["hs_email_optout"] == "true", "for the survivor was to be both"
        assert len(await concord.store.dead()) == 1


async def test_a_lock_passes(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, _ = await two_leads(play, concord)
        locked = Fault("status", path="/services/Soap", status=500, code="UNABLE_TO_LOCK_ROW", times=1)
        play.salesforce.service.controls.faults.add(locked)
        await approved(concord, sf(first), sf(second))
        await patiently(play, concord)
        assert list(play.sf("Lead")) == [first]
        assert await concord.store.failing() == []


async def test_a_merge_that_is_refused_can_be_taken_back(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, _ = await two_leads(play, concord)
        refuse(play)
        await merged(play, concord, sf(first), sf(second))
        assert "not to be merged" in await duplicates.take_back(concord.scope, sf(first), sf(second))
        await play.settle(concord)
        assert [one.state for one in await concord.store.merges()] == ["dropped"]
        assert await concord.store.failing() == []
        assert len(play.sf("Lead")) == 2
        (group,) = await duplicates.groups(concord.scope)
        assert group.approved is None, "they are shown again"


# --- what happened meanwhile


async def test_a_person_who_merges_them_first_is_followed(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, contact = await two_leads(play, concord)
        await approved(concord, sf(first), sf(second))
        await sf_merge(play, first, second)
        await play.settle(concord)
        assert [one.state for one in await concord.store.merges()] == ["done"]
        assert await links(concord) == {(first, contact)}
        assert (await concord.store.counts()).duplicates == 0


async def sf_merge(play: Stage, master: str, loser: str) -> None:
    """A person merges two leads in Salesforce."""
    transport = httpx.ASGITransport(app=play.salesforce)
    async with httpx.AsyncClient(transport=transport, base_url="http://salesforce.test") as org:
        answer = await org.post("/_control/merge/Lead", json={"master": master, "losers": [loser]})
        assert answer.is_success, answer.text


async def test_whoever_a_person_merges_away_is_nobodys_duplicate_any_more(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, _ = await two_leads(play, concord)
        await sf_merge(play, first, second)
        await play.settle(concord)
        assert (await concord.store.counts()).duplicates == 0


@pytest.mark.parametrize("gone", ["survivor", "loser"])
async def test_a_merge_of_what_is_gone_meanwhile_is_given_up(play: Stage, gone: str) -> None:
    async with play.concord() as concord:
        first, second, _ = await two_leads(play, concord)
        await approved(concord, sf(first), sf(second))
        play.salesforce.service.human_delete("Lead", first if gone == "survivor" else second, None)
        await play.settle(concord)
        (merge,) = await concord.store.merges()
        assert merge.state == "dropped"
        assert merge.outcome.startswith(
            f"salesforce Lead {first} is gone" if gone == "survivor" else "none of the others"
        )
        assert merges_sent(play) == 0


async def test_a_merge_is_approved_once(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, _ = await two_leads(play, concord)
        await approved(concord, sf(first), sf(second))
        with pytest.raises(ConfigError, match="is approved already"):
            await approved(concord, sf(second), sf(first))
        await play.settle(concord)
        with pytest.raises(ConfigError, match="has become salesforce Lead"):
            await approved(concord, sf(second), sf(first))


async def test_what_cannot_be_merged_is_said_before_anything_is_approved(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, contact = await two_leads(play, concord)
        other = play.sf_contact(**ADA)
        await play.settle(concord)
        with pytest.raises(ConfigError, match="not records of one object of one system"):
            await duplicates.propose(concord.scope, [sf(first), hs(contact)])
        with pytest.raises(ConfigError, match="not records of one object of one system"):
            await duplicates.propose(concord.scope, [sf(first), sf(other, "Contact")])
        with pytest.raises(ConfigError, match="needs two records"):
            await duplicates.propose(concord.scope, [sf(first), sf(first)])
        with pytest.raises(ConfigError, match="convert the lead"):
            await duplicates.group_of(concord.scope, sf(other, "Contact"))
        with pytest.raises(ConfigError, match="has nothing in Title"):
            await duplicates.propose(concord.scope, [sf(first), sf(second)], None, {"Title": sf(second)})
        with pytest.raises(ConfigError, match="has no field Nonsense"):
            await duplicates.propose(concord.scope, [sf(first), sf(second)], None, {"Nonsense": sf(second)})
        with pytest.raises(ConfigError, match="is none of the records"):
            await duplicates.propose(concord.scope, [sf(first), sf(second)], sf(other, "Contact"))
        with pytest.raises(ConfigError, match="no record 4711"):
            await duplicates.named(concord.scope, "4711")


# --- kept apart


async def test_two_that_are_kept_apart_are_two_and_never_proposed_again(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        first = play.lead(FirstName="Ada", Email="ada@engines.com")
        await play.settle(concord)
        (contact,) = play.hs()
        second = play.lead(FirstName="Ada")
        await play.settle(concord)
        (group,) = await duplicates.groups(concord.scope)
        assert group.others[0].ref == sf(second)
        await duplicates.keep_apart(concord.scope, sf(first), sf(second))
        await play.settle(concord)
        assert await duplicates.groups(concord.scope) == []
        assert len(play.hs()) == 2, "the second one has a contact of its own"
        assert (first, contact) in await links(concord)
        play.edit_sf("Lead", second, Title="Countess")
        play.edit_sf("Lead", first, Title="Analyst")
        await play.settle(concord)
        assert await duplicates.groups(concord.scope) == []
        assert await concord.store.open_reviews() == []
        with pytest.raises(ConfigError, match="are two; take that back first"):
            await duplicates.propose(concord.scope, [sf(first), sf(second)])


async def test_two_with_one_address_that_are_kept_apart_are_not_proposed_and_the_second_one_waits(
    play: Stage,
) -> None:
    async with play.concord() as concord:
        first, second, contact = await two_leads(play, concord)
        await duplicates.keep_apart(concord.scope, sf(second), sf(first))
        await play.settle(concord)
        play.edit_sf("Lead", second, Title="Countess")
        await play.settle(concord)
        assert await duplicates.groups(concord.scope) == []
        assert await concord.store.open_reviews() == []
        assert list(play.hs()) == [contact], "HubSpot has one contact for an address"
        assert play.hs()[contact].get("jobtitle") in (None, "")


async def test_who_was_kept_apart_can_be_one_after_all(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, _ = await two_leads(play, concord)
        await duplicates.keep_apart(concord.scope, sf(first), sf(second))
        await play.settle(concord)
        assert "not kept apart" in await duplicates.take_back(concord.scope, sf(first), sf(second))
        await play.settle(concord)
        (group,) = await duplicates.groups(concord.scope)
        assert (group.active, group.others[0].ref) == (sf(first), sf(second)), "they are matched anew"
        assert await concord.store.open_reviews() == []
        with pytest.raises(ConfigError, match="nobody said anything"):
            await duplicates.take_back(concord.scope, sf(first), sf(second))


async def test_who_was_kept_apart_from_a_loser_is_kept_apart_from_the_survivor(play: Stage) -> None:
    async with play.concord() as concord:
        first, second, _ = await two_leads(play, concord)
        third = play.lead(FirstName="Ada", Email="lovelace@engines.com")
        await play.settle(concord)
        await duplicates.keep_apart(concord.scope, sf(second), sf(third))
        await play.settle(concord)
        await merged(play, concord, sf(first), sf(second))
        with pytest.raises(ConfigError, match="are two"):
            await duplicates.propose(concord.scope, [sf(first), sf(third)])
