"""Faults by rule: slow calls, and events that are dropped, doubled or late on every channel that tells of changes."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from tests.sandbox.change_event_world import bus, capturing
from tests.sandbox.change_event_world import told as events_told
from tests.sandbox.hubspot_world import OBJECTS, Hub, Receiver, contact, subscribed
from tests.sandbox.salesforce_world import GRACE, LINUS, Org
from tests.sandbox.test_hubspot_journal import CONTACTS, reader
from tests.sandbox.test_salesforce_outbound import delivered, message, sending

from concord_sandbox.faults import FAULT_FIELDS, FIELDS, KINDS, Fault, FaultKind
from concord_sandbox.server import build

PHONE = ("contact.propertyChange", "phone")


def test_every_kind_and_every_field_has_its_words() -> None:
    assert set(FaultKind.__args__) == set(KINDS)  # type: ignore[attr-defined]
    assert {"kind", *FIELDS} == set(FAULT_FIELDS)


# Calls


async def test_a_slow_fault_takes_its_time_and_leaves_the_call_to_other_faults() -> None:
    hub = Hub()
    slow = {"kind": "slow", "path": "/contacts", "milliseconds": 60, "times": 2}
    await hub.control("POST", "/faults", [slow, {"kind": "status", "status": 502}])
    begun = time.monotonic()
    assert (await hub.call("GET", f"{OBJECTS}/contacts")).status_code == 502
    assert (await hub.call("GET", f"{OBJECTS}/contacts")).status_code == 200
    assert time.monotonic() - begun >= 0.12
    begun = time.monotonic()
    assert (await hub.call("GET", f"{OBJECTS}/contacts")).status_code == 200
    assert time.monotonic() - begun < 0.06
    listed = (await hub.control("GET", "/faults"))["faults"]
    assert [(one["kind"], one["times"], one["hits"]) for one in listed] == [("slow", 0, 2), ("status", 0, 1)]


async def test_a_latency_that_runs_ends_when_the_server_does() -> None:
    app = build({}, names=("notion",))["notion"]
    app.service.controls.latency_ms = 600_000
    app.closing.set()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sandbox") as client:
        assert (await client.get("/v1/users/me")).status_code == 401


# Webhooks


async def phones(hub: Hub, *numbers: str) -> None:
    for number in numbers:
        await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"phone": number}})


async def arrived(hub: Hub, receiver: Receiver, seconds: float = 1) -> list[str]:
    """The values of what is told when everything due by then is sent."""
    hub.clock.advance(seconds)
    before = len(receiver.events)
    await hub.control("POST", "/deliver")
    return [one["propertyValue"] for one in receiver.events[before:]]


def listening() -> tuple[Hub, Receiver]:
    receiver = Receiver()
    section = {"records": {"contacts": [contact(101, email="a@example.com", phone="1"), contact(102, phone="1")]}}
    return Hub({**section, "webhooks": subscribed(PHONE)}, receiver), receiver


async def test_webhook_events_are_dropped_doubled_and_late_by_rule() -> None:
    hub, receiver = listening()
    rules: list[dict[str, Any]] = [
        {"kind": "event_drop", "object": "contacts", "after": 1},
        {"kind": "event_double", "record": "^101$"},
        {"kind": "event_delay", "event": "propertyChange", "milliseconds": 9_000},
    ]
    await hub.control("POST", "/faults", rules)
    await phones(hub, "2", "3", "4")
    assert await arrived(hub, receiver) == ["4"]
    assert await arrived(hub, receiver, 9) == ["2", "2"]
    assert [one["hits"] for one in (await hub.control("GET", "/faults"))["faults"]] == [1, 1, 1]
    assert (await hub.control("GET", "/webhooks"))["counts"]["dropped"] == 1


async def test_an_event_fault_leaves_other_records_objects_and_channels_alone() -> None:
    hub, receiver = listening()
    others = [{"record": "^102$"}, {"object": "companies"}, {"channel": "journal"}, {"event": "creation"}]
    await hub.control("POST", "/faults", [{"kind": "event_drop", **one} for one in others])
    await phones(hub, "2")
    assert await arrived(hub, receiver) == ["2"]
    assert [one["hits"] for one in (await hub.control("GET", "/faults"))["faults"]] == [0, 0, 0, 0]


async def test_a_share_of_the_events_is_dropped_the_same_way_for_the_same_seed() -> None:
    seen = []
    for _ in range(2):
        hub, receiver = listening()
        await hub.control("POST", "/seed", {"seed": 5})
        await hub.control("POST", "/faults", {"kind": "event_drop", "times": None, "probability": 0.5})
        await phones(hub, *map(str, range(2, 32)))
        seen.append(await arrived(hub, receiver))
    assert seen[0] == seen[1]
    assert 5 < len(seen[0]) < 25


# HubSpot's journal


async def test_entries_of_the_journal_are_dropped_doubled_and_late_by_rule() -> None:
    app = await reader(CONTACTS)
    rules: list[dict[str, Any]] = [
        {"kind": "event_delay", "record": "^101$", "milliseconds": 5_000},
        {"kind": "event_delay", "record": "^102$", "milliseconds": 2_000},
        {"kind": "event_drop", "record": "^103$", "channel": "journal", "event": "UPDATE"},
        {"kind": "event_double", "object": "contacts", "after": 2},
    ]
    await app.hub.control("POST", "/faults", rules)
    for place, number in enumerate((101, 102, 103, 103)):
        await app.patch(number, phone=f"+{place}", city="Bonn")
    first = await app.read()
    assert [one["objectId"] for one in first] == [103, 103]
    for number in (102, 101):
        (late,) = await app.read("latest", wait=3)
        assert late["objectId"] == number


# Change events


async def changed(org: Org, *phones: str) -> None:
    for phone in phones:
        assert (await org.patch(f"/sobjects/Lead/{LINUS}", {"Phone": phone})).status_code == 204


async def test_change_events_are_dropped_doubled_and_late_by_rule() -> None:
    org = capturing()
    rules: list[dict[str, Any]] = [
        {"kind": "event_drop", "object": "Lead", "event": "UPDATE", "after": 2},
        {"kind": "event_delay", "record": LINUS, "milliseconds": 4_000},
        {"kind": "event_double", "channel": "change_events", "after": 1},
    ]
    await org.control("faults", rules)
    await changed(org, "1", "2", "3", "4")
    assert [one.body["Phone"] for one in events_told(org)] == ["2", "2", "4"]
    await org.control("clock", {"advance": 4})
    assert [one.body["Phone"] for one in events_told(org)] == ["2", "2", "4", "1"]


async def test_a_late_event_is_kept_in_the_world_and_comes_after_a_load() -> None:
    org = capturing()
    await org.control("faults", {"kind": "event_delay", "milliseconds": 4_000})
    await changed(org, "1")
    assert (await org.client.get("/_control/change_events")).json()["counts"]["held"] == 1
    again = Org((await org.client.get("/_control/world")).json())
    assert events_told(again) == []
    await again.control("clock", {"advance": 4})
    (late,) = events_told(again)
    assert (late.kind, late.body["Phone"]) == ("UPDATE", "1")


async def test_a_late_event_waits_on_while_all_are_held_back() -> None:
    org = capturing()
    await org.control("faults", {"kind": "event_delay", "milliseconds": 4_000})
    await changed(org, "1")
    await org.control("change_events/hold")
    await org.control("clock", {"advance": 5})
    assert len(bus(org).log) == 0
    assert (await org.control("change_events/release")) == {"released": 1}
    assert [one.body["Phone"] for one in events_told(org)] == ["1"]


# Outbound messages


async def test_outbound_messages_are_dropped_doubled_and_late_by_rule() -> None:
    org, receiver = sending(message(fields=["Id"]))
    rules: list[dict[str, Any]] = [
        {"kind": "event_drop", "channel": "outbound", "event": "^Leads$"},
        {"kind": "event_double", "object": "Lead"},
        {"kind": "event_delay", "object": "Lead", "after": 1, "milliseconds": 60_000},
    ]
    await org.control("faults", rules)
    for number in range(3):
        await org.patch(f"/sobjects/Lead/{LINUS}", {"Phone": str(number)})
    assert await delivered(org) == 2
    twice = [number for number, _ in receiver.told()]
    assert len(set(twice)) == 1
    assert await delivered(org, 60) == 1
    assert len({number for number, _ in receiver.told()}) == 2
    assert GRACE not in str(receiver.told())


# All services


@pytest.mark.parametrize("name", ["salesforce", "hubspot", "notion"])
async def test_every_service_takes_every_kind_of_fault(name: str) -> None:
    app = build({}, names=(name,))[name]
    given = [{"kind": kind, "times": 0} for kind in KINDS]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sandbox") as client:
        listed = (await client.post("/_control/faults", json=given)).json()["faults"]
        assert [one["kind"] for one in listed] == list(KINDS)
        assert {frozenset(one) for one in listed} == {frozenset((*FAULT_FIELDS, "hits"))}
        assert (await client.delete("/_control/faults")).json() == {"faults": []}


def test_a_dropped_event_spends_nothing_of_other_faults() -> None:
    faults = build({}, names=("notion",))["notion"].service.controls.faults
    faults.add(Fault("event_double"))
    faults.add(Fault("event_drop"))
    assert faults.fate("webhooks", "contacts", "contact.creation", "1").copies == 0
    assert faults.fate("webhooks", "contacts", "contact.creation", "1").copies == 2
    assert faults.fate("webhooks", "contacts", "contact.creation", "1").copies == 1
