"""Change Data Capture as a feed: what Salesforce says has changed, as notices (api/salesforce.md, sections 9 and 10).

Fills the engine's `Feed` by shape. Of an event's values only its stamps and opt-outs are looked at, for whether it is
our own echo and how urgent it is. What came while nobody listened is replayed; where that cannot be (after three days),
or would eat the day's allocation, it goes on from now and says that something was lost, so that polling finds it.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from concord.core import budget
from concord.core.model import Heard, Lane, Notice, Side
from concord.core.retry import Backoff
from concord.core.values import Ref
from concord.errors import Category, RemoteBusy, RemoteRefused, RemoteUnknown
from concord.systems.http import Clock
from concord.systems.salesforce import errors
from concord.systems.salesforce.avro import Reader, Told, version_in
from concord.systems.salesforce.client import Client, together
from concord.systems.salesforce.lanes import lane_of
from concord.systems.salesforce.pubsub import Batch, Event, Preset, PubSub
from concord.systems.salesforce.wire import SYSTEM, instant, is_id

#: The channel of everything that is selected (section 9.1).
ALL_CHANGES: Final = "ChangeEvents"
#: What remains of the day's deliveries for others and for what is urgent, and how much there must be to go on again.
RESERVE: Final = 0.10
ENOUGH: Final = 0.20
#: How often, at most, the org is asked for what remains.
LOOK: Final = timedelta(minutes=5)
#: Tries in a row that were not let in with a fresh token, after which that is no passing trouble.
SIGN_INS: Final = 5
#: Tries in a row that failed, after which an object counts as not followed.
BROKEN: Final = 3
#: What the first response says of a stream that went on from now.
GAP: Final = "events are followed again, from now on"

#: Fields that say not to contact a person (section 16); those of an individual, and that one was linked.
OPT_OUT: Final = frozenset(
    {
        *("HasOptedOutOfEmail", "HasOptedOutOfFax", "DoNotCall", "IndividualId"),
        *("PersonHasOptedOutOfEmail", "PersonHasOptedOutOfFax", "PersonDoNotCall", "PersonIndividualId"),
        *("HasOptedOutSolicit", "HasOptedOutProcessing", "HasOptedOutProfiling", "HasOptedOutTracking"),
        *("HasOptedOutGeoTracking", "ShouldForget"),
    }
)
#: What is looked at whatever is mapped: a lead that became a contact (section 12).
_ALWAYS: Final = frozenset({"IsConverted", "ConvertedContactId", "ConvertedAccountId", "ConvertedOpportunityId"})
_NAME_PARTS: Final = frozenset({"Salutation", "FirstName", "MiddleName", "LastName", "InformalName", "Suffix"})


# --- positions


@dataclass(frozen=True)
class Place:
    """How far a topic was followed. replay_id: None when that is not known any more, so that it goes on from now.
    at: when the last event was committed, on Salesforce's clock."""

    replay_id: bytes | None
    at: datetime | None = None


def places(position: str | None) -> dict[str, Place]:
    """A stored position, by topic. Raises ValueError for a text that is none."""
    try:
        told = json.loads(position) if position else {}
        return {
            str(topic): Place(
                None if one["replay"] is None else base64.b64decode(one["replay"], validate=True),
                None if one["at"] is None else instant(one["at"]),
            )
            for topic, one in told.items()
        }
    except (AttributeError, LookupError, TypeError) as error:
        raise ValueError("this is no position of Salesforce's events") from error


def text_of(position: Mapping[str, Place]) -> str:
    """A position as it is stored."""
    plain = {
        topic: {
            "replay": None if place.replay_id is None else base64.b64encode(place.replay_id).decode(),
            "at": None if place.at is None else place.at.isoformat(),
        }
        for topic, place in position.items()
    }
    return json.dumps(plain, sort_keys=True)


# --- the day's allocation


class Allowance:
    """The events that the org may still be sent today (section 9.2), as `/limits` tells; between two looks, those that
    came to us are counted. Nothing is known of an org that does not tell."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._most = self._left = 0
        self._looked_at: datetime | None = None

    async def short(self, came: int) -> bool:
        """Whether, after so many more events, only the reserve is left."""
        self._left -= came
        now = self._client.clock.now()
        if self._looked_at is None or now - self._looked_at >= LOOK:
            await self._look()
        return self._most > 0 and self._left < RESERVE * self._most

    async def enough(self) -> bool:
        """Whether there is room again; asks at once."""
        await self._look()
        return self._left >= ENOUGH * self._most

    async def _look(self) -> None:
        self._looked_at = self._client.clock.now()
        try:
            answer = await self._client.call("GET", "/limits/", kind="limits")
        except (RemoteBusy, RemoteUnknown, RemoteRefused):
            return  # what was counted goes on to be true; the stream itself says when nothing is left
        told = answer.body.get("DailyDeliveredPlatformEvents") or {}
        self._most, self._left = int(told.get("Max") or 0), int(told.get("Remaining") or 0)
        if self._most > 0:
            await self._client.turns.tell(budget.EVENTS, budget.Told(max(0, self._most - self._left), self._most))


# --- the feed


@dataclass
class _Stream:
    """One topic that is followed. objects: that it carries. place: up to where it was handed on. gap: why something
    may be missing before the first response of what is now open. opened: whether it had been opened before. failed,
    signed_out: tries in a row that were of no use, and those of them that were not let in."""

    topic: str
    objects: tuple[str, ...]
    place: Place
    gap: str | None = None
    opened: bool = False
    failed: int = 0
    signed_out: int = 0


@dataclass(frozen=True)
class _Piece:
    """What one stream has to say in one go."""

    topic: str
    place: Place
    notices: tuple[Notice, ...] = ()
    lost: tuple[str, ...] = ()


class ChangeEvents:
    """An org's change events.

    objects: the synced ones. fields: the mapped ones by object; an edit of others alone is passed over. None, or an
    object that is not in it: every edit counts. An edit of an opt-out always does. clock, share: time, and a random
    number in [0, 1). channel: "ChangeEvents" or a custom one, "…__chn"; None: a topic for each object. backoff: between
    tries of what passes; its end is no end, the last wait is repeated. side: Salesforce's. consent: further fields, by
    object, that make an edit urgent.
    """

    name = "salesforce change events"

    def __init__(
        self,
        client: Client,
        pubsub: PubSub,
        objects: Sequence[str],
        fields: Mapping[str, Collection[str]] | None,
        clock: Clock,
        share: Callable[[], float],
        channel: str | None = None,
        backoff: Backoff | None = None,
        *,
        side: Side = Side.LEFT,
        consent: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        self.side = side
        if not objects:
            raise ValueError("events of no object cannot be followed")
        self._client = client
        self._pubsub = pubsub
        self._objects = tuple(objects)
        self._fields = fields
        self._clock = clock
        self._share = share
        self._channel = channel.removeprefix("/data/") if channel else None
        self._backoff = backoff or Backoff(first=1.0, cap=60.0, tries=8)
        self._consent = consent or {}
        self._allowance = Allowance(client)
        self._readers: dict[str, Reader] = {}
        self._unfollowed: dict[str, str] = {}
        self._reading = False

    @property
    def following(self) -> bool:
        """See `Feed.following`: whether the events of every object come."""
        return self._reading and not self._unfollowed

    @property
    def unfollowed(self) -> tuple[str, ...]:
        """The objects whose events do not come at this moment, so that they are to be asked for often: not selected,
        not allowed, out of allocation, or without a connection for a while."""
        return tuple(name for name in self._objects if name in self._unfollowed)

    @property
    def reasons(self) -> Mapping[str, str]:
        """For each unfollowed object, why, in words for an administrator."""
        return dict(self._unfollowed)

    async def refusal(self) -> str | None:
        """See `Feed.refusal`: why not even one of the objects can be followed. Those that cannot while others can are
        in `unfollowed` then. Of a custom channel it is not known which objects it carries."""
        found = dict(zip(self._objects, await together(self._refused, self._objects), strict=True))
        self._unfollowed = {name: why for name, why in found.items() if why is not None}
        if len(self._unfollowed) < len(self._objects):
            return None
        told = list(dict.fromkeys(self._unfollowed.values()))
        return told[0] if len(told) == 1 else "; ".join(told)

    async def _refused(self, name: str) -> str | None:
        custom = self._channel is not None and self._channel != ALL_CHANGES
        topic = _topic(self._channel) if custom and self._channel else _topic(event_name(name))
        try:
            found = await self._pubsub.topic(topic)
        except (RemoteRefused, errors.StreamSignedOut) as refused:
            if (refused.code or "").endswith("topic.not.found") and not custom:
                return (
                    f"Salesforce does not tell of changes of {name}: select it under Setup, Integrations, Change Data "
                    "Capture (at most five objects without the add-on; Professional Edition has none)"
                )
            return str(refused)
        if found.subscribable:
            return None
        return (
            f"The integration user may not subscribe to {topic}: give it View All on {name}, or View All Data, in a "
            "permission set"
        )

    async def follow(self, position: str | None) -> AsyncIterator[Heard]:
        """See `Feed.follow`. An object that turns out not to be to be followed is told as `lost` and is `unfollowed`
        from then on; raises RemoteRefused when it was the last."""
        why = "events of {} are followed from now on: no position is known in them"
        try:
            state = places(position)
        except ValueError:
            state, why = {}, "the stored position in events of {} cannot be read"
        topics = self._topics()
        state = {**{topic: Place(None) for topic, _ in topics}, **state}
        streams = [_Stream(topic, objects, state[topic]) for topic, objects in topics]
        unknown = [stream for stream in streams if stream.place.replay_id is None]
        if unknown:
            # A stored position, even an empty one, lets the next start know that somebody had listened before.
            for stream in unknown:
                stream.gap = GAP if position is not None else None
            lost = why.format(", ".join(stream.topic for stream in unknown))
            yield Heard(position=text_of(state), lost=lost if position is not None else None)
        pieces: asyncio.Queue[_Piece] = asyncio.Queue(maxsize=1)
        pumps = {asyncio.create_task(self._pump(stream, pieces)): stream for stream in streams}
        taking: asyncio.Task[_Piece] | None = None
        self._reading = True
        try:
            while pumps:
                taking = taking or asyncio.create_task(pieces.get())
                done, _ = await asyncio.wait({taking, *pumps}, return_when=asyncio.FIRST_COMPLETED)
                if taking in done:
                    piece, taking = taking.result(), None
                    state[piece.topic] = piece.place
                    yield Heard(piece.notices, text_of(state), "; ".join(piece.lost) or None)
                    continue
                for pump in [one for one in pumps if one in done]:
                    stream = pumps.pop(pump)
                    yield Heard(lost=self._ended(stream, pump, last=not pumps))
        finally:
            self._reading = False
            for task in (*pumps, *([taking] if taking else [])):
                task.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    def _ended(self, stream: _Stream, pump: asyncio.Task[None], *, last: bool) -> str:
        """Why a stream cannot be followed any more. Raises it when no other is left."""
        try:
            pump.result()
        except RemoteRefused as refused:
            self._mark(stream, str(refused))
            if last:
                raise
            return f"{_these(stream)} cannot be followed: {refused}"
        raise AssertionError("a stream is followed for ever")

    async def close(self) -> None:
        """Ends the connection; nobody may follow any more."""
        await self._pubsub.close()

    def _topics(self) -> list[tuple[str, tuple[str, ...]]]:
        if self._channel is not None:
            return [(_topic(self._channel), self._objects)]
        return [(_topic(event_name(name)), (name,)) for name in self._objects]

    # --- one stream

    async def _pump(self, stream: _Stream, pieces: asyncio.Queue[_Piece]) -> None:
        """Follow one topic for ever. Raises RemoteRefused when that is not to be."""
        while True:
            try:
                await self._listen(stream, pieces)
                raise RemoteBusy(SYSTEM, Category.NETWORK, f"events of {stream.topic}: the stream was closed")
            except errors.PositionLost as lost:
                if stream.place.replay_id is None:
                    await self._wait(stream, lost)  # not even "from now on" is taken: no position is to blame
                    continue
                await self._lose(stream, pieces, f"the position in {_these(stream)} is not known any more")
            except errors.AllocationSpent as spent:
                self._mark(stream, str(spent))
                await self._lose(stream, pieces, str(spent))
                await self._rest()
            except (RemoteBusy, RemoteUnknown) as passing:
                stream.signed_out = stream.signed_out + 1 if isinstance(passing, errors.StreamSignedOut) else 0
                if stream.signed_out >= SIGN_INS:
                    raise RemoteRefused(
                        SYSTEM, passing.category, str(passing), code=passing.code, advice=passing.advice
                    ) from passing
                await self._wait(stream, passing)

    async def _listen(self, stream: _Stream, pieces: asyncio.Queue[_Piece]) -> None:
        """Hand on what one connection brings."""
        known = stream.place.replay_id
        preset = Preset.LATEST if known is None else Preset.CUSTOM
        if known is None and stream.opened:  # between that connection and this one nobody listened
            stream.gap = GAP
        stream.opened = True
        async with aclosing(self._pubsub.subscribe(stream.topic, preset, known or b"")) as batches:
            async for batch in batches:
                piece = await self._read(stream, batch)
                await pieces.put(piece)
                stream.place, stream.gap, stream.failed, stream.signed_out = piece.place, None, 0, 0
                for name in stream.objects:
                    self._unfollowed.pop(name, None)
                if batch.events and await self._allowance.short(len(batch.events)):
                    raise errors.AllocationSpent(
                        SYSTEM,
                        Category.QUOTA,
                        f"{_these(stream)}: less than {RESERVE:.0%} of the org's daily delivered events are left",
                        advice="Salesforce is asked at intervals until there is room again; a custom channel with a "
                        "filter, or the add-on, saves events",
                    )

    async def _lose(self, stream: _Stream, pieces: asyncio.Queue[_Piece], why: str) -> None:
        """Go on from now. That something may be missing is said at once, and again with the first response, for what
        happens until the stream is open."""
        since = stream.place.at
        stream.place, stream.gap = Place(None, since), GAP
        told = f"; the last event heard was of {since.isoformat(timespec='seconds')}" if since else ""
        await pieces.put(_Piece(stream.topic, stream.place, lost=(why + told,)))

    async def _wait(self, stream: _Stream, error: RemoteBusy | RemoteUnknown | errors.PositionLost) -> None:
        stream.failed += 1
        if stream.failed >= BROKEN:
            self._mark(stream, str(error))
        attempt = min(stream.failed, max(self._backoff.tries - 1, 1))
        wait = self._backoff.wait(attempt, self._share(), error.after)
        await self._clock.sleep(self._backoff.cap if wait is None else wait)

    async def _rest(self) -> None:
        """Return when the allocation has room again."""
        while True:
            await self._clock.sleep(errors.PROBE)
            if await self._allowance.enough():
                return

    def _mark(self, stream: _Stream, why: str) -> None:
        self._unfollowed.update(dict.fromkeys(stream.objects, why))

    # --- what a batch says

    async def _read(self, stream: _Stream, batch: Batch) -> _Piece:
        """A batch as notices: each record once, unless the lane or the version differ."""
        found: dict[tuple[Ref, Lane, str | None], Notice] = {}
        lost: dict[str, None] = {} if stream.gap is None else {stream.gap: None}
        at = stream.place.at
        for event in batch.events:
            try:
                told = await self._told(event)
            except (RemoteRefused, ValueError) as unreadable:
                # One event that cannot be read must not hold up those behind it; polling finds what it was about.
                lost[f"an event of {stream.topic} could not be read: {unreadable}"] = None
                continue
            at = told.at
            if told.object not in self._objects or not self._counts(told):
                continue
            if told.kind == "GAP_OVERFLOW":
                lost[f"more {told.object} records changed at once than events tell of"] = None
                continue
            for notice in self._notices(told, lost):
                key = (notice.ref, notice.lane, notice.version)
                if key not in found:  # the oldest change counts for the latency
                    found[key] = notice
        return _Piece(
            stream.topic, Place(batch.replay_id or stream.place.replay_id, at), tuple(found.values()), tuple(lost)
        )

    async def _told(self, event: Event) -> Told:
        reader = self._readers.get(event.schema_id)
        if reader is None:
            reader = self._readers[event.schema_id] = Reader(await self._pubsub.schema(event.schema_id))
        return reader.read(event.body)

    def _counts(self, told: Told) -> bool:
        """Whether the event may be about anything that is synced."""
        wanted = None if self._fields is None else self._fields.get(told.object)
        if wanted is None or told.kind != "UPDATE" or not told.changed:
            return True
        if told.changed & _ALWAYS or self._urgent(told):
            return True
        changed = told.changed | {"Name"} if told.changed & _NAME_PARTS else told.changed
        return not changed.isdisjoint(wanted)

    def _urgent(self, told: Told) -> bool:
        consent = OPT_OUT.union(self._consent.get(told.object, ()))
        return not consent.isdisjoint(told.changed if told.kind == "UPDATE" else told.opted_out)

    def _notices(self, told: Told, lost: dict[str, None]) -> Iterator[Notice]:
        now = self._clock.now()
        changed = told.changed if told.kind == "UPDATE" else ()  # a new record tells all of its fields
        lane = lane_of(told.object, changed, said_no=self._urgent(told))
        version = version_in(told, self._client.auth.user_id)
        changed_at = min(told.at - self._client.http.ahead(), now)
        for one in told.ids:
            if is_id(one):
                ref = Ref(SYSTEM, told.object, one)
                yield Notice(ref, lane, now, "change event", changed_at=changed_at, version=version)
            else:
                # "001*": a field's type was changed, so all records did (section 9.3). No notice can say that.
                lost[f"{told.object} records {one} changed, all at once"] = None


def event_name(object_name: str) -> str:
    """`Lead` -> LeadChangeEvent, `Seat__c` -> Seat__ChangeEvent (section 9.1)."""
    return f"{object_name.removesuffix('c') if object_name.endswith('__c') else object_name}ChangeEvent"


def _topic(name: str) -> str:
    return f"/data/{name}"


def _these(stream: _Stream) -> str:
    return f"events of {stream.topic}"
