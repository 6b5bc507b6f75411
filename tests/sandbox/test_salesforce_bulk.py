"""The Salesforce sandbox: Bulk API 2.0 ingest and query, as api/salesforce.md section 8 says."""

# ruff: noqa: S608 - the queries run in a sandbox in memory

from __future__ import annotations

import csv
import io
import json
from typing import Any

import httpx
import pytest
from tests.sandbox.salesforce_world import ACME, ADA, ALAN, DATA, GRACE, START, Org, error_of

from concord_sandbox.salesforce.bulk.ingest import IngestJob
from concord_sandbox.salesforce.bulk.jobs import BulkJobs
from concord_sandbox.salesforce.ids import new_id
from concord_sandbox.salesforce.models import Actor, Change
from concord_sandbox.salesforce.values import wire_time
from concord_sandbox.service import ControlError

INGEST, QUERY = "/jobs/ingest", "/jobs/query"
Job = dict[str, Any]


@pytest.fixture
def org() -> Org:
    return Org()


async def opened(org: Org, operation: str, name: str = "Contact", **more: Any) -> Job:
    answer = await org.post(INGEST, {"object": name, "operation": operation, **more})
    assert answer.status_code == 200, answer.text
    job: Job = answer.json()
    return job


async def uploaded(org: Org, job: Job, text: str | bytes) -> httpx.Response:
    content = text if isinstance(text, bytes) else text.encode()
    return await org.client.put("/" + job["contentUrl"], content=content, headers={"Content-Type": "text/csv"})


async def loaded(org: Org, operation: str, text: str | bytes, name: str = "Contact", **more: Any) -> Job:
    """A job that was given its data, and all the time it needs."""
    job = await opened(org, operation, name, **more)
    assert (await uploaded(org, job, text)).status_code == 201
    assert (await org.patch(f"{INGEST}/{job['id']}", {"state": "UploadComplete"})).status_code == 200
    await org.control("clock", {"advance": 10})
    return await info(org, job)


async def info(org: Org, job: Job, path: str = INGEST) -> Job:
    answer = await org.get(f"{path}/{job['id']}")
    assert answer.status_code == 200, answer.text
    read: Job = answer.json()
    return read


async def rows(org: Org, job: Job, which: str) -> list[dict[str, str]]:
    answer = await org.get(f"{INGEST}/{job['id']}/{which}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


async def errors(org: Org, job: Job) -> list[str]:
    return [row["sf__Error"] for row in await rows(org, job, "failedResults")]


async def queried(org: Org, text: str, operation: str = "query", **more: Any) -> Job:
    answer = await org.post(QUERY, {"operation": operation, "query": text, **more})
    assert answer.status_code == 200, answer.text
    job: Job = answer.json()
    await org.control("clock", {"advance": 10})
    return job


async def result(org: Org, job: Job, **arguments: Any) -> httpx.Response:
    return await org.get(f"{QUERY}/{job['id']}/results", params=arguments)


async def test_a_job_goes_from_open_to_complete_by_the_clock(org: Org) -> None:
    job = await opened(org, "insert")
    assert job["state"] == "Open"
    assert job["contentUrl"] == f"services/data/v66.0/jobs/ingest/{job['id']}/batches"
    assert (job["apiVersion"], job["columnDelimiter"], job["lineEnding"]) == (66.0, "COMMA", "LF")
    assert (await uploaded(org, job, "LastName\nOne\n")).status_code == 201
    assert (await info(org, job))["state"] == "Open"
    closed = await org.patch(f"{INGEST}/{job['id']}", {"state": "UploadComplete"})
    assert (closed.status_code, closed.json()["state"]) == (200, "UploadComplete")
    assert (await info(org, job))["state"] == "UploadComplete"
    await org.control("clock", {"advance": 0.15})
    assert (await info(org, job))["state"] == "InProgress"
    assert await org.column("SELECT Id FROM Contact WHERE LastName = 'One'") == []
    await org.control("clock", {"advance": 1})
    done = await info(org, job)
    assert (done["state"], done["numberRecordsProcessed"], done["numberRecordsFailed"]) == ("JobComplete", 1, 0)
    assert (done["jobType"], done["systemModstamp"] > done["createdDate"]) == ("V2Ingest", True)
    assert len(await org.column("SELECT Id FROM Contact WHERE LastName = 'One'")) == 1


async def test_ten_thousand_rows_are_processed_at_a_time(org: Org) -> None:
    text = "LastName\n" + "".join(f"Row {n}\n" for n in range(10_001))
    job = await opened(org, "insert")
    await uploaded(org, job, text)
    await org.patch(f"{INGEST}/{job['id']}", {"state": "UploadComplete"})
    await org.control("clock", {"advance": 0.25})
    half = await info(org, job)
    assert (half["state"], half["numberRecordsProcessed"]) == ("InProgress", 10_000)
    await org.control("clock", {"advance": 1})
    done = await info(org, job)
    assert (done["state"], done["numberRecordsProcessed"]) == ("JobComplete", 10_001)
    limits = (await org.get("/limits")).json()
    assert limits["DailyBulkApiBatches"] == {"Max": 15_000, "Remaining": 14_998}


async def test_every_row_has_its_own_result_with_its_own_columns(org: Org) -> None:
    job = await loaded(org, "insert", 'FirstName,LastName,Email\nA,"One ""1"", x",a@b.example\nB,,\nC,Three,bad\n')
    assert (job["state"], job["numberRecordsProcessed"], job["numberRecordsFailed"]) == ("JobComplete", 3, 2)
    (good,) = await rows(org, job, "successfulResults")
    assert good == {
        "sf__Id": good["sf__Id"],
        "sf__Created": "true",
        "FirstName": "A",
        "LastName": 'One "1", x',
        "Email": "a@b.example",
    }
    assert (await org.fields("Contact", good["sf__Id"]))["LastName"] == 'One "1", x'
    missing, bad = await rows(org, job, "failedResults")
    assert missing == {
        "sf__Id": "",
        "sf__Error": "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --",
        "FirstName": "B",
        "LastName": "",
        "Email": "",
    }
    assert bad["sf__Error"] == "INVALID_EMAIL_ADDRESS:Email: invalid email address: bad:Email --"
    assert await rows(org, job, "unprocessedrecords") == []


async def test_an_empty_cell_leaves_a_value_and_na_clears_it(org: Org) -> None:
    await org.patch(f"/sobjects/Contact/{ADA}", {"Phone": "1", "Title": "Countess", "DoNotCall": True})
    job = await loaded(org, "update", f"Id,Phone,Title,DoNotCall,AccountId\n{ADA},,#N/A,#N/A,#N/A\n")
    assert job["numberRecordsFailed"] == 0
    ada = await org.fields("Contact", ADA)
    assert (ada["Phone"], ada["Title"], ada["DoNotCall"], ada["AccountId"]) == ("1", None, False, None)


async def test_texts_become_values_of_the_type_of_their_field(org: Org) -> None:
    text = (
        f"Id,DoNotCall,Score__c,Seen__c,Birthdate,Topics__c\n{ADA},TRUE,3.456,2026-01-02T03:04:05+01:00,1815-12-10,"
        f"Blue;Red\n{GRACE},0,-1e1,2026-01-02T03:04:05Z,1906-12-09,\n{ALAN},maybe,,,,\n"
    )
    job = await loaded(org, "update", text)
    ada, grace = await org.fields("Contact", ADA), await org.fields("Contact", GRACE)
    assert (ada["DoNotCall"], ada["Score__c"], ada["Seen__c"]) == (True, 3.46, "2026-01-02T02:04:05.000+0000")
    assert (ada["Birthdate"], ada["Topics__c"]) == ("1815-12-10", "Red;Blue")
    assert (grace["DoNotCall"], grace["Score__c"]) == (False, -10.0)
    (error,) = await errors(org, job)
    assert error == "INVALID_TYPE_ON_FIELD_IN_RECORD:Do Not Call: value not of required type: maybe:DoNotCall --"
    for bad in ("Score__c\n1.2.3", "Score__c\nnan", "Score__c\n1_000", "NumberOfEmployees\n1.5"):
        name, value = bad.split("\n")
        kind = "Account" if name == "NumberOfEmployees" else "Contact"
        record = ACME if kind == "Account" else ADA
        failed = await loaded(org, "update", f"Id,{name}\n{record},{value}\n", kind)
        assert failed["numberRecordsFailed"] == 1, bad


async def test_a_parent_is_named_by_its_own_key(org: Org) -> None:
    text = "Id,Account.HubSpot_Company_Id__c,Owner.Username\n"
    text += f"{ALAN},c1,alice@our.example\n{ADA},#N/A,\n{GRACE},C404,\n"
    job = await loaded(org, "update", text)
    assert (await org.fields("Contact", ALAN))["AccountId"] == ACME
    assert (await org.fields("Contact", ADA))["AccountId"] is None
    (error,) = await errors(org, job)
    words = "Foreign key external ID: C404 not found for field HubSpot_Company_Id__c in entity Account"
    assert error == f"INVALID_FIELD:{words}:--"


async def test_an_upsert_makes_and_changes_by_the_key(org: Org) -> None:
    text = "hubspot_contact_id__c,LastName\nH1,Byron\nH2,New\n,Keyless\n"
    job = await loaded(org, "upsert", text, externalIdFieldName="HubSpot_Contact_Id__c")
    old, new = await rows(org, job, "successfulResults")
    assert (old["sf__Id"], old["sf__Created"]) == (ADA, "false")
    assert new["sf__Created"] == "true"
    assert (await org.fields("Contact", new["sf__Id"]))["HubSpot_Contact_Id__c"] == "H2"
    assert await errors(org, job) == ["MISSING_ARGUMENT:HubSpot_Contact_Id__c not specified:--"]
    by_id = await loaded(org, "upsert", f"Id,LastName\n{ADA},King\n,Made\n", externalIdFieldName="Id")
    assert [row["sf__Created"] for row in await rows(org, by_id, "successfulResults")] == ["false", "true"]


async def test_a_delete_goes_to_the_bin_and_a_hard_delete_does_not(org: Org) -> None:
    job = await loaded(org, "delete", f"Id\n{ADA}\n{new_id('003', 77)}\nrubbish\n")
    assert [row["sf__Id"] for row in await rows(org, job, "successfulResults")] == [ADA]
    assert [one.split(":")[0] for one in await errors(org, job)] == ["INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID"]
    assert await org.column(f"SELECT IsDeleted FROM Contact WHERE Id = '{ADA}'", with_deleted=True) == [True]
    await loaded(org, "hardDelete", f"Id\n{GRACE}\n")
    assert await org.column(f"SELECT Id FROM Contact WHERE Id = '{GRACE}'", with_deleted=True) == []
    wide = await loaded(org, "delete", f"Id,LastName\n{ALAN},x\n")
    assert (wide["state"], wide["errorMessage"]) == ("Failed", "InvalidBatch : delete batches must contain only ids")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("LastName,Nope\nx,y\n", "InvalidBatch : Field name not found : Nope"),
        ("LastName,Account.Nope\nx,y\n", "InvalidBatch : Field name not found : Account.Nope"),
        ("LastName|FirstName\nx|y\n", "InvalidBatch : Field name not found : LastName|FirstName"),
        ("LastName,lastname\nx,y\n", "InvalidBatch : Duplicate column in the header : LastName"),
        (
            "LastName\r\nx\r\n",
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF",
        ),
        ("", "InvalidBatch : Failed to parse CSV header: the content is empty"),
        ('LastName\n"open\n', "InvalidBatch : Failed to parse CSV: unexpected end of data"),
        ("LastName\na,b\n", "InvalidBatch : Failed to parse CSV: Record number 1 has 2 fields, the header has 1"),
        (b"LastName\n\xff\n", "ClientInputError : The content is not valid UTF-8"),
    ],
)
async def test_a_job_whose_content_does_not_fit_fails_whole(org: Org, text: str | bytes, message: str) -> None:
    job = await loaded(org, "insert", text)
    assert (job["state"], job["errorMessage"], job["numberRecordsProcessed"]) == ("Failed", message, 0)
    assert await rows(org, job, "successfulResults") == []
    assert await rows(org, job, "failedResults") == []


async def test_an_update_without_its_key_column_fails_whole(org: Org) -> None:
    assert (await loaded(org, "update", "LastName\nx\n"))["errorMessage"] == "InvalidBatch : Field name not found : Id"
    keyless = await loaded(org, "upsert", "LastName\nx\n", externalIdFieldName="HubSpot_Contact_Id__c")
    assert keyless["errorMessage"] == "InvalidBatch : Field name not found : HubSpot_Contact_Id__c"


@pytest.mark.parametrize(
    ("name", "sign"), [("TAB", "\t"), ("SEMICOLON", ";"), ("PIPE", "|"), ("CARET", "^"), ("BACKQUOTE", "`")]
)
async def test_delimiters_and_line_endings_are_those_of_the_job(org: Org, name: str, sign: str) -> None:
    text = f"LastName{sign}FirstName\r\nOne,1{sign}Two\r\n"
    job = await loaded(org, "insert", text, columnDelimiter=name, lineEnding="CRLF")
    assert job["numberRecordsFailed"] == 0
    shown = (await org.get(f"{INGEST}/{job['id']}/successfulResults")).text
    assert shown.split("\r\n")[0] == sign.join(('"sf__Id"', '"sf__Created"', '"LastName"', '"FirstName"'))
    assert await org.column("SELECT FirstName FROM Contact WHERE LastName = 'One,1'") == ["Two"]


async def test_a_job_takes_one_upload_and_is_closed_once(org: Org) -> None:
    job = await opened(org, "insert")
    await uploaded(org, job, "LastName\nx\n")
    again = await uploaded(org, job, "LastName\ny\n")
    assert error_of(again) == (400, "CLIENTINPUTERROR")
    assert "Found multiple contents for job" in again.json()[0]["message"]
    assert error_of(await org.get(f"{INGEST}/{job['id']}/successfulResults")) == (400, "INVALIDJOBSTATE")
    assert error_of(await org.delete(f"{INGEST}/{job['id']}")) == (400, "INVALIDJOBSTATE")
    path = f"{INGEST}/{job['id']}"
    assert (await org.patch(path, {"state": "UploadComplete"})).status_code == 200
    assert error_of(await org.patch(path, {"state": "UploadComplete"})) == (400, "INVALIDJOBSTATE")
    assert error_of(await uploaded(org, job, "LastName\nz\n")) == (400, "INVALIDJOBSTATE")
    await org.control("clock", {"advance": 10})
    assert error_of(await org.patch(path, {"state": "Aborted"})) == (400, "INVALIDJOBSTATE")
    assert (await org.delete(path)).status_code == 204
    assert error_of(await org.get(path)) == (404, "NOT_FOUND")


async def test_an_aborted_job_keeps_what_it_did_not_do(org: Org) -> None:
    await org.control("bulk/pace", {"queue_seconds": 3600})
    job = await opened(org, "insert")
    await uploaded(org, job, "LastName\nx\ny\n")
    await org.patch(f"{INGEST}/{job['id']}", {"state": "UploadComplete"})
    await org.control("clock", {"advance": 600})
    assert (await info(org, job))["state"] == "UploadComplete"
    assert (await org.patch(f"{INGEST}/{job['id']}", {"state": "Aborted"})).json()["state"] == "Aborted"
    await org.control("clock", {"advance": 3600})
    assert [row["LastName"] for row in await rows(org, job, "unprocessedrecords")] == ["x", "y"]
    assert await org.column("SELECT Id FROM Contact WHERE LastName = 'x'") == []


async def test_a_job_that_comes_with_its_data_needs_no_upload(org: Org) -> None:
    job = b'{"object": "Contact", "operation": "insert"}'
    body = (
        b'--X\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name="job"\r\n\r\n%b\r\n--X\r\n'
        b'Content-Type: text/csv\r\nContent-Disposition: form-data; name="content"; filename="content"\r\n\r\n'
        b"LastName\nPart\n\r\n--X--\r\n"
    ) % job
    headers = {"Content-Type": "multipart/form-data; boundary=X"}
    answer = await org.client.post(DATA + INGEST, content=body, headers=headers)
    assert (answer.status_code, answer.json()["state"]) == (200, "UploadComplete")
    await org.control("clock", {"advance": 10})
    assert (await info(org, answer.json()))["numberRecordsProcessed"] == 1
    assert error_of(await org.client.post(DATA + INGEST, content=b"--X--", headers=headers)) == (400, "INVALIDJOB")
    odd = {"Content-Type": "text/csv"}
    assert error_of(await org.client.post(DATA + INGEST, content=b"x", headers=odd))[0] == 415


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"operation": "insert"}, "INVALIDJOB"),
        ({"object": "Contact"}, "INVALIDJOB"),
        ({"object": "Nope", "operation": "insert"}, "INVALIDENTITY"),
        ({"object": "ContactHistory", "operation": "insert"}, "INVALIDENTITY"),
        ({"object": "Contact", "operation": "merge"}, "JSON_PARSER_ERROR"),
        ({"object": "Contact", "operation": "upsert"}, "INVALIDJOB"),
        ({"object": "Contact", "operation": "upsert", "externalIdFieldName": "Nope__c"}, "INVALIDJOB"),
        ({"object": "Contact", "operation": "insert", "externalIdFieldName": "Id"}, "INVALIDJOB"),
        ({"object": "Contact", "operation": "insert", "columnDelimiter": ";"}, "JSON_PARSER_ERROR"),
        ({"object": "Contact", "operation": "insert", "contentType": "XML"}, "JSON_PARSER_ERROR"),
        ({"object": "Contact", "operation": "insert", "nope": 1}, "JSON_PARSER_ERROR"),
        ({"object": 1, "operation": "insert"}, "JSON_PARSER_ERROR"),
        ({"object": "Contact", "operation": "insert", "assignmentRuleId": "x"}, "INVALIDJOB"),
        ([], "JSON_PARSER_ERROR"),
    ],
)
async def test_a_job_that_makes_no_sense_is_refused(org: Org, body: Any, code: str) -> None:
    assert error_of(await org.post(INGEST, body)) == (400, code)


async def test_a_fault_hits_the_rows_it_is_for(org: Org) -> None:
    fault = {"kind": "record_error", "path": "jobs/ingest", "record": ADA, "code": "UNABLE_TO_LOCK_ROW"}
    await org.control("faults", fault)
    job = await loaded(org, "update", f"Id,Phone\n{ADA},1\n{GRACE},2\n")
    (failed,) = await rows(org, job, "failedResults")
    assert failed["sf__Id"] == ADA
    assert failed["sf__Error"].startswith("UNABLE_TO_LOCK_ROW:unable to obtain exclusive access")
    assert (await org.fields("Contact", GRACE))["Phone"] == "2"


async def test_a_job_can_be_made_to_fail(org: Org) -> None:
    await org.control("bulk/fail", {"message": "InternalServerError : x"})
    failed = await loaded(org, "insert", "LastName\nx\n")
    assert (failed["state"], failed["errorMessage"]) == ("Failed", "InternalServerError : x")
    assert [row["LastName"] for row in await rows(org, failed, "unprocessedrecords")] == ["x"]
    good = await loaded(org, "insert", "LastName\nx\n")
    assert good["state"] == "JobComplete"
    waiting = await opened(org, "insert")
    await org.control("bulk/fail", {"job": waiting["id"]})
    assert (await info(org, waiting))["state"] == "Failed"
    answer = await org.client.post("/_control/bulk/fail", json={"job": waiting["id"]})
    assert answer.status_code == 400
    listed = (await org.client.get("/_control/bulk/jobs")).json()["jobs"]
    assert [one["state"] for one in listed] == ["Failed", "JobComplete", "Failed"]


async def test_two_hundred_rows_are_one_transaction_of_the_bulk_api(org: Org) -> None:
    heard: list[tuple[Actor | None, list[Change]]] = []
    org.service._api.org.listeners.append(lambda who, changes: heard.append((who, changes)))
    org.client.headers["Sforce-Call-Options"] = "client=concord"
    await loaded(org, "insert", "LastName\n" + "x\n" * 250)
    contacts = [(who, [one for one in changes if one.table.kind.name == "Contact"]) for who, changes in heard]
    assert [len(changes) for _, changes in contacts if changes] == [200, 50]
    who = contacts[0][0]
    assert who is not None
    assert (who.api, who.client, who.user_id) == ("bulkapi/66.0", "concord", org.user_id)


async def test_the_days_batches_run_out(org: Org) -> None:
    section = org.service.save() | {"bulk_jobs": {"batches_used": 15_000, "queries_used": 10_000}}
    org.app.load(section)
    job = await loaded(org, "insert", "LastName\nx\n")
    assert (job["state"], job["errorMessage"]) == ("Failed", "ExceededQuota : ApiBatchItems Limit exceeded.")
    refused = await org.post(QUERY, {"operation": "query", "query": "SELECT Id FROM Lead"})
    assert error_of(refused) == (400, "LIMIT_EXCEEDED")
    assert refused.json()[0]["message"] == "Max bulk v2 query jobs (10000) per 24 hrs has been reached (10000)"
    assert (await org.get("/limits")).json()["DailyBulkV2QueryJobs"]["Remaining"] == 0


async def test_jobs_live_on_in_a_saved_world(org: Org) -> None:
    done = await loaded(org, "insert", "LastName\nx\n\n")
    query = await queried(org, "SELECT Id, LastName FROM Contact WHERE LastName = 'x'")
    waiting = await opened(org, "insert")
    await uploaded(org, waiting, "LastName\nlater\n")
    saved = org.service.save()
    other = Org(saved)
    assert other.service.save()["bulk_jobs"] == saved["bulk_jobs"]
    assert await rows(other, done, "successfulResults") == await rows(org, done, "successfulResults")
    assert (await result(other, query)).text == (await result(org, query)).text
    await other.patch(f"{INGEST}/{waiting['id']}", {"state": "UploadComplete"})
    await other.control("clock", {"advance": 10})
    assert (await info(other, waiting))["state"] == "JobComplete"
    assert (await opened(other, "insert"))["id"] not in {done["id"], query["id"], waiting["id"]}


async def test_a_job_that_was_saved_at_its_work_goes_on_where_it_was(org: Org) -> None:
    job = await opened(org, "insert")
    await uploaded(org, job, "LastName\n" + "x\n" * 10_001)
    await org.patch(f"{INGEST}/{job['id']}", {"state": "UploadComplete"})
    await org.control("clock", {"advance": 0.25})
    other = Org(org.service.save())
    assert (await info(other, job))["numberRecordsProcessed"] == 10_000
    await other.control("clock", {"advance": 10})
    assert (await info(other, job))["state"] == "JobComplete"
    assert len(await rows(other, job, "successfulResults")) == 10_001
    assert (await other.soql("SELECT COUNT() FROM Contact WHERE LastName = 'x'"))["totalSize"] == 10_001


async def test_a_job_is_forgotten_after_seven_days(org: Org) -> None:
    job = await loaded(org, "insert", "LastName\nx\n")
    await org.control("clock", {"advance": 6 * 86_400})
    assert (await info(org, job))["state"] == "JobComplete"
    await org.control("clock", {"advance": 2 * 86_400})
    assert error_of(await org.get(f"{INGEST}/{job['id']}")) == (404, "NOT_FOUND")


async def test_jobs_are_listed_by_their_kind(org: Org) -> None:
    first, second = await opened(org, "insert"), await opened(org, "delete")
    query = await queried(org, "SELECT Id FROM Lead")
    listed = (await org.get(INGEST)).json()
    assert (listed["done"], listed["nextRecordsUrl"]) == (True, None)
    assert [one["id"] for one in listed["records"]] == [second["id"], first["id"]]
    assert [one["id"] for one in (await org.get(QUERY)).json()["records"]] == [query["id"]]
    assert (await org.get(INGEST, params={"jobType": "V2Query"})).json()["records"] == []
    assert error_of(await org.get(INGEST, params={"queryLocator": "???"})) == (400, "INVALIDQUERYLOCATOR")


# Queries


async def test_a_query_gives_its_rows_as_csv_in_pages(org: Org) -> None:
    job = await queried(org, "SELECT id, account.name, Score__c, Seen__c, DoNotCall FROM contact ORDER BY LastName")
    assert (job["state"], job["object"], job["operation"]) == ("UploadComplete", "Contact", "query")
    done = await info(org, job, QUERY)
    assert (done["state"], done["numberRecordsProcessed"], done["jobType"]) == ("JobComplete", 3, "V2Query")
    first = await result(org, job, maxRecords=2)
    assert first.text.splitlines() == [
        '"Id","Account.Name","Score__c","Seen__c","DoNotCall"',
        f'"{GRACE}","Acme","7.5","","false"',
        f'"{ADA}","Acme","","","false"',
    ]
    assert first.headers["Sforce-NumberOfRecords"] == "2"
    second = await result(org, job, maxRecords=2, locator=first.headers["Sforce-Locator"])
    assert second.text.splitlines()[1:] == [f'"{ALAN}","","","","false"']
    assert (second.headers["Sforce-Locator"], second.headers["Sforce-NumberOfRecords"]) == ("null", "1")
    assert error_of(await result(org, job, locator="zzz"))[1] == "INVALIDQUERYLOCATOR"
    assert error_of(await result(org, job, maxRecords="x")) == (400, "INVALID_ARGUMENT")


async def test_query_all_gives_the_deleted_too_and_nothing_found_is_a_header(org: Org) -> None:
    await org.delete(f"/sobjects/Contact/{ADA}")
    live = await queried(org, "SELECT Id FROM Contact")
    whole = await queried(org, "SELECT Id, IsDeleted FROM Contact", "queryAll")
    none = await queried(org, "SELECT Id FROM Contact WHERE LastName = 'Nobody'")
    assert (await result(org, live)).headers["Sforce-NumberOfRecords"] == "2"
    assert f'"{ADA}","true"' in (await result(org, whole)).text
    empty = await result(org, none)
    assert (empty.text, empty.headers["Sforce-Locator"]) == ('"Id"\n', "null")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT COUNT() FROM Contact", "FUNCTIONALITY_NOT_ENABLED"),
        ("SELECT COUNT(Id) FROM Contact", "FUNCTIONALITY_NOT_ENABLED"),
        ("SELECT Email FROM Contact GROUP BY Email", "FUNCTIONALITY_NOT_ENABLED"),
        ("SELECT Id FROM Contact OFFSET 2", "FUNCTIONALITY_NOT_ENABLED"),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "FUNCTIONALITY_NOT_ENABLED"),
        ("SELECT MailingAddress FROM Contact", "FUNCTIONALITY_NOT_ENABLED"),
        ("SELECT FIELDS(ALL) FROM Contact LIMIT 1", "FUNCTIONALITY_NOT_ENABLED"),
        ("SELECT Nope FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
        ("nonsense", "MALFORMED_QUERY"),
        ("", "INVALIDJOB"),
    ],
)
async def test_what_bulk_queries_cannot_do_is_refused(org: Org, text: str, code: str) -> None:
    assert error_of(await org.post(QUERY, {"operation": "query", "query": text})) == (400, code)


async def test_a_query_job_can_be_aborted_and_deleted(org: Org) -> None:
    answer = await org.post(QUERY, {"operation": "query", "query": "SELECT Id FROM Lead"})
    path = f"{QUERY}/{answer.json()['id']}"
    assert error_of(await org.get(path + "/results")) == (400, "INVALIDJOBSTATE")
    assert error_of(await org.patch(path, {"state": "UploadComplete"})) == (400, "JSON_PARSER_ERROR")
    assert (await org.patch(path, {"state": "Aborted"})).json()["state"] == "Aborted"
    assert (await org.delete(path)).status_code == 204
    assert error_of(await org.get(path)) == (404, "NOT_FOUND")
    assert error_of(await org.get(f"{QUERY}/{new_id('750', 99)}")) == (404, "NOT_FOUND")


@pytest.mark.parametrize("section", [{"nope": 1}, {"jobs": [{}]}, {"jobs": [{"kind": "query"}]}, [1]])
def test_a_malformed_section_of_a_world_is_refused(section: Any) -> None:
    with pytest.raises(ControlError):
        Org({"bulk_jobs": section})


# What is saved, who may what, and how much is kept


async def test_a_failure_that_waits_for_the_next_job_is_saved(org: Org) -> None:
    await org.control("bulk/fail", {"message": "InternalServerError : on purpose"})
    again = Org(json.loads(json.dumps(org.service.save())))
    made = (await again.post("/jobs/query", {"operation": "query", "query": "SELECT Id FROM Lead"})).json()
    again.controls.clock.advance(1)
    job = (await again.get(f"/jobs/query/{made['id']}")).json()
    assert (job["state"], job["errorMessage"]) == ("Failed", "InternalServerError : on purpose")
    assert "next_failure" not in again.service.save()["bulk_jobs"]


async def test_a_field_that_the_user_may_not_see_is_no_column(org: Org) -> None:
    await org.control("access", {"hidden": {"Contact": ["Phone"]}})
    made = (await org.post("/jobs/ingest", {"object": "Contact", "operation": "insert"})).json()
    at = f"/jobs/ingest/{made['id']}"
    csv = {"Content-Type": "text/csv"}
    await org.client.put(f"{DATA}{at}/batches", content=b"LastName,Phone\nx,1\n", headers=csv)
    await org.patch(at, {"state": "UploadComplete"})
    org.controls.clock.advance(1)
    job = (await org.get(at)).json()
    assert (job["state"], job["errorMessage"]) == ("Failed", "InvalidBatch : Field name not found : Phone")


def test_of_the_jobs_that_ended_only_the_newest_are_kept(org: Org) -> None:
    jobs, now = org.service._api.org.parts.of(BulkJobs), wire_time(START)
    for number in range(1, 2006):
        state = "Open" if number == 1 else "Aborted"
        jobs.add(IngestJob(new_id("750", number), "Contact", "insert", org.user_id, now, now, "66.0", state=state))
    kept = {job.id for job in jobs.of_kind(IngestJob)}
    assert [number for number in range(1, 2006) if new_id("750", number) not in kept] == [2, 3, 4, 5]


def test_jobs_that_ended_hold_no_more_than_so_much(org: Org) -> None:
    jobs, now = org.service._api.org.parts.of(BulkJobs), wire_time(START)
    big = "x" * 150_000_000
    for number in range(1, 6):
        job = IngestJob(new_id("750", number), "Contact", "insert", org.user_id, now, now, "66.0", state="Failed")
        job.content = big
        jobs.add(job)
    assert [number for number in range(1, 6) if jobs.find(new_id("750", number)) is None] == [1, 2]
