"""The XML of the SOAP API: envelopes read and written, faults. Knows no record and no operation.

Read with defusedxml: no document type, no entity of the sender's is ever resolved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape, quoteattr

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
#: What XML 1.0 cannot carry at all.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Dialect:
    """One of the two WSDLs. calls, faults, records: namespaces. typed: each object has an XML type of its own."""

    name: str
    calls: str
    faults: str
    records: str
    typed: bool


PARTNER = Dialect(
    "partner",
    "urn:partner.soap.sforce.com",
    "urn:fault.partner.soap.sforce.com",
    "urn:sobject.partner.soap.sforce.com",
    False,
)
ENTERPRISE = Dialect(
    "enterprise",
    "urn:enterprise.soap.sforce.com",
    "urn:fault.enterprise.soap.sforce.com",
    "urn:sobject.enterprise.soap.sforce.com",
    True,
)


class SoapFault(Exception):
    """A call that ends in a fault. code: one of Salesforce's exception codes, or None for a malformed envelope."""

    def __init__(self, code: str | None, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Node:
    """One element of a call, by local names."""

    def __init__(self, element: Element) -> None:
        self._element = element
        namespace, _, name = element.tag.rpartition("}")
        self.name: str = name
        self.namespace: str = namespace.lstrip("{")

    @property
    def nil(self) -> bool:
        return self._element.get(f"{{{_XSI}}}nil") in ("true", "1")

    @property
    def text(self) -> str:
        """The text of an element without children, as sent."""
        return self._element.text or ""

    @property
    def type(self) -> str | None:
        """The local name of its xsi:type."""
        given = self._element.get(f"{{{_XSI}}}type")
        return None if given is None else given.rpartition(":")[2]

    def children(self) -> Iterator[Node]:
        return map(Node, self._element)

    def all(self, name: str) -> list[Node]:
        return [one for one in self.children() if one.name == name and not one.nil]

    def one(self, name: str) -> Node | None:
        """The first child of that name that is not nil."""
        return next(iter(self.all(name)), None)

    def string(self, name: str) -> str | None:
        """The trimmed text of a child; None when it is absent, nil or empty."""
        found = self.one(name)
        return (found.text.strip() or None) if found is not None else None

    def strings(self, name: str) -> list[str]:
        return [one.text.strip() for one in self.all(name)]

    def flag(self, name: str) -> bool:
        """The boolean in a child, false when it is absent. Raises SoapFault."""
        given = self.string(name)
        return given is not None and boolean(given)

    def allow(self, names: frozenset[str]) -> None:
        """Raises SoapFault when a child has another name."""
        for one in self.children():
            if one.name not in names:
                raise SoapFault(None, f"Element {{{one.namespace}}}{one.name} invalid at this location")


@dataclass(frozen=True)
class Envelope:
    """headers: by local name. operation: the one element of the body."""

    headers: Mapping[str, Node]
    operation: Node


def boolean(text: str) -> bool:
    """An xsd:boolean. Raises SoapFault."""
    known = {"true": True, "1": True, "false": False, "0": False}.get(text)
    if known is None:
        raise SoapFault(None, f"'{text}' is not a valid value for the type xsd:boolean")
    return known


def read(body: bytes) -> Envelope:
    """The envelope of a call. Raises SoapFault when it is none."""
    try:
        root = Node(fromstring(body, forbid_dtd=True))
    except (ParseError, DefusedXmlException, LookupError, ValueError) as error:
        words = str(error) if isinstance(error, ParseError) else "a document type is not allowed in a SOAP message"
        raise SoapFault(None, f"XML is not well-formed: {words}") from None
    if root.name != "Envelope" or root.namespace != _ENVELOPE:
        raise SoapFault(None, f"Not a SOAP 1.1 envelope: {{{root.namespace}}}{root.name}")
    header, content = root.one("Header"), root.one("Body")
    operations = list(content.children()) if content is not None else []
    if len(operations) != 1:
        raise SoapFault(None, "The body of a SOAP message has to have exactly one element")
    return Envelope({one.name: one for one in (header.children() if header else ())}, operations[0])


# Writing


def plain(value: Any) -> str:
    """A value as XML text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape(_UNWRITABLE.sub("?", str(value)))


def element(name: str, content: str = "", **attributes: str) -> str:
    """An element around XML already made; `xsi_type="x"` is the attribute xsi:type."""
    written = "".join(f" {key.replace('_', ':', 1)}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def leaf(name: str, value: Any) -> str:
    """An element with a value, or a nil one for None."""
    return element(name, xsi_nil="true") if value is None else element(name, plain(value))


def tree(name: str, value: Any) -> str:
    """JSON data as XML: objects become elements, lists repeat theirs, nulls are left out."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return element(name, "".join(tree(key, one) for key, one in value.items()))
    if isinstance(value, list | tuple):
        return "".join(tree(name, one) for one in value)
    return element(name, plain(value))


def answer(dialect: Dialect, operation: str, content: str, used: int, limit: int) -> str:
    """The envelope of an answer. used, limit: calls of this day."""
    limits = f"<current>{used}</current><limit>{limit}</limit><type>API REQUESTS</type>"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{_ENVELOPE}" '
        f'xmlns="{dialect.calls}" xmlns:sf="{dialect.records}" xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
        f'xmlns:xsi="{_XSI}"><soapenv:Header><LimitInfoHeader><limitInfo>{limits}</limitInfo></LimitInfoHeader>'
        f"</soapenv:Header><soapenv:Body><{operation}Response>{content}</{operation}Response></soapenv:Body>"
        "</soapenv:Envelope>"
    )


def fault(dialect: Dialect, given: SoapFault) -> str:
    """The envelope of a fault."""
    words = given.message if given.code is None else f"{given.code}: {given.message}"
    code = "soapenv:Client" if given.code is None else f"sf:{given.code}"
    detail = ""
    if given.code is not None:
        inner = element("sf:exceptionCode", plain(given.code)) + element("sf:exceptionMessage", plain(given.message))
        kind = _FAULTS.get(given.code, "UnexpectedErrorFault")
        detail = element("detail", element(f"sf:{kind}", inner, xsi_type=f"sf:{kind}"))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{_ENVELOPE}" '
        f'xmlns:sf="{dialect.faults}" xmlns:xsi="{_XSI}"><soapenv:Body><soapenv:Fault><faultcode>{plain(code)}'
        f"</faultcode><faultstring>{plain(words)}</faultstring>{detail}</soapenv:Fault></soapenv:Body>"
        "</soapenv:Envelope>"
    )


#: The fault types of the WSDL that are not UnexpectedErrorFault.
_FAULTS = {
    "INVALID_FIELD": "InvalidFieldFault",
    "INVALID_TYPE": "InvalidSObjectFault",
    "INVALID_ID_FIELD": "InvalidIdFault",
    "MALFORMED_ID": "InvalidIdFault",
    "INVALID_QUERY_LOCATOR": "InvalidQueryLocatorFault",
    "MALFORMED_QUERY": "MalformedQueryFault",
}
