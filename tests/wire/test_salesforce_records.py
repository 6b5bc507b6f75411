"""Reading Salesforce: the account, schemas, records by id, by value and in whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.wire.salesforce_org import JANE, ME, NOON, STAMPS, Org, contact, field, lead, row, told

from concord.core.model import Gone, Record
from concord.core.values import BLANK, MISSING, Ref
from concord.engine.ports import System
from concord.errors import ConfigError, RemoteRefused
from concord.systems.salesforce.wire import id18


@pytest.fixture
def org() -> Org:
    return Org()


async def read(org: Org, *ids: str, object_name: str = "Lead", fields: tuple[str, ...] = ("LastName", "Phone")) -> Any:
    return list(await org.salesforce.read(object_name, ids, fields))


def test_the_class_fills_the_engines_port(org: Org) -> None:
    system: System = org.salesforce
    assert system.name == "salesforce"


# --- account and schema


async def test_the_account_is_named_with_its_user(org: Org) -> None:
    org.on("GET", "/services/data/$", [{"label": "Spring '26", "url": "/services/data/v66.0", "version": "66.0"}])
    org.query(lambda soql: [{"Id": "00Dxx0000001gPLEAY", "Name": "Acme", "IsSandbox": True}])
    account = await org.salesforce.account()
    assert (account.id, account.name, account.user) == ("00Dxx0000001gPLEAY", "Acme (sandbox)", ME)
    assert org.salesforce.user_id == ME


async def test_a_version_that_the_org_does_not_list_is_a_configuration_error(org: Org) -> None:
    org.on("GET", "/services/data/$", [{"label": "Winter '25", "url": "/services/data/v62.0", "version": "62.0"}])
    with pytest.raises(ConfigError, match=r"salesforce\.api_version is v66\.0.*it has v62\.0"):
        await org.salesforce.account()


async def test_an_object_that_is_not_there_is_named(org: Org) -> None:
    with pytest.raises(ConfigError, match="Ticket__c"):
        await org.salesforce.describe(["Lead", "Ticket__c"])


# --- reading


async def test_records_come_in_the_order_asked_with_typed_values(org: Org) -> None:
    org.rows("Lead", row(lead(1), Email="a@b.example"), row(lead(2), Phone="+49 30 1"))
    first, second = await read(org, lead(2), lead(1), fields=("Email", "Phone", "Nonsense__c"))
    assert (first.ref.id, second.ref.id) == (lead(2), lead(1))
    assert first.value("Phone") == "+49 30 1"
    assert second.value("Phone") is BLANK
    assert second.value("Nonsense__c") is MISSING
    assert set(second.values) == {"Email", "Phone"}
    assert (second.modified_at, second.modified_by) == (NOON - timedelta(hours=1), JANE)


async def test_any_number_of_ids_is_read_two_thousand_at_a_time(org: Org) -> None:
    ids = [lead(number) for number in range(2_050)]
    org.rows("Lead", *(row(text) for text in ids))
    assert [record.ref.id for record in await read(org, *ids)] == ids
    assert sorted(asked(org)) == [50, 2_000]


async def test_an_org_that_refuses_so_many_ids_is_asked_for_two_hundred_at_a_time_a_thousand_in_a_call(
    org: Org,
) -> None:
    ids = [lead(number) for number in range(1_050)]

    def say(body: Any) -> tuple[int, Any]:
        if len(body["ids"]) > 200:
            return 400, [{"errorCode": "EXCEEDED_ID_LIMIT", "message": "record limit reached"}]
        return 200, [row(text) for text in body["ids"]]

    org.on("POST", "/composite/sobjects/Lead$", lambda request: say(json.loads(request.content)))
    composites(org, say)
    for _ in range(2):
        assert [record.ref.id for record in await read(org, *ids)] == ids
    assert asked(org) == [1_050, 50, 50], "it is not forgotten"
    assert [len(call) for call in together(org)] == [5, 5]


def composites(org: Org, say: Callable[[Any], tuple[int, Any]]) -> None:
    """Composites of reads by ids, each answered by its body."""

    def part(one: dict[str, Any]) -> dict[str, Any]:
        status, body = say(one["body"])
        return {"referenceId": one["referenceId"], "httpStatusCode": status, "body": body}

    org.on(
        "POST",
        "/composite$",
        lambda request: {"compositeResponse": [part(one) for one in json.loads(request.content)["compositeRequest"]]},
    )


def together(org: Org) -> list[list[dict[str, Any]]]:
    """The sub-requests of each composite."""
    return [json.loads(request.content)["compositeRequest"] for request in org.calls("/composite$")]


async def test_reads_that_begin_together_are_one_call_and_each_has_its_own_answer(org: Org) -> None:
    await org.salesforce.describe(["Lead", "Contact"])
    rows = {one: row(one) for one in (lead(1), lead(2), contact(3))}
    composites(org, lambda body: (200, [rows.get(text) for text in body["ids"]]))
    before = org.salesforce.calls()
    leads, one, people = await asyncio.gather(
        read(org, lead(1), lead(2)), read(org, lead(2)), read(org, contact(3), object_name="Contact")
    )
    assert [[record.ref.id for record in found] for found in (leads, one, people)] == [
        [lead(1), lead(2)],
        [lead(2)],
        [contact(3)],
    ]
    assert org.salesforce.calls() == before + 1
    assert [one["url"].rsplit("/", 1)[1] for one in together(org)[0]] == ["Lead", "Lead", "Contact"]


async def test_a_read_that_is_refused_fails_alone(org: Org) -> None:
    await org.salesforce.describe(["Lead", "Contact"])
    refused = (400, [{"errorCode": "INSUFFICIENT_ACCESS_OR_READONLY", "message": "?"}])
    composites(org, lambda body: refused if contact(3) in body["ids"] else (200, [row(text) for text in body["ids"]]))
    found, error = await asyncio.gather(
        read(org, lead(1)), read(org, contact(3), object_name="Contact"), return_exceptions=True
    )
    assert [record.ref.id for record in found] == [lead(1)]
    assert isinstance(error, RemoteRefused)
    assert error.code == "INSUFFICIENT_ACCESS_OR_READONLY"


async def test_a_call_that_fails_fails_all_that_went_with_it(org: Org) -> None:
    await org.salesforce.describe(["Lead", "Contact"])
    org.on("POST", "/composite$", (400, [{"errorCode": "MISSING_ARGUMENT", "message": "?"}]))
    told = await asyncio.gather(
        read(org, lead(1)), read(org, contact(3), object_name="Contact"), return_exceptions=True
    )
    assert [type(one) for one in told] == [RemoteRefused] * 2


async def test_a_reader_that_is_stopped_stops_nobody_else(org: Org) -> None:
    await org.salesforce.describe(["Lead", "Contact"])
    composites(org, lambda body: (200, [row(text) for text in body["ids"]]))
    stopped = asyncio.create_task(read(org, lead(1)))
    other = asyncio.create_task(read(org, contact(3), object_name="Contact"))
    for _ in range(4):
        await asyncio.sleep(0)
    stopped.cancel()
    assert [record.ref.id for record in await other] == [contact(3)]
    assert stopped.cancelled()


def asked(org: Org) -> list[int]:
    """How many ids each read by ids asked for."""
    return [len(json.loads(request.content)["ids"]) for request in org.calls("/composite/sobjects/Lead$")]


async def test_a_short_id_is_answered_as_the_long_one(org: Org) -> None:
    org.rows("Lead", row(lead(1)))
    (record,) = await read(org, lead(1)[:15])
    assert record.ref == Ref("salesforce", "Lead", lead(1))


async def test_a_deleted_record_is_gone(org: Org) -> None:
    org.rows("Lead")
    org.query(lambda soql: [{"Id": lead(1), "IsDeleted": True, "MasterRecordId": None}])
    (gone,) = await read(org, lead(1))
    assert gone == Gone(Ref("salesforce", "Lead", lead(1)), "deleted")
    assert len(org.calls("/queryAll")) == 1


async def test_a_purged_record_is_gone(org: Org) -> None:
    org.rows("Lead")
    org.query(lambda soql: [])
    (gone,) = await read(org, lead(1))
    assert isinstance(gone, Gone)
    assert "out of sight" in gone.reason


async def test_a_merged_record_comes_back_as_the_survivor_through_any_number_of_merges(org: Org) -> None:
    masters = {lead(1): lead(2), lead(2): lead(3)}
    org.rows("Lead", row(lead(3), LastName="Survivor"))
    org.query(
        lambda soql: [
            {"Id": old, "IsDeleted": True, "MasterRecordId": new} for old, new in masters.items() if old in soql
        ]
    )
    merged, survivor = await read(org, lead(1), lead(3))
    assert (merged.ref.id, merged.asked, merged.value("LastName")) == (lead(3), lead(1), "Survivor")
    assert survivor.asked is None


async def test_a_record_undeleted_between_two_looks_is_read_after_all(org: Org) -> None:
    found: list[Any] = [[None], [row(lead(1))]]
    org.on("POST", "/composite/sobjects/Lead$", *found)
    org.query(lambda soql: [{"Id": lead(1), "IsDeleted": False, "MasterRecordId": None}])
    (record,) = await read(org, lead(1))
    assert isinstance(record, Record)
    assert record.asked is None


async def test_merges_that_go_round_in_a_circle_end(org: Org) -> None:
    org.rows("Lead")
    other = {lead(1): lead(2), lead(2): lead(1)}
    org.query(lambda soql: [{"Id": a, "IsDeleted": True, "MasterRecordId": b} for a, b in other.items() if a in soql])
    assert isinstance((await read(org, lead(1)))[0], Gone)


async def test_a_converted_lead_comes_back_as_its_contact(org: Org) -> None:
    org.rows("Lead", row(lead(1), IsConverted=True, ConvertedContactId=contact(7)))
    org.rows("Contact", row(contact(7), LastName="Married"))
    (record,) = await read(org, lead(1), fields=("LastName", "Company"))
    assert (record.ref, record.asked) == (Ref("salesforce", "Contact", contact(7)), lead(1))
    assert dict(record.values) == {"LastName": "Married"}


async def test_a_converted_lead_whose_contact_is_hidden_is_gone_and_says_why(org: Org) -> None:
    org.rows("Lead", row(lead(1), IsConverted=True, ConvertedContactId=None))
    (gone,) = await read(org, lead(1))
    assert "converted" in gone.reason


async def test_a_quiet_record_has_a_version_and_a_guard(org: Org) -> None:
    org.rows("Lead", row(lead(1), NOON - timedelta(seconds=5)))
    (record,) = await read(org, lead(1))
    assert record.guard == "Mon, 02 Nov 2026 11:59:55 GMT"
    assert record.version is not None
    assert JANE in record.version


async def test_a_record_changed_in_the_second_it_is_read_in_is_hot(org: Org) -> None:
    org.rows("Lead", row(lead(1), NOON))
    (record,) = await read(org, lead(1))
    assert (record.guard, record.version) == ("hot", None)


async def test_our_own_write_of_this_second_is_known_but_may_not_be_written_over(org: Org) -> None:
    org.rows("Lead", row(lead(1), NOON, by=ME))
    (record,) = await read(org, lead(1))
    assert record.guard == "hot"
    assert record.version is not None


async def test_anothers_edit_in_the_second_of_our_write_has_another_version(org: Org) -> None:
    org.rows("Lead", row(lead(1), NOON, by=ME), row(lead(2), NOON - timedelta(1)))
    ours, _ = await read(org, lead(1), lead(2))
    org.clock.time += timedelta(seconds=9)
    org.rows("Lead", row(lead(1), NOON, by=JANE))
    (theirs,) = await read(org, lead(1))
    assert None not in (ours.version, theirs.version)
    assert ours.version != theirs.version


async def test_a_slow_answer_makes_everything_hot_that_changed_while_it_was_under_way(org: Org) -> None:
    org.rows("Lead", row(lead(1), NOON + timedelta(seconds=1)))
    inner = org.rules[0][2][0]

    def slow(request: httpx.Request) -> Any:
        org.clock.time += timedelta(seconds=3)
        return inner(request)

    await org.salesforce.describe(["Lead"])
    org.on("POST", "/composite/sobjects/Lead$", slow)
    (record,) = await read(org, lead(1))
    assert record.read_at == NOON + timedelta(seconds=3)
    assert record.guard == "hot"


async def test_a_field_that_went_since_the_schema_was_read_is_left_out(org: Org) -> None:
    await org.salesforce.describe(["Lead"])
    org.on("GET", "/sobjects/Lead/describe/", {"name": "Lead", "fields": [*STAMPS, field("LastName")]})
    org.rows("Lead", row(lead(1)))
    good = org.rules[0][2][0]

    def picky(request: httpx.Request) -> Any:
        if "Phone" in json.loads(request.content)["fields"]:
            return 400, [{"errorCode": "INVALID_FIELD", "message": "No such column 'Phone'", "fields": ["Phone"]}]
        return good(request)

    org.on("POST", "/composite/sobjects/Lead$", picky)
    (record,) = await read(org, lead(1))
    assert dict(record.values) == {"LastName": "Doe"}


async def test_a_fields_history_tells_when_and_by_whom_and_whether_it_was_us(org: Org) -> None:
    org.rows("Contact", row(contact(1)))
    change = {"ContactId": contact(1), "Field": "Phone"}
    org.query(
        lambda soql: [
            {**change, "NewValue": "2", "CreatedDate": told(NOON), "CreatedById": JANE},
            {**change, "NewValue": None, "CreatedDate": told(NOON - timedelta(1)), "CreatedById": ME},
        ]
    )
    (record,) = await org.salesforce.read("Contact", [contact(1)], ["Phone"], ["Phone", "LastName"])
    assert isinstance(record, Record)
    newest, older = record.histories["Phone"]
    assert (newest.value, newest.stamp.by, newest.stamp.at, newest.ours) == ("2", JANE, NOON, False)
    assert newest.stamp.certain
    assert (older.value, older.ours) == (BLANK, True)
    assert "LastName" not in record.histories


async def test_a_references_history_is_read_from_the_row_that_holds_the_id(org: Org) -> None:
    org.rows("Contact", row(contact(1)))
    account = id18("001xx0000000001")
    change = {"ContactId": contact(1), "Field": "Account", "CreatedDate": told(NOON), "CreatedById": JANE}
    org.query(lambda soql: [{**change, "NewValue": "Acme Inc"}, {**change, "NewValue": account}])
    (record,) = await org.salesforce.read("Contact", [contact(1)], ["AccountId"], ["AccountId"])
    assert isinstance(record, Record)
    assert [entry.value for entry in record.histories["AccountId"]] == [Ref("salesforce", "Account", account)]


async def test_an_org_without_history_is_asked_for_it_once(org: Org) -> None:
    org.rows("Contact", row(contact(1)))
    org.on("GET", "/query", (400, [{"errorCode": "INVALID_TYPE", "message": "sObject type 'ContactHistory'"}]))
    for _ in range(3):
        (record,) = await org.salesforce.read("Contact", [contact(1)], ["Phone"], ["Phone"])
        assert isinstance(record, Record)
    assert len(org.calls("/query")) == 1


# --- scanning and finding


async def test_a_scan_goes_through_all_pages(org: Org) -> None:
    more = {"done": False, "nextRecordsUrl": "/services/data/v66.0/query/01g-2"}
    org.on("GET", r"/v66.0/query$", {**more, "records": [row(lead(1))]})
    org.on("GET", r"/query/01g-2", {"done": True, "records": [row(lead(2))]})
    pages = [page async for page in org.salesforce.scan("Lead", ["LastName"])]
    assert [record.ref.id for page in pages for record in page] == [lead(1), lead(2)]
    assert "IsConverted = false ORDER BY Id" in org.calls("/v66.0/query$")[0].url.params["q"]


async def test_an_expired_page_chain_is_begun_again_after_the_last_record(org: Org) -> None:
    more = {"done": False, "nextRecordsUrl": "/services/data/v66.0/query/01g-2"}
    org.on("GET", r"/v66.0/query$", {**more, "records": [row(lead(1))]}, {"done": True, "records": [row(lead(2))]})
    org.on("GET", r"/query/01g-2", (400, [{"errorCode": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"}]))
    ids = [record.ref.id async for page in org.salesforce.scan("Contact", ["LastName"]) for record in page]
    assert ids == [lead(1), lead(2)]
    assert f"Id > '{lead(1)}'" in org.calls("/v66.0/query$")[1].url.params["q"]


async def test_found_records_are_live_and_unconverted_whatever_the_text(org: Org) -> None:
    org.query(lambda soql: [row(lead(1), Email="o'neil@b.example")])
    (found,) = await org.salesforce.find("Lead", "Email", ["o'neil@b.example"], ["Email"])
    assert found.ref.id == lead(1)
    soql = org.calls("/query$")[0].url.params["q"]
    assert r"Email IN ('o\'neil@b.example') AND IsConverted = false" in soql


async def test_a_long_list_to_find_is_asked_for_in_several_addresses(org: Org) -> None:
    org.query(lambda soql: [])
    await org.salesforce.find("Contact", "Email", [f"person.{n}@firm-{n}.example" for n in range(900)], ["Email"])
    asked = org.calls("/query$")
    assert len(asked) > 1
    assert all(len(request.url.raw_path) <= 12_100 for request in asked)


async def test_nothing_to_find_costs_no_call(org: Org) -> None:
    await org.salesforce.describe(["Contact"])
    before = org.salesforce.calls()
    assert list(await org.salesforce.find("Contact", "Email", [], ["Email"])) == []
    assert org.salesforce.calls() == before


async def test_a_field_to_find_by_that_is_not_there_is_named(org: Org) -> None:
    with pytest.raises(RemoteRefused, match="Nickname__c"):
        await org.salesforce.find("Contact", "Nickname__c", ["x"], ["Email"])
