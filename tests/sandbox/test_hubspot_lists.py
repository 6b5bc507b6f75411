"""Lists of the HubSpot sandbox: definitions, memberships, and lists that follow filters."""

from __future__ import annotations

from typing import Any

import pytest

from concord_sandbox.hubspot.crm import Event
from concord_sandbox.service import ControlError

from .hubspot_world import OBJECTS, Hub, Receiver, company, contact, subscribed

LISTS = "/crm/lists/2026-09"
ANN = contact(101, email="ann@example.com", firstname="Ann", city="Bonn", numemployees="5-25")
BOB = contact(102, email="bob@example.com", firstname="Bob", annualrevenue="500", hs_email_bounce="3")
CARL = contact(103, firstname="Carl Gustav", city="Berlin", closedate="2026-11-20T00:00:00.000Z")
PEOPLE = {"contacts": [ANN, BOB, CARL], "companies": [company(201, name="Acme")]}


def held(name: str, kind: str, operator: str, **more: Any) -> dict[str, Any]:
    """One PROPERTY filter."""
    operation = {"operationType": kind, "operator": operator, **more}
    return {"filterType": "PROPERTY", "property": name, "operation": operation}


def branch(*groups: list[dict[str, Any]]) -> dict[str, Any]:
    """An OR of ANDs."""
    ands = [{"filterBranchType": "AND", "filters": filters, "filterBranches": []} for filters in groups]
    return {"filterBranchType": "OR", "filterBranches": ands, "filters": []}


IN_BONN = held("city", "MULTISTRING", "IS_EQUAL_TO", values=["bonn"])


async def make(hub: Hub, name: str, processing: str = "MANUAL", **more: Any) -> str:
    body = {"name": name, "objectTypeId": "0-1", "processingType": processing, **more}
    return str((await hub.good("POST", LISTS, body))["list"]["listId"])


async def members(hub: Hub, list_id: str) -> list[str]:
    page = await hub.good("GET", f"{LISTS}/{list_id}/memberships")
    return [row["recordId"] for row in page["results"]]


def told(hub: Hub) -> list[Event]:
    """What listeners hear of memberships from now on."""
    heard: list[Event] = []
    hub.service.crm.listeners.append(lambda event: heard.append(event) if event.verb == "listMembership" else None)
    return heard


async def test_a_manual_list_takes_and_gives_back_records() -> None:
    hub = Hub({"records": PEOPLE})
    heard = told(hub)
    made = await make(hub, "Do not mail – Salesforce")
    path = f"{LISTS}/{made}/memberships"
    answer = await hub.good("PUT", f"{path}/add", ["101", "102", "999"])
    assert answer == {"recordsIdsAdded": ["101", "102"], "recordIdsRemoved": [], "recordIdsMissing": ["999"]}
    hub.clock.advance(5)
    answer = await hub.good("PUT", f"{path}/add", ["101", "103"])
    assert answer["recordsIdsAdded"] == ["103"]
    change = {"recordIdsToAdd": ["102"], "recordIdsToRemove": ["101", "998"]}
    answer = await hub.good("PUT", f"{path}/add-and-remove", change)
    assert answer == {"recordsIdsAdded": [], "recordIdsRemoved": ["101"], "recordIdsMissing": ["998"]}
    assert await members(hub, made) == ["102", "103"]
    assert (await hub.good("PUT", f"{path}/remove", ["102"]))["recordIdsRemoved"] == ["102"]
    assert [(event.record_id, event.fields["action"]) for event in heard] == [
        (101, "ADDED_TO_LIST"),
        (102, "ADDED_TO_LIST"),
        (103, "ADDED_TO_LIST"),
        (101, "REMOVED_FROM_LIST"),
        (102, "REMOVED_FROM_LIST"),
    ]
    assert {(event.fields["listId"], event.by.source_type) for event in heard} == {(int(made), "INTEGRATION")}
    got = await hub.good("GET", f"{LISTS}/{made}")
    assert (got["list"]["size"], got["list"]["processingStatus"]) == (1, "COMPLETE")
    assert (await hub.call("DELETE", path)).status_code == 204
    assert await members(hub, made) == []


async def test_a_record_knows_its_lists_and_when_it_joined_first_and_last() -> None:
    hub = Hub({"records": PEOPLE})
    made, other = await make(hub, "One"), await make(hub, "Two")
    await hub.good("PUT", f"{LISTS}/{made}/memberships/add", ["101"])
    await hub.good("PUT", f"{LISTS}/{made}/memberships/remove", ["101"])
    hub.clock.advance(60)
    await hub.good("PUT", f"{LISTS}/{made}/memberships/add", ["101"])
    await hub.call("PUT", f"{LISTS}/{other}/memberships/add-from/{made}")
    rows = (await hub.good("GET", f"{LISTS}/records/0-1/101/memberships"))["results"]
    assert [row["listId"] for row in rows] == [made, other]
    assert (rows[0]["firstAddedTimestamp"], rows[0]["lastAddedTimestamp"]) == (
        "2026-11-23T09:00:00.000Z",
        "2026-11-23T09:01:00.000Z",
    )
    asked = {"inputs": [{"objectTypeId": "0-1", "recordId": "101"}, {"objectTypeId": "0-1", "recordId": "5"}]}
    batch = await hub.good("POST", f"{LISTS}/records/memberships/batch/read", asked)
    assert [len(row["recordListMemberships"]) for row in batch["results"]] == [2, 0]
    await hub.refused(404, "GET", f"{LISTS}/records/0-1/5/memberships")


async def test_members_are_paged_both_ways_and_by_the_time_they_joined() -> None:
    hub = Hub({"records": {"contacts": [contact(number, firstname=str(number)) for number in range(1, 8)]}})
    made = await make(hub, "Seven")
    for number in (5, 3, 7, 1, 2, 4, 6):
        hub.clock.advance(1)
        await hub.good("PUT", f"{LISTS}/{made}/memberships/add", [str(number)])
    first = await hub.good("GET", f"{LISTS}/{made}/memberships?limit=3")
    assert ([row["recordId"] for row in first["results"]], first["total"]) == (["1", "2", "3"], 7)
    after = first["paging"]["next"]["after"]
    second = await hub.good("GET", f"{LISTS}/{made}/memberships?limit=3&after={after}")
    assert [row["recordId"] for row in second["results"]] == ["4", "5", "6"]
    before = second["paging"]["prev"]["before"]
    back = await hub.good("GET", f"{LISTS}/{made}/memberships?limit=3&before={before}")
    assert back["results"] == first["results"]
    joined = await hub.good("GET", f"{LISTS}/{made}/memberships/join-order?limit=4")
    assert [row["recordId"] for row in joined["results"]] == ["5", "3", "7", "1"]
    await hub.refused(400, "GET", f"{LISTS}/{made}/memberships?after=!!!")
    await hub.refused(400, "GET", f"{LISTS}/{made}/memberships?limit=251")


async def test_a_dynamic_list_fills_after_its_lag_and_then_follows_its_records() -> None:
    hub = Hub({"records": PEOPLE})
    heard = told(hub)
    body = {"name": "Bonn", "objectTypeId": "0-1", "processingType": "DYNAMIC", "filterBranch": branch([IN_BONN])}
    made = (await hub.good("POST", LISTS, body))["list"]
    assert (made["processingStatus"], made["size"]) == ("PROCESSING", 0)
    operation = made["filterBranch"]["filterBranches"][0]["filters"][0]["operation"]
    assert operation["includeObjectsWithNoValueSet"] is False
    hub.clock.advance(1.001)
    assert await members(hub, made["listId"]) == ["101"]
    await hub.good("PATCH", f"{OBJECTS}/contacts/102", {"properties": {"city": "BONN"}})
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"city": "Köln"}})
    assert await members(hub, made["listId"]) == ["101"]
    hub.clock.advance(1)
    assert await members(hub, made["listId"]) == ["102"]
    assert [(event.record_id, event.fields["action"], event.by.source_type) for event in heard] == [
        (101, "ADDED_TO_LIST", "CONTACT_LISTS"),
        (102, "ADDED_TO_LIST", "CONTACT_LISTS"),
        (101, "REMOVED_FROM_LIST", "CONTACT_LISTS"),
    ]
    new = await hub.create({"firstname": "Dora", "city": "Bonn"})
    await hub.control("POST", "/clock", {"advance": 2})
    assert hub.service.save()["lists"][0]["members"][-1]["id"] == new
    await hub.refused(400, "PUT", f"{LISTS}/{made['listId']}/memberships/add", ["101"])
    await hub.refused(400, "DELETE", f"{LISTS}/{made['listId']}/memberships")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([held("city", "MULTISTRING", "IS_NOT_EQUAL_TO", values=["Bonn"])], ["103"]),
        (
            [held("city", "MULTISTRING", "IS_NOT_EQUAL_TO", values=["Bonn"], includeObjectsWithNoValueSet=True)],
            ["102", "103"],
        ),
        ([held("city", "MULTISTRING", "CONTAINS", values=["on", "li"])], ["101", "103"]),
        ([held("firstname", "MULTISTRING", "CONTAINS_EXACTLY", values=["gustav"])], ["103"]),
        ([held("firstname", "MULTISTRING", "CONTAINS_EXACTLY", values=["gust"])], []),
        ([held("firstname", "MULTISTRING", "STARTS_WITH", values=["b", "c"])], ["102", "103"]),
        ([held("firstname", "STRING", "ENDS_WITH", value="n")], ["101"]),
        ([held("email", "ALL_PROPERTY", "IS_KNOWN")], ["101", "102"]),
        ([held("email", "ALL_PROPERTY", "IS_UNKNOWN")], ["103"]),
        ([held("numemployees", "ENUMERATION", "IS_ANY_OF", values=["5-25", "1-5"])], ["101"]),
        (
            [held("numemployees", "ENUMERATION", "IS_NONE_OF", values=["1-5"], includeObjectsWithNoValueSet=True)],
            ["101", "102", "103"],
        ),
        ([held("hs_email_bounce", "NUMBER", "IS_GREATER_THAN_OR_EQUAL_TO", value=3)], ["102"]),
        ([held("hs_email_bounce", "NUMBER_RANGED", "IS_BETWEEN", lowerBound=4, upperBound=9)], []),
        (
            [
                held(
                    "closedate",
                    "TIME_POINT",
                    "IS_AFTER",
                    type="TIME_POINT",
                    timePoint={"timeType": "DATE", "year": 2026, "month": 11, "day": 19, "zoneId": "Europe/Berlin"},
                )
            ],
            ["103"],
        ),
        (
            [
                held(
                    "closedate",
                    "TIME_POINT",
                    "IS_BEFORE",
                    type="TIME_POINT",
                    timePoint={
                        "timeType": "INDEXED",
                        "zoneId": "UTC",
                        "indexReference": {"referenceType": "TODAY"},
                        "offset": {"days": -4},
                    },
                )
            ],
            [],
        ),
        ([held("closedate", "ROLLING_DATE_RANGE", "IS_LESS_THAN_X_DAYS_AGO", numberOfDays=5)], ["103"]),
        ([IN_BONN, held("email", "ALL_PROPERTY", "IS_UNKNOWN")], []),
    ],
)
async def test_an_operation_picks_the_records_it_should(filters: list[dict[str, Any]], expected: list[str]) -> None:
    hub = Hub({"records": PEOPLE, "list_lag_ms": 0})
    made = await make(hub, "Picked", "DYNAMIC", filterBranch=branch(filters))
    assert await members(hub, made) == expected


async def test_branches_are_alternatives_and_past_values_count_where_they_are_asked_for() -> None:
    hub = Hub({"records": PEOPLE, "list_lag_ms": 0})
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"city": "Ulm"}})
    ever = held("city", "STRING", "HAS_EVER_BEEN_EQUAL_TO", value="bonn")
    never = held("city", "STRING", "HAS_NEVER_BEEN_EQUAL_TO", value="bonn")
    bob = held("firstname", "MULTISTRING", "IS_EQUAL_TO", values=["Bob"])
    assert await members(hub, await make(hub, "A", "DYNAMIC", filterBranch=branch([ever], [bob]))) == ["101", "102"]
    assert await members(hub, await make(hub, "B", "DYNAMIC", filterBranch=branch([never]))) == ["103"]


async def test_one_list_can_follow_another_but_not_itself() -> None:
    hub = Hub({"records": PEOPLE})
    by_hand = await make(hub, "By hand")
    inside = {"filterType": "IN_LIST", "listId": by_hand, "operator": "IN_LIST"}
    made = await make(hub, "Follows", "DYNAMIC", filterBranch=branch([inside]))
    hub.clock.advance(2)
    assert await members(hub, made) == []
    await hub.good("PUT", f"{LISTS}/{by_hand}/memberships/add", ["102"])
    hub.clock.advance(2)
    assert await members(hub, made) == ["102"]
    own = branch([{"filterType": "IN_LIST", "listId": made, "operator": "NOT_IN_LIST"}])
    await hub.refused(400, "PUT", f"{LISTS}/{made}/update-list-filters", {"filterBranch": own})
    unknown = branch([{"filterType": "IN_LIST", "listId": "77", "operator": "IN_LIST"}])
    await hub.refused(400, "PUT", f"{LISTS}/{made}/update-list-filters", {"filterBranch": unknown})


async def test_a_snapshot_is_taken_once_and_then_kept_by_hand() -> None:
    hub = Hub({"records": PEOPLE})
    made = await make(hub, "Then", "SNAPSHOT", filterBranch=branch([IN_BONN]))
    hub.clock.advance(2)
    assert await members(hub, made) == ["101"]
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"city": "Ulm"}})
    hub.clock.advance(5)
    assert await members(hub, made) == ["101"]
    await hub.good("PUT", f"{LISTS}/{made}/memberships/add", ["103"])
    assert await members(hub, made) == ["101", "103"]
    await hub.refused(400, "PUT", f"{LISTS}/{made}/update-list-filters", {"filterBranch": branch([IN_BONN])})


async def test_changed_filters_are_evaluated_anew() -> None:
    hub = Hub({"records": PEOPLE})
    made = await make(hub, "Town", "DYNAMIC", filterBranch=branch([IN_BONN]))
    hub.clock.advance(2)
    berlin = branch([held("city", "MULTISTRING", "IS_EQUAL_TO", values=["Berlin"])])
    answer = await hub.good("PUT", f"{LISTS}/{made}/update-list-filters", {"filterBranch": berlin})
    assert (answer["updatedList"]["listVersion"], answer["updatedList"]["processingStatus"]) == (2, "PROCESSING")
    assert await members(hub, made) == ["101"]
    hub.clock.advance(2)
    assert await members(hub, made) == ["103"]


async def test_time_alone_moves_records_out_of_a_list_about_the_last_days() -> None:
    hub = Hub({"records": PEOPLE})
    lately = held("closedate", "ROLLING_DATE_RANGE", "IS_LESS_THAN_X_DAYS_AGO", numberOfDays=4)
    made = await make(hub, "Lately", "DYNAMIC", filterBranch=branch([lately]))
    await hub.control("POST", "/clock", {"advance": 2})
    assert await members(hub, made) == ["103"]
    await hub.control("POST", "/clock", {"advance": 86_400})
    assert await members(hub, made) == []


async def test_lists_are_found_by_id_name_and_search() -> None:
    hub = Hub({"records": PEOPLE})
    made = await make(hub, "Mail / never", customProperties={"owner": "ops"})
    other = await make(hub, "Bonn", "DYNAMIC", filterBranch=branch([IN_BONN]))
    body = {"name": "Bonn", "objectTypeId": "0-2", "processingType": "MANUAL"}
    third = (await hub.good("POST", LISTS, body))["list"]["listId"]
    got = await hub.good("GET", f"{LISTS}/object-type-id/0-1/name/Mail%20%2F%20never")
    assert got["list"]["listId"] == made
    by_type = await hub.good("GET", "/crm/v3/lists/object-type-id/0-2/name/Bonn?includeFilters=true")
    assert by_type["list"]["listId"] == third
    assert "filterBranch" not in (await hub.good("GET", f"{LISTS}/{other}"))["list"]
    assert "filterBranch" in (await hub.good("GET", f"{LISTS}/{other}?includeFilters=true"))["list"]
    many = await hub.good("GET", f"/crm/v3/lists/?listIds={made}&listIds={third}&listIds=99")
    assert [row["listId"] for row in many["lists"]] == [made, third]
    found = await hub.good("POST", f"{LISTS}/search", {"query": "bonn", "count": 1})
    assert (found["total"], found["offset"], found["hasMore"], len(found["lists"])) == (2, 1, True, 1)
    found = await hub.good("POST", f"{LISTS}/search", {"processingTypes": ["DYNAMIC"], "sort": "-name"})
    assert [row["listId"] for row in found["lists"]] == [other]
    asked = {"listIds": [made], "additionalProperties": ["owner"]}
    found = await hub.good("POST", f"{LISTS}/search", asked)
    assert found["lists"][0]["additionalProperties"] == {
        "hs_list_size": "0",
        "hs_list_reference_count": "0",
        "owner": "ops",
    }
    await hub.refused(404, "GET", f"{LISTS}/object-type-id/0-1/name/nope")
    await hub.refused(400, "POST", f"{LISTS}/search", {"count": 501})
    missing = await hub.refused(404, "GET", f"{LISTS}/folders")
    assert "does not emulate" in missing["message"]
    assert "does not emulate" in (await hub.refused(405, "POST", f"{LISTS}/folders", {"name": "x"}))["message"]


async def test_names_are_unique_by_object_type_and_can_be_changed() -> None:
    hub = Hub()
    made = await make(hub, "Leads")
    body = {"name": " leads", "objectTypeId": "0-1", "processingType": "MANUAL"}
    assert (await hub.refused(400, "POST", LISTS, body))["subCategory"] == "ILS.DUPLICATE_LIST_NAMES"
    other = await make(hub, "More leads")
    await hub.refused(400, "PUT", f"{LISTS}/{other}/update-list-name?listName=Leads")
    answer = await hub.good("PUT", f"{LISTS}/{made}/update-list-name?listName=Old%20leads")
    assert answer["updatedList"]["name"] == "Old leads"
    await hub.good("PUT", f"{LISTS}/{other}/update-list-name?listName=Leads")


async def test_a_deleted_list_comes_back_within_90_days() -> None:
    hub = Hub({"records": PEOPLE})
    made = await make(hub, "Gone")
    await hub.good("PUT", f"{LISTS}/{made}/memberships/add", ["101"])
    assert (await hub.call("DELETE", f"{LISTS}/{made}")).status_code == 204
    await hub.refused(404, "GET", f"{LISTS}/{made}")
    await hub.refused(404, "PUT", f"{LISTS}/{made}/memberships/add", ["102"])
    assert (await hub.good("GET", f"{LISTS}/records/0-1/101/memberships"))["results"] == []
    taken = await make(hub, "Gone")
    await hub.refused(400, "PUT", f"{LISTS}/{made}/restore")
    await hub.call("DELETE", f"{LISTS}/{taken}")
    assert (await hub.call("PUT", f"{LISTS}/{made}/restore")).status_code == 204
    assert await members(hub, made) == ["101"]
    await hub.call("DELETE", f"{LISTS}/{made}")
    hub.clock.advance(91 * 86_400)
    await hub.refused(404, "PUT", f"{LISTS}/{made}/restore")


async def test_deleted_and_merged_records_leave_their_lists_and_the_survivor_takes_their_place() -> None:
    hub = Hub({"records": PEOPLE})
    made = await make(hub, "By hand")
    await hub.good("PUT", f"{LISTS}/{made}/memberships/add", ["101", "103"])
    await hub.call("DELETE", f"{OBJECTS}/contacts/103")
    assert await members(hub, made) == ["101"]
    merged = await hub.good("POST", f"{OBJECTS}/contacts/merge", {"primaryObjectId": "102", "objectIdToMerge": "101"})
    assert await members(hub, made) == [merged["id"]]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x", "objectTypeId": "0-1"},
        {"name": "x", "objectTypeId": "0-1", "processingType": "STATIC"},
        {"name": "  ", "objectTypeId": "0-1", "processingType": "MANUAL"},
        {"name": ["x"], "objectTypeId": "0-1", "processingType": "MANUAL"},
        {"name": "x", "objectTypeId": "0-1", "processingType": "DYNAMIC"},
        {"name": "x", "objectTypeId": "0-1", "processingType": "MANUAL", "filterBranch": branch([IN_BONN])},
        {"name": "x", "objectTypeId": "0-1", "processingType": "MANUAL", "listFolderId": 7},
    ],
)
async def test_a_list_that_is_not_well_formed_is_refused(body: dict[str, Any]) -> None:
    assert (await Hub().refused(400, "POST", LISTS, body))["category"] == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    "given",
    [
        [],
        {"filterBranchType": "AND", "filters": [IN_BONN]},
        {"filterBranchType": "OR", "filterBranches": []},
        {**branch([IN_BONN]), "filters": [IN_BONN]},
        {"filterBranchType": "OR", "filterBranches": [{"filterBranchType": "OR", "filters": []}]},
        {"filterBranchType": "OR", "filterBranches": [{"filterBranchType": "ASSOCIATION", "filters": []}]},
        {"filterBranchType": "OR", "filterBranches": "x"},
        branch([{"filterType": "FORM_SUBMISSION"}]),
        branch([{"filterType": "NOTHING"}]),
        branch([held("nope", "MULTISTRING", "IS_EQUAL_TO", values=["x"])]),
        branch([held("city", "NUMBER", "IS_EQUAL_TO", value=1)]),
        branch([held("city", "MULTISTRING", "EQUALS", values=["x"])]),
        branch([held("city", "MULTISTRING", "IS_EQUAL_TO", values=[])]),
        branch([held("city", "STRING", "IS_EQUAL_TO", value=7)]),
        branch([held("numemployees", "ENUMERATION", "IS_NOT_EQUAL_TO", values=["1-5"])]),
        branch([held("hs_email_bounce", "NUMBER", "IS_EQUAL_TO", value="3")]),
        branch([held("hs_email_optout", "BOOL", "IS_EQUAL_TO", value="true")]),
        branch([held("closedate", "TIME_POINT", "IS_AFTER", timePoint={"timeType": "DATE", "year": 2026})]),
        branch([held("closedate", "TIME_POINT", "IS_AFTER", timePoint={"timeType": "DATE", "zoneId": "No/Where"})]),
        branch([held("closedate", "ROLLING_DATE_RANGE", "IS_MORE_THAN_X_DAYS_AGO", numberOfDays=-1.5)]),
        branch([{"filterType": "IN_LIST", "listId": "x", "operator": "IN_LIST"}]),
        branch(
            [
                held(
                    "closedate",
                    "TIME_POINT",
                    "IS_AFTER",
                    timePoint={"timeType": "INDEXED", "indexReference": {"referenceType": "TODAY", "hour": 25}},
                )
            ]
        ),
    ],
)
async def test_a_filter_that_is_not_well_formed_is_refused(given: Any) -> None:
    body = {"name": "x", "objectTypeId": "0-1", "processingType": "DYNAMIC", "filterBranch": given or 7}
    assert (await Hub().refused(400, "POST", LISTS, body))["status"] == "error"


async def test_wrong_members_are_refused() -> None:
    hub = Hub({"records": PEOPLE})
    made, other = await make(hub, "A"), await make(hub, "B", objectTypeId="0-2")
    path = f"{LISTS}/{made}/memberships"
    for bad in ({"ids": ["101"]}, ["x"], [True], [None], [str(number) for number in range(100_001)]):
        await hub.refused(400, "PUT", f"{path}/add", bad)
    await hub.refused(400, "PUT", f"{path}/add-from/{made}")
    await hub.refused(400, "PUT", f"{path}/add-from/{other}")
    await hub.refused(404, "PUT", f"{path}/add-from/99")
    await hub.refused(400, "GET", f"{LISTS}/abc")
    await hub.refused(404, "GET", f"{LISTS}/99/memberships")


async def test_lists_are_saved_and_loaded_with_what_is_still_to_be_done() -> None:
    hub = Hub({"records": PEOPLE})
    made = await make(hub, "Bonn", "DYNAMIC", filterBranch=branch([IN_BONN]))
    hub.clock.advance(2)
    await members(hub, made)
    await hub.good("PATCH", f"{OBJECTS}/contacts/102", {"properties": {"city": "Bonn"}})
    saved = hub.service.save()
    again = Hub(saved)
    assert again.service.save()["lists"] == saved["lists"]
    again.clock.advance(10)
    assert await members(again, made) == ["101", "102"]


async def test_a_world_declares_lists_and_a_malformed_one_is_refused() -> None:
    row = {"listId": "4", "name": "W", "objectTypeId": "0-1", "processingType": "DYNAMIC"}
    dynamic = {**row, "filterBranch": branch([IN_BONN])}
    by_hand = {"listId": "5", "name": "M", "objectTypeId": "contacts", "members": ["102"]}
    hub = Hub({"records": PEOPLE, "lists": [dynamic, by_hand]})
    assert (await members(hub, "4"), await members(hub, "5")) == (["101"], ["102"])
    assert await make(hub, "Next") == "6"
    for bad in ({"listId": "1"}, {**row, "processingType": "X"}, {**row, "filterBranch": {"filterBranchType": "X"}}):
        with pytest.raises(ControlError):
            Hub({"lists": [bad]})


async def test_a_list_of_the_opted_out_follows_what_people_do_and_webhooks_tell_nothing_of_it() -> None:
    receiver = Receiver()
    hub = Hub({"records": PEOPLE, "webhooks": subscribed("contact.creation")}, receiver)
    out = held("hs_email_optout", "BOOL", "IS_EQUAL_TO", value=True)
    made = await make(hub, "Opted out", "DYNAMIC", filterBranch=branch([out]))
    await hub.control("PATCH", "/records/contacts/101", {"fields": {"hs_email_optout": "true"}})
    await hub.control("POST", "/clock", {"advance": 3})
    assert await members(hub, made) == ["101"]
    await hub.control("POST", "/deliver")
    assert receiver.requests == []


async def test_lists_need_scopes_of_their_own() -> None:
    hub = Hub({"oauth": {"static_scopes": ["crm.lists.read"]}})
    await hub.good("GET", f"{LISTS}?listIds=1")
    body = {"name": "x", "objectTypeId": "0-1", "processingType": "MANUAL"}
    assert (await hub.refused(403, "POST", LISTS, body))["category"] == "MISSING_SCOPES"
