"""The resources of the UI API that a sync reads: picklist values of a record type (api/salesforce.md section 4)."""

from __future__ import annotations

import hashlib
from typing import Any

from concord_sandbox.salesforce.calls import Answer, Api, Call, Resources, as_json
from concord_sandbox.salesforce.errors import Fail, Refusal
from concord_sandbox.salesforce.ids import full_id
from concord_sandbox.salesforce.rules.access import Access, RecordType
from concord_sandbox.salesforce.schema import MASTER_RECORD_TYPE, Field
from concord_sandbox.salesforce.tables import Table

_LISTS = ("picklist", "multipicklist")


def picklist_values(api: Api, call: Call, name: str, record_type_id: str) -> Answer:
    """All picklists of an object as a record type narrows them."""
    table = _table(api, name)
    chosen = _record_type(api, table, record_type_id)
    shown = {
        field.name: _values(call, table, field, chosen, record_type_id)
        for field in table.kind.shown
        if field.type in _LISTS
    }
    return Answer(200, {"eTag": _tag(shown), "picklistFieldValues": shown})


def field_values(api: Api, call: Call, name: str, record_type_id: str, field_name: str) -> Answer:
    """One picklist of an object as a record type narrows it."""
    table = _table(api, name)
    chosen = _record_type(api, table, record_type_id)
    field = table.kind.visible(field_name)
    if field is None or field.type not in _LISTS:
        raise _invalid(f"Invalid field API name: {field_name}")
    return Answer(200, _values(call, table, field, chosen, record_type_id))


def _table(api: Api, name: str) -> Table:
    found = api.org.visible(name)
    if found is None:
        raise Refusal(404, Fail("INVALID_TYPE", f"Object {name} is not supported in UI API"))
    return found


def _record_type(api: Api, table: Table, given: str) -> RecordType | None:
    """The record type of that id; None for the one that every object has. Raises Refusal."""
    known = full_id(given)
    if known == MASTER_RECORD_TYPE:
        return None
    found = api.org.parts.of(Access).record_types.get(table.kind.name, {}).get(known or "")
    if found is None:
        raise _invalid(f"Invalid record type ID: {given}")
    return found


def _invalid(words: str) -> Refusal:
    return Refusal(400, Fail("ILLEGAL_QUERY_PARAMETER_VALUE", words))


def _values(call: Call, table: Table, field: Field, chosen: RecordType | None, record_type_id: str) -> dict[str, Any]:
    kind = table.kind
    controller = kind.field(field.controller) if field.controller else None
    controlling = {value: place for place, value in enumerate(controller.all_values)} if controller else {}
    allowed = chosen.allowed.get(field.name) if chosen else None
    listed = []
    for one in field.attributes["picklistValues"]:
        if not one["active"] or (allowed is not None and one["value"] not in allowed):
            continue
        valid = sorted(controlling[name] for name in field.allowed.get(one["value"], ()))
        listed.append({"attributes": None, "label": one["label"], "validFor": valid, "value": one["value"]})
    default = chosen.defaults.get(field.name) if chosen else None
    default = field.default if default is None else default
    path = f"/services/data/{call.version}/ui-api/object-info/{kind.name}/picklist-values/{record_type_id}"
    return {
        "controllerValues": controlling,
        "defaultValue": next((one for one in listed if one["value"] == default), None),
        "eTag": _tag(listed),
        "url": f"{path}/{field.name}",
        "values": listed,
    }


def _tag(value: Any) -> str:
    return hashlib.sha256(as_json(value)).hexdigest()[:32]


RESOURCES: Resources = (
    ("ui-api/object-info/{object}/picklist-values/{record_type}", {"GET": picklist_values}),
    ("ui-api/object-info/{object}/picklist-values/{record_type}/{field}", {"GET": field_values}),
)
