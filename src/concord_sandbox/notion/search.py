"""Search by title, and users."""

from __future__ import annotations

from typing import Any

from concord_sandbox.notion import responses
from concord_sandbox.notion.calculated import bot, person
from concord_sandbox.notion.calls import Call, path_id, windowed
from concord_sandbox.notion.desk import Desk
from concord_sandbox.notion.errors import invalid, not_found
from concord_sandbox.notion.texts import shown


def search(desk: Desk, call: Call) -> dict[str, Any]:
    """Everything shared whose title has the words; new pages show after the index lag."""
    call.only("query", "sort", "filter", "start_cursor", "page_size")
    kinds, in_trash = _wanted(call)
    words = call.body.get("query", "")
    if not isinstance(words, str):
        raise invalid("body.query", f"should be a string, instead was `{shown(words)}`")
    size, cursor = call.window(call.body)
    found = [one for one in _everything(desk, call, kinds, in_trash) if words.lower() in one[1].lower()]
    newest_first = _direction(call.body.get("sort")) == "descending"
    found.sort(key=lambda one: (one[2], one[0]), reverse=newest_first)
    results = {known: result for known, _, _, result in found}
    here, following = windowed(results, size, cursor)
    kind = "page_or_data_source" if call.has_sources else "page_or_database"
    return responses.listed([results[one] for one in here], kind, following)


def _wanted(call: Call) -> tuple[tuple[str, ...], bool]:
    other = "data_source" if call.has_sources else "database"
    given = call.body.get("filter")
    if given is None:
        return ("page", other), False
    if not isinstance(given, dict):
        raise invalid("body.filter", f"should be an object, instead was `{shown(given)}`")
    in_trash = given.get("in_trash", False)
    if not isinstance(in_trash, bool):
        raise invalid("body.filter.in_trash", f"should be a boolean, instead was `{shown(in_trash)}`")
    if "value" not in given and "in_trash" in given:
        return ("page", other), in_trash
    if given.get("property") != "object":
        raise invalid("body.filter.property", f'should be `"object"`, instead was `{shown(given.get("property"))}`')
    if given.get("value") not in ("page", other):
        raise invalid(
            "body.filter.value", f'should be `"page"` or `"{other}"`, instead was `{shown(given.get("value"))}`'
        )
    return (str(given["value"]),), in_trash


def _direction(given: Any) -> str:
    if given is None:
        return "descending"
    if isinstance(given, dict) and given.get("property") == "relevance":
        return "descending"
    if not isinstance(given, dict) or given.get("timestamp") != "last_edited_time":
        raise invalid("body.sort.timestamp", "should be `last_edited_time`")
    if given.get("direction") not in ("ascending", "descending"):
        raise invalid("body.sort.direction", "should be `ascending` or `descending`")
    return str(given["direction"])


def _everything(
    desk: Desk, call: Call, kinds: tuple[str, ...], in_trash: bool
) -> list[tuple[str, str, str, dict[str, Any]]]:
    """(id, title, last edited, as shown) of all that is shared."""
    workspace = desk.workspace
    found = []
    if "page" in kinds:
        for page in workspace.pages.values():
            if page.in_trash == in_trash and workspace.page_is_shared(page) and desk.indexed(page):
                about = responses.page(workspace, page, call.version)
                found.append((page.id, workspace.title_of(page), page.last_edited_time, about))
    if "data_source" in kinds:
        for source in workspace.data_sources.values():
            if source.in_trash == in_trash and workspace.source_is_shared(source):
                about = responses.data_source(workspace, source, call.version)
                found.append((source.id, source.name, source.last_edited_time, about))
    if "database" in kinds:
        for database in workspace.databases.values():
            if database.in_trash == in_trash and workspace.database_is_shared(database):
                about = responses.database(workspace, database, call.version)
                found.append((database.id, database.title, database.last_edited_time, about))
    return found


def me(desk: Desk, call: Call) -> dict[str, Any]:
    return bot(desk.workspace)


def users(desk: Desk, call: Call) -> dict[str, Any]:
    found = _users(desk)
    size, cursor = call.window(call.query)
    here, following = windowed(found, size, cursor)
    return responses.listed([found[one] for one in here], "user", following)


def user(desk: Desk, call: Call) -> dict[str, Any]:
    known = path_id(call)
    found = _users(desk).get(known)
    if found is None:
        raise not_found("user", known)
    return found


def _users(desk: Desk) -> dict[str, dict[str, Any]]:
    people = {one["id"]: person(one) for one in desk.workspace.settings["users"]}
    return {**people, desk.workspace.bot_id: bot(desk.workspace)}
