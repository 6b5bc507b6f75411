"""What HubSpot's bad answers mean: one table (api/hubspot.md, sections 3 and 4). Pure; sends nothing.

Every part of an error body is optional. Texts are shown to administrators and go to logs, so addresses are taken out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from concord.core.model import Failure
from concord.errors import Category, RemoteBusy, RemoteError, RemoteRefused, RemoteUnknown

SYSTEM: Final = "hubspot"


@dataclass(frozen=True)
class Meaning:
    """What one kind of refusal means. busy: nothing was done and it passes. unknown: it may have been carried out."""

    category: Category
    advice: str = ""
    busy: bool = False
    unknown: bool = False
    after: float | None = None


_DATA = "Correct the value, or map the property to a field of a matching type"
_RULE = "Correct the value, or relax the property's rule"
_KEYS = "Check the token, or install the app again and configure the new token"
_LATER = "It is tried again by itself"
_SCOPES = "Check which scopes the app may have, and add those that are missing"
_NO_APP = "The app may not sign in this way: use a project app with OAuth and its client id and secret"
_TAKEN_VALUE = "Another record has this value already: link or merge the two"
_REPORT = "Report this to the makers of Concord"
_EDGE = "The TLS connection fails at HubSpot's edge; it is tried again"

#: (HTTP status or None, category as a pattern, code as a pattern) -> meaning; the first that fits counts.
#: docs/failures.md is made from it. What fits nothing is `UNHEARD`, or from 500 on `OUTAGE`.
TABLE: Final[tuple[tuple[int | None, str, str, Meaning], ...]] = (
    # --- sign-in: the token endpoint names its trouble in `status` or `error` (section 2.3)
    (
        400,
        "*",
        "BAD_REFRESH_TOKEN",
        Meaning(Category.PERMISSION, "The app was removed or its access revoked: " + _KEYS),
    ),
    (400, "*", "invalid_grant", Meaning(Category.PERMISSION, "The app was removed or its access revoked: " + _KEYS)),
    (None, "*", "BAD_SCOPES", Meaning(Category.PERMISSION, _SCOPES)),
    (None, "*", "invalid_scope", Meaning(Category.PERMISSION, _SCOPES)),
    (None, "*", "BAD_GRANT_TYPE", Meaning(Category.PERMISSION, _NO_APP)),
    (None, "*", "unsupported_grant_type", Meaning(Category.PERMISSION, _NO_APP)),
    (None, "*", "unauthorized_client", Meaning(Category.PERMISSION, _NO_APP)),
    (400, "*", "BAD_*", Meaning(Category.PERMISSION, "Check the client id, the client secret and the scopes")),
    (400, "*", "invalid_client", Meaning(Category.PERMISSION, "Check the client id and the client secret")),
    (400, "*", "access_denied", Meaning(Category.PERMISSION, "The account is gone or closed: " + _KEYS)),
    (401, "*", "*", Meaning(Category.PERMISSION, _KEYS)),
    # --- rights
    (403, "MISSING_SCOPES", "*", Meaning(Category.PERMISSION, "Grant the app these scopes")),
    (403, "BANNED", "*", Meaning(Category.PERMISSION, "HubSpot has blocked the app or the account: ask its support")),
    (403, "*", "*", Meaning(Category.PERMISSION, "Ask the account's super admin what the app may do")),
    (None, "MISSING_SCOPES", "*", Meaning(Category.PERMISSION, "Grant the app these scopes")),
    (None, "*", "INVALID_AUTHENTICATION", Meaning(Category.PERMISSION, _KEYS)),
    # --- the record
    (409, "*", "*", Meaning(Category.DUPLICATE_RULE, _TAKEN_VALUE)),
    (404, "*", "*", Meaning(Category.MISSING_RECORD, "The record was deleted or merged away")),
    (410, "*", "*", Meaning(Category.MISSING_RECORD, "What was asked for is not kept any more")),
    (None, "OBJECT_NOT_FOUND", "*", Meaning(Category.MISSING_RECORD, "The record was deleted or merged away")),
    (None, "CONFLICT", "*", Meaning(Category.DUPLICATE_RULE, _TAKEN_VALUE)),
    (None, "OBJECT_ALREADY_EXISTS", "*", Meaning(Category.DUPLICATE_RULE, _TAKEN_VALUE)),
    (None, "*", "*ALREADY_EXISTS", Meaning(Category.DUPLICATE_RULE, _TAKEN_VALUE)),
    (None, "*", "*UNIQUE*", Meaning(Category.DUPLICATE_RULE, _TAKEN_VALUE)),
    # --- its values: the codes in `errors[]`, or in the older form inside the message (section 4)
    (
        None,
        "*",
        "INVALID_OPTION",
        Meaning(Category.PICKLIST, "Add the option to the property, or map it under `options` in the configuration"),
    ),
    (None, "*", "REQUIRED*", Meaning(Category.REQUIRED_FIELD, "Map the property, or give it a default value")),
    (None, "*", "MISSING_REQUIRED*", Meaning(Category.REQUIRED_FIELD, "Map the property, or give it a default value")),
    (
        None,
        "*",
        "PROPERTY_DOESNT_EXIST",
        Meaning(Category.MAPPING, "Create the property, or take it out of the mapping"),
    ),
    (None, "*", "READ_ONLY*", Meaning(Category.MAPPING, "HubSpot sets this property itself: map it for reading only")),
    (
        None,
        "*",
        "INVALID_OWNER*",
        Meaning(Category.PERMISSION, "The owner is not active: map another one, or a default"),
    ),
    (None, "*", "INVALID_*", Meaning(Category.DATA_TYPE, _DATA)),
    (None, "*", "*TOO_L*", Meaning(Category.DATA_TYPE, _DATA)),
    (None, "*", "*OUT_OF_RANGE", Meaning(Category.DATA_TYPE, _DATA)),
    (None, "*", "FAILED_TO_PARSE*", Meaning(Category.DATA_TYPE, _DATA)),
    (None, "VALIDATION_ERROR", "*", Meaning(Category.VALIDATION_RULE, _RULE)),
    # --- limits and outages
    (429, "*", "DAILY", Meaning(Category.QUOTA, "The account's daily calls are used up until its midnight", busy=True)),
    (429, "*", "SECONDLY", Meaning(Category.RATE_LIMIT, _LATER, busy=True, after=1.0)),
    (429, "*", "*", Meaning(Category.RATE_LIMIT, _LATER, busy=True, after=10.0)),
    (None, "RATE_LIMIT*", "*", Meaning(Category.RATE_LIMIT, _LATER, busy=True, after=10.0)),
    (408, "*", "*", Meaning(Category.NETWORK, _LATER, unknown=True)),
    (423, "*", "*", Meaning(Category.RECORD_LOCK, _LATER, busy=True, after=2.0)),
    (477, "*", "*", Meaning(Category.NETWORK, "HubSpot is moving the account to another place; " + _LATER, busy=True)),
    (503, "*", "*", Meaning(Category.NETWORK, _LATER, busy=True)),
    (521, "*", "*", Meaning(Category.NETWORK, _LATER, busy=True)),
    (525, "*", "*", Meaning(Category.NETWORK, _EDGE, busy=True, after=30.0)),
    (526, "*", "*", Meaning(Category.NETWORK, _EDGE, busy=True, after=30.0)),
    (None, "INTERNAL_ERROR", "*", Meaning(Category.NETWORK, _LATER, unknown=True)),
    # --- the call
    (405, "*", "*", Meaning(Category.INTERNAL, _REPORT)),
    (413, "*", "*", Meaning(Category.INTERNAL, _REPORT)),
    (414, "*", "*", Meaning(Category.INTERNAL, _REPORT)),
    (415, "*", "*", Meaning(Category.INTERNAL, _REPORT)),
)
#: From 500 on: a server broke or a gateway gave up waiting, so the call may have been carried out.
OUTAGE: Final = Meaning(Category.NETWORK, _LATER, unknown=True)
#: What nobody here has heard of: it waits for a person at once, with HubSpot's own words.
UNHEARD: Final = Meaning(
    Category.INTERNAL, "Concord does not know this answer: HubSpot's message says what it refused. Please report it"
)

_ADDRESS: Final = re.compile(r"[^\s\"'<>:,;()\[\]{}]+(?:@|%40)[^\s\"'<>:,;()\[\]{}]+")
#: What a contact is refused with whose address another one has; the vendor names no property with it (section 4).
_TAKEN: Final = "Contact already exists"
#: Of an address (section 4), and of another unique property.
_HOLDER: Final = re.compile(r"Existing ID:\s*(\d+)|\b(\d+) already has that value")
_EXISTS: Final = re.compile(r"already (?:exists|has that value)", re.IGNORECASE)
#: The older form packs the details into the message as JSON text.
_PACKED_CODE: Final = re.compile(r'"error"\s*:\s*"([A-Z_]+)"')
_PACKED_NAME: Final = re.compile(r'"name"\s*:\s*"([A-Za-z0-9_]+)"')
_NAMED: Final = re.compile(r'[Pp]roperty "([A-Za-z0-9_]+)"')


@dataclass(frozen=True)
class Reading:
    """One refusal, understood. ids: record ids that it names, by which a batch's refusals find their records."""

    meaning: Meaning
    message: str
    code: str | None
    fields: tuple[str, ...]
    advice: str
    after: float | None
    holder: str | None
    ids: tuple[str, ...]
    trace: str | None

    def error(self) -> RemoteError:
        """The refusal of a whole call."""
        kind = RemoteBusy if self.meaning.busy else RemoteUnknown if self.meaning.unknown else RemoteRefused
        return kind(
            SYSTEM,
            self.meaning.category,
            self.message,
            code=self.code,
            fields=self.fields,
            advice=self.advice,
            after=self.after,
        )

    def failure(self) -> Failure:
        """The refusal of one record."""
        return Failure(
            self.meaning.category,
            self.message,
            code=self.code,
            fields=self.fields,
            advice=self.advice,
            transient=self.meaning.busy or self.meaning.unknown,
            unknown=self.meaning.unknown,
            holder=self.holder,
            after=self.after,
        )


def reading(
    status: int | None, body: Any, headers: Mapping[str, str] | None = None, until_midnight: float = 86_400.0
) -> Reading:
    """Understand a bad answer, or one item of a batch's `errors` (status None).

    until_midnight: seconds to the account's next midnight, when the daily limit is counted anew.
    """
    data: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    parts = [part for part in _list(data.get("errors")) if isinstance(part, Mapping)]
    raw = "; ".join(dict.fromkeys(str(m) for m in (data.get("message"), *(p.get("message") for p in parts)) if m))
    code = _code(status, data, parts, raw)
    category = str(data.get("category") or data.get("errorType") or "")
    meaning = _meaning(status, category, code or "", raw)
    scopes = _context(data, parts, ("requiredGranularScopes", "requiredScopes"))
    advice = meaning.advice + (": " + ", ".join(scopes) if scopes else "")
    return Reading(
        meaning=meaning,
        message=redacted(raw) or f"answered with status {status}",
        code=code or category or None,
        fields=_fields(data, parts, raw) or (("email",) if raw.startswith(_TAKEN) else ()),
        advice=advice,
        after=_after(status, meaning, headers or {}, until_midnight),
        holder=_holder(data, parts, raw) if meaning.category is Category.DUPLICATE_RULE else None,
        ids=_context(data, parts, ("ids", "id", "objectId", "objectIds", "fromObjectId", "invalidObjectIds"))
        + ((str(data["id"]),) if data.get("id") is not None else ()),
        trace=next(iter(_context(data, parts, ("objectWriteTraceId",))), None),
    )


def failure_of(error: RemoteError) -> Failure:
    """A failed call as the failure of each record it was for."""
    return Failure(
        error.category,
        str(error),
        code=error.code,
        fields=error.fields,
        advice="",  # the error's own text ends with it
        transient=error.retry,
        unknown=isinstance(error, RemoteUnknown),
        whole=True,
        after=error.after,
    )


def redacted(text: str) -> str:
    """The text without e-mail addresses: it goes to logs, which hold nobody's data (SPEC 11.4)."""
    return _ADDRESS.sub("(address)", text)


def _meaning(status: int | None, category: str, code: str, raw: str) -> Meaning:
    if status in (400, None) and _EXISTS.search(raw):
        status = 409
    for want, kind, name, meaning in TABLE:
        if want in (None, status) and fnmatchcase(category, kind) and fnmatchcase(code, name):
            return meaning
    return OUTAGE if status is not None and status >= 500 else UNHEARD


def _code(status: int | None, data: Mapping[str, Any], parts: list[Mapping[str, Any]], raw: str) -> str | None:
    if status == 429:
        # The policy is often missing; the sentence always says which limit it was.
        policy = str(data.get("policyName") or "").upper()
        if "DAILY" in policy or "daily" in raw.lower():
            return "DAILY"
        if "ten_secondly" in raw.lower() or "TEN_SECONDLY" in policy:
            return "TEN_SECONDLY"
        return "SECONDLY" if "secondly" in raw.lower() or "SECONDLY" in policy else None
    packed = _PACKED_CODE.search(raw)
    for found in (
        *(part.get("code") or part.get("subCategory") for part in parts),
        packed.group(1) if packed else None,
        data.get("code"),
        data.get("subCategory"),
        data.get("status") if data.get("status") != "error" else None,
        data.get("error"),
    ):
        if isinstance(found, str) and found:
            return found.rsplit(".", 1)[-1]
    return None


def _fields(data: Mapping[str, Any], parts: list[Mapping[str, Any]], raw: str) -> tuple[str, ...]:
    named = _context(data, parts, ("propertyName", "properties", "propertyNames"))
    inside = tuple(str(part["in"]) for part in parts if part.get("in") and part["in"] not in ("body", "query", "path"))
    packed = tuple(_PACKED_NAME.findall(raw)) + tuple(_NAMED.findall(raw))
    return tuple(dict.fromkeys(named + inside + packed))


def _context(data: Mapping[str, Any], parts: list[Mapping[str, Any]], names: tuple[str, ...]) -> tuple[str, ...]:
    """Every text under one of these names in the contexts of the body and of its parts."""
    found: list[str] = []
    for holder in (data, *parts):
        context = holder.get("context")
        if not isinstance(context, Mapping):
            continue
        for name in names:
            if context.get(name) is not None:
                found += [str(item) for item in _list(context[name])]
    return tuple(dict.fromkeys(found))


def _holder(data: Mapping[str, Any], parts: list[Mapping[str, Any]], raw: str) -> str | None:
    told = _HOLDER.search(raw)
    if told:
        return told.group(1) or told.group(2)
    return next(iter(_context(data, parts, ("existingId", "existingObjectId", "conflictingObjectId"))), None)


def _after(status: int | None, meaning: Meaning, headers: Mapping[str, str], until_midnight: float) -> float | None:
    told = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", told):
        return float(told)
    if status == 429 and meaning.category is Category.QUOTA:
        return until_midnight
    if status == 477:
        return 3600.0  # up to a day; told by Retry-After as a rule
    return meaning.after


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
