"""Bringing a database up to date."""

from __future__ import annotations

import asyncio
import re

import psycopg
import pytest

from concord.errors import StoreError
from concord.store.migrate import _ours, migrate


async def execute(conninfo: str, query: str) -> None:
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        await connection.execute(query.encode())


async def test_a_second_migration_has_nothing_to_do(empty_database: str) -> None:
    first = await migrate(empty_database)
    assert first[0] == "0001_line"
    assert first[first.index("queue/schema") - 1][:4].isdigit(), "ours come before the queue's"
    assert await migrate(empty_database) == []


async def test_two_at_once_apply_everything_once(empty_database: str) -> None:
    done = await asyncio.gather(migrate(empty_database), migrate(empty_database))
    assert sorted(map(bool, done)) == [False, True]


async def test_a_later_version_of_the_queue_adds_its_migrations(empty_database: str) -> None:
    names = await migrate(empty_database)
    (newest,) = (name for name in names if name.startswith("queue/03.03"))
    await execute(empty_database, "DROP FUNCTION procrastinate_fetch_job_v2")
    await execute(empty_database, "DELETE FROM migration WHERE name LIKE 'queue/03.03%'")
    assert await migrate(empty_database) == [newest]
    await execute(empty_database, "SELECT procrastinate_fetch_job_v2(NULL, NULL)")


async def test_a_database_of_a_newer_concord_is_refused(database: str) -> None:
    await execute(database, "INSERT INTO migration (name) VALUES ('9999_future')")
    with pytest.raises(StoreError, match=r"newer Concord \(9999_future\)"):
        await migrate(database)


async def test_another_programs_queue_is_not_touched(empty_database: str) -> None:
    await execute(empty_database, "CREATE TABLE procrastinate_jobs (theirs int)")
    with pytest.raises(StoreError, match="another program's work queue"):
        await migrate(empty_database)


async def test_a_server_that_is_not_there_is_a_store_error(postgres: object) -> None:
    with pytest.raises(StoreError, match="could not be brought up to date"):
        await migrate("host=/nowhere dbname=none")


async def test_a_line_of_the_ledger_cannot_be_changed(database: str) -> None:
    await execute(
        database,
        "INSERT INTO ledger (pair, at, run, event, object_pair, reason, values)"
        " VALUES ('p', '2026-01-01', '', 'linked', 'people', 'r', '{}')",
    )
    with pytest.raises(psycopg.Error, match="append only"):
        await execute(database, "UPDATE ledger SET reason = 'another'")


async def test_a_migration_gives_way_to_a_worker_of_the_version_before_and_comes_back(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waiting for the table's lock in silence, it would hold up everyone who comes after it."""
    monkeypatch.setattr("concord.store.migrate.LOCK_PAUSE", 0.0)
    monkeypatch.setattr("concord.store.migrate._BRIEF", b"SET LOCAL lock_timeout = '50ms'")
    await execute(database, "DELETE FROM migration WHERE name = '0002_seen'")
    for index in ("inbox_failed", "ledger_written", "ledger_conflicts_by_time"):
        await execute(database, f"DROP INDEX {index}")
    async with await psycopg.AsyncConnection.connect(database) as worker:
        await worker.execute("LOCK TABLE inbox IN ROW EXCLUSIVE MODE")
        migrating = asyncio.create_task(migrate(database))
        async with asyncio.timeout(20), await psycopg.AsyncConnection.connect(database) as another:
            for _ in range(5):
                await another.execute("INSERT INTO cursor (pair, name, position) VALUES ('p', gen_random_uuid(), '')")
                await another.execute("LOCK TABLE inbox IN ROW EXCLUSIVE MODE")
                await another.commit()
        assert not migrating.done()
        await worker.commit()
        assert await migrating == ["0002_seen"]


def test_a_migration_only_adds_so_that_the_version_before_goes_on_working() -> None:
    """What is dropped, renamed or made stricter would fail under those that still run (a rolling restart)."""
    scripts = {name: script.decode() for name, script in _ours() if name != "0001_line"}
    adds = re.compile(
        r"CREATE (UNLOGGED )?(TABLE|INDEX|SEQUENCE|FUNCTION|TRIGGER|TYPE) |"
        r"ALTER TABLE \w+ ADD COLUMN \w+ (?!.*NOT NULL(?!.*DEFAULT))|COMMENT ON |INSERT INTO "
    )
    for name, script in scripts.items():
        plain = re.sub(r"\$\$.*?\$\$", "''", re.sub(r"--[^\n]*", "", script), flags=re.DOTALL)
        for statement in filter(None, (" ".join(one.split()) for one in plain.split(";"))):
            unique = re.match(r"CREATE UNIQUE INDEX \w+ ON (\w+)", statement)
            own = unique is not None and f"CREATE TABLE {unique[1]} " in script
            assert own or adds.match(statement), f"{name}: {statement}"
