"""The Notion sandbox takes anything: whatever is sent to whichever route is answered in Notion's form.

As in `test_hubspot_fuzz.py`: bodies that are right but for some places, in every version of the API. No answer may be a
crash, each refusal is worded as api/notion.md section 7 has it, and what the workspace has become can be saved, loaded,
and saved as the same.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sandbox.notion_world import (
    ACCOUNTS,
    DATABASE,
    HOME,
    LATEST,
    OLDER,
    OLDEST,
    PEOPLE,
    ROBIN,
    SOURCE,
    Desk,
    paragraph,
    text,
    workspace,
)
from tests.sandbox.test_hubspot_fuzz import BROKEN, HOW, ODD, edited, fuzzed, places_in, with_odd

from concord_sandbox.notion.errors import STATUS_OF
from concord_sandbox.notion.service import NotionService
from concord_sandbox.notion.urls import operations_listed

ROW, ACME = "60000000-0000-4000-8000-000000000001", "60000000-0000-4000-8000-000000000002"
HELLO, TOGGLE = "70000000-0000-4000-8000-000000000001", "70000000-0000-4000-8000-000000000002"
ROUTES = operations_listed()
Sent = tuple[str, str, bytes, str]


def _workspace() -> dict[str, Any]:
    row = {"Name": {"title": text("One")}, "Amount": {"number": 3}, "Close": {"date": {"start": "2026-11-30"}}}
    return workspace(
        requests_per_second=1e9,
        pages=[
            {"id": HOME, "properties": {"title": {"title": text("Home")}}},
            {"id": ROW, "data_source_id": SOURCE, "properties": row},
            {"id": ACME, "data_source_id": ACCOUNTS, "properties": {"Name": {"title": text("Acme")}}},
        ],
        blocks={ROW: [{"id": HELLO, **paragraph("hello")}, {"id": TOGGLE, "type": "toggle", "toggle":
                {"rich_text": text("t")}}]},
    )  # fmt: skip


_PROPERTIES: dict[str, Any] = {
    "Name": {"title": text("x")}, "Notes": {"rich_text": text("x")}, "Amount": {"number": 5},
    "Kind": {"select": {"name": "New"}}, "Tags": {"multi_select": [{"name": "a"}, {"name": "z"}]},
    "Stage": {"status": {"name": "Open"}}, "Close": {"date": {"start": "2026-11-01", "end": None, "time_zone": None}},
    "Hot": {"checkbox": True}, "Link": {"url": "https://a.example"}, "Mail": {"email": "a@b.example"},
    "Phone": {"phone_number": "1"}, "Owner": {"people": [{"id": ROBIN}]}, "Account": {"relation": [{"id": ACME}]},
    "Files": {"files": [{"name": "f", "type": "external", "external": {"url": "https://a.example/f"}}]},
}  # fmt: skip
_ICON = {"type": "emoji", "emoji": "😀"}
_COLUMN = {"type": "column", "column": {"children": [paragraph("c")]}}
_BLOCKS: list[dict[str, Any]] = [
    paragraph("a"), {"type": "heading_1", "heading_1": {"rich_text": text("x")}}, {"type": "divider", "divider": {}},
    {"type": "to_do", "to_do": {"rich_text": text("x"), "checked": True, "children": [paragraph("b")]}},
    {"type": "table", "table": {"table_width": 1, "children": [{"type": "table_row", "table_row":
     {"cells": [text("x")]}}]}},
    {"type": "code", "code": {"rich_text": text("x"), "language": "python"}},
    {"type": "bookmark", "bookmark": {"url": "https://a.example"}},
    {"type": "callout", "callout": {"rich_text": text("x"), "icon": _ICON}},
    {"type": "equation", "equation": {"expression": "x"}},
    {"type": "image", "image": {"type": "external", "external": {"url": "https://a.example/i"}}},
    {"type": "column_list", "column_list": {"children": [_COLUMN, _COLUMN]}},
]  # fmt: skip
_QUERY = {
    "filter": {"and": [{"property": "Name", "title": {"contains": "O"}}, {"or": [
        {"property": "Amount", "number": {"greater_than": 1}}, {"property": "Close", "date": {"past_week": {}}},
        {"property": "Tags", "multi_select": {"contains": "a"}},
        {"property": "Account", "relation": {"is_empty": True}},
        {"property": "Sizes", "rollup": {"any": {"number": {"equals": 3}}}},
        {"property": "Double", "formula": {"number": {"equals": 3}}},
        {"timestamp": "created_time", "created_time": {"on_or_after": "2026-11-01"}}]}]},
    "sorts": [{"property": "Amount", "direction": "descending"}, {"timestamp": "created_time", "direction":
              "ascending"}], "page_size": 5,
}  # fmt: skip
_SCHEMA = {
    "Name": {"title": {}}, "A": {"number": {"format": "euro"}}, "F": {"formula": {"expression": "1"}},
    "S": {"select": {"options": [{"name": "x", "color": "red"}]}}, "U": {"unique_id": {"prefix": "X"}},
    "R": {"relation": {"data_source_id": ACCOUNTS, "dual_property": {}}},
    "Ro": {"rollup": {"function": "sum", "relation_property_name": "R", "rollup_property_name": "Size"}},
    "St": {"status": {"options": [{"name": "q"}]}},
}  # fmt: skip
_IN_HOME = {"type": "page_id", "page_id": HOME}
_MARKDOWN: tuple[dict[str, Any], ...] = (
    {"type": "update_content", "update_content": {"content_updates": [{"old_str": "hello", "new_str": "bye",
     "replace_all_matches": True}]}},
    {"type": "insert_content", "insert_content": {"content": "# x\n- [ ] y\n> q", "position": {"type": "start"}}},
    {"type": "replace_content", "replace_content": {"new_str": "a\n- b\n\t- c\n| a |\n|---|\n```\nz"}},
    {"type": "replace_content_range", "replace_content_range": {"content": "z", "content_range": "hello...t",
     "allow_deleting_content": True}},
)  # fmt: skip
RIGHT: dict[str, tuple[Any, ...]] = {
    "POST /v1/search": ({"query": "o", "filter": {"property": "object", "value": "page"}, "page_size": 3, "sort":
                         {"timestamp": "last_edited_time", "direction": "ascending"}},),
    "POST /v1/databases": ({"parent": _IN_HOME, "title": text("x"), "initial_data_source": {"properties": _SCHEMA},
                            "icon": _ICON, "is_inline": True, "description": text("x")},),
    "PATCH /v1/databases/{id}": ({"title": text("x"), "description": text("x"), "icon": _ICON, "is_inline": False,
                                  "in_trash": False, "parent": _IN_HOME},),
    "POST /v1/databases/{id}/query": (_QUERY,),
    "POST /v1/data_sources": ({"parent": {"type": "database_id", "database_id": DATABASE}, "properties": _SCHEMA,
                               "title": text("x"), "icon": _ICON},),
    "PATCH /v1/data_sources/{id}": ({"title": text("x"), "in_trash": False, "properties": {
        "Amount": {"name": "Sum"}, "Kind": {"select": {"options": [{"name": "New"}, {"name": "q"}]}}, "Notes": None,
        "New": {"date": {}}, "Hot": {"type": "rich_text", "rich_text": {}}}},),
    "POST /v1/data_sources/{id}/query": (_QUERY,),
    "POST /v1/pages": (
        {"parent": {"type": "data_source_id", "data_source_id": SOURCE}, "properties": _PROPERTIES, "children": _BLOCKS,
         "icon": _ICON, "cover": {"type": "external", "external": {"url": "https://a.example"}}},
        {"parent": _IN_HOME, "properties": {"title": {"title": text("x")}}, "markdown": "# a\n**b** `c`"}),
    "PATCH /v1/pages/{id}": ({"properties": _PROPERTIES, "icon": _ICON, "in_trash": False, "is_locked": True,
                              "erase_content": False},),
    "POST /v1/pages/{id}/move": ({"parent": _IN_HOME}, {"parent": {"data_source_id": ACCOUNTS}}),
    "PATCH /v1/pages/{id}/markdown": _MARKDOWN,
    "PATCH /v1/blocks/{id}": ({"paragraph": {"rich_text": text("x"), "color": "red"}},),
    "PATCH /v1/blocks/{id}/children": ({"children": _BLOCKS, "position": {"type": "after_block", "after_block":
                                        {"id": HELLO}}},),
}  # fmt: skip
_IDS = {
    "users": (ROBIN, "me"), "databases": (DATABASE, PEOPLE), "data_sources": (SOURCE, ACCOUNTS), "pages": (ROW, HOME),
    "blocks": (HELLO, TOGGLE, ROW),
}  # fmt: skip
_PROPERTY_IDS = ("title", "Amount", "acct", "Sizes", "Notes", "Owner", "İ", "%00")


def right_path(path: str) -> str:
    """An address of that route where something is."""
    known = ROW if path.endswith("/children") else _IDS.get(path.split("/")[2], ("",))[0]
    return path.replace("{id}", known).replace("{property_id}", "title")


@st.composite
def _call(draw: st.DrawFn) -> Sent:
    method, pattern = draw(st.sampled_from(ROUTES))
    how, path = draw(HOW), pattern
    if "{id}" in path:
        given = draw(ODD.map(str)) if how == 11 else draw(st.sampled_from(_IDS[path.split("/")[2]]))
        path = path.replace("{id}", quote(given.encode("utf-8", "replace"), safe="") or "0")
    path = path.replace("{property_id}", draw(st.sampled_from(_PROPERTY_IDS)))
    if how % 3 == 0:
        name = draw(st.sampled_from(("page_size", "start_cursor", "filter_properties", "filter_properties[]", "name")))
        path += "?" + urlencode({name: str(draw(ODD)).encode("utf-8", "replace")})
    rights = RIGHT.get(f"{method} {pattern}")
    made = draw(edited(draw(st.sampled_from(rights)))) if rights else b""
    body = made if isinstance(made, bytes) else json.dumps(made).encode("utf-8", "surrogatepass")
    return method, path, body, draw(st.sampled_from((LATEST, LATEST, OLDER, OLDEST)))


def judge(method: str, path: str, answer: httpx.Response) -> None:
    where = f"{method} {path} {answer.status_code} {answer.text[:300]}"
    assert answer.status_code < 500, where
    body = answer.json()
    if answer.status_code != 200:
        assert (body["object"], body["status"]) == ("error", answer.status_code), where
        assert STATUS_OF[body["code"]] == answer.status_code, where
        assert body["message"], where
        assert body["request_id"], where
        assert isinstance(body["additional_data"], dict), where


def keeps(desk: Desk) -> None:
    """What the workspace has become can be saved, loaded, and is saved as the same."""
    service = desk.app.service
    service.tick()
    saved = json.loads(json.dumps(service.save()))
    again = NotionService(service.controls)
    again.load(saved)
    assert json.loads(json.dumps(again.save())) == saved


async def _send(desk: Desk, one: Sent) -> None:
    method, path, body, version = one
    headers = {"Notion-Version": version, "Content-Type": "application/json"}
    judge(method, path, await desk.client.request(method, path, content=body, headers=headers))


@fuzzed
@given(st.lists(_call(), min_size=10, max_size=14))
def test_whatever_is_sent_to_whichever_route_is_answered_in_notions_form(calls: list[Sent]) -> None:
    async def run() -> None:
        desk = Desk(_workspace())
        for one in calls:
            await _send(desk, one)
        await desk.advance(3)
        keeps(desk)

    asyncio.run(run())


@pytest.mark.parametrize("operation", RIGHT)
async def test_every_route_takes_a_body_that_is_broken_in_any_place(operation: str) -> None:
    """Without chance: every place of the right bodies in turn has something of some kinds, or nothing."""
    method, _, pattern = operation.partition(" ")
    odd: tuple[Any, ...] = (None, True, -1, 10**40, 0.5, "", "\ud7ff\x00", [], {}, [{}], {"a": []}, ["x"])
    version = OLDEST if pattern.startswith("/v1/databases/{id}/") else LATEST
    desk = Desk(_workspace())
    for right in RIGHT[operation]:
        for at, place in enumerate(places_in(right)):
            body = with_odd(right, place, odd[at % len(odd)], gone=False)
            await _send(desk, (method, right_path(pattern), json.dumps(body).encode(), version))
            gone = with_odd(right, place, odd[(at + 1) % len(odd)], gone=True)
            await _send(desk, (method, right_path(pattern), json.dumps(gone).encode(), version))
        for broken in BROKEN:
            await _send(desk, (method, right_path(pattern), broken, version))
    keeps(desk)


@pytest.mark.parametrize("operation", RIGHT)
async def test_the_bodies_that_the_others_break_are_right(operation: str) -> None:
    method, _, pattern = operation.partition(" ")
    version = OLDEST if pattern.startswith("/v1/databases/{id}/") else LATEST
    for right in RIGHT[operation]:
        desk = Desk(_workspace())
        headers = {"Notion-Version": version}
        answer = await desk.client.request(method, right_path(pattern), json=right, headers=headers)
        assert answer.status_code == 200, answer.text


@fuzzed
@given(st.lists(st.lists(st.sampled_from([one for one in RIGHT if "query" not in one]), min_size=2, max_size=5),
                min_size=3, max_size=5))  # fmt: skip
def test_writers_at_the_same_time_each_get_an_answer_of_notions(writers: list[list[str]]) -> None:
    async def run() -> None:
        desk = Desk(_workspace())

        async def work(operations: list[str]) -> None:
            for operation in operations:
                method, _, pattern = operation.partition(" ")
                for right in RIGHT[operation]:
                    await _send(desk, (method, right_path(pattern), json.dumps(right).encode(), LATEST))

        await asyncio.gather(*map(work, writers))
        keeps(desk)

    asyncio.run(run())
