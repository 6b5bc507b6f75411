"""The world `bench`: many people who are in both systems under one address with the same values, for measurements.

Nothing differs, so that every difference in a measurement was made by the measurement. Even numbers are Contacts of
an Account, odd numbers are Leads; no duplicates, no one in one system only.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from concord_sandbox.worlds.ids import hubspot_ids, salesforce_ids
from concord_sandbox.worlds.names import GIVEN, SURNAMES, to_ascii
from concord_sandbox.worlds.schema import BASE, COLLEAGUES, INTEGRATION_USER_ID, bare, hubspot_time, salesforce_time

_PEOPLE_PER_FIRM = 25
_WRITTEN = BASE - timedelta(days=30)


def build(seed: int = 1, people: int = 2000) -> dict[str, Any]:
    """The world with `people` linked-by-address people; the same for the same arguments."""
    rng = random.Random(seed)
    world = bare("bench", seed)
    firms = _add_firms(world, (people + _PEOPLE_PER_FIRM - 1) // _PEOPLE_PER_FIRM, rng)
    contact_ids, lead_ids = salesforce_ids("003", 10**6, rng), salesforce_ids("00Q", 10**6, rng)
    hubspot_contact_ids = hubspot_ids(10**10, rng)
    given_names = [name for pool in ("en", "de") for name in (*GIVEN[pool].female, *GIVEN[pool].male)]
    surnames = [name for pool in ("en", "de") for name in SURNAMES[pool]]
    for number in range(people):
        firm = firms[number // _PEOPLE_PER_FIRM]
        person = _Person(number, rng.choice(given_names), rng.choice(surnames), firm)
        object_name = "Lead" if number % 2 else "Contact"
        ids = next(lead_ids if number % 2 else contact_ids), next(hubspot_contact_ids)
        world["salesforce"]["records"][object_name].append(person.in_salesforce(object_name, ids[0]))
        world["hubspot"]["records"]["contacts"].append(person.in_hubspot(ids[1]))
        world["hubspot"]["associations"].append(
            {"from": ["contacts", ids[1]], "to": ["companies", firm["company_id"]], "types": [1, 279]}
        )
        pair = {"salesforce": [object_name, ids[0]], "hubspot": ids[1], "kind": "exact", "findable": "link"}
        world["truth"]["pairs"].append(pair)
        world["truth"]["people"].append({"salesforce": [[object_name, ids[0]]], "hubspot": [ids[1]]})
    world["truth"]["company_pairs"] = [[firm["account_id"], firm["company_id"]] for firm in firms]
    return world


class _Person:
    """One of the people, seen from either side."""

    def __init__(self, number: int, given: str, family: str, firm: dict[str, str]) -> None:
        self._number, self._given, self._family, self._firm = number, given, family, firm
        self._email = f"{_typed(given)}.{_typed(family)}{number}@{firm['domain']}"
        self._phone = f"+1 202 555 01{number % 100:02d}"
        self._title = ("Marketing Manager", "Buyer", "Head of Sales", "Founder")[number % 4]
        self._stage = ("lead", "marketingqualifiedlead", "customer")[number % 3]
        self._owner = COLLEAGUES[number % len(COLLEAGUES)]
        self._contacted = BASE - timedelta(days=40 + number % 300)

    def in_salesforce(self, object_name: str, record_id: str) -> dict[str, Any]:
        home: dict[str, Any] = {"AccountId": self._firm["account_id"]}
        if object_name == "Lead":
            home = {"Company": self._firm["name"], "Status": "Open - Not Contacted", "IsConverted": False}
        return {
            "Id": record_id,
            "FirstName": self._given,
            "LastName": self._family,
            "Email": self._email,
            "Phone": self._phone,
            "Title": self._title,
            **home,
            "HasOptedOutOfEmail": False,
            "HubSpot_Lifecycle_Stage__c": self._stage,
            "Last_Contacted__c": salesforce_time(self._contacted),
            "OwnerId": self._owner.user_id,
            **_stamps(_WRITTEN),
        }

    def in_hubspot(self, record_id: str) -> dict[str, Any]:
        properties = {
            "firstname": self._given,
            "lastname": self._family,
            "email": self._email,
            "phone": self._phone,
            "jobtitle": self._title,
            "company": self._firm["name"],
            "hs_lead_status": "NEW",
            "lifecyclestage": self._stage,
            "last_contacted": hubspot_time(self._contacted.replace(microsecond=0)),
            "hubspot_owner_id": self._owner.owner_id,
        }
        return _hubspot_record(record_id, properties)


def _typed(name: str) -> str:
    """A name as it stands in an address."""
    return "".join(letter for letter in to_ascii(name, "de").lower() if letter.isalpha())


def _add_firms(world: dict[str, Any], count: int, rng: random.Random) -> list[dict[str, str]]:
    account_ids, company_ids = salesforce_ids("001", 10**6, rng), hubspot_ids(10**9, rng)
    firms = []
    for number in range(count):
        name, domain = f"Benchfield {number:04d} Ltd", f"benchfield{number:04d}.com"
        firm = {"name": name, "domain": domain, "account_id": next(account_ids), "company_id": next(company_ids)}
        owner = COLLEAGUES[number % len(COLLEAGUES)]
        world["salesforce"]["records"]["Account"].append(
            {
                "Id": firm["account_id"],
                "Name": name,
                "Website": f"https://www.{domain}",
                "OwnerId": owner.user_id,
                **_stamps(_WRITTEN),
            }
        )
        properties = {"name": name, "domain": domain, "hubspot_owner_id": owner.owner_id}
        world["hubspot"]["records"]["companies"].append(_hubspot_record(firm["company_id"], properties))
        firms.append(firm)
    return firms


def _stamps(moment: datetime) -> dict[str, str]:
    at = salesforce_time(moment)
    return {
        "CreatedDate": at,
        "CreatedById": INTEGRATION_USER_ID,
        "LastModifiedDate": at,
        "LastModifiedById": INTEGRATION_USER_ID,
        "SystemModstamp": at,
    }


def _hubspot_record(record_id: str, properties: dict[str, str]) -> dict[str, Any]:
    at = hubspot_time(_WRITTEN)
    return {
        "id": record_id,
        "properties": properties,
        "createdAt": at,
        "updatedAt": at,
        "history": {
            name: [{"value": value, "timestamp": at, "sourceType": "IMPORT", "sourceId": "1"}]
            for name, value in properties.items()
        },
    }
