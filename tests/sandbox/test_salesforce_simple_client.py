"""The Salesforce sandbox, served over TCP and driven by simple-salesforce, a client that is not ours, unmodified.

The client speaks https only. Its documented `session` argument takes any requests.Session; ours carries calls for the
sandbox over plain http.
"""

# ruff: noqa: S608 - the queries run in a sandbox in memory

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import uvicorn
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)
from tests.sandbox.salesforce_world import ADA, ALAN, GRACE, LINUS, Org, world

from concord_sandbox.salesforce.ids import new_id

pytestmark = pytest.mark.foreign("simple-salesforce")


class _PlainHttp(HTTPAdapter):
    """Sends what was meant for https over http."""

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        assert request.url is not None
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, *args, **more)


class Served:
    """An org behind a real port."""

    def __init__(self) -> None:
        self.org = Org(_many_accounts())
        config = uvicorn.Config(self.org.app, log_level="error", lifespan="off")
        self._server = uvicorn.Server(config)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()

    def control(self, path: str, body: Any = None) -> None:
        requests.post(f"http://{self.host}/_control/{path}", json=body, timeout=10).raise_for_status()

    def client(self, token: str | None = None) -> Salesforce:
        session = requests.Session()
        session.mount(f"https://{self.host}", _PlainHttp())
        credentials = requests.get(f"http://{self.host}/_control/credentials", timeout=10).json()
        return Salesforce(
            instance_url=credentials["url"],
            session_id=token or credentials["access_token"],
            version="66.0",
            session=session,
        )


def _many_accounts() -> dict[str, Any]:
    section = world()
    section["records"]["Account"] += [{"Id": new_id("001", 2000 + n), "Name": f"Account {n}"} for n in range(2500)]
    return section


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    running = Served()
    yield running
    running.stop()


@pytest.fixture
def client(served: Served) -> Salesforce:
    served.control("reset")
    return served.client()


def test_a_query_and_its_pages(client: Salesforce) -> None:
    found = client.query(f"SELECT Id, Email, Account.Name FROM Contact WHERE Id = '{ADA}'")
    assert (found["totalSize"], found["records"][0]["Account"]["Name"]) == (1, "Acme")
    everything = client.query_all("SELECT Id FROM Account ORDER BY Id")
    assert everything["totalSize"] == 2502
    assert len({one["Id"] for one in everything["records"]}) == 2502
    assert client.is_sandbox() is False
    assert client.api_usage["api-usage"].total == 1000


def test_a_record_is_made_read_changed_and_deleted(client: Salesforce) -> None:
    made = client.Contact.create({"LastName": "Lamarr", "Email": "Hedy@Hop.example"})
    assert made["success"]
    assert client.Contact.get(made["id"])["Email"] == "hedy@hop.example"
    assert client.Contact.update(made["id"], {"FirstName": "Hedy"}) == 204
    assert client.Contact.get(made["id"])["Name"] == "Hedy Lamarr"
    assert client.Contact.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        client.Contact.get(made["id"])
    assert client.query(f"SELECT Id FROM Contact WHERE Id = '{made['id']}'", include_deleted=True)["totalSize"] == 1


def test_an_upsert_and_a_read_by_key(client: Salesforce) -> None:
    assert client.Contact.upsert("HubSpot_Contact_Id__c/H42", {"LastName": "Made"}) == 201
    assert client.Contact.upsert("HubSpot_Contact_Id__c/H42", {"LastName": "Changed"}) == 200
    assert client.Contact.get_by_custom_id("HubSpot_Contact_Id__c", "H42")["LastName"] == "Changed"
    client.Contact.create({"LastName": "Twin", "Email": "ada@acme.example"})
    with pytest.raises(SalesforceMoreThanOneRecord):
        client.Contact.upsert("Email/ada@acme.example", {"Phone": "1"})


def test_describes_and_limits(client: Salesforce) -> None:
    assert "Lead" in {one["name"] for one in client.describe()["sobjects"]}
    fields = {field["name"]: field for field in client.Lead.describe()["fields"]}
    assert fields["Company"]["nillable"] is False
    assert client.Lead.metadata()["objectDescribe"]["keyPrefix"] == "00Q"
    assert client.limits()["DailyApiRequests"]["Max"] == 1000


def test_what_changed_and_what_was_deleted_in_a_window(client: Salesforce) -> None:
    client.Lead.delete(LINUS)
    start, end = datetime(2026, 11, 23, 8, tzinfo=UTC), datetime(2026, 11, 23, 9, 5, tzinfo=UTC)
    assert client.Contact.updated(start, end)["ids"] == [ALAN]
    assert [one["id"] for one in client.Lead.deleted(start, end)["deletedRecords"]] == [LINUS]


def test_collections_through_the_generic_call(client: Salesforce) -> None:
    body = {"records": [{"attributes": {"type": "Contact"}, "id": one, "Phone": "55"} for one in (ADA, GRACE)]}
    results = client.restful("composite/sobjects", method="PATCH", json=body)
    assert [one["success"] for one in results] == [True, True]
    read = client.restful("composite/sobjects/Contact", method="POST", json={"ids": [ADA], "fields": ["Phone"]})
    assert read[0]["Phone"] == "55"


def test_errors_are_those_that_the_client_knows(client: Salesforce, served: Served) -> None:
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_FIELD"):
        client.query("SELECT Nope FROM Lead")
    with pytest.raises(SalesforceMalformedRequest, match="REQUIRED_FIELD_MISSING"):
        client.Lead.create({"Company": "X"})
    with pytest.raises(SalesforceExpiredSession):
        served.client("wrong").limits()
    served.control("usage", {"daily_used": 1000})
    with pytest.raises(SalesforceRefusedRequest, match="REQUEST_LIMIT_EXCEEDED"):
        client.limits()


def test_a_dropped_connection_is_a_broken_connection(client: Salesforce, served: Served) -> None:
    served.control("faults", {"kind": "drop_before", "path": "/sobjects/Lead"})
    with pytest.raises(requests.exceptions.RequestException):
        client.Lead.get(LINUS)
    assert client.Lead.get(LINUS)["Id"] == LINUS
