"""The Salesforce sandbox: the standard objects as describe shows them, and custom objects that a world declares."""

# ruff: noqa: S608 - the queries run in a sandbox in memory
from __future__ import annotations

from typing import Any

import pytest
from simple_salesforce.format import format_soql
from tests.sandbox.salesforce_world import ACME, ADA, GLOBEX, Org, error_of, world

from concord_sandbox.salesforce.schema import TYPES
from concord_sandbox.service import ControlError

PREFIXES = {
    "Account": "001", "Contact": "003", "Lead": "00Q", "Opportunity": "006", "OpportunityContactRole": "00K",
    "OpportunityLineItem": "00k", "OpportunityStage": "01J", "Product2": "01t", "Pricebook2": "01s",
    "PricebookEntry": "01u", "Task": "00T", "Event": "00U", "EmailMessage": "02s", "Case": "500", "Campaign": "701",
    "CampaignMember": "00v", "CampaignMemberStatus": "01Y", "User": "005", "Group": "00G", "GroupMember": "011",
    "QueueSobject": "03g", "RecordType": "012", "TaskStatus": "01J", "CaseStatus": "01J", "LeadStatus": "01J",
}  # fmt: skip


@pytest.fixture
def org() -> Org:
    return Org()


async def describe(org: Org, name: str) -> dict[str, Any]:
    answer = await org.get(f"/sobjects/{name}/describe")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def test_every_standard_object_is_listed_with_its_key_prefix(org: Org) -> None:
    listed = {one["name"]: one for one in (await org.get("/sobjects")).json()["sobjects"]}
    assert {name: listed[name]["keyPrefix"] for name in PREFIXES} == PREFIXES
    assert listed["Name"]["keyPrefix"] is None
    assert "Individual" not in listed
    assert "CurrencyType" not in listed


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("Lead", {"createable", "updateable", "deletable", "undeletable", "mergeable", "replicateable", "triggerable"}),
        ("Case", {"createable", "updateable", "deletable", "undeletable", "mergeable", "replicateable", "triggerable"}),
        ("Opportunity", {"createable", "updateable", "deletable", "undeletable", "replicateable", "triggerable"}),
        ("CampaignMember", {"createable", "updateable", "deletable", "replicateable", "triggerable"}),
        ("User", {"createable", "updateable", "replicateable", "triggerable"}),
        ("OpportunityStage", set()),
    ],
)
async def test_describe_says_what_can_be_done_with_an_object(org: Org, name: str, flags: set[str]) -> None:
    shown = await describe(org, name)
    asked = ("createable", "updateable", "deletable", "undeletable", "mergeable", "replicateable", "triggerable")
    assert {flag for flag in asked if shown[flag]} == flags
    assert shown["queryable"] is shown["retrieveable"] is True
    keys = {"layouts", "rowTemplate", "sobject", "describe"}
    assert keys <= shown["urls"].keys()


async def test_every_field_of_every_object_has_a_known_type_and_leads_somewhere(org: Org) -> None:
    listed = {one["name"] for one in (await org.get("/sobjects")).json()["sobjects"]}
    for name in listed:
        shown = await describe(org, name)
        names = [field["name"] for field in shown["fields"]]
        assert len(names) == len(set(names)), name
        for field in shown["fields"]:
            assert len(field) == 57
            assert field["type"] in TYPES
            assert set(field["referenceTo"]) <= listed, (name, field["name"])
            assert field["polymorphicForeignKey"] is (len(field["referenceTo"]) > 1 and field["namePointing"])
        for child in shown["childRelationships"]:
            assert child["childSObject"] in listed


@pytest.mark.parametrize(
    ("parent", "expected"),
    [
        ("Account", {"Contacts", "Opportunities", "Cases", "Tasks", "Events", "Emails", "ChildAccounts", "Histories"}),
        ("Contact", {"OpportunityContactRoles", "CampaignMembers", "Cases", "Tasks", "Events", "Histories"}),
        ("Lead", {"CampaignMembers", "Tasks", "Events", "Histories"}),
        ("Opportunity", {"OpportunityContactRoles", "OpportunityLineItems", "Tasks", "Events", "Histories"}),
        ("Campaign", {"CampaignMembers", "CampaignMemberStatuses", "Opportunities", "ChildCampaigns"}),
        ("Product2", {"PricebookEntries"}),
    ],
)
async def test_children_are_reached_by_the_names_that_salesforce_gives_them(
    org: Org, parent: str, expected: set[str]
) -> None:
    shown = await describe(org, parent)
    names = {child["relationshipName"] for child in shown["childRelationships"]}
    assert expected <= names
    for name in expected - {"Histories"}:
        assert await org.soql(f"SELECT Id, (SELECT Id FROM {name}) FROM {parent} LIMIT 1")


@pytest.mark.parametrize(
    ("name", "required"),
    [
        ("Opportunity", {"Name", "StageName", "CloseDate"}),
        ("OpportunityContactRole", {"OpportunityId", "ContactId"}),
        ("OpportunityLineItem", {"OpportunityId", "Quantity"}),
        ("PricebookEntry", {"Pricebook2Id", "Product2Id", "UnitPrice"}),
        ("Product2", {"Name"}),
        ("Task", set()),
        ("Event", set()),
        ("Case", set()),
        ("Campaign", {"Name"}),
        ("CampaignMember", {"CampaignId"}),
        ("CampaignMemberStatus", {"CampaignId", "Label"}),
        ("EmailMessage", set()),
        ("EmailMessageRelation", {"EmailMessageId", "RelationType"}),
    ],
)
async def test_a_record_without_what_its_object_requires_is_refused(org: Org, name: str, required: set[str]) -> None:
    fields = (await describe(org, name))["fields"]
    wanted = {f["name"] for f in fields if f["createable"] and not f["nillable"] and not f["defaultedOnCreate"]}
    assert wanted == required
    if required:
        answer = await org.post(f"/sobjects/{name}", {})
        assert error_of(answer) == (400, "REQUIRED_FIELD_MISSING")


async def test_rows_say_what_the_values_of_a_status_mean(org: Org) -> None:
    found = await org.soql("SELECT ApiName, IsWon, DefaultProbability FROM OpportunityStage WHERE IsClosed = true")
    assert [(one["ApiName"], one["IsWon"], one["DefaultProbability"]) for one in found["records"]] == [
        ("Closed Won", True, 100), ("Closed Lost", False, 0)]  # fmt: skip
    assert found["records"][0]["attributes"]["type"] == "OpportunityStage"
    assert await org.column("SELECT ApiName FROM TaskStatus WHERE IsClosed = true") == ["Completed"]
    assert await org.column("SELECT ApiName FROM CaseStatus WHERE IsDefault = true") == ["New"]
    answer = await org.post("/sobjects/OpportunityStage", {"MasterLabel": "x"})
    assert error_of(answer) == (400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY")


async def test_stages_of_a_world_replace_those_of_a_new_org() -> None:
    section = world()
    section["records"]["OpportunityStage"] = [
        {"MasterLabel": "Talk", "ApiName": "talk", "SortOrder": 1, "IsActive": True, "DefaultProbability": 30,
         "ForecastCategoryName": "Best Case", "ForecastCategory": "BestCase"},
        {"MasterLabel": "Won!", "ApiName": "won", "SortOrder": 2, "IsActive": True, "IsClosed": True, "IsWon": True,
         "DefaultProbability": 100, "ForecastCategoryName": "Closed", "ForecastCategory": "Closed"},
    ]  # fmt: skip
    org = Org(section)
    (stage,) = [one for one in (await describe(org, "Opportunity"))["fields"] if one["name"] == "StageName"]
    assert [(one["value"], one["label"]) for one in stage["picklistValues"]] == [("talk", "Talk"), ("won", "Won!")]
    made = await org.post("/sobjects/Opportunity", {"Name": "A", "StageName": "talk", "CloseDate": "2026-12-01"})
    shown = await org.fields("Opportunity", made.json()["id"])
    assert (shown["Probability"], shown["ForecastCategory"]) == (30, "BestCase")


async def test_fields_of_activity_are_those_of_tasks_and_events() -> None:
    section = world()
    key = {"name": "HubSpot_Engagement_Id__c", "type": "string", "length": 32, "externalId": True, "unique": True}
    section["objects"]["Activity"] = {"fields": [key]}
    org = Org(section)
    for name in ("Task", "Event"):
        assert "HubSpot_Engagement_Id__c" in {one["name"] for one in (await describe(org, name))["fields"]}
    answer = await org.patch("/sobjects/Task/HubSpot_Engagement_Id__c/E1", {"Subject": "Note", "WhoId": ADA})
    assert (answer.status_code, answer.json()["created"]) == (201, True)
    again = await org.patch("/sobjects/Task/HubSpot_Engagement_Id__c/E1", {"Subject": "Note 2"})
    assert (again.status_code, again.json()["created"]) == (200, False)


async def test_individuals_are_there_when_privacy_is_switched_on() -> None:
    org = Org({**world(), "features": ["data_protection"]})
    made = (await org.post("/sobjects/Individual", {"LastName": "Lovelace", "HasOptedOutSolicit": True})).json()["id"]
    assert made.startswith("0PK")
    assert (await org.patch(f"/sobjects/Contact/{ADA}", {"IndividualId": made})).status_code == 204
    assert await org.column("SELECT Name FROM Contact WHERE Individual.HasOptedOutSolicit = true") == ["Ada Lovelace"]


async def test_queues_have_members_and_own_leads(org: Org) -> None:
    queue = (await org.post("/sobjects/Group", {"Name": "Inbound", "Type": "Queue"})).json()["id"]
    assert (
        await org.post("/sobjects/GroupMember", {"GroupId": queue, "UserOrGroupId": org.user_id})
    ).status_code == 201
    assert (await org.post("/sobjects/QueueSobject", {"QueueId": queue, "SobjectType": "Lead"})).status_code == 201
    lead = {"LastName": "A", "Company": "B", "OwnerId": queue}
    made = (await org.post("/sobjects/Lead", lead)).json()["id"]
    assert await org.column("SELECT Id FROM Lead WHERE Owner.Type = 'Group'") == [made]
    assert error_of(await org.patch(f"/sobjects/Contact/{ADA}", {"OwnerId": queue})) == (400, "MALFORMED_ID")
    again = Org(org.service.save())
    assert await again.column("SELECT UserOrGroupId FROM GroupMember") == [org.user_id]


# Custom objects


def with_invoices() -> dict[str, Any]:
    section = world()
    section["objects"] |= {
        "Invoice__c": {
            "label": "Invoice",
            "keyPrefix": "a0I",
            "activities": True,
            "fields": [
                {"name": "Name", "autoNumber": True, "displayFormat": "INV-{YYYY}-{0000}"},
                {"name": "Account__c", "type": "reference", "referenceTo": ["Account"], "masterDetail": True,
                 "childRelationshipName": "Invoices__r"},
                {"name": "Payer__c", "type": "reference", "referenceTo": ["Contact"],
                 "childRelationshipName": "Invoices__r"},
                {"name": "Approver__c", "type": "reference", "referenceTo": ["Contact"], "restrictedDelete": True},
                {"name": "Total__c", "type": "currency", "trackHistory": True},
                {"name": "Share__c", "type": "percent"},
                {"name": "Due__c", "type": "date"},
                {"name": "Call_At__c", "type": "time"},
                {"name": "Paid__c", "type": "boolean"},
                {"name": "Notes__c", "type": "textarea", "length": 32768, "htmlFormatted": True},
                {"name": "Link__c", "type": "url"},
                {"name": "Ticket__c", "type": "string", "autoNumber": True, "displayFormat": "T{000}"},
                {"name": "Place__c", "type": "location"},
                {"name": "Secret__c", "type": "encryptedstring", "length": 20, "mask": "X"},
            ],
        },
        "Line__c": {
            "fields": [
                {"name": "Invoice__c", "type": "reference", "referenceTo": ["Invoice__c"], "masterDetail": True,
                 "childRelationshipName": "Lines__r"},
            ],
        },
    }  # fmt: skip
    return section


@pytest.fixture
def invoices() -> Org:
    return Org(with_invoices())


async def test_a_detail_is_numbered_needs_its_master_and_goes_with_it(invoices: Org) -> None:
    assert error_of(await invoices.post("/sobjects/Invoice__c", {})) == (400, "REQUIRED_FIELD_MISSING")
    made = (await invoices.post("/sobjects/Invoice__c", {"Account__c": ACME, "Total__c": 9.999})).json()["id"]
    assert made.startswith("a0I")
    line = (await invoices.post("/sobjects/Line__c", {"Invoice__c": made})).json()["id"]
    shown = await invoices.fields("Invoice__c", made)
    assert (shown["Name"], shown["Ticket__c"], shown["Total__c"]) == ("INV-2026-0001", "T001", 10.0)
    assert "OwnerId" not in shown
    answer = await invoices.patch(f"/sobjects/Invoice__c/{made}", {"Account__c": GLOBEX})
    assert error_of(answer) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    asked = f"SELECT Id, (SELECT Name FROM Invoices__r) FROM Account WHERE Id = '{ACME}'"
    (account,) = (await invoices.soql(asked))["records"]
    assert account["Invoices__r"]["records"][0]["Name"] == "INV-2026-0001"
    assert await invoices.column("SELECT Invoice__r.Account__r.Name FROM Line__c")
    assert (await invoices.delete(f"/sobjects/Account/{ACME}")).status_code == 204
    for name, record_id in (("Invoice__c", made), ("Line__c", line)):
        assert (await invoices.get(f"/sobjects/{name}/{record_id}")).status_code == 404


async def test_a_lookup_lets_go_and_a_restricted_one_holds(invoices: Org) -> None:
    given = {"Account__c": GLOBEX, "Payer__c": ADA}
    made = (await invoices.post("/sobjects/Invoice__c", given)).json()["id"]
    held = (await invoices.post("/sobjects/Invoice__c", {"Account__c": GLOBEX, "Approver__c": ADA})).json()["id"]
    assert error_of(await invoices.delete(f"/sobjects/Contact/{ADA}")) == (400, "DELETE_FAILED")
    await invoices.delete(f"/sobjects/Invoice__c/{held}")
    assert (await invoices.delete(f"/sobjects/Contact/{ADA}")).status_code == 204
    assert (await invoices.fields("Invoice__c", made))["Payer__c"] is None


async def test_describe_tells_a_master_from_a_lookup_and_shows_every_type(invoices: Org) -> None:
    shown = await describe(invoices, "Invoice__c")
    fields = {one["name"]: one for one in shown["fields"]}
    master, lookup = fields["Account__c"], fields["Payer__c"]
    assert (master["cascadeDelete"], master["writeRequiresMasterRead"], master["relationshipOrder"]) == (True, True, 0)
    assert (lookup["cascadeDelete"], lookup["nillable"], lookup["relationshipName"]) == (False, True, "Payer__r")
    assert (fields["Name"]["autoNumber"], fields["Name"]["createable"], fields["Name"]["nameField"]) == (
        True,
        False,
        True,
    )
    assert (fields["Notes__c"]["htmlFormatted"], fields["Notes__c"]["filterable"]) == (True, False)
    assert (fields["Total__c"]["precision"], fields["Total__c"]["scale"]) == (18, 2)
    assert {"Invoice__History", "Line__c", "Task"} <= {one["childSObject"] for one in shown["childRelationships"]}
    assert all(len(one) == 57 for one in shown["fields"])


async def test_tracked_fields_of_a_custom_object_have_a_history(invoices: Org) -> None:
    made = (await invoices.post("/sobjects/Invoice__c", {"Account__c": ACME, "Total__c": 5})).json()["id"]
    await invoices.patch(f"/sobjects/Invoice__c/{made}", {"Total__c": 6, "Paid__c": True})
    found = await invoices.soql(f"SELECT Field, OldValue, NewValue FROM Invoice__History WHERE ParentId = '{made}'")
    rows = [(one["Field"], one["OldValue"], one["NewValue"]) for one in found["records"]]
    assert ("Total__c", 5, 6) in rows
    assert all(field != "Paid__c" for field, _, _ in rows)


async def test_a_task_can_be_about_a_custom_object_that_has_activities(invoices: Org) -> None:
    made = (await invoices.post("/sobjects/Invoice__c", {"Account__c": ACME})).json()["id"]
    answer = await invoices.post("/sobjects/Task", {"Subject": "Dun", "WhatId": made})
    assert answer.status_code == 201, answer.text
    text = format_soql("SELECT What.Name, What.Type FROM Task WHERE WhatId = {}", made)
    (task,) = (await invoices.soql(text))["records"]
    assert (task["What"]["Name"], task["What"]["Type"]) == ("INV-2026-0001", "Invoice__c")


async def test_numbers_go_on_where_a_saved_world_stopped(invoices: Org) -> None:
    made = (await invoices.post("/sobjects/Invoice__c", {"Account__c": ACME})).json()["id"]
    await invoices.delete(f"/sobjects/Invoice__c/{made}")
    again = Org(invoices.service.save())
    second = (await again.post("/sobjects/Invoice__c", {"Account__c": ACME})).json()["id"]
    assert (await again.fields("Invoice__c", second))["Name"] == "INV-2026-0002"


@pytest.mark.parametrize(
    "section",
    [
        {"features": ["telepathy"]},
        {"objects": {"Invoice__c": {"fields": [{"name": "X__c", "type": "blob"}]}}},
        {"objects": {"Invoice": {"fields": []}}},
        {"objects": {"Case": {"fields": [{"name": "X__c", "colour": "red"}]}}},
        {"currencies": [{"ConversionRate": 2}]},
        {"records": {"Event": [{"Subject": "never"}]}},
    ],
)
def test_a_world_that_declares_what_there_is_not_is_refused(section: dict[str, Any]) -> None:
    with pytest.raises(ControlError):
        Org(section)
