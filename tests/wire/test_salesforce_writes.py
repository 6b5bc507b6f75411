"""Writing to Salesforce: conditional updates and creates under a unique key."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
from tests.wire.salesforce_org import KEY, ME, NOON, SCHEMAS, Org, contact, field, lead, row, told

from concord.core.model import Change
from concord.core.values import BLANK, Ref
from concord.errors import Category, RemoteBusy, RemoteUnknown
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


async def test_up_to_twenty_records_go_by_composite(org: Org) -> None:
    writes(org, fine)
    receipts = await org.salesforce.update([change(number) for number in range(20)], SHOW, {})
    assert [receipt.ref.id for receipt in receipts] == [lead(number) for number in range(20)]
    assert all(receipt.shown is not None and receipt.shown.ref == receipt.ref for receipt in receipts)
    (request,) = org.calls("/composite")
    assert len(json.loads(request.content)["compositeRequest"]) == 21


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


# --- updates as graphs


def graphs(org: Org, verdict: Callable[[dict[str, Any]], Verdict], probe: Verdict = (412, None)) -> None:
    """Graphs as Salesforce answers them: one with a refused node is undone, and after the fifteenth such none is tried.
    Each reading shows a second of after the write. probe: the answer to the write of nothing."""

    def answered(graph: dict[str, Any], failures: list[str]) -> dict[str, Any]:
        parts = [(node, HALTED) for node in graph["compositeRequest"]]
        if len(failures) < 15:
            parts = [(node, probe if node.get("body") == {} else verdict(node)) for node, _ in parts]
        good = all(status < 300 for _, (status, _) in parts)
        if not good:
            parts = [(node, said if said[0] >= 300 else HALTED) for node, said in parts]
            failures.append(graph["graphId"])
        answers = [
            {"referenceId": node["referenceId"], "httpStatusCode": status, "body": body, "httpHeaders": {}}
            for node, (status, body) in parts
        ]
        return {"graphId": graph["graphId"], "isSuccessful": good, "graphResponse": {"compositeResponse": answers}}

    def say(request: httpx.Request) -> Any:
        failures: list[str] = []
        return {"graphs": [answered(graph, failures) for graph in json.loads(request.content)["graphs"]]}

    org.on("POST", "/composite/graph$", say)


HALTED: Verdict = (400, [{"errorCode": "PROCESSING_HALTED", "message": "rolled back"}])


def good(node: dict[str, Any]) -> Verdict:
    if node["method"] == "PATCH":
        return 204, None
    return 200, row(node["url"].split("?")[0].rsplit("/", 1)[1], NOON, by=ME, LastName="Shown")


def sent(org: Org) -> list[list[dict[str, Any]]]:
    """The graphs of each call, without the one that tries them out."""
    made = [json.loads(request.content)["graphs"] for request in org.calls("/composite/graph$")]
    return [call for call in made if call[0]["graphId"] != "probe"]


async def test_more_records_go_as_graphs_a_hundred_in_a_call_each_with_its_guard_and_its_reading_back(org: Org) -> None:
    graphs(org, good)
    receipts = await org.salesforce.update([change(number, Phone=BLANK) for number in range(200)], SHOW, {})
    assert [receipt.ref.id for receipt in receipts] == [lead(number) for number in range(200)]
    assert all(one.shown is not None and one.shown.ref == one.ref and one.failure is None for one in receipts)
    first, second = sent(org)
    for call in (first, second):
        nodes = [node for graph in call for node in graph["compositeRequest"]]
        assert (len(call), len(nodes)) == (75, 200)
        assert len({node["referenceId"] for node in nodes}) == 200
        assert len({graph["graphId"] for graph in call}) == 75
    write, read = first[0]["compositeRequest"]
    assert (write["method"], write["body"]) == ("PATCH", {"Phone": None})
    assert write["url"] == f"/services/data/v66.0/sobjects/Lead/{lead(0)}"
    assert write["httpHeaders"]["If-Unmodified-Since"] == GUARD
    assert write["httpHeaders"]["Sforce-Auto-Assign"] == "FALSE"
    assert (read["method"], "httpHeaders" in read) == ("GET", False)
    assert read["url"].startswith(f"{write['url']}?fields=Id,LastName,SystemModstamp,")
    assert not org.calls("/composite$")


async def test_graphs_are_tried_out_once_with_a_write_of_nothing_that_has_to_be_refused(org: Org) -> None:
    graphs(org, good)
    for _ in range(2):
        await org.salesforce.update([change(number) for number in range(30)], SHOW, {})
    probe, *others = [json.loads(request.content)["graphs"] for request in org.calls("/composite/graph$")]
    ((node,),) = [graph["compositeRequest"] for graph in probe]
    assert (node["method"], node["body"]) == ("PATCH", {})
    assert node["httpHeaders"]["If-Unmodified-Since"] == "Sat, 01 Jan 2000 00:00:00 GMT"
    assert len(others) == 2


async def test_where_graphs_pass_over_conditions_nothing_is_ever_written_through_them(
    org: Org, caplog: pytest.LogCaptureFixture
) -> None:
    graphs(org, good, probe=(204, None))
    writes(org, fine)
    for _ in range(2):
        receipts = await org.salesforce.update([change(number) for number in range(45)], SHOW, {})
        assert all(receipt.shown is not None for receipt in receipts)
    assert (len(org.calls("/composite/graph$")), len(org.calls("/composite$"))) == (1, 6)
    assert all(patch["httpHeaders"]["If-Unmodified-Since"] == GUARD for patch in patches(org))
    (said,) = [record for record in caplog.records if record.name == "concord.salesforce"]
    assert (said.levelname, "do not keep to If-Unmodified-Since" in said.message) == ("WARNING", True)


@pytest.mark.parametrize(
    "refused",
    [
        (404, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]),
        (403, [{"errorCode": "FUNCTIONALITY_NOT_ENABLED", "message": "?"}]),
        (400, [{"errorCode": "LIMIT_EXCEEDED", "message": "?"}]),
    ],
)
async def test_an_org_that_refuses_graphs_is_asked_again_in_an_hour(org: Org, refused: Any) -> None:
    org.on("POST", "/composite/graph$", refused)
    writes(org, fine)
    for minutes, asked in ((0, 1), (50, 1), (11, 2)):
        org.clock.time += timedelta(minutes=minutes)
        receipts = await org.salesforce.update([change(number) for number in range(21)], SHOW, {})
        assert all(receipt.failure is None for receipt in receipts)
        assert len(org.calls("/composite/graph$")) == asked


async def test_graphs_that_are_refused_after_they_were_tried_out_cost_nobody_a_write(org: Org) -> None:
    graphs(org, good)
    await org.salesforce.update([change(number) for number in range(21)], SHOW, {})
    org.on("POST", "/composite/graph$", (400, [{"errorCode": "LIMIT_EXCEEDED", "message": "?"}]))
    writes(org, fine)
    receipts = await org.salesforce.update([change(number) for number in range(21)], SHOW, {})
    assert [receipt.failure for receipt in receipts] == [None] * 21
    assert len(patches(org)) == 21


@pytest.mark.parametrize("probe", [refusal("UNABLE_TO_LOCK_ROW"), refusal("NOT_FOUND", 404)])
async def test_a_record_that_tells_nothing_of_graphs_leaves_the_question_to_the_next_update(
    org: Org, probe: Verdict
) -> None:
    graphs(org, good, probe=probe)
    writes(org, fine)
    await org.salesforce.update([change(number) for number in range(21)], SHOW, {})
    assert (len(sent(org)), len(patches(org))) == (0, 21)
    graphs(org, good)
    await org.salesforce.update([change(number) for number in range(21)], SHOW, {})
    assert len(sent(org)) == 1


async def test_no_answer_to_the_trial_leaves_the_question_open_too(org: Org) -> None:
    def silent(request: httpx.Request) -> Any:
        raise httpx.ReadTimeout("slow")

    org.on("POST", "/composite/graph$", silent)
    writes(org, fine)
    receipts = await org.salesforce.update([change(number) for number in range(21)], SHOW, {})
    assert [receipt.failure for receipt in receipts] == [None] * 21
    graphs(org, good)
    await org.salesforce.update([change(number) for number in range(21)], SHOW, {})
    assert len(sent(org)) == 1


async def test_what_one_record_of_a_graph_suffers_is_told_of_it_alone_and_the_innocent_is_written(org: Org) -> None:
    moved, ruled = lead(1), lead(3)

    def verdict(node: dict[str, Any]) -> Verdict:
        if node["method"] == "PATCH" and moved in node["url"]:
            return 412, None
        if node["method"] == "PATCH" and ruled in node["url"]:
            return refusal("FIELD_CUSTOM_VALIDATION_EXCEPTION", fields=["Phone"])
        return good(node)

    graphs(org, verdict)
    writes(org, fine)
    receipts = await org.salesforce.update([change(number) for number in range(100)], SHOW, {})
    failed = {receipt.ref.id: receipt.failure for receipt in receipts if receipt.failure}
    assert set(failed) == {moved, ruled}
    assert failed[moved].moved  # type: ignore[union-attr]
    assert failed[ruled].category is Category.VALIDATION_RULE  # type: ignore[union-attr]
    mates = [
        node["url"][-18:]
        for graph in sent(org)[0]
        for node in graph["compositeRequest"]
        if node["method"] == "PATCH" and {moved, ruled} & {one["url"][-18:] for one in graph["compositeRequest"]}
    ]
    assert [patch["url"][-18:] for patch in patches(org)] == [one for one in mates if one not in (moved, ruled)]


async def test_what_the_org_no_longer_tries_after_many_failures_goes_by_composite_and_has_its_own_cause(
    org: Org,
) -> None:
    bad = {lead(number) for number in range(10, 35)}

    def verdict(node: dict[str, Any]) -> Verdict:
        refused = node["method"] == "PATCH" and node["url"][-18:] in bad
        return refusal("FIELD_CUSTOM_VALIDATION_EXCEPTION") if refused else good(node)

    graphs(org, verdict)
    writes(org, lambda part: verdict(part) if part["url"][-18:] in bad else fine(part))
    receipts = await org.salesforce.update([change(number) for number in range(60)], SHOW, {})
    assert {one.ref.id for one in receipts if one.failure} == bad
    assert {one.failure.code for one in receipts if one.failure} == {"FIELD_CUSTOM_VALIDATION_EXCEPTION"}
    assert org.clock.slept == [], "nothing had to be waited for"


async def test_a_reading_that_fails_in_a_graph_costs_the_reading_alone(org: Org) -> None:
    lost = refusal("INVALID_FIELD")
    graphs(org, lambda node: lost if node["method"] == "GET" and lead(5) in node["url"] else good(node))
    writes(org, fine)
    receipts = await org.salesforce.update([change(number) for number in range(21)], SHOW, {})
    assert [receipt.failure for receipt in receipts] == [None] * 21
    assert [patch["url"][-18:] for patch in patches(org)] == [lead(5)]


async def test_a_reading_from_before_the_write_is_not_shown(org: Org) -> None:
    before = parsedate_to_datetime(GUARD)

    def early(node: dict[str, Any]) -> Verdict:
        status, body = good(node)
        return status, body and {**body, "SystemModstamp": told(before)}

    graphs(org, early)
    receipts = await org.salesforce.update([change(number) for number in range(21)], SHOW, {})
    assert [(receipt.failure, receipt.shown) for receipt in receipts] == [(None, None)] * 21


async def test_writes_without_a_guard_go_by_composite_beside_the_graphs(org: Org) -> None:
    graphs(org, good)
    writes(org, fine)
    changes = [change(number, guard=GUARD if number % 2 else None) for number in range(50)]
    receipts = await org.salesforce.update(changes, SHOW, {})
    assert [receipt.ref.id for receipt in receipts if receipt.shown] == [lead(number) for number in range(50)]
    assert (len(sent(org)), len(org.calls("/composite$"))) == (1, 2)
    assert {patch["url"][-18:] for patch in patches(org)} == {lead(number) for number in range(0, 50, 2)}


async def test_fields_that_fit_into_no_address_are_read_back_by_composite(org: Org) -> None:
    many = [field(f"Field{number:03d}_with_a_name_as_long_as_it_may_be__c") for number in range(300)]
    org.on("GET", "/sobjects/Lead/describe/", {"name": "Lead", "fields": [*SCHEMAS["Lead"], *many]})
    graphs(org, good)
    writes(org, fine)
    names = [one["name"] for one in many]
    await org.salesforce.update([change(number) for number in range(21)], {"Lead": names}, {})
    assert (len(org.calls("/composite/graph$")), len(org.calls("/composite$"))) == (0, 2)


async def test_calls_that_get_no_answer_in_time_become_smaller_and_grow_again(org: Org) -> None:
    graphs(org, good)
    changes = [change(number) for number in range(100)]
    await org.salesforce.update(changes, SHOW, {})
    answers = org.rules[0][2][0]
    silent = [True]

    def slow(request: httpx.Request) -> Any:
        if silent[0]:
            raise httpx.ReadTimeout("slow")
        return answers(request)

    org.on("POST", "/composite/graph$", slow)
    with pytest.raises(RemoteUnknown):
        await org.salesforce.update(changes, SHOW, {})
    assert org.clock.slept == [], "the same call would take as long again"
    silent[0] = False
    begun = len(sent(org))
    for _ in range(2):
        await org.salesforce.update(changes, SHOW, {})
    assert [sum(len(graph["compositeRequest"]) // 2 for graph in call) for call in sent(org)[begun:]] == [
        *(50, 50),
        *(55, 45),
    ]


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
