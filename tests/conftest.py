"""What many tests share: one PostgreSQL for the session of each worker, and an empty, migrated database for each test."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest
from concord.store.embedded import EmbeddedPostgres
from concord.store.migrate import migrate
from concord.store.store import PostgresStore
from psycopg import sql
from psycopg.conninfo import make_conninfo


@dataclass
class TestServer:
    """A PostgreSQL in which tests make databases of their own, each a copy of a migrated one."""

    __test__ = False
    conninfo: str
    name: str
    numbers: Iterator[int] = field(default_factory=count)

    def make_template(self) -> None:
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(self.name)))
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.name)))
        asyncio.run(migrate(make_conninfo(self.conninfo, dbname=self.name)))

    def create(self) -> str:
        """A new database; its name."""
        name = f"{self.name}_{next(self.numbers)}"
        self.drop(name)
        query = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(self.name))
        self._execute(query)
        return name

    def drop(self, name: str) -> None:
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, query: sql.Composed) -> None:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute(query)


@pytest.fixture(scope="session")
def postgres(worker_id: str) -> Iterator[TestServer]:
    """One server for the session of this worker: CONCORD_TEST_DATABASE_URL, or an embedded one without fsync."""
    name = f"concord_test_{worker_id}"
    url = os.environ.get("CONCORD_TEST_DATABASE_URL")
    if url:
        server = TestServer(url, name)
        server.make_template()
        yield server
        server.drop(name)
        return
    folder = Path(tempfile.mkdtemp(prefix="concord-test-"))
    embedded = EmbeddedPostgres(
        folder, settings={"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    )
    server = TestServer(asyncio.run(embedded.start()), name)
    server.make_template()
    yield server
    asyncio.run(embedded.remove())
    shutil.rmtree(folder)


@pytest.fixture
def database(postgres: TestServer) -> Iterator[str]:
    """The connection string of an empty, migrated database of this test alone."""
    name = postgres.create()
    yield make_conninfo(postgres.conninfo, dbname=name)
    postgres.drop(name)


@pytest.fixture
async def store(database: str) -> AsyncIterator[PostgresStore]:
    """A store that wakes nobody."""
    async with PostgresStore.open(database, pair="test", run="a run") as opened:
        yield opened
