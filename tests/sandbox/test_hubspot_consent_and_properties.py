"""Consent, property definitions and account calls of the HubSpot sandbox."""

from __future__ import annotations

from .hubspot_world import OBJECTS, Hub, contact, subscribed, where

CONSENT = "/communication-preferences/2026-09"
PROPERTIES = "/crm/properties/2026-09"
ANN = contact(101, email="ann@example.com")
ALL = f"{CONSENT}/statuses/ann%40example.com/unsubscribe-all"


async def test_an_opt_out_belongs_to_the_address_and_the_contact_shows_it() -> None:
    hub = Hub({"records": {"contacts": [ANN]}})
    assert (await hub.good("GET", f"{ALL}?channel=EMAIL"))["results"] == []
    hub.clock.advance(5)
    await hub.good("POST", f"{ALL}?channel=EMAIL")
    results = (await hub.good("GET", f"{ALL}?channel=EMAIL"))["results"]
    assert [(row["wideStatusType"], row["status"]) for row in results] == [("PORTAL_WIDE", "UNSUBSCRIBED")]
    assert results[0]["timestamp"] == "2026-11-23T09:00:05.000Z"
    entries = await hub.history("101", "hs_email_optout")
    assert [(entry["value"], entry["timestamp"]) for entry in entries] == [("true", "2026-11-23T09:00:05.000Z")]
    hub.clock.advance(1)
    assert await hub.search(where("hs_email_optout", "EQ", "true")) == ["101"]


async def test_an_address_without_a_contact_can_be_opted_out_and_a_later_contact_shows_it() -> None:
    hub = Hub()
    await hub.good("POST", f"{ALL}?channel=EMAIL")
    made = await hub.create({"email": "Ann@example.com"})
    assert (await hub.values(made, "hs_email_optout"))["hs_email_optout"] == "true"
    await hub.call("DELETE", f"{OBJECTS}/contacts/{made}")
    assert len((await hub.good("GET", f"{ALL}?channel=EMAIL"))["results"]) == 1
    other = await hub.create({"email": "other@example.com"})
    assert (await hub.values(other, "hs_email_optout"))["hs_email_optout"] is None
    await hub.good("PATCH", f"{OBJECTS}/contacts/{other}", {"properties": {"email": "ann@example.com"}})
    assert (await hub.values(other, "hs_email_optout"))["hs_email_optout"] == "true"


async def test_a_person_unsubscribes_and_subscribes_again() -> None:
    hub = Hub({"records": {"contacts": [ANN]}, "unsubscribed": {"eve@example.com": "2026-11-01T00:00:00Z"}})
    await hub.control("PATCH", "/records/contacts/101", {"fields": {"hs_email_optout": "true"}})
    hub.clock.advance(1)
    await hub.control("PATCH", "/records/contacts/101", {"fields": {"hs_email_optout": "false"}, "by": "7"})
    entries = await hub.history("101", "hs_email_optout")
    assert [(entry["value"], entry["sourceType"]) for entry in entries] == [("false", "CRM_UI"), ("true", "EMAIL")]
    assert (await hub.good("GET", f"{ALL}?channel=EMAIL"))["results"] == []
    eve = await hub.good("GET", f"{CONSENT}/statuses/eve@example.com/unsubscribe-all?channel=EMAIL")
    assert eve["results"][0]["timestamp"] == "2026-11-01T00:00:00.000Z"


async def test_one_subscription_type_is_set_with_its_reason() -> None:
    hub = Hub({"records": {"contacts": [ANN]}})
    path = f"{CONSENT}/statuses/ann@example.com"
    ids = [row["id"] for row in (await hub.good("GET", f"{CONSENT}/definitions"))["results"]]
    body = {"channel": "EMAIL", "subscriptionId": int(ids[0]), "statusState": "UNSUBSCRIBED"}
    reasons = [(await hub.good("POST", path, body))["results"][0]["setStatusSuccessReason"] for _ in range(2)]
    assert reasons == ["REQUESTED_CHANGE_OCCURRED", "NO_STATUS_CHANGE"]
    assert await hub.values("101", f"hs_email_optout_{ids[0]}", "hs_email_optout") == {
        f"hs_email_optout_{ids[0]}": "true",
        "hs_email_optout": None,
    }
    await hub.good("POST", f"{ALL}?channel=EMAIL")
    listed = await hub.good("GET", f"{path}?channel=EMAIL")
    assert {row["status"] for row in listed["results"]} == {"UNSUBSCRIBED"}
    body["statusState"] = "SUBSCRIBED"
    again = await hub.good("POST", path, body)
    assert again["results"][0]["setStatusSuccessReason"] == "RESUBSCRIBE_OCCURRED"
    assert (await hub.values("101", "hs_email_optout"))["hs_email_optout"] == "false"
    await hub.refused(400, "POST", path, body | {"channel": "SMS"})
    await hub.refused(404, "POST", path, body | {"subscriptionId": 77})


async def test_a_property_is_made_used_changed_and_archived() -> None:
    hub = Hub({"records": {"contacts": [ANN]}})
    new = {
        "name": "tier",
        "label": "Tier",
        "groupName": "contactinformation",
        "type": "enumeration",
        "fieldType": "select",
        "options": [{"label": "Gold", "value": "gold", "displayOrder": 0, "hidden": False}],
    }
    made = await hub.good("POST", f"{PROPERTIES}/contacts", new)
    assert (made["hubspotDefined"], made["modificationMetadata"]["readOnlyValue"]) == (False, False)
    assert (await hub.refused(409, "POST", f"{PROPERTIES}/contacts", new))["status"] == "error"
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"tier": "gold"}})
    more = [*new["options"], {"label": "Tin", "value": "tin", "displayOrder": 1, "hidden": True}]
    await hub.good("PATCH", f"{PROPERTIES}/contacts/tier", {"options": more})
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"tier": "tin"}})
    await hub.refused(400, "PATCH", f"{PROPERTIES}/contacts/tier", {"type": "string"})
    assert (await hub.call("DELETE", f"{PROPERTIES}/contacts/tier")).status_code == 204
    await hub.refused(404, "GET", f"{PROPERTIES}/contacts/tier")
    await hub.refused(400, "PATCH", f"{OBJECTS}/contacts/101", {"properties": {"tier": "gold"}})
    archived = await hub.good("GET", f"{PROPERTIES}/contacts?archived=true")
    assert [row["name"] for row in archived["results"]] == ["tier"]


async def test_the_usual_properties_are_there_with_their_types() -> None:
    hub = Hub()
    listed = {row["name"]: row for row in (await hub.good("GET", f"{PROPERTIES}/contacts"))["results"]}
    assert (listed["lifecyclestage"]["type"], listed["lifecyclestage"]["fieldType"]) == ("enumeration", "radio")
    assert [option["value"] for option in listed["lifecyclestage"]["options"]][:2] == ["subscriber", "lead"]
    assert listed["hubspot_owner_id"]["externalOptions"] is True
    for name in ("notes_last_contacted", "hs_email_optout", "hs_object_id", "createdate", "lastmodifieddate"):
        assert listed[name]["modificationMetadata"]["readOnlyValue"] is True
    read = {"inputs": [{"name": "phone"}, {"name": "nope"}], "archived": False}
    answer = await hub.call("POST", f"{PROPERTIES}/contacts/batch/read", read)
    assert (answer.status_code, answer.json()["results"][0]["fieldType"]) == (207, "phonenumber")
    groups = await hub.good("GET", f"{PROPERTIES}/companies/groups")
    assert "companyinformation" in [row["name"] for row in groups["results"]]
    await hub.good("POST", f"{PROPERTIES}/contacts/groups", {"name": "salesforce_sync", "label": "Sync"})
    await hub.refused(400, "DELETE", f"{PROPERTIES}/contacts/groups/contactinformation")


async def test_the_built_in_pipeline_and_the_limits_are_served() -> None:
    hub = Hub({"records": {"contacts": [ANN]}, "webhooks": subscribed("contact.creation")})
    found = await hub.good("GET", "/crm/pipelines/2026-09/deals")
    stages = found["results"][0]["stages"]
    assert (found["results"][0]["id"], stages[-2]["metadata"]) == (
        "default",
        {"probability": "1.0", "isClosed": "true"},
    )
    limits = await hub.good("GET", "/crm/limits/2026-09/records")
    assert {row["objectTypeId"]: row["usage"] for row in limits["hubspotDefinedObjectTypes"]}["0-1"] == 1
    usage = await hub.good("GET", "/account-info/2026-09/api-usage/daily/private-apps")
    assert usage["results"][0]["currentUsage"] == 3
    await hub.refused(404, "GET", "/crm/v9/objects/contacts")
    await hub.refused(405, "PUT", f"{OBJECTS}/contacts/101")
