"""A Salesforce sandbox in process, on a clock that stands still, and a small world to load into it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx

from concord_sandbox.clock import SandboxClock
from concord_sandbox.control import SandboxApp
from concord_sandbox.salesforce import SalesforceService
from concord_sandbox.salesforce.ids import new_id
from concord_sandbox.service import Controls

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DATA = "/services/data/v66.0"
ALICE, BOB = new_id("005", 901), new_id("005", 902)
ACME, GLOBEX = new_id("001", 901), new_id("001", 902)
ADA, GRACE, ALAN = (new_id("003", number) for number in (901, 902, 903))
LINUS, MARGARET = new_id("00Q", 901), new_id("00Q", 902)


def world() -> dict[str, Any]:
    """Two accounts, three contacts, two leads, two users; key fields, a restricted list, a field that truncates."""
    key = {"type": "string", "length": 32, "externalId": True, "unique": True}
    people = [
        {"name": "HubSpot_Contact_Id__c", **key},
        {
            "name": "Stage__c",
            "type": "picklist",
            "restrictedPicklist": True,
            "picklistValues": ["lead", "customer"],
        },
        {"name": "Topics__c", "type": "multipicklist", "picklistValues": ["Red", "Green", "Blue"]},
        {"name": "Nickname__c", "type": "string", "length": 5, "truncates": True},
        {"name": "Score__c", "type": "double", "precision": 6, "scale": 2},
        {"name": "Seen__c", "type": "datetime"},
        {"name": "Email", "trackHistory": True},
        {"name": "Phone", "trackHistory": True},
    ]
    return {
        "daily_limit": 1000,
        "objects": {
            "Lead": {"fields": people},
            "Contact": {"fields": people},
            "Account": {"fields": [{"name": "HubSpot_Company_Id__c", **key}]},
            "Subscription__c": {
                "label": "Subscription",
                "fields": [
                    {
                        "name": "Contact__c",
                        "type": "reference",
                        "referenceTo": ["Contact"],
                        "childRelationshipName": "Subscriptions__r",
                    },
                    {"name": "Seats__c", "type": "int"},
                ],
            },
        },
        "records": {
            "User": [
                {"Id": ALICE, "FirstName": "Alice", "LastName": "Seller", "Email": "alice@our.example",
                 "Username": "alice@our.example", "IsActive": True},
                {"Id": BOB, "FirstName": "Bob", "LastName": "Gone", "Email": "bob@our.example",
                 "Username": "bob@our.example", "IsActive": False},
            ],
            "Account": [
                {"Id": ACME, "Name": "Acme", "Website": "https://acme.example", "NumberOfEmployees": 50,
                 "HubSpot_Company_Id__c": "C1"},
                {"Id": GLOBEX, "Name": "Globex", "AnnualRevenue": 1000000},
            ],
            "Contact": [
                _person(ADA, "Ada", "Lovelace", "ada@acme.example", AccountId=ACME, HubSpot_Contact_Id__c="H1",
                        Topics__c="Red;Blue", MailingCity="London", MailingCountry="UK"),
                _person(GRACE, "Grace", "Hopper", "grace@acme.example", AccountId=ACME, Score__c=7.5),
                _person(ALAN, "Alan", "Turing", None, SystemModstamp="2026-11-23T08:30:00.000+0000"),
            ],
            "Lead": [
                _person(LINUS, "Linus", "O'Torvalds", "linus@kernel.example", Company="Kernel", Phone="+1 1"),
                _person(MARGARET, "Margaret", "Hamilton", "margaret@moon.example", Company="Moon", IsConverted=True,
                        Status="Closed - Converted", ConvertedContactId=ADA),
            ],
        },
    }  # fmt: skip


def _person(record_id: str, given: str, family: str, email: str | None, **more: Any) -> dict[str, Any]:
    made = {"Id": record_id, "FirstName": given, "LastName": family, "Email": email, "OwnerId": ALICE}
    return {**made, "CreatedDate": "2026-11-01T08:00:00Z", **more}


class Org:
    """One sandboxed org with a client that is signed in. The clock stands at START until it is advanced."""

    def __init__(self, section: dict[str, Any] | None = None) -> None:
        self.controls = Controls(clock=SandboxClock(START.timestamp))
        self.service = SalesforceService(self.controls)
        self.app = SandboxApp(self.service)
        self.app.load(world() if section is None else section)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://salesforce.test")
        self.token = self.service.credentials("")["access_token"]
        self.client.headers["Authorization"] = f"Bearer {self.token}"
        self.user_id: str = self.service.credentials("")["user_id"]

    async def get(self, path: str, **arguments: Any) -> httpx.Response:
        return await self.client.get(DATA + path, **arguments)

    async def post(self, path: str, body: Any, **arguments: Any) -> httpx.Response:
        return await self.client.post(DATA + path, json=body, **arguments)

    async def patch(self, path: str, body: Any, **arguments: Any) -> httpx.Response:
        return await self.client.patch(DATA + path, json=body, **arguments)

    async def delete(self, path: str, **arguments: Any) -> httpx.Response:
        return await self.client.delete(DATA + path, **arguments)

    async def soql(self, text: str, *, with_deleted: bool = False, headers: dict[str, str] | None = None) -> Any:
        """The answer to a query that has to succeed."""
        answer = await self.get("/queryAll" if with_deleted else "/query", params={"q": text}, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def column(self, text: str, **options: Any) -> list[Any]:
        """The values of a query's first column."""
        records = (await self.soql(text, **options))["records"]
        return [next(value for key, value in one.items() if key != "attributes") for one in records]

    async def refusal(self, text: str) -> tuple[str, str]:
        """Code and message of a query that has to be refused."""
        answer = await self.get("/query", params={"q": text})
        assert answer.status_code == 400, answer.text
        (error,) = answer.json()
        return error["errorCode"], error["message"]

    async def control(self, path: str, body: Any = None) -> Any:
        answer = await self.client.post("/_control/" + path, json=body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    async def fields(self, object_name: str, record_id: str) -> dict[str, Any]:
        answer = await self.get(f"/sobjects/{object_name}/{record_id}")
        assert answer.status_code == 200, answer.text
        read: dict[str, Any] = answer.json()
        return read


def error_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refused call."""
    return answer.status_code, answer.json()[0]["errorCode"]
