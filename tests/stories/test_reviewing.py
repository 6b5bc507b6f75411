"""A person says who is who, and may take it back (SPEC 4.3, 4.7)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from tests.stories.stage import Stage, stage

from concord.app import Concord
from concord.engine import reviewing
from concord.engine.reviewing import APART, LINKED, OPEN
from concord.errors import ConfigError


@dataclass
class Doubt:
    """A lead and a contact that may be one person: the same name at one company, by two addresses at its domain."""

    play: Stage
    concord: Concord
    lead: str
    contact: str

    async def say(self, state: str) -> None:
        one = await reviewing.find(self.concord.scope, self.lead, self.contact)
        await reviewing.answer(self.concord.scope, one, state)
        await self.play.settle(self.concord)

    async def take_back(self) -> None:
        one = await reviewing.find(self.concord.scope, self.lead, self.contact)
        await reviewing.take_back(self.concord.scope, one)
        await self.play.settle(self.concord)

    async def state(self) -> str:
        return (await reviewing.find(self.concord.scope, self.lead, self.contact)).state

    async def linked(self) -> bool:
        links = await self.concord.store.active_links("people")
        return (self.lead, self.contact) in {(left.id, right.id) for left, right in links}

    def counts(self) -> tuple[int, int]:
        return len(self.play.sf("Lead")), len(self.play.hs())


@pytest.fixture
async def doubt(database: str) -> AsyncIterator[Doubt]:
    play = stage(database)
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", LastName="Lovelace", Company="Engines Ltd", Email="ada@engines.com")
        contact = play.hs_contact(
            firstname="Ada", lastname="Lovelace", company="Engines Ltd", email="lovelace.ada@engines.com"
        )
        await play.settle(concord)
        assert [one.left.id for one in await concord.store.open_reviews()] == [lead]
        yield Doubt(play, concord, lead, contact)


async def test_two_that_are_one_are_linked_and_brought_into_agreement(doubt: Doubt) -> None:
    await doubt.say(LINKED)
    assert await doubt.linked()
    assert doubt.counts() == (1, 1)
    assert await doubt.state() == LINKED
    ((review, _at),) = await doubt.concord.store.decided_reviews()
    assert (review.left.id, review.state) == (doubt.lead, LINKED)


async def test_two_that_are_two_each_get_a_partner_and_are_never_asked_about_again(doubt: Doubt) -> None:
    await doubt.say(APART)
    assert doubt.counts() == (2, 2)
    assert not await doubt.linked()
    doubt.play.edit_sf("Lead", doubt.lead, Title="Countess")
    await doubt.play.settle(doubt.concord)
    assert await doubt.concord.store.open_reviews() == []


async def test_what_was_linked_in_error_is_a_question_again_and_nobody_is_made(doubt: Doubt) -> None:
    await doubt.say(LINKED)
    await doubt.take_back()
    assert not await doubt.linked()
    assert await doubt.state() == OPEN
    assert doubt.counts() == (1, 1)
    assert not doubt.play.sf("Lead")[doubt.lead].get("HubSpot_Contact_Id__c")
    assert not doubt.play.hs()[doubt.contact].get("salesforce_lead_id")


async def test_after_a_link_was_taken_back_they_can_be_two(doubt: Doubt) -> None:
    await doubt.say(LINKED)
    await doubt.take_back()
    # HubSpot has every address once, and both have the same by now: whoever takes them apart has to mend that first.
    doubt.play.edit_sf("Lead", doubt.lead, Email="ada@engines.com")
    await doubt.say(APART)
    assert doubt.counts() == (2, 2)
    assert not await doubt.linked()


async def test_after_a_link_was_taken_back_they_can_be_one_again(doubt: Doubt) -> None:
    await doubt.say(LINKED)
    await doubt.take_back()
    await doubt.say(LINKED)
    assert await doubt.linked()
    doubt.play.edit_sf("Lead", doubt.lead, Title="Countess")
    await doubt.play.settle(doubt.concord)
    assert doubt.play.hs()[doubt.contact]["jobtitle"] == "Countess"


async def test_two_that_concord_linked_by_itself_can_be_said_to_be_two(doubt: Doubt) -> None:
    play = doubt.play
    lead = play.lead(FirstName="Grace", LastName="Hopper", Company="Navy", Email="grace@navy.example")
    contact = play.hs_contact(firstname="Grace", lastname="Hopper", email="grace@navy.example")
    await play.settle(doubt.concord)
    other = Doubt(play, doubt.concord, lead, contact)
    assert await other.linked()
    with pytest.raises(ConfigError, match="say that they are apart"):
        await other.take_back()
    await other.say(APART)
    assert not await other.linked()
    play.edit_sf("Lead", lead, Title="Admiral")
    await play.settle(doubt.concord)
    assert play.hs()[contact].get("jobtitle", "") != "Admiral"


async def test_who_is_linked_is_not_linked_with_another_by_a_slip(doubt: Doubt) -> None:
    await doubt.say(LINKED)
    other = doubt.play.hs_contact(firstname="Byron", lastname="King", email="byron@king.example")
    await doubt.play.settle(doubt.concord)
    one = await reviewing.find(doubt.concord.scope, doubt.lead, other)
    with pytest.raises(ConfigError, match="is linked with"):
        await reviewing.answer(doubt.concord.scope, one, LINKED)


async def test_an_id_that_nobody_has_is_named(doubt: Doubt) -> None:
    with pytest.raises(ConfigError, match="hubspot has no record 4711"):
        await reviewing.find(doubt.concord.scope, doubt.lead, "4711")


async def test_two_of_one_system_are_told_where_they_are_merged(doubt: Doubt) -> None:
    other = doubt.play.lead(FirstName="Byron", LastName="King", Email="byron@king.example")
    await doubt.play.settle(doubt.concord)
    with pytest.raises(ConfigError, match="concord review merge ID ID"):
        await reviewing.find(doubt.concord.scope, doubt.lead, other)


async def test_both_are_shown_side_by_side_as_they_are_now(doubt: Doubt) -> None:
    one = await reviewing.find(doubt.concord.scope, doubt.lead, doubt.contact)
    doubt.play.edit_hs(doubt.contact, city="London")
    seen = await reviewing.shown(doubt.concord.scope, one)
    rows = {row.field: row for row in seen.rows}
    assert (rows["last_name"].left, rows["last_name"].right, rows["last_name"].same) == ("Lovelace", "Lovelace", True)
    assert (rows["city"].left, rows["city"].right, rows["city"].same) == ("", "London", False)
