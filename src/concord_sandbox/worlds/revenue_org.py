"""The Salesforce org of the world `revenue` before it has a record: objects and fields, rights, rules, events, app.

Data only, in the form that `salesforce.models` and the parts of an org describe.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from concord_sandbox.worlds.ids import salesforce_id
from concord_sandbox.worlds.schema import BASE, COLLEAGUES, INTEGRATION_USER_ID, salesforce_section, salesforce_time

Given = dict[str, Any]

CURRENCIES = (
    {"IsoCode": "EUR", "ConversionRate": 1.0, "IsCorporate": True, "DecimalPlaces": 2, "IsActive": True},
    {"IsoCode": "USD", "ConversionRate": 1.1, "DecimalPlaces": 2, "IsActive": True},
    {"IsoCode": "GBP", "ConversionRate": 0.9, "DecimalPlaces": 2, "IsActive": True},
)
QUEUE_ID = salesforce_id("00G", 440_001)
LEFT_USER_ID = salesforce_id("005", 880_900)
LEFT_EMAIL = "ivo.brandner@larkfinch-agency.com"
LEAD_INBOUND, LEAD_PARTNER = salesforce_id("012", 5101), salesforce_id("012", 5102)
NEW_BUSINESS, RENEWAL = salesforce_id("012", 5201), salesforce_id("012", 5202)
_RULE_ID = salesforce_id("01Q", 61)
_MADE = salesforce_time(BASE - timedelta(days=1000))
_STATUSES = ("Open - Not Contacted", "MQL", "Working - Contacted", "Closed - Converted", "Closed - Not Converted")
_PLANS = ("Starter", "Team", "Company")
_LOSSES = {"Price": "Price", "Timing": "Timing", "No decision": "No decision", "Competitor": "Competitor"}


def org() -> Given:
    """Salesforce's section with its settings and rules; of records it has the people and the queue of the org."""
    section = salesforce_section()
    section |= {"daily_used": 1_240, "session_minutes": 120, "features": ["data_protection"]}
    section["currencies"] = [dict(one) for one in CURRENCIES]
    _extend_objects(section["objects"])
    section["records"] |= _people_of_the_org(section["records"]["User"])
    return section | {
        "access": {
            "hidden": {"Account": ["Credit_Limit__c"]},
            "read_only": {"Account": ["AnnualRevenue"]},
            "objects": {"Pricebook2": "read", "PricebookEntry": "read"},
            "no_delete": ["Account"],
        },
        "validation_rules": _VALIDATION_RULES,
        "duplicate_rules": _DUPLICATE_RULES,
        "assignment_rules": _assignment_rules(),
        "lead_mapping": {
            "Contact": {
                name: name
                for name in ("HubSpot_Contact_Id__c", "HubSpot_Lifecycle_Stage__c", "Last_Contacted__c")
            },
            "Account": {"HubSpot_Company_Id__c": "HubSpot_Company_Id__c"},
            "Opportunity": {"HubSpot_Deal_Id__c": "HubSpot_Deal_Id__c"},
            "validate": True,
        },
        "change_events": {
            "selected": ["Lead", "Contact", "Account", "Opportunity", "Subscription__c"],
            "channels": {
                "HubSpot_Sync__chn": {"members": ["Lead", "Contact"], "enriched": ["Email"]},
                "Customers__chn": {"members": ["Opportunity"], "filter": "StageName = 'Closed Won'"},
            },
            "daily_allocation": 50_000,
            "retention_hours": 72,
        },
        "outbound_messages": [
            _outbound("Lead_for_HubSpot", "Lead", ["Id", "Email", "Status"], "both"),
            _outbound("Won", "Opportunity", ["Id", "Name", "Amount"], "update", {"StageName": "Closed Won"}),
        ],
        "oauth": {
            "jwt_users": ["concord.integration@crm.larkfinch-agency.com"],
            "redirect_uris": ["https://concord.larkfinch-agency.com/oauth/salesforce"],
            "refresh_token_rotation": False,
        },
        "graphs": {"headers": "kept"},
        "bulk_jobs": {"queue_seconds": 0.2, "chunk_seconds": 0.5, "batches_used": 3, "queries_used": 5},
    }  # fmt: skip


# Objects and fields


def _extend_objects(objects: Given) -> None:
    key = {"type": "string", "length": 32, "externalId": True, "unique": True}
    lead, contact, account = objects["Lead"], objects["Contact"], objects["Account"]
    lead["fields"] = [one for one in lead["fields"] if one["name"] != "Status"]
    lead["fields"] += [
        {"name": "Status", "trackHistory": True,
         "picklistValues": [{"value": value, "defaultValue": place == 0} for place, value in enumerate(_STATUSES)]},
        {"name": "HubSpot_Company_Id__c", "label": "HubSpot Company Id", "type": "string", "length": 32},
        {"name": "HubSpot_Deal_Id__c", "label": "HubSpot Deal Id", "type": "string", "length": 32},
    ]  # fmt: skip
    lead["recordTypes"] = [
        {"developerName": "Inbound", "id": LEAD_INBOUND, "default": True, "description": "Came to us"},
        {"developerName": "Partner", "id": LEAD_PARTNER, "picklistValues": {
            "Status": ["Open - Not Contacted", {"value": "Working - Contacted", "defaultValue": True},
                       "Closed - Converted", "Closed - Not Converted"]}},
    ]  # fmt: skip
    contact["fields"] += [
        _roll_up("Active_Subscriptions__c", "COUNT", None, "ISPICKVAL(Status__c, 'Active')"),
        _roll_up("Subscribed_Seats__c", "SUM", "Seats__c", None),
        {"name": "Topics__c", "type": "multipicklist", "picklistValues": ["Search", "Websites", "Events"]},
    ]
    account["fields"] += [
        {"name": "Name", "trackHistory": True},
        {"name": "Credit_Limit__c", "label": "Credit Limit", "type": "currency", "precision": 18, "scale": 2},
        {"name": "Region__c", "type": "picklist", "picklistValues": ["Europe", "Overseas"], "restrictedPicklist": True},
        {"name": "Market__c", "type": "picklist", "controllerName": "Region__c", "restrictedPicklist": True,
         "picklistValues": [{"value": "DACH", "validFor": ["Europe"]}, {"value": "UK & France", "validFor": ["Europe"]},
                            {"value": "Americas", "validFor": ["Overseas"]}]},
    ]  # fmt: skip
    objects["Opportunity"] = _opportunity(key)
    objects["Case"] = {"fields": [{"name": "HubSpot_Ticket_Id__c", "label": "HubSpot Ticket Id", **key},
                                  {"name": "Status", "trackHistory": True}]}  # fmt: skip
    objects["Campaign"] = {"fields": [{"name": "HubSpot_List_Id__c", "label": "HubSpot List Id", **key}]}
    objects["Product2"] = {"fields": [{"name": "Family", "picklistValues": [
        "Services", "Software", "Training", "Events"]}]}  # fmt: skip
    objects["Activity"] = {"fields": [{"name": "HubSpot_Engagement_Id__c", "label": "HubSpot Engagement Id",
                                       "type": "string", "length": 32, "externalId": True}]}  # fmt: skip
    objects["Subscription__c"] = _subscription(key)


def _opportunity(key: Given) -> Given:
    return {
        "fields": [
            {"name": "HubSpot_Deal_Id__c", "label": "HubSpot Deal Id", **key},
            {"name": "Loss_Reason__c", "type": "picklist", "picklistValues": list(_LOSSES)},
            {"name": "Weeks_Open__c", "type": "double", "precision": 18, "scale": 0, "calculated": True,
             "calculatedFormula": "FLOOR((CloseDate - DATEVALUE(CreatedDate)) / 7)"},
            *({"name": name, "trackHistory": True} for name in ("StageName", "Amount", "CloseDate")),
        ],
        "recordTypes": [
            {"developerName": "New_Business", "name": "New business", "id": NEW_BUSINESS, "default": True},
            {"developerName": "Renewal", "id": RENEWAL, "picklistValues": {"StageName": [
                {"value": "Prospecting", "defaultValue": True}, "Proposal/Price Quote", "Negotiation/Review",
                "Closed Won", "Closed Lost"]}},
        ],
    }  # fmt: skip


def _subscription(key: Given) -> Given:
    """A detail of the contact who holds it; the account is only named."""
    return {
        "label": "Subscription",
        "labelPlural": "Subscriptions",
        "keyPrefix": "a0S",
        "activities": True,
        "fields": [
            {"name": "Contact__c", "type": "reference", "referenceTo": ["Contact"], "masterDetail": True,
             "childRelationshipName": "Subscriptions__r"},
            {"name": "Account__c", "type": "reference", "referenceTo": ["Account"],
             "childRelationshipName": "Subscriptions__r"},
            {"name": "Subscription_Number__c", "label": "Subscription Number", **key},
            {"name": "HubSpot_Subscription_Id__c", "label": "HubSpot Subscription Id", **key},
            {"name": "Plan__c", "type": "picklist", "restrictedPicklist": True, "picklistValues": list(_PLANS)},
            {"name": "Status__c", "type": "picklist", "restrictedPicklist": True, "trackHistory": True,
             "picklistValues": [{"value": "Active", "defaultValue": True}, "Paused", "Cancelled"]},
            {"name": "Seats__c", "type": "int"},
            {"name": "Price_Per_Seat__c", "type": "currency", "precision": 18, "scale": 2},
            {"name": "Starts_On__c", "type": "date"},
            {"name": "Monthly_Value__c", "type": "currency", "precision": 18, "scale": 2, "calculated": True,
             "calculatedFormula": "Seats__c * Price_Per_Seat__c", "formulaTreatNullNumberAsZero": True},
        ],
    }  # fmt: skip


def _roll_up(name: str, function: str, of: str | None, where: str | None) -> Given:
    what = {"object": "Subscription__c", "field": "Contact__c", "function": function, "of": of, "where": where}
    kept = {key: value for key, value in what.items() if value is not None}
    return {"name": name, "type": "double", "precision": 18, "scale": 0, "calculated": True, "rollup": kept}


# Rules

_VALIDATION_RULES: list[Given] = [
    {
        "object": "Opportunity",
        "name": "Lost_needs_a_reason",
        "formula": "AND(ISPICKVAL(StageName, 'Closed Lost'), ISBLANK(TEXT(Loss_Reason__c)))",
        "message": "Say why the deal was lost.",
        "field": "Loss_Reason__c",
    },
    {
        "object": "Lead",
        "name": "MQL_can_be_reached",
        "active": True,
        "formula": "AND(ISPICKVAL(Status, 'MQL'), ISBLANK(Email), ISBLANK(Phone))",
        "message": "An MQL needs an e-mail address or a telephone number.",
    },
]
_SAME_ADDRESS = [{"field": "Email", "method": "exact", "blank": "no"}]
_DUPLICATE_RULES: list[Given] = [
    {
        "object": "Contact",
        "name": "Contacts_with_one_address",
        "alert": "This person seems to be here already.",
        "action": {"create": "allow", "edit": "report"},
        "matching": [
            {"object": "Contact", "rule": "Contact_by_email", "fields": _SAME_ADDRESS},
            {"object": "Lead", "rule": "Lead_by_email", "fields": _SAME_ADDRESS},
        ],
    },
    {
        "object": "Account",
        "name": "Accounts_with_one_website",
        "action": {"create": "block", "edit": "block"},
        "matching": [
            {"object": "Account", "rule": "Account_by_website", "fields": [
                {"field": "Website", "method": "exact"}, {"field": "Name", "method": "fuzzy"}]},
        ],
    },
]  # fmt: skip


def _assignment_rules() -> list[Given]:
    entries = [
        {"formula": "ISPICKVAL(LeadSource, 'Purchased List')", "owner": QUEUE_ID},
        {"formula": "Country = 'Germany'", "owner": COLLEAGUES[1].user_id},
        {"owner": None},
    ]
    return [{"object": "Lead", "name": "By country", "active": True, "id": _RULE_ID, "entries": entries}]


def _outbound(name: str, object_name: str, fields: list[str], when: str, only: Given | None = None) -> Given:
    made: Given = {"name": name, "object": object_name, "fields": fields, "when": when, "active": False}
    made |= {"url": "https://concord.larkfinch-agency.com/salesforce/outbound", "useDeadLetterQueue": True}
    return made | ({"filter": only} if only else {})


# The people of the org


def _people_of_the_org(users: list[Given]) -> Given:
    """Users with a manager and a currency, one who left, and the queue for leads and cases."""
    for place, one in enumerate(users):
        one["DefaultCurrencyIsoCode"] = one["CurrencyIsoCode"] = "EUR"
        if place > 1:
            one["ManagerId"] = users[1]["Id"]
    left = {"Id": LEFT_USER_ID, "FirstName": "Ivo", "LastName": "Brandner", "Name": "Ivo Brandner", "IsActive": False,
            "Email": LEFT_EMAIL, "Username": LEFT_EMAIL.replace("@", "@crm."), **stamps(_MADE)}  # fmt: skip
    members = [
        {"Id": salesforce_id("011", 70 + place), "GroupId": QUEUE_ID, "UserOrGroupId": one.user_id,
         "SystemModstamp": _MADE}
        for place, one in enumerate(COLLEAGUES[:3])
    ]  # fmt: skip
    serves = [
        {"Id": salesforce_id("03g", 80 + place), "QueueId": QUEUE_ID, "SobjectType": name, "SystemModstamp": _MADE}
        for place, name in enumerate(("Lead", "Case"))
    ]
    queue = {"Id": QUEUE_ID, "Name": "Front desk", "DeveloperName": "Front_desk", "Type": "Queue"}
    queue |= {"Email": "front.desk@larkfinch-agency.com", **stamps(_MADE)}
    return {"User": [*users, left], "Group": [queue], "GroupMember": members, "QueueSobject": serves}


def stamps(made: str, changed: str | None = None, by: str = INTEGRATION_USER_ID) -> Given:
    """The five fields that say when and by whom a record was made and changed last, of wire times."""
    return {
        "CreatedDate": made,
        "CreatedById": by,
        "LastModifiedDate": changed or made,
        "LastModifiedById": by,
        "SystemModstamp": changed or made,
    }
