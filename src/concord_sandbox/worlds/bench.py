"""The world `bench`: many people who are in both systems under one address with the same values, for measurements.

Nothing differs, so that every difference in a measurement was made by the measurement. Even numbers are Contacts of
an Account, odd numbers are Leads; no duplicates, no one in one system only.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from concord_sandbox.worlds.ids import salesforce_id
from concord_sandbox.worlds.names import GIVEN, SURNAMES, to_ascii
from concord_sandbox.worlds.rows import Made
from concord_sandbox.worlds.schema import BASE, COLLEAGUES, INTEGRATION_USER_ID, bare, hubspot_time, salesforce_time

_PEOPLE_PER_FIRM = 25
_WRITTEN = BASE - timedelta(days=30)
_GIVEN = [name for pool in ("en", "de") for name in (*GIVEN[pool].female, *GIVEN[pool].male)]
_SURNAMES = [name for pool in ("en", "de") for name in SURNAMES[pool]]


def build(seed: int = 1, people: int = 2000) -> dict[str, Any]:
    """The world with `people` linked-by-address people; the same for the same arguments. Its rows are made when they
    are read, so that a million of them need no memory here."""
    world, cast = bare("bench", seed), _Cast(seed)
    firms = (people + _PEOPLE_PER_FIRM - 1) // _PEOPLE_PER_FIRM
    salesforce, hubspot, truth = world["salesforce"]["records"], world["hubspot"], world["truth"]
    salesforce["Account"] = Made(firms, lambda number: cast.firm(number).in_salesforce())
    salesforce["Contact"] = Made((people + 1) // 2, lambda half: cast.person(2 * half).in_salesforce())
    salesforce["Lead"] = Made(people // 2, lambda half: cast.person(2 * half + 1).in_salesforce())
    hubspot["records"]["companies"] = Made(firms, lambda number: cast.firm(number).in_hubspot())
    hubspot["records"]["contacts"] = Made(people, lambda number: cast.person(number).in_hubspot())
    hubspot["associations"] = Made(people, lambda number: cast.person(number).at_work())
    truth["pairs"] = Made(people, lambda number: cast.person(number).pair())
    truth["people"] = Made(people, lambda number: cast.person(number).whole())
    truth["company_pairs"] = Made(firms, lambda number: list(cast.firm(number).ids))
    return world


class _Cast:
    """Everybody, by number."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        self._shift, self._stride = rng.randrange(10**6), rng.choice((7, 11, 13, 17, 19, 23))

    def firm(self, number: int) -> _Firm:
        return _Firm(number, 10**6 + self._shift)

    def person(self, number: int) -> _Person:
        place = self._shift + number * self._stride
        given, family = _GIVEN[place % len(_GIVEN)], _SURNAMES[place // 3 % len(_SURNAMES)]
        return _Person(number, given, family, self.firm(number // _PEOPLE_PER_FIRM), 10**6 + self._shift)


class _Firm:
    """One of the companies, seen from either side."""

    def __init__(self, number: int, first: int) -> None:
        self.name, self.domain = f"Benchfield {number:04d} Ltd", f"benchfield{number:04d}.com"
        self.ids = salesforce_id("001", first + 3 * number), str(10**9 + first + 17 * number)
        self._owner = COLLEAGUES[number % len(COLLEAGUES)]

    def in_salesforce(self) -> dict[str, Any]:
        return {
            "Id": self.ids[0],
            "Name": self.name,
            "Website": f"https://www.{self.domain}",
            "OwnerId": self._owner.user_id,
            **_stamps(_WRITTEN),
        }

    def in_hubspot(self) -> dict[str, Any]:
        properties = {"name": self.name, "domain": self.domain, "hubspot_owner_id": self._owner.owner_id}
        return _hubspot_record(self.ids[1], properties)


class _Person:
    """One of the people, seen from either side."""

    def __init__(self, number: int, given: str, family: str, firm: _Firm, first: int) -> None:
        self._object = "Lead" if number % 2 else "Contact"
        prefix = "00Q" if number % 2 else "003"
        self._ids = salesforce_id(prefix, first + 2 * number), str(10**10 + first + 19 * number)
        self._number, self._given, self._family, self._firm = number, given, family, firm
        self._email = f"{_typed(given)}.{_typed(family)}{number}@{firm.domain}"
        self._phone = f"+1 202 555 01{number % 100:02d}"
        self._title = ("Marketing Manager", "Buyer", "Head of Sales", "Founder")[number % 4]
        self._stage = ("lead", "marketingqualifiedlead", "customer")[number % 3]
        self._owner = COLLEAGUES[number % len(COLLEAGUES)]
        self._contacted = BASE - timedelta(days=40 + number % 300)

    def in_salesforce(self) -> dict[str, Any]:
        home: dict[str, Any] = {"AccountId": self._firm.ids[0]}
        if self._object == "Lead":
            home = {"Company": self._firm.name, "Status": "Open - Not Contacted", "IsConverted": False}
        return {
            "Id": self._ids[0],
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

    def in_hubspot(self) -> dict[str, Any]:
        properties = {
            "firstname": self._given,
            "lastname": self._family,
            "email": self._email,
            "phone": self._phone,
            "jobtitle": self._title,
            "company": self._firm.name,
            "hs_lead_status": "NEW",
            "lifecyclestage": self._stage,
            "last_contacted": hubspot_time(self._contacted.replace(microsecond=0)),
            "hubspot_owner_id": self._owner.owner_id,
        }
        return _hubspot_record(self._ids[1], properties)

    def at_work(self) -> dict[str, Any]:
        return {"from": ["contacts", self._ids[1]], "to": ["companies", self._firm.ids[1]], "types": [1, 279]}

    def pair(self) -> dict[str, Any]:
        both = {"salesforce": [self._object, self._ids[0]], "hubspot": self._ids[1]}
        return {**both, "kind": "exact", "findable": "link"}

    def whole(self) -> dict[str, Any]:
        return {"salesforce": [[self._object, self._ids[0]]], "hubspot": [self._ids[1]]}


def _typed(name: str) -> str:
    """A name as it stands in an address."""
    return "".join(letter for letter in to_ascii(name, "de").lower() if letter.isalpha())


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
        "origin": {"timestamp": at, "sourceType": "IMPORT", "sourceId": "1"},
    }
