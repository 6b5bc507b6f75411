"""Databases and data sources of the Notion sandbox: made, changed, refused; in all three versions."""

from __future__ import annotations

from typing import Any

import pytest

from .notion_world import ACCOUNTS, DATABASE, HOME, LATEST, NOWHERE, OLDER, OLDEST, SOURCE, Desk, text, workspace

IN_HOME = {"type": "page_id", "page_id": HOME}


async def change(desk: Desk, **properties: Any) -> Any:
    return (await desk.good("PATCH", f"data_sources/{SOURCE}", {"properties": properties}))["properties"]


@pytest.mark.parametrize("version", [OLDER, LATEST])
async def test_a_database_is_made_with_its_first_data_source(version: str) -> None:
    desk = Desk(version=version)
    properties = {"Name": {"title": {}}, "Price": {"number": {"format": "dollar"}}, "Kind": {"select": {"options": [
        {"name": "A", "color": "red"}]}}}  # fmt: skip
    body = {"parent": IN_HOME, "title": text("Stock"), "is_inline": True,
            "initial_data_source": {"properties": properties}}  # fmt: skip
    made = await desk.good("POST", "databases", body)
    assert (made["parent"], made["is_inline"], made["title"][0]["plain_text"]) == (IN_HOME, True, "Stock")
    (source,) = made["data_sources"]
    shown = await desk.good("GET", f"data_sources/{source['id']}")
    assert shown["properties"]["Price"]["number"] == {"format": "dollar"}
    assert shown["properties"]["Kind"]["select"]["options"][0]["color"] == "red"
    assert (shown["parent"], shown["database_parent"]) == (
        {"type": "database_id", "database_id": made["id"]},
        IN_HOME,
    )
    (block,) = (await desk.good("GET", f"blocks/{HOME}/children"))["results"]
    assert (block["type"], block["id"], block["child_database"]) == ("child_database", made["id"], {"title": "Stock"})
    row = {"parent": {"data_source_id": source["id"]}, "properties": {"Price": {"number": 2}}}
    assert (await desk.good("POST", "pages", row))["properties"]["Price"]["number"] == 2


async def test_the_oldest_version_makes_and_changes_a_database_with_its_properties() -> None:
    desk = Desk(version=OLDEST)
    body = {"parent": IN_HOME, "title": text("Stock"), "properties": {"Name": {"title": {}}}}
    made = await desk.good("POST", "databases", body)
    changed = await desk.good("PATCH", f"databases/{made['id']}", {"properties": {"Size": {"number": {}}}})
    assert list(changed["properties"]) == ["Name", "Size"]
    relation = {"Deal": {"relation": {"database_id": DATABASE, "single_property": {}}}}
    related = await desk.good("PATCH", f"databases/{made['id']}", {"properties": relation, "title": text("Stores")})
    assert related["properties"]["Deal"]["relation"] == {
        "database_id": DATABASE,
        "type": "single_property",
        "single_property": {},
    }
    assert related["title"][0]["plain_text"] == "Stores"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"parent": None}, 400),
        ({"parent": {"type": "workspace", "workspace": True}}, 400),
        ({"parent": {"page_id": NOWHERE}}, 404),
        ({"title": "Stock"}, 400),
        ({"is_inline": "yes"}, 400),
        ({"initial_data_source": {"properties": {"Size": {"number": {}}}}}, 400),
        ({"initial_data_source": {"properties": {"A": {"title": {}}, "B": {"title": {}}}}}, 400),
        ({"initial_data_source": {"properties": {"A": {"title": {}}, "B": {"ghost": {}}}}}, 400),
        ({"initial_data_source": {"properties": []}}, 400),
        ({"properties": {}}, 400),
    ],
)
async def test_a_database_that_makes_no_sense_is_refused(change: dict[str, Any], status: int) -> None:
    desk = Desk()
    await desk.refused(status, "POST", "databases", {"parent": IN_HOME, "title": text("Stock"), **change})
    assert (await desk.good("GET", f"blocks/{HOME}/children"))["results"] == []


async def test_a_database_is_renamed_moved_locked_and_trashed() -> None:
    desk = Desk()
    body = {"title": text("Sales"), "description": text("All of it"), "icon": {"type": "emoji", "emoji": "📈"},
            "cover": {"external": {"url": "https://example.com/c.png"}}, "is_locked": True,
            "parent": IN_HOME}  # fmt: skip
    changed = await desk.good("PATCH", f"databases/{DATABASE}", body)
    assert (changed["title"][0]["plain_text"], changed["description"][0]["plain_text"]) == ("Sales", "All of it")
    assert (changed["icon"]["emoji"], changed["cover"]["type"], changed["is_locked"]) == ("📈", "external", True)
    assert changed["parent"] == IN_HOME
    assert (await desk.good("PATCH", f"databases/{DATABASE}", {"in_trash": True}))["in_trash"] is True
    assert "in trash" in await desk.refused(400, "PATCH", f"databases/{DATABASE}", {"title": text("x")})
    row = {"parent": {"data_source_id": SOURCE}, "properties": {}}
    assert "in trash" in await desk.refused(400, "POST", "pages", row)
    assert (await desk.good("PATCH", f"databases/{DATABASE}", {"in_trash": False}))["in_trash"] is False


async def test_a_second_data_source_goes_into_a_database() -> None:
    desk = Desk()
    body = {"parent": {"type": "database_id", "database_id": DATABASE}, "title": text("Lost deals"),
            "properties": {"Name": {"title": {}}}}  # fmt: skip
    made = await desk.good("POST", "data_sources", body)
    assert [one["name"] for one in (await desk.good("GET", f"databases/{DATABASE}"))["data_sources"]] == [
        "Deals",
        "Lost deals",
    ]
    gone = await desk.good("PATCH", f"data_sources/{made['id']}", {"in_trash": True})
    assert gone["in_trash"] is True
    assert len((await desk.good("GET", f"databases/{DATABASE}"))["data_sources"]) == 1
    for bad in ({**body, "parent": {"page_id": HOME}}, {**body, "properties": {}}, {"parent": body["parent"]}):
        await desk.refused(400, "POST", "data_sources", bad)
    await desk.refused(404, "POST", "data_sources", {**body, "parent": {"database_id": NOWHERE}})


async def test_columns_are_added_renamed_changed_and_removed() -> None:
    desk = Desk()
    deal = await desk.add("A", Amount={"number": 3}, Notes={"rich_text": text("n")}, Hot={"checkbox": True})
    before = (await desk.good("GET", f"data_sources/{SOURCE}"))["properties"]
    after = await change(
        desk,
        Size={"number": {"format": "percent"}},
        Amount={"name": "Value", "description": "in euros"},
        Hot=None,
        Notes={"number": {}},
    )
    assert (after["Size"]["number"]["format"], "Hot" in after, "Amount" in after) == ("percent", False, False)
    assert (after["Value"]["id"], after["Value"]["description"]) == (before["Amount"]["id"], "in euros")
    shown = (await desk.good("GET", f"pages/{deal}"))["properties"]
    assert (shown["Value"]["number"], shown["Notes"]["number"]) == (3, None)


async def test_options_are_added_recoloured_and_removed() -> None:
    desk = Desk()
    deal = await desk.add("A", Kind={"select": {"name": "Old"}}, Tags={"multi_select": [{"name": "a"}, {"name": "b"}]})
    kind = (await desk.good("GET", f"data_sources/{SOURCE}"))["properties"]["Kind"]["select"]["options"]
    after = await change(
        desk,
        Kind={"select": {"options": [{"id": kind[0]["id"], "color": "pink"}, {"name": "Third"}]}},
        Tags={"multi_select": {"options": [{"name": "b"}]}},
    )
    assert [(one["name"], one["color"]) for one in after["Kind"]["select"]["options"]] == [
        ("New", "pink"),
        ("Third", "default"),
    ]
    shown = (await desk.good("GET", f"pages/{deal}"))["properties"]
    assert (shown["Kind"]["select"], [one["name"] for one in shown["Tags"]["multi_select"]]) == (None, ["b"])


async def test_a_status_can_be_made_in_the_latest_version_only() -> None:
    desk = Desk()
    after = await change(desk, Phase={"status": {}})
    assert [one["name"] for one in after["Phase"]["status"]["options"]] == ["Not started", "In progress", "Done"]
    assert [one["name"] for one in after["Phase"]["status"]["groups"]] == ["To-do", "In progress", "Complete"]
    older: dict[str, Any] = {"properties": {"Second": {"status": {}}}}
    assert "2026-03-11" in await desk.refused(400, "PATCH", f"data_sources/{SOURCE}", older, version=OLDER)


async def test_relations_both_ways_and_rollups_are_made() -> None:
    desk = Desk()
    dual = {"relation": {"data_source_id": ACCOUNTS, "dual_property": {"synced_property_name": "Partners"}}}
    after = await change(desk, Partner=dual)
    assert after["Partner"]["relation"]["dual_property"]["synced_property_name"] == "Partners"
    other = (await desk.good("GET", f"data_sources/{ACCOUNTS}"))["properties"]["Partners"]
    assert other["relation"]["data_source_id"] == SOURCE
    account = await desk.add("Acme", ACCOUNTS, Size={"number": 4})
    deal = await desk.add("A", Partner={"relation": [{"id": account}]})
    back = (await desk.good("GET", f"pages/{account}"))["properties"]["Partners"]["relation"]
    assert back == [{"id": deal}]
    functions = {
        "average": 4,
        "median": 4,
        "min": 4,
        "max": 4,
        "range": 0,
        "count": 1,
        "count_values": 1,
        "empty": 0,
        "percent_not_empty": 1,
        "unique": 1,
    }
    for function, expected in functions.items():
        rollup = {"function": function, "relation_property_name": "Partner", "rollup_property_name": "Size"}
        await change(desk, Rolled={"rollup": rollup})
        rolled = (await desk.good("GET", f"pages/{deal}"))["properties"]["Rolled"]["rollup"]
        assert rolled == {"type": "number", "number": expected, "function": function}


@pytest.mark.parametrize(
    "properties",
    [
        {"Name": None},
        {"Ghost": None},
        {"Amount": {"name": "Notes"}},
        {"Amount": {"name": ""}},
        {"Amount": {"title": {}}},
        {"Second": {"title": {}}},
        {"Second": {"ghost": {}}},
        {"Second": []},
        {"Second": {"button": {}}},
        {"Second": {"formula": {}}},
        {"Second": {"rollup": {"function": "guess"}}},
        {"Second": {"rollup": {"function": "sum"}}},
        {"Second": {"relation": {}}},
        {"Second": {"select": {"options": [{"name": "a,b"}]}}},
        {"Second": {"select": {"options": [{"name": "a"}, {"name": "a"}]}}},
        {"Second": {"select": {"options": [{"name": "a", "color": "mauve"}]}}},
        {"Second": {"select": {"options": [{}]}}},
        {"Second": {"select": {"options": "a"}}},
        {"Second": {"select": {"options": [{"name": str(number)} for number in range(101)]}}},
    ],
)
async def test_a_change_of_columns_that_makes_no_sense_changes_nothing(properties: dict[str, Any]) -> None:
    desk = Desk()
    before = await desk.good("GET", f"data_sources/{SOURCE}")
    refused = await desk.refused(400, "PATCH", f"data_sources/{SOURCE}", {"properties": properties})
    assert "validation_error" in refused
    assert await desk.good("GET", f"data_sources/{SOURCE}") == before


async def test_a_relation_to_what_is_not_shared_is_refused() -> None:
    section = workspace()
    section["databases"][1]["shared"] = False
    desk = Desk(section)
    relation = {"properties": {"Second": {"relation": {"data_source_id": ACCOUNTS, "single_property": {}}}}}
    assert "object_not_found" in await desk.refused(404, "PATCH", f"data_sources/{SOURCE}", relation)
