"""What the chaos has found (tests/chaos), each told as a story of its own."""

from __future__ import annotations

import httpx
import pytest
from tests.stories.stage import Stage, ref, stage

from concord.app import Concord
from concord.core.model import Lane, Notice
from concord.core.values import Ref
from concord.engine.sync import CRASH_POINTS


@pytest.fixture
def play(database: str) -> Stage:
    return stage(database)


async def convert(play: Stage, lead: str) -> str:
    """A person converts a lead at the screens; the contact that it becomes."""
    transport = httpx.ASGITransport(app=play.salesforce)
    async with httpx.AsyncClient(transport=transport, base_url="http://salesforce.test") as own:
        answer = await own.post(f"/_control/convert/{lead}", json={})
        assert answer.is_success, answer.text
        return str(answer.json()["contact_id"])


async def merge_sf(play: Stage, object_name: str, master: str, loser: str) -> None:
    transport = httpx.ASGITransport(app=play.salesforce)
    async with httpx.AsyncClient(transport=transport, base_url="http://salesforce.test") as own:
        answer = await own.post(f"/_control/merge/{object_name}", json={"master": master, "losers": [loser]})
        assert answer.is_success, answer.text


# --- consent belongs to an address, in HubSpot


async def test_another_address_in_hubspot_is_no_opt_in(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com")
        await play.settle(concord)
        (contact,) = play.hs()
        play.edit_sf("Lead", lead, HasOptedOutOfEmail=True)
        await play.settle(concord)
        play.clock.pass_(minutes=10)
        play.edit_hs(contact, email="ada@analytical.com")
        assert play.hs()[contact]["hs_email_optout"] == "false", "HubSpot has no opt-out of that address"
        await play.settle(concord)
        assert play.sf("Lead")[lead]["HasOptedOutOfEmail"] is True
        assert play.hs()[contact]["hs_email_optout"] == "true"


async def test_another_address_that_we_bring_over_is_no_opt_in(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com")
        await play.settle(concord)
        (contact,) = play.hs()
        play.edit_hs(contact, hs_email_optout="true")
        await play.settle(concord)
        play.clock.pass_(minutes=10)
        play.edit_sf("Lead", lead, Email="ada@analytical.com")
        await play.settle(concord)
        assert play.hs()[contact]["email"] == "ada@analytical.com"
        assert play.sf("Lead")[lead]["HasOptedOutOfEmail"] is True
        assert play.hs()[contact]["hs_email_optout"] == "true"


@pytest.mark.parametrize("by_us", [False, True])
async def test_an_opt_out_that_goes_with_its_address_before_anybody_read_it_is_kept(play: Stage, by_us: bool) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com")
        await play.settle(concord)
        (contact,) = play.hs()
        play.clock.pass_(minutes=10)
        if by_us:
            play.edit_sf("Lead", lead, Email="ada@analytical.com")
            play.clock.pass_(seconds=5)
            play.once("planned", lambda: play.edit_hs(contact, hs_email_optout="true"))
        else:
            play.edit_hs(contact, hs_email_optout="true")
            play.clock.pass_(seconds=5)
            play.edit_hs(contact, email="ada@analytical.com")
        await play.settle(concord)
        assert play.sf("Lead")[lead]["HasOptedOutOfEmail"] is True
        assert play.hs()[contact]["hs_email_optout"] == "true"


async def test_who_opts_in_again_under_another_address_is_opted_in(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com", HasOptedOutOfEmail=True)
        await play.settle(concord)
        (contact,) = play.hs()
        play.edit_hs(contact, email="ada@analytical.com")
        await play.settle(concord)
        play.clock.pass_(minutes=1)
        play.edit_hs(contact, hs_email_optout="false")
        await play.settle(concord)
        assert play.sf("Lead")[lead]["HasOptedOutOfEmail"] is False
        assert play.hs()[contact]["hs_email_optout"] == "false"


# --- records that became others before anybody knew them


async def test_a_lead_that_was_converted_before_anybody_read_it_is_done_with(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com")
        contact = await convert(play, lead)
        await play.settle(concord)
        play.edit_sf("Contact", contact, Title="Countess")
        await play.settle(concord)
        assert not await concord.store.failing()
        assert [one["jobtitle"] for one in play.hs().values()] == ["Countess"]


async def test_a_lead_that_nobody_knows_and_that_is_a_contact_by_now_is_made_in_one_go(
    play: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """Only the lead is told of: nothing else in the batch has read the contact."""
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com")
        contact = await convert(play, lead)
        now = play.clock.now()
        await concord.store.take_in([Notice(ref("salesforce", "Lead", lead), Lane.PEOPLE, now, "webhook")])
        await play.work(concord)
        assert [one["firstname"] for one in play.hs().values()] == ["Ada"]
        assert [left.id for left, _ in await concord.store.active_links("people")] == [contact]
        assert not caplog.records


async def told_of(play: Stage, concord: Concord, *refs: Ref) -> None:
    await concord.store.take_in([Notice(one, Lane.PEOPLE, play.clock.now(), "webhook") for one in refs])
    await play.work(concord)


async def test_nobody_is_made_for_a_contact_whose_lead_has_lost_its_partner(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(LastName="Curie", Company="Curie Ltd")
        await play.settle(concord)
        (partner,) = play.hs()
        play.portal.human_delete("contacts", partner, None)
        await play.settle(concord)
        contact = await convert(play, lead)
        await told_of(play, concord, ref("salesforce", "Contact", contact))
        await play.settle(concord)
        assert not play.hs()
        assert not await concord.store.failing()


async def test_a_contact_that_is_heard_of_before_the_lead_that_it_was_has_its_partner(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(LastName="Curie", Company="Curie Ltd")
        await play.settle(concord)
        (partner,) = play.hs()
        contact = await convert(play, lead)
        await told_of(play, concord, ref("salesforce", "Contact", contact))
        assert [(left.id, right.id) for left, right in await concord.store.active_links("people")] == [
            (contact, partner)
        ]
        await play.settle(concord)
        assert list(play.hs()) == [partner]


async def test_a_contact_that_was_merged_away_before_anybody_read_it_is_done_with(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        master, loser = play.sf_contact(Email="ada@engines.com"), play.sf_contact(LastName="King")
        await merge_sf(play, "Contact", master, loser)
        await play.settle(concord)
        assert not await concord.store.failing()
        assert len(play.hs()) == 1


async def test_an_edit_of_the_contact_that_a_lead_has_become_goes_over_at_once(play: Stage) -> None:
    """The lead's own row is looked at first; what it has become has fields that no lead has."""
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com", City="London")
        await play.settle(concord)
        contact = await convert(play, lead)
        play.edit_sf("Contact", contact, MailingCity="Paris")
        await play.settle(concord)
        assert [one["city"] for one in play.hs().values()] == ["Paris"]
        entries = await concord.store.ledger_of(ref("salesforce", "Contact", contact))
        assert not [one for one in entries if one.verdict and "does not show" in one.verdict.reason]


@pytest.mark.parametrize("point", CRASH_POINTS)
@pytest.mark.parametrize("told", ["both", "hubspot alone"])
async def test_a_lead_that_is_converted_while_its_partner_is_made_is_one_person(
    play: Stage, point: str, told: str
) -> None:
    await play.recovers()
    lead = play.lead(FirstName="Ada", Email="ada@engines.com", City="London")
    await play.dies(point)
    contact = await convert(play, lead)
    if told != "both" and point in ("written", "recorded"):
        play.clock.pass_(seconds=5)
        (partner,) = play.hs()
        play.edit_hs(partner, jobtitle="Countess")
    await play.recovers()
    async with play.concord() as concord:
        assert not await concord.store.failing()
        (partner,) = play.hs()
        assert [(left.id, right.id) for left, right in await concord.store.active_links("people")] == [
            (contact, partner)
        ]
        play.edit_hs(partner, city="Rome")
        await play.settle(concord)
        assert play.sf("Contact")[contact]["MailingCity"] == "Rome"


@pytest.mark.parametrize("heard_of", ["Lead", "Contact"])
async def test_whom_we_made_for_a_lead_is_found_by_it_once_it_is_a_contact_whatever_the_address_is_by_then(
    play: Stage, heard_of: str
) -> None:
    await play.recovers()
    lead = play.lead(FirstName="Ada", Email="ada@engines.com")
    await play.dies("written")
    contact = await convert(play, lead)
    play.clock.seconds -= 170  # the person was quicker than the dead one's lease
    (partner,) = play.hs()
    play.edit_hs(partner, email="lovelace@analytical.com")
    play.clock.pass_(seconds=200)
    async with play.concord() as concord:
        first = ref("salesforce", heard_of, lead if heard_of == "Lead" else contact)
        # A batch is of one lane: the lead's own row, which is there from before the kill, comes in the next one.
        await concord.store.take_in([Notice(first, Lane.CONVERSION, play.clock.now(), "webhook")])
        await play.work(concord)
        await play.settle(concord)
        assert list(play.hs()) == [partner]
        assert [(left.id, right.id) for left, right in await concord.store.active_links("people")] == [
            (contact, partner)
        ]
        assert play.sf("Contact")[contact]["Email"] == "lovelace@analytical.com"


# --- an edit on top of a write of ours of which a kill let nothing be recorded


@pytest.mark.parametrize("first_link", [True, False])
async def test_an_edit_over_our_own_write_is_no_conflict_with_what_we_had_brought_over(
    play: Stage, first_link: bool
) -> None:
    await play.recovers()
    if first_link:
        contact = play.hs_contact(email="ada@engines.com", phone="1000", lastname="Lovelace")
        play.clock.pass_(seconds=2)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com", Phone="2000")
    else:
        lead = play.lead(FirstName="Ada", Email="ada@engines.com", Phone="1000")
        await play.recovers()
        (contact,) = play.hs()
        play.clock.pass_(minutes=10)
        play.edit_sf("Lead", lead, Phone="2000")
    play.clock.pass_(seconds=2)
    await play.dies("written")
    assert play.hs()[contact]["phone"] == "2000"
    play.clock.seconds -= 170  # the person was quicker than the dead one's lease
    play.edit_hs(contact, phone="3000")
    play.clock.pass_(seconds=170)
    await play.recovers()
    assert (play.sf("Lead")[lead]["Phone"], play.hs()[contact]["phone"]) == ("3000", "3000"), "who wrote it saw 2000"


async def test_an_edit_is_not_taken_back_by_our_own_older_write_of_it_that_another_edit_made_look_newer(
    play: Stage,
) -> None:
    """Nothing of our write of the title was recorded, and a person has edited another field of the lead since: by its
    last word the lead is not ours, and its title looks newer than the one that HubSpot has by now."""
    await play.recovers()
    contact = play.hs_contact(email="ada@engines.com", lastname="Lovelace", jobtitle="Countess")
    await play.recovers()
    ((lead, _),) = play.sf("Lead").items()
    play.clock.pass_(minutes=10)
    play.edit_hs(contact, jobtitle="Analyst")
    play.clock.pass_(seconds=2)
    await play.dies("written")
    assert play.sf("Lead")[lead]["Title"] == "Analyst"
    play.clock.seconds -= 170  # the persons were quicker than the dead one's lease
    play.edit_hs(contact, jobtitle="Mathematician")
    play.clock.pass_(seconds=5)
    play.edit_sf("Lead", lead, City="London")
    play.clock.pass_(seconds=170)
    await play.recovers()
    assert (play.sf("Lead")[lead]["Title"], play.hs()[contact]["jobtitle"]) == ("Mathematician", "Mathematician")
    assert play.hs()[contact]["city"] == "London"


async def test_an_edit_of_whom_somebody_was_made_from_is_not_taken_back_for_an_edit_of_another_field(
    play: Stage,
) -> None:
    """Nothing of the lead that we made was recorded; somebody has edited it since, so that it is not ours by its last
    word. What it has of its source is no edit all the same."""
    await play.recovers()
    contact = play.hs_contact(email="ada@engines.com", lastname="Lovelace", jobtitle="Countess")
    await play.dies("written")
    ((lead, _),) = play.sf("Lead").items()
    play.clock.seconds -= 170  # the persons were quicker than the dead one's lease
    play.edit_hs(contact, jobtitle="Analyst")
    play.clock.pass_(seconds=7)
    play.edit_sf("Lead", lead, FirstName="Ada")
    play.clock.pass_(seconds=170)
    await play.recovers()
    assert (play.sf("Lead")[lead]["Title"], play.hs()[contact]["jobtitle"]) == ("Analyst", "Analyst")
    assert play.hs()[contact]["firstname"] == "Ada"


@pytest.mark.parametrize("moment", ["read", "planned", "intended"])
@pytest.mark.parametrize("linked", [True, False])
async def test_an_edit_between_our_read_and_a_write_that_nothing_was_recorded_of_is_not_taken_back(
    play: Stage, moment: str, linked: bool
) -> None:
    """Salesforce shows what HubSpot showed a moment ago, by our hand: nobody's edit, and no rival to the newer one."""
    await play.recovers()
    contact = play.hs_contact(email="ada@engines.com", lastname="Lovelace", mobilephone="1000")
    if linked:
        await play.recovers()
        play.clock.pass_(minutes=10)
        play.edit_hs(contact, mobilephone="2000")
        play.clock.pass_(seconds=5)
    play.once(moment, lambda: play.edit_hs(contact, mobilephone="3000"))
    await play.dies("written")
    (lead,) = play.sf("Lead")
    assert play.sf("Lead")[lead]["MobilePhone"] == ("2000" if linked else "1000")
    await play.recovers()
    assert (play.sf("Lead")[lead]["MobilePhone"], play.hs()[contact]["mobilephone"]) == ("3000", "3000")
