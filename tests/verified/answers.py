"""How the vendors word a refusal, and the few forms of a call that many facts share. Calls nobody."""

from __future__ import annotations

from typing import Any

import httpx

#: An id of the right form that no contact of Salesforce has.
NO_CONTACT = "003000000000000AAA"
#: An id that no record of HubSpot has: small ones are taken in real accounts, by other people's records.
NO_RECORD = "9007199254740991"


def of_salesforce(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal, in the form of plain resources: an array of one error with a message."""
    (error,) = answer.json()
    assert error["message"]
    return answer.status_code, str(error["errorCode"])


def row(object_name: str = "Contact", **fields: Any) -> dict[str, Any]:
    """A record of a collection."""
    return {"attributes": {"type": object_name}, **fields}


def soql(fields: str, where: str, object_name: str = "Contact") -> str:
    """A query. where: a condition that keeps it to records of this run, and what follows it."""
    return f"SELECT {fields} FROM {object_name} WHERE {where}"  # noqa: S608 - made of our own names and ids


def of_hubspot(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The body of a refusal in HubSpot's form."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    assert (body["status"], bool(body["message"]), bool(body["correlationId"])) == ("error", True, True)
    return body


def codes(body: dict[str, Any]) -> dict[str, str]:
    """Which property was refused with which code."""
    return {one["context"]["propertyName"][0]: one["code"] for one in body["errors"]}


def where(name: str, operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"propertyName": name, "operator": operator} | ({} if value is None else {"value": value}) | more
