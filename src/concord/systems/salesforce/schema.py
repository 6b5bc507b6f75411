"""Salesforce's schema as typed field specifications (api/salesforce.md, section 4; SPEC 2.3).

Reads describe and remembers it; may not read or write records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from concord.core.values import TEXTUAL, FieldSpec, FieldType, ObjectSpec, Option
from concord.errors import ConfigError, RemoteRefused
from concord.systems.salesforce.client import Client, together
from concord.systems.salesforce.wire import PREFIXES, SYSTEM

#: Describe's `type` -> ours. `id` is the Ref itself; `address` and `location` are compounds whose parts are fields of
#: their own; `base64`, `anyType` and `complexvalue` are not carried. `textarea` is told apart below.
TYPES: Final[Mapping[str, FieldType]] = {
    "string": FieldType.TEXT,
    "textarea": FieldType.TEXT,
    "combobox": FieldType.TEXT,
    "encryptedstring": FieldType.TEXT,
    "time": FieldType.TEXT,
    "email": FieldType.EMAIL,
    "phone": FieldType.PHONE,
    "url": FieldType.URL,
    "picklist": FieldType.PICKLIST,
    "multipicklist": FieldType.MULTI_PICKLIST,
    "boolean": FieldType.CHECKBOX,
    "int": FieldType.NUMBER,
    "long": FieldType.NUMBER,
    "double": FieldType.NUMBER,
    "currency": FieldType.CURRENCY,
    "percent": FieldType.PERCENT,
    "date": FieldType.DATE,
    "datetime": FieldType.DATETIME,
    "reference": FieldType.REFERENCE,
}
#: A text area longer than this is a long text (section 4).
_LONG: Final = 255


def field_spec(told: Mapping[str, Any]) -> FieldSpec | None:
    """A field of describe; None for one of a type that is not carried."""
    kind = TYPES.get(str(told.get("type")))
    if kind is None:
        return None
    length = int(told.get("length") or 0) or None
    if told.get("htmlFormatted") and told.get("type") in ("textarea", "string"):
        kind = FieldType.RICH_TEXT
    elif told.get("type") == "textarea" and (length or 0) > _LONG:
        kind = FieldType.LONG_TEXT
    writable = not told.get("calculated") and not told.get("autoNumber")
    creatable = bool(told.get("createable")) and writable
    return FieldSpec(
        name=str(told["name"]),
        type=kind,
        label=str(told.get("label") or ""),
        length=length if kind in TEXTUAL else None,
        scale=_scale(told),
        options=tuple(
            Option(str(option["value"]), str(option.get("label") or option["value"]), bool(option.get("active", True)))
            for option in told.get("picklistValues") or ()
            if option.get("value") is not None
        ),
        restricted=bool(told.get("restrictedPicklist")),
        required=creatable and not told.get("nillable", True) and not told.get("defaultedOnCreate"),
        creatable=creatable,
        updatable=bool(told.get("updateable")) and writable,
        unique=bool(told.get("unique")) and bool(told.get("externalId") or told.get("idLookup")),
        references=tuple(str(name) for name in told.get("referenceTo") or ()),
    )


def _scale(told: Mapping[str, Any]) -> int | None:
    if told.get("type") in ("int", "long"):
        return 0
    return int(told.get("scale") or 0) if told.get("type") in ("double", "currency", "percent") else None


def object_spec(told: Mapping[str, Any]) -> ObjectSpec:
    """A describe answer as the object's specification."""
    fields = told.get("fields") or ()
    addresses = {str(field["name"]) for field in fields if field.get("type") in ("address", "location")}
    specs: dict[str, FieldSpec] = {}
    for field in fields:
        spec, whole = field_spec(field), str(field.get("compoundFieldName") or "")
        if spec is not None:
            specs[spec.name] = replace(spec, part_of=whole) if whole in addresses else spec
    return ObjectSpec(SYSTEM, str(told["name"]), specs)


class Schema:
    """The objects' specifications, read once and again when asked for, and the objects that ids begin with."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._specs: dict[str, ObjectSpec] = {}
        self.prefixes: dict[str, str] = dict(PREFIXES)

    async def describe(self, objects: Sequence[str], client: Client | None = None) -> Mapping[str, ObjectSpec]:
        """Read these objects' schemas anew, by this client's calls where one is given. Raises ConfigError, naming them,
        for objects that are not there."""
        found = await together(partial(self._read, client or self._client), objects)
        missing = [name for name, spec in zip(objects, found, strict=True) if spec is None]
        if missing:
            raise ConfigError(
                f"Salesforce has no object {' and no object '.join(missing)} that the integration user may see: "
                "correct the name in the mapping, or give the integration user the right to read it"
            )
        return {name: self._specs[name] for name in objects}

    async def of(self, object_name: str) -> ObjectSpec:
        """An object's schema, read when it is not known yet."""
        if object_name not in self._specs:
            await self.describe([object_name])
        return self._specs[object_name]

    async def _read(self, client: Client, name: str) -> ObjectSpec | None:
        try:
            answer = await client.call("GET", f"/sobjects/{quote(name, safe='')}/describe/", kind="describe")
        except RemoteRefused as refused:
            if refused.code in ("NOT_FOUND", "INVALID_TYPE"):
                return None
            raise
        spec = object_spec(answer.body)
        self._specs[name] = spec
        if answer.body.get("keyPrefix"):
            self.prefixes[str(answer.body["keyPrefix"])] = name
        return spec
