"""A system that makes something else of what it is given (lower-cases, trims, cuts, rounds) never looks changed: one
write, none back, and no later verdict is another for it (SPEC 2.3, 3.7)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from tests.stories.stage import Stage, ref, stage

from concord.core.mapping import FieldPair, Owner
from concord.core.plan import Verdict
from concord_sandbox.worlds import empty

SCORE = FieldPair("score", left="Score__c", right="hubspotscore", owner=Owner.LEFT)


def world() -> dict[str, Any]:
    """The empty world with a score of one decimal in Salesforce, and of any in HubSpot."""
    made = empty.build(1)
    number = {"type": "double", "precision": 8, "scale": 1, "label": "Score"}
    for name in ("Lead", "Contact"):
        made["salesforce"]["objects"][name]["fields"].append({"name": "Score__c", **number})
    made["hubspot"].setdefault("properties", {}).setdefault("contacts", []).append(
        {
            "name": "hubspotscore",
            "label": "Score",
            "type": "number",
            "fieldType": "number",
            "groupName": "contactinformation",
        }
    )
    return made


@pytest.fixture
def play(database: str) -> Stage:
    return stage(database, world(), [SCORE])


def writes(play: Stage) -> tuple[int, int]:
    return play.writes(system="salesforce"), play.writes(system="hubspot")


async def conflicts(concord: Any, lead: str) -> list[Verdict]:
    entries = await concord.store.ledger_of(ref("salesforce", "Lead", lead))
    return [entry.verdict for entry in entries if entry.verdict is not None and entry.verdict.conflict]


def cut(length: int) -> Callable[[str], str]:
    return lambda text: text[:length]


def rounded(value: float) -> float:
    return float(Decimal(str(value)).quantize(Decimal("0.1"), ROUND_HALF_UP))


#: What HubSpot makes of a job title.
IN_HUBSPOT = {
    "lower-cases": str.lower,
    "cuts after eight characters": cut(8),
    "takes punctuation out": lambda text: "".join(one for one in text if one.isalnum() or one == " "),
    "capitalises": str.title,
}
#: What Salesforce makes of one.
IN_SALESFORCE = {
    "upper-cases": str.upper,
    "cuts after eight characters": cut(8),
    "puts something before it": lambda text: text if text.startswith("* ") else f"* {text}",
}


@pytest.mark.parametrize("of", IN_HUBSPOT.values(), ids=IN_HUBSPOT.keys())
async def test_what_hubspot_makes_of_a_text_is_written_once_and_never_comes_back(
    play: Stage, of: Callable[[str], str]
) -> None:
    play.hubspot_makes("jobtitle", of)
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com", Title="Countess of LOVELACE, the first")
        await play.settle(concord)
        (contact,) = play.hs()
        assert play.sf("Lead")[lead]["Title"] == "Countess of LOVELACE, the first", "nothing came back after the create"
        before = writes(play)
        play.edit_sf("Lead", lead, Title="Analyst of the ENGINE, no. 1")
        await play.settle(concord)
        assert play.hs()[contact]["jobtitle"] == of("Analyst of the ENGINE, no. 1")
        assert writes(play) == (before[0], before[1] + 1)
        # Other edits on either side make nobody look at the title with other eyes.
        play.edit_hs(contact, city="London")
        await play.settle(concord)
        play.edit_sf("Lead", lead, City="Paris")
        await play.settle(concord)
        assert play.sf("Lead")[lead]["Title"] == "Analyst of the ENGINE, no. 1"
        assert writes(play) == (before[0] + 1, before[1] + 2)
        assert not await conflicts(concord, lead)


@pytest.mark.parametrize("of", IN_SALESFORCE.values(), ids=IN_SALESFORCE.keys())
async def test_what_a_trigger_in_salesforce_makes_of_a_text_is_written_once_and_never_comes_back(
    play: Stage, of: Callable[[str], str]
) -> None:
    play.salesforce_makes("Title", of)
    async with play.concord() as concord:
        await play.settle(concord)
        contact = play.hs_contact(email="ada@engines.com", lastname="King", jobtitle="Countess of Lovelace")
        await play.settle(concord)
        (lead,) = play.sf("Lead")
        assert play.hs()[contact]["jobtitle"] == "Countess of Lovelace", "nothing came back after the create"
        before = writes(play)
        play.edit_hs(contact, jobtitle="Analyst of the Engine")
        await play.settle(concord)
        assert play.sf("Lead")[lead]["Title"] == of("Analyst of the Engine").strip()
        assert writes(play) == (before[0] + 1, before[1])
        play.edit_hs(contact, city="London")
        await play.settle(concord)
        assert play.hs()[contact]["jobtitle"] == "Analyst of the Engine"
        assert writes(play) == (before[0] + 2, before[1])
        assert not await conflicts(concord, lead)


async def test_an_address_in_capitals_and_blanks_is_no_change_on_either_side(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="Ada@Engines.COM ")
        await play.settle(concord)
        (contact,) = play.hs()
        before = writes(play)
        play.edit_hs(contact, email=" ADA@engines.com", firstname=" Ada ")
        await play.settle(concord)
        assert writes(play) == before
        assert play.sf("Lead")[lead]["Email"] == play.hs()[contact]["email"] == "ada@engines.com"


async def test_a_first_link_of_values_that_differ_only_in_their_form_writes_nothing(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        play.hubspot_makes("email", str.lower)
        contact = play.hs_contact(email="ada@engines.com", firstname="Ada", lastname="King", phone="+44 20 7946-0001",
                                  hs_lead_status="NEW")  # fmt: skip
        lead = play.lead(FirstName="Ada ", LastName="King", Email="ADA@engines.com", Phone="+44 (20) 7946 0001",
                         Company="[not provided]")  # fmt: skip
        play.edit_hs(contact, company="[not provided]")
        await play.settle(concord)
        assert (await concord.store.counts()).links == 1
        assert writes(play) == (0, 0)
        assert play.hs()[contact]["phone"] != play.sf("Lead")[lead]["Phone"]


async def test_a_number_that_salesforce_rounds_is_written_once_and_never_comes_back(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com")
        await play.settle(concord)
        (contact,) = play.hs()
        before = writes(play)
        for given in ("7.25", "7.3499", "1234.05", "-0.05"):
            play.edit_hs(contact, hubspotscore=given)
            await play.settle(concord)
            assert play.hs()[contact]["hubspotscore"] == given
            assert abs(play.sf("Lead")[lead]["Score__c"] - float(given)) <= 0.0501
        sent = writes(play)
        assert sent[1] == before[1]
        assert sent[0] - before[0] <= 4
        play.edit_hs(contact, city="London")
        await play.settle(concord)
        assert writes(play) == (sent[0] + 1, sent[1])
        assert not await conflicts(concord, lead)


async def test_a_number_that_a_trigger_rounds_to_whole_ones_is_written_once_and_never_comes_back(play: Stage) -> None:
    play.salesforce_makes("Score__c", lambda value: float(round(value)))
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com")
        await play.settle(concord)
        (contact,) = play.hs()
        before = writes(play)
        play.edit_hs(contact, hubspotscore="7.4")
        await play.settle(concord)
        play.edit_hs(contact, jobtitle="Analyst")
        await play.settle(concord)
        assert (play.sf("Lead")[lead]["Score__c"], play.hs()[contact]["hubspotscore"]) == (7.0, "7.4")
        assert writes(play) == (before[0] + 2, before[1])


async def test_a_moment_of_which_salesforce_keeps_whole_seconds_never_comes_back(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com")
        await play.settle(concord)
        (contact,) = play.hs()
        before = writes(play)
        play.edit_hs(contact, last_contacted="2026-11-01T10:00:00.789Z")
        await play.settle(concord)
        assert play.sf("Lead")[lead]["Last_Contacted__c"] == "2026-11-01T10:00:00.000+0000"
        assert play.hs()[contact]["last_contacted"] == "2026-11-01T10:00:00.789Z"
        assert writes(play) == (before[0] + 1, before[1])


async def test_a_text_that_is_longer_than_the_field_waits_and_is_not_cut_and_holds_up_nothing_else(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com", Title="Countess")
        await play.settle(concord)
        (contact,) = play.hs()
        play.edit_hs(contact, jobtitle="A" * 200, city="London")
        await play.settle(concord)
        assert (play.sf("Lead")[lead]["Title"], play.sf("Lead")[lead]["City"]) == ("Countess", "London")
        assert play.hs()[contact]["jobtitle"] == "A" * 200
        entries = await concord.store.ledger_of(ref("salesforce", "Lead", lead))
        held = next(one.verdict for one in entries if one.verdict and one.verdict.field == "job_title")
        assert "200 characters and Title holds 128" in held.reason


async def test_a_field_that_salesforce_cuts_at_its_own_length_without_a_word_causes_no_second_write(
    database: str,
) -> None:
    """An org that lets texts be cut, and whose limit was lowered after Concord had read the schema."""
    given = world()
    title = {"name": "Title", "type": "string", "length": 128, "label": "Title", "truncates": True}
    given["salesforce"]["objects"]["Lead"]["fields"].append(title)
    play = stage(database, given)
    async with play.concord() as concord:
        await play.settle(concord)
        contact = play.hs_contact(email="ada@engines.com", lastname="King")
        await play.settle(concord)
        (lead,) = play.sf("Lead")
        play.shorten("Lead", "Title", 12)
        before = writes(play)
        play.edit_hs(contact, jobtitle="Countess of Lovelace")
        await play.settle(concord)
        assert play.sf("Lead")[lead]["Title"] == "Countess of"
        play.edit_sf("Lead", lead, City="London")
        await play.settle(concord)
        assert play.hs()[contact]["jobtitle"] == "Countess of Lovelace"
        assert writes(play) == (before[0] + 1, before[1] + 1)


async def test_an_edit_by_hand_of_what_the_system_made_of_our_write_is_an_edit(play: Stage) -> None:
    play.salesforce_makes("Title", cut(8))
    async with play.concord() as concord:
        await play.settle(concord)
        contact = play.hs_contact(email="ada@engines.com", lastname="King", jobtitle="Countess of Lovelace")
        await play.settle(concord)
        (lead,) = play.sf("Lead")
        assert play.sf("Lead")[lead]["Title"] == "Countess"
        play.edit_sf("Lead", lead, Title="Analyst")
        await play.settle(concord)
        assert play.hs()[contact]["jobtitle"] == "Analyst"


async def test_two_systems_that_each_make_something_else_of_a_text_do_not_chase_each_other(play: Stage) -> None:
    play.salesforce_makes("Title", str.upper)
    play.hubspot_makes("jobtitle", str.lower)
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com", Title="Countess")
        await play.settle(concord)
        (contact,) = play.hs()
        for number in range(3):
            before = writes(play)
            play.edit_sf("Lead", lead, Title=f"Analyst {number}")
            await play.settle(concord)
            assert writes(play) == (before[0], before[1] + 1)
            play.edit_hs(contact, jobtitle=f"Mathematician {number}")
            await play.settle(concord)
            assert writes(play) == (before[0] + 1, before[1] + 1)
        assert (play.sf("Lead")[lead]["Title"], play.hs()[contact]["jobtitle"]) == (
            "MATHEMATICIAN 2",
            "mathematician 2",
        )
