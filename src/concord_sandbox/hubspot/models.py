"""The state of one HubSpot account, and how a world describes it.

A world's section `hubspot` is one JSON object; every key may be left out, so `{}` is an empty account:

    portal_id, app_id           numbers; client_id, client_secret, access_token, refresh_token,
                                developer_api_key: texts
    account_type                STANDARD | DEVELOPER_TEST | SANDBOX | APP_DEVELOPER
    burst_limit                 calls in ten seconds (190); daily_limit (1,000,000); search_limit a second (5)
    time_zone, currency         of the account ("UTC", "EUR"); the daily limit starts anew at its midnight
    index_lag_ms                how long a write stays invisible to searches (500)
    list_lag_ms                 how long after a change lists that follow filters see it (1,000)
    data_privacy                whether the account has data privacy settings on (false)
    automatic_lifecycle         whether associations and deals set lifecycle stages by themselves (false)
    automatic_companies         whether contacts are associated to companies by e-mail domain (false)
    primary_id_preservation     whether a merge keeps the primary's id: the beta (false)
    currencies                  {"USD": 0.92}: further currencies, each with its worth in the account's own
    objects                     {"subscriptions": {"id": "2-1001", "singular": "subscription"}}: custom object types;
                                beside these whatever a schema has (`name`, `labels`, `requiredProperties`,
                                `searchableProperties`, `primaryDisplayProperty`, … as schemas.py shows them)
    properties                  {"contacts": [{"name", "label", "type", "fieldType", "options"?: [{"value", "label"}],
                                "hasUniqueValue"?, "groupName"?, …}]}: custom properties, or built-in ones replaced
    records                     {"contacts": [{"id", "properties": {…}, "createdAt"?, "updatedAt"?, "archived"?,
                                "archivedAt"?, "history"?: {"email": [{"value", "timestamp", "sourceType"?, …}]},
                                "origin"?: {"timestamp", "sourceType", …}}]}
                                Times are ISO 8601 or epoch ms; createdAt is by default updatedAt, and updatedAt now.
                                Without `history` a property has one entry: of `origin`, by default made by a person
                                at updatedAt. `history` is newest first, as the API shows it.
    merged                      {"contacts": {"101": "205"}}: ids that were merged away, and where to
    associations                [{"from": ["contacts", "101"], "to": ["companies", "201"], "types": [1, 279]}]
    labels                      [{"from", "to", "label", "inverseLabel"?, "typeId"?, "inverseTypeId"?, "category"?}]
    association_limits          [{"from", "to", "typeId", "maxToObjectIds"}]
    owners                      [{"id", "email", "firstName", "lastName", "userId", "archived"?, "type"?}]
    pipelines                   {"deals": [{"id", "label", "displayOrder"?, "archived"?, "audit"?, "stages": [{"id",
                                "label", "metadata"?, …}]}]}; deals, tickets and leads not named have HubSpot's own
    unsubscribed                {"a@example.com": ISO time}: addresses that are opted out of everything
    subscriptions               [{"id", "name", "purpose"?, …}]: the account's e-mail subscription types
    statuses                    [{"email", "subscriptionId", "status", "timestamp", "legalBasis"?, …}]
    blocked                     addresses that were erased for good and cannot come back
    validations                 {"contacts": {"phone": [{"ruleType", "ruleArguments"}]}}
    property_groups             {"contacts": [{"name", "label", "displayOrder"?}]}: beside those that properties imply
    required                    {"contacts": ["lastname"]}: properties that the create form demands
    conditionally_required      {"deals": [{"property": "dealstage", "values": ["closedlost"], "required":
                                ["closed_lost_reason"]}]}: properties demanded where another has one of these values
    webhooks                    as `PUT /_control/webhooks` takes it (webhooks.py)

Every other key belongs to a part with a module of its own, whose text says what it takes (`service.PARTS`).

References in a world (associations, unsubscribed, owners) need not resolve, as in a real account.
No rules of writing here: a world may hold what the API would refuse.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from concord_sandbox.hubspot.built_in.stages import DEFAULT_PIPELINES
from concord_sandbox.hubspot.links import End, Links
from concord_sandbox.hubspot.rules import Rule, rule
from concord_sandbox.hubspot.schema import (
    NOT_STAGED,
    OBJECT_TYPES,
    Definition,
    ObjectType,
    definition,
    groups_of,
    opt_out_property,
    stage_dates,
)
from concord_sandbox.hubspot.tables import Actor, Entry, ObjectTable, Record, Seen, whole_number
from concord_sandbox.hubspot.values import epoch_ms, iso
from concord_sandbox.hubspot.world_keys import LINK_KEYS, RECORD_KEYS, check_keys
from concord_sandbox.known_keys import only
from concord_sandbox.service import Controls

__all__ = ["Actor", "Entry", "ObjectTable", "Portal", "Record", "Seen", "load", "save"]

_FIRST_ID = 541_000_000_000  # as large as in real accounts: such ids do not fit 32 bits
_PERSON = Actor("CRM_UI", None)
_KNOWN_TYPES = {kind.plural: kind for kind in OBJECT_TYPES}
_SETTINGS: dict[str, Any] = {
    "portal_id": 62_515_001,
    "app_id": 50_780_459,
    "client_id": "8c0e1f52-0000-4000-8000-5a17c0a11e57",
    "client_secret": "11111111-2222-3333-4444-555555555555",
    "developer_api_key": "eu1-sandbox-developer-0000-4000-8000-000000000003",
    "access_token": "pat-eu1-sandbox-0000-4000-8000-000000000001",
    "refresh_token": "eu1-sandbox-refresh-0000-4000-8000-000000000002",
    "account_type": "DEVELOPER_TEST",
    "burst_limit": 190,
    "daily_limit": 1_000_000,
    "search_limit": 5,
    "time_zone": "UTC",
    "currency": "EUR",
    "index_lag_ms": 500,
    "list_lag_ms": 1_000,
    "data_privacy": False,
    "automatic_lifecycle": False,
    "automatic_companies": False,
    "primary_id_preservation": False,
    "currencies": {},
}
_SUBSCRIPTIONS = [
    {"id": "1", "name": "Marketing Information", "purpose": "Marketing"},
    {"id": "2", "name": "One to One", "purpose": "Sales"},
]


@dataclass
class Portal:
    """All state of one account. `settings` are the plain values at the top of a world."""

    settings: dict[str, Any] = field(default_factory=lambda: dict(_SETTINGS))
    kinds: dict[str, ObjectType] = field(default_factory=lambda: dict(_KNOWN_TYPES))
    own_types: dict[str, dict[str, Any]] = field(default_factory=dict)
    own_properties: dict[str, list[str]] = field(default_factory=dict)
    links: Links = field(default_factory=Links)
    association_limits: list[dict[str, Any]] = field(default_factory=list)
    owners: list[dict[str, Any]] = field(default_factory=list)
    pipelines: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    unsubscribed: dict[str, int] = field(default_factory=dict)
    subscriptions: list[dict[str, Any]] = field(default_factory=lambda: deepcopy(_SUBSCRIPTIONS))
    statuses: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    validations: dict[str, dict[str, list[Rule]]] = field(default_factory=dict)
    required: dict[str, list[str]] = field(default_factory=dict)
    conditional: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    webhooks: dict[str, Any] = field(default_factory=dict)
    next_id: int = _FIRST_ID
    controls: Controls = field(default_factory=Controls)
    _tables: dict[str, ObjectTable] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kind in list(self.kinds.values()):
            self.declare(kind)

    def declare(self, kind: ObjectType) -> None:
        self.kinds[kind.plural] = kind
        own = self.own_types.get(kind.plural)
        names = [kind.plural, kind.singular, kind.type_id]
        if own is not None:
            name = str(own.get("name") or kind.plural)
            names += [name, f"p_{name}", self.full_name(name)]
        for name in names:
            self._names.setdefault(name.lower(), kind.plural)

    def full_name(self, name: str) -> str:
        """The fully qualified name of a custom object type."""
        return f"p{self.settings['portal_id']}_{name}"

    def is_archived(self, plural: str) -> bool:
        """Whether this is a custom object type whose schema is archived: no call reaches it, its table is kept."""
        return bool(self.own_types.get(plural, {}).get("archived"))

    def table(self, name: str) -> ObjectTable | None:
        """The table of an object type, by plural name, singular name or type id; None when there is no such type."""
        plural = self._names.get(name) or self._names.get(name.lower())
        if plural is None:
            return None
        return self.kept(plural)

    def discard(self, plural: str) -> None:
        """Forget a custom object type with its records, properties, links and rules."""
        table = self.kept(plural)
        self.association_limits = [
            row for row in self.association_limits if table not in (self.table(row["from"]), self.table(row["to"]))
        ]
        self.links.forget(plural)
        self._names = {name: to for name, to in self._names.items() if to != plural}
        for held in (self.own_types, self.kinds, self._tables, self.own_properties, self.validations, self.required,
                     self.conditional, self.pipelines):  # fmt: skip
            held.pop(plural, None)

    def kept(self, plural: str) -> ObjectTable:
        """The table of an object type that is or was declared, by its plural name."""
        if plural not in self._tables:
            table = self._tables[plural] = ObjectTable(self.kinds[plural])
            if plural == "contacts":
                for one in self.subscriptions:
                    made = opt_out_property(one["id"], one["name"])
                    table.definitions[made.name] = made
            self.follow_stages(plural)
        return self._tables[plural]

    def follow_stages(self, plural: str) -> None:
        """Give a table in use the properties that belong to the stages of its pipelines."""
        table = self._tables.get(plural)
        if table is None or plural in NOT_STAGED:
            return
        for pipeline in self.pipelines_of(plural):
            for stage in pipeline["stages"]:
                for made in stage_dates(str(stage["id"]), str(stage.get("label", stage["id"]))):
                    table.definitions.setdefault(made.name, made)

    def tables(self) -> list[ObjectTable]:
        """The tables in use."""
        return list(self._tables.values())

    def require_table(self, name: str) -> ObjectTable:
        """Like `table`. Raises KeyError."""
        table = self.table(name)
        if table is None:
            raise KeyError(f"there is no object type {name!r} in this HubSpot account")
        return table

    def new_id(self) -> int:
        self.next_id += 1
        return self.next_id

    def changed_property(self, table: ObjectTable, one: Definition) -> None:
        """Note a definition that differs from HubSpot's own, to be saved, and give it what belongs to it."""
        own = self.own_properties.setdefault(table.kind.plural, [])
        if one.name not in own:
            own.append(one.name)
        if one.name == "lifecyclestage":
            for stage in one.options:
                for made in stage_dates(str(stage["value"]), str(stage["label"])):
                    table.definitions.setdefault(made.name, made)

    def pipelines_of(self, plural: str) -> list[dict[str, Any]]:
        """The pipelines of an object type that are in use, by their order; HubSpot's own when the world names none."""
        if plural in self.pipelines:
            live = [one for one in self.pipelines[plural] if not one.get("archived")]
            return sorted(live, key=lambda one: int(one.get("displayOrder", 0)))
        return [DEFAULT_PIPELINES[plural]] if plural in DEFAULT_PIPELINES else []

    def own_pipelines(self, plural: str) -> list[dict[str, Any]]:
        """The same, archived ones too, to be changed."""
        return self.pipelines.setdefault(plural, deepcopy(self.pipelines_of(plural)))


def load(world: dict[str, Any], controls: Controls, beside: frozenset[str] = frozenset()) -> Portal:
    """A portal from a world's section; keys `beside` are for others to read.

    Raises ValueError, KeyError or TypeError when it is malformed.

    Keeps no reference into `world` and does not change it.
    """
    unknown = sorted(world.keys() - _SETTINGS.keys() - _SECTIONS - {"next_id"} - beside)
    if unknown:
        raise ValueError(f"unknown keys in the section hubspot: {', '.join(unknown)}")
    check_keys(world)
    portal = Portal(settings=_SETTINGS | {key: world[key] for key in _SETTINGS.keys() & world.keys()})
    portal.next_id = int(world.get("next_id", _FIRST_ID))
    portal.controls = controls
    now = controls.clock.epoch_ms()
    if "subscriptions" in world:
        portal.subscriptions = [
            {**one, "id": str(one["id"]), "name": str(one["name"])} for one in world["subscriptions"]
        ]
    _load_types(portal, world)
    _load_properties(portal, world, now)
    _load_groups(portal, world)
    _load_rules(portal, world)
    portal.owners = [{**owner, "id": str(owner["id"])} for owner in world.get("owners", [])]
    portal.pipelines = {portal.require_table(n).kind.plural: deepcopy(p) for n, p in world.get("pipelines", {}).items()}
    for table in portal.tables():
        portal.follow_stages(table.kind.plural)
    portal.webhooks = deepcopy(world.get("webhooks", {}))
    portal.association_limits = deepcopy(world.get("association_limits", []))
    portal.blocked = {str(address).lower() for address in world.get("blocked", [])}
    for name, rows in world.get("records", {}).items():
        _load_records(portal, portal.require_table(name), rows, now)
    for name, merged in world.get("merged", {}).items():
        portal.require_table(name).merged.update({int(old): int(new) for old, new in merged.items()})
    _load_links(portal, world)
    _load_consent(portal, world)
    return portal


_SECTIONS = frozenset(
    (  # noqa: SIM905 - as in the text above
        "objects properties records merged associations labels association_limits owners pipelines unsubscribed"
        " subscriptions statuses blocked validations required conditionally_required webhooks"
        " property_groups"
    ).split()
)


def _load_types(portal: Portal, world: dict[str, Any]) -> None:
    declared = dict(world.get("objects", {}))
    for name in (*world.get("properties", {}), *world.get("records", {})):
        if portal.table(name) is None and name not in declared:
            declared[name] = {}
    for place, (plural, about) in enumerate(declared.items()):
        about = {"id": f"2-{1001 + place}", "singular": plural.removesuffix("s"), **deepcopy(about)}
        portal.own_types[plural] = about
        searched = tuple(str(name) for name in about.get("searchableProperties", ()))
        portal.declare(ObjectType(str(about["id"]), plural, str(about["singular"]), searched=searched))


def _load_properties(portal: Portal, world: dict[str, Any], now: int) -> None:
    for name, rows in world.get("properties", {}).items():
        table = portal.require_table(name)
        for row in rows:
            made = add_property(portal, table, _with_defaults(table, row), now)
            made.created, made.updated = (_ms(row.get(name, now)) for name in ("createdAt", "updatedAt"))


def _load_groups(portal: Portal, world: dict[str, Any]) -> None:
    for name, rows in world.get("property_groups", {}).items():
        groups = portal.require_table(name).groups
        for row in rows:
            groups[str(row["name"])] = {
                "name": str(row["name"]),
                "label": str(row.get("label", row["name"])),
                "displayOrder": int(row.get("displayOrder", -1)),
            }


def _saved_groups(table: ObjectTable) -> list[dict[str, Any]]:
    """The groups that are not as the table's properties imply them."""
    implied = groups_of(table.definitions.values())
    return [dict(group) for name, group in table.groups.items() if implied.get(name) != group]


def _with_defaults(table: ObjectTable, row: dict[str, Any]) -> dict[str, Any]:
    """A built-in property that a world replaces keeps what the world does not say."""
    before = table.definitions.get(str(row.get("name")))
    if before is None:
        return row
    return {
        "label": before.label,
        "type": before.type,
        "fieldType": before.field_type,
        "groupName": before.group,
        "options": before.options,
        "hasUniqueValue": before.unique,
        "modificationMetadata": {"readOnlyValue": before.read_only},
        "calculated": before.calculated,
        "externalOptions": before.external_options,
        "referencedObjectType": before.referenced_object_type,
        "hubspotDefined": before.hubspot_defined,
        **row,
    }


def add_property(portal: Portal, table: ObjectTable, row: dict[str, Any], now: int) -> Definition:
    """Define a property of an object type. Raises ValueError."""
    made = definition(row, now)
    table.definitions[made.name] = made
    portal.changed_property(table, made)
    table.groups.setdefault(
        made.group,
        {"name": made.group, "label": made.group.replace("_", " ").title(), "displayOrder": -1},
    )
    if made.unique and made.name not in table.unique:
        table.make_unique(made.name)
    return made


def _load_rules(portal: Portal, world: dict[str, Any]) -> None:
    for name, by_property in world.get("validations", {}).items():
        plural = portal.require_table(name).kind.plural
        portal.validations[plural] = {prop: [rule(one) for one in rules] for prop, rules in by_property.items()}
    for name, rows in world.get("conditionally_required", {}).items():
        portal.conditional[portal.require_table(name).kind.plural] = [
            {
                "property": str(row["property"]),
                "values": [str(value) for value in row["values"]],
                "required": [str(one) for one in row["required"]],
            }
            for row in rows
        ]
    for name, names in world.get("required", {}).items():
        portal.required[portal.require_table(name).kind.plural] = [str(one) for one in names]


def _ms(value: Any) -> int:
    return value if isinstance(value, int) else epoch_ms(str(value))


def _load_records(portal: Portal, table: ObjectTable, rows: list[dict[str, Any]], now: int) -> None:
    live = []
    is_contact = table.kind.plural == "contacts"
    for row in rows:
        if not (row.keys() <= RECORD_KEYS and "id" in row):
            only(f"a row of the records of {table.kind.plural}", row, RECORD_KEYS, ("id",))
        record_id = whole_number(str(row["id"]))
        if record_id is None:
            raise ValueError(f"{table.kind.singular} {row['id']!r}: a record id is a whole number")
        updated = _ms(row["updatedAt"]) if "updatedAt" in row else now
        created = _ms(row["createdAt"]) if "createdAt" in row else updated
        values = {
            name: value if isinstance(value, str) else str(value)
            for name, value in row.get("properties", {}).items()
            if value is not None and (name not in table.system or name == "hs_all_contact_vids")
        }
        if is_contact and "email" in values:
            values["email"] = values["email"].strip().lower()
        record = Record(record_id, values, created, updated, _PERSON)
        if "origin" in row:
            origin = _entry({"value": "", **row["origin"]})
            record.origin, record.origin_at = Actor(*origin[2:]), origin.at
        if row.get("history"):
            record.histories = {
                name: [_entry(one) for one in reversed(entries)] for name, entries in row["history"].items()
            }
        if row.get("archived"):
            record.archived_at = _ms(row.get("archivedAt", updated))
            table.archived[record_id] = record
        else:
            live.append(record)
        portal.next_id = max(portal.next_id, record_id)
    table.archived = dict(sorted(table.archived.items(), key=lambda item: item[1].archived_at or 0))
    if len({record.id for record in live} | table.archived.keys()) != len(rows):
        raise ValueError(f"two {table.kind.plural} have the same id")
    table.add_all(live)


def _entry(one: dict[str, Any]) -> Entry:
    return Entry(
        str(one["value"]),
        _ms(one["timestamp"]),
        str(one.get("sourceType", "CRM_UI")),
        one.get("sourceId"),
        one.get("sourceLabel"),
        one.get("updatedByUserId"),
    )


def _load_links(portal: Portal, world: dict[str, Any]) -> None:
    for row in world.get("labels", []):
        ids = (int(row["typeId"]), int(row["inverseTypeId"])) if "typeId" in row else None
        portal.links.define(
            portal.require_table(row["from"]).kind.plural,
            portal.require_table(row["to"]).kind.plural,
            row.get("label"),
            str(row.get("category", "USER_DEFINED")),
            row.get("inverseLabel") or "",
            ids,
        )
    for row in world.get("associations", []):
        if not row.keys() <= LINK_KEYS:
            only("an association", row, LINK_KEYS)
        one, other = (
            End(portal.require_table(name).kind.plural, int(number)) for name, number in (row["from"], row["to"])
        )
        kinds = portal.links.types(one.plural, other.plural)
        given = frozenset(row.get("types") or [portal.links.plain(one.plural, other.plural)])
        if not given <= kinds.keys():
            raise ValueError(f"association types {sorted(given - kinds.keys())} do not exist for {one} to {other}")
        portal.links.put(one, other, portal.links.between(one, other) | given)
        _load_primary(portal, one, other, given)


def _load_primary(portal: Portal, one: End, other: End, ids: frozenset[int]) -> None:
    if (one.plural, other.plural) == ("companies", "contacts"):
        one, other, ids = other, one, frozenset(type_id - 1 for type_id in ids)
    if (one.plural, other.plural) == ("contacts", "companies") and 1 in ids:
        contact = portal.require_table("contacts").live.get(one.id)
        if contact is not None:
            contact.values.setdefault("associatedcompanyid", str(other.id))


def _load_consent(portal: Portal, world: dict[str, Any]) -> None:
    contacts = portal.require_table("contacts")
    for address, at in world.get("unsubscribed", {}).items():
        ms = portal.unsubscribed[address.strip().lower()] = _ms(at)
        contact = contacts.find_by("email", address)
        if contact is not None and "hs_email_optout" not in contact.values:
            contact.write("hs_email_optout", "true", ms, Actor("EMAIL"))
    for row in world.get("statuses", []):
        key = (str(row["email"]).strip().lower(), str(row["subscriptionId"]))
        portal.statuses[key] = {
            **{name: value for name, value in row.items() if name not in ("email", "subscriptionId")},
            "timestamp": _ms(row["timestamp"]),
        }


def save(portal: Portal) -> dict[str, Any]:
    """The portal as a world's section."""
    links = [
        {"from": [one.plural, str(one.id)], "to": [other.plural, str(other.id)], "types": sorted(ids)}
        for one, other, ids in portal.links.everything()
    ]
    return {
        **portal.settings,
        "next_id": portal.next_id,
        "objects": deepcopy(portal.own_types),
        "properties": {
            plural: [wire_property(portal.kept(plural).definitions[name]) for name in names]
            for plural, names in portal.own_properties.items()
        },
        "records": {
            table.kind.plural: [_saved(record) for record in (*table.live.values(), *table.archived.values())]
            for table in portal.tables()
        },
        "merged": {
            table.kind.plural: {str(old): str(new) for old, new in table.merged.items()}
            for table in portal.tables()
            if table.merged
        },
        "associations": links,
        "labels": deepcopy(portal.links.own),
        "association_limits": deepcopy(portal.association_limits),
        "owners": deepcopy(portal.owners),
        "pipelines": deepcopy(portal.pipelines),
        "unsubscribed": {address: iso(at) for address, at in portal.unsubscribed.items()},
        "subscriptions": deepcopy(portal.subscriptions),
        "statuses": [
            {
                "email": address,
                "subscriptionId": subscription,
                **status,
                "timestamp": iso(status["timestamp"]),
            }
            for (address, subscription), status in portal.statuses.items()
        ],
        "blocked": sorted(portal.blocked),
        "validations": {
            plural: {name: [one.wire() for one in rules] for name, rules in by_property.items()}
            for plural, by_property in portal.validations.items()
        },
        "required": deepcopy(portal.required),
        "conditionally_required": deepcopy(portal.conditional),
        "property_groups": {table.kind.plural: groups for table in portal.tables() if (groups := _saved_groups(table))},
        "webhooks": deepcopy(portal.webhooks),
    }


def _saved(record: Record) -> dict[str, Any]:
    saved: dict[str, Any] = {
        "id": str(record.id),
        "properties": dict(record.values),
        "createdAt": iso(record.created),
        "updatedAt": iso(record.updated),
    }
    if record.origin != _PERSON or record.origin_at != record.updated:
        saved["origin"] = _saved_entry(Entry("", record.origin_at, *record.origin))
        del saved["origin"]["value"]
    if record.histories:
        saved["history"] = {
            name: [_saved_entry(entry) for entry in reversed(entries)] for name, entries in record.histories.items()
        }
    if record.archived_at is not None:
        saved |= {"archived": True, "archivedAt": iso(record.archived_at)}
    return saved


def _saved_entry(entry: Entry) -> dict[str, Any]:
    saved = {
        "value": entry.value,
        "timestamp": iso(entry.at),
        "sourceType": entry.source_type,
        "sourceId": entry.source_id,
        "sourceLabel": entry.source_label,
        "updatedByUserId": entry.user_id,
    }
    return {name: value for name, value in saved.items() if value is not None}


def wire_property(one: Definition) -> dict[str, Any]:
    """A property as the API shows it (API reference section 8); a world takes the same form."""
    shown: dict[str, Any] = {
        "name": one.name,
        "label": one.label,
        "description": one.description,
        "groupName": one.group,
        "type": one.type,
        "fieldType": one.field_type,
        "options": deepcopy(one.options),
        "calculated": one.calculated,
        "externalOptions": one.external_options,
        "hasUniqueValue": one.unique,
        "hidden": one.hidden,
        "hubspotDefined": one.hubspot_defined,
        "formField": one.form_field,
        "displayOrder": one.display_order,
        "dataSensitivity": one.sensitivity,
        "modificationMetadata": {
            "archivable": not one.hubspot_defined,
            "readOnlyDefinition": one.hubspot_defined,
            "readOnlyOptions": one.external_options,
            "readOnlyValue": not one.writable,
        },
        "archived": one.archived,
        "createdAt": iso(one.created),
        "updatedAt": iso(one.updated),
    }
    shown |= one.hints
    if one.formula is not None:
        shown["calculationFormula"] = one.formula
    if one.referenced_object_type is not None:
        shown["referencedObjectType"] = one.referenced_object_type
    return shown
