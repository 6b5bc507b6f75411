"""Processes beside `concord serve`: started, started again, and ended with it."""

# ruff: noqa: ASYNC240 - small folders of our own
from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from pathlib import Path

import pytest

from concord.cli import processes
from concord.cli.processes import kept

#: Says that it is there under its own number, and ends with its input or when it is asked to.
WORKER = """
import asyncio, os, pathlib, signal, sys
from concord.cli.processes import parent_gone, run_long
async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    place = pathlib.Path(sys.argv[1]) / str(os.getpid())
    place.write_text(os.environ["CONCORD_DATABASE_URL"])
    await asyncio.wait([asyncio.create_task(stop.wait()), asyncio.create_task(parent_gone())],
                       return_when=asyncio.FIRST_COMPLETED)
    place.unlink()
run_long(main())
"""
LIMIT = 30


async def there(folder: Path, count: int, but: frozenset[str] = frozenset()) -> set[str]:
    """The numbers of the workers that run, once they are so many."""
    async with asyncio.timeout(LIMIT):
        while len(found := {one.name for one in folder.iterdir()} - but) != count:  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.05)
        return found


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PAUSE", 0.01)


async def test_they_run_on_the_same_database_and_end_with_the_block(tmp_path: Path) -> None:
    async with kept(2, [sys.executable, "-c", WORKER, str(tmp_path)], "postgresql://somewhere"):
        for name in await there(tmp_path, 2):
            assert (tmp_path / name).read_text() == "postgresql://somewhere"
    assert list(tmp_path.iterdir()) == []


async def test_one_that_is_killed_is_started_again(tmp_path: Path) -> None:
    async with kept(1, [sys.executable, "-c", WORKER, str(tmp_path)], ""):
        (first,) = await there(tmp_path, 1)
        os.kill(int(first), signal.SIGKILL)
        (second,) = await there(tmp_path, 1, frozenset({first}))
        assert second != first


async def test_they_end_when_what_started_them_is_killed(tmp_path: Path) -> None:
    parent = f"""
import asyncio, sys
from concord.cli.processes import kept
async def main():
    async with kept(1, [sys.executable, "-c", {WORKER!r}, {str(tmp_path)!r}], ""):
        await asyncio.Event().wait()
asyncio.run(main())
"""
    started = await asyncio.create_subprocess_exec(sys.executable, "-c", parent)
    await there(tmp_path, 1)
    started.kill()
    await started.wait()
    await there(tmp_path, 0)


def test_a_process_that_runs_long_looks_for_circles_seldom_and_leaves_alone_what_is_there() -> None:
    before = gc.get_threshold()
    try:
        processes.collect_seldom()
        assert gc.get_threshold()[0] == processes.OBJECTS
        assert gc.get_freeze_count() > 0
        assert gc.isenabled()
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
