"""The records of one object type, their indexes, their histories, and what a lagging search index shows of them.

Knows no rules and no routes: `crm.py` decides what is written, this keeps it findable.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from concord_sandbox.hubspot.schema import Definition, ObjectType, built_in, groups_of
from concord_sandbox.hubspot.values import iso


class Actor(NamedTuple):
    """Who writes, in the words of property histories (API reference section 7)."""

    source_type: str
    source_id: str | None = None
    source_label: str | None = None
    user_id: int | None = None

    @property
    def person(self) -> bool:
        return self.source_type in ("CRM_UI", "EMAIL")


class Entry(NamedTuple):
    """One value that a property had. at: epoch ms."""

    value: str
    at: int
    source_type: str
    source_id: str | None = None
    source_label: str | None = None
    user_id: int | None = None


class Record:
    """One record. values: texts by property name ("" = cleared, absent = never set).

    Values that came with the record (from the world or its creation) have the one implied history entry
    (`origin_at`, `origin`); `histories` holds, oldest first, only the properties that were written since.
    """

    __slots__ = ("archived_at", "created", "histories", "id", "origin", "origin_at", "updated", "values")

    def __init__(self, record_id: int, values: dict[str, str], created: int, updated: int, origin: Actor) -> None:
        self.id = record_id
        self.values = values
        self.created = created
        self.updated = updated
        self.origin = origin
        self.origin_at = updated
        self.histories: dict[str, list[Entry]] | None = None
        self.archived_at: int | None = None

    def entries(self, name: str) -> list[Entry]:
        """The history of a stored property, newest first."""
        if self.histories is not None and name in self.histories:
            return self.histories[name][::-1]
        value = self.values.get(name)
        return [] if value is None else [Entry(value, self.origin_at, *self.origin)]

    def write(self, name: str, value: str, at: int, by: Actor) -> None:
        """Set a value and add to its history."""
        if self.histories is None:
            self.histories = {}
        if name not in self.histories:
            self.histories[name] = self.entries(name)
        self.histories[name].append(Entry(value, at, *by))
        self.values[name] = value


class Snapshot:
    """A record as the search index still shows it."""

    __slots__ = ("archived_at", "created", "id", "origin", "origin_at", "updated", "values")

    def __init__(self, record: Record) -> None:
        self.id = record.id
        self.values = dict(record.values)
        self.created = record.created
        self.updated = record.updated
        self.origin = record.origin
        self.origin_at = record.origin_at
        self.archived_at: int | None = None


Seen = Record | Snapshot


class LaggingIndex:
    """What searches see of records that changed a moment ago (API reference section 6: the index lags)."""

    def __init__(self) -> None:
        self.stale: dict[int, Snapshot | None] = {}
        self._waiting: deque[tuple[int, int, Snapshot | None]] = deque()
        self._open: Counter[int] = Counter()

    def before(self, record_id: int, record: Record | None) -> None:
        """Keep what searches see now, when a write is about to change it. None: they see nothing."""
        if record_id not in self.stale:
            self.stale[record_id] = Snapshot(record) if record is not None else None

    def after(self, record_id: int, record: Record | None, due: int) -> None:
        """Searches see the outcome of the write from `due` (epoch ms) on."""
        self._open[record_id] += 1
        self._waiting.append((due, record_id, Snapshot(record) if record is not None else None))

    def settle(self, now: int) -> None:
        """Let everything that is due by `now` be seen."""
        while self._waiting and self._waiting[0][0] <= now:
            _, record_id, shown = self._waiting.popleft()
            self._open[record_id] -= 1
            if self._open[record_id]:
                self.stale[record_id] = shown
            else:
                del self._open[record_id], self.stale[record_id]

    def flush(self) -> None:
        """Let everything be seen at once."""
        self.stale.clear()
        self._waiting.clear()
        self._open.clear()


def whole_number(text: str) -> int | None:
    """A record id (or a cursor) as a number; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


class ObjectTable:
    """All records of one object type. `always`: properties on every answer; `system`: those that are computed."""

    def __init__(self, kind: ObjectType) -> None:
        self.kind = kind
        self.definitions: dict[str, Definition] = built_in(kind.plural)
        self.groups = groups_of(self.definitions.values())
        self.live: dict[int, Record] = {}
        self.archived: dict[int, Record] = {}
        self.merged: dict[int, int] = {}
        self.order: list[int] = []
        self.modified: list[tuple[int, int]] = []
        self.index = LaggingIndex()
        self.modified_name = "lastmodifieddate" if kind.plural == "contacts" else "hs_lastmodifieddate"
        created = "createdate" if "createdate" in self.definitions else "hs_createdate"
        self.always = (created, self.modified_name, "hs_object_id")
        self.unique: dict[str, dict[str, int]] = {"email": {}} if kind.plural == "contacts" else {}
        self.system: dict[str, Callable[[Seen], str | None]] = {
            "hs_object_id": lambda seen: str(seen.id),
            "createdate": lambda seen: iso(seen.created),
            self.modified_name: lambda seen: iso(seen.updated),
            "hs_object_source": lambda seen: seen.origin.source_type,
            "hs_object_source_id": lambda seen: seen.origin.source_id,
            "hs_object_source_label": lambda seen: seen.origin.source_label or seen.origin.source_type,
        }
        if kind.plural == "contacts":
            self.system["hs_all_contact_vids"] = lambda seen: str(seen.id)
            self.system["hs_email_domain"] = lambda seen: seen.values.get("email", "").rpartition("@")[2] or None
        else:
            self.system["hs_createdate"] = self.system["createdate"]

    # Reading.

    def value(self, seen: Seen, name: str) -> str | None:
        """A property's value as the API gives it; None when it was never set."""
        value = seen.values.get(name)
        if value is None and (compute := self.system.get(name)) is not None:
            return compute(seen)
        return value

    def history(self, record: Record, name: str) -> list[Entry]:
        """A property's history, newest first; a computed property has the one entry of its present value."""
        if name in record.values or name not in self.system:
            return record.entries(name)
        value = self.system[name](record)
        at = record.updated if name == self.modified_name else record.created
        return [] if value is None else [Entry(value, at, *record.origin)]

    def find(self, text: str) -> Record | None:
        """The live record of that id, or the one it was merged into."""
        number = whole_number(text)
        while number is not None and number in self.merged:
            number = self.merged[number]
        return self.live.get(number) if number is not None else None

    def find_by(self, name: str, value: str) -> Record | None:
        """The live record with that value of a unique property (a contact's secondary addresses count)."""
        number = self.unique[name].get(unique_key(name, value))
        return self.live[number] if number is not None else None

    def page(self, after: int, limit: int, archived: bool) -> tuple[list[Record], bool]:
        """Up to `limit` records with ids above `after`, in the order of ids, and whether there are more."""
        ids = sorted(self.archived) if archived else self.order
        start = bisect_right(ids, after)
        chosen = ids[start : start + limit]
        source = self.archived if archived else self.live
        return [source[number] for number in chosen], start + limit < len(ids)

    def modified_between(self, low: int, high: int) -> Iterator[Record]:
        """Live records whose modification time lies in [low, high], oldest first."""
        first = bisect_left(self.modified, (low, -1))
        last = bisect_right(self.modified, (high, 1 << 62))
        return (self.live[number] for _, number in self.modified[first:last])

    # Keeping the indexes. Every change of a live record passes through these.

    def add(self, record: Record) -> None:
        self.live[record.id] = record
        insort(self.order, record.id)
        insort(self.modified, (record.updated, record.id))
        for name in self.unique:
            self.claim(record, name)

    def add_all(self, records: list[Record]) -> None:
        """Add many at once: sorts once instead of inserting one by one."""
        for record in records:
            self.live[record.id] = record
            for name in self.unique:
                self.claim(record, name)
        self.order = sorted(self.live)
        self.modified = sorted((record.updated, record.id) for record in self.live.values())

    def remove(self, record: Record) -> None:
        del self.live[record.id]
        del self.order[bisect_left(self.order, record.id)]
        del self.modified[bisect_left(self.modified, (record.updated, record.id))]
        for name in self.unique:
            self.release(record, name)

    def touch(self, record: Record, at: int) -> None:
        """Move the modification time."""
        del self.modified[bisect_left(self.modified, (record.updated, record.id))]
        record.updated = at
        insort(self.modified, (at, record.id))

    def claims(self, values: dict[str, str], name: str) -> list[str]:
        """The unique keys that a record with these values holds for a unique property."""
        if name == "email":
            found = [values.get("email", ""), *values.get("hs_additional_emails", "").split(";")]
        else:
            found = [values.get(name, "")]
        return [unique_key(name, value) for value in found if value]

    def claim(self, record: Record, name: str) -> None:
        for key in self.claims(record.values, name):
            self.unique[name][key] = record.id

    def release(self, record: Record, name: str) -> None:
        for key in self.claims(record.values, name):
            if self.unique[name].get(key) == record.id:
                del self.unique[name][key]

    def make_unique(self, name: str) -> None:
        """Start an index for a property that has unique values."""
        self.unique[name] = {}
        for record in self.live.values():
            self.claim(record, name)


def unique_key(name: str, value: str) -> str:
    """The form in which two values of a unique property are the same: addresses ignore case, all ignore blanks."""
    return value.strip().lower() if name == "email" else value.strip()
