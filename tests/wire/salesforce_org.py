"""An org for the wire tests: it answers by rules, as Salesforce words its answers, and keeps what it was asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx

from concord.systems.salesforce import Salesforce
from concord.systems.salesforce.wire import id18

NOON = datetime(2026, 11, 2, 12, 0, 0, tzinfo=UTC)
URL = "https://acme.my.salesforce.com"
ME, JANE = "005xx000001SwiUAAS", "005xx000009JaneAAC"
TOKEN = {
    "access_token": "00D!AQ",
    "instance_url": URL,
    "id": "https://login.salesforce.com/id/00Dxx0000001gPL/005xx000001SwiU",
    "token_type": "Bearer",
    "issued_at": "1700000000000",
}
KEY = "HubSpot_Contact_Id__c"


def lead(number: int) -> str:
    return id18(f"00Qxx{number:010d}")


def contact(number: int) -> str:
    return id18(f"003xx{number:010d}")


def told(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def field(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "label": name, "createable": True, "updateable": True, "nillable": True, **more}


STAMPS = [
    field("SystemModstamp", "datetime"),
    field("LastModifiedDate", "datetime"),
    field("LastModifiedById", "reference", referenceTo=["User"]),
    field("CreatedDate", "datetime"),
    field("IsDeleted", "boolean"),
    field("MasterRecordId", "reference"),
]
PERSON = [
    field("Id", "id"),
    field("LastName", length=80),
    field("Email", "email", length=80),
    field("Phone", "phone"),
    field(KEY, externalId=True, unique=True),
]
SCHEMAS: dict[str, list[dict[str, Any]]] = {
    "Lead": [
        *STAMPS,
        *PERSON,
        field("Company"),
        field("IsConverted", "boolean"),
        field("ConvertedContactId", "reference", referenceTo=["Contact"]),
    ],
    "Contact": [*STAMPS, *PERSON, field("AccountId", "reference", referenceTo=["Account"])],
    "Account": [*STAMPS, field("Id", "id"), field("Name"), field("AnnualRevenue", "currency", scale=2)],
}


class FakeClock:
    def __init__(self) -> None:
        self.time = NOON
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)


Says = Callable[[httpx.Request], Any]


class Org:
    """Answers calls by rules, the newest that fits first, and keeps what was asked."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.asked: list[httpx.Request] = []
        self.rules: list[tuple[str, re.Pattern[str], list[Any]]] = []
        self.on("POST", "/services/oauth2/token", TOKEN)
        for name, fields in SCHEMAS.items():
            self.on("GET", f"/sobjects/{name}/describe/", {"name": name, "fields": fields})
        self.salesforce = Salesforce(
            URL, "id", "secret", clock=self.clock, share=lambda: 0.0, transport=httpx.MockTransport(self._answer)
        )

    def on(self, method: str, pattern: str, *answers: Any) -> None:
        """answers: a body, (status, body) or a function of the request; one after the other, the last for ever."""
        self.rules.insert(0, (method, re.compile(pattern), list(answers)))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        for method, pattern, answers in self.rules:
            if method == request.method and pattern.search(request.url.path):
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                body = answer(request) if callable(answer) else answer
                status, body = body if isinstance(body, tuple) else (200, body)
                date = format_datetime(self.clock.now(), usegmt=True)
                if isinstance(body, str):
                    return httpx.Response(status, text=body, headers={"Date": date, "Content-Type": "text/xml"})
                return httpx.Response(status, json=body, headers={"Date": date})
        return httpx.Response(
            404, json=[{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
        )

    def calls(self, pattern: str) -> list[httpx.Request]:
        return [request for request in self.asked if re.search(pattern, request.url.path)]

    def rows(self, object_name: str, *rows: Mapping[str, Any]) -> None:
        """These live rows, read by id; every other id is null."""
        by_id = {row["Id"]: row for row in rows}
        self.on(
            "POST",
            f"/composite/sobjects/{object_name}$",
            lambda request: [by_id.get(text) for text in json.loads(request.content)["ids"]],
        )

    def query(self, answer: Callable[[str], list[dict[str, Any]]]) -> None:
        def say(request: httpx.Request) -> Any:
            rows = answer(request.url.params["q"])
            return {"totalSize": len(rows), "done": True, "records": rows}

        self.on("GET", "/query", say)


def row(id_: str, at: datetime = NOON - timedelta(hours=1), by: str = JANE, **values: Any) -> dict[str, Any]:
    return {
        "attributes": {"type": "Lead"},
        "Id": id_,
        "SystemModstamp": told(at),
        "LastModifiedDate": told(at),
        "LastModifiedById": by,
        "CreatedDate": told(NOON - timedelta(days=9)),
        "LastName": "Doe",
        "Phone": None,
        **values,
    }
