"""Notion's answers: the objects as the API shows them (api/notion.md sections 2-5), and the error body."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from starlette.responses import JSONResponse

from concord_sandbox.notion import texts
from concord_sandbox.notion.calculated import value_of
from concord_sandbox.notion.calls import LATEST, SOURCES
from concord_sandbox.notion.errors import NotionError
from concord_sandbox.notion.models import Database, DataSource, Page, Workspace

_REFERENCES_SHOWN = 25  # of a relation or people property; the rest by the property's own address


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


def database(workspace: Workspace, one: Database, version: str) -> dict[str, Any]:
    """A database with the list of its data sources; before there were any, with the schema of its one."""
    sources = [source for source in workspace.sources_of(one.id) if not source.in_trash]
    shown = {
        "object": "database",
        "id": one.id,
        "title": [texts.piece(one.title)] if one.title else [],
        "description": one.description,
        "parent": place(one.parent_page),
        "is_inline": one.is_inline,
        "is_locked": one.is_locked,
        **_trash(one.in_trash, version),
        "created_time": one.created_time,
        "last_edited_time": one.last_edited_time,
        "icon": one.icon,
        "cover": one.cover,
        "url": _address(one.id),
        "public_url": None,
    }
    if version < SOURCES:
        return {**shown, "properties": _schema(workspace, sources[0], version) if sources else {}}
    return {**shown, "data_sources": [{"id": source.id, "name": source.name} for source in sources]}


def data_source(workspace: Workspace, source: DataSource, version: str) -> dict[str, Any]:
    """A data source with its schema."""
    owner = workspace.databases[source.database_id]
    bot = {"object": "user", "id": workspace.bot_id}
    return {
        "object": "data_source",
        "id": source.id,
        "title": [texts.piece(source.name)] if source.name else [],
        "description": source.description,
        "parent": {"type": "database_id", "database_id": source.database_id},
        "database_parent": place(owner.parent_page),
        "is_inline": owner.is_inline,
        "properties": _schema(workspace, source, version),
        **_trash(source.in_trash, version),
        "created_time": source.created_time,
        "last_edited_time": source.last_edited_time,
        "created_by": bot,
        "last_edited_by": bot,
        "icon": source.icon,
        "cover": source.cover,
        "url": _address(source.database_id),
        "public_url": None,
    }


def _schema(workspace: Workspace, source: DataSource, version: str) -> dict[str, Any]:
    owners = {one.id: one.database_id for one in workspace.data_sources.values()}
    return {one.name: one.wire(version, owners) for one in source.properties.values()}


def place(parent_page: str | None) -> dict[str, Any]:
    """The parent of what lies in a page or in the workspace itself."""
    if parent_page is None:
        return {"type": "workspace", "workspace": True}
    return {"type": "page_id", "page_id": parent_page}


def page(workspace: Workspace, one: Page, version: str, only: list[str] | None = None) -> dict[str, Any]:
    """A page; `only`: the names or ids of the properties to show. A connection that may not read sees its id alone."""
    if "read" not in workspace.settings["capabilities"]:
        return {"object": "page", "id": one.id}
    properties = {}
    for found in workspace.properties_of(one):
        if only and found.id not in only and found.name not in only:
            continue
        value = value_of(workspace, one, found)
        shown = {"id": found.id, "type": found.type, found.type: value}
        if found.type in ("relation", "people"):
            shown[found.type] = value[:_REFERENCES_SHOWN]
        if found.type == "relation":
            shown["has_more"] = len(value) > _REFERENCES_SHOWN
        properties[found.name] = shown
    return {
        "object": "page",
        "id": one.id,
        "created_time": one.created_time,
        "last_edited_time": one.last_edited_time,
        "created_by": {"object": "user", "id": one.created_by},
        "last_edited_by": {"object": "user", "id": one.last_edited_by},
        "cover": one.cover,
        "icon": one.icon,
        "parent": _parent(workspace, one, version),
        **_trash(one.in_trash, version),
        "is_locked": one.is_locked,
        "properties": properties,
        "url": page_url(workspace, one),
        "public_url": None,
    }


def _parent(workspace: Workspace, one: Page, version: str) -> dict[str, Any]:
    if one.data_source_id is None:
        return place(one.parent_page)
    database_id = workspace.data_sources[one.data_source_id].database_id
    if version < SOURCES:
        return {"type": "database_id", "database_id": database_id}
    return {"type": "data_source_id", "data_source_id": one.data_source_id, "database_id": database_id}


def page_url(workspace: Workspace, one: Page) -> str:
    """The page's address: its slug follows the title, its last 32 characters are the id (section 8)."""
    slug = re.sub(r"[^\w]+", "-", workspace.title_of(one)).strip("-")
    return _address(one.id, f"{slug}-" if slug else "")


def _address(known: str, slug: str = "") -> str:
    return f"https://www.notion.so/{quote(slug.encode('utf-8', 'replace'))}{known.replace('-', '')}"


def block(one: dict[str, Any], version: str, *, has_children: bool) -> dict[str, Any]:
    """A block; children are fetched on their own. Meeting notes have another name in older versions."""
    kind = one["type"]
    shown = {"object": "block", **one, "has_children": has_children, **_trash(one.get("in_trash", False), version)}
    if kind == "meeting_notes" and version < LATEST:
        notes = shown.pop(kind)
        shown |= {"type": "transcription", "transcription": notes}
    return shown


def listed(results: list[Any], kind: str, next_cursor: str | None, **more: Any) -> dict[str, Any]:
    """One page of a list."""
    return {
        "object": "list",
        "results": results,
        "next_cursor": next_cursor,
        "has_more": next_cursor is not None,
        "type": kind,
        kind: {},
        **more,
    }


def _trash(in_trash: bool, version: str) -> dict[str, bool]:
    """Since 2026-03-11 the field `archived` is gone (section 1)."""
    return {"in_trash": in_trash} if version >= LATEST else {"archived": in_trash, "in_trash": in_trash}
