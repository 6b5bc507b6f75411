"""The Salesforce sandbox: conditional requests, relationships, search, limits, identity, and input of any kind."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sandbox.salesforce_world import ACME, ADA, ALAN, ALICE, DATA, GLOBEX, GRACE, LINUS, START, Org, error_of

from concord_sandbox.salesforce.urls import RESOURCES

NOW = format_datetime(START, usegmt=True)
EARLIER = "Mon, 23 Nov 2026 08:59:59 GMT"


@pytest.fixture
def org() -> Org:
    return Org()


# Conditional requests


async def test_a_record_that_did_not_change_is_not_sent_again(org: Org) -> None:
    await org.patch(f"/sobjects/Contact/{ADA}", {"Phone": "1"})
    path = f"/sobjects/Contact/{ADA}"
    answer = await org.get(path)
    assert answer.headers["Last-Modified"] == NOW
    assert "ETag" not in answer.headers
    same = await org.get(path, headers={"If-Modified-Since": NOW})
    assert (same.status_code, same.content) == (304, b"")
    assert (await org.get(path, headers={"If-Modified-Since": EARLIER})).status_code == 200
    assert (await org.get(path, headers={"If-Modified-Since": "rubbish"})).status_code == 200
    assert (await org.get(path, headers={"If-Unmodified-Since": EARLIER})).status_code == 412
    assert (await org.get(path, headers={"If-Unmodified-Since": NOW})).status_code == 200


async def test_a_change_can_be_made_to_depend_on_the_date(org: Org) -> None:
    path = f"/sobjects/Contact/{ADA}"
    await org.patch(path, {"Phone": "1"})
    refused = await org.patch(path, {"Phone": "2"}, headers={"If-Unmodified-Since": EARLIER})
    assert refused.status_code == 412
    assert (await org.patch(path, {"Phone": "3"}, headers={"If-Unmodified-Since": NOW})).status_code == 204
    by_key = await org.patch(
        "/sobjects/Contact/HubSpot_Contact_Id__c/H1", {"Phone": "4"}, headers={"If-Unmodified-Since": EARLIER}
    )
    assert by_key.status_code == 412
    assert (await org.fields("Contact", ADA))["Phone"] == "3"
    # Not offered on DELETE: it goes through.
    assert (await org.delete(path, headers={"If-Unmodified-Since": EARLIER})).status_code == 204


async def test_only_accounts_have_tags(org: Org) -> None:
    path = f"/sobjects/Account/{ACME}"
    tag = (await org.get(path)).headers["ETag"]
    assert tag.startswith('"')
    assert tag.endswith('="')
    assert (await org.get(path, headers={"If-None-Match": tag})).status_code == 304
    assert (await org.get(path, headers={"If-None-Match": '"other"'})).status_code == 200
    assert (await org.get(path, headers={"If-Match": '"other"'})).status_code == 412
    assert (await org.patch(path, {"Phone": "1"}, headers={"If-None-Match": tag})).status_code == 412
    org.controls.clock.advance(1)
    assert (await org.patch(path, {"Phone": "1"}, headers={"If-Match": tag})).status_code == 204
    assert (await org.patch(path, {"Phone": "2"}, headers={"If-Match": tag})).status_code == 412
    assert (await org.get(path)).headers["ETag"] != tag
    contact = await org.patch(f"/sobjects/Contact/{ADA}", {"Phone": "1"}, headers={"If-Match": '"other"'})
    assert contact.status_code == 204


@pytest.mark.parametrize("path", ["/sobjects", "/sobjects/Contact/describe"])
async def test_describes_have_a_date_too(org: Org, path: str) -> None:
    assert (await org.get(path)).headers["Last-Modified"] == NOW
    assert (await org.get(path, headers={"If-Modified-Since": NOW})).status_code == 304
    assert (await org.get(path, headers={"If-Unmodified-Since": EARLIER})).status_code == 412


async def test_a_sub_request_shows_the_headers_of_its_conditions(org: Org) -> None:
    requests = [
        {"method": "GET", "url": f"{DATA}/sobjects/Account/{ACME}", "referenceId": "a"},
        {"method": "GET", "url": f"{DATA}/sobjects/Contact/{ADA}", "referenceId": "b",
         "httpHeaders": {"If-Modified-Since": NOW}},
    ]  # fmt: skip
    first, second = (await org.post("/composite", {"compositeRequest": requests})).json()["compositeResponse"]
    assert set(first["httpHeaders"]) == {"ETag", "Last-Modified"}
    assert (second["httpStatusCode"], second["body"]) == (304, None)


# Records


async def test_the_parent_and_the_children_of_a_record_have_urls(org: Org) -> None:
    parent = (await org.get(f"/sobjects/Contact/{ADA}/Account", params={"fields": "Name"})).json()
    assert (parent["Id"], parent["Name"], parent["attributes"]["type"]) == (ACME, "Acme", "Account")
    children = (await org.get(f"/sobjects/Account/{ACME}/Contacts", params={"fields": "Id,LastName"})).json()
    assert (children["totalSize"], children["done"]) == (2, True)
    assert [one["Id"] for one in children["records"]] == [ADA, GRACE]
    assert set(children["records"][0]) == {"attributes", "Id", "LastName"}
    for path in (f"Contact/{ALAN}/Account", f"Account/{ACME}/Nope", f"Account/{GLOBEX[:-4]}zzzz/Contacts"):
        assert (await org.get(f"/sobjects/{path}")).status_code == 404, path
    assert error_of(await org.get(f"/sobjects/Account/{ACME}/Contacts", params={"fields": "Nope"}))[0] == 400


async def test_many_children_come_in_pages(org: Org) -> None:
    for _ in range(12):
        rows = [{"attributes": {"type": "Contact"}, "LastName": "x", "AccountId": GLOBEX} for _ in range(200)]
        await org.post("/composite/sobjects", {"records": rows})
    first = (await org.get(f"/sobjects/Account/{GLOBEX}/Contacts", params={"fields": "Id"})).json()
    assert (first["totalSize"], first["done"], len(first["records"])) == (2400, False, 2000)
    second = (await org.client.get(first["nextRecordsUrl"])).json()
    assert (second["done"], len(second["records"])) == (True, 400)


async def test_a_list_of_fields_is_read_as_people_write_it(org: Org) -> None:
    body = (await org.get(f"/sobjects/Contact/{ADA}", params={"fields": " lastname , id,"})).json()
    assert body == {
        "attributes": {"type": "Contact", "url": f"{DATA}/sobjects/Contact/{ADA}"},
        "LastName": "Lovelace",
        "Id": ADA,
    }
    assert error_of(await org.get(f"/sobjects/Contact/{ADA}", params={"fields": "Nope"})) == (400, "INVALID_FIELD")


@pytest.mark.parametrize("mail", ["ada%40acme.example", "ada@acme.example", "ada%40acme%2Eexample", "ADA@ACME.example"])
async def test_an_upsert_by_e_mail_address_finds_it_however_it_is_written(org: Org, mail: str) -> None:
    answer = await org.patch(f"/sobjects/Contact/Email/{mail}", {"LastName": "Byron"})
    assert (answer.status_code, answer.json()) == (
        200,
        {"id": ADA, "success": True, "errors": [], "created": False},
    )


async def test_upserts_of_every_kind(org: Org) -> None:
    path = "/sobjects/Contact/HubSpot_Contact_Id__c/"
    made = await org.patch(path + "new%2Fkey%20.com", {"LastName": "Made"})
    assert (made.status_code, made.json()["created"]) == (201, True)
    assert (await org.fields("Contact", made.json()["id"]))["HubSpot_Contact_Id__c"] == "new/key .com"
    assert (await org.patch(path + "nobody?updateOnly=true", {"LastName": "x"})).status_code == 404
    assert (await org.patch(path + "H1?updateOnly=true", {"LastName": "x"})).status_code == 200
    by_id = await org.patch(f"/sobjects/Contact/Id/{ADA}", {"LastName": "y"})
    assert (by_id.status_code, by_id.json()["created"]) == (200, False)
    assert error_of(await org.patch("/sobjects/Contact/Nope__c/1", {"LastName": "x"})) == (404, "NOT_FOUND")
    inserted = await org.post("/sobjects/Contact/Id", {"LastName": "z", "HubSpot_Contact_Id__c": "H3"})
    assert inserted.status_code == 201
    await org.patch(f"/sobjects/Contact/{GRACE}", {"Email": "ada@acme.example"})
    several = await org.patch("/sobjects/Contact/Email/ada@acme.example", {"LastName": "x"})
    assert (several.status_code, several.json()) == (
        300,
        [f"{DATA}/sobjects/Contact/{ADA}", f"{DATA}/sobjects/Contact/{GRACE}"],
    )


async def test_nothing_was_viewed_lately(org: Org) -> None:
    assert (await org.get("/recent")).json() == []
    assert error_of(await org.get("/recent", params={"limit": "x"})) == (400, "INVALID_ARGUMENT")


# getUpdated and getDeleted


@pytest.mark.parametrize("resource", ["updated", "deleted"])
@pytest.mark.parametrize(
    ("start", "end", "code"),
    [
        ("2026-11-23T08:00:00Z", "2026-11-23T08:00:30Z", "INVALID_REPLICATION_DATE"),
        ("2026-11-23T08:00:00Z", "2026-11-23T07:00:00Z", "INVALID_REPLICATION_DATE"),
        ("2026-11-24T08:00:00Z", "2026-11-24T09:00:00Z", "INVALID_REPLICATION_DATE"),
        ("2026-10-01T08:00:00Z", "2026-11-23T09:00:00Z", "INVALID_REPLICATION_DATE"),
        ("yesterday", "2026-11-23T09:00:00Z", "INVALID_REPLICATION_DATE"),
        ("2026-11-23T08:00:00Z", None, "MISSING_ARGUMENT"),
    ],
)
async def test_a_span_that_cannot_be_is_refused(
    org: Org, resource: str, start: str, end: str | None, code: str
) -> None:
    arguments = {"start": start} if end is None else {"start": start, "end": end}
    assert error_of(await org.get(f"/sobjects/Contact/{resource}", params=arguments)) == (400, code)


async def test_deletions_reach_fifteen_days_back_and_changes_thirty(org: Org) -> None:
    span = {"start": "2026-11-08T09:00:00Z", "end": "2026-11-24T00:00:00Z"}
    body = (await org.get("/sobjects/Contact/deleted", params=span)).json()
    assert body["earliestDateAvailable"] == "2026-11-08T09:00:00.000+0000"
    assert body["latestDateCovered"] == "2026-11-23T09:00:00.000+0000"
    early = {**span, "start": "2026-11-08T08:59:00Z"}
    assert error_of(await org.get("/sobjects/Contact/deleted", params=early))[1] == "INVALID_REPLICATION_DATE"
    assert (await org.get("/sobjects/Contact/updated", params=early)).status_code == 200
    refused = await org.get("/sobjects/ContactHistory/updated", params=span)
    assert error_of(refused) == (400, "INVALID_TYPE_FOR_OPERATION")


# Search


async def found(org: Org, text: str) -> list[dict[str, Any]]:
    answer = await org.get("/search", params={"q": text})
    assert answer.status_code == 200, answer.text
    return [{key: value for key, value in one.items() if key != "attributes"} for one in answer.json()["searchRecords"]]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("FIND {acme} RETURNING Account(Id)", [ACME]),
        ("find {acme} in all fields returning account, contact", [ACME, ADA, GRACE]),
        ("FIND {ada@acme.example} IN EMAIL FIELDS RETURNING Contact(Id)", [ADA]),
        ("FIND {acme} IN NAME FIELDS RETURNING Contact(Id)", []),
        ("FIND {Lovelace OR Hopper} IN NAME FIELDS RETURNING Contact(Id)", [ADA, GRACE]),
        ("FIND {acme AND NOT Hopper} RETURNING Contact(Id)", [ADA]),
        ('FIND {"ada lovelace"} RETURNING Contact(Id)', [ADA]),
        ("FIND {love*} RETURNING Contact(Id)", [ADA]),
        ("FIND {lovelac?} RETURNING Contact(Id)", [ADA]),
        ("FIND {love} RETURNING Contact(Id)", []),
        ("FIND {(ada OR grace) acme} RETURNING Contact(Id WHERE LastName LIKE 'H%' ORDER BY LastName)", [GRACE]),
        ("FIND {acme} RETURNING Contact(Id ORDER BY LastName DESC LIMIT 1)", [ADA]),
        ("FIND {acme} RETURNING Contact(Id ORDER BY LastName LIMIT 1 OFFSET 1)", [ADA]),
        ("FIND {acme} RETURNING Account, Contact LIMIT 2", [ACME, ADA]),
        ("FIND 'torvalds' RETURNING Lead(Id)", [LINUS]),
        ("FIND {o\\'torvalds} RETURNING Lead(Id)", [LINUS]),
    ],
)
async def test_sosl_finds_records_by_their_words(org: Org, text: str, ids: list[str]) -> None:
    assert [one["Id"] for one in await found(org, text)] == ids


async def test_a_search_shows_the_fields_it_was_asked_for(org: Org) -> None:
    (one,) = await found(org, "FIND {lovelace} RETURNING Contact(LastName, Account.Name)")
    assert (one["LastName"], one["Account"]["Name"]) == ("Lovelace", "Acme")
    everything = await found(org, "FIND {alice}")
    assert ALICE in [one["Id"] for one in everything] or everything == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "MALFORMED_SEARCH"),
        ("acme", "MALFORMED_SEARCH"),
        ("FIND {a}", "MALFORMED_SEARCH"),
        ("FIND {acme AND}", "MALFORMED_SEARCH"),
        ("FIND {(acme}", "MALFORMED_SEARCH"),
        ("FIND {acme)}", "MALFORMED_SEARCH"),
        ("FIND {acme} RETURNING", "MALFORMED_SEARCH"),
        ("FIND {acme} RETURNING Contact(Id", "MALFORMED_SEARCH"),
        ("FIND {acme} RETURNING Contact(Id) nonsense", "MALFORMED_SEARCH"),
        ("FIND {acme} RETURNING Nope(Id)", "INVALID_TYPE"),
        ("FIND {acme} RETURNING Contact(Nope)", "INVALID_FIELD"),
    ],
)
async def test_a_malformed_search_is_refused(org: Org, text: str, code: str) -> None:
    assert error_of(await org.get("/search", params={"q": text})) == (400, code)


async def test_a_search_can_be_said_in_parameters(org: Org) -> None:
    arguments = [("q", "acme"), ("sobject", "Account"), ("sobject", "Contact"), ("Contact.fields", "id,lastname"),
                 ("Contact.where", "LastName = 'Hopper'"), ("fields", "Name")]  # fmt: skip
    answer = (await org.get("/parameterizedSearch", params=arguments)).json()["searchRecords"]
    assert [one["attributes"]["type"] for one in answer] == ["Account", "Contact"]
    assert (answer[0]["Name"], answer[1]["LastName"]) == ("Acme", "Hopper")
    body = {
        "q": "acme",
        "in": "ALL",
        "fields": ["Id"],
        "sobjects": [{"name": "Contact", "orderBy": "LastName DESC", "limit": 1}, {"name": "Account"}],
        "overallLimit": 5,
        "defaultLimit": 3,
    }
    posted = (await org.post("/parameterizedSearch", body)).json()["searchRecords"]
    assert [one["Id"] for one in posted] == [ADA, ACME]
    assert error_of(await org.post("/parameterizedSearch", {})) == (400, "INVALID_SEARCH")
    assert error_of(await org.post("/parameterizedSearch", {**body, "in": "x"})) == (400, "INVALID_SEARCH")
    assert error_of(await org.post("/parameterizedSearch", {**body, "sobjects": [1]})) == (400, "JSON_PARSER_ERROR")
    assert error_of(await org.post("/parameterizedSearch", {**body, "overallLimit": 0})) == (400, "INVALID_SEARCH")


# Limits and identity


async def test_limits_count_what_the_sandbox_counts(org: Org) -> None:
    before = (await org.get("/limits")).json()
    after = (await org.get("/limits")).json()
    assert before["DailyApiRequests"]["Max"] == 1000
    assert after["DailyApiRequests"]["Remaining"] == before["DailyApiRequests"]["Remaining"] - 1
    assert all(0 <= one["Remaining"] <= one["Max"] for one in after.values())
    for name in ("DailyBulkApiBatches", "DailyDeliveredPlatformEvents", "DataStorageMB", "SingleEmail"):
        assert set(after[name]) == {"Max", "Remaining"}


async def test_a_token_tells_whose_it_is(org: Org) -> None:
    listed = (await org.get("/")).json()
    assert listed["identity"].endswith(f"/{org.user_id}")
    who = (await org.client.get("/services/oauth2/userinfo")).json()
    organisation = org.service.credentials("")["organisation_id"]
    assert (who["user_id"], who["organization_id"]) == (org.user_id, organisation)
    assert who["urls"]["rest"].endswith("/services/data/v{version}/")
    identity = await org.client.get(f"/id/{organisation}/{org.user_id}")
    assert (identity.status_code, identity.json()["username"]) == (200, who["preferred_username"])
    assert "Sforce-Limit-Info" not in identity.headers
    short = await org.client.get(f"/id/{organisation[:15]}/{org.user_id[:15]}")
    assert short.status_code == 200
    for path, word in (
        (f"/id/{organisation}/{ALICE}", "No_Access"),
        (f"/id/{organisation}/x", "Bad_Id"),
        (f"/id/{ACME}/{org.user_id}", "Wrong_Org"),
    ):
        answer = await org.client.get(path)
        assert (answer.status_code, answer.text) == (403, word)
    bad = {"Authorization": "Bearer nonsense"}
    assert (await org.client.get("/services/oauth2/userinfo", headers=bad)).text == "Bad_OAuth_Token"
    del org.client.headers["Authorization"]
    assert (await org.client.post("/services/oauth2/userinfo")).text == "Missing_OAuth_Token"
    in_query = await org.client.get(f"/id/{organisation}/{org.user_id}", params={"oauth_token": org.token})
    assert in_query.json()["user_id"] == org.user_id


# Packed answers and calls


async def test_a_long_answer_is_packed_for_whoever_takes_it(org: Org) -> None:
    path = "/sobjects/Contact/describe"
    plain = await org.get(path, headers={"Accept-Encoding": "identity"})
    packed = await org.get(path, headers={"Accept-Encoding": "gzip, deflate"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content)
    assert packed.json() == plain.json()
    assert "content-encoding" not in (await org.get("/recent", headers={"Accept-Encoding": "gzip"})).headers
    calls = org.app.service.controls.journal.calls()
    assert calls[1]["response"] == calls[0]["response"]


async def test_a_call_may_come_packed(org: Org) -> None:
    body = json.dumps({"LastName": "Packed"}).encode()
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    path = DATA + "/sobjects/Contact"
    assert (await org.client.post(path, content=gzip.compress(body), headers=headers)).status_code == 201
    deflated = {**headers, "Content-Encoding": "deflate"}
    assert (await org.client.post(path, content=zlib.compress(body), headers=deflated)).status_code == 201
    assert error_of(await org.client.post(path, content=body, headers=headers)) == (400, "JSON_PARSER_ERROR")


# Input of any kind


async def test_wrong_calls_are_answered_in_the_vendors_form(org: Org) -> None:
    for path in (
        "/services/data/v66.0/%0A",
        "/services/data/v99.0/limits",
        "/services/data/v66/limits",
        "/services/data//",
        "/nowhere",
    ):
        answer = await org.client.get(path)
        assert error_of(answer) == (404, "NOT_FOUND"), path
    wrong = await org.client.put(DATA + "/limits")
    assert error_of(wrong) == (405, "METHOD_NOT_ALLOWED")
    assert "Allowed are GET" in wrong.json()[0]["message"]
    json_type = {"Content-Type": "application/json"}
    for content in (b"{", b'{"a": NaN}', b"\xff\xfe{", b"[" * 100_000):
        answer = await org.client.post(DATA + "/sobjects/Contact", content=content, headers=json_type)
        assert error_of(answer) == (400, "JSON_PARSER_ERROR"), content[:20]
    text = await org.client.post(DATA + "/sobjects/Contact", content=b"x", headers={"Content-Type": "text/plain"})
    assert error_of(text) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_body_that_is_nested_very_deep_is_refused(org: Org) -> None:
    deep = "[" * 900 + "]" * 900
    requests = f'[{{"method":"POST","url":"{DATA}/sobjects/Contact","referenceId":"a","body":{deep}}}]'
    for path, body in (("/composite", f'{{"compositeRequest":{requests}}}'), ("/sobjects/Contact", f'{{"x":{deep}}}')):
        answer = await org.client.post(DATA + path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (200, 400), answer.text


_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from([ADA, ACME, ADA[:15], "Contact", "Id", "GET", "POST", "Aborted", "insert", "@{a.id}", DATA + "/x"]),
)
_KEYS = st.one_of(
    st.sampled_from(
        (
            *("records", "attributes", "type", "referenceId", "compositeRequest", "method", "url", "body", "graphs"),
            *("graphId", "batchRequests", "richInput", "httpHeaders", "allOrNone", "ids", "fields", "Id", "LastName"),
            *("Account", "Email", "AccountId", "Score__c", "Seen__c", "object", "operation", "query", "state"),
            *("externalIdFieldName", "sobjects", "name", "q", "in", "Contacts"),
        )
    ),
    st.text(max_size=6),
)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=25,
)
_TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
_SEGMENT = st.one_of(
    st.sampled_from(
        ["Contact", "Account", "ContactHistory", "Lead", ADA, ACME, "Id", "Email", "HubSpot_Contact_Id__c", "Contacts"]
    ),
    _TEXT,
)
_SHAPED: dict[str, Callable[[Any], Any]] = {
    "composite": lambda body: {"compositeRequest": body if isinstance(body, list) else [body]},
    "composite/graph": lambda body: {"graphs": [{"graphId": "1", "compositeRequest": [body]}]},
    "composite/batch": lambda body: {"batchRequests": [body]},
    "composite/sobjects": lambda body: {"records": [body, {"attributes": {"type": "Contact"}, "Id": ADA}]},
    "composite/tree/{object}": lambda body: {"records": [body]},
}
_ROUTES = [(path, method) for path, methods in RESOURCES for method in methods]


@pytest.mark.parametrize(("path", "method"), _ROUTES, ids=[f"{method} {path}" for path, method in _ROUTES])
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_no_json_body_makes_any_route_stumble(org: Org, path: str, method: str, data: st.DataObject) -> None:
    body: Any = data.draw(_JSON)
    segments: list[str] = []
    if path in _SHAPED and data.draw(st.booleans()):
        body = _SHAPED[path](body)
    for part in path.split("/"):
        segments.append(data.draw(_SEGMENT) if part.startswith("{") else part)
    arguments = data.draw(
        st.dictionaries(
            st.sampled_from(["q", "fields", "ids", "start", "end", "updateOnly", "sobject", "limit", "maxRecords"]),
            _TEXT,
            max_size=3,
        )
    )
    url = DATA + "/" + "/".join(quote(one, safe="") for one in segments)
    answer = await org.client.request(
        method,
        url,
        params=arguments,
        content=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and answer.content and not path.startswith("composite/tree"):
        assert all({"message", "errorCode"} <= set(one) for one in answer.json())


# Heads, dates, counts


async def test_a_head_is_the_answer_to_a_get_without_its_body(org: Org) -> None:
    whole, head = await org.get(f"/sobjects/Account/{ACME}"), await org.client.head(DATA + f"/sobjects/Account/{ACME}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["ETag"] == whole.headers["ETag"]
    assert (await org.client.head(DATA + "/sobjects/Account/001000000000000AAA")).status_code == 404
    wrong = (await org.delete("/sobjects/Account")).json()[0]["message"]
    assert wrong == "HTTP Method 'DELETE' not allowed. Allowed are GET,HEAD,POST"


@pytest.mark.parametrize("moment", ["1699-12-31T23:59:59Z", "4001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_a_date_beyond_salesforces_calendar_is_refused(org: Org, moment: str) -> None:
    answer = await org.patch(f"/sobjects/Contact/{ADA}", {"Seen__c": moment})
    assert error_of(answer) == (400, "FIELD_INTEGRITY_EXCEPTION")
    event = {"Subject": "x", "StartDateTime": moment, "DurationInMinutes": 9_999_999}
    assert error_of(await org.post("/sobjects/Event", event)) == (400, "FIELD_INTEGRITY_EXCEPTION")


async def test_a_composite_call_counts_once_and_a_batch_for_each_of_its_calls(org: Org) -> None:
    async def used() -> int:
        return int((await org.get("/limits")).headers["Sforce-Limit-Info"].partition("=")[2].split("/")[0])

    before = await used()
    reads = [{"method": "GET", "url": f"{DATA}/limits", "referenceId": f"r{n}"} for n in range(3)]
    await org.post("/composite", {"compositeRequest": reads})
    assert await used() == before + 2
    await org.post("/composite/batch", {"batchRequests": [{"method": "GET", "url": "v66.0/limits"}] * 3})
    assert await used() == before + 2 + 4
    await org.control("usage", {"daily_limit": 10, "daily_used": 8})
    batch = await org.post("/composite/batch", {"batchRequests": [{"method": "GET", "url": "v66.0/limits"}] * 3})
    assert [one["statusCode"] for one in batch.json()["results"]] == [200, 200, 403]
    assert batch.json()["results"][2]["result"][0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"


async def test_descriptions_that_are_kept_are_bounded(org: Org) -> None:
    for number in range(120):
        await org.control("access", {"hidden": {"Lead": ["Title"]}} if number % 2 else {"visible": {"Lead": ["Title"]}})
        for version in ("v60.0", "v64.0", "v66.0"):
            shown = await org.client.get(f"/services/data/{version}/sobjects/Lead/describe")
            assert any(one["name"] == "Title" for one in shown.json()["fields"]) is (number % 2 == 0)
    assert len(org.service._api.describes) <= 300
