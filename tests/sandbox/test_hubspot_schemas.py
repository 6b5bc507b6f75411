"""Object types of the HubSpot sandbox: custom schemas, built-in types, properties and their groups."""

from __future__ import annotations

from typing import Any

import pytest

from .hubspot_world import LINKS, OBJECTS, TARGET, Hub, company, contact, where

SCHEMAS = "/crm-object-schemas/2026-09/schemas"
PROPERTIES = "/crm/properties/2026-09"
CAR: dict[str, Any] = {
    "name": "car",
    "labels": {"singular": "Car", "plural": "Cars"},
    "primaryDisplayProperty": "plate",
    "requiredProperties": ["plate"],
    "searchableProperties": ["plate"],
    "secondaryDisplayProperties": [],
    "associatedObjects": ["CONTACT"],
    "properties": [
        {"name": "plate", "label": "Plate", "type": "string", "fieldType": "text", "hasUniqueValue": True},
        {"name": "doors", "label": "Doors", "type": "number", "fieldType": "number"},
    ],
}


async def test_a_new_object_type_has_records_properties_links_searches_and_webhooks_at_once() -> None:
    hub = Hub({"records": {"contacts": [contact(101, email="a@b.org")]}, "index_lag_ms": 0})
    made = await hub.good("POST", SCHEMAS, CAR)
    subscription = {"subscriptionType": "object.creation", "objectType": made["objectTypeId"]}
    await hub.control("PUT", "/webhooks", {"target_url": TARGET, "subscriptions": [subscription]})
    type_id, full = made["objectTypeId"], made["fullyQualifiedName"]
    assert full == f"p{hub.service.portal.settings['portal_id']}_car"
    assert {one["name"] for one in made["properties"]} >= {"plate", "doors", "hs_object_id", "hubspot_owner_id"}
    ids = {}
    for place, name in enumerate(("car", "p_car", full, type_id)):
        ids[name] = await hub.create({"plate": f"B-{place}", "doors": "4"}, kind=name)
    assert await hub.search(where("plate", "EQ", "B-2"), kind="car") == [ids[full]]
    assert await hub.search(query="B-3", kind=type_id) == [ids[type_id]]
    labels = await hub.good("GET", f"{LINKS}/{full}/contacts/labels")
    spec = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": labels["results"][0]["typeId"]}]
    await hub.good("PUT", f"{OBJECTS}/{full}/{ids['car']}/associations/contacts/101", spec)
    got = await hub.good("GET", f"{OBJECTS}/contacts/101", params={"associations": "car"})
    assert got["associations"]["car"]["results"][0]["id"] == ids["car"]
    assert (await hub.control("GET", "/webhooks"))["waiting"] == 4


async def test_what_a_schema_requires_is_required_of_its_records_in_every_version() -> None:
    hub = Hub()
    await hub.good("POST", SCHEMAS, CAR)
    for path in (f"{OBJECTS}/car", "/crm/v3/objects/car"):
        body = await hub.refused(400, "POST", path, {"properties": {"doors": "4"}, "associations": []})
        assert body["errors"][0]["code"] == "REQUIRED_FIELD"


@pytest.mark.parametrize(
    "change",
    [
        {"name": "contact"},
        {"name": "1car"},
        {"labels": {"singular": "Car"}},
        {"primaryDisplayProperty": "nope"},
        {"requiredProperties": ["nope"]},
        {"searchableProperties": "plate"},
        {"associatedObjects": ["UNICORN"]},
        {"properties": [{"name": "plate", "label": "P", "type": "string", "fieldType": "select"}]},
        {"properties": "plate"},
    ],
)
async def test_a_schema_that_is_not_sound_is_refused_and_leaves_nothing_behind(change: dict[str, Any]) -> None:
    hub = Hub()
    answer = await hub.call("POST", SCHEMAS, CAR | change)
    assert answer.status_code in (400, 409)
    assert answer.json()["category"] in ("VALIDATION_ERROR", "OBJECT_ALREADY_EXISTS")
    assert (await hub.good("GET", SCHEMAS))["results"] == []
    await hub.good("POST", SCHEMAS, CAR)


async def test_an_account_has_ten_object_types_of_its_own_at_most() -> None:
    hub = Hub({"objects": {f"thing{number}": {} for number in range(10)}})
    body = await hub.refused(400, "POST", SCHEMAS, CAR)
    assert "limit of 10" in body["message"]
    assert (await hub.good("GET", "/crm/limits/2026-09/custom-object-types"))["usage"] == 10


async def test_a_schema_is_changed_archived_restored_and_purged() -> None:
    hub = Hub()
    await hub.good("POST", SCHEMAS, CAR)
    car = await hub.create({"plate": "B-1"}, kind="car")
    change = {"labels": {"plural": "Vehicles"}, "requiredProperties": ["plate", "doors"], "clearDescription": False}
    changed = await hub.good("PATCH", f"{SCHEMAS}/car", change)
    assert (changed["labels"], changed["requiredProperties"]) == (
        {"singular": "Car", "plural": "Vehicles"},
        ["plate", "doors"],
    )
    await hub.refused(400, "DELETE", f"{SCHEMAS}/car")
    await hub.good("DELETE", f"{OBJECTS}/car/{car}")
    await hub.good("DELETE", f"{SCHEMAS}/car")
    await hub.refused(404, "GET", f"{OBJECTS}/car")
    assert [one["name"] for one in (await hub.good("GET", f"{SCHEMAS}?archived=true"))["results"]] == ["car"]
    assert "archived" in (await hub.refused(400, "POST", SCHEMAS, CAR))["message"]
    await hub.control("PUT", "/world", await hub.control("GET", "/world"))
    await hub.refused(404, "GET", f"{SCHEMAS}/car")
    await hub.good("PATCH", f"{SCHEMAS}/car", {"restorable": True, "clearDescription": False})
    assert (await hub.good("GET", f"{SCHEMAS}/car"))["labels"]["plural"] == "Vehicles"
    await hub.good("DELETE", f"{SCHEMAS}/car")
    await hub.good("DELETE", f"{SCHEMAS}/car?archived=true")
    assert (await hub.good("POST", SCHEMAS, CAR))["labels"]["plural"] == "Cars"


async def test_associations_of_a_schema_are_added_and_removed() -> None:
    hub = Hub()
    made = await hub.good("POST", SCHEMAS, CAR)
    body = {"fromObjectTypeId": made["objectTypeId"], "toObjectTypeId": "0-3", "name": "car_to_deal"}
    added = await hub.good("POST", f"{SCHEMAS}/car/associations", body)
    assert (added["fromObjectTypeId"], added["toObjectTypeId"]) == (made["objectTypeId"], "0-3")
    shown = await hub.good("GET", f"{SCHEMAS}/car")
    assert len(shown["associations"]) == 4
    await hub.good("DELETE", f"{SCHEMAS}/car/associations/{added['id']}")
    shown = await hub.good("GET", f"{SCHEMAS}/car", params={"includePropertyDefinitions": "false"})
    assert (len(shown["associations"]), shown["properties"]) == (2, [])
    await hub.refused(404, "DELETE", f"{SCHEMAS}/car/associations/{added['id']}")
    await hub.refused(400, "POST", f"{SCHEMAS}/car/associations", {"fromObjectTypeId": "0-1", "toObjectTypeId": "0-2"})
    read = await hub.call("POST", f"{SCHEMAS}/batch/read", {"inputs": ["car", "boat"]})
    assert (read.status_code, read.json()["numErrors"]) == (207, 1)


async def test_the_older_paths_lead_to_the_same_schemas_and_a_saved_world_keeps_them() -> None:
    hub = Hub()
    made = await hub.good("POST", "/crm/v3/schemas", CAR)
    car = await hub.create({"plate": "B-1"}, kind="car")
    other = Hub(hub.service.save())
    for path in (f"{SCHEMAS}/car", "/crm/v3/schemas/p_car", f"/crm-object-schemas/v3/schemas/{made['objectTypeId']}"):
        assert (await other.good("GET", path))["fullyQualifiedName"] == made["fullyQualifiedName"]
    assert await other.values(car, "plate", kind="car") == {"plate": "B-1"}
    await other.refused(409, "POST", SCHEMAS, CAR)


async def test_object_types_that_are_not_emulated_say_so() -> None:
    hub = Hub()
    assert "not emulated" in (await hub.refused(404, "GET", f"{OBJECTS}/quotes"))["message"]
    assert "not emulated" not in (await hub.refused(404, "GET", f"{OBJECTS}/unicorns"))["message"]


# The built-in types.


async def test_an_engagement_needs_its_time_and_keeps_to_its_choices_and_lengths() -> None:
    hub = Hub()
    for kind, values in {
        "notes": {"hs_note_body": "Hello"},
        "calls": {"hs_call_direction": "INBOUND", "hs_call_disposition": "f240bbac-87c9-4f6e-bf70-924b57d47db7"},
        "meetings": {"hs_meeting_outcome": "NO_SHOW"},
        "tasks": {"hs_task_status": "WAITING", "hs_task_type": "TODO", "hs_task_priority": "HIGH"},
        "emails": {"hs_email_direction": "INCOMING_EMAIL"},
        "communications": {"hs_communication_channel_type": "SMS"},
    }.items():
        body = await hub.refused(400, "POST", f"{OBJECTS}/{kind}", {"properties": values, "associations": []})
        assert body["errors"][0]["context"]["propertyName"] == ["hs_timestamp"]
        made = await hub.create({**values, "hs_timestamp": "2026-11-23T09:00:00Z"}, kind=kind)
        got = await hub.good("GET", f"{OBJECTS}/{kind}/{made}", params={"properties": "hs_timestamp"})
        assert got["properties"]["hs_timestamp"] == "2026-11-23T09:00:00.000Z"
        assert set(got["properties"]) == {"hs_timestamp", "hs_createdate", "hs_lastmodifieddate", "hs_object_id"}
    task = await hub.create({"hs_timestamp": "2026-11-23T09:00:00Z"}, kind="tasks")
    await hub.refused(400, "PATCH", f"{OBJECTS}/tasks/{task}", {"properties": {"hs_task_status": "DONE"}})
    await hub.good("PATCH", f"{OBJECTS}/tasks/{task}", {"properties": {"hs_task_status": "COMPLETED"}})
    assert await hub.values(task, "hs_task_is_completed", kind="tasks") == {"hs_task_is_completed": "1"}
    long = {"hs_timestamp": "2026-11-23T09:00:00Z", "hs_note_body": "x" * 65_537}
    await hub.refused(400, "POST", f"{OBJECTS}/notes", {"properties": long, "associations": []})


async def test_the_headers_of_an_email_say_who_wrote_to_whom() -> None:
    hub = Hub()
    headers = '{"from":{"email":"a@b.org","firstName":"Ann"},"to":[{"email":"c@d.org"},{"email":"e@f.org"}]}'
    made = await hub.create({"hs_timestamp": "1795392000000", "hs_email_headers": headers}, kind="emails")
    assert await hub.values(made, "hs_email_from_email", "hs_email_to_email", kind="emails") == {
        "hs_email_from_email": "a@b.org",
        "hs_email_to_email": "c@d.org;e@f.org",
    }
    await hub.good("PATCH", f"{OBJECTS}/emails/{made}", {"properties": {"hs_email_headers": "[not json"}})
    assert (await hub.values(made, "hs_email_to_email", kind="emails"))["hs_email_to_email"] == ""


async def test_a_line_item_takes_over_from_its_product_and_sums_itself_up() -> None:
    hub = Hub()
    product = await hub.create({"name": "Chair", "price": "19.90", "hs_sku": "C1"}, kind="products")
    made = await hub.create({"hs_product_id": product, "quantity": "3", "discount": "1.9"}, kind="line_items")
    names = ("name", "price", "amount", "hs_total_discount")
    assert await hub.values(made, *names, kind="line_items") == {
        "name": "Chair",
        "price": "19.90",
        "amount": "54",
        "hs_total_discount": "5.7",
    }
    await hub.good("PATCH", f"{OBJECTS}/line_items/{made}", {"properties": {"hs_discount_percentage": "50"}})
    assert (await hub.values(made, "amount", kind="line_items"))["amount"] == "29.85"
    await hub.refused(400, "PATCH", f"{OBJECTS}/line_items/{made}", {"properties": {"amount": "1"}})


async def test_a_lead_needs_a_contact_or_a_company() -> None:
    hub = Hub({"records": {"contacts": [contact(101, email="a@b.org")]}})
    body: dict[str, Any] = {"properties": {"hs_lead_name": "Ann", "hs_lead_label": "HOT"}, "associations": []}
    await hub.refused(400, "POST", f"{OBJECTS}/leads", body)
    spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 578}
    body["associations"] = [{"to": {"id": "101"}, "types": [spec]}]
    made = await hub.good("POST", f"{OBJECTS}/leads", body)
    assert made["properties"]["hs_pipeline_stage"] == "new-stage-id"
    assert made["properties"]["hs_lead_is_open"] == "true"
    await hub.refused(400, "POST", f"{OBJECTS}/users", {"properties": {"hs_job_title": "x"}, "associations": []})


async def test_activities_have_the_association_types_of_the_vendor() -> None:
    hub = Hub()
    for pair, type_id in {
        "notes/tickets": 228,
        "tickets/calls": 219,
        "calls/meetings": 399,
        "communications/contacts": 81,
        "companies/communications": 88,
        "leads/contacts": 608,
    }.items():
        listed = await hub.good("GET", f"{LINKS}/{pair}/labels")
        assert type_id in {row["typeId"] for row in listed["results"]}


# Properties.


def prop(name: str = "size", **more: Any) -> dict[str, Any]:
    return {"name": name, "label": name.title(), "groupName": "contactinformation", "type": "string",
            "fieldType": "text", **more}  # fmt: skip


CHOICE = {"type": "enumeration", "fieldType": "select"}
ONE_OPTION = {"options": [{"label": "A", "value": "a"}]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "string", "fieldType": "select"},
        {"type": "number", "fieldType": "text"},
        {"type": "datetime", "fieldType": "text"},
        {"type": "colour"},
        {**CHOICE},
        {**CHOICE, "externalOptions": True},
        {**CHOICE, "options": [{"label": "A", "value": "a"}, {"label": "B", "value": "a"}]},
        {**CHOICE, "options": "a"},
        {**ONE_OPTION},
        {**CHOICE, **ONE_OPTION, "hasUniqueValue": True},
        {"fieldType": "calculation_equation"},
        {"calculationFormula": "1 + 1"},
        {"dataSensitivity": "secret"},
        {"groupName": "nowhere"},
        {"label": ""},
        {"name": "Big"},
        {"name": "9lives"},
        {"name": "x" * 101},
    ],
)
async def test_a_property_must_keep_to_the_matrix_of_types(wrong: dict[str, Any]) -> None:
    hub = Hub()
    body = await hub.refused(400, "POST", f"{PROPERTIES}/contacts", prop() | wrong)
    assert body["category"] == "VALIDATION_ERROR"


async def test_what_a_property_is_cannot_be_changed_but_how_it_looks_can() -> None:
    hub = Hub()
    made = await hub.good("POST", f"{PROPERTIES}/contacts", prop(hasUniqueValue=True, numberDisplayHint="formatted"))
    assert (made["hasUniqueValue"], made["numberDisplayHint"]) == (True, "formatted")
    path = f"{PROPERTIES}/contacts/size"
    for wrong in ({"type": "number"}, {"hasUniqueValue": False}, {"name": "other"}, {"fieldType": "select"},
                  {"calculationFormula": "1"}, {"groupName": "nowhere"}):  # fmt: skip
        await hub.refused(400, "PATCH", path, wrong)
    changed = await hub.good("PATCH", path, {"label": "S", "fieldType": "textarea", "displayOrder": 3, "hidden": True})
    assert [changed[name] for name in ("label", "fieldType", "displayOrder", "hidden")] == ["S", "textarea", 3, True]
    await hub.refused(409, "POST", f"{PROPERTIES}/contacts", prop())
    await hub.good("DELETE", path)
    await hub.refused(404, "GET", path)
    assert (await hub.good("GET", f"{path}?archived=true"))["archived"] is True
    body = {"properties": {"size": "1", "firstname": "A"}, "associations": []}
    assert (await hub.refused(400, "POST", f"{OBJECTS}/contacts", body))["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"


async def test_a_calculated_property_of_ones_own_is_read_only() -> None:
    hub = Hub()
    shape = {"type": "number", "fieldType": "calculation_equation", "calculationFormula": "num_notes * 2"}
    made = await hub.good("POST", f"{PROPERTIES}/contacts", prop("twice", **shape))
    assert (made["calculated"], made["calculationFormula"]) == (True, "num_notes * 2")
    assert made["modificationMetadata"]["readOnlyValue"] is True
    body = {"properties": {"twice": "2", "firstname": "A"}, "associations": []}
    assert (await hub.refused(400, "POST", f"{OBJECTS}/contacts", body))["errors"][0]["code"] == "READ_ONLY_VALUE"
    usage = await hub.good("GET", "/crm/limits/2026-09/calculated-properties")
    assert usage["overallUsage"] == 1


async def test_ten_properties_with_unique_values_are_the_most() -> None:
    rows = [{"name": f"key{number}", "hasUniqueValue": True} for number in range(10)]
    hub = Hub({"properties": {"companies": rows}})
    body = prop(groupName="companyinformation", hasUniqueValue=True)
    assert "limit of 10" in (await hub.refused(400, "POST", f"{PROPERTIES}/companies", body))["message"]


async def test_a_thousand_custom_properties_are_the_most() -> None:
    hub = Hub({"properties": {"contacts": [{"name": f"p{number}"} for number in range(1_000)]}})
    assert "limit of 1000" in (await hub.refused(400, "POST", f"{PROPERTIES}/contacts", prop()))["message"]
    rows = (await hub.good("GET", "/crm/limits/2026-09/custom-properties"))["byObjectType"]
    assert {row["objectTypeId"]: row["percentage"] for row in rows}["0-1"] == 100


async def test_groups_are_made_changed_and_removed_and_a_world_keeps_them() -> None:
    hub = Hub()
    groups = f"{PROPERTIES}/contacts/groups"
    await hub.good("POST", groups, {"name": "sync", "label": "Sync"})
    await hub.refused(409, "POST", groups, {"name": "sync", "label": "Sync"})
    await hub.good("PATCH", f"{groups}/sync", {"label": "Synchronised", "displayOrder": 4})
    other = Hub(hub.service.save())
    assert await other.good("GET", f"{groups}/sync") == {
        "name": "sync",
        "label": "Synchronised",
        "displayOrder": 4,
        "archived": False,
    }
    await other.good("POST", f"{PROPERTIES}/contacts", prop(groupName="sync"))
    await other.refused(400, "DELETE", f"{groups}/sync")
    await other.good("DELETE", f"{PROPERTIES}/contacts/size")
    await other.good("DELETE", f"{groups}/sync")
    await other.refused(404, "GET", f"{groups}/sync")


async def test_a_batch_of_properties_is_made_read_and_archived_in_part() -> None:
    hub = Hub()
    body = {"inputs": [prop("one"), prop("email"), prop("two", type="number", fieldType="text")]}
    answer = await hub.call("POST", f"{PROPERTIES}/contacts/batch/create", body)
    assert (answer.status_code, answer.json()["numErrors"]) == (207, 2)
    names = {"inputs": [{"name": "one"}, {"name": "nope"}], "archived": False}
    read = (await hub.call("POST", f"{PROPERTIES}/contacts/batch/read", names)).json()
    assert [row["name"] for row in read["results"]] == ["one"]
    await hub.good("POST", f"{PROPERTIES}/contacts/batch/archive", {"inputs": [{"name": "one"}]})
    await hub.refused(404, "GET", f"{PROPERTIES}/contacts/one")


async def test_the_limits_count_what_there_is() -> None:
    world = {
        "records": {"contacts": [contact(101), contact(102)], "companies": [company(201)]},
        "objects": {"cars": {}},
    }
    links = [{"from": ["companies", "201"], "to": ["contacts", one], "types": [280]} for one in ("101", "102")]
    limit = {"from": "companies", "to": "contacts", "typeId": 280, "maxToObjectIds": 2}
    hub = Hub({**world, "associations": links, "association_limits": [limit]})
    limits = "/crm/limits/2026-09"
    rows = (await hub.good("GET", f"{limits}/records"))["hubspotDefinedObjectTypes"]
    assert {row["objectTypeId"]: row["usage"] for row in rows}["0-1"] == 2
    full = await hub.good("GET", f"{limits}/associations/records/from")
    assert [(row["objectTypeId"], row["hasRecordsAtLimit"]) for row in full["results"]] == [("0-2", True)]
    between = await hub.good("GET", f"{limits}/associations/records/0-2/0-1")
    assert (between["limit"], between["atLimitFromRecordSamples"][0]["objectId"]) == (2, 201)
    to = await hub.good("GET", f"{limits}/associations/records/0-2/to")
    assert [row["objectTypeId"] for row in to["results"]] == ["0-1"]
    await hub.good("POST", f"{LINKS}/contacts/companies/labels", {"label": "Advises", "name": "advises"})
    labels = (await hub.good("GET", f"{limits}/associations/labels?fromObjectTypeId=0-1"))["results"]
    assert [(row["toObjectType"]["objectTypeId"], row["allLabels"]) for row in labels] == [("0-2", ["Advises"])]
    pipelines = await hub.good("GET", f"{limits}/pipelines")
    assert {row["objectTypeId"]: row["usage"] for row in pipelines["hubspotDefinedObjectTypes"]}["0-5"] == 1
    assert pipelines["customObjectTypes"]["byObjectType"][0]["usage"] == 0


async def test_labels_and_their_limits_are_set_and_removed() -> None:
    hub = Hub({"records": {"contacts": [contact(101)], "companies": [company(201), company(202)]}})
    made = await hub.good("POST", f"{LINKS}/contacts/companies/labels", {"label": "Advises", "name": "advises"})
    type_id = made["results"][0]["typeId"]
    limits = f"{LINKS}/definitions/configurations/contacts/companies"
    one = {"category": "USER_DEFINED", "typeId": type_id, "maxToObjectIds": 1}
    await hub.refused(400, "POST", f"{limits}/batch/update", {"inputs": [one]})
    await hub.good("POST", f"{limits}/batch/create", {"inputs": [one]})
    spec = [{"associationCategory": "USER_DEFINED", "associationTypeId": type_id}]
    await hub.good("PUT", f"{OBJECTS}/contacts/101/associations/companies/201", spec)
    await hub.refused(400, "PUT", f"{OBJECTS}/contacts/101/associations/companies/202", spec)
    await hub.good("POST", f"{limits}/batch/update", {"inputs": [one | {"maxToObjectIds": 2}]})
    await hub.good("PUT", f"{OBJECTS}/contacts/101/associations/companies/202", spec)
    await hub.good("POST", f"{limits}/batch/purge", {"inputs": [{"category": "USER_DEFINED", "typeId": type_id}]})
    assert (await hub.good("GET", limits))["results"] == []
    await hub.good("DELETE", f"{LINKS}/contacts/companies/labels/{type_id}")
    rows = (await hub.good("GET", f"{LINKS}/contacts/companies/labels"))["results"]
    assert type_id not in {row["typeId"] for row in rows}
    await hub.refused(400, "DELETE", f"{LINKS}/contacts/companies/labels/279")
