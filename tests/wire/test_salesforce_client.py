"""Signing in to Salesforce, what every call carries, and the watch over the day's quota."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from concord.core.model import Errand, Lane
from concord.core.retry import Backoff
from concord.errors import Category, RemoteBusy, RemoteRefused
from concord.systems.salesforce import Salesforce

LOGIN, INSTANCE = "https://acme.my.salesforce.com", "https://na1.acme.my.salesforce.com"
EXPIRED = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


class FakeClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 11, 2, 12, 0, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)


class Org:
    """Counts its tokens; `say` answers every other call."""

    def __init__(self, say: Callable[[httpx.Request], httpx.Response] | None = None, **options: Any) -> None:
        self.clock = FakeClock()
        self.asked: list[httpx.Request] = []
        self.tokens = 0
        self.say = say or (lambda request: httpx.Response(200, json={"name": "Lead", "fields": []}))
        options = {"client_id": "id", "client_secret": "secret", **options}
        self.salesforce = Salesforce(
            LOGIN, clock=self.clock, share=lambda: 0.0, transport=httpx.MockTransport(self._answer), **options
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if request.url.path != "/services/oauth2/token":
            return self.say(request)
        self.tokens += 1
        body = {
            "access_token": f"token-{self.tokens}",
            "instance_url": INSTANCE,
            "id": "https://login.salesforce.com/id/00Dxx0000001gPL/005xx000001SwiU",
        }
        return httpx.Response(200, json=body)

    async def look(self) -> None:
        await self.salesforce.describe(["Lead"])


async def test_signing_in_uses_the_client_credentials_and_moves_to_the_instance() -> None:
    org = Org()
    await org.look()
    token, call = org.asked
    assert str(token.url) == f"{LOGIN}/services/oauth2/token"
    assert parse_qs(token.content.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["id"],
        "client_secret": ["secret"],
    }
    assert str(call.url) == f"{INSTANCE}/services/data/v66.0/sobjects/Lead/describe/"
    assert call.headers["authorization"] == "Bearer token-1"
    assert org.salesforce.user_id == "005xx000001SwiUAAS"


async def test_every_call_names_us_and_keeps_assignment_and_duplicate_rules_in_hand() -> None:
    org = Org()
    await org.look()
    headers = org.asked[-1].headers
    assert headers["sforce-call-options"] == "client=Concord"
    assert headers["sforce-auto-assign"] == "FALSE"
    assert headers["sforce-duplicate-rule-header"].startswith("allowSave=false")


async def test_many_first_calls_sign_in_once() -> None:
    org = Org()
    await asyncio.gather(*(org.look() for _ in range(5)))
    assert org.tokens == 1


async def test_an_expired_session_is_renewed_once_and_the_call_repeated() -> None:
    org = Org()
    fine = org.say

    def expired(request: httpx.Request) -> httpx.Response:
        first = request.headers["authorization"] == "Bearer token-1"
        return httpx.Response(401, json=EXPIRED) if first else fine(request)

    org.say = expired
    await org.look()
    assert org.tokens == 2


async def test_a_session_that_is_refused_for_ever_ends_the_call() -> None:
    org = Org(lambda request: httpx.Response(401, json=EXPIRED))
    with pytest.raises(RemoteRefused, match="INVALID_SESSION_ID"):
        await org.look()
    assert org.tokens == 2


async def test_a_ready_token_is_used_without_signing_in() -> None:
    org = Org(token="ready", user_id="005xx000001SwiU")
    await org.look()
    assert (org.tokens, org.asked[0].headers["authorization"]) == (0, "Bearer ready")
    assert str(org.asked[0].url).startswith(LOGIN)
    assert org.salesforce.user_id == "005xx000001SwiUAAS"


async def test_a_ready_token_that_is_refused_gives_way_to_a_fresh_one() -> None:
    org = Org(token="ready")
    fine = org.say
    org.say = lambda request: (
        httpx.Response(401, json=EXPIRED) if request.headers["authorization"] == "Bearer ready" else fine(request)
    )
    await org.look()
    assert org.tokens == 1


async def test_a_refused_token_without_a_client_id_says_what_is_missing() -> None:
    org = Org(lambda request: httpx.Response(401, json=EXPIRED), token="ready", client_id="", client_secret="")
    with pytest.raises(RemoteRefused, match="no client id"):
        await org.look()


async def test_a_token_answer_without_a_token_is_refused() -> None:
    clock = FakeClock()
    odd = httpx.MockTransport(lambda request: httpx.Response(200, json={"hello": "there"}))
    salesforce = Salesforce(LOGIN, "id", "secret", clock=clock, share=lambda: 0.0, transport=odd)
    with pytest.raises(RemoteRefused, match="My Domain"):
        await salesforce.describe(["Lead"])


async def test_the_secret_and_the_token_are_in_no_error() -> None:
    body = {"error": "invalid_client", "error_description": "invalid client credentials"}
    bad = httpx.MockTransport(lambda request: httpx.Response(400, json=body))
    salesforce = Salesforce(LOGIN, "id", "s3cr3t", clock=FakeClock(), share=lambda: 0.0, transport=bad)
    with pytest.raises(RemoteRefused) as refused:
        await salesforce.describe(["Lead"])
    assert "s3cr3t" not in str(refused.value)
    assert "invalid client credentials" in str(refused.value)


# --- the day's quota


def using(usage: str) -> Callable[[httpx.Request], httpx.Response]:
    return lambda request: httpx.Response(
        200, json={"name": "Lead", "fields": []}, headers={"Sforce-Limit-Info": usage}
    )


async def test_calls_stop_before_the_others_share_of_the_day_is_touched() -> None:
    org = Org(using("api-usage=800/1000"))
    await org.look()
    sent = org.salesforce.calls()
    with pytest.raises(RemoteBusy, match="kept for others and for opt-outs") as busy:
        await org.look()
    assert (busy.value.category, busy.value.after) == (Category.QUOTA, 900)
    assert org.salesforce.calls() == sent


async def test_calls_go_on_up_to_the_share_less_what_is_kept_for_opt_outs() -> None:
    org = Org(using("api-usage=779/1000"))
    await org.look()
    await org.look()
    assert len(org.asked) == 3
    org.say = using("api-usage=780/1000")
    await org.look()
    with pytest.raises(RemoteBusy):
        await org.look()
    await org.salesforce.on(Errand(Lane.CONSENT)).describe(["Lead"])


async def test_an_opt_out_goes_on_to_the_last_call_and_then_tries_once_a_minute() -> None:
    org = Org(using("api-usage=999/1000"))
    await org.look()
    urgent = org.salesforce.on(Errand(Lane.CONSENT))
    org.say = using("api-usage=1000/1000")
    await urgent.describe(["Lead"])
    for _ in range(2):
        with pytest.raises(RemoteBusy) as busy:
            await urgent.describe(["Lead"])
        assert busy.value.after == 60
        org.clock.time += timedelta(minutes=1)
        await urgent.describe(["Lead"])


async def test_one_call_in_a_quarter_of_an_hour_looks_whether_there_is_room_again() -> None:
    org = Org(using("api-usage=999/1000"))
    await org.look()
    org.clock.time += timedelta(minutes=15)
    await org.look()
    with pytest.raises(RemoteBusy):
        await org.look()
    org.clock.time += timedelta(minutes=15)
    org.say = using("api-usage=10/1000")
    await org.look()
    await org.look()
    assert org.salesforce.calls() == 5


@pytest.mark.parametrize(
    "usage",
    [
        "",
        "nonsense",
        "api-usage=5/0",
        "per-app-api-usage=249/250(appName=Concord)",
        "api-usage=1/1000; per-app-api-usage=250/250(appName=x)",
    ],
)
def test_only_the_orgs_own_usage_counts(usage: str) -> None:
    async def run() -> int:
        org = Org(using(usage))
        await org.look()
        await org.look()
        return org.salesforce.calls()

    assert asyncio.run(run()) == 3


async def test_a_limit_that_the_org_declares_spent_stops_the_next_call() -> None:
    spent = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
    org = Org(lambda request: httpx.Response(403, json=spent))
    for _ in range(3):
        with pytest.raises(RemoteBusy):
            await org.look()
    assert len(org.asked) == 2


async def test_maintenance_is_waited_for_and_then_reported() -> None:
    org = Org(lambda request: httpx.Response(503, html="<h1>Maintenance</h1>"), backoff=Backoff(tries=3))
    with pytest.raises(RemoteBusy):
        await org.look()
    assert len(org.asked) == 4
