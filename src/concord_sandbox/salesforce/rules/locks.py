"""Records that others hold: row locks, approval locks, and transactions that commit late.

Key of the world: locks, {"held": [{"id", "kind": "row" | "approval", "until": Unix seconds or null}], "late": [...]},
as the verbs make it.

    POST locks          {"id", "kind": "row" | "approval", "seconds": 30}: held for so long, or (seconds left out) until
                        released
    POST locks/release  {"id"}: no longer (without id: none at all); {"released": n}
    GET locks           what is held, and what is to be committed late
    POST late           {"object", "id"?, "fields", "seconds", "by"?}: a transaction that writes now and commits so many
                        seconds later on the sandbox's clock. Nobody sees it until then; its record is row-locked, and
                        its SystemModstamp is of now (api/salesforce.md section 7.1). {"id", "visible_at": Unix seconds}

A row lock is another transaction at work: who writes or deletes the record meets `UNABLE_TO_LOCK_ROW`, and so does who
puts a record under it, moves one there or away, or deletes one there. An approval lock is met by clients of the API as
`ENTITY_IS_LOCKED`; people may edit, as an admin may. What is due is committed before the next call is answered
(`settle`), so that it does not need a tick.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.errors import BY_CODE, Fail, Refusal
from concord_sandbox.salesforce.ids import full_id
from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.rules.declared import checked, object_of
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.salesforce.writes import Actor, Step, Writer
from concord_sandbox.service import ControlError

_KINDS = ("row", "approval")
#: Objects whose records are not locked by what points at them.
_UNLOCKED_PARENTS = frozenset(("User", "Group", "RecordType", "Organization", "Profile"))


@dataclass(frozen=True)
class Lock:
    """until: Unix seconds; None: until released."""

    kind: str
    until: float | None


@dataclass(frozen=True)
class Written:
    """One record of a late transaction: before it, and as it will be."""

    table: Table
    record_id: str
    before: Row | None
    after: Row | None


@dataclass(frozen=True)
class Late:
    """A transaction that commits at `due` (Unix seconds)."""

    due: float
    user_id: str
    rows: tuple[Written, ...]


class Locks(Part[Org]):
    """Takes part in every write."""

    section = "locks"
    verbs: ClassVar = {
        "POST locks": "hold",
        "POST locks/release": "release",
        "GET locks": "listed",
        "POST late": "commit_late",
    }

    def __init__(self, owner: Org, given: Any) -> None:
        super().__init__(owner, given)
        self._held: dict[str, Lock] = {}
        self._late: list[Late] = []
        #: The records of late transactions.
        self._writing: set[str] = set()
        if given is not None:
            checked("locks", given, ("held", "late"), ())
            for one in given.get("held", []):
                self._held[self._known(one["id"])] = Lock(_kind(one.get("kind", "row")), _until(one.get("until")))
            for one in given.get("late", []):
                self._add(Late(float(one["due"]), one["by"], tuple(self._read(row) for row in one["rows"])))

    def save(self) -> Any:
        self.settle()
        if not self._held and not self._late:
            return None
        late = [
            {
                "due": one.due,
                "by": one.user_id,
                "rows": [
                    {"object": row.table.kind.name, "id": row.record_id, "before": row.before, "after": row.after}
                    for row in one.rows
                ],
            }
            for one in self._late
        ]
        return {"held": self._shown(), "late": late}

    def tick(self) -> float | None:
        self.settle()
        return max(0.0, min(one.due for one in self._late) - self._now()) if self._late else None

    # The verbs

    def hold(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"id", "kind": "row" or "approval", "seconds"?}: held for so long, or until released. Who writes the record
        meets UNABLE_TO_LOCK_ROW (row) or ENTITY_IS_LOCKED (approval)."""
        checked("locks", asked, ("id", "kind", "seconds"), ("id",))
        record_id, kind, seconds = self._known(asked["id"]), _kind(asked.get("kind", "row")), asked.get("seconds")
        row = self.owner.row(record_id)
        if row is None or row.get("IsDeleted"):
            raise ControlError(f"no record has the id {asked['id']!r}")
        until = None if seconds is None else self._now() + _seconds(seconds)
        self._held[record_id] = Lock(kind, until)
        return {"id": record_id, "kind": kind, "until": until}

    def release(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"id"?}: no longer held; without id: no record is. {"released": n}"""
        checked("locks/release", asked, ("id",), ())
        gone = [self._known(asked["id"])] if asked.get("id") is not None else list(self._held)
        return {"released": sum(self._held.pop(one, None) is not None for one in gone)}

    def listed(self, _: dict[str, Any]) -> dict[str, Any]:
        """What is held, and what is to be committed late."""
        self.settle()
        late = [{"visible_at": one.due, "ids": [row.record_id for row in one.rows]} for one in self._late]
        return {"held": self._shown(), "late": late}

    def commit_late(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"object", "id"?, "fields", "seconds", "by"?}: a transaction that writes now and commits so many seconds
        later on the clock: nobody sees it until then, and its SystemModstamp is of now. {"id", "visible_at": Unix
        seconds}"""
        checked("late", asked, ("object", "id", "fields", "seconds", "by"), ("object", "fields", "seconds"))
        self.settle()
        org, table = self.owner, object_of(self.owner, "late", asked["object"])
        if not isinstance(asked["fields"], dict):
            raise ControlError("late: fields has to be a JSON object")
        due = self._now() + _seconds(asked["seconds"])
        actor = Actor(org.user_id(asked.get("by")), person=True, faultless=True)
        writer = Writer(org, org.controls, tuple(part for part in org.parts.all() if isinstance(part, Step)))
        try:
            with org.transaction(actor) as mark:
                if asked.get("id") is None:
                    record_id = writer.insert(table, asked["fields"], actor)
                else:
                    record_id = writer.known_id(table, asked["id"])
                    writer.update(table, record_id, asked["fields"], actor)
                changes = mark.changes()
                mark.take_back()
        except Refusal as refusal:
            raise ControlError(f"Salesforce refuses this even of a person: {refusal}") from refusal
        rows = tuple(Written(one.table, one.record_id, one.before, one.after) for one in changes)
        self._add(Late(due, actor.user_id, rows))
        org.controls.ring()
        return {"id": record_id, "visible_at": due}

    # Late transactions

    def settle(self) -> None:
        """Commit what is due. Costs nothing when nothing waits."""
        if not self._late:
            return
        now = self._now()
        while self._late and self._late[0].due <= now:
            late = self._late.pop(0)
            self._note_writing()
            with self.owner.transaction(Actor(late.user_id, person=True, faultless=True)):
                for row in late.rows:
                    self._put(row)

    def _put(self, written: Written) -> None:
        """What the transaction changed, laid over the record as it is by now (its own edits alone could not be made by
        others, but what follows from elsewhere could: a parent that is gone). A record that is gone stays so."""
        org, table, record_id = self.owner, written.table, written.record_id
        if written.before is None or written.after is None:
            org.put(table, record_id, written.after)
            return
        row = table.rows.get(record_id)
        if row is None or row.get("IsDeleted"):
            return
        kept = {name: value for name, value in row.items() if name in written.after or name not in written.before}
        new = {name: value for name, value in written.after.items() if written.before.get(name) != value}
        org.put(table, record_id, {**kept, **new})

    def _add(self, late: Late) -> None:
        self._late.append(late)
        self._late.sort(key=lambda one: one.due)
        self._note_writing()

    def _note_writing(self) -> None:
        self._writing = {row.record_id for late in self._late for row in late.rows}
        self.owner.reserved = {row.record_id for late in self._late for row in late.rows if row.before is None}

    def _read(self, given: dict[str, Any]) -> Written:
        table = object_of(self.owner, "locks, late", given["object"])
        return Written(table, given["id"], given["before"] and dict(given["before"]), dict(given["after"]))

    # Taking part in writes

    def before(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        """Locks derive nothing."""

    def check(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        if not self._held and not self._late:
            return
        self._meet(table, old, row, actor)
        self._meet_unique(table, row)

    def after(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        """Nothing follows."""

    def on_delete(self, writer: Writer, table: Table, row: Row, actor: Actor) -> None:
        if self._held or self._late:
            self._meet(table, row, None, actor)

    def _meet(self, table: Table, old: Row | None, new: Row | None, actor: Actor) -> None:
        """Raises Refusal when a write from `old` to `new` needs what is locked."""
        own = old["Id"] if old is not None else None
        if own is not None and self._lock_of(own) == "approval" and not actor.person:
            raise Refusal(400, Fail("ENTITY_IS_LOCKED", BY_CODE["ENTITY_IS_LOCKED"], ()))
        for record_id in (*((own,) if own is not None else ()), *_parents(table, old, new)):
            if self._lock_of(record_id) == "row":
                words = f"{BY_CODE['UNABLE_TO_LOCK_ROW']}: {record_id}"
                raise Refusal(400, Fail("UNABLE_TO_LOCK_ROW", words, ()))

    def _meet_unique(self, table: Table, row: Row) -> None:
        """A value that only one record may have, and that a transaction under way takes, has to be waited for."""
        for late in self._late:
            for written in late.rows:
                if written.table is not table or written.after is None or written.record_id == row.get("Id"):
                    continue
                for field in table.kind.uniques:
                    value = row.get(field.name)
                    if value is not None and field.fold(written.after.get(field.name)) == field.fold(value):
                        words = f"{BY_CODE['UNABLE_TO_LOCK_ROW']}: {written.record_id}"
                        raise Refusal(400, Fail("UNABLE_TO_LOCK_ROW", words, ()))

    def _lock_of(self, record_id: str) -> str | None:
        """The kind of lock that is on a record now."""
        if record_id in self._writing:
            return "row"
        lock = self._held.get(record_id)
        if lock is None:
            return None
        if lock.until is not None and lock.until <= self._now():
            del self._held[record_id]
            return None
        return lock.kind

    def _shown(self) -> list[dict[str, Any]]:
        held = [one for one in list(self._held) if one in self._writing or self._lock_of(one) is not None]
        return [{"id": one, "kind": self._held[one].kind, "until": self._held[one].until} for one in held]

    def _known(self, given: Any) -> str:
        known = full_id(given)
        if known is None:
            raise ControlError(f"{given!r} is no Salesforce id")
        return known

    def _now(self) -> float:
        return self.owner.controls.clock.now().timestamp()


def _parents(table: Table, old: Row | None, new: Row | None) -> Iterable[str]:
    """The records that a write of a child locks with it: those it is put under or taken from; the master of a detail
    whenever the detail is written."""
    for field in table.kind.fields.values():
        if field.type != "reference" or not _UNLOCKED_PARENTS.isdisjoint(field.reference_to):
            continue
        before = old.get(field.name) if old is not None else None
        after = new.get(field.name) if new is not None else None
        if before != after or (field.attributes["cascadeDelete"] and not field.nillable):
            yield from (one for one in (before, after) if one is not None)


def _kind(given: Any) -> str:
    if given not in _KINDS:
        raise ControlError(f"the kind of a lock is row or approval, not {given!r}")
    return str(given)


def _seconds(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < 1e9:
        raise ControlError(f"seconds: {given!r} is no number of seconds")
    return float(given)


def _until(given: Any) -> float | None:
    return None if given is None else float(given)
