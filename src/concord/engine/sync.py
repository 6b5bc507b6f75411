"""The line. Every change, from wherever it comes, goes this way:

    notice -> inbox -> claim a batch -> read both sides -> match, merge, plan -> intend -> write -> record

A crash between any two arrows repeats the line; the repeat finds equal sides and writes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from concord.core.model import Failure, Work
from concord.core.plan import Done
from concord.engine.planning import plan_batch
from concord.engine.reading import read_batch
from concord.engine.recording import record
from concord.engine.scope import Scope
from concord.engine.writing import intend, write
from concord.errors import Category, RemoteError, StoreError

log = logging.getLogger("concord.line")

#: Where a crash test can stop the program: between every pair of steps.
CRASH_POINTS = ("claimed", "read", "planned", "intended", "written", "recorded")


@dataclass(frozen=True)
class Round:
    """One pass of the line: what was claimed and what came of it."""

    works: tuple[Work, ...]
    done: tuple[Done, ...]


async def run_batch(scope: Scope) -> Round | None:
    """Take one batch down the line; None when nothing is due."""
    now = scope.clock.now()
    works = await scope.store.claim(scope.batch, now, scope.lease)
    if not works:
        return None
    scope.reach("claimed")
    return await _guarded(scope, works, now + scope.lease)


async def _line(scope: Scope, works: Sequence[Work], until: datetime) -> Round:
    batch = await read_batch(scope, works)
    scope.reach("read")
    planned = await plan_batch(scope, batch)
    scope.reach("planned")
    if scope.clock.now() >= until:
        # Another worker may have these rows by now, and HubSpot has no conditional write: what was read so long ago
        # could be written over what that one has decided since. They come back by themselves, and are read anew.
        log.warning("a batch of %d took longer than its lease of %s and is left", len(works), scope.lease)
        return Round(tuple(works), ())
    await intend(scope, planned.plan.records)
    scope.reach("intended")
    written = await write(scope, planned.plan.records)
    scope.reach("written")
    done = await record(scope, batch, planned, written)
    scope.reach("recorded")
    return Round(tuple(works), tuple(done))


async def _guarded(scope: Scope, works: Sequence[Work], until: datetime) -> Round:
    """The line, with a failure of the whole batch turned into a later try of its rows."""
    try:
        return await _line(scope, works, until)
    except RemoteError as error:
        await _put_back(scope, works, _failure_of(error))
        return Round(tuple(works), ())
    except StoreError:
        raise  # the rows come back by themselves when their lease ends
    except Exception:
        # A fault of ours in one record must not hold up the others (SPEC 9.1): each goes down the line alone, and the
        # one that fails there waits, visible, with its traceback in the log.
        log.exception("a batch of %d failed", len(works))
        if len(works) == 1:
            failure = Failure(Category.INTERNAL, "Concord failed on this record; see the log", transient=True)
            await _put_back(scope, works, failure)
            return Round(tuple(works), ())
        rounds = [await _guarded(scope, [work], until) for work in works]
        return Round(tuple(works), tuple(done for one in rounds for done in one.done))


def _failure_of(error: RemoteError) -> Failure:
    return Failure(
        error.category,
        str(error),
        code=error.code,
        fields=error.fields,
        advice=error.advice,
        transient=error.retry,
        after=error.after,
    )


async def _put_back(scope: Scope, works: Sequence[Work], failure: Failure) -> None:
    now = scope.clock.now()
    attempt = max(work.attempts for work in works) + 1
    wait = scope.backoff.wait(min(attempt, scope.backoff.tries - 1), scope.share(), failure.after)
    assert wait is not None  # the attempt is kept below the number of tries: an outage outlasts any number of them
    log.warning("batch of %d put back for %.1f s: %s", len(works), wait, failure.message)
    await scope.store.release(works, now, now + timedelta(seconds=wait), failure)


async def drain(scope: Scope, most: int | None = None) -> int:
    """Take batches down the line until nothing is due (or `most` rows are done); how many rows were."""
    handled = 0
    while most is None or handled < most:
        one = await run_batch(scope)
        if one is None:
            break
        handled += len(one.works)
    return handled
