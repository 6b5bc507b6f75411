"""How the fields of standard objects are written down: by the kinds of field that come again and again.

Data only; nothing here knows which object has which field.
"""

from __future__ import annotations

from typing import Any

Given = dict[str, Any]

SALUTATIONS = ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.")
_ACCURACIES = ("Address", "NearAddress", "Block", "Street", "ExtendedZip", "Zip", "Neighborhood", "City", "Unknown")


def field(name: str, kind: str = "string", length: int = 0, **more: Any) -> Given:
    given: Given = {"name": name, "type": kind, **more}
    if length:
        given["length"] = length
    return given


def system(name: str, kind: str, **more: Any) -> Given:
    """A field that only Salesforce itself writes."""
    return field(name, kind, **{"createable": False, "updateable": False, "permissionable": False, **more})


def to(name: str, *targets: str, **more: Any) -> Given:
    relationship = more.pop("relationship", name.removesuffix("Id"))
    many = len(targets) > 1
    given = field(name, "reference", referenceTo=list(targets), relationshipName=relationship, **more)
    return {**given, "polymorphicForeignKey": many, "namePointing": many}


def user(name: str, **more: Any) -> Given:
    given = to(name, "User", permissionable=False, **more)
    return {"createable": False, "updateable": False, "nillable": False, **given}


def picklist(name: str, values: tuple[str, ...], **more: Any) -> Given:
    return field(name, "picklist", more.pop("length", 255), picklistValues=list(values), **more)


def audit_fields(*, owner: bool = True, queues: bool = False) -> list[Given]:
    """Id, deletion mark, owner and stamps: what every object with records of its own has. queues: may own it too."""
    stamped: Given = {"nillable": False, "defaultedOnCreate": True}
    fields = [
        system("Id", "id", nillable=False, defaultedOnCreate=True, idLookup=True, label="Record ID"),
        system("IsDeleted", "boolean", label="Deleted"),
    ]
    if owner:
        owning: Given = {"nillable": False, "defaultedOnCreate": True, "permissionable": False}
        owners = ("Group", "User") if queues else ("User",)
        fields.append(to("OwnerId", *owners, label="Owner ID", **owning))
    return [
        *fields,
        system("CreatedDate", "datetime", label="Created Date", **stamped),
        user("CreatedById", label="Created By ID", defaultedOnCreate=True),
        system("LastModifiedDate", "datetime", label="Last Modified Date", **stamped),
        user("LastModifiedById", label="Last Modified By ID", defaultedOnCreate=True),
        system("SystemModstamp", "datetime", label="System Modstamp", **stamped),
    ]


def address(stem: str) -> list[Given]:
    compound = stem + "Address"
    return [
        field(stem + "Street", "textarea", 255, compoundFieldName=compound),
        field(stem + "City", "string", 40, compoundFieldName=compound),
        field(stem + "State", "string", 80, compoundFieldName=compound),
        field(stem + "PostalCode", "string", 20, compoundFieldName=compound),
        field(stem + "Country", "string", 80, compoundFieldName=compound),
        field(stem + "Latitude", "double", precision=18, scale=15, compoundFieldName=compound),
        field(stem + "Longitude", "double", precision=18, scale=15, compoundFieldName=compound),
        picklist(stem + "GeocodeAccuracy", _ACCURACIES, length=40, restrictedPicklist=True, compoundFieldName=compound),
        system(compound, "address"),
    ]


def person_name(length: int = 121) -> list[Given]:
    return [
        field("LastName", "string", 80, nillable=False, compoundFieldName="Name", permissionable=False),
        field("FirstName", "string", 40, compoundFieldName="Name"),
        picklist("Salutation", SALUTATIONS, length=40, compoundFieldName="Name"),
        system(
            "Name",
            "string",
            length=length,
            nillable=False,
            nameField=True,
            label="Full Name",
            extraTypeInfo="personname",
        ),
    ]


def history_fields(parent: str) -> list[Given]:
    """The columns of an object's field history (api/salesforce.md section 14)."""
    key = "ParentId" if parent.endswith("__c") else parent + "Id"
    kept = {"Id", "IsDeleted", "CreatedDate", "CreatedById"}
    return [
        *(one for one in audit_fields(owner=False) if one["name"] in kept),
        system(key, "reference", referenceTo=[parent], relationshipName=key.removesuffix("Id"), nillable=False,
                childRelationshipName="Histories"),
        system("Field", "picklist", length=255, nillable=False, label="Changed Field"),
        system("DataType", "picklist", length=40, label="Datatype"),
        system("OldValue", "anyType", length=255, filterable=False, sortable=False, groupable=False),
        system("NewValue", "anyType", length=255, filterable=False, sortable=False, groupable=False),
    ]  # fmt: skip


def history_object(parent: str, parent_label: str, name: str) -> Given:
    """The object that holds the field history of `parent`."""
    label = f"{parent_label} History"
    return {"name": name, "label": label, "labelPlural": label, "keyPrefix": "017", "writable": False}


def setting_fields(*own: Given) -> list[Given]:
    """What the objects have that hold the values of a status picklist: OpportunityStage, TaskStatus …"""
    audit = [one for one in audit_fields(owner=False) if one["name"] != "IsDeleted"]
    return [
        *audit,
        field("MasterLabel", "string", 255, nillable=False, nameField=True),
        field("ApiName", "string", 255, nillable=False),
        field("SortOrder", "int"),
        *own,
    ]


def master(name: str, target: str, child_name: str, **more: Any) -> Given:
    """A reference to what a record cannot be without; set when the record is made, never after."""
    given: Given = {"nillable": False, "updateable": False, "cascadeDelete": True, "permissionable": False}
    return to(name, target, childRelationshipName=child_name, **given, **more)


def views() -> list[Given]:
    return [system("LastViewedDate", "datetime"), system("LastReferencedDate", "datetime")]


def without(given: list[Given], *names: str) -> list[Given]:
    return [one for one in given if one["name"] not in names]
