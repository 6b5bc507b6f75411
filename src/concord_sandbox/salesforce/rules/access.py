"""What the integration user may know of and change, and the record types of objects with the values that they allow.

The world's key `access`:

    hidden      {"Lead": ["Budget__c"]}: fields that field-level security keeps from the integration user; they do not
                exist for it, neither in describe nor in queries nor in writes
    read_only   {"Lead": ["Industry"]}: fields that it may read only
    objects     {"Case": "none" or "read"}: objects that do not exist for it, or that it may read only
    no_delete   ["Contact"]: objects whose records it may not delete

People at the screens (control verbs) are not held back by any of these. POST access {…}: the same, laid over what holds
("visible" and "writable", like "hidden" and "read_only", take it back). Nor does the part judge a write by its fields:
`validation.read_body` does.

Record types stand under the object: {"objects": {"Lead": {"recordTypes": [{"developerName", "name"?, "id"?, "active"?
(true), "default"? (false), "personType"? (false), "description"?, "picklistValues"?: {"Status": ["Open", {"value":
"Closed", "defaultValue": true}]}}]}}}. A field that picklistValues does not name allows all its values.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.errors import Fail, Refusal
from concord_sandbox.salesforce.ids import full_id
from concord_sandbox.salesforce.models import Actor, Org
from concord_sandbox.salesforce.schema import Field, Given, ObjectType, record_type_info
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.salesforce.values import wire_time
from concord_sandbox.salesforce.writes import Writer
from concord_sandbox.service import ControlError

_KEYS = ("hidden", "read_only", "objects", "no_delete")
_RECORD_TYPE_KEYS = {
    "developerName", "name", "id", "active", "default", "personType", "description", "picklistValues"
}  # fmt: skip
_RIGHTS = ("none", "read", "write")


@dataclass(frozen=True)
class RecordType:
    """One record type of an object. allowed: for the picklists that it narrows, their values; defaults: of these."""

    id: str
    developer_name: str
    active: bool
    default: bool
    allowed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)


class Access(Part[Org]):
    section = "access"
    verbs: ClassVar[dict[str, str]] = {"POST access": "change", "GET access": "shown"}

    def __init__(self, owner: Org, given: Any) -> None:
        super().__init__(owner, given)
        given = dict(given or {})
        unknown = given.keys() - set(_KEYS)
        if unknown:
            raise ControlError(f"access: there is no {', '.join(sorted(unknown))}")
        self._hidden: dict[str, set[str]] = {}
        self._read_only: dict[str, set[str]] = {}
        self._objects: dict[str, str] = {}
        self._no_delete: set[str] = set()
        #: Object -> id -> record type.
        self.record_types: dict[str, dict[str, RecordType]] = {}
        for name, declared in owner.declared.items():
            if declared.get("recordTypes"):
                kind = self._table(name).kind
                self.record_types[kind.name] = self._made(kind, declared["recordTypes"])
        #: Objects whose restricted picklists depend on others, with those.
        self._dependent = {
            table.kind.name: dependent
            for table in owner.tables.values()
            if (dependent := tuple(_dependent(table.kind)))
        }
        self._judged = self.record_types.keys() | self._dependent.keys()
        self._lay(given)

    def save(self) -> Any:
        saved: Given = {
            "hidden": {name: sorted(fields) for name, fields in self._hidden.items() if fields},
            "read_only": {name: sorted(fields) for name, fields in self._read_only.items() if fields},
            "objects": dict(self._objects),
            "no_delete": sorted(self._no_delete),
        }
        return {key: value for key, value in saved.items() if value} or None

    def shown(self, _: Given) -> Any:
        """The rights that hold: what is hidden, read only, or not to be deleted."""
        return self.save() or {}

    # Rights

    def change(self, asked: Given) -> Any:
        """{"hidden"?, "read_only"?, "visible"?, "writable"?: {object: [field]}, "objects"?: {object: "none" or "read"},
        "no_delete"?: [object]}: lay rights over those that hold. Raises ControlError for an object or a field that
        there is not."""
        self._lay(asked)
        self.owner.described_anew += 1
        self.owner.described_at = wire_time(self.owner.controls.clock.now())
        return self.shown({})

    def _lay(self, asked: Given) -> None:
        unknown = asked.keys() - {*_KEYS, "visible", "writable"}
        if unknown:
            raise ControlError(f"access: there is no {', '.join(sorted(unknown))}")
        for key, known, adding in (
            ("hidden", self._hidden, True),
            ("read_only", self._read_only, True),
            ("visible", self._hidden, False),
            ("writable", self._read_only, False),
        ):
            for name, fields in (asked.get(key) or {}).items():
                kind = self._table(name).kind
                named = {self._field(kind, one).name for one in fields}
                held = known.setdefault(kind.name, set())
                known[kind.name] = held | named if adding else held - named
        for name, right in (asked.get("objects") or {}).items():
            if right not in _RIGHTS:
                raise ControlError(f"access: {right!r} is no right to an object; one of {', '.join(_RIGHTS)}")
            self._objects[self._table(name).kind.name] = right
        self._no_delete |= {self._table(name).kind.name for name in asked.get("no_delete") or ()}
        self._apply()

    def _apply(self) -> None:
        for name in self._hidden.keys() | self._read_only.keys():
            kind = self._table(name).kind
            hidden, read_only = self._hidden.get(name, set()), self._read_only.get(name, set())
            for one in kind.fields.values():
                one.protect(hidden=one.name in hidden, read_only=one.name in read_only)
            kind.note_visible()
        for name, right in self._objects.items():
            self._table(name).kind.access = right
        for name in self._no_delete:
            self._table(name).kind.flags["deletable"] = False

    def _table(self, name: str) -> Table:
        found = self.owner.table(name)
        if found is None:
            raise ControlError(f"this org has no object {name!r}")
        return found

    @staticmethod
    def _field(kind: ObjectType, name: str) -> Field:
        found = kind.field(name)
        if found is None:
            raise ControlError(f"{kind.name} has no field {name!r}")
        if found.name == "Id" or found.required:
            raise ControlError(f"{kind.name}.{found.name}: nobody can be kept from a field that every record needs")
        return found

    # Record types

    def _made(self, kind: ObjectType, declared: Iterable[Given]) -> dict[str, RecordType]:
        table = self.owner.tables["recordtype"]
        known = {row["DeveloperName"]: row["Id"] for row in table.rows.values() if row.get("SobjectType") == kind.name}
        made: dict[str, RecordType] = {}
        for given in declared:
            unknown = given.keys() - _RECORD_TYPE_KEYS
            if unknown:
                raise ControlError(f"recordTypes of {kind.name}: there is no {', '.join(sorted(unknown))}")
            name = given["developerName"]
            record_id = str(known.get(name) or full_id(given.get("id")) or self.owner.fresh_id(table))
            if record_id not in table.rows:
                table.put(record_id, self._row(record_id, kind, given))
            active, default = given.get("active", True), given.get("default", False)
            allowed, defaults = _narrowed(kind, given.get("picklistValues") or {})
            made[record_id] = RecordType(record_id, name, active, default, allowed, defaults)
            kind.record_types.append(
                record_type_info(record_id, name, str(given.get("name", name)), active=active, default=default)
            )
        return made

    def _row(self, record_id: str, kind: ObjectType, given: Given) -> Row:
        now, by = wire_time(self.owner.controls.clock.now()), self.owner.ordinary_user_id
        name = given["developerName"]
        row: Row = {"Id": record_id, "DeveloperName": name, "Name": given.get("name", name), "SobjectType": kind.name}
        row |= {"CreatedDate": now, "LastModifiedDate": now, "SystemModstamp": now}
        row |= {"CreatedById": by, "LastModifiedById": by}
        marks = {"IsActive": given.get("active", True), "IsPersonType": given.get("personType", False)}
        row |= {name: True for name, mark in marks.items() if mark}
        return row | ({"Description": given["description"]} if given.get("description") else {})

    # Taking part in writes

    def before(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        kind = table.kind
        if not actor.person and kind.access != "write":
            raise _forbidden(kind, creating=old is None)
        if old is None and kind.flags and not kind.may("createable"):
            raise _unsupported(kind, "inserted")
        types = self.record_types.get(kind.name)
        if types is not None and old is None:
            if "RecordTypeId" not in row:
                default = next((one for one in types.values() if one.default and one.active), None)
                if default is None:
                    return
                row["RecordTypeId"] = default.id
            chosen = types.get(row["RecordTypeId"])
            for name, value in (chosen.defaults if chosen else {}).items():
                # The object's own default, which no record of this type may have, was filled in before.
                if chosen is not None and row.get(name) not in chosen.allowed[name]:
                    given = row.get(name)
                    if given is None or given == kind.fields[name.lower()].default:
                        row[name] = value

    def check(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        kind = table.kind
        if kind.name not in self._judged:
            return
        was = old or {}
        types = self.record_types.get(kind.name)
        moved = row.get("RecordTypeId") != was.get("RecordTypeId")
        if types is not None and row.get("RecordTypeId"):
            chosen = types.get(row["RecordTypeId"])
            if moved and (chosen is None or not chosen.active):
                words = f"Record Type ID: this ID value isn't valid for the user: {row['RecordTypeId']}"
                raise Refusal(400, Fail("INVALID_CROSS_REFERENCE_KEY", words, ("RecordTypeId",)))
            for name, allowed in (chosen.allowed if chosen else {}).items():
                _check_values(kind.fields[name.lower()], row, was, frozenset(allowed))
        for one in self._dependent.get(kind.name, ()):
            controller = kind.fields[str(one.controller).lower()]
            over = controlling_value(controller, row)
            if row.get(one.name) != was.get(one.name) or over != controlling_value(controller, was):
                _check_values(one, row, {}, frozenset(v for v, by in one.allowed.items() if over in by))

    def after(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        """Nothing follows."""

    def on_delete(self, writer: Writer, table: Table, row: Row, actor: Actor) -> None:
        kind = table.kind
        if kind.access != "write" and not actor.person:
            raise _forbidden(kind, creating=False)
        if kind.flags and not kind.may("deletable"):
            if kind.name not in self._no_delete:
                raise _unsupported(kind, "deleted")
            if not actor.person:
                raise _forbidden(kind, creating=False)


def controlling_value(controller: Field, row: Row) -> str | None:
    """The value that a controlling field has in a record, as the bitmaps name it."""
    value = row.get(controller.name, controller.absent)
    return str(value).lower() if isinstance(value, bool) else value


def _dependent(kind: ObjectType) -> Iterable[Field]:
    """The dependent picklists whose values are judged: Salesforce lets others take any value that an API call gives."""
    return (one for one in kind.fields.values() if one.controller is not None and one.attributes["restrictedPicklist"])


def _narrowed(kind: ObjectType, given: Given) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    allowed: dict[str, tuple[str, ...]] = {}
    defaults: dict[str, str] = {}
    for name, values in given.items():
        known = kind.field(name)
        if known is None or known.type not in ("picklist", "multipicklist"):
            raise ControlError(f"recordTypes of {kind.name}: {name} is no picklist")
        listed = [one if isinstance(one, dict) else {"value": one} for one in values]
        unknown = {one["value"] for one in listed} - set(known.all_values)
        if unknown:
            raise ControlError(f"recordTypes of {kind.name}: {name} has no value {', '.join(sorted(unknown))}")
        allowed[known.name] = tuple(one["value"] for one in listed)
        default = next((one["value"] for one in listed if one.get("defaultValue")), None)
        if default is not None:
            defaults[known.name] = default
    return allowed, defaults


def _check_values(judged: Field, row: Row, was: Row, allowed: frozenset[str]) -> None:
    """Refuse a value of a restricted picklist that is not allowed here; one that was there before stays."""
    value = row.get(judged.name)
    if value is None or value == was.get(judged.name) or not judged.attributes["restrictedPicklist"]:
        return
    for one in value.split(";") if judged.type == "multipicklist" else (value,):
        if one not in allowed:
            words = f"{judged.label}: bad value for restricted picklist field: {one}"
            raise Refusal(400, Fail("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", words, (judged.name,)))


def _forbidden(kind: ObjectType, *, creating: bool) -> Refusal:
    if creating:
        return _unsupported(kind, "inserted")
    words = "insufficient access rights on object id"
    return Refusal(403, Fail("INSUFFICIENT_ACCESS_OR_READONLY", words, ()))


def _unsupported(kind: ObjectType, done: str) -> Refusal:
    return Refusal(400, Fail("INVALID_TYPE_FOR_OPERATION", f"entity type cannot be {done}: {kind.label}", ()))
