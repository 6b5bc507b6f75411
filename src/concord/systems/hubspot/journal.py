"""The Webhooks Journal as a feed (the engine's `Feed`, filled by shape), read page by page (api/hubspot.md, 18).

It needs no address of ours that HubSpot could call. A page says where to look; no value in it is trusted. Its calls are
an app's and count against no account's limits. The address of a page is a secret and goes into no log.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlsplit

from concord.core.model import Heard, Side
from concord.core.retry import Backoff
from concord.core.values import Ref
from concord.errors import Category, RemoteBusy, RemoteError, RemoteRefused, RemoteUnknown
from concord.systems.http import Clock, Http, Pace, Transport
from concord.systems.hubspot.auth import AppToken
from concord.systems.hubspot.client import (
    API_VERSION,
    JOURNAL_CALLS,
    JOURNAL_LONGEST_WAIT,
    JOURNAL_PATIENCE,
    JOURNAL_TOGETHER,
    AppCaller,
    Daily,
    Hub,
    Paths,
)
from concord.systems.hubspot.errors import SYSTEM
from concord.systems.hubspot.notices import Looks, Taken, ends_of, merged_of, object_name, of_portal, refs_of, text_of
from concord.systems.hubspot.subscriptions import SCOPES, Subscriptions, explained
from concord.systems.hubspot.wire import instant, millis

log = logging.getLogger("concord.hubspot")

#: Seconds between two looks when there was nothing newer (section 18.2: 5 to 15).
POLL: Final = 5.0
#: How long HubSpot keeps a page.
KEPT: Final = timedelta(days=3)
#: A page that is nearly so old may be gone any moment.
NEARLY: Final = timedelta(hours=1)
#: How often a position is handed out though nothing happened: it says until when all of the journal was read.
CONFIRM: Final = timedelta(hours=1)
#: Pages asked for at once when more than one waits.
PAGES: Final = 10
#: How often in a row the address of a page may be refused before the journal is given up.
TRIES: Final = 6
#: Between tries while HubSpot does not answer: without end, and never longer than an hour whatever it asks for.
WAITS: Final = Backoff(first=1.0, cap=60.0, tries=1_000_000_000)
LONGEST_WAIT: Final = 3600.0
#: Answers that say that an offset is not, or no longer, in the journal.
_NO_OFFSET: Final = (400, 404, 410)


# --- entries


@dataclass(frozen=True)
class Told:
    """What the entries of a page say. kinds: how many there were of each kind that this version does not know."""

    taken: Taken
    kinds: Mapping[str, int]


def told(
    entries: Iterable[object], objects: Collection[str], *, portal_id: str, now: datetime, ahead: timedelta
) -> Told:
    """The notices of a page's entries, one for each record. Entries of other accounts are left out.

    Our own writes cannot be told from others here (18.2): they are looked at, and found to be equal.
    """
    looks = Looks(objects, source="journal", now=now, ahead=ahead)
    kinds: Counter[str] = Counter()
    for entry in entries:
        refs = _about(entry) if isinstance(entry, Mapping) else None
        if not isinstance(entry, Mapping) or refs is None:
            kinds[_kind(entry)] += 1
        elif of_portal(entry, portal_id):
            erased = _plain(entry.get("action")) == "gdprdelete"
            looks.add(refs, _changed(entry), entry.get("occurredAt"), erased=erased)
    return Told(looks.taken(kinds.total()), kinds)


def _about(entry: Mapping[str, Any]) -> tuple[Ref, ...] | None:
    """The records that an entry is about; None when it is of no kind that is known, or names none."""
    kind = _plain(entry.get("type"))
    if kind == "applifecycleevent":
        return ()
    if kind == "association":
        return ends_of(entry) or None
    if kind not in ("crmobject", "listmembership", "gdprprivacydeletion"):
        return None
    name = object_name(entry.get("objectTypeId"))
    if name is None:
        return None
    # Whatever was done: an action of a later version changed the record too.
    return (merged_of(name, entry) if _plain(entry.get("action")) == "merge" else refs_of(name, entry)) or None


def _changed(entry: Mapping[str, Any]) -> Iterable[object]:
    changes = entry.get("propertyChanges")
    return changes if isinstance(changes, Mapping | list) else ()


def _plain(word: object) -> str:
    """A word as it is, however it is spelled: crmObject, CRM_OBJECT."""
    return re.sub(r"[^a-z]", "", text_of(word).lower())


def _kind(entry: object) -> str:
    """The kind of an entry in words that are safe to log."""
    if not isinstance(entry, Mapping):
        return "no object"
    words = (re.sub(r"[^A-Za-z0-9_.-]", "?", text_of(entry.get(name)))[:40] for name in ("type", "action"))
    return " ".join(word for word in words if word) or "nameless"


# --- position


@dataclass(frozen=True)
class Place:
    """Where reading stands. Times in epoch milliseconds on HubSpot's clock.

    offset: of the last page that was handed out; None: there was no page yet. at: when that page was published. read:
    everything that was published until then was handed out.
    """

    offset: str | None
    at: int | None
    read: int

    def write(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))


def place_of(position: str) -> Place | None:
    """A stored position; None when it is not one."""
    try:
        found = json.loads(position)
        offset, at, read = found["offset"], found["at"], found["read"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
    good = isinstance(offset, str | None) and isinstance(at, int | None) and isinstance(read, int)
    return Place(offset or None, at, read) if good else None


# --- the feed


class Journal:
    """The journal of one app, read for one account.

    url: of the API. client_id, client_secret: of the app; "" where there is none: then `refusal` says so. properties:
    the mapped ones of each object that is synced, by plural name (custom ones by type id); none: all of them. poll:
    seconds between two looks while nothing happens. share: random number in [0, 1) for jitter.
    """

    name = "hubspot journal"

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        side: Side,
        portal_id: str,
        properties: Mapping[str, Collection[str]],
        clock: Clock,
        share: Callable[[], float],
        api_version: str = API_VERSION,
        poll: float = POLL,
        time_limit: float = 30.0,
        transport: Transport | None = None,
    ) -> None:
        self.side = side
        self.portal_id = portal_id
        self.properties = properties
        self.clock = clock
        #: Entries that this version does not know, by kind, since the start.
        self.unknown: Counter[str] = Counter()
        self._share = share
        self._poll = poll
        self._following = False
        paths = Paths(api_version)
        token = AppToken(url.rstrip("/") + paths.token(), client_id, client_secret, SCOPES, clock)
        self._http = Http(
            Hub(token, Daily(clock)),
            url,
            clock=clock,
            pace=Pace(clock, JOURNAL_CALLS, 1.0, JOURNAL_TOGETHER),
            share=share,
            backoff=JOURNAL_PATIENCE,
            transport=transport,
            time_limit=time_limit,
            longest_wait=JOURNAL_LONGEST_WAIT,
        )
        self.caller = AppCaller(self._http, paths, token)
        self.subscriptions = Subscriptions(self.caller, has_client=bool(client_id and client_secret))

    @property
    def following(self) -> bool:
        """Whether it had read to the end when it last looked, and HubSpot answers."""
        return self._following

    async def refusal(self) -> str | None:
        """Why the journal cannot be read, in words for an administrator; None: it can. Changes nothing."""
        return await self.subscriptions.refusal()

    async def follow(self, position: str | None) -> AsyncIterator[Heard]:
        """What happens from the position on (None: from now on), a page at a time; see the engine's `Feed`."""
        reader, failures = Reader(self, position), 0
        try:
            while True:
                try:
                    heard = await reader.next()
                except (RemoteBusy, RemoteUnknown) as error:
                    failures += 1
                    self._following = False
                    await self.clock.sleep(self._wait(failures, error))
                    continue
                failures = 0
                if heard is not None:
                    yield heard
                if reader.at_end:
                    self._following = True
                    await self.clock.sleep(self._poll)
        finally:
            self._following = False

    def told(self, entries: Iterable[object]) -> Taken:
        """The notices of a page's entries; what is not known is counted, with a line for each kind."""
        found = told(
            entries,
            self.properties.keys(),
            portal_id=self.portal_id,
            now=self.clock.now(),
            ahead=self._http.ahead(),
        )
        for kind, count in found.kinds.items():
            level = logging.DEBUG if kind in self.unknown else logging.WARNING
            log.log(level, "%s: %d entries of a kind that is not known (%s) were passed over", self.name, count, kind)
        self.unknown.update(found.kinds)
        return found.taken

    def server_now(self) -> int:
        """The time on HubSpot's clock, in epoch milliseconds."""
        return millis(self.clock.now() + self._http.ahead())

    def calls(self) -> int:
        """How many calls were sent since the start, retries included."""
        return self._http.tally.calls

    async def close(self) -> None:
        await self._http.close()

    def _wait(self, failures: int, error: RemoteError) -> float:
        """Seconds until the next try."""
        told = WAITS.wait(min(failures, 30), self._share(), error.after)
        wait = min(max(WAITS.first / 2, WAITS.cap if told is None else told), LONGEST_WAIT)
        level = logging.WARNING if failures == 1 else logging.DEBUG
        log.log(level, "%s is not read at the moment, tried again in %.1f s: %s", self.name, wait, error)
        return wait


class Reader:
    """One following of the journal: where it stands, and what it has been told of and not yet fetched."""

    def __init__(self, journal: Journal, position: str | None) -> None:
        self._journal = journal
        self._caller = journal.caller
        self._position = position
        self._subscribed = False
        #: None: at the newest page, wherever that is.
        self._place: Place | None = None
        #: Why it may have missed something, until that was told.
        self._lost: str | None = None
        #: How often in a row the journal did not know the place that it had named itself.
        self._strange = 0
        #: Pages to fetch: offset and address.
        self._pages: deque[tuple[str, str]] = deque()
        self._behind = False
        self._refused = 0
        self._confirmed = 0
        #: Whether the last look found nothing newer.
        self.at_end = False

    async def next(self) -> Heard | None:
        """What comes next; None when there is nothing to hand out. Moves on only by what it returns.

        Raises RemoteRefused for good, RemoteBusy and RemoteUnknown when the same may be tried again.
        """
        self.at_end = False
        if not self._subscribed:
            missed = await self._begin()
            if missed is not None:
                return missed
        while True:
            place = self._place
            if place is None:
                return await self._at_newest()
            if self._journal.server_now() - place.read > KEPT // timedelta(milliseconds=1):
                self._begin_anew(f"it was last read more than {KEPT.days} days ago, and is kept no longer")
                continue
            if not self._pages:
                await self._ask(place)
                if self._place is None or self._place.offset != place.offset:
                    continue
                place = self._place
            if not self._pages:
                self.at_end = True
                return self._confirmation(place)
            heard = await self._page(place)
            if heard is not None:
                return heard

    # --- where to begin

    async def _begin(self) -> Heard | None:
        """Subscribe, and find the place to read on from; what may have been missed when that is the stored one."""
        journal = self._journal
        try:
            made = await journal.subscriptions.ensure(tuple(journal.properties), journal.properties, journal.portal_id)
        except RemoteRefused as error:
            raise RemoteRefused(SYSTEM, error.category, explained(error).removeprefix(f"{SYSTEM}: ")) from error
        self._subscribed = True
        if self._position is None:
            return None
        self._place = place_of(self._position)
        if self._place is None:
            self._lost = "the stored position in it cannot be read"
            return None
        self._confirmed = self._place.read
        return Heard(lost=f"it was not, or not all, subscribed to any more ({', '.join(made)})") if made else None

    def _begin_anew(self, lost: str) -> None:
        """Give up the place; go on at the newest page, and say what may have been missed."""
        self._place, self._lost, self._behind = None, lost, False
        self._pages.clear()

    async def _at_newest(self) -> Heard:
        """From the newest page on; what is in it is older than now."""
        answer = await self._caller.get(self._caller.paths.journal("/latest"), "journal", accept=(404,))
        found = _pages_of(answer.body)
        since = millis(answer.since or answer.at)
        self._place = Place(found[-1][0], since, since) if found else Place(None, None, since)
        self._confirmed = since
        lost, self._lost = self._lost, None
        return Heard(position=self._place.write(), lost=lost)

    # --- what there is to fetch

    async def _ask(self, place: Place) -> None:
        """Ask which pages come next. The place is another one afterwards when its page was too old, None when it is
        not known."""
        paths, behind = self._caller.paths, self._behind and place.offset is not None
        if place.offset is None:
            path = paths.journal("/earliest")
        elif behind:
            path = paths.journal(f"/batch/{quote(place.offset, safe='')}/next/{PAGES}")
        else:
            path = paths.journal(f"/offset/{quote(place.offset, safe='')}/next")
        answer = await self._caller.get(path, "journal", accept=_NO_OFFSET)
        if answer.status in _NO_OFFSET and behind:
            # Only the plain form decides whether the offset is known.
            self._behind = False
            await self._ask(place)
        elif answer.status in _NO_OFFSET and place.offset is not None:
            self._without_page(place)
        else:
            self._strange = 0
            self._pages.extend(one for one in _pages_of(answer.body) if one[0] != place.offset)
            self._behind = bool(self._pages)
            if not self._pages:
                self._place = replace(place, read=max(place.read, millis(answer.since or answer.at)))

    def _without_page(self, place: Place) -> None:
        """Find another place when the journal does not know the page any more.

        In a quiet account the last page grows old and goes. As long as the journal was known to be read to its end
        since, whatever is in it now is newer. Else something may be lost.
        """
        limit = self._journal.server_now() - (KEPT - NEARLY) // timedelta(milliseconds=1)
        if place.at is not None and place.at < limit <= place.read:
            self._place = Place(None, None, place.read)
            return
        self._strange += 1
        if self._strange >= TRIES:
            raise RemoteRefused(
                SYSTEM,
                Category.INTERNAL,
                "the Webhooks Journal does not know the positions that it gives itself",
                advice="Report this to the makers of Concord",
            )
        self._begin_anew("the position in it is not known any more")

    def _confirmation(self, place: Place) -> Heard | None:
        """The position again when it has not been handed out for long: nothing happened until now."""
        if place.read - self._confirmed < CONFIRM // timedelta(milliseconds=1):
            return None
        self._confirmed = place.read
        return Heard(position=place.write())

    # --- pages

    async def _page(self, before: Place) -> Heard | None:
        """Fetch the page after that place, and move behind it; None when its address was refused and has to be asked
        for anew."""
        offset, url = self._pages[0]
        try:
            answer = await self._caller.fetch(url, "journal page")
        except RemoteRefused as error:
            self._pages.clear()
            self._refused += 1
            if self._refused >= TRIES:
                why = str(error).removeprefix(f"{SYSTEM}: ").split(". ")[0]
                raise RemoteRefused(
                    SYSTEM,
                    Category.NETWORK,
                    f"the pages of the Webhooks Journal cannot be fetched from {urlsplit(url).hostname}: {why}",
                    advice="Let Concord reach that host, and see whether something on the way changes addresses",
                ) from error
            if self._refused > 1:
                raise RemoteBusy(SYSTEM, Category.NETWORK, "a page's address was refused", code=error.code) from error
            return None
        self._refused = 0
        self._pages.popleft()
        body = answer.body if isinstance(answer.body, Mapping) else {}
        entries = body.get("journalEvents")
        published = instant(body.get("publishedAt"))
        now = self._journal.server_now()
        at = min(millis(published), now) if published is not None else now
        place = Place(offset, at, max(before.read, at))
        self._place, self._confirmed = place, place.read
        if not isinstance(entries, list):
            return Heard(position=place.write(), lost="a page of it is of a shape that is not known")
        return Heard(self._journal.told(entries).notices, place.write())


def _pages_of(body: object) -> list[tuple[str, str]]:
    """Offsets and addresses of the pages that an answer names, one or several (18.2)."""
    if not isinstance(body, Mapping):
        return []
    several = body.get("results")
    rows = several if isinstance(several, list) else [body]
    pairs = ((text_of(row.get("currentOffset")), text_of(row.get("url"))) for row in rows if isinstance(row, Mapping))
    return [(offset, url) for offset, url in pairs if offset and url]
