"""The watch: looks at how it goes, tells administrators what has changed, and remembers that it did (SPEC 9.7).

    take the look -> facts -> what stands -> what has changed -> remember, with its messages -> send what is due

Every process of a pair keeps a watch, beside its work and not as a piece of it: that no worker lives, or the database
does not answer, can only be told by somebody who needs neither. One of them looks at a time. A change of state and its
messages are remembered in one transaction, and a message is forgotten only when it has arrived: a kill in between may
send one twice, and never loses one. Nothing that fails in here reaches the line.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from concord.core.alerts import (
    DATABASE,
    LATENCY_SPAN,
    Breaker,
    Condition,
    Due,
    Facts,
    Limits,
    State,
    Telling,
    Unasked,
    changes,
    standing,
)
from concord.core.model import Side
from concord.core.quota import Usage, kept
from concord.core.retry import Backoff
from concord.engine.feeds import followed_name
from concord.engine.ports import AlertStore, Clock, Metered, OpenBreaker, Target
from concord.engine.reach import unreached
from concord.engine.trouble import troubles_in
from concord.errors import RemoteError, StoreError

log = logging.getLogger("concord.alerts")

#: Tells which breakers are open.
Breakers: TypeAlias = Callable[[], Awaitable[Sequence[OpenBreaker]]]

LOOK_EVERY = timedelta(seconds=15)
#: After its start a process does not judge before workers and feeds have had time to begin.
WARM_UP = timedelta(minutes=1)
#: For how long a message is one process's to send.
LEASE = timedelta(minutes=2)
#: How soon a message is tried again that did not arrive. It is tried for as long as the store keeps it.
BACKOFF = Backoff(first=15.0, cap=900.0, tries=1_000_000)
#: Messages to one target that are sent in one go.
IN_A_ROW = 50

_HEARD = "worker heard"
_USAGE = "usage:"


@dataclass(frozen=True)
class Desk:
    """What the watch of one process works with.

    feeds: the names of those that are configured. systems: whose calls are metered. breakers: tells which are open.
    share: a random number in [0, 1), for jitter.
    """

    store: AlertStore
    clock: Clock
    share: Callable[[], float]
    pair: str
    limits: Limits
    targets: Mapping[str, Target]
    feeds: Sequence[str] = ()
    systems: Sequence[Metered] = ()
    breakers: Breakers | None = None


@dataclass
class Watch:
    """One process's watch. following: the feeds that are really followed, as it was found at the start."""

    desk: Desk
    following: Sequence[str] = ()
    _began: datetime | None = None
    #: Since when the database does not answer this process, and which targets it has told so.
    _away: datetime | None = None
    _told: set[str] = field(default_factory=set)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await self.round()
            await self.desk.clock.sleep(LOOK_EVERY.total_seconds())

    async def round(self) -> None:
        """Look if it is our turn, and send what is due. Raises nothing: alerts never hold up what they tell of."""
        desk, began = self.desk, self.desk.clock.now()
        self._began = self._began or began
        try:
            if began - self._began >= WARM_UP and await desk.store.take_look(began, began + LOOK_EVERY):
                await self._look()
            if self._away is not None:
                await self._back(self._away)
            await send_due(desk)
        except StoreError as error:
            log.debug("the database does not answer the watch: %s", error)
            await self._without_database(began)
        except Exception:
            log.exception("the watch failed; it goes on with the next round")

    # --- the look

    async def _look(self) -> None:
        desk = self.desk
        await note_usage(desk)
        facts = await facts_of(desk.store, desk.clock.now(), self._expected(), desk.breakers, self._began)
        if facts.workers:
            await desk.store.note(_HEARD, facts.now.isoformat())
        told = await desk.store.standing()
        stands = standing(facts, desk.limits, {one.condition.name for one in told})
        found = changes(told, stands, facts.now, desk.limits)
        for one in found.begun:
            log.warning("begun: %s", one.name)
        for alert in found.mended:
            log.warning("over: %s", alert.condition.name)
        await desk.store.remember(found, list(desk.targets), facts.now)
        given_up = await desk.store.tidy(facts.now)
        if given_up:
            log.error("%d alerts could not be sent for days and are given up; `concord alerts` says why", given_up)

    def _expected(self) -> dict[str, datetime | None]:
        """Feeds that should be followed; and since when one should be that never was."""
        return {name: self._began if name in self.following else None for name in self.desk.feeds}

    # --- when there is no database to remember in

    async def _without_database(self, now: datetime) -> None:
        """Tell it at once, each process by itself: there is nothing through which they could agree who does."""
        desk = self.desk
        self._away = since = self._away or now
        if desk.limits.database is None or now - since < desk.limits.database:
            return
        telling = Telling(f"database.{int(since.timestamp())}", 0, State.BEGUN, now, desk.pair, _away(since))
        for name, target in desk.targets.items():
            if name not in self._told:
                try:
                    await target.tell(telling)
                    self._told.add(name)
                except RemoteError as error:
                    log.warning("that the database does not answer could not be told, tried again: %s", error)
                except Exception:
                    log.exception("%s: an alert could not be sent", name)

    async def _back(self, since: datetime) -> None:
        """It answers again: one process notes it, for all."""
        desk, now = self.desk, self.desk.clock.now()
        if desk.limits.database is not None and now - since >= desk.limits.database:
            await desk.store.note_over(_away(since), list(desk.targets), now)
        self._away = None
        self._told.clear()


def _away(since: datetime) -> Condition:
    return Condition(
        DATABASE,
        since,
        "PostgreSQL does not answer, so that nothing is taken in and nothing is carried out",
        "Check the database and CONCORD_DATABASE_URL. What was taken in is kept; senders repeat what was not, and "
        "sweeps find the rest.",
    )


# --- facts


async def facts_of(
    store: AlertStore,
    now: datetime,
    feeds: Mapping[str, datetime | None],
    breakers: Breakers | None = None,
    began: datetime | None = None,
) -> Facts:
    """How it goes, all from the database, so that every process and the command line see the same.

    feeds: those that should be followed; with a time, since when one should be that never was. began: since when the
    caller watches, for workers that were never heard of.
    """
    facts = await store.facts(now, now - LATENCY_SPAN)
    notes = await store.notes()
    opened = [] if breakers is None else await breakers()
    heard = [at for at in (facts.heard_at, _moment(notes.get(_HEARD))) if at is not None]
    return replace(
        facts,
        heard_at=max(heard, default=began),
        feeds=dict(_feeds(notes, feeds)),
        unreached=unreached(notes),
        unasked=_unasked(notes),
        breakers=tuple(Breaker(one.name, one.since, one.reason) for one in opened),
        usage=tuple(_readings(text) for name, text in sorted(notes.items()) if name.startswith(_USAGE)),
    )


def _feeds(notes: Mapping[str, str], feeds: Mapping[str, datetime | None]) -> Iterable[tuple[str, datetime]]:
    for name, since in feeds.items():
        at = _moment(notes.get(followed_name(name))) or since
        if at is not None:
            yield name, at


def _unasked(notes: Mapping[str, str]) -> tuple[Unasked, ...]:
    """By system; of one that does not answer at all, no single object is named."""
    silent = {one.system for one in unreached(notes)}
    found: dict[str, dict[str, datetime]] = {}
    for one in troubles_in(notes):
        system = "salesforce" if one.side is Side.LEFT else "hubspot"
        if system not in silent:
            found.setdefault(system, {}).setdefault(one.object, one.since)
    return tuple(
        Unasked(system, tuple(sorted(objects)), min(objects.values())) for system, objects in sorted(found.items())
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


async def note_usage(desk: Desk) -> None:
    """Keep what this process's newest answers told of the day's calls, unless another knows better."""
    for system in desk.systems:
        newest = system.usage()
        if newest is None:
            continue
        stored = (await desk.store.notes()).get(_USAGE + newest.system)
        readings = _readings(stored) if stored else ()
        if not readings or newest.at > readings[-1].at:
            await desk.store.note(_USAGE + newest.system, json.dumps(_written(kept(readings, newest))))


def _written(readings: Sequence[Usage]) -> list[list[object]]:
    return [
        [
            one.system,
            one.used,
            one.limit,
            one.share,
            one.at.isoformat(),
            None if one.resets_at is None else one.resets_at.isoformat(),
        ]
        for one in readings
    ]


def _readings(text: str) -> tuple[Usage, ...]:
    return tuple(
        Usage(system, used, limit, share, datetime.fromisoformat(at), _moment(resets_at))
        for system, used, limit, share, at, resets_at in json.loads(text)
    )


# --- sending


async def send_due(desk: Desk) -> None:
    """Send the messages whose time has come: to each target in their order, to the targets side by side."""
    for _ in range(IN_A_ROW):
        due = await desk.store.due(list(desk.targets), desk.clock.now(), LEASE) if desk.targets else ()
        if not due:
            return
        await asyncio.gather(*(_send(desk, one) for one in due))


async def _send(desk: Desk, due: Due) -> None:
    error = "Concord failed on it; see the log"
    after = None
    try:
        remark = await desk.targets[due.target].tell(due.telling)
    except RemoteError as refusal:
        error, after = str(refusal), refusal.after
        log.warning("an alert did not arrive, and is sent again: %s", refusal)
    except Exception:
        log.exception("%s: an alert could not be sent", due.target)
    else:
        await desk.store.told(due, desk.clock.now(), remark)
        return
    wait = BACKOFF.wait(due.attempts, desk.share(), after) or BACKOFF.cap
    await desk.store.not_told(due, desk.clock.now() + timedelta(seconds=wait), error)
