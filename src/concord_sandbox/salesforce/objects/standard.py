"""The standard objects that every org has: their fields with the types, lengths and rights of the Object Reference.

Data only. Left out are fields that need a paid feature and fields that no sync reads.
"""

from __future__ import annotations

from concord_sandbox.salesforce.objects.activities import activity_objects
from concord_sandbox.salesforce.objects.campaigns import campaign_objects
from concord_sandbox.salesforce.objects.cases import case_objects
from concord_sandbox.salesforce.objects.columns import (
    Given,
    address,
    audit_fields,
    field,
    history_fields,
    history_object,
    person_name,
    picklist,
    setting_fields,
    system,
    to,
    views,
)
from concord_sandbox.salesforce.objects.selling import selling_objects
from concord_sandbox.salesforce.objects.settings import settings_objects

__all__ = [
    "LEAD_STATUSES",
    "audit_fields",
    "custom_fields_base",
    "history_fields",
    "history_object",
    "standard_objects",
]

INDUSTRIES = (
    "Agriculture", "Apparel", "Banking", "Biotechnology", "Chemicals", "Communications", "Construction", "Consulting",
    "Education", "Electronics", "Energy", "Engineering", "Entertainment", "Environmental", "Finance",
    "Food & Beverage", "Government", "Healthcare", "Hospitality", "Insurance", "Machinery", "Manufacturing", "Media",
    "Not For Profit", "Recreation", "Retail", "Shipping", "Technology", "Telecommunications", "Transportation",
    "Utilities", "Other",
)  # fmt: skip
LEAD_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
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


def _bounces_and_views() -> list[Given]:
    return [
        system("LastActivityDate", "date", label="Last Activity"),
        system("LastViewedDate", "datetime"),
        system("LastReferencedDate", "datetime"),
        field("EmailBouncedReason", "string", 255, createable=False),
        field("EmailBouncedDate", "datetime", createable=False),
        system("IsEmailBounced", "boolean"),
        system("PhotoUrl", "url", length=255),
        field("Jigsaw", "string", 20, label="Data.com Key"),
    ]


def _consents() -> list[Given]:
    return [
        field("HasOptedOutOfEmail", "boolean", label="Email Opt Out"),
        field("DoNotCall", "boolean", label="Do Not Call"),
        field("HasOptedOutOfFax", "boolean", label="Fax Opt Out"),
    ]


def _lead() -> list[Given]:
    statuses = [{"value": value, "defaultValue": place == 0} for place, (value, _) in enumerate(LEAD_STATUSES)]
    return [
        *audit_fields(queues=True),
        to("MasterRecordId", "Lead", createable=False, updateable=False, relationship="MasterRecord"),
        *person_name(),
        field("Title", "string", 128),
        field("Company", "string", 255, nillable=False, permissionable=False),
        *address(""),
        field("Phone", "phone", 40),
        field("MobilePhone", "phone", 40),
        field("Fax", "phone", 40),
        field("Email", "email", 80, idLookup=True),
        field("Website", "url", 255),
        field("Description", "textarea", 32000),
        picklist("LeadSource", LEAD_SOURCES),
        field("Status", "picklist", 255, picklistValues=statuses, nillable=False,
               defaultedOnCreate=True),
        picklist("Industry", INDUSTRIES),
        picklist("Rating", RATINGS),
        field("AnnualRevenue", "currency", precision=18, scale=0),
        field("NumberOfEmployees", "int", label="Employees"),
        *_consents(),
        system("IsConverted", "boolean", label="Converted"),
        system("ConvertedDate", "date"),
        to("ConvertedAccountId", "Account", createable=False, updateable=False),
        to("ConvertedContactId", "Contact", createable=False, updateable=False),
        to("ConvertedOpportunityId", "Opportunity", createable=False, updateable=False),
        field("IsUnreadByOwner", "boolean"),
        *_bounces_and_views(),
    ]  # fmt: skip


def _contact() -> list[Given]:
    return [
        *audit_fields(),
        to("MasterRecordId", "Contact", createable=False, updateable=False, relationship="MasterRecord"),
        to("AccountId", "Account", cascadeDelete=True, childRelationshipName="Contacts"),
        *person_name(),
        *address("Other"),
        *address("Mailing"),
        field("Phone", "phone", 40, label="Business Phone"),
        field("Fax", "phone", 40, label="Business Fax"),
        field("MobilePhone", "phone", 40),
        field("HomePhone", "phone", 40),
        field("OtherPhone", "phone", 40),
        field("AssistantPhone", "phone", 40),
        to("ReportsToId", "Contact"),
        field("Email", "email", 80, idLookup=True),
        field("Title", "string", 128),
        field("Department", "string", 80),
        field("AssistantName", "string", 40),
        picklist("LeadSource", LEAD_SOURCES),
        field("Birthdate", "date"),
        field("Description", "textarea", 32000),
        *_consents(),
        system("LastCURequestDate", "datetime"),
        system("LastCUUpdateDate", "datetime"),
        *_bounces_and_views(),
    ]


def _account() -> list[Given]:
    return [
        *audit_fields(),
        to("MasterRecordId", "Account", createable=False, updateable=False, relationship="MasterRecord"),
        field("Name", "string", 255, nillable=False, nameField=True, permissionable=False, label="Account Name"),
        picklist("Type", ACCOUNT_TYPES, label="Account Type"),
        to("ParentId", "Account", childRelationshipName="ChildAccounts"),
        *address("Billing"),
        *address("Shipping"),
        field("Phone", "phone", 40, label="Account Phone"),
        field("Fax", "phone", 40, label="Account Fax"),
        field("AccountNumber", "string", 40),
        field("Website", "url", 255),
        field("Sic", "string", 20, label="SIC Code"),
        picklist("Industry", INDUSTRIES),
        field("AnnualRevenue", "currency", precision=18, scale=0),
        field("NumberOfEmployees", "int", label="Employees"),
        picklist("Ownership", ("Public", "Private", "Subsidiary", "Other")),
        field("TickerSymbol", "string", 20),
        field("Description", "textarea", 32000, label="Account Description"),
        picklist("Rating", RATINGS, label="Account Rating"),
        field("Site", "string", 80, label="Account Site"),
        picklist("AccountSource", LEAD_SOURCES),
        system("LastActivityDate", "date", label="Last Activity"),
        system("LastViewedDate", "datetime"),
        system("LastReferencedDate", "datetime"),
    ]


def _organisation() -> list[Given]:
    return [
        *audit_fields(owner=False),
        field("Name", "string", 80, nillable=False, nameField=True),
        field("OrganizationType", "picklist", 40, picklistValues=["Developer Edition", "Enterprise Edition"]),
        field("IsSandbox", "boolean"),
        field("InstanceName", "string", 5),
        field("NamespacePrefix", "string", 15),
        field("TimeZoneSidKey", "picklist", 40, picklistValues=["Etc/UTC"]),
        field("DefaultLocaleSidKey", "picklist", 40, picklistValues=["en_US"]),
        field("FiscalYearStartMonth", "int"),
        field("UsesStartDateAsFiscalYearName", "boolean"),
        field("LanguageLocaleKey", "picklist", 40, picklistValues=["en_US"]),
        field("PrimaryContact", "string", 80),
        field("Country", "string", 80),
    ]


def _lead_status() -> list[Given]:
    return setting_fields(field("IsDefault", "boolean"), field("IsConverted", "boolean"))


def custom_fields_base() -> list[Given]:
    """What a custom object has before its own fields."""
    return [
        *audit_fields(queues=True),
        field("Name", "string", 80, nameField=True, idLookup=True),
        system("LastActivityDate", "date"),
        *views(),
    ]


def standard_objects() -> list[tuple[Given, list[Given]]]:
    """Every standard object with its given fields."""
    read_only: Given = {"writable": False}
    return [
        ({"name": "Account", "keyPrefix": "001", "history": "AccountHistory"}, _account()),
        ({"name": "Contact", "keyPrefix": "003", "history": "ContactHistory"}, _contact()),
        ({"name": "Lead", "keyPrefix": "00Q", "history": "LeadHistory"}, _lead()),
        *selling_objects(),
        *activity_objects(),
        *case_objects(),
        *campaign_objects(),
        *settings_objects(),
        ({"name": "Organization", "keyPrefix": "00D", **read_only}, _organisation()),
        ({"name": "LeadStatus", "keyPrefix": "01J", "label": "Lead Status Value", **read_only}, _lead_status()),
    ]
