"""Rich text as Notion takes it and as Notion gives it back. Limits: api/notion.md sections 4 and 5."""

from __future__ import annotations

from typing import Any

from concord_sandbox.notion.errors import invalid

_CONTENT_LIMIT, _ARRAY_LIMIT, _LINK_LIMIT, _EQUATION_LIMIT = 2000, 100, 2000, 1000
_PLAIN = {
    "bold": False,
    "italic": False,
    "strikethrough": False,
    "underline": False,
    "code": False,
    "color": "default",
}
_MENTIONS = ("page", "database", "user", "date", "data_source")


def read(given: Any, where: str) -> list[dict[str, Any]]:
    """The rich text of a request, checked and completed. Raises NotionError that names the place."""
    if not isinstance(given, list):
        raise invalid(where, f"should be an array, instead was `{shown(given)}`")
    if len(given) > _ARRAY_LIMIT:
        raise invalid(f"{where}.length", f"should be ≤ `{_ARRAY_LIMIT}`, instead was `{len(given)}`")
    return [_piece(piece, f"{where}[{place}]") for place, piece in enumerate(given)]


def _piece(given: Any, where: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise invalid(f"{where}.text", "should be defined, instead was `undefined`")
    annotations = _annotations(given.get("annotations"), where)
    if "equation" in given:
        return _equation(given["equation"], where, annotations)
    if "mention" in given:
        return _mention(given["mention"], where, annotations)
    text = given.get("text")
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
    return piece(content, url, **annotations)


def _annotations(given: Any, where: str) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict) or not given.keys() <= _PLAIN.keys():
        raise invalid(f"{where}.annotations", f"should be an object with any of {', '.join(_PLAIN)}")
    for name, value in given.items():
        if not isinstance(value, str if name == "color" else bool):
            raise invalid(f"{where}.annotations.{name}", f"has a value of the wrong type, `{shown(value)}`")
    return given


def _equation(given: Any, where: str, annotations: dict[str, Any]) -> dict[str, Any]:
    expression = given.get("expression") if isinstance(given, dict) else None
    if not isinstance(expression, str) or len(expression) > _EQUATION_LIMIT:
        raise invalid(f"{where}.equation.expression", f"should be a string of at most {_EQUATION_LIMIT} characters")
    return _other("equation", {"expression": expression}, expression, annotations)


def _mention(given: Any, where: str, annotations: dict[str, Any]) -> dict[str, Any]:
    kind = next((one for one in _MENTIONS if isinstance(given, dict) and one in given), None)
    about = given.get(kind) if kind is not None else None
    if (
        kind is None
        or not isinstance(about, dict)
        or not isinstance(about.get("start" if kind == "date" else "id"), str)
    ):
        raise invalid(f"{where}.mention", f"should be one of {', '.join(_MENTIONS)}")
    words = about["start"] if kind == "date" else f"@{about['id']}"
    return _other("mention", {"type": kind, kind: about}, words, annotations)


def _other(kind: str, about: dict[str, Any], words: str, annotations: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, kind: about, "annotations": {**_PLAIN, **annotations}, "plain_text": words, "href": None}


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
