"""Facts of api/hubspot.md, checked against the sandbox and, when a token is set, against a real account.

Each docstring names the section and its tag. Only records that this run made are read or written; contacts are made
without an address where the fact needs none, so that the account's automatic companies stay out of it.
"""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from tests.verified.accounts import OBJECTS, HubSpot
from tests.verified.answers import NO_RECORD, codes, where
from tests.verified.answers import of_hubspot as refusal

BATCH = f"{OBJECTS}/contacts/batch"


# --- the door


def test_a_bad_token_is_an_invalid_authentication(hubspot: HubSpot) -> None:
    """Section 4 [D]."""
    answer = hubspot.call("GET", f"{OBJECTS}/contacts/{NO_RECORD}", headers={"Authorization": "Bearer nonsense"})
    assert refusal(answer, 401)["category"] == "INVALID_AUTHENTICATION"


def test_the_account_says_what_kind_it_is(hubspot: HubSpot) -> None:
    """Section 2.5 [S]."""
    told = hubspot.good("GET", "/account-info/2026-09/details")
    assert {"portalId", "accountType", "timeZone", "companyCurrency", "utcOffset", "uiDomain"} <= set(told)
    assert told["accountType"] in ("STANDARD", "DEVELOPER_TEST", "SANDBOX", "APP_DEVELOPER")


def test_answers_tell_the_burst_limit_and_searches_do_not(hubspot: HubSpot) -> None:
    """Section 3 [D]: the pace is learnt from `Max`; a search has no rate header at all."""
    headers = hubspot.call("GET", "/crm/pipelines/2026-09/deals").headers
    assert int(headers["x-hubspot-ratelimit-max"]) >= 100
    assert headers["x-hubspot-ratelimit-interval-milliseconds"] == "10000"
    assert headers["x-hubspot-ratelimit-remaining"].isdecimal()
    body = {"filterGroups": [{"filters": [where("lastname", "EQ", hubspot.name())]}], "limit": 1}
    answer = hubspot.call("POST", f"{OBJECTS}/contacts/search", body)
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("x-hubspot-ratelimit")]


# --- one record


def test_a_contact_is_made_changed_and_archived(hubspot: HubSpot) -> None:
    """Section 5 [S]: 201, 200, 204; then 404 for a read, and found only by those who ask for the archived."""
    answer = hubspot.call(
        "POST", f"{OBJECTS}/contacts", {"properties": {"lastname": hubspot.name()}, "associations": []}
    )
    made = answer.json()
    contact = made["id"]
    assert (answer.status_code, made["archived"]) == (201, False)
    assert {"id", "properties", "createdAt", "updatedAt", "archived"} <= set(made)
    assert made["properties"]["hs_object_id"] == contact
    changed = hubspot.call("PATCH", f"{OBJECTS}/contacts/{contact}", {"properties": {"city": "Bonn"}})
    assert (changed.status_code, changed.json()["properties"]["city"]) == (200, "Bonn")
    assert datetime.fromisoformat(changed.json()["updatedAt"]) >= datetime.fromisoformat(made["updatedAt"])
    assert hubspot.call("DELETE", f"{OBJECTS}/contacts/{contact}").status_code == 204
    gone = hubspot.eventually(lambda: hubspot.call("GET", f"{OBJECTS}/contacts/{contact}"), lambda a: a.is_error)
    assert refusal(gone, 404)["category"] == "OBJECT_NOT_FOUND"
    kept = hubspot.good("GET", f"{OBJECTS}/contacts/{contact}", params={"archived": "true"})
    assert (kept["id"], kept["archived"], "archivedAt" in kept) == (contact, True, True)


@pytest.mark.sandbox_only("a person restores a record in HubSpot's screens; there is no call for it")
def test_a_restored_contact_is_there_again_under_its_id(hubspot: HubSpot) -> None:
    """Section 5 [D]: the recycle bin keeps it for 90 days."""
    contact = hubspot.contact()
    assert hubspot.call("DELETE", f"{OBJECTS}/contacts/{contact}").status_code == 204
    hubspot.good("POST", "/_control/restore", {"object": "contacts", "id": contact, "by": "7"})
    told = hubspot.good("GET", f"{OBJECTS}/contacts/{contact}")
    assert (told["id"], told["archived"]) == (contact, False)


@pytest.mark.sandbox_only("an erased record is gone for good, and an erased address can never be used again")
def test_an_erased_address_cannot_come_back(hubspot: HubSpot) -> None:
    """Section 5 [S]: `gdpr-delete` with an address that no contact has block-lists the address."""
    address = hubspot.address()
    asked = {"objectId": address, "idProperty": "email"}
    assert hubspot.call("POST", f"{OBJECTS}/contacts/gdpr-delete", asked).status_code == 204
    answer = hubspot.call("POST", f"{OBJECTS}/contacts", {"properties": {"email": address}})
    assert "email" in codes(refusal(answer, 400))


def test_an_unknown_record_and_an_unknown_object_are_not_found(hubspot: HubSpot) -> None:
    """Section 4 [D]."""
    assert refusal(hubspot.call("GET", f"{OBJECTS}/contacts/{NO_RECORD}"), 404)["category"] == "OBJECT_NOT_FOUND"
    patched = hubspot.call("PATCH", f"{OBJECTS}/contacts/{NO_RECORD}", {"properties": {"city": "Bonn"}})
    assert refusal(patched, 404)["category"] == "OBJECT_NOT_FOUND"


def test_a_second_contact_with_an_address_is_a_conflict_that_names_the_first(hubspot: HubSpot) -> None:
    """Section 4 [R]: 409, and the id in the message, by which Concord links instead."""
    address = hubspot.address()
    first = hubspot.contact(email=address)
    answer = hubspot.call("POST", f"{OBJECTS}/contacts", {"properties": {"email": address.upper()}, "associations": []})
    body = refusal(answer, 409)
    assert body["category"] == "CONFLICT"
    named = re.search(r"Existing ID: (\d+)", body["message"])
    assert named is not None
    assert named[1] == first


def test_a_contact_is_read_by_its_address(hubspot: HubSpot) -> None:
    """Section 5 [S]: `idProperty=email`, in any case."""
    address = hubspot.address()
    contact = hubspot.contact(email=address)
    told = hubspot.good("GET", f"{OBJECTS}/contacts/{address.upper()}", params={"idProperty": "email"})
    assert told["id"] == contact


def test_a_contact_without_any_name_or_address_is_refused(hubspot: HubSpot) -> None:
    """Section 5 [D]: at least one of email, firstname, lastname."""
    answer = hubspot.call("POST", f"{OBJECTS}/contacts", {"properties": {"city": "Bonn"}, "associations": []})
    assert refusal(answer, 400)["category"] == "VALIDATION_ERROR"


def test_two_companies_may_have_one_domain(hubspot: HubSpot) -> None:
    """Section 5 [D]: the API does not see to it, so Concord looks before it makes one."""
    domain = f"{hubspot.name()}.example.com"
    first, second = (hubspot.create("companies", name=hubspot.name(), domain=domain) for _ in range(2))
    assert first != second


def test_every_refused_value_is_named_with_its_code_and_nothing_is_written(hubspot: HubSpot) -> None:
    """Section 4 [D][R] and 13 [R]: one refusal tells of all properties; the opt-out is read-only."""
    contact = hubspot.contact(city="Bonn")
    wrong = {
        "no_such_property": "1",
        "hs_email_optout": "true",
        "email": "no address",
        "lifecyclestage": "no such stage",
        "city": "Ulm",
    }
    body = refusal(hubspot.call("PATCH", f"{OBJECTS}/contacts/{contact}", {"properties": wrong}), 400)
    assert body["category"] == "VALIDATION_ERROR"
    assert codes(body) == {
        "no_such_property": "PROPERTY_DOESNT_EXIST",
        "hs_email_optout": "READ_ONLY_VALUE",
        "email": "INVALID_EMAIL",
        "lifecyclestage": "INVALID_OPTION",
    }
    assert "is a read only property; its value cannot be set" in body["message"]
    assert hubspot.values(contact, "city") == {"city": "Bonn"}


def test_an_unknown_property_is_passed_over_in_a_read(hubspot: HubSpot) -> None:
    """Section 5 [R]: silently; one that is known and has no value is null."""
    told = hubspot.good("GET", f"{OBJECTS}/contacts/{hubspot.contact()}", params={"properties": "no_such_one,city"})
    assert "no_such_one" not in told["properties"]
    assert told["properties"]["city"] is None


def test_the_empty_text_clears_a_property(hubspot: HubSpot) -> None:
    """Section 5 [R]."""
    contact = hubspot.contact(city="Bonn")
    hubspot.patch(contact, city="")
    assert not hubspot.values(contact, "city")["city"]


def test_texts_lose_the_blanks_around_them_and_addresses_their_capitals(hubspot: HubSpot) -> None:
    """Not in api/hubspot.md, [?]: the real run answers whether a value reads back as it was written."""
    address = hubspot.address()
    contact = hubspot.contact(email=f" {address.upper()} ", city="  New  York ")
    assert hubspot.values(contact, "email", "city") == {"email": address, "city": "New  York"}


def test_an_equal_value_leaves_no_trace(hubspot: HubSpot) -> None:
    """Not in api/hubspot.md, [?]: the real run answers whether writing what is there makes a history entry."""
    contact = hubspot.contact(city="Bonn")
    hubspot.patch(contact, city="Bonn")
    assert len(hubspot.history(contact, "city")) == 1


# --- kinds of values


def test_a_date_is_a_day_or_its_midnight_in_utc(hubspot: HubSpot) -> None:
    """Section 5 [D]: `YYYY-MM-DD` or epoch ms; another time of the day is refused."""
    contact, name = hubspot.contact(), hubspot.writable("date")
    for written in ("2026-11-23", "1795392000000"):
        hubspot.patch(contact, **{name: written})
        assert hubspot.values(contact, name)[name] == "2026-11-23"
    answer = hubspot.call("PATCH", f"{OBJECTS}/contacts/{contact}", {"properties": {name: "1795392000123"}})
    assert codes(refusal(answer, 400)) == {name: "INVALID_DATE"}


def test_a_time_is_iso_or_epoch_milliseconds_and_keeps_its_milliseconds(hubspot: HubSpot) -> None:
    """Section 5 [D]."""
    contact, name = hubspot.contact(), hubspot.writable("datetime")
    for written in ("2026-11-23T09:15:00.123Z", "1795425300123"):
        hubspot.patch(contact, **{name: written})
        told = datetime.fromisoformat(hubspot.values(contact, name)[name])
        assert int(told.timestamp() * 1000) == 1795425300123


def test_a_leading_semicolon_adds_to_a_multiple_choice(hubspot: HubSpot) -> None:
    """Section 5 [D]: without it the choices are replaced."""
    contact, name = hubspot.contact(), hubspot.writable("enumeration", "checkbox")
    options = [one["value"] for one in hubspot.properties()[name]["options"]]
    hubspot.need(len(options) > 1, f"{name} has one option only")
    first, second = options[:2]
    for written, kept in ((first, {first}), (f";{second}", {first, second}), (second, {second})):
        hubspot.patch(contact, **{name: written})
        assert set(hubspot.values(contact, name)[name].split(";")) == kept


def test_a_number_that_is_none_is_refused(hubspot: HubSpot) -> None:
    """Section 4 [D]: INVALID_INTEGER stands for numbers in general [R]; the real run answers it."""
    contact, name = hubspot.contact(), hubspot.writable("number")
    hubspot.patch(contact, **{name: "12"})
    assert hubspot.values(contact, name)[name] == "12"
    answer = hubspot.call("PATCH", f"{OBJECTS}/contacts/{contact}", {"properties": {name: "many"}})
    assert codes(refusal(answer, 400))[name].startswith("INVALID_")


def test_a_lifecycle_stage_goes_back_only_after_it_was_cleared(hubspot: HubSpot) -> None:
    """Section 11 [D]; that the ignored stage is answered with 200 is [T], and the real run answers it."""
    contact = hubspot.contact(lifecyclestage="opportunity")
    ignored = hubspot.call("PATCH", f"{OBJECTS}/contacts/{contact}", {"properties": {"lifecyclestage": "lead"}})
    assert ignored.status_code == 200
    assert hubspot.values(contact, "lifecyclestage") == {"lifecyclestage": "opportunity"}
    hubspot.patch(contact, lifecyclestage="")
    hubspot.patch(contact, lifecyclestage="lead")
    told = hubspot.values(contact, "lifecyclestage", "hs_v2_date_entered_opportunity")
    assert told["lifecyclestage"] == "lead"
    assert told["hs_v2_date_entered_opportunity"]


# --- histories


def test_a_history_tells_the_newest_first_and_who_it_was(hubspot: HubSpot) -> None:
    """Section 7 [R] and 23.2 [?]: the real run answers which sourceType and sourceId this token writes."""
    contact = hubspot.contact(city="Bonn")
    hubspot.sleep(1.0)
    hubspot.patch(contact, city="Ulm")
    newest, oldest = hubspot.history(contact, "city")
    assert (newest["value"], oldest["value"]) == ("Ulm", "Bonn")
    assert datetime.fromisoformat(newest["timestamp"]) > datetime.fromisoformat(oldest["timestamp"])
    hubspot.note(f"histories: this token writes sourceType {newest['sourceType']}, sourceId {newest.get('sourceId')}")
    assert newest["sourceType"] in ("INTEGRATION", "API")
    assert newest["sourceId"] == oldest["sourceId"]
    assert isinstance(newest["sourceId"], str)


def test_a_history_is_read_for_fifty_records_at_once(hubspot: HubSpot) -> None:
    """Section 5 [R]: fifty inputs with histories, a hundred without."""
    contact = hubspot.contact(city="Bonn")
    rows = {"inputs": [{"id": contact}], "properties": ["city"], "propertiesWithHistory": ["city"]}
    (told,) = hubspot.good("POST", f"{BATCH}/read", rows)["results"]
    assert [one["value"] for one in told["propertiesWithHistory"]["city"]] == ["Bonn"]
    many = {**rows, "inputs": [{"id": str(number)} for number in range(1, 52)]}
    assert refusal(hubspot.call("POST", f"{BATCH}/read", many), 400)["category"] == "VALIDATION_ERROR"


# --- merges


def test_a_merge_answers_with_the_record_that_both_ids_lead_to(hubspot: HubSpot) -> None:
    """Section 9 [D]: a new id, except in the beta that keeps the primary's: the real run answers which this is."""
    addresses = hubspot.address(), hubspot.address()
    first, second = (hubspot.contact(email=address) for address in addresses)
    hubspot.patch(second, city="Bonn")
    asked = {"primaryObjectId": first, "objectIdToMerge": second}
    new = hubspot.good("POST", f"{OBJECTS}/contacts/merge", asked)["id"]
    hubspot.note(f"merges: {'the primary keeps its id' if new == first else 'the survivor has a new id'}")
    assert new != second
    for old in (first, second):
        hubspot.keep(f"{OBJECTS}/contacts/{old}") if old != new else None
        names = "city,email,hs_additional_emails,hs_merged_object_ids"
        told = hubspot.good("GET", f"{OBJECTS}/contacts/{old}", params={"properties": names})
        assert told["id"] == new
        assert told["properties"]["city"] == "Bonn"
        assert told["properties"]["email"] == addresses[0]
        assert told["properties"]["hs_additional_emails"] == addresses[1]
        assert second in told["properties"]["hs_merged_object_ids"].split(";")
    if not hubspot.real:
        assert new != first


# --- batches


def test_a_batch_create_with_traces_is_done_in_part_and_says_which_failed(hubspot: HubSpot) -> None:
    """Section 4 [D] and 23.3 [?]: the real run answers whether it is 207 and whether errors carry the trace."""
    address = hubspot.address()
    hubspot.contact(email=address)
    wanted = {"good": {"lastname": hubspot.name()}, "taken": {"email": address}, "bad": {"email": "no address"}}
    rows = [{"properties": one, "objectWriteTraceId": trace, "associations": []} for trace, one in wanted.items()]
    answer = hubspot.call("POST", f"{BATCH}/create", {"inputs": rows})
    told = answer.json()
    errors = told.get("errors", [])
    traced = sum("objectWriteTraceId" in one.get("context", {}) for one in errors)
    hubspot.note(f"batch/create: {answer.status_code}, {traced} of {len(errors)} errors carry objectWriteTraceId")
    assert answer.status_code == 207
    assert [one["objectWriteTraceId"] for one in told["results"]] == ["good"]
    failed = {one["context"]["objectWriteTraceId"][0]: one["category"] for one in errors}
    assert failed == {"taken": "CONFLICT", "bad": "VALIDATION_ERROR"}
    assert told["numErrors"] == 2


def test_a_batch_create_without_traces_is_all_or_nothing(hubspot: HubSpot) -> None:
    """Section 4 [D]."""
    name = hubspot.name()
    rows = [{"properties": {"lastname": name}, "associations": []}, {"properties": {"email": "no address"}}]
    answer = hubspot.call("POST", f"{BATCH}/create", {"inputs": rows})
    refusal(answer, 400)
    hubspot.sleep(10.0)
    assert hubspot.search(where("lastname", "EQ", name))["total"] == 0


def test_a_batch_update_does_the_rest_when_a_record_is_gone(hubspot: HubSpot) -> None:
    """Section 4 [D] and 23.3 [?]."""
    contact = hubspot.contact()
    rows = [
        {"id": contact, "properties": {"city": "Bonn"}},
        {"id": NO_RECORD, "properties": {"city": "Bonn"}, "objectWriteTraceId": "gone"},
    ]
    answer = hubspot.call("POST", f"{BATCH}/update", {"inputs": rows})
    told = answer.json()
    hubspot.note(f"batch/update with an unknown id: {answer.status_code}")
    assert answer.status_code == 207
    assert [one["id"] for one in told["results"]] == [contact]
    (error,) = told["errors"]
    assert (error["category"], error["context"]["ids"]) == ("OBJECT_NOT_FOUND", [NO_RECORD])


def test_an_upsert_by_a_unique_property_says_what_is_new(hubspot: HubSpot) -> None:
    """Section 5 [D]: with a custom unique property the results are partial."""
    key, address = hubspot.unique(), hubspot.address()
    hubspot.contact(email=address)
    values = [hubspot.name() for _ in range(3)]
    old = hubspot.contact(**{key: values[0]})
    rows = [
        {"id": values[0], "properties": {"city": "Bonn", key: values[0]}},
        {"id": values[1], "properties": {"email": address, key: values[1]}},
        {"id": values[2], "properties": {"lastname": hubspot.name(), key: values[2]}},
    ]
    inputs = [{**row, "idProperty": key, "objectWriteTraceId": str(n)} for n, row in enumerate(rows)]
    answer = hubspot.call("POST", f"{BATCH}/upsert", {"inputs": inputs})
    told = answer.json()
    assert answer.status_code == 207
    assert {one["objectWriteTraceId"]: one["new"] for one in told["results"]} == {"0": False, "2": True}
    assert old in {one["id"] for one in told["results"]}
    assert [one["context"]["objectWriteTraceId"] for one in told["errors"]] == [["1"]]


def test_a_unique_value_belongs_to_one_contact(hubspot: HubSpot) -> None:
    """Section 8 [D]: a second holder is refused; the code is [?], and the real run answers it."""
    key, value = hubspot.unique(), hubspot.name()
    holder = hubspot.contact(**{key: value})
    assert hubspot.good("GET", f"{OBJECTS}/contacts/{value}", params={"idProperty": key})["id"] == holder
    other = hubspot.contact()
    answer = hubspot.call("PATCH", f"{OBJECTS}/contacts/{other}", {"properties": {key: value}})
    told = codes(refusal(answer, 400))
    hubspot.note(f"a unique value that is taken: {told[key]}")
    assert "UNIQUE" in told[key]
