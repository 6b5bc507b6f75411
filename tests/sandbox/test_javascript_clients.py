"""The sandboxes, served on ports, driven from Node by clients that are not ours, unmodified (tests/clients)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.sandbox.salesforce_world import ADA, ALAN, world
from tests.sandbox.served import Served, in_node

from concord_sandbox.control import SandboxApp
from concord_sandbox.hubspot import HubSpotService
from concord_sandbox.server import build
from concord_sandbox.service import Controls
from concord_sandbox.world import load_world

pytestmark = pytest.mark.slow  # each starts a Node of its own


@pytest.fixture
def salesforce() -> Iterator[Served]:
    served = Served(build({"salesforce": world()}, names=("salesforce",))["salesforce"])
    yield served
    served.stop()


@pytest.fixture
def hubspot() -> Iterator[Served]:
    service = HubSpotService(Controls())
    service.load({"index_lag_ms": 0, "owners": [{"id": "9", "email": "o@example.com", "userId": 5}]})
    served = Served(SandboxApp(service))
    yield served
    served.stop()


@pytest.fixture
def notion() -> Iterator[Served]:
    section = {**load_world("empty")["notion"], "index_lag_ms": 0}
    served = Served(build({"notion": section}, names=("notion",))["notion"])
    yield served
    served.stop()


def jsforce(served: Served, scenario: str, **more: Any) -> Any:
    return in_node("jsforce.mjs", scenario, **served.credentials, **more)


@pytest.mark.foreign("jsforce")
def test_jsforce_is_let_in_by_client_credentials(salesforce: Served) -> None:
    outcome = jsforce(salesforce, "login")
    assert outcome["user"]["organizationId"] == salesforce.credentials["organisation_id"]
    assert outcome["found"] > 0


@pytest.mark.foreign("jsforce")
def test_jsforce_reads_children_parents_and_pages(salesforce: Served) -> None:
    outcome = jsforce(salesforce, "query")
    names = [name for name, _ in outcome["accounts"]]
    assert names == sorted(names)
    assert any(children for _, children in outcome["accounts"])
    assert outcome["all"] == len(salesforce.app.service.records("Contact"))
    assert all(name.startswith("L") for name, _ in outcome["found"])
    assert outcome["refused"]["code"] == "INVALID_FIELD"


@pytest.mark.foreign("jsforce")
def test_jsforce_writes_one_and_many(salesforce: Served) -> None:
    outcome = jsforce(salesforce, "records")
    assert outcome["made"]["success"] is True
    assert outcome["name"] == "Mary Somerville"
    assert [one for one, _ in outcome["many"]] == [True, True, False]
    assert outcome["many"][2][1] == ["REQUIRED_FIELD_MISSING"]
    assert outcome["again"] == [True, True]
    assert outcome["gone"] == [True, True]
    assert outcome["missing"]["code"] == "NOT_FOUND"
    assert outcome["limits"]["limit"] == world()["daily_limit"]


@pytest.mark.foreign("jsforce")
def test_jsforce_upserts_by_an_external_id(salesforce: Served) -> None:
    outcome = jsforce(salesforce, "upserted", key="HubSpot_Contact_Id__c")
    assert (outcome["first"]["created"], outcome["second"]["created"]) == (True, False)
    assert outcome["names"] == ["Lovelace"]


@pytest.mark.foreign("jsforce")
def test_jsforce_describes_the_org(salesforce: Served) -> None:
    outcome = jsforce(salesforce, "described")
    assert {"Lead", "Contact", "Account", "Opportunity", "Task", "Campaign"} <= set(outcome["objects"])
    assert outcome["required"] == ["Company", "LastName"]
    assert outcome["statuses"]


@pytest.mark.foreign("jsforce")
def test_jsforce_replicates_what_changed_and_what_went(salesforce: Served) -> None:
    now = datetime.now(UTC)
    spans = {"since": (now - timedelta(hours=1)).isoformat(), "until": (now + timedelta(minutes=2)).isoformat()}
    outcome = jsforce(salesforce, "replicated", **spans)
    assert outcome["deleted"] == [outcome["made"]]


@pytest.mark.foreign("jsforce")
def test_jsforce_loads_and_reads_in_bulk(salesforce: Served) -> None:
    outcome = jsforce(salesforce, "bulk")
    assert (outcome["good"], outcome["read"], outcome["gone"]) == (49, 49, 49)
    assert len(outcome["bad"]) == 1
    assert outcome["bad"][0].startswith("REQUIRED_FIELD_MISSING")


@pytest.mark.foreign("jsforce")
def test_jsforce_sends_a_composite_call(salesforce: Served) -> None:
    outcome = jsforce(salesforce, "composite")
    assert [one["httpStatusCode"] for one in outcome["compositeResponse"]] == [201, 201]


@pytest.mark.foreign("jsforce")
def test_jsforce_converts_a_lead(salesforce: Served) -> None:
    lead = salesforce.app.service.human_create("Lead", {"LastName": "Noether", "Company": "Erlangen Ltd"}, None)
    outcome = jsforce(salesforce, "converted", lead=lead, status="Closed - Converted")
    done = outcome["done"]
    assert done["success"] is True
    assert outcome["points"] == [done["contactId"], done["accountId"], done["opportunityId"]]
    assert outcome["contact"] == ["Noether", done["accountId"]]
    assert outcome["opportunity"] == ["A first order", done["accountId"]]
    assert outcome["wrong"][0][0] is False


@pytest.mark.foreign("jsforce")
def test_jsforce_merges_two_contacts(salesforce: Served) -> None:
    outcome = jsforce(salesforce, "merged", master=ADA, loser=ALAN)
    assert outcome["done"]["success"] is True
    assert outcome["gone"] == [[True, ADA]]
    assert outcome["title"] == "Survivor"


@pytest.mark.foreign("jsforce")
def test_jsforce_takes_a_contact_out_of_the_recycle_bin(salesforce: Served) -> None:
    outcome = jsforce(salesforce, "undeleted", id=ADA)
    assert outcome["away"] == "NOT_FOUND"
    assert outcome["read"] == ADA
    assert outcome["user"] == salesforce.credentials["user_id"]


@pytest.mark.foreign("@hubspot/api-client")
def test_hubspots_client_for_node_writes_and_finds_contacts(hubspot: Served) -> None:
    outcome = in_node("hubspot.mjs", "contacts", **hubspot.credentials)
    assert outcome["title"] == "Admiral"
    assert outcome["batch"] == 2
    assert outcome["found"] == ["grace@example.com"]
    assert outcome["twice"] == [409, "CONFLICT"]


@pytest.mark.foreign("@hubspot/api-client")
def test_hubspots_client_for_node_reads_the_schema(hubspot: Served) -> None:
    outcome = in_node("hubspot.mjs", "schema", **hubspot.credentials)
    assert outcome["properties"] > 20
    assert outcome["owners"] == 1
    assert outcome["pipelines"] == ["default"]


@pytest.mark.foreign("@notionhq/client")
def test_notions_client_for_node_makes_finds_and_trashes_a_page(notion: Served) -> None:
    source = load_world("empty")["notion"]["data_sources"][0]["id"]
    outcome = in_node("notion.mjs", "pages", **notion.credentials, source=source)
    assert outcome["found"] == [outcome["made"]]
    assert outcome["blocks"] == ["paragraph"]
    assert outcome["trash"] is True
    assert outcome["missing"] == [404, "object_not_found"]
