"""The Salesforce sandbox: composite graphs, trees and batches, as api/salesforce.md section 6 says."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sandbox.salesforce_world import ACME, ADA, DATA, Org, error_of, world

from concord_sandbox.service import ControlError

GRAPH, TREE, BATCH = "/composite/graph", "/composite/tree/Account", "/composite/batch"


@pytest.fixture
def org() -> Org:
    return Org()


def node(reference: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
    made = {"referenceId": reference, "method": method, "url": f"{DATA}/sobjects/{path}"}
    return made if body is None else {**made, "body": body}


def family(name: str, **contact: Any) -> list[dict[str, Any]]:
    return [
        node("account", "POST", "Account", {"Name": name}),
        node("contact", "POST", "Contact", {"LastName": name, "AccountId": "@{account.id}", **contact}),
    ]


def graphs(*requests: list[dict[str, Any]]) -> dict[str, Any]:
    return {"graphs": [{"graphId": str(n), "compositeRequest": one} for n, one in enumerate(requests, 1)]}


def record(kind: str, reference: str, **fields: Any) -> dict[str, Any]:
    return {"attributes": {"type": kind, "referenceId": reference}, **fields}


# Graphs


async def test_each_graph_is_a_transaction_of_its_own(org: Org) -> None:
    answer = await org.post(GRAPH, graphs(family("Good"), family("Bad", Email="no"), family("Fine")))
    assert answer.status_code == 200
    good, bad, fine = answer.json()["graphs"]
    assert [one["graphId"] for one in (good, bad, fine)] == ["1", "2", "3"]
    assert [one["isSuccessful"] for one in (good, bad, fine)] == [True, False, True]
    account, contact = good["graphResponse"]["compositeResponse"]
    assert (account["httpStatusCode"], account["referenceId"], account["body"]["success"]) == (201, "account", True)
    assert account["httpHeaders"] == {"Location": f"{DATA}/sobjects/Account/{account['body']['id']}"}
    assert (await org.fields("Contact", contact["body"]["id"]))["AccountId"] == account["body"]["id"]
    halted, refused = bad["graphResponse"]["compositeResponse"]
    assert (halted["httpStatusCode"], halted["body"][0]["errorCode"]) == (400, "PROCESSING_HALTED")
    assert refused["body"][0]["errorCode"] == "INVALID_EMAIL_ADDRESS"
    assert await org.column("SELECT Name FROM Account WHERE Name IN ('Good', 'Bad', 'Fine') ORDER BY Name") == [
        "Fine",
        "Good",
    ]


async def test_a_graph_reads_changes_and_deletes_too(org: Org) -> None:
    requests = [
        node("up", "PATCH", "Contact/HubSpot_Contact_Id__c/H1", {"Phone": "77"}),
        node("read", "GET", "Contact/@{up.id}?fields=Phone,AccountId"),
        node("change", "PATCH", "Account/@{read.AccountId}", {"Phone": "@{read.Phone}"}),
        node("gone", "DELETE", "Contact/@{up.id}"),
    ]
    (done,) = (await org.post(GRAPH, graphs(requests))).json()["graphs"]
    statuses = [one["httpStatusCode"] for one in done["graphResponse"]["compositeResponse"]]
    assert (done["isSuccessful"], statuses) == (True, [200, 200, 204, 204])
    assert (await org.fields("Account", ACME))["Phone"] == "77"
    assert (await org.get(f"/sobjects/Contact/{ADA}")).status_code == 404


async def test_after_fifteen_failed_graphs_the_rest_are_not_tried(org: Org) -> None:
    bad = [node("x", "POST", "Contact", {})]
    answer = await org.post(GRAPH, graphs(*([bad] * 15), family("Late")))
    last = answer.json()["graphs"][-1]
    assert last["isSuccessful"] is False
    codes = {one["body"][0]["errorCode"] for one in last["graphResponse"]["compositeResponse"]}
    assert codes == {"PROCESSING_HALTED"}
    assert await org.column("SELECT Id FROM Account WHERE Name = 'Late'") == []
    fourteen = await org.post(GRAPH, graphs(*([bad] * 14), family("Late")))
    assert fourteen.json()["graphs"][-1]["isSuccessful"] is True


def guarded(title: str, since: str) -> list[dict[str, Any]]:
    change = node("change", "PATCH", f"Contact/{ADA}", {"Title": title})
    return [
        {**change, "httpHeaders": {"If-Unmodified-Since": since}},
        node("read", "GET", f"Contact/{ADA}?fields=Title"),
    ]


LONG_AGO, SOON = "Sat, 01 Jan 2000 00:00:00 GMT", "Sat, 01 Jan 2050 00:00:00 GMT"


async def test_a_node_keeps_to_the_conditions_in_its_headers(org: Org) -> None:
    answer = await org.post(GRAPH, graphs(guarded("Judge", LONG_AGO), guarded("Countess", SOON)))
    refused, done = answer.json()["graphs"]
    parts = refused["graphResponse"]["compositeResponse"]
    assert (refused["isSuccessful"], [one["httpStatusCode"] for one in parts]) == (False, [412, 400])
    assert parts[1]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    parts = done["graphResponse"]["compositeResponse"]
    assert (done["isSuccessful"], parts[1]["body"]["Title"]) == (True, "Countess")


async def test_a_world_may_have_graphs_that_pass_over_headers(org: Org) -> None:
    org.app.load({**world(), "graphs": {"headers": "ignored"}})
    (done,) = (await org.post(GRAPH, graphs(guarded("Judge", LONG_AGO)))).json()["graphs"]
    assert done["isSuccessful"] is True
    assert (await org.fields("Contact", ADA))["Title"] == "Judge"
    assert org.app.service.save()["graphs"] == {"headers": "ignored"}


@pytest.mark.parametrize(("given", "words"), [({"header": 1}, "did you mean"), ({"headers": "no"}, "kept or ignored")])
async def test_a_world_s_word_about_graphs_has_to_be_known(org: Org, given: Any, words: str) -> None:
    with pytest.raises(ControlError, match=words):
        org.app.load({**world(), "graphs": given})


def chain(length: int) -> list[dict[str, Any]]:
    made = [node("n0", "POST", "Account", {"Name": "0"})]
    made += [node(f"n{n}", "POST", "Account", {"ParentId": f"@{{n{n - 1}.id}}", "Name": "x"}) for n in range(1, length)]
    return made


async def test_the_limits_of_graphs_are_those_documented(org: Org) -> None:
    one = [node("x", "GET", f"Contact/{ADA}")]
    assert (await org.post(GRAPH, graphs(*([one] * 75)))).status_code == 200
    assert error_of(await org.post(GRAPH, graphs(*([one] * 76)))) == (400, "LIMIT_EXCEEDED")
    many = [node(f"n{n}", "GET", f"Contact/{ADA}") for n in range(500)]
    assert (await org.post(GRAPH, graphs(many))).status_code == 200
    assert error_of(await org.post(GRAPH, graphs(many, one))) == (400, "LIMIT_EXCEEDED")
    assert (await org.post(GRAPH, graphs(chain(15)))).json()["graphs"][0]["isSuccessful"] is True
    assert error_of(await org.post(GRAPH, graphs(chain(16)))) == (400, "LIMIT_EXCEEDED")
    versions = [
        {"referenceId": f"v{n}{method}", "method": method, "url": f"/services/data/v{n}.0/sobjects/Contact/{ADA}"}
        for n in range(61, 69)
        for method in ("GET", "DELETE")
    ]
    assert error_of(await org.post(GRAPH, graphs(versions))) == (400, "LIMIT_EXCEEDED")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "JSON_PARSER_ERROR"),
        ({"graphs": []}, "JSON_PARSER_ERROR"),
        ({"graphs": [1]}, "JSON_PARSER_ERROR"),
        ({"graphs": [{"graphId": "1"}]}, "JSON_PARSER_ERROR"),
        ({"graphs": [{"compositeRequest": family("x")}]}, "INVALID_INPUT"),
        ({"graphs": [{"graphId": "a.b", "compositeRequest": family("x")}]}, "INVALID_INPUT"),
        ({"graphs": [{"graphId": "1", "compositeRequest": family("x")}] * 2}, "INVALID_INPUT"),
        (graphs([node("a", "GET", "Contact/1"), node("a", "GET", "Contact/1")]), "INVALID_INPUT"),
        (graphs([{"referenceId": "a", "method": "GET", "url": DATA + "/query?q=x"}]), "INVALID_INPUT"),
        (graphs([node("a", "PUT", "Contact/1")]), "INVALID_INPUT"),
    ],
)
async def test_a_malformed_graph_is_refused_whole(org: Org, body: Any, code: str) -> None:
    assert error_of(await org.post(GRAPH, body)) == (400, code)
    assert await org.column("SELECT Id FROM Account WHERE Name = 'x'") == []


async def test_a_reference_that_leads_nowhere_fails_its_graph(org: Org) -> None:
    answer = await org.post(GRAPH, graphs([node("a", "DELETE", "Contact/@{later.id}"), *family("x")]))
    (one,) = answer.json()["graphs"]
    assert one["isSuccessful"] is False
    assert await org.column("SELECT Id FROM Account WHERE Name = 'x'") == []


# Trees


async def test_a_tree_makes_parents_and_children_at_once(org: Org) -> None:
    children = {"records": [record("Contact", "ref2", LastName="Leaf"), record("Contact", "ref3", LastName="Twig")]}
    tree = {"records": [record("Account", "ref1", Name="Tree", Contacts=children), record("Account", "ref4", Name="T")]}
    answer = await org.post(TREE, tree)
    assert answer.status_code == 201
    body = answer.json()
    assert body["hasErrors"] is False
    assert [one["referenceId"] for one in body["results"]] == ["ref1", "ref4", "ref2", "ref3"]
    leaf = await org.fields("Contact", body["results"][2]["id"])
    assert (leaf["LastName"], leaf["AccountId"]) == ("Leaf", body["results"][0]["id"])


async def test_a_tree_with_one_bad_record_makes_nothing(org: Org) -> None:
    children = {"records": [record("Contact", "ref2", LastName="x", Email="123")]}
    answer = await org.post(TREE, {"records": [record("Account", "ref1", Name="Tree", Contacts=children)]})
    assert answer.status_code == 400
    error = {"statusCode": "INVALID_EMAIL_ADDRESS", "message": "Email: invalid email address: 123", "fields": ["Email"]}
    assert answer.json() == {"hasErrors": True, "results": [{"referenceId": "ref2", "errors": [error]}]}
    assert await org.column("SELECT Id FROM Account WHERE Name = 'Tree'") == []


async def test_the_records_of_a_tree_have_reference_ids_of_their_own(org: Org) -> None:
    twice = await org.post(TREE, {"records": [record("Account", "a", Name="x"), record("Account", "a", Name="y")]})
    assert twice.status_code == 400
    results = twice.json()["results"]
    assert [one["errors"][0]["message"] for one in results] == ["Duplicate ReferenceId provided in the request."] * 2
    none = await org.post(TREE, {"records": [{"attributes": {"type": "Account"}, "Name": "x"}]})
    assert none.json()["results"][0]["errors"][0]["message"].startswith("Include a reference ID")
    assert await org.column("SELECT Id FROM Account WHERE Name = 'x'") == []


def deep(levels: int) -> dict[str, Any]:
    made = record("Account", f"r{levels}", Name="x")
    for level in reversed(range(1, levels)):
        made = record("Account", f"r{level}", Name="x", ChildAccounts={"records": [made]})
    return {"records": [made]}


async def test_a_tree_has_at_most_two_hundred_records_and_five_levels(org: Org) -> None:
    many = [record("Account", f"r{n}", Name="x") for n in range(201)]
    assert (await org.post(TREE, {"records": many[:200]})).status_code == 201
    assert error_of(await org.post(TREE, {"records": many})) == (400, "LIMIT_EXCEEDED")
    assert (await org.post(TREE, deep(5))).status_code == 201
    assert error_of(await org.post(TREE, deep(6))) == (400, "LIMIT_EXCEEDED")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "JSON_PARSER_ERROR"),
        ({"records": [1]}, "JSON_PARSER_ERROR"),
        ({"records": [{"Name": "x"}]}, "JSON_PARSER_ERROR"),
        ({"records": [record("Contact", "a", LastName="x")]}, "INVALID_TYPE"),
        ({"records": [record("Account", "a", Name="x", Nopes={"records": []})]}, "INVALID_FIELD"),
        ({"records": [{"attributes": {"type": "Account", "referenceId": 1}}]}, "JSON_PARSER_ERROR"),
    ],
)
async def test_a_malformed_tree_is_refused(org: Org, body: Any, code: str) -> None:
    assert error_of(await org.post(TREE, body)) == (400, code)
    assert error_of(await org.post("/composite/tree/Nope", body)) == (404, "NOT_FOUND")


# Batches


async def test_the_calls_of_a_batch_have_nothing_to_do_with_each_other(org: Org) -> None:
    requests = [
        {"method": "PATCH", "url": f"v66.0/sobjects/Contact/{ADA}", "richInput": {"Phone": "5"}},
        {"method": "PATCH", "url": f"v66.0/sobjects/Contact/{ADA}", "richInput": {"Email": "no"}},
        {"method": "GET", "url": f"{DATA}/sobjects/Contact/{ADA}?fields=Phone"},
        {"method": "GET", "url": "v60.0/query?q=SELECT+COUNT()+FROM+Contact"},
    ]
    answer = (await org.post(BATCH, {"batchRequests": requests})).json()
    assert answer["hasErrors"] is True
    changed, refused, read, counted = answer["results"]
    assert changed == {"statusCode": 204, "result": None}
    assert (refused["statusCode"], refused["result"][0]["errorCode"]) == (400, "INVALID_EMAIL_ADDRESS")
    assert (read["statusCode"], read["result"]["Phone"]) == (200, "5")
    assert counted["result"]["totalSize"] == 3


async def test_a_batch_can_stop_at_its_first_error(org: Org) -> None:
    requests = [{"method": "GET", "url": "v66.0/sobjects/Nope"}, {"method": "GET", "url": "v66.0/limits"}]
    answer = (await org.post(BATCH, {"batchRequests": requests, "haltOnError": True})).json()
    assert [one["statusCode"] for one in answer["results"]] == [404, 412]
    assert answer["results"][1]["result"][0]["errorCode"] == "BATCH_PROCESSING_HALTED"
    assert (await org.post(BATCH, {"batchRequests": requests[1:]})).json()["hasErrors"] is False


@pytest.mark.parametrize(
    ("requests", "code"),
    [
        ([], "JSON_PARSER_ERROR"),
        ([{}], "JSON_PARSER_ERROR"),
        ([{"method": "GET", "url": "v66.0/composite/batch"}], "INVALID_INPUT"),
        ([{"method": "GET", "url": "v67.0/limits"}], "INVALID_INPUT"),
        ([{"method": "GET", "url": ""}], "INVALID_INPUT"),
        ([{"method": "GET", "url": "v66.0/limits"}] * 26, "LIMIT_EXCEEDED"),
    ],
)
async def test_a_malformed_batch_is_refused(org: Org, requests: Any, code: str) -> None:
    assert error_of(await org.post(BATCH, {"batchRequests": requests})) == (400, code)
