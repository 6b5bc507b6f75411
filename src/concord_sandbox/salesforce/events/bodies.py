"""The bodies of change events: an Avro schema for each object, values in it, bitmaps of its fields.

api/salesforce.md sections 9.3 and 9.4. Knows what an event looks like, not when there is one nor who gets it.
"""

from __future__ import annotations

import base64
import difflib
import hashlib
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import fastavro

from concord_sandbox.salesforce.schema import Field, ObjectType
from concord_sandbox.salesforce.tables import Row
from concord_sandbox.salesforce.values import read_time

CHANGE_TYPES = (
    "CREATE", "UPDATE", "DELETE", "UNDELETE", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW",
    "SNAPSHOT",
)  # fmt: skip
#: The most bytes of an event; a bigger one is told by a gap event.
LARGEST_EVENT = 1_000_000
#: From so many characters on, a changed text may be sent as its difference.
DIFF_FROM = 1000

_NAMESPACE = "com.sforce.eventbus"
_LEFT_OUT = (
    "Id", "IsDeleted", "SystemModstamp", "LastActivityDate", "LastViewedDate", "LastReferencedDate", "PhotoUrl",
    "IsEmailBounced", "MasterRecordId",
)  # fmt: skip
_LAST_OF_STANDARD = ("OwnerId", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById")
_PERSON_NAME = ("Salutation", "FirstName", "LastName", "MiddleName", "InformalName", "Suffix")
_ADDRESS = ("Street", "City", "State", "PostalCode", "Country", "StateCode", "CountryCode", "Latitude", "Longitude",
            "Xyz", "GeocodeAccuracy")  # fmt: skip
_LOCATION = ("Latitude", "Longitude")
_PRIMITIVES = {
    "boolean": "boolean", "int": "int", "double": "double", "currency": "double", "percent": "double", "date": "long",
    "datetime": "long", "time": "long",
}  # fmt: skip
_DOCUMENTED = {
    "string": "Text", "picklist": "DynamicEnum", "multipicklist": "MultiEnum", "email": "Email", "phone": "Phone",
    "url": "Url", "boolean": "Boolean", "int": "Integer", "double": "Double", "currency": "Currency",
    "percent": "Percent", "date": "DateOnly", "datetime": "DateTime", "time": "TimeOnly", "reference": "EntityId",
    "combobox": "Text", "encryptedstring": "EncryptedText",
}  # fmt: skip
_HEADER: dict[str, Any] = {
    "type": "record",
    "name": "ChangeEventHeader",
    "fields": [
        {"name": "entityName", "type": "string"},
        {"name": "recordIds", "type": {"type": "array", "items": "string"}},
        {"name": "changeType", "type": {"type": "enum", "name": "ChangeType", "symbols": list(CHANGE_TYPES)}},
        {"name": "changeOrigin", "type": "string"},
        {"name": "transactionKey", "type": "string"},
        {"name": "sequenceNumber", "type": "int"},
        {"name": "commitTimestamp", "type": "long"},
        {"name": "commitNumber", "type": "long"},
        {"name": "commitUser", "type": "string"},
        {"name": "nulledFields", "type": {"type": "array", "items": "string"}},
        {"name": "diffFields", "type": {"type": "array", "items": "string"}},
        {"name": "changedFields", "type": {"type": "array", "items": "string"}},
    ],
}


@dataclass(frozen=True)
class Leaf:
    """Where a field of a record stands in the event: at `index` of the schema's fields, or inside the compound there
    at `child_index`. name, child: what the event calls them."""

    field: Field
    index: int
    name: str
    child_index: int | None = None
    child: str | None = None

    def value(self, row: Row) -> Any:
        """The record's value as the event carries it; None for null."""
        return event_value(self.field, row.get(self.field.name, self.field.absent))


class EventSchema:
    """The schema of one object's change events as its fields stand. Attributes: `id` (a fingerprint: other fields,
    other id), `text` (the schema as JSON), `leaves` (by the name of the record's field)."""

    def __init__(self, kind: ObjectType) -> None:
        self.kind = kind
        self.shown = kind.shown
        self.leaves: dict[str, Leaf] = {}
        self._switchable: Leaf | None = None
        fields = [{"name": "ChangeEventHeader", "type": _HEADER}, *self._fields()]
        schema = {"type": "record", "name": event_name(kind.name), "namespace": _NAMESPACE, "fields": fields}
        self.text = json.dumps(schema, separators=(",", ":"))
        self.id = base64.urlsafe_b64encode(hashlib.sha256(self.text.encode()).digest()[:16]).decode().rstrip("=")
        self._parsed = fastavro.parse_schema(json.loads(self.text))

    def encode(self, header: dict[str, Any], body: dict[str, Any]) -> bytes:
        """The event in Avro's binary form, without any header of a file; fields that `body` lacks are null."""
        stream = io.BytesIO()
        fastavro.schemaless_writer(stream, self._parsed, {**body, "ChangeEventHeader": header})
        return stream.getvalue()

    def body(self, row: Row, names: Iterable[str]) -> dict[str, Any]:
        """The values that the record has in the named fields, compounds put together."""
        made: dict[str, Any] = {}
        for leaf in self._of(row, names):
            value = leaf.value(row)
            if value is None:
                continue
            if leaf.child is None:
                made[leaf.name] = value
            else:
                made.setdefault(leaf.name, {})[leaf.child] = value
        return made

    def bitmap(self, row: Row, names: Iterable[str]) -> list[str]:
        """The named fields as section 9.4 writes them: the top level first, then each compound."""
        whole, parts = 0, dict[int, int]()
        for leaf in self._of(row, names):
            if leaf.child_index is None:
                whole |= 1 << leaf.index
            else:
                parts[leaf.index] = parts.get(leaf.index, 0) | 1 << leaf.child_index
        made = [_hex(whole)] if whole else []
        return made + [f"{index}-{_hex(bits)}" for index, bits in sorted(parts.items())]

    def _of(self, row: Row, names: Iterable[str]) -> list[Leaf]:
        """The places of the named fields. An account's Name is a text, or, of a person account, its parts."""
        found = [self.leaves[name] for name in names if name in self.leaves]
        if self._switchable is None:
            return found
        person = bool(row.get("IsPersonAccount") or row.get("LastName"))
        of_name = self._switchable.name
        return [leaf for leaf in found if leaf.name != of_name or (leaf.child is not None) == person]

    # Making the schema.

    def _fields(self) -> list[dict[str, Any]]:
        compounds = self._compounds()
        inside = {field.name for parts in compounds.values() for _, field in parts}
        shapes: dict[str, tuple[str, ...]] = {"Switchable_PersonName": _PERSON_NAME[:3]}
        for name, parts in compounds.items():
            record, order = _record_of(self.kind, name)
            present = {child for child, _ in parts} | set(shapes.get(record, ()))
            shapes[record] = tuple(one for one in order if one in present)
        made: list[dict[str, Any]] = []
        written: set[str] = set()
        for field in self._ordered():
            if field.name in inside:
                continue
            index = len(made) + 1
            if field.name in compounds:
                made.append(self._compound(field, index, compounds[field.name], shapes, written))
            else:
                made.append(_plain(field))
                self.leaves[field.name] = Leaf(field, index, field.name)
        return made

    def _compound(
        self,
        field: Field,
        index: int,
        parts: list[tuple[str, Field]],
        shapes: dict[str, tuple[str, ...]],
        written: set[str],
    ) -> dict[str, Any]:
        record, _ = _record_of(self.kind, field.name)
        order = shapes[record]
        known = dict(parts)
        for child, one in known.items():
            self.leaves[one.name] = Leaf(one, index, field.name, order.index(child), child)
        shape: Any = record
        if record not in written:
            written.add(record)
            children = [
                {"name": child, "type": ["null", _avro_type(known.get(child), child)], "default": None}
                for child in order
            ]
            shape = {"type": "record", "name": record, "fields": children}
        types = ["null", shape]
        if record == "Switchable_PersonName":
            types = ["null", "string", shape]
            self._switchable = self.leaves[field.name] = Leaf(field, index, field.name)
        return {"name": field.name, "type": types, "doc": f"Data:{record}", "default": None}

    def _compounds(self) -> dict[str, list[tuple[str, Field]]]:
        """Compound field -> (name in the event, field) of its parts."""
        made: dict[str, list[tuple[str, Field]]] = {}
        for field in self.shown:
            compound = field.attributes["compoundFieldName"]
            if compound and compound != field.name and self.kind.field(compound) is not None:
                made.setdefault(compound, []).append((_child_name(compound, field.name), field))
        known = {name: set(_record_of(self.kind, name)[1]) for name in made}
        kept = {name: [pair for pair in parts if pair[0] in known[name]] for name, parts in made.items()}
        if self.kind.name == "Account":
            kept.setdefault("Name", [])
        return kept

    def _ordered(self) -> list[Field]:
        """The fields that events have: standard ones, who and when, custom ones."""
        shown = [one for one in self.shown if one.name not in _LEFT_OUT and not _derived(one)]
        last = {name: place for place, name in enumerate(_LAST_OF_STANDARD)}
        rank = {False: 0, True: 2}
        return sorted(shown, key=lambda one: (1, last[one.name]) if one.name in last else (rank[_is_custom(one)], 0))


def event_name(object_name: str) -> str:
    """`Lead` -> `LeadChangeEvent`, `Seat__c` -> `Seat__ChangeEvent` (section 9.1)."""
    if object_name.endswith("__c"):
        return object_name[:-1] + "ChangeEvent"
    return object_name + "ChangeEvent"


def event_value(field: Field, value: Any) -> Any:
    """A stored value in the type that the event's schema gives the field: times in epoch ms."""
    if value is None:
        return None
    if field.type == "datetime":
        return int(read_time(value).timestamp() * 1000)
    if field.type == "date":
        day = date.fromisoformat(value)
        return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
    if field.type == "time":
        hours, minutes, seconds = value.removesuffix("Z").split(":")
        return (int(hours) * 60 + int(minutes)) * 60_000 + round(float(seconds) * 1000)
    if field.type == "int":
        return int(value)
    if field.type == "boolean":
        return bool(value)
    return float(value) if _PRIMITIVES.get(field.type) == "double" else str(value)


def difference(old: str, new: str) -> str:
    """A changed large text as its difference: the hash of the new text, then the changes in unified form."""
    digest = hashlib.sha256(new.encode()).hexdigest()
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "", "", lineterm="", n=0)
    return "\n".join(["--- ", f"+++ {digest}", *list(lines)[2:]])


def _derived(field: Field) -> bool:
    """Whether no event ever carries the field: formulas and files."""
    return bool(field.attributes["calculated"]) or field.type in ("base64", "id")


def _is_custom(field: Field) -> bool:
    return bool(field.attributes["custom"])


def _hex(bits: int) -> str:
    digits = f"{bits:X}"
    return "0x" + digits.rjust(len(digits) + len(digits) % 2, "0")


def _child_name(compound: str, name: str) -> str:
    """`MailingAddress`, `MailingCity` -> `City`; `Place__c`, `Place__Latitude__s` -> `Latitude`."""
    if compound == "Name":
        return name
    if name.endswith("__s"):
        return name.removesuffix("__s").rsplit("__", 1)[-1]
    return name.removeprefix(compound.removesuffix("Address"))


def _record_of(kind: ObjectType, compound: str) -> tuple[str, tuple[str, ...]]:
    """The type of a compound in the schema, and the parts that it may have."""
    if compound == "Name":
        return ("Switchable_PersonName" if kind.name == "Account" else "PersonName"), _PERSON_NAME
    field = kind.field(compound)
    if field is not None and field.type == "location":
        return "Location", _LOCATION
    return "Address", _ADDRESS


def _avro_type(field: Field | None, child: str) -> str:
    if field is not None:
        return _PRIMITIVES.get(field.type, "string")
    return "double" if child in _LOCATION else "string"


def _plain(field: Field) -> dict[str, Any]:
    doc = _DOCUMENTED.get(field.type, "Text")
    if field.type == "textarea":
        doc = "StringPlusClob" if field.length > 255 else "MultiLineText"
    role = "ForeignKey" if field.type == "reference" else "Data"
    kind = _PRIMITIVES.get(field.type, "string")
    return {"name": field.name, "type": ["null", kind], "doc": f"{role}:{doc}", "default": None}
