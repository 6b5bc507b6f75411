"""The line. Every change, from wherever it comes, goes this way:

    notice -> inbox -> claim a batch -> read both sides -> match, merge, plan -> intend -> write -> record

A crash between any two arrows repeats the line; the repeat finds equal sides and writes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from concord.core.model import Failure, Lane, Work
from concord.core.plan import Done
from concord.core.retry import next_try
from concord.engine.breaker import hold_back
from concord.engine.claims import READ_AGAIN, Claim, others, take_partners
from concord.engine.merging import MERGE_POINTS, carry_out
from concord.engine.planning import Planned, plan_batch, without
from concord.engine.reading import Batch, read_batch
from concord.engine.recording import answered, record
from concord.engine.rounds import stop_chases
from concord.engine.scope import Scope
from concord.engine.whereabouts import find_links
from concord.engine.writing import intend, write
from concord.errors import Category, ClaimLost, RemoteError, StoreError
from concord.trace import span

log = logging.getLogger("concord.line")

#: A batch that a system broke on so often comes back in so many parts.
_TOGETHER, _APART = 2, 4

#: Seconds; who has to wait for longer waits for the day, and not for a burst.
_CROWD = 2.0

#: Where a crash test can stop the program: between every pair of steps.
CRASH_POINTS = ("claimed", "read", "planned", "intended", "written", "recorded")
#: Those of a merge, which comes before the rest of its batch.
ALL_POINTS = (*CRASH_POINTS, *MERGE_POINTS)


@dataclass(frozen=True)
class Round:
    """One pass of the line: what was claimed and what came of it."""

    works: tuple[Work, ...]
    done: tuple[Done, ...]


async def run_batch(scope: Scope, up_to: Lane = Lane.BACKFILL) -> Round | None:
    """Take one batch down the line; None when nothing is due in these lanes."""
    now = scope.clock.now()
    works = await scope.store.claim(scope.batch, now, scope.lease, up_to)
    if not works:
        return None
    scope.reach("claimed")
    with span("batch", lane=works[0].lane.name.lower(), rows=len(works)):
        return await _guarded(scope, Claim(scope, works, now))


async def _line(scope: Scope, claim: Claim) -> Round:
    try:
        return await _down(scope, claim)
    finally:
        if claim.wrote:
            claim.end()  # what still runs of it, besides the call that failed, would write for a batch that is over


async def _down(scope: Scope, claim: Claim) -> Round:
    await claim.check()
    unmerged = await carry_out(scope, claim)
    await take_partners(scope, claim)
    if not claim.works:
        return Round((), ())
    scope = scope.within(claim)
    batch = await find_links(scope, await read_batch(scope, claim.works))
    scope.reach("read")
    planned = await plan_batch(scope, batch)
    planned = await _ours(scope, claim, batch, planned)
    scope.reach("planned")
    if not claim.works:
        return Round((), ())
    planned = await stop_chases(scope, await hold_back(scope, batch, planned))
    await claim.check()
    await intend(scope, planned.plan.records)
    scope.reach("intended")
    claim.wrote = claim.writing = True
    written = await write(scope, planned.plan.records)
    claim.writing = False
    scope.reach("written")
    done = await record(scope, batch, planned, written, unmerged)
    scope.reach("recorded")
    return Round(claim.works, tuple(done))


async def _ours(scope: Scope, claim: Claim, batch: Batch, planned: Planned) -> Planned:
    """The plan for what is the claim's to decide on; the rows of the rest are given up."""
    while theirs := await others(scope, claim, planned.plan.records):
        kept = without(planned, theirs)
        dropped = [plan for plan in planned.plan.records if plan not in kept.plan.records]
        await claim.give_up(answered(batch, dropped) - answered(batch, kept.plan.records), READ_AGAIN)
        planned = kept
        if not claim.works:
            break
    return planned


async def _guarded(scope: Scope, claim: Claim) -> Round:
    """The line, with a failure of the whole batch turned into a later try of its rows."""
    try:
        return await _line(scope, claim)
    except ClaimLost as lost:
        log.warning("%s", lost)
        with suppress(StoreError):
            await claim.leave()
        return Round(claim.works, ())
    except RemoteError as error:
        await _put_back(scope, claim.works, Failure.of(error))
        return Round(claim.works, ())
    except StoreError:
        # The database may be back by now; if not, the rows come back by themselves when their lease ends.
        with suppress(StoreError):
            await claim.leave()
        raise
    except asyncio.CancelledError:
        # The program is told to stop and has waited long enough; nothing of this batch is sent any more.
        with suppress(StoreError):
            await asyncio.shield(claim.leave())
        raise
    except Exception:
        # A fault of ours in one record must not hold up the others (SPEC 9.1): each goes down the line alone, and the
        # one that fails there waits, visible, with its traceback in the log.
        log.exception("a batch of %d failed", len(claim.works))
        if len(claim.works) == 1:
            await _fail(scope, claim.works[0])
            return Round(claim.works, ())
        rounds = [await _guarded(scope, claim.only(work)) for work in claim.works]
        return Round(claim.works, tuple(done for one in rounds for done in one.done))


async def _fail(scope: Scope, work: Work) -> None:
    """A fault of ours in this record: it is tried a few times more, and then waits for a person."""
    now = scope.clock.now()
    failure = Failure(
        Category.INTERNAL,
        "Concord failed on this record; see the log",
        code="CONCORD_FAILED",
        advice="This is a fault in Concord: please report it with what the log says",
        transient=True,
    )
    wait = next_try(scope.backoff, failure, work.tries(failure.category) + 1, scope.share())
    if wait is None:
        await scope.store.record([Done("", (work,), failure=failure, dead=True)], now)
    else:
        await scope.store.release([work], now, now + timedelta(seconds=wait), failure)


async def _put_back(scope: Scope, works: Sequence[Work], failure: Failure) -> None:
    """Give the rows of a batch back for later. What breaks a system again and again may be one of its records, which
    the answer does not name: so they come back apart from one another, until it is alone."""
    now = scope.clock.now()
    attempt = max((work.tries(failure.category) for work in works), default=0) + 1
    parts = min(_APART, len(works)) if failure.unknown and attempt > _TOGETHER else 1
    log.warning("batch of %d put back (try %d): %s", len(works), attempt, failure.message)
    for part in range(parts):
        wait = scope.backoff.wait(min(attempt, scope.backoff.tries - 1), scope.share(), failure.after)
        assert wait is not None  # the attempt is kept below the number of tries: an outage outlasts any number of them
        await scope.store.release(works[part::parts], now, now + timedelta(seconds=wait), failure)


def silent(scope: Scope) -> bool:
    """Whether a system is known not to answer at this moment: its rows are left where they are, untried."""
    now = scope.clock.now()
    return any(until is not None and until > now for until in (scope.left.silent_until(), scope.right.silent_until()))


def open_lanes(scope: Scope, up_to: Lane = Lane.BACKFILL) -> tuple[Lane, float]:
    """Up to which lane batches may be begun, and in how many seconds: lanes behind it are left where they are, because
    a day's calls would not last otherwise (SPEC 9.3); before it, batches fill for as long as a burst is nearly used."""
    found = Lane.CONSENT, 0.0
    for lane in Lane:
        wait = max(scope.left.crowded(lane), scope.right.crowded(lane))
        if lane > up_to or wait > _CROWD:
            break
        found = lane, wait
    return found


async def _next_batch(scope: Scope, up_to: Lane, full: bool) -> Round | None:
    """The next batch, when there are calls for it; an opt-out's at once. full: the last one was, so that waiting would
    not make this one any fuller."""
    lane, wait = open_lanes(scope, up_to)
    if wait > 0 and not full:
        urgent = await run_batch(scope, Lane.CONSENT)
        if urgent is not None:
            return urgent
        await scope.clock.sleep(wait)
    return await run_batch(scope, lane)


async def drain(scope: Scope, most: int | None = None, up_to: Lane = Lane.BACKFILL) -> int:
    """Take batches down the line until nothing is due in these lanes (or `most` rows are done); how many rows were. A
    full batch wakes another worker, for there is more than one can do."""
    handled, full = 0, False
    while (most is None or handled < most) and not scope.stopping() and not silent(scope):
        one = await _next_batch(scope, up_to, full)
        if one is None:
            break
        handled += len(one.works)
        full = len(one.works) >= scope.batch
        if full:
            await scope.store.ring()
    return handled
