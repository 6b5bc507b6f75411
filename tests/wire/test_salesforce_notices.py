"""The sweep of what changed in Salesforce."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.wire.salesforce_org import NOON, URL, Org, lead, row

from concord.core.model import Record
from concord.errors import RemoteRefused


@pytest.fixture
def org() -> Org:
    return Org()


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
    (record,) = await org.salesforce.read("Lead", [lead(1)], ["LastName"])
    assert isinstance(record, Record)
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
