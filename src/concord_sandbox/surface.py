"""All operations of all sandboxed services, and which of them a call means. For COVERAGE.md and the tests.

May import every service's `surface`; no service may import it.
"""

from __future__ import annotations

from functools import cache

from concord_sandbox.hubspot import surface as hubspot
from concord_sandbox.notion import surface as notion
from concord_sandbox.operations import Operation, operation_of
from concord_sandbox.salesforce import surface as salesforce


@cache
def operations() -> tuple[Operation, ...]:
    return (*salesforce.operations(), *hubspot.operations(), *notion.operations())


@cache
def _of(service: str) -> list[Operation]:
    return [one for one in operations() if one.service == service]


def differences(service: str) -> tuple[str, ...]:
    """What is known to differ from the vendor, a sentence each."""
    return {
        salesforce.SERVICE: salesforce.DIFFERENCES,
        hubspot.SERVICE: hubspot.DIFFERENCES,
        notion.SERVICE: notion.DIFFERENCES,
    }[service]


def operation_at(method: str, path: str, body: bytes = b"") -> Operation | None:
    """The operation that a call means; None for a call of nothing that the sandbox emulates."""
    if path.startswith("/v1/"):
        return operation_of(_of("Notion"), method, path)
    if path.startswith("/services/Soap/"):
        return salesforce.soap_operation(_of("Salesforce"), body)
    found = operation_of(_of("Salesforce"), method, path)
    return found or hubspot.operation_at(method, path, _of("HubSpot"))
