"""The Salesforce sandbox: what the integration user may know of and change; record types and dependent picklists."""

# ruff: noqa: S608 - the queries run in a sandbox in memory
from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest
from tests.sandbox.salesforce_world import ACME, ADA, DATA, LINUS, Org, error_of, world

from concord_sandbox.service import ControlError


def guarded() -> Org:
    section = world()
    section["access"] = {
        "hidden": {"Contact": ["HasOptedOutOfEmail", "Score__c"], "Subscription__c": ["Contact__c"]},
        "read_only": {"Contact": ["Title"]},
        "objects": {"Case": "none", "Campaign": "read"},
        "no_delete": ["Contact"],
    }
    return Org(section)


@pytest.fixture
def org() -> Org:
    return guarded()


# Field-level security


async def test_a_hidden_field_does_not_exist_for_the_integration_user(org: Org) -> None:
    shown = (await org.get("/sobjects/Contact/describe")).json()
    assert not {"HasOptedOutOfEmail", "Score__c"} & {one["name"] for one in shown["fields"]}
    assert "Subscriptions__r" not in {one["relationshipName"] for one in shown["childRelationships"]}
    assert "Score__c" not in await org.fields("Contact", ADA)
    for text in (
        "SELECT Score__c FROM Contact",
        "SELECT Id FROM Contact WHERE Score__c > 1",
        "SELECT Id FROM Contact ORDER BY Score__c",
        "SELECT Contact__r.Name FROM Subscription__c",
    ):
        assert (await org.refusal(text))[0] == "INVALID_FIELD"
    record = (await org.soql(f"SELECT FIELDS(ALL) FROM Contact WHERE Id = '{ADA}' LIMIT 1"))["records"][0]
    assert "HasOptedOutOfEmail" not in record
    assert error_of(await org.get(f"/sobjects/Contact/{ADA}?fields=Score__c")) == (400, "INVALID_FIELD")
    answer = await org.patch(f"/sobjects/Contact/{ADA}", {"Score__c": 1})
    assert error_of(answer) == (400, "INVALID_FIELD")
    assert answer.json()[0]["message"].startswith("No such column 'Score__c'")


async def test_a_field_that_may_only_be_read_says_so_and_refuses_writes(org: Org) -> None:
    fields = {one["name"]: one for one in (await org.get("/sobjects/Contact/describe")).json()["fields"]}
    assert fields["Title"]["createable"] is fields["Title"]["updateable"] is False
    assert fields["Department"]["updateable"] is True
    answer = await org.patch(f"/sobjects/Contact/{ADA}", {"Title": "Dr", "Department": "R"})
    assert error_of(answer) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    assert answer.json()[0]["fields"] == ["Title"]
    assert (await org.fields("Contact", ADA))["Department"] is None


async def test_people_at_the_screens_see_and_write_what_the_integration_user_may_not(org: Org) -> None:
    org.service.human_edit("Contact", ADA, {"Score__c": 3, "Title": "Countess"}, None)
    (ada,) = [one for one in org.service.records("Contact") if one["id"] == ADA]
    assert (ada["fields"]["Score__c"], ada["fields"]["Title"]) == (3, "Countess")
    assert (await org.fields("Contact", ADA))["Title"] == "Countess"


# Objects


async def test_an_object_without_rights_does_not_exist(org: Org) -> None:
    assert "Case" not in {one["name"] for one in (await org.get("/sobjects")).json()["sobjects"]}
    assert error_of(await org.get("/sobjects/Case/describe")) == (404, "NOT_FOUND")
    assert error_of(await org.post("/sobjects/Case", {"Subject": "x"})) == (404, "NOT_FOUND")
    assert (await org.refusal("SELECT Id FROM Case"))[0] == "INVALID_TYPE"
    account = (await org.get("/sobjects/Account/describe")).json()
    assert "Case" not in {one["childSObject"] for one in account["childRelationships"]}


async def test_an_object_that_may_be_read_only_refuses_every_write(org: Org) -> None:
    shown = (await org.get("/sobjects/Campaign/describe")).json()
    assert [shown[flag] for flag in ("queryable", "createable", "updateable", "deletable")] == [
        True,
        False,
        False,
        False,
    ]
    assert error_of(await org.post("/sobjects/Campaign", {"Name": "x"})) == (400, "INVALID_TYPE_FOR_OPERATION")
    made = await org.control("records/Campaign", {"fields": {"Name": "By hand"}})
    assert await org.column("SELECT Name FROM Campaign") == ["By hand"]
    for answer in (
        await org.patch(f"/sobjects/Campaign/{made['id']}", {"Name": "y"}),
        await org.delete(f"/sobjects/Campaign/{made['id']}"),
    ):
        assert error_of(answer) == (403, "INSUFFICIENT_ACCESS_OR_READONLY")


async def test_records_that_may_not_be_deleted_stay(org: Org) -> None:
    assert error_of(await org.delete(f"/sobjects/Contact/{ADA}")) == (403, "INSUFFICIENT_ACCESS_OR_READONLY")
    assert (await org.get("/sobjects/Contact/describe")).json()["deletable"] is False
    answer = await org.delete(f"/sobjects/User/{org.user_id}")
    assert error_of(answer) == (400, "INVALID_TYPE_FOR_OPERATION")


async def test_rights_can_be_changed_while_the_sandbox_runs_and_are_saved(org: Org) -> None:
    stamp = (await org.get("/sobjects/Contact/describe")).headers["last-modified"]
    org.controls.clock.advance(60)
    await org.control("access", {"hidden": {"Contact": ["Email"]}, "visible": {"Contact": ["Score__c"]},
                                 "writable": {"Contact": ["Title"]}, "objects": {"Case": "write"}})  # fmt: skip
    answer = await org.get("/sobjects/Contact/describe", headers={"If-Modified-Since": stamp})
    assert answer.status_code == 200
    names = {one["name"] for one in answer.json()["fields"]}
    assert "Score__c" in names
    assert "Email" not in names
    assert (await org.patch(f"/sobjects/Contact/{ADA}", {"Title": "Dr", "Score__c": 1})).status_code == 204
    assert (await org.post("/sobjects/Case", {"Subject": "x"})).status_code == 201
    again = Org(org.service.save())
    assert again.service.save() == org.service.save()
    assert (await again.refusal("SELECT Email FROM Contact"))[0] == "INVALID_FIELD"


@pytest.mark.parametrize(
    "access",
    [
        {"hidden": {"Contact": ["Nope__c"]}},
        {"hidden": {"Nope": ["Email"]}},
        {"hidden": {"Contact": ["LastName"]}},
        {"objects": {"Case": "some"}},
        {"magic": 1},
    ],
)
def test_rights_to_what_there_is_not_make_no_world(access: dict[str, Any]) -> None:
    with pytest.raises(ControlError):
        Org({**world(), "access": access})


# Record types


def typed() -> dict[str, Any]:
    section = world()
    section["objects"]["Lead"] = {
        "fields": [
            *section["objects"]["Lead"]["fields"],
            {"name": "Plan__c", "type": "picklist", "restrictedPicklist": True, "controllerName": "Stage__c",
             "picklistValues": [
                 {"value": "Trial", "validFor": ["lead"]},
                 {"value": "Gold", "validFor": ["customer"]},
                 {"value": "Basic", "validFor": ["lead", "customer"]},
             ]},
        ],
        "recordTypes": [
            {"developerName": "Buyer", "name": "Buyers", "default": True,
             "picklistValues": {"Status": ["Working - Contacted", "Closed - Converted"], "Stage__c": ["customer"]}},
            {"developerName": "Partner"},
            {"developerName": "Old", "active": False},
        ],
    }  # fmt: skip
    return section


@pytest.fixture
def types() -> Org:
    return Org(typed())


async def ids(org: Org) -> dict[str, str]:
    found = (await org.soql("SELECT Id, DeveloperName FROM RecordType WHERE SobjectType = 'Lead'"))["records"]
    return {one["DeveloperName"]: one["Id"] for one in found}


async def test_describe_lists_the_record_types_with_the_default(types: Org) -> None:
    infos = (await types.get("/sobjects/Lead/describe")).json()["recordTypeInfos"]
    known = await ids(types)
    assert [(one["developerName"], one["name"], one["recordTypeId"]) for one in infos] == [
        ("Buyer", "Buyers", known["Buyer"]),
        ("Partner", "Partner", known["Partner"]),
        ("Old", "Old", known["Old"]),
        ("Master", "Master", "012000000000000AAA"),
    ]
    assert [one["defaultRecordTypeMapping"] for one in infos] == [True, False, False, False]
    assert [one["available"] for one in infos] == [True, True, False, True]
    assert infos[0]["urls"]["layout"] == f"{DATA}/sobjects/Lead/describe/layouts/{known['Buyer']}"


async def test_a_record_has_the_default_type_unless_it_names_one(types: Org) -> None:
    known = await ids(types)
    given = {"LastName": "A", "Company": "B", "Status": "Working - Contacted"}
    first = (await types.post("/sobjects/Lead", given)).json()["id"]
    second = (await types.post("/sobjects/Lead", {**given, "RecordTypeId": known["Partner"]})).json()["id"]
    assert await types.column(f"SELECT RecordType.DeveloperName, Id FROM Lead WHERE Id = '{first}'") == [
        {"attributes": {"type": "RecordType", "url": f"{DATA}/sobjects/RecordType/{known['Buyer']}"},
         "DeveloperName": "Buyer"}]  # fmt: skip
    assert await types.column("SELECT Id FROM Lead WHERE RecordType.DeveloperName = 'Partner'") == [second]
    for wrong in (known["Old"], "012000000000001AAA"):
        answer = await types.post("/sobjects/Lead", {**given, "RecordTypeId": wrong})
        assert error_of(answer) == (400, "INVALID_CROSS_REFERENCE_KEY")


async def test_a_record_type_narrows_restricted_picklists_only(types: Org) -> None:
    given = {"LastName": "A", "Company": "B", "Status": "Open - Not Contacted"}
    assert (await types.post("/sobjects/Lead", given)).status_code == 201
    answer = await types.post("/sobjects/Lead", {**given, "Stage__c": "lead"})
    assert error_of(answer) == (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
    partner = (await ids(types))["Partner"]
    assert (
        await types.post("/sobjects/Lead", {**given, "Stage__c": "lead", "RecordTypeId": partner})
    ).status_code == 201


async def test_the_ui_api_gives_the_picklist_values_of_a_record_type(types: Org) -> None:
    known = await ids(types)
    path = "/ui-api/object-info/Lead/picklist-values"
    body = (await types.get(f"{path}/{known['Buyer']}")).json()
    values = body["picklistFieldValues"]
    assert [one["value"] for one in values["Status"]["values"]] == ["Working - Contacted", "Closed - Converted"]
    assert values["Plan__c"]["controllerValues"] == {"lead": 0, "customer": 1}
    assert [(one["value"], one["validFor"]) for one in values["Plan__c"]["values"]] == [
        ("Trial", [0]), ("Gold", [1]), ("Basic", [0, 1])]  # fmt: skip
    one = (await types.get(f"{path}/012000000000000AAA/Status")).json()
    assert one["values"][0]["value"] == one["defaultValue"]["value"] == "Open - Not Contacted"
    assert one["url"] == f"{DATA}{path}/012000000000000AAA/Status"
    for wrong in (f"{path}/012000000000009AAA", f"{path}/{known['Buyer']}/Email", f"{path}/nonsense"):
        assert (await types.get(wrong)).status_code == 400
    assert error_of(await types.get(f"/ui-api/object-info/Nope/picklist-values/{known['Buyer']}"))[0] == 404


async def test_a_saved_world_keeps_its_record_types(types: Org) -> None:
    saved = types.service.save()
    again = Org(saved)
    assert again.service.save() == saved
    assert await ids(again) == await ids(types)


# Dependent picklists


async def test_describe_shows_a_dependency_as_a_bitmap(types: Org) -> None:
    fields = {one["name"]: one for one in (await types.get("/sobjects/Lead/describe")).json()["fields"]}
    shown = fields["Plan__c"]
    assert (shown["controllerName"], shown["dependentPicklist"]) == ("Stage__c", True)
    assert [b64decode(one["validFor"])[0] for one in shown["picklistValues"]] == [0b1000_0000, 0b0100_0000, 0b1100_0000]


async def test_a_value_that_its_controlling_value_does_not_allow_is_refused(types: Org) -> None:
    partner = (await ids(types))["Partner"]
    given = {"RecordTypeId": partner, "Stage__c": "lead", "Plan__c": "Trial"}
    assert (await types.patch(f"/sobjects/Lead/{LINUS}", given)).status_code == 204
    for wrong in ({"Plan__c": "Gold"}, {"Stage__c": "customer"}, {"Stage__c": None}):
        answer = await types.patch(f"/sobjects/Lead/{LINUS}", wrong)
        assert error_of(answer) == (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
    both = {"Stage__c": "customer", "Plan__c": "Basic"}
    assert (await types.patch(f"/sobjects/Lead/{LINUS}", both)).status_code == 204


@pytest.mark.parametrize(
    "lead",
    [
        {"recordTypes": [{"developerName": "X", "picklistValues": {"Nope": ["a"]}}]},
        {"recordTypes": [{"developerName": "X", "picklistValues": {"Status": ["Nope"]}}]},
        {"recordTypes": [{"name": "X"}]},
        {"recordTypes": [{"developerName": "X", "colour": "red"}]},
        {"fields": [{"name": "P__c", "type": "picklist", "controllerName": "Nope__c", "picklistValues": ["a"]}]},
        {"fields": [{"name": "P__c", "type": "picklist", "controllerName": "Status",
                     "picklistValues": [{"value": "a", "validFor": ["Nope"]}]}]},
    ],
)  # fmt: skip
def test_a_malformed_declaration_makes_no_world(lead: dict[str, Any]) -> None:
    with pytest.raises(ControlError):
        Org({"objects": {"Lead": lead}})


async def test_an_object_without_record_types_has_no_record_type_field(types: Org) -> None:
    assert (await types.refusal(f"SELECT RecordTypeId FROM Account WHERE Id = '{ACME}'"))[0] == "INVALID_FIELD"
