"""How answers look on the wire: JSON, times, records, histories, paging.

Reads state and changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import Response

from concord_sandbox.hubspot.models import Entry, ObjectTable, Record, Seen
from concord_sandbox.hubspot.values import iso


def wire_bytes(body: Any) -> bytes:
    """JSON as HubSpot sends it: UTF-8, no blanks. Half surrogates that a client sent cannot be encoded: `?`."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; None gives an empty one (204)."""
    if body is None:
        return Response(status_code=status, headers=dict(headers or {}))
    return Response(
        wire_bytes(body),
        status_code=status,
        media_type="application/json",
        headers=dict(headers or {}),
    )


def history(entry: Entry) -> dict[str, Any]:
    """One entry of `propertiesWithHistory` (API reference section 7)."""
    shown: dict[str, Any] = {
        "value": entry.value,
        "timestamp": iso(entry.at),
        "sourceType": entry.source_type,
    }
    if entry.source_id is not None:
        shown["sourceId"] = entry.source_id
    if entry.source_label is not None:
        shown["sourceLabel"] = entry.source_label
    if entry.user_id is not None:
        shown["updatedByUserId"] = entry.user_id
    return shown


def record(
    table: ObjectTable,
    seen: Seen,
    names: Iterable[str],
    *,
    with_history: Iterable[str] = (),
    trace_id: str | None = None,
) -> dict[str, Any]:
    """A record with the named properties and the ones that HubSpot always adds; unknown names are left out."""
    properties: dict[str, str | None] = {}
    for name in (*names, *table.always, *with_history):
        if name not in properties and name in table.definitions:
            properties[name] = table.value(seen, name)
    shown: dict[str, Any] = {"id": str(seen.id), "properties": properties}
    if with_history and isinstance(seen, Record):
        shown["propertiesWithHistory"] = {
            name: [history(entry) for entry in table.history(seen, name)]
            for name in with_history
            if name in table.definitions
        }
    shown["createdAt"] = iso(seen.created)
    shown["updatedAt"] = iso(seen.updated)
    shown["archived"] = seen.archived_at is not None
    if seen.archived_at is not None:
        shown["archivedAt"] = iso(seen.archived_at)
    if trace_id is not None:
        shown["objectWriteTraceId"] = trace_id
    return shown


def filled(table: ObjectTable, one: Record) -> list[str]:
    """The names of all properties that have a value, in the order of the schema (what a create answers with)."""
    return [name for name in table.definitions if name in one.values or name in table.system]


def paging(after: str, link: str) -> dict[str, Any]:
    """`paging.next` with its cursor."""
    return {"next": {"after": after, "link": link}}


def batch(
    results: list[dict[str, Any]], errors: list[dict[str, Any]], now_ms: int, done: int = 200
) -> tuple[dict[str, Any], int]:
    """A batch answer and its status: `done`, or 207 when some inputs failed (API reference section 4)."""
    body: dict[str, Any] = {"status": "COMPLETE", "results": results}
    if errors:
        body["numErrors"] = len(errors)
        body["errors"] = errors
    body["startedAt"] = body["completedAt"] = iso(now_ms)
    return body, 207 if errors else done
