"""The Salesforce sandbox: what is derived when records of the standard objects are written."""

# ruff: noqa: S608 - the queries run in a sandbox in memory
from __future__ import annotations

from typing import Any

import pytest
from tests.sandbox.salesforce_world import ACME, ADA, ALAN, ALICE, GRACE, LINUS, Org, error_of, world

from concord_sandbox.salesforce.ids import new_id


@pytest.fixture
def org() -> Org:
    return Org()


async def make(org: Org, name: str, **fields: Any) -> str:
    """The id of a record that has to be made."""
    answer = await org.post(f"/sobjects/{name}", fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def change(org: Org, name: str, record_id: str, **fields: Any) -> None:
    answer = await org.patch(f"/sobjects/{name}/{record_id}", fields)
    assert answer.status_code == 204, answer.text


async def deal(org: Org, **fields: Any) -> str:
    given = {"Name": "Big one", "StageName": "Prospecting", "CloseDate": "2026-12-24", "AccountId": ACME}
    return await make(org, "Opportunity", **{**given, **fields})


# Opportunities


async def test_the_stage_of_an_opportunity_says_how_likely_it_is_and_whether_it_is_closed(org: Org) -> None:
    deal_id = await deal(org, Amount=1000)
    made = await org.fields("Opportunity", deal_id)
    assert (made["Probability"], made["ForecastCategory"], made["ForecastCategoryName"]) == (10, "Pipeline", "Pipeline")
    assert (made["ExpectedRevenue"], made["IsClosed"], made["IsWon"], made["Fiscal"]) == (100, False, False, "2026 4")
    await change(org, "Opportunity", deal_id, StageName="Closed Won")
    won = await org.fields("Opportunity", deal_id)
    assert (won["Probability"], won["IsClosed"], won["IsWon"], won["ForecastCategory"]) == (100, True, True, "Closed")
    assert won["LastStageChangeDate"] == "2026-11-23T09:00:00.000+0000"


async def test_a_given_probability_stands_until_the_stage_changes(org: Org) -> None:
    deal_id = await deal(org, Probability=33)
    assert (await org.fields("Opportunity", deal_id))["Probability"] == 33
    await change(org, "Opportunity", deal_id, StageName="Value Proposition")
    assert (await org.fields("Opportunity", deal_id))["Probability"] == 50
    await change(org, "Opportunity", deal_id, StageName="Qualification", Probability=77)
    assert (await org.fields("Opportunity", deal_id))["Probability"] == 77


async def test_the_contact_given_on_creation_is_the_primary_role_and_brings_its_account(org: Org) -> None:
    made = await make(org, "Opportunity", Name="A", StageName="Prospecting", CloseDate="2026-12-01", ContactId=ADA)
    found = await org.soql(f"SELECT ContactId, IsPrimary FROM OpportunityContactRole WHERE OpportunityId = '{made}'")
    assert [(one["ContactId"], one["IsPrimary"]) for one in found["records"]] == [(ADA, True)]
    assert (await org.fields("Opportunity", made))["AccountId"] == ACME
    answer = await org.patch(f"/sobjects/Opportunity/{made}", {"ContactId": GRACE})
    assert error_of(answer) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")


async def test_only_one_contact_role_of_an_opportunity_is_primary(org: Org) -> None:
    deal_id = await deal(org, ContactId=ADA)
    role = await make(org, "OpportunityContactRole", OpportunityId=deal_id, ContactId=GRACE, IsPrimary=True)
    query = f"SELECT ContactId FROM OpportunityContactRole WHERE OpportunityId = '{deal_id}' AND IsPrimary = true"
    assert await org.column(query) == [GRACE]
    assert (await org.fields("Opportunity", deal_id))["ContactId"] == GRACE
    answer = await org.patch(f"/sobjects/OpportunityContactRole/{role}", {"OpportunityId": deal_id})
    assert error_of(answer) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    assert (await org.delete(f"/sobjects/OpportunityContactRole/{role}")).status_code == 204
    assert (await org.fields("Opportunity", deal_id))["ContactId"] is None


async def product(org: Org, price: float = 100) -> tuple[str, str]:
    """A product's standard price: ids of the entry and of the standard price book."""
    (book,) = await org.column("SELECT Id FROM Pricebook2 WHERE IsStandard = true")
    made = await make(org, "Product2", Name="Rocket", ProductCode="R1", IsActive=True)
    given = {"Product2Id": made, "Pricebook2Id": book, "UnitPrice": price, "IsActive": True}
    return await make(org, "PricebookEntry", **given), book


async def test_an_amount_is_the_sum_of_the_lines_and_cannot_be_written_then(org: Org) -> None:
    entry, book = await product(org)
    deal_id = await deal(org, Amount=5)
    line = await make(org, "OpportunityLineItem", OpportunityId=deal_id, PricebookEntryId=entry, Quantity=3,
                      UnitPrice=90)  # fmt: skip
    await make(org, "OpportunityLineItem", OpportunityId=deal_id, PricebookEntryId=entry, Quantity=2, TotalPrice=50)
    shown = await org.fields("Opportunity", deal_id)
    assert (shown["Amount"], shown["HasOpportunityLineItem"], shown["Pricebook2Id"]) == (320, True, book)
    made = await org.fields("OpportunityLineItem", line)
    assert (made["TotalPrice"], made["ListPrice"], made["ProductCode"], made["Name"]) == (
        270,
        100,
        "R1",
        "Big one Rocket",
    )
    await change(org, "Opportunity", deal_id, Amount=7, NextStep="Call")
    shown = await org.fields("Opportunity", deal_id)
    assert (shown["Amount"], shown["NextStep"]) == (320, "Call")
    assert (await org.delete(f"/sobjects/OpportunityLineItem/{line}")).status_code == 204
    assert (await org.fields("Opportunity", deal_id))["Amount"] == 50
    counted = await org.soql(
        f"SELECT Id, (SELECT Quantity FROM OpportunityLineItems) FROM Opportunity WHERE Id = '{deal_id}'"
    )
    assert counted["records"][0]["OpportunityLineItems"]["totalSize"] == 1


async def test_a_line_of_another_price_book_is_refused(org: Org) -> None:
    entry, _ = await product(org)
    other = await make(org, "Pricebook2", Name="Partners", IsActive=True)
    deal_id = await deal(org, Pricebook2Id=other)
    line = {"OpportunityId": deal_id, "PricebookEntryId": entry, "Quantity": 1, "UnitPrice": 1}
    assert error_of(await org.post("/sobjects/OpportunityLineItem", line)) == (400, "FIELD_INTEGRITY_EXCEPTION")
    assert (await org.fields("Opportunity", deal_id))["HasOpportunityLineItem"] is False


async def test_a_price_comes_once_in_a_book_and_the_standard_price_first(org: Org) -> None:
    entry, book = await product(org)
    sold = (await org.fields("PricebookEntry", entry))["Product2Id"]
    again = {"Product2Id": sold, "Pricebook2Id": book, "UnitPrice": 1, "IsActive": True}
    assert error_of(await org.post("/sobjects/PricebookEntry", again)) == (400, "DUPLICATE_VALUE")
    new = await make(org, "Product2", Name="Other")
    other = await make(org, "Pricebook2", Name="Partners", IsActive=True)
    answer = await org.post("/sobjects/PricebookEntry", {**again, "Product2Id": new, "Pricebook2Id": other})
    assert error_of(answer) == (400, "STANDARD_PRICE_NOT_DEFINED")


async def test_changes_of_an_opportunity_are_in_its_field_history() -> None:
    section = world()
    section["objects"]["Opportunity"] = {"fields": [{"name": "StageName", "trackHistory": True}]}
    org = Org(section)
    deal_id = await deal(org)
    await change(org, "Opportunity", deal_id, StageName="Closed Lost")
    found = await org.soql(
        f"SELECT Field, OldValue, NewValue FROM OpportunityFieldHistory WHERE OpportunityId = '{deal_id}' "
        "AND Field = 'StageName'"
    )
    assert [(one["OldValue"], one["NewValue"]) for one in found["records"]] == [("Prospecting", "Closed Lost")]


# Activities


async def test_a_task_is_closed_as_its_status_says_and_shows_on_its_person_and_account(org: Org) -> None:
    task = await make(org, "Task", Subject="Call", WhoId=ADA, ActivityDate="2026-11-20")
    made = await org.fields("Task", task)
    assert (made["Status"], made["Priority"], made["IsClosed"], made["TaskSubtype"]) == (
        "Not Started", "Normal", False, "Task")  # fmt: skip
    assert made["AccountId"] == ACME
    assert (await org.fields("Contact", ADA))["LastActivityDate"] is None
    before = await org.fields("Contact", ADA)
    await change(org, "Task", task, Status="Completed")
    closed = await org.fields("Task", task)
    assert (closed["IsClosed"], closed["CompletedDateTime"]) == (True, "2026-11-23T09:00:00.000+0000")
    after = await org.fields("Contact", ADA)
    assert (after["LastActivityDate"], after["SystemModstamp"]) == ("2026-11-20", before["SystemModstamp"])
    assert (await org.fields("Account", ACME))["LastActivityDate"] == "2026-11-20"
    await org.delete(f"/sobjects/Task/{task}")
    assert (await org.fields("Contact", ADA))["LastActivityDate"] is None


async def test_a_task_with_a_lead_is_about_nothing_else(org: Org) -> None:
    answer = await org.post("/sobjects/Task", {"Subject": "x", "WhoId": LINUS, "WhatId": ACME})
    assert error_of(answer) == (400, "FIELD_INTEGRITY_EXCEPTION")
    assert error_of(await org.post("/sobjects/Task", {"WhoId": ACME})) == (400, "MALFORMED_ID")
    task = await make(org, "Task", WhoId=LINUS, TaskSubtype="Call", CallDurationInSeconds=60, CallType="Outbound")
    answer = await org.patch(f"/sobjects/Task/{task}", {"TaskSubtype": "Email"})
    assert error_of(answer) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")


async def test_what_a_reference_to_several_objects_leads_to_can_be_asked(org: Org) -> None:
    await make(org, "Task", Subject="to a lead", WhoId=LINUS)
    await make(org, "Task", Subject="to a contact", WhoId=ADA, WhatId=ACME)
    assert await org.column("SELECT Subject FROM Task WHERE Who.Type = 'Lead'") == ["to a lead"]
    found = await org.soql("SELECT Who.Name, Who.Type, What.Name, Owner.Name FROM Task WHERE What.Type = 'Account'")
    (record,) = found["records"]
    assert (record["Who"]["Name"], record["Who"]["Type"], record["What"]["Name"]) == ("Ada Lovelace", "Contact", "Acme")
    assert record["Who"]["attributes"]["type"] == "Name"
    assert record["Who"]["attributes"]["url"].endswith(f"/sobjects/Contact/{ADA}")
    code, message = await org.refusal("SELECT Who.AccountId FROM Task")
    assert code == "INVALID_FIELD"
    assert "entity 'Name'" in message
    asked = f"SELECT Id, (SELECT Subject FROM Tasks) FROM Contact WHERE Id = '{ADA}'"
    (contact,) = (await org.soql(asked))["records"]
    assert [one["Subject"] for one in contact["Tasks"]["records"]] == ["to a contact"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"StartDateTime": "2026-11-24T10:00:00Z", "EndDateTime": "2026-11-24T11:30:00Z"}, (90, "2026-11-24")),
        ({"ActivityDateTime": "2026-11-24T10:00:00Z", "DurationInMinutes": 15}, (15, "2026-11-24")),
        ({"IsAllDayEvent": True, "ActivityDate": "2026-11-25"}, (1440, "2026-11-25")),
    ],
)
async def test_start_end_and_duration_of_an_event_follow_from_each_other(
    org: Org, given: dict[str, Any], expected: tuple[int, str]
) -> None:
    made = await org.fields("Event", await make(org, "Event", Subject="Meet", WhoId=ADA, **given))
    assert (made["DurationInMinutes"], made["ActivityDate"]) == expected
    assert made["StartDateTime"] is not None
    assert made["EndDateTime"] is not None
    assert (await org.fields("Contact", ADA))["LastActivityDate"] == expected[1]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "REQUIRED_FIELD_MISSING"),
        ({"StartDateTime": "2026-11-24T10:00:00Z"}, "REQUIRED_FIELD_MISSING"),
        ({"IsAllDayEvent": True}, "REQUIRED_FIELD_MISSING"),
        ({"StartDateTime": "2026-11-24T10:00:00Z", "EndDateTime": "2026-11-24T09:00:00Z"}, "FIELD_INTEGRITY_EXCEPTION"),
        ({"StartDateTime": "2026-11-24T10:00:00Z", "EndDateTime": "2026-12-24T09:00:00Z"}, "FIELD_INTEGRITY_EXCEPTION"),
    ],
)
async def test_an_event_without_a_sound_time_is_refused(org: Org, given: dict[str, Any], code: str) -> None:
    assert error_of(await org.post("/sobjects/Event", {"Subject": "x", **given})) == (400, code)


async def test_an_email_logs_itself_as_a_task_and_hardly_changes_again(org: Org) -> None:
    email = await make(org, "EmailMessage", Subject="Hello", ToAddress="ada@acme.example", Status="3", RelatedToId=ACME,
                       TextBody="Dear Ada", MessageDate="2026-11-22T08:00:00Z")  # fmt: skip
    made = await org.fields("EmailMessage", email)
    task = await org.fields("Task", made["ActivityId"])
    assert (task["Subject"], task["TaskSubtype"], task["IsClosed"], task["WhatId"]) == (
        "Email: Hello",
        "Email",
        True,
        ACME,
    )
    assert task["ActivityDate"] == "2026-11-22"
    relation = {"EmailMessageId": email, "RelationId": ADA, "RelationType": "ToAddress"}
    made_id = await make(org, "EmailMessageRelation", **relation)
    shown = await org.fields("EmailMessageRelation", made_id)
    assert (shown["RelationAddress"], shown["RelationObjectType"]) == ("ada@acme.example", "Contact")
    assert (await org.fields("Task", made["ActivityId"]))["WhoId"] == ADA
    await change(org, "EmailMessage", email, IsExternallyVisible=True)
    answer = await org.patch(f"/sobjects/EmailMessage/{email}", {"Subject": "Other"})
    assert error_of(answer) == (400, "INSUFFICIENT_ACCESS_OR_READONLY")


async def test_a_draft_can_be_edited_and_has_no_task_until_it_is_sent(org: Org) -> None:
    email = await make(org, "EmailMessage", Subject="Draft", ToAddress="ada@acme.example", Status="5")
    await change(org, "EmailMessage", email, Subject="Better")
    assert (await org.fields("EmailMessage", email))["ActivityId"] is None
    await change(org, "EmailMessage", email, Status="3")
    assert (await org.fields("EmailMessage", email))["ActivityId"].startswith("00T")


# Cases


async def test_cases_are_numbered_and_closed_as_their_status_says(org: Org) -> None:
    first = await org.fields("Case", await make(org, "Case", Subject="Help", ContactId=ADA))
    assert (first["CaseNumber"], first["Status"], first["IsClosed"]) == ("00000001", "New", False)
    assert (first["AccountId"], first["ContactEmail"], first["Priority"]) == (ACME, "ada@acme.example", "Medium")
    second = await make(org, "Case", Subject="More", Status="Closed")
    closed = await org.fields("Case", second)
    assert (closed["CaseNumber"], closed["IsClosed"], closed["ClosedDate"]) == (
        "00000002", True, "2026-11-23T09:00:00.000+0000")  # fmt: skip
    await change(org, "Case", second, Status="Working")
    again = await org.fields("Case", second)
    assert (again["IsClosed"], again["ClosedDate"]) == (False, None)
    answer = await org.delete(f"/sobjects/Account/{ACME}")
    assert error_of(answer) == (400, "DELETE_FAILED")
    assert "00000001" in answer.json()[0]["message"]


# Campaigns


async def campaign(org: Org) -> str:
    return await make(org, "Campaign", Name="Spring", IsActive=True)


async def test_a_campaign_starts_with_two_member_statuses(org: Org) -> None:
    made = await campaign(org)
    of_it = f"FROM CampaignMemberStatus WHERE CampaignId = '{made}'"
    found = (await org.soql(f"SELECT Label, IsDefault, HasResponded {of_it} ORDER BY SortOrder"))["records"]
    assert [(one["Label"], one["IsDefault"], one["HasResponded"]) for one in found] == [
        ("Sent", True, False),
        ("Responded", False, True),
    ]
    await make(org, "CampaignMemberStatus", CampaignId=made, Label="Registered", IsDefault=True, HasResponded=True)
    assert await org.column(
        f"SELECT Label FROM CampaignMemberStatus WHERE CampaignId = '{made}' AND IsDefault = true"
    ) == ["Registered"]
    answer = await org.post("/sobjects/CampaignMemberStatus", {"CampaignId": made, "Label": "sent"})
    assert error_of(answer) == (400, "DUPLICATE_VALUE")


async def test_a_member_responds_by_its_status_and_is_in_a_campaign_but_once(org: Org) -> None:
    made = await campaign(org)
    member = await make(org, "CampaignMember", CampaignId=made, ContactId=ADA)
    shown = await org.fields("CampaignMember", member)
    assert (shown["Status"], shown["HasResponded"], shown["Type"], shown["Email"]) == (
        "Sent", False, "Contact", "ada@acme.example")  # fmt: skip
    again = await org.post("/sobjects/CampaignMember", {"CampaignId": made, "ContactId": ADA})
    assert error_of(again) == (400, "DUPLICATE_VALUE")
    await change(org, "CampaignMember", member, Status="Responded")
    shown = await org.fields("CampaignMember", member)
    assert (shown["HasResponded"], shown["FirstRespondedDate"]) == (True, "2026-11-23")
    answer = await org.patch(f"/sobjects/CampaignMember/{member}", {"Status": "Danced"})
    assert error_of(answer) == (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
    answer = await org.patch(f"/sobjects/CampaignMember/{member}", {"ContactId": GRACE})
    assert error_of(answer) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")


async def test_a_campaign_counts_its_members_and_those_who_go(org: Org) -> None:
    made = await campaign(org)
    await make(org, "CampaignMember", CampaignId=made, LeadId=LINUS, Status="Responded")
    await make(org, "CampaignMember", CampaignId=made, ContactId=ADA)
    shown = await org.fields("Campaign", made)
    assert [shown[name] for name in ("NumberOfLeads", "NumberOfContacts", "NumberOfResponses")] == [1, 1, 1]
    await org.delete(f"/sobjects/Lead/{LINUS}")
    shown = await org.fields("Campaign", made)
    assert [shown[name] for name in ("NumberOfLeads", "NumberOfContacts", "NumberOfResponses")] == [0, 1, 0]
    assert await org.column(f"SELECT Name FROM CampaignMember WHERE CampaignId = '{made}'") == ["Ada Lovelace"]


@pytest.mark.parametrize("person", [{}, {"LeadId": LINUS, "ContactId": ADA}])
async def test_a_member_is_one_lead_or_one_contact(org: Org, person: dict[str, str]) -> None:
    answer = await org.post("/sobjects/CampaignMember", {"CampaignId": await campaign(org), **person})
    assert answer.status_code == 400
    assert answer.json()[0]["errorCode"] in ("REQUIRED_FIELD_MISSING", "FIELD_INTEGRITY_EXCEPTION")


# Person accounts


@pytest.fixture
def people() -> Org:
    section = world()
    section["features"] = ["person_accounts"]
    return Org(section)


async def test_a_person_account_and_its_contact_move_together(people: Org) -> None:
    made = await make(people, "Account", FirstName="Kurt", LastName="Goedel", PersonEmail="kurt@logic.example",
                      Phone="+1", Score__pc=4)  # fmt: skip
    account = await people.fields("Account", made)
    assert (account["Name"], account["IsPersonAccount"]) == ("Kurt Goedel", True)
    contact = await people.fields("Contact", account["PersonContactId"])
    assert (contact["Name"], contact["Email"], contact["Phone"], contact["Score__c"]) == (
        "Kurt Goedel", "kurt@logic.example", "+1", 4)  # fmt: skip
    assert (contact["AccountId"], contact["IsPersonAccount"]) == (made, True)
    people.controls.clock.advance(60)
    await change(people, "Account", made, LastName="Gödel", PersonHasOptedOutOfEmail=True)
    contact = await people.fields("Contact", account["PersonContactId"])
    assert (contact["Name"], contact["HasOptedOutOfEmail"]) == ("Kurt Gödel", True)
    assert contact["SystemModstamp"] == "2026-11-23T09:01:00.000+0000"
    await change(people, "Contact", contact["Id"], Email="k@logic.example")
    assert (await people.fields("Account", made))["PersonEmail"] == "k@logic.example"
    assert error_of(await people.delete(f"/sobjects/Contact/{contact['Id']}")) == (400, "DELETE_FAILED")
    assert (await people.delete(f"/sobjects/Account/{made}")).status_code == 204
    assert (await people.get(f"/sobjects/Contact/{contact['Id']}")).status_code == 404


async def test_a_business_account_has_a_name_and_no_person_fields(people: Org) -> None:
    assert error_of(await people.post("/sobjects/Account", {"Phone": "1"})) == (400, "REQUIRED_FIELD_MISSING")
    answer = await people.patch(f"/sobjects/Account/{ACME}", {"PersonEmail": "a@b.example"})
    assert error_of(answer) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    answer = await people.post("/sobjects/Account", {"Name": "X", "LastName": "Y"})
    assert error_of(answer) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    assert (await people.fields("Account", ACME))["IsPersonAccount"] is False


# Currencies


@pytest.fixture
def wide() -> Org:
    section = world()
    section["currencies"] = [
        {"IsoCode": "EUR", "IsCorporate": True},
        {"IsoCode": "USD", "ConversionRate": 1.1},
        {"IsoCode": "ITL", "ConversionRate": 1936.27, "DecimalPlaces": 0, "IsActive": False},
    ]
    section["records"]["User"][0]["DefaultCurrencyIsoCode"] = "USD"
    return Org(section)


async def test_a_record_has_the_currency_that_is_named_or_its_owners(wide: Org) -> None:
    plain = await deal(wide, Amount=10)
    assert (await wide.fields("Opportunity", plain))["CurrencyIsoCode"] == "EUR"
    assert (await wide.fields("Opportunity", await deal(wide, OwnerId=ALICE)))["CurrencyIsoCode"] == "USD"
    assert (await wide.fields("Lead", LINUS))["CurrencyIsoCode"] == "USD"
    for code in ("ITL", "XXX"):
        answer = await wide.patch(f"/sobjects/Opportunity/{plain}", {"CurrencyIsoCode": code})
        assert error_of(answer) == (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
    found = await wide.soql("SELECT IsoCode, ConversionRate, IsActive, IsCorporate FROM CurrencyType ORDER BY IsoCode")
    assert [(one["IsoCode"], one["ConversionRate"], one["IsActive"]) for one in found["records"]] == [
        ("EUR", 1, True), ("ITL", 1936.27, False), ("USD", 1.1, True)]  # fmt: skip


async def test_an_org_with_one_currency_has_no_currency_codes(org: Org) -> None:
    assert (await org.refusal("SELECT CurrencyIsoCode FROM Opportunity"))[0] == "INVALID_FIELD"
    assert (await org.refusal("SELECT IsoCode FROM CurrencyType"))[0] == "INVALID_TYPE"


# Worlds


async def test_what_records_of_a_world_lack_is_derived_when_it_is_loaded() -> None:
    deal_id, spring, task, case = new_id("006", 901), new_id("701", 901), new_id("00T", 901), new_id("500", 901)
    section = world()
    section["features"] = ["person_accounts"]
    section["records"] |= {
        "Opportunity": [
            {"Id": deal_id, "Name": "Old", "StageName": "Closed Won", "CloseDate": "2026-01-05", "Amount": 9}
        ],
        "Campaign": [{"Id": spring, "Name": "Spring"}],
        "CampaignMember": [{"CampaignId": spring, "ContactId": ALAN, "Status": "Responded"}],
        "Task": [{"Id": task, "Subject": "Done", "Status": "Completed", "WhoId": ADA}],
        "Case": [{"Id": case, "Subject": "Old"}],
    }
    section["records"]["Account"].append({"Id": new_id("001", 950), "IsPersonAccount": True, "LastName": "Church"})
    org = Org(section)
    won = await org.fields("Opportunity", deal_id)
    assert (won["IsWon"], won["Probability"], won["ExpectedRevenue"], won["FiscalQuarter"]) == (True, 100, 9, 1)
    assert (await org.fields("Campaign", spring))["NumberOfResponses"] == 1
    assert (await org.fields("Task", task))["IsClosed"] is True
    assert (await org.fields("Case", case))["CaseNumber"] == "00000001"
    assert await org.column("SELECT Name FROM Contact WHERE Account.Name = 'Church'") == ["Church"]
    saved = org.service.save()
    again = Org(saved)
    assert again.service.save() == saved
    assert (await again.fields("Case", await make(again, "Case", Subject="New")))["CaseNumber"] == "00000002"
