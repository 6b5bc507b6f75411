"""The SOAP API, for what the REST API cannot do: merging records and converting leads (api/salesforce.md 12 and 13).

Puts one operation into an envelope and gives its results as plain data; a fault becomes an error of the REST API's
form, so that ONE table says what it means (errors.py). Knows no operation and no record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from concord.core.values import BLANK, FieldSpec, Value
from concord.errors import Category, RemoteRefused
from concord.systems.http import Answer, Xml
from concord.systems.salesforce.client import Client
from concord.systems.salesforce.errors import FAULT
from concord.systems.salesforce.wire import SYSTEM, to_wire

#: One element of an answer without its children's namespaces: their texts, or trees of their own, by name, each as a
#: list, because an element that may come several times often comes once. nil and empty elements are left out.
Tree: TypeAlias = Mapping[str, Sequence[Any]]

_ENVELOPE: Final = "http://schemas.xmlsoap.org/soap/envelope/"
_CALLS: Final = "urn:partner.soap.sforce.com"
_RECORDS: Final = "urn:sobject.partner.soap.sforce.com"
_NIL: Final = "{http://www.w3.org/2001/XMLSchema-instance}nil"
#: What XML 1.0 cannot carry at all.
_UNWRITABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: A name that is put between angle brackets.
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: As the REST calls' (client.py HEADERS): who we are to the org's automations, and no duplicate rule is overruled.
_HEADERS: Final = (
    "<CallOptions><client>Concord</client></CallOptions>"
    "<DuplicateRuleHeader><allowSave>false</allowSave><includeRecordDetails>false</includeRecordDetails>"
    "<runAsCurrentUser>true</runAsCurrentUser></DuplicateRuleHeader>"
)


async def call(client: Client, operation: str, inside: str, *, kind: str) -> tuple[list[Tree], Answer]:
    """The results of one operation, in the order in which they came, and the answer they came in.

    inside: the XML of the operation's arguments, made of `element` and `sobject`. Never sent twice by itself: what has
    no answer may have been done. Raises RemoteError.
    """
    version = client.api_version.removeprefix("v")
    body = Xml(lambda signed: envelope(operation, inside, _token(signed)), read)
    answer = await client.call(
        "POST",
        f"/services/Soap/u/{version}",
        kind=kind,
        body=body,
        headers={"SOAPAction": '""'},
        repeats=False,
    )
    told = answer.body.get(f"{operation}Response") if isinstance(answer.body, Mapping) else None
    if told is None:
        raise RemoteRefused(SYSTEM, Category.INTERNAL, f"{kind}: the answer is none to {operation}")
    return [one for one in texts(told[0], "result") if isinstance(one, Mapping)], answer


def _token(signed: Mapping[str, str]) -> str:
    return signed.get("Authorization", "").removeprefix("Bearer ")


# --- writing


def envelope(operation: str, inside: str, token: str) -> bytes:
    """The body of a call."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<soapenv:Envelope xmlns:soapenv="{_ENVELOPE}" xmlns="{_CALLS}" xmlns:sf="{_RECORDS}"><soapenv:Header>'
        f"{element('SessionHeader', element('sessionId', text(token)))}{_HEADERS}</soapenv:Header>"
        f"<soapenv:Body>{element(operation, inside)}</soapenv:Body></soapenv:Envelope>"
    ).encode()


def text(value: str) -> str:
    """A text within XML; a character that XML does not have becomes a question mark."""
    return escape(_UNWRITABLE.sub("?", value))


def element(name: str, inside: str) -> str:
    """An element around XML that is made already. Raises ValueError for a name that is none."""
    if not _NAME.fullmatch(name.removeprefix("sf:")):
        raise ValueError(f"{name!r} is no name of an element")
    return f"<{name}>{inside}</{name}>"


def sobject(
    name: str, object_name: str, record_id: str, values: Mapping[str, Value], fields: Mapping[str, FieldSpec]
) -> str:
    """A record, with these values, in an element of that name; BLANK clears. Its order is the WSDL's."""
    cleared = "".join(element("sf:fieldsToNull", text(one)) for one, value in values.items() if value is BLANK)
    given = "".join(
        element(f"sf:{one}", text(_plain(value, fields[one]))) for one, value in values.items() if value is not BLANK
    )
    head = element("sf:type", text(object_name)) + cleared + element("sf:Id", text(record_id))
    return element(name, head + given)


def _plain(value: Value, spec: FieldSpec) -> str:
    told = to_wire(value, spec)
    return str(told).lower() if isinstance(told, bool) else str(told)


# --- reading


def read(content: bytes) -> Any:
    """The body of an envelope: the operation's response by its name; or a fault, as an error of the REST API
    (`errors.complaints`) that is marked. Raises ValueError for what is no envelope."""
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, LookupError) as error:
        raise ValueError("no XML") from error
    body = root.find(f"{{{_ENVELOPE}}}Body")
    if root.tag != f"{{{_ENVELOPE}}}Envelope" or body is None:
        raise ValueError("no envelope")
    told = _tree(body)
    return _fault(texts(told, "Fault")[0]) if "Fault" in told else told


def _fault(told: Tree) -> Mapping[str, Any]:
    """{"faultcode", "errorCode", "message"}; the code is Salesforce's, or SOAP's own where there is none."""
    code = _word(told, "faultcode").rpartition(":")[2]
    words = _word(told, "faultstring").removeprefix(f"{code}: ")
    return {FAULT: code, "errorCode": code or "FAULT", "message": words}


def _tree(parent: Element) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for child in parent:
        inside: Any = _tree(child) if len(child) else (child.text or "")
        if child.get(_NIL) not in ("true", "1") and inside:
            found.setdefault(child.tag.rpartition("}")[2], []).append(inside)
    return found


def texts(told: Tree, name: str) -> Sequence[Any]:
    """What came under that name, each time that it came."""
    return told.get(name, ())


def _word(told: Tree, name: str) -> str:
    return next((one for one in texts(told, name) if isinstance(one, str)), "").strip()


def succeeded(result: Tree) -> bool:
    """Whether the item that a result is of was done."""
    return _word(result, "success") == "true"


def complaints_of(result: Tree) -> list[Mapping[str, Any]]:
    """The errors of a result in the form of the REST API's."""
    return [
        {"errorCode": _word(one, "statusCode"), "message": _word(one, "message"), "fields": [*texts(one, "fields")]}
        for one in texts(result, "errors")
        if isinstance(one, Mapping)
    ]
