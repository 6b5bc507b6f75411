"""The HubSpot account of the world `revenue` before it has a record: properties, pipelines, rules, webhooks, app.

Data only, in the form that `hubspot.models` and the parts of an account describe.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from concord_sandbox.worlds.revenue_cast import NEW_STAGES, RENEWAL_STAGES
from concord_sandbox.worlds.revenue_org import LEFT_EMAIL
from concord_sandbox.worlds.revenue_plans import PLANS
from concord_sandbox.worlds.schema import BASE, COLLEAGUES, PORTAL_ID, hubspot_section, hubspot_time

Given = dict[str, Any]
#: The ids of association types that the account made itself; each is the one from the first object to the second.
DECIDES, PAYS, CHAMPION, HOLDS = 1101, 1103, 1105, 1107
NEWSLETTER, PRODUCT_NEWS, ONE_TO_ONE = "41", "42", "43"
SUPPRESSED, MQLS, CUSTOMERS, FIRST_CAMPAIGN = 11, 12, 13, 20
STOP_SEQUENCES = "salesforce_sync_stop_sequences"
RATES = {"USD": 0.909, "GBP": 1.111}
RENEWALS = "renewals"
_SINCE = hubspot_time(BASE - timedelta(days=700))
_SCOPES = ["oauth", "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.objects.companies.read",
           "crm.objects.companies.write", "crm.objects.deals.read", "crm.objects.deals.write"]  # fmt: skip


def portal() -> Given:
    """HubSpot's section with its settings and rules; it has no record yet."""
    section = hubspot_section()
    owners = section["owners"] + [
        {"id": "71999001", "email": LEFT_EMAIL, "firstName": "Ivo", "lastName": "Brandner", "userId": 51_009_999,
         "archived": True}]  # fmt: skip
    properties = section["properties"] | {
        name: section["properties"].get(name, []) + more for name, more in _properties().items()
    }
    return section | {
        "account_type": "STANDARD",
        "time_zone": "Europe/Berlin",
        "currency": "EUR",
        "currencies": dict(RATES),
        "search_limit": 5,
        "index_lag_ms": 500,
        "list_lag_ms": 1_000,
        "data_privacy": False,
        "automatic_lifecycle": True,
        "automatic_companies": True,
        "primary_id_preservation": False,
        "owners": owners,
        "objects": {"subscriptions": _SCHEMA},
        "properties": properties,
        "property_groups": {"contacts": [{"name": "salesforce", "label": "Salesforce", "displayOrder": 1}]},
        "pipelines": _pipelines(),
        "labels": _LABELS,
        "association_limits": [{"from": "deals", "to": "contacts", "typeId": CHAMPION, "maxToObjectIds": 1}],
        "validations": _VALIDATIONS,
        "required": {"contacts": ["email"], "deals": ["dealname"]},
        "conditionally_required": {
            "deals": [{"property": "dealstage", "values": ["closedlost", "renewal_lost"],
                       "required": ["closed_lost_reason"]}]
        },
        "subscriptions": _subscription_types(),
        "blocked": ["erased.person@post.example"],
        "webhooks": _WEBHOOKS,
        "journal": _journal(),
        "oauth": {
            "redirect_uris": ["https://concord.larkfinch-agency.com/oauth/hubspot"],
            "scopes": _SCOPES,
            "optional_scopes": ["crm.lists.read", "crm.lists.write", "automation.sequences.read"],
            "rotate": False,
        },
        "service_keys": [{"token": "sk-eu1-sandbox-finance", "name": "Finance export", "id": "900101",
                          "scopes": ["crm.objects.deals.read", "crm.objects.companies.read"]}],
        "interruptions": {"locked": {"companies": int((BASE - timedelta(hours=6)).timestamp() * 1000)}},
        "workflows": _WORKFLOWS,
    }  # fmt: skip


# Object types and properties


_SCHEMA: Given = {
    "id": "2-48130",
    "singular": "subscription",
    "name": "subscription",
    "labels": {"singular": "Subscription", "plural": "Subscriptions"},
    "description": "What a customer pays by the month",
    "requiredProperties": ["subscription_number"],
    "searchableProperties": ["subscription_number"],
    "primaryDisplayProperty": "subscription_number",
    "secondaryDisplayProperties": ["plan"],
    "associatedObjects": ["contacts", "companies"],
}


def _properties() -> dict[str, list[Given]]:
    def key(name: str, label: str) -> Given:
        return {"name": name, "label": label, "type": "string", "fieldType": "text", "hasUniqueValue": True,
                "groupName": "salesforce"}  # fmt: skip

    def choice(name: str, values: tuple[str, ...], field_type: str = "select", group: str = "salesforce") -> Given:
        options = [{"value": value, "label": value} for value in values]
        return {"name": name, "label": name.replace("_", " ").title(), "type": "enumeration", "options": options,
                "fieldType": field_type, "groupName": group}  # fmt: skip

    codes = [{"value": code, "label": code} for code in ("EUR", *RATES)]
    own = {"groupName": "subscription_information"}
    return {
        "contacts": [
            {"name": STOP_SEQUENCES, "label": "Salesforce sync: stop sequences", "type": "bool",
             "fieldType": "booleancheckbox", "groupName": "salesforce"},
            choice("topics", ("Search", "Websites", "Events"), "checkbox"),
        ],
        "companies": [choice("region", ("Europe", "Overseas"))],
        "deals": [
            key("salesforce_opportunity_id", "Salesforce opportunity id"),
            {"name": "deal_currency_code", "options": codes},
        ],
        "tickets": [key("salesforce_case_id", "Salesforce case id"), key("case_number", "Case number")],
        "products": [key("salesforce_product_id", "Salesforce product id")],
        "line_items": [key("salesforce_line_id", "Salesforce line id"),
                       {"name": "hs_line_item_currency_code", "options": codes}],
        "subscriptions": [
            {**key("subscription_number", "Subscription number"), **own},
            key("salesforce_subscription_id", "Salesforce subscription id"),
            choice("plan", PLANS, group=own["groupName"]),
            choice("subscription_status", ("Active", "Paused", "Cancelled"), group=own["groupName"]),
            {"name": "seats", "label": "Seats", "type": "number", "fieldType": "number", **own},
            {"name": "price_per_seat", "label": "Price per seat", "type": "number", "fieldType": "number", **own},
            {"name": "starts_on", "label": "Starts on", "type": "date", "fieldType": "date", **own},
        ],
    }  # fmt: skip


_LABELS: list[Given] = [
    {"from": "contacts", "to": "companies", "label": "Decision maker", "inverseLabel": "Decided by",
     "typeId": DECIDES, "inverseTypeId": DECIDES + 1},
    {"from": "contacts", "to": "companies", "label": "Billing contact", "inverseLabel": "Billed to",
     "typeId": PAYS, "inverseTypeId": PAYS + 1},
    {"from": "deals", "to": "contacts", "label": "Champion", "inverseLabel": "Champion of",
     "typeId": CHAMPION, "inverseTypeId": CHAMPION + 1},
    {"from": "subscriptions", "to": "contacts", "label": None, "category": "HUBSPOT_DEFINED",
     "typeId": HOLDS, "inverseTypeId": HOLDS + 1},
]  # fmt: skip


# Pipelines


def _pipelines() -> dict[str, list[Given]]:
    return {
        "deals": [
            {"id": "default", "label": "New business", "displayOrder": 0, "stages": _stages(NEW_STAGES)},
            {"id": RENEWALS, "label": "Renewals", "displayOrder": 1, "stages": _stages(RENEWAL_STAGES)},
        ],
        "tickets": [
            {
                "id": "0",
                "label": "Support",
                "displayOrder": 0,
                "stages": [
                    {"id": stage, "label": label, "displayOrder": place,
                     "metadata": {"ticketState": "CLOSED" if stage == "4" else "OPEN"}}
                    for place, (stage, label) in enumerate((
                        ("1", "New"), ("2", "Waiting on contact"), ("3", "Waiting on us"), ("5", "Escalated"),
                        ("4", "Closed")))
                ],
            }
        ],
    }  # fmt: skip


def chance(stages: tuple[str, str]) -> str:
    """The probability of a deal in that stage, as the metadata of the stage says it."""
    if stages[0].startswith("Closed"):
        return "1.0" if stages[0] == "Closed Won" else "0.0"
    row = NEW_STAGES if stages in NEW_STAGES else RENEWAL_STAGES
    return f"0.{2 + row.index(stages)}"


def _stages(row: tuple[tuple[str, str], ...]) -> list[Given]:
    """Won comes before lost, as in HubSpot's own."""
    ordered = [*row[:-2], row[-1], row[-2]]
    return [
        {
            "id": stages[1],
            "label": stages[0],
            "displayOrder": place,
            "metadata": {"probability": chance(stages), "isClosed": str(stages[0].startswith("Closed")).lower()},
        }
        for place, stages in enumerate(ordered)
    ]


# Rules, consent, events


_VALIDATIONS: Given = {
    "contacts": {
        "phone": [{"ruleType": "MAX_LENGTH", "ruleArguments": ["30"]}],
        "salesforce_contact_id": [{"ruleType": "REGEX", "ruleArguments": ["003[A-Za-z0-9]{15}"]}],
    },
    "subscriptions": {
        "seats": [{"ruleType": "MIN_NUMBER", "ruleArguments": ["1"]}],
        "subscription_number": [
            {"ruleType": "FORMAT", "ruleArguments": ["UPPERCASE"], "shouldApplyNormalization": True}
        ],
    },
}
_WEBHOOKS: Given = {
    "target_url": None,
    "subscriptions": [
        {"subscriptionType": "contact.creation"},
        {"subscriptionType": "contact.propertyChange", "propertyName": "email"},
        {"subscriptionType": "contact.propertyChange", "propertyName": "lifecyclestage"},
        {"subscriptionType": "company.propertyChange", "propertyName": "domain"},
        {"subscriptionType": "deal.propertyChange", "propertyName": "dealstage"},
        {"subscriptionType": "contact.merge", "active": False},
    ],
    "max_concurrent": 10,
    "signatures": ["v3"],
}
_WORKFLOWS: list[Given] = [
    {
        "name": "Leave sequences when Salesforce says so",
        "object": "contacts",
        "when": {"property": STOP_SEQUENCES, "equals": "true"},
        "do": [{"unenroll_sequences": True}, {"set": {STOP_SEQUENCES: "false"}}],
        "delay_ms": 1_000,
    },
    {
        "name": "A bad fit is no MQL",
        "object": "contacts",
        "when": {"property": "hs_lead_status", "equals": "UNQUALIFIED"},
        "do": [{"clear": "lifecyclestage"}, {"set": {"lifecyclestage": "other"}}],
        "active": False,
        "reenroll": False,
    },
]


def _subscription_types() -> list[Given]:
    plain = {"createdAt": _SINCE, "updatedAt": _SINCE, "isActive": True, "isInternal": False}
    return [
        {"id": NEWSLETTER, "name": "Newsletter", "purpose": "Marketing", **plain, "isDefault": True},
        {"id": PRODUCT_NEWS, "name": "Product news", "purpose": "Marketing", **plain, "businessUnitId": 7},
        {"id": ONE_TO_ONE, "name": "One to One", "purpose": "Sales", **plain, "isInternal": True},
    ]


def _journal() -> Given:
    """What the app reads in the journal, by number: what happens to contacts and deals, and who decides."""
    plain: Given = {"portalId": PORTAL_ID, "objectIds": []}
    actions = ["CREATE", "UPDATE", "DELETE", "MERGE", "RESTORE"]
    return {
        "subscriptions": [
            {"subscriptionType": "OBJECT", "objectTypeId": "0-1", "actions": actions, "id": 3_000_001, **plain,
             "properties": ["email", "lifecyclestage", "hs_lead_status"]},
            {"subscriptionType": "OBJECT", "objectTypeId": "0-3", "actions": actions, "id": 3_000_002, **plain,
             "properties": ["dealstage", "amount"]},
            {"subscriptionType": "ASSOCIATION", "objectTypeId": "0-1", "associatedObjectTypeIds": ["0-2"],
             "actions": ["ASSOCIATION_ADDED", "ASSOCIATION_REMOVED"], "id": 3_000_003, **plain},
        ],
        "filters": [{"subscriptionId": 3_000_002, "id": 3_000_004, "filter": {"conditions": [
            {"filterType": "CRM_OBJECT_PROPERTY", "property": "pipeline", "operator": "EQ", "value": "default"}]}}],
        "page_ms": 1_000,
    }  # fmt: skip


def sequences() -> list[Given]:
    """One that ends, and one that goes on until somebody answers."""
    day = 86_400_000
    first, other = COLLEAGUES[0], COLLEAGUES[1]
    return [
        {"id": "301", "name": "First days of an MQL", "userId": str(first.hubspot_user_id), "createdAt": _SINCE,
         "settings": {"sellingStrategy": "LEAD_BASED"},
         "steps": [{"actionType": "EMAIL", "delayMillis": 0, "templateId": "9001"},
                   {"actionType": "TASK", "delayMillis": 2 * day, "taskPattern": {"taskType": "CALL"}},
                   {"actionType": "EMAIL", "delayMillis": 5 * day, "templateId": "9002"}]},
        {"id": "302", "name": "Warm up", "userId": str(other.hubspot_user_id), "createdAt": _SINCE,
         "steps": [{"actionType": "EMAIL", "delayMillis": 0, "templateId": "9003"},
                   {"actionType": "FINISH_ENROLLMENT", "delayMillis": 7 * day}]},
    ]  # fmt: skip


def mailboxes() -> list[Given]:
    return [{"userId": str(one.hubspot_user_id), "email": one.hubspot_email} for one in COLLEAGUES]
