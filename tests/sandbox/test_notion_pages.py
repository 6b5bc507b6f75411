"""Pages of the Notion sandbox: templates, places, single properties, relations, people, limits, versions."""

from __future__ import annotations

from typing import Any

import pytest

from .notion_world import (
    ACCOUNTS,
    BRIEF,
    DATABASE,
    EMPTY,
    HOME,
    KIM,
    LATEST,
    NOWHERE,
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


def row(**more: Any) -> dict[str, Any]:
    return {"parent": {"data_source_id": SOURCE}, "properties": {"Name": {"title": text("A")}}, **more}


# Templates.


async def test_a_page_from_a_template_starts_blank_and_is_filled_a_moment_later() -> None:
    desk = Desk()
    body = row(template={"type": "default"})
    body["properties"]["Amount"] = {"number": 9}
    made = await desk.good("POST", "pages", body)
    markdown = f"pages/{made['id']}/markdown"
    assert (await desk.good("GET", markdown))["markdown"] == ""
    assert made["properties"]["Hot"]["checkbox"] is False
    await desk.advance(2)
    assert (await desk.good("GET", markdown))["markdown"] == "# Goal\n- [ ] Call"
    filled = (await desk.good("GET", f"pages/{made['id']}"))["properties"]
    assert (filled["Hot"]["checkbox"], filled["Amount"]["number"]) == (True, 9)


async def test_templates_are_listed_and_named() -> None:
    desk = Desk()
    listed = await desk.good("GET", f"data_sources/{SOURCE}/templates", params={"page_size": 1})
    assert listed["templates"] == [{"id": BRIEF, "name": "Brief", "is_default": True}]
    assert (listed["has_more"], listed["next_cursor"]) == (True, EMPTY)
    named = await desk.good("GET", f"data_sources/{SOURCE}/templates", params={"name": "emp"})
    assert [one["id"] for one in named["templates"]] == [EMPTY]
    made = await desk.good("POST", "pages", row(template={"type": "template_id", "template_id": EMPTY}))
    await desk.good("PATCH", f"pages/{made['id']}", {"template": {"type": "template_id", "template_id": BRIEF}})
    await desk.advance(3)
    assert (await desk.good("GET", f"pages/{made['id']}/markdown"))["markdown"] == "# Goal\n- [ ] Call"


@pytest.mark.parametrize(
    "more",
    [
        {"template": {"type": "default"}, "children": [paragraph("x")]},
        {"template": {"type": "default"}, "markdown": "x"},
        {"template": {"type": "template_id", "template_id": NOWHERE}},
        {"template": {"type": "template_id"}},
        {"template": {"type": "blank"}},
        {"template": "default"},
        {"allow_async": True},
        {"colour": "red"},
        {"icon": {"type": "emoji"}},
        {"cover": {"file_upload": {"id": NOWHERE}}},
        {"properties": []},
        {"position": {"type": "page_start"}},
    ],
)
async def test_a_page_that_makes_no_sense_is_refused_and_not_made(more: dict[str, Any]) -> None:
    desk = Desk()
    assert "validation_error" in await desk.refused(400, "POST", "pages", row(**more))
    assert await desk.names() == []


# Where pages lie.


async def test_a_page_in_a_page_shows_in_its_body() -> None:
    desk = Desk()
    body = {"parent": {"page_id": HOME}, "properties": {"title": {"title": text("Inside")}}}
    made = await desk.good("POST", "pages", {**body, "markdown": "Hello", "icon": {"type": "emoji", "emoji": "🌱"}})
    assert made["parent"] == {"type": "page_id", "page_id": HOME}
    assert list(made["properties"]) == ["title"]
    first = await desk.good("POST", "pages", {**body, "position": {"type": "page_start"}})
    children = (await desk.good("GET", f"blocks/{HOME}/children"))["results"]
    assert [(one["type"], one["id"]) for one in children] == [("child_page", first["id"]), ("child_page", made["id"])]
    await desk.good("PATCH", f"pages/{made['id']}", {"properties": {"title": {"title": text("Renamed")}}})
    block = await desk.good("GET", f"blocks/{made['id']}")
    assert (block["child_page"]["title"], block["has_children"]) == ("Renamed", True)
    own = await desk.good("GET", f"blocks/{HOME}")
    assert (own["type"], own["child_page"]["title"], own["has_children"]) == ("child_page", "Home", True)


async def test_a_page_moves_and_keeps_the_values_that_fit() -> None:
    desk = Desk()
    made = await desk.add("A", Amount={"number": 3})
    moved = await desk.good("POST", f"pages/{made}/move", {"parent": {"data_source_id": ACCOUNTS}})
    assert moved["parent"]["data_source_id"] == ACCOUNTS
    assert moved["properties"]["Name"]["title"][0]["plain_text"] == "A"
    home = await desk.good("POST", f"pages/{made}/move", {"parent": {"type": "page_id", "page_id": HOME}})
    assert home["properties"]["title"]["title"][0]["plain_text"] == "A"
    assert [one["id"] for one in (await desk.good("GET", f"blocks/{HOME}/children"))["results"]] == [made]
    back = await desk.good("POST", f"pages/{made}/move", {"parent": {"data_source_id": SOURCE}})
    assert back["properties"]["Amount"]["number"] is None
    assert (await desk.good("GET", f"blocks/{HOME}/children"))["results"] == []
    assert "into itself" in await desk.refused(400, "POST", f"pages/{HOME}/move", {"parent": {"page_id": HOME}})
    await desk.refused(404, "POST", f"pages/{made}/move", {"parent": {"page_id": NOWHERE}})
    await desk.refused(400, "POST", f"pages/{made}/move", {"parent": {"workspace": True}})


async def test_what_lies_in_a_page_that_is_not_shared_does_not_exist() -> None:
    section = workspace()
    section["pages"][0]["shared"] = False
    section["pages"].append({"id": NOWHERE, "parent_page": HOME, "properties": {"title": {"title": text("In")}}})
    section["databases"][0]["parent_page"] = HOME
    desk = Desk(section)
    for path in (f"pages/{HOME}", f"pages/{NOWHERE}", f"databases/{DATABASE}", f"data_sources/{SOURCE}"):
        assert "object_not_found" in await desk.refused(404, "GET", path)
    assert [one["object"] for one in (await desk.good("POST", "search", {}))["results"]] == ["data_source"]


async def test_an_id_that_is_none_is_a_bad_request() -> None:
    desk = Desk()
    assert "should be a valid uuid, instead was `nonsense`" in await desk.refused(400, "GET", "pages/nonsense")
    await desk.refused(404, "GET", f"pages/{NOWHERE}")


# Values.


async def test_a_relation_is_checked_and_kept_from_both_sides() -> None:
    desk = Desk()
    account = await desk.add("Acme", ACCOUNTS, Size={"number": 5})
    other = await desk.add("Bolt", ACCOUNTS, Size={"number": 7})
    deal = await desk.add("A", Account={"relation": [{"id": account}, {"id": other}]})

    async def deals_of(known: str) -> list[Any]:
        return list((await desk.good("GET", f"pages/{known}"))["properties"]["Deals"]["relation"])

    shown = (await desk.good("GET", f"pages/{deal}"))["properties"]
    assert (shown["Account"]["relation"], shown["Account"]["has_more"]) == ([{"id": account}, {"id": other}], False)
    assert shown["Size"]["rollup"] == {"type": "number", "number": 12, "function": "sum"}
    assert [one["number"] for one in shown["Sizes"]["rollup"]["array"]] == [5, 7]
    assert await deals_of(account) == [{"id": deal}]
    await desk.good("PATCH", f"pages/{deal}", {"properties": {"Account": {"relation": [{"id": other}]}}})
    assert (await deals_of(account), await deals_of(other)) == ([], [{"id": deal}])
    for given, status in (([{"id": NOWHERE}], 404), ([{"id": deal}], 400), ([{"id": "x"}], 400), ([{}], 400)):
        await desk.refused(status, "PATCH", f"pages/{deal}", {"properties": {"Account": {"relation": given}}})


async def test_people_are_users_of_the_workspace() -> None:
    desk = Desk()
    deal = await desk.add("A", Owner={"people": [{"object": "user", "id": ROBIN}]})
    shown = (await desk.good("GET", f"pages/{deal}"))["properties"]
    assert shown["Owner"]["people"][0]["person"] == {"email": "robin@example.com"}
    assert shown["Made by"]["created_by"]["type"] == "bot"
    await desk.refused(400, "PATCH", f"pages/{deal}", {"properties": {"Owner": {"people": [{"id": NOWHERE}]}}})


async def test_files_are_external_only_and_uploads_are_said_not_to_be_emulated() -> None:
    desk = Desk()
    file = {"name": "Brief.pdf", "external": {"url": "https://example.com/brief.pdf"}}
    deal = await desk.add("A", Files={"files": [file]})
    shown = (await desk.good("GET", f"pages/{deal}"))["properties"]["Files"]["files"]
    assert shown == [{**file, "type": "external"}]
    upload = {"Files": {"files": [{"name": "x", "type": "file_upload", "file_upload": {"id": NOWHERE}}]}}
    words = await desk.refused(400, "PATCH", f"pages/{deal}", {"properties": upload})
    assert "sandbox does not emulate file uploads" in words


@pytest.mark.parametrize(
    "name", ["Sizes", "Double", "Number", "Made", "Made by", "Edited", "Edited by", "Proof", "Push"]
)
async def test_what_notion_sets_itself_cannot_be_written(name: str) -> None:
    desk = Desk()
    kind = (await desk.good("GET", f"data_sources/{SOURCE}"))["properties"][name]["type"]
    body = row()
    body["properties"][name] = {kind: {}}
    assert "is read only" in await desk.refused(400, "POST", "pages", body)


async def test_rows_are_numbered_one_after_the_other() -> None:
    desk = Desk()
    first, second = await desk.add("A"), await desk.add("B")
    numbers = [(await desk.good("GET", f"pages/{one}"))["properties"]["Number"]["unique_id"] for one in (first, second)]
    assert numbers == [{"prefix": "D", "number": 1}, {"prefix": "D", "number": 2}]


async def test_a_refused_write_makes_no_option() -> None:
    desk = Desk()
    body = row()
    body["properties"] |= {"Kind": {"select": {"name": "Fresh"}}, "Amount": {"number": "x"}}
    await desk.refused(400, "POST", "pages", body)
    options = (await desk.good("GET", f"data_sources/{SOURCE}"))["properties"]["Kind"]["select"]["options"]
    assert [one["name"] for one in options] == ["New", "Old"]


# One property.


async def test_long_properties_come_in_pages_of_items() -> None:
    desk = Desk()
    accounts = [await desk.add(f"A{number}", ACCOUNTS, Size={"number": 1}) for number in range(30)]
    deal = await desk.add("A", Account={"relation": [{"id": one} for one in accounts]}, Notes={"rich_text": text("n")})
    shown = (await desk.good("GET", f"pages/{deal}"))["properties"]["Account"]
    assert (len(shown["relation"]), shown["has_more"]) == (25, True)
    at = f"pages/{deal}/properties/acct"
    first = await desk.good("GET", at, params={"page_size": 20})
    assert (first["type"], first["property_item"]["type"], first["has_more"]) == ("property_item", "relation", True)
    assert first["next_cursor"] in first["property_item"]["next_url"]
    rest = await desk.good("GET", at, params={"page_size": 20, "start_cursor": first["next_cursor"]})
    assert [one["relation"]["id"] for one in (*first["results"], *rest["results"])] == accounts
    await desk.refused(400, "GET", at, params={"start_cursor": "x"})


async def test_each_kind_of_property_is_read_on_its_own() -> None:
    desk = Desk()
    account = await desk.add("Acme", ACCOUNTS, Size={"number": 5})
    deal = await desk.add("A", Amount={"number": 4}, Account={"relation": [{"id": account}]})
    schema = (await desk.good("GET", f"data_sources/{SOURCE}"))["properties"]
    item = await desk.good("GET", f"pages/{deal}/properties/{schema['Amount']['id']}")
    assert item == {"object": "property_item", "id": schema["Amount"]["id"], "type": "number", "number": 4}
    title = await desk.good("GET", f"pages/{deal}/properties/title")
    assert title["results"][0]["title"]["plain_text"] == "A"
    rolled = await desk.good("GET", f"pages/{deal}/properties/{schema['Sizes']['id']}")
    assert rolled["results"][0]["number"] == 5
    assert rolled["property_item"]["rollup"]["function"] == "show_original"
    summed = await desk.good("GET", f"pages/{deal}/properties/{schema['Size']['id']}")
    assert summed["rollup"]["number"] == 5
    assert "object_not_found" in await desk.refused(404, "GET", f"pages/{deal}/properties/ghost")


# Users and search.


async def test_users_are_listed_for_a_connection_that_may_read_them() -> None:
    desk = Desk()
    listed = await desk.good("GET", "users", params={"page_size": 2})
    assert [one["id"] for one in listed["results"]] == [ROBIN, KIM]
    (bot,) = (await desk.good("GET", "users", params={"start_cursor": listed["next_cursor"]}))["results"]
    assert bot == await desk.good("GET", "users/me")
    assert (await desk.good("GET", f"users/{KIM}"))["person"] == {}
    await desk.refused(404, "GET", f"users/{NOWHERE}")
    blind = Desk(workspace(capabilities=["read", "insert"]))
    assert "restricted_resource" in await blind.refused(403, "GET", "users")
    deal = await blind.add("A", Owner={"people": [{"id": ROBIN}]})
    shown = (await blind.good("GET", f"pages/{deal}"))["properties"]["Owner"]["people"]
    assert shown == [{"object": "user", "id": ROBIN}]
    assert (await blind.good("GET", "users/me"))["type"] == "bot"


async def test_a_connection_that_may_not_read_sees_the_id_of_what_it_makes() -> None:
    desk = Desk(workspace(capabilities=["insert"]))
    made = await desk.good("POST", "pages", row())
    assert made.keys() == {"object", "id"}
    assert "restricted_resource" in await desk.refused(403, "GET", f"pages/{made['id']}")


async def test_search_finds_by_title_what_is_shared() -> None:
    desk = Desk(workspace(index_lag_ms=1000))
    made = await desk.add("Spring deal")
    assert [one["id"] for one in (await desk.good("POST", "search", {"query": "deal"}))["results"]] == [SOURCE]
    await desk.advance(1)

    async def found(**body: Any) -> list[str]:
        return [one["id"] for one in (await desk.good("POST", "search", body))["results"]]

    assert await found(query="DEAL") == [made, SOURCE]
    assert await found(query="deal", filter={"property": "object", "value": "page"}) == [made]
    assert await found(filter={"property": "object", "value": "data_source"}) == [ACCOUNTS, SOURCE]
    oldest = {"timestamp": "last_edited_time", "direction": "ascending"}
    assert await found(query="deal", sort=oldest) == [SOURCE, made]
    await desk.good("PATCH", f"pages/{made}", {"in_trash": True})
    assert await found(filter={"in_trash": True}) == [made]
    page = await desk.good("POST", "search", {"page_size": 1})
    assert (page["has_more"], len(page["results"]), page["type"]) == (True, 1, "page_or_data_source")
    malformed: list[dict[str, Any]] = [
        {"filter": {"property": "object", "value": "database"}},
        {"filter": {"property": "title", "value": "page"}},
        {"filter": []},
        {"filter": {"in_trash": "x"}},
        {"sort": {"timestamp": "birthday"}},
        {"sort": {"timestamp": "last_edited_time", "direction": "up"}},
        {"query": 5},
        {"words": "x"},
    ]
    for bad in malformed:
        await desk.refused(400, "POST", "search", bad)


# Versions.


async def test_the_oldest_version_takes_a_database_for_its_data_source() -> None:
    desk = Desk(version=OLDEST)
    database = await desk.good("GET", f"databases/{DATABASE}")
    assert "data_sources" not in database
    assert database["properties"]["Amount"]["number"] == {"format": "euro"}
    assert database["properties"]["Account"]["relation"]["database_id"] == PEOPLE
    assert "data_source_id" not in database["properties"]["Account"]["relation"]
    body = {"parent": {"database_id": DATABASE}, "properties": {"Name": {"title": text("A")}}}
    made = await desk.good("POST", "pages", body)
    assert made["parent"] == {"type": "database_id", "database_id": DATABASE}
    assert made["archived"] is False
    found = await desk.good("POST", f"databases/{DATABASE}/query", {})
    assert ([one["id"] for one in found["results"]], found["type"]) == ([made["id"]], "page_or_database")
    kinds = {one["object"] for one in (await desk.good("POST", "search", {}))["results"]}
    assert kinds == {"page", "database"}
    for method, path in (("GET", f"data_sources/{SOURCE}"), ("POST", f"data_sources/{SOURCE}/query")):
        assert "invalid_request_url" in await desk.refused(400, method, path, {})
    for version in (OLDER, LATEST):
        refused = await desk.refused(400, "POST", f"databases/{DATABASE}/query", {}, version=version)
        assert "invalid_request_url" in refused


async def test_the_oldest_version_cannot_use_a_database_of_two_data_sources() -> None:
    section = workspace()
    section["data_sources"][1]["database_id"] = DATABASE
    desk = Desk(section)
    assert len((await desk.good("GET", f"databases/{DATABASE}"))["data_sources"]) == 2
    for method, path in (("GET", f"databases/{DATABASE}"), ("POST", f"databases/{DATABASE}/query")):
        assert "multiple data sources" in await desk.refused(400, method, path, {}, version=OLDEST)
    assert "does not contain any" in await desk.refused(400, "GET", f"databases/{PEOPLE}", version=OLDEST)


async def test_meeting_notes_have_another_name_in_older_versions() -> None:
    block = {"id": NOWHERE, "parent": {"type": "page_id", "page_id": HOME}, "type": "meeting_notes",
             "meeting_notes": {"title": []}}  # fmt: skip
    desk = Desk(workspace(blocks={HOME: [block]}))
    assert (await desk.good("GET", f"blocks/{NOWHERE}"))["type"] == "meeting_notes"
    older = await desk.good("GET", f"blocks/{NOWHERE}", version=OLDER)
    assert (older["type"], "transcription" in older, "meeting_notes" in older) == ("transcription", True, False)
    assert (await desk.good("GET", f"pages/{HOME}/markdown"))["unknown_block_ids"] == [NOWHERE]


# Limits.


async def test_a_workspace_has_a_budget_for_each_minute() -> None:
    desk = Desk(workspace(requests_per_minute=2))
    for _ in range(2):
        await desk.good("GET", "users/me")
    answer = await desk.call("GET", "users/me")
    assert answer.json()["additional_data"] == {"rate_limit_reason": "workspace"}
    assert 0 < int(answer.headers["retry-after"]) <= 60
    await desk.advance(60)
    await desk.good("GET", "users/me")


async def test_a_full_workspace_takes_no_more_blocks() -> None:
    desk = Desk(workspace(block_limit=3))
    made = await desk.good("POST", "pages", row(children=[paragraph("x"), paragraph("y")]))
    full = {"children": [paragraph("z"), paragraph("z")]}
    assert "block limit" in await desk.refused(400, "PATCH", f"blocks/{made['id']}/children", full)


async def test_lag_and_limits_are_turned_while_it_runs() -> None:
    desk = Desk()
    await desk.good("PUT", "/_control/index_lag", {"milliseconds": 5000})
    await desk.add("A")
    assert await desk.names() == []
    await desk.good("PUT", "/_control/index_lag", {"milliseconds": 0})
    assert await desk.names() == ["A"]
    shown = await desk.good("PUT", "/_control/limits", {"burst": 1})
    assert shown["burst"] == 1
    assert [(await desk.call("GET", "users/me")).status_code for _ in range(2)] == [200, 429]
    for path, bad in (
        ("index_lag", {"milliseconds": -1}),
        ("limits", {"x": 1}),
        ("limits", {"requests_per_second": 0}),
    ):
        assert (await desk.call("PUT", f"/_control/{path}", bad)).status_code == 400


@pytest.mark.parametrize(
    "path",
    ["comments", f"comments/{NOWHERE}", "file_uploads", "oauth/token", "views", "async_tasks/x", "custom_emojis"],
)
async def test_what_is_not_emulated_says_so_in_the_vendors_own_form(path: str) -> None:
    desk = Desk()
    words = await desk.refused(400, "POST", path, {})
    assert words.startswith("invalid_request_url: ")
    assert "sandbox does not emulate" in words


async def test_a_workspace_with_all_of_it_loads_again_as_it_was() -> None:
    desk = Desk()
    account = await desk.add("Acme", ACCOUNTS)
    await desk.add("A", Account={"relation": [{"id": account}]}, Stage={"status": {"name": "Busy"}})
    await desk.good("POST", "pages", row(template={"type": "default"}, icon={"type": "emoji", "emoji": "🌱"}))
    body = {"parent": {"page_id": HOME}, "properties": {"title": {"title": text("In")}}}
    await desk.good("POST", "pages", {**body, "markdown": "x"})
    saved = await desk.good("GET", "/_control/world")
    desk.app.load({})
    desk.app.load(saved)
    assert await desk.good("GET", "/_control/world") == saved
    await desk.advance(5)
    assert len(await desk.names({"property": "Hot", "checkbox": {"equals": True}})) == 1
