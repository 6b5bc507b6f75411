"""The calls on the schemas of custom objects (API reference sections 1 and 5).

A schema is the world's row of its object type (`objects`), which the account keeps as it is written; its properties are
those of its table. A new type can be used in every path at once, by its type id, its name, `p_NAME` and its fully
qualified name `p{portal}_NAME`. An archived schema answers to none of them until it is restored; its name is
free again when it is purged.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from concord_sandbox.hubspot.calls import Call, mapping, plain_text, strings
from concord_sandbox.hubspot.errors import ApiError, bad_request, no_such_thing
from concord_sandbox.hubspot.models import ObjectTable, wire_property
from concord_sandbox.hubspot.properties import make_property
from concord_sandbox.hubspot.responses import batch
from concord_sandbox.hubspot.schema import ObjectType
from concord_sandbox.hubspot.targets import Routes, Target
from concord_sandbox.hubspot.values import iso

MOST_TYPES, MOST_READ, MOST_SEARCHABLE, MOST_SECONDARY = 10, 100, 20, 2
_NAMED = ("requiredProperties", "searchableProperties", "secondaryDisplayProperties")
Answer = tuple[Any, int]
Row = dict[str, Any]


# Finding and showing.


def _find(call: Call, asked: str, *, archived: bool = False) -> str:
    """The plural name of the custom object type that a path names. Raises ApiError."""
    for plural, row in call.portal.own_types.items():
        name = str(row.get("name") or plural)
        known = (str(row["id"]), plural, str(row["singular"]), name, f"p_{name}", call.portal.full_name(name))
        if asked.lower() in {one.lower() for one in known} and bool(row.get("archived", False)) == archived:
            return plural
    raise no_such_thing(f"Unable to infer object type from: {asked[:60]}")


def _flag(call: Call, body: Row, name: str) -> bool:
    """A switch that is on unless it is turned off."""
    given = body.get(name, call.text(name, "true"))
    return str(given).lower() != "false"


def _wire(call: Call, plural: str, body: Row | None = None) -> Row:
    portal, row, table = call.portal, call.portal.own_types[plural], call.portal.kept(plural)
    name = str(row.get("name") or plural)
    labels = {"singular": str(row["singular"]).replace("_", " ").title(), "plural": plural.replace("_", " ").title()}
    shown: Row = {
        "id": str(row["id"]).partition("-")[2],
        "objectTypeId": str(row["id"]),
        "fullyQualifiedName": portal.full_name(name),
        "name": name,
        "labels": row.get("labels") or labels,
        **{part: list(row.get(part, ())) for part in _NAMED},
        "allowsSensitiveProperties": bool(row.get("allowsSensitiveProperties", False)),
        "archived": bool(row.get("archived", False)),
        "properties": [],
        "associations": [],
        "metaType": "PORTAL_SPECIFIC",
        "portalId": int(portal.settings["portal_id"]),
        "restorable": bool(row.get("restorable", True)),
    }
    for part in ("description", "primaryDisplayProperty"):
        if row.get(part):
            shown[part] = row[part]
    if _flag(call, body or {}, "includePropertyDefinitions"):
        shown["properties"] = [wire_property(one) for one in table.definitions.values() if not one.archived]
    if _flag(call, body or {}, "includeAssociationDefinitions"):
        shown["associations"] = _associations(call, plural)
    if _flag(call, body or {}, "includeAuditMetadata"):
        shown |= {
            "createdAt": row.get("createdAt", iso(0)),
            "updatedAt": row.get("updatedAt", iso(0)),
            "createdByUserId": 1,
            "updatedByUserId": 1,
        }
    return shown


def _associations(call: Call, plural: str) -> list[Row]:
    """The association types that the schema defines, from either side."""
    row = call.portal.own_types[plural]
    rows = []
    for other in row.get("associatedObjects", ()):
        for from_, to in ((plural, other), (other, plural)):
            for kind in call.portal.links.known(from_, to).values():
                rows.append(
                    {
                        "id": str(kind.type_id),
                        "fromObjectTypeId": call.portal.kinds[from_].type_id,
                        "toObjectTypeId": call.portal.kinds[to].type_id,
                        "name": kind.name,
                        "createdAt": row.get("createdAt", iso(0)),
                        "updatedAt": row.get("updatedAt", iso(0)),
                    }
                )
    return rows


def listed(call: Call) -> Answer:
    archived = call.flag("archived")
    found = [name for name, row in call.portal.own_types.items() if bool(row.get("archived", False)) == archived]
    return {"results": [_wire(call, plural) for plural in found]}, 200


def get(call: Call) -> Answer:
    return _wire(call, _find(call, call.at["type"])), 200


def batch_read(call: Call) -> Answer:
    body = call.json()
    results, errors = [], []
    for asked in strings(body, "inputs")[:MOST_READ]:
        try:
            results.append(_wire(call, _find(call, asked), body))
        except ApiError as error:
            errors.append(error.in_batch({"id": [asked]}))
    return batch(results, errors, call.now)


# Writing.


def create(call: Call) -> Answer:
    portal, body = call.portal, call.json()
    name = plain_text(body, "name").strip()
    if not name or not name.replace("_", "a").isascii() or not name.replace("_", "a").isalnum() or name[0].isdigit():
        raise bad_request("The name of an object type is letters, digits and underscores, and begins with a letter")
    plural = name.lower()
    archived = portal.own_types.get(plural, {}).get("archived")
    if portal.table(plural) is not None and not archived:
        raise ApiError(409, "OBJECT_ALREADY_EXISTS", f"Object type {name} already exists in this account")
    if archived:
        raise bad_request(f"An archived schema has the name {name}: delete it for good first (archived=true)")
    if sum(not row.get("archived") for row in portal.own_types.values()) >= MOST_TYPES:
        raise bad_request(f"The limit of {MOST_TYPES} custom object types is reached")
    properties = body.get("properties") or []
    if not isinstance(properties, list) or not all(isinstance(one, dict) for one in properties):
        raise bad_request("Invalid input JSON: properties must be a list of objects")
    associated = [_associable(call, one) for one in strings(body, "associatedObjects")]
    number = max([1000, *(int(str(row["id"]).partition("-")[2] or 0) for row in portal.own_types.values())]) + 1
    row: Row = {
        "id": f"2-{number}",
        "singular": plural,
        "name": name,
        "labels": _labels(body),
        "createdAt": iso(call.now),
        "updatedAt": iso(call.now),
        "associatedObjects": [],
    }
    _take_plain(row, body)
    named = {plain_text(one, "name") for one in properties}
    _take_names(row, body, named, primary_needed=True)
    _declare(call, plural, row)
    try:
        table = portal.kept(plural)
        for one in properties:
            make_property(portal, table, {"groupName": f"{plural}_information", **one}, call.now, own_group=True)
    except ApiError:
        portal.discard(plural)
        raise
    for other in dict.fromkeys(associated):
        _associate(call, plural, other, "")
    return _wire(call, plural), 201


def _labels(body: Row) -> dict[str, str]:
    labels = mapping(body, "labels")
    found = {part: plain_text(labels, part) for part in ("singular", "plural")}
    if not all(found.values()):
        raise bad_request("An object type needs labels with a singular and a plural form")
    return found


def _take_plain(row: Row, body: Row) -> None:
    if plain_text(body, "description"):
        row["description"] = plain_text(body, "description")
    for part in ("allowsSensitiveProperties", "restorable"):
        if isinstance(body.get(part), bool):
            row[part] = body[part]


def _take_names(row: Row, body: Row, known: set[str], *, primary_needed: bool = False) -> None:
    """The parts of a schema that name properties, each of which must be there. Raises ApiError."""
    primary = plain_text(body, "primaryDisplayProperty")
    if primary_needed and not primary:
        raise bad_request("An object type needs a primaryDisplayProperty")
    lists = {part: strings(body, part) for part in _NAMED if part in body}
    for part, names in (*lists.items(), ("primaryDisplayProperty", [primary] if primary else [])):
        lost = [name for name in names if name not in known]
        if lost:
            raise bad_request(f"{part} names properties that are not defined: {', '.join(lost)}", propertyName=lost[0])
    if len(lists.get("searchableProperties", ())) > MOST_SEARCHABLE:
        raise bad_request(f"An object type has at most {MOST_SEARCHABLE} searchable properties")
    if len(lists.get("secondaryDisplayProperties", ())) > MOST_SECONDARY:
        raise bad_request(f"An object type has at most {MOST_SECONDARY} secondary display properties")
    row |= lists
    if primary:
        row["primaryDisplayProperty"] = primary


def _declare(call: Call, plural: str, row: Row) -> None:
    call.portal.own_types[plural] = row
    searched = tuple(row.get("searchableProperties", ()))
    call.portal.declare(ObjectType(str(row["id"]), plural, str(row["singular"]), searched=searched))


def update(call: Call) -> Answer:
    """PATCH. `restorable: true` of an archived schema brings it back."""
    portal, body = call.portal, call.json()
    try:
        plural = _find(call, call.at["type"])
    except ApiError:
        if body.get("restorable") is not True:
            raise
        plural = _find(call, call.at["type"], archived=True)
    row, table = portal.own_types[plural], portal.kept(plural)
    known = {one.name for one in table.definitions.values() if not one.archived}
    changed = dict(row)
    if "labels" in body:
        changed["labels"] = {**row.get("labels", {}), **_patched_labels(body)}
    _take_names(changed, body, known)
    _take_plain(changed, body)
    if body.get("clearDescription") is True:
        changed.pop("description", None)
    changed.pop("archived", None)
    changed["updatedAt"] = iso(call.now)
    _declare(call, plural, changed)
    table.kind = replace(portal.kinds[plural])
    return _wire(call, plural), 200


def _patched_labels(body: Row) -> dict[str, str]:
    labels = mapping(body, "labels")
    return {part: plain_text(labels, part) for part in ("singular", "plural") if plain_text(labels, part)}


def delete(call: Call) -> Answer:
    """Archive a schema that has no records; `archived=true` purges one that is archived, with its properties."""
    if call.flag("archived"):
        call.crm.forget_type(_find(call, call.at["type"], archived=True), call.by)
        return None, 204
    plural = _find(call, call.at["type"])
    table = call.portal.kept(plural)
    if table.live:
        raise bad_request(
            f"The object type {plural} still has {len(table.live)} records; delete them first", objectTypeId=plural
        )
    row = call.portal.own_types[plural]
    row["archived"], row["updatedAt"] = True, iso(call.now)
    return None, 204


# Associations.


def _associable(call: Call, name: str) -> str:
    table: ObjectTable | None = call.portal.table(name)
    if table is None or call.portal.is_archived(table.kind.plural):
        raise bad_request(f"associatedObjects names an object type that does not exist: {name[:60]}")
    return table.kind.plural


def _associate(call: Call, plural: str, other: str, name: str) -> int:
    """Define the association type of a pair; further ones of the same pair are labelled by their name."""
    links = call.portal.links
    label = name or None if links.known(plural, other) else None
    there = links.plain(plural, other)
    if label is not None:
        there, _ = links.define(plural, other, label)
    row = call.portal.own_types[plural]
    row["associatedObjects"] = list(dict.fromkeys([*row.get("associatedObjects", ()), other]))
    return there


def create_association(call: Call) -> Answer:
    plural, body = _find(call, call.at["type"]), call.json()
    ends = [_associable(call, plain_text(body, part)) for part in ("fromObjectTypeId", "toObjectTypeId")]
    if plural not in ends:
        raise bad_request(f"One end of the association must be {plural}")
    other = ends[1] if ends[0] == plural else ends[0]
    type_id = _associate(call, plural, other, plain_text(body, "name"))
    return next(one for one in _associations(call, plural) if one["id"] == str(type_id)), 201


def delete_association(call: Call) -> Answer:
    plural, links = _find(call, call.at["type"]), call.portal.links
    row = call.portal.own_types[plural]
    for other in row.get("associatedObjects", ()):
        for kind in list(links.known(plural, other).values()):
            if call.at["association"] in (str(kind.type_id), str(kind.inverse), kind.name):
                if kind.label is None:
                    row["associatedObjects"] = [one for one in row["associatedObjects"] if one != other]
                links.remove(plural, other, kind.type_id)
                return None, 204
    raise no_such_thing(f"Association {call.at['association'][:60]} does not exist on {plural}")


ROUTES: Routes = (
    ("GET", "crm-object-schemas", "", Target(listed)),
    ("POST", "crm-object-schemas", "", Target(create)),
    ("POST", "crm-object-schemas", "batch/read", Target(batch_read)),
    ("GET", "crm-object-schemas", "{type}", Target(get)),
    ("PATCH", "crm-object-schemas", "{type}", Target(update)),
    ("DELETE", "crm-object-schemas", "{type}", Target(delete)),
    ("POST", "crm-object-schemas", "{type}/associations", Target(create_association)),
    ("DELETE", "crm-object-schemas", "{type}/associations/{association}", Target(delete_association)),
)
