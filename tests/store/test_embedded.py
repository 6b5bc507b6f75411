"""The launcher of the built-in PostgreSQL, against the real one."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from concord.errors import StoreError
from concord.store import embedded
from concord.store.embedded import EmbeddedPostgres

FAST = {"fsync": "off"}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as another user")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of our own that other users may pass through, unlike pytest's."""
    made = Path(tempfile.mkdtemp(prefix="concord-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def server(folder: Path) -> AsyncIterator[EmbeddedPostgres]:
    made = EmbeddedPostgres(folder / "data", settings=FAST, elsewhere=folder / "elsewhere")
    yield made
    await made.stop()


async def ask(conninfo: str, query: str) -> object:
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        cursor = await connection.execute(query.encode())
        row = await cursor.fetchone() if cursor.description else None
        return row[0] if row else None


async def test_it_keeps_data_from_one_start_to_the_next(server: EmbeddedPostgres) -> None:
    conninfo = await server.start()
    await ask(conninfo, "CREATE TABLE kept AS SELECT 42 AS answer")
    await server.stop()
    assert await ask(await server.start(), "SELECT answer FROM kept") == 42


async def test_it_is_set_up_to_lose_nothing_unless_told_otherwise(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "data")
    conninfo = await server.start()
    try:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await ask(conninfo, f"SHOW {name}") == "on"
        assert await ask(conninfo, "SHOW listen_addresses") == ""
        assert await ask(conninfo, "SHOW server_encoding") == "UTF8"
    finally:
        await server.stop()


async def test_it_writes_no_values_into_its_log(server: EmbeddedPostgres) -> None:
    conninfo = await server.start()
    with pytest.raises(psycopg.Error):
        await ask(conninfo, "SELECT 'ada@example.org'::int")
    await ask(conninfo, "CREATE TABLE people (address text UNIQUE)")
    with pytest.raises(psycopg.Error):
        await ask(conninfo, "INSERT INTO people VALUES ('bob@example.org'), ('bob@example.org')")
    log = (server.home / "log").read_text()
    assert "duplicate key" in log
    assert "bob@example.org" not in log


async def test_a_second_concord_on_one_folder_is_told_who_has_it(server: EmbeddedPostgres, folder: Path) -> None:
    conninfo = await server.start()
    with pytest.raises(StoreError, match=rf"in use by another Concord \(process {os.getpid()}\)"):
        await EmbeddedPostgres(folder / "data").start()
    assert await ask(conninfo, "SELECT 1") == 1


async def test_stopping_ends_the_server_and_frees_the_folder(server: EmbeddedPostgres, folder: Path) -> None:
    await server.start()
    pid = server.pid
    assert pid is not None
    await server.stop()
    await server.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    another = EmbeddedPostgres(folder / "data", settings=FAST, elsewhere=folder / "elsewhere")
    await another.start()
    await another.stop()


async def test_stopping_breaks_off_open_connections(server: EmbeddedPostgres) -> None:
    connection = await psycopg.AsyncConnection.connect(await server.start())
    async with asyncio.timeout(10):
        await server.stop()
    with pytest.raises(psycopg.OperationalError):
        await connection.execute("SELECT 1")
    await connection.close()


async def test_after_a_kill_of_the_server_a_start_gets_a_working_one(server: EmbeddedPostgres) -> None:
    conninfo = await server.start()
    await ask(conninfo, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    await until(lambda: server.pid is None)
    assert await ask(await server.start(), "SELECT answer FROM kept") == 42


async def test_a_server_that_dies_is_started_again_while_it_is_kept(server: EmbeddedPostgres) -> None:
    conninfo = await server.start()
    first = server.pid
    assert first is not None
    keeping = asyncio.create_task(server.keep())
    os.kill(first, signal.SIGKILL)
    await until(lambda: server.pid not in (None, first))
    async with asyncio.timeout(20):
        while True:
            try:
                assert await ask(conninfo, "SELECT 1") == 1
                break
            except psycopg.OperationalError:
                await asyncio.sleep(0.01)
    await server.stop()
    async with asyncio.timeout(10):
        await keeping
    assert server.pid is None


async def test_a_stale_process_id_that_is_somebody_elses_by_now_is_no_obstacle(server: EmbeddedPostgres) -> None:
    await server.start()
    note = server.home / "data" / "postmaster.pid"
    stale = note.read_text()
    await server.stop()
    note.write_text(stale.replace(stale.splitlines()[0], str(os.getpid()), 1))
    assert await ask(await server.start(), "SELECT 1") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next start stops the leftover")
async def test_the_server_ends_when_concord_is_killed_and_the_folder_is_free(
    server: EmbeddedPostgres, folder: Path
) -> None:
    script = (
        "import asyncio, pathlib, sys\n"
        "from concord.store.embedded import EmbeddedPostgres\n"
        "async def main():\n"
        "    server = EmbeddedPostgres(pathlib.Path(sys.argv[1]), settings={'fsync': 'off'})\n"
        "    await server.start()\n"
        "    print(server.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    concord = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(folder / "data"), stdout=asyncio.subprocess.PIPE
    )
    assert concord.stdout is not None
    pid = int(await concord.stdout.readline())
    concord.kill()
    await concord.wait()
    await until(lambda: not embedded._is_server(pid, folder / "data" / "postgres" / "data"))
    assert await ask(await server.start(), "SELECT 1") == 1


async def test_a_leftover_server_is_stopped_by_the_next_start(server: EmbeddedPostgres, folder: Path) -> None:
    await server.start()
    left_over = server._server
    assert left_over is not None
    assert server._lock is not None
    server._lock.close()  # as the system does when Concord is killed, on a machine where the server then lives on
    another = EmbeddedPostgres(folder / "data", settings=FAST, elsewhere=folder / "elsewhere")
    assert await ask(await another.start(), "SELECT 1") == 1
    assert left_over.poll() is not None
    await another.stop()


async def test_a_half_made_database_is_made_anew(server: EmbeddedPostgres, folder: Path) -> None:
    half = folder / "data" / "postgres" / "draft"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    assert await ask(await server.start(), "SELECT 1") == 1
    assert not half.exists()


async def test_a_database_of_an_unknown_version_is_refused_by_name(server: EmbeddedPostgres) -> None:
    await server.start()
    await server.stop()
    (server.home / "data" / "PG_VERSION").write_text("99\n")
    with pytest.raises(StoreError, match="made by PostgreSQL 99"):
        await server.start()


async def test_a_server_that_does_not_start_says_why(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "data", settings={**FAST, "shared_buffers": "nonsense"})
    with pytest.raises(StoreError, match="shared_buffers"):
        await server.start()
    assert server.pid is None


async def test_a_path_too_long_for_a_socket_is_no_obstacle(folder: Path) -> None:
    server = EmbeddedPostgres(folder / ("long" * 30), settings=FAST)
    assert await ask(await server.start(), "SELECT 1") == 1
    sockets = server._sockets
    assert sockets is not None
    await server.stop()
    assert not sockets.exists()


async def test_removing_leaves_no_database(server: EmbeddedPostgres) -> None:
    await server.start()
    home = server.home
    await server.remove()
    assert not home.exists()


@as_root
async def test_as_root_the_server_is_another_user_and_only_that_user_can_enter(server: EmbeddedPostgres) -> None:
    await server.start()
    assert os.stat(f"/proc/{server.pid}").st_uid != 0
    for folder in (server.home, server.home / "data", server.home / "socket"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert folder.stat().st_uid != 0


@as_root
async def test_as_root_a_private_data_folder_lets_one_group_pass_and_nobody_else(folder: Path) -> None:
    private = folder / "private"
    private.mkdir(mode=0o700)
    server = EmbeddedPostgres(private, settings=FAST)
    await server.start()
    await server.stop()
    assert server.home.parent == private
    assert stat.S_IMODE(private.stat().st_mode) == 0o710


@as_root
async def test_as_root_a_folder_out_of_reach_is_left_as_it_is_and_the_data_go_elsewhere(folder: Path) -> None:
    home = folder / "roots-home"
    home.mkdir(mode=0o700)
    server = EmbeddedPostgres(home / "data", settings=FAST, elsewhere=folder / "elsewhere")
    assert await ask(await server.start(), "SELECT 1") == 1
    assert server.home.parent == folder / "elsewhere"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    first = server.home
    await server.stop()
    await server.start()
    assert server.home == first
    await server.remove()


@as_root
async def test_as_root_programs_out_of_reach_are_copied(
    server: EmbeddedPostgres, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reachable = embedded._reachable
    monkeypatch.setattr(
        embedded, "_reachable", lambda path, account: "pixeltable" not in str(path) and reachable(path, account)
    )
    assert await ask(await server.start(), "SELECT 1") == 1
    assert os.readlink(f"/proc/{server.pid}/exe").startswith(str(folder / "elsewhere"))


async def until(condition: object) -> None:
    """Wait for something that another process does."""
    assert callable(condition)
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - a process cannot set an Event
            await asyncio.sleep(0.01)


async def test_the_server_of_another_concord_is_shared_and_left_running(server: EmbeddedPostgres, folder: Path) -> None:
    conninfo = await server.start()
    await ask(conninfo, "CREATE TABLE kept AS SELECT 42 AS answer")
    beside = EmbeddedPostgres(folder / "data", elsewhere=folder / "elsewhere")
    shared = await beside.share()
    assert await ask(shared, "SELECT answer FROM kept") == 42
    assert beside.pid is None
    await beside.stop()
    assert await ask(conninfo, "SELECT 1") == 1


async def test_where_no_concord_runs_sharing_starts_a_server(server: EmbeddedPostgres) -> None:
    assert await ask(await server.share(), "SELECT 1") == 1
    pid = server.pid
    assert pid is not None
    await server.stop()
    assert server.pid is None


async def test_a_folder_whose_concord_has_no_server_cannot_be_shared(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "SHARE_SECONDS", 0.0)
    (folder / "data" / "postgres" / "data").mkdir(parents=True)
    (folder / "data" / "postgres" / "data" / "postmaster.pid").write_text("1\nhalf a note\n")
    lock = embedded._take_lock(folder / "data")
    try:
        with pytest.raises(StoreError, match="in use by another Concord"):
            await EmbeddedPostgres(folder / "data", elsewhere=folder / "elsewhere").share()
    finally:
        lock.close()
