"""Reading, writing and sweeping Salesforce records, against answers as Salesforce words them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from concord.core.model import Change, Gone, Record
from concord.core.values import BLANK, MISSING, Ref
from concord.engine.ports import System
from concord.errors import Category, ConfigError, RemoteBusy, RemoteRefused
from concord.systems.salesforce import Salesforce
from concord.systems.salesforce.wire import id18

NOON = datetime(2026, 11, 2, 12, 0, 0, tzinfo=UTC)
URL = "https://acme.my.salesforce.com"
ME, JANE = "005xx000001SwiUAAS", "005xx000009JaneAAC"
TOKEN = {
    "access_token": "00D!AQ",
    "instance_url": URL,
    "id": "https://login.salesforce.com/id/00Dxx0000001gPL/005xx000001SwiU",
    "token_type": "Bearer",
    "issued_at": "1700000000000",
}
KEY = "HubSpot_Contact_Id__c"


def lead(number: int) -> str:
    return id18(f"00Qxx{number:010d}")


def contact(number: int) -> str:
    return id18(f"003xx{number:010d}")


def told(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def field(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "label": name, "createable": True, "updateable": True, "nillable": True, **more}


STAMPS = [
    field("SystemModstamp", "datetime"),
    field("LastModifiedDate", "datetime"),
    field("LastModifiedById", "reference", referenceTo=["User"]),
    field("CreatedDate", "datetime"),
    field("IsDeleted", "boolean"),
    field("MasterRecordId", "reference"),
]
PERSON = [
    field("Id", "id"),
    field("LastName", length=80),
    field("Email", "email", length=80),
    field("Phone", "phone"),
    field(KEY, externalId=True, unique=True),
]
SCHEMAS: dict[str, list[dict[str, Any]]] = {
    "Lead": [
        *STAMPS,
        *PERSON,
        field("Company"),
        field("IsConverted", "boolean"),
        field("ConvertedContactId", "reference", referenceTo=["Contact"]),
    ],
    "Contact": [*STAMPS, *PERSON, field("AccountId", "reference", referenceTo=["Account"])],
    "Account": [*STAMPS, field("Id", "id"), field("Name"), field("AnnualRevenue", "currency", scale=2)],
}


class FakeClock:
    def __init__(self) -> None:
        self.time = NOON
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)


Says = Callable[[httpx.Request], Any]


class Org:
    """Answers calls by rules, the newest that fits first, and keeps what was asked."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.asked: list[httpx.Request] = []
        self.rules: list[tuple[str, re.Pattern[str], list[Any]]] = []
        self.on("POST", "/services/oauth2/token", TOKEN)
        for name, fields in SCHEMAS.items():
            self.on("GET", f"/sobjects/{name}/describe/", {"name": name, "fields": fields})
        self.salesforce = Salesforce(
            URL, "id", "secret", clock=self.clock, share=lambda: 0.0, transport=httpx.MockTransport(self._answer)
        )

    def on(self, method: str, pattern: str, *answers: Any) -> None:
        """answers: a body, (status, body) or a function of the request; one after the other, the last for ever."""
        self.rules.insert(0, (method, re.compile(pattern), list(answers)))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        for method, pattern, answers in self.rules:
            if method == request.method and pattern.search(request.url.path):
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                body = answer(request) if callable(answer) else answer
                status, body = body if isinstance(body, tuple) else (200, body)
                date = format_datetime(self.clock.now(), usegmt=True)
                return httpx.Response(status, json=body, headers={"Date": date})
        return httpx.Response(
            404, json=[{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
        )

    def calls(self, pattern: str) -> list[httpx.Request]:
        return [request for request in self.asked if re.search(pattern, request.url.path)]

    def rows(self, object_name: str, *rows: Mapping[str, Any]) -> None:
        """These live rows, read by id; every other id is null."""
        by_id = {row["Id"]: row for row in rows}
        self.on(
            "POST",
            f"/composite/sobjects/{object_name}$",
            lambda request: [by_id.get(text) for text in json.loads(request.content)["ids"]],
        )

    def query(self, answer: Callable[[str], list[dict[str, Any]]]) -> None:
        def say(request: httpx.Request) -> Any:
            rows = answer(request.url.params["q"])
            return {"totalSize": len(rows), "done": True, "records": rows}

        self.on("GET", "/query", say)


def row(id_: str, at: datetime = NOON - timedelta(hours=1), by: str = JANE, **values: Any) -> dict[str, Any]:
    return {
        "attributes": {"type": "Lead"},
        "Id": id_,
        "SystemModstamp": told(at),
        "LastModifiedDate": told(at),
        "LastModifiedById": by,
        "CreatedDate": told(NOON - timedelta(days=9)),
        "LastName": "Doe",
        "Phone": None,
        **values,
    }


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


async def test_any_number_of_ids_is_read_two_hundred_at_a_time(org: Org) -> None:
    ids = [lead(number) for number in range(450)]
    org.rows("Lead", *(row(text) for text in ids))
    assert [record.ref.id for record in await read(org, *ids)] == ids
    assert sorted(len(json.loads(request.content)["ids"]) for request in org.calls("/composite/sobjects/Lead")) == [
        50,
        200,
        200,
    ]


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


# --- the sweep

OVERLAP = timedelta(minutes=10)


def sweeps(org: Org, *answers: dict[str, Any]) -> None:
    """Each composite answers all its queries with the next of these."""
    left = list(answers)

    def say(request: httpx.Request) -> Any:
        answer = left.pop(0) if len(left) > 1 else left[0]
        parts = json.loads(request.content)["compositeRequest"]
        return {
            "compositeResponse": [
                {"body": answer, "httpHeaders": {}, "httpStatusCode": 200, "referenceId": part["referenceId"]}
                for part in parts
            ]
        }

    org.on("POST", "/composite$", say)


def asked_queries(org: Org) -> list[str]:
    return [
        httpx.URL(URL + part["url"]).params["q"]
        for request in org.calls("/composite$")
        for part in json.loads(request.content)["compositeRequest"]
    ]


def done(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"done": True, "totalSize": len(rows), "records": list(rows)}


async def start(org: Org, *objects: str) -> str:
    org.on("GET", "/services/data/$", [])
    return (await org.salesforce.changed(objects, None, OVERLAP)).position


async def test_a_first_sweep_starts_at_the_servers_now(org: Org) -> None:
    org.on("GET", "/services/data/$", [])
    page = await org.salesforce.changed(["Lead"], None, OVERLAP)
    assert (page.rows, page.more) == ((), False)
    assert json.loads(page.position)["Lead"]["at"] == "2026-11-02T12:00:00Z"


async def test_one_call_sweeps_all_objects_and_reads_the_overlap_again(org: Org) -> None:
    position = await start(org, "Lead", "Contact", "Account")
    sweeps(org, done())
    before = org.salesforce.calls()
    await org.salesforce.changed(["Lead", "Contact", "Account"], position, OVERLAP)
    assert org.salesforce.calls() == before + 1
    assert all("SystemModstamp >= 2026-11-02T11:50:00Z ORDER BY SystemModstamp, Id" in q for q in asked_queries(org))
    (request,) = org.calls("/composite$")
    assert all("/queryAll?q=" in part["url"] for part in json.loads(request.content)["compositeRequest"])


async def test_a_row_of_the_sweep_has_the_version_of_the_record_as_read(org: Org) -> None:
    position = await start(org, "Lead")
    at = NOON - timedelta(minutes=3)
    sweeps(org, done(row(lead(1), at)))
    org.rows("Lead", row(lead(1), at))
    page = await org.salesforce.changed(["Lead"], position, OVERLAP)
    (record,) = await read(org, lead(1))
    assert [(found.ref, found.version) for found in page.rows] == [(record.ref, record.version)]
    assert page.rows[0].modified_at == at


async def test_rows_that_share_a_second_are_told_apart_by_their_id(org: Org) -> None:
    position = await start(org, "Lead")
    full = done(*(row(lead(number), NOON) for number in range(2000)))
    sweeps(org, full, done(row(lead(2000), NOON)))
    page = await org.salesforce.changed(["Lead"], position, OVERLAP)
    assert (len(page.rows), page.more) == (2000, True)
    last = await org.salesforce.changed(["Lead"], page.position, OVERLAP)
    assert (len(last.rows), last.more) == (1, False)
    at = "2026-11-02T12:00:00Z"
    assert f"(SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > '{lead(1999)}'))" in asked_queries(org)[1]


async def test_a_shorter_page_than_asked_for_is_not_the_end(org: Org) -> None:
    position = await start(org, "Lead")
    sweeps(org, {**done(row(lead(1), NOON)), "done": False, "nextRecordsUrl": "/services/data/v66.0/query/01g"})
    assert (await org.salesforce.changed(["Lead"], position, OVERLAP)).more


async def test_the_position_never_goes_back(org: Org) -> None:
    position = await start(org, "Lead")
    sweeps(org, done(row(lead(1), NOON - timedelta(minutes=8))))
    page = await org.salesforce.changed(["Lead"], position, OVERLAP)
    assert json.loads(page.position)["Lead"]["at"] == "2026-11-02T12:00:00Z"


async def test_a_new_object_starts_now_and_the_others_keep_their_place(org: Org) -> None:
    position = await start(org, "Lead")
    org.clock.time += timedelta(hours=1)
    sweeps(org, done())
    page = await org.salesforce.changed(["Contact"], position, OVERLAP)
    assert {name: mark["at"] for name, mark in json.loads(page.position).items()} == {
        "Lead": "2026-11-02T12:00:00Z",
        "Contact": "2026-11-02T13:00:00Z",
    }


async def test_a_sweep_that_is_refused_names_its_object(org: Org) -> None:
    position = await start(org, "Lead")
    part = {"httpStatusCode": 400, "referenceId": "sweep0", "body": [{"errorCode": "INVALID_TYPE", "message": "no"}]}
    org.on("POST", "/composite$", {"compositeResponse": [part]})
    with pytest.raises(RemoteRefused, match="sweep of Lead"):
        await org.salesforce.changed(["Lead"], position, OVERLAP)


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
