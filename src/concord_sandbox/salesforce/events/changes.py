"""Change Data Capture: which changes become events, on which topics, and who listens (api/salesforce.md section 9).

The key `change_events` of the world, every part optional:

    selected          objects of the standard channel, such as ["Lead", "Contact"]; none: nothing is captured
    addon             whether more than 5 objects may be selected, channels counted (false)
    channels          {"HubSpot_Sync__chn": {"members": ["Lead"], "filter": "Rating = 'Hot'", "enriched": ["Email"]}}:
                      custom channels; filter: a condition as in SOQL, judged by the fields that the event carries;
                      enriched: fields that updates and deletions carry though they did not change
    daily_allocation  events that may be delivered in 24 hours, each counted for each subscriber (25000)
    retention_hours   how long events and replay ids are good (72)
    diff_fields       send changed texts of 1,000 characters and more as their difference (false)
    most_subscribers  streams that may be open at a time (2000)
    state             what only `save` writes: held events, positions, counts

Does not send anything: `pubsub` serves what stands here.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from bisect import insort
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, ClassVar

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.events.bodies import CHANGE_TYPES, LARGEST_EVENT, EventSchema, event_name
from concord_sandbox.salesforce.events.drafts import Draft, Drafter
from concord_sandbox.salesforce.events.log import EventLog, Meter, StoredEvent
from concord_sandbox.salesforce.events.settings import (
    MOST_OBJECTS,
    Channel,
    Disturbance,
    captured_table,
    checked,
    read_channel,
)
from concord_sandbox.salesforce.ids import full_id
from concord_sandbox.salesforce.models import Actor, Change, Org
from concord_sandbox.salesforce.tables import Table
from concord_sandbox.salesforce.values import wire_time
from concord_sandbox.service import ControlError

ALL_CHANGES = "/data/ChangeEvents"
_NO_RECORD = "000000000000000AAA"
_FIRST_COMMIT = 11_006_708_389_511
_GAPS = tuple(one for one in CHANGE_TYPES if one.startswith("GAP_") and one != "GAP_OVERFLOW")
#: The gRPC statuses with which a stream can be ended by hand.
_STATUSES = (
    "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "INTERNAL", "UNAVAILABLE", "UNAUTHENTICATED",
)  # fmt: skip


@dataclass(eq=False)
class Subscription:
    """One open stream. position: what it got last. pending: how many events it still asks for. idle_since, said_at:
    epoch ms since nothing is asked for, and of the last response."""

    topic: str
    position: int
    pending: int = 0
    delivered: int = 0
    idle_since: int = 0
    said_at: int = 0
    #: Set when there may be something to do for it.
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    #: (gRPC status, error code) with which it is to be cut off.
    cut: tuple[str, str] | None = None


class ChangeEvents(Part[Org]):
    """The change events of an org."""

    section = "change_events"
    verbs: ClassVar[Mapping[str, str]] = {
        "GET change_events": "shown",
        "PUT change_events": "set",
        "POST change_events/gap": "gap",
        "POST change_events/overflow": "overflow",
        "POST change_events/drop": "drop",
        "POST change_events/double": "double",
        "POST change_events/hold": "hold",
        "POST change_events/release": "release",
        "POST change_events/expire": "expire",
        "POST change_events/exhaust": "exhaust",
        "POST change_events/disconnect": "disconnect",
    }

    def __init__(self, owner: Org, given: Any) -> None:
        super().__init__(owner, given)
        given = dict(given or {})
        state = given.pop("state", None) or {}
        self._clock = owner.controls.clock
        self._schemas: dict[str, EventSchema] = {}
        #: Schemas by their ids, those of held events included.
        self._texts: dict[str, str] = dict(state.get("schemas", {}))
        self._apply(checked(given))
        self.log = EventLog(int(self.settings["retention_hours"] * 3_600_000))
        if "log" in state:
            self.log.load(state["log"])
        else:
            self.log.mark(self._clock.epoch_ms())
        self.meter = Meter(int(self.settings["daily_allocation"]), state.get("delivered", ()))
        self.counts: Counter[str] = Counter(state.get("counts", {}))
        self.subscriptions: list[Subscription] = []
        self._commit = int(state.get("commit", _FIRST_COMMIT))
        self._held: list[StoredEvent] = [StoredEvent.read(one) for one in state.get("held", ())]
        self._holding = bool(state.get("holding"))
        self._held_until: int | None = state.get("held_until")
        #: (epoch ms, event) of events that come later, in the order in which they come.
        self._delayed = [(int(due), StoredEvent.read(one)) for due, one in state.get("delayed", ())]
        self._drop, self._double = Disturbance(), Disturbance()

    def save(self) -> Any:
        if not self._captured and not len(self.log):
            return None
        waiting = [*self._held, *(event for _, event in self._delayed)]
        used = self.log.schema_ids | {event.schema_id for event in waiting}
        state = {
            "log": self.log.save(),
            "schemas": {one: self._texts[one] for one in sorted(used)},
            "delivered": self.meter.save(),
            "counts": dict(self.counts),
            "commit": self._commit,
            "held": [event.plain() for event in self._held],
            "holding": self._holding,
            "held_until": self._held_until,
            "delayed": [[due, event.plain()] for due, event in self._delayed],
        }
        return {**self.settings, "state": state}

    def tick(self) -> float | None:
        now = self._clock.epoch_ms()
        self.log.purge(now)
        if self._held_until is not None and now >= self._held_until:
            self.release({})
        while self._delayed and self._delayed[0][0] <= now:
            self._admit(self._delayed.pop(0)[1])
            self._wake()
        due = [self._held_until] if self._held_until is not None else []
        due += [moment for moment, _ in self._delayed[:1]]
        return (min(due) - now) / 1000 if due else None

    # What is asked for.

    def _apply(self, settings: dict[str, Any]) -> None:
        """Take these settings into use. Raises ControlError."""
        org = self.owner
        selected = tuple(captured_table(org, name).kind.name for name in settings["selected"])
        channels = [read_channel(org, name, one) for name, one in settings["channels"].items()]
        captured = set(selected).union(*(channel.members for channel in channels))
        if len(captured) > MOST_OBJECTS and not settings["addon"]:
            raise ControlError(f"change_events: more than {MOST_OBJECTS} objects need the add-on; say addon: true")
        self.settings = settings
        self._selected, self._captured = frozenset(selected), frozenset(captured)
        self._channels: dict[str, Channel] = {channel.topic: channel for channel in channels}
        if captured and self._hear not in org.listeners:
            org.listeners.append(self._hear)

    def set(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"selected"?, "channels"?, "daily_allocation"?, …}: change settings, those of the key of the world; events
        that are held stay as they are. Raises ControlError."""
        self._apply(checked({**self.settings, **asked}))
        self.log.retention_ms = int(self.settings["retention_hours"] * 3_600_000)
        self.meter.limit = int(self.settings["daily_allocation"])
        self._wake()
        return self.shown({})

    def shown(self, _: dict[str, Any]) -> dict[str, Any]:
        """The settings, counts, the allocation, and who listens."""
        now = self._clock.epoch_ms()
        listening = [
            {"topic": one.topic, "pending": one.pending, "delivered": one.delivered} for one in self.subscriptions
        ]
        counts = {"stored": len(self.log), "held": len(self._held) + len(self._delayed), **self.counts}
        allocation = {"max": self.meter.limit, "delivered": self.meter.used(now), "left": self.meter.left(now)}
        return {**self.settings, "counts": counts, "allocation": allocation, "subscribers": listening}

    @property
    def delivered_today(self) -> int:
        """Events delivered in the last 24 hours."""
        return self.meter.used(self._clock.epoch_ms())

    @property
    def daily_allocation(self) -> int:
        return self.meter.limit

    # Changes in.

    def _hear(self, who: Actor | None, changes: list[Change]) -> None:
        captured = [one for one in changes if one.table.kind.name in self._captured]
        if captured:
            drafter = Drafter(self.schema_of, self._apart, bool(self.settings["diff_fields"]))
            self._publish(*drafter.drafts(captured, wire_time(self._clock.now())), who)

    def _apart(self, table: Table) -> bool:
        """Whether a channel shows something of each record of that object, or judges it."""
        return any(one.enriched or one.tests for one in self._channels.values() if table.kind.name in one.members)

    def _publish(self, drafts: list[Draft], flooded: list[Table], who: Actor | None) -> None:
        """Give a transaction its number and put its events on the bus."""
        if not drafts and not flooded:
            return
        self._commit += 1 + self._commit % 7
        drafts = [*drafts, *(Draft(table, "GAP_OVERFLOW", [_NO_RECORD], {}) for table in flooded)]
        for sequence, draft in enumerate(drafts, start=1):
            header = self._header(draft, who, sequence)
            for event in self._events(draft, header):
                self._disturbed(event, draft)
        self._wake()

    def _header(self, draft: Draft, who: Actor | None, sequence: int) -> dict[str, Any]:
        key = hashlib.sha256(f"{self.owner.identity.organisation_id}/{self._commit}".encode()).hexdigest()
        origin = ""
        if who is not None and who.api and not who.person:
            origin = f"com/salesforce/api/{who.api}" + (f";client={who.client}" if who.client else "")
        by = who.user_id if who is not None else draft.row.get("LastModifiedById", self.owner.ordinary_user_id)
        schema = self.schema_of(draft.table)
        changed = draft.names if draft.kind == "UPDATE" else ()
        return {
            "entityName": draft.table.kind.name,
            "recordIds": draft.ids,
            "changeType": draft.kind,
            "changeOrigin": origin,
            "transactionKey": str(uuid.UUID("0000" + key[:28])),
            "sequenceNumber": sequence,
            "commitTimestamp": self._clock.epoch_ms(),
            "commitNumber": self._commit,
            "commitUser": by,
            "nulledFields": schema.bitmap(draft.row, draft.nulled),
            "diffFields": schema.bitmap(draft.row, draft.diffs),
            "changedFields": schema.bitmap(draft.row, changed),
        }

    def _events(self, draft: Draft, header: dict[str, Any]) -> list[StoredEvent]:
        """The event of a draft, in no place yet; nothing when no topic carries it."""
        schema = self.schema_of(draft.table)
        topics = self._topics(draft, schema)
        if not topics:
            return []
        payload = schema.encode(header, draft.body)
        if len(payload) > LARGEST_EVENT:
            header = {
                **header,
                "changeType": "GAP_" + draft.kind,
                "changedFields": [],
                "nulledFields": [],
                "diffFields": [],
            }
            payload, draft = schema.encode(header, {}), Draft(draft.table, header["changeType"], draft.ids, {})
        variants = {}
        if draft.kind in ("UPDATE", "DELETE"):
            for topic in topics:
                channel = self._channels.get(topic)
                if channel is not None and channel.enriched:
                    variants[topic] = schema.encode(header, {**schema.body(draft.row, channel.enriched), **draft.body})
        return [StoredEvent(0, 0, "", topics, schema.id, payload, variants)]

    def _topics(self, draft: Draft, schema: EventSchema) -> tuple[str, ...]:
        name = draft.table.kind.name
        # Who may not read an object hears nothing of it, on no topic.
        closed = draft.table.kind.access == "none"
        topics = [ALL_CHANGES, topic_of(name)] if name in self._selected and not closed else []
        for channel in self._channels.values():
            if name not in channel.members or closed:
                continue
            carried = {*draft.names, *channel.enriched}
            test = None if draft.kind.startswith("GAP_") else channel.tests.get(name)
            if test is None or test({key: value for key, value in draft.row.items() if key in carried}):
                topics.append(channel.topic)
        return tuple(topics)

    def _disturbed(self, event: StoredEvent, draft: Draft) -> None:
        self.counts["published"] += 1
        controls = self.owner.controls
        fate = controls.faults.fate("change_events", draft.table.kind.name, draft.kind, ",".join(draft.ids))
        if not fate.copies or self._hits(self._drop):
            self.counts["dropped"] += 1
            return
        copies = 2 if self._hits(self._double) else fate.copies
        if copies > 1:
            self.counts["doubled"] += 1
        for _ in range(copies):
            if fate.delay_ms:
                insort(self._delayed, (self._clock.epoch_ms() + fate.delay_ms, event), key=itemgetter(0))
                controls.ring()
            else:
                self._admit(event)

    def _admit(self, event: StoredEvent) -> None:
        """Put the event on the bus, unless all are held back."""
        if self._holding:
            self._held.append(event)
        else:
            self._place(event)

    def _hits(self, disturbance: Disturbance) -> bool:
        if disturbance.count:
            disturbance.count -= 1
            return True
        return bool(disturbance.probability) and self.owner.controls.random.random() < disturbance.probability

    def _place(self, event: StoredEvent) -> None:
        """Put the event at the end of the bus."""
        position = self.log.next_position()
        made = hashlib.sha256(f"{self.owner.identity.organisation_id}#{position}".encode()).hexdigest()[:32]
        now = self._clock.epoch_ms()
        place = (position, now, str(uuid.UUID(made)))
        self.log.put(StoredEvent(*place, event.topics, event.schema_id, event.payload, event.variants))

    def _wake(self) -> None:
        for one in self.subscriptions:
            one.wake.set()

    # Events out.

    def schema_of(self, table: Table) -> EventSchema:
        """The schema of an object's events as its fields stand now."""
        known = self._schemas.get(table.kind.name)
        if known is None or known.shown is not table.kind.shown:
            known = self._schemas[table.kind.name] = EventSchema(table.kind)
            self._texts[known.id] = known.text
        return known

    def schema_text(self, schema_id: str) -> str | None:
        """The schema of that id as JSON; None when there is none such."""
        for name in self._captured:
            self.schema_of(captured_table(self.owner, name))
        return self._texts.get(schema_id)

    def topic_schema(self, topic: str) -> str | None:
        """The schema id of a topic, "" where it carries events of several objects; None: there is no such topic."""
        if topic in self._channels or (topic == ALL_CHANGES and self._selected):
            return ""
        for name in self._selected:
            if topic == topic_of(name):
                return self.schema_of(captured_table(self.owner, name)).id
        return None

    def may_subscribe(self, topic: str) -> bool:
        """Whether the integration user may read the object of a topic; topics of several objects are open."""
        closed = (name for name in self._selected if captured_table(self.owner, name).kind.access == "none")
        return topic not in map(topic_of, closed)

    def take(self, one: Subscription, most: int, most_bytes: int) -> list[StoredEvent]:
        """The next events for a subscriber, at most what it asks for and what the allocation leaves; they count as
        delivered."""
        now = self._clock.epoch_ms()
        self.log.purge(now)
        found = self.log.after(one.topic, one.position, min(most, one.pending, self.meter.left(now)))
        size = 0
        for place, event in enumerate(found):
            size += len(event.payload_in(one.topic))
            if size > most_bytes and place:
                found = found[:place]
                break
        if found:
            one.position = found[-1].position
            one.pending -= len(found)
            one.delivered += len(found)
            self.counts["delivered"] += len(found)
            self.meter.spend(now, len(found))
        return found

    def waits(self, one: Subscription) -> bool:
        """Whether there is an event that the subscriber asked for."""
        return one.pending > 0 and bool(self.log.after(one.topic, one.position, 1))

    # Control verbs.

    def gap(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"object", "ids", "type"}: an event that only says which records changed."""
        table, kind = captured_table(self.owner, asked["object"]), asked.get("type", "GAP_UPDATE")
        if kind not in _GAPS:
            raise ControlError(f"{kind!r} is no gap; one of {', '.join(_GAPS)}")
        ids = [full_id(one) for one in asked["ids"]]
        if not ids or not all(one and one.startswith(table.kind.prefix) for one in ids):
            raise ControlError(f"ids: one or more ids of {table.kind.name}, please")
        self._publish([Draft(table, kind, [one for one in ids if one], {})], [], None)
        return {"published": kind}

    def overflow(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"object"}: as if a transaction had changed too much of it."""
        self._publish([], [captured_table(self.owner, asked["object"])], None)
        return {"published": "GAP_OVERFLOW"}

    def drop(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"count"} or {"probability"}: those events never come; {} ends it."""
        self._drop = Disturbance.read(asked)
        return {"drop": vars(self._drop)}

    def double(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"count"} or {"probability"}: those events come twice, with two replay ids; {} ends it."""
        self._double = Disturbance.read(asked)
        return {"double": vars(self._double)}

    def hold(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"seconds"?}: events wait until `release`, or for so long."""
        seconds = asked.get("seconds")
        self._held_until = None if seconds is None else self._clock.epoch_ms() + int(float(seconds) * 1000)
        self._holding = True
        self.owner.controls.ring()
        return {"holding": True}

    def release(self, _: dict[str, Any]) -> dict[str, Any]:
        """Events that wait get to the bus, and no other waits."""
        held, self._held = self._held, []
        self._holding, self._held_until = False, None
        for event in held:
            self._place(event)
        self._wake()
        return {"released": len(held)}

    def expire(self, _: dict[str, Any]) -> dict[str, Any]:
        """No replay id that was given out is good any more."""
        self.log.expire(self._clock.epoch_ms())
        for one in self.subscriptions:
            one.position = max(one.position, self.log.expired)
        return {"expired": True}

    def exhaust(self, _: dict[str, Any]) -> dict[str, Any]:
        """The day's allocation is used up."""
        now = self._clock.epoch_ms()
        self.meter.spend(now, self.meter.left(now))
        self._wake()
        return {"left": self.meter.left(now)}

    def disconnect(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"status"?, "code"?}: every open stream ends with that gRPC status and error code."""
        prefix = "sfdc.platform.eventbus.grpc."
        code, status = str(asked.get("code", "service.unavailable")), str(asked.get("status", "UNAVAILABLE"))
        if status not in _STATUSES:
            raise ControlError(f"{status!r} is no gRPC status of an error; one of {', '.join(_STATUSES)}")
        for one in self.subscriptions:
            one.cut = status, prefix + code.removeprefix(prefix)
        self._wake()
        return {"disconnected": len(self.subscriptions)}


def topic_of(object_name: str) -> str:
    """The topic of one object's events."""
    return "/data/" + event_name(object_name)
