"""Bringing a database up to date."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from concord.errors import StoreError
from concord.store.migrate import migrate


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
