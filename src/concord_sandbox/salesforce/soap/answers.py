"""The SOAP API over HTTP: which WSDL, which session, which operation; every trouble is a fault.

May not read or write a record itself: `soap_calls` has the operations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.responses import Response

from concord_sandbox.salesforce import absent
from concord_sandbox.salesforce.calls import Api
from concord_sandbox.salesforce.errors import Refusal
from concord_sandbox.salesforce.oauth import Tokens
from concord_sandbox.salesforce.soap.calls import ABSENT, OPERATIONS, SoapCall
from concord_sandbox.salesforce.soap.xml import (
    ENTERPRISE,
    PARTNER,
    Dialect,
    Envelope,
    Node,
    SoapFault,
    answer,
    boolean,
    fault,
    read,
)
from concord_sandbox.salesforce.urls import VERSIONS
from concord_sandbox.salesforce.writes import Actor

_PATH = re.compile(r"([uc])/(\d{1,3})(?:\.0)?(?:/\w+)?/?")
_DIALECTS = {"u": PARTNER, "c": ENTERPRISE}
#: The first version of the API that has no login().
_NO_LOGIN = 65
_LOGIN = (
    "The sandbox does not emulate login(): it does not exist from API version 65.0 on and is retired for all versions "
    "in Summer '27. Use an access token of the OAuth token endpoint as sessionId."
)


def answered(api: Api, tokens: Tokens, path: str, headers: Mapping[str, str], body: bytes, own_url: str) -> Response:
    """The answer to a SOAP call; `path` is what follows /services/Soap/."""
    found = _PATH.fullmatch(path)
    dialect = _DIALECTS[found[1]] if found else PARTNER
    try:
        if found is None:
            lacking = absent.said_of(f"/services/Soap/{path}")
            raise SoapFault("FUNCTIONALITY_NOT_ENABLED" if lacking else "UNSUPPORTED_API_VERSION", lacking or _URL)
        if int(found[2]) not in VERSIONS:
            raise SoapFault("UNSUPPORTED_API_VERSION", _URL)
        if "soapaction" not in headers:
            raise SoapFault(None, "SOAPAction HTTP header missing")
        version = f"{int(found[2])}.0"
        made = _carried_out(api, tokens, dialect, version, read(body), f"/services/Soap/{path}")
    except SoapFault as trouble:
        return Response(fault(dialect, trouble).encode(), 500, media_type="text/xml")
    except Refusal as refusal:
        first = refusal.fails[0]
        return Response(fault(dialect, SoapFault(first.code, first.message)).encode(), 500, media_type="text/xml")
    return Response(made.encode(), 200, media_type="text/xml")


_URL = "Invalid Api version specified on URL"


def _carried_out(api: Api, tokens: Tokens, dialect: Dialect, version: str, given: Envelope, path: str) -> str:
    name, now = given.operation.name, api.controls.clock.epoch_ms()
    if given.operation.namespace != dialect.calls or not (name in OPERATIONS or name in ABSENT or name == "login"):
        words = f"No operation available for request {{{given.operation.namespace}}}{name}"
        raise SoapFault(None, words)
    if name == "login":
        if int(float(version)) >= _NO_LOGIN:
            raise SoapFault(None, f"No operation available for request {{{dialect.calls}}}login")
        raise SoapFault("FUNCTIONALITY_NOT_ENABLED", _LOGIN)
    session = _session(tokens, given)
    if not api.usage.spend(now):
        raise SoapFault("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    if name in ABSENT:
        raise SoapFault("FUNCTIONALITY_NOT_ENABLED", f"The sandbox does not emulate the SOAP operation {name}")
    actor = _actor(tokens.user_of(session), version, path, given.headers)
    call = SoapCall(api, tokens, dialect, version, given.operation, given.headers, actor, session)
    return answer(dialect, name, OPERATIONS[name](call), api.usage.used(now), api.usage.limit)


def _session(tokens: Tokens, given: Envelope) -> str:
    """The session of a call. Raises SoapFault: there is none, or it is not good."""
    header = given.headers.get("SessionHeader")
    session = header.string("sessionId") if header is not None else None
    if session is None or not tokens.is_good(f"Bearer {session}"):
        words = (
            "Invalid Session ID found in SessionHeader: Illegal Session. Session not found, missing session hash: "
            "This error usually occurs after a session expires or a user logs out."
        )
        raise SoapFault("INVALID_SESSION_ID", words)
    return session


def _actor(user_id: str, version: str, path: str, headers: Mapping[str, Node]) -> Actor:
    """The user of the session with what the headers ask of a write. Unlike REST, SOAP runs no assignment rule that it
    is not told to run."""

    def string(header: str, name: str) -> str | None:
        return headers[header].string(name) if header in headers else None

    rule, default = string("AssignmentRuleHeader", "assignmentRuleId"), string("AssignmentRuleHeader", "useDefaultRule")
    allow, details = string("DuplicateRuleHeader", "allowSave"), string("DuplicateRuleHeader", "includeRecordDetails")
    return Actor(
        user_id,
        "POST",
        path,
        client=string("CallOptions", "client"),
        api=f"soap/{version}",
        save_duplicates=allow is not None and boolean(allow),
        duplicate_details=details is not None and boolean(details),
        assign=rule or (default is not None and boolean(default)),
    )
