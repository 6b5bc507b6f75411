"""The blocks of a page's body: what a request may hold, and blocks to and from Markdown (api/notion.md section 5).

Plain functions; the service stores what comes out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from concord_sandbox.notion import texts
from concord_sandbox.notion.errors import NotionError, invalid

Block = dict[str, Any]

_ARRAY_LIMIT, _TOTAL_LIMIT, _NESTING_LIMIT = 100, 1000, 2
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
_TYPES = (*_WITH_TEXT, "divider", "bookmark", "table", "table_row")
_MARKS = {
    "heading_1": "# ",
    "heading_2": "## ",
    "heading_3": "### ",
    "bulleted_list_item": "- ",
    "numbered_list_item": "1. ",
    "quote": "> ",
}
_INLINE = re.compile(r"\[([^\]]+)\]\((\S+?)\)|\*\*(.+?)\*\*")
_LINES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"### (.*)"), "heading_3"),
    (re.compile(r"## (.*)"), "heading_2"),
    (re.compile(r"# (.*)"), "heading_1"),
    (re.compile(r"[-*] \[( |x)\] (.*)"), "to_do"),
    (re.compile(r"[-*] (.*)"), "bulleted_list_item"),
    (re.compile(r"\d+\. (.*)"), "numbered_list_item"),
    (re.compile(r"> (.*)"), "quote"),
    (re.compile(r"-{3,}"), "divider"),
)


def read(given: Any, where: str, depth: int = 1) -> list[Block]:
    """The blocks of a request, checked, with their children under "children". Raises NotionError."""
    if not isinstance(given, list):
        raise invalid(where, f"should be an array, instead was `{texts.shown(given)}`")
    if len(given) > _ARRAY_LIMIT:
        raise invalid(f"{where}.length", f"should be ≤ `{_ARRAY_LIMIT}`, instead was `{len(given)}`")
    blocks = [_read_block(one, f"{where}[{place}]", depth) for place, one in enumerate(given)]
    if depth == 1 and (count := _count(blocks)) > _TOTAL_LIMIT:
        raise invalid(where, f"should have at most {_TOTAL_LIMIT} blocks in all, instead had `{count}`")
    return blocks


def _read_block(given: Any, where: str, depth: int) -> Block:
    if not isinstance(given, dict):
        raise invalid(where, "should be an object")
    kind = given.get("type") or next((name for name in _TYPES if name in given), None)
    if kind not in _TYPES or not isinstance(given.get(kind), dict):
        raise invalid(f"{where}.{kind or 'type'}", "should be defined, instead was `undefined`")
    body = dict(given[kind])
    nested = body.pop("children", given.get("children"))
    if kind in _WITH_TEXT:
        body["rich_text"] = texts.read(body.get("rich_text"), f"{where}.{kind}.rich_text")
        body.setdefault("color", "default")
    if kind == "to_do":
        body.setdefault("checked", False)
    if kind == "table_row":
        cells = body.get("cells")
        if not isinstance(cells, list):
            raise invalid(f"{where}.table_row.cells", "should be defined, instead was `undefined`")
        body["cells"] = [texts.read(cell, f"{where}.table_row.cells[{at}]") for at, cell in enumerate(cells)]
    block: Block = {"type": kind, kind: body}
    if nested:
        if depth > _NESTING_LIMIT:
            raise invalid(f"{where}.{kind}.children", "should be not present: only two levels can be nested")
        block["children"] = read(nested, f"{where}.{kind}.children", depth + 1)
    if kind == "table":
        _check_table(body, block, where)
    return block


def _check_table(body: dict[str, Any], block: Block, where: str) -> None:
    width, rows = body.get("table_width"), block.get("children", [])
    if not isinstance(width, int) or not rows:
        raise invalid(f"{where}.table", "should have `table_width` and at least one row in `children`")
    body.setdefault("has_column_header", False)
    body.setdefault("has_row_header", False)
    for row in rows:
        if row["type"] != "table_row" or len(row["table_row"]["cells"]) != width:
            raise NotionError(
                "validation_error", "Number of cells in table row must match the table width of the parent table"
            )


def _count(blocks: Iterable[Block]) -> int:
    return sum(1 + _count(one.get("children", [])) for one in blocks)


# Markdown.


def from_markdown(text: str) -> list[Block]:
    """Notion-flavoured Markdown as blocks: headings, lists, to-dos, quotes, code, tables, dividers, paragraphs."""
    lines = text.splitlines()
    blocks: list[Block] = []
    at = 0
    while at < len(lines):
        line = lines[at].rstrip()
        if line.startswith("```"):
            end = next((place for place in range(at + 1, len(lines)) if lines[place].startswith("```")), len(lines))
            blocks.append(_text_block("code", "\n".join(lines[at + 1 : end]), language=line[3:] or "plain text"))
            at = end + 1
        elif line.startswith("|"):
            end = next((place for place in range(at, len(lines)) if not lines[place].startswith("|")), len(lines))
            blocks.append(_table(lines[at:end]))
            at = end
        else:
            if line:
                blocks.append(_line(line))
            at += 1
    return blocks


def _line(line: str) -> Block:
    for pattern, kind in _LINES:
        found = pattern.fullmatch(line)
        if found is None:
            continue
        if kind == "divider":
            return {"type": kind, kind: {}}
        if kind == "to_do":
            return _text_block(kind, found[2], checked=found[1] == "x")
        return _text_block(kind, found[1])
    return _text_block("paragraph", line)


def _text_block(kind: str, text: str, **more: Any) -> Block:
    pieces = [texts.piece(part) for part in _parts(text)] if kind == "code" else list(_inline(text))
    return {"type": kind, kind: {"rich_text": pieces, "color": "default", **more}}


def _table(lines: list[str]) -> Block:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    header = len(rows) > 1 and all(re.fullmatch(r":?-+:?", cell) for cell in rows[1])
    if header:
        del rows[1]
    width = max(len(row) for row in rows)
    return {
        "type": "table",
        "table": {"table_width": width, "has_column_header": header, "has_row_header": False},
        "children": [
            {
                "type": "table_row",
                "table_row": {"cells": [list(_inline(cell)) for cell in row + [""] * (width - len(row))]},
            }
            for row in rows
        ],
    }


def _inline(text: str) -> Iterator[dict[str, Any]]:
    at = 0
    for found in _INLINE.finditer(text):
        for part in _parts(text[at : found.start()]):
            yield texts.piece(part)
        if found[3] is not None:
            yield texts.piece(found[3], bold=True)
        else:
            yield texts.piece(found[1], found[2])
        at = found.end()
    for part in _parts(text[at:]):
        yield texts.piece(part)


def _parts(text: str) -> Iterator[str]:
    for start in range(0, len(text), 2000):
        yield text[start : start + 2000]


def to_markdown(blocks: Iterable[Block], children_of: Callable[[str], list[Block]]) -> str:
    """Stored blocks as Markdown; `children_of` gives the children of a block's id."""
    lines = [line for one in blocks for line in _markdown_lines(one, children_of, "")]
    return "\n".join(lines)


def _markdown_lines(block: Block, children_of: Callable[[str], list[Block]], indent: str) -> list[str]:
    kind = block["type"]
    body = block[kind]
    nested = children_of(block["id"])
    if kind == "divider":
        return [f"{indent}---"]
    if kind == "table":
        rows = [f"{indent}| " + " | ".join(map(_marked, row["table_row"]["cells"])) + " |" for row in nested]
        if body["has_column_header"]:
            rows.insert(1, f"{indent}|" + " --- |" * body["table_width"])
        return rows
    if kind == "bookmark":
        return [f"{indent}[{body.get('url')}]({body.get('url')})"]
    text = _marked(body["rich_text"])
    if kind == "code":
        return [f"{indent}```{body.get('language', '')}", *texts.plain(body["rich_text"]).split("\n"), f"{indent}```"]
    if kind == "to_do":
        text = f"- [{'x' if body['checked'] else ' '}] {text}"
    else:
        text = _MARKS.get(kind, "") + text
    return [indent + text, *(line for one in nested for line in _markdown_lines(one, children_of, indent + "\t"))]


def _marked(pieces: list[dict[str, Any]]) -> str:
    shown = []
    for one in pieces:
        text = one["plain_text"]
        if one["annotations"]["bold"]:
            text = f"**{text}**"
        shown.append(f"[{text}]({one['href']})" if one["href"] else text)
    return "".join(shown)
