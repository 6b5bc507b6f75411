"""An edit that a person makes between the sync's read and its write is not lost (SPEC 3.8).

The line tells when it comes to each of its points; a story edits at exactly that moment. Salesforce refuses the write
(it is conditional), HubSpot takes it and its history shows afterwards what it covered; either way SPEC 3.2 decides as
if the edit had been seen in time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from tests.stories.stage import Stage, ref, stage

from concord.app import Concord
from concord.core.plan import Outcome, Rule, Verdict

#: Between the read and the write there are two points; what happens at either comes too late to be read.
BETWEEN = ("read", "planned", "intended")


@dataclass
class Couple:
    """One person on both sides, linked and in agreement, and the Concord that keeps them so."""

    play: Stage
    concord: Concord
    lead: str
    contact: str

    def in_salesforce(self, **fields: Any) -> None:
        self.play.edit_sf("Lead", self.lead, **fields)

    def in_hubspot(self, **fields: Any) -> None:
        self.play.edit_hs(self.contact, **fields)

    async def settle(self) -> None:
        await self.play.settle(self.concord)

    def shows(self, salesforce: str, hubspot: str) -> tuple[Any, Any]:
        return self.play.sf("Lead")[self.lead][salesforce], self.play.hs()[self.contact].get(hubspot)

    async def decisions(self, field: str) -> list[Verdict]:
        """What the ledger has on a field since the two were linked, oldest first, without the first link itself."""
        entries = await self.concord.store.ledger_of(ref("salesforce", "Lead", self.lead))
        verdicts = [entry.verdict for entry in entries if entry.verdict is not None]
        return [one for one in reversed(verdicts) if one.field == field and not one.first_link]


@pytest.fixture
async def couple(database: str) -> AsyncIterator[Couple]:
    play = stage(database)
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com", Phone="1000", Title="Countess", City="London")
        await play.settle(concord)
        (contact,) = play.hs()
        play.clock.pass_(hours=1)
        yield Couple(play, concord, lead, contact)
        assert not await concord.store.dead()
        assert not play.moments, "every moment came"


# --- Salesforce: the write is conditional


@pytest.mark.parametrize("moment", BETWEEN)
async def test_an_edit_in_salesforce_of_the_very_field_we_are_about_to_write_is_not_written_over(
    couple: Couple, moment: str
) -> None:
    couple.in_hubspot(phone="2000")
    couple.play.once(moment, lambda: couple.in_salesforce(Phone="3000"))
    await couple.settle()
    assert couple.shows("Phone", "phone") == ("3000", "3000"), "within five minutes Salesforce owns the phone"
    (decided,) = [one for one in await couple.decisions("phone") if one.conflict]
    assert (decided.rule, decided.left, decided.right) == (Rule.OWNER, "3000", "2000")


async def test_an_edit_in_salesforce_within_the_window_loses_to_hubspot_where_hubspot_owns_the_field(
    couple: Couple,
) -> None:
    couple.in_hubspot(email="ada@hubspot.com")
    couple.play.once("planned", lambda: couple.in_salesforce(Email="ada@salesforce.com"))
    await couple.settle()
    assert couple.shows("Email", "email") == ("ada@hubspot.com", "ada@hubspot.com")
    (decided,) = [one for one in await couple.decisions("email") if one.conflict]
    assert (decided.rule, decided.left) == (Rule.OWNER, "ada@salesforce.com"), "what lost is in the ledger"


async def test_an_edit_in_salesforce_that_is_newer_by_more_than_the_window_wins_whoever_owns_the_field(
    couple: Couple,
) -> None:
    couple.in_hubspot(email="ada@hubspot.com")
    couple.play.clock.pass_(minutes=6)
    couple.play.once("planned", lambda: couple.in_salesforce(Email="ada@salesforce.com"))
    await couple.settle()
    assert couple.shows("Email", "email") == ("ada@salesforce.com", "ada@salesforce.com")
    (decided,) = [one for one in await couple.decisions("email") if one.conflict]
    assert decided.rule is Rule.NEWER


@pytest.mark.parametrize("moment", BETWEEN)
async def test_an_edit_in_salesforce_of_another_field_at_that_moment_goes_over_and_ours_is_written_all_the_same(
    couple: Couple, moment: str
) -> None:
    couple.in_hubspot(jobtitle="Analyst")
    couple.play.once(moment, lambda: couple.in_salesforce(City="Paris"))
    await couple.settle()
    assert couple.shows("Title", "jobtitle") == ("Analyst", "Analyst")
    assert couple.shows("City", "city") == ("Paris", "Paris")
    assert not [one for field in ("job_title", "city") for one in await couple.decisions(field) if one.conflict]


async def test_two_edits_in_salesforce_within_the_second_of_our_read_are_both_kept(couple: Couple) -> None:
    """Salesforce compares whole seconds: a condition could not see the second of them, so nothing is written then."""
    couple.in_hubspot(jobtitle="Analyst")
    couple.play.once("claimed", lambda: couple.in_salesforce(City="Paris"))
    couple.play.once("intended", lambda: couple.in_salesforce(City="Rome", Title="Mathematician"))
    await couple.settle()
    assert couple.shows("City", "city") == ("Rome", "Rome")
    assert couple.shows("Title", "jobtitle") == ("Mathematician", "Mathematician"), "the latest"


async def test_an_edit_in_salesforce_within_the_second_of_our_write_is_carried_over(couple: Couple) -> None:
    couple.in_hubspot(jobtitle="Analyst")
    couple.play.once("written", lambda: couple.in_salesforce(Title="Mathematician"))
    await couple.settle()
    assert couple.shows("Title", "jobtitle") == ("Mathematician", "Mathematician")


# --- HubSpot: the write covers the edit, and the history shows it


@pytest.mark.parametrize("moment", BETWEEN)
async def test_an_edit_in_hubspot_that_our_write_covered_loses_to_the_owner_within_the_window(
    couple: Couple, moment: str
) -> None:
    couple.in_salesforce(Phone="2000")
    couple.play.once(moment, lambda: couple.in_hubspot(phone="3000"))
    await couple.settle()
    assert couple.shows("Phone", "phone") == ("2000", "2000")
    (decided,) = [one for one in await couple.decisions("phone") if one.conflict]
    assert decided.rule is Rule.OWNER
    assert (decided.left, decided.right) == ("2000", "3000"), "what was covered is in the ledger, by value and time"
    assert "between our read and our write" in decided.reason


@pytest.mark.parametrize("moment", BETWEEN)
async def test_an_edit_in_hubspot_that_our_write_covered_comes_back_where_it_is_newer_by_more_than_the_window(
    couple: Couple, moment: str
) -> None:
    couple.in_salesforce(Phone="2000")
    couple.play.clock.pass_(minutes=6)
    couple.play.once(moment, lambda: couple.in_hubspot(phone="3000"))
    await couple.settle()
    assert couple.shows("Phone", "phone") == ("3000", "3000")
    (decided,) = [one for one in await couple.decisions("phone") if one.conflict]
    assert decided.rule is Rule.NEWER
    assert decided.left_stamp is not None
    assert decided.right_stamp is not None
    assert decided.right_stamp.at - decided.left_stamp.at >= timedelta(minutes=6), "timed by the edit, not by our write"


async def test_an_edit_in_hubspot_that_our_write_covered_wins_at_once_where_hubspot_owns_the_field(
    couple: Couple,
) -> None:
    couple.in_salesforce(Email="ada@salesforce.com")
    couple.play.once("intended", lambda: couple.in_hubspot(email="ada@hubspot.com"))
    await couple.settle()
    assert couple.shows("Email", "email") == ("ada@hubspot.com", "ada@hubspot.com")
    (decided,) = [one for one in await couple.decisions("email") if one.conflict]
    assert decided.rule is Rule.OWNER


@pytest.mark.parametrize("moment", BETWEEN)
async def test_an_edit_in_hubspot_of_another_field_at_that_moment_goes_over_and_ours_stays(
    couple: Couple, moment: str
) -> None:
    couple.in_salesforce(Title="Analyst")
    couple.play.once(moment, lambda: couple.in_hubspot(city="Paris"))
    await couple.settle()
    assert couple.shows("Title", "jobtitle") == ("Analyst", "Analyst")
    assert couple.shows("City", "city") == ("Paris", "Paris")


async def test_an_opt_out_in_hubspot_at_that_moment_is_not_taken_back(couple: Couple) -> None:
    couple.in_salesforce(Title="Analyst")
    couple.play.once("intended", lambda: couple.in_hubspot(hs_email_optout="true"))
    await couple.settle()
    assert couple.shows("HasOptedOutOfEmail", "hs_email_optout") == (True, "true")


@pytest.mark.parametrize("told_by", ["webhooks", "sweeps"])
async def test_an_edit_in_hubspot_between_our_write_and_our_record_is_carried_over(
    couple: Couple, told_by: str
) -> None:
    play = couple.play
    couple.in_salesforce(Title="Analyst")

    def edit() -> None:
        play.clock.pass_(milliseconds=1)  # two edits within one millisecond are told apart by webhooks alone
        couple.in_hubspot(jobtitle="Mathematician")

    play.once("written", edit)
    play.portal.webhooks.disturb({"drop": 1.0 if told_by == "sweeps" else 0.0})
    await play.learn(couple.concord)
    await play.work(couple.concord)
    await play.settle(couple.concord, sweeps=told_by == "sweeps")
    assert couple.shows("Title", "jobtitle") == ("Mathematician", "Mathematician")


async def test_edits_at_every_moment_of_several_rounds_end_with_the_last_one_on_both_sides(couple: Couple) -> None:
    couple.in_salesforce(Title="0")
    for number, moment in enumerate(("planned", "written", "intended", "recorded", "read", "written"), start=1):
        couple.play.once(moment, lambda text=str(number): couple.in_hubspot(jobtitle=text))  # type: ignore[misc]
    await couple.settle()
    assert not couple.play.moments
    assert len(set(couple.shows("Title", "jobtitle"))) == 1
    assert couple.shows("Title", "jobtitle") == ("6", "6")


# --- records that are just being made or linked


@pytest.mark.parametrize("moment", ["planned", "intended", "written", "recorded"])
async def test_the_source_of_a_new_record_is_edited_while_the_record_is_made(couple: Couple, moment: str) -> None:
    play = couple.play
    lead = play.lead(LastName="Hopper", Email="grace@navy.com", Title="Ensign")
    play.once(moment, lambda: play.edit_sf("Lead", lead, Title="Admiral"))
    await couple.settle()
    (made,) = [one for one in play.hs().values() if one["email"] == "grace@navy.com"]
    assert made["jobtitle"] == "Admiral"
    assert play.sf("Lead")[lead]["Title"] == "Admiral"


@pytest.mark.parametrize("moment", ["written", "recorded"])
async def test_the_new_record_is_edited_before_anything_of_it_is_recorded(couple: Couple, moment: str) -> None:
    play = couple.play
    lead = play.lead(LastName="Hopper", Email="grace@navy.com", Title="Ensign")

    def edit() -> None:
        (made,) = [at for at, one in play.hs().items() if one["email"] == "grace@navy.com"]
        play.edit_hs(made, jobtitle="Admiral")

    play.once(moment, edit)
    await couple.settle()
    assert play.sf("Lead")[lead]["Title"] == "Admiral"


@pytest.mark.parametrize("moment", ["written", "recorded"])
async def test_the_new_lead_is_edited_before_anything_of_it_is_recorded(couple: Couple, moment: str) -> None:
    play = couple.play
    contact = play.hs_contact(lastname="Hopper", email="grace@navy.com", jobtitle="Ensign")

    def edit() -> None:
        (made,) = [at for at, one in play.sf("Lead").items() if one["Email"] == "grace@navy.com"]
        play.edit_sf("Lead", made, Title="Admiral")

    play.once(moment, edit)
    await couple.settle()
    assert play.hs()[contact]["jobtitle"] == "Admiral"


@pytest.mark.parametrize("moment", BETWEEN)
async def test_a_person_makes_the_same_contact_by_hand_while_we_are_making_it(couple: Couple, moment: str) -> None:
    play = couple.play
    lead = play.lead(LastName="Hopper", Email="grace@navy.com", Title="Admiral")
    play.once(moment, lambda: play.hs_contact(email="grace@navy.com", lastname="Hopper", city="Arlington"))
    await couple.settle()
    await play.settle(couple.concord)
    (made,) = [one for one in play.hs().values() if one["email"] == "grace@navy.com"]
    assert (made["jobtitle"], play.sf("Lead")[lead]["City"]) == ("Admiral", "Arlington")
    assert (len(play.hs()), len(play.sf("Lead"))) == (2, 2)


@pytest.mark.parametrize("moment", BETWEEN)
async def test_an_edit_in_hubspot_that_the_first_link_covered_is_decided_like_any_other(
    couple: Couple, moment: str
) -> None:
    play = couple.play
    lead = play.lead(LastName="Hopper", Email="grace@navy.com", Title="Ensign", Phone="1000")
    play.clock.pass_(minutes=10)
    contact = play.hs_contact(email="grace@navy.com", lastname="Hopper")
    play.once(moment, lambda: play.edit_hs(contact, jobtitle="Admiral"))
    await couple.settle()
    assert (play.hs()[contact]["jobtitle"], play.sf("Lead")[lead]["Title"]) == ("Admiral", "Admiral")
    assert play.hs()[contact]["phone"] == "1000"


async def test_what_a_rule_puts_back_over_an_unseen_edit_is_put_back_over_that_too_and_logged(couple: Couple) -> None:
    couple.in_hubspot(phone="")
    couple.play.once("planned", lambda: couple.in_hubspot(phone="2000"))
    await couple.settle()
    left, right = couple.shows("Phone", "phone")
    assert left == right
    decisions = await couple.decisions("phone")
    assert any(one.right == "2000" for one in decisions), "the covered number is in the ledger"
    assert all(one.outcome is not Outcome.HELD for one in decisions)
