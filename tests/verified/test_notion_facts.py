"""Facts of api/notion.md, checked against the sandbox and, when a token is set, against a real workspace.

Each docstring names the section and its tag. Rows are made in the one data source that was named, and nowhere else.
"""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest
from tests.verified.accounts import Notion, Step, text


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal in Notion's form."""
    body = answer.json()
    assert (body["object"], body["status"]) == ("error", answer.status_code)
    assert body["message"]
    assert body["request_id"]
    return answer.status_code, str(body["code"])


def refused_row(notion: Notion, body: dict[str, Any]) -> tuple[int, str]:
    """Status and code of a row that must not be made; made all the same, it is removed at the end."""
    answer = notion.call("POST", "/v1/pages", body)
    if answer.is_success:
        notion.remove_later(Step("PATCH", f"/v1/pages/{answer.json()['id']}", {"in_trash": True}))
    return refusal(answer)


def paragraph(content: str, **more: Any) -> dict[str, Any]:
    return {"object": "block", "type": "paragraph", "paragraph": {"rich_text": text(content), **more}}


# --- the door


def test_a_wrong_token_is_unauthorized(notion: Notion) -> None:
    """Section 7 [D]."""
    answer = notion.call("GET", f"/v1/data_sources/{notion.source}", headers={"Authorization": "Bearer ntn_nonsense"})
    assert refusal(answer) == (401, "unauthorized")


def test_a_call_without_a_version_is_refused(notion: Notion) -> None:
    """Section 1 [D]."""
    versionless = {name: value for name, value in notion.client.headers.items() if name.lower() != "notion-version"}
    url = notion.client.base_url.join(f"/v1/data_sources/{notion.source}")
    answer = httpx.get(url, headers=versionless, timeout=60)
    assert refusal(answer) == (400, "missing_version")


def test_a_version_that_is_none_is_refused(notion: Notion) -> None:
    """Section 1 [D]; the code is [?], and the real run answers it."""
    answer = notion.call("GET", f"/v1/data_sources/{notion.source}", headers={"Notion-Version": "2022-02-22"})
    assert refusal(answer) == (400, "validation_error")


def test_what_is_not_shared_is_not_there(notion: Notion) -> None:
    """Section 1 [D]: 404 and never 403, for what does not exist and for what nobody has shared alike."""
    nowhere = str(uuid.uuid4())
    for path in (f"/v1/pages/{nowhere}", f"/v1/data_sources/{nowhere}", f"/v1/databases/{nowhere}"):
        assert refusal(notion.call("GET", path)) == (404, "object_not_found")
    row = {**notion.body(), "parent": {"type": "data_source_id", "data_source_id": nowhere}}
    assert refused_row(notion, row) == (404, "object_not_found")


def test_the_data_source_has_its_schema_and_its_database(notion: Notion) -> None:
    """Section 2 [D]: with or without dashes; the database lists the source."""
    told = notion.good("GET", f"/v1/data_sources/{notion.source.replace('-', '')}")
    assert told["object"] == "data_source"
    assert told["parent"]["type"] == "database_id"
    for name, one in told["properties"].items():
        assert one["name"] == name
        assert {"id", "type"} <= set(one)
    database = notion.good("GET", f"/v1/databases/{told['parent']['database_id']}")
    assert told["id"] in {one["id"] for one in database["data_sources"]}


# --- rows


def test_a_row_is_made_and_reads_back_as_it_was_written(notion: Notion) -> None:
    """Section 3 and 4 [D]: 200, an id, a url, and the values."""
    made = notion.create(rich_text=text("006A"), number=12.5, url="https://example.com/006A")
    assert {"id", "url", "created_time", "last_edited_time", "parent", "properties"} <= set(made)
    assert (made["object"], made["in_trash"]) == ("page", False)
    assert made["parent"]["data_source_id"] == notion.source
    told = notion.good("GET", f"/v1/pages/{made['id']}")["properties"]
    assert told[notion.rows("rich_text")]["rich_text"][0]["plain_text"] == "006A"
    assert told[notion.rows("number")]["number"] == 12.5
    assert told[notion.rows("url")]["url"] == "https://example.com/006A"


def test_an_update_leaves_what_it_does_not_name_and_null_clears(notion: Notion) -> None:
    """Section 4 and 5 [D]."""
    made = notion.create(number=12.5, url="https://example.com/006A")
    body = {"properties": {notion.rows("url"): {"url": None}}}
    told = notion.good("PATCH", f"/v1/pages/{made['id']}", body)["properties"]
    assert told[notion.rows("url")]["url"] is None
    assert told[notion.rows("number")]["number"] == 12.5


def test_a_row_in_the_trash_is_read_and_not_written(notion: Notion) -> None:
    """Section 8 [D]: `in_trash` on a read, 400 on an update, and nowhere in a query."""
    key = notion.name()
    path = f"/v1/pages/{notion.create(rich_text=text(key))['id']}"
    assert notion.good("PATCH", path, {"in_trash": True})["in_trash"] is True
    assert notion.good("GET", path)["in_trash"] is True
    body = {"properties": {notion.rows("title"): {"title": text("x")}}}
    assert refusal(notion.call("PATCH", path, body)) == (400, "validation_error")
    notion.sleep(5.0)
    assert found(notion, key) == []
    assert notion.good("PATCH", path, {"in_trash": False})["in_trash"] is False


def test_an_older_version_calls_the_trash_archived(notion: Notion) -> None:
    """Section 1 [D]: 2026-03-11 renamed it."""
    path, older = f"/v1/pages/{notion.create()['id']}", {"Notion-Version": "2025-09-03"}
    assert notion.good("GET", path, headers=older)["archived"] is False
    assert "archived" not in notion.good("GET", path)


def test_a_new_row_shows_in_queries_a_moment_later(notion: Notion) -> None:
    """Section 3 [T] and 9.3 [?]: the real run tells how much later; Concord waits ten seconds before it looks."""
    key, asked = notion.name(), 0
    made = notion.create(rich_text=text(key))

    def probe() -> list[str]:
        nonlocal asked
        asked += 1
        return found(notion, key)

    assert notion.eventually(probe, within=10) == [made["id"]]
    notion.note(f"queries: a new row was shown by query number {asked}, asked once a second")


def found(notion: Notion, key: str) -> list[str]:
    """The ids of the rows with this text: only this run's own."""
    wanted = {"property": notion.rows("rich_text"), "rich_text": {"equals": key}}
    body = {"filter": wanted, "page_size": 1}
    told = notion.good("POST", f"/v1/data_sources/{notion.source}/query", body)
    assert (told["object"], told["has_more"]) == ("list", False)
    return [one["id"] for one in told["results"]]


# --- refusals


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("rich_text", text("x" * 2001)),
        ("rich_text", text("x") * 101),
        ("title", text("x" * 2001)),
        ("url", ""),
        ("url", "x" * 2001),
        ("email", "x" * 201),
        ("number", "many"),
        ("date", {"start": "tomorrow"}),
        ("status", {"name": "No such option"}),
    ],
    ids=[
        "text of 2,001",
        "101 pieces",
        "title of 2,001",
        "empty address",
        "address of 2,001",
        "e-mail of 201",
        "no number",
        "no date",
        "no such option",
    ],
)
def test_a_value_that_does_not_fit_is_refused(notion: Notion, kind: str, value: Any) -> None:
    """Section 4 [D]; that a missing status option is no more made through the API in 2026-03-11 is 9.2 [?], and the
    real run answers it."""
    assert refused_row(notion, notion.body(**{kind: value})) == (400, "validation_error")


def test_an_unknown_property_is_refused_and_nothing_is_made(notion: Notion) -> None:
    """Section 4 [D]: Concord reads the schema first, and leaves out what is missing."""
    body = notion.body()
    body["properties"]["No such property"] = {"number": 1}
    assert refused_row(notion, body) == (400, "validation_error")


@pytest.mark.sandbox_only("the option that is made stays in the schema of the data source")
def test_a_select_makes_the_option_that_it_lacks(notion: Notion) -> None:
    """Section 4 [D]: unlike a status; but none with a comma."""
    made = notion.create(select={"name": "New"})
    assert made["properties"][notion.rows("select")]["select"]["name"] == "New"
    assert refused_row(notion, notion.body(select={"name": "a,b"})) == (400, "validation_error")


# --- bodies


def test_a_hundred_blocks_are_taken_and_a_hundred_and_one_are_not(notion: Notion) -> None:
    """Section 3 and 5 [D]: of a page and of an append alike."""
    made = notion.create(children=[paragraph(str(number)) for number in range(100)])
    path = f"/v1/blocks/{made['id']}/children"
    told = notion.good("GET", path, params={"page_size": "100"})
    assert [one["paragraph"]["rich_text"][0]["plain_text"] for one in told["results"]] == [str(n) for n in range(100)]
    many = [paragraph("x")] * 101
    assert refused_row(notion, {**notion.body(), "children": many}) == (400, "validation_error")
    assert refusal(notion.call("PATCH", path, {"children": many})) == (400, "validation_error")


def test_blocks_may_be_nested_two_levels_deep_in_one_call(notion: Notion) -> None:
    """Section 3 and 5 [D]."""
    deep = paragraph("a", children=[paragraph("b", children=[paragraph("c")])])
    made = notion.create(children=[deep])
    (top,) = notion.good("GET", f"/v1/blocks/{made['id']}/children")["results"]
    assert top["has_children"] is True
    deeper = paragraph("top", children=[deep])
    assert refused_row(notion, {**notion.body(), "children": [deeper]}) == (400, "validation_error")


def test_blocks_are_put_where_the_position_says(notion: Notion) -> None:
    """Section 5 [D]: `position` in 2026-03-11, where `after` was."""
    made = notion.create(children=[paragraph("middle")])
    path = f"/v1/blocks/{made['id']}/children"
    for where, content in (({"type": "start"}, "first"), ({"type": "end"}, "last")):
        notion.good("PATCH", path, {"children": [paragraph(content)], "position": where})
    rows = notion.good("GET", path)["results"]
    assert [one["paragraph"]["rich_text"][0]["plain_text"] for one in rows] == ["first", "middle", "last"]


def test_a_body_of_markdown_is_written_at_once_and_replaced(notion: Notion) -> None:
    """Section 3 and 5 [S]: `markdown` and `children` exclude each other; `replace_content` renews the body."""
    made = notion.create(markdown="# Goal\n- [ ] Call")
    path = f"/v1/pages/{made['id']}/markdown"
    told = notion.good("GET", path)
    assert (told["object"], told["truncated"]) == ("page_markdown", False)
    assert told["markdown"].strip() == "# Goal\n- [ ] Call"
    notion.good("PATCH", path, {"type": "replace_content", "replace_content": {"new_str": "Done"}})
    assert notion.good("GET", path)["markdown"].strip() == "Done"
    both = {**notion.body(), "markdown": "x", "children": [paragraph("x")]}
    assert refused_row(notion, both) == (400, "validation_error")
