"""Wake-ups and chores on procrastinate: who is told that rows are due, what runs from time to time, who takes over from
a worker that died. The rows to do are the inbox's; a job here only says "there is work".

Knows nothing about records: it calls back into what it is given. procrastinate's heartbeats, schedules and
notifications run on the real clock and the database's; that is why the line itself never asks this module for a time.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ProcrastinateException, UniqueViolation
from procrastinate.jobs import Status
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from concord.store.pool import make_pool

Callback = Callable[[], Awaitable[None]]

#: The same number stands for one pair in every transaction that rings or settles.
_NUMBER: Final = "hashtextextended('concord work ' || %s, 0)"
_RINGING: Final = b"SELECT pg_advisory_xact_lock_shared(" + _NUMBER.encode() + b")"
_SETTLE: Final = b"SELECT pg_advisory_xact_lock(" + _NUMBER.encode() + b")"
_RUNG: Final = b"SELECT FROM procrastinate_jobs WHERE queueing_lock = %s AND status = 'todo'"

#: Rows that were put back to a later time are found by looking this often, beside every wake-up.
LOOK_EVERY: Final = timedelta(seconds=2)
#: A worker that has said nothing for so long is taken for dead, and its jobs are taken over.
HEARTBEAT_SECONDS: Final = 2.0
STALLED_SECONDS: Final = 20.0
SWEEP_EVERY: Final = timedelta(seconds=5)
#: How often to look for jobs without having been told, in case a notification was lost.
POLL_SECONDS: Final = 2.0
#: How long a job may go on when the queue is told to stop.
GRACE_SECONDS: Final = 20.0
#: Failed jobs are kept so long, for those who look for the cause.
KEEP_HOURS: Final = 24
CHORES_AT_ONCE: Final = 4


@dataclass(frozen=True)
class Chore:
    """Something to do from time to time, by one worker at once. every: a span that divides a minute, an hour or a day,
    for chores run on the clock's round times, so that many workers agree on them."""

    name: str
    every: timedelta
    run: Callback


class Bell:
    """Tells the workers of a pair, inside a transaction, that rows are due; they hear it when it commits.

    Many rings before a worker comes are one job. For that the ring must not be lost when the job that is waiting is
    fetched while this transaction is still open, for its worker would not see our rows: whoever rings holds a shared
    lock until the commit, and a worker that has fetched the job waits for that lock before it looks.
    """

    def __init__(self, pair: str) -> None:
        self._pair = pair
        self._app = App(connector=PsycopgConnector())  # never opened: jobs are added through the caller's connection

    async def ring(self, connection: AsyncConnection) -> None:
        """There is work. Raises psycopg.Error when the database fails."""
        queue = _work_queue(self._pair)
        await connection.execute(_RINGING, [self._pair])
        waiting = await connection.execute(_RUNG, [queue])
        if waiting.rowcount:
            return
        job = self._app.configure_task(
            "work", queue=queue, lock=queue, queueing_lock=queue, priority=100, connection=connection
        )
        with suppress(AlreadyEnqueued):  # somebody rang at the same moment, which is as good
            async with connection.transaction():
                await job.defer_async()


class Queue:
    """A worker of one pair, for as long as `run` runs; there may be many, in many processes.

    work: called when there is work, by one worker of the pair at once; it goes on until nothing is due. chores: see
    Chore. alone: no other worker can be alive (the database is ours alone), so jobs of dead ones are taken over at
    once instead of after STALLED_SECONDS. sleep: for the pause before a new try when the database is away.
    """

    def __init__(
        self,
        conninfo: str,
        pair: str,
        *,
        work: Callback,
        chores: Sequence[Chore] = (),
        alone: bool = False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._conninfo = conninfo
        self._pair = pair
        self._work = work
        self._chores = {chore.name: chore for chore in chores}
        self._alone = alone
        self._sleep = sleep
        self._log = logging.getLogger(__name__)

    async def run(self) -> None:
        """Work until cancelled; then jobs under way get GRACE_SECONDS to finish. procrastinate's worker ends when the
        database is away; it is started again then, after a pause that grows to five seconds."""
        pause = 0.1
        while True:
            try:
                await self._run_workers()
                pause = 0.1
            except (ProcrastinateException, psycopg.Error, OSError) as error:
                self._log.warning("the queue lost its database and tries again in %.1f s: %s", pause, error)
                pause = min(pause * 2, 5.0)
            await self._sleep(pause)

    async def _run_workers(self) -> None:
        """Two workers: one that works, one job at a time, and one for the chores beside it.

        A worker of several jobs at once passes over a job whose lock is taken, and does not look again before it
        polls; one of one job at a time looks as soon as its job is done.
        """
        pool = make_pool(self._conninfo, size=4 + CHORES_AT_ONCE, timeout=5)
        async with pool:
            await pool.wait(5)
            chores = self._chores_app(pool)
            async with self._work_app(pool).open_async(pool) as working, chores.open_async(pool):
                await self._take_over(chores, 0.0 if self._alone else STALLED_SECONDS)
                workers = [
                    asyncio.create_task(_worker(working, _work_queue(self._pair), 1)),
                    asyncio.create_task(_worker(chores, _chores_queue(self._pair), CHORES_AT_ONCE)),
                ]
                try:
                    ended, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for worker in workers:
                        worker.cancel()
                    await asyncio.gather(*workers, return_exceptions=True)
                for worker in ended:
                    worker.result()

    def _work_app(self, pool: AsyncConnectionPool) -> App:
        app = App(connector=PsycopgConnector())
        queue = _work_queue(self._pair)

        async def work(timestamp: int = 0) -> None:
            await self._settle(pool)
            await self._work()

        task = app.task(name="work", queue=queue, lock=queue, queueing_lock=queue, priority=100)(work)
        app.periodic(cron=cron(LOOK_EVERY), periodic_id=queue, queue=queue, lock=queue, queueing_lock=queue)(task)
        return app

    async def _settle(self, pool: AsyncConnectionPool) -> None:
        """Wait until everybody who found our job waiting, and so added none, has committed."""
        async with pool.connection() as connection:
            await connection.execute("SET LOCAL lock_timeout = '2s'")
            with suppress(psycopg.errors.LockNotAvailable):  # somebody hangs; the next look finds those rows
                async with connection.transaction():
                    await connection.execute(_SETTLE, [self._pair])

    def _chores_app(self, pool: AsyncConnectionPool) -> App:
        app = App(connector=PsycopgConnector())
        queue = _chores_queue(self._pair)

        async def do(name: str, timestamp: int = 0) -> None:
            await self._chores[name].run()

        async def take_over(timestamp: int = 0) -> None:
            await self._take_over(app, STALLED_SECONDS)

        def register(task: Any, name: str, every: timedelta, arguments: dict[str, Any]) -> None:
            once = f"{queue}/{name}"
            app.periodic(
                cron=cron(every), periodic_id=once, queue=queue, lock=once, queueing_lock=once, task_kwargs=arguments
            )(task)

        register(app.task(name="take over", queue=queue)(take_over), "take over", SWEEP_EVERY, {})
        chore = app.task(name="chore", queue=queue)(do)
        for one in self._chores.values():
            register(chore, one.name, one.every, {"name": one.name})
        return app

    async def _take_over(self, app: App, silent_for: float) -> None:
        """Give jobs of dead workers back, for procrastinate never does that by itself; and forget old failed jobs."""
        ours = {_work_queue(self._pair), _chores_queue(self._pair)}
        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=silent_for):
            if job.queue not in ours:
                continue
            self._log.warning("taking over a job of a worker that went silent: %s", job.task_name)
            try:
                await app.job_manager.retry_job(job)
            except UniqueViolation:  # the same is waiting already: one of them is enough
                await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
        for queue in ours:
            await app.job_manager.delete_old_jobs(KEEP_HOURS, queue, include_failed=True, include_aborted=True)


async def _worker(app: App, queue: str, at_once: int) -> None:
    await app.run_worker_async(
        queues=[queue],
        name=queue,
        concurrency=at_once,
        fetch_job_polling_interval=POLL_SECONDS,
        shutdown_graceful_timeout=GRACE_SECONDS,
        delete_jobs="successful",
        install_signal_handlers=False,
        update_heartbeat_interval=HEARTBEAT_SECONDS,
        stalled_worker_timeout=STALLED_SECONDS,
    )


def cron(every: timedelta) -> str:
    """The schedule that runs every so often. Raises ValueError for a span that does not divide the next larger unit:
    a schedule of round times cannot say it."""
    seconds = int(every.total_seconds())
    if seconds >= 1 and every == timedelta(seconds=seconds):
        if 60 % seconds == 0 and seconds < 60:
            return f"* * * * * */{seconds}"
        if 3600 % seconds == 0 and seconds % 60 == 0 and seconds < 3600:
            return f"*/{seconds // 60} * * * *"
        if 86400 % seconds == 0 and seconds % 3600 == 0:
            return f"0 */{seconds // 3600} * * *" if seconds < 86400 else "0 0 * * *"
    raise ValueError(f"a chore cannot run every {every}: the span must divide a minute, an hour or a day")


def _work_queue(pair: str) -> str:
    return f"{_short(pair)}/work"


def _chores_queue(pair: str) -> str:
    return f"{_short(pair)}/chores"


def _short(pair: str) -> str:
    """The queue's name is part of a notification channel's, which has 63 bytes at most."""
    return pair if len(pair.encode()) <= 30 else hashlib.sha256(pair.encode()).hexdigest()[:16]
