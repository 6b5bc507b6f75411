"""The settings API of an app's push webhooks, and what the settings change in what is sent."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hubspot.utils.signature import Signature
from hubspot_sdk import AsyncHubSpot

from .hubspot_world import OBJECTS, SECRET, TARGET, Hub, Receiver, contact, subscribed

APP = 50_780_459
SETTINGS = f"/app-webhooks/2026-09/{APP}/settings"
SUBSCRIPTIONS = f"/app-webhooks/2026-09/{APP}/subscriptions"
GOOD = {"targetUrl": TARGET, "throttling": {"maxConcurrentRequests": 10}}
PHONE = {"eventType": "contact.propertyChange", "propertyName": "phone", "active": True}


def account(receiver: Receiver | None = None, **webhooks: Any) -> Hub:
    return Hub({"records": {"contacts": [contact(101, email="ann@example.com")]}, "webhooks": webhooks}, receiver)


async def told(hub: Hub, receiver: Receiver) -> list[dict[str, Any]]:
    hub.clock.advance(1)
    before = len(receiver.events)
    await hub.control("POST", "/deliver")
    return receiver.events[before:]


async def change(hub: Hub, phone: str) -> None:
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"phone": phone}})


@pytest.mark.parametrize(
    "path", ["/app-webhooks/2026-09", "/app-webhooks/2026-03", "/webhooks/v3", "/webhooks/2026-03"]
)
async def test_settings_are_put_read_and_deleted_under_every_version(path: str) -> None:
    hub = account()
    at = f"{path}/{APP}/settings"
    await hub.refused(404, "GET", at)
    shown = await hub.good("PUT", at, GOOD)
    times = {"createdAt": "2026-11-23T09:00:00.000Z", "updatedAt": "2026-11-23T09:00:00.000Z"}
    assert shown == {**GOOD, **times} == await hub.good("GET", at)
    hub.clock.advance(60)
    again = await hub.good("PUT", at, {**GOOD, "throttling": {"maxConcurrentRequests": 20}})
    assert (again["createdAt"], again["updatedAt"]) == (times["createdAt"], "2026-11-23T09:01:00.000Z")
    assert (await hub.call("DELETE", at)).status_code == 204
    await hub.refused(404, "GET", at)


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"targetUrl": "example.com", "throttling": {"maxConcurrentRequests": 10}},
        {"targetUrl": TARGET},
        {"targetUrl": TARGET, "throttling": {"maxConcurrentRequests": "10"}},
        {"targetUrl": TARGET, "throttling": {"maxConcurrentRequests": 4}},
    ],
)
async def test_settings_that_make_no_sense_are_refused(bad: dict[str, Any]) -> None:
    hub = account()
    assert (await hub.refused(400, "PUT", SETTINGS, bad))["category"] == "VALIDATION_ERROR"


async def test_a_subscription_made_over_the_api_decides_what_is_sent() -> None:
    receiver = Receiver()
    hub = account(receiver)
    await hub.good("PUT", SETTINGS, GOOD)
    made = await hub.good("POST", SUBSCRIPTIONS, PHONE)
    assert (made["eventType"], made["propertyName"], made["active"]) == ("contact.propertyChange", "phone", True)
    await change(hub, "1")
    (event,) = await told(hub, receiver)
    assert event["subscriptionId"] == int(made["id"])
    at = f"{SUBSCRIPTIONS}/{made['id']}"
    assert (await hub.good("PATCH", at, {"active": False}))["active"] is False
    await change(hub, "2")
    assert await told(hub, receiver) == []
    other = await hub.good("POST", SUBSCRIPTIONS, {"eventType": "contact.creation", "active": False})
    rows = {"inputs": [{"id": int(one["id"]), "active": True} for one in (made, other)]}
    answer = await hub.good("POST", f"{SUBSCRIPTIONS}/batch/update", rows)
    assert [one["active"] for one in answer["results"]] == [True, True]
    await change(hub, "3")
    await hub.create({"firstname": "x"})
    assert [one["subscriptionType"] for one in await told(hub, receiver)] == [
        "contact.propertyChange",
        "contact.creation",
    ]
    assert (await hub.call("DELETE", at)).status_code == 204
    assert [one["id"] for one in (await hub.good("GET", SUBSCRIPTIONS))["results"]] == [other["id"]]
    await hub.refused(404, "GET", at)
    assert (await hub.good("GET", f"{SUBSCRIPTIONS}/{other['id']}"))["id"] == other["id"]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"active": True}, "[eventType]"),
        ({"eventType": "contact.birthday", "active": True}, "not a webhook subscription type"),
        ({"eventType": "contact.propertyChange", "active": True}, "[propertyName]"),
        ({**PHONE, "propertyName": "ghost"}, "Property ghost does not exist"),
        ({"eventType": "object.creation", "active": False}, "[objectTypeId]"),
        ({"eventType": "company.privacyDeletion", "active": True}, "contacts only"),
        ({"eventType": "product.associationChange", "active": False}, "no associations"),
        ({"eventType": "event.completed", "active": False}, "[eventTypeName]"),
        ({"eventType": "contact.creation", "active": "yes"}, "true or false"),
    ],
)
async def test_a_subscription_that_makes_no_sense_is_refused(bad: dict[str, Any], words: str) -> None:
    hub = account()
    assert words in (await hub.refused(400, "POST", SUBSCRIPTIONS, bad))["message"]
    assert (await hub.good("GET", SUBSCRIPTIONS))["results"] == []


async def test_the_same_subscription_twice_and_more_than_a_thousand_are_refused() -> None:
    rows = [{"subscriptionType": "contact.propertyChange", "propertyName": f"p{n}"} for n in range(999)]
    hub = account(subscriptions=rows)
    await hub.good("POST", SUBSCRIPTIONS, PHONE)
    assert "exists already" in (await hub.refused(400, "POST", SUBSCRIPTIONS, PHONE))["message"]
    full = await hub.refused(400, "POST", SUBSCRIPTIONS, {"eventType": "contact.creation", "active": True})
    assert "at most 1000" in full["message"]


async def test_kinds_of_which_nothing_happens_can_be_subscribed_to() -> None:
    hub = account()
    for kind in ("conversation.newMessage", "conversation.creation"):
        assert (await hub.good("POST", SUBSCRIPTIONS, {"eventType": kind, "active": True}))["eventType"] == kind
    asked = {"eventType": "event.completed", "eventTypeName": "pe1_visited", "active": True}
    assert (await hub.good("POST", SUBSCRIPTIONS, asked))["eventTypeName"] == "pe1_visited"
    newer = {"eventType": "object.propertyChange", "objectTypeId": "0-2", "propertyName": "name", "active": True}
    assert (await hub.good("POST", SUBSCRIPTIONS, newer))["objectTypeId"] == "0-2"


@pytest.mark.parametrize("kind", ["ticket", "product", "line_item"])
async def test_the_legacy_family_tells_of_tickets_products_and_line_items(kind: str) -> None:
    receiver = Receiver()
    hub = account(receiver, **subscribed(f"{kind}.creation", f"{kind}.deletion"))
    properties = {"ticket": {"subject": "a", "hs_pipeline": "0", "hs_pipeline_stage": "1"}}.get(kind, {"name": "a"})
    made = await hub.create(properties, f"{kind}s")
    await hub.call("DELETE", f"{OBJECTS}/{kind}s/{made}")
    events = await told(hub, receiver)
    assert [(one["subscriptionType"], one["objectId"]) for one in events] == [
        (f"{kind}.creation", int(made)),
        (f"{kind}.deletion", int(made)),
    ]


async def test_the_kind_is_called_event_type_and_the_flag_new_on_demand() -> None:
    receiver = Receiver()
    hub = account(receiver, **subscribed("contact.creation", type_field="eventType", change_flag="NEW"))
    await hub.create({"firstname": "x"})
    (event,) = await told(hub, receiver)
    assert (event["eventType"], event["changeFlag"], "subscriptionType" in event) == ("contact.creation", "NEW", False)


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_older_signatures_pass_the_vendors_own_check(version: str) -> None:
    receiver = Receiver()
    hub = account(receiver, **subscribed("contact.creation", signatures=[version, "v3"]))
    await hub.create({"firstname": "Ü"})
    await told(hub, receiver)
    url, headers, body = receiver.requests[0]
    assert headers["x-hubspot-signature-version"] == version
    assert "x-hubspot-signature-v3" in headers
    before = SECRET if version == "v1" else f"{SECRET}POST{url}"
    assert headers["x-hubspot-signature"] == hashlib.sha256(before.encode() + body).hexdigest()
    assert Signature.is_valid(
        signature=headers["x-hubspot-signature"],
        client_secret=SECRET,
        request_body=body.decode(),
        http_uri=TARGET,
        signature_version=version,
    )


async def test_changed_settings_take_effect_when_the_cache_is_over() -> None:
    receiver = Receiver()
    hub = account(receiver, cache_ms=300_000, **subscribed("contact.creation"))
    await hub.good("POST", SUBSCRIPTIONS, PHONE)
    assert len((await hub.good("GET", SUBSCRIPTIONS))["results"]) == 2
    hub.clock.advance(299)
    await change(hub, "1")
    assert await told(hub, receiver) == []
    await change(hub, "2")
    assert [one["propertyValue"] for one in await told(hub, receiver)] == ["2"]


async def test_a_developer_key_or_a_token_is_needed_and_the_app_must_be_ones_own() -> None:
    hub = account()
    key = hub.service.credentials("")["developer_api_key"]
    assert (await hub.client.get(f"{SUBSCRIPTIONS}?hapikey={key}")).status_code == 200
    assert (await hub.client.get(f"{SUBSCRIPTIONS}?hapikey=wrong")).status_code == 401
    assert (await hub.client.get(SUBSCRIPTIONS)).status_code == 401
    await hub.refused(404, "GET", "/app-webhooks/2026-09/1/subscriptions")


async def test_settings_of_the_world_are_checked() -> None:
    hub = account()
    for bad in (
        {"type_field": "kind"},
        {"change_flag": "OLD"},
        {"signatures": ["v4"]},
        {"max_concurrent": 1},
        {"subscriptions": [{"subscriptionType": "contact.creation"}] * 1001},
    ):
        assert (await hub.client.put("/_control/webhooks", json=bad)).status_code == 400, bad


async def test_the_vendors_own_client_manages_the_settings() -> None:
    hub = account()
    key = hub.service.credentials("")["developer_api_key"]
    client = AsyncHubSpot(developer_api_key=key, base_url="http://hubspot.test", http_client=hub.client)
    made = await client.webhooks.update_settings(APP, target_url=TARGET, throttling={"max_concurrent_requests": 12})
    assert made.throttling.max_concurrent_requests == 12
    one = await client.webhooks.create_event_subscription(
        APP, event_type="contact.propertyChange", property_name="phone", active=True
    )
    assert one.event_type == "contact.propertyChange"
