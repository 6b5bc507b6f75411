"""Two sets of rules that would chase each other through us are noticed after a bounded number of rounds, stopped for
that field, and reported (SPEC 3.7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from tests.stories.stage import Stage, ref, stage

from concord.app import Concord, _schedule
from concord.config.rounds import Rounds
from concord.core.mapping import SyncRule
from concord.core.model import Refused
from concord.core.plan import Outcome, Rule
from concord.engine.rounds import let_go
from concord.engine.worker import Chores
from concord.errors import Category
from concord.store.health import Cause

TITLE = ("Title", "jobtitle")


def with_rounds(play: Stage, rounds: Rounds | None) -> Stage:
    return replace(play, settings=replace(play.settings, sync=replace(play.settings.sync, rounds=rounds)))


@pytest.fixture
def play(database: str) -> Stage:
    return stage(database)


async def linked(play: Stage, concord: Concord, **fields: str) -> tuple[str, str]:
    """A lead and its contact, some time ago."""
    await play.settle(concord)
    lead = play.lead(FirstName="Ada", Email="ada@engines.com", Title="Analyst", **fields)
    await play.settle(concord)
    (contact,) = play.hs()
    play.clock.pass_(hours=2)
    return lead, contact


def at_odds(play: Stage) -> None:
    """A workflow writes job titles in capitals, a flow in small letters."""
    play.hubspot_reacts("jobtitle", str.upper)
    play.salesforce_reacts("Lead", "Title", lambda text: text and text.lower())


async def written(concord: Concord, lead: str, field: str = "job_title") -> list[tuple[str, ...]]:
    """What was written of a field since the two were linked, oldest first."""
    entries = await concord.store.ledger_of(ref("salesforce", "Lead", lead), 1000)
    found = [one.wrote for one in reversed(entries) if one.verdict and one.verdict.field == field and one.wrote]
    return found[1:]  # without that of the create


async def cause(play: Stage, concord: Concord) -> Cause:
    (one,) = await concord.store.causes(play.clock.now())
    return one


async def dead(concord: Concord) -> int:
    return (await concord.store.backlog())["dead"]


def titles(play: Stage, lead: str, contact: str) -> tuple[Any, Any]:
    return play.sf("Lead")[lead]["Title"], play.hs()[contact]["jobtitle"]


async def test_a_workflow_and_a_flow_that_undo_each_other_are_stopped_after_six_writes_and_reported(
    play: Stage,
) -> None:
    async with play.concord() as concord:
        lead, contact = await linked(play, concord)
        at_odds(play)
        play.edit_sf("Lead", lead, Title="Countess")
        await play.settle(concord, rounds=30)
        assert len(await written(concord, lead)) == 6
        left, right = titles(play, lead, contact)
        assert {left, right} == {"countess", "COUNTESS"}, "each side shows what its own automation made"
        one = await cause(play, concord)
        assert (one.category, one.fields, one.dead, one.later) == (Category.CHASE, TITLE, 1, 0)
        assert "Title in salesforce and jobtitle in hubspot" in one.advice
        assert "job_title: stopped since 2026-11-02 11:" in one.message
        (stuck,) = await concord.store.failed_for([one])
        (refused,) = stuck.failure.refused
        assert {refused.value, refused.shown} == {left, right}, "both values are shown"
        entries = await concord.store.ledger_of(ref("salesforce", "Lead", lead))
        held = next(entry.verdict for entry in entries if entry.verdict)
        assert (held.field, held.outcome, held.rule) == ("job_title", Outcome.HELD, Rule.CHASE)


async def test_without_the_setting_they_chase_each_other_on_and_on(play: Stage) -> None:
    play = with_rounds(play, None)
    async with play.concord() as concord:
        lead, _ = await linked(play, concord)
        at_odds(play)
        play.edit_sf("Lead", lead, Title="Countess")
        with pytest.raises(AssertionError, match="not quiet after 30 rounds"):
            await play.settle(concord, rounds=30)
        assert len(await written(concord, lead)) > 12


async def test_a_field_that_is_stopped_holds_up_no_other_field_and_no_other_record(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await linked(play, concord)
        other = play.lead(LastName="Hopper", Email="grace@navy.com", Company="Navy")
        await play.settle(concord)
        at_odds(play)
        play.edit_sf("Lead", lead, Title="Countess")
        await play.settle(concord, rounds=30)
        writes = len(await written(concord, lead))
        play.edit_sf("Lead", lead, City="London")
        play.edit_hs(contact, phone="+44 20 7946 0001")
        play.edit_sf("Lead", other, City="Arlington")
        await play.settle(concord)
        assert {one["city"] for one in play.hs().values()} == {"London", "Arlington"}
        assert play.sf("Lead")[lead]["Phone"] == "+44 20 7946 0001"
        assert len(await written(concord, lead)) == writes, "the title is as stopped as before"
        assert (await cause(play, concord)).dead == 1


async def test_an_edit_by_hand_of_a_stopped_field_waits_with_it_and_opt_outs_do_not(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await linked(play, concord)
        at_odds(play)
        play.edit_sf("Lead", lead, Title="Countess")
        await play.settle(concord, rounds=30)
        writes = len(await written(concord, lead))
        play.edit_hs(contact, jobtitle="Engineer", hs_email_optout="true")
        await play.settle(concord, rounds=30)
        assert len(await written(concord, lead)) == writes
        assert play.sf("Lead")[lead]["HasOptedOutOfEmail"] is True


async def test_a_person_tries_again_and_it_is_counted_anew(play: Stage) -> None:
    async with play.concord() as concord:
        lead, _ = await linked(play, concord)
        at_odds(play)
        play.edit_sf("Lead", lead, Title="Countess")
        await play.settle(concord, rounds=30)
        assert await concord.store.revive_causes([await cause(play, concord)], play.clock.now()) == 1
        await play.settle(concord, rounds=30)
        assert len(await written(concord, lead)) == 12, "they are still at odds: six more, and no further"
        assert (await cause(play, concord)).dead == 1


async def test_once_one_of_the_two_gives_way_the_next_try_ends_it(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await linked(play, concord)
        capitals = [True]
        play.hubspot_reacts("jobtitle", lambda text: text.upper() if capitals[0] else text)
        play.salesforce_reacts("Lead", "Title", lambda text: text and text.lower())
        play.edit_sf("Lead", lead, Title="Countess")
        await play.settle(concord, rounds=30)
        capitals[0] = False
        assert await concord.store.revive(play.clock.now()) == 1
        await play.settle(concord, rounds=30)
        assert titles(play, lead, contact) == ("countess", "countess")
        assert await dead(concord) == 0
        play.edit_hs(contact, jobtitle="Engineer")
        await play.settle(concord, rounds=30)
        assert titles(play, lead, contact) == ("engineer", "engineer")


async def test_after_the_pause_it_is_tried_again_by_itself_without_any_edit(play: Stage) -> None:
    async with play.concord() as concord:
        bound = play.settings.sync.bound()
        assert bound is not None
        lead, _ = await linked(play, concord)
        at_odds(play)
        play.edit_sf("Lead", lead, Title="Countess")
        await play.settle(concord, rounds=30)
        play.clock.pass_(hours=23)
        assert await let_go(concord.scope, bound) == 0
        play.clock.pass_(hours=1, minutes=1)
        assert await let_go(concord.scope, bound) == 1
        await play.settle(concord, rounds=30)
        assert len(await written(concord, lead)) == 12
        assert (await cause(play, concord)).dead == 1


async def test_a_person_who_edits_ten_times_in_ten_minutes_is_never_stopped(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await linked(play, concord)
        for number in range(10):
            play.edit_sf("Lead", lead, Title="Countess" if number % 2 else "Analyst of Engines")
            await play.settle(concord)
            play.clock.pass_(seconds=50)
        for number in range(10):
            play.edit_hs(contact, jobtitle=f"Title {number % 3}")
            await play.settle(concord)
            play.clock.pass_(seconds=50)
        assert len(await written(concord, lead)) == 20
        assert await dead(concord) == 0


def always_salesforces(play: Stage) -> Stage:
    """A stage on which a job title is what Salesforce says."""
    objects = [
        replace(pair, fields=tuple(replace(one, rule=SyncRule.ALWAYS_LEFT) if one.name == "job_title" else one
                                   for one in pair.fields))
        for pair in play.settings.objects
    ]  # fmt: skip
    return replace(play, settings=replace(play.settings, objects=tuple(objects)))


async def test_a_person_whose_edits_are_put_back_ten_times_in_ten_minutes_is_not_stopped(play: Stage) -> None:
    play = always_salesforces(play)
    async with play.concord() as concord:
        lead, contact = await linked(play, concord)
        for number in range(10):
            play.edit_hs(contact, jobtitle=f"Title {number}")
            await play.settle(concord)
            play.clock.pass_(seconds=50)
        assert titles(play, lead, contact) == ("Analyst", "Analyst")
        assert len(await written(concord, lead)) == 10
        assert await dead(concord) == 0


async def test_a_workflow_that_resets_what_is_always_salesforces_is_stopped_too(play: Stage) -> None:
    play = always_salesforces(play)
    async with play.concord() as concord:
        lead, contact = await linked(play, concord)
        play.hubspot_reacts("jobtitle", lambda _: "Marketing")
        play.edit_hs(contact, jobtitle="Marketing")
        await play.settle(concord, rounds=30)
        assert len(await written(concord, lead)) == 6
        assert titles(play, lead, contact) == ("Analyst", "Marketing")
        (stuck,) = await concord.store.failed_for([await cause(play, concord)])
        assert stuck.failure.refused == (Refused("hubspot", "job_title", "jobtitle", "Analyst", "Marketing"),)
        assert "last in hubspot by workflow 7" in stuck.failure.message


async def test_automations_that_write_something_new_each_time_are_stopped_as_well_only_later(play: Stage) -> None:
    numbers = count()
    async with play.concord() as concord:
        lead, _ = await linked(play, concord)
        play.hubspot_reacts("jobtitle", lambda text: f"{text.split()[0]} {next(numbers)}")
        play.salesforce_reacts("Lead", "Title", lambda text: text and f"{text.split()[0]} {next(numbers)}")
        play.edit_sf("Lead", lead, Title="Countess")
        await play.settle(concord, rounds=100)
        assert len(await written(concord, lead)) == 30
        assert (await cause(play, concord)).category is Category.CHASE


async def test_a_withdrawal_that_something_takes_back_each_time_is_written_however_often(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await linked(play, concord)
        play.edit_hs(contact, hs_email_optout="true")
        await play.settle(concord)
        for _ in range(12):
            play.edit_sf("Lead", lead, HasOptedOutOfEmail=False)
            await play.settle(concord)
            assert play.sf("Lead")[lead]["HasOptedOutOfEmail"] is True
        assert await dead(concord) == 0


async def test_nothing_is_looked_up_for_edits_that_nothing_answers(play: Stage) -> None:
    async with play.concord() as concord:
        lead, contact = await linked(play, concord)
        asked: list[object] = []
        store = Listening(concord.scope.store, asked)
        concord = replace(concord, scope=replace(concord.scope, store=store))
        for number in range(4):
            play.edit_sf("Lead", lead, Title=f"Title {number}", City=f"City {number}")
            await play.settle(concord)
        assert asked == []
        play.edit_hs(contact, jobtitle="Engineer", city="Paris")
        await play.settle(concord)
        assert len(asked) == 1, "one query for all fields and records of a batch"


class Listening:
    """A store that notes when it is asked for rounds."""

    def __init__(self, store: Any, asked: list[object]) -> None:
        self._store, self._asked = store, asked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def rounds(self, fields: Sequence[object], since: object) -> object:
        self._asked.append(fields)
        return await self._store.rounds(fields, since)


async def test_a_kill_after_the_stop_changes_nothing_about_it(play: Stage) -> None:
    async with play.concord() as concord:
        lead, _ = await linked(play, concord)
        at_odds(play)
        play.edit_sf("Lead", lead, Title="Countess")
        for _ in range(100):
            if len(await written(concord, lead)) == 6:
                break
            await play.learn(concord)
            await play.work(concord)
    await play.dies("written")
    async with play.concord() as concord:
        await play.settle(concord, rounds=30)
        assert len(await written(concord, lead)) == 6
        assert (await cause(play, concord)).dead == 1


async def test_the_pauses_that_are_over_are_a_chore_of_their_own_unless_it_is_off(play: Stage) -> None:
    async with play.concord() as concord:
        lead, _ = await linked(play, concord)
        at_odds(play)
        play.edit_sf("Lead", lead, Title="Countess")
        await play.settle(concord, rounds=30)
        play.clock.pass_(days=1, minutes=1)
        chores = Chores()
        chores.of(concord.scope)
        (chore,) = (one for one in _schedule(play.settings, chores) if one.name == "let go")
        await chore.run()
        assert (await concord.store.backlog())["waiting"] == 1
    off = with_rounds(play, None).settings
    assert "let go" not in {one.name for one in _schedule(off, Chores())}
