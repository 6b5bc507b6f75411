"""What every implementation of `Store` (engine/ports.py) must do about merges and duplicates. A test, a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from tests.contracts.test_store_contract import LEASE, NOW, claimed, contact, done, lead, link, notice

from concord.core.duplicates import Merge
from concord.core.model import Known, Review
from concord.core.values import Ref
from concord.store.store import PostgresStore


def merge(survivor: Ref, *losers: Ref, taken: Mapping[str, Ref] | None = None) -> Merge:
    return Merge(0, "people", survivor, losers, "it is linked", "grace", NOW, taken or {})


def known(ref: Ref, beside: Ref | None = None) -> Known:
    return Known(ref, "people", {"name": ref.id}, frozenset({"k"}), duplicate_of=beside)


def review(left: Ref, right: Ref, state: str) -> Review:
    return Review("people", left, right, 75.0, ("alike",), state)


async def approved(store: PostgresStore, one: Merge) -> Merge:
    number = await store.approve_merge(one, [])
    assert number is not None
    return replace(one, id=number)


async def over(store: PostgresStore, one: Merge, survivor: Ref, *gone: Ref, state: str = "done") -> None:
    await store.end_merge(replace(one, state=state, outcome="approved by grace"), survivor, gone, NOW, left=True)


async def test_an_approved_merge_comes_back_as_it_was_and_its_records_are_to_be_looked_at(
    store: PostgresStore,
) -> None:
    wanted = merge(lead(1), lead(2), lead(3), taken={"Phone": lead(3)})
    number = await store.approve_merge(wanted, [notice(one) for one in wanted.members])
    assert number is not None
    assert await store.standing_merges([lead(3)]) == [replace(wanted, id=number)]
    assert list(await store.merges()) == list(await store.merges(merge_id=number)) == [replace(wanted, id=number)]
    assert len(await store.claim(10, NOW, LEASE)) == 3


async def test_a_record_is_part_of_one_merge_at_a_time_however_many_approve(store: PostgresStore) -> None:
    wanted = [merge(lead(1), lead(2)), merge(lead(2), lead(1)), merge(lead(3), lead(2))]
    numbers = await asyncio.gather(*(store.approve_merge(one, [notice(one.survivor)]) for one in wanted))
    assert sorted(number is not None for number in numbers) == [False, False, True]
    assert len(await store.claim(10, NOW, LEASE)) == 1, "nothing is looked at for the others"
    (standing,) = await store.standing_merges([lead(2)])
    await over(store, standing, standing.survivor, state="dropped")
    assert await store.approve_merge(wanted[2], []) is not None


async def test_it_is_carried_by_its_first_loser_alone(store: PostgresStore) -> None:
    one = await approved(store, merge(lead(1), lead(2), lead(3)))
    assert await store.due_merges([lead(1), lead(3), contact(2)]) == []
    assert await store.due_merges([lead(2), lead(1)]) == [one]
    assert await store.due_merges([]) == await store.standing_merges([]) == []


async def test_one_that_is_over_is_over_and_is_ended_once(store: PostgresStore) -> None:
    one = await approved(store, merge(lead(1), lead(2)))
    await over(store, one, lead(1), lead(2))
    await over(store, one, lead(1), lead(2), state="dropped")
    assert await store.due_merges([lead(2)]) == await store.standing_merges([lead(1)]) == []
    (ended,) = await store.merges()
    assert (ended.state, ended.outcome) == ("done", "approved by grace")
    for ref in (lead(1), lead(2)):
        assert len([entry for entry in await store.ledger_of(ref) if entry.event == "moved"]) == 1


async def test_what_was_known_through_the_losers_is_known_through_the_survivor(store: PostgresStore) -> None:
    await store.put_known(
        [known(lead(1), lead(2)), known(lead(2)), known(lead(3), lead(2)), known(lead(9), lead(8)), known(lead(8))]
    )
    await store.decide([review(lead(2), contact(5), "apart")], NOW)
    (work,) = await claimed(store, lead(2))
    await store.record([done(work, reviews=(review(lead(2), contact(6), "open"),))], NOW)
    one = await approved(store, merge(lead(1), lead(2)))
    await over(store, one, lead(1), lead(2))
    assert await store.known([lead(2)]) == {}
    assert (await store.known([lead(1)]))[lead(1)].duplicate_of is None, "it stands for itself"
    assert await store.duplicates() == {lead(1): (lead(3),), lead(8): (lead(9),)}
    assert (lead(1), contact(5), "apart") in {
        (one.left, one.right, one.state) for one in await store.reviews([lead(1)])
    }
    assert await store.open_reviews() == []


async def test_one_that_is_dropped_changes_nothing_else(store: PostgresStore) -> None:
    await store.put_known([known(lead(1)), known(lead(2), lead(1))])
    one = await approved(store, merge(lead(1), lead(2)))
    await over(store, one, lead(1), state="dropped")
    assert await store.duplicates() == {lead(1): (lead(2),)}
    assert await store.ledger_of(lead(1)) == []


async def test_duplicates_of_one_that_is_not_known_any_more_are_not_shown(store: PostgresStore) -> None:
    await store.put_known([known(lead(2), lead(1)), known(lead(4), lead(3)), known(lead(3)), known(lead(5), lead(3))])
    assert await store.duplicates() == {lead(3): (lead(4), lead(5))}
    assert await store.duplicates(limit=1) == {lead(3): (lead(4), lead(5))}


async def test_two_of_one_system_are_kept_apart_until_that_is_taken_back(store: PostgresStore) -> None:
    await store.decide([review(lead(1), lead(2), "apart")], NOW)
    assert [one.state for one in await store.reviews([lead(2)])] == ["apart"]
    assert await store.forget_apart(lead(1), lead(2))
    assert not await store.forget_apart(lead(1), lead(2))
    assert await store.reviews([lead(1)]) == []
    assert await store.open_reviews() == [], "nobody is asked"


async def test_the_merges_of_two_pairs_in_one_database_are_apart(store: PostgresStore, database: str) -> None:
    one = await approved(store, merge(lead(1), lead(2)))
    async with PostgresStore.open(database, pair="another") as other:
        assert await other.due_merges([lead(2)]) == []
        assert await other.merges() == []
        await over(other, one, lead(1), lead(2))
    assert await store.due_merges([lead(2)]) == [one]


async def test_the_newest_merges_come_first(store: PostgresStore) -> None:
    first = await approved(store, merge(lead(1), lead(2)))
    second = await approved(store, replace(merge(lead(3), lead(4)), approved_at=NOW + timedelta(hours=1)))
    assert list(await store.merges()) == [second, first]
    assert list(await store.merges(1)) == [second]


async def test_a_link_of_a_loser_is_the_lines_to_move(store: PostgresStore) -> None:
    (work,) = await claimed(store, lead(2))
    await store.record([done(work, new_link=link(lead(2), contact(1)))], NOW)
    one = await approved(store, merge(lead(1), lead(2)))
    await over(store, one, lead(1), lead(2))
    assert (await store.links([lead(2)]))[lead(2)].right == contact(1)
