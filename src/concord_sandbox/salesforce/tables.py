"""The records of one object, with the indexes that make look-ups and polling fast.

A record is a dict of stored wire values: nulls and unticked boxes are left out. Records are never changed in place: a
change puts a new dict, so that whoever holds the old one (the undo log) holds what was. Knows no rules.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from typing import Any

from concord_sandbox.salesforce.schema import Field, ObjectType

Row = dict[str, Any]
_END = "￿"


class Table:
    """Records by id, deleted ones included. Indexes are made when first asked for and kept from then on."""

    def __init__(self, kind: ObjectType) -> None:
        self.kind = kind
        self.rows: dict[str, Row] = {}
        #: Fields that no row holds: what works their wire value out of a row each time it is read.
        self.computed: dict[str, Callable[[Row], Any]] = {}
        self._indexes: dict[str, tuple[Field, dict[Any, dict[str, None]]]] = {}
        self._ids: list[str] | None = None
        self._stamps: list[tuple[str, str]] | None = None

    def put(self, record_id: str, row: Row | None) -> Row | None:
        """Store, replace, or (None) forget a record; what was there before."""
        before = self.rows.get(record_id)
        if row is None:
            self.rows.pop(record_id, None)
        else:
            self.rows[record_id] = row
        for name, (field, index) in self._indexes.items():
            old, new = before.get(name) if before else None, row.get(name) if row else None
            if old != new or before is None or row is None:
                self._move(index, record_id, field.fold(old) if before else None, field.fold(new) if row else None)
        if self._ids is not None and (before is None) != (row is None):
            if before is None:
                insort(self._ids, record_id)
            else:
                del self._ids[bisect_left(self._ids, record_id)]
        if row is not None and self._stamps is not None:
            self._note_stamp(row["SystemModstamp"], record_id)
        return before

    @staticmethod
    def _move(index: dict[Any, dict[str, None]], record_id: str, old: Any, new: Any) -> None:
        if old is not None:
            holders = index.get(old)
            if holders is not None:
                holders.pop(record_id, None)
                if not holders:
                    del index[old]
        if new is not None:
            index.setdefault(new, {})[record_id] = None

    def _note_stamp(self, stamp: str, record_id: str) -> None:
        assert self._stamps is not None
        entry = (stamp, record_id)
        place = bisect_left(self._stamps, entry)
        if place == len(self._stamps) or self._stamps[place] != entry:
            self._stamps.insert(place, entry)
        if len(self._stamps) > 2 * len(self.rows) + 1000:
            self._stamps = None  # mostly outdated entries: the next one who asks makes it anew

    def find(self, field: Field, value: Any) -> list[str]:
        """Ids of the records, deleted ones included, that hold `value` (not null); case as the field says."""
        if field.name == "Id":
            return [value] if value in self.rows else []
        known = self._indexes.get(field.name)
        if known is None:
            known = self._indexes[field.name] = (field, self._built(field))
        return list(known[1].get(field.fold(value), ()))

    def _built(self, field: Field) -> dict[Any, dict[str, None]]:
        index: dict[Any, dict[str, None]] = {}
        name, fold = field.name, field.fold
        for record_id, row in self.rows.items():
            value = row.get(name)
            if value is not None:
                index.setdefault(fold(value), {})[record_id] = None
        return index

    def live(self, record_id: str) -> Row | None:
        """The record unless it is unknown or in the recycle bin."""
        row = self.rows.get(record_id)
        return None if row is None or row.get("IsDeleted") else row

    def by_id(self, first: str | None, last: str | None) -> Iterator[Row]:
        """Records in order of Id, from `first` to `last`, both included."""
        if self._ids is None:
            self._ids = sorted(self.rows)
        start = 0 if first is None else bisect_left(self._ids, first)
        stop = len(self._ids) if last is None else bisect_right(self._ids, last)
        rows = self.rows
        return (rows[record_id] for record_id in self._ids[start:stop])

    def by_stamp(self, first: str | None, last: str | None) -> Iterator[Row]:
        """Records in order of SystemModstamp and Id, stamps from `first` to `last`, both included."""
        if self._stamps is None:
            self._stamps = sorted((row["SystemModstamp"], record_id) for record_id, row in self.rows.items())
        start = 0 if first is None else bisect_left(self._stamps, (first, ""))
        stop = len(self._stamps) if last is None else bisect_right(self._stamps, (last, _END))
        entries, rows = self._stamps[start:stop], self.rows
        for stamp, record_id in entries:
            row = rows.get(record_id)
            if row is not None and row["SystemModstamp"] == stamp:  # else: an outdated entry
                yield row

    def shown(self, row: Row) -> Callable[[str], Any]:
        """A reader of that record by field name, with compounds put together, absences filled in, and formulas worked
        out."""
        fields, compounds, computed = self.kind.fields, self.kind.compounds, self.computed

        def read(name: str) -> Any:
            if name in computed:
                return computed[name](row)
            parts = compounds.get(name)
            return address(row, parts) if parts else row.get(name, fields[name.lower()].absent)

        return read


def address(row: Row, parts: tuple[tuple[str, str], ...]) -> dict[str, Any] | None:
    """An address as one value; null when every part is blank."""
    made = {key: row.get(name) for key, name in parts}
    return made if any(value is not None for value in made.values()) else None
