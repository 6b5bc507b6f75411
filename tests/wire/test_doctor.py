"""What the doctor makes of vendors' answers, and of questions that meet trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from tests.stories.stage import StageClock

from concord.core.checks import Check, Question, State
from concord.engine.doctor import answered
from concord.errors import Category, ConfigError, RemoteBusy, RemoteRefused, RemoteUnknown, StoreError
from concord.systems.hubspot import doctor as hubspot
from concord.systems.reach import answers, on_this_machine, out_of_reach
from concord.systems.salesforce import doctor as salesforce
from concord.systems.salesforce.client import HEADERS

OK, WARN, FAIL, UNKNOWN = State.OK, State.WARN, State.FAIL, State.UNKNOWN
NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


# --- questions that meet trouble


def raising(error: BaseException) -> Callable[[], Awaitable[Sequence[Check]]]:
    async def ask() -> list[Check]:
        raise error

    return ask


REFUSED = RemoteRefused("salesforce", Category.PERMISSION, "not\n  you", code="NO", advice="Grant it")
BUSY = RemoteBusy("salesforce", Category.NETWORK, "away")


@pytest.mark.parametrize(
    ("error", "otherwise", "gate", "state", "words", "advice"),
    [
        (REFUSED, FAIL, False, FAIL, "not you (NO)", "Grant it"),
        (REFUSED, UNKNOWN, False, UNKNOWN, "the system does not tell it (NO)", "look there"),
        (BUSY, FAIL, False, UNKNOWN, "away", "try again"),
        (BUSY, FAIL, True, FAIL, "away", "try again"),
        (RemoteUnknown("x", Category.NETWORK, "broke"), FAIL, False, UNKNOWN, "x: broke", "try again"),
        (ConfigError("no such object"), UNKNOWN, False, FAIL, "no such object", ""),
        (StoreError("gone"), FAIL, False, UNKNOWN, "gone", "look there"),
        (KeyError("records"), FAIL, False, UNKNOWN, "a shape that Concord does not know (KeyError)", "look there"),
    ],
)
async def test_whatever_a_question_meets_becomes_a_check(
    error: Exception, otherwise: State, gate: bool, state: State, words: str, advice: str
) -> None:
    (told,) = await answered(Question("Left", "rights", raising(error), otherwise, "look there"), gate=gate)
    assert told.state is state
    assert words.removeprefix("x: ") in told.words
    assert told.advice.startswith(advice)


async def test_a_fault_of_ours_is_not_taken_for_a_finding() -> None:
    with pytest.raises(RuntimeError):
        await answered(Question("Left", "rights", raising(RuntimeError("ours"))))


async def test_a_question_without_an_answer_holds_nothing_up() -> None:
    async def for_ever() -> list[Check]:
        await asyncio.Event().wait()
        raise AssertionError

    (told,) = await answered(Question("Left", "rights", for_ever), patience=0.01)
    assert (told.state, told.words) == (UNKNOWN, "no answer within 0 s")
    (told,) = await answered(Question("Left", "sign-in", for_ever), patience=0.01, gate=True)
    assert told.state is FAIL


# --- Salesforce


def test_the_pinned_version_has_to_be_listed_and_is_best_not_among_the_oldest() -> None:
    listed = [f"v{number}.0" for number in range(66, 50, -1)]
    assert salesforce.version_check("v66.0", listed).state is OK
    assert salesforce.version_check("v52.0", listed).state is WARN
    gone = salesforce.version_check("v50.0", listed)
    assert (gone.state, gone.advice) == (FAIL, "write one of v62.0, v63.0, v64.0, v65.0, v66.0")
    assert salesforce.version_check("v66.0", ["v66.0"]).state is OK


def test_an_edition_without_change_events_is_no_trouble() -> None:
    told = salesforce.events_check(["Lead"], "not there", {}, "Professional Edition", forced=False)
    assert (told.state, told.tells_within) == (OK, None)
    assert salesforce.events_check(["Lead"], "not there", {}, "Professional Edition", forced=True).state is FAIL


def test_reasons_that_are_alike_are_told_once_and_others_each() -> None:
    reasons = {"Lead": "select Lead in Setup", "Case": "select Case in Setup", "Task": "no right"}
    told = salesforce.events_check(["Lead", "Case", "Task", "Contact"], None, reasons, "", forced=False)
    assert told.words == "followed, but not those of Lead, Case, Task: select Lead, Case in Setup; no right"


def test_rules_of_assignment_do_not_run_on_what_concord_writes() -> None:
    assert salesforce.assignment_check(HEADERS).state is OK
    assert salesforce.assignment_check({}).state is WARN


def test_many_rules_are_counted() -> None:
    told = salesforce.rules_check("validation rules", [("Lead", f"Rule_{n}") for n in range(10)], "look")
    assert told.state is WARN
    assert told.words.endswith("Rule_7 (Lead) and 2 more")


def test_an_org_that_tells_nothing_of_rights_leaves_it_unknown() -> None:
    assert salesforce.permissions_check([]).state is UNKNOWN


def test_view_all_is_asked_for_each_object_or_for_all_data() -> None:
    rows = [{"SobjectType": "Lead", "PermissionsViewAllRecords": True}]
    assert salesforce.all_records_check(["Lead"], rows, False).state is OK
    told = salesforce.all_records_check(["Lead", "Case"], rows, False)
    assert (told.state, "View All on Case" in told.words) == (WARN, True)
    assert salesforce.all_records_check(["Case"], [], True).state is OK


def outbound(*, hook: bool = True, reachable: str = "") -> Check:
    told = salesforce.Told(0.8, "auto", "", hook, "https://us.example/hooks/salesforce", reachable)
    return salesforce.outbound_check(told)


def test_of_outbound_messages_only_that_they_cannot_come_is_known() -> None:
    assert outbound(hook=False).state is OK
    assert outbound(reachable="it is not https").state is FAIL
    told = outbound()
    assert (told.state, "Outbound Messages" in told.advice) == (UNKNOWN, True)


# --- HubSpot


@pytest.mark.parametrize(("version", "state"), [("2026-09", OK), ("2025-09", OK), ("2025-08", WARN), ("2024-09", WARN)])
def test_a_dated_version_is_told_of_before_it_ends(version: str, state: State) -> None:
    assert hubspot.version_check(version, NOON).state is state


def test_the_limit_of_ten_seconds_tells_the_tier() -> None:
    assert "Free or Starter" in hubspot.burst_check({"x-hubspot-ratelimit-max": "100"}).words
    assert "a limit of its own" in hubspot.burst_check({"x-hubspot-ratelimit-max": "777"}).words
    assert hubspot.burst_check({}).state is UNKNOWN


def test_the_days_calls_are_told_by_headers_or_not_at_all() -> None:
    told = {"x-hubspot-ratelimit-daily": "1000", "x-hubspot-ratelimit-daily-remaining": "900"}
    assert hubspot.usage_in(told) == (100, 1000)
    assert hubspot.usage_in({}) is None


def test_that_a_workflow_ends_sequences_is_to_be_looked_at_by_hand() -> None:
    assert hubspot.sequences_check({"contacts": {"email"}}).state is OK
    told = hubspot.sequences_check({"contacts": {hubspot.STOP}})
    assert (told.state, "Unenroll from sequence" in told.advice) == (UNKNOWN, True)


def told_of(**more: Any) -> hubspot.Told:
    given: dict[str, Any] = {
        "share": 0.95, "app_id": "1", "events": "auto", "signed": True, "target": "https://us.example/hooks/hubspot",
        "reachable": "", "mapped": {"contacts": {"email", "phone"}}, "written": {}, "consent": True, **more,
    }  # fmt: skip
    return hubspot.Told(**given)


def test_what_is_known_of_webhooks_before_hubspot_is_asked() -> None:
    assert hubspot.webhooks_check(told_of()) is None
    for more, state in (({"signed": False}, OK), ({"reachable": "it is not https"}, FAIL), ({"app_id": ""}, UNKNOWN)):
        found = hubspot.webhooks_check(told_of(**more))
        assert found is not None
        assert found.state is state


def test_subscriptions_are_compared_with_the_mapping_in_either_family_of_names() -> None:
    target = "https://us.example/hooks/hubspot"
    old = {"eventType": "contact.propertyChange", "propertyName": "email"}
    new = {"eventType": "object.propertyChange", "objectType": "0-1", "propertyName": "phone"}
    assert hubspot.subscriptions_check(told_of(), target, [old, new]).state is OK
    told = hubspot.subscriptions_check(told_of(), target, [old, {**new, "active": False}])
    assert (told.state, "not for contacts.phone" in told.words) == (WARN, True)
    told = hubspot.subscriptions_check(told_of(), target, [{"eventType": "contact.creation"}])
    assert (told.state, "no subscription" in told.words) == (WARN, True)
    assert hubspot.subscriptions_check(told_of(), "", [old, new]).state is FAIL


def test_the_journal_fails_only_where_it_is_asked_for() -> None:
    assert hubspot.journal_check("off", None, configured=False).state is OK
    assert hubspot.journal_check("auto", None, configured=False).state is OK
    assert hubspot.journal_check("auto", "no scope", configured=True).state is WARN
    assert hubspot.journal_check("journal", "no scope", configured=True).state is FAIL
    assert hubspot.journal_check("auto", None, configured=True).tells_within == 10.0


# --- the address of our own


def test_a_vendor_reaches_only_https_addresses_of_the_internet() -> None:
    hub = "https://api.hubapi.com"
    assert out_of_reach("https://concord.acme.com/hooks", hub) == ""
    assert out_of_reach("https://8.8.8.8/hooks", hub) == ""
    assert out_of_reach("http://concord.acme.com/hooks", hub) == "it is not https"
    for inside in ("http://127.0.0.1:8321", "https://10.1.2.3", "https://localhost", "https://[::1]:8321"):
        assert "is this machine, or a network of yours" in out_of_reach(inside, hub)
    assert out_of_reach("http://127.0.0.1:8321", "http://127.0.0.1:8302") == "", "a sandbox reaches this machine"


def test_only_on_this_machine_nothing_has_to_be_encrypted() -> None:
    assert on_this_machine("127.0.0.1:1")
    assert on_this_machine("localhost:1")
    assert not on_this_machine("api.pubsub.salesforce.com:7443")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (httpx.Response(200, json={"status": "ok"}), ""),
        (httpx.Response(200, json={"status": "other"}), "something else than Concord answers"),
        (httpx.Response(200, text="<html>"), "us.example answered with a page instead of data"),
        (httpx.Response(502), "answered with status 502"),
        (httpx.ConnectError("no"), "no connection to us.example (ConnectError)"),
    ],
)
async def test_what_answers_at_the_address_is_said_in_words(answer: httpx.Response | Exception, why: str) -> None:
    def say(request: httpx.Request) -> httpx.Response:
        assert str(request.url) == "https://us.example/health"
        assert "authorization" not in request.headers
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert await answers("https://us.example/", StageClock(), lambda: 0.0, httpx.MockTransport(say)) == why
