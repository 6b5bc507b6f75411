"""Several workers on one pair: one at a time decides on a record, whichever side it was told of, and one that was
frozen sends nothing any more (SPEC 9.6; DESIGN, Beyond one machine)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest
from tests.stories.stage import Stage, ref, stage

from concord.app import Concord
from concord.core.model import Errand, Lane, Notice, Side, Work
from concord.core.plan import Done, RecordPlan
from concord.core.values import Ref
from concord.engine.claims import Claim, others
from concord.engine.reading import read_batch
from concord.engine.scope import Scope
from concord.engine.sweep import sweep
from concord.engine.sync import run_batch
from concord.errors import ClaimLost, StoreError

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


# --- the claim itself


class Odd:
    """A store or a system, with some of its calls replaced."""

    def __init__(self, inner: Any, **replaced: Callable[..., Any]) -> None:
        self._inner, self._replaced = inner, replaced

    def __getattr__(self, name: str) -> Any:
        if name == "on" and name not in self._replaced:
            return lambda errand: Odd(self._inner.on(errand), **self._replaced)
        return self._replaced.get(name) or getattr(self._inner, name)


def odd_store(scope: Scope, **replaced: Callable[..., Any]) -> Scope:
    store: Any = Odd(scope.store, **replaced)
    return replace(scope, store=store)


async def test_a_worker_whose_database_fails_minutes_later_sends_nothing_more(workers: Workers) -> None:
    """A network that swallows everything says nothing for long; what was read before then is old."""
    play, first = workers.play, workers.concords[0]
    play.edit_hs(workers.contact, jobtitle="Mathematician")
    await play.learn(first)

    async def renew(*given: object) -> bool:
        play.clock.pass_(minutes=3)
        raise StoreError("the connection timed out")

    play.once("intended", lambda: play.clock.pass_(seconds=50))
    before = play.writes(system="salesforce")
    await run_batch(odd_store(first.scope, renew=renew))
    assert play.writes(system="salesforce") == before


async def test_a_claim_that_was_renewed_too_slowly_is_no_claim(workers: Workers) -> None:
    play, first = workers.play, workers.concords[0]
    play.edit_hs(workers.contact, jobtitle="Mathematician")
    await play.learn(first)

    async def renew(*given: Any) -> bool:
        done = await first.store.renew(*given)
        play.clock.pass_(seconds=100)
        return done

    play.once("intended", lambda: play.clock.pass_(seconds=50))
    before = play.writes(system="salesforce")
    await run_batch(odd_store(first.scope, renew=renew))
    assert play.writes(system="salesforce") == before


async def test_what_still_runs_of_a_batch_that_is_over_sends_nothing(workers: Workers) -> None:
    play, first = workers.play, workers.concords[0]
    play.edit_hs(workers.contact, jobtitle="Mathematician")
    await play.learn(first)
    errands: list[Errand] = []

    def on(errand: Errand) -> Any:
        errands.append(errand)
        return first.scope.left.on(errand)

    left: Any = Odd(first.scope.left, on=on)
    await run_batch(replace(first.scope, left=left))
    with pytest.raises(ClaimLost):
        await errands[0].check()


async def test_a_worker_stopped_while_it_writes_leaves_the_record_until_the_write_has_come_or_never_will(
    workers: Workers,
) -> None:
    play, (first, second) = workers.play, workers.concords[:2]
    play.edit_sf("Lead", workers.lead, Title="Mathematician")
    await play.learn(first)
    await _stopped_in(first.scope, "update")
    assert await run_batch(second.scope) is None
    play.clock.pass_(seconds=41)
    await play.settle(second)
    assert play.hs()[workers.contact]["jobtitle"] == "Mathematician"


async def test_a_worker_stopped_while_it_reads_gives_its_rows_back_at_once(workers: Workers) -> None:
    play, (first, second) = workers.play, workers.concords[:2]
    play.edit_sf("Lead", workers.lead, Title="Mathematician")
    await play.learn(first)
    await _stopped_in(first.scope, "read")
    one = await run_batch(second.scope)
    assert one is not None
    assert play.hs()[workers.contact]["jobtitle"] == "Mathematician"


async def _stopped_in(scope: Scope, call: str) -> None:
    """This call to HubSpot gets no answer until the program is told to stop."""
    there = asyncio.Event()

    async def never(*given: object) -> None:
        there.set()
        await asyncio.Event().wait()

    right: Any = Odd(scope.right, **{call: never})
    task = asyncio.create_task(run_batch(replace(scope, right=right)))
    await there.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_rows_whose_batch_the_database_broke_off_are_free_as_soon_as_it_is_back(workers: Workers) -> None:
    play, (first, second) = workers.play, workers.concords[:2]
    play.edit_hs(workers.contact, jobtitle="Mathematician")
    await play.learn(first)

    async def record(*given: object) -> None:
        raise StoreError("the server closed the connection")

    with pytest.raises(StoreError):
        await run_batch(odd_store(first.scope, record=record))
    assert await run_batch(second.scope) is not None


async def test_a_fault_after_a_batch_was_recorded_does_not_send_it_down_the_line_without_a_claim(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    play, first = workers.play, workers.concords[0]
    play.edit_hs(workers.contact, jobtitle="Mathematician")
    await workers.told_of(*workers.refs)
    follows: list[int] = []
    reads: list[int] = []

    async def follow(*given: object) -> None:
        follows.append(1)
        if len(follows) == 2:
            raise ValueError("a fault of ours")

    async def read(*given: Any) -> Any:
        reads.append(1)
        return await read_batch(*given)

    monkeypatch.setattr("concord.engine.recording.follow", follow)
    monkeypatch.setattr("concord.engine.sync.read_batch", read)
    await run_batch(first.scope)
    assert (len(follows), len(reads)) == (2, 1)


# --- what others have


async def test_a_newcomer_that_another_worker_is_matching_waits_and_has_not_failed(workers: Workers) -> None:
    play, (first, second) = workers.play, workers.concords[:2]
    (other,) = await _claimed(workers, play.lead(LastName="Hopper", Email="grace@navy.com"))
    now = play.clock.now()
    await first.store.seize(other.ticket, {"found by e:grace@navy.com": other.ref}, now, now + first.scope.lease)
    contact = play.hs_contact(lastname="Hopper", email="grace@navy.com")
    await workers.told_of(ref("hubspot", "contacts", contact))
    await run_batch(second.scope)
    assert await first.store.failing() == []
    assert await run_batch(second.scope) is None
    play.clock.pass_(seconds=2)
    (again,) = await second.store.claim(10, play.clock.now(), second.scope.lease)
    assert again.attempts == 0


async def test_two_newcomers_read_by_two_workers_at_one_moment_are_found_to_be_one_person(workers: Workers) -> None:
    """By name and company alone: neither system could be asked for the other's address."""
    play, (first, second) = workers.play, workers.concords[:2]
    lead = play.lead(FirstName="Grace", LastName="Hopper", Company="Navy Yard", Email="grace@navyyard.com")
    contact = play.hs_contact(firstname="Grace", lastname="Hopper", company="Navy Yard", email="gh@navyyard.com")
    play.clock.pass_(seconds=2)
    await workers.told_of(ref("salesforce", "Lead", lead))
    waiting = [True]

    async def seize(ticket: int, keys: Mapping[str, Ref], *rest: Any) -> set[str]:
        taken = await first.store.seize(ticket, keys, *rest)
        if waiting and any(key.startswith("found by") for key in keys):
            waiting.clear()
            await workers.told_of(ref("hubspot", "contacts", contact))
            await run_batch(second.scope)
        return taken

    await run_batch(odd_store(first.scope, seize=seize))
    await play.settle(first)
    assert sorted(row["lastname"] for row in play.hs().values()) == ["Hopper", "Lovelace"]
    assert not waiting


async def test_a_plan_for_a_link_that_was_closed_meanwhile_is_dropped(workers: Workers) -> None:
    play, first = workers.play, workers.concords[0]
    left, right = workers.refs
    link = (await first.store.links([left]))[left]
    works = await _claimed(workers, play.lead(LastName="Hopper", Email="grace@navy.com"))
    claim = Claim(first.scope, works, play.clock.now())
    plan = RecordPlan("people", left, right, (), link_id=link.id)
    assert await others(first.scope, claim, [plan]) == set()
    claim = Claim(first.scope, works, play.clock.now())
    await first.store.record([Done("people", (), link_id=link.id, close_link="it went")], play.clock.now())
    assert await others(first.scope, claim, [plan]) == {left, right}


async def _claimed(workers: Workers, lead: str) -> Sequence[Work]:
    await workers.told_of(ref("salesforce", "Lead", lead))
    first = workers.concords[0]
    return await first.store.claim(10, workers.play.clock.now(), first.scope.lease)
