"""The calls on pages: make, read, change, move, single properties (api/notion.md sections 3, 4 and 8)."""

from __future__ import annotations

from typing import Any

from concord_sandbox.notion import blocks, bodies, responses
from concord_sandbox.notion.calculated import value_of
from concord_sandbox.notion.calls import Call, body_id, object_in, path_id, picture
from concord_sandbox.notion.desk import IN_TRASH, Desk
from concord_sandbox.notion.errors import NotionError, invalid
from concord_sandbox.notion.models import PLAIN_TITLE, DataSource, Page
from concord_sandbox.notion.schema import Property
from concord_sandbox.notion.values import plain_value

_MAKES = ("parent", "properties", "icon", "cover", "content", "children", "markdown", "allow_async", "template",
          "position")  # fmt: skip
_CHANGES = ("properties", "icon", "cover", "is_locked", "template", "erase_content", "in_trash", "archived",
            "is_archived")  # fmt: skip
_LISTED = ("title", "rich_text", "relation", "people")


def create(desk: Desk, call: Call) -> dict[str, Any]:
    body = call.body
    call.only(*_MAKES)
    source, parent_page = _parent(desk, call, body.get("parent"))
    properties = object_in(body, "properties")
    desk.refuse_record(call, _key(desk, source, properties))
    template = desk.template(source, body.get("template"))
    if template is not None and any(body.get(name) is not None for name in ("children", "content", "markdown")):
        raise invalid("body.children", "should be not present: a page made from a template is filled by it")
    if "allow_async" in body and body.get("markdown") is None:
        raise invalid("body.allow_async", "should be not present without `markdown`")
    content = bodies.read_content(body)
    desk.check_room(blocks.count(content) + 1)
    icon, cover = picture(body, "icon", None), picture(body, "cover", None)
    if parent_page is None and body.get("position") is not None:
        raise invalid("body.position", "should be not present: rows of a data source have no place")
    page = desk.add_page(source, parent_page, properties, desk.workspace.bot_id)
    page.icon, page.cover = icon, cover
    if parent_page is not None:
        try:
            _put_child(desk, page, parent_page, body.get("position"))
        except NotionError:
            del desk.workspace.pages[page.id]
            raise
    bodies.append(desk.workspace, page.id, content, desk.stamp(), None)
    if template is not None:
        desk.fill_later(page, template)
    return responses.page(desk.workspace, page, call.version, call.filter_properties)


def _put_child(desk: Desk, page: Page, parent_page: str, position: Any = None) -> None:
    """Show a page in its parent's body."""
    block = {"type": "child_page", "id": page.id, "child_page": {"title": desk.workspace.title_of(page)}}
    bodies.append(desk.workspace, parent_page, [block], desk.stamp(), position)


def _parent(desk: Desk, call: Call, given: Any) -> tuple[DataSource | None, str | None]:
    """The data source or the page that a page is to lie in. Raises NotionError."""
    if not isinstance(given, dict):
        raise invalid("body.parent", "should be defined, instead was `undefined`")
    key = "data_source_id" if call.has_sources else "database_id"
    if key in given:
        known = body_id(given[key], f"body.parent.{key}")
        source = desk.source(known) if call.has_sources else desk.only_source(desk.database(known))
        if source.in_trash or desk.workspace.databases[source.database_id].in_trash:
            raise NotionError("validation_error", "Can't edit a data source that is in trash.")
        return source, None
    if "page_id" in given:
        page = desk.page(body_id(given["page_id"], "body.parent.page_id"))
        if page.in_trash:
            raise NotionError("validation_error", IN_TRASH)
        return None, page.id
    if given.get("workspace") is True:
        words = "Internal integrations aren't owned by a single user, so creating workspace-level private pages is not"
        raise NotionError("validation_error", f"{words} supported. Provide a page_id or {key}.")
    raise invalid(f"body.parent.{key}", "should be defined, instead was `undefined`")


def _key(desk: Desk, source: DataSource | None, properties: dict[str, Any]) -> str:
    """What a `record_error` fault can know a new page by: all of its plain texts. Raises NotionError."""
    known = source.properties if source is not None else {PLAIN_TITLE.id: PLAIN_TITLE}
    made = desk.read_values(list(known.values()), properties)
    return " ".join(str(plain_value(known[one].type, value)) for one, value in made.items())


def get(desk: Desk, call: Call) -> dict[str, Any]:
    page = desk.page(path_id(call))
    return responses.page(desk.workspace, page, call.version, call.filter_properties)


def update(desk: Desk, call: Call) -> dict[str, Any]:
    """A page in the trash takes nothing but its way out of it (section 8)."""
    page = desk.page(path_id(call))
    body = call.body
    desk.refuse_record(call, page.id)
    call.only(*_CHANGES)
    in_trash = call.trash()
    for name in ("is_locked", "erase_content"):
        if not isinstance(body.get(name, False), bool):
            raise invalid(f"body.{name}", "should be a boolean")
    if page.in_trash and in_trash is not False:
        raise NotionError("validation_error", IN_TRASH)
    template = desk.template(desk.source_of(page), body.get("template"))
    icon, cover = picture(body, "icon", page.icon), picture(body, "cover", page.cover)
    desk.set_values(page, object_in(body, "properties"))
    page.icon, page.cover = icon, cover
    page.is_locked = body.get("is_locked", page.is_locked)
    page.in_trash = page.in_trash if in_trash is None else in_trash
    if body.get("erase_content"):
        bodies.clear(desk.workspace, page.id)
    if template is not None:
        desk.fill_later(page, template)
    desk.touch(page)
    return responses.page(desk.workspace, page, call.version, call.filter_properties)


def move(desk: Desk, call: Call) -> dict[str, Any]:
    """To another page or data source; values whose property the new one has under the same name and type stay."""
    page = desk.page(path_id(call))
    call.only("parent")
    if page.in_trash:
        raise NotionError("validation_error", IN_TRASH)
    source, parent_page = _parent(desk, call, call.body.get("parent"))
    database = desk.workspace.databases[source.database_id] if source is not None else None
    if page.id in desk.workspace.within(parent_page if database is None else database.parent_page):
        raise NotionError("validation_error", "A page cannot be moved into itself.")
    values = {one.name if one.type != "title" else "": (one.type, page.values[one.id])
              for one in desk.workspace.properties_of(page) if one.id in page.values}  # fmt: skip
    if page.parent_page is not None:
        held = desk.workspace.blocks.get(page.parent_page, [])
        held[:] = [one for one in held if one["id"] != page.id]
    page.data_source_id, page.parent_page = source.id if source else None, parent_page
    page.values = {}
    for one in desk.workspace.properties_of(page):
        kind, value = values.get(one.name if one.type != "title" else "", ("", None))
        if kind == one.type:
            page.values[one.id] = value
    if parent_page is not None:
        _put_child(desk, page, parent_page)
    desk.touch(page)
    return responses.page(desk.workspace, page, call.version)


def get_property(desk: Desk, call: Call) -> dict[str, Any]:
    """One property, whole: texts and references come as lists of items, of which a page shows only the first."""
    page = desk.page(path_id(call))
    given = call.ids["property_id"]
    found = next((one for one in desk.workspace.properties_of(page) if given in (one.id, one.name)), None)
    if found is None:
        raise NotionError("object_not_found", f"Could not find property with ID: {given}.")
    value = value_of(desk.workspace, page, found)
    if found.type == "rollup":
        return _rollup(value, found, page)
    if found.type not in _LISTED:
        return _item(found, value)
    size, cursor = call.window(call.query)
    start = int(cursor) if cursor and cursor.isdecimal() and int(cursor) < len(value) else 0
    if cursor and not start:
        raise invalid("start_cursor", f"should be a valid cursor, instead was `{cursor}`")
    following = str(start + size) if start + size < len(value) else None
    return _listed(found, page, [_item(found, one) for one in value[start : start + size]], following)


def _item(found: Property, value: Any) -> dict[str, Any]:
    return {"object": "property_item", "id": found.id, "type": found.type, found.type: value}


def _listed(found: Property, page: Page, items: list[Any], following: str | None, about: Any = None) -> dict[str, Any]:
    address = f"https://api.notion.com/v1/pages/{page.id}/properties/{found.id}?start_cursor={following}"
    kind = {
        "id": found.id,
        "next_url": address if following else None,
        "type": found.type,
        found.type: about if about is not None else {},
    }
    return {**responses.listed(items, "property_item", following), "property_item": kind}


def _rollup(value: dict[str, Any], found: Property, page: Page) -> dict[str, Any]:
    if value["type"] != "array":
        return _item(found, value)
    items = [{"object": "property_item", "id": found.id, **one} for one in value["array"]]
    return _listed(found, page, items, None, {**value, "array": []})


def get_markdown(desk: Desk, call: Call) -> dict[str, Any]:
    page = desk.page(path_id(call))
    return bodies.markdown_object(desk.workspace, page.id)


def update_markdown(desk: Desk, call: Call) -> dict[str, Any]:
    page = desk.page(path_id(call))
    desk.refuse_record(call, page.id)
    if page.in_trash:
        raise NotionError("validation_error", IN_TRASH)
    content = bodies.markdown_changed(desk.workspace, page.id, call.body)
    desk.check_room(blocks.count(content) - len(desk.workspace.blocks.get(page.id, [])))
    for gone in bodies.replace(desk.workspace, page.id, content, desk.stamp()):
        _trash(desk, gone)
    desk.touch(page)
    return bodies.markdown_object(desk.workspace, page.id)


def _trash(desk: Desk, known: str) -> None:
    """A child page or database whose block was taken away."""
    child = desk.workspace.pages.get(known) or desk.workspace.databases.get(known)
    if child is not None:
        child.in_trash = True
