"""The standard objects that every org has: their fields with the types, lengths and rights of the Object Reference.

Data only. Left out are fields that need a paid feature and fields that no sync reads.
"""

from __future__ import annotations

from typing import Any

Given = dict[str, Any]

INDUSTRIES = (
    "Agriculture", "Apparel", "Banking", "Biotechnology", "Chemicals", "Communications", "Construction", "Consulting",
    "Education", "Electronics", "Energy", "Engineering", "Entertainment", "Environmental", "Finance",
    "Food & Beverage", "Government", "Healthcare", "Hospitality", "Insurance", "Machinery", "Manufacturing", "Media",
    "Not For Profit", "Recreation", "Retail", "Shipping", "Technology", "Telecommunications", "Transportation",
    "Utilities", "Other",
)  # fmt: skip
LEAD_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
SALUTATIONS = ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.")
RATINGS = ("Hot", "Warm", "Cold")
ACCOUNT_TYPES = (
    "Prospect", "Customer - Direct", "Customer - Channel", "Channel Partner / Reseller", "Installation Partner",
    "Technology Partner", "Other",
)  # fmt: skip
#: value, whether a lead with it counts as converted
LEAD_STATUSES = (
    ("Open - Not Contacted", False),
    ("Working - Contacted", False),
    ("Closed - Converted", True),
    ("Closed - Not Converted", False),
)
_ACCURACIES = ("Address", "NearAddress", "Block", "Street", "ExtendedZip", "Zip", "Neighborhood", "City", "Unknown")


def _field(name: str, kind: str = "string", length: int = 0, **more: Any) -> Given:
    given: Given = {"name": name, "type": kind, **more}
    if length:
        given["length"] = length
    return given


def _system(name: str, kind: str, **more: Any) -> Given:
    """A field that only Salesforce itself writes."""
    return _field(name, kind, **{"createable": False, "updateable": False, "permissionable": False, **more})


def _to(name: str, *targets: str, **more: Any) -> Given:
    relationship = more.pop("relationship", name.removesuffix("Id"))
    many = len(targets) > 1
    given = _field(name, "reference", referenceTo=list(targets), relationshipName=relationship, **more)
    return {**given, "polymorphicForeignKey": many, "namePointing": many}


def _user(name: str, **more: Any) -> Given:
    given = _to(name, "User", permissionable=False, **more)
    return {"createable": False, "updateable": False, "nillable": False, **given}


def _picklist(name: str, values: tuple[str, ...], **more: Any) -> Given:
    return _field(name, "picklist", more.pop("length", 255), picklistValues=list(values), **more)


def audit_fields(*, owner: bool = True) -> list[Given]:
    """Id, deletion mark, owner and stamps: what every object with records of its own has."""
    stamped: Given = {"nillable": False, "defaultedOnCreate": True}
    fields = [
        _system("Id", "id", nillable=False, defaultedOnCreate=True, idLookup=True, label="Record ID"),
        _system("IsDeleted", "boolean", label="Deleted"),
    ]
    if owner:
        owning: Given = {"nillable": False, "defaultedOnCreate": True, "permissionable": False}
        fields.append(_to("OwnerId", "Group", "User", label="Owner ID", **owning))
    return [
        *fields,
        _system("CreatedDate", "datetime", label="Created Date", **stamped),
        _user("CreatedById", label="Created By ID", defaultedOnCreate=True),
        _system("LastModifiedDate", "datetime", label="Last Modified Date", **stamped),
        _user("LastModifiedById", label="Last Modified By ID", defaultedOnCreate=True),
        _system("SystemModstamp", "datetime", label="System Modstamp", **stamped),
    ]


def _address(stem: str) -> list[Given]:
    compound = stem + "Address"
    return [
        _field(stem + "Street", "textarea", 255, compoundFieldName=compound),
        _field(stem + "City", "string", 40, compoundFieldName=compound),
        _field(stem + "State", "string", 80, compoundFieldName=compound),
        _field(stem + "PostalCode", "string", 20, compoundFieldName=compound),
        _field(stem + "Country", "string", 80, compoundFieldName=compound),
        _field(stem + "Latitude", "double", precision=18, scale=15, compoundFieldName=compound),
        _field(stem + "Longitude", "double", precision=18, scale=15, compoundFieldName=compound),
        _picklist(
            stem + "GeocodeAccuracy", _ACCURACIES, length=40, restrictedPicklist=True, compoundFieldName=compound
        ),
        _system(compound, "address"),
    ]


def _person_name(length: int = 121) -> list[Given]:
    return [
        _field("LastName", "string", 80, nillable=False, compoundFieldName="Name", permissionable=False),
        _field("FirstName", "string", 40, compoundFieldName="Name"),
        _picklist("Salutation", SALUTATIONS, length=40, compoundFieldName="Name"),
        _system(
            "Name",
            "string",
            length=length,
            nillable=False,
            nameField=True,
            label="Full Name",
            extraTypeInfo="personname",
        ),
    ]


def _bounces_and_views() -> list[Given]:
    return [
        _system("LastActivityDate", "date", label="Last Activity"),
        _system("LastViewedDate", "datetime"),
        _system("LastReferencedDate", "datetime"),
        _field("EmailBouncedReason", "string", 255, createable=False),
        _field("EmailBouncedDate", "datetime", createable=False),
        _system("IsEmailBounced", "boolean"),
        _system("PhotoUrl", "url", length=255),
        _field("Jigsaw", "string", 20, label="Data.com Key"),
    ]


def _consents() -> list[Given]:
    return [
        _field("HasOptedOutOfEmail", "boolean", label="Email Opt Out"),
        _field("DoNotCall", "boolean", label="Do Not Call"),
        _field("HasOptedOutOfFax", "boolean", label="Fax Opt Out"),
    ]


def _lead() -> list[Given]:
    statuses = [{"value": value, "defaultValue": place == 0} for place, (value, _) in enumerate(LEAD_STATUSES)]
    return [
        *audit_fields(),
        _to("MasterRecordId", "Lead", createable=False, updateable=False, relationship="MasterRecord"),
        *_person_name(),
        _field("Title", "string", 128),
        _field("Company", "string", 255, nillable=False, permissionable=False),
        *_address(""),
        _field("Phone", "phone", 40),
        _field("MobilePhone", "phone", 40),
        _field("Fax", "phone", 40),
        _field("Email", "email", 80, idLookup=True),
        _field("Website", "url", 255),
        _field("Description", "textarea", 32000),
        _picklist("LeadSource", LEAD_SOURCES),
        _field("Status", "picklist", 255, picklistValues=statuses, nillable=False,
               defaultedOnCreate=True),
        _picklist("Industry", INDUSTRIES),
        _picklist("Rating", RATINGS),
        _field("AnnualRevenue", "currency", precision=18, scale=0),
        _field("NumberOfEmployees", "int", label="Employees"),
        *_consents(),
        _system("IsConverted", "boolean", label="Converted"),
        _system("ConvertedDate", "date"),
        _to("ConvertedAccountId", "Account", createable=False, updateable=False),
        _to("ConvertedContactId", "Contact", createable=False, updateable=False),
        _system("ConvertedOpportunityId", "reference", referenceTo=["Opportunity"], label="Converted Opportunity ID"),
        _field("IsUnreadByOwner", "boolean"),
        *_bounces_and_views(),
    ]  # fmt: skip


def _contact() -> list[Given]:
    return [
        *audit_fields(),
        _to("MasterRecordId", "Contact", createable=False, updateable=False, relationship="MasterRecord"),
        _to("AccountId", "Account", cascadeDelete=True, childRelationshipName="Contacts"),
        *_person_name(),
        *_address("Other"),
        *_address("Mailing"),
        _field("Phone", "phone", 40, label="Business Phone"),
        _field("Fax", "phone", 40, label="Business Fax"),
        _field("MobilePhone", "phone", 40),
        _field("HomePhone", "phone", 40),
        _field("OtherPhone", "phone", 40),
        _field("AssistantPhone", "phone", 40),
        _to("ReportsToId", "Contact"),
        _field("Email", "email", 80, idLookup=True),
        _field("Title", "string", 128),
        _field("Department", "string", 80),
        _field("AssistantName", "string", 40),
        _picklist("LeadSource", LEAD_SOURCES),
        _field("Birthdate", "date"),
        _field("Description", "textarea", 32000),
        *_consents(),
        _system("LastCURequestDate", "datetime"),
        _system("LastCUUpdateDate", "datetime"),
        *_bounces_and_views(),
    ]


def _account() -> list[Given]:
    return [
        *audit_fields(),
        _to("MasterRecordId", "Account", createable=False, updateable=False, relationship="MasterRecord"),
        _field("Name", "string", 255, nillable=False, nameField=True, permissionable=False, label="Account Name"),
        _picklist("Type", ACCOUNT_TYPES, label="Account Type"),
        _to("ParentId", "Account", childRelationshipName="ChildAccounts"),
        *_address("Billing"),
        *_address("Shipping"),
        _field("Phone", "phone", 40, label="Account Phone"),
        _field("Fax", "phone", 40, label="Account Fax"),
        _field("AccountNumber", "string", 40),
        _field("Website", "url", 255),
        _field("Sic", "string", 20, label="SIC Code"),
        _picklist("Industry", INDUSTRIES),
        _field("AnnualRevenue", "currency", precision=18, scale=0),
        _field("NumberOfEmployees", "int", label="Employees"),
        _picklist("Ownership", ("Public", "Private", "Subsidiary", "Other")),
        _field("TickerSymbol", "string", 20),
        _field("Description", "textarea", 32000, label="Account Description"),
        _picklist("Rating", RATINGS, label="Account Rating"),
        _field("Site", "string", 80, label="Account Site"),
        _picklist("AccountSource", LEAD_SOURCES),
        _system("LastActivityDate", "date", label="Last Activity"),
        _system("LastViewedDate", "datetime"),
        _system("LastReferencedDate", "datetime"),
    ]


def _users() -> list[Given]:
    return [
        *audit_fields(owner=False),
        _field("Username", "string", 80, nillable=False, idLookup=True, unique=True),
        *_person_name(),
        _field("CompanyName", "string", 80),
        _field("Division", "string", 80),
        _field("Department", "string", 80),
        _field("Title", "string", 80),
        _field("Email", "email", 128, nillable=False, idLookup=True),
        _field("Phone", "phone", 40),
        _field("MobilePhone", "phone", 40),
        _field("Alias", "string", 8, nillable=False, defaultedOnCreate=True),
        _field("IsActive", "boolean", label="Active"),
        _field("TimeZoneSidKey", "picklist", 40, picklistValues=["Etc/UTC"], defaultValue="Etc/UTC"),
        _field("LocaleSidKey", "picklist", 40, picklistValues=["en_US"], defaultValue="en_US"),
        _field("EmployeeNumber", "string", 20),
        _picklist("UserType", ("Standard",), defaultValue="Standard", createable=False, updateable=False),
        _field("FederationIdentifier", "string", 512, unique=True),
    ]


def _groups() -> list[Given]:
    return [
        *audit_fields(owner=False),
        _field("Name", "string", 40, nillable=False, nameField=True),
        _field("DeveloperName", "string", 80),
        _picklist("Type", ("Regular", "Queue"), length=40, defaultValue="Queue"),
        _field("Email", "email", 255),
    ]


def _organisation() -> list[Given]:
    return [
        *audit_fields(owner=False),
        _field("Name", "string", 80, nillable=False, nameField=True),
        _field("OrganizationType", "picklist", 40, picklistValues=["Developer Edition", "Enterprise Edition"]),
        _field("IsSandbox", "boolean"),
        _field("InstanceName", "string", 5),
        _field("NamespacePrefix", "string", 15),
        _field("TimeZoneSidKey", "picklist", 40, picklistValues=["Etc/UTC"]),
        _field("DefaultLocaleSidKey", "picklist", 40, picklistValues=["en_US"]),
        _field("LanguageLocaleKey", "picklist", 40, picklistValues=["en_US"]),
        _field("PrimaryContact", "string", 80),
        _field("Country", "string", 80),
    ]


def _lead_status() -> list[Given]:
    audit = [one for one in audit_fields(owner=False) if one["name"] != "IsDeleted"]
    return [
        *audit,
        _field("MasterLabel", "string", 255, nillable=False),
        _field("ApiName", "string", 255, nillable=False),
        _field("SortOrder", "int"),
        _field("IsDefault", "boolean"),
        _field("IsConverted", "boolean"),
    ]


def history_fields(parent: str) -> list[Given]:
    """The columns of an object's field history (api/salesforce.md section 14)."""
    key = "ParentId" if parent.endswith("__c") else parent + "Id"
    kept = {"Id", "IsDeleted", "CreatedDate", "CreatedById"}
    return [
        *(one for one in audit_fields(owner=False) if one["name"] in kept),
        _system(key, "reference", referenceTo=[parent], relationshipName=key.removesuffix("Id"), nillable=False,
                childRelationshipName="Histories"),
        _system("Field", "picklist", length=255, nillable=False, label="Changed Field"),
        _system("DataType", "picklist", length=40, label="Datatype"),
        _system("OldValue", "anyType", length=255, filterable=False, sortable=False, groupable=False),
        _system("NewValue", "anyType", length=255, filterable=False, sortable=False, groupable=False),
    ]  # fmt: skip


def history_object(parent: str, parent_label: str) -> Given:
    name = parent.removesuffix("__c") + "__History" if parent.endswith("__c") else parent + "History"
    label = f"{parent_label} History"
    return {"name": name, "label": label, "labelPlural": label, "keyPrefix": "017", "writable": False}


def custom_fields_base() -> list[Given]:
    """What a custom object has before its own fields."""
    return [*audit_fields(), _field("Name", "string", 80, nameField=True, idLookup=True)]


def standard_objects() -> list[tuple[Given, list[Given]]]:
    """Every standard object with its given fields."""
    read_only: Given = {"writable": False}
    return [
        ({"name": "Account", "keyPrefix": "001", "history": "AccountHistory"}, _account()),
        ({"name": "Contact", "keyPrefix": "003", "history": "ContactHistory"}, _contact()),
        ({"name": "Lead", "keyPrefix": "00Q", "history": "LeadHistory"}, _lead()),
        ({"name": "User", "keyPrefix": "005"}, _users()),
        ({"name": "Group", "keyPrefix": "00G"}, _groups()),
        ({"name": "Organization", "keyPrefix": "00D", **read_only}, _organisation()),
        ({"name": "LeadStatus", "keyPrefix": "01J", "label": "Lead Status Value", **read_only}, _lead_status()),
    ]
