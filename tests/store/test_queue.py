"""Wake-ups, chores and the taking over of dead workers' jobs, with the real procrastinate on a real database.

These run on the real clock, because procrastinate does; they wait for events and never for a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from concord.core.model import Lane, Notice, Work
from concord.core.plan import Done
from concord.core.values import Ref
from concord.store.queue import Bell, Chore, Queue, cron
from concord.store.store import PostgresStore

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LIMIT = 20.0


def notice(number: int) -> Notice:
    return Notice(Ref("hubspot", "contacts", str(number)), Lane.PEOPLE, NOW, "webhook")


class Line:
    """Stands for the engine: claims until nothing is due, and says which records it has seen."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store
        self.seen: asyncio.Queue[str] = asyncio.Queue()
        self.at_once = 0
        self.most_at_once = 0

    async def work(self) -> None:
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        while works := await self.store.claim(200, NOW, timedelta(minutes=2)):
            await self._do(works)
        self.at_once -= 1

    async def _do(self, works: Sequence[Work]) -> None:
        await self.store.record([Done("people", (work,)) for work in works], NOW)
        for work in works:
            self.seen.put_nowait(work.ref.id)

    async def see(self, count: int) -> list[str]:
        async with asyncio.timeout(LIMIT):
            return [await self.seen.get() for _ in range(count)]


@pytest.fixture
async def line(database: str) -> AsyncIterator[Line]:
    async with PostgresStore.open(database, pair="test", wake=Bell("test").ring) as store:
        yield Line(store)


@asynccontextmanager
async def running(*queues: Queue) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(queue.run()) for queue in queues]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def jobs(database: str, where: str = "TRUE") -> int:
    async with await psycopg.AsyncConnection.connect(database) as connection:
        cursor = await connection.execute(b"SELECT count(*) FROM procrastinate_jobs WHERE " + where.encode())
        row = await cursor.fetchone()
        return int(row[0]) if row else 0


async def test_a_notice_wakes_the_worker(line: Line, database: str) -> None:
    async with running(Queue(database, "test", work=line.work)):
        for number in range(5):
            await line.store.take_in([notice(number)])
            assert await line.see(1) == [str(number)]


async def test_many_rings_are_one_job(line: Line, database: str) -> None:
    await asyncio.gather(*(line.store.take_in([notice(number)]) for number in range(30)))
    assert await jobs(database) == 1


async def test_what_was_noted_before_a_worker_came_is_done_when_it_comes(line: Line, database: str) -> None:
    await line.store.take_in([notice(number) for number in range(300)])
    async with running(Queue(database, "test", work=line.work)):
        assert len(set(await line.see(300))) == 300


async def test_no_notice_is_lost_between_a_worker_and_intakes_at_full_speed(line: Line, database: str) -> None:
    async with running(Queue(database, "test", work=line.work), Queue(database, "test", work=line.work)):
        await asyncio.gather(*(line.store.take_in([notice(number)]) for number in range(300)))
        assert len(set(await line.see(300))) == 300


class Held(Line):
    """A line whose ordinary work stands still until it is told to go on."""

    def __init__(self, store: PostgresStore) -> None:
        super().__init__(store)
        self.started: asyncio.Queue[int] = asyncio.Queue()
        self.go_on = asyncio.Event()

    async def work(self) -> None:
        works = await self.store.claim(1, NOW, timedelta(minutes=2))
        if works:
            self.started.put_nowait(len(works))
            await self.store.ring()  # there may be more than one can do
            await self.go_on.wait()
            await self._do(works)

    async def urgent(self) -> None:
        while works := await self.store.claim(200, NOW, timedelta(minutes=2), Lane.CONVERSION):
            await self._do(works)


async def test_several_batches_are_on_the_line_at_once_in_one_process_and_in_two(line: Line, database: str) -> None:
    held = Held(line.store)
    await held.store.take_in([notice(number) for number in range(4)])
    async with running(*(Queue(database, "test", work=held.work, at_once=2) for _ in range(2))):
        async with asyncio.timeout(LIMIT):
            for _ in range(4):
                await held.started.get()
        held.go_on.set()
        assert sorted(await held.see(4)) == ["0", "1", "2", "3"]


async def test_an_opt_out_waits_for_no_batch_of_others(line: Line, database: str) -> None:
    held = Held(line.store)
    await held.store.take_in([notice(1)])
    async with running(Queue(database, "test", work=held.work, urgent=held.urgent)):
        async with asyncio.timeout(LIMIT):
            await held.started.get()
        await held.store.take_in([replace(notice(2), lane=Lane.CONSENT)])
        assert await held.see(1) == ["2"]
        held.go_on.set()
        assert await held.see(1) == ["1"]


async def test_an_intake_that_fails_rings_nobody(line: Line, database: str) -> None:
    async with await psycopg.AsyncConnection.connect(database) as connection:
        await Bell("test").ring(connection)
        await connection.rollback()
    assert await jobs(database) == 0


async def test_a_worker_waits_for_an_intake_that_found_its_job_waiting(line: Line, database: str) -> None:
    """Otherwise the intake's rows would wait for the next ring: its job is gone and its rows were not yet visible."""
    await line.store.take_in([notice(1)])
    async with await psycopg.AsyncConnection.connect(database) as connection:
        await Bell("test").ring(connection)  # finds the job of the first notice, and adds none
        async with running(Queue(database, "test", work=line.work)):
            async with asyncio.timeout(LIMIT):
                while not await jobs(database, "status = 'doing'"):  # noqa: ASYNC110 - procrastinate tells nobody
                    await asyncio.sleep(0.005)
            assert line.seen.empty()
            await connection.commit()
            assert await line.see(1) == ["1"]


async def test_finished_jobs_leave_nothing_behind(line: Line, database: str) -> None:
    async with running(Queue(database, "test", work=line.work)):
        await line.store.take_in([notice(1)])
        await line.see(1)
    assert await jobs(database, "status NOT IN ('todo', 'doing')") == 0


async def test_chores_run_again_and_again_and_do_not_hold_up_the_work(line: Line, database: str) -> None:
    runs: asyncio.Queue[str] = asyncio.Queue()
    stuck = asyncio.Event()

    async def quick() -> None:
        runs.put_nowait("quick")

    async def endless() -> None:
        runs.put_nowait("endless")
        await stuck.wait()

    second = timedelta(seconds=1)
    chores = [Chore("quick", second, quick), Chore("endless", second, endless)]
    async with running(Queue(database, "test", work=line.work, chores=chores)), asyncio.timeout(LIMIT):
        seen = [await runs.get() for _ in range(3)]
        await line.store.take_in([notice(1)])
        assert await line.see(1) == ["1"]
        stuck.set()
    assert seen.count("endless") == 1
    assert seen.count("quick") == 2


async def test_a_chore_that_fails_is_run_again(line: Line, database: str) -> None:
    runs: asyncio.Queue[int] = asyncio.Queue()

    async def fails() -> None:
        runs.put_nowait(1)
        raise RuntimeError("the system is away")

    chore = Chore("fails", timedelta(seconds=1), fails)
    async with running(Queue(database, "test", work=line.work, chores=[chore])), asyncio.timeout(LIMIT):
        assert [await runs.get() for _ in range(2)] == [1, 1]


async def die_at_work(database: str) -> None:
    """Leave what a worker that was killed at its work leaves: a job that is being done, and its silent worker."""
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        cursor = await connection.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour') RETURNING id"
        )
        row = await cursor.fetchone()
        assert row is not None
        await connection.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s", [row[0]])


async def test_a_dead_workers_job_is_taken_over(line: Line, database: str) -> None:
    await line.store.take_in([notice(1)])
    await die_at_work(database)
    async with running(Queue(database, "test", work=line.work)):
        assert await line.see(1) == ["1"]


async def test_a_dead_workers_job_is_dropped_when_the_same_is_waiting(line: Line, database: str) -> None:
    await line.store.take_in([notice(1)])
    await die_at_work(database)
    await line.store.take_in([notice(2)])
    async with running(Queue(database, "test", work=line.work)):
        assert sorted(await line.see(2)) == ["1", "2"]


async def test_the_only_concord_takes_over_at_once_from_a_worker_that_just_died(line: Line, database: str) -> None:
    await line.store.take_in([notice(1)])
    await die_at_work(database)
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        await connection.execute("UPDATE procrastinate_workers SET last_heartbeat = now()")
    async with running(Queue(database, "test", work=line.work, alone=True)):
        assert await line.see(1) == ["1"]


async def test_a_job_whose_end_could_not_be_noted_does_not_block_the_work_for_ever(line: Line, database: str) -> None:
    """The worker is alive and well, so procrastinate would never take it for stalled."""
    ticks: asyncio.Queue[None] = asyncio.Queue()

    async def sleep(seconds: float) -> None:
        await ticks.get()

    async with running(Queue(database, "test", work=line.work, sleep=sleep)):
        await line.store.take_in([notice(1)])
        await line.see(1)
        async with asyncio.timeout(LIMIT):
            while await jobs(database):  # noqa: ASYNC110 - procrastinate tells nobody
                await asyncio.sleep(0.005)
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
            await connection.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, status, worker_id)"
                " SELECT 'test/work', 'work', 'test/work', 'test/work', 'doing', id FROM procrastinate_workers"
            )
        await line.store.take_in([notice(2)])
        for _ in range(2):
            ticks.put_nowait(None)
        assert await line.see(1) == ["2"]


async def test_the_worker_comes_back_after_its_connections_were_cut(line: Line, database: str) -> None:
    async with running(Queue(database, "test", work=line.work)):
        await line.store.take_in([notice(1)])
        await line.see(1)
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        await line.store.take_in([notice(2)])
        assert await line.see(1) == ["2"]


async def test_a_queue_without_a_database_tries_again_with_growing_pauses() -> None:
    pauses: list[float] = []

    class EnoughSeen(Exception):
        pass

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise EnoughSeen

    async def work() -> None:
        raise AssertionError("there is nothing to do it on")

    with pytest.raises(EnoughSeen):
        await Queue("host=/nowhere connect_timeout=1", "test", work=work, sleep=sleep).run()
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[-1]


async def test_a_long_name_of_a_pair_is_no_obstacle(database: str) -> None:
    pair = "acme-holdings-production-europe-and-the-rest-of-the-world"
    async with PostgresStore.open(database, pair=pair, wake=Bell(pair).ring) as store:
        line = Line(store)
        async with running(Queue(database, pair, work=line.work)):
            await store.take_in([notice(1)])
            assert await line.see(1) == ["1"]


@pytest.mark.parametrize(
    ("every", "schedule"),
    [
        (timedelta(seconds=5), "* * * * * */5"),
        (timedelta(minutes=2), "*/2 * * * *"),
        (timedelta(hours=1), "0 */1 * * *"),
        (timedelta(hours=6), "0 */6 * * *"),
        (timedelta(days=1), "0 0 * * *"),
    ],
)
def test_a_span_becomes_a_schedule(every: timedelta, schedule: str) -> None:
    assert cron(every) == schedule


@pytest.mark.parametrize("seconds", [0, 0.5, 7, 90, 5400 + 1, 2 * 86400])
def test_a_span_that_no_schedule_can_say_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="must divide"):
        cron(timedelta(seconds=seconds))
