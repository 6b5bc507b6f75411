"""The body of a page: blocks put in, taken out, and the Markdown calls (api/notion.md section 5).

Works on the workspace's blocks; who may call is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from concord_sandbox.notion import blocks
from concord_sandbox.notion.blocks import Block
from concord_sandbox.notion.errors import NotionError, invalid
from concord_sandbox.notion.models import Workspace, full_id

_OPERATIONS = ("insert_content", "replace_content_range", "update_content", "replace_content")


@dataclass(frozen=True)
class Stamp:
    """When and by whom blocks are made, and where their ids come from."""

    now: str
    by: str
    fresh_id: Callable[[], str]


def read_content(body: dict[str, Any]) -> list[Block]:
    """The blocks of a new page, from `children` or `markdown`: one or the other (section 3)."""
    markdown = body.get("markdown", body.get("content"))
    template = body.get("template")
    if template is not None and template.get("type") != "none":
        raise NotionError("validation_error", "The data source has no such template.")
    if markdown is None:
        return blocks.read(body["children"], "body.children") if "children" in body else []
    if "children" in body:
        raise invalid("body", "should have `children` or `markdown`, not both")
    if not isinstance(markdown, str):
        raise invalid("body.markdown", "should be a string")
    return blocks.from_markdown(markdown)


def append(
    workspace: Workspace, owner: str, content: list[Block], stamp: Stamp, position: dict[str, Any] | None
) -> list[Block]:
    """Store blocks as children of a page or block; the stored ones. `position`: section 5."""
    siblings = workspace.blocks.setdefault(owner, [])
    at = _place(siblings, position)
    made = [_store(workspace, owner, one, stamp) for one in content]
    siblings[at:at] = made
    return made


def _place(siblings: list[Block], position: dict[str, Any] | None) -> int:
    kind = (position or {}).get("type", "end")
    if kind == "end":
        return len(siblings)
    if kind == "start":
        return 0
    if kind != "after_block":
        raise invalid("body.position.type", "should be `end`, `start` or `after_block`")
    after = full_id((position or {}).get("after_block", {}).get("id"))
    for place, one in enumerate(siblings):
        if one["id"] == after:
            return place + 1
    raise NotionError("validation_error", "Block to append after is not a child of the parent block.")


def _store(workspace: Workspace, owner: str, one: Block, stamp: Stamp) -> Block:
    kind = one["type"]
    parent = "page_id" if owner in workspace.pages else "block_id"
    stored = {
        "id": stamp.fresh_id(),
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


def markdown(workspace: Workspace, page_id: str) -> str:
    """A page's body as Markdown."""
    return blocks.to_markdown(workspace.blocks.get(page_id, []), lambda owner: workspace.blocks.get(owner, []))


def markdown_object(workspace: Workspace, page_id: str) -> dict[str, Any]:
    """The answer of the Markdown calls."""
    text = markdown(workspace, page_id)
    return {"object": "page_markdown", "id": page_id, "markdown": text, "truncated": False, "unknown_block_ids": []}


def update_markdown(workspace: Workspace, page_id: str, body: dict[str, Any], stamp: Stamp) -> None:
    """Carry out one of the four operations; the whole body is made anew from the text that results."""
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
    for child in list(workspace.blocks.get(page_id, [])):
        remove(workspace, child["id"])
    append(workspace, page_id, blocks.from_markdown(text), stamp, None)


def _inserted(text: str, asked: dict[str, Any]) -> str:
    content = _text(asked, "content", "insert_content")
    if "after" in asked:
        _, end = _span(text, _text(asked, "after", "insert_content"))
        return f"{text[:end]}\n{content}{text[end:]}"
    if asked.get("position", {}).get("type") == "start":
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
