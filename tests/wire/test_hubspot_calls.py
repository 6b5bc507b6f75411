"""HubSpot's sign-in, pace, quota and schemas, against answers written from its documents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from concord.core.model import Errand, Lane
from concord.core.values import FieldType
from concord.engine.ports import System
from concord.errors import Category, ConfigError, RemoteBusy, RemoteRefused
from concord.systems.hubspot import HubSpot

NOON = datetime(2026, 11, 2, 12, 0, 0, tzinfo=UTC)
ACCOUNT = {"portalId": 62515, "accountType": "STANDARD", "utcOffsetMilliseconds": 3_600_000}


class FakeClock:
    def __init__(self) -> None:
        self.time = NOON
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)


Answers = Callable[[httpx.Request], httpx.Response]


def hubspot(answers: Answers, clock: FakeClock | None = None, token: str | None = "key", **options: Any) -> HubSpot:
    return HubSpot(
        "https://hub.example",
        token,
        clock=clock or FakeClock(),
        share=lambda: 0.0,
        app_id="9",
        transport=httpx.MockTransport(answers),
        **options,
    )


def ok(body: Any, **headers: str) -> httpx.Response:
    return httpx.Response(200, json=body, headers={name.replace("_", "-"): text for name, text in headers.items()})


async def test_it_fills_the_engines_protocol() -> None:
    system: System = hubspot(lambda request: ok(ACCOUNT))
    assert system.name == "hubspot"
    await system.close()


async def test_the_account_is_told_and_every_path_has_the_configured_version() -> None:
    asked: list[httpx.Request] = []

    def answers(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return ok(ACCOUNT)

    remote = hubspot(answers, api_version="2027-03")
    account = await remote.account()
    assert (account.id, account.user) == ("62515", "9")
    assert asked[0].url.path == "/account-info/2027-03/details"
    assert asked[0].headers["Authorization"] == "Bearer key"
    assert remote.calls() == 1


async def test_an_address_that_is_no_hubspot_is_told_as_such() -> None:
    with pytest.raises(RemoteRefused, match="Check the configured address"):
        await hubspot(lambda request: ok({"hello": "world"})).account()


async def test_a_token_that_is_not_accepted_is_refused_with_advice() -> None:
    refuse = {"category": "INVALID_AUTHENTICATION", "message": "Authentication credentials not found"}
    with pytest.raises(RemoteRefused, match="not accepted") as caught:
        await hubspot(lambda request: httpx.Response(401, json=refuse)).account()
    assert caught.value.category is Category.PERMISSION


def test_without_any_way_to_sign_in_nothing_is_built() -> None:
    with pytest.raises(ValueError, match="needs a token"):
        hubspot(lambda request: ok({}), token=None, client_id="a", client_secret="b")


class OAuth:
    """A token endpoint whose tokens are numbered, and an API that takes only the newest."""

    def __init__(self) -> None:
        self.forms: list[dict[str, list[str]]] = []
        self.refuse: httpx.Response | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/2026-09/token":
            if self.refuse:
                return self.refuse
            self.forms.append(parse_qs(request.content.decode()))
            return ok({"access_token": f"t{len(self.forms)}", "refresh_token": "r2", "expires_in": 1800})
        if request.headers["Authorization"] != f"Bearer t{len(self.forms)}":
            return httpx.Response(401, json={"category": "EXPIRED_AUTHENTICATION"})
        return ok(ACCOUNT)

    def client(self, clock: FakeClock) -> HubSpot:
        return hubspot(self, clock, None, client_id="app", client_secret="s", refresh_token="r1")


async def test_a_token_is_renewed_once_and_before_it_ends_however_many_calls_wait() -> None:
    server, clock = OAuth(), FakeClock()
    remote = server.client(clock)
    await asyncio.gather(*(remote.account() for _ in range(5)))
    assert [form["refresh_token"] for form in server.forms] == [["r1"]]
    clock.time += timedelta(minutes=28)
    await asyncio.gather(*(remote.account() for _ in range(5)))
    assert [form["refresh_token"] for form in server.forms] == [["r1"], ["r2"]]


async def test_a_token_that_was_revoked_early_is_renewed_once_for_all() -> None:
    server, clock = OAuth(), FakeClock()
    remote = server.client(clock)
    await remote.account()
    server.forms.append({})  # somebody else has renewed: t1 is no longer taken
    await asyncio.gather(*(remote.account() for _ in range(5)))
    assert len(server.forms) == 3


async def test_a_renewal_ahead_of_time_that_fails_in_passing_keeps_the_token_that_still_works() -> None:
    server, clock = OAuth(), FakeClock()
    remote = server.client(clock)
    await remote.account()
    clock.time += timedelta(minutes=28)
    server.refuse = httpx.Response(503)
    assert (await remote.account()).id == "62515"


async def test_an_app_that_was_removed_says_so() -> None:
    server = OAuth()
    server.refuse = httpx.Response(400, json={"status": "BAD_REFRESH_TOKEN", "error": "invalid_grant", "message": "x"})
    with pytest.raises(RemoteRefused, match="removed or its access revoked"):
        await server.client(FakeClock()).account()
    server.refuse = httpx.Response(401, json={"error": "invalid_client"})
    with pytest.raises(RemoteRefused):
        await server.client(FakeClock()).account()


# --- pace and quota


async def test_the_real_burst_is_learned_and_nine_tenths_of_it_are_used() -> None:
    clock = FakeClock()
    told = {
        "X_HubSpot_RateLimit_Max": "20",
        "X_HubSpot_RateLimit_Daily": "1000",
        "X_HubSpot_RateLimit_Daily_Remaining": "900",
    }
    remote = hubspot(lambda request: ok(ACCOUNT, **told), clock)
    for _ in range(18):
        await remote.account()
    assert clock.slept == []
    await remote.account()
    assert sum(clock.slept) == pytest.approx(10.0)


async def test_searches_go_at_most_four_a_second_and_leave_the_others_alone() -> None:
    clock = FakeClock()
    remote = hubspot(lambda request: ok({"results": []} if "search" in request.url.path else ACCOUNT), clock)
    position = json.dumps({"contacts": {"at": 1}})
    for _ in range(4):
        await remote.changed(["contacts"], position, timedelta())
    for _ in range(20):
        await remote.account()
    assert clock.slept == []
    await remote.changed(["contacts"], position, timedelta())
    assert sum(clock.slept) == pytest.approx(1.0)


async def test_a_search_counts_against_the_burst_as_well() -> None:
    clock = FakeClock()
    remote = hubspot(lambda request: ok({"results": []} if "search" in request.url.path else ACCOUNT), clock, burst=10)
    for _ in range(3):
        await remote.changed(["contacts"], json.dumps({"contacts": {"at": 1}}), timedelta())
    for _ in range(7):
        await remote.account()
    assert sum(clock.slept) == pytest.approx(10.0)


async def test_a_rate_limit_is_waited_out() -> None:
    clock = FakeClock()
    left = [httpx.Response(429, json={"policyName": "TEN_SECONDLY_ROLLING"})]
    remote = hubspot(lambda request: left.pop() if left else ok(ACCOUNT), clock)
    await remote.account()
    assert clock.slept == [10.0]


async def test_a_spent_day_is_not_slept_through_but_told_with_the_accounts_midnight() -> None:
    clock = FakeClock()
    answers = [ok(ACCOUNT), httpx.Response(429, json={"policyName": "DAILY"})]
    remote = hubspot(lambda request: answers.pop(0), clock)
    await remote.account()
    with pytest.raises(RemoteBusy) as caught:
        await remote.account()
    # Noon in UTC is one o'clock in the account: eleven hours to its midnight.
    assert (caught.value.category, caught.value.after, clock.slept) == (Category.QUOTA, 11 * 3600.0, [])


async def test_the_last_daily_calls_are_left_to_others_and_to_consent() -> None:
    clock = FakeClock()
    low = {"X_HubSpot_RateLimit_Daily": "1000", "X_HubSpot_RateLimit_Daily_Remaining": "50"}
    remote = hubspot(lambda request: ok(ACCOUNT, **low), clock, daily_share=0.95, consent_reserve=0.0)
    await remote.account()
    with pytest.raises(RemoteBusy, match="kept for others") as caught:
        await remote.account()
    assert caught.value.category is Category.QUOTA
    assert remote.calls() == 1
    assert (await remote.on(Errand(Lane.CONSENT)).account()).id == "62515"
    clock.time += timedelta(hours=12)
    assert (await remote.account()).id == "62515"


# --- schemas


def schema_answers(rules: httpx.Response) -> Answers:
    rows = [
        {"name": "firstname", "label": "First name", "type": "string", "fieldType": "text"},
        {"name": "email", "type": "string", "fieldType": "text"},
        {"name": "gone", "type": "string", "fieldType": "text", "archived": True},
        {"name": "salesforce_lead_id", "type": "string", "fieldType": "text", "hasUniqueValue": True},
    ]

    def answers(request: httpx.Request) -> httpx.Response:
        if "property-validations" in request.url.path:
            assert request.url.path.endswith("/0-1")
            return rules
        if request.url.path.endswith("/contacts"):
            return ok({"results": rows})
        return httpx.Response(404, json={"category": "OBJECT_NOT_FOUND", "message": "no such object"})

    return answers


async def test_a_schema_has_its_types_lengths_and_unique_properties() -> None:
    rule = {"ruleType": "MAX_LENGTH", "ruleArguments": ["40"]}
    rules = ok({"results": [{"propertyName": "firstname", "propertyValidationRules": [rule]}]})
    fields = (await hubspot(schema_answers(rules)).describe(["contacts"]))["contacts"].fields
    assert set(fields) == {"firstname", "email", "salesforce_lead_id"}
    assert (fields["firstname"].length, fields["email"].length) == (40, None)
    assert (fields["email"].type, fields["email"].unique) == (FieldType.EMAIL, True)
    assert fields["salesforce_lead_id"].unique
    assert all(field.tracked for field in fields.values())


@pytest.mark.parametrize("status", [403, 404])
async def test_an_account_without_validation_rules_is_described_all_the_same(status: int) -> None:
    rules = httpx.Response(status, json={"category": "MISSING_SCOPES"})
    assert "email" in (await hubspot(schema_answers(rules)).describe(["contacts"]))["contacts"].fields


async def test_an_object_that_is_not_there_is_named() -> None:
    remote = hubspot(lambda request: httpx.Response(404, json={"message": "Unable to infer object type"}))
    with pytest.raises(ConfigError, match="'unicorns'"):
        await remote.describe(["unicorns"])
