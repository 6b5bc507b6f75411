"""What every built-in world has before it has any record: both systems' fields for the sync, the users, the keys.

A section made here holds no records but the users and owners. `bare(seed)` is the part of a world that all built-in
worlds share; the same people work in both systems and are told apart by nothing but their e-mail address.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from concord_sandbox.worlds.ids import salesforce_id

#: The instant that built-in worlds lead up to: everything in them happened before it.
BASE = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)

PORTAL_ID = 48_130_977
APP_ID = 7_204_411
ORGANISATION_ID = salesforce_id("00D", 4_411_020_337)
INTEGRATION_USER_ID = salesforce_id("005", 880_001)

#: HubSpot's own lifecycle stages, value -> label, in the order in which a contact passes them.
LIFECYCLE = {
    "subscriber": "Subscriber",
    "lead": "Lead",
    "marketingqualifiedlead": "Marketing Qualified Lead",
    "salesqualifiedlead": "Sales Qualified Lead",
    "opportunity": "Opportunity",
    "customer": "Customer",
    "evangelist": "Evangelist",
    "other": "Other",
}
LEAD_STATUS_HUBSPOT = {
    "NEW": "New",
    "OPEN": "Open",
    "IN_PROGRESS": "In Progress",
    "OPEN_DEAL": "Open Deal",
    "UNQUALIFIED": "Unqualified",
    "ATTEMPTED_TO_CONTACT": "Attempted to Contact",
    "CONNECTED": "Connected",
    "BAD_TIMING": "Bad Timing",
}
LEAD_STATUS_SALESFORCE = (
    "Open - Not Contacted",
    "Working - Contacted",
    "Closed - Converted",
    "Closed - Not Converted",
)


@dataclass(frozen=True)
class Colleague:
    """One of the agency's own people: a User in Salesforce and an owner in HubSpot."""

    given: str
    family: str
    salesforce_email: str
    hubspot_email: str
    user_id: str
    owner_id: str
    hubspot_user_id: int


def _colleague(number: int, given: str, family: str, address: str, *, in_hubspot: str | None = None) -> Colleague:
    user_id = salesforce_id("005", 880_100 + 17 * number)
    owner = 71_240_000 + 9_117 * number
    return Colleague(given, family, address, in_hubspot or address, user_id, str(owner), 51_000_000 + 333 * number)


#: One address is spelt with capitals in Salesforce: an address is the same in any case.
COLLEAGUES = (
    _colleague(1, "Harriet", "Lockyer", "harriet.lockyer@larkfinch-agency.com"),
    _colleague(2, "Tobias", "Reinbeck", "tobias.reinbeck@larkfinch-agency.com"),
    _colleague(3, "Meera", "Chandran", "meera.chandran@larkfinch-agency.com"),
    _colleague(
        4,
        "Joel",
        "Osterman",
        "Joel.Osterman@Larkfinch-Agency.com",
        in_hubspot="joel.osterman@larkfinch-agency.com",
    ),
    _colleague(5, "Camille", "Verrault", "camille.verrault@larkfinch-agency.com"),
    _colleague(6, "Dominik", "Zaleski", "dominik.zaleski@larkfinch-agency.com"),
)


def salesforce_time(moment: datetime) -> str:
    """A date-time as Salesforce writes it: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def hubspot_time(moment: datetime) -> str:
    """A date-time as HubSpot writes it: UTC, milliseconds."""
    moment = moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def bare(name: str, seed: int) -> dict[str, Any]:
    """A world with schemas, users and owners, and no other record."""
    return {
        "name": name,
        "seed": seed,
        "clock": None,
        "salesforce": salesforce_section(),
        "hubspot": hubspot_section(),
        "notion": notion_section(),
        "truth": {"pairs": [], "people": [], "duplicates": {"salesforce": [], "hubspot": []}, "never_link": []},
    }


def salesforce_section() -> dict[str, Any]:
    """Salesforce's section: keys, declared fields, users; the lists of records are empty."""
    return {
        "organisation_id": ORGANISATION_ID,
        "integration_user_id": INTEGRATION_USER_ID,
        "client_id": "3MVG9larkfinch.sandbox.client",
        "client_secret": "sandbox-salesforce-client-secret",
        "daily_limit": 100_000,
        "objects": {
            "Lead": {"fields": [*_PERSON_FIELDS, *_tracked("Lead"), _LEAD_STATUS]},
            "Contact": {"fields": [*_PERSON_FIELDS, *_tracked("Contact")]},
            "Account": {"fields": [_key_field("HubSpot_Company_Id__c", "HubSpot Company Id")]},
        },
        "lead_mapping": {"Contact": {field["name"]: field["name"] for field in _PERSON_FIELDS}},
        "records": {"Account": [], "Contact": [], "Lead": [], "User": _users()},
    }


def _users() -> list[dict[str, Any]]:
    made = salesforce_time(datetime(2019, 2, 4, 8, 0, tzinfo=UTC))
    stamps = {
        "CreatedDate": made,
        "CreatedById": INTEGRATION_USER_ID,
        "LastModifiedDate": made,
        "LastModifiedById": INTEGRATION_USER_ID,
        "SystemModstamp": made,
    }
    integration = ("Concord", "Integration", "concord.integration@larkfinch-agency.com", INTEGRATION_USER_ID)
    people = [(one.given, one.family, one.salesforce_email, one.user_id) for one in COLLEAGUES]
    return [
        {
            "Id": user_id,
            "FirstName": given,
            "LastName": family,
            "Name": f"{given} {family}",
            "Email": address,
            "Username": address.lower().replace("@", "@crm."),
            "IsActive": True,
            **stamps,
        }
        for given, family, address, user_id in (integration, *people)
    ]


def _field(name: str, label: str, kind: str, **more: Any) -> dict[str, Any]:
    """A field as `describe` shows it; custom by its name, writable unless said otherwise."""
    return {
        "name": name,
        "label": label,
        "type": kind,
        "length": 0,
        "custom": name.endswith("__c"),
        "createable": True,
        "updateable": True,
        "nillable": True,
        "externalId": False,
        "unique": False,
        "idLookup": False,
        "restrictedPicklist": False,
        "picklistValues": [],
        "trackHistory": False,
        **more,
    }


def _key_field(name: str, label: str) -> dict[str, Any]:
    return _field(name, label, "string", length=32, externalId=True, unique=True, idLookup=True, caseSensitive=False)


def _picklist(values: dict[str, str], default: str | None = None) -> list[dict[str, Any]]:
    return [
        {"value": value, "label": label, "active": True, "defaultValue": value == default, "validFor": None}
        for value, label in values.items()
    ]


def _tracked(object_name: str) -> list[dict[str, Any]]:
    """Standard fields whose changes the org keeps as field history; FirstName is not among them on contacts."""
    fields = [
        _field("LastName", "Last Name", "string", length=80, nillable=False, trackHistory=True),
        _field("Email", "Email", "email", length=80, idLookup=True, trackHistory=True),
        _field("Phone", "Phone", "phone", length=40, trackHistory=True),
    ]
    if object_name == "Lead":
        fields.append(_field("FirstName", "First Name", "string", length=40, trackHistory=True))
    return fields


_PERSON_FIELDS = (
    _key_field("HubSpot_Contact_Id__c", "HubSpot Contact Id"),
    _field(
        "HubSpot_Lifecycle_Stage__c",
        "HubSpot Lifecycle Stage",
        "picklist",
        length=255,
        restrictedPicklist=True,
        picklistValues=_picklist(LIFECYCLE),
    ),
    _field("Last_Contacted__c", "Last Contacted", "datetime"),
)
_LEAD_STATUS = _field(
    "Status",
    "Lead Status",
    "picklist",
    length=255,
    nillable=False,
    defaultedOnCreate=True,
    picklistValues=_picklist({value: value for value in LEAD_STATUS_SALESFORCE}, LEAD_STATUS_SALESFORCE[0]),
    trackHistory=True,
)


def hubspot_section() -> dict[str, Any]:
    """HubSpot's section: keys, declared properties, owners; the lists of records are empty."""
    return {
        "portal_id": PORTAL_ID,
        "app_id": APP_ID,
        "client_id": "7d1f6c02-51c4-4e0e-9b1e-larkfinch001",
        "client_secret": "sandbox-hubspot-client-secret",
        "burst_limit": 190,
        "daily_limit": 1_000_000,
        "properties": {
            "contacts": [
                _unique_property("salesforce_contact_id", "Salesforce contact id", "contactinformation"),
                _unique_property("salesforce_lead_id", "Salesforce lead id", "contactinformation"),
                _property("last_contacted", "Last contacted (both teams)", "datetime", "date", "contactinformation"),
                _options_property("hs_lead_status", "Lead Status", "radio", LEAD_STATUS_HUBSPOT),
                _options_property("lifecyclestage", "Lifecycle Stage", "radio", LIFECYCLE),
            ],
            "companies": [_unique_property("salesforce_account_id", "Salesforce account id", "companyinformation")],
        },
        "records": {"contacts": [], "companies": []},
        "associations": [],
        "owners": [
            {
                "id": one.owner_id,
                "email": one.hubspot_email,
                "firstName": one.given,
                "lastName": one.family,
                "userId": one.hubspot_user_id,
            }
            for one in COLLEAGUES
        ],
        "unsubscribed": {},
    }


def _property(name: str, label: str, kind: str, field_kind: str, group: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": kind,
        "fieldType": field_kind,
        "groupName": group,
        "options": [],
        "hasUniqueValue": False,
        "hubspotDefined": False,
        **more,
    }


def _unique_property(name: str, label: str, group: str) -> dict[str, Any]:
    return _property(name, label, "string", "text", group, hasUniqueValue=True)


def _options_property(name: str, label: str, field_kind: str, options: dict[str, str]) -> dict[str, Any]:
    listed = [
        {"value": value, "label": text, "displayOrder": place, "hidden": False}
        for place, (value, text) in enumerate(options.items())
    ]
    return _property(name, label, "enumeration", field_kind, "contactinformation", options=listed, hubspotDefined=True)


def notion_section() -> dict[str, Any]:
    """Notion's section: one database for opportunity pages, without pages. Form: see `notion.service`."""
    database, source = "1f3a9c1e-77d0-4b5e-9a55-0c2f6d7be101", "1f3a9c1e-77d0-4b5e-9a55-0c2f6d7be202"
    stages = ("Qualification", "Proposal", "Negotiation", "Closed Won", "Closed Lost")
    colours = ("gray", "blue", "yellow", "green", "red")
    properties: dict[str, dict[str, Any]] = {
        "Name": {"type": "title"},
        "Salesforce ID": {"type": "rich_text"},
        "Opportunity": {"type": "url"},
        "Stage": {
            "type": "status",
            "options": [{"name": name, "color": colour} for name, colour in zip(stages, colours, strict=True)],
        },
        "Amount": {"type": "number"},
        "Close date": {"type": "date"},
        "Account": {"type": "rich_text"},
        "Owner": {"type": "rich_text"},
        "HubSpot deal": {"type": "url"},
    }
    return {
        "token": "ntn_sandbox_opportunity_pages",
        "databases": [{"id": database, "title": "Opportunities"}],
        "data_sources": [{"id": source, "database_id": database, "name": "Opportunities", "properties": properties}],
        "pages": [],
        "blocks": {},
    }
