"""The SOAP text of an Outbound Message (api/salesforce.md section 11.2). Sends nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from concord_sandbox.salesforce.models import Identity
from concord_sandbox.salesforce.schema import Field
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.salesforce.values import read_time

_API_VERSION = "66.0"
#: Where an org without a My Domain says that it is.
_ELSEWHERE = "https://sandbox.my.salesforce.com"
#: Signs that XML cannot carry.
_UNSENDABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def envelope(
    identity: Identity, action_id: str, table: Table, fields: Sequence[str], read: Sequence[tuple[str, Row | None]]
) -> bytes:
    """The request that tells of those records: (notification id, record as it is now; None when it was deleted)."""
    host = identity.my_domain or _ELSEWHERE
    known = [one for one in map(table.kind.field, fields) if one is not None]
    notifications = "".join(_notification(number, table, known, row) for number, row in read)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        '<soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
        f"<OrganizationId>{identity.organisation_id}</OrganizationId>"
        f"<ActionId>{action_id}</ActionId>"
        '<SessionId xsi:nil="true"/>'
        f"<EnterpriseUrl>{_url(host, 'c', identity)}</EnterpriseUrl>"
        f"<PartnerUrl>{_url(host, 'u', identity)}</PartnerUrl>"
        f"{notifications}"
        "</notifications></soapenv:Body></soapenv:Envelope>"
    ).encode()


def _url(host: str, kind: str, identity: Identity) -> str:
    return escape(f"{host.rstrip('/')}/services/Soap/{kind}/{_API_VERSION}/{identity.organisation_id[:15]}")


def _notification(number: str, table: Table, fields: Sequence[Field], row: Row | None) -> str:
    name = table.kind.name
    values = "" if row is None else "".join(_element(one, table.shown(row)(one.name)) for one in fields)
    return (
        f'<Notification><Id>{number}</Id><sObject xsi:type="sf:{name}"'
        f' xmlns:sf="urn:sobject.enterprise.soap.sforce.com">{values}</sObject></Notification>'
    )


def _element(field: Field, value: Any) -> str:
    """A field with its value; nothing when it is null."""
    return "" if value is None else f"<sf:{field.name}>{_text(field, value)}</sf:{field.name}>"


def _text(field: Field, value: Any) -> str:
    """A value in the text of its XML Schema type."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if field.type == "datetime":
        return read_time(value).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    if field.type == "int":
        return str(int(value))
    return escape(_UNSENDABLE.sub("?", str(value)))
