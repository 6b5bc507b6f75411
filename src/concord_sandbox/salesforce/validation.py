"""From the JSON of a write to stored values, by the type and the limits of each field, as Salesforce does it.

Texts are trimmed and "" is null; e-mail addresses are lower-cased; ids become 18 characters; date-times whole seconds;
numbers are rounded half up to the field's scale. Changes nothing; raises Refusal for what Salesforce refuses.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from concord_sandbox.salesforce.errors import Fail, Refusal, bad_json, bad_reference, no_column
from concord_sandbox.salesforce.ids import full_id
from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.schema import NUMBER_TYPES, TEXT_TYPES, Field
from concord_sandbox.salesforce.tables import Table
from concord_sandbox.salesforce.values import read_time, wire_clock, wire_date, wire_time

#: What Java's trim takes off: everything up to the blank.
_BLANKS = "".join(map(chr, range(33)))
_EMAIL = re.compile(r"[^\s@<>(),;:\\\"\[\]]+@[\w-]+(?:\.[\w-]+)*\.\w{2,}")
#: Salesforce's calendar.
_FIRST_YEAR, _LAST_YEAR = "1700", "4000"
_JSON_WORDS = {"currency": "double", "percent": "double", "reference": "id"}


def read_body(org: Org, table: Table, body: dict[str, Any], *, creating: bool, trusted: bool) -> dict[str, Any]:
    """Field name -> value to store (None: clear) for every field that a write's body names.

    trusted: a person at work in the screens, whom no API right stops. Raises Refusal.
    """
    values: dict[str, Any] = {}
    refused = []
    for name, given in body.items():
        if name == "attributes":
            continue
        field, given = _addressed(org, table, name, given, trusted)
        if not (trusted and field.name != "Id") and not (field.createable if creating else field.updateable):
            refused.append(field.name)
            continue
        values[field.name] = stored(org, table, field, given)
    if refused:
        raise Refusal(
            400,
            Fail(
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                f"Unable to create/update fields: {', '.join(refused)}. Please check the security settings of this "
                "field and verify that it is read/write for your profile or permission set.",
                tuple(refused),
            ),
        )
    return values


def _addressed(org: Org, table: Table, name: str, given: Any, trusted: bool) -> tuple[Field, Any]:
    """The field that a key of the body means; a parent may be named by its own external id."""
    field = table.kind.field(name) if trusted else table.kind.visible(name)
    if field is not None:
        return field, given
    parent = table.kind.by_relationship.get(name.lower())
    if parent is None or not isinstance(given, dict):
        raise no_column(name, table.kind.name)
    return parent, _parent_id(org, parent, given)


def _parent_id(org: Org, field: Field, given: dict[str, Any]) -> str:
    keys = {key: value for key, value in given.items() if key != "attributes"}
    wanted = given.get("attributes", {}).get("type") if isinstance(given.get("attributes"), dict) else None
    target = org.table(str(wanted or field.reference_to[0]))
    if len(keys) != 1 or target is None:
        raise Refusal(400, Fail("INVALID_FIELD", f"{field.relationship}: name the parent by exactly one external id"))
    ((key, value),) = keys.items()
    key_field = target.kind.field(key)
    if key_field is None or not (key_field.indexed_key or key_field.type == "id"):
        raise no_column(key, target.kind.name)
    if not isinstance(value, str | int | float):
        raise _wrong_type(key_field, value)
    found = target.find(key_field, full_id(value) if key_field.name == "Id" else value)
    live = [one for one in found if target.live(one)]
    if len(live) != 1:
        words = f"Foreign key external ID: {value} not found for field {key_field.name} in entity {target.kind.name}"
        if live:
            words = f"{key_field.name}: more than one record found for external id field: [{', '.join(live)}]"
        raise Refusal(400, Fail("INVALID_FIELD" if not live else "DUPLICATE_EXTERNAL_ID", words))
    return live[0]


def stored(org: Org, table: Table, field: Field, given: Any) -> Any:
    """One field's value as it is stored, None for null. Raises Refusal."""
    if field.type == "boolean":
        if not isinstance(given, bool):
            raise _wrong_type(field, given)
        return given
    if given is None:
        return None
    if field.type in NUMBER_TYPES:
        return _number(field, given)
    if not isinstance(given, str):
        raise _wrong_type(field, given)
    text = given.strip(_BLANKS)
    if not text:
        return None
    if field.type in TEXT_TYPES:
        return _text(field, text)
    if field.type in ("reference", "id"):
        return _reference(org, table, field, text)
    return _moment(field, text)


def _moment(field: Field, text: str) -> str:
    try:
        if field.type == "datetime":
            made = wire_time(read_time(text))
        else:
            made = wire_date(text) if field.type == "date" else wire_clock(text)
    except ValueError:
        raise _wrong_type(field, text) from None
    if field.type != "time" and not _FIRST_YEAR <= made[:4] <= _LAST_YEAR:
        words = f"{field.label}: invalid date: {text}"
        raise Refusal(400, Fail("FIELD_INTEGRITY_EXCEPTION", words, (field.name,)))
    return made


def _text(field: Field, text: str) -> str:
    if field.type == "multipicklist":
        return _multiple(field, text)
    if len(text) > field.length:
        if not field.truncates:
            words = f"{field.label}: data value too large: {text} (max length={field.length})"
            raise Refusal(400, Fail("STRING_TOO_LONG", words, (field.name,)))
        text = text[: field.length].rstrip(_BLANKS)
    if field.type == "email":
        if not _EMAIL.fullmatch(text):
            words = f"{field.label}: invalid email address: {text}"
            raise Refusal(400, Fail("INVALID_EMAIL_ADDRESS", words, (field.name,)))
        return text.lower()
    if field.type == "picklist" and field.attributes["restrictedPicklist"] and text not in field.values:
        raise _not_in_list(field, text)
    return text


def _multiple(field: Field, text: str) -> str:
    chosen = list(dict.fromkeys(part.strip(_BLANKS) for part in text.split(";") if part.strip(_BLANKS)))
    if field.attributes["restrictedPicklist"]:
        for one in chosen:
            if one not in field.values:
                raise _not_in_list(field, one)
    order = {value: place for place, value in enumerate(field.values)}
    return ";".join(sorted(chosen, key=lambda one: order.get(one, len(order))))


def _not_in_list(field: Field, text: str) -> Refusal:
    words = f"{field.label}: bad value for restricted picklist field: {text}"
    return Refusal(400, Fail("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", words, (field.name,)))


def _number(field: Field, given: Any) -> int | float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise _wrong_type(field, given)
    if field.type == "int":
        if isinstance(given, float) and not given.is_integer():
            raise _wrong_type(field, given)
        if abs(given) >= 10 ** field.attributes["digits"]:
            raise _out_of_range(field, given)
        return int(given)
    try:
        rounded = Decimal(str(given)).quantize(Decimal(1).scaleb(-field.scale), ROUND_HALF_UP)
    except InvalidOperation:
        raise _out_of_range(field, given) from None
    if abs(rounded) >= Decimal(10) ** (field.precision - field.scale):
        raise _out_of_range(field, given)
    return float(rounded)


def _out_of_range(field: Field, given: float) -> Refusal:
    words = f"{field.label}: value outside of valid range on numeric field: {given}"
    return Refusal(400, Fail("NUMBER_OUTSIDE_VALID_RANGE", words, (field.name,)))


def _reference(org: Org, table: Table, field: Field, text: str) -> str:
    """A record id that exists and is of a type that the field takes."""
    known = full_id(text)
    targets = [found for name in field.reference_to if (found := org.table(name)) is not None]
    if known is None or (targets and org.table_of(known) not in targets):
        words = f"{field.label}: id value of incorrect type: {text}"
        raise Refusal(400, Fail("MALFORMED_ID", words, (field.name,)))
    if not targets:
        return known  # points at an object that this sandbox does not have
    row = org.row(known)
    if row is None:
        raise bad_reference(field.name)
    if row.get("IsDeleted"):
        raise Refusal(400, Fail("ENTITY_IS_DELETED", "entity is deleted", (field.name,)))
    if field.name == "OwnerId" and known.startswith("005") and not row.get("IsActive"):
        words = f"operation performed with inactive user [{known}] as owner of {table.kind.label.lower()}"
        raise Refusal(400, Fail("INACTIVE_OWNER_OR_USER", words, (field.name,)))
    return known


def _wrong_type(field: Field, given: Any) -> Refusal:
    wanted = _JSON_WORDS.get(field.type, "string" if field.type in TEXT_TYPES else field.type)
    return bad_json(
        f"Cannot deserialize instance of {wanted} from {_token(given)} "
        "or request may be missing a required field at [line:1, column:1]"
    )


def _token(given: Any) -> str:
    if given is None:
        return "VALUE_NULL value null"
    if isinstance(given, bool):
        return f"VALUE_{str(given).upper()} value {str(given).lower()}"
    if isinstance(given, int | float):
        return f"VALUE_NUMBER_{'INT' if isinstance(given, int) else 'FLOAT'} value {given}"
    if isinstance(given, str):
        return f"VALUE_STRING value {given}"
    return (
        "START_ARRAY" if isinstance(given, list) else "START_OBJECT"
    ) + f" value {'[' if isinstance(given, list) else '{'}"
