"""The Salesforce sandbox: many records in one call, as api/salesforce.md section 6 says."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sandbox.salesforce_world import ACME, ADA, ALAN, DATA, GRACE, LINUS, MARGARET, Org, error_of

from concord_sandbox.salesforce.ids import new_id

CONTACTS = "/composite/sobjects"


@pytest.fixture
def org() -> Org:
    return Org()


def records(*given: dict[str, Any], kind: str = "Contact", all_or_none: bool = False) -> dict[str, Any]:
    return {"allOrNone": all_or_none, "records": [{"attributes": {"type": kind}, **one} for one in given]}


async def test_each_record_of_a_collection_has_its_own_result_in_order(org: Org) -> None:
    answer = await org.post(CONTACTS, records({"LastName": "One"}, {"FirstName": "x"}, {"LastName": "3", "Nope": 1}))
    assert answer.status_code == 200
    good, missing, unknown = answer.json()
    assert good == {"id": good["id"], "success": True, "errors": []}
    assert missing == {
        "success": False,
        "errors": [
            {
                "statusCode": "REQUIRED_FIELD_MISSING",
                "message": "Required fields are missing: [LastName]",
                "fields": ["LastName"],
            }
        ],
    }
    assert unknown["errors"][0]["statusCode"] == "INVALID_FIELD"
    assert (await org.fields("Contact", good["id"]))["LastName"] == "One"


async def test_updates_say_of_each_id_what_is_wrong_with_it(org: Org) -> None:
    await org.delete(f"/sobjects/Contact/{GRACE}")
    body = {
        "records": [
            {"attributes": {"type": "Contact"}, "id": ADA, "Phone": "1"},
            {"attributes": {"type": "Contact"}, "Id": GRACE, "Phone": "1"},
            {"attributes": {"type": "Contact"}, "id": new_id("003", 4), "Phone": "1"},
            {"attributes": {"type": "Contact"}, "id": "rubbish", "Phone": "1"},
            {"attributes": {"type": "Contact"}, "Phone": "1"},
            {"attributes": {"type": "Lead"}, "id": MARGARET, "Phone": "1"},
            {"attributes": {"type": "Nope"}, "id": MARGARET},
            {"id": LINUS},
        ]
    }
    results = (await org.patch(CONTACTS, body)).json()
    assert [one["success"] for one in results] == [True] + [False] * 7
    assert [one["errors"][0]["statusCode"] for one in results[1:]] == [
        "ENTITY_IS_DELETED",
        "INVALID_CROSS_REFERENCE_KEY",
        "MALFORMED_ID",
        "MISSING_ARGUMENT",
        "CANNOT_UPDATE_CONVERTED_LEAD",
        "INVALID_TYPE",
        "INVALID_TYPE",
    ]
    assert (await org.fields("Contact", ADA))["Phone"] == "1"


async def test_all_or_none_takes_the_good_ones_back(org: Org) -> None:
    before = await org.fields("Contact", ADA)
    org.controls.clock.advance(1)
    body = records({"id": ADA, "Phone": "9"}, {"id": GRACE, "Email": "bad"}, all_or_none=True)
    good, bad = (await org.patch(CONTACTS, body)).json()
    assert good["errors"][0]["statusCode"] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert bad["errors"][0]["statusCode"] == "INVALID_EMAIL_ADDRESS"
    assert await org.fields("Contact", ADA) == before
    assert await org.column("SELECT Id FROM ContactHistory") == []
    assert await org.column("SELECT Id FROM Contact WHERE SystemModstamp > 2026-11-23T09:00:00Z") == []


async def test_reading_gives_the_order_asked_for_and_null_for_what_is_missing(org: Org) -> None:
    missing = new_id("003", 5)
    await org.delete(f"/sobjects/Contact/{ALAN}")
    answer = await org.post(CONTACTS + "/Contact", {"ids": [GRACE, missing, ADA, ALAN], "fields": ["Email", "id"]})
    grace, none, ada, gone = answer.json()
    assert (none, gone) == (None, None)
    assert grace == {
        "attributes": {"type": "Contact", "url": f"{DATA}/sobjects/Contact/{GRACE}"},
        "Email": "grace@acme.example",
        "Id": GRACE,
    }
    assert ada["Id"] == ADA
    assert error_of(await org.post(CONTACTS + "/Contact", {"ids": [missing], "fields": ["Nope"]})) == (
        400,
        "INVALID_FIELD",
    )
    assert error_of(await org.post(CONTACTS + "/Contact", {"ids": ["x"], "fields": ["Id"]})) == (400, "MALFORMED_ID")
    shorter = await org.get(CONTACTS + "/Contact", params={"ids": f"{ADA},{GRACE}", "fields": "Email"})
    assert [one["Id"] for one in shorter.json()] == [ADA, GRACE]


async def test_an_upsert_by_key_makes_and_changes_in_one_call(org: Org) -> None:
    path = CONTACTS + "/Contact/HubSpot_Contact_Id__c"
    body = records(
        {"HubSpot_Contact_Id__c": "h1", "Phone": "5"},
        {"HubSpot_Contact_Id__c": "H2", "LastName": "Two"},
        {"HubSpot_Contact_Id__c": "h2", "LastName": "Again"},
        {"LastName": "Keyless"},
        {"HubSpot_Contact_Id__c": "H3"},
    )
    old, new, again, keyless, nameless = (await org.patch(path, body)).json()
    assert old == {"id": ADA, "success": True, "errors": [], "created": False}
    assert (new["success"], new["created"]) == (True, True)
    assert again["errors"][0]["statusCode"] == "DUPLICATE_VALUE"
    assert keyless["errors"][0]["statusCode"] == "MISSING_ARGUMENT"
    assert nameless["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    repeated = (await org.patch(path, records({"HubSpot_Contact_Id__c": "H2", "LastName": "Two"}))).json()
    assert repeated == [{"id": new["id"], "success": True, "errors": [], "created": False}]
    assert error_of(await org.patch(CONTACTS + "/Contact/Title", body)) == (404, "NOT_FOUND")


async def test_an_upsert_by_an_address_that_several_have_names_them(org: Org) -> None:
    await org.post("/sobjects/Contact", {"LastName": "Twin", "Email": "ada@acme.example"})
    (one,) = (await org.patch(CONTACTS + "/Contact/Email", records({"Email": "ada@acme.example", "Phone": "1"}))).json()
    assert one["errors"][0]["statusCode"] == "DUPLICATE_EXTERNAL_ID"
    assert ADA in one["errors"][0]["message"]


async def test_deleting_takes_ids_of_several_objects(org: Org) -> None:
    answer = await org.delete(f"{CONTACTS}?ids={ADA},{LINUS},rubbish&allOrNone=false")
    assert [one["success"] for one in answer.json()] == [True, True, False]
    assert await org.column("SELECT Id FROM Lead") == [MARGARET]
    answer = await org.delete(f"{CONTACTS}?ids={GRACE},{ADA}&allOrNone=true")
    codes = [one["errors"][0]["statusCode"] for one in answer.json()]
    assert codes == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "ENTITY_IS_DELETED"]
    assert (await org.fields("Contact", GRACE))["IsDeleted"] is False


async def test_a_collection_holds_200_records_and_ten_changes_of_type(org: Org) -> None:
    many = records(*({"LastName": f"L{n}"} for n in range(201)))
    assert error_of(await org.post(CONTACTS, many)) == (400, "EXCEEDED_ID_LIMIT")
    ids = {"ids": [ADA] * 2_000, "fields": ["Id"]}
    assert len((await org.post(CONTACTS + "/Contact", ids)).json()) == 2_000
    ids["ids"].append(ADA)
    assert error_of(await org.post(CONTACTS + "/Contact", ids)) == (400, "EXCEEDED_ID_LIMIT")
    mixed = {"records": [{"attributes": {"type": kind}} for _ in range(6) for kind in ("Lead", "Contact")]}
    assert error_of(await org.post(CONTACTS, mixed)) == (400, "LIMIT_EXCEEDED")
    assert error_of(await org.post(CONTACTS, {"records": "x"})) == (400, "JSON_PARSER_ERROR")
    whole = (await org.post(CONTACTS, records(*({"LastName": f"L{n}"} for n in range(200))))).json()
    assert all(one["success"] for one in whole)


async def test_a_record_fault_hits_its_record_only_in_every_kind_of_write(org: Org) -> None:
    fault = {"kind": "record_error", "code": "UNABLE_TO_LOCK_ROW", "record": ADA, "times": 3}
    await org.control("faults", fault)
    bad, good = (await org.patch(CONTACTS, records({"id": ADA, "Phone": "1"}, {"id": GRACE, "Phone": "1"}))).json()
    assert bad["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"
    assert good["success"]
    assert error_of(await org.patch(f"/sobjects/Contact/{ADA}", {"Phone": "1"})) == (400, "UNABLE_TO_LOCK_ROW")
    by_key = await org.patch("/sobjects/Contact/HubSpot_Contact_Id__c/H1", {"Phone": "1"})
    assert error_of(by_key) == (400, "UNABLE_TO_LOCK_ROW")
    assert (await org.patch(f"/sobjects/Contact/{ADA}", {"Phone": "1"})).status_code == 204
    await org.control("faults", {"kind": "record_error", "code": "STORAGE_LIMIT_EXCEEDED", "record": "new@x.example"})
    made = await org.post("/sobjects/Contact", {"LastName": "N", "Email": "new@x.example"})
    assert error_of(made) == (400, "STORAGE_LIMIT_EXCEEDED")


def call(method: str, path: str, name: str, body: Any = None, **headers: str) -> dict[str, Any]:
    made = {"method": method, "url": DATA + path, "referenceId": name}
    return {**made, "body": body, "httpHeaders": {key.replace("_", "-"): value for key, value in headers.items()}}


async def composite(org: Org, *calls: dict[str, Any], all_or_none: bool = False) -> dict[str, dict[str, Any]]:
    answer = await org.post("/composite", {"allOrNone": all_or_none, "compositeRequest": list(calls)})
    assert answer.status_code == 200, answer.text
    return {one["referenceId"]: one for one in answer.json()["compositeResponse"]}


async def test_a_composite_call_refers_to_earlier_results_and_counts_once(org: Org) -> None:
    used = int((await org.get("/limits")).json()["DailyApiRequests"]["Remaining"])
    answers = await composite(
        org,
        call("POST", "/sobjects/Account", "account", {"Name": "Initech"}),
        call("POST", "/sobjects/Contact", "contact", {"LastName": "Lumbergh", "AccountId": "@{account.id}"}),
        call("GET", "/query?q=SELECT+Id,+Name+FROM+Account+WHERE+Id+=+'@{account.id}'", "found"),
        call("PATCH", "/sobjects/Contact/@{contact.id}", "moved", {"Title": "at @{found.records[0].Name}"}),
        call("GET", "/sobjects/Contact/@{contact.id}?fields=Title", "read"),
    )
    assert [one["httpStatusCode"] for one in answers.values()] == [201, 201, 200, 204, 200]
    assert answers["account"]["httpHeaders"] == {
        "Location": f"{DATA}/sobjects/Account/{answers['account']['body']['id']}"
    }
    assert answers["moved"] == {"body": None, "httpHeaders": {}, "httpStatusCode": 204, "referenceId": "moved"}
    assert answers["read"]["body"]["Title"] == "at Initech"
    assert int((await org.get("/limits")).json()["DailyApiRequests"]["Remaining"]) == used - 2


async def test_sub_requests_have_headers_of_their_own(org: Org) -> None:
    org.controls.clock.advance(60)
    old = "Mon, 23 Nov 2026 08:00:00 GMT"
    await org.patch(f"/sobjects/Contact/{ADA}", {"Phone": "1"})
    answers = await composite(
        org,
        call("PATCH", f"/sobjects/Contact/{ADA}", "late", {"Phone": "2"}, If_Unmodified_Since=old),
        call("PATCH", f"/sobjects/Contact/{ALAN}", "free", {"Phone": "2"}),
    )
    assert answers["late"] == {"body": None, "httpHeaders": {}, "httpStatusCode": 412, "referenceId": "late"}
    assert answers["free"]["httpStatusCode"] == 204
    assert (await org.fields("Contact", ADA))["Phone"] == "1"


async def test_without_all_or_none_only_what_depends_on_a_failure_fails(org: Org) -> None:
    answers = await composite(
        org,
        call("POST", "/sobjects/Account", "bad", {}),
        call("POST", "/sobjects/Contact", "dependent", {"LastName": "X", "AccountId": "@{bad.id}"}),
        call("POST", "/sobjects/Contact", "unknown", {"LastName": "X", "AccountId": "@{nobody.id}"}),
        call("PATCH", f"/sobjects/Contact/{ADA}", "free", {"Phone": "2"}),
    )
    assert answers["bad"]["body"][0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert answers["dependent"]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert answers["unknown"]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert answers["free"]["httpStatusCode"] == 204


async def test_with_all_or_none_the_siblings_are_halted_and_nothing_stays(org: Org) -> None:
    answers = await composite(
        org,
        call("PATCH", f"/sobjects/Contact/{ADA}", "good", {"Phone": "2"}),
        call("POST", "/sobjects/Contact", "bad", {}),
        call("DELETE", f"/sobjects/Contact/{GRACE}", "later"),
        all_or_none=True,
    )
    codes = {name: (one["httpStatusCode"], one["body"][0]["errorCode"]) for name, one in answers.items()}
    assert codes == {
        "good": (400, "PROCESSING_HALTED"),
        "bad": (400, "REQUIRED_FIELD_MISSING"),
        "later": (400, "PROCESSING_HALTED"),
    }
    assert (await org.fields("Contact", ADA))["Phone"] is None
    assert (await org.fields("Contact", GRACE))["IsDeleted"] is False


async def test_collections_work_inside_a_composite_call(org: Org) -> None:
    answers = await composite(
        org,
        call("POST", "/composite/sobjects/Contact", "read", {"ids": [ADA], "fields": ["AccountId"]}),
        call("PATCH", "/composite/sobjects", "write", records({"id": GRACE, "Phone": "6"})),
        call("GET", "/sobjects/Account/@{read[0].AccountId}", "account"),
    )
    assert answers["write"]["body"][0]["success"]
    assert answers["account"]["body"]["Id"] == ACME


@pytest.mark.parametrize(
    "calls",
    [
        [call("GET", "/limits", f"r{n}") for n in range(26)],
        [call("GET", "/query?q=SELECT+Id+FROM+Lead", f"r{n}") for n in range(6)],
        [call("GET", "/limits", "same"), call("GET", "/limits", "same")],
        [call("GET", "/limits", "not valid")],
        [{"method": "GET", "url": "/elsewhere", "referenceId": "x"}],
        [{"url": DATA + "/limits"}],
        [],
        "rubbish",
    ],
)
async def test_a_composite_call_that_is_wrong_as_a_whole_is_refused(org: Org, calls: Any) -> None:
    answer = await org.post("/composite", {"compositeRequest": calls})
    assert answer.status_code == 400
    assert answer.json()[0]["errorCode"] in ("LIMIT_EXCEEDED", "INVALID_INPUT", "JSON_PARSER_ERROR")


async def test_a_composite_call_holds_no_composite_call(org: Org) -> None:
    answers = await composite(org, call("POST", "/composite", "inner", {"compositeRequest": []}))
    assert answers["inner"]["httpStatusCode"] == 400
