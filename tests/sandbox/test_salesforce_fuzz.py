"""The Salesforce sandbox takes anything: whatever is sent, by however many, is answered in the vendor's form.

Each test throws what Hypothesis makes of the shapes that clients send at one org. No answer may be a crash, each
refusal has the form that its API documents, and what the org has become can be saved, loaded, and saved as the same.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

import httpx
import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sandbox.salesforce_world import ACME, ADA, ALAN, ALICE, BOB, DATA, GLOBEX, GRACE, LINUS, MARGARET, Org, world

from concord_sandbox.control import SandboxApp
from concord_sandbox.salesforce import SalesforceService
from concord_sandbox.salesforce.ids import new_id
from concord_sandbox.salesforce.soap.calls import OPERATIONS
from concord_sandbox.salesforce.urls import RESOURCES
from concord_sandbox.service import Controls

CAMPAIGN, DEAL = new_id("701", 901), new_id("006", 901)
_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
fuzzed = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def _section() -> dict[str, Any]:
    """An org in which a write sets much else in motion."""
    section = world()
    section["daily_limit"] = 10_000_000
    section["features"] = ["person_accounts"]
    section["records"]["Campaign"] = [{"Id": CAMPAIGN, "Name": "Autumn", "IsActive": True}]
    section["records"]["Opportunity"] = [
        {"Id": DEAL, "Name": "Deal", "AccountId": ACME, "StageName": "Prospecting", "CloseDate": "2026-12-31"}
    ]
    twice = {"name": "Twice__c", "type": "double", "calculated": True, "calculatedFormula": "Seats__c * 2"}
    section["objects"]["Subscription__c"]["fields"].append(twice)
    section["validation_rules"] = [
        {"object": "Contact", "name": "No_Bots", "formula": 'CONTAINS(LastName, "bot")', "message": "no bots"}
    ]
    section["duplicate_rules"] = [
        {
            "object": "Lead",
            "name": "Leads",
            "action": {"create": "block", "edit": "allow"},
            "matching": [{"object": "Contact", "rule": "Mail", "fields": [{"field": "Email", "method": "exact"}]}],
        }
    ]
    section["change_events"] = {"selected": ["Lead", "Contact", "Account", "Opportunity", "Task"]}
    section["outbound_messages"] = [
        {"name": "Told", "object": "Contact", "fields": ["Id", "Email"], "url": "http://127.0.0.1:9/nobody"}
    ]
    return section


@pytest.fixture(scope="module")
def org() -> Iterator[Org]:
    """An org that can be saved and loaded when all tests have done with it."""
    made = Org(_section())
    yield made
    reloaded(made)


def reloaded(org: Org) -> None:
    """Fails unless the org, saved and loaded, is saved as the same."""
    saved = json.loads(json.dumps(org.service.save()))
    again = SalesforceService(Controls(clock=org.controls.clock))
    SandboxApp(again).load(saved)
    assert json.loads(json.dumps(again.save())) == saved


# What is sent


OBJECTS = (
    *("Account", "Contact", "Lead", "Opportunity", "Task", "Event", "Campaign", "CampaignMember", "Case", "User"),
    *("OpportunityContactRole", "Subscription__c", "ContactHistory", "Group", "Nope", "Product2", "EmailMessage"),
)
IDS = (ADA, GRACE, ALAN, ACME, GLOBEX, LINUS, MARGARET, ALICE, BOB, CAMPAIGN, DEAL, ADA[:15], ADA[:-1] + "X", "003")
_WORDS = (
    *("2026-11-23", "2026-11-23T09:00:00Z", "true", "Prospecting", "Closed Won", "Open", "Sent"),
    *("Hot", "ada@acme.example"),
    *("#N/A", "H1", "1.5", "bot", "@{a.id}", "@{a.records[0].Id}", "\ud7ff\x00<&>\"'", "'", "Contact", "Id", "GET", ""),
    *("9999-12-31T23:59:59Z", "0001-01-01", "x" * 300, "Closed - Converted", "2026-11-23T09:00:00+99:99"),
)
_TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    _TEXT,
    st.sampled_from(IDS + _WORDS),
)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_WORDS) | _TEXT, inner, max_size=3),
    max_leaves=8,
)
_FIELDS = st.sampled_from(
    (
        *("Id", "LastName", "FirstName", "Name", "Email", "Phone", "AccountId", "OwnerId", "WhoId", "WhatId"),
        *(
            "Company",
            "Status",
            "StageName",
            "CloseDate",
            "Amount",
            "Probability",
            "Subject",
            "ActivityDate",
            "CampaignId",
        ),
        *("ContactId", "LeadId", "Contact__c", "Seats__c", "Twice__c", "HubSpot_Contact_Id__c", "Score__c", "Seen__c"),
        *("Stage__c", "Topics__c", "IsConverted", "MasterRecordId", "ReportsToId", "ParentId", "IsPrimary", "Role"),
        *("MailingAddress", "SystemModstamp", "IsDeleted", "attributes", "Account", "Contacts", "RecordTypeId", "type"),
        *("DurationInMinutes", "StartDateTime", "EndDateTime", "IsActive", "IsPersonAccount", "NumberOfEmployees"),
    )
)
_BODY = st.dictionaries(_FIELDS | _TEXT, _LEAVES | _JSON, max_size=5)
#: Bodies that are mostly right, so that much is really written.
_RIGHT = st.fixed_dictionaries(
    {"LastName": st.sampled_from(("A", "B", "bot"))},
    optional={
        "Email": st.sampled_from(("ada@acme.example", "new@x.example", "no mail", None)),
        "AccountId": st.sampled_from((ACME, GLOBEX, LINUS, None)),
        "HubSpot_Contact_Id__c": st.sampled_from(("H1", "H2", "H3", None)),
        "Score__c": st.one_of(st.integers(-99_999, 99_999), st.floats(-1e9, 1e9)),
        "Company": st.just("Kernel"),
    },
)
#: Of each object what it requires; the rest is drawn.
_NEEDED: Mapping[str, Mapping[str, Any]] = {
    "Account": {"Name": "Firm"},
    "Contact": {"LastName": "Person"},
    "Lead": {"LastName": "Lead", "Company": "Firm"},
    "Opportunity": {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-31"},
    "Task": {"Subject": "Call", "Status": "Completed"},
    "Event": {"Subject": "Visit", "StartDateTime": "2026-12-01T09:00:00Z", "DurationInMinutes": 60},
    "Campaign": {"Name": "Autumn"},
    "CampaignMember": {"CampaignId": CAMPAIGN},
    "OpportunityContactRole": {"OpportunityId": DEAL, "ContactId": ADA},
    "Subscription__c": {"Contact__c": ADA},
    "Case": {"Subject": "Trouble"},
    "EmailMessage": {"Subject": "Mail", "Status": "3"},
}
_PEOPLE, _FIRMS = st.sampled_from((ADA, GRACE, ALAN, LINUS, None)), st.sampled_from((ACME, GLOBEX, DEAL, None))
_EXTRA: Mapping[str, st.SearchStrategy[Any]] = {
    "WhoId": _PEOPLE,
    "WhatId": _FIRMS,
    "ContactId": _PEOPLE,
    "LeadId": st.sampled_from((LINUS, MARGARET, ADA)),
    "AccountId": _FIRMS,
    "ReportsToId": _PEOPLE,
    "OwnerId": st.sampled_from((ALICE, BOB)),
    "ActivityDate": st.dates().map(str),
    "StartDateTime": st.datetimes().map(lambda one: one.isoformat() + "Z"),
    "EndDateTime": st.datetimes().map(lambda one: one.isoformat() + "Z"),
    "DurationInMinutes": st.integers(-10, 10**9),
    "IsAllDayEvent": st.booleans(),
    "IsPrimary": st.booleans(),
    "Amount": st.floats(-1e20, 1e20),
    "Probability": st.floats(-200, 200),
    "CloseDate": st.dates().map(str),
    "StageName": st.sampled_from(("Closed Won", "Prospecting", "Nowhere")),
    "Status": st.sampled_from(("Completed", "Sent", "Responded", "Closed", "5", "Open")),
    "Email": st.sampled_from(("ada@acme.example", "new@x.example", "no mail")),
    "HubSpot_Contact_Id__c": st.sampled_from(("H1", "H2", "h2")),
    "MessageDate": st.datetimes().map(lambda one: one.isoformat() + "Z"),
    "HasOptedOutOfEmail": st.booleans(),
}


@st.composite
def _whole(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """An object and a body that it mostly takes."""
    name = draw(st.sampled_from(sorted(_NEEDED)))
    extra = draw(st.lists(st.sampled_from(sorted(_EXTRA)), max_size=3, unique=True))
    return name, {**_NEEDED[name], **{key: draw(_EXTRA[key]) for key in extra}}


_OBJECT, _ID = st.sampled_from(OBJECTS), st.sampled_from(IDS)
_HEADERS = st.dictionaries(
    st.sampled_from(
        (
            *("Sforce-Call-Options", "Sforce-Duplicate-Rule-Header", "Sforce-Auto-Assign", "Sforce-Query-Options"),
            *("If-Modified-Since", "If-Unmodified-Since", "If-Match", "If-None-Match", "Accept", "X-Other"),
        )
    ),
    st.sampled_from(
        (
            *("client=Fuzz", "client=", "=", "allowSave=true; includeRecordDetails=true", "FALSE", "batchSize=200"),
            *("batchSize=99999999999", "Mon, 23 Nov 2026 09:00:00 GMT", "Sun, 32 Foo 99999", '"x"', "*", ";;,=", ADA),
            *("Mon, 23 Nov 2026 09:00:00 +9999", "0"),
        )
    ).map(str.encode)
    | st.binary(max_size=8).map(lambda raw: bytes(one for one in raw if 32 <= one != 127)),
    max_size=2,
)


@st.composite
def _paths(draw: st.DrawFn, pattern: str) -> str:
    """A path as that line of the table of resources means it, filled with what may be there."""
    named: Mapping[str, st.SearchStrategy[str]] = {
        "{object}": _OBJECT,
        "{id}": _ID,
        "{field}": st.sampled_from(("Id", "Email", "HubSpot_Contact_Id__c", "Nope__c", "Name", "AccountId")),
        "{value}": st.sampled_from((*IDS, "H1", "ada@acme.example", "a/b", "%", "Contacts", "Account")),
        "{locator}": st.sampled_from((f"{new_id('01g', 1)}-2000", "01g-", "0")),
        "{job}": st.sampled_from((new_id("750", 1), new_id("750", 2), new_id("750", 3), "750")),
        "{record_type}": st.just("012000000000000AAA"),
    }
    parts = []
    for part in pattern.split("/"):
        parts.append(draw(named.get(part, _TEXT) | _TEXT) if part.startswith("{") else part)
    return "/".join(quote(one, safe="") for one in parts)


@st.composite
def _sub_requests(draw: st.DrawFn, reference: str | None = None) -> Any:
    method = draw(st.sampled_from(("POST", "PATCH", "GET", "DELETE", "PUT")))
    kind = draw(_OBJECT)
    tail = "" if method == "POST" else "/" + draw(_ID | st.sampled_from(("@{a.id}", "Email/ada@acme.example")))
    request: dict[str, Any] = {
        "method": method,
        "url": draw(st.just(f"{DATA}/sobjects/{kind}{tail}") | st.sampled_from((f"{DATA}/limits", f"{DATA}/", "x"))),
        "referenceId": reference or draw(st.sampled_from(("a", "b", "c", "1", ""))),
    }
    if draw(st.booleans()):
        request["body"] = draw(_RIGHT | _BODY | _JSON)
    if draw(st.integers(0, 5)) == 0:
        request["httpHeaders"] = draw(st.dictionaries(st.just("If-Match") | _TEXT, _LEAVES, max_size=2) | _JSON)
    return request


@st.composite
def _records(draw: st.DrawFn, tree: bool = False) -> Any:
    record: Any = draw(_RIGHT | _BODY)
    record["attributes"] = draw(
        st.fixed_dictionaries({"type": _OBJECT}, optional={"referenceId": st.sampled_from("ab")}) | _JSON
    )
    if draw(st.booleans()):
        record["Id"] = draw(_ID | _LEAVES)
    if tree and draw(st.booleans()):
        record["Contacts"] = {"records": draw(st.lists(_records(), max_size=2) | _JSON)}
    return record


_SHAPES: Mapping[str, st.SearchStrategy[Any]] = {
    "composite": st.fixed_dictionaries(
        {"compositeRequest": st.tuples(_sub_requests("a"), _sub_requests("b")).map(list)},
        optional={"allOrNone": st.booleans() | _JSON},
    ),
    "composite/graph": st.lists(_sub_requests(), min_size=1, max_size=3).map(
        lambda nodes: {"graphs": [{"graphId": "g", "compositeRequest": nodes}]}
    ),
    "composite/batch": st.lists(
        st.fixed_dictionaries(
            {
                "method": st.sampled_from(("GET", "POST", "PATCH", "DELETE")),
                "url": st.sampled_from(
                    (f"v66.0/sobjects/Contact/{ADA}", "v66.0/limits", "v66.0/sobjects/Contact", "v99.0/x", "", "v66.0")
                ),
            },
            optional={"richInput": _RIGHT | _JSON},
        ),
        max_size=3,
    ).map(lambda some: {"batchRequests": some, "haltOnError": len(some) > 2}),
    "composite/sobjects": st.fixed_dictionaries(
        {"records": st.lists(_records(), max_size=4) | _JSON}, optional={"allOrNone": st.booleans()}
    ),
    "composite/sobjects/{object}": st.fixed_dictionaries(
        {"ids": st.lists(_ID, max_size=3) | _JSON, "fields": st.lists(_FIELDS, max_size=3) | _JSON}
    ),
    "composite/sobjects/{object}/{field}": st.fixed_dictionaries({"records": st.lists(_records(), max_size=4) | _JSON}),
    "composite/tree/{object}": st.fixed_dictionaries({"records": st.lists(_records(tree=True), max_size=3) | _JSON}),
    "jobs/ingest": st.fixed_dictionaries(
        {"object": _OBJECT, "operation": st.sampled_from(("insert", "update", "upsert", "delete", "hardDelete"))},
        optional={
            "externalIdFieldName": st.sampled_from(("HubSpot_Contact_Id__c", "Id", "Nope")),
            "lineEnding": st.sampled_from(("LF", "CRLF", "CR")),
            "columnDelimiter": st.sampled_from(("COMMA", "PIPE", "DOT")),
            "assignmentRuleId": _ID,
        },
    ),
    "jobs/ingest/{job}": st.fixed_dictionaries({"state": st.sampled_from(("UploadComplete", "Aborted", "Open"))}),
    "jobs/query": st.fixed_dictionaries(
        {
            "operation": st.sampled_from(("query", "queryAll", "insert")),
            "query": st.sampled_from(("SELECT Id, Account.Name FROM Contact", "SELECT COUNT() FROM Lead", "x", "")),
        }
    ),
    "parameterizedSearch": st.fixed_dictionaries(
        {"q": _TEXT},
        optional={"sobjects": _JSON, "fields": _JSON, "overallLimit": _LEAVES, "in": _LEAVES, "dataCategories": _JSON},
    ),
}
_ARGUMENTS = st.dictionaries(
    st.sampled_from(
        (
            *("q", "fields", "ids", "start", "end", "updateOnly", "sobject", "limit", "maxRecords", "locator"),
            *("jobType", "_HttpMethod", "allOrNone", "queryLocator", "in", "Contact.where"),
        )
    ),
    _TEXT
    | st.sampled_from(
        (
            *("SELECT Id FROM Contact", "FIND {ada} RETURNING Contact(Id)", "FIND {ada", "SELECT Id FROM", "1", "-1"),
            *("2026-11-23T08:00:00Z", "2026-11-23T09:00:00+00:00", "99999999999999999999", "true", f"{ADA},{ACME}"),
            *("PATCH", "MzA", "Contact", "EMAIL"),
        )
    ),
    max_size=3,
)
_ROUTES = [(path, method) for path, methods in RESOURCES for method in methods]


# What has to come back


def check(path: str, answer: httpx.Response) -> None:
    """Fails unless the answer has the form that the vendor documents for that path."""
    said = f"{path}: {answer.status_code} {answer.text[:300]}"
    if path.startswith("/services/Soap/"):
        (element,) = next(one for one in fromstring(answer.content) if one.tag == f"{{{_ENVELOPE}}}Body")
        is_fault = element.tag == f"{{{_ENVELOPE}}}Fault"
        assert answer.status_code == (500 if is_fault else 200), said
        assert not is_fault or [one.tag for one in element][:2] == ["faultcode", "faultstring"], said
        return
    assert answer.status_code < 500, said
    if path.startswith(("/id/", "/services/oauth2/userinfo")) and answer.status_code == 403:
        assert answer.text in ("Missing_OAuth_Token", "Bad_OAuth_Token", "Wrong_Org", "Bad_Id", "No_Access"), said
    elif path.startswith("/services/oauth2/") and answer.status_code >= 400:
        assert set(answer.json()) == {"error", "error_description"}, said
    elif answer.status_code >= 400 and answer.content:
        body = answer.json()
        if "/composite/tree/" in path and isinstance(body, dict):
            assert body["hasErrors"] is True, said
            return
        assert body, said
        for one in body:
            assert {"message", "errorCode"} <= set(one) <= {"message", "errorCode", "fields", "duplicateResut"}, said
            assert one["errorCode"].replace("_", "").isalnum(), said
            assert isinstance(one["message"], str), said
    elif answer.status_code == 200 and "/composite/sobjects" in path and isinstance(answer.json(), list):
        for one in answer.json():
            for error in (one or {}).get("errors", ()) if isinstance(one, dict) and "success" in one else ():
                assert {"statusCode", "message", "fields"} <= set(error), said


async def send(org: Org, method: str, path: str, body: Any = None, **more: Any) -> None:
    """Send one call with a JSON body, and check what comes back."""
    content = more.pop("content", None)
    headers = {"Content-Type": "application/json", **more.pop("headers", {})}
    if body is not None:
        content = json.dumps(body).encode()
    answer = await org.client.request(method, path, content=content, headers=headers, **more)
    check(path, answer)


# The REST API


@pytest.mark.parametrize(("pattern", "method"), _ROUTES, ids=[f"{method} {path}" for path, method in _ROUTES])
@settings(fuzzed, max_examples=12)
@given(data=st.data())
async def test_every_route_takes_any_body_any_arguments_and_any_headers(
    org: Org, pattern: str, method: str, data: st.DataObject
) -> None:
    path = f"{DATA}/{data.draw(_paths(pattern))}"
    body = data.draw(_SHAPES.get(pattern, _RIGHT | _BODY) | _JSON)
    await send(org, method, path, body, params=data.draw(_ARGUMENTS), headers=data.draw(_HEADERS))


@fuzzed
@given(
    path=st.sampled_from((f"{DATA}/sobjects/Contact", f"{DATA}/composite", f"{DATA}/jobs/ingest", f"{DATA}/query")),
    content=st.binary(max_size=40)
    | st.sampled_from((b"{", b'{"a":1e999}', b"[" * 9_000, b'"\\ud800"', b'{"LastName":"\\ud800"}', b"\xef\xbb\xbf{}")),
    kind=st.sampled_from((b"application/json", b"text/csv", b"multipart/form-data; boundary=x", b"", b"\xff")),
    packed=st.sampled_from((b"", b"gzip", b"deflate", b"br", b"nonsense")),
    token=st.sampled_from((b"", b"Bearer", b"Bearer \xff", b"Basic x", b"OAuth y", None)),
    method=st.sampled_from(("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE")),
)
async def test_bytes_of_any_kind_are_refused_in_json(
    org: Org, path: str, content: bytes, kind: bytes, packed: bytes, token: bytes | None, method: str
) -> None:
    headers: dict[str, Any] = {"Content-Type": kind, "Content-Encoding": packed}
    if token is not None:
        headers["Authorization"] = token
    await send(org, method, path, content=content, headers=headers)


@fuzzed
@given(path=st.text(st.characters(codec="utf-8", exclude_characters="?#"), max_size=30))
async def test_paths_of_any_kind_lead_to_an_answer_in_json(org: Org, path: str) -> None:
    for start in ("/", "/services/", "/services/data/", f"{DATA}/", f"{DATA}/sobjects/", f"{DATA}/jobs/"):
        await send(org, "GET", start + quote(path, safe="/"))


_DEEDS = ("POST", "POST", "PATCH", "DELETE", "UPSERT", "UNDELETE", "MERGE", "CONVERT", "EMPTY")


@fuzzed
@given(
    deeds=st.lists(
        st.tuples(st.sampled_from(_DEEDS), _whole(), st.integers(0, 30), st.integers(0, 30), _HEADERS),
        min_size=2,
        max_size=8,
    )
)
async def test_writers_at_the_same_time_never_stumble_over_each_other(org: Org, deeds: list[Any]) -> None:
    known = [row["id"] for name in _NEEDED for row in org.service.records(name)] + [ADA, LINUS, ACME]

    async def one(kind: str, whole: tuple[str, dict[str, Any]], first: int, second: int, headers: Any) -> None:
        (name, body), target, other = whole, known[-1 - first % len(known)], known[-1 - second % len(known)]
        path = f"{DATA}/sobjects/{name}"
        if kind == "POST":
            await send(org, "POST", path, body, headers=headers)
        elif kind == "PATCH":
            await send(org, kind, f"{path}/{target}", {key: body[key] for key in list(body)[-2:]}, headers=headers)
        elif kind == "DELETE":
            table = org.service._api.org.table_of(target)
            await send(org, kind, f"{DATA}/sobjects/{table.kind.name if table else name}/{target}", headers=headers)
        elif kind == "UPSERT":
            body = {key: value for key, value in body.items() if key != "HubSpot_Contact_Id__c"}
            await send(org, "PATCH", f"{DATA}/sobjects/Contact/HubSpot_Contact_Id__c/H2", body, headers=headers)
        else:
            asked = {
                "UNDELETE": f"<undelete><ids>{target}</ids></undelete>",
                "EMPTY": f"<emptyRecycleBin><ids>{target}</ids></emptyRecycleBin>",
                "MERGE": f"<merge><request><masterRecord><type>{name}</type><Id>{target}</Id></masterRecord>"
                f"<recordToMergeIds>{other}</recordToMergeIds></request></merge>",
                "CONVERT": f"<convertLead><leadConverts><leadId>{target}</leadId><convertedStatus>"
                "Closed - Converted</convertedStatus></leadConverts></convertLead>",
            }
            await soap(org, asked[kind])

    await asyncio.gather(*(one(*some) for some in deeds))
    org.controls.clock.advance(3600)
    org.service.tick()


@settings(fuzzed, max_examples=25)
@given(
    job=_SHAPES["jobs/ingest"],
    header=st.lists(_FIELDS | st.sampled_from(("Account.HubSpot_Company_Id__c", "Account:Account.Id")), max_size=4),
    rows=st.lists(st.lists(st.sampled_from((*IDS, *_WORDS)) | _TEXT, max_size=4), max_size=4),
    content=st.none() | st.binary(max_size=60),
)
async def test_any_csv_is_loaded_or_refused_row_by_row(
    org: Org, job: dict[str, Any], header: list[str], rows: list[list[str]], content: bytes | None
) -> None:
    made = await org.post("/jobs/ingest", job)
    check(f"{DATA}/jobs/ingest", made)
    if made.status_code != 200:
        return
    at = f"{DATA}/jobs/ingest/{made.json()['id']}"
    lines = [",".join(header), *(",".join(f'"{cell}"' for cell in row) for row in rows)]
    upload = content if content is not None else "\n".join(lines).encode("utf-8", "replace")
    await send(org, "PUT", f"{at}/batches", content=upload, headers={"Content-Type": "text/csv"})
    await send(org, "PATCH", at, {"state": "UploadComplete"})
    org.controls.clock.advance(1)
    org.service.tick()
    for result in ("", "/successfulResults", "/failedResults", "/unprocessedrecords"):
        await send(org, "GET", at + result)


# The OAuth endpoints and the identity


@fuzzed
@given(
    endpoint=st.sampled_from(("token", "authorize", "revoke", "introspect", "userinfo")),
    method=st.sampled_from(("GET", "POST")),
    form=st.dictionaries(
        st.sampled_from(
            (
                *("grant_type", "client_id", "client_secret", "assertion", "code", "redirect_uri", "response_type"),
                *("code_verifier", "code_challenge", "refresh_token", "token", "state", "scope", "login_hint"),
            )
        ),
        _TEXT
        | st.sampled_from(
            (
                *("client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer", "authorization_code", "code"),
                *("refresh_token", "3MVG9sandbox.client.id", "sandbox-client-secret", "http://x/y?z#w", "a.b.c"),
                *("eyJhbGciOiJub25lIn0.eyJpc3MiOjF9.", "eyJhbGciOiJSUzI1NiJ9.W10.AA", "password"),
            )
        ),
        max_size=6,
    ),
    basic=st.sampled_from((b"Basic \xff", b"Basic eDp5", b"Basic /w==", b"Basic", b"Bearer x", None)),
    kind=st.sampled_from((b"application/x-www-form-urlencoded", b"application/json", b"")),
)
async def test_any_form_is_granted_or_refused_as_oauth_has_it(
    org: Org, endpoint: str, method: str, form: dict[str, str], basic: bytes | None, kind: bytes
) -> None:
    if endpoint in ("token", "introspect"):
        method = "POST"
    headers: dict[str, Any] = {"Content-Type": kind} | ({"Authorization": basic} if basic is not None else {})
    content = urlencode(form).encode() if method == "POST" else None
    arguments = form if method == "GET" else None
    await send(org, method, f"/services/oauth2/{endpoint}", content=content, headers=headers, params=arguments)


@fuzzed
@given(organisation=_ID | _TEXT, user=_ID | _TEXT)
async def test_any_identity_can_be_asked_for(org: Org, organisation: str, user: str) -> None:
    await send(org, "GET", f"/id/{quote(organisation, safe='')}/{quote(user, safe='')}")


# SOAP


async def soap(org: Org, body: str, headers: str = "", path: str = "u/66.0") -> None:
    namespace = "urn:enterprise.soap.sforce.com" if path.startswith("c") else "urn:partner.soap.sforce.com"
    text = (
        f'<e:Envelope xmlns:e="{_ENVELOPE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xmlns="{namespace}"><e:Header><SessionHeader><sessionId>{org.token}</sessionId></SessionHeader>{headers}'
        f"</e:Header><e:Body>{body}</e:Body></e:Envelope>"
    )
    await posted(org, text.encode("utf-8", "replace"), path)


async def posted(org: Org, content: bytes, path: str) -> None:
    headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""'}
    answer = await org.client.post(f"/services/Soap/{path}", content=content, headers=headers)
    check("/services/Soap/", answer)


_ARGUMENT_NAMES = (
    *("sObjects", "ids", "sObjectType", "queryString", "queryLocator", "fieldList", "externalIDFieldName"),
    *("leadConverts", "mergeRequests", "request", "masterRecord", "recordToMergeIds", "startDate", "endDate", "type"),
    *("leadId", "convertedStatus", "accountId", "contactId", "ownerId", "doNotCreateOpportunity", "fieldsToNull"),
    *("Id", "LastName", "Email", "AccountId", "Account", "Score__c", "accountRecord", "overwriteLeadSource"),
    "nonsense",
)
_CLEAN = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=8)
_XML_TEXT = _CLEAN | st.sampled_from(
    (*IDS, *OBJECTS, "SELECT Id FROM Contact", "2026-11-23T08:00:00Z", "2026-11-23T09:00:00Z", "true", "1e999", "NaN")
)


def _leaf(name: str, text: str, nil: bool) -> str:
    return f'<{name} xsi:nil="true"/>' if nil else f"<{name}>{escape(text)}</{name}>"


_XML = st.recursive(
    st.builds(_leaf, st.sampled_from(_ARGUMENT_NAMES), _XML_TEXT, st.integers(0, 9).map(lambda one: one == 0)),
    lambda inner: st.builds(
        lambda name, children, kind: f"<{name}{kind}>{''.join(children)}</{name}>",
        st.sampled_from(_ARGUMENT_NAMES),
        st.lists(inner, max_size=5),
        st.sampled_from(("", "", ' xsi:type="Contact"', ' xsi:type="sf:Nope"')),
    ),
    max_leaves=10,
)
_SOBJECT = st.builds(
    lambda kind, values: "<sObjects><type>" + kind + "</type>" + "".join(values) + "</sObjects>",
    _OBJECT,
    st.lists(_XML, max_size=5),
)
_SOAP_HEADERS = st.sampled_from(
    (
        *("", "", "<AllOrNoneHeader><allOrNone>true</allOrNone></AllOrNoneHeader>"),
        "<AllOrNoneHeader><allOrNone>perhaps</allOrNone></AllOrNoneHeader>",
        "<CallOptions><client>x</client></CallOptions>",
        "<QueryOptions><batchSize>x</batchSize></QueryOptions>",
        "<DuplicateRuleHeader><allowSave/></DuplicateRuleHeader>",
        "<AssignmentRuleHeader><useDefaultRule>true</useDefaultRule></AssignmentRuleHeader>",
    )
)


@pytest.mark.parametrize("operation", sorted(OPERATIONS.keys() - {"logout"}))
@settings(fuzzed, max_examples=15)
@given(
    arguments=st.lists(_XML | _SOBJECT, max_size=4),
    headers=_SOAP_HEADERS,
    path=st.sampled_from(("u/66.0", "c/66.0", "u/31", "c/65.0")),
)
async def test_every_soap_operation_takes_any_arguments(
    org: Org, operation: str, arguments: list[str], headers: str, path: str
) -> None:
    await soap(org, f"<{operation}>{''.join(arguments)}</{operation}>", headers, path)


@fuzzed
@given(
    content=st.binary(max_size=60)
    | st.sampled_from(
        (
            *(b"", b"<a/>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b'<?xml version="1.0" encoding="x"?><a/>'),
            *(b"<a xmlns:b='b'>" * 400, b'<?xml version="1.0" encoding="utf-16"?><a/>'),
            f'<e:Envelope xmlns:e="{_ENVELOPE}"><e:Body/></e:Envelope>'.encode(),
            f'<e:Envelope xmlns:e="{_ENVELOPE}"><e:Header/><e:Body><a/><b/></e:Body></e:Envelope>'.encode(),
        )
    ),
    path=st.sampled_from(("u/66.0", "u/99.0", "c/1", "m/66.0", "T/66.0", "x", "", "u/66.0/00D000000000001")),
)
async def test_what_is_no_envelope_is_a_fault(org: Org, content: bytes, path: str) -> None:
    await posted(org, content, path)
