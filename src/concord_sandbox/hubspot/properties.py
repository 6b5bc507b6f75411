"""The calls on property definitions and their groups (API reference section 8)."""

from __future__ import annotations

from typing import Any

from concord_sandbox.hubspot.calls import Call, plain_text
from concord_sandbox.hubspot.errors import ApiError, bad_request, no_such_thing
from concord_sandbox.hubspot.models import ObjectTable, Portal, add_property, wire_property
from concord_sandbox.hubspot.responses import batch
from concord_sandbox.hubspot.schema import HINTS, SENSITIVITIES, Definition, allowed_field_types

MOST, MOST_UNIQUE, MOST_OWN = 100, 10, 1_000
_LONGEST_NAME = 100
Answer = tuple[Any, int]


def list_all(call: Call) -> Answer:
    """Those of one sensitivity (by default the ones that are not sensitive). `locale`: labels are in English here."""
    archived, sensitivity = call.flag("archived"), _sensitivity(call, call.text("dataSensitivity"))
    found = [
        one for one in call.table().definitions.values() if one.archived == archived and one.sensitivity == sensitivity
    ]
    return {"results": [wire_property(one) for one in found]}, 200


def _sensitivity(call: Call, asked: str) -> str:
    """Raises ApiError for an unknown one, or one that the token may not see."""
    if asked and asked not in SENSITIVITIES:
        raise bad_request(f"dataSensitivity must be one of {', '.join(SENSITIVITIES)}", dataSensitivity=asked[:40])
    call.require_sensitive(call.table(), asked)
    return asked or "non_sensitive"


def _find(table: ObjectTable, name: str, archived: bool = False) -> Definition:
    found = table.definitions.get(name)
    if found is None or found.archived != archived:
        raise no_such_thing(f"No property named {name} exists on {table.kind.plural}")
    return found


def get(call: Call) -> Answer:
    sensitivity = _sensitivity(call, call.text("dataSensitivity"))
    one = _find(call.table(), call.at["name"], call.flag("archived"))
    if one.sensitivity != sensitivity:
        raise no_such_thing(f"No property named {one.name} exists on {call.table().kind.plural}")
    return wire_property(one), 200


def create(call: Call) -> Answer:
    return wire_property(_create(call, call.table(), call.json())), 201


def _create(call: Call, table: ObjectTable, body: dict[str, Any]) -> Definition:
    call.require_sensitive(table, plain_text(body, "dataSensitivity"), write=True)
    return make_property(call.portal, table, body, call.now)


def make_property(
    portal: Portal, table: ObjectTable, body: dict[str, Any], now: int, *, own_group: bool = False
) -> Definition:
    """Define a property as a caller asks. own_group: its group is made when there is none. Raises ApiError."""
    name = plain_text(body, "name")
    if name in table.definitions and not table.definitions[name].archived:
        raise ApiError(409, "OBJECT_ALREADY_EXISTS", f"A property named '{name}' already exists.")
    if len(name) > _LONGEST_NAME or not name[:1].isalpha():
        raise bad_request(f"A property name begins with a letter and has at most {_LONGEST_NAME} characters", name=name)
    group = plain_text(body, "groupName")
    if group not in table.groups and not (own_group and group):
        raise bad_request(f"Property group {group!r} does not exist", groupName=group)
    _check_room(table, body)
    for part in ("label", "type", "fieldType"):
        if not plain_text(body, part):
            raise bad_request(f"A property needs a {part}", propertyName=name)
    _check_shape(body, name)
    # A caller's property is never HubSpot's own, and only a formula makes it calculated.
    left_out = ("hubspotDefined", "modificationMetadata", "calculated", "archived")
    allowed = {part: value for part, value in body.items() if part not in left_out}
    try:
        made = add_property(portal, table, allowed, now)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise bad_request(f"The property is not valid: {error}", propertyName=name) from error
    return made


def _check_room(table: ObjectTable, body: dict[str, Any]) -> None:
    in_use = [one for one in table.definitions.values() if not one.archived]
    if sum(not one.hubspot_defined for one in in_use) >= MOST_OWN:
        raise bad_request(f"The limit of {MOST_OWN} custom properties is reached")
    if body.get("hasUniqueValue") and sum(one.unique for one in in_use) >= MOST_UNIQUE:
        raise bad_request(f"The limit of {MOST_UNIQUE} properties with unique values is reached")


def _check_shape(body: dict[str, Any], name: str) -> None:
    """The matrix of types and field types, and what each of them needs (API reference section 8)."""
    kind, field_type = plain_text(body, "type"), plain_text(body, "fieldType")
    allowed = allowed_field_types(kind)
    if not allowed:
        raise bad_request(f"{kind[:40]} is not a property type", propertyName=name, type=kind[:40])
    if field_type not in allowed:
        listed = ", ".join(sorted(allowed))
        raise bad_request(
            f"A property of the type {kind} cannot have the field type {field_type[:40]}: one of {listed}",
            propertyName=name,
        )
    options = body.get("options") or []
    if kind == "enumeration" and field_type != "calculation_equation" and not options:
        if not body.get("externalOptions"):
            raise bad_request("A property of the type enumeration needs options", propertyName=name)
        if not plain_text(body, "referencedObjectType"):
            raise bad_request("A property with externalOptions needs a referencedObjectType", propertyName=name)
    if options and kind not in ("enumeration", "bool"):
        raise bad_request(f"A property of the type {kind} has no options", propertyName=name)
    _check_options(options, name)
    if (field_type == "calculation_equation") != bool(body.get("calculationFormula")):
        raise bad_request("calculation_equation and calculationFormula go together", propertyName=name)
    if body.get("hasUniqueValue") and (kind in ("enumeration", "bool") or field_type == "calculation_equation"):
        raise bad_request(f"A property of the type {kind} cannot have unique values", propertyName=name)


def _check_options(options: Any, name: str) -> None:
    if not isinstance(options, list) or not all(isinstance(one, dict) and "value" in one for one in options):
        raise bad_request("options must be a list of objects, each with a value", propertyName=name)
    for part in ("value", "label"):
        given = [str(one[part]) for one in options if part in one]
        repeated = next((one for one in given if given.count(one) > 1), None)
        if repeated is not None:
            raise bad_request(f"Two options have the {part} {repeated!r}", propertyName=name)


def update(call: Call) -> Answer:
    table, body = call.table(), call.json()
    one = _find(table, call.at["name"])
    call.require_sensitive(table, one.sensitivity, write=True)
    if one.hubspot_defined and body.keys() - {"options"}:
        raise bad_request(f"{one.name} is defined by HubSpot; its definition is read only", propertyName=one.name)
    _check_unchangeable(one, body)
    if "options" in body:
        _set_options(one, body["options"])
    group = plain_text(body, "groupName") or one.group
    if group not in table.groups:
        raise bad_request(f"Property group {group!r} does not exist", groupName=group)
    one.group = group
    one.label = plain_text(body, "label") or one.label
    one.description = str(body["description"]) if isinstance(body.get("description"), str) else one.description
    one.field_type = plain_text(body, "fieldType") or one.field_type
    one.formula = plain_text(body, "calculationFormula") or one.formula
    one.hidden = bool(body.get("hidden", one.hidden))
    one.form_field = bool(body.get("formField", one.form_field))
    if isinstance(body.get("displayOrder"), int):
        one.display_order = body["displayOrder"]
    one.hints |= {hint: body[hint] for hint in HINTS if body.get(hint) is not None}
    one.updated = call.now
    call.portal.changed_property(table, one)
    return wire_property(one), 200


def _check_unchangeable(one: Definition, body: dict[str, Any]) -> None:
    if "type" in body and body["type"] != one.type:
        raise bad_request(f"The type of {one.name} cannot be changed", propertyName=one.name)
    if "hasUniqueValue" in body and bool(body["hasUniqueValue"]) != one.unique:
        raise bad_request("hasUniqueValue can only be set when a property is created", propertyName=one.name)
    if "name" in body and body["name"] != one.name:
        raise bad_request("The name of a property cannot be changed", propertyName=one.name)
    field_type = plain_text(body, "fieldType")
    if field_type and field_type not in allowed_field_types(one.type):
        raise bad_request(f"A property of the type {one.type} cannot have the field type {field_type[:40]}")
    if plain_text(body, "calculationFormula") and not one.calculated:
        raise bad_request(f"{one.name} is not calculated; it cannot get a formula", propertyName=one.name)


def _set_options(one: Definition, options: Any) -> None:
    _check_options(options, one.name)
    if one.external_options:
        raise bad_request(f"The options of {one.name} come from elsewhere; they are read only", propertyName=one.name)
    try:
        one.set_options(options)
    except (TypeError, ValueError) as error:
        raise bad_request(f"The options are not valid: {error}", propertyName=one.name) from error


def archive(call: Call) -> Answer:
    _archive(call, call.table(), call.at["name"])
    return None, 204


def _archive(call: Call, table: ObjectTable, name: str) -> None:
    one = _find(table, name)
    call.require_sensitive(table, one.sensitivity, write=True)
    if one.hubspot_defined:
        raise bad_request(f"{name} is defined by HubSpot and cannot be archived", propertyName=name)
    schema = call.portal.own_types.get(table.kind.plural, {})
    if name == schema.get("primaryDisplayProperty") or name in schema.get("requiredProperties", ()):
        raise bad_request(f"{name} is in use by the schema of {table.kind.plural}", propertyName=name)
    one.archived, one.updated = True, call.now
    table.unique.pop(name, None)


def batch_read(call: Call) -> Answer:
    table, body = call.table(), call.json()
    archived, sensitivity = bool(body.get("archived", False)), _sensitivity(call, plain_text(body, "dataSensitivity"))
    names = [plain_text(one, "name") for one in call.inputs(MOST)]
    known = [
        name
        for name in names
        if (one := table.definitions.get(name)) and (one.archived, one.sensitivity) == (archived, sensitivity)
    ]
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
    if isinstance(body.get("displayOrder"), int):
        group["displayOrder"] = body["displayOrder"]
    return {**group, "archived": False}, 200


def archive_group(call: Call) -> Answer:
    group, table = _group(call), call.table()
    if any(one.group == group["name"] and not one.archived for one in table.definitions.values()):
        raise bad_request(f"The property group {group['name']} still has properties")
    del table.groups[group["name"]]
    return None, 204
