"""A flood of changes stops and asks; what is not part of it goes on (SPEC 9.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.stories.stage import Stage, stage

from concord.app import Concord
from concord.config.breaker import AtMost, Breaker
from concord.core.plan import Outcome, Rule
from concord.core.values import Ref
from concord.engine.reconcile import bring_together, survey
from concord.errors import Category
from concord_sandbox.hubspot.tables import Actor

WINDOW = timedelta(minutes=15)
FEW = AtMost(records=3, share=0)
NAMES = (
    ("Ada", "Lovelace"),
    ("Grace", "Hopper"),
    ("Alan", "Turing"),
    ("Hedy", "Lamarr"),
    ("Konrad", "Zuse"),
    ("Emmy", "Noether"),
    ("Niklaus", "Wirth"),
    ("Barbara", "Liskov"),
)
PEOPLE = len(NAMES)


def watching(play: Stage, **said: object) -> Stage:
    """A stage on which three records of any kind are the most. said: of the section `breaker`."""
    given: dict[str, object] = {"delete": FEW, "blank": FEW, "owner": FEW, "lifecycle": FEW, "create": None, **said}
    return replace(play, settings=replace(play.settings, breaker=Breaker(**given)))  # type: ignore[arg-type]


@pytest.fixture
def play(database: str) -> Stage:
    return watching(stage(database))


async def linked(play: Stage, concord: Concord, **fields: str) -> list[str]:
    """So many contacts of HubSpot with their leads; their ids."""
    ids = [play.hs_contact(**hubspot(n), **fields) for n in range(PEOPLE)]
    await play.settle(concord)
    assert len(play.sf("Lead")) == PEOPLE
    play.clock.pass_(minutes=30)
    return ids


def mail(number: int) -> str:
    return f"{NAMES[number][0]}@{NAMES[number][1]}.com".lower()


def hubspot(number: int) -> dict[str, str]:
    return {"email": mail(number), "firstname": NAMES[number][0], "lastname": NAMES[number][1]}


def salesforce(number: int) -> dict[str, str]:
    return {"Email": mail(number), "FirstName": NAMES[number][0], "LastName": NAMES[number][1], "Company": "Acme"}


def titles(play: Stage) -> list[object]:
    return [lead.get("Title") for lead in play.sf("Lead").values()]


async def dead(concord: Concord) -> int:
    return (await concord.store.backlog())["dead"]


async def names(concord: Concord) -> list[str]:
    return [one.name for one in await concord.store.open_breakers()]


async def cleared(play: Stage, concord: Concord, ids: Sequence[str]) -> None:
    """Somebody clears the job title of all of these, and moves them to another city by the same import."""
    for contact in ids:
        play.edit_hs(contact, jobtitle="", city="London")
    await play.settle(concord)


async def test_a_mass_clear_is_held_field_by_field_while_the_rest_of_each_record_goes_on(play: Stage) -> None:
    async with play.concord() as concord:
        await cleared(play, concord, await linked(play, concord, jobtitle="Analyst"))
        assert titles(play) == ["Analyst"] * PEOPLE, "nothing was cleared"
        assert {lead["City"] for lead in play.sf("Lead").values()} == {"London"}, "everything else arrived"
        assert await names(concord) == ["blank:people:salesforce"]
        (one,) = await concord.store.open_breakers()
        assert one.reason == f"{PEOPLE} people would lose a value in salesforce within 15 min; 3 is the most"
        (cause,) = await concord.store.causes(play.clock.now())
        assert (cause.category, cause.code, cause.dead) == (Category.BREAKER, "blank:people:salesforce", PEOPLE)
        (stand,) = await concord.store.breakers(play.clock.now())
        assert stand.waiting == PEOPLE
        entries = await concord.store.ledger_of(stand.samples[0])
        held = next(one.verdict for one in entries if one.verdict and one.verdict.field == "job_title")
        assert (held.outcome, held.rule) == (Outcome.HELD, Rule.BREAKER)
        assert "blank:people:salesforce" in held.reason


async def test_as_many_as_the_limit_pass_and_one_more_within_the_window_does_not(play: Stage) -> None:
    async with play.concord() as concord:
        ids = await linked(play, concord, jobtitle="Analyst")
        await cleared(play, concord, ids[:2])
        play.clock.pass_(minutes=5)
        await cleared(play, concord, ids[2:3])
        assert await names(concord) == []
        play.clock.pass_(minutes=5)
        await cleared(play, concord, ids[3:4])
        assert await names(concord) == ["blank:people:salesforce"]
        assert titles(play).count("Analyst") == PEOPLE - 3


async def test_what_is_spread_over_more_than_the_window_passes(play: Stage) -> None:
    async with play.concord() as concord:
        for contact in await linked(play, concord, jobtitle="Analyst"):
            await cleared(play, concord, [contact])
            play.clock.pass_(minutes=6)
        assert await names(concord) == []
        assert titles(play) == [None] * PEOPLE


async def test_one_record_that_changes_again_and_again_is_one_record(play: Stage) -> None:
    async with play.concord() as concord:
        contact = (await linked(play, concord, jobtitle="Analyst"))[0]
        for round_ in range(6):
            play.edit_hs(contact, jobtitle="")
            await play.settle(concord)
            play.edit_hs(contact, jobtitle=f"Title {round_}")
            await play.settle(concord)
        assert await names(concord) == []


async def test_allow_lets_all_that_is_held_go_and_what_still_comes_of_the_flood(play: Stage) -> None:
    async with play.concord() as concord:
        ids = await linked(play, concord, jobtitle="Analyst")
        await cleared(play, concord, ids[:6])
        assert titles(play).count("Analyst") == PEOPLE
        answered = await concord.store.allow_flood("blank:people:salesforce", play.clock.now(), WINDOW)
        assert answered.again == 6
        await play.settle(concord)
        await cleared(play, concord, ids[6:])
        assert titles(play) == [None] * PEOPLE
        assert (await names(concord), await dead(concord)) == ([], 0)


async def test_the_allowance_ends_with_the_flood(play: Stage) -> None:
    async with play.concord() as concord:
        ids = await linked(play, concord, jobtitle="Analyst")
        await cleared(play, concord, ids[:4])
        await concord.store.allow_flood("blank:people:salesforce", play.clock.now(), WINDOW)
        await play.settle(concord)
        play.clock.pass_(minutes=31)
        await cleared(play, concord, ids[4:])
        assert await names(concord) == ["blank:people:salesforce"], "the next flood is asked about anew"
        assert titles(play).count("Analyst") == 4


async def test_refuse_leaves_both_sides_as_they_are_until_somebody_edits_the_field(play: Stage) -> None:
    async with play.concord() as concord:
        ids = await linked(play, concord, jobtitle="Analyst")
        await cleared(play, concord, ids)
        answered = await concord.store.refuse_flood("blank:people:salesforce", play.clock.now(), WINDOW)
        assert (answered.again, answered.differing, answered.refused) == (PEOPLE, PEOPLE, 0)
        await play.settle(concord)
        assert (await names(concord), await dead(concord)) == ([], 0)
        play.clock.pass_(hours=2)
        for contact in ids:
            play.edit_hs(contact, city="Paris")  # another field: the refused one is not carried over beside it
        await play.settle(concord)
        assert titles(play) == ["Analyst"] * PEOPLE
        assert {one.get("jobtitle", "") for one in play.hs().values()} == {""}
        assert await names(concord) == []
        play.edit_hs(ids[0], jobtitle="Countess")
        lead = next(at for at, one in play.sf("Lead").items() if one["Email"] == mail(1))
        play.edit_sf("Lead", lead, Title="Duchess")
        await play.settle(concord)
        by_mail = {one["Email"]: one["Title"] for one in play.sf("Lead").values()}
        assert by_mail[mail(0)] == "Countess"
        assert play.hs()[ids[1]]["jobtitle"] == by_mail[mail(1)] == "Duchess"
        play.edit_hs(ids[0], jobtitle="")
        await play.settle(concord)
        assert None in titles(play), "a later clear of one is carried over as ever"


async def test_what_comes_of_a_refused_flood_after_the_answer_is_held_at_once(play: Stage) -> None:
    async with play.concord() as concord:
        ids = await linked(play, concord, jobtitle="Analyst")
        await cleared(play, concord, ids[:6])
        await concord.store.refuse_flood("blank:people:salesforce", play.clock.now(), WINDOW)
        await play.settle(concord)
        await cleared(play, concord, ids[6:7])
        assert await names(concord) == ["blank:people:salesforce"]
        assert titles(play) == ["Analyst"] * PEOPLE


async def test_an_edit_that_undoes_a_held_change_leaves_nothing_waiting(play: Stage) -> None:
    async with play.concord() as concord:
        ids = await linked(play, concord, jobtitle="Analyst")
        await cleared(play, concord, ids)
        for contact in ids:
            play.edit_hs(contact, jobtitle="Analyst")
        await play.settle(concord)
        assert await dead(concord) == 0
        await concord.store.refuse_flood("blank:people:salesforce", play.clock.now(), WINDOW)
        play.clock.pass_(minutes=20)
        play.edit_hs(ids[0], jobtitle="Countess")
        await play.settle(concord)
        assert titles(play).count("Countess") == 1, "the answer changed nothing that nobody waited for any more"


async def test_opt_outs_are_never_held_however_many_and_whatever_else_is(play: Stage) -> None:
    async with play.concord() as concord:
        ids = await linked(play, concord, jobtitle="Analyst")
        await cleared(play, concord, ids)
        for contact in ids:
            play.edit_hs(contact, hs_email_optout="true")
        await play.settle(concord)
        assert all(lead["HasOptedOutOfEmail"] is True for lead in play.sf("Lead").values())
        assert titles(play) == ["Analyst"] * PEOPLE, "the clears still wait"


async def test_a_stage_that_moves_for_too_many_is_held(play: Stage) -> None:
    async with play.concord() as concord:
        ids = await linked(play, concord, lifecyclestage="lead")
        for contact in ids:
            play.edit_hs(contact, lifecyclestage="customer")
        await play.settle(concord)
        assert await names(concord) == ["lifecycle:people:salesforce"]
        assert {lead["HubSpot_Lifecycle_Stage__c"] for lead in play.sf("Lead").values()} == {"lead"}


async def test_an_owner_that_changes_for_too_many_is_held(database: str) -> None:
    play = watching(stage(database), owner_fields=("Title",))
    async with play.concord() as concord:
        for contact in await linked(play, concord, jobtitle="Grace's"):
            play.edit_hs(contact, jobtitle="Ada's")
        await play.settle(concord)
        assert await names(concord) == ["owner:people:salesforce"]
        assert set(titles(play)) == {"Grace's"}


async def test_one_record_can_wait_for_two_breakers_and_each_is_answered_by_itself(play: Stage) -> None:
    async with play.concord() as concord:
        ids = await linked(play, concord, jobtitle="Analyst", lifecyclestage="lead")
        for contact in ids:
            play.edit_hs(contact, jobtitle="", lifecyclestage="customer")
        await play.settle(concord)
        assert sorted(await names(concord)) == ["blank:people:salesforce", "lifecycle:people:salesforce"]
        await concord.store.refuse_flood("blank:people:salesforce", play.clock.now(), WINDOW)
        await play.settle(concord)
        assert await names(concord) == ["lifecycle:people:salesforce"]
        assert await dead(concord) == PEOPLE
        await concord.store.allow_flood("lifecycle:people:salesforce", play.clock.now(), WINDOW)
        await play.settle(concord)
        assert {lead["HubSpot_Lifecycle_Stage__c"] for lead in play.sf("Lead").values()} == {"customer"}
        assert titles(play) == ["Analyst"] * PEOPLE
        assert await dead(concord) == 0


async def test_an_import_of_too_many_makes_nobody_until_it_is_allowed(database: str) -> None:
    play = watching(stage(database), create=FEW)
    async with play.concord() as concord:
        await play.settle(concord)
        for n in range(PEOPLE):
            play.hs_contact(**hubspot(n))
        await play.settle(concord)
        assert play.sf("Lead") == {}
        assert await names(concord) == ["create:people:salesforce"]
        await concord.store.allow_flood("create:people:salesforce", play.clock.now(), WINDOW)
        await play.settle(concord)
        assert len(play.sf("Lead")) == PEOPLE


async def test_records_that_were_refused_are_not_made_but_linked_with_a_partner_made_by_hand(database: str) -> None:
    play = watching(stage(database), create=FEW)
    async with play.concord() as concord:
        await play.settle(concord)
        ids = [play.hs_contact(**hubspot(n)) for n in range(PEOPLE)]
        await play.settle(concord)
        answered = await concord.store.refuse_flood("create:people:salesforce", play.clock.now(), WINDOW)
        assert answered.refused == PEOPLE
        await play.settle(concord)
        play.clock.pass_(hours=2)
        play.edit_hs(ids[0], city="Paris")
        await play.settle(concord)
        assert (play.sf("Lead"), await names(concord), await dead(concord)) == ({}, [], 0)
        play.hs_contact(email="new@elsewhere.com", firstname="New", lastname="Here")
        play.lead(**salesforce(1))
        await play.settle(concord)
        assert sorted(one["Email"] for one in play.sf("Lead").values()) == [mail(1), "new@elsewhere.com"]
        assert len(play.hs()) == PEOPLE + 1, "the one made by hand was found, not doubled"
        await concord.store.allow_flood("create:people:salesforce", play.clock.now(), WINDOW)
        await play.settle(concord)
        assert len(play.sf("Lead")) == PEOPLE + 1


async def test_links_of_too_many_that_are_gone_stay_until_somebody_has_answered(play: Stage) -> None:
    async with play.concord() as concord:
        ids = await linked(play, concord)
        for contact in ids:
            play.hubspot.service.human_delete("contacts", contact, None)
        await play.settle(concord)
        assert await names(concord) == ["delete:people:hubspot"]
        assert len(await concord.store.active_links("people")) == PEOPLE
        assert await dead(concord) > 0
        await concord.store.allow_flood("delete:people:hubspot", play.clock.now(), WINDOW)
        await play.settle(concord)
        assert await concord.store.active_links("people") == []
        assert await dead(concord) == 0


async def test_records_that_come_back_after_a_mass_deletion_were_never_unlinked(play: Stage) -> None:
    async with play.concord() as concord:
        ids = await linked(play, concord)
        links = await concord.store.active_links("people")
        for contact in ids:
            play.hubspot.service.human_delete("contacts", contact, None)
        await play.settle(concord)
        assert await names(concord) == ["delete:people:hubspot"]
        table = play.portal.portal.require_table("contacts")
        for contact in ids:
            play.clock.pass_(seconds=1)
            play.portal.crm.restore(table, int(contact), Actor("CRM_UI", "userId:1", None, 1))
        await play.settle(concord)
        assert await dead(concord) == 0, "nobody is gone, so nobody has to answer"
        for lead in play.sf("Lead"):
            play.edit_sf("Lead", lead, City="London")
        await play.settle(concord)
        assert {one["city"] for one in play.hs().values()} == {"London"}
        assert await concord.store.active_links("people") == links


async def test_a_duplicate_does_not_take_over_at_a_link_whose_end_is_held(play: Stage) -> None:
    async with play.concord() as concord:
        ids = await linked(play, concord)
        doubles = [play.lead(**salesforce(n)) for n in range(PEOPLE)]
        await play.settle(concord)
        assert (await concord.store.counts()).duplicates == PEOPLE
        for left, _ in await concord.store.active_links("people"):
            play.salesforce.service.human_delete("Lead", left.id, None)
        await play.settle(concord)
        assert await names(concord) == ["delete:people:salesforce"]
        assert not {left.id for left, _ in await concord.store.active_links("people")} & set(doubles)
        events = {
            entry.event for one in doubles for entry in await concord.store.ledger_of(Ref("salesforce", "Lead", one))
        }
        assert "not linked" not in events, "nobody tried in vain"
        await concord.store.allow_flood("delete:people:salesforce", play.clock.now(), WINDOW)
        await play.settle(concord)
        links = await concord.store.active_links("people")
        assert {(left.id, right.id) for left, right in links} == set(zip(doubles, ids, strict=True))


async def test_a_kill_between_counting_and_writing_counts_nobody_twice(play: Stage) -> None:
    async with play.concord() as concord:
        ids = await linked(play, concord, jobtitle="Analyst")
    for contact in ids[:3]:
        play.edit_hs(contact, jobtitle="")
    await play.dies("intended")
    assert titles(play) == ["Analyst"] * PEOPLE
    await play.recovers()
    assert titles(play).count("Analyst") == PEOPLE - 3, "three are the most, and three they are"


async def test_an_answer_that_comes_while_a_batch_is_on_the_line_is_not_missed(play: Stage) -> None:
    async with play.concord() as concord:
        ids = await linked(play, concord, jobtitle="Analyst")
        waiting: list[asyncio.Task[object]] = []

        def answer() -> None:
            """Between holding back and recording."""
            store = concord.store
            waiting.append(
                asyncio.ensure_future(store.allow_flood("blank:people:salesforce", play.clock.now(), WINDOW))
            )

        class Slow:
            """The store, which is given the answer before the batch is written down."""

            def __getattr__(self, name: str) -> object:
                return getattr(concord.store, name)

            async def record(self, *given: object) -> None:
                if waiting:
                    await waiting[0]
                await concord.store.record(*given)  # type: ignore[arg-type]

        slow = replace(concord, scope=replace(concord.scope, store=Slow()))  # type: ignore[arg-type]
        play.once("intended", answer)
        for contact in ids:
            play.edit_hs(contact, jobtitle="")
        await play.settle(slow)
        assert waiting
        await play.settle(concord)
        assert titles(play) == [None] * PEOPLE
        assert await dead(concord) == 0


def both(play: Stage, number: int) -> None:
    """A person whom both systems have, at two stages."""
    play.lead(**salesforce(number), HubSpot_Lifecycle_Stage__c="lead")
    play.hs_contact(**hubspot(number), lifecyclestage="customer")


async def test_the_first_run_passes_for_a_person_has_seen_what_it_makes_and_decides(database: str) -> None:
    play = watching(stage(database), create=FEW)
    for n in range(PEOPLE):
        both(play, n)
        play.hs_contact(email=f"q{n}@other{n}.com", firstname=f"Other{n}", lastname=NAMES[n][0])

    play.clock.pass_(minutes=1)

    def quietly(what: str, done: int, total: int | None) -> None:
        return None

    async with play.concord() as concord:

        async def batch() -> int:
            return await play.work(concord)

        await bring_together(concord.scope, await survey(concord.scope, quietly), quietly, batch)
        assert len(play.sf("Lead")) == 2 * PEOPLE
        assert [lead["HubSpot_Lifecycle_Stage__c"] for lead in play.sf("Lead").values()].count("customer") == PEOPLE
        assert (await names(concord), await dead(concord)) == ([], 0)


async def test_the_same_comes_to_a_stop_where_nobody_has_seen_it_before(database: str) -> None:
    play = watching(stage(database), create=FEW)
    async with play.concord() as concord:
        await play.settle(concord)
        for n in range(PEOPLE):
            both(play, n)
        await play.settle(concord)
        assert "lifecycle:people:salesforce" in await names(concord)
        assert len(await concord.store.active_links("people")) == PEOPLE, "who is who is not held"
        assert {lead["HubSpot_Lifecycle_Stage__c"] for lead in play.sf("Lead").values()} == {"lead"}


async def test_a_kind_that_is_off_is_not_watched(database: str) -> None:
    play = watching(stage(database), blank=None)
    async with play.concord() as concord:
        await cleared(play, concord, await linked(play, concord, jobtitle="Analyst"))
        assert (titles(play), await names(concord)) == ([None] * PEOPLE, [])


async def test_what_is_held_is_refused_also_where_two_were_linked_in_the_same_round(database: str) -> None:
    play = watching(stage(database))
    async with play.concord() as concord:
        await play.settle(concord)
        for n in range(PEOPLE):
            both(play, n)
        await play.settle(concord)
        await concord.store.refuse_flood("lifecycle:people:salesforce", play.clock.now(), WINDOW)
        await play.settle(concord)
        assert (await names(concord), await dead(concord)) == ([], 0)
        assert {lead["HubSpot_Lifecycle_Stage__c"] for lead in play.sf("Lead").values()} == {"lead"}
