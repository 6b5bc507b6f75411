"""`concord status`: what it shows, when it asks for a person, and that it needs nothing but the database."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from tests.cli.seeing import BUSY, PICKLIST, Sync, contact, run

from concord.app import DATA_DIR
from concord.core.budget import Told
from concord.core.model import Lane
from concord.store.budget import Budget
from concord.store.embedded import EmbeddedPostgres
from concord.store.migrate import migrate
from concord.store.store import PostgresStore


def test_all_is_well_when_a_worker_lives_and_nothing_waits_for_a_person(
    sync: Sync, capsys: pytest.CaptureFixture[str]
) -> None:
    sync.begun().works()
    sync.applied(contact(1), 0.4, minutes=5)
    sync.waits(contact(2), seconds=3)
    assert run("status") == 0
    shown = capsys.readouterr().out
    for part in (
        "https://example.my.salesforce.com (organisation 00D000000000001EAA)",
        "https://api.hubapi.com (account 1234567)",
        "alive, heard of 0 s ago",
        "hubspot journal: followed",
        "salesforce change events: not followed since 3 h ago",
        "salesforce: asked what changed 12 s ago",
        "400 ms",
        "0 fields written, 0 conflicts",
        "all is well",
    ):
        assert part in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_everything_of_a_troubled_sync_fits_80_columns(sync: Sync, capsys: pytest.CaptureFixture[str]) -> None:
    sync.begun()
    sync.refused(PICKLIST, contact(1), hours=3)
    sync.held_up(BUSY, contact(2), until=timedelta(minutes=1))
    sync.waits(contact(3), lane=Lane.CONSENT, minutes=3)
    assert run("status") == 1
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "! no worker runs, so that nothing is carried out\n  next: concord serve" in shown
    assert "! an opt-out has been waiting for 3 min; a minute is the limit\n  next: concord errors" in shown
    assert "! 1 record waits for you\n  next: concord errors" in shown
    assert "picklist: hubspot contacts Title" in shown
    assert "ada@example.org" not in shown


def test_an_object_that_cannot_be_asked_about_is_told_once_with_the_vendors_reason(
    sync: Sync, capsys: pytest.CaptureFixture[str]
) -> None:
    sync.begun().works()
    why = "sObject type 'Contact' is not supported; if you use a custom object, append __c to its name"

    async def refused(store: PostgresStore) -> None:
        for chore, age in (("sweep:left", 20), ("consent sweep:left", 19), ("presence:left", 5)):
            told = {"side": "left", "since": sync.before(minutes=age).isoformat(), "why": why}
            await store.put_position(f"trouble:{chore}", json.dumps({"Contact": told}))
        await store.put_position("trouble:sweep:right", "{}")
        place = {"begun": sync.before(hours=3).isoformat(), "each": 100, "after": 7, "over": False}
        await store.put_position("presence", json.dumps(place))

    sync.do(refused)
    assert run("status") == 1
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.count("!") == 1
    assert "! changes of Contact in salesforce are not found since 20 min ago" in shown
    assert "next: concord doctor" in shown
    assert "links are being looked at, in a round that began 3 h ago" in shown
    assert run("status", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert {one["chore"] for one in told["passed_over"]} == {"sweep", "consent sweep", "presence"}
    assert told["presence"]["over"] is False


def test_a_worker_that_was_killed_is_not_taken_for_alive(sync: Sync, capsys: pytest.CaptureFixture[str]) -> None:
    sync.begun()
    with psycopg.connect(sync.database) as connection:
        connection.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '3 hours')")
    assert run("status") == 1
    assert "the last one was heard of 3 h ago" in " ".join(capsys.readouterr().out.split())


def test_an_opt_out_of_a_moment_ago_is_no_alarm(sync: Sync) -> None:
    sync.begun().works()
    sync.waits(contact(3), lane=Lane.CONSENT, seconds=20)
    assert run("status") == 0


def test_a_machine_gets_the_same_in_one_line_without_anybodys_data(
    sync: Sync, capsys: pytest.CaptureFixture[str]
) -> None:
    sync.begun().works()
    sync.refused(PICKLIST, contact(1), minutes=3)
    sync.applied(contact(2), 2, minutes=5)
    assert run("status", "--json") == 1
    captured = capsys.readouterr()
    (line,) = captured.out.splitlines()
    told = json.loads(line)
    assert told["well"] is False
    assert told["needs"] == [{"what": "1 record waits for you", "next": "concord errors"}]
    assert told["workers"]["alive"] is True
    assert told["feeds"]["hubspot journal"]["followed"] is True
    assert told["backlog"]["people"] == {"waiting": 0, "claimed": 0, "later": 0, "dead": 1, "oldest_seconds": None}
    assert told["latency"]["last_hour"]["people"]["p99"] == 2.0
    (failure,) = told["failures"]
    assert (failure["category"], failure["fields"], failure["dead"]) == ("picklist", ["Title"], 1)
    assert "ada@example.org" not in line
    assert len(told["days"]) == 2


def test_the_last_hour_and_the_last_day_are_told_apart_only_where_they_differ(
    sync: Sync, capsys: pytest.CaptureFixture[str]
) -> None:
    sync.begun().works()
    assert run("status") == 0
    assert "no change was applied in the last hour and last day" in capsys.readouterr().out
    sync.applied(contact(1), 0.4, minutes=5)
    assert run("status") == 0
    assert "From change to write, last hour and last day\n" in capsys.readouterr().out
    sync.applied(contact(2), 90, hours=5)
    assert run("status") == 0
    shown = capsys.readouterr().out
    assert "From change to write, last hour\n" in shown
    assert "From change to write, last day\n" in shown
    assert "90 s" in shown


def test_a_large_backlog_is_counted(sync: Sync, capsys: pytest.CaptureFixture[str]) -> None:
    sync.begun().works()
    with psycopg.connect(sync.database) as connection:
        connection.execute(
            "INSERT INTO inbox (pair, system, object, record_id, lane, first_seen_at, due_at)"
            " SELECT pair, 'hubspot', 'contacts', 'many' || n, 90, now(), now()"
            " FROM generate_series(1, 200000) n, (SELECT DISTINCT pair FROM cursor) AS one"
        )
    assert run("status", "--json") == 0
    assert json.loads(capsys.readouterr().out)["backlog"]["backfill"]["waiting"] == 200_000


def test_an_empty_database_says_what_to_run_first(sync: Sync, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status") == 1
    assert "the two systems were not read yet. Run `concord reconcile` first" in capsys.readouterr().err


def test_a_database_that_is_not_migrated_says_what_to_run_first(
    folder: Path, empty_database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONCORD_DATABASE_URL", empty_database)
    assert run("status") == 1
    assert "no tables of Concord yet" in capsys.readouterr().err
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT to_regclass('inbox')").fetchone() == (None,), "looking makes nothing"


def test_a_database_that_is_not_there_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONCORD_DATABASE_URL", "postgresql://127.0.0.1:1/nothing")
    assert run("status") == 1
    assert "The database does not answer" in capsys.readouterr().err


def test_without_any_database_nothing_is_made(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status") == 1
    assert "There is no database yet" in capsys.readouterr().err
    assert not (folder / DATA_DIR).exists()


def test_of_several_pairs_one_has_to_be_named(sync: Sync, capsys: pytest.CaptureFixture[str]) -> None:
    sync.begun().begun("00D2:77").works()
    assert run("status") == 2
    assert "name one with --pair: 00D000000000001EAA:1234567, 00D2:77" in capsys.readouterr().err
    assert run("status", "--pair", "00D2:77") == 0
    assert "(account 77)" in capsys.readouterr().out
    assert run("status", "--pair", "nobody") == 2
    assert "no pair nobody" in capsys.readouterr().err


@pytest.fixture
def passable(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[Path]:
    """The same in a folder that PostgreSQL's own user may pass through, unlike pytest's."""
    made = Path(tempfile.mkdtemp(prefix="concord-"))
    made.chmod(0o755)
    shutil.copy("concord.yaml", made)
    monkeypatch.chdir(made)
    yield made
    shutil.rmtree(made)


@contextmanager
def serving(folder: Path) -> Iterator[None]:
    """Another Concord that runs the built-in database of this folder, with a worker."""
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        server = EmbeddedPostgres(folder / DATA_DIR, settings={"fsync": "off"})
        conninfo = await server.start()
        try:
            await migrate(conninfo)
            async with PostgresStore.open(conninfo, pair="00D1:77") as store:
                await store.put_position("sweep:left", "somewhere")
            async with await psycopg.AsyncConnection.connect(conninfo) as connection:
                await connection.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
            ready.set()
            await asyncio.to_thread(stop.wait)
        finally:
            await server.stop()

    with ThreadPoolExecutor(1) as thread:
        served = thread.submit(asyncio.run, serve())
        served.add_done_callback(lambda _: ready.set())
        try:
            assert ready.wait(60)
            yield
        finally:
            stop.set()
            served.result(60)


def test_with_the_built_in_database_it_looks_beside_the_concord_that_runs_it(
    passable: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(passable):
        assert run("status") == 0
        assert "(account 77)" in capsys.readouterr().out
        assert run("status") == 0, "and leaves it running"
        assert run("retry", "--all") == 0
    capsys.readouterr()
    assert run("status") in (0, 1), "and by itself, when none runs"
    assert "(account 77)" in capsys.readouterr().out


def test_its_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "--help") == 0
    assert "concord status --json" in capsys.readouterr().out


def _told(sync: Sync, account: str, name: str, *readings: tuple[int, int, int]) -> None:
    """(minutes ago, used, of how many) of an allowance."""
    clock = [sync.now]

    async def tell() -> None:
        async with Budget.open(sync.database, lambda: clock[0]) as budget:
            for minutes, used, most in readings:
                clock[0] = sync.before(minutes=minutes)
                if name == "calls":
                    await budget.take(account, [], Told(used, most))
                else:
                    await budget.tell(account, name, Told(used, most))

    asyncio.run(tell())


def test_the_days_allowances_are_shown_and_one_that_will_not_last_is_warned_of(
    sync: Sync, capsys: pytest.CaptureFixture[str]
) -> None:
    sync.begun().works()
    _told(sync, "salesforce 00D000000000001EAA", "calls", (40, 30_000, 100_000), (0, 70_000, 100_000))
    _told(sync, "salesforce 00D000000000001EAA", "events", (0, 5000, 25_000))
    _told(sync, "hubspot 1234567", "calls", (50, 1000, 650_000), (0, 1500, 650_000))
    assert run("status") == 0
    shown = capsys.readouterr().out
    assert "quota       salesforce: 70000 of 100000 calls used (70%); 78000 is the bound" in shown
    assert "quota       salesforce: 5000 of 25000 events used (20%); no rate yet" in shown
    assert "quota       hubspot: 1500 of 650000 calls used (0%); " in shown
    assert "~ the daily calls of salesforce run out at " in shown
    assert "salesforce.daily_share" in shown
    assert "all is well" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert run("status", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["well"] is True
    assert [(one["system"], one["quota"], one["bound"]) for one in told["quotas"]] == [
        ("salesforce", "calls", 78_000),
        ("salesforce", "events", 25_000),
        ("hubspot", "calls", 572_000),
    ]
    assert told["quotas"][0]["runs_out_at"] is not None
    assert len(told["warnings"]) == 1


def test_an_allowance_that_is_used_up_says_so(sync: Sync, capsys: pytest.CaptureFixture[str]) -> None:
    sync.begun().works()
    _told(sync, "hubspot 1234567", "calls", (0, 640_000, 650_000))
    _told(sync, "salesforce 00D000000000001EAA", "events", (0, 25_000, 25_000))
    assert run("status") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "~ the daily calls of hubspot are used up: see what else uses them, or raise hubspot.daily_share" in shown
    assert "~ the change events of salesforce are used up: it is asked for changes then" in shown
