"""Salesforce's Outbound Messages: what is believed of them, what is made of them, how they are answered."""

from __future__ import annotations

import random
import resource
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.sandbox.salesforce_world import LINUS
from tests.sandbox.salesforce_world import Org as SandboxedOrg

from concord.core.model import Lane
from concord.core.values import Ref
from concord.errors import WebhookRefused
from concord.systems.salesforce.lanes import lane_of
from concord.systems.salesforce.outbound import BODY_BYTES, acknowledgement, fault, notices_of, read
from concord.systems.salesforce.wire import id18
from concord_sandbox.salesforce.events.outbound import _refusal
from concord_sandbox.salesforce.events.outbound_soap import envelope

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
ORG, ACTION = "00Dxx0000001gPL", "04kxx0000000001"
XML = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}


def number(prefix: str, at: int) -> str:
    return f"{prefix}xx{at:010d}"


def notification(at: int = 1, record: str | None = None, kind: str = "sf:Lead", more: str = "") -> str:
    found = "" if record == "" else f"<sf:Id>{record or number('00Q', at)}</sf:Id>"
    return (
        f"<Notification><Id>{number('04l', at)}</Id>"
        f'<sObject xsi:type="{kind}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">{found}{more}</sObject>'
        "</Notification>"
    )


def message(*notifications: str, organisation: str = ORG, action: str = ACTION, prolog: str = "") -> bytes:
    return (
        f'{prolog}<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        '<soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
        f"<OrganizationId>{organisation}</OrganizationId><ActionId>{action}</ActionId>"
        '<SessionId xsi:nil="true"/><EnterpriseUrl>https://a</EnterpriseUrl><PartnerUrl>https://b</PartnerUrl>'
        f"{''.join(notifications or (notification(),))}</notifications></soapenv:Body></soapenv:Envelope>"
    ).encode()


def refusal(body: bytes, headers: dict[str, str] | None = None, organisation: str = ORG) -> str:
    with pytest.raises(WebhookRefused) as caught:
        read(body, XML if headers is None else headers, organisation)
    return caught.value.reason


def lead(at: int) -> Ref:
    return Ref("salesforce", "Lead", id18(number("00Q", at)))


def test_a_message_names_the_org_the_action_and_its_records() -> None:
    told = read(
        message(
            notification(1), notification(2, record=""), notification(3, number("003", 3), "sf:Contact"),
            prolog='<?xml version="1.0" encoding="UTF-8"?>',
        ),
        XML,
        id18(ORG),
    )  # fmt: skip
    assert (told.organisation_id, told.action_id) == (id18(ORG), id18(ACTION))
    assert told.notifications == (
        (id18(number("04l", 1)), lead(1)),
        (id18(number("04l", 2)), None),  # deleted before it was sent
        (id18(number("04l", 3)), Ref("salesforce", "Contact", id18(number("003", 3)))),
    )


@pytest.mark.parametrize("given", [ORG, id18(ORG)])
@pytest.mark.parametrize("configured", [ORG, id18(ORG)])
def test_ids_are_compared_in_their_long_form(given: str, configured: str) -> None:
    assert read(message(organisation=given), XML, configured).organisation_id == id18(ORG)


def test_an_organisation_that_is_not_ours_is_a_stranger() -> None:
    assert refusal(message(), organisation="00Dxx0000009999") == "stranger"


def test_a_hundred_notifications_are_taken_and_no_more() -> None:
    assert len(read(message(*map(notification, range(100))), XML, ORG).notifications) == 100
    assert refusal(message(*map(notification, range(101)))) == "malformed"
    assert refusal(message("<x/>")) == "malformed"


def test_a_body_that_is_too_large_is_not_looked_at() -> None:
    assert refusal(b" " * (BODY_BYTES + 1)) == "too large"


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data", "text/xmlish"])
def test_what_is_not_sent_as_xml_is_malformed(kind: str) -> None:
    assert refusal(message(), {"content-type": kind}) == "malformed"
    assert refusal(message(), {}) == "malformed"


@pytest.mark.parametrize(
    "prolog",
    [
        "<!DOCTYPE a>",
        '<!DOCTYPE a [<!ENTITY b "c">]>',
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd">',
        '<?xml version="1.0" encoding="no-such"?>',
        '<?xml version="1.0" encoding="shift_jis"?>',
        '<?xml version="1.0" encoding="utf-16"?>',
    ],
)
def test_a_dtd_an_entity_or_an_odd_encoding_is_malformed(prolog: str) -> None:
    assert refusal(message(prolog=prolog)) == "malformed"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<a/>",
        b"<a>" * 200_000,
        b"\xff\xfe\x00",
        message(notification(more="<sf:a><sf:b>" + "<sf:c>" * 9 + "</sf:c>" * 9 + "</sf:b></sf:a>")),
        message(organisation=""),
        message(organisation="005xx0000001gPL"),
        message(organisation="00Dxx"),
        message(action="00kxx0000000001"),
        message(notification(record="short")),
        message(notification(record="00Qxx00000 0001")),
        message(notification(kind="")),
        message(notification(kind="sf:")),
        message(notification(kind="sf:Lead; x")),
        message(notification(more="<sf:Id>00Qxx0000000002</sf:Id>")),
        message("<Notification><Id>04lxx0000000001</Id></Notification>"),
        message(notification().replace("<Id>04l", "<Id>00Q")),
        message(notification()).replace(b"2005/09/outbound", b"2005/09/inbound"),
        message(notification()).replace(b"schemas.xmlsoap.org/soap/envelope", b"www.w3.org/2003/05/soap-envelope"),
        message(notification()).replace(b"</soapenv:Body>", b"<notifications/></soapenv:Body><soapenv:Body/>"),
    ],
)  # fmt: skip
def test_what_is_no_such_message_is_malformed(body: bytes) -> None:
    assert refusal(body) == "malformed"


@pytest.mark.parametrize(
    "inside",
    ["".join(f"<a{at}/>" for at in range(20_000)), "<a " + " ".join(f'p:a{at}=""' for at in range(20_000)) + "/>"],
    ids=["elements", "attributes"],
)
def test_a_name_space_is_not_multiplied_by_the_names_in_it(inside: str) -> None:
    """270 kB were 4 GB (docs/decisions/0012-xml-names-are-ours.md)."""
    body = f'<x xmlns="{"u" * 100_000}" xmlns:p="{"v" * 100_000}">{inside}</x>'.encode()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refusal(body) == "malformed"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_fields_that_nobody_looks_at_may_be_many_and_long() -> None:
    many = "".join(f"<sf:F{at}__c>{'x' * 20}</sf:F{at}__c>" for at in range(400))
    told = read(message(*(notification(at, more=many) for at in range(100))), XML, ORG)
    assert len(told.notifications) == 100


def test_prefixes_are_the_senders_to_choose_and_each_has_its_place() -> None:
    """The same prefix for two name spaces, one within the other; a name space that is none again."""
    renamed = message().replace(b"sf:", b"soapenv:").replace(b"xmlns:sf", b"xmlns:soapenv")
    assert read(renamed, XML, ORG).notifications == read(message(), XML, ORG).notifications
    assert refusal(message().replace(b"<Notification>", b'<Notification xmlns="">')) == "malformed"


def test_any_bytes_are_refused_or_read_and_nothing_else() -> None:
    dice, whole = random.Random(7), message(*map(notification, range(3)))
    for _ in range(500):
        body = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(body))
            body[at : at + dice.randint(0, 3)] = dice.randbytes(dice.randint(0, 3))
        assert outcome(bytes(body)) in ("read", "malformed", "stranger")


def outcome(body: bytes) -> str:
    try:
        read(body, XML, ORG)
    except WebhookRefused as refused:
        return refused.reason
    return "read"


def test_each_synced_record_gets_one_notice() -> None:
    told = read(message(notification(1), notification(2), notification(1), notification(3, record="")), XML, ORG)
    notices = notices_of(told, ["Lead"], NOON)
    assert [one.ref for one in notices] == [lead(1), lead(2)]
    assert {(one.lane, one.source, one.seen_at, one.changed_at, one.version) for one in notices} == {
        (Lane.PEOPLE, "outbound message", NOON, None, None)
    }
    assert notices_of(told, ["Contact"], NOON) == ()


@pytest.mark.parametrize(
    ("field", "lane"),
    [
        ("<sf:HasOptedOutOfEmail>true</sf:HasOptedOutOfEmail>", Lane.CONSENT),
        ("<sf:DoNotCall>true</sf:DoNotCall>", Lane.CONSENT),
        ("<sf:HasOptedOutOfFax>true</sf:HasOptedOutOfFax>", Lane.CONSENT),
        ("<sf:HasOptedOutOfEmail>false</sf:HasOptedOutOfEmail>", Lane.PEOPLE),
        ("<sf:Email>true</sf:Email>", Lane.PEOPLE),
    ],
)
def test_an_opt_out_is_urgent(field: str, lane: Lane) -> None:
    (notice,) = notices_of(read(message(notification(more=field)), XML, ORG), ["Lead"], NOON)
    assert notice.lane is lane


def test_the_acknowledgement_is_as_the_vendor_wants_it() -> None:
    assert acknowledgement(True) == (
        b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
        b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack>'
        b"</notificationsResponse></soapenv:Body></soapenv:Envelope>"
    )

    class Answer:
        status_code = 200
        content = b""

    def understood(content: bytes) -> Any:
        answer: Any = Answer()
        answer.content = content
        return _refusal(answer)

    assert understood(acknowledgement(True)) is None
    assert understood(acknowledgement(False)) == "Ack is false"
    assert understood(fault("no")) == "the answer holds no Ack"


def test_a_fault_is_soap_and_quotes_what_it_says() -> None:
    root = ElementTree.fromstring(fault("an org <that> & is not ours"))  # noqa: S314 - our own
    assert root.findtext(".//faultstring") == "an org <that> & is not ours"
    assert root.findtext(".//faultcode") == "soapenv:Client"


def test_the_sandboxes_own_messages_are_read() -> None:
    org = SandboxedOrg()
    table = org.service._api.org.tables["lead"]
    there = [(id18(number("04l", 1)), table.live(LINUS)), (id18(number("04l", 2)), None)]
    fields = [table.kind.field(name).name for name in ("Id", "Email", "HasOptedOutOfEmail", "CreatedDate")]
    identity = org.service._api.org.identity
    told = read(envelope(identity, id18(ACTION), table, fields, there), XML, identity.organisation_id)
    assert [ref for _, ref in told.notifications] == [Ref("salesforce", "Lead", LINUS), None]


def test_an_opportunity_a_task_and_a_conversion_have_lanes_of_their_own() -> None:
    assert lane_of("Lead", {"Title"}) is Lane.PEOPLE
    assert lane_of("Lead", {"IsConverted"}) is Lane.CONVERSION
    assert lane_of("Lead", {"IsConverted"}, said_no=True) is Lane.CONSENT
    assert lane_of("Opportunity", {"Amount"}) is Lane.DEALS
    assert lane_of("Task") is Lane.ACTIVITIES
