"""Writing to Salesforce: conditional updates and creates under a unique key."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from tests.wire.salesforce_org import KEY, ME, NOON, Org, contact, lead, row, told

from concord.core.model import Change
from concord.core.values import BLANK, Ref
from concord.errors import Category, RemoteBusy
from concord.systems.salesforce.wire import id18


@pytest.fixture
def org() -> Org:
    return Org()


# --- updates

Verdict = tuple[int, Any]


def writes(org: Org, verdict: Callable[[dict[str, Any]], Verdict], at: datetime = NOON) -> None:
    """Composites whose PATCHes are answered by the verdict and whose reads show every id asked for."""

    def part(request: dict[str, Any]) -> dict[str, Any]:
        if request["method"] == "PATCH":
            status, body = verdict(request)
        else:
            status, body = 200, [row(text, at, by=ME, LastName="Shown") for text in request["body"]["ids"]]
        return {"body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": request["referenceId"]}

    org.on(
        "POST",
        "/composite$",
        lambda request: {"compositeResponse": [part(one) for one in json.loads(request.content)["compositeRequest"]]},
    )


def fine(request: dict[str, Any]) -> Verdict:
    return 204, None


def refusal(code: str, status: int = 400, **more: Any) -> Verdict:
    return status, [{"errorCode": code, "message": "refused", **more}]


GUARD = "Mon, 02 Nov 2026 11:59:55 GMT"


def change(number: int, guard: str | None = GUARD, **values: Any) -> Change:
    return Change(Ref("salesforce", "Lead", lead(number)), values or {"LastName": "New"}, guard=guard)


def patches(org: Org) -> list[dict[str, Any]]:
    return [
        part
        for request in org.calls("/composite$")
        for part in json.loads(request.content)["compositeRequest"]
        if part["method"] == "PATCH"
    ]


SHOW = {"Lead": ["LastName"], "Contact": ["LastName"], "Account": ["Name"]}


async def test_a_write_and_its_reading_back_are_one_call(org: Org) -> None:
    await org.salesforce.describe(["Lead"])
    writes(org, fine)
    before = org.salesforce.calls()
    (receipt,) = await org.salesforce.update([change(1, Phone=BLANK)], SHOW, {})
    assert org.salesforce.calls() == before + 1
    assert receipt.failure is None
    assert receipt.shown is not None
    assert receipt.shown.value("LastName") == "Shown"
    (patch,) = patches(org)
    assert patch["url"] == f"/services/data/v66.0/sobjects/Lead/{lead(1)}"
    assert patch["body"] == {"Phone": None}
    assert patch["httpHeaders"]["If-Unmodified-Since"] == GUARD
    assert patch["httpHeaders"]["Sforce-Auto-Assign"] == "FALSE"
    assert "client=Concord" in patch["httpHeaders"]["Sforce-Call-Options"]


async def test_values_are_written_in_salesforces_own_form(org: Org) -> None:
    writes(org, fine)
    ref = Ref("salesforce", "Account", id18("001xx0000000001"))
    await org.salesforce.update([Change(ref, {"AnnualRevenue": Decimal("19.90")}, guard=GUARD)], SHOW, {})
    assert patches(org)[0]["body"] == {"AnnualRevenue": 19.9}


async def test_twenty_records_go_in_one_call_and_receipts_keep_the_order(org: Org) -> None:
    await org.salesforce.describe(["Lead"])
    writes(org, fine)
    before = org.salesforce.calls()
    receipts = await org.salesforce.update([change(number) for number in range(45)], SHOW, {})
    assert org.salesforce.calls() == before + 3
    assert [receipt.ref.id for receipt in receipts] == [lead(number) for number in range(45)]
    assert all(receipt.shown is not None and receipt.shown.ref == receipt.ref for receipt in receipts)
    for request in org.calls("/composite$"):
        assert len(json.loads(request.content)["compositeRequest"]) <= 25


async def test_a_hot_record_is_not_written_and_comes_back_in_a_second(org: Org) -> None:
    await org.salesforce.describe(["Lead"])
    before = org.salesforce.calls()
    (receipt,) = await org.salesforce.update([change(1, guard="hot")], SHOW, {})
    assert org.salesforce.calls() == before
    assert receipt.failure is not None
    assert (receipt.failure.category, receipt.failure.moved, receipt.failure.transient, receipt.failure.after) == (
        Category.CONFLICT,
        True,
        True,
        1.0,
    )


async def test_a_write_without_a_guard_is_unconditional(org: Org) -> None:
    writes(org, fine)
    await org.salesforce.update([change(1, guard=None)], SHOW, {})
    assert "If-Unmodified-Since" not in patches(org)[0]["httpHeaders"]


async def test_one_record_that_moved_does_not_hold_up_the_others(org: Org) -> None:
    writes(org, lambda part: refusal("X", 412) if lead(2) in part["url"] else fine(part))
    first, second, third = await org.salesforce.update([change(1), change(2), change(3)], SHOW, {})
    assert (first.failure, third.failure) == (None, None)
    assert second.failure is not None
    assert (second.failure.moved, second.shown) == (True, None)


async def test_a_lock_is_tried_again_for_that_record_alone(org: Org) -> None:
    tries: list[str] = []

    def locked_twice(part: dict[str, Any]) -> Verdict:
        tries.append(part["url"][-18:])
        return refusal("UNABLE_TO_LOCK_ROW") if lead(2) in part["url"] and tries.count(lead(2)) < 3 else fine(part)

    writes(org, locked_twice)
    receipts = await org.salesforce.update([change(1), change(2)], SHOW, {})
    assert [receipt.failure for receipt in receipts] == [None, None]
    assert tries == [lead(1), lead(2), lead(2), lead(2)]
    assert org.clock.slept == [0.25, 0.5]


async def test_a_lock_that_stays_is_a_passing_failure(org: Org) -> None:
    writes(org, lambda part: refusal("UNABLE_TO_LOCK_ROW"))
    (receipt,) = await org.salesforce.update([change(1)], SHOW, {})
    assert receipt.failure is not None
    assert (receipt.failure.category, receipt.failure.transient) == (Category.RECORD_LOCK, True)
    assert len(patches(org)) == 4


async def test_what_was_written_is_kept_when_the_second_try_of_a_lock_gets_no_answer(org: Org) -> None:
    writes(org, lambda part: refusal("UNABLE_TO_LOCK_ROW") if lead(2) in part["url"] else fine(part))
    first = org.rules[0][2][0]
    tries: list[int] = []

    def then_silent(request: httpx.Request) -> Any:
        tries.append(1)
        if len(tries) > 1:
            raise httpx.ReadTimeout("slow")
        return first(request)

    org.on("POST", "/composite$", then_silent)
    written, lost = await org.salesforce.update([change(1), change(2)], SHOW, {})
    assert written.failure is None
    assert lost.failure is not None
    assert (lost.failure.unknown, lost.failure.transient) == (True, True)


async def test_a_reading_back_that_is_refused_leaves_the_record_to_be_read_again(org: Org) -> None:
    def say(request: httpx.Request) -> Any:
        write, look = json.loads(request.content)["compositeRequest"]
        return {
            "compositeResponse": [
                {"body": None, "httpStatusCode": 204, "referenceId": write["referenceId"]},
                {
                    "body": [{"errorCode": "UNKNOWN_EXCEPTION"}],
                    "httpStatusCode": 500,
                    "referenceId": look["referenceId"],
                },
            ]
        }

    org.on("POST", "/composite$", say)
    (receipt,) = await org.salesforce.update([change(1)], SHOW, {})
    assert (receipt.failure, receipt.shown) == (None, None)


async def test_histories_asked_for_come_with_what_was_written(org: Org) -> None:
    writes(org, fine)
    entry = {"LeadId": lead(1), "Field": "LastName", "NewValue": "New", "CreatedDate": told(NOON), "CreatedById": ME}
    org.query(lambda soql: [entry] if "LeadHistory" in soql else [])
    (receipt,) = await org.salesforce.update([change(1)], SHOW, {"Lead": ["LastName"]})
    assert receipt.shown is not None
    assert [(one.value, one.ours) for one in receipt.shown.histories["LastName"]] == [("New", True)]


async def test_a_field_that_is_not_there_fails_its_record_without_a_call(org: Org) -> None:
    writes(org, fine)
    bad, good = await org.salesforce.update([change(1, Nope__c="x"), change(2)], SHOW, {})
    assert bad.failure is not None
    assert (bad.failure.category, bad.failure.fields) == (Category.MAPPING, ("Nope__c",))
    assert good.failure is None
    assert len(patches(org)) == 1


async def test_one_failed_call_of_several_keeps_what_the_others_did(org: Org) -> None:
    writes(org, fine)
    good = org.rules[0][2][0]

    def broken(request: httpx.Request) -> Any:
        if lead(0).encode() in request.content:
            return 400, [{"errorCode": "MISSING_ARGUMENT", "message": "refused"}]
        return good(request)

    org.on("POST", "/composite$", broken)
    receipts = await org.salesforce.update([change(number) for number in range(25)], SHOW, {})
    assert [receipt.failure is None for receipt in receipts] == [False] * 20 + [True] * 5
    assert receipts[0].failure is not None
    assert receipts[0].failure.code == "MISSING_ARGUMENT"


async def test_a_call_that_fails_altogether_fails(org: Org) -> None:
    org.on("POST", "/composite$", (403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests"}]))
    with pytest.raises(RemoteBusy) as busy:
        await org.salesforce.update([change(1)], SHOW, {})
    assert (busy.value.category, busy.value.after) == (Category.QUOTA, 900)


# --- creates


def create(number: int, **values: Any) -> Change:
    return Change(Ref("salesforce", "Contact", ""), values or {"LastName": "New"}, key=(KEY, str(number)))


def upserts(org: Org, result: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    org.on(
        "PATCH",
        f"/composite/sobjects/Contact/{KEY}$",
        lambda request: [result(one) for one in json.loads(request.content)["records"]],
    )
    org.on(
        "POST",
        "/composite/sobjects/Contact$",
        lambda request: [row(text, NOON, by=ME) for text in json.loads(request.content)["ids"]],
    )


def made(record: dict[str, Any]) -> dict[str, Any]:
    return {"id": contact(int(record[KEY])), "success": True, "errors": [], "created": True}


async def test_records_are_made_under_their_keys_and_shown(org: Org) -> None:
    upserts(org, made)
    (receipt,) = await org.salesforce.create([create(5)], SHOW, {})
    assert (receipt.ref, receipt.created) == (Ref("salesforce", "Contact", contact(5)), True)
    assert receipt.shown is not None
    assert receipt.shown.ref == receipt.ref
    (request,) = org.calls(f"/{KEY}$")
    assert json.loads(request.content) == {
        "allOrNone": False,
        "records": [{"attributes": {"type": "Contact"}, "LastName": "New", KEY: "5"}],
    }
    assert "allowSave=false" in request.headers["sforce-duplicate-rule-header"]


async def test_a_repeat_finds_the_first(org: Org) -> None:
    upserts(org, lambda record: {**made(record), "created": False})
    (receipt,) = await org.salesforce.create([create(5)], SHOW, {})
    assert (receipt.ref.id, receipt.created, receipt.failure) == (contact(5), False, None)


async def test_creates_go_two_hundred_at_a_time_in_the_order_asked(org: Org) -> None:
    upserts(org, made)
    receipts = await org.salesforce.create([create(number) for number in range(250)], SHOW, {})
    assert [receipt.ref.id for receipt in receipts] == [contact(number) for number in range(250)]
    assert len(org.calls(f"/{KEY}$")) == 2


async def test_one_key_twice_goes_in_two_calls(org: Org) -> None:
    upserts(org, made)
    receipts = await org.salesforce.create([create(5), create(5)], SHOW, {})
    assert [receipt.ref.id for receipt in receipts] == [contact(5), contact(5)]
    assert len(org.calls(f"/{KEY}$")) == 2


async def test_a_duplicate_rule_stops_one_record_and_names_the_match(org: Org) -> None:
    match = {"record": {"attributes": {"type": "Contact"}, "Id": contact(77)}}
    error = {
        "statusCode": "DUPLICATES_DETECTED",
        "message": "Use one of these records?",
        "fields": [],
        "duplicateResut": {"matchResults": [{"entityType": "Contact", "matchRecords": [match]}]},
    }

    def blocked(record: dict[str, Any]) -> dict[str, Any]:
        return {"success": False, "errors": [error]} if record[KEY] == "1" else made(record)

    upserts(org, blocked)
    refused, good = await org.salesforce.create([create(1), create(2)], SHOW, {})
    assert refused.failure is not None
    assert (refused.failure.category, refused.failure.holder) == (Category.DUPLICATE_RULE, contact(77))
    assert (refused.ref.id, refused.shown) == ("", None)
    assert good.created


async def test_a_create_without_the_key_field_in_the_org_is_refused_without_a_call(org: Org) -> None:
    await org.salesforce.describe(["Account"])
    before = org.salesforce.calls()
    lost = Change(Ref("salesforce", "Account", ""), {"Name": "Acme"}, key=("HubSpot_Company_Id__c", "1"))
    (receipt,) = await org.salesforce.create([lost], SHOW, {})
    assert receipt.failure is not None
    assert "HubSpot_Company_Id__c" in receipt.failure.message
    assert org.salesforce.calls() == before


async def test_a_reading_back_that_fails_does_not_undo_the_create(org: Org) -> None:
    upserts(org, made)
    org.on("POST", "/composite/sobjects/Contact$", (400, [{"errorCode": "MALFORMED_ID", "message": "?"}]))
    (receipt,) = await org.salesforce.create([create(5)], SHOW, {})
    assert (receipt.ref.id, receipt.shown, receipt.failure) == (contact(5), None, None)
