"""What the HubSpot sandbox lets be written: validation rules, required properties, lifecycle, merges, interruptions."""

from __future__ import annotations

from typing import Any

import pytest

from .hubspot_world import OBJECTS, Hub, codes, company, contact

RULES = "/crm/property-validations/2026-09"


def ruled(kind: str, *arguments: str, type_: str = "string", normalise: bool = False) -> dict[str, Any]:
    """A world whose contacts have a property `it` of that type with one rule."""
    field_type = {"string": "text", "number": "number"}.get(type_, "date")
    rule = {"ruleType": kind, "ruleArguments": list(arguments), "shouldApplyNormalization": normalise}
    return {
        "properties": {"contacts": [{"name": "it", "label": "It", "type": type_, "fieldType": field_type}]},
        "validations": {"contacts": {"it": [rule]}},
        "records": {"contacts": [contact(101, firstname="Ann")]},
    }


# The clock of the tests stands at Monday, 23 November 2026, 9:00 UTC.
CASES = [
    ("FORMAT", ("UPPERCASE",), "string", "ABC", "Abc"),
    ("FORMAT", ("TITLE_CASE",), "string", "Ab Cd", "ab cd"),
    ("ALPHANUMERIC", (), "string", "a1 b2", "a-1"),
    ("ALPHANUMERIC", ("NUMERIC_ONLY",), "string", "12", "a1"),
    ("ALPHANUMERIC", ("ALPHA_ONLY",), "string", "ab", "a1"),
    ("SPECIAL_CHARACTERS", (), "string", "ab 1", "a!"),
    ("SPECIAL_CHARACTERS", ("$%",), "string", "a!", "a$"),
    ("MAX_LENGTH", ("3",), "string", "abc", "abcd"),
    ("MIN_LENGTH", ("3",), "string", "abc", "ab"),
    ("WHITESPACE", (), "string", "ab", "a b"),
    ("DECIMAL", ("2",), "number", "1.25", "1.255"),
    ("MIN_NUMBER", ("3",), "number", "3", "2.9"),
    ("MAX_NUMBER", ("3",), "number", "3", "3.1"),
    ("BEFORE_DURATION", ("P7D",), "date", "2026-11-16", "2026-11-17"),
    ("AFTER_DURATION", ("P1W",), "date", "2026-11-30", "2026-11-29"),
    ("BEFORE_DATETIME_DURATION", ("PT2H",), "datetime", "2026-11-23T07:00:00Z", "2026-11-23T07:00:01Z"),
    ("AFTER_DATETIME_DURATION", ("P1DT1H",), "datetime", "2026-11-24T10:00:00Z", "2026-11-24T09:59:00Z"),
    ("START_DATE", ("2026-01-01",), "date", "2026-01-01", "2025-12-31"),
    ("END_DATE", ("2026-01-01",), "date", "2026-01-01", "2026-01-02"),
    ("START_DATETIME", ("2026-01-01T12:00:00Z",), "datetime", "2026-01-01T12:00:00Z", "2026-01-01T11:00:00Z"),
    ("END_DATETIME", ("1767268800000",), "datetime", "2026-01-01T12:00:00Z", "2026-01-01T12:00:01Z"),
    ("DAYS_OF_WEEK", ("MONDAY", "FRIDAY"), "date", "2026-11-23", "2026-11-24"),
    ("EMAIL", (), "string", "a@b.org", "a@b"),
    ("EMAIL_ALLOWED_DOMAINS", ("b.org",), "string", "a@x.b.org", "a@c.org"),
    ("EMAIL_BLOCKED_DOMAINS", ("b.org",), "string", "a@c.org", "a@B.org"),
    ("DOMAIN", (), "string", "b.org", "b"),
    ("URL", (), "string", "https://b.org/x", "https://"),
    ("URL_ALLOWED_DOMAINS", ("b.org",), "string", "www.b.org/x", "https://c.org"),
    ("URL_BLOCKED_DOMAINS", ("b.org",), "string", "https://c.org", "https://b.org/x"),
    ("PHONE_NUMBER_WITH_EXPLICIT_COUNTRY_CODE", (), "string", "+49 30 123456", "030 123456"),
    ("REGEX", ("[A-Z]{2}[0-9]+",), "string", "AB1", "AB1x"),
]


@pytest.mark.parametrize(("kind", "arguments", "type_", "good", "bad"), CASES)
async def test_each_kind_of_rule_takes_what_fits_and_refuses_what_does_not(
    kind: str, arguments: tuple[str, ...], type_: str, good: str, bad: str
) -> None:
    hub = Hub(ruled(kind, *arguments, type_=type_))
    path = f"{OBJECTS}/contacts/101"
    await hub.good("PATCH", path, {"properties": {"it": good}})
    body = await hub.refused(400, "PATCH", path, {"properties": {"it": bad}})
    assert codes(body) == {"it": "PROPERTY_VALIDATION_RULE_FAILED"}
    assert kind in body["message"]
    await hub.good("PATCH", path, {"properties": {"it": ""}})


def test_every_kind_of_rule_is_tried() -> None:
    from concord_sandbox.hubspot.rules import RULE_KINDS

    assert {case[0] for case in CASES} == RULE_KINDS


@pytest.mark.parametrize("path", ["/crm/objects/2026-03/contacts/101", "/crm/v3/objects/contacts/101"])
async def test_older_versions_do_not_mind_what_administrators_configured(path: str) -> None:
    conditional = [{"property": "city", "values": ["Bonn"], "required": ["zip"]}]
    world = ruled("MAX_LENGTH", "3") | {
        "required": {"contacts": ["lastname"]},
        "conditionally_required": {"contacts": conditional},
    }
    hub = Hub(world)
    await hub.refused(400, "PATCH", f"{OBJECTS}/contacts/101", {"properties": {"it": "long"}})
    await hub.good("PATCH", path, {"properties": {"it": "long", "city": "Bonn"}})
    made = {"properties": {"firstname": "Bob"}, "associations": []}
    await hub.refused(400, "POST", f"{OBJECTS}/contacts", made)
    await hub.good("POST", path.removesuffix("/101"), made)


async def test_a_property_can_be_required_where_another_has_a_value() -> None:
    row = {"property": "dealstage", "values": ["closedlost"], "required": ["closed_lost_reason"]}
    hub = Hub({"conditionally_required": {"deals": [row]}})
    deal = await hub.create({"dealname": "D", "dealstage": "contractsent"}, kind="deals")
    path = f"{OBJECTS}/deals/{deal}"
    body = await hub.refused(400, "PATCH", path, {"properties": {"dealstage": "closedlost"}})
    assert codes(body) == {"closed_lost_reason": "REQUIRED_FIELD"}
    await hub.good("PATCH", path, {"properties": {"dealstage": "closedlost", "closed_lost_reason": "price"}})
    await hub.refused(400, "PATCH", path, {"properties": {"closed_lost_reason": ""}})
    await hub.good("PATCH", path, {"properties": {"dealname": "E"}})
    again = Hub(hub.service.save())
    await again.refused(400, "PATCH", path, {"properties": {"closed_lost_reason": ""}})


async def test_a_required_property_cannot_be_cleared_and_old_records_without_it_can_be_edited() -> None:
    hub = Hub({"required": {"contacts": ["lastname"]}, "records": {"contacts": [contact(101, firstname="Ann")]}})
    path = f"{OBJECTS}/contacts/101"
    await hub.good("PATCH", path, {"properties": {"firstname": "Anna"}})
    await hub.good("PATCH", path, {"properties": {"lastname": "Lee"}})
    assert codes(await hub.refused(400, "PATCH", path, {"properties": {"lastname": ""}})) == {
        "lastname": "REQUIRED_FIELD"
    }


@pytest.mark.parametrize(
    ("kind", "arguments", "given", "stored"),
    [
        ("FORMAT", ("UPPERCASE",), "abc", "ABC"),
        ("WHITESPACE", (), "a b c", "abc"),
        ("SPECIAL_CHARACTERS", (), "a-b!", "ab"),
        ("EMAIL", (), "A@B.org", "a@b.org"),
        ("PHONE_NUMBER_WITH_EXPLICIT_COUNTRY_CODE", (), "+49 (30) 12-34.56", "+4930123456"),
    ],
)
async def test_a_rule_that_normalises_stores_the_form_that_it_demands(
    kind: str, arguments: tuple[str, ...], given: str, stored: str
) -> None:
    hub = Hub(ruled(kind, *arguments, normalise=True))
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"it": given}})
    assert await hub.values("101", "it") == {"it": stored}


async def test_rules_are_read_and_set_over_the_api() -> None:
    hub = Hub(ruled("MAX_LENGTH", "3"))
    of_kind = f"{RULES}/0-1/it/rule-type"
    assert (await hub.good("GET", f"{of_kind}/MAX_LENGTH"))["ruleArguments"] == ["3"]
    await hub.refused(404, "GET", f"{of_kind}/REGEX")
    body = {"ruleArguments": ["[a-z]+"], "shouldApplyNormalization": False}
    assert (await hub.call("PUT", f"{of_kind}/REGEX", body)).status_code == 204
    await hub.good("PUT", f"{of_kind}/MAX_LENGTH", {"ruleArguments": ["4"]})
    listed = (await hub.good("GET", f"{RULES}/0-1/it"))["results"]
    assert {(row["ruleType"], row["ruleArguments"][0]) for row in listed} == {("REGEX", "[a-z]+"), ("MAX_LENGTH", "4")}
    shown = (await hub.good("GET", "/crm/v3/property-validations/0-1"))["results"]
    assert [(row["propertyName"], len(row["propertyValidationRules"])) for row in shown] == [("it", 2)]
    wrongs: list[dict[str, Any]] = [{"ruleArguments": ["["]}, {"ruleArguments": []}, {"ruleArguments": "x"}]
    for wrong in wrongs:
        await hub.refused(400, "PUT", f"{of_kind}/REGEX", wrong)
    await hub.refused(400, "PUT", f"{of_kind}/NONSENSE", body)
    await hub.refused(404, "PUT", f"{RULES}/0-1/nope/rule-type/REGEX", body)


# Lifecycle.


async def test_custom_stages_have_their_place_in_the_lifecycle_and_their_dates() -> None:
    options = [{"value": "lead", "label": "Lead"}, {"value": "7311", "label": "Trial"},
               {"value": "customer", "label": "Customer"}]  # fmt: skip
    hub = Hub({"properties": {"contacts": [{"name": "lifecyclestage", "options": options}]}})
    made = await hub.create({"firstname": "Ann", "lifecyclestage": "7311"})
    path = f"{OBJECTS}/contacts/{made}"
    kept = await hub.good("PATCH", path, {"properties": {"lifecyclestage": "lead"}})
    assert kept["properties"]["lifecyclestage"] == "7311"
    assert (await hub.values(made, "hs_v2_date_entered_7311"))["hs_v2_date_entered_7311"] == "2026-11-23T09:00:00.000Z"
    await hub.good("PATCH", path, {"properties": {"lifecyclestage": ""}})
    moved = await hub.good("PATCH", path, {"properties": {"lifecyclestage": "lead"}})
    assert moved["properties"]["lifecyclestage"] == "lead"


async def test_an_account_can_set_lifecycle_stages_by_itself() -> None:
    world = {
        "automatic_lifecycle": True,
        "records": {"contacts": [contact(101, lifecyclestage="lead")], "companies": [company(201, name="Acme")]},
    }
    hub = Hub(world)
    spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 3}
    body = {
        "properties": {"dealname": "D", "dealstage": "contractsent"},
        "associations": [{"to": {"id": "101"}, "types": [spec]}],
    }
    deal = (await hub.good("POST", f"{OBJECTS}/deals", body))["id"]
    entry = (await hub.history("101", "lifecyclestage"))[0]
    assert (entry["value"], entry["sourceType"]) == ("opportunity", "DEALS")
    await hub.good("PATCH", f"{OBJECTS}/deals/{deal}", {"properties": {"dealstage": "closedwon"}})
    assert (await hub.values("101", "lifecyclestage"))["lifecyclestage"] == "customer"
    await hub.good("PATCH", f"{OBJECTS}/companies/201", {"properties": {"lifecyclestage": "evangelist"}})
    await hub.good("PUT", f"{OBJECTS}/contacts/101/associations/default/companies/201")
    entry = (await hub.history("101", "lifecyclestage"))[0]
    assert (entry["value"], entry["sourceType"]) == ("evangelist", "COMPANIES")
    plain = Hub({**world, "automatic_lifecycle": False})
    await plain.good("POST", f"{OBJECTS}/deals", body)
    assert (await plain.values("101", "lifecyclestage"))["lifecyclestage"] == "lead"


async def test_an_account_can_associate_contacts_to_companies_by_their_domain() -> None:
    hub = Hub({"automatic_companies": True, "records": {"companies": [company(201, name="Acme", domain="acme.org")]}})
    ann = await hub.create({"email": "ann@acme.org"})
    entry = (await hub.history(ann, "associatedcompanyid"))[0]
    assert (entry["value"], entry["sourceType"]) == ("201", "ASSOCIATIONS")
    bob = await hub.create({"email": "bob@new.example"})
    made = (await hub.values(bob, "associatedcompanyid"))["associatedcompanyid"]
    assert await hub.values(made, "domain", "name", kind="companies") == {"domain": "new.example", "name": "New"}
    assert (await hub.history(made, "domain", kind="companies"))[0]["sourceType"] == "COMPANIES"
    eve = await hub.create({"email": "eve@gmail.com"})
    assert (await hub.values(eve, "associatedcompanyid"))["associatedcompanyid"] is None


# Merges, erasure, the recycle bin.


async def test_in_the_beta_a_merge_keeps_the_primarys_id() -> None:
    people = [contact(101, email="a@b.org", hs_legal_basis="Not applicable"),
              contact(102, email="c@d.org", lifecyclestage="customer", hs_marketable_status="true",
                      hs_legal_basis="Performance of a contract")]  # fmt: skip
    hub = Hub({"primary_id_preservation": True, "records": {"contacts": people}})
    body = {"primaryObjectId": "101", "objectIdToMerge": "102"}
    merged = await hub.good("POST", f"{OBJECTS}/contacts/merge", body)
    assert merged["id"] == "101"
    names = ("hs_merged_object_ids", "hs_legal_basis", "hs_marketable_status", "lifecyclestage")
    assert await hub.values("102", *names) == {
        "hs_merged_object_ids": "102",
        "hs_legal_basis": "Not applicable;Performance of a contract",
        "hs_marketable_status": "true",
        "lifecyclestage": "customer",
    }
    other = Hub({"records": {"contacts": people}})
    merged = await other.good("POST", f"{OBJECTS}/contacts/merge", body)
    assert merged["id"] not in ("101", "102")
    assert merged["properties"]["hs_merged_object_ids"] == "101;102"


@pytest.mark.parametrize("keeps", [True, False])
async def test_a_record_survives_250_merges_and_no_more(keeps: bool) -> None:
    absorbed = ";".join(str(number) for number in range(1, 250 if keeps else 499))
    people = [contact(1_001, email="a@b.org", hs_merged_object_ids=absorbed), contact(1_002), contact(1_003)]
    hub = Hub({"primary_id_preservation": keeps, "records": {"contacts": people}})
    path = f"{OBJECTS}/contacts/merge"
    made = await hub.good("POST", path, {"primaryObjectId": "1001", "objectIdToMerge": "1002"})
    body = await hub.refused(400, "POST", path, {"primaryObjectId": made["id"], "objectIdToMerge": "1003"})
    assert "250" in body["message"]


async def test_an_unknown_address_is_blocked_for_good() -> None:
    hub = Hub()
    erase = f"{OBJECTS}/contacts/gdpr-delete"
    await hub.refused(400, "POST", erase, {})
    await hub.refused(404, "POST", erase, {"objectId": "999"})
    assert (await hub.call("POST", erase, {"objectId": "X@y.org", "idProperty": "email"})).status_code == 204
    other = Hub(hub.service.save())
    body = {"properties": {"email": "x@Y.org"}, "associations": []}
    assert codes(await other.refused(400, "POST", f"{OBJECTS}/contacts", body)) == {"email": "BLOCKED_EMAIL"}


async def test_the_recycle_bin_keeps_a_record_for_ninety_days() -> None:
    hub = Hub({"records": {"contacts": [contact(101, email="a@b.org"), contact(102)]}})
    await hub.good("DELETE", f"{OBJECTS}/contacts/101")
    await hub.control("POST", "/clock", {"advance": 89 * 86_400})
    await hub.good("DELETE", f"{OBJECTS}/contacts/102")
    listed = await hub.good("GET", f"{OBJECTS}/contacts?archived=true")
    assert [row["id"] for row in listed["results"]] == ["101", "102"]
    await hub.control("POST", "/clock", {"advance": 2 * 86_400})
    listed = await hub.good("GET", f"{OBJECTS}/contacts?archived=true")
    assert [row["id"] for row in listed["results"]] == ["102"]


# Busy accounts.


async def test_a_locked_object_type_can_be_read_but_not_written_for_a_while() -> None:
    hub = Hub({"records": {"contacts": [contact(101)], "companies": [company(201)]}})
    await hub.control("POST", "/lock", {"object": "contacts", "seconds": 5})
    body = await hub.refused(423, "PATCH", f"{OBJECTS}/contacts/101", {"properties": {"city": "Bonn"}})
    assert body["category"] == "LOCKED"
    await hub.refused(423, "PUT", f"{OBJECTS}/companies/201/associations/default/contacts/101")
    await hub.good("GET", f"{OBJECTS}/contacts/101")
    await hub.good("POST", f"{OBJECTS}/contacts/search", {})
    await hub.good("PATCH", f"{OBJECTS}/companies/201", {"properties": {"city": "Bonn"}})
    hub.clock.advance(5)
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"city": "Bonn"}})


async def test_an_account_that_migrates_says_for_how_long() -> None:
    hub = Hub()
    await hub.control("POST", "/migrate", {"seconds": 3_600})
    hub.clock.advance(600)
    answer = await hub.call("GET", f"{OBJECTS}/contacts")
    assert (answer.status_code, answer.headers["Retry-After"]) == (477, "3000")
    hub.clock.advance(3_000)
    await hub.good("GET", f"{OBJECTS}/contacts")
    answer = await hub.client.post("/_control/migrate", json={"seconds": -1})
    assert answer.status_code == 400


async def test_a_query_with_too_many_properties_is_too_long() -> None:
    hub = Hub()
    names = ",".join(f"property_{number}" for number in range(1_000))
    answer = await hub.call("GET", f"{OBJECTS}/contacts", params={"properties": names})
    assert answer.status_code == 414
    assert answer.json()["status"] == "error"
