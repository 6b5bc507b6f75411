"""A plain SOAP client for tests: a call in, the first element of the answer's body out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from defusedxml.ElementTree import fromstring
from tests.sandbox.salesforce_world import Org

PARTNER, ENTERPRISE = "urn:partner.soap.sforce.com", "urn:enterprise.soap.sforce.com"
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


async def post(org: Org, body: str, *, path: str = "u/66.0", action: bool = True) -> tuple[int, str]:
    """Status and text of an answer to a whole envelope."""
    headers = {"Content-Type": "text/xml; charset=UTF-8"} | ({"SOAPAction": '""'} if action else {})
    answer = await org.client.post(f"/services/Soap/{path}", content=body.encode(), headers=headers)
    assert answer.headers["content-type"].startswith("text/xml"), answer.text
    return answer.status_code, answer.text


def envelope(
    org: Org, operation: str, *, headers: str = "", namespace: str = PARTNER, session: str | None = None
) -> str:
    """An envelope around the XML of an operation."""
    token = escape(org.token if session is None else session)
    return (
        '<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" '
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="{namespace}"><e:Header><SessionHeader>'
        f"<sessionId>{token}</sessionId></SessionHeader>{headers}</e:Header><e:Body>{operation}</e:Body></e:Envelope>"
    )


async def soap(org: Org, operation: str, *, headers: str = "", path: str = "u/66.0") -> list[dict[str, Any]]:
    """The results of an operation that has to be answered, as plain data; repeated elements become lists."""
    namespace = ENTERPRISE if path.startswith("c") else PARTNER
    status, text = await post(org, envelope(org, operation, headers=headers, namespace=namespace), path=path)
    assert status == 200, text
    (response,) = body_of(text)
    return [plain(one) for one in response]


async def fault(org: Org, body: str, *, path: str = "u/66.0", action: bool = True) -> tuple[str, str]:
    """Code and text of the fault that answers an envelope."""
    status, text = await post(org, body, path=path, action=action)
    assert status == 500, text
    (found,) = body_of(text)
    said = plain(found)
    return said["faultcode"], said["faultstring"]


def body_of(text: str) -> Element:
    root: Element = fromstring(text)
    return next(one for one in root if one.tag.endswith("}Body"))


def plain(element: Element) -> Any:
    """An element as None, a text, or a dict by local names."""
    if element.get(_NIL) == "true":
        return None
    if not len(element):
        return element.text or ""
    made: dict[str, Any] = {}
    for child in element:
        name, value = child.tag.rpartition("}")[2], plain(child)
        if name in made:
            made[name] = [*made[name], value] if isinstance(made[name], list) else [made[name], value]
        else:
            made[name] = value
    return made


def element(name: str, **children: Any) -> str:
    """An element with children given as texts, booleans, lists of either, or XML already made (in a tuple)."""
    return f"<{name}>{''.join(_child(key, value) for key, value in children.items())}</{name}>"


def _child(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_child(name, one) for one in value)
    if isinstance(value, tuple):
        return f"<{name}>{''.join(value)}</{name}>"
    return f"<{name}>{escape(str(value).lower() if isinstance(value, bool) else str(value))}</{name}>"


def fields(given: Mapping[str, Any]) -> tuple[str, ...]:
    """The inside of an sObject."""
    return tuple(_child(key, value) for key, value in given.items())
