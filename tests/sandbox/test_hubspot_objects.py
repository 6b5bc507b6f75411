"""Records of the HubSpot sandbox: reading, writing, the rules of values, histories, archive, merge."""

from __future__ import annotations

import pytest

from .hubspot_world import LINKS, OBJECTS, Hub, codes, company, contact, where

ANN = contact(101, email="ann@example.com", firstname="Ann", phone="1", lifecyclestage="lead")


async def test_a_call_without_a_good_token_is_refused() -> None:
    hub = Hub()
    body = await hub.refused(401, "GET", f"{OBJECTS}/contacts", headers={"Authorization": "Bearer nonsense"})
    assert body["category"] == "INVALID_AUTHENTICATION"
    answer = await hub.client.get(f"{OBJECTS}/contacts")
    assert answer.status_code == 401


async def test_a_refresh_token_buys_an_access_token_that_ends_after_half_an_hour() -> None:
    hub = Hub()
    known = hub.service.credentials("http://x")
    form = {"grant_type": "refresh_token", **{k: known[k] for k in ("refresh_token", "client_id", "client_secret")}}
    answer = (await hub.client.post("/oauth/2026-09/token", data=form)).json()
    assert (answer["token_type"], answer["token_use"], answer["expires_in"]) == ("bearer", "access_token", 1800)
    hub.token = answer["access_token"]
    got = await hub.call("GET", "/account-info/2026-09/details")
    assert got.json()["portalId"] == known["portal_id"]
    assert "X-HubSpot-RateLimit-Daily" not in got.headers
    hub.clock.advance(1801)
    body = await hub.refused(401, "GET", "/account-info/2026-09/details")
    assert body["category"] == "EXPIRED_AUTHENTICATION"


async def test_a_wrong_refresh_token_is_answered_as_documented() -> None:
    hub = Hub()
    known = hub.service.credentials("")
    form = {"grant_type": "refresh_token", "refresh_token": "x"} | {k: known[k] for k in ("client_id", "client_secret")}
    answer = await hub.client.post("/oauth/2026-09/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert answer.json()["status"] == "BAD_REFRESH_TOKEN"


async def test_an_app_level_token_does_not_reach_the_records() -> None:
    hub = Hub()
    known = hub.service.credentials("")
    form = {"grant_type": "client_credentials", "scope": "x"} | {k: known[k] for k in ("client_id", "client_secret")}
    hub.token = (await hub.client.post("/oauth/2026-09/token", data=form)).json()["access_token"]
    assert (await hub.refused(403, "GET", f"{OBJECTS}/contacts"))["category"] == "MISSING_SCOPES"


@pytest.mark.parametrize(
    "path",
    [
        "/crm/objects/2026-09/contacts/101",
        "/crm/objects/2026-03/contact/101",
        "/crm/objects/2026-09/0-1/101",
        "/crm/v3/objects/contacts/101",
        "/crm/objects/2026-09/contacts/ANN@example.com?idProperty=email",
    ],
)
async def test_every_spelling_of_a_path_leads_to_the_same_record(path: str) -> None:
    hub = Hub({"records": {"contacts": [ANN]}})
    got = await hub.good("GET", path)
    assert got["id"] == "101"
    assert got["properties"]["firstname"] == "Ann"


async def test_addresses_are_stored_in_lower_case_and_texts_trimmed() -> None:
    hub = Hub()
    made = await hub.create({"email": "  Bob@Example.COM ", "firstname": " Bob "})
    assert await hub.values(made, "email", "firstname") == {"email": "bob@example.com", "firstname": "Bob"}


async def test_a_second_contact_with_the_address_is_a_conflict_that_names_the_first() -> None:
    hub = Hub({"records": {"contacts": [ANN | {"properties": {"hs_additional_emails": "a@b.org"}}]}})
    body = await hub.refused(409, "POST", f"{OBJECTS}/contacts", {"properties": {"email": "A@b.org"}})
    assert body["message"] == "Contact already exists. Existing ID: 101"
    assert body["category"] == "CONFLICT"


async def test_every_refused_value_is_named_with_its_code() -> None:
    hub = Hub({"records": {"contacts": [ANN], "companies": [company(201, name="Acme")]}})
    body = await hub.refused(
        400,
        "PATCH",
        f"{OBJECTS}/contacts/101",
        {
            "properties": {
                "nope": "1",
                "hs_email_optout": "true",
                "email": "no",
                "hs_lead_status": "x",
                "closedate": "x",
            }
        },
    )
    assert codes(body) == {
        "nope": "PROPERTY_DOESNT_EXIST",
        "hs_email_optout": "READ_ONLY_VALUE",
        "email": "INVALID_EMAIL",
        "hs_lead_status": "INVALID_OPTION",
        "closedate": "INVALID_DATE",
    }
    assert "is a read only property; its value cannot be set" in body["message"]
    assert (await hub.values("101", "email"))["email"] == "ann@example.com"
    numbers = {"numberofemployees": "many", "is_public": "perhaps"}
    body = await hub.refused(400, "PATCH", f"{OBJECTS}/companies/201", {"properties": numbers})
    assert codes(body) == {"numberofemployees": "INVALID_INTEGER", "is_public": "INVALID_OPTION"}


async def test_dates_and_choices_are_written_down_in_one_form() -> None:
    rows = [
        {"name": "since", "type": "date", "fieldType": "date"},
        {"name": "likes", "type": "enumeration", "fieldType": "checkbox", "options": [{"value": v} for v in "abc"]},
    ]
    hub = Hub({"properties": {"contacts": rows}, "records": {"contacts": [ANN]}})
    path = f"{OBJECTS}/contacts/101"
    await hub.good(
        "PATCH", path, {"properties": {"since": "1795392000000", "likes": "a;b", "closedate": "1795392000123"}}
    )
    await hub.good("PATCH", path, {"properties": {"likes": ";c"}})
    values = await hub.values("101", "since", "likes", "closedate")
    assert values == {"since": "2026-11-23", "likes": "a;b;c", "closedate": "2026-11-23T00:00:00.123Z"}
    body = await hub.refused(400, "PATCH", path, {"properties": {"since": "1795392000123"}})
    assert codes(body) == {"since": "INVALID_DATE"}


async def test_unknown_properties_are_left_out_of_answers_and_unset_ones_are_null() -> None:
    hub = Hub({"records": {"contacts": [ANN]}})
    got = await hub.good("GET", f"{OBJECTS}/contacts/101?properties=nope,city&propertiesWithHistory=nope")
    assert got["properties"] == {
        "city": None,
        "createdate": "2026-11-23T08:00:00.000Z",
        "lastmodifieddate": "2026-11-23T08:00:00.000Z",
        "hs_object_id": "101",
    }


async def test_an_equal_value_leaves_no_trace() -> None:
    hub = Hub({"records": {"contacts": [ANN]}})
    got = await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"phone": " 1 ", "city": ""}})
    assert got["updatedAt"] == "2026-11-23T08:00:00.000Z"
    assert len(await hub.history("101", "phone")) == 1


async def test_histories_tell_newest_first_who_wrote_what_and_when() -> None:
    hub = Hub({"records": {"contacts": [ANN]}})
    hub.clock.advance(1)
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"phone": "2"}})
    hub.clock.advance(1)
    await hub.control("PATCH", "/records/contacts/101", {"fields": {"phone": ""}, "by": "123"})
    entries = await hub.history("101", "phone")
    app = str(hub.service.credentials("")["app_id"])
    assert [(e["value"], e["timestamp"], e["sourceType"], e.get("sourceId")) for e in entries] == [
        ("", "2026-11-23T09:00:02.000Z", "CRM_UI", "userId:123"),
        ("2", "2026-11-23T09:00:01.000Z", "INTEGRATION", app),
        ("1", "2026-11-23T08:00:00.000Z", "CRM_UI", None),
    ]
    assert entries[0]["updatedByUserId"] == 123


async def test_a_lifecycle_stage_moves_back_only_after_it_was_cleared() -> None:
    hub = Hub({"records": {"contacts": [ANN]}})
    path = f"{OBJECTS}/contacts/101"
    got = await hub.good("PATCH", path, {"properties": {"lifecyclestage": "customer"}})
    assert got["properties"]["lifecyclestage"] == "customer"
    got = await hub.good("PATCH", path, {"properties": {"lifecyclestage": "lead"}})
    assert got["properties"]["lifecyclestage"] == "customer"
    await hub.good("PATCH", path, {"properties": {"lifecyclestage": ""}})
    got = await hub.good("PATCH", path, {"properties": {"lifecyclestage": "lead"}})
    assert got["properties"]["lifecyclestage"] == "lead"
    assert (await hub.values("101", "hs_v2_date_entered_customer"))["hs_v2_date_entered_customer"]


async def test_rules_of_an_administrator_are_shown_and_enforced() -> None:
    rules = {
        "email": [{"ruleType": "EMAIL_BLOCKED_DOMAINS", "ruleArguments": ["spam.example"]}],
        "phone": [{"ruleType": "MAX_LENGTH", "ruleArguments": [5]}, {"ruleType": "MIN_LENGTH", "ruleArguments": ["2"]}],
        "city": [{"ruleType": "REGEX", "ruleArguments": ["[A-Z].*"]}],
    }
    hub = Hub({"validations": {"contacts": rules}, "required": {"contacts": ["lastname"]}})
    shown = await hub.good("GET", "/crm/property-validations/2026-09/0-1")
    assert {row["propertyName"] for row in shown["results"]} == {"email", "phone", "city"}
    wrong = {"email": "a@Spam.example", "phone": "123456", "city": "berlin", "lastname": "A"}
    body = await hub.refused(400, "POST", f"{OBJECTS}/contacts", {"properties": wrong})
    assert codes(body).keys() == {"email", "phone", "city"}
    body = await hub.refused(400, "POST", f"{OBJECTS}/contacts", {"properties": {"firstname": "A"}})
    assert codes(body) == {"lastname": "REQUIRED_FIELD"}


async def test_a_list_is_paged_in_the_order_of_ids_to_its_end() -> None:
    rows = [contact(number, firstname=str(number)) for number in range(250, 0, -1)]
    hub = Hub({"records": {"contacts": rows}})
    ids: list[str] = []
    after = "0"
    while after:
        page = await hub.good("GET", f"{OBJECTS}/contacts", params={"limit": 100, "after": after})
        ids += [row["id"] for row in page["results"]]
        after = page.get("paging", {}).get("next", {}).get("after", "")
    assert ids == [str(number) for number in range(1, 251)]
    await hub.refused(400, "GET", f"{OBJECTS}/contacts?limit=101")
    await hub.refused(400, "GET", f"{OBJECTS}/contacts?limit=51&propertiesWithHistory=email")


async def test_an_archived_record_is_found_only_among_the_archived() -> None:
    hub = Hub({"records": {"contacts": [ANN]}})
    assert (await hub.call("DELETE", f"{OBJECTS}/contacts/101")).status_code == 204
    body = await hub.refused(404, "GET", f"{OBJECTS}/contacts/101")
    assert body["category"] == "OBJECT_NOT_FOUND"
    listed = await hub.good("GET", f"{OBJECTS}/contacts?archived=true")
    assert [(row["id"], row["archived"]) for row in listed["results"]] == [("101", True)]
    assert listed["results"][0]["archivedAt"] == "2026-11-23T09:00:00.000Z"
    assert await hub.create({"email": "ann@example.com"}) != "101"
    answer = await hub.client.post("/_control/restore", json={"object": "contacts", "id": "101"})
    assert "in use" in answer.text


async def test_a_restored_record_is_back_with_its_links() -> None:
    link = {"from": ["contacts", "101"], "to": ["companies", "201"], "types": [1, 279]}
    hub = Hub({"records": {"contacts": [ANN], "companies": [company(201, name="A")]}, "associations": [link]})
    await hub.call("DELETE", f"{OBJECTS}/contacts/101")
    await hub.control("POST", "/restore", {"object": "contacts", "id": "101", "by": "7"})
    got = await hub.good("GET", f"{OBJECTS}/contacts/101?associations=companies")
    assert {row["id"] for row in got["associations"]["companies"]["results"]} == {"201"}


async def test_a_merge_makes_a_new_record_to_which_both_old_ids_lead() -> None:
    bob = contact(102, email="bob@example.com", city="Bonn", lifecyclestage="customer", firstname="Bob")
    rows = {"contacts": [ANN, bob], "companies": [company(201, name="A"), company(202, name="B")]}
    ties = [
        {"from": ["contacts", "101"], "to": ["companies", "201"], "types": [1, 279]},
        {"from": ["contacts", "102"], "to": ["companies", "202"], "types": [1, 279]},
    ]
    hub = Hub({"records": rows, "associations": ties})
    asked = {"primaryObjectId": "101", "objectIdToMerge": "102"}
    new = (await hub.good("POST", f"{OBJECTS}/contacts/merge", asked))["id"]
    assert new not in ("101", "102")
    names = ("firstname", "city", "lifecyclestage", "email", "hs_additional_emails", "hs_merged_object_ids")
    for old in ("101", "102", "bob@example.com"):
        by = "email" if "@" in old else ""
        got = await hub.good("GET", f"{OBJECTS}/contacts/{old}?idProperty={by}&properties={','.join(names)}")
        assert got["id"] == new
        assert {name: got["properties"][name] for name in names} == {
            "firstname": "Ann",
            "city": "Bonn",
            "lifecyclestage": "customer",
            "email": "ann@example.com",
            "hs_additional_emails": "bob@example.com",
            "hs_merged_object_ids": "101;102",
        }
    assert (await hub.history(new, "city"))[0]["sourceType"] == "MERGE_OBJECTS"
    assert (await hub.history(new, "phone"))[0]["timestamp"] == "2026-11-23T08:00:00.000Z"
    read = await hub.good("POST", f"{LINKS}/contacts/companies/batch/read", {"inputs": [{"id": new}]})
    kinds = {to["toObjectId"]: {t["typeId"] for t in to["associationTypes"]} for to in read["results"][0]["to"]}
    assert kinds == {"201": {1, 279}, "202": {279}}


async def test_a_privacy_deletion_is_for_good_and_can_block_an_address() -> None:
    hub = Hub({"records": {"contacts": [ANN]}})
    await hub.good("POST", f"{OBJECTS}/contacts/gdpr-delete", {"objectId": "ann@example.com", "idProperty": "email"})
    assert (await hub.good("GET", f"{OBJECTS}/contacts?archived=true"))["results"] == []
    await hub.good("POST", f"{OBJECTS}/contacts/gdpr-delete", {"objectId": "eve@example.com", "idProperty": "email"})
    body = await hub.refused(400, "POST", f"{OBJECTS}/contacts", {"properties": {"email": "eve@example.com"}})
    assert "email" in codes(body)


async def test_any_declared_object_type_works_the_same_way() -> None:
    hub = Hub({"properties": {"subscriptions": [{"name": "plan", "hasUniqueValue": True}]}})
    made = await hub.create({"plan": "gold"}, "subscriptions")
    deal = await hub.create({"dealname": "Big", "dealstage": "closedwon"}, "deals")
    assert await hub.values(deal, "pipeline", "hs_is_closed_won", kind="0-3") == {
        "pipeline": "default",
        "hs_is_closed_won": "true",
    }
    assert (await hub.values(f"{made}", "plan", kind="2-1001"))["plan"] == "gold"
    body = await hub.refused(400, "POST", f"{OBJECTS}/subscription", {"properties": {"plan": "gold"}})
    assert codes(body) == {"plan": "CONFLICTING_UNIQUE_VALUE"}
    stage = {"properties": {"dealname": "x", "dealstage": "nowhere"}}
    assert codes(await hub.refused(400, "POST", f"{OBJECTS}/deals", stage)) == {"dealstage": "INVALID_OPTION"}
    await hub.refused(404, "GET", f"{OBJECTS}/unheard_of")


async def test_people_edit_through_the_rules_but_not_under_read_only_marks() -> None:
    hub = Hub({"records": {"contacts": [ANN]}, "owners": [{"id": "9", "email": "o@example.com", "userId": 5}]})
    await hub.control("PATCH", "/records/contacts/101", {"fields": {"lifecyclestage": "subscriber", "num_notes": 3}})
    assert await hub.values("101", "lifecyclestage", "num_notes") == {"lifecyclestage": "subscriber", "num_notes": "3"}
    answer = await hub.client.patch("/_control/records/contacts/101", json={"fields": {"email": "no"}})
    assert (answer.status_code, "INVALID_EMAIL" in answer.text) == (400, True)
    made = await hub.control("POST", "/records/contacts", {"fields": {"email": "x@y.org"}, "by": "7"})
    got = await hub.history(made["id"], "email")
    assert (got[0]["sourceType"], got[0]["sourceId"]) == ("CRM_UI", "userId:7")
    await hub.control("DELETE", f"/records/contacts/{made['id']}")
    assert [row["id"] for row in (await hub.control("GET", "/records/contacts"))["records"]] == ["101"]


async def test_owners_are_found_by_address_and_only_existing_ones_are_taken() -> None:
    people = [{"id": str(number), "email": f"o{number}@example.com", "userId": number} for number in (9, 10, 11)]
    hub = Hub({"records": {"contacts": [ANN]}, "owners": people})
    found = await hub.good("GET", "/crm/owners/2026-09?email=O10@example.com")
    assert [(row["id"], row["type"]) for row in found["results"]] == [("10", "PERSON")]
    page = await hub.good("GET", "/crm/v3/owners/?limit=2")
    assert [row["id"] for row in page["results"]] == ["9", "10"]
    rest = await hub.good("GET", f"/crm/owners/2026-09?limit=2&after={page['paging']['next']['after']}")
    assert [row["id"] for row in rest["results"]] == ["11"]
    await hub.refused(400, "PATCH", f"{OBJECTS}/contacts/101", {"properties": {"hubspot_owner_id": "77"}})
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"hubspot_owner_id": "9"}})
    assert await hub.search(where("hubspot_owner_id", "EQ", "9")) == []
    hub.clock.advance(1)
    assert await hub.search(where("hubspot_owner_id", "EQ", "9")) == ["101"]


async def test_a_saved_account_loads_as_the_same_account() -> None:
    hub = Hub({"records": {"contacts": [ANN], "companies": [company(201, name="A")]}})
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"phone": "2", "associatedcompanyid": "201"}})
    await hub.create({"email": "z@example.com"})
    await hub.good("POST", f"{LINKS}/contacts/companies/labels", {"label": "Boss", "name": "boss"})
    saved = hub.service.save()
    hub.service.load(saved)
    assert hub.service.save() == saved


async def test_a_malformed_world_changes_nothing() -> None:
    hub = Hub({"records": {"contacts": [ANN]}})
    worlds: list[dict[str, object]] = [
        {"nonsense": 1},
        {"records": {"contacts": [{"id": "x"}]}},
        {"webhooks": {"subscriptions": [{}]}},
        {"records": []},
        {"time_zone": "Moon/Crater"},
    ]
    for bad in worlds:
        answer = await hub.client.put("/_control/world", json=bad)
        assert answer.status_code == 400
    assert (await hub.values("101", "firstname"))["firstname"] == "Ann"
