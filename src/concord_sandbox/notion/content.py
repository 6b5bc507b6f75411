"""The calls on blocks: read, change, delete, list and append children (api/notion.md section 5)."""

from __future__ import annotations

from typing import Any

from concord_sandbox.notion import blocks, bodies, responses
from concord_sandbox.notion.calls import Call, path_id, windowed
from concord_sandbox.notion.desk import Desk
from concord_sandbox.notion.errors import NotionError, invalid
from concord_sandbox.notion.models import Page

_IN_TRASH = "Can't edit block that is in trash. Restore it before editing."


def get(desk: Desk, call: Call) -> dict[str, Any]:
    known = path_id(call)
    page = desk.workspace.pages.get(known)
    if page is not None and desk.workspace.block(known) is None:
        return _as_block(desk, desk.page(known), call)
    return _shown(desk, desk.block(known), call)


def _shown(desk: Desk, one: dict[str, Any], call: Call) -> dict[str, Any]:
    page = desk.workspace.pages.get(one["id"]) if one["type"] == "child_page" else None
    if page is not None:
        one = {**one, "child_page": {"title": desk.workspace.title_of(page)}, "in_trash": page.in_trash}
    return responses.block(one, call.version, has_children=bool(desk.workspace.blocks.get(one["id"])))


def _as_block(desk: Desk, page: Page, call: Call) -> dict[str, Any]:
    """A page is a block, too."""
    one = {
        "id": page.id,
        "parent": responses.page(desk.workspace, page, call.version).get("parent", {}),
        "created_time": page.created_time,
        "last_edited_time": page.last_edited_time,
        "created_by": {"object": "user", "id": page.created_by},
        "last_edited_by": {"object": "user", "id": page.last_edited_by},
        "type": "child_page",
        "child_page": {"title": ""},
    }
    return _shown(desk, one, call)


def update(desk: Desk, call: Call) -> dict[str, Any]:
    """Change what a block says, or move it to the trash; its type stays."""
    one = desk.block(path_id(call))
    kind = one["type"]
    if call.trash():
        return delete(desk, call)
    _refuse_in_trash(desk, one)
    given = {name: value for name, value in call.body.items() if name not in ("in_trash", "archived", "type")}
    if call.body.get("type", kind) != kind or given.keys() - {kind}:
        wrong = next(iter(given.keys() - {kind}), call.body.get("type"))
        raise invalid(f"body.{wrong}", f"should be not present: the block is of type {kind}")
    if kind not in given:
        raise invalid(f"body.{kind}", "should be defined, instead was `undefined`")
    blocks.kind_of({"type": kind, kind: given[kind]}, "body")
    one[kind] = blocks.changed(kind, one[kind], given[kind], "body")
    one["last_edited_time"] = desk.now()
    one["last_edited_by"] = {"object": "user", "id": desk.workspace.bot_id}
    desk.touch_owner(one)
    return _shown(desk, one, call)


def delete(desk: Desk, call: Call) -> dict[str, Any]:
    known = path_id(call)
    if desk.workspace.block(known) is None and known in desk.workspace.pages:
        page = desk.page(known)
        page.in_trash = True
        desk.touch(page)
        return {**_as_block(desk, page, call), "in_trash": True}
    one = desk.block(known)
    child = desk.workspace.pages.get(known) or desk.workspace.databases.get(known)
    if child is not None:
        child.in_trash = True
    desk.touch_owner(one)
    had_children = bool(desk.workspace.blocks.get(known))
    bodies.remove(desk.workspace, known)
    return responses.block({**one, "in_trash": True}, call.version, has_children=had_children)


def children(desk: Desk, call: Call) -> dict[str, Any]:
    owner = desk.owner_of_children(path_id(call))
    held = {one["id"]: one for one in desk.workspace.blocks.get(owner, [])}
    size, cursor = call.window(call.query)
    here, following = windowed(held, size, cursor)
    return responses.listed([_shown(desk, held[one], call) for one in here], "block", following)


def append(desk: Desk, call: Call) -> dict[str, Any]:
    """`position` since 2026-03-11, `after` before (section 1)."""
    owner = desk.owner_of_children(path_id(call))
    call.only("children", "after", "position")
    if "after" in call.body and call.is_latest:
        raise invalid("body.after", "should be not present, use `position`")
    if "position" in call.body and not call.is_latest:
        raise invalid("body.position", "should be not present, use `after`")
    position = call.body.get("position")
    if call.body.get("after") is not None:
        position = {"type": "after_block", "after_block": {"id": call.body["after"]}}
    if "children" not in call.body:
        raise invalid("body.children", "should be defined, instead was `undefined`")
    content = blocks.read(call.body["children"], "body.children")
    page = desk.workspace.pages.get(owner)
    block = desk.workspace.block(owner) if page is None else None
    if page is not None and page.in_trash:
        raise NotionError("validation_error", _IN_TRASH)
    if block is not None:
        _refuse_in_trash(desk, block)
        _check_parent(block, content)
    desk.check_room(blocks.count(content))
    made = bodies.append(desk.workspace, owner, content, desk.stamp(), position)
    if page is not None:
        desk.touch(page)
    elif block is not None:
        desk.touch_owner(block)
    return responses.listed([_shown(desk, one, call) for one in made], "block", None)


def _refuse_in_trash(desk: Desk, block: dict[str, Any]) -> None:
    page = desk.workspace.page_of(block)
    if page is not None and page.in_trash:
        raise NotionError("validation_error", _IN_TRASH)


def _check_parent(block: dict[str, Any], content: list[dict[str, Any]]) -> None:
    """Raises NotionError when such blocks cannot lie under that one."""
    kind = block["type"]
    if kind not in blocks.MAY_NEST:
        raise NotionError("validation_error", f"Block of type {kind} does not support children.")
    if kind == "table":
        blocks.check_rows(int(block["table"]["table_width"]), content)
