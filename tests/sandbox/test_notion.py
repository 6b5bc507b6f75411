"""The Notion sandbox: what api/notion.md promises, called in process and by the unmodified notion-client."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from notion_client import APIErrorCode, APIResponseError, Client

from concord_sandbox.control import SandboxApp
from concord_sandbox.server import build
from concord_sandbox.worlds.schema import notion_section

NOW = 1_793_610_000.0  # 2026-11-02T09:00:00Z
LATEST, OLDER = "2026-03-11", "2025-09-03"
TOKEN = notion_section()["token"]
SOURCE = notion_section()["data_sources"][0]["id"]
DATABASE = notion_section()["databases"][0]["id"]


def text(content: str) -> list[dict[str, Any]]:
    return [{"text": {"content": content}}]


def opportunity(name: str, salesforce_id: str, **more: Any) -> dict[str, Any]:
    """The body that makes a page."""
    return {
        "parent": {"type": "data_source_id", "data_source_id": SOURCE},
        "properties": {"Name": {"title": text(name)}, "Salesforce ID": {"rich_text": text(salesforce_id)}, **more},
    }


@pytest.fixture
def app() -> SandboxApp:
    section = {**notion_section(), "burst": 1000}
    return build({"notion": section}, names=("notion",), source=lambda: NOW)["notion"]


@pytest.fixture
async def notion(app: SandboxApp) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {TOKEN}", "Notion-Version": LATEST}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://notion.test", headers=headers) as client:
        yield client


async def find(notion: httpx.AsyncClient, wanted: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    answer = await notion.post(f"/v1/data_sources/{SOURCE}/query", json={"filter": wanted, **more})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


async def advance(notion: httpx.AsyncClient, seconds: float) -> None:
    await notion.post("/_control/clock", json={"advance": seconds})


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    body = answer.json()
    assert body["object"] == "error"
    assert body["status"] == answer.status_code
    assert body["request_id"]
    return answer.status_code, body["code"], body["message"]


# The door.


async def test_a_wrong_token_is_unauthorized(notion: httpx.AsyncClient) -> None:
    answer = await notion.get("/v1/users/me", headers={"Authorization": "Bearer ntn_wrong"})
    assert refusal(answer) == (401, "unauthorized", "API token is invalid.")


async def test_a_call_without_a_version_is_refused_and_one_with_an_old_version_too(app: SandboxApp) -> None:
    transport = httpx.ASGITransport(app=app)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://notion.test", headers=headers) as client:
        assert refusal(await client.get("/v1/users/me"))[:2] == (400, "missing_version")
        old = await client.get("/v1/users/me", headers={"Notion-Version": "2022-02-22"})
        assert refusal(old)[:2] == (400, "validation_error")


async def test_an_unknown_path_and_a_wrong_method_are_invalid_urls(notion: httpx.AsyncClient) -> None:
    assert refusal(await notion.get("/v1/nowhere"))[:2] == (400, "invalid_request_url")
    assert refusal(await notion.put("/v1/pages", json={}))[:2] == (400, "invalid_request_url")


async def test_a_body_that_is_no_json_is_named_so(notion: httpx.AsyncClient) -> None:
    assert refusal(await notion.post("/v1/pages", content=b"{"))[:2] == (400, "invalid_json")
    assert refusal(await notion.post("/v1/pages", json=[]))[:2] == (400, "validation_error")
    large = opportunity("x" * 500_000, "006")
    assert "500000 bytes" in refusal(await notion.post("/v1/pages", json=large))[2]


async def test_a_connection_without_the_capability_is_refused(app: SandboxApp, notion: httpx.AsyncClient) -> None:
    app.load({**notion_section(), "capabilities": ["read"]})
    answer = await notion.post("/v1/pages", json=opportunity("A", "006A"))
    assert refusal(answer)[:2] == (403, "restricted_resource")
    assert (await notion.get(f"/v1/data_sources/{SOURCE}")).status_code == 200


async def test_more_than_three_calls_a_second_are_told_when_to_come_back(
    app: SandboxApp, notion: httpx.AsyncClient
) -> None:
    app.load({**notion_section(), "burst": 4})
    assert [(await notion.get("/v1/users/me")).status_code for _ in range(4)] == [200] * 4
    answer = await notion.get("/v1/users/me")
    assert refusal(answer)[:2] == (429, "rate_limited")
    assert answer.json()["additional_data"]["rate_limit_reason"] == "integration"
    wait = int(answer.headers["retry-after"])
    assert wait == 1
    await advance(notion, wait)
    assert [(await notion.get("/v1/users/me")).status_code for _ in range(4)] == [200, 200, 200, 429]


# Finding the target.


async def test_the_database_leads_to_its_data_source_and_that_to_its_schema(notion: httpx.AsyncClient) -> None:
    database = (await notion.get(f"/v1/databases/{DATABASE.replace('-', '')}")).json()
    assert database["data_sources"] == [{"id": SOURCE, "name": "Opportunities"}]
    source = (await notion.get(f"/v1/data_sources/{SOURCE}")).json()
    assert {name: one["type"] for name, one in source["properties"].items()} == {
        "Name": "title",
        "Salesforce ID": "rich_text",
        "Opportunity": "url",
        "Stage": "status",
        "Amount": "number",
        "Close date": "date",
        "Account": "rich_text",
        "Owner": "rich_text",
        "HubSpot deal": "url",
    }
    assert [one["name"] for one in source["properties"]["Stage"]["status"]["options"]][3] == "Closed Won"


async def test_a_database_that_nobody_shared_does_not_exist(app: SandboxApp, notion: httpx.AsyncClient) -> None:
    section = notion_section()
    section["databases"][0]["shared"] = False
    app.load(section)
    for path in (f"databases/{DATABASE}", f"data_sources/{SOURCE}"):
        status, code, message = refusal(await notion.get(f"/v1/{path}"))
        assert (status, code) == (404, "object_not_found")
        assert "shared with your integration" in message


# Pages.


async def test_a_page_is_made_and_reads_back_as_it_was_written(notion: httpx.AsyncClient) -> None:
    body = opportunity(
        "Spring campaign",
        "006Qy00000AAAAAIA4",
        Stage={"status": {"name": "Negotiation"}},
        Amount={"number": 12_500.5},
        Opportunity={"url": "https://example.com/006"},
        **{"Close date": {"date": {"start": "2026-11-30"}}},
    )
    made = (await notion.post("/v1/pages", json=body)).json()
    assert (await notion.get(f"/v1/pages/{made['id']}")).json() == made
    properties = made["properties"]
    assert properties["Name"]["title"][0]["plain_text"] == "Spring campaign"
    assert properties["Stage"]["status"]["name"] == "Negotiation"
    assert properties["Amount"]["number"] == 12_500.5
    assert properties["Close date"]["date"] == {"start": "2026-11-30", "end": None, "time_zone": None}
    assert properties["HubSpot deal"]["url"] is None
    assert made["url"] == f"https://www.notion.so/Spring-campaign-{made['id'].replace('-', '')}"
    assert made["created_time"] == "2026-11-02T09:00:00.000Z"
    assert "archived" not in made


async def test_an_older_version_still_calls_the_trash_archived(notion: httpx.AsyncClient) -> None:
    version = {"Notion-Version": OLDER}
    made = (await notion.post("/v1/pages", json=opportunity("A", "006A"), headers=version)).json()
    assert made["archived"] is False
    path = f"/v1/pages/{made['id']}"
    assert refusal(await notion.patch(path, json={"archived": True}))[1] == "validation_error"
    gone = (await notion.patch(path, json={"archived": True}, headers=version)).json()
    assert gone["in_trash"] is True


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"Nonsense": {"number": 1}}, "Nonsense is not a property that exists."),
        ({"Stage": {"select": {"name": "Proposal"}}}, "Stage is expected to be status."),
        ({"Stage": {"status": {"name": "Dreaming"}}}, 'status option "Dreaming" does not exist'),
        ({"Amount": {"number": "12"}}, "body.properties.Amount.number should be a number"),
        ({"Amount": {"number": True}}, "instead was `true`"),
        ({"Opportunity": {"url": ""}}, "non-empty string or `null`"),
        ({"Opportunity": {"url": "x" * 2001}}, "should be ≤ `2000`, instead was `2001`"),
        ({"Close date": {"date": {"start": "tomorrow"}}}, "valid ISO 8601 date"),
        ({"Close date": {"date": {"end": "2026-11-30"}}}, "date.start should be defined"),
        ({"Account": {"rich_text": text("x" * 2001)}}, "should be ≤ `2000`, instead was `2001`"),
        ({"Account": {"rich_text": text("x") * 101}}, "should be ≤ `100`, instead was `101`"),
        ({"Account": {"rich_text": "x"}}, "should be an array, instead was `x`"),
        ({"Account": {"rich_text": [{"text": {"content": "a", "link": {"url": "x" * 2001}}}]}}, "link.url"),
    ],
)
async def test_a_value_that_does_not_fit_the_schema_is_refused_with_its_place(
    notion: httpx.AsyncClient, properties: dict[str, Any], expected: str
) -> None:
    status, code, message = refusal(await notion.post("/v1/pages", json=opportunity("A", "006A", **properties)))
    assert (status, code) == (400, "validation_error")
    assert expected in message
    assert (await notion.get("/_control/records/pages")).json()["records"] == []


@pytest.mark.parametrize(
    ("parent", "status"),
    [
        (None, 400),
        ({"database_id": DATABASE}, 400),
        ({"type": "workspace"}, 400),
        ({"page_id": "1f3a9c1e-77d0-4b5e-9a55-000000000000"}, 404),
        ({"data_source_id": "1f3a9c1e-77d0-4b5e-9a55-000000000000"}, 404),
        ({"data_source_id": "nonsense"}, 400),
    ],
)
async def test_a_page_needs_a_data_source_as_its_parent(notion: httpx.AsyncClient, parent: Any, status: int) -> None:
    answer = await notion.post("/v1/pages", json={"parent": parent, "properties": {}})
    assert refusal(answer)[0] == status


async def test_an_update_leaves_what_it_does_not_name(notion: httpx.AsyncClient) -> None:
    made = (await notion.post("/v1/pages", json=opportunity("A", "006A", Amount={"number": 5}))).json()
    await advance(notion, 60)
    body = {"properties": {"Stage": {"status": {"name": "Closed Won"}}, "Opportunity": {"url": None}}}
    changed = (await notion.patch(f"/v1/pages/{made['id']}", json=body)).json()
    assert changed["properties"]["Amount"]["number"] == 5
    assert changed["properties"]["Stage"]["status"]["name"] == "Closed Won"
    assert changed["last_edited_time"] == "2026-11-02T09:01:00.000Z"
    assert changed["created_time"] == made["created_time"]


async def test_a_page_in_the_trash_reads_and_takes_nothing_but_its_way_back(notion: httpx.AsyncClient) -> None:
    made = (await notion.post("/v1/pages", json=opportunity("A", "006A"))).json()
    path = f"/v1/pages/{made['id']}"
    assert (await notion.patch(path, json={"in_trash": True})).json()["in_trash"] is True
    assert (await notion.get(path)).json()["in_trash"] is True
    assert refusal(await notion.patch(path, json={"properties": {"Amount": {"number": 1}}}))[0] == 400
    assert refusal(await notion.patch(path, json={"in_trash": "yes"}))[0] == 400
    await advance(notion, 5)
    assert await find(notion, {"property": "Salesforce ID", "rich_text": {"equals": "006A"}}) == []
    assert (await notion.patch(path, json={"in_trash": False})).json()["in_trash"] is False


async def test_a_select_makes_the_option_it_lacks_but_none_with_a_comma(
    app: SandboxApp, notion: httpx.AsyncClient
) -> None:
    section = notion_section()
    section["data_sources"][0]["properties"]["Kind"] = {"type": "select"}
    section["data_sources"][0]["properties"]["Made"] = {"type": "created_time"}
    app.load(section)
    made = (await notion.post("/v1/pages", json=opportunity("A", "006A", Kind={"select": {"name": "New"}}))).json()
    assert made["properties"]["Kind"]["select"]["name"] == "New"
    assert made["properties"]["Made"]["created_time"] == made["created_time"]
    source = (await notion.get(f"/v1/data_sources/{SOURCE}")).json()
    assert [one["name"] for one in source["properties"]["Kind"]["select"]["options"]] == ["New"]
    comma = await notion.post("/v1/pages", json=opportunity("B", "006B", Kind={"select": {"name": "a,b"}}))
    assert "commas not allowed" in refusal(comma)[2]
    fixed = await notion.post("/v1/pages", json=opportunity("B", "006B", Made={"created_time": "2026-01-01"}))
    assert "read only" in refusal(fixed)[2]


# Queries.


async def test_a_new_page_shows_in_queries_a_moment_later(notion: httpx.AsyncClient) -> None:
    wanted = {"property": "Salesforce ID", "rich_text": {"equals": "006A"}}
    made = (await notion.post("/v1/pages", json=opportunity("A", "006A"))).json()
    assert await find(notion, wanted) == []
    await advance(notion, 1)
    assert [one["id"] for one in await find(notion, wanted, page_size=1)] == [made["id"]]
    assert await find(notion, {"property": "Salesforce ID", "rich_text": {"equals": "006a"}}) == []


async def test_filters_and_sorts_pick_and_order_pages(notion: httpx.AsyncClient) -> None:
    for name, amount, stage, close in (
        ("Alder", 30, "Proposal", "2026-11-30"),
        ("Birch", 10, "Closed Won", "2026-12-05"),
        ("Cedar", None, "Proposal", None),
    ):
        more: dict[str, Any] = {"Amount": {"number": amount}, "Stage": {"status": {"name": stage}}}
        more["Close date"] = {"date": {"start": close} if close else None}
        await notion.post("/v1/pages", json=opportunity(name, f"006{name[0]}", **more))
    await advance(notion, 2)

    async def names(wanted: dict[str, Any], **more: Any) -> list[str]:
        found = await find(notion, wanted, **more)
        return [one["properties"]["Name"]["title"][0]["plain_text"] for one in found]

    by_name = [{"property": "Name", "direction": "ascending"}]
    assert await names({"property": "Stage", "status": {"equals": "Proposal"}}, sorts=by_name) == ["Alder", "Cedar"]
    assert await names({"property": "Amount", "number": {"greater_than": 10}}) == ["Alder"]
    assert await names({"property": "Amount", "number": {"is_empty": True}}) == ["Cedar"]
    assert await names({"property": "Close date", "date": {"on_or_before": "2026-11-30"}}) == ["Alder"]
    assert await names({"property": "Name", "title": {"contains": "IRC"}}) == ["Birch"]
    assert await names({"property": "Name", "title": {"does_not_contain": "d"}}) == ["Birch"]
    either = {"or": [{"property": "Name", "title": {"equals": name}} for name in ("Alder", "Birch")]}
    assert await names(either, sorts=[{"property": "Amount", "direction": "descending"}]) == ["Alder", "Birch"]
    both = {"and": [either, {"timestamp": "created_time", "created_time": {"on_or_after": "2026-11-02"}}]}
    assert await names(both, sorts=[{"timestamp": "created_time"}, *by_name]) == ["Alder", "Birch"]


@pytest.mark.parametrize(
    "wanted",
    [
        {"property": "Nonsense", "rich_text": {"equals": "x"}},
        {"property": "Amount", "rich_text": {"equals": "x"}},
        {"property": "Amount", "number": {"equals": "x"}},
        {"property": "Amount", "number": {"starts_with": 1}},
        {"property": "Name", "title": {}},
        {"timestamp": "birthday", "birthday": {"after": "2026-01-01"}},
        {"and": "x"},
        {"rich_text": {"equals": "x"}},
        [],
    ],
)
async def test_a_filter_that_does_not_fit_the_schema_is_refused(notion: httpx.AsyncClient, wanted: Any) -> None:
    answer = await notion.post(f"/v1/data_sources/{SOURCE}/query", json={"filter": wanted or [1]})
    assert refusal(answer)[:2] == (400, "validation_error")


async def test_a_long_list_comes_in_pages_that_together_hold_everything_once(notion: httpx.AsyncClient) -> None:
    for number in range(7):
        await notion.post("/v1/pages", json=opportunity(f"N{number}", f"006{number}"))
    await advance(notion, 2)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        body: dict[str, Any] = {"page_size": 3, **({"start_cursor": cursor} if cursor else {})}
        answer = (await notion.post(f"/v1/data_sources/{SOURCE}/query", json=body)).json()
        seen += [one["id"] for one in answer["results"]]
        cursor = answer["next_cursor"]
        assert answer["has_more"] is (cursor is not None)
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 7
    for wrong in ({"page_size": 101}, {"page_size": 0}, {"start_cursor": "nonsense"}):
        assert refusal(await notion.post(f"/v1/data_sources/{SOURCE}/query", json=wrong))[0] == 400


async def test_a_query_can_ask_for_some_properties_only(notion: httpx.AsyncClient) -> None:
    await notion.post("/v1/pages", json=opportunity("A", "006A"))
    await advance(notion, 2)
    answer = await notion.post(f"/v1/data_sources/{SOURCE}/query", params={"filter_properties": "title"}, json={})
    assert list(answer.json()["results"][0]["properties"]) == ["Name"]


# Bodies.


def paragraph(content: str, **more: Any) -> dict[str, Any]:
    return {"object": "block", "type": "paragraph", "paragraph": {"rich_text": text(content), **more}}


async def test_blocks_are_stored_in_order_and_read_back_with_their_children(notion: httpx.AsyncClient) -> None:
    toggle = {"toggle": {"rich_text": text("More"), "children": [paragraph("inside")]}}
    made = (
        await notion.post("/v1/pages", json={**opportunity("A", "006A"), "children": [paragraph("one"), toggle]})
    ).json()
    path = f"/v1/blocks/{made['id']}/children"
    listed = (await notion.get(path, params={"page_size": 1})).json()
    assert listed["results"][0]["paragraph"]["rich_text"][0]["plain_text"] == "one"
    rest = (await notion.get(path, params={"start_cursor": listed["next_cursor"]})).json()["results"]
    assert [(one["type"], one["has_children"]) for one in rest] == [("toggle", True)]
    inside = (await notion.get(f"/v1/blocks/{rest[0]['id']}/children")).json()["results"]
    assert inside[0]["parent"] == {"type": "block_id", "block_id": rest[0]["id"]}
    assert (await notion.get(f"/v1/blocks/{inside[0]['id']}")).json() == inside[0]


async def test_blocks_are_appended_where_the_position_says(notion: httpx.AsyncClient) -> None:
    made = (await notion.post("/v1/pages", json={**opportunity("A", "006A"), "markdown": "one\ntwo"})).json()
    path = f"/v1/blocks/{made['id']}/children"
    first = (await notion.get(path)).json()["results"][0]["id"]
    for content, position in (
        ("last", None),
        ("first", {"type": "start"}),
        ("between", {"type": "after_block", "after_block": {"id": first}}),
    ):
        body: dict[str, Any] = {"children": [paragraph(content)]}
        answer = await notion.patch(path, json=body | ({"position": position} if position else {}))
        assert answer.json()["results"][0]["type"] == "paragraph"
    markdown = (await notion.get(f"/v1/pages/{made['id']}/markdown")).json()["markdown"]
    assert markdown.split("\n") == ["first", "one", "between", "two", "last"]
    assert refusal(await notion.patch(path, json={"children": [], "after": first}))[0] == 400
    older = await notion.patch(
        path, json={"children": [paragraph("x")], "after": first}, headers={"Notion-Version": OLDER}
    )
    assert older.status_code == 200
    elsewhere = {"children": [paragraph("x")], "position": {"type": "after_block", "after_block": {"id": made["id"]}}}
    assert refusal(await notion.patch(path, json=elsewhere))[0] == 400


@pytest.mark.parametrize(
    ("children", "expected"),
    [
        ([paragraph("x")] * 101, "should be ≤ `100`"),
        (
            [paragraph("x", children=[paragraph("y", children=[paragraph("z", children=[paragraph("!")])])])],
            "two levels",
        ),
        ([{"type": "hologram", "hologram": {}}], "should be defined"),
        ([{"type": "paragraph", "paragraph": {}}], "paragraph.rich_text"),
        ([{"table": {"table_width": 2, "children": [{"table_row": {"cells": [text("a")]}}]}}], "match the table width"),
        ([{"table": {"table_width": 2}}], "at least one row"),
        (["x"], "should be an object"),
        ("x", "should be an array"),
    ],
)
async def test_a_body_beyond_the_limits_is_refused_and_no_page_is_made(
    notion: httpx.AsyncClient, children: Any, expected: str
) -> None:
    answer = await notion.post("/v1/pages", json={**opportunity("A", "006A"), "children": children})
    assert expected in refusal(answer)[2]
    assert (await notion.get("/_control/records/pages")).json()["records"] == []


MARKDOWN = """\
# Spring campaign
Value: **12,500** for [Brindlewick](https://example.com/001)
## Checklist
- [ ] Kick-off
- [x] Contract
- a point
1. a number
> a quote
---
| Contact | Role |
| --- | --- |
| Ada Hartley | Decider |
```json
{"a": 1}
```"""


async def test_markdown_at_creation_becomes_blocks_and_reads_back_the_same(notion: httpx.AsyncClient) -> None:
    made = (await notion.post("/v1/pages", json={**opportunity("A", "006A"), "markdown": MARKDOWN})).json()
    answer = (await notion.get(f"/v1/pages/{made['id']}/markdown")).json()
    assert answer == {
        "object": "page_markdown",
        "id": made["id"],
        "markdown": MARKDOWN,
        "truncated": False,
        "unknown_block_ids": [],
    }
    kinds = [one["type"] for one in (await notion.get(f"/v1/blocks/{made['id']}/children")).json()["results"]]
    assert kinds[:4] == ["heading_1", "paragraph", "heading_2", "to_do"]
    assert kinds[-2:] == ["table", "code"]


@pytest.mark.parametrize("more", [{"children": []}, {"template": {"type": "default"}}, {"markdown": 5}])
async def test_markdown_excludes_children_and_unknown_templates(
    notion: httpx.AsyncClient, more: dict[str, Any]
) -> None:
    answer = await notion.post("/v1/pages", json={**opportunity("A", "006A"), "markdown": "x", **more})
    assert refusal(answer)[0] == 400


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"type": "replace_content", "replace_content": {"new_str": "new"}}, "new"),
        ({"type": "insert_content", "insert_content": {"content": "new"}}, "one\ntwo\nthree\nnew"),
        (
            {"type": "insert_content", "insert_content": {"content": "new", "position": {"type": "start"}}},
            "new\none\ntwo\nthree",
        ),
        ({"type": "insert_content", "insert_content": {"content": "new", "after": "one"}}, "one\nnew\ntwo\nthree"),
        (
            {"type": "update_content", "update_content": {"content_updates": [{"old_str": "two", "new_str": "2"}]}},
            "one\n2\nthree",
        ),
        (
            {
                "type": "replace_content_range",
                "replace_content_range": {"content": "new", "content_range": "one...two"},
            },
            "new\nthree",
        ),
    ],
)
async def test_the_four_markdown_operations_change_the_body(
    notion: httpx.AsyncClient, operation: dict[str, Any], expected: str
) -> None:
    made = (await notion.post("/v1/pages", json={**opportunity("A", "006A"), "markdown": "one\ntwo\nthree"})).json()
    answer = await notion.patch(f"/v1/pages/{made['id']}/markdown", json=operation)
    assert answer.json()["markdown"] == expected


@pytest.mark.parametrize(
    "operation",
    [
        {},
        {"type": "replace_content"},
        {"type": "replace_content", "replace_content": {}},
        {"type": "update_content", "update_content": {}},
        {"type": "update_content", "update_content": {"content_updates": [{"old_str": "o", "new_str": "0"}]}},
        {"type": "insert_content", "insert_content": {"content": "x", "after": "nowhere"}},
    ],
)
async def test_a_markdown_operation_that_cannot_be_carried_out_changes_nothing(
    notion: httpx.AsyncClient, operation: dict[str, Any]
) -> None:
    made = (await notion.post("/v1/pages", json={**opportunity("A", "006A"), "markdown": "one\ntwo"})).json()
    path = f"/v1/pages/{made['id']}/markdown"
    assert refusal(await notion.patch(path, json=operation))[:2] == (400, "validation_error")
    assert (await notion.get(path)).json()["markdown"] == "one\ntwo"


async def test_a_deleted_block_is_gone_with_all_under_it(notion: httpx.AsyncClient) -> None:
    made = (await notion.post("/v1/pages", json={**opportunity("A", "006A"), "markdown": "one\ntwo"})).json()
    children = (await notion.get(f"/v1/blocks/{made['id']}/children")).json()["results"]
    gone = (await notion.delete(f"/v1/blocks/{children[0]['id']}")).json()
    assert gone["in_trash"] is True
    assert refusal(await notion.get(f"/v1/blocks/{children[0]['id']}"))[0] == 404
    assert (await notion.get(f"/v1/pages/{made['id']}/markdown")).json()["markdown"] == "two"


# The control API.


async def test_a_person_makes_edits_and_deletes_pages(notion: httpx.AsyncClient) -> None:
    made = await notion.post("/_control/records/pages", json={"fields": {"Name": {"title": text("By hand")}}})
    page_id = made.json()["id"]
    edit = {"fields": {"Amount": {"number": 3}}, "by": "5b1e0d6a-8a52-4c43-9d4e-2f3f0f1c7a12"}
    assert (await notion.patch(f"/_control/records/pages/{page_id}", json=edit)).status_code == 200
    (record,) = (await notion.get("/_control/records/pages")).json()["records"]
    assert (record["fields"]["Name"], record["fields"]["Amount"]) == ("By hand", 3)
    assert (await notion.get(f"/v1/pages/{page_id}")).json()["last_edited_by"]["id"] == edit["by"]
    assert (await notion.delete(f"/_control/records/pages/{page_id}")).status_code == 200
    assert (await notion.get("/_control/records/pages")).json()["records"] == []
    for bad in (
        notion.post("/_control/records/deals", json={"fields": {}}),
        notion.post("/_control/records/pages", json={"fields": {"Nonsense": {}}}),
        notion.patch("/_control/records/pages/nonsense", json={"fields": {}}),
    ):
        assert (await bad).status_code == 400


async def test_a_saved_workspace_loads_again_as_it_was(app: SandboxApp, notion: httpx.AsyncClient) -> None:
    body = {**opportunity("A", "006A", Stage={"status": {"name": "Proposal"}}), "markdown": MARKDOWN}
    made = (await notion.post("/v1/pages", json=body)).json()
    saved = (await notion.get("/_control/world")).json()
    app.load({})
    assert refusal(await notion.get("/v1/users/me"))[0] == 401
    app.load(saved)
    assert (await notion.get(f"/v1/pages/{made['id']}")).json() == made
    assert (await notion.get(f"/v1/pages/{made['id']}/markdown")).json()["markdown"] == MARKDOWN
    assert (await notion.get("/_control/world")).json() == saved


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"tokens": "x"}, "no key tokens"),
        ({"databases": [{"id": "nonsense", "title": "x"}]}, "is no Notion id"),
        ({"databases": []}, "there is no database"),
        (
            {"pages": [{"id": SOURCE, "data_source_id": SOURCE, "properties": {"Nonsense": {}}}]},
            "no property 'Nonsense'",
        ),
        ({"pages": [{"id": SOURCE, "data_source_id": SOURCE, "properties": {"Amount": {"number": "x"}}}]}, "malformed"),
    ],
)
async def test_a_malformed_section_is_refused_and_changes_nothing(
    notion: httpx.AsyncClient, change: dict[str, Any], expected: str
) -> None:
    before = (await notion.get("/_control/world")).json()
    answer = await notion.put("/_control/world", json={**notion_section(), **change})
    assert answer.status_code == 400
    assert expected in answer.text
    assert (await notion.get("/_control/world")).json() == before


@pytest.mark.parametrize(
    ("status", "code"),
    [(409, "conflict_error"), (500, "internal_server_error"), (503, "service_unavailable"), (529, "service_overload")],
)
async def test_a_fault_is_worded_as_notion_words_it(notion: httpx.AsyncClient, status: int, code: str) -> None:
    await notion.post("/_control/faults", json={"kind": "status", "status": status, "headers": {"Retry-After": "2"}})
    answer = await notion.post("/v1/pages", json=opportunity("A", "006A"))
    assert refusal(answer)[:2] == (status, code)
    assert answer.headers["retry-after"] == "2"
    assert (await notion.post("/v1/pages", json=opportunity("A", "006A"))).status_code == 200


async def test_one_record_can_be_refused_by_what_is_in_it(notion: httpx.AsyncClient) -> None:
    fault = {"kind": "record_error", "record": "006B", "code": "conflict_error"}
    await notion.post("/_control/faults", json=fault)
    assert (await notion.post("/v1/pages", json=opportunity("A", "006A"))).status_code == 200
    assert refusal(await notion.post("/v1/pages", json=opportunity("B", "006B")))[:2] == (409, "conflict_error")


# The vendor's kind of client.


class AnnouncedServer(uvicorn.Server):
    """A server that says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@pytest.fixture
def served() -> Iterator[Callable[..., Client]]:
    """A served sandbox, and clients for it."""
    app = build({"notion": notion_section()}, names=("notion",))["notion"]
    server = AnnouncedServer(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    assert server.ready.wait(10)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    clients: list[Client] = []

    def client(**options: Any) -> Client:
        clients.append(Client(auth=TOKEN, base_url=url, retry=False, **options))
        return clients[-1]

    yield client
    for one in clients:
        one.close()
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("version", [OLDER, LATEST])
@pytest.mark.foreign("notion-client")
def test_the_unmodified_client_makes_finds_and_changes_a_page(served: Callable[..., Any], version: str) -> None:
    notion = served(notion_version=version)
    assert notion.users.me()["type"] == "bot"
    (source,) = notion.databases.retrieve(DATABASE)["data_sources"]
    assert "Salesforce ID" in notion.data_sources.retrieve(source["id"])["properties"]
    body = opportunity("Autumn fair", "006Qy00000BBBBBIA4", Stage={"status": {"name": "Proposal"}})
    page = notion.pages.create(**body, children=[paragraph("Hello")])
    assert notion.pages.retrieve(page["id"])["url"] == page["url"]
    changed = notion.pages.update(page["id"], properties={"Amount": {"number": 7}})
    assert changed["properties"]["Amount"]["number"] == 7
    appended = notion.blocks.children.append(page["id"], children=[paragraph("World")])
    assert appended["results"][0]["paragraph"]["rich_text"][0]["plain_text"] == "World"
    assert len(notion.blocks.children.list(page["id"])["results"]) == 2
    answer = notion.data_sources.query(
        source["id"], filter={"property": "Salesforce ID", "rich_text": {"equals": "nobody"}}, page_size=1
    )
    assert answer["results"] == []
    assert answer["has_more"] is False


def call_without_end(notion: Any) -> None:
    while True:
        notion.users.me()


@pytest.mark.foreign("notion-client")
def test_the_unmodified_client_knows_the_errors(served: Callable[..., Any]) -> None:
    notion = served()
    with pytest.raises(APIResponseError) as refused:
        notion.pages.retrieve("1f3a9c1e-77d0-4b5e-9a55-000000000000")
    assert refused.value.code is APIErrorCode.ObjectNotFound
    with pytest.raises(APIResponseError) as refused:
        notion.pages.create(**opportunity("A", "006A", Stage={"status": {"name": "Dreaming"}}))
    assert refused.value.code is APIErrorCode.ValidationError
    with pytest.raises(APIResponseError) as refused:
        call_without_end(notion)
    assert refused.value.code is APIErrorCode.RateLimited
    assert int(refused.value.headers["retry-after"]) >= 1


@pytest.mark.foreign("notion-client")
def test_the_unmodified_client_writes_markdown(served: Callable[..., Any]) -> None:
    notion = served(notion_version=LATEST)
    page = notion.pages.create(**opportunity("A", "006A"), markdown="# Title\ntext")
    assert notion.pages.retrieve_markdown(page["id"])["markdown"] == "# Title\ntext"
    replaced = notion.pages.update_markdown(page["id"], type="replace_content", replace_content={"new_str": "new"})
    assert replaced["markdown"] == "new"


@pytest.mark.parametrize("version", [OLDER, LATEST])
@pytest.mark.foreign("notion-client")
def test_the_unmodified_client_finds_its_way_around_the_workspace(served: Callable[..., Any], version: str) -> None:
    notion = served(notion_version=version)
    page = notion.pages.create(**opportunity("Winter fair", "006W"), children=[paragraph("Hello")])
    assert notion.pages.properties.retrieve(page["id"], "title")["results"][0]["title"]["plain_text"] == "Winter fair"
    (block,) = notion.blocks.children.list(page["id"])["results"]
    changed = notion.blocks.update(block["id"], paragraph={"rich_text": text("Bye")})
    assert changed["paragraph"]["rich_text"][0]["plain_text"] == "Bye"
    assert notion.blocks.delete(block["id"])["in_trash"] is True
    parent = {"type": "page_id", "page_id": page["id"]}
    database = notion.databases.create(parent=parent, title=text("Tasks"))
    source = database["data_sources"][0]["id"]
    schema = notion.data_sources.update(source, properties={"Due": {"date": {}}})["properties"]
    assert {name: one["type"] for name, one in schema.items()} == {"Name": "title", "Due": "date"}
    assert notion.databases.update(database["id"], title=text("To do"))["title"][0]["plain_text"] == "To do"
    assert notion.data_sources.list_templates(source)["templates"] == []


@pytest.mark.foreign("notion-client")
def test_the_unmodified_client_searches_moves_and_lists_users(served: Callable[..., Any]) -> None:
    notion = served(notion_version=LATEST)
    found = notion.search(query="opportunities", filter={"property": "object", "value": "data_source"})["results"]
    assert [one["id"] for one in found] == [SOURCE]
    first, second = (notion.pages.create(**opportunity(name, name)) for name in ("A", "B"))
    moved = notion.pages.move(second["id"], parent={"type": "page_id", "page_id": first["id"]})
    assert moved["parent"] == {"type": "page_id", "page_id": first["id"]}
    assert {one["type"] for one in notion.users.list()["results"]} == {"person", "bot"}
    with pytest.raises(APIResponseError) as refused:
        notion.comments.list(block_id=first["id"])
    assert "does not emulate" in str(refused.value)
