"""What many tests share: one PostgreSQL for the session of each worker, and a migrated database for each test."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import LiteralString

import hypothesis
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from concord.store.embedded import EmbeddedPostgres
from concord.store.migrate import migrate
from concord.store.store import PostgresStore


class TestServer:
    """A PostgreSQL in which tests make databases of their own, each a copy of a migrated one."""

    __test__ = False

    def __init__(self, conninfo: str, name: str) -> None:
        self.conninfo = conninfo
        self._name = name
        self._numbers = count()
        self._finished: list[str] = []
        self._connection = psycopg.connect(conninfo, autocommit=True)

    def make_template(self) -> None:
        self.drop(self._name)
        self._execute("CREATE DATABASE {}", self._name)
        asyncio.run(migrate(self.conninfo_of(self._name)))

    def create(self) -> str:
        """A new, migrated database; its name."""
        name = f"{self._name}_{next(self._numbers)}"
        while len(self._finished) > 1:
            self.drop(self._finished.pop(0))
        self._execute("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, self._name)
        return name

    def create_empty(self) -> str:
        """A new database without any table; its name."""
        name = f"{self._name}_{next(self._numbers)}"
        self._execute("CREATE DATABASE {}", name)
        return name

    def drop(self, name: str) -> None:
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def finish(self, name: str) -> None:
        """This one is to be dropped: a little later, because its connections take a moment to end."""
        self._finished.append(name)

    def conninfo_of(self, name: str) -> str:
        return make_conninfo(self.conninfo, dbname=name)

    def close(self) -> None:
        for name in (*self._finished, self._name):
            self.drop(name)
        self._connection.close()

    def _execute(self, statement: LiteralString, *names: str) -> None:
        self._connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _fast_folder() -> str | None:
    """Memory, where there is plenty: a database for each test is a few hundred files."""
    memory = "/dev/shm"
    return memory if os.path.isdir(memory) and shutil.disk_usage(memory).free > 2 * 2**30 else None


@contextmanager
def served(name: str) -> Iterator[TestServer]:
    """A server to make databases in: CONCORD_TEST_DATABASE_URL, or an embedded one without fsync."""
    url = os.environ.get("CONCORD_TEST_DATABASE_URL")
    if url:
        server = TestServer(url, name)
        server.make_template()
        yield server
        server.close()
        return
    folder = Path(tempfile.mkdtemp(prefix="concord-test-", dir=_fast_folder()))
    embedded = EmbeddedPostgres(
        folder, settings={"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    )
    server = TestServer(asyncio.run(embedded.start()), name)
    server.make_template()
    yield server
    server.close()
    asyncio.run(embedded.remove())
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres(worker_id: str) -> Iterator[TestServer]:
    """One server for the session of this worker."""
    with served(f"concord_test_{os.getpid()}_{worker_id}") as server:
        yield server


@pytest.fixture
def empty_database(postgres: TestServer) -> Iterator[str]:
    """The connection string of a database without any table."""
    name = postgres.create_empty()
    yield postgres.conninfo_of(name)
    postgres.finish(name)


@pytest.fixture
def database(postgres: TestServer) -> Iterator[str]:
    """The connection string of an empty, migrated database of this test alone."""
    name = postgres.create()
    yield postgres.conninfo_of(name)
    postgres.finish(name)


@pytest.fixture
async def store(database: str) -> AsyncIterator[PostgresStore]:
    """A store that wakes nobody."""
    async with PostgresStore.open(database, pair="test", run="a run") as opened:
        yield opened


# Two cores share everything: a slow example is no fault of the code. The seed is random; failures print how to repeat.
hypothesis.settings.register_profile("concord", deadline=None)
hypothesis.settings.load_profile("concord")
