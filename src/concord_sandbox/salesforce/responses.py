"""Answers of the plain resources: describes, single records, queries, replication, limits."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from concord_sandbox.salesforce.calls import Answer, Api, Call, Cursor, as_json
from concord_sandbox.salesforce.errors import Fail, Refusal, malformed_id, no_column, not_found
from concord_sandbox.salesforce.ids import full_id, new_id
from concord_sandbox.salesforce.query import Querier
from concord_sandbox.salesforce.schema import Field
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.salesforce.values import read_time, wire_time
from concord_sandbox.salesforce.writes import SeveralFound

_BATCH = re.compile(r"batchsize\s*=\s*(\d{1,6})", re.IGNORECASE)
_LOCATOR = re.compile(r"(01g\w{15})-(\d{1,9})")
_LOCATOR_LIFE = timedelta(days=2).total_seconds()
_MOST_CURSORS = 200


# Describes


def resources(_: Api, call: Call) -> Answer:
    names = ("composite", "limits", "query", "queryAll", "sobjects")
    return Answer(200, {name: f"/services/data/{call.version}/{name}" for name in names})


def limits(api: Api, _: Call) -> Answer:
    most = api.usage.limit
    left = max(0, most - api.usage.used(api.controls.clock.epoch_ms()))
    shown = {
        "DailyApiRequests": (most, left),
        "DailyBulkApiBatches": (15_000, 15_000),
        "DailyBulkV2QueryJobs": (10_000, 10_000),
        "DailyDeliveredPlatformEvents": (10_000, 10_000),
        "HourlyPublishedPlatformEvents": (50_000, 50_000),
        "DataStorageMB": (5_000, 4_990),
        "FileStorageMB": (5_000, 5_000),
    }
    return Answer(200, {name: {"Max": top, "Remaining": rest} for name, (top, rest) in shown.items()})


def global_describe(api: Api, call: Call) -> Answer:
    objects = [table.kind.summary(call.version) for table in api.org.tables.values()]
    return Answer(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects})


def describe(api: Api, call: Call, name: str) -> Answer:
    table = api.table(name)
    if not _changed_since(call, api.loaded_at):
        return Answer(304)
    key = (table.kind.name, call.version)
    if key not in api.describes:
        shown = api.org.describe(table, call.version)
        api.describes[key] = as_json(shown)
    return Answer(200, api.describes[key], {"Last-Modified": _http_date(api.loaded_at)})


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
    if _changed_after_wanted(call, table.rows.get(known)):
        return Answer(412)
    api.writer.update(table, known, call.object_body(), api.actor(call))
    return Answer(204)


def delete(api: Api, call: Call, name: str, record_id: str) -> Answer:
    table = api.table(name)
    api.writer.delete(table, _known_id(table, record_id), api.actor(call))
    return Answer(204)


def read_by_key(api: Api, call: Call, name: str, key: str, value: str) -> Answer:
    table = api.table(name)
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
    if len(holders) == 1 and _changed_after_wanted(call, table.rows.get(holders[0])):
        return Answer(412)
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


def key_field(table: Table, name: str) -> Field:
    """A field that records can be addressed by. Raises Refusal: 404, as Salesforce answers."""
    field = table.kind.field(name)
    if field is None or not field.indexed_key:
        raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")
    return field


def record_shown(table: Table, row: Row, fields: Iterable[str], version: str) -> dict[str, Any]:
    """A record as it is answered. Raises Refusal for a field that the object lacks."""
    kind, shown = table.kind, table.shown(row)
    url = f"/services/data/{version}/sobjects/{kind.name}/{row['Id']}"
    made: dict[str, Any] = {"attributes": {"type": kind.name, "url": url}}
    for name in fields:
        field = kind.field(name)
        if field is None:
            raise no_column(name, kind.name)
        made[field.name] = shown(field.name)
    return made


def _shown(table: Table, row: Row, call: Call) -> Answer:
    if not _changed_since(call, row["LastModifiedDate"]):
        return Answer(304)
    asked = call.query.get("fields")
    named = [one.strip() for one in asked.split(",")] if asked else [field.name for field in table.kind.shown]
    fields = named if "Id" in named else [*named, "Id"]
    body = record_shown(table, row, fields, call.version)
    return Answer(200, body, {"Last-Modified": _http_date(row["LastModifiedDate"])})


def _several(call: Call, table: Table, ids: list[str]) -> Answer:
    return Answer(300, [f"/services/data/{call.version}/sobjects/{table.kind.name}/{one}" for one in ids])


def _known_id(table: Table, given: str) -> str:
    known = full_id(given)
    if known is None:
        raise not_found(f"Provided external ID field does not exist or is not accessible: {given}")
    if not known.startswith(table.kind.prefix):
        raise malformed_id(given)
    return known


def _changed_since(call: Call, stamp: str) -> bool:
    """False when an If-Modified-Since of the call is met: nothing changed after it."""
    since = _header_time(call, "if-modified-since")
    return since is None or read_time(stamp) > since


def _changed_after_wanted(call: Call, row: Row | None) -> bool:
    """Whether an If-Unmodified-Since of the call is broken by the record (api/salesforce.md 3.1); whole seconds."""
    since = _header_time(call, "if-unmodified-since")
    if since is None or row is None or row.get("IsDeleted"):
        return False
    return read_time(row["LastModifiedDate"]) > since


def _header_time(call: Call, name: str) -> datetime | None:
    given = call.headers.get(name)
    if not given:
        return None
    try:
        moment = parsedate_to_datetime(given)
    except ValueError:
        return None  # a date that cannot be read is as if it were not there (RFC 9110, 13.1.3)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _http_date(stamp: str) -> str:
    return format_datetime(read_time(stamp), usegmt=True)


# Queries


def query(api: Api, call: Call) -> Answer:
    return _query(api, call, with_deleted=False)


def query_all(api: Api, call: Call) -> Answer:
    return _query(api, call, with_deleted=True)


def _query(api: Api, call: Call, *, with_deleted: bool) -> Answer:
    text = call.query.get("q")
    if text is None or not text.strip():
        raise Refusal(400, Fail("MALFORMED_QUERY", "A query string has to be specified"))
    now = api.controls.clock.now()
    result = Querier(api.org, now, call.version, with_deleted=with_deleted).run(text)
    asked = _BATCH.search(call.headers.get("sforce-query-options", ""))
    size = min(2000, max(200, int(asked[1]))) if asked else 2000
    if len(result.rows) <= size:
        records = [result.shape(row) for row in result.rows]
        return Answer(200, {"totalSize": result.total, "done": True, "records": records})
    cursor_id = new_id("01g", api.controls.random.randrange(1, 62**8))
    while len(api.cursors) >= _MOST_CURSORS:
        api.cursors.pop(next(iter(api.cursors)))
    api.cursors[cursor_id] = Cursor(result, size, now.timestamp())
    return _page(api, call, cursor_id, 0)


def query_more(api: Api, call: Call, locator: str) -> Answer:
    """The page that a `nextRecordsUrl` names."""
    found = _LOCATOR.fullmatch(locator)
    if found is None or found[1] not in api.cursors:
        raise _bad_locator()
    return _page(api, call, found[1], int(found[2]))


def _page(api: Api, call: Call, cursor_id: str, start: int) -> Answer:
    cursor = api.cursors[cursor_id]
    rows, stop = cursor.result.rows, start + cursor.size
    if start >= len(rows) or api.controls.clock.now().timestamp() - cursor.made > _LOCATOR_LIFE:
        raise _bad_locator()
    body: dict[str, Any] = {"totalSize": cursor.result.total, "done": stop >= len(rows)}
    if stop < len(rows):
        resource = call.segments[0]
        body["nextRecordsUrl"] = f"/services/data/{call.version}/{resource}/{cursor_id}-{stop}"
    body["records"] = [cursor.result.shape(row) for row in rows[start:stop]]
    return Answer(200, body)


def _bad_locator() -> Refusal:
    return Refusal(400, Fail("INVALID_QUERY_LOCATOR", "invalid query locator"))


# Replication


def updated(api: Api, call: Call, name: str) -> Answer:
    """Ids changed in a window of at most 30 days back (api/salesforce.md 7.2)."""
    table, start, end = _window(api, call, name, timedelta(days=30))
    rows = [row for row in table.by_stamp(start, end) if row["SystemModstamp"] < end and "IsDeleted" not in row]
    return Answer(200, {"ids": [row["Id"] for row in rows], "latestDateCovered": _covered(api, end)})


def deleted_ids(api: Api, call: Call, name: str) -> Answer:
    """Deletions in a window of at most 15 days back."""
    table, start, end = _window(api, call, name, timedelta(days=15))
    gone = [row for row in table.by_stamp(start, end) if row["SystemModstamp"] < end and "IsDeleted" in row]
    earliest = wire_time(api.controls.clock.now() - timedelta(days=15))
    return Answer(
        200,
        {
            "deletedRecords": [{"id": row["Id"], "deletedDate": row["SystemModstamp"]} for row in gone],
            "earliestDateAvailable": earliest,
            "latestDateCovered": _covered(api, end),
        },
    )


def _window(api: Api, call: Call, name: str, furthest: timedelta) -> tuple[Table, str, str]:
    """The asked window in wire form; seconds are ignored, as documented."""
    table = api.table(name)
    try:
        # A plus sign that was not encoded arrives as a blank.
        start, end = (read_time(call.query[key].replace(" ", "+")).replace(second=0) for key in ("start", "end"))
    except KeyError as missing:
        raise Refusal(400, Fail("MISSING_ARGUMENT", f"missing required parameter {missing}")) from None
    except ValueError as error:
        raise Refusal(400, Fail("INVALID_REPLICATION_DATE", str(error))) from None
    now = api.controls.clock.now()
    if start < now - furthest - timedelta(minutes=1):
        raise Refusal(400, Fail("INVALID_REPLICATION_DATE", "startDate before org replication enabled date"))
    if end - start < timedelta(minutes=1):
        raise Refusal(400, Fail("INVALID_REPLICATION_DATE", "endDate must be at least one minute after startDate"))
    return table, wire_time(start), wire_time(end)


def _covered(api: Api, end: str) -> str:
    return min(end, wire_time(api.controls.clock.now().replace(second=0)))
