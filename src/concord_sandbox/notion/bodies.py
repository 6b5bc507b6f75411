"""The body of a page: blocks put in, taken out, and the Markdown calls (api/notion.md section 5).

Works on the workspace's blocks; who may call is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from concord_sandbox.notion import blocks
from concord_sandbox.notion import markdown as text_form
from concord_sandbox.notion.blocks import Block
from concord_sandbox.notion.errors import NotionError, invalid
from concord_sandbox.notion.models import Workspace, full_id

_OPERATIONS = ("insert_content", "replace_content_range", "update_content", "replace_content")
_CHILDREN = ("child_page", "child_database")


@dataclass(frozen=True)
class Stamp:
    """When and by whom blocks are made, and where their ids come from."""

    now: str
    by: str
    fresh_id: Callable[[], str]


def read_content(body: dict[str, Any]) -> list[Block]:
    """The blocks of a new page, from `children` (or `content`, its other name) or `markdown`: only one (section 3)."""
    given = [name for name in ("markdown", "children", "content") if body.get(name) is not None]
    if len(given) > 1:
        raise invalid("body", f"should have `{given[0]}` or `{given[1]}`, not both")
    if not given:
        return []
    found = body[given[0]]
    if given[0] == "children" or isinstance(found, list):
        return blocks.read(found, f"body.{given[0]}")
    if not isinstance(found, str):
        raise invalid(f"body.{given[0]}", "should be a string")
    return from_markdown(found)


def from_markdown(text: str) -> list[Block]:
    """Blocks of a text that names no child pages."""
    return [one for one in text_form.parse(text) if one["type"] != "child"]


def append(workspace: Workspace, owner: str, content: list[Block], stamp: Stamp, position: Any) -> list[Block]:
    """Store blocks as children of a page or block; the stored ones. `position`: section 5."""
    siblings = workspace.blocks.setdefault(owner, [])
    at = _place(siblings, position)
    made = [_store(workspace, owner, one, stamp) for one in content]
    siblings[at:at] = made
    return made


def _place(siblings: list[Block], position: Any) -> int:
    if position is None:
        return len(siblings)
    kind = position.get("type") if isinstance(position, dict) else None
    if kind in ("end", "page_end"):
        return len(siblings)
    if kind in ("start", "page_start"):
        return 0
    if kind != "after_block":
        raise invalid("body.position.type", "should be `end`, `start` or `after_block`")
    named = position.get("after_block")
    after = full_id(named.get("id")) if isinstance(named, dict) else None
    for place, one in enumerate(siblings):
        if one["id"] == after:
            return place + 1
    raise NotionError("validation_error", "Block to append after is not a child of the parent block.")


def _store(workspace: Workspace, owner: str, one: Block, stamp: Stamp) -> Block:
    kind = one["type"]
    parent = "page_id" if owner in workspace.pages else "block_id"
    stored = {
        "id": one.get("id") or stamp.fresh_id(),
        "parent": {"type": parent, parent: owner},
        "created_time": stamp.now,
        "last_edited_time": stamp.now,
        "created_by": {"object": "user", "id": stamp.by},
        "last_edited_by": {"object": "user", "id": stamp.by},
        "type": kind,
        kind: one[kind],
    }
    if one.get("children"):
        append(workspace, stored["id"], one["children"], stamp, None)
    return stored


def remove(workspace: Workspace, block_id: str) -> None:
    """Take a block and all under it away."""
    for child in workspace.blocks.pop(block_id, []):
        remove(workspace, child["id"])
    for siblings in workspace.blocks.values():
        siblings[:] = [one for one in siblings if one["id"] != block_id]


def clear(workspace: Workspace, page_id: str) -> None:
    """Take everything out of a page's body but its child pages and databases."""
    for child in list(workspace.blocks.get(page_id, [])):
        if child["type"] not in _CHILDREN:
            remove(workspace, child["id"])


def markdown(workspace: Workspace, page_id: str) -> str:
    """A page's body as Markdown."""
    return str(markdown_object(workspace, page_id)["markdown"])


def markdown_object(workspace: Workspace, page_id: str) -> dict[str, Any]:
    """The answer of the Markdown calls."""
    writer = text_form.Writer(lambda owner: workspace.blocks.get(owner, []))
    text = writer.text(workspace.blocks.get(page_id, []))
    return {
        "object": "page_markdown",
        "id": page_id,
        "markdown": text,
        "truncated": False,
        "unknown_block_ids": writer.unknown,
    }


def markdown_changed(workspace: Workspace, page_id: str, body: dict[str, Any]) -> list[Block]:
    """The body that one of the four operations makes, not yet stored. Raises NotionError."""
    kind = body.get("type")
    asked = body.get(str(kind))
    if kind not in _OPERATIONS or not isinstance(asked, dict):
        raise invalid("body.type", f"should be one of {', '.join(_OPERATIONS)}, with an object of that name beside it")
    text = markdown(workspace, page_id)
    if kind == "replace_content":
        text = _text(asked, "new_str", kind)
    elif kind == "insert_content":
        text = _inserted(text, asked)
    elif kind == "update_content":
        text = _updated(text, asked)
    else:
        start, end = _span(text, _text(asked, "content_range", kind))
        text = text[:start] + _text(asked, "content", kind) + text[end:]
    made = text_form.parse(text)
    kept = {full_id(one["id"]) for one in made if one["type"] == "child"}
    held = {one["id"]: one for one in workspace.blocks.get(page_id, []) if one["type"] in _CHILDREN}
    if held.keys() - kept and not asked.get("allow_deleting_content"):
        raise NotionError(
            "validation_error", "This would delete child pages or databases. Set `allow_deleting_content` to do so."
        )
    return [held[full_id(one["id"]) or ""] if one["type"] == "child" else one
            for one in made if one["type"] != "child" or full_id(one["id"]) in held]  # fmt: skip


def replace(workspace: Workspace, page_id: str, content: list[Block], stamp: Stamp) -> list[str]:
    """Make the body of a page anew; the ids of the child pages and databases that are no longer in it."""
    held = [one["id"] for one in workspace.blocks.get(page_id, []) if one["type"] in _CHILDREN]
    kept = {one.get("id") for one in content}
    for child in list(workspace.blocks.get(page_id, [])):
        if child["type"] in _CHILDREN:
            workspace.blocks[page_id].remove(child)
        else:
            remove(workspace, child["id"])
    append(workspace, page_id, content, stamp, None)
    return [one for one in held if one not in kept]


def _inserted(text: str, asked: dict[str, Any]) -> str:
    content = _text(asked, "content", "insert_content")
    if "after" in asked:
        _, end = _span(text, _text(asked, "after", "insert_content"))
        return f"{text[:end]}\n{content}{text[end:]}"
    position = asked.get("position")
    if position is not None and (not isinstance(position, dict) or position.get("type") not in ("start", "end")):
        raise invalid("body.insert_content.position.type", "should be `start` or `end`")
    if position is not None and position["type"] == "start":
        return f"{content}\n{text}"
    return f"{text}\n{content}"


def _updated(text: str, asked: dict[str, Any]) -> str:
    changes = asked.get("content_updates")
    if not isinstance(changes, list):
        raise invalid("body.update_content.content_updates", "should be an array")
    for place, change in enumerate(changes):
        where = f"update_content.content_updates[{place}]"
        old, new = _text(change, "old_str", where), _text(change, "new_str", where)
        count = text.count(old) if old else 0
        if count == 0 or (count > 1 and not change.get("replace_all_matches")):
            raise NotionError(
                "validation_error", f"body.{where}.old_str was found {count} times; it should be found once."
            )
        text = text.replace(old, new)
    return text


def _span(text: str, selection: str) -> tuple[int, int]:
    """Where the selected text is; "first words...last words" selects from the one to the other."""
    first, dots, last = selection.partition("...")
    start = text.find(first)
    end = text.find(last, start + len(first)) + len(last) if dots else start + len(first)
    if start < 0 or not first or (dots and end < start + len(first) + len(last)):
        raise NotionError("validation_error", "The selected content was not found in the page.")
    return start, end


def _text(given: Any, key: str, where: str) -> str:
    value = given.get(key) if isinstance(given, dict) else None
    if not isinstance(value, str):
        raise invalid(f"body.{where}.{key}", "should be a string")
    return value
