"""Answers of the plain resources: describes, single records, queries."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from concord_sandbox.salesforce import conditions
from concord_sandbox.salesforce.calls import Answer, Api, Call, Cursor, as_json
from concord_sandbox.salesforce.conditions import http_date, unmet, unmet_by_record
from concord_sandbox.salesforce.errors import Fail, Refusal, malformed_id, no_column, not_found
from concord_sandbox.salesforce.ids import full_id, new_id
from concord_sandbox.salesforce.schema import Field
from concord_sandbox.salesforce.soql.query import Querier, Result
from concord_sandbox.salesforce.soql.shapes import Shape
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.salesforce.writes import SeveralFound

_BATCH = re.compile(r"batchsize\s*=\s*(\d{1,6})", re.IGNORECASE)
_LOCATOR = re.compile(r"(01g\w{15})-(\d{1,9})")
_LOCATOR_LIFE = timedelta(days=2).total_seconds()
_MOST_CURSORS = 200
#: The largest batch of a query that asks for children too.
_NESTED = 500
_MOST_RECENT = 2000
#: Descriptions that are kept as text.
_MOST_DESCRIBES = 300


# Describes


def resources(api: Api, call: Call) -> Answer:
    names = (
        *("composite", "jobs", "limits", "parameterizedSearch", "query", "queryAll", "recent", "search", "sobjects"),
        "ui-api",
    )
    about = api.org.identity
    # A real org names the login host; here that is the sandbox itself, so that a client can follow it.
    host = about.my_domain or f"http://{call.headers.get('host', 'localhost')}"
    found = {name: f"/services/data/{call.version}/{name}" for name in names}
    user = call.user_id or about.integration_user_id
    return Answer(200, found | {"identity": f"{host}/id/{about.organisation_id}/{user}"})


def recent(_: Api, call: Call) -> Answer:
    """Records that the user looked at in the screens: none, an integration does not look."""
    given = call.query.get("limit", "1")
    if not given.isdecimal() or not 0 < int(given[:9]) <= _MOST_RECENT:
        raise Refusal(400, Fail("INVALID_ARGUMENT", f"limit has to be between 1 and {_MOST_RECENT}"))
    return Answer(200, [])


def global_describe(api: Api, call: Call) -> Answer:
    stopped = unmet(call, api.described_at)
    if stopped is not None:
        return stopped
    objects = [table.kind.summary(call.version) for table in api.org.tables.values() if table.kind.access != "none"]
    body = {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects}
    return Answer(200, body, {"Last-Modified": http_date(api.described_at)})


def describe(api: Api, call: Call, name: str) -> Answer:
    table = api.table(name)
    stopped = unmet(call, api.described_at)
    if stopped is not None:
        return stopped
    key = (table.kind.name, call.version, api.org.described_anew)
    if key not in api.describes:
        if len(api.describes) >= _MOST_DESCRIBES:
            api.describes.clear()
        shown = api.org.describe(table, call.version)
        api.describes[key] = as_json(shown)
    return Answer(200, api.describes[key], {"Last-Modified": http_date(api.described_at)})


def basic_information(api: Api, call: Call, name: str) -> Answer:
    table = api.table(name)
    return Answer(200, {"objectDescribe": table.kind.summary(call.version), "recentItems": []})


# Single records


def create(api: Api, call: Call, name: str) -> Answer:
    table = api.table(name)
    record_id = api.writer.insert(table, call.object_body(), api.actor(call))
    location = f"/services/data/{call.version}/sobjects/{table.kind.name}/{record_id}"
    return Answer(201, {"id": record_id, "success": True, "errors": []}, {"Location": location})


def read(api: Api, call: Call, name: str, record_id: str) -> Answer:
    table = api.table(name)
    row = table.live(_known_id(table, record_id))
    if row is None:
        raise not_found()
    return _shown(table, row, call)


def update(api: Api, call: Call, name: str, record_id: str) -> Answer:
    table = api.table(name)
    known = _known_id(table, record_id)
    stopped = unmet_by_record(call, table, table.rows.get(known))
    if stopped is not None:
        return stopped
    api.writer.update(table, known, call.object_body(), api.actor(call))
    return Answer(204)


def delete(api: Api, call: Call, name: str, record_id: str) -> Answer:
    table = api.table(name)
    api.writer.delete(table, _known_id(table, record_id), api.actor(call))
    return Answer(204)


def read_by_key(api: Api, call: Call, name: str, key: str, value: str) -> Answer:
    table = api.table(name)
    if _is_id_of(table, key):
        return _follow(api, call, table, key, value)
    ids = api.writer.holders(table, key_field(table, key), value)
    if len(ids) > 1:
        return _several(call, table, ids)
    row = table.live(ids[0]) if ids else None
    if row is None:
        raise not_found()
    return _shown(table, row, call)


def upsert(api: Api, call: Call, name: str, key: str, value: str) -> Answer:
    table, body = api.table(name), call.object_body()
    field = key_field(table, key)
    if any(given.lower() == field.name.lower() for given in body):
        words = f"The {field.name} field should not be specified in the sobject data."
        raise Refusal(400, Fail("INVALID_FIELD", words, (field.name,)))
    holders = api.writer.holders(table, field, value)
    stopped = unmet_by_record(call, table, table.rows.get(holders[0])) if len(holders) == 1 else None
    if stopped is not None:
        return stopped
    update_only = call.query.get("updateOnly", "").lower() == "true"
    try:
        record_id, made = api.writer.upsert(table, field, value, body, api.actor(call), update_only=update_only)
    except SeveralFound as found:
        return _several(call, table, found.ids)
    return Answer(201 if made else 200, {"id": record_id, "success": True, "errors": [], "created": made})


def delete_by_key(api: Api, call: Call, name: str, key: str, value: str) -> Answer:
    table = api.table(name)
    ids = api.writer.holders(table, key_field(table, key), value)
    if len(ids) > 1:
        return _several(call, table, ids)
    if not ids:
        raise not_found()
    api.writer.delete(table, ids[0], api.actor(call))
    return Answer(204)


def _is_id_of(table: Table, text: str) -> bool:
    """Whether it is an id rather than the name of a field: /sobjects/{object}/{id}/{relationship}."""
    return table.kind.field(text) is None and (full_id(text) or "").startswith(table.kind.prefix)


def _follow(api: Api, call: Call, table: Table, record_id: str, relationship: str) -> Answer:
    """The parent that a relationship of a record leads to, or the children that it leads from."""
    row = table.live(_known_id(table, record_id))
    reference = table.kind.by_relationship.get(relationship.lower())
    if row is not None and reference is not None:
        known = row.get(reference.name)
        parents = api.org.table_of(known) if known else None
        parent = parents.live(known) if parents is not None and known else None
        if parents is None or parent is None:
            raise not_found()
        return _shown(parents, parent, call)
    wanted = [
        (child, field)
        for child, field in api.org.children_of(table.kind.name)
        if (field.child_name or "").lower() == relationship.lower()
    ]
    if row is None or not wanted:
        raise not_found()
    child, field = wanted[0]
    asked = call.query.get("fields") or ",".join(one.name for one in child.kind.shown)
    return _found(api, call, f"SELECT {asked} FROM {child.kind.name} WHERE {field.name} = '{row['Id']}'")  # noqa: S608


def key_field(table: Table, name: str) -> Field:
    """A field that records can be addressed by. Raises Refusal: 404, as Salesforce answers."""
    field = table.kind.visible(name)
    if field is None or not field.indexed_key:
        raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")
    return field


def record_shown(table: Table, row: Row, fields: Iterable[str], version: str) -> dict[str, Any]:
    """A record as it is answered. Raises Refusal for a field that the object lacks."""
    kind, shown = table.kind, table.shown(row)
    url = f"/services/data/{version}/sobjects/{kind.name}/{row['Id']}"
    made: dict[str, Any] = {"attributes": {"type": kind.name, "url": url}}
    for name in fields:
        field = kind.visible(name)
        if field is None:
            raise no_column(name, kind.name)
        made[field.name] = shown(field.name)
    return made


def _shown(table: Table, row: Row, call: Call) -> Answer:
    stopped = unmet_by_record(call, table, row)
    if stopped is not None:
        return stopped
    asked = [one.strip() for one in call.query.get("fields", "").split(",") if one.strip()]
    named = asked or [field.name for field in table.kind.shown]
    fields = named if "id" in (one.lower() for one in named) else [*named, "Id"]
    return Answer(200, record_shown(table, row, fields, call.version), conditions.shown(table, row))


def _several(call: Call, table: Table, ids: list[str]) -> Answer:
    return Answer(300, [f"/services/data/{call.version}/sobjects/{table.kind.name}/{one}" for one in ids])


def _known_id(table: Table, given: str) -> str:
    known = full_id(given)
    if known is None:
        raise not_found(f"Provided external ID field does not exist or is not accessible: {given}")
    if not known.startswith(table.kind.prefix):
        raise malformed_id(given)
    return known


# Queries


def query(api: Api, call: Call) -> Answer:
    return _query(api, call, with_deleted=False)


def query_all(api: Api, call: Call) -> Answer:
    return _query(api, call, with_deleted=True)


def _query(api: Api, call: Call, *, with_deleted: bool) -> Answer:
    text = call.query.get("q")
    if text is None or not text.strip():
        raise Refusal(400, Fail("MALFORMED_QUERY", "A query string has to be specified"))
    return _found(api, call, text, with_deleted=with_deleted)


def _found(api: Api, call: Call, text: str, *, with_deleted: bool = False) -> Answer:
    """The first page of what a query finds."""
    asked = _BATCH.search(call.headers.get("sforce-query-options", ""))
    size = min(2000, max(200, int(asked[1]))) if asked else 2000
    # A record and its children share a batch, which is of 500 then: the children get what the record leaves.
    nested = min(size, _NESTED)

    def children(rows: list[Row], shape: Shape) -> dict[str, Any]:
        return _first_page(api, call, Result(len(rows), rows, shape), nested - 1)

    now = api.controls.clock.now()
    querier = Querier(api.org, now, call.version, with_deleted=with_deleted, user_id=call.user_id, pages=children)
    result = querier.run(text)
    return Answer(200, _first_page(api, call, result, nested if result.nested else size))


def _first_page(api: Api, call: Call, result: Result, size: int) -> dict[str, Any]:
    if len(result.rows) <= size:
        records = [result.shape(row) for row in result.rows]
        return {"totalSize": result.total, "done": True, "records": records}
    cursor_id = new_id("01g", api.controls.random.randrange(1, 62**8))
    while len(api.cursors) >= _MOST_CURSORS:
        api.cursors.pop(next(iter(api.cursors)))
    cursor = api.cursors[cursor_id] = Cursor(result, size, api.controls.clock.now().timestamp())
    return _page(call, cursor, cursor_id, 0)


def query_more(api: Api, call: Call, locator: str) -> Answer:
    """The page that a `nextRecordsUrl` names."""
    found = _LOCATOR.fullmatch(locator)
    cursor = api.cursors.get(found[1]) if found else None
    if found is None or cursor is None:
        raise _bad_locator()
    start = int(found[2])
    if start >= len(cursor.result.rows) or api.controls.clock.now().timestamp() - cursor.made > _LOCATOR_LIFE:
        raise _bad_locator()
    return Answer(200, _page(call, cursor, found[1], start))


def _page(call: Call, cursor: Cursor, cursor_id: str, start: int) -> dict[str, Any]:
    rows, stop = cursor.result.rows, start + cursor.size
    body: dict[str, Any] = {"totalSize": cursor.result.total, "done": stop >= len(rows)}
    if stop < len(rows):
        resource = "queryAll" if call.segments[0] == "queryAll" else "query"
        body["nextRecordsUrl"] = f"/services/data/{call.version}/{resource}/{cursor_id}-{stop}"
    body["records"] = [cursor.result.shape(row) for row in rows[start:stop]]
    return body


def _bad_locator() -> Refusal:
    return Refusal(400, Fail("INVALID_QUERY_LOCATOR", "invalid query locator"))
