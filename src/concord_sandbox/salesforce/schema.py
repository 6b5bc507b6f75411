"""Objects and fields: what Salesforce knows of them and how `describe` shows it.

Holds no records. A field is made from a few given attributes; the rest of the 57 that describe shows (api/salesforce.md
section 4) follows from its type.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import Any

from concord_sandbox.service import ControlError

Given = dict[str, Any]

TEXT_TYPES = frozenset(
    (
        "string",
        "textarea",
        "email",
        "phone",
        "url",
        "picklist",
        "multipicklist",
        "combobox",
        "encryptedstring",
        "anyType",
    )
)
NUMBER_TYPES = frozenset(("int", "double", "currency", "percent"))
COMPOUND_TYPES = frozenset(("address", "location", "complexvalue"))
_SOAP = {
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "time": "xsd:time",
    "reference": "tns:ID",
    "id": "tns:ID",
    "address": "urn:address",
    "location": "urn:location",
    "base64": "xsd:base64Binary",
    "anyType": "xsd:anyType",
}
TYPES = TEXT_TYPES | NUMBER_TYPES | COMPOUND_TYPES | _SOAP.keys()
_LENGTHS = {"email": 80, "phone": 40, "id": 18, "reference": 18, "multipicklist": 4099}
#: Attributes of the sandbox that describe does not show.
OWN_ATTRIBUTES = frozenset(("truncates", "trackHistory", "childRelationshipName", "displayFormat", "rollup"))
_WRITING = frozenset(("createable", "updateable", "deletable", "undeletable", "mergeable"))
#: The record type that every object has and no record shows.
MASTER_RECORD_TYPE = "012000000000000AAA"


def _plain_attributes() -> Given:
    """Every attribute that describe shows, with the value that most fields have."""
    off = (
        "aiPredictionField autoNumber calculated cascadeDelete caseSensitive custom dependentPicklist "
        "deprecatedAndHidden displayLocationInDecimal encrypted externalId formulaTreatNullNumberAsZero "
        "highScaleNumber htmlFormatted idLookup nameField namePointing polymorphicForeignKey queryByDistance "
        "restrictedDelete restrictedPicklist searchPrefilterable unique writeRequiresMasterRead"
    )
    on = "createable filterable groupable nillable permissionable sortable updateable aggregatable"
    empty = (
        "calculatedFormula compoundFieldName controllerName defaultValue defaultValueFormula extraTypeInfo "
        "filteredLookupInfo inlineHelpText mask maskType referenceTargetField relationshipName relationshipOrder"
    )
    made: Given = dict.fromkeys(off.split(), False) | dict.fromkeys(on.split(), True)
    made |= dict.fromkeys(empty.split()) | dict.fromkeys(("byteLength", "digits", "length", "precision", "scale"), 0)
    made |= {"name": "", "label": "", "type": "string", "soapType": "xsd:string"}
    made |= {"defaultedOnCreate": False, "picklistValues": [], "referenceTo": []}
    return dict(sorted(made.items()))


class Field:
    """One field of an object. `attributes` is its describe; the rest are the ones that every call asks for."""

    __slots__ = (
        "absent", "allowed", "attributes", "child_name", "controller", "createable", "default", "display_format",
        "filterable", "folded", "given", "hidden", "indexed_key", "label", "length", "name", "nillable", "precision",
        "reference_to", "relationship", "required", "scale", "track", "truncates", "type", "unique", "updateable",
        "values",
    )  # fmt: skip

    def __init__(self, given: Given) -> None:
        self.given = given
        self.attributes = shown = _completed(given)
        self.name: str = shown["name"]
        self.type: str = shown["type"]
        self.label: str = shown["label"]
        self.length: int = shown["length"]
        self.precision: int = shown["precision"]
        self.scale: int = shown["scale"]
        self.createable: bool = shown["createable"]
        self.updateable: bool = shown["updateable"]
        self.filterable: bool = shown["filterable"]
        self.nillable: bool = shown["nillable"]
        self.unique: bool = shown["unique"]
        self.indexed_key: bool = shown["externalId"] or shown["idLookup"]
        self.required: bool = self.createable and not self.nillable and not shown["defaultedOnCreate"]
        self.reference_to: tuple[str, ...] = tuple(shown["referenceTo"])
        self.relationship: str | None = shown["relationshipName"]
        self.child_name: str | None = given.get("childRelationshipName")
        #: How the numbers of an autonumber look: "INV-{0000}".
        self.display_format: str = given.get("displayFormat") or "{0}"
        #: Whether field-level security keeps it from the integration user, to whom it does not exist then.
        self.hidden = False
        #: A dependent picklist's controlling field, and for each value the controlling values that allow it.
        self.controller: str | None = shown["controllerName"]
        self.allowed: dict[str, frozenset[str]] = {}
        self.truncates: bool = bool(given.get("truncates"))
        self.track: bool = bool(given.get("trackHistory"))
        #: What a record without a stored value shows: false for a checkbox, null for all else.
        self.absent: bool | None = False if self.type == "boolean" else None
        #: Whether texts of this field are equal whatever their case.
        self.folded: bool = self.type in TEXT_TYPES and not shown["caseSensitive"]
        self.values: tuple[str, ...] = ()
        self.default: Any = None
        self.set_options(shown["picklistValues"])

    def set_options(self, options: list[Given]) -> None:
        """Give a picklist its values, in the form that describe shows them in."""
        self.attributes["picklistValues"] = options
        self.values = tuple(one["value"] for one in options if one["active"])
        self.default = _default(self.attributes)

    def depend_on(self, controller: Field) -> None:
        """Read the `validFor` of the values, lists of controlling values or bitmaps; describe shows bitmaps."""
        controlling = controller.all_values
        for one in self.attributes["picklistValues"]:
            given = one["validFor"]
            if isinstance(given, str):
                bits = b64decode(given)
                places = [place for place in range(len(bits) * 8) if bits[place // 8] >> (7 - place % 8) & 1]
                given = [controlling[place] for place in places if place < len(controlling)]
            chosen = [_option_name(name) for name in given or ()]
            unknown = set(chosen) - set(controlling)
            if unknown:
                raise ControlError(f"field {self.name}: {controller.name} has no value {', '.join(sorted(unknown))}")
            one["validFor"] = _bitmap(controlling, chosen)
            self.allowed[one["value"]] = frozenset(chosen)

    @property
    def all_values(self) -> tuple[str, ...]:
        """The values that can control another field, inactive ones too: their places are those of the bitmaps."""
        if self.type == "boolean":
            return ("false", "true")
        return tuple(one["value"] for one in self.attributes["picklistValues"])

    def protect(self, *, hidden: bool, read_only: bool) -> None:
        """Say what field-level security takes from the integration user: the field itself, or writing it."""
        self.hidden = hidden
        mine = _completed(self.given)
        for right in ("createable", "updateable"):
            self.attributes[right] = mine[right] and not read_only
        self.createable, self.updateable = self.attributes["createable"], self.attributes["updateable"]

    def fold(self, value: Any) -> Any:
        """The form in which two values of this field are compared."""
        return value.lower() if self.folded and isinstance(value, str) else value


def _default(shown: Given) -> Any:
    listed = next((one["value"] for one in shown["picklistValues"] if one["defaultValue"] and one["active"]), None)
    return listed if listed is not None else shown["defaultValue"]


def _option_name(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _bitmap(controlling: tuple[str, ...], chosen: list[str]) -> str:
    """Base64 of a bit for each controlling value, most significant bit first (api/salesforce.md section 4)."""
    bits = bytearray(max(1, (len(controlling) + 7) // 8))
    for name in chosen:
        place = controlling.index(name)
        bits[place // 8] |= 1 << (7 - place % 8)
    return b64encode(bytes(bits)).decode()


def _completed(given: Given) -> Given:
    if not given.get("name") or given.get("type", "string") not in TYPES:
        raise ControlError(f"a field needs a name and a known type: {given.get('name')!r}, {given.get('type')!r}")
    made = _plain_attributes()
    unknown = given.keys() - made.keys() - OWN_ATTRIBUTES
    if unknown:
        raise ControlError(f"field {given['name']}: describe has no attribute {', '.join(sorted(unknown))}")
    kind, name = given.get("type", "string"), given["name"]
    made |= {"label": _label(name), "custom": name.endswith("__c"), "soapType": _SOAP.get(kind, "xsd:string")}
    made |= _by_type(kind, given)
    made |= {key: value for key, value in given.items() if key not in OWN_ATTRIBUTES}
    if kind not in TEXT_TYPES and kind not in ("id", "reference"):
        made["length"] = 0
    elif not made["length"]:
        made["length"] = _LENGTHS.get(kind, 255)
    made["byteLength"] = given.get("byteLength", made["length"] * (1 if kind in ("id", "reference") else 3))
    made["picklistValues"] = [_option(one) for one in made["picklistValues"]]
    if made["unique"] or made["externalId"]:
        made["idLookup"] = True
    made["dependentPicklist"] = made["controllerName"] is not None
    if made["calculated"] or made["autoNumber"] or kind in COMPOUND_TYPES:
        made["createable"] = made["updateable"] = False
    return made


def _by_type(kind: str, given: Given) -> Given:
    if kind == "boolean":
        return {"nillable": False, "defaultedOnCreate": True, "defaultValue": False, "aggregatable": False}
    if kind == "int":
        return {"digits": 8}
    if kind in NUMBER_TYPES:
        return {"precision": 18, "scale": 2, "groupable": False}
    if kind == "reference" and given["name"].endswith("__c"):
        return {"relationshipName": given["name"][:-1] + "r"}
    if kind in COMPOUND_TYPES:
        return {
            "filterable": False,
            "groupable": False,
            "sortable": False,
            "aggregatable": False,
            "queryByDistance": True,
        }
    if kind == "textarea":
        long = given.get("length", 255) > 255
        return {"filterable": not long, "sortable": not long, "groupable": not long, "aggregatable": False}
    if kind == "multipicklist":
        return {"groupable": False, "sortable": False}
    if kind == "datetime":
        return {"groupable": False}
    return {}


def _option(given: str | Given) -> Given:
    """A picklist value as describe shows it; a bare text stands for an active value of that label."""
    if isinstance(given, str):
        given = {"value": given}
    value = given["value"]
    plain = {"active": True, "defaultValue": False, "label": value, "validFor": None, "value": value}
    return {**plain, **{key: given[key] for key in given if key in plain}}


def _label(name: str) -> str:
    bare = name.removesuffix("__c")
    if bare != name:
        return bare.replace("_", " ")
    bare = bare[:-2] + " ID" if bare.endswith("Id") and bare != "Id" else bare
    spaced = "".join(f" {c}" if c.isupper() and i and not bare[i - 1].isupper() else c for i, c in enumerate(bare))
    return spaced.replace("  ", " ").strip()


class ObjectType:
    """One object: its fields by name, whatever their case, and what describe says of it."""

    def __init__(self, given: Given, fields: Iterable[Given]) -> None:
        self.given = given
        self.name: str = given["name"]
        self.label: str = given.get("label", _label(self.name))
        self.plural: str = given.get("labelPlural", self.label + "s")
        #: "" for an object whose records have ids of others.
        self.prefix: str = given["keyPrefix"] or ""
        self.custom: bool = self.name.endswith("__c")
        self.writable: bool = given.get("writable", True)
        self.history: str | None = given.get("history")
        #: The rights of the integration user: "write", "read", or "none" when the object does not exist for it.
        self.access = "write"
        self.flags: dict[str, bool] = dict(given.get("flags", {}))
        #: What describe says of its record types, without the one that every object has.
        self.record_types: list[Given] = []
        self.fields: dict[str, Field] = {}
        for one in fields:
            self._add(one)
        for field in self.fields.values():
            if field.controller is not None:
                controller = self.field(field.controller)
                if controller is None:
                    raise ControlError(f"field {field.name}: {self.name} has no field {field.controller}")
                field.depend_on(controller)
        self.tracked = tuple(field for field in self.fields.values() if field.track)
        self.uniques = tuple(field for field in self.fields.values() if field.unique)
        self.required = tuple(field for field in self.fields.values() if field.required)
        self.note_defaults()
        parts = (n for n in ("FirstName", "MiddleName", "LastName", "Suffix") if n.lower() in self.fields)
        name = self.field("Name")
        #: The parts that a Name is put together from; none where a name is written as it is.
        self.named = tuple(parts) if name is not None and not name.createable else ()
        self.compounds = {
            field.name: _parts(field.name, self.fields) for field in self.fields.values() if field.type == "address"
        }
        self.note_visible()

    def note_defaults(self) -> None:
        """Call when options of a picklist were set."""
        self.defaulted = tuple(f for f in self.fields.values() if f.default is not None and f.default is not False)

    def note_visible(self) -> None:
        """Call when fields were hidden: `shown` and `by_relationship` hold what the integration user may see."""
        self.shown = tuple(field for field in self.fields.values() if not field.hidden)
        self.by_relationship = {field.relationship.lower(): field for field in self.shown if field.relationship}

    def _add(self, given: Given) -> None:
        """Add a field, or lay the given attributes over those of a field of that name."""
        key = str(given.get("name", "")).lower()
        known = self.fields.get(key)
        merged = {**known.given, **given, "name": known.name} if known else given
        self.fields[key] = Field(merged)

    def field(self, name: str) -> Field | None:
        """The field of that name, hidden or not."""
        return self.fields.get(name.lower())

    def visible(self, name: str) -> Field | None:
        """The field of that name unless the integration user may not know of it."""
        found = self.fields.get(name.lower())
        return None if found is None or found.hidden else found

    def may(self, right: str) -> bool:
        """Whether describe's flag of that name holds: `createable`, `updateable`, `deletable` …"""
        if self.access == "read" and right in _WRITING:
            return False
        return self.flags.get(right, self.writable or right in ("queryable", "retrieveable"))

    def summary(self, version: str) -> Given:
        """The object in the global describe."""
        base = f"/services/data/{version}/sobjects/{self.name}"
        flags = (
            "createable deletable mergeable queryable replicateable retrieveable searchable triggerable undeletable "
            "updateable layoutable"
        )
        shown: Given = {flag: self.may(flag) for flag in flags.split()}
        shown["mergeable"] = self.flags.get("mergeable", self.name in ("Lead", "Contact", "Account", "Case"))
        off = (
            "activateable customSetting deepCloneable deprecatedAndHidden feedEnabled hasSubtypes isInterface "
            "isSubtype mruEnabled"
        )
        shown |= dict.fromkeys(off.split(), False)
        shown |= {"associateEntityType": None, "associateParentEntity": None, "custom": self.custom}
        shown |= {"keyPrefix": self.prefix or None, "label": self.label, "labelPlural": self.plural, "name": self.name}
        urls = {"sobject": base, "describe": base + "/describe", "rowTemplate": base + "/{ID}"}
        return dict(sorted(shown.items())) | {"urls": urls}

    def describe(self, version: str, children: list[Given]) -> Given:
        """The object in full. `children`: the entries of `childRelationships`, which only the org can know."""
        base = f"/services/data/{version}/sobjects/{self.name}"
        shown = self.summary(version)
        shown |= {
            "actionOverrides": [],
            "childRelationships": children,
            "compactLayoutable": self.may("layoutable"),
            "defaultImplementation": None,
            "extendedBy": None,
            "extendsInterfaces": None,
            "fields": [field.attributes for field in self.shown],
            "implementedBy": None,
            "implementsInterfaces": None,
            "listviewable": None,
            "lookupLayoutable": None,
            "namedLayoutInfos": [],
            "networkScopeFieldName": None,
            "recordTypeInfos": self._record_type_infos(base),
            "searchLayoutable": self.may("layoutable"),
            "sobjectDescribeOption": "FULL",
            "supportedScopes": [{"label": f"All {self.plural.lower()}", "name": "everything"}],
        }
        shown["urls"] = {
            "compactLayouts": base + "/describe/compactLayouts",
            "rowTemplate": base + "/{ID}",
            "approvalLayouts": base + "/describe/approvalLayouts",
            "describe": base + "/describe",
            "quickActions": base + "/quickActions",
            "layouts": base + "/describe/layouts",
            "sobject": base,
        }
        if self.may("layoutable"):
            page = "/{ID}"
            shown["urls"] |= {"uiEditTemplate": page + "/e", "uiDetailTemplate": page}
            shown["urls"] |= {"uiNewRecord": f"/{self.prefix}/e"}
        return shown

    def _record_type_infos(self, base: str) -> list[Given]:
        infos = [*self.record_types, _master_record_type(default=not any(map(_is_default, self.record_types)))]
        return [{**one, "urls": {"layout": f"{base}/describe/layouts/{one['recordTypeId']}"}} for one in infos]


def child_relationship(child: ObjectType, field: Field) -> Given:
    """One entry of `childRelationships`: records of `child` point here with `field`."""
    return {
        "cascadeDelete": field.attributes["cascadeDelete"],
        "childSObject": child.name,
        "deprecatedAndHidden": False,
        "field": field.name,
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
        "relationshipName": field.child_name,
        "restrictedDelete": field.attributes["restrictedDelete"],
    }


def _is_default(info: Given) -> bool:
    return bool(info["defaultRecordTypeMapping"])


def _master_record_type(*, default: bool) -> Given:
    return record_type_info(MASTER_RECORD_TYPE, "Master", "Master", default=default, master=True)


def record_type_info(
    record_type_id: str, developer_name: str, name: str, *, active: bool = True, default: bool = False,
    master: bool = False,
) -> Given:  # fmt: skip
    """One entry of `recordTypeInfos`."""
    return {
        "active": active,
        "available": active,
        "defaultRecordTypeMapping": default,
        "developerName": developer_name,
        "master": master,
        "name": name,
        "recordTypeId": record_type_id,
    }


_PARTS = ("City", "Country", "GeocodeAccuracy", "Latitude", "Longitude", "PostalCode", "State", "Street")


def _parts(compound: str, fields: dict[str, Field]) -> tuple[tuple[str, str], ...]:
    """(key in the compound, field) for the parts of an address: `MailingAddress` -> `city`, `MailingCity`."""
    stem = compound.removesuffix("Address")
    listed = ((part[0].lower() + part[1:], stem + part) for part in _PARTS)
    return tuple((key, name) for key, name in listed if name.lower() in fields)
