"""The journal of events: what the sandboxes send by themselves stands beside the calls that they receive."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
from tests.sandbox.hubspot_world import OBJECTS, TARGET, Hub, Receiver, contact, subscribed
from tests.sandbox.salesforce_world import LINUS
from tests.sandbox.test_salesforce_outbound import GOOD, URL, delivered, message, sending
from tests.sandbox.test_salesforce_pubsub import LEADS, Client, client, got, made

from concord_sandbox.salesforce.events.wire import EARLIEST

__all__ = ["client"]  # a fixture


async def sent(http: httpx.AsyncClient, direction: str = "out") -> list[dict[str, Any]]:
    answer = await http.get("/_control/journal", params={"direction": direction})
    found: list[dict[str, Any]] = answer.json()["journal"]
    return found


async def test_a_webhook_stands_in_the_journal_with_the_answer_to_it() -> None:
    receiver = Receiver(500)
    section = {"records": {"contacts": [contact(101, phone="1")]}}
    hub = Hub({**section, "webhooks": subscribed(("contact.propertyChange", "phone"), retry_ms=1000)}, receiver)
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"phone": "2"}})
    for seconds in (1, 5):
        hub.clock.advance(seconds)
        await hub.control("POST", "/deliver")
    first, second = await sent(hub.client)
    assert (first["method"], first["path"], first["direction"]) == ("POST", TARGET, "out")
    assert [one["status"] for one in (first, second)] == [500, 200]
    assert [json.loads(one["request"])[0]["attemptNumber"] for one in (first, second)] == [0, 1]
    assert second["at"] - first["at"] == 5000
    summary = await hub.control("GET", "/journal?summary=1")
    assert (summary["sent"], summary["calls"]) == (2, 1)
    assert [one["direction"] for one in await sent(hub.client, "all")] == ["in", "out", "out"]
    assert [one["direction"] for one in await sent(hub.client, "in")] == ["in"]


async def test_a_webhook_that_nobody_answered_says_why() -> None:
    section = {"records": {"contacts": [contact(101, phone="1")]}}
    hub = Hub({**section, "webhooks": {**subscribed(("contact.propertyChange", "phone")), "target_url": "http://x:y"}})
    await hub.good("PATCH", f"{OBJECTS}/contacts/101", {"properties": {"phone": "2"}})
    hub.clock.advance(1)
    assert await hub.control("POST", "/deliver") == {"sent": 1}
    (one,) = await sent(hub.client)
    assert (one["status"], one["response"].partition(":")[0]) == (None, "InvalidURL")


async def test_an_outbound_message_stands_in_the_journal_with_the_answer_to_it() -> None:
    org, receiver = sending(message())
    receiver.answers = [httpx.ConnectError("nobody there"), GOOD]
    await org.patch(f"/sobjects/Lead/{LINUS}", {"Phone": "1"})
    assert [await delivered(org), await delivered(org, 15)] == [1, 1]
    lost, good = await sent(org.client)
    assert (lost["status"], lost["response"]) == (None, "ConnectError: nobody there")
    assert (good["status"], good["path"], good["method"]) == (200, URL, "POST")
    assert "notifications" in good["request"]
    assert "<Ack>true</Ack>" in good["response"]


async def test_events_of_a_stream_stand_in_the_journal_response_by_response(client: Client) -> None:
    await made(client.org, 2)
    call = await client.subscribe(most=3, preset=EARLIEST)
    told = (await got(call)).events
    await made(client.org)
    last = (await got(call)).events
    both, one = await sent(client.org.client)
    assert (both["method"], both["path"], both["status"]) == ("EVENT", LEADS, 200)
    for entry, events in ((both, told), (one, last)):
        assert json.loads(entry["request"]) == [
            {"id": one.event.id, "replay_id": base64.b64encode(one.replay_id).decode()} for one in events
        ]
    assert (len(told), len(last)) == (2, 1)
