"""The sandboxes, served on ports, driven from Node by clients that are not ours, unmodified (tests/clients)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from tests.sandbox.salesforce_world import ACME, ADA, ALAN, ALICE, GRACE, LINUS, world
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


# jsforce: the SOAP API


def in_soap(served: Served, scenario: str, **more: Any) -> Any:
    return in_node("jsforce-soap.mjs", scenario, **served.credentials, **more)


@pytest.mark.foreign("jsforce")
def test_jsforce_writes_by_soap(salesforce: Served) -> None:
    outcome = in_soap(salesforce, "records", key="HubSpot_Contact_Id__c", account=ACME)
    assert outcome["one"]["success"] is True
    missing = ["REQUIRED_FIELD_MISSING", ["LastName"]]
    assert outcome["many"] == [[True, []], [True, []], [False, [missing]]]
    assert (outcome["changed"], outcome["upserted"]) == (True, [[True, True], [True, False]])
    assert outcome["read"] == [["Contact", "Somerville", "Astronomer"], ["Contact", "Meitner", None]]
    assert outcome["away"] == ["true", "true"]
    assert (outcome["gone"], outcome["back"], outcome["emptied"]) == ([True, True], [True], [True])
    assert outcome["late"] == [[False, ["UNDELETE_FAILED"]]]
    assert outcome["departures"] == []


@pytest.mark.foreign("jsforce")
def test_jsforce_queries_by_soap(salesforce: Served) -> None:
    for number in range(2100):
        salesforce.app.service.human_create("Account", {"Name": f"Account {number}"}, None)
    outcome = in_soap(salesforce, "queried")
    assert outcome["first"] == len(salesforce.app.service.records("Contact"))
    assert outcome["pages"] == [2000, "false", 102, "true"]
    assert outcome["departures"] == []
    assert outcome["refused"]["code"] == "sf:INVALID_FIELD"
    assert outcome["malformed"]["code"] == "sf:MALFORMED_QUERY"
    assert outcome["lost"]["code"] == "sf:INVALID_QUERY_LOCATOR"


@pytest.mark.foreign("jsforce")
def test_descriptions_by_soap_are_what_the_wsdl_says(salesforce: Served) -> None:
    outcome = in_soap(salesforce, "described")
    assert {"Lead", "Contact", "Subscription__c"} <= set(outcome["objects"])
    assert {"LastName", "HubSpot_Contact_Id__c"} <= set(outcome["fields"])
    assert outcome["several"] == ["Contact", "Account", "Task", "CampaignMember"]
    assert outcome["departures"] == []
    assert outcome["refused"]["code"] == "sf:INVALID_TYPE"


@pytest.mark.foreign("jsforce")
def test_jsforce_replicates_by_soap(salesforce: Served) -> None:
    now = datetime.now(UTC)
    spans = {"since": (now - timedelta(hours=1)).isoformat(), "until": (now + timedelta(minutes=2)).isoformat()}
    outcome = in_soap(salesforce, "replicated", changed=ADA, gone=LINUS, **spans)
    assert ADA in outcome["updated"]
    assert outcome["deleted"] == [LINUS]
    assert outcome["departures"] == []


@pytest.mark.foreign("jsforce")
def test_a_merge_is_called_as_the_wsdl_or_as_jsforce_calls_it(salesforce: Served) -> None:
    lead = salesforce.app.service.human_create("Lead", {"LastName": "Noether", "Company": "Erlangen Ltd"}, None)
    status = "Closed - Converted"
    outcome = in_soap(salesforce, "lifecycle", lead=lead, other=LINUS, status=status, master=ADA, losers=[ALAN, GRACE])
    assert outcome["converted"] == [["true", None], ["false", "INVALID_STATUS"]]
    assert (outcome["merged"], outcome["also"]) == (["true", ALAN], [[True, [GRACE]]])
    assert outcome["departures"] == []


@pytest.mark.foreign("jsforce")
def test_jsforce_leaves_by_soap(salesforce: Served) -> None:
    credentials = salesforce.credentials
    outcome = in_soap(salesforce, "session")
    assert (outcome["user"], outcome["organisation"]) == (credentials["user_id"], credentials["organisation_id"])
    assert outcome["departures"] == []
    assert outcome["unknown"]["message"].startswith("No operation available for request")
    assert outcome["absent"]["code"] == "sf:FUNCTIONALITY_NOT_ENABLED"
    assert outcome["after"]["code"] == "sf:INVALID_SESSION_ID"
    assert outcome["cleared"] is True


# jsforce: letting in and out, and the other resources of the REST API


def in_rest(served: Served, scenario: str, **more: Any) -> Any:
    return in_node("jsforce-rest.mjs", scenario, **served.credentials, **more)


@pytest.mark.foreign("jsforce")
def test_jsforce_is_let_in_by_the_web_server_flow_and_renews_its_token(salesforce: Served) -> None:
    outcome = in_rest(salesforce, "webServer")
    credentials = salesforce.credentials
    assert (outcome["state"], outcome["user"]) == ("mine", credentials["user_id"])
    assert outcome["organisation"] == credentials["organisation_id"]
    assert (outcome["renewed"], outcome["again"], outcome["limits"]) == (True, "string", 1000)
    assert outcome["twice"]["name"] == "invalid_grant"
    assert outcome["gone"]["name"] == "invalid_grant"
    assert outcome["dead"]["code"] == "INVALID_SESSION_ID"


@pytest.mark.foreign("jsforce")
def test_jsforce_is_let_in_by_an_assertion_as_the_user_it_names(salesforce: Served) -> None:
    service = salesforce.app.service
    section = {**world(), "oauth": {"jwt_users": ["alice@our.example"]}}
    salesforce.app.load(section)
    key = httpx.get(f"{salesforce.url}/_control/oauth/key", timeout=10).json()
    claims = {"iss": key["iss"], "sub": "Alice@our.example", "aud": key["aud"], "exp": int(time.time()) + 120}
    outcome = in_rest(salesforce, "assertion", assertion=jwt.encode(claims, key["private_key"], algorithm="RS256"))
    assert outcome["user"] == ALICE
    assert outcome["found"] == len(service.records("Contact"))
    assert outcome["who"] == [ALICE, "alice@our.example"]
    assert outcome["after"]["code"] == "INVALID_SESSION_ID"


@pytest.mark.foreign("jsforce")
def test_jsforce_learns_who_it_is(salesforce: Served) -> None:
    outcome = in_rest(salesforce, "identity")
    credentials = salesforce.credentials
    assert outcome["who"][:2] == [credentials["user_id"], credentials["organisation_id"]]
    assert outcome["who"][2] == f"{salesforce.url}/services/data/v{{version}}/"
    assert outcome["info"] == [credentials["user_id"], credentials["username"]]
    assert outcome["posted"] == credentials["user_id"]
    assert (outcome["active"], outcome["versions"]) == (True, "68.0")
    assert {"sobjects", "query", "composite", "identity"} <= set(outcome["resources"])


@pytest.mark.foreign("jsforce")
def test_jsforce_searches_and_looks_around(salesforce: Served) -> None:
    outcome = in_rest(salesforce, "looked")
    assert outcome["found"] == ["Account", "Contact", "Contact"]
    assert outcome["refused"]["code"] == "MALFORMED_SEARCH"
    assert (outcome["parameters"], outcome["posted"]) == (["Acme"], 2)
    assert (outcome["recent"], outcome["recentContacts"], outcome["limits"]) == ([], [], 1000)


@pytest.mark.foreign("jsforce")
def test_jsforce_writes_and_reads_by_keys_and_in_collections(salesforce: Served) -> None:
    outcome = in_rest(salesforce, "keyed", key="HubSpot_Contact_Id__c", account=ACME, contact=ADA)
    assert outcome["many"][0] == [True, True, []]
    assert outcome["read"] == ["One", ACME]
    assert (outcome["whole"][0], outcome["some"]) == (ADA, ["Lovelace", "One"])
    assert (outcome["few"], outcome["keyed"], outcome["gone"]) == (["Lovelace", None], True, "NOT_FOUND")
    assert outcome["stale"] is not None
    assert outcome["children"] == 3
    codes = ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]
    assert outcome["rolled"] == [[False, [code]] for code in codes]


@pytest.mark.foreign("jsforce")
def test_jsforce_sends_graphs_batches_and_trees(salesforce: Served) -> None:
    outcome = in_rest(salesforce, "composed")
    good, bad = outcome["graph"]
    assert good == ["good", True, [[201, None], [201, None]]]
    assert bad == ["bad", False, [[400, "PROCESSING_HALTED"], [400, "REQUIRED_FIELD_MISSING"]]]
    assert outcome["batch"] == [True, [200, 201, 404]]
    assert outcome["tree"] == [False, ["r1", "r2"]]
    assert outcome["halted"] == [[400, "PROCESSING_HALTED"], [400, "REQUIRED_FIELD_MISSING"]]
    assert outcome["fine"] == 0


@pytest.mark.foreign("jsforce")
def test_jsforce_runs_every_kind_of_bulk_job(salesforce: Served) -> None:
    outcome = in_rest(salesforce, "bulk", key="HubSpot_Contact_Id__c")
    assert outcome["upserted"] == [["true", "New"], ["false", "Changed"]]
    assert [one.partition(":")[0] for one in outcome["bad"]] == ["REQUIRED_FIELD_MISSING"]
    assert (outcome["updated"], outcome["hard"]) == (1, 1)
    assert (outcome["state"], outcome["unprocessed"], outcome["gone"]) == ("Aborted", 1, "NOT_FOUND")
    assert outcome["listed"] == ["hardDelete", "update", "upsert"]
    assert (outcome["stopped"], outcome["queries"]) == ("Aborted", ["Aborted"])
    assert outcome["refused"] is not None
    assert outcome["header"].endswith("InvalidBatch : Field name not found : Nonsense")
    assert outcome["all"] == len(salesforce.app.service.records("Contact"))


@pytest.mark.foreign("jsforce")
def test_jsforce_reads_deleted_records_page_by_page_until_its_token_is_revoked(salesforce: Served) -> None:
    service = salesforce.app.service
    ids = [service.human_create("Account", {"Name": f"Account {number}"}, None) for number in range(450)]
    service.human_delete("Account", ids[0], None)
    outcome = in_rest(salesforce, "paged")
    assert outcome["all"] == len(service.records("Account")) + 1
    assert outcome["after"]["code"] == "INVALID_SESSION_ID"


@pytest.mark.foreign("jsforce")
def test_jsforce_reads_the_picklists_of_a_record_type(salesforce: Served) -> None:
    outcome = in_rest(salesforce, "picklists")
    assert {"Status", "LeadSource", "Stage__c"} <= set(outcome["fields"])
    assert "Closed - Converted" in outcome["statuses"]
    assert outcome["refused"]["code"] == "ILLEGAL_QUERY_PARAMETER_VALUE"


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
