"""The Salesforce sandbox: Outbound Messages, from the trigger to the acknowledgement."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element

import httpx
import pytest
from defusedxml import ElementTree
from tests.sandbox.salesforce_world import ADA, GRACE, LINUS, START, Org, world

from concord_sandbox.salesforce.events.outbound import OutboundMessages
from concord_sandbox.salesforce.models import Actor
from concord_sandbox.service import ControlError

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
OUT = "{http://soap.sforce.com/2005/09/outbound}"
SF = "{urn:sobject.enterprise.soap.sforce.com}"
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
URL = "https://engine.example/outbound"
ACK = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    '<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>{}</Ack></notificationsResponse>'
    "</soapenv:Body></soapenv:Envelope>"
)
FAULT = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><soapenv:Fault>'
    "<faultcode>soapenv:Client</faultcode><faultstring>no</faultstring></soapenv:Fault></soapenv:Body>"
    "</soapenv:Envelope>"
)
GOOD = (200, ACK.format("true"))


@dataclass
class Receiver:
    """What the messages are sent to. answers: used up one by one, then `GOOD`; an exception is raised."""

    answers: list[Any] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if self.answers else GOOD
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer[0], text=answer[1], headers={"Content-Type": "text/xml"})

    def messages(self) -> list[Element]:
        return [ElementTree.fromstring(one.content).find(f"{SOAP}Body/{OUT}notifications") for one in self.requests]

    def told(self) -> list[tuple[str, dict[str, str]]]:
        """(notification id, values) of everything received, in its order."""
        return [
            (
                one.findtext(f"{OUT}Id") or "",
                {value.tag.removeprefix(SF): value.text or "" for value in one.findall(f"{OUT}sObject/*")},
            )
            for message in self.messages()
            for one in message.findall(f"{OUT}Notification")
        ]


def message(**more: Any) -> dict[str, Any]:
    return {"name": "Leads", "object": "Lead", "fields": ["Id", "Email", "LastName"], "url": URL, **more}


def sending(*messages: dict[str, Any]) -> tuple[Org, Receiver]:
    org = Org({**world(), "outbound_messages": list(messages)})
    return org, listening(org)


def listening(org: Org) -> Receiver:
    receiver = Receiver()
    part(org).client = httpx.AsyncClient(transport=httpx.MockTransport(receiver))
    return receiver


def part(org: Org) -> OutboundMessages:
    return org.service._api.org.parts.of(OutboundMessages)


async def edit(org: Org, **fields: Any) -> None:
    answer = await org.patch(f"/sobjects/Lead/{LINUS}", fields)
    assert answer.status_code == 204, answer.text


async def delivered(org: Org, after: float = 0) -> int:
    org.controls.clock.advance(after)
    return int((await org.control("deliver"))["sent"])


async def test_a_message_has_the_documented_form() -> None:
    org, receiver = sending(message(fields=["Id", "Email", "Phone", "DoNotCall", "CreatedDate", "Title"]))
    await edit(org, Email="o'neil&sons@b.example", Phone=None)
    assert await delivered(org) == 1
    (request,) = receiver.requests
    assert (request.method, str(request.url)) == ("POST", URL)
    assert request.headers["content-type"] == "text/xml; charset=utf-8"
    assert request.headers["soapaction"] == '""'
    (sent,) = receiver.messages()
    keys = org.service.credentials("")
    assert [one.tag.removeprefix(OUT) for one in sent] == [
        "OrganizationId", "ActionId", "SessionId", "EnterpriseUrl", "PartnerUrl", "Notification",
    ]  # fmt: skip
    assert sent.findtext(f"{OUT}OrganizationId") == keys["organisation_id"]
    action = sent.findtext(f"{OUT}ActionId") or ""
    assert (action[:3], len(action)) == ("04k", 18)
    session = sent.find(f"{OUT}SessionId")
    assert session is not None
    assert (session.get(f"{XSI}nil"), session.text) == ("true", None)
    assert (sent.findtext(f"{OUT}EnterpriseUrl") or "").endswith(
        f"/services/Soap/c/66.0/{keys['organisation_id'][:15]}"
    )
    assert "/services/Soap/u/66.0/" in (sent.findtext(f"{OUT}PartnerUrl") or "")
    record = sent.find(f"{OUT}Notification/{OUT}sObject")
    assert record is not None
    assert record.get(f"{XSI}type") == "sf:Lead"
    ((number, values),) = receiver.told()
    assert number.startswith("04l")
    assert values == {
        "Id": LINUS,
        "Email": "o'neil&sons@b.example",
        "DoNotCall": "false",
        "CreatedDate": "2026-11-01T08:00:00.000Z",
    }


async def test_records_of_one_transaction_go_out_together_at_most_a_hundred() -> None:
    org, receiver = sending(message(when="create"))
    table, writer = org.service._api.org.tables["lead"], org.service._api.writer
    actor = Actor(org.user_id)
    with writer.org.transaction(actor):
        for number in range(130):
            writer.insert(table, {"LastName": f"L{number}", "Company": "C"}, actor)
    await delivered(org)
    assert [len(one.findall(f"{OUT}Notification")) for one in receiver.messages()] == [100, 30]
    assert len({number for number, _ in receiver.told()}) == 130


@pytest.mark.parametrize(("when", "told"), [("create", ["New"]), ("update", ["Old"]), ("both", ["New", "Old"])])
async def test_creation_and_update_trigger_as_defined(when: str, told: list[str]) -> None:
    org, receiver = sending(message(when=when))
    await org.post("/sobjects/Lead", {"LastName": "New", "Company": "C"})
    await edit(org, LastName="Old")
    await org.patch(f"/sobjects/Contact/{ADA}", {"Phone": "1"})
    await delivered(org)
    assert [values["LastName"] for _, values in receiver.told()] == told


async def test_a_filter_and_the_switch_keep_messages_back() -> None:
    hot, off = message(filter={"Rating": "Hot", "DoNotCall": False}), message(name="Off", active=False)
    org, receiver = sending(hot, off)
    await edit(org, Rating="Cold")
    await edit(org, Rating="Hot")
    await edit(org, DoNotCall=True)
    await delivered(org)
    assert len(receiver.told()) == 1


async def test_values_are_those_of_the_moment_of_sending() -> None:
    org, receiver = sending(message())
    await edit(org, LastName="First")
    await edit(org, LastName="Second")
    await delivered(org)
    assert [values["LastName"] for _, values in receiver.told()] == ["Second", "Second"]
    await edit(org, LastName="Third")
    await org.delete(f"/sobjects/Lead/{LINUS}")
    await delivered(org)
    number, values = receiver.told()[-1]
    assert (number[:3], values) == ("04l", {})


async def test_what_a_record_does_without_being_saved_triggers_nothing() -> None:
    org, receiver = sending(message(name="Contacts", object="Contact", fields=["Id"]))
    await org.control("merge/Contact", {"master": ADA, "losers": [GRACE]})
    await delivered(org)
    assert [values["Id"] for _, values in receiver.told()] == [ADA]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((200, ACK.format("false")), "Ack is false"),
        ((200, FAULT), "no Ack"),
        ((500, ACK.format("true")), "status 500"),
        ((204, ""), "status 204"),
        ((302, ""), "status 302"),
        ((200, "OK"), "no XML"),
        ((200, "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), "no XML"),
        (httpx.ReadTimeout("too slow"), "ReadTimeout"),
        (httpx.ConnectError("refused"), "ConnectError"),
    ],
)
async def test_what_is_not_acknowledged_is_sent_again_under_the_same_ids(answer: Any, error: str) -> None:
    org, receiver = sending(message())
    receiver.answers = [answer]
    await edit(org, Email="x@y.example")
    await delivered(org)
    (waiting,) = (await org.client.get("/_control/outbound")).json()["waiting"]
    assert error in waiting["error"]
    assert await delivered(org) == 0
    await edit_by_hand(org, Email="later@y.example")
    assert await delivered(org, after=15) == 2
    (first, _), (again, values), *_ = receiver.told()
    assert first == again
    assert values["Email"] == "later@y.example"
    assert (await org.client.get("/_control/outbound")).json()["waiting"] == []


async def edit_by_hand(org: Org, **fields: Any) -> None:
    answer = await org.client.patch(f"/_control/records/Lead/{LINUS}", json={"fields": fields})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("kept", [True, False])
async def test_retries_grow_to_two_hours_and_end_after_a_day(kept: bool) -> None:
    org, receiver = sending(message(useDeadLetterQueue=kept))
    receiver.answers = [(503, "")] * 100
    await edit(org, Email="x@y.example")
    start, moments = org.controls.clock.epoch_ms(), []
    for _ in range(100):
        wait = org.service.tick()
        if wait is None:
            break
        if await delivered(org, after=wait):
            moments.append((org.controls.clock.epoch_ms() - start) / 1000)
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert gaps[:4] == [15, 30, 60, 120]
    assert max(gaps) == 7200
    assert gaps == sorted(gaps)
    assert moments[-1] < 24 * 3600
    shown = (await org.client.get("/_control/outbound")).json()
    assert shown["waiting"] == []
    assert len(shown["dead_letters"]) == kept
    assert (shown["counts"]["given_up"], shown["counts"]["failed"]) == (1, len(moments))


async def test_messages_are_doubled_dropped_and_disordered_on_demand() -> None:
    org, receiver = sending(message())
    await org.control("outbound/disturb", {"duplicate": 1})
    await edit(org, Phone="1")
    assert await delivered(org) == 2
    (first, _), (second, _) = receiver.told()
    assert first == second
    await org.control("outbound/disturb", {"drop": 1})
    await edit(org, Phone="2")
    assert await delivered(org) == 0
    await org.control("outbound/disturb", {"shuffle": True})
    for number in range(12):
        await edit(org, Phone=str(number))
    await delivered(org)
    ids = [number for number, _ in receiver.told()][2:]
    assert len(ids) == 12
    assert ids != sorted(ids)
    for wrong in ({"surprise": 1}, {"drop": 2}):
        assert (await org.client.post("/_control/outbound/disturb", json=wrong)).status_code == 400


async def test_messages_are_defined_at_run_time() -> None:
    org = Org()
    receiver = listening(org)
    await edit(org, Phone="1")
    shown = (await org.client.put("/_control/outbound", json=[message()])).json()
    assert shown["messages"][0]["ActionId"].startswith("04k")
    await edit(org, Phone="2")
    assert len(shown["messages"]) == 1
    await delivered(org)
    assert len(receiver.told()) == 1
    await edit(org, Phone="3")
    await org.client.put("/_control/outbound", json={"messages": []})
    assert await delivered(org) == 0


async def test_what_waits_survives_saving_and_loading() -> None:
    org, receiver = sending(message())
    receiver.answers = [(503, "")]
    await edit(org, Phone="1")
    await delivered(org)
    other = Org(json.loads(json.dumps(org.service.save())))
    other.controls.clock.advance(20)
    heard = listening(other)
    await edit(other, Phone="2")
    assert await delivered(other) == 2
    assert {number for number, _ in heard.told()} > {number for number, _ in receiver.told()}
    assert org.controls.clock.now() == START


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (message(object="Nothing"), "no object"),
        (message(fields=["Email"]), "Id must be"),
        (message(fields=["Id", "Nope"]), "no field"),
        (message(fields=["Id", "Address"]), "no field"),
        (message(when="never"), "when is one of"),
        (message(filter={"Nope": 1}), "no field"),
        (message(surprise=1), "surprise"),
        ({"name": "Half"}, "object"),
    ],
)
def test_a_malformed_definition_is_refused_when_the_world_is_loaded(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ControlError, match=words):
        sending(given)
