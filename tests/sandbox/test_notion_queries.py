"""Filters and sorts of the Notion sandbox over every type of property."""

from __future__ import annotations

from typing import Any

import pytest

from .notion_world import ACCOUNTS, ROBIN, SOURCE, Desk, text, workspace

ACME = "60000000-0000-4000-8000-000000000001"
BOT = "me"


def deals() -> Desk:
    """Ash has everything, Beech some, Cedar nothing. Today is Monday, 2 November 2026."""
    ash = {
        "Name": {"title": text("Ash")},
        "Notes": {"rich_text": text("Call back")},
        "Amount": {"number": 10},
        "Kind": {"select": {"name": "Old"}},
        "Tags": {"multi_select": [{"name": "a"}, {"name": "b"}]},
        "Stage": {"status": {"name": "Won"}},
        "Close": {"date": {"start": "2026-11-03"}},
        "Hot": {"checkbox": True},
        "Link": {"url": "https://example.com/ash"},
        "Mail": {"email": "ash@example.com"},
        "Phone": {"phone_number": "+49 1"},
        "Owner": {"people": [{"id": ROBIN}]},
        "Files": {"files": [{"name": "x", "external": {"url": "https://example.com/x"}}]},
        "Account": {"relation": [{"id": ACME}]},
        "Double": {"formula": {"type": "number", "number": 20}},
        "Proof": {"verification": {"state": "verified", "date": None, "verified_by": None}},
        "Number": {"unique_id": {"prefix": "D", "number": 7}},
    }
    beech = {
        "Name": {"title": text("Beech")},
        "Amount": {"number": 30},
        "Kind": {"select": {"name": "New"}},
        "Tags": {"multi_select": [{"name": "b"}]},
        "Stage": {"status": {"name": "Busy"}},
        "Close": {"date": {"start": "2026-10-30T10:00:00+02:00"}},
        "Double": {"formula": {"type": "string", "string": "sixty"}},
    }
    rows = [(ash, "2026-10-01T08:00:00.000Z"), (beech, "2026-11-02T08:00:00.000Z"), ({"Name": {"title": text("Cedar")}},
            "2026-11-02T08:30:00.000Z")]  # fmt: skip
    pages: list[dict[str, Any]] = [
        {"id": ACME, "data_source_id": ACCOUNTS, "properties": {"Size": {"number": 5}}},
        *(
            {
                "id": f"7{place}000000-0000-4000-8000-000000000000",
                "data_source_id": SOURCE,
                "properties": properties,
                "created_time": made,
            }
            for place, (properties, made) in enumerate(rows)
        ),
    ]
    return Desk(workspace(pages=pages))


BY_NAME = [{"property": "Name", "direction": "ascending"}]


@pytest.mark.parametrize(
    ("name", "kind", "condition", "expected"),
    [
        ("Name", "title", {"starts_with": "a"}, "Ash"),
        ("Name", "rich_text", {"ends_with": "ECH"}, "Beech"),
        ("Notes", "rich_text", {"is_not_empty": True}, "Ash"),
        ("Notes", "rich_text", {"does_not_equal": "Call back"}, "Beech Cedar"),
        ("Amount", "number", {"greater_than_or_equal_to": 30}, "Beech"),
        ("Amount", "number", {"less_than": 30}, "Ash"),
        ("Amount", "number", {"does_not_equal": 30}, "Ash Cedar"),
        ("Kind", "select", {"equals": "Old"}, "Ash"),
        ("Kind", "select", {"equals": ["Old", "New"]}, "Ash Beech"),
        ("Kind", "select", {"is_empty": True}, "Cedar"),
        ("Tags", "multi_select", {"contains": "b"}, "Ash Beech"),
        ("Tags", "multi_select", {"does_not_contain": "a"}, "Beech Cedar"),
        ("Stage", "status", {"does_not_equal": "Won"}, "Beech Cedar"),
        ("Close", "date", {"equals": "tomorrow"}, "Ash"),
        ("Close", "date", {"equals": "2026-10-30"}, "Beech"),
        ("Close", "date", {"before": "2026-10-30T08:00:01Z"}, "Beech"),
        ("Close", "date", {"after": "today"}, "Ash"),
        ("Close", "date", {"on_or_after": "one_week_ago"}, "Ash Beech"),
        ("Close", "date", {"past_week": {}}, "Beech"),
        ("Close", "date", {"next_week": {}}, "Ash"),
        ("Close", "date", {"this_week": {}}, "Ash"),
        ("Close", "date", {"is_empty": True}, "Cedar"),
        ("Hot", "checkbox", {"does_not_equal": True}, "Beech Cedar"),
        ("Link", "url", {"contains": "ash"}, "Ash"),
        ("Mail", "email", {"equals": "ash@example.com"}, "Ash"),
        ("Phone", "phone_number", {"starts_with": "+49"}, "Ash"),
        ("Owner", "people", {"contains": ROBIN}, "Ash"),
        ("Owner", "people", {"is_empty": True}, "Beech Cedar"),
        ("Files", "files", {"is_not_empty": True}, "Ash"),
        ("Account", "relation", {"contains": ACME}, "Ash"),
        ("Made by", "created_by", {"contains": BOT}, "Ash Beech Cedar"),
        ("Edited by", "last_edited_by", {"does_not_contain": BOT}, ""),
        ("Made", "created_time", {"past_month": {}}, "Beech Cedar"),
        ("Edited", "last_edited_time", {"before": "2026-11-01"}, "Ash"),
        ("Number", "unique_id", {"greater_than": 7}, "Beech Cedar"),
        ("Double", "formula", {"number": {"equals": 20}}, "Ash"),
        ("Double", "formula", {"string": {"equals": "sixty"}}, "Beech"),
        ("Sizes", "rollup", {"any": {"number": {"equals": 5}}}, "Ash"),
        ("Sizes", "rollup", {"none": {"number": {"equals": 5}}}, "Beech Cedar"),
        ("Size", "rollup", {"number": {"greater_than": 4}}, "Ash"),
        ("Proof", "verification", {"status": "verified"}, "Ash"),
        ("Proof", "verification", {"status": "none"}, "Beech Cedar"),
    ],
)
async def test_each_type_of_property_has_its_conditions(
    name: str, kind: str, condition: dict[str, Any], expected: str
) -> None:
    found = await deals().names({"property": name, kind: condition}, sorts=BY_NAME)
    assert found == expected.split()


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ({"property": "Amount", "direction": "ascending"}, "Ash Beech Cedar"),
        ({"property": "Amount", "direction": "descending"}, "Beech Ash Cedar"),
        ({"property": "Kind", "direction": "ascending"}, "Beech Ash Cedar"),
        ({"property": "Stage", "direction": "descending"}, "Ash Beech Cedar"),
        ({"property": "Close", "direction": "ascending"}, "Beech Ash Cedar"),
        ({"property": "Number", "direction": "descending"}, "Cedar Beech Ash"),
        ({"timestamp": "created_time", "direction": "ascending"}, "Ash Beech Cedar"),
        ({"timestamp": "last_edited_time", "direction": "descending"}, "Cedar Beech Ash"),
    ],
)
async def test_sorts_order_values_and_put_empty_ones_last(sort: dict[str, Any], expected: str) -> None:
    assert await deals().names(sorts=[sort]) == expected.split()


@pytest.mark.parametrize(
    "body",
    [
        {"filter": {"property": "Close", "date": {"equals": "someday"}}},
        {"filter": {"property": "Close", "date": {"past_week": True}}},
        {"filter": {"property": "Notes", "rich_text": {"is_empty": False}}},
        {"filter": {"property": "Files", "files": {"contains": "x"}}},
        {"filter": {"property": "Number", "unique_id": {"contains": 7}}},
        {"filter": {"property": "Double", "formula": {"equals": 20}}},
        {"filter": {"property": "Sizes", "rollup": {"some": {}}}},
        {"filter": {"property": "Sizes", "rollup": []}},
        {"filter": {"and": [{"or": [{"and": []}]}]}},
        {"sorts": {"property": "Name"}},
        {"sorts": [{"property": "Ghost"}]},
        {"sorts": [{"property": "Name", "direction": "up"}]},
        {"sorts": [{"timestamp": "birthday"}]},
        {"result_type": "block"},
        {"page_size": "x"},
        {"page_size": True},
        {"colour": "red"},
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(body: dict[str, Any]) -> None:
    refused = await deals().refused(400, "POST", f"data_sources/{SOURCE}/query", body)
    assert refused.startswith("validation_error: ")


async def test_a_query_for_data_sources_in_a_data_source_finds_none() -> None:
    assert await deals().names(result_type="data_source") == []
