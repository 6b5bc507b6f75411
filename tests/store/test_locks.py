"""Several workers and intakes on one database: none waits for one that waits for it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from concord.core.model import Failure, Lane, Notice, Work
from concord.core.plan import Done
from concord.core.values import Ref
from concord.errors import Category, StoreError
from concord.store import store as store_module
from concord.store.store import PostgresStore

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LEASE = timedelta(minutes=2)
DOWN = Failure(Category.NETWORK, "it does not answer", transient=True)
RECORDS = [Ref("salesforce", "Lead", f"00Q{number}") for number in range(20)]


@pytest.fixture
async def stores(database: str) -> AsyncIterator[list[PostgresStore]]:
    """Eight, each with a connection of its own."""
    async with AsyncExitStack() as stack:
        opening = [PostgresStore.open(database, pair="test", connections=1) for _ in range(8)]
        yield [await stack.enter_async_context(one) for one in opening]


async def test_workers_and_intakes_on_the_same_few_records_never_wait_for_each_other_in_a_circle(
    stores: list[PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "TRIES", 1)  # a deadlock is an error here, not a reason to begin anew

    async def busy(store: PostgresStore, chance: random.Random) -> None:
        for round_ in range(60):
            now = NOW + timedelta(seconds=round_)
            await _something(store, chance, now)

    await asyncio.gather(*(busy(store, random.Random(number)) for number, store in enumerate(stores)))
    assert sum((await stores[0].backlog()).values()) <= len(RECORDS)


async def _something(store: PostgresStore, chance: random.Random, now: datetime) -> None:
    lanes = (Lane.CONSENT, Lane.PEOPLE, Lane.BACKFILL)
    some = chance.sample(RECORDS, chance.randint(1, len(RECORDS)))
    await store.take_in([Notice(ref, chance.choice(lanes), now, "webhook") for ref in some])
    if chance.random() < 0.2:
        await store.hasten(now)
        await store.revive(now)
    works = list(await store.claim(chance.choice((3, 20)), now, LEASE))
    if not works:
        return
    for _ in range(2):
        others = {f"found by {chance.randrange(20)}": chance.choice(works).ref for _ in range(12)}
        others |= {str(ref): chance.choice(works).ref for ref in chance.sample(RECORDS, 5)}
        await store.seize(works[0].ticket, others, now, now + LEASE)
    await store.renew(works, len(works), now, now + LEASE)
    chance.shuffle(works)
    ends: list[Callable[[], Awaitable[None]]] = [
        lambda: store.postpone(works, now),
        lambda: store.release(works, now, now + timedelta(seconds=1), DOWN),
        lambda: store.record([_done(work, chance) for work in works], now),
    ]
    await chance.choice(ends)()


def _done(work: Work, chance: random.Random) -> Done:
    return Done("people", (work,), failure=DOWN, dead=True) if chance.random() < 0.3 else Done("people", (work,))


async def test_what_postgresql_has_ended_for_a_circle_is_done_once_more(
    stores: list[PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stores[0]
    take_in, calls = store._inbox.take_in, 0

    async def first_not(connection: psycopg.AsyncConnection, notices: list[Notice]) -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise psycopg.errors.DeadlockDetected("deadlock detected")
        return await take_in(connection, notices)

    monkeypatch.setattr(store._inbox, "take_in", first_not)
    assert await store.take_in([Notice(RECORDS[0], Lane.PEOPLE, NOW, "webhook")]) == 1
    assert calls == 2


async def test_a_database_that_is_away_is_not_asked_again_and_again(
    stores: list[PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    async def never(connection: psycopg.AsyncConnection, notices: list[Notice]) -> int:
        nonlocal calls
        calls += 1
        raise psycopg.errors.AdminShutdown("terminating connection")

    monkeypatch.setattr(stores[0]._inbox, "take_in", never)
    with pytest.raises(StoreError):
        await stores[0].take_in([Notice(RECORDS[0], Lane.PEOPLE, NOW, "webhook")])
    assert calls == 1
