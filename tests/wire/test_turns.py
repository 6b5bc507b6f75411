"""The line in which calls wait: who goes first, what the day allows, and what becomes of those who cannot go."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from concord.core.budget import Limit, Sample, Taken, Terms, Told, Want
from concord.core.model import Errand, Lane
from concord.errors import Category, RemoteBusy, StoreError
from concord.systems.budget import LocalBudget
from concord.systems.pace import Pace, Slots
from concord.systems.turns import LONGEST_CROWD, NotSent, Turns

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 3, tzinfo=UTC)
CONSENT, PEOPLE, BACKFILL = Errand(Lane.CONSENT), Errand(Lane.PEOPLE), Errand(Lane.BACKFILL)
BURST = (Limit("burst", 171, 10.0, free=0.8),)
TERMS = Terms(0.8, 0.02)


class Clock:
    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)


class Counting(LocalBudget):
    """Counts the questions; `away`: it cannot be asked."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.asked: list[Sequence[Want]] = []
        self.away = False

    async def take(self, account: str, wants: Sequence[Want], told: Told | None) -> Taken:
        await asyncio.sleep(0)
        if self.away:
            raise StoreError("the database is away")
        self.asked.append(wants)
        return await super().take(account, wants, told)


async def leaning(clock: Clock, terms: Terms = TERMS) -> tuple[Turns, Counting]:
    turns, budget = Turns(clock, "hubspot", terms), Counting(clock)
    await turns.lean_on(budget, "62515")
    budget.asked.clear()
    return turns, budget


def batch(lane: Lane) -> Errand:
    """The errand of a batch: its claim is like no other."""

    async def check() -> None:
        return None

    return Errand(lane, check)


# --- who goes first


async def test_an_opt_out_that_comes_behind_five_hundred_waiting_calls_goes_next() -> None:
    clock = Clock()
    pace, order = Pace(clock, 171, 10.0, 8), []
    free = asyncio.Event()

    async def call(errand: Errand) -> None:
        async with pace.turn(errand):
            order.append((errand.lane, clock.now()))
            await free.wait()

    waiting = [asyncio.create_task(call(BACKFILL)) for _ in range(500)]
    await asyncio.sleep(0.01)
    assert len(order) == 8, "all slots are taken, and none of these calls ends"
    urgent = asyncio.create_task(call(CONSENT))
    await asyncio.sleep(0.01)
    assert order[-1] == (Lane.CONSENT, NOON)
    free.set()
    await asyncio.gather(urgent, *waiting)
    assert len(order) == 501


async def test_when_turns_are_short_the_more_urgent_lane_goes_first_and_within_it_who_came_first() -> None:
    clock = Clock()
    turns = Turns(clock)
    limits = (Limit("search", 1, 1.0),)
    order: list[tuple[Lane, int]] = []

    async def call(lane: Lane, number: int) -> None:
        await turns.take(Errand(lane), limits)
        order.append((lane, number))

    lanes = [Lane.BACKFILL, Lane.PEOPLE, Lane.BACKFILL, Lane.CONSENT, Lane.PEOPLE, Lane.CONSENT]
    await asyncio.gather(*(call(lane, number) for number, lane in enumerate(lanes)))
    assert order[0] == (Lane.BACKFILL, 0), "nobody else was there"
    assert order[1:] == sorted(order[1:])


async def test_an_opt_out_waits_for_no_turn_while_others_have_used_all_of_theirs() -> None:
    clock = Clock()
    turns = Turns(clock)
    for _ in range(171):
        await turns.take(PEOPLE, BURST)
    at = clock.now()
    for _ in range(9):
        await turns.take(CONSENT, (Limit("burst", 180, 10.0, free=1.0),))
    assert clock.now() == at


async def test_however_many_wait_one_question_is_asked_at_a_time() -> None:
    clock = Clock()
    turns, budget = await leaning(clock)
    await asyncio.gather(*(turns.take(PEOPLE, BURST) for _ in range(60)))
    assert len(budget.asked) == 2, "the first came alone; the others waited for it together"
    assert [want.count for asked in budget.asked for want in asked] == [1, 59]


async def test_a_caller_that_gives_up_leaves_the_line_to_the_others() -> None:
    clock = Clock()
    turns, _ = await leaning(clock)
    one = asyncio.create_task(turns.take(PEOPLE, BURST))
    others = [asyncio.create_task(turns.take(PEOPLE, BURST)) for _ in range(3)]
    await asyncio.sleep(0)
    one.cancel()
    assert len(await asyncio.gather(*others)) == 3


async def test_slots_go_to_the_most_urgent_and_one_who_gives_up_keeps_none() -> None:
    slots, order = Slots(1, kept=0), []

    async def call(lane: Lane) -> None:
        async with slots.slot(lane):
            order.append(lane)
            await asyncio.sleep(0)

    async with slots.slot(Lane.PEOPLE):
        tasks = [asyncio.create_task(call(lane)) for lane in (Lane.BACKFILL, Lane.DEALS, Lane.CONSENT)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [Lane.CONSENT, Lane.BACKFILL]
    async with asyncio.timeout(1), slots.slot(Lane.PEOPLE):
        pass


async def test_without_its_budget_no_call_is_made_and_all_who_wait_are_told() -> None:
    clock = Clock()
    turns, budget = await leaning(clock)
    budget.away = True
    found = await asyncio.gather(*(turns.take(PEOPLE, BURST) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(one, StoreError) for one in found)
    budget.away = False
    assert await turns.take(PEOPLE, BURST) == 1


async def test_calls_from_before_the_database_was_open_count_in_it() -> None:
    clock = Clock()
    turns = Turns(clock, "hubspot", TERMS)
    for _ in range(40):
        ticket = await turns.take(PEOPLE, BURST)
    turns.told(Told(500, 1000, MIDNIGHT, ticket - 2))
    budget = Counting(clock)
    await turns.lean_on(budget, "62515")
    await turns.take(PEOPLE, BURST)
    assert budget.asked[-1][0].limits == BURST
    assert budget.counted() == [(Limit("burst", None, 10.0), 41)]
    assert turns.day is not None
    assert turns.day.used == 503, "two were under way when it was told, and one came since"


# --- the day


async def used(turns: Turns, used: int, most: int = 100_000, hour: int = 0, resets: bool = True) -> None:
    """So many are used, `hour` of them within the last hour."""
    clock = turns._clock
    assert isinstance(clock, Clock)
    resets_at = MIDNIGHT if resets else None
    turns.told(Told(used - hour, most, resets_at, turns.ticket))
    await turns.take(CONSENT, ())
    clock.time += timedelta(minutes=59)
    turns.told(Told(used, most, resets_at, turns.ticket))


async def test_back_fill_slows_while_people_go_on() -> None:
    clock = Clock()
    turns, _ = await leaning(clock)
    await used(turns, 20_000, hour=9000)
    for _ in range(300):
        await turns.take(PEOPLE, ())
    found = await asyncio.gather(*(turns.take(BACKFILL, ()) for _ in range(1000)), return_exceptions=True)
    assert 5 <= sum(isinstance(one, int) for one in found) <= 700
    with pytest.raises(NotSent, match="the lane backfill is slowed so that they last") as slowed:
        await turns.take(BACKFILL, ())
    assert slowed.value.category is Category.QUOTA
    assert turns.crowded(Lane.BACKFILL) > 0
    assert turns.crowded(Lane.PEOPLE) == 0
    clock.time += timedelta(seconds=slowed.value.after or 0)
    await turns.take(BACKFILL, ())
    assert turns.crowded(Lane.BACKFILL) == 0


async def test_a_batch_that_has_begun_goes_on_and_the_next_waits_for_what_it_took() -> None:
    clock = Clock()
    turns, _ = await leaning(clock)
    await used(turns, 77_900, hour=9000)
    begun = batch(Lane.BACKFILL)
    for _ in range(12):
        await turns.take(begun, ())
    with pytest.raises(NotSent, match="slowed"):
        await turns.take(batch(Lane.BACKFILL), ())
    with pytest.raises(NotSent, match="slowed"):
        await turns.take(BACKFILL, ()), "calls of no batch are each by themselves"


async def test_at_the_share_all_stop_until_the_reset_and_opt_outs_use_the_rest_to_the_last_call() -> None:
    clock = Clock()
    turns, _ = await leaning(clock)
    await used(turns, 780, most=1000)
    for lane in list(Lane)[1:]:
        with pytest.raises(NotSent, match="kept for others and for opt-outs") as stopped:
            await turns.take(Errand(lane), ())
        assert stopped.value.after == (MIDNIGHT - clock.now()).total_seconds()
        assert turns.crowded(lane) == LONGEST_CROWD
    for _ in range(220):
        await turns.take(CONSENT, ())
    with pytest.raises(NotSent):
        await turns.take(CONSENT, ())
    assert turns.crowded(Lane.CONSENT) == 0
    clock.time = MIDNIGHT
    await turns.take(BACKFILL, ())
    assert turns.day is not None
    assert turns.day.used == 1


async def test_several_calls_at_once_do_not_pass_the_bound_together() -> None:
    clock = Clock()
    turns, _ = await leaning(clock)
    await used(turns, 775, most=1000)
    errand = batch(Lane.CONVERSION)
    found = await asyncio.gather(*(turns.take(errand, ()) for _ in range(40)), return_exceptions=True)
    assert sum(isinstance(one, int) for one in found) == 5
    assert sum(isinstance(one, NotSent) for one in found) == 35


async def test_where_the_day_rolls_one_call_in_a_quarter_of_an_hour_looks_for_room() -> None:
    clock = Clock()
    turns, _ = await leaning(clock)
    await used(turns, 800, most=1000, resets=False)
    with pytest.raises(NotSent) as stopped:
        await turns.take(PEOPLE, ())
    assert stopped.value.after == 900
    clock.time += timedelta(minutes=15)
    await turns.take(PEOPLE, ())
    with pytest.raises(NotSent):
        await turns.take(PEOPLE, ())
    turns.told(Told(300, 1000, None, turns.ticket))
    await turns.take(PEOPLE, ())


async def test_a_day_that_is_refused_as_spent_stops_all_even_where_its_size_is_not_known() -> None:
    clock = Clock()
    turns, _ = await leaning(clock)
    turns.spent(MIDNIGHT)
    with pytest.raises(RemoteBusy, match="nothing is left of the day's calls"):
        await turns.take(PEOPLE, ())
    assert turns.usage() is None
    clock.time = MIDNIGHT
    await turns.take(PEOPLE, ())


async def test_a_local_budget_tells_nobody_and_remembers_what_it_was_told() -> None:
    clock = Clock()
    budget = LocalBudget(clock)
    await budget.tell("hubspot 1", "events", Told(1, 2))
    await budget.take("hubspot 1", [], Told(5, 10, None, 0))
    clock.time += timedelta(minutes=1)
    await budget.take("hubspot 1", [], Told(6, 10, None, 0))
    assert await budget.samples("hubspot 1", "calls") == (Sample(NOON, 5),)


# --- batches fill


async def test_nobody_waits_before_a_claim_while_little_of_the_burst_is_used() -> None:
    clock = Clock()
    turns = Turns(clock)
    for _ in range(60):
        for _ in range(6):
            await turns.take(PEOPLE, BURST)
        assert turns.crowded(Lane.PEOPLE) == 0
        clock.time += timedelta(seconds=1)


async def test_when_a_burst_is_used_up_fast_a_claim_waits_so_that_batches_fill() -> None:
    clock = Clock()
    turns = Turns(clock)
    for _ in range(38):
        await turns.take(PEOPLE, BURST)
    assert 0 < turns.crowded(Lane.PEOPLE) < 0.5
    for _ in range(90):
        await turns.take(PEOPLE, BURST)
    assert 0.5 < turns.crowded(Lane.PEOPLE) <= 1.0
    assert turns.crowded(Lane.CONSENT) == 0
    clock.time += timedelta(seconds=10)
    assert turns.crowded(Lane.PEOPLE) == 0


async def test_what_other_processes_call_is_waited_for_as_well() -> None:
    clock = Clock()
    turns, budget = await leaning(clock)
    await turns.take(PEOPLE, BURST)
    await budget.take("hubspot 62515", [Want(80, BURST)], None)
    await turns.take(PEOPLE, BURST)
    assert turns.crowded(Lane.PEOPLE) > 0


async def test_steady_small_batches_settle_where_the_burst_is_enough_and_none_waits_for_long() -> None:
    """Ten edits a second, six calls a batch: 60 calls a second were they taken one by one, where 17 are allowed."""
    clock = Clock()
    turns = Turns(clock)
    edits = [NOON + timedelta(seconds=number / 10) for number in range(600)]
    waits: list[float] = []
    while len(waits) < len(edits):
        clock.time = max(clock.time, edits[len(waits)])
        await clock.sleep(turns.crowded(Lane.PEOPLE))
        claimed = [at for at in edits[len(waits) :] if at <= clock.time]
        for _ in range(6):
            await turns.take(PEOPLE, BURST)
            clock.time += timedelta(milliseconds=5)
        waits += [(clock.time - at).total_seconds() for at in claimed]
    settled = sorted(waits)
    assert settled[math.floor(0.99 * len(settled))] < 0.6
