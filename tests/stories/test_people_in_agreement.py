"""One person in two systems: found, linked, kept in agreement (SPEC 2, 3, 4.1-4.4)."""

from __future__ import annotations

import pytest
from tests.stories.stage import Stage, stage


@pytest.fixture
def play(database: str) -> Stage:
    return stage(database)


async def test_a_lead_and_a_contact_with_one_address_are_linked_and_blanks_are_filled_on_both_sides(
    play: Stage,
) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", LastName="Lovelace", Email="ada@engines.com", Phone="+44 20 7946 0001")
        contact = play.hs_contact(email="ada@engines.com", firstname="Ada", lastname="Lovelace", jobtitle="Countess")
        await play.settle(concord)
        assert play.hs()[contact]["phone"] == "+44 20 7946 0001"
        assert play.sf("Lead")[lead]["Title"] == "Countess"
        assert len(play.hs()) == 1
        assert len(play.sf("Lead")) == 1


async def test_a_hubspot_contact_that_nobody_knows_becomes_one_lead(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        play.hs_contact(email="grace@navy.com", firstname="Grace", lastname="Hopper")
        await play.settle(concord)
        (lead,) = play.sf("Lead").values()
        assert (lead["Email"], lead["FirstName"], lead["LastName"]) == ("grace@navy.com", "Grace", "Hopper")
        assert lead["Company"] == "[not provided]", "Salesforce requires a company: the declared default"
        await play.settle(concord)
        assert len(play.sf("Lead")) == 1


async def test_a_salesforce_contact_that_nobody_knows_becomes_one_hubspot_contact(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        contact = play.sf_contact(FirstName="Mary", LastName="Somerville", Email="mary@stars.com")
        await play.settle(concord)
        (made,) = play.hs().values()
        assert (made["email"], made["firstname"], made["salesforce_contact_id"]) == ("mary@stars.com", "Mary", contact)


async def test_an_edit_on_one_side_reaches_the_other_and_is_not_written_back(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com")
        await play.settle(concord)
        (contact,) = play.hs()
        play.edit_hs(contact, jobtitle="Analyst")
        play.edit_sf("Lead", lead, City="London")
        await play.settle(concord)
        assert play.sf("Lead")[lead]["Title"] == "Analyst"
        assert play.hs()[contact]["city"] == "London"
        before = (play.writes(system="salesforce"), play.writes(system="hubspot"))
        await play.settle(concord)
        assert (play.writes(system="salesforce"), play.writes(system="hubspot")) == before, "no echo"


async def test_within_five_minutes_the_source_of_truth_wins_and_beyond_them_the_newer(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com", Phone="1000", Title="Countess")
        await play.settle(concord)
        (contact,) = play.hs()
        # Salesforce owns the phone: the later edit in HubSpot is within the window and loses.
        play.edit_sf("Lead", lead, Phone="2000")
        play.clock.pass_(minutes=4)
        play.edit_hs(contact, phone="3000")
        await play.settle(concord)
        assert (play.sf("Lead")[lead]["Phone"], play.hs()[contact]["phone"]) == ("2000", "2000")
        # Beyond it the newer wins, whoever owns the field.
        play.edit_sf("Lead", lead, Phone="4000")
        play.clock.pass_(minutes=6)
        play.edit_hs(contact, phone="5000")
        await play.settle(concord)
        assert (play.sf("Lead")[lead]["Phone"], play.hs()[contact]["phone"]) == ("5000", "5000")
        conflicts = await concord.store.conflicts(10)
        assert [one.verdict.rule for one in conflicts if one.verdict] == [
            "newer by more than the window",
            "source of truth",
        ]


async def test_an_opt_out_on_either_side_reaches_the_other_and_only_the_owner_opts_in_again(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com")
        await play.settle(concord)
        (contact,) = play.hs()
        play.edit_sf("Lead", lead, HasOptedOutOfEmail=True)
        await play.settle(concord)
        assert play.hs()[contact]["hs_email_optout"] == "true"
        play.edit_sf("Lead", lead, HasOptedOutOfEmail=False)
        await play.settle(concord)
        assert play.sf("Lead")[lead]["HasOptedOutOfEmail"] is True, "Salesforce is not the owner: put back"
        play.edit_hs(contact, hs_email_optout="false")
        await play.settle(concord)
        assert play.sf("Lead")[lead]["HasOptedOutOfEmail"] is False


async def test_a_contact_of_an_account_is_associated_with_the_company_of_the_same_domain(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        account = play.account(Name="Engines Ltd", Website="https://www.engines.com")
        company = play.company(name="Engines", domain="engines.com")
        await play.settle(concord)
        play.sf_contact(FirstName="Ada", Email="ada@engines.com", AccountId=account)
        await play.settle(concord)
        (made,) = play.hs().values()
        assert made["associatedcompanyid"] == company


async def test_the_active_partner_is_the_contact_and_the_lead_of_the_same_person_is_its_duplicate(play: Stage) -> None:
    play.lead(FirstName="Ada", Email="ada@engines.com")
    sf_contact = play.sf_contact(FirstName="Ada", Email="ada@engines.com")
    contact = play.hs_contact(email="ada@engines.com", firstname="Ada", lastname="Lovelace")
    async with play.concord() as concord:
        from concord.engine.reconcile import bring_together, survey

        def quietly(what: str, done: int, total: int | None) -> None:
            return None

        async def batch() -> int:
            return await play.work(concord)

        censuses = await survey(concord.scope, quietly)
        await bring_together(concord.scope, censuses, quietly, batch)
        await play.settle(concord)
        assert len(play.hs()) == 1
        assert len(play.sf("Lead")) == 1
        play.edit_hs(contact, jobtitle="Countess")
        await play.settle(concord)
        assert play.sf("Contact")[sf_contact]["Title"] == "Countess"
        counts = await concord.store.counts()
        assert counts.duplicates == 1
