"""Batches and associations of the HubSpot sandbox: what fails as a whole, what in part, and how errors say which."""

from __future__ import annotations

from .hubspot_world import LINKS, OBJECTS, Hub, company, contact, inputs

BATCH = f"{OBJECTS}/contacts/batch"
UNIQUE = {"contacts": [{"name": "sf_id", "label": "SF", "hasUniqueValue": True}]}


def world() -> dict[str, object]:
    people = [contact(n, email=f"p{n}@example.com", sf_id=f"00Q{n}") for n in (101, 102, 103)]
    return {
        "properties": UNIQUE,
        "records": {"contacts": people, "companies": [company(201, name="A"), company(202, name="B")]},
    }


async def test_a_batch_read_answers_what_it_finds_and_reports_the_rest_once() -> None:
    hub = Hub(world())
    answer = await hub.call("POST", f"{BATCH}/read", inputs("101", "7", "103", "x") | {"properties": ["email"]})
    body = answer.json()
    assert answer.status_code == 207
    assert [row["id"] for row in body["results"]] == ["101", "103"]
    assert (body["numErrors"], body["errors"][0]["context"]) == (1, {"ids": ["7", "x"]})
    by_key = inputs("00Q102") | {"idProperty": "sf_id", "propertiesWithHistory": ["email"]}
    found = (await hub.good("POST", f"{BATCH}/read", by_key))["results"]
    assert [row["id"] for row in found] == ["102"]
    assert found[0]["propertiesWithHistory"]["email"][0]["value"] == "p102@example.com"


async def test_a_batch_read_with_histories_takes_fifty() -> None:
    hub = Hub()
    many = inputs(*map(str, range(51)))
    assert (await hub.call("POST", f"{BATCH}/read", many)).status_code == 207
    await hub.refused(400, "POST", f"{BATCH}/read", many | {"propertiesWithHistory": ["email"]})
    await hub.refused(400, "POST", f"{BATCH}/read", inputs(*map(str, range(101))))


async def test_a_batch_create_without_trace_ids_is_all_or_nothing() -> None:
    hub = Hub(world())
    rows = [{"properties": {"email": "new@example.com"}}, {"properties": {"email": "p101@example.com"}}]
    body = await hub.refused(409, "POST", f"{BATCH}/create", {"inputs": rows})
    assert body["message"] == "Contact already exists. Existing ID: 101"
    twins = {"inputs": [{"properties": {"email": "new@example.com"}}] * 2}
    await hub.refused(400, "POST", f"{BATCH}/create", twins)
    assert len((await hub.good("GET", f"{OBJECTS}/contacts"))["results"]) == 3


async def test_a_batch_create_with_trace_ids_is_done_in_part_and_says_which_failed() -> None:
    hub = Hub(world())
    emails = ["new@example.com", "p101@example.com", "bad"]
    rows = [{"properties": {"email": e}, "objectWriteTraceId": f"t{n}"} for n, e in enumerate(emails)]
    answer = await hub.call("POST", f"{BATCH}/create", {"inputs": rows})
    body = answer.json()
    assert answer.status_code == 207
    assert [row["objectWriteTraceId"] for row in body["results"]] == ["t0"]
    failed = {error["context"]["objectWriteTraceId"][0]: error["category"] for error in body["errors"]}
    assert failed == {"t1": "CONFLICT", "t2": "VALIDATION_ERROR"}
    assert body["numErrors"] == 2


async def test_a_batch_update_reports_an_unknown_id_and_does_the_rest() -> None:
    hub = Hub(world())
    rows = [
        {"id": "101", "properties": {"city": "Bonn"}},
        {"id": "999", "properties": {"city": "Bonn"}, "objectWriteTraceId": "t"},
        {"id": "00Q103", "idProperty": "sf_id", "properties": {"city": "Kiel"}},
    ]
    answer = await hub.call("POST", f"{BATCH}/update", {"inputs": rows})
    body = answer.json()
    assert (answer.status_code, body["numErrors"]) == (207, 1)
    assert body["errors"][0]["category"] == "OBJECT_NOT_FOUND"
    assert body["errors"][0]["context"] == {"ids": ["999"], "objectWriteTraceId": ["t"]}
    assert (await hub.values("103", "city"))["city"] == "Kiel"
    twice = [{"id": "101", "properties": {}}] * 2
    await hub.refused(400, "POST", f"{BATCH}/update", {"inputs": twice})


async def test_an_upsert_by_address_is_all_or_nothing() -> None:
    hub = Hub(world())

    def row(email: str, **properties: str) -> dict[str, object]:
        return {"id": email, "idProperty": "email", "properties": properties}

    bad = [row("P101@example.com", city="Bonn"), row("n@example.com", hs_lead_status="nonsense")]
    await hub.refused(400, "POST", f"{BATCH}/upsert", {"inputs": bad})
    assert (await hub.values("101", "city"))["city"] is None
    good = [row("P101@example.com", city="Bonn"), row("n@example.com", city="Ulm")]
    body = await hub.good("POST", f"{BATCH}/upsert", {"inputs": good})
    assert [(one["new"], one["properties"]["city"]) for one in body["results"]] == [(False, "Bonn"), (True, "Ulm")]


async def test_an_upsert_by_a_unique_property_is_done_in_part() -> None:
    hub = Hub(world())
    rows = [
        {"id": "00Q101", "idProperty": "sf_id", "properties": {"city": "Bonn"}},
        {"id": "00Q9", "idProperty": "sf_id", "properties": {"email": "p102@example.com"}, "objectWriteTraceId": "b"},
        {"id": "00Q8", "idProperty": "sf_id", "properties": {"email": "q@example.com"}},
    ]
    answer = await hub.call("POST", f"{BATCH}/upsert", {"inputs": rows})
    body = answer.json()
    assert (answer.status_code, [one["new"] for one in body["results"]]) == (207, [False, True])
    assert body["results"][1]["properties"]["sf_id"] == "00Q8"
    assert body["errors"][0]["category"] == "CONFLICT"
    assert body["errors"][0]["context"]["objectWriteTraceId"] == ["b"]
    wrong = {"inputs": [{"id": "x", "idProperty": "city", "properties": {}}]}
    assert "non-unique" in (await hub.refused(400, "POST", f"{BATCH}/upsert", wrong))["message"]


async def test_a_batch_archive_passes_over_what_is_not_there() -> None:
    hub = Hub(world())
    assert (await hub.call("POST", f"{BATCH}/archive", inputs("101", "999"))).status_code == 204
    await hub.refused(404, "GET", f"{OBJECTS}/contacts/101")


async def test_a_told_refusal_hits_one_record_of_a_batch() -> None:
    hub = Hub(world())
    await hub.control("POST", "/faults", {"kind": "record_error", "record": "p102@", "code": "INTERNAL_ERROR"})
    rows = [{"id": one, "properties": {"city": "Bonn"}} for one in ("101", "102")]
    body = (await hub.call("POST", f"{BATCH}/update", {"inputs": rows})).json()
    assert [row["id"] for row in body["results"]] == ["101"]
    assert [(e["category"], e["context"]["ids"]) for e in body["errors"]] == [("INTERNAL_ERROR", ["102"])]
    assert (await hub.call("POST", f"{BATCH}/update", {"inputs": rows})).status_code == 200


async def kinds(hub: Hub, from_id: str, pair: str = "contacts/companies") -> dict[str, set[int]]:
    """The type ids of a record's links, by the id at the other end."""
    body = (await hub.call("POST", f"{LINKS}/{pair}/batch/read", inputs(from_id))).json()
    return {
        row["toObjectId"]: {kind["typeId"] for kind in row["associationTypes"]}
        for result in body["results"]
        for row in result["to"]
    }


def spec(type_id: int) -> list[dict[str, object]]:
    return [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]


async def test_the_primary_mark_moves_and_the_contact_shows_it_without_a_new_time() -> None:
    hub = Hub(world())
    await hub.good("PUT", f"{OBJECTS}/contacts/101/associations/companies/201", spec(1))
    assert await kinds(hub, "101") == {"201": {1, 279}}
    assert await kinds(hub, "201", "companies/contacts") == {"101": {2, 280}}
    await hub.good("PUT", f"{OBJECTS}/companies/202/associations/contacts/101", spec(2))
    assert await kinds(hub, "101") == {"201": {279}, "202": {1, 279}}
    got = await hub.good("GET", f"{OBJECTS}/contacts/101?properties=associatedcompanyid")
    assert got["properties"]["associatedcompanyid"] == "202"
    assert got["updatedAt"] == "2026-11-23T08:00:00.000Z"
    assert len(await hub.history("101", "associatedcompanyid")) == 2


async def test_removing_the_primary_link_promotes_no_other() -> None:
    hub = Hub(world())
    await hub.good("PUT", f"{OBJECTS}/contacts/101/associations/companies/201", spec(1))
    await hub.good("PUT", f"{OBJECTS}/contacts/101/associations/default/companies/202")
    assert (await hub.call("DELETE", f"{OBJECTS}/contacts/101/associations/companies/201")).status_code == 204
    assert await kinds(hub, "101") == {"202": {279}}
    assert (await hub.values("101", "associatedcompanyid"))["associatedcompanyid"] == ""


async def test_writing_the_company_property_moves_the_primary_link() -> None:
    hub = Hub(world())
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"associatedcompanyid": "201"}})
    await hub.control("PATCH", "/records/contacts/101", {"fields": {"associatedcompanyid": "202"}})
    assert await kinds(hub, "101") == {"201": {279}, "202": {1, 279}}
    await hub.refused(400, "PATCH", f"{OBJECTS}/contacts/101", {"properties": {"associatedcompanyid": "9"}})


async def test_batches_of_links_are_made_read_and_removed() -> None:
    hub = Hub(world())
    rows = [
        {"from": {"id": "101"}, "to": {"id": "201"}, "types": spec(1)},
        {"from": {"id": "102"}, "to": {"id": "999"}, "types": spec(1)},
        {"from": {"id": "103"}, "to": {"id": "201"}, "types": spec(2)},
    ]
    answer = await hub.call("POST", f"{LINKS}/contacts/companies/batch/create", {"inputs": rows})
    body = answer.json()
    assert (answer.status_code, len(body["results"]), body["numErrors"]) == (207, 1, 2)
    assert [error["context"]["fromObjectId"] for error in body["errors"]] == [["102"], ["103"]]
    plain = {"inputs": [{"from": {"id": "102"}, "to": {"id": "201"}}]}
    await hub.good("POST", f"{LINKS}/contacts/companies/batch/associate/default", plain)
    assert await kinds(hub, "201", "0-2/0-1") == {"101": {2, 280}, "102": {280}}
    gone = {"inputs": [{"from": {"id": "101"}, "to": {"id": "201"}, "types": spec(1)}]}
    await hub.good("POST", f"{LINKS}/contacts/companies/batch/labels/archive", gone)
    assert await kinds(hub, "101") == {"201": {279}}
    gone = {"inputs": [{"from": {"id": "101"}, "to": [{"id": "201"}]}]}
    await hub.good("POST", f"{LINKS}/contacts/companies/batch/archive", gone)
    body = (await hub.call("POST", f"{LINKS}/contacts/companies/batch/read", inputs("101"))).json()
    assert body["errors"][0]["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"


async def test_a_record_can_be_made_with_its_links() -> None:
    hub = Hub(world())
    body = {"properties": {"email": "n@example.com"}, "associations": [{"to": {"id": "201"}, "types": spec(279)}]}
    made = await hub.good("POST", f"{OBJECTS}/contacts", body)
    assert await kinds(hub, made["id"]) == {"201": {279}}
    body["associations"] = [{"to": {"id": "999"}, "types": spec(279)}]
    body["properties"] = {"email": "m@example.com"}
    await hub.refused(404, "POST", f"{OBJECTS}/contacts", body)
    assert len((await hub.good("GET", f"{OBJECTS}/contacts"))["results"]) == 4


async def test_labels_of_ones_own_work_in_both_directions() -> None:
    hub = Hub(world())
    body = {"label": "Advises", "name": "advises", "inverseLabel": "Advised by"}
    made = await hub.good("POST", f"{LINKS}/contacts/companies/labels", body)
    there, back = (row["typeId"] for row in made["results"])
    own = [{"associationCategory": "USER_DEFINED", "associationTypeId": there}]
    await hub.good("PUT", f"{OBJECTS}/contacts/101/associations/companies/201", own)
    assert await kinds(hub, "201", "companies/contacts") == {"101": {back, 280}}
    listed = await hub.good("GET", f"{LINKS}/companies/contacts/labels")
    assert (back, "Advised by") in {(row["typeId"], row["label"]) for row in listed["results"]}


async def test_an_administrators_limit_on_links_is_kept() -> None:
    limit = {"from": "companies", "to": "contacts", "typeId": 280, "maxToObjectIds": 1}
    hub = Hub(world() | {"association_limits": [limit]})
    await hub.good("PUT", f"{OBJECTS}/contacts/101/associations/default/companies/201")
    await hub.refused(400, "PUT", f"{OBJECTS}/contacts/102/associations/default/companies/201")
    shown = await hub.good("GET", f"{LINKS}/definitions/configurations/companies/contacts")
    assert shown["results"][0]["userEnforcedMaxToObjectIds"] == 1


async def test_the_links_of_one_record_are_not_listed_in_the_newest_version() -> None:
    hub = Hub(world())
    await hub.good("PUT", f"{OBJECTS}/contacts/101/associations/default/companies/201")
    old = await hub.good("GET", "/crm/v4/objects/contacts/101/associations/companies")
    assert old["results"][0]["toObjectId"] == 201
    await hub.refused(404, "GET", f"{OBJECTS}/contacts/101/associations/companies")
