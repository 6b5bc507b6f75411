"""Records in the SOAP API: read from a call by the types of their fields, and written into an answer.

Writes nothing to an org. The JSON shapes of the REST API are what it reads into and writes from.
"""

from __future__ import annotations

import math
from typing import Any

from concord_sandbox.salesforce.errors import Fail, Refusal
from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.rules.duplicates import DuplicateFail
from concord_sandbox.salesforce.schema import NUMBER_TYPES, Field
from concord_sandbox.salesforce.soap.xml import Dialect, Node, SoapFault, boolean, element, leaf, plain, tree
from concord_sandbox.salesforce.tables import Table

_RESULT_ZONE = "+0000"


def table_of(org: Org, name: str | None) -> Table:
    """The table of an object. Raises SoapFault."""
    found = org.visible(name) if name else None
    if found is None:
        raise SoapFault(
            "INVALID_TYPE",
            f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append "
            "the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate "
            "names.",
        )
    return found


def record(org: Org, node: Node) -> tuple[Table, str | None, dict[str, Any]]:
    """(object, Id, values) of an sObject in a call. Raises SoapFault for an unknown object or field, Refusal for a
    value that is not of its field's type. Nil elements say nothing: `fieldsToNull` clears."""
    table = table_of(org, node.string("type") or node.type)
    values: dict[str, Any] = {}
    record_id = None
    for child in node.children():
        if child.name == "type" or child.nil:
            continue
        if child.name == "fieldsToNull":
            values[_known(table, child.text.strip()).name] = None
        elif child.name.lower() == "id":
            record_id = child.text.strip() or record_id
        elif table.kind.visible(child.name) is None and child.name.lower() in table.kind.by_relationship:
            values[child.name] = _parent(org, table, child)
        else:
            field = _known(table, child.name)
            values[field.name] = _value(field, child.text)
    return table, record_id, values


def _known(table: Table, name: str) -> Field:
    found = table.kind.visible(name)
    if found is None:
        raise SoapFault(
            "INVALID_FIELD",
            f"No such column '{name}' on entity '{table.kind.name}'. If you are attempting to use a custom field, be "
            "sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call "
            "for the appropriate names.",
        )
    return found


def _parent(org: Org, table: Table, node: Node) -> dict[str, Any]:
    """A parent that is named by its external id, as the REST API has it."""
    default = table.kind.by_relationship[node.name.lower()].reference_to[0]
    parent = table_of(org, node.string("type") or (default if node.type in (None, "sObject") else node.type))
    named = {one.name: _value(_known(parent, one.name), one.text) for one in node.children() if one.name != "type"}
    return {"attributes": {"type": parent.kind.name}, **named}


def _value(field: Field, text: str) -> Any:
    """A field's value as the REST API would have it in JSON. Raises Refusal."""
    try:
        if field.type == "boolean":
            return boolean(text.strip())
        if field.type in NUMBER_TYPES and text.strip():
            number = float(text)
            if not math.isfinite(number):
                raise ValueError(text)
            return int(number) if field.type == "int" and number.is_integer() else number
    except (SoapFault, ValueError):
        words = f"{field.label}: value not of required type: {text}"
        raise Refusal(400, Fail("INVALID_TYPE_ON_FIELD_IN_RECORD", words, (field.name,))) from None
    return text


def shown(org: Org, dialect: Dialect, name: str, given: dict[str, Any]) -> str:
    """A record of the REST API's JSON as an element of an answer."""
    kind = given.get("attributes", {}).get("type", "")
    fields = {key: value for key, value in given.items() if key not in ("attributes", "Id")}
    table = org.table(kind)
    if dialect.typed:
        head = leaf("sf:Id", given["Id"]) if "Id" in given else ""
    else:
        head = leaf("sf:type", kind) + leaf("sf:Id", given.get("Id"))
    body = head + "".join(_field(org, dialect, table, key, value) for key, value in fields.items())
    return element(name, body, xsi_type=f"sf:{kind}" if dialect.typed else "sf:sObject")


def _field(org: Org, dialect: Dialect, table: Table | None, name: str, value: Any) -> str:
    if isinstance(value, dict) and "records" in value:
        return element(f"sf:{name}", page(org, dialect, value), xsi_type="QueryResult")
    if isinstance(value, dict) and "attributes" in value:
        return shown(org, dialect, f"sf:{name}", value)
    if isinstance(value, dict):
        return element(f"sf:{name}", "".join(tree(key, one) for key, one in value.items()), xsi_type="address")
    field = table.kind.field(name) if table else None
    if isinstance(value, str) and (field is None or field.type == "datetime") and value.endswith(_RESULT_ZONE):
        value = value.removesuffix(_RESULT_ZONE) + "Z"
    return leaf(f"sf:{name}", value)


def page(org: Org, dialect: Dialect, body: dict[str, Any]) -> str:
    """The inside of a QueryResult, from a page of the REST API."""
    more = body.get("nextRecordsUrl")
    records = "".join(shown(org, dialect, "records", one) for one in body["records"])
    locator = leaf("queryLocator", more.rpartition("/")[2] if more else None)
    return f"{leaf('done', body['done'])}{locator}{records}{leaf('size', body['totalSize'])}"


def error(org: Org, dialect: Dialect, fail: Fail) -> str:
    """One Error of a result; a duplicate rule's carries what it found (api/salesforce.md section 18)."""
    fields = "".join(leaf("fields", one) for one in fail.fields or ())
    said = f"{fields}<message>{plain(fail.message)}</message><statusCode>{plain(fail.code)}</statusCode>"
    if not isinstance(fail, DuplicateFail):
        return element("errors", said)
    return element("errors", said + _found(org, dialect, "duplicateResult", fail.result), xsi_type="DuplicateError")


def _found(org: Org, dialect: Dialect, name: str, value: Any) -> str:
    """A part of a DuplicateResult; the records in it are sObjects."""
    if isinstance(value, list):
        return "".join(_found(org, dialect, name, one) for one in value)
    if not isinstance(value, dict):
        return tree(name, value)
    if "attributes" in value:
        return shown(org, dialect, name, value)
    return element(name, "".join(_found(org, dialect, key, one) for key, one in value.items()))
