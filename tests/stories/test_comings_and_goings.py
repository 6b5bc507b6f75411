"""Records that go, come back, are merged; and reconciliation beside all that (SPEC 4.1, 4.4, 4.6, 4.8)."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from tests.stories.stage import Stage, ref, stage

from concord.app import Concord
from concord.core.model import Lane, Notice, Review, Side
from concord.engine.reconcile import begin, bring_together, preview, survey
from concord.engine.sweep import DEEP, sweep


def quietly(what: str, done: int, total: int | None) -> None:
    return None


@pytest.fixture
def play(database: str) -> Stage:
    return stage(database)


async def merge(play: Stage, primary: str, loser: str) -> None:
    """A person merges two contacts in HubSpot: by the vendor's own call, without Concord's hand in it."""
    transport = httpx.ASGITransport(app=play.hubspot)
    async with httpx.AsyncClient(transport=transport, base_url="http://hubspot.test") as hub:
        answer = await hub.post(
            "/crm/objects/2026-09/contacts/merge",
            json={"primaryObjectId": primary, "objectIdToMerge": loser},
            headers={"Authorization": f"Bearer {play.secrets.hubspot_token}"},
        )
        assert answer.is_success, answer.text


async def reconciled(play: Stage, concord: Concord) -> None:
    async def batch() -> int:
        return await play.work(concord)

    await bring_together(concord.scope, await survey(concord.scope, quietly), quietly, batch)


@pytest.mark.parametrize("apply", [False, True])
@pytest.mark.parametrize("edited", ["salesforce", "hubspot"])
async def test_looking_at_both_systems_loses_no_edit_that_was_not_synced_yet(
    play: Stage, apply: bool, edited: str
) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com")
        await play.settle(concord)
        (contact,) = play.hs()
        play.clock.pass_(seconds=30)
        if edited == "salesforce":
            play.edit_sf("Lead", lead, City="London", HasOptedOutOfEmail=True)
        else:
            play.edit_hs(contact, city="London", hs_email_optout="true")
        play.clock.pass_(seconds=30)
        censuses = await survey(concord.scope, quietly)
        await preview(concord.scope, censuses, quietly)
        if apply:
            await reconciled(play, concord)
        # No webhook: only the sweep is left to find it.
        for side in Side:
            await sweep(concord.scope, side, DEEP)
        await play.work(concord)
        assert play.sf("Lead")[lead]["City"] == play.hs()[contact]["city"] == "London"
        assert play.sf("Lead")[lead]["HasOptedOutOfEmail"] is True
        assert play.hs()[contact]["hs_email_optout"] == "true"


async def test_a_reconciliation_that_was_stopped_in_the_middle_is_finished_by_the_line(play: Stage) -> None:
    play.lead(FirstName="Ada", Email="ada@engines.com", City="London")
    play.hs_contact(email="ada@engines.com", firstname="Ada", lastname="Lovelace", jobtitle="Countess")
    async with play.concord() as concord:
        for census in await survey(concord.scope, quietly):
            await begin(concord.scope, census)
    async with play.concord() as concord:
        await play.settle(concord)
        (lead,) = play.sf("Lead").values()
        (contact,) = play.hs().values()
        assert (lead["Title"], contact["city"]) == ("Countess", "London")


async def test_a_look_keeps_who_stands_for_whom(play: Stage) -> None:
    play.lead(FirstName="Ada", Email="ada@engines.com")
    play.sf_contact(FirstName="Ada", Email="ada@engines.com")
    play.hs_contact(email="ada@engines.com", firstname="Ada", lastname="Lovelace")
    async with play.concord() as concord:
        await reconciled(play, concord)
        assert (await concord.store.counts()).duplicates == 1
        await survey(concord.scope, quietly)
        assert (await concord.store.counts()).duplicates == 1


async def test_a_contact_that_was_deleted_and_made_again_by_a_person_is_linked_and_nobody_is_made_twice(
    play: Stage,
) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        lead = play.lead(FirstName="Ada", Email="ada@engines.com")
        await play.settle(concord)
        (contact,) = play.hs()
        play.hubspot.service.human_delete("contacts", contact, None)
        await play.settle(concord)
        assert play.hs() == {}, "what a person deleted is not made again"
        made = play.hs_contact(email="ada@engines.com", firstname="Ada", lastname="Lovelace", jobtitle="Countess")
        await play.settle(concord)
        assert list(play.sf("Lead")) == [lead]
        assert play.sf("Lead")[lead]["Title"] == "Countess"
        assert list(play.hs()) == [made]


async def test_the_survivor_of_a_deleted_pair_is_not_among_those_to_be_created(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        play.lead(FirstName="Ada", Email="ada@engines.com")
        await play.settle(concord)
        (contact,) = play.hs()
        play.hubspot.service.human_delete("contacts", contact, None)
        await play.settle(concord)
        seen = await preview(concord.scope, await survey(concord.scope, quietly), quietly)
        assert not seen.creates
        await reconciled(play, concord)
        assert play.hs() == {}


async def test_the_address_of_a_deleted_contact_is_free_again(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        play.lead(FirstName="Ada", Email="ada@engines.com")
        grace = play.lead(FirstName="Grace", LastName="Hopper", Email="grace@navy.com", Company="Navy")
        await play.settle(concord)
        gone = next(key for key, fields in play.hs().items() if fields["email"] == "ada@engines.com")
        play.hubspot.service.human_delete("contacts", gone, None)
        await play.settle(concord)
        play.edit_sf("Lead", grace, Email="ada@engines.com")
        await play.settle(concord)
        (left,) = play.hs().values()
        assert left["email"] == "ada@engines.com"


async def test_two_linked_contacts_that_were_merged_keep_the_primarys_link_and_overwrite_nobodys_lead(
    play: Stage,
) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        ada = play.lead(FirstName="Ada", Email="ada@engines.com", City="London")
        grace = play.lead(FirstName="Grace", LastName="Hopper", Email="grace@navy.com", Company="Navy", City="Paris")
        await play.settle(concord)
        ids = {fields["email"]: key for key, fields in play.hs().items()}
        primary, loser = ids["grace@navy.com"], ids["ada@engines.com"]
        await merge(play, primary, loser)
        await concord.store.take_in(
            [
                Notice(ref("hubspot", "contacts", one), Lane.PEOPLE, play.clock.now(), "merge")
                for one in (loser, primary)
            ]
        )
        await play.settle(concord)
        leads = play.sf("Lead")
        assert (leads[ada]["FirstName"], leads[ada]["City"]) == ("Ada", "London"), "the loser's lead is left alone"
        (survivor,) = play.hs()
        links = await concord.store.active_links("people")
        assert [(left.id, right.id) for left, right in links] == [(grace, survivor)]
        play.edit_sf("Lead", grace, Title="Admiral")
        await play.settle(concord)
        assert play.hs()[survivor]["jobtitle"] == "Admiral"


async def asked(play: Stage, concord: Concord) -> Review:
    """Two people of one name who write from one shared mailbox: a person has to say whether they are one."""
    play.lead(FirstName="Ada", LastName="Lovelace", Email="info@engines.com", Title="Countess")
    play.hs_contact(email="info@engines.com", firstname="Ada", lastname="Lovelace")
    await play.settle(concord)
    assert len(play.sf("Lead")) == len(play.hs()) == 1, "nobody is made while the question is open"
    (review,) = await concord.store.open_reviews()
    return review


async def answered(play: Stage, concord: Concord, review: Review, state: str) -> None:
    now = play.clock.now()
    await concord.store.decide([replace(review, state=state)], now)
    await concord.store.take_in([Notice(one, Lane.PEOPLE, now, "review") for one in (review.left, review.right)])
    await play.settle(concord)


async def test_a_pair_that_a_person_says_is_one_is_linked_and_brought_into_agreement(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        await answered(play, concord, await asked(play, concord), "linked")
        (contact,) = play.hs().values()
        assert contact["jobtitle"] == "Countess"
        assert await concord.store.open_reviews() == []


async def test_a_pair_that_a_person_keeps_apart_is_never_asked_again_and_never_linked(play: Stage) -> None:
    async with play.concord() as concord:
        await play.settle(concord)
        review = await asked(play, concord)
        await answered(play, concord, review, "apart")
        play.edit_sf("Lead", review.left.id, City="London")
        await play.settle(concord)
        assert await concord.store.open_reviews() == []
        assert play.hs()[review.right.id].get("city") in (None, ""), "two people"
        linked = await concord.store.active_links("people")
        assert (review.left, review.right) not in linked
