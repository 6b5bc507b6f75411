"""Salesforce's Outbound Messages: what a message says, and how it is answered (api/salesforce.md, section 11).

Pure. A message is a hint to look at records; the values that it holds are used for nothing but how urgent it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat
from xml.sax.saxutils import escape

from concord.core.model import Notice
from concord.core.values import Ref
from concord.errors import WebhookRefused
from concord.systems.salesforce.lanes import lane_of
from concord.systems.salesforce.wire import SYSTEM, id18, is_id

#: A message of a hundred records with a few fields has some 50 kB. An administrator who sends long texts sends more,
#: for nothing: they are not read.
BODY_BYTES: Final = 2 * 1024 * 1024
#: Notifications in one message (section 11.2).
MOST: Final = 100
#: How deep a message is nested: a field in a record in a notification in the envelope's body.
_DEEPEST: Final = 6
#: Elements of a message that are looked at: some of its own, and seven for each notification; and room for more.
_ELEMENTS: Final = 5000
#: Fields that make a notification urgent when they are true (section 16).
OPT_OUT: Final = frozenset({"HasOptedOutOfEmail", "HasOptedOutOfFax", "DoNotCall"})

_SOAP: Final = "{http://schemas.xmlsoap.org/soap/envelope/}"
_OUTBOUND: Final = "{http://soap.sforce.com/2005/09/outbound}"
_OBJECT: Final = "{urn:sobject.enterprise.soap.sforce.com}"
_INSTANCE: Final = "{http://www.w3.org/2001/XMLSchema-instance}"
_TYPE: Final = f"{_INSTANCE}type"
_KNOWN: Final = {space[1:-1]: space for space in (_SOAP, _OUTBOUND, _OBJECT, _INSTANCE)}
#: Those fields of a record that are looked at.
_FIELDS: Final = {_OBJECT + name for name in (*OPT_OUT, "Id")}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Message:
    """One call of Salesforce.

    organisation_id, action_id: whose, and which definition's; 18 characters. notifications: the id, which stays the
    same when the message is sent again, and the record; None when it was deleted before the message was sent.
    opted_out: those of the records that say so.
    """

    organisation_id: str
    action_id: str
    notifications: tuple[tuple[str, Ref | None], ...]
    opted_out: frozenset[Ref] = frozenset()


def read(body: bytes, headers: Mapping[str, str], organisation_id: str) -> Message:
    """A call's message. organisation_id: the configured org's; another's message is refused as a stranger's.

    Raises WebhookRefused: "too large", "malformed" (no such message; a DTD or an entity in it), or "stranger".
    """
    if len(body) > BODY_BYTES:
        raise WebhookRefused("too large")
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    if kind.partition(";")[0].strip().lower() not in ("text/xml", "application/xml"):
        raise WebhookRefused("malformed")
    told = _notifications(body)
    organisation, action = _id_in(told, "OrganizationId", "00D"), _id_in(told, "ActionId", "04k")
    if organisation != id18(organisation_id):
        raise WebhookRefused("stranger")
    parts = told.findall(f"{_OUTBOUND}Notification")
    if not 1 <= len(parts) <= MOST:
        raise WebhookRefused("malformed")
    notifications: list[tuple[str, Ref | None]] = []
    opted_out: set[Ref] = set()
    for part in parts:
        record = _only(part, f"{_OUTBOUND}sObject")
        ref = _record(record)
        notifications.append((_id_in(part, "Id", "04l"), ref))
        if ref is not None and any((record.findtext(_OBJECT + name) or "").strip() == "true" for name in OPT_OUT):
            opted_out.add(ref)
    return Message(organisation, action, tuple(notifications), frozenset(opted_out))


def notices_of(message: Message, objects: Collection[str], now: datetime) -> tuple[Notice, ...]:
    """One notice for each record of these objects. now: on our clock. The message tells no time of the change."""
    refs = dict.fromkeys(ref for _, ref in message.notifications if ref is not None and ref.object in objects)
    return tuple(
        Notice(ref, lane_of(ref.object, said_no=ref in message.opted_out), seen_at=now, source="outbound message")
        for ref in refs
    )


def acknowledgement(ok: bool) -> bytes:
    """The answer (section 11.3), with status 200. ok: all of the message is stored; else Salesforce sends it again."""
    return _envelope(
        '<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound">'
        f"<Ack>{'true' if ok else 'false'}</Ack></notificationsResponse>"
    )


def fault(words: str) -> bytes:
    """The answer to a message that is not for us, or is none (section 11.3); a SOAP fault has the status 500."""
    return _envelope(
        "<soapenv:Fault><faultcode>soapenv:Client</faultcode>"
        f"<faultstring>{escape(words)}</faultstring></soapenv:Fault>"
    )


def _envelope(inner: str) -> bytes:
    return (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
        f"<soapenv:Body>{inner}</soapenv:Body></soapenv:Envelope>"
    ).encode()


class _Reading:
    """Builds the elements of a message, and no more than a message has.

    Names are put together here and not by the parser, which writes the whole name space into each of them: 270 kB of
    short elements in a long name space are 4 GB then, and no limit of the body's size helps against that
    (docs/decisions/0012-xml-names-are-ours.md). A name in a name space that says nothing here is "".
    """

    def __init__(self) -> None:
        self._builder = TreeBuilder()
        self._spaces: list[Mapping[str, str]] = [{}]  # by prefix; of every element that is open
        self._passed = False  # within a field that nobody looks at
        self._count = 0

    def read(self, body: bytes) -> Element:
        """The root. Raises ValueError or expat.ExpatError."""
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declared
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.Parse(body, True)
        return self._builder.close()

    def _declared(self, _: str, encoding: str | None, __: int) -> None:
        if encoding is not None and encoding.lower() != "utf-8":
            raise ValueError("Salesforce writes UTF-8")

    def _doctype(self, *_: object) -> None:
        raise ValueError("a DTD; without one there are no entities")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._spaces) > _DEEPEST:
            raise ValueError("nested deeper than a message")
        spaces = self._spaces[-1]
        declared = {at.partition(":")[2]: _KNOWN.get(uri, "") for at, uri in attributes.items() if _declares(at)}
        if declared:
            spaces = {**spaces, **declared}
        self._spaces.append(spaces)
        tag = _name(name, spaces, default=spaces.get("", ""))
        self._passed = len(self._spaces) - 1 == _DEEPEST and tag not in _FIELDS
        if self._passed:
            return
        self._count += 1
        if self._count > _ELEMENTS:
            raise ValueError("more elements than a message has")
        kinds = [value for at, value in attributes.items() if _name(at, spaces) == _TYPE]
        self._builder.start(tag, {_TYPE: kinds[0]} if len(kinds) == 1 else {})

    def _end(self, _: str) -> None:
        self._spaces.pop()
        if not self._passed:
            self._builder.end("")  # the parser has seen that the names are the same
        self._passed = False

    def _text(self, text: str) -> None:
        if not self._passed:
            self._builder.data(text)


def _declares(attribute: str) -> bool:
    """Whether it gives a name space to a prefix, or to names without one."""
    return attribute == "xmlns" or attribute.startswith("xmlns:")


def _name(name: str, spaces: Mapping[str, str], default: str = "") -> str:
    """A name with its name space; "" for one that says nothing here. default: the name space without a prefix."""
    prefix, colon, local = name.rpartition(":")
    space = spaces.get(prefix, "") if colon else default
    return space + local if space else ""


def _notifications(body: bytes) -> Element:
    """The element `notifications` of an envelope. Raises WebhookRefused."""
    try:
        root = _Reading().read(body)
    except (expat.ExpatError, ValueError):
        raise WebhookRefused("malformed") from None
    if root.tag != f"{_SOAP}Envelope":
        raise WebhookRefused("malformed")
    return _only(_only(root, f"{_SOAP}Body"), f"{_OUTBOUND}notifications")


def _only(parent: Element, tag: str) -> Element:
    found = parent.findall(tag)
    if len(found) != 1:
        raise WebhookRefused("malformed")
    return found[0]


def _id_in(parent: Element, name: str, prefix: str) -> str:
    text = (_only(parent, _OUTBOUND + name).text or "").strip()
    if not is_id(text) or not text.startswith(prefix):
        raise WebhookRefused("malformed")
    return id18(text)


def _record(told: Element) -> Ref | None:
    """The record that a notification is about; None when it has no data any more."""
    name = told.get(_TYPE, "").rpartition(":")[2]
    if not _NAME.fullmatch(name):
        raise WebhookRefused("malformed")
    found = told.findall(f"{_OBJECT}Id")
    if not found:
        return None
    text = (found[0].text or "").strip()
    if len(found) > 1 or not is_id(text):
        raise WebhookRefused("malformed")
    return Ref(SYSTEM, name, id18(text))
