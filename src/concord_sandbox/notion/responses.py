"""Notion's answers: the objects as the API shows them (api/notion.md sections 2-5), and the error body."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from starlette.responses import JSONResponse

from concord_sandbox.notion import texts
from concord_sandbox.notion.errors import NotionError
from concord_sandbox.notion.models import Database, DataSource, Page, Workspace
from concord_sandbox.notion.values import plain_value

_SINCE = "2026-01-05T08:00:00.000Z"  # when the workspace's databases were made; nothing depends on it


def error_response(error: NotionError, request_id: str) -> JSONResponse:
    """The error body of section 7."""
    body = {
        "object": "error",
        "status": error.status,
        "code": error.code,
        "message": error.message,
        "request_id": request_id,
        "additional_data": error.additional_data,
    }
    return JSONResponse(body, error.status, headers=error.headers)


def bot(workspace: Workspace) -> dict[str, Any]:
    """The connection's own user."""
    return {
        "object": "user",
        "id": workspace.bot_id,
        "name": workspace.settings["name"],
        "avatar_url": None,
        "type": "bot",
        "bot": {"owner": {"type": "workspace", "workspace": True}, "workspace_name": "Sandbox workspace"},
    }


def database(workspace: Workspace, one: Database, version: str) -> dict[str, Any]:
    """A database with the list of its data sources."""
    sources = [source for source in workspace.data_sources.values() if source.database_id == one.id]
    return {
        "object": "database",
        "id": one.id,
        "title": [texts.piece(one.title)],
        "description": [],
        "parent": {"type": "workspace", "workspace": True},
        "is_inline": False,
        **_trash(False, version),
        "created_time": _SINCE,
        "last_edited_time": _SINCE,
        "data_sources": [{"id": source.id, "name": source.name} for source in sources],
        "icon": None,
        "cover": None,
        "url": f"https://www.notion.so/{one.id.replace('-', '')}",
        "public_url": None,
    }


def data_source(source: DataSource, version: str) -> dict[str, Any]:
    """A data source with its schema."""
    return {
        "object": "data_source",
        "id": source.id,
        "title": [texts.piece(source.name)],
        "description": [],
        "parent": {"type": "database_id", "database_id": source.database_id},
        "database_parent": {"type": "workspace", "workspace": True},
        "properties": {one.name: one.schema() for one in source.properties.values()},
        **_trash(False, version),
        "created_time": _SINCE,
        "last_edited_time": _SINCE,
        "icon": None,
        "url": f"https://www.notion.so/{source.database_id.replace('-', '')}",
        "public_url": None,
    }


def page(one: Page, source: DataSource, version: str, only: list[str] | None = None) -> dict[str, Any]:
    """A page; `only`: the names or ids of the properties to show."""
    shown = [found for found in source.properties.values() if not only or found.id in only or found.name in only]
    properties = {}
    for found in shown:
        value = one.values.get(found.id, found.blank())
        if found.type in ("created_time", "last_edited_time"):
            value = one.created_time if found.type == "created_time" else one.last_edited_time
        properties[found.name] = {"id": found.id, "type": found.type, found.type: value}
    return {
        "object": "page",
        "id": one.id,
        "created_time": one.created_time,
        "last_edited_time": one.last_edited_time,
        "created_by": {"object": "user", "id": one.created_by},
        "last_edited_by": {"object": "user", "id": one.last_edited_by},
        "cover": one.cover,
        "icon": one.icon,
        "parent": {
            "type": "data_source_id",
            "data_source_id": one.data_source_id,
            "database_id": source.database_id,
        },
        **_trash(one.in_trash, version),
        "is_locked": False,
        "properties": properties,
        "url": page_url(one, source),
        "public_url": None,
    }


def page_url(one: Page, source: DataSource) -> str:
    """The page's address: its slug follows the title, its last 32 characters are the id (section 8)."""
    slug = re.sub(r"[^\w]+", "-", str(plain_value("title", one.values.get(source.title().id, [])))).strip("-")
    name = f"{slug}-" if slug else ""
    return f"https://www.notion.so/{quote(name)}{one.id.replace('-', '')}"


def block(one: dict[str, Any], version: str, *, has_children: bool) -> dict[str, Any]:
    """A block; children are fetched on their own."""
    kind = one["type"]
    trash = _trash(one.get("in_trash", False), version)
    return {"object": "block", **one, "has_children": has_children, **trash, kind: one[kind]}


def listed(results: list[Any], kind: str, next_cursor: str | None) -> dict[str, Any]:
    """One page of a list."""
    return {
        "object": "list",
        "results": results,
        "next_cursor": next_cursor,
        "has_more": next_cursor is not None,
        "type": kind,
        kind: {},
    }


def _trash(in_trash: bool, version: str) -> dict[str, bool]:
    """Since 2026-03-11 the field `archived` is gone (section 1)."""
    return {"in_trash": in_trash} if version >= "2026-03-11" else {"archived": in_trash, "in_trash": in_trash}
