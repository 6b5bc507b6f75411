"""HubSpot's properties as field specs (SPEC 2.3; api/hubspot.md, section 8). Reads schemas; writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from concord.core.values import TEXTUAL, FieldSpec, FieldType, ObjectSpec, Option
from concord.errors import Category, ConfigError, RemoteRefused
from concord.systems.hubspot.client import Caller
from concord.systems.hubspot.errors import SYSTEM
from concord.systems.hubspot.wire import OPT_OUT

#: Plural name in paths -> type id (section 5).
TYPE_IDS: Final[Mapping[str, str]] = {
    "contacts": "0-1",
    "companies": "0-2",
    "deals": "0-3",
    "tickets": "0-5",
    "products": "0-7",
    "line_items": "0-8",
    "tasks": "0-27",
    "notes": "0-46",
    "meetings": "0-47",
    "calls": "0-48",
    "emails": "0-49",
}

#: The primary company of a contact: read as a property, written as an association (section 10).
COMPANY: Final = "associatedcompanyid"
LIFECYCLE: Final = "lifecyclestage"
EMAIL: Final = "email"

#: Read-only as properties, but written by calls of their own; so they are told as writable.
_BY_OTHER_CALLS: Final = frozenset({("contacts", OPT_OUT), ("contacts", COMPANY)})
#: HubSpot has no type of its own for these.
_BY_NAME: Final[Mapping[str, FieldType]] = {EMAIL: FieldType.EMAIL, "website": FieldType.URL}

_BY_FIELD_TYPE: Final[Mapping[str, FieldType]] = {
    "textarea": FieldType.LONG_TEXT,
    "html": FieldType.RICH_TEXT,
    "phonenumber": FieldType.PHONE,
}
_BY_TYPE: Final[Mapping[str, FieldType]] = {
    "bool": FieldType.CHECKBOX,
    "date": FieldType.DATE,
    "datetime": FieldType.DATETIME,
    "phone_number": FieldType.PHONE,
    "number": FieldType.NUMBER,
    "string": FieldType.TEXT,
    "enumeration": FieldType.PICKLIST,
}


async def describe(caller: Caller, objects: Sequence[str]) -> Mapping[str, ObjectSpec]:
    """The schemas of these objects. Raises ConfigError, naming it, for one that the account lacks or does not show."""
    specs = await asyncio.gather(*(_describe(caller, name) for name in dict.fromkeys(objects)))
    return {spec.name: spec for spec in specs}


async def _describe(caller: Caller, name: str) -> ObjectSpec:
    try:
        answer, lengths = await asyncio.gather(
            caller.get(caller.paths.properties(name), "describe"), _max_lengths(caller, name)
        )
    except RemoteRefused as error:
        if error.category in (Category.MISSING_RECORD, Category.PERMISSION, Category.VALIDATION_RULE):
            raise ConfigError(f"HubSpot does not show the object {name!r}: {error}") from error
        raise
    rows = [row for row in answer.body.get("results") or [] if isinstance(row, Mapping)]
    fields = {spec.name: spec for spec in (field_spec(name, row) for row in rows if not row.get("archived"))}
    for field, length in lengths.items():
        if field in fields and fields[field].type in TEXTUAL:
            fields[field] = replace(fields[field], length=length)
    return ObjectSpec(SYSTEM, name, fields)


def field_spec(object_name: str, row: Mapping[str, Any]) -> FieldSpec:
    """One property as a field spec."""
    name = str(row["name"])
    kind, references = _type(object_name, name, row)
    metadata = row.get("modificationMetadata")
    read_only = bool(row.get("calculated")) or bool(isinstance(metadata, Mapping) and metadata.get("readOnlyValue"))
    writable = (object_name, name) in _BY_OTHER_CALLS or not (
        read_only or row.get("archived") or row.get("type") not in _BY_TYPE
    )
    listed = kind in (FieldType.PICKLIST, FieldType.MULTI_PICKLIST)
    return FieldSpec(
        name=name,
        type=kind,
        label=str(row.get("label") or name),
        # Hidden options are only hidden from forms: they can still be written (section 8).
        options=tuple(
            Option(str(option.get("value", "")), str(option.get("label") or option.get("value", "")))
            for option in row.get("options") or []
            if isinstance(option, Mapping)
        )
        if listed
        else (),
        restricted=listed and not row.get("externalOptions"),
        creatable=writable,
        updatable=writable,
        # An address belongs to one contact, additional ones included (section 5).
        unique=bool(row.get("hasUniqueValue")) or (object_name, name) == ("contacts", EMAIL),
        # An opt-out belongs to the address, not to the contact (section 13).
        needs=EMAIL if (object_name, name) == ("contacts", OPT_OUT) else "",
        references=references,
        tracked=True,  # every property has a history (section 7)
    )


def _type(object_name: str, name: str, row: Mapping[str, Any]) -> tuple[FieldType, tuple[str, ...]]:
    kind, control = str(row.get("type") or ""), str(row.get("fieldType") or "")
    if (object_name, name) == ("contacts", COMPANY):
        return FieldType.REFERENCE, ("companies",)
    if row.get("externalOptions") and str(row.get("referencedObjectType") or "").upper() == "OWNER":
        return FieldType.REFERENCE, ("owners",)
    if kind == "string":
        return _BY_NAME.get(name, _BY_FIELD_TYPE.get(control, FieldType.TEXT)), ()
    if kind == "enumeration" and control == "booleancheckbox":
        return FieldType.CHECKBOX, ()
    if kind == "enumeration" and control == "checkbox":
        return FieldType.MULTI_PICKLIST, ()
    if kind == "number" and (row.get("showCurrencySymbol") or row.get("numberDisplayHint") == "currency"):
        return FieldType.CURRENCY, ()
    # A percentage is told as a plain number: api/hubspot.md does not say whether 50 % is kept as 50 or as 0.5, and the
    # type PERCENT would let it be carried to Salesforce, where it is 50, without anybody having looked.
    return _BY_TYPE.get(kind, FieldType.LONG_TEXT), ()


async def _max_lengths(caller: Caller, object_name: str) -> Mapping[str, int]:
    """The longest text of each property that an administrator has limited (section 1). Empty where the account does not
    have or show validation rules: they are then found by the write that breaks one."""
    try:
        answer = await caller.get(
            caller.paths.validations(TYPE_IDS.get(object_name, object_name)), "describe rules", none=True
        )
    except RemoteRefused as error:
        if error.category is Category.PERMISSION:
            return {}
        raise
    rows = answer.body.get("results") if isinstance(answer.body, Mapping) and answer.status == 200 else None
    found: dict[str, int] = {}
    for row in rows or []:
        for rule in row.get("propertyValidationRules") or []:
            arguments = rule.get("ruleArguments") or []
            if rule.get("ruleType") == "MAX_LENGTH" and arguments and str(arguments[0]).isdecimal():
                found[str(row.get("propertyName"))] = int(arguments[0])
    return found
