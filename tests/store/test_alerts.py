"""What the store keeps of alerts: each change of state once whoever notes it, and no message forgotten."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from concord.core.alerts import Alert, Changes, Condition, Due, Measured, State, Waiting
from concord.core.model import Failure, Lane, Notice
from concord.core.plan import Done
from concord.core.values import Ref
from concord.errors import Category
from concord.store.alerts import KEPT, REMEMBERED, Alerts
from concord.store.store import PostgresStore

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LEASE = timedelta(minutes=2)
TARGETS = ["mail", "slack"]


def after(**span: float) -> datetime:
    return NOW + timedelta(**span)


def condition(name: str = "worker", words: str = "no worker runs") -> Condition:
    return Condition(name, NOW - timedelta(minutes=2), words, "Start one.", 3)


@pytest.fixture
def book(store: PostgresStore) -> Alerts:
    return store.alerts


async def begun(book: Alerts, *conditions: Condition, targets: list[str] = TARGETS, at: datetime = NOW) -> list[Alert]:
    await book.remember(Changes(begun=conditions or (condition(),)), targets, at)
    return await book.standing()


async def due(book: Alerts, targets: list[str] = TARGETS, at: datetime = NOW) -> list[Due]:
    return sorted(await book.due(targets, at, LEASE), key=lambda one: one.target)


async def test_of_many_who_want_to_look_one_does_and_the_next_when_its_time_has_come(book: Alerts) -> None:
    won = await asyncio.gather(*(book.take_look(NOW, after(seconds=15)) for _ in range(5)))
    assert sum(won) == 1
    assert not await book.take_look(after(seconds=14), after(seconds=29))
    assert await book.take_look(after(seconds=15), after(seconds=30))


async def test_a_condition_that_begins_is_remembered_with_a_message_for_each_target(book: Alerts) -> None:
    (alert,) = await begun(book)
    assert (alert.condition, alert.seen_at, alert.told_at) == (condition(), NOW, NOW)
    mail, slack = await due(book)
    assert (mail.target, slack.target, mail.attempts) == ("mail", "slack", 1)
    assert mail.telling == slack.telling
    assert (mail.telling.state, mail.telling.alert, mail.telling.condition) == (State.BEGUN, alert.id, condition())
    assert (mail.telling.pair, mail.telling.at) == ("test", NOW)


async def test_several_that_see_it_begin_at_one_moment_make_one_alert(book: Alerts) -> None:
    changes = Changes(begun=(condition(), condition("backlog")))
    made = await asyncio.gather(*(book.remember(changes, TARGETS, NOW) for _ in range(5)))
    assert sum(made) == 4
    assert len(await book.standing()) == 2


async def test_several_that_see_it_end_at_one_moment_tell_it_once(book: Alerts) -> None:
    (alert,) = await begun(book, targets=["mail"])
    changes = Changes(mended=(alert,))
    made = await asyncio.gather(*(book.remember(changes, ["mail"], after(minutes=1)) for _ in range(5)))
    assert sum(made) == 1
    assert await book.standing() == []


async def test_what_another_has_seen_to_stand_since_is_not_over(book: Alerts) -> None:
    (alert,) = await begun(book)
    await book.remember(Changes(seen=(alert,)), TARGETS, after(seconds=30))
    assert await book.remember(Changes(mended=(alert,)), TARGETS, after(seconds=90)) == 0
    assert len(await book.standing()) == 1


async def test_what_stands_is_kept_as_it_is_now_without_a_message(book: Alerts) -> None:
    (alert,) = await begun(book, targets=[])
    worse = Alert(alert.id, condition(words="much worse"), after(seconds=15), alert.told_at)
    assert await book.remember(Changes(seen=(worse,)), TARGETS, after(seconds=15)) == 0
    (seen,) = await book.standing()
    assert (seen.condition.words, seen.seen_at, seen.told_at) == ("much worse", after(seconds=15), NOW)
    assert await due(book) == []


async def test_a_reminder_is_told_once_by_whoever_is_first(book: Alerts) -> None:
    (alert,) = await begun(book, targets=[])
    changes = Changes(reminded=(alert,))
    made = await asyncio.gather(*(book.remember(changes, ["mail"], after(hours=4)) for _ in range(3)))
    assert sum(made) == 1
    (one,) = await due(book, at=after(hours=4))
    assert one.telling.state is State.STANDING


async def test_a_condition_may_begin_again_after_its_end_as_another_alert(book: Alerts) -> None:
    (first,) = await begun(book)
    await book.remember(Changes(mended=(first,)), TARGETS, after(minutes=1))
    (second,) = await begun(book, at=after(minutes=2))
    assert second.id != first.id
    assert [one.condition.name for one in await book.over(NOW)] == ["worker"]
    assert await book.over(after(minutes=1)) == []


async def test_messages_to_a_target_are_sent_in_their_order_and_by_one_at_a_time(book: Alerts) -> None:
    (alert,) = await begun(book, targets=["mail"])
    await book.remember(Changes(mended=(alert,)), ["mail"], after(minutes=1))
    (first,) = await due(book, at=after(minutes=1))
    assert first.telling.state is State.BEGUN
    assert await due(book, at=after(minutes=1)) == []
    await book.told(first, after(minutes=1), "")
    (second,) = await due(book, at=after(minutes=1))
    assert second.telling.state is State.MENDED


async def test_of_many_who_send_each_message_is_one_process_s(book: Alerts) -> None:
    await begun(book, *(condition(f"condition {n}") for n in range(4)))
    found = await asyncio.gather(*(due(book) for _ in range(8)))
    assert sorted(one.target for each in found for one in each) == TARGETS


async def test_one_that_was_killed_while_sending_loses_its_message_to_another(book: Alerts) -> None:
    await begun(book, targets=["mail"])
    (first,) = await due(book)
    assert await due(book, at=after(seconds=119)) == []
    (again,) = await due(book, at=after(seconds=120))
    assert (again.id, again.telling, again.attempts) == (first.id, first.telling, 2)


async def test_a_message_that_did_not_arrive_is_due_again_and_holds_up_only_its_own_target(book: Alerts) -> None:
    (alert,) = await begun(book)
    mail, slack = await due(book)
    await book.not_told(mail, after(minutes=5), "mail: no connection")
    await book.told(slack, NOW, "")
    await book.remember(Changes(mended=(alert,)), TARGETS, after(minutes=1))
    assert [one.target for one in await due(book, at=after(minutes=1))] == ["slack"]
    (missing,) = await book.untold(after(minutes=1))
    assert (missing.target, missing.count, missing.error) == ("mail", 2, "mail: no connection")
    assert (missing.attempts, missing.next_at) == (1, after(minutes=5))
    (again,) = await due(book, ["mail"], at=after(minutes=5))
    assert again.id == mail.id


async def test_a_target_that_is_not_configured_any_more_is_left_alone(book: Alerts) -> None:
    await begun(book)
    assert [one.target for one in await due(book, ["slack"])] == ["slack"]


async def test_a_message_that_nobody_would_want_any_more_is_given_up_and_shown_for_a_day(book: Alerts) -> None:
    await begun(book, targets=["mail"])
    (one,) = await due(book)
    await book.not_told(one, after(seconds=15), "mail: no connection")
    assert await book.tidy(NOW + KEPT) == 0
    late = NOW + KEPT + timedelta(seconds=1)
    assert await book.tidy(late) == 1
    assert await book.tidy(late) == 0
    (missing,) = await book.untold(late)
    assert (missing.count, missing.next_at) == (1, None)
    assert await due(book, at=late) == []
    assert await book.untold(late + timedelta(days=1)) == []


async def test_what_has_long_been_over_is_forgotten_and_what_stands_is_not(book: Alerts, database: str) -> None:
    (worker, _) = await begun(book, condition(), condition("backlog"))
    await book.remember(Changes(mended=(worker,)), [], NOW)
    await book.tidy(NOW + REMEMBERED + timedelta(seconds=1))
    assert [one.condition.name for one in await book.standing()] == ["backlog"]
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM alert").fetchone() == (1,)


async def test_something_over_that_many_noticed_is_told_once(book: Alerts) -> None:
    away = condition("database")
    await asyncio.gather(*(book.note_over(away, ["mail"], after(minutes=1)) for _ in range(4)))
    (one,) = await due(book, at=after(minutes=1))
    assert (one.telling.state, one.telling.condition) == (State.MENDED, away)
    await book.told(one, after(minutes=1), "")
    assert await due(book, at=after(minutes=2)) == []
    again = Condition("database", after(hours=1), "away again", "")
    await book.note_over(again, ["mail"], after(hours=2))
    assert len(await due(book, at=after(hours=2))) == 1


async def test_another_pairs_alerts_are_not_ours(book: Alerts, database: str) -> None:
    async with PostgresStore.open(database, pair="another") as other:
        await begun(other.alerts)
        (theirs,) = await other.alerts.standing()
        assert await book.remember(Changes(mended=(theirs,)), TARGETS, after(minutes=1)) == 0
        assert await book.take_look(NOW, after(seconds=15))
        assert await other.alerts.take_look(NOW, after(seconds=15))
    assert (await book.standing(), await due(book), await book.over(NOW)) == ([], [], [])


# --- facts


def contact(number: int) -> Ref:
    return Ref("hubspot", "contacts", str(number))


async def notice(store: PostgresStore, *refs: Ref, lane: Lane = Lane.PEOPLE, at: datetime = NOW) -> None:
    await store.take_in([Notice(ref, lane, at, "webhook") for ref in refs])


async def refused(store: PostgresStore, failure: Failure, *refs: Ref, at: datetime = NOW) -> None:
    await notice(store, *refs, at=at)
    works = await store.claim(len(refs), at, LEASE)
    await store.record([Done("people", [work], failure=failure, dead=True) for work in works], at)


async def test_the_facts_of_an_empty_database_are_none(book: Alerts) -> None:
    facts = await book.facts(NOW, NOW)
    assert (facts.consent, facts.people, facts.dead, facts.measured) == (Waiting(), Waiting(), (), ())
    assert (facts.workers, facts.heard_at) == (0, None)


async def test_what_waits_is_told_by_urgency_and_a_first_load_is_left_out(store: PostgresStore, book: Alerts) -> None:
    await notice(store, contact(1), lane=Lane.CONSENT, at=NOW - timedelta(seconds=70))
    await notice(store, contact(2), at=NOW - timedelta(minutes=3))
    await notice(store, contact(3), lane=Lane.ACTIVITIES, at=NOW - timedelta(minutes=4))
    await notice(store, contact(4), lane=Lane.BACKFILL, at=NOW - timedelta(days=1))
    facts = await book.facts(NOW, NOW)
    assert facts.consent == Waiting(1, 0, NOW - timedelta(seconds=70))
    assert facts.people == Waiting(2, 0, NOW - timedelta(minutes=4))


async def test_dead_records_are_told_by_cause_without_any_value(store: PostgresStore, book: Alerts) -> None:
    picklist = Failure(
        Category.PICKLIST,
        "bad value: Carrier pigeon of ada@example.org",
        code="INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        fields=("LeadSource",),
        advice="Map the value.",
    )
    held = Failure(Category.BREAKER, "held back by the breaker")
    await refused(store, picklist, contact(1), contact(2), at=NOW - timedelta(hours=1))
    await refused(store, held, contact(3))
    (dead,) = (await book.facts(NOW, NOW)).dead
    assert dead.label == "picklist INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST hubspot contacts LeadSource"
    assert (dead.count, dead.since, dead.advice) == (2, NOW - timedelta(hours=1), "Map the value.")


async def test_latency_is_told_by_lane(store: PostgresStore, book: Alerts) -> None:
    for lane, seconds in ((Lane.PEOPLE, 2), (Lane.BACKFILL, 900)):
        await notice(store, contact(seconds), lane=lane, at=NOW - timedelta(seconds=seconds))
        works = await store.claim(1, NOW, LEASE)
        await store.record([Done("people", works, applied_at=NOW)], NOW)
    assert (await book.facts(NOW, NOW - timedelta(minutes=15))).measured == (Measured("people", 1, 2.0),)


async def test_when_a_worker_was_last_heard_of_is_told(database: str, book: Alerts) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '3 hours')")
    facts = await book.facts(NOW, NOW)
    assert facts.workers == 0
    assert facts.heard_at is not None
    assert abs((NOW - facts.heard_at) - timedelta(hours=3)) < timedelta(seconds=5)
