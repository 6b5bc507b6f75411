"""Communication preferences of the HubSpot sandbox: what an address may be sent."""

from __future__ import annotations

from typing import Any

import pytest

from concord_sandbox.service import ControlError

from .hubspot_world import OBJECTS, Hub, contact

BASE = "/communication-preferences/2026-09"
OLD = "/communication-preferences/v3"
ANN = contact(101, email="ann@example.com")
UNITS = {
    "subscriptions": [
        {"id": "1", "name": "Newsletter"},
        {"id": "2", "name": "One to One", "purpose": "Sales", "isInternal": True},
        {"id": "31", "name": "Outdoor news", "businessUnitId": 7},
        {"id": "32", "name": "Outdoor offers", "businessUnitId": 7},
    ],
    "preferences": {"business_units": [{"id": 7, "name": "Outdoor"}]},
}


def wanted(state: str, subscription: int = 1, **more: Any) -> dict[str, Any]:
    return {"channel": "EMAIL", "subscriptionId": subscription, "statusState": state, **more}


async def put(hub: Hub, body: dict[str, Any], address: str = "ann@example.com") -> dict[str, Any]:
    answer = await hub.good("POST", f"{BASE}/statuses/{address}", body)
    row: dict[str, Any] = answer["results"][0]
    return row


async def states(hub: Hub, address: str = "ann@example.com", more: str = "") -> dict[int, str]:
    answer = await hub.good("GET", f"{BASE}/statuses/{address}?channel=EMAIL{more}")
    return {row["subscriptionId"]: row["status"] for row in answer["results"]}


async def test_a_status_says_where_it_came_from_and_when() -> None:
    hub = Hub({"records": {"contacts": [ANN]}, "app_id": 77})
    before = (await hub.good("GET", f"{BASE}/statuses/ann@example.com?channel=EMAIL"))["results"][0]
    assert (before["status"], before["source"]) == ("NOT_SPECIFIED", "Not specified")
    assert "setStatusSuccessReason" not in before
    hub.clock.advance(3)
    legal: dict[str, Any] = {"legalBasis": "CONSENT_WITH_NOTICE", "legalBasisExplanation": "asked by phone"}
    row = await put(hub, wanted("SUBSCRIBED", **legal))
    assert row == {
        "businessUnitId": 0,
        "channel": "EMAIL",
        "subscriberIdString": "ann@example.com",
        "subscriptionId": 1,
        "subscriptionName": "Marketing Information",
        "status": "SUBSCRIBED",
        "source": "Public status API, App ID:77",
        "setStatusSuccessReason": "REQUESTED_CHANGE_OCCURRED",
        "timestamp": "2026-11-23T09:00:03.000Z",
        **legal,
    }


async def test_the_reasons_of_a_change_are_the_documented_ones() -> None:
    hub = Hub({"records": {"contacts": [ANN]}})
    reasons = [
        (await put(hub, wanted(state)))["setStatusSuccessReason"]
        for state in ("UNSUBSCRIBED", "UNSUBSCRIBED", "SUBSCRIBED", "NOT_SPECIFIED")
    ]
    assert reasons == [
        "REQUESTED_CHANGE_OCCURRED",
        "NO_STATUS_CHANGE",
        "RESUBSCRIBE_OCCURRED",
        "REQUESTED_CHANGE_OCCURRED",
    ]
    path = f"{BASE}/statuses/ann@example.com/unsubscribe-all?channel=EMAIL&verbose=true"
    for reason in ("UNSUBSCRIBE_FROM_ALL_OCCURRED", "NO_STATUS_CHANGE"):
        rows = (await hub.good("POST", path))["results"]
        assert {(row["setStatusSuccessReason"], row["status"]) for row in rows} == {(reason, "UNSUBSCRIBED")}
    assert (await put(hub, wanted("NOT_SPECIFIED")))["setStatusSuccessReason"] == "NO_STATUS_CHANGE"
    assert (await put(hub, wanted("SUBSCRIBED")))["setStatusSuccessReason"] == "RESUBSCRIBE_OCCURRED"
    assert (await hub.good("GET", path))["results"] == []


async def test_the_contact_shows_each_change_with_its_source() -> None:
    hub = Hub({"records": {"contacts": [ANN]}})
    await put(hub, wanted("UNSUBSCRIBED"))
    hub.clock.advance(1)
    await put(hub, wanted("SUBSCRIBED"))
    history = await hub.history("101", "hs_email_optout_1")
    assert [(entry["value"], entry["sourceType"], entry["timestamp"]) for entry in history] == [
        ("false", "INTEGRATION", "2026-11-23T09:00:01.000Z"),
        ("true", "INTEGRATION", "2026-11-23T09:00:00.000Z"),
    ]
    assert (await hub.values("101", "hs_email_optout"))["hs_email_optout"] is None


async def test_states_outlive_the_contact_and_meet_the_next_one_of_that_address() -> None:
    hub = Hub({"records": {"contacts": [ANN]}})
    await put(hub, wanted("UNSUBSCRIBED"))
    await hub.call("DELETE", f"{OBJECTS}/contacts/101")
    assert (await states(hub))[1] == "UNSUBSCRIBED"
    made = await hub.create({"email": "Ann@Example.com"})
    assert (await hub.values(made, "hs_email_optout_1"))["hs_email_optout_1"] == "true"
    await put(hub, wanted("SUBSCRIBED"), "nobody@example.com")
    assert (await states(hub, "nobody@example.com"))[1] == "SUBSCRIBED"


async def test_data_privacy_settings_demand_a_legal_basis() -> None:
    hub = Hub({"data_privacy": True})
    path = f"{BASE}/statuses/ann@example.com"
    assert "legalBasis" in (await hub.refused(400, "POST", path, wanted("SUBSCRIBED")))["message"]
    await hub.refused(400, "POST", path, wanted("SUBSCRIBED", legalBasis="BECAUSE"))
    row = await put(hub, wanted("SUBSCRIBED", legalBasis="PROCESS_AND_STORE"))
    assert row["legalBasis"] == "PROCESS_AND_STORE"
    old = {"emailAddress": "ann@example.com", "subscriptionId": "2", "legalBasis": "NON_GDPR"}
    await hub.refused(400, "POST", f"{OLD}/subscribe", old)
    await hub.good("POST", f"{OLD}/subscribe", {**old, "legalBasisExplanation": "said so"})


async def test_business_units_have_opt_outs_of_their_own() -> None:
    hub = Hub({"records": {"contacts": [ANN]}, **UNITS})
    path = f"{BASE}/statuses/ann@example.com/unsubscribe-all?channel=EMAIL"
    await hub.good("POST", f"{path}&businessUnitId=7")
    rows = (await hub.good("GET", path))["results"]
    assert [(row["wideStatusType"], row["businessUnitId"]) for row in rows] == [("BUSINESS_UNIT_WIDE", 7)]
    assert (await hub.good("GET", f"{path}&businessUnitId=0"))["results"] == []
    assert await states(hub) == {1: "NOT_SPECIFIED", 2: "NOT_SPECIFIED", 31: "UNSUBSCRIBED", 32: "UNSUBSCRIBED"}
    assert await states(hub, more="&businessUnitId=7") == {31: "UNSUBSCRIBED", 32: "UNSUBSCRIBED"}
    shown = await hub.values("101", "hs_email_optout", "hs_email_optout_31", "hs_email_optout_1")
    assert shown == {"hs_email_optout": None, "hs_email_optout_31": "true", "hs_email_optout_1": None}
    await put(hub, wanted("SUBSCRIBED", 31))
    assert (await hub.good("GET", path))["results"] == []
    assert (await states(hub))[32] == "UNSUBSCRIBED"
    await hub.refused(404, "POST", f"{path}&businessUnitId=8")
    await hub.refused(400, "POST", f"{path}&businessUnitId=x")
    listed = await hub.good("GET", f"{BASE}/definitions?businessUnitId=7&includeTranslations=true")
    assert [(row["id"], row["subscriptionTranslations"]) for row in listed["results"]] == [("31", []), ("32", [])]


async def test_batches_report_what_failed_beside_what_went_well() -> None:
    hub = Hub({"records": {"contacts": [ANN]}})
    inputs = [
        {**wanted("UNSUBSCRIBED"), "subscriberIdString": "ann@example.com"},
        {**wanted("SUBSCRIBED", 99), "subscriberIdString": "bob@example.com"},
        {**wanted("SUBSCRIBED"), "subscriberIdString": "no address"},
        {**wanted("PERHAPS"), "subscriberIdString": "carl@example.com"},
    ]
    answer = await hub.call("POST", f"{BASE}/statuses/batch/write", {"inputs": inputs})
    body = answer.json()
    assert (answer.status_code, len(body["results"]), body["numErrors"]) == (200, 1, 3)
    assert [error["context"]["subscriberIdString"] for error in body["errors"]] == [
        ["bob@example.com"],
        ["no address"],
        ["carl@example.com"],
    ]
    read = await hub.call("POST", f"{BASE}/statuses/batch/read?channel=EMAIL", {"inputs": ["ann@example.com", "x"]})
    assert read.status_code == 207
    assert [row["statuses"][0]["status"] for row in read.json()["results"]] == ["UNSUBSCRIBED"]


async def test_many_addresses_are_opted_out_of_everything_at_once() -> None:
    hub = Hub({"records": {"contacts": [ANN]}})
    both = {"inputs": ["ann@example.com", "bob@example.com"]}
    path = f"{BASE}/statuses/batch/unsubscribe-all"
    rows = (await hub.good("POST", f"{path}?channel=EMAIL", both))["results"]
    assert rows == [{"subscriberIdString": "ann@example.com"}, {"subscriberIdString": "bob@example.com"}]
    rows = (await hub.good("POST", f"{path}?channel=EMAIL&verbose=true", both))["results"]
    assert rows[1]["statuses"][0]["setStatusSuccessReason"] == "NO_STATUS_CHANGE"
    asked = {"inputs": ["bob@example.com", "eve@example.com"]}
    rows = (await hub.good("POST", f"{path}/read?channel=EMAIL", asked))["results"]
    assert [[wide["wideStatusType"] for wide in row["wideStatuses"]] for row in rows] == [["PORTAL_WIDE"], []]
    assert (await hub.values("101", "hs_email_optout"))["hs_email_optout"] == "true"
    await hub.refused(400, "POST", f"{path}?channel=EMAIL", {"inputs": ["a@example.com"] * 101})
    await hub.refused(400, "POST", f"{path}?channel=EMAIL", {"inputs": [{"email": "a@example.com"}]})
    await hub.refused(400, "POST", path, both)


async def test_the_older_calls_subscribe_but_never_resubscribe() -> None:
    hub = Hub({"records": {"contacts": [ANN]}})
    body = {"emailAddress": "ann@example.com", "subscriptionId": "1"}
    row = await hub.good("POST", f"{OLD}/subscribe", body)
    assert (row["status"], row["sourceOfStatus"]) == ("SUBSCRIBED", "SUBSCRIPTION_STATUS")
    assert "is already subscribed" in (await hub.refused(400, "POST", f"{OLD}/subscribe", body))["message"]
    assert (await hub.good("POST", f"{OLD}/unsubscribe", body))["status"] == "NOT_SUBSCRIBED"
    assert "already unsubscribed" in (await hub.refused(400, "POST", f"{OLD}/unsubscribe", body))["message"]
    assert "cannot be resubscribed" in (await hub.refused(400, "POST", f"{OLD}/subscribe", body))["message"]
    assert (await hub.good("POST", f"{OLD}/resubscribe", body))["status"] == "SUBSCRIBED"
    await hub.refused(400, "POST", f"{OLD}/resubscribe", body)
    await hub.good("POST", f"{BASE}/statuses/ann@example.com/unsubscribe-all?channel=EMAIL")
    listed = await hub.good("GET", f"{OLD}/status/email/ann@example.com")
    assert {(one["status"], one["sourceOfStatus"]) for one in listed["subscriptionStatuses"]} == {
        ("NOT_SUBSCRIBED", "PORTAL_WIDE_STATUS")
    }
    assert len((await hub.good("GET", f"{OLD}/definitions"))["subscriptionDefinitions"]) == 2
    missing = await hub.refused(400, "POST", f"{OLD}/subscribe", {})
    assert "[emailAddress, subscriptionId]" in missing["message"]


async def test_an_erased_address_cannot_be_subscribed_but_can_be_opted_out() -> None:
    hub = Hub({"blocked": ["ann@example.com"]})
    await hub.refused(400, "POST", f"{BASE}/statuses/ann@example.com", wanted("SUBSCRIBED"))
    assert (await put(hub, wanted("UNSUBSCRIBED")))["status"] == "UNSUBSCRIBED"


async def test_links_are_made_for_an_address() -> None:
    hub = Hub({"portal_id": 42})
    body = {"subscriberIdString": "ann@example.com", "subscriptionId": 1, "language": "de"}
    links = await hub.good("POST", f"{BASE}/links/generate?channel=EMAIL", body)
    assert links["subscriberIdString"] == "ann@example.com"
    urls = [links[name] for name in ("managePreferencesUrl", "unsubscribeAllUrl", "unsubscribeSingleUrl")]
    assert len(set(urls)) == 3
    assert all(url.startswith("https://hs-42.s.hubspotemail.net/hs/preferences-center/de/") for url in urls)
    del body["subscriptionId"]
    assert "unsubscribeSingleUrl" not in await hub.good("POST", f"{BASE}/links/generate?channel=EMAIL", body)
    await hub.refused(400, "POST", f"{BASE}/links/generate", body)
    await hub.refused(400, "POST", f"{BASE}/links/generate?channel=EMAIL", {})


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("ann@example.com", {"subscriptionId": 1, "statusState": "SUBSCRIBED"}),
        ("ann@example.com", wanted("subscribed")),
        ("ann@example.com", {**wanted("SUBSCRIBED"), "channel": "SMS"}),
        ("ann@example.com", {"channel": "EMAIL", "statusState": "SUBSCRIBED"}),
        ("ann@example.com", [1]),
        ("ann@nowhere", wanted("SUBSCRIBED")),
        ("@example.com", wanted("SUBSCRIBED")),
    ],
)
async def test_a_change_that_is_not_well_formed_is_refused(path: str, body: Any) -> None:
    assert (await Hub().refused(400, "POST", f"{BASE}/statuses/{path}", body))["status"] == "error"


async def test_reading_needs_a_channel() -> None:
    hub = Hub()
    for path in ("statuses/a@example.com", "statuses/a@example.com/unsubscribe-all"):
        await hub.refused(400, "GET", f"{BASE}/{path}")
        await hub.refused(400, "GET", f"{BASE}/{path}?channel=WHATSAPP")


async def test_a_world_keeps_units_sources_and_statuses() -> None:
    given = {
        "records": {"contacts": [ANN]},
        **UNITS,
        "statuses": [
            {"email": "ann@example.com", "subscriptionId": "1", "status": "UNSUBSCRIBED",
             "timestamp": "2026-10-01T00:00:00Z"}
        ],
    }  # fmt: skip
    hub = Hub(given)
    assert (await hub.history("101", "hs_email_optout_1"))[0]["timestamp"] == "2026-10-01T00:00:00.000Z"
    path = f"{BASE}/statuses/ann@example.com/unsubscribe-all?channel=EMAIL"
    await hub.good("POST", f"{path}&businessUnitId=7")
    await hub.good("POST", path)
    saved = hub.service.save()
    again = Hub(saved)
    assert again.service.save() == saved
    rows = (await again.good("GET", f"{BASE}/statuses/ann@example.com?channel=EMAIL"))["results"]
    assert {row["source"] for row in rows} == {f"Public status API, App ID:{saved['app_id']}"}
    assert len((await again.good("GET", path))["results"]) == 2
    with pytest.raises(ControlError):
        Hub({"preferences": {"nope": 1}})


async def test_batches_need_scopes_of_their_own() -> None:
    hub = Hub({"oauth": {"static_scopes": ["communication_preferences.read_write"]}})
    assert await states(hub) != {}
    body = {"inputs": ["ann@example.com"]}
    refused = await hub.refused(403, "POST", f"{BASE}/statuses/batch/read?channel=EMAIL", body)
    assert refused["errors"][0]["context"]["requiredGranularScopes"] == [
        "communication_preferences.statuses.batch.read"
    ]
