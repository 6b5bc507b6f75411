"""Reading a change event: its Avro bytes, its header, and the bitmaps of what changed (api/salesforce.md 9.3 and 9.4).

Pure. Says what an event tells, not what follows from it.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import fastavro

from concord.systems.salesforce.client import HEADERS
from concord.systems.salesforce.records import version_of
from concord.systems.salesforce.wire import id18

_LABEL: Final = HEADERS["Sforce-Call-Options"].removeprefix("client=")
#: What fastavro makes of bytes or of a schema that are none.
_UNREADABLE: Final = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    EOFError,
    ArithmeticError,
    MemoryError,
    StopIteration,
    RecursionError,
    struct.error,
    fastavro.schema.SchemaParseException,
    fastavro.schema.UnknownType,
)

AvroSchema = Mapping[str, Any]


def changed_fields(schema: AvroSchema, bitmaps: Sequence[str]) -> set[str]:
    """The fields that a bitmap array names (section 9.4), as REST calls them: a part of a compound by its own name.

    schema: the event's own, as JSON. Raises ValueError for a bitmap that does not fit it.
    """
    found: set[str] = set()
    for element in bitmaps:
        parent, _, bits = element.rpartition("-")
        if not parent:
            found.update(_names(schema["fields"], bits))
            continue
        compound = schema["fields"][_number(parent, 10, len(schema["fields"]))]
        children = _children(schema, compound["type"])
        found.update(rest_name(str(compound["name"]), child) for child in _names(children, bits))
    return found


def rest_name(parent: str, child: str) -> str:
    """What REST calls a part of a compound: `Name.LastName` -> LastName, `MailingAddress.Street` -> MailingStreet,
    `Place__c.Latitude` -> Place__Latitude__s."""
    if parent == "Name":
        return child
    if parent.endswith("__c"):
        return f"{parent.removesuffix('c')}{child}__s"
    return parent.removesuffix("Address") + child


def _names(fields: Sequence[Mapping[str, Any]], bits: str) -> Iterator[str]:
    number = _number(bits, 16, 1 << len(fields))
    for place, one in enumerate(fields):
        if number >> place & 1:
            yield str(one["name"])


def _number(text: str, base: int, limit: int) -> int:
    number = int(text, base)
    if not 0 <= number < limit:
        raise ValueError(f"the bitmap {text} does not fit the schema")
    return number


def _children(schema: AvroSchema, kind: Any) -> Sequence[Mapping[str, Any]]:
    """The fields of the record in a union; where it was defined earlier, the union has only its name."""
    for branch in kind if isinstance(kind, list) else [kind]:
        record = branch if isinstance(branch, Mapping) else _record(schema, str(branch))
        if record is not None and record.get("type") == "record":
            children: Sequence[Mapping[str, Any]] = record["fields"]
            return children
    raise ValueError("the bitmap names a part of a field that has none")


def _record(kind: Any, name: str) -> AvroSchema | None:
    """The definition of a record somewhere in a schema, by its name with or without namespace."""
    if isinstance(kind, list):
        return next((found for branch in kind if (found := _record(branch, name)) is not None), None)
    if not isinstance(kind, Mapping):
        return None
    if kind.get("type") != "record":
        return _record(kind.get("type"), name)
    if str(kind.get("name")).rpartition(".")[2] == name.rpartition(".")[2]:
        return kind
    return next((found for one in kind["fields"] if (found := _record(one["type"], name)) is not None), None)


@dataclass(frozen=True)
class Told:
    """What one event says. object, ids: of which records; an id with a star stands for many. kind: the change type.
    at: when it was committed, on Salesforce's clock. by: who. origin: through what. changed: names as REST has them;
    of a record that was made, those with a value. opted_out: the fields among them that are true. modified_at: the
    record's `LastModifiedDate` after it, where the event carries it.
    """

    object: str
    ids: tuple[str, ...]
    kind: str
    at: datetime
    by: str
    origin: str
    changed: frozenset[str]
    opted_out: frozenset[str] = frozenset()
    modified_at: datetime | None = None


class Reader:
    """Reads events of one schema. text: the schema as JSON; ValueError for one that is none."""

    def __init__(self, text: str) -> None:
        try:
            self._schema: AvroSchema = json.loads(text)
            self._parsed = fastavro.parse_schema(json.loads(text))
        except _UNREADABLE as error:
            raise ValueError(f"a schema that is none ({type(error).__name__})") from error

    def read(self, body: bytes) -> Told:
        """What the event says. Raises ValueError when it cannot be read."""
        try:
            row: Any = fastavro.schemaless_reader(io.BytesIO(body), self._parsed, None)
            return self._told(row["ChangeEventHeader"], row)
        except _UNREADABLE as error:
            raise ValueError(f"an event that does not fit its schema ({type(error).__name__})") from error

    def _told(self, header: Mapping[str, Any], row: Mapping[str, Any]) -> Told:
        changed = changed_fields(self._schema, [*header["changedFields"], *header["nulledFields"]])
        if header["changeType"] in ("CREATE", "UNDELETE"):
            changed |= {name for name, value in row.items() if value is not None}
        modified = row.get("LastModifiedDate")
        return Told(
            object=str(header["entityName"]),
            ids=tuple(id18(str(one)) for one in header["recordIds"]),
            kind=str(header["changeType"]),
            at=_from_millis(header["commitTimestamp"]),
            by=id18(str(row.get("LastModifiedById") or header["commitUser"])),
            origin=str(header["changeOrigin"] or ""),
            changed=frozenset(changed),
            opted_out=frozenset(name for name in changed if row.get(name) is True),
            modified_at=None if modified is None else _from_millis(modified),
        )


def _from_millis(number: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=number)


def version_in(told: Told, user_id: str) -> str | None:
    """The version token of the record as the event left it, equal to that of a read (records.py `version_of`); None
    where an equal one would not prove that the read saw this change. user_id: ours.

    Only a record that was made or edited carries a stamp. The event of a lead's conversion and that of a restore are
    always looked at. Of others' edits: the stamp is taken when the row is written, and a read has a token only once
    that second is over (`Record.version`), so it saw what was committed within it. Of our own: what our calls wrote is
    read back in the same call; what a flow or a job does under our name later is not, and may share the second.
    """
    if told.kind not in ("CREATE", "UPDATE") or told.modified_at is None:
        return None
    if told.kind == "UPDATE" and "IsConverted" in told.changed:
        return None
    if user_id and told.by == user_id:
        api, _, label = told.origin.partition(";client=")
        certain = api.startswith("com/salesforce/api/") and label in ("", _LABEL)
    else:
        certain = timedelta() <= told.at - told.modified_at < timedelta(seconds=1)
    return version_of(told.modified_at.isoformat(), told.by) if certain else None
