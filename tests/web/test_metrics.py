"""What a monitor sees at /metrics."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.stories.stage import Stage, stage

from concord.app import Concord
from concord.core.budget import Told
from concord.core.model import Failure, Lane, Notice, Side
from concord.core.plan import Done
from concord.core.values import Ref
from concord.errors import Category, StoreError
from concord.store.budget import Budget
from concord.store.store import PostgresStore
from concord.web.intake import Intake
from concord.web.metrics import BOUNDS, FRESH

PICKLIST = Failure(Category.PICKLIST, "bad value: ada@example.org", fields=("Title",))
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def contact(number: int) -> Ref:
    return Ref("hubspot", "contacts", str(number))


@dataclass
class Monitor:
    """Asks one Concord's /metrics, as Prometheus does."""

    play: Stage
    concord: Concord
    intake: Intake

    async def get(self, path: str = "/metrics", accept: str = "*/*") -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self.intake.app())) as client:
            return await client.get(f"http://concord.test{path}", headers={"Accept": accept})

    async def ask(self) -> Samples:
        """Every sample, as fresh as can be, by its name and labels."""
        self.play.clock.pass_(seconds=FRESH.total_seconds())
        answer = await self.get()
        assert answer.status_code == 200
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }

    @property
    def store(self) -> PostgresStore:
        return self.concord.store

    async def applied(self, ref: Ref, seconds: float, lane: Lane = Lane.PEOPLE) -> None:
        now = self.play.clock.now()
        await self.store.take_in([Notice(ref, lane, now - timedelta(seconds=seconds), "webhook")])
        works = await self.store.claim(1, now, timedelta(minutes=2))
        await self.store.record([Done("people", works, applied_at=now)], now)


def of(samples: Samples, name: str, **labels: str) -> float:
    return samples[(name, frozenset(labels.items()))]


@pytest.fixture
async def monitor(database: str) -> AsyncIterator[Monitor]:
    play = stage(database)
    async with play.concord() as concord:
        yield Monitor(play, concord, Intake(concord, None))


async def test_an_idle_sync_shows_every_lane_at_nothing(monitor: Monitor) -> None:
    samples = await monitor.ask()
    assert of(samples, "concord_database_up") == 1
    assert of(samples, "concord_worker_alive") == 0
    assert of(samples, "concord_backlog_estimated") == 0
    assert of(samples, "concord_conflicts_total") == 0
    for lane in Lane:
        assert of(samples, "concord_oldest_seconds", lane=lane.name.lower()) == 0
        for state in ("waiting", "claimed", "later", "dead"):
            assert of(samples, "concord_backlog", lane=lane.name.lower(), state=state) == 0
    assert of(samples, "concord_remote_calls_total", system="salesforce", kind="sign in") >= 1
    assert of(samples, "concord_remote_retries_total", system="hubspot") == 0


async def test_what_waits_and_what_failed_is_counted(monitor: Monitor) -> None:
    now = monitor.play.clock.now()
    await monitor.store.take_in([Notice(contact(1), Lane.PEOPLE, now, "webhook")])
    (work,) = await monitor.store.claim(1, now, timedelta(minutes=2))
    await monitor.store.record([Done("people", [work], failure=PICKLIST, dead=True)], now)
    await monitor.store.take_in([Notice(contact(2), Lane.CONSENT, now - timedelta(seconds=25), "webhook")])
    await monitor.store.put_position("followed:hubspot journal", now.isoformat())
    await monitor.store.put_position("followed:salesforce change events", (now - timedelta(hours=1)).isoformat())
    samples = await monitor.ask()
    assert of(samples, "concord_backlog", lane="consent", state="waiting") == 1
    assert of(samples, "concord_backlog", lane="people", state="dead") == 1
    assert of(samples, "concord_oldest_seconds", lane="consent") == 30
    assert of(samples, "concord_failures", category="picklist", state="dead") == 1
    assert of(samples, "concord_feed_followed", feed="hubspot journal") == 1
    assert of(samples, "concord_feed_followed", feed="salesforce change events") == 0
    text = (await monitor.get()).text
    assert "ada@example.org" not in text
    assert "Title" not in text


async def test_a_change_that_was_applied_is_in_the_histogram_of_its_lane_once(monitor: Monitor) -> None:
    await monitor.applied(contact(1), 0.4)
    await monitor.applied(contact(2), 0.5)
    await monitor.applied(contact(3), 7200, lane=Lane.CONSENT)
    for _ in range(2):
        samples = await monitor.ask()
        assert of(samples, "concord_latency_seconds_count", lane="people") == 2
        assert of(samples, "concord_latency_seconds_sum", lane="people") == pytest.approx(0.9)
        assert of(samples, "concord_latency_seconds_bucket", lane="people", le="0.25") == 0
        assert of(samples, "concord_latency_seconds_bucket", lane="people", le="0.5") == 2, "0.5 is not above 0.5"
        assert of(samples, "concord_latency_seconds_bucket", lane="people", le="+Inf") == 2
        assert of(samples, "concord_latency_seconds_bucket", lane="consent", le=str(BOUNDS[-1])) == 0
        assert of(samples, "concord_latency_seconds_count", lane="consent") == 1
    await monitor.applied(contact(1), 2)
    assert of(await monitor.ask(), "concord_latency_seconds_count", lane="people") == 3


async def test_a_process_counts_from_its_own_beginning(monitor: Monitor) -> None:
    await monitor.applied(contact(1), 0.4)
    monitor.play.clock.pass_(seconds=1)
    later = replace(monitor, intake=Intake(monitor.concord, None))
    assert of(await monitor.ask(), "concord_latency_seconds_count", lane="people") == 1
    assert ("concord_latency_seconds_count", frozenset({("lane", "people")})) not in await later.ask()


async def test_conflicts_and_remote_calls_of_a_story_are_counted(monitor: Monitor) -> None:
    play = monitor.play
    contact_id = play.hs_contact(email="ada@example.org", firstname="Ada", lastname="Lovelace")
    await play.settle(monitor.concord)
    (lead_id,) = play.sf("Lead")
    before = await monitor.ask()
    play.edit_hs(contact_id, jobtitle="Countess")
    play.edit_sf("Lead", lead_id, Title="Engineer")
    await play.settle(monitor.concord)
    samples = await monitor.ask()
    assert of(samples, "concord_conflicts_total") == of(before, "concord_conflicts_total") + 1
    assert of(samples, "concord_latency_seconds_count", lane="people") > 0
    sent = sum(value for (name, labels), value in samples.items() if name == "concord_remote_calls_total")
    assert sent == monitor.concord.calls()


async def test_an_answer_serves_for_some_seconds(monitor: Monitor) -> None:
    await monitor.ask()
    await monitor.store.take_in([Notice(contact(1), Lane.PEOPLE, monitor.play.clock.now(), "webhook")])
    waiting = 'concord_backlog{lane="people",state="waiting"} 1.0'
    assert waiting not in (await monitor.get()).text
    monitor.play.clock.pass_(seconds=FRESH.total_seconds())
    assert waiting in (await monitor.get()).text


async def test_without_a_database_that_is_what_it_says(monitor: Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    await monitor.applied(contact(1), 0.4)
    await monitor.ask()

    async def away(*_: object, **__: object) -> None:
        raise StoreError("The database does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(PostgresStore, "queued", away)
        samples = await monitor.ask()
    assert of(samples, "concord_database_up") == 0
    assert not [name for name, _ in samples if name == "concord_backlog"], "nothing is made up"
    assert of(samples, "concord_latency_seconds_count", lane="people") == 1
    assert of(await monitor.ask(), "concord_database_up") == 1


async def test_both_of_prometheus_forms_are_spoken(monitor: Monitor) -> None:
    plain = await monitor.get()
    assert plain.headers["content-type"].startswith("text/plain; version=")
    open_metrics = await monitor.get(accept="application/openmetrics-text; version=1.0.0")
    assert open_metrics.headers["content-type"].startswith("application/openmetrics-text")
    assert open_metrics.text.endswith("# EOF\n")


async def test_health_and_readiness_stay(monitor: Monitor) -> None:
    assert (await monitor.get("/health")).json() == {"status": "ok"}
    assert (await monitor.get("/ready")).json()["status"] == "ready"


@pytest.mark.slow
async def test_a_million_waiting_rows_are_measured_in_a_moment(monitor: Monitor, database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO inbox (pair, system, object, record_id, lane, first_seen_at, due_at)"
            " SELECT %(pair)s, 'hubspot', 'contacts', 'many' || n, 90, %(at)s, %(at)s + n * interval '1 microsecond'"
            " FROM generate_series(1, 1000000) n",
            {"pair": monitor.store._health._pair, "at": monitor.play.clock.now()},
        )
    took = []
    for _ in range(7):
        monitor.play.clock.pass_(seconds=FRESH.total_seconds())
        began = time.perf_counter()
        answer = await monitor.get()
        took.append(time.perf_counter() - began)
    assert "concord_backlog_estimated 1.0" in answer.text
    samples = await monitor.ask()
    waiting = of(samples, "concord_backlog", lane="backfill", state="waiting")
    assert waiting == pytest.approx(1_000_000, rel=0.2)  # from a sample of pages
    assert min(took) < 0.25


async def test_the_days_allowances_are_shown_with_what_becomes_of_them(monitor: Monitor) -> None:
    now = monitor.play.clock.now()
    async with Budget.open(monitor.play.database, monitor.play.clock.now) as budget:
        account = f"salesforce {monitor.concord.accounts[Side.LEFT].id}"
        ticket = (await budget.take(account, [], None)).ticket
        await budget.take(account, [], Told(10_000, 100_000, now + timedelta(hours=2), ticket))
        await budget.tell(account, "events", Told(20, 1000))
        monitor.play.clock.pass_(minutes=30)
        await budget.take(account, [], Told(40_000, 100_000, now + timedelta(hours=2), ticket))
    samples = await monitor.ask()
    ends = of(samples, "concord_quota_runs_out_seconds", system="salesforce", quota="calls")
    # 60,000 an hour, and 38,000 to the bound of 78,000.
    assert ends == pytest.approx(38_000 / 60_000 * 3600, rel=0.01)
    assert of(samples, "concord_quota_limit", system="salesforce", quota="calls") == 100_000
    assert of(samples, "concord_quota_bound", system="salesforce", quota="calls") == 78_000
    assert of(samples, "concord_quota_forecast", system="salesforce", quota="calls") == pytest.approx(130_000, rel=0.01)
    assert of(samples, "concord_quota_used", system="salesforce", quota="events") == 20
    assert of(samples, "concord_quota_runs_out_seconds", system="salesforce", quota="events") == float("inf")
