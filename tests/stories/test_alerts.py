"""Administrators are told once when something begins and once when it is over, whatever comes between (SPEC 9.7)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from tests.stories.stage import Killed, StageClock, stage

from concord.app import Concord, Parts, opened
from concord.config import AlertSecrets
from concord.core.alerts import Limits, State, Telling
from concord.core.model import Failure, Lane, Notice, Side
from concord.core.plan import Done
from concord.core.quota import Usage
from concord.core.values import Ref
from concord.engine.alerts import LOOK_EVERY, WARM_UP, Desk, Watch
from concord.engine.feeds import followed_name
from concord.engine.ports import AlertStore
from concord.engine.reach import asked
from concord.engine.sweep import start, sweep, sweep_consent
from concord.engine.worker import Chores
from concord.errors import Category, ConfigError, RemoteBusy, RemoteError, StoreError
from concord.store.store import PostgresStore
from concord.web.serving import listening, running
from concord_sandbox.faults import Fault

PICKLIST = Failure(Category.PICKLIST, "bad value: pigeon of ada@example.org", code="BAD", fields=("Title",))


def contact(number: int) -> Ref:
    return Ref("hubspot", "contacts", str(number))


@dataclass
class Ear:
    """A target that hears, unless it is told otherwise."""

    heard: list[Telling] = field(default_factory=list)
    deaf: bool = False
    broken: bool = False
    kills: bool = False
    hears: asyncio.Event | None = None

    async def tell(self, telling: Telling) -> str:
        if self.deaf:
            raise RemoteBusy("slack", Category.NETWORK, "no connection to hooks.slack.example")
        if self.broken:
            raise ValueError("a fault of ours")
        self.heard.append(telling)
        if self.hears is not None:
            self.hears.set()
        if self.kills:
            raise Killed("sent, and not noted")
        return ""

    async def close(self) -> None: ...

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(one.condition.name, one.state.value) for one in self.heard]


class Cut:
    """The store behind a wire that can be cut."""

    def __init__(self, store: AlertStore) -> None:
        self._store = store
        self.away = False

    def __getattr__(self, name: str) -> Any:
        if self.away:
            raise StoreError("The database does not answer")
        return getattr(self._store, name)


@dataclass
class Meter:
    newest: Usage | None = None

    def usage(self) -> Usage | None:
        return self.newest


class Office:
    """Some processes that watch one pair, an administrator who listens, and time."""

    def __init__(self, database: str, stores: list[PostgresStore]) -> None:
        self.clock = StageClock()
        self.ear = Ear()
        self.store = stores[0]
        self.meter = Meter()
        self.wires = [Cut(store.alerts) for store in stores]
        self._database = database
        self.watches = [self.watch(wire) for wire in self.wires]

    def watch(self, wire: Cut, limits: Limits | None = None, **targets: Ear) -> Watch:
        desk = Desk(
            wire,  # type: ignore[arg-type]
            self.clock,
            lambda: 0.5,
            "test",
            limits or Limits(),
            targets or {"slack": self.ear},
            feeds=["hubspot journal"],
            systems=[self.meter],
            breakers=self.store.open_breakers,
        )
        return Watch(desk, ["hubspot journal"])

    @property
    def now(self) -> datetime:
        return self.clock.now()

    async def pass_(self, **span: float) -> None:
        """Time goes by, in which every process does its rounds."""
        until = self.now + timedelta(**span)
        while self.now < until:
            self.clock.pass_(seconds=LOOK_EVERY.total_seconds())
            await asyncio.gather(*(watch.round() for watch in self.watches))

    async def well(self) -> None:
        """A worker lives, the feed is followed, and everybody has been there for a while."""
        with psycopg.connect(self._database) as connection:
            connection.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() + interval '1 day')")
        await self.follows()
        for watch in self.watches:
            await watch.round()
        self.clock.pass_(seconds=WARM_UP.total_seconds())
        await self.follows()

    async def follows(self, **ahead: float) -> None:
        at = self.now + timedelta(**(ahead or {"days": 1}))
        await self.store.put_position(followed_name("hubspot journal"), at.isoformat())

    async def late_opt_out(self) -> None:
        at = self.now - timedelta(minutes=2)
        await self.store.take_in([Notice(contact(1), Lane.CONSENT, at, "webhook")])

    async def carried_out(self) -> None:
        works = await self.store.claim(10, self.now, timedelta(minutes=2))
        await self.store.record([Done("people", [work], applied_at=self.now) for work in works], self.now)

    async def gives_up(self, number: int, failure: Failure = PICKLIST) -> None:
        await self.store.take_in([Notice(contact(number), Lane.PEOPLE, self.now, "webhook")])
        works = await self.store.claim(1, self.now, timedelta(minutes=2))
        await self.store.record([Done("people", [one], failure=failure, dead=True) for one in works], self.now)


@pytest.fixture
async def office(database: str, store: PostgresStore) -> AsyncIterator[Office]:
    """Two processes, each with connections of its own."""
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(PostgresStore.open(database, pair="test"))
        made = Office(database, [store, other])
        await made.well()
        yield made


async def test_when_all_goes_well_nobody_is_told_anything(office: Office) -> None:
    await office.pass_(minutes=10)
    assert office.ear.heard == []


async def test_what_begins_is_told_once_and_once_when_it_is_over(office: Office) -> None:
    await office.late_opt_out()
    await office.pass_(minutes=10)
    assert office.ear.said == [("opt-out waits", "begun")]
    await office.carried_out()
    await office.pass_(minutes=10)
    assert office.ear.said == [("opt-out waits", "begun"), ("opt-out waits", "mended")]
    begun, over = office.ear.heard
    assert begun.alert == over.alert
    assert over.condition.since == begun.condition.since
    assert begun.id != over.id


async def test_what_flaps_is_told_once(office: Office) -> None:
    for _ in range(6):
        await office.late_opt_out()
        await office.pass_(seconds=15)
        await office.carried_out()
        await office.pass_(seconds=30)
    assert office.ear.said == [("opt-out waits", "begun")]
    await office.pass_(minutes=2)
    assert office.ear.said == [("opt-out waits", "begun"), ("opt-out waits", "mended")]


async def test_each_new_cause_of_dead_letters_is_told_without_anybodys_data(office: Office) -> None:
    await office.gives_up(1)
    await office.pass_(seconds=30)
    await office.gives_up(2)
    await office.pass_(seconds=30)
    await office.gives_up(3, replace(PICKLIST, fields=("LeadSource",)))
    await office.pass_(seconds=30)
    assert office.ear.said == [
        ("dead letters: picklist BAD hubspot contacts Title", "begun"),
        ("dead letters: picklist BAD hubspot contacts LeadSource", "begun"),
    ]
    assert "ada@example.org" not in repr(office.ear.heard)


async def test_what_stands_is_told_again_only_where_that_is_wanted(office: Office) -> None:
    wire = office.wires[0]
    office.watches = [office.watch(wire, Limits(remind=timedelta(hours=1)))]
    await office.watches[0].round()
    await office.late_opt_out()
    await office.pass_(minutes=125)
    assert [state for name, state in office.ear.said if name == "opt-out waits"] == ["begun", "standing", "standing"]
    assert len({one.id for one in office.ear.heard}) == len(office.ear.heard)


async def test_a_feed_that_falls_silent_is_told(office: Office) -> None:
    await office.follows(seconds=0)
    await office.pass_(minutes=2)
    assert office.ear.heard == []
    await office.pass_(minutes=1)
    assert office.ear.said == [("feed: hubspot journal", "begun")]


async def test_a_feed_that_should_be_followed_and_never_was_is_told(database: str, office: Office) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM cursor")
    await office.pass_(minutes=3)
    assert office.ear.said == [("feed: hubspot journal", "begun")]


async def test_that_no_worker_lives_is_told_by_a_process_that_does_not_work(database: str, office: Office) -> None:
    await office.pass_(minutes=1)
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM procrastinate_workers")
    await office.pass_(seconds=45)
    assert office.ear.heard == []
    await office.pass_(seconds=30)
    assert office.ear.said == [("worker", "begun")]


async def test_a_process_that_has_just_started_does_not_judge_at_once(database: str, store: PostgresStore) -> None:
    fresh = Office(database, [store])
    await fresh.late_opt_out()
    await fresh.watches[0].round()
    await fresh.pass_(seconds=45)
    assert fresh.ear.heard == []
    await fresh.pass_(seconds=30)
    assert ("opt-out waits", "begun") in fresh.ear.said


async def test_calls_that_will_run_out_are_told_while_there_is_time(office: Office) -> None:
    for number in range(5):
        at = office.now
        office.meter.newest = Usage("hubspot", 1000 + 100 * number, 2000, 0.95, at, at + timedelta(hours=20))
        await office.pass_(minutes=5)
    assert office.ear.said == [("quota: hubspot", "begun")]
    assert "at this pace" in office.ear.heard[0].condition.words


# --- messages that do not arrive


async def test_a_message_that_does_not_arrive_is_sent_again_less_and_less_often_and_shown(office: Office) -> None:
    office.ear.deaf = True
    await office.late_opt_out()
    await office.pass_(minutes=10)
    (missing,) = await office.store.alerts.untold(office.now)
    assert 4 <= missing.attempts <= 8
    assert "no connection to hooks.slack.example" in missing.error
    office.ear.deaf = False
    await office.pass_(minutes=15)
    assert office.ear.said == [("opt-out waits", "begun")]
    assert await office.store.alerts.untold(office.now) == []


async def test_one_target_that_is_away_holds_up_no_other_and_gets_all_in_order_later(office: Office) -> None:
    slack, mail = Ear(deaf=True), Ear()
    office.watches = [office.watch(wire, slack=slack, mail=mail) for wire in office.wires]
    for watch in office.watches:
        await watch.round()
    await office.pass_(minutes=1)
    await office.late_opt_out()
    await office.pass_(seconds=30)
    await office.carried_out()
    await office.pass_(minutes=2)
    told = [("opt-out waits", "begun"), ("opt-out waits", "mended")]
    assert (mail.said, slack.said) == (told, [])
    slack.deaf = False
    await office.pass_(minutes=15)
    assert (mail.said, slack.said) == (told, told)


async def test_a_fault_of_ours_in_a_target_is_tried_again_like_any_other(office: Office) -> None:
    office.ear.broken = True
    await office.late_opt_out()
    await office.pass_(seconds=30)
    (missing,) = await office.store.alerts.untold(office.now)
    assert missing.error == "Concord failed on it; see the log"
    office.ear.broken = False
    await office.pass_(minutes=2)
    assert office.ear.said == [("opt-out waits", "begun")]


async def test_a_kill_between_sending_and_noting_it_sends_it_twice_and_loses_nothing(office: Office) -> None:
    office.ear.kills = True
    await office.late_opt_out()
    office.clock.pass_(seconds=LOOK_EVERY.total_seconds())
    with pytest.raises(Killed):
        await office.watches[0].round()
    office.ear.kills = False
    office.watches = office.watches[1:]
    await office.pass_(minutes=5)
    assert office.ear.said == [("opt-out waits", "begun")] * 2
    first, second = office.ear.heard
    assert first == second


async def test_a_kill_between_noting_and_sending_loses_nothing(office: Office) -> None:
    dying = office.watch(office.wires[0], slack=Ear(kills=True))
    await dying.round()
    office.clock.pass_(seconds=WARM_UP.total_seconds())
    await office.late_opt_out()
    with pytest.raises(Killed):
        await dying.round()
    assert [one.condition.name for one in await office.store.alerts.standing()] == ["opt-out waits"]
    await office.pass_(minutes=5)
    assert office.ear.said == [("opt-out waits", "begun")]


# --- without a database


async def test_that_the_database_is_away_is_told_meanwhile_and_once_that_it_is_back(office: Office) -> None:
    for wire in office.wires:
        wire.away = True
    await office.pass_(minutes=5)
    assert office.ear.said == [("database", "begun")] * 2, "each process tells it: there is nothing to agree through"
    for wire in office.wires:
        wire.away = False
    await office.pass_(minutes=5)
    assert office.ear.said == [("database", "begun")] * 2 + [("database", "mended")]
    assert "over after 5 min" in office.ear.heard[-1].headline


async def test_a_short_absence_of_the_database_is_not_told(office: Office) -> None:
    for wire in office.wires:
        wire.away = True
    await office.pass_(seconds=45)
    for wire in office.wires:
        wire.away = False
    await office.pass_(minutes=5)
    assert office.ear.heard == []


async def test_a_target_that_was_away_with_the_database_is_told_as_soon_as_it_is_back(office: Office) -> None:
    office.watches = office.watches[:1]
    office.wires[0].away = office.ear.deaf = True
    await office.pass_(minutes=3)
    office.ear.deaf, office.ear.broken = False, True
    await office.pass_(minutes=1)
    office.ear.broken = False
    await office.pass_(minutes=1)
    assert office.ear.said == [("database", "begun")]


async def test_whatever_fails_in_the_watch_it_goes_on(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> None:
        raise ValueError("a fault of ours")

    with monkeypatch.context() as broken:
        broken.setattr(office.store.alerts, "standing", fails)
        office.watches = office.watches[:1]
        await office.late_opt_out()
        await office.pass_(minutes=1)
    assert office.ear.heard == []
    await office.pass_(minutes=1)
    assert office.ear.said == [("opt-out waits", "begun")]


async def test_the_watch_goes_round_until_it_is_cancelled(office: Office) -> None:
    await office.late_opt_out()
    office.ear.hears = asyncio.Event()
    running = asyncio.create_task(office.watches[0].run())
    await office.ear.hears.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


# --- the whole of Concord


async def test_a_system_that_does_not_answer_is_told_over_a_signed_webhook_and_slack(database: str) -> None:
    play = stage(database)
    sent: list[httpx.Request] = []
    play.settings = replace(
        play.settings, alerts=replace(play.settings.alerts, webhook="https://alerts.acme.example/concord")
    )
    secrets = replace(
        play.secrets, alerts=AlertSecrets("a secret of twenty-four characters", "https://slack.example/x")
    )

    def take(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, text="ok")

    parts = Parts(
        clock=play.clock,
        share=lambda: 0.5,
        salesforce_transport=httpx.ASGITransport(app=play.salesforce),
        hubspot_transport=httpx.ASGITransport(app=play.hubspot),
        alert_transport=httpx.MockTransport(take),
    )
    async with opened(play.settings, secrets, parts) as concord:
        assert concord.desk is not None
        await start(concord.scope)
        watch = Watch(concord.desk)
        await watch.round()
        play.hubspot.service.controls.faults.add(Fault(kind="status", status=503, times=None))
        for _ in range(5):
            await _sweeps(concord)
            play.clock.pass_(seconds=15)
            await watch.round()
        bodies = [json.loads(one.content) for one in sent if one.url.host == "alerts.acme.example"]
        assert [(one["condition"], one["state"]) for one in bodies if one["condition"] != "worker"] == [
            ("down: hubspot", "begun")
        ]
        assert {one.url.host for one in sent} == {"alerts.acme.example", "slack.example"}
        play.hubspot.service.controls.faults.clear()
        for _ in range(6):
            await _sweeps(concord)
            play.clock.pass_(seconds=15)
            await watch.round()
        bodies = [json.loads(one.content) for one in sent if one.url.host == "alerts.acme.example"]
        assert [one["state"] for one in bodies if one["condition"] == "down: hubspot"] == ["begun", "mended"]
        readings = [name for name in await concord.store.alerts.notes() if name.startswith("usage:")]
        assert "usage:salesforce" in readings


async def _sweeps(concord: Concord) -> None:
    chores = Chores()
    chores.of(concord.scope)
    for side in Side:
        with suppress(RemoteError):
            await chores.sweep(side)


async def test_a_sweep_notes_since_when_its_side_does_not_answer(database: str) -> None:
    play = stage(database)
    async with play.concord() as concord:
        scope = concord.scope
        await start(scope)
        began = play.clock.now()
        fault = Fault(kind="status", status=503, times=None)
        play.hubspot.service.controls.faults.add(fault)
        for ask in (sweep, sweep_consent):
            with pytest.raises(RemoteBusy):
                await asked(scope, Side.RIGHT, ask(scope, Side.RIGHT))
        note = json.loads(await scope.store.position("unreached:hubspot") or "")
        assert datetime.fromisoformat(note["since"]) == began
        play.hubspot.service.controls.faults.clear()
        play.clock.pass_(minutes=5)
        await asked(scope, Side.RIGHT, sweep(scope, Side.RIGHT))
        assert await scope.store.position("unreached:hubspot") == ""


class WaitingClock(StageClock):
    """Time in which whoever waits waits for ever, and is noticed."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.waited.set()
        await asyncio.Event().wait()


async def test_whoever_serves_keeps_a_watch(database: str) -> None:
    play, clock = stage(database), WaitingClock()
    async with play.concord() as concord:
        assert concord.desk is not None
        watching = replace(concord, desk=replace(concord.desk, clock=clock))
        async with running(watching, play.secrets, listening("127.0.0.1:0")):
            await asyncio.wait_for(clock.waited.wait(), 20)


async def test_a_target_without_its_secret_stops_the_start(database: str) -> None:
    play = stage(database)
    play.settings = replace(
        play.settings, alerts=replace(play.settings.alerts, webhook="https://alerts.acme.example/concord")
    )
    with pytest.raises(ConfigError, match="CONCORD_ALERT_WEBHOOK_SECRET"):
        async with play.concord():
            pass


def test_a_state_has_no_other_name_in_the_database() -> None:
    assert {one.value for one in State} == {"begun", "standing", "mended", "test"}
