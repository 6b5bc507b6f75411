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
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, ProcrastinateException, UniqueViolation
from procrastinate.jobs import Job, Status
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from concord.store.pool import make_pool, reach

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
SWEEP_EVERY: Final = timedelta(seconds=2)
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

    Many rings before a worker comes are one job; an urgent one wakes the worker that is kept for what is urgent too,
    which the others' long batches never hold up. For that the ring must not be lost when the job that is waiting is
    fetched while this transaction is still open, for its worker would not see our rows: whoever rings holds a shared
    lock until the commit, and a worker that has fetched the job waits for that lock before it looks.
    """

    def __init__(self, pair: str) -> None:
        self._pair = pair
        self._app = App(connector=PsycopgConnector())  # never opened: jobs are added through the caller's connection

    async def ring(self, connection: AsyncConnection, urgent: bool = False) -> None:
        """There is work. Raises psycopg.Error when the database fails."""
        await connection.execute(_RINGING, [self._pair])
        for queue in (_urgent_queue(self._pair), _work_queue(self._pair))[0 if urgent else 1 :]:
            waiting = await connection.execute(_RUNG, [queue])
            if waiting.rowcount:
                continue
            job = self._app.configure_task("work", queue=queue, queueing_lock=queue, connection=connection)
            with suppress(AlreadyEnqueued):  # somebody rang at the same moment, which is as good
                async with connection.transaction():
                    await job.defer_async()


class Queue:
    """A worker of one pair, for as long as `run` runs; there may be many, in many processes.

    work: called when there is work, up to `at_once` times at once in here, and in other processes too; it goes on
    until nothing is due. urgent: the same for what is urgent only, on a worker kept for it. chores: see Chore. alone:
    no other worker can be alive (the database is ours alone), so jobs of dead ones are taken over at once instead of
    after STALLED_SECONDS. sleep: for the pauses between new tries when the database is away, and between looks for
    jobs that nobody does any more.
    """

    def __init__(
        self,
        conninfo: str,
        pair: str,
        *,
        work: Callback,
        urgent: Callback | None = None,
        chores: Sequence[Chore] = (),
        at_once: int = 1,
        alone: bool = False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._conninfo = conninfo
        self._pair = pair
        self._work = {_work_queue(pair): (work, at_once)} | ({_urgent_queue(pair): (urgent, 1)} if urgent else {})
        self._chores = {chore.name: chore for chore in chores}
        self._alone = alone
        self._sleep = sleep
        self._log = logging.getLogger(__name__)
        self._workers: set[int] = set()  # procrastinate's numbers of the workers that ran in here
        self._running: set[int] = set()  # the jobs that run in here at this moment
        self._unknown: set[int | None] = set()  # those that should, at the last look, and did not

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
        """A worker for what is due, one for what is urgent, and one for the chores: a queue each, so that none waits
        for another."""
        await reach(self._conninfo)
        jobs = sum(at_once for _, at_once in self._work.values())
        async with make_pool(self._conninfo, size=4 + jobs + CHORES_AT_ONCE, timeout=5) as pool:
            apps = [
                (self._work_app(pool, queue, work), queue, at_once) for queue, (work, at_once) in self._work.items()
            ]
            if self._chores:
                apps.append((self._chores_app(), _chores_queue(self._pair), CHORES_AT_ONCE))
            for app, _, _ in apps:
                await app.open_async(pool)
            first = apps[0][0]
            await self._take_over(first, 0.0 if self._alone else STALLED_SECONDS, none_running=True)
            tasks = [asyncio.create_task(_worker(*one)) for one in apps]
            tasks.append(asyncio.create_task(self._watch(first)))
            try:
                ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            for task in ended:
                task.result()

    def _work_app(self, pool: AsyncConnectionPool, queue: str, run: Callback) -> App:
        app = App(connector=PsycopgConnector())

        async def settle_and_work() -> None:
            await self._settle(pool)
            await run()

        async def work(context: JobContext, timestamp: int = 0) -> None:
            await self._noted(context, settle_and_work)

        task: Any = app.task(name="work", queue=queue, queueing_lock=queue, pass_context=True)(work)
        app.periodic(cron=cron(LOOK_EVERY), periodic_id=queue, queue=queue, queueing_lock=queue)(task)
        return app

    async def _settle(self, pool: AsyncConnectionPool) -> None:
        """Wait until everybody who found our job waiting, and so added none, has committed."""
        async with pool.connection() as connection:
            await connection.execute("SET LOCAL lock_timeout = '2s'")
            with suppress(psycopg.errors.LockNotAvailable):  # somebody hangs; the next look finds those rows
                async with connection.transaction():
                    await connection.execute(_SETTLE, [self._pair])

    def _chores_app(self) -> App:
        app = App(connector=PsycopgConnector())
        queue = _chores_queue(self._pair)

        async def do(context: JobContext, name: str, timestamp: int = 0) -> None:
            await self._noted(context, self._chores[name].run)

        task: Any = app.task(name="chore", queue=queue, pass_context=True)(do)
        for chore in self._chores.values():
            once = f"{queue}/{chore.name}"
            app.periodic(
                cron=cron(chore.every),
                periodic_id=once,
                queue=queue,
                lock=once,
                queueing_lock=once,
                task_kwargs={"name": chore.name},
            )(task)
        return app

    # --- jobs that nobody does any more ---

    async def _noted(self, context: JobContext, run: Callback) -> None:
        """Run it, and know of it while it runs."""
        job, worker = context.job.id or 0, context.job.worker_id or 0
        self._workers.add(worker)
        self._running.add(job)
        try:
            await run()
        finally:
            self._running.discard(job)

    async def _watch(self, app: App) -> None:
        """Not a job of its own, which could get lost like any other."""
        while True:
            await self._sleep(SWEEP_EVERY.total_seconds())
            await self._take_over(app, STALLED_SECONDS, none_running=False)

    async def _take_over(self, app: App, silent_for: float, *, none_running: bool) -> None:
        """Give back the jobs that nobody does any more, which procrastinate never does by itself, and forget old
        failed ones. A chore that is lost holds its lock, so that it would never be done again.

        Lost are jobs of workers that went silent; and those of our own workers that are not running here: the
        connection broke just when their end was to be noted. Of the latter a job may just be starting or ending, so it
        must be found twice, unless none is running for sure.
        """
        queues = (*self._work, _chores_queue(self._pair))
        doing = [job for queue in queues for job in await app.job_manager.list_jobs_async(queue=queue, status="doing")]
        stalled = {job.id for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=silent_for)}
        unknown = {job.id for job in doing if job.worker_id in self._workers and job.id not in self._running}
        lost = stalled | (unknown if none_running else unknown & self._unknown)
        self._unknown = unknown
        for job in doing:
            if job.id in lost:
                await self._give_back(app, job)
        for queue in queues:
            await app.job_manager.delete_old_jobs(KEEP_HOURS, queue, include_failed=True, include_aborted=True)

    async def _give_back(self, app: App, job: Job) -> None:
        self._log.warning("taking over the job %s, which nobody does any more", job.task_name)
        try:
            await app.job_manager.retry_job(job)
        except UniqueViolation:  # the same is waiting already: one of them is enough
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
        except ConnectorException as error:
            if not isinstance(error.__cause__, psycopg.errors.RaiseException):
                raise
            self._log.info("another process was quicker to take over the job %s", job.task_name)


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


def _urgent_queue(pair: str) -> str:
    return f"{_short(pair)}/urgent"


def _chores_queue(pair: str) -> str:
    return f"{_short(pair)}/chores"


def _short(pair: str) -> str:
    """The queue's name is part of a notification channel's, which has 63 bytes at most."""
    return pair if len(pair.encode()) <= 30 else hashlib.sha256(pair.encode()).hexdigest()[:16]
