"""The blocks of a page's body: what a request may hold (api/notion.md section 5).

Plain functions; who stores what comes out is `bodies`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from concord_sandbox.notion import texts
from concord_sandbox.notion.calls import picture
from concord_sandbox.notion.errors import NotionError, invalid
from concord_sandbox.notion.values import external

Block = dict[str, Any]

_ARRAY_LIMIT, _TOTAL_LIMIT, _NESTING_LIMIT = 100, 1000, 2
_EQUATION_LIMIT, _URL_LIMIT = 1000, 2000
_WITH_TEXT = (
    "paragraph",
    "heading_1",
    "heading_2",
    "heading_3",
    "bulleted_list_item",
    "numbered_list_item",
    "to_do",
    "toggle",
    "quote",
    "callout",
    "code",
)
_FILES = ("image", "video", "file", "pdf", "audio")
MAY_NEST = (
    *("paragraph", "bulleted_list_item", "numbered_list_item", "to_do", "toggle", "quote", "callout"),
    *("heading_1", "heading_2", "heading_3", "table", "column_list", "column", "synced_block"),
)
#: What no request can make: Notion makes them itself.
_OWN = ("child_page", "child_database", "meeting_notes", "transcription", "link_preview", "unsupported")
_LANGUAGE = "plain text"


def read(given: Any, where: str, depth: int = 1) -> list[Block]:
    """The blocks of a request, checked, with their children under "children". Raises NotionError."""
    if not isinstance(given, list):
        raise invalid(where, f"should be an array, instead was `{texts.shown(given)}`")
    if len(given) > _ARRAY_LIMIT:
        raise invalid(f"{where}.length", f"should be ≤ `{_ARRAY_LIMIT}`, instead was `{len(given)}`")
    blocks = [_read_block(one, f"{where}[{place}]", depth) for place, one in enumerate(given)]
    if depth == 1 and (total := count(blocks)) > _TOTAL_LIMIT:
        raise invalid(where, f"should have at most {_TOTAL_LIMIT} blocks in all, instead had `{total}`")
    return blocks


def count(blocks: Iterable[Block]) -> int:
    """How many blocks there are, with all under them."""
    return sum(1 + count(one.get("children", [])) for one in blocks)


def kind_of(given: Any, where: str) -> str:
    """The type of a block in a request. Raises NotionError."""
    if not isinstance(given, dict):
        raise invalid(where, "should be an object")
    kind = given.get("type") or next((name for name in _READERS if name in given), None)
    if not isinstance(kind, str | None):
        raise invalid(f"{where}.type", f"should be a string, instead was `{texts.shown(kind)}`")
    if kind in _OWN:
        raise NotionError("validation_error", f"{where}: blocks of type {kind} cannot be made over the API.")
    if kind not in _READERS or not isinstance(given.get(kind), dict):
        raise invalid(f"{where}.{kind or 'type'}", "should be defined, instead was `undefined`")
    return str(kind)


def _read_block(given: Any, where: str, depth: int) -> Block:
    kind = kind_of(given, where)
    nested = given[kind].get("children", given.get("children"))
    body = read_body(kind, given[kind], where)
    block: Block = {"type": kind, kind: body}
    if nested:
        if kind not in MAY_NEST:
            raise invalid(f"{where}.{kind}.children", "should be not present")
        if depth > _NESTING_LIMIT:
            raise invalid(f"{where}.{kind}.children", "should be not present: only two levels can be nested")
        block["children"] = read(nested, f"{where}.{kind}.children", depth + 1)
    if kind == "table":
        _check_table(body, block, where)
    if kind == "column_list" and len(block.get("children", [])) < 2:
        raise invalid(f"{where}.column_list.children", "should have at least two columns")
    return block


def read_body(kind: str, given: dict[str, Any], where: str) -> dict[str, Any]:
    """What a block of that type says, without its children. Raises NotionError."""
    body = {name: value for name, value in given.items() if name != "children"}
    return _READERS[kind](kind, body, f"{where}.{kind}")


def changed(kind: str, before: dict[str, Any], given: dict[str, Any], where: str) -> dict[str, Any]:
    """What a block says after a change of some of it. Raises NotionError."""
    if "children" in given:
        raise invalid(f"{where}.{kind}.children", "should be not present")
    if kind == "table" and "table_width" in given:
        raise invalid(f"{where}.table.table_width", "should be not present: it is fixed when the table is made")
    if kind == "table_row" and len(given.get("cells", before["cells"])) != len(before["cells"]):
        raise _wrong_width()
    return read_body(kind, {**before, **given}, where)


def _with_text(kind: str, body: dict[str, Any], where: str) -> dict[str, Any]:
    body["rich_text"] = texts.read(body.get("rich_text"), f"{where}.rich_text")
    if kind == "code":
        body.setdefault("language", _LANGUAGE)
        body["caption"] = texts.read(body.get("caption", []), f"{where}.caption")
        return body
    body.setdefault("color", "default")
    if kind == "to_do":
        body.setdefault("checked", False)
        if not isinstance(body["checked"], bool):
            raise invalid(f"{where}.checked", f"should be a boolean, instead was `{texts.shown(body['checked'])}`")
    if kind == "callout":
        body["icon"] = picture(body, "icon", {"type": "emoji", "emoji": "💡"})
    if kind.startswith("heading_"):
        body.setdefault("is_toggleable", False)
    return body


def _empty(kind: str, body: dict[str, Any], where: str) -> dict[str, Any]:
    return body if kind == "synced_block" else {}


def _table_of_contents(kind: str, body: dict[str, Any], where: str) -> dict[str, Any]:
    return {"color": body.get("color", "default")}


def _equation(kind: str, body: dict[str, Any], where: str) -> dict[str, Any]:
    expression = body.get("expression")
    if not isinstance(expression, str):
        raise invalid(f"{where}.expression", f"should be a string, instead was `{texts.shown(expression)}`")
    if len(expression) > _EQUATION_LIMIT:
        raise invalid(f"{where}.expression.length", f"should be ≤ `{_EQUATION_LIMIT}`, instead was `{len(expression)}`")
    return {"expression": expression}


def _linked(kind: str, body: dict[str, Any], where: str) -> dict[str, Any]:
    url = body.get("url")
    if not isinstance(url, str) or not 0 < len(url) <= _URL_LIMIT:
        raise invalid(f"{where}.url", f"should be a URL of at most {_URL_LIMIT} characters")
    return {"url": url, "caption": texts.read(body.get("caption", []), f"{where}.caption")}


def _file(kind: str, body: dict[str, Any], where: str) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "external", "external": {"url": external(body, where)}}
    made["caption"] = texts.read(body.get("caption", []), f"{where}.caption")
    if kind == "file":
        made["name"] = str(body.get("name", made["external"]["url"].rsplit("/", 1)[-1]))
    return made


def _link_to_page(kind: str, body: dict[str, Any], where: str) -> dict[str, Any]:
    target = next((one for one in ("page_id", "database_id", "comment_id") if isinstance(body.get(one), str)), None)
    if target is None:
        raise invalid(f"{where}.page_id", "should be defined, instead was `undefined`")
    return {"type": target, target: body[target]}


def _row(kind: str, body: dict[str, Any], where: str) -> dict[str, Any]:
    cells = body.get("cells")
    if not isinstance(cells, list):
        raise invalid(f"{where}.cells", "should be defined, instead was `undefined`")
    return {"cells": [texts.read(cell, f"{where}.cells[{at}]") for at, cell in enumerate(cells)]}


def _table(kind: str, body: dict[str, Any], where: str) -> dict[str, Any]:
    return {"has_column_header": False, "has_row_header": False, **body}


_READERS: Mapping[str, Callable[[str, dict[str, Any], str], dict[str, Any]]] = {
    **dict.fromkeys(_WITH_TEXT, _with_text),
    **dict.fromkeys(_FILES, _file),
    **dict.fromkeys(("divider", "breadcrumb", "column_list", "column", "synced_block"), _empty),
    "table_of_contents": _table_of_contents,
    "equation": _equation,
    "bookmark": _linked,
    "embed": _linked,
    "link_to_page": _link_to_page,
    "table": _table,
    "table_row": _row,
}


def _check_table(body: dict[str, Any], block: Block, where: str) -> None:
    width, rows = body.get("table_width"), block.get("children", [])
    if not isinstance(width, int) or not rows:
        raise invalid(f"{where}.table", "should have `table_width` and at least one row in `children`")
    check_rows(width, rows)


def check_rows(width: int, rows: Iterable[Block]) -> None:
    """Raises NotionError when these are not rows of such a table."""
    for row in rows:
        if row["type"] != "table_row" or len(row["table_row"]["cells"]) != width:
            raise _wrong_width()


def _wrong_width() -> NotionError:
    words = "Number of cells in table row must match the table width of the parent table"
    return NotionError("validation_error", words)
