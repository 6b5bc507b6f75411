"""The Salesforce sandbox: tokens, limits, describes, faults, worlds and speed."""

# ruff: noqa: S608 - the queries run in a sandbox in memory

from __future__ import annotations

import base64
import time
from typing import Any

import httpx
import pytest
from tests.sandbox.salesforce_world import ADA, ALAN, DATA, GRACE, LINUS, Org, error_of

from concord_sandbox.salesforce.ids import new_id
from concord_sandbox.service import ControlError

TOKEN = "/services/oauth2/token"


@pytest.fixture
def org() -> Org:
    return Org()


def form(org: Org, **more: str) -> dict[str, str]:
    keys = org.service.credentials("")
    return {
        "grant_type": "client_credentials",
        "client_id": keys["client_id"],
        "client_secret": keys["client_secret"],
        **more,
    }


# Tokens


async def test_a_token_comes_with_every_documented_field(org: Org) -> None:
    answer = await org.client.post(TOKEN, data=form(org))
    given = answer.json()
    assert answer.status_code == 200
    assert given.keys() == {"access_token", "scope", "instance_url", "id", "token_type", "issued_at", "signature"}
    keys = org.service.credentials("")
    assert given["id"].split("/")[-2:] == [keys["organisation_id"], keys["user_id"]]
    assert given["instance_url"] == "http://salesforce.test"
    assert (given["token_type"], given["issued_at"]) == ("Bearer", "1795424400000")
    assert given["access_token"].startswith(keys["organisation_id"][:15] + "!AQ")
    assert "sforce-limit-info" not in answer.headers
    header = {"Authorization": f"Bearer {given['access_token']}"}
    assert (await org.get("/limits", headers=header)).status_code == 200


async def test_the_client_may_say_who_it_is_by_http_basic(org: Org) -> None:
    keys = org.service.credentials("")
    basic = base64.b64encode(f"{keys['client_id']}:{keys['client_secret']}".encode()).decode()
    body = {"grant_type": "client_credentials"}
    answer = await org.client.post(TOKEN, data=body, headers={"Authorization": f"Basic {basic}"})
    assert answer.status_code == 200
    wrong = await org.client.post(TOKEN, data=body, headers={"Authorization": "Basic %%%"})
    assert wrong.json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("change", "error", "description"),
    [
        ({"client_id": "nobody"}, "invalid_client_id", "client identifier invalid"),
        ({"client_secret": "wrong"}, "invalid_client", "invalid client credentials"),
        ({"client_secret": ""}, "invalid_client", "invalid client credentials"),
        ({"grant_type": "password"}, "unsupported_grant_type", "grant type not supported"),
    ],
)
async def test_a_wrong_token_call_is_refused_in_oauths_shape(
    org: Org, change: dict[str, str], error: str, description: str
) -> None:
    answer = await org.client.post(TOKEN, data=form(org, **change))
    assert (answer.status_code, answer.json()) == (400, {"error": error, "error_description": description})


async def test_expired_tokens_are_refused_until_a_new_one_is_fetched(org: Org) -> None:
    first = (await org.client.post(TOKEN, data=form(org))).json()["access_token"]
    await org.control("tokens/expire")
    for token in (org.token, first, "rubbish", ""):
        answer = await org.get("/limits", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401
        assert answer.json() == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    fresh = (await org.client.post(TOKEN, data=form(org))).json()["access_token"]
    assert (await org.get("/limits", headers={"Authorization": f"Bearer {fresh}"})).status_code == 200
    await org.control("reset")
    assert (await org.get("/limits")).status_code == 200


async def test_a_token_dies_of_two_hours_without_use(org: Org) -> None:
    token = (await org.client.post(TOKEN, data=form(org))).json()["access_token"]
    header = {"Authorization": f"Bearer {token}"}
    for _ in range(3):
        org.controls.clock.advance(7000)
        assert (await org.get("/limits", headers=header)).status_code == 200
    org.controls.clock.advance(7201)
    assert error_of(await org.get("/limits", headers=header)) == (401, "INVALID_SESSION_ID")


# Versions, limits, wrong calls


async def test_versions_are_listed_without_a_token_and_only_those_answer(org: Org) -> None:
    listed = (await org.client.get("/services/data/", headers={"Authorization": ""})).json()
    assert {"label": "Spring '26", "url": DATA, "version": "66.0"} in listed
    assert (await org.client.get("/services/data/v31.0/limits")).status_code == 200
    assert (await org.client.get("/services/data/v68.0/")).json()["sobjects"] == "/services/data/v68.0/sobjects"
    for version in ("v30.0", "v69.0", "v66", "latest"):
        assert error_of(await org.client.get(f"/services/data/{version}/limits")) == (404, "NOT_FOUND")


async def test_every_answer_says_how_much_of_the_day_is_used(org: Org) -> None:
    first = await org.get("/limits")
    assert first.headers["sforce-limit-info"] == "api-usage=1/1000"
    assert first.json()["DailyApiRequests"] == {"Max": 1000, "Remaining": 999}
    refused = await org.get("/query", params={"q": "rubbish"})
    assert refused.headers["sforce-limit-info"] == "api-usage=2/1000"


async def test_a_used_up_day_refuses_everything_until_it_rolls_on(org: Org) -> None:
    await org.control("usage", {"daily_used": 999})
    assert (await org.get("/limits")).status_code == 200
    assert error_of(await org.get("/limits")) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert (await org.patch(f"/sobjects/Contact/{ADA}", {"Phone": "1"})).status_code == 403
    org.controls.clock.advance(23 * 3600)
    assert (await org.get("/limits")).status_code == 403
    org.controls.clock.advance(3600)
    assert (await org.get("/limits")).json()["DailyApiRequests"]["Remaining"] == 999


async def test_wrong_calls_have_their_status_and_code(org: Org) -> None:
    client = org.client
    assert error_of(await client.put(DATA + "/limits", json={})) == (405, "METHOD_NOT_ALLOWED")
    assert error_of(await org.get("/nothing")) == (404, "NOT_FOUND")
    assert error_of(await client.get("/elsewhere")) == (404, "NOT_FOUND")
    headers = {"Content-Type": "application/json"}
    for text in (b"{", b"[NaN]", b'"\xff"', b"[" * 100_000):
        answer = await client.post(DATA + "/sobjects/Lead", content=text, headers=headers)
        assert error_of(answer) == (400, "JSON_PARSER_ERROR")
    assert error_of(await org.post("/sobjects/Lead", [1])) == (400, "JSON_PARSER_ERROR")
    assert error_of(await client.post(DATA + "/sobjects/Lead")) == (400, "JSON_PARSER_ERROR")
    answer = await client.post(DATA + "/sobjects/Lead", content=b"<a/>", headers={"Content-Type": "text/xml"})
    assert error_of(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")
    by_override = await org.post(f"/sobjects/Contact/{ADA}?_HttpMethod=PATCH", {"Phone": "1"})
    assert by_override.status_code == 204


async def test_half_a_surrogate_pair_does_not_break_the_answer(org: Org) -> None:
    body = b'{"Title": "x\\ud83dy"}'
    headers = {"Content-Type": "application/json"}
    assert (await org.client.patch(f"{DATA}/sobjects/Contact/{ADA}", content=body, headers=headers)).status_code == 204
    assert (await org.fields("Contact", ADA))["Title"] == "x?y"


# Describe


async def test_describe_shows_all_57_attributes_of_every_field(org: Org) -> None:
    shown = (await org.get("/sobjects/Contact/describe/")).json()
    assert {len(field) for field in shown["fields"]} == {57}
    fields = {field["name"]: field for field in shown["fields"]}
    assert fields["LastName"]["nillable"] is False
    assert fields["Name"]["createable"] is fields["Name"]["updateable"] is False
    assert fields["Email"] | {"type": "email", "length": 80, "idLookup": True, "byteLength": 240} == fields["Email"]
    assert fields["AccountId"] | {"referenceTo": ["Account"], "relationshipName": "Account"} == fields["AccountId"]
    assert (fields["OwnerId"]["referenceTo"], fields["OwnerId"]["polymorphicForeignKey"]) == (["User"], False)
    key = fields["HubSpot_Contact_Id__c"]
    assert key["custom"] is key["externalId"] is key["unique"] is key["idLookup"] is True
    assert key["label"] == "HubSpot Contact Id"
    assert fields["MailingAddress"]["type"] == "address"
    assert fields["MailingCity"]["compoundFieldName"] == "MailingAddress"
    assert fields["Stage__c"]["restrictedPicklist"] is True
    assert fields["Stage__c"]["picklistValues"][0] == {
        "active": True,
        "defaultValue": False,
        "label": "lead",
        "value": "lead",
        "validFor": None,
    }
    assert not {"truncates", "trackHistory"} & fields["Nickname__c"].keys()


async def test_describe_shows_the_object_its_record_types_and_its_children(org: Org) -> None:
    shown = (await org.get("/sobjects/account/describe")).json()
    assert (shown["name"], shown["keyPrefix"], shown["replicateable"]) == ("Account", "001", True)
    assert shown["recordTypeInfos"][0]["developerName"] == "Master"
    children = {(one["childSObject"], one["field"]): one for one in shown["childRelationships"]}
    assert children["Contact", "AccountId"]["relationshipName"] == "Contacts"
    assert shown["urls"]["rowTemplate"] == f"{DATA}/sobjects/Account/{{ID}}"
    assert shown["urls"]["describe"] == f"{DATA}/sobjects/Account/describe"


async def test_required_standard_fields_are_those_that_salesforce_wants(org: Org) -> None:
    wanted = {"Lead": {"LastName", "Company"}, "Contact": {"LastName"}, "Account": {"Name"}}
    for name, expected in wanted.items():
        fields = (await org.get(f"/sobjects/{name}/describe")).json()["fields"]
        found = {f["name"] for f in fields if f["createable"] and not f["nillable"] and not f["defaultedOnCreate"]}
        assert found == expected


async def test_the_global_describe_lists_the_objects_and_a_describe_can_be_cached(org: Org) -> None:
    listed = (await org.get("/sobjects")).json()
    names = {one["name"] for one in listed["sobjects"]}
    assert names >= {"Lead", "Contact", "Account", "User", "LeadStatus", "LeadHistory", "Subscription__c"}
    stamp = (await org.get("/sobjects/Lead/describe")).headers["last-modified"]
    answer = await org.get("/sobjects/Lead/describe", headers={"If-Modified-Since": stamp})
    assert (answer.status_code, answer.content) == (304, b"")
    assert (await org.get("/sobjects/Lead")).json()["objectDescribe"]["name"] == "Lead"


# Faults


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"status": 401}, 401, "INVALID_SESSION_ID"),
        ({"status": 403}, 403, "REQUEST_LIMIT_EXCEEDED"),
        ({"status": 429}, 429, "REQUEST_LIMIT_EXCEEDED"),
        ({"status": 500}, 500, "UNKNOWN_EXCEPTION"),
        ({"status": 503}, 503, "SERVER_UNAVAILABLE"),
        ({"status": 400, "code": "UNABLE_TO_LOCK_ROW"}, 400, "UNABLE_TO_LOCK_ROW"),
        ({"status": 418}, 418, "UNKNOWN_EXCEPTION"),
    ],
)
async def test_a_fault_answers_in_salesforces_words(org: Org, fault: dict[str, Any], status: int, code: str) -> None:
    await org.control("faults", {"kind": "status", **fault})
    assert error_of(await org.patch(f"/sobjects/Contact/{ADA}", {"Phone": "1"})) == (status, code)
    assert (await org.fields("Contact", ADA))["Phone"] is None


async def test_a_fault_can_be_a_page_of_html(org: Org) -> None:
    await org.control("faults", {"kind": "status", "status": 503, "code": "HTML", "headers": {"Retry-After": "7"}})
    answer = await org.get("/limits")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert answer.headers["content-type"].startswith("text/html")


async def test_a_call_dropped_afterwards_was_carried_out(org: Org) -> None:
    await org.control("faults", {"kind": "drop_after", "method": "POST", "path": "/sobjects/Lead"})
    with pytest.raises((httpx.HTTPError, ConnectionResetError)):
        await org.post("/sobjects/Lead", {"LastName": "Ghost", "Company": "X"})
    assert len(await org.column("SELECT Id FROM Lead WHERE LastName = 'Ghost'")) == 1


# Worlds


async def test_a_saved_world_loads_into_the_same_world(org: Org) -> None:
    await org.patch(f"/sobjects/Contact/{ADA}", {"Phone": "1", "DoNotCall": True})
    await org.delete(f"/sobjects/Contact/{GRACE}")
    await org.post("/sobjects/Lead", {"LastName": "K", "Company": "T", "HasOptedOutOfEmail": True})
    saved = org.service.save()
    again = Org(saved)
    assert again.service.save() == saved
    assert saved["daily_used"] == 3
    assert len(saved["history"]) == 2
    assert await again.column("SELECT Id FROM Contact") == [ADA, ALAN]


async def test_reset_goes_back_to_what_was_loaded(org: Org) -> None:
    before = org.service.save()
    await org.delete(f"/sobjects/Lead/{LINUS}")
    await org.control("reset")
    assert org.service.save() == before


async def test_an_empty_section_is_an_org_with_two_users() -> None:
    org = Org({})
    assert await org.column("SELECT Id FROM Lead") == []
    users = await org.column("SELECT Id FROM User WHERE IsActive = true")
    assert org.user_id in users
    assert len(users) == 2
    made = await org.control("records/Lead", {"fields": {"LastName": "A", "Company": "B"}})
    assert (await org.fields("Lead", made["id"]))["CreatedById"] in set(users) - {org.user_id}


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"recrods": {}}, "recrods"),
        ({"records": {"Nope": []}}, "Nope"),
        ({"records": {"Lead": [{"Nope__c": 1}]}}, "Nope__c"),
        ({"records": {"Lead": [{"Id": "rubbish"}]}}, "rubbish"),
        ({"records": {"Lead": [{"Id": LINUS}, {"Id": LINUS}]}}, "two records"),
        ({"records": {"Lead": [{"CreatedDate": "soon"}]}}, "soon"),
        ({"records": {"Lead": [5]}}, "malformed"),
        ({"objects": {"Lead": {"fields": [{"name": "X__c", "type": "nonsense"}]}}}, "nonsense"),
        ({"objects": {"Lead": {"fields": [{"name": "X__c", "lenght": 3}]}}}, "lenght"),
        ({"objects": {"Nope": {}}}, "Nope"),
        ({"history": [{"Field": "Email"}]}, "history"),
    ],
)
async def test_a_malformed_section_is_refused_and_changes_nothing(
    org: Org, section: dict[str, Any], words: str
) -> None:
    before = org.service.save()
    with pytest.raises(ControlError, match=words):
        org.service.load(section)
    assert org.service.save() == before
    answer = await org.client.put("/_control/world", json=section)
    assert (answer.status_code, words in answer.text) == (400, True)


async def test_history_of_a_world_can_be_read(org: Org) -> None:
    entry = {"LeadId": LINUS, "Field": "Email", "NewValue": "a@b.example", "CreatedDate": "2026-11-20T10:00:00Z"}
    org.app.load({**org.service.save(), "history": [entry]})
    assert await org.column("SELECT CreatedDate FROM LeadHistory") == ["2026-11-20T10:00:00.000+0000"]


async def test_look_ups_among_many_records_do_not_look_at_all_of_them() -> None:
    field = {"name": "Key__c", "type": "string", "externalId": True, "unique": True}
    leads = [
        {"Id": new_id("00Q", n), "LastName": f"L{n}", "Company": "C", "Email": f"l{n}@x.example", "Key__c": f"K{n}",
         "SystemModstamp": "2026-01-01T00:00:00Z"}
        for n in range(1, 20_001)
    ]  # fmt: skip
    org = Org({"daily_limit": 10_000, "objects": {"Lead": {"fields": [field]}}, "records": {"Lead": leads}})
    queries = (
        f"SELECT Name FROM Lead WHERE Id = '{new_id('00Q', 77)}'",
        "SELECT Name FROM Lead WHERE Key__c = 'k77'",
        "SELECT Name FROM Lead WHERE Email = 'L77@x.example' AND IsConverted = false",
        "SELECT Name FROM Lead WHERE SystemModstamp >= 2026-06-01T00:00:00Z ORDER BY SystemModstamp, Id LIMIT 200",
        "SELECT Name FROM Lead ORDER BY SystemModstamp, Id LIMIT 1",
        f"SELECT Name FROM Lead WHERE Id > '{new_id('00Q', 76)}' ORDER BY Id LIMIT 1",
    )
    for text in queries:
        await org.soql(text)  # the index is made at the first use
    looked_up = [await _seconds(org, text) for text in queries * 20]
    scanned = [await _seconds(org, "SELECT Name FROM Lead WHERE Company LIKE '%nobody%'") for _ in range(5)]
    # Against a scan on the same machine, by medians, so that a busy machine says nothing.
    assert sorted(looked_up)[60] < sorted(scanned)[2] / 2


async def _seconds(org: Org, text: str) -> float:
    began = time.perf_counter()
    await org.soql(text)
    return time.perf_counter() - began
