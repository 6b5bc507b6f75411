"""Several workers on one pair: one at a time decides on a record, whichever side it was told of, and one that was
frozen sends nothing any more (SPEC 9.6; DESIGN, Beyond one machine)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from tests.stories.stage import Stage, ref, stage

from concord.app import Concord
from concord.core.model import Lane, Notice, Side
from concord.core.values import Ref
from concord.engine.sweep import sweep
from concord.engine.sync import run_batch

#: People nobody would take for one another.
NAMES = (
    *("Hopper", "Turing", "Clarke", "Noether", "Ramanujan", "Germain", "Fermat", "Hypatia", "Galois", "Kovalevskaya"),
    *("Euler", "Banach", "Mirzakhani", "Shannon", "Wiles", "Zhukovsky", "Perelman", "Dijkstra", "Wirth", "Liskov"),
)


@dataclass
class Workers:
    """Four Concords on one database and one person who is linked."""

    play: Stage
    concords: list[Concord]
    lead: str
    contact: str

    @property
    def refs(self) -> tuple[Ref, Ref]:
        return ref("salesforce", "Lead", self.lead), ref("hubspot", "contacts", self.contact)

    async def told_of(self, *refs: Ref) -> None:
        now = self.play.clock.now()
        await self.concords[0].store.take_in([Notice(one, Lane.PEOPLE, now, "webhook") for one in refs])

    async def all_work(self) -> None:
        await asyncio.gather(*(self.play.work(concord) for concord in self.concords))

    async def settle(self) -> None:
        for _ in range(30):
            sent, touched = await self.play.learn(self.concords[0])
            await self.all_work()
            if not (sent or touched) and await self.play.idle(self.concords[0]):
                return
        raise AssertionError(f"not quiet: {dict(await self.concords[0].store.backlog())}")


@pytest.fixture
async def workers(database: str) -> AsyncIterator[Workers]:
    play = stage(database)
    async with AsyncExitStack() as stack:
        concords = [await stack.enter_async_context(play.concord()) for _ in range(4)]
        await play.settle(concords[0])
        lead = play.lead(FirstName="Ada", Email="ada@engines.com", Title="Countess", City="London")
        await play.settle(concords[0])
        (contact,) = play.hs()
        play.clock.pass_(seconds=5)
        yield Workers(play, concords, lead, contact)


async def test_a_worker_told_of_one_side_waits_for_the_one_told_of_the_other(workers: Workers) -> None:
    left, right = workers.refs
    first, second = workers.concords[:2]
    seen: list[int] = []
    await workers.told_of(left)
    works = await first.store.claim(10, workers.play.clock.now(), first.scope.lease)
    await first.store.seize(
        works[0].ticket, {str(right): left}, workers.play.clock.now(), workers.play.clock.now() + first.scope.lease
    )
    await workers.told_of(right)
    one = await run_batch(second.scope)
    seen.append(len(one.works) if one else 0)
    assert seen == [0]
    await first.store.postpone(works, workers.play.clock.now())
    workers.play.clock.pass_(seconds=1)
    again = await run_batch(second.scope)
    assert again is not None
    assert {work.ref for work in again.works} == {left, right}


async def test_a_worker_frozen_before_it_writes_writes_nothing_when_it_wakes(workers: Workers) -> None:
    play, (first, second) = workers.play, workers.concords[:2]
    play.edit_hs(workers.contact, jobtitle="Mathematician")
    await play.learn(first)

    def freeze() -> None:
        play.clock.pass_(minutes=3)  # its lease is over
        play.edit_hs(workers.contact, jobtitle="Analyst")  # the edit that it has not read

    play.once("planned", freeze)
    before = play.writes(system="salesforce")
    one = await run_batch(first.scope)
    assert one is not None
    assert one.done == ()
    assert play.writes(system="salesforce") == before
    await play.settle(second)
    assert play.sf("Lead")[workers.lead]["Title"] == "Analyst"


async def test_a_worker_that_lost_its_claim_between_two_writes_leaves_the_second(workers: Workers) -> None:
    """Other workers may have decided anew since: what was read so long ago is not written over that."""
    play, first = workers.play, workers.concords[0]
    play.edit_hs(workers.contact, jobtitle="Mathematician")
    await play.learn(first)
    play.once("intended", lambda: play.clock.pass_(minutes=3))
    before = play.writes(system="salesforce")
    await run_batch(first.scope)
    assert play.writes(system="salesforce") == before


async def test_a_slow_worker_keeps_its_claim_as_long_as_it_goes_on(workers: Workers) -> None:
    play, (first, second) = workers.play, workers.concords[:2]
    play.edit_hs(workers.contact, jobtitle="Mathematician")
    await play.learn(first)
    for point in ("read", "planned", "intended"):
        play.once(point, lambda: play.clock.pass_(seconds=50))
    one = await run_batch(first.scope)
    assert one is not None
    assert [done.failure for done in one.done] == [None]
    assert play.sf("Lead")[workers.lead]["Title"] == "Mathematician"
    assert await run_batch(second.scope) is None


async def test_four_workers_make_nobody_twice(workers: Workers) -> None:
    """The same people come in on both sides at once, some of them several times: each is one couple in the end."""
    play = workers.play
    for place, name in enumerate(NAMES):
        address = f"{name.lower()}@{name.lower()}-institute.example"
        if place % 3 != 1:
            play.lead(FirstName=name[:3], LastName=name, Email=address, Company=f"{name} Institute")
        if place % 3 != 2:
            play.hs_contact(firstname=name[:3], lastname=name, email=address)
    play.clock.pass_(seconds=2)
    for concord in workers.concords[:2]:
        for side in Side:
            await sweep(concord.scope, side)
    await workers.all_work()
    await workers.settle()
    left = sorted(row["Email"] for row in play.sf("Lead").values())
    right = sorted(row["email"] for row in play.hs().values())
    assert left == right
    assert len(left) == 1 + len(NAMES)


async def test_edits_on_both_sides_end_alike_however_many_work(workers: Workers) -> None:
    play = workers.play
    for name in NAMES:
        play.lead(LastName=name, Email=f"{name.lower()}@{name.lower()}.example", Company=name, City="x")
    await workers.settle()
    contacts = {row["email"]: at for at, row in play.hs().items()}
    for round_ in range(5):
        for at, row in play.sf("Lead").items():
            if row["Email"] != "ada@engines.com":
                play.edit_sf("Lead", at, Title=f"t{round_}")
                play.edit_hs(contacts[row["Email"]], city=f"c{round_}")
        play.clock.pass_(seconds=2)
        await play.hubspot.service.deliver()
        for side in Side:
            await sweep(workers.concords[0].scope, side)
        await workers.all_work()
    await workers.settle()
    ada = "ada@engines.com"
    assert {(row["Title"], row["City"]) for row in play.sf("Lead").values() if row["Email"] != ada} == {("t4", "c4")}
    assert {(row["jobtitle"], row["city"]) for row in play.hs().values() if row["email"] != ada} == {("t4", "c4")}


async def test_a_question_about_somebody_who_is_linked_is_asked_and_done(workers: Workers) -> None:
    """A question decides nothing for the linked one, so it need not be had to ask it."""
    play = workers.play
    play.lead(FirstName="Adam", LastName="Lovelace", Email="ada@engines.com", Company="Engines Ltd")
    await workers.settle()
    assert len(play.hs()) == 1
    assert len(await workers.concords[0].store.open_reviews()) == 1
