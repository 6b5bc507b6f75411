"""The SOAP API of the sandboxed Salesforce: envelopes, sessions, records, queries, describes; jsforce against it."""

# ruff: noqa: S608 - the queries run in a sandbox in memory

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import Any

import pytest
from tests.sandbox.salesforce_world import ACME, ADA, ALAN, ALICE, GLOBEX, GRACE, LINUS, Org, world
from tests.sandbox.served import CLIENTS, Served, need_node
from tests.sandbox.soap_client import ENTERPRISE, PARTNER, body_of, element, envelope, fault, fields, plain, post, soap

_TIMESTAMP = "<getServerTimestamp/>"


@pytest.fixture
def org() -> Org:
    return Org()


async def records(
    org: Org, operation: str, *given: dict[str, Any], headers: str = "", **more: Any
) -> list[dict[str, Any]]:
    """The results of create, update or upsert."""
    return await soap(org, element(operation, **more, sObjects=[fields(one) for one in given]), headers=headers)


class TestEnvelope:
    async def test_a_session_is_an_access_token(self, org: Org) -> None:
        (result,) = await soap(org, _TIMESTAMP)
        assert result == {"timestamp": "2026-11-23T09:00:00.000Z"}

    @pytest.mark.parametrize("session", ["", "00Dxx!nope"])
    async def test_a_bad_session_is_a_fault_with_status_500(self, org: Org, session: str) -> None:
        code, words = await fault(org, envelope(org, _TIMESTAMP, session=session))
        assert code == "sf:INVALID_SESSION_ID"
        assert words.startswith("INVALID_SESSION_ID: Invalid Session ID found in SessionHeader")

    async def test_calls_count_like_those_of_rest(self, org: Org) -> None:
        await org.control("usage", {"daily_used": 998, "daily_limit": 1000})
        _, text = await post(org, envelope(org, _TIMESTAMP))
        assert "<current>999</current><limit>1000</limit><type>API REQUESTS</type>" in text
        await soap(org, _TIMESTAMP)
        assert (await fault(org, envelope(org, _TIMESTAMP)))[0] == "sf:REQUEST_LIMIT_EXCEEDED"
        assert (await org.get("/limits")).status_code == 403

    @pytest.mark.parametrize(
        "body",
        [
            "",
            "nonsense",
            "<a/>",
            '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
            '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body/></e:Envelope>',
            '<?xml version="1.0" encoding="no-such"?><a/>',
        ],
    )
    async def test_what_is_no_envelope_is_the_clients_fault(self, org: Org, body: str) -> None:
        assert (await fault(org, body))[0] == "soapenv:Client"

    async def test_an_entity_is_never_resolved(self, org: Org) -> None:
        body = (
            '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
            + envelope(org, "<query>&a;</query>").partition("?>")[2]
        )
        code, words = await fault(org, body)
        assert (code, "document type is not allowed" in words) == ("soapenv:Client", True)

    async def test_the_soap_action_header_is_needed(self, org: Org) -> None:
        assert await fault(org, envelope(org, _TIMESTAMP), action=False) == (
            "soapenv:Client",
            "SOAPAction HTTP header missing",
        )

    @pytest.mark.parametrize("path", ["u/12.0", "u/99.0", "u/x", "z/66.0"])
    async def test_an_unknown_version_is_a_fault(self, org: Org, path: str) -> None:
        assert (await fault(org, envelope(org, _TIMESTAMP), path=path))[0] == "sf:UNSUPPORTED_API_VERSION"

    @pytest.mark.parametrize(
        ("path", "code"), [("u/66.0", "soapenv:Client"), ("u/64.0", "sf:FUNCTIONALITY_NOT_ENABLED")]
    )
    async def test_login_is_gone(self, org: Org, path: str, code: str) -> None:
        login = element("login", username="a", password="b")
        found, words = await fault(org, envelope(org, login), path=path)
        assert (found, "login" in words) == (code, True)

    async def test_what_is_not_emulated_says_so(self, org: Org) -> None:
        code, words = await fault(org, envelope(org, "<describeTabs/>"))
        assert (code, "does not emulate the SOAP operation describeTabs" in words) == (
            "sf:FUNCTIONALITY_NOT_ENABLED",
            True,
        )
        assert (await fault(org, envelope(org, _TIMESTAMP), path="m/66.0"))[0] == "sf:FUNCTIONALITY_NOT_ENABLED"

    async def test_an_operation_that_no_wsdl_has_is_the_clients_fault(self, org: Org) -> None:
        assert await fault(org, envelope(org, "<nope/>")) == (
            "soapenv:Client",
            f"No operation available for request {{{PARTNER}}}nope",
        )
        assert (await fault(org, envelope(org, _TIMESTAMP, namespace=ENTERPRISE)))[0] == "soapenv:Client"

    async def test_an_unknown_element_of_a_request_is_the_clients_fault(self, org: Org) -> None:
        code, words = await fault(org, envelope(org, element("convertLead", leadConverts=fields({"lead": LINUS}))))
        assert (code, words) == ("soapenv:Client", f"Element {{{PARTNER}}}lead invalid at this location")

    async def test_a_logout_ends_the_session(self, org: Org) -> None:
        await soap(org, "<logout/>")
        assert (await fault(org, envelope(org, _TIMESTAMP)))[0] == "sf:INVALID_SESSION_ID"


class TestRecords:
    async def test_records_are_made_changed_and_deleted(self, org: Org) -> None:
        lead = {"type": "Lead", "LastName": "A & <B>", "Company": "C", "NumberOfEmployees": 5, "AnnualRevenue": "7.0",
                "HasOptedOutOfEmail": True, "Seen__c": "2026-11-23T10:00:00+01:00"}  # fmt: skip
        (made,) = await records(org, "create", lead)
        assert made["success"] == "true"
        shown = await org.fields("Lead", made["id"])
        assert (shown["LastName"], shown["NumberOfEmployees"], shown["AnnualRevenue"]) == ("A & <B>", 5, 7.0)
        assert (shown["HasOptedOutOfEmail"], shown["Seen__c"]) == (True, "2026-11-23T09:00:00.000+0000")
        await records(org, "update", {"type": "Lead", "Id": made["id"], "Title": "T", "fieldsToNull": ["Seen__c"]})
        shown = await org.fields("Lead", made["id"])
        assert (shown["Title"], shown["Seen__c"]) == ("T", None)
        (gone,) = await soap(org, element("delete", ids=made["id"]))
        assert gone == {"id": made["id"], "success": "true"}
        assert (await org.get(f"/sobjects/Lead/{made['id']}")).status_code == 404

    async def test_each_record_has_its_own_result(self, org: Org) -> None:
        results = await records(
            org,
            "create",
            {"type": "Account", "Name": "Good"},
            {"type": "Account", "Phone": "1"},
            {"type": "Account", "Name": "Bad", "NumberOfEmployees": "many"},
            {"type": "Account", "Name": "Bad", "Id": ACME},
        )
        assert [one["success"] for one in results] == ["true", "false", "false", "false"]
        assert results[1]["errors"] == {
            "fields": "Name",
            "message": "Required fields are missing: [Name]",
            "statusCode": "REQUIRED_FIELD_MISSING",
        }
        assert [one["errors"]["statusCode"] for one in results[2:]] == [
            "INVALID_TYPE_ON_FIELD_IN_RECORD",
            "INVALID_FIELD_FOR_INSERT_UPDATE",
        ]

    async def test_all_or_none_takes_all_back(self, org: Org) -> None:
        header = "<AllOrNoneHeader><allOrNone>true</allOrNone></AllOrNoneHeader>"
        results = await records(org, "create", {"type": "Account", "Name": "Good"}, {"type": "Account"}, headers=header)
        assert [one["errors"]["statusCode"] for one in results] == [
            "ALL_OR_NONE_OPERATION_ROLLED_BACK",
            "REQUIRED_FIELD_MISSING",
        ]
        assert await org.column("SELECT Id FROM Account WHERE Name = 'Good'") == []

    async def test_upserts_say_whether_they_created(self, org: Org) -> None:
        results = await records(
            org,
            "upsert",
            {"type": "Contact", "HubSpot_Contact_Id__c": "H1", "Title": "Countess"},
            {"type": "Contact", "HubSpot_Contact_Id__c": "H7", "LastName": "New"},
            {"type": "Contact", "HubSpot_Contact_Id__c": "H7", "LastName": "Again"},
            externalIDFieldName="HubSpot_Contact_Id__c",
        )
        assert [(one["created"], one["success"]) for one in results] == [
            ("false", "true"),
            ("true", "true"),
            ("false", "false"),
        ]
        assert (await org.fields("Contact", ADA))["Title"] == "Countess"

    async def test_a_parent_can_be_named_by_its_external_id(self, org: Org) -> None:
        parent = ("<type>Account</type><HubSpot_Company_Id__c>C1</HubSpot_Company_Id__c>",)
        (made,) = await records(org, "create", {"type": "Contact", "LastName": "X", "Account": parent})
        assert (await org.fields("Contact", made["id"]))["AccountId"] == ACME

    async def test_unknown_objects_and_fields_are_faults_and_nothing_is_done(self, org: Org) -> None:
        good = fields({"type": "Account", "Name": "Good"})
        for bad, code in (({"type": "Nope"}, "sf:INVALID_TYPE"), ({"type": "Account", "Nope": 1}, "sf:INVALID_FIELD")):
            body = element("create", sObjects=[good, fields(bad)])
            assert (await fault(org, envelope(org, body)))[0] == code
        assert await org.column("SELECT Id FROM Account WHERE Name = 'Good'") == []

    async def test_more_than_two_hundred_records_are_too_many(self, org: Org) -> None:
        body = element("delete", ids=[ACME] * 201)
        assert (await fault(org, envelope(org, body)))[0] == "sf:EXCEEDED_ID_LIMIT"

    async def test_ids_that_lead_nowhere_are_errors_of_the_record(self, org: Org) -> None:
        results = await soap(org, element("delete", ids=["x", ADA[:-6] + "zz9", ADA]))
        assert [one["success"] for one in results] == ["false", "false", "true"]

    async def test_retrieve_keeps_the_order_and_says_nil_for_what_is_gone(self, org: Org) -> None:
        await org.delete(f"/sobjects/Contact/{GRACE}")
        asked = element(
            "retrieve", fieldList="FirstName, MailingAddress", sObjectType="Contact", ids=[ALAN, GRACE, ADA]
        )
        alan, grace, ada = await soap(org, asked)
        assert (alan["FirstName"], grace, ada["FirstName"], ada["type"]) == ("Alan", None, "Ada", "Contact")
        assert (ada["Id"], ada["MailingAddress"]["city"], alan["MailingAddress"]) == (ADA, "London", None)

    async def test_a_blocked_duplicate_names_its_match_unless_the_caller_insists(self) -> None:
        rule = {"object": "Contact", "name": "DR", "action": {"create": "allow"},
                "matching": [{"object": "Contact", "rule": "MR", "fields": [{"field": "Email"}]}]}  # fmt: skip
        org = Org({**world(), "duplicate_rules": [rule]})
        double = {"type": "Contact", "LastName": "L", "Email": "ada@acme.example"}
        _, text = await post(org, envelope(org, element("create", sObjects=fields(double))))
        assert '<errors xsi:type="DuplicateError"><message>' in text
        assert f"<sf:Id>{ADA}</sf:Id>" in text
        assert "<allowSave>true</allowSave>" in text
        header = "<DuplicateRuleHeader><allowSave>true</allowSave></DuplicateRuleHeader>"
        assert (await records(org, "create", double, headers=header))[0]["success"] == "true"

    async def test_the_enterprise_wsdl_names_objects_by_their_xml_type(self, org: Org) -> None:
        body = (
            '<create xmlns:s="urn:sobject.enterprise.soap.sforce.com"><sObjects xsi:type="s:Account"><s:Name>E</s:Name>'
            "</sObjects></create>"
        )
        (made,) = await soap(org, body, path="c/66.0/0DF000000000000")
        assert made["success"] == "true"
        query = envelope(
            org, element("query", queryString="SELECT Id, Name FROM Account WHERE Name = 'E'"), namespace=ENTERPRISE
        )
        _, text = await post(org, query, path="c/66.0")
        assert f'<records xsi:type="sf:Account"><sf:Id>{made["id"]}</sf:Id><sf:Name>E</sf:Name></records>' in text


class TestReading:
    async def test_queries_shape_records_as_the_partner_wsdl_has_them(self, org: Org) -> None:
        soql = (
            "SELECT FirstName, Email, CreatedDate, Account.Name, Account.CreatedDate FROM Contact "
            "WHERE LastName IN ('Lovelace', 'Turing') ORDER BY LastName"
        )
        (page,) = await soap(org, element("query", queryString=soql))
        assert (page["done"], page["queryLocator"], page["size"]) == ("true", None, "2")
        ada, alan = page["records"]
        assert (ada["type"], ada["Id"], ada["FirstName"]) == ("Contact", None, "Ada")
        assert ada["CreatedDate"] == "2026-11-01T08:00:00.000Z"
        assert (ada["Account"]["type"], ada["Account"]["Name"]) == ("Account", "Acme")
        assert (alan["Email"], alan["Account"]) == (None, None)

    async def test_children_of_a_record_are_a_result_of_their_own(self, org: Org) -> None:
        soql = f"SELECT Id, (SELECT LastName FROM Contacts ORDER BY LastName) FROM Account WHERE Id = '{ACME}'"
        (page,) = await soap(org, element("query", queryString=soql))
        children = page["records"]["Contacts"]
        assert (children["size"], [one["LastName"] for one in children["records"]]) == ("2", ["Hopper", "Lovelace"])

    async def test_a_long_result_is_read_on_with_its_locator(self, org: Org) -> None:
        for number in range(250):
            org.service.human_create("Account", {"Name": f"A{number}"}, None)
        header = "<QueryOptions><batchSize>200</batchSize></QueryOptions>"
        (first,) = await soap(org, element("query", queryString="SELECT Id FROM Account"), headers=header)
        (rest,) = await soap(org, element("queryMore", queryLocator=first["queryLocator"]))
        assert (first["done"], len(first["records"]), rest["done"], len(rest["records"])) == ("false", 200, "true", 52)

    @pytest.mark.parametrize(
        ("operation", "code"),
        [
            (element("query", queryString="SELECT"), "sf:MALFORMED_QUERY"),
            (element("query", queryString="SELECT Nope FROM Lead"), "sf:INVALID_FIELD"),
            (element("queryMore", queryLocator="x"), "sf:INVALID_QUERY_LOCATOR"),
            (element("describeSObject", sObjectType="Nope"), "sf:INVALID_TYPE"),
        ],
    )
    async def test_a_bad_question_is_a_fault(self, org: Org, operation: str, code: str) -> None:
        assert (await fault(org, envelope(org, operation)))[0] == code

    async def test_deleted_records_are_found_by_query_all_and_get_deleted(self, org: Org) -> None:
        await org.delete(f"/sobjects/Contact/{ADA}")
        await org.control("clock", {"advance": 120})
        (page,) = await soap(org, element("queryAll", queryString="SELECT Id FROM Contact WHERE IsDeleted = true"))
        assert page["records"]["Id"] == ADA
        window = {"startDate": "2026-11-23T08:59:00Z", "endDate": "2026-11-23T09:02:00Z"}
        (gone,) = await soap(org, element("getDeleted", sObjectType="Contact", **window))
        assert gone["deletedRecords"] == {"id": ADA, "deletedDate": "2026-11-23T09:00:00.000Z"}
        (changed,) = await soap(org, element("getUpdated", sObjectType="Account", **window))
        assert changed["latestDateCovered"] == "2026-11-23T09:02:00.000Z"

    async def test_describes_say_what_those_of_rest_say(self, org: Org) -> None:
        rest = (await org.get("/sobjects/Lead/describe")).json()
        (lead,) = await soap(org, element("describeSObject", sObjectType="lead"))
        assert [one["name"] for one in lead["fields"]] == [one["name"] for one in rest["fields"]]
        status = next(one for one in lead["fields"] if one["name"] == "Status")
        assert (status["type"], status["nillable"], status["picklistValues"][0]["value"]) == (
            "picklist",
            "false",
            "Open - Not Contacted",
        )
        several = await soap(org, element("describeSObjects", sObjectType=["Lead", "Account"]))
        assert [one["name"] for one in several] == ["Lead", "Account"]
        (everything,) = await soap(org, "<describeGlobal/>")
        assert {"Lead", "Contact", "Subscription__c"} <= {one["name"] for one in everything["sobjects"]}

    async def test_user_info_is_of_the_user_of_the_session(self, org: Org) -> None:
        (info,) = await soap(org, "<getUserInfo/>")
        assert (info["userId"], info["userFullName"], info["sessionSecondsValid"]) == (
            org.user_id,
            "Integration User",
            "7200",
        )


_SCRIPT = """
const jsforce = require(process.argv[1]);
const [url, token, alice, acme, globex, linus, ada] = process.argv.slice(2);
const conn = new jsforce.Connection({instanceUrl: url, accessToken: token, version: '66.0'});
(async () => {
  const said = {};
  said.made = await conn.soap.create([{type: 'Lead', LastName: 'A & B', Company: 'C'}, {type: 'Lead', Company: 'C'}]);
  said.converted = await conn.soap.convertLead({leadId: linus, convertedStatus: 'Closed - Converted', ownerId: alice});
  said.again = await conn.soap.convertLead([{leadId: linus, convertedStatus: 'Closed - Converted'}]);
  said.merged = await conn.soap.merge({masterRecord: {type: 'Account', Id: globex}, recordToMergeIds: [acme]});
  said.deleted = await conn.soap.delete([ada]);
  said.undeleted = await conn.soap.undelete([ada]);
  said.deleted_again = await conn.soap.delete(ada);
  said.emptied = await conn.soap.emptyRecycleBin([ada]);
  said.info = await conn.soap.getUserInfo();
  conn.accessToken = 'bad';
  said.refused = await conn.soap.getServerTimestamp().catch((error) => error.errorCode);
  console.log(JSON.stringify(said));
})();
"""


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our script


async def test_jsforce_converts_merges_and_undeletes(org: Org) -> None:
    node = need_node()
    served = Served(org.app)
    command = [node, "-e", _SCRIPT, str(CLIENTS / "node_modules" / "jsforce"), served.url, org.token]
    done = await asyncio.to_thread(_run, [*command, ALICE, ACME, GLOBEX, LINUS, ADA])
    served.stop()
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert [one["success"] for one in said["made"]] == [True, False]
    assert said["made"][1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert (said["converted"]["success"], said["converted"]["leadId"]) == (True, LINUS)
    assert said["again"][0]["errors"][0]["statusCode"] == "CANNOT_UPDATE_CONVERTED_LEAD"
    assert (said["merged"]["success"], said["merged"]["mergedRecordIds"]) == (True, [ACME])
    assert [said[name][0]["success"] for name in ("deleted", "undeleted", "emptied")] == [True, True, True]
    assert (said["info"]["userId"], said["refused"]) == (org.user_id, "sf:INVALID_SESSION_ID")


# Faults that the controls set


async def test_a_fault_with_a_status_is_a_soap_fault(org: Org) -> None:
    await org.control("faults", {"kind": "status", "path": "/Soap/", "status": 503})
    status, text = await post(org, envelope(org, "<getUserInfo/>"))
    assert (status, plain(body_of(text)[0])["faultcode"]) == (503, "sf:SERVER_UNAVAILABLE")
    await org.control("faults", {"kind": "status", "path": "/Soap/", "status": 403, "code": "REQUEST_LIMIT_EXCEEDED"})
    assert (await fault(org, envelope(org, "<getUserInfo/>")))[0] == "sf:REQUEST_LIMIT_EXCEEDED"
    await org.control("faults", {"kind": "status", "path": "/Soap/", "status": 503, "code": "HTML"})
    answer = await org.client.post("/services/Soap/u/66.0", content=envelope(org, "<getUserInfo/>").encode())
    assert answer.headers["content-type"].startswith("text/html")


async def test_an_object_that_does_not_exist_for_the_user_is_no_object_in_soap(org: Org) -> None:
    await org.control("access", {"objects": {"Case": "none"}})
    listed = await soap(org, "<describeGlobal/>")
    assert "Case" not in [one["name"] for one in listed[0]["sobjects"]]
    code, _ = await fault(org, envelope(org, "<describeSObject><sObjectType>Case</sObjectType></describeSObject>"))
    assert code == "sf:INVALID_TYPE"
