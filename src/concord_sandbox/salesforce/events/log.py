"""The event bus of an org: which events it holds, at which position, for how long, and how many were delivered.

Knows nothing of records or of gRPC. Positions ("replay ids", api/salesforce.md section 10) are whole numbers that grow;
they are issued to events and to keep-alives, are not contiguous, and are good for the time of retention.
"""

from __future__ import annotations

import base64
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_FIRST_POSITION = 2_850_610
#: So many events are held at most, whatever the retention says, so that memory is bounded.
MOST_HELD = 500_000
_DAY_MS = 86_400_000
_BUCKET_MS = 60_000


@dataclass(frozen=True)
class StoredEvent:
    """One event on the bus. at: epoch ms when it got there. variants: topic -> payload, where a channel's enriched
    fields make it another one than `payload`."""

    position: int
    at: int
    id: str
    topics: tuple[str, ...]
    schema_id: str
    payload: bytes
    variants: Mapping[str, bytes] = field(default_factory=dict)

    def payload_in(self, topic: str) -> bytes:
        return self.variants.get(topic, self.payload)

    def plain(self) -> dict[str, Any]:
        """The event as a world keeps it."""
        kept: dict[str, Any] = {"position": self.position, "at": self.at, "id": self.id, "topics": list(self.topics)}
        kept |= {"schema_id": self.schema_id, "payload": _text(self.payload)}
        if self.variants:
            kept["variants"] = {topic: _text(payload) for topic, payload in self.variants.items()}
        return kept

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> StoredEvent:
        """The event of `plain`. Raises KeyError, TypeError or ValueError."""
        variants = {topic: base64.b64decode(one) for topic, one in kept.get("variants", {}).items()}
        payload = base64.b64decode(kept["payload"])
        where = int(kept["position"]), int(kept["at"]), str(kept["id"]), tuple(kept["topics"])
        return cls(*where, kept["schema_id"], payload, variants)


class EventLog:
    """The events that are held, oldest first."""

    def __init__(self, retention_ms: int) -> None:
        self.retention_ms = retention_ms
        self.latest = _FIRST_POSITION
        #: The highest position that is no longer good.
        self.expired = _FIRST_POSITION - 1
        self._events: deque[StoredEvent] = deque()
        self._by_topic: dict[str, list[StoredEvent]] = {}
        #: (epoch ms, position) of positions that were issued without an event.
        self._marks: deque[tuple[int, int]] = deque()

    def __len__(self) -> int:
        return len(self._events)

    @property
    def schema_ids(self) -> set[str]:
        return {event.schema_id for event in self._events}

    def next_position(self) -> int:
        """A new position. The gaps between them follow no rule that a client could rely on."""
        self.latest += 1 + (self.latest * 2_654_435_761 >> 9) % 4
        return self.latest

    def put(self, event: StoredEvent) -> None:
        """Hold an event, whose position is the newest."""
        self._events.append(event)
        for topic in event.topics:
            self._by_topic.setdefault(topic, []).append(event)
        while len(self._events) > MOST_HELD:
            self._forget_through(self._events[len(self._events) // 100].position)

    def mark(self, now: int) -> int:
        """A new position at the end of the bus, for a keep-alive."""
        position = self.next_position()
        self._marks.append((now, position))
        return position

    def good(self, position: int) -> bool:
        """Whether a subscription can start after that position."""
        return self.expired < position <= self.latest

    def after(self, topic: str, position: int, most: int) -> list[StoredEvent]:
        """Events of the topic behind that position, oldest first."""
        shelf = self._by_topic.get(topic, [])
        start = bisect_right(shelf, position, key=lambda event: event.position)
        return shelf[start : start + most]

    def purge(self, now: int) -> None:
        """Forget what is older than the retention."""
        before = now - self.retention_ms
        gone = self.expired
        while self._marks and self._marks[0][0] <= before:
            gone = max(gone, self._marks.popleft()[1])
        if self._events and self._events[0].at <= before:
            gone = max(gone, max(event.position for event in self._events if event.at <= before))
        if gone > self.expired:
            self._forget_through(gone)

    def expire(self, now: int) -> None:
        """No position that was issued is good any more, and no event is held (an org that was moved or restored)."""
        self._forget_through(self.latest)
        self.mark(now)

    def _forget_through(self, position: int) -> None:
        self.expired = max(self.expired, position)
        while self._events and self._events[0].position <= position:
            self._events.popleft()
        while self._marks and self._marks[0][1] <= position:
            self._marks.popleft()
        for shelf in self._by_topic.values():
            del shelf[: bisect_right(shelf, position, key=lambda event: event.position)]

    def save(self) -> dict[str, Any]:
        marks = [list(mark) for mark in self._marks]
        events = [event.plain() for event in self._events]
        return {"latest": self.latest, "expired": self.expired, "marks": marks, "events": events}

    def load(self, kept: Mapping[str, Any]) -> None:
        """Hold what `save` gave. Raises KeyError, TypeError or ValueError."""
        self.latest, self.expired = int(kept["latest"]), int(kept["expired"])
        self._marks.extend((int(at), int(position)) for at, position in kept.get("marks", ()))
        for one in kept.get("events", ()):
            self.put(StoredEvent.read(one))


class Meter:
    """How many events were delivered in the last 24 hours, to the minute."""

    def __init__(self, limit: int, used: Iterable[tuple[int, int]] = ()) -> None:
        self.limit = limit
        self._buckets: deque[list[int]] = deque([int(at), int(count)] for at, count in used)

    def used(self, now: int) -> int:
        while self._buckets and self._buckets[0][0] <= now - _DAY_MS:
            self._buckets.popleft()
        return sum(count for _, count in self._buckets)

    def left(self, now: int) -> int:
        return max(0, self.limit - self.used(now))

    def spend(self, now: int, count: int) -> None:
        if self._buckets and now - self._buckets[-1][0] < _BUCKET_MS:
            self._buckets[-1][1] += count
        else:
            self._buckets.append([now, count])

    def save(self) -> list[list[int]]:
        return [list(one) for one in self._buckets]


def _text(payload: bytes) -> str:
    return base64.b64encode(payload).decode()
