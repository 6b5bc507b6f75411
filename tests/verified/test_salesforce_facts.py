"""Facts of api/salesforce.md, checked against the sandbox and, when credentials are set, against a real org.

Each docstring names the section and its tag. Only records that this run made are read or written.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

import pytest
from tests.verified.accounts import DATA, QUIET, Salesforce
from tests.verified.answers import NO_CONTACT, row, soql
from tests.verified.answers import of_salesforce as refusal


def in_result(result: dict[str, Any]) -> str:
    """The code of a refused record in a list of results, where it is named `statusCode`."""
    assert (result["success"], result.get("id")) == (False, None)
    (error,) = result["errors"]
    assert error["message"]
    assert isinstance(error["fields"], list)
    return str(error["statusCode"])


def sub(reference: str, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
    """A sub-request of a composite."""
    request: dict[str, Any] = {"method": method, "url": DATA + path, "referenceId": reference}
    request["httpHeaders"] = {**QUIET, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return request if body is None else {**request, "body": body}


def composite(org: Salesforce, *requests: dict[str, Any], together: bool = False) -> list[dict[str, Any]]:
    body = {"allOrNone": together, "collateSubrequests": False, "compositeRequest": list(requests)}
    parts: list[dict[str, Any]] = org.good("POST", DATA + "/composite", body)["compositeResponse"]
    for request, part in zip(requests, parts, strict=True):
        if part["httpStatusCode"] == 201:
            org.made(request["url"].rsplit("/", 1)[1], part["body"]["id"])
    return parts


# --- signing in


def test_a_token_answer_names_org_and_user_and_no_time_of_expiry(salesforce: Salesforce) -> None:
    """Section 2.2 [D][R]."""
    told = salesforce.token_answer
    assert {"access_token", "instance_url", "id", "token_type", "issued_at", "signature"} <= set(told)
    assert not {"expires_in", "refresh_token"} & set(told)
    assert told["token_type"] == "Bearer"
    assert told["issued_at"].isdigit()
    org_id, user_id = told["id"].split("/")[-2:]
    assert (org_id[:3], user_id[:3]) == ("00D", "005")
    assert {len(org_id), len(user_id)} <= {15, 18}


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_secret": "not-the-secret"}, "invalid_client"),
        ({"client_id": "3MVG9.no.such.client"}, "invalid_client_id"),
        ({"grant_type": "no_such_grant"}, "unsupported_grant_type"),
    ],
)
def test_a_refused_sign_in_says_why_in_two_fields(salesforce: Salesforce, changed: dict[str, str], error: str) -> None:
    """Section 2.2 [R][T]: 400 with `error` and `error_description`, not the array of the other resources."""
    keys = {"client_id": salesforce.client_id, "client_secret": salesforce.client_secret}
    form = {"grant_type": "client_credentials", **keys, **changed}
    answer = salesforce.call("POST", "/services/oauth2/token", data=form, headers={"Authorization": ""})
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.json()["error_description"]


def test_a_bad_token_is_an_invalid_session(salesforce: Salesforce) -> None:
    """Section 3.3 and 21 [D]: 401; what the adapter signs in anew after."""
    answer = salesforce.rest("GET", "/limits", headers={"Authorization": "Bearer 00D000000000000!no"})
    assert refusal(answer) == (401, "INVALID_SESSION_ID")


def test_versions_are_listed_without_a_token(salesforce: Salesforce) -> None:
    """Section 1 [D]; the pinned version is among them."""
    told = salesforce.good("GET", "/services/data/", headers={"Authorization": ""})
    assert all({"label", "url", "version"} <= set(one) for one in told)
    assert "66.0" in {one["version"] for one in told}


def test_every_answer_tells_the_day_s_usage(salesforce: Salesforce) -> None:
    """Section 3.2 [D] and 3.4 [R]: `Sforce-Limit-Info`, on refusals too; and `/limits` tells the same limit."""
    answer, refused = salesforce.rest("GET", "/limits"), salesforce.rest("GET", "/sobjects/Contact/" + NO_CONTACT)
    found = [re.search(r"api-usage=(\d+)/(\d+)", one.headers["sforce-limit-info"]) for one in (answer, refused)]
    (used, most), (then, same) = ((int(one[1]), int(one[2])) for one in found if one is not None)
    assert same == most == answer.json()["DailyApiRequests"]["Max"]
    assert used <= then


# --- one record


def test_a_record_is_made_changed_and_deleted(salesforce: Salesforce) -> None:
    """Section 5 [D][R]: 201 with `Location`, 204 and 204 without a body."""
    answer = salesforce.rest("POST", "/sobjects/Contact", {"LastName": salesforce.name()}, headers=QUIET)
    record_id = answer.json()["id"]
    assert (answer.status_code, answer.json()) == (201, {"id": record_id, "success": True, "errors": []})
    assert answer.headers["location"].endswith(f"/sobjects/Contact/{record_id}")
    assert len(record_id) == 18
    changed = salesforce.rest("PATCH", f"/sobjects/Contact/{record_id}", {"Title": "Judge"})
    assert (changed.status_code, changed.content) == (204, b"")
    deleted = salesforce.rest("DELETE", f"/sobjects/Contact/{record_id}")
    assert (deleted.status_code, deleted.content) == (204, b"")


def test_an_id_of_fifteen_characters_names_the_same_record(salesforce: Salesforce) -> None:
    """Section 3 [D]: ids come back with 18."""
    record_id = salesforce.create()
    told = salesforce.read(record_id[:15], "Id")
    assert told["Id"] == record_id
    assert told["attributes"]["type"] == "Contact"
    assert told["attributes"]["url"].endswith(record_id)


def test_times_are_whole_seconds_in_utc(salesforce: Salesforce) -> None:
    """Section 3 and 7.1 [D]: the milliseconds are always `.000`, the offset `+0000`."""
    told = salesforce.read(salesforce.create(), "SystemModstamp", "CreatedDate", "LastModifiedDate")
    for name in ("SystemModstamp", "CreatedDate", "LastModifiedDate"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000", told[name]), told[name]


def test_a_write_by_the_app_is_signed_with_its_user(salesforce: Salesforce) -> None:
    """Section 19: `LastModifiedById` is the id of the token's user, which is how the adapter knows its own writes."""
    told = salesforce.read(salesforce.create(), "LastModifiedById", "CreatedById")
    assert told["LastModifiedById"][:15] == told["CreatedById"][:15] == salesforce.user_id[:15]


def test_null_and_the_empty_text_both_clear_a_field(salesforce: Salesforce) -> None:
    """Section 5 [D] for null; that "" is read back as null is what `wire.to_value` takes for granted."""
    record_id = salesforce.create(Title="Judge", Department="Law")
    cleared = salesforce.rest("PATCH", f"/sobjects/Contact/{record_id}", {"Title": None, "Department": ""})
    assert cleared.status_code == 204
    told = salesforce.read(record_id, "Title", "Department")
    assert (told["Title"], told["Department"]) == (None, None)


def test_texts_lose_the_blanks_around_them_and_addresses_their_capitals(salesforce: Salesforce) -> None:
    """Not in api/salesforce.md, [?]: the real run answers whether a value reads back as it was written."""
    name, address = salesforce.name(), salesforce.address()
    record_id = salesforce.create(LastName=f"  {name} ", FirstName="Ada  King", Email=address.upper())
    told = salesforce.read(record_id, "LastName", "FirstName", "Email")
    assert (told["LastName"], told["FirstName"], told["Email"]) == (name, "Ada  King", address)


# --- refusals


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"LastName": "x", "Nonsense__c": "1"}, "INVALID_FIELD", None),
        ({"FirstName": "Ada"}, "REQUIRED_FIELD_MISSING", "LastName"),
        ({"LastName": "x", "Email": "no address"}, "INVALID_EMAIL_ADDRESS", "Email"),
        ({"LastName": "x" * 81}, "STRING_TOO_LONG", "LastName"),
        ({"LastName": "x", "ReportsToId": "nonsense"}, "MALFORMED_ID", "ReportsToId"),
    ],
)
def test_a_bad_record_is_refused_with_its_code_and_field(
    salesforce: Salesforce, body: dict[str, str], code: str, field: str | None
) -> None:
    """Section 3.3 [R] and 21 [S]: 400, `errorCode`, and `fields` where it is one field's fault. Nothing is made."""
    answer = salesforce.rest("POST", "/sobjects/Contact", body, headers=QUIET)
    assert refusal(answer) == (400, code)
    (error,) = answer.json()
    if field is None:
        assert "Nonsense__c" in error["message"]
    else:
        assert error["fields"] == [field]


def test_an_unknown_value_of_a_restricted_picklist_is_refused(salesforce: Salesforce) -> None:
    """Section 4 [D] and 21 [S]. Which picklist is restricted differs from org to org: describe tells."""
    names = [
        name
        for name, one in salesforce.fields().items()
        if one["type"] == "picklist" and one["restrictedPicklist"] and one["createable"] and one["updateable"]
    ]
    salesforce.need(names, "no picklist of Contact is restricted")
    record_id = salesforce.create()
    answer = salesforce.rest("PATCH", f"/sobjects/Contact/{record_id}", {names[0]: "No such value"})
    assert refusal(answer) == (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
    assert answer.json()[0]["fields"] == [names[0]]


def test_an_unknown_value_of_another_picklist_is_stored(salesforce: Salesforce) -> None:
    """Section 4 [D]: silently. `LeadSource` is such a picklist in every org that has not restricted it."""
    salesforce.need(not salesforce.fields()["LeadSource"]["restrictedPicklist"], "this org has restricted LeadSource")
    record_id = salesforce.create(LeadSource="Concord verifies")
    assert salesforce.read(record_id, "LeadSource")["LeadSource"] == "Concord verifies"


def test_a_body_that_is_no_json_is_a_parser_error(salesforce: Salesforce) -> None:
    """Section 21 [S]."""
    json = {"Content-Type": "application/json"}
    answer = salesforce.rest("POST", "/sobjects/Contact", content=b'{"LastName": ', headers=json)
    assert refusal(answer) == (400, "JSON_PARSER_ERROR")


def test_an_unknown_record_an_unknown_object_and_an_unknown_key_are_not_found(salesforce: Salesforce) -> None:
    """Section 3.3 and 5 [D]."""
    assert refusal(salesforce.rest("GET", f"/sobjects/Contact/{NO_CONTACT}")) == (404, "NOT_FOUND")
    assert refusal(salesforce.rest("GET", "/sobjects/Nonsense__c/describe")) == (404, "NOT_FOUND")
    answer = salesforce.rest("PATCH", "/sobjects/Contact/Nonsense__c/1", {"LastName": "x"})
    assert refusal(answer) == (404, "NOT_FOUND")


def test_a_deleted_record_is_not_read_and_not_written(salesforce: Salesforce) -> None:
    """Section 5 [D] and 21 [S]: 404 for both; ENTITY_IS_DELETED names the write's reason."""
    record_id = salesforce.create()
    assert salesforce.rest("DELETE", f"/sobjects/Contact/{record_id}").status_code == 204
    assert salesforce.rest("GET", f"/sobjects/Contact/{record_id}").status_code == 404
    written = salesforce.rest("PATCH", f"/sobjects/Contact/{record_id}", {"Title": "Judge"})
    assert refusal(written) == (404, "ENTITY_IS_DELETED")
    again = salesforce.rest("DELETE", f"/sobjects/Contact/{record_id}")
    assert refusal(again) == (404, "ENTITY_IS_DELETED")


def test_a_second_holder_of_a_unique_key_is_refused_by_the_first_one_s_id(salesforce: Salesforce) -> None:
    """Section 21 [S]; that the message ends with the holder's id is [T], and the real run answers it."""
    key, value = salesforce.key(), salesforce.name()
    holder = salesforce.create(**{key: value})
    body = {"LastName": salesforce.name(), key: value.upper()}
    answer = salesforce.rest("POST", "/sobjects/Contact", body, headers=QUIET)
    assert refusal(answer) == (400, "DUPLICATE_VALUE")
    assert re.search(r"id: (\w{15})", answer.json()[0]["message"]).group(1) == holder[:15]  # type: ignore[union-attr]


def test_a_duplicate_rule_shows_its_match_under_a_misspelt_key(salesforce: Salesforce) -> None:
    """Section 18 [R] and 22.2 [?]: the real run answers how `duplicateResut` is spelt in v66, alone and in a list."""
    fields = {"FirstName": "Ada", "LastName": salesforce.name(), "Email": salesforce.address()}
    holder = salesforce.create(**fields)
    strict = {"Sforce-Duplicate-Rule-Header": "allowSave=false; includeRecordDetails=false; runAsCurrentUser=true"}
    answer = salesforce.rest("POST", "/sobjects/Contact", fields, headers=strict)
    if answer.status_code == 201:
        salesforce.need(False, "no active duplicate rule of this org finds a contact of the same name and address")
    (error,) = answer.json()
    spelt = sorted({"duplicateResut", "duplicateResult"} & set(error))
    listed = salesforce.rest("POST", "/composite/sobjects", {"records": [row(**fields)]}, headers=strict).json()
    salesforce.note(f"DUPLICATES_DETECTED in v66: {spelt} alone; {sorted(listed[0]['errors'][0])} in a collection")
    assert refusal(answer) == (400, "DUPLICATES_DETECTED")
    result = error[spelt[0]]
    assert isinstance(result["allowSave"], bool)
    found = [match["record"]["Id"] for one in result["matchResults"] for match in one["matchRecords"]]
    assert holder in found
    assert in_result(listed[0]) == "DUPLICATES_DETECTED"


# --- upsert


def test_an_upsert_says_whether_it_made_the_record(salesforce: Salesforce) -> None:
    """Section 5 [D][R]: 201 and created, then 200 and not created, both with a body."""
    path, body = f"/sobjects/Contact/{salesforce.key()}/{salesforce.name()}", {"LastName": salesforce.name()}
    first = salesforce.rest("PATCH", path, body, headers=QUIET)
    record_id = first.json()["id"]
    assert (first.status_code, first.json()) == (201, upserted(record_id, created=True))
    second = salesforce.rest("PATCH", path, {"Title": "Judge"}, headers=QUIET)
    assert (second.status_code, second.json()) == (200, upserted(record_id, created=False))


def upserted(record_id: str, *, created: bool) -> dict[str, Any]:
    return {"id": record_id, "success": True, "errors": [], "created": created}


@pytest.mark.parametrize("encoded", [True, False], ids=["dots encoded", "dots as they are"])
def test_a_key_with_dots_is_no_format_of_the_answer(salesforce: Salesforce, encoded: bool) -> None:
    """Section 5 [T]: a value that ends in `.json` or `.com` must not be taken for a format; the real run answers it."""
    value = f"{salesforce.name()}.de.json"
    path = f"/sobjects/Contact/{salesforce.key()}/{value.replace('.', '%2E') if encoded else quote(value)}"
    answer = salesforce.rest("PATCH", path, {"LastName": salesforce.name()}, headers=QUIET)
    assert answer.status_code == 201, answer.text
    record_id = answer.json()["id"]
    assert salesforce.read(record_id, salesforce.key())[salesforce.key()] == value


def test_update_only_makes_nothing(salesforce: Salesforce) -> None:
    """Section 5 [D]."""
    path = f"/sobjects/Contact/{salesforce.key()}/{salesforce.name()}"
    answer = salesforce.rest("PATCH", path, {"LastName": "x"}, params={"updateOnly": "true"})
    assert refusal(answer) == (404, "NOT_FOUND")


# --- conditional calls


def test_a_write_for_an_older_state_is_refused_and_one_for_the_present_state_is_not(salesforce: Salesforce) -> None:
    """Section 3.1 [D]: `If-Unmodified-Since`, whole seconds; the guard of every update that Concord makes."""
    record_id = salesforce.create()
    changed_at = datetime.fromisoformat(salesforce.read(record_id, "SystemModstamp")["SystemModstamp"])
    path, body = f"/sobjects/Contact/{record_id}", {"Title": "Judge"}
    before = {"If-Unmodified-Since": format_datetime(changed_at - timedelta(seconds=10), usegmt=True)}
    refused = salesforce.rest("PATCH", path, body, headers=before)
    assert refused.status_code == 412
    assert salesforce.read(record_id, "Title")["Title"] is None
    same = {"If-Unmodified-Since": format_datetime(changed_at, usegmt=True)}
    assert salesforce.rest("PATCH", path, body, headers=same).status_code == 204


def test_a_read_of_what_has_not_changed_is_answered_without_it(salesforce: Salesforce) -> None:
    """Section 3.1 and 4 [D]: `If-Modified-Since`, 304, on a record and on describe."""
    record_id = salesforce.create()
    since = {"If-Modified-Since": salesforce.rest("GET", f"/sobjects/Contact/{record_id}").headers["date"]}
    for path in (f"/sobjects/Contact/{record_id}", "/sobjects/Contact/describe"):
        unchanged = salesforce.rest("GET", path, headers=since)
        assert (unchanged.status_code, unchanged.content) == (304, b"")


# --- many records


def test_a_composite_refers_to_what_it_made_and_halts_together(salesforce: Salesforce) -> None:
    """Section 6 [D]: 200 always; with `allOrNone` the siblings of a failure are PROCESSING_HALTED and undone."""
    name = salesforce.name()
    account, contact = sub("a", "POST", "/sobjects/Account", {"Name": name}), {"LastName": name, "AccountId": "@{a.id}"}
    made = composite(salesforce, account, sub("c", "POST", "/sobjects/Contact", contact))
    assert [(one["referenceId"], one["httpStatusCode"]) for one in made] == [("a", 201), ("c", 201)]
    account_id = made[0]["body"]["id"]
    contact_id = made[1]["body"]["id"]
    assert salesforce.read(contact_id, "AccountId")["AccountId"] == account_id

    lone = salesforce.name()
    account["body"] = {"Name": lone}
    failed = composite(salesforce, account, sub("c", "POST", "/sobjects/Contact", {"FirstName": "x"}), together=True)
    assert [one["httpStatusCode"] for one in failed] == [400, 400]
    assert [one["body"][0]["errorCode"] for one in failed] == ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING"]
    assert salesforce.query(soql("Id", f"Name = '{lone}'", "Account")) == []


def test_a_sub_request_of_a_composite_has_conditions_of_its_own(salesforce: Salesforce) -> None:
    """Section 6 [D]: how Concord writes up to twenty guarded updates in one call, and reads them back in it."""
    stale, fresh = salesforce.create(), salesforce.create()
    stamp = datetime.fromisoformat(salesforce.read(fresh, "SystemModstamp")["SystemModstamp"])
    long_ago, now = (format_datetime(one, usegmt=True) for one in (stamp - timedelta(days=30), stamp))
    parts = composite(
        salesforce,
        sub("w0", "PATCH", f"/sobjects/Contact/{stale}", {"Title": "Judge"}, If_Unmodified_Since=long_ago),
        sub("w1", "PATCH", f"/sobjects/Contact/{fresh}", {"Title": "Judge"}, If_Unmodified_Since=now),
        sub("r", "POST", "/composite/sobjects/Contact", {"ids": [stale, fresh], "fields": ["Id", "Title"]}),
    )
    assert [one["httpStatusCode"] for one in parts] == [412, 204, 200]
    assert [one["Title"] for one in parts[2]["body"]] == [None, "Judge"]


def graphs(org: Salesforce, *graphs: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The answers to the nodes of each graph."""
    body = {"graphs": [{"graphId": f"graph{n}", "compositeRequest": nodes} for n, nodes in enumerate(graphs)]}
    told = org.good("POST", DATA + "/composite/graph", body)["graphs"]
    assert [one["graphId"] for one in told] == [one["graphId"] for one in body["graphs"]]
    made = [one["graphResponse"]["compositeResponse"] for one in told]
    for one, parts in zip(told, made, strict=True):
        assert one["isSuccessful"] == all(part["httpStatusCode"] < 300 for part in parts)
    return made


def test_a_node_of_a_graph_keeps_to_conditions_and_its_graph_stands_or_falls_whole(salesforce: Salesforce) -> None:
    """Section 6 [R] for graphs; that their nodes keep to `httpHeaders` is [?], and so is it that a reading comes after
    the write before it: how Concord writes a hundred guarded updates in one call. It tries the first out by itself
    (docs/decisions/0008) and goes back to twenty a call where it is not so."""
    stale, fresh = salesforce.create(), salesforce.create()
    stamp = datetime.fromisoformat(salesforce.read(fresh, "SystemModstamp")["SystemModstamp"])
    long_ago, now = (format_datetime(one, usegmt=True) for one in (stamp - timedelta(days=30), stamp))

    def nodes(number: int, record_id: str, since: str) -> list[dict[str, Any]]:
        path = f"/sobjects/Contact/{record_id}"
        return [
            sub(f"write{number}", "PATCH", path, {"Title": "Judge"}, If_Unmodified_Since=since),
            sub(f"read{number}", "GET", f"{path}?fields=Id,Title,SystemModstamp,LastModifiedById"),
        ]

    refused, done = graphs(salesforce, nodes(0, stale, long_ago), nodes(1, fresh, now))
    kept = refused[0]["httpStatusCode"] == 412
    salesforce.note(f"conditions in the nodes of composite graphs are {'kept to' if kept else 'NOT kept to'}")
    assert [one["httpStatusCode"] for one in refused] == [412, 400]
    assert refused[1]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert [one["httpStatusCode"] for one in done] == [204, 200]
    salesforce.note(
        f"a reading in a graph shows {'the write before it' if done[1]['body']['Title'] else 'an older state'}"
    )
    assert done[1]["body"]["Title"] == "Judge"
    assert done[1]["body"]["LastModifiedById"][:15] == salesforce.user_id[:15]
    assert salesforce.read(stale, "Title")["Title"] is None


def test_an_update_of_nothing_for_an_older_state_is_refused_in_a_graph(salesforce: Salesforce) -> None:
    """Section 3.1 [D], in a graph [?]: how the adapter tries out whether conditions are kept to."""
    path = f"/sobjects/Contact/{salesforce.create()}"
    since = "Sat, 01 Jan 2000 00:00:00 GMT"
    ((part,),) = graphs(salesforce, [sub("probe", "PATCH", path, {}, If_Unmodified_Since=since)])
    assert part["httpStatusCode"] == 412


def test_a_read_of_many_takes_more_ids_than_a_write(salesforce: Salesforce) -> None:
    """Section 6 says 200 for collections; the REST guide 2,000 for a read by POST [D]. The adapter goes down to 200
    where it is refused."""
    path, here = DATA + "/composite/sobjects/Contact", salesforce.create()
    told = salesforce.good("POST", path, {"ids": [here, *[NO_CONTACT] * 300], "fields": ["Id"]})
    assert [one and one["Id"] for one in told] == [here, *[None] * 300]


def test_a_collection_is_answered_in_its_order_and_its_good_records_are_kept(salesforce: Salesforce) -> None:
    """Section 6 [D] and 3.3 [R]: no correlation id; a refused record has `statusCode` and no id."""
    first, last = row(LastName=salesforce.name()), row(LastName=salesforce.name())
    body = {"allOrNone": False, "records": [first, row(FirstName="x"), last]}
    results = salesforce.good("POST", DATA + "/composite/sobjects", body, headers=QUIET)
    kept = [salesforce.made("Contact", one["id"]) for one in results if one["success"]]
    assert [one["success"] for one in results] == [True, False, True]
    assert in_result(results[1]) == "REQUIRED_FIELD_MISSING"
    told = salesforce.good("POST", DATA + "/composite/sobjects/Contact", {"ids": kept, "fields": ["LastName"]})
    assert [one["LastName"] for one in told] == [first["LastName"], last["LastName"]]


def test_a_collection_that_must_stand_together_is_undone_together(salesforce: Salesforce) -> None:
    """Section 6 [D] and 21 [S]: the good ones are ALL_OR_NONE_OPERATION_ROLLED_BACK."""
    name = salesforce.name()
    body = {"allOrNone": True, "records": [row(LastName=name), row(FirstName="x")]}
    results = salesforce.good("POST", DATA + "/composite/sobjects", body, headers=QUIET)
    assert [in_result(one) for one in results] == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]
    assert salesforce.query(soql("Id", f"LastName = '{name}'")) == []


def test_what_is_not_there_is_null_in_a_read_of_many(salesforce: Salesforce) -> None:
    """Section 6 [D]: in the order of the ids; an id that is none has the whole call refused, which Concord avoids."""
    here, gone = salesforce.create(), salesforce.create()
    assert salesforce.rest("DELETE", f"/sobjects/Contact/{gone}").status_code == 204
    path = DATA + "/composite/sobjects/Contact"
    told = salesforce.good("POST", path, {"ids": [gone, here, NO_CONTACT], "fields": ["Id"]})
    assert [one and one["Id"] for one in told] == [None, here, None]
    answer = salesforce.call("POST", path, {"ids": [here, "nonsense"], "fields": ["Id"]})
    assert refusal(answer) == (400, "MALFORMED_ID")


def test_an_upsert_of_many_refuses_a_key_that_comes_twice(salesforce: Salesforce) -> None:
    """Section 6 [D] for `created`; that both holders of one key are refused is what `writes._by_key` avoids and
    what Apex shows (its error names row 0) [T]: the real run answers it for collections."""
    key, name = salesforce.key(), salesforce.name()
    path = f"{DATA}/composite/sobjects/Contact/{key}"
    rows = [row(LastName=name, **{key: value}) for value in (f"{name}a", f"{name}b", f"{name}b")]
    results = salesforce.good("PATCH", path, {"allOrNone": False, "records": rows}, headers=QUIET)
    for one in results:
        if one["success"]:
            salesforce.made("Contact", one["id"])
    assert results[0] == upserted(results[0]["id"], created=True)
    again = salesforce.good("PATCH", path, {"allOrNone": False, "records": rows[:1]}, headers=QUIET)
    assert again == [upserted(results[0]["id"], created=False)]
    assert in_result(results[2]) == "DUPLICATE_VALUE"
    salesforce.falls_short(results[1]["success"], "it writes the first of two holders of one key")
    assert in_result(results[1]) == "DUPLICATE_VALUE"
