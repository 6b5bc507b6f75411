"""Processes that run for long: how this one runs, and others beside it that only work, which are started, kept, and
ended with it. Knows nothing of what they do."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from concord.config.secrets import DATABASE_URL

log = logging.getLogger("concord.processes")

#: How the same program is started again.
CONCORD: Final = (sys.executable, "-c", "from concord.cli.main import main; raise SystemExit(main())")
#: Set for a process that is to end when its standard input does, which is when its parent ends, in whatever way.
CHILD: Final = "CONCORD_ENDS_WITH_INPUT"
#: Seconds before a process that ended is started anew: the first time, and at most.
PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
#: More objects than before, circles or not, after which Python looks for circles: about what a batch of 200 makes.
OBJECTS: Final = 50_000
#: Seconds a process may take to finish what is under way.
GRACE: Final = 40.0


def run_long(main: Coroutine[Any, Any, None]) -> None:
    """As `asyncio.run`, on uvloop's event loop where there is one: the same with less work for each call."""
    if sys.platform == "win32":
        asyncio.run(main)
    else:
        import uvloop  # there is none for Windows

        uvloop.run(main)


def collect_seldom() -> None:
    """Let Python look for unreachable circles of objects seldom, as suits a process that runs for long: what is there
    by now (modules, schemas, the mapping) stays, and a batch's objects go by themselves when it ends. As Python comes,
    a fifth of all processor time of a change goes into walking them again and again (bench/README.md)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS, 20, 20)


@asynccontextmanager
async def kept(count: int, command: Sequence[str], database_url: str) -> AsyncIterator[None]:
    """Run `count` processes of this command while the block does; one that ends is started again. At the end each is
    asked to finish, and is killed when it does not."""
    tasks = [asyncio.create_task(_keep(number + 2, command, database_url)) for number in range(count)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep(number: int, command: Sequence[str], database_url: str) -> None:
    pause, loop = PAUSE, asyncio.get_running_loop()
    while True:
        began = loop.time()
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            env={**os.environ, DATABASE_URL: database_url, CHILD: "1"},
        )
        try:
            code = await child.wait()
        finally:
            await _end(child)
        pause = PAUSE if loop.time() - began > LONGEST_PAUSE else min(pause * 2, LONGEST_PAUSE)
        log.warning("worker process %d ended with code %s and is started again in %.0f s", number, code, pause)
        await asyncio.sleep(pause)


async def _end(child: asyncio.subprocess.Process) -> None:
    """Ask a process to finish, and wait for it."""
    if child.returncode is not None:
        return
    with suppress(ProcessLookupError):
        child.terminate()
    try:
        await asyncio.wait_for(child.wait(), GRACE)
    except TimeoutError:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()


async def parent_gone() -> None:
    """Return when the process that started this one is gone; never, for one that a person started."""
    if not os.environ.get(CHILD):
        await asyncio.Event().wait()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(1024):
        pass
