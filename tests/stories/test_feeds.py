"""Feeds of events: durable before the position moves, what was missed is swept for, and one reader at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from concord.core.model import Heard, Lane, Notice, Side, SweepPage
from concord.core.values import Ref
from concord.engine.feeds import SILENT_AFTER, followable, listen, sweep_due
from concord.errors import Category, RemoteBusy, RemoteRefused, StoreError
from concord.store.alone import alone
from concord.store.store import PostgresStore

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


@dataclass
class Clock:
    """Whoever sleeps waits until the test lets time pass."""

    moment: datetime = START
    sleepers: list[tuple[datetime, asyncio.Event]] = field(default_factory=list)

    def now(self) -> datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self.sleepers.append((self.moment + timedelta(seconds=seconds), woken))
        await woken.wait()

    async def pass_(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)
        for due, woken in self.sleepers:
            if due <= self.moment:
                woken.set()
        await settle()


async def settle() -> None:
    """Let everything that can go on go on; the database answers within these turns' I/O."""
    for _ in range(50):
        await asyncio.sleep(0.002)


def told(number: int, **more: Any) -> Heard:
    ref = Ref("salesforce", "Contact", f"003{number:012d}AAA")
    return Heard((Notice(ref, Lane.PEOPLE, START, "change event"),), str(number), **more)


@dataclass
class Script:
    """A feed that says what a test gives it. positions: from where it was asked to go on."""

    says: asyncio.Queue[Heard | Exception] = field(default_factory=asyncio.Queue)
    positions: list[str | None] = field(default_factory=list)
    why_not: str | Exception | None = None
    name: str = "salesforce change events"
    side: Side = Side.LEFT
    following: bool = True

    async def refusal(self) -> str | None:
        if isinstance(self.why_not, Exception):
            raise self.why_not
        return self.why_not

    async def follow(self, position: str | None) -> AsyncIterator[Heard]:
        self.positions.append(position)
        while True:
            said = await self.says.get()
            if isinstance(said, Exception):
                raise said
            yield said


class Asked:
    """A system that only counts how far back it was asked to look."""

    def __init__(self) -> None:
        self.sweeps: list[timedelta] = []
        self.fails: RemoteBusy | None = None

    async def changed(
        self, objects: Sequence[str], position: str | None, overlap: timedelta, ticked: Any = None
    ) -> SweepPage:
        self.sweeps.append(overlap)
        if self.fails is not None:
            raise self.fails
        return SweepPage((), "swept", more=False)

    def clock_ahead(self) -> timedelta:
        return timedelta()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def system() -> Asked:
    return Asked()


@pytest.fixture
def scope(store: PostgresStore, clock: Clock, system: Asked) -> Any:
    return SimpleNamespace(store=store, clock=clock, pairs=(), system=lambda side: system)


@pytest.fixture
async def reading(scope: Any) -> AsyncIterator[Callable[[Script], asyncio.Task[None]]]:
    tasks: list[asyncio.Task[None]] = []

    def begin(feed: Script) -> asyncio.Task[None]:
        tasks.append(asyncio.create_task(listen(scope, feed)))
        return tasks[-1]

    yield begin
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_a_feed_tells_is_in_the_inbox_before_its_position_moves(
    scope: Any, reading: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    take_in, put_position = scope.store.take_in, scope.store.put_position

    async def taking(notices: Sequence[Notice]) -> int:
        order.append("notices")
        return await take_in(notices)

    async def putting(name: str, position: str) -> None:
        if name == "salesforce change events":
            order.append(f"position {position}")
        await put_position(name, position)

    monkeypatch.setattr(scope.store, "take_in", taking)
    monkeypatch.setattr(scope.store, "put_position", putting)
    feed = Script()
    reading(feed)
    feed.says.put_nowait(told(1))
    await settle()
    assert order == ["notices", "position 1"]
    assert (await scope.store.backlog())["waiting"] == 1


async def test_what_is_heard_while_something_is_stored_is_stored_in_one_go(
    scope: Any, reading: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A feed that tells of one record at a time would fall behind a busy org otherwise."""
    taken: list[int] = []
    free, take_in = asyncio.Event(), scope.store.take_in

    async def slowly(notices: Sequence[Notice]) -> int:
        taken.append(len(notices))
        await free.wait()
        return await take_in(notices)

    monkeypatch.setattr(scope.store, "take_in", slowly)
    feed = Script()
    reading(feed)
    feed.says.put_nowait(told(1))
    await settle()
    for number in range(2, 302):
        feed.says.put_nowait(told(number))
    await settle()
    free.set()
    await settle()
    assert taken == [1, 300]
    assert (await scope.store.backlog())["waiting"] == 301
    assert await scope.store.position("salesforce change events") == "301"


async def test_a_feed_goes_on_from_where_it_stood(scope: Any, reading: Any) -> None:
    await scope.store.put_position("salesforce change events", "7")
    feed = Script()
    reading(feed)
    await settle()
    assert feed.positions == ["7"]


async def test_a_keep_alive_moves_the_position_and_nothing_else(scope: Any, reading: Any) -> None:
    feed = Script()
    reading(feed)
    feed.says.put_nowait(Heard(position="8"))
    await settle()
    assert await scope.store.position("salesforce change events") == "8"
    assert (await scope.store.backlog())["waiting"] == 0


async def test_what_may_have_been_missed_is_swept_for_before_the_position_moves(
    scope: Any, reading: Any, system: Asked
) -> None:
    feed = Script()
    reading(feed)
    feed.says.put_nowait(Heard(position="9", lost="the replay id is not known any more"))
    await settle()
    assert system.sweeps == [timedelta(minutes=10)]
    assert await scope.store.position("salesforce change events") == "9"


async def test_a_sweep_that_fails_does_not_end_the_reading(scope: Any, reading: Any, system: Asked) -> None:
    system.fails = RemoteBusy("salesforce", Category.NETWORK, "away")
    feed = Script()
    reading(feed)
    feed.says.put_nowait(Heard(lost="an overflow"))
    feed.says.put_nowait(told(2))
    await settle()
    assert (await scope.store.backlog())["waiting"] == 1


async def test_when_the_database_is_away_the_same_events_are_read_again(
    scope: Any, reading: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in = scope.store.take_in
    failures = [StoreError("the database does not answer")]

    async def taking(notices: Sequence[Notice]) -> int:
        if failures:
            raise failures.pop()
        return int(await take_in(notices))

    monkeypatch.setattr(scope.store, "take_in", taking)
    await scope.store.put_position("salesforce change events", "0")
    feed = Script()
    reading(feed)
    feed.says.put_nowait(told(1))
    await settle()
    assert await scope.store.position("salesforce change events") == "0"
    await clock.pass_(3)
    assert feed.positions == ["0", "0"]
    feed.says.put_nowait(told(1))
    await settle()
    assert await scope.store.position("salesforce change events") == "1"


async def test_a_feed_that_is_refused_for_good_ends_and_leaves_its_side_to_the_sweep(reading: Any) -> None:
    feed = Script()
    task = reading(feed)
    feed.says.put_nowait(RemoteRefused("salesforce", Category.PERMISSION, "Lead is not selected any more"))
    await asyncio.wait_for(task, 5)


async def test_the_start_says_why_a_feed_cannot_be_followed() -> None:
    refused = Script(why_not="Lead is not selected for Change Data Capture: select it in Setup")
    busy = Script(name="hubspot journal", why_not=RemoteBusy("hubspot", Category.NETWORK, "away"))
    good, why_not = await followable([refused, busy])
    assert [one.name for one in good] == ["hubspot journal"]
    assert [(one.feed, "Lead is not selected" in one.reason) for one in why_not] == [("salesforce change events", True)]


async def test_a_side_whose_feed_is_followed_is_swept_seldom_and_often_again_when_it_falls_silent(
    scope: Any, reading: Any, clock: Clock
) -> None:
    feed, seldom = Script(), timedelta(minutes=2)
    assert await sweep_due(scope, [feed], Side.LEFT, seldom)
    assert await sweep_due(scope, [feed], Side.LEFT, seldom), "nobody follows it yet"
    task = reading(feed)
    await settle()
    assert not await sweep_due(scope, [feed], Side.LEFT, seldom)
    assert await sweep_due(scope, [feed], Side.RIGHT, seldom), "the other side has no feed"
    task.cancel()
    await clock.pass_(SILENT_AFTER.total_seconds() + 1)
    assert await sweep_due(scope, [feed], Side.LEFT, seldom)


async def test_a_followed_side_is_swept_all_the_same_from_time_to_time(scope: Any, reading: Any, clock: Clock) -> None:
    feed, seldom = Script(), timedelta(minutes=2)
    reading(feed)
    await settle()
    assert await sweep_due(scope, [feed], Side.LEFT, seldom)
    for _ in range(11):
        await clock.pass_(10)
        assert not await sweep_due(scope, [feed], Side.LEFT, seldom)
    await clock.pass_(10)
    assert await sweep_due(scope, [feed], Side.LEFT, seldom)


async def test_only_one_process_reads_a_feed_and_another_takes_over_when_it_ends(database: str) -> None:
    running: asyncio.Queue[str] = asyncio.Queue()
    waits = asyncio.Event()

    async def at_once(_: float) -> None:
        waits.set()
        await asyncio.sleep(0)

    def begun(name: str, feed: str) -> asyncio.Task[None]:
        async def read() -> None:
            running.put_nowait(name)
            await asyncio.Event().wait()

        return asyncio.create_task(alone(database, feed, read, sleep=at_once))

    first = begun("first", "pair journal")
    assert await running.get() == "first"
    second, other = begun("second", "pair journal"), begun("other feed", "pair change events")
    assert await running.get() == "other feed"
    await waits.wait()
    assert running.empty(), "the second has asked for the lock and waits"
    first.cancel()
    assert await running.get() == "second"
    for task in (second, other):
        task.cancel()
    await asyncio.gather(first, second, other, return_exceptions=True)


async def test_an_error_of_the_reading_goes_up(database: str) -> None:
    async def broken() -> None:
        raise RuntimeError("a fault of ours")

    with pytest.raises(RuntimeError, match="a fault of ours"):
        await alone(database, "pair broken", broken)
