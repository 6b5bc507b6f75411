"""The breaker in PostgreSQL: counts that all workers share, each record once, and what an answer changes (SPEC 9.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg

from concord.core.breaker import Gauge, Kind, Limit, Limits, Mark
from concord.core.model import Base, Failure, Lane, Link, Notice, Work
from concord.core.plan import Done
from concord.core.values import BLANK, Ref
from concord.errors import Category
from concord.store.store import PostgresStore

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=15)
BLANKS = Gauge(Kind.BLANK, "people", "salesforce")
CREATES = Gauge(Kind.CREATE, "people", "salesforce")
LIMITS = Limits(WINDOW, {Kind.BLANK: Limit(10, 0.1), Kind.CREATE: Limit(10, 0)})


def after(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def lead(number: int) -> Ref:
    return Ref("salesforce", "Lead", f"00Q{number}")


def contact(number: int) -> Ref:
    return Ref("hubspot", "contacts", str(number))


def blanks(numbers: Sequence[int]) -> list[Mark]:
    return [Mark(BLANKS, lead(n), contact(n), "job_title", Base("Analyst", BLANK)) for n in numbers]


def creates(numbers: Sequence[int]) -> list[Mark]:
    return [Mark(CREATES, contact(n)) for n in numbers]


async def passes(store: PostgresStore, marks: Sequence[Mark], minutes: float = 0) -> bool:
    return not (await store.weigh(marks, LIMITS, after(minutes))).stopped


def held_by(name: str) -> Failure:
    return Failure(Category.BREAKER, f"job_title: held by the breaker {name}", code=name)


async def linked(store: PostgresStore, numbers: Sequence[int]) -> None:
    await store.record(
        [Done("people", (), new_link=Link(0, "people", lead(n), contact(n), 100.0, ("same",))) for n in numbers], NOW
    )


async def claimed(store: PostgresStore, numbers: Sequence[int]) -> Sequence[Work]:
    await store.take_in([Notice(contact(n), Lane.PEOPLE, NOW, "webhook") for n in numbers])
    return await store.claim(200, NOW, timedelta(minutes=2))


async def given_up(store: PostgresStore, works: Sequence[Work], name: str = BLANKS.name, minutes: float = 0) -> None:
    """These wait for that breaker's answer."""
    held = held_by(name)
    await store.record([Done("people", (work,), failure=held, dead=True) for work in works], after(minutes))


async def base_of(store: PostgresStore, number: int) -> Base | None:
    return (await store.links([lead(number)]))[lead(number)].bases.get("job_title")


async def test_all_workers_count_together(store: PostgresStore, database: str) -> None:
    async with PostgresStore.open(database, pair="test", run="another run") as other:
        assert await passes(store, blanks(range(6)))
        assert await passes(other, blanks(range(6, 10)))
        assert not await passes(store, blanks([10]))
        assert not await passes(other, blanks([11])), "open for everybody"
        assert [one.name for one in await other.open_breakers()] == [BLANKS.name]


async def test_of_two_workers_at_one_moment_no_more_pass_than_the_limit(store: PostgresStore, database: str) -> None:
    async with PostgresStore.open(database, pair="test", run="another run") as other:
        answers = await asyncio.gather(
            *(passes(one, blanks([n])) for n, one in enumerate([store, other] * 12)),
        )
    assert answers.count(True) == 10


async def test_another_pair_and_another_kind_have_counts_of_their_own(store: PostgresStore, database: str) -> None:
    assert not await passes(store, blanks(range(11)))
    assert await passes(store, creates(range(10)))
    async with PostgresStore.open(database, pair="another pair") as other:
        assert await passes(other, blanks(range(10)))
        assert await other.open_breakers() == []


async def test_a_record_counts_once_however_often_it_comes(store: PostgresStore) -> None:
    for minutes in range(5):
        assert await passes(store, blanks(range(10)), minutes)
    two_fields = [*blanks([1]), Mark(BLANKS, lead(1), contact(1), "city", Base("Paris", BLANK))]
    assert await passes(store, two_fields, 5)


async def test_what_passed_before_the_window_does_not_count(store: PostgresStore) -> None:
    assert await passes(store, blanks(range(10)))
    assert not await passes(store, blanks([10]), 14.9)
    await store.allow_flood(BLANKS.name, after(15), timedelta())
    assert await passes(store, blanks(range(10, 20)), 15)


async def test_nothing_of_a_batch_that_is_too_much_is_let_through_or_counted(store: PostgresStore) -> None:
    assert not await passes(store, blanks(range(11)))
    await store.allow_flood(BLANKS.name, NOW, timedelta())
    assert await passes(store, blanks(range(20, 30)))


async def test_where_many_are_linked_a_share_of_them_may_pass(store: PostgresStore) -> None:
    await linked(store, range(300))
    assert await passes(store, blanks(range(30)))
    assert not await passes(store, blanks([30]))


async def test_a_kind_is_stopped_and_another_in_the_same_batch_passes(store: PostgresStore) -> None:
    weighed = await store.weigh([*blanks(range(11)), *creates(range(10))], LIMITS, NOW)
    assert (weighed.stopped, weighed.refused) == ({BLANKS}, frozenset())


async def test_what_waits_is_shown_with_a_few_of_its_records(store: PostgresStore) -> None:
    works = await claimed(store, range(11))
    await passes(store, blanks(range(11)))
    await given_up(store, works, f"{BLANKS.name} {CREATES.name}")
    (one,) = await store.breakers(NOW, samples=2)
    assert (one.name, one.since, one.waiting, one.refused) == (BLANKS.name, NOW, 11, 0)
    assert one.samples == (contact(0), contact(1))
    assert one.reason == "11 people would lose a value in salesforce within 15 min; 10 is the most"


async def test_allow_revives_what_waits_for_it_alone_and_what_is_under_way(store: PostgresStore) -> None:
    await linked(store, range(12))
    works = await claimed(store, range(12))
    await passes(store, blanks(range(12)))
    await given_up(store, works[:8])
    await given_up(store, works[8:10], CREATES.name)
    assert (await store.allow_flood(BLANKS.name, after(1), WINDOW)).again == 8
    await given_up(store, works[10:], minutes=1)  # held before the answer, written down after it
    assert (await store.backlog())["dead"] == 2, "those of another breaker"
    again = await store.claim(200, after(1), timedelta(minutes=2))
    assert {work.ref for work in again} == {work.ref for work in (*works[:8], *works[10:])}
    assert await passes(store, blanks(range(12)), 1)


async def test_refuse_makes_what_both_sides_show_the_base_also_of_what_is_under_way(store: PostgresStore) -> None:
    await linked(store, range(12))
    works = await claimed(store, range(12))
    await passes(store, blanks(range(12)))
    await given_up(store, works[:10])
    answered = await store.refuse_flood(BLANKS.name, after(1), WINDOW)
    assert (answered.again, answered.differing) == (10, 12)
    await given_up(store, works[10:], minutes=1)
    assert (await store.backlog())["dead"] == 0
    assert [await base_of(store, n) for n in (0, 11)] == [Base("Analyst", BLANK)] * 2
    reasons = {entry.reason for entry in await store.ledger_of(lead(0)) if entry.event == "field"}
    assert reasons == {
        f"a person refused it at the breaker {BLANKS.name}: both sides keep what they show until one is edited"
    }


async def test_refuse_leaves_alone_what_was_looked_at_since_it_was_held(store: PostgresStore) -> None:
    await linked(store, range(11))
    works = await claimed(store, range(11))
    await passes(store, blanks(range(11)))
    await given_up(store, works)
    await store.take_in([Notice(contact(0), Lane.PEOPLE, after(1), "webhook")])
    (again,) = await store.claim(200, after(1), timedelta(minutes=2))
    await store.record([Done("people", (again,))], after(1))
    assert (await store.refuse_flood(BLANKS.name, after(2), WINDOW)).differing == 10
    assert await base_of(store, 0) is None


async def test_refused_creates_are_remembered_until_they_are_allowed(store: PostgresStore) -> None:
    works = await claimed(store, range(11))
    await passes(store, creates(range(11)))
    await given_up(store, works, CREATES.name)
    assert (await store.refuse_flood(CREATES.name, after(1), WINDOW)).refused == 11
    await store.record([Done("people", (work,)) for work in await store.claim(200, after(1), WINDOW)], after(1))
    weighed = await store.weigh(creates([3, 4, 99]), LIMITS, after(60))
    assert weighed.stopped == frozenset()
    assert weighed.refused == {(CREATES, contact(3)), (CREATES, contact(4))}
    (one,) = await store.breakers(after(60))
    assert (one.since, one.waiting, one.refused) == (None, 0, 11)
    assert (await store.allow_flood(CREATES.name, after(60), WINDOW)).again == 11
    assert len(await store.claim(200, after(60), WINDOW)) == 11
    assert (await store.weigh(creates([3]), LIMITS, after(60))).refused == frozenset()


async def test_a_large_flood_is_refused_in_one_piece(store: PostgresStore, database: str) -> None:
    count = 5000
    await linked(store, range(count))
    await store.take_in([Notice(contact(n), Lane.PEOPLE, NOW, "webhook") for n in range(count)])
    for start in range(0, count, 500):
        works = await store.claim(500, NOW, timedelta(minutes=2))
        await store.weigh(blanks(range(start, start + 500)), Limits(WINDOW, {Kind.BLANK: Limit(10, 0)}), NOW)
        await given_up(store, works)
    answered = await store.refuse_flood(BLANKS.name, after(1), WINDOW)
    assert (answered.again, answered.differing) == (count, count)
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT count(*) FROM base WHERE fields ? 'job_title'").fetchone()
    assert row == (count,)
