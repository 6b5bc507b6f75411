"""Notion-flavoured Markdown to blocks and back (api/notion.md section 5).

What has no Markdown of its own is left out of the text and named as unknown. Plain functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from concord_sandbox.notion import texts

Block = dict[str, Any]

_MARKS = {
    "heading_1": "# ",
    "heading_2": "## ",
    "heading_3": "### ",
    "bulleted_list_item": "- ",
    "numbered_list_item": "1. ",
    "quote": "> ",
}
#: Only these can have blocks under them.
_NESTING = ("bulleted_list_item", "numbered_list_item", "to_do", "quote", "paragraph")
_INLINE = re.compile(
    r"\[(?P<words>[^\]]+)\]\((?P<url>\S+?)\)|\*\*(?P<bold>.+?)\*\*|`(?P<code>[^`]+)`|~~(?P<strike>.+?)~~"
    r"|(?<![*\w])\*(?P<italic>[^*\s](?:[^*]*[^*\s])?)\*(?![*\w])|\$`(?P<equation>[^`]+)`\$"
)
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
_IMAGE = re.compile(r"!\[([^\]]*)\]\((\S+)\)")
_CHILD = re.compile(r'<(page|database) url="[^"]*?([0-9a-f]{32})">(.*)</\1>')
_SUMMARY = re.compile(r"<summary>(.*)</summary>")
_CALLOUT = re.compile(r'<callout(?: icon="([^"]*)")?>')


# From Markdown.


def parse(text: str) -> list[Block]:
    """Blocks, with their children under "children"; children are indented by tabs. A line that names a child page or
    database becomes {"type": "child", "id"}."""
    return list(_Reader(text.splitlines()).read())


class _Reader:
    """Goes through the lines of one level."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._at = 0

    def read(self) -> Iterator[Block]:
        while self._at < len(self._lines):
            line = self._lines[self._at].rstrip()
            if not line:
                self._at += 1
                continue
            block = self._block(line)
            if block["type"] in _NESTING:
                children = list(_Reader(self._indented()).read())
                if children:
                    block["children"] = children
            yield block

    def _block(self, line: str) -> Block:
        start = self._at
        self._at += 1
        if line.startswith("```"):
            self._at = self._until(lambda one: one.startswith("```"))
            code = "\n".join(self._lines[start + 1 : self._at])
            self._at += 1
            return _text_block("code", code, language=line[3:] or "plain text")
        if line.startswith("|"):
            self._at = self._until(lambda one: not one.startswith("|"))
            return _table(self._lines[start : self._at])
        if line == "<details>":
            return self._toggle()
        if (callout := _CALLOUT.fullmatch(line)) is not None:
            return self._callout(callout[1])
        if (image := _IMAGE.fullmatch(line)) is not None:
            file = {"type": "external", "external": {"url": image[2]}, "caption": list(_inline(image[1]))}
            return {"type": "image", "image": file}
        if (child := _CHILD.fullmatch(line)) is not None:
            return {"type": "child", "id": child[2]}
        return _line(line.lstrip("\t"))

    def _until(self, found: Callable[[str], bool]) -> int:
        """The place of the next line that is so, or the end."""
        return next((at for at in range(self._at, len(self._lines)) if found(self._lines[at])), len(self._lines))

    def _indented(self) -> list[str]:
        start = self._at
        self._at = self._until(lambda one: not one.startswith("\t"))
        return [one[1:] for one in self._lines[start : self._at]]

    def _enclosed(self, last: str) -> list[str]:
        start = self._at
        self._at = self._until(lambda one: one.rstrip() == last)
        inner = [one.removeprefix("\t") for one in self._lines[start : self._at]]
        self._at += 1
        return inner

    def _toggle(self) -> Block:
        inner = self._enclosed("</details>")
        summary = _SUMMARY.fullmatch(inner[0].rstrip()) if inner else None
        block = _text_block("toggle", summary[1] if summary is not None else "")
        children = parse("\n".join(inner[1:] if summary is not None else inner))
        return block | ({"children": children} if children else {})

    def _callout(self, emoji: str | None) -> Block:
        inner = self._enclosed("</callout>")
        block = _text_block("callout", inner[0] if inner else "", icon={"type": "emoji", "emoji": emoji or "💡"})
        children = parse("\n".join(inner[1:]))
        return block | ({"children": children} if children else {})


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
    if kind == "code":
        return {"type": kind, kind: {"rich_text": pieces, "caption": [], **more}}
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
        yield from (texts.piece(part) for part in _parts(text[at : found.start()]))
        if found["words"] is not None:
            yield texts.piece(found["words"], found["url"])
        elif found["equation"] is not None:
            yield texts.read([{"equation": {"expression": found["equation"][:1000]}}], "markdown")[0]
        else:
            marks = {"bold": "bold", "code": "code", "strike": "strikethrough", "italic": "italic"}
            name = next(one for one in marks if found[one] is not None)
            yield texts.piece(found[name], None, **{marks[name]: True})
        at = found.end()
    yield from (texts.piece(part) for part in _parts(text[at:]))


def _parts(text: str) -> Iterator[str]:
    for start in range(0, len(text), 2000):
        yield text[start : start + 2000]


# To Markdown.


class Writer:
    """Blocks as Markdown. `children_of` gives the children of a block's id; `unknown`: ids of what was left out."""

    def __init__(self, children_of: Callable[[str], list[Block]]) -> None:
        self._children_of = children_of
        self.unknown: list[str] = []

    def text(self, blocks: Iterable[Block]) -> str:
        return "\n".join(line for one in blocks for line in self._lines(one))

    def _lines(self, block: Block) -> list[str]:
        kind, body = block["type"], block[block["type"]]
        nested = (
            [line for one in self._children_of(block["id"]) for line in self._lines(one)] if kind != "table" else []
        )
        if kind == "table":
            return self._table(block)
        if kind in ("toggle", "callout"):
            return _enclosing(kind, body, nested)
        if kind in ("child_page", "child_database"):
            tag = kind.removeprefix("child_")
            return [f'<{tag} url="https://www.notion.so/{block["id"].replace("-", "")}">{body["title"]}</{tag}>']
        if kind == "code":
            return [f"```{body.get('language', '')}", *texts.plain(body["rich_text"]).split("\n"), "```"]
        if kind == "to_do" or kind in _MARKS or kind == "paragraph":
            mark = f"- [{'x' if body['checked'] else ' '}] " if kind == "to_do" else _MARKS.get(kind, "")
            return [mark + _marked(body["rich_text"]), *(f"\t{line}" for line in nested)]
        return self._simple(block, nested)

    def _simple(self, block: Block, nested: list[str]) -> list[str]:
        kind, body = block["type"], block[block["type"]]
        if kind == "divider":
            return ["---"]
        if kind in ("bookmark", "embed"):
            return [f"[{body.get('url')}]({body.get('url')})"]
        if kind == "image":
            return [f"![{_marked(body.get('caption', []))}]({body['external']['url']})"]
        if kind == "equation":
            return [f"$`{body['expression']}`$"]
        if kind in ("column_list", "column", "synced_block"):
            return nested
        self.unknown.append(block["id"])
        return []

    def _table(self, block: Block) -> list[str]:
        body, nested = block["table"], self._children_of(block["id"])
        rows = ["| " + " | ".join(map(_marked, row["table_row"]["cells"])) + " |" for row in nested]
        if body["has_column_header"]:
            rows.insert(1, "|" + " --- |" * body["table_width"])
        return rows


def _enclosing(kind: str, body: dict[str, Any], nested: list[str]) -> list[str]:
    words, inner = _marked(body["rich_text"]), [f"\t{line}" for line in nested]
    if kind == "toggle":
        return ["<details>", f"<summary>{words}</summary>", *inner, "</details>"]
    emoji = (body.get("icon") or {}).get("emoji")
    return [f'<callout icon="{emoji}">' if emoji else "<callout>", f"\t{words}", *inner, "</callout>"]


def _marked(pieces: list[dict[str, Any]]) -> str:
    shown = []
    for one in pieces:
        text, marks = one["plain_text"], one["annotations"]
        if one["type"] == "equation":
            text = f"$`{text}`$"
        for name, mark in (("code", "`"), ("italic", "*"), ("bold", "**"), ("strikethrough", "~~")):
            if marks[name]:
                text = f"{mark}{text}{mark}"
        shown.append(f"[{text}]({one['href']})" if one["href"] else text)
    return "".join(shown)
