"""Creating, changing and deleting records: the rules, the stamps, the field history.

May not know HTTP; raises Refusal (errors.py). A write either happens whole or not at all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from concord_sandbox.salesforce.errors import (
    BY_CODE,
    Fail,
    Refusal,
    bad_reference,
    deleted,
    malformed_id,
    not_found,
)
from concord_sandbox.salesforce.ids import full_id
from concord_sandbox.salesforce.loading import put_name
from concord_sandbox.salesforce.models import Actor, Org
from concord_sandbox.salesforce.schema import TEXT_TYPES, Field
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.salesforce.validation import read_body, stored
from concord_sandbox.salesforce.values import wire_time
from concord_sandbox.service import Controls

__all__ = ["Actor", "SeveralFound", "Step", "Writer"]


@runtime_checkable
class Step(Protocol):
    """Something that takes part in every write of a record, in the order of execution that Salesforce documents."""

    def before(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        """Derive: `row` (not yet stored; without an Id when `old` is None) may be changed. Raises Refusal."""
        ...

    def check(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        """Judge `row`, which has all that its object requires and may not be changed now. Raises Refusal."""
        ...

    def after(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        """What follows a stored row (which may not be changed; write again instead). Raises Refusal: all is undone."""
        ...

    def on_delete(self, writer: Writer, table: Table, row: Row, actor: Actor) -> None:
        """May refuse a deletion. Raises Refusal."""
        ...


class SeveralFound(Exception):
    """An external id that several records have; `ids` are theirs."""

    def __init__(self, field: Field, ids: list[str]) -> None:
        super().__init__(f"{field.name}: more than one record found for external id field: [{', '.join(ids)}]")
        self.field = field
        self.ids = ids


class Writer:
    """Writes to one org, by the clock and the faults of its controls."""

    def __init__(self, org: Org, controls: Controls, steps: tuple[Step, ...] = ()) -> None:
        self.org = org
        self._controls = controls
        self._steps = steps

    def now(self) -> str:
        return wire_time(self._controls.clock.now())

    def insert(self, table: Table, body: dict[str, Any], actor: Actor) -> str:
        """Make a record; its id."""
        with self.org.transaction(actor):
            return self._insert(table, body, actor)

    def _insert(self, table: Table, body: dict[str, Any], actor: Actor) -> str:
        kind, org = table.kind, self.org
        if any(key.lower() == "id" for key in body):
            words = "cannot specify Id in an insert call"
            raise Refusal(400, Fail("INVALID_FIELD_FOR_INSERT_UPDATE", words, ("Id",)))
        self._check_writable(table)
        values = read_body(org, table, body, creating=True, trusted=actor.person)
        row: Row = {name: value for name, value in values.items() if value is not None and value is not False}
        for field in kind.defaulted:
            if row.get(field.name) is None:
                row[field.name] = field.default
        if kind.field("OwnerId") and "OwnerId" not in row:
            row["OwnerId"] = actor.user_id
        for step in self._steps:
            step.before(self, table, row, None, actor)
        missing = tuple(field.name for field in kind.required if field.name not in row)
        if missing:
            raise _missing(missing)
        for step in self._steps:
            step.check(self, table, row, None, actor)
        self.check_unique(table, row, None)
        self._meet_fault(" ".join(str(row[f.name]) for f in kind.shown if f.indexed_key and f.name in row), actor)
        now, by = self.now(), actor.user_id
        row["Id"] = record_id = org.fresh_id(table)
        row["CreatedDate"] = row["LastModifiedDate"] = row["SystemModstamp"] = now
        row["CreatedById"] = row["LastModifiedById"] = by
        put_name(kind, row)
        org.put(table, record_id, row)
        if kind.tracked:
            self._note_history(table, record_id, "created", None, None, None, by)
        for step in self._steps:
            step.after(self, table, row, None, actor)
        return record_id

    def update(self, table: Table, record_id: str, body: dict[str, Any], actor: Actor) -> None:
        """Change a record; its stamps move even when no value does, as in Salesforce."""
        with self.org.transaction(actor):
            self._update(table, record_id, body, actor)

    def _update(self, table: Table, record_id: str, body: dict[str, Any], actor: Actor) -> None:
        if any(key.lower() == "id" for key in body):
            raise Refusal(400, Fail("INVALID_FIELD", "The Id field should not be specified in the sobject data."))
        self._check_writable(table)
        before = self.there(table, record_id)
        if table.kind.name == "Lead" and before.get("IsConverted") and not actor.person:
            raise Refusal(400, Fail("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", ()))
        values = read_body(self.org, table, body, creating=False, trusted=actor.person)
        row = dict(before)
        for name, value in values.items():
            if value is None or value is False:
                row.pop(name, None)
            else:
                row[name] = value
        for step in self._steps:
            step.before(self, table, row, before, actor)
        missing = tuple(
            field.name for field in table.kind.shown if not field.nillable and values.get(field.name, 0) is None
        )
        if missing:
            raise _missing(missing)
        for step in self._steps:
            step.check(self, table, row, before, actor)
        self.check_unique(table, row, before)
        self._meet_fault(record_id, actor)
        put_name(table.kind, row)
        now = self.now()
        row["LastModifiedDate"] = row["SystemModstamp"] = now
        row["LastModifiedById"] = actor.user_id
        self.org.put(table, record_id, row)
        self.note_changes(table, before, row, actor.user_id)
        for step in self._steps:
            step.after(self, table, row, before, actor)

    def delete(self, table: Table, record_id: str, actor: Actor) -> None:
        """Put a record, and what cannot be without it, into the recycle bin."""
        self._check_writable(table)
        row = self.there(table, record_id)
        with self.org.transaction(actor):
            for step in self._steps:
                step.on_delete(self, table, row, actor)
            self._meet_fault(record_id, actor)
            self._mark_deleted(table, record_id, row, actor.user_id)

    def upsert(
        self, table: Table, key: Field, value: Any, body: dict[str, Any], actor: Actor, *, update_only: bool = False
    ) -> tuple[str, bool]:
        """Change the record that has `value` in `key`, or make it: (id, made). Raises SeveralFound, Refusal."""
        holders = self.holders(table, key, value)
        if len(holders) > 1:
            raise SeveralFound(key, holders)
        if key.name != "Id":
            self._meet_fault(" ".join((str(value), *holders)), actor)
            actor = replace(actor, faultless=True)
        if holders:
            self.update(table, holders[0], body, actor)
            return holders[0], False
        if update_only:
            raise not_found()
        if key.name == "Id":
            raise bad_reference("Id")
        return self.insert(table, {**body, key.name: value}, actor), True

    def holders(self, table: Table, key: Field, value: Any) -> list[str]:
        """Ids of the live records with that value in that key field; the value is read as a write would read it."""
        if key.name == "Id":
            return [self.known_id(table, value)]
        known = stored(self.org, table, key, _as_number(key, value))
        if known is None:
            words = f"{key.name} not specified"
            raise Refusal(400, Fail("MISSING_ARGUMENT", words, (key.name,)))
        return [one for one in table.find(key, known) if table.live(one)]

    def known_id(self, table: Table, given: Any) -> str:
        """The 18-character form of an id of that object. Raises Refusal when it is not one."""
        record_id = full_id(given)
        if record_id is None or not record_id.startswith(table.kind.prefix):
            raise malformed_id(given)
        return record_id

    def there(self, table: Table, record_id: str) -> Row:
        """The live record of that id. Raises Refusal: unknown or deleted."""
        row = table.rows.get(record_id)
        if row is None:
            raise not_found()
        if row.get("IsDeleted"):
            raise deleted()
        return row

    def _check_writable(self, table: Table) -> None:
        if not table.kind.writable:
            words = f"entity type {table.kind.name} does not support create, update or delete"
            raise Refusal(400, Fail("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", words, ()))

    def check_unique(self, table: Table, row: Row, before: Row | None) -> None:
        """Raises Refusal when another live record has a value of `row` that only one may have."""
        for field in table.kind.uniques:
            value = row.get(field.name)
            if value is None or (before is not None and before.get(field.name) == value):
                continue
            for other in table.find(field, value):
                if (before is None or other != before["Id"]) and table.live(other):
                    words = f"duplicate value found: {field.name} duplicates value on record with id: {other[:15]}"
                    raise Refusal(400, Fail("DUPLICATE_VALUE", words, ()))

    def _meet_fault(self, key: str, actor: Actor) -> None:
        if actor.faultless:
            return
        fault = self._controls.faults.hit_record(actor.method, actor.path, key)
        if fault is not None:
            code = fault.code or "UNABLE_TO_LOCK_ROW"
            raise Refusal(400, Fail(code, BY_CODE.get(code, code.replace("_", " ").lower()), ()))

    def _mark_deleted(self, table: Table, record_id: str, row: Row, by: str) -> None:
        now = self.now()
        gone = {**row, "IsDeleted": True, "LastModifiedDate": now, "SystemModstamp": now, "LastModifiedById": by}
        self.org.put(table, record_id, gone)
        for child, field in self.org.children_of(table.kind.name):
            if not child.kind.writable or field.name.startswith(("Converted", "MasterRecord")):
                continue
            for child_id in child.find(field, record_id):
                pointing = child.live(child_id)
                if pointing is not None and field.attributes["cascadeDelete"]:
                    self._mark_deleted(child, child_id, pointing, by)
                elif pointing is not None and field.nillable:
                    kept = {name: value for name, value in pointing.items() if name != field.name}
                    self.org.put(child, child_id, {**kept, "SystemModstamp": now})

    def note_changes(self, table: Table, before: Row, row: Row, by: str) -> None:
        """The field history of a change: a row for each tracked field that has another value. by: a user's id."""
        for field in table.kind.tracked:
            old, new = before.get(field.name, field.absent), row.get(field.name, field.absent)
            if old != new:
                self._note_history(table, row["Id"], field.name, field, old, new, by)

    def _note_history(
        self, table: Table, record_id: str, name: str, field: Field | None, old: Any, new: Any, by: str
    ) -> None:
        """One row of field history; long texts leave no values (api/salesforce.md section 14)."""
        history = self.org.table(table.kind.history or "")
        if history is None:
            return
        parent = "ParentId" if table.kind.custom else table.kind.name + "Id"
        now, row_id = self.now(), self.org.fresh_id(history)
        row: Row = {"Id": row_id, parent: record_id, "Field": name, "CreatedById": by}
        row |= {"CreatedDate": now, "SystemModstamp": now}
        row["DataType"] = "Text" if field is None or field.type in TEXT_TYPES else field.type.capitalize()
        if field is None or not (field.type == "textarea" and field.length > 255):
            row |= {key: value for key, value in (("OldValue", old), ("NewValue", new)) if value is not None}
        self.org.put(history, row_id, row)


def _missing(names: tuple[str, ...]) -> Refusal:
    return Refusal(400, Fail("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(names)}]", names))


def _as_number(key: Field, value: Any) -> Any:
    """A number that came as a part of a path is text there."""
    if key.type in ("double", "int") and isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
