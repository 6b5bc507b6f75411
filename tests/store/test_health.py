"""What an administrator asks of the store: backlog, failures by cause, latencies, days, and what is new."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from concord.core.model import Failure, Lane, Link, Notice, Work
from concord.core.plan import Done, Outcome, Rule, Verdict
from concord.core.values import Ref
from concord.errors import Category, StoreError
from concord.store import health
from concord.store.health import Look, Queued, masked, pairs
from concord.store.store import PostgresStore

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LEASE = timedelta(minutes=2)
PICKLIST = Failure(
    Category.PICKLIST,
    "bad value for restricted picklist field: Carrier pigeon",
    code="INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    fields=("LeadSource",),
    advice="Map the value, or add it to the picklist.",
)
BUSY = Failure(Category.RECORD_LOCK, "unable to obtain exclusive access", code="UNABLE_TO_LOCK_ROW", transient=True)


def before(**span: float) -> datetime:
    return NOW - timedelta(**span)


def contact(number: int) -> Ref:
    return Ref("hubspot", "contacts", str(number))


def lead(number: int) -> Ref:
    return Ref("salesforce", "Lead", f"00Q{number}")


async def notice(store: PostgresStore, *refs: Ref, at: datetime = NOW, lane: Lane = Lane.PEOPLE) -> None:
    await store.take_in([Notice(ref, lane, at, "webhook") for ref in refs])


async def claimed(store: PostgresStore, *refs: Ref, at: datetime = NOW, lane: Lane = Lane.PEOPLE) -> Sequence[Work]:
    await notice(store, *refs, at=at, lane=lane)
    return await store.claim(len(refs), at, LEASE)


async def refused(store: PostgresStore, failure: Failure, *refs: Ref, at: datetime = NOW) -> None:
    """These failed then, for good."""
    works = await claimed(store, *refs, at=at)
    await store.record([Done("people", [work], failure=failure, dead=True) for work in works], at)


async def held_up(store: PostgresStore, failure: Failure, *refs: Ref, at: datetime = NOW, until: datetime) -> None:
    """These failed, and are tried again by themselves."""
    await store.release(await claimed(store, *refs, at=at), at, until, failure)


async def applied(store: PostgresStore, ref: Ref, seconds: float, at: datetime = NOW, lane: Lane = Lane.PEOPLE) -> None:
    """A change that took so long."""
    works = await claimed(store, ref, at=at - timedelta(seconds=seconds), lane=lane)
    await store.record([Done("people", works, applied_at=at)], at)


class TestBacklog:
    async def test_nothing_waits_in_an_empty_database(self, store: PostgresStore) -> None:
        for exact in (True, False):
            backlog = await store.queued(NOW, exact=exact)
            assert (backlog.lanes, backlog.failures, backlog.estimated) == ({}, {}, False)

    async def test_each_lane_has_its_own_numbers_and_its_oldest_row(self, store: PostgresStore) -> None:
        await refused(store, PICKLIST, contact(1), at=before(days=3))
        await held_up(store, BUSY, contact(2), at=before(minutes=5), until=NOW + timedelta(minutes=1))
        await claimed(store, contact(3), at=before(seconds=30))
        await notice(store, contact(4), contact(5), at=before(seconds=4))
        await notice(store, contact(6), at=before(seconds=2), lane=Lane.CONSENT)
        backlog = await store.queued(NOW)
        assert backlog.lanes == {
            Lane.CONSENT: Queued(waiting=1, oldest_at=before(seconds=2)),
            Lane.PEOPLE: Queued(waiting=2, claimed=1, later=1, dead=1, oldest_at=before(minutes=5)),
        }
        assert backlog.failures == {("picklist", "dead"): 1, ("record lock", "later"): 1}

    async def test_a_claim_whose_lease_ran_out_waits_again(self, store: PostgresStore) -> None:
        await claimed(store, contact(1), at=before(minutes=3))
        assert (await store.queued(NOW)).lanes[Lane.PEOPLE] == Queued(waiting=1, oldest_at=before(minutes=3))

    async def test_another_pairs_rows_are_not_ours(self, store: PostgresStore, database: str) -> None:
        async with PostgresStore.open(database, pair="another") as other:
            await refused(other, PICKLIST, contact(1))
        assert (await store.queued(NOW)).lanes == {}
        assert await store.causes(NOW) == []


def fill(database: str, many: int) -> None:
    """So many rows of back-fill, as a first load leaves them."""
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO inbox (pair, system, object, record_id, lane, first_seen_at, due_at)"
            " SELECT 'test', 'hubspot', 'contacts', 'many' || n, 90, %(at)s, %(at)s"
            " FROM generate_series(1, %(many)s) n",
            {"at": before(minutes=10), "many": many},
        )


class TestLargeBacklog:
    @pytest.fixture(autouse=True)
    def _small_sample(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(health, "SAMPLE_PAGES", 100)
        monkeypatch.setattr(health, "COUNTED", 500)

    async def test_it_is_estimated_while_what_is_small_is_counted(self, store: PostgresStore, database: str) -> None:
        await refused(store, PICKLIST, contact(2))
        await held_up(store, BUSY, contact(3), at=before(minutes=5), until=NOW + timedelta(minutes=1))
        await notice(store, contact(1), at=before(seconds=5), lane=Lane.CONSENT)
        fill(database, 60_000)
        backlog = await store.queued(NOW, exact=False)
        assert backlog.estimated
        assert backlog.lanes[Lane.CONSENT] == Queued(waiting=1, oldest_at=before(seconds=5))
        assert backlog.lanes[Lane.PEOPLE] == Queued(later=1, dead=1, oldest_at=before(minutes=5))
        assert backlog.lanes[Lane.BACKFILL].oldest_at == before(minutes=10)
        assert backlog.lanes[Lane.BACKFILL].waiting == pytest.approx(60_000, rel=0.6)
        assert backlog.failures == {("picklist", "dead"): 1, ("record lock", "later"): 1}

    async def test_asked_for_exactly_it_is_counted(self, store: PostgresStore, database: str) -> None:
        fill(database, 60_000)
        backlog = await store.queued(NOW, exact=True)
        assert not backlog.estimated
        assert backlog.lanes == {Lane.BACKFILL: Queued(waiting=60_000, oldest_at=before(minutes=10))}

    async def test_many_failures_are_estimated_too(self, store: PostgresStore, database: str) -> None:
        fill(database, 60_000)
        with psycopg.connect(database) as connection:
            connection.execute("UPDATE inbox SET state = 'dead', failure = %s", [json.dumps({"category": "quota"})])
        backlog = await store.queued(NOW, exact=False)
        assert backlog.failures[("quota", "dead")] == pytest.approx(60_000, rel=0.6)
        assert backlog.lanes[Lane.BACKFILL].oldest_at is None


class TestCauses:
    async def test_what_failed_alike_is_one_cause(self, store: PostgresStore) -> None:
        await refused(store, PICKLIST, contact(1), contact(2), at=before(hours=30))
        newest = Failure(**{**vars(PICKLIST), "message": "bad value for restricted picklist field: Telepathy"})
        await refused(store, newest, contact(3), at=before(minutes=10))
        await held_up(store, BUSY, lead(1), at=before(minutes=1), until=NOW + timedelta(seconds=9))
        first, second = await store.causes(NOW)
        assert (first.category, first.code, first.fields) == (Category.PICKLIST, PICKLIST.code, ("LeadSource",))
        assert (first.system, first.object, first.dead, first.later, first.count) == ("hubspot", "contacts", 3, 0, 3)
        assert (first.since, first.recent, first.next_at) == (before(hours=30), 1, None)
        assert first.message.endswith("Telepathy")
        assert first.advice == PICKLIST.advice
        assert (second.category, second.dead, second.later) == (Category.RECORD_LOCK, 0, 1)
        assert second.next_at == NOW + timedelta(seconds=9)

    @pytest.mark.parametrize(
        "other",
        [
            Failure(**{**vars(PICKLIST), "code": None}),
            Failure(**{**vars(PICKLIST), "fields": ("Industry",)}),
            Failure(**{**vars(PICKLIST), "category": Category.DATA_TYPE}),
        ],
        ids=["code", "field", "category"],
    )
    async def test_another_code_field_or_category_is_another_cause(self, store: PostgresStore, other: Failure) -> None:
        await refused(store, PICKLIST, contact(1))
        await refused(store, other, contact(2))
        assert [cause.count for cause in await store.causes(NOW)] == [1, 1]

    async def test_its_number_stays_when_others_come_and_go(self, store: PostgresStore) -> None:
        await refused(store, PICKLIST, contact(1))
        (before_others,) = await store.causes(NOW)
        await refused(store, Failure(Category.PERMISSION, "no access"), contact(2), contact(3))
        numbers = {cause.category: cause.number for cause in await store.causes(NOW)}
        assert numbers[Category.PICKLIST] == before_others.number
        assert len(set(numbers.values())) == 2
        assert all(1000 <= number <= 9999 for number in numbers.values())

    async def test_its_rows_are_found_and_no_others(self, store: PostgresStore) -> None:
        await refused(store, PICKLIST, contact(1), contact(2))
        await refused(store, Failure(Category.PERMISSION, "no access", fields=("A", "B")), lead(3))
        by_category = {cause.category: cause for cause in await store.causes(NOW)}
        found = await store.failed_for([by_category[Category.PICKLIST]])
        assert [one.ref for one in found] == [contact(1), contact(2)]
        assert found[0].failure == PICKLIST
        assert [one.ref for one in await store.failed_for([by_category[Category.PERMISSION]])] == [lead(3)]
        assert len(await store.failed_for(list(by_category.values()), limit=2)) == 2
        assert [one.ref for one in await store.failed_of([contact(2), contact(9)])] == [contact(2)]

    async def test_only_the_dead_rows_of_a_cause_are_revived(self, store: PostgresStore) -> None:
        await refused(store, PICKLIST, contact(1), contact(2))
        await refused(store, Failure(Category.PERMISSION, "no access"), lead(3))
        await held_up(store, BUSY, lead(4), until=NOW + timedelta(hours=1))
        picklist = [cause for cause in await store.causes(NOW) if cause.category is Category.PICKLIST]
        assert await store.revive_causes(picklist, NOW) == 2
        assert await store.revive_causes(picklist, NOW) == 0
        assert {work.ref for work in await store.claim(10, NOW, LEASE)} == {contact(1), contact(2)}

    async def test_characters_that_a_database_cannot_hold_come_back_as_they_were(self, store: PostgresStore) -> None:
        odd = "not this: \x00\ud800"
        await refused(store, Failure(Category.INTERNAL, odd, advice=odd), contact(1))
        (cause,) = await store.causes(NOW)
        assert (cause.message, cause.advice) == (odd, odd)


class TestLatency:
    async def test_percentiles_by_lane_and_over_all(self, store: PostgresStore) -> None:
        for number in range(1, 101):
            await applied(store, contact(number), number / 10)
        await applied(store, contact(500), 0.5, lane=Lane.CONSENT)
        spreads = await store.spreads(before(hours=1))
        people = spreads[Lane.PEOPLE]
        assert (people.count, people.p50, people.p90, people.p99, people.most) == (100, 5.0, 9.0, 9.9, 10.0)
        assert spreads[Lane.CONSENT].p99 == 0.5
        assert spreads[None].count == 101

    async def test_only_the_span_asked_for_counts(self, store: PostgresStore) -> None:
        await applied(store, contact(1), 3, at=before(hours=2))
        assert await store.spreads(before(hours=1)) == {}
        day = await store.spreads(before(days=1))
        assert day[None].since == before(hours=2)

    async def test_a_change_from_the_future_took_no_time(self, store: PostgresStore) -> None:
        await store.take_in([Notice(contact(1), Lane.PEOPLE, NOW, "webhook", NOW + timedelta(seconds=5))])
        works = await store.claim(1, NOW, LEASE)
        await store.record([Done("people", works, applied_at=NOW)], NOW)
        assert (await store.spreads(before(hours=1)))[None].most == 0


def verdict(field: str, *, conflict: bool = False) -> Verdict:
    return Verdict(field, Outcome.CARRIED, Rule.ONE_SIDE, "changed", "a", "b", None, conflict=conflict)


async def decided(store: PostgresStore, at: datetime, *verdicts: Verdict, wrote: tuple[str, ...] = ()) -> None:
    link = Link(0, "people", lead(1), contact(1), 100.0)
    done = Done("people", (), left=link.left, right=link.right, verdicts=verdicts, wrote=dict.fromkeys(wrote, ("x",)))
    await store.record([done], at)


class TestDays:
    async def test_written_fields_and_conflicts_are_counted_by_day(self, store: PostgresStore) -> None:
        await decided(store, NOW, verdict("phone"), verdict("title", conflict=True), wrote=("phone",))
        await decided(store, before(hours=13), verdict("city", conflict=True), wrote=("city",))
        await decided(store, before(days=9), verdict("city", conflict=True), wrote=("city",))
        assert [(day.day, day.written, day.conflicts) for day in await store.days(NOW, 3)] == [
            (date(2026, 3, 2), 1, 1),
            (date(2026, 3, 1), 1, 1),
            (date(2026, 2, 28), 0, 0),
        ]

    async def test_an_index_answers_them(self, store: PostgresStore, database: str) -> None:
        with psycopg.connect(database) as connection:
            connection.execute(
                "INSERT INTO ledger (pair, at, run, event, object_pair, field, reason, values, conflict, wrote)"
                " SELECT 'test', %s::timestamptz - n * interval '1 minute', '', 'field', 'people', 'phone', '',"
                " '{}', n %% 9 = 0, '[\"x\"]' FROM generate_series(1, 20000) n",
                [NOW],
            )
            connection.commit()
            connection.execute("ANALYZE ledger")
            query = health.Health("test")._sql["days"]
            values = {"pair": "test", "first": before(hours=36), "last": before(hours=12)}
            explained = "\n".join(row[0] for row in connection.execute(b"EXPLAIN " + query, values))
        assert "ledger_written" in explained
        assert "ledger_conflicts_by_time" in explained
        assert "Seq Scan on ledger" not in explained


class TestNews:
    BOUNDS = (0.5, 1.0, 5.0)

    async def test_each_row_is_news_once(self, store: PostgresStore) -> None:
        await applied(store, contact(1), 0.4)
        await applied(store, contact(2), 1.0)
        await applied(store, contact(3), 60, lane=Lane.CONSENT)
        await decided(store, NOW, verdict("title", conflict=True), verdict("phone"))
        news = await store.news(Look(), before(hours=1), self.BOUNDS)
        assert {(bar.lane, bar.buckets, bar.count, bar.seconds) for bar in news.bars} == {
            (Lane.PEOPLE, 3, 1, 0.4),
            (Lane.PEOPLE, 2, 1, 1.0),
            (Lane.CONSENT, 0, 1, 60.0),
        }
        assert news.conflicts == 1
        again = await store.news(news.look, before(hours=1), self.BOUNDS)
        assert (again.bars, again.conflicts) == ((), 0)
        await applied(store, contact(4), 2)
        await decided(store, NOW, verdict("title", conflict=True))
        more = await store.news(again.look, before(hours=1), self.BOUNDS)
        assert [(bar.buckets, bar.count) for bar in more.bars] == [(1, 1)]
        assert more.conflicts == 1

    async def test_what_was_done_before_the_beginning_is_no_news(self, store: PostgresStore) -> None:
        await applied(store, contact(1), 1, at=before(hours=2))
        await decided(store, before(hours=2), verdict("title", conflict=True))
        news = await store.news(Look(), before(hours=1), self.BOUNDS)
        assert (news.bars, news.conflicts) == ((), 0)

    async def test_a_row_that_is_written_before_a_look_and_committed_after_it_is_not_missed(
        self, store: PostgresStore, database: str
    ) -> None:
        with psycopg.connect(database) as slow:
            slow.execute(
                "INSERT INTO latency (pair, lane, first_seen_at, applied_at) VALUES ('test', 30, %s, %s)",
                [before(seconds=2), NOW],
            )
            await applied(store, contact(1), 0.1)
            first = await store.news(Look(), before(hours=1), self.BOUNDS)
            assert [bar.seconds for bar in first.bars] == [pytest.approx(0.1)]
            slow.commit()
        second = await store.news(first.look, before(hours=1), self.BOUNDS)
        assert [bar.seconds for bar in second.bars] == [2.0]
        assert (await store.news(second.look, before(hours=1), self.BOUNDS)).bars == ()


class TestWhoIsThere:
    async def test_no_worker_in_an_empty_database(self, store: PostgresStore) -> None:
        heartbeat = await store.heartbeat()
        assert (heartbeat.alive, heartbeat.last) == (0, None)

    async def test_a_worker_that_is_silent_for_long_is_not_alive(self, store: PostgresStore, database: str) -> None:
        with psycopg.connect(database) as connection:
            connection.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour')")
        heartbeat = await store.heartbeat()
        assert heartbeat.alive == 0
        assert heartbeat.last == pytest.approx(3600, abs=60)
        with psycopg.connect(database) as connection:
            connection.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
        assert (await store.heartbeat()).alive == 1

    async def test_positions_by_name(self, store: PostgresStore) -> None:
        await store.put_position("sweep:left", "somewhere")
        assert await store.positions() == {"sweep:left": "somewhere"}

    async def test_the_pairs_of_a_database(self, store: PostgresStore, database: str) -> None:
        assert await pairs(database) == []
        await store.put_position("sweep:left", "somewhere")
        assert await pairs(database) == ["test"]

    async def test_a_database_without_our_tables_says_what_to_do(self, empty_database: str) -> None:
        with pytest.raises(StoreError, match="concord reconcile"):
            await pairs(empty_database)

    async def test_a_database_that_is_not_there_says_so(self) -> None:
        with pytest.raises(StoreError, match="CONCORD_DATABASE_URL"):
            await pairs("postgresql://127.0.0.1:1/nothing")


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("duplicates ada@example.org", "duplicates […]"),
        ('Property values were not valid: "Ada Lovelace" is not', "Property values were not valid: […] is not"),
        ("value 'Ada' of Smith's", "value […] of Smith's"),
        ("bad phone +49 30 901820 given", "bad phone […] given"),
        ("number 030 90 18 20", "number […]"),
        ("record 00Q4x000001AbCdEAK is locked", "record 00Q4x000001AbCdEAK is locked"),
        ("we can't and don't know 12345678901", "we can't and don't know 12345678901"),
    ],
)
def test_a_message_is_masked_of_what_it_quotes(message: str, shown: str) -> None:
    assert masked(message) == shown
