"""What nobody should send: requests that are nearly right, bodies that are not, and bytes that are no HTTP at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st
from tests.web.served import CANARY, Intake

from concord.web.intake import HUBSPOT_PATH, SALESFORCE_PATH
from concord_sandbox.worlds.schema import APP_ID

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
OUTBOUND = "http://soap.sforce.com/2005/09/outbound"
OBJECT = "urn:sobject.enterprise.soap.sforce.com"
XSI = "http://www.w3.org/2001/XMLSchema-instance"

METHODS = (
    "GET",
    "POST",
    "HEAD",
    "PUT",
    "DELETE",
    "OPTIONS",
    "PATCH",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "get",
    "",
    "BREW",
)
PLACES = (
    *(HUBSPOT_PATH, HUBSPOT_PATH, SALESFORCE_PATH + "/guessed", "/health", "/ready", "/metrics", "/metrics", "/"),
    *(SALESFORCE_PATH, SALESFORCE_PATH + "/", SALESFORCE_PATH + "/a/b", SALESFORCE_PATH + "/%ff%fe%00", "/nothing"),
    *("//hooks/hubspot", HUBSPOT_PATH + "/", "/hooks/../ready", "/HEALTH", "/%68ealth", "http://x/health", "*", "x:1"),
    *("http://[/health", "//", "/" + "a" * 5000, f"{SALESFORCE_PATH}/{quote(CANARY)}"),
)
QUERIES = (
    *("", "", "", "?", "?a=b", "?a=%zz&a=%00", f"?email={quote(CANARY)}", "?" + "q=1&" * 2000, "?a#b", "?[]", "?\\"),
    *("?name[]=concord_latency_seconds", "?\u00e9", "?a=%ff%fe"),
)
#: Headers that are not as they should be. Latin-1, as HTTP has it.
HEADERS = (
    *("Host: [", "Host: a b", "Host: x:99999999", "Host: \xff\xfe", "Host: \u00b9.example", "Host:"),
    *("Host: x\r\nHost: y", "Connection: close, close"),
    *("Content-Length: -1", "Content-Length: 5\r\nContent-Length: 7", "Content-Length: 1e3", "Content-Length: +4"),
    *("Content-Length: 99999999999999999999", "Content-Length: 100000000", "Content-Length:", "Content-Length: 0x10"),
    *("Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked, chunked"),
    *("Transfer-Encoding: \x0bchunked", "Transfer-Encoding: identity", "Content-Encoding: gzip"),
    *("Content-Encoding: br",),
    *("Content-Type: text/xml", "Content-Type: application/json; charset=utf-7", "Content-Type: ;;;", "Content-Type:"),
    *("Content-Type: multipart/form-data; boundary=x", "Content-Type: text/xml\r\nContent-Type: application/json"),
    *("Expect: 100-continue", "Expect: 200-ok", "Connection: upgrade\r\nUpgrade: websocket"),
    *("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk", "Connection: keep-alive"),
    *("Range: bytes=0-", "Range: bytes=5-1,9-", "If-None-Match: *", "If-Modified-Since: yesterday"),
    *("Accept: application/openmetrics-text; version=1.0.0", "Accept: application/openmetrics-text; version=abc"),
    *("Accept: text/plain; version=x.y", "Accept: text/plain; version=1.0.0; escaping=allow-utf-8", "Accept: ,;=,"),
    *("Accept: application/openmetrics-text; version=9.\xff", "Accept: " + "text/plain;version=1.0.0," * 400),
    *("Accept: application/openmetrics-text; version=1.0.0; escaping=\xe9", "Accept-Encoding: gzip;q=x"),
    *("X-HubSpot-Signature-v3: \xe9", "X-HubSpot-Signature-v3: " + "A" * 9000, "X-HubSpot-Signature-v3:"),
    *("X-HubSpot-Signature-v3: a\r\nX-HubSpot-Signature-v3: b", "X-HubSpot-Signature: a", "x-hubspot-signature-v3: ="),
    *("X-HubSpot-Request-Timestamp: 1", "X-HubSpot-Request-Timestamp: \u00b2", "X-HubSpot-Request-Timestamp: 1e99"),
    *("X-HubSpot-Request-Timestamp: " + "9" * 15, "X-HubSpot-Request-Timestamp: " + "9" * 4000),
    *(f"Cookie: session={CANARY}", f"X-Forwarded-For: {CANARY}", f"Authorization: Bearer {CANARY}", "X-A: \x00b"),
    *("X A: b", ": b", "X-A\x00: b", " folded", "X-A: b\r\n folded", "\xe9: b", "X-A: b\nX-B: c", "X" * 9000 + ": a"),
)  # fmt: skip

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 4711, 2**31, 2**63, 10**40, 0.5, -0.0, 1e308, float("inf"), float("nan"), "", " "),
    *("4711", "0", "-1", "9" * 19, "9" * 20, "9" * 4400, "\u0664\u0662", "\x00", "\ud800", "contacts", "0-1", CANARY),
    *("contact.propertyChange", "object.propertyChange", "contact.", ".", "company.merge", "contact.associationChange"),
    *("CONTACT_TO_COMPANY", "hs_email_optout", "1793610000000", "2026-11-24T00:00:00Z", "0001-01-01T00:00:00+14:00"),
    *([], {}, [[]], [None], [4711], ["4711", 4712], {"id": 1}, {"": None}, [{"a": [{}]}], "x" * 3000),
)
EVENT: Mapping[str, Any] = {
    "eventId": 1,
    "subscriptionId": 7_562_680,
    "portalId": None,
    "appId": APP_ID,
    "occurredAt": 1_793_610_000_000,
    "subscriptionType": "contact.propertyChange",
    "attemptNumber": 0,
    "objectId": 4711,
    "propertyName": "email",
    "propertyValue": CANARY,
    "changeSource": "CRM_UI",
    "sourceId": "userId:101",
}
MORE = ("objectTypeId", "eventType", "newObjectId", "mergedObjectIds", "primaryObjectId", "fromObjectId", "toObjectId",
        "fromObjectTypeId", "toObjectTypeId", "associationType", "isSensitive")  # fmt: skip
BROKEN_JSON = (
    *(b"", b"{", b"[1,", b"[{}", b"nul", b"[NaN]", b"[1e999]", b"[" + b"9" * 5000 + b"]", b"\xff\xfe", b"[\x00]"),
    *(b"[" * 60_000, b'[{"a":' * 30_000, b'"\\ud800"', b'[{"objectId":"\\u0000"}]', b"\xef\xbb\xbf[]", b"[]", b"{}"),
    *("[]".encode("utf-16"), "[{}]".encode("utf-32"), b"[\xc3\x28]", b"[" + b"{}," * 9000 + b"{}]", b"0", b"-", b'"'),
)


@st.composite
def events(draw: st.DrawFn) -> bytes:
    """A list of events with something else in some of the places; or no such thing."""
    if draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from(BROKEN_JSON))
    made: list[Any] = []
    for _ in range(draw(st.integers(0, 3))):
        event = dict(EVENT)
        for _ in range(draw(st.integers(0, 4))):
            event[draw(st.sampled_from((*EVENT, *MORE)))] = draw(st.sampled_from(ODD))
        for name in draw(st.lists(st.sampled_from(tuple(EVENT)), max_size=2)):
            event.pop(name, None)
        made.append(event)
    if draw(st.integers(0, 7)) == 0:
        made.append(draw(st.sampled_from(ODD)))
    told: Any = made if draw(st.integers(0, 9)) else draw(st.sampled_from(ODD))
    return json.dumps(told).encode("utf-8", "surrogatepass")


def notification(at: int = 1, record: str = "00Qxx0000000001", inner: str = "") -> str:
    return (
        f'<Notification><Id>04lxx{at:010d}</Id><sObject xsi:type="sf:Lead" xmlns:sf="{OBJECT}">'
        f"<sf:Id>{record}</sf:Id><sf:Email>{CANARY}</sf:Email>{inner}</sObject></Notification>"
    )


def message(organisation: str, inside: str = "", prolog: str = "") -> str:
    return (
        f'{prolog}<soapenv:Envelope xmlns:soapenv="{SOAP}" xmlns:xsi="{XSI}"><soapenv:Body>'
        f'<notifications xmlns="{OUTBOUND}"><OrganizationId>{organisation}</OrganizationId>'
        f"<ActionId>04kxx0000000001</ActionId>{inside or notification()}</notifications>"
        "</soapenv:Body></soapenv:Envelope>"
    )


LAUGHS = "<!DOCTYPE a [<!ENTITY a0 'ha'>" + "".join(
    f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10)
) + "]>"  # fmt: skip


def not_messages(organisation: str) -> dict[str, bytes]:
    """Bodies for the right address, nearly all of the right organisation, none of them a message; by what is wrong."""
    right = message(organisation)

    def with_dtd(dtd: str) -> bytes:
        return message(organisation, prolog=f"<!DOCTYPE a {dtd}>").encode()

    def inside(text: str) -> bytes:
        return message(organisation, text).encode()

    def instead(*words: str) -> bytes:
        made = right
        for old, new in zip(words[::2], words[1::2], strict=True):
            assert old in made
            made = made.replace(old, new)
        return made.encode()

    many = "".join(f"<a{at}/>" for at in range(20_000))
    long = "p" * 100_000
    return {
        "nothing": b"",
        "bytes": bytes(range(256)),
        "an entity": with_dtd('[<!ENTITY b "c">]'),
        "an outside entity": with_dtd('[<!ENTITY b SYSTEM "file:///etc/passwd">]'),
        "an outside DTD": with_dtd('SYSTEM "http://127.0.0.1:9/a.dtd"'),
        "a parameter entity": with_dtd("[<!ENTITY % b SYSTEM 'file:///dev/zero'> %b;]"),
        "a billion laughs": message(organisation, notification(inner="<sf:X>&a9;</sf:X>"), LAUGHS).encode(),
        "a quadratic blow-up": f"<!DOCTYPE a [<!ENTITY b '{'b' * 50_000}'>]>".encode() + instead(CANARY, "&b;" * 9000),
        "an entity of nobody": instead(CANARY, "&b;"),
        "nested deep": instead(CANARY, "<a>" * 90_000),
        "nested deep and closed": instead(CANARY, "<a>" * 90_000 + "</a>" * 90_000),
        "a name space as long as the message": f'<x xmlns="{"u" * 100_000}">{many}</x>'.encode(),
        "a prefix as long as the message": f"<{long}:x xmlns:{long}='u'>{many}</x>".encode(),
        "attributes in a long name space": f'<x xmlns:p="{"u" * 500_000}" {attributes("p:a", 50_000)}/>'.encode(),
        "half a million elements": inside("<a/>" * 480_000),
        "two hundred thousand names": inside("".join(f"<a{at}/>" for at in range(190_000))),
        "two hundred thousand attributes": inside(f"<a {attributes('a', 180_000)}/>"),
        "another envelope": instead(SOAP, "http://www.w3.org/2003/05/soap-envelope"),
        "another name space": instead(OUTBOUND, OUTBOUND + "/2"),
        "another kind of object": instead(OBJECT, "urn:partner.soap.sforce.com", "sf:Lead", "sf:Le ad"),
        "no name space": instead(f' xmlns="{OUTBOUND}"', ""),
        "a prefix of nobody": instead("<notifications", "<zz:notifications", "</notifications", "</zz:notifications"),
        "101 notifications": inside("".join(notification(at) for at in range(101))),
        "no notification": inside("<x/>"),
        "an id as long as the message": inside(notification(record="0" * 1_000_000)),
        "an id with a zero byte": inside(notification(record="00Qxx00000\x0000001")),
        "an id with a reference to one": inside(notification(record="00Qxx00000&#0;0001")),
        "a stranger's": message("00Dzz0000000001").encode(),
        "UTF-32": right.encode("utf-32"),
        "UTF-7": f'<?xml version="1.0" encoding="utf-7"?>{right}'.encode(),
        "an encoding that is none": f'<?xml version="1.0" encoding="hex"?>{right}'.encode(),
        "bytes that are no UTF-8": right.encode().replace(CANARY.encode(), b"\xc3\x28"),
        "two of them": (right + right).encode(),
        "half of it": right.encode()[: len(right) // 2],
        "JSON": json.dumps([dict(EVENT)]).encode(),
    }  # fmt: skip


def attributes(name: str, count: int) -> str:
    return " ".join(f'{name}{at}=""' for at in range(count))


@st.composite
def spoilt(draw: st.DrawFn, right: bytes) -> bytes:
    """These bytes with some of them changed, doubled or left out."""
    made = bytearray(right)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(made) - 1)))
        to = min(len(made), at + draw(st.integers(1, 30)))
        how = draw(st.integers(0, 4))
        if how == 0:
            del made[at:to]
        elif how == 1:
            made[at:at] = made[at:to] * draw(st.integers(1, 50))
        elif how == 2:
            made[at:to] = draw(
                st.sampled_from((b"\x00", b"<", b">", b"&", b"\r\n", b"\xff", b'"', b"&#0;", b"<![CDATA["))
            )
        else:
            made[at:at] = draw(st.binary(max_size=6))
    return bytes(made)


Bodies = st.one_of(events(), st.binary(max_size=200), st.sampled_from(BROKEN_JSON))


@st.composite
def request(draw: st.DrawFn, headers: Callable[[bytes, str], Mapping[str, str]] | None = None) -> list[bytes]:
    """A request that HTTP may or may not allow, in the pieces in which it is sent. headers: further ones, of the body
    and the query; with them it goes to HubSpot's address."""
    body = draw(Bodies)
    query = draw(st.sampled_from(QUERIES))
    method = "POST" if headers else draw(st.sampled_from(METHODS[:2] * 3 + METHODS))
    place = HUBSPOT_PATH if headers else draw(st.sampled_from(PLACES))
    given = draw(st.lists(st.sampled_from(HEADERS), max_size=3))
    own = {} if headers is None else headers(body, query[1:].encode("latin-1").decode("utf-8", "replace"))
    given += [f"{name}: {value}" for name, value in own.items()]
    if not any(one.startswith("Host") for one in given):
        given.append("Host: concord.example")
    lengthless = any(one.startswith(("Content-Length", "Transfer-Encoding")) for one in given)
    chunked = "Transfer-Encoding: chunked" in given
    if body and not lengthless:
        given.append(f"Content-Length: {len(body)}")
    version = draw(st.sampled_from(("HTTP/1.1",) * 8 + ("HTTP/1.0", "HTTP/2.0", "HTTP/9", "")))
    head = f"{method} {place}{query} {version}\r\n" + "".join(f"{one}\r\n" for one in given) + "\r\n"
    sent = head.encode("latin-1", "replace") + (in_chunks(body, draw(st.integers(1, 500))) if chunked else body)
    how = draw(st.integers(0, 9))
    if how == 0:
        sent = draw(spoilt(sent))
    elif how == 1:
        sent *= draw(st.integers(2, 4))
    cut = draw(st.integers(0, len(sent)))
    return [sent] if how > 3 else [sent[:cut], sent[cut:]] if how > 2 else [sent[:cut]] if how == 2 else [sent]


def in_chunks(body: bytes, size: int) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"


def post(path: str, body: bytes, headers: Mapping[str, str], *, close: bool = True) -> bytes:
    given = {"Host": "concord.example", "Content-Length": str(len(body)), **headers}
    given |= {"Connection": "close"} if close else {}
    return f"POST {path} HTTP/1.1\r\n".encode() + _lines(given) + b"\r\n" + body


def _lines(given: Mapping[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in given.items()).encode("latin-1")


def xml(intake: Intake, body: bytes) -> bytes:
    """A request to the right address for Outbound Messages."""
    return post(intake.hook, body, {"Content-Type": "text/xml; charset=utf-8"})


CHUNKED = b"POST /hooks/hubspot HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
#: What has no end though it is no body: how it begins and how it goes on.
ENDLESS: Mapping[str, tuple[bytes, bytes]] = {
    "a line": (b"GET /", b"a"),
    "a header": (b"GET /health HTTP/1.1\r\nX: ", b"a"),
    "headers": (b"GET /health HTTP/1.1\r\n", b"X-A: b\r\n"),
    "a chunk's size": (CHUNKED, b"0"),
    "a chunk's words": (CHUNKED + b"1;", b"a"),
    "trailers": (CHUNKED + b"0\r\n", b"X-A: b\r\n"),
    "line ends": (b"", b"\r\n"),
}
#: No HTTP, or such as no client sends.
RAW: Mapping[str, bytes] = {
    "nothing": b"",
    "zeros": b"\x00" * 5000,
    "every byte": bytes(range(256)) * 20,
    "TLS": bytes.fromhex("16030100f8010000f40303") + bytes(200),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    "HTTP/0.9": b"GET /health\r\n\r\n",
    "only line ends": b"\r\n" * 20_000,
    "a chunk larger than memory": CHUNKED + b"ffffffffffffffff\r\na",
    "a negative chunk": CHUNKED + b"-1\r\na",
    "two lengths": b"POST /hooks/hubspot HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a smuggled one": b"POST /ready HTTP/1.1\r\nContent-Length: 40\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
    "a thousand in a row": b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 1000,
    "a query of bytes": b"POST /hooks/hubspot?\xff\xfe\xe9 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]",
    "a path of bytes": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "a body that stops": b"POST /hooks/hubspot HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n[{",
    "ten megabytes": post(HUBSPOT_PATH, b"a" * 10_500_000, {}),
    "ten megabytes in chunks": CHUNKED + in_chunks(b"a" * 10_500_000, 65_536),
    "chunks of a byte": CHUNKED + b"1\r\na\r\n" * 300_000,
}  # fmt: skip
