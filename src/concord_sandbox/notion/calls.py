"""One call as what answers it sees it: ids from the path, query, body, and the version it speaks.

Knows no route and no state.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from concord_sandbox.notion.errors import NotionError, invalid
from concord_sandbox.notion.models import full_id
from concord_sandbox.notion.texts import shown

#: Section 1: what each version changes.
BEFORE_SOURCES, SOURCES, LATEST = "2022-06-28", "2025-09-03", "2026-03-11"
VERSIONS = (BEFORE_SOURCES, SOURCES, LATEST)
_PAGE_LIMIT = 100


@dataclass(frozen=True)
class Call:
    """One call that passed the door."""

    method: str
    path: str
    ids: dict[str, str]
    query: dict[str, str]
    filter_properties: list[str]
    body: dict[str, Any]
    version: str

    @property
    def has_sources(self) -> bool:
        """Whether this version knows data sources; before, a database is its one data source."""
        return self.version >= SOURCES

    @property
    def is_latest(self) -> bool:
        return self.version >= LATEST

    def window(self, given: dict[str, Any]) -> tuple[int, str | None]:
        """page_size (1-100) and start_cursor of a list call, from its query or body."""
        size = given.get("page_size", _PAGE_LIMIT)
        number = int(size) if str(size).isdecimal() and not isinstance(size, bool) else 0
        if not 1 <= number <= _PAGE_LIMIT:
            raise invalid("page_size", f"should be from 1 to {_PAGE_LIMIT}, instead was `{shown(size)}`")
        return number, given.get("start_cursor")

    def only(self, *names: str) -> None:
        """Refuse a body with anything else. Raises NotionError."""
        for name, value in self.body.items():
            if name not in names:
                raise invalid(f"body.{name}", f"should be not present, instead was `{shown(value)[:100]}`")

    def trash(self) -> bool | None:
        """Whether the call moves something to the trash (True), out of it (False), or neither. Raises NotionError."""
        if "archived" in self.body and self.is_latest:
            raise invalid("body.archived", "should be not present, use `in_trash`")
        found = self.body.get("in_trash", self.body.get("archived"))
        if found is not None and not isinstance(found, bool):
            raise invalid("body.in_trash", f"should be a boolean, instead was `{shown(found)}`")
        return found


def path_id(call: Call, name: str = "id") -> str:
    """The id in the path, with dashes. Raises NotionError for what is no UUID."""
    given = call.ids[name]
    known = full_id(given)
    if known is None:
        raise NotionError(
            "validation_error", f"path failed validation: path.{name} should be a valid uuid, instead was `{given}`."
        )
    return known


def body_id(given: Any, where: str) -> str:
    """An id in the body. Raises NotionError for what is no UUID."""
    known = full_id(given) if isinstance(given, str) else None
    if known is None:
        raise invalid(where, f"should be a valid uuid, instead was `{shown(given)}`")
    return known


def windowed(ids: Iterable[str], size: int, cursor: str | None) -> tuple[list[str], str | None]:
    """The ids of one page of a list, and the cursor of the next. Raises NotionError for a cursor that is none."""
    found = list(ids)
    start = 0
    if cursor is not None:
        known = full_id(cursor)
        if known not in found:
            raise invalid("start_cursor", f"should be a valid cursor, instead was `{cursor}`")
        start = found.index(known)
    following = found[start + size] if start + size < len(found) else None
    return found[start : start + size], following


def object_in(body: dict[str, Any], name: str) -> dict[str, Any]:
    """An object in a body; absent or null is empty. Raises NotionError."""
    found = body.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise invalid(f"body.{name}", f"should be an object, instead was `{shown(found)}`")
    return found


def picture(body: dict[str, Any], name: str, before: dict[str, Any] | None) -> dict[str, Any] | None:
    """The `icon` or `cover` of a request, else what was there before. Raises NotionError."""
    if name not in body:
        return before
    given = body[name]
    if given is None:
        return None
    emoji = given.get("emoji") if isinstance(given, dict) else None
    if name == "icon" and isinstance(emoji, str) and emoji:
        return {"type": "emoji", "emoji": emoji}
    outside = given.get("external") if isinstance(given, dict) else None
    url = outside.get("url") if isinstance(outside, dict) else None
    if isinstance(url, str) and url:
        return {"type": "external", "external": {"url": url}}
    if isinstance(given, dict) and "file_upload" in given:
        raise NotionError("validation_error", "This sandbox does not emulate file uploads.")
    raise invalid(f"body.{name}", "should be an emoji or an external file" if name == "icon" else "should be a file")
