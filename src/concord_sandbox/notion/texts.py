"""Rich text as Notion takes it and as Notion gives it back. Limits: api/notion.md section 4."""

from __future__ import annotations

from typing import Any

from concord_sandbox.notion.errors import invalid

_CONTENT_LIMIT, _ARRAY_LIMIT, _LINK_LIMIT = 2000, 100, 2000
_PLAIN = {
    "bold": False,
    "italic": False,
    "strikethrough": False,
    "underline": False,
    "code": False,
    "color": "default",
}


def read(given: Any, where: str) -> list[dict[str, Any]]:
    """The rich text of a request, checked and completed. Raises NotionError that names the place."""
    if not isinstance(given, list):
        raise invalid(where, f"should be an array, instead was `{shown(given)}`")
    if len(given) > _ARRAY_LIMIT:
        raise invalid(f"{where}.length", f"should be ≤ `{_ARRAY_LIMIT}`, instead was `{len(given)}`")
    return [_piece(piece, f"{where}[{place}]") for place, piece in enumerate(given)]


def _piece(given: Any, where: str) -> dict[str, Any]:
    text = given.get("text") if isinstance(given, dict) else None
    if not isinstance(text, dict):
        raise invalid(f"{where}.text", f"should be defined, instead was `{shown(text)}`")
    content = text.get("content")
    if not isinstance(content, str):
        raise invalid(f"{where}.text.content", f"should be a string, instead was `{shown(content)}`")
    if len(content) > _CONTENT_LIMIT:
        raise invalid(f"{where}.text.content.length", f"should be ≤ `{_CONTENT_LIMIT}`, instead was `{len(content)}`")
    link = text.get("link")
    url = link.get("url") if isinstance(link, dict) else None
    if url is not None and (not isinstance(url, str) or not 0 < len(url) <= _LINK_LIMIT):
        raise invalid(f"{where}.text.link.url", f"should be a URL of at most {_LINK_LIMIT} characters")
    return piece(content, url, **given.get("annotations", {}))


def piece(content: str, url: str | None = None, **annotations: Any) -> dict[str, Any]:
    """One run of text as Notion gives it back."""
    return {
        "type": "text",
        "text": {"content": content, "link": {"url": url} if url else None},
        "annotations": {**_PLAIN, **annotations},
        "plain_text": content,
        "href": url,
    }


def plain(texts: list[dict[str, Any]]) -> str:
    """What one reads."""
    return "".join(one["plain_text"] for one in texts)


def shown(value: Any) -> str:
    """A value as Notion's messages show it."""
    if value is None:
        return "undefined"
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
