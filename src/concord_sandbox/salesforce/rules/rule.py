"""What the rules of single objects are made of: one write as they see it, and the changes that they may make beside it.

Knows no object by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from concord_sandbox.salesforce.errors import Fail, Refusal
from concord_sandbox.salesforce.models import Actor, Org
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.salesforce.writes import Writer


@dataclass(frozen=True, slots=True)
class Write:
    """One write of one record. old: None when it is made. row: may be changed in `before`, nowhere else."""

    writer: Writer
    table: Table
    row: Row
    old: Row | None
    actor: Actor

    @property
    def org(self) -> Org:
        return self.writer.org

    @property
    def creating(self) -> bool:
        return self.old is None

    def changed(self, *names: str) -> bool:
        """Whether one of those fields has another value than before; on creation: whether it has one."""
        old = self.old or {}
        return any(self.row.get(name) != old.get(name) for name in names)

    def set(self, name: str, value: Any) -> None:
        """Give the row a value; null and false are not stored."""
        if value is None or value is False:
            self.row.pop(name, None)
        else:
            self.row[name] = value

    def system(self) -> Actor:
        """The same writer with the rights of Salesforce itself, for what follows from the write."""
        return replace(self.actor, person=True, faultless=True)

    def row_of(self, name: str) -> Row | None:
        """The record that a reference of the row leads to."""
        record_id = self.row.get(name)
        return self.org.row(record_id) if record_id else None


class Rule:
    """How one object behaves; each method may raise Refusal, and then the write is undone whole."""

    def before(self, write: Write) -> None:
        """Derive: the row is not stored yet."""

    def check(self, write: Write) -> None:
        """Judge the row, which may not be changed now."""

    def after(self, write: Write) -> None:
        """What follows of the stored row."""

    def on_delete(self, write: Write) -> None:
        """What precedes the deletion of the row."""

    def resettled(self, write: Write) -> None:
        """What follows when the row has come back from the recycle bin, or belongs to another record after a merge."""

    def complete(self, write: Write) -> None:
        """Derive what a record of a world came without; what it has stands in any case."""


def amend(write: Write, table: Table, record_id: str, values: Row, *, stamp: bool = True) -> None:
    """Change fields of a record as Salesforce itself does beside a write: no rule sees it. stamp: it counts as a change
    of the record, and shows in its field history."""
    before = table.rows[record_id]
    row = dict(before)
    for name, value in values.items():
        if value is None or value is False:
            row.pop(name, None)
        else:
            row[name] = value
    if stamp:
        row["SystemModstamp"] = row["LastModifiedDate"] = write.writer.now()
        row["LastModifiedById"] = write.actor.user_id
    write.org.put(table, record_id, row)
    if stamp:
        write.writer.note_changes(table, before, row, write.actor.user_id)


def live_rows(org: Org, object_name: str, field_name: str, value: str | None) -> Iterator[Row]:
    """The records of an object that have a value in a field, deleted ones left out."""
    table = org.tables[object_name.lower()]
    if value is None or not table.rows:
        return
    for record_id in table.find(table.kind.fields[field_name.lower()], value):
        row = table.live(record_id)
        if row is not None:
            yield row


def refusal(code: str, words: str, *fields: str) -> Refusal:
    return Refusal(400, Fail(code, words, fields))


def missing(*fields: str) -> Refusal:
    return refusal("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(fields)}]", *fields)


def not_in_list(write: Write, name: str) -> Refusal:
    field = write.table.kind.fields[name.lower()]
    words = f"{field.label}: bad value for restricted picklist field: {write.row.get(name)}"
    return refusal("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", words, name)


def name_of(org: Org, row: Row | None) -> str | None:
    """What a record is called: the value of its object's name field."""
    if row is None:
        return None
    table = org.table_of(row["Id"])
    named = [one for one in table.kind.fields.values() if one.attributes["nameField"]] if table else []
    return row.get(named[0].name) if named else None
