"""The recycle bin: what a deletion took along, so that an undeletion gives it back, and what left the bin for good.

May not know HTTP or SOAP. It learns of deletions from the org's committed transactions. Key `recycle_bin` of a world:

    entries   [{"id", "at": time of the deletion, "under": id of the record whose deletion took it along, or null,
              "cleared": [[record id, field], …] of the references that the deletion made blank}]
    purged    {"Contact": [[id, time of the deletion], …]}: gone from the bin, still known to getDeleted

Deleted records of a world without an entry were deleted when the world was loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.errors import Fail, Refusal, malformed_id
from concord_sandbox.salesforce.ids import full_id
from concord_sandbox.salesforce.models import Actor, Change, Org
from concord_sandbox.salesforce.rules.behaviours import Behaviours
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.salesforce.values import read_time, wire_time
from concord_sandbox.salesforce.writes import Writer

_KEPT = timedelta(days=15)
#: Purged records that getDeleted still knows, of each object; of more, the older half is forgotten.
_MOST_PURGED = 200_000


@dataclass
class Entry:
    """A record in the bin. at: wire time of the deletion. under: the deleted record that took it along. cleared: what
    pointed at it, as (record id, field)."""

    at: str
    under: str | None = None
    cleared: list[tuple[str, str]] = field(default_factory=list)


class RecycleBin(Part[Org]):
    """Records stay 15 days by the sandbox's clock (api/salesforce.md section 13), then they are purged.

    POST recycle-bin/empty {"ids": [...]}: purge those, or all when the key is left out; {"purged": n}.
    """

    section = "recycle_bin"
    verbs: ClassVar = {"POST recycle-bin/empty": "empty_by_hand"}

    def __init__(self, owner: Org, given: Any) -> None:
        super().__init__(owner, given)
        given = given or {}
        unknown = given.keys() - {"entries", "purged"}
        if unknown:
            raise ValueError(f"recycle_bin has no key {', '.join(sorted(unknown))}")
        #: In the order of their deletion.
        self._entries: dict[str, Entry] = {}
        #: Record -> the ones that its deletion took along, some of them perhaps long out of the bin.
        self._below: dict[str, list[str]] = {}
        for one in sorted(given.get("entries", []), key=lambda one: str(one["at"])):
            at = wire_time(read_time(one["at"]))
            self._note(one["id"], Entry(at, one.get("under"), [(str(a), str(b)) for a, b in one["cleared"]]))
        self._purged = {
            name: [(str(stamp), str(record_id)) for record_id, stamp in listed]
            for name, listed in given.get("purged", {}).items()
        }
        now = self._now()
        for table in owner.tables.values():
            for record_id, row in table.rows.items():
                if "IsDeleted" in row and record_id not in self._entries:
                    self._note(record_id, Entry(now))
        owner.listeners.append(self._heard)

    def save(self) -> Any:
        if not self._entries and not self._purged:
            return None
        entries = [
            {"id": record_id, "at": one.at, "under": one.under, "cleared": [list(pair) for pair in one.cleared]}
            for record_id, one in self._entries.items()
        ]
        purged = {name: [[record_id, stamp] for stamp, record_id in listed] for name, listed in self._purged.items()}
        return {"entries": entries, "purged": purged}

    def tick(self) -> float | None:
        """Purge what was in the bin for 15 days; seconds until the next one is due."""
        now = self.owner.controls.clock.now()
        edge = wire_time(now - _KEPT)
        while self._entries:
            record_id, one = next(iter(self._entries.items()))
            if one.at > edge:
                return (read_time(one.at) + _KEPT - now).total_seconds()
            self.purge(record_id)
        return None

    def _note(self, record_id: str, entry: Entry) -> None:
        self._entries[record_id] = entry
        if entry.under is not None:
            self._below.setdefault(entry.under, []).append(record_id)

    def entry(self, record_id: str) -> Entry | None:
        """What the bin shows: a record that was taken along by another's deletion is not listed by itself."""
        self.tick()
        found = self._entries.get(record_id)
        return None if found is None or found.under in self._entries else found

    def taken_along(self, record_id: str) -> list[str]:
        """The records that the deletion of that one took along."""
        known = dict.fromkeys(self._below.get(record_id, ()))
        return [one for one in known if (entry := self._entries.get(one)) is not None and entry.under == record_id]

    def cleared(self, record_id: str) -> list[tuple[str, str]]:
        """(record id, field) of the references that the deletion of that record made blank."""
        found = self._entries.get(record_id)
        return found.cleared if found else []

    def purge(self, record_id: str) -> None:
        """Take a record, and what its deletion took along, out of the bin for good; unknown ids do nothing."""
        entry, table = self._entries.pop(record_id, None), self.owner.table_of(record_id)
        if entry is None or table is None:
            return
        for other in self.taken_along(record_id):
            self.purge(other)
        self._below.pop(record_id, None)
        row = table.rows.get(record_id)
        if row is not None:
            listed = self._purged.setdefault(table.kind.name, [])
            if len(listed) >= _MOST_PURGED:
                del listed[: len(listed) // 2]
            listed.append((row["SystemModstamp"], record_id))
            table.put(record_id, None)  # no transaction: nothing is told of it and nothing takes it back

    def purged(self, table: Table, start: str, end: str) -> list[tuple[str, str]]:
        """(time of the deletion, id) of purged records of that object deleted in [start, end), wire times."""
        return [one for one in self._purged.get(table.kind.name, ()) if start <= one[0] < end]

    def empty_by_hand(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"ids"?}: those records, or else all of the recycle bin, are gone for good. {"purged": n}"""
        ids = asked.get("ids")
        wanted = list(self._entries) if ids is None else [full_id(one) for one in ids]
        before = len(self._entries)
        for record_id in wanted:
            if record_id is not None:
                self.purge(record_id)
        return {"purged": before - len(self._entries)}

    def _now(self) -> str:
        return wire_time(self.owner.controls.clock.now())

    def _heard(self, _: Actor | None, changes: list[Change]) -> None:
        gone: dict[str, Change] = {}
        for change in changes:
            is_gone, was_gone = _deleted(change.after), _deleted(change.before)
            if is_gone and not was_gone:
                gone[change.record_id] = change
            elif not is_gone:
                self._entries.pop(change.record_id, None)
        if not gone:
            return
        now = self._now()
        for record_id, change in gone.items():
            self._note(record_id, Entry(now, _parent(change, gone)))
        for change in changes:
            if change.record_id not in gone and change.before is not None and change.after is not None:
                for name, target in _cleared(change.table, change.before, change.after):
                    if target in gone:
                        self._entries[target].cleared.append((change.record_id, name))


def _deleted(row: Row | None) -> bool:
    return row is not None and bool(row.get("IsDeleted"))


def _parent(change: Change, gone: dict[str, Change]) -> str | None:
    """The record among those deleted together that this one cannot be without."""
    row = change.before or {}
    cascading = (one.name for one in change.table.kind.fields.values() if one.attributes["cascadeDelete"])
    return next((row[name] for name in cascading if row.get(name) in gone), None)


def _cleared(table: Table, before: Row, after: Row) -> Iterable[tuple[str, str]]:
    """(field, id) of the references that were there and are not any more."""
    for one in table.kind.fields.values():
        if one.reference_to and one.name in before and one.name not in after:
            yield one.name, before[one.name]


def undelete(writer: Writer, record_id: str, actor: Actor) -> None:
    """Take a record out of the bin with what its deletion took along, and restore the references to them that are still
    blank. Raises Refusal: UNDELETE_FAILED when the bin does not list it."""
    org = writer.org
    known = full_id(record_id)
    table = org.table_of(known) if known else None
    if known is None or table is None:
        raise malformed_id(record_id)
    listed = table.kind.may("undeletable") and org.parts.of(RecycleBin).entry(known) is not None
    if not listed or not table.rows[known].get("IsDeleted"):
        raise Refusal(400, Fail("UNDELETE_FAILED", "Entity is not in the recycle bin", ()))
    with org.transaction(actor) as whole:
        _restore(writer, org.parts.of(RecycleBin), table, known, actor)
        for change in whole.changes():
            back = change.table.live(change.record_id)
            if back is not None and (change.before or {}).get("IsDeleted"):
                org.parts.of(Behaviours).resettled(writer, change.table, back, actor)


def _restore(writer: Writer, bin_: RecycleBin, table: Table, record_id: str, actor: Actor) -> None:
    org, now = writer.org, writer.now()
    kept = {name: value for name, value in table.rows[record_id].items() if name not in ("IsDeleted", "MasterRecordId")}
    for one in table.kind.fields.values():
        if one.reference_to and one.nillable and one.name in kept and _lost(org, kept[one.name]):
            del kept[one.name]
    writer.check_unique(table, kept, None)
    stamps = {"LastModifiedDate": now, "SystemModstamp": now, "LastModifiedById": actor.user_id}
    org.put(table, record_id, {**kept, **stamps})
    for other in bin_.taken_along(record_id):
        below = org.table_of(other)
        if below is not None:
            _restore(writer, bin_, below, other, actor)
    for child_id, name in bin_.cleared(record_id):
        child = org.table_of(child_id)
        row = child.live(child_id) if child else None
        if child is not None and row is not None and row.get(name) is None:
            org.put(child, child_id, {**row, name: record_id, "SystemModstamp": now})


def _lost(org: Org, record_id: str) -> bool:
    table = org.table_of(record_id)
    return table is not None and table.live(record_id) is None


def empty(writer: Writer, record_id: str) -> None:
    """Purge a record that the bin lists. Raises Refusal."""
    known = full_id(record_id)
    if known is None or writer.org.table_of(known) is None:
        raise malformed_id(record_id)
    found = writer.org.parts.of(RecycleBin)
    if found.entry(known) is None:
        raise Refusal(400, Fail("INVALID_ID_FIELD", "no recycle bin entry found", ()))
    found.purge(known)
