"""Blocks of the Notion sandbox: every type, changes, the trash, and Markdown there and back."""

from __future__ import annotations

from typing import Any

import pytest

from .notion_world import HOME, LATEST, OLDER, Desk, paragraph, text

OUTSIDE = {"type": "external", "external": {"url": "https://example.com/a.png"}}
AT = f"blocks/{HOME}/children"


async def append(desk: Desk, *children: dict[str, Any]) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = (await desk.good("PATCH", AT, {"children": list(children)}))["results"]
    return results


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("heading_1", {"rich_text": text("x"), "is_toggleable": True, "children": [paragraph("in")]}),
        ("callout", {"rich_text": text("x"), "icon": {"type": "emoji", "emoji": "🔥"}}),
        ("code", {"rich_text": text("x"), "language": "python"}),
        ("equation", {"expression": "e = mc^2"}),
        ("bookmark", {"url": "https://example.com"}),
        ("embed", {"url": "https://example.com"}),
        ("image", OUTSIDE),
        ("video", OUTSIDE),
        ("file", OUTSIDE),
        ("pdf", OUTSIDE),
        ("audio", OUTSIDE),
        ("divider", {}),
        ("breadcrumb", {}),
        ("table_of_contents", {}),
        ("link_to_page", {"type": "page_id", "page_id": HOME}),
        ("column_list", {"children": [{"column": {"children": [paragraph("l")]}}, {"column": {}}]}),
        ("synced_block", {"synced_from": None, "children": [paragraph("in")]}),
        ("to_do", {"rich_text": text("x"), "checked": True}),
    ],
)
async def test_each_type_of_block_reads_back_as_it_was_written(kind: str, body: dict[str, Any]) -> None:
    desk = Desk()
    (made,) = await append(desk, {"type": kind, kind: body})
    shown = await desk.good("GET", f"blocks/{made['id']}")
    assert shown == made
    assert shown["has_children"] is bool(body.get("children"))
    for name, value in body.items():
        if name not in ("children", "rich_text", "type", "synced_from"):
            assert shown[kind][name] == value


@pytest.mark.parametrize(
    "block",
    [
        {"type": "child_page", "child_page": {"title": "x"}},
        {"type": "meeting_notes", "meeting_notes": {}},
        {"equation": {"expression": "x" * 1001}},
        {"equation": {}},
        {"bookmark": {}},
        {"image": {"type": "file_upload", "file_upload": {"id": "x"}}},
        {"image": {}},
        {"link_to_page": {}},
        {"column_list": {"children": [{"column": {}}]}},
        {"divider": {}, "children": [paragraph("x")]},
        {"to_do": {"rich_text": text("x"), "checked": "yes"}},
        {"paragraph": {"rich_text": [{"text": {"content": "x"}, "annotations": {"bold": "yes"}}]}},
        {"paragraph": {"rich_text": [{"mention": {}}]}},
        {"paragraph": {"rich_text": [{"equation": {}}]}},
    ],
)
async def test_a_block_that_makes_no_sense_is_refused(block: dict[str, Any]) -> None:
    desk = Desk()
    assert "validation_error" in await desk.refused(400, "PATCH", AT, {"children": [block]})
    assert (await desk.good("GET", AT))["results"] == []


async def test_more_than_a_thousand_blocks_in_one_request_are_refused() -> None:
    desk = Desk()
    many = [paragraph("x", children=[paragraph("y") for _ in range(10)]) for _ in range(100)]
    assert "at most 1000 blocks" in await desk.refused(400, "PATCH", AT, {"children": many})


async def test_a_block_changes_what_it_says_but_not_its_type() -> None:
    desk = Desk()
    (made,) = await append(desk, {"to_do": {"rich_text": text("Call")}})
    at = f"blocks/{made['id']}"
    await desk.advance(5)
    done = await desk.good("PATCH", at, {"to_do": {"checked": True}})
    assert (done["to_do"]["checked"], done["to_do"]["rich_text"][0]["plain_text"]) == (True, "Call")
    assert done["last_edited_time"] == "2026-11-02T09:00:05.000Z"
    assert (await desk.good("GET", f"pages/{HOME}"))["last_edited_time"] == "2026-11-02T09:00:05.000Z"
    for bad in (
        {"paragraph": {"rich_text": text("x")}},
        {"type": "paragraph", "to_do": {"checked": False}},
        {},
        {"to_do": {"rich_text": text("x"), "children": []}},
        {"to_do": {"rich_text": "x"}},
    ):
        assert "validation_error" in await desk.refused(400, "PATCH", at, bad)
    assert (await desk.good("PATCH", at, {"in_trash": True}))["in_trash"] is True
    await desk.refused(404, "GET", at)


async def test_a_table_keeps_its_width() -> None:
    desk = Desk()
    rows = [{"table_row": {"cells": [text("a"), text("b")]}}]
    (table,) = await append(desk, {"table": {"table_width": 2, "children": rows}})
    at = f"blocks/{table['id']}"
    await desk.refused(400, "PATCH", at, {"table": {"table_width": 3}})
    assert (await desk.good("PATCH", at, {"table": {"has_column_header": True}}))["table"]["has_column_header"] is True
    (row,) = (await desk.good("GET", f"{at}/children"))["results"]
    wide = {"table_row": {"cells": [text("x")] * 3}}
    await desk.refused(400, "PATCH", f"blocks/{row['id']}", wide)
    await desk.refused(400, "PATCH", f"{at}/children", {"children": [wide]})
    await desk.good("PATCH", f"{at}/children", {"children": rows})
    assert "does not support children" in await desk.refused(
        400, "PATCH", f"blocks/{row['id']}/children", {"children": [paragraph("x")]}
    )


async def test_position_and_after_belong_to_their_versions() -> None:
    desk = Desk()
    (first, _) = await append(desk, paragraph("1"), paragraph("2"))
    await desk.good("PATCH", AT, {"children": [paragraph("after 1")], "after": first["id"]}, version=OLDER)
    await desk.refused(400, "PATCH", AT, {"children": [paragraph("x")], "position": {"type": "end"}}, version=OLDER)
    await desk.refused(400, "PATCH", AT, {"children": [paragraph("x")], "after": first["id"]}, version=LATEST)
    assert (await desk.good("GET", f"pages/{HOME}/markdown"))["markdown"] == "1\nafter 1\n2"


async def test_blocks_of_a_page_in_the_trash_cannot_be_changed() -> None:
    desk = Desk()
    (made,) = await append(desk, {"toggle": {"rich_text": text("x")}})
    assert (await desk.good("DELETE", f"blocks/{HOME}"))["in_trash"] is True
    assert (await desk.good("GET", f"pages/{HOME}"))["in_trash"] is True
    await desk.refused(400, "PATCH", f"blocks/{made['id']}", {"toggle": {"rich_text": text("y")}})
    await desk.refused(400, "PATCH", f"blocks/{made['id']}/children", {"children": [paragraph("y")]})
    await desk.refused(400, "PATCH", f"pages/{HOME}/markdown", {"type": "replace_content",
                       "replace_content": {"new_str": "x"}})  # fmt: skip


MARKDOWN = """\
# Plan
- one
\t- inside **bold** and *slanted*
\t\t- deeper
- two
<details>
<summary>More</summary>
\thidden `code` ~~gone~~
\t- point
</details>
<callout icon="🔥">
\tWatch out
\tfor this
</callout>
![A picture](https://example.com/a.png)
$`e = mc^2`$
> said"""


async def test_nested_markdown_becomes_blocks_and_reads_back_the_same() -> None:
    desk = Desk()
    body = {"type": "replace_content", "replace_content": {"new_str": MARKDOWN}}
    answer = await desk.good("PATCH", f"pages/{HOME}/markdown", body)
    assert (answer["markdown"], answer["unknown_block_ids"]) == (MARKDOWN, [])
    kinds = [one["type"] for one in (await desk.good("GET", AT))["results"]]
    assert kinds == [
        "heading_1",
        "bulleted_list_item",
        "bulleted_list_item",
        "toggle",
        "callout",
        "image",
        "paragraph",
        "quote",
    ]


async def test_a_child_page_is_only_deleted_when_that_is_allowed() -> None:
    desk = Desk()
    body = {"parent": {"page_id": HOME}, "properties": {"title": {"title": text("Inside")}}}
    child = await desk.good("POST", "pages", body)
    await append(desk, paragraph("text"))
    markdown = f"pages/{HOME}/markdown"
    shown = (await desk.good("GET", markdown))["markdown"]
    assert shown.startswith('<page url="https://www.notion.so/')
    kept = {"type": "replace_content", "replace_content": {"new_str": f"new\n{shown.splitlines()[0]}"}}
    assert (await desk.good("PATCH", markdown, kept))["markdown"].startswith("new\n<page")
    gone = {"type": "replace_content", "replace_content": {"new_str": "new"}}
    assert "allow_deleting_content" in await desk.refused(400, "PATCH", markdown, gone)
    gone["replace_content"]["allow_deleting_content"] = True  # type: ignore[index]
    assert (await desk.good("PATCH", markdown, gone))["markdown"] == "new"
    assert (await desk.good("GET", f"pages/{child['id']}"))["in_trash"] is True


async def test_a_page_is_erased_locked_and_shown_with_its_icon() -> None:
    desk = Desk()
    await append(desk, paragraph("x"))
    body = {"erase_content": True, "is_locked": True, "icon": {"type": "emoji", "emoji": "🌱"}}
    shown = await desk.good("PATCH", f"pages/{HOME}", body)
    assert (shown["is_locked"], shown["icon"]) == (True, {"type": "emoji", "emoji": "🌱"})
    assert (await desk.good("GET", AT))["results"] == []
    for bad in ({"is_locked": "x"}, {"erase_content": 1}, {"icon": "x"}, {"colour": "red"}):
        await desk.refused(400, "PATCH", f"pages/{HOME}", bad)


async def test_mentions_and_equations_stay_in_texts() -> None:
    desk = Desk()
    pieces = [
        {"mention": {"page": {"id": HOME}}},
        {"mention": {"date": {"start": "2026-11-02"}}},
        {"equation": {"expression": "x"}},
        {"text": {"content": "y"}, "annotations": {"italic": True, "color": "red"}},
    ]
    (made,) = await append(desk, {"paragraph": {"rich_text": pieces}})
    shown = made["paragraph"]["rich_text"]
    assert [one["type"] for one in shown] == ["mention", "mention", "equation", "text"]
    assert (shown[3]["annotations"]["italic"], shown[3]["annotations"]["color"]) == (True, "red")
