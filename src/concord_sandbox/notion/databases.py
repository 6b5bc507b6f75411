"""The calls on databases and data sources: make, read, change, query, templates (api/notion.md sections 1-3).

Before 2025-09-03 a database is its one data source.
"""

from __future__ import annotations

from itertools import chain, count
from typing import Any

from concord_sandbox.notion import queries, responses, texts
from concord_sandbox.notion.calls import Call, body_id, object_in, path_id, picture, windowed
from concord_sandbox.notion.desk import IN_TRASH, Desk
from concord_sandbox.notion.errors import NotionError, invalid
from concord_sandbox.notion.models import Database, DataSource
from concord_sandbox.notion.schema import (
    WITH_OPTIONS,
    Property,
    read_options,
    read_properties,
    read_property,
    short_id,
)

_MAKES = ("parent", "title", "description", "is_inline", "icon", "cover")
_CHANGES = ("title", "description", "is_inline", "icon", "cover", "in_trash", "archived", "is_locked", "parent")
_ASKS = ("sorts", "filter", "start_cursor", "page_size", "archived", "in_trash", "result_type")


# Databases.


def create(desk: Desk, call: Call) -> dict[str, Any]:
    call.only(*_MAKES, "initial_data_source" if call.has_sources else "properties")
    body = call.body
    parent = _parent_page(desk, body.get("parent"))
    about = object_in(body, "initial_data_source") if call.has_sources else body
    where = "body.initial_data_source.properties" if call.has_sources else "body.properties"
    default: dict[str, Any] | None = {"Name": {"title": {}}} if call.has_sources else None
    properties = _resolved(desk, read_properties(about.get("properties", default), where, call.version))
    made = Database(desk.fresh_id(), "", parent_page=parent, created_time=desk.now(), last_edited_time=desk.now())
    _describe(made, call)
    source = DataSource(desk.fresh_id(), made.id, made.title, {one.id: one for one in properties})
    source.created_time = source.last_edited_time = desk.now()
    desk.workspace.databases[made.id] = made
    desk.workspace.data_sources[source.id] = source
    _sync(desk, source)
    _show_in_parent(desk, made)
    return responses.database(desk.workspace, made, call.version)


def _show_in_parent(desk: Desk, made: Database) -> None:
    by = {"object": "user", "id": desk.workspace.bot_id}
    desk.workspace.blocks.setdefault(str(made.parent_page), []).append(
        {
            "id": made.id,
            "parent": {"type": "page_id", "page_id": made.parent_page},
            "created_time": made.created_time,
            "last_edited_time": made.created_time,
            "created_by": by,
            "last_edited_by": by,
            "type": "child_database",
            "child_database": {"title": made.title},
        }
    )


def _parent_page(desk: Desk, given: Any) -> str:
    if not isinstance(given, dict):
        raise invalid("body.parent", "should be defined, instead was `undefined`")
    if "page_id" not in given:
        raise invalid("body.parent.page_id", "should be defined, instead was `undefined`")
    page = desk.page(body_id(given["page_id"], "body.parent.page_id"))
    if page.in_trash:
        raise NotionError("validation_error", IN_TRASH)
    return page.id


def _describe(one: Database | DataSource, call: Call) -> None:
    """Title, description, icon, cover, trash. Raises NotionError, and then changes nothing."""
    body = call.body
    title = texts.read(body["title"], "body.title") if "title" in body else None
    description = texts.read(body["description"], "body.description") if "description" in body else one.description
    icon, cover, in_trash = picture(body, "icon", one.icon), picture(body, "cover", one.cover), call.trash()
    for name in ("is_inline", "is_locked"):
        if not isinstance(body.get(name, False), bool):
            raise invalid(f"body.{name}", "should be a boolean")
    if one.in_trash and in_trash is not False and body:
        raise NotionError("validation_error", f"Can't edit a {type(one).__name__.lower()} that is in trash.")
    if title is not None and isinstance(one, Database):
        one.title = texts.plain(title)
    elif title is not None and isinstance(one, DataSource):
        one.name = texts.plain(title)
    one.description, one.icon, one.cover = description, icon, cover
    one.in_trash = one.in_trash if in_trash is None else in_trash
    if isinstance(one, Database):
        one.is_inline, one.is_locked = body.get("is_inline", one.is_inline), body.get("is_locked", one.is_locked)


def get(desk: Desk, call: Call) -> dict[str, Any]:
    found = desk.database(path_id(call))
    if not call.has_sources:
        desk.only_source(found)
    return responses.database(desk.workspace, found, call.version)


def update(desk: Desk, call: Call) -> dict[str, Any]:
    found = desk.database(path_id(call))
    call.only(*_CHANGES, *(() if call.has_sources else ("properties",)))
    parent = _parent_page(desk, call.body["parent"]) if "parent" in call.body else found.parent_page
    if found.id in desk.workspace.within(parent):
        raise NotionError("validation_error", "A database cannot be moved into itself.")
    if not call.has_sources:
        source = desk.only_source(found)
        _change_schema(desk, source, call)
        source.name = texts.plain(texts.read(call.body["title"], "body.title")) if "title" in call.body else source.name
    _describe(found, call)
    if parent != found.parent_page:
        held = desk.workspace.blocks.get(found.parent_page or "", [])
        held[:] = [one for one in held if one["id"] != found.id]
        found.parent_page = parent
        _show_in_parent(desk, found)
    found.last_edited_time = desk.now()
    return responses.database(desk.workspace, found, call.version)


# Data sources.


def create_source(desk: Desk, call: Call) -> dict[str, Any]:
    call.only("parent", "properties", "title", "icon")
    parent = call.body.get("parent")
    if not isinstance(parent, dict) or "database_id" not in parent:
        raise invalid("body.parent.database_id", "should be defined, instead was `undefined`")
    owner = desk.database(body_id(parent["database_id"], "body.parent.database_id"))
    if "properties" not in call.body:
        raise invalid("body.properties", "should be defined, instead was `undefined`")
    properties = _resolved(desk, read_properties(call.body["properties"], "body.properties", call.version))
    made = DataSource(desk.fresh_id(), owner.id, "", {one.id: one for one in properties})
    made.created_time = made.last_edited_time = desk.now()
    _describe(made, call)
    desk.workspace.data_sources[made.id] = made
    _sync(desk, made)
    return responses.data_source(desk.workspace, made, call.version)


def get_source(desk: Desk, call: Call) -> dict[str, Any]:
    return responses.data_source(desk.workspace, desk.source(path_id(call)), call.version)


def update_source(desk: Desk, call: Call) -> dict[str, Any]:
    found = desk.source(path_id(call))
    call.only("title", "icon", "properties", "in_trash", "archived", "parent")
    owner = desk.workspace.databases[found.database_id]
    if "parent" in call.body:
        parent = object_in(call.body, "parent")
        owner = desk.database(body_id(parent.get("database_id"), "body.parent.database_id"))
        if found.id in desk.workspace.within(owner.parent_page):
            raise NotionError("validation_error", "A data source cannot be moved into itself.")
    _change_schema(desk, found, call)
    _describe(found, call)
    found.database_id = owner.id
    found.last_edited_time = desk.now()
    return responses.data_source(desk.workspace, found, call.version)


def templates(desk: Desk, call: Call) -> dict[str, Any]:
    found = {one["id"]: one for one in desk.source(path_id(call)).templates}
    named = call.query.get("name", "").lower()
    size, cursor = call.window(call.query)
    here, following = windowed([key for key, one in found.items() if named in one["name"].lower()], size, cursor)
    shown = [{name: found[one][name] for name in ("id", "name", "is_default")} for one in here]
    return {"templates": shown, "has_more": following is not None, "next_cursor": following}


# Schemas.


def _change_schema(desk: Desk, source: DataSource, call: Call) -> None:
    """Add, change, rename and remove columns. Raises NotionError, and then changes nothing."""
    before = dict(source.properties)
    made: dict[str, Property] = dict(before)
    for name, given in object_in(call.body, "properties").items():
        where = f"body.properties.{name}"
        found = next((one for one in made.values() if name in (one.name, one.id)), None)
        if given is None:
            if found is None:
                raise NotionError("validation_error", f"{name} is not a property that exists.")
            if found.type == "title":
                raise NotionError("validation_error", "Cannot delete the title property.")
            del made[found.id]
        elif found is None:
            new = read_property(name, given, where, call.version)
            if new.type == "title":
                raise NotionError("validation_error", "Cannot create a second title property.")
            new.id = new.id if new.id not in made else short_id(desk.fresh_id())
            made[new.id] = new
        else:
            made[found.id] = _changed(found, given, where, call.version)
    names = [one.name for one in made.values()]
    if len(set(names)) != len(names):
        raise NotionError("validation_error", "Two properties cannot have the same name.")
    fresh = [one for key, one in made.items() if before.get(key) is not one]
    _resolved(desk, fresh)
    source.properties = made
    _drop_values(desk, source, before)
    _sync(desk, source)


def _changed(found: Property, given: Any, where: str, version: str) -> Property:
    """The column as a request changes it: name, description, settings, options, type."""
    if not isinstance(given, dict):
        raise invalid(where, "should be an object")
    name = given.get("name", found.name)
    if not isinstance(name, str) or not name:
        raise invalid(f"{where}.name", "should be a non-empty string")
    made = Property(name, found.type, found.id, list(found.options), dict(found.settings), found.description)
    made.description = given.get("description", found.description)
    if given.keys() <= {"name", "description"}:
        return made
    if found.type in given and found.type in WITH_OPTIONS:
        about = object_in(given, found.type)
        if "options" in about:
            known, rows = {one["id"]: one for one in found.options}, about["options"]
            if isinstance(rows, list):
                rows = [{**known.get(str(one.get("id")), {}), **one} if isinstance(one, dict) else one for one in rows]
            made.options = read_options(rows, f"{where}.{found.type}.options")
        return made
    new = read_property(name, {**given, "description": made.description}, where, version)
    if (new.type == "title") != (found.type == "title"):
        raise NotionError("validation_error", "The type of the title property cannot be changed, nor another made it.")
    new.id = found.id
    return new


def _drop_values(desk: Desk, source: DataSource, before: dict[str, Property]) -> None:
    """Values of columns that are gone or have another type now; options of others are as they are now."""
    gone = {key for key, one in before.items()
            if key not in source.properties or source.properties[key].type != one.type}  # fmt: skip
    for page in desk.workspace.pages.values():
        if page.data_source_id != source.id:
            continue
        for key in gone & page.values.keys():
            del page.values[key]
        for key, value in list(page.values.items()):
            found = source.properties.get(key)
            if found is None or found.type not in WITH_OPTIONS or not value:
                continue
            known = {one["id"]: one for one in found.options}
            held = [known[one["id"]] for one in (value if isinstance(value, list) else [value]) if one["id"] in known]
            page.values[key] = held if found.type == "multi_select" else held[0] if held else None


def _resolved(desk: Desk, properties: list[Property]) -> list[Property]:
    """Let relations name data sources, whatever the request named. Raises NotionError."""
    for one in properties:
        if one.type != "relation":
            continue
        if "database_id" in one.settings:
            database = desk.database(body_id(one.settings.pop("database_id"), "relation.database_id"))
            one.settings["data_source_id"] = desk.only_source(database).id
        else:
            known = body_id(one.settings["data_source_id"], "relation.data_source_id")
            one.settings["data_source_id"] = desk.source(known).id
    return properties


def _sync(desk: Desk, source: DataSource) -> None:
    """Give each new relation that goes both ways its other side."""
    for one in list(source.properties.values()):
        if one.type != "relation" or "synced_property_name" not in one.settings:
            continue
        if one.settings.get("synced_property_id"):
            continue
        target = desk.workspace.data_sources[one.settings["data_source_id"]]
        wanted = one.settings["synced_property_name"] or f"Related to {source.name} ({one.name})"
        taken = {other.name for other in target.properties.values()}
        name = next(text for text in chain([wanted], (f"{wanted} {place}" for place in count(1))) if text not in taken)
        settings = {"data_source_id": source.id, "synced_property_name": one.name, "synced_property_id": one.id}
        other = Property(name, "relation", short_id(desk.fresh_id()), [], settings)
        target.properties[other.id] = other
        one.settings |= {"synced_property_name": name, "synced_property_id": other.id}


# Queries.


def query_source(desk: Desk, call: Call) -> dict[str, Any]:
    return _query(desk, call, desk.source(path_id(call)))


def query_database(desk: Desk, call: Call) -> dict[str, Any]:
    return _query(desk, call, desk.only_source(desk.database(path_id(call))))


def _query(desk: Desk, call: Call, source: DataSource) -> dict[str, Any]:
    """Pages that meet the filter; those made within the index lag do not show yet (section 3)."""
    body, workspace = call.body, desk.workspace
    call.only(*_ASKS)
    if body.get("result_type", "page") not in ("page", "data_source"):
        raise invalid("body.result_type", "should be `page` or `data_source`")

    def find(name: str) -> Property:
        found = source.find(name)
        if found is None:
            raise NotionError("validation_error", f"Could not find property with name or id: {name}")
        return found

    size, cursor = call.window(body)
    reader = queries.Filters(workspace, find, desk.controls.clock.now().date())
    test = reader.read(body["filter"]) if body.get("filter") else None
    in_trash = bool(call.trash())
    pages = [
        page
        for page in workspace.pages.values()
        if page.data_source_id == source.id
        and page.in_trash == in_trash
        and desk.indexed(page)
        and (test is None or test(page))
    ]
    if body.get("result_type") == "data_source":
        pages = []  # no data source of this sandbox lies in another
    pages = queries.sorted_pages(workspace, pages, body.get("sorts"), find)
    here, following = windowed([page.id for page in pages], size, cursor)
    shown = [responses.page(workspace, workspace.pages[one], call.version, call.filter_properties) for one in here]
    return responses.listed(shown, "page_or_data_source" if call.has_sources else "page_or_database", following)
