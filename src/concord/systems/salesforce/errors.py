"""What Salesforce's error codes mean, in ONE table, and the parser of its error bodies (api/salesforce.md 3.3, 18, 21).
docs/failures.md is made from the table. The codes of the Pub/Sub API are a vocabulary of their own, with a table of
their own at the end (section 10).

Pure. Messages are kept as Salesforce words them, without the values of a person's fields that some of them quote.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from concord.core.model import Failure
from concord.errors import Category, RemoteBusy, RemoteError, RemoteRefused, RemoteUnknown
from concord.systems.salesforce.wire import SYSTEM, id18

#: Seconds between two looks at whether the day's quota has room again (section 21: every 15 minutes).
PROBE: Final = 900.0
#: A sub-request that was undone, or never tried, because of another one.
HALTED: Final = "PROCESSING_HALTED"


@dataclass(frozen=True)
class Meaning:
    """What to do about some codes (parted by blanks; none: what is not told by a code).

    transient: the same write may succeed later. moved: the record is not what it was when it was read, so it is read
    and decided anew. again: this call tries it again itself, after a moment. after: seconds to wait at least.
    """

    category: Category
    advice: str
    codes: str = ""
    transient: bool = False
    moved: bool = False
    again: bool = False
    after: float | None = None


#: Every code of the REST and SOAP APIs that a sync may meet; docs/failures.md is made from it. A code that is not here
#: is `UNKNOWN`. Names are those of the Partner and Tooling WSDL (StatusCode, ExceptionCode) and of REST.
TABLE: Final[tuple[Meaning, ...]] = (
    # --- the account
    Meaning(
        Category.PERMISSION,
        "Check the External Client App, its run-as user and the org's API access control",
        "INVALID_SESSION_ID INVALID_AUTH_HEADER INVALID_ACCESS_TOKEN",
    ),
    Meaning(
        Category.PERMISSION,
        "The org or the integration user may not use the API: check the edition, the user and the app",
        "API_DISABLED_FOR_ORG API_CURRENTLY_DISABLED INVALID_LOGIN CLIENT_NOT_ACCESSIBLE_FOR_USER INVALID_CLIENT "
        "CLIENT_REQUIRE_UPDATE_FOR_USER UNSUPPORTED_CLIENT MUTUAL_AUTHENTICATION_FAILED ORG_LOCKED TRIAL_EXPIRED "
        "ORG_NOT_OWNED_BY_INSTANCE ORG_IS_SIGNING_UP PASSWORD_LOCKOUT INVALID_OPERATION_WITH_EXPIRED_PASSWORD "
        "LOGIN_DURING_RESTRICTED_DOMAIN LOGIN_DURING_RESTRICTED_TIME LOGIN_MUST_USE_SECURITY_TOKEN "
        "LOGIN_CHALLENGE_ISSUED LOGIN_CHALLENGE_PENDING",
    ),
    Meaning(
        Category.PERMISSION,
        "A transaction security policy of the org blocks the integration user: except it from the policy in Setup",
        "TXN_SECURITY_NO_ACCESS TXN_SECURITY_TWO_FA_REQUIRED TXN_SECURITY_END_A_SESSION TXN_SECURITY_APEX_ERROR "
        "TXN_SECURITY_RUNTIME_ERROR TXN_SECURITY_METERING_ERROR",
    ),
    # --- limits and outages
    Meaning(
        Category.QUOTA,
        "The org's daily API requests are used up; it goes on when there is room again",
        "REQUEST_LIMIT_EXCEEDED EXCEEDED_QUOTA",
        transient=True,
        after=PROBE,
    ),
    Meaning(
        Category.QUOTA,
        "The org has no room for new records: free storage or licences in Salesforce",
        "STORAGE_LIMIT_EXCEEDED LICENSE_LIMIT_EXCEEDED LIMIT_EXCEEDED",
    ),
    Meaning(
        Category.NETWORK,
        "Salesforce is busy or in maintenance; it is tried again",
        "SERVER_UNAVAILABLE INTERNAL_ERROR UNKNOWN_EXCEPTION QUERY_TIMEOUT REQUEST_RUNNING_TOO_LONG ORG_IN_MAINTENANCE "
        "FUNCTIONALITY_TEMPORARILY_UNAVAILABLE INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE SSO_SERVICE_DOWN "
        "TERRITORY_REALIGN_IN_PROGRESS",
        transient=True,
    ),
    # --- the moment
    Meaning(
        Category.RECORD_LOCK,
        "Somebody else is writing the same records; it is tried again",
        "UNABLE_TO_LOCK_ROW TOO_MANY_APEX_REQUESTS ALREADY_IN_PROCESS RECORD_IN_USE_BY_WORKFLOW",
        transient=True,
        again=True,
    ),
    Meaning(
        Category.RECORD_LOCK,
        "The record is locked by an approval or archived; unlock it, or wait until the approval is done",
        "ENTITY_IS_LOCKED ENTITY_IS_ARCHIVED",
        transient=True,
        after=PROBE,
    ),
    Meaning(
        Category.CONFLICT,
        "Another record of the same call failed; it is tried again",
        "ALL_OR_NONE_OPERATION_ROLLED_BACK PROCESSING_HALTED BATCH_PROCESSING_HALTED",
        transient=True,
        again=True,
    ),
    Meaning(
        Category.CONFLICT,
        "Somebody changed the record meanwhile; it is decided anew",
        "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE PRECONDITION_FAILED COLLISION_DETECTED",
        moved=True,
    ),
    Meaning(
        Category.MISSING_RECORD,
        "The record was deleted or merged, or is hidden from the integration user",
        "ENTITY_IS_DELETED NOT_FOUND MISSING_RECORD",
        moved=True,
    ),
    Meaning(
        Category.MISSING_RECORD,
        "The lead was converted; its contact takes its place",
        "CANNOT_UPDATE_CONVERTED_LEAD",
        moved=True,
    ),
    # --- the record and its values
    Meaning(
        Category.VALIDATION_RULE,
        "Correct the value, or change the validation rule in Salesforce that refuses it",
        "FIELD_CUSTOM_VALIDATION_EXCEPTION ENTITY_SAVE_VALIDATION_ERROR FIELD_MODERATION_RULE_BLOCK "
        "FIELD_KEYWORD_LIST_MATCH_LIMIT",
    ),
    Meaning(
        Category.VALIDATION_RULE,
        "The value does not go with the record's other fields: the message says which (a state that is not of the "
        "country, a contact of another account, a record type without the option)",
        "FIELD_INTEGRITY_EXCEPTION INVALID_STATUS INVALID_CONVERTED_STATUS UNAVAILABLE_RECORDTYPE_EXCEPTION "
        "CANNOT_REPARENT_RECORD INVALID_PERSON_ACCOUNT_OPERATION CANNOT_CASCADE_PRODUCT_ACTIVE "
        "STANDARD_PRICE_NOT_DEFINED PRIVATE_CONTACT_ON_ASSET MANAGER_NOT_DEFINED NO_APPLICABLE_PROCESS",
    ),
    Meaning(
        Category.VALIDATION_RULE,
        "The lookup filter of the field refuses the record that it is to point to: choose another one, or change the "
        "filter in Salesforce",
        "FIELD_FILTER_VALIDATION_EXCEPTION FILTERED_LOOKUP_LIMIT_EXCEEDED",
    ),
    Meaning(
        Category.VALIDATION_RULE,
        "A trigger or flow in Salesforce failed on this record: its message says which one",
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY CANNOT_EXECUTE_FLOW_TRIGGER FLOW_EXCEPTION APEX_ERROR CUSTOM_APEX_ERROR "
        "APEX_TRIGGER_COUPLING_LIMIT MAX_DEPTH_IN_FLOW_EXECUTION SELF_REFERENCE_FROM_FLOW SELF_REFERENCE_FROM_TRIGGER "
        "ENTITY_SAVE_ERROR MIXED_DML_OPERATION UNSUPPORTED_APEX_TRIGGER_OPERATON",
    ),
    Meaning(
        Category.VALIDATION_RULE,
        "The parent accounts would form a circle, or too deep or wide a tree: correct the parent on either side",
        "CIRCULAR_DEPENDENCY MAXIMUM_HIERARCHY_CHILDREN_REACHED MAXIMUM_HIERARCHY_LEVELS_REACHED "
        "MAXIMUM_HIERARCHY_TREE_SIZE_REACHED",
    ),
    Meaning(
        Category.REQUIRED_FIELD,
        "Fill the field, map it, or give it a constant or a default in the configuration",
        "REQUIRED_FIELD_MISSING ASSIGNEE_TYPE_REQUIRED UNSPECIFIED_EMAIL_ADDRESS",
    ),
    Meaning(
        Category.DATA_TYPE,
        "Correct the value so that it fits the field, or map it to a field that holds it",
        "INVALID_EMAIL_ADDRESS STRING_TOO_LONG NUMBER_OUTSIDE_VALID_RANGE JSON_PARSER_ERROR INVALID_DATE_FORMAT "
        "INVALID_ARGUMENT_TYPE INVALID_TYPE_ON_FIELD_IN_RECORD INVALID_CURRENCY_ISO INVALID_CURRENCY_CONV_RATE "
        "INVALID_INET_ADDRESS INVALID_MARKUP UNSAFE_HTML_CONTENT TEXT_DATA_OUTSIDE_SUPPORTED_CHARSET "
        "MAX_TASK_DESCRIPTION_EXCEEEDED INVALID_RUNTIME_VALUE EMAIL_ADDRESS_BOUNCED",
    ),
    Meaning(
        Category.PICKLIST,
        "Add the option to the picklist in Salesforce (and to the record's record type), or map it under `options` in "
        "the configuration",
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST TOO_MANY_ENUM_VALUE",
    ),
    Meaning(
        Category.DUPLICATE_RULE,
        "A duplicate rule in Salesforce blocks it: link the existing record, or review the pair",
        "DUPLICATES_DETECTED FIND_DUPLICATES_ERROR",
    ),
    Meaning(
        Category.DUPLICATE_RULE,
        "Another record already has this unique value: link that one, or review it",
        "DUPLICATE_VALUE DUPLICATE_EXTERNAL_ID DUPLICATE_USERNAME DUPLICATE_ARGUMENT_VALUE",
    ),
    Meaning(
        Category.MISSING_RECORD,
        "The record that the field points to does not exist or is hidden: sync that one first",
        "INVALID_CROSS_REFERENCE_KEY INVALID_CROSS_REFERENCE_TYPE_FOR_FIELD MALFORMED_ID UNAVAILABLE_REF "
        "BAD_CUSTOM_ENTITY_PARENT_DOMAIN",
    ),
    # --- mapping and rights
    Meaning(
        Category.MAPPING,
        "The field does not exist, cannot be written, or is hidden from the integration user: mend the mapping or "
        "rights",
        "INVALID_FIELD INVALID_FIELD_FOR_INSERT_UPDATE FIELD_NOT_UPDATABLE INVALID_TYPE INVALID_TYPE_FOR_OPERATION "
        "INVALID_ID_FIELD ENTITY_NOT_QUERYABLE INVALID_ENTITY_FOR_UPSERT FUNCTIONALITY_NOT_ENABLED "
        "REQUIRED_FEATURE_MISSING",
    ),
    Meaning(
        Category.PERMISSION,
        "Give the integration user the right to do this (permission set, sharing, field access)",
        "INSUFFICIENT_ACCESS_OR_READONLY INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY INSUFFICIENT_ACCESS "
        "APEX_DATA_ACCESS_RESTRICTION INVALID_READ_ONLY_USER_DML TRANSFER_REQUIRES_READ CHILD_SHARE_FAILS_PARENT "
        "SHARE_NEEDED_FOR_CHILD_OWNER INVALID_ACCESS_LEVEL PACKAGE_LICENSE_REQUIRED COMMUNITY_NOT_ACCESSIBLE "
        "PORTAL_NO_ACCESS",
    ),
    Meaning(
        Category.PERMISSION,
        "The owner is not active or may not own this: choose another one, or set a default owner",
        "INACTIVE_OWNER_OR_USER INVALID_OWNER INVALID_ASSIGNEE_TYPE OP_WITH_INVALID_USER_TYPE_EXCEPTION "
        "USER_OWNS_PORTAL_ACCOUNT_EXCEPTION INVALID_ASSIGNMENT_RULE NO_SUCH_USER_EXISTS",
    ),
    # --- a record that other records or settings hold
    Meaning(
        Category.VALIDATION_RULE,
        "Other records depend on this one in Salesforce: the message says which; mend them first",
        "DEPENDENCY_EXISTS DELETE_FAILED DELETE_REQUIRED_ON_CASCADE UNDELETE_FAILED MERGE_FAILED",
    ),
    # --- the call
    Meaning(Category.INTERNAL, "The page chain expired; it is begun again", "INVALID_QUERY_LOCATOR INVALID_LOCATOR"),
    Meaning(
        Category.INTERNAL,
        "Set salesforce.api_version to a version that the org lists under /services/data/",
        "UNSUPPORTED_API_VERSION",
    ),
    Meaning(
        Category.INTERNAL,
        "This is a fault in Concord: please report it with the code",
        "MALFORMED_QUERY MISSING_ARGUMENT EXCEEDED_ID_LIMIT INVALID_REPLICATION_DATE EXCEEDED_MAX_SIZE_REQUEST "
        "EXCEEDED_MAX_SOBJECTS EXCEEDED_MAX_TYPES_LIMIT EXCEEDED_LEAD_CONVERT_LIMIT OPERATION_TOO_LARGE "
        "QUERY_TOO_COMPLICATED INVALID_BATCH_SIZE INVALID_BATCH_REQUEST INVALID_INPUT INVALID_QUERY_FILTER_OPERATOR "
        "METHOD_NOT_ALLOWED UNSUPPORTED_MEDIA_TYPE POST_BODY_PARSE_ERROR XML_PARSER_ERROR CIRCULAR_OBJECT_GRAPH "
        "INVALID_SOAP_HEADER ILLEGAL_QUERY_PARAMETER_VALUE TOO_MANY_RECORDS REQUEST_ENTITY_TOO_LARGE",
    ),
)
BY_CODE: Final[Mapping[str, Meaning]] = {code: meaning for meaning in TABLE for code in meaning.codes.split()}
#: A code that nobody here has heard of: it waits for a person at once, with Salesforce's own words.
UNKNOWN: Final = Meaning(
    Category.INTERNAL, "Concord does not know this code: Salesforce's message says what it refused. Please report it"
)
#: The code REQUEST_LIMIT_EXCEEDED stands for this too, where its message begins with "Concurrent".
TOGETHER: Final = Meaning(Category.RATE_LIMIT, "Too many calls to the org at once; it is tried again", transient=True)
_SIGN_IN, _PASSING = BY_CODE["INVALID_SESSION_ID"], BY_CODE["SERVER_UNAVAILABLE"]
_MOVED, _OURS = BY_CODE["PRECONDITION_FAILED"], BY_CODE["MISSING_ARGUMENT"]


@dataclass(frozen=True)
class Complaint:
    """One error of a body, whichever of its shapes it came in. duplicates: ids of the matches, by object name."""

    code: str
    message: str
    fields: tuple[str, ...] = ()
    duplicates: tuple[tuple[str, str], ...] = ()

    @property
    def meaning(self) -> Meaning:
        if self.code == "REQUEST_LIMIT_EXCEEDED" and self.message.startswith("Concurrent"):
            # One code for two limits. That of calls at the same time passes in seconds (section 21, contention); taken
            # for the day's, it would stop all work for a quarter of an hour.
            return TOGETHER
        return BY_CODE.get(self.code, UNKNOWN)


def complaints(body: Any) -> tuple[Complaint, ...]:
    """The errors in a body: an array, one object, an OAuth error, a list of per-record `errors`; none in a page."""
    if isinstance(body, list):
        return tuple(found for part in body for found in complaints(part))
    if not isinstance(body, Mapping):
        return ()
    if isinstance(body.get("errors"), list) and "errorCode" not in body and "statusCode" not in body:
        return complaints(body["errors"])
    code = body.get("errorCode") or body.get("statusCode") or body.get("error")
    if not code:
        return ()
    message = body.get("message") or body.get("error_description") or ""
    fields = body.get("fields")
    return (
        Complaint(
            str(code),
            _discreet(str(code), str(message)),
            tuple(str(name) for name in fields) if isinstance(fields, list) else (),
            _matches(body),
        ),
    )


def _matches(body: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The records a duplicate rule found, as (object, id). The key really is misspelt in many versions (section 18)."""
    result = body.get("duplicateResut") or body.get("duplicateResult") or {}
    found: dict[tuple[str, str], None] = {}
    for match in result.get("matchResults") or ():
        for row in match.get("matchRecords") or ():
            record = row.get("record") or {}
            if record.get("Id"):
                kind = (record.get("attributes") or {}).get("type") or match.get("entityType") or ""
                found[str(kind), id18(str(record["Id"]))] = None
    return tuple(found)


#: Characters of a message that are kept.
_LONGEST: Final = 500
_EMAIL = re.compile(r"[^\s@'\"<>(),;:=]+@[^\s@'\"<>(),;:=]+")
_QUOTED_VALUES = (
    (re.compile(r"(data value too large: ).*(?= \(max length)", re.DOTALL), r"\1(value)"),
    (re.compile(r"(invalid email address: ).*", re.DOTALL | re.IGNORECASE), r"\1(value)"),
    (re.compile(r"(from VALUE_[A-Z]+ value ).*(?= or request)", re.DOTALL), r"\1(value)"),
)


def _discreet(code: str, message: str) -> str:
    """The message without the values that it quotes: messages go to logs, and logs carry no personal data."""
    for pattern, instead in _QUOTED_VALUES:
        message = pattern.sub(instead, message)
    if code == "MALFORMED_QUERY":
        message = re.sub(r"'(?:[^'\\]|\\.)*'", "'(value)'", message)
    return _EMAIL.sub("(e-mail address)", message)[:_LONGEST]


_RECORD_ID = re.compile(r"\bid:?\s+([0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?)\b")


def _holder(complaint: Complaint, object_name: str) -> str | None:
    """The id of the record of this object that already has the value, where exactly one is told."""
    if complaint.code == "DUPLICATES_DETECTED":
        ids = [found for kind, found in complaint.duplicates if kind in ("", object_name)]
        return ids[0] if len(ids) == 1 and len(complaint.duplicates) == 1 else None
    if complaint.code == "DUPLICATE_VALUE":
        told = _RECORD_ID.search(complaint.message)
        return id18(told.group(1)) if told else None
    return None


def failure(status: int, body: Any, object_name: str) -> Failure:
    """Why one record of a batch was refused: from a sub-request's status and body, or a row's `errors`."""
    told = complaints(body)
    first = told[0] if told else _by_status(status)
    meaning = _MOVED if status == 412 else first.meaning
    unknown = not told and status in (500, 502, 504)
    words = tuple(dict.fromkeys(complaint.message for complaint in told if complaint.message))
    return Failure(
        meaning.category,
        "; ".join(words)[:_LONGEST] or first.message or first.code,
        code=first.code,
        fields=tuple(dict.fromkeys(name for complaint in told for name in complaint.fields)),
        advice=meaning.advice,
        transient=meaning.transient or unknown,
        unknown=unknown,
        moved=meaning.moved,
        holder=_holder(first, object_name),
        after=meaning.after,
    )


def hot(object_name: str) -> Failure:
    """The answer for a write that is not sent, because the record changed within the very second it was read in.

    Salesforce compares whole seconds, so another edit in that second could not be noticed (section 3.1).
    """
    return Failure(
        Category.CONFLICT,
        f"the {object_name} was changed in the second it was read in",
        code="HOT",
        advice="Nothing was written; it is read and decided anew in a second",
        transient=True,
        moved=True,
        after=1.0,
    )


def of_error(error: RemoteError) -> Failure:
    """A failed call as the failure of one of the records in it."""
    return Failure(
        error.category,
        str(error),
        code=error.code,
        fields=error.fields,
        advice=error.advice,
        transient=error.retry,
        unknown=isinstance(error, RemoteUnknown),
        whole=True,
        after=error.after,
    )


def tries_again(found: Failure) -> bool:
    """Whether a record refused with this is tried again within the same call."""
    meaning = BY_CODE.get(found.code or "")
    return meaning is not None and meaning.again


def halted(body: Any) -> bool:
    """Whether a sub-request failed for another's sake alone: it has no fault of its own, and nothing of it was done."""
    told = complaints(body)
    return bool(told) and all(complaint.code == HALTED for complaint in told)


#: What a bare status means when the body tells no code (a gateway's page).
_STATUS: Final[Mapping[int, tuple[str, str]]] = {
    401: ("INVALID_SESSION_ID", "the token was refused"),
    403: ("INSUFFICIENT_ACCESS_OR_READONLY", "access was refused"),
    404: ("NOT_FOUND", "the address does not exist"),
    412: ("PRECONDITION_FAILED", "the record changed after it was read"),
    429: ("SERVER_UNAVAILABLE", "too many requests at once"),
    503: ("SERVER_UNAVAILABLE", "the instance is not available"),
}


def _by_status(status: int) -> Complaint:
    if status in _STATUS:
        return Complaint(*_STATUS[status])
    if status >= 500:
        return Complaint("SERVER_UNAVAILABLE", f"the server failed (HTTP {status})")
    return Complaint(f"HTTP_{status}", f"HTTP {status} without a reason; check the configured address")


def call_error(status: int, body: Any, headers: Mapping[str, str]) -> RemoteError:
    """What a bad answer to a whole call means (see `http.Vendor.error`)."""
    told = complaints(body)
    if told and isinstance(body, Mapping) and "error" in body:
        return _sign_in_error(status, told[0])
    if is_fault(body):
        status = 400  # every fault of SOAP comes with 500, whoever is to blame; its code says that
    first = told[0] if told else _by_status(status)
    meaning = first.meaning
    kind: type[RemoteError] = RemoteBusy if meaning.transient else RemoteRefused
    if not told and status in (500, 502, 504):
        kind = RemoteUnknown  # a gateway gave up waiting, or the server broke: it may have been carried out
    elif status >= 500 and kind is RemoteRefused:
        kind, meaning = RemoteBusy, _PASSING
    return kind(
        SYSTEM,
        meaning.category,
        first.message or first.code,
        code=first.code,
        fields=first.fields,
        advice=meaning.advice,
        after=_after(headers) if meaning.after is None else meaning.after,
    )


def _sign_in_error(status: int, told: Complaint) -> RemoteError:
    """Sign-in fails for a lasting reason, except when the server is in trouble (section 2.2)."""
    message = f"sign in: {told.message or told.code}"
    if status >= 500 or told.code == "rate_limit_exceeded":
        category = Category.NETWORK if status >= 500 else Category.RATE_LIMIT
        return RemoteBusy(SYSTEM, category, message, code=told.code, advice=_PASSING.advice)
    return RemoteRefused(SYSTEM, Category.PERMISSION, message, code=told.code, advice=_SIGN_IN.advice)


def _after(headers: Mapping[str, str]) -> float | None:
    told = headers.get("retry-after", "")
    return float(told) if told.isdigit() else None


#: Marks what soap.py made of a fault of the SOAP API; the rest of it is as the REST API's errors are.
FAULT: Final = "faultcode"


def is_fault(body: Any) -> bool:
    """Whether a body is a fault of the SOAP API (section 12), as soap.py reads it."""
    return isinstance(body, Mapping) and FAULT in body


def signed_out(status: int, body: Any) -> bool:
    """Whether the answer says that the token is not valid any more (section 2.2)."""
    return (status == 401 or is_fault(body)) and any(
        complaint.code == "INVALID_SESSION_ID" for complaint in complaints(body)
    )


# --- the Pub/Sub API (section 10)


class PositionLost(RemoteRefused):
    """The replay id is expired, or none of this org: what came after it may have been missed."""


class AllocationSpent(RemoteBusy):
    """The events that may be delivered in 24 hours are used up (section 9.2)."""


class StreamSignedOut(RemoteBusy):
    """The access token was refused: a fresh one may be taken."""


#: Every code begins so.
EVENT_PREFIX: Final = "sfdc.platform.eventbus.grpc."

_STREAM = Meaning(Category.NETWORK, "The Pub/Sub API is not available; it is tried again", transient=True)
_SLOWER = Meaning(
    Category.RATE_LIMIT, "Too many subscribers or requests at the org's Pub/Sub API; it is tried again", transient=True
)
_REPLAY = Meaning(Category.MISSING_RECORD, "Events are followed from now on, and the objects are asked what changed")
_NO_TOPIC = Meaning(
    Category.PERMISSION,
    "Select the object under Setup, Integrations, Change Data Capture; Professional Edition does not have it",
)
_NO_SUBSCRIPTION = Meaning(
    Category.PERMISSION, "Give the integration user View All on the object, or View All Data, and read access to it"
)
_NO_PUBSUB = Meaning(
    Category.PERMISSION, "The org's edition or licence has no Pub/Sub API: Salesforce is asked at intervals instead"
)
_STREAM_SIGN_IN = Meaning(
    Category.PERMISSION,
    "Check that the org's session settings do not lock sessions to the address they began at, and the app's policies",
    transient=True,
)
_DELIVERED = Meaning(
    Category.QUOTA,
    "The org's daily delivered events are used up: it is asked at intervals until there is room again",
    transient=True,
    after=PROBE,
)
_UNREADABLE = Meaning(
    Category.PERMISSION, "The schema of an event may not be read: check the integration user's rights"
)

#: Code, without its prefix -> what it means.
EVENT_TABLE: Final[Mapping[str, tuple[type[RemoteError], Meaning]]] = {
    "service.auth.error": (StreamSignedOut, _STREAM_SIGN_IN),
    "service.auth.headers.invalid": (StreamSignedOut, _STREAM_SIGN_IN),
    "service.tenant.license": (RemoteRefused, _NO_PUBSUB),
    "topic.not.found": (RemoteRefused, _NO_TOPIC),
    "topic.meta.permission": (RemoteRefused, _NO_SUBSCRIPTION),
    "topic.validation.empty": (RemoteRefused, _OURS),
    "schema.meta.permission": (RemoteRefused, _UNREADABLE),
    "schema.validation.failed": (RemoteRefused, _OURS),
    "subscription.topic.cannot.subscribe": (RemoteRefused, _NO_SUBSCRIPTION),
    "subscription.fetch.replayid.validation.failed": (PositionLost, _REPLAY),
    "subscription.fetch.replayid.corrupted": (PositionLost, _REPLAY),
    "subscription.fetch.requested.events.invalid": (RemoteRefused, _OURS),
    "subscription.fetch.topic.mismatch": (RemoteRefused, _OURS),
    "subscription.limit.exceeded": (AllocationSpent, _DELIVERED),
    **dict.fromkeys(
        (
            "concurrent.client.limit.exceeded",
            "service.protection.triggered",
            "service.protection.stream.limit.triggered",
        ),
        (RemoteBusy, _SLOWER),
    ),
    **dict.fromkeys(
        (
            "service.unavailable",
            "topic.api.unavailable",
            "schema.api.unavailable",
            "subscription.internal.error",
            "subscription.fetch.overflow",
            "subscription.fetch.replay.repeated",
        ),
        (RemoteBusy, _STREAM),
    ),
}
#: What a gRPC status means that came without a code that is known: a proxy's, or the connection's. Others pass.
_EVENT_STATUS: Final[Mapping[str, tuple[type[RemoteError], Meaning]]] = {
    "UNAUTHENTICATED": (StreamSignedOut, _STREAM_SIGN_IN),
    "PERMISSION_DENIED": (RemoteRefused, _NO_SUBSCRIPTION),
    "NOT_FOUND": (RemoteRefused, _NO_TOPIC),
    "UNIMPLEMENTED": (
        RemoteRefused,
        Meaning(
            Category.INTERNAL, "Check that the configured address is the Pub/Sub API's, and that proxies let it by"
        ),
    ),
    "INVALID_ARGUMENT": (RemoteRefused, _OURS),
}

#: What the words of every such status end with.
_RPC_ID: Final = re.compile(r"\s*rpcId: \S+")


def event_error(status: str, code: str | None, words: str, asked: str) -> RemoteError:
    """What a failed call of the Pub/Sub API means. status: gRPC's name of it. code: the trailer `error-code`, where one
    came. words: the status' own. asked: what was called, for people."""
    known = EVENT_TABLE.get((code or "").removeprefix(EVENT_PREFIX))
    kind, meaning = known or _EVENT_STATUS.get(status, (RemoteBusy, _STREAM))
    told = _discreet("", _RPC_ID.sub("", words).strip()) or status
    return kind(
        SYSTEM, meaning.category, f"{asked}: {told}", code=code or status, advice=meaning.advice, after=meaning.after
    )
