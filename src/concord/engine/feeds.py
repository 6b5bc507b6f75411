"""Feeds: what the systems tell by themselves, read on by position and put into the inbox (SPEC 6.1, 6.2).

The position moves only after the notices are durable: a crash reads the same events again, which changes nothing. What
a feed may have missed, a sweep of that side finds; so nothing here has to be certain. Decides nothing about records.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from concord.core.model import Heard, Side
from concord.engine.ports import Feed
from concord.engine.scope import Scope
from concord.engine.sweep import DEEP, sweep
from concord.errors import RemoteError, RemoteRefused, StoreError

log = logging.getLogger("concord.feeds")

#: How often a feed that is followed says so in the store, for the sweeps.
SAY_EVERY = timedelta(seconds=10)
#: A feed that has said nothing for so long is not followed: its side is asked as often as if there were none.
SILENT_AFTER = timedelta(seconds=45)
#: How much of what was heard may wait while something is stored; a feed that tells more is read on only then.
BUNDLE = 2000
#: How long to wait before a feed is read again whose notices could not be stored.
PAUSE = timedelta(seconds=2)


@dataclass(frozen=True)
class Refused:
    """A feed that cannot be followed, and why, in words for an administrator."""

    feed: str
    reason: str


async def followable(feeds: Sequence[Feed]) -> tuple[list[Feed], list[Refused]]:
    """Which of them this installation can follow, and why not the others. A system that does not answer now is tried
    all the same: following mends broken connections by itself."""
    good, refused = [], []
    for feed in feeds:
        try:
            reason = await feed.refusal()
        except RemoteRefused as error:
            reason = str(error)
        except RemoteError as error:
            log.warning("%s: not known yet whether it can be followed: %s", feed.name, error)
            reason = None
        if reason is None:
            good.append(feed)
        else:
            refused.append(Refused(feed.name, reason))
    return good, refused


async def listen(scope: Scope, feed: Feed) -> None:
    """Read a feed for as long as it can be followed; for ever, mostly. Only one process of the pair may be in here for
    a feed (`Store.alone` sees to that); two would do no harm but read everything twice."""
    while True:
        saying = asyncio.create_task(_say(scope, feed))
        try:
            async for heard in _bundled(feed.follow(await scope.store.position(feed.name))):
                await _take_in(scope, feed, heard)
        except RemoteRefused as error:
            log.error("%s cannot be followed any more, so %s is only swept: %s", feed.name, feed.side, error)
            return
        except StoreError as error:
            # Nothing was stored, so the position stands where it was; the same events come again.
            log.warning("%s: not stored, read again from before: %s", feed.name, error)
            await scope.clock.sleep(PAUSE.total_seconds())
        finally:
            saying.cancel()


async def _bundled(heards: AsyncIterator[Heard]) -> AsyncIterator[Heard]:
    """The same, with everything that is heard while the last of it is stored as one: a feed that tells of one record at
    a time would otherwise cost a transaction each, and fall behind a busy org."""
    waiting: asyncio.Queue[Heard] = asyncio.Queue(BUNDLE)

    async def listen_on() -> None:
        async for heard in heards:
            await waiting.put(heard)

    listening = asyncio.create_task(listen_on())
    taking: asyncio.Task[Heard] | None = None
    try:
        while True:
            taking = taking or asyncio.create_task(waiting.get())
            await asyncio.wait({taking, listening}, return_when=asyncio.FIRST_COMPLETED)
            if not taking.done():
                listening.result()
                return
            bundle, taking = [taking.result()], None
            while not waiting.empty():
                bundle.append(waiting.get_nowait())
            yield _one(bundle)
    finally:
        for task in (listening, *([taking] if taking else [])):
            task.cancel()
        await asyncio.gather(listening, return_exceptions=True)


def _one(bundle: Sequence[Heard]) -> Heard:
    """What was heard one after the other, as if in one go."""
    if len(bundle) == 1:
        return bundle[0]
    return Heard(
        tuple(notice for heard in bundle for notice in heard.notices),
        next((heard.position for heard in reversed(bundle) if heard.position is not None), None),
        "; ".join(heard.lost for heard in bundle if heard.lost is not None) or None,
    )


async def _take_in(scope: Scope, feed: Feed, heard: Heard) -> None:
    """Durable first, then what was missed, then the position."""
    if heard.notices:
        await scope.store.take_in(heard.notices)
    if heard.lost is not None:
        log.warning("%s: %s; everything that changed is asked for", feed.name, heard.lost)
        try:
            await sweep(scope, feed.side, DEEP)
        except RemoteError as error:
            # The regular sweep goes on from where the last one stood, so it finds the same a little later.
            log.warning("%s: the sweep after it failed, and the next one does its work: %s", feed.name, error)
    if heard.position is not None:
        await scope.store.put_position(feed.name, heard.position)


async def _say(scope: Scope, feed: Feed) -> None:
    """Note again and again that the feed is followed, while it is."""
    while True:
        if feed.following:
            try:
                await scope.store.put_position(followed_name(feed.name), scope.clock.now().isoformat())
            except StoreError as error:
                log.debug("%s: could not say that it is followed: %s", feed.name, error)
        await scope.clock.sleep(SAY_EVERY.total_seconds())


def followed_name(feed: str) -> str:
    """Under which name the store keeps when a feed was last followed, in ISO 8601."""
    return f"followed:{feed}"


def swept_name(side: str) -> str:
    """Under which name the store keeps when a side was last swept."""
    return f"swept:{side}"


async def followed(scope: Scope, feeds: Sequence[Feed], side: Side) -> bool:
    """Whether some process follows a feed of that side at this moment."""
    for feed in feeds:
        if feed.side is not side:
            continue
        said = await scope.store.position(followed_name(feed.name))
        if said is not None and scope.clock.now() - _moment(said) < SILENT_AFTER:
            return True
    return False


async def sweep_due(scope: Scope, feeds: Sequence[Feed], side: Side, seldom: timedelta) -> bool:
    """Whether a side is to be swept now, asked each time that it would be: always where nothing tells of its changes,
    only every `seldom` as a net under events that are followed (SPEC 6.3). Notes that it is swept now."""
    now, name = scope.clock.now(), swept_name(side)
    last = await scope.store.position(name)
    if last is not None and now - _moment(last) < seldom and await followed(scope, feeds, side):
        return False
    await scope.store.put_position(name, now.isoformat())
    return True


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
