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
DIFFERENCES: tuple[str, ...] = (
    "All API versions from v31.0 to v68.0 answer alike, as v66.0 does.",
    "The identity URL among the resources is the sandbox's own, so that a client can follow it; the `id` of a token "
    "names login.salesforce.com, as the vendor's does.",
    "Nobody is asked to consent in the web-server flow: the user of `login_hint`, or else the integration user, does.",
    "Access and refresh tokens are not saved with a world; only the standing token is good after it is loaded again. "
    "At most 10,000 access tokens and 2,000 refresh tokens are kept.",
    "Rights are those of one integration user, whatever user an assertion names; Profile, UserRole and permission sets "
    "are no objects, and sharing hides no row.",
    "Sub-requests of composite and graph calls do not inherit Sforce-Call-Options of the outer call; whether the "
    "vendor's do is not documented.",
    "In collections a record that a duplicate rule stops carries `duplicateResut` as a single record does; the form "
    "that the vendor has there is not confirmed.",
    "A collection of mixed types is not run in chunks: each record is written for itself, and no trigger of another "
    "record can fail it.",
    "The nodes of a graph may refer to earlier nodes only.",
    "The message of an error that the vendor's documents do not quote is worded freely; its code is the vendor's.",
    "A date before the year 1700 or after 4000 is refused with FIELD_INTEGRITY_EXCEPTION.",
    "Currencies have one rate each: dated exchange rates are absent.",
    "Of an object's describe, layouts, quick actions and list views are absent.",
    "The limits of field history (20 fields, 24 months) are not enforced.",
    "TaskRelation, TaskWhoRelation and EventRelation are absent: an activity has one WhoId.",
    "Tasks and events are never archived by age.",
    "Accounts cannot be campaign members.",
    "Assignment rules run on updates too, unless the call says Sforce-Auto-Assign: FALSE.",
    "A duplicate rule whose action is `report` makes no DuplicateRecordSet; fuzzy matching takes texts for alike whose "
    "likeness is 0.8.",
    "Formulas have no time-of-day functions, no $Permission and no $Label; ids in them have 15 characters.",
    "Search knows neither stemming nor WITH clauses, and finds a record at once, without the vendor's lag.",
    "Bulk: the wording of the errors of jobs is not the vendor's throughout. Hard deletion needs no permission. "
    "Of the jobs that ended at most the newest 2,000 are kept, and no more than hold 400 million characters.",
    "getUpdated and getDeleted answer at once for every change; the delete log is never pruned within its 15 days.",
    "SOAP: the order that the WSDL prescribes for elements is not enforced; login() answers that it is not emulated.",
    "Lead conversion: a convertedStatus that is none is answered with INVALID_STATUS; bypassAccountDedupeCheck and "
    "bypassContactDedupeCheck both act like allowSave.",
    "What a merge or a deletion changes in other records runs no validation rule and no assignment rule.",
    "Change events: the bus holds at most 500,000 events, whatever the retention.",
    "Pub/Sub: Publish, PublishStream and ManagedSubscribe answer UNIMPLEMENTED; the gRPC statuses of several error "
    "codes are guessed; a replay id inside the valid range that was never issued is accepted.",
    "Outbound Messages: the first retry comes after 15 seconds, each further one after twice as long, up to 2 hours; "
    "the vendor documents growing intervals only. No client certificate is presented.",
    "Limits that the sandbox does not use, such as those of analytics, always show their maximum. Nothing is refused "
    "for lack of storage, and there is no limit of concurrent calls.",
    "SOQL: days are counted in the time zone of the user who asks, weeks always from Sunday, and fiscal years by the "
    "organisation's FiscalYearStartMonth; there are no custom fiscal years, and FORMAT() knows en_US alone.",
    "SOQL: WITH DATA CATEGORY and other filters, UPDATE TRACKING and VIEWSTAT, and scopes other than everything and "
    "mine are refused as not emulated. FOR VIEW, FOR REFERENCE, FOR UPDATE, and WITH SECURITY_ENFORCED or USER_MODE "
    "change nothing: no LastViewedDate is set and no row is locked.",
    "SOQL: a query with sub-queries has batches of 500, and each record's children a first batch of 499; how the "
    "vendor shares a batch between several parents is not documented.",
    "SOQL: `>` and `<=` beside LAST_N_DAYS:n mean its first moment, and beside every other date literal its end; the "
    "vendor documents neither. The words of refusals that the vendor does not publish are the sandbox's own.",
    "SOQL: toLabel() knows one language, texts sort by code point whatever their case, and COUNT() and LIMIT have no "
    "ceiling but the number of records.",
)


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
