"""HubSpot's records, read and written, against a small portal that answers as its documents say."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from concord.core.model import Change, Failure, Gone, Record
from concord.core.values import BLANK, MISSING, Ref, Value
from concord.errors import Category, RemoteBusy
from concord.systems.hubspot import HubSpot

NOON = datetime(2026, 11, 2, 12, 0, 0, tzinfo=UTC)
APP = "9"
STAGES = ["subscriber", "lead", "customer"]


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


class Clock:
    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)


class Portal:
    """Contacts by id, with histories; `meddle` is called before every write, to be the person who edits meanwhile."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.rows: dict[str, dict[str, str]] = {}
        self.times: dict[str, datetime] = {}
        self.history: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.homes: dict[str, str] = {}
        self.silent_merges = False
        self.partial = False
        self.opted_out: list[str] = []
        self.links: list[tuple[str, dict[str, Any]]] = []
        self.log: list[tuple[str, Any]] = []
        self.meddle: Callable[[], None] = lambda: None
        self.broken: dict[str, list[httpx.Response]] = {}
        self.properties = ["firstname", "lastname", "email", "lifecyclestage", "sf_id", "tier"]

    def client(self, **options: Any) -> HubSpot:
        transport = httpx.MockTransport(self.answer)
        share = lambda: 0.0  # noqa: E731
        return HubSpot(
            "https://hub.example", "key", clock=self.clock, share=share, app_id=APP, transport=transport, **options
        )

    def put(self, identifier: str, at: datetime = NOON - timedelta(days=1), **values: str) -> None:
        self.rows[identifier] = {}
        for name, value in values.items():
            self.edit(identifier, name, value, at, "CRM_UI", "userId:5")
        self.times[identifier] = at

    def edit(self, identifier: str, name: str, value: str, at: datetime, kind: str, who: str) -> None:
        self.rows[identifier][name] = value
        self.times[identifier] = at
        entry = {"value": value, "timestamp": text(at), "sourceType": kind, "sourceId": who}
        self.history.setdefault((identifier, name), []).insert(0, entry)

    def sent(self, kind: str) -> list[Any]:
        return [body for path, body in self.log if path.endswith(kind)]

    # --- answers

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode().split("?")[0]  # as sent: an address may hold a slash
        body = json.loads(request.content) if request.content else dict(request.url.params)
        self.log.append((path, body))
        for tail, answers in self.broken.items():
            if path.endswith(tail) and answers:
                return answers.pop(0)
        response = self.route(request.method, path, body)
        response.headers["Date"] = format_datetime(self.clock.time, usegmt=True)
        return response

    def route(self, method: str, path: str, body: Any) -> httpx.Response:
        tail = path.rsplit("/contacts", 1)[-1]
        if path.startswith("/account-info"):
            return httpx.Response(200, json={"portalId": 1})
        if path.startswith("/crm/properties/"):
            return httpx.Response(200, json={"results": self.schema()})
        if path.startswith("/crm/property-validations/"):
            return httpx.Response(200, json={"results": []})
        if path.startswith("/communication-preferences/"):
            address = unquote(path.split("/")[4])
            assert path.endswith("/unsubscribe-all")
            self.opted_out.append(address)
            return httpx.Response(200, json={"status": "COMPLETE", "results": []})
        if path.startswith("/crm/associations/"):
            return self.associate(path, body)
        known = {"/batch/read": self.read, "/batch/update": self.update, "/batch/upsert": self.upsert}
        if tail in known:
            return known[tail](body)
        if tail == "/search":
            return self.search(body)
        if tail == "":
            return self.page(body)
        home = self.homes.get(tail[1:], tail[1:])
        if home not in self.rows:
            return httpx.Response(404, json={"category": "OBJECT_NOT_FOUND", "message": "resource not found"})
        return httpx.Response(200, json=self.row(home, [], []))

    def schema(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = [{"name": name, "type": "string", "fieldType": "text"} for name in self.properties]
        rows[4]["hasUniqueValue"] = True
        read_only = {"modificationMetadata": {"readOnlyValue": True}}
        rows.append({"name": "hs_email_optout", "type": "bool", "fieldType": "booleancheckbox", **read_only})
        rows.append({"name": "associatedcompanyid", "type": "number", "fieldType": "number"})
        rows.append({"name": "age", "type": "number", "fieldType": "number"})
        return rows

    def row(self, identifier: str, names: list[str], histories: list[str]) -> dict[str, Any]:
        merged = [] if self.silent_merges else [old for old, new in self.homes.items() if new == identifier]
        values = {**self.rows[identifier], "hs_merged_object_ids": ";".join(merged)}
        return {
            "id": identifier,
            "properties": {name: values.get(name) for name in names},
            "propertiesWithHistory": {name: self.history.get((identifier, name), []) for name in histories},
            "createdAt": text(NOON - timedelta(days=9)),
            "updatedAt": text(self.times[identifier]),
            "archived": False,
        }

    def read(self, body: Any) -> httpx.Response:
        assert len(body["inputs"]) <= (50 if body["propertiesWithHistory"] else 100)
        by = body.get("idProperty")
        found: list[dict[str, Any]] = []
        for item in body["inputs"]:
            wanted = item["id"]
            if by == "email" and "@" not in wanted:
                error = {"code": "INVALID_EMAIL", "message": "bad"}
                return httpx.Response(400, json={"category": "VALIDATION_ERROR", "errors": [error]})
            for identifier, values in self.rows.items():
                if (by and values.get(by, "").lower() == wanted.lower()) or (not by and identifier == wanted):
                    found.append(self.row(identifier, body["properties"], body["propertiesWithHistory"]))
        errors = [{"status": "error", "category": "OBJECT_NOT_FOUND", "context": {"ids": ["?"]}}]
        partial = len(found) < len(body["inputs"])
        answer = {"results": found[::-1], **({"numErrors": 1, "errors": errors} if partial else {})}
        return httpx.Response(207 if partial else 200, json=answer)

    def refusal(self, item: Any) -> dict[str, Any] | None:
        """Why an input is refused; a tier of "bad" always is, and an address that another contact has."""
        values = item["properties"]
        for name in values:
            if name not in self.properties and name != "age":
                context = {"propertyName": [name]}
                part = {
                    "code": "PROPERTY_DOESNT_EXIST",
                    "message": f'Property "{name}" does not exist',
                    "context": context,
                }
                return {"category": "VALIDATION_ERROR", "message": "no", "errors": [part]}
        if values.get("tier") == "bad":
            part = {"code": "INVALID_OPTION", "message": "no option", "context": {"propertyName": ["tier"]}}
            return {"category": "VALIDATION_ERROR", "message": "no", "errors": [part]}
        if values.get("tier") == "vague":
            return {"category": "VALIDATION_ERROR", "message": "no"}
        for identifier, row in self.rows.items():
            taken = "email" in values and row.get("email") == values["email"]
            if taken and item["id"] not in (identifier, row.get("sf_id")):
                return {"category": "CONFLICT", "message": f"Contact already exists. Existing ID: {identifier}"}
        return None

    def write(self, body: Any, act: Callable[[Any], dict[str, Any]]) -> httpx.Response:
        assert len(body["inputs"]) <= 100
        self.meddle()
        results, errors = [], []
        for item in body["inputs"]:
            refused = self.refusal(item)
            if refused and not self.partial:
                status = 409 if refused["category"] == "CONFLICT" else 400
                return httpx.Response(status, json={"status": "error", **refused})
            if refused:
                context = {"objectWriteTraceId": [item["objectWriteTraceId"]]}
                errors.append({"status": "error", **refused, "context": context})
        for item in body["inputs"]:
            if self.refusal(item) is None:
                results.append({**act(item), "objectWriteTraceId": item["objectWriteTraceId"]})
        return httpx.Response(207 if errors else 200, json={"results": results[::-1], "errors": errors})

    def save(self, identifier: str, values: dict[str, str]) -> None:
        self.clock.time += timedelta(milliseconds=1)
        for name, value in values.items():
            before = self.rows[identifier].get(name, "")
            if name == "lifecyclestage" and value and before and STAGES.index(value) < STAGES.index(before):
                continue
            if value != before:
                self.edit(identifier, name, value, self.clock.time, "INTEGRATION", APP)

    def update(self, body: Any) -> httpx.Response:
        def act(item: Any) -> dict[str, Any]:
            home = self.homes.get(item["id"], item["id"])
            self.save(home, item["properties"])
            return {"id": home, "properties": item["properties"]}

        return self.write(body, act)

    def upsert(self, body: Any) -> httpx.Response:
        def act(item: Any) -> dict[str, Any]:
            key = item["idProperty"]
            held = [identifier for identifier, row in self.rows.items() if row.get(key) == item["id"]]
            identifier = held[0] if held else str(1000 + len(self.rows))
            if not held:
                self.put(identifier, self.clock.time)
            self.save(identifier, item["properties"])
            return {"id": identifier, "properties": item["properties"], "new": not held}

        return self.write(body, act)

    def associate(self, path: str, body: Any) -> httpx.Response:
        verb = "archive" if path.endswith("/batch/labels/archive") else "create"
        for item in body["inputs"]:
            assert item["types"] == [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
            self.links.append((verb, item))
            company = "" if verb == "archive" else item["to"]["id"]
            self.edit(item["from"]["id"], "associatedcompanyid", company, self.clock.time, "INTEGRATION", APP)
        return httpx.Response(204) if verb == "archive" else httpx.Response(201, json={"results": []})

    def search(self, body: Any) -> httpx.Response:
        assert len(json.dumps(body)) <= 3000
        found = list(self.rows)
        stamp = {identifier: int(moment.timestamp() * 1000) for identifier, moment in self.times.items()}
        for part in body["filterGroups"][0]["filters"]:
            name, operator = part["propertyName"], part["operator"]
            if operator == "IN":
                found = [one for one in found if self.rows[one].get(name, "").lower() in part["values"]]
                continue
            bound = int(part["value"])
            number = {one: int(one) if name == "hs_object_id" else stamp[one] for one in found}
            tests = {"GTE": lambda n, b: n >= b, "GT": lambda n, b: n > b, "EQ": lambda n, b: n == b}
            found = [one for one in found if tests[operator](number[one], bound)]
        # Rows of one stamp come in an order of the server's own: the newest id first, to be unkind.
        found.sort(key=lambda one: -int(one))
        if body["sorts"] and body["sorts"][0]["propertyName"] == "hs_object_id":
            found.sort(key=int)
        else:
            found.sort(key=lambda one: stamp[one])
        start = int(body["after"])
        page = found[start : start + body["limit"]]
        names = body["properties"]
        rows = [self.row(one, names, []) for one in page]
        for row in rows:
            row["properties"]["lastmodifieddate"] = row["updatedAt"]
        more = {"paging": {"next": {"after": str(start + len(page))}}} if start + len(page) < len(found) else {}
        return httpx.Response(200, json={"total": len(found), "results": rows, **more})

    def page(self, params: Any) -> httpx.Response:
        start = int(params.get("after", 0))
        ids = sorted(self.rows, key=int)
        page = ids[start : start + int(params["limit"])]
        rows = [self.row(one, params["properties"].split(","), []) for one in page]
        more = {"paging": {"next": {"after": str(start + len(page))}}} if start + len(page) < len(ids) else {}
        return httpx.Response(200, json={"results": rows, **more})


@pytest.fixture
def portal() -> Portal:
    return Portal()


def change(identifier: str, **values: Value) -> Change:
    return Change(Ref("hubspot", "contacts", identifier), values)


def new(key: str, **values: Value) -> Change:
    return Change(Ref("hubspot", "contacts", ""), values, key=("sf_id", key))


SHOW = {"contacts": ["firstname", "lastname", "email", "tier", "hs_email_optout", "associatedcompanyid"]}
KEPT = {"contacts": ["firstname"]}


def failure_of(receipt: Any) -> Failure:
    assert receipt.failure is not None
    failure: Failure = receipt.failure
    return failure


# --- reading


async def test_records_come_in_the_order_asked_and_what_is_not_there_is_gone(portal: Portal) -> None:
    for number in range(1, 121):
        portal.put(str(number), firstname=f"n{number}")
    ids = [str(number) for number in range(130, 0, -1)]
    found = await portal.client().read("contacts", ids, ["firstname"])
    assert [record.ref.id for record in found] == ids
    assert all(isinstance(record, Gone) == (int(record.ref.id) > 120) for record in found)
    assert len(portal.sent("/batch/read")) == 2


async def test_with_histories_fifty_are_read_at_a_time(portal: Portal) -> None:
    for number in range(1, 121):
        portal.put(str(number), firstname="n")
    found = await portal.client().read("contacts", list(portal.rows), ["firstname"], ["firstname"])
    assert [len(body["inputs"]) for body in portal.sent("/batch/read")] == [50, 50, 20]
    assert all(isinstance(record, Record) and len(record.histories["firstname"]) == 1 for record in found)


@pytest.mark.parametrize("silent", [True, False])
async def test_a_merged_record_comes_back_under_its_new_id(portal: Portal, silent: bool) -> None:
    portal.put("30", firstname="Jo")
    portal.homes = {"10": "30", "20": "30"}
    portal.silent_merges = silent
    found = await portal.client().read("contacts", ["10", "30", "20", "40"], ["firstname"])
    records = [record for record in found if isinstance(record, Record)]
    assert [(record.ref.id, record.asked) for record in records] == [("30", "10"), ("30", None), ("30", "20")]
    assert [record.value("firstname") for record in records] == ["Jo"] * 3
    assert isinstance(found[3], Gone)


async def test_a_merged_record_alone_is_found_by_a_single_call(portal: Portal) -> None:
    portal.put("30", firstname="Jo")
    portal.homes = {"10": "30"}
    (record,) = await portal.client().read("contacts", ["10"], ["firstname"], ["firstname"])
    assert isinstance(record, Record)
    assert (record.ref.id, record.asked, len(record.histories["firstname"])) == ("30", "10", 1)


async def test_a_whole_batch_refused_by_404_still_needs_each_records_own_word(portal: Portal) -> None:
    portal.put("1", firstname="Jo")
    portal.broken["/batch/read"] = [httpx.Response(404, json={})]
    (record,) = await portal.client().read("contacts", ["1"], ["firstname"])
    assert isinstance(record, Record)


async def test_a_field_without_a_property_stays_missing(portal: Portal) -> None:
    portal.put("1", firstname="Jo")
    (record,) = await portal.client().read("contacts", ["1"], ["firstname", "nowhere", "lastname"])
    assert isinstance(record, Record)
    assert record.value("nowhere") is MISSING
    assert record.value("lastname") is BLANK


@pytest.mark.parametrize("many", [False, True])
async def test_a_scan_gives_every_record_once_also_with_more_properties_than_a_line_holds(
    portal: Portal, many: bool
) -> None:
    if many:
        portal.properties += [f"a_rather_long_name_of_a_custom_property_{number}" for number in range(300)]
    for number in range(1, 251):
        portal.put(str(number), firstname=f"n{number}")
    pages = [page async for page in portal.client().scan("contacts", portal.properties)]
    assert [len(page) for page in pages] == [100, 100, 50]
    assert {record.value("firstname") for page in pages for record in page} == {f"n{n}" for n in range(1, 251)}


async def test_an_address_is_found_at_once_and_a_malformed_one_finds_nobody(portal: Portal) -> None:
    portal.put("1", email="jo@a.example")
    portal.put("2", email="al@a.example")
    found = await portal.client().find("contacts", "email", ["JO@a.example", "nobody", " ", "x@y.example"], ["email"])
    assert [(record.ref.id, record.value("email")) for record in found] == [("1", "jo@a.example")]
    assert portal.sent("/search") == []


async def test_other_properties_are_searched_and_what_the_index_got_wrong_is_left_out(portal: Portal) -> None:
    for number in range(1, 451):
        portal.put(str(number), lastname=f"Name {number} " + "x" * 20)
    wanted = [f"name {number} " + "x" * 20 for number in range(1, 301)]
    remote = portal.client()
    found = await remote.find("contacts", "lastname", wanted, ["firstname"])
    assert {record.ref.id for record in found} == {str(number) for number in range(1, 301)}
    real, portal.rows["1"] = portal.search, {"lastname": "changed meanwhile"}
    stale = portal.row("1", [], [])
    portal.search = lambda body: httpx.Response(200, json={"results": [stale]})  # type: ignore[method-assign]
    assert await remote.find("contacts", "lastname", wanted[:1], ["firstname"]) == []
    assert real is not portal.search


# --- the sweep


async def sweep(remote: HubSpot, position: str | None, overlap: timedelta) -> tuple[list[str], str]:
    found: list[str] = []
    for _ in range(50):
        page = await remote.changed(["contacts"], position, overlap)
        found += [row.ref.id for row in page.rows]
        position = page.position
        if not page.more:
            return found, position
    raise AssertionError("the sweep does not end")


async def test_the_first_sweep_starts_from_the_servers_now(portal: Portal) -> None:
    portal.put("1", NOON - timedelta(hours=1))
    portal.put("2", NOON - timedelta(seconds=30))
    found, position = await sweep(portal.client(), None, timedelta(minutes=2))
    assert found == ["2"]
    assert json.loads(position) == {"contacts": {"at": int(NOON.timestamp() * 1000)}}


async def test_a_sweep_finds_everything_page_by_page_and_reads_the_overlap_again(portal: Portal) -> None:
    start = NOON - timedelta(hours=1)
    for number in range(1, 701):
        portal.put(str(number), start + timedelta(seconds=number))
    position = json.dumps({"contacts": {"at": int(start.timestamp() * 1000)}})
    remote = portal.client()
    found, position = await sweep(remote, position, timedelta(minutes=2))
    assert set(found) == set(portal.rows)
    assert len(found) < 710
    again, position = await sweep(remote, position, timedelta(minutes=2))
    assert set(again) == {str(number) for number in range(580, 701)}


async def test_a_bulk_edit_that_gave_thousands_one_stamp_is_swept_whole(portal: Portal) -> None:
    start = NOON - timedelta(hours=1)
    for number in range(1, 1201):
        portal.put(str(number), start + timedelta(seconds=7 if 100 <= number < 1100 else number))
    position = json.dumps({"contacts": {"at": int(start.timestamp() * 1000)}})
    found, _ = await sweep(portal.client(), position, timedelta())
    assert set(found) == set(portal.rows)


async def test_a_swept_row_has_the_version_of_the_record_as_read(portal: Portal) -> None:
    portal.put("1", NOON - timedelta(milliseconds=123), firstname="Jo")
    remote = portal.client()
    (row,) = (await remote.changed(["contacts"], None, timedelta(minutes=2))).rows
    (record,) = await remote.read("contacts", ["1"], ["firstname"])
    assert isinstance(record, Record)
    assert row.version == record.version
    assert row.modified_at == record.modified_at


# --- updating


async def test_an_update_is_written_in_batches_and_shown_with_its_histories(portal: Portal) -> None:
    for number in range(1, 121):
        portal.put(str(number), firstname="old")
    changes = [change(str(number), firstname=f"n{number}") for number in range(1, 121)]
    receipts = await portal.client().update(changes, SHOW, KEPT)
    assert [len(body["inputs"]) for body in portal.sent("/batch/update")] == [100, 20]
    for number, receipt in enumerate(receipts, 1):
        assert receipt.failure is None
        assert receipt.shown is not None
        assert receipt.shown.value("firstname") == f"n{number}"
        assert [entry.ours for entry in receipt.shown.histories["firstname"]] == [True, False]


async def test_an_edit_that_our_write_covered_is_shown_in_the_history(portal: Portal) -> None:
    portal.put("1", firstname="old")
    portal.meddle = lambda: portal.edit("1", "firstname", "hers", portal.clock.time, "CRM_UI", "userId:5")
    (receipt,) = await portal.client().update([change("1", firstname="ours")], SHOW, KEPT)
    assert receipt.shown is not None
    history = receipt.shown.histories["firstname"]
    assert [(entry.value, entry.ours) for entry in history] == [("ours", True), ("hers", False), ("old", False)]


async def test_blank_clears_a_property(portal: Portal) -> None:
    portal.put("1", firstname="old")
    (receipt,) = await portal.client().update([change("1", firstname=BLANK)], SHOW, {})
    assert portal.rows["1"]["firstname"] == ""
    assert receipt.shown is not None
    assert receipt.shown.value("firstname") is BLANK


@pytest.mark.parametrize("partial", [True, False])
@pytest.mark.parametrize("tier", ["bad", "vague"])
async def test_bad_records_stand_alone_and_hold_up_no_other(portal: Portal, partial: bool, tier: str) -> None:
    portal.partial = partial
    for number in range(1, 41):
        portal.put(str(number), firstname="old")
    bad = {"7", "23", "24"}
    changes = [change(one, firstname="new", tier=tier if one in bad else "ok") for one in map(str, range(1, 41))]
    receipts = await portal.client().update(changes, SHOW, {})
    assert {receipt.ref.id for receipt in receipts if receipt.failure} == bad
    assert {one for one in portal.rows if portal.rows[one]["firstname"] == "new"} == set(portal.rows) - bad
    if tier == "bad":
        assert failure_of(receipts[6]).category is Category.PICKLIST
        assert failure_of(receipts[6]).fields == ("tier",)


async def test_a_property_that_went_fails_all_its_records_in_a_handful_of_calls(portal: Portal) -> None:
    remote = portal.client()
    await remote.describe(["contacts"])
    portal.properties.remove("tier")
    for number in range(1, 101):
        portal.put(str(number), firstname="old")
    values = [{"tier": "x"} if number % 2 else {"firstname": "new"} for number in range(1, 101)]
    changes = [change(str(number), **dict(row)) for number, row in enumerate(values, 1)]
    receipts = await remote.update(changes, SHOW, {})
    assert [bool(receipt.failure) for receipt in receipts] == [bool(number % 2) for number in range(1, 101)]
    assert failure_of(receipts[0]).category is Category.MAPPING
    assert len(portal.sent("/batch/update")) == 2


async def test_a_value_that_does_not_fit_fails_its_field_and_the_others_are_written(portal: Portal) -> None:
    portal.put("1", firstname="old")
    (receipt,) = await portal.client().update([change("1", firstname="new", age=True, nowhere="x")], SHOW, {})
    assert failure_of(receipt).fields == ("age",)
    assert portal.rows["1"]["firstname"] == "new"


async def test_a_merged_record_is_written_and_shown_under_its_new_id(portal: Portal) -> None:
    portal.put("30", firstname="old")
    portal.homes = {"10": "30"}
    (receipt,) = await portal.client().update([change("10", firstname="new")], SHOW, {})
    assert receipt.failure is None
    assert receipt.shown is not None
    assert (receipt.ref.id, receipt.shown.asked) == ("30", "10")


async def test_when_nothing_could_be_written_the_error_is_raised_else_it_is_the_batchs_own(portal: Portal) -> None:
    for number in range(1, 121):
        portal.put(str(number), firstname="old")
    changes = [change(str(number), firstname="new") for number in range(1, 121)]
    busy = httpx.Response(477, headers={"Retry-After": "7200"})
    portal.broken["/batch/update"] = [busy, busy]
    with pytest.raises(RemoteBusy):
        await portal.client().update(changes, SHOW, {})
    portal.broken["/batch/update"] = [busy]
    receipts = await portal.client().update(changes, SHOW, {})
    failed = [receipt for receipt in receipts if receipt.failure]
    assert len(failed) in (20, 100)
    assert all(failure_of(receipt).transient and failure_of(receipt).after == 7200 for receipt in failed)


async def test_a_write_stands_when_the_read_after_it_fails(portal: Portal) -> None:
    portal.put("1", firstname="old")
    remote = portal.client()
    portal.broken["/batch/read"] = [httpx.Response(477, headers={"Retry-After": "7200"})]
    (receipt,) = await remote.update([change("1", firstname="new")], SHOW, {})
    assert (receipt.failure, receipt.shown) == (None, None)


async def test_a_stage_that_goes_back_is_cleared_and_written_again(portal: Portal) -> None:
    portal.put("1", lifecyclestage="customer")
    portal.put("2", lifecyclestage="subscriber")
    changes = [change("1", lifecyclestage="lead"), change("2", lifecyclestage="lead")]
    receipts = await portal.client().update(changes, {"contacts": ["lifecyclestage"]}, {})
    stages = [receipt.shown.value("lifecyclestage") for receipt in receipts if receipt.shown]
    assert stages == ["lead", "lead"]
    sent = [[item["properties"]["lifecyclestage"] for item in body["inputs"]] for body in portal.sent("/batch/update")]
    assert sent == [["lead", "lead"], [""], ["lead"]]


async def test_a_stage_that_a_person_moved_on_after_our_write_is_left_alone(portal: Portal) -> None:
    portal.put("1", lifecyclestage="subscriber")
    real = portal.update

    def meddled(body: Any) -> httpx.Response:
        answer = real(body)
        portal.edit("1", "lifecyclestage", "customer", portal.clock.time, "CRM_UI", "userId:5")
        return answer

    portal.update = meddled  # type: ignore[method-assign]
    (receipt,) = await portal.client().update([change("1", lifecyclestage="lead")], SHOW, {})
    assert receipt.shown is not None
    assert portal.rows["1"]["lifecyclestage"] == "customer"
    assert len(portal.sent("/batch/update")) == 1


# --- opt-out and company


async def test_an_opt_out_goes_to_the_address_and_not_to_the_property(portal: Portal) -> None:
    portal.put("1", email="jo/x+y?z@a.example")
    (receipt,) = await portal.client().update([change("1", hs_email_optout=True)], SHOW, {})
    assert receipt.failure is None
    assert portal.opted_out == ["jo/x+y?z@a.example"]
    assert portal.sent("/batch/update") == []
    assert receipt.shown is not None


async def test_with_a_new_address_the_opt_out_covers_both(portal: Portal) -> None:
    portal.put("1", email="old@a.example")
    await portal.client().update([change("1", hs_email_optout=True, email="new@a.example")], SHOW, {})
    assert sorted(portal.opted_out) == ["new@a.example", "old@a.example"]


async def test_a_refused_property_does_not_hold_up_the_opt_out(portal: Portal) -> None:
    portal.put("1", email="jo@a.example")
    (receipt,) = await portal.client().update([change("1", hs_email_optout=True, tier="bad")], SHOW, {})
    assert portal.opted_out == ["jo@a.example"]
    assert failure_of(receipt).fields == ("tier",)


@pytest.mark.parametrize("value", [False, BLANK])
async def test_an_opt_in_is_refused_with_the_reason_and_the_rest_is_written(portal: Portal, value: Value) -> None:
    portal.put("1", email="jo@a.example", hs_email_optout="true")
    (receipt,) = await portal.client().update([change("1", hs_email_optout=value, firstname="Jo")], SHOW, {})
    assert failure_of(receipt).fields == ("hs_email_optout",)
    assert "own word" in failure_of(receipt).message
    assert not failure_of(receipt).transient
    assert portal.opted_out == []
    assert portal.rows["1"]["firstname"] == "Jo"


async def test_no_opt_out_written_where_there_is_none_needs_no_call_and_is_no_failure(portal: Portal) -> None:
    portal.put("1", email="jo@a.example")
    remote = portal.client()
    (receipt,) = await remote.update([change("1", hs_email_optout=False)], SHOW, {})
    (made,) = await remote.create([new("L1", email="al@a.example", hs_email_optout=False)], SHOW, {})
    assert (receipt.failure, made.failure, portal.opted_out) == (None, None, [])
    assert [one.shown.value("hs_email_optout") for one in (receipt, made) if one.shown] == [False, False]


async def test_a_contact_without_an_address_cannot_be_opted_out_and_says_why(portal: Portal) -> None:
    portal.put("1", firstname="Jo")
    (receipt,) = await portal.client().update([change("1", hs_email_optout=True)], SHOW, {})
    assert "no e-mail address" in failure_of(receipt).message
    (gone,) = await portal.client().update([change("404", hs_email_optout=True)], SHOW, {})
    assert failure_of(gone).category is Category.MISSING_RECORD


async def test_a_refused_opt_out_names_its_field_and_not_the_address(portal: Portal) -> None:
    portal.put("1", email="jo@a.example")
    portal.broken["/unsubscribe-all"] = [
        httpx.Response(403, json={"category": "MISSING_SCOPES", "message": "jo@a.example"})
    ]
    (receipt,) = await portal.client().update([change("1", hs_email_optout=True)], SHOW, {})
    assert failure_of(receipt).fields == ("hs_email_optout",)
    assert "a.example" not in failure_of(receipt).message


async def test_the_primary_company_is_set_and_removed_by_associations(portal: Portal) -> None:
    portal.put("1", firstname="Jo")
    portal.put("2", associatedcompanyid="60")
    portal.put("3", firstname="Al")
    company = Ref("hubspot", "companies", "50")
    changes = [
        change("1", associatedcompanyid=company),
        change("2", associatedcompanyid=BLANK),
        change("3", associatedcompanyid=BLANK),
    ]
    receipts = await portal.client().update(changes, SHOW, {})
    assert sorted((verb, item["from"]["id"], item["to"]["id"]) for verb, item in portal.links) == [
        ("archive", "2", "60"),
        ("create", "1", "50"),
    ]
    shown = [receipt.shown.value("associatedcompanyid") for receipt in receipts if receipt.shown]
    assert shown == [company, BLANK, BLANK]


# --- creating


async def test_a_create_repeated_finds_the_first_one(portal: Portal) -> None:
    remote = portal.client()
    changes = [new("L1", firstname="Jo", email="jo@a.example"), new("L2", firstname="Al")]
    first = await remote.create(changes, SHOW, KEPT)
    again = await remote.create(changes, SHOW, KEPT)
    assert [receipt.created for receipt in first] == [True, True]
    assert [receipt.created for receipt in again] == [False, False]
    assert [receipt.ref for receipt in first] == [receipt.ref for receipt in again]
    assert len(portal.rows) == 2
    assert [receipt.shown.value("firstname") for receipt in first if receipt.shown] == ["Jo", "Al"]


async def test_a_create_whose_answer_was_lost_is_repeated_and_makes_nobody_twice(portal: Portal) -> None:
    portal.broken["/batch/upsert"] = [httpx.Response(504)]
    (receipt,) = await portal.client().create([new("L1", firstname="Jo")], SHOW, {})
    assert receipt.failure is None
    assert len(portal.rows) == 1


@pytest.mark.parametrize("partial", [True, False])
async def test_a_taken_address_names_who_holds_it_and_the_others_are_made(portal: Portal, partial: bool) -> None:
    portal.partial = partial
    portal.put("77", email="jo@a.example")
    changes = [
        new(f"L{number}", email="jo@a.example" if number == 3 else f"n{number}@a.example") for number in range(9)
    ]
    receipts = await portal.client().create(changes, SHOW, {})
    failed = [receipt for receipt in receipts if receipt.failure]
    assert [failure_of(receipt).holder for receipt in failed] == ["77"]
    assert failure_of(failed[0]).category is Category.DUPLICATE_RULE
    assert (failed[0].ref.id, failed[0].shown) == ("", None)
    assert sum(receipt.created for receipt in receipts) == 8


async def test_a_new_contact_is_opted_out_and_linked_after_it_is_made(portal: Portal) -> None:
    company = Ref("hubspot", "companies", "50")
    made = new("L1", email="jo@a.example", hs_email_optout=True, associatedcompanyid=company)
    (receipt,) = await portal.client().create([made], SHOW, {})
    assert receipt.failure is None
    assert portal.opted_out == ["jo@a.example"]
    assert [(verb, item["from"]["id"]) for verb, item in portal.links] == [("create", receipt.ref.id)]
    sent = portal.sent("/batch/upsert")[0]["inputs"][0]["properties"]
    assert sent == {"email": "jo@a.example", "sf_id": "L1"}


async def test_an_answer_that_does_not_tell_what_came_of_a_create_is_unknown_and_not_a_success(portal: Portal) -> None:
    portal.broken["/batch/upsert"] = [httpx.Response(200, json={"results": []})]
    (receipt,) = await portal.client().create([new("L1", firstname="Jo")], SHOW, {})
    assert failure_of(receipt).unknown
    assert receipt.shown is None


async def test_a_create_without_a_key_is_a_mistake_of_the_caller(portal: Portal) -> None:
    with pytest.raises(ValueError, match="unique key"):
        await portal.client().create([change("", firstname="Jo")], SHOW, {})


async def test_nothing_asked_is_nothing_sent(portal: Portal) -> None:
    remote = portal.client()
    assert await remote.read("contacts", [], ["firstname"]) == []
    assert await remote.find("contacts", "email", [], ["firstname"]) == []
    assert await remote.update([], SHOW, {}) == []
    assert await remote.create([], SHOW, {}) == []
    assert not any(re.search(r"/batch/", path) for path, _ in portal.log)
