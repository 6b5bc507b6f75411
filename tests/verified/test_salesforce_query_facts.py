"""Facts of api/salesforce.md about queries, deletions, describe, merges and conversions: as `test_salesforce_facts`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from xml.sax.saxutils import escape

import pytest
from defusedxml.ElementTree import fromstring
from tests.verified.accounts import DATA, QUIET, Salesforce
from tests.verified.answers import NO_CONTACT, row, soql
from tests.verified.answers import of_salesforce as refusal

ATTRIBUTES = (
    "aggregatable aiPredictionField autoNumber byteLength calculated calculatedFormula cascadeDelete caseSensitive "
    "compoundFieldName controllerName createable custom defaultValue defaultValueFormula defaultedOnCreate "
    "dependentPicklist deprecatedAndHidden digits displayLocationInDecimal encrypted externalId extraTypeInfo "
    "filterable filteredLookupInfo formulaTreatNullNumberAsZero groupable highScaleNumber htmlFormatted idLookup "
    "inlineHelpText label length mask maskType name nameField namePointing nillable permissionable picklistValues "
    "polymorphicForeignKey precision queryByDistance referenceTargetField referenceTo relationshipName "
    "relationshipOrder restrictedDelete restrictedPicklist scale searchPrefilterable soapType sortable type unique "
    "updateable writeRequiresMasterRead"
)


# --- queries


def test_rows_come_in_the_order_asked_for_and_texts_match_in_any_case(salesforce: Salesforce) -> None:
    """Section 7.1 [D]: by stamp, then by id; a comparison of texts does not look at case."""
    ids = [salesforce.create(Department=salesforce.run) for _ in range(3)]
    where = f"Department = '{salesforce.run.upper()}'"
    rows = salesforce.query(soql("Id, SystemModstamp", f"{where} ORDER BY SystemModstamp, Id"))
    assert [one["Id"] for one in rows] == sorted(ids)
    assert [(one["SystemModstamp"], one["Id"]) for one in rows] == sorted(
        (one["SystemModstamp"], one["Id"]) for one in rows
    )
    backwards = salesforce.query(soql("Id", f"{where} ORDER BY Id DESC LIMIT 2"))
    assert [one["Id"] for one in backwards] == sorted(ids, reverse=True)[:2]


@pytest.mark.sandbox_only("it makes 201 records; what a page is, is documented [D]")
def test_a_long_answer_comes_in_pages(salesforce: Salesforce) -> None:
    """Section 3.4 [D]: `batchSize` of 200 at least, `nextRecordsUrl` until `done`."""
    name, paths = salesforce.name(), DATA + "/composite/sobjects"
    for number in (200, 1):
        body = {"records": [row(LastName=name) for _ in range(number)]}
        for one in salesforce.good("POST", paths, body, headers=QUIET):
            salesforce.made("Contact", one["id"])
    asked = {"q": soql("Id", f"LastName = '{name}'")}
    first = salesforce.good("GET", DATA + "/query", params=asked, headers={"Sforce-Query-Options": "batchSize=200"})
    assert (first["done"], first["totalSize"], len(first["records"])) == (False, 201, 200)
    rest = salesforce.good("GET", first["nextRecordsUrl"])
    assert (rest["done"], len(rest["records"]), "nextRecordsUrl" in rest) == (True, 1, False)


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.000Z", "%Y-%m-%dT%H:%M:%S+00:00"])
def test_a_time_is_a_bare_literal(salesforce: Salesforce, form: str) -> None:
    """Section 7.1 [D]: with or without milliseconds, with Z or an offset."""
    record_id = salesforce.create()
    stamp = datetime.fromisoformat(salesforce.read(record_id, "SystemModstamp")["SystemModstamp"])
    only = soql("Id", f"Id = '{record_id}' AND SystemModstamp")
    assert [one["Id"] for one in salesforce.query(f"{only} >= {stamp.strftime(form)}")] == [record_id]
    assert salesforce.query(f"{only} > {stamp.strftime(form)}") == []


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (soql("Id", f"Id = '{NO_CONTACT}' AND CreatedDate > '2026-01-01T00:00:00Z'"), "INVALID_FIELD"),
        (soql("Nonsense__c", f"Id = '{NO_CONTACT}'"), "INVALID_FIELD"),
        ("SELECT Id FROM Nonsense__c LIMIT 1", "INVALID_TYPE"),
        ("SELECT Id FROM Contact WHERE", "MALFORMED_QUERY"),
    ],
)
def test_a_query_that_cannot_be_answered_says_why(salesforce: Salesforce, asked: str, code: str) -> None:
    """Section 21 [S]: 400; a time in quotes is a fault of its field."""
    assert refusal(salesforce.rest("GET", "/query", params={"q": asked})) == (400, code)


def test_a_locator_that_is_none_is_refused(salesforce: Salesforce) -> None:
    """Section 21 [S]: the scan begins its pages again after INVALID_QUERY_LOCATOR."""
    assert refusal(salesforce.rest("GET", "/query/01g000000000000AAA-2000")) == (400, "INVALID_QUERY_LOCATOR")


# --- what is gone


def test_a_deleted_record_is_only_seen_by_those_who_ask_for_everything(salesforce: Salesforce) -> None:
    """Section 7.1 [D]: `queryAll` shows `IsDeleted`, `query` shows nothing."""
    record_id = salesforce.create()
    assert salesforce.rest("DELETE", f"/sobjects/Contact/{record_id}").status_code == 204
    asked = soql("Id, IsDeleted, MasterRecordId", f"Id = '{record_id}'")
    assert salesforce.query(asked) == []
    (gone,) = salesforce.query(asked, everything=True)
    assert (gone["Id"], gone["IsDeleted"], gone["MasterRecordId"]) == (record_id, True, None)


def test_the_log_of_deletions_names_the_record(salesforce: Salesforce) -> None:
    """Section 7.2 [D][R]. The window is this run's own few minutes, and only the own id is looked for."""
    record_id = salesforce.create()
    answer = salesforce.rest("DELETE", f"/sobjects/Contact/{record_id}")
    start = parsedate_to_datetime(answer.headers["date"]) - timedelta(minutes=5)
    now = start

    def log() -> dict[str, Any]:
        nonlocal now
        now = parsedate_to_datetime(salesforce.rest("GET", "/limits").headers["date"])
        window = {"start": iso(start), "end": iso(now)}
        told: dict[str, Any] = salesforce.good("GET", DATA + "/sobjects/Contact/deleted/", params=window)
        return {**told, "deletedRecords": [one for one in told["deletedRecords"] if one["id"] == record_id]}

    told = salesforce.eventually(log, lambda told: told["deletedRecords"], within=150, every=30)
    assert set(told) == {"deletedRecords", "earliestDateAvailable", "latestDateCovered"}
    assert set(told["deletedRecords"][0]) == {"id", "deletedDate"}
    long_ago = {"start": iso(now - timedelta(days=60)), "end": iso(now)}
    refused = salesforce.rest("GET", "/sobjects/Contact/deleted/", params=long_ago)
    assert refusal(refused) == (400, "INVALID_REPLICATION_DATE")


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- describe


def test_a_field_has_57_attributes(salesforce: Salesforce) -> None:
    """Section 4 [R]: seen in 2026; the real run answers whether the pinned version still has them all."""
    fields = salesforce.fields()
    assert set(ATTRIBUTES.split()) == set(fields["LastName"])
    assert len(fields["LastName"]) == 57
    assert {frozenset(one) for one in fields.values()} == {frozenset(fields["LastName"])}


def test_what_is_required_and_what_may_be_written_is_in_describe(salesforce: Salesforce) -> None:
    """Section 4 [D]: required = createable, not nillable, not defaulted; compounds are written by their parts."""
    fields = salesforce.fields()
    required = [one for one in fields.values() if one["createable"] and not one["nillable"]]
    assert "LastName" in {one["name"] for one in required if not one["defaultedOnCreate"]}
    assert fields["OwnerId"]["defaultedOnCreate"] is True
    assert (fields["SystemModstamp"]["createable"], fields["SystemModstamp"]["updateable"]) == (False, False)
    whole, part = fields["MailingAddress"], fields["MailingCity"]
    assert (whole["type"], whole["createable"], whole["updateable"]) == ("address", False, False)
    assert (part["compoundFieldName"], part["createable"]) == ("MailingAddress", True)
    assert fields["Email"]["idLookup"] is True
    assert fields["AccountId"]["referenceTo"] == ["Account"]
    assert {"active", "defaultValue", "label", "value", "validFor"} == set(fields["LeadSource"]["picklistValues"][0])


def test_the_picklists_of_a_record_type_are_told_by_the_ui_api(salesforce: Salesforce) -> None:
    """Section 4 [D]: the master record type stands for an object without record types."""
    path = DATA + "/ui-api/object-info/Contact/picklist-values/012000000000000AAA"
    told = salesforce.good("GET", path)["picklistFieldValues"]
    shown = {one["value"] for one in told["LeadSource"]["values"]}
    listed = {one["value"] for one in salesforce.fields()["LeadSource"]["picklistValues"] if one["active"]}
    assert shown == listed


def test_the_meaning_of_a_status_is_a_row(salesforce: Salesforce) -> None:
    """Section 4 [D] and 12: there is a converted status, and it is not hard-coded."""
    rows = salesforce.query("SELECT ApiName, MasterLabel, IsConverted, IsDefault, SortOrder FROM LeadStatus")
    assert any(one["IsConverted"] for one in rows)
    assert sum(one["IsDefault"] for one in rows) == 1


# --- merge and conversion, by SOAP


def soap(org: Salesforce, operation: str) -> dict[str, str]:
    """The leaves of an operation's answer, by name."""
    token = escape(org.token_answer["access_token"])
    envelope = (
        '<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="urn:partner.soap.sforce.com" '
        'xmlns:o="urn:sobject.partner.soap.sforce.com"><e:Header>'
        f"<SessionHeader><sessionId>{token}</sessionId></SessionHeader></e:Header><e:Body>{operation}</e:Body>"
        "</e:Envelope>"
    )
    headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""'}
    answer = org.call("POST", "/services/Soap/u/66.0", content=envelope.encode(), headers=headers)
    assert answer.status_code == 200, answer.text
    return {one.tag.rsplit("}", 1)[-1]: one.text or "" for one in fromstring(answer.content).iter() if not len(one)}


def test_a_merged_record_leads_to_its_survivor(salesforce: Salesforce) -> None:
    """Section 13 [D]: the loser is deleted and names its master in `queryAll`. The element is named as in the WSDL [S];
    jsforce calls it `mergeRequests`."""
    winner, loser = salesforce.create(), salesforce.create()
    told = soap(
        salesforce,
        f"<merge><request><masterRecord><o:type>Contact</o:type><o:Id>{winner}</o:Id></masterRecord>"
        f"<recordToMergeIds>{loser}</recordToMergeIds></request></merge>",
    )
    assert told["success"] == "true", told
    asked = soql("Id, IsDeleted, MasterRecordId", f"Id = '{loser}'")
    (gone,) = salesforce.query(asked, everything=True)
    assert (gone["IsDeleted"], gone["MasterRecordId"]) == (True, winner)


def test_a_converted_lead_names_its_contact_and_is_closed_to_writes(salesforce: Salesforce) -> None:
    """Section 12 [D] and 21 [S]: `ConvertedContactId` is set, an update is CANNOT_UPDATE_CONVERTED_LEAD."""
    (status, *_) = salesforce.query("SELECT ApiName FROM LeadStatus WHERE IsConverted = true")
    lead = salesforce.create("Lead")
    told = soap(
        salesforce,
        f"<convertLead><leadConverts><convertedStatus>{escape(status['ApiName'])}</convertedStatus>"
        f"<doNotCreateOpportunity>true</doNotCreateOpportunity><leadId>{lead}</leadId>"
        "<overwriteLeadSource>false</overwriteLeadSource><sendNotificationEmail>false</sendNotificationEmail>"
        "</leadConverts></convertLead>",
    )
    salesforce.need("INSUFFICIENT_ACCESS" not in told.get("statusCode", ""), "the user may not convert leads")
    assert told["success"] == "true", told
    salesforce.made("Account", told["accountId"])
    contact = salesforce.made("Contact", told["contactId"])
    row = salesforce.read(lead, "IsConverted", "ConvertedContactId", object_name="Lead")
    assert (row["IsConverted"], row["ConvertedContactId"]) == (True, contact)
    answer = salesforce.rest("PATCH", f"/sobjects/Lead/{lead}", {"Title": "Judge"})
    assert refusal(answer) == (400, "CANNOT_UPDATE_CONVERTED_LEAD")
