"""Search of the HubSpot sandbox: its operators against a plain evaluation, its limits, its lag, and rate limits."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .hubspot_world import OBJECTS, Hub, company, contact, where

SEARCH = f"{OBJECTS}/contacts/search"

# Filters against a plain evaluation.

WORDS = st.sampled_from(["Ann", "ann", "bob lee", "Bob", "x-1", "", "ANN BOB"])
NUMBERS = st.sampled_from(["", "1", "2", "10", "-3.5"])
RECORDS = st.lists(st.tuples(WORDS, NUMBERS), max_size=12)
TEXT_FILTERS = st.tuples(
    st.just("name"),
    st.sampled_from(["EQ", "NEQ", "LT", "GTE", "HAS_PROPERTY", "NOT_HAS_PROPERTY", "IN", "NOT_IN"]),
    WORDS.filter(bool),
)
NUMBER_FILTERS = st.tuples(
    st.just("numberofemployees"),
    st.sampled_from(["EQ", "NEQ", "LT", "LTE", "GT", "GTE", "HAS_PROPERTY", "NOT_HAS_PROPERTY", "BETWEEN"]),
    NUMBERS.filter(bool),
)
GROUPS = st.lists(st.lists(TEXT_FILTERS | NUMBER_FILTERS, min_size=1, max_size=3), max_size=4)
COMPARE = {
    "EQ": lambda a, b: a == b,
    "NEQ": lambda a, b: a != b,
    "LT": lambda a, b: a < b,
    "LTE": lambda a, b: a <= b,
    "GT": lambda a, b: a > b,
    "GTE": lambda a, b: a >= b,
}


def as_filter(name: str, operator: str, value: str) -> dict[str, Any]:
    if operator in ("IN", "NOT_IN"):
        return where(name, operator, values=[value, "bob"])
    return where(name, operator, value, **({"highValue": "2"} if operator == "BETWEEN" else {}))


def meets(record: dict[str, str], name: str, operator: str, value: str) -> bool:
    """What a filter means, said as plainly as possible."""
    stored = record[name]
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return bool(stored) == (operator == "HAS_PROPERTY")
    if not stored:
        return False
    if operator in ("IN", "NOT_IN"):
        return (stored.lower() in (value, "bob")) == (operator == "IN")
    if name == "name":
        return COMPARE[operator](stored.lower(), value.lower())
    if operator == "BETWEEN":
        return float(value) <= float(stored) <= 2
    return COMPARE[operator](float(stored), float(value))


@settings(max_examples=150, deadline=None)
@given(RECORDS, GROUPS)
def test_a_search_finds_exactly_what_a_plain_evaluation_finds(
    rows: list[tuple[str, str]], groups: list[list[tuple[str, str, str]]]
) -> None:
    records = [{"name": name, "numberofemployees": number} for name, number in rows]
    hub = Hub({"records": {"companies": [company(n + 1, **record) for n, record in enumerate(records)]}})
    body = {"filterGroups": [{"filters": [as_filter(*one) for one in group]} for group in groups], "limit": 100}
    found = asyncio.run(hub.good("POST", f"{OBJECTS}/companies/search", body))
    expected = [
        str(n + 1)
        for n, record in enumerate(records)
        if not groups or any(all(meets(record, *one) for one in group) for group in groups)
    ]
    assert [row["id"] for row in found["results"]] == expected
    assert found["total"] == len(expected)


# Garbage.

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
KEYS = st.sampled_from(
    [
        *("inputs", "properties", "id", "idProperty", "filterGroups", "filters", "propertyName", "operator", "value"),
        *("values", "sorts", "limit", "after", "query", "associations", "to", "from", "types", "associationTypeId"),
        *("primaryObjectId", "objectIdToMerge", "objectId", "name", "label", "options", "type", "groupName"),
    ]
)
BODIES = st.recursive(
    SCALARS | st.sampled_from(["101", "email", "contacts", "EQ", "BETWEEN", "lastmodifieddate"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
CALLS = [
    ("POST", f"{OBJECTS}/contacts"),
    ("PATCH", f"{OBJECTS}/contacts/101"),
    ("POST", SEARCH),
    ("POST", f"{OBJECTS}/contacts/merge"),
    ("POST", f"{OBJECTS}/contacts/gdpr-delete"),
    ("PUT", f"{OBJECTS}/contacts/101/associations/companies/201"),
    *(("POST", f"{OBJECTS}/contacts/batch/{verb}") for verb in ("read", "create", "update", "upsert", "archive")),
    *(("POST", f"/crm/associations/2026-09/contacts/companies/batch/{verb}") for verb in ("read", "create", "archive")),
    ("POST", "/crm/associations/2026-09/contacts/companies/labels"),
    ("POST", "/crm/properties/2026-09/contacts"),
    ("PATCH", "/crm/properties/2026-09/contacts/city"),
    ("POST", "/communication-preferences/2026-09/statuses/a@example.com"),
    ("POST", "/oauth/2026-09/token"),
]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(CALLS), JSON | BODIES | st.dictionaries(KEYS, BODIES, max_size=5))
def test_garbage_never_breaks_the_server(call: tuple[str, str], body: Any) -> None:
    hub = Hub({"records": {"contacts": [contact(101, email="a@example.com")], "companies": [company(201, name="A")]}})
    answer = asyncio.run(hub.call(*call, content=json.dumps(body)))
    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[" * 5000, b"\xff\xfe", b'{"properties":{"firstname":"\\ud800"}}', b"null"]
)
async def test_bodies_that_are_no_json_are_refused(content: bytes) -> None:
    hub = Hub()
    headers = {"Authorization": f"Bearer {hub.token}"}
    answer = await hub.client.post(f"{OBJECTS}/contacts", content=content, headers=headers)
    assert answer.status_code in (201, 400)
    assert answer.json()


# What the vendor adds.

PEOPLE = [contact(n, email=f"p{n}@example.com", firstname=f"Name {n % 3}") for n in range(1, 41)]


async def test_tokens_and_stars_are_matched_within_texts() -> None:
    rows = [contact(1, email="ann@alpha.example"), contact(2, firstname="Bob Alpha"), contact(3, firstname="Alphabet")]
    hub = Hub({"records": {"contacts": rows}})
    assert await hub.search(where("email", "CONTAINS_TOKEN", "*@alpha.example")) == ["1"]
    assert await hub.search(where("firstname", "CONTAINS_TOKEN", "ALPHA")) == ["2"]
    assert await hub.search(where("firstname", "CONTAINS_TOKEN", "alpha*")) == ["2", "3"]
    assert await hub.search(where("firstname", "NOT_CONTAINS_TOKEN", "bob")) == ["3"]
    assert await hub.search(query="alpha") == ["1", "2", "3"]


async def test_a_poll_by_modification_time_sees_every_change_in_order() -> None:
    rows = [contact(n, firstname=str(n)) | {"updatedAt": 1_795_000_000_000 + n * 1000} for n in range(300)]
    hub = Hub({"records": {"contacts": rows}})
    since = where("lastmodifieddate", "GTE", str(1_795_000_000_000 + 100_000))
    sorts = [{"propertyName": "lastmodifieddate", "direction": "ASCENDING"}]
    assert await hub.search(since, sorts=sorts) == [str(n) for n in range(100, 300)]
    sorts[0]["direction"] = "DESCENDING"
    between = where("lastmodifieddate", "BETWEEN", "2026-11-18T11:06:41Z", highValue="2026-11-18T11:06:43Z")
    assert await hub.search(between, sorts=sorts) == ["3", "2", "1"]


async def test_a_write_shows_in_searches_after_the_lag_of_the_index() -> None:
    hub = Hub({"records": {"contacts": PEOPLE}, "index_lag_ms": 2_000})
    await hub.good("PATCH", f"{OBJECTS}/contacts/1", {"properties": {"city": "Bonn"}})
    made = await hub.create({"email": "new@example.com", "city": "Bonn"})
    hub.clock.advance(1)
    await hub.good("PATCH", f"{OBJECTS}/contacts/1", {"properties": {"city": "Ulm"}})
    await hub.call("DELETE", f"{OBJECTS}/contacts/2")
    assert await hub.search(where("city", "HAS_PROPERTY")) == []
    hub.clock.advance(1)
    assert await hub.search(where("city", "EQ", "bonn")) == ["1", made]
    assert await hub.search(where("email", "EQ", "p2@example.com")) == ["2"]
    hub.clock.advance(1)
    assert await hub.search(where("city", "HAS_PROPERTY")) == ["1", made]
    assert await hub.search(where("city", "EQ", "Bonn")) == [made]
    assert await hub.search(where("email", "IN", values=["p2@example.com", "p3@example.com"])) == ["3"]
    await hub.control("PUT", "/index_lag", {"milliseconds": 0})
    await hub.good("PATCH", f"{OBJECTS}/contacts/1", {"properties": {"city": "Kiel"}})
    assert await hub.search(where("city", "EQ", "Kiel")) == ["1"]


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"after": "9999", "limit": 2},
        {"after": "x"},
        {"filterGroups": [{"filters": []}] * 6},
        {"filterGroups": [{"filters": [where("email", "HAS_PROPERTY")] * 7}]},
        {"filterGroups": [{"filters": [where("email", "HAS_PROPERTY")] * 4}] * 5},
        {"filterGroups": [{"filters": [where("nope", "EQ", "1")]}]},
        {"filterGroups": [{"filters": [where("email", "LIKE", "1")]}]},
        {"filterGroups": [{"filters": [where("email", "IN", "1")]}]},
        {"filterGroups": [{"filters": [where("email", "IN", values=["1"] * 101)]}]},
        {"filterGroups": [{"filters": [where("closedate", "GT", "tomorrow")]}]},
        {"sorts": ["email", "city"]},
        {"sorts": ["nope"]},
        {"query": "x" * 3000},
    ],
)
async def test_a_search_beyond_a_limit_is_refused(body: dict[str, Any]) -> None:
    hub = Hub({"records": {"contacts": PEOPLE}})
    assert (await hub.refused(400, "POST", SEARCH, body))["category"] == "VALIDATION_ERROR"


async def test_pages_of_a_search_join_up() -> None:
    hub = Hub({"records": {"contacts": PEOPLE}})
    first = await hub.good("POST", SEARCH, {"limit": 25})
    second = await hub.good("POST", SEARCH, {"limit": 25, "after": first["paging"]["next"]["after"]})
    ids = [row["id"] for page in (first, second) for row in page["results"]]
    assert (ids, first["total"], "paging" in second) == ([str(n) for n in range(1, 41)], 40, False)


# Rate limits.


async def test_calls_within_ten_seconds_are_limited_and_told_of() -> None:
    hub = Hub({"burst_limit": 3})
    remaining = [
        (await hub.call("GET", f"{OBJECTS}/contacts")).headers["X-HubSpot-RateLimit-Remaining"] for _ in range(3)
    ]
    assert remaining == ["2", "1", "0"]
    body = await hub.refused(429, "GET", f"{OBJECTS}/contacts")
    assert body["policyName"] == "TEN_SECONDLY_ROLLING"
    assert (body["errorType"], body["message"]) == ("RATE_LIMIT", "You have reached your ten_secondly_rolling limit.")
    hub.clock.advance(10)
    answer = await hub.call("GET", f"{OBJECTS}/contacts")
    assert answer.headers["X-HubSpot-RateLimit-Max"] == "3"
    assert answer.headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"


async def test_the_day_of_the_account_ends_at_its_own_midnight() -> None:
    hub = Hub({"daily_limit": 2, "time_zone": "America/New_York"})
    for _ in range(2):
        answer = await hub.call("GET", f"{OBJECTS}/contacts")
    assert answer.headers["X-HubSpot-RateLimit-Daily-Remaining"] == "0"
    assert (await hub.refused(429, "GET", f"{OBJECTS}/contacts"))["policyName"] == "DAILY"
    hub.clock.advance(15 * 3600)  # midnight in UTC, seven in the evening in New York
    await hub.refused(429, "GET", f"{OBJECTS}/contacts")
    hub.clock.advance(5 * 3600)
    await hub.good("GET", f"{OBJECTS}/contacts")


async def test_searches_have_a_limit_of_their_own_and_no_rate_headers() -> None:
    hub = Hub({"search_limit": 5})
    for _ in range(5):
        answer = await hub.call("POST", SEARCH, {})
        assert not [name for name in answer.headers if name.startswith("x-hubspot-ratelimit")]
    body = await hub.refused(429, "POST", SEARCH, {})
    assert (body["policyName"], body["message"]) == ("SECONDLY", "You have reached your secondly limit.")
    await hub.good("GET", f"{OBJECTS}/contacts")
    hub.clock.advance(1)
    await hub.good("POST", SEARCH, {})


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ({"status": 429, "code": "DAILY"}, 429, ("policyName", "DAILY")),
        ({"status": 401, "code": "EXPIRED_AUTHENTICATION"}, 401, ("category", "EXPIRED_AUTHENTICATION")),
        ({"status": 423}, 423, ("category", "LOCKED")),
        ({"status": 477}, 477, ("status", "error")),
        ({"status": 503}, 503, ("status", "error")),
    ],
)
async def test_injected_faults_speak_as_the_vendor_does(
    fault: dict[str, Any], status: int, words: tuple[str, str]
) -> None:
    hub = Hub()
    await hub.control("POST", "/faults", {"kind": "status", **fault})
    answer = await hub.call("GET", f"{OBJECTS}/contacts")
    assert (answer.status_code, answer.json()[words[0]]) == (status, words[1])
    if status == 477:
        assert int(answer.headers["Retry-After"]) == 86_400
    await hub.good("GET", f"{OBJECTS}/contacts")


async def test_too_many_properties_in_a_query_string_are_refused() -> None:
    hub = Hub({"records": {"contacts": PEOPLE}})
    names = ",".join(f"property_{number}" for number in range(700))
    await hub.refused(414, "GET", f"{OBJECTS}/contacts/1?properties={names}")
