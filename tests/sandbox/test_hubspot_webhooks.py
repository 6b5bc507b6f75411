"""Push webhooks of the HubSpot sandbox: what is told, how it is signed, what happens when nobody listens."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from hubspot.utils.signature import Signature

from concord_sandbox.clock import SandboxClock
from concord_sandbox.hubspot.events.webhooks import signature

from .hubspot_world import LINKS, OBJECTS, SECRET, TARGET, Hub, Receiver, company, contact, subscribed

ANN = contact(101, email="ann@example.com", phone="1")
BOB = contact(102, email="bob@example.com")
PHONE = ("contact.propertyChange", "phone")


def world(**more: Any) -> dict[str, Any]:
    return {"records": {"contacts": [ANN, BOB], "companies": [company(201, name="A")]}, **more}


async def told(hub: Hub, receiver: Receiver) -> list[dict[str, Any]]:
    """What arrives when everything due is sent."""
    hub.clock.advance(1)
    before = len(receiver.events)
    await hub.control("POST", "/deliver")
    return receiver.events[before:]


def test_the_regression_vector_of_the_reference_is_met() -> None:
    body = b'[{"eventId":1,"subscriptionType":"object.propertyChange","objectId":42}]'
    uri = "https://sync.example.com/hooks/hubspot?tenant=a%40b"
    expected = "+2eC+4VnHtTCJCz5WXc5ivADrmIUC9PLA/1FwjiiB8Q="
    assert signature(SECRET, "POST", uri, body, "1790000000000") == expected


async def test_a_delivery_passes_the_vendors_own_check() -> None:
    receiver = Receiver()
    hub = Hub(world(webhooks=subscribed(PHONE)), receiver)
    hub.clock.run()
    hub.clock.set(SandboxClock(time.time).now())
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"phone": "Ü 2"}})
    await told(hub, receiver)
    _, headers, body = receiver.requests[0]
    assert Signature.is_valid(
        signature=headers["x-hubspot-signature-v3"],
        client_secret=SECRET,
        request_body=body.decode(),
        http_uri=TARGET.replace("%40", "@"),
        signature_version="v3",
        timestamp=headers["x-hubspot-request-timestamp"],
    )


async def test_a_change_by_the_app_has_the_documented_shape() -> None:
    receiver = Receiver()
    hub = Hub(world(webhooks=subscribed(PHONE)), receiver)
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"phone": "2", "city": "Bonn"}})
    (event,) = await told(hub, receiver)
    known = hub.service.credentials("")
    assert isinstance(event.pop("eventId"), int)
    assert isinstance(event.pop("subscriptionId"), int)
    assert event == {
        "portalId": known["portal_id"],
        "appId": known["app_id"],
        "occurredAt": int(hub.clock.now().timestamp() * 1000) - 1000,
        "subscriptionType": "contact.propertyChange",
        "attemptNumber": 0,
        "objectId": 101,
        "propertyName": "phone",
        "propertyValue": "2",
        "changeSource": "INTEGRATION",
        "sourceId": str(known["app_id"]),
    }


async def test_an_equal_write_is_not_told() -> None:
    receiver = Receiver()
    hub = Hub(world(webhooks=subscribed(PHONE)), receiver)
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"phone": "1"}})
    assert await told(hub, receiver) == []


async def test_the_newer_family_names_the_object_type() -> None:
    receiver = Receiver()
    rows = [
        {"subscriptionType": "object.propertyChange", "objectType": "contact", "propertyName": "phone"},
        {"subscriptionType": "object.creation", "objectType": "company"},
    ]
    hub = Hub(world(), receiver)
    await hub.control("PUT", "/webhooks", {"target_url": TARGET, "subscriptions": rows})
    await hub.control("PATCH", "/records/contacts/101", {"fields": {"phone": "3"}, "by": "123"})
    await hub.create({"name": "New"}, "companies")
    change, creation = await told(hub, receiver)
    assert (change["subscriptionType"], change["objectTypeId"]) == ("object.propertyChange", "0-1")
    assert (change["changeSource"], change["sourceId"]) == ("CRM_UI", "userId:123")
    assert (creation["objectTypeId"], creation["changeFlag"]) == ("0-2", "CREATED")


async def test_every_kind_of_event_is_told() -> None:
    receiver = Receiver()
    verbs = ("creation", "deletion", "associationChange", "merge", "restore", "privacyDeletion")
    hub = Hub(world(webhooks=subscribed(*(f"contact.{verb}" for verb in verbs), "company.associationChange")), receiver)
    made = await hub.create({"firstname": "C"})
    await hub.call("DELETE", f"{OBJECTS}/contacts/{made}")
    await hub.control("POST", "/restore", {"object": "contacts", "id": made})
    await hub.good("POST", f"{OBJECTS}/contacts/gdpr-delete", {"objectId": made})
    row = {"from": {"id": "101"}, "to": {"id": "201"}}
    await hub.good("POST", f"{LINKS}/contacts/companies/batch/associate/default", {"inputs": [row]})
    asked = {"primaryObjectId": "101", "objectIdToMerge": "102"}
    new = await hub.good("POST", f"{OBJECTS}/contacts/merge", asked)
    events = await told(hub, receiver)
    assert [event["subscriptionType"] for event in events] == [
        "contact.creation",
        "contact.deletion",
        "contact.restore",
        "contact.privacyDeletion",
        "contact.associationChange",
        "company.associationChange",
        "contact.merge",
    ]
    there, back, merge = events[-3:]
    assert (there["associationTypeId"], there["associationType"]) == (279, "CONTACT_TO_COMPANY")
    assert (back["associationTypeId"], back["fromObjectId"], back["toObjectId"]) == (280, 201, 101)
    assert (there["associationRemoved"], there["isPrimaryAssociation"]) == (False, False)
    assert (merge["primaryObjectId"], merge["mergedObjectIds"]) == (101, [102])
    assert merge["newObjectId"] == int(new["id"])


async def test_an_opt_out_and_a_new_primary_company_are_property_changes() -> None:
    receiver = Receiver()
    names = ("hs_email_optout", "associatedcompanyid")
    hub = Hub(world(webhooks=subscribed(*(("contact.propertyChange", name) for name in names))), receiver)
    await hub.good("POST", "/communication-preferences/2026-09/statuses/ann@example.com/unsubscribe-all?channel=EMAIL")
    await hub.control("PATCH", "/records/contacts/101", {"fields": {"associatedcompanyid": "201"}})
    events = await told(hub, receiver)
    assert [(event["propertyName"], event["propertyValue"]) for event in events] == [
        ("hs_email_optout", "true"),
        ("associatedcompanyid", "201"),
    ]


async def test_many_events_go_out_a_hundred_at_a_time() -> None:
    receiver = Receiver()
    hub = Hub({"webhooks": subscribed("contact.creation")}, receiver)
    for start in range(0, 250, 50):
        rows = [{"properties": {"firstname": str(start + n)}} for n in range(50)]
        await hub.good("POST", f"{OBJECTS}/contacts/batch/create", {"inputs": rows})
    assert len(await told(hub, receiver)) == 250
    assert sorted(len(json.loads(body)) for _, _, body in receiver.requests) == [50, 100, 100]


async def test_nothing_is_sent_before_its_delay_and_batches_wait_for_company() -> None:
    receiver = Receiver()
    hub = Hub(world(webhooks=subscribed(PHONE, delay_ms=100, batch_ms=400)), receiver)
    woken = hub.service.controls.wake = asyncio.Event()
    assert hub.service.tick() is None
    for value in ("2", "3"):
        await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"phone": value}})
        hub.clock.advance(0.2)
    assert woken.is_set()
    assert hub.service.tick() == 0.1
    assert await hub.service.deliver() == 0
    hub.clock.advance(0.1)
    assert await hub.service.deliver() == 1
    assert [event["propertyValue"] for event in receiver.events] == ["2", "3"]


async def test_a_failed_request_is_tried_again_later_and_later_up_to_ten_times() -> None:
    receiver = Receiver(*[500] * 20)
    hub = Hub(world(webhooks=subscribed(PHONE)), receiver)
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"phone": "2"}})
    waits = []
    while (wait := hub.service.tick()) is not None:
        waits.append(wait)
        hub.clock.advance(wait)
        await hub.service.deliver()
    assert [event["attemptNumber"] for event in receiver.events] == list(range(11))
    assert waits[1] < waits[2] < waits[3] < waits[4]
    assert 12 * 3600 < sum(waits) < 36 * 3600
    shown = await hub.control("GET", "/webhooks")
    assert (shown["waiting"], shown["counts"]["given_up"]) == (0, 1)


async def test_a_receiver_that_comes_back_gets_the_event() -> None:
    receiver = Receiver(503)
    hub = Hub(world(webhooks=subscribed(PHONE, retry_ms=1000)), receiver)
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"phone": "2"}})
    await told(hub, receiver)
    hub.clock.advance(2)
    await hub.control("POST", "/deliver")
    assert (await hub.control("GET", "/webhooks"))["counts"]["delivered"] == 1


async def test_disturbances_double_lose_and_shuffle_what_is_sent() -> None:
    receiver = Receiver()
    hub = Hub({"webhooks": subscribed("contact.creation")}, receiver)
    await hub.control("POST", "/webhooks/disturb", {"duplicate": 0.5, "drop": 0.25, "shuffle": True})
    made = [await hub.create({"firstname": str(n)}) for n in range(200)]
    ids = [str(event["objectId"]) for event in await told(hub, receiver)]
    lost, twice = set(made) - set(ids), len(ids) - len(set(ids))
    assert (20 < len(lost) < 90, 40 < twice < 120, ids != sorted(ids)) == (True, True, True)
    await hub.control("POST", "/webhooks/disturb", {})
    one = await hub.create({"firstname": "x"})
    assert [str(event["objectId"]) for event in await told(hub, receiver)] == [one]


async def test_settings_that_make_no_sense_are_refused() -> None:
    hub = Hub(world())
    for bad in (
        {"colour": "red"},
        {"subscriptions": [{"subscriptionType": "contact.birthday"}]},
        {"subscriptions": [{"subscriptionType": "contact.propertyChange"}]},
        {"subscriptions": [{"subscriptionType": "object.creation", "objectType": "ghost"}]},
        {"delay_ms": -1},
    ):
        answer = await hub.client.put("/_control/webhooks", json=bad)
        assert answer.status_code == 400, bad
