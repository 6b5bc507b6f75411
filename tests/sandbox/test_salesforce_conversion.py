"""Lead conversion, merging and the recycle bin of the sandboxed Salesforce (api/salesforce.md sections 12, 13)."""

# ruff: noqa: S608 - the queries run in a sandbox in memory

from __future__ import annotations

from typing import Any

import pytest
from tests.sandbox.salesforce_world import ACME, ADA, ALAN, ALICE, BOB, DATA, GLOBEX, GRACE, LINUS, MARGARET, Org, world
from tests.sandbox.soap_client import element, envelope, fault, fields, soap

from concord_sandbox.salesforce.ids import new_id

CONVERTED = "Closed - Converted"
QUEUE = new_id("00G", 901)


def section(**more: Any) -> dict[str, Any]:
    """The usual world with a lead that has something in every mapped field."""
    made = world()
    made["records"]["Group"] = [{"Id": QUEUE, "Name": "Leads", "Type": "Queue"}]
    lead = made["records"]["Lead"][0]
    lead |= {
        "Salutation": "Mr.", "Title": "Benevolent", "MobilePhone": "+1 2", "Fax": "+1 3", "Website": "kernel.example",
        "Street": "1 Git Way", "City": "Portland", "Country": "USA", "PostalCode": "97201", "Industry": "Technology",
        "AnnualRevenue": 1000, "NumberOfEmployees": 3, "Rating": "Hot", "LeadSource": "Web", "Description": "Finnish",
        "HasOptedOutOfEmail": True, "HubSpot_Contact_Id__c": "H9", "Nickname__c": "torv", "Score__c": 4.5,
    }  # fmt: skip
    return {**made, **more}


@pytest.fixture
def org() -> Org:
    return Org(section())


async def convert(org: Org, lead: str = LINUS, **given: Any) -> dict[str, Any]:
    """The result of one conversion."""
    (result,) = await soap(org, element("convertLead", leadConverts=fields(_asked(lead, given))))
    return result


def _asked(lead: str, given: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {"leadId": lead, "convertedStatus": CONVERTED, **given}.items() if value}


async def refused(org: Org, lead: str = LINUS, **given: Any) -> str:
    """The code of a conversion that has to be refused, and that has changed nothing."""
    before = org.service.save()["records"]
    result = await convert(org, lead, **given)
    assert result["success"] == "false"
    assert org.service.save()["records"] == before
    code: str = result["errors"]["statusCode"]
    return code


async def insert(org: Org, object_name: str, body: dict[str, Any]) -> str:
    made = await org.post(f"/sobjects/{object_name}", body)
    assert made.status_code == 201, made.text
    record_id: str = made.json()["id"]
    return record_id


class TestConversion:
    async def test_standard_fields_become_those_of_account_contact_and_opportunity(self, org: Org) -> None:
        made = await convert(org)
        account, contact = (
            await org.fields("Account", made["accountId"]),
            await org.fields("Contact", made["contactId"]),
        )
        opportunity = await org.fields("Opportunity", made["opportunityId"])
        expected = {
            "Name": "Kernel", "BillingStreet": "1 Git Way", "BillingCity": "Portland", "BillingPostalCode": "97201",
            "Phone": "+1 1", "Fax": "+1 3", "Website": "kernel.example", "Industry": "Technology", "Rating": "Hot",
            "AnnualRevenue": 1000.0, "NumberOfEmployees": 3, "AccountSource": "Web", "OwnerId": ALICE,
            "Description": None,
        }  # fmt: skip
        assert {name: account[name] for name in expected} == expected
        expected = {
            "FirstName": "Linus", "LastName": "O'Torvalds", "Salutation": "Mr.", "Title": "Benevolent",
            "MailingCity": "Portland", "MailingCountry": "USA", "Phone": "+1 1", "MobilePhone": "+1 2", "Fax": "+1 3",
            "Email": "linus@kernel.example", "LeadSource": "Web", "Description": "Finnish", "HasOptedOutOfEmail": True,
            "AccountId": account["Id"], "OwnerId": ALICE,
        }  # fmt: skip
        assert {name: contact[name] for name in expected} == expected
        expected = {
            "Name": "Kernel", "AccountId": account["Id"], "StageName": "Prospecting", "CloseDate": "2026-12-31",
            "LeadSource": "Web", "OwnerId": ALICE,
        }  # fmt: skip
        assert {name: opportunity[name] for name in expected} == expected

    async def test_the_lead_says_what_it_became_and_can_only_be_read(self, org: Org) -> None:
        made = await convert(org)
        lead = await org.fields("Lead", LINUS)
        assert (lead["IsConverted"], lead["ConvertedDate"], lead["Status"]) == (True, "2026-11-23", CONVERTED)
        assert (lead["ConvertedAccountId"], lead["ConvertedContactId"], lead["ConvertedOpportunityId"]) == (
            made["accountId"],
            made["contactId"],
            made["opportunityId"],
        )
        answer = await org.patch(f"/sobjects/Lead/{LINUS}", {"Title": "x"})
        assert answer.json()[0]["errorCode"] == "CANNOT_UPDATE_CONVERTED_LEAD"

    async def test_the_contact_is_the_primary_role_of_the_opportunity(self, org: Org) -> None:
        made = await convert(org)
        found = await org.soql("SELECT OpportunityId, ContactId, IsPrimary FROM OpportunityContactRole")
        assert [(one["OpportunityId"], one["ContactId"], one["IsPrimary"]) for one in found["records"]] == [
            (made["opportunityId"], made["contactId"], True)
        ]

    async def test_custom_fields_are_dropped_unless_they_are_mapped(self) -> None:
        mapping = {
            "Contact": {"hubspot_contact_id__c": "HubSpot_Contact_Id__c"},
            "Account": {"Score__c": "AnnualRevenue"},
        }
        org = Org(section(lead_mapping=mapping))
        made = await convert(org)
        contact = await org.fields("Contact", made["contactId"])
        assert (contact["HubSpot_Contact_Id__c"], contact["Nickname__c"], contact["Score__c"]) == ("H9", None, None)
        assert org.service.save()["lead_mapping"] == {
            "Contact": {"HubSpot_Contact_Id__c": "HubSpot_Contact_Id__c"},
            "Account": {"Score__c": "AnnualRevenue"},
            "validate": True,
            "permitted": True,
        }

    @pytest.mark.parametrize(
        "mapping", [{"Contact": {"Nope__c": "Email"}}, {"Contact": {"Email": "Nope__c"}}, {"Case": {}}, {"validate": 1}]
    )
    def test_a_mapping_of_what_is_not_there_is_refused(self, mapping: dict[str, Any]) -> None:
        with pytest.raises(Exception, match="lead_mapping"):
            Org(section(lead_mapping=mapping))

    async def test_only_blanks_of_a_given_contact_and_account_are_filled(self, org: Org) -> None:
        made = await convert(org, accountId=ACME, contactId=ADA, doNotCreateOpportunity=True)
        assert (made["accountId"], made["contactId"], made["opportunityId"]) == (ACME, ADA, None)
        ada, acme = await org.fields("Contact", ADA), await org.fields("Account", ACME)
        assert (ada["FirstName"], ada["MailingCity"], ada["Title"]) == ("Ada", "London", "Benevolent")
        assert (acme["Name"], acme["NumberOfEmployees"], acme["Rating"]) == ("Acme", 50, "Hot")

    @pytest.mark.parametrize("overwrite", [True, False])
    async def test_the_lead_source_is_the_one_field_that_may_be_overwritten(self, org: Org, overwrite: bool) -> None:
        await org.patch(f"/sobjects/Contact/{ADA}", {"LeadSource": "Other"})
        await convert(org, accountId=ACME, contactId=ADA, overwriteLeadSource=overwrite)
        assert (await org.fields("Contact", ADA))["LeadSource"] == ("Web" if overwrite else "Other")

    async def test_an_opportunity_that_is_there_gets_the_account_and_a_role(self, org: Org) -> None:
        deal = await insert(org, "Opportunity", {"Name": "D", "StageName": "Prospecting", "CloseDate": "2027-01-01"})
        made = await convert(org, opportunityId=deal)
        assert (made["opportunityId"], (await org.fields("Opportunity", deal))["AccountId"]) == (
            deal,
            made["accountId"],
        )
        assert await org.column("SELECT ContactId FROM OpportunityContactRole") == [made["contactId"]]

    async def test_the_name_and_the_owner_can_be_given(self, org: Org) -> None:
        made = await convert(org, opportunityName="Big & <bold>", ownerId=org.user_id)
        for name in ("Account", "Contact", "Opportunity"):
            assert (await org.fields(name, made[name.lower() + "Id"]))["OwnerId"] == org.user_id
        assert (await org.fields("Opportunity", made["opportunityId"]))["Name"] == "Big & <bold>"

    async def test_records_in_the_call_overrule_the_mapping(self, org: Org) -> None:
        record = ("<type>Account</type><Name>Linux Foundation</Name><Site>Portland</Site>",)
        made = await convert(org, accountRecord=record)
        account = await org.fields("Account", made["accountId"])
        assert (account["Name"], account["Site"], account["Phone"]) == ("Linux Foundation", "Portland", "+1 1")

    async def test_activities_and_campaign_memberships_become_the_contacts(self, org: Org) -> None:
        task = await insert(org, "Task", {"Subject": "Call", "WhoId": LINUS})
        campaign, other = [await insert(org, "Campaign", {"Name": name, "IsActive": True}) for name in "AB"]
        member = await insert(org, "CampaignMember", {"CampaignId": campaign, "LeadId": LINUS})
        second = await insert(org, "CampaignMember", {"CampaignId": other, "LeadId": LINUS})
        theirs = await insert(org, "CampaignMember", {"CampaignId": other, "ContactId": ADA})
        made = await convert(org, accountId=ACME, contactId=ADA)
        moved = await org.fields("Task", task)
        assert (moved["WhoId"], moved["WhatId"]) == (ADA, made["opportunityId"])
        assert (await org.fields("CampaignMember", member))["ContactId"] == ADA
        assert await org.column(f"SELECT Id FROM CampaignMember WHERE CampaignId = '{other}'") == [theirs] != [second]
        assert (await org.fields("Opportunity", made["opportunityId"]))["CampaignId"] in (campaign, other)

    async def test_a_leads_own_contact_is_no_duplicate_but_another_one_is(self) -> None:
        rules = [
            {"object": "Contact", "name": "DR", "action": {"create": "block"},
             "matching": [{"object": name, "rule": "MR", "fields": [{"field": "Email"}]}]}
            for name in ("Lead", "Contact")
        ]  # fmt: skip
        org = Org(section(duplicate_rules=rules))
        await org.patch(f"/sobjects/Contact/{ALAN}", {"Email": "linus@kernel.example"})
        result = await convert(org)
        error = result["errors"]
        assert error["statusCode"] == "DUPLICATES_DETECTED"
        assert error["duplicateResult"]["matchResults"]["matchRecords"]["record"]["Id"] == ALAN
        await org.patch(f"/sobjects/Contact/{ALAN}", {"Email": None})
        assert (await convert(org))["success"] == "true"

    @pytest.mark.parametrize("validate", [True, False])
    async def test_validation_rules_judge_a_conversion_where_the_org_wants_it(self, validate: bool) -> None:
        rule = {"object": "Account", "name": "Site", "formula": "ISBLANK(Site)", "message": "Say where"}
        org = Org(section(validation_rules=[rule], lead_mapping={"validate": validate}))
        result = await convert(org)
        assert result["success"] == ("false" if validate else "true")
        if validate:
            assert result["errors"]["statusCode"] == "FIELD_CUSTOM_VALIDATION_EXCEPTION"
            assert await org.column("SELECT Name FROM Account") == ["Acme", "Globex"]

    async def test_what_cannot_be_converted_is_refused_whole(self, org: Org) -> None:
        assert await refused(org, convertedStatus="Working - Contacted") == "INVALID_STATUS"
        assert await refused(org, convertedStatus=None) == "INVALID_STATUS"
        assert await refused(org, lead=MARGARET) == "CANNOT_UPDATE_CONVERTED_LEAD"
        assert await refused(org, lead=ADA) == "MALFORMED_ID"
        assert await refused(org, lead=new_id("00Q", 4711)) == "INVALID_CROSS_REFERENCE_KEY"
        assert await refused(org, contactId=ADA) == "REQUIRED_FIELD_MISSING"
        assert await refused(org, accountId=GLOBEX, contactId=ADA) == "INVALID_CROSS_REFERENCE_KEY"
        assert await refused(org, doNotCreateOpportunity=True, opportunityName="x") == "INVALID_FIELD"
        assert await refused(org, ownerId=BOB) == "INACTIVE_OWNER_OR_USER"
        assert await refused(org, accountId=ACME, opportunityId=ACME) == "MALFORMED_ID"

    async def test_a_lead_of_a_queue_needs_an_owner(self, org: Org) -> None:
        org.service.human_edit("Lead", LINUS, {"OwnerId": QUEUE}, None)
        assert await refused(org) == "REQUIRED_FIELD_MISSING"
        assert (await convert(org, ownerId=ALICE))["success"] == "true"

    async def test_each_lead_of_a_call_has_its_own_result(self, org: Org) -> None:
        asked = [fields(_asked(lead, {})) for lead in (MARGARET, LINUS)]
        results = await soap(org, element("convertLead", leadConverts=asked))
        assert [one["success"] for one in results] == ["false", "true"]

    async def test_more_than_a_hundred_leads_are_too_many(self, org: Org) -> None:
        asked = [fields(_asked(LINUS, {}))] * 101
        code, _ = await fault(org, envelope(org, element("convertLead", leadConverts=asked)))
        assert code == "sf:EXCEEDED_LEAD_CONVERT_LIMIT"

    async def test_a_user_without_the_permission_converts_nothing(self) -> None:
        assert await refused(Org(section(lead_mapping={"permitted": False}))) == "INSUFFICIENT_ACCESS_OR_READONLY"
        assert await refused(Org(section(access={"objects": {"Lead": "read"}}))) == "INSUFFICIENT_ACCESS_OR_READONLY"

    async def test_a_field_that_the_user_may_not_write_is_left_out(self) -> None:
        org = Org(section(access={"read_only": {"Account": ["Rating"]}, "hidden": {"Contact": ["Title"]}}))
        made = await convert(org)
        assert (made["success"], (await org.fields("Account", made["accountId"]))["Rating"]) == ("true", None)

    async def test_a_lead_without_a_company_becomes_a_person_account(self) -> None:
        given = section(features=["person_accounts"])
        del given["records"]["Lead"][0]["Company"]
        org = Org(given)
        made = await convert(org, doNotCreateOpportunity=True)
        account = await org.fields("Account", made["accountId"])
        assert (account["IsPersonAccount"], account["PersonContactId"]) == (True, made["contactId"])
        assert (account["Name"], account["PersonEmail"]) == ("Linus O'Torvalds", "linus@kernel.example")

    async def test_a_person_may_have_an_opportunity_made_too(self, org: Org) -> None:
        made = await org.control(f"convert/{LINUS}", {"opportunity": "Rewrite"})
        assert (await org.fields("Opportunity", made["opportunity_id"]))["Name"] == "Rewrite"


async def merge(org: Org, kind: str, master: str, *losers: str, **values: Any) -> dict[str, Any]:
    record = "".join(fields({"type": kind, "Id": master, **values}))
    ids = (f"<recordToMergeIds>{one}</recordToMergeIds>" for one in losers)
    request = element("merge", mergeRequests=(f"<masterRecord>{record}</masterRecord>", *ids))
    (result,) = await soap(org, request)
    return result


class TestMerge:
    async def test_losers_are_binned_with_their_master_and_their_children_move(self, org: Org) -> None:
        deal = {"Name": "D", "StageName": "Prospecting", "CloseDate": "2027-01-01", "AccountId": ACME}
        deal_id = await insert(org, "Opportunity", deal)
        result = await merge(org, "Account", GLOBEX, ACME, Phone="+49")
        assert (result["success"], result["id"], result["mergedRecordIds"]) == ("true", GLOBEX, ACME)
        assert set(result["updatedRelatedIds"]) == {ADA, GRACE, deal_id}
        assert await org.column(f"SELECT MasterRecordId FROM Account WHERE Id = '{ACME}'", with_deleted=True) == [
            GLOBEX
        ]
        assert (await org.fields("Contact", ADA))["AccountId"] == GLOBEX
        globex = await org.fields("Account", GLOBEX)
        assert (globex["Phone"], globex["NumberOfEmployees"], globex["Name"]) == ("+49", None, "Globex")

    async def test_contacts_of_different_accounts_merge_with_all_that_is_theirs(self, org: Org) -> None:
        campaign = await insert(org, "Campaign", {"Name": "A", "IsActive": True})
        kept = await insert(org, "CampaignMember", {"CampaignId": campaign, "ContactId": ALAN})
        await insert(org, "CampaignMember", {"CampaignId": campaign, "ContactId": GRACE})
        task = await insert(org, "Task", {"Subject": "Call", "WhoId": GRACE})
        subscription = await insert(org, "Subscription__c", {"Name": "S", "Contact__c": GRACE})
        result = await merge(org, "Contact", ALAN, GRACE, ADA)
        assert result["mergedRecordIds"] == [GRACE, ADA]
        assert (await org.fields("Task", task))["WhoId"] == ALAN
        assert (await org.fields("Subscription__c", subscription))["Contact__c"] == ALAN
        assert await org.column("SELECT Id FROM CampaignMember") == [kept]
        assert (await org.fields("Contact", ALAN))["Email"] is None

    async def test_what_cannot_be_merged_is_refused_whole(self, org: Org) -> None:
        before = org.service.save()["records"]
        child = (await merge(org, "Lead", LINUS, MARGARET))["errors"]["statusCode"]
        assert child == "CANNOT_UPDATE_CONVERTED_LEAD"
        assert (await merge(org, "Contact", ADA))["errors"]["statusCode"] == "MERGE_FAILED"
        assert (await merge(org, "Contact", ADA, ADA))["errors"]["statusCode"] == "MERGE_FAILED"
        assert (await merge(org, "Contact", ADA, ALAN, GRACE, ADA))["errors"]["statusCode"] == "MERGE_FAILED"
        assert (await merge(org, "Contact", ADA, LINUS))["errors"]["statusCode"] == "MALFORMED_ID"
        assert (await merge(org, "User", ALICE, BOB))["errors"]["statusCode"] == "MERGE_FAILED"
        assert (await merge(org, "Contact", ADA, ALAN, Nickname__c="x", Email="no"))["errors"]["fields"] == "Email"
        assert org.service.save()["records"] == before

    async def test_an_account_cannot_become_its_own_parent(self, org: Org) -> None:
        await org.patch(f"/sobjects/Account/{GLOBEX}", {"ParentId": ACME})
        assert (await merge(org, "Account", GLOBEX, ACME))["errors"]["statusCode"] == "CIRCULAR_DEPENDENCY"
        assert (await merge(org, "Account", ACME, GLOBEX))["success"] == "true"


async def undelete(org: Org, *ids: str) -> list[dict[str, Any]]:
    return await soap(org, element("undelete", ids=list(ids)))


class TestRecycleBin:
    async def test_what_a_deletion_took_along_comes_back_with_it(self, org: Org) -> None:
        assert (await org.delete(f"/sobjects/Account/{ACME}")).status_code == 204
        assert await org.column("SELECT Id FROM Contact") == [ALAN]
        (child,) = await undelete(org, ADA)
        assert (child["errors"]["statusCode"], child["errors"]["message"]) == (
            "UNDELETE_FAILED",
            "Entity is not in the recycle bin",
        )
        assert [one["success"] for one in await undelete(org, ACME, ACME)] == ["true", "false"]
        assert set(await org.column(f"SELECT Id FROM Contact WHERE AccountId = '{ACME}'")) == {ADA, GRACE}

    async def test_campaign_members_come_back_and_are_counted(self, org: Org) -> None:
        campaign = await insert(org, "Campaign", {"Name": "A", "IsActive": True})
        member = await insert(org, "CampaignMember", {"CampaignId": campaign, "ContactId": ADA})
        await org.delete(f"/sobjects/Contact/{ADA}")
        assert (await org.fields("Campaign", campaign))["NumberOfContacts"] == 0
        await undelete(org, ADA)
        assert await org.column("SELECT Id FROM CampaignMember") == [member]
        assert (await org.fields("Campaign", campaign))["NumberOfContacts"] == 1

    async def test_references_that_are_still_blank_are_restored(self, org: Org) -> None:
        first, second = [await insert(org, "Subscription__c", {"Name": n, "Contact__c": ADA}) for n in "AB"]
        await org.delete(f"/sobjects/Contact/{ADA}")
        await org.patch(f"/sobjects/Subscription__c/{second}", {"Contact__c": ALAN})
        await undelete(org, ADA)
        assert (await org.fields("Subscription__c", first))["Contact__c"] == ADA
        assert (await org.fields("Subscription__c", second))["Contact__c"] == ALAN

    async def test_the_bin_of_a_saved_world_is_the_same_bin(self, org: Org) -> None:
        await org.delete(f"/sobjects/Account/{ACME}")
        org.app.load(org.service.save())
        await undelete(org, ACME)
        assert (await org.fields("Contact", ADA))["AccountId"] == ACME

    async def test_a_merged_record_comes_back_alone(self, org: Org) -> None:
        await merge(org, "Account", GLOBEX, ACME)
        await undelete(org, ACME)
        assert (await org.fields("Account", ACME))["MasterRecordId"] is None
        assert (await org.fields("Contact", ADA))["AccountId"] == GLOBEX

    async def test_a_key_that_was_taken_meanwhile_keeps_a_record_in_the_bin(self, org: Org) -> None:
        await org.delete(f"/sobjects/Contact/{ADA}")
        await org.patch(f"/sobjects/Contact/{ALAN}", {"HubSpot_Contact_Id__c": "H1"})
        (result,) = await undelete(org, ADA)
        assert result["errors"]["statusCode"] == "DUPLICATE_VALUE"
        assert await org.column(f"SELECT IsDeleted FROM Contact WHERE Id = '{ADA}'", with_deleted=True) == [True]

    async def test_after_fifteen_days_the_bin_forgets(self, org: Org) -> None:
        await org.delete(f"/sobjects/Contact/{ADA}")
        await org.control("clock", {"advance": 14.9 * 86_400})
        assert org.service.tick() is not None
        assert await org.column(f"SELECT Id FROM Contact WHERE Id = '{ADA}'", with_deleted=True) == [ADA]
        await org.control("clock", {"advance": 0.2 * 86_400})
        org.service.tick()
        assert await org.column(f"SELECT Id FROM Contact WHERE Id = '{ADA}'", with_deleted=True) == []
        (result,) = await undelete(org, ADA)
        assert result["errors"]["statusCode"] == "UNDELETE_FAILED"

    async def test_an_emptied_bin_hides_records_from_all_but_get_deleted(self, org: Org) -> None:
        await org.delete(f"/sobjects/Account/{ACME}")
        await org.control("clock", {"advance": 120})
        results = await soap(org, element("emptyRecycleBin", ids=[ACME, GRACE, ALAN]))
        assert [one["success"] for one in results] == ["true", "false", "false"]
        assert await org.column("SELECT Id FROM Contact", with_deleted=True) == [ALAN]
        window = {"start": "2026-11-23T08:59:00Z", "end": "2026-11-23T09:02:00Z"}
        answer = await org.client.get(f"{DATA}/sobjects/Contact/deleted", params=window)
        assert {one["id"] for one in answer.json()["deletedRecords"]} == {ADA, GRACE}
        org.app.load(org.service.save())
        answer = await org.client.get(f"{DATA}/sobjects/Contact/deleted", params=window)
        assert {one["id"] for one in answer.json()["deletedRecords"]} == {ADA, GRACE}

    async def test_a_person_can_empty_the_bin(self, org: Org) -> None:
        await org.delete(f"/sobjects/Contact/{ADA}")
        assert await org.control("recycle-bin/empty", {}) == {"purged": 1}


class TestWhatFollows:
    """Sums and dates that other records show are right again after an undeletion or a merge."""

    async def test_lines_that_come_back_count_in_the_amount_again(self, org: Org) -> None:
        deal = await insert(org, "Opportunity", {"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-12-31"})
        product = await insert(org, "Product2", {"Name": "Seat", "IsActive": True})
        book = (await org.column("SELECT Id FROM Pricebook2 WHERE IsStandard = TRUE"))[0]
        price = {"Pricebook2Id": book, "Product2Id": product, "UnitPrice": 10, "IsActive": True}
        entry = await insert(org, "PricebookEntry", price)
        line = {"OpportunityId": deal, "PricebookEntryId": entry, "UnitPrice": 10}
        first, second = [await insert(org, "OpportunityLineItem", {**line, "Quantity": n}) for n in (1, 2)]
        assert (await org.fields("Opportunity", deal))["Amount"] == 30
        await org.delete(f"/sobjects/OpportunityLineItem/{second}")
        assert (await org.fields("Opportunity", deal))["Amount"] == 10
        assert (await undelete(org, second))[0]["success"] == "true"
        assert (await org.fields("Opportunity", deal))["Amount"] == 30
        await org.delete(f"/sobjects/Opportunity/{deal}")
        await undelete(org, deal)
        assert (await org.fields("Opportunity", deal))["Amount"] == 30
        assert first != second

    async def test_the_last_activity_is_that_of_all_that_is_there(self, org: Org) -> None:
        done = {"Subject": "Call", "Status": "Completed"}
        early = await insert(org, "Task", {**done, "WhoId": ADA, "ActivityDate": "2026-11-01"})
        late = await insert(org, "Task", {**done, "WhoId": ALAN, "ActivityDate": "2026-11-20"})
        await org.delete(f"/sobjects/Task/{early}")
        assert (await org.fields("Contact", ADA))["LastActivityDate"] is None
        await undelete(org, early)
        assert (await org.fields("Contact", ADA))["LastActivityDate"] == "2026-11-01"
        assert (await merge(org, "Contact", ADA, ALAN))["updatedRelatedIds"] == late
        assert (await org.fields("Contact", ADA))["LastActivityDate"] == "2026-11-20"

    async def test_a_primary_role_that_comes_back_is_primary_unless_another_is(self, org: Org) -> None:
        given = {"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-12-31", "ContactId": ADA}
        deal = await insert(org, "Opportunity", given)
        (role,) = await org.column(f"SELECT Id FROM OpportunityContactRole WHERE OpportunityId = '{deal}'")
        await org.delete(f"/sobjects/OpportunityContactRole/{role}")
        assert (await org.fields("Opportunity", deal))["ContactId"] is None
        await undelete(org, role)
        assert (await org.fields("Opportunity", deal))["ContactId"] == ADA
        await org.delete(f"/sobjects/OpportunityContactRole/{role}")
        await insert(org, "OpportunityContactRole", {"OpportunityId": deal, "ContactId": ALAN, "IsPrimary": True})
        await undelete(org, role)
        assert (await org.fields("Opportunity", deal))["ContactId"] == ALAN
        assert (await org.fields("OpportunityContactRole", role))["IsPrimary"] is False

    async def test_person_accounts_merge_with_their_contacts(self) -> None:
        org = Org({**section(), "features": ["person_accounts"]})
        ada, eve = [await insert(org, "Account", {"LastName": name}) for name in ("Ada", "Eve")]
        contacts = {
            one["Id"]: one["PersonContactId"]
            for one in (await org.soql("SELECT Id, PersonContactId FROM Account WHERE IsPersonAccount = TRUE"))[
                "records"
            ]
        }
        task = await insert(org, "Task", {"Subject": "Call", "WhoId": contacts[eve]})
        assert (await merge(org, "Account", ada, eve))["success"] == "true"
        assert (await org.fields("Task", task))["WhoId"] == contacts[ada]
        query = f"SELECT MasterRecordId FROM Contact WHERE Id = '{contacts[eve]}' AND IsDeleted = TRUE"
        assert await org.column(query, with_deleted=True) == [contacts[ada]]
        assert (await org.fields("Account", ada))["PersonContactId"] == contacts[ada]
        mixed = await merge(org, "Account", ACME, ada)
        assert (mixed["success"], mixed["errors"]["statusCode"]) == ("false", "MERGE_FAILED")

    async def test_what_salesforce_changes_beside_a_write_is_in_the_history(self) -> None:
        org = Org({**section(), "features": ["person_accounts"]})
        made = await insert(org, "Account", {"LastName": "Eve", "PersonEmail": "eve@example.com"})
        contact = (await org.fields("Account", made))["PersonContactId"]
        await org.patch(f"/sobjects/Account/{made}", {"PersonEmail": "new@example.com"})
        rows = await org.soql(
            f"SELECT OldValue, NewValue FROM ContactHistory WHERE ContactId = '{contact}' AND Field = 'Email'"
        )
        assert [(one["OldValue"], one["NewValue"]) for one in rows["records"]] == [
            ("eve@example.com", "new@example.com")
        ]
