"""The calls on property definitions, their groups and validation rules (API reference sections 1 and 8)."""

from __future__ import annotations

from typing import Any

from concord_sandbox.hubspot.calls import Call, plain_text
from concord_sandbox.hubspot.errors import ApiError, bad_request, no_such_thing
from concord_sandbox.hubspot.models import ObjectTable, add_property, wire_property
from concord_sandbox.hubspot.responses import batch
from concord_sandbox.hubspot.schema import Definition

MOST, MOST_UNIQUE, MOST_OWN = 100, 10, 1_000
Answer = tuple[Any, int]


def list_all(call: Call) -> Answer:
    archived = call.flag("archived")
    found = [one for one in call.table().definitions.values() if one.archived == archived]
    return {"results": [wire_property(one) for one in found]}, 200


def _find(table: ObjectTable, name: str, archived: bool = False) -> Definition:
    found = table.definitions.get(name)
    if found is None or found.archived != archived:
        raise no_such_thing(f"No property named {name} exists on {table.kind.plural}")
    return found


def get(call: Call) -> Answer:
    return wire_property(_find(call.table(), call.at["name"], call.flag("archived"))), 200


def create(call: Call) -> Answer:
    return wire_property(_create(call, call.table(), call.json())), 201


def _create(call: Call, table: ObjectTable, body: dict[str, Any]) -> Definition:
    name = plain_text(body, "name")
    if name in table.definitions and not table.definitions[name].archived:
        raise ApiError(409, "OBJECT_ALREADY_EXISTS", f"A property named '{name}' already exists.")
    group = plain_text(body, "groupName")
    if group not in table.groups:
        raise bad_request(f"Property group {group!r} does not exist", groupName=group)
    if len(call.portal.own_properties.get(table.kind.plural, ())) >= MOST_OWN:
        raise bad_request(f"The limit of {MOST_OWN} custom properties is reached")
    if body.get("hasUniqueValue") and sum(one.unique for one in table.definitions.values()) >= MOST_UNIQUE:
        raise bad_request(f"The limit of {MOST_UNIQUE} properties with unique values is reached")
    for part in ("label", "type", "fieldType"):
        if not plain_text(body, part):
            raise bad_request(f"A property needs a {part}", propertyName=name)
    allowed = {part: value for part, value in body.items() if part not in ("hubspotDefined", "modificationMetadata")}
    try:
        return add_property(call.portal, table, allowed, call.now)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise bad_request(f"The property is not valid: {error}", propertyName=name) from error


def update(call: Call) -> Answer:
    table, body = call.table(), call.json()
    one = _find(table, call.at["name"])
    if one.hubspot_defined and body.keys() - {"options"}:
        raise bad_request(f"{one.name} is defined by HubSpot; its definition is read only", propertyName=one.name)
    if "type" in body and body["type"] != one.type:
        raise bad_request(f"The type of {one.name} cannot be changed", propertyName=one.name)
    if "options" in body:
        options = body["options"]
        if not isinstance(options, list) or not all(isinstance(o, dict) and "value" in o for o in options):
            raise bad_request("options must be a list of objects, each with a value", propertyName=one.name)
        try:
            one.set_options(options)
        except (TypeError, ValueError) as error:
            raise bad_request(f"The options are not valid: {error}", propertyName=one.name) from error
    one.label = plain_text(body, "label") or one.label
    one.description = plain_text(body, "description") or one.description
    one.group = plain_text(body, "groupName") or one.group
    one.hidden = bool(body.get("hidden", one.hidden))
    one.updated = call.now
    own = call.portal.own_properties.setdefault(table.kind.plural, [])
    if one.name not in own:
        own.append(one.name)
    return wire_property(one), 200


def archive(call: Call) -> Answer:
    _archive(call, call.table(), call.at["name"])
    return None, 204


def _archive(call: Call, table: ObjectTable, name: str) -> None:
    one = _find(table, name)
    if one.hubspot_defined:
        raise bad_request(f"{name} is defined by HubSpot and cannot be archived", propertyName=name)
    one.archived, one.updated = True, call.now
    table.unique.pop(name, None)


def batch_read(call: Call) -> Answer:
    table, archived = call.table(), bool(call.json().get("archived", False))
    names = [plain_text(one, "name") for one in call.inputs(MOST)]
    known = [name for name in names if name in table.definitions and table.definitions[name].archived == archived]
    errors = [
        no_such_thing(f"No property named {name} exists").in_batch({"propertyName": [name]})
        for name in names
        if name not in known
    ]
    return batch([wire_property(table.definitions[name]) for name in known], errors, call.now)


def batch_create(call: Call) -> Answer:
    table, results, errors = call.table(), [], []
    for one in call.inputs(MOST):
        try:
            results.append(wire_property(_create(call, table, one)))
        except ApiError as error:
            errors.append(error.in_batch({"propertyName": [plain_text(one, "name")]}))
    return batch(results, errors, call.now, 201)


def batch_archive(call: Call) -> Answer:
    table = call.table()
    for one in call.inputs(MOST):
        _archive(call, table, plain_text(one, "name"))
    return None, 204


# Groups.


def list_groups(call: Call) -> Answer:
    return {"results": [{**group, "archived": False} for group in call.table().groups.values()]}, 200


def get_group(call: Call) -> Answer:
    return {**_group(call), "archived": False}, 200


def _group(call: Call) -> dict[str, Any]:
    group = call.table().groups.get(call.at["name"])
    if group is None:
        raise no_such_thing(f"No property group named {call.at['name']} exists")
    return group


def create_group(call: Call) -> Answer:
    table, body = call.table(), call.json()
    name, label = plain_text(body, "name"), plain_text(body, "label")
    if not name or not label:
        raise bad_request("A property group needs a name and a label")
    if name in table.groups:
        raise ApiError(409, "OBJECT_ALREADY_EXISTS", f"A property group named '{name}' already exists.")
    order = body.get("displayOrder", -1)
    table.groups[name] = {
        "name": name,
        "label": label,
        "displayOrder": order if isinstance(order, int) else -1,
    }
    return {**table.groups[name], "archived": False}, 201


def update_group(call: Call) -> Answer:
    group, body = _group(call), call.json()
    group["label"] = plain_text(body, "label") or group["label"]
    return {**group, "archived": False}, 200


def archive_group(call: Call) -> Answer:
    group, table = _group(call), call.table()
    if any(one.group == group["name"] and not one.archived for one in table.definitions.values()):
        raise bad_request(f"The property group {group['name']} still has properties")
    del table.groups[group["name"]]
    return None, 204


# Validation rules of administrators.


def validations(call: Call) -> Answer:
    rules = call.portal.validations.get(call.table().kind.plural, {})
    rows = [
        {"propertyName": name, "propertyValidationRules": [one.wire() for one in listed]}
        for name, listed in rules.items()
    ]
    return {"results": rows}, 200


def validations_of(call: Call) -> Answer:
    rules = call.portal.validations.get(call.table().kind.plural, {}).get(call.at["name"], [])
    return {"results": [one.wire() for one in rules]}, 200
