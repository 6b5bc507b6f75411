"""The Salesforce sandbox, served over TCP and driven by simple-salesforce, a client that is not ours, unmodified.

The client speaks https only. Its documented `session` argument takes any requests.Session; ours carries calls for the
sandbox over plain http.
"""

# ruff: noqa: S608 - the queries run in a sandbox in memory

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests
import uvicorn
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)
from tests.sandbox.salesforce_world import ADA, ALAN, GRACE, LINUS, Org, world

from concord_sandbox.salesforce.ids import new_id

pytestmark = pytest.mark.foreign("simple-salesforce")
#: The org's clock stands still: bulk jobs may take no time.
AT_ONCE = {"queue_seconds": 0, "chunk_seconds": 0}


class _PlainHttp(HTTPAdapter):
    """Sends what was meant for https over http; with a host also what was meant for another: the login host."""

    def __init__(self, host: str | None = None) -> None:
        super().__init__()
        self._host = host

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        assert request.url is not None
        given = urlsplit(request.url)
        request.url = urlunsplit(given._replace(scheme="http", netloc=self._host or given.netloc))
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

    def let_in(self, **credentials: Any) -> Salesforce:
        """A client that fetched its token itself, from whatever login host it knows."""
        session = requests.Session()
        session.mount("https://", _PlainHttp(self.host))
        return Salesforce(version="66.0", session=session, **credentials)


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
    client.Account.delete(everything["records"][0]["Id"])
    assert client.query_all("SELECT Id FROM Account", include_deleted=True)["totalSize"] == 2502
    assert client.query_all("SELECT Id FROM Account")["totalSize"] == 2501
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


# Letting in


def test_a_signed_assertion_lets_in(client: Salesforce, served: Served) -> None:
    # The client dates its assertion by the machine's clock, and writes the date as a text.
    served.control("clock", {"set": datetime.now(UTC).isoformat()})
    key = requests.get(f"http://{served.host}/_control/oauth/key", timeout=10).json()
    good = {"username": key["sub"], "consumer_key": key["iss"], "privatekey": key["private_key"]}
    assert served.let_in(**good).query("SELECT COUNT() FROM Lead")["totalSize"] == 2
    with pytest.raises(SalesforceAuthenticationFailed, match="audience is invalid"):
        served.let_in(**good, domain="test")
    with pytest.raises(SalesforceAuthenticationFailed, match="client identifier invalid"):
        served.let_in(**{**good, "consumer_key": "other"})
    with (
        pytest.warns(UserWarning, match="authorize this"),
        pytest.raises(SalesforceAuthenticationFailed, match="hasn't approved"),
    ):
        served.let_in(**{**good, "username": "alice@our.example"})


def test_client_credentials_let_in_and_passwords_do_not(client: Salesforce, served: Served) -> None:
    credentials = requests.get(f"http://{served.host}/_control/credentials", timeout=10).json()
    keys = {"consumer_key": credentials["client_id"], "consumer_secret": credentials["client_secret"]}
    inside = served.let_in(**keys, domain="acme.my")
    assert inside.oauth2("userinfo")["user_id"] == credentials["user_id"]
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid client credentials"):
        served.let_in(consumer_key=keys["consumer_key"], consumer_secret="wrong", domain="acme.my")
    with pytest.raises(SalesforceAuthenticationFailed, match="grant type not supported"):
        served.let_in(**keys, username="a@b.example", password="x")
    with pytest.raises(SalesforceAuthenticationFailed, match="login"):
        served.let_in(username="a@b.example", password="x", security_token="y")


# Bulk API 2.0


def test_bulk_jobs_write_and_say_what_failed(client: Salesforce, served: Served) -> None:
    served.control("bulk/pace", AT_ONCE)
    rows = [{"LastName": "One", "HubSpot_Contact_Id__c": "S1"}, {"LastName": "", "HubSpot_Contact_Id__c": "S2"}]
    (made,) = client.bulk2.Contact.insert(records=rows, wait=0.01)
    assert (made["numberRecordsTotal"], made["numberRecordsFailed"]) == (2, 1)
    assert "REQUIRED_FIELD_MISSING" in client.bulk2.Contact.get_failed_records(made["job_id"])
    assert '"One"' in client.bulk2.Contact.get_successful_records(made["job_id"])
    (columns,) = client.bulk2.Contact.get_unprocessed_records(made["job_id"]).splitlines()
    assert sorted(columns.split(",")) == ['"HubSpot_Contact_Id__c"', '"LastName"'], "in the order that the client chose"
    changed = [{"LastName": "Changed", "HubSpot_Contact_Id__c": "S1"}]
    (upserted,) = client.bulk2.Contact.upsert(records=changed, external_id_field="HubSpot_Contact_Id__c", wait=0.01)
    assert upserted["numberRecordsFailed"] == 0
    found = client.query("SELECT Id, LastName FROM Contact WHERE HubSpot_Contact_Id__c = 'S1'")["records"]
    assert [one["LastName"] for one in found] == ["Changed"]
    (again,) = client.bulk2.Contact.update(records=[{"Id": found[0]["Id"], "Title": "Bulk"}], wait=0.01)
    assert again["numberRecordsFailed"] == 0
    (gone,) = client.bulk2.Contact.delete(records=[{"Id": found[0]["Id"]}], wait=0.01)
    assert gone["numberRecordsFailed"] == 0
    everything = client.bulk2.Contact.get_all_ingest_records(gone["job_id"])
    assert len(everything["successfulRecords"]) == 1


def test_bulk_queries_come_in_pages(client: Salesforce, served: Served) -> None:
    served.control("bulk/pace", AT_ONCE)
    pages = list(client.bulk2.Account.query("SELECT Id, Name FROM Account", max_records=1000, wait=0.01))
    assert [len(page.splitlines()) - 1 for page in pages] == [1000, 1000, 502]
    client.Lead.delete(LINUS)
    (deleted,) = client.bulk2.Lead.query_all("SELECT Id FROM Lead WHERE IsDeleted = TRUE", wait=0.01)
    assert deleted.splitlines() == ['"Id"', f'"{LINUS}"']


# The rest


def test_searches(client: Salesforce) -> None:
    found = client.search("FIND {lovelace} IN NAME FIELDS RETURNING Contact(Id, LastName)")
    assert [one["LastName"] for one in found["searchRecords"]] == ["Lovelace"]
    assert [one["Id"] for one in client.quick_search("kernel")["searchRecords"]] == [LINUS]


def test_everything_else_through_the_generic_call(client: Salesforce) -> None:
    assert not client.restful("recent")
    assert "sobjects" in client.restful("")
    picklists = client.restful("ui-api/object-info/Lead/picklist-values/012000000000000AAA")
    assert "Status" in picklists["picklistFieldValues"]
    nodes = [
        {"method": "POST", "url": "/services/data/v66.0/sobjects/Account", "referenceId": "a", "body": {"Name": "G"}}
    ]
    graphs = client.restful(
        "composite/graph", method="POST", json={"graphs": [{"graphId": "1", "compositeRequest": nodes}]}
    )
    assert graphs["graphs"][0]["isSuccessful"] is True
    batch = client.restful(
        "composite/batch", method="POST", json={"batchRequests": [{"method": "GET", "url": "v66.0/limits"}]}
    )
    assert batch["results"][0]["statusCode"] == 200
    record = {"attributes": {"type": "Lead", "referenceId": "r"}, "LastName": "Tree", "Company": "Wood"}
    tree = client.restful("composite/tree/Lead", method="POST", json={"records": [record]})
    assert tree["hasErrors"] is False
    upserted = client.restful(
        "composite/sobjects/Contact/HubSpot_Contact_Id__c",
        method="PATCH",
        json={"records": [{"attributes": {"type": "Contact"}, "HubSpot_Contact_Id__c": "H1", "Phone": "9"}]},
    )
    assert [one["created"] for one in upserted] == [False]
    gone = client.restful("composite/sobjects", method="DELETE", params={"ids": f"{ADA},{GRACE}", "allOrNone": "true"})
    assert [one["success"] for one in gone] == [True, True]
    read = client.restful("composite/sobjects/Contact", params={"ids": ALAN, "fields": "LastName"})
    assert read[0]["LastName"] == "Turing"
    found = client.restful("parameterizedSearch", params={"q": "turing", "sobject": "Contact"})
    assert [one["Id"] for one in found["searchRecords"]] == [ALAN]


def test_a_change_can_be_refused_when_the_record_changed_meanwhile(client: Salesforce) -> None:
    past = "Mon, 23 Nov 2020 09:00:00 GMT"
    with pytest.raises(SalesforceGeneralError, match="412"):
        client.Contact.update(ALAN, {"Phone": "1"}, headers={"If-Unmodified-Since": past})
    assert client.Contact.get(ALAN)["Phone"] is None
    assert client.Contact.updated(
        datetime(2026, 11, 23, 8, tzinfo=UTC), datetime(2026, 11, 23, 8, tzinfo=UTC) + timedelta(hours=1)
    )["ids"] == [ALAN]
