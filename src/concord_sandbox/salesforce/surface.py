"""Every operation of Salesforce's APIs that the sandbox has, for COVERAGE.md and the tests.

Made from the tables of paths themselves, so that it cannot say what is not so. Answers nothing.
"""

from __future__ import annotations

import re

from concord_sandbox.operations import Operation
from concord_sandbox.salesforce import absent, oauth
from concord_sandbox.salesforce.events import wire as pubsub_wire
from concord_sandbox.salesforce.soap import calls as soap_calls
from concord_sandbox.salesforce.urls import RESOURCES

SERVICE = "Salesforce"
_BASE = "/services/data/v{version}"
_SOAP = "/services/Soap/u/{version}"
_GROUPS = {
    "composite": "Composite",
    "id": "OAuth",
    "jobs": "Bulk 2.0",
    "limits": "Limits",
    "parameterizedSearch": "Search",
    "query": "Query",
    "queryAll": "Query",
    "search": "Search",
    "sobjects": "Records and describes",
    "ui-api": "User interface API",
}
_FIRST_IN_BODY = re.compile(rb"<(?:\w+:)?Body[^>]*>\s*<(?:\w+:)?(\w+)")
#: What is known to differ from the vendor.
DIFFERENCES: tuple[str, ...] = ()


def operations() -> list[Operation]:
    """Every operation once, and the parts that are absent."""
    rest = [
        Operation(SERVICE, _GROUPS.get(path.split("/")[0], "Resources"), method, f"{_BASE}/{path}".rstrip("/"))
        for path, methods in RESOURCES
        for method in methods
    ]
    return [
        *_beside("OAuth", *oauth.ENDPOINTS),
        *_beside("SOAP", *(f"POST {_SOAP}#{name}" for name in soap_calls.OPERATIONS)),
        *_beside("Resources", "GET /services/data"),
        *rest,
        *_beside("Pub/Sub (gRPC)", *(f"POST /{pubsub_wire.SERVICE}/{name}" for name in pubsub_wire.EMULATED)),
        *absent.lacking(),
        *(Operation(SERVICE, "SOAP", "POST", f"{_SOAP}#{name}", False) for name in sorted(soap_calls.ABSENT)),
        *(
            Operation(SERVICE, "Pub/Sub (gRPC)", "POST", f"/{pubsub_wire.SERVICE}/{name}", False, "UNIMPLEMENTED")
            for name in pubsub_wire.NOT_EMULATED
        ),
    ]


def soap_operation(listed: list[Operation], body: bytes) -> Operation | None:
    """The operation that the body of a SOAP call names."""
    found = _FIRST_IN_BODY.search(body)
    name = f"{_SOAP}#{found[1].decode()}" if found else ""
    return next((one for one in listed if one.path == name), None)


def _beside(group: str, *names: str) -> list[Operation]:
    """Operations outside the REST API, each as "METHOD path"."""
    return [Operation(SERVICE, group, method, path) for method, path in (name.split(" ", 1) for name in names)]
