"""Drafts as records in the form of each system's section: field names, value formats, time stamps, history."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

from concord_sandbox.worlds.drafts import STATUS_HUBSPOT, STATUS_SALESFORCE, Draft
from concord_sandbox.worlds.schema import COLLEAGUES, hubspot_time, salesforce_time

_SALESFORCE = {
    "salutation": "Salutation",
    "given": "FirstName",
    "family": "LastName",
    "email": "Email",
    "phone": "Phone",
    "mobile": "MobilePhone",
    "title": "Title",
    "source": "LeadSource",
    "stage": "HubSpot_Lifecycle_Stage__c",
}
_SALESFORCE_ADDRESS = {
    "street": "Street",
    "city": "City",
    "postcode": "PostalCode",
    "state": "State",
    "country": "Country",
}
_HUBSPOT = {
    "salutation": "salutation",
    "given": "firstname",
    "family": "lastname",
    "email": "email",
    "phone": "phone",
    "mobile": "mobilephone",
    "title": "jobtitle",
    "company": "company",
    "street": "address",
    "city": "city",
    "postcode": "zip",
    "state": "state",
    "country": "country",
    "owner": "hubspot_owner_id",
    "stage": "lifecyclestage",
    "status": "hs_lead_status",
    "contacted": "last_contacted",
}
#: What people write into a Lead's required field Company when they know none.
_NO_COMPANY = ("[not provided]", "Unknown", "n/a", "Private", "-")


def salesforce_stamps(created: datetime, modified: datetime, user_id: str) -> dict[str, str]:
    """The five fields that say when and by whom a record was made and last changed."""
    return {
        "CreatedDate": salesforce_time(created),
        "CreatedById": user_id,
        "LastModifiedDate": salesforce_time(modified),
        "LastModifiedById": user_id,
        "SystemModstamp": salesforce_time(modified),
    }


def salesforce_person(draft: Draft, account_id: str | None, rng: random.Random) -> dict[str, Any]:
    """A Lead or a Contact; blank fields are absent."""
    values = draft.values
    owner = COLLEAGUES[int(values["owner"])]
    record: dict[str, Any] = {"Id": draft.id}
    record |= {field: values[name] for name, field in _SALESFORCE.items() if name in values}
    prefix = "Mailing" if draft.object_name == "Contact" else ""
    record |= {prefix + field: values[name] for name, field in _SALESFORCE_ADDRESS.items() if name in values}
    if "contacted" in values:
        record["Last_Contacted__c"] = salesforce_time(datetime.fromisoformat(values["contacted"]))
    if draft.object_name == "Contact":
        record["AccountId"] = account_id
    else:
        legal = f" {draft.firm.legal}" if draft.firm is not None and rng.random() < 0.4 else ""
        record["Company"] = values["company"] + legal if "company" in values else _company_of_lead(draft, rng)
        record["Status"] = STATUS_SALESFORCE[values["status"]]
        record["IsConverted"] = False
    record["HasOptedOutOfEmail"] = draft.opted_out is not None
    record["DoNotCall"] = draft.do_not_call
    record["OwnerId"] = owner.user_id
    return record | salesforce_stamps(draft.created, draft.modified, owner.user_id)


def _company_of_lead(draft: Draft, rng: random.Random) -> str:
    return draft.firm.name if draft.firm is not None else rng.choice(_NO_COMPANY)


def salesforce_history(draft: Draft, tracked: set[str]) -> list[dict[str, str]]:
    """The rows of LeadHistory or ContactHistory: what of the `tracked` fields was changed with the last edit."""
    return [
        {
            f"{draft.object_name}Id": draft.id,
            "Field": _SALESFORCE[name],
            "OldValue": was,
            "NewValue": draft.values[name],
            "CreatedDate": salesforce_time(draft.modified),
            "CreatedById": COLLEAGUES[int(draft.values["owner"])].user_id,
        }
        for name, (was, _) in draft.earlier.items()
        if _SALESFORCE.get(name) in tracked and name in draft.values
    ]


def hubspot_person(draft: Draft, rng: random.Random) -> dict[str, Any]:
    """A contact, with the history of each of its properties."""
    properties = {_HUBSPOT[name]: _hubspot_value(name, value, draft) for name, value in draft.values.items()}
    times = {_HUBSPOT[name]: at for name, at in draft.times.items()}
    earlier = {_HUBSPOT[name]: (_hubspot_value(name, was, draft), at) for name, (was, at) in draft.earlier.items()}
    for name in draft.earlier:
        properties.setdefault(_HUBSPOT[name], "")  # emptied by somebody, not merely never filled
    if draft.more_emails:
        properties["hs_additional_emails"] = ";".join(draft.more_emails)
    record = hubspot_record(draft.id, properties, times, earlier, draft.created, rng)
    record["updatedAt"] = hubspot_time(draft.modified)
    return record


def _hubspot_value(name: str, value: str, draft: Draft) -> str:
    if name == "owner":
        return COLLEAGUES[int(value)].owner_id
    if name == "contacted":
        # Salesforce keeps whole seconds; a value that both once agreed on has no more than that here either.
        return hubspot_time(datetime.fromisoformat(value).astimezone(UTC).replace(microsecond=0))
    if name == "status":
        choices = STATUS_HUBSPOT[value]
        return choices[draft.person.key % len(choices)]
    if name == "email":
        return value.strip().lower()
    return value


def hubspot_record(
    record_id: str,
    properties: dict[str, str],
    times: dict[str, datetime],
    earlier: dict[str, tuple[str, datetime]],
    created: datetime,
    rng: random.Random,
) -> dict[str, Any]:
    """A record of any type; a property without a time of its own was set when the record was made."""
    maker = rng.choice((("IMPORT", "1"), ("FORM", "contact-us"), ("CRM_UI", "userId:51000333")))
    history: dict[str, list[dict[str, str]]] = {}
    for name, value in properties.items():
        at = max(times.get(name, created), created)
        source = maker if at == created else ("CRM_UI", f"userId:{rng.choice(COLLEAGUES).hubspot_user_id}")
        entries = [_entry(value, at, source)]
        if name in earlier:
            was, since = earlier[name]
            entries.append(_entry(was, max(min(since, at), created), maker))
        history[name] = entries
    updated = max([created, *times.values()])
    return {
        "id": record_id,
        "properties": properties,
        "createdAt": hubspot_time(created),
        "updatedAt": hubspot_time(updated),
        "history": history,
    }


def _entry(value: str, at: datetime, source: tuple[str, str]) -> dict[str, str]:
    return {"value": value, "timestamp": hubspot_time(at), "sourceType": source[0], "sourceId": source[1]}
