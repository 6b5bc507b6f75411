"""From the changes of one transaction to the events that tell of them, without a number or a place yet.

api/salesforce.md section 9.3. Knows nothing of topics, channels and subscribers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from concord_sandbox.salesforce.events.bodies import DIFF_FROM, EventSchema, difference
from concord_sandbox.salesforce.models import Change
from concord_sandbox.salesforce.tables import Row, Table

#: So many changed fields of one transaction become events; what follows is told by GAP_OVERFLOW, once for each object.
MOST_CHANGES = 100_000


@dataclass
class Draft:
    """An event without a number. Its records share everything but their ids. row: the record as it is now, or was
    before its deletion. names: the fields of the event; nulled, diffs: those of them that became null, or whose value
    is a difference. body: the values, as the event's schema names them."""

    table: Table
    kind: str
    ids: list[str]
    row: Row
    names: tuple[str, ...] = ()
    nulled: tuple[str, ...] = ()
    body: dict[str, Any] = field(default_factory=dict)
    diffs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drafter:
    """schema_of: the schema of an object's events. apart: whether records of that object get an event each, even when
    the same was done to them. diff_fields: whether large texts are sent as their difference."""

    schema_of: Callable[[Table], EventSchema]
    apart: Callable[[Table], bool]
    diff_fields: bool

    def drafts(self, changes: list[Change], now: str) -> tuple[list[Draft], list[Table]]:
        """The events of a transaction in their order, and the objects of which too much changed for events.

        `now`: the time of the commit as stamps have it.
        """
        drafts: list[Draft] = []
        shared: dict[Any, Draft] = {}
        flooded: dict[str, Table] = {}
        total = 0
        for change in changes:
            draft = self._draft(change, now)
            if draft is None:
                continue
            total += max(1, len(draft.names))
            if total > MOST_CHANGES:
                flooded[change.table.kind.name] = change.table
                continue
            if draft.kind in ("UPDATE", "DELETE") and not self.apart(draft.table):
                key = (draft.table.kind.name, draft.kind, draft.names, draft.nulled, repr(draft.body))
                known = shared.setdefault(key, draft)
                if known is not draft:
                    known.ids.append(change.record_id)
                    continue
            drafts.append(draft)
        # The lead of a conversion comes after the records that were made of it.
        drafts.sort(key=lambda one: one.kind == "UPDATE" and "IsConverted" in one.names)
        return drafts, list(flooded.values())

    def _draft(self, change: Change, now: str) -> Draft | None:
        """The event of one record; None when there is nothing to tell."""
        table, was, there = change.table, _live(change.before), _live(change.after)
        ids = [change.record_id]
        if there is None:
            return None if was is None else Draft(table, "DELETE", ids, was)
        schema = self.schema_of(table)
        if was is None:
            kind = "CREATE" if change.before is None else "UNDELETE"
            names = tuple(name for name, leaf in schema.leaves.items() if leaf.value(there) is not None)
            return Draft(table, kind, ids, there, names, body=schema.body(there, names))
        names = _changed(was, there, schema, now)
        if not names:
            return None
        nulled = tuple(name for name in names if schema.leaves[name].value(there) is None)
        body = schema.body(there, names)
        diffs = _differences(was, there, schema, names, body) if self.diff_fields else ()
        return Draft(table, "UPDATE", ids, there, names, nulled, body, diffs)


def _live(row: Row | None) -> Row | None:
    return None if row is None or row.get("IsDeleted") else row


def _changed(was: Row, there: Row, schema: EventSchema, now: str) -> tuple[str, ...]:
    """The changed fields in the order of the schema, empty when nobody saved the record.

    Stamps are whole seconds, so a record saved twice in a second has the same one: it counts as changed as well. The
    event of a lead's conversion has none.
    """
    differing = {name for name in was.keys() | there.keys() if was.get(name) != there.get(name)}
    if differing == {"SystemModstamp"}:
        return ()
    if "IsConverted" in differing:
        differing.discard("LastModifiedDate")
    elif there.get("LastModifiedDate") == now:
        differing.add("LastModifiedDate")
    return tuple(name for name in schema.leaves if name in differing)


def _differences(
    was: Row, there: Row, schema: EventSchema, names: tuple[str, ...], body: dict[str, Any]
) -> tuple[str, ...]:
    """Put differences in the place of large texts; the names of their fields."""
    found = []
    for name in names:
        one, old, new = schema.leaves[name].field, was.get(name), there.get(name)
        if one.type == "textarea" and one.length > 255 and old and new and len(new) >= DIFF_FROM:
            body[name] = difference(old, new)
            found.append(name)
    return tuple(found)
