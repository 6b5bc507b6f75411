"""Makes an org from its section of a world, and the section from an org. The format stands in `models`."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from concord_sandbox.salesforce.ids import full_id
from concord_sandbox.salesforce.models import ORDINARY_USER_ID, Identity, Org
from concord_sandbox.salesforce.objects.activities import activity_fields_may_lead_to
from concord_sandbox.salesforce.objects.cases import individual_object
from concord_sandbox.salesforce.objects.features import added_fields, check_features
from concord_sandbox.salesforce.objects.settings import currency_object
from concord_sandbox.salesforce.objects.standard import (
    custom_fields_base,
    history_fields,
    history_object,
    standard_objects,
)
from concord_sandbox.salesforce.objects.statuses import add_settings
from concord_sandbox.salesforce.schema import Given, ObjectType
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.salesforce.values import read_time, wire_time
from concord_sandbox.salesforce.world_checks import check_keys, checked_value
from concord_sandbox.service import ControlError, Controls

_IDENTITY = {one.name for one in fields(Identity)}
_PARENT_KEYS = {
    "LeadId": "LeadHistory",
    "ContactId": "ContactHistory",
    "AccountId": "AccountHistory",
    "OpportunityId": "OpportunityFieldHistory",
    "CaseId": "CaseHistory",
    "CampaignId": "CampaignHistory",
}
#: What every record is stored with, though a few objects show less of it.
_STAMPS = ("CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp", "IsDeleted")
_TIMES = ("CreatedDate", "LastModifiedDate", "SystemModstamp")


def load(section: Given, controls: Controls, beside: frozenset[str] = frozenset()) -> Org:
    """The org that a section describes; keys `beside` are for others to read. What has no date is of now.

    Raises ControlError.
    """
    now = wire_time(controls.clock.now())
    unknown = section.keys() - _IDENTITY - {"objects", "records", "history", "features", "currencies"} - beside
    if unknown:
        raise ControlError(f"a Salesforce section has no key {', '.join(sorted(unknown))}")
    identity = Identity(**{key: value for key, value in section.items() if key in _IDENTITY})
    for key in ("session_minutes", "daily_limit", "daily_used"):
        if not isinstance(getattr(identity, key), int | float):
            raise ControlError(f"{key}: {getattr(identity, key)!r} is no number")
    for key in ("organisation_id", "integration_user_id"):
        setattr(identity, key, _id(getattr(identity, key), key))
    org = Org(identity, declared=section.get("objects") or {}, controls=controls)
    org.features = check_features(section.get("features") or ())
    org.currencies = [dict(one) for one in section.get("currencies") or ()]
    check_keys(section)
    _add_objects(org)
    records = section.get("records") or {}
    for name, rows in sorted(records.items(), key=lambda item: item[0] != "User"):  # the rest defaults to a user
        table = org.table(name)
        if table is None:
            raise ControlError(f"records of {name}: this org has no such object")
        reader = _Reader(org, table, now)
        for given in rows:
            reader.read(given)
    _add_users(org, now)
    add_settings(org, lambda name, given: _Reader(org, org.tables[name.lower()], now).read(given))
    for given in section.get("history") or []:
        _add_history(org, given, now)
    return org


def save(org: Org) -> Given:
    """The section of an org as it stands."""
    records, history = {}, []
    for table in org.tables.values():
        if table.kind.prefix == "017":
            history += [{"object": table.kind.name, **row} for row in table.rows.values()]
        elif table.rows:
            records[table.kind.name] = [dict(row) for row in table.rows.values()]
    section = {key: value for key, value in asdict(org.identity).items() if value is not None}
    section |= {"features": sorted(org.features)} if org.features else {}
    section |= {"currencies": org.currencies} if org.currencies else {}
    return {**section, "objects": org.declared, "records": records, "history": history}


def _add_objects(org: Org) -> None:
    declared = {name.lower(): (name, given) for name, given in org.declared.items()}
    _, activity = declared.pop("activity", ("", {}))
    standard = standard_objects()
    if "data_protection" in org.features:
        standard.append(individual_object())
    if org.currencies:
        standard.append(currency_object())
    activity_fields_may_lead_to(standard, [name for name, given in declared.values() if given.get("activities")])
    for given, own in standard:
        _, added = declared.pop(given["name"].lower(), ("", {}))
        shared = activity.get("fields", []) if given["name"] in ("Task", "Event") else []
        own = [*own, *shared]
        extra = added_fields(given["name"], own, org.declared, org.features, org.currencies)
        org.add(ObjectType(given, [*own, *extra, *added.get("fields", [])]))
    for number, (name, added) in enumerate(declared.values()):
        _add_custom(org, name, added, number)
    for table in list(org.tables.values()):
        kind = table.kind
        if kind.history and (kind.tracked or not kind.custom):
            org.add(ObjectType(history_object(kind.name, kind.label, kind.history), history_fields(kind.name)))


def _add_custom(org: Org, name: str, added: Given, number: int) -> None:
    if not name.endswith("__c"):
        raise ControlError(f"object {name}: not a standard object of this sandbox, and not a custom one (…__c)")
    given = {"name": name, "keyPrefix": f"a{number:02d}", "history": name[:-3] + "__History"}
    given |= {key: added[key] for key in ("label", "labelPlural", "keyPrefix", "flags") if key in added}
    own = [_with_defaults(one) for one in added.get("fields", [])]
    base = custom_fields_base()
    if any(one.get("writeRequiresMasterRead") for one in own):
        base = [one for one in base if one["name"] != "OwnerId"]  # a detail is owned by whoever owns its master
    extra = added_fields(name, own, org.declared, org.features, org.currencies)
    org.add(ObjectType(given, [*base, *extra, *own]))


def _with_defaults(given: Given) -> Given:
    """A field of a custom object: one that is `masterDetail` cannot be empty nor outlive its master."""
    if not given.get("masterDetail"):
        return given
    made = {key: value for key, value in given.items() if key != "masterDetail"}
    master = {"nillable": False, "cascadeDelete": True, "writeRequiresMasterRead": True, "updateable": False}
    return {**master, "relationshipOrder": 0, **made}


class _Reader:
    """Reads the given records of one object into its table, by names looked up once."""

    def __init__(self, org: Org, table: Table, now: str) -> None:
        self._org, self._table, self._now = org, table, now
        kind = table.kind
        self._names = {field.name: field for field in kind.fields.values()}
        self._ids = {field.name for field in kind.fields.values() if field.type in ("id", "reference")}
        self._skipped = set(kind.compounds) | ({"Name"} if len(kind.named) > 1 else set())
        self._owned = "ownerid" in kind.fields
        #: Ids read before: the same few users stand in every record.
        self._read: dict[Any, str] = {}
        #: (unique field, value) -> the record that has it.
        self._held: dict[tuple[str, Any], str] = {}

    def read(self, given: Given) -> None:
        """Store one record. Raises ControlError for a field that the object lacks or an id that is none."""
        kind = self._table.kind
        row: Row = {}
        for name, value in given.items():
            field = self._names.get(name)
            if field is None:
                if name == "attributes":
                    continue
                if name in _STAMPS:
                    row[name] = value
                    continue
                raise ControlError(f"records of {kind.name}: the object has no field {name!r}; add it under objects")
            if value is None or value is False or name in self._skipped:
                continue
            if name in self._ids:
                value = self._id(value, name)
            elif field.type == "datetime":
                value = _time(value, f"{kind.name}.{name}")
            else:
                value = checked_value(f"{kind.name}.{name}", field, value)
            row[name] = value
        self._complete(row)
        self._claim(row)
        put_name(kind, row)
        self._table.put(row["Id"], row)

    def _complete(self, row: Row) -> None:
        """Give a record the id, the stamps and the owner that it came without."""
        kind, org, now = self._table.kind, self._org, self._now
        record_id = row.get("Id")
        if record_id is None:
            record_id = row["Id"] = org.fresh_id(self._table)
        if kind.prefix and record_id[:3] != kind.prefix:
            raise ControlError(
                f"records of {kind.name}: {record_id} is no id of this object, whose ids begin {kind.prefix}"
            )
        if record_id in self._table.rows:
            raise ControlError(f"records of {kind.name}: two records have the id {record_id}")
        created = row.setdefault("CreatedDate", row.get("LastModifiedDate") or row.get("SystemModstamp") or now)
        modified = row.setdefault("LastModifiedDate", row.get("SystemModstamp") or created)
        row.setdefault("SystemModstamp", modified)
        if "LastModifiedById" not in row or "CreatedById" not in row:
            by = row.get("CreatedById") or ordinary_user(org)
            row.setdefault("CreatedById", by)
            row.setdefault("LastModifiedById", by)
        if self._owned and "OwnerId" not in row:
            row["OwnerId"] = row["CreatedById"]

    def _claim(self, row: Row) -> None:
        """Raises ControlError for a value that only one record can have and another has."""
        for field in self._table.kind.uniques:
            value = field.fold(row.get(field.name))
            if value is not None and not row.get("IsDeleted"):
                holder = self._held.setdefault((field.name, value), row["Id"])
                if holder != row["Id"]:
                    where = f"records of {self._table.kind.name}"
                    raise ControlError(f"{where}: {holder} and {row['Id']} have the same {field.name}, {value!r}")

    def _id(self, given: Any, name: str) -> str:
        known = self._read.get(given)
        if known is None:
            known = _id(given, f"{self._table.kind.name}.{name}")
            if name != "Id":
                self._read[given] = known
        return known


def put_name(kind: ObjectType, row: Row) -> None:
    """Fill the compound Name of a person from its parts."""
    if len(kind.named) > 1:
        name = " ".join(row[part] for part in kind.named if row.get(part))
        if name:
            row["Name"] = name


def ordinary_user(org: Org) -> str:
    """Some active user who is a person, not the integration."""
    users = org.tables["user"].rows
    for record_id, row in users.items():
        if record_id != org.identity.integration_user_id and row.get("IsActive"):
            return record_id
    return ORDINARY_USER_ID


def _add_users(org: Org, now: str) -> None:
    users = org.tables["user"]
    reader = _Reader(org, users, now)
    integration = org.identity.integration_user_id
    wanted = [(integration, "Integration", "User", "integration.user")]
    org.ordinary_user_id = ordinary_user(org)
    if org.ordinary_user_id not in users.rows:
        wanted.append((org.ordinary_user_id, "Alex", "Example", "alex.example"))
    for user_id, given, family, mailbox in wanted:
        if user_id not in users.rows:
            address = f"{mailbox}@sandbox.example"
            names = {"FirstName": given, "LastName": family, "Alias": given[:8].lower()}
            rest = {"Email": address, "Username": address, "IsActive": True, "UserType": "Standard"}
            reader.read({"Id": user_id, **names, **rest, "CreatedById": integration})


def _add_history(org: Org, given: Given, now: str) -> None:
    name = given.get("object") or next((table for key, table in _PARENT_KEYS.items() if key in given), None)
    table = org.table(name) if name else None
    if table is None:
        raise ControlError(f"history: cannot tell the object of {sorted(given)}; say {{'object': 'LeadHistory'}}")
    row: Row = {key: value for key, value in given.items() if key != "object" and value is not None}
    unknown = [key for key in row if key.lower() not in table.kind.fields and key != "SystemModstamp"]
    if unknown:
        raise ControlError(f"history of {table.kind.name}: no column {', '.join(unknown)}")
    row["Id"] = _id(row["Id"], "history") if "Id" in row else org.fresh_id(table)
    for key in row:
        if key.endswith("Id") and key != "Id":
            row[key] = _id(row[key], f"history {key}")
    row["CreatedDate"] = row["SystemModstamp"] = _time(row.get("CreatedDate", now), "history CreatedDate")
    row.setdefault("CreatedById", org.ordinary_user_id)
    table.put(row["Id"], row)


def _id(given: Any, where: str) -> str:
    known = full_id(given)
    if known is None:
        raise ControlError(f"{where}: {given!r} is no Salesforce id (15 characters, or 18 with a right checksum)")
    return known


def _time(given: Any, where: str) -> str:
    if isinstance(given, str) and len(given) == 28 and given.endswith(".000+0000"):
        return given
    try:
        return wire_time(read_time(str(given)))
    except ValueError as error:
        raise ControlError(f"{where}: {error}") from error
