"""What is kept of two sets of rules that chase each other: our writes of late, and the fields that are stopped
(SPEC 3.7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg

from concord.core.model import Failure, Lane, Link, Notice, Side
from concord.core.plan import Done, Outcome, Rule, Verdict
from concord.core.rounds import Past, Write
from concord.core.values import MISSING, Ref
from concord.errors import Category
from concord.store.store import PostgresStore

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CHASE = Failure(Category.CHASE, "job_title: stopped", fields=("Title", "jobtitle"))
PERMISSION = Failure(Category.PERMISSION, "insufficient access")


def after(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def lead(number: int) -> Ref:
    return Ref("salesforce", "Lead", f"00Q{number}")


def contact(number: int) -> Ref:
    return Ref("hubspot", "contacts", str(number))


async def linked(store: PostgresStore, *numbers: int) -> list[int]:
    """Links of these; their ids."""
    made = [Done("people", (), new_link=Link(0, "people", lead(n), contact(n), 100.0, ("same",))) for n in numbers]
    await store.record(made, NOW)
    found = await store.links([lead(n) for n in numbers])
    return [found[lead(n)].id for n in numbers]


def carried(value: str, field: str = "job_title") -> Verdict:
    return Verdict(field, Outcome.CARRIED, Rule.ONE_SIDE, "changed", "old", value, None, write_left=value,
                   winner=Side.RIGHT)  # fmt: skip


def line(link_id: int, verdict: Verdict, *, done: bool = True) -> Done:
    wrote = {verdict.field: ("salesforce Lead 00Q1 Title",)} if done else {}
    return Done("people", (), link_id, lead(1), contact(1), verdicts=(verdict,), wrote=wrote)


async def wrote(store: PostgresStore, link_id: int, *minutes: float, field: str = "job_title") -> None:
    for at in minutes:
        await store.record([line(link_id, carried(f"at {at:g}", field))], after(at))


async def past(store: PostgresStore, link_id: int, since: float = -60, field: str = "job_title") -> Past:
    return (await store.rounds([(link_id, field)], after(since)))[link_id, field]


async def values(store: PostgresStore, link_id: int, since: float = -60) -> list[object]:
    return [one.value for one in (await past(store, link_id, since)).writes]


async def given_up(store: PostgresStore, ref: Ref, failure: Failure, minutes: float = 0) -> None:
    await store.take_in([Notice(ref, Lane.PEOPLE, after(minutes), "webhook")])
    works = await store.claim(1, after(minutes), timedelta(minutes=2))
    await store.record([Done("people", works, failure=failure, dead=True)], after(minutes))


async def stopped(store: PostgresStore, numbers: Sequence[int], minutes: float = 0) -> list[int]:
    """These are linked, stopped, and wait for a person."""
    ids = await linked(store, *numbers)
    await store.stop_fields([(link_id, "job_title") for link_id in ids], after(minutes))
    for number in numbers:
        await given_up(store, contact(number), CHASE, minutes)
    return ids


async def test_our_writes_of_a_field_are_told_oldest_first_with_what_they_were_written_over(
    store: PostgresStore,
) -> None:
    (one,) = await linked(store, 1)
    await wrote(store, one, 1, 2)
    assert await past(store, one) == Past(
        (Write(Side.LEFT, "at 1", "old", False, after(1)), Write(Side.LEFT, "at 2", "old", False, after(2)))
    )


async def test_only_what_was_written_of_that_field_and_link_since_then_counts(store: PostgresStore) -> None:
    one, other = await linked(store, 1, 2)
    await wrote(store, one, 1, 2, 3)
    await wrote(store, one, 2.5, field="city")
    await wrote(store, other, 2.6)
    await store.record([line(one, carried("refused"), done=False)], after(2.7))
    held = carried("held").held("stopped", Rule.CHASE)
    assert held.write_left is MISSING
    await store.record([line(one, held, done=False)], after(2.8))
    assert await values(store, one, since=1) == ["at 2", "at 3"]
    assert await past(store, one, field="phone") == Past()


async def test_many_fields_are_asked_for_at_once(store: PostgresStore) -> None:
    one, other = await linked(store, 1, 2)
    await wrote(store, one, 1)
    await wrote(store, other, 2, field="city")
    await store.stop_fields([(other, "city")], after(3))
    found = await store.rounds([(one, "job_title"), (other, "city"), (other, "job_title")], NOW)
    assert {key: (len(told.writes), told.stopped_at) for key, told in found.items()} == {
        (one, "job_title"): (1, None),
        (other, "city"): (1, after(3)),
        (other, "job_title"): (0, None),
    }


async def test_a_person_who_tries_a_cause_again_lets_its_fields_go_and_they_are_counted_anew(
    store: PostgresStore,
) -> None:
    (one,) = await linked(store, 1)
    await wrote(store, one, -2, -1)
    one, other = await stopped(store, [1, 2])
    (cause,) = await store.causes(after(1))
    assert await store.revive_causes([cause], after(1)) == 2
    assert (await past(store, one), await past(store, other)) == (Past(), Past())
    await wrote(store, one, 2)
    assert await values(store, one) == ["at 2"]


async def test_of_records_that_are_tried_again_only_their_own_fields_are_let_go(store: PostgresStore) -> None:
    one, other = await stopped(store, [1, 2])
    assert await store.revive(after(1), [contact(1)]) == 1
    assert (await past(store, one)).stopped_at is None
    assert (await past(store, other)).stopped_at == NOW


async def test_the_record_at_the_other_end_or_another_reason_does_as_well(store: PostgresStore) -> None:
    (one,) = await linked(store, 1)
    await store.stop_fields([(one, "job_title")], NOW)
    await given_up(store, lead(1), PERMISSION)
    assert await store.revive(after(1)) == 1
    assert (await past(store, one)).stopped_at is None


async def test_a_notice_that_makes_a_record_be_looked_at_lets_nothing_go(store: PostgresStore) -> None:
    (one,) = await stopped(store, [1])
    await store.take_in([Notice(contact(1), Lane.PEOPLE, after(1), "webhook")])
    assert await store.revive(after(2)) == 0
    assert (await past(store, one)).stopped_at == NOW


async def test_what_was_stopped_long_ago_is_let_go_and_looked_at_and_later_forgotten(
    store: PostgresStore, database: str
) -> None:
    one, other = await stopped(store, [1, 2])
    await store.stop_fields([(other, "job_title")], after(30))
    await given_up(store, lead(1), PERMISSION)
    assert await store.let_go(after(60), after(0), after(10)) == 1, "what failed for another reason waits on"
    assert [work.ref for work in await store.claim(10, after(60), timedelta(minutes=2))] == [contact(1)]
    assert (await past(store, one)).stopped_at is None
    assert (await past(store, other)).stopped_at == after(30)
    assert await store.let_go(after(120), after(0), after(60)) == 0
    async with await psycopg.AsyncConnection.connect(database) as connection:
        rows = await (await connection.execute("SELECT link_id FROM chase")).fetchall()
    assert rows == [(other,)]


async def test_of_another_pair_nothing_is_let_go(store: PostgresStore, database: str) -> None:
    (one,) = await stopped(store, [1])
    async with PostgresStore.open(database, pair="another pair") as theirs:
        assert await theirs.let_go(after(60), after(60), after(60)) == 0
        assert await theirs.revive(after(60)) == 0
    assert (await past(store, one)).stopped_at == NOW


async def test_what_is_stopped_again_after_it_was_let_go_is_stopped(store: PostgresStore) -> None:
    (one,) = await stopped(store, [1])
    await store.revive(after(1))
    await store.stop_fields([(one, "job_title")], after(2))
    assert (await past(store, one)).stopped_at == after(2)
