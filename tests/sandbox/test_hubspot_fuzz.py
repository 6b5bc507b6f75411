"""The HubSpot sandbox takes anything: whatever is sent to whichever route, by however many, is answered in its form.

Every route is sent bodies that are right but for some places, where Hypothesis puts what does not belong there; then
whole bodies, queries and paths of its own making. No answer may be a crash, each refusal has the form that the vendor
documents (API reference section 4), and what the account has become can be saved, loaded, and saved as the same.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sandbox.hubspot_world import OBJECTS, START, Hub, company, contact, inputs

from concord_sandbox.clock import SandboxClock
from concord_sandbox.hubspot import HubSpotService
from concord_sandbox.hubspot.urls import Urls
from concord_sandbox.service import Controls

fuzzed = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
Sent = tuple[str, str, str, bytes]
ROUTES = [one for one in Urls().listed("2026-09") if "pages/v1" not in one[2]]


OFFSET = "00000000-0000-4000-8000-000000000000"
_APP = {"client_id": "8c0e1f52-0000-4000-8000-5a17c0a11e57", "client_secret": "11111111-2222-3333-4444-555555555555"}
_REFRESH = "eu1-sandbox-refresh-0000-4000-8000-000000000002"


def _section() -> dict[str, Any]:
    """An account in which a write sets much else in motion."""
    branch = {"filterBranchType": "OR", "filterBranches": [{"filterBranchType": "AND", "filters": [{
        "filterType": "PROPERTY", "property": "city", "operation": {"operationType": "MULTISTRING", "operator":
        "IS_EQUAL_TO", "values": ["Bonn"]}}]}]}  # fmt: skip
    return {
        "daily_limit": 100_000_000,
        "list_lag_ms": 0,
        "automatic_lifecycle": True,
        "automatic_companies": True,
        "currencies": {"USD": 0.9},
        "objects": {
            "machines": {"id": "2-1001", "singular": "machine"},
            "boats": {"id": "2-1002", "singular": "boat", "associatedObjects": ["contacts"]},
        },
        "properties": {
            "contacts": [
                {"name": "sf_id", "label": "SF", "type": "string", "fieldType": "text", "hasUniqueValue": True},
                {"name": "colours", "label": "C", "type": "enumeration", "fieldType": "checkbox",
                 "options": [{"value": "red"}, {"value": "blue"}]},
                {"name": "size", "label": "S", "type": "number", "fieldType": "number"},
                {"name": "born", "label": "B", "type": "date", "fieldType": "date"},
                {"name": "seen", "label": "B", "type": "datetime", "fieldType": "date"},
            ],
            "machines": [{"name": "name", "label": "Name", "type": "string", "fieldType": "text"}],
            "boats": [{"name": "name", "label": "Name", "type": "string", "fieldType": "text"}],
        },
        "property_groups": {"contacts": [{"name": "spare", "label": "Spare"}]},
        "records": {
            "contacts": [
                contact(101, email="ann@example.com", firstname="Ann", city="Bonn"),
                contact(102, email="bob@example.com", firstname="Bob"),
                contact(103, firstname="Eve"),
                {**contact(104, firstname="Old"), "archived": True},
            ],
            "companies": [company(201, name="Acme", domain="acme.example"), company(202, name="Globex")],
            "deals": [contact(301, dealname="D", dealstage="appointmentscheduled", pipeline="default", amount="5")],
            "machines": [contact(401, name="M")],
        },
        "associations": [{"from": ["contacts", "101"], "to": ["companies", "201"], "types": [1, 279]}],
        "labels": [
            {"from": "contacts", "to": "companies", "label": "Boss", "typeId": 1001, "inverseTypeId": 1002},
            {"from": "boats", "to": "contacts", "label": None, "typeId": 1003, "inverseTypeId": 1004,
             "category": "HUBSPOT_DEFINED"},
        ],
        "association_limits": [{"from": "contacts", "to": "companies", "typeId": 1001, "maxToObjectIds": 3}],
        "statuses": [{"email": "carl@example.com", "subscriptionId": "2", "status": "UNSUBSCRIBED", "timestamp": 1}],
        "owners": [{"id": "9", "email": "o@example.com", "firstName": "O", "lastName": "P", "userId": 5}],
        "validations": {"contacts": {"phone": [{"ruleType": "MAX_LENGTH", "ruleArguments": ["20"]}]}},
        "lists": [
            {"listId": "1", "name": "By hand", "objectTypeId": "0-1", "processingType": "MANUAL", "members": ["101"]},
            {"listId": "2", "name": "Bonn", "objectTypeId": "0-1", "processingType": "DYNAMIC",
             "filterBranch": branch},
            {"listId": "3", "name": "Boats", "objectTypeId": "2-1002", "processingType": "MANUAL"},
        ],
        "sequences": {
            "sequences": [{"id": "7", "name": "Welcome", "userId": "5", "steps": [{"actionType": "EMAIL"}]}],
            "mailboxes": [{"userId": "5", "email": "sales@example.com"}],
            "enrollments": [{"id": "70", "contactId": "102", "sequenceId": "7", "senderEmail": "sales@example.com",
                             "enrolledAt": 1_795_424_400_000, "enrolledBy": "5", "toEmail": "bob@example.com"}],
        },
        "workflows": [{"name": "W", "object": "contacts", "when": {"property": "city", "equals": "Ulm"},
                       "do": [{"unenroll_sequences": True}, {"set": {"jobtitle": "x"}}]}],
        "webhooks": {"target_url": "http://127.0.0.1:9/nobody",
                     "subscriptions": [{"subscriptionType": "contact.propertyChange", "propertyName": "email"}]},
        "journal": {
            "subscriptions": [
                {"id": number, "subscriptionType": "OBJECT", "portalId": 62_515_001, "objectTypeId": kind, "actions":
                 ["CREATE", "UPDATE"], "properties": [], "objectIds": []}
                for number, kind in ((5, "0-1"), (6, "2-1002"))
            ],
            "filters": [{"id": 8, "subscriptionId": 5, "filter": {"conditions": [{"filterType": "CRM_OBJECT_PROPERTY",
                         "property": "email", "operator": "IS_NOT_EMPTY"}]}}],
            "page_ms": 0,
            "snapshots": [{"id": "s1", "plural": "contacts", "object_id": 101, "properties": ["email"], "asked":
                           1_795_424_400_000, "due": 1_795_424_400_000}],
            "pages": [{"offset": OFFSET, "journalEvents": [], "publishedAt": 1_795_424_400_000}],
        },
        "oauth": {"codes": {"code": {"redirect_uri": "https://a.example/", "scopes": ["oauth"], "expires":
                  1_900_000_000_000}}},
    }  # fmt: skip


_WRITES = [one for one in ROUTES if one[1] in ("objects", "associations", "lists", "communication-preferences")
           and one[0] != "GET"]  # fmt: skip


# What is sent: bodies that are right, by the end of their route.

_TIE = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}
_LABEL = {"associationCategory": "USER_DEFINED", "associationTypeId": 1001}
_PROPERTY = {"name": "extra", "label": "E", "type": "enumeration", "fieldType": "select", "groupName":
             "contactinformation", "options": [{"value": "a", "label": "A", "displayOrder": 1, "hidden": False}],
             "displayOrder": 2, "hidden": False, "formField": True, "description": "d",
             "hasUniqueValue": False}  # fmt: skip
_STAGE = {"label": "Odd", "displayOrder": 3, "metadata": {"probability": "0.3"}}
_FILTER = {"filterBranchType": "OR", "filterBranchOperator": "OR", "filters": [], "filterBranches": [{
    "filterBranchType": "AND", "filterBranchOperator": "AND", "filterBranches": [], "filters": [
        {"filterType": "PROPERTY", "property": "size", "operation": {"operationType": "NUMBER", "operator":
         "IS_GREATER_THAN", "value": 3, "includeObjectsWithNoValueSet": True}},
        {"filterType": "IN_LIST", "listId": "1", "operator": "IN_LIST"},
        {"filterType": "PROPERTY", "property": "seen", "operation": {"operationType": "ROLLING_DATE_RANGE", "operator":
         "IS_LESS_THAN_X_DAYS_AGO", "numberOfDays": 3}}]}]}  # fmt: skip
_SCHEMA = {"name": "ships", "labels": {"singular": "Ship", "plural": "Ships"}, "primaryDisplayProperty": "name",
           "requiredProperties": ["name"], "searchableProperties": ["name"], "secondaryDisplayProperties": [],
           "properties": [{"name": "name", "label": "N", "type": "string", "fieldType": "text"}],
           "associatedObjects": ["contacts"], "description": "d"}  # fmt: skip
_STATUS = {"channel": "EMAIL", "subscriptionId": 1, "statusState": "UNSUBSCRIBED", "subscriberIdString":
           "ann@example.com", "legalBasis": "LEGITIMATE_INTEREST_OTHER", "legalBasisExplanation": "x"}  # fmt: skip
_OLD_STATUS = {"emailAddress": "ann@example.com", "subscriptionId": "1", "legalBasis": "NON_GDPR",
               "legalBasisExplanation": "x"}  # fmt: skip
_VALUES = {"email": "new@example.org", "firstname": "N", "city": "Ulm", "colours": ";red", "size": "7", "born":
           "2020-02-02", "seen": "2026-11-20T10:00:00Z", "lifecyclestage": "lead", "hubspot_owner_id": "9", "sf_id":
           "S1", "phone": "1", "associatedcompanyid": "202"}  # fmt: skip
_WHO = {"id": "101", "properties": {"city": "Ulm", "email": "ann@example.com"}, "objectWriteTraceId": "t1"}
BODIES: tuple[tuple[str, Any], ...] = (
    ("labels/archive", {"inputs": [{"from": {"id": "101"}, "to": {"id": "201"}, "types": [_LABEL]}]}),
    ("associate/default", {"inputs": [{"from": {"id": "102"}, "to": {"id": "201"}}]}),
    ("{to}/batch/read", {"inputs": [{"id": "101", "after": "0"}]}),
    ("{to}/batch/archive", {"inputs": [{"from": {"id": "101"}, "to": [{"id": "201"}]}]}),
    ("configurations/{type}/{to}/batch/create", {"inputs": [{"category": "HUBSPOT_DEFINED", "typeId": 279,
                                                             "maxToObjectIds": 5}]}),
    ("configurations/{type}/{to}/batch/update", {"inputs": [{"category": "USER_DEFINED", "typeId": 1001,
                                                             "maxToObjectIds": 6}]}),
    ("configurations/{type}/{to}/batch/purge", {"inputs": [{"category": "USER_DEFINED", "typeId": 1001}]}),
    ("{to}/batch/create", {"inputs": [{"from": {"id": "102"}, "to": {"id": "201"}, "types": [_TIE, _LABEL]}]}),
    ("{to}/labels", {"label": "Friend", "name": "friend", "inverseLabel": "Pal", "associationTypeId": 1001}),
    ("associations/{to}/{toId}", [_TIE, _LABEL]),
    ("objects/2026-09/{type}/search", {
        "filterGroups": [{"filters": [
            {"propertyName": "email", "operator": "CONTAINS_TOKEN", "value": "ann*"},
            {"propertyName": "size", "operator": "BETWEEN", "value": "1", "highValue": "5"},
            {"propertyName": "city", "operator": "IN", "values": ["bonn"]},
            {"propertyName": "lastmodifieddate", "operator": "GTE", "value": "1700000000000"}]}],
        "sorts": [{"propertyName": "createdate", "direction": "DESCENDING"}], "query": "ann", "properties": ["email"],
        "limit": 10, "after": "0"}),
    ("/merge", {"primaryObjectId": "101", "objectIdToMerge": "102"}),
    ("/gdpr-delete", {"objectId": "103", "idProperty": "hs_object_id"}),
    ("properties/2026-09/{type}/batch/read", {"inputs": [{"name": "email"}], "archived": False, "dataSensitivity":
                                               "non_sensitive"}),
    ("properties/2026-09/{type}/batch/create", {"inputs": [_PROPERTY]}),
    ("properties/2026-09/{type}/batch/archive", {"inputs": [{"name": "size"}]}),
    ("/groups", {"name": "mine", "label": "Mine", "displayOrder": 4}),
    ("/groups/{name}", {"label": "Mine", "displayOrder": 4}),
    ("properties/2026-09/{type}", _PROPERTY),
    ("properties/2026-09/{type}/{name}", {"label": "L", "description": "d", "hidden": True,
                                          "displayOrder": 1, "groupName": "contactinformation", "fieldType": "number"}),
    ("schemas/batch/read", {"inputs": ["machines"], "includePropertyDefinitions": False}),
    ("/{type}/batch/read", {"inputs": [{"id": "101"}, {"id": "102"}], "properties": ["email"], "propertiesWithHistory":
                            ["email"], "idProperty": "hs_object_id"}),
    ("/batch/create", {"inputs": [{"properties": _VALUES, "associations": [{"to": {"id": "201"}, "types": [_TIE]}],
                                   "objectWriteTraceId": "t"}]}),
    ("subscriptions/batch/update", {"inputs": [{"id": 7562680, "active": False}]}),
    ("{type}/batch/update", {"inputs": [_WHO]}),
    ("/batch/upsert", {"inputs": [{"id": "S1", "idProperty": "sf_id", "properties": _VALUES}]}),
    ("/batch/archive", {"inputs": [{"id": "103"}]}),
    ("objects/2026-09/{type}", {"properties": _VALUES, "associations": [{"to": {"id": "201"}, "types": [_TIE]}]}),
    ("objects/2026-09/{type}/{id}", {"properties": _VALUES}),
    ("statuses/batch/read", {"inputs": ["ann@example.com"]}),
    ("statuses/batch/write", {"inputs": [_STATUS]}),
    ("unsubscribe-all/read", {"inputs": ["ann@example.com"]}),
    ("batch/unsubscribe-all", {"inputs": ["ann@example.com"]}),
    ("statuses/{email}", _STATUS),
    ("links/generate", {"subscriberIdString": "ann@example.com", "subscriptionId": 1, "language": "en"}),
    ("/subscribe", _OLD_STATUS),
    ("/resubscribe", {**_OLD_STATUS, "emailAddress": "carl@example.com", "subscriptionId": "2"}),
    ("/unsubscribe", _OLD_STATUS),
    ("journal/2026-09/batch/read", {"inputs": [OFFSET]}),
    ("journal-local/2026-09/batch/read", {"inputs": [OFFSET]}),
    ("snapshots/2026-09/crm", {"snapshotRequests": [{"portalId": 62_515_001, "objectTypeId": "0-1", "objectId": 101,
                                                     "properties": ["email"]}]}),
    ("webhooks-journal/subscriptions/2026-09", {"subscriptionType": "ASSOCIATION", "portalId": 62_515_001,
        "objectTypeId": "0-1", "associatedObjectTypeIds": ["0-2"], "objectIds": [101], "actions":
        ["ASSOCIATION_ADDED"], "properties": ["email"], "listIds": [1], "eventTypeId": "4-1909196"}),
    ("2026-09/filters", {"subscriptionId": 5, "filter": {"conditions": [{"filterType": "CRM_OBJECT_PROPERTY",
                         "property": "email", "operator": "IN", "value": "a", "values": ["a"]}]}}),
    ("lists/2026-09/search", {"query": "b", "count": 5, "offset": 0, "processingTypes": ["MANUAL"], "listIds": ["1"],
                              "sort": "name", "additionalProperties": ["hs_list_size"], "objectTypeId": "0-1"}),
    ("lists/2026-09", {"name": "Mine", "objectTypeId": "0-1", "processingType": "DYNAMIC", "filterBranch": _FILTER,
                       "customProperties": {}, "membershipSettings": {}, "listPermissions": {}}),
    ("update-list-filters", {"filterBranch": _FILTER}),
    ("records/memberships/batch/read", {"inputs": [{"objectTypeId": "0-1", "recordId": "101"}]}),
    ("memberships/add", ["101", "102"]),
    ("memberships/remove", ["101"]),
    ("memberships/add-and-remove", {"recordIdsToAdd": ["102"], "recordIdsToRemove": ["101"]}),
    ("{pipeline}/stages", _STAGE),
    ("{pipeline}/stages/{stage}", _STAGE),
    ("pipelines/2026-09/{type}/{pipeline}", {"label": "P", "displayOrder": 1, "stages": [_STAGE]}),
    ("pipelines/2026-09/{type}", {"label": "P", "displayOrder": 1, "stages": [_STAGE]}),
    ("schemas", _SCHEMA),
    ("schemas/{type}", {"labels": {"singular": "M", "plural": "Ms"}, "requiredProperties": ["name"], "restorable": True,
                        "clearDescription": True, "description": "x", "primaryDisplayProperty": "name"}),
    ("schemas/{type}/associations", {"fromObjectTypeId": "machines", "toObjectTypeId": "0-1", "name": "runs"}),
    ("/enrollments", {"contactId": "101", "sequenceId": "7", "senderEmail": "sales@example.com", "senderAliasAddress":
                      ""}),
    ("rule-type/{rule}", {"ruleType": "MAX_LENGTH", "ruleArguments": ["5"], "shouldApplyNormalization": True}),
    ("{appId}/settings", {"targetUrl": "https://a.example/x", "throttling": {"maxConcurrentRequests": 7}}),
    ("{appId}/subscriptions", {"eventType": "contact.propertyChange", "propertyName": "city", "active": True,
                               "objectTypeId": "0-1", "eventTypeName": "x"}),
    ("{appId}/subscriptions/{id}", {"active": False}),
    ("oauth/2026-09/token", {**_APP, "grant_type": "refresh_token", "refresh_token": _REFRESH}),
    ("token/introspect", {**_APP, "token": _REFRESH, "token_type_hint": "refresh_token"}),
    ("token/revoke", {**_APP, "token": _REFRESH}),
)  # fmt: skip
#: What stands for the parts of a path.
PARTS: Mapping[str, tuple[str, ...]] = {
    "type": ("contacts", "companies", "deals", "0-1", "machines", "2-1001", "boats", "leads", "line_items", "emails"),
    "to": ("companies", "contacts", "deals", "machines", "0-2", "notes"),
    "id": ("101", "102", "104", "301", "201", "401", "9", "7562680", "5", "ann@example.com"),
    "toId": ("201", "202", "101", "301"),
    "name": ("email", "size", "colours", "contactinformation", "phone", "By hand"),
    "typeId": ("1001", "279"),
    "email": ("ann@example.com", "new@example.com", "no mail"),
    "offset": (OFFSET,),
    "count": ("1", "100"),
    "portalId": ("62515001",),
    "listId": ("1", "2", "3"),
    "sourceListId": ("2", "1"),
    "recordId": ("101", "201"),
    "token": (_REFRESH,),
    "pipeline": ("default", "0"),
    "stage": ("appointmentscheduled", "closedwon", "1"),
    "association": ("1003", "279"),
    "contactId": ("101", "102"),
    "sequenceId": ("7",),
    "rule": ("MAX_LENGTH", "REGEX", "FORMAT", "START_DATE", "DAYS_OF_WEEK"),
    "appId": ("50780459",),
}
_QUERY = ("limit", "after", "before", "properties", "propertiesWithHistory", "associations", "archived", "idProperty",
          "channel", "businessUnitId", "verbose", "userId", "listIds", "includeFilters", "listName", "dataSensitivity",
          "installPortalId", "email", "period", "hapikey", "name", "scope", "client_id", "redirect_uri",
          "validateReferencesBeforeDelete", "locale", "includeTranslations", "isReferencesRequired",
          "includePropertyDefinitions", "objectTypeId")  # fmt: skip
WORDS = (
    *("", " ", "0", "-1", "1", "101", "201", "999999999999999999", "9" * 30, "1e999", "NaN", "Infinity", "true"),
    *("null", "2026-11-23", "2026-11-23T09:00:00Z", "9999-12-31T23:59:59.9999Z", "0001-01-01T00:00:00+14:00", "-17000"),
    *("email", "city", "hs_object_id", "contacts", "0-1", "EMAIL", ";", ";;red;", "red;blue", "*", "**", "a*b", ".."),
    *("/", "EQ", "NOT_IN", "BETWEEN", "HAS_PROPERTY", "x" * 300, "\ud7ff\x00<&>\"'", "%", "%zz", "__proto__", "İ"),
    *("ann@example.com", "createdate", "lastmodifieddate", "associatedcompanyid", "hs_all_contact_vids"),
    *("dealstage", "PT0S", "P1Y", "(", "[a"),
)  # fmt: skip
#: What is put where it does not belong. Cheap to draw: half of the time goes into drawing.
ODD = st.sampled_from(
    (
        *WORDS,
        *(None, True, False, 0, -1, 1, 101, 279, 2**31, 2**63, 10**40, 0.5, -0.0, 1e308),
        *([], {}, [[]], [None], [{}], [1], ["101"], {"id": "101"}, {"": None}, {"id": {"id": []}}, [{"value": {}}]),
        *({"properties": {"email": ["a"]}}, {"email": "x@y.example"}, [{"to": {"id": "201"}}], [["101", "102"]]),
    )
) | st.text(st.characters(codec="utf-8"), max_size=5)


def places_in(body: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a body, as the way there."""
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    return [here, *(place for key, value in inner for place in places_in(value, (*here, key)))]


def with_odd(body: Any, place: tuple[Any, ...], value: Any, *, gone: bool) -> Any:
    """The body with something else (or nothing) at that place."""
    if not place:
        return value
    made = deepcopy(body)
    at = made
    for key in place[:-1]:
        at = at[key]
    if gone and isinstance(at, dict):
        del at[place[-1]]
    else:
        at[place[-1]] = value
    return made


def right_body(method: str, path: str) -> Any:
    """What that route takes; None for nothing."""
    if method in ("GET", "DELETE"):
        return None
    return next((body for end, body in BODIES if path.endswith(end)), None)


BROKEN = (b"", b"{", b"[1,", b"\xff\xfe", b"nul", b"{" * 40_000, b"[" * 40_000, b'"\\ud800"', b"{}", b"[]",
           b'{"inputs":[{}]}', b'{"inputs":[]}')  # fmt: skip
HOW = st.integers(0, 11)


@st.composite
def edited(draw: st.DrawFn, right: Any) -> Any:
    """A right body with up to two places that are not; or broken JSON, as bytes."""
    how = draw(HOW)
    if how == 0:
        return draw(st.sampled_from(BROKEN))
    if right is None or how == 1:
        return draw(ODD)
    made = right
    for _ in range((how > 4) + (how > 9)):
        places = places_in(made)
        place = places[draw(st.integers(0, len(places) - 1))]
        made = with_odd(made, place, draw(ODD), gone=how % 3 == 0)
    return made


def as_bytes(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    if isinstance(body, dict) and "client_id" in body:
        return urlencode({name: str(value).encode("utf-8", "replace") for name, value in body.items()}).encode()
    return json.dumps(body).encode("utf-8", "surrogatepass")


@st.composite
def path_of(draw: st.DrawFn, pattern: str, known: Mapping[str, tuple[str, ...]], queries: tuple[str, ...]) -> str:
    """An address of that route: what is there, or what is not, or what could be nowhere."""
    how = draw(HOW)
    parts = right_path(pattern).strip("/").split("/") if how < 6 and known is PARTS else pattern.strip("/").split("/")
    for place, part in enumerate(parts):
        if part.startswith("{"):
            chosen = draw(ODD.map(str)) if how == 11 else draw(st.sampled_from(known[part[1:-1]]))
            parts[place] = quote(chosen.encode("utf-8", "surrogatepass"), safe="") or "0"
    query = dict.fromkeys(draw(st.lists(st.sampled_from(queries), max_size=2)) if how % 2 else ())
    told = {"channel": "EMAIL", "userId": "5"} if how % 3 == 0 else {}
    told |= {name: str(draw(ODD)).encode("utf-8", "replace") for name in query}
    return "/" + "/".join(parts) + (f"?{urlencode(told)}" if told else "")


@st.composite
def _call(draw: st.DrawFn) -> Sent:
    method, area, pattern = draw(st.sampled_from(ROUTES))
    body = as_bytes(draw(edited(right_body(method, pattern)))) if method not in ("GET", "DELETE") else b""
    return method, area, draw(path_of(pattern, PARTS, _QUERY)), body


#: Parts of a path that fit together, for the ends of routes where the first ones of `PARTS` do not.
_FITTING: tuple[tuple[str, dict[str, str]], ...] = (
    ("owners/2026-09/{id}", {"id": "9"}),
    ("/groups/{name}", {"name": "spare"}),
    ("properties/2026-09/{type}/{name}", {"name": "size"}),
    ("{type}/{name}/rule-type/{rule}", {"name": "phone"}),
    ("{type}/name/{name}", {"name": "By hand"}),
    ("pipelines/2026-09/{type}", {"type": "deals"}),
    ("pipelines/2026-09/{type}/{pipeline}", {"type": "deals"}),
    ("{pipeline}/audit", {"type": "deals"}),
    ("{pipeline}/stages", {"type": "deals"}),
    ("stages/{stage}", {"type": "deals"}),
    ("{stage}/audit", {"type": "deals"}),
    ("schemas/{type}", {"type": "boats"}),
    ("schemas/{type}/associations", {"type": "machines"}),
    ("associations/{association}", {"type": "boats"}),
    ("subscriptions/2026-09/{id}", {"id": "5"}),
    ("filters/{id}", {"id": "8"}),
    ("filters/subscription/{id}", {"id": "5"}),
    ("{appId}/subscriptions/{id}", {"id": "7562680"}),
    ("status/{id}", {"id": "s1"}),
    ("update-list-filters", {"listId": "2"}),
    ("contact/{contactId}", {"contactId": "102"}),
)


def right_path(pattern: str) -> str:
    """An address of that route where something is."""
    own = next((parts for end, parts in _FITTING if pattern.endswith(end)), {})
    known = {name: own.get(name, values[0]) for name, values in PARTS.items()}
    return "/".join(quote(known[one[1:-1]]) if one.startswith("{") else one for one in pattern.split("/"))


#: Routes that are there in older versions only, that lead to a page, that take another token, or that must not be done.
_NOT_DONE = ("/authorize", "/external-install", "-tokens/{token}", "{id}/associations/{to}")
_RIGHT_QUERY = "?channel=EMAIL&userId=5&listName=Other"


@st.composite
def _write(draw: st.DrawFn) -> Sent:
    """A write to what other writers write to as well."""
    method, area, pattern = draw(st.sampled_from(_WRITES))
    return method, area, right_path(pattern) + _RIGHT_QUERY, as_bytes(right_body(method, pattern))


# How it must be answered.


def judge(method: str, path: str, answer: httpx.Response) -> None:
    """An answer is carried out, or a refusal in the vendor's form; never a crash."""
    where = f"{method} {path} {answer.status_code} {answer.text[:300]}"
    assert answer.status_code < 500, where
    if answer.status_code < 300:
        assert answer.status_code == 204 or isinstance(answer.json(), dict | list), where
        return
    if answer.status_code == 302:
        return
    body = answer.json()
    assert isinstance(body["message"], str), where
    assert body["message"], where
    assert isinstance(body["correlationId"], str), where
    assert isinstance(body.get("category", ""), str), where
    for one in body.get("errors", ()):
        assert isinstance(one["message"], str), where
    for context in (body.get("context", {}), *(one.get("context", {}) for one in body.get("errors", ()))):
        assert all(isinstance(value, list) and all(isinstance(part, str) for part in value)
                   for value in context.values()), where  # fmt: skip


def token_for(hub: Hub, area: str) -> str:
    """The journal takes the app's own token, everything else the account's."""
    if not area.startswith("webhooks-journal"):
        return hub.token
    tokens = hub.service._tokens
    return tokens.issue("client_credentials", hub.clock.epoch_ms(), None, "app")


async def send(hub: Hub, method: str, area: str, path: str, body: bytes) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token_for(hub, area)}", "Content-Type": "application/json"}
    return await hub.client.request(method, path, content=body, headers=headers)


def keeps(hub: Hub) -> None:
    """What the account has become can be saved, loaded, and is saved as the same."""
    hub.service.tick()
    saved = json.loads(json.dumps(hub.service.save()))
    clock = SandboxClock(START.timestamp)
    clock.freeze()
    clock.set(hub.clock.now())
    again = HubSpotService(Controls(clock=clock))
    again.load(saved)
    assert json.loads(json.dumps(again.save())) == saved


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {route[2]}")
async def test_the_bodies_that_the_others_break_are_right(route: tuple[str, str, str]) -> None:
    method, area, pattern = route
    hub = Hub(_section())
    body = as_bytes(right_body(method, pattern)) if method not in ("GET", "DELETE") else b""
    answer = await send(hub, method, area, right_path(pattern) + _RIGHT_QUERY, body)
    if pattern.endswith(_NOT_DONE):
        assert answer.status_code in (400, 404)
    elif (method, pattern) == ("DELETE", "/crm/pipelines/2026-09/{type}/{pipeline}"):
        assert "last pipeline" in answer.text
    else:
        assert answer.is_success, answer.text


@fuzzed
@given(st.lists(_call(), min_size=10, max_size=14))
def test_whatever_is_sent_to_whichever_route_is_answered_in_the_vendors_form(calls: list[Sent]) -> None:
    async def run() -> None:
        hub = Hub(_section())
        for method, area, path, body in calls:
            judge(method, path, await send(hub, method, area, path, body))
            hub.clock.advance(1)
            hub.service.tick()
        keeps(hub)

    asyncio.run(run())


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {route[2]}")
def test_every_route_takes_a_body_that_is_broken_in_any_place(route: tuple[str, str, str]) -> None:
    """Without chance: every place of the right body in turn has something of every kind, or nothing."""
    method, area, pattern = route
    right = right_body(method, pattern)
    odd: tuple[Any, ...] = (None, True, -1, 10**40, 0.5, "", "\ud7ff\x00", [], {}, [{}], {"a": []}, ["x"])
    bodies = [
        with_odd(right, place, odd[(at + turn) % len(odd)], gone=turn == 0)
        for at, place in enumerate(places_in(right))
        for turn in range(3)
    ]

    async def run() -> None:
        hub = Hub(_section())
        for body in bodies:
            sent = as_bytes(body) if right is not None else b""
            judge(method, pattern, await send(hub, method, area, right_path(pattern) + _RIGHT_QUERY, sent))
        keeps(hub)

    asyncio.run(run())


@fuzzed
@given(st.lists(st.lists(_write(), min_size=2, max_size=5), min_size=3, max_size=5))
def test_writers_at_the_same_time_each_get_an_answer_of_the_vendors(writers: list[list[Sent]]) -> None:
    async def run() -> None:
        hub = Hub(_section())

        async def work(calls: list[Sent]) -> None:
            for method, area, path, body in calls:
                judge(method, path, await send(hub, method, area, path, body))

        await asyncio.gather(*map(work, writers))
        keeps(hub)

    asyncio.run(run())


async def test_of_writers_at_the_same_time_the_last_wins_and_one_alone_makes_a_contact() -> None:
    hub = Hub(_section())
    answers = await asyncio.gather(
        *(hub.call("POST", f"{OBJECTS}/contacts", {"properties": {"email": "one@x.example"}}) for _ in range(8))
    )
    assert sorted(one.status_code for one in answers) == [201, *[409] * 7]
    (made,) = [one.json()["id"] for one in answers if one.status_code == 201]
    assert all(f"Existing ID: {made}" in one.json()["message"] for one in answers if one.status_code == 409)
    cities = [f"City {number}" for number in range(8)]
    await asyncio.gather(
        *(hub.call("PATCH", f"{OBJECTS}/contacts/{made}", {"properties": {"city": city}}) for city in cities)
    )
    history = [entry["value"] for entry in await hub.history(made, "city")]
    assert sorted(history) == cities
    assert (await hub.values(made, "city"))["city"] == history[0]
    merges = await asyncio.gather(
        *(
            hub.call("POST", f"{OBJECTS}/contacts/merge", {"primaryObjectId": "101", "objectIdToMerge": "102"})
            for _ in range(3)
        )
    )
    assert [one.status_code for one in merges].count(200) == 1
    assert {one.status_code for one in merges} == {200, 400}
    await hub.good("POST", f"{OBJECTS}/contacts/batch/archive", inputs(made))
    keeps(hub)
