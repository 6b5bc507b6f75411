"""Facts of api/hubspot.md about search, links, pipelines, properties, lists and consent: as `test_hubspot_facts`."""

from __future__ import annotations

from typing import Any

import pytest
from tests.verified.accounts import OBJECTS, HubSpot, Step
from tests.verified.answers import NO_RECORD, codes, where
from tests.verified.answers import of_hubspot as refusal

LINKS = "/crm/associations/2026-09/contacts/companies"
LISTS = "/crm/lists/2026-09"
CONSENT = "/communication-preferences/2026-09"
NO_NAME = "concordverify, a name that nobody has"


# --- search


def test_a_search_shows_a_write_a_little_later(hubspot: HubSpot) -> None:
    """Section 6 [D] and 23.7 [?]: the real run tells how much later."""
    name = hubspot.name()
    contact = hubspot.contact(lastname=name, city="Bonn")
    asked = 0

    def probe() -> list[str]:
        nonlocal asked
        asked += 1
        return [one["id"] for one in hubspot.search(where("lastname", "EQ", name))["results"]]

    assert hubspot.eventually(probe, within=90) == [contact]
    hubspot.note(f"search: a new contact was shown by search number {asked}, asked once a second")
    alone = where("lastname", "EQ", name)
    for found, *filters in (
        (1, alone, where("city", "EQ", "bonn")),
        (0, alone, where("city", "NEQ", "Bonn")),
        (1, alone, where("city", "IN", values=["bonn", "ulm"])),
        (1, alone, where("city", "CONTAINS_TOKEN", "bon*")),
        (1, alone, where("city", "HAS_PROPERTY")),
        (0, alone, where("zip", "HAS_PROPERTY")),
        (1, alone, where("hs_object_id", "GT", str(int(contact) - 1))),
        (1, alone, where("hs_object_id", "BETWEEN", contact, highValue=contact)),
    ):
        assert hubspot.search(*filters)["total"] == found, filters
    times = [where("lastmodifieddate", "GTE", "1700000000000"), where("lastmodifieddate", "LT", "2900000000000")]
    body = hubspot.search(alone, *times, sorts=[{"propertyName": "lastmodifieddate", "direction": "ASCENDING"}])
    assert [one["id"] for one in body["results"]] == [contact]


@pytest.mark.parametrize(
    "more",
    [
        {"limit": 201},
        {"after": "10000"},
        {"filterGroups": [{"filters": [where("lastname", "EQ", NO_NAME)]}] * 6},
        {"filterGroups": [{"filters": [where("lastname", "EQ", NO_NAME)] * 7}]},
        {"filterGroups": [{"filters": [where("lastname", "LIKE", NO_NAME)]}]},
        {"filterGroups": [{"filters": [where("no_such_property", "EQ", NO_NAME)]}]},
    ],
    ids=["rows on a page", "rows in all", "groups", "filters", "operator", "property"],
)
def test_a_search_beyond_its_limits_is_refused(hubspot: HubSpot, more: dict[str, Any]) -> None:
    """Section 6 [D]: 200 rows a page, 10,000 in all, five groups of six; an unknown property is an error here."""
    own = [{"filters": [where("lastname", "EQ", hubspot.name())]}]
    answer = hubspot.call("POST", f"{OBJECTS}/contacts/search", {"filterGroups": own, "limit": 2, **more})
    assert refusal(answer, 400)["category"] == "VALIDATION_ERROR"


# --- associations


def company_links(hubspot: HubSpot, contact: str) -> dict[str, set[int]]:
    """The type ids of a contact's links by company."""
    read = hubspot.good("POST", f"{LINKS}/batch/read", {"inputs": [{"id": contact}]})
    rows = read["results"][0]["to"] if read["results"] else []
    return {str(one["toObjectId"]): {kind["typeId"] for kind in one["associationTypes"]} for one in rows}


def test_the_primary_mark_moves_and_is_not_handed_on(hubspot: HubSpot) -> None:
    """Section 10 [D]: types 1 (primary) and 279; `associatedcompanyid` shows the primary one."""
    contact = hubspot.contact()
    first, second = (hubspot.create("companies", name=hubspot.name()) for _ in range(2))
    for company in (first, second):
        primary = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
        path = f"{OBJECTS}/contacts/{contact}/associations/companies/{company}"
        assert hubspot.call("PUT", path, primary).status_code == 201
    assert company_links(hubspot, contact) == {first: {279}, second: {1, 279}}
    told = hubspot.eventually(
        lambda: hubspot.values(contact, "associatedcompanyid")["associatedcompanyid"], lambda told: told == second
    )
    assert told == second
    assert hubspot.call("DELETE", f"{OBJECTS}/contacts/{contact}/associations/companies/{second}").status_code == 204
    assert company_links(hubspot, contact) == {first: {279}}


def test_links_of_many_records_are_made_with_their_types(hubspot: HubSpot) -> None:
    """Section 10 [S]: `batch/create` and `batch/labels/archive`, by which Concord sets and takes the primary mark."""
    contact, company = hubspot.contact(), hubspot.create("companies", name=hubspot.name())
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
    link = {"inputs": [{"from": {"id": contact}, "to": {"id": company}, "types": types}]}
    assert hubspot.call("POST", f"{LINKS}/batch/create", link).status_code == 201
    assert company_links(hubspot, contact) == {company: {1, 279}}
    assert hubspot.call("POST", f"{LINKS}/batch/labels/archive", link).status_code == 204
    assert company_links(hubspot, contact) == {company: {279}}


def test_labels_tell_the_types_of_links(hubspot: HubSpot) -> None:
    """Section 10 [S]: the primary one has a label, the plain one has none."""
    labels = {one["typeId"]: one for one in hubspot.good("GET", f"{LINKS}/labels")["results"]}
    assert (labels[1]["category"], labels[1]["label"]) == ("HUBSPOT_DEFINED", "Primary")
    assert (labels[279]["category"], labels[279]["label"]) == ("HUBSPOT_DEFINED", None)


# --- the account's own lists of things


def test_a_stage_of_a_pipeline_is_written_by_its_id(hubspot: HubSpot) -> None:
    """Section 11 [S]: and one that no pipeline has is refused."""
    pipelines = hubspot.good("GET", "/crm/pipelines/2026-09/deals")["results"]
    stage = pipelines[0]["stages"][0]
    assert {"id", "label", "displayOrder", "archived", "stages"} <= set(pipelines[0])
    assert {"id", "label", "displayOrder", "archived", "metadata"} <= set(stage)
    assert 0 <= float(stage["metadata"]["probability"]) <= 1
    deal = hubspot.create("deals", dealname=hubspot.name(), dealstage=stage["id"], pipeline=pipelines[0]["id"])
    assert hubspot.values(deal, "dealstage", kind="deals") == {"dealstage": stage["id"]}
    answer = hubspot.call("PATCH", f"{OBJECTS}/deals/{deal}", {"properties": {"dealstage": "no_such_stage"}})
    assert codes(refusal(answer, 400)) == {"dealstage": "INVALID_OPTION"}


def test_nobody_is_the_owner_of_an_unknown_address(hubspot: HubSpot) -> None:
    """Section 11 [S]: owners are found by their address; asked for one that nobody has, so that nobody is shown."""
    told = hubspot.good("GET", "/crm/owners/2026-09", params={"email": hubspot.address()})
    assert told["results"] == []


@pytest.mark.sandbox_only("the owners of a real account are people, and are not read")
def test_an_owner_has_an_id_that_records_take(hubspot: HubSpot) -> None:
    """Section 11 [S]."""
    owner = hubspot.good("GET", "/crm/owners/2026-09", params={"limit": "1"})["results"][0]
    assert {"id", "email", "firstName", "lastName", "userId", "archived", "type"} <= set(owner)
    contact = hubspot.contact(hubspot_owner_id=owner["id"])
    assert hubspot.values(contact, "hubspot_owner_id") == {"hubspot_owner_id": owner["id"]}


def test_an_engagement_has_a_time(hubspot: HubSpot) -> None:
    """Section 12 [D]: `hs_timestamp` is required of every one."""
    answer = hubspot.call("POST", f"{OBJECTS}/notes", {"properties": {"hs_note_body": "x"}, "associations": []})
    assert refusal(answer, 400)["category"] == "VALIDATION_ERROR"
    note = hubspot.create("notes", hs_note_body=hubspot.name(), hs_timestamp="2026-11-23T09:15:00.000Z")
    assert hubspot.values(note, "hs_timestamp", kind="notes")["hs_timestamp"].startswith("2026-11-23T09:15:00")


# --- properties


def test_a_property_says_what_it_is_and_whether_it_may_be_written(hubspot: HubSpot) -> None:
    """Section 8 [S]."""
    properties = hubspot.properties()
    email, optout = properties["email"], properties["hs_email_optout"]
    wanted = "name label description groupName type fieldType options calculated externalOptions hasUniqueValue hidden"
    assert {*wanted.split(), "hubspotDefined", "formField", "modificationMetadata"} <= set(email)
    assert email["modificationMetadata"]["readOnlyValue"] is False
    assert (optout["type"], optout["modificationMetadata"]["readOnlyValue"]) == ("bool", True)
    assert properties["hubspot_owner_id"]["externalOptions"] is True
    assert {"label", "value", "hidden", "displayOrder"} <= set(properties["lifecyclestage"]["options"][0])


@pytest.mark.parametrize(
    ("status", "name", "more"),
    [
        (409, "email", {"type": "string", "fieldType": "text"}),
        (400, "", {"type": "string", "fieldType": "checkbox"}),
        (400, "", {"type": "nonsense", "fieldType": "text"}),
        (400, "", {"type": "string", "fieldType": "text", "groupName": "no_such_group"}),
    ],
    ids=["name is taken", "control does not fit", "no such type", "no such group"],
)
def test_a_property_that_breaks_a_rule_is_not_made(
    hubspot: HubSpot, status: int, name: str, more: dict[str, str]
) -> None:
    """Section 8 [S][D]: only refusals are asked for, so that no account gets a property of this suite."""
    name = name or hubspot.name()
    if name.startswith(hubspot.run):
        hubspot.remove_later(Step("DELETE", f"/crm/properties/2026-09/contacts/{name}"))
    body = {"name": name, "label": name, "groupName": "contactinformation", **more}
    answer = hubspot.call("POST", "/crm/properties/2026-09/contacts", body)
    refusal(answer, status)


@pytest.mark.sandbox_only("it adds a property to the account")
def test_uniqueness_is_decided_when_a_property_is_made(hubspot: HubSpot) -> None:
    """Section 8 [D]: a later change of `hasUniqueValue` changes nothing."""
    name, path = hubspot.name(), "/crm/properties/2026-09/contacts"
    body = {"name": name, "label": name, "groupName": "contactinformation", "type": "string", "fieldType": "text"}
    hubspot.remove_later(Step("DELETE", f"{path}/{name}"))
    assert hubspot.good("POST", path, {**body, "hasUniqueValue": True})["hasUniqueValue"] is True
    hubspot.call("PATCH", f"{path}/{name}", {"hasUniqueValue": False})
    assert hubspot.good("GET", f"{path}/{name}")["hasUniqueValue"] is True


# --- lists


def test_a_list_takes_ids_as_texts_and_says_what_it_took(hubspot: HubSpot) -> None:
    """Section 15 [S]: the answer to a membership call is spelt `recordsIdsAdded`, with one s too many."""
    body = {"name": hubspot.name(), "objectTypeId": "0-1", "processingType": "MANUAL"}
    made = hubspot.good("POST", LISTS, body)["list"]
    hubspot.remove_later(Step("DELETE", f"{LISTS}/{made['listId']}"))
    contact = hubspot.contact()
    path = f"{LISTS}/{made['listId']}/memberships"
    added = hubspot.good("PUT", f"{path}/add", [contact, NO_RECORD])
    assert [str(one) for one in added["recordsIdsAdded"]] == [contact]
    assert [str(one) for one in added["recordIdsMissing"]] == [NO_RECORD]
    told = hubspot.eventually(lambda: hubspot.good("GET", path)["results"])
    assert [one["recordId"] for one in told] == [contact]
    assert told[0]["membershipTimestamp"]
    removed = hubspot.good("PUT", f"{path}/remove", [contact])
    assert [str(one) for one in removed["recordIdsRemoved"]] == [contact]
    again = hubspot.call("POST", LISTS, body)
    if again.is_success:
        hubspot.remove_later(Step("DELETE", f"{LISTS}/{again.json()['list']['listId']}"))
    refusal(again, 400)


# --- consent


def test_an_address_that_nobody_has_is_not_opted_out(hubspot: HubSpot) -> None:
    """Section 13 [S]: an empty list means not opted out; types have an id and a name."""
    types = hubspot.good("GET", f"{CONSENT}/definitions")["results"]
    assert all({"id", "name", "isActive", "isDefault", "isInternal"} <= set(one) for one in types)
    channel = {"channel": "EMAIL"}
    told = hubspot.good("GET", f"{CONSENT}/statuses/{hubspot.address()}/unsubscribe-all", params=channel)
    assert told["results"] == []


def test_an_opt_out_belongs_to_the_address_and_a_repeat_changes_nothing(hubspot: HubSpot) -> None:
    """Section 13 [S]: the one call by which Concord opts an address out, and what shows of it."""
    hubspot.leaves_a_trace("an opt-out of an address outlives its contact and cannot be taken back by us")
    address, channel = hubspot.address(), {"channel": "EMAIL"}
    contact = hubspot.contact(email=address)
    path = f"{CONSENT}/statuses/{address}/unsubscribe-all"
    for _ in range(2):
        assert hubspot.call("POST", path, params=channel).is_success
    (told,) = hubspot.good("GET", path, params=channel)["results"]
    assert (told["wideStatusType"], told["status"]) == ("PORTAL_WIDE", "UNSUBSCRIBED")
    shown = hubspot.eventually(lambda: hubspot.values(contact, "hs_email_optout")["hs_email_optout"])
    assert shown == "true"


def test_a_change_of_one_subscription_says_what_came_of_it(hubspot: HubSpot) -> None:
    """Section 13 [S]: REQUESTED_CHANGE_OCCURRED, then NO_STATUS_CHANGE."""
    hubspot.leaves_a_trace("a subscription of an address outlives its contact")
    types = hubspot.good("GET", f"{CONSENT}/definitions")["results"]
    free = [one for one in types if one["isActive"] and not one["isInternal"]]
    hubspot.need(free, "the account has no subscription type")
    address = hubspot.address()
    hubspot.contact(email=address)
    body = {
        "channel": "EMAIL",
        "subscriptionId": int(free[0]["id"]),
        "statusState": "UNSUBSCRIBED",
        "legalBasis": "LEGITIMATE_INTEREST_OTHER",
        "legalBasisExplanation": "Concord verifies a fact",
    }
    told = [hubspot.good("POST", f"{CONSENT}/statuses/{address}", body) for _ in range(2)]
    reasons = [one["results"][0]["setStatusSuccessReason"] for one in told]
    assert reasons == ["REQUESTED_CHANGE_OCCURRED", "NO_STATUS_CHANGE"]
