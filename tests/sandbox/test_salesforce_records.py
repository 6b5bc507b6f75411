"""The Salesforce sandbox: single records, as api/salesforce.md sections 3 to 5 and 21 say."""

# ruff: noqa: S608 - the queries run in a sandbox in memory, and quoting is under test
from __future__ import annotations

from typing import Any

import pytest
from tests.sandbox.salesforce_world import (
    ACME,
    ADA,
    ALAN,
    ALICE,
    BOB,
    DATA,
    GLOBEX,
    GRACE,
    LINUS,
    MARGARET,
    Org,
    error_of,
)

from concord_sandbox.salesforce.ids import checksum, full_id, new_id


@pytest.fixture
def org() -> Org:
    return Org()


async def test_a_created_lead_has_defaults_stamps_and_the_integration_user_as_owner(org: Org) -> None:
    answer = await org.post("/sobjects/Lead/", {"LastName": "Knuth", "Company": "TeX"})
    assert answer.status_code == 201
    made = answer.json()
    assert made == {"id": made["id"], "success": True, "errors": []}
    assert answer.headers["location"] == f"{DATA}/sobjects/Lead/{made['id']}"
    lead = await org.fields("Lead", made["id"])
    assert lead["attributes"] == {"type": "Lead", "url": f"{DATA}/sobjects/Lead/{made['id']}"}
    assert (lead["Status"], lead["Name"], lead["IsConverted"]) == ("Open - Not Contacted", "Knuth", False)
    assert lead["OwnerId"] == lead["CreatedById"] == lead["LastModifiedById"] == org.user_id
    assert lead["CreatedDate"] == lead["SystemModstamp"] == "2026-11-23T09:00:00.000+0000"


async def test_texts_are_trimmed_addresses_lowered_and_blanks_are_null(org: Org) -> None:
    made = (await org.post("/sobjects/Lead", {"LastName": " Knuth \n", "Company": "TeX", "Email": " Don@TeX.example ",
                                              "Title": "  ", "Phone": ""})).json()  # fmt: skip
    lead = await org.fields("Lead", made["id"])
    assert (lead["LastName"], lead["Email"], lead["Title"], lead["Phone"]) == ("Knuth", "don@tex.example", None, None)


async def test_a_field_that_truncates_cuts_silently_and_others_refuse(org: Org) -> None:
    assert (await org.patch(f"/sobjects/Contact/{ADA}", {"Nickname__c": "Countess"})).status_code == 204
    assert (await org.fields("Contact", ADA))["Nickname__c"] == "Count"
    answer = await org.patch(f"/sobjects/Contact/{ADA}", {"FirstName": "A" * 41})
    assert error_of(answer) == (400, "STRING_TOO_LONG")
    assert answer.json()[0]["fields"] == ["FirstName"]


async def test_numbers_are_rounded_to_the_scale_of_their_field(org: Org) -> None:
    await org.patch(f"/sobjects/Contact/{ADA}", {"Score__c": 2.345})
    assert (await org.fields("Contact", ADA))["Score__c"] == 2.35
    answer = await org.patch(f"/sobjects/Contact/{ADA}", {"Score__c": 10000})
    assert error_of(answer) == (400, "NUMBER_OUTSIDE_VALID_RANGE")


async def test_the_values_of_a_multiple_list_come_back_in_the_order_of_the_list(org: Org) -> None:
    await org.patch(f"/sobjects/Contact/{ADA}", {"Topics__c": "Blue; Red;Blue"})
    assert (await org.fields("Contact", ADA))["Topics__c"] == "Red;Blue"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Foo__c": "x"}, "INVALID_FIELD"),
        ({"Name": "x"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"MailingAddress": {"city": "x"}}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"SystemModstamp": "2026-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"Id": ADA}, "INVALID_FIELD"),
        ({"LastName": None}, "REQUIRED_FIELD_MISSING"),
        ({"LastName": "  "}, "REQUIRED_FIELD_MISSING"),
        ({"Email": "not an address"}, "INVALID_EMAIL_ADDRESS"),
        ({"Stage__c": "unheard of"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"AccountId": "nonsense"}, "MALFORMED_ID"),
        ({"AccountId": GRACE}, "MALFORMED_ID"),
        ({"AccountId": new_id("001", 77)}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"OwnerId": BOB}, "INACTIVE_OWNER_OR_USER"),
        ({"DoNotCall": "true"}, "JSON_PARSER_ERROR"),
        ({"DoNotCall": None}, "JSON_PARSER_ERROR"),
        ({"Phone": 12}, "JSON_PARSER_ERROR"),
        ({"Phone": ["12"]}, "JSON_PARSER_ERROR"),
        ({"Score__c": "7"}, "JSON_PARSER_ERROR"),
        ({"Birthdate": "31/01/1990"}, "JSON_PARSER_ERROR"),
        ({"Seen__c": "yesterday"}, "JSON_PARSER_ERROR"),
        ({"Birthdate": "1990-02-30"}, "JSON_PARSER_ERROR"),
        ({"Account": {"HubSpot_Company_Id__c": "nobody"}}, "INVALID_FIELD"),
        ({"Account": "Acme"}, "INVALID_FIELD"),
    ],
)
async def test_a_bad_value_is_refused_with_its_code_and_changes_nothing(
    org: Org, fields: dict[str, Any], code: str
) -> None:
    before = await org.fields("Contact", ADA)
    answer = await org.patch(f"/sobjects/Contact/{ADA}", {"Title": "Changed", **fields})
    assert error_of(answer) == (400, code)
    assert await org.fields("Contact", ADA) == before


async def test_what_is_required_is_named_all_at_once(org: Org) -> None:
    answer = await org.post("/sobjects/Lead", {"FirstName": "X"})
    assert answer.json() == [
        {
            "message": "Required fields are missing: [LastName, Company]",
            "errorCode": "REQUIRED_FIELD_MISSING",
            "fields": ["LastName", "Company"],
        }
    ]


async def test_a_unique_value_has_one_holder_whatever_its_case(org: Org) -> None:
    answer = await org.patch(f"/sobjects/Contact/{GRACE}", {"HubSpot_Contact_Id__c": "h1"})
    assert error_of(answer) == (400, "DUPLICATE_VALUE")
    assert answer.json()[0]["message"].endswith(ADA[:15])
    await org.delete(f"/sobjects/Contact/{ADA}")
    assert (await org.patch(f"/sobjects/Contact/{GRACE}", {"HubSpot_Contact_Id__c": "h1"})).status_code == 204


async def test_a_parent_can_be_named_by_its_own_key(org: Org) -> None:
    body = {"Account": {"attributes": {"type": "Account"}, "HubSpot_Company_Id__c": "c1"}}
    assert (await org.patch(f"/sobjects/Contact/{ALAN}", body)).status_code == 204
    assert (await org.fields("Contact", ALAN))["AccountId"] == ACME


async def test_a_write_that_changes_nothing_moves_the_stamp_all_the_same(org: Org) -> None:
    org.controls.clock.advance(61)
    assert (await org.patch(f"/sobjects/Contact/{ADA}", {"FirstName": "Ada"})).status_code == 204
    ada = await org.fields("Contact", ADA)
    assert ada["SystemModstamp"] == ada["LastModifiedDate"] == "2026-11-23T09:01:01.000+0000"
    assert ada["LastModifiedById"] == org.user_id


async def test_a_converted_lead_cannot_be_changed(org: Org) -> None:
    answer = await org.patch(f"/sobjects/Lead/{MARGARET}", {"Phone": "1"})
    assert error_of(answer) == (400, "CANNOT_UPDATE_CONVERTED_LEAD")


async def test_ids_are_taken_short_and_given_long(org: Org) -> None:
    ada = await org.fields("Contact", ADA[:15])
    assert ada["Id"] == ADA
    await org.patch(f"/sobjects/Contact/{ALAN[:15]}", {"AccountId": GLOBEX[:15]})
    assert (await org.fields("Contact", ALAN))["AccountId"] == GLOBEX
    assert await org.column(f"SELECT Id FROM Contact WHERE AccountId = '{GLOBEX[:15]}'") == [ALAN]


def test_the_checksum_is_the_documented_one_and_mends_the_case() -> None:
    assert checksum("00Dxx0000001gPL") == "EAY"
    assert checksum("005xx000001SwiU") == "AAS"
    assert full_id("005XX000001SWIUAAS") == "005xx000001SwiUAAS"
    assert full_id("005xx000001SwiUEEE") is None
    assert full_id("00130000000aBc") is None
    assert full_id(None) is None


async def test_get_gives_the_asked_fields_and_knows_no_others(org: Org) -> None:
    answer = await org.get(f"/sobjects/Contact/{ADA}", params={"fields": "email,MailingAddress"})
    assert answer.json()["Email"] == "ada@acme.example"
    assert answer.json()["MailingAddress"]["city"] == "London"
    assert answer.json()["MailingAddress"]["street"] is None
    answer = await org.get(f"/sobjects/Contact/{ADA}", params={"fields": "Email,Nope"})
    assert answer.json() == [
        {"message": "No such column 'Nope' on sobject of type Contact", "errorCode": "INVALID_FIELD"}
    ]


async def test_reads_and_writes_heed_the_conditional_headers_to_the_second(org: Org) -> None:
    before, same = "Mon, 23 Nov 2026 08:59:59 GMT", "Mon, 23 Nov 2026 09:00:00 GMT"
    path = f"/sobjects/Contact/{ADA}"
    await org.patch(path, {"Phone": "1"})
    refused = await org.patch(path, {"Phone": "2"}, headers={"If-Unmodified-Since": before})
    assert refused.status_code == 412
    assert (await org.fields("Contact", ADA))["Phone"] == "1"
    # An edit within the same second goes unnoticed: the header has no finer grain.
    assert (await org.patch(path, {"Phone": "3"}, headers={"If-Unmodified-Since": same})).status_code == 204
    assert (await org.get(path, headers={"If-Modified-Since": same})).status_code == 304
    fresh = await org.get(path, headers={"If-Modified-Since": before})
    assert fresh.status_code == 200
    assert fresh.headers["last-modified"] == same
    assert (await org.patch(path, {"Phone": "4"}, headers={"If-Unmodified-Since": "rubbish"})).status_code == 204


async def test_a_deleted_record_is_in_the_bin_and_answers_404(org: Org) -> None:
    path = f"/sobjects/Contact/{GRACE}"
    assert (await org.delete(path)).status_code == 204
    assert error_of(await org.get(path)) == (404, "NOT_FOUND")
    assert error_of(await org.patch(path, {"Phone": "1"})) == (404, "ENTITY_IS_DELETED")
    assert error_of(await org.delete(path)) == (404, "ENTITY_IS_DELETED")
    assert await org.column(f"SELECT Id FROM Contact WHERE Id = '{GRACE}'") == []
    assert await org.column(f"SELECT IsDeleted FROM Contact WHERE Id = '{GRACE}'", with_deleted=True) == [True]
    assert error_of(await org.delete(f"/sobjects/Contact/{new_id('003', 5)}")) == (404, "NOT_FOUND")
    assert error_of(await org.get("/sobjects/Contact/nonsense")) == (404, "NOT_FOUND")
    assert error_of(await org.get("/sobjects/Nope/001")) == (404, "NOT_FOUND")


async def test_deleting_an_account_takes_its_contacts_along(org: Org) -> None:
    await org.delete(f"/sobjects/Account/{ACME}")
    assert await org.column("SELECT Id FROM Contact") == [ALAN]


async def test_an_upsert_makes_then_changes_and_says_which(org: Org) -> None:
    path = "/sobjects/Contact/HubSpot_Contact_Id__c/H%2F9.com"
    made = await org.patch(path, {"LastName": "New"})
    assert made.status_code == 201
    record_id = made.json()["id"]
    assert made.json() == {"id": record_id, "success": True, "errors": [], "created": True}
    again = await org.patch(path, {"LastName": "Newer"})
    assert (again.status_code, again.json()["created"], again.json()["id"]) == (200, False, record_id)
    contact = await org.fields("Contact", record_id)
    assert (contact["LastName"], contact["HubSpot_Contact_Id__c"]) == ("Newer", "H/9.com")
    assert (await org.get(path)).json()["Id"] == record_id
    assert (await org.delete(path)).status_code == 204
    assert error_of(await org.get(path)) == (404, "NOT_FOUND")


async def test_an_upsert_by_email_that_several_have_is_a_300_with_their_urls(org: Org) -> None:
    await org.post("/sobjects/Contact", {"LastName": "Twin", "Email": "ADA@acme.example"})
    answer = await org.patch("/sobjects/Contact/Email/ada%40acme.example", {"Phone": "1"})
    assert answer.status_code == 300
    assert f"{DATA}/sobjects/Contact/{ADA}" in answer.json()
    assert len(answer.json()) == 2


async def test_an_upsert_needs_a_key_field_and_not_the_key_in_its_body(org: Org) -> None:
    assert error_of(await org.patch("/sobjects/Contact/Title/x", {})) == (404, "NOT_FOUND")
    answer = await org.patch("/sobjects/Contact/HubSpot_Contact_Id__c/H1", {"HubSpot_Contact_Id__c": "H1"})
    assert error_of(answer) == (400, "INVALID_FIELD")
    answer = await org.patch("/sobjects/Contact/HubSpot_Contact_Id__c/nobody?updateOnly=true", {"LastName": "X"})
    assert error_of(answer) == (404, "NOT_FOUND")


async def test_patch_by_id_as_a_key_answers_200_with_a_body(org: Org) -> None:
    answer = await org.patch(f"/sobjects/Contact/Id/{ADA}", {"Phone": "77"})
    assert answer.status_code == 200
    assert answer.json() == {"id": ADA, "success": True, "errors": [], "created": False}
    made = await org.post("/sobjects/Contact/Id", {"LastName": "By form", "HubSpot_Contact_Id__c": "H77"})
    assert made.status_code == 201


async def test_changes_of_tracked_fields_leave_history_with_who_and_when(org: Org) -> None:
    org.controls.clock.advance(60)
    await org.patch(f"/sobjects/Lead/{LINUS}", {"Phone": "+1 2", "Title": "Untracked"})
    rows = (await org.soql("SELECT LeadId, Field, OldValue, NewValue, CreatedDate, CreatedById FROM LeadHistory"))[
        "records"
    ]
    assert [{key: value for key, value in row.items() if key != "attributes"} for row in rows] == [
        {
            "LeadId": LINUS,
            "Field": "Phone",
            "OldValue": "+1 1",
            "NewValue": "+1 2",
            "CreatedDate": "2026-11-23T09:01:00.000+0000",
            "CreatedById": org.user_id,
        }
    ]
    made = (await org.post("/sobjects/Lead", {"LastName": "K", "Company": "T"})).json()["id"]
    assert await org.column(f"SELECT Field FROM LeadHistory WHERE LeadId = '{made}'") == ["created"]


async def test_a_persons_edit_is_by_a_person_and_stands_in_the_history(org: Org) -> None:
    org.controls.clock.advance(5)
    answer = await org.client.patch(f"/_control/records/Lead/{LINUS}", json={"fields": {"Email": "l@k.example"}})
    assert answer.status_code == 200
    lead = await org.fields("Lead", LINUS)
    assert (lead["LastModifiedById"], lead["Email"]) == (ALICE, "l@k.example")
    assert lead["SystemModstamp"] == "2026-11-23T09:00:05.000+0000"
    assert await org.column("SELECT CreatedById FROM LeadHistory WHERE Field = 'Email'") == [ALICE]
    made = await org.control("records/Lead", {"fields": {"LastName": "Hand", "Company": "Made"}, "by": BOB})
    assert (await org.fields("Lead", made["id"]))["CreatedById"] == BOB
    assert (await org.client.delete(f"/_control/records/Lead/{LINUS}")).status_code == 200
    left = (await org.client.get("/_control/records/Lead")).json()["records"]
    assert [one["id"] for one in left] == [MARGARET, made["id"]]
    assert left[1]["fields"]["LastName"] == "Hand"
    refused = await org.client.patch(f"/_control/records/Lead/{MARGARET}", json={"fields": {"Email": "bad"}})
    assert (refused.status_code, "INVALID_EMAIL_ADDRESS" in refused.text) == (400, True)


async def test_a_custom_object_has_its_own_records_and_relationships(org: Org) -> None:
    made = await org.post("/sobjects/Subscription__c", {"Name": "Gold", "Contact__c": ADA, "Seats__c": 3})
    assert made.status_code == 201
    assert await org.column("SELECT Contact__r.Email FROM Subscription__c") == [
        {"attributes": {"type": "Contact", "url": f"{DATA}/sobjects/Contact/{ADA}"}, "Email": "ada@acme.example"}
    ]
    found = await org.column(f"SELECT (SELECT Name FROM Subscriptions__r) FROM Contact WHERE Id = '{ADA}'")
    assert [one["Name"] for one in found[0]["records"]] == ["Gold"]


async def test_a_lead_that_a_person_converts_points_at_its_contact(org: Org) -> None:
    made = await org.control(f"convert/{LINUS}", {})
    lead, contact = await org.fields("Lead", LINUS), await org.fields("Contact", made["contact_id"])
    assert (lead["IsConverted"], lead["ConvertedContactId"], lead["ConvertedDate"]) == (
        True,
        contact["Id"],
        "2026-11-23",
    )
    assert (contact["Email"], contact["AccountId"]) == ("linus@kernel.example", made["account_id"])
    assert (await org.fields("Account", made["account_id"]))["Name"] == "Kernel"


async def test_a_merge_leaves_the_loser_in_the_bin_with_its_master(org: Org) -> None:
    await org.control("merge/Contact", {"master": ALAN, "losers": [GRACE]})
    rows = await org.column(f"SELECT MasterRecordId FROM Contact WHERE Id = '{GRACE}'", with_deleted=True)
    assert rows == [ALAN]
    assert (await org.fields("Contact", ALAN))["Email"] == "grace@acme.example"
    await org.control(f"undelete/Contact/{GRACE}")
    assert (await org.fields("Contact", GRACE))["MasterRecordId"] is None
