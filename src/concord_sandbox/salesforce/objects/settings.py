"""Objects that describe the org rather than its customers: users, groups and queues, record types, currencies.

Data only, after the Object Reference.
"""

from __future__ import annotations

from concord_sandbox.salesforce.objects.columns import (
    Given,
    audit_fields,
    field,
    master,
    person_name,
    picklist,
    system,
    to,
    without,
)

_LOCALES: Given = {"picklistValues": ["en_US"], "defaultValue": "en_US", "defaultedOnCreate": True}


def _users() -> list[Given]:
    return [
        *without(audit_fields(owner=False), "IsDeleted"),
        field("Username", "string", 80, nillable=False, idLookup=True, unique=True),
        *person_name(),
        field("CompanyName", "string", 80),
        field("Division", "string", 80),
        field("Department", "string", 80),
        field("Title", "string", 80),
        field("Email", "email", 128, nillable=False, idLookup=True),
        field("Phone", "phone", 40),
        field("MobilePhone", "phone", 40),
        field("Alias", "string", 8, nillable=False, defaultedOnCreate=True),
        field("IsActive", "boolean", label="Active"),
        field("TimeZoneSidKey", "picklist", 40, picklistValues=["Etc/UTC"], defaultValue="Etc/UTC"),
        field("LocaleSidKey", "picklist", 40, **_LOCALES),
        field("LanguageLocaleKey", "picklist", 40, **_LOCALES),
        field("EmailEncodingKey", "picklist", 40, picklistValues=["UTF-8"], defaultValue="UTF-8"),
        to("ManagerId", "User", childRelationshipName="ManagedUsers"),
        field("EmployeeNumber", "string", 20),
        picklist("UserType", ("Standard",), defaultValue="Standard", createable=False, updateable=False),
        field("FederationIdentifier", "string", 512, unique=True),
    ]


def _groups() -> list[Given]:
    return [
        *without(audit_fields(owner=False), "IsDeleted"),
        field("Name", "string", 40, nillable=False, nameField=True),
        field("DeveloperName", "string", 80),
        picklist("Type", ("Regular", "Queue"), length=40, defaultValue="Queue", updateable=False),
        field("Email", "email", 255),
        field("DoesSendEmailToMembers", "boolean"),
        field("DoesIncludeBosses", "boolean"),
    ]


def _link(*own: Given) -> list[Given]:
    audit = ("IsDeleted", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById")
    return [*without(audit_fields(owner=False), *audit), *own]


def _record_types() -> list[Given]:
    return [
        *without(audit_fields(owner=False), "IsDeleted"),
        field("Name", "string", 80, nillable=False, nameField=True, label="Record Type Name"),
        field("DeveloperName", "string", 80, nillable=False, label="Record Type API Name"),
        field("NamespacePrefix", "string", 15),
        field("Description", "string", 255),
        system("SobjectType", "picklist", length=40, nillable=False, label="SObject Type Name"),
        field("IsActive", "boolean", label="Active"),
        system("IsPersonType", "boolean"),
    ]


def _currencies() -> list[Given]:
    return [
        *without(audit_fields(owner=False), "IsDeleted"),
        field("IsoCode", "string", 3, nillable=False, updateable=False, nameField=True, label="Currency ISO Code"),
        field("ConversionRate", "double", precision=18, scale=6, nillable=False),
        field("DecimalPlaces", "int", nillable=False, defaultedOnCreate=True, defaultValue=2),
        field("IsActive", "boolean", label="Active"),
        system("IsCorporate", "boolean", label="Corporate Currency"),
    ]


def _names() -> list[Given]:
    """What can be asked of a reference to several kinds of object, whatever it leads to."""
    return [
        system("Id", "id", nillable=False),
        system("Name", "string", length=255, nameField=True),
        system("LastName", "string", length=80),
        system("FirstName", "string", length=40),
        system("Type", "picklist", length=40),
        system("Alias", "string", length=8),
        system("NameOrAlias", "string", length=255),
        system("Username", "string", length=80),
        system("Title", "string", length=128),
        system("Email", "email", length=80),
        system("Phone", "phone", length=40),
        system("IsActive", "boolean", nillable=True),
    ]


def settings_objects() -> list[tuple[Given, list[Given]]]:
    linked: Given = {"undeletable": False, "updateable": False, "searchable": False, "layoutable": False}
    return [
        (
            {
                "name": "User",
                "keyPrefix": "005",
                "flags": {"deletable": False, "undeletable": False},
            },
            _users(),
        ),
        ({"name": "Group", "keyPrefix": "00G", "flags": {"undeletable": False, "layoutable": False}}, _groups()),
        (
            {"name": "GroupMember", "keyPrefix": "011", "label": "Group Member", "flags": linked},
            _link(
                master("GroupId", "Group", "GroupMembers"),
                to("UserOrGroupId", "Group", "User", nillable=False, updateable=False, relationship=None),
            ),
        ),
        (
            {"name": "QueueSobject", "keyPrefix": "03g", "label": "Queue Sobject", "flags": linked},
            _link(
                master("QueueId", "Group", "QueueSobjects"),
                field("SobjectType", "picklist", 40, nillable=False, updateable=False),
            ),
        ),
        (
            {
                "name": "RecordType",
                "keyPrefix": "012",
                "label": "Record Type",
                "writable": False,
                "flags": {"replicateable": True, "searchable": True},
            },
            _record_types(),
        ),
        (
            {
                "name": "Name",
                "keyPrefix": None,
                "writable": False,
                "flags": {"queryable": False, "retrieveable": False},
            },
            _names(),
        ),
    ]


def currency_object() -> tuple[Given, list[Given]]:
    """Only in an org with several currencies."""
    flags: Given = {"deletable": False, "undeletable": False, "searchable": False, "replicateable": False}
    return {"name": "CurrencyType", "keyPrefix": "01L", "label": "Currency Type", "flags": flags}, _currencies()
