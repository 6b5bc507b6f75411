"""What processes share of an account's limits in PostgreSQL: the same as one process alone would be granted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from concord.core.budget import DAY, EVENTS, Grant, Limit, Sample, Taken, Told, Want
from concord.errors import StoreError
from concord.store.budget import Budget
from concord.store.store import PostgresStore
from concord.systems.budget import LocalBudget

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 3, tzinfo=UTC)
HUB = "hubspot 62515"
BURST = Limit("burst", 171, 10.0)
URGENT = Limit("burst", 180, 10.0, free=0.8)
SEARCH = Limit("search", 4, 1.0, free=1.0)
SLOW = Limit("slow backfill", 30, 600.0)


@dataclass
class Clock:
    time: datetime = NOON

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def budget(database: str, clock: Clock) -> AsyncIterator[Budget]:
    async with Budget.open(database, clock.now) as opened:
        yield opened


async def test_it_grants_what_one_process_alone_would_be_granted(budget: Budget, clock: Clock) -> None:
    alone, chance = LocalBudget(clock), random.Random(3)
    told: Told | None = None
    for _ in range(600):
        clock.time += timedelta(seconds=chance.choice([0, 0, 0.01, 0.05, 0.3, 1.7, 40]) * chance.random())
        wants = [
            Want(
                chance.randint(0, 40),
                tuple(chance.sample([chance.choice([BURST, URGENT]), SEARCH, SLOW], chance.randint(0, 3))),
            )
            for _ in range(chance.randint(1, 3))
        ]
        if chance.random() < 0.3:
            counting = Limit("slow backfill", None, 600.0)
            wants.append(Want(2, (BURST, counting), chance.choice([None, 5000, 9000])))
        here, there = await alone.take(HUB, wants, told), await budget.take(HUB, wants, told)
        assert _near(here, there)
        told = None
        if chance.random() < 0.2:
            told = Told(chance.randint(0, 9000), 10_000, chance.choice([None, clock.time + timedelta(seconds=20)]),
                        here.ticket)  # fmt: skip


def _near(one: Taken, other: Taken) -> bool:
    """Equal, but for the last digits of the waits."""
    assert (one.ticket, one.day) == (other.ticket, other.day)
    for a, b in zip(one.grants, other.grants, strict=True):
        assert (a.count, a.by, a.used) == (b.count, b.by, b.used)
        assert a.wait == pytest.approx(b.wait, abs=1e-4)
    return True


async def test_many_processes_together_get_no_more_than_one(database: str, clock: Clock) -> None:
    async with AsyncExitStack() as stack:
        many = [await stack.enter_async_context(Budget.open(database, clock.now)) for _ in range(4)]
        limit = Limit("burst", 30, 10.0, free=1.0)
        taken = await asyncio.gather(*(one.take(HUB, [Want(1, (limit,))], None) for one in many * 15))
    assert sum(one.grants[0].count for one in taken) == 30
    assert {one.ticket for one in taken} == set(range(1, 31)), "each call granted has a number of its own"


async def test_accounts_do_not_share_with_one_another(budget: Budget) -> None:
    await budget.take(HUB, [Want(4, (SEARCH,))], None)
    other = await budget.take("hubspot 99", [Want(4, (SEARCH,))], None)
    assert (other.grants[0].count, other.ticket) == (4, 4)


async def test_what_one_process_was_told_all_know_with_the_calls_since(database: str, clock: Clock) -> None:
    async with Budget.open(database, clock.now) as one, Budget.open(database, clock.now) as other:
        first = await one.take(HUB, [Want(5)], None)
        assert first.day is None
        await one.take(HUB, [Want(3)], Told(700, 1000, MIDNIGHT, first.ticket))
        seen = await other.take(HUB, [Want(10, (), ceiling=710)], None)
        assert seen.grants == (Grant(7 - 5 + 5, 0.0, DAY, ()),), "703 are used, so 7 are left"
        assert seen.day is not None
        assert (seen.day.used, seen.day.most, seen.day.resets_at) == (710, 1000, MIDNIGHT)
        assert (await one.take(HUB, [Want(1, (), ceiling=710)], None)).grants[0].count == 0
        late = await one.take(HUB, [], Told(600, 1000, MIDNIGHT, 2))
        assert late.day is not None
        assert late.day.used == 710, "an answer to an earlier call says less"


async def test_at_its_reset_a_day_is_new(budget: Budget, clock: Clock) -> None:
    await budget.take(HUB, [], Told(1000, 1000, MIDNIGHT, 0))
    assert (await budget.take(HUB, [Want(1, (), ceiling=900)], None)).grants[0].count == 0
    clock.time = MIDNIGHT + timedelta(hours=30)
    new = await budget.take(HUB, [Want(1, (), ceiling=900)], None)
    assert new.grants[0].count == 1
    assert new.day is not None
    assert (new.day.used, new.day.resets_at) == (1, MIDNIGHT + timedelta(days=2))


async def test_a_day_of_which_only_its_end_is_known_is_unknown_after_it(budget: Budget, clock: Clock) -> None:
    spent = await budget.take(HUB, [], Told(0, 0, MIDNIGHT, 0))
    assert spent.day is not None
    clock.time = MIDNIGHT
    assert (await budget.take(HUB, [], None)).day is None


async def test_samples_are_minutes_apart_and_forgotten_after_two_days(budget: Budget, clock: Clock) -> None:
    for minute in range(12):
        await budget.take(HUB, [], Told(minute, 1000, None, minute))
        clock.time += timedelta(minutes=1)
    assert [one.used for one in await budget.samples(HUB, "calls")] == [0, 5, 10]
    clock.time += timedelta(days=2)
    await budget.take(HUB, [], Told(99, 1000, None, 99))
    assert await budget.samples(HUB, "calls") == (Sample(clock.time, 99),)


async def test_the_store_shows_the_allowances_of_its_own_two_accounts(database: str, clock: Clock) -> None:
    async with Budget.open(database, clock.now) as budget:
        taken = await budget.take("salesforce 00D", [Want(1)], None)
        await budget.take("salesforce 00D", [Want(2)], Told(50, 1000, None, taken.ticket))
        await budget.tell("salesforce 00D", EVENTS, Told(7, 100))
        await budget.tell("salesforce 00D", EVENTS, Told(9, 100))
        await budget.take(HUB, [Want(2)], Told(20, 500, MIDNIGHT, 0))
        await budget.take("hubspot 1", [Want(2)], Told(20, 500, MIDNIGHT, 0))
        await budget.take("salesforce 00E", [Want(2)], None)
    async with PostgresStore.open(database, pair="00D:62515") as store:
        found = await store.quotas(NOON)
    assert [(one.system, one.name, one.day.used, one.day.most) for one in found] == [
        ("salesforce", "calls", 52, 1000),
        ("salesforce", "events", 9, 100),
        ("hubspot", "calls", 22, 500),
    ]
    assert [one.used for one in found[1].samples] == [7]


async def test_without_a_clock_of_ours_the_databases_counts(database: str) -> None:
    async with Budget.open(database) as budget:
        told = await budget.take(HUB, [Want(1, (BURST,))], Told(1, 10, None, 0))
    assert told.day is not None
    assert abs(told.day.at - datetime.now(UTC)) < timedelta(minutes=1)


async def test_a_connection_that_has_died_is_replaced(budget: Budget, database: str) -> None:
    await budget.take(HUB, [Want(1)], None)
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as other:
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert (await budget.take(HUB, [Want(1)], None)).grants[0].count == 1


async def test_while_the_database_is_away_there_are_no_turns(budget: Budget) -> None:
    await budget._pool.close()
    with pytest.raises(StoreError, match="does not answer"):
        await budget.take(HUB, [Want(1)], None)
    with pytest.raises(StoreError, match="does not answer"):
        async with Budget.open("host=127.0.0.1 port=1 connect_timeout=1 dbname=none"):
            pass
